/*
 * dg_jws: the form of tokens, the header, keys bound to algorithms, and the
 * ways in which others were talked into accepting a token.
 */

#include "jwt.h"
#include "tap.h"

#define HEADER   "{\"alg\":\"RS256\",\"kid\":\"k1\"}"
#define PAYLOAD  DG_SPAN("{\"sub\":\"alice\"}")

static dg_jwks_t  *keys;
static jwt_key_t   rsa;


static dg_refusal_t
parse(dg_span_t token, dg_jws_t *jws)
{
    return dg_jws_parse(jwt_fresh(), token, jws);
}


/* Parses and verifies. */
static dg_refusal_t
judge(dg_span_t token, unsigned allowed)
{
    dg_jws_t      jws;
    dg_refusal_t  refusal = parse(token, &jws);

    return refusal == DG_ALLOWED ? dg_jws_verify(&jws, allowed, keys)
                                 : refusal;
}


/* A token with this header, signed by the RSA key. */
static void
header(dg_refusal_t want, const char *text, const char *name)
{
    dg_span_t  token = jwt_sign(&rsa, text, PAYLOAD);

    is_int(judge(token, DG_JWS_RS256), want, "header: %s", name);
    jwt_free(token);
}


static void
headers(void)
{
    header(DG_ALLOWED, HEADER, "alg and kid");
    header(DG_ALLOWED, "{\"alg\":\"RS256\"}", "no kid, one key");
    header(DG_ALLOWED, "{\"typ\":\"JWT\",\"kid\":\"k1\",\"x\":[{}],"
           "\"alg\":\"RS256\"}", "unknown members");
    header(DG_ALLOWED, "{\"alg\":\"RS256\",\"kid\":\"k1\","
           "\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"},\"x5u\":\"http://x/\","
           "\"jku\":\"http://x/\",\"x5c\":[\"AA\"]}",
           "keys inside the token are not looked at");
    header(DG_REFUSE_TOKEN_MALFORMED, "{\"alg\":\"RS256\",\"crit\":[\"exp\"],"
           "\"exp\":1}", "crit");
    header(DG_REFUSE_TOKEN_MALFORMED, "{\"alg\":\"RS256\",\"crit\":[]}",
           "empty crit");
    header(DG_REFUSE_TOKEN_MALFORMED, "{\"alg\":\"RS256\",\"b64\":false}",
           "b64");
    header(DG_REFUSE_TOKEN_MALFORMED, "{\"alg\":\"RS256\",\"b64\":true}",
           "b64 true");
    header(DG_REFUSE_TOKEN_MALFORMED, "{\"kid\":\"k1\"}", "no alg");
    header(DG_REFUSE_TOKEN_MALFORMED, "{\"alg\":256}", "alg is a number");
    header(DG_REFUSE_TOKEN_MALFORMED, "{\"alg\":[\"RS256\"]}",
           "alg is a list");
    header(DG_REFUSE_TOKEN_MALFORMED, "{\"alg\":\"none\",\"alg\":\"RS256\"}",
           "alg twice");
    header(DG_REFUSE_TOKEN_MALFORMED,
           "{\"alg\":\"RS256\",\"\\u0061lg\":\"none\"}", "alg escaped twice");
    header(DG_REFUSE_TOKEN_MALFORMED, "{\"alg\":\"RS256\",\"kid\":null}",
           "kid is null");
    header(DG_REFUSE_TOKEN_MALFORMED, "{\"alg\":\"RS256\",\"typ\":1}",
           "typ is a number");
    header(DG_REFUSE_TOKEN_MALFORMED, "[\"RS256\"]", "a list");
    header(DG_REFUSE_TOKEN_MALFORMED, "\"RS256\"", "a string");
    header(DG_REFUSE_TOKEN_MALFORMED, "", "empty");
    header(DG_REFUSE_TOKEN_MALFORMED, "{\"alg\":\"RS256\"", "cut");
    header(DG_REFUSE_TOKEN_MALFORMED, "{\"alg\":\"RS256\"} {}", "two");
    header(DG_REFUSE_TOKEN_MALFORMED, "\xef\xbb\xbf{\"alg\":\"RS256\"}",
           "a byte order mark");
    header(DG_REFUSE_TOKEN_MALFORMED, "{\"alg\":\"RS256\",\"kid\":\"\xff\"}",
           "bad UTF-8");
    header(DG_REFUSE_TOKEN_KEY_UNKNOWN, "{\"alg\":\"RS256\",\"kid\":\"k2\"}",
           "another kid");
    header(DG_REFUSE_TOKEN_KEY_UNKNOWN, "{\"alg\":\"RS256\",\"kid\":\"\"}",
           "an empty kid");
    header(DG_REFUSE_TOKEN_KEY_UNKNOWN,
           "{\"alg\":\"RS256\",\"kid\":\"k1\\u0000\"}", "kid and a NUL");
    header(DG_REFUSE_TOKEN_KEY_UNKNOWN,
           "{\"alg\":\"RS256\",\"kid\":\"../../dev/null\"}",
           "kid is a path");
}


static void
algorithms(void)
{
    static const char *const  others[] = {
        "none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512",
        "rs256", "RS256 ", "RS1", "ES256K", "A128KW", "RSA-OAEP", "dir"
    };
    char                      text[128];

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        snprintf(text, sizeof(text), "{\"alg\":\"%s\",\"kid\":\"k1\"}",
                 others[i]);
        header(DG_REFUSE_TOKEN_ALGORITHM, text, text);
    }

    header(DG_REFUSE_TOKEN_ALGORITHM, "{\"alg\":\"RS512\",\"kid\":\"k1\"}",
           "an algorithm that is not allowed");
}


/* Unsigned, and "signed" with what everybody knows. */
static void
confusion(void)
{
    static const char *const  hs[] = {
        "{\"alg\":\"HS256\",\"kid\":\"k1\"}", "{\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"kid\":\"client-id\"}", HEADER
    };
    uint8_t                  *der = NULL;
    BIO                      *bio = BIO_new(BIO_s_mem());
    char                     *pem;
    long                      pem_len;
    int                       der_len;
    dg_span_t                 token, set = jwt_set(&rsa, "\"kid\":\"k1\"");
    dg_span_t                 secrets[5];

    jwt_must(PEM_write_bio_PUBKEY(bio, rsa.pkey) == 1, "PEM");
    pem_len = BIO_get_mem_data(bio, &pem);
    der_len = i2d_PUBKEY(rsa.pkey, &der);
    secrets[0] = dg_span(pem, (size_t) pem_len);
    secrets[1] = dg_span(der, (size_t) der_len);
    secrets[2] = set;
    secrets[3] = DG_SPAN("client-secret");
    secrets[4] = DG_SPAN("");

    for (size_t s = 0; s < 5; s++) {
        for (size_t h = 0; h < 4; h++) {
            token = jwt_sign_hmac(secrets[s], hs[h], PAYLOAD);
            ok(judge(token, DG_JWS_ANY_ALGORITHM) != DG_ALLOWED
               && judge(token, ~0u) != DG_ALLOWED,
               "HMAC with secret %zu, header %zu", s, h);
            jwt_free(token);
        }
    }

    token = DG_SPAN("eyJhbGciOiJub25lIn0.e30.");
    is_int(judge(token, ~0u), DG_REFUSE_TOKEN_ALGORITHM,
           "none without a signature");
    OPENSSL_free(der);
    BIO_free(bio);
    jwt_free(set);
}


/* A second key in the set: the token says one, is signed by the other. */
static void
mismatches(void)
{
    dg_jwks_t  *mine = keys;
    jwt_key_t   ec = jwt_ec("ES256"), ec384 = jwt_ec("ES384");
    dg_span_t   text = jwt_set(&ec, "\"kid\":\"k1\""), token;

    jwt_must(dg_jwks_load(jwt_fresh(), text, &keys, NULL) == DG_OK, "set");
    token = jwt_sign(&rsa, HEADER, PAYLOAD);
    is_int(judge(token, DG_JWS_ANY_ALGORITHM), DG_REFUSE_TOKEN_ALGORITHM,
           "RS256 where the kid is an EC key");
    jwt_free(token);

    token = jwt_sign(&ec384, "{\"alg\":\"ES384\",\"kid\":\"k1\"}", PAYLOAD);
    is_int(judge(token, DG_JWS_ANY_ALGORITHM), DG_REFUSE_TOKEN_ALGORITHM,
           "ES384 where the kid is a P-256 key");
    jwt_free(token);

    token = jwt_sign(&ec384, "{\"alg\":\"ES256\",\"kid\":\"k1\"}", PAYLOAD);
    is_int(judge(token, DG_JWS_ANY_ALGORITHM), DG_REFUSE_TOKEN_SIGNATURE,
           "a P-384 signature under ES256");
    jwt_free(token);

    token = jwt_sign(&ec, "{\"alg\":\"EdDSA\",\"kid\":\"k1\"}", PAYLOAD);
    is_int(judge(token, DG_JWS_ANY_ALGORITHM), DG_REFUSE_TOKEN_ALGORITHM,
           "EdDSA where the kid is an EC key");
    jwt_free(token);

    token = jwt_sign(&ec, "{\"alg\":\"ES256\",\"kid\":\"k1\"}", PAYLOAD);
    is_int(judge(token, DG_JWS_RS256), DG_REFUSE_TOKEN_ALGORITHM,
           "a good ES256 where only RS256 is allowed");
    is_int(judge(token, DG_JWS_ES256), DG_ALLOWED, "and where it is");
    jwt_free(token);

    jwt_free(text);
    EVP_PKEY_free(ec.pkey);
    EVP_PKEY_free(ec384.pkey);
    dg_jwks_release(keys);
    keys = mine;
}


/* The token with one part cut, added or changed. */
static void
form(void)
{
    size_t      n;
    char        text[8192];
    dg_jws_t    jws;
    dg_span_t   good = jwt_sign(&rsa, HEADER, PAYLOAD);
    const char  *head = "eyJhbGciOiJSUzI1NiJ9";

    is_int(judge(good, DG_JWS_RS256), DG_ALLOWED, "the token is good");

    for (n = 0; n < good.len; n++) {
        dg_span_t  cut = dg_span_slice(good, 0, n);

        if (judge(cut, DG_JWS_RS256) == DG_ALLOWED) {
            break;
        }
    }

    is_int(n, good.len, "no beginning of it is good");

    for (n = 0; n < good.len; n++) {
        memcpy(text, good.data, good.len);
        text[n] = (char) (text[n] == 'A' ? 'B' : 'A');

        if (judge(dg_span(text, good.len), DG_JWS_RS256) == DG_ALLOWED) {
            break;
        }
    }

    is_int(n, good.len, "no character of it can be another");

    for (unsigned c = 0; c < 256; c++) {
        memcpy(text, good.data, good.len);
        text[good.len] = (char) c;

        if (judge(dg_span(text, good.len + 1), DG_JWS_RS256) == DG_ALLOWED) {
            ok(false, "byte %u behind it", c);
        }
    }

    is_int(parse(DG_SPAN(""), &jws), DG_REFUSE_TOKEN_MALFORMED, "empty");
    is_int(parse(DG_SPAN("."), &jws), DG_REFUSE_TOKEN_MALFORMED, "a dot");
    is_int(parse(DG_SPAN(".."), &jws), DG_REFUSE_TOKEN_MALFORMED, "dots");

    snprintf(text, sizeof(text), "%s.e30", head);
    is_int(parse(dg_span_cstr(text), &jws), DG_REFUSE_TOKEN_MALFORMED,
           "two parts");
    snprintf(text, sizeof(text), "%s.e30.AA.AA", head);
    is_int(parse(dg_span_cstr(text), &jws), DG_REFUSE_TOKEN_MALFORMED,
           "four parts");
    snprintf(text, sizeof(text), "%s.e30.AA.AA.AA", head);
    is_int(parse(dg_span_cstr(text), &jws), DG_REFUSE_TOKEN_MALFORMED,
           "five parts, as an encrypted token has");
    snprintf(text, sizeof(text), "%s.e30.AA.", head);
    is_int(parse(dg_span_cstr(text), &jws), DG_REFUSE_TOKEN_MALFORMED,
           "a dot at the end");
    is_int(parse(DG_SPAN("{\"payload\":\"e30\",\"protected\":\"e30\","
                         "\"signature\":\"AA\"}"), &jws),
           DG_REFUSE_TOKEN_MALFORMED, "the JSON serialization");
    snprintf(text, sizeof(text), "%s=.e30.AA", head);
    is_int(parse(dg_span_cstr(text), &jws), DG_REFUSE_TOKEN_MALFORMED,
           "padding");
    snprintf(text, sizeof(text), "%s.e3 0.AA", head);
    is_int(parse(dg_span_cstr(text), &jws), DG_REFUSE_TOKEN_MALFORMED,
           "a blank");
    snprintf(text, sizeof(text), "%s.e30.\xc3\xa4", head);
    is_int(parse(dg_span_cstr(text), &jws), DG_REFUSE_TOKEN_MALFORMED,
           "bytes above 127");
    snprintf(text, sizeof(text), "%s.e30.A+", head);
    is_int(parse(dg_span_cstr(text), &jws), DG_REFUSE_TOKEN_MALFORMED,
           "the standard alphabet");
    snprintf(text, sizeof(text), "%s.e30.AB", head);
    is_int(parse(dg_span_cstr(text), &jws), DG_REFUSE_TOKEN_MALFORMED,
           "unused bits that are not zero");
    snprintf(text, sizeof(text), "%s..AA", head);
    is_int(parse(dg_span_cstr(text), &jws), DG_ALLOWED, "an empty payload");
    is_int(dg_jws_claims(jwt_fresh(), &jws), DG_REFUSE_TOKEN_MALFORMED,
           "is no claims");
    snprintf(text, sizeof(text), "%s.W10.AA", head);
    is_int(parse(dg_span_cstr(text), &jws), DG_ALLOWED, "a list as payload");
    is_int(dg_jws_claims(&jwt_arena, &jws), DG_REFUSE_TOKEN_MALFORMED,
           "is no claims either");
    jwt_free(good);
}


/* Large tokens, from memory of exactly their size. */
static void
size(size_t want)
{
    size_t     base = 500, fill;
    dg_jws_t   jws;
    uint8_t   *payload = malloc(want), *exact;
    dg_span_t  token;

    fill = (want - base) / 4 * 3;
    memset(payload, 'a', fill);
    memcpy(payload, "{\"sub\":\"", 8);
    memcpy(payload + fill - 2, "\"}", 2);
    token = jwt_sign(&rsa, HEADER, dg_span(payload, fill));
    exact = malloc(token.len);
    memcpy(exact, token.data, token.len);

    is_int(judge(dg_span(exact, token.len), DG_JWS_RS256), DG_ALLOWED,
           "a token of %zu bytes", token.len);
    is_int(parse(dg_span(exact, token.len), &jws), DG_ALLOWED, "its parts");
    is_int(dg_jws_claims(&jwt_arena, &jws), DG_ALLOWED, "its claims");
    is_int(dg_json_member(jws.claims, DG_SPAN("sub"))->text.len, fill - 10,
           "the claim is whole");
    is_int(judge(dg_span(exact, token.len - 1), DG_JWS_RS256) != DG_ALLOWED,
           1, "not one byte less");
    free(exact);
    free(payload);
    jwt_free(token);
}


static void
too_large(void)
{
    dg_jws_t     jws;
    dg_writer_t  w = dg_writer(malloc(JWT_TEXT), JWT_TEXT);

    dg_write_cstr(&w, "eyJhbGciOiJSUzI1NiJ9.");

    while (w.len < DG_JWS_TOKEN_MAX - 4) {
        dg_write_char(&w, 'A');
    }

    dg_write_cstr(&w, ".AAA");
    is_int(parse(dg_span(w.data, DG_JWS_TOKEN_MAX), &jws), DG_ALLOWED,
           "64 KiB are taken apart");
    dg_write_cstr(&w, "A");
    is_int(parse(dg_written(&w), &jws), DG_REFUSE_TOKEN_MALFORMED,
           "one byte more is refused");
    free(w.data);
}


static void
deep(void)
{
    char          text[256] = "{\"a\":";
    dg_jws_t      jws;
    dg_span_t     token;

    memset(text + 5, '[', 100);
    memset(text + 105, ']', 100);
    text[205] = '}';
    token = jwt_sign(&rsa, HEADER, dg_span_cstr(text));
    is_int(parse(token, &jws), DG_ALLOWED, "a payload 101 levels deep");
    is_int(dg_jws_claims(&jwt_arena, &jws), DG_REFUSE_TOKEN_MALFORMED,
           "is refused as claims");
    jwt_free(token);
}


static void
no_memory(void)
{
    uint8_t     small[256];
    dg_jws_t    jws;
    dg_span_t   token = jwt_sign(&rsa, HEADER, PAYLOAD);
    dg_arena_t  arena;

    for (size_t n = 0; n < sizeof(small); n += 16) {
        dg_arena_init(&arena, small, n);

        if (dg_jws_parse(&arena, token, &jws) != DG_REFUSE_INTERNAL) {
            ok(false, "%zu bytes of memory", n);
        }
    }

    ok(true, "too little memory is an internal failure");
    jwt_free(token);
}


int
main(void)
{
    dg_span_t  text;

    rsa = jwt_rsa("RS256", 2048);
    text = jwt_set(&rsa, "\"kid\":\"k1\"");
    jwt_must(dg_jwks_load(jwt_fresh(), text, &keys, NULL) == DG_OK, "set");

    headers();
    algorithms();
    confusion();
    mismatches();
    form();
    size(1700);
    size(4096);
    size(8192);
    size(32768);
    size(65000);
    too_large();
    deep();
    no_memory();

    dg_jwks_release(keys);
    EVP_PKEY_free(rsa.pkey);
    jwt_free(text);

    return done_testing();
}
