/*
 * Signatures looked for and remembered in a table of 16 MB.
 */

#include "bench.h"
#include "dg_replay.h"

#define TABLE_SIZE  (16 * 1024 * 1024)

typedef struct {
    dg_replay_t  *table;
    uint64_t      n;
    int64_t       now;
    unsigned      seen;
} work_t;


static void
look(void *ctx)
{
    work_t   *work = ctx;
    uint64_t  signature[4] = { ++work->n, 1, 2, 3 };

    work->seen += dg_replay_seen(work->table,
                                 dg_span(signature, sizeof(signature)),
                                 work->now);
}


/* 300,000 signatures a second, each kept for a second */
static void
remember(void *ctx)
{
    work_t   *work = ctx;
    uint64_t  signature[4] = { ++work->n, 1, 2, 3 };

    work->now = (int64_t) (work->n / 300000);

    if (dg_replay_remember(work->table,
                           dg_span(signature, sizeof(signature)),
                           work->now, work->now) == DG_ERR_INVALID)
    {
        abort();
    }
}


int
main(void)
{
    work_t   work = { .n = 0 };
    uint8_t  seed[DG_SIPHASH_KEY_SIZE] = { 1 };

    work.table = malloc(TABLE_SIZE);

    if (work.table == NULL
        || dg_replay_init(work.table, TABLE_SIZE, seed) != DG_OK)
    {
        abort();
    }

    bench("replay_remember", remember, &work);
    bench("replay_seen", look, &work);
    free(work.table);

    return 0;
}
