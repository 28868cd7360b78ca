/*
 * Writing CBOR: see dg_cbor_write.h.
 */

#include "dg_cbor_write.h"

#include "dg_codec.h"
#include "dg_json.h"

#include <stdlib.h>
#include <string.h>

#include <cbor.h>

#define HEAD_MAX        9   /* a byte and an argument of eight */
#define NUMBER_MAX      64  /* bytes of a number's text that is no integer */
#define TAG_EPOCH_TIME  1

static const uint8_t  replacement[] = { 0xef, 0xbf, 0xbd };  /* U+FFFD */


void
dg_cbor_write_map(dg_writer_t *w, size_t count)
{
    uint8_t  head[HEAD_MAX];

    dg_write(w, head, cbor_encode_map_start(count, head, sizeof(head)));
}


void
dg_cbor_write_array(dg_writer_t *w, size_t count)
{
    uint8_t  head[HEAD_MAX];

    dg_write(w, head, cbor_encode_array_start(count, head, sizeof(head)));
}


void
dg_cbor_write_open_map(dg_writer_t *w)
{
    uint8_t  head[HEAD_MAX];

    dg_write(w, head, cbor_encode_indef_map_start(head, sizeof(head)));
}


void
dg_cbor_write_open_array(dg_writer_t *w)
{
    uint8_t  head[HEAD_MAX];

    dg_write(w, head, cbor_encode_indef_array_start(head, sizeof(head)));
}


void
dg_cbor_write_break(dg_writer_t *w)
{
    uint8_t  head[HEAD_MAX];

    dg_write(w, head, cbor_encode_break(head, sizeof(head)));
}


static void
write_text_head(dg_writer_t *w, size_t len)
{
    uint8_t  head[HEAD_MAX];

    dg_write(w, head, cbor_encode_string_start(len, head, sizeof(head)));
}


/* The length of the well-formed sequence at the start, or 0. */
static size_t
sequence_length(dg_span_t s)
{
    for (size_t n = 1; n <= 4 && n <= s.len; n++) {
        if (dg_utf8_valid(dg_span(s.data, n))) {
            return n;
        }
    }

    return 0;
}


/* Writes the text with replacements when w is given; how long it becomes. */
static size_t
repair(dg_writer_t *w, dg_span_t text)
{
    size_t  len = 0;

    while (text.len > 0) {
        size_t     n = sequence_length(text);
        dg_span_t  part = n ? dg_span(text.data, n)
                            : dg_span(replacement, sizeof(replacement));

        if (w != NULL) {
            dg_write_span(w, part);
        }

        len += part.len;
        text = dg_span_slice(text, n ? n : 1, text.len);
    }

    return len;
}


void
dg_cbor_write_text(dg_writer_t *w, dg_span_t text)
{
    if (dg_utf8_valid(text)) {
        write_text_head(w, text.len);
        dg_write_span(w, text);
        return;
    }

    write_text_head(w, repair(NULL, text));
    (void) repair(w, text);
}


void
dg_cbor_write_bytes(dg_writer_t *w, dg_span_t bytes)
{
    uint8_t  head[HEAD_MAX];

    dg_write(w, head, cbor_encode_bytestring_start(bytes.len, head,
                                                   sizeof(head)));
    dg_write_span(w, bytes);
}


void
dg_cbor_write_uint(dg_writer_t *w, uint64_t value)
{
    uint8_t  head[HEAD_MAX];

    dg_write(w, head, cbor_encode_uint(value, head, sizeof(head)));
}


void
dg_cbor_write_int(dg_writer_t *w, int64_t value)
{
    uint8_t  head[HEAD_MAX];

    if (value >= 0) {
        dg_cbor_write_uint(w, (uint64_t) value);
        return;
    }

    dg_write(w, head, cbor_encode_negint((uint64_t) (-1 - value), head,
                                         sizeof(head)));
}


void
dg_cbor_write_double(dg_writer_t *w, double value)
{
    uint8_t  head[HEAD_MAX];

    dg_write(w, head, cbor_encode_double(value, head, sizeof(head)));
}


void
dg_cbor_write_bool(dg_writer_t *w, bool value)
{
    uint8_t  head[HEAD_MAX];

    dg_write(w, head, cbor_encode_bool(value, head, sizeof(head)));
}


void
dg_cbor_write_null(dg_writer_t *w)
{
    uint8_t  head[HEAD_MAX];

    dg_write(w, head, cbor_encode_null(head, sizeof(head)));
}


dg_err_t
dg_cbor_write_number(dg_writer_t *w, dg_span_t text)
{
    char      copy[NUMBER_MAX + 1];
    char     *end;
    double    value;
    int64_t   whole;

    if (dg_json_to_i64(text, &whole) == DG_OK) {
        dg_cbor_write_int(w, whole);
        return DG_OK;
    }

    if (text.len == 0 || text.len > NUMBER_MAX
        || (text.data[0] != '-'
            && (text.data[0] < '0' || text.data[0] > '9')))
    {
        return DG_ERR_INVALID;
    }

    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;

    value = strtod(copy, &end);
    if (end != copy + text.len) {
        return DG_ERR_INVALID;
    }

    dg_cbor_write_double(w, value);
    return DG_OK;
}


void
dg_cbor_write_timestamp(dg_writer_t *w, int64_t milliseconds)
{
    uint8_t  head[HEAD_MAX];

    dg_write(w, head, cbor_encode_tag(TAG_EPOCH_TIME, head, sizeof(head)));

    if (milliseconds % 1000 == 0) {
        dg_cbor_write_int(w, milliseconds / 1000);
        return;
    }

    dg_cbor_write_double(w, (double) milliseconds / 1000.0);
}
