/*
 * The shared config and credentials files of AWS SDKs and CLI (AWS SDKs and
 * Tools Reference Guide, "Shared config and credentials files"): sections in
 * brackets, "[NAME]", or "[profile NAME]" in the config file; settings as
 * NAME = VALUE; '#' and ';' begin comments; indented lines below a setting
 * without value belong to it and are not looked at.
 *
 * Where the readers of these files differ, what only some of them take is
 * refused: a setting or a profile that comes twice, and an indented line that
 * would continue a value.
 */

#ifndef DG_PROFILE_H
#define DG_PROFILE_H

#include "dg_arena.h"
#include "dg_err.h"

#define DG_PROFILE_TEXT  (1024 * 1024)  /* bytes of a file */

/*
 * Told of each setting of the profile, borrowed from the text.  *known says
 * that it means something: an unknown one may have nested lines.  Column is
 * the value's, from 1.
 */
typedef dg_err_t (*dg_profile_setting_pt)(void *ctx, dg_span_t name,
    dg_span_t value, unsigned line, unsigned column, bool *known);

typedef struct {
    dg_span_t  access_key_id;
    dg_span_t  secret_access_key;
    dg_span_t  session_token;
    dg_span_t  expiration;
    dg_span_t  role_arn;
    dg_span_t  source_profile;
    dg_span_t  credential_source;    /* Environment, EcsContainer, ... */
    dg_span_t  web_identity_token_file;
    dg_span_t  role_session_name;
    dg_span_t  external_id;
    dg_span_t  duration_seconds;
    dg_span_t  mfa_serial;
    dg_span_t  credential_process;
    dg_span_t  region;
} dg_profile_t;


/*
 * Reads one profile of a text.  *header is the line of its section, 0 when
 * there is none.  DG_ERR_SYNTAX, _INVALID or _LIMIT with *diag, or what the
 * callback returned.
 */
DG_MUST_USE dg_err_t dg_profile_read(dg_span_t text, dg_span_t profile,
    dg_profile_setting_pt setting, void *ctx, unsigned *header,
    dg_diag_t *diag);

/*
 * A profile of both files, either of which may be empty; what the credentials
 * file says wins.  Spans are borrowed from the texts.  *in_config (may be
 * NULL) tells which of the two *diag speaks of.  DG_ERR_MISSING when neither
 * has the profile; else as dg_profile_read().
 */
DG_MUST_USE dg_err_t dg_profile_load(dg_span_t config, dg_span_t credentials,
    dg_span_t name, dg_profile_t *profile, bool *in_config, dg_diag_t *diag);

#endif
