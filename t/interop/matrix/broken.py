"""Inputs that are broken in one place, as bytes that botocore would refuse.

From a full input, each place is broken in each way that its shape allows.
What is expected follows from the model alone: the path of the member and
the constraint that it breaks.
"""

import base64
import copy
import datetime
import json
import struct

import values

KINDS = ('missing', 'type', 'long', 'short', 'pattern', 'enum', 'range',
         'unknown', 'union')
BODY_MAX = 1 << 20      # bytes: longer bodies would not be sent

WRONG = {'string': (7, 'a string'), 'integer': ('seven', 'an integer'),
         'long': ('seven', 'an integer'), 'float': ('seven', 'a number'),
         'double': ('seven', 'a number'),
         'boolean': ('true', 'true or false'),
         'timestamp': (True, 'a timestamp'),
         'blob': (7, 'Base64 of bytes'), 'list': ('text', 'a list'),
         'map': ('text', 'a map'), 'structure': ('text', 'a structure')}


class Break:
    """One broken input: what was done, and what must be said of it."""

    def __init__(self, kind, steps, path, texts, change):
        self.kind = kind
        self.steps = steps
        self.path = path
        self.texts = texts
        self.change = change

    def message(self):
        return "Value at '" + self.path + "' failed to satisfy constraint: "


def lower(name):
    return name[:1].lower() + name[1:]


def constraint(what, direction, bound):
    return f'Member must have {what} {direction} than or equal to {bound:.15g}'


class Breaker:
    """Ways to break inputs of one service; `values_` knows its shapes."""

    def __init__(self, model, overlay, values_):
        self.model = model
        self.overlay = overlay
        self.shapes = model['shapes']
        self.values = values_

    def ways(self, operation, params):
        """All of them, for a full input of the operation."""
        ref = self.model['operations'][operation].get('input')
        if not ref:
            yield Break('unknown', (), 'unheard',
                        ['Member must be one that the operation has'],
                        lambda v: v.__setitem__('Unheard', 1))
        else:
            yield from self.structure(ref['shape'], params, (), '')

    def structure(self, name, value, steps, path):
        shape = self.shapes[name]
        required = shape.get('required', [])

        def below(member):
            return f'{path}.{lower(member)}' if path else lower(member)

        if not any('location' in m for m in shape['members'].values()):
            yield Break('unknown', steps, below('Unheard'),
                        ['Member must be one that the operation has'],
                        lambda v: v.__setitem__('Unheard', 1))

        if shape.get('union') and len(shape['members']) > 1:
            yield from self.union(shape, value, steps, path)

        for member, inner in value.items():
            ref = shape['members'][member]
            if 'location' in ref:
                continue
            if member in required:
                yield Break('missing', steps, below(member),
                            ['Member must not be null'],
                            lambda v, m=member: v.pop(m))
            yield from self.value(ref['shape'], inner, steps + (member,),
                                  below(member))

    def union(self, shape, value, steps, path):
        other = next(m for m in shape['members'] if m not in value)
        made = self.values.value(shape['members'][other]['shape'], True)
        yield Break('union', steps, path,
                    ['Member must have exactly one member set'],
                    lambda v: v.__setitem__(other, made))

    def value(self, name, value, steps, path):
        shape = self.shapes[name]
        kind = shape['type']

        if kind in WRONG:
            wrong, what = WRONG[kind]
            yield Break('type', steps, path, [f'Member must be {what}'],
                        lambda v: wrong)

        if kind == 'structure':
            yield from self.structure(name, value, steps, path)
        elif kind == 'list':
            yield from self.sizes(shape, steps, path, list)
            if value:
                yield from self.value(shape['member']['shape'], value[0],
                                      steps + (0,), path + '.1.member')
        elif kind == 'map':
            for key, inner in list(value.items())[:1]:
                yield from self.value(shape['value']['shape'], inner,
                                      steps + (key,), path + '.1.value')
        elif kind == 'string':
            yield from self.text(shape, steps, path)
        elif kind == 'blob':
            yield from self.sizes(shape, steps, path, bytes)
        elif kind in ('integer', 'long', 'float', 'double'):
            yield from self.number(shape, steps, path)

    def sizes(self, shape, steps, path, kind):
        if shape.get('max') is not None and shape['max'] < BODY_MAX / 4:
            most = shape['max']
            yield Break('long', steps, path,
                        [constraint('length', 'less', most)],
                        lambda v: self.grown(shape, v, kind, most + 1))
        if shape.get('min', 0) > 0:
            yield Break('short', steps, path,
                        [constraint('length', 'greater', shape['min'])],
                        lambda v: v[:shape['min'] - 1])

    def grown(self, shape, value, kind, size):
        if kind is bytes:
            return bytes(size)
        if kind is str:
            # stays within the pattern where repeating the end does
            return value + value[-1:] * (size - len(value)) if value \
                else 'a' * size
        return [self.values.value(shape['member']['shape'], True)
                for _ in range(size)]

    def text(self, shape, steps, path):
        yield from self.sizes(shape, steps, path, str)
        if 'enum' in shape:
            yield Break('enum', steps, path,
                        ['Member must satisfy enum value set: ['],
                        lambda v: 'NO_SUCH_VALUE')
        elif 'pattern' in shape:
            bad = self.unmatched(shape)
            if bad is not None:
                yield Break('pattern', steps, path,
                            ['Member must satisfy regular expression '
                             'pattern: '],
                            lambda v: bad)

    @staticmethod
    def unmatched(shape):
        """A text of allowed length that the pattern does not match."""
        least = shape.get('min', 0)
        most = shape.get('max', 1 << 16)
        for character in ('\u00a7', '"', ' ', '%', '\n', 'A', '0', ''):
            for size in (max(least, 3), least, most if most < 9999 else 9):
                text = character * size
                if least <= len(text) <= most \
                        and not values.matches(shape['pattern'], text):
                    return text
        return None

    @staticmethod
    def number(shape, steps, path):
        if 'max' in shape:
            yield Break('range', steps, path,
                        [constraint('value', 'less', shape['max'])],
                        lambda v: shape['max'] + 1)
        if 'min' in shape:
            yield Break('range', steps, path,
                        [constraint('value', 'greater', shape['min'])],
                        lambda v: shape['min'] - 1)


def applied(way, tree):
    """The wire tree with the break in it."""
    tree = copy.deepcopy(tree)
    at, outer, last = tree, None, None

    for step in way.steps:
        outer, last, at = at, step, at[step]

    new = way.change(at)

    if way.kind not in ('missing', 'unknown', 'union'):
        outer[last] = new

    return tree


# how inputs are written

class Wire:
    """Inputs as bytes, whatever they hold where a shape says otherwise."""

    def __init__(self, model, protocol):
        self.shapes = model['shapes']
        self.operations = model['operations']
        self.is_cbor = protocol == 'smithy-rpc-v2-cbor'

    def body(self, operation, params):
        shape = self.operations[operation].get('input')
        tree = self.tree(shape['shape'], params) if shape else params
        return cbor(tree) if self.is_cbor else json.dumps(tree).encode()

    def tree(self, name, value):
        shape = self.shapes[name]
        kind = shape['type']

        if kind == 'structure' and isinstance(value, dict):
            return {self.name(shape, k): self.member(shape, k, v)
                    for k, v in value.items()
                    if 'location' not in shape['members'].get(k, {})}
        if kind == 'list' and isinstance(value, list):
            return [self.tree(shape['member']['shape'], v) for v in value]
        if kind == 'map' and isinstance(value, dict):
            return {k: self.tree(shape['value']['shape'], v)
                    for k, v in value.items()}
        if isinstance(value, bytes) and not self.is_cbor:
            return base64.b64encode(value).decode()
        if isinstance(value, datetime.datetime) and not self.is_cbor:
            return int(value.timestamp())
        return value

    @staticmethod
    def name(shape, member):
        return shape['members'].get(member, {}).get('locationName', member)

    def member(self, shape, member, value):
        if member not in shape['members']:
            return value
        return self.tree(shape['members'][member]['shape'], value)


def head(major, number):
    """RFC 8949, 3: major type and argument."""
    for size, code, room in ((24, None, None), (1 << 8, 24, 'B'),
                             (1 << 16, 25, 'H'), (1 << 32, 26, 'I'),
                             (1 << 64, 27, 'Q')):
        if number < size:
            if code is None:
                return bytes([major << 5 | number])
            return bytes([major << 5 | code]) + struct.pack('>' + room, number)
    raise ValueError(number)


def cbor(value):
    if value is None:
        return b'\xf6'
    if isinstance(value, bool):
        return b'\xf5' if value else b'\xf4'
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b'\xfb' + struct.pack('>d', value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return head(3, len(text)) + text
    if isinstance(value, list):
        return head(4, len(value)) + b''.join(map(cbor, value))
    if isinstance(value, dict):
        return head(5, len(value)) + b''.join(
            cbor(k) + cbor(v) for k, v in value.items())
    if isinstance(value, datetime.datetime):
        return head(6, 1) + cbor(int(value.timestamp()))
    raise TypeError(type(value))
