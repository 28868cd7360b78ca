/*
 * The sandbox's engine over a store in memory, with a small model and data.
 */

#include "dg_sandbox.h"
#include "dg_sandbox_answer.h"

#include "tap.h"

#define RECORDS  64
#define MEMORY   (4 * 1024 * 1024)

typedef struct {
    char    key[DG_SANDBOX_KEY_MAX];
    char    value[4096];
    size_t  key_len;
    size_t  value_len;
} record_t;

static record_t              records[RECORDS];
static size_t                record_count;
static size_t                record_max = RECORDS;

static uint8_t               config_memory[MEMORY], call_memory[MEMORY];
static dg_arena_t            config, arena;
static dg_sandbox_service_t  data;
static dg_service_t         *service;
static dg_sandbox_env_t      env;
static uint8_t               seal[DG_SANDBOX_SEAL_SIZE] = { 1, 2, 3 };

static const char  model[] =
    "{\"version\":\"2.0\",\"metadata\":{\"apiVersion\":\"2020-01-01\","
    "\"endpointPrefix\":\"things\",\"jsonVersion\":\"1.1\","
    "\"protocol\":\"json\",\"serviceId\":\"Things\","
    "\"signatureVersion\":\"v4\",\"signingName\":\"things\","
    "\"targetPrefix\":\"Things\",\"serviceFullName\":\"Things\"},"
    "\"operations\":{"
    "\"CreateThing\":{\"name\":\"CreateThing\",\"http\":{\"method\":\"POST\","
    "\"requestUri\":\"/\"},\"input\":{\"shape\":\"Create\"},"
    "\"output\":{\"shape\":\"Created\"},\"errors\":[{\"shape\":"
    "\"ConflictException\"}]},"
    "\"ListThings\":{\"name\":\"ListThings\",\"http\":{\"method\":\"POST\","
    "\"requestUri\":\"/\"},\"input\":{\"shape\":\"List\"},"
    "\"output\":{\"shape\":\"Listed\"},\"errors\":[{\"shape\":"
    "\"ValidationException\"}]},"
    "\"StopThings\":{\"name\":\"StopThings\",\"http\":{\"method\":\"POST\","
    "\"requestUri\":\"/\"},\"input\":{\"shape\":\"Stop\"},"
    "\"output\":{\"shape\":\"Stopped\"}},"
    "\"DeleteThing\":{\"name\":\"DeleteThing\",\"http\":{\"method\":\"POST\","
    "\"requestUri\":\"/\"},\"input\":{\"shape\":\"One\"},"
    "\"errors\":[{\"shape\":\"ResourceNotFoundException\"}]}},"
    "\"shapes\":{"
    "\"S\":{\"type\":\"string\"},\"N\":{\"type\":\"integer\",\"min\":1,"
    "\"max\":3},\"Names\":{\"type\":\"list\",\"member\":{\"shape\":\"S\"}},"
    "\"Thing\":{\"type\":\"structure\",\"members\":{\"Id\":{\"shape\":\"S\"},"
    "\"Name\":{\"shape\":\"S\"},\"State\":{\"shape\":\"S\"}}},"
    "\"Things\":{\"type\":\"list\",\"member\":{\"shape\":\"Thing\"}},"
    "\"Create\":{\"type\":\"structure\",\"required\":[\"Name\"],\"members\":{"
    "\"Name\":{\"shape\":\"S\"},\"Secret\":{\"shape\":\"S\"},"
    "\"ClientToken\":{\"shape\":\"S\"}}},"
    "\"Created\":{\"type\":\"structure\",\"required\":[\"Colour\"],"
    "\"members\":{\"Thing\":{\"shape\":\"Thing\"},"
    "\"Colour\":{\"shape\":\"Colour\"}}},"
    "\"Colour\":{\"type\":\"string\",\"enum\":[\"blue\",\"red\"]},"
    "\"List\":{\"type\":\"structure\",\"members\":{\"Names\":{\"shape\":"
    "\"Names\"},\"State\":{\"shape\":\"S\"},\"MaxResults\":{\"shape\":\"N\"},"
    "\"NextToken\":{\"shape\":\"S\"}}},"
    "\"Listed\":{\"type\":\"structure\",\"members\":{\"Things\":{\"shape\":"
    "\"Things\"},\"NextToken\":{\"shape\":\"S\"}}},"
    "\"One\":{\"type\":\"structure\",\"members\":{\"Id\":{\"shape\":\"S\"}}},"
    "\"Ones\":{\"type\":\"list\",\"member\":{\"shape\":\"One\"}},"
    "\"Stop\":{\"type\":\"structure\",\"members\":{\"Requests\":{\"shape\":"
    "\"Ones\"}}},"
    "\"Failure\":{\"type\":\"structure\",\"members\":{\"Id\":{\"shape\":"
    "\"S\"},\"ErrorCode\":{\"shape\":\"S\"},\"ErrorMessage\":{\"shape\":"
    "\"S\"}}},"
    "\"Failures\":{\"type\":\"list\",\"member\":{\"shape\":\"Failure\"}},"
    "\"Stopped\":{\"type\":\"structure\",\"members\":{\"FailedRequests\":"
    "{\"shape\":\"Failures\"}}},"
    "\"ConflictException\":{\"type\":\"structure\",\"members\":{\"message\":"
    "{\"shape\":\"S\"}},\"exception\":true},"
    "\"ValidationException\":{\"type\":\"structure\",\"members\":{"
    "\"message\":{\"shape\":\"S\"}},\"exception\":true},"
    "\"ResourceNotFoundException\":{\"type\":\"structure\",\"members\":{"
    "\"message\":{\"shape\":\"S\"}},\"exception\":true,\"error\":{"
    "\"httpStatusCode\":404}}}}";

static const char  rows[] =
    "{\"entities\":{\"thing\":{\"key\":[\"Id\"],\"state\":\"State\","
    "\"states\":{\"NEW\":{\"to\":\"UP\",\"after\":10},"
    "\"ENDING\":{\"after\":0}},\"unique\":[[\"Name\"]],"
    "\"defaults\":{\"Id\":\"t-${Name}\",\"State\":\"NEW\"},"
    "\"seed\":[{\"Id\":\"t-seed\",\"Name\":\"seed\",\"State\":\"UP\"}]}},"
    "\"operations\":{\"CreateThing\":{\"entity\":\"thing\"},"
    "\"ListThings\":{\"entity\":\"thing\"},"
    "\"StopThings\":{\"do\":\"modify\",\"entity\":\"thing\","
    "\"each\":\"Requests\",\"from\":[\"UP\"],\"set\":{\"State\":\"DOWN\"}},"
    "\"DeleteThing\":{\"entity\":\"thing\"}}}";


static record_t *
find(dg_span_t key)
{
    for (size_t i = 0; i < record_count; i++) {
        if (dg_span_equal(dg_span(records[i].key, records[i].key_len), key)) {
            return &records[i];
        }
    }

    return NULL;
}


static bool
store_get(void *ctx, dg_span_t key, dg_span_t *value)
{
    record_t  *r = find(key);

    (void) ctx;

    if (r != NULL) {
        *value = dg_span(r->value, r->value_len);
    }

    return r != NULL;
}


static dg_err_t
store_put(void *ctx, dg_span_t key, dg_span_t value)
{
    record_t  *r = find(key);

    (void) ctx;

    if (r == NULL) {
        if (record_count == record_max) {
            return DG_ERR_FULL;
        }

        r = &records[record_count++];
        memcpy(r->key, key.data, key.len);
        r->key_len = key.len;
    }

    memcpy(r->value, value.data, value.len);
    r->value_len = value.len;

    return DG_OK;
}


static void
store_del(void *ctx, dg_span_t key)
{
    record_t  *r = find(key);

    (void) ctx;

    if (r != NULL) {
        *r = records[--record_count];
    }
}


static bool
store_next(void *ctx, dg_span_t prefix, dg_span_t after, dg_span_t *key,
    dg_span_t *value)
{
    dg_span_t        k;
    const record_t  *best = NULL;

    (void) ctx;

    for (size_t i = 0; i < record_count; i++) {
        k = dg_span(records[i].key, records[i].key_len);

        if (dg_span_compare(k, after) > 0 && dg_span_starts_with(k, prefix)
            && (best == NULL
                || dg_span_compare(k, dg_span(best->key, best->key_len)) < 0))
        {
            best = &records[i];
        }
    }

    if (best != NULL) {
        *key = dg_span(best->key, best->key_len);
        *value = dg_span(best->value, best->value_len);
    }

    return best != NULL;
}


static const dg_sandbox_store_t  store = {
    store_get, store_put, store_del, store_next
};


/* The answer's text; that of a refusal is "CODE STATUS". */
static const char *
ask(const char *operation, const char *input)
{
    unsigned             status;
    dg_span_t            code;
    dg_writer_t          w;
    static char          text[4096];
    dg_sandbox_call_t    call = { .env = &env, .data = &data };

    dg_arena_init(&arena, call_memory, sizeof(call_memory));
    call.tree.arena = &arena;
    call.operation = dg_model_operation(service, dg_span_cstr(operation));

    if (dg_json_parse(&arena, dg_span_cstr(input), NULL, NULL, &call.input)
        != DG_OK)
    {
        return "input";
    }

    w = dg_writer(text, sizeof(text) - 1);

    if (dg_sandbox_run(&call) == DG_OK) {
        dg_answer_json(&w, call.operation->output, call.output);

    } else {
        (void) dg_sandbox_error(&call, &code, &status);
        dg_write_span(&w, code);
        dg_write_char(&w, ' ');
        dg_write_u64(&w, status);
    }

    text[w.len] = '\0';
    return text;
}


#define says(operation, input, want)                                          \
    is_span(dg_span_cstr(ask(operation, input)), DG_SPAN(want),               \
            operation " " input)


static void
lives(void)
{
    says("ListThings", "{}",
         "{\"Things\":[{\"Id\":\"t-seed\",\"Name\":\"seed\","
         "\"State\":\"UP\"}]}");
    says("CreateThing", "{\"Name\":\"a\",\"Secret\":\"s\"}",
         "{\"Colour\":\"blue\",\"Thing\":{\"Id\":\"t-a\",\"Name\":\"a\","
         "\"State\":\"NEW\"}}");
    says("CreateThing", "{\"Name\":\"a\"}", "ConflictException 400");
    says("ListThings", "{\"State\":\"UP\"}",
         "{\"Things\":[{\"Id\":\"t-seed\",\"Name\":\"seed\","
         "\"State\":\"UP\"}]}");
    says("StopThings", "{\"Requests\":[{\"Id\":\"t-a\"}]}",
         "{\"FailedRequests\":[{\"ErrorCode\":\"InvalidResourceState"
         "Exception\",\"ErrorMessage\":\"The thing is in the state NEW.\","
         "\"Id\":\"t-a\"}]}");

    env.now += 10000;

    says("StopThings", "{\"Requests\":[{\"Id\":\"t-a\"}]}",
         "{\"FailedRequests\":[]}");
    says("ListThings", "{\"Names\":[\"a\",\"b\"]}",
         "{\"Things\":[{\"Id\":\"t-a\",\"Name\":\"a\",\"State\":\"DOWN\"}]}");
    says("DeleteThing", "{\"Id\":\"t-a\"}", "{}");
    says("DeleteThing", "{\"Id\":\"t-a\"}", "ResourceNotFoundException 404");
}


static void
tokens(void)
{
    char  first[4096];

    snprintf(first, sizeof(first), "%s",
             ask("CreateThing", "{\"Name\":\"b\",\"ClientToken\":\"x\"}"));

    is_span(dg_span_cstr(ask("CreateThing",
                             "{\"Name\":\"b\",\"ClientToken\":\"x\"}")),
            dg_span_cstr(first), "the same token and input: the same answer");
    says("CreateThing", "{\"Name\":\"c\",\"ClientToken\":\"x\"}",
         "ConflictException 400");

    env.now += 3601 * 1000;

    ok(strstr(ask("CreateThing", "{\"Name\":\"c\",\"ClientToken\":\"x\"}"),
              "t-c") != NULL, "after an hour the token is another");
}


static void
pages(void)
{
    char         input[4096], token[1024];
    char        *end;
    const char  *text = ask("ListThings", "{\"MaxResults\":2}");

    ok(strstr(text, "t-b") && strstr(text, "t-c") && !strstr(text, "t-seed"),
       "a page of two");

    snprintf(token, sizeof(token), "%s", strstr(text, "NextToken") + 12);
    end = strchr(token, '"');
    *end = '\0';

    snprintf(input, sizeof(input), "{\"NextToken\":\"%s\"}", token);
    text = ask("ListThings", input);
    ok(strstr(text, "t-seed") && !strstr(text, "t-c"), "and the rest");
    ok(strstr(text, "NextToken") == NULL, "without a token");

    snprintf(input, sizeof(input),
             "{\"State\":\"UP\",\"NextToken\":\"%s\"}", token);
    is_span(dg_span_cstr(ask("ListThings", input)),
            DG_SPAN("ValidationException 400"), "other filters: refused");

    token[0] = token[0] == 'A' ? 'B' : 'A';
    snprintf(input, sizeof(input), "{\"NextToken\":\"%s\"}", token);
    is_span(dg_span_cstr(ask("ListThings", input)),
            DG_SPAN("ValidationException 400"), "altered: refused");

    env.region = DG_SPAN("eu-west-1");
    says("ListThings", "{}",
         "{\"Things\":[{\"Id\":\"t-seed\",\"Name\":\"seed\","
         "\"State\":\"UP\"}]}");
    env.region = DG_SPAN("us-east-1");
}


static void
full(void)
{
    record_max = record_count;
    says("CreateThing", "{\"Name\":\"z\"}", "ServiceUnavailable 503");
    record_max = RECORDS;
    says("DeleteThing", "{\"Id\":\"t-z\"}", "ResourceNotFoundException 404");
}


static void
mistakes(void)
{
    static const struct {
        const char  *from, *to, *want;
    } cases[] = {
        { "\"each\":", "\"eech\":", "unknown member \"eech\"" },
        { "\"entity\":\"thing\"}", "\"entity\":\"thong\"}",
          "\"entity\" must name an entity" },
        { "\"ListThings\"", "\"LostThings\"",
          "the model has no operation \"LostThings\"" },
        { "[\"UP\"]", "\"UP\"", "\"from\" must be a list of texts" },
        { "\"key\":[\"Id\"],", "", "\"key\" must be" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char                   text[sizeof(rows) + 64];
        dg_err_t               err;
        dg_diag_t              diag = { 0 };
        const char            *at = strstr(rows, cases[i].from);
        dg_sandbox_service_t   out;

        snprintf(text, sizeof(text), "%.*s%s%s", (int) (at - rows), rows,
                 cases[i].to, at + strlen(cases[i].from));
        err = dg_sandbox_load(&config, service, dg_span_cstr(text), &diag,
                              &out);
        ok(err == DG_ERR_INVALID && strstr(diag.text, cases[i].want)
           && diag.line == 1, "%s", cases[i].want);
    }
}


int
main(void)
{
    dg_diag_t  diag = { 0 };

    dg_arena_init(&config, config_memory, sizeof(config_memory));

    env = (dg_sandbox_env_t) {
        .store = &store, .crypto = dg_crypto_create(NULL, NULL),
        .account = DG_SPAN("111122223333"), .region = DG_SPAN("us-east-1"),
        .now = 1700000000000, .seal = seal
    };

    ok(dg_model_load(&config, DG_SPAN("things"), DG_SPAN(model),
                     DG_SPAN_EMPTY, &diag, &service) == DG_OK,
       "the model: %s", diag.text);
    ok(dg_sandbox_load(&config, service, DG_SPAN(rows), &diag, &data)
       == DG_OK, "the data: %s", diag.text);

    lives();
    tokens();
    pages();
    full();
    mistakes();

    dg_model_release(service);
    dg_crypto_destroy(env.crypto);

    return done_testing();
}
