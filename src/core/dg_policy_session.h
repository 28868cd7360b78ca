/*
 * The session policy of one caller, which came with his credential and not
 * with the configuration: it grants nothing and takes away what it does not
 * allow.  (IAM User Guide, "Policies and permissions: session policies".)
 *
 * It is a set of its own, so that it may come and go while the sets of the
 * locations stay.  A call is allowed when the location's set and this one
 * allow it.
 */

#ifndef DG_POLICY_SESSION_H
#define DG_POLICY_SESSION_H

#include "dg_conditions.h"
#include "dg_policy.h"

typedef struct {
    const dg_policy_set_t  *set;
    const dg_conditions_t  *conditions;
} dg_policy_session_t;


/*
 * Compiles a document.  The text may be released afterwards; name and
 * catalogue must live as long as the arena.  Errors are those of
 * dg_policy_load(), with *diag.
 */
DG_MUST_USE dg_err_t dg_policy_session_create(dg_arena_t *arena,
    dg_span_t text, dg_span_t name, const dg_policy_catalogue_t *catalogue,
    dg_diag_t *diag, dg_policy_session_t *session);

/*
 * What is left of a decision: *decision is replaced when the session policy
 * denies, or does not know, what it allowed.  `request` and `facts` are
 * those of the decision.
 */
void dg_policy_session_narrow(const dg_policy_session_t *session,
    const dg_policy_request_t *request, const dg_call_facts_t *facts,
    dg_policy_decision_t *decision);

#endif
