/*
 * The caller that a checked token makes: the second half of
 * dg_issuer_check(), see dg_issuer.h.
 */

#ifndef DG_ISSUER_CALLER_H
#define DG_ISSUER_CALLER_H

#include "dg_issuer.h"

/*
 * Fills what comes from the subject, groups, tags and claims.
 * DG_REFUSE_TOKEN_CLAIM or DG_REFUSE_INTERNAL.
 */
DG_MUST_USE dg_refusal_t dg_issuer_caller(const dg_issuer_t *issuer,
    const dg_json_t *claims, dg_arena_t *arena, dg_caller_t *caller);

#endif
