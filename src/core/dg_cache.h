/*
 * Values that workers fetch once and share: credentials, tokens, key sets.
 *
 * An entry has a value with a soft and a hard expiry, or a failure that is
 * shared until it may be tried again, and beside either a lease: who fetches
 * now, for which generation, until when.  So one worker fetches, the others
 * use the old value or wait.
 *
 *     nothing --look--> LEAD (lease) --fill--> HIT --soft--> SOFT (lease)
 *                           |                   ^               |
 *                           +--fail--> NEGATIVE |               +--fail: HIT
 *                                  retry_at: LEAD again    until retry_at
 *
 * A lease is over when its generation filled, failed or abandoned it, when
 * its deadline passed, or when its process is gone.  Whoever looks next leads
 * under a new generation, and the answer of the old one is dropped.
 *
 * Values are secrets: their blocks are wiped when replaced, dropped, expired
 * or reclaimed.  A full cache refuses; a living value is never evicted.
 * Entries without a value (leases and failures) may take half of each set of
 * slots, and make place among themselves only: the failure that ends first
 * goes first, a lease never.
 *
 * The caller holds the lock.  Time is milliseconds of one clock of the
 * caller's choice, the same in all calls and workers.
 */

#ifndef DG_CACHE_H
#define DG_CACHE_H

#include "dg_err.h"
#include "dg_siphash.h"

#define DG_CACHE_KEY_SIZE   32
#define DG_CACHE_VALUE_MAX  65536

typedef struct dg_cache_s  dg_cache_t;

/* SHA-256 of all that shaped the value. */
typedef struct {
    uint8_t  bytes[DG_CACHE_KEY_SIZE];
} dg_cache_key_t;

typedef enum {
    DG_CACHE_HIT,       /* the value */
    DG_CACHE_SOFT,      /* the value, and the lease: refresh it */
    DG_CACHE_LEAD,      /* no value, and the lease: fetch it */
    DG_CACHE_WAIT,      /* no value; another fetches until wait_until */
    DG_CACHE_NEGATIVE   /* no value; failed with `code` until retry_at */
} dg_cache_state_t;

typedef struct {
    int64_t   now;       /* ms */
    int64_t   lease;     /* ms that the fetch may take at the most */
    int32_t   pid;       /* of the process that looks; above 0 */

    /* false when that process is gone; NULL: leases end by deadline only */
    bool    (*alive)(void *ctx, int32_t pid);
    void     *ctx;
} dg_cache_looker_t;

typedef struct {
    dg_cache_state_t  state;
    uint64_t          generation;  /* of the lease (SOFT, LEAD); HIT: version */
    uint64_t          version;     /* of the value (HIT, SOFT): the generation
                                      that filled it, for dg_cache_drop() */
    size_t            length;      /* of the value; also at DG_ERR_LIMIT */
    int64_t           soft;        /* HIT, SOFT */
    int64_t           hard;
    int64_t           wait_until;  /* WAIT: the lease's deadline */
    int64_t           retry_at;    /* NEGATIVE */
    uint32_t          code;        /* NEGATIVE */
    unsigned          failures;    /* in a row, so far */
} dg_cache_result_t;

/* What is known of an entry, for the status page; no secret. */
typedef struct {
    bool      has_value;
    bool      leased;
    size_t    length;
    int64_t   filled;      /* when the value came; 0 without */
    int64_t   soft;
    int64_t   hard;
    int64_t   retry_at;    /* 0 when the last fetch did not fail */
    uint32_t  code;
    unsigned  failures;
} dg_cache_info_t;

typedef struct {
    uint64_t  entries;
    uint64_t  values;        /* entries with a living value */
    uint64_t  failures;      /* entries with a living failure */
    uint64_t  leases;
    uint64_t  blocks;
    uint64_t  blocks_used;
    uint64_t  block_size;    /* bytes */
} dg_cache_stats_t;


/* The smallest size that init accepts, bytes; it holds one largest value. */
size_t dg_cache_size_min(void);

/* An empty cache; memory aligned to 8.  DG_ERR_LIMIT when too small. */
DG_MUST_USE dg_err_t dg_cache_init(void *memory, size_t size,
    const uint8_t seed[DG_SIPHASH_KEY_SIZE]);

/* DG_ERR_MISMATCH when the memory holds no cache of this layout and size. */
DG_MUST_USE dg_err_t dg_cache_attach(void *memory, size_t size);

/*
 * Looks a key up and takes the lease when there is something to fetch.  The
 * value is appended to *value (HIT, SOFT), which the caller wipes.
 * DG_ERR_FULL: no slot for a new entry.  DG_ERR_LIMIT: the value does not fit
 * into *value; nothing was written and no lease taken.  *value NULL: the
 * value is not wanted now.
 */
DG_MUST_USE dg_err_t dg_cache_look(dg_cache_t *cache,
    const dg_cache_key_t *key, const dg_cache_looker_t *looker,
    dg_writer_t *value, dg_cache_result_t *result);

/*
 * The fetched value.  soft <= hard, in the looker's clock; hard <= now gives
 * DG_ERR_INVALID.  DG_ERR_EXPIRED: the generation holds the lease no more and
 * the value was dropped.  DG_ERR_FULL: no place; DG_ERR_LIMIT: above
 * DG_CACHE_VALUE_MAX.  After these three the lease is still held: fail or
 * abandon it.
 */
DG_MUST_USE dg_err_t dg_cache_fill(dg_cache_t *cache,
    const dg_cache_key_t *key, uint64_t generation, dg_span_t value,
    int64_t now, int64_t soft, int64_t hard);

/*
 * The fetch failed: nobody tries again before retry_at.  A value that is
 * still there stays until its hard expiry.  DG_ERR_EXPIRED as above.
 */
DG_MUST_USE dg_err_t dg_cache_fail(dg_cache_t *cache,
    const dg_cache_key_t *key, uint64_t generation, int64_t retry_at,
    uint32_t code);

/* The lease is given back unused; the next who looks leads. */
void dg_cache_abandon(dg_cache_t *cache, const dg_cache_key_t *key,
    uint64_t generation);

/*
 * Drops the value of that generation (result.version), and no newer one: the
 * upstream refused it.  Generation 0 drops whatever there is, the failure and
 * the lease included, so that the answer of a fetch under way is dropped
 * when it comes: what it will tell may be out of date.
 */
void dg_cache_drop(dg_cache_t *cache, const dg_cache_key_t *key,
    uint64_t generation);

/* False when there is no such entry.  Takes no lease, copies no value. */
bool dg_cache_peek(const dg_cache_t *cache, const dg_cache_key_t *key,
    int64_t now, dg_cache_info_t *info);

/*
 * Wipes values behind their hard expiry and what a killed worker left, in at
 * most `limit` entries and blocks from where the last sweep stopped.  For a
 * timer.  Returns how many were wiped.
 */
size_t dg_cache_sweep(dg_cache_t *cache, int64_t now, size_t limit);

/* Counted by a scan of the whole cache. */
dg_cache_stats_t dg_cache_stats(const dg_cache_t *cache, int64_t now);

/*
 * How long to leave a failing source alone: base, doubled with each failure
 * after the first, at most `max`.  All in ms; failures counts this one.
 */
int64_t dg_cache_backoff(unsigned failures, int64_t base, int64_t max);

#endif
