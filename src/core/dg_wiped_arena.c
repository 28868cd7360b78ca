/*
 * An arena for what holds secrets: see dg_wiped_arena.h.
 */

#include "dg_wiped_arena.h"

#include "dg_crypto.h"

#include <stdalign.h>

struct dg_wiped_chunk_s {
    alignas(max_align_t) dg_wiped_chunk_t  *next;
    size_t                                  size;
};


static void *
take_chunk(void *ctx, size_t size)
{
    dg_wiped_arena_t  *wiped = ctx;
    dg_wiped_chunk_t  *chunk;

    if (size > SIZE_MAX - sizeof(*chunk)) {
        return NULL;
    }

    chunk = dg_arena_alloc(wiped->source, sizeof(*chunk) + size);
    if (chunk == NULL) {
        return NULL;
    }

    chunk->next = wiped->chunks;
    chunk->size = size;
    wiped->chunks = chunk;

    return chunk + 1;
}


void
dg_wiped_arena_init(dg_wiped_arena_t *wiped, dg_arena_t *source,
    size_t chunk, size_t limit)
{
    wiped->source = source;
    wiped->chunks = NULL;
    dg_arena_init_grow(&wiped->arena, take_chunk, wiped, chunk, limit);
}


void
dg_wiped_arena_wipe(dg_wiped_arena_t *wiped)
{
    dg_wiped_chunk_t  *chunk = wiped->chunks;

    /* the structure itself may lie in one of the chunks */
    wiped->chunks = NULL;
    wiped->arena = (dg_arena_t) { 0 };

    while (chunk != NULL) {
        dg_wiped_chunk_t  *next = chunk->next;

        dg_wipe(chunk + 1, chunk->size);
        chunk = next;
    }
}
