/*
 * Reading JSON: the door alone, yajl alone, the reader, the tree; and
 * writing strings.  Bodies of 300 bytes, 2 KB and 64 KB.
 */

#include "bench.h"

#include "dg_json.h"
#include "dg_json_door.h"

#include <yajl/yajl_parse.h>

#define MEMORY  (16 * 1024 * 1024)

typedef struct {
    dg_span_t  text;
    uint8_t   *memory;
} body_t;


static dg_err_t
ignore(void *ctx)
{
    (void) ctx;
    return DG_OK;
}


static dg_err_t
ignore_bool(void *ctx, bool value)
{
    (void) ctx;
    (void) value;
    return DG_OK;
}


static dg_err_t
ignore_text(void *ctx, dg_span_t text)
{
    (void) ctx;
    (void) text;
    return DG_OK;
}


static const dg_visitor_t  visitor = {
    .on_null = ignore, .on_bool = ignore_bool, .on_number = ignore_text,
    .on_string = ignore_text, .on_object_start = ignore,
    .on_key = ignore_text, .on_object_end = ignore, .on_array_start = ignore,
    .on_array_end = ignore
};


static void
run_door(void *ctx)
{
    body_t          *b = ctx;
    dg_json_door_t   door;

    dg_json_door_init(&door);

    if (dg_json_door_pass(&door, b->text) != b->text.len) {
        abort();
    }
}


static int
yajl_one(void *c)
{
    (void) c;
    return 1;
}


static int
yajl_bool(void *c, int v)
{
    (void) c;
    (void) v;
    return 1;
}


static int
yajl_chars(void *c, const char *s, size_t n)
{
    (void) c;
    (void) s;
    (void) n;
    return 1;
}


static int
yajl_bytes(void *c, const unsigned char *s, size_t n)
{
    (void) c;
    (void) s;
    (void) n;
    return 1;
}


static void
run_yajl(void *ctx)
{
    static const yajl_callbacks  callbacks = {
        .yajl_null = yajl_one, .yajl_boolean = yajl_bool,
        .yajl_number = yajl_chars, .yajl_string = yajl_bytes,
        .yajl_start_map = yajl_one, .yajl_map_key = yajl_bytes,
        .yajl_end_map = yajl_one, .yajl_start_array = yajl_one,
        .yajl_end_array = yajl_one
    };
    body_t                      *b = ctx;
    yajl_handle                  handle = yajl_alloc(&callbacks, NULL, NULL);

    if (yajl_parse(handle, b->text.data, b->text.len) != yajl_status_ok
        || yajl_complete_parse(handle) != yajl_status_ok)
    {
        abort();
    }

    yajl_free(handle);
}


static void
run_reader(void *ctx)
{
    body_t            *b = ctx;
    dg_arena_t         arena;
    dg_json_reader_t  *reader;

    dg_arena_init(&arena, b->memory, MEMORY);
    reader = dg_json_reader_create(&arena, &visitor, NULL, NULL);

    if (dg_json_reader_feed(reader, b->text) != DG_OK
        || dg_json_reader_finish(reader) != DG_OK)
    {
        abort();
    }
}


static void
run_tree(void *ctx)
{
    body_t           *b = ctx;
    dg_arena_t        arena;
    const dg_json_t  *root;

    dg_arena_init(&arena, b->memory, MEMORY);

    if (dg_json_parse(&arena, b->text, NULL, NULL, &root) != DG_OK) {
        abort();
    }
}


static void
run_write(void *ctx)
{
    body_t       *b = ctx;
    dg_writer_t   w = dg_writer(b->memory, MEMORY);

    dg_json_write_string(&w, b->text);

    if (w.overflow) {
        abort();
    }
}


/* A request like CreateWorkspaces, of about `size` bytes. */
static dg_span_t
make_body(size_t size)
{
    static const char  head[] = "{\"Workspaces\":[";
    static const char  item[] =
        "{\"DirectoryId\":\"d-926722edaf\",\"UserName\":\"CORP\\\\alice\","
        "\"BundleId\":\"wsb-0zsvgp8fc\",\"RootVolumeEncryptionEnabled\":true,"
        "\"Tags\":[{\"Key\":\"team\",\"Value\":\"Stra\xc3\x9f" "e\"}],"
        "\"WorkspaceProperties\":{\"RunningMode\":\"AUTO_STOP\","
        "\"RootVolumeSizeGib\":80}}";
    char              *text = malloc(size + sizeof(item) + 32);
    size_t             len = sizeof(head) - 1;

    memcpy(text, head, len);

    do {
        memcpy(text + len, item, sizeof(item) - 1);
        len += sizeof(item) - 1;
        text[len++] = ',';
    } while (len + sizeof(item) < size);

    memcpy(text + len - 1, "]}", 2);
    return dg_span(text, len + 1);
}


int
main(void)
{
    static const struct {
        const char  *name;
        size_t       size;
    } sizes[] = { { "300", 300 }, { "2k", 2048 }, { "64k", 65536 } };
    static const struct {
        const char  *name;
        bench_pt     run;
    } runs[] = {
        { "door", run_door }, { "yajl", run_yajl }, { "reader", run_reader },
        { "tree", run_tree }, { "write", run_write }
    };
    body_t  b = { .memory = malloc(MEMORY) };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        b.text = make_body(sizes[i].size);

        for (size_t k = 0; k < sizeof(runs) / sizeof(runs[0]); k++) {
            char  name[32];

            snprintf(name, sizeof(name), "json_%s_%s", runs[k].name,
                     sizes[i].name);
            bench(name, runs[k].run, &b);
        }

        free((void *) (uintptr_t) b.text.data);
    }

    free(b.memory);
    return 0;
}
