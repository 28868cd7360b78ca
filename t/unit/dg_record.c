/*
 * dg_record: whole lines, the kinds of identity, every bound at its limit and
 * one past it, hostile strings.
 */

#include "tap.h"
#include "dg_json.h"
#include "dg_record.h"

#include <stdlib.h>

static uint8_t  line[DG_RECORD_MAX + 16];
static uint8_t  memory[8 * 1024 * 1024];


static dg_record_t
read_record(const dg_caller_t *caller)
{
    return (dg_record_t) {
        .time = 1440938160,
        .event_id = DG_SPAN("6f1e3b52-8a4c-4d0e-9b53-0f8a2f4f7c11"),
        .request_id = DG_SPAN("0d0c9a3e-0000-4000-8000-000000000001"),
        .event_source = DG_SPAN("workspaces.amazonaws.com"),
        .event_name = DG_SPAN("DescribeWorkspaces"),
        .region = DG_SPAN("eu-central-1"),
        .account = DG_SPAN("111122223333"),
        .api_version = DG_SPAN("2015-04-08"),
        .read_only = true,
        .caller = caller,
        .source_ip = DG_SPAN("192.0.2.10"),
        .duration_ms = -1,
        .upstream = { .connect_ms = -1, .header_ms = -1, .response_ms = -1 }
    };
}


static dg_caller_t
key_caller(void)
{
    return (dg_caller_t) {
        .kind = DG_CALLER_KEY,
        .verified = true,
        .arn = DG_SPAN("arn:aws:iam::111122223333:user/desk/alice"),
        .user_id = DG_SPAN("AIDAEXAMPLE"),
        .account = DG_SPAN("111122223333"),
        .access_key_id = DG_SPAN("AKIAEXAMPLE")
    };
}


static dg_span_t
write_line(const dg_record_t *r)
{
    dg_writer_t  w = dg_writer(line, sizeof(line));

    if (dg_record_write(&w, r) != DG_OK) {
        return DG_SPAN_EMPTY;
    }

    return dg_written(&w);
}


/* The record read back; fails the test unless it is one line of JSON. */
static const dg_json_t *
read_back(const dg_record_t *r)
{
    dg_diag_t         diag;
    dg_span_t         text = write_line(r);
    dg_arena_t        arena;
    const dg_json_t  *root;

    dg_arena_init(&arena, memory, sizeof(memory));

    if (text.len == 0 || text.data[text.len - 1] != '\n'
        || dg_span_find(text, '\n') != text.len - 1
        || dg_json_parse(&arena, text, NULL, &diag, &root) != DG_OK)
    {
        ok(false, "one line of JSON");
        exit(1);
    }

    return root;
}


static const dg_json_t *
at(const dg_json_t *value, const char *first, const char *second)
{
    value = dg_json_member(value, dg_span_cstr(first));

    return second ? dg_json_member(value, dg_span_cstr(second)) : value;
}


static dg_span_t
text_at(const dg_json_t *value, const char *first, const char *second)
{
    value = at(value, first, second);

    return value ? value->text : DG_SPAN_EMPTY;
}


static const dg_json_t *
gate(const dg_json_t *root)
{
    return at(root, "additionalEventData", "deskgate");
}


static void
test_read_call(void)
{
    dg_caller_t  caller = key_caller();
    dg_record_t  r = read_record(&caller);

    r.user_agent = DG_SPAN("aws-cli/2.9.19");
    r.request_parameters = DG_SPAN("{\"limit\":5}");
    r.response_elements = DG_SPAN("{\"workspaces\":[]}");
    r.gateway = DG_SPAN("gate-1");
    r.service = DG_SPAN("workspaces");
    r.decision.policy = DG_SPAN("desk.json");
    r.decision.statement = DG_SPAN("Read");
    r.translation = DG_SPAN("static");
    r.credential = DG_SPAN("AKIAUPSTREAM");
    r.status = 200;
    r.duration_ms = 12;
    r.bytes_received = 300;
    r.bytes_sent = 2000;
    r.upstream = (dg_record_upstream_t) {
        .address = DG_SPAN("192.0.2.7:443"), .request_id = DG_SPAN("up-1"),
        .status = 200, .attempts = 1, .connect_ms = 0, .header_ms = 9,
        .response_ms = 11, .bytes_sent = 900, .bytes_received = 2100
    };
    r.tls_version = DG_SPAN("TLSv1.3");
    r.tls_cipher = DG_SPAN("TLS_AES_128_GCM_SHA256");
    r.host = DG_SPAN("gate.example.com");

    is_text(write_line(&r),
        "{\"eventVersion\":\"1.11\",\"userIdentity\":{\"type\":\"IAMUser\","
        "\"principalId\":\"AIDAEXAMPLE\",\"arn\":\"arn:aws:iam::111122223333"
        ":user/desk/alice\",\"accountId\":\"111122223333\",\"accessKeyId\":"
        "\"AKIAEXAMPLE\",\"userName\":\"alice\"},\"eventTime\":\"2015-08-30T1"
        "2:36:00Z\",\"eventSource\":\"workspaces.amazonaws.com\",\"eventName\""
        ":\"DescribeWorkspaces\",\"awsRegion\":\"eu-central-1\",\"sourceIPAddr"
        "ess\":\"192.0.2.10\",\"userAgent\":\"aws-cli/2.9.19\",\"requestParame"
        "ters\":{\"limit\":5},\"responseElements\":null,\"additionalEventData"
        "\":{\"deskgate\":{\"mode\":\"enforce\",\"decision\":\"allowed\",\"sta"
        "tus\":200,\"gateway\":\"gate-1\",\"service\":\"workspaces\",\"policy"
        "\":\"desk.json\",\"statement\":\"Read\",\"translation\":\"static\",\""
        "credential\":\"AKIAUPSTREAM\",\"caller\":{\"kind\":\"key\"},\"upstrea"
        "m\":{\"address\":\"192.0.2.7:443\",\"status\":200,\"requestId\":\"up-"
        "1\",\"attempts\":1,\"connectMs\":0,\"headerMs\":9,\"responseMs\":11,"
        "\"bytesSent\":900,\"bytesReceived\":2100},\"durationMs\":12,\"bytesRe"
        "ceived\":300,\"bytesSent\":2000}},\"requestID\":\"0d0c9a3e-0000-4000-"
        "8000-000000000001\",\"eventID\":\"6f1e3b52-8a4c-4d0e-9b53-0f8a2f4f7c1"
        "1\",\"readOnly\":true,\"eventType\":\"AwsApiCall\",\"apiVersion\":\"2"
        "015-04-08\",\"managementEvent\":true,\"recipientAccountId\":\"1111222"
        "23333\",\"eventCategory\":\"Management\",\"tlsDetails\":{\"tlsVersion"
        "\":\"TLSv1.3\",\"cipherSuite\":\"TLS_AES_128_GCM_SHA256\",\"clientPro"
        "videdHostHeader\":\"gate.example.com\"}}\n", "a call that reads");
}


/* A batch that failed in part, and the way into a session. */
static void
test_broker_call(void)
{
    static const dg_connection_token_t  nothing = { .expiry = 0 };
    dg_caller_t            caller = key_caller();
    dg_record_t            r = read_record(&caller);
    const dg_json_t       *token;
    dg_connection_token_t  connection = {
        .id = DG_SPAN("id-1"), .user = DG_SPAN("DOMAIN\\ada\""),
        .expiry = 1900000000
    };

    ok(at(gate(read_back(&r)), "failedItems", NULL) == NULL,
       "no item failed");
    ok(at(gate(read_back(&r)), "connectionToken", NULL) == NULL,
       "no session was opened");

    r.failed_items = 3;
    r.connection = &connection;
    is_text(text_at(gate(read_back(&r)), "failedItems", NULL), "3",
            "items that failed");

    token = at(gate(read_back(&r)), "connectionToken", NULL);
    is_text(text_at(token, "jti", NULL), "id-1", "the token's id");
    is_text(text_at(token, "user", NULL), "DOMAIN\\ada\"", "its user");
    is_text(text_at(token, "expiration", NULL), "2030-03-17T17:46:40Z",
            "its end");
    ok(!at(token, "verified", NULL)->boolean, "none of which we verified");

    r.connection = &nothing;
    token = at(gate(read_back(&r)), "connectionToken", NULL);
    is_int(token->count, 1, "a token that says nothing");
}


static void
test_refused_call(void)
{
    dg_caller_t                  caller = key_caller();
    dg_record_t                  r = read_record(&caller);
    const dg_json_t             *root;
    const dg_record_resource_t   resources[] = {
        { DG_SPAN("arn:aws:workspaces:eu-central-1:111122223333:workspace/a"),
          DG_SPAN("111122223333"), DG_SPAN("AWS::WorkSpaces::Workspace") },
        { DG_SPAN("arn:aws:workspaces:eu-central-1:111122223333:workspace/b"),
          DG_SPAN_EMPTY, DG_SPAN_EMPTY }
    };

    r.read_only = false;
    r.event_name = DG_SPAN("TerminateWorkspaces");
    r.refusal = DG_REFUSE_THROTTLED;
    r.bucket = DG_SPAN("writes");
    r.retry_ms = 1500;
    r.status = 400;
    r.error_code = DG_SPAN("ThrottlingException");
    r.error_message = DG_SPAN("Rate exceeded");
    r.response_elements = DG_SPAN("{\"a\":1}");
    r.resources = resources;
    r.resource_count = 2;
    root = read_back(&r);

    is_text(text_at(root, "errorCode", NULL), "ThrottlingException", "code");
    is_text(text_at(root, "errorMessage", NULL), "Rate exceeded", "message");
    is_int(at(root, "responseElements", NULL)->type, DG_JSON_NULL,
           "a failed call has no response elements");
    is_int(at(root, "requestParameters", NULL)->type, DG_JSON_NULL,
           "no input: null");
    ok(!at(root, "readOnly", NULL)->boolean, "not read-only");
    is_text(text_at(gate(root), "decision", NULL), "refused", "decision");
    is_text(text_at(gate(root), "refusal", NULL), "throttled", "refusal");
    is_text(text_at(gate(root), "bucket", NULL), "writes", "bucket");
    is_text(text_at(gate(root), "retryAfterMs", NULL), "1500", "retry-after");
    ok(at(gate(root), "upstream", NULL) == NULL, "the upstream was not asked");
    ok(at(root, "tlsDetails", NULL) == NULL, "no TLS");
    is_int(at(root, "resources", NULL)->count, 2, "two resources");
    is_text(text_at(at(root, "resources", NULL)->first, "type", NULL),
            "AWS::WorkSpaces::Workspace", "type");
    ok(at(at(root, "resources", NULL)->first->next, "accountId", NULL)
       == NULL, "an empty account is left out");

    r.error_code = DG_SPAN_EMPTY;
    r.refusal = DG_ALLOWED;
    r.aborted = DG_RECORD_DURING_RESPONSE;
    root = read_back(&r);
    is_int(at(root, "responseElements", NULL)->type, DG_JSON_OBJECT,
           "a write call has");
    ok(at(root, "errorMessage", NULL) == NULL, "no message without a code");
    is_text(text_at(gate(root), "aborted", NULL), "response", "aborted");

    r.mode = DG_RECORD_OBSERVE;
    r.refusal = DG_REFUSE_DENIED_IMPLICIT;
    root = read_back(&r);
    is_text(text_at(gate(root), "mode", NULL), "observe", "observe mode");
    is_text(text_at(gate(root), "decision", NULL), "refused",
            "and what would have been");
}


static void
test_assumed_role(void)
{
    const dg_json_t  *root, *issuer;
    dg_caller_t       caller = {
        .kind = DG_CALLER_PROOF, .verified = true,
        .arn = DG_SPAN("arn:aws:sts::111122223333:assumed-role/Desk/alice"),
        .user_id = DG_SPAN("AROAEXAMPLE:alice"),
        .account = DG_SPAN("111122223333"),
        .access_key_id = DG_SPAN("ASIAEXAMPLE"), .issued_at = 1440938160
    };
    dg_record_t       r = read_record(&caller);

    root = read_back(&r);
    is_text(text_at(root, "userIdentity", "type"), "AssumedRole", "type");
    is_text(text_at(root, "userIdentity", "principalId"),
            "AROAEXAMPLE:alice", "principal");
    is_text(text_at(root, "userIdentity", "accessKeyId"), "ASIAEXAMPLE",
            "access key");
    ok(at(root, "userIdentity", "userName") == NULL, "no user name");

    root = at(root, "userIdentity", "sessionContext");
    issuer = at(root, "sessionIssuer", NULL);
    is_text(text_at(issuer, "type", NULL), "Role", "issuer");
    is_text(text_at(issuer, "principalId", NULL), "AROAEXAMPLE", "its id");
    is_text(text_at(issuer, "arn", NULL),
            "arn:aws:iam::111122223333:role/Desk", "its ARN");
    is_text(text_at(issuer, "userName", NULL), "Desk", "its name");
    is_text(text_at(root, "attributes", "creationDate"),
            "2015-08-30T12:36:00Z", "since when");
    is_text(text_at(root, "attributes", "mfaAuthenticated"), "false",
            "a string");
    is_int(at(root, "attributes", "mfaAuthenticated")->type, DG_JSON_STRING,
           "not a boolean");
}


static void
test_web_identity(void)
{
    const dg_json_t  *root;
    dg_caller_t       caller = {
        .kind = DG_CALLER_JWT, .verified = true,
        .arn = DG_SPAN("arn:aws:deskgate::111122223333:jwt/corp/bob"),
        .user_id = DG_SPAN("corp:desk:bob"),
        .account = DG_SPAN("111122223333"), .issuer = DG_SPAN("corp"),
        .issuer_url = DG_SPAN("https://id.example.com"),
        .subject = DG_SPAN("bob"), .token_id = DG_SPAN("jti-1")
    };
    dg_record_t       r = read_record(&caller);

    root = read_back(&r);
    is_text(text_at(root, "userIdentity", "type"), "WebIdentityUser", "type");
    is_text(text_at(root, "userIdentity", "userName"), "bob", "subject");
    is_text(text_at(root, "userIdentity", "identityProvider"),
            "https://id.example.com", "issuer");
    is_text(text_at(root, "userIdentity", "credentialId"), "jti-1", "token");
    ok(at(root, "userIdentity", "arn") == NULL, "no ARN there");
    is_text(text_at(gate(root), "caller", "arn"),
            "arn:aws:deskgate::111122223333:jwt/corp/bob", "but beside");
    ok(at(gate(root), "claimed", NULL) == NULL, "nothing is only claimed");

    caller.verified = false;
    root = read_back(&r);
    is_text(text_at(root, "userIdentity", "type"), "Unknown", "unverified");
    is_int(at(root, "userIdentity", NULL)->count, 1, "and nothing else");
    is_text(text_at(gate(root), "claimed", "subject"), "bob",
            "what was claimed");
    ok(at(gate(root), "caller", NULL) == NULL, "is not the caller");
}


static void
test_other_identities(void)
{
    dg_caller_t       caller = key_caller();
    dg_record_t       r = read_record(NULL);
    const dg_json_t  *root;

    root = read_back(&r);
    is_text(text_at(root, "userIdentity", "type"), "Unknown", "no caller");

    r.caller = &caller;
    caller.arn = DG_SPAN("arn:aws:iam::111122223333:root");
    root = read_back(&r);
    is_text(text_at(root, "userIdentity", "type"), "Root", "root");

    caller.arn = DG_SPAN("arn:aws:sts::111122223333:federated-user/f");
    root = read_back(&r);
    is_text(text_at(root, "userIdentity", "type"), "FederatedUser",
            "federated");

    caller.arn = DG_SPAN("arn:aws:iam::111122223333:user/x");
    caller.user_name = DG_SPAN("given");
    root = read_back(&r);
    is_text(text_at(root, "userIdentity", "userName"), "given",
            "the caller's own name comes first");

    caller.arn = DG_SPAN("no arn");
    root = read_back(&r);
    is_text(text_at(root, "userIdentity", "type"), "IAMUser",
            "a key is a user");

    caller.kind = DG_CALLER_CERTIFICATE;
    caller.arn = DG_SPAN("arn:aws:deskgate::1:certificate/ca/laptop");
    root = read_back(&r);
    is_text(text_at(root, "userIdentity", "type"), "Unknown", "certificate");
    is_text(text_at(root, "userIdentity", "arn"),
            "arn:aws:deskgate::1:certificate/ca/laptop", "with its ARN");
}


static void
test_defaults(void)
{
    dg_record_t       r = { .time = 0 };
    const dg_json_t  *root = read_back(&r);

    is_text(text_at(root, "eventSource", NULL), "deskgate", "event source");
    is_text(text_at(root, "eventName", NULL), "UnknownOperation", "name");
    is_text(text_at(root, "eventTime", NULL), "1970-01-01T00:00:00Z", "time");
    ok(at(root, "sourceIPAddress", NULL) != NULL, "always an address");
    ok(at(root, "eventID", NULL) != NULL, "always an id");
    ok(at(root, "userAgent", NULL) == NULL, "no user agent");
}


static void
test_text_bounds(void)
{
    uint8_t           text[DG_RECORD_TEXT_MAX + 8];
    dg_record_t       r = read_record(NULL);
    const dg_json_t  *root;

    memset(text, 'u', sizeof(text));
    r.user_agent = dg_span(text, DG_RECORD_TEXT_MAX);
    root = read_back(&r);
    is_int(text_at(root, "userAgent", NULL).len, DG_RECORD_TEXT_MAX,
           "at the limit");

    r.user_agent = dg_span(text, DG_RECORD_TEXT_MAX + 1);
    root = read_back(&r);
    is_int(text_at(root, "userAgent", NULL).len, DG_RECORD_TEXT_MAX,
           "one past it");

    for (unsigned shift = 0; shift < 4; shift++) {
        memset(text, 'u', sizeof(text));

        for (size_t i = shift; i + 4 <= sizeof(text); i += 4) {
            memcpy(text + i, "\xf0\x9f\x96\xa5", 4);
        }

        r.user_agent = dg_span(text, sizeof(text));
        root = read_back(&r);
        is_int(text_at(root, "userAgent", NULL).len,
               shift ? DG_RECORD_TEXT_MAX - 4 + shift : DG_RECORD_TEXT_MAX,
               "no character is cut, %u", shift);
    }
}


static dg_span_t
ready_json(uint8_t *at, size_t size)
{
    memset(at, ' ', size);
    at[0] = '"';
    at[size - 1] = '"';

    return dg_span(at, size);
}


static void
test_json_bounds(void)
{
    uint8_t          *text = malloc(DG_RECORD_JSON_MAX + 1);
    uint8_t          *more = malloc(DG_RECORD_JSON_MAX);
    dg_record_t       r = read_record(NULL);
    const dg_json_t  *root;

    r.request_parameters = ready_json(text, DG_RECORD_JSON_MAX);
    root = read_back(&r);
    is_int(at(root, "requestParameters", NULL)->type, DG_JSON_STRING,
           "parameters at the limit");

    r.request_parameters = ready_json(text, DG_RECORD_JSON_MAX + 1);
    root = read_back(&r);
    is_int(at(root, "requestParameters", NULL)->type, DG_JSON_NULL,
           "one past it: dropped");
    is_text(text_at(gate(root), "requestParametersOmitted", NULL), "102401",
            "and its length told");

    r.request_parameters = DG_SPAN("{\"a\":\n1}");
    root = read_back(&r);
    is_int(at(root, "requestParameters", NULL)->type, DG_JSON_NULL,
           "more than one line: dropped");

    r.read_only = false;
    r.request_parameters = ready_json(text, DG_RECORD_JSON_MAX);
    r.response_elements = ready_json(more, DG_RECORD_JSON_MAX);
    root = read_back(&r);
    is_int(at(root, "responseElements", NULL)->type, DG_JSON_STRING,
           "both at the limit");
    free(text);
    free(more);
}


static void
test_whole_bounds(void)
{
    static uint8_t        junk[DG_RECORD_TEXT_MAX];
    static uint8_t        most[30 * 1024];
    uint8_t              *text = malloc(DG_RECORD_JSON_MAX);
    dg_span_t             s = dg_span(junk, sizeof(junk));
    dg_record_resource_t  resources[200];
    dg_caller_t           caller = {
        .arn = s, .user_id = s, .account = s, .user_name = s, .issuer = s,
        .issuer_url = s, .subject = s, .token_id = s, .access_key_id = s
    };
    dg_record_t           r = {
        .event_id = s, .request_id = s, .event_source = s, .event_name = s,
        .region = s, .account = s, .api_version = s, .caller = &caller,
        .source_ip = s, .user_agent = s, .tls_version = s, .tls_cipher = s,
        .tls_exchange = s, .host = s, .resources = resources,
        .resource_count = 200, .gateway = s, .service = s, .protocol = s,
        .decision = { .policy = s, .statement = s },
        .refusal = DG_REFUSE_INTERNAL
    };
    const dg_json_t      *root;
    dg_writer_t           w = dg_writer(most, sizeof(most));

    memset(junk, 1, sizeof(junk));

    for (unsigned i = 0; i < 200; i++) {
        resources[i] = (dg_record_resource_t) { s, s, s };
    }

    r.request_parameters = ready_json(text, DG_RECORD_JSON_MAX);
    r.response_elements = r.request_parameters;
    root = read_back(&r);
    ok(root != NULL, "everything at its largest is still one line");
    is_int(at(gate(root), "omitted", NULL)->type, DG_JSON_BOOL,
           "additional data is cut to what matters");
    is_text(text_at(gate(root), "refusal", NULL), "internal",
            "which stays");
    ok(at(root, "resources", NULL)->count == 1, "whole resources only");
    is_int(at(root, "responseElements", NULL)->type, DG_JSON_NULL,
           "elements go before parameters");
    is_int(at(root, "requestParameters", NULL)->type, DG_JSON_STRING,
           "which fit");

    w.len = 7;
    is_int(dg_record_write(&w, &r), DG_ERR_LIMIT, "a writer too small");
    is_int(w.len, 7, "is as before");
    ok(!w.overflow, "and not marked");
    free(text);
}


/* What the policies read stands beside, unless the record is too long. */
static void
test_decision(void)
{
    uint8_t           *text = malloc(DG_RECORD_JSON_MAX);
    dg_caller_t        caller = key_caller();
    dg_record_t        r = read_record(&caller);
    const dg_json_t   *root;

    r.decision = (dg_record_decision_t) {
        .effect = DG_SPAN("allow"),
        .action = DG_SPAN("workspaces:RebootWorkspaces"),
        .layer = DG_SPAN("identity"),
        .resource = DG_SPAN("arn:aws:workspaces:r:1:workspace/ws-1"),
        .resources = 2,
        .policies = DG_SPAN("[{\"file\":\"a.json\"}]"),
        .keys = DG_SPAN("{\"aws:SourceIp\":[\"192.0.2.10\"]}"),
        .shadow = DG_SPAN("[{\"name\":\"next\"}]")
    };

    root = gate(read_back(&r));
    is_text(text_at(root, "authorization", NULL), "allow", "the decision");
    is_text(text_at(root, "action", NULL), "workspaces:RebootWorkspaces",
            "of which action");
    is_text(text_at(root, "resourceCount", NULL), "2", "of how many");
    is_text(at(root, "keys", "aws:SourceIp")->first->text, "192.0.2.10",
            "what was read");
    is_text(text_at(at(root, "shadow", NULL)->first, "name", NULL), "next",
            "who differs");
    ok(at(root, "contextOmitted", NULL) == NULL, "nothing is missing");

    r.decision.omitted = true;
    root = gate(read_back(&r));
    ok(at(root, "contextOmitted", NULL) != NULL, "what is missing is told");

    r.decision.omitted = false;
    r.decision.keys = ready_json(text, DG_RECORD_ADDITIONAL_MAX);
    root = gate(read_back(&r));
    ok(at(root, "keys", NULL) == NULL && at(root, "policies", NULL) == NULL,
       "what would be too long is left out");
    ok(at(root, "contextOmitted", NULL) != NULL, "and told");
    is_text(text_at(root, "layer", NULL), "identity", "the rest stays");
    free(text);
}


static void
test_injection(void)
{
    uint8_t           bytes[256];
    dg_caller_t       caller = key_caller();
    dg_record_t       r = read_record(&caller);
    const dg_json_t  *root;

    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) i;
    }

    r.user_agent = dg_span(bytes, sizeof(bytes));
    r.error_code = DG_SPAN("x\",\"errorCode\":\"y");
    r.error_message = DG_SPAN("two\r\nlines\n{\"eventVersion\":\"1.11\"}");
    r.path = DG_SPAN("/\x1b[31m\xff");
    caller.arn = DG_SPAN("arn:aws:iam::1:user/a\",\"type\":\"Root");
    root = read_back(&r);

    is_text(text_at(root, "errorCode", NULL), "x\",\"errorCode\":\"y",
            "a quote ends nothing");
    is_text(text_at(root, "errorMessage", NULL),
            "two\r\nlines\n{\"eventVersion\":\"1.11\"}",
            "a line end ends nothing");
    is_text(text_at(root, "userIdentity", "type"), "IAMUser",
            "an ARN adds no member");
    is_text(text_at(gate(root), "path", NULL), "/\x1b[31m\xef\xbf\xbd",
            "bad UTF-8 is replaced");
}


int
main(void)
{
    test_read_call();
    test_refused_call();
    test_broker_call();
    test_assumed_role();
    test_web_identity();
    test_other_identities();
    test_defaults();
    test_text_bounds();
    test_json_bounds();
    test_whole_bounds();
    test_decision();
    test_injection();

    return done_testing();
}
