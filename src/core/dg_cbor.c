/*
 * CBOR, item by item: see dg_cbor.h.
 *
 * libcbor decodes each item; how many bytes an item has is found out here,
 * from its head, because the decoder waits for ever for a length near 2^64.
 */

#include "dg_cbor_reader.h"

#include <string.h>

#define FIRST_BYTES     256

#define MAJOR(byte)     ((byte) >> 5)
#define INFO(byte)      ((byte) & 31)
#define INFO_ONE_BYTE   24
#define INFO_RESERVED   28
#define INFO_NO_LENGTH  31


bool
dg_cbor_append(dg_cbor_reader_t *r, dg_cbor_buffer_t *b, dg_span_t s)
{
    size_t    cap = b->cap ? b->cap : FIRST_BYTES;
    uint8_t  *data;

    while (cap - b->len < s.len) {
        if (cap > SIZE_MAX / 2) {
            return false;
        }

        cap *= 2;
    }

    if (cap != b->cap) {
        data = dg_arena_alloc(r->arena, cap);
        if (data == NULL) {
            return false;
        }

        if (b->len) {
            memcpy(data, b->data, b->len);
        }

        b->data = data;
        b->cap = cap;
    }

    if (s.len) {
        memcpy(b->data + b->len, s.data, s.len);
        b->len += s.len;
    }

    return true;
}


static uint64_t
big_endian(const uint8_t *p, size_t size)
{
    uint64_t  value = 0;

    while (size-- > 0) {
        value = value << 8 | *p++;
    }

    return value;
}


/*
 * How many bytes the item at the start has, its string's included; as long
 * as its head is incomplete, how many the head has.
 */
static dg_err_t
item_size(const dg_cbor_reader_t *r, dg_span_t s, size_t *size)
{
    unsigned  major = MAJOR(s.data[0]), info = INFO(s.data[0]);
    uint64_t  length = info;

    *size = 1;

    if (info >= INFO_RESERVED && info != INFO_NO_LENGTH) {
        return DG_ERR_SYNTAX;
    }

    if (info >= INFO_ONE_BYTE && info < INFO_RESERVED) {
        *size += (size_t) 1 << (info - INFO_ONE_BYTE);

        if (s.len < *size) {
            return DG_OK;
        }

        length = big_endian(s.data + 1, *size - 1);
    }

    if ((major != DG_CBOR_MAJOR_BYTES && major != DG_CBOR_MAJOR_TEXT)
        || info == INFO_NO_LENGTH)
    {
        return DG_OK;
    }

    if (length > r->limits.string || length > r->limits.text - r->offset) {
        return DG_ERR_LIMIT;
    }

    *size += (size_t) length;
    return DG_OK;
}


static dg_err_t
decode(dg_cbor_reader_t *r, dg_span_t s)
{
    struct cbor_decoder_result  result;

    if (r->complete) {
        r->err = DG_ERR_SYNTAX;
        return r->err;
    }

    result = cbor_stream_decode(s.data, s.len, &dg_cbor_callbacks, r);

    if (r->err == DG_OK && result.status == CBOR_DECODER_ERROR) {
        /* a tag or simple value that libcbor knows no meaning of */
        r->err = INFO(s.data[0]) == INFO_NO_LENGTH ? DG_ERR_SYNTAX
                                                   : DG_ERR_UNSUPPORTED;
    }

    if (r->err == DG_OK && (result.status != CBOR_DECODER_FINISHED
                            || result.read != s.len))
    {
        r->err = DG_ERR_SYNTAX;
    }

    if (r->err == DG_OK) {
        r->offset += s.len;
    }

    return r->err;
}


/* Completes the item that the last border cut, or begins one. */
static dg_err_t
gather(dg_cbor_reader_t *r, dg_span_t *piece)
{
    size_t  size = 1, part;

    for ( ;; ) {
        if (r->item.len > 0) {
            r->err = item_size(r, dg_span(r->item.data, r->item.len), &size);

            if (r->err != DG_OK) {
                return r->err;
            }

            if (size <= r->item.len) {
                r->item.len = 0;
                return decode(r, dg_span(r->item.data, size));
            }
        }

        if (piece->len == 0) {
            return DG_OK;
        }

        part = size - r->item.len;
        part = part < piece->len ? part : piece->len;

        if (!dg_cbor_append(r, &r->item, dg_span_slice(*piece, 0, part))) {
            r->err = DG_ERR_MEMORY;
            return r->err;
        }

        *piece = dg_span_slice(*piece, part, piece->len);
    }
}


static dg_err_t
next_item(dg_cbor_reader_t *r, dg_span_t *piece)
{
    size_t     size;
    dg_span_t  item;

    if (r->item.len > 0) {
        return gather(r, piece);
    }

    r->err = item_size(r, *piece, &size);

    if (r->err != DG_OK) {
        return r->err;
    }

    if (size > piece->len) {
        return gather(r, piece);
    }

    item = dg_span_slice(*piece, 0, size);
    *piece = dg_span_slice(*piece, size, piece->len);

    return decode(r, item);
}


dg_cbor_reader_t *
dg_cbor_reader_create(dg_arena_t *arena, const dg_visitor_t *visitor,
    void *ctx, const dg_cbor_limits_t *limits)
{
    dg_cbor_reader_t  *r = dg_arena_calloc(arena, 1, sizeof(*r));

    if (r == NULL) {
        return NULL;
    }

    r->arena = arena;
    r->visitor = visitor;
    r->ctx = ctx;
    r->limits = limits ? *limits : dg_json_limits_default;
    dg_names_init(&r->names, arena);

    return r;
}


dg_err_t
dg_cbor_reader_feed(dg_cbor_reader_t *r, dg_span_t piece)
{
    if (r->err != DG_OK || piece.len == 0) {
        return r->err;
    }

    if (piece.len > r->limits.text - r->received) {
        r->err = DG_ERR_LIMIT;
        return r->err;
    }

    r->received += piece.len;

    while (r->err == DG_OK && piece.len > 0) {
        (void) next_item(r, &piece);
    }

    return r->err;
}


dg_err_t
dg_cbor_reader_finish(dg_cbor_reader_t *r)
{
    if (r->err == DG_OK && (!r->complete || r->item.len > 0)) {
        r->err = DG_ERR_SYNTAX;
    }

    return r->err;
}


size_t
dg_cbor_reader_offset(const dg_cbor_reader_t *r)
{
    return r->offset;
}
