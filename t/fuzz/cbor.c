/*
 * Targets: dg_cbor_reader_feed, dg_cbor_reader_finish.
 *
 * The first byte is the size of the pieces.  Reading whole and in pieces must
 * end alike and tell the same; what is accepted must be accepted by
 * libcbor's own loader, and every text told must be UTF-8.
 */

#include "dg_cbor.h"
#include "dg_codec.h"

#include <stdlib.h>

#include <cbor.h>

typedef struct {
    dg_writer_t  told;
    unsigned     calls;
} log_t;

static uint8_t  memory[32 * 1024 * 1024];
static uint8_t  first[1024 * 1024], second[1024 * 1024];


static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}


static dg_err_t
tell(log_t *log, char what, dg_span_t text)
{
    dg_write_char(&log->told, what);
    dg_write_span(&log->told, text);
    log->calls++;
    return DG_OK;
}


static dg_err_t
on_null(void *ctx)
{
    return tell(ctx, 'n', DG_SPAN_EMPTY);
}


static dg_err_t
on_bool(void *ctx, bool value)
{
    return tell(ctx, value ? 't' : 'f', DG_SPAN_EMPTY);
}


/* A number must be JSON. */
static dg_err_t
on_number(void *ctx, dg_span_t text)
{
    uint8_t           block[16384];
    dg_arena_t        arena;
    const dg_json_t  *root;

    dg_arena_init(&arena, block, sizeof(block));
    require(dg_json_parse(&arena, text, NULL, NULL, &root) == DG_OK);
    require(root->type == DG_JSON_NUMBER);

    return tell(ctx, '#', text);
}


static dg_err_t
on_string(void *ctx, dg_span_t text)
{
    require(dg_utf8_valid(text));
    return tell(ctx, '\'', text);
}


static dg_err_t
on_bytes(void *ctx, dg_span_t bytes)
{
    return tell(ctx, 'b', bytes);
}


static dg_err_t
on_object_start(void *ctx)
{
    return tell(ctx, '{', DG_SPAN_EMPTY);
}


static dg_err_t
on_object_end(void *ctx)
{
    return tell(ctx, '}', DG_SPAN_EMPTY);
}


static dg_err_t
on_array_start(void *ctx)
{
    return tell(ctx, '[', DG_SPAN_EMPTY);
}


static dg_err_t
on_array_end(void *ctx)
{
    return tell(ctx, ']', DG_SPAN_EMPTY);
}


static const dg_visitor_t  visitor = {
    .on_null = on_null, .on_bool = on_bool, .on_number = on_number,
    .on_string = on_string, .on_bytes = on_bytes, .on_timestamp = on_number,
    .on_object_start = on_object_start, .on_key = on_string,
    .on_object_end = on_object_end, .on_array_start = on_array_start,
    .on_array_end = on_array_end
};


static dg_err_t
read_pieces(dg_span_t data, size_t piece, log_t *log)
{
    dg_arena_t         arena;
    dg_cbor_reader_t  *reader;
    dg_err_t           err = DG_OK;

    dg_arena_init(&arena, memory, sizeof(memory));
    reader = dg_cbor_reader_create(&arena, &visitor, log, NULL);
    require(reader != NULL);

    for (size_t i = 0; err == DG_OK && i < data.len; i += piece) {
        err = dg_cbor_reader_feed(reader, dg_span_slice(data, i, i + piece));
    }

    if (err == DG_OK) {
        err = dg_cbor_reader_finish(reader);
    }

    require(dg_cbor_reader_offset(reader) <= data.len);
    return err;
}


static void
libcbor_accepts(dg_span_t data)
{
    struct cbor_load_result   result;
    cbor_item_t              *item = cbor_load(data.data, data.len, &result);

    require(item != NULL && result.read == data.len);
    cbor_decref(&item);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    log_t      a = { .told = dg_writer(first, sizeof(first)) };
    log_t      b = { .told = dg_writer(second, sizeof(second)) };
    dg_span_t  items;
    dg_err_t   whole;

    if (size == 0) {
        return 0;
    }

    items = dg_span(data + 1, size - 1);
    whole = read_pieces(items, items.len + 1, &a);

    require(read_pieces(items, (size_t) data[0] + 1, &b) == whole);
    require(a.calls == b.calls);
    require(dg_span_equal(dg_written(&a.told), dg_written(&b.told)));

    if (whole == DG_OK) {
        libcbor_accepts(items);
    }

    return 0;
}
