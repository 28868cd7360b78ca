/*
 * Targets: dg_introspection_parse, dg_introspection_life,
 * dg_introspection_check, dg_introspection_takes, dg_introspection_is_jwt.
 *
 * The first line is a token, the rest an answer.  Whoever is taken has a name
 * of this issuer, and no answer outlives its bound.
 */

#include "dg_introspection.h"

#include <stdlib.h>

#define NOW  1800000000

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
    static const dg_span_t  audience = { (const uint8_t *) "deskgate", 8 };

    size_t            line = dg_span_find(dg_span(data, size), '\n');
    int64_t           life;
    dg_span_t         token = dg_span(data, line), answer;
    dg_arena_t        arena;
    dg_issuer_t       issuer = {
        .name = DG_SPAN("corp"), .url = DG_SPAN("https://sso"),
        .audiences = &audience, .audience_count = 1, .opaque_only = true,
        .account = DG_SPAN("111122223333"), .groups_claim = DG_SPAN("groups")
    };
    dg_caller_t       caller;
    const dg_json_t  *claims;
    dg_token_rules_t  rules = { .now = NOW };

    answer = dg_span_slice(dg_span(data, size), line + 1, size);

    if (dg_introspection_takes(token)) {
        require(dg_span_find(token, '&') == token.len);
    }

    if (dg_introspection_is_jwt(token)) {
        require(token.len >= 5);
    }

    dg_arena_init(&arena, memory, sizeof(memory));
    require(dg_issuer_check_config(&issuer, NULL) == DG_OK);

    if (dg_introspection_parse(&arena, answer, &claims, NULL) != DG_OK
        || claims == NULL)
    {
        return 0;
    }

    life = dg_introspection_life(claims, NOW, 60);
    require(life >= 0 && life <= 60);

    if (dg_introspection_check(&issuer, claims, &rules, &arena, &caller)
        == DG_ALLOWED)
    {
        require(caller.verified && caller.kind == DG_CALLER_OPAQUE);
        require(dg_span_starts_with(caller.arn,
                    DG_SPAN("arn:aws:deskgate::111122223333:opaque/corp/")));
        require(caller.expires_at > NOW - DG_ISSUER_LEEWAY_MAX);
    }

    return 0;
}
