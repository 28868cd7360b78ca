/*
 * Targets: dg_grant_read, dg_grant_read_basic.
 *
 * The first line is the query or the header, the rest the body.  Nothing that
 * may stand in a query only by mistake is taken from there.
 */

#include "dg_grant.h"

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
    size_t            line = dg_span_find(dg_span(data, size), '\n');
    dg_span_t         query = dg_span(data, line), body;
    dg_arena_t        arena;
    dg_grant_t        grant;
    dg_grant_basic_t  basic;
    dg_grant_rules_t  rules = {
        DG_GRANT_CLIENT_CREDENTIALS | DG_GRANT_TOKEN_EXCHANGE,
        DG_SPAN("https://gate"), DG_SPAN("desk")
    };

    body = dg_span_slice(dg_span(data, size), line + 1, size);

    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_grant_read(&rules, query, body, &arena, &grant) == DG_ALLOWED) {
        require(grant.type == DG_GRANT_CLIENT_CREDENTIALS
                || grant.subject_token.len > 0);
        require(grant.type == DG_GRANT_CLIENT_CREDENTIALS || body.len > 0);
    }

    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_grant_read_basic(query, &arena, &basic)) {
        require(dg_span_find(basic.id, ':') == basic.id.len);
    }

    return 0;
}
