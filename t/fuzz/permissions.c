/*
 * Target: dg_permissions_parse.
 *
 * What is shared is among what is given at all; denying everything to
 * everybody leaves nothing, and sharing everything gives everything.
 */

#include "dg_permissions.h"

#include <stdlib.h>
#include <string.h>

static uint8_t  memory[2 * 1024 * 1024];
static uint8_t  longer[DG_PERMISSIONS_TEXT_MAX + 64];


static bool
is_among(dg_span_t name, const dg_span_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (dg_span_equal(list[i], name)) {
            return true;
        }
    }

    return false;
}


static const dg_permissions_t *
with(const uint8_t *data, size_t size, const char *line)
{
    const dg_permissions_t  *file;
    dg_writer_t              w = dg_writer(longer, sizeof(longer));
    dg_arena_t               arena;
    dg_diag_t                diag;

    dg_write(&w, data, size);
    dg_write_cstr(&w, "\n[permissions]\n");
    dg_write_cstr(&w, line);
    dg_arena_init(&arena, memory + sizeof(memory) / 2, sizeof(memory) / 2);

    return dg_permissions_parse(&arena, dg_written(&w), &diag, &file)
           == DG_OK ? file : NULL;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const dg_permissions_t  *file, *other;
    dg_arena_t               arena;
    dg_diag_t                diag;

    dg_arena_init(&arena, memory, sizeof(memory) / 2);

    if (dg_permissions_parse(&arena, dg_span(data, size), &diag, &file)
        != DG_OK)
    {
        return 0;
    }

    for (size_t i = 0; i < file->shared_count; i++) {
        if (!is_among(file->shared[i], file->features, file->feature_count)) {
            abort();
        }
    }

    if ((file->feature_count == 0) != (file->actor_count == 0)) {
        abort();
    }

    other = with(data, size, "%any% deny builtin");

    if (other != NULL && (other->feature_count || other->actor_count)) {
        abort();
    }

    other = with(data, size, "zz-nobody-yet allow builtin");

    for (size_t i = 0; other != NULL && i < file->feature_count; i++) {
        if (!is_among(file->features[i], other->features,
                      other->feature_count))
        {
            abort();
        }
    }

    return 0;
}
