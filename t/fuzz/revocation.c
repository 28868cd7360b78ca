/*
 * Targets: dg_revocations_parse, dg_revoked.
 *
 * The callers that seeds name are asked for; an answer must not depend on
 * how often, and what is revoked stays revoked when it was issued earlier.
 */

#include "dg_revocation.h"

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
ask(const dg_revocations_t *set, dg_caller_kind_t kind, dg_span_t part)
{
    dg_caller_t  caller = {
        .kind = kind, .verified = true, .issued_at = 1800014400,
        .arn = part, .access_key_id = part, .issuer = DG_SPAN("corp"),
        .subject = part, .token_id = part, .kid = part
    };
    bool         revoked = dg_revoked(set, &caller);

    require(dg_revoked(set, &caller) == revoked);
    caller.issued_at = 1;
    require(!revoked || dg_revoked(set, &caller));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dg_arena_t               arena;
    dg_diag_t                diag = { 0 };
    const dg_revocations_t  *set;

    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_revocations_parse(&arena, dg_span(data, size), &diag, &set)
        != DG_OK)
    {
        require(set == NULL && diag.text[0] != 0);
        return 0;
    }

    for (unsigned kind = DG_CALLER_NONE; kind <= DG_CALLER_CERTIFICATE;
         kind++)
    {
        ask(set, (dg_caller_kind_t) kind, DG_SPAN("alice"));
        ask(set, (dg_caller_kind_t) kind, dg_span(data, size & 31));
        ask(set, (dg_caller_kind_t) kind, DG_SPAN_EMPTY);
    }

    return 0;
}
