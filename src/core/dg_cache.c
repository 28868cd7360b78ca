/*
 * Entries and leases of the shared cache.
 *
 * Each part of an entry has one word that makes it valid (`used`, `value`,
 * `lease`, `retry_at`), cleared first and written last.
 */

#include "dg_cache_block.h"
#include "dg_crypto.h"

#include <string.h>


static bool
cache_has_value(const cache_entry_t *entry, int64_t now)
{
    return entry->value != 0 && entry->hard > now;
}


static bool
cache_has_lease(const cache_entry_t *entry, int64_t now)
{
    return entry->lease != 0 && entry->deadline > now;
}


static bool
cache_has_failure(const cache_entry_t *entry, int64_t now)
{
    return entry->retry_at > now;
}


static void
cache_drop_value(dg_cache_t *cache, cache_entry_t *entry)
{
    uint64_t  stamp = entry->value;

    if (stamp != 0) {
        cache_store(&entry->value, 0);
        dg_cache_chain_wipe(cache, entry->first, stamp);
    }
}


static void
cache_sets(const dg_cache_t *cache, const dg_cache_key_t *key,
    cache_entry_t *sets[2])
{
    uint64_t  half[2];
    uint8_t   hash[DG_SIPHASH_SIZE];

    dg_siphash_text(cache->seed, dg_span(key->bytes, sizeof(key->bytes)),
                    hash);
    memcpy(half, hash, sizeof(half));

    for (unsigned i = 0; i < 2; i++) {
        sets[i] = cache_entries(cache) + half[i] % cache->sets * CACHE_WAYS;
    }
}


static cache_entry_t *
cache_find(const dg_cache_t *cache, const dg_cache_key_t *key)
{
    cache_entry_t  *entry, *sets[2];

    cache_sets(cache, key, sets);

    for (unsigned i = 0; i < 2 * CACHE_WAYS; i++) {
        entry = &sets[i / CACHE_WAYS][i % CACHE_WAYS];

        if (entry->used
            && dg_span_equal(dg_span(entry->key, sizeof(entry->key)),
                             dg_span(key->bytes, sizeof(key->bytes))))
        {
            return entry;
        }
    }

    return NULL;
}


/* The entry whose fetch has that generation. */
static cache_entry_t *
cache_find_leased(const dg_cache_t *cache, const dg_cache_key_t *key,
    uint64_t generation)
{
    cache_entry_t  *entry = cache_find(cache, key);

    if (entry == NULL || generation == 0 || entry->lease != generation) {
        return NULL;
    }

    return entry;
}


/*
 * The first free slot of a set, when entries without a value may still grow
 * there, and how many are free; *failed becomes the failure that ends first.
 */
static cache_entry_t *
cache_free_slot(cache_entry_t *set, int64_t now, unsigned *count,
    cache_entry_t **failed)
{
    unsigned        valueless = 0;
    cache_entry_t  *found = NULL;

    *count = 0;

    for (unsigned i = 0; i < CACHE_WAYS; i++) {
        if (set[i].used && cache_has_value(&set[i], now)) {
            continue;
        }

        if (set[i].used && cache_has_lease(&set[i], now)) {
            valueless++;
            continue;
        }

        if (set[i].used && cache_has_failure(&set[i], now)) {
            valueless++;

            if (*failed == NULL || set[i].retry_at < (*failed)->retry_at) {
                *failed = &set[i];
            }

            continue;
        }

        (*count)++;

        /* rather one never used: an idle entry still knows its failures */

        if (found == NULL || (found->used && !set[i].used)) {
            found = &set[i];
        }
    }

    return valueless < CACHE_QUOTA ? found : NULL;
}


static cache_entry_t *
cache_place(const dg_cache_t *cache, const dg_cache_key_t *key, int64_t now)
{
    unsigned        count[2];
    cache_entry_t  *sets[2], *found[2], *failed = NULL;

    cache_sets(cache, key, sets);

    for (unsigned i = 0; i < 2; i++) {
        found[i] = cache_free_slot(sets[i], now, &count[i], &failed);
    }

    if (found[0] && found[1]) {
        return count[1] > count[0] ? found[1] : found[0];
    }

    if (found[0] || found[1]) {
        return found[0] ? found[0] : found[1];
    }

    return failed;
}


static cache_entry_t *
cache_create(dg_cache_t *cache, const dg_cache_key_t *key, int64_t now)
{
    cache_entry_t  *entry = cache_place(cache, key, now);

    if (entry == NULL) {
        return NULL;
    }

    cache_store(&entry->used, 0);
    cache_drop_value(cache, entry);

    memset(entry, 0, sizeof(*entry));
    memcpy(entry->key, key->bytes, sizeof(entry->key));
    cache_store(&entry->used, 1);

    return entry;
}


static void
cache_lease(dg_cache_t *cache, cache_entry_t *entry,
    const dg_cache_looker_t *looker, dg_cache_state_t state,
    dg_cache_result_t *result)
{
    uint64_t  generation = cache->generation + 1;

    cache_store(&cache->generation, generation);

    cache_store(&entry->lease, 0);
    entry->pid = looker->pid;
    entry->deadline = looker->now + looker->lease;
    cache_store(&entry->lease, generation);

    result->state = state;
    result->generation = generation;
}


static bool
cache_lease_held(const cache_entry_t *entry, const dg_cache_looker_t *looker)
{
    if (!cache_has_lease(entry, looker->now)) {
        return false;
    }

    return looker->alive == NULL || looker->alive(looker->ctx, entry->pid);
}


static void
cache_look_valueless(dg_cache_t *cache, cache_entry_t *entry,
    const dg_cache_looker_t *looker, dg_cache_result_t *result)
{
    if (cache_lease_held(entry, looker)) {
        result->state = DG_CACHE_WAIT;
        result->wait_until = entry->deadline;
        return;
    }

    if (cache_has_failure(entry, looker->now)) {
        result->state = DG_CACHE_NEGATIVE;
        result->retry_at = entry->retry_at;
        result->code = entry->code;
        return;
    }

    cache_lease(cache, entry, looker, DG_CACHE_LEAD, result);
}


static void
cache_look_value(dg_cache_t *cache, cache_entry_t *entry,
    const dg_cache_looker_t *looker, dg_cache_result_t *result)
{
    result->version = entry->value;
    result->soft = entry->soft;
    result->hard = entry->hard;

    if (looker->now < entry->soft || cache_has_failure(entry, looker->now)
        || cache_lease_held(entry, looker))
    {
        result->state = DG_CACHE_HIT;
        result->generation = entry->value;
        return;
    }

    cache_lease(cache, entry, looker, DG_CACHE_SOFT, result);
}


/* DG_ERR_MISSING: what the entry holds is not whole. */
static dg_err_t
cache_copy(const dg_cache_t *cache, const cache_entry_t *entry,
    dg_writer_t *value)
{
    size_t  start;

    if (value == NULL) {
        return DG_OK;
    }

    if (entry->length > value->cap - value->len) {
        return DG_ERR_LIMIT;
    }

    start = value->len;

    if (!dg_cache_chain_read(cache, entry, value)) {
        dg_wipe(value->data + start, value->len - start);
        value->len = start;
        return DG_ERR_MISSING;
    }

    return DG_OK;
}


dg_err_t
dg_cache_look(dg_cache_t *cache, const dg_cache_key_t *key,
    const dg_cache_looker_t *looker, dg_writer_t *value,
    dg_cache_result_t *result)
{
    dg_err_t        err;
    cache_entry_t  *entry = cache_find(cache, key);

    memset(result, 0, sizeof(*result));

    if (entry == NULL) {
        entry = cache_create(cache, key, looker->now);

        if (entry == NULL) {
            return DG_ERR_FULL;
        }
    }

    result->failures = entry->failures;

    if (cache_has_value(entry, looker->now)) {
        err = cache_copy(cache, entry, value);
        result->length = entry->length;

        if (err == DG_OK) {
            cache_look_value(cache, entry, looker, result);
        }

        if (err != DG_ERR_MISSING) {
            return err;
        }
    }

    result->length = 0;
    cache_drop_value(cache, entry);
    cache_look_valueless(cache, entry, looker, result);

    return DG_OK;
}


dg_err_t
dg_cache_fill(dg_cache_t *cache, const dg_cache_key_t *key,
    uint64_t generation, dg_span_t value, int64_t now, int64_t soft,
    int64_t hard)
{
    dg_err_t        err;
    uint32_t        first, old_first;
    uint64_t        old;
    cache_entry_t  *entry = cache_find_leased(cache, key, generation);

    if (entry == NULL) {
        return DG_ERR_EXPIRED;
    }

    if (value.len > DG_CACHE_VALUE_MAX) {
        return DG_ERR_LIMIT;
    }

    if (hard <= now || soft > hard) {
        return DG_ERR_INVALID;
    }

    err = dg_cache_chain_write(cache,
                            (uint32_t) (entry - cache_entries(cache)),
                            value, generation, &first);
    if (err != DG_OK) {
        return err;
    }

    old = entry->value;
    old_first = entry->first;

    cache_store(&entry->value, 0);
    entry->first = first;
    entry->length = (uint32_t) value.len;
    entry->filled = now;
    entry->soft = soft;
    entry->hard = hard;
    entry->failures = 0;
    entry->retry_at = 0;
    entry->code = 0;
    cache_store(&entry->value, generation);
    cache_store(&entry->lease, 0);

    if (old != 0) {
        dg_cache_chain_wipe(cache, old_first, old);
    }

    return DG_OK;
}


dg_err_t
dg_cache_fail(dg_cache_t *cache, const dg_cache_key_t *key,
    uint64_t generation, int64_t retry_at, uint32_t code)
{
    cache_entry_t  *entry = cache_find_leased(cache, key, generation);

    if (entry == NULL) {
        return DG_ERR_EXPIRED;
    }

    if (entry->failures < UINT32_MAX) {
        entry->failures++;
    }

    entry->code = code;
    __atomic_store_n(&entry->retry_at, retry_at, __ATOMIC_RELEASE);
    cache_store(&entry->lease, 0);

    return DG_OK;
}


void
dg_cache_abandon(dg_cache_t *cache, const dg_cache_key_t *key,
    uint64_t generation)
{
    cache_entry_t  *entry = cache_find_leased(cache, key, generation);

    if (entry != NULL) {
        cache_store(&entry->lease, 0);
    }
}


void
dg_cache_drop(dg_cache_t *cache, const dg_cache_key_t *key,
    uint64_t generation)
{
    cache_entry_t  *entry = cache_find(cache, key);

    if (entry == NULL || (generation != 0 && entry->value != generation)) {
        return;
    }

    if (generation == 0) {
        cache_store(&entry->lease, 0);
        entry->retry_at = 0;
        entry->failures = 0;
    }

    cache_drop_value(cache, entry);
}


bool
dg_cache_peek(const dg_cache_t *cache, const dg_cache_key_t *key, int64_t now,
    dg_cache_info_t *info)
{
    const cache_entry_t  *entry = cache_find(cache, key);

    memset(info, 0, sizeof(*info));

    if (entry == NULL) {
        return false;
    }

    info->has_value = cache_has_value(entry, now);
    info->leased = cache_has_lease(entry, now);
    info->retry_at = entry->retry_at;
    info->code = entry->code;
    info->failures = entry->failures;

    if (info->has_value) {
        info->length = entry->length;
        info->filled = entry->filled;
        info->soft = entry->soft;
        info->hard = entry->hard;
    }

    return true;
}


static bool
cache_sweep_entry(dg_cache_t *cache, cache_entry_t *entry, int64_t now)
{
    if (entry->value == 0 || (entry->used && entry->hard > now)) {
        return false;
    }

    cache_drop_value(cache, entry);

    return true;
}


static bool
cache_sweep_block(dg_cache_t *cache, uint32_t block)
{
    if (cache_tags(cache)[block].stamp == 0
        || dg_cache_block_used(cache, block))
    {
        return false;
    }

    dg_cache_block_wipe(cache, block);

    return true;
}


size_t
dg_cache_sweep(dg_cache_t *cache, int64_t now, size_t limit)
{
    bool      wiped;
    size_t    count = 0;
    uint64_t  at, entries, all;

    entries = cache_entry_count(cache);
    all = entries + cache_block_count(cache);

    if (limit > all) {
        limit = (size_t) all;
    }

    for (size_t i = 0; i < limit; i++) {
        at = cache->swept % all;

        if (at < entries) {
            wiped = cache_sweep_entry(cache, cache_entries(cache) + at, now);

        } else {
            wiped = cache_sweep_block(cache, (uint32_t) (at - entries));
        }

        count += wiped;
        cache->swept = at + 1;
    }

    return count;
}


dg_cache_stats_t
dg_cache_stats(const dg_cache_t *cache, int64_t now)
{
    dg_cache_stats_t      stats;
    const cache_entry_t  *entry = cache_entries(cache);

    memset(&stats, 0, sizeof(stats));
    stats.entries = cache_entry_count(cache);
    stats.blocks = cache_block_count(cache);
    stats.block_size = CACHE_BLOCK_SIZE;

    for (uint64_t i = 0; i < stats.entries; i++, entry++) {
        if (entry->used) {
            stats.values += cache_has_value(entry, now);
            stats.failures += cache_has_failure(entry, now);
            stats.leases += cache_has_lease(entry, now);
        }
    }

    for (uint32_t i = 0; i < stats.blocks; i++) {
        stats.blocks_used += dg_cache_block_used(cache, i);
    }

    return stats;
}


int64_t
dg_cache_backoff(unsigned failures, int64_t base, int64_t max)
{
    for (unsigned i = 1; i < failures && base < max; i++) {
        base = base > max / 2 ? max : base * 2;
    }

    return base < max ? base : max;
}


size_t
dg_cache_size_min(void)
{
    return CACHE_HEADER_SIZE + CACHE_SETS_MIN * CACHE_SET_SIZE;
}


static uint64_t
cache_sets_in(size_t size)
{
    uint64_t  sets = (size - CACHE_HEADER_SIZE) / CACHE_SET_SIZE;

    /* blocks are counted by 32 bits */

    return sets < CACHE_NONE / CACHE_SET_BLOCKS
           ? sets : CACHE_NONE / CACHE_SET_BLOCKS;
}


dg_err_t
dg_cache_init(void *memory, size_t size,
    const uint8_t seed[DG_SIPHASH_KEY_SIZE])
{
    dg_cache_t  *cache = memory;

    if (size < dg_cache_size_min()) {
        return DG_ERR_LIMIT;
    }

    memset(memory, 0, size);

    cache->version = CACHE_VERSION;
    cache->entry_size = sizeof(cache_entry_t);
    cache->size = size;
    cache->sets = cache_sets_in(size);
    memcpy(cache->seed, seed, sizeof(cache->seed));
    cache_store(&cache->magic, CACHE_MAGIC);

    return DG_OK;
}


dg_err_t
dg_cache_attach(void *memory, size_t size)
{
    const dg_cache_t  *cache = memory;

    if (size < dg_cache_size_min() || cache->magic != CACHE_MAGIC
        || cache->version != CACHE_VERSION || cache->size != size
        || cache->entry_size != sizeof(cache_entry_t)
        || cache->sets != cache_sets_in(size))
    {
        return DG_ERR_MISMATCH;
    }

    return DG_OK;
}
