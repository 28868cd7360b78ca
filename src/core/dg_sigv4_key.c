/*
 * Signing keys, derived once and kept: see dg_sigv4.h.  Deriving one costs
 * four HMACs and a new context; finding one costs a keyed hash of 128 bits
 * over all that made it, so that no copy of the secret is kept to compare.
 */

#include "dg_sigv4.h"
#include "dg_sigv4_text.h"
#include "dg_siphash.h"
#include "dg_time.h"

#include <stdlib.h>
#include <string.h>

#define WAYS       8    /* places that one key can have */
#define SLOTS_MAX  65536
#define KEY_PREFIX "AWS4"

typedef struct {
    dg_hmac_t  *key;        /* NULL while the slot is free */
    uint64_t    used;       /* the cache's clock when it was last used */
    uint8_t     identity[DG_SIPHASH_SIZE];
} slot_t;

struct dg_signing_keys_s {
    dg_crypto_t  *crypto;
    uint64_t      clock;
    uint64_t      found;
    uint64_t      derived;
    size_t        sets;
    slot_t       *slots;    /* sets * WAYS */
    uint8_t       hash_key[DG_SIPHASH_KEY_SIZE];
};


dg_signing_keys_t *
dg_signing_keys_create(dg_crypto_t *crypto, size_t slots)
{
    dg_signing_keys_t  *keys = calloc(1, sizeof(*keys));

    if (keys == NULL) {
        return NULL;
    }

    if (slots > SLOTS_MAX) {
        slots = SLOTS_MAX;
    }

    keys->crypto = crypto;
    keys->sets = slots > WAYS ? (slots + WAYS - 1) / WAYS : 1;
    keys->slots = calloc(keys->sets * WAYS, sizeof(slot_t));

    if (keys->slots == NULL
        || dg_random(crypto, keys->hash_key, sizeof(keys->hash_key)) != DG_OK)
    {
        free(keys->slots);
        free(keys);
        return NULL;
    }

    return keys;
}


static void
release(slot_t *slot)
{
    dg_hmac_destroy(slot->key);
    dg_wipe(slot, sizeof(*slot));
}


void
dg_signing_keys_destroy(dg_signing_keys_t *keys)
{
    if (keys == NULL) {
        return;
    }

    for (size_t i = 0; i < keys->sets * WAYS; i++) {
        release(&keys->slots[i]);
    }

    dg_wipe(keys->hash_key, sizeof(keys->hash_key));
    free(keys->slots);
    free(keys);
}


dg_crypto_t *
dg_signing_keys_crypto(const dg_signing_keys_t *keys)
{
    return keys->crypto;
}


void
dg_signing_keys_count(const dg_signing_keys_t *keys, uint64_t *found,
    uint64_t *derived)
{
    *found = keys->found;
    *derived = keys->derived;
}


/* The slot that holds the key, or else the one to be given up for it. */
static slot_t *
find(const dg_signing_keys_t *keys, const uint8_t identity[DG_SIPHASH_SIZE],
    bool *found)
{
    slot_t    *set, *oldest;
    uint64_t   h;

    memcpy(&h, identity, sizeof(h));
    set = oldest = &keys->slots[h % keys->sets * WAYS];

    for (size_t i = 0; i < WAYS; i++) {
        *found = set[i].key != NULL
                 && dg_equal_secret(dg_span(set[i].identity, DG_SIPHASH_SIZE),
                                    dg_span(identity, DG_SIPHASH_SIZE));
        if (*found) {
            return &set[i];
        }

        if (set[i].used < oldest->used) {
            oldest = &set[i];
        }
    }

    return oldest;
}


/* General Reference, "Calculate the signature": the four steps. */
static dg_err_t
derive(dg_crypto_t *crypto, dg_span_t secret, dg_span_t date,
    dg_span_t region, dg_span_t service, uint8_t key[DG_SHA256_SIZE])
{
    uint8_t      first[sizeof(KEY_PREFIX) - 1 + DG_SIGV4_SECRET_MAX];
    dg_err_t     err;
    dg_span_t    steps[] = { region, service, DG_SPAN(DG_SIGV4_TERMINATOR) };
    dg_writer_t  w = dg_writer(first, sizeof(first));

    dg_write_cstr(&w, KEY_PREFIX);
    dg_write_span(&w, secret);
    err = dg_hmac_once(crypto, dg_written(&w), date, key);
    dg_wipe(first, sizeof(first));

    for (size_t i = 0; i < 3 && err == DG_OK; i++) {
        err = dg_hmac_once(crypto, dg_span(key, DG_SHA256_SIZE), steps[i],
                           key);
    }

    return err;
}


static dg_err_t
check_parts(dg_span_t access_key_id, dg_span_t secret, dg_span_t date,
    dg_span_t region, dg_span_t service)
{
    if (access_key_id.len == 0 || secret.len == 0 || region.len == 0
        || service.len == 0 || date.len != DG_TIME_DATE_SIZE)
    {
        return DG_ERR_INVALID;
    }

    return access_key_id.len > DG_SIGV4_ACCESS_KEY_MAX
           || secret.len > DG_SIGV4_SECRET_MAX
           || region.len > DG_SIGV4_REGION_MAX
           || service.len > DG_SIGV4_SERVICE_MAX ? DG_ERR_LIMIT : DG_OK;
}


/* A key that is kept from now on, in the place of what the slot held. */
static dg_err_t
fill(dg_signing_keys_t *keys, slot_t *slot, dg_span_t secret, dg_span_t date,
    dg_span_t region, dg_span_t service)
{
    uint8_t     derived[DG_SHA256_SIZE];
    dg_err_t    err;
    dg_hmac_t  *key = NULL;

    err = derive(keys->crypto, secret, date, region, service, derived);

    if (err == DG_OK) {
        key = dg_hmac_create(keys->crypto, dg_span(derived, sizeof(derived)));
    }

    dg_wipe(derived, sizeof(derived));

    if (key == NULL) {
        return err == DG_OK ? DG_ERR_MEMORY : err;
    }

    release(slot);
    slot->key = key;
    keys->derived++;
    return DG_OK;
}


dg_err_t
dg_signing_keys_get(dg_signing_keys_t *keys, dg_span_t access_key_id,
    dg_span_t secret, dg_span_t date, dg_span_t region, dg_span_t service,
    dg_hmac_t **key)
{
    bool       found;
    slot_t    *slot;
    uint8_t    identity[DG_SIPHASH_SIZE];
    dg_err_t   err;
    dg_span_t  parts[] = { access_key_id, secret, date, region, service };

    err = check_parts(access_key_id, secret, date, region, service);
    if (err != DG_OK) {
        return err;
    }

    dg_siphash(keys->hash_key, parts, 5, identity);
    slot = find(keys, identity, &found);

    if (!found) {
        err = fill(keys, slot, secret, date, region, service);
        if (err != DG_OK) {
            return err;
        }

        memcpy(slot->identity, identity, sizeof(identity));

    } else {
        keys->found++;
    }

    slot->used = ++keys->clock;
    *key = slot->key;
    return DG_OK;
}
