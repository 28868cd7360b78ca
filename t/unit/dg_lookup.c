/*
 * Lookups of facts: which ones a call needs, their requests, what of an
 * answer is believed, and facts as they are kept.
 */

#include "models.h"
#include "tap.h"

#include "dg_lookup.h"

#define KEYS_MAX  8

static uint8_t                 work_memory[2 * 1024 * 1024];
static dg_arena_t              models, work;
static const dg_service_t     *dcv, *workspaces, *instances;

static dg_policy_key_t         keys[KEYS_MAX];
static const dg_policy_key_t  *listed[KEYS_MAX];
static dg_conditions_needs_t   needs;
static dg_lookup_plan_t        plan;
static dg_facts_t              facts[4];
static dg_diag_t               diag;


static const dg_operation_t *
operation(const dg_service_t *service, const char *name)
{
    const dg_operation_t  *o = dg_model_operation(service,
                                                  dg_span_cstr(name));

    if (o == NULL) {
        printf("Bail out! no %s\n", name);
        exit(2);
    }

    return o;
}


static void
need(const char *first, const char *second)
{
    dg_arena_init(&work, work_memory, sizeof(work_memory));
    needs = (dg_conditions_needs_t) { false, listed, second ? 2 : 1 };

    keys[0].name = dg_span_cstr(first);
    keys[1].name = dg_span_cstr(second ? second : "");
    listed[0] = &keys[0];
    listed[1] = &keys[1];
}


/* Resources of rule 0, named by ids that blanks part. */
static dg_err_t
plan_for(const dg_operation_t *o, const char *ids)
{
    static dg_resource_t  resources[600];
    size_t                n = 0;
    dg_span_t             rest = dg_span_cstr(ids), id;

    while (dg_span_split(&rest, ' ', &id)) {
        resources[n] = (dg_resource_t) { .id = id, .item = (uint32_t) n };
        resources[n++].type = o->resources[0].type;
    }

    return dg_lookup_plan(&work, o, &needs, resources, n, &plan);
}


static void
plans(void)
{
    const dg_operation_t  *o = operation(dcv, "DeleteSessions");
    static char            many[600 * 4], longest[300];

    need("dcv:Owner", NULL);
    is_int(plan_for(o, "a b a * c"), DG_OK, "a batch");
    is_int(plan.count, 1, "is one lookup");
    is_text(plan.lookups[0].operation->name, "DescribeSessions", "of it");
    is_int(plan.lookups[0].id_count, 3, "each id once");
    is_int(plan.lookups[0].of[2], 0, "the first again");
    is_int(plan.lookups[0].of[3], DG_LOOKUP_NO_ID, "what has none");
    is_int(plan.lookups[0].of[4], 2, "the last");
    ok(dg_lookup_gap(o, &needs) == NULL, "it is told");

    need("aws:username", NULL);
    is_int(plan_for(o, "a"), DG_OK, "no fact");
    is_int(plan.count, 0, "no lookup");

    o = operation(workspaces, "RebootWorkspaces");
    need("workspaces:userName", "AWS:resourceTag/Team");
    is_int(plan_for(o, "ws-1"), DG_OK, "two keys, in any case");
    is_int(plan.count, 2, "that two lookups tell");
    ok(dg_lookup_gap(o, &needs) == NULL, "they are told");

    need("aws:ResourceTag/team", NULL);
    is_int(plan_for(o, "ws-1"), DG_OK, "a tag");
    is_int(plan.count, 1, "is one lookup");
    is_text(plan.lookups[0].operation->name, "DescribeTags", "of tags");

    o = operation(instances, "DeleteVolume");
    is_int(plan_for(o, "vol-1"), DG_OK, "what nobody tells");
    is_int(plan.count, 0, "is not looked up");
    ok(dg_lookup_gap(o, &needs) == listed[0], "and said");

    o = operation(dcv, "DeleteSessions");
    need("dcv:Owner", NULL);

    for (size_t i = 0; i < 501; i++) {
        (void) snprintf(many + 4 * i, 5, "%03zu ", i);
    }

    is_int(plan_for(o, many), DG_ERR_LIMIT, "more than can be");

    memset(longest, 'a', DG_LOOKUP_ID_MAX + 1);
    is_int(plan_for(o, longest), DG_ERR_LIMIT, "a longer id than can be");
    longest[DG_LOOKUP_ID_MAX] = '\0';
    is_int(plan_for(o, longest), DG_OK, "the longest");
}


static void
requests(void)
{
    size_t                 count;
    dg_span_t              ids[2] = { DG_SPAN("a\"\x01"), DG_SPAN("b") };
    uint8_t                text[128];
    dg_header_t            headers[DG_LOOKUP_HEADERS_MAX];
    dg_writer_t            body;
    const dg_operation_t  *o = operation(dcv, "DescribeSessions");

    body = dg_writer(text, dg_lookup_size(o, ids, 2));
    dg_lookup_write(&body, o, ids, 2);
    is_text(dg_written(&body), "{\"SessionIds\":[\"a\\\"\\u0001\",\"b\"]}",
            "a list of ids");

    body = dg_writer(text, sizeof(text));
    dg_lookup_write(&body, operation(workspaces, "DescribeTags"), ids + 1, 1);
    is_text(dg_written(&body), "{\"ResourceId\":\"b\"}", "an id");

    is_int(dg_lookup_headers(&work, o, dg_written(&body), NULL,
                             DG_SPAN("Bearer x"), headers, &count), DG_OK,
           "for a broker");
    is_int(count, 2, "two headers");
    is_text(headers[1].value, "Bearer x", "with its token");
}


static void
signed_request(void)
{
    size_t                 count;
    dg_header_t            headers[DG_LOOKUP_HEADERS_MAX];
    dg_credentials_t       credentials = {
        .access_key_id = DG_SPAN("AKIDEXAMPLE"),
        .secret_access_key = DG_SPAN("secret"),
        .session_token = DG_SPAN("token")
    };
    dg_lookup_signer_t     signer = {
        .crypto = dg_crypto_create(NULL, NULL), .credentials = &credentials,
        .host = DG_SPAN("workspaces.eu-west-1.amazonaws.com"),
        .region = DG_SPAN("eu-west-1"), .now = 1700000000
    };

    signer.keys = dg_signing_keys_create(signer.crypto, 4);

    is_int(dg_lookup_headers(&work, operation(workspaces, "DescribeTags"),
                             DG_SPAN("{}"), &signer, DG_SPAN_EMPTY, headers,
                             &count), DG_OK, "for AWS");
    is_int(count, 5, "five headers");
    is_text(headers[0].value, "application/x-amz-json-1.1", "the type");
    is_text(headers[3].value, "WorkspacesService.DescribeTags", "the target");
    ok(dg_span_starts_with(headers[4].value, DG_SPAN("AWS4-HMAC-SHA256 ")),
       "the signature");

    dg_signing_keys_destroy(signer.keys);
    dg_crypto_destroy(signer.crypto);
}


/* In an answer ' stands for a quote. */
static dg_err_t
read_answer(const dg_service_t *service, const char *name, const char *id,
    unsigned status, const char *text)
{
    static uint8_t  answer[4096];
    static dg_span_t  ids[2];
    size_t          len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        answer[i] = text[i] == '\'' ? '"' : (uint8_t) text[i];
    }

    ids[0] = dg_span_cstr(id);
    ids[1] = DG_SPAN("second");
    diag.text[0] = '\0';
    dg_arena_init(&work, work_memory, sizeof(work_memory));

    return dg_lookup_read(&work, operation(service, name), ids,
                          service == workspaces ? 1 : 2, status,
                          dg_span(answer, len), facts, &diag);
}


#define SESSIONS(text)  read_answer(dcv, "DescribeSessions", "one", 200, text)
#define TAGS(status, text)                                                    \
    read_answer(workspaces, "DescribeTags", "ws-1", status, text)


static void
answers(void)
{
    is_int(SESSIONS("{'Sessions':[{'Id':'one','Owner':'ann','Type':null,"
                    "'Server':{'Tags':[{'Key':'a','Value':'b'},"
                    "{'Key':'c'}]}}]}"), DG_OK, "an answer");
    is_int(facts[0].state, DG_FACTS_KNOWN, "one is known");
    is_int(facts[0].count, 3, "what it tells");
    is_text(facts[0].rows[0].key, "dcv:Owner", "the owner");
    is_text(facts[0].rows[0].value, "ann", "is that");
    is_text(facts[0].rows[1].key, "dcv:ServerTag/a", "a tag");
    is_text(facts[0].rows[1].value, "b", "with its value");
    is_text(facts[0].rows[2].value, "", "one without is empty");
    is_int(facts[1].state, DG_FACTS_NO_RESOURCE, "the other is not there");

    is_int(SESSIONS("{'Sessions':[{'Id':'one'}],'NextToken':'n'}"), DG_OK,
           "a page");
    is_int(facts[0].state, DG_FACTS_KNOWN, "what it has is known");
    is_int(facts[1].state, DG_FACTS_UNKNOWN, "the rest is not");
    is_int(SESSIONS("{'Sessions':[],'NextToken':null}"), DG_OK, "the last");
    is_int(facts[1].state, DG_FACTS_NO_RESOURCE, "says that it is not there");

    is_int(TAGS(200, "{'TagList':[{'Key':'a','Value':'b'}]}"), DG_OK, "tags");
    is_text(facts[0].rows[0].key, "aws:ResourceTag/a", "of a resource");
    is_int(TAGS(200, "{}"), DG_OK, "no tags");
    is_int(facts[0].count, 0, "are none");
    is_int(TAGS(400, "{'__type':'x#ResourceNotFoundException'}"), DG_OK,
           "a resource that is not there");
    is_int(facts[0].state, DG_FACTS_NO_RESOURCE, "is not there");
    is_int(TAGS(400, "{'__type':'AccessDeniedException'}"),
           DG_ERR_UNSUPPORTED, "a refusal");
    is_text(dg_span_cstr(diag.text),
            "DescribeTags answered 400, \"AccessDeniedException\"",
            "says which");
    is_int(TAGS(503, "<html>"), DG_ERR_UNSUPPORTED, "of no form");
}


static void
wrong_answers(void)
{
    static const char  *wrong[] = {
        "[]", "{}", "{'Sessions':{}}", "{'Sessions':[{}]}",
        "{'Sessions':[{'Id':1}]}", "{'Sessions':[{'Id':'third'}]}",
        "{'Sessions':[{'Id':'one'},{'Id':'one'}]}",
        "{'Sessions':[{'Id':'one','Owner':1}]}",
        "{'Sessions':[{'Id':'one','Server':{'Tags':{}}}]}",
        "{'Sessions':[{'Id':'one','Server':{'Tags':[{'Value':'a'}]}}]}",
        "{'Sessions':[{'Id':'one','Server':{'Tags':[{'Key':'a','Value':1}]}}]"
            "}",
        "{'Sessions':[{'Id':'one','Server':{'Tags':[{'Key':'a'},{'Key':'a'}]"
            "}}]}",
        "{'Sessions':['one']}"
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        is_int(SESSIONS(wrong[i]), DG_ERR_INVALID, "%s", wrong[i]);
        ok(facts[0].state == DG_FACTS_UNKNOWN && diag.text[0] != '\0',
           "nothing is known");
    }

    is_int(SESSIONS("{'Sessions':["), DG_ERR_SYNTAX, "no JSON");
    is_int(SESSIONS("{'Sessions':[{'Id':'one','Id':'one'}]}"),
           DG_ERR_INVALID, "a name twice");
}


static void
packed(void)
{
    uint8_t      text[256];
    dg_fact_t    rows[2] = { { DG_SPAN("a"), DG_SPAN("1") },
                             { DG_SPAN("b"), DG_SPAN_EMPTY } };
    dg_facts_t   known = { DG_FACTS_KNOWN, rows, 2 }, got = { 0 };
    dg_writer_t  writer = dg_writer(text, sizeof(text));

    dg_lookup_pack(&writer, &known);
    is_int(dg_lookup_unpack(&work, dg_written(&writer), &got), DG_OK,
           "packed and unpacked");
    is_int(dg_lookup_unpack(&work, dg_written(&writer), &got), DG_OK,
           "and added to others");
    is_int(got.count, 4, "all rows");
    is_text(got.rows[2].key, "a", "in their order");
    is_text(got.rows[3].value, "", "an empty value");

    for (size_t i = 0; i < writer.len; i++) {
        dg_facts_t  cut = { 0 };

        ok(i == 1 || i == 7
           || dg_lookup_unpack(&work, dg_span(text, i), &cut)
              == DG_ERR_SYNTAX, "cut at %zu", i);
    }

    writer = dg_writer(text, sizeof(text));
    known = (dg_facts_t) { DG_FACTS_NO_RESOURCE, NULL, 0 };
    dg_lookup_pack(&writer, &known);
    is_int(dg_lookup_unpack(&work, dg_written(&writer), &got), DG_OK,
           "one that is not there");
    is_int(got.state, DG_FACTS_NO_RESOURCE, "prevails");
    is_int(got.count, 0, "and has nothing");
}


static void
assertions(void)
{
    dg_call_t           call = { .operation = operation(dcv,
                                                        "DeleteSessions") };
    dg_fact_t           row = { DG_SPAN("dcv:Owner"), DG_SPAN("ann") };
    dg_facts_t          about[2] = { { DG_FACTS_KNOWN, &row, 1 },
                                     { DG_FACTS_NO_RESOURCE, NULL, 0 } };
    dg_resource_t       resources[2] = { { .item = 0 }, { .item = 1 } };
    dg_inspect_value_t  values[2] = {
        { .name = DG_SPAN("Owner"), .text = DG_SPAN("ann"), .item = 0 },
        { .name = DG_SPAN("Owner"), .text = DG_SPAN("bob"), .item = 1 }
    };
    dg_inspection_t     inspection = { .values = values, .value_count = 2 };
    dg_call_facts_t     facts_of = {
        .call = &call, .inspection = &inspection, .resources = resources,
        .resource_count = 2
    };

    is_int(dg_lookup_false_assertion(&facts_of).len, 0, "nothing is known");
    facts_of.about = about;
    is_int(dg_lookup_false_assertion(&facts_of).len, 0, "all is true");
    values[0].text = DG_SPAN("Ann");
    is_text(dg_lookup_false_assertion(&facts_of), "Owner",
            "not any more");
    values[0].name = DG_SPAN("SessionId");
    is_int(dg_lookup_false_assertion(&facts_of).len, 0, "another member");
}


int
main(void)
{
    dg_arena_init(&models, models_memory, sizeof(models_memory));
    dg_arena_init(&work, work_memory, sizeof(work_memory));

    dcv = models_load(&models, "dcv-session-manager");
    workspaces = models_load(&models, "workspaces");
    instances = models_load(&models, "workspaces-instances");

    plans();
    requests();
    signed_request();
    answers();
    wrong_answers();
    packed();
    assertions();

    return done_testing();
}
