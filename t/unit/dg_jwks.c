/*
 * dg_jwks: what is loaded, left out and refused; lookup; verification.
 */

#define _POSIX_C_SOURCE  200809L

#include "jwt.h"
#include "tap.h"

#include "dg_arena.h"

#include <sys/wait.h>
#include <unistd.h>

static dg_diag_t  diag;


static dg_jwks_t *
load(const char *text)
{
    dg_jwks_t  *set = NULL;

    diag = (dg_diag_t) { 0 };

    if (dg_jwks_load(jwt_fresh(), dg_span_cstr(text), &set, &diag) != DG_OK) {
        return NULL;
    }

    return set;
}


static dg_jwks_t *
load_key(const jwt_key_t *key, const char *more)
{
    dg_span_t   text = jwt_set(key, more);
    dg_jwks_t  *set = NULL;

    if (dg_jwks_load(jwt_fresh(), text, &set, &diag) != DG_OK) {
        set = NULL;
    }

    jwt_free(text);
    return set;
}


static void
refused(dg_err_t want, const char *text, const char *name)
{
    dg_jwks_t  *set = NULL;

    diag = (dg_diag_t) { 0 };
    is_int(dg_jwks_load(jwt_fresh(), dg_span_cstr(text), &set, &diag), want,
           "refused: %s", name);
    ok(set == NULL && diag.text[0] != '\0', "said: %s", diag.text);
    dg_jwks_release(set);
}


static void
names(void)
{
    is_int(dg_jws_algorithm(DG_SPAN("RS256")), DG_JWS_RS256, "RS256");
    is_int(dg_jws_algorithm(DG_SPAN("EdDSA")), DG_JWS_EDDSA, "EdDSA");
    is_int(dg_jws_algorithm(DG_SPAN("Ed25519")), DG_JWS_EDDSA, "Ed25519");
    is_int(dg_jws_algorithm(DG_SPAN("none")), 0, "none has no bit");
    is_int(dg_jws_algorithm(DG_SPAN("None")), 0, "None has no bit");
    is_int(dg_jws_algorithm(DG_SPAN("NONE")), 0, "NONE has no bit");
    is_int(dg_jws_algorithm(DG_SPAN("HS256")), 0, "HS256 has no bit");
    is_int(dg_jws_algorithm(DG_SPAN("rs256")), 0, "case counts");
    is_int(dg_jws_algorithm(DG_SPAN("")), 0, "empty has no bit");
    is_text(dg_span_cstr(dg_jws_algorithm_name(DG_JWS_PS384)), "PS384",
            "the name of a bit");
    ok(dg_jws_algorithm_name(DG_JWS_RS256 | DG_JWS_ES256) == NULL
       && dg_jws_algorithm_name(0) == NULL, "two bits or none have no name");
}


static void
sets(void)
{
    refused(DG_ERR_SYNTAX, "{\"keys\":[", "cut text");
    refused(DG_ERR_MISSING, "[]", "an array");
    refused(DG_ERR_MISSING, "{}", "no keys");
    refused(DG_ERR_MISSING, "{\"keys\":{}}", "keys is no array");
    refused(DG_ERR_MISSING, "{\"keys\":[]}", "no key in it");
    refused(DG_ERR_INVALID, "{\"keys\":[1]}", "a key that is no object");
    refused(DG_ERR_INVALID,
            "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"client-id\"}]}",
            "a symmetric key, even without k");
    refused(DG_ERR_INVALID, "{\"keys\":[{\"kty\":\"x\",\"k\":\"c2VjcmV0\"}]}",
            "a member k");
    refused(DG_ERR_INVALID, "{\"keys\":[{\"kty\":\"OKP\",\"d\":\"AA\"}]}",
            "a member d");
    refused(DG_ERR_INVALID, "{\"keys\":[{\"kty\":\"RSA\",\"oth\":[]}]}",
            "a member oth");
    refused(DG_ERR_MISSING, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\"}]}",
            "a key without coordinates");
    refused(DG_ERR_MISSING, "{\"keys\":[{\"kty\":\"AKP\",\"alg\":\"x\"}]}",
            "an unknown kty alone");
    refused(DG_ERR_MISSING, "{\"keys\":[{}]}", "a key without kty");
}


static void
too_many(void)
{
    dg_writer_t  w = dg_writer(malloc(JWT_TEXT), JWT_TEXT);

    dg_write_cstr(&w, "{\"keys\":[");

    for (int i = 0; i <= DG_JWKS_KEYS_MAX; i++) {
        dg_write_cstr(&w, i ? ",{}" : "{}");
    }

    dg_write_cstr(&w, "]}");
    dg_write_char(&w, '\0');
    refused(DG_ERR_LIMIT, (const char *) w.data, "one key too many");
    free(w.data);
}


static void
left_out(const jwt_key_t *key, const char *more, const char *name)
{
    dg_jwks_t  *set;

    diag = (dg_diag_t) { 0 };
    set = load_key(key, more);
    ok(set == NULL && diag.text[0] != '\0', "left out: %s: %s", name,
       diag.text);
    dg_jwks_release(set);
}


static void
uses(const jwt_key_t *rsa, const jwt_key_t *ec)
{
    dg_jwks_t  *set;

    left_out(rsa, "\"use\":\"enc\"", "use enc");
    left_out(rsa, "\"use\":1", "use is no string");
    left_out(rsa, "\"key_ops\":[\"encrypt\"]", "key_ops without verify");
    left_out(rsa, "\"key_ops\":\"verify\"", "key_ops is no list");
    left_out(rsa, "\"alg\":\"RSA-OAEP\"", "alg of encryption");
    left_out(rsa, "\"alg\":\"HS256\"", "alg HS256 on an RSA key");
    left_out(rsa, "\"alg\":\"none\"", "alg none");
    left_out(rsa, "\"alg\":\"ES256\"", "alg of another kty");
    left_out(ec, "\"alg\":\"ES384\"", "alg of another curve");
    left_out(rsa, "\"kid\":7", "kid is no string");

    set = load_key(rsa, "\"use\":\"sig\",\"key_ops\":[\"sign\",\"verify\"],"
                   "\"alg\":\"PS256\",\"x5u\":\"http://127.0.0.1/\","
                   "\"x5c\":[\"AAAA\"],\"kid\":\"a\"");
    ok(set != NULL && dg_jwks_count(set) == 1, "a full entry is loaded");
    is_int(set ? dg_jwk_algorithms(dg_jwks_find_id(set, DG_SPAN("a"))) : 0,
           DG_JWS_PS256, "alg narrows what it may verify");
    dg_jwks_release(set);
}


static void
weak(void)
{
    jwt_key_t  small = jwt_rsa("RS256", 1024);

    left_out(&small, "\"kid\":\"small\"", "RSA of 1024 bits");
    EVP_PKEY_free(small.pkey);

    refused(DG_ERR_MISSING,
            "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
            "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":"
            "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}",
            "a point that is not on the curve");
    refused(DG_ERR_MISSING,
            "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":"
            "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":"
            "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}",
            "a curve that is not offered");
    refused(DG_ERR_MISSING,
            "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}"
            "]}", "an Ed25519 key of 3 bytes");
}


/* An RSA key of any modulus and exponent. */
static dg_jwks_t *
load_modulus(const BIGNUM *n, const char *e)
{
    uint8_t      bytes[4096];
    dg_jwks_t   *set;
    dg_writer_t  w = dg_writer(malloc(JWT_TEXT), JWT_TEXT);
    const int    len = BN_bn2bin(n, bytes);

    dg_write_cstr(&w, "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"");
    dg_write_cstr(&w, e);
    dg_write_cstr(&w, "\",\"n\":\"");
    dg_write_base64url(&w, dg_span(bytes, (size_t) len));
    dg_write_cstr(&w, "\"}]}");
    dg_write_char(&w, '\0');
    set = load((const char *) w.data);
    free(w.data);

    return set;
}


/* A modulus as the broken generator made them: 65537^a mod M plus k M. */
static BIGNUM *
roca_modulus(void)
{
    BN_CTX  *ctx = BN_CTX_new();
    BIGNUM  *m = BN_new(), *n = BN_new(), *a = BN_new();

    BN_one(m);

    for (BN_ULONG p = 2; p <= 167; p++) {
        bool  prime = true;

        for (BN_ULONG d = 2; d * d <= p; d++) {
            prime = prime && p % d != 0;
        }

        if (prime) {
            BN_mul_word(m, p);
        }
    }

    BN_set_word(n, 65537);
    BN_set_word(a, 123456789);
    BN_mod_exp(n, n, a, m, ctx);

    while (BN_num_bits(m) < 2048) {
        BN_lshift1(m, m);
    }

    BN_add(n, n, m);
    BN_free(a);
    BN_free(m);
    BN_CTX_free(ctx);

    return n;
}


static void
moduli(const jwt_key_t *rsa)
{
    BIGNUM     *n = NULL, *roca = roca_modulus(), *big = BN_new();
    dg_jwks_t  *set;

    jwt_must(EVP_PKEY_get_bn_param(rsa->pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1,
             "n");
    set = load_modulus(n, "AQAB");
    ok(set != NULL, "exponent 65537 is accepted");
    dg_jwks_release(set);
    set = load_modulus(n, "Aw");
    ok(set != NULL, "exponent 3 is accepted");
    dg_jwks_release(set);
    ok(load_modulus(n, "AQ") == NULL, "exponent 1 is refused");
    ok(load_modulus(n, "AA") == NULL, "exponent 0 is refused");
    ok(load_modulus(n, "BA") == NULL, "an even exponent is refused");
    ok(load_modulus(n, "AQAAAAAAAAAB") == NULL,
       "an exponent above 64 bits is refused");
    ok(load_modulus(n, "AQ=B") == NULL, "an exponent that is not base64url");
    ok(load_modulus(roca, "AQAB") == NULL
       && strstr(diag.text, "CVE-2017-15361") != NULL,
       "a modulus with the ROCA fingerprint is refused");

    BN_add_word(n, 1);
    ok(load_modulus(n, "AQAB") == NULL, "an even modulus is refused");

    BN_set_bit(big, DG_JWK_RSA_MAX);
    BN_add_word(big, 1);
    ok(load_modulus(big, "AQAB") == NULL, "16385 bits are refused");

    BN_free(big);
    BN_free(roca);
    BN_free(n);
}


/* Two keys with what is to be added to each; malloc'ed. */
static dg_jwks_t *
load_two(const jwt_key_t *a, const char *more_a, const jwt_key_t *b,
    const char *more_b)
{
    dg_jwks_t   *set = NULL;
    dg_writer_t  w = dg_writer(malloc(JWT_TEXT), JWT_TEXT);

    dg_write_cstr(&w, "{\"keys\":[{");
    jwt_write_key(&w, a);
    dg_write_cstr(&w, more_a);
    dg_write_cstr(&w, "},{");
    jwt_write_key(&w, b);
    dg_write_cstr(&w, more_b);
    dg_write_cstr(&w, "}]}");

    if (dg_jwks_load(jwt_fresh(), dg_written(&w), &set, &diag) != DG_OK) {
        set = NULL;
    }

    free(w.data);
    return set;
}


static void
lookup(const jwt_key_t *rsa, const jwt_key_t *ec)
{
    dg_jwks_t  *set;

    set = load_two(rsa, ",\"kid\":\"same\"", ec, ",\"kid\":\"same\"");
    ok(set != NULL && dg_jwks_find(set, DG_SPAN("same"), DG_JWS_ES256)
       != dg_jwks_find(set, DG_SPAN("same"), DG_JWS_RS256),
       "one kid for two kinds of key is no ambiguity");
    dg_jwks_release(set);

    ok(load_two(rsa, ",\"kid\":\"same\"", rsa, ",\"kid\":\"same\"") == NULL,
       "one kid for two keys of one algorithm is refused");

    set = load_two(rsa, ",\"kid\":\"a\"", rsa, ",\"use\":\"enc\"");
    ok(set != NULL && dg_jwks_count(set) == 1 && dg_jwks_left_out(set) == 1,
       "an encryption key beside is left out and counted");
    ok(set && dg_jwks_find(set, DG_SPAN_EMPTY, DG_JWS_RS256) != NULL,
       "without kid, the only key is found");
    ok(set && dg_jwks_find(set, DG_SPAN(""), DG_JWS_RS256) == NULL,
       "an empty kid is a kid");
    ok(set && dg_jwks_find(set, DG_SPAN("b"), DG_JWS_RS256) == NULL,
       "another kid finds nothing");
    ok(set && dg_jwks_find(set, DG_SPAN("a"), DG_JWS_ES256) == NULL,
       "another algorithm finds nothing");
    dg_jwks_release(set);

    set = load_two(rsa, ",\"kid\":\"a\"", rsa, ",\"kid\":\"b\"");
    ok(set && dg_jwks_find(set, DG_SPAN_EMPTY, DG_JWS_RS256) == NULL,
       "without kid, of two keys none is found");
    is_span(set ? dg_jwk_id(dg_jwks_find_id(set, DG_SPAN("b")))
                : DG_SPAN_EMPTY, DG_SPAN("b"), "a key knows its kid");
    dg_jwks_release(set);
}


static void
verify(const jwt_key_t *key)
{
    uint8_t          raw[4096];
    dg_span_t        message = DG_SPAN("deskgate"), good;
    dg_jwks_t       *set = load_key(key, "\"kid\":\"v\"");
    const unsigned   algorithm = dg_jws_algorithm(dg_span_cstr(key->alg));
    dg_writer_t      text = dg_writer(malloc(JWT_TEXT), JWT_TEXT);
    dg_writer_t      w = dg_writer(raw, sizeof(raw));
    const dg_jwk_t  *jwk = dg_jwks_find(set, DG_SPAN("v"), algorithm);

    jwt_write_signature(&text, key, message);
    jwt_must(dg_base64url_decode(dg_written(&text), &w) == DG_OK, "base64");
    good = dg_written(&w);

    is_int(dg_jwk_verify(jwk, algorithm, message, good), DG_OK,
           "%s: a good signature", key->alg);
    is_int(dg_jwk_verify(jwk, algorithm, DG_SPAN("deskgatE"), good),
           DG_ERR_MISMATCH, "%s: another message", key->alg);
    is_int(dg_jwk_verify(jwk, algorithm, message,
                         dg_span_slice(good, 0, good.len - 1)),
           DG_ERR_MISMATCH, "%s: a short signature", key->alg);
    is_int(dg_jwk_verify(jwk, algorithm, message, DG_SPAN_EMPTY),
           DG_ERR_MISMATCH, "%s: no signature", key->alg);
    raw[good.len / 2] ^= 1;
    is_int(dg_jwk_verify(jwk, algorithm, message, good), DG_ERR_MISMATCH,
           "%s: a flipped bit", key->alg);
    raw[good.len / 2] ^= 1;
    raw[good.len] = 0;
    is_int(dg_jwk_verify(jwk, algorithm, message, dg_span(raw, good.len + 1)),
           DG_ERR_MISMATCH, "%s: a long signature", key->alg);
    is_int(dg_jwk_verify(jwk, algorithm, message, good), DG_OK,
           "%s: good again after bad ones", key->alg);
    is_int(dg_jwk_verify(jwk, algorithm == DG_JWS_RS512 ? DG_JWS_RS256
                                                        : DG_JWS_RS512,
                         message, good),
           key->group == NULL && key->hash ? DG_ERR_MISMATCH
                                           : DG_ERR_UNSUPPORTED,
           "%s: as another algorithm", key->alg);

    free(text.data);
    dg_jwks_release(set);
}


/* A set that was loaded before fork() serves in every child. */
static void
children(const jwt_key_t *key)
{
    int              status, good = 0;
    pid_t            pids[2];
    uint8_t          raw[4096];
    dg_jwks_t       *set = load_key(key, "\"kid\":\"v\"");
    dg_writer_t      text = dg_writer(malloc(JWT_TEXT), JWT_TEXT);
    dg_writer_t      w = dg_writer(raw, sizeof(raw));
    const dg_jwk_t  *jwk = dg_jwks_find(set, DG_SPAN("v"), DG_JWS_RS256);

    jwt_write_signature(&text, key, DG_SPAN("deskgate"));
    jwt_must(dg_base64url_decode(dg_written(&text), &w) == DG_OK, "base64");

    for (int i = 0; i < 2; i++) {
        pids[i] = fork();

        if (pids[i] == 0) {
            _exit(dg_jwk_verify(jwk, DG_JWS_RS256, DG_SPAN("deskgate"),
                                dg_written(&w)) == DG_OK
                  && dg_jwk_verify(jwk, DG_JWS_RS256, DG_SPAN("deskgatE"),
                                   dg_written(&w)) == DG_ERR_MISMATCH
                  ? 0 : 1);
        }
    }

    for (int i = 0; i < 2; i++) {
        good += pids[i] > 0 && waitpid(pids[i], &status, 0) == pids[i]
                && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }

    is_int(good, 2, "two children verify with one set");
    free(text.data);
    dg_jwks_release(set);
}


static void
no_memory(const jwt_key_t *key)
{
    uint8_t     small[64];
    dg_span_t   text = jwt_set(key, "");
    dg_jwks_t  *set;
    dg_arena_t  arena;

    dg_arena_init(&arena, small, sizeof(small));
    is_int(dg_jwks_load(&arena, text, &set, &diag), DG_ERR_MEMORY,
           "a small arena");
    ok(set == NULL, "leaves no set behind");
    dg_jwks_release(NULL);
    jwt_free(text);
}


int
main(void)
{
    static const char *const  rsa_names[] = {
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"
    };
    static const char *const  ec_names[] = { "ES256", "ES384", "ES512" };
    jwt_key_t                 key, rsa = jwt_rsa("RS256", 2048);
    jwt_key_t                 ec = jwt_ec("ES256");

    names();
    sets();
    too_many();
    uses(&rsa, &ec);
    weak();
    moduli(&rsa);
    lookup(&rsa, &ec);
    no_memory(&rsa);
    children(&rsa);

    for (int i = 0; i < 6; i++) {
        key = jwt_rsa(rsa_names[i], 2048);
        verify(&key);
        EVP_PKEY_free(key.pkey);
    }

    for (int i = 0; i < 3; i++) {
        key = jwt_ec(ec_names[i]);
        verify(&key);
        EVP_PKEY_free(key.pkey);
    }

    key = jwt_ed25519();
    verify(&key);
    EVP_PKEY_free(key.pkey);
    EVP_PKEY_free(rsa.pkey);
    EVP_PKEY_free(ec.pkey);

    return done_testing();
}
