/*
 * Bump allocation: see dg_arena.h.
 */

#include "dg_arena.h"

#include <string.h>


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


void *
dg_arena_alloc_more(dg_arena_t *a, size_t size)
{
    size_t   want;
    uint8_t *p;

    if (a->grow == NULL || size > SIZE_MAX - DG_ARENA_ALIGN) {
        return NULL;
    }

    want = size + DG_ARENA_ALIGN;

    if (want < a->chunk && a->chunk <= a->left) {
        want = a->chunk;
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
    a->end = p + want;

    /* grow gives aligned memory, and there is room for any alignment */
    p += (size_t) (-(uintptr_t) p & (DG_ARENA_ALIGN - 1));
    a->pos = p + size;

    return p;
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
