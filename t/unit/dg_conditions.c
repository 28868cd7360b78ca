/*
 * Values of condition keys: of the call, of the texts in it, of the resources
 * it touches; and what must be found out before a call can be decided.
 */

#include "models.h"
#include "policy.h"

#include "dg_codec.h"
#include "dg_conditions.h"
#include "dg_policy_catalogue.h"

static uint8_t                      work_memory[8 * 1024 * 1024];
static dg_arena_t                   work;
static world_t                      w;
static const dg_service_t          *services[4];
static dg_policy_catalogue_t        catalogue;
static dg_caller_t                  caller;
static dg_call_t                    call;
static dg_header_t                  headers[1];
static const dg_inspection_t       *inspection;
static const dg_resource_t         *resources;
static size_t                       resource_count;
static const dg_input_texts_t      *texts;
static const dg_policy_set_t       *set;
static const dg_conditions_t       *conditions;
static dg_facts_t                   about[8];
static bool                         has_facts;


/* In a body ' stands for a quote and ~ for '. */
static dg_span_t
body_of(const char *text)
{
    dg_span_t  s = quoted(&w, text);
    uint8_t   *p = w.block + (s.data - w.block);

    for (size_t i = 0; i < s.len; i++) {
        p[i] = p[i] == '~' ? '\'' : p[i];
    }

    return s;
}


/* "POST /path", or the operation of an awsJson service */
static void
receive(const char *target, const char *body)
{
    dg_inspect_options_t    options = { DG_VALIDATE_OFF, NULL, 0, NULL };
    dg_request_t            request = { DG_SPAN("POST"), DG_SPAN("/"),
                                        headers, 0 };
    dg_inspect_t           *in;
    dg_input_texts_error_t  error;
    const char             *path = strchr(target, '/');

    dg_arena_init(&work, work_memory, sizeof(work_memory));
    has_facts = false;
    memset(about, 0, sizeof(about));

    if (path != NULL) {
        request.method = dg_span(target, (size_t) (path - target - 1));
        request.target = dg_span_cstr(path);

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

    if (dg_inspect_feed(in, body_of(body)) != DG_ALLOWED
        || dg_inspect_finish(in, &inspection) != DG_ALLOWED
        || dg_resource_arns(&work, call.operation, inspection,
                            DG_SPAN("aws"), DG_SPAN("eu-west-1"),
                            DG_SPAN("123456789012"), &resources,
                            &resource_count) != DG_OK
        || dg_input_texts_read(&work, call.operation, inspection, &texts,
                               &error) != DG_OK)
    {
        printf("Bail out! %s\n", body);
        exit(2);
    }
}


static void
load(const char *statement)
{
    static dg_policy_document_t  document = { NULL, DG_SPAN("a.json") };
    char                         text[2048];
    dg_policy_options_t          options = { .form = DG_POLICY_IDENTITY,
                                             .catalogue = &catalogue,
                                             .strict = true };
    dg_diag_t                    diag = { 0, 0, "" };

    (void) snprintf(text, sizeof(text), VERSION "{'Effect': 'Allow', %s}}",
                    statement);

    if (!ok(dg_policy_load(&w.arena, quoted(&w, text), &options, &diag,
                           &document.policy) == DG_OK, "%s", statement))
    {
        printf("Bail out! %s\n", diag.text);
        exit(2);
    }

    if (dg_policy_set_create(&w.arena, &document, 1, NULL, &set) != DG_OK
        || (conditions = dg_conditions_create(&w.arena, set)) == NULL)
    {
        exit(2);
    }
}


/* The action of the call that was received. */
static dg_span_t
action(void)
{
    static char  text[256];

    (void) snprintf(text, sizeof(text), "%.*s:%.*s",
                    (int) call.service->action_prefix.len,
                    (const char *) call.service->action_prefix.data,
                    (int) call.operation->name.len,
                    (const char *) call.operation->name.data);
    return dg_span_cstr(text);
}


static dg_policy_effect_t
decide(void)
{
    dg_span_t                arns[8];
    dg_policy_decision_t     decision;
    dg_call_facts_t          facts = {
        .caller = &caller, .call = &call, .inspection = inspection,
        .resources = resources, .resource_count = resource_count,
        .about = has_facts ? about : NULL, .texts = texts,
        .region = DG_SPAN("eu-west-1"), .now = 1700000000, .arena = &work
    };
    dg_conditions_lookup_t   lookup = { conditions, &facts };
    dg_policy_request_t      request = {
        .action = action(), .resources = arns,
        .resource_count = resource_count,
        .principal = { .arn = DG_SPAN("arn:aws:iam::123456789012:user/ann"),
                       .account = DG_SPAN("123456789012") },
        .lookup = dg_conditions_lookup, .lookup_ctx = &lookup
    };

    for (size_t i = 0; i < resource_count; i++) {
        arns[i] = resources[i].arn;
    }

    dg_policy_decide(set, &request, &decision);
    return decision.effect;
}


#define is_effect(wanted, ...)  is_int(decide(), wanted, __VA_ARGS__)
#define ALLOWED  DG_POLICY_ALLOW
#define DENIED   DG_POLICY_DENY_IMPLICIT
#define OPEN     DG_POLICY_UNKNOWN


static const char *
base64(const char *text)
{
    static char  out[4096];
    dg_writer_t  writer = dg_writer(out, sizeof(out) - 1);

    dg_write_base64(&writer, dg_span_cstr(text));
    out[writer.len] = '\0';
    return out;
}


/* CreateSessions of two, the first for ann, the second as told. */
static void
create(const char *owner, const char *permissions, const char *requirements)
{
    char  body[8192];

    (void) snprintf(body, sizeof(body),
        "[{'Name': 'a', 'Owner': 'ann', 'Type': 'VIRTUAL', "
        "'PermissionsFile': '%s', 'Requirements': 'tag:tenant = ~acme~'},"
        "{'Name': 'b', 'Owner': '%s', 'Type': 'VIRTUAL'%s%s%s%s%s%s}]",
        "W3Blcm1pc3Npb25zXQolb3duZXIlIGFsbG93IGJ1aWx0aW4K", owner,
        permissions ? ", 'PermissionsFile': '" : "",
        permissions ? base64(permissions) : "", permissions ? "'" : "",
        requirements ? ", 'Requirements': '" : "",
        requirements ? requirements : "", requirements ? "'" : "");

    receive("POST /createSessions", body);
}


#define CREATE  "'Action': 'dcv-session-manager:CreateSessions', "            \
                "'Resource': '*', 'Condition': "


static void
test_created(void)
{
    load(CREATE "{'StringEquals': {'dcv:Owner': 'ann', "
         "'dcv:SessionType': 'VIRTUAL'}, "
         "'StringLike': {'dcv:SessionName': '?'}}");
    create("ann", NULL, NULL);
    is_effect(ALLOWED, "two for ann");
    create("bob", NULL, NULL);
    is_effect(DENIED, "one for bob");

    load("'Action': 'workspaces:CreateWorkspaces', 'Resource': '*', "
         "'Condition': {'StringEquals': {'workspaces:DirectoryId': 'd-1', "
         "'workspaces:UserName': 'ann', 'workspaces:BundleId': 'wsb-1'}}");
    receive("WorkspacesService.CreateWorkspaces", "{'Workspaces': ["
            "{'DirectoryId': 'd-1', 'UserName': 'ann', 'BundleId': 'wsb-1'}]"
            "}");
    is_effect(ALLOWED, "a desktop as it will be");
    receive("WorkspacesService.CreateWorkspaces", "{'Workspaces': ["
            "{'DirectoryId': 'd-1', 'UserName': 'ann', 'BundleId': 'wsb-1'},"
            "{'DirectoryId': 'd-2', 'UserName': 'ann', 'BundleId': 'wsb-1'}]"
            "}");
    is_effect(DENIED, "another in another directory");

    load("'Action': 'dcv-session-manager:GetSessionConnectionData', "
         "'Resource': '*', 'Condition': {'StringEquals': "
         "{'dcv:User': 'ann'}}");
    receive("GET /sessionConnectionData/s-1/ann", "");
    is_effect(ALLOWED, "connects as ann");
    receive("GET /sessionConnectionData/s-1/bob", "");
    is_effect(DENIED, "connects as bob");
}


static void
test_texts(void)
{
    load(CREATE "{'ForAnyValue:StringEquals': {'dcv:SharedFeatures': "
         "'printer'}}");
    create("bob", "[permissions]\nbob allow printer", NULL);
    is_effect(DENIED, "the other item shares nothing");

    load(CREATE "{'ForAllValues:StringNotEquals': {'dcv:SharedFeatures': "
         "'printer', 'dcv:PermissionActors': '%any%'}, "
         "'Null': {'dcv:PermissionImports': 'true'}}");
    create("bob", NULL, NULL);
    is_effect(ALLOWED, "no file");
    create("bob", "[permissions]\n%owner% allow builtin\ncarl allow display",
           NULL);
    is_effect(ALLOWED, "a file that shares the display");
    create("bob", "[permissions]\ncarl allow builtin", NULL);
    is_effect(DENIED, "one that shares everything");
    create("bob", "[permissions]\n%any% allow display", NULL);
    is_effect(DENIED, "one for everybody");
    create("bob", "#import /x\n[permissions]\n", NULL);
    is_effect(DENIED, "one with an import");

    load(CREATE "{'ForAllValues:StringEquals': {'dcv:PermissionFeatures': "
         "['display', 'mouse']}, 'Null': {'dcv:PermissionFeatures': "
         "'false'}}");
    create("bob", "[permissions]\nbob allow mouse display", NULL);
    is_effect(DENIED, "the first item has all features");

    load(CREATE "{'StringEquals': {'dcv:RequiredTag/tenant': 'acme'}}");
    create("bob", NULL, "tag:tenant = ~acme~ and server:x > 1");
    is_effect(ALLOWED, "both demand the tag");
    create("bob", NULL, "tag:tenant = ~acme~ or server:x > 1");
    is_effect(DENIED, "one leaves it open");
    create("bob", NULL, NULL);
    is_effect(DENIED, "one demands nothing");

    load(CREATE "{'ForAllValues:StringEquals': {'dcv:RequirementNames': "
         "['tag:tenant', 'server:Host.Os.Family']}, "
         "'StringEqualsIfExists': {'dcv:RequiredProperty/Host.Os.Family': "
         "'windows'}}");
    create("bob", NULL, "not tag:tenant = ~x~");
    is_effect(ALLOWED, "names of the list");
    create("bob", NULL, "tag:tenant = ~x~ or tag:a = ~x~");
    is_effect(DENIED, "another name");
    create("bob", NULL, "server:Host.Os.Family = ~linux~");
    is_effect(DENIED, "another system");

    texts = NULL;
    is_effect(OPEN, "texts that were not read");
}


/* Facts of resources */

static dg_fact_t  rows[] = {
    { DG_SPAN("dcv:Owner"), DG_SPAN("ann") },
    { DG_SPAN("DCV:ServerTag/Tenant"), DG_SPAN("acme") },
    { DG_SPAN("aws:ResourceTag/team"), DG_SPAN("blue") },
    { DG_SPAN("workspaces:DirectoryId"), DG_SPAN("d-1") },
};


static void
test_facts(void)
{
    load("'Action': 'dcv-session-manager:DeleteSessions', 'Resource': '*', "
         "'Condition': {'StringEquals': {'dcv:Owner': 'ann', "
         "'dcv:ServerTag/tenant': 'acme'}}");
    receive("POST /deleteSessions", "[{'SessionId': 's-1', 'Owner': 'ann'}, "
            "{'SessionId': 's-2', 'Owner': 'ann'}]");
    is_int(resource_count, 2, "two sessions");
    is_effect(OPEN, "what the caller writes decides nothing");

    has_facts = true;
    is_effect(OPEN, "not looked up yet");

    about[0] = (dg_facts_t) { DG_FACTS_KNOWN, rows, 4 };
    is_effect(OPEN, "the second not yet");

    about[1] = about[0];
    is_effect(ALLOWED, "both are ann's");

    about[1] = (dg_facts_t) { DG_FACTS_KNOWN, &rows[1], 3 };
    is_effect(DENIED, "one has no owner");

    about[1] = (dg_facts_t) { DG_FACTS_NO_RESOURCE, rows, 4 };
    is_effect(DENIED, "one is not there");

    load("'Action': 'workspaces:CreateWorkspaces', 'Resource': '*', "
         "'Condition': {'StringEqualsIfExists': {'aws:ResourceTag/team': "
         "'blue'}}");
    receive("WorkspacesService.CreateWorkspaces", "{'Workspaces': ["
            "{'DirectoryId': 'd-1', 'UserName': 'a', 'BundleId': 'wsb-1'}]}");
    is_int(resource_count, 3, "directory, bundle, desktop");
    has_facts = true;

    for (size_t i = 0; i < 3; i++) {
        about[i] = (dg_facts_t) { DG_FACTS_UNKNOWN, NULL, 0 };

        if (call.operation->resources[resources[i].rule].member_count) {
            about[i] = (dg_facts_t) { DG_FACTS_KNOWN, rows, 4 };
        }
    }

    is_effect(ALLOWED, "what will be created has no tags yet");

    load("'Action': 'workspaces:RebootWorkspaces', 'Resource': '*', "
         "'Condition': {'StringEquals': {'workspaces:DirectoryId': 'd-1'}}");
    receive("WorkspacesService.RebootWorkspaces", "{'RebootWorkspaceRequests'"
            ": [{'WorkspaceId': 'ws-1'}]}");
    has_facts = true;
    about[0] = (dg_facts_t) { DG_FACTS_KNOWN, rows, 4 };
    is_effect(ALLOWED, "a desktop of the directory");
}


static void
needs(const char *target, const char *body, bool wants_texts,
    const char *facts)
{
    dg_conditions_needs_t  n;
    char                   list[256] = "";

    receive(target, body);
    is_int(dg_conditions_needs(conditions, action(), call.operation, &work,
                               &n), DG_OK, "%s", target);
    ok(n.texts == wants_texts, "texts are %sneeded", wants_texts ? ""
                                                                 : "not ");

    for (size_t i = 0; i < n.fact_count; i++) {
        (void) snprintf(list + strlen(list), sizeof(list) - strlen(list),
                        " %.*s", (int) n.facts[i]->name.len,
                        (const char *) n.facts[i]->name.data);
    }

    is_text(dg_span_cstr(list), facts, "facts");
}


static void
test_needs(void)
{
    load("'Action': ['dcv-session-manager:*', 'workspaces:RebootWorkspaces'],"
         "'Resource': '*', 'Condition': {'StringEquals': {'dcv:Owner': "
         "'${dcv:ServerTag/owner}', 'aws:username': 'ann'}, "
         "'StringLike': {'dcv:owner': 'a*', 'dcv:RequiredTag/a': 'b'}}");

    needs("POST /createSessions", "[]", true, "");
    needs("POST /deleteSessions", "[]", false,
          " dcv:Owner dcv:ServerTag/owner");
    needs("POST /closeServers", "[]", false, " dcv:ServerTag/owner");
    needs("WorkspacesService.RebootWorkspaces", "{}", false, "");
    needs("WorkspacesService.StopWorkspaces", "{}", false, "");

    load("'Action': '*', 'Resource': '*', 'Condition': {'StringEquals': "
         "{'aws:username': 'ann'}}");
    dg_arena_init(&work, work_memory, 0);

    dg_conditions_needs_t  n;

    is_int(dg_conditions_needs(conditions, action(), call.operation, &work,
                               &n), DG_OK, "no memory is needed");
    ok(!n.texts && n.fact_count == 0, "when there is nothing to find out");
}


static void
test_caller(void)
{
    receive("WorkspacesService.DescribeAccount", "{}");

    load("'Action': '*', 'Resource': '*', 'Condition': {'Bool': "
         "{'aws:MultiFactorAuthPresent': 'true'}}");
    is_effect(DENIED, "a second factor that nobody speaks of");
    caller.mfa = DG_MFA_ABSENT;
    is_effect(DENIED, "none");
    caller.mfa = DG_MFA_PRESENT;
    is_effect(ALLOWED, "one");

    load("'Action': '*', 'Resource': '*', 'Condition': {'StringEquals': "
         "{'aws:SourceIdentity': 'joe', 'deskgate:Reason': 'INC-1', "
         "'deskgate:DcvUser': 'jd'}}");
    is_effect(DENIED, "nothing is said");
    caller.source_identity = DG_SPAN("joe");
    caller.reason = DG_SPAN("INC-1");
    caller.dcv_user = DG_SPAN("jd");
    is_effect(ALLOWED, "all is");
}


int
main(void)
{
    dg_arena_t      arena;

    dg_policy_catalogue_source_t  source = { services, 4, NULL, 0, true,
                                             true };

    dg_arena_init(&arena, models_memory, sizeof(models_memory));
    world_init(&w);
    services[0] = models_load(&arena, "workspaces");
    services[1] = models_load(&arena, "workspaces-instances");
    services[2] = models_load(&arena, "ssm-guiconnect");
    services[3] = models_load(&arena, "dcv-session-manager");

    if (dg_policy_catalogue_create(&arena, &source, &catalogue) != DG_OK) {
        return 2;
    }

    test_created();
    test_texts();
    test_facts();
    test_needs();
    test_caller();

    return done_testing();
}
