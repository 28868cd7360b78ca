/*
 * Keys of callers that sign: lookup and facts, see dg_keyfile.h.
 */

#include "dg_keyfile_set.h"

#include "dg_crypto.h"
#include "dg_hash.h"

#include <string.h>


const dg_key_t *
dg_keyfile_find(const dg_keyfile_t *keys, dg_span_t access_key_id)
{
    size_t  slot = dg_hash(access_key_id) & keys->mask;

    while (keys->slots[slot] != 0) {
        const dg_key_t  *key = &keys->keys[keys->slots[slot] - 1];

        if (dg_span_equal(key->credentials.access_key_id, access_key_id)) {
            return key;
        }

        slot = (slot + 1) & keys->mask;
    }

    return NULL;
}


size_t
dg_keyfile_count(const dg_keyfile_t *keys)
{
    return keys->count;
}


const dg_key_t *
dg_keyfile_key(const dg_keyfile_t *keys, size_t index)
{
    return index < keys->count ? &keys->keys[index] : NULL;
}


size_t
dg_keyfile_index(const dg_keyfile_t *keys, const dg_key_t *key)
{
    return (size_t) (key - keys->keys);
}


dg_refusal_t
dg_key_judge(const dg_key_t *key, int64_t now)
{
    int64_t  expires_at = key->credentials.expires_at;

    if (key->disabled || now < key->not_before
        || (expires_at != 0 && now >= expires_at))
    {
        return DG_REFUSE_KEY_INACTIVE;
    }

    return DG_ALLOWED;
}


void
dg_key_caller(const dg_key_t *key, dg_caller_t *caller)
{
    *caller = (dg_caller_t) {
        .kind = DG_CALLER_KEY,
        .arn = key->principal,
        .user_id = key->user_id,
        .account = key->account,
        .user_name = key->user_name,
        .principal_type = key->principal_type,
        .access_key_id = key->credentials.access_key_id,
        .expires_at = key->credentials.expires_at,
        .dcv_user = key->dcv_user,
        .tags = key->tags,
        .tag_count = key->tag_count,
        .policy_files = key->policies,
        .policy_file_count = key->policy_count
    };
}


void
dg_keyfile_wipe(dg_keyfile_t *keys)
{
    dg_wiped_arena_wipe(&keys->memory);
}
