/*
 * dg_throttle: rates, exactness against a model, all or none, full tables,
 * refunds, eight threads, and a worker killed at every store.
 */

#include "killed.h"
#include "../../src/core/dg_throttle.c"

#include "tap.h"

#include <pthread.h>
#include <stdlib.h>

#define TABLE_SIZE  (64 * 1024)
#define THREADS     8

static uint8_t  seed[DG_SIPHASH_KEY_SIZE] = "0123456789abcde";


static dg_throttle_t *
new_table(size_t size)
{
    void  *memory = calloc(1, size);

    if (memory == NULL || dg_throttle_init(memory, size, seed) != DG_OK) {
        abort();
    }

    return memory;
}


static dg_throttle_key_t
key_of(const dg_throttle_t *table, uint64_t n)
{
    dg_span_t  part = dg_span(&n, sizeof(n));

    return dg_throttle_key(table, &part, 1);
}


static dg_throttle_take_t
take_of(const dg_throttle_t *table, uint64_t key, uint32_t tokens,
    uint32_t period, uint32_t burst, uint32_t cost)
{
    dg_throttle_take_t  take = { .key = key_of(table, key), .cost = cost };

    if (dg_throttle_rate(tokens, period, burst, &take.rate) != DG_OK) {
        abort();
    }

    return take;
}


static bool
take_one(dg_throttle_t *table, const dg_throttle_take_t *take, int64_t now,
    dg_throttle_result_t *result)
{
    dg_err_t  err;

    err = dg_throttle_take(table, take, 1, now, DG_THROTTLE_EVICT, result);

    return err == DG_OK && result->allowed;
}


static void
test_rate(void)
{
    dg_throttle_rate_t  rate;

    is_int(dg_throttle_rate(10, 1000, 5, &rate), DG_OK, "10 a second");
    is_int(rate.interval, 100000000, "one every 100 ms");
    is_int(rate.burst, 5, "burst");
    is_int(dg_throttle_rate(3, 1000, 1, &rate), DG_OK, "3 a second");
    is_int(rate.interval, 333333334, "rounded up");
    is_int(dg_throttle_rate(0, 1000, 1, &rate), DG_ERR_INVALID, "no tokens");
    is_int(dg_throttle_rate(1, 0, 1, &rate), DG_ERR_INVALID, "no period");
    is_int(dg_throttle_rate(1, 1000, 0, &rate), DG_ERR_INVALID, "no burst");
    is_int(dg_throttle_rate(DG_THROTTLE_TOKENS_MAX, 1, 1, &rate), DG_OK,
           "most tokens");
    is_int(dg_throttle_rate(DG_THROTTLE_TOKENS_MAX + 1, 1, 1, &rate),
           DG_ERR_LIMIT, "too many tokens");
    is_int(dg_throttle_rate(1, DG_THROTTLE_PERIOD_MAX, 1, &rate), DG_OK,
           "one a day");
    is_int(dg_throttle_rate(1, DG_THROTTLE_PERIOD_MAX + 1, 1, &rate),
           DG_ERR_LIMIT, "longer than a day");
    is_int(dg_throttle_rate(1, DG_THROTTLE_PERIOD_MAX, 3653, &rate), DG_OK,
           "ten years to fill");
    is_int(dg_throttle_rate(1, DG_THROTTLE_PERIOD_MAX, 3654, &rate),
           DG_ERR_LIMIT, "more than ten years to fill");
}


static void
test_layout(void)
{
    size_t          min = dg_throttle_size_min();
    dg_throttle_t  *table = calloc(1, min);

    is_int(dg_throttle_attach(table, min), DG_ERR_MISMATCH, "no table yet");
    is_int(dg_throttle_init(table, min - 1, seed), DG_ERR_LIMIT,
           "one byte too small");
    is_int(dg_throttle_init(table, min, seed), DG_OK, "smallest");
    is_int(dg_throttle_attach(table, min), DG_OK, "attaches");
    is_int(dg_throttle_attach(table, min - 1), DG_ERR_MISMATCH,
           "another size");

    table->version++;
    is_int(dg_throttle_attach(table, min), DG_ERR_MISMATCH,
           "another version");
    table->version--;
    table->sets++;
    is_int(dg_throttle_attach(table, min), DG_ERR_MISMATCH,
           "a set too many");
    free(table);
}


static void
test_bucket(void)
{
    dg_throttle_t        *table = new_table(TABLE_SIZE);
    dg_throttle_take_t    take = take_of(table, 1, 10, 1000, 3, 1);
    dg_throttle_result_t  result;

    for (int i = 0; i < 3; i++) {
        ok(take_one(table, &take, 1000, &result), "burst, token %d", i + 1);
    }

    ok(!take_one(table, &take, 1000, &result), "bucket empty");
    is_int(result.retry_ms, 100, "honest retry-after");
    is_int(result.bucket, 0, "which bucket");
    ok(!take_one(table, &take, 1099, &result), "one ms before");
    is_int(result.retry_ms, 1, "one ms left");
    ok(take_one(table, &take, 1100, &result), "then it is granted");
    ok(!take_one(table, &take, 1100, &result), "and only one");
    ok(!take_one(table, &take, 1000, &result), "clock a step back");
    is_int(result.retry_ms, 200, "as long as until then");

    take.cost = 3;
    ok(!take_one(table, &take, 1399, &result), "full but for 1 ms");
    ok(take_one(table, &take, 1400, &result), "full again");
    take.cost = 4;
    ok(!take_one(table, &take, 9000, &result), "above the burst");
    ok(result.retry_ms == DG_THROTTLE_NEVER, "never");
    take.cost = 0;
    ok(take_one(table, &take, 1400, &result), "costs nothing");

    is_int(dg_throttle_stats(table).touched, 1, "one slot used");
    free(table);
}


static void
test_all_or_none(void)
{
    dg_throttle_t        *table = new_table(TABLE_SIZE);
    dg_throttle_take_t    takes[9], only;
    dg_throttle_result_t  result;

    takes[0] = take_of(table, 1, 1, 1000, 5, 1);
    takes[1] = take_of(table, 2, 1, 2000, 1, 1);
    takes[2] = take_of(table, 3, 1, 1000, 1, 1);
    only = takes[0];

    is_int(dg_throttle_take(table, takes, 3, 0, DG_THROTTLE_EVICT, &result),
           DG_OK, "three buckets");
    ok(result.allowed, "all allowed");

    is_int(dg_throttle_take(table, takes, 3, 0, DG_THROTTLE_EVICT, &result),
           DG_OK, "again");
    ok(!result.allowed, "refused");
    is_int(result.bucket, 1, "the one to wait longest for");
    is_int(result.retry_ms, 2000, "its wait");

    for (int i = 0; i < 4; i++) {
        ok(take_one(table, &only, 0, &result), "the first lost none, %d", i);
    }

    ok(!take_one(table, &only, 0, &result), "exactly its burst");

    for (int i = 0; i < 9; i++) {
        takes[i] = take_of(table, 77, 1, 1000, 8, 1);
    }

    is_int(dg_throttle_take(table, takes, 9, 0, DG_THROTTLE_EVICT, &result),
           DG_ERR_LIMIT, "more than eight");
    ok(!result.allowed, "and not allowed");
    is_int(dg_throttle_take(table, takes, 8, 0, DG_THROTTLE_EVICT, &result),
           DG_OK, "eight times one key");
    ok(result.allowed, "fits the burst of 8");
    ok(!take_one(table, takes, 0, &result), "each was charged");

    takes[0] = take_of(table, 78, 1, 1000, 3, 2);
    takes[1] = takes[0];
    is_int(dg_throttle_take(table, takes, 2, 0, DG_THROTTLE_EVICT, &result),
           DG_OK, "twice two of three");
    ok(!result.allowed && result.retry_ms == DG_THROTTLE_NEVER,
       "is above the burst together");
    ok(take_one(table, takes, 0, &result), "and took nothing");
    free(table);
}


static void
test_peek(void)
{
    dg_throttle_t        *table = new_table(TABLE_SIZE);
    uint8_t              *before = malloc(TABLE_SIZE);
    dg_throttle_take_t    take = take_of(table, 1, 1, 1000, 1, 1);
    dg_throttle_result_t  result;

    memcpy(before, table, TABLE_SIZE);
    is_int(dg_throttle_peek(table, &take, 1, 5, &result), DG_OK, "peek");
    ok(result.allowed, "would be allowed");
    ok(memcmp(before, table, TABLE_SIZE) == 0, "changes nothing");

    take_one(table, &take, 5, &result);
    is_int(dg_throttle_peek(table, &take, 1, 5, &result), DG_OK, "peek");
    ok(!result.allowed && result.retry_ms == 1000, "would be refused");

    memcpy(before, table, TABLE_SIZE);
    take_one(table, &take, 5, &result);
    ok(memcmp(before, table, TABLE_SIZE) == 0, "a refusal changes nothing");
    free(before);
    free(table);
}


static void
test_refund(void)
{
    dg_throttle_t        *table = new_table(TABLE_SIZE);
    dg_throttle_take_t    take = take_of(table, 1, 1, 1000, 3, 3);
    dg_throttle_result_t  result;

    ok(take_one(table, &take, 1000, &result), "takes all");
    dg_throttle_refund(table, &take, 1, 1000);
    ok(take_one(table, &take, 1000, &result), "refunded, takes all again");
    ok(!take_one(table, &take, 1000, &result), "once");

    dg_throttle_refund(table, &take, 1, 3000);
    dg_throttle_refund(table, &take, 1, 3000);
    ok(take_one(table, &take, 3000, &result), "a double refund fills it");
    ok(!take_one(table, &take, 3000, &result), "and no more than fills it");

    take.key = key_of(table, 2);
    dg_throttle_refund(table, &take, 1, 3000);
    is_int(dg_throttle_stats(table).touched, 1, "an unknown key: nothing");
    free(table);
}


static void
test_full(void)
{
    size_t                size = dg_throttle_size_min();
    dg_err_t              err = DG_OK;
    uint64_t              n, made = 0;
    dg_throttle_t        *table = new_table(size);
    dg_throttle_take_t    take;
    dg_throttle_result_t  result;

    for (n = 0; n < 1000; n++) {
        take = take_of(table, n, 1, 1000, 1, 1);
        err = dg_throttle_take(table, &take, 1, 10, DG_THROTTLE_REFUSE,
                               &result);
        made += err == DG_OK && result.allowed;
    }

    is_int(err, DG_ERR_FULL, "a full table refuses when told to");
    ok(!result.allowed, "and allows nothing");
    is_int(made, 16, "every slot was used");
    is_int(dg_throttle_stats(table).evictions, 0, "none was lost");

    take = take_of(table, 5000, 1, 1000, 1, 1);
    is_int(dg_throttle_take(table, &take, 1, 10, DG_THROTTLE_EVICT, &result),
           DG_OK, "or evicts");
    is_int(result.evicted, 1, "one");
    is_int(dg_throttle_stats(table).evictions, 1, "and counts it");

    take = take_of(table, 5001, 1, 1000, 1, 1);
    is_int(dg_throttle_take(table, &take, 1, 1010, DG_THROTTLE_REFUSE,
                            &result), DG_OK,
           "a bucket that is full again makes place");
    is_int(result.evicted, 0, "without a loss");
    free(table);
}


static void
test_eviction_order(void)
{
    size_t                size = dg_throttle_size_min();
    dg_throttle_t        *table = new_table(size);
    dg_throttle_take_t    take;
    dg_throttle_result_t  result;

    for (uint64_t n = 0; n < 1000; n++) {
        take = take_of(table, n, 1, 86400000, 2, 1);
        take_one(table, &take, (int64_t) n, &result);
        take = take_of(table, 9999, 1, 86400000, 1000, 1);
        take_one(table, &take, (int64_t) n, &result);
    }

    dg_throttle_peek(table, &take, 1, 1000, &result) == DG_OK ? 0 : abort();
    take.cost = 1000;
    ok(dg_throttle_peek(table, &take, 1, 1000, &result) == DG_OK
       && !result.allowed, "a bucket in use outlives a flood of keys");
    is_int(result.retry_ms, 1000 * INT64_C(86400000) - 1000,
           "with every take counted");
    free(table);
}


/* Eight takes into a table of sixteen slots: none may claim another's slot. */
static void
test_distinct_slots(void)
{
    unsigned              wrong = 0;
    dg_throttle_t        *table = new_table(dg_throttle_size_min());
    dg_throttle_take_t    takes[8];
    dg_throttle_result_t  result;

    for (uint64_t round = 0; round < 500; round++) {
        for (uint64_t i = 0; i < 8; i++) {
            takes[i] = take_of(table, round * 8 + i, 1, 86400000, 1, 1);
        }

        if (dg_throttle_take(table, takes, 8, (int64_t) round,
                             DG_THROTTLE_EVICT, &result) != DG_OK
            || !result.allowed)
        {
            wrong++;
        }

        for (uint64_t i = 0; i < 8; i++) {
            wrong += throttle_find(table, &takes[i].key) == NULL;
        }
    }

    is_int(wrong, 0, "the buckets of one call never evict each other");
    free(table);
}


static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;

    return *state;
}


/* Against a bucket counted in whole parts of a token, by another method. */
static void
test_model(void)
{
    int64_t               now = 0, at = 0;
    uint64_t              random = 88172645463325252, wrong = 0, granted = 0;
    uint64_t              level, unit;
    dg_throttle_t        *table = new_table(TABLE_SIZE);
    dg_throttle_take_t    take;
    dg_throttle_result_t  result;

    for (unsigned round = 0; round < 200; round++) {
        take = take_of(table, round, (uint32_t) (1 + next_random(&random)
                       % 100), 1000, (uint32_t) (1 + next_random(&random)
                       % 50), 1);
        unit = take.rate.interval;
        level = take.rate.burst * unit;
        at = now;

        for (unsigned i = 0; i < 500; i++) {
            now += (int64_t) (next_random(&random) % 60);
            take.cost = (uint32_t) (next_random(&random)
                                    % (take.rate.burst + 1));
            level += (uint64_t) (now - at) * 1000000;

            if (level > take.rate.burst * unit) {
                level = take.rate.burst * unit;
            }

            at = now;
            take_one(table, &take, now, &result);

            if (result.allowed != (level >= take.cost * unit)) {
                wrong++;
            }

            if (result.allowed) {
                level -= take.cost * unit;
                granted += take.cost;

            } else if (result.retry_ms
                       != (take.cost * unit - level + 999999) / 1000000)
            {
                wrong++;
            }
        }
    }

    is_int(wrong, 0, "100,000 takes as the model says");
    ok(granted > 10000, "%llu tokens granted", (unsigned long long) granted);
    free(table);
}


typedef struct {
    dg_throttle_t    *table;
    pthread_mutex_t  *mutex;
    int64_t          *clock;
    uint64_t          granted[4];
    uint64_t          random;
} worker_t;


static void *
work(void *arg)
{
    uint64_t              key;
    worker_t             *w = arg;
    dg_throttle_take_t    takes[2];
    dg_throttle_result_t  result;

    for (unsigned i = 0; i < 20000; i++) {
        key = next_random(&w->random) % 3;
        takes[0] = take_of(w->table, key, 100, 1000, 50, 1);
        takes[1] = take_of(w->table, 3, 200, 1000, 100, 2);

        pthread_mutex_lock(w->mutex);
        *w->clock += (i % 16) == 0;

        if (dg_throttle_take(w->table, takes, 2, *w->clock,
                             DG_THROTTLE_EVICT, &result) != DG_OK)
        {
            abort();
        }

        if (result.allowed && i % 7 == 0) {
            dg_throttle_refund(w->table, takes, 2, *w->clock);
            result.allowed = false;
        }

        pthread_mutex_unlock(w->mutex);

        if (result.allowed) {
            w->granted[key]++;
            w->granted[3] += 2;
        }
    }

    return NULL;
}


static void
test_threads(void)
{
    int64_t          clock = 0;
    uint64_t         sum[4] = { 0 };
    pthread_t        threads[THREADS];
    worker_t         workers[THREADS];
    dg_throttle_t   *table = new_table(TABLE_SIZE);
    pthread_mutex_t  mutex = PTHREAD_MUTEX_INITIALIZER;

    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (worker_t) { table, &mutex, &clock, { 0 }, i + 1 };
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }

    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);

        for (unsigned k = 0; k < 4; k++) {
            sum[k] += workers[i].granted[k];
        }
    }

    is_int(clock, 10000, "ten seconds");

    for (unsigned k = 0; k < 3; k++) {
        ok(sum[k] <= 1050, "key %u: %llu tokens, never above 100/s + 50", k,
           (unsigned long long) sum[k]);
    }

    ok(sum[3] <= 2100 && sum[3] >= 1900,
       "shared bucket: %llu tokens, 200/s and at most 100 more",
       (unsigned long long) sum[3]);
    is_int(sum[0] + sum[1] + sum[2], sum[3] / 2, "all or none, every time");
    free(table);
}


typedef struct {
    dg_throttle_t       *table;
    dg_throttle_take_t   takes[2];
} victim_t;


static void
take_two(void *ctx)
{
    victim_t              *v = ctx;
    dg_throttle_result_t   result;

    if (dg_throttle_take(v->table, v->takes, 2, 100, DG_THROTTLE_EVICT,
                         &result) != DG_OK)
    {
        abort();
    }
}


static unsigned
take_until_refused(dg_throttle_t *table, dg_throttle_take_t take)
{
    unsigned              got = 0;
    dg_throttle_result_t  result;

    take.cost = 1;

    while (take_one(table, &take, 100, &result)) {
        got++;
    }

    return got;
}


/*
 * Two buckets taken by a worker that dies at each of its stores: whoever
 * comes next gets no more than the burst, and other buckets stay.
 */
static void
test_killed(void)
{
    bool                  dead = true;
    long                  n;
    unsigned              got, wrong = 0;
    victim_t              v;
    dg_throttle_take_t    other;
    dg_throttle_result_t  result;

    for (n = 0; dead && n < 100; n++) {
        v.table = new_table(dg_throttle_size_min());

        for (uint64_t i = 10; i < 30; i++) {
            other = take_of(v.table, i, 1, 86400000, 2, 2);
            take_one(v.table, &other, (int64_t) i, &result);
        }

        v.takes[0] = take_of(v.table, 1, 1, 86400000, 5, 2);
        v.takes[1] = take_of(v.table, 2, 1, 86400000, 5, 2);
        dead = killed_at(n, take_two, &v);

        wrong += dg_throttle_attach(v.table, dg_throttle_size_min()) != DG_OK;
        wrong += take_one(v.table, &other, 100, &result);
        got = take_until_refused(v.table, v.takes[0]);
        wrong += dead ? got != 5 && got != 3 : got != 3;
        free(v.table);
    }

    ok(n > 8, "killed at each of %ld stores", n - 1);
    is_int(wrong, 0, "every prefix is valid");
}


static void
test_long_run(void)
{
    uint64_t              granted = 0;
    dg_throttle_t        *table = new_table(TABLE_SIZE);
    dg_throttle_take_t    take = take_of(table, 1, 7, 1000, 10, 1);
    dg_throttle_result_t  result;

    for (int64_t now = 0; now <= 1000000; now += 13) {
        granted += take_one(table, &take, now, &result);
    }

    ok(granted <= 7010, "7/s for 1,000 s and 10 at once: %llu granted",
       (unsigned long long) granted);
    ok(granted >= 7009, "and none held back");
    free(table);
}


int
main(void)
{
    test_rate();
    test_layout();
    test_bucket();
    test_all_or_none();
    test_peek();
    test_refund();
    test_full();
    test_eviction_order();
    test_distinct_slots();
    test_model();
    test_long_run();
    test_threads();
    test_killed();

    return done_testing();
}
