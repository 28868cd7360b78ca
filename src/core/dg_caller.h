/*
 * Who calls.  One structure for every kind of caller, filled by whoever
 * authenticated it and read by policy, throttle and record.  Spans are
 * borrowed from the request's memory or from a loaded key file or issuer.
 */

#ifndef DG_CALLER_H
#define DG_CALLER_H

#include "dg_span.h"

#define DG_CALLER_GROUPS_MAX  256
#define DG_CALLER_TAGS_MAX    50
#define DG_CALLER_CLAIMS_MAX  512

typedef enum {
    DG_CALLER_NONE = 0,     /* nothing was presented, or nothing verified */
    DG_CALLER_KEY,          /* SigV4 with a key of the key file */
    DG_CALLER_VENDED,       /* SigV4 with credentials vended here */
    DG_CALLER_PROOF,        /* a presigned GetCallerIdentity */
    DG_CALLER_JWT,
    DG_CALLER_OPAQUE,       /* introspected, or a handle issued here */
    DG_CALLER_CERTIFICATE
} dg_caller_kind_t;

/* Whether the caller proved himself by a second factor. */
typedef enum {
    DG_MFA_NOT_KNOWN = 0,   /* whoever authenticated him does not say */
    DG_MFA_ABSENT,
    DG_MFA_PRESENT
} dg_mfa_t;

typedef struct {
    dg_span_t  name;
    dg_span_t  value;
} dg_attribute_t;

typedef struct {
    dg_caller_kind_t       kind;
    bool                   verified;      /* else everything is a claim */

    dg_span_t              arn;           /* of this caller alone */
    dg_span_t              user_id;       /* aws:userid, principalId */
    dg_span_t              account;       /* 12 digits */
    dg_span_t              user_name;     /* aws:username; empty for roles */
    dg_span_t              principal_type; /* User, AssumedRole, Account... */
    dg_span_t              access_key_id; /* SigV4 kinds */

    dg_span_t              issuer;        /* the configured name */
    dg_span_t              issuer_url;    /* its `iss` */
    dg_span_t              subject;       /* its `sub` */
    dg_span_t              token_id;      /* its `jti` */
    dg_span_t              kid;           /* name of the key that signed it */
    dg_span_t              source_identity; /* who is behind a role session */
    dg_span_t              reason;        /* X-Deskgate-Reason, as signed,
                                             or why vended ones were asked */
    dg_span_t              dcv_user;      /* his name on DCV servers */
    dg_mfa_t               mfa;
    int64_t                issued_at;     /* seconds; 0 when not known */
    int64_t                expires_at;    /* seconds; 0 when never */

    const dg_span_t       *groups;
    size_t                 group_count;
    const dg_attribute_t  *tags;          /* aws:PrincipalTag/NAME */
    size_t                 tag_count;
    const dg_attribute_t  *claims;        /* a list claim: one row a value */
    size_t                 claim_count;
    const dg_span_t       *policy_files;  /* identity policies a key names */
    size_t                 policy_file_count;
    const dg_span_t       *session_policies; /* files that cap the session */
    size_t                 session_policy_count;
} dg_caller_t;


/*
 * Copies for whoever keeps a caller longer than its memory lives.  A copy is
 * one block that holds everything the caller points to.
 */

/* Bytes of such a block. */
size_t dg_caller_size(const dg_caller_t *caller);

/* Copies into a block of that size, aligned for any type; returns the block. */
dg_caller_t *dg_caller_copy(const dg_caller_t *caller, void *block);

/* Copies a block of `size` bytes, pointers into it changed; returns `to`. */
dg_caller_t *dg_caller_copy_block(const dg_caller_t *block, size_t size,
    void *to);

#endif
