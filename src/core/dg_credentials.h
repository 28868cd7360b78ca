/*
 * A set of AWS credentials, as a key file or a credential provider gives it.
 * Spans are borrowed from whoever holds the secret; nothing here copies it.
 */

#ifndef DG_CREDENTIALS_H
#define DG_CREDENTIALS_H

#include "dg_span.h"

typedef struct {
    dg_span_t  access_key_id;
    dg_span_t  secret_access_key;
    dg_span_t  session_token;  /* empty for a long-lived key */
    int64_t    expires_at;     /* seconds since the epoch; 0 when never */
} dg_credentials_t;

#endif
