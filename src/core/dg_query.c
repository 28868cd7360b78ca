/*
 * Query parameters: see dg_query.h.
 */

#include "dg_query.h"
#include "dg_codec.h"

#include <string.h>

#define NAME_MAX_DECODED  64


static bool
escapes_are_valid(dg_span_t s)
{
    for (size_t i = dg_span_find(s, '%'); i < s.len; i++) {
        if (s.data[i] != '%') {
            continue;
        }

        if (s.len - i < 3 || dg_hex_value(s.data[i + 1]) < 0
            || dg_hex_value(s.data[i + 2]) < 0)
        {
            return false;
        }

        i += 2;
    }

    return true;
}


dg_err_t
dg_query_parse(dg_span_t query, dg_query_t *out)
{
    size_t     equals;
    dg_span_t  piece;

    out->count = 0;

    if (query.len == 0) {
        return DG_OK;
    }

    if (!escapes_are_valid(query)) {
        return DG_ERR_SYNTAX;
    }

    while (dg_span_split(&query, '&', &piece)) {
        if (out->count == DG_QUERY_PARAMS_MAX) {
            return DG_ERR_LIMIT;
        }

        equals = dg_span_find(piece, '=');
        out->params[out->count++] = (dg_query_param_t) {
            .name = dg_span_slice(piece, 0, equals),
            .value = dg_span_slice(piece, equals + 1, piece.len)
        };
    }

    return DG_OK;
}


bool
dg_query_name_is(const dg_query_param_t *param, dg_span_t name, bool exact)
{
    uint8_t      buffer[NAME_MAX_DECODED];
    dg_writer_t  w = dg_writer(buffer, sizeof(buffer));

    if (param->name.len < name.len || param->name.len > name.len * 3
        || dg_percent_decode(param->name, &w) != DG_OK)
    {
        return false;
    }

    return exact ? dg_span_equal(dg_written(&w), name)
                 : dg_span_equal_nocase(dg_written(&w), name);
}


dg_span_t
dg_query_value(const dg_query_param_t *param, dg_arena_t *arena)
{
    uint8_t      *buffer;
    dg_writer_t   w;

    if (dg_span_find(param->value, '%') == param->value.len) {
        return param->value.len ? param->value : DG_SPAN("");
    }

    buffer = dg_arena_alloc(arena, param->value.len);
    if (buffer == NULL) {
        return DG_SPAN_EMPTY;
    }

    w = dg_writer(buffer, param->value.len);

    return dg_percent_decode(param->value, &w) == DG_OK ? dg_written(&w)
                                                        : DG_SPAN_EMPTY;
}


/* The next decoded byte of a checked text, or -1 at its end. */
static int
next_byte(dg_span_t *s)
{
    int  c;

    if (s->len == 0) {
        return -1;
    }

    c = s->data[0];

    if (c != '%') {
        *s = dg_span_slice(*s, 1, s->len);
        return c;
    }

    c = dg_hex_value(s->data[1]) << 4 | dg_hex_value(s->data[2]);
    *s = dg_span_slice(*s, 3, s->len);
    return c;
}


/* Two different bytes, ordered as their encoded forms are. */
static int
compare_bytes(int a, int b)
{
    uint8_t      byte_a = (uint8_t) a, byte_b = (uint8_t) b;
    uint8_t      text_a[3], text_b[3];
    dg_writer_t  w_a = dg_writer(text_a, sizeof(text_a));
    dg_writer_t  w_b = dg_writer(text_b, sizeof(text_b));

    dg_write_uri_encoded(&w_a, dg_span(&byte_a, 1), false);
    dg_write_uri_encoded(&w_b, dg_span(&byte_b, 1), false);

    return dg_span_compare(dg_written(&w_a), dg_written(&w_b));
}


static int
compare_encoded(dg_span_t a, dg_span_t b)
{
    int  byte_a, byte_b;

    do {
        byte_a = next_byte(&a);
        byte_b = next_byte(&b);

        if (byte_a < 0 || byte_b < 0) {
            return (byte_a >= 0) - (byte_b >= 0);
        }

    } while (byte_a == byte_b);

    return compare_bytes(byte_a, byte_b);
}


static int
compare_params(const dg_query_param_t *a, const dg_query_param_t *b)
{
    int  order = compare_encoded(a->name, b->name);

    return order ? order : compare_encoded(a->value, b->value);
}


/* Merges the sorted runs [from, middle) and [middle, to). */
static void
merge(const dg_query_param_t *in, dg_query_param_t *out, size_t from,
    size_t middle, size_t to)
{
    size_t  a = from, b = middle;

    for (size_t i = from; i < to; i++) {
        if (b == to || (a < middle && compare_params(&in[a], &in[b]) <= 0)) {
            out[i] = in[a++];

        } else {
            out[i] = in[b++];
        }
    }
}


/* A merge sort: the number of comparisons is bounded whatever is sent. */
void
dg_query_sort(dg_query_t *query)
{
    size_t            n = query->count, middle, to;
    dg_query_param_t  other[DG_QUERY_PARAMS_MAX];

    for (size_t width = 1; width < n; width *= 2) {
        for (size_t from = 0; from < n; from += 2 * width) {
            middle = from + width < n ? from + width : n;
            to = from + 2 * width < n ? from + 2 * width : n;
            merge(query->params, other, from, middle, to);
        }

        memcpy(query->params, other, n * sizeof(other[0]));
    }
}
