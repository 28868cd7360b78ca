/*
 * Signing tokens: private keys, JSON Web Signatures made with them (RFC
 * 7515), and the public key set (RFC 7517) that others verify with.
 *
 * A key is published from the day it is configured and signs from its
 * not-before on, so that nobody meets a token whose key he has not seen.
 */

#ifndef DG_SIGNER_H
#define DG_SIGNER_H

#include "dg_caller.h"
#include "dg_jwks.h"

#define DG_SIGNER_PEM_MAX     16384
#define DG_SIGNER_KEYS_MAX    8
#define DG_SIGNER_TOKEN_MAX   32768  /* bytes of a token */
#define DG_SIGNER_CLAIMS_MAX  16384
#define DG_SIGNER_JTI_SIZE    36

typedef struct dg_signer_s  dg_signer_t;

/* What a token of the gateway's own says; spans are borrowed. */
typedef struct {
    dg_span_t           issuer;
    dg_span_t           audience;
    dg_span_t           client_id;
    dg_span_t           jti;
    int64_t             now;        /* seconds */
    int64_t             lifetime;
    const dg_caller_t  *caller;     /* whom it speaks of */
    dg_span_t           scope;      /* for brokers; may be empty */
} dg_signer_claims_t;


/*
 * A private key in PEM, RSA of 2048 bits and more (RS256) or P-256 (ES256),
 * without a passphrase.  NULL with *diag when it is anything else.
 */
dg_signer_t *dg_signer_create(dg_span_t pem, dg_span_t kid,
    int64_t not_before, dg_diag_t *diag);

/* Frees and wipes; NULL is allowed. */
void dg_signer_destroy(dg_signer_t *signer);

/* DG_JWS_RS256 or DG_JWS_ES256, its kid and when it begins to sign. */
unsigned dg_signer_algorithm(const dg_signer_t *signer);
dg_span_t dg_signer_kid(const dg_signer_t *signer);
int64_t dg_signer_not_before(const dg_signer_t *signer);

/* Whether both are one key, whatever they are called. */
bool dg_signer_same_key(const dg_signer_t *a, const dg_signer_t *b);

/*
 * The one that signs at `now`: that with the latest not-before that has come,
 * the first of several.  NULL when none may sign yet.
 */
const dg_signer_t *dg_signer_choose(const dg_signer_t *const *signers,
    size_t count, int64_t now);

/* The set of the public keys, {"keys":[...]}.  DG_ERR_CRYPTO, DG_ERR_LIMIT. */
DG_MUST_USE dg_err_t dg_signer_write_jwks(dg_writer_t *w,
    const dg_signer_t *const *signers, size_t count);

/*
 * The compact form of a token whose header has `typ` and whose payload is the
 * JSON text `claims`.  DG_ERR_CRYPTO, DG_ERR_LIMIT.
 */
DG_MUST_USE dg_err_t dg_jwt_sign(dg_writer_t *w, const dg_signer_t *signer,
    dg_span_t typ, dg_span_t claims);

/*
 * The claims of an access token for a caller at this gateway (RFC 9068
 * section 2.2): iss, sub (the principal ARN), aud, client_id, iat, exp, jti,
 * groups, tags, dcv_user, and deskgate_source (how he was authenticated).  It
 * never outlives caller->expires_at.  Returns exp; 0 when nothing is left.
 */
int64_t dg_signer_write_caller(dg_writer_t *w, const dg_signer_claims_t *c);

/*
 * The claims of a token that a DCV broker takes from its external
 * authorization server: iss, sub, client_id, scope, token_use, iat, exp, jti.
 * Five minutes at the most.  Returns exp.
 */
int64_t dg_signer_write_broker(dg_writer_t *w, const dg_signer_claims_t *c);

#endif
