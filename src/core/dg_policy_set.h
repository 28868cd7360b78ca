/*
 * The compiled form of a set: private to the policy unit.
 *
 * All statements stand in one list, denies first, each group in the order of
 * documents and statements.  The index gives, for an action, the places of
 * those statements that can match it; an action that is not in the index
 * looks at all.
 */

#ifndef DG_POLICY_SET_H
#define DG_POLICY_SET_H

#include "dg_policy_document.h"

typedef struct {
    const dg_policy_statement_t  *statement;
    uint32_t                      document;
    uint32_t                      index;     /* within the document */
} dg_policy_place_t;

typedef struct {
    dg_span_t        action;    /* lower case; empty: free */
    const uint32_t  *places;    /* ascending */
    size_t           count;
} dg_policy_index_t;

struct dg_policy_set_s {
    const dg_policy_document_t  *documents;
    size_t                       document_count;
    bool                         direct_grants_uncapped;
    size_t                       forms[DG_POLICY_FORMS];  /* documents of */

    const dg_policy_place_t     *places;
    size_t                       place_count;

    const dg_policy_key_t       *keys;
    size_t                       key_count;
    const unsigned *const       *key_maps;  /* by document: its keys' index */

    const dg_policy_index_t     *index;     /* open addressing */
    size_t                       index_mask;
};

/* What the index holds for an action in lower case; NULL when nothing. */
const dg_policy_index_t *dg_policy_set_find(const dg_policy_set_t *set,
    dg_span_t action);

/* Does the statement's Action or NotAction match; action in lower case. */
bool dg_policy_action_matches(const dg_policy_statement_t *statement,
    dg_span_t action, size_t *steps);

/* Lower case into `buffer`; false when it is too long or no action. */
bool dg_policy_action_fold(dg_span_t action,
    uint8_t buffer[DG_POLICY_ACTION_MAX], dg_span_t *folded);

#endif
