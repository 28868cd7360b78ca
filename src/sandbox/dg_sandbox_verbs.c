/*
 * Create, get, modify and delete: see dg_sandbox_verbs.h.
 */

#include "dg_sandbox_verbs.h"

#define VERB_BLOB_URL  "https://blobs.sandbox.invalid/"


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
static dg_err_t
allowed(dg_sandbox_call_t *call, const dg_json_t *entity)
{
    dg_span_t  state, member = dg_sandbox_text(call->entity_def, "state");

    state = dg_sandbox_text(entity, (const char *) member.data);

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
static const dg_json_t *
without_blobs(dg_sandbox_call_t *call, const dg_shape_t *shape,
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
                        without_blobs(call, member ? member->shape : NULL, m));
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
        dg_write_cstr(&w, VERB_BLOB_URL);
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
static dg_json_t *
attributes(dg_sandbox_call_t *call, const dg_json_t *item)
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
static void
set_values(dg_sandbox_call_t *call, const dg_json_t *values,
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

        set_values(call, dg_json_member(def, DG_SPAN("defaults")), item, more,
                   true);
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
                  without_blobs(call, call->operation->input,
                                attributes(call, item)));
    set_values(call, dg_json_member(call->row, DG_SPAN("set")), item, made,
               false);
    set_values(call, dg_json_member(def, DG_SPAN("defaults")), item, made,
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

    return err == DG_OK ? allowed(call, found) : err;
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
static dg_err_t
attributed(dg_sandbox_call_t *call, const dg_json_t *entity)
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


static dg_err_t
change(dg_sandbox_call_t *call, const dg_json_t *item, dg_json_t *entity)
{
    dg_err_t          err;
    dg_json_t        *more;
    const dg_json_t  *rule;

    err = allowed(call, entity);

    if (err == DG_OK) {
        err = attributed(call, entity);
    }

    if (err != DG_OK) {
        return err;
    }

    more = attributes(call, item);

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
                  without_blobs(call, call->operation->input, more));
    change_lists(call, item, entity, false);
    change_lists(call, item, entity, true);
    toggle_lists(call, item, entity);
    unset_mapped(call, item, entity);
    set_values(call, dg_json_member(call->row, DG_SPAN("set")), item, entity,
               false);
    unset_values(call, item, entity);

    if (dg_json_member(call->row, DG_SPAN("set")) != NULL) {
        dg_entity_touch(call, entity);
    }

    return DG_OK;
}


dg_err_t
dg_verb_apply(dg_sandbox_call_t *call, const dg_json_t *def,
    const dg_json_t *values, dg_json_t *entity)
{
    set_values(call, values, call->input, entity, false);
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

    err = change(call, item, found);
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
        err = change(call, item, found);
        return err == DG_OK ? dg_entity_put(call, call->entity_def, found)
                            : err;
    }

    err = allowed(call, found);

    if (err == DG_OK) {
        err = attributed(call, found);
    }

    if (err != DG_OK) {
        return err;
    }

    dg_entity_del(call, call->entity_def, id);
    return DG_OK;
}
