/*
 * A JSON Web Key set (RFC 7517, RFC 7518 section 6, RFC 8037) as verification
 * keys.
 *
 * Loaded: RSA of 2048 to 16384 bits with an odd exponent above 1, EC on
 * P-256, P-384 and P-521, OKP Ed25519.  A key that is for something else
 * (another kty, crv, alg, use or key_ops), is malformed, or is weak (too
 * short, exponent, the ROCA fingerprint, a point that is not on its curve) is
 * left out and counted, as RFC 7517 section 5 asks.  A set with a private or
 * symmetric member, or with two keys of one kid for one algorithm, is refused
 * whole: it is a leak, or ambiguous.  x5c, x5u and jku are never looked at.
 *
 * A set does not change after it was loaded.  Its keys keep OpenSSL contexts,
 * which one thread at a time may use; a set loaded before fork() is usable in
 * every child.
 */

#ifndef DG_JWKS_H
#define DG_JWKS_H

#include "dg_arena.h"
#include "dg_err.h"

#define DG_JWKS_TEXT_MAX   262144  /* bytes of a set's JSON text */
#define DG_JWKS_KEYS_MAX   100     /* keys in a set, those left out as well */
#define DG_JWK_ID_MAX      512     /* bytes of a kid */
#define DG_JWK_RSA_MIN     2048    /* bits */
#define DG_JWK_RSA_MAX     16384   /* bits */

/*
 * Signature algorithms (RFC 7518 section 3.1, RFC 8037), one bit each, so
 * that a set of them is a mask.  There is no bit for HS256 and its kin or for
 * "none": what has no bit cannot be allowed.
 */
typedef enum {
    DG_JWS_RS256 = 1 << 0,
    DG_JWS_RS384 = 1 << 1,
    DG_JWS_RS512 = 1 << 2,
    DG_JWS_PS256 = 1 << 3,
    DG_JWS_PS384 = 1 << 4,
    DG_JWS_PS512 = 1 << 5,
    DG_JWS_ES256 = 1 << 6,
    DG_JWS_ES384 = 1 << 7,
    DG_JWS_ES512 = 1 << 8,
    DG_JWS_EDDSA = 1 << 9
} dg_jws_algorithm_t;

#define DG_JWS_ALGORITHMS      10
#define DG_JWS_ANY_ALGORITHM   ((1u << DG_JWS_ALGORITHMS) - 1)

typedef struct dg_jwks_s  dg_jwks_t;
typedef struct dg_jwk_s   dg_jwk_t;


/*
 * The bit of a registered name ("RS256"), exact case; 0 for any other.
 * "Ed25519" (RFC 9864) is another name of EdDSA here.
 */
unsigned dg_jws_algorithm(dg_span_t name);

/* The name of one bit; NULL when it is none. */
const char *dg_jws_algorithm_name(unsigned algorithm);

/*
 * Loads a set; `scratch` is used while loading only (16 bytes for one of the
 * text are ample).  The set is allocated outside of it: dg_jwks_release().
 * DG_ERR_SYNTAX, DG_ERR_LIMIT, DG_ERR_MEMORY, DG_ERR_CRYPTO, DG_ERR_INVALID
 * (a private or symmetric member, a kid twice), DG_ERR_MISSING when no
 * usable key is left; *diag says which key and why.  When the set was loaded
 * but keys were left out, *diag tells why the first of them was.
 */
DG_MUST_USE dg_err_t dg_jwks_load(dg_arena_t *scratch, dg_span_t text,
    dg_jwks_t **set, dg_diag_t *diag);

/* Frees the set and its keys; NULL is allowed. */
void dg_jwks_release(dg_jwks_t *set);

/* How many keys are usable, and how many were left out. */
size_t dg_jwks_count(const dg_jwks_t *set);
size_t dg_jwks_left_out(const dg_jwks_t *set);

/*
 * The key of exactly that kid that may verify `algorithm`.  A token without
 * kid (data NULL) finds a key only when exactly one key of the set may verify
 * its algorithm.  NULL when there is none.
 */
const dg_jwk_t *dg_jwks_find(const dg_jwks_t *set, dg_span_t kid,
    unsigned algorithm);

/* A key of that kid whatever its algorithms; NULL when there is none. */
const dg_jwk_t *dg_jwks_find_id(const dg_jwks_t *set, dg_span_t kid);

/* Its kid, empty when it has none; and what it may verify, as a mask. */
dg_span_t dg_jwk_id(const dg_jwk_t *key);
unsigned dg_jwk_algorithms(const dg_jwk_t *key);

/*
 * The verification primitive: `signature` in JWS form (r || s for ES*).
 * DG_OK, DG_ERR_UNSUPPORTED when the key may not verify the algorithm, else
 * DG_ERR_MISMATCH.
 */
DG_MUST_USE dg_err_t dg_jwk_verify(const dg_jwk_t *key, unsigned algorithm,
    dg_span_t message, dg_span_t signature);

#endif
