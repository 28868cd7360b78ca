/*
 * What a refused caller is told: who, which action, on which resource, and
 * why not, in the words of the AWS documentation ("Troubleshoot access denied
 * error messages", IAM User Guide).
 */

#ifndef DG_DENIAL_H
#define DG_DENIAL_H

#include "dg_caller.h"
#include "dg_policy.h"

#define DG_DENIAL_MAX  8192  /* bytes; the writer should have as many */

typedef enum {
    DG_DENIAL_OFF,        /* only that it is not authorized */
    DG_DENIAL_REASON,     /* explicit deny or no allow, and of which layer */
    DG_DENIAL_STATEMENT   /* the document and the statement too */
} dg_denial_detail_t;


/*
 * Writes the sentence, at its end the id by which the record is found.
 * `resource` is the ARN that decided, or "*"; `item` the number of the item
 * that it belongs to, from 1, or 0 when the call has no several.  The ends of
 * what is too long are cut, no character in the middle of its bytes.
 */
void dg_denial_write(dg_writer_t *w, const dg_caller_t *caller,
    dg_span_t action, dg_span_t resource, unsigned item,
    const dg_policy_decision_t *decision, dg_denial_detail_t detail,
    dg_span_t request_id);

/* "Sid" or the statement's number, from 1; for records. */
void dg_denial_write_statement(dg_writer_t *w,
    const dg_policy_decision_t *decision);

#endif
