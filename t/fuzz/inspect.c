/*
 * Targets: dg_inspect_create, dg_inspect_feed, dg_inspect_finish and
 * dg_resource_arns over JSON and CBOR, dg_answer_read.
 *
 * The first byte is the operation (of all services in turn), the second the
 * size of the pieces, the third the mode: bits 0 and 1 validation, bit 2
 * CBOR.  Reading whole and in pieces must end alike, what is recorded must
 * be JSON, and no secret of the input may be in it.
 */

#include "../unit/models.h"

#include "dg_answer.h"
#include "dg_inspect.h"
#include "dg_json.h"

#include <stdlib.h>

static const dg_service_t  *services[4];
static uint8_t              first[24 * 1024 * 1024];
static uint8_t              second[24 * 1024 * 1024];
static uint8_t              tree[32 * 1024 * 1024];


static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}


static void
load(void)
{
    static dg_arena_t  arena;

    dg_arena_init(&arena, models_memory, sizeof(models_memory));
    services[0] = models_load(&arena, "workspaces");
    services[1] = models_load(&arena, "workspaces-instances");
    services[2] = models_load(&arena, "ssm-guiconnect");
    services[3] = models_load(&arena, "dcv-session-manager");
}


static const dg_operation_t *
choose(size_t n)
{
    size_t  i, total = 0;

    for (i = 0; i < 4; i++) {
        total += services[i]->operation_count;
    }

    n %= total;

    for (i = 0; n >= services[i]->operation_count; i++) {
        n -= services[i]->operation_count;
    }

    return &services[i]->operations[n];
}


static dg_refusal_t
inspect(uint8_t *memory, size_t size, const dg_call_t *call, dg_span_t body,
    size_t piece, dg_validate_t validate, const dg_inspection_t **result)
{
    dg_inspect_options_t  options = { .validate = validate };
    dg_request_t          request = { DG_SPAN("POST"), DG_SPAN("/"), NULL, 0 };
    dg_arena_t            arena;
    dg_inspect_t         *in;
    dg_refusal_t          refusal = DG_ALLOWED;
    const dg_resource_t  *resources;
    size_t                count, at;

    dg_arena_init(&arena, memory, size);
    in = dg_inspect_create(&arena, &options, call, &request);
    require(in != NULL);

    for (at = 0; refusal == DG_ALLOWED && at < body.len; at += piece) {
        refusal = dg_inspect_feed(in, dg_span_slice(body, at, at + piece));
    }

    refusal = dg_inspect_finish(in, result);

    if (refusal == DG_ALLOWED) {
        require(dg_resource_arns(&arena, call->operation, *result,
                                 DG_SPAN("aws"), DG_SPAN("r"), DG_SPAN("1"),
                                 &resources, &count) == DG_OK);
    }

    return refusal;
}


static void
check_json(dg_span_t text)
{
    const dg_json_t  *root;
    dg_arena_t        arena;

    if (text.len != 0) {
        dg_arena_init(&arena, tree, sizeof(tree));
        require(dg_json_parse(&arena, text, NULL, NULL, &root) == DG_OK);
    }
}


static void
check_answer(const dg_call_t *call, dg_span_t body)
{
    dg_header_t         cbor = { DG_SPAN("content-type"),
                                 DG_SPAN("application/cbor") };
    dg_answer_source_t  source = { .status = 200, .headers = &cbor,
                                   .body = body };
    dg_answer_t         answer;
    dg_arena_t          arena;

    source.header_count = call->protocol == DG_PROTOCOL_RPC_V2_CBOR;

    dg_arena_init(&arena, first, sizeof(first));
    require(dg_answer_read(&arena, call, &source, &answer) == DG_OK);
    check_json(answer.elements);

    source.status = 400;
    dg_arena_init(&arena, first, sizeof(first));
    require(dg_answer_read(&arena, call, &source, &answer) == DG_OK);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const dg_inspection_t  *whole, *pieces;
    dg_call_t               call = { .service = NULL };
    dg_span_t               body;
    dg_validate_t           validate;
    dg_refusal_t            refusal;

    if (services[0] == NULL) {
        load();
    }

    if (size < 3) {
        return 0;
    }

    call.operation = choose(data[0]);
    call.service = call.operation->service;
    call.protocol = data[2] & 4 ? DG_PROTOCOL_RPC_V2_CBOR
                                : call.service->protocol;
    validate = (dg_validate_t) ((data[2] & 3) % 3);
    body = dg_span(data + 3, size - 3);

    refusal = inspect(first, sizeof(first), &call, body, body.len + 1,
                      validate, &whole);
    require(inspect(second, sizeof(second), &call, body,
                    (size_t) data[1] + 1, validate, &pieces) == refusal);

    /* how much was seen before the fault of a malformed body may differ */

    require(dg_span_equal(whole->parameters, pieces->parameters));
    require((refusal != DG_ALLOWED && refusal != DG_REFUSE_BODY_INVALID)
            || (whole->value_count == pieces->value_count
                && whole->error_count == pieces->error_count
                && whole->array_from == pieces->array_from
                && whole->array_to == pieces->array_to));
    check_json(whole->parameters);
    check_answer(&call, body);

    return 0;
}
