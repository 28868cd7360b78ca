/*
 * Create, get, modify and delete: see dg_sandbox_verbs.h.
 */

#include "dg_sandbox_change.h"
#include "dg_sandbox_verbs.h"


static const dg_json_t *
kind_of(dg_sandbox_call_t *call)
{
    call->entity_def = dg_entity_def(call,
                                     dg_sandbox_text(call->row, "entity"));
    return call->entity_def;
}


static dg_err_t
not_found(dg_sandbox_call_t *call, const dg_json_t *def, dg_span_t id)
{
    dg_span_t  what = dg_sandbox_text(def, "title"), text;

    if (what.len == 0) {
        what = def->key;
    }

    call->resource = id;
    call->code = dg_sandbox_text(def, "missing");

    if (dg_json_string(def, DG_SPAN("text"), &text)) {
        return dg_sandbox_fault(call, DG_FAULT_NOT_FOUND, "%.*s",
                                (int) text.len, text.data);
    }

    return dg_sandbox_fault(call, DG_FAULT_NOT_FOUND,
                            "The specified %.*s could not be found.",
                            (int) what.len, what.data);
}


/* "match": ["Owner"] : what the item claims of the entity must be true. */
static bool
agrees(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t *entity)
{
    const dg_json_t  *name = dg_json_member(call->row, DG_SPAN("match"));

    for (name = name ? name->first : NULL; name != NULL; name = name->next) {
        if (!dg_tree_equal(dg_json_member(item, name->text),
                           dg_json_member(entity, name->text)))
        {
            return false;
        }
    }

    return true;
}


/* The entity that the item names, with its id. */
static dg_err_t
find(dg_sandbox_call_t *call, const dg_json_t *item, dg_json_t **entity,
    dg_span_t *id)
{
    const dg_json_t  *def = kind_of(call);

    if (!dg_entity_id(call, def, dg_json_member(call->row, DG_SPAN("id")),
                      item, id))
    {
        return dg_sandbox_fault(call, DG_FAULT_INVALID,
                                "An identifier is required.");
    }

    *entity = dg_entity_get(call, def, *id);

    return *entity == NULL || !agrees(call, item, *entity)
           ? not_found(call, def, *id) : DG_OK;
}


/* What `member` names must exist as an entity of the kind `def`. */
static dg_err_t
need_value(dg_sandbox_call_t *call, const dg_json_t *def,
    const dg_json_t *value)
{
    dg_err_t          err;
    const dg_json_t  *each;

    if (value->type == DG_JSON_ARRAY) {
        for (each = value->first; each != NULL; each = each->next) {
            err = need_value(call, def, each);
            if (err != DG_OK) {
                return err;
            }
        }

        return DG_OK;
    }

    if (dg_entity_get(call, def, value->text) != NULL) {
        return DG_OK;
    }

    return not_found(call, def, value->text);
}


/* "needs": {"BundleId": "bundle"} : what the item refers to must be there. */
static dg_err_t
needs(dg_sandbox_call_t *call, const dg_json_t *item)
{
    dg_err_t          err;
    const dg_json_t  *need, *value;

    need = dg_json_member(call->row, DG_SPAN("needs"));

    for (need = need ? need->first : NULL; need != NULL; need = need->next) {
        value = dg_template_path(item, need->key);
        if (value == NULL) {
            continue;
        }

        err = need_value(call, dg_entity_def(call, need->text), value);
        if (err != DG_OK) {
            return err;
        }
    }

    return DG_OK;
}


static bool
same_values(const dg_json_t *a, const dg_json_t *b, const dg_json_t *names)
{
    const dg_json_t  *name, *x;

    for (name = names->first; name != NULL; name = name->next) {
        x = dg_json_member(a, name->text);

        if (x == NULL || !dg_tree_equal(x, dg_json_member(b, name->text))) {
            return false;
        }
    }

    return true;
}


/* "unique": [["DirectoryId", "UserName"]] : no two entities agree in them. */
static dg_err_t
unique(dg_sandbox_call_t *call, const dg_json_t *def, const dg_json_t *entity)
{
    dg_span_t         id = DG_SPAN_EMPTY;
    const dg_json_t  *other, *names, *first;

    first = dg_json_member(def, DG_SPAN("unique"));
    if (first == NULL) {
        return DG_OK;
    }

    while ((other = dg_entity_next(call, def, id, &id)) != NULL) {

        for (names = first->first; names != NULL; names = names->next) {
            if (same_values(entity, other, names)) {
                call->resource = id;
                return dg_sandbox_fault(call, DG_FAULT_EXISTS,
                                        "Such a %.*s already exists.",
                                        (int) def->key.len, def->key.data);
            }
        }
    }

    return DG_OK;
}


/* "also": [{"entity": "modification", "set": {...}}] */
static dg_err_t
also(dg_sandbox_call_t *call, const dg_json_t *item, const dg_json_t *entity)
{
    dg_err_t             err;
    dg_json_t           *more;
    const dg_json_t     *row, *def, *set;
    dg_sandbox_scope_t   scope = { .item = item, .entity = entity };

    row = dg_json_member(call->row, DG_SPAN("also"));

    for (row = row ? row->first : NULL; row != NULL; row = row->next) {
        def = dg_entity_def(call, dg_sandbox_text(row, "entity"));
        set = dg_template_expand(call, dg_json_member(row, DG_SPAN("set")),
                                 &scope);
        if (set == NULL) {
            return DG_ERR_MEMORY;
        }

        more = dg_tree_copy(&call->tree, set);
        if (more == NULL) {
            return DG_ERR_MEMORY;
        }

        dg_change_set(call, dg_json_member(def, DG_SPAN("defaults")), item,
                      more, true);
        dg_entity_touch(call, more);

        err = dg_entity_put(call, def, more);
        if (err != DG_OK) {
            return err;
        }
    }

    return DG_OK;
}


/* "copy": {"WorkspaceId": "SourceWorkspaceId"} : begins as a copy of it. */
static dg_err_t
origin(dg_sandbox_call_t *call, const dg_json_t *item, dg_json_t **entity)
{
    dg_span_t         id;
    const dg_json_t  *map = dg_json_member(call->row, DG_SPAN("copy"));

    if (map == NULL) {
        *entity = dg_tree_object(&call->tree);
        return *entity == NULL ? DG_ERR_MEMORY : DG_OK;
    }

    if (!dg_entity_id(call, call->entity_def, map, item, &id)) {
        return dg_sandbox_fault(call, DG_FAULT_INVALID,
                                "An identifier is required.");
    }

    *entity = dg_entity_get(call, call->entity_def, id);
    if (*entity == NULL) {
        return not_found(call, call->entity_def, id);
    }

    if (dg_json_member(call->row, DG_SPAN("move")) != NULL) {
        dg_entity_del(call, call->entity_def, id);
    }

    return DG_OK;
}


dg_err_t
dg_verb_create(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity)
{
    dg_err_t          err;
    dg_json_t        *made = NULL;
    dg_span_t         id;
    const dg_json_t  *def = kind_of(call);

    err = needs(call, item);
    if (err != DG_OK) {
        return err;
    }

    err = origin(call, item, &made);
    if (err != DG_OK) {
        return err;
    }

    dg_tree_merge(&call->tree, made,
                  dg_change_without_blobs(call, call->operation->input,
                                dg_change_attributes(call, item)));
    dg_change_set(call, dg_json_member(call->row, DG_SPAN("set")), item, made,
                  false);
    dg_change_set(call, dg_json_member(def, DG_SPAN("defaults")), item, made,
                  true);
    dg_tags_add(call, made, dg_template_path(item, DG_SPAN("Tags")));
    dg_tags_add(call, made, dg_template_path(item,
                                             DG_SPAN("TagSpecifications")));
    dg_entity_touch(call, made);

    if (dg_entity_id(call, def, NULL, made, &id)
        && dg_entity_get(call, def, id) != NULL)
    {
        call->resource = id;
        return dg_sandbox_fault(call, DG_FAULT_EXISTS,
                                "The %.*s already exists.",
                                (int) def->key.len, def->key.data);
    }

    err = unique(call, def, made);
    if (err != DG_OK) {
        return err;
    }

    err = dg_entity_put(call, def, made);
    if (err != DG_OK) {
        return err;
    }

    *entity = made;
    return also(call, item, made);
}


dg_err_t
dg_verb_get(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity)
{
    dg_err_t    err;
    dg_json_t  *found = NULL;
    dg_span_t   id;

    err = find(call, item, &found, &id);

    if (err == DG_ERR_INVALID && call->fault == DG_FAULT_NOT_FOUND
        && dg_json_member(call->row, DG_SPAN("upsert")) != NULL)
    {
        call->fault = DG_FAULT_NONE;
        return DG_OK;
    }

    *entity = found;

    return err == DG_OK ? dg_change_allowed(call, found) : err;
}


dg_err_t
dg_verb_apply(dg_sandbox_call_t *call, const dg_json_t *def,
    const dg_json_t *values, dg_json_t *entity)
{
    dg_change_set(call, values, call->input, entity, false);
    dg_entity_touch(call, entity);

    return dg_entity_put(call, def, entity);
}


dg_err_t
dg_verb_modify(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity)
{
    dg_err_t    err;
    dg_json_t  *found = NULL;
    dg_span_t   id;

    err = needs(call, item);
    if (err != DG_OK) {
        return err;
    }

    err = find(call, item, &found, &id);

    if (err == DG_ERR_INVALID && call->fault == DG_FAULT_NOT_FOUND
        && dg_json_member(call->row, DG_SPAN("upsert")) != NULL)
    {
        call->fault = DG_FAULT_NONE;
        return dg_verb_create(call, item, entity);
    }

    if (err != DG_OK) {
        return err;
    }

    err = dg_change(call, item, found);
    if (err != DG_OK) {
        return err;
    }

    err = dg_entity_put(call, call->entity_def, found);
    if (err != DG_OK) {
        return err;
    }

    *entity = found;
    return also(call, item, found);
}


/* True when the value, or one of a list, is the text. */
static bool
refers(const dg_json_t *value, dg_span_t text)
{
    const dg_json_t  *item;

    if (value == NULL) {
        return false;
    }

    for (item = value->first; item != NULL; item = item->next) {
        if (dg_span_equal(item->text, text)) {
            return true;
        }
    }

    return dg_span_equal(value->text, text);
}


/*
 * "unless": {"workspace": "BundleId"} : no such entity may refer to it.
 */
static dg_err_t
unused(dg_sandbox_call_t *call, dg_span_t id)
{
    dg_span_t         other;
    const dg_json_t  *rule, *def, *user;

    call->resource = id;

    rule = dg_json_member(call->row, DG_SPAN("unless"));

    for (rule = rule ? rule->first : NULL; rule != NULL; rule = rule->next) {
        def = dg_entity_def(call, rule->key);
        other = DG_SPAN_EMPTY;

        while ((user = dg_entity_next(call, def, other, &other)) != NULL) {
            if (refers(dg_template_path(user, rule->text), id)) {
                return dg_sandbox_fault(call, DG_FAULT_IN_USE,
                                        "The %.*s is in use.",
                                        (int) call->entity_def->key.len,
                                        call->entity_def->key.data);
            }
        }
    }

    return DG_OK;
}


dg_err_t
dg_verb_delete(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity)
{
    dg_err_t    err;
    dg_json_t  *found = NULL;
    dg_span_t   id;

    err = find(call, item, &found, &id);
    if (err != DG_OK) {
        return err;
    }

    *entity = found;

    err = unused(call, id);
    if (err != DG_OK) {
        return err;
    }

    /* with a state to pass through, the entity's own transitions end it */
    if (dg_json_member(call->row, DG_SPAN("set")) != NULL) {
        err = dg_change(call, item, found);
        return err == DG_OK ? dg_entity_put(call, call->entity_def, found)
                            : err;
    }

    err = dg_change_allowed(call, found);

    if (err == DG_OK) {
        err = dg_change_attributed(call, found);
    }

    if (err != DG_OK) {
        return err;
    }

    dg_entity_del(call, call->entity_def, id);
    return DG_OK;
}
