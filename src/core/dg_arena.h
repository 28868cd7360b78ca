/*
 * Bump allocation.  Memory comes from one block of the caller, or in chunks
 * from a function of the caller; nothing is ever freed piecemeal: whoever
 * gave the memory takes it back whole.  Nothing here wipes; secrets live in
 * buffers of their own (dg_wipe in dg_crypto.h).
 */

#ifndef DG_ARENA_H
#define DG_ARENA_H

#include "dg_span.h"

#include <stdalign.h>

#define DG_ARENA_ALIGN  alignof(max_align_t)

/* Returns `size` bytes aligned for any type, or NULL. */
typedef void *(*dg_arena_grow_pt)(void *ctx, size_t size);

typedef struct {
    uint8_t           *pos;
    uint8_t           *end;
    dg_arena_grow_pt   grow;   /* NULL: the block is all there is */
    void              *ctx;
    size_t             chunk;  /* usual size asked from grow, bytes */
    size_t             left;   /* what grow may still be asked for, bytes */
} dg_arena_t;


/* An arena over `size` bytes at `block`, which the caller keeps. */
void dg_arena_init(dg_arena_t *a, void *block, size_t size);

/*
 * An arena that asks `grow` for chunks of `chunk` bytes (more for a larger
 * allocation), `limit` bytes at most in all.
 */
void dg_arena_init_grow(dg_arena_t *a, dg_arena_grow_pt grow, void *ctx,
    size_t chunk, size_t limit);

/* dg_arena_alloc() where there is no room left before the end. */
void *dg_arena_alloc_more(dg_arena_t *a, size_t size);

/*
 * Aligned for any type, not cleared.  NULL when there is no memory left.
 * Here, because a call would cost more than what is mostly done.
 */
static inline void *
dg_arena_alloc(dg_arena_t *a, size_t size)
{
    size_t    skip = (size_t) (-(uintptr_t) a->pos & (DG_ARENA_ALIGN - 1));
    size_t    room = (size_t) (a->end - a->pos);
    uint8_t  *p;

    if (a->pos == NULL || skip > room || size > room - skip) {
        return dg_arena_alloc_more(a, size);
    }

    p = a->pos + skip;
    a->pos = p + size;
    return p;
}

/* The same, cleared; NULL also when count * size overflows. */
void *dg_arena_calloc(dg_arena_t *a, size_t count, size_t size);

/*
 * A copy of the bytes followed by a NUL that is not counted.  data is NULL
 * when there is no memory left (also for an empty span).
 */
dg_span_t dg_arena_copy(dg_arena_t *a, dg_span_t s);

#endif
