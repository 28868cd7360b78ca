/*
 * CBOR both ways (RFC 8949; Smithy rpc-v2-cbor): a tree from a body, and an
 * answer from a tree.
 *
 * Maps and lists are written with indefinite length, so that nothing has to
 * be counted before it is known which members appear.
 */

#include "dg_sandbox_cbor.h"

#include "core/dg_cbor.h"
#include "core/dg_cbor_write.h"
#include "core/dg_codec.h"
#include "core/dg_time.h"
#include "dg_sandbox_answer.h"

static void put_value(dg_writer_t *w, const dg_shape_t *shape,
    const dg_json_t *value, unsigned depth);


/* Where the reader is: the containers around the next value. */
typedef struct {
    dg_tree_t   *tree;
    dg_json_t   *stack[DG_ANSWER_DEPTH_MAX];
    dg_span_t    key[DG_ANSWER_DEPTH_MAX];
    unsigned     depth;
    dg_json_t   *root;
} grow_t;


/* Puts the value into what is around it. */
static dg_err_t
take(grow_t *g, const dg_json_t *value)
{
    dg_json_t  *around;

    if (value == NULL) {
        return DG_ERR_MEMORY;
    }

    if (g->depth == 0) {
        g->root = dg_tree_copy(g->tree, value);
        return g->root == NULL ? DG_ERR_MEMORY : DG_OK;
    }

    around = g->stack[g->depth - 1];

    if (around->type == DG_JSON_ARRAY) {
        dg_tree_push(g->tree, around, value);

    } else {
        dg_tree_set(g->tree, around, g->key[g->depth - 1], value);
    }

    return g->tree->failed ? DG_ERR_MEMORY : DG_OK;
}


static dg_err_t
enter(grow_t *g, dg_json_t *container)
{
    if (container == NULL) {
        return DG_ERR_MEMORY;
    }

    if (g->depth == DG_ANSWER_DEPTH_MAX) {
        return DG_ERR_LIMIT;
    }

    g->stack[g->depth++] = container;
    return DG_OK;
}


/* A container is put into its place once it is whole: nodes are copied. */
static dg_err_t
leave(void *ctx)
{
    grow_t  *g = ctx;

    g->depth--;
    return take(g, g->stack[g->depth]);
}


static dg_err_t
on_null(void *ctx)
{
    (void) ctx;
    return DG_OK;
}


static dg_err_t
on_bool(void *ctx, bool value)
{
    grow_t  *g = ctx;

    return take(g, dg_tree_bool(g->tree, value));
}


static dg_err_t
on_string(void *ctx, dg_span_t text)
{
    grow_t  *g = ctx;

    return take(g, dg_tree_string(g->tree, text));
}


static dg_err_t
on_number(void *ctx, dg_span_t text)
{
    grow_t     *g = ctx;
    dg_json_t  *value = dg_tree_string(g->tree, text);

    if (value != NULL) {
        value->type = DG_JSON_NUMBER;
    }

    return take(g, value);
}


static dg_err_t
on_bytes(void *ctx, dg_span_t bytes)
{
    grow_t       *g = ctx;
    uint8_t      *p;
    dg_writer_t   w;

    p = dg_arena_alloc(g->tree->arena, DG_BASE64_SIZE(bytes.len) + 1);
    if (p == NULL) {
        return DG_ERR_MEMORY;
    }

    w = dg_writer(p, DG_BASE64_SIZE(bytes.len) + 1);
    dg_write_base64(&w, bytes);

    return take(g, dg_tree_string(g->tree, dg_written(&w)));
}


static dg_err_t
on_object_start(void *ctx)
{
    grow_t  *g = ctx;

    return enter(g, dg_tree_object(g->tree));
}


static dg_err_t
on_array_start(void *ctx)
{
    grow_t  *g = ctx;

    return enter(g, dg_tree_array(g->tree));
}


static dg_err_t
on_key(void *ctx, dg_span_t name)
{
    grow_t     *g = ctx;
    dg_span_t   copy = dg_arena_copy(g->tree->arena, name);

    if (copy.data == NULL) {
        return DG_ERR_MEMORY;
    }

    g->key[g->depth - 1] = copy;
    return DG_OK;
}


static const dg_visitor_t  visitor = {
    .on_null = on_null,
    .on_bool = on_bool,
    .on_number = on_number,
    .on_string = on_string,
    .on_bytes = on_bytes,
    .on_timestamp = on_number,
    .on_object_start = on_object_start,
    .on_key = on_key,
    .on_object_end = leave,
    .on_array_start = on_array_start,
    .on_array_end = leave
};


dg_err_t
dg_sandbox_cbor_tree(dg_tree_t *tree, dg_span_t body, const dg_json_t **root)
{
    grow_t             g = { .tree = tree };
    dg_err_t           err;
    dg_cbor_reader_t  *reader;

    reader = dg_cbor_reader_create(tree->arena, &visitor, &g, NULL);
    if (reader == NULL) {
        return DG_ERR_MEMORY;
    }

    err = dg_cbor_reader_feed(reader, body);

    if (err == DG_OK) {
        err = dg_cbor_reader_finish(reader);
    }

    if (err == DG_OK && g.root == NULL) {
        err = DG_ERR_INVALID;
    }

    *root = g.root;
    return err;
}


static void
put_bytes(dg_writer_t *w, dg_span_t base64)
{
    dg_writer_t  raw;

    /* decoded in the part of the buffer that is still free */
    if (w->overflow || w->cap - w->len < 2 * base64.len + 16) {
        w->overflow = true;
        return;
    }

    raw = dg_writer(w->data + w->cap - base64.len, base64.len);

    if (dg_base64_decode(base64, &raw) != DG_OK) {
        raw.len = 0;
    }

    dg_cbor_write_bytes(w, dg_written(&raw));
}


static void
put_timestamp(dg_writer_t *w, const dg_json_t *value)
{
    int64_t    seconds = 0;
    uint64_t   fraction = 0;
    dg_span_t  whole, behind;

    if (value->type == DG_JSON_STRING) {
        if (dg_time_parse_iso(value->text, &seconds, NULL) != DG_OK) {
            seconds = 0;
        }

        dg_cbor_write_timestamp(w, seconds * 1000);
        return;
    }

    whole = dg_span_slice(value->text, 0, dg_span_find(value->text, '.'));
    behind = dg_span_slice(value->text, whole.len + 1, whole.len + 4);

    if (dg_json_to_i64(whole, &seconds) != DG_OK) {
        seconds = 0;
    }

    if (behind.len != 3 || !dg_span_to_u64(behind, &fraction)) {
        fraction = 0;
    }

    dg_cbor_write_timestamp(w, seconds * 1000 + (int64_t) fraction);
}


static void
put_members(dg_writer_t *w, const dg_shape_t *shape, const dg_json_t *tree,
    dg_span_t except, unsigned depth)
{
    const dg_json_t    *value;
    const dg_member_t  *m;

    for (m = shape->members; m < shape->members + shape->member_count; m++) {
        value = dg_tree_find(tree, m->wire_name);

        if (value != NULL && dg_answer_fits(m->shape, value)
            && !dg_span_equal(m->wire_name, except))
        {
            dg_cbor_write_text(w, m->wire_name);
            put_value(w, m->shape, value, depth);
        }
    }
}


static void
put_items(dg_writer_t *w, const dg_shape_t *shape, const dg_json_t *value,
    unsigned depth)
{
    const dg_json_t  *item;

    for (item = value->first; item != NULL; item = item->next) {
        if (!dg_answer_fits(shape->element->shape, item)) {
            continue;
        }

        if (shape->type == DG_SHAPE_MAP) {
            dg_cbor_write_text(w, item->key);
        }

        put_value(w, shape->element->shape, item, depth);
    }

    dg_cbor_write_break(w);
}


static void
put_value(dg_writer_t *w, const dg_shape_t *shape, const dg_json_t *value,
    unsigned depth)
{
    if (depth == DG_ANSWER_DEPTH_MAX) {
        dg_cbor_write_null(w);
        return;
    }

    switch (shape->type) {

    case DG_SHAPE_STRUCTURE:
        dg_cbor_write_open_map(w);
        put_members(w, shape, value, DG_SPAN_EMPTY, depth + 1);
        dg_cbor_write_break(w);
        return;

    case DG_SHAPE_LIST:
        dg_cbor_write_open_array(w);
        put_items(w, shape, value, depth + 1);
        return;

    case DG_SHAPE_MAP:
        dg_cbor_write_open_map(w);
        put_items(w, shape, value, depth + 1);
        return;

    case DG_SHAPE_STRING:
        dg_cbor_write_text(w, value->text);
        return;

    case DG_SHAPE_BLOB:
        put_bytes(w, value->text);
        return;

    case DG_SHAPE_BOOLEAN:
        dg_cbor_write_bool(w, value->boolean);
        return;

    case DG_SHAPE_TIMESTAMP:
        put_timestamp(w, value);
        return;

    default:
        if (value->type != DG_JSON_NUMBER
            || dg_cbor_write_number(w, value->text) != DG_OK)
        {
            dg_cbor_write_null(w);
        }
    }
}


void
dg_answer_cbor(dg_writer_t *w, const dg_shape_t *structure,
    const dg_json_t *tree)
{
    dg_cbor_write_open_map(w);

    if (structure != NULL) {
        put_members(w, structure, tree, DG_SPAN_EMPTY, 0);
    }

    dg_cbor_write_break(w);
}


void
dg_answer_error_cbor(dg_writer_t *w, const dg_shape_t *shape,
    dg_span_t type, dg_span_t message, const dg_json_t *tree)
{
    dg_span_t  name = dg_answer_message_name(shape);

    dg_cbor_write_open_map(w);
    dg_cbor_write_text(w, DG_SPAN("__type"));
    dg_cbor_write_text(w, type);
    dg_cbor_write_text(w, name);
    dg_cbor_write_text(w, message);

    if (shape != NULL) {
        put_members(w, shape, tree, name, 0);
    }

    dg_cbor_write_break(w);
}
