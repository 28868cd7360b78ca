/*
 * A call's input as one object: see dg_sandbox_input.h.
 */

#include "dg_sandbox_input.h"

#include "core/dg_codec.h"
#include "dg_sandbox_cbor.h"


static dg_err_t
labels(dg_tree_t *tree, const dg_call_t *call, dg_json_t *input)
{
    size_t       i;
    uint8_t     *p;
    dg_writer_t  w;

    for (i = 0; i < call->label_count; i++) {
        p = dg_arena_alloc(tree->arena, call->labels[i].len + 1);
        if (p == NULL) {
            return DG_ERR_MEMORY;
        }

        w = dg_writer(p, call->labels[i].len + 1);

        if (dg_percent_decode(call->labels[i], &w) != DG_OK) {
            return DG_ERR_INVALID;
        }

        dg_tree_set_text(tree, input, call->label_members[i]->name,
                         dg_written(&w));
    }

    return DG_OK;
}


/* The one member of the input that the bare array stands for. */
static const dg_member_t *
array_member(const dg_operation_t *operation)
{
    size_t  i;

    if (operation->payload != NULL) {
        return operation->payload;
    }

    for (i = 0; i < operation->input->member_count; i++) {
        if (operation->input->members[i].shape->type == DG_SHAPE_LIST) {
            return &operation->input->members[i];
        }
    }

    return NULL;
}


static dg_err_t
read_body(dg_tree_t *tree, const dg_call_t *call, dg_span_t body,
    const dg_json_t **root)
{
    dg_err_t  err;

    if (call->protocol == DG_PROTOCOL_RPC_V2_CBOR) {
        return dg_sandbox_cbor_tree(tree, body, root);
    }

    err = dg_json_parse(tree->arena, body, NULL, NULL, root);

    return err;
}


dg_err_t
dg_sandbox_input(dg_tree_t *tree, const dg_call_t *call, dg_span_t body,
    const dg_json_t **input)
{
    dg_err_t            err;
    dg_json_t          *made = dg_tree_object(tree);
    const dg_json_t    *root;
    const dg_member_t  *member;

    *input = made;

    if (made == NULL) {
        return DG_ERR_MEMORY;
    }

    if (dg_span_trim(body).len != 0) {
        err = read_body(tree, call, body, &root);
        if (err != DG_OK) {
            return err;
        }

        if (!call->operation->bare_array) {
            dg_tree_merge(tree, made, root);

        } else {
            member = array_member(call->operation);

            if (root->type != DG_JSON_ARRAY || member == NULL) {
                return DG_ERR_INVALID;
            }

            dg_tree_set(tree, made, member->wire_name, root);
        }
    }

    err = labels(tree, call, made);
    if (err != DG_OK) {
        return err;
    }

    return tree->failed ? DG_ERR_MEMORY : DG_OK;
}
