/*
 * dg_zone: the parts lie apart and inside, another layout never attaches, and
 * a zone works wherever it is mapped.
 */

#include "tap.h"
#include "dg_zone.h"

#include <stdlib.h>

#define ZONE_SIZE  (4 * 1024 * 1024)

static uint8_t  seed[DG_SIPHASH_KEY_SIZE] = "0123456789abcde";


static void
test_sizes(void)
{
    static const size_t  extra[] = {
        0, 1, 63, 64, 65, 1000, 4095, 100000, ZONE_SIZE
    };
    size_t               min = dg_zone_size_min();
    uint8_t             *memory = malloc(min + ZONE_SIZE);

    is_int(dg_zone_init(memory, min - 1, NULL, seed), DG_ERR_LIMIT,
           "a byte too small");
    is_int(dg_zone_init(memory + 1, min, NULL, seed), DG_ERR_INVALID,
           "not aligned");
    ok(min < 512 * 1024, "the smallest zone has %zu bytes", min);

    for (unsigned i = 0; i < sizeof(extra) / sizeof(extra[0]); i++) {
        is_int(dg_zone_init(memory, min + extra[i], NULL, seed), DG_OK,
               "the smallest and %zu", extra[i]);
        is_int(dg_zone_attach(memory, min + extra[i]), DG_OK, "attaches");
    }

    free(memory);
}


static void
test_shares(void)
{
    uint64_t          even, most;
    uint8_t          *memory = malloc(ZONE_SIZE);
    dg_zone_shares_t  shares = { 1, 1, 1 };

    is_int(dg_zone_init(memory, ZONE_SIZE, &shares, seed), DG_OK, "1:1:1");
    even = dg_throttle_stats(dg_zone_throttle(memory)).slots;
    shares = (dg_zone_shares_t) { 1, 0, 0 };
    is_int(dg_zone_init(memory, ZONE_SIZE, &shares, seed), DG_OK, "1:0:0");
    most = dg_throttle_stats(dg_zone_throttle(memory)).slots;
    ok(most > 2 * even, "%llu slots instead of %llu",
       (unsigned long long) most, (unsigned long long) even);
    shares = (dg_zone_shares_t) { 0, 0, 0 };
    is_int(dg_zone_init(memory, ZONE_SIZE, &shares, seed), DG_OK, "0:0:0");
    is_int(dg_zone_attach(memory, ZONE_SIZE), DG_OK, "attaches");
    free(memory);
}


/* Every bit of the header that attach must judge, turned over. */
static void
test_attach(void)
{
    unsigned   accepted = 0;
    uint8_t   *memory = calloc(1, ZONE_SIZE);

    is_int(dg_zone_attach(memory, ZONE_SIZE), DG_ERR_MISMATCH, "zeroes");

    if (dg_zone_init(memory, ZONE_SIZE, NULL, seed) != DG_OK) {
        abort();
    }

    is_int(dg_zone_attach(memory, ZONE_SIZE - 64), DG_ERR_MISMATCH,
           "another size");

    for (size_t bit = 0; bit < 8 * (24 + 4 * 16); bit++) {
        memory[bit / 8] ^= (uint8_t) (1 << bit % 8);
        accepted += dg_zone_attach(memory, ZONE_SIZE) == DG_OK;
        memory[bit / 8] ^= (uint8_t) (1 << bit % 8);
    }

    is_int(accepted, 0, "no bit of the header may differ");
    is_int(dg_zone_attach(memory, ZONE_SIZE), DG_OK, "as it was");
    free(memory);
}


static void
use_all(void *memory, unsigned *wrong)
{
    dg_cache_key_t        key = { { 1 } };
    dg_span_t             part = DG_SPAN("caller");
    dg_throttle_take_t    take;
    dg_throttle_result_t  granted;
    dg_cache_looker_t     looker = { 0, 1000, 1, NULL, NULL };
    dg_cache_result_t     found;

    take.key = dg_throttle_key(dg_zone_throttle(memory), &part, 1);
    take.cost = 1;
    *wrong += dg_throttle_rate(1, 1000, 1, &take.rate) != DG_OK;
    *wrong += dg_throttle_take(dg_zone_throttle(memory), &take, 1, 5,
                               DG_THROTTLE_EVICT, &granted) != DG_OK;
    *wrong += dg_replay_remember(dg_zone_replay(memory), part, 10, 5)
              != DG_OK;
    *wrong += dg_cache_look(dg_zone_cache(memory), &key, &looker, NULL,
                            &found) != DG_OK;
    *wrong += dg_cache_fill(dg_zone_cache(memory), &key, found.generation,
                            DG_SPAN("value"), 0, 100, 200) != DG_OK;
    dg_count(dg_zone_counters(memory), DG_COUNT_FETCH_OK, 7);
}


static void
test_moved(void)
{
    void                 *moved = malloc(ZONE_SIZE);
    void                 *memory = malloc(ZONE_SIZE);
    uint8_t               text[16];
    unsigned              wrong = 0;
    dg_writer_t           w = dg_writer(text, sizeof(text));
    dg_cache_key_t        key = { { 1 } };
    dg_span_t             part = DG_SPAN("caller");
    dg_throttle_take_t    take = { .cost = 1 };
    dg_throttle_result_t  granted;
    dg_cache_looker_t     looker = { 5, 1000, 1, NULL, NULL };
    dg_cache_result_t     found;

    wrong += dg_zone_init(memory, ZONE_SIZE, NULL, seed) != DG_OK;
    use_all(memory, &wrong);
    memcpy(moved, memory, ZONE_SIZE);
    memset(memory, 0xdb, ZONE_SIZE);
    free(memory);

    is_int(wrong, 0, "all parts used");
    is_int(dg_zone_attach(moved, ZONE_SIZE), DG_OK, "attaches elsewhere");

    take.key = dg_throttle_key(dg_zone_throttle(moved), &part, 1);
    wrong += dg_throttle_rate(1, 1000, 1, &take.rate) != DG_OK;
    wrong += dg_throttle_take(dg_zone_throttle(moved), &take, 1, 5,
                              DG_THROTTLE_EVICT, &granted) != DG_OK;
    ok(!granted.allowed, "the bucket is still empty");
    ok(dg_replay_seen(dg_zone_replay(moved), part, 10), "still seen");
    wrong += dg_cache_look(dg_zone_cache(moved), &key, &looker, &w, &found)
             != DG_OK;
    is_text(dg_written(&w), "value", "the value is still there");
    is_int(dg_counted(dg_zone_counters(moved), DG_COUNT_FETCH_OK), 7,
           "still counted");
    is_int(wrong, 0, "all parts usable");
    free(moved);
}


int
main(void)
{
    test_sizes();
    test_shares();
    test_attach();
    test_moved();

    return done_testing();
}
