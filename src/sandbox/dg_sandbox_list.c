/*
 * Lists: entities that agree with the input's members, page by page.
 *
 * Which member filters by which attribute follows from names: DirectoryId by
 * DirectoryId, WorkspaceIds and WorkspaceNames (lists) by WorkspaceId and
 * WorkspaceName.  Where names do not tell, the row's "filters" does, for
 * lists of {Name, Values} with one more level: the filter's names.
 */

#include "dg_sandbox_broker.h"


/* True when the attribute, a scalar or a list, holds the text. */
static bool
holds(const dg_json_t *attribute, dg_span_t text, bool part)
{
    size_t            i;
    const dg_json_t  *item;

    if (attribute == NULL) {
        return false;
    }

    if (attribute->type == DG_JSON_ARRAY) {
        for (item = attribute->first; item != NULL; item = item->next) {
            if (holds(item, text, part)) {
                return true;
            }
        }

        return false;
    }

    if (!part) {
        return attribute->type == DG_JSON_BOOL
               ? dg_span_equal(text, attribute->boolean ? DG_SPAN("true")
                                                        : DG_SPAN("false"))
               : dg_span_equal(attribute->text, text);
    }

    for (i = 0; i + text.len <= attribute->text.len; i++) {
        if (dg_span_starts_with(dg_span_slice(attribute->text, i,
                                              attribute->text.len), text))
        {
            return true;
        }
    }

    return false;
}


static bool
any_of(const dg_json_t *attribute, const dg_json_t *values, bool part)
{
    const dg_json_t  *value;

    if (values->type != DG_JSON_ARRAY) {
        return holds(attribute, values->text, part);
    }

    for (value = values->first; value != NULL; value = value->next) {
        if (holds(attribute, value->text, part)) {
            return true;
        }
    }

    return false;
}


/* tag:KEY is a tag of the session's server. */
static bool
tag_filter(const dg_json_t *entity, dg_span_t key, dg_span_t value)
{
    const dg_json_t  *tag;

    tag = dg_template_path(entity, DG_SPAN("Server.Tags"));

    for (tag = tag ? tag->first : NULL; tag != NULL; tag = tag->next) {
        if (dg_span_equal(dg_sandbox_text(tag, "Key"), key)
            && dg_span_equal(dg_sandbox_text(tag, "Value"), value))
        {
            return true;
        }
    }

    return false;
}


/* The broker's {Key, Value}; a key that it does not know matches nothing. */
static bool
pair_filter(const dg_json_t *entity, const dg_json_t *names,
    const dg_json_t *f)
{
    dg_span_t         key = dg_sandbox_text(f, "Key"), attribute;
    dg_span_t         value = dg_sandbox_text(f, "Value");
    const dg_json_t  *found;

    if (dg_span_starts_with(key, DG_SPAN("tag:"))) {
        return tag_filter(entity, dg_span_slice(key, 4, key.len), value);
    }

    if (!dg_json_string(names, key, &attribute)) {
        return false;
    }

    found = dg_template_path(entity, attribute);
    return found != NULL && dg_span_equal(found->text, value);
}


/* One {Name, Operator, Values} of a list of filters. */
static bool
filter(const dg_json_t *entity, const dg_json_t *names, const dg_json_t *f)
{
    bool              negative, part, found;
    dg_span_t         attribute, operator;
    const dg_json_t  *values = dg_json_member(f, DG_SPAN("Values"));

    if (dg_json_member(f, DG_SPAN("Key")) != NULL) {
        return pair_filter(entity, names, f);
    }

    attribute = dg_sandbox_text(f, "Name");
    (void) dg_json_string(names, attribute, &attribute);

    operator = dg_sandbox_text(f, "Operator");
    negative = dg_span_starts_with(operator, DG_SPAN("NOT"));
    part = dg_span_ends_with(operator, DG_SPAN("CONTAINS"));

    found = values != NULL
            && any_of(dg_template_path(entity, attribute), values, part);

    return found != negative;
}


static bool
all_filters(const dg_json_t *entity, const dg_json_t *names,
    const dg_json_t *filters)
{
    const dg_json_t  *f;

    for (f = filters->first; f != NULL; f = f->next) {
        if (!filter(entity, names, f)) {
            return false;
        }
    }

    return true;
}


/* True when the attribute at the path, through lists too, is one of them. */
static bool
path_holds(const dg_json_t *value, dg_span_t path, const dg_json_t *values)
{
    dg_span_t         name, rest = path;
    const dg_json_t  *item;

    if (value != NULL && value->type == DG_JSON_ARRAY && path.len != 0) {
        for (item = value->first; item != NULL; item = item->next) {
            if (path_holds(item, path, values)) {
                return true;
            }
        }

        return false;
    }

    if (path.len == 0 || !dg_span_split(&rest, '.', &name)) {
        return any_of(value, values, false);
    }

    return path_holds(dg_tree_find(value, name), rest, values);
}


/* A member filters by the attribute of its name, a list's without the s. */
static bool
member_holds(dg_sandbox_call_t *call, const dg_json_t *entity,
    const dg_json_t *member)
{
    dg_span_t  name = member->key;

    if (dg_json_string(dg_json_member(call->row, DG_SPAN("filters")), name,
                       &name))
    {
        return path_holds(entity, name, member);
    }

    if (member->type == DG_JSON_ARRAY && dg_tree_find(entity, name) == NULL
        && dg_span_ends_with(name, DG_SPAN("s")))
    {
        name = dg_span_slice(name, 0, name.len - 1);
    }

    return path_holds(entity, name, member);
}


static bool
matches(dg_sandbox_call_t *call, const dg_json_t *entity)
{
    const dg_json_t  *m, *names;

    for (m = call->input->first; m != NULL; m = m->next) {

        if (dg_span_equal(m->key, DG_SPAN("NextToken"))
            || dg_span_equal(m->key, DG_SPAN("Limit"))
            || dg_span_equal(m->key, DG_SPAN("MaxResults"))
            || m->type == DG_JSON_NULL
            || (m->type == DG_JSON_ARRAY && m->count == 0))
        {
            continue;
        }

        names = dg_json_member(dg_json_member(call->row, DG_SPAN("filters")),
                               m->key);

        if (names != NULL && names->type == DG_JSON_OBJECT) {
            if (!all_filters(entity, names, m)) {
                return false;
            }

            continue;
        }

        if (names != NULL && names->type == DG_JSON_NULL) {
            continue;
        }

        if (!member_holds(call, entity, m)) {
            return false;
        }
    }

    return true;
}


/* The entity as the list shows it: "view" adds, "project" takes one out. */
static const dg_json_t *
shown(dg_sandbox_call_t *call, dg_json_t *entity)
{
    dg_span_t            one = dg_sandbox_text(call->row, "project");
    const dg_json_t     *view = dg_json_member(call->row, DG_SPAN("view"));
    dg_sandbox_scope_t   scope = { .item = call->input, .entity = entity };

    if (view != NULL) {
        dg_tree_merge(&call->tree, entity,
                      dg_template_expand(call, view, &scope));
    }

    return one.len != 0 ? dg_template_path(entity, one) : entity;
}


/*
 * "change": {"from": ["PENDING"], "set": {...}} : listing acts on those that
 * are in such a state.
 */
static dg_err_t
change(dg_sandbox_call_t *call, const dg_json_t *def, dg_json_t *entity)
{
    dg_span_t         state = DG_SPAN_EMPTY;
    const dg_json_t  *row = dg_json_member(call->row, DG_SPAN("change")), *from;

    if (row == NULL) {
        return DG_OK;
    }

    (void) dg_json_string(entity, dg_sandbox_text(def, "state"), &state);

    from = dg_json_member(row, DG_SPAN("from"));

    for (from = from ? from->first : NULL; from != NULL; from = from->next) {
        if (dg_span_equal(from->text, state)) {
            return dg_verb_apply(call, def,
                                 dg_json_member(row, DG_SPAN("set")), entity);
        }
    }

    return DG_OK;
}


static dg_err_t
fill(dg_sandbox_call_t *call, const dg_json_t *def, dg_json_t *list)
{
    size_t      limit;
    dg_err_t    err;
    dg_json_t  *entity;
    dg_span_t   id, last = DG_SPAN_EMPTY;

    err = dg_page_begin(call, &limit, &id);
    if (err != DG_OK) {
        return err;
    }

    while ((entity = dg_entity_next(call, def, id, &id)) != NULL) {

        dg_broker_view(call, def, entity);

        if (!matches(call, entity)) {
            continue;
        }

        if (list->count == limit) {
            return dg_page_more(call, last);
        }

        err = change(call, def, entity);
        if (err != DG_OK) {
            return err;
        }

        dg_tree_push(&call->tree, list, shown(call, entity));
        last = id;
    }

    return call->tree.failed ? DG_ERR_MEMORY : DG_OK;
}


/*
 * "parent": {"PoolId": "pool"} : the list belongs to an entity, which must be
 * there.
 */
static dg_err_t
parent(dg_sandbox_call_t *call)
{
    const dg_json_t  *rule, *def, *id;

    rule = dg_json_member(call->row, DG_SPAN("parent"));

    for (rule = rule ? rule->first : NULL; rule != NULL; rule = rule->next) {
        def = dg_entity_def(call, rule->text);
        id = dg_json_member(call->input, rule->key);

        if (id != NULL && dg_entity_get(call, def, id->text) == NULL) {
            call->resource = id->text;
            return dg_sandbox_fault(call, DG_FAULT_NOT_FOUND,
                                    "The specified %.*s could not be found.",
                                    (int) def->key.len, def->key.data);
        }
    }

    return DG_OK;
}


/* An object around the list, for "list": "Deployment.Associations". */
static void
place(dg_sandbox_call_t *call, dg_span_t path, const dg_json_t *list)
{
    size_t      dot = dg_span_find(path, '.');
    dg_json_t  *around;

    if (dot == path.len) {
        dg_tree_set(&call->tree, call->output, path, list);
        return;
    }

    around = dg_tree_object(&call->tree);
    dg_tree_set(&call->tree, around, dg_span_slice(path, dot + 1, path.len),
                list);
    dg_tree_set(&call->tree, call->output, dg_span_slice(path, 0, dot),
                around);
}


dg_err_t
dg_verb_list(dg_sandbox_call_t *call)
{
    dg_err_t            err;
    dg_json_t          *list = dg_tree_array(&call->tree);
    dg_span_t           path = dg_sandbox_text(call->row, "list");
    const dg_json_t    *def;
    const dg_member_t  *member;

    def = dg_entity_def(call, dg_sandbox_text(call->row, "entity"));
    if (list == NULL) {
        return DG_ERR_MEMORY;
    }

    err = parent(call);
    if (err != DG_OK) {
        return err;
    }

    err = fill(call, def, list);
    if (err != DG_OK) {
        return err;
    }

    member = dg_sandbox_list_member(call->operation->output);

    if (path.len == 0 && member != NULL) {
        path = member->wire_name;
    }

    place(call, path, list);
    return DG_OK;
}
