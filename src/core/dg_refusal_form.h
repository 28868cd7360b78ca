/*
 * A refusal as the service itself would answer, so that an unmodified SDK
 * raises its own exception class.  Sources: Smithy awsJson1_0, awsJson1_1,
 * restJson1 and rpc-v2-cbor ("operation error serialization"), the common
 * errors pages of the services' API references.
 *
 * Name and status, in this order:
 *   1. an error shape of the operation keeps its name and status;
 *   2. else the refusal's own name, with the status that the service's
 *      reference gives to the same fault;
 *   3. else 400 for what the client did and the table's status for the rest;
 *      the broker, what the gateway itself offers, and callers of no known
 *      service get the table's status.
 * An unknown operation is 404 everywhere, and what nginx refused itself keeps
 * nginx's status.
 */

#ifndef DG_REFUSAL_FORM_H
#define DG_REFUSAL_FORM_H

#include "dg_model.h"
#include "dg_refusal.h"

#define DG_REFUSAL_MESSAGE_MAX  1024   /* bytes of a message; more is cut */
#define DG_REFUSAL_BODY_MAX     12800  /* enough for any answer */
#define DG_REFUSAL_HEADERS_MAX  3

typedef struct {
    unsigned     status;
    dg_span_t    code;          /* the name answered: the record's errorCode */
    dg_span_t    message;       /* the text answered: its errorMessage */
    dg_span_t    content_type;
    dg_header_t  headers[DG_REFUSAL_HEADERS_MAX];
    size_t       header_count;
    bool         is_throttle;   /* tell the client when to come again */
    bool         may_retry;     /* a later attempt may succeed: 429, 5xx */
} dg_refusal_answer_t;


/*
 * Writes the body.  call may be NULL, its service and operation too; protocol
 * is that of the call.  An empty message stands for the table's text.  The
 * request id becomes a header, when there is one.  Spans in *out are borrowed
 * from the model, the arguments and constants.
 * DG_ERR_LIMIT when `body` has less room than DG_REFUSAL_BODY_MAX and the
 * answer does not fit.
 */
DG_MUST_USE dg_err_t dg_refusal_render(const dg_call_t *call,
    dg_protocol_t protocol, dg_refusal_t refusal, dg_span_t message,
    dg_span_t request_id, dg_writer_t *body, dg_refusal_answer_t *out);

#endif
