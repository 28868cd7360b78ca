/*
 * Targets: dg_policy_decide, dg_policy_condition_eval, dg_pattern_match,
 * dg_policy_principal_fit.
 *
 * Policies and requests made of a few words, and what must hold of each:
 * an explicit deny always wins; adding a deny, or a boundary, never allows;
 * the order of statements and documents, and the case of the action, change
 * nothing; what is decided while keys or the resource are unknown holds
 * whatever they turn out to be.
 */

#include "dg_policy.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE   (4 * 1024 * 1024)
#define TEXT_SIZE    8192
#define DOCUMENTS    4
#define STATEMENTS   4
#define KEYS         3
#define KEY_STATES   4
#define RESOURCES    4

typedef struct {
    const uint8_t  *data;
    size_t          len;
} bytes_t;

typedef struct {
    dg_policy_form_t  form;
    unsigned          count;
    char              statements[STATEMENTS][1024];
    bool              deny[STATEMENTS];
} plan_t;

static uint8_t  block[BLOCK_SIZE];

/* How calls were decided, for whoever wants to know what was reached. */
static unsigned long  decided[DG_POLICY_ALLOW + 1];

typedef struct {
    const char  *name;
    const char  *operands[5];
} operator_t;

#define TEXTS  { "\"a\"", "[\"a\",\"b*\"]", "\"${k:1}\"", "\"*\"",       \
                 "\"${k:2}?${*}\"" }
#define ARNS   { "\"arn:aws:s:r:a:a1\"", "\"arn:aws:s:*:a:${k:0}*\"", "\"*\"", \
                 "\"${k:2}\"", "[\"arn:a:b:c:d:e\",\"arn:*:s:*:*:?1\"]" }
#define NETS   { "\"10.0.0.0/8\"", "\"10.1.1.1\"", "\"::/0\"",             \
                 "[\"::1\",\"0.0.0.0/0\"]", "\"11.0.0.0/8\"" }
#define BITS   { "\"1\"", "\"0\"", "[1,2]", "\"-1.5\"", "1e1" }

static const operator_t  operators[] = {
    { "StringEquals", TEXTS }, { "StringNotEquals", TEXTS },
    { "StringLike", TEXTS }, { "StringNotLike", TEXTS },
    { "StringEqualsIgnoreCase", TEXTS }, { "ArnLike", ARNS },
    { "ArnNotEquals", ARNS }, { "IpAddress", NETS },
    { "NotIpAddress", NETS }, { "NumericLessThan", BITS },
    { "NumericNotEquals", BITS }, { "DateGreaterThan",
    { "\"0\"", "\"1\"", "\"1970-01-01\"", "2", "[\"0\",\"3\"]" } },
    { "Bool", { "true", "\"false\"", "[true,false]", "false", "\"true\"" } }
};

static const char *const  actions[] = {
    "\"*\"", "\"s:A\"", "\"S:a*\"", "[\"s:B\",\"t:*\"]", "\"s:?\""
};

static const char *const  arns[] = {
    "\"*\"", "\"arn:aws:s:r:a:x/a\"", "\"arn:aws:s:r:a:x/${k:0}\"",
    "\"arn:aws:s:*:*:x*\"", "[\"arn:aws:t:r:a:y\",\"arn:aws:s:r:a:*:b\"]"
};

static const char *const  principals[] = {
    "\"*\"", "{\"AWS\":\"arn:aws:iam::123456789012:user/ann\"}",
    "{\"AWS\":\"123456789012\"}", "{\"AWS\":\"arn:aws:iam::*:user/b*\"}",
    "{\"Federated\":\"corp\"}"
};

static const dg_span_t  words[] = {
    { (const uint8_t *) "a", 1 }, { (const uint8_t *) "b*", 2 },
    { (const uint8_t *) "arn:aws:s:r:a:a1", 16 },
    { (const uint8_t *) "10.1.1.1", 8 }, { (const uint8_t *) "1", 1 }
};

static const dg_span_t  resources[RESOURCES] = {
    { (const uint8_t *) "arn:aws:s:r:a:x/a", 17 },
    { (const uint8_t *) "arn:aws:s:r:a:x/*", 17 },
    { (const uint8_t *) "arn:aws:t:r:a:y", 15 },
    { (const uint8_t *) "*", 1 }
};

/* The state of a key: absent, empty, one word or two, not known. */
typedef struct {
    unsigned  state[KEYS];   /* KEY_STATES: unknown */
} facts_t;


static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}


static unsigned
take(bytes_t *b, unsigned n)
{
    if (b->len == 0) {
        return 0;
    }

    b->len--;
    return *b->data++ % n;
}


#define WORD(b, list)  list[take(b, sizeof(list) / sizeof(list[0]))]


static void
plan_condition(bytes_t *b, dg_writer_t *w)
{
    static const char *const  prefixes[] = { "", "", "ForAllValues:",
                                             "ForAnyValue:" };
    const operator_t         *op = &WORD(b, operators);
    char                      key = (char) ('0' + take(b, KEYS));

    if (take(b, 6) == 0) {
        dg_write_cstr(w, "\"Null\":{\"k:");
        dg_write_char(w, key);
        dg_write_cstr(w, take(b, 2) ? "\":\"true\"}" : "\":\"false\"}");
        return;
    }

    dg_write_char(w, '"');
    dg_write_cstr(w, WORD(b, prefixes));
    dg_write_cstr(w, op->name);
    dg_write_cstr(w, take(b, 4) ? "" : "IfExists");
    dg_write_cstr(w, "\":{\"K:");
    dg_write_char(w, key);
    dg_write_cstr(w, "\":");
    dg_write_cstr(w, WORD(b, op->operands));
    dg_write_char(w, '}');
}


static void
plan_statement(bytes_t *b, plan_t *plan, bool deny)
{
    unsigned     n = plan->count++;
    dg_writer_t  w = dg_writer(plan->statements[n],
                               sizeof(plan->statements[n]) - 1);

    plan->deny[n] = deny;
    dg_write_cstr(&w, deny ? "{\"Effect\":\"Deny\","
                           : "{\"Effect\":\"Allow\",");
    dg_write_cstr(&w, take(b, 5) ? "\"Action\":" : "\"NotAction\":");
    dg_write_cstr(&w, WORD(b, actions));
    dg_write_cstr(&w, take(b, 5) ? ",\"Resource\":" : ",\"NotResource\":");
    dg_write_cstr(&w, WORD(b, arns));

    if (plan->form == DG_POLICY_RESOURCE) {
        dg_write_cstr(&w, take(b, 5) ? ",\"Principal\":"
                                     : ",\"NotPrincipal\":");
        dg_write_cstr(&w, WORD(b, principals));
    }

    if (take(b, 3)) {
        dg_write_cstr(&w, ",\"Condition\":{");
        plan_condition(b, &w);
        dg_write_char(&w, '}');
    }

    dg_write_char(&w, '}');
    plan->statements[n][w.len] = '\0';
}


static const dg_policy_t *
load(dg_arena_t *arena, const plan_t *plan, bool reversed)
{
    static char          text[TEXT_SIZE];
    dg_writer_t          w = dg_writer(text, sizeof(text));
    const dg_policy_t   *policy = NULL;
    dg_policy_options_t  options = { .form = plan->form };

    dg_write_cstr(&w, "{\"Version\":\"2012-10-17\",\"Statement\":[");

    for (unsigned i = 0; i < plan->count; i++) {
        dg_write_cstr(&w, i ? "," : "");
        dg_write_cstr(&w, plan->statements[reversed ? plan->count - 1 - i
                                                    : i]);
    }

    dg_write_cstr(&w, "]}");

    return dg_policy_load(arena, dg_written(&w), &options, NULL, &policy)
           == DG_OK ? policy : NULL;
}


static const dg_policy_set_t *
join(dg_arena_t *arena, const plan_t *plans, size_t count, bool reversed)
{
    dg_policy_document_t    documents[DOCUMENTS + 1];
    const dg_policy_set_t  *set = NULL;

    for (size_t i = 0; i < count; i++) {
        documents[i].name = DG_SPAN("a");
        documents[i].policy = load(arena,
                                   &plans[reversed ? count - 1 - i : i],
                                   reversed);
        if (documents[i].policy == NULL) {
            return NULL;
        }
    }

    require(dg_policy_set_create(arena, documents, count, NULL, &set)
            == DG_OK);
    return set;
}


static void
lookup(void *ctx, const dg_policy_key_t *key, size_t resource,
    dg_policy_values_t *values)
{
    const facts_t  *facts = ctx;
    unsigned        k = (unsigned) (key->name.data[2] - '0');
    unsigned        state = facts->state[k % KEYS];

    (void) resource;

    if (state == 0) {
        return;
    }

    values->presence = state == KEY_STATES ? DG_POLICY_NOT_KNOWN
                                           : DG_POLICY_PRESENT;
    values->values = words + k;
    values->count = state - 1;
}


static dg_policy_effect_t
decide(const dg_policy_set_t *set, dg_policy_request_t *request,
    facts_t *facts)
{
    dg_policy_decision_t  a, b;

    request->lookup = lookup;
    request->lookup_ctx = facts;
    dg_policy_decide(set, request, &a);
    dg_policy_explain(set, request, NULL, NULL, &b);
    require(a.effect == b.effect && !a.over_limit);

    return a.effect;
}


/* Every completion of the unknowns agrees with what was said before. */
static void
complete(const dg_policy_set_t *set, dg_policy_request_t request,
    facts_t facts, dg_policy_effect_t said)
{
    dg_policy_decision_t  d;

    for (unsigned k = 0; k < KEYS; k++) {
        if (facts.state[k] == KEY_STATES) {
            for (unsigned s = 0; s < KEY_STATES; s++) {
                facts.state[k] = s;
                complete(set, request, facts, said);
            }

            return;
        }
    }

    for (unsigned r = 0; r < RESOURCES; r++) {
        if (request.resource_unknown) {
            request.resources = &resources[r];
        }

        dg_policy_decide(set, &(dg_policy_request_t) {
            .action = request.action, .resources = request.resources,
            .resource_count = 1, .principal = request.principal,
            .cross_account = request.cross_account,
            .lookup = lookup, .lookup_ctx = &facts }, &d);

        require(d.effect != DG_POLICY_UNKNOWN && !d.over_limit);
        require(said == DG_POLICY_UNKNOWN
                || (said == DG_POLICY_ALLOW)
                   == (d.effect == DG_POLICY_ALLOW));
        require(said != DG_POLICY_DENY_EXPLICIT
                || d.effect == DG_POLICY_DENY_EXPLICIT);

        if (!request.resource_unknown) {
            return;
        }
    }
}


static void
check_added(dg_arena_t *arena, bytes_t *b, plan_t *plans, size_t count,
    dg_policy_request_t *request, facts_t *facts, dg_policy_effect_t before)
{
    const dg_policy_set_t  *set;
    plan_t                 *extra = &plans[count];
    dg_policy_effect_t      after;
    static const char       deny_all[] = "{\"Effect\":\"Deny\","
                                "\"Action\":\"*\",\"Resource\":\"*\"}";

    /* a deny, in any form */
    memset(extra, 0, sizeof(*extra));
    extra->form = (dg_policy_form_t) take(b, DG_POLICY_BOUNDARY);
    plan_statement(b, extra, true);
    set = join(arena, plans, count + 1, false);

    if (set != NULL) {
        after = decide(set, request, facts);
        require(after != DG_POLICY_ALLOW || before == DG_POLICY_ALLOW);
        require(before != DG_POLICY_DENY_EXPLICIT || after == before);
    }

    /* a boundary or session policy */
    memset(extra, 0, sizeof(*extra));
    extra->form = take(b, 2) ? DG_POLICY_BOUNDARY : DG_POLICY_SESSION;
    plan_statement(b, extra, take(b, 2));
    set = join(arena, plans, count + 1, false);

    if (set != NULL) {
        after = decide(set, request, facts);
        require(after != DG_POLICY_ALLOW || before == DG_POLICY_ALLOW);
    }

    /* a deny of everything */
    memset(extra, 0, sizeof(*extra));
    extra->form = DG_POLICY_SCP;
    extra->count = 1;
    memcpy(extra->statements[0], deny_all, sizeof(deny_all));
    set = join(arena, plans, count + 1, false);
    require(set == NULL
            || decide(set, request, facts) == DG_POLICY_DENY_EXPLICIT);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static plan_t           plans[DOCUMENTS + 1];
    bytes_t                 b = { data, size };
    dg_arena_t              arena;
    facts_t                 facts;
    size_t                  count = 1 + take(&b, DOCUMENTS);
    const dg_policy_set_t  *set, *reversed;
    dg_policy_effect_t      effect;
    dg_policy_request_t     request = {
        .action = take(&b, 3) ? DG_SPAN("s:A") : DG_SPAN("s:B"),
        .resource_count = 1,
        .principal = { .account = DG_SPAN("123456789012") }
    };

    dg_arena_init(&arena, block, sizeof(block));
    request.resources = &resources[take(&b, RESOURCES)];
    request.resource_unknown = take(&b, 5) == 0;
    request.cross_account = take(&b, 5) == 0;
    request.principal.arn = take(&b, 3)
        ? DG_SPAN("arn:aws:iam::123456789012:user/ann")
        : DG_SPAN("arn:aws:iam::123456789012:user/bob");

    for (unsigned k = 0; k < KEYS; k++) {
        facts.state[k] = take(&b, KEY_STATES + 1);
    }

    for (size_t i = 0; i < count; i++) {
        memset(&plans[i], 0, sizeof(plans[i]));
        plans[i].form = (dg_policy_form_t) take(&b, DG_POLICY_FORMS);

        for (unsigned n = 1 + take(&b, STATEMENTS); n > 0; n--) {
            plan_statement(&b, &plans[i], take(&b, 3) == 0);
        }
    }

    set = join(&arena, plans, count, false);

    if (set == NULL) {
        return 0;
    }

    effect = decide(set, &request, &facts);
    decided[effect]++;
    reversed = join(&arena, plans, count, true);
    require(reversed != NULL && decide(reversed, &request, &facts) == effect);

    complete(set, request, facts, effect);

    request.action = dg_span_equal(request.action, DG_SPAN("s:A"))
                     ? DG_SPAN("S:a") : DG_SPAN("S:b");
    require(decide(set, &request, &facts) == effect);

    check_added(&arena, &b, plans, count, &request, &facts, effect);

    return 0;
}
