/*
 * An arena for what holds secrets: it takes chunks of another arena and
 * remembers them, so that all that was ever put there can be wiped, library
 * scratch included.
 */

#ifndef DG_WIPED_ARENA_H
#define DG_WIPED_ARENA_H

#include "dg_arena.h"

typedef struct dg_wiped_chunk_s  dg_wiped_chunk_t;

typedef struct {
    dg_arena_t         arena;   /* allocate here */
    dg_arena_t        *source;
    dg_wiped_chunk_t  *chunks;
} dg_wiped_arena_t;


/*
 * Chunks of `chunk` bytes, `limit` bytes at most.  Must not move afterwards:
 * the arena refers to it.  *source must live while there are allocations.
 */
void dg_wiped_arena_init(dg_wiped_arena_t *wiped, dg_arena_t *source,
    size_t chunk, size_t limit);

/* Wipes every chunk; nothing allocated before may be used any more. */
void dg_wiped_arena_wipe(dg_wiped_arena_t *wiped);

#endif
