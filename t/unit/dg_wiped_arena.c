/*
 * An arena for what holds secrets: growth, limits, the wipe.
 */

#define _GNU_SOURCE  /* memmem */

#include "dg_wiped_arena.h"

#include "tap.h"

static uint8_t  memory[65536];


static bool
holds_secret(void)
{
    return memmem(memory, sizeof(memory), "planted", 7) != NULL;
}


int
main(void)
{
    dg_arena_t        source;
    dg_wiped_arena_t  wiped;
    unsigned          copies = 0;

    dg_arena_init(&source, memory, sizeof(memory));
    dg_wiped_arena_init(&wiped, &source, 1024, 16384);

    while (copies < 10000 && dg_arena_copy(&wiped.arena,
                                           DG_SPAN("planted-secret")).data)
    {
        copies++;
    }

    ok(copies > 300 && copies < 1100, "%u copies until the limit", copies);
    ok(holds_secret(), "they are there");
    ok(dg_arena_alloc(&source, 1000) != NULL, "the source has more");

    dg_wiped_arena_wipe(&wiped);
    ok(!holds_secret(), "all of them are wiped");
    ok(dg_arena_alloc(&wiped.arena, 1) == NULL, "nothing can be had any more");
    dg_wiped_arena_wipe(&wiped);
    ok(true, "a second wipe does no harm");

    dg_arena_init(&source, memory, sizeof(memory));
    dg_wiped_arena_init(&wiped, &source, 1024, 16384);
    ok(dg_arena_alloc(&wiped.arena, 5000) != NULL, "more than a chunk");
    ok((uintptr_t) dg_arena_alloc(&wiped.arena, 1) % 16 == 0, "aligned");
    ok(dg_arena_alloc(&wiped.arena, 20000) == NULL, "beyond the limit");

    dg_arena_init(&source, memory, 100);
    dg_wiped_arena_init(&wiped, &source, 1024, 16384);
    ok(dg_arena_alloc(&wiped.arena, 10) == NULL, "a source that is too small");
    dg_wiped_arena_wipe(&wiped);

    return done_testing();
}
