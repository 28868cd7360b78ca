"""Operation by operation: botocore, the gateway, a sandbox, and back.

    main.py WORK        prints TAP lines and a table; t/interop/run counts

Four passes, each with a sandbox of its own: the least input and the full
one, in each protocol that a service speaks.
"""

import os
import pathlib
import sys
import time
import traceback

import botocore
import botocore.exceptions
import botocore.session

import broken
import clients
import judge
import table
import trail
import values
import world

SERVICES = ('workspaces', 'workspaces-instances', 'ssm-guiconnect',
            'dcv-session-manager')
SEED = 20201120


class Call:
    """One call through the gateway, for the trail to be compared with."""

    def __init__(self, service, operation, protocol, kind, params):
        self.service = service
        self.operation = operation
        self.protocol = protocol
        self.kind = kind
        self.params = params
        self.answer = None
        self.invocation = None
        self.wrong = None
        self.broken = None    # how, when it is


def pass_of(protocol, full):
    return 2 * (protocol == 'smithy-rpc-v2-cbor') + full


def valid(gateway, service, protocol, full, calls):
    """Every operation once with input that must succeed."""
    index = pass_of(protocol, full)
    secrets = gateway.secrets
    broker = service.overlay.get('broker')
    plain = service.protocols[-1]
    caller = clients.Client(
        service, protocol, gateway.gateways[index],
        (secrets['caller_id'], secrets['caller_secret']))
    witness = clients.Client(
        service, plain, gateway.broker if broker else gateway.sandboxes[index],
        (secrets['upstream_id'], secrets['upstream_secret']),
        gateway.broker_token() if broker else None)
    generator = values.Values(service.model, service.overlay, SEED + index)
    there = world.World(service, generator, witness)
    judges = judge.Judge(there)

    for name in service.operations():
        call = Call(service, name, protocol, 'full' if full else 'minimal',
                    None)
        calls.append(call)
        try:
            params, held = there.prepare(name, full)
            call.params = params
            call.answer = caller.call(name, params)
            call.invocation = caller.invocation
            call.wrong = judges.judge(name, params, held, call.answer)
        except botocore.exceptions.ClientError as error:
            call.invocation = caller.invocation
            call.wrong = f'{error} for {call.params}'
        except Exception:
            call.wrong = traceback.format_exc(limit=-4)
        if broker:
            there.clear('session')

    return judges


def refused(gateway, service, protocol, calls):
    """Every operation with an input broken in each way that it allows."""
    secrets = gateway.secrets
    caller = clients.Client(
        service, protocol, gateway.gateways[pass_of(protocol, True)],
        (secrets['caller_id'], secrets['caller_secret']))
    generator = values.Values(service.model, service.overlay, SEED)
    breaker = broken.Breaker(service.model, service.overlay, generator)
    wire = broken.Wire(service.model, protocol)

    for name in service.operations():
        params = generator.input(name, True)
        ways = {}
        for way in breaker.ways(name, params):
            ways.setdefault(way.kind, []).append(way)
        for kind in broken.KINDS:
            for way in ways.get(kind, []):
                call = Call(service, name, protocol, kind, params)
                call.broken = way
                calls.append(call)
                body = wire.body(name, broken.applied(way, params))
                call.wrong = verdict(caller, call, body)
                call.invocation = caller.invocation


def verdict(caller, call, body):
    """None when the refusal is the one that the model asks for."""
    way = call.broken
    try:
        answer = caller.send_broken(call.operation, call.params, body)
    except botocore.exceptions.ClientError as error:
        code = error.response['Error']['Code']
        text = error.response['Error']['Message']
        status = error.response['ResponseMetadata']['HTTPStatusCode']
    except Exception:
        return traceback.format_exc(limit=-4)
    else:
        return f'{way.path} {way.kind}: no refusal but {answer}'

    said = f'{way.path} {way.kind}: {status} {code} {text}'
    if code != 'ValidationException' or status != 400:
        return said
    # a value may break more than one constraint of its own, no other's
    parts = text.split(' detected: ', 1)[-1].split('; Value at ')
    if any(way.message() not in ('' if p is parts[0] else 'Value at ') + p
           for p in parts):
        return said
    return None if all(t in text for t in way.texts) else said


def main():
    work = pathlib.Path(sys.argv[1]).resolve()
    os.environ['MATRIX_WORK'] = str(work)
    work.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    report = table.Report()
    calls = []
    loader = botocore.session.Session().get_component('data_loader')
    services = [clients.Service(name, loader) for name in SERVICES]
    gateway = clients.Gateway(work / 'run')
    judges = []

    try:
        for service in services:
            for protocol in service.protocols:
                for full in (False, True):
                    judges.append(valid(gateway, service, protocol, full,
                                        calls))
                refused(gateway, service, protocol, calls)
    finally:
        gateway.stop()

    left = trail.Trail(gateway.records())
    seen = gateway.seen()
    for call in calls:
        if call.wrong is None:
            call.wrong = left.wrong(call, seen)

    table.table(calls, report)
    wrong = sum(call.wrong is not None for call in calls)
    bad = sum(call.broken is not None for call in calls)
    names = {(call.service.name, call.operation) for call in calls}

    for service in services:
        report.expect(not service.behind(),
                      f'{service.name}: what botocore knows of its inputs, '
                      'deskgate knows', service.behind())

    print(f'# {len(names)} operations, {len(calls) - bad} valid and {bad} '
          f'broken inputs, {wrong} not as they must be')
    print(f'# members compared: {sum(j.seen for j in judges)} with what is '
          f'held ({sum(j.unseen for j in judges)} of inputs are shown by no '
          f'operation), {left.members} with records ({left.hidden} hidden)')
    print(f'# botocore {botocore.__version__}, '
          f'{time.monotonic() - started:.1f} s')
    return 1 if report.failed else 0


if __name__ == '__main__':
    sys.exit(main())
