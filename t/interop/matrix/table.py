"""The table, operation by operation, and a TAP line for each of its fields."""

import broken

WIDTH = 8


class Report:
    def __init__(self):
        self.number = 0
        self.failed = 0

    def expect(self, good, name, details=()):
        self.number += 1
        self.failed += 0 if good else 1
        print(f"{'ok' if good else 'not ok'} {self.number} - matrix: {name}")
        for detail in details:
            print('#   ' + str(detail)[:2000].replace('\n', '\n#   '))


def short(protocol):
    return {'smithy-rpc-v2-cbor': 'cbor', 'rest-json': 'rest'}.get(
        protocol, protocol)


def table(calls, report):
    """Prints both; a field is how many inputs were as they must be."""
    kinds = ('minimal', 'full') + broken.KINDS
    rows = {}

    for call in calls:
        row = rows.setdefault((call.service.name, call.operation,
                               short(call.protocol)), {})
        row.setdefault(call.kind, []).append(call)

    for (service, operation, protocol), row in rows.items():
        for kind in kinds:
            if kind in row:
                wrong = [c.wrong for c in row[kind] if c.wrong is not None]
                report.expect(not wrong,
                              f'{service} {operation} {protocol}: {kind}',
                              wrong)

    print('# ' + ''.join(f'{head:{width}}' for head, width in (
        ('operation', 42), ('wire', 6),
        *((kind, WIDTH) for kind in kinds))).rstrip())
    last = None

    for (service, operation, protocol), row in rows.items():
        if service != last:
            print(f'# {service}')
        last = service
        print(f'#   {operation:40}{protocol:6}' + ''.join(
            f'{field(row.get(kind)):{WIDTH}}' for kind in kinds).rstrip())


def field(calls):
    """"3": three inputs, all as they must be; "1!3": two are not."""
    if not calls:
        return '-'
    good = sum(call.wrong is None for call in calls)
    return f'{good}!{len(calls)}' if good != len(calls) else str(good)
