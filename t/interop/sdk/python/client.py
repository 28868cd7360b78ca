"""boto3 as a client of the gateway; prints one line of JSON per case.

The environment: SDK_* are the gateways, SDK_USER a name of its own; which
cases there are, and what they must give, stands in Judge.pm.
"""

import json
import os
import pathlib

import boto3
import botocore
import botocore.config
import botocore.exceptions
import botocore.session

ROOT = pathlib.Path(os.environ['ROOT'])
WORK = pathlib.Path(os.environ['HOME'])
USER = os.environ['SDK_USER']
GOOD = (os.environ['SDK_KEY'], os.environ['SDK_SECRET'])
sent = {'number': 0}


def workspaces(client):
    made = client.create_workspaces(Workspaces=[{
        'DirectoryId': 'd-90670ca123', 'UserName': USER,
        'BundleId': 'wsb-bh8rsxt14'}])
    ident = made['PendingRequests'][0]['WorkspaceId']
    got = client.describe_workspaces(WorkspaceIds=[ident])
    desk = got['Workspaces'][0]
    return got, {name: desk[name] for name in (
        'WorkspaceId', 'DirectoryId', 'UserName', 'BundleId', 'State')}


def instances(client):
    made = client.create_workspace_instance(
        ManagedInstance={'InstanceType': 't3.large'},
        BillingConfiguration={'BillingMode': 'HOURLY'},
        Tags=[{'Key': 'user', 'Value': USER}])
    got = client.get_workspace_instance(
        WorkspaceInstanceId=made['WorkspaceInstanceId'])
    return got, {
        'WorkspaceInstanceId': got['WorkspaceInstanceId'],
        'ProvisionState': got['ProvisionState'],
        'InstanceId': got['EC2ManagedInstance']['InstanceId'],
        'BillingMode': got['BillingConfiguration']['BillingMode']}


def preferences(bucket, owner):
    return {'ConnectionRecordingPreferences': {
        'KMSKeyArn': f'arn:aws:kms:us-east-1:111122223333:key/{USER}',
        'RecordingDestinations': {'S3Buckets': [
            {'BucketName': bucket, 'BucketOwner': owner}]}}}


def guiconnect(client):
    client.update_connection_recording_preferences(
        **preferences(f'recordings-{USER}', '111122223333'))
    got = client.get_connection_recording_preferences()
    kept = got['ConnectionRecordingPreferences']
    return got, {'KMSKeyArn': kept['KMSKeyArn'],
                 **kept['RecordingDestinations']['S3Buckets'][0]}


SERVICES = {
    'workspaces': (
        'workspaces', workspaces,
        lambda c: c.describe_workspaces(),
        lambda c: c.rebuild_workspaces(RebuildWorkspaceRequests=[
            {'WorkspaceId': 'ws-0123456789'}]),
        lambda c: c.describe_workspaces(WorkspaceIds=['not an id'])),
    'workspaces-instances': (
        'workspaces-instances', instances,
        lambda c: c.list_workspace_instances(),
        lambda c: c.delete_workspace_instance(
            WorkspaceInstanceId='wsinst-0123456789abc'),
        lambda c: c.get_workspace_instance(
            WorkspaceInstanceId='this is not an id')),
    'ssm-guiconnect': (
        'ssm-guiconnect', guiconnect,
        lambda c: c.update_connection_recording_preferences(
            **preferences(f'recordings-{USER}', '111122223333')),
        lambda c: c.delete_connection_recording_preferences(),
        lambda c: c.update_connection_recording_preferences(
            **preferences('recordings', 'nobody'))),
}
# of the protocols that a model lists botocore takes JSON before rpc-v2-cbor
SERVICES['workspaces-instances cbor'] = SERVICES['workspaces-instances']


def client(service, gateway, key=GOOD, **options):
    session = botocore.session.Session()

    if service.endswith(' cbor'):
        folder = WORK / 'models' / 'workspaces-instances' / '2022-07-26'
        folder.mkdir(parents=True, exist_ok=True)
        model = json.loads(
            (ROOT / 'src/models/workspaces-instances.json').read_text())
        model['metadata']['protocol'] = 'smithy-rpc-v2-cbor'
        model['metadata']['protocols'] = ['smithy-rpc-v2-cbor']
        (folder / 'service-2.json').write_text(json.dumps(model))
        session.get_component('data_loader').search_paths.insert(
            0, str(WORK / 'models'))

    made = boto3.Session(botocore_session=session).client(
        SERVICES[service][0], region_name='us-east-1',
        endpoint_url=os.environ[f'SDK_{gateway}'],
        aws_access_key_id=key[0], aws_secret_access_key=key[1],
        config=botocore.config.Config(proxies={}, **options))

    def count(**kwargs):
        sent['number'] += 1

    made.meta.events.register('before-send', count)
    return made


def case(service, name, function):
    """Prints how one call ended; returns how often it was sent."""
    line = {'service': service, 'case': name}
    sent['number'] = 0

    try:
        answer = function()
        details = None

        if isinstance(answer, tuple):
            answer, details = answer

        line['answer'] = details or {}
        line['requestId'] = answer['ResponseMetadata']['RequestId']
    except botocore.exceptions.ClientError as error:
        meta = error.response['ResponseMetadata']
        line['error'] = {
            'class': type(error).__name__,
            'code': error.response['Error']['Code'],
            'message': error.response['Error']['Message'],
            'status': meta['HTTPStatusCode']}
        line['requestId'] = meta.get('RequestId')
    except Exception as error:
        line['fault'] = f'{type(error).__name__}: {error}'

    line['attempts'] = sent['number']
    print(json.dumps(line), flush=True)
    return sent['number']


def one(service):
    _, details, read, denied, invalid = SERVICES[service]
    once = {'retries': {'total_max_attempts': 1}}

    case(service, 'call', lambda: details(client(service, 'NOW')))
    case(service, 'unknown-key', lambda: read(client(
        service, 'NOW', ('AKIAUNKNOWNUNKNOWN77', GOOD[1]))))
    case(service, 'bad-signature', lambda: read(client(
        service, 'NOW', (GOOD[0], 'not the secret of that key'), **once)))
    case(service, 'denied', lambda: denied(client(service, 'NOW')))
    case(service, 'validation', lambda: invalid(client(service, 'NOW')))
    case(service, 'unknown-operation', lambda: read(client(
        service, 'NARROW')))

    closed = client(service, 'CLOSED', **once)

    try:
        read(closed)
    except botocore.exceptions.ClientError:
        pass

    case(service, 'throttled', lambda: read(closed))

    slow = client(service, 'SLOW')

    for _ in range(40):
        if case(service, 'retry', lambda: read(slow)) > 1:
            break

    for gateway in ('AHEAD10', 'AHEAD60', 'BEHIND60'):
        case(service, gateway.lower(), lambda: read(client(
            service, gateway)))


def main():
    print(f'# boto3 {boto3.__version__}, botocore {botocore.__version__}')

    for service in SERVICES:
        one(service)


if __name__ == '__main__':
    main()
