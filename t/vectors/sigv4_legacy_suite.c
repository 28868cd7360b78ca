/*
 * The older signing suite: each folder is signed, compared with its canonical
 * request, string to sign and Authorization value, and its signed request is
 * verified.
 *
 * Decided otherwise than the suite:
 * - folded header lines are joined with one space (as the newer suite and RFC
 *   9112 section 5.2 have it), not with commas;
 * - a session token that was added after signing is refused, since nothing
 *   protects it.
 */

#define _POSIX_C_SOURCE  200809L

#include "vectors.h"

#include "dg_codec.h"
#include "dg_request_text.h"
#include "dg_sigv4.h"
#include "dg_time.h"

#define TEXT_MAX  65536
#define ACCESS    "AKIDEXAMPLE"
#define SECRET    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

typedef struct {
    const char  *name;
    bool         folded;    /* our canonical request is another one */
    bool         refused;   /* the signed request is refused ... */
    dg_refusal_t refusal;   /* ... with this */
} deviation_t;

static const deviation_t  deviations[] = {
    { "get-header-value-multiline", true, true,
      DG_REFUSE_SIGNATURE_MISMATCH },
    { "post-sts-header-after", false, true, DG_REFUSE_HEADER_UNSIGNED }
};

typedef struct {
    const char         *name;
    const char         *folder;
    const deviation_t  *deviation;   /* NULL: as the suite has it */
    dg_span_t           canonical;   /* the suite's texts, line ends cut */
    dg_span_t           to_sign;
    dg_span_t           authorization;
    dg_span_t           region, service;
    int64_t             now;
    dg_signing_keys_t  *keys;
    dg_crypto_t        *crypto;
    tally_t            *tally;
} case_t;

static uint8_t  canonical[TEXT_MAX], to_sign[TEXT_MAX], output[TEXT_MAX];
static uint8_t  rebuilt[TEXT_MAX], expected[TEXT_MAX];


static dg_span_t
case_file(const case_t *c, const char *extension)
{
    char       name[VECTORS_PATH];
    dg_span_t  text;

    snprintf(name, sizeof(name), "%.512s.%s", c->name, extension);
    text = file_in(c->folder, name);

    while (text.len > 0 && text.data[text.len - 1] == '\n') {
        text.len--;
    }

    return text;
}


static dg_span_t
line_of(dg_span_t text, size_t number)
{
    dg_span_t  line = DG_SPAN_EMPTY;

    for (size_t i = 0; i <= number; i++) {
        if (!dg_span_split(&text, '\n', &line)) {
            return DG_SPAN_EMPTY;
        }
    }

    return line;
}


/* Time and scope stand in the string to sign. */
static bool
read_scope(case_t *c)
{
    dg_span_t  scope = line_of(c->to_sign, 2), date;

    return dg_span_split(&scope, '/', &date)
           && dg_span_split(&scope, '/', &c->region)
           && dg_span_split(&scope, '/', &c->service)
           && dg_time_parse_amz(line_of(c->to_sign, 1), &c->now) == DG_OK;
}


/*
 * Some folders hold no request: its canonical form, whose path is encoded
 * once more than the request's, gives it back.
 */
static dg_span_t
rebuild(const case_t *c)
{
    dg_span_t    rest = c->canonical, line;
    dg_writer_t  w = dg_writer(rebuilt, TEXT_MAX);

    (void) dg_span_split(&rest, '\n', &line);
    dg_write_span(&w, line);
    dg_write_char(&w, ' ');
    (void) dg_span_split(&rest, '\n', &line);

    if (dg_percent_decode(line, &w) != DG_OK) {
        return DG_SPAN_EMPTY;
    }

    (void) dg_span_split(&rest, '\n', &line);

    if (line.len) {
        dg_write_char(&w, '?');
        dg_write_span(&w, line);
    }

    dg_write_cstr(&w, " HTTP/1.1\n");

    while (dg_span_split(&rest, '\n', &line) && line.len) {
        dg_write_span(&w, line);
        dg_write_char(&w, '\n');
    }

    return dg_written(&w);
}


/* The suite's canonical request with the folds joined as decided here. */
static dg_span_t
unfolded(dg_span_t text)
{
    dg_span_t    line, name = DG_SPAN("my-header1:");
    dg_writer_t  w = dg_writer(expected, TEXT_MAX);

    while (dg_span_split(&text, '\n', &line)) {
        for (size_t i = 0; i < line.len; i++) {
            dg_write_char(&w, dg_span_starts_with(line, name)
                              && line.data[i] == ','
                              ? ' ' : (char) line.data[i]);
        }

        if (text.data != NULL) {
            dg_write_char(&w, '\n');
        }
    }

    return dg_written(&w);
}


static void
check_sign(const case_t *c, dg_span_t text)
{
    bool               folded = c->deviation && c->deviation->folded;
    char               hash[DG_SHA256_HEX_SIZE];
    dg_err_t           err;
    dg_writer_t        w1 = dg_writer(canonical, TEXT_MAX);
    dg_writer_t        w2 = dg_writer(to_sign, TEXT_MAX);
    dg_writer_t        w3 = dg_writer(output, TEXT_MAX);
    dg_credentials_t   credentials = {
        .access_key_id = DG_SPAN(ACCESS), .secret_access_key = DG_SPAN(SECRET)
    };
    dg_sigv4_scope_t   scope = {
        .region = c->region, .service = c->service
    };
    dg_sigv4_trace_t   trace = {
        .canonical_request = &w1, .string_to_sign = &w2
    };
    dg_request_text_t  parsed;

    err = dg_request_text_parse(text, &parsed, NULL);

    if (err == DG_OK) {
        err = dg_sha256_hex(c->crypto, parsed.body, hash);
    }

    if (err == DG_OK) {
        err = dg_sigv4_sign(c->keys, &parsed.request,
                            dg_span(hash, sizeof(hash)), &scope,
                            &credentials, c->now, &w3, &trace);
    }

    check(c->tally, err == DG_OK, "%s: %s", c->name, dg_err_text(err));
    check(c->tally, dg_span_equal(dg_written(&w1),
                                  folded ? unfolded(c->canonical)
                                         : c->canonical),
          "%s: canonical request", c->name);
    check(c->tally, dg_span_equal(dg_written(&w2), c->to_sign) != folded,
          "%s: string to sign", c->name);
    check(c->tally, dg_span_equal(dg_written(&w3), c->authorization)
                    != folded,
          "%s: Authorization", c->name);
}


static void
check_verify(const case_t *c, dg_span_t text, bool has_authorization)
{
    uint8_t            hash[DG_SHA256_SIZE], block[4096];
    dg_arena_t         arena;
    dg_refusal_t       got = DG_REFUSE_BAD_REQUEST, want = DG_ALLOWED;
    dg_sigv4_claim_t   claim;
    dg_sigv4_rules_t   rules = {
        .regions = &c->region, .region_count = 1,
        .services = &c->service, .service_count = 1,
        .skew = DG_SIGV4_SKEW_DEFAULT
    };
    dg_request_text_t  parsed;

    dg_arena_init(&arena, block, sizeof(block));

    if (c->deviation && c->deviation->refused) {
        want = c->deviation->refusal;
    }

    if (dg_request_text_parse(text, &parsed, NULL) == DG_OK
        && (has_authorization
            || dg_request_text_add(&parsed, DG_SPAN("Authorization"),
                                   c->authorization) == DG_OK)
        && dg_sha256(c->crypto, parsed.body, hash) == DG_OK)
    {
        got = dg_sigv4_read(&parsed.request, &rules, c->now, &arena, &claim);

        if (got == DG_ALLOWED) {
            got = dg_sigv4_verify(c->keys, &parsed.request, &claim,
                                  DG_SPAN(SECRET), hash,
                                  DG_SIGV4_PATH_NORMALIZED, NULL);
        }
    }

    check(c->tally, got == want, "%s: verification gave %s", c->name,
          got == DG_ALLOWED ? "allowed" : dg_refusal_info(got)->name);
}


static void
run_case(const char *suite, const char *name, case_t *c)
{
    char       folder[VECTORS_PATH];
    dg_span_t  request, signed_request;

    path_join(folder, suite, name);
    c->name = name;
    c->folder = folder;
    c->deviation = NULL;

    for (size_t i = 0; i < sizeof(deviations) / sizeof(deviations[0]); i++) {
        if (strcmp(deviations[i].name, name) == 0) {
            c->deviation = &deviations[i];
        }
    }

    c->canonical = case_file(c, "creq");
    c->to_sign = case_file(c, "sts");
    c->authorization = case_file(c, "authz");

    if (!check(c->tally, c->canonical.len && c->authorization.len
                         && read_scope(c), "%s: its files", name))
    {
        return;
    }

    request = case_file(c, "req");
    signed_request = case_file(c, "sreq");

    if (request.len == 0) {
        request = rebuild(c);
    }

    check_sign(c, request);

    if (signed_request.len) {
        check_verify(c, signed_request, true);

    } else {
        check_verify(c, request, false);
    }
}


int
main(int argc, char **argv)
{
    char      suite[VECTORS_PATH], path[VECTORS_PATH];
    char    **names = calloc(VECTORS_FILES, sizeof(char *));
    DIR      *dir;
    case_t    c;
    size_t    count;
    tally_t   tally = { .name = "sigv4-legacy-suite" };

    if (argc != 2 || names == NULL) {
        fprintf(stderr, "usage: sigv4_legacy_suite VECTORS\n");
        return 2;
    }

    memset(&c, 0, sizeof(c));
    c.tally = &tally;
    c.crypto = dg_crypto_create(NULL, NULL);
    c.keys = dg_signing_keys_create(c.crypto, 8);

    path_join(suite, argv[1], "sigv4-legacy-suite");
    count = folder_list(suite, names);
    check(&tally, count > 0, "%s is empty", suite);

    for (size_t i = 0; i < count; i++) {
        path_join(path, suite, names[i]);
        dir = opendir(path);

        if (dir != NULL) {
            closedir(dir);
            run_case(suite, names[i], &c);
        }
    }

    dg_signing_keys_destroy(c.keys);
    dg_crypto_destroy(c.crypto);
    return tally_print(&tally, "");
}
