/*
 * deskgate-sign: signs or verifies a request given as text, and shows what
 * was hashed on the way.
 */

#define _POSIX_C_SOURCE  200809L

#include "tool.h"

#include "dg_codec.h"
#include "dg_request_text.h"
#include "dg_sigv4.h"
#include "dg_time.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REQUEST_MAX  ((size_t) 16 << 20)
#define TRACE_MAX    262144
#define SCRATCH      65536

typedef struct {
    const char  *access_key;
    const char  *secret_file;
    const char  *token_file;
    const char  *region;
    const char  *service;
    const char  *time;
    const char  *skew;
    const char  *presign;
    const char  *expect;
    const char  *body;
    bool         verify;
    bool         unsigned_payload;
    bool         verbatim_path;
    bool         json;
    bool         help;
} options_t;

typedef struct {
    options_t            options;
    dg_request_text_t    text;
    dg_credentials_t     credentials;
    dg_sigv4_scope_t     scope;
    int64_t              now;
    uint8_t              body_hash[DG_SHA256_SIZE];
    char                 body_hex[DG_SHA256_HEX_SIZE];
    char                 time[DG_TIME_AMZ_SIZE];
    dg_crypto_t         *crypto;
    dg_signing_keys_t   *keys;
    dg_writer_t          canonical;
    dg_writer_t          to_sign;
    dg_writer_t          output;
    dg_sigv4_trace_t     trace;
} work_t;

/* What the result is told with, as text or as JSON. */
typedef struct {
    const char  *verdict;      /* "allowed" or the refusal's name */
    dg_span_t    message;
    dg_span_t    remedy;
    const char  *output_name;  /* "authorization", "target", NULL */
    unsigned     line;         /* of the first difference; 0: none */
    dg_span_t    expected;
    dg_span_t    computed;
} result_t;

static const char  usage[] =
    "usage: deskgate-sign [OPTIONS] [REQUEST]\n"
    "\n"
    "Signs the HTTP/1.1 request in the file REQUEST (default: stdin) and\n"
    "prints canonical request, string to sign and Authorization; with\n"
    "--verify checks the signature that the request holds.\n"
    "\n"
    "  --access-key ID           AWS access key id\n"
    "                            (else AWS_ACCESS_KEY_ID)\n"
    "  --secret-file FILE        secret access key, one line\n"
    "                            (else AWS_SECRET_ACCESS_KEY)\n"
    "  --session-token-file FILE session token, one line\n"
    "                            (else AWS_SESSION_TOKEN)\n"
    "  --region REGION           region of the scope (else AWS_REGION);\n"
    "                            with --verify any when not given\n"
    "  --service NAME            signing name: workspaces, dcv, sts, ...;\n"
    "                            with --verify any when not given\n"
    "  --time TIME               20150830T123600Z or 2015-08-30T12:36:00Z\n"
    "                            (else the request's X-Amz-Date when signing,\n"
    "                            else the clock)\n"
    "  --presign SECONDS         sign in the query, valid that long\n"
    "  --verify                  check the request's own signature\n"
    "  --skew SECONDS            clock tolerance when verifying (900)\n"
    "  --expect FILE             compare the canonical request with this\n"
    "                            one and show the first difference\n"
    "  --body FILE               the body, instead of what follows the\n"
    "                            headers in REQUEST\n"
    "  --unsigned-payload        sign, or accept, UNSIGNED-PAYLOAD\n"
    "  --verbatim-path           canonical path as for S3\n"
    "  --json                    print one JSON object\n"
    "  --help                    this text\n"
    "\n"
    "exit status: 0 signed or verified, 1 refused or different, 2 usage\n";

/* What clients leave unsigned because proxies may change it. */
static const char *const  never_signed[] = {
    "authorization", "connection", "expect", "keep-alive",
    "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id"
};


static bool
read_options(int argc, char **argv, options_t *o, const char **path)
{
    size_t               count;
    const tool_option_t  table[] = {
        { "--access-key", &o->access_key, NULL },
        { "--secret-file", &o->secret_file, NULL },
        { "--session-token-file", &o->token_file, NULL },
        { "--region", &o->region, NULL },
        { "--service", &o->service, NULL },
        { "--time", &o->time, NULL },
        { "--skew", &o->skew, NULL },
        { "--presign", &o->presign, NULL },
        { "--expect", &o->expect, NULL },
        { "--body", &o->body, NULL },
        { "--verify", NULL, &o->verify },
        { "--unsigned-payload", NULL, &o->unsigned_payload },
        { "--verbatim-path", NULL, &o->verbatim_path },
        { "--json", NULL, &o->json },
        { "--help", NULL, &o->help }
    };

    *path = "-";

    if (!tool_options(argc, argv, table, sizeof(table) / sizeof(table[0]),
                      path, 1, &count))
    {
        return false;
    }

    if (o->verify && o->presign != NULL) {
        tool_complain("--verify and --presign exclude each other");
        return false;
    }

    return true;
}


/* What a request is signed at: it may say so itself. */
static bool
read_time(work_t *work)
{
    const char         *text = work->options.time;
    const dg_header_t  *h;

    work->now = (int64_t) time(NULL);
    h = dg_request_header(&work->text.request, DG_SPAN("x-amz-date"), NULL);

    if (text == NULL) {
        if (h != NULL && !work->options.verify
            && dg_time_parse_amz(h->value, &work->now) != DG_OK)
        {
            tool_complain("the request's X-Amz-Date is not like"
                          " 20150830T123600Z");
            return false;
        }

        return true;
    }

    if (dg_time_parse_amz(dg_span_cstr(text), &work->now) == DG_OK
        || dg_time_parse_iso(dg_span_cstr(text), &work->now, NULL) == DG_OK)
    {
        return true;
    }

    tool_complain("--time \"%s\" is not like 20150830T123600Z", text);
    return false;
}


static dg_span_t
option_or_environment(const char *option, const char *name)
{
    return dg_span_cstr(option != NULL ? option : getenv(name));
}


/*
 * A secret is never an argument: every user of the machine can read those.
 */
static bool
read_credentials(work_t *work)
{
    const options_t   *o = &work->options;
    dg_credentials_t  *c = &work->credentials;

    c->access_key_id = option_or_environment(o->access_key,
                                             "AWS_ACCESS_KEY_ID");
    c->secret_access_key = dg_span_cstr(getenv("AWS_SECRET_ACCESS_KEY"));
    c->session_token = dg_span_cstr(getenv("AWS_SESSION_TOKEN"));

    if ((o->secret_file != NULL
         && !tool_read_secret(o->secret_file, &c->secret_access_key))
        || (o->token_file != NULL
            && !tool_read_secret(o->token_file, &c->session_token)))
    {
        return false;
    }

    /* a key on the command line has nothing to do with another's token */
    if (o->access_key != NULL && o->token_file == NULL) {
        c->session_token = DG_SPAN_EMPTY;
    }

    if (c->secret_access_key.len == 0) {
        tool_complain("no secret: give --secret-file FILE or set"
                      " AWS_SECRET_ACCESS_KEY");
        return false;
    }

    return true;
}


static bool
read_request(work_t *work, const char *path)
{
    dg_diag_t  diag;
    dg_span_t  text;

    if (!tool_read(path, REQUEST_MAX, &text)) {
        return false;
    }

    if (dg_request_text_parse(text, &work->text, &diag) != DG_OK) {
        tool_complain("%s:%u: %s", strcmp(path, "-") ? path : "stdin",
                      diag.line, diag.text);
        return false;
    }

    if (work->options.body != NULL
        && !tool_read(work->options.body, REQUEST_MAX, &work->text.body))
    {
        return false;
    }

    if (dg_sha256(work->crypto, work->text.body, work->body_hash) != DG_OK) {
        tool_complain("the body cannot be hashed");
        return false;
    }

    dg_hex_encode(work->body_hash, DG_SHA256_SIZE, work->body_hex);
    return true;
}


static bool
prepare(work_t *work)
{
    dg_arena_t   arena = tool_arena(4 * TRACE_MAX);
    uint8_t     *buffer = dg_arena_alloc(&arena, 3 * TRACE_MAX);

    work->crypto = dg_crypto_create(NULL, NULL);
    work->keys = work->crypto ? dg_signing_keys_create(work->crypto, 1)
                              : NULL;

    if (buffer == NULL || work->keys == NULL) {
        tool_complain("no memory");
        return false;
    }

    work->canonical = dg_writer(buffer, TRACE_MAX);
    work->to_sign = dg_writer(buffer + TRACE_MAX, TRACE_MAX);
    work->output = dg_writer(buffer + 2 * TRACE_MAX, TRACE_MAX);
    work->trace.canonical_request = &work->canonical;
    work->trace.string_to_sign = &work->to_sign;
    work->scope.path = work->options.verbatim_path
                       ? DG_SIGV4_PATH_VERBATIM : DG_SIGV4_PATH_NORMALIZED;
    work->scope.region = option_or_environment(work->options.region,
                                               "AWS_REGION");
    work->scope.service = dg_span_cstr(work->options.service);

    return true;
}


/* Leaves the headers that are signed, with those that a signature needs. */
static bool
complete_headers(work_t *work)
{
    dg_span_t           date = dg_span(work->time, sizeof(work->time));
    dg_request_text_t  *text = &work->text;

    for (size_t i = 0; i < sizeof(never_signed) / sizeof(never_signed[0]);
         i++)
    {
        dg_request_text_remove(text, dg_span_cstr(never_signed[i]));
    }

    dg_request_text_remove(text, DG_SPAN("x-amz-date"));
    dg_request_text_remove(text, DG_SPAN("x-amz-security-token"));

    if (dg_request_header(&text->request, DG_SPAN("host"), NULL) == NULL) {
        tool_complain("the request has no Host header");
        return false;
    }

    if (work->options.presign != NULL) {
        return true;
    }

    if (dg_request_text_add(text, DG_SPAN("X-Amz-Date"), date) != DG_OK
        || (work->credentials.session_token.len > 0
            && dg_request_text_add(text, DG_SPAN("X-Amz-Security-Token"),
                                   work->credentials.session_token)
               != DG_OK))
    {
        tool_complain("the request has too many headers");
        return false;
    }

    return true;
}


/* The payload hash: as the request declares it, else of the body. */
static dg_span_t
payload_hash(const work_t *work)
{
    const dg_header_t  *h;

    h = dg_request_header(&work->text.request,
                          DG_SPAN("x-amz-content-sha256"), NULL);
    if (h != NULL) {
        return h->value;
    }

    return work->options.unsigned_payload
           ? DG_SPAN(DG_SIGV4_UNSIGNED_PAYLOAD)
           : dg_span(work->body_hex, sizeof(work->body_hex));
}


static int
sign(work_t *work, result_t *result)
{
    dg_err_t     err;
    uint64_t     expires = 0;
    const char  *presign = work->options.presign;

    if (work->credentials.access_key_id.len == 0
        || work->scope.region.len == 0 || work->scope.service.len == 0)
    {
        tool_complain("signing needs --access-key, --region and --service");
        return TOOL_USAGE;
    }

    if (presign != NULL && (!dg_span_to_u64(dg_span_cstr(presign), &expires)
                            || expires < 1 || expires > DG_SIGV4_EXPIRES_MAX))
    {
        tool_complain("--presign takes 1 to %d seconds",
                      DG_SIGV4_EXPIRES_MAX);
        return TOOL_USAGE;
    }

    if (!complete_headers(work)) {
        return TOOL_REFUSED;
    }

    if (presign != NULL) {
        result->output_name = "target";
        err = dg_sigv4_presign(work->keys, &work->text.request,
                               payload_hash(work), &work->scope,
                               &work->credentials, work->now,
                               (uint32_t) expires, &work->output,
                               &work->trace);

    } else {
        result->output_name = "authorization";
        err = dg_sigv4_sign(work->keys, &work->text.request,
                            payload_hash(work), &work->scope,
                            &work->credentials, work->now, &work->output,
                            &work->trace);
    }

    if (err != DG_OK) {
        tool_complain("the request cannot be signed: %s", dg_err_text(err));
        return TOOL_REFUSED;
    }

    result->verdict = "signed";
    return TOOL_OK;
}


/* Without --region or --service whatever the scope names is accepted. */
static void
accept_scope(work_t *work, const dg_sigv4_claim_t *claim)
{
    if (work->scope.region.len == 0) {
        work->scope.region = claim->region;
    }

    if (work->scope.service.len == 0) {
        work->scope.service = claim->service;
    }
}


static dg_refusal_t
judge(work_t *work, dg_sigv4_rules_t *rules, dg_arena_t *arena,
    dg_sigv4_claim_t *claim)
{
    dg_refusal_t  refusal;

    refusal = dg_sigv4_read(&work->text.request, rules, work->now, arena,
                            claim);

    if (refusal == DG_REFUSE_SCOPE_REGION
        || refusal == DG_REFUSE_SCOPE_SERVICE)
    {
        accept_scope(work, claim);
        refusal = dg_sigv4_read(&work->text.request, rules, work->now, arena,
                                claim);
    }

    if (refusal != DG_ALLOWED) {
        return refusal;
    }

    if (work->credentials.access_key_id.len > 0
        && !dg_span_equal(work->credentials.access_key_id,
                          claim->access_key_id))
    {
        return DG_REFUSE_KEY_UNKNOWN;
    }

    if (work->credentials.session_token.len > 0
        && !dg_equal_secret(work->credentials.session_token,
                            claim->session_token))
    {
        return DG_REFUSE_SESSION_TOKEN;
    }

    return dg_sigv4_verify(work->keys, &work->text.request, claim,
                           work->credentials.secret_access_key,
                           work->body_hash, work->scope.path, &work->trace);
}


static int
verify(work_t *work, result_t *result)
{
    uint64_t          skew = DG_SIGV4_SKEW_DEFAULT;
    dg_arena_t        arena = tool_arena(SCRATCH);
    dg_refusal_t      refusal;
    dg_sigv4_claim_t  claim;
    dg_sigv4_rules_t  rules = {
        .regions = &work->scope.region, .region_count = 1,
        .services = &work->scope.service, .service_count = 1,
        .allow_unsigned_payload = work->options.unsigned_payload
    };

    if (work->options.skew != NULL
        && (!dg_span_to_u64(dg_span_cstr(work->options.skew), &skew)
            || skew > DG_SIGV4_EXPIRES_MAX))
    {
        tool_complain("--skew takes 0 to %d seconds", DG_SIGV4_EXPIRES_MAX);
        return TOOL_USAGE;
    }

    rules.skew = (int64_t) skew;
    refusal = judge(work, &rules, &arena, &claim);

    if (refusal == DG_ALLOWED) {
        result->verdict = "allowed";
        return TOOL_OK;
    }

    result->verdict = dg_refusal_info(refusal)->name;
    result->message = dg_span_cstr(dg_refusal_info(refusal)->text);
    result->remedy = dg_span_cstr(dg_refusal_info(refusal)->remedy);

    if (dg_sigv4_write_reason(&work->output, refusal, &claim, &rules,
                              work->now))
    {
        result->message = dg_written(&work->output);
    }

    return TOOL_REFUSED;
}


/* The first line in which two texts differ; line 0 when none does. */
static void
compare(dg_span_t expected, dg_span_t computed, result_t *result)
{
    bool       more_expected = true, more_computed = true;
    unsigned   line = 0;
    dg_span_t  a = DG_SPAN_EMPTY, b = DG_SPAN_EMPTY;

    /* an editor's last line end is not part of a canonical request */
    if (dg_span_ends_with(expected, DG_SPAN("\n"))) {
        expected.len--;
    }

    while (more_expected || more_computed) {
        line++;
        more_expected = dg_span_split(&expected, '\n', &a);
        more_computed = dg_span_split(&computed, '\n', &b);

        if (more_expected && dg_span_ends_with(a, DG_SPAN("\r"))) {
            a.len--;
        }

        if (more_expected != more_computed
            || (more_expected && !dg_span_equal(a, b)))
        {
            result->line = line;
            result->expected = more_expected ? a : DG_SPAN("(no such line)");
            result->computed = more_computed ? b : DG_SPAN("(no such line)");
            return;
        }
    }
}


static void
print_part(const char *title, dg_span_t text)
{
    printf("%s%s:%s\n", tool_color(stdout, "1"), title,
           tool_color(stdout, "0"));
    tool_print(text);
    printf("\n\n");
}


static void
print_difference(const result_t *result)
{
    if (result->line == 0) {
        printf("the canonical request is as expected\n");
        return;
    }

    printf("first difference: line %u\n%s  expected: ", result->line,
           tool_color(stdout, "31"));
    tool_print(result->expected);
    printf("%s\n%s  computed: ", tool_color(stdout, "0"),
           tool_color(stdout, "32"));
    tool_print(result->computed);
    printf("%s\n", tool_color(stdout, "0"));
}


static void
print_text(const work_t *work, const result_t *result)
{
    char  hex[DG_SHA256_HEX_SIZE];
    bool  good = strcmp(result->verdict, "allowed") == 0;

    if (work->canonical.len > 0) {
        dg_hex_encode(work->trace.canonical_hash, DG_SHA256_SIZE, hex);
        print_part("canonical request", dg_written(&work->canonical));
        print_part("canonical request's SHA-256", dg_span(hex, sizeof(hex)));
        print_part("string to sign", dg_written(&work->to_sign));
    }

    if (result->output_name != NULL) {
        print_part(work->options.presign ? "target" : "Authorization",
                   dg_written(&work->output));

    } else {
        printf("%sverdict: %s%s\n", tool_color(stdout, good ? "32" : "31"),
               result->verdict, tool_color(stdout, "0"));
    }

    if (result->message.len) {
        tool_print(result->message);
        printf("\n");
    }

    if (result->remedy.len) {
        printf("remedy: ");
        tool_print(result->remedy);
        printf("\n");
    }

    if (work->options.expect != NULL) {
        print_difference(result);
    }
}


static void
print_member(const char *name, dg_span_t text)
{
    if (text.len > 0) {
        printf(",\"%s\":", name);
        tool_print_json(text);
    }
}


static void
print_json(const work_t *work, const result_t *result)
{
    char  hex[DG_SHA256_HEX_SIZE];

    printf("{\"verdict\":");
    tool_print_json(dg_span_cstr(result->verdict));
    print_member("message", result->message);
    print_member("remedy", result->remedy);

    if (work->canonical.len > 0) {
        dg_hex_encode(work->trace.canonical_hash, DG_SHA256_SIZE, hex);
        print_member("canonicalRequest", dg_written(&work->canonical));
        print_member("canonicalRequestHash", dg_span(hex, sizeof(hex)));
        print_member("stringToSign", dg_written(&work->to_sign));
    }

    if (result->output_name != NULL) {
        print_member(result->output_name, dg_written(&work->output));
    }

    if (result->line > 0) {
        printf(",\"firstDifference\":{\"line\":%u,\"expected\":",
               result->line);
        tool_print_json(result->expected);
        printf(",\"computed\":");
        tool_print_json(result->computed);
        printf("}");
    }

    printf("}\n");
}


static int
run(work_t *work, const char *path)
{
    int          status;
    result_t     result = { .verdict = "" };
    dg_span_t    expected = DG_SPAN_EMPTY;
    dg_writer_t  w = dg_writer(work->time, sizeof(work->time));

    if (!prepare(work) || !read_credentials(work)
        || !read_request(work, path) || !read_time(work)
        || (work->options.expect != NULL
            && !tool_read(work->options.expect, REQUEST_MAX, &expected)))
    {
        return TOOL_USAGE;
    }

    dg_time_write_amz(&w, work->now);
    status = work->options.verify ? verify(work, &result)
                                  : sign(work, &result);

    if (result.verdict[0] == 0) {
        return status;
    }

    if (work->options.expect != NULL) {
        compare(expected, dg_written(&work->canonical), &result);

        if (result.line > 0 && status == TOOL_OK) {
            status = TOOL_REFUSED;
        }
    }

    if (work->options.json) {
        print_json(work, &result);

    } else {
        print_text(work, &result);
    }

    return status;
}


int
main(int argc, char **argv)
{
    static work_t  work;

    int          status;
    const char  *path;

    tool_init("deskgate-sign");

    if (!read_options(argc, argv, &work.options, &path)) {
        return TOOL_USAGE;
    }

    if (work.options.help) {
        fputs(usage, stdout);
        return TOOL_OK;
    }

    status = run(&work, path);
    dg_signing_keys_destroy(work.keys);
    dg_crypto_destroy(work.crypto);
    tool_end();

    return fflush(stdout) == 0 ? status : TOOL_REFUSED;
}
