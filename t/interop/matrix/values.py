"""Valid inputs from a model: the least that is required, and all there is.

A value is made to fit type, length, range, enum and pattern of its shape.
Patterns are walked with Python's own parser of regular expressions; what
comes out is checked against the whole pattern again.
"""

import datetime
import functools
import random
import re
import re._constants as op
import re._parser as parser
import string

DEPTH_MAX = 12
ALNUM = string.ascii_lowercase + string.digits
CLASSES = {r'\p{L}': 'a-zA-Z', r'\p{Z}': ' ', r'\p{N}': '0-9'}


@functools.lru_cache(maxsize=None)
def compiled(pattern):
    for name, letters in CLASSES.items():
        pattern = pattern.replace(name, letters)
    return re.compile(pattern), parser.parse(pattern)


def matches(pattern, text):
    return compiled(pattern)[0].fullmatch(text) is not None


class Values:
    """Inputs of one service; `service` is a model's JSON."""

    def __init__(self, service, overlay, seed):
        self.shapes = service['shapes']
        self.operations = service['operations']
        self.overlay = overlay.get('members', {})
        self.random = random.Random(seed)

    # patterns

    def character(self, choices):
        """A member of a class; plain letters are taken when there are."""
        allowed = set()
        negated = False

        for kind, value in choices:
            if kind is op.NEGATE:
                negated = True
            elif kind is op.LITERAL:
                allowed.add(chr(value))
            elif kind is op.RANGE:
                allowed.update(map(chr, range(value[0], value[1] + 1)))
            elif kind is op.CATEGORY:
                allowed.update(self.category(value))

        if negated:
            allowed = set(string.ascii_letters + string.digits) - allowed

        plain = sorted(allowed & set(ALNUM)) or sorted(allowed)
        return self.random.choice(plain)

    @staticmethod
    def category(value):
        return {op.CATEGORY_DIGIT: string.digits,
                op.CATEGORY_SPACE: ' ',
                op.CATEGORY_NOT_SPACE: string.ascii_letters,
                op.CATEGORY_WORD: ALNUM}[value]

    def walk(self, tree, extra):
        out = []

        for kind, value in tree:
            if kind is op.LITERAL:
                out.append(chr(value))
            elif kind in (op.ANY, op.NOT_LITERAL):
                out.append(self.random.choice(ALNUM))
            elif kind is op.IN:
                out.append(self.character(value))
            elif kind in (op.MAX_REPEAT, op.MIN_REPEAT):
                least, most, inner = value
                more = most if most is not op.MAXREPEAT else least + extra
                count = least + min(extra, more - least)
                out.extend(self.walk(inner, extra) for _ in range(count))
            elif kind is op.SUBPATTERN:
                out.append(self.walk(value[3], extra))
            elif kind is op.BRANCH:
                out.append(self.walk(self.random.choice(value[1]), extra))
            # anchors and assertions are what the final check is for

        return ''.join(out)

    def text(self, shape):
        least = shape.get('min', 0)
        most = shape.get('max', 1 << 20)

        if 'pattern' not in shape:
            size = max(least, min(most, 12))
            return ''.join(self.random.choice(ALNUM) for _ in range(size))

        tree = compiled(shape['pattern'])[1]

        for extra in [*range(8, 25), *range(7, -1, -1), *range(25, 1025, 50)]:
            made = self.walk(tree, extra)
            if least <= len(made) <= most and matches(shape['pattern'], made):
                return made

        raise ValueError(f'no value found for {shape["pattern"]}')

    # shapes

    def number(self, shape):
        least = shape.get('min', 1)
        most = shape.get('max', max(least, 40))
        return self.random.randint(int(least), int(min(most, least + 40)))

    def scalar(self, shape):
        kind = shape['type']

        if kind == 'string':
            if 'enum' in shape:
                return self.random.choice(shape['enum'])
            return self.text(shape)

        if kind in ('integer', 'long'):
            return self.number(shape)
        if kind in ('float', 'double'):
            return float(self.number(shape))
        if kind == 'boolean':
            return self.random.random() < 0.5
        if kind == 'timestamp':
            return datetime.datetime.fromtimestamp(
                1700000000 + self.random.randint(0, 1 << 24),
                datetime.timezone.utc)
        if kind == 'blob':
            size = max(shape.get('min', 0), min(shape.get('max', 48), 48))
            return self.random.randbytes(size)

        raise ValueError(f'unknown type {kind}')

    def structure(self, name, full, seen):
        shape = self.shapes[name]
        members = shape['members']
        marks = self.overlay.get(name, {})
        wanted = list(members) if full else shape.get('required', [])
        aliases = {alias for mark in marks.values()
                   for alias in mark.get('aliases', [])}

        if shape.get('union'):
            wanted = [self.random.choice(list(members))]

        made = {}

        for member in wanted:
            inner = members[member]['shape']

            # an older name of a member that is there; a shape in itself
            if member in aliases or seen.count(inner) > 1:
                continue

            if marks.get(member, {}).get('requirements'):
                made[member] = "server:Host.Os.Family = 'linux'"
            else:
                made[member] = self.value(inner, full, seen + (inner,))

        return made

    def value(self, name, full, seen=()):
        shape = self.shapes[name]
        kind = shape['type']

        if len(seen) > DEPTH_MAX:
            raise ValueError(f'{name} is too deep')
        if kind == 'structure':
            return self.structure(name, full, seen)

        if kind == 'list':
            return self.items(shape, full, seen)

        if kind == 'map':
            count = max(shape.get('min', 0), 1)
            return {self.value(shape['key']['shape'], full, seen):
                    self.value(shape['value']['shape'], full, seen)
                    for _ in range(count)}

        return self.scalar(shape)

    def items(self, shape, full, seen):
        inner = shape['member']['shape']
        count = max(shape.get('min', 0), 2 if full else 1)
        count = min(count, shape.get('max', count))
        made = []

        # a list of enum values says each once
        for _ in range(8 * count):
            item = self.value(inner, full, seen)
            if item not in made:
                made.append(item)
            if len(made) == count:
                break

        return made

    def input(self, operation, full):
        shape = self.operations[operation].get('input')
        return self.structure(shape['shape'], full, ()) if shape else {}
