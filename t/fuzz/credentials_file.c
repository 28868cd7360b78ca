/*
 * Target: dg_credentials_file_parse.
 *
 * Credentials that are accepted must be whole and fit for headers; without
 * them nothing is given.
 */

#include "dg_credentials_file.h"
#include "dg_text.h"

#include <stdlib.h>

static uint8_t  memory[1024 * 1024];


static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dg_arena_t        arena;
    dg_credentials_t  c;
    dg_diag_t         diag = { 0 };

    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_credentials_file_parse(&arena, dg_span(data, size),
                                  DG_SPAN("desk"), &c, &diag)
        != DG_OK)
    {
        require(diag.text[0] != 0 && c.secret_access_key.len == 0);
        return 0;
    }

    require(c.access_key_id.len > 0 && c.secret_access_key.len > 0);
    require(dg_text_is_graphic(c.access_key_id)
            && dg_text_is_graphic(c.secret_access_key)
            && dg_text_is_graphic(c.session_token));
    require(c.expires_at >= 0);
    dg_credentials_wipe(&c);

    return 0;
}
