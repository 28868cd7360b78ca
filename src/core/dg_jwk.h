/*
 * One key of a set: between dg_jwks.c, which reads sets, and dg_jwk.c, which
 * makes and uses keys.  See dg_jwks.h for what is accepted.
 */

#ifndef DG_JWK_H
#define DG_JWK_H

#include "dg_jwks.h"
#include "dg_json.h"

#include <openssl/evp.h>

#define DG_JWK_HASHES  3  /* SHA-256, SHA-384, SHA-512 */

/* What the keys of a set share. */
typedef struct {
    EVP_MD      *hash[DG_JWK_HASHES];
    EVP_MD_CTX  *md;
} dg_jwk_tools_t;

struct dg_jwk_s {
    const dg_jwk_tools_t  *tools;
    uint8_t               *id;          /* owned, NULL without a kid */
    size_t                 id_len;
    unsigned               algorithms;
    EVP_PKEY              *pkey;
    EVP_PKEY_CTX          *contexts[DG_JWS_ALGORITHMS];  /* not for EdDSA */
};


/*
 * Fills a cleared *key from the JSON object.  DG_ERR_UNSUPPORTED (for
 * something else), DG_ERR_INVALID (malformed or weak), DG_ERR_MEMORY or
 * DG_ERR_CRYPTO, with *reason a phrase for the diagnostic.  What was made is
 * freed by dg_jwk_free() in any case.
 */
DG_MUST_USE dg_err_t dg_jwk_make(dg_jwk_t *key, const dg_json_t *object,
    const char **reason);

void dg_jwk_free(dg_jwk_t *key);

#endif
