/*
 * Reading CBOR (RFC 8949) as Smithy RPC v2 CBOR uses it, over libcbor's
 * streaming decoder.
 *
 * Every head's length is checked before libcbor sees the item, and an item
 * is given to it whole: a string that is cut by a buffer's border is put
 * together first, one at a time.  Strings, arrays and maps of indefinite
 * length, half floats, and undefined (told as null) are accepted; numbers
 * are told as JSON number text.
 *
 * Refused: a text string that is not UTF-8, keys that are not text or come
 * twice, tags other than 1 around a number (told as a timestamp), NaN and
 * infinities, simple values without meaning, a second value.
 */

#ifndef DG_CBOR_H
#define DG_CBOR_H

#include "dg_json.h"

/*
 * The same bounds with the same meaning and default as for JSON; `string`
 * holds for text and byte strings, for all chunks together.
 */
typedef dg_json_limits_t  dg_cbor_limits_t;

typedef struct dg_cbor_reader_s  dg_cbor_reader_t;


/*
 * A reader that tells `visitor` (kept by the caller) and passes it `ctx`.
 * limits NULL stands for the default.  NULL without memory.
 */
dg_cbor_reader_t *dg_cbor_reader_create(dg_arena_t *arena,
    const dg_visitor_t *visitor, void *ctx, const dg_cbor_limits_t *limits);

/*
 * The next piece; spans given to the visitor may point into it.
 * DG_ERR_SYNTAX, DG_ERR_LIMIT, DG_ERR_INVALID (a key that is no text, or
 * comes twice; a number that JSON has not), DG_ERR_UNSUPPORTED (a tag or
 * simple value), DG_ERR_MEMORY, or what a callback returned; after an error
 * every further call returns it again.
 */
DG_MUST_USE dg_err_t dg_cbor_reader_feed(dg_cbor_reader_t *reader,
    dg_span_t piece);

/* The data has ended: DG_ERR_SYNTAX also when empty or incomplete. */
DG_MUST_USE dg_err_t dg_cbor_reader_finish(dg_cbor_reader_t *reader);

/* Where the item begins at which reading stopped, bytes from the start. */
size_t dg_cbor_reader_offset(const dg_cbor_reader_t *reader);

#endif
