/*
 * The commands of deskgate-token that ask a server: credentials from a
 * deskgate_vend location, tokens from a token endpoint.
 */

#ifndef TOKEN_FETCH_H
#define TOKEN_FETCH_H

#include "dg_span.h"

typedef struct {
    const char  *url;
    const char  *cacert;       /* or NULL */
    dg_span_t    token;        /* credentials: the bearer token */
    const char  *client_id;    /* fetch */
    dg_span_t    secret;
    const char  *scope;        /* or NULL */
    bool         query;        /* the grant as DCV brokers want it */
} token_fetch_t;


/* Prints what credential_process of AWS SDKs reads.  An exit code. */
int token_credentials(const token_fetch_t *fetch);

/* Prints the token of a client_credentials grant.  An exit code. */
int token_grant(const token_fetch_t *fetch);

#endif
