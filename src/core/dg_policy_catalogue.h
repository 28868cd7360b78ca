/*
 * What a policy may speak of in a gateway with these services: the actions,
 * resource types and condition keys of the loaded models, the keys that the
 * gateway itself gives, and claims of configured issuers.
 *
 * The table of keys is here and in docs/policy.md; a test compares them.
 */

#ifndef DG_POLICY_CATALOGUE_H
#define DG_POLICY_CATALOGUE_H

#include "dg_model.h"
#include "dg_policy.h"

typedef struct {
    const dg_service_t *const  *services;
    size_t                      service_count;
    const dg_span_t            *issuers;      /* configured names */
    size_t                      issuer_count;
    bool                        any_issuer;   /* the names are not known */
} dg_policy_catalogue_source_t;

/*
 * Compiles; the services and names are borrowed.  DG_ERR_MEMORY.  *out holds
 * what dg_policy_load() and dg_policy_set_create() take.
 */
DG_MUST_USE dg_err_t dg_policy_catalogue_create(dg_arena_t *arena,
    const dg_policy_catalogue_source_t *source,
    dg_policy_catalogue_t *out);

/*
 * Where `deskgate:Request/PATH` leads from the operation's input: the
 * member's shape, or NULL.  A path names members by their wire names, in any
 * case, joined by '/'; lists are stepped through without being named; in a
 * batch call the path may start at the item.  *is_list: may have several
 * values.
 */
const dg_shape_t *dg_policy_request_member(const dg_operation_t *operation,
    dg_span_t path, bool *is_list, bool *sensitive);

#endif
