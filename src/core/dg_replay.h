/*
 * Signatures that were seen, in shared memory, each until its window closes.
 *
 * An entry that is still needed is never evicted: a table with no place left
 * refuses.  An entry is a 128-bit keyed hash of the signature, so two
 * signatures are taken for one with probability 2^-128 a pair.
 *
 * The caller holds the lock.  Time is wall-clock seconds, since a signature's
 * window is; an entry counts as seen while now <= until.
 */

#ifndef DG_REPLAY_H
#define DG_REPLAY_H

#include "dg_err.h"
#include "dg_siphash.h"

typedef struct dg_replay_s  dg_replay_t;

typedef struct {
    uint64_t  slots;
    uint64_t  used;  /* not yet expired; counted by a scan */
} dg_replay_stats_t;


/* The smallest size that init accepts, bytes. */
size_t dg_replay_size_min(void);

/* An empty table; memory aligned to 8.  DG_ERR_LIMIT when too small. */
DG_MUST_USE dg_err_t dg_replay_init(void *memory, size_t size,
    const uint8_t seed[DG_SIPHASH_KEY_SIZE]);

/* DG_ERR_MISMATCH when the memory holds no table of this layout and size. */
DG_MUST_USE dg_err_t dg_replay_attach(void *memory, size_t size);

/* True when the signature was remembered and its time has not passed. */
bool dg_replay_seen(const dg_replay_t *table, dg_span_t signature,
    int64_t now);

/*
 * Looks and remembers in one step, so that of two workers with the same
 * signature one wins.  DG_ERR_INVALID: it is already there (a replay);
 * DG_ERR_FULL: there is no place, and it was not remembered.  An `until`
 * before `now` is remembered as nothing and gives DG_OK.
 */
DG_MUST_USE dg_err_t dg_replay_remember(dg_replay_t *table,
    dg_span_t signature, int64_t until, int64_t now);

/* For whoever remembered it: the call turned out not to be executed. */
void dg_replay_forget(dg_replay_t *table, dg_span_t signature);

dg_replay_stats_t dg_replay_stats(const dg_replay_t *table, int64_t now);

#endif
