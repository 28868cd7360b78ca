/*
 * dg_replay: seen, remembered once, expired, forgotten, full, killed.
 */

#include "killed.h"
#include "../../src/core/dg_replay.c"

#include "tap.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS  8

static uint8_t  seed[DG_SIPHASH_KEY_SIZE] = "0123456789abcde";


static dg_replay_t *
new_table(size_t size)
{
    void  *memory = malloc(size);

    if (memory == NULL || dg_replay_init(memory, size, seed) != DG_OK) {
        abort();
    }

    return memory;
}


static dg_span_t
signature(uint64_t n, uint8_t bytes[32])
{
    memset(bytes, 0x5a, 32);
    memcpy(bytes, &n, sizeof(n));

    return dg_span(bytes, 32);
}


static void
test_layout(void)
{
    size_t        min = dg_replay_size_min();
    dg_replay_t  *table = calloc(1, min);

    is_int(dg_replay_attach(table, min), DG_ERR_MISMATCH, "no table yet");
    is_int(dg_replay_init(table, min - 1, seed), DG_ERR_LIMIT, "too small");
    is_int(dg_replay_init(table, min, seed), DG_OK, "smallest");
    is_int(dg_replay_attach(table, min), DG_OK, "attaches");
    is_int(dg_replay_attach(table, min + 8), DG_ERR_MISMATCH, "another size");
    table->version++;
    is_int(dg_replay_attach(table, min), DG_ERR_MISMATCH, "another version");
    free(table);
}


static void
test_window(void)
{
    dg_replay_t  *table = new_table(4096);
    dg_span_t     one = DG_SPAN("one"), two = DG_SPAN("two");

    ok(!dg_replay_seen(table, one, 100), "not seen");
    is_int(dg_replay_remember(table, one, 200, 100), DG_OK, "remembered");
    ok(dg_replay_seen(table, one, 100), "seen");
    ok(!dg_replay_seen(table, two, 100), "another is not");
    is_int(dg_replay_remember(table, one, 300, 100), DG_ERR_INVALID,
           "a replay");
    ok(dg_replay_seen(table, one, 200), "in the last second");
    ok(!dg_replay_seen(table, one, 201), "a replay does not prolong it");
    is_int(dg_replay_remember(table, one, 300, 201), DG_OK, "anew");

    dg_replay_forget(table, one);
    ok(!dg_replay_seen(table, one, 201), "forgotten");
    dg_replay_forget(table, two);
    is_int(dg_replay_remember(table, one, 300, 201), DG_OK,
           "a retry is remembered again");

    is_int(dg_replay_remember(table, two, 200, 201), DG_OK,
           "a window in the past");
    is_int(dg_replay_stats(table, 201).used, 1, "takes no slot");
    is_int(dg_replay_remember(table, two, INT64_MAX, 201), DG_OK, "for ever");
    ok(dg_replay_seen(table, two, INT64_MAX), "is for ever");
    free(table);
}


static void
test_full(void)
{
    uint8_t        bytes[32];
    uint64_t       n, kept = 0, all;
    dg_err_t       err = DG_OK;
    dg_replay_t   *table = new_table(256 * 1024);

    all = dg_replay_stats(table, 0).slots;

    for (n = 0; err == DG_OK; n++) {
        err = dg_replay_remember(table, signature(n, bytes), 1000, 100);
    }

    is_int(err, DG_ERR_FULL, "full");
    ok(n * 5 > all * 4, "%llu of %llu slots used before that",
       (unsigned long long) n, (unsigned long long) all);

    for (uint64_t i = 0; i < n - 1; i++) {
        kept += dg_replay_seen(table, signature(i, bytes), 1000);
    }

    is_int(kept, n - 1, "nothing was evicted");
    ok(!dg_replay_seen(table, signature(n - 1, bytes), 100),
       "what did not fit is not there");
    is_int(dg_replay_stats(table, 100).used, n - 1, "counted");
    is_int(dg_replay_remember(table, signature(n - 1, bytes), 2000, 1001),
           DG_OK, "after the window there is room");
    is_int(dg_replay_stats(table, 1001).used, 1, "for all");
    free(table);
}


typedef struct {
    dg_replay_t      *table;
    pthread_mutex_t  *mutex;
    unsigned          won;
} worker_t;


static void *
work(void *arg)
{
    uint8_t    bytes[32];
    dg_err_t   err;
    worker_t  *w = arg;

    for (uint64_t n = 0; n < 2000; n++) {
        pthread_mutex_lock(w->mutex);
        err = dg_replay_remember(w->table, signature(n, bytes), 1000, 100);
        pthread_mutex_unlock(w->mutex);

        w->won += err == DG_OK;
    }

    return NULL;
}


static void
test_threads(void)
{
    unsigned         won = 0;
    pthread_t        threads[THREADS];
    worker_t         workers[THREADS];
    dg_replay_t     *table = new_table(128 * 1024);
    pthread_mutex_t  mutex = PTHREAD_MUTEX_INITIALIZER;

    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (worker_t) { table, &mutex, 0 };
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }

    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        won += workers[i].won;
    }

    is_int(won, 2000, "each signature passes once among eight threads");
    free(table);
}


typedef struct {
    dg_replay_t  *table;
    uint64_t      n;
} victim_t;


static void
remember(void *ctx)
{
    uint8_t    bytes[32];
    victim_t  *v = ctx;

    if (dg_replay_remember(v->table, signature(v->n, bytes), 1000, 500)
        != DG_OK)
    {
        abort();
    }
}


static void
test_killed(void)
{
    bool      dead = true;
    long      k;
    uint8_t   bytes[32];
    unsigned  wrong = 0, used;
    victim_t  v = { new_table(dg_replay_size_min()), 100 };

    /* slots to be used again, and one that must stay */

    for (uint64_t i = 0; i < 25; i++) {
        wrong += dg_replay_remember(v.table, signature(i, bytes), 400, 100)
                 != DG_OK;
    }

    wrong += dg_replay_remember(v.table, DG_SPAN("stays"), 1000, 100)
             != DG_OK;

    for (k = 0; dead && k < 100; k++) {
        dead = killed_at(k, remember, &v);
        used = (unsigned) dg_replay_stats(v.table, 500).used;
        wrong += used != (dead ? 1 : 2);
        wrong += dead == dg_replay_seen(v.table, signature(v.n, bytes), 500);
        wrong += !dg_replay_seen(v.table, DG_SPAN("stays"), 500);
    }

    is_int(k, 5, "killed at each of four stores");
    is_int(wrong, 0, "either all of it is there or nothing");
    free(v.table);
}


int
main(void)
{
    test_layout();
    test_window();
    test_full();
    test_threads();
    test_killed();

    return done_testing();
}
