/*
 * A target without the credentials of a presigned request.
 */

#ifndef DG_SIGV4_STRIP_H
#define DG_SIGV4_STRIP_H

#include "dg_span.h"

/*
 * Copies a raw target and leaves out every query parameter whose decoded name
 * begins with "X-Amz-" in any case; all other bytes stay as they are.  At
 * most target.len bytes are written.
 */
void dg_sigv4_write_stripped(dg_writer_t *w, dg_span_t target);

/*
 * The same for a log: each such parameter, and each whose decoded name is one
 * of access_token, authToken, token, code, client_secret, password or
 * assertion, keeps its name and has its value replaced by "...".
 */
void dg_sigv4_write_redacted(dg_writer_t *w, dg_span_t target);

#endif
