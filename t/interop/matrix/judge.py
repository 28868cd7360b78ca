"""Whether a call that succeeded did what it says: what the sandbox holds
afterwards agrees with the input and with the answer.
"""

import datetime

import world

MISSING = world.MISSING
CLOCK_SECONDS = 20


def differs(wanted, found, path=''):
    """Where `found` lacks or contradicts what `wanted` says; None: nowhere."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name, value in wanted.items():
            # counted anew with each item of a batch
            if name.endswith('SessionCount'):
                continue
            there = world.find(found, name)
            if there is world.MISSING:
                return f'{path}.{name} is not there'
            bad = differs(value, there, f'{path}.{name}')
            if bad:
                return bad
        return None

    if isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            return f'{path}: {len(found)} items for {len(wanted)}'
        for index, (a, b) in enumerate(zip(wanted, found)):
            bad = differs(a, b, f'{path}[{index}]')
            if bad:
                return bad
        return None

    if isinstance(wanted, datetime.datetime) \
            and isinstance(found, datetime.datetime):
        seconds = abs((wanted - found).total_seconds())
        return (None if seconds < CLOCK_SECONDS
                else f'{path}: {found} for {wanted}')

    if wanted == found or str(wanted) == str(found):
        return None

    return f'{path}: {found!r} for {wanted!r}'


def leaves(tree, name):
    """Values of the members of that name, at any depth."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == name:
                yield value
            yield from leaves(value, name)


class Judge:
    def __init__(self, world_):
        self.world = world_
        self.seen = 0     # members that were compared
        self.unseen = 0   # members of the input that no operation shows

    def judge(self, name, params, held, answer):
        """None, or what is wrong."""
        failed = world.failures(answer)
        if failed:
            return f'failed entries: {failed}'

        verb = self.world.verb(name)
        check = {'list': self.read, 'get': self.read, 'connect': self.read,
                 'tags': self.read, 'tag': self.tagged,
                 'untag': self.tagged, 'create': self.made,
                 'place': self.made, 'delete': self.gone,
                 'unplace': self.gone}.get(verb, self.changed)
        return check(name, params, held, answer)

    # reading

    def read(self, name, params, held, answer):
        row = self.world.rows[name]

        if 'change' in row or self.world.verb(name) == 'connect':
            return self.acted(name, params, held, answer)

        direct = self.world.witness.call(name, dict(params))
        bad = self.same(direct, answer)
        if bad:
            return f'another answer than the sandbox\'s own: {bad}'
        if self.world.verb(name) == 'list' and not params.get('NextToken'):
            return self.listed(name, params, held[0], answer)
        return None

    def same(self, direct, answer):
        direct.pop('RequestId', None)
        answer = {k: v for k, v in answer.items() if k != 'RequestId'}
        self.count(answer)
        return differs(direct, answer) or differs(answer, direct)

    def count(self, tree):
        if isinstance(tree, dict):
            for value in tree.values():
                self.count(value)
        elif isinstance(tree, list):
            for value in tree:
                self.count(value)
        else:
            self.seen += 1

    def listed(self, name, params, held, answer):
        """The entity that the input's filters fit is in the list."""
        lists = [v for v in answer.values() if isinstance(v, list)]
        if not any(lists):
            return 'the list is empty'
        if 'view' in self.world.rows[name]:
            return None
        key = self.world.key(held.kind)
        shown = [i for listed in lists for i in listed if isinstance(i, dict)
                 and all(k in i for k in key)]
        if not key or not shown or answer.get('NextToken'):
            return None
        if not any(all(i[k] == held.known.get(k) for k in key)
                   for i in shown):
            return f'the list lacks {[held.known.get(k) for k in key]}'
        return None

    def acted(self, name, params, held, answer):
        """A call that reads and acts: its answer is about the entity."""
        texts = str(answer)
        for part in self.world.key(held[0].kind):
            value = held[0].known.get(part)
            if value is not None and str(value) not in texts:
                return f'the answer does not speak of {value}'
        self.seen += 1
        return None

    # tags

    def tagged(self, name, params, held, answer):
        there = self.world.tags(held[0])
        for tag in params.get('Tags', []):
            self.seen += 1
            if (there.get(tag.get('Key'), MISSING) or '') \
                    != tag.get('Value', ''):
                return f'tag {tag} is not there: {there}'
        for key in params.get('TagKeys', []):
            self.seen += 1
            if key in there:
                return f'tag {key} is still there'
        return None

    # writing

    def made(self, name, params, held, answer):
        items = self.world.items(name, params)
        lists = [v for v in answer.values() if isinstance(v, list) and v
                 and isinstance(v[0], dict)]

        for index, item in enumerate(items):
            known = dict(self.world.attributes(name, item))
            parts = ([lists[0][index]] if self.world.is_batch(name)
                     else list(self.world.parts(answer)))
            for part in parts:
                known.update(part)
            entity = world.Held(self.world.rows[name]['entity'], known)
            for kept in held[index:index + 1]:
                entity.known = {**kept.known, **entity.known}
                new = answer.get('TargetWorkspaceId')
                if new:
                    entity.known['WorkspaceId'] = new
            shown = self.world.look(entity)
            if shown is None and any(self.world.readers(entity.kind)):
                return f'what was made is not shown: {entity.known}'
            bad = self.agree(name, item, shown) \
                or self.tags_agree(item, entity)
            if bad:
                return bad
            bad = self.answers(parts, shown, entity.kind)
            if bad:
                return f'the answer is not what is held: {bad}'
            bad = self.can_go(entity)
            if bad:
                return bad
        return None

    # entities that nothing shows are known by what is possible with them

    def is_shown(self, kind):
        return any(self.world.readers(kind))

    def refusal(self, name, params):
        """The sandbox's error for the call, or None."""
        try:
            self.world.witness.call(name, dict(params))
        except self.world.witness.client.exceptions.ClientError as error:
            return error.response['Error']['Code']
        return None

    def can_go(self, entity):
        """What was made can be deleted."""
        if self.is_shown(entity.kind):
            return None
        for name in self.world.service.operations():
            if self.world.rows[name].get('entity') == entity.kind \
                    and self.world.verb(name) == 'delete':
                self.seen += 1
                code = self.refusal(name, {
                    k: entity.known[k] for k in self.world.key(entity.kind)})
                return code and f'what was made cannot go: {code}'
        return None

    def has_acted(self, name, item, entity):
        """Attached twice or detached twice is refused."""
        row = self.world.rows[name]
        if self.is_shown(entity.kind) or not {'absent', 'present'} & set(row):
            return None
        self.seen += 1
        code = self.refusal(name, item)
        return None if code else 'it has not acted: it is possible again'

    def tags_agree(self, item, entity):
        wanted = item.get('Tags')
        if not wanted or not any(self.world.verb(n) == 'tags'
                                 for n in self.world.service.operations()):
            return None
        try:
            there = self.world.tags(entity)
        except self.world.witness.client.exceptions.ClientError as error:
            return f'tags: {error}'
        for tag in wanted:
            self.seen += 1
            if (there.get(tag.get('Key'), MISSING) or '') \
                    != tag.get('Value', ''):
                return f'tag {tag} is not there: {there}'
        return None

    def answers(self, parts, shown, kind):
        """Members of the answer that the entity has are the entity's."""
        state = self.world.entities[kind].get('state')
        for part in parts:
            for name, value in part.items():
                there = world.find(shown or {}, name)
                if there is world.MISSING or name == state \
                        or name in ('RequestId', 'State', 'Substate'):
                    continue
                self.seen += 1
                bad = differs(value, there, name)
                if bad:
                    return bad
        return None

    def agree(self, name, item, shown):
        """The input's members are the entity's attributes."""
        row = self.world.rows[name]
        state = self.world.entities[row['entity']].get('state')
        settled = set(row.get('set', {})) | {state}
        unset = set(row.get('unset', [])) | set(row.get('unset_map', {}))
        shows = self.world.shows(row['entity'])
        renamed = set(row.get('rename', {}).values())
        known = self.world.attributes(name, item)
        known.update({k: item[k] for k in row.get('omit', [])
                      if k in item and k in shows})

        for member, value in known.items():
            there = world.find(shown or {}, member)
            if member in settled or member in unset:
                continue
            if there is world.MISSING:
                if member in shows or shows and member in renamed:
                    return f'{member} is not shown'
                bad = self.within(value, shown)
                if bad:
                    return bad
                continue
            self.seen += 1
            wanted = self.without_blobs(value)
            for path in self.taken(name, item):
                wanted = self.without(wanted, member, path)
            bad = differs(wanted, there, member)
            if bad:
                return f'what is held is not the input: {bad}'

        return self.joined(row, item, shown)

    def within(self, value, shown):
        """A structure that is shown by parts, wherever they stand."""
        for leaf, wanted in value.items() if isinstance(value, dict) else ():
            for there in leaves(shown, leaf):
                self.seen += 1
                if there == wanted:
                    return None
                return f'{leaf} is {there}, not {wanted}'
        self.unseen += 1
        return None

    def joined(self, row, item, shown):
        for member, rule in row.get('add', {}).items():
            value = item.get(member, [])
            there = world.find(shown or {}, rule['to'])
            for one in value if isinstance(value, list) else [value]:
                self.seen += 1
                if there is world.MISSING or one not in there:
                    return f'{member} {one} has not joined {there}'

        for member, rule in row.get('remove', {}).items():
            there = world.find(shown or {}, rule['to'])
            for one in item.get(member, []):
                self.seen += 1
                if there is not world.MISSING and str(one) in str(there):
                    return f'{member} {one} has not left {there}'
        return None

    def taken(self, name, item):
        """Paths that the input itself takes out again."""
        for member, rule in self.world.rows[name].get('unset_map', {}).items():
            for value in item.get(member, []):
                yield rule[value]

    @staticmethod
    def without(value, member, path):
        outer, _, inner = path.partition('.')
        if outer != member or not isinstance(value, dict):
            return value
        return {k: v for k, v in value.items() if k != inner}

    def without_blobs(self, value):
        """Blobs are not kept (docs/sandbox.md)."""
        if isinstance(value, dict):
            return {k: self.without_blobs(v) for k, v in value.items()
                    if not isinstance(v, bytes)}
        return value

    def changed(self, name, params, held, answer):
        row = self.world.rows[name]
        for item, entity in zip(self.world.items(name, params), held):
            shown = self.world.look(entity)
            if shown is None and any(self.world.readers(entity.kind)):
                return f'what was changed is not shown: {entity.known}'
            bad = self.agree(name, item, shown)
            if bad:
                return bad
            for attribute in row.get('unset', []):
                self.seen += 1
                if world.find(shown or {}, attribute) is not world.MISSING:
                    return f'{attribute} is still there'
            bad = self.settled(row, entity, shown) \
                or self.has_acted(name, item, entity)
            if bad:
                return bad
        return None

    def settled(self, row, entity, shown):
        """The state that the operation leads to, once it has settled."""
        member = self.world.entities[entity.kind].get('state')
        to = row.get('set', {}).get(member)
        if to is None or shown is None or member not in shown:
            return None
        rule = self.world.entities[entity.kind]['states'].get(to, {}) \
            if 'states' in self.world.entities[entity.kind] else {}
        wanted = rule.get('to', to)
        self.seen += 1
        if shown[member] not in (wanted, to):
            return f'the state is {shown[member]}, not {wanted}'
        return None

    def gone(self, name, params, held, answer):
        """Not shown any more, or shown in a state on the way out."""
        for item, entity in zip(self.world.items(name, params), held):
            rule = self.world.entities[entity.kind]
            shown = self.world.look(entity)
            self.seen += 1
            if not self.is_shown(entity.kind):
                if not (self.refusal(name, item) or '').startswith(
                        'ResourceNotFound'):
                    return 'it can be deleted again'
            elif shown and self.world.key(entity.kind):
                state = shown.get(rule.get('state'), shown.get('State', ''))
                if not state.startswith(('DE', 'TERMINAT')):
                    return f'it is still there: {state}'
            elif shown:
                return f'it is still there: {shown}'
        return None
