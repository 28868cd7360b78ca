/*
 * The answer of a lookup about ten sessions, and kept facts of one.
 */

#include "bench.h"
#include "../unit/models.h"

#include "dg_lookup.h"

#define SESSIONS  10

typedef struct {
    const dg_operation_t  *lookup;
    dg_span_t              ids[SESSIONS];
    dg_span_t              answer;
    dg_span_t              packed;
    dg_facts_t             facts[SESSIONS];
    uint8_t                memory[1024 * 1024];
} work_t;


static void
read_answer(void *ctx)
{
    work_t      *work = ctx;
    dg_arena_t   arena;

    dg_arena_init(&arena, work->memory, sizeof(work->memory));

    if (dg_lookup_read(&arena, work->lookup, work->ids, SESSIONS, 200,
                       work->answer, work->facts, NULL)
        != DG_OK)
    {
        abort();
    }
}


static void
unpack(void *ctx)
{
    work_t      *work = ctx;
    dg_arena_t   arena;
    dg_facts_t   facts = { 0 };

    dg_arena_init(&arena, work->memory, sizeof(work->memory));

    if (dg_lookup_unpack(&arena, work->packed, &facts) != DG_OK) {
        abort();
    }
}


static void
write_answer(work_t *work, dg_writer_t *w)
{
    static char  names[SESSIONS][16];

    dg_write_cstr(w, "{\"Sessions\":[");

    for (size_t i = 0; i < SESSIONS; i++) {
        (void) snprintf(names[i], sizeof(names[i]), "session-%zu", i);
        work->ids[i] = dg_span_cstr(names[i]);

        dg_write_cstr(w, i ? ",{\"Id\":\"" : "{\"Id\":\"");
        dg_write_span(w, work->ids[i]);
        dg_write_cstr(w, "\",\"Owner\":\"ada\",\"Type\":\"VIRTUAL\",\"Name\":"
                      "\"desk\",\"Server\":{\"Ip\":\"10.0.0.1\",\"Tags\":["
                      "{\"Key\":\"team\",\"Value\":\"blue\"}]}}");
    }

    dg_write_cstr(w, "]}");
    work->answer = dg_written(w);
}


int
main(void)
{
    static work_t      work;
    static dg_arena_t  models;
    static uint8_t     text[8192], packed[1024];
    dg_writer_t        w = dg_writer(text, sizeof(text));

    dg_arena_init(&models, models_memory, sizeof(models_memory));
    work.lookup = dg_model_operation(models_load(&models,
        "dcv-session-manager"), DG_SPAN("DescribeSessions"));

    write_answer(&work, &w);
    read_answer(&work);

    w = dg_writer(packed, sizeof(packed));
    dg_lookup_pack(&w, &work.facts[0]);
    work.packed = dg_written(&w);

    bench("lookup_read_10", read_answer, &work);
    bench("lookup_unpack", unpack, &work);

    return 0;
}
