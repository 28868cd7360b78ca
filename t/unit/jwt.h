/*
 * Keys, key sets and signed tokens for the unit programs: made by OpenSSL
 * directly, so that the code under test never judges its own work.
 */

#ifndef JWT_H
#define JWT_H

#include "dg_codec.h"
#include "dg_jws.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JWT_MEMORY  (4 * 1024 * 1024)
#define JWT_TEXT    (256 * 1024)

typedef struct {
    const char  *alg;     /* of the tokens it signs */
    const char  *group;   /* EC */
    size_t       size;    /* EC, of a coordinate */
    bool         pss;
    const char  *hash;    /* NULL: EdDSA */
    EVP_PKEY    *pkey;
} jwt_key_t;


static uint8_t     jwt_memory[JWT_MEMORY];
static dg_arena_t  jwt_arena;


/* A fresh arena; what the one before held is gone. */
static inline dg_arena_t *
jwt_fresh(void)
{
    dg_arena_init(&jwt_arena, jwt_memory, sizeof(jwt_memory));
    return &jwt_arena;
}


static inline void
jwt_must(bool good, const char *what)
{
    if (!good) {
        printf("Bail out! OpenSSL: %s\n", what);
        exit(1);
    }
}


static inline jwt_key_t
jwt_rsa(const char *alg, size_t bits)
{
    static const char *const  hashes[] = { "SHA256", "SHA384", "SHA512" };
    jwt_key_t                 key = { .alg = alg, .pss = alg[0] == 'P' };

    key.hash = hashes[alg[2] == '2' ? 0 : alg[2] == '3' ? 1 : 2];
    key.pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);
    jwt_must(key.pkey != NULL, "RSA key");

    return key;
}


static inline jwt_key_t
jwt_ec(const char *alg)
{
    jwt_key_t  key = { .alg = alg, .group = "P-256", .size = 32,
                       .hash = "SHA256" };

    if (strcmp(alg, "ES384") == 0) {
        key = (jwt_key_t) { alg, "P-384", 48, false, "SHA384", NULL };

    } else if (strcmp(alg, "ES512") == 0) {
        key = (jwt_key_t) { alg, "P-521", 66, false, "SHA512", NULL };
    }

    key.pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", key.group);
    jwt_must(key.pkey != NULL, "EC key");

    return key;
}


static inline jwt_key_t
jwt_ed25519(void)
{
    jwt_key_t  key = { .alg = "EdDSA" };

    key.pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    jwt_must(key.pkey != NULL, "Ed25519 key");

    return key;
}


static inline void
jwt_write_number(dg_writer_t *w, const jwt_key_t *key, const char *name,
    const char *param, size_t size)
{
    uint8_t  bytes[2048];
    BIGNUM  *n = NULL;
    int      len;

    jwt_must(EVP_PKEY_get_bn_param(key->pkey, param, &n) == 1, param);
    len = size ? (int) size : BN_num_bytes(n);
    jwt_must(BN_bn2binpad(n, bytes, len) == len, param);
    BN_free(n);

    dg_write_cstr(w, ",\"");
    dg_write_cstr(w, name);
    dg_write_cstr(w, "\":\"");
    dg_write_base64url(w, dg_span(bytes, (size_t) len));
    dg_write_char(w, '"');
}


/* The members of kty: "kty":"RSA","n":...; no braces. */
static inline void
jwt_write_key(dg_writer_t *w, const jwt_key_t *key)
{
    uint8_t  raw[32];
    size_t   len = sizeof(raw);

    if (key->hash == NULL) {
        jwt_must(EVP_PKEY_get_raw_public_key(key->pkey, raw, &len) == 1,
                 "raw key");
        dg_write_cstr(w, "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"");
        dg_write_base64url(w, dg_span(raw, len));
        dg_write_char(w, '"');
        return;
    }

    if (key->group == NULL) {
        dg_write_cstr(w, "\"kty\":\"RSA\"");
        jwt_write_number(w, key, "n", OSSL_PKEY_PARAM_RSA_N, 0);
        jwt_write_number(w, key, "e", OSSL_PKEY_PARAM_RSA_E, 0);
        return;
    }

    dg_write_cstr(w, "\"kty\":\"EC\",\"crv\":\"");
    dg_write_cstr(w, key->group);
    dg_write_char(w, '"');
    jwt_write_number(w, key, "x", OSSL_PKEY_PARAM_EC_PUB_X, key->size);
    jwt_write_number(w, key, "y", OSSL_PKEY_PARAM_EC_PUB_Y, key->size);
}


/* {"keys":[{...,MORE}]}, MORE such as "kid":"a" or "" ; malloc'ed. */
static inline dg_span_t
jwt_set(const jwt_key_t *key, const char *more)
{
    dg_writer_t  w = dg_writer(malloc(JWT_TEXT), JWT_TEXT);

    dg_write_cstr(&w, "{\"keys\":[{");
    jwt_write_key(&w, key);
    dg_write_cstr(&w, more[0] ? "," : "");
    dg_write_cstr(&w, more);
    dg_write_cstr(&w, "}]}");

    return dg_written(&w);
}


static inline void
jwt_write_ecdsa(dg_writer_t *w, const jwt_key_t *key, const uint8_t *der,
    size_t len)
{
    uint8_t     raw[132];
    ECDSA_SIG  *sig = d2i_ECDSA_SIG(NULL, &der, (long) len);
    const int   size = (int) key->size;

    jwt_must(sig != NULL
             && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, size) == size
             && BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + size, size) == size,
             "r and s");
    ECDSA_SIG_free(sig);
    dg_write_base64url(w, dg_span(raw, 2 * key->size));
}


static inline void
jwt_write_signature(dg_writer_t *w, const jwt_key_t *key, dg_span_t input)
{
    size_t         len;
    uint8_t        signature[4096];
    EVP_MD_CTX    *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX  *ctx;

    len = sizeof(signature);
    jwt_must(EVP_DigestSignInit_ex(md, &ctx, key->hash, NULL, NULL, key->pkey,
                                   NULL) == 1, "sign");

    if (key->pss) {
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST);
    }

    jwt_must(EVP_DigestSign(md, signature, &len, input.data, input.len) == 1,
             "sign");
    EVP_MD_CTX_free(md);

    if (key->group != NULL) {
        jwt_write_ecdsa(w, key, signature, len);

    } else {
        dg_write_base64url(w, dg_span(signature, len));
    }
}


/* header.payload, malloc'ed with room for a signature. */
static inline dg_writer_t
jwt_input(const char *header, dg_span_t payload)
{
    dg_writer_t  w = dg_writer(malloc(JWT_TEXT), JWT_TEXT);

    dg_write_base64url(&w, dg_span_cstr(header));
    dg_write_char(&w, '.');
    dg_write_base64url(&w, payload);

    return w;
}


/* A signed token with that header and payload; malloc'ed. */
static inline dg_span_t
jwt_sign(const jwt_key_t *key, const char *header, dg_span_t payload)
{
    dg_writer_t  w = jwt_input(header, payload);
    dg_span_t    input = dg_written(&w);

    dg_write_char(&w, '.');
    jwt_write_signature(&w, key, input);
    jwt_must(!w.overflow, "room");

    return dg_written(&w);
}


/* The same, "signed" with HMAC-SHA256 under any secret. */
static inline dg_span_t
jwt_sign_hmac(dg_span_t secret, const char *header, dg_span_t payload)
{
    unsigned     len;
    uint8_t      mac[64];
    dg_writer_t  w = jwt_input(header, payload);

    jwt_must(HMAC(EVP_sha256(), secret.data, (int) secret.len, w.data, w.len,
                  mac, &len) != NULL, "HMAC");
    dg_write_char(&w, '.');
    dg_write_base64url(&w, dg_span(mac, len));

    return dg_written(&w);
}


static inline void
jwt_free(dg_span_t text)
{
    free((void *) (uintptr_t) text.data);
}

#endif
