"""The generated client, used as the developer guide of DCV shows it: a token
for Basic credentials, then each of the nine calls; against the sandbox's
broker, and against the gateway.  t/interop/openapi/run gives the environment.
"""

import base64
import datetime
import json
import os
import pathlib
import re
import sys
import time

import dcv_client

RUN = pathlib.Path(os.environ['DESKGATE_RUN'])
CONFIG = (RUN / 'etc' / 'nginx.conf').read_text()
SECRETS = json.loads((RUN / 'secrets.json').read_text())
GATEWAY = os.environ['DESKGATE_HTTPS'] or os.environ['DESKGATE_HTTP']
BROKER = 'http://' + re.search(
    r'upstream sandbox_broker \{\s*server\s+([^;]+);', CONFIG)[1]
CONNECT = re.search(r'^\s*connect\s+([^;]+);', CONFIG, re.M)[1].split(':')
NAMES = ['ada', 'DOMAIN\\user', 'user@domain', 'first last', 'Jörg Müller',
         '山本 太郎', 'a+b', '50%', "O'Neil", 'q?x#y&z', '"quoted"']
PERMISSIONS = base64.b64encode(
    b'[permissions]\n%owner% allow builtin\n').decode()

state = {'number': int(sys.argv[1]), 'failed': 0}


def report(good, name, detail=''):
    state['number'] += 1
    state['failed'] += 0 if good else 1
    print(f"{'ok' if good else 'not ok'} {state['number']} - "
          f"openapi: {name}", flush=True)

    if not good and detail != '':
        print(f'#   {detail}'.replace('\n', '\n#   '), flush=True)


def expect(name, function, want=lambda answer: True):
    """The call succeeds and its answer is as wanted; returns the answer."""
    try:
        answer = function()
        report(bool(want(answer)), name, answer)
        return answer
    except Exception as error:
        report(False, name, f'{type(error).__name__}: {error}')
        return None


def refused(name, function, kind):
    """The call fails with the generated client's own exception."""
    try:
        answer = function()
    except kind as error:
        body = json.loads(error.body)
        report(bool(body.get('error')), f'{name}: {kind.__name__}',
               error.body)
    except Exception as error:
        report(False, name, f'{type(error).__name__}: {error}')
    else:
        report(False, name, answer)


def api_client(endpoint, token=None):
    configuration = dcv_client.Configuration(
        host=endpoint, ssl_ca_cert=os.environ['DESKGATE_CA'],
        access_token=token)
    return dcv_client.ApiClient(configuration)


def basic_token(endpoint):
    """As the guide says: the client's id and password, for a token."""
    client = api_client(endpoint)
    client.configuration.username = SECRETS['client_id']
    client.configuration.password = SECRETS['client_secret']
    return dcv_client.TokenApi(client).get_access_token(
        'client_credentials')


# where, how a caller gets its token, and the address that users connect to
PLACES = [
    ('broker', BROKER, basic_token, None),
    ('gateway', GATEWAY, basic_token, CONNECT),
]


def claims(token):
    part = token.split('.')[1]
    return json.loads(base64.urlsafe_b64decode(part + '=' * (-len(part) % 4)))


def url_to_connect(data):
    server = data.session.server
    return (f'https://{server.ip}:{server.port}{server.web_url_path}'
            f'?authToken={data.connection_token}#{data.session.id}')


class Calls:
    def __init__(self, place, client, connect):
        self.place = place
        self.connect = connect
        self.sessions = dcv_client.SessionsApi(client)
        self.servers = dcv_client.ServersApi(client)
        self.permissions = dcv_client.SessionPermissionsApi(client)
        self.connection = dcv_client.GetSessionConnectionDataApi(client)

    def expect(self, name, *rest):
        return expect(f'{self.place}: {name}', *rest)

    def create(self, owner, **more):
        made = self.expect(
            f'create_sessions, {owner}',
            lambda: self.sessions.create_sessions([
                dcv_client.CreateSessionRequestData(
                    Name='generated', Owner=owner, Type='VIRTUAL', **more)]),
            lambda a: a.request_id and a.successful_list[0].owner == owner
            and a.successful_list[0].state == 'CREATING')
        return made.successful_list[0].id if made else 'none'

    def delete(self, ident, owner):
        self.expect(
            f'delete_sessions, {owner}',
            lambda: self.sessions.delete_sessions([
                dcv_client.DeleteSessionRequestData(
                    SessionId=ident, Owner=owner)]),
            lambda a: a.successful_list[0].session_id == ident
            and a.successful_list[0].state == 'DELETING')

    def connect_to(self, ident, user):
        """The way into a session; the path has the user's name."""
        data = self.expect(
            f'get_session_connection_data, {user}',
            lambda: self.connection.get_session_connection_data(ident, user),
            lambda a: claims(a.connection_token)['dcvSessionUser'] == user
            and a.session.id == ident)

        if data and self.connect:
            server = data.session.server
            host, port = self.connect
            report([server.ip, server.port] == [host, port]
                   and {(e.ip_address, e.port) for e in server.endpoints}
                   == {(host, int(port))},
                   f'{self.place}: through the Connection Gateway', server)

        report(bool(data) and re.match(r'https://[\w.]+:\d+/\?authToken='
                                       r'[\w.-]+#[\w-]+$',
                                       url_to_connect(data)),
               f'{self.place}: an address to open, {user}', data)

    def name(self, owner):
        """One name in a body, a filter and a path."""
        ident = self.create(owner)
        self.expect(
            f'describe_sessions, filtered by {owner}',
            lambda: self.sessions.describe_sessions(
                dcv_client.DescribeSessionsRequestData(
                    Filters=[dcv_client.KeyValuePair(Key='owner',
                                                     Value=owner)])),
            lambda a: ident in [s.id for s in a.sessions
                                if s.state == 'READY']
            and {s.owner for s in a.sessions} == {owner})
        self.connect_to(ident, owner)
        self.delete(ident, owner)

    def screenshots(self, ident):
        self.expect(
            'get_session_screenshots',
            lambda: self.sessions.get_session_screenshots([
                dcv_client.GetSessionScreenshotRequestData(
                    SessionId=ident, MaxWidth=160),
                dcv_client.GetSessionScreenshotRequestData(
                    SessionId='nothing')]),
            lambda a: a.successful_list[0].session_screenshot.images[0]
            .format == 'png' and a.unsuccessful_list[0]
            .get_session_screenshot_request_data.session_id == 'nothing')

    def permit(self, ident):
        self.expect(
            'update_session_permissions',
            lambda: self.permissions.update_session_permissions([
                dcv_client.UpdateSessionPermissionsRequestData(
                    SessionId=ident, Owner=owner,
                    PermissionsFile=PERMISSIONS)
                for owner in ('ada', 'nobody')]),
            lambda a: a.successful_list[0].session_id == ident
            and a.unsuccessful_list[0].failure_reason)

    def serve(self):
        request = dcv_client.DescribeServersRequestData
        listed = self.expect(
            'describe_servers',
            lambda: self.servers.describe_servers(request(MaxResults=2)),
            lambda a: len(a.servers) == 2 and a.next_token
            and a.servers[0].host.memory.total_bytes > 2 ** 31)
        ident = listed.servers[0].id if listed else 'none'
        self.expect(
            'describe_servers, the next page',
            lambda: self.servers.describe_servers(
                request(NextToken=listed.next_token)),
            lambda a: a.servers[0].id != ident)
        self.expect(
            'close_servers',
            lambda: self.servers.close_servers([
                dcv_client.CloseServerRequestData(ServerId=ident,
                                                  Force=True),
                dcv_client.CloseServerRequestData(ServerId='nothing')]),
            lambda a: a.successful_list[0].server_id == ident
            and a.unsuccessful_list[0].failure_code
            == 'DCV_SERVER_NOT_FOUND')
        self.expect(
            'open_servers',
            lambda: self.servers.open_servers([
                dcv_client.OpenServerRequestData(ServerId=ident)]),
            lambda a: a.successful_list[0].server_id == ident)

    def refusals(self):
        errors = dcv_client.exceptions
        refused(f'{self.place}: a session that is not there',
                lambda: self.connection.get_session_connection_data(
                    'nothing', 'ada'), errors.NotFoundException)
        refused(f'{self.place}: Requirements that cannot be read',
                lambda: self.sessions.create_sessions([
                    dcv_client.CreateSessionRequestData(
                        Name='x', Owner='x', Type='VIRTUAL',
                        Requirements="tag:a ==")]),
                errors.BadRequestException)
        refused(f'{self.place}: a foreign NextToken',
                lambda: self.servers.describe_servers(
                    dcv_client.DescribeServersRequestData(
                        NextToken='foreign')), errors.BadRequestException)
        expect(f'{self.place}: what failed in part is no error',
              lambda: self.sessions.delete_sessions([
                  dcv_client.DeleteSessionRequestData(
                      SessionId='nothing', Owner='ada')]),
              lambda a: a.unsuccessful_list[0].session_id == 'nothing'
              and not a.successful_list)

    def all(self):
        ident = self.create('ada', Requirements="tag:os = 'linux'",
                            MaxConcurrentClients=2, DcvGlEnabled=False)
        self.expect(
            'describe_sessions',
            lambda: self.sessions.describe_sessions(
                dcv_client.DescribeSessionsRequestData(SessionIds=[ident])),
            lambda a: a.sessions[0].max_concurrent_clients == 2
            and isinstance(a.sessions[0].creation_time, datetime.datetime))
        self.screenshots(ident)
        self.permit(ident)
        self.serve()
        self.refusals()
        self.delete(ident, 'ada')

        for name in NAMES:
            self.name(name)


def unauthorized(place, endpoint):
    for what, token in (('no token', None), ('a foreign token', 'a.b.c')):
        sessions = dcv_client.SessionsApi(api_client(endpoint, token))
        refused(f'{place}: {what}',
                lambda: sessions.describe_sessions(
                    dcv_client.DescribeSessionsRequestData()),
                dcv_client.exceptions.UnauthorizedException)


def records():
    """What the calls of this client left, in the order of each worker."""
    for file in (RUN / 'trail').glob('*.jsonl'):
        for line in file.read_text().splitlines():
            yield json.loads(line)


def opened_sessions():
    """Records of ways into sessions, once all of them are written."""
    for _ in range(50):
        opened = [r for r in records()
                  if r['eventName'] == 'GetSessionConnectionData'
                  and not r.get('errorCode')]

        if {r['requestParameters']['user'] for r in opened} >= set(NAMES):
            break

        time.sleep(0.1)

    return opened


def recorded():
    opened = opened_sessions()
    users = {r['requestParameters']['user'] for r in opened}
    tokens = [r['additionalEventData']['deskgate'].get('connectionToken', {})
              for r in opened]
    report(users >= set(NAMES), 'gateway: each name stands in a record',
           users)
    report({t.get('user') for t in tokens} >= set(NAMES)
           and all(t.get('jti') and t.get('expiration') for t in tokens),
           'gateway: with the user, id and end of the token', tokens)
    report(any(r['additionalEventData']['deskgate'].get('failedItems') == 1
               for r in records()),
           'gateway: what failed in part is counted')


def main():
    for place, endpoint, get_token, connect in PLACES:
        token = expect(f'{place}: a token', lambda: get_token(endpoint),
                      lambda a: a.access_token and a.expires_in > 0
                      and a.token_type.lower() == 'bearer')

        if token:
            Calls(place, api_client(endpoint, token.access_token),
                  connect).all()

        unauthorized(place, endpoint)

    recorded()
    return 1 if state['failed'] else 0


if __name__ == '__main__':
    sys.exit(main())
