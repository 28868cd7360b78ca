/*
 * Verified tokens, remembered by one worker.
 *
 * An entry is found by the token's SHA-256 (no token is kept), by what
 * accepted it, and by the client certificate it was accepted with.  Callers
 * are kept in one block of fixed size, the oldest making room for the newest;
 * refused tokens are kept in a table of their own and can push out nothing
 * but one another.  What is dropped is wiped.
 */

#ifndef DG_TOKEN_CACHE_H
#define DG_TOKEN_CACHE_H

#include "dg_arena.h"
#include "dg_caller.h"
#include "dg_crypto.h"
#include "dg_refusal.h"

#define DG_TOKEN_CACHE_BYTES      524288  /* default, for callers */
#define DG_TOKEN_CACHE_REFUSED      1024  /* entries for refused tokens */
#define DG_TOKEN_CACHE_TTL           300  /* seconds, longest for a caller */
#define DG_TOKEN_CACHE_REFUSED_TTL    10  /* seconds */

typedef struct dg_token_cache_s  dg_token_cache_t;

typedef struct {
    uint8_t   digest[DG_SHA256_SIZE];       /* of the token */
    uint8_t   certificate[DG_SHA256_SIZE];  /* zero when there is none */
    uint64_t  accepted_by;                  /* see dg_token_key() */
} dg_token_key_t;


/*
 * `bytes` for callers, 16 KiB to 1 GiB; NULL for other sizes and without
 * memory.  `crypto` is borrowed.  The table of refused tokens takes about
 * 100 KB more.
 */
dg_token_cache_t *dg_token_cache_create(dg_crypto_t *crypto, size_t bytes);
void dg_token_cache_destroy(dg_token_cache_t *cache);

/* Forgets everything: after a change of keys or of a revocation list. */
void dg_token_cache_clear(dg_token_cache_t *cache);

/*
 * The key of a token.  `accepted_by` must differ wherever the set of issuers
 * or their rules differ, so that what one location accepted never opens
 * another.  certificate: 32 bytes, or empty.
 */
DG_MUST_USE dg_err_t dg_token_key(dg_token_cache_t *cache, dg_span_t token,
    uint64_t accepted_by, dg_span_t certificate, dg_token_key_t *key);

/*
 * True when the token is known at `now`: *refusal is DG_ALLOWED and *caller
 * a copy in the arena, or *refusal says why it was refused.  False when it is
 * not known, or the arena has no memory.
 */
DG_MUST_USE bool dg_token_cache_find(dg_token_cache_t *cache,
    const dg_token_key_t *key, int64_t now, dg_arena_t *arena,
    dg_caller_t *caller, dg_refusal_t *refusal);

/*
 * Remembers a verified caller until it expires, DG_TOKEN_CACHE_TTL at most.
 * One that is larger than a quarter of the cache is not remembered.
 */
void dg_token_cache_store(dg_token_cache_t *cache, const dg_token_key_t *key,
    const dg_caller_t *caller, int64_t now);

/*
 * Remembers a refusal for DG_TOKEN_CACHE_REFUSED_TTL.  Refusals that may end
 * by themselves (an unknown key, an issuer that is away, an early token, no
 * memory) are not remembered.
 */
void dg_token_cache_refuse(dg_token_cache_t *cache, const dg_token_key_t *key,
    dg_refusal_t refusal, int64_t now);

typedef struct {
    size_t  callers;   /* entries now */
    size_t  bytes;     /* used by them */
    size_t  capacity;  /* bytes */
    size_t  evicted;   /* dropped before they expired, since creation */
} dg_token_cache_stats_t;

dg_token_cache_stats_t dg_token_cache_stats(const dg_token_cache_t *cache);

#endif
