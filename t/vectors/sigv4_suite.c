/*
 * The signing suite that AWS's C library carries: every folder of v4 is
 * signed and verified in the header and in the query form.  v4a, the
 * asymmetric variant, is not offered.
 */

#define _POSIX_C_SOURCE  200809L

#include "vectors.h"

#include "dg_request_text.h"
#include "dg_sigv4.h"
#include "dg_codec.h"
#include "dg_time.h"

#define TEXT_MAX  65536

typedef struct {
    const char         *name;
    const char         *folder;
    dg_credentials_t    credentials;   /* as used for signing */
    dg_sigv4_scope_t    scope;
    int64_t             now;
    uint32_t            expires;
    bool                sign_body;
    bool                token_after;   /* the token is added unsigned */
    dg_signing_keys_t  *keys;
    dg_crypto_t        *crypto;
    tally_t            *tally;
} case_t;

static uint8_t  canonical[TEXT_MAX], to_sign[TEXT_MAX], output[TEXT_MAX];


static bool
file_is(const case_t *c, const char *name, dg_span_t text)
{
    dg_span_t  want = file_in(c->folder, name);

    return want.data != NULL && dg_span_equal(text, want);
}


static void
compare(const case_t *c, const char *form, const dg_sigv4_trace_t *trace)
{
    char  name[64], hex[DG_SHA256_HEX_SIZE];

    snprintf(name, sizeof(name), "%s-canonical-request.txt", form);
    check(c->tally, file_is(c, name, dg_written(trace->canonical_request)),
          "%s %s", c->name, name);

    snprintf(name, sizeof(name), "%s-string-to-sign.txt", form);
    check(c->tally, file_is(c, name, dg_written(trace->string_to_sign)),
          "%s %s", c->name, name);

    dg_hex_encode(trace->signature, DG_SIGV4_SIGNATURE_SIZE, hex);
    snprintf(name, sizeof(name), "%s-signature.txt", form);
    check(c->tally, file_is(c, name, dg_span(hex, sizeof(hex))),
          "%s %s", c->name, name);
}


static void
body_hash(const case_t *c, dg_span_t body, char hex[DG_SHA256_HEX_SIZE])
{
    if (dg_sha256_hex(c->crypto, body, hex) != DG_OK) {
        abort();
    }
}


static dg_refusal_t
verify(const case_t *c, const char *file, dg_sigv4_claim_t *claim)
{
    uint8_t             hash[DG_SHA256_SIZE], block[16384];
    dg_span_t           text = file_in(c->folder, file);
    dg_arena_t          arena;
    dg_refusal_t        refusal;
    dg_request_text_t   parsed;
    dg_sigv4_rules_t    rules = {
        .regions = &c->scope.region, .region_count = 1,
        .services = &c->scope.service, .service_count = 1,
        .skew = DG_SIGV4_SKEW_DEFAULT
    };

    dg_arena_init(&arena, block, sizeof(block));

    if (text.data == NULL
        || dg_request_text_parse(text, &parsed, NULL) != DG_OK
        || dg_sha256(c->crypto, parsed.body, hash) != DG_OK)
    {
        return DG_REFUSE_BAD_REQUEST;
    }

    refusal = dg_sigv4_read(&parsed.request, &rules, c->now, &arena, claim);

    return refusal != DG_ALLOWED
           ? refusal
           : dg_sigv4_verify(c->keys, &parsed.request, claim,
                             c->credentials.secret_access_key, hash,
                             c->scope.path, NULL);
}


static void
check_verify(const case_t *c, const char *file, dg_refusal_t want)
{
    dg_refusal_t      got;
    dg_sigv4_claim_t  claim;

    got = verify(c, file, &claim);
    check(c->tally, got == want, "%s %s: %s, wanted %s", c->name, file,
          dg_refusal_info(got)->name,
          want == DG_ALLOWED ? "allowed" : dg_refusal_info(want)->name);
}


static void
header_form(const case_t *c, dg_span_t text)
{
    char               time[DG_TIME_AMZ_SIZE], hash[DG_SHA256_HEX_SIZE];
    dg_err_t           err;
    dg_span_t          signed_text;
    dg_writer_t        w1 = dg_writer(canonical, TEXT_MAX);
    dg_writer_t        w2 = dg_writer(to_sign, TEXT_MAX);
    dg_writer_t        w3 = dg_writer(output, TEXT_MAX);
    dg_writer_t        wt = dg_writer(time, sizeof(time));
    const dg_header_t *h;
    dg_request_text_t  parsed, want;
    dg_sigv4_trace_t   trace = {
        .canonical_request = &w1, .string_to_sign = &w2
    };

    err = dg_request_text_parse(text, &parsed, NULL);
    dg_time_write_amz(&wt, c->now);
    body_hash(c, parsed.body, hash);

    if (err == DG_OK) {
        dg_request_text_remove(&parsed, DG_SPAN("x-amz-date"));
        err = dg_request_text_add(&parsed, DG_SPAN("X-Amz-Date"),
                                  dg_written(&wt));
    }

    if (err == DG_OK && c->sign_body) {
        err = dg_request_text_add(&parsed, DG_SPAN("x-amz-content-sha256"),
                                  dg_span(hash, sizeof(hash)));
    }

    if (err == DG_OK && c->credentials.session_token.len) {
        dg_request_text_remove(&parsed, DG_SPAN("x-amz-security-token"));
        err = dg_request_text_add(&parsed, DG_SPAN("X-Amz-Security-Token"),
                                  c->credentials.session_token);
    }

    if (err == DG_OK) {
        err = dg_sigv4_sign(c->keys, &parsed.request,
                            dg_span(hash, sizeof(hash)), &c->scope,
                            &c->credentials, c->now, &w3, &trace);
    }

    if (!check(c->tally, err == DG_OK, "%s header: %s", c->name,
               dg_err_text(err)))
    {
        return;
    }

    compare(c, "header", &trace);

    signed_text = file_in(c->folder, "header-signed-request.txt");
    err = dg_request_text_parse(signed_text, &want, NULL);
    h = err == DG_OK ? dg_request_header(&want.request,
                                         DG_SPAN("authorization"), NULL)
                     : NULL;
    check(c->tally, h != NULL && dg_span_equal(h->value, dg_written(&w3)),
          "%s header-signed-request.txt", c->name);

    /* a token that is sent but not signed is refused */
    check_verify(c, "header-signed-request.txt",
                 c->token_after ? DG_REFUSE_HEADER_UNSIGNED : DG_ALLOWED);
}


static void
query_form(const case_t *c, dg_span_t text)
{
    char               hash[DG_SHA256_HEX_SIZE];
    dg_err_t           err;
    dg_writer_t        w1 = dg_writer(canonical, TEXT_MAX);
    dg_writer_t        w2 = dg_writer(to_sign, TEXT_MAX);
    dg_writer_t        w3 = dg_writer(output, TEXT_MAX);
    dg_request_text_t  parsed, want;
    dg_sigv4_trace_t   trace = {
        .canonical_request = &w1, .string_to_sign = &w2
    };

    err = dg_request_text_parse(text, &parsed, NULL);
    body_hash(c, parsed.body, hash);

    if (err == DG_OK) {
        err = dg_sigv4_presign(c->keys, &parsed.request,
                               dg_span(hash, sizeof(hash)), &c->scope,
                               &c->credentials, c->now, c->expires, &w3,
                               &trace);
    }

    if (!check(c->tally, err == DG_OK, "%s query: %s", c->name,
               dg_err_text(err)))
    {
        return;
    }

    compare(c, "query", &trace);

    err = dg_request_text_parse(file_in(c->folder,
                                        "query-signed-request.txt"),
                                &want, NULL);
    check(c->tally, err == DG_OK
          && (c->token_after
              || dg_span_equal(want.request.target, dg_written(&w3))),
          "%s query-signed-request.txt", c->name);

    /* the same: here the signature does not cover the token's parameter */
    check_verify(c, "query-signed-request.txt",
                 c->token_after ? DG_REFUSE_SIGNATURE_MISMATCH : DG_ALLOWED);
}


static bool
read_context(case_t *c, dg_arena_t *arena)
{
    int64_t           expires = 3600;
    dg_diag_t         diag;
    const dg_json_t  *root, *keys, *number;

    if (dg_json_parse(arena, file_in(c->folder, "context.json"), NULL, &diag,
                      &root) != DG_OK
        || dg_time_parse_iso(member_text(root, "timestamp"), &c->now, NULL)
           != DG_OK)
    {
        return false;
    }

    keys = dg_json_member(root, DG_SPAN("credentials"));
    number = dg_json_member(root, DG_SPAN("expiration_in_seconds"));

    if (number != NULL && dg_json_to_i64(number->text, &expires) != DG_OK) {
        return false;
    }

    c->expires = (uint32_t) expires;
    c->sign_body = member_true(root, "sign_body");
    c->token_after = member_true(root, "omit_session_token");
    c->scope.region = member_text(root, "region");
    c->scope.service = member_text(root, "service");
    c->scope.path = member_true(root, "normalize")
                    ? DG_SIGV4_PATH_NORMALIZED : DG_SIGV4_PATH_VERBATIM;
    c->credentials = (dg_credentials_t) {
        .access_key_id = member_text(keys, "access_key_id"),
        .secret_access_key = member_text(keys, "secret_access_key")
    };

    if (!c->token_after) {
        c->credentials.session_token = member_text(keys, "token");
    }

    return true;
}


static void
run_case(const char *suite, const char *name, case_t *c, dg_arena_t *arena)
{
    char       folder[VECTORS_PATH];
    dg_span_t  text;

    path_join(folder, suite, name);
    c->name = name;
    c->folder = folder;
    text = file_in(folder, "request.txt");

    if (!check(c->tally, text.data != NULL && read_context(c, arena),
               "%s: request.txt or context.json", name))
    {
        return;
    }

    header_form(c, text);
    query_form(c, text);
}


int
main(int argc, char **argv)
{
    int          status;
    char         suite[VECTORS_PATH];
    char       **names = calloc(VECTORS_FILES, sizeof(char *));
    case_t       c;
    size_t       count;
    tally_t      v4 = { .name = "sigv4-suite/v4" };
    tally_t      v4a = { .name = "sigv4-suite/v4a" };
    dg_arena_t   arena = arena_big();

    if (argc != 2 || names == NULL) {
        fprintf(stderr, "usage: sigv4_suite VECTORS\n");
        return 2;
    }

    memset(&c, 0, sizeof(c));
    c.tally = &v4;
    c.crypto = dg_crypto_create(NULL, NULL);
    c.keys = dg_signing_keys_create(c.crypto, 8);

    path_join(suite, argv[1], "sigv4-suite/v4");
    count = folder_list(suite, names);
    check(&v4, count > 0, "%s is empty", suite);

    for (size_t i = 0; i < count; i++) {
        run_case(suite, names[i], &c, &arena);
    }

    status = tally_print(&v4, "");

    path_join(suite, argv[1], "sigv4-suite/v4a");
    v4a.skipped = (unsigned) folder_list(suite, names);
    tally_print(&v4a, "not offered");

    dg_signing_keys_destroy(c.keys);
    dg_crypto_destroy(c.crypto);
    return status;
}
