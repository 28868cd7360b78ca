/*
 * RoleSessionName and SourceIdentity of STS for any text: an injective
 * mapping into 2 to 64 bytes of [A-Za-z0-9_+=,.@-].
 *
 * A text that fits is kept.  Any other becomes what is left of it (each
 * foreign byte a '-', cut to 23 bytes), '=' and 40 hex digits of its SHA-256.
 * A text that looks like such a result is treated as any other, so nobody can
 * choose a name that stands for somebody else.
 */

#ifndef DG_SESSION_NAME_H
#define DG_SESSION_NAME_H

#include "dg_crypto.h"

#define DG_SESSION_NAME_MAX  64


/* Writes at most 64 bytes, no NUL.  DG_ERR_MISSING for an empty text,
 * DG_ERR_CRYPTO. */
DG_MUST_USE dg_err_t dg_session_name(dg_crypto_t *crypto, dg_span_t text,
    char out[DG_SESSION_NAME_MAX], size_t *len);

#endif
