/*
 * What a row of the data says of an entity's members: which of the input's
 * become attributes, which are set, unset, join or leave a list.
 */

#include "dg_sandbox_change.h"

#define CHANGE_BLOB_URL  "https://blobs.sandbox.invalid/"


static bool
listed(const dg_json_t *row, const char *name, dg_span_t text)
{
    const dg_json_t  *list = dg_json_member(row, dg_span_cstr(name));

    for (list = list ? list->first : NULL; list != NULL; list = list->next) {
        if (dg_span_equal(list->text, text)) {
            return true;
        }
    }

    return false;
}


/* "from": ["STOPPED"] : the states in which the operation is possible. */
dg_err_t
dg_change_allowed(dg_sandbox_call_t *call, const dg_json_t *entity)
{
    dg_span_t  state = DG_SPAN_EMPTY;

    (void) dg_json_string(entity, dg_sandbox_text(call->entity_def, "state"),
                          &state);

    if (dg_json_member(call->row, DG_SPAN("from")) == NULL
        || listed(call->row, "from", state))
    {
        return DG_OK;
    }

    return dg_sandbox_fault(call, DG_FAULT_STATE,
                            "The %.*s is in the state %.*s.",
                            (int) call->entity_def->key.len,
                            call->entity_def->key.data,
                            (int) state.len, state.data);
}


/*
 * A blob is not kept: its place is taken by an address made of its hash,
 * under the name by which answers speak of it (Logo: LogoUrl).
 */
const dg_json_t *
dg_change_without_blobs(dg_sandbox_call_t *call, const dg_shape_t *shape,
    const dg_json_t *value)
{
    char                hex[DG_SHA256_HEX_SIZE];
    uint8_t             buffer[128];
    dg_json_t          *made;
    dg_writer_t         w;
    dg_span_t           name;
    const dg_json_t    *m;
    const dg_member_t  *member;

    if (value->type != DG_JSON_OBJECT || shape == NULL
        || shape->type != DG_SHAPE_STRUCTURE)
    {
        return value;
    }

    made = dg_tree_object(&call->tree);

    for (m = value->first; m != NULL; m = m->next) {
        member = dg_model_member(shape, m->key);

        if (member == NULL || member->shape->type != DG_SHAPE_BLOB) {
            dg_tree_set(&call->tree, made, m->key,
                        dg_change_without_blobs(call,
                            member ? member->shape : NULL, m));
            continue;
        }

        if (dg_sha256_hex(call->env->crypto, m->text, hex) != DG_OK) {
            call->tree.failed = true;
            continue;
        }

        w = dg_writer(buffer, sizeof(buffer));
        dg_write_span(&w, m->key);
        dg_write_cstr(&w, "Url");
        name = dg_arena_copy(call->tree.arena, dg_written(&w));

        w = dg_writer(buffer, sizeof(buffer));
        dg_write_cstr(&w, CHANGE_BLOB_URL);
        dg_write(&w, hex, sizeof(hex));
        dg_tree_set_text(&call->tree, made, name, dg_written(&w));
    }

    return made;
}


/* Members that speak of the call, not of the entity. */
static bool
is_control(dg_sandbox_call_t *call, dg_span_t name)
{
    return dg_span_equal(name, DG_SPAN("ClientToken"))
           || dg_span_equal(name, DG_SPAN("Tags"))
           || dg_span_equal(name, DG_SPAN("TagSpecifications"))
           || listed(call->row, "omit", name);
}


/*
 * The item's members as attributes: "rename" gives the attribute's name, and
 * a key member that "id" maps is taken under the key's name.
 */
dg_json_t *
dg_change_attributes(dg_sandbox_call_t *call, const dg_json_t *item)
{
    dg_json_t        *made = dg_tree_object(&call->tree);
    dg_span_t         name;
    const dg_json_t  *m, *rename, *map, *key;

    rename = dg_json_member(call->row, DG_SPAN("rename"));
    map = dg_json_member(call->row, DG_SPAN("id"));

    for (m = item->first; m != NULL; m = m->next) {

        if (is_control(call, m->key) || m->type == DG_JSON_NULL) {
            continue;
        }

        name = m->key;
        (void) dg_json_string(rename, name, &name);

        for (key = map ? map->first : NULL; key != NULL; key = key->next) {
            if (dg_span_equal(key->text, m->key)) {
                name = key->key;
            }
        }

        dg_tree_set(&call->tree, made, name, m);
    }

    return made;
}


/* Each expression of `values` into the entity; with `absent` only new ones. */
void
dg_change_set(dg_sandbox_call_t *call, const dg_json_t *values,
    const dg_json_t *item, dg_json_t *entity, bool absent)
{
    const dg_json_t     *v;
    dg_sandbox_scope_t   scope = { .item = item, .entity = entity };

    for (v = values ? values->first : NULL; v != NULL; v = v->next) {
        if (absent && dg_tree_find(entity, v->key) != NULL) {
            continue;
        }

        dg_tree_set(&call->tree, entity, v->key,
                    dg_template_expand(call, v, &scope));
    }
}


static bool
same_item(const dg_json_t *a, const dg_json_t *b, dg_span_t by)
{
    const dg_json_t  *x = a, *y = b;

    if (by.len != 0) {
        x = a->type == DG_JSON_OBJECT ? dg_json_member(a, by) : a;
        y = b->type == DG_JSON_OBJECT ? dg_json_member(b, by) : b;
    }

    return dg_tree_equal(x, y);
}


/* The old list without the items that agree with one of `items`. */
static dg_json_t *
list_without(dg_sandbox_call_t *call, const dg_json_t *old,
    const dg_json_t *items, dg_span_t by)
{
    bool              gone;
    dg_json_t        *list = dg_tree_array(&call->tree);
    const dg_json_t  *o, *i;

    for (o = old ? old->first : NULL; o != NULL; o = o->next) {
        gone = false;

        for (i = items->first; i != NULL; i = i->next) {
            gone = gone || same_item(o, i, by);
        }

        if (!gone) {
            dg_tree_push(&call->tree, list, o);
        }
    }

    return list;
}


/*
 * "add" and "remove": {"UserRules": {"to": "userRules", "by": "ipRule"}}.
 * The input's member, a list or one value, joins or leaves a list of the
 * entity; items that agree in "by" are the same.
 */
static void
change_lists(dg_sandbox_call_t *call, const dg_json_t *item,
    dg_json_t *entity, bool add)
{
    dg_json_t        *list, *items;
    dg_span_t         to, by;
    const dg_json_t  *rule, *value, *i;

    rule = dg_json_member(call->row, add ? DG_SPAN("add") : DG_SPAN("remove"));

    for (rule = rule ? rule->first : NULL; rule != NULL; rule = rule->next) {
        value = dg_template_path(item, rule->key);
        if (value == NULL) {
            continue;
        }

        items = dg_tree_array(&call->tree);
        if (value->type != DG_JSON_ARRAY) {
            dg_tree_push(&call->tree, items, value);
            value = items;
        }

        to = dg_sandbox_text(rule, "to");
        by = dg_sandbox_text(rule, "by");
        list = list_without(call, dg_tree_find(entity, to), value, by);

        for (i = value->first; i != NULL && add; i = i->next) {
            dg_tree_push(&call->tree, list, i);
        }

        dg_tree_set(&call->tree, entity, to, list);
    }
}


/*
 * "toggle": {"SharedAccountId": {"to": "ImagePermissions", "if": "Allow"}}.
 * An object of that one member is in the entity's list when the input's
 * boolean is true, and is not when it is false.
 */
static void
toggle_lists(dg_sandbox_call_t *call, const dg_json_t *item,
    dg_json_t *entity)
{
    dg_span_t         to;
    dg_json_t        *list, *one, *items;
    const dg_json_t  *rule, *value, *on;

    rule = dg_json_member(call->row, DG_SPAN("toggle"));

    for (rule = rule ? rule->first : NULL; rule != NULL; rule = rule->next) {
        value = dg_json_member(item, rule->key);
        on = dg_json_member(item, dg_sandbox_text(rule, "if"));

        if (value == NULL || on == NULL) {
            continue;
        }

        one = dg_tree_object(&call->tree);
        dg_tree_set(&call->tree, one, rule->key, value);

        items = dg_tree_array(&call->tree);
        dg_tree_push(&call->tree, items, one);

        if (items == NULL) {
            return;
        }

        to = dg_sandbox_text(rule, "to");
        list = list_without(call, dg_tree_find(entity, to), items, rule->key);

        if (on->boolean) {
            dg_tree_push(&call->tree, list, one);
        }

        dg_tree_set(&call->tree, entity, to, list);
    }
}


/* Takes the member at "Outer.Inner" out. */
static void
unset_path(dg_sandbox_call_t *call, dg_json_t *entity, dg_span_t path)
{
    size_t            dot = dg_span_find(path, '.');
    dg_json_t        *outer;
    dg_span_t         name = dg_span_slice(path, 0, dot);
    const dg_json_t  *old = dg_json_member(entity, name);

    if (old == NULL || dot == path.len) {
        dg_tree_unset(entity, name);
        return;
    }

    outer = dg_tree_copy(&call->tree, old);
    if (outer == NULL) {
        return;
    }

    dg_tree_unset(outer, dg_span_slice(path, dot + 1, path.len));
    dg_tree_set(&call->tree, entity, name, outer);
}


/*
 * "unset_map": {"PropertiesToDelete": {"VALUE": "Outer.Inner"}} : a list of
 * the input names members of the entity by other words.
 */
static void
unset_mapped(dg_sandbox_call_t *call, const dg_json_t *item,
    dg_json_t *entity)
{
    dg_span_t         path;
    const dg_json_t  *rule, *value;

    rule = dg_json_member(call->row, DG_SPAN("unset_map"));

    for (rule = rule ? rule->first : NULL; rule != NULL; rule = rule->next) {
        value = dg_json_member(item, rule->key);

        for (value = value ? value->first : NULL; value != NULL;
             value = value->next)
        {
            if (dg_json_string(rule, value->text, &path)) {
                unset_path(call, entity, path);
            }
        }

        dg_tree_unset(entity, rule->key);
    }
}


/* "unset" names attributes, "unset_named" an input list of such names. */
static void
unset_values(dg_sandbox_call_t *call, const dg_json_t *item,
    dg_json_t *entity)
{
    const dg_json_t  *name;

    name = dg_json_member(call->row, DG_SPAN("unset"));

    for (name = name ? name->first : NULL; name != NULL; name = name->next) {
        dg_tree_unset(entity, name->text);
    }

    name = dg_template_path(item, dg_sandbox_text(call->row, "unset_named"));

    for (name = name ? name->first : NULL; name != NULL; name = name->next) {
        dg_tree_unset(entity, name->text);
    }
}


/*
 * "absent": ["Associations"] : it has no such attribute, else it is in use;
 * "present": it has, else its state does not allow the operation.
 */
dg_err_t
dg_change_attributed(dg_sandbox_call_t *call, const dg_json_t *entity)
{
    const dg_json_t  *name;

    name = dg_json_member(call->row, DG_SPAN("absent"));

    for (name = name ? name->first : NULL; name != NULL; name = name->next) {
        if (dg_json_member(entity, name->text) != NULL) {
            return dg_sandbox_fault(call, DG_FAULT_IN_USE,
                                    "The %.*s is in use.",
                                    (int) call->entity_def->key.len,
                                    call->entity_def->key.data);
        }
    }

    name = dg_json_member(call->row, DG_SPAN("present"));

    for (name = name ? name->first : NULL; name != NULL; name = name->next) {
        if (dg_json_member(entity, name->text) == NULL) {
            return dg_sandbox_fault(call, DG_FAULT_STATE,
                                    "The %.*s has no %.*s.",
                                    (int) call->entity_def->key.len,
                                    call->entity_def->key.data,
                                    (int) name->text.len, name->text.data);
        }
    }

    return DG_OK;
}


dg_err_t
dg_change(dg_sandbox_call_t *call, const dg_json_t *item, dg_json_t *entity)
{
    dg_err_t          err;
    dg_json_t        *more;
    const dg_json_t  *rule;

    err = dg_change_allowed(call, entity);

    if (err == DG_OK) {
        err = dg_change_attributed(call, entity);
    }

    if (err != DG_OK) {
        return err;
    }

    more = dg_change_attributes(call, item);

    /* what joins or leaves a list does not replace it */
    rule = dg_json_member(call->row, DG_SPAN("add"));
    for (rule = rule ? rule->first : NULL; rule != NULL; rule = rule->next) {
        dg_tree_unset(more, rule->key);
    }

    rule = dg_json_member(call->row, DG_SPAN("remove"));
    for (rule = rule ? rule->first : NULL; rule != NULL; rule = rule->next) {
        dg_tree_unset(more, rule->key);
    }

    dg_tree_unset(more, dg_sandbox_text(call->row, "unset_named"));

    dg_tree_merge(&call->tree, entity,
                  dg_change_without_blobs(call, call->operation->input, more));
    change_lists(call, item, entity, false);
    change_lists(call, item, entity, true);
    toggle_lists(call, item, entity);
    unset_mapped(call, item, entity);
    dg_change_set(call, dg_json_member(call->row, DG_SPAN("set")), item, entity,
                  false);
    unset_values(call, item, entity);

    if (dg_json_member(call->row, DG_SPAN("set")) != NULL) {
        dg_entity_touch(call, entity);
    }

    return DG_OK;
}
