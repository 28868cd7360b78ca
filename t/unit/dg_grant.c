/*
 * dg_grant: what a token endpoint is asked for, and Basic.
 */

#include "tap.h"

#include "dg_grant.h"

#define EXCHANGE                                                              \
    "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
#define JWT                                                                   \
    "&subject_token_type=urn:ietf:params:oauth:token-type:jwt"

static uint8_t     memory[256 * 1024];
static dg_arena_t  arena;
static dg_grant_t  grant;


static dg_refusal_t
ask(const char *query, const char *body)
{
    static const dg_grant_rules_t  rules = {
        DG_GRANT_CLIENT_CREDENTIALS | DG_GRANT_TOKEN_EXCHANGE,
        { (const uint8_t *) "https://gate", 12 },
        { (const uint8_t *) "desk", 4 }
    };

    dg_arena_init(&arena, memory, sizeof(memory));
    return dg_grant_read(&rules, dg_span_cstr(query), dg_span_cstr(body),
                         &arena, &grant);
}


static void
requests(void)
{
    dg_grant_rules_t  none = { 0 };

    ok(ask("", "grant_type=client_credentials") == DG_ALLOWED
       && grant.type == DG_GRANT_CLIENT_CREDENTIALS, "in the body");
    ok(ask("grant_type=client_credentials", "") == DG_ALLOWED, "in the query");
    ok(ask("grant_type=client_credentials", "grant_type=client_credentials")
       == DG_REFUSE_GRANT_REQUEST, "in both");
    ok(ask("", "") == DG_REFUSE_GRANT_REQUEST, "nowhere");
    ok(ask("", "grant_type=") == DG_REFUSE_GRANT_REQUEST, "empty");
    ok(ask("", "Grant_type=client_credentials") == DG_REFUSE_GRANT_REQUEST,
       "names have a case");
    ok(ask("", "grant_type=password") == DG_REFUSE_GRANT_TYPE, "another");
    ok(ask("", "grant_type=client_credentials&more=1") == DG_ALLOWED,
       "unknown parameters are ignored");
    ok(ask("", "grant_type=client_credentials&scope=a")
       == DG_REFUSE_GRANT_SCOPE, "a scope");
    ok(ask("", "grant_type=client_credentials&scope=") == DG_ALLOWED,
       "an empty one is none");
    ok(ask("", "grant_type=client_credentials&audience=desk&audience=desk"
           "&resource=https://gate") == DG_ALLOWED, "targets, several");
    ok(ask("", "grant_type=client_credentials&audience=desk&audience=x")
       == DG_REFUSE_GRANT_TARGET, "all of them must be ours");
    ok(ask("", "grant_type=client_credentials&client_secret=s")
       == DG_REFUSE_GRANT_REQUEST, "a secret in the body");
    ok(ask("subject_token=x", EXCHANGE JWT) == DG_REFUSE_GRANT_REQUEST,
       "a token in the query");

    dg_arena_init(&arena, memory, sizeof(memory));
    ok(dg_grant_read(&none, DG_SPAN_EMPTY,
                     DG_SPAN("grant_type=client_credentials"), &arena,
                     &grant) == DG_REFUSE_GRANT_NOT_OFFERED, "not offered");
}


static void
exchanges(void)
{
    ok(ask("", EXCHANGE JWT "&subject_token=a.b.c") == DG_ALLOWED
       && grant.type == DG_GRANT_TOKEN_EXCHANGE && !grant.subject_vended,
       "an exchange");
    is_span(grant.subject_token, DG_SPAN("a.b.c"), "its token");
    ok(ask("", EXCHANGE "&subject_token=x&subject_token_type="
           DG_GRANT_VENDED_TYPE) == DG_ALLOWED && grant.subject_vended,
       "a vended session");
    ok(ask("", EXCHANGE JWT) == DG_REFUSE_GRANT_REQUEST, "no token");
    ok(ask("", EXCHANGE "&subject_token=x") == DG_REFUSE_GRANT_REQUEST,
       "no type");
    ok(ask("", EXCHANGE JWT "&subject_token=x&actor_token=y")
       == DG_REFUSE_GRANT_REQUEST, "an actor");
    ok(ask("", EXCHANGE JWT "&subject_token=x&requested_token_type=z")
       == DG_REFUSE_GRANT_REQUEST, "a type that is not given");
}


static bool
basic(const char *value, dg_grant_basic_t *out)
{
    dg_arena_init(&arena, memory, sizeof(memory));
    return dg_grant_read_basic(dg_span_cstr(value), &arena, out);
}


static void
basics(void)
{
    dg_grant_basic_t  b = { 0 };

    ok(basic("Basic aWQ6czpl", &b), "id:s:e");
    is_span(b.id, DG_SPAN("id"), "up to the first colon");
    is_span(b.secret, DG_SPAN("s:e"), "all behind it");
    ok(b.decoded_secret.len == 0, "nothing to decode");
    ok(basic("basic  aWQ6YSUyRmI=", &b), "id:a%%2Fb, and any case");
    is_span(b.decoded_secret, DG_SPAN("a/b"), "decoded");
    is_span(b.secret, DG_SPAN("a%2Fb"), "and as it is");
    ok(!basic("Basic aWQ=", &b), "no colon");
    ok(!basic("Basic aWQ6czpl=", &b), "no Base64");
    ok(!basic("Bearer aWQ6czpl", &b), "another scheme");
    ok(!basic("Basi", &b), "too short");
}


int
main(void)
{
    requests();
    exchanges();
    basics();

    return done_testing();
}
