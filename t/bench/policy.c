/*
 * Decisions at 1 to 1,000 statements with two conditions each: every
 * statement about an action of its own, then all of them about this one.
 */

#include "bench.h"
#include "dg_policy.h"

#define TEXT_SIZE   (1024 * 1024)
#define BLOCK_SIZE  (16 * 1024 * 1024)

typedef struct {
    const dg_policy_set_t  *set;
    dg_policy_request_t     request;
    dg_span_t               resource;
    dg_policy_effect_t      effect;
} run_t;

static uint8_t  block[BLOCK_SIZE];
static char     text[TEXT_SIZE];


static void
lookup(void *ctx, const dg_policy_key_t *key, size_t resource,
    dg_policy_values_t *values)
{
    static const dg_span_t  address = { (const uint8_t *) "10.20.30.40", 11 };
    static const dg_span_t  name = { (const uint8_t *) "ann", 3 };

    (void) ctx;
    (void) resource;

    values->presence = DG_POLICY_PRESENT;
    values->values = key->index == 0 ? &address : &name;
    values->count = 1;
}


/* The last statement is the one that allows. */
static void
write_statements(unsigned count, bool same_action)
{
    size_t  len;

    len = (size_t) snprintf(text, sizeof(text),
                            "{\"Version\":\"2012-10-17\",\"Statement\":[");

    for (unsigned i = 0; i < count; i++) {
        bool  last = i == count - 1;

        len += (size_t) snprintf(text + len, sizeof(text) - len,
            "%s{\"Effect\":\"%s\",\"Action\":\"workspaces:%s%u\","
            "\"Resource\":\"arn:aws:workspaces:*:*:workspace/%s\","
            "\"Condition\":{\"IpAddress\":{\"aws:SourceIp\":"
            "[\"192.168.%u.0/24\",\"%s\"]},\"StringEquals\":"
            "{\"aws:username\":\"%s\"}}}", i ? "," : "",
            i % 10 == 5 ? "Deny" : "Allow",
            last || same_action ? "RebootWorkspaces" : "Call",
            last || same_action ? 0 : i, last ? "ws-*" : "*", i % 256,
            last ? "10.0.0.0/8" : "172.16.0.0/12", last ? "ann" : "bob");
    }

    snprintf(text + len, sizeof(text) - len, "]}");
}


static void
prepare(run_t *run, unsigned count, bool same_action)
{
    dg_arena_t            arena;
    dg_policy_document_t  document = { .name = DG_SPAN("bench.json") };
    dg_policy_options_t   options = { .form = DG_POLICY_IDENTITY };

    write_statements(count, same_action);
    dg_arena_init(&arena, block, sizeof(block));

    if (dg_policy_load(&arena, dg_span_cstr(text), &options, NULL,
                       &document.policy) != DG_OK
        || dg_policy_set_create(&arena, &document, 1, NULL, &run->set)
           != DG_OK)
    {
        fprintf(stderr, "the policy does not load\n");
        exit(1);
    }

    run->resource = DG_SPAN("arn:aws:workspaces:eu-west-1:123456789012:"
                            "workspace/ws-abcdefghi");
    run->request = (dg_policy_request_t) {
        .action = DG_SPAN("workspaces:RebootWorkspaces0"),
        .resources = &run->resource,
        .resource_count = 1,
        .principal = { .arn = DG_SPAN("arn:aws:iam::123456789012:user/ann"),
                       .account = DG_SPAN("123456789012") },
        .lookup = lookup
    };
}


static void
decide(void *ctx)
{
    run_t                 *run = ctx;
    dg_policy_decision_t   decision;

    dg_policy_decide(run->set, &run->request, &decision);
    run->effect = decision.effect;
}


int
main(void)
{
    static const unsigned  counts[] = { 1, 10, 50, 100, 1000 };
    char                   name[64];
    run_t                  run;

    for (unsigned same = 0; same < 2; same++) {
        for (unsigned i = 0; i < 5; i++) {
            prepare(&run, counts[i], same == 1);
            snprintf(name, sizeof(name), "policy decide, %u statements%s",
                     counts[i], same ? ", all of this action" : "");
            bench(name, decide, &run);

            if (run.effect != DG_POLICY_ALLOW
                && getenv("BENCH_ONLY") == NULL)
            {
                fprintf(stderr, "the call is not allowed\n");
                return 1;
            }
        }
    }

    return 0;
}
