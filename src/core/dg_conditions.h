/*
 * Values of condition keys: what each key of a policy set means, found once
 * when the set is made, and its values, found when a statement asks.  The
 * keys are in dg_condition_key.h.
 */

#ifndef DG_CONDITIONS_H
#define DG_CONDITIONS_H

#include "dg_arena.h"
#include "dg_caller.h"
#include "dg_condition_key.h"
#include "dg_facts.h"
#include "dg_input_texts.h"
#include "dg_inspect.h"
#include "dg_policy.h"

typedef struct dg_conditions_s  dg_conditions_t;

/* What is known of a call.  All is borrowed for the time of a decision. */
typedef struct {
    const dg_caller_t       *caller;
    const dg_call_t         *call;
    const dg_inspection_t   *inspection;
    const dg_resource_t     *resources;   /* as given to the decision */
    size_t                   resource_count;
    const dg_facts_t        *about;       /* of each of the resources; NULL:
                                             nothing was looked up */
    const dg_input_texts_t  *texts;       /* of each item; NULL: not read */
    dg_span_t                source_ip;
    dg_span_t                user_agent;
    dg_span_t                region;
    bool                     secure_transport;
    int64_t                  now;         /* seconds */
    dg_arena_t              *arena;       /* for lists and printed values */
} dg_call_facts_t;

/* What dg_policy_request_t takes as lookup_ctx. */
typedef struct {
    const dg_conditions_t   *conditions;
    const dg_call_facts_t   *facts;
} dg_conditions_lookup_t;

/* What must be found out before a call can be decided. */
typedef struct {
    bool                     texts;       /* dg_input_texts.h */
    const dg_policy_key_t  **facts;       /* keys of the set that are looked
                                             up, each once: dg_facts.h */
    size_t                   fact_count;
} dg_conditions_needs_t;


/*
 * The meaning of every key of the set.  NULL without memory.  The set and
 * the arena must outlive it.
 */
const dg_conditions_t *dg_conditions_create(dg_arena_t *arena,
    const dg_policy_set_t *set);

/*
 * What the statements for this operation read: action is its name as in
 * dg_policy_request_t.  The list is in the arena, which is not used when
 * there is nothing to list.  DG_ERR_MEMORY.
 */
DG_MUST_USE dg_err_t dg_conditions_needs(const dg_conditions_t *conditions,
    dg_span_t action, const dg_operation_t *operation, dg_arena_t *arena,
    dg_conditions_needs_t *needs);

/* A dg_policy_lookup_pt; ctx is a dg_conditions_lookup_t. */
void dg_conditions_lookup(void *ctx, const dg_policy_key_t *key,
    size_t resource, dg_policy_values_t *values);

#endif
