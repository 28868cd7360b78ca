/*
 * Proofs of AWS identities: see dg_proof.h.
 */

#include "dg_proof.h"

#include "dg_codec.h"
#include "dg_query.h"
#include "dg_text.h"
#include "dg_time.h"

#define SCHEME         "https://"
#define DATE_SIZE      8
#define SIGNATURE_HEX  64
#define SCOPE_PARTS    5
#define ESCAPED        3

typedef enum {
    PARAM_ACTION,
    PARAM_VERSION,
    PARAM_ALGORITHM,
    PARAM_CREDENTIAL,
    PARAM_DATE,
    PARAM_EXPIRES,
    PARAM_SIGNED_HEADERS,
    PARAM_SIGNATURE,
    PARAM_SECURITY_TOKEN,  /* the only one that may be absent */
    PARAMS
} param_t;

static const char *const  names[PARAMS] = {
    "Action", "Version", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date",
    "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature",
    "X-Amz-Security-Token"
};

typedef struct {
    dg_span_t  values[PARAMS];  /* data NULL: absent */
} form_t;


bool
dg_proof_is(dg_span_t token)
{
    return dg_span_starts_with(token, DG_SPAN(DG_PROOF_PREFIX));
}


/* Names as they are, in no other case or encoding, and each once. */
static bool
take(const dg_query_param_t *param, dg_arena_t *arena, form_t *form)
{
    size_t  i = 0;

    while (i < PARAMS && !dg_span_equal(param->name, dg_span_cstr(names[i])))
    {
        i++;
    }

    if (i == PARAMS || form->values[i].data != NULL) {
        return false;
    }

    form->values[i] = dg_query_value(param, arena);

    return form->values[i].len > 0 && dg_text_is_graphic(form->values[i]);
}


static bool
read_form(dg_span_t text, dg_arena_t *arena, form_t *form)
{
    dg_query_t  *query = dg_arena_alloc(arena, sizeof(*query));

    if (query == NULL || dg_query_parse(text, query) != DG_OK) {
        return false;
    }

    for (size_t i = 0; i < query->count; i++) {
        if (!take(&query->params[i], arena, form)) {
            return false;
        }
    }

    for (size_t i = 0; i < PARAM_SECURITY_TOKEN; i++) {
        if (form->values[i].data == NULL) {
            return false;
        }
    }

    return true;
}


static bool
is(const form_t *form, param_t param, const char *value)
{
    return dg_span_equal(form->values[param], dg_span_cstr(value));
}


/* KEY/DATE/REGION/sts/aws4_request */
static bool
read_credential(const form_t *form, dg_proof_t *proof)
{
    size_t     n = 0;
    dg_span_t  rest = form->values[PARAM_CREDENTIAL], part;
    dg_span_t  parts[SCOPE_PARTS];

    while (dg_span_split(&rest, '/', &part)) {
        if (n == SCOPE_PARTS || part.len == 0
            || !dg_text_consists_of(part, "-_"))
        {
            return false;
        }

        parts[n++] = part;
    }

    if (n != SCOPE_PARTS
        || !dg_span_equal(parts[1],
                          dg_span_slice(form->values[PARAM_DATE], 0,
                                        DATE_SIZE))
        || !dg_span_equal(parts[3], DG_SPAN("sts"))
        || !dg_span_equal(parts[4], DG_SPAN("aws4_request")))
    {
        return false;
    }

    proof->access_key_id = parts[0];

    return true;
}


static bool
is_signature(dg_span_t text)
{
    uint8_t  bytes[SIGNATURE_HEX / 2];

    return dg_hex_decode(text, bytes, sizeof(bytes)) == DG_OK;
}


static dg_refusal_t
judge(const form_t *form, int64_t now, dg_proof_t *proof)
{
    int64_t   signed_at;
    uint64_t  expires;

    if (!is(form, PARAM_ACTION, "GetCallerIdentity")
        || !is(form, PARAM_VERSION, "2011-06-15")
        || !is(form, PARAM_ALGORITHM, "AWS4-HMAC-SHA256")
        || dg_time_parse_amz(form->values[PARAM_DATE], &signed_at) != DG_OK
        || !dg_span_to_u64(form->values[PARAM_EXPIRES], &expires)
        || expires == 0 || expires > DG_PROOF_LIFE_MAX
        || !is_signature(form->values[PARAM_SIGNATURE])
        || !read_credential(form, proof))
    {
        return DG_REFUSE_TOKEN_MALFORMED;
    }

    if (!is(form, PARAM_SIGNED_HEADERS, DG_PROOF_SIGNED)) {
        return DG_REFUSE_TOKEN_AUDIENCE;
    }

    proof->expires_at = signed_at + (int64_t) expires;

    if (now >= proof->expires_at) {
        return DG_REFUSE_TOKEN_EXPIRED;
    }

    return signed_at - DG_PROOF_EARLY > now ? DG_REFUSE_TOKEN_EARLY
                                            : DG_ALLOWED;
}


static dg_refusal_t
build(const form_t *form, dg_arena_t *arena, dg_proof_t *proof)
{
    size_t       size = ESCAPED * DG_PROOF_TOKEN_MAX;
    dg_writer_t  w = dg_writer(dg_arena_alloc(arena, size), size);

    if (w.data == NULL) {
        return DG_REFUSE_INTERNAL;
    }

    for (size_t i = 0; i < PARAMS; i++) {
        if (form->values[i].data == NULL) {
            continue;
        }

        dg_write_cstr(&w, i ? "&" : "");
        dg_write_cstr(&w, names[i]);
        dg_write_char(&w, '=');
        dg_write_uri_encoded(&w, form->values[i], false);
    }

    proof->query = dg_written(&w);

    return w.overflow ? DG_REFUSE_TOKEN_MALFORMED : DG_ALLOWED;
}


dg_refusal_t
dg_proof_read(dg_span_t token, dg_span_t host, int64_t now,
    dg_arena_t *arena, dg_proof_t *proof)
{
    form_t        form = { .values = { { NULL, 0 } } };
    size_t        slash;
    dg_span_t     url;
    dg_writer_t   w;
    dg_refusal_t  refusal;

    *proof = (dg_proof_t) { .expires_at = 0 };

    if (!dg_proof_is(token) || token.len > DG_PROOF_TOKEN_MAX) {
        return DG_REFUSE_TOKEN_MALFORMED;
    }

    w = dg_writer(dg_arena_alloc(arena, DG_PROOF_TOKEN_MAX),
                  DG_PROOF_TOKEN_MAX);
    if (w.data == NULL) {
        return DG_REFUSE_INTERNAL;
    }

    token = dg_span_slice(token, sizeof(DG_PROOF_PREFIX) - 1, token.len);

    if (dg_base64url_decode(token, &w) != DG_OK
        || !dg_text_is_graphic(dg_written(&w))
        || !dg_span_starts_with(dg_written(&w), DG_SPAN(SCHEME)))
    {
        return DG_REFUSE_TOKEN_MALFORMED;
    }

    url = dg_span_slice(dg_written(&w), sizeof(SCHEME) - 1, w.len);
    slash = dg_span_find(url, '/');

    if (!dg_span_equal(dg_span_slice(url, 0, slash), host)) {
        return DG_REFUSE_TOKEN_ISSUER;
    }

    url = dg_span_slice(url, slash, url.len);

    if (!dg_span_starts_with(url, DG_SPAN("/?"))
        || !read_form(dg_span_slice(url, 2, url.len), arena, &form))
    {
        return DG_REFUSE_TOKEN_MALFORMED;
    }

    refusal = judge(&form, now, proof);

    return refusal == DG_ALLOWED ? build(&form, arena, proof) : refusal;
}
