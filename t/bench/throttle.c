/*
 * Keys and takes over a table of 64 MB that is half full, so that the
 * processor's caches do not hold it.
 */

#include "bench.h"
#include "dg_throttle.h"

#define TABLE_SIZE  (64 * 1024 * 1024)
#define KEYS        (1 << 20)

typedef struct {
    dg_throttle_t       *table;
    dg_throttle_take_t  *takes;
    uint64_t             random;
    int64_t              now;
    size_t               count;
    dg_span_t            parts[3];
    uint8_t              sink;
} work_t;


static void
hash_key(void *ctx)
{
    work_t  *work = ctx;

    work->sink ^= dg_throttle_key(work->table, work->parts, 3).bytes[0];
}


static void
take(void *ctx)
{
    work_t                *work = ctx;
    dg_throttle_result_t   result;

    work->random = work->random * UINT64_C(6364136223846793005)
                   + UINT64_C(1442695040888963407);
    work->now++;

    if (dg_throttle_take(work->table,
                         work->takes + (work->random >> 44) % (KEYS - 8),
                         work->count, work->now / 1000, DG_THROTTLE_EVICT,
                         &result) != DG_OK)
    {
        abort();
    }

    work->sink ^= result.allowed;
}


int
main(void)
{
    work_t                work = { .random = 1, .count = 1 };
    uint8_t               seed[DG_SIPHASH_KEY_SIZE] = { 1 };
    dg_throttle_result_t  result;

    work.table = malloc(TABLE_SIZE);
    work.takes = malloc(KEYS * sizeof(work.takes[0]));
    work.parts[0] = DG_SPAN("writes");
    work.parts[1] = DG_SPAN("arn:aws:iam::111122223333:user/desk/alice");
    work.parts[2] = DG_SPAN("TerminateWorkspaces");

    if (work.table == NULL || work.takes == NULL
        || dg_throttle_init(work.table, TABLE_SIZE, seed) != DG_OK)
    {
        abort();
    }

    for (uint64_t i = 0; i < KEYS; i++) {
        dg_span_t  part = dg_span(&i, sizeof(i));

        work.takes[i].key = dg_throttle_key(work.table, &part, 1);
        work.takes[i].cost = 1;

        if (dg_throttle_rate(100, 60000, 50, &work.takes[i].rate) != DG_OK
            || dg_throttle_take(work.table, &work.takes[i], 1, 0,
                                DG_THROTTLE_EVICT, &result) != DG_OK)
        {
            abort();
        }
    }

    bench("throttle_key", hash_key, &work);
    bench("throttle_take_1", take, &work);
    work.count = 3;
    bench("throttle_take_3", take, &work);

    free(work.takes);
    free(work.table);

    return work.sink == 255;
}
