/*
 * Hits of values of 1.5 KB and refreshes, in a cache of 16 MB three quarters
 * full.
 */

#include "bench.h"
#include "dg_cache.h"

#define CACHE_SIZE  (16 * 1024 * 1024)
#define VALUE_SIZE  1500
#define KEYS        7000

typedef struct {
    dg_cache_t  *cache;
    uint64_t     random;
    int64_t      now;
    uint8_t      value[VALUE_SIZE];
} work_t;


static dg_cache_key_t
random_key(work_t *work)
{
    uint64_t        n;
    dg_cache_key_t  key = { { 0 } };

    work->random = work->random * UINT64_C(6364136223846793005)
                   + UINT64_C(1442695040888963407);
    n = (work->random >> 33) % KEYS;
    memcpy(key.bytes, &n, sizeof(n));

    return key;
}


static void
hit(void *ctx)
{
    work_t            *work = ctx;
    uint8_t            out[VALUE_SIZE];
    dg_writer_t        w = dg_writer(out, sizeof(out));
    dg_cache_key_t     key = random_key(work);
    dg_cache_looker_t  looker = { work->now, 1000, 1, NULL, NULL };
    dg_cache_result_t  result;

    if (dg_cache_look(work->cache, &key, &looker, &w, &result) != DG_OK) {
        abort();
    }
}


static void
refresh(void *ctx)
{
    work_t            *work = ctx;
    dg_cache_key_t     key = random_key(work);
    dg_cache_looker_t  looker = { work->now + 2000, 1000, 1, NULL, NULL };
    dg_cache_result_t  result;

    if (dg_cache_look(work->cache, &key, &looker, NULL, &result) != DG_OK) {
        abort();
    }

    if (dg_cache_fill(work->cache, &key, result.generation,
                      dg_span(work->value, VALUE_SIZE), work->now,
                      work->now + 1000, INT64_MAX) != DG_OK)
    {
        abort();
    }
}


int
main(void)
{
    uint8_t            seed[DG_SIPHASH_KEY_SIZE] = { 1 };
    static work_t      work = { .random = 1 };
    dg_cache_looker_t  looker = { 0, 1000, 1, NULL, NULL };
    dg_cache_result_t  result;

    work.cache = malloc(CACHE_SIZE);

    if (work.cache == NULL
        || dg_cache_init(work.cache, CACHE_SIZE, seed) != DG_OK)
    {
        abort();
    }

    for (uint64_t n = 0; n < KEYS; n++) {
        dg_cache_key_t  key = { { 0 } };

        memcpy(key.bytes, &n, sizeof(n));

        if (dg_cache_look(work.cache, &key, &looker, NULL, &result) != DG_OK
            || dg_cache_fill(work.cache, &key, result.generation,
                             dg_span(work.value, VALUE_SIZE), 0, 1000,
                             INT64_MAX) != DG_OK)
        {
            abort();
        }
    }

    bench("cache_hit_1500", hit, &work);
    bench("cache_refresh_1500", refresh, &work);
    free(work.cache);

    return 0;
}
