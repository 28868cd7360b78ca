/*
 * Which types of body are taken as which protocol.
 */

#include "tap.h"

#include "dg_media.h"

static dg_shape_t      shape = { .type = DG_SHAPE_STRUCTURE };
static dg_member_t     payload = { .shape = &shape };
static dg_operation_t  operation;
static dg_call_t       call = { .operation = &operation };


static dg_refusal_t
check(dg_protocol_t protocol, const char *name, const char *value,
    size_t lines, bool has_body)
{
    dg_header_t   headers[2];
    dg_request_t  request = { DG_SPAN("POST"), DG_SPAN("/"), headers, lines };

    for (size_t i = 0; i < lines; i++) {
        headers[i] = (dg_header_t) { dg_span_cstr(name),
                                     dg_span_cstr(value) };
    }

    call.protocol = protocol;
    return dg_media_check(&call, &request, has_body);
}


static void
type(dg_protocol_t protocol, const char *value, dg_refusal_t wanted)
{
    is_int(check(protocol, "Content-Type", value, 1, true), wanted,
           "%s: %s", dg_protocol_name(protocol), value);
}


static void
test_types(void)
{
    static const char *const  odd[] = {
        "", ";", "text/plain", "application/jsonx", "application",
        "application/x-www-form-urlencoded", "application/x-amz-json-1.2",
        "application/json, application/json", "*/*"
    };

    for (int p = DG_PROTOCOL_AWS_JSON_1_0; p <= DG_PROTOCOL_BROKER; p++) {
        for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
            type((dg_protocol_t) p, odd[i], DG_REFUSE_CONTENT_TYPE);
        }
    }

    type(DG_PROTOCOL_AWS_JSON_1_0, "application/x-amz-json-1.0", DG_ALLOWED);
    type(DG_PROTOCOL_AWS_JSON_1_0, "application/x-amz-json-1.1", DG_ALLOWED);
    type(DG_PROTOCOL_AWS_JSON_1_1, "Application/X-Amz-JSON-1.1", DG_ALLOWED);
    type(DG_PROTOCOL_AWS_JSON_1_1, "application/json",
         DG_REFUSE_CONTENT_TYPE);
    type(DG_PROTOCOL_AWS_JSON_1_1, "application/cbor",
         DG_REFUSE_CONTENT_TYPE);
    type(DG_PROTOCOL_REST_JSON, "application/json", DG_ALLOWED);
    type(DG_PROTOCOL_REST_JSON, "application/x-amz-json-1.1",
         DG_REFUSE_CONTENT_TYPE);
    type(DG_PROTOCOL_RPC_V2_CBOR, "application/cbor", DG_ALLOWED);
    type(DG_PROTOCOL_RPC_V2_CBOR, "application/json",
         DG_REFUSE_CONTENT_TYPE);
    type(DG_PROTOCOL_BROKER, "application/json", DG_ALLOWED);
}


static void
test_parameters(void)
{
    type(DG_PROTOCOL_REST_JSON, "application/json; charset=UTF-8",
         DG_ALLOWED);
    type(DG_PROTOCOL_REST_JSON, "application/json ;x=y; Charset=\"utf-8\"",
         DG_ALLOWED);
    type(DG_PROTOCOL_REST_JSON, "application/json;", DG_ALLOWED);
    type(DG_PROTOCOL_REST_JSON, "application/json; charset=utf-16",
         DG_REFUSE_CONTENT_TYPE);
    type(DG_PROTOCOL_REST_JSON, "application/json; charset",
         DG_REFUSE_CONTENT_TYPE);
    type(DG_PROTOCOL_REST_JSON,
         "application/json; charset=utf-8; charset=utf-7",
         DG_REFUSE_CONTENT_TYPE);
}


static void
test_bodies(void)
{
    is_int(check(DG_PROTOCOL_REST_JSON, "x", "", 0, true),
           DG_REFUSE_CONTENT_TYPE, "a body without a type");
    is_int(check(DG_PROTOCOL_REST_JSON, "x", "", 0, false), DG_ALLOWED,
           "neither");
    is_int(check(DG_PROTOCOL_REST_JSON, "Content-Type", "text/plain", 1,
                 false), DG_ALLOWED, "a type without a body");
    is_int(check(DG_PROTOCOL_REST_JSON, "Content-Type", "application/json",
                 2, true), DG_REFUSE_CONTENT_TYPE, "two types");

    shape.type = DG_SHAPE_BLOB;
    operation.payload = &payload;
    type(DG_PROTOCOL_REST_JSON, "image/png", DG_ALLOWED);
    shape.type = DG_SHAPE_STRING;
    type(DG_PROTOCOL_REST_JSON, "text/plain", DG_ALLOWED);
    shape.type = DG_SHAPE_STRUCTURE;
    type(DG_PROTOCOL_REST_JSON, "text/plain", DG_REFUSE_CONTENT_TYPE);
    operation.payload = NULL;
}


static void
test_encodings(void)
{
    static const char *const  encodings[] = {
        "gzip", "", "deflate", "identity, gzip", "aws-chunked", "br"
    };

    for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
        is_int(check(DG_PROTOCOL_AWS_JSON_1_1, "content-encoding",
                     encodings[i], 1, false), DG_REFUSE_CONTENT_ENCODING,
               "encoding: %s", encodings[i]);
    }

    is_int(check(DG_PROTOCOL_AWS_JSON_1_1, "Content-Encoding", "Identity", 1,
                 false), DG_ALLOWED, "identity is none");
    is_int(check(DG_PROTOCOL_AWS_JSON_1_1, "Content-Encoding", "identity", 2,
                 false), DG_REFUSE_CONTENT_ENCODING, "twice");
}


int
main(void)
{
    test_types();
    test_parameters();
    test_bodies();
    test_encodings();

    return done_testing();
}
