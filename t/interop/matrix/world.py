"""What must be there before an operation can succeed, and what is there after.

All of it follows from the sandbox's rows (docs/sandbox.md) and the models:
which operation creates an entity, which one shows it, by which operations it
comes into a state.  Everything here asks the sandbox, not the gateway.
"""

PAGING = ('NextToken', 'Limit', 'MaxResults')
STEPS_MAX = 4
DEPTH_MAX = 24
VERBS = {'Create': 'create', 'Register': 'create', 'Import': 'create',
         'Copy': 'create', 'Describe': 'list', 'List': 'list', 'Get': 'get',
         'Delete': 'delete', 'Terminate': 'delete', 'Deregister': 'delete',
         }
MISSING = object()


def find(tree, path):
    """The value at "Outer.inner"; names compare without case at last."""
    for name in path.split('.'):
        if isinstance(tree, list):
            tree = tree[0] if tree else None
        if not isinstance(tree, dict):
            return MISSING
        if name not in tree:
            name = next((n for n in tree if n.lower() == name.lower()), name)
        if name not in tree:
            return MISSING
        tree = tree[name]
    return tree


class Held:
    """An entity of the sandbox: its kind, and what is known of it."""

    def __init__(self, kind, known):
        self.kind = kind
        self.known = known


class World:
    def __init__(self, service, values, witness):
        self.service = service
        self.values = values
        self.witness = witness
        self.rows = service.sandbox['operations']
        self.entities = service.sandbox['entities']
        self.shapes = service.model['shapes']

    # what operations are

    def verb(self, name):
        row = self.rows[name]
        if 'do' in row:
            return row['do']
        return next((verb for word, verb in VERBS.items()
                     if name.startswith(word)), 'modify')

    def input_shape(self, name):
        shape = self.service.model['operations'][name].get('input')
        return self.shapes[shape['shape']] if shape else {'members': {}}

    def output_shape(self, name):
        shape = self.service.model['operations'][name].get('output')
        return self.shapes[shape['shape']] if shape else {'members': {}}

    def is_batch(self, name):
        return 'each' in self.rows[name]

    def items(self, name, params):
        each = self.rows[name].get('each')
        return params[each] if each else [params]

    def item_shape(self, name):
        shape = self.input_shape(name)
        each = self.rows[name].get('each')
        if not each:
            return shape
        inner = self.shapes[shape['members'][each]['shape']]
        return self.shapes[inner['member']['shape']]

    def is_list(self, shape, member):
        return self.shapes[shape['members'][member]['shape']]['type'] == 'list'

    def creator(self, kind):
        """The operation that makes one, with the fewest needs."""
        found = [name for name in self.service.operations()
                 if (self.rows[name].get('entity') == kind
                     and 'copy' not in self.rows[name]
                     and (self.verb(name) in ('create', 'place')
                          or self.rows[name].get('upsert')))
                 or any(also['entity'] == kind
                        for also in self.rows[name].get('also', []))]
        return min(found, default=None, key=lambda name: (
            len(self.rows[name].get('needs', {}))
            + len(self.rows[name].get('rename', {})) / 8
            + 2 * ('set' in self.rows[name]), name))

    # making entities

    def make(self, kind, depth=0, member=None):
        """A new entity of the kind; a seeded one where none can be made."""
        name = self.creator(kind)

        if depth > DEPTH_MAX:
            raise RuntimeError(f'no way to a {kind}')

        if name is None:
            return self.seeded(kind, member)

        params = self.prepare(name, full=True, depth=depth + 1)[0]
        each = self.rows[name].get('each')
        if each:
            params[each] = params[each][:1]
        answer = self.ask(name, params)
        item = self.items(name, params)[0]
        known = self.literal(self.entities[kind].get('defaults', {}))
        known.update(self.attributes(name, item))

        for part in self.parts(answer):
            known.update(part)

        held = Held(kind, known)
        self.look(held)
        return held

    def ask(self, name, params):
        answer = self.witness.call(name, params)
        failed = failures(answer)
        if failed:
            raise RuntimeError(f'{name}: {failed}')
        return answer

    @staticmethod
    def parts(answer):
        """Structures of an answer that may be the entity."""
        yield {k: v for k, v in answer.items()
               if not isinstance(v, (list, dict))}
        for value in answer.values():
            if isinstance(value, dict):
                yield value
            if isinstance(value, list) and value \
                    and isinstance(value[0], dict):
                yield value[0]

    def seeded(self, kind, member):
        """One of the beginning; with the attribute, when one is wanted."""
        seeds = self.entities[kind].get('seed', [])
        fits = [s for s in seeds if member is None or member in s] or seeds
        if not fits:
            raise RuntimeError(f'nothing makes a {kind}')
        return Held(kind, self.literal(fits[0]))

    @staticmethod
    def literal(attributes):
        return {k: v for k, v in attributes.items()
                if '${' not in str(v) and k[0] != '$'}

    def attributes(self, name, item):
        """The input's members under the names that the entity has them."""
        row = self.rows[name]
        names = {v: k for k, v in row.get('id', {}).items()}
        names.update(row.get('rename', {}))
        skip = set(row.get('omit', [])) | set(row.get('add', {})) \
            | set(row.get('remove', {})) | set(row.get('toggle', {})) \
            | set(row.get('unset_map', {})) | set(row.get('copy', {}).values())
        skip |= {'ClientToken', 'Tags', 'TagSpecifications',
                 row.get('unset_named')}
        return {names.get(k, k): v for k, v in item.items() if k not in skip}

    # showing entities

    def key(self, kind):
        return self.entities[kind]['key']

    def readers(self, kind):
        """Operations that show entities of the kind as they are."""
        for name in self.service.operations():
            row = self.rows[name]
            if row.get('entity') == kind \
                    and self.verb(name) in ('get', 'list') \
                    and not {'view', 'project', 'change', 'each',
                             'output'} & set(row):
                yield name

    def shows(self, kind):
        """Attributes that the shapes of the readers' answers have."""
        names = set()
        for name in self.readers(kind):
            shape = self.output_shape(name)
            for ref in [{'shape': self.service.model['operations'][name]
                         ['output']['shape']}, *shape['members'].values()]:
                inner = self.shapes[ref['shape']]
                if inner['type'] == 'list':
                    inner = self.shapes[inner['member']['shape']]
                members = inner.get('members', {})
                if all(k in members for k in self.key(kind)) \
                        and (self.key(kind) or self.verb(name) == 'get'):
                    names |= set(members)
        return names

    def look(self, held):
        """What the sandbox shows of it now, or None; known is updated."""
        shown = None

        for name in self.readers(held.kind):
            params = self.name_it(name, held)
            if params is None:
                continue
            try:
                found = self.shown_by(name, params, held)
            except self.witness.client.exceptions.ClientError:
                continue
            if found is not None:
                shown = {**(shown or {}), **found}

        if shown is not None:
            held.known.update(shown)
        return shown

    def name_it(self, name, held):
        """Input that asks for it: the required members from what is known."""
        shape = self.input_shape(name)
        wanted = set(shape.get('required', []))
        params = {}
        ids = {v: k for k, v in self.rows[name].get('id', {}).items()}

        if self.verb(name) == 'get':
            wanted |= {self.rows[name].get('id', {}).get(k, k)
                       for k in self.key(held.kind)}

        for member in wanted:
            value = self.attribute(held, ids.get(member, member))
            if value is MISSING:
                return None
            if self.is_list(shape, member) and not isinstance(value, list):
                value = [value]
            params[member] = value

        return params

    def attribute(self, held, name):
        """WorkspaceIds is a WorkspaceId; SessionIds the Id of a session."""
        value = find(held.known, name)
        one = name.removesuffix('s')
        if value is MISSING:
            value = find(held.known, one)
        if value is MISSING and len(self.key(held.kind)) == 1 \
                and one.endswith(self.key(held.kind)[0]):
            value = find(held.known, self.key(held.kind)[0])
        return value

    def shown_by(self, name, params, held):
        key = self.key(held.kind)

        if self.verb(name) == 'get':
            answer = self.witness.call(name, params)
            inner = next((v for v in answer.values() if isinstance(v, dict)
                          and all(k in v for k in key) and key), None)
            return {**answer, **(inner or {})}

        for answer in self.pages(name, params):
            for listed in answer.values():
                if not isinstance(listed, list):
                    continue
                for item in listed:
                    if isinstance(item, dict) and key and all(
                            item.get(k) == find(held.known, k) for k in key):
                        return item
        return None

    def pages(self, name, params):
        params = dict(params)
        while True:
            answer = self.witness.call(name, dict(params))
            yield answer
            if not answer.get('NextToken'):
                return
            params['NextToken'] = answer['NextToken']

    # inputs that succeed

    def prepare(self, name, full, depth=0):
        """Input for the operation, and the entities that it acts on."""
        params = self.values.input(name, full)
        row = self.rows[name]
        verb = self.verb(name)
        held = []

        if verb in ('tag', 'untag', 'tags'):
            return params, [self.aim_tags(name, params, depth)]

        if verb == 'list':
            return params, self.aim_list(name, params, full, depth)

        items = self.items(name, params)

        # one seeded server or session is not acted on twice
        if row.get('each') and self.creator(row['entity']) is None:
            del items[1:]

        for item in items:
            self.meet_needs(name, item, depth)
            if verb not in ('create', 'place') or 'copy' in row:
                held.append(self.aim(name, item, depth))

        return params, held

    def meet_needs(self, name, item, depth):
        shape = self.item_shape(name)
        for member, kind in self.rows[name].get('needs', {}).items():
            if member not in item:
                continue
            made = self.make(kind, depth + 1)
            ident = find(made.known, self.key(kind)[0])
            item[member] = [ident] if self.is_list(shape, member) else ident

    def aim(self, name, item, depth):
        """An entity in a state in which the operation is possible."""
        row = self.rows[name]
        kind = row['entity']

        if row.get('upsert') and self.verb(name) == 'modify' \
                and self.creator(kind) == name:
            # made when it is not there: its key is another entity's
            return Held(kind, {part: item[part] for part in self.key(kind)})

        held = self.make(kind, depth + 1)
        names = row.get('copy') or row.get('id', {})

        for part in self.key(kind):
            if find(held.known, part) is not MISSING:
                item[names.get(part, part)] = find(held.known, part)

        for member in row.get('match', []):
            item[member] = held.known[member]

        self.bring(held, row.get('from'))
        self.give(held, row, item, depth)
        self.add_first(held, name, item, depth)
        return held

    def state(self, held):
        return held.known.get(self.entities[held.kind].get('state'))

    def bring(self, held, states):
        """Through operations that change its state, until it is in one."""
        if not states or self.state(held) in states \
                or self.state(held) is None:
            return
        for step in self.way(held.kind, self.state(held), states):
            params = self.values.input(step, False)
            item = self.items(step, params)[0]
            ids = self.rows[step].get('id', {})
            for part in self.key(held.kind):
                item[ids.get(part, part)] = held.known[part]
            self.ask(step, params)
            self.look(held)

    def way(self, kind, state, states):
        follows = self.entities[kind].get('states', {})
        member = self.entities[kind].get('state')
        ways = [(state, [])]

        for _ in range(STEPS_MAX):
            more = []
            for at, steps in ways:
                for name in self.service.operations():
                    row = self.rows[name]
                    to = row.get('set', {}).get(member)
                    if row.get('entity') != kind or to is None \
                            or at not in row.get('from', []):
                        continue
                    to = follows.get(to, {}).get('to', to)
                    if to in states:
                        return steps + [name]
                    more.append((to, steps + [name]))
            ways = more

        raise RuntimeError(f'no way from {state} to {states}')

    def give(self, held, row, item, depth):
        """"present": another operation sets the attribute before."""
        for attribute in row.get('present', []):
            for name in self.service.operations():
                other = self.rows[name]
                if other.get('entity') == held.kind \
                        and attribute in other.get('rename', {}).values():
                    params = self.values.input(name, False)
                    self.meet_needs(name, params, depth)
                    for part in self.key(held.kind):
                        params[part] = held.known[part]
                    self.ask(name, params)
                    item.update({k: v for k, v in params.items() if k in item})
                    break

    def add_first(self, held, name, item, depth):
        """What is to leave a list joins it before."""
        for member, rule in self.rows[name].get('remove', {}).items():
            for other in self.service.operations():
                row = self.rows[other]
                if row.get('entity') == held.kind and any(
                        r['to'] == rule['to']
                        for r in row.get('add', {}).values()):
                    params = self.values.input(other, True)
                    self.meet_needs(other, params, depth)
                    for part in self.key(held.kind):
                        params[row.get('id', {}).get(part, part)] = \
                            held.known[part]
                    self.ask(other, params)
                    if rule.get('by'):
                        item[member] = [v[rule['by']] for v in params[member]]
                    else:
                        item[member] = params[member]

    # tags

    def aim_tags(self, name, params, depth):
        shape = self.input_shape(name)
        member = 'ResourceId' if 'ResourceId' in shape['members'] else next(
            m for m in shape['members']
            if self.shapes[shape['members'][m]['shape']]['type'] == 'string')
        kind = next(k for k in self.entities
                    if self.creator(k) and any(
                        'Tags' in self.item_shape(self.creator(k))['members']
                        for _ in [0]))
        held = self.make(kind, depth + 1)
        params[member] = find(held.known, self.key(kind)[0])

        if self.verb(name) != 'tag':
            tagger = next(n for n in self.service.operations()
                          if self.verb(n) == 'tag')
            first = self.values.input(tagger, True)
            first[member] = params[member]
            self.ask(tagger, first)
            if self.verb(name) == 'untag':
                params['TagKeys'] = [t['Key'] for t in first['Tags']]

        return held

    def tags(self, held):
        """Its tags, as the operation that lists them says."""
        name = next(n for n in self.service.operations()
                    if self.verb(n) == 'tags')
        shape = self.input_shape(name)
        member = next(iter(shape['members']))
        answer = self.witness.call(
            name, {member: find(held.known, self.key(held.kind)[0])})
        listed = next((v for v in answer.values() if isinstance(v, list)), [])
        return {tag.get('Key'): tag.get('Value') for tag in listed}

    # lists

    def aim_list(self, name, params, full, depth):
        """Filters that fit an entity; in a full input all that fit one."""
        row = self.rows[name]
        shape = self.input_shape(name)
        required = shape.get('required', [])
        wanted = next((m for m in required), None)
        held = self.make(row['entity'], depth + 1, wanted)
        filters = row.get('filters', {})
        ids = {v: k for k, v in row.get('id', {}).items()}

        for member in list(params):
            if member in PAGING or filters.get(member, MISSING) is None:
                continue
            names = filters.get(member, ids.get(member, member))
            if isinstance(names, dict):
                params[member] = self.pairs(shape, member, names, held)
                continue
            value = self.attribute(held, names)
            if value is MISSING:
                value = self.otherwise(held, names, member, depth)
            if value is not MISSING:
                is_list = self.is_list(shape, member)
                params[member] = (value if isinstance(value, list)
                                  else [value]) if is_list else value

        if params.pop('NextToken', None):
            self.next_page(name, params, held, depth)
        return [held]

    def next_page(self, name, params, held, depth):
        """With another entity that fits, the input asks for its page."""
        shape = self.input_shape(name)
        limit = next((m for m in PAGING[1:] if m in params), None)
        if limit is None or self.creator(held.kind) is None:
            return

        other = self.make(held.kind, depth + 1)
        for member, value in params.items():
            more = self.attribute(other, member)
            if member not in PAGING and isinstance(value, list) \
                    and self.attribute(held, member) in value \
                    and more is not MISSING and more not in value:
                most = self.shapes[shape['members'][member]['shape']]
                if len(value) < most.get('max', 2):
                    value.append(more)

        first = self.witness.call(name, {**params, limit: 1})
        if first.get('NextToken'):
            params['NextToken'] = first['NextToken']

    def otherwise(self, held, path, member, depth):
        """An attribute that the creation renamed, or another call sets."""
        creator = self.creator(held.kind)
        renamed = self.rows[creator].get('rename', {}) if creator else {}

        if member in renamed:
            return find(held.known, renamed[member])

        for name in self.service.operations():
            row = self.rows[name]
            if row.get('entity') == held.kind \
                    and path.split('.')[0] in row.get('set', {}):
                params = self.values.input(name, True)
                self.meet_needs(name, params, depth)
                for part in self.key(held.kind):
                    params[row.get('id', {}).get(part, part)] = \
                        held.known[part]
                self.ask(name, params)
                self.look(held)
                return find(held.known, path)

        return MISSING

    def pairs(self, shape, member, names, held):
        """A list of {Name, Values} or {Key, Value} that fits the entity."""
        inner = self.shapes[self.shapes[shape['members'][member]['shape']]
                            ['member']['shape']]
        made = []

        for name, attribute in names.items():
            value = find(held.known, attribute)
            if value is MISSING:
                continue
            if 'Key' in inner['members']:
                made.append({'Key': name, 'Value': value})
                continue
            one = {'Name': name, 'Values': [value]}
            if 'Operator' in inner['members']:
                operators = self.shapes[
                    inner['members']['Operator']['shape']]['enum']
                one['Operator'] = next(o for o in operators
                                       if not o.startswith('NOT'))
            made.append(one)

        return made[:1]

    # after the broker's calls

    def clear(self, kind):
        """Sessions end and servers open, so that the next call has room."""
        if kind not in ('session', 'server'):
            return
        gone = [{'SessionId': s['Id'], 'Owner': s['Owner'], 'Force': True}
                for a in self.pages('DescribeSessions', {})
                for s in a['Sessions'] if s['State'] != 'DELETED']
        if gone:
            self.witness.call('DeleteSessions', {'Sessions': gone})
        self.witness.call('OpenServers', {'Servers': [
            {'ServerId': s['Id']} for a in self.pages('DescribeServers', {})
            for s in a['Servers']]})


def failures(answer):
    """The entries of a batch that failed."""
    return [entry for name, value in answer.items()
            if name.startswith(('Failed', 'Unsuccessful'))
            and isinstance(value, list) for entry in value]
