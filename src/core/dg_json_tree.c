/*
 * JSON text as a tree with line and column: see dg_json.h.
 */

#include "dg_json_reader.h"

#include <string.h>

#define NAME_SHOWN  64  /* bytes of a name in a diagnostic */

/* A container that is open. */
typedef struct open_s  open_t;

struct open_s {
    dg_json_t  *value;
    dg_json_t  *last;    /* its last item so far */
    open_t     *outer;   /* the one around it; next in the list of unused */
};

typedef struct {
    dg_arena_t        *arena;
    dg_json_reader_t  *reader;
    dg_span_t          text;
    size_t             token;      /* end of the token before */
    size_t             at;         /* what line and column speak of */
    unsigned           line;
    unsigned           column;
    dg_span_t          key;        /* of the value to come */
    unsigned           key_line;
    unsigned           key_column;
    dg_json_t         *root;
    open_t            *innermost;
    open_t            *unused;
} builder_t;


static void
locate(builder_t *b, size_t offset)
{
    for ( /* void */ ; b->at < offset && b->at < b->text.len; b->at++) {
        if (b->text.data[b->at] == '\n') {
            b->line++;
            b->column = 1;

        } else {
            b->column++;
        }
    }
}


/* The token's first byte: what lies between tokens is blank, ',' or ':'. */
static void
locate_token(builder_t *b)
{
    size_t  i = b->token;

    while (i < b->text.len && strchr(" \t\r\n,:", b->text.data[i]) != NULL
           && b->text.data[i] != 0)
    {
        i++;
    }

    locate(b, i);
    b->token = dg_json_reader_token_end(b->reader);
}


static void
link_value(builder_t *b, dg_json_t *value)
{
    open_t  *o = b->innermost;

    if (o == NULL) {
        b->root = value;
        return;
    }

    if (o->last == NULL) {
        o->value->first = value;

    } else {
        o->last->next = value;
    }

    o->last = value;
    o->value->count++;
}


static dg_json_t *
add_value(builder_t *b, dg_json_type_t type)
{
    dg_json_t  *value = dg_arena_calloc(b->arena, 1, sizeof(*value));

    if (value == NULL) {
        return NULL;
    }

    locate_token(b);

    value->type = type;
    value->line = b->line;
    value->column = b->column;
    value->key = b->key;
    value->key_line = b->key_line;
    value->key_column = b->key_column;

    b->key = DG_SPAN_EMPTY;
    b->key_line = 0;
    b->key_column = 0;

    link_value(b, value);
    return value;
}


static dg_err_t
tree_null(void *ctx)
{
    return add_value(ctx, DG_JSON_NULL) ? DG_OK : DG_ERR_MEMORY;
}


static dg_err_t
tree_bool(void *ctx, bool boolean)
{
    dg_json_t  *value = add_value(ctx, DG_JSON_BOOL);

    if (value == NULL) {
        return DG_ERR_MEMORY;
    }

    value->boolean = boolean;
    return DG_OK;
}


static dg_err_t
add_text(builder_t *b, dg_json_type_t type, dg_span_t text)
{
    dg_json_t  *value = add_value(b, type);

    if (value == NULL) {
        return DG_ERR_MEMORY;
    }

    value->text = dg_arena_copy(b->arena, text);

    return value->text.data ? DG_OK : DG_ERR_MEMORY;
}


static dg_err_t
tree_number(void *ctx, dg_span_t text)
{
    return add_text(ctx, DG_JSON_NUMBER, text);
}


static dg_err_t
tree_string(void *ctx, dg_span_t text)
{
    return add_text(ctx, DG_JSON_STRING, text);
}


static dg_err_t
tree_key(void *ctx, dg_span_t name)
{
    builder_t  *b = ctx;

    locate_token(b);

    b->key_line = b->line;
    b->key_column = b->column;
    b->key = dg_arena_copy(b->arena, name);

    return b->key.data ? DG_OK : DG_ERR_MEMORY;
}


static dg_err_t
open_container(builder_t *b, dg_json_type_t type)
{
    dg_json_t  *value = add_value(b, type);
    open_t     *o = b->unused;

    if (o != NULL) {
        b->unused = o->outer;

    } else {
        o = dg_arena_alloc(b->arena, sizeof(*o));
    }

    if (value == NULL || o == NULL) {
        return DG_ERR_MEMORY;
    }

    *o = (open_t) { .value = value, .outer = b->innermost };
    b->innermost = o;
    return DG_OK;
}


static dg_err_t
close_container(void *ctx)
{
    builder_t  *b = ctx;
    open_t     *o = b->innermost;

    b->token = dg_json_reader_token_end(b->reader);
    b->innermost = o->outer;
    o->outer = b->unused;
    b->unused = o;
    return DG_OK;
}


static dg_err_t
tree_object_start(void *ctx)
{
    return open_container(ctx, DG_JSON_OBJECT);
}


static dg_err_t
tree_array_start(void *ctx)
{
    return open_container(ctx, DG_JSON_ARRAY);
}


static const dg_visitor_t  tree_visitor = {
    .on_null = tree_null,
    .on_bool = tree_bool,
    .on_number = tree_number,
    .on_string = tree_string,
    .on_object_start = tree_object_start,
    .on_key = tree_key,
    .on_object_end = close_container,
    .on_array_start = tree_array_start,
    .on_array_end = close_container
};


/* The error is at a name, whose token the reader has just read. */
static dg_err_t
duplicate_name(builder_t *b, dg_diag_t *diag)
{
    size_t       end = dg_json_reader_offset(b->reader);
    uint8_t      buffer[NAME_SHOWN];
    dg_writer_t  w = dg_writer(buffer, sizeof(buffer));
    dg_span_t    raw;

    locate_token(b);

    raw = dg_span_slice(b->text, b->at, end);
    if (raw.len > sizeof(buffer)) {
        raw = DG_SPAN("a long name");
    }

    dg_write_span(&w, raw);

    return dg_diag(diag, DG_ERR_INVALID, b->line, b->column,
                   "%.*s comes twice in one object: remove one of the two",
                   (int) w.len, (const char *) w.data);
}


static dg_err_t
explain(builder_t *b, dg_err_t err, dg_diag_t *diag)
{
    const char  *reason = dg_json_reader_reason(b->reader);

    if (diag == NULL) {
        return err;
    }

    if (err == DG_ERR_INVALID) {
        return duplicate_name(b, diag);
    }

    locate(b, dg_json_reader_offset(b->reader));

    if (err != DG_ERR_SYNTAX) {
        return dg_diag(diag, err, b->line, b->column, "%s",
                       reason ? reason : dg_err_text(err));
    }

    return dg_diag(diag, err, b->line, b->column,
                   "this is not JSON (RFC 8259): %s",
                   reason ? reason : b->at < b->text.len
                   ? "a character is not expected here"
                   : "the text ends too early");
}


dg_err_t
dg_json_parse(dg_arena_t *arena, dg_span_t text,
    const dg_json_limits_t *limits, dg_diag_t *diag, const dg_json_t **root)
{
    builder_t  b = {
        .arena = arena, .text = text, .line = 1, .column = 1
    };
    dg_err_t   err;

    *root = NULL;

    b.reader = dg_json_reader_create(arena, &tree_visitor, &b, limits);
    if (b.reader == NULL) {
        return dg_diag(diag, DG_ERR_MEMORY, 0, 0, "out of memory");
    }

    err = dg_json_reader_feed(b.reader, text);
    if (err == DG_OK) {
        err = dg_json_reader_finish(b.reader);
    }

    if (err != DG_OK) {
        return explain(&b, err, diag);
    }

    *root = b.root;
    return DG_OK;
}


const dg_json_t *
dg_json_member(const dg_json_t *object, dg_span_t name)
{
    if (object == NULL || object->type != DG_JSON_OBJECT) {
        return NULL;
    }

    for (const dg_json_t *m = object->first; m != NULL; m = m->next) {
        if (dg_span_equal(m->key, name)) {
            return m;
        }
    }

    return NULL;
}


bool
dg_json_string(const dg_json_t *object, dg_span_t name, dg_span_t *text)
{
    const dg_json_t  *m = dg_json_member(object, name);

    if (m == NULL || m->type != DG_JSON_STRING) {
        return false;
    }

    *text = m->text;
    return true;
}


const char *
dg_json_type_name(dg_json_type_t type)
{
    static const char *const  names[] = {
        [DG_JSON_NULL] = "null",
        [DG_JSON_BOOL] = "boolean",
        [DG_JSON_NUMBER] = "number",
        [DG_JSON_STRING] = "string",
        [DG_JSON_ARRAY] = "array",
        [DG_JSON_OBJECT] = "object",
    };
    size_t  n = sizeof(names) / sizeof(names[0]);

    return (size_t) type < n ? names[type] : "unknown";
}
