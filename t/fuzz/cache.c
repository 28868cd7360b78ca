/*
 * Targets: dg_cache_look, dg_cache_fill, dg_cache_fail, dg_cache_abandon,
 * dg_cache_drop, dg_cache_sweep.
 *
 * A sequence of operations on twelve keys against a model of one entry each.
 */

#include "dg_cache.h"

#include <stdlib.h>
#include <string.h>

#define KEYS        12
#define CACHE_SIZE  (256 * 1024)
#define VALUE_SIZE  4000
#define LEASE_MS    50

typedef struct {
    uint64_t  version;     /* 0: no value */
    size_t    length;
    int64_t   soft;
    int64_t   hard;
    uint64_t  lease;       /* 0: none */
    int64_t   deadline;
    int64_t   retry_at;
    uint32_t  code;
    unsigned  failures;
    uint64_t  old_lease;   /* an earlier one, to be late with */
} entry_t;

typedef struct {
    const uint8_t  *data;
    size_t          len;
    int64_t         now;
    dg_cache_t     *cache;
    entry_t         entries[KEYS];
} run_t;

static uint64_t  memory[CACHE_SIZE / 8];


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


static dg_cache_key_t
key_of(unsigned n)
{
    dg_cache_key_t  key = { { 0 } };

    key.bytes[0] = (uint8_t) n;
    return key;
}


static uint8_t
value_byte(uint64_t version, size_t i)
{
    return (uint8_t) (version * 31 + i * 7 + i / 512);
}


static dg_cache_state_t
expected_state(const run_t *run, const entry_t *e)
{
    bool  leased = e->lease != 0 && e->deadline > run->now;
    bool  failed = e->retry_at > run->now;

    if (e->version != 0 && e->hard > run->now) {
        return run->now < e->soft || leased || failed ? DG_CACHE_HIT
                                                      : DG_CACHE_SOFT;
    }

    if (leased) {
        return DG_CACHE_WAIT;
    }

    return failed ? DG_CACHE_NEGATIVE : DG_CACHE_LEAD;
}


static void
look(run_t *run, unsigned n)
{
    entry_t            *e = &run->entries[n];
    uint8_t             out[VALUE_SIZE];
    dg_writer_t         w = dg_writer(out, sizeof(out));
    dg_cache_key_t      key = key_of(n);
    dg_cache_looker_t   looker = { run->now, LEASE_MS, 1, NULL, NULL };
    dg_cache_state_t    state = expected_state(run, e);
    dg_cache_result_t   r;

    require(dg_cache_look(run->cache, &key, &looker, &w, &r) == DG_OK);
    require(r.state == state);
    require(r.failures == e->failures);

    if (state == DG_CACHE_HIT || state == DG_CACHE_SOFT) {
        require(r.version == e->version && w.len == e->length);
        require(r.length == e->length && r.hard == e->hard);

        for (size_t i = 0; i < w.len; i++) {
            require(out[i] == value_byte(e->version, i));
        }

    } else {
        require(w.len == 0 && r.length == 0);
        e->version = 0;
    }

    if (state == DG_CACHE_NEGATIVE) {
        require(r.code == e->code && r.retry_at == e->retry_at);
    }

    if (state == DG_CACHE_LEAD || state == DG_CACHE_SOFT) {
        require(r.generation != 0 && r.generation != e->lease);
        e->old_lease = e->lease;
        e->lease = r.generation;
        e->deadline = run->now + LEASE_MS;
    }
}


static void
fill(run_t *run, unsigned n)
{
    bool             late = byte(run) % 4 == 0;
    entry_t         *e = &run->entries[n];
    uint8_t          value[VALUE_SIZE];
    size_t           length = (byte(run) * 16u) % VALUE_SIZE;
    int64_t          soft = run->now + byte(run);
    int64_t          hard = soft + byte(run) % 64;
    uint64_t         generation = late ? e->old_lease : e->lease;
    dg_err_t         err;
    dg_cache_key_t   key = key_of(n);

    for (size_t i = 0; i < length; i++) {
        value[i] = value_byte(generation, i);
    }

    err = dg_cache_fill(run->cache, &key, generation,
                        dg_span(value, length), run->now, soft, hard);

    if (generation == 0 || generation != e->lease) {
        require(err == DG_ERR_EXPIRED);
        return;
    }

    if (hard <= run->now) {
        require(err == DG_ERR_INVALID);
        return;
    }

    require(err == DG_OK);
    *e = (entry_t) {
        .version = generation, .length = length, .soft = soft, .hard = hard,
        .old_lease = generation
    };
}


static void
fail(run_t *run, unsigned n)
{
    entry_t         *e = &run->entries[n];
    int64_t          retry_at = run->now + byte(run);
    uint32_t         code = byte(run);
    dg_err_t         err;
    dg_cache_key_t   key = key_of(n);

    err = dg_cache_fail(run->cache, &key, e->lease, retry_at, code);
    require(err == (e->lease ? DG_OK : DG_ERR_EXPIRED));

    if (err == DG_OK) {
        e->old_lease = e->lease;
        e->lease = 0;
        e->retry_at = retry_at;
        e->code = code;
        e->failures++;
    }
}


static void
drop(run_t *run, unsigned n, bool all)
{
    entry_t         *e = &run->entries[n];
    dg_cache_key_t   key = key_of(n);

    if (all) {
        dg_cache_drop(run->cache, &key, 0);
        *e = (entry_t) { .old_lease = e->lease };
        return;
    }

    dg_cache_drop(run->cache, &key, e->old_lease ? e->old_lease : UINT64_MAX);

    if (e->version != 0 && e->version == e->old_lease) {
        e->version = 0;
    }
}


static void
check_stats(run_t *run)
{
    uint64_t          values = 0, blocks = 0;
    dg_cache_stats_t  stats;

    (void) dg_cache_sweep(run->cache, run->now, SIZE_MAX);
    stats = dg_cache_stats(run->cache, run->now);

    for (unsigned i = 0; i < KEYS; i++) {
        entry_t  *e = &run->entries[i];

        if (e->version != 0 && e->hard > run->now) {
            values++;
            blocks += (e->length + stats.block_size - 1) / stats.block_size;
        }
    }

    require(stats.values == values && stats.blocks_used == blocks);
}


static void
step(run_t *run)
{
    unsigned         n = byte(run) % KEYS;
    dg_cache_key_t   key = key_of(n);

    switch (byte(run) % 8) {

    case 0:
        run->now += byte(run);
        return;

    case 1:
        fail(run, n);
        return;

    case 2:
        drop(run, n, byte(run) & 1);
        return;

    case 3:
        dg_cache_abandon(run->cache, &key, run->entries[n].lease);
        run->entries[n].lease = 0;
        return;

    case 4:
    case 5:
        fill(run, n);
        return;

    default:
        look(run, n);
    }
}


int  LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    run_t    run = { .data = data, .len = len, .now = 1 };
    uint8_t  seed[DG_SIPHASH_KEY_SIZE] = { 7 };

    run.cache = (dg_cache_t *) memory;
    require(dg_cache_init(run.cache, CACHE_SIZE, seed) == DG_OK);

    while (run.len > 0) {
        step(&run);
    }

    check_stats(&run);
    require(dg_cache_attach(run.cache, CACHE_SIZE) == DG_OK);

    return 0;
}
