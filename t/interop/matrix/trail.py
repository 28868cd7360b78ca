"""Each call has left one record, and it says what was asked."""

import datetime
import hashlib

HIDDEN = 'HIDDEN_DUE_TO_SECURITY_REASONS'


def lower(name):
    return name[:1].lower() + name[1:]


def seconds(text):
    if isinstance(text, str) and 'T' in text:
        text = datetime.datetime.fromisoformat(text).timestamp()
    return int(float(text))


class Trail:
    def __init__(self, records):
        self.by_call = {}
        for record in records:
            ident = record['additionalEventData']['deskgate'].get(
                'invocationId')
            self.by_call.setdefault(ident, []).append(record)
        self.members = 0
        self.hidden = 0

    def wrong(self, call, seen):
        """None, or what is wrong with what the call has left."""
        records = self.by_call.get(call.invocation, [])
        if len(records) != 1:
            return f'{len(records)} records'

        record = records[0]
        deskgate = record['additionalEventData']['deskgate']
        reached = seen.get(call.invocation, 0)

        if record['eventName'] != call.operation:
            return f'the record names {record["eventName"]}'
        if deskgate.get('caller', {}).get('kind') != 'key':
            return f'the caller is not verified: {deskgate}'
        if call.broken is not None:
            return self.refused(deskgate, reached)
        return self.passed(call, record, deskgate, reached)

    @staticmethod
    def refused(deskgate, reached):
        if deskgate['decision'] != 'refused' \
                or deskgate['refusal'] != 'body_invalid':
            return f'the record says {deskgate}'
        if reached or 'upstream' in deskgate:
            return 'the sandbox has seen the call'
        return None

    def passed(self, call, record, deskgate, reached):
        wanted = 'broker' if call.service.overlay.get('broker') else 'static'
        if deskgate['decision'] != 'allowed' \
                or deskgate.get('translation') != wanted:
            return f'the record says {deskgate}'
        if reached != 1:
            return f'the sandbox has seen the call {reached} times'
        protocol = {'smithy-rpc-v2-cbor': 'rpcv2Cbor', 'json': 'awsJson',
                    'rest-json': ''}[call.protocol]
        if not deskgate['protocol'].startswith(protocol):
            return f'the record says {deskgate["protocol"]}'

        elements = record['responseElements']
        if record['readOnly'] and elements is not None:
            return f'the record of a reading call has {elements}'

        return self.same(call, 'input', call.params,
                         record['requestParameters']) \
            or (None if record['readOnly']
                else self.same(call, 'output', call.answer, elements))

    def same(self, call, part, params, found):
        shape = call.service.model['operations'][call.operation].get(part)
        try:
            bad = self.structure(call, shape and shape['shape'], params,
                                 found or {}, '')
        except (KeyError, TypeError, AttributeError) as error:
            bad = f'{type(error).__name__} {error}'
        return bad and f'{part}: {bad} in {found}'

    def structure(self, call, name, params, found, path):
        shapes = call.service.ours['shapes']
        members = call.service.model['shapes'][name]['members'] if name else {}
        marks = call.service.overlay.get('members', {}).get(name, {})
        rest = set(found)

        for member, value in params.items():
            key = lower(member)
            here = f'{path}.{key}'
            rest -= {key, key + 'Length', key + 'Sha256'}
            if key not in found:
                return f'the record lacks {here}'
            ours = self.our_member(call, name, member)
            bad = self.value(
                call, members[member]['shape'], value, found, key, here,
                ours.get('sensitive') or marks.get(member, {}).get('sensitive')
                or shapes.get(ours.get('shape'), {}).get('sensitive'),
                marks.get(member, {}).get('file'))
            if bad:
                return bad

        return f'the record has {path}: {sorted(rest)}' if rest else None

    @staticmethod
    def our_member(call, name, member):
        ours = call.service.ours['shapes'].get(name, {})
        return ours.get('members', {}).get(member, {})

    def value(self, call, name, value, found, key, path, hidden, is_file):
        shape = call.service.model['shapes'][name]
        kind = shape['type']
        there = found[key]
        self.members += 1

        if kind == 'blob' or is_file:
            return self.file(value, found, key, path)
        if hidden:
            self.hidden += 1
            return None if there == HIDDEN else f'{path} is not hidden'
        if kind == 'structure':
            return self.structure(call, name, value, there, path)
        if kind == 'list':
            if len(there) != len(value):
                return f'{path} has {len(there)} items'
            for index, item in enumerate(value):
                bad = self.value(call, shape['member']['shape'], item, there,
                                 index, f'{path}[{index}]', False, False)
                if bad:
                    return bad
            return None
        if kind == 'map':
            return None if there == value else f'{path} is {there}'
        if isinstance(value, datetime.datetime):
            value = int(value.timestamp())
            there = seconds(there)
        return (None if there == value
                else f'{path} is {there!r}, not {value!r}')

    def file(self, value, found, key, path):
        """A file is told by length and hash, a blob by those of its form."""
        self.hidden += 1
        if found[key] != HIDDEN:
            return f'{path} is not hidden'
        if isinstance(value, str):
            digest = hashlib.sha256(value.encode()).hexdigest()
            if found[key + 'Length'] != len(value.encode()) \
                    or found[key + 'Sha256'] != digest:
                return f'{path}: length or hash of another'
        return None
