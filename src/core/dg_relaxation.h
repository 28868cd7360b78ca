/*
 * What of a service's input may be newer than its model: unknown members and
 * unknown values of enums that are let through, one by one.
 *
 * A relaxation is written as SERVICE:OPERATION/PATH: an unknown member, or
 * the unknown values of a known one.  A last part of "*" stands for everything
 * unknown inside the member before it, or of the operation.  "SERVICE:*" is
 * everything unknown of a service.
 *
 * PATH has the form that deskgate:UnknownMembers has in policies: wire names
 * joined by "/", lists passed without being named; inside a map only "*".
 * All but the last part of PATH have to be in the model, so that a slip of
 * the pen is found when it is written, not when a call is refused.
 */

#ifndef DG_RELAXATION_H
#define DG_RELAXATION_H

#include "dg_model.h"

typedef struct {
    const dg_service_t    *service;
    const dg_operation_t  *operation;  /* NULL: every one of the service */
    dg_span_t              path;       /* of the member; empty with is_tree:
                                          of the whole input */
    bool                   is_tree;    /* what is below path, not path */
} dg_relaxation_t;


/*
 * Reads `text`, which *out borrows.  DG_ERR_SYNTAX when it has no such form,
 * DG_ERR_INVALID when it names what the models do not have or what cannot
 * grow; each with *diag filled, without line and column.  With DG_OK
 * diag->text is empty, or a doubt: the member is much like one that the
 * model has.
 */
DG_MUST_USE dg_err_t dg_relaxation_parse(dg_span_t text,
    const dg_service_t *const *services, size_t service_count,
    dg_relaxation_t *out, dg_diag_t *diag);

/* Whether the unknown member, or value of a member, at `path` passes. */
bool dg_relaxation_covers(const dg_relaxation_t *relaxation,
    const dg_operation_t *operation, dg_span_t path);

#endif
