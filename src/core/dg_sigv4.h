/*
 * AWS Signature Version 4: signing, and verifying what others signed.
 *
 * Sources: AWS General Reference, "Signing AWS API requests" (canonical
 * request, string to sign, key derivation, presigned form); RFC 9110 section
 * 5 for header fields.  The canonical request is made by one piece of code,
 * dg_sigv4_canonical.c, for both directions; what is signed or verified is
 * always the raw target and the headers as they are on the wire.
 *
 * A verifier works in two steps.  dg_sigv4_read decides everything that needs
 * neither key nor body: form, algorithm, scope, clock, signed header list,
 * payload mode.  Once the key is looked up and the body is hashed,
 * dg_sigv4_verify compares declared hash and signature.
 *
 * Nothing here allocates per call, except that a signing key met for the
 * first time is derived and kept.
 */

#ifndef DG_SIGV4_H
#define DG_SIGV4_H

#include "dg_arena.h"
#include "dg_credentials.h"
#include "dg_crypto.h"
#include "dg_query.h"
#include "dg_refusal.h"
#include "dg_request.h"

#define DG_SIGV4_ALGORITHM           "AWS4-HMAC-SHA256"
#define DG_SIGV4_TERMINATOR          "aws4_request"
#define DG_SIGV4_UNSIGNED_PAYLOAD    "UNSIGNED-PAYLOAD"

/* SHA-256 of nothing: the payload hash of a call without a body. */
#define DG_SIGV4_EMPTY_HASH                                                   \
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* Bounds; whoever exceeds one gets DG_ERR_LIMIT or the refusal named. */
#define DG_SIGV4_METHOD_MAX          32    /* BAD_REQUEST */
#define DG_SIGV4_TARGET_MAX          16384 /* bytes: TARGET_TOO_LONG */
#define DG_SIGV4_PATH_SEGMENTS_MAX   128   /* TARGET_TOO_LONG */
#define DG_SIGV4_QUERY_PARAMS_MAX    DG_QUERY_PARAMS_MAX
                                           /* TARGET_TOO_LONG */
#define DG_SIGV4_HEADERS_MAX         DG_REQUEST_HEADERS_MAX
                                           /* TOO_MANY_HEADERS */
#define DG_SIGV4_NAMES_MAX           2048  /* bytes of a list of names */
#define DG_SIGV4_AUTHORIZATION_MAX   4096  /* bytes: SIGNATURE_INCOMPLETE */
#define DG_SIGV4_ACCESS_KEY_MAX      128
#define DG_SIGV4_SECRET_MAX          256
#define DG_SIGV4_REGION_MAX          64
#define DG_SIGV4_SERVICE_MAX         64
#define DG_SIGV4_EXPIRES_MAX         604800 /* seconds: seven days */

#define DG_SIGV4_SKEW_DEFAULT        900   /* seconds */

/* What an Authorization value takes at most, for the writer given to sign. */
#define DG_SIGV4_VALUE_MAX           4096

#define DG_SIGV4_SIGNATURE_SIZE      32
#define DG_SIGV4_REPLAY_KEY_SIZE     16
#define DG_SIGV4_REASON_MAX          512


/*
 * How the path becomes canonical.  All services but S3: dot segments and
 * repeated slashes are resolved on the raw path, and the path, encoded as it
 * already is, is encoded once more.  S3: decoded and encoded once, as it is.
 */
typedef enum {
    DG_SIGV4_PATH_NORMALIZED = 0,
    DG_SIGV4_PATH_VERBATIM
} dg_sigv4_path_t;

typedef struct {
    dg_span_t        region;
    dg_span_t        service;   /* the signing name: "workspaces" */
    dg_sigv4_path_t  path;
} dg_sigv4_scope_t;

/*
 * For the error log and for tools: what was hashed.  Every use may be NULL;
 * a writer that is too small only has its overflow set.  Neither text holds
 * a key, but the canonical request holds a signed session token: it is for
 * the tool that a person runs, never for a log.
 */
typedef struct {
    dg_writer_t  *canonical_request;  /* in: NULL, or where to copy it */
    dg_writer_t  *string_to_sign;     /* in: NULL, or where to copy it */
    uint8_t       canonical_hash[DG_SHA256_SIZE];        /* out */
    uint8_t       signature[DG_SIGV4_SIGNATURE_SIZE];    /* out when signing;
                                                            zero otherwise */
} dg_sigv4_trace_t;


/* Signing keys */

typedef struct dg_signing_keys_s  dg_signing_keys_t;

/*
 * A cache of derived signing keys, one per process and thread like `crypto`,
 * which must outlive it.  A key is found only by access key id, secret, date,
 * region and service together (a keyed hash of them), so that a secret that
 * was rotated under the same id is never answered with the old key.  `slots`
 * is rounded up to a multiple of eight; of the eight places a key can have,
 * the least recently used is given up.  NULL without memory or entropy.
 */
dg_signing_keys_t *dg_signing_keys_create(dg_crypto_t *crypto, size_t slots);

/* Wipes all keys; NULL is allowed. */
void dg_signing_keys_destroy(dg_signing_keys_t *keys);

/*
 * The key for one day (`date`: 8 digits) and scope, derived when it is not
 * kept yet.  Borrowed until the next call with the same cache.
 * DG_ERR_LIMIT when a part is longer than its bound, DG_ERR_INVALID when one
 * is empty, DG_ERR_CRYPTO, DG_ERR_MEMORY.
 */
DG_MUST_USE dg_err_t dg_signing_keys_get(dg_signing_keys_t *keys,
    dg_span_t access_key_id, dg_span_t secret, dg_span_t date,
    dg_span_t region, dg_span_t service, dg_hmac_t **key);

/* How often a key was found, and how often it was derived. */
void dg_signing_keys_count(const dg_signing_keys_t *keys, uint64_t *found,
    uint64_t *derived);


/* Signing */

/*
 * Writes the Authorization value for a request whose headers are exactly
 * those to be signed, in any case and order.  `payload_hash` is the last line
 * of the canonical request: 64 hex digits, or DG_SIGV4_UNSIGNED_PAYLOAD.
 *
 * The caller has already put `host`, `x-amz-date` (or `date`) and, with
 * temporary credentials, `x-amz-security-token` among the headers, and
 * `x-amz-content-sha256` where it wants it; DG_ERR_INVALID when host or the
 * date is not there, or x-amz-date or the token is not that of `now` and the
 * credentials.  DG_ERR_LIMIT for a bound or a full writer, DG_ERR_SYNTAX for
 * a bad percent escape in the target or a name that is no field name,
 * DG_ERR_MEMORY, DG_ERR_CRYPTO.
 */
DG_MUST_USE dg_err_t dg_sigv4_sign(dg_signing_keys_t *keys,
    const dg_request_t *request, dg_span_t payload_hash,
    const dg_sigv4_scope_t *scope, const dg_credentials_t *credentials,
    int64_t now, dg_writer_t *authorization, dg_sigv4_trace_t *trace);

/*
 * The same for a request with this body: *authorization is in the arena.
 */
DG_MUST_USE dg_err_t dg_sigv4_sign_body(dg_signing_keys_t *keys,
    dg_crypto_t *crypto, dg_arena_t *arena, const dg_request_t *request,
    dg_span_t body, const dg_sigv4_scope_t *scope,
    const dg_credentials_t *credentials, int64_t now,
    dg_span_t *authorization);

/*
 * Writes the presigned target (path and query) for a request whose headers
 * are those to be signed (host at least) and whose target holds no X-Amz-*
 * authentication parameter yet.  `expires` in seconds, 1 to
 * DG_SIGV4_EXPIRES_MAX, else DG_ERR_INVALID.  Errors as for dg_sigv4_sign.
 */
DG_MUST_USE dg_err_t dg_sigv4_presign(dg_signing_keys_t *keys,
    const dg_request_t *request, dg_span_t payload_hash,
    const dg_sigv4_scope_t *scope, const dg_credentials_t *credentials,
    int64_t now, uint32_t expires, dg_writer_t *target,
    dg_sigv4_trace_t *trace);


/* Reading what a client presented */

#define DG_SIGV4_IN_HEADER  1u  /* Authorization begins with "AWS4-" */
#define DG_SIGV4_IN_QUERY   2u  /* an X-Amz-* authentication parameter */

/*
 * Which forms of SigV4 a request presents, valid or not: 0 when none, so that
 * the caller may look for other kinds of credentials.  Parameter names are
 * decoded and compared without case here, so that no spelling hides one, and
 * a query that cannot be cut into parameters counts as presenting.
 */
unsigned dg_sigv4_presented(const dg_request_t *request);

typedef struct {
    const dg_span_t  *regions;
    size_t            region_count;   /* none: every region is refused */
    const dg_span_t  *services;
    size_t            service_count;  /* none: every service is refused */
    int64_t           skew;           /* seconds, usually SKEW_DEFAULT */
    bool              allow_unsigned_payload;
    const dg_span_t  *unsigned_headers; /* lower-case x-amz-* names that may
                                           be unsigned: "x-amz-cf-id" */
    size_t            unsigned_header_count;
} dg_sigv4_rules_t;

typedef enum {
    DG_SIGV4_FORM_NONE = 0,
    DG_SIGV4_FORM_HEADER,
    DG_SIGV4_FORM_QUERY
} dg_sigv4_form_t;

/* Parts of the two forms; `missing` of a claim is a set of them. */
#define DG_SIGV4_PART_CREDENTIAL      1u
#define DG_SIGV4_PART_SIGNED_HEADERS  2u
#define DG_SIGV4_PART_SIGNATURE       4u
#define DG_SIGV4_PART_DATE            8u
#define DG_SIGV4_PART_EXPIRES         16u
#define DG_SIGV4_PART_ALGORITHM       32u

/*
 * What was presented.  Filled as far as reading came, also when it ends in a
 * refusal: access_key_id may then be recorded as claimed, never trusted.
 * Spans point into the request, or into the arena where a query had escapes.
 */
typedef struct {
    dg_sigv4_form_t  form;
    unsigned         missing;         /* parts, with SIGNATURE_INCOMPLETE */
    dg_span_t        unsigned_header; /* its name, with HEADER_UNSIGNED */
    dg_span_t        access_key_id;
    dg_span_t        date;            /* of the scope: 8 digits */
    dg_span_t        region;
    dg_span_t        service;
    dg_span_t        terminator;
    dg_span_t        signed_headers;  /* "content-type;host;x-amz-date" */
    size_t           signed_header_count;
    uint8_t          signature[DG_SIGV4_SIGNATURE_SIZE];
    char             time[16];        /* 20150830T123600Z, no NUL */
    int64_t          signed_at;       /* the same in seconds */
    uint32_t         expires;         /* X-Amz-Expires; 0 in header form */
    int64_t          valid_until;     /* last second of validity */
    dg_span_t        session_token;   /* empty when there is none */
    dg_span_t        payload_hash;    /* as declared; empty when it is not */
    bool             payload_unsigned;
    uint8_t          payload_digest[DG_SHA256_SIZE]; /* when declared */
} dg_sigv4_claim_t;

/* Whether the header of that (lower-case) name is among the signed ones. */
bool dg_sigv4_signs(const dg_sigv4_claim_t *claim, dg_span_t name);

/*
 * Reads and judges all that needs no key and no body.  `arena` takes decoded
 * query values (the query's length at most).  *claim is overwritten.
 *
 * DG_ALLOWED, or: CREDENTIALS_MISSING (nothing at all was presented),
 * CREDENTIALS_AMBIGUOUS (both forms, or a part given twice),
 * SIGNATURE_INCOMPLETE, SIGNATURE_ALGORITHM, SCOPE_DATE, SCOPE_REGION,
 * SCOPE_SERVICE, SCOPE_TERMINATOR, SIGNATURE_EXPIRED, SIGNATURE_EARLY,
 * PRESIGN_LIFETIME, SIGNED_HEADERS, HEADER_UNSIGNED, PAYLOAD_MODE,
 * TOO_MANY_HEADERS, TARGET_TOO_LONG, BAD_REQUEST (a bad percent escape),
 * INTERNAL (no memory).
 */
DG_MUST_USE dg_refusal_t dg_sigv4_read(const dg_request_t *request,
    const dg_sigv4_rules_t *rules, int64_t now, dg_arena_t *arena,
    dg_sigv4_claim_t *claim);

/*
 * The sentence for the client where it says more than the table's text: AWS's
 * own words for a missing part, a wrong scope, an expired or early signature.
 * At most DG_SIGV4_REASON_MAX bytes, printable ASCII.  False, and nothing
 * written, when dg_refusal_info() has all there is to say.
 */
bool dg_sigv4_write_reason(dg_writer_t *w, dg_refusal_t refusal,
    const dg_sigv4_claim_t *claim, const dg_sigv4_rules_t *rules,
    int64_t now);


/* Verifying */

/*
 * Compares what was read with the received bytes: `body_hash` is the SHA-256
 * of the received body, `secret` the secret access key of
 * claim->access_key_id, which the caller looked up.  Also fills *trace (may
 * be NULL) on a mismatch; trace->signature stays zero.
 *
 * DG_ALLOWED, PAYLOAD_HASH (declared, but not the body's),
 * SIGNATURE_MISMATCH, the refusals of the bounds above, or INTERNAL.
 */
DG_MUST_USE dg_refusal_t dg_sigv4_verify(dg_signing_keys_t *keys,
    const dg_request_t *request, const dg_sigv4_claim_t *claim,
    dg_span_t secret, const uint8_t body_hash[DG_SHA256_SIZE],
    dg_sigv4_path_t path, dg_sigv4_trace_t *trace);

/*
 * What a table of seen signatures is keyed by; an entry is needed until
 * claim->valid_until has passed.  Only for a claim that was verified.
 */
void dg_sigv4_replay_key(const dg_sigv4_claim_t *claim,
    uint8_t key[DG_SIGV4_REPLAY_KEY_SIZE]);


/* The canonical request, shared by both directions */

/*
 * Which headers are signed, as indexes into request->headers: sorted by
 * lower-case name, and lines of one name in the order received.  `names` is
 * the list of them, "content-type;host;x-amz-date", in the list that was
 * given or in `text`: a selection must not be moved.
 */
typedef struct {
    uint8_t    index[DG_SIGV4_HEADERS_MAX];
    size_t     count;
    size_t     name_count;  /* in `names` */
    dg_span_t  names;
    uint8_t    text[DG_SIGV4_NAMES_MAX];
} dg_sigv4_selection_t;

/*
 * All headers of the request.  DG_ERR_LIMIT when there are too many or their
 * names too long, DG_ERR_SYNTAX when a name is no field name.
 */
DG_MUST_USE dg_err_t dg_sigv4_select_all(const dg_request_t *request,
    dg_sigv4_selection_t *selection);

/*
 * Those of a sorted list "a;b;c".  DG_ERR_LIMIT, DG_ERR_INVALID when the list
 * is empty, unsorted, has a name twice or one that is no lower-case field
 * name, DG_ERR_MISSING when the request lacks one.
 */
DG_MUST_USE dg_err_t dg_sigv4_select_listed(const dg_request_t *request,
    dg_span_t names, dg_sigv4_selection_t *selection);

/*
 * Hashes the canonical request; `text` may be NULL or gets a copy.  The
 * X-Amz-Signature parameter is left out of the query when `presigned`.
 * DG_ERR_LIMIT, DG_ERR_SYNTAX (percent escape, method), DG_ERR_MEMORY,
 * DG_ERR_CRYPTO.
 */
DG_MUST_USE dg_err_t dg_sigv4_canonical_hash(dg_crypto_t *crypto,
    const dg_request_t *request, const dg_sigv4_selection_t *selection,
    dg_span_t payload_hash, dg_sigv4_path_t path, bool presigned,
    dg_writer_t *text, uint8_t hash[DG_SHA256_SIZE]);

#endif
