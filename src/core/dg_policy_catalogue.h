/*
 * What a policy may speak of in a gateway with these services: the actions,
 * resource types and condition keys of the loaded models, the keys that the
 * gateway itself gives (dg_condition_key.h), and claims of configured issuers.
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
    bool                        facts;        /* resources are looked up */
} dg_policy_catalogue_source_t;

/*
 * Compiles; the services and names are borrowed.  DG_ERR_MEMORY.  *out holds
 * what dg_policy_load() and dg_policy_set_create() take.
 */
DG_MUST_USE dg_err_t dg_policy_catalogue_create(dg_arena_t *arena,
    const dg_policy_catalogue_source_t *source,
    dg_policy_catalogue_t *out);

#endif
