/*
 * Issuers of bearer tokens: what a verified JWT must claim (RFC 7519 section
 * 4.1, RFC 9068), and the caller that it makes.
 *
 * A dg_issuer_t is filled from configuration, checked once by
 * dg_issuer_check_config() and never changed again.
 */

#ifndef DG_ISSUER_H
#define DG_ISSUER_H

#include "dg_arena.h"
#include "dg_caller.h"
#include "dg_jws.h"

#define DG_ISSUER_LEEWAY           60   /* seconds, default */
#define DG_ISSUER_LEEWAY_MAX      300   /* seconds */
#define DG_ISSUER_SUBJECT_MAX     255   /* bytes, OpenID Connect Core 2 */
#define DG_ISSUER_CLAIM_PATH_MAX  255   /* bytes of a claim's path */
#define DG_ISSUER_NAME_MAX         64   /* bytes */
#define DG_ISSUER_TAG_KEY_MAX     128   /* bytes */
#define DG_ISSUER_TAG_VALUE_MAX   256   /* bytes */
#define DG_ISSUER_DCV_USER_MAX    256   /* bytes, of template and of name */
#define DG_ISSUER_MAX_AGE_MAX  315360000  /* seconds: ten years */
#define DG_ISSUER_TIME_MAX  253402300799  /* 9999-12-31T23:59:59Z */

/* A principal tag, aws:PrincipalTag/KEY, taken from a claim. */
typedef struct {
    dg_span_t  tag;
    dg_span_t  claim;  /* path, see dg_issuer_claim() */
} dg_issuer_tag_t;

/*
 * All zero is a good start; dg_issuer_check_config() puts the defaults.
 * Everything is borrowed and lives as long as the issuer.
 */
typedef struct {
    dg_span_t               name;          /* A-Za-z0-9._- */
    dg_span_t               url;           /* compared with `iss` bytewise */
    const dg_span_t        *audiences;     /* one must be in `aud` */
    size_t                  audience_count;
    const dg_span_t        *client_ids;    /* for tokens without any `aud` */
    size_t                  client_id_count;
    const dg_span_t        *parties;       /* azp and client_id, each that is
                                              there; empty list: any */
    size_t                  party_count;
    unsigned                algorithms;    /* mask of DG_JWS_*, mandatory */
    bool                    leeway_set;    /* else the default holds */
    int64_t                 leeway;        /* seconds */
    int64_t                 max_age;       /* seconds since iat; 0: any */
    bool                    id_tokens;     /* ID tokens are accepted too */
    bool                    opaque_only;   /* no keys: introspection */
    bool                    rfc9068;       /* typ and claims of RFC 9068 */
    dg_span_t               account;       /* 12 digits, of the ARN */
    dg_span_t               subject_claim; /* path; default "sub" */
    dg_span_t               groups_claim;  /* path; empty: no groups */
    const dg_issuer_tag_t  *tags;
    size_t                  tag_count;
    dg_span_t               source_identity_claim; /* path; or empty */
    dg_span_t               dcv_user;      /* template, see dg_issuer_check();
                                              empty: no name */
    bool                    dcv_user_fold; /* to lower case */
} dg_issuer_t;

/* An issuer beside its keys. */
typedef struct {
    const dg_issuer_t  *issuer;
    const dg_jwks_t    *keys;  /* NULL: not there (yet) */
} dg_token_issuer_t;

/* What a token is judged by. */
typedef struct {
    const dg_token_issuer_t  *issuers;      /* those the location names */
    size_t                    issuer_count;
    int64_t                   now;
    dg_span_t                 certificate;  /* SHA-256 of the client's DER
                                               certificate, verified by TLS;
                                               empty when there is none */
} dg_token_rules_t;


/*
 * Checks and completes a configuration: url, algorithms, account, and an
 * audience or a client id are mandatory.  DG_ERR_MISSING, DG_ERR_INVALID or
 * DG_ERR_LIMIT with *diag.
 */
DG_MUST_USE dg_err_t dg_issuer_check_config(dg_issuer_t *issuer,
    dg_diag_t *diag);

/*
 * The claim at a path: the member of that whole name, else, at the first dot
 * that leads further, a member of a nested object ("realm_access.roles").
 * NULL when there is none.
 */
const dg_json_t *dg_issuer_claim(const dg_json_t *claims, dg_span_t path);

/*
 * Checks the claims of a token whose signature was verified, and makes the
 * caller: kind DG_CALLER_JWT, verified, principal_type "WebIdentityUser", ARN
 * arn:aws:deskgate::ACCOUNT:jwt/NAME/SUBJECT with every byte of the subject
 * outside A-Za-z0-9+=,.@_- percent-encoded, user_id the part behind the last
 * colon.  It lives as long as the arena and the issuer.
 *
 * Kind of token: the header's typ is absent, JWT or at+jwt.  An ID token (typ
 * claim ID, token_use id, at_hash, c_hash, or a nonce where nothing says that
 * it is an access token) is refused unless the issuer takes them; refresh,
 * logout and the like always are.  A token that is bound to a certificate
 * (RFC 8705, cnf x5t#S256) needs that certificate, one that is bound to
 * anything else is refused.
 *
 * Dates are numbers, whole or not, from 1970 to 9999.  A group claim is a
 * string or a list of strings; a tag claim one string, number or boolean of
 * at most 256 bytes.  claims has a row for every scalar, and one for every
 * scalar in a list; members of objects are named by their path.  null and
 * what is in a list but no scalar have no row.  A token in which two claims
 * have the same path is refused.
 *
 * The source identity is one text.  The name on DCV servers is a template,
 * DOMAIN\${claim}: it needs every claim that it names, each one text without
 * control characters, and none with a backslash unless the template is that
 * claim alone; else a claim could name somebody of another domain.  Where a
 * claim is absent there is no name.  Folded, letters A to Z are small ones.
 *
 * The second factor is present when `amr` (RFC 8176) has "mfa", absent when
 * it has not, and not known where the token has no `amr`.
 *
 * DG_ALLOWED or DG_REFUSE_TOKEN_ISSUER, _AUDIENCE, _EXPIRED, _EARLY, _CLAIM
 * (absent, ill-typed, of another kind of token, or beyond a limit of
 * dg_caller.h), DG_REFUSE_INTERNAL (no memory).
 */
DG_MUST_USE dg_refusal_t dg_issuer_check(const dg_issuer_t *issuer,
    const dg_jws_t *jws, const dg_token_rules_t *rules, dg_arena_t *arena,
    dg_caller_t *caller);

/*
 * The whole way of a bearer JWT: takes it apart, picks the issuer by `iss`,
 * the key by kid and algorithm, verifies, checks.  The first issuer of that
 * url counts.  *which (may be NULL) is its index, or issuer_count when none
 * matched.  After DG_REFUSE_ISSUER_UNAVAILABLE (its keys are NULL) or
 * DG_REFUSE_TOKEN_KEY_UNKNOWN, who can fetch keys does so and calls again.
 *
 * On refusal *caller holds what was claimed and not verified, as far as it
 * could be read: kind, issuer, issuer_url, subject, token_id.
 */
DG_MUST_USE dg_refusal_t dg_token_verify(const dg_token_rules_t *rules,
    dg_span_t token, dg_arena_t *arena, dg_caller_t *caller, size_t *which);

/*
 * What a token claims, for the record of one that is known to be refused:
 * *caller as dg_token_verify() leaves it on refusal.  Nothing is verified.
 */
void dg_token_claimed(const dg_token_rules_t *rules, dg_span_t token,
    dg_arena_t *arena, dg_caller_t *caller);

/* Bytes of text percent-encoded for a part of a deskgate ARN (see above). */
void dg_write_arn_part(dg_writer_t *w, dg_span_t text);

#endif
