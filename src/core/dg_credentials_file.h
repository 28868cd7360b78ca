/*
 * Static credentials from a file, in one of two forms:
 *
 *   JSON: {"access_key_id": "...", "secret_access_key": "...",
 *          "session_token": "...", "expiration": "2026-12-31T23:59:59Z"},
 *   the last two optional, no other member;
 *
 *   the shared credentials file of AWS SDKs and CLI (AWS SDKs and Tools
 *   Reference Guide, "Shared config and credentials files"): sections in
 *   brackets, aws_access_key_id, aws_secret_access_key, aws_session_token,
 *   and the time of expiration as aws_credential_expiration, expiration or
 *   x_security_token_expires.  Other settings of a profile are ignored, also
 *   nested ones; other profiles are not looked at.
 */

#ifndef DG_CREDENTIALS_FILE_H
#define DG_CREDENTIALS_FILE_H

#include "dg_arena.h"
#include "dg_credentials.h"
#include "dg_err.h"

#define DG_CREDENTIALS_TEXT    (1024 * 1024)  /* bytes of a file */


/*
 * Reads either form; a text whose first character is a brace is JSON.  An
 * empty `profile` stands for "default" (not used for JSON).  The spans of
 * *credentials are NUL-terminated copies in the arena, nothing else of the
 * text stays there.
 *
 * DG_ERR_SYNTAX, _INVALID, _MISSING, _LIMIT or _MEMORY with *diag (may be
 * NULL), which never shows a value of the file.
 */
DG_MUST_USE dg_err_t dg_credentials_file_parse(dg_arena_t *arena,
    dg_span_t text, dg_span_t profile, dg_credentials_t *credentials,
    dg_diag_t *diag);

#endif
