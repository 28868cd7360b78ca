/*
 * What a record says of an upstream's answer: responseElements by the
 * operation's output, error code and message of a failed call, the request
 * id, and how many items of a batch failed.
 *
 * Works on a bounded copy of the answer.  An answer that is newer than the
 * model is never refused: members that the model lacks are hidden.
 */

#ifndef DG_ANSWER_H
#define DG_ANSWER_H

#include "dg_crypto.h"
#include "dg_model.h"

#define DG_ANSWER_TEXT_MAX  1024   /* of error code and message, bytes */

typedef struct {
    unsigned            status;
    const dg_header_t  *headers;
    size_t              header_count;
    dg_span_t           body;
    bool                is_cut;    /* the body was longer than the copy */
    dg_crypto_t        *crypto;    /* digests of hidden content, or NULL */
} dg_answer_source_t;

typedef struct {
    dg_span_t  elements;          /* compact JSON; empty stands for null */
    bool       elements_dropped;  /* cut, over the limit, or unreadable */
    bool       is_error;          /* by its status */
    dg_span_t  error_code;        /* without namespace; where the answer
                                     tells none, by its status */
    dg_span_t  error_message;
    dg_span_t  request_id;        /* the upstream's */
    unsigned   failed_items;      /* entries of an UnsuccessfulList */
} dg_answer_t;


/*
 * Reads an answer to an identified call.  Everything in *out lives in the
 * arena or is borrowed from the source.  DG_ERR_MEMORY only: a body that
 * cannot be read leaves its part of *out empty.
 */
DG_MUST_USE dg_err_t dg_answer_read(dg_arena_t *arena, const dg_call_t *call,
    const dg_answer_source_t *source, dg_answer_t *out);

/*
 * Whether it refuses temporary credentials that have expired, so that the
 * call was not executed.
 */
bool dg_answer_says_expired(const dg_answer_t *answer);

#endif
