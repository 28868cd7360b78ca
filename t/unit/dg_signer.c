/*
 * dg_signer: tokens that the verifier of tokens accepts, the published set,
 * which key signs, and what both families of tokens say.
 */

#include "tap.h"

#include "../../src/core/dg_signer.c"

#include "dg_issuer.h"

#include <openssl/rsa.h>

#define NOW  1800000000

static uint8_t      memory[4 * 1024 * 1024];
static dg_arena_t   arena;
static dg_diag_t    diag;


static dg_signer_t *
signer_of(EVP_PKEY *pkey, const char *kid, int64_t not_before)
{
    BIO          *bio = BIO_new(BIO_s_mem());
    char         *data;
    long          len;
    dg_signer_t  *signer;

    if (PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
        != 1)
    {
        ok(false, "no PEM");
    }

    len = BIO_get_mem_data(bio, &data);
    signer = dg_signer_create(dg_span(data, (size_t) len),
                              dg_span_cstr(kid), not_before, &diag);
    BIO_free(bio);
    EVP_PKEY_free(pkey);

    return signer;
}


static dg_signer_t *
ec_signer(const char *kid, int64_t not_before)
{
    return signer_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), kid,
                     not_before);
}


static dg_jwks_t *
set_of(const dg_signer_t *const *signers, size_t count)
{
    char          text[8192];
    dg_jwks_t    *set = NULL;
    dg_writer_t   w = dg_writer(text, sizeof(text));

    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_signer_write_jwks(&w, signers, count) != DG_OK
        || dg_jwks_load(&arena, dg_written(&w), &set, &diag) != DG_OK)
    {
        ok(false, "set: %s", diag.text);
    }

    return set;
}


static dg_refusal_t
accepts(const dg_jwks_t *set, dg_span_t token, dg_caller_t *caller)
{
    size_t             which;
    dg_span_t          audience = DG_SPAN("deskgate");
    dg_issuer_t        issuer = {
        .name = DG_SPAN("gate"), .url = DG_SPAN("https://gate.example"),
        .audiences = &audience, .audience_count = 1, .rfc9068 = true,
        .algorithms = DG_JWS_RS256 | DG_JWS_ES256,
        .account = DG_SPAN("111122223333"), .groups_claim = DG_SPAN("groups")
    };
    dg_token_issuer_t  from = { &issuer, set };
    dg_token_rules_t   rules = { &from, 1, NOW, DG_SPAN_EMPTY };

    if (dg_issuer_check_config(&issuer, &diag) != DG_OK) {
        return DG_REFUSE_INTERNAL;
    }

    dg_arena_init(&arena, memory, sizeof(memory));
    return dg_token_verify(&rules, token, &arena, caller, &which);
}


static void
round_trip(dg_signer_t *signer, const char *name)
{
    char                text[4096], claims[4096];
    dg_jwks_t          *set;
    dg_caller_t         caller, verified;
    dg_writer_t         w = dg_writer(text, sizeof(text));
    dg_writer_t         c = dg_writer(claims, sizeof(claims));
    const dg_span_t     groups[] = { DG_SPAN("a\"b"), DG_SPAN("c") };
    const dg_attribute_t  tags[] = { { DG_SPAN("t"), DG_SPAN("v") } };
    const dg_signer_t  *only = signer;
    dg_signer_claims_t  what = {
        .issuer = DG_SPAN("https://gate.example"),
        .audience = DG_SPAN("deskgate"), .client_id = DG_SPAN("AKID"),
        .jti = DG_SPAN("id-1"), .now = NOW, .lifetime = 600,
        .caller = &caller
    };

    memset(&caller, 0, sizeof(caller));
    caller.kind = DG_CALLER_KEY;
    caller.arn = DG_SPAN("arn:aws:iam::111122223333:user/alice");
    caller.groups = groups;
    caller.group_count = 2;
    caller.tags = tags;
    caller.tag_count = 1;

    ok(dg_signer_write_caller(&c, &what) == NOW + 600, "%s: its end", name);
    ok(dg_jwt_sign(&w, signer, DG_SPAN("at+jwt"), dg_written(&c)) == DG_OK,
       "%s signs", name);

    set = set_of(&only, 1);

    ok(accepts(set, dg_written(&w), &verified) == DG_ALLOWED,
       "%s: accepted, by RFC 9068 as well", name);
    is_span(verified.subject, caller.arn, "%s: the subject", name);
    ok(verified.group_count == 2
       && dg_span_equal(verified.groups[0], groups[0]), "%s: groups", name);

    text[w.len - 2] = text[w.len - 2] == 'A' ? 'B' : 'A';
    ok(accepts(set, dg_written(&w), &verified) != DG_ALLOWED,
       "%s: not when altered", name);

    w = dg_writer(text, 60);
    ok(dg_jwt_sign(&w, signer, DG_SPAN("at+jwt"), dg_written(&c))
       == DG_ERR_LIMIT, "%s: no room", name);

    dg_jwks_release(set);
}


static void
lifetimes(void)
{
    char                text[4096];
    dg_caller_t         caller = { .arn = DG_SPAN("arn"),
                                   .expires_at = NOW + 30 };
    dg_writer_t         w = dg_writer(text, sizeof(text));
    dg_signer_claims_t  what = { .now = NOW, .lifetime = 3600,
                                 .caller = &caller, .jti = DG_SPAN("j"),
                                 .issuer = DG_SPAN("i"),
                                 .client_id = DG_SPAN("c"),
                                 .scope = DG_SPAN("s") };

    ok(dg_signer_write_caller(&w, &what) == NOW + 30,
       "never beyond the subject");
    caller.expires_at = NOW;
    ok(dg_signer_write_caller(&w, &what) == 0, "nothing is left");
    caller.expires_at = 0;
    w.len = 0;
    ok(dg_signer_write_broker(&w, &what) == NOW + 300,
       "a broker's token: five minutes at the most");
    is_span(dg_written(&w), DG_SPAN("{\"iss\":\"i\",\"sub\":\"arn\","
        "\"client_id\":\"c\",\"jti\":\"j\",\"iat\":1800000000,"
        "\"exp\":1800000300,\"token_use\":\"access\",\"scope\":\"s\"}"),
        "what it says");
}


static void
choosing(void)
{
    dg_signer_t        *a = ec_signer("a", 0), *b = ec_signer("b", NOW);
    const dg_signer_t  *both[] = { a, b };
    dg_jwks_t          *set = set_of(both, 2);

    ok(dg_signer_choose(both, 2, NOW - 1) == a, "before its time");
    ok(!dg_signer_same_key(a, b), "two keys are not one");
    ok(dg_signer_same_key(a, a), "one is");
    ok(dg_signer_choose(both, 2, NOW) == b, "from its second on");
    ok(dg_signer_choose(both + 1, 1, NOW - 1) == NULL, "none yet");
    ok(dg_jwks_count(set) == 2, "both are published");

    dg_jwks_release(set);
    dg_signer_destroy(a);
    dg_signer_destroy(b);
    dg_signer_destroy(NULL);
}


int
main(void)
{
    dg_signer_t  *rsa, *ec = ec_signer("e", 0);

    rsa = signer_of(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) 2048), "r",
                    0);

    ok(dg_signer_algorithm(rsa) == DG_JWS_RS256
       && dg_signer_algorithm(ec) == DG_JWS_ES256, "algorithms");

    round_trip(rsa, "RS256");
    round_trip(ec, "ES256");
    lifetimes();
    choosing();

    ok(dg_signer_create(DG_SPAN("x"), DG_SPAN("k"), 0, &diag) == NULL
       && strstr(diag.text, "PEM"), "no key");
    ok(signer_of(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) 1024), "k", 0)
       == NULL, "a weak one");
    ok(signer_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), "k", 0)
       == NULL, "a curve that is not taken");
    ok(signer_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), "", 0)
       == NULL, "no kid");

    dg_signer_destroy(rsa);
    dg_signer_destroy(ec);

    return done_testing();
}
