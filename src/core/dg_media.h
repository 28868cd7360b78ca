/*
 * Whether a body says that it is what its protocol sends: what is inspected
 * as JSON must not be read as something else by who executes the call.
 *
 * Sources: RFC 9110 sections 8.3 and 8.4; Smithy's protocols: awsJson takes
 * application/x-amz-json-1.0 or -1.1 (services take either), restJson1
 * application/json, rpc-v2-cbor application/cbor; the broker is REST.  All are
 * UTF-8: another charset parameter is another type.
 */

#ifndef DG_MEDIA_H
#define DG_MEDIA_H

#include "dg_model.h"

/*
 * call must have been identified.  DG_ALLOWED, CONTENT_TYPE or
 * CONTENT_ENCODING.  A call without a body needs no Content-Type, and an
 * operation whose payload is no JSON may have any.
 */
dg_refusal_t dg_media_check(const dg_call_t *call,
    const dg_request_t *request, bool has_body);

#endif
