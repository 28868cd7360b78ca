/*
 * A call's input as one object: path labels, query and body.
 */

#ifndef DG_SANDBOX_INPUT_H
#define DG_SANDBOX_INPUT_H

#include "dg_sandbox.h"

/*
 * The input of an identified call whose body was found valid.  The broker's
 * bare array becomes the member that its model gives it; anything else than
 * a bare array is DG_ERR_INVALID there, as for the real broker.
 * DG_ERR_SYNTAX, DG_ERR_LIMIT, DG_ERR_INVALID, DG_ERR_MEMORY.
 */
DG_MUST_USE dg_err_t dg_sandbox_input(dg_tree_t *tree, const dg_call_t *call,
    dg_span_t body, const dg_json_t **input);

#endif
