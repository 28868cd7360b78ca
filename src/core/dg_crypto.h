/*
 * SHA-256, HMAC-SHA256, HKDF, AES-256-GCM, constant-time comparison, wiping,
 * random bytes.
 *
 * OpenSSL 3 looks an algorithm up at every EVP_sha256() or HMAC(); that costs
 * more than the hash of a short text.  A dg_crypto_t fetches each algorithm
 * once per process and keeps contexts for reuse.  It is not thread safe: one
 * per worker and thread.
 */

#ifndef DG_CRYPTO_H
#define DG_CRYPTO_H

#include "dg_err.h"

#define DG_SHA256_SIZE      32
#define DG_SHA256_HEX_SIZE  64

typedef struct dg_crypto_s  dg_crypto_t;
typedef struct dg_sha256_s  dg_sha256_t;
typedef struct dg_hmac_s    dg_hmac_t;

/* Fills `len` bytes with entropy; false when none is to be had. */
typedef bool (*dg_entropy_pt)(void *ctx, uint8_t *out, size_t len);


/*
 * Fetches the algorithms.  Random bytes are taken from `entropy` 4 KB at a
 * time; NULL stands for OpenSSL's RAND_bytes.  NULL when OpenSSL has no
 * SHA-256 or there is no memory.  Must be created after fork().
 */
dg_crypto_t *dg_crypto_create(dg_entropy_pt entropy, void *ctx);

/* Wipes the pool of random bytes and frees everything; NULL is allowed. */
void dg_crypto_destroy(dg_crypto_t *crypto);

/* SHA-256 of one text (FIPS 180-4). */
DG_MUST_USE dg_err_t dg_sha256(dg_crypto_t *crypto, dg_span_t text,
    uint8_t out[DG_SHA256_SIZE]);

/* The same as 64 lower-case hex digits, no NUL. */
DG_MUST_USE dg_err_t dg_sha256_hex(dg_crypto_t *crypto, dg_span_t text,
    char out[DG_SHA256_HEX_SIZE]);

/*
 * Piece by piece: start, any number of updates, then finish or abandon, each
 * of which gives the state back.  start returns NULL without memory.
 */
dg_sha256_t *dg_sha256_start(dg_crypto_t *crypto);
DG_MUST_USE dg_err_t dg_sha256_update(dg_sha256_t *state, dg_span_t piece);
DG_MUST_USE dg_err_t dg_sha256_finish(dg_sha256_t *state,
    uint8_t out[DG_SHA256_SIZE]);
void dg_sha256_abandon(dg_sha256_t *state);

/* HMAC-SHA256 (RFC 2104) of one text under a key that is used once. */
DG_MUST_USE dg_err_t dg_hmac_once(dg_crypto_t *crypto, dg_span_t key,
    dg_span_t text, uint8_t out[DG_SHA256_SIZE]);

/*
 * A kept key: the key's blocks are hashed once.  NULL without memory.
 * destroy wipes; NULL is allowed.
 */
dg_hmac_t *dg_hmac_create(dg_crypto_t *crypto, dg_span_t key);
DG_MUST_USE dg_err_t dg_hmac(dg_hmac_t *hmac, dg_span_t text,
    uint8_t out[DG_SHA256_SIZE]);
void dg_hmac_destroy(dg_hmac_t *hmac);

#define DG_HKDF_MAX       (255 * DG_SHA256_SIZE)
#define DG_SEAL_KEY_SIZE  32
#define DG_SEAL_TAG_SIZE  16

/*
 * HKDF with SHA-256 (RFC 5869): fills `len` bytes, DG_HKDF_MAX at most; info
 * of 256 bytes at most.  DG_ERR_LIMIT or DG_ERR_CRYPTO.
 */
DG_MUST_USE dg_err_t dg_hkdf(dg_crypto_t *crypto, dg_span_t secret,
    dg_span_t salt, dg_span_t info, uint8_t *out, size_t len);

/*
 * AES-256-GCM (NIST SP 800-38D) under a key that seals one text only, which
 * is why the nonce is zero.  `out` has room for the text and the tag behind
 * it; it may be text.data.  DG_ERR_CRYPTO.
 */
DG_MUST_USE dg_err_t dg_seal(dg_crypto_t *crypto,
    const uint8_t key[DG_SEAL_KEY_SIZE], dg_span_t associated,
    dg_span_t text, uint8_t *out);

/*
 * The reverse: `out` gets sealed.len - DG_SEAL_TAG_SIZE bytes.
 * DG_ERR_MISMATCH when key, associated data or a byte differ; what was
 * written is then wiped.
 */
DG_MUST_USE dg_err_t dg_unseal(dg_crypto_t *crypto,
    const uint8_t key[DG_SEAL_KEY_SIZE], dg_span_t associated,
    dg_span_t sealed, uint8_t *out);

/* Pooled random bytes; DG_ERR_CRYPTO when entropy failed. */
DG_MUST_USE dg_err_t dg_random(dg_crypto_t *crypto, uint8_t *out, size_t len);

/* A random UUID (RFC 4122 version 4), 36 characters, no NUL. */
DG_MUST_USE dg_err_t dg_random_uuid(dg_crypto_t *crypto, char out[36]);

/* Time depends on the lengths only, never on the bytes. */
bool dg_equal_secret(dg_span_t a, dg_span_t b);

/* Overwrites with zeroes in a way that the compiler keeps. */
void dg_wipe(void *data, size_t len);

/*
 * The same for what a span borrows, which must be memory that may be written
 * to; the span is then empty.
 */
void dg_wipe_span(dg_span_t *s);

#endif
