/*
 * Target: dg_lookup_read and the packed form.  The first byte chooses the
 * operation, the second the status.
 *
 * What is said to be known was asked for, is bounded, and is the same after
 * it was packed and unpacked; an answer that is none tells nothing.
 */

#include "../unit/models.h"

#include "dg_lookup.h"

static uint8_t     memory[16 * 1024 * 1024];
static uint8_t     text[4 * 1024 * 1024];
static dg_facts_t  facts[2];


static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}


static void
check(dg_arena_t *arena, const dg_facts_t *f)
{
    dg_facts_t   again = { 0 };
    dg_writer_t  w = dg_writer(text, sizeof(text));

    require(f->count <= DG_LOOKUP_ROWS_MAX);

    if (f->state == DG_FACTS_UNKNOWN) {
        require(f->count == 0);
        return;
    }

    dg_lookup_pack(&w, f);

    if (w.overflow) {
        return;
    }

    require(dg_lookup_unpack(arena, dg_written(&w), &again) == DG_OK
            && again.state == f->state && again.count == f->count);

    for (size_t i = 0; i < f->count; i++) {
        require(dg_span_equal(again.rows[i].key, f->rows[i].key)
                && dg_span_equal(again.rows[i].value, f->rows[i].value));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const dg_operation_t  *lookups[2];
    static dg_arena_t             models;
    dg_arena_t                    arena;
    dg_diag_t                     diag = { 0 };
    dg_facts_t                    unpacked = { 0 };
    const dg_operation_t         *o;
    dg_span_t                     ids[2] = { DG_SPAN("a"), DG_SPAN("b") };
    size_t                        count;

    if (lookups[0] == NULL) {
        dg_arena_init(&models, models_memory, sizeof(models_memory));
        lookups[0] = dg_model_operation(models_load(&models,
            "dcv-session-manager"), DG_SPAN("DescribeSessions"));
        lookups[1] = dg_model_operation(models_load(&models, "workspaces"),
                                        DG_SPAN("DescribeTags"));
    }

    if (size < 2) {
        return 0;
    }

    o = lookups[data[0] & 1];
    count = o->telling->takes_list ? 2 : 1;
    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_lookup_read(&arena, o, ids, count, data[1] & 1 ? 200 : 400,
                       dg_span(data + 2, size - 2), facts, &diag)
        != DG_OK)
    {
        require(facts[0].state == DG_FACTS_UNKNOWN);
        require(count == 1 || facts[1].state == DG_FACTS_UNKNOWN);
    }

    for (size_t i = 0; i < count; i++) {
        check(&arena, &facts[i]);
    }

    if (dg_lookup_unpack(&arena, dg_span(data, size), &unpacked) == DG_OK) {
        require(unpacked.count <= DG_LOOKUP_ROWS_MAX);
    }

    return 0;
}
