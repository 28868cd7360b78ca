/*
 * The blocks of the values.
 *
 * A block belongs to a value when its stamp is the generation that its entry
 * holds as `value`; every other block is free.  So there is no list of free
 * blocks that a killed worker could tear: a fill that never came to its last
 * store has changed nothing.
 */

#include "dg_cache_block.h"
#include "dg_crypto.h"

#include <string.h>


bool
dg_cache_block_used(const dg_cache_t *cache, uint32_t block)
{
    const cache_tag_t  *tag = cache_tags(cache) + block;

    return tag->stamp != 0 && tag->entry < cache_entry_count(cache)
           && cache_entries(cache)[tag->entry].value == tag->stamp;
}


void
dg_cache_block_wipe(dg_cache_t *cache, uint32_t block)
{
    dg_wipe(cache_block(cache, block), CACHE_BLOCK_SIZE);
    cache_store(&cache_tags(cache)[block].stamp, 0);
}


void
dg_cache_chain_wipe(dg_cache_t *cache, uint32_t block, uint64_t stamp)
{
    uint32_t      next;
    cache_tag_t  *tags = cache_tags(cache);

    while (block < cache_block_count(cache) && tags[block].stamp == stamp) {
        next = tags[block].next;
        dg_cache_block_wipe(cache, block);
        block = next;
    }
}


/* A free block, of `left` to look at; CACHE_NONE when there is none. */
static uint32_t
cache_block_find(dg_cache_t *cache, uint32_t *left)
{
    uint32_t  block;

    while (*left > 0) {
        (*left)--;
        block = (uint32_t) (cache->cursor % cache_block_count(cache));
        cache->cursor = (uint64_t) block + 1;

        if (!dg_cache_block_used(cache, block)) {
            return block;
        }
    }

    return CACHE_NONE;
}


static void
cache_block_fill(dg_cache_t *cache, uint32_t block, uint32_t entry,
    dg_span_t piece, uint64_t stamp)
{
    cache_tag_t  *tag = cache_tags(cache) + block;

    /* the stamp first, so that a sweep finds what a killed fill left */

    tag->entry = entry;
    tag->next = CACHE_NONE;
    cache_store(&tag->stamp, stamp);
    dg_wipe(cache_block(cache, block), CACHE_BLOCK_SIZE);
    if (piece.data != NULL) {
        memcpy(cache_block(cache, block), piece.data, piece.len);
    }
}


dg_err_t
dg_cache_chain_write(dg_cache_t *cache, uint32_t entry, dg_span_t value,
    uint64_t stamp, uint32_t *first)
{
    size_t     pos;
    uint32_t   block, left, last;
    dg_span_t  piece;

    *first = CACHE_NONE;
    last = CACHE_NONE;
    left = cache_block_count(cache);

    for (pos = 0; pos < value.len; pos += CACHE_BLOCK_SIZE) {
        block = cache_block_find(cache, &left);

        if (block == CACHE_NONE) {
            dg_cache_chain_wipe(cache, *first, stamp);
            return DG_ERR_FULL;
        }

        piece = dg_span_slice(value, pos, pos + CACHE_BLOCK_SIZE);
        cache_block_fill(cache, block, entry, piece, stamp);

        if (last == CACHE_NONE) {
            *first = block;

        } else {
            cache_tags(cache)[last].next = block;
        }

        last = block;
    }

    return DG_OK;
}


bool
dg_cache_chain_read(const dg_cache_t *cache, const cache_entry_t *entry,
    dg_writer_t *w)
{
    size_t    piece, left = entry->length;
    uint32_t  block = entry->first;

    while (left > 0) {
        if (block >= cache_block_count(cache)
            || cache_tags(cache)[block].stamp != entry->value)
        {
            return false;
        }

        piece = left < CACHE_BLOCK_SIZE ? left : CACHE_BLOCK_SIZE;
        dg_write(w, cache_block(cache, block), piece);
        left -= piece;
        block = cache_tags(cache)[block].next;
    }

    return true;
}
