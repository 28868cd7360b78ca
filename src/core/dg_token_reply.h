/*
 * The OAuth client_credentials grant as a client: the request to a token
 * endpoint and its answer (RFC 6749 sections 2.3.1, 4.4, 5.1; RFC 6750
 * section 2.1).
 *
 * A DCV Session Manager broker wants the grant in the query, an empty body,
 * and id and secret encoded as they are; others want what the RFC says.
 */

#ifndef DG_TOKEN_REPLY_H
#define DG_TOKEN_REPLY_H

#include "dg_arena.h"
#include "dg_err.h"

#define DG_TOKEN_REPLY_TEXT     131072  /* bytes of an answer */
#define DG_TOKEN_REPLY_TOKEN     65536  /* bytes of a token */
#define DG_TOKEN_LIFETIME_MAX  (366 * 86400)  /* seconds; more is cut */
#define DG_TOKEN_CLIENT_MAX       1024  /* bytes of an id or a secret */

typedef struct {
    dg_span_t  access_token;  /* printable ASCII, fit for a header */
    int64_t    expires_in;    /* seconds, from 1 */
} dg_token_reply_t;

typedef enum {
    DG_TOKEN_FORM_BROKER,
    DG_TOKEN_FORM_RFC
} dg_token_form_t;

typedef struct {
    dg_token_form_t  form;
    dg_span_t        client_id;
    dg_span_t        client_secret;
    dg_span_t        scope;   /* RFC form only; empty: not sent */
} dg_token_request_t;


/*
 * The answer of status 200.  expires_in may be a number or a numeric string;
 * absent, it is `default_expires_in`.  The token is in `arena`; nothing else
 * of the answer stays there.  Members beside are ignored.  DG_ERR_SYNTAX,
 * _INVALID, _MISSING, _LIMIT or _MEMORY with *diag (may be NULL), which never
 * shows a value of the answer.
 */
DG_MUST_USE dg_err_t dg_token_reply_parse(dg_arena_t *arena, dg_span_t body,
    int64_t default_expires_in, dg_token_reply_t *reply, dg_diag_t *diag);

/* Wipes the token. */
void dg_token_reply_wipe(dg_token_reply_t *reply);

/*
 * The value of the Authorization header, "Basic ...".  DG_ERR_INVALID for an
 * empty id or, in the broker's form, one with a colon; DG_ERR_LIMIT when id
 * or secret are too long or the writer has no room.
 */
DG_MUST_USE dg_err_t dg_token_write_authorization(dg_writer_t *w,
    const dg_token_request_t *request);

/* The query without '?'; empty in the RFC form. */
void dg_token_write_query(dg_writer_t *w, const dg_token_request_t *request);

/*
 * The body, application/x-www-form-urlencoded; empty in the broker's form.
 */
void dg_token_write_body(dg_writer_t *w, const dg_token_request_t *request);

#endif
