/*
 * The state of the CBOR reader: dg_cbor.c has the bytes, dg_cbor_visit.c
 * what they mean.
 */

#ifndef DG_CBOR_READER_H
#define DG_CBOR_READER_H

#include "dg_cbor.h"
#include "dg_names.h"

#include <cbor.h>

#define DG_CBOR_MAJOR_BYTES  2
#define DG_CBOR_MAJOR_TEXT   3

typedef struct {
    bool      map;
    bool      value;       /* of a map: the next item is a value */
    bool      indefinite;
    uint64_t  left;        /* items to come, keys counted; when definite */
} dg_cbor_frame_t;

typedef struct {
    uint8_t  *data;
    size_t    len;
    size_t    cap;
} dg_cbor_buffer_t;

struct dg_cbor_reader_s {
    dg_arena_t          *arena;
    const dg_visitor_t  *visitor;
    void                *ctx;
    dg_cbor_limits_t     limits;
    dg_names_t           names;
    dg_cbor_frame_t     *frames;
    size_t               frame_room;
    size_t               depth;
    size_t               values;
    size_t               offset;    /* of the item being read */
    size_t               received;
    dg_cbor_buffer_t     item;      /* an item that a border cut */
    dg_cbor_buffer_t     chunks;    /* of a string of indefinite length */
    unsigned             chunked;   /* its major type; 0: none */
    bool                 tagged;    /* a tag 1 waits for its number */
    bool                 complete;  /* the outermost value has ended */
    dg_err_t             err;
};


/* What libcbor calls for each item, with the reader as context. */
extern const struct cbor_callbacks  dg_cbor_callbacks;

/* Adds to a buffer; false without memory. */
bool dg_cbor_append(dg_cbor_reader_t *r, dg_cbor_buffer_t *b, dg_span_t s);

#endif
