"""Every model of botocore that has a protocol of ours is read by nginx -t.

    load.py WORK

Each location offers as many as one can; a service that fails is
named, taken out, and the rest is read again.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import botocore
import botocore.session

import clients
import table

PROTOCOLS = {'json', 'rest-json', 'smithy-rpc-v2-cbor'}
TOGETHER = 16     # services that a location offers at most
NGINX = '/usr/sbin/nginx'

CONF = '''daemon off;
pid {work}/nginx.pid;
error_log {work}/error.log notice;
load_module {root}/build/ngx_http_deskgate_module.so;
{user}
events {{ }}
http {{
    access_log off;
    deskgate_zone    desk:1m;
    deskgate_models  {work}/models;
    deskgate_keys    desks keys.json;
    deskgate_credentials egress {{ static file=credentials.json; }}
    deskgate_trail corp {{ directory {work}/trail; account 111122223333; }}
    server {{
        listen 127.0.0.1:8480;
        server_name localhost;
{locations}    }}
}}
'''

LOCATION = '''        location /{number}/ {{
{services}
            deskgate_authenticate sigv4=desks;
            deskgate_policy policy.json;
            deskgate_sign egress;
            deskgate_audit corp;
            proxy_set_header Host $deskgate_host;
            proxy_pass http://127.0.0.1:8481;
        }}
'''

SERVICE = ('            deskgate {name} region=us-east-1 '
           'account=111122223333;\n')


def write_models(folder):
    """Those that speak one of the protocols, untouched; their names."""
    loader = botocore.session.Session().get_component('data_loader')
    names = []

    for name in loader.list_available_services('service-2'):
        model = loader.load_service_model(name, 'service-2')
        about = model['metadata']
        speaks = set(about.get('protocols', [])) | {about['protocol']}
        if speaks & PROTOCOLS:
            names.append(name)
            (folder / f'{name}.json').write_text(json.dumps(model))

    return names


def write_rest(work):
    conf = pathlib.Path(clients.__file__).parent / 'conf'
    shutil.copy(conf / 'policy.json', work)
    (work / 'keys.json').write_text(json.dumps({'version': 1, 'keys': [{
        'access_key_id': 'AKIAEXAMPLEOFMODELS7',
        'secret_access_key': 'secret-of-the-model-loader',
        'principal': 'arn:aws:iam::111122223333:user/loader'}]}))
    (work / 'credentials.json').write_text(json.dumps({
        'access_key_id': 'AKIAEXAMPLEOFMODELS8',
        'secret_access_key': 'secret-of-the-model-loader'}))
    for name in ('keys.json', 'credentials.json'):
        (work / name).chmod(0o600)


def says(work, names):
    """What nginx -t says of a configuration with those services."""
    (work / 'nginx.conf').write_text(CONF.format(
        work=work, root=clients.ROOT,
        user='user root;' if os.geteuid() == 0 else '',
        locations=''.join(LOCATION.format(
            number=number, services=''.join(
                SERVICE.format(name=name)
                for name in names[number:number + TOGETHER]))
            for number in range(0, len(names), TOGETHER))))
    done = subprocess.run(
        [NGINX, '-t', '-p', f'{work}/', '-c', f'{work}/nginx.conf', '-e',
         f'{work}/error.log'], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def main():
    work = pathlib.Path(sys.argv[1]).resolve()
    shutil.rmtree(work, ignore_errors=True)
    for folder in ('models', 'trail'):
        (work / folder).mkdir(parents=True)

    write_rest(work)
    started = time.monotonic()
    names = write_models(work / 'models')
    left = list(names)
    wrong = {}
    report = table.Report()

    while left:
        status, text = says(work, left)
        if status == 0:
            break
        named = [n for n in left if re.search(
            rf'(?<![\w-]){re.escape(n)}(?![\w-])', text)]
        if len(named) != 1:
            report.expect(False, 'nginx -t names the model', [text])
            break
        wrong[named[0]] = text
        left.remove(named[0])

    for name in names:
        report.expect(name not in wrong, f'the model {name} is read',
                      [wrong[name]] if name in wrong else [])

    print(f'# botocore {botocore.__version__}: {len(names)} models, '
          f'{len(left)} read, {time.monotonic() - started:.1f} s')
    return 1 if report.failed or not names else 0


if __name__ == '__main__':
    sys.exit(main())
