/*
 * Writing CBOR (RFC 8949), heads in their shortest form, over libcbor's
 * encoder.  What does not fit sets the writer's overflow.
 */

#ifndef DG_CBOR_WRITE_H
#define DG_CBOR_WRITE_H

#include "dg_err.h"

/* `count` members follow, each a text and a value; or `count` items. */
void dg_cbor_write_map(dg_writer_t *w, size_t count);
void dg_cbor_write_array(dg_writer_t *w, size_t count);

/* Of a length not known yet; a break ends the innermost. */
void dg_cbor_write_open_map(dg_writer_t *w);
void dg_cbor_write_open_array(dg_writer_t *w);
void dg_cbor_write_break(dg_writer_t *w);

/*
 * A byte that is no part of well-formed UTF-8 becomes U+FFFD, so that the
 * output is always valid.
 */
void dg_cbor_write_text(dg_writer_t *w, dg_span_t text);

void dg_cbor_write_bytes(dg_writer_t *w, dg_span_t bytes);
void dg_cbor_write_uint(dg_writer_t *w, uint64_t value);
void dg_cbor_write_int(dg_writer_t *w, int64_t value);
void dg_cbor_write_double(dg_writer_t *w, double value);
void dg_cbor_write_bool(dg_writer_t *w, bool value);
void dg_cbor_write_null(dg_writer_t *w);

/*
 * JSON number text: an integer when it is whole and fits 64 bits with sign,
 * a double else.  DG_ERR_INVALID, and nothing written, when it is none.
 */
DG_MUST_USE dg_err_t dg_cbor_write_number(dg_writer_t *w, dg_span_t text);

/* Tag 1: whole seconds as an integer, else a double to the millisecond. */
void dg_cbor_write_timestamp(dg_writer_t *w, int64_t milliseconds);

#endif
