/*
 * Token buckets in a flat table of shared memory.
 *
 * A bucket is one number, the time at which it will be full again (the
 * generic cell rate algorithm, which grants exactly what a token bucket
 * does), so that one store changes it whole.  A slot has 32 bytes; a key has
 * two sets of 8 slots to live in, so memory and time are bounded whatever
 * keys arrive.  A bucket that is full again is as good as none: its slot is
 * free for another key.
 *
 * The caller holds the lock.  Time is a monotonic clock in milliseconds, the
 * same for all workers; a step back of some milliseconds grants nothing.
 */

#ifndef DG_THROTTLE_H
#define DG_THROTTLE_H

#include "dg_err.h"
#include "dg_siphash.h"

#define DG_THROTTLE_TAKES_MAX    8           /* buckets in one call */
#define DG_THROTTLE_TOKENS_MAX   1000000     /* of a rate, a burst, a cost */
#define DG_THROTTLE_PERIOD_MAX   86400000    /* ms; one day */

/* Retry-after of a cost above the burst: it is never granted. */
#define DG_THROTTLE_NEVER        UINT64_MAX

typedef struct dg_throttle_s  dg_throttle_t;

typedef struct {
    uint8_t  bytes[DG_SIPHASH_SIZE];
} dg_throttle_key_t;

/* Made by dg_throttle_rate() once, when the configuration is read. */
typedef struct {
    uint64_t  interval;  /* ns in which one token comes back, rounded up */
    uint32_t  burst;     /* tokens of a full bucket */
} dg_throttle_rate_t;

typedef struct {
    dg_throttle_key_t   key;
    dg_throttle_rate_t  rate;
    uint32_t            cost;  /* tokens; 0 takes nothing and is allowed */
} dg_throttle_take_t;

typedef enum {
    DG_THROTTLE_EVICT,   /* the slot used longest ago makes place */
    DG_THROTTLE_REFUSE   /* DG_ERR_FULL; no bucket in use is ever lost */
} dg_throttle_policy_t;

typedef struct {
    bool      allowed;
    unsigned  bucket;     /* refused: index of the one to wait longest for */
    uint64_t  retry_ms;   /* refused: when that take would be granted if
                             nobody else takes; or DG_THROTTLE_NEVER */
    unsigned  evicted;    /* buckets in use that made place for this call */
} dg_throttle_result_t;

typedef struct {
    uint64_t  slots;
    uint64_t  touched;    /* slots ever used */
    uint64_t  evictions;  /* buckets in use that were lost so far */
} dg_throttle_stats_t;


/*
 * `tokens` every `period` milliseconds, at most `burst` at once.
 * DG_ERR_INVALID when one is 0, DG_ERR_LIMIT above the bounds or when an empty
 * bucket takes more than ten years to fill.
 */
DG_MUST_USE dg_err_t dg_throttle_rate(uint32_t tokens, uint32_t period,
    uint32_t burst, dg_throttle_rate_t *rate);

/* The smallest size that init accepts, bytes. */
size_t dg_throttle_size_min(void);

/*
 * Lays an empty table out; memory is aligned to 8 and cleared here.
 * DG_ERR_LIMIT when it is too small.
 */
DG_MUST_USE dg_err_t dg_throttle_init(void *memory, size_t size,
    const uint8_t seed[DG_SIPHASH_KEY_SIZE]);

/* DG_ERR_MISMATCH when the memory holds no table of this layout and size. */
DG_MUST_USE dg_err_t dg_throttle_attach(void *memory, size_t size);

/*
 * The key of a bucket: a keyed hash of the parts, such as the throttle's name
 * and the caller's ARN.  Needs no lock.
 */
dg_throttle_key_t dg_throttle_key(const dg_throttle_t *table,
    const dg_span_t *parts, size_t count);

/*
 * Takes from all buckets or from none.  A key that is named twice pays twice.
 * DG_OK: result->allowed says whether.  A refused call changes nothing.
 * DG_ERR_FULL (policy DG_THROTTLE_REFUSE): no slot for a new bucket; nothing
 * was taken.  DG_ERR_LIMIT: more than DG_THROTTLE_TAKES_MAX.
 *
 * To limit on trial, take for real and let a refused call pass.
 */
DG_MUST_USE dg_err_t dg_throttle_take(dg_throttle_t *table,
    const dg_throttle_take_t *takes, size_t count, int64_t now,
    dg_throttle_policy_t policy, dg_throttle_result_t *result);

/* What take would answer; changes nothing. */
DG_MUST_USE dg_err_t dg_throttle_peek(const dg_throttle_t *table,
    const dg_throttle_take_t *takes, size_t count, int64_t now,
    dg_throttle_result_t *result);

/*
 * Gives back what an allowed call took and did not use.  A bucket never gets
 * fuller than its burst; one that was evicted meanwhile gets nothing.
 */
void dg_throttle_refund(dg_throttle_t *table, const dg_throttle_take_t *takes,
    size_t count, int64_t now);

dg_throttle_stats_t dg_throttle_stats(const dg_throttle_t *table);

#endif
