/*
 * Changing entities as a row of the data says.
 */

#ifndef DG_SANDBOX_CHANGE_H
#define DG_SANDBOX_CHANGE_H

#include "dg_sandbox_entity.h"

/* "from": DG_OK in one of these states, else DG_ERR_INVALID with a fault. */
dg_err_t dg_change_allowed(dg_sandbox_call_t *call, const dg_json_t *entity);

/* "absent" and "present": attributes that there must not be, or must be. */
dg_err_t dg_change_attributed(dg_sandbox_call_t *call,
    const dg_json_t *entity);

/* The item's members as attributes, under the names that the row gives. */
dg_json_t *dg_change_attributes(dg_sandbox_call_t *call,
    const dg_json_t *item);

/* A copy in which the address of its hash stands for each blob. */
const dg_json_t *dg_change_without_blobs(dg_sandbox_call_t *call,
    const dg_shape_t *shape, const dg_json_t *value);

/* Each of `values`, expanded, into the entity; `absent`: only new ones. */
void dg_change_set(dg_sandbox_call_t *call, const dg_json_t *values,
    const dg_json_t *item, dg_json_t *entity, bool absent);

/* All that the row says, if the entity's state allows it. */
dg_err_t dg_change(dg_sandbox_call_t *call, const dg_json_t *item,
    dg_json_t *entity);

#endif
