/*
 * The expected signatures were made with another implementation, from the
 * canonical requests written out below.
 */

#include "dg_codec.h"
#include "dg_request_text.h"
#include "dg_sigv4.h"
#include "tap.h"

#define NOW    1772705472  /* 20260305T101112Z */
#define TOKEN  "Invented/Token+=="
#define SCOPE  "AKIDEXAMPLE/20260305/"
#define BODY   "{\"MaxResults\":5}"
#define HASH   "82eef3ee4d2728db9e62c35b6d42acf8"                             \
               "a5c1a903c67b99303e68d73ba2635306"

static dg_signing_keys_t  *keys;

static const dg_credentials_t  long_lived = {
    .access_key_id = { (const uint8_t *) "AKIDEXAMPLE", 11 },
    .secret_access_key = {
        (const uint8_t *) "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 40
    }
};

static char  canonical[4096], to_sign[1024], output[4096];


/* Signs the text; the traces and the output are in the buffers above. */
static dg_err_t
sign(const char *text, const char *region, const char *service,
    dg_span_t token, dg_sigv4_trace_t *trace, dg_writer_t *w)
{
    dg_err_t           err;
    dg_sigv4_scope_t   scope = {
        .region = dg_span_cstr(region), .service = dg_span_cstr(service)
    };
    dg_credentials_t   credentials = long_lived;
    dg_request_text_t  r;

    credentials.session_token = token;
    err = dg_request_text_parse(dg_span_cstr(text), &r, NULL);

    return err != DG_OK
           ? err
           : dg_sigv4_sign(keys, &r.request,
                           r.body.len ? DG_SPAN(HASH)
                                      : DG_SPAN(DG_SIGV4_EMPTY_HASH),
                           &scope, &credentials, NOW, w, trace);
}


static void
test_json(void)
{
    char              hex[DG_SHA256_HEX_SIZE];
    dg_writer_t       w1 = dg_writer(canonical, sizeof(canonical));
    dg_writer_t       w2 = dg_writer(to_sign, sizeof(to_sign));
    dg_writer_t       w = dg_writer(output, sizeof(output));
    dg_sigv4_trace_t  trace = {
        .canonical_request = &w1, .string_to_sign = &w2
    };

    is_int(sign("POST / HTTP/1.1\n"
                "Host: workspaces.eu-central-1.amazonaws.com\n"
                "X-Amz-Date: 20260305T101112Z\n"
                "Content-Type: application/x-amz-json-1.1\n"
                "X-Amz-Target: WorkspacesService.DescribeWorkspaces\n"
                "X-Amz-Security-Token: " TOKEN "\n\n" BODY,
                "eu-central-1", "workspaces", DG_SPAN(TOKEN), &trace, &w),
           DG_OK, "a call with temporary credentials");

    is_text(dg_written(&w1),
            "POST\n/\n\ncontent-type:application/x-amz-json-1.1\n"
            "host:workspaces.eu-central-1.amazonaws.com\n"
            "x-amz-date:20260305T101112Z\nx-amz-security-token:" TOKEN "\n"
            "x-amz-target:WorkspacesService.DescribeWorkspaces\n\n"
            "content-type;host;x-amz-date;x-amz-security-token;x-amz-target\n"
            HASH, "canonical request");
    is_text(dg_written(&w2),
            "AWS4-HMAC-SHA256\n20260305T101112Z\n"
            "20260305/eu-central-1/workspaces/aws4_request\n"
            "b6037f100d5971062d90c7d820048668d5fcaf9760a3d37f5963555c76fb132b",
            "string to sign");
    is_text(dg_written(&w),
            "AWS4-HMAC-SHA256 Credential=" SCOPE "eu-central-1/workspaces/"
            "aws4_request, SignedHeaders=content-type;host;x-amz-date;"
            "x-amz-security-token;x-amz-target, Signature="
            "1f7ae7d8127fa3b4006898380a2be9f9c119be5f755fd5929f4c35631c2e099c",
            "Authorization");

    dg_hex_encode(trace.canonical_hash, sizeof(trace.canonical_hash), hex);
    is_text(dg_span(hex, sizeof(hex)),
            "b6037f100d5971062d90c7d820048668d5fcaf9760a3d37f5963555c76fb132b",
            "hash of the canonical request");
}


static void
test_get(void)
{
    dg_writer_t  w = dg_writer(output, sizeof(output));

    is_int(sign("GET //a/b/../d%20e/?A=2&B%20c=%2f+&empty&A=1 HTTP/1.1\n"
                "Host: broker.example.org:8443\n"
                "X-Many: one\n"
                "X-Amz-Date: 20260305T101112Z\n"
                "X-Many:  two   words\n"
                "x-many: three\n\n",
                "us-east-1", "dcv", DG_SPAN_EMPTY, NULL, &w), DG_OK,
           "a call with all that is made canonical");
    ok(dg_span_ends_with(dg_written(&w),
                         DG_SPAN("176a5d81d8b9ae731001f3e9430e1331"
                                 "f77b0edbb9c3071df26a17a8c837b2ab")),
       "its signature");
}


static void
test_refused(void)
{
    dg_writer_t  w = dg_writer(output, sizeof(output));

    is_int(sign("GET / HTTP/1.1\nX-Amz-Date: 20260305T101112Z\n\n", "r", "s",
                DG_SPAN_EMPTY, NULL, &w), DG_ERR_INVALID, "no host");
    is_int(sign("GET / HTTP/1.1\nHost: h\n\n", "r", "s", DG_SPAN_EMPTY, NULL,
                &w), DG_ERR_INVALID, "no date");
    is_int(sign("GET / HTTP/1.1\nHost: h\nX-Amz-Date: 20260305T101113Z\n\n",
                "r", "s", DG_SPAN_EMPTY, NULL, &w), DG_ERR_INVALID,
           "another second");
    is_int(sign("GET / HTTP/1.1\nHost: h\nX-Amz-Date: 20260305T101112Z\n\n",
                "r", "s", DG_SPAN(TOKEN), NULL, &w), DG_ERR_INVALID,
           "a token that is not sent");
    is_int(sign("GET / HTTP/1.1\nHost: h\nX-Amz-Date: 20260305T101112Z\n"
                "X-Amz-Security-Token: other\n\n", "r", "s", DG_SPAN(TOKEN),
                NULL, &w), DG_ERR_INVALID, "another token");
    is_int(sign("GET /?%z HTTP/1.1\nHost: h\n"
                "X-Amz-Date: 20260305T101112Z\n\n", "r", "s", DG_SPAN_EMPTY,
                NULL, &w), DG_ERR_SYNTAX, "a bad escape");
    is_int(w.len, 0, "nothing was written");

    w = dg_writer(output, 100);
    is_int(sign("GET / HTTP/1.1\nHost: h\nX-Amz-Date: 20260305T101112Z\n\n",
                "r", "s", DG_SPAN_EMPTY, NULL, &w), DG_ERR_LIMIT,
           "no room for the value");

    w = dg_writer(output, sizeof(output));
    is_int(sign("GET / HTTP/1.1\nHost: h\n"
                "Date: Thu, 05 Mar 2026 10:11:12 GMT\n\n", "r", "s",
                DG_SPAN_EMPTY, NULL, &w), DG_OK, "Date instead");
}


static dg_err_t
presign(const char *text, uint32_t expires, dg_writer_t *w)
{
    dg_err_t           err;
    dg_sigv4_scope_t   scope = {
        .region = DG_SPAN("us-east-1"), .service = DG_SPAN("sts")
    };
    dg_credentials_t   credentials = long_lived;
    dg_request_text_t  r;

    credentials.session_token = DG_SPAN(TOKEN);
    err = dg_request_text_parse(dg_span_cstr(text), &r, NULL);

    return err != DG_OK
           ? err
           : dg_sigv4_presign(keys, &r.request, DG_SPAN(DG_SIGV4_EMPTY_HASH),
                              &scope, &credentials, NOW, expires, w, NULL);
}


static void
test_presign(void)
{
    const char   *text = "GET /?Action=GetCallerIdentity&Version=2011-06-15"
                         " HTTP/1.1\nHost: sts.amazonaws.com\n"
                         "X-Gateway-Id: desk\n\n";
    dg_writer_t   w = dg_writer(output, sizeof(output));

    is_int(presign(text, 60, &w), DG_OK, "a presigned call");
    is_text(dg_written(&w),
            "/?Action=GetCallerIdentity&Version=2011-06-15"
            "&X-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential=AKIDEXAMPLE%2F20260305%2Fus-east-1%2Fsts"
            "%2Faws4_request&X-Amz-Date=20260305T101112Z"
            "&X-Amz-SignedHeaders=host%3Bx-gateway-id&X-Amz-Expires=60"
            "&X-Amz-Security-Token=Invented%2FToken%2B%3D%3D"
            "&X-Amz-Signature=78774a94212b49567c2ab9c802203615fe83"
            "0a8d89821106421b718e38ba9f27", "its target");

    w = dg_writer(output, sizeof(output));
    is_int(presign(text, 0, &w), DG_ERR_INVALID, "no lifetime");
    is_int(presign(text, DG_SIGV4_EXPIRES_MAX + 1, &w), DG_ERR_INVALID,
           "a lifetime above seven days");
    is_int(presign("GET / HTTP/1.1\nX: 1\n\n", 60, &w), DG_ERR_INVALID,
           "no host");
    is_int(presign("GET /?x-amz-DATE=1 HTTP/1.1\nHost: h\n\n", 60, &w),
           DG_ERR_INVALID, "a target that is signed already");

    is_int(presign("GET /? HTTP/1.1\nHost: h\n\n", 60, &w), DG_OK,
           "an empty query");
    ok(dg_span_starts_with(dg_written(&w), DG_SPAN("/?X-Amz-Algorithm=")),
       "gets no second question mark");
    w = dg_writer(output, 300);
    is_int(presign(text, 60, &w), DG_ERR_LIMIT, "no room for the target");
}


int
main(void)
{
    dg_crypto_t  *crypto = dg_crypto_create(NULL, NULL);

    keys = dg_signing_keys_create(crypto, 8);

    test_json();
    test_get();
    test_refused();
    test_presign();

    dg_signing_keys_destroy(keys);
    dg_crypto_destroy(crypto);
    return done_testing();
}
