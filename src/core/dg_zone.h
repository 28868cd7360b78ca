/*
 * One shared memory region, carved into the parts that workers share:
 * throttle buckets, seen signatures, the cache of credentials and tokens,
 * counters, and when each key was last used.
 *
 * Nothing in the region is a pointer, so that it may be mapped anywhere.  The
 * header and each part carry a magic number, a layout version and their size;
 * attach refuses what another build laid out.  Init writes the zone's magic
 * last: a region whose making was interrupted never attaches.
 *
 * There is no lock here.  The caller holds one around every call for the
 * throttle, replay and cache parts; one lock a zone, or one a part.  The
 * counters and the use of keys need none.  Whoever holds a lock may be killed
 * at any instruction: stores are ordered so that what is left behind is
 * valid.
 */

#ifndef DG_ZONE_H
#define DG_ZONE_H

#include "dg_cache.h"
#include "dg_counters.h"
#include "dg_err.h"
#include "dg_key_use.h"
#include "dg_replay.h"
#include "dg_siphash.h"
#include "dg_throttle.h"

/* Relative weights; a part of weight 0 still gets its smallest size. */
typedef struct {
    unsigned  throttle;
    unsigned  replay;
    unsigned  cache;
} dg_zone_shares_t;

/* 3 : 2 : 5 */
extern const dg_zone_shares_t  dg_zone_shares_default;


/* The smallest size that init accepts, bytes. */
size_t dg_zone_size_min(void);

/*
 * Lays a zone out in `size` bytes at `memory`, aligned to 8; what was there
 * is wiped.  shares NULL stands for the default.  `seed` is random and keeps
 * callers from choosing what collides; it is copied.  DG_ERR_LIMIT when size
 * is below dg_zone_size_min() or above 1 TB, DG_ERR_INVALID when memory is
 * not aligned.
 */
DG_MUST_USE dg_err_t dg_zone_init(void *memory, size_t size,
    const dg_zone_shares_t *shares, const uint8_t seed[DG_SIPHASH_KEY_SIZE]);

/*
 * Checks that the region holds a zone of this layout and size, whole.
 * DG_ERR_MISMATCH when it is something else, or of another version.
 */
DG_MUST_USE dg_err_t dg_zone_attach(void *memory, size_t size);

/* The parts of an attached or initialised zone; never NULL. */
dg_throttle_t *dg_zone_throttle(void *memory);
dg_replay_t *dg_zone_replay(void *memory);
dg_cache_t *dg_zone_cache(void *memory);
dg_counters_t *dg_zone_counters(void *memory);
dg_key_use_t *dg_zone_key_use(void *memory);

#endif
