/*
 * A model and its overlay to a dg_service_t: see dg_model.h.
 *
 * Both texts become trees first; the model's tree is many times larger than
 * what is kept of it, so it lives in memory of its own that is given back
 * when loading ends.  Loading is never done while a call is served.
 */

#include "dg_model_build.h"

#include <stdlib.h>
#include <string.h>

#define SCRATCH_CHUNK  (256 * 1024)
#define SCRATCH_MAX    ((size_t) 512 * 1024 * 1024)
#define NUMBER_MAX     63     /* characters of a bound */

/* Chunks of scratch memory, the newest first. */
typedef union chunk_u  chunk_t;

union chunk_u {
    chunk_t      *next;
    max_align_t   align;
};

static const dg_json_limits_t  model_limits = {
    .depth = 64,
    .text = DG_MODEL_TEXT_MAX,
    .string = 1024 * 1024,
    .values = 4000000,
    .members = 100000
};


static void *
grow_scratch(void *ctx, size_t size)
{
    chunk_t **chunks = ctx;
    chunk_t  *chunk;

    if (size > SIZE_MAX - sizeof(chunk_t)) {
        return NULL;
    }

    chunk = malloc(sizeof(chunk_t) + size);
    if (chunk == NULL) {
        return NULL;
    }

    chunk->next = *chunks;
    *chunks = chunk;
    return chunk + 1;
}


static void
release_scratch(chunk_t *chunks)
{
    chunk_t  *next;

    for ( /* void */ ; chunks != NULL; chunks = next) {
        next = chunks->next;
        free(chunks);
    }
}


bool
dg_model_number(const dg_json_t *object, const char *name, double *value)
{
    const dg_json_t  *n = dg_json_member(object, dg_span_cstr(name));
    char              text[NUMBER_MAX + 1];

    if (n == NULL || n->type != DG_JSON_NUMBER || n->text.len > NUMBER_MAX) {
        return false;
    }

    memcpy(text, n->text.data, n->text.len);
    text[n->text.len] = '\0';
    *value = strtod(text, NULL);
    return true;
}


bool
dg_model_flag(const dg_json_t *object, const char *name)
{
    const dg_json_t  *n = dg_json_member(object, dg_span_cstr(name));

    return n != NULL && n->type == DG_JSON_BOOL && n->boolean;
}


dg_err_t
dg_model_text(dg_model_build_t *b, const dg_json_t *object, const char *name,
    dg_span_t *out)
{
    dg_span_t  text;

    if (!dg_json_string(object, dg_span_cstr(name), &text)) {
        return DG_OK;
    }

    *out = dg_arena_copy(b->arena, text);
    return out->data ? DG_OK : DG_ERR_MEMORY;
}


dg_err_t
dg_model_texts(dg_model_build_t *b, const dg_json_t *list,
    const dg_span_t **out, size_t *count)
{
    const dg_json_t  *item;
    dg_span_t        *texts;
    size_t            n = 0;

    if (list == NULL) {
        return DG_OK;
    }

    if (list->type != DG_JSON_ARRAY) {
        return DG_MODEL_FAIL(b, DG_ERR_INVALID, list,
                             "expected a list of strings");
    }

    texts = dg_arena_calloc(b->arena, list->count + 1, sizeof(*texts));
    if (texts == NULL) {
        return DG_ERR_MEMORY;
    }

    for (item = list->first; item != NULL; item = item->next) {
        if (item->type != DG_JSON_STRING) {
            return DG_MODEL_FAIL(b, DG_ERR_INVALID, item,
                                 "expected a string, found a %s",
                                 dg_json_type_name(item->type));
        }

        texts[n] = dg_arena_copy(b->arena, item->text);
        if (texts[n++].data == NULL) {
            return DG_ERR_MEMORY;
        }
    }

    *out = texts;
    *count = n;
    return DG_OK;
}


static int
compare_keys(const void *a, const void *b)
{
    const dg_json_t *const  *x = a;
    const dg_json_t *const  *y = b;

    return dg_span_compare((*x)->key, (*y)->key);
}


static size_t
gather(const dg_json_t *object, const dg_json_t **out)
{
    const dg_json_t  *n;
    size_t            count = 0;

    if (object == NULL || object->type != DG_JSON_OBJECT) {
        return 0;
    }

    for (n = object->first; n != NULL; n = n->next) {
        if (n->type == DG_JSON_OBJECT) {
            if (out != NULL) {
                out[count] = n;
            }

            count++;
        }
    }

    return count;
}


dg_err_t
dg_model_merge(dg_model_build_t *b, const char *name,
    const dg_json_t ***out, size_t *count)
{
    const dg_json_t  *model, *overlay, **nodes;
    size_t            i, n, from_overlay;

    model = dg_json_member(b->model, dg_span_cstr(name));
    overlay = dg_json_member(b->overlay, dg_span_cstr(name));

    nodes = dg_arena_calloc(b->scratch,
                            gather(model, NULL) + gather(overlay, NULL) + 1,
                            sizeof(*nodes));
    if (nodes == NULL) {
        return DG_ERR_MEMORY;
    }

    from_overlay = gather(overlay, nodes);
    qsort(nodes, from_overlay, sizeof(*nodes), compare_keys);
    n = from_overlay;

    if (model != NULL && model->type == DG_JSON_OBJECT) {
        for (model = model->first; model != NULL; model = model->next) {
            if (model->type == DG_JSON_OBJECT
                && (from_overlay == 0
                    || bsearch(&model, nodes, from_overlay, sizeof(*nodes),
                               compare_keys) == NULL))
            {
                nodes[n++] = model;
            }
        }
    }

    qsort(nodes, n, sizeof(*nodes), compare_keys);

    for (i = 1; i < n; i++) {
        if (dg_span_equal(nodes[i]->key, nodes[i - 1]->key)) {
            return DG_MODEL_FAIL(b, DG_ERR_INVALID, nodes[i],
                                 "\"%.*s\" is defined twice",
                                 DG_MODEL_NAME(nodes[i]->key));
        }
    }

    *out = nodes;
    *count = n;
    return DG_OK;
}


static bool
lists_protocol(const dg_json_t *list, const char *name)
{
    const dg_json_t  *item;

    if (list == NULL || list->type != DG_JSON_ARRAY) {
        return false;
    }

    for (item = list->first; item != NULL; item = item->next) {
        if (item->type == DG_JSON_STRING
            && dg_span_equal(item->text, dg_span_cstr(name)))
        {
            return true;
        }
    }

    return false;
}


static bool
speaks(const dg_model_build_t *b, const dg_json_t *metadata, const char *name)
{
    dg_span_t  one;

    if (dg_json_string(metadata, DG_SPAN("protocol"), &one)
        && dg_span_equal(one, dg_span_cstr(name)))
    {
        return true;
    }

    return lists_protocol(dg_json_member(metadata, DG_SPAN("protocols")), name)
           || lists_protocol(dg_json_member(b->overlay, DG_SPAN("protocols")),
                             name);
}


static dg_err_t
read_protocol(dg_model_build_t *b, const dg_json_t *metadata)
{
    dg_service_t  *s = b->service;
    dg_span_t      version = DG_SPAN("1.1");

    s->speaks_cbor = speaks(b, metadata, "smithy-rpc-v2-cbor");
    s->is_broker = dg_model_flag(b->overlay, "broker");

    if (s->is_broker) {
        s->protocol = DG_PROTOCOL_BROKER;
        return DG_OK;
    }

    if (speaks(b, metadata, "json")) {
        (void) dg_json_string(metadata, DG_SPAN("jsonVersion"), &version);
        s->protocol = dg_span_equal(version, DG_SPAN("1.0"))
                      ? DG_PROTOCOL_AWS_JSON_1_0 : DG_PROTOCOL_AWS_JSON_1_1;
        return DG_OK;
    }

    if (speaks(b, metadata, "rest-json")) {
        s->protocol = DG_PROTOCOL_REST_JSON;
        return DG_OK;
    }

    if (s->speaks_cbor) {
        s->protocol = DG_PROTOCOL_RPC_V2_CBOR;
        return DG_OK;
    }

    return DG_MODEL_FAIL(b, DG_ERR_UNSUPPORTED, metadata,
                         "the model's protocol is none of json, rest-json "
                         "and smithy-rpc-v2-cbor");
}


/* a, or a + b joined, in the arena */
static dg_err_t
joined(dg_model_build_t *b, dg_span_t first, dg_span_t second, dg_span_t *out)
{
    uint8_t      *p = dg_arena_alloc(b->arena, first.len + second.len + 1);
    dg_writer_t   w;

    if (p == NULL) {
        return DG_ERR_MEMORY;
    }

    w = dg_writer(p, first.len + second.len + 1);
    dg_write_span(&w, first);
    dg_write_span(&w, second);
    *out = dg_written(&w);
    return DG_OK;
}


/* com.amazonaws.NAME, where NAME is the endpoint prefix without hyphens */
static dg_err_t
default_namespace(dg_model_build_t *b, dg_span_t *out)
{
    dg_span_t  prefix = b->service->endpoint_prefix;
    uint8_t   *p;
    size_t     i, n = 0;

    p = dg_arena_alloc(b->scratch, prefix.len + 1);
    if (p == NULL) {
        return DG_ERR_MEMORY;
    }

    for (i = 0; i < prefix.len; i++) {
        if (prefix.data[i] != '-') {
            p[n++] = prefix.data[i];
        }
    }

    return joined(b, DG_SPAN("com.amazonaws."), dg_span(p, n), out);
}


static dg_err_t
read_names(dg_model_build_t *b, const dg_json_t *metadata)
{
    dg_service_t  *s = b->service;
    dg_err_t       err;

    if ((err = dg_model_text(b, metadata, "endpointPrefix",
                             &s->endpoint_prefix)) != DG_OK
        || (err = dg_model_text(b, metadata, "apiVersion",
                                &s->api_version)) != DG_OK
        || (err = dg_model_text(b, metadata, "targetPrefix",
                                &s->target_prefix)) != DG_OK)
    {
        return err;
    }

    if (s->endpoint_prefix.len == 0) {
        s->endpoint_prefix = s->name;
    }

    s->signing_name = s->endpoint_prefix;
    if ((err = dg_model_text(b, metadata, "signingName", &s->signing_name))
        != DG_OK)
    {
        return err;
    }

    s->action_prefix = s->signing_name;
    if ((err = joined(b, s->endpoint_prefix, DG_SPAN(".amazonaws.com"),
                      &s->event_source)) != DG_OK
        || (err = joined(b, s->endpoint_prefix,
                         DG_SPAN(".${region}.amazonaws.com"),
                         &s->endpoint)) != DG_OK
        || (err = dg_model_text(b, b->overlay, "endpoint", &s->endpoint))
           != DG_OK
        || (err = default_namespace(b, &s->namespace_name)) != DG_OK
        || (err = dg_model_text(b, b->overlay, "actionPrefix",
                                &s->action_prefix)) != DG_OK
        || (err = dg_model_text(b, b->overlay, "eventSource",
                                &s->event_source)) != DG_OK
        || (err = dg_model_text(b, b->overlay, "namespace",
                                &s->namespace_name)) != DG_OK)
    {
        return err;
    }

    return dg_model_texts(b, dg_json_member(b->overlay,
                                            DG_SPAN("permissionOnly")),
                          &s->permission_only, &s->permission_only_count);
}


static dg_err_t
read_common_errors(dg_model_build_t *b)
{
    const dg_json_t  *list, *item;
    dg_service_t     *s = b->service;
    double            status;
    dg_err_t          err;

    list = dg_json_member(b->overlay, DG_SPAN("commonErrors"));
    if (list == NULL) {
        list = dg_json_member(b->model, DG_SPAN("commonErrors"));
    }

    if (list == NULL || list->type != DG_JSON_ARRAY) {
        return DG_OK;
    }

    s->common_errors = dg_arena_calloc(b->arena, list->count + 1,
                                       sizeof(*s->common_errors));
    if (s->common_errors == NULL) {
        return DG_ERR_MEMORY;
    }

    for (item = list->first; item != NULL; item = item->next) {
        dg_common_error_t  *e = &s->common_errors[s->common_error_count];

        err = dg_model_text(b, item, "code", &e->code);
        if (err != DG_OK) {
            return err;
        }

        if (!dg_model_number(item, "httpStatusCode", &status)
            || status < 400 || status > 599 || e->code.len == 0)
        {
            return DG_MODEL_FAIL(b, DG_ERR_INVALID, item,
                                 "a common error needs \"code\" and an "
                                 "\"httpStatusCode\" of 400 to 599");
        }

        e->status = (unsigned) status;
        s->common_error_count++;
    }

    return DG_OK;
}


static dg_err_t
build(dg_model_build_t *b)
{
    const dg_json_t  *metadata;
    dg_err_t          err;

    metadata = dg_json_member(b->model, DG_SPAN("metadata"));

    if (metadata == NULL || metadata->type != DG_JSON_OBJECT) {
        return DG_MODEL_FAIL(b, DG_ERR_INVALID, b->model,
                             "the model has no \"metadata\"");
    }

    if ((err = read_protocol(b, metadata)) != DG_OK
        || (err = read_names(b, metadata)) != DG_OK
        || (err = read_common_errors(b)) != DG_OK
        || (err = dg_model_build_shapes(b)) != DG_OK)
    {
        return err;
    }

    return dg_model_build_operations(b);
}


/* Says which of the two texts a diagnostic is about. */
static dg_err_t
parse(dg_arena_t *arena, dg_span_t text, const char *which, dg_diag_t *diag,
    const dg_json_t **root)
{
    dg_diag_t  inner = { 0, 0, "" };
    dg_err_t   err;

    err = dg_json_parse(arena, text, &model_limits, &inner, root);
    if (err != DG_OK) {
        return dg_diag(diag, err, inner.line, inner.column,
                       "the %s cannot be read: %.300s", which, inner.text);
    }

    if ((*root)->type != DG_JSON_OBJECT) {
        return dg_diag(diag, DG_ERR_INVALID, 1, 1,
                       "the %s is not a JSON object", which);
    }

    return DG_OK;
}


static dg_err_t
load(dg_model_build_t *b, dg_span_t name, dg_span_t model, dg_span_t overlay)
{
    dg_err_t  err;

    err = parse(b->scratch, model, "model", b->diag, &b->model);
    if (err != DG_OK) {
        return err;
    }

    /* kept: dg_operation_t points into it */
    if (overlay.len != 0) {
        err = parse(b->arena, overlay, "overlay", b->diag, &b->overlay);
        if (err != DG_OK) {
            return err;
        }
    }

    b->service = dg_arena_calloc(b->arena, 1, sizeof(*b->service));
    if (b->service == NULL) {
        return DG_ERR_MEMORY;
    }

    b->service->name = dg_arena_copy(b->arena, name);
    if (b->service->name.data == NULL) {
        return DG_ERR_MEMORY;
    }

    return build(b);
}


dg_err_t
dg_model_load(dg_arena_t *arena, dg_span_t name, dg_span_t model,
    dg_span_t overlay, dg_diag_t *diag, dg_service_t **out)
{
    dg_model_build_t  b = { .arena = arena, .diag = diag };
    dg_arena_t        scratch;
    chunk_t          *chunks = NULL;
    dg_err_t          err;

    dg_arena_init_grow(&scratch, grow_scratch, &chunks, SCRATCH_CHUNK,
                       SCRATCH_MAX);
    b.scratch = &scratch;

    (void) dg_diag(diag, DG_OK, 0, 0, "the model does not fit in memory");

    err = load(&b, name, model, overlay);
    release_scratch(chunks);

    if (err != DG_OK) {
        dg_model_release(b.service);
        return err;
    }

    *out = b.service;
    return DG_OK;
}
