/*
 * A caller's proof of his AWS identity: a presigned GetCallerIdentity, sent
 * as a bearer token "deskgate-v1." and base64url of its URL.
 *
 * Only a URL of exactly the form that is asked for is read, and what goes to
 * STS is built anew from its parts: nothing in it chooses host, path, action
 * or form of the answer.  A header that names this gateway must be signed, so
 * that a proof for one gateway is none for another.
 *
 * Sources: AWS General Reference, "Signing AWS API requests" (query form);
 * STS API Reference, GetCallerIdentity.
 */

#ifndef DG_PROOF_H
#define DG_PROOF_H

#include "dg_arena.h"
#include "dg_refusal.h"

#define DG_PROOF_PREFIX      "deskgate-v1."
#define DG_PROOF_TOKEN_MAX   4096   /* bytes, prefix included */
#define DG_PROOF_LIFE_MAX    900    /* seconds, X-Amz-Expires */
#define DG_PROOF_EARLY       300    /* seconds that its clock may be ahead */
#define DG_PROOF_HEADER      "X-Deskgate-Audience"
#define DG_PROOF_SIGNED      "host;x-deskgate-audience"

typedef struct {
    dg_span_t  access_key_id;  /* claimed until STS has confirmed it */
    dg_span_t  query;          /* for STS, built anew; it is a secret */
    int64_t    expires_at;     /* seconds */
} dg_proof_t;


/* Whether a bearer token is meant to be one. */
bool dg_proof_is(dg_span_t token);

/*
 * Reads a proof for the STS at `host`; what is kept is in the arena.
 * DG_ALLOWED; TOKEN_MALFORMED; TOKEN_ISSUER (another host); TOKEN_AUDIENCE
 * (the signed headers are not DG_PROOF_SIGNED); TOKEN_EXPIRED; TOKEN_EARLY;
 * INTERNAL (no memory).
 */
DG_MUST_USE dg_refusal_t dg_proof_read(dg_span_t token, dg_span_t host,
    int64_t now, dg_arena_t *arena, dg_proof_t *proof);

#endif
