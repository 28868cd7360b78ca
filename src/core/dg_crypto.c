/*
 * Hashing with OpenSSL 3, fetched once: see dg_crypto.h.
 */

#include "dg_crypto.h"
#include "dg_codec.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define RANDOM_POOL  4096
#define INFO_MAX     256
#define NONCE_SIZE   12

struct dg_sha256_s {
    dg_crypto_t  *crypto;
    EVP_MD_CTX   *md;
    dg_sha256_t  *next;  /* while it is on the free list */
};

struct dg_hmac_s {
    EVP_MAC_CTX  *mac;
    bool          restartable;
    size_t        key_len;  /* kept only when not restartable */
    uint8_t      *key;
};

struct dg_crypto_s {
    EVP_MD         *sha256;
    EVP_MAC        *hmac;
    EVP_MD_CTX     *md;          /* for one-shot hashes */
    EVP_MAC_CTX    *mac;         /* for keys that are used once */
    EVP_CIPHER     *gcm;
    EVP_CIPHER_CTX *cipher;
    dg_sha256_t    *free_states;
    dg_entropy_pt   entropy;
    void           *entropy_ctx;
    bool            restartable; /* EVP_MAC_init() may reuse the key */
    size_t          random_left;
    uint8_t         random[RANDOM_POOL];
};


static bool
openssl_entropy(void *ctx, uint8_t *out, size_t len)
{
    (void) ctx;
    return RAND_bytes(out, (int) len) == 1;
}


static EVP_MAC_CTX *
mac_new(dg_crypto_t *crypto)
{
    char         digest[] = "SHA256";
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(crypto->hmac);
    OSSL_PARAM   params[2];

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                                 digest, 0);
    params[1] = OSSL_PARAM_construct_end();

    if (mac != NULL && EVP_MAC_CTX_set_params(mac, params) != 1) {
        EVP_MAC_CTX_free(mac);
        return NULL;
    }

    return mac;
}


static bool
mac_run(EVP_MAC_CTX *mac, const uint8_t *key, size_t key_len, dg_span_t text,
    uint8_t out[DG_SHA256_SIZE])
{
    static const uint8_t  none;
    size_t                written;

    return EVP_MAC_init(mac, key, key_len, NULL) == 1
           && EVP_MAC_update(mac, text.len ? text.data : &none, text.len) == 1
           && EVP_MAC_final(mac, out, &written, DG_SHA256_SIZE) == 1
           && written == DG_SHA256_SIZE;
}


/*
 * Not every provider keeps the key when EVP_MAC_init() gets none: ask once,
 * and key anew each time where it does not.
 */
static bool
mac_restarts(dg_crypto_t *crypto)
{
    static const uint8_t  key[] = "key";
    uint8_t               first[DG_SHA256_SIZE], again[DG_SHA256_SIZE];
    dg_span_t             text = DG_SPAN("text");

    return mac_run(crypto->mac, key, 3, text, first)
           && mac_run(crypto->mac, NULL, 0, text, again)
           && memcmp(first, again, DG_SHA256_SIZE) == 0;
}


dg_crypto_t *
dg_crypto_create(dg_entropy_pt entropy, void *ctx)
{
    dg_crypto_t  *crypto = calloc(1, sizeof(*crypto));

    if (crypto == NULL) {
        return NULL;
    }

    crypto->entropy = entropy ? entropy : openssl_entropy;
    crypto->entropy_ctx = ctx;
    crypto->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    crypto->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    crypto->gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    crypto->cipher = EVP_CIPHER_CTX_new();
    crypto->md = EVP_MD_CTX_new();
    crypto->mac = crypto->hmac ? mac_new(crypto) : NULL;

    if (crypto->sha256 == NULL || crypto->md == NULL || crypto->mac == NULL
        || crypto->gcm == NULL || crypto->cipher == NULL)
    {
        dg_crypto_destroy(crypto);
        return NULL;
    }

    crypto->restartable = mac_restarts(crypto);
    return crypto;
}


void
dg_crypto_destroy(dg_crypto_t *crypto)
{
    dg_sha256_t  *state, *next;

    if (crypto == NULL) {
        return;
    }

    for (state = crypto->free_states; state != NULL; state = next) {
        next = state->next;
        EVP_MD_CTX_free(state->md);
        free(state);
    }

    EVP_MD_CTX_free(crypto->md);
    EVP_MAC_CTX_free(crypto->mac);
    EVP_CIPHER_CTX_free(crypto->cipher);
    EVP_CIPHER_free(crypto->gcm);
    EVP_MD_free(crypto->sha256);
    EVP_MAC_free(crypto->hmac);
    dg_wipe(crypto->random, sizeof(crypto->random));
    free(crypto);
}


dg_err_t
dg_sha256(dg_crypto_t *crypto, dg_span_t text, uint8_t out[DG_SHA256_SIZE])
{
    if (EVP_DigestInit_ex2(crypto->md, crypto->sha256, NULL) != 1
        || EVP_DigestUpdate(crypto->md, text.data, text.len) != 1
        || EVP_DigestFinal_ex(crypto->md, out, NULL) != 1)
    {
        return DG_ERR_CRYPTO;
    }

    return DG_OK;
}


dg_err_t
dg_sha256_hex(dg_crypto_t *crypto, dg_span_t text,
    char out[DG_SHA256_HEX_SIZE])
{
    uint8_t   digest[DG_SHA256_SIZE];
    dg_err_t  err = dg_sha256(crypto, text, digest);

    if (err == DG_OK) {
        dg_hex_encode(digest, sizeof(digest), out);
    }

    return err;
}


static dg_sha256_t *
state_new(dg_crypto_t *crypto)
{
    dg_sha256_t  *state = calloc(1, sizeof(*state));

    if (state == NULL) {
        return NULL;
    }

    state->crypto = crypto;
    state->md = EVP_MD_CTX_new();

    if (state->md == NULL) {
        free(state);
        return NULL;
    }

    return state;
}


dg_sha256_t *
dg_sha256_start(dg_crypto_t *crypto)
{
    dg_sha256_t  *state = crypto->free_states;

    if (state != NULL) {
        crypto->free_states = state->next;

    } else {
        state = state_new(crypto);
    }

    if (state != NULL
        && EVP_DigestInit_ex2(state->md, crypto->sha256, NULL) != 1)
    {
        dg_sha256_abandon(state);
        return NULL;
    }

    return state;
}


dg_err_t
dg_sha256_update(dg_sha256_t *state, dg_span_t piece)
{
    return EVP_DigestUpdate(state->md, piece.data, piece.len) == 1
           ? DG_OK : DG_ERR_CRYPTO;
}


dg_err_t
dg_sha256_finish(dg_sha256_t *state, uint8_t out[DG_SHA256_SIZE])
{
    int  done = EVP_DigestFinal_ex(state->md, out, NULL);

    dg_sha256_abandon(state);
    return done == 1 ? DG_OK : DG_ERR_CRYPTO;
}


void
dg_sha256_abandon(dg_sha256_t *state)
{
    if (state != NULL) {
        state->next = state->crypto->free_states;
        state->crypto->free_states = state;
    }
}


dg_err_t
dg_hmac_once(dg_crypto_t *crypto, dg_span_t key, dg_span_t text,
    uint8_t out[DG_SHA256_SIZE])
{
    static const uint8_t  empty;

    /* a NULL key would mean: the key of the call before */
    return mac_run(crypto->mac, key.len ? key.data : &empty, key.len, text,
                   out)
           ? DG_OK : DG_ERR_CRYPTO;
}


dg_hmac_t *
dg_hmac_create(dg_crypto_t *crypto, dg_span_t key)
{
    dg_hmac_t  *hmac = calloc(1, sizeof(*hmac));
    uint8_t     probe[DG_SHA256_SIZE];

    if (hmac == NULL) {
        return NULL;
    }

    hmac->restartable = crypto->restartable;
    hmac->mac = mac_new(crypto);
    hmac->key_len = key.len;
    hmac->key = malloc(key.len ? key.len : 1);

    if (hmac->key != NULL && key.len) {
        memcpy(hmac->key, key.data, key.len);
    }

    if (hmac->mac == NULL || hmac->key == NULL
        || !mac_run(hmac->mac, hmac->key, key.len, DG_SPAN_EMPTY, probe))
    {
        dg_hmac_destroy(hmac);
        return NULL;
    }

    if (hmac->restartable) {
        dg_wipe(hmac->key, key.len);
        free(hmac->key);
        hmac->key = NULL;
    }

    return hmac;
}


dg_err_t
dg_hmac(dg_hmac_t *hmac, dg_span_t text, uint8_t out[DG_SHA256_SIZE])
{
    size_t  key_len = hmac->restartable ? 0 : hmac->key_len;

    return mac_run(hmac->mac, hmac->key, key_len, text, out)
           ? DG_OK : DG_ERR_CRYPTO;
}


void
dg_hmac_destroy(dg_hmac_t *hmac)
{
    if (hmac == NULL) {
        return;
    }

    if (hmac->key != NULL) {
        dg_wipe(hmac->key, hmac->key_len);
        free(hmac->key);
    }

    EVP_MAC_CTX_free(hmac->mac);
    free(hmac);
}


dg_err_t
dg_hkdf(dg_crypto_t *crypto, dg_span_t secret, dg_span_t salt, dg_span_t info,
    uint8_t *out, size_t len)
{
    uint8_t      prk[DG_SHA256_SIZE], block[DG_SHA256_SIZE];
    uint8_t      text[DG_SHA256_SIZE + INFO_MAX + 1];
    size_t       n;
    dg_err_t     err;
    dg_writer_t  w;

    if (len > DG_HKDF_MAX || info.len > INFO_MAX) {
        return DG_ERR_LIMIT;
    }

    err = dg_hmac_once(crypto, salt, secret, prk);

    for (unsigned i = 1; err == DG_OK && len > 0; i++) {
        w = dg_writer(text, sizeof(text));

        if (i > 1) {
            dg_write(&w, block, sizeof(block));
        }

        dg_write_span(&w, info);
        dg_write_char(&w, (char) i);

        err = dg_hmac_once(crypto, dg_span(prk, sizeof(prk)), dg_written(&w),
                           block);
        if (err == DG_OK) {
            n = len < sizeof(block) ? len : sizeof(block);
            memcpy(out, block, n);
            out += n;
            len -= n;
        }
    }

    dg_wipe(prk, sizeof(prk));
    dg_wipe(block, sizeof(block));
    dg_wipe(text, sizeof(text));

    return err;
}


static bool
gcm_start(dg_crypto_t *crypto, const uint8_t *key, dg_span_t associated,
    int encrypt)
{
    static const uint8_t  nonce[NONCE_SIZE];
    int                   len;

    return associated.len <= INT_MAX
           && EVP_CipherInit_ex2(crypto->cipher, crypto->gcm, key, nonce,
                                 encrypt, NULL) == 1
           && (associated.len == 0
               || EVP_CipherUpdate(crypto->cipher, NULL, &len,
                                   associated.data,
                                   (int) associated.len) == 1);
}


/* The text, then the end: with the tag made or compared before. */
static bool
gcm_run(dg_crypto_t *crypto, dg_span_t text, uint8_t *out)
{
    int  len = 0, last;

    return text.len <= INT_MAX
           && (text.len == 0
               || EVP_CipherUpdate(crypto->cipher, out, &len, text.data,
                                   (int) text.len) == 1)
           && (size_t) len == text.len
           && EVP_CipherFinal_ex(crypto->cipher, out + len, &last) == 1;
}


dg_err_t
dg_seal(dg_crypto_t *crypto, const uint8_t key[DG_SEAL_KEY_SIZE],
    dg_span_t associated, dg_span_t text, uint8_t *out)
{
    bool  done;

    done = gcm_start(crypto, key, associated, 1)
           && gcm_run(crypto, text, out)
           && EVP_CIPHER_CTX_ctrl(crypto->cipher, EVP_CTRL_AEAD_GET_TAG,
                                  DG_SEAL_TAG_SIZE, out + text.len) == 1;

    (void) EVP_CIPHER_CTX_reset(crypto->cipher);

    return done ? DG_OK : DG_ERR_CRYPTO;
}


dg_err_t
dg_unseal(dg_crypto_t *crypto, const uint8_t key[DG_SEAL_KEY_SIZE],
    dg_span_t associated, dg_span_t sealed, uint8_t *out)
{
    bool     done;
    size_t   len;
    uint8_t  tag[DG_SEAL_TAG_SIZE];

    if (sealed.len < DG_SEAL_TAG_SIZE) {
        return DG_ERR_MISMATCH;
    }

    len = sealed.len - DG_SEAL_TAG_SIZE;
    memcpy(tag, sealed.data + len, sizeof(tag));

    done = gcm_start(crypto, key, associated, 0)
           && EVP_CIPHER_CTX_ctrl(crypto->cipher, EVP_CTRL_AEAD_SET_TAG,
                                  DG_SEAL_TAG_SIZE, tag) == 1
           && gcm_run(crypto, dg_span(sealed.data, len), out);

    (void) EVP_CIPHER_CTX_reset(crypto->cipher);

    if (!done) {
        dg_wipe(out, len);
        return DG_ERR_MISMATCH;
    }

    return DG_OK;
}


dg_err_t
dg_random(dg_crypto_t *crypto, uint8_t *out, size_t len)
{
    uint8_t  *from;

    if (len > RANDOM_POOL) {
        return DG_ERR_LIMIT;
    }

    if (crypto->random_left < len) {
        if (!crypto->entropy(crypto->entropy_ctx, crypto->random,
                             RANDOM_POOL))
        {
            return DG_ERR_CRYPTO;
        }

        crypto->random_left = RANDOM_POOL;
    }

    crypto->random_left -= len;
    from = crypto->random + crypto->random_left;
    memcpy(out, from, len);
    dg_wipe(from, len);

    return DG_OK;
}


dg_err_t
dg_random_uuid(dg_crypto_t *crypto, char out[36])
{
    char      hex[32];
    uint8_t   bytes[16];
    dg_err_t  err = dg_random(crypto, bytes, sizeof(bytes));

    if (err != DG_OK) {
        return err;
    }

    bytes[6] = (uint8_t) ((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t) ((bytes[8] & 0x3f) | 0x80);

    dg_hex_encode(bytes, sizeof(bytes), hex);
    memcpy(out, hex, 8);
    memcpy(out + 9, hex + 8, 4);
    memcpy(out + 14, hex + 12, 4);
    memcpy(out + 19, hex + 16, 4);
    memcpy(out + 24, hex + 20, 12);
    out[8] = out[13] = out[18] = out[23] = '-';

    return DG_OK;
}


bool
dg_equal_secret(dg_span_t a, dg_span_t b)
{
    return a.len == b.len
           && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}


void
dg_wipe(void *data, size_t len)
{
    if (len) {
        OPENSSL_cleanse(data, len);
    }
}


void
dg_wipe_span(dg_span_t *s)
{
    if (s->len) {
        dg_wipe((void *) (uintptr_t) s->data, s->len);
    }

    *s = DG_SPAN_EMPTY;
}
