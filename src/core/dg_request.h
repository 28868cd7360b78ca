/*
 * The neutral view of an HTTP request: what was received, or what will be
 * sent, byte for byte.  All spans are borrowed.
 */

#ifndef DG_REQUEST_H
#define DG_REQUEST_H

#include "dg_span.h"

/* More header lines than this are refused before anything looks at them. */
#define DG_REQUEST_HEADERS_MAX  100

typedef struct {
    dg_span_t  name;   /* as received, any case */
    dg_span_t  value;  /* without the blanks around it */
} dg_header_t;

typedef struct {
    dg_span_t           method;   /* upper case, as received */
    dg_span_t           target;   /* raw path and query, never decoded */
    const dg_header_t  *headers;  /* in the order received, repeats kept */
    size_t              header_count;
} dg_request_t;


/* The raw target before the first '?'. */
dg_span_t dg_request_path(const dg_request_t *request);

/* The raw target behind the first '?'; empty when there is none. */
dg_span_t dg_request_query(const dg_request_t *request);

/*
 * The header of that name (compared without case).  NULL when there is none;
 * *repeated, which may be NULL, tells whether there is more than one.
 */
const dg_header_t *dg_request_header(const dg_request_t *request,
    dg_span_t name, bool *repeated);

/*
 * True when splitting the raw path at '/' and percent-decoding each segment
 * once gives the segments of `normalized_path` (a server's decoded, merged
 * and dot-resolved form), so that whoever routes by one and whoever executes
 * the other see the same call.  No segment may decode to '/', NUL, "." or
 * "..", or still hold a percent escape after decoding.
 */
bool dg_request_path_is_plain(dg_span_t raw_path, dg_span_t normalized_path);

#endif
