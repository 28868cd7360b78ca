/*
 * Target functions: dg_jwks_load, dg_jwk_make, dg_jwks_find, dg_jwk_verify
 *
 * A set that was loaded holds no secret member, only keys with a kid it can
 * be asked for and algorithms that exist, and verifies nothing that was not
 * signed.
 */

#include "dg_jwks.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY  (8 * 1024 * 1024)

static uint8_t  memory[MEMORY];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
use(const dg_jwks_t *set)
{
    const dg_jwk_t        *key;
    static const uint8_t   zeroes[512];

    for (unsigned i = 0; i < DG_JWS_ALGORITHMS; i++) {
        key = dg_jwks_find(set, DG_SPAN_EMPTY, 1u << i);

        if (key == NULL) {
            continue;
        }

        if (!(dg_jwk_algorithms(key) & 1u << i)
            || (dg_jwk_algorithms(key) & ~DG_JWS_ANY_ALGORITHM) != 0
            || (dg_jwk_id(key).len
                && dg_jwks_find_id(set, dg_jwk_id(key)) == NULL)
            || dg_jwk_verify(key, 1u << i, DG_SPAN("x"),
                             dg_span(zeroes, sizeof(zeroes))) == DG_OK)
        {
            abort();
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dg_diag_t   diag;
    dg_jwks_t  *set;
    dg_arena_t  arena;

    memset(&diag, 0, sizeof(diag));
    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_jwks_load(&arena, dg_span(data, size), &set, &diag) != DG_OK) {
        if (set != NULL || diag.text[0] == '\0') {
            abort();
        }

        return 0;
    }

    if (dg_jwks_count(set) == 0
        || dg_jwks_count(set) + dg_jwks_left_out(set) > DG_JWKS_KEYS_MAX)
    {
        abort();
    }

    use(set);
    dg_jwks_release(set);

    return 0;
}
