/*
 * Target functions: dg_issuer_check, dg_issuer_caller, dg_issuer_claim,
 * dg_write_arn_part, dg_caller_copy, dg_caller_copy_block
 *
 * The input is the claims of a token.  A caller that comes out has an ARN
 * below its issuer's, of plain characters, and has not expired.
 */

#include "dg_issuer.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY  (4 * 1024 * 1024)
#define NOW     1800000000
#define JWT     "arn:aws:deskgate::111122223333:jwt/corp/"
#define OPAQUE  "arn:aws:deskgate::111122223333:opaque/corp/"

static uint8_t  memory[MEMORY];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static const dg_issuer_t *
configured(void)
{
    static dg_issuer_t      issuer;
    static dg_span_t        audience, client;
    static dg_issuer_tag_t  tags[2];

    audience = DG_SPAN("deskgate");
    client = DG_SPAN("cli");
    tags[0] = (dg_issuer_tag_t) { DG_SPAN("team"), DG_SPAN("team") };
    tags[1] = (dg_issuer_tag_t) { DG_SPAN("site"), DG_SPAN("a.b.c") };
    issuer = (dg_issuer_t) {
        .name = DG_SPAN("corp"), .url = DG_SPAN("https://sso.example.com"),
        .audiences = &audience, .audience_count = 1,
        .client_ids = &client, .client_id_count = 1,
        .algorithms = DG_JWS_ANY_ALGORITHM, .max_age = 0,
        .account = DG_SPAN("111122223333"),
        .groups_claim = DG_SPAN("realm_access.roles"),
        .tags = tags, .tag_count = 2
    };

    if (dg_issuer_check_config(&issuer, NULL) != DG_OK) {
        abort();
    }

    return &issuer;
}


static void
check_arn(dg_span_t arn, dg_span_t prefix)
{
    if (!dg_span_starts_with(arn, prefix) || arn.len == prefix.len) {
        abort();
    }

    for (size_t i = prefix.len; i < arn.len; i++) {
        if (arn.data[i] <= ' ' || arn.data[i] > 'z'
            || memchr("/:*?\"\\<>{}$", arn.data[i], 11) != NULL)
        {
            abort();
        }
    }
}


/* The copy of a copy says the same; sanitizers watch the blocks. */
static void
check_copies(const dg_caller_t *caller)
{
    size_t        size = dg_caller_size(caller);
    dg_caller_t  *copy = dg_caller_copy(caller, malloc(size));
    dg_caller_t  *again = dg_caller_copy_block(copy, size, malloc(size));

    free(copy);

    if (dg_caller_size(again) != size
        || !dg_span_equal(again->arn, caller->arn)
        || again->claim_count != caller->claim_count)
    {
        abort();
    }

    for (size_t i = 0; i < caller->claim_count; i++) {
        if (!dg_span_equal(again->claims[i].value, caller->claims[i].value)) {
            abort();
        }
    }

    free(again);
}


/* With a header it is a token, without it is what an issuer told of one. */

static void
check_claims(dg_span_t claims, const dg_json_t *header, dg_span_t prefix)
{
    dg_jws_t                   jws = { .payload = claims, .header = header };
    dg_arena_t                 arena;
    dg_caller_t                caller;
    dg_token_rules_t           rules = { .now = NOW };
    static const dg_issuer_t  *issuer;

    issuer = issuer ? issuer : configured();
    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_jws_claims(&arena, &jws) != DG_ALLOWED) {
        return;
    }

    if (dg_issuer_check(issuer, &jws, &rules, &arena, &caller)
        != DG_ALLOWED)
    {
        if (caller.verified || caller.arn.len != 0) {
            abort();
        }

        return;
    }

    if (!caller.verified || caller.expires_at + DG_ISSUER_LEEWAY <= NOW
        || caller.expires_at > DG_ISSUER_TIME_MAX
        || caller.group_count > DG_CALLER_GROUPS_MAX
        || caller.claim_count > DG_CALLER_CLAIMS_MAX)
    {
        abort();
    }

    check_arn(caller.arn, prefix);
    check_copies(&caller);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const dg_json_t  header = { .type = DG_JSON_OBJECT };

    check_claims(dg_span(data, size), &header, DG_SPAN(JWT));
    check_claims(dg_span(data, size), NULL, DG_SPAN(OPAQUE));

    return 0;
}
