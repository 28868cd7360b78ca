/*
 * Entities: records of the store that a service's data describes, as JSON
 * objects.  Members whose names begin with '$' are the sandbox's own and
 * never appear in an answer: $since (milliseconds, when the state was
 * entered) and $tags.
 */

#ifndef DG_SANDBOX_ENTITY_H
#define DG_SANDBOX_ENTITY_H

#include "dg_sandbox.h"

/* Everything that text in the data file may speak of. */
typedef struct {
    const dg_json_t  *item;    /* of a batch, else the input */
    const dg_json_t  *entity;  /* may be NULL */
} dg_sandbox_scope_t;


/* The entity's description; NULL when the name is empty or unknown. */
const dg_json_t *dg_entity_def(const dg_sandbox_call_t *call, dg_span_t name);

/*
 * The id of an entity of the kind `def` as `source` gives it: its key
 * members joined by '/'.  `map` (may be NULL) names source members that
 * differ from the key's.  False when one of them is absent.
 */
bool dg_entity_id(dg_sandbox_call_t *call, const dg_json_t *def,
    const dg_json_t *map, const dg_json_t *source, dg_span_t *id);

/* NULL when there is none (or no more, by its transitions). */
dg_json_t *dg_entity_get(dg_sandbox_call_t *call, const dg_json_t *def,
    dg_span_t id);

/* Stores it under its own key members; DG_ERR_INVALID with a fault. */
DG_MUST_USE dg_err_t dg_entity_put(dg_sandbox_call_t *call,
    const dg_json_t *def, dg_json_t *entity);

void dg_entity_del(dg_sandbox_call_t *call, const dg_json_t *def,
    dg_span_t id);

/* The next entity behind `after` (an id; empty: the first); NULL: no more. */
dg_json_t *dg_entity_next(dg_sandbox_call_t *call, const dg_json_t *def,
    dg_span_t after, dg_span_t *id);

/* Puts `state` into the state member and notes the time. */
void dg_entity_touch(dg_sandbox_call_t *call, dg_json_t *entity);

/* Puts the entities of the data file there, once per account and region. */
DG_MUST_USE dg_err_t dg_entity_seed(dg_sandbox_call_t *call);

/* The entity of any kind with that id; *def is its kind. */
dg_json_t *dg_entity_any(dg_sandbox_call_t *call, dg_span_t id,
    const dg_json_t **def);


/* dg_sandbox_template.c */

/*
 * A copy of a value of the data file with ${...} in its strings replaced:
 * account, region, uuid, now, now+SECONDS (numbers), iso (text),
 * hex:N, alnum:N, input.NAME, item.NAME, and otherwise a member of the
 * entity.  A string that is one expression becomes the value itself, with
 * its type; NULL when that is absent.
 */
const dg_json_t *dg_template_expand(dg_sandbox_call_t *call,
    const dg_json_t *value, const dg_sandbox_scope_t *scope);

/* The value at a dotted path; NULL when absent. */
const dg_json_t *dg_template_path(const dg_json_t *object, dg_span_t path);

#endif
