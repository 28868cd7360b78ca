/*
 * What CBOR items mean to a visitor: see dg_cbor.h.
 */

#include "dg_cbor_reader.h"

#include "dg_codec.h"
#include "dg_number.h"

#include <string.h>

#define FIRST_FRAMES    16

#define TAG_EPOCH_TIME  1  /* RFC 8949 section 3.4.2 */

typedef dg_cbor_frame_t  frame_t;


static void
fail(dg_cbor_reader_t *r, dg_err_t err)
{
    if (r->err == DG_OK) {
        r->err = err;
    }
}


static frame_t *
innermost(dg_cbor_reader_t *r)
{
    return r->depth ? &r->frames[r->depth - 1] : NULL;
}


static bool
expects_key(dg_cbor_reader_t *r)
{
    const frame_t  *f = innermost(r);

    return f != NULL && f->map && !f->value;
}


/* Before any value but a string's chunk; `number` may have a tag. */
static bool
start_value(dg_cbor_reader_t *r, bool number)
{
    if (r->err != DG_OK) {
        return false;
    }

    if (r->chunked) {
        fail(r, DG_ERR_SYNTAX);

    } else if (expects_key(r)) {
        fail(r, DG_ERR_INVALID);

    } else if (r->tagged && !number) {
        fail(r, DG_ERR_UNSUPPORTED);

    } else if (++r->values > r->limits.values) {
        fail(r, DG_ERR_LIMIT);
    }

    return r->err == DG_OK;
}


static void
close_frame(dg_cbor_reader_t *r)
{
    bool  map = innermost(r)->map;

    r->depth--;

    if (map) {
        dg_names_close(&r->names);
        fail(r, r->visitor->on_object_end(r->ctx));
        return;
    }

    fail(r, r->visitor->on_array_end(r->ctx));
}


/* An item has ended; so have, with the last one, those around it. */
static void
end_item(dg_cbor_reader_t *r)
{
    frame_t  *f;

    while (r->err == DG_OK && (f = innermost(r)) != NULL) {
        f->value = f->map && !f->value;

        if (f->indefinite || --f->left > 0) {
            return;
        }

        close_frame(r);
    }

    r->complete = r->depth == 0;
}


static void
end_value(dg_cbor_reader_t *r, dg_err_t err)
{
    fail(r, err);

    if (r->err == DG_OK) {
        end_item(r);
    }
}


static void
tell_number(dg_cbor_reader_t *r, const dg_writer_t *w)
{
    if (!r->tagged) {
        end_value(r, r->visitor->on_number(r->ctx, dg_written(w)));
        return;
    }

    r->tagged = false;

    end_value(r, r->visitor->on_timestamp
                 ? r->visitor->on_timestamp(r->ctx, dg_written(w))
                 : DG_ERR_UNSUPPORTED);
}


static void
on_unsigned(dg_cbor_reader_t *r, uint64_t value)
{
    char         text[DG_NUMBER_TEXT];
    dg_writer_t  w = dg_writer(text, sizeof(text));

    if (start_value(r, true)) {
        dg_write_u64(&w, value);
        tell_number(r, &w);
    }
}


static void
on_negative(dg_cbor_reader_t *r, uint64_t value)
{
    char         text[DG_NUMBER_TEXT];
    dg_writer_t  w = dg_writer(text, sizeof(text));

    if (start_value(r, true)) {
        dg_number_write_negative(&w, value);
        tell_number(r, &w);
    }
}


static void
on_double(void *ctx, double value)
{
    dg_cbor_reader_t  *r = ctx;
    char               text[DG_NUMBER_TEXT];
    dg_writer_t        w = dg_writer(text, sizeof(text));

    if (!start_value(r, true)) {
        return;
    }

    fail(r, dg_number_write_double(&w, value));

    if (r->err == DG_OK) {
        tell_number(r, &w);
    }
}


static void
on_float(void *ctx, float value)
{
    on_double(ctx, (double) value);
}


static void
on_uint8(void *ctx, uint8_t value)
{
    on_unsigned(ctx, value);
}


static void
on_uint16(void *ctx, uint16_t value)
{
    on_unsigned(ctx, value);
}


static void
on_uint32(void *ctx, uint32_t value)
{
    on_unsigned(ctx, value);
}


static void
on_uint64(void *ctx, uint64_t value)
{
    on_unsigned(ctx, value);
}


static void
on_negint8(void *ctx, uint8_t value)
{
    on_negative(ctx, value);
}


static void
on_negint16(void *ctx, uint16_t value)
{
    on_negative(ctx, value);
}


static void
on_negint32(void *ctx, uint32_t value)
{
    on_negative(ctx, value);
}


static void
on_negint64(void *ctx, uint64_t value)
{
    on_negative(ctx, value);
}


static void
on_null(void *ctx)
{
    dg_cbor_reader_t  *r = ctx;

    if (start_value(r, false)) {
        end_value(r, r->visitor->on_null(r->ctx));
    }
}


static void
on_boolean(void *ctx, bool value)
{
    dg_cbor_reader_t  *r = ctx;

    if (start_value(r, false)) {
        end_value(r, r->visitor->on_bool(r->ctx, value));
    }
}


static void
tell_key(dg_cbor_reader_t *r, dg_span_t name)
{
    if (dg_names_members(&r->names) >= r->limits.members) {
        fail(r, DG_ERR_LIMIT);
        return;
    }

    /* as in JSON: what handles names may take them for C strings */
    if (dg_span_find(name, 0) != name.len) {
        fail(r, DG_ERR_INVALID);
        return;
    }

    fail(r, dg_names_add(&r->names, name));

    if (r->err == DG_OK) {
        end_value(r, r->visitor->on_key(r->ctx, name));
    }
}


static void
tell_string(dg_cbor_reader_t *r, unsigned major, dg_span_t s)
{
    if (major == DG_CBOR_MAJOR_TEXT && expects_key(r)) {
        tell_key(r, s);
        return;
    }

    if (!start_value(r, false)) {
        return;
    }

    if (major == DG_CBOR_MAJOR_TEXT) {
        end_value(r, r->visitor->on_string(r->ctx, s));
        return;
    }

    end_value(r, r->visitor->on_bytes ? r->visitor->on_bytes(r->ctx, s)
                                      : DG_ERR_UNSUPPORTED);
}


static void
add_chunk(dg_cbor_reader_t *r, unsigned major, dg_span_t s)
{
    if (major != r->chunked) {
        fail(r, DG_ERR_SYNTAX);
        return;
    }

    if (s.len > r->limits.string - r->chunks.len) {
        fail(r, DG_ERR_LIMIT);
        return;
    }

    if (!dg_cbor_append(r, &r->chunks, s)) {
        fail(r, DG_ERR_MEMORY);
    }
}


static void
string_item(dg_cbor_reader_t *r, unsigned major, dg_span_t s)
{
    /* RFC 8949 section 3.2.3: each chunk is well-formed for itself */
    if (major == DG_CBOR_MAJOR_TEXT && !dg_utf8_valid(s)) {
        fail(r, DG_ERR_SYNTAX);
        return;
    }

    if (r->chunked) {
        add_chunk(r, major, s);
        return;
    }

    tell_string(r, major, s);
}


static void
on_bytes(void *ctx, cbor_data data, size_t len)
{
    string_item(ctx, DG_CBOR_MAJOR_BYTES, dg_span(data, len));
}


static void
on_text(void *ctx, cbor_data data, size_t len)
{
    string_item(ctx, DG_CBOR_MAJOR_TEXT, dg_span(data, len));
}


static void
start_chunks(dg_cbor_reader_t *r, unsigned major)
{
    if (r->chunked) {
        fail(r, DG_ERR_SYNTAX);
        return;
    }

    if (r->tagged) {
        fail(r, DG_ERR_UNSUPPORTED);
        return;
    }

    r->chunked = major;
    r->chunks.len = 0;
}


static void
on_chunked_bytes(void *ctx)
{
    start_chunks(ctx, DG_CBOR_MAJOR_BYTES);
}


static void
on_chunked_text(void *ctx)
{
    start_chunks(ctx, DG_CBOR_MAJOR_TEXT);
}


static bool
push_frame(dg_cbor_reader_t *r, frame_t frame)
{
    size_t    room = r->frame_room ? r->frame_room * 2 : FIRST_FRAMES;
    frame_t  *frames;

    if (r->depth >= r->limits.depth) {
        fail(r, DG_ERR_LIMIT);
        return false;
    }

    if (r->depth == r->frame_room) {
        frames = dg_arena_calloc(r->arena, room, sizeof(*frames));
        if (frames == NULL) {
            fail(r, DG_ERR_MEMORY);
            return false;
        }

        if (r->depth) {
            memcpy(frames, r->frames, r->depth * sizeof(*frames));
        }

        r->frames = frames;
        r->frame_room = room;
    }

    r->frames[r->depth++] = frame;
    return true;
}


/* A container with its items, keys counted, or of indefinite length. */
static void
start_container(dg_cbor_reader_t *r, frame_t frame)
{
    if (!start_value(r, false) || !push_frame(r, frame)) {
        return;
    }

    if (frame.map) {
        fail(r, dg_names_open(&r->names));
    }

    if (r->err == DG_OK) {
        fail(r, frame.map ? r->visitor->on_object_start(r->ctx)
                          : r->visitor->on_array_start(r->ctx));
    }

    if (r->err == DG_OK && !frame.indefinite && frame.left == 0) {
        close_frame(r);
        end_value(r, DG_OK);
    }
}


static void
on_array(void *ctx, size_t count)
{
    dg_cbor_reader_t  *r = ctx;

    if (count > r->limits.values - r->values) {
        fail(r, DG_ERR_LIMIT);
        return;
    }

    start_container(r, (frame_t) { .left = count });
}


static void
on_map(void *ctx, size_t count)
{
    dg_cbor_reader_t  *r = ctx;

    if (count > r->limits.members || count > UINT64_MAX / 2) {
        fail(r, DG_ERR_LIMIT);
        return;
    }

    start_container(r, (frame_t) { .map = true, .left = 2 * count });
}


static void
on_open_array(void *ctx)
{
    start_container(ctx, (frame_t) { .indefinite = true });
}


static void
on_open_map(void *ctx)
{
    start_container(ctx, (frame_t) { .map = true, .indefinite = true });
}


static void
end_chunks(dg_cbor_reader_t *r)
{
    unsigned  major = r->chunked;

    r->chunked = 0;
    tell_string(r, major, dg_span(r->chunks.data, r->chunks.len));
}


static void
on_break(void *ctx)
{
    dg_cbor_reader_t  *r = ctx;
    const frame_t     *f = innermost(r);

    if (r->chunked) {
        end_chunks(r);
        return;
    }

    if (f == NULL || !f->indefinite || f->value || r->tagged) {
        fail(r, DG_ERR_SYNTAX);
        return;
    }

    close_frame(r);
    end_value(r, DG_OK);
}


static void
on_tag(void *ctx, uint64_t tag)
{
    dg_cbor_reader_t  *r = ctx;

    if (r->chunked) {
        fail(r, DG_ERR_SYNTAX);
        return;
    }

    if (expects_key(r)) {
        fail(r, DG_ERR_INVALID);
        return;
    }

    if (tag != TAG_EPOCH_TIME || r->tagged) {
        fail(r, DG_ERR_UNSUPPORTED);
        return;
    }

    r->tagged = true;
}


const struct cbor_callbacks  dg_cbor_callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint8 = on_negint8,
    .negint16 = on_negint16,
    .negint32 = on_negint32,
    .negint64 = on_negint64,
    .byte_string_start = on_chunked_bytes,
    .byte_string = on_bytes,
    .string_start = on_chunked_text,
    .string = on_text,
    .indef_array_start = on_open_array,
    .array_start = on_array,
    .indef_map_start = on_open_map,
    .map_start = on_map,
    .tag = on_tag,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
    .undefined = on_null,
    .null = on_null,
    .boolean = on_boolean,
    .indef_break = on_break
};
