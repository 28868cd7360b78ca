/*
 * Signing and verifying: a WorkSpaces call with 300 bytes and with 2 KB of
 * body, temporary credentials with a token of 700 bytes.
 */

#include "bench.h"

#include "dg_codec.h"
#include "dg_sigv4.h"

#include <string.h>

#define NOW          1440938160  /* 20150830T123600Z */
#define TOKEN_SIZE   700
#define BODY_MAX     2048
#define HEADERS      8

typedef struct {
    dg_crypto_t           *crypto;
    dg_signing_keys_t     *keys;
    dg_request_t           request;
    dg_header_t            headers[HEADERS];
    dg_sigv4_scope_t       scope;
    dg_credentials_t       credentials;
    dg_sigv4_selection_t   selection;
    dg_span_t              body;
    dg_sigv4_rules_t       rules;
    char                   authorization[DG_SIGV4_VALUE_MAX];
} work_t;

static char  token[TOKEN_SIZE], body[BODY_MAX];


static void
must(bool done)
{
    if (!done) {
        fprintf(stderr, "a call that is measured failed\n");
        exit(1);
    }
}


static void
sign(void *ctx)
{
    char         hash[DG_SHA256_HEX_SIZE];
    work_t      *work = ctx;
    dg_writer_t  w = dg_writer(work->authorization,
                               sizeof(work->authorization));

    must(dg_sha256_hex(work->crypto, work->body, hash) == DG_OK
         && dg_sigv4_sign(work->keys, &work->request,
                          dg_span(hash, sizeof(hash)), &work->scope,
                          &work->credentials, NOW, &w, NULL) == DG_OK);
}


static void
verify(void *ctx)
{
    uint8_t           hash[DG_SHA256_SIZE], block[1024];
    work_t           *work = ctx;
    dg_arena_t        arena;
    dg_sigv4_claim_t  claim;

    dg_arena_init(&arena, block, sizeof(block));
    must(dg_sha256(work->crypto, work->body, hash) == DG_OK
         && dg_sigv4_read(&work->request, &work->rules, NOW, &arena, &claim)
            == DG_ALLOWED
         && dg_sigv4_verify(work->keys, &work->request, &claim,
                            work->credentials.secret_access_key, hash,
                            work->scope.path, NULL) == DG_ALLOWED);
}


static void
read_claim(void *ctx)
{
    uint8_t           block[1024];
    work_t           *work = ctx;
    dg_arena_t        arena;
    dg_sigv4_claim_t  claim;

    dg_arena_init(&arena, block, sizeof(block));
    must(dg_sigv4_read(&work->request, &work->rules, NOW, &arena, &claim)
         == DG_ALLOWED);
}


static void
canonical(void *ctx)
{
    work_t   *work = ctx;
    uint8_t   hash[DG_SHA256_SIZE];

    must(dg_sigv4_canonical_hash(work->crypto, &work->request,
                                 &work->selection,
                                 DG_SPAN(DG_SIGV4_EMPTY_HASH),
                                 work->scope.path, false, NULL, hash)
         == DG_OK);
}


static void
find_key(void *ctx)
{
    work_t     *work = ctx;
    dg_hmac_t  *key;

    must(dg_signing_keys_get(work->keys, work->credentials.access_key_id,
                             work->credentials.secret_access_key,
                             DG_SPAN("20150830"), work->scope.region,
                             work->scope.service, &key) == DG_OK);
}


static void
add(work_t *work, dg_span_t name, dg_span_t value)
{
    work->headers[work->request.header_count++] = (dg_header_t) {
        name, value
    };
}


static void
prepare(work_t *work)
{
    memset(token, 'T', sizeof(token));
    memset(body, 'b', sizeof(body));

    work->crypto = dg_crypto_create(NULL, NULL);
    work->keys = dg_signing_keys_create(work->crypto, 64);
    work->scope.region = DG_SPAN("us-east-1");
    work->scope.service = DG_SPAN("workspaces");
    work->credentials.access_key_id = DG_SPAN("AKIDEXAMPLE");
    work->credentials.secret_access_key =
        DG_SPAN("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    work->credentials.session_token = dg_span(token, sizeof(token));
    work->rules = (dg_sigv4_rules_t) {
        .regions = &work->scope.region, .region_count = 1,
        .services = &work->scope.service, .service_count = 1,
        .skew = DG_SIGV4_SKEW_DEFAULT
    };

    work->request.method = DG_SPAN("POST");
    work->request.target = DG_SPAN("/");
    work->request.headers = work->headers;
    add(work, DG_SPAN("Host"), DG_SPAN("workspaces.us-east-1.amazonaws.com"));
    add(work, DG_SPAN("Content-Type"), DG_SPAN("application/x-amz-json-1.1"));
    add(work, DG_SPAN("X-Amz-Target"),
        DG_SPAN("WorkspacesService.DescribeWorkspaces"));
    add(work, DG_SPAN("X-Amz-Date"), DG_SPAN("20150830T123600Z"));
    add(work, DG_SPAN("X-Amz-Security-Token"),
        work->credentials.session_token);

    must(dg_sigv4_select_all(&work->request, &work->selection) == DG_OK);
}


int
main(void)
{
    static work_t  work;

    prepare(&work);

    bench("sigv4 canonical request, token of 700 B", canonical, &work);
    bench("sigv4 find a signing key", find_key, &work);

    work.body = dg_span(body, 300);
    bench("sigv4 sign, 300 B", sign, &work);
    work.body = dg_span(body, 2000);
    bench("sigv4 sign, 2 KB", sign, &work);

    work.body = dg_span(body, 300);
    sign(&work);
    add(&work, DG_SPAN("Authorization"), dg_span_cstr(work.authorization));
    bench("sigv4 read, 300 B", read_claim, &work);
    bench("sigv4 read and verify, 300 B", verify, &work);

    dg_signing_keys_destroy(work.keys);
    dg_crypto_destroy(work.crypto);
    return 0;
}
