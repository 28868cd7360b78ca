/*
 * dg_cache: the ways of an entry, leases and who takes them over, late
 * answers, bounds, wiping, eight threads, and a worker killed at every store.
 */

#define _GNU_SOURCE
#include "killed.h"
#include "../../src/core/dg_cache_block.c"
#include "../../src/core/dg_cache.c"

#include "tap.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS  8

static uint8_t  seed[DG_SIPHASH_KEY_SIZE] = "0123456789abcde";
static uint8_t  copied[2 * DG_CACHE_VALUE_MAX];


static dg_cache_t *
new_cache(size_t size)
{
    void  *memory = malloc(size);

    if (memory == NULL || dg_cache_init(memory, size, seed) != DG_OK) {
        abort();
    }

    return memory;
}


static dg_cache_key_t
key_of(uint64_t n)
{
    dg_cache_key_t  key = { { 0 } };

    memcpy(key.bytes, &n, sizeof(n));
    key.bytes[31] = 7;

    return key;
}


/* Looks as process `pid` with leases of 1 s; the value goes to `copied`. */
static dg_cache_result_t
look_as(dg_cache_t *cache, uint64_t n, int64_t now, int32_t pid,
    dg_span_t *value)
{
    dg_err_t           err;
    dg_writer_t        w = dg_writer(copied, sizeof(copied));
    dg_cache_key_t     key = key_of(n);
    dg_cache_looker_t  looker = { now, 1000, pid, NULL, NULL };
    dg_cache_result_t  result;

    err = dg_cache_look(cache, &key, &looker, &w, &result);

    if (err != DG_OK) {
        abort();
    }

    if (value) {
        *value = dg_written(&w);
    }

    return result;
}


static dg_cache_result_t
look(dg_cache_t *cache, uint64_t n, int64_t now)
{
    return look_as(cache, n, now, 1, NULL);
}


static dg_err_t
fill(dg_cache_t *cache, uint64_t n, uint64_t generation, dg_span_t value,
    int64_t now)
{
    dg_cache_key_t  key = key_of(n);

    return dg_cache_fill(cache, &key, generation, value, now, now + 800,
                         now + 2000);
}


static dg_err_t
fail(dg_cache_t *cache, uint64_t n, uint64_t generation, int64_t retry_at,
    uint32_t code)
{
    dg_cache_key_t  key = key_of(n);

    return dg_cache_fail(cache, &key, generation, retry_at, code);
}


static void
drop(dg_cache_t *cache, uint64_t n, uint64_t generation)
{
    dg_cache_key_t  key = key_of(n);

    dg_cache_drop(cache, &key, generation);
}


static void
test_layout(void)
{
    size_t       min = dg_cache_size_min();
    dg_cache_t  *cache = calloc(1, min);

    is_int(dg_cache_attach(cache, min), DG_ERR_MISMATCH, "no cache yet");
    is_int(dg_cache_init(cache, min - 1, seed), DG_ERR_LIMIT, "too small");
    is_int(dg_cache_init(cache, min, seed), DG_OK, "smallest");
    is_int(dg_cache_attach(cache, min), DG_OK, "attaches");
    is_int(dg_cache_attach(cache, min + 8), DG_ERR_MISMATCH, "another size");
    cache->version++;
    is_int(dg_cache_attach(cache, min), DG_ERR_MISMATCH, "another version");
    free(cache);
}


static void
test_ways(void)
{
    uint64_t           old;
    dg_span_t          value;
    dg_cache_t        *cache = new_cache(dg_cache_size_min());
    dg_cache_result_t  r, lead;

    lead = look(cache, 1, 100);
    is_int(lead.state, DG_CACHE_LEAD, "nothing: lead");
    r = look(cache, 1, 101);
    is_int(r.state, DG_CACHE_WAIT, "meanwhile others wait");
    is_int(r.wait_until, 1100, "until the lease's deadline");

    is_int(fill(cache, 1, lead.generation, DG_SPAN("first"), 200), DG_OK,
           "filled");
    r = look_as(cache, 1, 999, 2, &value);
    is_int(r.state, DG_CACHE_HIT, "hit");
    is_span(value, DG_SPAN("first"), "the value");
    is_int(r.length, 5, "its length");
    is_int(r.soft, 1000, "soft expiry");
    is_int(r.hard, 2200, "hard expiry");
    is_int(r.version, lead.generation, "its version");
    is_int(r.generation, lead.generation, "which is nobody's lease");

    lead = look_as(cache, 1, 1000, 2, &value);
    is_int(lead.state, DG_CACHE_SOFT, "soft expired: one refreshes");
    is_span(value, DG_SPAN("first"), "and has the value");
    is_int(look(cache, 1, 1001).state, DG_CACHE_HIT, "others go on");

    old = r.version;
    is_int(fill(cache, 1, lead.generation, DG_SPAN("second one"), 1100),
           DG_OK, "refreshed");
    look_as(cache, 1, 1200, 1, &value);
    is_span(value, DG_SPAN("second one"), "the new value");

    drop(cache, 1, old);
    is_int(look(cache, 1, 1200).state, DG_CACHE_HIT,
           "an old version is not there to be dropped");
    drop(cache, 1, lead.generation);
    is_int(look(cache, 1, 1200).state, DG_CACHE_LEAD, "the present one is");
    free(cache);
}


static void
test_hard_expiry(void)
{
    dg_cache_t         *cache = new_cache(dg_cache_size_min());
    dg_cache_result_t   lead = look(cache, 1, 0);
    dg_cache_key_t      key = key_of(1);

    is_int(dg_cache_fill(cache, &key, lead.generation, DG_SPAN("v"), 100, 50,
                         100), DG_ERR_INVALID, "expired on arrival");
    is_int(dg_cache_fill(cache, &key, lead.generation, DG_SPAN("v"), 100,
                         201, 200), DG_ERR_INVALID, "soft behind hard");
    is_int(dg_cache_fill(cache, &key, lead.generation, DG_SPAN("v"), 100,
                         200, 200), DG_OK, "filled");
    is_int(look(cache, 1, 199).state, DG_CACHE_HIT, "one ms before");
    is_int(look(cache, 1, 200).state, DG_CACHE_LEAD, "hard expiry: lead");
    free(cache);
}


static void
test_failures(void)
{
    dg_span_t          value;
    dg_cache_t        *cache = new_cache(dg_cache_size_min());
    dg_cache_result_t  r, lead = look(cache, 1, 0);

    is_int(fail(cache, 1, lead.generation, 500, 42), DG_OK, "failed");
    r = look(cache, 1, 499);
    is_int(r.state, DG_CACHE_NEGATIVE, "shared");
    is_int(r.code, 42, "its code");
    is_int(r.retry_at, 500, "until when");
    is_int(r.failures, 1, "once");

    lead = look(cache, 1, 500);
    is_int(lead.state, DG_CACHE_LEAD, "tried again");
    is_int(lead.failures, 1, "the leader knows for the backoff");
    is_int(fail(cache, 1, lead.generation, 900, 43), DG_OK, "again");
    is_int(look(cache, 1, 600).failures, 2, "twice");

    lead = look(cache, 1, 900);
    is_int(fill(cache, 1, lead.generation, DG_SPAN("v"), 900), DG_OK, "good");
    r = look(cache, 1, 901);
    is_int(r.failures, 0, "success clears them");

    lead = look(cache, 1, 1700);
    is_int(lead.state, DG_CACHE_SOFT, "refresh");
    is_int(fail(cache, 1, lead.generation, 2000, 44), DG_OK, "fails");
    r = look_as(cache, 1, 1999, 1, &value);
    is_int(r.state, DG_CACHE_HIT, "the old value stays");
    is_span(value, DG_SPAN("v"), "as it was");
    is_int(look(cache, 1, 2000).state, DG_CACHE_SOFT, "until the retry");

    is_int(dg_cache_backoff(0, 100, 1000), 100, "backoff, none");
    is_int(dg_cache_backoff(1, 100, 1000), 100, "backoff, first");
    is_int(dg_cache_backoff(2, 100, 1000), 200, "backoff, second");
    is_int(dg_cache_backoff(4, 100, 1000), 800, "backoff, fourth");
    is_int(dg_cache_backoff(5, 100, 1000), 1000, "backoff, ceiling");
    is_int(dg_cache_backoff(UINT32_MAX, 3, INT64_MAX), INT64_MAX,
           "backoff without overflow");
    free(cache);
}


static bool
alive(void *ctx, int32_t pid)
{
    return *(int32_t *) ctx != pid;
}


static void
test_takeover(void)
{
    int32_t            gone = 0;
    dg_cache_t        *cache = new_cache(dg_cache_size_min());
    dg_cache_key_t     key = key_of(1);
    dg_cache_looker_t  looker = { 0, 1000, 11, alive, &gone };
    dg_cache_result_t  first, r;

    is_int(dg_cache_look(cache, &key, &looker, NULL, &first), DG_OK, "11");
    looker.pid = 12;
    is_int(dg_cache_look(cache, &key, &looker, NULL, &r), DG_OK, "12");
    is_int(r.state, DG_CACHE_WAIT, "waits for 11");

    gone = 11;
    is_int(dg_cache_look(cache, &key, &looker, NULL, &r), DG_OK, "11 died");
    is_int(r.state, DG_CACHE_LEAD, "12 takes over");
    ok(r.generation != first.generation, "under a new generation");

    is_int(fill(cache, 1, first.generation, DG_SPAN("late"), 1),
           DG_ERR_EXPIRED, "a late answer is dropped");
    is_int(fail(cache, 1, first.generation, 99, 1), DG_ERR_EXPIRED,
           "a late failure too");
    dg_cache_abandon(cache, &key, first.generation);

    looker.pid = 13;
    looker.now = 999;
    is_int(dg_cache_look(cache, &key, &looker, NULL, &first), DG_OK, "13");
    is_int(first.state, DG_CACHE_WAIT, "waits for 12");
    looker.now = 1000;
    is_int(dg_cache_look(cache, &key, &looker, NULL, &first), DG_OK, "13");
    is_int(first.state, DG_CACHE_LEAD, "until its deadline");
    is_int(fill(cache, 1, r.generation, DG_SPAN("late"), 1000),
           DG_ERR_EXPIRED, "12 comes too late");

    dg_cache_abandon(cache, &key, first.generation);
    is_int(dg_cache_look(cache, &key, &looker, NULL, &r), DG_OK, "abandoned");
    is_int(r.state, DG_CACHE_LEAD, "the next leads");
    is_int(fill(cache, 1, r.generation, DG_SPAN("v"), 1000), DG_OK, "fills");
    is_int(fill(cache, 1, r.generation, DG_SPAN("w"), 1000), DG_ERR_EXPIRED,
           "once");
    is_int(fill(cache, 1, 0, DG_SPAN("w"), 1000), DG_ERR_EXPIRED,
           "generation 0 never");
    free(cache);
}


static void
test_drop_all(void)
{
    dg_cache_t        *cache = new_cache(dg_cache_size_min());
    dg_cache_info_t    info;
    dg_cache_key_t     key = key_of(1);
    dg_cache_result_t  lead = look(cache, 1, 0);

    drop(cache, 1, 0);
    is_int(fill(cache, 1, lead.generation, DG_SPAN("stale"), 1),
           DG_ERR_EXPIRED, "what was asked before the change is dropped");
    lead = look(cache, 1, 1);
    is_int(lead.state, DG_CACHE_LEAD, "asked anew");
    ok(dg_cache_peek(cache, &key, 1, &info), "there is an entry");
    ok(info.leased && !info.has_value, "leased, without a value");
    is_int(fill(cache, 1, lead.generation, DG_SPAN("fresh"), 1), DG_OK,
           "and kept");
    ok(dg_cache_peek(cache, &key, 5, &info), "and now");
    ok(!info.leased && info.has_value, "with a value");
    is_int(info.filled, 1, "since when");
    is_int(info.length, 5, "how long");
    key = key_of(2);
    ok(!dg_cache_peek(cache, &key, 5, &info), "no such entry");
    drop(cache, 2, 0);
    free(cache);
}


static uint8_t
pattern(size_t i, unsigned salt)
{
    return (uint8_t) (1 + (i * 7 + i / 251 + salt) % 255);
}


static void
test_sizes(void)
{
    static const size_t  sizes[] = {
        0, 1, 511, 512, 513, 1024, 65535, DG_CACHE_VALUE_MAX
    };
    uint8_t             *bytes = malloc(DG_CACHE_VALUE_MAX + 1);
    unsigned             wrong = 0;
    dg_span_t            value;
    dg_cache_t          *cache = new_cache(dg_cache_size_min());
    dg_cache_key_t       key = key_of(1);
    dg_writer_t          small = dg_writer(copied, 10);
    dg_cache_looker_t    looker = { 0, 1000, 1, NULL, NULL };
    dg_cache_result_t    r;

    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (size_t k = 0; k < sizes[i]; k++) {
            bytes[k] = pattern(k, i);
        }

        drop(cache, 1, 0);
        r = look(cache, 1, 0);
        wrong += fill(cache, 1, r.generation, dg_span(bytes, sizes[i]), 0)
                 != DG_OK;
        look_as(cache, 1, 1, 1, &value);
        ok(dg_span_equal(value, dg_span(bytes, sizes[i])),
           "a value of %zu bytes comes back", sizes[i]);
    }

    is_int(dg_cache_look(cache, &key, &looker, &small, &r), DG_ERR_LIMIT,
           "a buffer too small");
    is_int(small.len, 0, "gets nothing");
    is_int(r.length, DG_CACHE_VALUE_MAX, "but the length");

    r = look(cache, 1, 800);
    is_int(r.state, DG_CACHE_SOFT, "a largest value");
    is_int(fill(cache, 1, r.generation, dg_span(bytes, DG_CACHE_VALUE_MAX),
                800), DG_OK, "can be replaced in the smallest cache");
    r = look(cache, 1, 1600);
    is_int(fill(cache, 1, r.generation,
                dg_span(bytes, DG_CACHE_VALUE_MAX + 1), 1600), DG_ERR_LIMIT,
           "one byte more is refused");
    is_int(wrong, 0, "all filled");
    free(bytes);
    free(cache);
}


static bool
holds(const dg_cache_t *cache, size_t size, const char *text)
{
    return memmem(cache, size, text, strlen(text)) != NULL;
}


static void
test_wiping(void)
{
    size_t             size = dg_cache_size_min();
    dg_cache_t        *cache = new_cache(size);
    dg_cache_result_t  r = look(cache, 1, 0);

    is_int(fill(cache, 1, r.generation, DG_SPAN("hunter2-first"), 0), DG_OK,
           "secret");
    ok(holds(cache, size, "hunter2-first"), "is there");
    r = look(cache, 1, 900);
    is_int(fill(cache, 1, r.generation, DG_SPAN("hunter2-second"), 900),
           DG_OK, "replaced");
    ok(!holds(cache, size, "hunter2-first"), "the old one is wiped");
    drop(cache, 1, r.generation);
    ok(!holds(cache, size, "hunter2"), "dropped: wiped");

    r = look(cache, 1, 1000);
    is_int(fill(cache, 1, r.generation, DG_SPAN("hunter2-third"), 1000),
           DG_OK, "another");
    is_int(dg_cache_sweep(cache, 2999, 100000), 0, "nothing to sweep");
    ok(holds(cache, size, "hunter2-third"), "is there until it expires");
    is_int(dg_cache_sweep(cache, 3000, 100000), 1, "swept");
    ok(!holds(cache, size, "hunter2"), "expired: wiped");

    r = look(cache, 1, 4000);
    is_int(fill(cache, 1, r.generation, DG_SPAN("hunter2-fourth"), 4000),
           DG_OK, "another");
    is_int(look(cache, 1, 6000).state, DG_CACHE_LEAD, "expired, looked at");
    ok(!holds(cache, size, "hunter2"), "wiped");
    free(cache);
}


/* Fills keys from `from` until one is refused; returns the next key. */
static uint64_t
fill_all(dg_cache_t *cache, uint64_t from, dg_span_t value, dg_err_t *err)
{
    dg_cache_key_t     key;
    dg_cache_looker_t  looker = { 0, 1000, 1, NULL, NULL };
    dg_cache_result_t  r;

    for ( ;; from++) {
        key = key_of(from);
        *err = dg_cache_look(cache, &key, &looker, NULL, &r);

        if (*err != DG_OK) {
            return from;
        }

        *err = dg_cache_fill(cache, &key, r.generation, value, 0, 1000, 2000);

        if (*err != DG_OK) {
            dg_cache_abandon(cache, &key, r.generation);
            return from;
        }
    }
}


static void
test_full(void)
{
    uint8_t            big[2000];
    uint64_t           n, kept = 0;
    dg_err_t           err;
    dg_span_t          value;
    dg_cache_t        *cache = new_cache(1024 * 1024);
    dg_cache_stats_t   stats;

    memset(big, 'x', sizeof(big));
    n = fill_all(cache, 0, dg_span(big, sizeof(big)), &err);
    is_int(err, DG_ERR_FULL, "blocks run out");
    stats = dg_cache_stats(cache, 0);
    is_int(stats.values, n, "all filled values are there");
    ok(stats.blocks - stats.blocks_used < 4, "all blocks were used");
    is_int(stats.blocks_used, 4 * n, "none was leaked");

    for (uint64_t i = 0; i < n; i++) {
        kept += look_as(cache, i, 1, 1, &value).state == DG_CACHE_HIT
                && dg_span_equal(value, dg_span(big, sizeof(big)));
    }

    is_int(kept, n, "no living value was evicted");
    drop(cache, 0, 0);
    is_int(fill_all(cache, 100000, dg_span(big, sizeof(big)), &err), 100001,
           "a dropped one makes place for one");
    free(cache);

    cache = new_cache(1024 * 1024);
    n = fill_all(cache, 0, DG_SPAN("small"), &err);
    is_int(err, DG_ERR_FULL, "entries run out");
    stats = dg_cache_stats(cache, 0);
    ok(n * 3 > stats.entries * 2, "%llu of %llu entries used before that",
       (unsigned long long) n, (unsigned long long) stats.entries);
    free(cache);
}


/* A stranger's keys, none of which exists, each looked up and failed. */
static void
test_flood(void)
{
    uint64_t           n = 0, kept = 0, filled = 0;
    dg_cache_t        *cache = new_cache(512 * 1024);
    dg_cache_stats_t   stats = dg_cache_stats(cache, 0);
    dg_cache_result_t  r;

    for (n = 0; n < stats.entries / 4; n++) {
        r = look(cache, n, 0);
        filled += fill(cache, n, r.generation, DG_SPAN("good"), 0) == DG_OK;
    }

    for (uint64_t i = 1000000; i < 1050000; i++) {
        r = look(cache, i, 1);

        if (r.state != DG_CACHE_LEAD
            || fail(cache, i, r.generation, 1000000, 401) != DG_OK)
        {
            abort();
        }
    }

    for (uint64_t i = 0; i < filled; i++) {
        kept += look(cache, i, 2).state == DG_CACHE_HIT;
    }

    is_int(kept, n, "50,000 failures evict no value");
    stats = dg_cache_stats(cache, 2);
    ok(stats.failures <= stats.entries / 2, "they hold %llu of %llu entries",
       (unsigned long long) stats.failures,
       (unsigned long long) stats.entries);
    is_int(look(cache, 1049999, 2).state, DG_CACHE_NEGATIVE,
           "the last one is still known");

    r = look(cache, 777777, 2);
    is_int(r.state, DG_CACHE_LEAD, "and there is room for a new key");
    is_int(fill(cache, 777777, r.generation, DG_SPAN("good"), 2), DG_OK,
           "and its value");
    free(cache);
}


static void
test_damaged_chain(void)
{
    dg_cache_t        *cache = new_cache(dg_cache_size_min());
    dg_cache_result_t  r = look(cache, 1, 0);
    cache_entry_t     *entry;
    dg_cache_key_t     key = key_of(1);
    uint8_t            bytes[1500];

    memset(bytes, 'b', sizeof(bytes));
    is_int(fill(cache, 1, r.generation, dg_span(bytes, sizeof(bytes)), 0),
           DG_OK, "three blocks");
    entry = cache_find(cache, &key);
    cache_tags(cache)[cache_tags(cache)[entry->first].next].next = 0xfffffff0;
    is_int(look(cache, 1, 1).state, DG_CACHE_LEAD,
           "a torn chain is no value");
    free(cache);
}


typedef struct {
    dg_cache_t       *cache;
    pthread_mutex_t  *mutex;
    int64_t          *clock;
    int32_t           pid;
    unsigned          fetched;
    unsigned          torn;
    unsigned          refused;
} worker_t;

static unsigned  fetching[16];  /* fetches under way, by key */


static void
check_value(worker_t *w, uint64_t n, dg_span_t value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] != value.data[0]) {
            w->torn++;
            return;
        }
    }

    w->torn += value.len != 100 + n * 300;
}


static void
work_once(worker_t *w, uint64_t n)
{
    uint8_t            bytes[8192];
    dg_writer_t        out = dg_writer(bytes, sizeof(bytes));
    dg_cache_key_t     key = key_of(n);
    dg_cache_looker_t  looker = { 0, 100000, w->pid, NULL, NULL };
    dg_cache_result_t  r;

    pthread_mutex_lock(w->mutex);
    looker.now = ++*w->clock;

    if (dg_cache_look(w->cache, &key, &looker, &out, &r) != DG_OK) {
        abort();
    }

    pthread_mutex_unlock(w->mutex);

    if (r.state == DG_CACHE_HIT || r.state == DG_CACHE_SOFT) {
        check_value(w, n, dg_written(&out));
    }

    if (r.state != DG_CACHE_LEAD && r.state != DG_CACHE_SOFT) {
        return;
    }

    w->torn += __atomic_fetch_add(&fetching[n], 1, __ATOMIC_SEQ_CST) != 0;
    memset(bytes, (int) (1 + r.generation % 255), sizeof(bytes));
    __atomic_fetch_sub(&fetching[n], 1, __ATOMIC_SEQ_CST);

    pthread_mutex_lock(w->mutex);
    w->fetched++;

    if (dg_cache_fill(w->cache, &key, r.generation,
                      dg_span(bytes, 100 + n * 300), *w->clock,
                      *w->clock + 500, *w->clock + 1500) != DG_OK)
    {
        w->refused++;
    }

    pthread_mutex_unlock(w->mutex);
}


static void *
work(void *arg)
{
    worker_t  *w = arg;

    for (uint64_t i = 0; i < 20000; i++) {
        work_once(w, (i * 7 + (uint64_t) w->pid) % 16);
    }

    return NULL;
}


static void
test_threads(void)
{
    int64_t           clock = 0;
    unsigned          torn = 0, refused = 0, fetched = 0;
    pthread_t         threads[THREADS];
    worker_t          workers[THREADS];
    dg_cache_t       *cache = new_cache(dg_cache_size_min());
    dg_cache_stats_t  stats;
    pthread_mutex_t   mutex = PTHREAD_MUTEX_INITIALIZER;

    for (int32_t i = 0; i < THREADS; i++) {
        workers[i] = (worker_t) { cache, &mutex, &clock, i + 1, 0, 0, 0 };
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }

    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        torn += workers[i].torn;
        refused += workers[i].refused;
        fetched += workers[i].fetched;
    }

    is_int(torn, 0, "no torn value, no two fetches of one key at once");
    is_int(refused, 0, "no fill refused");
    ok(fetched >= 16 && fetched <= 16 * 160000 / 500 + 16,
       "%u fetches: one each soft life", fetched);

    stats = dg_cache_stats(cache, clock);
    drop(cache, 3, 0);
    ok(stats.blocks_used > dg_cache_stats(cache, clock).blocks_used
       || stats.values < 16, "blocks are given back");

    for (uint64_t n = 0; n < 16; n++) {
        drop(cache, n, 0);
    }

    is_int(dg_cache_stats(cache, clock).blocks_used, 0, "all of them");
    free(cache);
}


typedef struct {
    dg_cache_t  *cache;
    uint64_t     generation;
    uint64_t     key;
    uint8_t      value[1300];
    bool         fails;
} victim_t;


static void
fill_as_victim(void *ctx)
{
    victim_t  *v = ctx;

    if (fill(v->cache, v->key, v->generation,
             dg_span(v->value, sizeof(v->value)), 1000) != DG_OK)
    {
        abort();
    }
}


static void
fail_as_victim(void *ctx)
{
    victim_t  *v = ctx;

    if (fail(v->cache, v->key, v->generation, 5000, 9) != DG_OK) {
        abort();
    }
}


static void
look_as_victim(void *ctx)
{
    victim_t  *v = ctx;

    look(v->cache, v->key, 1000);
}


static void
drop_as_victim(void *ctx)
{
    victim_t  *v = ctx;

    drop(v->cache, v->key, 0);
}


/* What must hold whatever happened: key 50 is whole, key 1 can go on. */
static unsigned
check_after(victim_t *v)
{
    unsigned           wrong = 0;
    dg_span_t          value;
    dg_cache_result_t  r;
    dg_cache_stats_t   stats;

    wrong += dg_cache_attach(v->cache, dg_cache_size_min()) != DG_OK;
    r = look_as(v->cache, 50, 1001, 2, &value);
    wrong += r.state != DG_CACHE_HIT;
    wrong += !dg_span_equal(value, DG_SPAN("stays"));

    r = look_as(v->cache, v->key, 1001, 2, &value);

    if (r.state == DG_CACHE_HIT || r.state == DG_CACHE_SOFT) {
        wrong += !dg_span_equal(value, DG_SPAN("old"))
                 && !dg_span_equal(value, dg_span(v->value,
                                                  sizeof(v->value)));
    }

    /* the dead worker's lease ends; then somebody leads and fills */

    r = look_as(v->cache, v->key, 100000, 2, NULL);
    wrong += r.state != DG_CACHE_LEAD;
    wrong += fill(v->cache, v->key, r.generation, DG_SPAN("new"), 100000)
             != DG_OK;
    look_as(v->cache, v->key, 100001, 2, &value);
    wrong += !dg_span_equal(value, DG_SPAN("new"));

    dg_cache_sweep(v->cache, 100001, 100000);
    stats = dg_cache_stats(v->cache, 100001);
    wrong += stats.values != 1 || stats.blocks_used != 1;
    wrong += holds(v->cache, dg_cache_size_min(), "vvvvvvvv");

    return wrong;
}


static void
start_victim(victim_t *v, bool with_value, bool with_lease)
{
    dg_cache_result_t  r;

    v->cache = new_cache(dg_cache_size_min());
    v->key = 1;
    memset(v->value, 'v', sizeof(v->value));

    r = look(v->cache, 50, 1000);

    if (fill(v->cache, 50, r.generation, DG_SPAN("stays"), 1000) != DG_OK) {
        abort();
    }

    if (with_value) {
        r = look(v->cache, v->key, 0);

        if (fill(v->cache, v->key, r.generation, DG_SPAN("old"), 0)
            != DG_OK)
        {
            abort();
        }
    }

    if (with_lease) {
        v->generation = look(v->cache, v->key, 900).generation;
    }
}


static void
test_killed_in(const char *name, void (*call)(void *), bool with_value,
    bool with_lease)
{
    bool      dead = true;
    long      n;
    unsigned  wrong = 0;
    victim_t  v;

    for (n = 0; dead && n < 1000; n++) {
        start_victim(&v, with_value, with_lease);
        dead = killed_at(n, call, &v);
        wrong += check_after(&v);
        free(v.cache);
    }

    ok(n > 1 && !dead, "%s: killed at each of %ld stores", name, n - 1);
    is_int(wrong, 0, "%s: every prefix is valid", name);
}


static void
test_killed(void)
{
    test_killed_in("first look", look_as_victim, false, false);
    test_killed_in("look of a soft value", look_as_victim, true, false);
    test_killed_in("first fill", fill_as_victim, false, true);
    test_killed_in("refresh", fill_as_victim, true, true);
    test_killed_in("failure", fail_as_victim, false, true);
    test_killed_in("failed refresh", fail_as_victim, true, true);
    test_killed_in("drop", drop_as_victim, true, true);
}


int
main(void)
{
    test_layout();
    test_ways();
    test_hard_expiry();
    test_failures();
    test_takeover();
    test_drop_all();
    test_sizes();
    test_wiping();
    test_full();
    test_flood();
    test_damaged_chain();
    test_threads();
    test_killed();

    return done_testing();
}
