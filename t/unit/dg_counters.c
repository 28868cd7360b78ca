/*
 * dg_counters: rows, bounds, gauges, failing trails, eight threads.
 */

#include "tap.h"
#include "dg_counters.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS  8
#define ROUNDS   50000


static void *
work(void *arg)
{
    dg_counters_t  *counters = arg;

    for (unsigned i = 0; i < ROUNDS; i++) {
        dg_count_service(counters, i % 3, DG_COUNT_CALLS);
        dg_count_refusal(counters, 1, DG_REFUSE_THROTTLED);
        dg_count(counters, DG_COUNT_TRAIL_BYTES, 3);
    }

    return NULL;
}


static void
test_threads(dg_counters_t *counters)
{
    uint64_t   sum = 0;
    pthread_t  threads[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, work, counters);
    }

    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }

    for (unsigned i = 0; i < 3; i++) {
        sum += dg_counted_service(counters, i, DG_COUNT_CALLS);
    }

    is_int(sum, THREADS * ROUNDS, "every call counted once, without a lock");
    is_int(dg_counted_refusal(counters, 1, DG_REFUSE_THROTTLED),
           THREADS * ROUNDS, "every refusal");
    is_int(dg_counted(counters, DG_COUNT_TRAIL_BYTES), 3 * THREADS * ROUNDS,
           "every byte");
}


static void
test_rows(dg_counters_t *counters)
{
    unsigned  other = DG_COUNTERS_OTHER;

    dg_count_service(counters, 7, DG_COUNT_ALLOWED);
    dg_count_service(counters, 8, DG_COUNT_ALLOWED);
    dg_count_service(counters, 4000000000u, DG_COUNT_ALLOWED);
    is_int(dg_counted_service(counters, 7, DG_COUNT_ALLOWED), 1, "last row");
    is_int(dg_counted_service(counters, other, DG_COUNT_ALLOWED), 2,
           "all others share one");

    dg_count_refusal(counters, 0, (dg_refusal_t) 9999);
    is_int(dg_counted_refusal(counters, 0, DG_REFUSE_INTERNAL), 1,
           "what is no refusal counts as internal");
}


static void
test_gauges(dg_counters_t *counters)
{
    dg_gauge_set(counters, DG_GAUGE_CLOCK_OFFSET, -1500);
    is_int(dg_gauge(counters, DG_GAUGE_CLOCK_OFFSET), -1500, "last value");

    ok(!dg_trail_failing(counters), "no trail fails");
    dg_trail_failing_set(counters, 0, true);
    dg_trail_failing_set(counters, 63, true);
    dg_trail_failing_set(counters, 0, false);
    ok(dg_trail_failing(counters), "the other worker's still does");
    dg_trail_failing_set(counters, 63, false);
    ok(!dg_trail_failing(counters), "none does");
}


static void
test_names(void)
{
    unsigned  empty = 0;

    for (int i = 0; i < DG_COUNT_SERVICE_COUNT; i++) {
        empty += dg_count_service_name((dg_count_service_t) i)[0] == '\0';
    }

    for (int i = 0; i < DG_COUNT_GLOBAL_COUNT; i++) {
        empty += dg_count_global_name((dg_count_global_t) i)[0] == '\0';
    }

    is_int(empty, 0, "every counter has a name");
    is_text(dg_span_cstr(dg_count_service_name(DG_COUNT_SERVICE_COUNT)), "",
            "and nothing else");
}


int
main(void)
{
    size_t          size = dg_counters_size();
    dg_counters_t  *counters = calloc(1, size);

    is_int(dg_counters_attach(counters, size), DG_ERR_MISMATCH, "none yet");
    is_int(dg_counters_init(counters, size - 1), DG_ERR_LIMIT, "too small");
    is_int(dg_counters_init(counters, size), DG_OK, "made");
    is_int(dg_counters_attach(counters, size), DG_OK, "attaches");
    is_int(dg_counters_attach(counters, size + 8), DG_ERR_MISMATCH,
           "another size");

    test_threads(counters);
    test_rows(counters);
    test_gauges(counters);
    test_names();
    free(counters);

    return done_testing();
}
