/*
 * What a token endpoint is asked for (RFC 6749 section 4.4, RFC 8693 section
 * 2.1), and how its client shows who it is by Basic (RFC 6749 section 2.3.1).
 *
 * Parameters come in the body; DCV brokers' clients have grant_type in the
 * query, and nothing else may be there.
 */

#ifndef DG_GRANT_H
#define DG_GRANT_H

#include "dg_arena.h"
#include "dg_refusal.h"

#define DG_GRANT_BODY_MAX   98304  /* bytes */
#define DG_GRANT_BASIC_MAX  4096   /* bytes of Basic's value */

typedef enum {
    DG_GRANT_CLIENT_CREDENTIALS = 1 << 0,
    DG_GRANT_TOKEN_EXCHANGE = 1 << 1
} dg_grant_type_t;

typedef struct {
    dg_grant_type_t  type;
    dg_span_t        subject_token;   /* of an exchange */
    bool             subject_vended;  /* it is a vended session's token */
    const char      *reason;          /* of a refusal, for the log */
} dg_grant_t;

/* What may be asked for. */
typedef struct {
    unsigned   types;      /* a mask of dg_grant_type_t */
    dg_span_t  issuer;     /* "resource" may name this */
    dg_span_t  audience;   /* "audience" and "resource" this */
} dg_grant_rules_t;

#define DG_GRANT_VENDED_TYPE  "urn:deskgate:token-type:vended-session"


/*
 * Reads query (without '?') and body.  What is kept is in the arena.
 * DG_ALLOWED, GRANT_REQUEST (a parameter is absent, repeated, or not where it
 * belongs), GRANT_TYPE, GRANT_NOT_OFFERED, GRANT_SCOPE (there are none here),
 * GRANT_TARGET, or INTERNAL.
 */
DG_MUST_USE dg_refusal_t dg_grant_read(const dg_grant_rules_t *rules,
    dg_span_t query, dg_span_t body, dg_arena_t *arena, dg_grant_t *grant);

/*
 * The two parts of "Basic ...", as they are and percent-decoded: clients send
 * either.  Spans are in the arena, which holds a secret then; the decoded
 * ones are empty when there is nothing to decode.  False for anything else.
 */
typedef struct {
    dg_span_t  id;
    dg_span_t  secret;
    dg_span_t  decoded_id;
    dg_span_t  decoded_secret;
} dg_grant_basic_t;

DG_MUST_USE bool dg_grant_read_basic(dg_span_t authorization,
    dg_arena_t *arena, dg_grant_basic_t *basic);

/* True when the Authorization value is of the scheme Basic. */
bool dg_grant_is_basic(dg_span_t authorization);

#endif
