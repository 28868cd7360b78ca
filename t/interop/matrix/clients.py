"""The gateway with its sandboxes, and botocore as client of both.

A caller goes through the gateway and has its key; a witness asks a sandbox
itself, with the key that the gateway has.
"""

import base64
import copy
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.request

import botocore
import botocore.config
import botocore.session

ROOT = pathlib.Path(__file__).resolve().parents[3]
MODELS = ROOT / 'src' / 'models'
REGION = 'us-east-1'
PASSES = 4
START_SECONDS = 20


def read(name):
    return json.loads((MODELS / name).read_text())


class Gateway:
    """deskgate-run with the configuration of this folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / 'ready').unlink(missing_ok=True)
        for old in [*self.folder.glob('trail/*'), *self.folder.glob('logs/*')]:
            old.unlink()

        conf = pathlib.Path(__file__).resolve().parent / 'conf'
        self.process = subprocess.Popen(
            [ROOT / 'src' / 'tools' / 'deskgate-run', '--quiet', self.folder],
            env=dict(os.environ, DESKGATE_EXAMPLE=str(conf)))
        self.wait()

        self.secrets = json.loads((self.folder / 'secrets.json').read_text())
        ports = re.findall(r'^\s*listen\s+\S*?:(\d+)',
                           (self.folder / 'etc' / 'nginx.conf').read_text(),
                           re.M)
        urls = [f'http://127.0.0.1:{port}' for port in ports]
        self.gateways = urls[:PASSES]
        self.sandboxes = urls[PASSES:2 * PASSES]
        self.broker = urls[2 * PASSES]

    def wait(self):
        until = time.monotonic() + START_SECONDS

        while not (self.folder / 'ready').exists():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError('the gateway does not start')
            time.sleep(0.02)

    def stop(self):
        """Ends it; then trail and log of the sandboxes are whole."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def records(self):
        lines = []
        for name in sorted(self.folder.glob('trail/*.jsonl')):
            lines += name.read_text().splitlines()
        return [json.loads(line) for line in lines]

    def seen(self):
        """How often which invocation reached a sandbox."""
        counts = {}
        log = self.folder / 'logs' / 'seen.log'
        for line in log.read_text().split('\n'):
            if line and not line.startswith('- '):
                ident = line.split()[0]
                counts[ident] = counts.get(ident, 0) + 1
        return counts

    def broker_token(self):
        basic = base64.b64encode(':'.join(
            (self.secrets['client_id'], self.secrets['client_secret'])
        ).encode()).decode()
        request = urllib.request.Request(
            self.broker + '/oauth2/token?grant_type=client_credentials',
            method='POST', data=b'',
            headers={'Authorization': 'Basic ' + basic})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)['access_token']


class Service:
    """What is known of a service: models and the sandbox's rows."""

    def __init__(self, name, loader):
        self.name = name
        self.ours = read(f'{name}.json')
        self.overlay = read(f'{name}.overlay.json')
        self.sandbox = read(f'{name}.sandbox.json')
        # the broker's clients have the model that ships
        self.model = (self.ours if self.overlay.get('broker')
                      else loader.load_service_model(name, 'service-2'))
        self.protocols = [
            p for p in self.model['metadata'].get(
                'protocols', [self.model['metadata']['protocol']])
            if p in ('json', 'rest-json', 'smithy-rpc-v2-cbor')]

    def operations(self):
        return sorted(self.model['operations'])

    def behind(self):
        """What botocore's model allows in inputs and ours does not."""
        ours = set(self.ours['operations'])
        return sorted(set(self.operations()) - ours) + [
            line for name in self.operations() if name in ours
            for line in self.lacks(
                self.model['operations'][name].get('input', {}).get('shape'),
                self.ours['operations'][name].get('input', {}).get('shape'),
                name, ())]

    def lacks(self, theirs, ours, path, seen):
        if theirs is None or theirs in seen:
            return
        if ours is None:
            yield f'{path}: no input'
            return

        a, b = self.model['shapes'][theirs], self.ours['shapes'][ours]
        seen += (theirs,)

        for value in sorted(set(a.get('enum', [])) - set(b.get('enum', []))):
            yield f'{path}: no value {value}'
        if b.get('max', 1 << 62) < a.get('max', 1 << 62) \
                or b.get('min', 0) > a.get('min', 0):
            yield f'{path}: other bounds'
        if a['type'] != b['type']:
            yield f'{path}: another type'
            return

        for member, ref in a.get('members', {}).items():
            there = b['members'].get(member)
            if there is None:
                yield f'{path}: no member {member}'
            else:
                yield from self.lacks(ref['shape'], there['shape'],
                                      f'{path}/{member}', seen)

        for part in ('member', 'key', 'value'):
            if part in a:
                yield from self.lacks(a[part]['shape'], b[part]['shape'],
                                      f'{path}/*', seen)


class Client:
    """botocore with one service, one protocol, one way to go."""

    def __init__(self, service, protocol, endpoint, key, token=None):
        session = botocore.session.Session()
        loader = session.get_component('data_loader')
        load = loader.load_service_model
        self.invocation = None
        self.body = None

        def forced(name, kind, api_version=None):
            if kind != 'service-2':
                if service.overlay.get('broker'):
                    raise botocore.exceptions.UnknownServiceError(
                        service_name=name, known_service_names=[])
                return load(name, kind, api_version)
            model = copy.copy(service.model)
            model['metadata'] = dict(model['metadata'], protocol=protocol,
                                     protocols=[protocol])
            return model

        if service.overlay.get('broker'):
            folder = pathlib.Path(os.environ['MATRIX_WORK']) / 'models'
            target = folder / service.name / '2025.0'
            target.mkdir(parents=True, exist_ok=True)
            (target / 'service-2.json').write_text(json.dumps(service.model))
            loader.search_paths.append(str(folder))

        loader.load_service_model = forced
        options = {'retries': {'total_max_attempts': 1}, 'proxies': {},
                   'connect_timeout': 5, 'read_timeout': 20}

        if token is not None:
            options['signature_version'] = botocore.UNSIGNED

        self.client = session.create_client(
            service.name, region_name=REGION, endpoint_url=endpoint,
            aws_access_key_id=key[0], aws_secret_access_key=key[1],
            config=botocore.config.Config(**options))
        self.token = token
        self.bare = {} if token is None else {
            name: row['bareArray']
            for name, row in service.overlay['operations'].items()
            if 'bareArray' in row}
        events = self.client.meta.events
        events.register('before-sign', self.replace)
        events.register('before-send', self.note)

    def replace(self, request, operation_name=None, **kwargs):
        if self.body is not None:
            request.data = self.body
            # a call without input has none of its own
            if 'Content-Type' not in request.headers:
                request.headers['Content-Type'] = 'application/json'
        elif operation_name in self.bare:
            # what the gateway does for its clients
            whole = json.loads(request.data)
            request.data = json.dumps(whole[self.bare[operation_name]])

    def note(self, request, **kwargs):
        ident = request.headers.get('amz-sdk-invocation-id', b'')
        self.invocation = (ident.decode() if isinstance(ident, bytes)
                           else ident)
        if self.token is not None:
            request.headers['Authorization'] = 'Bearer ' + self.token

    def call(self, operation, params):
        answer = self.client._make_api_call(operation, params)
        answer.pop('ResponseMetadata')
        return answer

    def send_broken(self, operation, params, body):
        """The call for `params` with another body, signed over it."""
        self.body = body
        try:
            return self.call(operation, params)
        finally:
            self.body = None
