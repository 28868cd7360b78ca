/*
 * Role rules: which fits, what the role becomes, what STS is asked.
 */

#define _GNU_SOURCE  /* memmem */

#include "dg_role.h"

#include "tap.h"

#define ROLE  "arn:aws:iam::111122223333:role/"

static uint8_t       memory[256 * 1024];
static dg_crypto_t  *crypto;

static const dg_span_t       groups[] = { DG_SPAN("staff"), DG_SPAN("ops") };
static const dg_attribute_t  claims[] = {
    { DG_SPAN("dept"), DG_SPAN("eng") },
    { DG_SPAN("list"), DG_SPAN("a") },
    { DG_SPAN("list"), DG_SPAN("b") },
    { DG_SPAN("path"), DG_SPAN("a/b") },
    { DG_SPAN("none"), DG_SPAN("") },
    { DG_SPAN("mail"), DG_SPAN("ada@example.com") }
};
static const dg_attribute_t  tags[] = { { DG_SPAN("team"), DG_SPAN("x") } };

static const dg_caller_t  ada = {
    .kind = DG_CALLER_JWT,
    .arn = DG_SPAN("arn:aws:deskgate::111122223333:jwt/corp/ada"),
    .issuer = DG_SPAN("corp"),
    .subject = DG_SPAN("ada"),
    .groups = groups, .group_count = 2,
    .claims = claims, .claim_count = 6,
    .tags = tags, .tag_count = 1
};

static const dg_caller_t  bob = {
    .kind = DG_CALLER_KEY,
    .arn = DG_SPAN("arn:aws:iam::111122223333:user/bob"),
    .account = DG_SPAN("111122223333"),
    .user_name = DG_SPAN("bob")
};


static void
chosen(void)
{
    const dg_span_t       ops[] = { DG_SPAN("ops") };
    const dg_span_t       others[] = { DG_SPAN("oper"), DG_SPAN("OPS") };
    const dg_attribute_t  eng[] = { { DG_SPAN("dept"), DG_SPAN("eng") } };
    const dg_attribute_t  both[] = { { DG_SPAN("list"), DG_SPAN("b") },
                                     { DG_SPAN("dept"), DG_SPAN("sales") } };
    const dg_role_rule_t  rules[] = {
        { .name = DG_SPAN("other"), .issuer = DG_SPAN("lab") },
        { .name = DG_SPAN("oper"), .issuer = DG_SPAN("corp"),
          .groups = others, .group_count = 2 },
        { .name = DG_SPAN("sales"), .issuer = DG_SPAN("corp"),
          .claims = both, .claim_count = 2 },
        { .name = DG_SPAN("eng"), .issuer = DG_SPAN("corp"),
          .claims = eng, .claim_count = 1 },
        { .name = DG_SPAN("ops"), .issuer = DG_SPAN("corp"),
          .groups = ops, .group_count = 1 },
        { .name = DG_SPAN("robots"), .keys = true,
          .caller = DG_SPAN("arn:aws:iam::*:user/b?b") },
        { .name = DG_SPAN("web"), .any_issuer = true, .web_identity = true }
    };
    const size_t          n = sizeof(rules) / sizeof(rules[0]);
    dg_caller_t           vended = ada;

    is_int((int64_t) dg_role_choose(rules, n, &ada, DG_SPAN_EMPTY), 3,
           "the first that fits");
    is_int((int64_t) dg_role_choose(rules, n, &ada, DG_SPAN("ops")), 4,
           "the one that was asked for");
    is_int((int64_t) dg_role_choose(rules, n, &ada, DG_SPAN("oper")),
           (int64_t) n, "not one that does not fit");
    is_int((int64_t) dg_role_choose(rules, n, &ada, DG_SPAN("robots")),
           (int64_t) n, "not one of another kind of caller");
    is_int((int64_t) dg_role_choose(rules, n, &bob, DG_SPAN_EMPTY), 5,
           "a caller of a key file");
    is_int((int64_t) dg_role_choose(rules, n, &bob, DG_SPAN("eng")),
           (int64_t) n, "has no issuer's rules");
    is_int((int64_t) dg_role_choose(rules, n, &ada, DG_SPAN("web")), 6,
           "by his own token");

    vended.kind = DG_CALLER_VENDED;
    is_int((int64_t) dg_role_choose(rules, n, &vended, DG_SPAN("web")),
           (int64_t) n, "which a vended session has not");
    is_int((int64_t) dg_role_choose(rules, n, &vended, DG_SPAN_EMPTY), 3,
           "but the issuer's other rules hold");
}


static dg_err_t
request_of(const dg_role_rule_t *rule, const dg_caller_t *caller,
    dg_sts_request_t *request)
{
    static dg_arena_t  arena;
    const char        *reason = NULL;
    dg_err_t           err;

    dg_arena_init(&arena, memory, sizeof(memory));

    err = dg_role_request(rule, caller, DG_SPAN("a.b.c"), crypto, &arena,
                          request, &reason);

    if (err == DG_ERR_INVALID) {
        ok(reason != NULL && reason[0], "with a reason: %s", reason);
    }

    return err;
}


static void
requests(void)
{
    dg_role_rule_t    rule = { .issuer = DG_SPAN("corp") };
    dg_sts_request_t  request;

    rule.role = DG_SPAN(ROLE "desk/${dept}-desks");
    rule.tags = true;
    rule.source_identity = true;
    rule.duration = 900;

    is_int(request_of(&rule, &ada, &request), DG_OK, "a claim in the role");
    is_text(request.role_arn, ROLE "desk/eng-desks", "the role");
    is_text(request.session_name, "corp+ada", "the session");
    is_text(request.source_identity, "corp+ada", "the source identity");
    is_int((int64_t) request.tag_count, 1, "the tags");
    is_int((int64_t) request.web_identity_token.len, 0, "no token");

    rule.session_claim = DG_SPAN("mail");
    is_int(request_of(&rule, &ada, &request), DG_OK, "a claim as session");
    is_text(request.session_name, "ada@example.com", "the claim");

    rule.session_claim = DG_SPAN("list");
    is_int(request_of(&rule, &ada, &request), DG_ERR_INVALID,
           "a claim of two values as session");

    rule = (dg_role_rule_t) { .role = DG_SPAN(ROLE "r"), .web_identity = true,
                              .any_issuer = true };
    is_int(request_of(&rule, &ada, &request), DG_OK, "web identity");
    is_text(request.web_identity_token, "a.b.c", "has the token");

    rule = (dg_role_rule_t) { .role = DG_SPAN(ROLE "r"), .keys = true };
    is_int(request_of(&rule, &bob, &request), DG_OK, "a key's caller");
    is_text(request.session_name, "+111122223333+bob", "is named by it");
}


static void
unfit_claims(void)
{
    static const char *const  roles[] = {
        ROLE "${list}", ROLE "${path}", ROLE "${none}", ROLE "${absent}",
        ROLE "${dept}${list}"
    };
    dg_caller_t               long_caller = ada;
    static dg_attribute_t     long_claim;
    static char               text[65];
    dg_sts_request_t          request;
    dg_role_rule_t            rule = { .issuer = DG_SPAN("corp") };

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        rule.role = dg_span_cstr(roles[i]);
        is_int(request_of(&rule, &ada, &request), DG_ERR_INVALID, "%s",
               roles[i]);
    }

    memset(text, 'x', sizeof(text));
    long_claim = (dg_attribute_t) { DG_SPAN("dept"), dg_span(text, 65) };
    long_caller.claims = &long_claim;
    long_caller.claim_count = 1;

    rule.role = DG_SPAN(ROLE "${dept}");
    is_int(request_of(&rule, &long_caller, &request), DG_ERR_INVALID,
           "a name of 65 bytes");

    long_claim.value.len = 64;
    is_int(request_of(&rule, &long_caller, &request), DG_OK,
           "a name of 64 bytes");
}


static void
policies(void)
{
    static const dg_attribute_t  odd = {
        DG_SPAN("odd"), DG_SPAN("a\"b\\c*d?e${aws:x}\n")
    };
    dg_caller_t       caller = ada;
    dg_role_rule_t    rule = {
        .issuer = DG_SPAN("corp"), .role = DG_SPAN(ROLE "r")
    };
    dg_sts_request_t  request;

    rule.policy = DG_SPAN("{\"a\":\"${claim:dept}-${aws:x}-${claim:dept}\"}");
    is_int(request_of(&rule, &ada, &request), DG_OK, "claims in a policy");
    is_text(request.policy, "{\"a\":\"eng-${aws:x}-eng\"}",
            "are put in, IAM's variables are left");

    caller.claims = &odd;
    caller.claim_count = 1;
    rule.policy = DG_SPAN("{\"a\":\"x${claim:odd}y\"}");
    is_int(request_of(&rule, &caller, &request), DG_OK, "an odd claim");
    is_text(request.policy, "{\"a\":\"xa\\\"b\\\\c${*}d${?}e${$}{aws:x}"
            "\\ny\"}", "stands for itself");

    rule.policy = DG_SPAN("{\"a\":\"${claim:list}\"}");
    is_int(request_of(&rule, &ada, &request), DG_ERR_INVALID,
           "a claim of two values");
    rule.policy = DG_SPAN("{\"a\":\"${claim:absent}\"}");
    is_int(request_of(&rule, &ada, &request), DG_ERR_INVALID,
           "a claim that is not there");
}


static void
configured(void)
{
    static const struct {
        const char  *role;
        dg_err_t     err;
    } cases[] = {
        { ROLE "desks", DG_OK },
        { ROLE "path/desks", DG_OK },
        { "arn:aws-cn:iam::111122223333:role/x", DG_OK },
        { ROLE "${dept}", DG_OK },
        { ROLE "p/d-${dept}-${sub}", DG_OK },
        { "", DG_ERR_MISSING },
        { "desks", DG_ERR_INVALID },
        { ROLE, DG_ERR_INVALID },
        { ROLE "de*", DG_ERR_INVALID },
        { "arn:aws:iam::1111:role/x", DG_ERR_INVALID },
        { "arn:aws:iam::${acct}:role/x", DG_ERR_INVALID },
        { "arn:aws:iam::111122223333:${kind}/x", DG_ERR_INVALID },
        { "arn:aws:sts::111122223333:role/x", DG_ERR_INVALID },
        { ROLE "${dept}/desks", DG_ERR_INVALID },
        { ROLE "${dept", DG_ERR_INVALID },
        { ROLE "${}", DG_ERR_INVALID }
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dg_diag_t       diag = { 0 };
        dg_role_rule_t  rule = { .issuer = DG_SPAN("corp") };

        rule.role = dg_span_cstr(cases[i].role);
        is_int(dg_role_check(&rule, &diag), cases[i].err, "role \"%s\"",
               cases[i].role);
        ok((diag.text[0] != 0) == (cases[i].err != DG_OK), "said: %s",
           diag.text);
    }
}


static void
combined(void)
{
    dg_diag_t       diag;
    dg_role_rule_t  rule = { .role = DG_SPAN(ROLE "r") };

    is_int(dg_role_check(&rule, &diag), DG_ERR_MISSING, "no issuer");

    rule.keys = true;
    is_int(dg_role_check(&rule, &diag), DG_OK, "keys");

    rule.group_count = 1;
    is_int(dg_role_check(&rule, &diag), DG_ERR_INVALID, "keys with a group");

    rule.group_count = 0;
    rule.issuer = DG_SPAN("corp");
    is_int(dg_role_check(&rule, &diag), DG_ERR_MISSING, "keys and an issuer");

    rule.keys = false;
    rule.web_identity = true;
    rule.tags = true;
    is_int(dg_role_check(&rule, &diag), DG_ERR_INVALID,
           "web identity with tags");
}


int
main(void)
{
    crypto = dg_crypto_create(NULL, NULL);

    chosen();
    requests();
    unfit_claims();
    policies();
    configured();
    combined();

    dg_crypto_destroy(crypto);
    return done_testing();
}
