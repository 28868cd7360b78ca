/*
 * Inspection of inputs, JSON and CBOR, and of answers.
 */

#include "tap.h"
#include "models.h"

#include "dg_answer.h"
#include "dg_inspect.h"

#define WORK_MEMORY  (8 * 1024 * 1024)

static uint8_t                 work_memory[WORK_MEMORY];
static dg_arena_t              work;
static dg_crypto_t            *crypto;
static const dg_service_t     *services[4];
static dg_call_t               call;
static dg_header_t             headers[3];
static const dg_inspection_t  *result;
static dg_relaxation_t         relaxed[4];
static size_t                  relaxed_count;
static dg_validate_t           validate = DG_VALIDATE_ON;


/* target: "POST /path", or the operation of an awsJson service */
static dg_refusal_t
inspect_pieces(const char *target, dg_span_t body, size_t piece)
{
    dg_inspect_options_t  options = { validate, relaxed, relaxed_count,
                                      crypto };
    dg_request_t          request = { DG_SPAN("POST"), DG_SPAN("/"), headers,
                                      0 };
    dg_inspect_t         *in;
    dg_refusal_t          fed = DG_ALLOWED, finished;
    const char           *path = strchr(target, '/');

    dg_arena_init(&work, work_memory, sizeof(work_memory));

    if (path != NULL) {
        request.method = dg_span(target, (size_t) (path - target - 1));
        request.target = dg_span_cstr(path);

        if (strstr(path, "/service/") != NULL) {
            headers[0] = (dg_header_t) { DG_SPAN("Smithy-Protocol"),
                                         DG_SPAN("rpc-v2-cbor") };
            request.header_count = 1;
        }

    } else {
        headers[0] = (dg_header_t) { DG_SPAN("X-Amz-Target"),
                                     dg_span_cstr(target) };
        request.header_count = 1;
    }

    if (dg_model_identify(services, 4, &request, &call) != DG_ALLOWED) {
        printf("Bail out! %s is unknown\n", target);
        exit(2);
    }

    in = dg_inspect_create(&work, &options, &call, &request);

    for (size_t at = 0; at < body.len; at += piece) {
        fed = dg_inspect_feed(in, dg_span_slice(body, at, at + piece));
    }

    finished = dg_inspect_finish(in, &result);
    return fed != DG_ALLOWED ? fed : finished;
}


static dg_refusal_t
inspect(const char *target, const char *body)
{
    return inspect_pieces(target, dg_span_cstr(body), SIZE_MAX / 2);
}


static void
accepted(const char *target, const char *body, const char *parameters)
{
    dg_refusal_t  got = inspect(target, body);

    if (!ok(got == DG_ALLOWED, "accepted: %.60s", body)) {
        printf("#   %s: %.*s\n", dg_refusal_info(got)->name,
               (int) result->message.len, (const char *)
               result->message.data);
    }

    is_text(result->parameters, parameters, "parameters");
}


static void
invalid(const char *target, const char *body, const char *message)
{
    is_int(inspect(target, body), DG_REFUSE_BODY_INVALID, "refused: %.60s",
           body);
    is_text(result->message, message, "message");
}

#define ONE   "1 validation error detected: Value at '"
#define FAIL  "' failed to satisfy constraint: "


static void
relax(const char *text)
{
    dg_diag_t  diag;

    if (dg_relaxation_parse(dg_span_cstr(text), services, 4,
                            &relaxed[relaxed_count++], &diag) != DG_OK)
    {
        printf("Bail out! %s: %s\n", text, diag.text);
        exit(2);
    }
}


static void
test_constraints(void)
{
    invalid("WorkspacesService.RestoreWorkspace", "{}",
            ONE "workspaceId" FAIL "Member must not be null");
    invalid("WorkspacesService.RestoreWorkspace", "",
            ONE "workspaceId" FAIL "Member must not be null");
    invalid("WorkspacesService.RestoreWorkspace", "{\"WorkspaceId\":null}",
            ONE "workspaceId" FAIL "Member must not be null");
    invalid("WorkspacesService.RestoreWorkspace", "{\"WorkspaceId\":1}",
            ONE "workspaceId" FAIL "Member must be a string");
    invalid("WorkspacesService.RestoreWorkspace", "{\"WorkspaceId\":[\"a\"]}",
            ONE "workspaceId" FAIL "Member must not be a list or structure");
    invalid("WorkspacesService.RestoreWorkspace",
            "{\"WorkspaceId\":\"ws-abcdefghi\\n\"}",
            ONE "workspaceId" FAIL "Member must satisfy regular expression "
            "pattern: ^ws-[0-9a-z]{8,63}$");
    invalid("WorkspacesService.RestoreWorkspace",
            "{\"WorkspaceId\":\"ws-abcdefghi\",\"Extra\":1}",
            ONE "extra" FAIL "Member must be one that the operation has");
    invalid("WorkspacesService.DescribeWorkspaces", "{\"Limit\":26}",
            ONE "limit" FAIL "Member must have value less than or equal to "
            "25");
    invalid("WorkspacesService.DescribeWorkspaces", "{\"Limit\":1.5}",
            ONE "limit" FAIL "Member must be an integer of 32 bits");
    invalid("WorkspacesService.DescribeWorkspaces", "{\"NextToken\":\"\"}",
            ONE "nextToken" FAIL "Member must have length greater than or "
            "equal to 1");
    invalid("WorkspacesService.DescribeWorkspaces", "{\"WorkspaceIds\":{}}",
            ONE "workspaceIds" FAIL "Member must be a list");
    invalid("WorkspacesService.DescribeWorkspaces",
            "{\"WorkspaceIds\":[null]}",
            ONE "workspaceIds.1.member" FAIL "Member must not be null");
    invalid("WorkspacesService.ModifyWorkspaceState",
            "{\"WorkspaceId\":\"ws-abcdefghi\",\"WorkspaceState\":\"NO\"}",
            ONE "workspaceState" FAIL "Member must satisfy enum value set: "
            "[ADMIN_MAINTENANCE, AVAILABLE]");
    invalid("WorkspacesService.CreateWorkspaces", "{\"Workspaces\":[]}",
            ONE "workspaces" FAIL "Member must have length greater than or "
            "equal to 1");
    invalid("EUCMIFrontendAPIService.TagResource",
            "{\"WorkspaceInstanceId\":\"wsinst-12345678\",\"Tags\":"
            "[{\"Key\":\"a\",\"Value\":\"%\"}]}",
            ONE "tags.1.member.value" FAIL "Member must satisfy regular "
            "expression pattern: ([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)");
    is_int(inspect("EUCMIFrontendAPIService.CreateWorkspaceInstance",
                   "{\"ManagedInstance\":{\"NetworkInterfaces\":"
                   "[{\"Ipv4Prefixes\":[{\"Ipv4Prefix\":"
                   "\"to 10.0.0.0/28\"}]}]}}"),
           DG_ALLOWED, "a prefix within a text, as the service takes it");
    is_int(inspect("EUCMIFrontendAPIService.ModifyVolume",
                   "{\"VolumeId\":\"vol-1\",\"ClientToken\":\"\303\244\"}"),
           DG_REFUSE_BODY_INVALID, "a client token is ASCII");
}


static void
test_no_input(void)
{
    accepted("WorkspacesService.DescribeAccountModifications", "{}", "");
    accepted("GET /dcv-session-manager-api.yaml", "", "");
    invalid("GET /dcv-session-manager-api.yaml", "{\"A\":null,\"b\":{}}",
            "2 validation errors detected: Value at 'a" FAIL "Member must be "
            "one that the operation has; Value at 'b" FAIL "Member must be "
            "one that the operation has");
    is_int(result->parameters.len, 0, "nothing of it is recorded");
    is_int(result->unknown_count, 2, "but listed");
}


static void
test_several(void)
{
    is_int(inspect("WorkspacesService.MigrateWorkspace", "{\"X\":{\"y\":[1]}}"),
           DG_REFUSE_BODY_INVALID, "several faults");
    is_int(result->error_count, 3, "are counted");
    ok(dg_span_starts_with(result->message,
                           DG_SPAN("3 validation errors detected: Value at "
                                   "'x' failed")), "and told in order");
    is_int(result->unknown_count, 1, "the unknown member is listed");
    is_span(result->unknown[0], DG_SPAN("X"), "by its path");
    is_span(result->parameters,
            DG_SPAN("{\"X\":\"" DG_INSPECT_HIDDEN "\"}"), "and hidden whole");
}


/* A record in which a name comes twice says two things at once. */
static void
test_names_once(void)
{
    validate = DG_VALIDATE_LOG;
    accepted("WorkspacesService.DescribeWorkspaces",
             "{\"Limit\":1,\"limit\":2,\"Newer\":3,\"newer\":4,\"\":null,"
             "\"LLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLL"
             "LLLLLLLLLLLLLLL\":6,\"None\":null}",
             "{\"limit\":1,\"?limit\":\"" DG_INSPECT_HIDDEN "\",\"Newer\":\""
             DG_INSPECT_HIDDEN "\",\"?newer\":\"" DG_INSPECT_HIDDEN "\","
             "\"None\":null}");
    validate = DG_VALIDATE_ON;

    (void) inspect("POST /createSessions",
                   "[{\"InitFile\":\"a\",\"InitFilePath\":\"b\"}]");
    is_span(result->parameters,
            DG_SPAN("{\"sessions\":[{\"initFile\":\"a\",\"InitFilePath\":"
                    "\"" DG_INSPECT_HIDDEN "\"}]}"),
            "two names of one member stay two");
}


static void
test_union(void)
{
    static const char  start[] =
        "{\"ImageName\":\"abc\",\"ImageDescription\":\"d\",\"Platform\":"
        "\"WINDOWS\",\"Protocol\":\"DCV\",\"OsVersion\":\"Windows_11\","
        "\"ComputeType\":\"BASE\",\"InfrastructureConfigurationArn\":"
        "\"arn:aws:imagebuilder:us-east-1:111122223333:infrastructure-"
        "configuration/x\",\"ImageSource\":";
    char               body[1024];

    (void) snprintf(body, sizeof(body), "%s{}}", start);
    is_int(inspect("WorkspacesService.ImportCustomWorkspaceImage", body),
           DG_REFUSE_BODY_INVALID, "an empty union");
    ok(strstr((const char *) result->message.data, "'imageSource' failed to "
              "satisfy constraint: Member must have exactly one") != NULL,
       "is told with its path");

    (void) snprintf(body, sizeof(body), "%s{\"Ec2ImageId\":"
                    "\"ami-0123456789abcdef0\"}}", start);
    is_int(inspect("WorkspacesService.ImportCustomWorkspaceImage", body),
           DG_ALLOWED, "one member of a union");

    (void) snprintf(body, sizeof(body), "%s{\"Ec2SnapshotId\":\"x\"}}",
                    start);
    is_int(inspect("WorkspacesService.ImportCustomWorkspaceImage", body),
           DG_REFUSE_BODY_INVALID, "an unknown member of a union");

    relax("workspaces:ImportCustomWorkspaceImage/ImageSource/Ec2SnapshotId");
    is_int(inspect("WorkspacesService.ImportCustomWorkspaceImage", body),
           DG_ALLOWED, "one that is let through is the one it has to have");
    relaxed_count = 0;
}


static void
test_batch(void)
{
    const dg_resource_t  *r;
    size_t                n;

    accepted("WorkspacesService.CreateWorkspaces",
             "{\"Workspaces\":[{\"DirectoryId\":\"d-906734a123\",\"UserName\":"
             "\"jo\",\"BundleId\":\"wsb-abcdefghi\",\"Tags\":[{\"Value\":"
             "\"x\",\"Key\":\"team\"},{\"Key\":\"only\"}]},{\"DirectoryId\":"
             "\"d-906734a124\",\"UserName\":\"al\",\"BundleId\":"
             "\"wsb-abcdefghj\"}]}",
             "{\"workspaces\":[{\"directoryId\":\"d-906734a123\",\"userName\":"
             "\"jo\",\"bundleId\":\"wsb-abcdefghi\",\"tags\":[{\"value\":"
             "\"x\",\"key\":\"team\"},{\"key\":\"only\"}]},{\"directoryId\":"
             "\"d-906734a124\",\"userName\":\"al\",\"bundleId\":"
             "\"wsb-abcdefghj\"}]}");
    is_int(result->item_count, 2, "two items");
    is_int(result->tag_count, 2, "two tags");
    is_span(result->tags[0].value, DG_SPAN("x"), "a value before its key");
    is_int(result->tags[1].value.len, 0, "a tag without value");
    is_int(result->tags[1].item, 0, "of the first item");
    is_span(result->values[0].path, DG_SPAN("Workspaces/DirectoryId"),
            "the path");
    is_span(result->values[0].name, DG_SPAN("DirectoryId"),
            "and the name relative to the item");

    ok(dg_resource_arns(&work, call.operation, result, DG_SPAN("aws"),
                        DG_SPAN("us-east-1"), DG_SPAN("111122223333"), &r, &n)
       == DG_OK && n == 6, "three resources an item");
    is_span(r[0].arn, DG_SPAN("arn:aws:workspaces:us-east-1:111122223333:"
                              "directory/d-906734a123"), "the first");
    is_span(r[5].arn, DG_SPAN("arn:aws:workspaces:us-east-1:111122223333:"
                              "workspace/*"), "what is created has no id");
    is_int(r[5].item, 1, "of the last item");
}


static void
test_resources(void)
{
    const dg_resource_t  *r;
    size_t                n;

    validate = DG_VALIDATE_LOG;

    (void) inspect("WorkspacesService.TerminateWorkspaces",
                   "{\"TerminateWorkspaceRequests\":[{},{\"WorkspaceId\":"
                   "\"ws-abcdefghi\"},{}]}");
    ok(dg_resource_arns(&work, call.operation, result, DG_SPAN("aws"),
                        DG_SPAN("us-east-1"), DG_SPAN("1"), &r, &n)
       == DG_OK && n == 3, "one resource an item");
    ok(dg_span_equal(r[0].id, DG_SPAN("*")) && r[0].item == 0
       && dg_span_equal(r[1].id, DG_SPAN("ws-abcdefghi"))
       && dg_span_equal(r[2].id, DG_SPAN("*")) && r[2].item == 2,
       "an item without id touches any");

    (void) inspect("WorkspacesService.DescribeTags", "{}");
    ok(dg_resource_arns(&work, call.operation, result, DG_SPAN("aws"),
                        DG_SPAN("us-east-1"), DG_SPAN("1"), &r, &n)
       == DG_OK && n == 0, "an action without resource types has none");

    validate = DG_VALIDATE_ON;
}


static void
test_modes(void)
{
    validate = DG_VALIDATE_LOG;
    is_int(inspect("WorkspacesService.DescribeWorkspaces",
                   "{\"Limit\":26,\"New\":1}"), DG_ALLOWED,
           "log refuses nothing");
    is_int(result->error_count, 2, "but collects");
    is_int(inspect("WorkspacesService.DescribeWorkspaces",
                   "{\"WorkspaceIds\":\"ws-1\"}"), DG_REFUSE_BODY_INVALID,
           "another structure is refused all the same");

    validate = DG_VALIDATE_OFF;
    is_int(inspect("WorkspacesService.DescribeWorkspaces",
                   "{\"Limit\":26,\"New\":1}"), DG_ALLOWED, "off");
    is_int(result->error_count, 0, "collects nothing");
    is_int(result->unknown_count, 1, "lists what is unknown");
    is_int(inspect("POST /createSessions", "[{\"InitFile\":\"a\","
                   "\"InitFilePath\":\"b\"}]"), DG_REFUSE_BODY_INVALID,
           "one member under two names is refused all the same");
    validate = DG_VALIDATE_ON;

    relax("workspaces:DescribeWorkspaces/New");
    relax("workspaces:ModifyWorkspaceState/WorkspaceState");
    accepted("WorkspacesService.DescribeWorkspaces", "{\"New\":{\"a\":1}}",
             "{\"New\":\"" DG_INSPECT_HIDDEN "\"}");
    is_int(result->unknown_count, 1, "let through and listed");
    accepted("WorkspacesService.ModifyWorkspaceState",
             "{\"WorkspaceId\":\"ws-abcdefghi\",\"WorkspaceState\":\"NEW\"}",
             "{\"workspaceId\":\"ws-abcdefghi\",\"workspaceState\":\""
             DG_INSPECT_HIDDEN "\"}");
    ok(result->values[1].is_unknown, "a value let through is marked");
    is_int(inspect("WorkspacesService.DescribeWorkspaces", "{\"Newer\":1}"),
           DG_REFUSE_BODY_INVALID, "no other member is let through");
    is_int(inspect("WorkspacesService.DescribeTags", "{\"New\":1}"),
           DG_REFUSE_BODY_INVALID, "nor any of another operation");
    relaxed_count = 0;
}


static void
test_relaxed_trees(void)
{
    char  body[256];

    relax("workspaces:CreateWorkspaces/Workspaces/*");
    relax("ssm-guiconnect:*");

    (void) snprintf(body, sizeof(body), "{\"Workspaces\":[{\"DirectoryId\":"
                    "\"d-1234567890\",\"UserName\":\"jo\",\"BundleId\":"
                    "\"wsb-12345678\",\"New\":[1,{\"a\":null}],"
                    "\"WorkspaceProperties\":{\"ComputeTypeName\":"
                    "\"HUGE\"}}]}");
    is_int(inspect("WorkspacesService.CreateWorkspaces", body), DG_ALLOWED,
           "unknown members and values inside a member");
    is_int(result->unknown_count, 2, "each is listed");
    is_text(result->unknown[0], "Workspaces/New", "a member by its path");
    is_text(result->unknown[1],
            "Workspaces/WorkspaceProperties/ComputeTypeName",
            "and a value by that of its member");
    is_text(result->parameters, "{\"workspaces\":[{\"directoryId\":"
            "\"d-1234567890\",\"userName\":\"jo\",\"bundleId\":"
            "\"wsb-12345678\",\"New\":\"" DG_INSPECT_HIDDEN "\","
            "\"workspaceProperties\":{\"computeTypeName\":\""
            DG_INSPECT_HIDDEN "\"}}]}", "and hidden in the record");

    is_int(inspect("WorkspacesService.CreateWorkspaces",
                   "{\"Workspaces\":[],\"WorkspacesNew\":1}"),
           DG_REFUSE_BODY_INVALID, "nothing beside it");

    is_int(inspect("POST /GetConnectionRecordingPreferences",
                   "{\"New\":true}"), DG_ALLOWED,
           "a service of which everything new is let through");

    (void) snprintf(body, sizeof(body), "{\"ClientToken\":\"%065d\"}", 1);
    is_int(inspect("POST /DeleteConnectionRecordingPreferences", body),
           DG_REFUSE_BODY_INVALID, "but not what breaks a constraint");

    (void) snprintf(body, sizeof(body), "{\"%065d\":1}", 1);
    is_int(inspect("POST /GetConnectionRecordingPreferences", body),
           DG_REFUSE_BODY_INVALID,
           "nor a name that is longer than what is listed of it");
    relaxed_count = 0;
}


static void
test_secrets(void)
{
    inspect("EUCMIFrontendAPIService.CreateWorkspaceInstance",
            "{\"ClientToken\":\"tok\",\"ManagedInstance\":{\"UserData\":"
            "\"c2VjcmV0\",\"ImageId\":\"ami-1\"}}");
    is_span(result->parameters,
            DG_SPAN("{\"clientToken\":\"" DG_INSPECT_HIDDEN "\","
                    "\"managedInstance\":{\"userData\":\"" DG_INSPECT_HIDDEN
                    "\",\"userDataLength\":8,\"userDataSha256\":\""
                    "1c1185e02ff3e23b3e5a1c5bc86cf15d"
                    "4126caa3dcde0fdb6e93adc4deec119e"
                    "\",\"imageId\":\"ami-1\"}}"),
            "file content is hidden, with length and hash beside");
    is_span(result->client_token, DG_SPAN("tok"), "the client token is kept");
    ok(result->values[0].sensitive, "marked for policies");
}


static void
test_broker(void)
{
    static const char  sdk[] = " {\"Servers\" : [ {\"ServerId\":\"a]\"} ] } ";

    is_int(inspect("POST /openServers", sdk), DG_ALLOWED, "the SDK's form");
    ok(result->has_array && !result->array_is_body, "has an array inside");
    is_span(dg_span_slice(dg_span_cstr(sdk), result->array_from,
                          result->array_to),
            DG_SPAN("[ {\"ServerId\":\"a]\"} ]"), "its bytes verbatim");

    is_int(inspect_pieces("POST /openServers", dg_span_cstr(sdk), 1),
           DG_ALLOWED, "byte by byte");
    is_span(dg_span_slice(dg_span_cstr(sdk), result->array_from,
                          result->array_to),
            DG_SPAN("[ {\"ServerId\":\"a]\"} ]"), "the same bytes");

    is_int(inspect("POST /openServers", "[{\"ServerId\":\"a\"}]"), DG_ALLOWED,
           "the broker's form");
    ok(result->has_array && result->array_is_body, "is the body");
    is_span(result->parameters,
            DG_SPAN("{\"servers\":[{\"serverId\":\"a\"}]}"),
            "recorded as the SDK's");

    is_int(inspect("POST /openServers", "{}"), DG_REFUSE_BODY_INVALID,
           "no array at all");
    is_int(inspect("POST /describeSessions", "[]"), DG_REFUSE_BODY_MALFORMED,
           "an array where an object is due");

    accepted("GET /sessionConnectionData/a%20b/DOMAIN%5Cj%C3%B6", "",
             "{\"sessionId\":\"a b\",\"user\":\"DOMAIN\\\\j\xc3\xb6\"}");
    is_int(inspect("GET /sessionConnectionData/a/%FF", ""),
           DG_REFUSE_BODY_MALFORMED, "a label that is no UTF-8");

    invalid("POST /createSessions",
            "[{\"Name\":\"a\",\"Owner\":\"b\",\"Type\":\"VIRTUAL\","
            "\"Requirements\":\"tag:a 1\"}]",
            ONE "sessions.1.member.requirements" FAIL "Member must be an "
            "expression: Requirements: expected one of = != > >= < <= := at "
            "position 7");
}


static void
test_malformed(void)
{
    static const char *const  bodies[] = {
        "{", "[1]", "1", "{\"Limit\":1}}", "{\"Limit\":1,\"Limit\":2}",
        "{\"NextToken\":\"\xff\"}", "null", "\"\""
    };

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        is_int(inspect("WorkspacesService.DescribeWorkspaces", bodies[i]),
               DG_REFUSE_BODY_MALFORMED, "malformed %zu", i);
        is_int(result->parameters.len, 0, "no parameters");
    }
}


static void
test_bounds(void)
{
    static char  body[600000];
    dg_writer_t  w = dg_writer(body, sizeof(body));

    validate = DG_VALIDATE_LOG;
    dg_write_cstr(&w, "{\"WorkspaceIds\":[\"ws-a\"");

    for (unsigned i = 0; i < 16000; i++) {
        dg_write_cstr(&w, ",\"ws-a\"");
    }

    dg_write_cstr(&w, "]}");
    is_int(inspect_pieces("WorkspacesService.DescribeWorkspaces",
                          dg_written(&w), 1000), DG_ALLOWED, "16001 values");
    ok(result->parameters_dropped && result->parameters.len == 0,
       "a copy over 100 KB is dropped");

    w = dg_writer(body, sizeof(body));
    dg_write_cstr(&w, "{\"WorkspaceIds\":[\"ws-a\"");

    for (unsigned i = 0; i < 17000; i++) {
        dg_write_cstr(&w, ",\"ws-a\"");
    }

    dg_write_cstr(&w, "]}");
    is_int(inspect_pieces("WorkspacesService.DescribeWorkspaces",
                          dg_written(&w), 1000), DG_REFUSE_BODY_LIMIT,
           "17001 values are too many");

    w = dg_writer(body, sizeof(body));

    for (unsigned i = 0; i < 100; i++) {
        dg_write_cstr(&w, "{\"a\":");
    }

    is_int(inspect_pieces("WorkspacesService.DescribeWorkspaces",
                          dg_written(&w), 7), DG_REFUSE_BODY_LIMIT,
           "nested too deep");

    w = dg_writer(body, sizeof(body));
    dg_write_char(&w, '{');

    for (unsigned i = 0; i <= DG_INSPECT_UNKNOWN_MAX; i++) {
        dg_write_cstr(&w, i ? ",\"x" : "\"x");
        dg_write_u64(&w, i);
        dg_write_cstr(&w, "\":1");
    }

    dg_write_char(&w, '}');
    is_int(inspect_pieces("WorkspacesService.DescribeWorkspaces",
                          dg_written(&w), 99), DG_REFUSE_BODY_LIMIT,
           "more unknown members than are listed");
    validate = DG_VALIDATE_ON;
}


static void
test_cbor(void)
{
    static const char  target[] =
        "POST /service/EUCMIFrontendAPIService/operation/ListInstanceTypes";

    is_int(inspect_pieces(target, DG_SPAN("\xbf\x6aMaxResults\x19\x02\x58"
                                          "\x69NextToken\x61x\xff"), 1),
           DG_ALLOWED, "CBOR of indefinite length, byte by byte");
    is_span(result->parameters,
            DG_SPAN("{\"maxResults\":600,\"nextToken\":\""
                    DG_INSPECT_HIDDEN "\"}"), "recorded as JSON");

    is_int(inspect_pieces(target, DG_SPAN("\xa1\x6aMaxResults\x19\x02\x59"),
                          9), DG_REFUSE_BODY_INVALID, "601 is too many");
    is_int(inspect_pieces(target, DG_SPAN("\xa1\x6aMaxResults"), 9),
           DG_REFUSE_BODY_MALFORMED, "cut short");
    is_int(inspect_pieces(target, DG_SPAN("\x80"), 1),
           DG_REFUSE_BODY_MALFORMED, "an array");
    is_int(inspect_pieces(target, DG_SPAN_EMPTY, 1), DG_ALLOWED, "no body");
}


static void
answer(const char *target, unsigned status, const char *type,
    const char *body, dg_answer_t *out)
{
    dg_header_t         h[2] = {
        { DG_SPAN("X-Amzn-RequestId"), DG_SPAN("id-9") },
        { DG_SPAN("x-amzn-ErrorType"), dg_span_cstr(type) }
    };
    dg_answer_source_t  source = {
        status, h, 2, dg_span_cstr(body), false, crypto
    };

    validate = DG_VALIDATE_OFF;
    (void) inspect(target, strstr(target, "GET") ? "" : "{}");
    validate = DG_VALIDATE_ON;

    ok(dg_answer_read(&work, &call, &source, out) == DG_OK, "answer read");
}


static void
test_answers(void)
{
    dg_answer_t  a;

    answer("WorkspacesService.CreateWorkspaces", 200, "",
           "{\"PendingRequests\":[{\"WorkspaceId\":\"ws-1\",\"Newer\":{\"x\":"
           "[1]},\"State\":\"BRAND_NEW\"}],\"FailedRequests\":null}", &a);
    is_span(a.elements, DG_SPAN("{\"pendingRequests\":[{\"workspaceId\":"
            "\"ws-1\",\"Newer\":\"" DG_INSPECT_HIDDEN "\",\"state\":"
            "\"BRAND_NEW\"}]}"), "elements, newer members hidden");
    is_span(a.request_id, DG_SPAN("id-9"), "request id");

    answer("WorkspacesService.DescribeWorkspaces", 200, "",
           "{\"Workspaces\":[{\"WorkspaceId\":\"ws-1\"}]}", &a);
    is_int(a.elements.len, 0, "null for a call that only reads");

    answer("POST /openServers", 200, "", "{\"RequestId\":\"r\","
           "\"SuccessfulList\":[],\"UnsuccessfulList\":[{\"FailureReason\":"
           "\"x\"},{}]}", &a);
    is_int(a.failed_items, 2, "failed items are counted");

    answer("GET /sessionConnectionData/a/b", 200, "",
           "{\"Session\":{\"Id\":\"a\"},\"ConnectionToken\":\"secret\"}", &a);
    is_int(a.elements.len, 0, "a connection token is nowhere");

    answer("POST /oauth2/token", 200, "",
           "{\"access_token\":\"secret\",\"expires_in\":3600}", &a);
    is_span(a.elements, DG_SPAN("{\"access_token\":\"" DG_INSPECT_HIDDEN
            "\",\"expires_in\":3600}"), "an access token is hidden");

    answer("WorkspacesService.CreateWorkspaces", 400, "",
           "{\"__type\":\"com.amazonaws.x#LimitExceeded:http://y\","
           "\"Message\":\"too many\"}", &a);
    ok(a.is_error, "an error");
    is_span(a.error_code, DG_SPAN("LimitExceeded"), "its name alone");
    is_span(a.error_message, DG_SPAN("too many"), "its message");

    answer("WorkspacesService.CreateWorkspaces", 403,
           "AccessDenied:http://x", "<html>", &a);
    is_span(a.error_code, DG_SPAN("AccessDenied"), "from the header");

    answer("GET /sessionConnectionData/a/b", 401, "",
           "{\"error\":\"No authorization header\"}", &a);
    is_span(a.error_message, DG_SPAN("No authorization header"),
            "the broker's own form");
    is_span(a.error_code, DG_SPAN("MissingAuthenticationTokenException"),
            "a name for a status that several errors have");

    answer("GET /sessionConnectionData/a/b", 400, "", "{\"error\":\"no\"}",
           &a);
    is_span(a.error_code, DG_SPAN("ValidationException"),
            "the name of the one error with that status");

    answer("GET /sessionConnectionData/a/b", 418, "", "", &a);
    ok(a.error_code.len != 0, "a failed call is always seen to have failed");

    answer("WorkspacesService.CreateWorkspaces", 200, "", "{\"Pend", &a);
    ok(a.elements_dropped && a.elements.len == 0, "an unreadable answer");
}


/* A body that ends in the middle, and nobody asks for the result. */
static void
test_abandon(void)
{
    dg_inspect_t          *in;
    dg_inspect_options_t   options = { validate, NULL, 0, crypto };
    dg_request_t           request = { DG_SPAN("POST"), DG_SPAN("/"),
                                       headers, 1 };

    (void) inspect("WorkspacesService.DescribeWorkspaces", "{}");

    in = dg_inspect_create(&work, &options, &call, &request);
    is_int(dg_inspect_feed(in, DG_SPAN("{\"WorkspaceIds\":[")), DG_ALLOWED,
           "abandoned within a body");

    dg_inspect_abandon(in);
    dg_inspect_abandon(in);
    dg_inspect_abandon(NULL);
}


int
main(void)
{
    dg_arena_t  arena;

    dg_arena_init(&arena, models_memory, sizeof(models_memory));
    services[0] = models_load(&arena, "workspaces");
    services[1] = models_load(&arena, "workspaces-instances");
    services[2] = models_load(&arena, "ssm-guiconnect");
    services[3] = models_load(&arena, "dcv-session-manager");
    crypto = dg_crypto_create(NULL, NULL);

    test_constraints();
    test_no_input();
    test_several();
    test_names_once();
    test_union();
    test_batch();
    test_resources();
    test_modes();
    test_relaxed_trees();
    test_secrets();
    test_broker();
    test_malformed();
    test_bounds();
    test_cbor();
    test_answers();
    test_abandon();

    dg_crypto_destroy(crypto);
    return done_testing();
}
