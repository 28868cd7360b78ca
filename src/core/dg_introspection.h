/*
 * Token introspection (RFC 7662): the form that asks an issuer about an
 * opaque bearer token, and its answer.
 */

#ifndef DG_INTROSPECTION_H
#define DG_INTROSPECTION_H

#include "dg_arena.h"
#include "dg_issuer.h"
#include "dg_json.h"

#define DG_INTROSPECTION_TOKEN_MAX   8192   /* bytes of a token */
#define DG_INTROSPECTION_TEXT_MAX   32768   /* bytes of an answer */
#define DG_INTROSPECTION_LIFE         300   /* s, of a token without exp */


/*
 * Whether a token may be sent: the characters of RFC 6750 section 2.1
 * (b64token), and not too many of them.
 */
bool dg_introspection_takes(dg_span_t token);

/*
 * Whether it has the form of a signed JWT: three parts of base64url between
 * two dots, the first of which begins like a JSON object.
 */
bool dg_introspection_is_jwt(dg_span_t token);

/* At most this many bytes are written. */
size_t dg_introspection_size(dg_span_t token);

/* The body, application/x-www-form-urlencoded; it holds the token. */
void dg_introspection_write(dg_writer_t *w, dg_span_t token);

/*
 * The answer of status 200, in the arena and the text.  *claims is NULL when
 * the token is not active.  DG_ERR_SYNTAX, _INVALID (no object, or `active`
 * is not a boolean), _MISSING, _LIMIT or _MEMORY with *diag (may be NULL),
 * which never shows a value of the answer.
 */
DG_MUST_USE dg_err_t dg_introspection_parse(dg_arena_t *arena,
    dg_span_t answer, const dg_json_t **claims, dg_diag_t *diag);

/*
 * How long an answer may be used: to the token's exp, at most `bound`
 * seconds; 0 when it has ended, or exp is no date.
 */
int64_t dg_introspection_life(const dg_json_t *claims, int64_t now,
    int64_t bound);

/*
 * Checks an active answer as dg_issuer_check() checks claims, and makes the
 * caller: kind DG_CALLER_OPAQUE, ARN
 * arn:aws:deskgate::ACCOUNT:opaque/NAME/SUBJECT.  `iss` may be absent, or is
 * the issuer's; without `exp` the token ends DG_INTROSPECTION_LIFE from now.
 * token_type, where it is told, is Bearer.  The refusals of
 * dg_issuer_check(); on refusal *caller holds what was claimed.
 */
DG_MUST_USE dg_refusal_t dg_introspection_check(const dg_issuer_t *issuer,
    const dg_json_t *claims, const dg_token_rules_t *rules,
    dg_arena_t *arena, dg_caller_t *caller);

#endif
