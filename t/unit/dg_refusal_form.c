/*
 * Refusals in each protocol's form.
 */

#include "tap.h"
#include "models.h"

#include "dg_json.h"
#include "dg_refusal_form.h"

static uint8_t              body_memory[DG_REFUSAL_BODY_MAX];
static dg_writer_t          body;
static dg_refusal_answer_t  answer;
static dg_arena_t           arena;


static void
render(const dg_service_t *service, const char *operation,
    dg_protocol_t protocol, dg_refusal_t refusal, const char *message)
{
    dg_call_t  call = { .service = service, .protocol = protocol };

    if (operation != NULL) {
        call.operation = dg_model_operation(service, dg_span_cstr(operation));
    }

    body = dg_writer(body_memory, sizeof(body_memory));

    ok(dg_refusal_render(&call, protocol, refusal, dg_span_cstr(message),
                         DG_SPAN("id-1"), &body, &answer) == DG_OK,
       "%s rendered", dg_refusal_info(refusal)->name);
}


static dg_span_t
header(const char *name)
{
    for (size_t i = 0; i < answer.header_count; i++) {
        if (dg_span_equal(answer.headers[i].name, dg_span_cstr(name))) {
            return answer.headers[i].value;
        }
    }

    return DG_SPAN_EMPTY;
}


static void
test_aws_json(const dg_service_t *workspaces, const dg_service_t *instances)
{
    render(workspaces, "CreateWorkspaces", DG_PROTOCOL_AWS_JSON_1_1,
           DG_REFUSE_THROTTLED, "");
    is_int(answer.status, 400, "the status is the reference's");
    is_span(dg_written(&body), DG_SPAN("{\"__type\":\"ThrottlingException\","
                                       "\"message\":\"Rate exceeded\"}"),
            "awsJson1_1 has the name alone");
    is_span(answer.content_type, DG_SPAN("application/x-amz-json-1.1"),
            "its content type");
    ok(answer.is_throttle && answer.may_retry, "a throttled call may retry");
    is_span(header("x-amzn-RequestId"), DG_SPAN("id-1"), "request id");

    render(workspaces, "RebootWorkspaces", DG_PROTOCOL_AWS_JSON_1_1,
           DG_REFUSE_SIGNATURE_MISMATCH, "");
    is_int(answer.status, 400, "a fault that no reference has is 400");
    is_span(answer.code, DG_SPAN("InvalidSignatureException"), "its name");
    ok(!answer.may_retry, "and no retry helps");

    render(workspaces, NULL, DG_PROTOCOL_AWS_JSON_1_1, DG_REFUSE_KEY_UNKNOWN,
           "");
    is_int(answer.status, 403, "InvalidClientTokenId gives the status");
    is_span(answer.code, DG_SPAN("UnrecognizedClientException"),
            "of UnrecognizedClientException");

    render(workspaces, NULL, DG_PROTOCOL_AWS_JSON_1_1,
           DG_REFUSE_UNKNOWN_OPERATION, "");
    is_int(answer.status, 404, "an unknown operation is 404");

    render(instances, "CreateVolume", DG_PROTOCOL_AWS_JSON_1_0,
           DG_REFUSE_BODY_INVALID, "1 validation error detected: \"x\"");
    is_span(dg_written(&body),
            DG_SPAN("{\"__type\":\"com.amazonaws.workspacesinstances#"
                    "ValidationException\",\"Message\":\"1 validation error "
                    "detected: \\\"x\\\"\",\"Reason\":"
                    "\"FIELD_VALIDATION_FAILED\"}"),
            "awsJson1_0 has the whole shape id, and the shape's members");

    render(instances, "CreateVolume", DG_PROTOCOL_AWS_JSON_1_0,
           DG_REFUSE_SENT_DIFFERS, "");
    is_int(answer.status, 500, "an internal failure");
    is_span(answer.code, DG_SPAN("InternalServerException"),
            "has the name that the operation models");
}


static void
test_rest(const dg_service_t *guiconnect)
{
    render(guiconnect, "GetConnectionRecordingPreferences",
           DG_PROTOCOL_REST_JSON, DG_REFUSE_THROTTLED, "");
    is_int(answer.status, 429, "the operation's shape gives the status");
    is_span(header("X-Amzn-Errortype"), DG_SPAN("ThrottlingException"),
            "restJson names the error in a header");
    is_span(dg_written(&body), DG_SPAN("{\"message\":\"Rate exceeded\"}"),
            "and the text in the body");

    render(guiconnect, NULL, DG_PROTOCOL_REST_JSON,
           DG_REFUSE_DENIED_IMPLICIT, "no");
    is_int(answer.status, 403, "its reference gives the status");

    render(guiconnect, "GetConnectionRecordingPreferences",
           DG_PROTOCOL_REST_JSON, DG_REFUSE_BAD_GATEWAY, "");
    is_int(answer.status, 502, "nginx's own answers keep their status");
}


static void
test_broker(const dg_service_t *broker)
{
    render(broker, "CreateSessions", DG_PROTOCOL_BROKER,
           DG_REFUSE_DENIED_EXPLICIT, "not you");
    is_int(answer.status, 403, "the broker says 403");
    is_span(dg_written(&body),
            DG_SPAN("{\"error\":\"not you\",\"code\":"
                    "\"AccessDeniedException\",\"message\":\"not you\"}"),
            "its own form, and what SDKs read");
    is_span(header("X-Amzn-Errortype"), DG_SPAN("AccessDeniedException"),
            "SDKs find the name");

    render(broker, "GetApiDescription", DG_PROTOCOL_BROKER,
           DG_REFUSE_TOKEN_EXPIRED, "");
    is_int(answer.status, 401, "an expired token is 401");
    is_span(answer.code, DG_SPAN("ExpiredTokenException"), "its name");
}


static void
test_cbor(const dg_service_t *instances)
{
    render(instances, "ListRegions", DG_PROTOCOL_RPC_V2_CBOR,
           DG_REFUSE_THROTTLED, "slow");
    is_span(header("Smithy-Protocol"), DG_SPAN("rpc-v2-cbor"),
            "CBOR answers name their protocol");
    is_int(header("X-Amzn-Errortype").len, 0, "and no error type header");
    is_span(dg_written(&body),
            DG_SPAN("\xa2\x66__type\x78\x35" "com.amazonaws.workspaces"
                    "instances#ThrottlingException" "\x67Message\x64slow"),
            "a map of the shape id and the text");
}


static void
test_neutral(void)
{
    body = dg_writer(body_memory, sizeof(body_memory));

    ok(dg_refusal_render(NULL, DG_PROTOCOL_REST_JSON, DG_REFUSE_NOT_FOUND,
                         DG_SPAN_EMPTY, DG_SPAN_EMPTY, &body, &answer)
       == DG_OK, "no service is known");
    is_int(answer.status, 404, "the status is the table's");
    is_int(answer.header_count, 1, "no request id, no header");
}


static void
test_bounds(const dg_service_t *broker)
{
    static char      hostile[DG_REFUSAL_MESSAGE_MAX + 2];
    char             small[16];
    dg_writer_t      w = dg_writer(small, sizeof(small));
    const dg_json_t *root;

    ok(dg_refusal_render(NULL, DG_PROTOCOL_BROKER, DG_REFUSE_RATE,
                         DG_SPAN_EMPTY, DG_SPAN_EMPTY, &w, &answer)
       == DG_ERR_LIMIT, "too little room is said");

    memset(hostile, 1, sizeof(hostile) - 1);
    render(broker, NULL, DG_PROTOCOL_BROKER, DG_REFUSE_RATE, hostile);
    ok(dg_json_parse(&arena, dg_written(&body), NULL, NULL, &root) == DG_OK,
       "control characters stay JSON within the room promised");
    is_int(answer.message.len, DG_REFUSAL_MESSAGE_MAX, "cut at the limit");
}


/* What the gateway offers itself. */
static void
test_own(void)
{
    render(NULL, NULL, DG_PROTOCOL_CONTAINER, DG_REFUSE_TOKEN_EXPIRED, "m");
    is_int(answer.status, 401, "container credentials: the table's status");
    is_span(dg_written(&body),
            DG_SPAN("{\"Code\":\"ExpiredTokenException\",\"Message\":\"m\","
                    "\"code\":\"ExpiredTokenException\","
                    "\"message\":\"m\"}"), "for SDKs of either spelling");

    render(NULL, NULL, DG_PROTOCOL_OAUTH, DG_REFUSE_KEY_UNKNOWN, "m");
    is_int(answer.status, 401, "a client that is not known: 401");
    is_span(dg_written(&body),
            DG_SPAN("{\"error\":\"invalid_client\","
                    "\"error_description\":\"m\"}"), "invalid_client");
    is_span(header("Cache-Control"), DG_SPAN("no-store"), "not kept");

    render(NULL, NULL, DG_PROTOCOL_OAUTH, DG_REFUSE_TOKEN_SIGNATURE, "");
    is_int(answer.status, 400, "a subject token: 400");
    ok(dg_span_starts_with(dg_written(&body),
                           DG_SPAN("{\"error\":\"invalid_request\"")),
       "invalid_request");

    render(NULL, NULL, DG_PROTOCOL_OAUTH, DG_REFUSE_TRAIL_FAILING, "");
    is_int(answer.status, 503, "what is not the client's fault: 503");
    ok(dg_span_starts_with(dg_written(&body),
                           DG_SPAN("{\"error\":\"temporarily_unavailable\"")),
       "temporarily_unavailable");
}


int
main(void)
{
    const dg_service_t  *workspaces, *instances, *guiconnect, *broker;

    dg_arena_init(&arena, models_memory, sizeof(models_memory));
    workspaces = models_load(&arena, "workspaces");
    instances = models_load(&arena, "workspaces-instances");
    guiconnect = models_load(&arena, "ssm-guiconnect");
    broker = models_load(&arena, "dcv-session-manager");

    test_aws_json(workspaces, instances);
    test_rest(guiconnect);
    test_broker(broker);
    test_cbor(instances);
    test_neutral();
    test_own();
    test_bounds(broker);

    return done_testing();
}
