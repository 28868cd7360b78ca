/*
 * Names of open objects: duplicates, reuse of memory, chosen collisions.
 */

#include "dg_names.h"

#include "tap.h"

static uint8_t  memory[4 * 1024 * 1024];


static dg_err_t
add(dg_names_t *names, const char *prefix, unsigned i)
{
    char  text[64];
    int   len = snprintf(text, sizeof(text), "%s%u", prefix, i);

    return dg_names_add(names, dg_span(text, (size_t) len));
}


static void
every_count(void)
{
    unsigned  wrong = 0;

    for (unsigned count = 1; count <= 200; count++) {
        dg_arena_t  arena;
        dg_names_t  names;

        dg_arena_init(&arena, memory, sizeof(memory));
        dg_names_init(&names, &arena);
        wrong += dg_names_open(&names) != DG_OK;

        for (unsigned i = 0; i < count; i++) {
            wrong += add(&names, "n", i) != DG_OK;
        }

        wrong += dg_names_members(&names) != count;

        for (unsigned i = 0; i < count; i++) {
            wrong += add(&names, "n", i) != DG_ERR_INVALID;
        }

        wrong += add(&names, "n", count) != DG_OK;
        dg_names_close(&names);
    }

    is_int(wrong, 0, "1 to 200 names, each refused a second time");
}


static void
siblings(void)
{
    dg_arena_t  arena;
    dg_names_t  names;
    unsigned    wrong = 0;
    uint8_t    *pos;

    dg_arena_init(&arena, memory, sizeof(memory));
    dg_names_init(&names, &arena);
    wrong += dg_names_open(&names) != DG_OK;

    for (unsigned i = 0; i < 50; i++) {
        wrong += add(&names, "outer", i) != DG_OK;
    }

    wrong += dg_names_open(&names) != DG_OK;

    for (unsigned i = 0; i < 1000; i++) {
        wrong += add(&names, "inner", i) != DG_OK;
    }

    dg_names_close(&names);
    pos = arena.pos;

    for (unsigned k = 0; k < 100; k++) {
        wrong += dg_names_open(&names) != DG_OK;

        for (unsigned i = 0; i < 20; i++) {
            wrong += add(&names, "inner", i) != DG_OK;
        }

        wrong += add(&names, "inner", k % 20) != DG_ERR_INVALID;
        dg_names_close(&names);
    }

    is_int(wrong, 0, "objects one after another");
    ok(arena.pos == pos, "need no memory more than the largest did");
    is_int(dg_names_members(&names), 50, "the outer one is as it was");
    is_int(add(&names, "outer", 49), DG_ERR_INVALID, "and knows its names");
}


/* The inverse of an odd number modulo 2^64, by Newton's iteration. */
static uint64_t
inverse(uint64_t a)
{
    uint64_t  x = a;

    for (unsigned i = 0; i < 6; i++) {
        x *= 2 - a * x;
    }

    return x;
}


/* Eight-byte names of one hash: work per name must be bounded. */
static void
collisions(void)
{
    const uint64_t  back = inverse(UINT64_C(0x9e3779b97f4a7c15));
    dg_arena_t      arena;
    dg_names_t      names;
    dg_err_t        err;
    unsigned        count = 0;

    dg_arena_init(&arena, memory, sizeof(memory));
    dg_names_init(&names, &arena);
    err = dg_names_open(&names);

    while (err == DG_OK && count < 10000) {
        uint64_t  name = ((UINT64_C(0x1234567800000000) | count) * back) ^ 8;

        err = dg_names_add(&names, dg_span(&name, sizeof(name)));
        count++;
    }

    is_int(err, DG_ERR_LIMIT, "chosen names are refused");
    is_int(count, DG_NAMES_PROBES + 1, "when they need too many steps");
}


static void
nesting(void)
{
    dg_arena_t  arena;
    dg_names_t  names;
    unsigned    wrong = 0;

    dg_arena_init(&arena, memory, sizeof(memory));
    dg_names_init(&names, &arena);

    for (unsigned i = 0; i < 500; i++) {
        wrong += dg_names_open(&names) != DG_OK;
        wrong += add(&names, "a", 1) != DG_OK;
    }

    for (unsigned i = 0; i < 500; i++) {
        wrong += add(&names, "a", 1) != DG_ERR_INVALID;
        dg_names_close(&names);
    }

    is_int(wrong, 0, "500 objects inside one another");
}


int
main(void)
{
    every_count();
    siblings();
    collisions();
    nesting();

    return done_testing();
}
