/*
 * SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, "SipHash: a
 * fast short-input PRF", and the authors' reference for the long output).
 *
 * A keyed hash for tables: whoever does not know the key cannot choose texts
 * that fall into one place.  It is no signature and no password hash.
 */

#ifndef DG_SIPHASH_H
#define DG_SIPHASH_H

#include "dg_span.h"

#define DG_SIPHASH_KEY_SIZE  16
#define DG_SIPHASH_SIZE      16


/*
 * Hashes `count` parts.  Two lists of parts never hash as the same text, even
 * when the parts joined are equal: each part's length is hashed before it.
 */
void dg_siphash(const uint8_t key[DG_SIPHASH_KEY_SIZE],
    const dg_span_t *parts, size_t count, uint8_t out[DG_SIPHASH_SIZE]);

/* The plain SipHash-2-4-128 of one text, as in the published vectors. */
void dg_siphash_text(const uint8_t key[DG_SIPHASH_KEY_SIZE], dg_span_t text,
    uint8_t out[DG_SIPHASH_SIZE]);

#endif
