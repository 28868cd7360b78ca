/*
 * Target: dg_sts_parse (XML and JSON).
 *
 * Credentials that are accepted must fit, and survive being packed.
 */

#include "dg_sts.h"

#include <stdlib.h>

static uint8_t  memory[4 * 1024 * 1024];


static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}


static void
check(dg_span_t answer, dg_sts_action_t action)
{
    char              buffer[DG_CREDENTIALS_PACKED];
    dg_arena_t        arena;
    dg_diag_t         diag = { 0 };
    dg_writer_t       w = dg_writer(buffer, sizeof(buffer));
    dg_sts_reply_t    reply;
    dg_credentials_t  again;

    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_sts_parse(&arena, answer, action, &reply, &diag) != DG_OK) {
        require(diag.text[0] != 0);
        return;
    }

    if (reply.error_code.len || action == DG_STS_CALLER_IDENTITY) {
        return;
    }

    require(dg_credentials_reason(&reply.credentials) == NULL);
    require(reply.credentials.expires_at > 0);

    dg_credentials_pack(&w, &reply.credentials);
    require(dg_credentials_unpack(dg_written(&w), &again) == DG_OK);
    require(dg_span_equal(again.session_token,
                          reply.credentials.session_token));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(dg_span(data, size), DG_STS_ASSUME_ROLE);
    check(dg_span(data, size), DG_STS_CALLER_IDENTITY);

    return 0;
}
