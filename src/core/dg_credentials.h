/*
 * A set of AWS credentials, as a key file or a credential provider gives it.
 * Spans are borrowed from whoever holds the secret; nothing here copies it.
 */

#ifndef DG_CREDENTIALS_H
#define DG_CREDENTIALS_H

#include "dg_err.h"

#define DG_CREDENTIALS_ID       128           /* bytes of an access key id */
#define DG_CREDENTIALS_SECRET   256
#define DG_CREDENTIALS_TOKEN  16384           /* of a session token */

/* Bytes that a packed set takes at most. */
#define DG_CREDENTIALS_PACKED                                                 \
    (DG_CREDENTIALS_ID + DG_CREDENTIALS_SECRET + DG_CREDENTIALS_TOKEN + 32)

typedef struct {
    dg_span_t  access_key_id;
    dg_span_t  secret_access_key;
    dg_span_t  session_token;  /* empty for a long-lived key */
    int64_t    expires_at;     /* seconds since the epoch; 0 when never */
} dg_credentials_t;


/* 4 to 128 letters, digits and '_'. */
bool dg_credentials_id_fits(dg_span_t id);

/* 1 to 256 printable ASCII characters without blanks. */
bool dg_credentials_secret_fits(dg_span_t secret);

/* 1 to 16384 of the same. */
bool dg_credentials_token_fits(dg_span_t token);

/* NULL, or a phrase that says which part is unfit; the token may be empty. */
const char *dg_credentials_reason(const dg_credentials_t *credentials);

/*
 * One text of a set that fits, for a cache, at most DG_CREDENTIALS_PACKED
 * bytes; and back, borrowed from the text.  DG_ERR_INVALID for a text that is
 * no such.
 */
void dg_credentials_pack(dg_writer_t *w, const dg_credentials_t *credentials);
DG_MUST_USE dg_err_t dg_credentials_unpack(dg_span_t packed,
    dg_credentials_t *credentials);

/* Wipes the texts, which must be writable. */
void dg_credentials_wipe(dg_credentials_t *credentials);

#endif
