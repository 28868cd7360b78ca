/*
 * A request as HTTP/1.1 text (RFC 9112), as people paste it into tools and
 * test vectors hold it.  Line ends are LF or CRLF.  More is let through than
 * a server would take, because that is what one wants to look at: blanks and
 * UTF-8 in the target, folded header lines, a missing last line end.
 */

#ifndef DG_REQUEST_TEXT_H
#define DG_REQUEST_TEXT_H

#include "dg_err.h"
#include "dg_request.h"

typedef struct {
    dg_request_t  request;  /* its headers are those below */
    dg_header_t   headers[DG_REQUEST_HEADERS_MAX];
    dg_span_t     body;     /* all that follows the blank line */
} dg_request_text_t;


/*
 * Spans in *out point into `text`; *out must not be moved.  The HTTP version
 * may be absent.  DG_ERR_SYNTAX or DG_ERR_LIMIT (headers), with *diag (may be
 * NULL) naming the line.
 */
DG_MUST_USE dg_err_t dg_request_text_parse(dg_span_t text,
    dg_request_text_t *out, dg_diag_t *diag);

/* Adds a header.  DG_ERR_LIMIT when there is no place. */
DG_MUST_USE dg_err_t dg_request_text_add(dg_request_text_t *text,
    dg_span_t name, dg_span_t value);

/* Removes every header of that name. */
void dg_request_text_remove(dg_request_text_t *text, dg_span_t name);

#endif
