/*
 * Targets: dg_policy_load, dg_policy_set_create, dg_policy_decide,
 * dg_policy_explain.
 *
 * Any text as a document of any form.  What loads is decided in both ways,
 * which must agree; every problem has a place and a text.
 */

#include "dg_policy.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE  (16 * 1024 * 1024)

static uint8_t  block[BLOCK_SIZE];


static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}


static void
report(void *ctx, dg_policy_severity_t severity, const dg_diag_t *diag)
{
    unsigned  *errors = ctx;

    require(diag->text[0] != '\0' && strlen(diag->text) < DG_DIAG_TEXT);
    *errors += severity == DG_POLICY_ERROR;
}


/* Every other key has a value, its own name. */
static void
lookup(void *ctx, const dg_policy_key_t *key, size_t resource,
    dg_policy_values_t *values)
{
    (void) ctx;
    (void) resource;

    if (key->index % 2 == 0) {
        values->presence = DG_POLICY_PRESENT;
        values->values = &key->name;
        values->count = 1;
    }
}


static void
decide(dg_arena_t *arena, const dg_policy_t *policy)
{
    dg_policy_document_t    document = { policy, DG_SPAN("a") };
    const dg_policy_set_t  *set;
    dg_policy_decision_t    a, b;
    dg_span_t               resource = DG_SPAN("arn:aws:s:r:a:x/y");
    dg_policy_request_t     request = {
        .action = DG_SPAN("s:Action"), .resources = &resource,
        .resource_count = 1, .lookup = lookup,
        .principal = { .arn = DG_SPAN("arn:aws:iam::123456789012:user/a"),
                       .account = DG_SPAN("123456789012") }
    };

    if (dg_policy_set_create(arena, &document, 1, NULL, &set) != DG_OK) {
        return;
    }

    dg_policy_decide(set, &request, &a);
    dg_policy_explain(set, &request, NULL, NULL, &b);
    require(a.effect == b.effect && a.statement == b.statement);
    require(a.effect != DG_POLICY_UNKNOWN);
    require(dg_policy_form(policy) <= DG_POLICY_RESOURCE
            || a.effect != DG_POLICY_ALLOW);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dg_arena_t           arena;
    dg_diag_t            diag = { 0, 0, "" };
    unsigned             errors = 0;
    const dg_policy_t   *policy;
    dg_policy_options_t  options = { .report = report,
                                     .report_ctx = &errors };
    dg_err_t             err;

    if (size == 0) {
        return 0;
    }

    options.form = (dg_policy_form_t) (data[0] % DG_POLICY_FORMS);
    dg_arena_init(&arena, block, sizeof(block));
    err = dg_policy_load(&arena, dg_span(data + 1, size - 1), &options, &diag,
                         &policy);

    require((err == DG_OK) == (errors == 0));
    require((err == DG_OK) == (diag.text[0] == '\0'));

    if (err == DG_OK) {
        decide(&arena, policy);
    }

    return 0;
}


