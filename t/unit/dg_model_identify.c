/*
 * Which operation a request means.
 */

#include "tap.h"
#include "models.h"

#define HEADERS_MAX  8

static const dg_service_t  *services[4];
static dg_call_t            call;
static dg_header_t          headers[HEADERS_MAX];
static size_t               header_count;


static void
with(const char *name, const char *value)
{
    headers[header_count].name = dg_span_cstr(name);
    headers[header_count++].value = dg_span_cstr(value);
}


static dg_refusal_t
identify(const char *method, const char *target)
{
    dg_request_t  request = {
        dg_span_cstr(method), dg_span_cstr(target), headers, header_count
    };

    header_count = 0;
    return dg_model_identify(services, 4, &request, &call);
}


static void
refused(const char *method, const char *target, dg_refusal_t wanted,
    const char *name)
{
    dg_refusal_t  got = identify(method, target);

    ok(got == wanted, "%s", name);

    if (got != wanted) {
        printf("#   got %s\n", dg_refusal_info(got)->name);
    }
}


static void
named(const char *method, const char *target, const char *operation)
{
    dg_refusal_t  got = identify(method, target);

    if (!ok(got == DG_ALLOWED, "%s %s is known", method, target)) {
        printf("#   got %s\n", dg_refusal_info(got)->name);
        return;
    }

    is_text(call.operation->name, operation, "as %s", operation);
}


static void
test_target(void)
{
    with("X-Amz-Target", "WorkspacesService.DescribeWorkspaces");
    named("POST", "/", "DescribeWorkspaces");
    is_int(call.protocol, DG_PROTOCOL_AWS_JSON_1_1, "its protocol");

    with("x-amz-target", "EUCMIFrontendAPIService.CreateVolume");
    named("POST", "/", "CreateVolume");
    is_int(call.protocol, DG_PROTOCOL_AWS_JSON_1_0, "its protocol");

    with("X-Amz-Target", "WorkspacesService.NoSuch");
    refused("POST", "/", DG_REFUSE_UNKNOWN_OPERATION, "no such operation");
    ok(call.service == services[0] && call.operation == NULL,
       "the service is known all the same");

    with("X-Amz-Target", "EUCMIFrontendAPIService.DescribeWorkspaces");
    refused("POST", "/", DG_REFUSE_UNKNOWN_OPERATION, "the wrong service");

    with("X-Amz-Target", "workspacesservice.DescribeWorkspaces");
    refused("POST", "/", DG_REFUSE_UNKNOWN_OPERATION, "case counts");

    with("X-Amz-Target", "DescribeWorkspaces");
    refused("POST", "/", DG_REFUSE_UNKNOWN_OPERATION, "no prefix");

    with("X-Amz-Target", "WorkspacesService.DescribeWorkspaces");
    refused("GET", "/", DG_REFUSE_UNKNOWN_OPERATION, "GET");

    with("X-Amz-Target", "WorkspacesService.DescribeWorkspaces");
    refused("POST", "/describeSessions", DG_REFUSE_UNKNOWN_OPERATION,
            "a target beside the path of another operation");

    with("X-Amz-Target", "WorkspacesService.DescribeWorkspaces");
    with("X-Amz-Target", "WorkspacesService.TerminateWorkspaces");
    refused("POST", "/", DG_REFUSE_AMBIGUOUS_OPERATION, "two targets");

    with("X-Amz-Target", "WorkspacesService.DescribeWorkspaces");
    with("X-Amzn-Target", "WorkspacesService.TerminateWorkspaces");
    refused("POST", "/", DG_REFUSE_AMBIGUOUS_OPERATION, "both spellings");
}


static void
test_query(void)
{
    with("X-Amz-Target", "WorkspacesService.DescribeWorkspaces");
    named("POST", "/?Action=DescribeWorkspaces&Version=2015-04-08",
          "DescribeWorkspaces");

    with("X-Amz-Target", "WorkspacesService.DescribeWorkspaces");
    refused("POST", "/?Action=TerminateWorkspaces",
            DG_REFUSE_ACTION_DISAGREES, "another action");

    with("X-Amz-Target", "WorkspacesService.DescribeWorkspaces");
    refused("POST", "/?%41ction=TerminateWorkspaces",
            DG_REFUSE_ACTION_DISAGREES, "another action, escaped");

    with("X-Amz-Target", "WorkspacesService.DescribeWorkspaces");
    refused("POST", "/?Version=2011-06-15", DG_REFUSE_ACTION_DISAGREES,
            "another version");

    refused("POST", "/?Action=DescribeWorkspaces&Version=2015-04-08",
            DG_REFUSE_UNKNOWN_OPERATION, "a query alone names nothing");
}


static void
test_cbor(void)
{
    static const char  path[] =
        "/service/EUCMIFrontendAPIService/operation/ListRegions";

    with("Smithy-Protocol", "rpc-v2-cbor");
    named("POST", path, "ListRegions");
    is_int(call.protocol, DG_PROTOCOL_RPC_V2_CBOR, "its protocol");

    with("Smithy-Protocol", "rpc-v2-cbor");
    named("POST", "/prefix/service/com.amazonaws.EUCMIFrontendAPIService"
          "/operation/ListRegions", "ListRegions");

    refused("POST", path, DG_REFUSE_AMBIGUOUS_OPERATION,
            "the path without the header");

    with("Smithy-Protocol", "rpc-v2-cbor");
    refused("POST", "/", DG_REFUSE_AMBIGUOUS_OPERATION,
            "the header without the path");

    with("Smithy-Protocol", "rpc-v2-json");
    refused("POST", path, DG_REFUSE_AMBIGUOUS_OPERATION, "another protocol");

    with("Smithy-Protocol", "rpc-v2-cbor");
    with("X-Amz-Target", "EUCMIFrontendAPIService.ListRegions");
    refused("POST", path, DG_REFUSE_AMBIGUOUS_OPERATION, "a target beside");

    with("Smithy-Protocol", "rpc-v2-cbor");
    with("X-Amzn-Target", "EUCMIFrontendAPIService.ListRegions");
    refused("POST", path, DG_REFUSE_AMBIGUOUS_OPERATION,
            "the other target beside");

    with("Smithy-Protocol", "rpc-v2-cbor");
    refused("GET", path, DG_REFUSE_AMBIGUOUS_OPERATION, "GET");

    with("Smithy-Protocol", "rpc-v2-cbor");
    refused("POST", "/service/EUCMIFrontendAPIService/operation/List%52egions",
            DG_REFUSE_AMBIGUOUS_OPERATION, "a percent escape");

    with("Smithy-Protocol", "rpc-v2-cbor");
    named("POST", "/service/WorkspacesService/operation/DescribeWorkspaces",
          "DescribeWorkspaces");
    is_int(call.protocol, DG_PROTOCOL_RPC_V2_CBOR, "WorkSpaces' too");

    with("Smithy-Protocol", "rpc-v2-cbor");
    refused("POST", "/service/SSMGuiConnect/operation"
            "/GetConnectionRecordingPreferences",
            DG_REFUSE_UNKNOWN_OPERATION, "a service that speaks no CBOR");
}


static void
test_path(void)
{
    named("POST", "/describeSessions", "DescribeSessions");
    is_int(call.protocol, DG_PROTOCOL_BROKER, "the broker's");
    named("PUT", "/sessionPermissions", "UpdateSessionPermissions");
    named("POST", "/oauth2/token?grant_type=client_credentials",
          "GetAccessToken");
    named("GET", "/dcv-session-manager-api.yaml", "GetApiDescription");
    named("POST", "/GetConnectionRecordingPreferences",
          "GetConnectionRecordingPreferences");

    named("GET", "/sessionConnectionData/a%20b/DOMAIN%5Cjo",
          "GetSessionConnectionData");
    is_int(call.label_count, 2, "two labels");
    is_span(call.labels[1], DG_SPAN("DOMAIN%5Cjo"), "raw as sent");
    is_span(call.label_members[1]->name, DG_SPAN("User"), "of their member");

    refused("GET", "/sessionConnectionData/a", DG_REFUSE_UNKNOWN_OPERATION,
            "a label short");
    refused("GET", "/sessionConnectionData/a/b/c",
            DG_REFUSE_UNKNOWN_OPERATION, "a segment more");
    refused("GET", "/sessionConnectionData//b", DG_REFUSE_UNKNOWN_OPERATION,
            "an empty label");
    refused("POST", "/sessionConnectionData/a/b",
            DG_REFUSE_UNKNOWN_OPERATION, "another method");
    refused("POST", "/describe%53essions", DG_REFUSE_UNKNOWN_OPERATION,
            "an escaped literal");
    refused("POST", "/describeSessions/", DG_REFUSE_UNKNOWN_OPERATION,
            "a slash behind");
    refused("POST", "", DG_REFUSE_UNKNOWN_OPERATION, "an empty target");

    with("Content-Type", "application/x-amz-json-1.1");
    refused("POST", "/", DG_REFUSE_UNKNOWN_OPERATION, "nothing at all");
    is_int(call.protocol, DG_PROTOCOL_AWS_JSON_1_1,
           "the form of the refusal follows the content type");
}


/* Greedy labels, constants in the query, and which template is narrower. */
static void
test_templates(dg_arena_t *arena)
{
    static const char  model[] =
        "{\"metadata\":{\"protocol\":\"rest-json\",\"endpointPrefix\":\"x\"},"
        "\"operations\":{"
        "\"All\":{\"http\":{\"method\":\"GET\",\"requestUri\":\"/{p+}\"}},"
        "\"Deep\":{\"http\":{\"method\":\"GET\","
        "\"requestUri\":\"/a/{p+}/z\"}},"
        "\"Exact\":{\"http\":{\"method\":\"GET\",\"requestUri\":\"/a/b/z\"}},"
        "\"Flag\":{\"http\":{\"method\":\"GET\","
        "\"requestUri\":\"/a/b/z?list\"}}},\"shapes\":{}}";
    const dg_service_t  *one[1];
    dg_service_t        *service;
    dg_request_t         request = { DG_SPAN("GET"), DG_SPAN_EMPTY, NULL, 0 };
    static const struct {
        const char  *target;
        const char  *operation;
    } cases[] = {
        { "/q", "All" }, { "/q/r/s", "All" }, { "/a/z", "All" },
        { "/a/1/2/z", "Deep" }, { "/a/b/z", "Exact" },
        { "/a/b/z?list", "Flag" }, { "/a/b/z?list=", "Flag" },
        { "/a/b/z?lists", "Exact" }
    };

    if (!ok(dg_model_load(arena, DG_SPAN("x"), dg_span_cstr(model),
                          DG_SPAN_EMPTY, NULL, &service) == DG_OK, "loaded"))
    {
        return;
    }

    one[0] = service;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        request.target = dg_span_cstr(cases[i].target);

        is_int(dg_model_identify(one, 1, &request, &call), DG_ALLOWED,
               "%s", cases[i].target);

        if (call.operation != NULL) {
            is_text(call.operation->name, cases[i].operation, "is %s",
                    cases[i].operation);
        }
    }

    dg_model_release(service);
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

    test_target();
    test_query();
    test_cbor();
    test_path();
    test_templates(&arena);

    return done_testing();
}
