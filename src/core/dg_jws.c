/*
 * JSON Web Signatures: see dg_jws.h.  Nothing that a token says about itself
 * chooses how it is verified: `alg` and `kid` only have to agree with what
 * configuration allows and with the key found.
 */

#include "dg_jws.h"
#include "dg_codec.h"

#define PARTS  3

static const dg_json_limits_t  header_limits = {
    DG_JWS_DEPTH_MAX, DG_JWS_HEADER_MAX, DG_JWS_HEADER_MAX,
    DG_JWS_VALUES_MAX, DG_JWS_MEMBERS_MAX
};

static const dg_json_limits_t  claims_limits = {
    DG_JWS_DEPTH_MAX, DG_JWS_TOKEN_MAX, DG_JWS_TOKEN_MAX,
    DG_JWS_VALUES_MAX, DG_JWS_MEMBERS_MAX
};


static bool
split(dg_span_t token, dg_span_t part[PARTS])
{
    size_t     n = 0;
    dg_span_t  rest = token, piece;

    if (token.len == 0 || token.len > DG_JWS_TOKEN_MAX) {
        return false;
    }

    while (dg_span_split(&rest, '.', &piece)) {
        if (n == PARTS) {
            return false;
        }

        part[n++] = piece;
    }

    return n == PARTS;
}


static dg_refusal_t
decode(dg_arena_t *arena, dg_span_t text, dg_span_t *bytes)
{
    size_t       cap = DG_BASE64_DECODED(text.len);
    uint8_t     *data = dg_arena_alloc(arena, cap);
    dg_writer_t  w = dg_writer(data, cap);

    if (data == NULL) {
        return DG_REFUSE_INTERNAL;
    }

    if (dg_base64url_decode(text, &w) != DG_OK) {
        return DG_REFUSE_TOKEN_MALFORMED;
    }

    *bytes = dg_written(&w);
    return DG_ALLOWED;
}


static dg_refusal_t
read_object(dg_arena_t *arena, dg_span_t text, const dg_json_limits_t *limits,
    const dg_json_t **object)
{
    dg_err_t  err = dg_json_parse(arena, text, limits, NULL, object);

    if (err == DG_ERR_MEMORY) {
        return DG_REFUSE_INTERNAL;
    }

    return err == DG_OK && (*object)->type == DG_JSON_OBJECT
           ? DG_ALLOWED : DG_REFUSE_TOKEN_MALFORMED;
}


/* An optional string member; data stays NULL when there is none. */
static bool
optional_string(const dg_json_t *object, dg_span_t name, size_t max,
    dg_span_t *text)
{
    const dg_json_t  *member = dg_json_member(object, name);

    *text = DG_SPAN_EMPTY;

    if (member == NULL) {
        return true;
    }

    *text = member->text.len ? member->text : DG_SPAN("");
    return member->type == DG_JSON_STRING && text->len <= max;
}


/*
 * RFC 7515 section 4.1.11: an extension that is critical and not understood
 * makes the token invalid, and none is; `b64` (RFC 7797) changes what is
 * signed even where somebody forgot to mark it as critical.
 */
static dg_refusal_t
read_header(dg_jws_t *jws)
{
    if (dg_json_member(jws->header, DG_SPAN("crit")) != NULL
        || dg_json_member(jws->header, DG_SPAN("b64")) != NULL
        || !dg_json_string(jws->header, DG_SPAN("alg"), &jws->algorithm_name)
        || !optional_string(jws->header, DG_SPAN("kid"), DG_JWK_ID_MAX,
                            &jws->kid)
        || !optional_string(jws->header, DG_SPAN("typ"), DG_JWS_HEADER_MAX,
                            &jws->type))
    {
        return DG_REFUSE_TOKEN_MALFORMED;
    }

    jws->algorithm = dg_jws_algorithm(jws->algorithm_name);
    return DG_ALLOWED;
}


dg_refusal_t
dg_jws_parse(dg_arena_t *arena, dg_span_t token, dg_jws_t *jws)
{
    dg_span_t     part[PARTS], header;
    dg_refusal_t  refusal;

    *jws = (dg_jws_t) { 0 };

    if (!split(token, part)) {
        return DG_REFUSE_TOKEN_MALFORMED;
    }

    refusal = decode(arena, part[0], &header);

    if (refusal == DG_ALLOWED) {
        refusal = decode(arena, part[1], &jws->payload);
    }

    if (refusal == DG_ALLOWED) {
        refusal = decode(arena, part[2], &jws->signature);
    }

    if (refusal == DG_ALLOWED) {
        refusal = read_object(arena, header, &header_limits, &jws->header);
    }

    if (refusal != DG_ALLOWED) {
        return refusal;
    }

    jws->signing_input = dg_span_slice(token, 0,
                                       part[0].len + 1 + part[1].len);
    return read_header(jws);
}


dg_refusal_t
dg_jws_claims(dg_arena_t *arena, dg_jws_t *jws)
{
    return read_object(arena, jws->payload, &claims_limits, &jws->claims);
}


dg_refusal_t
dg_jws_verify(const dg_jws_t *jws, unsigned allowed, const dg_jwks_t *keys)
{
    const dg_jwk_t  *key;

    if (!(jws->algorithm & allowed)) {
        return DG_REFUSE_TOKEN_ALGORITHM;
    }

    key = dg_jwks_find(keys, jws->kid, jws->algorithm);

    if (key == NULL) {
        return jws->kid.data != NULL && dg_jwks_find_id(keys, jws->kid)
               ? DG_REFUSE_TOKEN_ALGORITHM : DG_REFUSE_TOKEN_KEY_UNKNOWN;
    }

    return dg_jwk_verify(key, jws->algorithm, jws->signing_input,
                         jws->signature) == DG_OK
           ? DG_ALLOWED : DG_REFUSE_TOKEN_SIGNATURE;
}
