/*
 * Loading the models, identifying and inspecting: a CreateWorkspaces call of
 * 300 bytes and one of 64 KiB, and a list of identifiers, beside what yajl
 * alone takes for the same text.  An inspection may cost three times as much
 * as yajl.
 */

#include "../unit/models.h"

#include "bench.h"

#include "dg_inspect.h"

#include <yajl/yajl_parse.h>

#define MEMORY  (4 * 1024 * 1024)
#define LARGE   65536

static const char *const  names[] = {
    "workspaces", "workspaces-instances", "ssm-guiconnect",
    "dcv-session-manager"
};

/* ten identifiers, each of which has a pattern */
static const char  list_body[] =
    "{\"WorkspaceIds\":[\"ws-0a1b2c3d0\",\"ws-0a1b2c3d1\",\"ws-0a1b2c3d2\","
    "\"ws-0a1b2c3d3\",\"ws-0a1b2c3d4\",\"ws-0a1b2c3d5\",\"ws-0a1b2c3d6\","
    "\"ws-0a1b2c3d7\",\"ws-0a1b2c3d8\",\"ws-0a1b2c3d9\"],\"Limit\":10}";

typedef struct {
    const dg_service_t    *services[4];
    dg_header_t            headers[2];
    dg_request_t           request;
    dg_call_t              call;
    dg_inspect_options_t   options;
    dg_span_t              body;
} work_t;

static uint8_t  load_memory[MODELS_MEMORY], memory[MEMORY];
static char     small_body[512], large_body[LARGE + 512];

static const char  item[] =
    "{\"DirectoryId\":\"d-906734a123\",\"UserName\":\"jo.doe\","
    "\"BundleId\":\"wsb-0zsvgp8fc\",\"WorkspaceProperties\":"
    "{\"RunningMode\":\"AUTO_STOP\",\"RootVolumeSizeGib\":80,"
    "\"RunningModeAutoStopTimeoutInMinutes\":60,"
    "\"UserVolumeSizeGib\":50,\"ComputeTypeName\":\"STANDARD\"},"
    "\"Tags\":[{\"Key\":\"team\",\"Value\":\"x1\"}]}";


static void
must(bool done)
{
    if (!done) {
        fprintf(stderr, "a call that is measured failed\n");
        exit(1);
    }
}


static void
load(void *ctx)
{
    dg_arena_t     arena;
    dg_service_t  *service;

    (void) ctx;
    dg_arena_init(&arena, load_memory, sizeof(load_memory));

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        service = models_load(&arena, names[i]);
        dg_model_release(service);
    }
}


static void
identify(void *ctx)
{
    work_t  *work = ctx;

    must(dg_model_identify(work->services, 4, &work->request, &work->call)
         == DG_ALLOWED);
}


static int
ignore(void *ctx)
{
    (void) ctx;
    return 1;
}


static int
ignore_bool(void *ctx, int value)
{
    (void) ctx;
    (void) value;
    return 1;
}


static int
ignore_number(void *ctx, const char *text, size_t len)
{
    (void) ctx;
    (void) text;
    (void) len;
    return 1;
}


static int
ignore_text(void *ctx, const unsigned char *text, size_t len)
{
    (void) ctx;
    (void) text;
    (void) len;
    return 1;
}


static const yajl_callbacks  callbacks = {
    .yajl_null = ignore, .yajl_boolean = ignore_bool,
    .yajl_number = ignore_number, .yajl_string = ignore_text,
    .yajl_start_map = ignore, .yajl_map_key = ignore_text,
    .yajl_end_map = ignore, .yajl_start_array = ignore,
    .yajl_end_array = ignore
};


static void
yajl_alone(void *ctx)
{
    work_t       *work = ctx;
    yajl_handle   yajl = yajl_alloc(&callbacks, NULL, NULL);

    must(yajl_parse(yajl, work->body.data, work->body.len) == yajl_status_ok
         && yajl_complete_parse(yajl) == yajl_status_ok);
    yajl_free(yajl);
}


static void
inspect(void *ctx)
{
    work_t                 *work = ctx;
    dg_arena_t              arena;
    dg_inspect_t           *in;
    const dg_inspection_t  *result;

    dg_arena_init(&arena, memory, sizeof(memory));
    in = dg_inspect_create(&arena, &work->options, &work->call,
                           &work->request);

    must(in != NULL && dg_inspect_feed(in, work->body) == DG_ALLOWED
         && dg_inspect_finish(in, &result) == DG_ALLOWED
         && result->error_count == 0);
}


static dg_span_t
make_body(char *buffer, size_t size)
{
    dg_writer_t  w = dg_writer(buffer, size);

    dg_write_cstr(&w, "{\"Workspaces\":[");

    do {
        if (w.data[w.len - 1] == '}') {
            dg_write_char(&w, ',');
        }

        dg_write_cstr(&w, item);
    } while (w.len + 2 * sizeof(item) < w.cap);

    dg_write_cstr(&w, "]}");
    return dg_written(&w);
}


int
main(void)
{
    work_t      work = { .options = { .validate = DG_VALIDATE_ON } };
    dg_arena_t  arena;

    dg_arena_init(&arena, models_memory, sizeof(models_memory));

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        work.services[i] = models_load(&arena, names[i]);
    }

    work.headers[0] = (dg_header_t) {
        DG_SPAN("X-Amz-Target"), DG_SPAN("WorkspacesService.CreateWorkspaces")
    };
    work.headers[1] = (dg_header_t) {
        DG_SPAN("Content-Type"), DG_SPAN("application/x-amz-json-1.1")
    };
    work.request = (dg_request_t) {
        DG_SPAN("POST"), DG_SPAN("/"), work.headers, 2
    };

    bench("model load of all four", load, NULL);
    bench("identify by target", identify, &work);

    work.body = make_body(small_body, sizeof(small_body));
    identify(&work);
    bench("yajl alone 300", yajl_alone, &work);
    bench("inspect 300", inspect, &work);

    work.headers[0].value = DG_SPAN("WorkspacesService.DescribeWorkspaces");
    work.body = DG_SPAN(list_body);
    identify(&work);
    bench("yajl alone list", yajl_alone, &work);
    bench("inspect list", inspect, &work);

    work.headers[0].value = DG_SPAN("WorkspacesService.CreateWorkspaces");
    identify(&work);

    /* a batch of that size is more than the service takes */
    work.options.validate = DG_VALIDATE_LOG;
    work.body = make_body(large_body, sizeof(large_body));
    ((dg_shape_t *) (uintptr_t) dg_model_member(work.call.operation->input,
        DG_SPAN("Workspaces"))->shape)->max = 1000;
    bench("yajl alone 64K", yajl_alone, &work);
    bench("inspect 64K", inspect, &work);

    work.request.method = DG_SPAN("GET");
    work.request.target = DG_SPAN("/sessionConnectionData/abc/DOMAIN%5Cjo");
    work.request.headers++;
    work.request.header_count--;
    bench("identify by path", identify, &work);

    return 0;
}
