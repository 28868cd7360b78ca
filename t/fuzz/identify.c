/*
 * Targets: dg_model_identify over the shipped models.
 *
 * The input is lines: the method, the target, then headers "Name: value".
 * An operation is known exactly when the call is allowed, and is one of the
 * service's own.
 */

#include "../unit/models.h"

#include <stdlib.h>

#define HEADERS_MAX  16

static const dg_service_t  *services[4];


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


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dg_span_t     rest = dg_span(data, size), line;
    dg_header_t   headers[HEADERS_MAX];
    dg_request_t  request = { .headers = headers };
    dg_call_t     call;
    dg_refusal_t  refusal;

    if (services[0] == NULL) {
        load();
    }

    if (!dg_span_split(&rest, '\n', &request.method)
        || !dg_span_split(&rest, '\n', &request.target))
    {
        return 0;
    }

    while (request.header_count < HEADERS_MAX
           && dg_span_split(&rest, '\n', &line))
    {
        size_t  colon = dg_span_find(line, ':');

        headers[request.header_count].name = dg_span_slice(line, 0, colon);
        headers[request.header_count++].value =
            dg_span_trim(dg_span_slice(line, colon + 1, line.len));
    }

    refusal = dg_model_identify(services, 4, &request, &call);

    if (refusal == DG_ALLOWED
        && (call.operation == NULL || call.service == NULL
            || dg_model_operation(call.service, call.operation->name)
               != call.operation))
    {
        abort();
    }

    return 0;
}
