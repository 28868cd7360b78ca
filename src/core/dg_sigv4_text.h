/*
 * The step that signing and verifying share behind the canonical request:
 * string to sign, signing key, signature.  Private to dg_sigv4_*.c.
 */

#ifndef DG_SIGV4_TEXT_H
#define DG_SIGV4_TEXT_H

#include "dg_sigv4.h"
#include "dg_time.h"

/* Algorithm, time, scope and hash with the line ends between them. */
#define DG_SIGV4_STRING_TO_SIGN_MAX                                           \
    (128 + DG_SIGV4_REGION_MAX + DG_SIGV4_SERVICE_MAX + DG_SHA256_HEX_SIZE)

typedef struct {
    dg_span_t  access_key_id;
    dg_span_t  time;            /* 20150830T123600Z */
    dg_span_t  date;            /* 20150830 */
    dg_span_t  region;
    dg_span_t  service;
    uint8_t    canonical_hash[DG_SHA256_SIZE];
} dg_sigv4_text_t;


dg_crypto_t *dg_signing_keys_crypto(const dg_signing_keys_t *keys);

/* Copies the string to sign into the trace when it asks for it. */
DG_MUST_USE dg_err_t dg_sigv4_signature(dg_signing_keys_t *keys,
    const dg_sigv4_text_t *text, dg_span_t secret, dg_sigv4_trace_t *trace,
    uint8_t signature[DG_SIGV4_SIGNATURE_SIZE]);

#endif
