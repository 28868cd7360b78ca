/*
 * Answers by shape: the walk over an output (or error) shape that writes
 * what a tree holds for it, as JSON or CBOR.  Members that the shape does not
 * have never appear; a value whose type is not the shape's is left out;
 * required members that the tree lacks are made by their type.
 */

#ifndef DG_SANDBOX_ANSWER_H
#define DG_SANDBOX_ANSWER_H

#include "dg_sandbox.h"

#define DG_ANSWER_DEPTH_MAX  32


/* True when a value of that JSON type can stand for the shape. */
bool dg_answer_fits(const dg_shape_t *shape, const dg_json_t *value);

/* How an error's shape spells "message"; shape may be NULL. */
dg_span_t dg_answer_message_name(const dg_shape_t *shape);

/* An object by the structure's members; overflow tells that w is too small */
void dg_answer_json(dg_writer_t *w, const dg_shape_t *structure,
    const dg_json_t *tree);

/*
 * The body of an error: type (when not empty, as __type), message under the
 * name that the shape gives it, and the shape's other members from `tree`
 * (may be NULL).  shape may be NULL.
 */
void dg_answer_error_json(dg_writer_t *w, const dg_shape_t *shape,
    dg_span_t type, dg_span_t message, const dg_json_t *tree);

/* The broker's form, as refusals have it: error, code and message. */
void dg_answer_error_broker(dg_writer_t *w, dg_span_t code,
    dg_span_t message);


/* dg_sandbox_cbor.c: the same as CBOR (RFC 8949, Smithy rpc-v2-cbor) */
void dg_answer_cbor(dg_writer_t *w, const dg_shape_t *structure,
    const dg_json_t *tree);
void dg_answer_error_cbor(dg_writer_t *w, const dg_shape_t *shape,
    dg_span_t type, dg_span_t message, const dg_json_t *tree);

#endif
