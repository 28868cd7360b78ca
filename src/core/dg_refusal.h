/*
 * Every way in which a call can be refused: one enum, one table.
 *
 * The table gives the code's name (in the error log, the record and the
 * status counters), the AWS error name, the status class and the text for
 * the client.  docs/refusals.md is made from it.  The wire form is the
 * service's own: dg_refusal_render() in dg_refusal_form.c needs the model.
 */

#ifndef DG_REFUSAL_H
#define DG_REFUSAL_H

#include "dg_err.h"

typedef enum {
    DG_ALLOWED = 0,

    /* identify */
    DG_REFUSE_UNKNOWN_OPERATION,       /* no operation of a listed service */
    DG_REFUSE_AMBIGUOUS_OPERATION,     /* target and rpc-v2 path, or two */
    DG_REFUSE_ACTION_DISAGREES,        /* Action/Version beside the target */
    DG_REFUSE_PATH_NOT_PLAIN,          /* segments unlike nginx sees */
    DG_REFUSE_HOST_NOT_LISTED,
    DG_REFUSE_TOO_MANY_HEADERS,
    DG_REFUSE_HEADER_FORBIDDEN,        /* a header only deskgate may set */

    /* authenticate, verify: SigV4 */
    DG_REFUSE_CREDENTIALS_MISSING,
    DG_REFUSE_CREDENTIALS_AMBIGUOUS,   /* two forms or two kinds at once */
    DG_REFUSE_SIGNATURE_INCOMPLETE,    /* malformed Authorization or query */
    DG_REFUSE_SIGNATURE_ALGORITHM,
    DG_REFUSE_SCOPE_DATE,
    DG_REFUSE_SCOPE_REGION,
    DG_REFUSE_SCOPE_SERVICE,
    DG_REFUSE_SCOPE_TERMINATOR,
    DG_REFUSE_SIGNATURE_EXPIRED,
    DG_REFUSE_SIGNATURE_EARLY,
    DG_REFUSE_PRESIGN_LIFETIME,
    DG_REFUSE_SIGNED_HEADERS,          /* unsorted, absent, repeated names */
    DG_REFUSE_HEADER_UNSIGNED,         /* host, date, x-amz-* not signed */
    DG_REFUSE_PAYLOAD_MODE,
    DG_REFUSE_PAYLOAD_HASH,            /* declared hash is not the body's */
    DG_REFUSE_KEY_UNKNOWN,
    DG_REFUSE_KEY_INACTIVE,            /* disabled, not yet valid, expired */
    DG_REFUSE_KEY_REASON,              /* break-glass without a reason */
    DG_REFUSE_KEY_REVOKED,
    DG_REFUSE_SESSION_TOKEN,
    DG_REFUSE_SESSION_EXPIRED,
    DG_REFUSE_SESSION_NOT_HERE,        /* vended for other locations */
    DG_REFUSE_SIGNATURE_MISMATCH,
    DG_REFUSE_SIGNATURE_REPLAYED,
    DG_REFUSE_REPLAY_STORE_FULL,

    /* authenticate: bearer tokens */
    DG_REFUSE_TOKEN_MALFORMED,
    DG_REFUSE_TOKEN_ALGORITHM,
    DG_REFUSE_TOKEN_KEY_UNKNOWN,
    DG_REFUSE_TOKEN_SIGNATURE,
    DG_REFUSE_TOKEN_ISSUER,
    DG_REFUSE_TOKEN_AUDIENCE,
    DG_REFUSE_TOKEN_EXPIRED,
    DG_REFUSE_TOKEN_EARLY,
    DG_REFUSE_TOKEN_CLAIM,             /* a claim is absent or ill-typed */
    DG_REFUSE_TOKEN_REVOKED,
    DG_REFUSE_ISSUER_UNAVAILABLE,
    DG_REFUSE_CERTIFICATE_UNKNOWN,     /* verified, but of nobody here */
    DG_REFUSE_CERTIFICATE_REVOKED,
    DG_REFUSE_AUTHENTICATION_RATE,     /* too many failures */

    /* read body */
    DG_REFUSE_BODY_MALFORMED,          /* not JSON or CBOR */
    DG_REFUSE_BODY_INVALID,            /* against the model */
    DG_REFUSE_BODY_LIMIT,              /* deeper or larger than inspected */
    DG_REFUSE_CONTENT_TYPE,
    DG_REFUSE_CONTENT_ENCODING,
    DG_REFUSE_INPUT_UNREADABLE,        /* a text that policies read */

    /* authorize */
    DG_REFUSE_DENIED_EXPLICIT,
    DG_REFUSE_DENIED_IMPLICIT,
    DG_REFUSE_NO_POLICY,
    DG_REFUSE_FACTS_UNAVAILABLE,
    DG_REFUSE_RESOURCE_DIFFERS,        /* from what the caller says of it */

    /* throttle */
    DG_REFUSE_THROTTLED,
    DG_REFUSE_THROTTLE_FULL,
    DG_REFUSE_THROTTLE_UNAVAILABLE,

    /* translate, intend, sign */
    DG_REFUSE_CREDENTIALS_UNAVAILABLE,
    DG_REFUSE_ROLE_NONE,               /* no rule fits the caller */
    DG_REFUSE_ROLE_DENIED,             /* STS does not give it */
    DG_REFUSE_GRANT_REQUEST,           /* of the token endpoint */
    DG_REFUSE_GRANT_TYPE,
    DG_REFUSE_GRANT_NOT_OFFERED,
    DG_REFUSE_GRANT_SCOPE,
    DG_REFUSE_GRANT_TARGET,
    DG_REFUSE_VENDED_AGAIN,            /* with credentials vended here */
    DG_REFUSE_VEND_LIMIT,              /* too much to be sealed */
    DG_REFUSE_BROKER_TOKEN_UNAVAILABLE,
    DG_REFUSE_ZONE_FULL,
    DG_REFUSE_TRAIL_FAILING,
    DG_REFUSE_SENT_DIFFERS,
    DG_REFUSE_UPSTREAM_INSECURE,

    /* the way back */
    DG_REFUSE_ANSWER_UNREADABLE,       /* that was to be changed */

    /* answers that nginx made itself */
    DG_REFUSE_BAD_REQUEST,
    DG_REFUSE_FORBIDDEN,
    DG_REFUSE_NOT_FOUND,
    DG_REFUSE_METHOD,
    DG_REFUSE_REQUEST_TIMEOUT,
    DG_REFUSE_BODY_TOO_LARGE,
    DG_REFUSE_TARGET_TOO_LONG,
    DG_REFUSE_RATE,
    DG_REFUSE_INTERNAL,
    DG_REFUSE_BAD_GATEWAY,
    DG_REFUSE_UNAVAILABLE,
    DG_REFUSE_GATEWAY_TIMEOUT,

    DG_REFUSAL_COUNT
} dg_refusal_t;

typedef struct {
    const char  *name;      /* "signature_mismatch" */
    const char  *aws_code;  /* JSON column of facts: the SDKs' error name */
    unsigned     status;    /* when neither shape nor commonErrors says */
    const char  *text;      /* default sentence for the client */
    const char  *remedy;    /* for docs/refusals.md and the error log */
} dg_refusal_info_t;


/* The row of a refusal; the row of INTERNAL for a value that is not one. */
const dg_refusal_info_t *dg_refusal_info(dg_refusal_t refusal);

/*
 * Whether the refusal says that a credential was presented and was wrong, at
 * the cost of looking at it: what a limit on failures counts.
 */
bool dg_refusal_is_failed_authentication(dg_refusal_t refusal);

/* The refusal that stands for an answer nginx made itself. */
dg_refusal_t dg_refusal_from_status(unsigned status);

#endif
