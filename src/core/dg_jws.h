/*
 * JSON Web Signature, compact serialization (RFC 7515 sections 3.1 and 5.2).
 *
 * Exactly three base64url parts; five parts (JWE) and the JSON serialization
 * are refused.  The algorithm is the one of the header only when the mask
 * given by configuration has it and the key may verify it.  `crit` and `b64`
 * are refused; `jwk`, `jku`, `x5u`, `x5c` and `x5t` are never looked at.
 */

#ifndef DG_JWS_H
#define DG_JWS_H

#include "dg_json.h"
#include "dg_jwks.h"
#include "dg_refusal.h"

#define DG_JWS_TOKEN_MAX    65536  /* bytes of a token */
#define DG_JWS_HEADER_MAX    8192  /* bytes of a decoded header */
#define DG_JWS_DEPTH_MAX       16  /* nesting of header and claims */
#define DG_JWS_VALUES_MAX    4096  /* values of header or claims */
#define DG_JWS_MEMBERS_MAX    512  /* members of one object of them */

typedef struct {
    dg_span_t         signing_input;   /* of the token: header.payload */
    dg_span_t         payload;         /* decoded, any bytes */
    dg_span_t         signature;       /* decoded */
    const dg_json_t  *header;          /* an object */
    dg_span_t         algorithm_name;  /* `alg` as written */
    unsigned          algorithm;       /* its bit, 0 when there is none */
    dg_span_t         kid;             /* data NULL when there is none */
    dg_span_t         type;            /* `typ`, empty when there is none */
    const dg_json_t  *claims;          /* after dg_jws_claims(), an object */
} dg_jws_t;


/*
 * Takes a token apart; verifies nothing.  What is decoded is in the arena,
 * signing_input points into the token.  DG_ALLOWED, or
 * DG_REFUSE_TOKEN_MALFORMED.  A text of unknown algorithm is taken apart too:
 * its `algorithm` is 0, which dg_jws_verify() refuses.
 */
DG_MUST_USE dg_refusal_t dg_jws_parse(dg_arena_t *arena, dg_span_t token,
    dg_jws_t *jws);

/* Reads the payload as a JSON object; DG_REFUSE_TOKEN_MALFORMED if not. */
DG_MUST_USE dg_refusal_t dg_jws_claims(dg_arena_t *arena, dg_jws_t *jws);

/*
 * Finds the key and verifies.  DG_REFUSE_TOKEN_ALGORITHM when the header's
 * algorithm is not one of `allowed`, or the key of its kid is for another;
 * DG_REFUSE_TOKEN_KEY_UNKNOWN when the set has no such key;
 * DG_REFUSE_TOKEN_SIGNATURE.
 */
DG_MUST_USE dg_refusal_t dg_jws_verify(const dg_jws_t *jws, unsigned allowed,
    const dg_jwks_t *keys);

#endif
