/*
 * The pass over raw bytes that JSON text takes before yajl sees it.
 *
 * yajl accepts vertical tab and form feed as white space and replaces lone
 * surrogates; its UTF-8 check lets overlong forms and surrogates through.
 * The door refuses these, and a byte order mark, piece by piece: its state
 * spans the borders of buffers (RFC 8259 sections 2, 7 and 8.1).
 */

#ifndef DG_JSON_DOOR_H
#define DG_JSON_DOOR_H

#include "dg_err.h"

typedef struct {
    uint8_t      state;      /* what the next byte belongs to; 0: nothing */
    uint8_t      more;       /* bytes left of a UTF-8 sequence or \u escape */
    uint8_t      low;        /* bounds of the next byte of a UTF-8 sequence */
    uint8_t      high;
    uint16_t     unit;       /* UTF-16 code unit of the escape being read */
    bool         paired;     /* a high surrogate was read before it */
    bool         nul;        /* there was an escaped NUL; it may pass */
    size_t       seen;       /* bytes that passed, from the start */
    const char  *reason;     /* why a byte was refused, for a diagnostic */
} dg_json_door_t;


void dg_json_door_init(dg_json_door_t *door);

/*
 * How many bytes of the piece may pass: all of them, or those before the
 * first that is refused; door->reason is then set.  After a refusal the door
 * must not be used again.
 */
size_t dg_json_door_pass(dg_json_door_t *door, dg_span_t piece);

/* The text has ended: false when it did inside a sequence or an escape. */
bool dg_json_door_finish(dg_json_door_t *door);

#endif
