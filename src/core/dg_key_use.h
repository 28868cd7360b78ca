/*
 * When each key was last used, in shared memory: a table of fixed size.
 *
 * A place is found by a keyed hash of the access key id.  Every access is
 * one atomic operation, so no lock is needed and a killed worker leaves
 * nothing behind; a key that is used many times a second is written once.
 * When all places of a key are taken, the one used longest ago makes room.
 */

#ifndef DG_KEY_USE_H
#define DG_KEY_USE_H

#include "dg_err.h"
#include "dg_siphash.h"

#define DG_KEY_USE_PLACES  4096  /* 16 bytes each */

typedef struct dg_key_use_s  dg_key_use_t;


/* The size of the table, bytes. */
size_t dg_key_use_size(void);

/* Empty; memory aligned to 8.  DG_ERR_LIMIT below dg_key_use_size(). */
DG_MUST_USE dg_err_t dg_key_use_init(void *memory, size_t size,
    const uint8_t seed[DG_SIPHASH_KEY_SIZE]);

/* DG_ERR_MISMATCH for another layout. */
DG_MUST_USE dg_err_t dg_key_use_attach(void *memory, size_t size);

/* The key was used at `now`, wall seconds. */
void dg_key_used(dg_key_use_t *table, dg_span_t access_key_id, int64_t now);

/* When it was last used; 0 when never, or when others made it be forgotten. */
int64_t dg_key_last_use(const dg_key_use_t *table, dg_span_t access_key_id);

#endif
