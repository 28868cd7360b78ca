/*
 * What operations do with entities: between dg_sandbox_run.c, which decides
 * what an operation is and shapes its answer, and the entities.
 */

#ifndef DG_SANDBOX_VERBS_H
#define DG_SANDBOX_VERBS_H

#include "dg_sandbox_entity.h"

/*
 * Each acts on one item (the input, or an item of a batch) and gives the
 * entity it made, changed or took away.  DG_ERR_INVALID with a fault,
 * DG_ERR_MEMORY, DG_ERR_CRYPTO.
 */
typedef dg_err_t (*dg_sandbox_verb_pt)(dg_sandbox_call_t *call,
    const dg_json_t *item, const dg_json_t **entity);

dg_err_t dg_verb_create(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity);
dg_err_t dg_verb_modify(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity);
dg_err_t dg_verb_delete(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity);
dg_err_t dg_verb_get(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity);

/* Sets expanded `values` in the entity and stores it. */
DG_MUST_USE dg_err_t dg_verb_apply(dg_sandbox_call_t *call,
    const dg_json_t *def, const dg_json_t *values, dg_json_t *entity);

/* dg_sandbox_tags.c: the tags of an entity of any kind */
dg_err_t dg_verb_tag(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity);
dg_err_t dg_verb_untag(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity);
dg_err_t dg_verb_tags(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity);

/* The entity's tags with those of `tags` (a list of Key and Value) added. */
void dg_tags_add(dg_sandbox_call_t *call, dg_json_t *entity,
    const dg_json_t *tags);


/* dg_sandbox_list.c */

/* Puts a page of the matching entities into call->output. */
dg_err_t dg_verb_list(dg_sandbox_call_t *call);

/*
 * Cuts a page out of keys in ascending order: reads the input's limit and
 * token.  *after is the key behind which the page begins (empty: the first).
 */
DG_MUST_USE dg_err_t dg_page_begin(dg_sandbox_call_t *call, size_t *limit,
    dg_span_t *after);

/* The token of the page behind `last`, as NextToken of the output. */
DG_MUST_USE dg_err_t dg_page_more(dg_sandbox_call_t *call, dg_span_t last);

#endif
