/*
 * Targets: dg_requirements_parse, dg_requirements_match.
 *
 * What parses has a meaning, and "not" in front of it turns that round.
 */

#include "dg_requirements.h"

#include <stdlib.h>
#include <string.h>

static uint8_t  memory[1024 * 1024];


static bool
lookup(void *ctx, bool is_tag, dg_span_t name, dg_span_t *value)
{
    (void) ctx;
    *value = name;
    return is_tag;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t            negated[DG_REQUIREMENTS_TEXT_MAX + 16];
    const dg_requirements_t  *r, *n;
    dg_writer_t               w = dg_writer(negated, sizeof(negated));
    dg_arena_t                arena;
    dg_diag_t                 diag;

    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_requirements_parse(&arena, dg_span(data, size), &diag, &r)
        != DG_OK || r == NULL)
    {
        return 0;
    }

    dg_write_cstr(&w, "not(");
    dg_write(&w, data, size);
    dg_write_char(&w, ')');

    dg_arena_init(&arena, memory + sizeof(memory) / 2, sizeof(memory) / 2);

    if (dg_requirements_parse(&arena, dg_written(&w), &diag, &n) == DG_OK
        && dg_requirements_match(n, lookup, NULL)
           == dg_requirements_match(r, lookup, NULL))
    {
        abort();
    }

    return 0;
}
