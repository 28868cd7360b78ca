/*
 * Targets: dg_model_load with a model and an overlay, dg_model_release.
 *
 * The input is the model, then a NUL, then the overlay.  What loads has
 * every reference resolved.
 */

#include "dg_model.h"

#include <stdlib.h>

static uint8_t  memory[16 * 1024 * 1024];


static void
check(const dg_service_t *s)
{
    for (size_t i = 0; i < s->shape_count; i++) {
        const dg_shape_t  *shape = &s->shapes[i];

        for (size_t j = 0; j < shape->member_count; j++) {
            if (shape->members[j].shape == NULL
                || dg_model_member(shape, shape->members[j].wire_name)
                   == NULL)
            {
                abort();
            }
        }

        if (shape->type == DG_SHAPE_LIST && shape->element == NULL) {
            abort();
        }
    }

    for (size_t i = 0; i < s->operation_count; i++) {
        if (dg_model_operation(s, s->operations[i].name)
            != &s->operations[i])
        {
            abort();
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dg_span_t      text = dg_span(data, size);
    size_t         border = dg_span_find(text, 0);
    dg_service_t  *service;
    dg_diag_t      diag;
    dg_arena_t     arena;

    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_model_load(&arena, DG_SPAN("x"), dg_span_slice(text, 0, border),
                      dg_span_slice(text, border + 1, size), &diag, &service)
        == DG_OK)
    {
        check(service);
        dg_model_release(service);
    }

    return 0;
}
