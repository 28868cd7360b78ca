/*
 * Targets: dg_keyfile_parse, dg_keyfile_find, dg_key_caller, dg_key_judge,
 * dg_keyfile_wipe.
 *
 * Every key of a file that is accepted must be found by its id and have the
 * facts of a caller; after the wipe no secret is left in memory.
 */

#define _GNU_SOURCE  /* memmem */

#include "dg_keyfile.h"

#include <stdlib.h>
#include <string.h>

static uint8_t  memory[1024 * 1024];


static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}


static void
check_key(const dg_keyfile_t *keys, const dg_key_t *key)
{
    dg_caller_t  caller;

    require(dg_keyfile_find(keys, key->credentials.access_key_id) == key);
    require(key->credentials.secret_access_key.len >= DG_KEY_SECRET_MIN);

    dg_key_caller(key, &caller);
    require(!caller.verified && caller.arn.len && caller.user_id.len);
    require(caller.account.len == 12 && caller.principal_type.len);
    (void) dg_key_judge(key, 1767225600);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dg_arena_t     arena;
    dg_keyfile_t  *keys;
    dg_diag_t      diag = { 0 };
    uint8_t        secret[DG_KEY_SECRET_MIN];
    size_t         count;

    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_keyfile_parse(&arena, dg_span(data, size), &diag, &keys)
        != DG_OK)
    {
        require(keys == NULL && diag.text[0] != 0);
        return 0;
    }

    count = dg_keyfile_count(keys);

    for (size_t i = 0; i < count; i++) {
        const dg_key_t  *key = dg_keyfile_key(keys, i);

        check_key(keys, key);
        memcpy(secret, key->credentials.secret_access_key.data,
               sizeof(secret));
    }

    dg_keyfile_wipe(keys);

    if (count > 0) {
        require(memmem(memory, sizeof(memory), secret, sizeof(secret))
                == NULL);
    }

    return 0;
}
