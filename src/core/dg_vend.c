/*
 * Vended credentials: see dg_vend.h.
 */

#include "dg_vend.h"

#include "dg_codec.h"
#include "dg_text.h"

#include <stdlib.h>
#include <string.h>

#define VERSION         1
#define HEAD_SIZE       2            /* version, length of the name */
#define SECRET_BYTES    30           /* 40 characters of Base64 */
#define ID_BYTES        10           /* 16 characters of Base32 */
#define DERIVED_SIZE    (DG_SEAL_KEY_SIZE + SECRET_BYTES + ID_BYTES)
#define ASSOCIATED_MAX  (HEAD_SIZE + DG_VEND_NAME_MAX + 1                     \
                         + DG_VEND_GATEWAY_MAX + DG_VEND_ACCESS_KEY_SIZE)
#define RAW_MAX         (HEAD_SIZE + DG_VEND_NAME_MAX + DG_VEND_SALT_SIZE     \
                         + DG_VEND_CLAIMS_MAX + DG_SEAL_TAG_SIZE)
#define PREFIX_SIZE     (sizeof(DG_KEY_VENDED_PREFIX) - 1)
#define WAYS            4
#define NAME_OTHERS     "._-"

/* What master key and salt lead to; wiped after use. */
typedef struct {
    uint8_t  key[DG_SEAL_KEY_SIZE];
    char     secret[DG_VEND_SECRET_SIZE];
    char     access_key_id[DG_VEND_ACCESS_KEY_SIZE];
} derived_t;

/* The parts of a token, decoded. */
typedef struct {
    dg_span_t  name;
    dg_span_t  salt;
    dg_span_t  sealed;
} parts_t;

typedef struct {
    const dg_vend_keys_t  *keys;      /* NULL: the place is free */
    uint8_t                digest[DG_SHA256_SIZE];  /* of the token */
    char                   access_key_id[DG_VEND_ACCESS_KEY_SIZE];
    char                   secret[DG_VEND_SECRET_SIZE];
    uint64_t               used;      /* when it was, in openings */
    int64_t                expires_at;
    size_t                 len;
    uint8_t                claims[DG_VEND_CLAIMS_MAX];
} slot_t;

struct dg_vend_cache_s {
    dg_crypto_t      *crypto;
    size_t            sets;
    uint64_t          openings;
    dg_vend_stats_t   stats;
    slot_t            slots[];
};


/* RFC 4648 section 6, as the ids of AWS are written. */
static void
write_base32(const uint8_t bytes[ID_BYTES], char *out)
{
    static const char  alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint32_t           bits = 0;
    unsigned           have = 0;

    for (size_t i = 0; i < ID_BYTES; i++) {
        bits = bits << 8 | bytes[i];
        have += 8;

        while (have >= 5) {
            have -= 5;
            *out++ = alphabet[bits >> have & 31];
        }
    }
}


static dg_err_t
derive(dg_crypto_t *crypto, const dg_vend_master_t *master, dg_span_t salt,
    derived_t *out)
{
    uint8_t      bytes[DERIVED_SIZE];
    dg_err_t     err;
    dg_writer_t  w = dg_writer(out->secret, sizeof(out->secret));

    err = dg_hkdf(crypto, dg_span(master->key, sizeof(master->key)), salt,
                  DG_SPAN("deskgate vended credentials"), bytes,
                  sizeof(bytes));

    if (err == DG_OK) {
        memcpy(out->key, bytes, sizeof(out->key));
        dg_write_base64(&w, dg_span(bytes + DG_SEAL_KEY_SIZE, SECRET_BYTES));
        memcpy(out->access_key_id, DG_KEY_VENDED_PREFIX, PREFIX_SIZE);
        write_base32(bytes + DG_SEAL_KEY_SIZE + SECRET_BYTES,
                     out->access_key_id + PREFIX_SIZE);
    }

    dg_wipe(bytes, sizeof(bytes));
    return err;
}


static void
write_head(dg_writer_t *w, dg_span_t name)
{
    dg_write_char(w, VERSION);
    dg_write_char(w, (char) name.len);
    dg_write_span(w, name);
}


/* No part can be taken for another: each has a length or a fixed one. */
static void
write_associated(dg_writer_t *w, dg_span_t name, dg_span_t gateway,
    const char *access_key_id)
{
    write_head(w, name);
    dg_write_char(w, (char) gateway.len);
    dg_write_span(w, gateway);
    dg_write(w, access_key_id, DG_VEND_ACCESS_KEY_SIZE);
}


static dg_err_t
seal(dg_crypto_t *crypto, const dg_vend_keys_t *keys, dg_span_t claims,
    dg_vended_t *out)
{
    uint8_t                  raw[RAW_MAX], salt[DG_VEND_SALT_SIZE];
    uint8_t                  associated[ASSOCIATED_MAX];
    dg_err_t                 err;
    derived_t                derived;
    dg_writer_t              w = dg_writer(raw, sizeof(raw));
    dg_writer_t              a = dg_writer(associated, sizeof(associated));
    dg_writer_t              token;
    const dg_vend_master_t  *master = &keys->masters[0];

    err = dg_random(crypto, salt, sizeof(salt));

    if (err == DG_OK) {
        err = derive(crypto, master, dg_span(salt, sizeof(salt)), &derived);
    }

    if (err == DG_OK) {
        write_head(&w, master->name);
        dg_write(&w, salt, sizeof(salt));
        write_associated(&a, master->name, keys->gateway,
                         derived.access_key_id);
        err = a.overflow ? DG_ERR_LIMIT
              : dg_seal(crypto, derived.key, dg_written(&a), claims,
                        raw + w.len);
    }

    if (err == DG_OK) {
        token = dg_writer(out->token, sizeof(out->token));
        dg_write_base64url(&token, dg_span(raw, w.len + claims.len
                                                + DG_SEAL_TAG_SIZE));
        out->token_len = token.len;
        memcpy(out->access_key_id, derived.access_key_id,
               sizeof(out->access_key_id));
        memcpy(out->secret, derived.secret, sizeof(out->secret));
    }

    dg_wipe(&derived, sizeof(derived));
    return err;
}


dg_err_t
dg_vend_seal(dg_crypto_t *crypto, const dg_vend_keys_t *keys,
    const dg_vend_session_t *session, int64_t lifetime, dg_vended_t *out)
{
    uint8_t            claims[DG_VEND_CLAIMS_MAX];
    int64_t            end;
    dg_err_t           err;
    dg_writer_t        w = dg_writer(claims, sizeof(claims));
    dg_vend_session_t  sealed = *session;

    if (session->caller.session_policy_count) {
        return DG_ERR_UNSUPPORTED;
    }

    if (lifetime > DG_VEND_LIFETIME) {
        lifetime = DG_VEND_LIFETIME;
    }

    end = session->vended_at + lifetime;

    if (session->caller.expires_at && session->caller.expires_at < end) {
        end = session->caller.expires_at;
    }

    if (end <= session->vended_at) {
        return DG_ERR_EXPIRED;
    }

    sealed.caller.expires_at = end;
    sealed.source_key_id = sealed.caller.access_key_id;

    if (sealed.caller.issued_at == 0) {
        sealed.caller.issued_at = sealed.vended_at;
    }

    out->expires_at = end;
    dg_vend_write_claims(&w, &sealed);

    err = w.overflow ? DG_ERR_LIMIT : seal(crypto, keys, dg_written(&w), out);

    dg_wipe(claims, sizeof(claims));
    return err;
}


bool
dg_vend_is_key_id(dg_span_t access_key_id)
{
    return dg_span_starts_with(access_key_id, DG_SPAN(DG_KEY_VENDED_PREFIX));
}


static bool
split_token(dg_span_t raw, parts_t *parts)
{
    size_t  len;

    if (raw.len < HEAD_SIZE || raw.data[0] != VERSION) {
        return false;
    }

    len = raw.data[1];

    if (len == 0 || len > DG_VEND_NAME_MAX
        || raw.len < HEAD_SIZE + len + DG_VEND_SALT_SIZE + DG_SEAL_TAG_SIZE
        || raw.len > HEAD_SIZE + len + DG_VEND_SALT_SIZE
                     + DG_VEND_CLAIMS_MAX + DG_SEAL_TAG_SIZE)
    {
        return false;
    }

    parts->name = dg_span_slice(raw, HEAD_SIZE, HEAD_SIZE + len);
    parts->salt = dg_span_slice(raw, HEAD_SIZE + len,
                                HEAD_SIZE + len + DG_VEND_SALT_SIZE);
    parts->sealed = dg_span_slice(raw, HEAD_SIZE + len + DG_VEND_SALT_SIZE,
                                  raw.len);
    return true;
}


static const dg_vend_master_t *
find_master(const dg_vend_keys_t *keys, dg_span_t name)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (dg_span_equal(keys->masters[i].name, name)) {
            return &keys->masters[i];
        }
    }

    return NULL;
}


/* Opens into slot->claims; fills slot->secret. */
static dg_refusal_t
unseal(dg_crypto_t *crypto, const dg_vend_keys_t *keys, const parts_t *parts,
    slot_t *slot)
{
    uint8_t                  associated[ASSOCIATED_MAX];
    dg_err_t                 err;
    derived_t                derived;
    dg_writer_t              a = dg_writer(associated, sizeof(associated));
    const dg_vend_master_t  *master = find_master(keys, parts->name);

    if (master == NULL) {
        return DG_REFUSE_SESSION_TOKEN;
    }

    err = derive(crypto, master, parts->salt, &derived);

    if (err == DG_OK) {
        write_associated(&a, parts->name, keys->gateway,
                         slot->access_key_id);
        err = dg_unseal(crypto, derived.key, dg_written(&a), parts->sealed,
                        slot->claims);
        slot->len = parts->sealed.len - DG_SEAL_TAG_SIZE;
        memcpy(slot->secret, derived.secret, sizeof(slot->secret));
    }

    dg_wipe(&derived, sizeof(derived));

    return err == DG_OK ? DG_ALLOWED
           : err == DG_ERR_MISMATCH ? DG_REFUSE_SESSION_TOKEN
           : DG_REFUSE_INTERNAL;
}


static dg_refusal_t
open_token(dg_crypto_t *crypto, const dg_vend_keys_t *keys, dg_span_t token,
    slot_t *slot)
{
    uint8_t      raw[RAW_MAX + 3];
    parts_t      parts;
    dg_writer_t  w = dg_writer(raw, sizeof(raw));

    if (token.len > DG_VEND_TOKEN_MAX
        || dg_base64url_decode(token, &w) != DG_OK
        || !split_token(dg_written(&w), &parts))
    {
        return DG_REFUSE_SESSION_TOKEN;
    }

    return unseal(crypto, keys, &parts, slot);
}


/* Where a token's session stands, or would. */
static slot_t *
slots_of(dg_vend_cache_t *cache, const uint8_t digest[DG_SHA256_SIZE])
{
    size_t  set = (digest[0] | (size_t) digest[1] << 8) % cache->sets;

    return &cache->slots[set * WAYS];
}


static slot_t *
find_slot(dg_vend_cache_t *cache, const dg_vend_keys_t *keys,
    const uint8_t digest[DG_SHA256_SIZE], dg_span_t access_key_id)
{
    slot_t  *slot = slots_of(cache, digest);

    for (size_t i = 0; i < WAYS; i++, slot++) {
        if (slot->keys == keys
            && dg_equal_secret(dg_span(slot->digest, DG_SHA256_SIZE),
                               dg_span(digest, DG_SHA256_SIZE))
            && dg_span_equal(dg_span(slot->access_key_id,
                                     sizeof(slot->access_key_id)),
                             access_key_id))
        {
            return slot;
        }
    }

    return NULL;
}


/* Only what opened takes a place: that of the one used longest ago. */
static dg_refusal_t
fill_slot(dg_vend_cache_t *cache, const dg_vend_keys_t *keys,
    const uint8_t digest[DG_SHA256_SIZE], dg_span_t access_key_id,
    dg_span_t token, slot_t **out)
{
    slot_t         fresh = { .keys = keys };
    slot_t        *slot = slots_of(cache, digest);
    dg_refusal_t   refusal;

    memcpy(fresh.access_key_id, access_key_id.data, access_key_id.len);
    memcpy(fresh.digest, digest, sizeof(fresh.digest));

    refusal = open_token(cache->crypto, keys, token, &fresh);

    if (refusal == DG_ALLOWED) {
        *out = slot;

        for (size_t i = 1; i < WAYS; i++) {
            if (slot[i].used < (*out)->used) {
                *out = &slot[i];
            }
        }

        **out = fresh;
    }

    dg_wipe(&fresh, sizeof(fresh));
    return refusal;
}


/* The text is copied: the place may be given up while the call goes on. */
static dg_refusal_t
read_session(const slot_t *slot, int64_t now, dg_arena_t *arena,
    dg_vend_session_t *session)
{
    dg_err_t   err;
    dg_span_t  claims;

    claims = dg_arena_copy(arena, dg_span(slot->claims, slot->len));
    if (claims.data == NULL) {
        return DG_REFUSE_INTERNAL;
    }

    err = dg_vend_read_claims(claims, arena, session);

    if (err != DG_OK) {
        return err == DG_ERR_MEMORY ? DG_REFUSE_INTERNAL
                                    : DG_REFUSE_SESSION_TOKEN;
    }

    return now >= session->caller.expires_at ? DG_REFUSE_SESSION_EXPIRED
                                             : DG_ALLOWED;
}


dg_refusal_t
dg_vend_open(dg_vend_cache_t *cache, const dg_vend_keys_t *keys,
    dg_span_t access_key_id, dg_span_t token, int64_t now, dg_arena_t *arena,
    dg_vend_session_t *session, char secret[DG_VEND_SECRET_SIZE])
{
    slot_t        *slot;
    uint8_t        digest[DG_SHA256_SIZE];
    dg_span_t      id;
    dg_refusal_t   refusal;

    if (access_key_id.len != DG_VEND_ACCESS_KEY_SIZE || token.len == 0) {
        return DG_REFUSE_SESSION_TOKEN;
    }

    if (dg_sha256(cache->crypto, token, digest) != DG_OK) {
        return DG_REFUSE_INTERNAL;
    }

    slot = find_slot(cache, keys, digest, access_key_id);

    if (slot != NULL) {
        cache->stats.hits++;

    } else {
        cache->stats.misses++;
        refusal = fill_slot(cache, keys, digest, access_key_id, token, &slot);

        if (refusal != DG_ALLOWED) {
            return refusal;
        }
    }

    slot->used = ++cache->openings;
    memcpy(secret, slot->secret, DG_VEND_SECRET_SIZE);

    refusal = read_session(slot, now, arena, session);
    if (refusal != DG_ALLOWED && refusal != DG_REFUSE_SESSION_EXPIRED) {
        return refusal;
    }

    id = dg_arena_copy(arena, access_key_id);
    if (id.data == NULL) {
        return DG_REFUSE_INTERNAL;
    }

    session->caller.access_key_id = id;

    if (refusal != DG_ALLOWED) {
        dg_wipe(slot, sizeof(*slot));
    }

    return refusal;
}


dg_vend_cache_t *
dg_vend_cache_create(dg_crypto_t *crypto, size_t sessions)
{
    size_t            sets = (sessions + WAYS - 1) / WAYS;
    dg_vend_cache_t  *cache;

    if (sets == 0 || sets > UINT16_MAX) {
        return NULL;
    }

    cache = calloc(1, sizeof(*cache) + sets * WAYS * sizeof(slot_t));

    if (cache != NULL) {
        cache->crypto = crypto;
        cache->sets = sets;
    }

    return cache;
}


void
dg_vend_cache_destroy(dg_vend_cache_t *cache)
{
    if (cache != NULL) {
        dg_wipe(cache->slots, cache->sets * WAYS * sizeof(slot_t));
        free(cache);
    }
}


dg_vend_stats_t
dg_vend_cache_stats(const dg_vend_cache_t *cache)
{
    return cache->stats;
}


static dg_err_t
take_line(dg_span_t line, unsigned number, dg_diag_t *diag,
    dg_vend_keys_t *keys)
{
    uint8_t            decoded[DG_BASE64_DECODED(64)];
    dg_err_t           err = DG_OK;
    dg_span_t          name, value;
    dg_writer_t        w = dg_writer(decoded, sizeof(decoded));
    dg_vend_master_t  *master;

    name = dg_span_slice(line, 0, dg_span_find(line, ' '));
    value = dg_span_trim(dg_span_slice(line, name.len, line.len));

    if (!dg_text_has_length(name, 1, DG_VEND_NAME_MAX)
        || !dg_text_consists_of(name, NAME_OTHERS))
    {
        return dg_diag(diag, DG_ERR_INVALID, number, 1,
                       "a line takes a name of A-Za-z0-9._-, %d characters "
                       "at most, a blank and a key", DG_VEND_NAME_MAX);
    }

    if (find_master(keys, name) != NULL) {
        return dg_diag(diag, DG_ERR_INVALID, number, 1,
                       "this name came before");
    }

    if (keys->count == DG_VEND_MASTERS_MAX) {
        return dg_diag(diag, DG_ERR_LIMIT, number, 1,
                       "more than %d keys", DG_VEND_MASTERS_MAX);
    }

    if (value.len > 64 || dg_base64_decode(value, &w) != DG_OK
        || w.len != DG_VEND_MASTER_SIZE)
    {
        err = dg_diag(diag, DG_ERR_INVALID, number, 1,
                      "the key is not Base64 of %d bytes; make one with "
                      "\"openssl rand -base64 %d\"", DG_VEND_MASTER_SIZE,
                      DG_VEND_MASTER_SIZE);

    } else {
        master = &keys->masters[keys->count++];
        master->name = name;
        memcpy(master->key, decoded, sizeof(master->key));
    }

    dg_wipe(decoded, sizeof(decoded));
    return err;
}


dg_err_t
dg_vend_keys_parse(dg_span_t text, dg_diag_t *diag, dg_vend_keys_t *keys)
{
    dg_err_t   err;
    dg_span_t  line, rest = text;
    unsigned   number = 0;

    keys->count = 0;

    if (text.len > DG_VEND_TEXT_MAX) {
        return dg_diag(diag, DG_ERR_LIMIT, 0, 0,
                       "a file of master keys has %d bytes at most",
                       DG_VEND_TEXT_MAX);
    }

    while (dg_span_split(&rest, '\n', &line)) {
        number++;

        if (line.len && line.data[line.len - 1] == '\r') {
            line.len--;
        }

        line = dg_span_trim(line);

        if (line.len == 0 || line.data[0] == '#') {
            continue;
        }

        err = take_line(line, number, diag, keys);
        if (err != DG_OK) {
            dg_wipe(keys->masters, sizeof(keys->masters));
            keys->count = 0;
            return err;
        }
    }

    return keys->count ? DG_OK
           : dg_diag(diag, DG_ERR_MISSING, 0, 0, "there is no key in it");
}
