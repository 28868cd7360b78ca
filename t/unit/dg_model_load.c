/*
 * Loading of models and overlays.
 */

#include "tap.h"
#include "models.h"

#define PCRE2_CODE_UNIT_WIDTH  8
#include <pcre2.h>

static dg_arena_t  arena;
static uint8_t     scratch_memory[1024 * 1024];

#define METADATA                                                              \
    "\"metadata\":{\"protocol\":\"json\",\"jsonVersion\":\"1.0\","            \
    "\"endpointPrefix\":\"my-x\",\"targetPrefix\":\"X\","                     \
    "\"apiVersion\":\"2020-01-01\"}"

#define OPERATION                                                             \
    "\"operations\":{\"GetIt\":{\"name\":\"GetIt\",\"http\":{\"method\":"     \
    "\"POST\",\"requestUri\":\"/\"},\"input\":{\"shape\":\"In\"}}}"

#define SHAPES                                                                \
    "\"shapes\":{\"In\":{\"type\":\"structure\",\"members\":{\"A\":"          \
    "{\"shape\":\"L\"},\"B\":{\"shape\":\"S\"},\"DbPassword\":{\"shape\":"    \
    "\"S\"}}},\"L\":{\"type\":\"list\",\"member\":{\"shape\":\"In\"}},"       \
    "\"S\":{\"type\":\"string\",\"pattern\":\"%s\"}}"

#define PLAIN  "{" METADATA "," OPERATION "," SHAPES "}"


static dg_err_t
load(const char *model, const char *overlay, dg_diag_t *diag,
    dg_service_t **service)
{
    static char  text[4096];
    dg_arena_t   a;

    dg_arena_init(&a, scratch_memory, sizeof(scratch_memory));
    (void) snprintf(text, sizeof(text), model, "[a-z]+");

    return dg_model_load(&a, DG_SPAN("x"), dg_span_cstr(text),
                         dg_span_cstr(overlay), diag, service);
}


static void
test_defaults(void)
{
    dg_service_t          *s = NULL;
    dg_diag_t              diag;
    const dg_operation_t  *o;
    const dg_member_t     *m;

    if (!ok(load(PLAIN, "", &diag, &s) == DG_OK, "a small model loads")) {
        printf("#   %s\n", diag.text);
        return;
    }

    is_span(s->action_prefix, DG_SPAN("my-x"), "action prefix");
    is_span(s->event_source, DG_SPAN("my-x.amazonaws.com"), "event source");
    is_span(s->namespace_name, DG_SPAN("com.amazonaws.myx"), "namespace");
    is_int(s->protocol, DG_PROTOCOL_AWS_JSON_1_0, "protocol");

    o = dg_model_operation(s, DG_SPAN("GetIt"));
    ok(o != NULL && o->access == DG_ACCESS_READ && o->read_only,
       "Get is a read when nothing else is said");
    ok(dg_model_operation(s, DG_SPAN("getit")) == NULL, "names are exact");

    m = dg_model_member(o->input, DG_SPAN("DbPassword"));
    ok(m != NULL && m->sensitive, "a password is sensitive unsaid");
    m = dg_model_path(o->input, DG_SPAN("A/A/B"));
    ok(m != NULL && !m->sensitive && m->shape->type == DG_SHAPE_STRING,
       "a path through lists and recursion");
    is_span(m->record_name, DG_SPAN("\"b\":"), "the name for records");
    ok(dg_model_path(o->input, DG_SPAN("A/C")) == NULL
       && dg_model_path(o->input, DG_SPAN("B/A")) == NULL,
       "paths that lead nowhere");

    dg_model_release(s);
}


static void
refused(const char *model, const char *overlay, dg_err_t wanted,
    const char *text, const char *name)
{
    dg_service_t  *s = NULL;
    dg_diag_t      diag = { 0, 0, "" };
    dg_err_t       got = load(model, overlay, &diag, &s);

    ok(got == wanted && strstr(diag.text, text) != NULL, "%s", name);

    if (got != wanted || strstr(diag.text, text) == NULL) {
        printf("#   got %d: %u:%u: %s\n", (int) got, diag.line, diag.column,
               diag.text);
    }

    if (got == DG_OK) {
        dg_model_release(s);
    }
}


static void
test_refused_models(void)
{
    refused("[]", "", DG_ERR_INVALID, "model", "no object");
    refused("{", "", DG_ERR_SYNTAX, "the model cannot be read", "no JSON");
    refused("{\"shapes\":{}}", "", DG_ERR_INVALID, "metadata", "no metadata");
    refused("{\"metadata\":{\"protocol\":\"rest-xml\"}}", "",
            DG_ERR_UNSUPPORTED, "protocol", "an XML protocol");
    refused("{" METADATA "}", "", DG_ERR_INVALID, "no operation",
            "no operation");
    refused("{" METADATA "," OPERATION ",\"shapes\":{}}", "",
            DG_ERR_INVALID, "input", "an input that is not there");
    refused("{" METADATA "," OPERATION ",\"shapes\":{\"In\":{\"type\":"
            "\"structure\",\"members\":{\"A\":{\"shape\":\"Z\"}}}}}", "",
            DG_ERR_INVALID, "\"Z\"", "a shape that is not there");
    refused("{" METADATA "," OPERATION ",\"shapes\":{\"In\":{\"type\":"
            "\"struct\"}}}", "", DG_ERR_INVALID, "\"struct\"",
            "an unknown type");
    refused("{" METADATA "," OPERATION ",\"shapes\":{\"In\":{\"type\":"
            "\"structure\",\"required\":[\"B\"],\"members\":{}}}}", "",
            DG_ERR_INVALID, "requires", "a required member that is none");
}


static void
test_refused_overlays(void)
{
    refused(PLAIN, "{\n\"x\":,}", DG_ERR_SYNTAX, "the overlay cannot be read",
            "no JSON");
    refused(PLAIN, "{\"operations\":{\"GetIts\":{}}}", DG_ERR_INVALID,
            "\"GetIts\"", "an operation that is not there");
    refused(PLAIN, "{\"operations\":{\"GetIt\":{\"access\":\"reads\"}}}",
            DG_ERR_INVALID, "access", "an unknown access level");
    refused(PLAIN, "{\"operations\":{\"GetIt\":{\"batch\":\"Q\"}}}",
            DG_ERR_INVALID, "\"Q\"", "a batch that is not there");
    refused(PLAIN, "{\"operations\":{\"GetIt\":{\"batch\":\"B\"}}}",
            DG_ERR_INVALID, "no list", "a batch that is no list");
    refused(PLAIN, "{\"operations\":{\"GetIt\":{\"bareArray\":\"B\"}}}",
            DG_ERR_INVALID, "bareArray", "a bare array that is no list");
    refused(PLAIN, "{\"operations\":{\"GetIt\":{\"resources\":{\"t\":"
            "[\"B\"]}}}}", DG_ERR_INVALID, "resourceTypes",
            "a resource type that is not there");
    refused(PLAIN, "{\"resourceTypes\":{\"t\":{}},\"operations\":{\"GetIt\":"
            "{\"resources\":{\"t\":[\"B\"]}}}}", DG_ERR_INVALID, "arn",
            "a resource type without ARN");
    refused(PLAIN, "{\"resourceTypes\":{\"t\":{\"arn\":\"arn:P:x:R:A:t/"
            "${id}\"}},\"operations\":{\"GetIt\":{\"resources\":{\"t\":"
            "[\"A[].C\"]}}}}", DG_ERR_INVALID, "A[].C",
            "a resource's member that is not there");
    refused(PLAIN, "{\"members\":{\"Im\":{}}}", DG_ERR_INVALID, "\"Im\"",
            "a shape that is not there");
    refused(PLAIN, "{\"members\":{\"In\":{\"Z\":{}}}}", DG_ERR_INVALID,
            "\"Z\"", "a member that is not there");
}


static void
test_overlay(void)
{
    static const char      overlay[] =
        "{\"actionPrefix\":\"y\",\"namespace\":\"n\",\"eventSource\":\"e\","
        "\"permissionOnly\":[\"Look\"],\"resourceTypes\":{\"t\":{\"arn\":"
        "\"arn:P:x:R:A:t/${id}\",\"conditionKeys\":[\"k1\"]}},"
        "\"members\":{\"In\":{\"B\":{\"aliases\":[\"Bee\",\"DbPassword\"],"
        "\"file\":true}}},"
        "\"operations\":{\"GetIt\":{\"access\":\"grant\",\"private\":true,"
        "\"readOnly\":false,\"batch\":\"A\",\"resources\":{\"t\":"
        "[\"A[].B\"]},\"conditionKeys\":[\"k0\"]},\"PutIt\":{\"http\":"
        "{\"method\":\"PUT\",\"requestUri\":\"/it\"}}}}";
    const dg_operation_t  *o;
    const dg_member_t     *m;
    dg_service_t          *s = NULL;
    dg_diag_t              diag;

    if (!ok(load(PLAIN, overlay, &diag, &s) == DG_OK, "an overlay loads")) {
        printf("#   %s\n", diag.text);
        return;
    }

    is_span(s->action_prefix, DG_SPAN("y"), "action prefix");
    is_int(s->operation_count, 2, "an operation more");
    is_span(s->permission_only[0], DG_SPAN("Look"), "permission-only action");

    o = dg_model_operation(s, DG_SPAN("GetIt"));
    ok(o->access == DG_ACCESS_GRANT && o->is_private && !o->read_only,
       "access, privacy, readOnly");
    is_span(o->batch_member, DG_SPAN("A"), "batch");
    is_span(o->resources[0].members[0], DG_SPAN("A/B"), "a resource's path");
    ok(o->condition_key_count == 2
       && dg_span_equal(o->condition_keys[1], DG_SPAN("k1")),
       "its keys and its resource type's");

    m = dg_model_alias(o->input, DG_SPAN("Bee"));
    ok(m != NULL && dg_span_equal(m->name, DG_SPAN("B")) && m->sensitive,
       "an alias, and file content is sensitive");
    ok(dg_model_member(o->input, DG_SPAN("DbPassword")) == NULL,
       "a member that is an alias is none of its own");

    dg_model_release(s);
}


static bool
matches(const dg_shape_t *shape, const char *text)
{
    pcre2_match_data  *data = pcre2_match_data_create(1, NULL);
    int                n;

    n = pcre2_match(shape->pattern, (PCRE2_SPTR) text, strlen(text), 0, 0,
                    data, NULL);
    pcre2_match_data_free(data);
    return n >= 0;
}


static void
pattern(const char *pattern_text, const char *yes, const char *no)
{
    static char    text[4096];
    dg_service_t  *s = NULL;
    dg_arena_t     a;

    dg_arena_init(&a, scratch_memory, sizeof(scratch_memory));
    (void) snprintf(text, sizeof(text), PLAIN, pattern_text);

    if (!ok(dg_model_load(&a, DG_SPAN("x"), dg_span_cstr(text), DG_SPAN_EMPTY,
                          NULL, &s) == DG_OK
            && s->patterns_skipped == 0, "%s compiles", pattern_text))
    {
        return;
    }

    ok(matches(dg_model_shape(s, DG_SPAN("S")), yes), "it takes the whole");
    ok(!matches(dg_model_shape(s, DG_SPAN("S")), no), "and nothing else");
    dg_model_release(s);
}


static void
test_patterns(void)
{
    dg_service_t  *s = NULL;

    pattern("[a-z]+", "abc", "abc1");
    pattern("^[a-z]+$", "abc", "abc\n");
    pattern("^\\\\d{12}|AMAZON$", "AMAZON", "123456789012x");
    pattern("(d-[0-9]+$)|(wsd-[0-9]+$)", "wsd-12", "d-12 wsd-12");
    pattern("^(http|https)\\\\://\\\\S+", "https://x", "https://x y");
    pattern("(?!sg-)[\\\\w-]+", "abc", "sg-1");
    pattern("([\\\\p{L}\\\\p{Z}]+)", "\xc3\xa9 t", "1");
    pattern("[\\\\u0020-\\\\uD7FF\\\\uE000-\\\\uFFFD\\\\uD800\\\\uDC00-"
            "\\\\uDBFF\\\\uDFFF]+", "\xf0\x9f\x98\x80", "\x01");
    pattern("a\\\\\\\\u0041", "a\\u0041", "a\\A");

    /* one that nobody can compile is left out, not refused */
    ok(dg_model_load(&arena, DG_SPAN("x"),
                     DG_SPAN("{" METADATA "," OPERATION ",\"shapes\":{\"In\":"
                             "{\"type\":\"structure\",\"members\":{}},\"S\":"
                             "{\"type\":\"string\",\"pattern\":\"(\"}}}"),
                     DG_SPAN_EMPTY, NULL, &s) == DG_OK
       && s->patterns_skipped == 1
       && dg_model_shape(s, DG_SPAN("S"))->pattern == NULL,
       "a pattern that does not compile is counted");
    dg_model_release(s);
}


static void
test_no_memory(void)
{
    static char    text[4096];
    dg_service_t  *s = NULL;
    dg_arena_t     a;
    unsigned       failed = 0;
    size_t         size;
    dg_err_t       err = DG_ERR_MEMORY;

    (void) snprintf(text, sizeof(text), PLAIN, "x");

    for (size = 64; size < 65536 && err != DG_OK; size += 64) {
        dg_arena_init(&a, scratch_memory, size);
        err = dg_model_load(&a, DG_SPAN("x"), dg_span_cstr(text),
                            DG_SPAN_EMPTY, NULL, &s);
        failed += err == DG_ERR_MEMORY;
    }

    ok(err == DG_OK && failed > 10, "too little memory is said each time");
    dg_model_release(s);
}


static void
test_shipped(void)
{
    static const struct {
        const char  *name;
        size_t       operations;
        size_t       batches;
    } models[] = {
        { "workspaces", 91, 7 }, { "workspaces-instances", 14, 0 },
        { "ssm-guiconnect", 3, 0 }, { "dcv-session-manager", 11, 6 }
    };
    const dg_service_t    *s;
    const dg_operation_t  *o;
    size_t                 i, j, batches;

    for (i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        s = models_load(&arena, models[i].name);
        batches = 0;

        for (j = 0; j < s->operation_count; j++) {
            batches += s->operations[j].batch_member.len != 0;
        }

        is_int(s->operation_count, models[i].operations, "%s: operations",
               models[i].name);
        is_int(batches, models[i].batches, "%s: batches", models[i].name);
        is_int(s->patterns_skipped, 0, "%s: every pattern compiles",
               models[i].name);
    }

    s = models_load(&arena, "dcv-session-manager");
    o = dg_model_operation(s, DG_SPAN("GetSessionConnectionData"));
    ok(s->is_broker && o->access == DG_ACCESS_GRANT && o->read_only,
       "connection data is a grant, though it reads");
    o = dg_model_operation(s, DG_SPAN("GetSessionScreenshots"));
    ok(o->is_private && o->bare_array, "screenshots are private");
    ok(dg_model_member(o->output, DG_SPAN("RequestId")) != NULL,
       "answers have a request id");

    s = models_load(&arena, "workspaces-instances");
    ok(s->speaks_cbor && s->protocol == DG_PROTOCOL_AWS_JSON_1_0,
       "instances speak JSON and CBOR");

    s = models_load(&arena, "workspaces");
    ok(s->speaks_cbor && s->protocol == DG_PROTOCOL_AWS_JSON_1_1,
       "WorkSpaces, too");
}


int
main(void)
{
    dg_arena_init(&arena, models_memory, sizeof(models_memory));

    test_defaults();
    test_refused_models();
    test_refused_overlays();
    test_overlay();
    test_patterns();
    test_no_memory();
    test_shipped();

    return done_testing();
}
