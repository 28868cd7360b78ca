#include "dg_request_text.h"
#include "dg_sigv4.h"
#include "tap.h"

#define NOW     1772705472  /* 20260305T101112Z */
#define SECRET  "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define BODY    "{\"MaxResults\":5}"
#define HASH    "82eef3ee4d2728db9e62c35b6d42acf8"                            \
                "a5c1a903c67b99303e68d73ba2635306"

/* The signature is the one of t/unit/dg_sigv4_sign.c, made elsewhere. */
#define HEAD                                                                  \
    "POST / HTTP/1.1\n"                                                       \
    "Host: workspaces.eu-central-1.amazonaws.com\n"                           \
    "X-Amz-Date: 20260305T101112Z\n"                                          \
    "Content-Type: application/x-amz-json-1.1\n"                              \
    "X-Amz-Target: WorkspacesService.DescribeWorkspaces\n"                    \
    "X-Amz-Security-Token: Invented/Token+==\n"
#define AUTHORIZATION                                                         \
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260305/"        \
    "eu-central-1/workspaces/aws4_request, SignedHeaders=content-type;host;"  \
    "x-amz-date;x-amz-security-token;x-amz-target, Signature="                \
    "1f7ae7d8127fa3b4006898380a2be9f9c119be5f755fd5929f4c35631c2e099c\n"
#define WHOLE  HEAD AUTHORIZATION "\n" BODY

#define PRESIGNED                                                             \
    "GET /?Version=2011-06-15&Action=GetCallerIdentity"                       \
    "&X-Amz-Algorithm=AWS4-HMAC-SHA256"                                       \
    "&X-Amz-Credential=AKIDEXAMPLE%2F20260305%2Fus-east-1%2Fsts"              \
    "%2faws4_request&X-Amz-Date=20260305T101112Z"                             \
    "&X-Amz-Signature=78774a94212b49567c2ab9c802203615fe83"                   \
    "0a8d89821106421b718e38ba9f27"                                            \
    "&X-Amz-SignedHeaders=host%3Bx-gateway-id&X-Amz-Expires=60"               \
    "&X-Amz-Security-Token=Invented%2FToken%2B%3D%3D HTTP/1.1\n"              \
    "Host: sts.amazonaws.com\nX-Gateway-Id: "

static dg_crypto_t       *crypto;
static dg_signing_keys_t *keys;
static dg_sigv4_claim_t   claim;
static dg_sigv4_trace_t   trace;


static dg_refusal_t
verify_path(const char *text, const char *secret, bool unsigned_payload,
    dg_sigv4_path_t path)
{
    uint8_t            hash[DG_SHA256_SIZE], block[1024];
    dg_span_t          regions[] = {
        DG_SPAN("us-east-1"), DG_SPAN("eu-central-1")
    };
    dg_span_t          services[] = {
        DG_SPAN("sts"), DG_SPAN("workspaces"), DG_SPAN("s")
    };
    dg_arena_t         arena;
    dg_refusal_t       refusal;
    dg_sigv4_rules_t   rules = {
        .regions = regions, .region_count = 2,
        .services = services, .service_count = 3,
        .skew = 900, .allow_unsigned_payload = unsigned_payload
    };
    dg_request_text_t  r;

    dg_arena_init(&arena, block, sizeof(block));

    if (dg_request_text_parse(dg_span_cstr(text), &r, NULL) != DG_OK
        || dg_sha256(crypto, r.body, hash) != DG_OK)
    {
        return DG_REFUSAL_COUNT;
    }

    refusal = dg_sigv4_read(&r.request, &rules, NOW, &arena, &claim);

    return refusal != DG_ALLOWED
           ? refusal
           : dg_sigv4_verify(keys, &r.request, &claim, dg_span_cstr(secret),
                             hash, path, &trace);
}


static dg_refusal_t
verify(const char *text)
{
    return verify_path(text, SECRET, false, DG_SIGV4_PATH_NORMALIZED);
}


static void
test_received(void)
{
    static const uint8_t  zero[DG_SIGV4_SIGNATURE_SIZE];

    uint8_t      key[DG_SIGV4_REPLAY_KEY_SIZE];
    char         text[1024];
    dg_writer_t  w = dg_writer(text, sizeof(text));

    trace.canonical_request = &w;
    is_int(verify(WHOLE), DG_ALLOWED, "a call as it was signed");
    trace.canonical_request = NULL;
    ok(dg_span_ends_with(dg_written(&w), DG_SPAN("\n" HASH)),
       "the canonical request is given back");
    is_int(trace.canonical_hash[0], 0xb6, "and its hash");
    ok(memcmp(trace.signature, zero, sizeof(zero)) == 0,
       "but never the signature that would have been right");

    dg_sigv4_replay_key(&claim, key);
    ok(memcmp(key, claim.signature, sizeof(key)) == 0,
       "the replay key is of the signature");

    is_int(verify(HEAD "User-Agent: x\n" AUTHORIZATION "\n" BODY),
           DG_ALLOWED, "an unsigned header more");
    is_int(verify(HEAD AUTHORIZATION "\n" BODY " "),
           DG_REFUSE_SIGNATURE_MISMATCH, "another body");
    is_int(verify("PUT" WHOLE), DG_REFUSE_SIGNATURE_MISMATCH,
           "another method");
    is_int(verify_path(WHOLE, SECRET "x", false, DG_SIGV4_PATH_NORMALIZED),
           DG_REFUSE_SIGNATURE_MISMATCH, "another secret");
    is_int(trace.canonical_hash[0], 0xb6, "the hash is told on a mismatch");
    is_int(verify_path(WHOLE, "", false, DG_SIGV4_PATH_NORMALIZED),
           DG_REFUSE_INTERNAL, "no secret");

    is_int(verify(PRESIGNED "desk\n\n"), DG_ALLOWED,
           "presigned, parameters in another order, lower-case escapes");
    is_int(verify(PRESIGNED "other\n\n"), DG_REFUSE_SIGNATURE_MISMATCH,
           "presigned, another header");
    is_int(verify(PRESIGNED "desk\n\nbody"), DG_REFUSE_SIGNATURE_MISMATCH,
           "presigned, with a body");
}


/* Signs the text, puts the value in, and verifies. */
static dg_refusal_t
signed_then_verified(const char *text, const char *payload, const char *body,
    bool unsigned_payload, dg_sigv4_path_t path)
{
    char               authorization[1024], whole[4096];
    dg_writer_t        w = dg_writer(authorization, sizeof(authorization));
    dg_sigv4_scope_t   scope = {
        DG_SPAN("us-east-1"), DG_SPAN("s"), path
    };
    dg_credentials_t   credentials = {
        .access_key_id = DG_SPAN("AKID"), .secret_access_key = DG_SPAN(SECRET)
    };
    dg_request_text_t  r;

    if (dg_request_text_parse(dg_span_cstr(text), &r, NULL) != DG_OK
        || dg_sigv4_sign(keys, &r.request, dg_span_cstr(payload), &scope,
                         &credentials, NOW, &w, NULL) != DG_OK)
    {
        return DG_REFUSAL_COUNT;
    }

    snprintf(whole, sizeof(whole), "%sAuthorization: %.*s\n\n%s", text,
             (int) w.len, authorization, body);

    return verify_path(whole, SECRET, unsigned_payload, path);
}


#define DATED         "Host: h\nX-Amz-Date: 20260305T101112Z\n"
#define DECLARED(h)   "POST / HTTP/1.1\n" DATED "X-Amz-Content-Sha256: " h "\n"


static void
test_payloads(void)
{
    is_int(signed_then_verified(DECLARED(HASH), HASH, BODY, false,
                                DG_SIGV4_PATH_NORMALIZED), DG_ALLOWED,
           "the declared hash is the body's");
    is_int(signed_then_verified(DECLARED(HASH), HASH, BODY "x", false,
                                DG_SIGV4_PATH_NORMALIZED),
           DG_REFUSE_PAYLOAD_HASH, "it is not");
    is_int(signed_then_verified(DECLARED(HASH), HASH, "", false,
                                DG_SIGV4_PATH_NORMALIZED),
           DG_REFUSE_PAYLOAD_HASH, "there is no body");
    is_int(signed_then_verified(DECLARED("UNSIGNED-PAYLOAD"),
                                "UNSIGNED-PAYLOAD", BODY, false,
                                DG_SIGV4_PATH_NORMALIZED),
           DG_REFUSE_PAYLOAD_MODE, "no hash where it is required");
    is_int(signed_then_verified(DECLARED("UNSIGNED-PAYLOAD"),
                                "UNSIGNED-PAYLOAD", BODY, true,
                                DG_SIGV4_PATH_NORMALIZED), DG_ALLOWED,
           "no hash where that is allowed");
}


static void
test_paths(void)
{
    is_int(signed_then_verified("GET //a/../b%2Fc/ HTTP/1.1\n" DATED,
                                DG_SIGV4_EMPTY_HASH, "", false,
                                DG_SIGV4_PATH_NORMALIZED), DG_ALLOWED,
           "a path that is made plain");
    is_int(signed_then_verified("GET //a/../b%2Fc/ HTTP/1.1\n" DATED,
                                DG_SIGV4_EMPTY_HASH, "", false,
                                DG_SIGV4_PATH_VERBATIM), DG_ALLOWED,
           "a path as it is");
}


int
main(void)
{
    dg_request_t  request = { .method = DG_SPAN("GET") };
    uint8_t       hash[DG_SHA256_SIZE] = { 0 };

    crypto = dg_crypto_create(NULL, NULL);
    keys = dg_signing_keys_create(crypto, 8);

    test_received();
    test_payloads();
    test_paths();

    memset(&claim, 0, sizeof(claim));
    is_int(dg_sigv4_verify(keys, &request, &claim, DG_SPAN(SECRET), hash,
                           DG_SIGV4_PATH_NORMALIZED, NULL),
           DG_REFUSE_CREDENTIALS_MISSING, "a claim that was never read");

    dg_signing_keys_destroy(keys);
    dg_crypto_destroy(crypto);
    return done_testing();
}
