/*
 * The revocation file: callers that are refused although their credential
 * is right.
 *
 * A JSON text, {"version": 1, "revocations": [ENTRY, ...]}; an ENTRY has
 *
 *   issuer         configured name of the issuer of the token
 *   subject        its `sub`
 *   jti            its `jti`
 *   kid            name of the key that signed it
 *   access_key_id  of a key file, or of credentials vended here
 *   principal      whole principal ARN
 *   all            true: everyone who came by a token
 *   revoke_before  RFC 3339; only what was issued before this second
 *   reason         for people
 *
 * All that an entry names must be so.  subject, jti and kid need issuer, as
 * they mean nothing without it; `all` stands alone and needs revoke_before.
 * Anything else is refused with line and column.
 *
 * Credentials vended for a token are held against the issuer, subject, jti,
 * kid and time of issue of that token.  What has no known time of issue
 * counts as issued long ago.  `all` does not concern keys of a key file and
 * client certificates, which are never issued; name those.
 */

#ifndef DG_REVOCATION_H
#define DG_REVOCATION_H

#include "dg_arena.h"
#include "dg_caller.h"
#include "dg_err.h"

#define DG_REVOCATION_TEXT     (4 * 1024 * 1024)  /* bytes of a file */
#define DG_REVOCATION_ENTRIES  65536
#define DG_REVOCATION_VALUE    2048               /* bytes of a member */

typedef struct dg_revocations_s  dg_revocations_t;


/*
 * Compiles a revocation file into the arena; the text may be released
 * afterwards.  DG_ERR_SYNTAX, _INVALID, _MISSING, _LIMIT or _MEMORY with
 * *diag (may be NULL).
 */
DG_MUST_USE dg_err_t dg_revocations_parse(dg_arena_t *arena, dg_span_t text,
    dg_diag_t *diag, const dg_revocations_t **revocations);

/*
 * Whether an entry speaks of this caller.  Reads kind, arn, access_key_id,
 * issuer, subject, token_id, kid and issued_at, and allocates nothing.  The
 * time is that of some hash lookups, whatever the number of entries, unless
 * many of them name the same.
 */
bool dg_revoked(const dg_revocations_t *revocations,
    const dg_caller_t *caller);

size_t dg_revocations_count(const dg_revocations_t *revocations);

#endif
