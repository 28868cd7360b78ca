/*
 * Content-Type and Content-Encoding: see dg_media.h.
 */

#include "dg_media.h"


static bool
is_raw(const dg_call_t *call)
{
    const dg_member_t  *payload = call->operation->payload;

    return payload != NULL && (payload->shape->type == DG_SHAPE_BLOB
                               || payload->shape->type == DG_SHAPE_STRING);
}


static bool
is_type(dg_protocol_t protocol, dg_span_t type)
{
    switch (protocol) {

    case DG_PROTOCOL_AWS_JSON_1_0:
    case DG_PROTOCOL_AWS_JSON_1_1:
        return dg_span_equal_nocase(type, DG_SPAN("application/x-amz-json-1.0"))
               || dg_span_equal_nocase(type,
                                       DG_SPAN("application/x-amz-json-1.1"));

    case DG_PROTOCOL_RPC_V2_CBOR:
        return dg_span_equal_nocase(type, DG_SPAN("application/cbor"));

    default:
        return dg_span_equal_nocase(type, DG_SPAN("application/json"));
    }
}


/* Of all parameters only charset could change what the bytes mean. */
static bool
is_utf8(dg_span_t parameter)
{
    size_t     equals = dg_span_find(parameter, '=');
    dg_span_t  value;

    if (!dg_span_equal_nocase(dg_span_trim(dg_span_slice(parameter, 0,
                                                         equals)),
                              DG_SPAN("charset")))
    {
        return true;
    }

    value = dg_span_trim(dg_span_slice(parameter, equals + 1, parameter.len));

    return dg_span_equal_nocase(value, DG_SPAN("utf-8"))
           || dg_span_equal_nocase(value, DG_SPAN("\"utf-8\""));
}


static bool
is_expected(dg_protocol_t protocol, dg_span_t value)
{
    dg_span_t  part;

    if (!dg_span_split(&value, ';', &part)
        || !is_type(protocol, dg_span_trim(part)))
    {
        return false;
    }

    while (dg_span_split(&value, ';', &part)) {
        if (!is_utf8(part)) {
            return false;
        }
    }

    return true;
}


dg_refusal_t
dg_media_check(const dg_call_t *call, const dg_request_t *request,
    bool has_body)
{
    const dg_header_t  *type, *encoding;
    bool                repeated;

    encoding = dg_request_header(request, DG_SPAN("content-encoding"),
                                 &repeated);

    if (encoding != NULL
        && (repeated || !dg_span_equal_nocase(encoding->value,
                                              DG_SPAN("identity"))))
    {
        return DG_REFUSE_CONTENT_ENCODING;
    }

    if (!has_body || is_raw(call)) {
        return DG_ALLOWED;
    }

    type = dg_request_header(request, DG_SPAN("content-type"), &repeated);

    return type != NULL && !repeated && is_expected(call->protocol,
                                                    type->value)
           ? DG_ALLOWED : DG_REFUSE_CONTENT_TYPE;
}
