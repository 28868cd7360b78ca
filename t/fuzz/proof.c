/*
 * Target: dg_proof_read.
 *
 * The input is the URL.  What is taken asks for one thing only, has no byte
 * that could end a request line, and ends in time.
 */

#include "dg_codec.h"
#include "dg_proof.h"

#include <stdlib.h>

#define NOW  1440938160

static uint8_t  memory[1024 * 1024];
static uint8_t  token[16384];


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
    dg_arena_t   arena;
    dg_proof_t   proof;
    dg_writer_t  w = dg_writer(token, sizeof(token));

    dg_write_cstr(&w, DG_PROOF_PREFIX);
    dg_write_base64url(&w, dg_span(data, size));
    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_proof_read(dg_written(&w), DG_SPAN("sts.amazonaws.com"), NOW,
                      &arena, &proof)
        != DG_ALLOWED)
    {
        return 0;
    }

    require(dg_span_starts_with(proof.query,
                DG_SPAN("Action=GetCallerIdentity&Version=2011-06-15&")));
    require(dg_span_find(proof.query, '#') == proof.query.len);
    require(dg_span_find(proof.query, ' ') == proof.query.len);
    require(proof.expires_at > NOW
            && proof.expires_at <= NOW + DG_PROOF_EARLY + DG_PROOF_LIFE_MAX);

    return 0;
}
