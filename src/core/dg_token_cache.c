/*
 * The cache of verified tokens: see dg_token_cache.h.
 *
 * Callers stand one behind the other in a ring of bytes, each in one piece;
 * the oldest makes room.  A table of chains leads from a digest to its entry.
 * Refused tokens are in pairs of fixed places, chosen by the digest.
 */

#include "dg_token_cache.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MIN      16384
#define BYTES_MAX      0x40000000
#define BUCKET_BYTES   1024    /* of the ring, for one bucket */
#define LARGEST_PART   4       /* an entry is at most this part of the ring */
#define REFUSED_WAYS   2
#define NONE           UINT32_MAX
#define ALIGNMENT      alignof(max_align_t)

typedef struct {
    dg_token_key_t  key;
    int64_t         stored;
    int64_t         expires;
    uint32_t        size;         /* of the entry, caller included */
    uint32_t        next;         /* of its chain, or NONE */
    size_t          caller_size;  /* the caller stands behind */
} entry_t;

typedef struct {
    dg_token_key_t  key;
    int64_t         stored;
    int64_t         expires;
    dg_refusal_t    refusal;      /* DG_ALLOWED: the place is free */
} refused_t;

struct dg_token_cache_s {
    dg_crypto_t             *crypto;
    uint8_t                 *ring;
    uint32_t                *buckets;
    uint32_t                 bucket_count;  /* a power of two */
    uint32_t                 oldest;
    uint32_t                 free;          /* where the next entry goes */
    uint32_t                 end;           /* of the entries above oldest */
    bool                     wrapped;       /* free is below oldest */
    dg_token_cache_stats_t   stats;
    refused_t                refused[DG_TOKEN_CACHE_REFUSED];
};


static size_t
aligned(size_t size)
{
    return (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}


static entry_t *
entry_at(const dg_token_cache_t *cache, uint32_t at)
{
    return (entry_t *) (void *) (cache->ring + at);
}


static dg_caller_t *
caller_of(entry_t *entry)
{
    return (dg_caller_t *) (void *) ((uint8_t *) entry
                                     + aligned(sizeof(*entry)));
}


/* The digest is as good as random: some of it is an index. */
static uint32_t
index_of(const dg_token_key_t *key, uint32_t count)
{
    uint32_t  bits;

    memcpy(&bits, key->digest, sizeof(bits));
    return bits & (count - 1);
}


static bool
same_key(const dg_token_key_t *a, const dg_token_key_t *b)
{
    return a->accepted_by == b->accepted_by
           && dg_equal_secret(dg_span(a->digest, DG_SHA256_SIZE),
                              dg_span(b->digest, DG_SHA256_SIZE))
           && dg_equal_secret(dg_span(a->certificate, DG_SHA256_SIZE),
                              dg_span(b->certificate, DG_SHA256_SIZE));
}


dg_token_cache_t *
dg_token_cache_create(dg_crypto_t *crypto, size_t bytes)
{
    uint32_t           buckets = 1;
    dg_token_cache_t  *cache;

    if (bytes < BYTES_MIN || bytes > BYTES_MAX) {
        return NULL;
    }

    while (buckets < bytes / BUCKET_BYTES) {
        buckets *= 2;
    }

    cache = calloc(1, sizeof(*cache));

    if (cache == NULL) {
        return NULL;
    }

    cache->crypto = crypto;
    cache->bucket_count = buckets;
    cache->stats.capacity = bytes & ~(ALIGNMENT - 1);
    cache->ring = malloc(cache->stats.capacity);
    cache->buckets = malloc(buckets * sizeof(uint32_t));

    if (cache->ring == NULL || cache->buckets == NULL) {
        free(cache->ring);
        free(cache->buckets);
        free(cache);
        return NULL;
    }

    memset(cache->buckets, 0xff, buckets * sizeof(uint32_t));
    return cache;
}


static void
unlink_entry(dg_token_cache_t *cache, uint32_t at)
{
    entry_t   *entry = entry_at(cache, at);
    uint32_t  *link;

    link = &cache->buckets[index_of(&entry->key, cache->bucket_count)];

    while (*link != at) {
        link = &entry_at(cache, *link)->next;
    }

    *link = entry->next;
}


static void
drop_oldest(dg_token_cache_t *cache)
{
    entry_t   *entry = entry_at(cache, cache->oldest);
    uint32_t   size = entry->size;

    unlink_entry(cache, cache->oldest);
    dg_wipe(entry, size);
    cache->oldest += size;
    cache->stats.callers--;
    cache->stats.bytes -= size;

    if (cache->wrapped && cache->oldest == cache->end) {
        cache->oldest = 0;
        cache->wrapped = false;
    }

    if (cache->stats.callers == 0) {
        cache->oldest = cache->free = 0;
        cache->wrapped = false;
    }
}


void
dg_token_cache_clear(dg_token_cache_t *cache)
{
    while (cache->stats.callers > 0) {
        drop_oldest(cache);
    }

    dg_wipe(cache->refused, sizeof(cache->refused));
}


void
dg_token_cache_destroy(dg_token_cache_t *cache)
{
    if (cache == NULL) {
        return;
    }

    dg_token_cache_clear(cache);
    free(cache->ring);
    free(cache->buckets);
    free(cache);
}


dg_err_t
dg_token_key(dg_token_cache_t *cache, dg_span_t token, uint64_t accepted_by,
    dg_span_t certificate, dg_token_key_t *key)
{
    *key = (dg_token_key_t) { .accepted_by = accepted_by };

    if (certificate.len != 0 && certificate.len != DG_SHA256_SIZE) {
        return DG_ERR_INVALID;
    }

    if (certificate.len) {
        memcpy(key->certificate, certificate.data, DG_SHA256_SIZE);
    }

    return dg_sha256(cache->crypto, token, key->digest);
}


/* A clock that was set back makes what is remembered worthless. */
static bool
is_fresh(int64_t stored, int64_t expires, int64_t now)
{
    return stored <= now && now < expires;
}


static entry_t *
find_entry(const dg_token_cache_t *cache, const dg_token_key_t *key,
    int64_t now)
{
    entry_t   *entry;
    uint32_t   at = cache->buckets[index_of(key, cache->bucket_count)];

    while (at != NONE) {
        entry = entry_at(cache, at);

        if (same_key(&entry->key, key)
            && is_fresh(entry->stored, entry->expires, now))
        {
            return entry;
        }

        at = entry->next;
    }

    return NULL;
}


static refused_t *
refused_places(dg_token_cache_t *cache, const dg_token_key_t *key)
{
    return &cache->refused[REFUSED_WAYS * index_of(key,
                               DG_TOKEN_CACHE_REFUSED / REFUSED_WAYS)];
}


static dg_refusal_t
find_refused(dg_token_cache_t *cache, const dg_token_key_t *key, int64_t now)
{
    refused_t  *place = refused_places(cache, key);

    for (int i = 0; i < REFUSED_WAYS; i++) {
        if (place[i].refusal != DG_ALLOWED && same_key(&place[i].key, key)
            && is_fresh(place[i].stored, place[i].expires, now))
        {
            return place[i].refusal;
        }
    }

    return DG_ALLOWED;
}


bool
dg_token_cache_find(dg_token_cache_t *cache, const dg_token_key_t *key,
    int64_t now, dg_arena_t *arena, dg_caller_t *caller,
    dg_refusal_t *refusal)
{
    void     *block;
    entry_t  *entry = find_entry(cache, key, now);

    if (entry == NULL) {
        *refusal = find_refused(cache, key, now);
        return *refusal != DG_ALLOWED;
    }

    block = dg_arena_alloc(arena, entry->caller_size);

    if (block == NULL) {
        return false;
    }

    *caller = *dg_caller_copy_block(caller_of(entry), entry->caller_size,
                                    block);
    *refusal = DG_ALLOWED;

    return true;
}


/* Whether `size` bytes are free in one piece; then cache->free is there. */
static bool
has_room(dg_token_cache_t *cache, size_t size)
{
    if (cache->wrapped) {
        return cache->oldest - cache->free >= size;
    }

    if (cache->stats.capacity - cache->free >= size) {
        return true;
    }

    if (cache->oldest < size) {
        return false;
    }

    cache->end = cache->free;
    cache->free = 0;
    cache->wrapped = true;

    return true;
}


static void
make_room(dg_token_cache_t *cache, size_t size, int64_t now)
{
    while (!has_room(cache, size)) {
        cache->stats.evicted += entry_at(cache, cache->oldest)->expires > now;
        drop_oldest(cache);
    }
}


void
dg_token_cache_store(dg_token_cache_t *cache, const dg_token_key_t *key,
    const dg_caller_t *caller, int64_t now)
{
    size_t     caller_size = dg_caller_size(caller);
    size_t     size = aligned(sizeof(entry_t)) + aligned(caller_size);
    int64_t    expires = now + DG_TOKEN_CACHE_TTL;
    entry_t   *entry;
    uint32_t  *bucket = &cache->buckets[index_of(key, cache->bucket_count)];

    if (caller->expires_at != 0 && caller->expires_at < expires) {
        expires = caller->expires_at;
    }

    if (!caller->verified || expires <= now
        || size > cache->stats.capacity / LARGEST_PART)
    {
        return;
    }

    make_room(cache, size, now);
    entry = entry_at(cache, cache->free);
    *entry = (entry_t) {
        .key = *key, .stored = now, .expires = expires,
        .size = (uint32_t) size, .next = *bucket, .caller_size = caller_size
    };
    (void) dg_caller_copy(caller, caller_of(entry));

    *bucket = cache->free;
    cache->free += (uint32_t) size;
    cache->stats.callers++;
    cache->stats.bytes += size;
}


/* What stays refused until keys or configuration change. */
static bool
is_lasting(dg_refusal_t refusal)
{
    switch (refusal) {

    case DG_REFUSE_TOKEN_MALFORMED:
    case DG_REFUSE_TOKEN_ALGORITHM:
    case DG_REFUSE_TOKEN_SIGNATURE:
    case DG_REFUSE_TOKEN_ISSUER:
    case DG_REFUSE_TOKEN_AUDIENCE:
    case DG_REFUSE_TOKEN_EXPIRED:
    case DG_REFUSE_TOKEN_CLAIM:
        return true;

    default:
        return false;
    }
}


void
dg_token_cache_refuse(dg_token_cache_t *cache, const dg_token_key_t *key,
    dg_refusal_t refusal, int64_t now)
{
    refused_t  *place = refused_places(cache, key);

    if (!is_lasting(refusal)) {
        return;
    }

    /* the one of the two that ends first; a free place ends at 0 */
    if (place[1].expires < place[0].expires) {
        place++;
    }

    *place = (refused_t) {
        .key = *key, .stored = now,
        .expires = now + DG_TOKEN_CACHE_REFUSED_TTL, .refusal = refusal
    };
}


dg_token_cache_stats_t
dg_token_cache_stats(const dg_token_cache_t *cache)
{
    return cache->stats;
}
