/*
 * Checking signatures: see dg_sigv4.h.
 */

#include "dg_sigv4.h"
#include "dg_codec.h"
#include "dg_sigv4_text.h"

#include <string.h>


static dg_refusal_t
refusal_of(dg_err_t err)
{
    switch (err) {

    case DG_ERR_SYNTAX:
        return DG_REFUSE_BAD_REQUEST;

    case DG_ERR_LIMIT:
        return DG_REFUSE_TARGET_TOO_LONG;

    /* the request is not the one that was read */
    case DG_ERR_INVALID:
    case DG_ERR_MISSING:
        return DG_REFUSE_SIGNED_HEADERS;

    default:
        return DG_REFUSE_INTERNAL;
    }
}


/*
 * What was declared stands in the canonical request as it is, so it must be
 * compared with the body too: else the signature would not cover the body.
 */
static bool
payload_matches(const dg_sigv4_claim_t *claim,
    const uint8_t body_hash[DG_SHA256_SIZE])
{
    return claim->payload_unsigned || claim->payload_hash.len == 0
           || dg_equal_secret(dg_span(claim->payload_digest, DG_SHA256_SIZE),
                              dg_span(body_hash, DG_SHA256_SIZE));
}


static dg_err_t
expected_signature(dg_signing_keys_t *keys, const dg_request_t *request,
    const dg_sigv4_claim_t *claim, dg_span_t secret, dg_span_t payload_hash,
    dg_sigv4_path_t path, dg_sigv4_trace_t *trace,
    uint8_t signature[DG_SIGV4_SIGNATURE_SIZE])
{
    dg_err_t              err;
    dg_sigv4_text_t       text;
    dg_sigv4_selection_t  selection;

    err = dg_sigv4_select_listed(request, claim->signed_headers, &selection);
    if (err != DG_OK) {
        return err;
    }

    text.access_key_id = claim->access_key_id;
    text.time = dg_span(claim->time, sizeof(claim->time));
    text.date = claim->date;
    text.region = claim->region;
    text.service = claim->service;

    err = dg_sigv4_canonical_hash(dg_signing_keys_crypto(keys), request,
                                  &selection, payload_hash, path,
                                  claim->form == DG_SIGV4_FORM_QUERY,
                                  trace ? trace->canonical_request : NULL,
                                  text.canonical_hash);
    if (err != DG_OK) {
        return err;
    }

    if (trace != NULL) {
        memcpy(trace->canonical_hash, text.canonical_hash, DG_SHA256_SIZE);
    }

    return dg_sigv4_signature(keys, &text, secret, trace, signature);
}


dg_refusal_t
dg_sigv4_verify(dg_signing_keys_t *keys, const dg_request_t *request,
    const dg_sigv4_claim_t *claim, dg_span_t secret,
    const uint8_t body_hash[DG_SHA256_SIZE], dg_sigv4_path_t path,
    dg_sigv4_trace_t *trace)
{
    bool       equal;
    char       hex[DG_SHA256_HEX_SIZE];
    uint8_t    signature[DG_SIGV4_SIGNATURE_SIZE];
    dg_err_t   err;
    dg_span_t  payload_hash = claim->payload_hash;

    if (trace != NULL) {
        memset(trace->canonical_hash, 0, DG_SHA256_SIZE);
        memset(trace->signature, 0, DG_SIGV4_SIGNATURE_SIZE);
    }

    if (claim->form == DG_SIGV4_FORM_NONE) {
        return DG_REFUSE_CREDENTIALS_MISSING;
    }

    if (secret.len == 0 || secret.len > DG_SIGV4_SECRET_MAX) {
        return DG_REFUSE_INTERNAL;
    }

    if (payload_hash.len == 0) {
        dg_hex_encode(body_hash, DG_SHA256_SIZE, hex);
        payload_hash = dg_span(hex, sizeof(hex));
    }

    err = expected_signature(keys, request, claim, secret, payload_hash, path,
                             trace, signature);
    if (err != DG_OK) {
        return refusal_of(err);
    }

    equal = dg_equal_secret(dg_span(signature, sizeof(signature)),
                            dg_span(claim->signature, sizeof(signature)));
    dg_wipe(signature, sizeof(signature));

    if (!payload_matches(claim, body_hash)) {
        return DG_REFUSE_PAYLOAD_HASH;
    }

    return equal ? DG_ALLOWED : DG_REFUSE_SIGNATURE_MISMATCH;
}


/* The signature is an HMAC's output: any part of it is as good as a hash. */
void
dg_sigv4_replay_key(const dg_sigv4_claim_t *claim,
    uint8_t key[DG_SIGV4_REPLAY_KEY_SIZE])
{
    memcpy(key, claim->signature, DG_SIGV4_REPLAY_KEY_SIZE);
}
