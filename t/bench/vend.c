/*
 * Vended credentials: sealing, opening anew and from memory, and the whole
 * verification of a WorkSpaces call of 300 bytes that was signed with them.
 */

#include "bench.h"

#include "dg_sigv4.h"
#include "dg_vend.h"

#define NOW      1440938160  /* 20150830T123600Z */
#define BODY     300
#define HEADERS  8
#define MEMORY   65536

typedef struct {
    dg_crypto_t        *crypto;
    dg_signing_keys_t  *signing_keys;
    dg_vend_cache_t    *cache;
    dg_vend_cache_t    *small;   /* of four places, for more sessions */
    dg_vend_keys_t      keys;
    dg_vend_session_t   session;
    dg_vended_t         vended[32];
    size_t              next;
    dg_header_t         headers[HEADERS];
    dg_request_t        request;
    dg_sigv4_rules_t    rules;
    char                authorization[DG_SIGV4_VALUE_MAX];
    uint8_t             memory[MEMORY];
} work_t;

static char           body[BODY];
static const dg_span_t  region = DG_SPAN("us-east-1");
static const dg_span_t  service = DG_SPAN("workspaces");


static void
must(bool done)
{
    if (!done) {
        fprintf(stderr, "a call that is measured failed\n");
        exit(1);
    }
}


static void
seal(void *ctx)
{
    work_t       *work = ctx;
    dg_vended_t   out;

    must(dg_vend_seal(work->crypto, &work->keys, &work->session, 3600, &out)
         == DG_OK);
}


static void
open_in(work_t *work, dg_vend_cache_t *cache, const dg_vended_t *v,
    char *secret)
{
    dg_arena_t         arena;
    dg_vend_session_t  session;

    dg_arena_init(&arena, work->memory, sizeof(work->memory));
    must(dg_vend_open(cache, &work->keys,
                      dg_span(v->access_key_id, sizeof(v->access_key_id)),
                      dg_span(v->token, v->token_len), NOW, &arena, &session,
                      secret)
         == DG_ALLOWED);
}


static void
open_anew(void *ctx)
{
    char     secret[DG_VEND_SECRET_SIZE];
    work_t  *work = ctx;

    work->next = (work->next + 1) % 32;
    open_in(work, work->small, &work->vended[work->next], secret);
}


static void
open_again(void *ctx)
{
    char     secret[DG_VEND_SECRET_SIZE];
    work_t  *work = ctx;

    open_in(work, work->cache, &work->vended[0], secret);
}


static void
verify(void *ctx)
{
    char               secret[DG_VEND_SECRET_SIZE];
    work_t            *work = ctx;
    uint8_t            hash[DG_SHA256_SIZE], text[16384];
    dg_arena_t         arena;
    dg_sigv4_claim_t   claim;

    dg_arena_init(&arena, text, sizeof(text));
    must(dg_sigv4_read(&work->request, &work->rules, NOW, &arena, &claim)
         == DG_ALLOWED);
    open_in(work, work->cache, &work->vended[0], secret);
    must(dg_sha256(work->crypto, dg_span(body, BODY), hash) == DG_OK
         && dg_sigv4_verify(work->signing_keys, &work->request, &claim,
                            dg_span(secret, sizeof(secret)), hash,
                            DG_SIGV4_PATH_NORMALIZED, NULL)
            == DG_ALLOWED);
}


static void
sign(work_t *work)
{
    size_t            n = 0;
    char              hash[DG_SHA256_HEX_SIZE];
    dg_writer_t       w = dg_writer(work->authorization,
                                    sizeof(work->authorization));
    dg_vended_t      *v = &work->vended[0];
    dg_sigv4_scope_t  scope = { region, service, DG_SIGV4_PATH_NORMALIZED };
    dg_credentials_t  credentials = {
        dg_span(v->access_key_id, sizeof(v->access_key_id)),
        dg_span(v->secret, sizeof(v->secret)),
        dg_span(v->token, v->token_len), 0
    };

    work->headers[n++] = (dg_header_t) { DG_SPAN("Host"),
                                         DG_SPAN("desks.example.com") };
    work->headers[n++] = (dg_header_t) {
        DG_SPAN("Content-Type"), DG_SPAN("application/x-amz-json-1.1") };
    work->headers[n++] = (dg_header_t) {
        DG_SPAN("X-Amz-Target"),
        DG_SPAN("WorkspacesService.DescribeWorkspaces") };
    work->headers[n++] = (dg_header_t) { DG_SPAN("X-Amz-Date"),
                                         DG_SPAN("20150830T123600Z") };
    work->headers[n++] = (dg_header_t) { DG_SPAN("X-Amz-Security-Token"),
                                         credentials.session_token };

    work->request = (dg_request_t) { DG_SPAN("POST"), DG_SPAN("/"),
                                     work->headers, n };

    must(dg_sha256_hex(work->crypto, dg_span(body, BODY), hash) == DG_OK
         && dg_sigv4_sign(work->signing_keys, &work->request,
                          dg_span(hash, sizeof(hash)), &scope, &credentials,
                          NOW, &w, NULL) == DG_OK);

    work->headers[n++] = (dg_header_t) { DG_SPAN("Authorization"),
                                         dg_written(&w) };
    work->request.header_count = n;
}


int
main(void)
{
    static work_t  work;
    static const char  text[] =
        "a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    memset(body, 'b', sizeof(body));

    work.crypto = dg_crypto_create(NULL, NULL);
    must(work.crypto != NULL);
    work.signing_keys = dg_signing_keys_create(work.crypto, 64);
    work.cache = dg_vend_cache_create(work.crypto, 64);
    work.small = dg_vend_cache_create(work.crypto, 4);
    must(work.signing_keys && work.cache && work.small
         && dg_vend_keys_parse(dg_span_cstr(text), NULL, &work.keys)
            == DG_OK);

    work.keys.gateway = DG_SPAN("desks");
    work.session.vended_at = NOW;
    work.session.caller = (dg_caller_t) {
        .arn = DG_SPAN("arn:aws:deskgate::111122223333:jwt/corp/alice"),
        .user_id = DG_SPAN("jwt/corp/alice"),
        .account = DG_SPAN("111122223333"), .issuer = DG_SPAN("corp"),
        .principal_type = DG_SPAN("WebIdentityUser"),
        .issuer_url = DG_SPAN("https://sso.example.com/realms/desks"),
        .subject = DG_SPAN("alice"), .issued_at = NOW
    };
    work.rules = (dg_sigv4_rules_t) {
        .regions = &region, .region_count = 1, .services = &service,
        .service_count = 1, .skew = 900
    };

    for (size_t i = 0; i < 32; i++) {
        must(dg_vend_seal(work.crypto, &work.keys, &work.session, 3600,
                          &work.vended[i]) == DG_OK);
    }

    sign(&work);

    bench("vend: seal", seal, &work);
    bench("vend: open anew", open_anew, &work);
    bench("vend: open from memory", open_again, &work);
    bench("vend: verify a call of 300 bytes", verify, &work);

    return 0;
}
