/*
 * dg_introspection: what is asked, what is answered, and the caller.
 */

#include "tap.h"

#include "dg_introspection.h"

#define NOW  1800000000
#define URL  "https://sso.example.com"
#define GOOD "\"active\":true,\"sub\":\"alice\",\"aud\":\"deskgate\""

static const dg_span_t  audience = { (const uint8_t *) "deskgate", 8 };
static uint8_t          memory[512 * 1024];
static dg_arena_t       arena;
static dg_issuer_t      issuer;
static dg_caller_t      caller;


static void
fresh(void)
{
    dg_arena_init(&arena, memory, sizeof(memory));

    issuer = (dg_issuer_t) {
        .name = DG_SPAN("corp"), .url = DG_SPAN(URL),
        .audiences = &audience, .audience_count = 1, .opaque_only = true,
        .account = DG_SPAN("111122223333")
    };

    if (dg_issuer_check_config(&issuer, NULL) != DG_OK) {
        ok(false, "the issuer of the tests is refused");
    }
}


static void
tokens(void)
{
    uint8_t      text[256], large[DG_INTROSPECTION_TOKEN_MAX + 1];
    dg_writer_t  w = dg_writer(text, sizeof(text));
    dg_span_t    token = DG_SPAN("a+b/c==");

    ok(dg_introspection_takes(token), "letters of b64token");
    ok(dg_introspection_takes(DG_SPAN("2YotnFZFEjr1zCsicMWpAA")), "plain");
    ok(!dg_introspection_takes(DG_SPAN("")), "none");
    ok(!dg_introspection_takes(DG_SPAN("==")), "padding alone");
    ok(!dg_introspection_takes(DG_SPAN("a b")), "a blank");
    ok(!dg_introspection_takes(DG_SPAN("a=b")), "padding in the middle");
    ok(!dg_introspection_takes(DG_SPAN("a&token=b")), "another parameter");
    memset(large, 'a', sizeof(large));
    ok(dg_introspection_takes(dg_span(large, sizeof(large) - 1)), "8 KiB");
    ok(!dg_introspection_takes(dg_span(large, sizeof(large))), "and more");

    dg_introspection_write(&w, token);
    is_span(dg_written(&w),
            DG_SPAN("token=a%2Bb%2Fc%3D%3D&token_type_hint=access_token"),
            "the form");
    ok(w.len <= dg_introspection_size(token), "is no longer than said");

    ok(dg_introspection_is_jwt(DG_SPAN("eyJhbGciOiJSUzI1NiJ9.e30.AA")),
       "a JWT");
    ok(dg_introspection_is_jwt(DG_SPAN("eyJhbGciOiJub25lIn0.e30.")),
       "one without a signature");
    ok(!dg_introspection_is_jwt(DG_SPAN("eyJh.e30")), "two parts");
    ok(!dg_introspection_is_jwt(DG_SPAN("eyJh.e30.A.A.A")), "five parts");
    ok(!dg_introspection_is_jwt(DG_SPAN("abc.def.ghi")), "no object");
    ok(!dg_introspection_is_jwt(DG_SPAN("eyJh.e3/.AA")), "other letters");
}


static dg_err_t
parse(const char *text, const dg_json_t **claims)
{
    dg_diag_t  diag = { 0 };
    dg_err_t   err;

    fresh();
    err = dg_introspection_parse(&arena, dg_span_cstr(text), claims, &diag);

    if ((err != DG_OK) != (diag.text[0] != '\0')) {
        ok(false, "%s: the diagnosis is wrong", text);
    }

    return err;
}


static void
answers(void)
{
    const dg_json_t  *claims;

    is_int(parse("{\"active\":false}", &claims), DG_OK, "not active");
    ok(claims == NULL, "no claims");
    is_int(parse("{\"active\":false,\"sub\":\"alice\"}", &claims), DG_OK,
           "not active, and more");
    ok(claims == NULL, "still no claims");
    is_int(parse("{" GOOD "}", &claims), DG_OK, "active");
    ok(claims != NULL, "claims");
    is_int(parse("{}", &claims), DG_ERR_MISSING, "nothing");
    is_int(parse("{\"active\":\"true\"}", &claims), DG_ERR_INVALID, "a text");
    is_int(parse("{\"active\":1}", &claims), DG_ERR_INVALID, "a number");
    is_int(parse("[true]", &claims), DG_ERR_INVALID, "a list");
    is_int(parse("{\"active\":true,\"active\":true}", &claims),
           DG_ERR_INVALID, "twice");
    is_int(parse("<html>", &claims), DG_ERR_SYNTAX, "HTML");

    is_int(parse("{" GOOD ",\"exp\":1800000030}", &claims), DG_OK, "an end");
    is_int(dg_introspection_life(claims, NOW, 60), 30, "is the end");
    is_int(dg_introspection_life(claims, NOW, 20), 20, "or the bound is");
    is_int(dg_introspection_life(claims, NOW + 30, 60), 0, "it has ended");
    is_int(parse("{" GOOD ",\"exp\":\"soon\"}", &claims), DG_OK, "no date");
    is_int(dg_introspection_life(claims, NOW, 60), 0, "is not used");
    is_int(parse("{" GOOD "}", &claims), DG_OK, "no end");
    is_int(dg_introspection_life(claims, NOW, 60), 60, "for as long as may be");
}


static void
check(dg_refusal_t want, const char *more, const char *name)
{
    char              text[1024];
    const dg_json_t  *claims;
    dg_token_rules_t  rules = { .now = NOW };

    snprintf(text, sizeof(text), "{\"active\":true%s}", more);

    if (parse(text, &claims) != DG_OK || claims == NULL) {
        ok(false, "%s: no answer", name);
        return;
    }

    issuer.groups_claim = DG_SPAN("groups");
    is_int(dg_introspection_check(&issuer, claims, &rules, &arena, &caller),
           want, "%s", name);

    if (caller.verified != (want == DG_ALLOWED)
        || caller.kind != DG_CALLER_OPAQUE)
    {
        ok(false, "%s: the caller is wrong", name);
    }
}


static void
callers(void)
{
#define SUB  ",\"sub\":\"al/ice\""
#define AUD  ",\"aud\":[\"x\",\"deskgate\"]"

    check(DG_ALLOWED, SUB AUD ",\"exp\":1800000030,\"iat\":1799999990,"
          "\"groups\":[\"a\",\"b\"],\"scope\":\"x y\",\"jti\":\"j\"", "good");
    is_span(caller.arn,
            DG_SPAN("arn:aws:deskgate::111122223333:opaque/corp/al%2Fice"),
            "his name");
    is_int(caller.group_count, 2, "groups");
    is_int(caller.expires_at, 1800000030, "end");
    is_int(caller.issued_at, 1799999990, "issued");
    is_span(caller.token_id, DG_SPAN("j"), "jti");

    check(DG_ALLOWED, SUB AUD, "no dates");
    is_int(caller.expires_at, NOW + DG_INTROSPECTION_LIFE, "ends soon");
    check(DG_ALLOWED, SUB AUD ",\"iss\":\"" URL "\",\"token_type\":\"bearer\"",
          "his issuer, and the type");
    check(DG_REFUSE_TOKEN_ISSUER, SUB AUD ",\"iss\":\"" URL "/\"",
          "another issuer");
    check(DG_REFUSE_TOKEN_ISSUER, SUB AUD ",\"iss\":7", "no issuer at all");
    check(DG_REFUSE_TOKEN_CLAIM, SUB AUD ",\"token_type\":\"DPoP\"", "DPoP");
    check(DG_REFUSE_TOKEN_CLAIM, SUB AUD ",\"typ\":\"Refresh\"", "refresh");
    check(DG_REFUSE_TOKEN_CLAIM, SUB AUD ",\"cnf\":{\"jkt\":\"x\"}", "bound");
    check(DG_REFUSE_TOKEN_AUDIENCE, SUB ",\"aud\":\"other\"", "not for us");
    check(DG_REFUSE_TOKEN_AUDIENCE, SUB, "for nobody");
    check(DG_REFUSE_TOKEN_EXPIRED, SUB AUD ",\"exp\":1799999900", "ended");
    check(DG_REFUSE_TOKEN_EARLY, SUB AUD ",\"nbf\":1800000900", "early");
    check(DG_REFUSE_TOKEN_CLAIM, AUD, "nobody's");
    check(DG_REFUSE_TOKEN_CLAIM, SUB AUD ",\"exp\":\"1800000030\"", "a text");

    fresh();
    issuer.algorithms = DG_JWS_RS256;
    is_int(dg_issuer_check_config(&issuer, NULL), DG_ERR_INVALID,
           "algorithms and no keys");
}


int
main(void)
{
    tokens();
    answers();
    callers();

    return done_testing();
}
