/*
 * The operations of a model, and what the overlay adds to them.
 */

#include "dg_model_build.h"


/* The access level by the verb, when no overlay says better. */
static dg_access_t
access_by_name(dg_span_t name)
{
    static const struct {
        const char   *verb;
        dg_access_t   access;
    } verbs[] = {
        { "List", DG_ACCESS_LIST }, { "Describe", DG_ACCESS_READ },
        { "Get", DG_ACCESS_READ }, { "BatchGet", DG_ACCESS_READ },
        { "BatchDescribe", DG_ACCESS_READ }, { "Search", DG_ACCESS_READ },
        { "Lookup", DG_ACCESS_READ }, { "Tag", DG_ACCESS_TAGGING },
        { "Untag", DG_ACCESS_TAGGING }
    };
    size_t  i;

    for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (dg_span_starts_with(name, dg_span_cstr(verbs[i].verb))) {
            return verbs[i].access;
        }
    }

    return DG_ACCESS_WRITE;
}


static dg_err_t
referred(dg_model_build_t *b, const dg_json_t *operation, const char *which,
    const dg_shape_t **out)
{
    const dg_json_t  *n = dg_json_member(operation, dg_span_cstr(which));
    dg_span_t         name = DG_SPAN_EMPTY;

    if (n == NULL || n->type != DG_JSON_OBJECT) {
        return DG_OK;
    }

    (void) dg_json_string(n, DG_SPAN("shape"), &name);
    *out = dg_model_shape(b->service, name);

    if (*out == NULL || ((*out)->type != DG_SHAPE_STRUCTURE
                         && (*out)->type != DG_SHAPE_DOCUMENT))
    {
        return DG_MODEL_FAIL(b, DG_ERR_INVALID, n,
                             "the %s of \"%.*s\" is no structure", which,
                             DG_MODEL_NAME(operation->key));
    }

    return DG_OK;
}


static dg_err_t
read_errors(dg_model_build_t *b, const dg_json_t *node, dg_operation_t *o)
{
    const dg_json_t  *list = dg_json_member(node, DG_SPAN("errors"));
    const dg_json_t  *item;
    dg_span_t         name;

    if (list == NULL || list->type != DG_JSON_ARRAY) {
        return DG_OK;
    }

    o->errors = dg_arena_calloc(b->arena, list->count + 1,
                                sizeof(*o->errors));
    if (o->errors == NULL) {
        return DG_ERR_MEMORY;
    }

    for (item = list->first; item != NULL; item = item->next) {
        const dg_shape_t  *shape;

        name = DG_SPAN_EMPTY;
        (void) dg_json_string(item, DG_SPAN("shape"), &name);

        shape = dg_model_shape(b->service, name);
        if (shape == NULL) {
            return DG_MODEL_FAIL(b, DG_ERR_INVALID, item,
                                 "\"%.*s\" lists an error \"%.*s\" that is "
                                 "not there", DG_MODEL_NAME(node->key),
                                 DG_MODEL_NAME(name));
        }

        o->errors[o->error_count++] = shape;
    }

    return DG_OK;
}


static dg_err_t
read_http(dg_model_build_t *b, const dg_json_t *node, dg_operation_t *o)
{
    const dg_json_t  *http = dg_json_member(node, DG_SPAN("http"));
    double            status;
    dg_err_t          err;

    o->method = DG_SPAN("POST");
    o->uri = DG_SPAN("/");
    o->response_status = 200;

    if ((err = dg_model_text(b, http, "method", &o->method)) != DG_OK
        || (err = dg_model_text(b, http, "requestUri", &o->uri)) != DG_OK)
    {
        return err;
    }

    if (dg_model_number(http, "responseCode", &status)
        && status >= 200 && status <= 399)
    {
        o->response_status = (unsigned) status;
    }

    if (o->uri.len == 0 || o->uri.data[0] != '/') {
        return DG_MODEL_FAIL(b, DG_ERR_INVALID, http,
                             "the requestUri of \"%.*s\" does not begin "
                             "with a slash", DG_MODEL_NAME(node->key));
    }

    return DG_OK;
}


static const dg_member_t *
input_member(const dg_operation_t *o, dg_span_t name)
{
    size_t  i;

    for (i = 0; o->input != NULL && i < o->input->member_count; i++) {
        if (dg_span_equal(o->input->members[i].name, name)) {
            return &o->input->members[i];
        }
    }

    return NULL;
}


/* REST only: the member that is the whole body. */
static dg_err_t
read_payload(dg_model_build_t *b, dg_operation_t *o)
{
    const dg_json_t  *source;
    dg_span_t         name;

    if (o->input == NULL || o->service->protocol != DG_PROTOCOL_REST_JSON) {
        return DG_OK;
    }

    source = b->shapes[o->input - b->service->shapes];

    if (!dg_json_string(source, DG_SPAN("payload"), &name)) {
        return DG_OK;
    }

    o->payload = input_member(o, name);
    if (o->payload == NULL) {
        return DG_MODEL_FAIL(b, DG_ERR_INVALID, source,
                             "the payload of \"%.*s\" is none of its members",
                             DG_MODEL_NAME(source->key));
    }

    return DG_OK;
}


/*
 * Tags of most AWS services: a list of Key and Value, or a map, under one of
 * two names.  Where they are deeper the overlay says so.
 */
static void
default_tags(dg_operation_t *o)
{
    const dg_member_t  *tags, *keys;

    if (o->input == NULL || o->input->type != DG_SHAPE_STRUCTURE) {
        return;
    }

    tags = dg_model_member(o->input, DG_SPAN("Tags"));
    if (tags == NULL) {
        tags = dg_model_member(o->input, DG_SPAN("tags"));
    }

    if (tags != NULL && (tags->shape->type == DG_SHAPE_LIST
                         || tags->shape->type == DG_SHAPE_MAP))
    {
        o->tags = tags->wire_name;
    }

    keys = dg_model_member(o->input, DG_SPAN("TagKeys"));
    if (keys == NULL) {
        keys = dg_model_member(o->input, DG_SPAN("tagKeys"));
    }

    if (keys != NULL && keys->shape->type == DG_SHAPE_LIST) {
        o->tag_keys = keys->wire_name;
    }
}


static dg_err_t
read_operation(dg_model_build_t *b, const dg_json_t *node, dg_operation_t *o)
{
    const dg_json_t  *read_only = dg_json_member(node, DG_SPAN("readonly"));
    dg_err_t          err;

    o->service = b->service;
    o->name = dg_arena_copy(b->arena, node->key);
    if (o->name.data == NULL) {
        return DG_ERR_MEMORY;
    }

    if ((err = read_http(b, node, o)) != DG_OK
        || (err = referred(b, node, "input", &o->input)) != DG_OK
        || (err = referred(b, node, "output", &o->output)) != DG_OK
        || (err = read_errors(b, node, o)) != DG_OK
        || (err = read_payload(b, o)) != DG_OK)
    {
        return err;
    }

    o->access = access_by_name(o->name);
    o->read_only = read_only && read_only->type == DG_JSON_BOOL
                   ? read_only->boolean
                   : o->access == DG_ACCESS_READ || o->access == DG_ACCESS_LIST;
    default_tags(o);

    return DG_OK;
}


/* Operations of the model, and those that only the overlay defines. */
static dg_err_t
gather_operations(dg_model_build_t *b, const dg_json_t ***nodes,
    size_t *count)
{
    const dg_json_t  *model, *n;
    const dg_json_t **all;
    size_t            i, kept = 0;
    dg_err_t          err;

    err = dg_model_merge(b, "operations", &all, count);
    if (err != DG_OK) {
        return err;
    }

    model = dg_json_member(b->model, DG_SPAN("operations"));

    for (i = 0; i < *count; i++) {
        n = dg_json_member(model, all[i]->key);

        if (n == NULL) {
            if (dg_json_member(all[i], DG_SPAN("http")) == NULL) {
                return DG_MODEL_FAIL(b, DG_ERR_INVALID, all[i],
                                     "overlay: the model has no operation "
                                     "\"%.*s\" and no \"http\" defines it",
                                     DG_MODEL_NAME(all[i]->key));
            }

            n = all[i];
        }

        all[kept++] = n;
    }

    *nodes = all;
    return DG_OK;
}


dg_err_t
dg_model_build_operations(dg_model_build_t *b)
{
    const dg_json_t **nodes = NULL, *overlays;
    dg_service_t     *s = b->service;
    size_t            i, count;
    dg_err_t          err;

    err = gather_operations(b, &nodes, &count);
    if (err != DG_OK) {
        return err;
    }

    if (count == 0 || nodes == NULL) {
        return DG_MODEL_FAIL(b, DG_ERR_INVALID, b->model,
                             "the model has no operation");
    }

    s->operations = dg_arena_calloc(b->arena, count, sizeof(dg_operation_t));
    if (s->operations == NULL) {
        return DG_ERR_MEMORY;
    }

    overlays = dg_json_member(b->overlay, DG_SPAN("operations"));

    for (i = 0; i < count; i++) {
        s->operations[i].index = (unsigned) i;

        err = read_operation(b, nodes[i], &s->operations[i]);
        if (err != DG_OK) {
            return err;
        }

        err = dg_model_build_overlay(b, &s->operations[i],
                                     dg_json_member(overlays, nodes[i]->key));
        if (err != DG_OK) {
            return err;
        }
    }

    s->operation_count = count;
    return DG_OK;
}
