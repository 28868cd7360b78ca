/*
 * Bump allocation: see dg_arena.h.
 */

#include "dg_arena.h"

#include <stdalign.h>
#include <string.h>

#define ARENA_ALIGN  alignof(max_align_t)


void
dg_arena_init(dg_arena_t *a, void *block, size_t size)
{
    *a = (dg_arena_t) { .pos = block, .end = (uint8_t *) block + size };
}


void
dg_arena_init_grow(dg_arena_t *a, dg_arena_grow_pt grow, void *ctx,
    size_t chunk, size_t limit)
{
    *a = (dg_arena_t) {
        .grow = grow, .ctx = ctx, .chunk = chunk, .left = limit
    };
}


static void *
take(dg_arena_t *a, size_t size)
{
    size_t  skip = (size_t) (-(uintptr_t) a->pos & (ARENA_ALIGN - 1));
    size_t  room = (size_t) (a->end - a->pos);
    void   *p;

    if (a->pos == NULL || skip > room || size > room - skip) {
        return NULL;
    }

    p = a->pos + skip;
    a->pos += skip + size;
    return p;
}


void *
dg_arena_alloc(dg_arena_t *a, size_t size)
{
    size_t  want;
    void   *p = take(a, size);

    if (p != NULL || a->grow == NULL) {
        return p;
    }

    if (size > SIZE_MAX - ARENA_ALIGN) {
        return NULL;
    }

    want = size + ARENA_ALIGN > a->chunk ? size + ARENA_ALIGN : a->chunk;

    if (want > a->left) {
        want = size + ARENA_ALIGN;
    }

    if (want > a->left) {
        return NULL;
    }

    p = a->grow(a->ctx, want);
    if (p == NULL) {
        return NULL;
    }

    a->left -= want;
    a->pos = p;
    a->end = a->pos + want;

    return take(a, size);
}


void *
dg_arena_calloc(dg_arena_t *a, size_t count, size_t size)
{
    void  *p;

    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }

    p = dg_arena_alloc(a, count * size);
    if (p != NULL) {
        memset(p, 0, count * size);
    }

    return p;
}


dg_span_t
dg_arena_copy(dg_arena_t *a, dg_span_t s)
{
    uint8_t  *p;

    if (s.len == SIZE_MAX) {
        return DG_SPAN_EMPTY;
    }

    p = dg_arena_alloc(a, s.len + 1);
    if (p == NULL) {
        return DG_SPAN_EMPTY;
    }

    if (s.len) {
        memcpy(p, s.data, s.len);
    }

    p[s.len] = 0;
    return dg_span(p, s.len);
}
