/*
 * Targets: dg_throttle_take, dg_throttle_peek, dg_throttle_refund.
 *
 * A sequence of operations on eight buckets against a model that counts each
 * bucket's level, refilled as time passes.
 */

#include "dg_throttle.h"

#include <stdlib.h>
#include <string.h>

#define KEYS        8
#define TABLE_SIZE  65536

typedef struct {
    dg_throttle_take_t  take;
    uint64_t            level;  /* ns of refill */
    uint64_t            room;
} bucket_t;

typedef struct {
    const uint8_t       *data;
    size_t               len;
    int64_t              now;
    bucket_t             buckets[KEYS];
    dg_throttle_take_t   last[3];  /* what was granted last */
    unsigned             last_keys[3];
    size_t               last_count;
} run_t;

static uint64_t  memory[TABLE_SIZE / 8];


static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}


static unsigned
byte(run_t *run)
{
    if (run->len == 0) {
        return 0;
    }

    run->len--;
    return *run->data++;
}


static void
pass(run_t *run, int64_t ms)
{
    run->now += ms;

    for (unsigned i = 0; i < KEYS; i++) {
        bucket_t  *b = &run->buckets[i];

        b->level += (uint64_t) ms * 1000000;

        if (b->level > b->room) {
            b->level = b->room;
        }
    }
}


/* What the model says; the levels fall when it grants. */
static bool
model(run_t *run, const dg_throttle_take_t *takes, const unsigned *keys,
    size_t count)
{
    uint64_t  level[KEYS];

    for (unsigned i = 0; i < KEYS; i++) {
        level[i] = run->buckets[i].level;
    }

    for (size_t i = 0; i < count; i++) {
        uint64_t  cost = takes[i].cost * takes[i].rate.interval;

        if (cost > level[keys[i]]) {
            return false;
        }

        level[keys[i]] -= cost;
    }

    for (unsigned i = 0; i < KEYS; i++) {
        run->buckets[i].level = level[i];
    }

    return true;
}


static void
take(run_t *run, dg_throttle_t *table)
{
    bool                  allowed;
    size_t                count = byte(run) % 4;
    unsigned              keys[3];
    dg_throttle_take_t    takes[3];
    dg_throttle_result_t  peeked, result;

    for (size_t i = 0; i < count; i++) {
        keys[i] = byte(run) % KEYS;
        takes[i] = run->buckets[keys[i]].take;
        takes[i].cost = byte(run) % 32;
    }

    require(dg_throttle_peek(table, takes, count, run->now, &peeked)
            == DG_OK);
    require(dg_throttle_take(table, takes, count, run->now,
                             DG_THROTTLE_REFUSE, &result) == DG_OK);
    allowed = model(run, takes, keys, count);

    require(result.allowed == allowed && peeked.allowed == allowed);
    require(result.retry_ms == peeked.retry_ms && result.evicted == 0);
    require(allowed ? result.retry_ms == 0 : result.retry_ms > 0);

    if (allowed) {
        run->last_count = count;
        memcpy(run->last, takes, sizeof(takes));
        memcpy(run->last_keys, keys, sizeof(keys));
        return;
    }

    if (result.retry_ms == DG_THROTTLE_NEVER) {
        return;
    }

    /* honest: not a millisecond earlier, and then it is granted */

    require(dg_throttle_peek(table, takes, count,
                             run->now + (int64_t) result.retry_ms - 1,
                             &peeked) == DG_OK);
    require(!peeked.allowed);
    require(dg_throttle_peek(table, takes, count,
                             run->now + (int64_t) result.retry_ms, &peeked)
            == DG_OK);
    require(peeked.allowed);
}


static void
refund(run_t *run, dg_throttle_t *table)
{
    dg_throttle_refund(table, run->last, run->last_count, run->now);

    for (size_t i = 0; i < run->last_count; i++) {
        bucket_t  *b = &run->buckets[run->last_keys[i]];

        b->level += run->last[i].cost * run->last[i].rate.interval;

        if (b->level > b->room) {
            b->level = b->room;
        }
    }

    run->last_count = 0;
}


static void
start(run_t *run, dg_throttle_t *table)
{
    for (unsigned i = 0; i < KEYS; i++) {
        bucket_t   *b = &run->buckets[i];
        dg_span_t   part = dg_span(&i, sizeof(i));

        b->take.key = dg_throttle_key(table, &part, 1);
        require(dg_throttle_rate(1 + byte(run), 1 + byte(run) * 40,
                                 1 + byte(run) % 40, &b->take.rate)
                == DG_OK);
        b->room = b->take.rate.burst * b->take.rate.interval;
        b->level = b->room;
    }
}


int  LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    run_t           run = { .data = data, .len = len, .now = 1000 };
    uint8_t         seed[DG_SIPHASH_KEY_SIZE] = { 7 };
    dg_throttle_t  *table = (dg_throttle_t *) memory;

    require(dg_throttle_init(table, TABLE_SIZE, seed) == DG_OK);
    start(&run, table);

    while (run.len > 0) {
        switch (byte(&run) % 4) {

        case 0:
            pass(&run, byte(&run));
            break;

        case 1:
            refund(&run, table);
            break;

        default:
            take(&run, table);
        }
    }

    require(dg_throttle_attach(table, TABLE_SIZE) == DG_OK);

    return 0;
}
