/*
 * What an overlay says of an operation: access level, privacy, batch,
 * resources, tags, condition keys (the format: docs/services.md).
 *
 * A name that the model does not have is an error, so that a typo never
 * turns a rule off.
 */

#include "dg_model_build.h"


static dg_err_t
read_access(dg_model_build_t *b, const dg_json_t *overlay, dg_operation_t *o)
{
    dg_span_t  text;
    unsigned   i;

    if (!dg_json_string(overlay, DG_SPAN("access"), &text)) {
        return DG_OK;
    }

    for (i = DG_ACCESS_READ; i <= DG_ACCESS_GRANT; i++) {
        if (dg_span_equal(text,
                          dg_span_cstr(dg_access_name((dg_access_t) i))))
        {
            o->access = (dg_access_t) i;
            return DG_OK;
        }
    }

    return DG_MODEL_FAIL(b, DG_ERR_INVALID, overlay,
                         "overlay: the access of \"%.*s\" is none of read, "
                         "list, write, tagging, permissions, grant",
                         DG_MODEL_NAME(overlay->key));
}


/* A part of "A[].B": its name, and whether "[]" follows. */
static dg_span_t
strip_mark(dg_span_t part)
{
    return dg_span_ends_with(part, DG_SPAN("[]"))
           ? dg_span_slice(part, 0, part.len - 2) : part;
}


dg_err_t
dg_model_build_path(dg_model_build_t *b, const dg_shape_t *shape,
    const dg_json_t *node, dg_span_t *out)
{
    dg_span_t    rest, part;
    dg_writer_t  w;
    uint8_t     *buffer;

    if (node->type != DG_JSON_STRING || node->text.len == 0) {
        return DG_MODEL_FAIL(b, DG_ERR_INVALID, node,
                             "overlay: expected the path of a member");
    }

    buffer = dg_arena_alloc(b->arena, node->text.len);
    if (buffer == NULL) {
        return DG_ERR_MEMORY;
    }

    w = dg_writer(buffer, node->text.len);
    rest = node->text;

    while (dg_span_split(&rest, '.', &part)) {
        if (w.len != 0) {
            dg_write_char(&w, '/');
        }

        dg_write_span(&w, strip_mark(part));
    }

    *out = dg_written(&w);

    if (shape == NULL || dg_model_path(shape, *out) == NULL) {
        return DG_MODEL_FAIL(b, DG_ERR_INVALID, node,
                             "overlay: the input has no member \"%.*s\"",
                             DG_MODEL_NAME(node->text));
    }

    return DG_OK;
}


static dg_err_t
read_path(dg_model_build_t *b, const dg_operation_t *o,
    const dg_json_t *overlay, const char *name, dg_span_t *out)
{
    const dg_json_t  *node = dg_json_member(overlay, dg_span_cstr(name));

    return node ? dg_model_build_path(b, o->input, node, out) : DG_OK;
}


static dg_err_t
read_wire_form(dg_model_build_t *b, const dg_json_t *overlay,
    dg_operation_t *o)
{
    const dg_json_t  *node = dg_json_member(overlay, DG_SPAN("bareArray"));
    dg_err_t          err;

    if (node != NULL) {
        o->payload = o->input && node->type == DG_JSON_STRING
                     ? dg_model_member(o->input, node->text) : NULL;

        if (o->payload == NULL || o->payload->shape->type != DG_SHAPE_LIST) {
            return DG_MODEL_FAIL(b, DG_ERR_INVALID, node,
                                 "overlay: \"bareArray\" names no list of "
                                 "the input");
        }

        o->bare_array = true;
    }

    if ((err = read_path(b, o, overlay, "tags", &o->tags)) != DG_OK
        || (err = read_path(b, o, overlay, "tagKeys", &o->tag_keys)) != DG_OK)
    {
        return err;
    }

    err = read_path(b, o, overlay, "batch", &o->batch_member);

    if (err == DG_OK && o->batch_member.len != 0
        && dg_model_path(o->input, o->batch_member)->shape->type
           != DG_SHAPE_LIST)
    {
        return DG_MODEL_FAIL(b, DG_ERR_INVALID, overlay,
                             "overlay: the batch of \"%.*s\" is no list",
                             DG_MODEL_NAME(overlay->key));
    }

    return err;
}


static dg_err_t
read_rule(dg_model_build_t *b, const dg_json_t *node, const dg_operation_t *o,
    dg_resource_rule_t *rule)
{
    const dg_json_t  *type, *item;
    dg_span_t        *members;
    dg_err_t          err;

    type = dg_json_member(dg_json_member(b->overlay,
                                         DG_SPAN("resourceTypes")), node->key);

    if (type == NULL || node->type != DG_JSON_ARRAY) {
        return DG_MODEL_FAIL(b, DG_ERR_INVALID, node,
                             "overlay: \"%.*s\" is no entry of "
                             "\"resourceTypes\" with a list of members",
                             DG_MODEL_NAME(node->key));
    }

    rule->type = dg_arena_copy(b->arena, node->key);
    members = dg_arena_calloc(b->arena, node->count + 1, sizeof(*members));

    if (rule->type.data == NULL || members == NULL) {
        return DG_ERR_MEMORY;
    }

    rule->members = members;

    for (item = node->first; item != NULL; item = item->next) {
        err = dg_model_build_path(b, o->input, item,
                                  &members[rule->member_count++]);
        if (err != DG_OK) {
            return err;
        }
    }

    return dg_model_text(b, type, "arn", &rule->arn);
}


static dg_err_t
read_resources(dg_model_build_t *b, const dg_json_t *overlay,
    dg_operation_t *o)
{
    const dg_json_t     *list, *n;
    dg_resource_rule_t  *rules;
    dg_err_t             err;

    list = dg_json_member(overlay, DG_SPAN("resources"));
    if (list == NULL || list->type != DG_JSON_OBJECT) {
        return DG_OK;
    }

    rules = dg_arena_calloc(b->arena, list->count + 1, sizeof(*rules));
    if (rules == NULL) {
        return DG_ERR_MEMORY;
    }

    o->resources = rules;

    for (n = list->first; n != NULL; n = n->next) {
        dg_resource_rule_t  *rule = &rules[o->resource_count++];

        err = read_rule(b, n, o, rule);
        if (err != DG_OK) {
            return err;
        }

        if (!dg_span_starts_with(rule->arn, DG_SPAN("arn:"))) {
            return DG_MODEL_FAIL(b, DG_ERR_INVALID, n,
                                 "overlay: the resource type \"%.*s\" has no "
                                 "\"arn\"", DG_MODEL_NAME(n->key));
        }
    }

    return DG_OK;
}


/* The operation's own keys and those of its resource types. */
static dg_err_t
read_keys(dg_model_build_t *b, const dg_json_t *overlay, dg_operation_t *o)
{
    const dg_json_t  *types, *list, *item;
    dg_span_t        *keys;
    size_t            i, n = 0, room;

    list = dg_json_member(overlay, DG_SPAN("conditionKeys"));
    types = dg_json_member(b->overlay, DG_SPAN("resourceTypes"));
    room = list ? list->count : 0;

    for (i = 0; i < o->resource_count; i++) {
        item = dg_json_member(dg_json_member(types, o->resources[i].type),
                              DG_SPAN("conditionKeys"));
        room += item ? item->count : 0;
    }

    keys = dg_arena_calloc(b->arena, room + 1, sizeof(*keys));
    if (keys == NULL) {
        return DG_ERR_MEMORY;
    }

    for (i = 0; i <= o->resource_count; i++) {
        for (item = list ? list->first : NULL; item != NULL; item = item->next)
        {
            keys[n] = dg_arena_copy(b->arena, item->text);
            if (keys[n++].data == NULL) {
                return DG_ERR_MEMORY;
            }
        }

        if (i < o->resource_count) {
            list = dg_json_member(dg_json_member(types, o->resources[i].type),
                                  DG_SPAN("conditionKeys"));
        }
    }

    o->condition_keys = keys;
    o->condition_key_count = n;
    return DG_OK;
}


dg_err_t
dg_model_build_overlay(dg_model_build_t *b, dg_operation_t *o,
    const dg_json_t *overlay)
{
    const dg_json_t  *read_only;
    dg_err_t          err;

    if (overlay == NULL) {
        return DG_OK;
    }

    o->overlay = overlay;
    o->is_private = dg_model_flag(overlay, "private");
    o->is_token_call = dg_model_flag(overlay, "tokenCall");
    o->is_connection = dg_model_flag(overlay, "connectionData");
    o->is_description = dg_model_flag(overlay, "description");

    read_only = dg_json_member(overlay, DG_SPAN("readOnly"));
    if (read_only != NULL && read_only->type == DG_JSON_BOOL) {
        o->read_only = read_only->boolean;
    }

    if ((err = read_access(b, overlay, o)) != DG_OK
        || (err = read_wire_form(b, overlay, o)) != DG_OK
        || (err = read_resources(b, overlay, o)) != DG_OK
        || (err = dg_model_build_telling(b, o, overlay)) != DG_OK)
    {
        return err;
    }

    return read_keys(b, overlay, o);
}
