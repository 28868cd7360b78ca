/*
 * Targets: dg_vend_open, dg_vend_read_claims, dg_vend_keys_parse.
 *
 * Nothing that was not sealed here opens; claims that are read are written
 * as they were, apart from their order; a file's keys are whole.
 */

#include "dg_vend.h"

#include <stdlib.h>

static uint8_t           memory[4 * 1024 * 1024];
static dg_crypto_t      *crypto;
static dg_vend_cache_t  *cache;
static dg_vend_keys_t    keys = { .gateway = DG_SPAN_EMPTY };


static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}


static void
start(void)
{
    static const char  text[] =
        "a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    crypto = dg_crypto_create(NULL, NULL);
    require(crypto != NULL);
    cache = dg_vend_cache_create(crypto, 4);
    require(cache != NULL);
    require(dg_vend_keys_parse(dg_span(text, sizeof(text) - 1), NULL, &keys)
            == DG_OK);
}


static void
try_claims(dg_span_t data)
{
    static uint8_t     text[2 * DG_VEND_CLAIMS_MAX];
    dg_arena_t         arena;
    dg_writer_t        w = dg_writer(text, sizeof(text));
    dg_vend_session_t  session, again;

    dg_arena_init(&arena, memory, sizeof(memory));

    if (data.len > DG_VEND_CLAIMS_MAX
        || dg_vend_read_claims(data, &arena, &session) != DG_OK)
    {
        return;
    }

    require(session.caller.kind == DG_CALLER_VENDED
            && !session.caller.verified);

    dg_vend_write_claims(&w, &session);

    if (w.overflow) {
        return;
    }

    require(dg_vend_read_claims(dg_written(&w), &arena, &again) == DG_OK);
    require(dg_span_equal(session.caller.arn, again.caller.arn)
            && session.caller.expires_at == again.caller.expires_at
            && session.caller.claim_count == again.caller.claim_count
            && session.location_count == again.location_count);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char               secret[DG_VEND_SECRET_SIZE];
    dg_arena_t         arena;
    dg_vend_keys_t     read = { .gateway = DG_SPAN_EMPTY };
    dg_vend_session_t  session;

    if (crypto == NULL) {
        start();
    }

    dg_arena_init(&arena, memory, sizeof(memory));
    require(dg_vend_open(cache, &keys, DG_SPAN("DGVKAAAAAAAAAAAAAAAA"),
                         dg_span(data, size), 1, &arena, &session, secret)
            != DG_ALLOWED);

    try_claims(dg_span(data, size));

    if (dg_vend_keys_parse(dg_span(data, size), NULL, &read) == DG_OK) {
        require(read.count > 0 && read.count <= DG_VEND_MASTERS_MAX
                && read.masters[0].name.len > 0);
    }

    return 0;
}
