/*
 * Reading CBOR: libcbor's streaming decoder alone, and the reader.  Bodies of
 * 300 bytes, 2 KB and 64 KB.
 */

#include "bench.h"

#include "dg_cbor.h"
#include "dg_cbor_write.h"

#include <cbor.h>

#define MEMORY  (16 * 1024 * 1024)

typedef struct {
    dg_span_t  data;
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
    .on_string = ignore_text, .on_bytes = ignore_text,
    .on_timestamp = ignore_text, .on_object_start = ignore,
    .on_key = ignore_text, .on_object_end = ignore, .on_array_start = ignore,
    .on_array_end = ignore
};


static void
run_libcbor(void *ctx)
{
    body_t    *b = ctx;
    dg_span_t  rest = b->data;

    while (rest.len > 0) {
        struct cbor_decoder_result  r;

        r = cbor_stream_decode(rest.data, rest.len, &cbor_empty_callbacks,
                               NULL);
        if (r.read == 0) {
            abort();
        }

        rest = dg_span_slice(rest, r.read, rest.len);
    }
}


static void
run_reader(void *ctx)
{
    body_t            *b = ctx;
    dg_arena_t         arena;
    dg_cbor_reader_t  *reader;

    dg_arena_init(&arena, b->memory, MEMORY);
    reader = dg_cbor_reader_create(&arena, &visitor, NULL, NULL);

    if (dg_cbor_reader_feed(reader, b->data) != DG_OK
        || dg_cbor_reader_finish(reader) != DG_OK)
    {
        abort();
    }
}


static void
write_item(dg_writer_t *w)
{
    dg_cbor_write_map(w, 5);
    dg_cbor_write_text(w, DG_SPAN("ClientToken"));
    dg_cbor_write_text(w, DG_SPAN("1f0e8bd2-6e4b-4d3f-9d2a-6f1d3f0a9b11"));
    dg_cbor_write_text(w, DG_SPAN("EbsOptimized"));
    dg_cbor_write_bool(w, true);
    dg_cbor_write_text(w, DG_SPAN("VolumeSize"));
    dg_cbor_write_int(w, 175);
    dg_cbor_write_text(w, DG_SPAN("LaunchTime"));
    dg_cbor_write_timestamp(w, 1776000000123);
    dg_cbor_write_text(w, DG_SPAN("Tags"));
    dg_cbor_write_array(w, 1);
    dg_cbor_write_map(w, 2);
    dg_cbor_write_text(w, DG_SPAN("Key"));
    dg_cbor_write_text(w, DG_SPAN("team"));
    dg_cbor_write_text(w, DG_SPAN("Value"));
    dg_cbor_write_text(w, DG_SPAN("Stra\xc3\x9f" "e"));
}


/* A list of launches, of about `size` bytes. */
static dg_span_t
make_body(size_t size)
{
    size_t       room = size + 1024;
    dg_writer_t  w = dg_writer(malloc(room), room);

    dg_cbor_write_map(&w, 1);
    dg_cbor_write_text(&w, DG_SPAN("Launches"));
    dg_cbor_write_open_array(&w);

    do {
        write_item(&w);
    } while (w.len + 64 < size);

    dg_cbor_write_break(&w);
    return dg_written(&w);
}


int
main(void)
{
    static const struct {
        const char  *libcbor;
        const char  *reader;
        size_t       size;
    } runs[] = {
        { "cbor_libcbor_300", "cbor_reader_300", 300 },
        { "cbor_libcbor_2k", "cbor_reader_2k", 2048 },
        { "cbor_libcbor_64k", "cbor_reader_64k", 65536 }
    };
    body_t  b = { .memory = malloc(MEMORY) };

    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        b.data = make_body(runs[i].size);
        bench(runs[i].libcbor, run_libcbor, &b);
        bench(runs[i].reader, run_reader, &b);
        free((void *) (uintptr_t) b.data.data);
    }

    free(b.memory);
    return 0;
}
