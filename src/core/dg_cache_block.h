/*
 * How a cache lies in memory, for the two files that know it: dg_cache.c has
 * the entries and leases, dg_cache_block.c the blocks of the values.
 *
 *     header | entries, 8 a set | a tag for each block | blocks
 */

#ifndef DG_CACHE_BLOCK_H
#define DG_CACHE_BLOCK_H

#include "dg_cache.h"

#define CACHE_MAGIC        UINT64_C(0x6568636163676764)
#define CACHE_VERSION      1
#define CACHE_WAYS         8      /* entries in a set */
#define CACHE_SET_BLOCKS   16     /* blocks for each set of entries */
#define CACHE_SETS_MIN     16     /* 256 blocks: a largest value, twice */
#define CACHE_QUOTA        (CACHE_WAYS / 2)  /* entries without a value */
#define CACHE_BLOCK_SIZE   512
#define CACHE_HEADER_SIZE  128
#define CACHE_NONE         UINT32_MAX


typedef struct {
    uint64_t  used;      /* 0: the slot is free */
    uint8_t   key[DG_CACHE_KEY_SIZE];

    uint64_t  value;     /* generation that filled it; 0: no value */
    uint32_t  first;     /* its first block */
    uint32_t  length;    /* bytes */
    int64_t   filled;
    int64_t   soft;
    int64_t   hard;

    uint64_t  lease;     /* generation of the fetch; 0: none */
    int64_t   deadline;
    int32_t   pid;

    uint32_t  failures;  /* in a row */
    int64_t   retry_at;  /* 0: the last fetch did not fail */
    uint32_t  code;
    uint32_t  unused;
} cache_entry_t;

typedef struct {
    uint64_t  stamp;  /* generation of the value; 0: wiped */
    uint32_t  entry;
    uint32_t  next;
} cache_tag_t;

struct dg_cache_s {
    uint64_t  magic;
    uint32_t  version;
    uint32_t  entry_size;
    uint64_t  size;
    uint64_t  sets;
    uint64_t  generation;  /* the last one given out */
    uint64_t  cursor;      /* where the search for blocks goes on */
    uint64_t  swept;       /* where the sweep goes on */
    uint8_t   seed[DG_SIPHASH_KEY_SIZE];
};

_Static_assert(sizeof(dg_cache_t) <= CACHE_HEADER_SIZE, "header");
_Static_assert(sizeof(cache_entry_t) % 8 == 0, "what follows is aligned");
_Static_assert(CACHE_SETS_MIN * CACHE_SET_BLOCKS * CACHE_BLOCK_SIZE
               >= 2 * DG_CACHE_VALUE_MAX, "a largest value, twice");

#define CACHE_SET_SIZE                                                        \
    (CACHE_WAYS * sizeof(cache_entry_t)                                       \
     + CACHE_SET_BLOCKS * (sizeof(cache_tag_t) + CACHE_BLOCK_SIZE))


static inline void
cache_store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}


static inline uint32_t
cache_entry_count(const dg_cache_t *cache)
{
    return (uint32_t) (cache->sets * CACHE_WAYS);
}


static inline uint32_t
cache_block_count(const dg_cache_t *cache)
{
    return (uint32_t) (cache->sets * CACHE_SET_BLOCKS);
}


static inline cache_entry_t *
cache_entries(const dg_cache_t *cache)
{
    uintptr_t  first = (uintptr_t) cache + CACHE_HEADER_SIZE;

    return (cache_entry_t *) first;
}


static inline cache_tag_t *
cache_tags(const dg_cache_t *cache)
{
    uintptr_t  first;

    first = (uintptr_t) (cache_entries(cache) + cache_entry_count(cache));

    return (cache_tag_t *) first;
}


static inline uint8_t *
cache_block(const dg_cache_t *cache, uint32_t block)
{
    uintptr_t  first;

    first = (uintptr_t) (cache_tags(cache) + cache_block_count(cache));

    return (uint8_t *) first + (size_t) block * CACHE_BLOCK_SIZE;
}


/* True when the block belongs to the value of its entry; else it is free. */
bool dg_cache_block_used(const dg_cache_t *cache, uint32_t block);

void dg_cache_block_wipe(dg_cache_t *cache, uint32_t block);

/* Wipes the blocks of a value that its entry does not hold any more. */
void dg_cache_chain_wipe(dg_cache_t *cache, uint32_t block, uint64_t stamp);

/*
 * Copies a value into free blocks, which stay free until the entry holds
 * `stamp`.  DG_ERR_FULL: nothing is left behind.
 */
DG_MUST_USE dg_err_t dg_cache_chain_write(dg_cache_t *cache, uint32_t entry,
    dg_span_t value, uint64_t stamp, uint32_t *first);

/* False when the chain does not hold the length that the entry tells. */
bool dg_cache_chain_read(const dg_cache_t *cache, const cache_entry_t *entry,
    dg_writer_t *w);

#endif
