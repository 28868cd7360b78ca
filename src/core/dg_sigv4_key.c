/*
 * Signing keys, derived once and kept: see dg_sigv4.h.  Deriving one costs
 * four HMACs and a new context; finding one costs the hash of the secret.
 */

#include "dg_sigv4.h"
#include "dg_sigv4_text.h"
#include "dg_time.h"

#include <stdlib.h>
#include <string.h>

#define WAYS       8    /* places that one key can have */
#define SLOTS_MAX  65536
#define KEY_PREFIX "AWS4"
#define SCOPE_MAX  (DG_SIGV4_ACCESS_KEY_MAX + DG_TIME_DATE_SIZE               \
                    + DG_SIGV4_REGION_MAX + DG_SIGV4_SERVICE_MAX + 3)

typedef struct {
    dg_hmac_t  *key;        /* NULL while the slot is free */
    uint64_t    used;       /* the cache's clock when it was last used */
    size_t      scope_len;
    uint8_t     scope[SCOPE_MAX];
    uint8_t     secret_hash[DG_SHA256_SIZE];
} slot_t;

struct dg_signing_keys_s {
    dg_crypto_t  *crypto;
    uint64_t      clock;
    uint64_t      found;
    uint64_t      derived;
    size_t        sets;
    slot_t       *slots;    /* sets * WAYS */
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

    if (keys->slots == NULL) {
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


/*
 * The hash of the secret spreads the keys; the scope is mixed in so that one
 * secret used for many services and regions does not fight over one set.
 */
static slot_t *
set_of(const dg_signing_keys_t *keys, const slot_t *wanted, size_t tail)
{
    uint64_t  h;

    memcpy(&h, wanted->secret_hash, sizeof(h));

    for (size_t i = tail; i < wanted->scope_len; i++) {
        h = (h ^ wanted->scope[i]) * 0x100000001b3;
    }

    h ^= h >> 32;

    return &keys->slots[h % keys->sets * WAYS];
}


static bool
same_key(const slot_t *slot, const slot_t *wanted)
{
    return slot->key != NULL
           && dg_span_equal(dg_span(slot->scope, slot->scope_len),
                            dg_span(wanted->scope, wanted->scope_len))
           && dg_equal_secret(dg_span(slot->secret_hash, DG_SHA256_SIZE),
                              dg_span(wanted->secret_hash, DG_SHA256_SIZE));
}


/* The slot that holds the key, or else the one to be given up for it. */
static slot_t *
find(slot_t *set, const slot_t *wanted, bool *found)
{
    slot_t  *oldest = set;

    for (size_t i = 0; i < WAYS; i++) {
        *found = same_key(&set[i], wanted);

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
identify(dg_crypto_t *crypto, dg_span_t access_key_id, dg_span_t secret,
    dg_span_t date, dg_span_t region, dg_span_t service, slot_t *wanted)
{
    dg_writer_t  w = dg_writer(wanted->scope, sizeof(wanted->scope));

    if (access_key_id.len == 0 || secret.len == 0 || region.len == 0
        || service.len == 0 || date.len != DG_TIME_DATE_SIZE)
    {
        return DG_ERR_INVALID;
    }

    if (access_key_id.len > DG_SIGV4_ACCESS_KEY_MAX
        || secret.len > DG_SIGV4_SECRET_MAX
        || region.len > DG_SIGV4_REGION_MAX
        || service.len > DG_SIGV4_SERVICE_MAX)
    {
        return DG_ERR_LIMIT;
    }

    dg_write_span(&w, access_key_id);
    dg_write_char(&w, '\n');
    dg_write_span(&w, date);
    dg_write_char(&w, '\n');
    dg_write_span(&w, region);
    dg_write_char(&w, '\n');
    dg_write_span(&w, service);
    wanted->scope_len = w.len;

    return dg_sha256(crypto, secret, wanted->secret_hash);
}


dg_err_t
dg_signing_keys_get(dg_signing_keys_t *keys, dg_span_t access_key_id,
    dg_span_t secret, dg_span_t date, dg_span_t region, dg_span_t service,
    dg_hmac_t **key)
{
    bool       found;
    slot_t     wanted, *slot;
    uint8_t    derived[DG_SHA256_SIZE];
    dg_err_t   err;

    err = identify(keys->crypto, access_key_id, secret, date, region, service,
                   &wanted);
    if (err != DG_OK) {
        return err;
    }

    slot = find(set_of(keys, &wanted, access_key_id.len), &wanted, &found);

    if (!found) {
        err = derive(keys->crypto, secret, date, region, service, derived);
        wanted.key = err == DG_OK
                     ? dg_hmac_create(keys->crypto,
                                      dg_span(derived, sizeof(derived)))
                     : NULL;
        dg_wipe(derived, sizeof(derived));

        if (wanted.key == NULL) {
            return err == DG_OK ? DG_ERR_MEMORY : err;
        }

        release(slot);
        *slot = wanted;
        keys->derived++;

    } else {
        keys->found++;
    }

    slot->used = ++keys->clock;
    *key = slot->key;
    return DG_OK;
}
