/*
 * dg_policy_context: what a decision read is kept and written; what is
 * sensitive, long or too much is not.
 */

#include "tap.h"
#include "dg_json.h"
#include "dg_policy_context.h"

#include <string.h>

#define KEYS  300

static uint8_t              memory[4 * 1024 * 1024];
static uint8_t              readers[4 * 1024 * 1024];
static uint8_t              buffer[DG_POLICY_CONTEXT_TEXT_MAX];
static dg_arena_t           arena;
static dg_policy_key_t      keys[KEYS];
static char                 names[KEYS][32];
static dg_policy_context_t  context;
static dg_policy_values_t   answer;
static dg_span_t            list[64];
static unsigned             asked;
static const dg_input_texts_t *texts;


static void
lookup(void *ctx, const dg_policy_key_t *key, size_t resource,
    dg_policy_values_t *values)
{
    (void) ctx;
    (void) key;
    (void) resource;
    asked++;
    *values = answer;
}


static void
start(void)
{
    dg_arena_init(&arena, memory, sizeof(memory));
    memset(&context, 0, sizeof(context));
    context.lookup = lookup;
    context.arena = &arena;
    asked = 0;

    for (unsigned i = 0; i < KEYS; i++) {
        snprintf(names[i], sizeof(names[i]), "k:%u", i);
        keys[i] = (dg_policy_key_t) { dg_span_cstr(names[i]), i };
    }
}


static void
read_key(unsigned key, size_t resource, size_t count, ...)
{
    va_list             args;
    dg_span_t          *values;
    dg_policy_values_t  out = { DG_POLICY_ABSENT, NULL, 0 };

    values = dg_arena_calloc(&arena, count + 1, sizeof(*values));
    va_start(args, count);

    for (size_t i = 0; i < count; i++) {
        values[i] = dg_span_cstr(va_arg(args, const char *));
    }

    va_end(args);
    answer = (dg_policy_values_t) {
        count ? DG_POLICY_PRESENT : DG_POLICY_ABSENT, values, count
    };

    dg_policy_context_lookup(&context, &keys[key], resource, &out);
    is_int(out.count, count, "the decision is given the values");
}


static dg_policy_context_text_t
written(size_t resources, const dg_inspection_t *inspection,
    dg_crypto_t *crypto)
{
    dg_policy_context_text_t     text;
    dg_policy_context_options_t  options = { resources, inspection, crypto,
                                             texts };
    const dg_json_t             *root;
    dg_arena_t                   a;

    memset(buffer, 'x', sizeof(buffer));
    dg_policy_context_write(&context, &options, buffer, &text);

    dg_arena_init(&a, readers, sizeof(readers));
    ok(dg_json_parse(&a, text.keys, NULL, NULL, &root) == DG_OK,
       "keys are JSON");
    ok(text.item_keys.len == 0
       || dg_json_parse(&a, text.item_keys, NULL, NULL, &root) == DG_OK,
       "keys of items are JSON");
    ok(text.keys.len + text.item_keys.len <= sizeof(buffer),
       "within the buffer");

    return text;
}


static void
test_one_resource(void)
{
    dg_policy_context_text_t  text;
    dg_policy_values_t        out = { DG_POLICY_ABSENT, NULL, 0 };

    start();
    text = written(0, NULL, NULL);
    is_text(text.keys, "{}", "nothing was read");

    read_key(1, 0, 1, "ann");
    read_key(2, 0, 2, "a\"b", "");
    read_key(0, 0, 0);
    answer = (dg_policy_values_t) { DG_POLICY_NOT_KNOWN, NULL, 0 };
    dg_policy_context_lookup(&context, &keys[3], 0, &out);

    text = written(1, NULL, NULL);
    is_text(text.keys, "{\"k:1\":[\"ann\"],\"k:2\":[\"a\\\"b\",\"\"],"
                       "\"k:0\":[],\"k:3\":null}", "in the order read");
    ok(text.item_keys.len == 0 && !text.omitted, "and no more");
    is_int(asked, 4, "each was looked up once");
}


static void
test_items(void)
{
    dg_policy_context_text_t  text;

    start();

    for (unsigned i = 0; i < 3; i++) {
        read_key(0, i, 1, "same");
        read_key(1, i, 1, i == 1 ? "other" : "own");
    }

    read_key(2, 2, 1, "last only");

    text = written(3, NULL, NULL);
    is_text(text.keys, "{\"k:0\":[\"same\"]}", "what all have");
    is_text(text.item_keys,
            "[{\"resource\":0,\"keys\":{\"k:1\":[\"own\"]}},"
            "{\"resource\":1,\"keys\":{\"k:1\":[\"other\"]}},"
            "{\"resource\":2,\"keys\":{\"k:1\":[\"own\"],"
            "\"k:2\":[\"last only\"]}}]", "what one has");
}


static void
test_hidden(void)
{
    static const char         secret[] = "hunter2 and more";
    static char               lengthy[DG_POLICY_CONTEXT_VALUE_MAX + 2];
    dg_crypto_t              *crypto = dg_crypto_create(NULL, NULL);
    dg_inspect_value_t        values[2] = {
        { .text = DG_SPAN("open") },
        { .text = { (const uint8_t *) secret, sizeof(secret) - 1 },
          .sensitive = true }
    };
    dg_inspection_t           inspection = { .values = values,
                                             .value_count = 2 };
    dg_policy_context_text_t  text;

    start();
    read_key(0, 0, 1, secret);
    read_key(1, 0, 1, secret + 12);
    read_key(2, 0, 1, "open");

    text = written(1, &inspection, crypto);
    is_text(text.keys, "{\"k:0\":[{\"sha256\":\"d06e08edff6a33f999be3c82bc9a21"
            "314155139659c9122fcdcc5c3698c1f1cc\",\"length\":16}],"
            "\"k:1\":[{\"sha256\":\"187897ce0afcf20b50ba2b37dca84a951b7046f2"
            "9ed5ab94f010619f69d6e189\",\"length\":4}],\"k:2\":[\"open\"]}",
            "digests of what is sensitive, also of a part");

    text = written(1, &inspection, NULL);
    is_text(text.keys, "{\"k:0\":[{\"length\":16}],\"k:1\":[{\"length\":4}],"
            "\"k:2\":[\"open\"]}", "without a digest at hand, the length");

    dg_input_texts_t  file = { .file = values[1].text };

    values[1] = values[0];
    inspection.item_count = 1;
    texts = &file;
    text = written(1, &inspection, NULL);
    is_text(text.keys, "{\"k:0\":[{\"length\":16}],\"k:1\":[{\"length\":4}],"
            "\"k:2\":[\"open\"]}", "parts of a permissions file as well");
    texts = NULL;

    start();
    memset(lengthy, 'a', sizeof(lengthy) - 1);
    read_key(0, 0, 1, lengthy);
    read_key(1, 0, 1, lengthy + 1);
    text = written(1, NULL, NULL);
    ok(dg_span_starts_with(text.keys, DG_SPAN("{\"k:0\":[{\"length\":257}],"
                                              "\"k:1\":[\"aaa")),
       "what is long likewise");

    dg_crypto_destroy(crypto);
}


static void
test_limits(void)
{
    dg_policy_values_t        out = { DG_POLICY_ABSENT, NULL, 0 };
    dg_policy_context_text_t  text;

    start();
    answer = (dg_policy_values_t) { DG_POLICY_ABSENT, NULL, 0 };

    for (unsigned i = 0; i < DG_POLICY_CONTEXT_ENTRIES_MAX; i++) {
        dg_policy_context_lookup(&context, &keys[i], 0, &out);
    }

    ok(!context.omitted, "as many entries as may be");
    dg_policy_context_lookup(&context, &keys[0], 1, &out);
    ok(context.omitted, "one more is not kept, which is told");
    ok(written(1, NULL, NULL).omitted, "in the text too");

    start();
    dg_policy_context_lookup(&context, &keys[100], 0, &out);
    dg_policy_context_lookup(&context, &keys[100], 0, &out);
    is_int(context.count, 1, "what is asked for twice is kept once");

    start();

    for (unsigned i = 0; i < 64; i++) {
        list[i] = dg_span_cstr("0123456789012345678901234567890123456789");
    }

    answer = (dg_policy_values_t) { DG_POLICY_PRESENT, list,
                                    DG_POLICY_CONTEXT_VALUES_MAX + 1 };
    dg_policy_context_lookup(&context, &keys[0], 0, &out);
    text = written(1, NULL, NULL);
    ok(text.omitted, "too many values are not written");
    is_text(text.keys, "{}", "not one of them");

    answer.count = DG_POLICY_CONTEXT_VALUES_MAX;

    for (unsigned i = 1; i < 20; i++) {
        dg_policy_context_lookup(&context, &keys[i], i % 4, &out);
    }

    for (size_t n = 0; n < 6; n++) {
        text = written(n, NULL, NULL);
        ok(text.omitted, "%zu resources: what does not fit is left out", n);
    }

    start();
    dg_arena_init(&arena, memory, 16);
    dg_policy_context_lookup(&context, &keys[0], 0, &out);
    ok(context.omitted && out.count == DG_POLICY_CONTEXT_VALUES_MAX,
       "without memory the decision still is given the values");
}


int
main(void)
{
    test_one_resource();
    test_items();
    test_hidden();
    test_limits();

    return done_testing();
}
