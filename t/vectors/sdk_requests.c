/*
 * Requests that AWS's own clients signed, and tampered copies: each record of
 * the three files is read and verified as a gateway would, and must come to
 * the answer it is marked with.
 */

#define _POSIX_C_SOURCE  200809L

#include "vectors.h"

#include "dg_codec.h"
#include "dg_request_text.h"
#include "dg_sigv4.h"
#include "dg_time.h"

#define TARGET_MAX  DG_SIGV4_TARGET_MAX

typedef struct {
    dg_crypto_t        *crypto;
    dg_signing_keys_t  *keys;
    dg_arena_t         *arena;
} tools_t;

/* What the copies were tampered with, and the refusals that say so. */
typedef struct {
    const char    *mutation;
    dg_refusal_t   refusals[3];
} answer_t;

static const answer_t  answers[] = {
    { "access-key", { DG_REFUSE_KEY_UNKNOWN } },
    { "algorithm", { DG_REFUSE_SIGNATURE_ALGORITHM } },
    { "auth-missing", { DG_REFUSE_CREDENTIALS_MISSING } },
    { "body-append", { DG_REFUSE_PAYLOAD_HASH,
                       DG_REFUSE_SIGNATURE_MISMATCH } },
    { "body-byte", { DG_REFUSE_PAYLOAD_HASH, DG_REFUSE_SIGNATURE_MISMATCH } },
    { "body-truncate", { DG_REFUSE_PAYLOAD_HASH,
                         DG_REFUSE_SIGNATURE_MISMATCH } },
    { "clock-early", { DG_REFUSE_SIGNATURE_EARLY } },
    { "clock-late", { DG_REFUSE_SIGNATURE_EXPIRED } },
    { "content-type", { DG_REFUSE_SIGNATURE_MISMATCH } },
    { "date-missing", { DG_REFUSE_SIGNATURE_INCOMPLETE } },
    { "date-plus-1s", { DG_REFUSE_SIGNATURE_MISMATCH } },
    { "expired", { DG_REFUSE_SIGNATURE_EXPIRED } },
    { "expires-missing", { DG_REFUSE_SIGNATURE_INCOMPLETE } },
    { "expires-raised", { DG_REFUSE_SIGNATURE_MISMATCH } },
    { "expires-too-long", { DG_REFUSE_PRESIGN_LIFETIME } },
    { "host", { DG_REFUSE_SIGNATURE_MISMATCH } },
    { "host-unsigned", { DG_REFUSE_HEADER_UNSIGNED } },
    { "method", { DG_REFUSE_SIGNATURE_MISMATCH } },
    { "path", { DG_REFUSE_SIGNATURE_MISMATCH } },
    { "query-add", { DG_REFUSE_SIGNATURE_MISMATCH } },
    { "scope-date-mismatch", { DG_REFUSE_SCOPE_DATE } },
    { "scope-region", { DG_REFUSE_SCOPE_REGION } },
    { "scope-service", { DG_REFUSE_SCOPE_SERVICE } },
    { "scope-terminator", { DG_REFUSE_SCOPE_TERMINATOR } },
    { "secret", { DG_REFUSE_SIGNATURE_MISMATCH } },
    { "sig-empty", { DG_REFUSE_SIGNATURE_INCOMPLETE } },
    { "sig-extended", { DG_REFUSE_SIGNATURE_INCOMPLETE } },
    { "sig-nibble", { DG_REFUSE_SIGNATURE_MISMATCH } },
    { "sig-truncated", { DG_REFUSE_SIGNATURE_INCOMPLETE } },
    { "signed-header-missing", { DG_REFUSE_SIGNED_HEADERS,
                                 DG_REFUSE_SESSION_TOKEN } },
    { "signedheaders-shrunk", { DG_REFUSE_HEADER_UNSIGNED,
                                DG_REFUSE_SIGNED_HEADERS } },
    { "target-op", { DG_REFUSE_SIGNATURE_MISMATCH } },
    { "target-unsigned", { DG_REFUSE_HEADER_UNSIGNED } },
    { "token-changed", { DG_REFUSE_SESSION_TOKEN } },
    { "token-removed", { DG_REFUSE_SESSION_TOKEN,
                         DG_REFUSE_SIGNED_HEADERS } }
};


/* The part of a URL behind the authority. */
static dg_span_t
target_of(dg_span_t url)
{
    size_t     i = 0;
    dg_span_t  rest;

    while (i + 3 <= url.len && memcmp(url.data + i, "://", 3) != 0) {
        i++;
    }

    rest = dg_span_slice(url, i + 3, url.len);
    i = dg_span_find(rest, '/');

    return i < rest.len ? dg_span_slice(rest, i, rest.len) : DG_SPAN("/");
}


static bool
read_headers(const dg_json_t *record, dg_request_text_t *out)
{
    const dg_json_t  *pair = dg_json_member(record, DG_SPAN("headers"));

    for (pair = pair->first; pair != NULL; pair = pair->next) {
        if (dg_request_text_add(out, pair->first->text,
                                dg_span_trim(pair->first->next->text))
            != DG_OK)
        {
            return false;
        }
    }

    return true;
}


static bool
hash_body(const tools_t *tools, const dg_json_t *record,
    uint8_t hash[DG_SHA256_SIZE])
{
    dg_span_t    text = member_text(record, "body_base64");
    uint8_t     *buffer = dg_arena_alloc(tools->arena,
                                         DG_BASE64_DECODED(text.len));
    dg_writer_t  w = dg_writer(buffer, DG_BASE64_DECODED(text.len));

    return dg_base64_decode(text, &w) == DG_OK
           && dg_sha256(tools->crypto, dg_written(&w), hash) == DG_OK;
}


/* What a gateway does between reading and verifying: the key's holder. */
static dg_refusal_t
check_holder(const dg_json_t *record, const dg_sigv4_claim_t *claim)
{
    if (!dg_span_equal(claim->access_key_id,
                       member_text(record, "access_key")))
    {
        return DG_REFUSE_KEY_UNKNOWN;
    }

    return dg_equal_secret(claim->session_token,
                           member_text(record, "session_token"))
           ? DG_ALLOWED : DG_REFUSE_SESSION_TOKEN;
}


static dg_refusal_t
judge(const tools_t *tools, const dg_json_t *record)
{
    int64_t            now;
    uint8_t            hash[DG_SHA256_SIZE];
    dg_span_t          region = member_text(record, "region");
    dg_span_t          service = member_text(record, "service");
    dg_span_t          date = member_text(record, "verify_at");
    dg_refusal_t       refusal;
    dg_sigv4_claim_t   claim;
    dg_request_text_t  parsed = { .request = { .headers = parsed.headers } };
    dg_sigv4_rules_t   rules = {
        .regions = &region, .region_count = 1,
        .services = &service, .service_count = 1,
        .skew = DG_SIGV4_SKEW_DEFAULT
    };

    if (date.len == 0) {
        date = member_text(record, "date");
    }

    parsed.request.method = member_text(record, "method");
    parsed.request.target = target_of(member_text(record, "url"));

    if (!read_headers(record, &parsed) || !hash_body(tools, record, hash)
        || dg_time_parse_iso(date, &now, NULL) != DG_OK)
    {
        return DG_REFUSE_INTERNAL;
    }

    refusal = dg_sigv4_read(&parsed.request, &rules, now, tools->arena,
                            &claim);
    if (refusal == DG_ALLOWED) {
        refusal = check_holder(record, &claim);
    }

    return refusal != DG_ALLOWED
           ? refusal
           : dg_sigv4_verify(tools->keys, &parsed.request, &claim,
                             member_text(record, "secret_key"), hash,
                             DG_SIGV4_PATH_NORMALIZED, NULL);
}


static bool
is_answer(dg_span_t mutation, dg_refusal_t got)
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (!dg_span_equal(mutation, dg_span_cstr(answers[i].mutation))) {
            continue;
        }

        for (size_t j = 0; j < 3; j++) {
            if (answers[i].refusals[j] == got) {
                return true;
            }
        }

        return false;
    }

    return true;   /* a kind of tampering that is new: any refusal will do */
}


static int
run_file(const tools_t *tools, const char *vectors, const char *name)
{
    char              label[64], path[VECTORS_PATH];
    dg_span_t         record_name;
    tally_t           tally = { .name = label };
    dg_diag_t         diag = { .text = "it cannot be read" };
    dg_refusal_t      got;
    const dg_json_t  *root = NULL, *record;
    dg_json_limits_t  limits = dg_json_limits_default;

    limits.text = (size_t) 64 << 20;
    limits.values = 10000000;
    snprintf(label, sizeof(label), "sdk-requests/%s", name);
    path_join(path, vectors, label);

    if (!check(&tally, dg_json_parse(tools->arena, file_read(path), &limits,
                                     &diag, &root) == DG_OK,
               "%s: line %u: %s", label, diag.line, diag.text))
    {
        return tally_print(&tally, "");
    }

    tally.passed = 0;

    for (record = root->first; record != NULL; record = record->next) {
        record_name = member_text(record, "name");
        got = judge(tools, record);

        if (member_true(record, "valid")) {
            check(&tally, got == DG_ALLOWED, "%.*s: refused, %s",
                  (int) record_name.len, (const char *) record_name.data,
                  dg_refusal_info(got)->name);

        } else {
            check(&tally, got != DG_ALLOWED && got != DG_REFUSE_INTERNAL
                  && is_answer(member_text(record, "mutation"), got),
                  "%.*s: %s", (int) record_name.len,
                  (const char *) record_name.data,
                  got == DG_ALLOWED ? "allowed" : dg_refusal_info(got)->name);
        }
    }

    return tally_print(&tally, "");
}


int
main(int argc, char **argv)
{
    int         status = 0;
    char        folder[VECTORS_PATH];
    char      **names = calloc(VECTORS_FILES, sizeof(char *));
    size_t      count;
    tools_t     tools;
    dg_arena_t  arena = arena_big();

    if (argc != 2 || names == NULL) {
        fprintf(stderr, "usage: sdk_requests VECTORS\n");
        return 2;
    }

    tools.arena = &arena;
    tools.crypto = dg_crypto_create(NULL, NULL);
    tools.keys = dg_signing_keys_create(tools.crypto, 64);

    path_join(folder, argv[1], "sdk-requests");
    count = folder_list(folder, names);

    for (size_t i = 0; i < count; i++) {
        if (dg_span_ends_with(dg_span_cstr(names[i]), DG_SPAN(".json"))) {
            status |= run_file(&tools, argv[1], names[i]);
        }
    }

    dg_signing_keys_destroy(tools.keys);
    dg_crypto_destroy(tools.crypto);
    return status;
}
