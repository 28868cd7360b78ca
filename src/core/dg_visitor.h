/*
 * What a reader of JSON or CBOR tells whoever looks at the values.
 *
 * One set of callbacks for both forms, so that a body is checked, inspected
 * and redacted by the same code whatever its encoding.  Every callback
 * returns DG_OK to go on; anything else stops the reader, which returns it.
 * Spans live until the callback returns.
 */

#ifndef DG_VISITOR_H
#define DG_VISITOR_H

#include "dg_err.h"

typedef struct {
    dg_err_t  (*on_null)(void *ctx);
    dg_err_t  (*on_bool)(void *ctx, bool value);

    /* the number as JSON text; CBOR numbers are printed in that form */
    dg_err_t  (*on_number)(void *ctx, dg_span_t text);

    /* decoded, well-formed UTF-8 */
    dg_err_t  (*on_string)(void *ctx, dg_span_t text);

    /* CBOR byte string; a JSON reader never calls it */
    dg_err_t  (*on_bytes)(void *ctx, dg_span_t bytes);

    /* CBOR tag 1, seconds as JSON number text; never called for JSON */
    dg_err_t  (*on_timestamp)(void *ctx, dg_span_t text);

    dg_err_t  (*on_object_start)(void *ctx);
    dg_err_t  (*on_key)(void *ctx, dg_span_t name);
    dg_err_t  (*on_object_end)(void *ctx);
    dg_err_t  (*on_array_start)(void *ctx);
    dg_err_t  (*on_array_end)(void *ctx);
} dg_visitor_t;

#endif
