/*
 * Decisions: statements, layers, principals, resources, variables, unknowns,
 * and what a decision and a trace tell.
 */

#include "policy.h"

#define READ_ALL  VERSION "{'Sid': 'Read', 'Effect': 'Allow', "              \
                  "'Action': 'workspaces:*', 'Resource': '*'}}"
#define NOTHING   VERSION "{'Effect': 'Allow', 'Action': 'x:Y', "            \
                  "'Resource': '*'}}"
#define FORBID    VERSION "[" ALLOW "}, {'Sid': 'No', 'Effect': 'Deny', "    \
                  "'Action': 'workspaces:Reboot*', 'Resource': '*'}]}"

static world_t  w;


static void
decides(dg_policy_effect_t want, const char *name, size_t count,
    const document_t *documents)
{
    is_int(world_decide(&w, documents, count, NULL), want, "%s", name);
}


static void
test_layers(void)
{
    const document_t  ok_id = { DG_POLICY_IDENTITY, READ_ALL };
    const document_t  no_id = { DG_POLICY_IDENTITY, NOTHING };
    const document_t  forbids[] = {
        { DG_POLICY_IDENTITY, FORBID }, { DG_POLICY_BOUNDARY, FORBID },
        { DG_POLICY_SESSION, FORBID }, { DG_POLICY_SCP, FORBID }
    };
    const document_t  resource = {
        DG_POLICY_RESOURCE, VERSION ALLOW ", 'Principal': '*'}}" };

    decides(DG_POLICY_DENY_IMPLICIT, "no document", 0, NULL);
    decides(DG_POLICY_ALLOW, "identity", 1, &ok_id);
    is_int(w.decision.layer, DG_POLICY_IDENTITY, "the layer");
    is_text(w.decision.sid, "Read", "the statement");
    decides(DG_POLICY_DENY_IMPLICIT, "identity without it", 1, &no_id);
    decides(DG_POLICY_ALLOW, "resource", 1, &resource);
    is_int(w.decision.layer, DG_POLICY_RESOURCE, "the layer");
    decides(DG_POLICY_ALLOW, "resource, identity without it", 2,
            (document_t[]) { resource, no_id });

    for (unsigned i = 0; i < 4; i++) {
        decides(DG_POLICY_DENY_EXPLICIT, dg_policy_form_name(forbids[i].form),
                2, (document_t[]) { ok_id, forbids[i] });
        is_text(w.decision.sid, "No", "denies by its statement");
        is_int(w.decision.statement, 1, "its index");
        is_int(w.decision.document, 1, "its document");
    }

    for (unsigned f = DG_POLICY_BOUNDARY; f <= DG_POLICY_SCP; f++) {
        document_t  grants = { (dg_policy_form_t) f, READ_ALL };
        document_t  lacks = { (dg_policy_form_t) f, NOTHING };

        decides(DG_POLICY_DENY_IMPLICIT, "a cap grants nothing", 1, &grants);
        decides(DG_POLICY_ALLOW, "under a cap that allows", 2,
                (document_t[]) { ok_id, grants });
        decides(DG_POLICY_DENY_IMPLICIT, "under one that does not", 2,
                (document_t[]) { ok_id, lacks });
        is_int(w.decision.layer, f, "which is named");
        decides(DG_POLICY_DENY_IMPLICIT, "nor with a resource policy", 2,
                (document_t[]) { resource, lacks });
        decides(f == DG_POLICY_SCP ? DG_POLICY_ALLOW
                                   : DG_POLICY_DENY_IMPLICIT,
                "two caps, one allows", 3,
                (document_t[]) { ok_id, grants, lacks });

        if (f != DG_POLICY_SCP) {
            ok(w.decision.has_document && w.decision.document == 2,
               "the one that does not is named");
        }
    }
}


static void
test_cross_account(void)
{
    const document_t  both[] = {
        { DG_POLICY_IDENTITY, READ_ALL },
        { DG_POLICY_RESOURCE, VERSION ALLOW
          ", 'Principal': {'AWS': '123456789012'}}}" }
    };

    w.request.cross_account = true;
    decides(DG_POLICY_DENY_IMPLICIT, "across accounts: identity alone", 1,
            both);
    is_int(w.decision.layer, DG_POLICY_RESOURCE, "lacks the resource's");
    decides(DG_POLICY_DENY_IMPLICIT, "across accounts: resource alone", 1,
            both + 1);
    is_int(w.decision.layer, DG_POLICY_IDENTITY, "lacks the identity's");
    decides(DG_POLICY_ALLOW, "across accounts: both", 2, both);
    w.request.cross_account = false;
}


/* AWS's exception is an option; the gateway caps whatever was granted. */
static void
test_direct_grant(void)
{
    const document_t  documents[] = {
        { DG_POLICY_RESOURCE, VERSION ALLOW ", 'Principal': {'AWS': "
          "'arn:aws:iam::123456789012:user/ann'}}}" },
        { DG_POLICY_BOUNDARY, NOTHING },
        { DG_POLICY_SCP, NOTHING },
    };

    decides(DG_POLICY_DENY_IMPLICIT, "a boundary caps a direct grant", 2,
            documents);
    w.options.direct_grants_uncapped = true;
    decides(DG_POLICY_ALLOW, "but not with AWS's exception", 2, documents);
    decides(DG_POLICY_DENY_IMPLICIT, "where an scp still does", 3,
            documents);
    w.options.direct_grants_uncapped = false;
}


static bool
fits(const char *element, const char *principal, const char *effect)
{
    char        text[512];
    document_t  documents[] = {
        { DG_POLICY_RESOURCE, text },
        { DG_POLICY_RESOURCE, VERSION ALLOW ", 'Principal': '*'}}" }
    };
    bool        deny = strcmp(effect, "Deny") == 0;
    dg_policy_effect_t  got;

    w.request.principal.arn = dg_span_cstr(principal);
    snprintf(text, sizeof(text), VERSION "{'Effect': '%s', 'Action': '*', "
             "'Resource': '*', %s}}", effect, element);
    got = world_decide(&w, documents, deny ? 2 : 1, NULL);
    w.request.principal.arn = DG_SPAN("arn:aws:iam::123456789012:user/ann");

    return got == (deny ? DG_POLICY_DENY_EXPLICIT : DG_POLICY_ALLOW);
}


static void
test_principals(void)
{
    const char *ann = "arn:aws:iam::123456789012:user/ann";
    const char *root = "arn:aws:iam::123456789012:root";
    const char *session = "arn:aws:sts::123456789012:assumed-role/Ops/joe";
    const char *corp = "arn:aws:deskgate::123456789012:user/corp/joe";
    const char *account = "'Principal': {'AWS': '123456789012'}";

    ok(fits("'Principal': '*'", ann, "Allow"), "every caller");
    ok(fits("'Principal': {'AWS': ['*']}", ann, "Allow"), "every caller");
    ok(!fits("'Principal': '*'", "", "Allow"), "nobody is no caller");
    ok(fits("'Principal': {'AWS': 'arn:aws:iam::123456789012:user/ann'}",
            ann, "Allow"), "an ARN");
    ok(!fits("'Principal': {'AWS': 'arn:aws:iam::123456789012:user/Ann'}",
             ann, "Allow"), "case matters");
    ok(!fits("'Principal': {'AWS': 'arn:aws:iam::123456789012:user/an'}",
             ann, "Allow"), "no prefix");
    ok(fits("'Principal': {'AWS': 'arn:aws:deskgate::*:user/corp/*'}", corp,
            "Allow"), "a wildcard");
    ok(fits("'Principal': {'AWS': 'arn:aws:iam::123456789012:role/Ops'}",
            session, "Allow"), "a role's session");
    ok(fits("'Principal': {'AWS': 'arn:aws:iam::123456789012:role/x/Ops'}",
            session, "Allow"), "a role with a path");
    ok(!fits("'Principal': {'AWS': 'arn:aws:iam::123456789012:role/Op'}",
             session, "Allow"), "another role");
    ok(!fits("'Principal': {'AWS': 'arn:aws:iam::999999999999:role/Ops'}",
             session, "Allow"), "another account's role");
    ok(fits("'Principal': {'AWS': "
            "'arn:aws:sts::123456789012:assumed-role/Ops/joe'}", session,
            "Allow"), "a session");
    ok(!fits(account, ann, "Allow"), "an account delegates only");
    ok(w.decision.delegated, "which the decision tells");
    ok(fits(account, root, "Allow"), "its root is it");
    ok(fits(account, ann, "Deny"), "a Deny covers the whole account");
    ok(!fits("'Principal': {'AWS': '999999999999'}", ann, "Deny"),
       "not another account");
    ok(!fits("'Principal': {'Service': 'ec2.amazonaws.com'}", ann, "Deny"),
       "a service is nobody here");

    ok(fits("'NotPrincipal': {'AWS': 'arn:aws:iam::123456789012:user/bob'}",
            ann, "Deny"), "all but bob");
    ok(!fits("'NotPrincipal': {'AWS': 'arn:aws:iam::123456789012:user/ann'}",
             ann, "Deny"), "all but ann");
    ok(fits("'NotPrincipal': {'AWS': '123456789012'}", ann, "Deny"),
       "all but an account's root");
    ok(!fits("'NotPrincipal': {'AWS': '123456789012'}", root, "Deny"),
       "which is exempt");
    ok(fits("'NotPrincipal': {'AWS': 'arn:aws:iam::1:user/bob'}", "",
            "Deny"), "nobody is denied too");
    ok(!fits("'NotPrincipal': {'AWS': '123456789012'}", ann, "Allow"),
       "an Allow leaves the account out");
    ok(!fits("'NotPrincipal': {'AWS': 'arn:aws:iam::1:user/bob'}", "",
             "Allow"), "and nobody");

    w.request.principal.issuer = DG_SPAN("corp");
    w.request.principal.issuer_url = DG_SPAN("https://idp.example/a");
    ok(fits("'Principal': {'Federated': 'corp'}", corp, "Allow"),
       "an issuer's name");
    ok(fits("'Principal': {'Federated': 'https://idp.example/a'}", corp,
            "Allow"), "its URL");
    ok(fits("'Principal': {'Federated': 'arn:aws:iam::123456789012:"
            "oidc-provider/idp.example/a'}", corp, "Allow"), "its ARN");
    ok(!fits("'Principal': {'Federated': 'arn:aws:iam::999999999999:"
             "oidc-provider/idp.example/a'}", corp, "Allow"),
       "another account's");
    ok(!fits("'Principal': {'Federated': 'cor'}", corp, "Allow"),
       "another name");
    w.request.principal.issuer = DG_SPAN_EMPTY;
    w.request.principal.issuer_url = DG_SPAN_EMPTY;
    ok(!fits("'Principal': {'Federated': '*'}", corp, "Allow"),
       "who is not federated");
}


static bool
covers(const char *pattern, const char *arn)
{
    char  text[512];

    w.resources[0] = dg_span_cstr(arn);
    w.request.resources = w.resources;
    w.request.resource_count = 1;
    snprintf(text, sizeof(text), VERSION "{'Effect': 'Allow', "
             "'Action': '*', 'Resource': '%s'}}", pattern);

    return world_one(&w, text, NULL) == DG_POLICY_ALLOW;
}


static void
test_resources(void)
{
    const char *ws = "arn:aws:workspaces:eu-west-1:123456789012:workspace/a";

    ok(covers("*", ws), "everything");
    ok(covers("*", "*"), "and no resource");
    ok(!covers("arn:aws:workspaces:*:*:*", "*"), "an ARN needs one");
    ok(covers("arn:aws:workspaces:*:*:workspace/*", ws), "wildcards");
    ok(covers("arn:aws:workspaces:eu-*-1:123456789012:workspace/?", ws),
       "inside of parts");
    ok(!covers("arn:aws:workspaces:*:*:WORKSPACE/*", ws), "case matters");
    ok(!covers("arn:aws:workspaces:*:*:workspace", ws), "no prefix");
    ok(covers("arn:aws:workspaces:*", ws), "short ones are completed");
    ok(covers("arn:*", ws), "very short ones too");
    ok(!covers("arn:aws:ec2:*", ws), "another service");
    ok(!covers("arn:aws:workspaces:*:workspace/a", ws),
       "a star stays in its part");
    ok(covers("arn:aws:x:r:a:b/*/d", "arn:aws:x:r:a:b/c/c/d"),
       "a star spans slashes");
    ok(!covers("arn:aws:x:r:a:b*d", "arn:aws:x:r:a:b:d"),
       "but no colon of the resource");
    ok(covers("arn:aws:x:r:a:b*", "arn:aws:x:r:a:b:c:d"),
       "save at the end");
    ok(covers("*", "no ARN at all"), "text is under * only");
    ok(!covers("arn:*", "no ARN at all"), "and under no ARN");

    is_int(world_one(&w, VERSION "{'Effect': 'Allow', 'Action': '*', "
                     "'NotResource': 'arn:aws:x:*'}}", NULL),
           DG_POLICY_ALLOW, "NotResource of another");
    is_int(world_one(&w, VERSION "{'Effect': 'Allow', 'Action': '*', "
                     "'NotResource': ['arn:aws:x:*', '*']}}", NULL),
           DG_POLICY_DENY_IMPLICIT, "NotResource of this");

    w.resources[0] = dg_span_cstr(ws);
    w.resources[1] = DG_SPAN("arn:aws:workspaces:eu-west-1:123456789012:"
                             "workspace/b");
    w.request.resource_count = 2;
    is_int(world_one(&w, VERSION "{'Effect': 'Allow', 'Action': '*', "
                     "'Resource': 'arn:aws:workspaces:*:*:*/a'}}", NULL),
           DG_POLICY_DENY_IMPLICIT, "each resource must be allowed");
    is_int(w.decision.resource, 1, "the one that is not is named");
    is_int(world_one(&w, VERSION "[" ALLOW "}, {'Effect': 'Deny', "
                     "'Action': '*', 'Resource': 'arn:aws:workspaces:*:*:"
                     "*/b'}]}", NULL), DG_POLICY_DENY_EXPLICIT,
           "a Deny of one is a Deny of the call");
    is_int(w.decision.resource, 1, "and names it");
}


static void
test_actions(void)
{
    static const struct {
        const char  *element;
        bool         matches;
    } cases[] = {
        { "'Action': '*'", true },
        { "'Action': 'workspaces:RebootWorkspaces'", true },
        { "'Action': 'WORKSPACES:rebootworkspaces'", true },
        { "'Action': 'workspaces:Reboot*'", true },
        { "'Action': 'workspaces:?eboot*s'", true },
        { "'Action': 'workspaces:Reboot'", false },
        { "'Action': ['x:Y', 'workspaces:*']", true },
        { "'NotAction': 'x:Y'", true },
        { "'NotAction': ['x:Y', 'workspaces:R*']", false },
    };
    char  text[256];

    w.request.resource_count = 0;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), VERSION "{'Effect': 'Allow', %s, "
                 "'Resource': '*'}}", cases[i].element);
        is_int(world_one(&w, text, NULL) == DG_POLICY_ALLOW,
               cases[i].matches, "%s", cases[i].element);
    }

    w.request.action = DG_SPAN("nothing");
    is_int(world_one(&w, VERSION ALLOW "}}", NULL), DG_POLICY_DENY_IMPLICIT,
           "an action without a service");
    ok(w.decision.over_limit, "is told");
    w.request.action = DG_SPAN("workspaces:RebootWorkspaces");
}


static void
test_variables(void)
{
    static const fact_t  ann[] = {
        { .key = "aws:username", .values = { "ann" } },
        { .key = "k:k", .values = { "ann" } }, { .key = NULL } };
    static const fact_t  star[] = {
        { .key = "aws:username", .values = { "*" } },
        { .key = "k:k", .values = { "bob" } }, { .key = NULL } };
    static const fact_t  list[] = {
        { .key = "aws:username", .values = { "ann", "bob" } },
        { .key = "k:k", .values = { "ann" } }, { .key = NULL } };
    static const fact_t  none[] = {
        { .key = "k:k", .values = { "nobody" } }, { .key = NULL } };
    const char  *own = VERSION "{'Effect': 'Allow', 'Action': '*', "
        "'Resource': 'arn:aws:x:r:a:home/${aws:username}/*'}}";
    const char  *equal = VERSION ALLOW ", 'Condition': {'StringLike': "
        "{'k:k': '${aws:username}'}}}}";
    const char  *other = VERSION ALLOW ", 'Condition': {'StringNotEquals': "
        "{'k:k': '${aws:username}'}}}}";
    const char  *old = "{'Version': '2008-10-17', 'Statement': " ALLOW
        ", 'Condition': {'StringEquals': {'k:k': '${aws:username}'}}}}";
    static const fact_t  plain[] = {
        { .key = "k:k", .values = { "${aws:username}" } }, { .key = NULL } };

    w.resources[0] = DG_SPAN("arn:aws:x:r:a:home/ann/file");
    w.request.resource_count = 1;
    is_int(world_one(&w, own, ann), DG_POLICY_ALLOW, "own folder");
    is_int(world_one(&w, own, star), DG_POLICY_DENY_IMPLICIT,
           "a user named * has no other's");
    is_int(world_one(&w, own, none), DG_POLICY_DENY_IMPLICIT, "no user name");
    is_int(world_one(&w, equal, ann), DG_POLICY_ALLOW, "in a condition");
    is_int(world_one(&w, equal, star), DG_POLICY_DENY_IMPLICIT,
           "a star of a value is text");
    is_int(world_one(&w, equal, list), DG_POLICY_DENY_IMPLICIT,
           "several values are no text");
    is_int(world_one(&w, equal, none), DG_POLICY_DENY_IMPLICIT,
           "what has no value matches nothing");
    is_int(world_one(&w, other, none), DG_POLICY_ALLOW,
           "so a negated operator holds");
    is_int(world_one(&w, VERSION ALLOW ", 'Condition': {'StringEquals': "
                     "{'k:k': \"${aws:username, \\u0027nobody\\u0027}\"}}}}",
                     none), DG_POLICY_ALLOW, "a default");
    is_int(world_one(&w, old, ann), DG_POLICY_DENY_IMPLICIT,
           "Version 2008 has no variables");
    is_int(world_one(&w, old, plain), DG_POLICY_ALLOW, "but their text");
    w.request.resource_count = 0;
}


static void
test_unknown(void)
{
    static const fact_t  unknown[] = {
        { .key = "k:k", .unknown = true }, { .key = NULL } };
    const char  *allow = VERSION ALLOW
        ", 'Condition': {'StringEquals': {'k:k': 'a'}}}}";
    const char  *deny = VERSION "[" ALLOW "}, " DENY
        ", 'Condition': {'StringEquals': {'k:k': 'a'}}}]}";
    const char  *both = VERSION "[" ALLOW "}, " ALLOW
        ", 'Condition': {'StringEquals': {'k:k': 'a'}}}]}";
    const char  *never = VERSION DENY
        ", 'Condition': {'StringEquals': {'k:k': 'a'}}}}";
    const char  *item = VERSION "{'Effect': 'Allow', 'Action': '*', "
        "'Resource': 'arn:aws:workspaces:*:*:workspace/a'}}";

    is_int(world_one(&w, allow, unknown), DG_POLICY_UNKNOWN,
           "an Allow that may hold");
    is_int(world_one(&w, deny, unknown), DG_POLICY_UNKNOWN,
           "a Deny that may hold");
    is_int(world_one(&w, both, unknown), DG_POLICY_ALLOW,
           "another Allow holds anyway");
    is_int(world_one(&w, never, unknown), DG_POLICY_DENY_IMPLICIT,
           "nothing can allow it");
    is_int(world_one(&w, VERSION ALLOW ", 'Condition': {'Null': "
                     "{'k:k': 'true'}}}}", unknown), DG_POLICY_UNKNOWN,
           "Null of an unknown key");
    is_int(world_one(&w, VERSION ALLOW ", 'Condition': {'StringEquals': "
                     "{'a:a': '1', 'k:k': 'a'}}}}", unknown),
           DG_POLICY_DENY_IMPLICIT, "another condition fails anyway");

    w.request.resource_unknown = true;
    is_int(world_one(&w, item, NULL), DG_POLICY_UNKNOWN, "unknown resource");
    is_int(world_one(&w, READ_ALL, NULL), DG_POLICY_ALLOW,
           "under * it does not matter");
    w.request.resource_unknown = false;
}


typedef struct {
    unsigned           calls;
    unsigned           conditions;
    dg_policy_truth_t  last;
    char               key[32];
} heard_t;


static void
hear(void *ctx, const dg_policy_trace_t *t)
{
    heard_t  *h = ctx;

    h->calls++;
    h->last = t->truth;

    if (t->part == DG_POLICY_PART_CONDITION) {
        h->conditions++;
        snprintf(h->key, sizeof(h->key), "%.*s", (int) t->key->name.len,
                 (const char *) t->key->name.data);
    }
}


static void
test_trace(void)
{
    heard_t               heard;
    dg_policy_decision_t  d;

    memset(&heard, 0, sizeof(heard));
    (void) world_one(&w, VERSION "[" DENY "}, " ALLOW ", 'Condition': {"
                     "'StringEquals': {'a:a': '1', 'b:b': '2'}}}]}", NULL);
    dg_policy_explain(w.set, &w.request, hear, &heard, &d);
    is_int(d.effect, DG_POLICY_DENY_EXPLICIT, "explain decides the same");
    is_int(heard.conditions, 2, "and tells all conditions");
    ok(strcmp(heard.key, "b:b") == 0, "with their keys");
    is_int(heard.calls, 3 + 3 + 2, "and all parts");
    is_int(heard.last, DG_POLICY_NO, "and how they came out");
}


static void
test_limits(void)
{
    static uint8_t  arn[DG_POLICY_RESOURCE_MAX + 1];
    dg_writer_t     out = dg_writer(arn, sizeof(arn));

    dg_write_cstr(&out, "arn:aws:x:r:a:");

    while (out.len < sizeof(arn)) {
        dg_write_char(&out, 'x');
    }

    w.request.resource_count = 1;
    w.resources[0] = dg_span(arn, DG_POLICY_RESOURCE_MAX);
    is_int(world_one(&w, READ_ALL, NULL), DG_POLICY_ALLOW, "4096 bytes");
    w.resources[0] = dg_span(arn, DG_POLICY_RESOURCE_MAX + 1);
    is_int(world_one(&w, READ_ALL, NULL), DG_POLICY_DENY_IMPLICIT,
           "4097 bytes are refused");
    ok(w.decision.over_limit, "and that is told");
    w.request.resource_count = 0;
}


/* Texts that would take too long are refused, whatever they would match. */
static void
test_steps(void)
{
    size_t                  n = 4 * 1024 * 1024;
    char                   *value = malloc(n + 1);
    fact_t                  facts[] = { { .key = "k:k" }, { .key = NULL } };
    static char             text[32768];
    size_t                  len = 0;

    memset(value, 'a', n);
    value[n] = '\0';
    facts[0].values[0] = value;
    len += (size_t) snprintf(text, sizeof(text), VERSION ALLOW
                             ", 'Condition': {'StringNotLike': {'k:k': [");

    for (unsigned i = 0; i < 40; i++) {
        len += (size_t) snprintf(text + len, sizeof(text) - len,
                                 "'*b%u*',", i);
    }

    snprintf(text + len, sizeof(text) - len, "'b']}}}}");
    is_int(world_one(&w, text, facts), DG_POLICY_DENY_IMPLICIT,
           "40 patterns against 4 MiB");
    ok(w.decision.over_limit, "take too long, which is a refusal");
    free(value);
}


int
main(void)
{
    world_init(&w);

    test_layers();
    test_cross_account();
    test_direct_grant();
    test_principals();
    test_resources();
    test_actions();
    test_variables();
    test_unknown();
    test_trace();
    test_limits();
    test_steps();

    world_free(&w);

    return done_testing();
}
