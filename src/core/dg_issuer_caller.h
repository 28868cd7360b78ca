/*
 * The caller that a checked token makes: the second half of
 * dg_issuer_check(), see dg_issuer.h.
 */

#ifndef DG_ISSUER_CALLER_H
#define DG_ISSUER_CALLER_H

#include "dg_issuer.h"

/* A date that is not in the token. */
#define DG_ISSUER_NO_DATE  (-1)

/*
 * A NumericDate (RFC 7519 section 2) of 1970 to 9999, a fraction cut, or
 * DG_ISSUER_NO_DATE; false when it is anything else.
 */
DG_MUST_USE bool dg_issuer_date(const dg_json_t *claims, dg_span_t name,
    int64_t *date);

/*
 * What dg_issuer_check() does, for claims that the issuer itself told of an
 * opaque token: `iss` is not looked at, a token without `exp` ends at `end`,
 * and the caller is DG_CALLER_OPAQUE.
 */
DG_MUST_USE dg_refusal_t dg_issuer_judge(const dg_issuer_t *issuer,
    const dg_json_t *claims, const dg_token_rules_t *rules, int64_t end,
    dg_arena_t *arena, dg_caller_t *caller);

/*
 * Fills what comes from the subject, groups, tags and claims.
 * DG_REFUSE_TOKEN_CLAIM or DG_REFUSE_INTERNAL.
 */
DG_MUST_USE dg_refusal_t dg_issuer_caller(const dg_issuer_t *issuer,
    const dg_json_t *claims, dg_arena_t *arena, dg_caller_t *caller);

#endif
