/*
 * Target functions: dg_sigv4_sign, dg_sigv4_presign, dg_sigv4_read,
 * dg_sigv4_verify.
 *
 * The input is eight bytes of choices and a request as text.  What is signed
 * must verify; with any one bit flipped in method, target, a signed header,
 * the body's hash or the credentials it must not, unless the two requests
 * have the same canonical form (%2f and %2F in a query, "Host" and "host").
 */

#include "dg_request_text.h"
#include "dg_sigv4.h"

#include <stdlib.h>
#include <string.h>

#define NOW       1440938160  /* 20150830T123600Z */
#define ID        "AKIDEXAMPLE"
#define SECRET    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define CHOICES   8
#define TEXT_MAX  (1 << 18)
#define COPY_MAX  (1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    dg_request_text_t  text;
    uint8_t            hash[DG_SHA256_SIZE];
    dg_sigv4_path_t    path;
    uint8_t            bytes[COPY_MAX];   /* own copies of all spans */
    size_t             used;
} signed_t;

static dg_crypto_t        *crypto;
static dg_signing_keys_t  *keys;


static void
must(bool holds)
{
    if (!holds) {
        abort();
    }
}


static dg_refusal_t
verify(const signed_t *s, uint8_t *buffer, dg_span_t *canonical)
{
    uint8_t           block[DG_SIGV4_TARGET_MAX * 2];
    dg_span_t         region = DG_SPAN("us-east-1");
    dg_span_t         service = DG_SPAN("workspaces");
    dg_arena_t        arena;
    dg_writer_t       w = dg_writer(buffer, TEXT_MAX);
    dg_refusal_t      refusal;
    dg_sigv4_claim_t  claim;
    dg_sigv4_rules_t  rules = {
        .regions = &region, .region_count = 1,
        .services = &service, .service_count = 1,
        .skew = DG_SIGV4_SKEW_DEFAULT
    };
    dg_sigv4_trace_t  trace = { .canonical_request = &w };

    dg_arena_init(&arena, block, sizeof(block));
    refusal = dg_sigv4_read(&s->text.request, &rules, NOW, &arena, &claim);

    if (refusal == DG_ALLOWED
        && !dg_span_equal(claim.access_key_id, DG_SPAN(ID)))
    {
        return DG_REFUSE_KEY_UNKNOWN;
    }

    if (refusal == DG_ALLOWED) {
        refusal = dg_sigv4_verify(keys, &s->text.request, &claim,
                                  DG_SPAN(SECRET), s->hash, s->path, &trace);
    }

    *canonical = dg_written(&w);
    return refusal;
}


static bool
keep(signed_t *s, dg_span_t *span)
{
    if (span->len > COPY_MAX - s->used) {
        return false;
    }

    if (span->len > 0) {
        memcpy(s->bytes + s->used, span->data, span->len);
    }

    span->data = s->bytes + s->used;
    s->used += span->len;
    return true;
}


/* Everything that is signed, in memory that a bit can be flipped in. */
static bool
keep_all(signed_t *s)
{
    s->used = 0;

    if (!keep(s, &s->text.request.method) || !keep(s, &s->text.request.target))
    {
        return false;
    }

    for (size_t i = 0; i < s->text.request.header_count; i++) {
        if (!keep(s, &s->text.headers[i].name)
            || !keep(s, &s->text.headers[i].value))
        {
            return false;
        }
    }

    return true;
}


/* The request with what a signature needs; false when it cannot be signed. */
static bool
prepare(signed_t *s, dg_span_t input, bool query)
{
    static const char *const  ours[] = {
        "authorization", "host", "x-amz-date", "date",
        "x-amz-content-sha256", "x-amz-security-token"
    };

    if (dg_request_text_parse(input, &s->text, NULL) != DG_OK
        || dg_sha256(crypto, s->text.body, s->hash) != DG_OK)
    {
        return false;
    }

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        dg_request_text_remove(&s->text, dg_span_cstr(ours[i]));
    }

    return dg_request_text_add(&s->text, DG_SPAN("Host"), DG_SPAN("h:80"))
           == DG_OK
           && (query
               || dg_request_text_add(&s->text, DG_SPAN("X-Amz-Date"),
                                      DG_SPAN("20150830T123600Z")) == DG_OK)
           && !(dg_sigv4_presented(&s->text.request) & DG_SIGV4_IN_QUERY);
}


static bool
sign(signed_t *s, bool query)
{
    static uint8_t    output[COPY_MAX];

    char              hex[DG_SHA256_HEX_SIZE];
    dg_writer_t       w = dg_writer(output, sizeof(output));
    dg_sigv4_scope_t  scope = {
        DG_SPAN("us-east-1"), DG_SPAN("workspaces"), s->path
    };
    dg_credentials_t  credentials = {
        .access_key_id = DG_SPAN(ID), .secret_access_key = DG_SPAN(SECRET)
    };

    if (dg_sha256_hex(crypto, s->text.body, hex) != DG_OK) {
        return false;
    }

    if (query) {
        if (dg_sigv4_presign(keys, &s->text.request,
                             dg_span(hex, sizeof(hex)), &scope, &credentials,
                             NOW, 60, &w, NULL) != DG_OK)
        {
            return false;
        }

        s->text.request.target = dg_written(&w);
        return w.len <= DG_SIGV4_TARGET_MAX;
    }

    return dg_sigv4_sign(keys, &s->text.request, dg_span(hex, sizeof(hex)),
                         &scope, &credentials, NOW, &w, NULL) == DG_OK
           && w.len <= DG_SIGV4_AUTHORIZATION_MAX
           && dg_request_text_add(&s->text, DG_SPAN("Authorization"),
                                  dg_written(&w)) == DG_OK;
}


static void
flip(signed_t *s, size_t where, unsigned bit)
{
    where %= s->used + sizeof(s->hash);

    if (where < s->used) {
        s->bytes[where] ^= (uint8_t) (1u << bit);

    } else {
        s->hash[where - s->used] ^= (uint8_t) (1u << bit);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t   first[TEXT_MAX], second[TEXT_MAX];
    static signed_t  s;

    bool             query;
    size_t           where;
    dg_span_t        before, after;
    dg_refusal_t     refusal;

    if (crypto == NULL) {
        crypto = dg_crypto_create(NULL, NULL);
        keys = dg_signing_keys_create(crypto, 8);
    }

    if (size < CHOICES) {
        return 0;
    }

    query = data[0] & 1;
    s.path = data[0] & 2 ? DG_SIGV4_PATH_VERBATIM : DG_SIGV4_PATH_NORMALIZED;
    where = (size_t) data[1] << 8 | data[2];

    if (!prepare(&s, dg_span(data + CHOICES, size - CHOICES), query)
        || !sign(&s, query) || !keep_all(&s))
    {
        return 0;
    }

    /* more parameters or headers than are read are signed all the same */
    refusal = verify(&s, first, &before);
    must(refusal == DG_ALLOWED || refusal == DG_REFUSE_TARGET_TOO_LONG
         || refusal == DG_REFUSE_SIGNED_HEADERS);

    if (refusal != DG_ALLOWED) {
        return 0;
    }

    flip(&s, where, data[3] & 7);

    if (verify(&s, second, &after) == DG_ALLOWED) {
        must(where % (s.used + sizeof(s.hash)) < s.used);
        must(dg_span_equal(before, after));
    }

    return 0;
}
