/*
 * The AWS Security Token Service as a client: the form of a call and its
 * answer (STS API Reference, version 2011-06-15, Query protocol).
 *
 * AssumeRole and GetCallerIdentity are signed, AssumeRoleWithWebIdentity is
 * not: its token is the proof.  Everything goes into the body, never into a
 * query, because of the tokens' size and secrecy.
 */

#ifndef DG_STS_H
#define DG_STS_H

#include "dg_arena.h"
#include "dg_caller.h"
#include "dg_credentials.h"
#include "dg_sigv4.h"

#define DG_STS_TAGS_MAX         50
#define DG_STS_TAG_KEY_MAX     128
#define DG_STS_TAG_VALUE_MAX   256
#define DG_STS_POLICY_MAX     2048   /* bytes of a session policy */
#define DG_STS_TOKEN_MAX     20000   /* bytes of a web identity token */
#define DG_STS_TOKEN_MIN         4
#define DG_STS_ROLE_MIN         20
#define DG_STS_ROLE_MAX       2048
#define DG_STS_NAME_MIN          2
#define DG_STS_NAME_MAX         64
#define DG_STS_EXTERNAL_MIN      2
#define DG_STS_EXTERNAL_MAX   1224
#define DG_STS_DURATION_MIN    900   /* seconds */
#define DG_STS_DURATION_MAX  43200
#define DG_STS_CHAINED_MAX    3600   /* a role that assumes a role */
#define DG_STS_REPLY_TEXT   131072   /* bytes of an answer */
#define DG_STS_HEADERS_MAX       5

typedef enum {
    DG_STS_ASSUME_ROLE,
    DG_STS_WEB_IDENTITY,
    DG_STS_CALLER_IDENTITY
} dg_sts_action_t;

/* All borrowed; empty or 0: not sent. */
typedef struct {
    dg_sts_action_t        action;
    dg_span_t              role_arn;
    dg_span_t              session_name;
    dg_span_t              web_identity_token;
    dg_span_t              external_id;
    dg_span_t              source_identity;
    dg_span_t              policy;       /* session policy, compact JSON */
    int64_t                duration;     /* seconds */
    const dg_attribute_t  *tags;
    size_t                 tag_count;
    bool                   transitive;   /* the tags, over further roles */
} dg_sts_request_t;

/* In the arena; what the answer did not have is empty. */
typedef struct {
    dg_credentials_t  credentials;
    dg_span_t         arn;           /* of the assumed role, or the caller */
    dg_span_t         user_id;       /* AssumedRoleId or UserId */
    dg_span_t         account;
    dg_span_t         request_id;
    dg_span_t         error_code;    /* "AccessDenied"; a failed answer's */
    dg_span_t         error_message;
} dg_sts_reply_t;


/* What is wrong with a request, as a phrase; NULL when nothing is. */
const char *dg_sts_reason(const dg_sts_request_t *request);

/* At most this many bytes are written. */
size_t dg_sts_size(const dg_sts_request_t *request);

/* The body, application/x-www-form-urlencoded. */
void dg_sts_write(dg_writer_t *w, const dg_sts_request_t *request);

/*
 * The headers of a POST of that body to the path "/" of `host`, Host not
 * among them: *count of at most DG_STS_HEADERS_MAX, in the arena.  With
 * credentials it is signed for the region.  Errors of dg_sigv4_sign().
 */
DG_MUST_USE dg_err_t dg_sts_headers(dg_signing_keys_t *keys,
    dg_crypto_t *crypto, dg_arena_t *arena, dg_span_t host, dg_span_t region,
    dg_span_t body, const dg_credentials_t *credentials, int64_t now,
    dg_header_t headers[DG_STS_HEADERS_MAX], size_t *count);

/*
 * An answer in XML or JSON, of any status; it holds secrets, which lie in the
 * arena then.  Success must have what the action gives: credentials that fit
 * and expire, or arn, user id and account.  An error must have its code.
 *
 * DG_ERR_SYNTAX, _INVALID (a document type, another action's answer, a value
 * that does not fit), _MISSING, _LIMIT or _MEMORY with *diag (may be NULL),
 * which never shows a value of the answer.
 */
DG_MUST_USE dg_err_t dg_sts_parse(dg_arena_t *arena, dg_span_t answer,
    dg_sts_action_t action, dg_sts_reply_t *reply, dg_diag_t *diag);

/*
 * Whether an error is about the role and the caller, and not about STS or
 * the gateway's own credentials: trying again soon would not help.
 */
bool dg_sts_is_denial(const dg_sts_reply_t *reply);

#endif
