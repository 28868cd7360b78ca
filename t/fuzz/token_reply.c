/*
 * Target: dg_token_reply_parse.
 *
 * A token that is accepted must be fit for a header, its lifetime bounded.
 */

#include "dg_text.h"
#include "dg_token_reply.h"

#include <stdlib.h>

static uint8_t  memory[4 * 1024 * 1024];


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
    dg_token_reply_t  reply;
    dg_diag_t         diag = { 0 };

    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_token_reply_parse(&arena, dg_span(data, size), 300, &reply, &diag)
        != DG_OK)
    {
        require(diag.text[0] != 0 && reply.access_token.len == 0);
        return 0;
    }

    require(reply.access_token.len > 0
            && dg_text_is_graphic(reply.access_token));
    require(reply.expires_in > 0
            && reply.expires_in <= DG_TOKEN_LIFETIME_MAX);
    dg_token_reply_wipe(&reply);

    return 0;
}
