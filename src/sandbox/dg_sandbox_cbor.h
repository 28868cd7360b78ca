/*
 * CBOR bodies as trees, for rpc-v2-cbor.
 */

#ifndef DG_SANDBOX_CBOR_H
#define DG_SANDBOX_CBOR_H

#include "dg_sandbox_tree.h"

/*
 * The one value of a CBOR text: byte strings become Base64 strings,
 * timestamps numbers, as they stand in JSON.  The reader's errors.
 */
DG_MUST_USE dg_err_t dg_sandbox_cbor_tree(dg_tree_t *tree, dg_span_t body,
    const dg_json_t **root);

#endif
