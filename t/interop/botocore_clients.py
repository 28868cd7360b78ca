"""botocore of the registry as a client; t/interop/run gives the environment.

The three paths: WorkSpaces signed with SigV4, the DCV broker signed with
SigV4, WorkSpaces with a bearer token.
"""

import os
import pathlib
import shutil
import sys

import botocore
import botocore.config
import botocore.exceptions
import botocore.session

RUN = pathlib.Path(os.environ['DESKGATE_RUN'])
ROOT = pathlib.Path(os.environ['ROOT'])
HTTP = os.environ['DESKGATE_HTTP']
HTTPS = os.environ['DESKGATE_HTTPS'] or HTTP
REGION = os.environ['DESKGATE_REGION']
DESKTOP = {'DirectoryId': 'd-90670ca123', 'UserName': 'dave',
           'BundleId': 'wsb-bh8rsxt14'}

state = {'number': 0, 'failed': 0}


def report(good, name, detail=''):
    state['number'] += 1
    state['failed'] += 0 if good else 1
    print(f"{'ok' if good else 'not ok'} {state['number']} - "
          f"botocore: {name}", flush=True)

    if not good and detail:
        print(f'#   {detail}', flush=True)


def check(name, function, want=lambda answer: True):
    """The call succeeds and its answer is as wanted; returns the answer."""
    try:
        answer = function()
    except Exception as error:
        report(False, name, f'{type(error).__name__}: {error}')
        return {}

    report(bool(want(answer)), name, answer)
    return answer


def check_error(name, function, code):
    """The call fails with the service's own error code."""
    try:
        answer = function()
    except botocore.exceptions.ClientError as error:
        got = error.response['Error']['Code']
        report(got == code, f'{name}: {code}', f'got {error.response}')
    except Exception as error:
        report(False, name, f'{type(error).__name__}: {error}')
    else:
        report(False, name, answer)


def session():
    made = botocore.session.Session()
    folder = RUN / 'client' / 'models' / 'dcv-session-manager' / '2025.0'
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / 'src' / 'models' / 'dcv-session-manager.json',
                folder / 'service-2.json')
    made.get_component('data_loader').search_paths.append(
        str(RUN / 'client' / 'models'))
    return made


def client(service, endpoint=HTTPS, **options):
    config = botocore.config.Config(
        retries={'total_max_attempts': 1}, proxies={},
        **options.pop('config', {}))
    return session().create_client(
        service, region_name=REGION, endpoint_url=endpoint,
        verify=os.environ['DESKGATE_CA'], config=config, **options)


def bearer(service):
    """A client that sends the identity provider's token, unsigned."""
    header = (RUN / 'client' / 'bearer.header').read_text().strip()
    made = client(service, config={'signature_version': botocore.UNSIGNED})

    def add(request, **kwargs):
        request.headers['Authorization'] = header.split(': ', 1)[1]

    made.meta.events.register('before-send', add)
    return made


def life(desks, how):
    """A desktop from its creation to its end."""
    check(f'{how}: describe_workspaces', desks.describe_workspaces,
          lambda a: 'Workspaces' in a)
    made = check(f'{how}: create_workspaces',
                 lambda: desks.create_workspaces(Workspaces=[DESKTOP]),
                 lambda a: len(a['PendingRequests']) == 1)
    pending = made.get('PendingRequests') or [{}]
    desktop = pending[0].get('WorkspaceId', 'ws-000000000')
    check(f'{how}: the new desktop is listed',
          lambda: desks.describe_workspaces(WorkspaceIds=[desktop]),
          lambda a: [w['WorkspaceId'] for w in a['Workspaces']] == [desktop])
    check(f'{how}: terminate_workspaces',
          lambda: desks.terminate_workspaces(TerminateWorkspaceRequests=[
              {'WorkspaceId': desktop}]),
          lambda a: a['FailedRequests'] == [])


def refusals(desks):
    check_error('a denied action',
                lambda: desks.rebuild_workspaces(RebuildWorkspaceRequests=[
                    {'WorkspaceId': 'ws-0123456789'}]),
                'AccessDeniedException')
    wrong = client('workspaces', aws_access_key_id='AKIAUNKNOWNUNKNOWN77',
                   aws_secret_access_key='x' * 40)
    check_error('an unknown key', wrong.describe_workspaces,
                'UnrecognizedClientException')


def broker():
    dcv = client('dcv-session-manager')
    check('broker: describe_sessions', dcv.describe_sessions,
          lambda a: 'Sessions' in a)
    made = check('broker: create_sessions',
                 lambda: dcv.create_sessions(Sessions=[
                     {'Name': 'boto', 'Owner': 'dave', 'Type': 'VIRTUAL'}]),
                 lambda a: len(a['SuccessfulList']) == 1)
    listed = made.get('SuccessfulList') or [{}]
    ident = listed[0].get('Id', 'none')
    check('broker: the session is listed',
          lambda: dcv.describe_sessions(SessionIds=[ident]),
          lambda a: [s['Id'] for s in a['Sessions']] == [ident])
    data = check('broker: get_session_connection_data',
                 lambda: dcv.get_session_connection_data(
                     SessionId=ident, User='dave'),
                 lambda a: a['ConnectionToken'])
    headers = data.get('ResponseMetadata', {}).get('HTTPHeaders', {})
    report('no-store' in headers.get('cache-control', ''),
           'broker: connection data is not to be stored', headers)
    check('broker: delete_sessions',
          lambda: dcv.delete_sessions(Sessions=[
              {'SessionId': ident, 'Owner': 'dave'}]))


def one_endpoint():
    """AWS_ENDPOINT_URL is all that leads each client to the gateway."""
    os.environ['AWS_ENDPOINT_URL'] = HTTPS
    calls = [('workspaces', 'describe_workspaces', 'Workspaces'),
             ('workspaces-instances', 'list_workspace_instances',
              'WorkspaceInstances'),
             ('dcv-session-manager', 'describe_servers', 'Servers')]

    for service, operation, member in calls:
        check(f'one endpoint: {operation}',
              getattr(client(service, None), operation),
              lambda a, m=member: m in a)

    # there are none before somebody made some
    check_error('one endpoint: get_connection_recording_preferences',
                client('ssm-guiconnect',
                       None).get_connection_recording_preferences,
                'ResourceNotFoundException')
    del os.environ['AWS_ENDPOINT_URL']


def main():
    print(f'# botocore {botocore.__version__}')
    life(client('workspaces'), 'signed, TLS')
    life(client('workspaces', HTTP), 'signed')
    life(bearer('workspaces'), 'bearer')
    refusals(client('workspaces'))
    broker()
    one_endpoint()
    return 1 if state['failed'] else 0


if __name__ == '__main__':
    sys.exit(main())
