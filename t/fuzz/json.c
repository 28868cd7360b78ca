/*
 * Targets: dg_json_reader_feed, dg_json_reader_finish, dg_json_parse,
 * dg_json_write_tree, dg_json_to_i64.
 *
 * The first byte is the size of the pieces.  Reading whole, in pieces and as
 * a tree must end alike; what a tree is written as must be read as the same.
 */

#include "dg_json.h"

#include <stdlib.h>

static uint8_t  memory[32 * 1024 * 1024];
static uint8_t  again[8 * 1024 * 1024];
static uint8_t  first[1024 * 1024], second[1024 * 1024];


static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}


static dg_err_t
touch(void *ctx, dg_span_t text)
{
    unsigned  *sum = ctx;

    for (size_t i = 0; i < text.len; i++) {
        *sum += text.data[i];
    }

    return DG_OK;
}


static dg_err_t
ignore(void *ctx)
{
    (void) ctx;
    return DG_OK;
}


static dg_err_t
ignore_bool(void *ctx, bool value)
{
    (void) ctx;
    (void) value;
    return DG_OK;
}


static const dg_visitor_t  visitor = {
    .on_null = ignore, .on_bool = ignore_bool, .on_number = touch,
    .on_string = touch, .on_object_start = ignore, .on_key = touch,
    .on_object_end = ignore, .on_array_start = ignore, .on_array_end = ignore
};


static dg_err_t
read_pieces(dg_span_t text, size_t piece)
{
    dg_arena_t         arena;
    unsigned           sum = 0;
    dg_json_reader_t  *reader;
    dg_err_t           err = DG_OK;

    dg_arena_init(&arena, memory, sizeof(memory));
    reader = dg_json_reader_create(&arena, &visitor, &sum, NULL);
    require(reader != NULL);

    for (size_t i = 0; err == DG_OK && i < text.len; i += piece) {
        err = dg_json_reader_feed(reader, dg_span_slice(text, i, i + piece));
    }

    if (err == DG_OK) {
        err = dg_json_reader_finish(reader);
    }

    require(err == DG_OK || dg_json_reader_offset(reader) <= text.len);
    return err;
}


static void
write_and_read(const dg_json_t *root)
{
    dg_writer_t       a = dg_writer(first, sizeof(first));
    dg_writer_t       b = dg_writer(second, sizeof(second));
    const dg_json_t  *copy;
    dg_arena_t        arena;
    int64_t           value;

    dg_json_write_tree(&a, root);

    if (a.overflow) {
        return;
    }

    dg_arena_init(&arena, again, sizeof(again));
    require(dg_json_parse(&arena, dg_written(&a), NULL, NULL, &copy)
            == DG_OK);
    dg_json_write_tree(&b, copy);
    require(dg_span_equal(dg_written(&a), dg_written(&b)));

    if (root->type == DG_JSON_NUMBER) {
        (void) !dg_json_to_i64(root->text, &value);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dg_arena_t        arena;
    dg_span_t         text;
    const dg_json_t  *root;
    dg_diag_t         diag;
    dg_err_t          whole;

    if (size == 0) {
        return 0;
    }

    text = dg_span(data + 1, size - 1);
    whole = read_pieces(text, text.len + 1);
    require(read_pieces(text, (size_t) data[0] + 1) == whole);
    require(read_pieces(text, 1) == whole);

    dg_arena_init(&arena, memory, sizeof(memory));
    require(dg_json_parse(&arena, text, NULL, &diag, &root) == whole);

    if (whole == DG_OK) {
        write_and_read(root);
    }

    return 0;
}
