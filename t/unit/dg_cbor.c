/*
 * CBOR to a visitor: what it tells, in pieces of every size; what is
 * refused; limits; what our writer writes is read back.
 */

#include "dg_cbor.h"
#include "dg_cbor_write.h"
#include "dg_codec.h"

#include "tap.h"

#include <stdlib.h>

typedef struct {
    dg_writer_t  w;
    unsigned     calls;
    unsigned     stop_at;   /* the call that fails; 0: none */
} log_t;

static char     text_log[65536];
static uint8_t  memory[1024 * 1024];


static dg_err_t
say(void *ctx, const char *what, dg_span_t text)
{
    log_t  *l = ctx;

    dg_write_cstr(&l->w, what);
    dg_write_span(&l->w, text);
    dg_write_char(&l->w, ' ');

    return ++l->calls == l->stop_at ? DG_ERR_MISMATCH : DG_OK;
}


static dg_err_t say_null(void *c) { return say(c, "null", DG_SPAN_EMPTY); }
static dg_err_t say_bool(void *c, bool v)
    { return say(c, v ? "true" : "false", DG_SPAN_EMPTY); }
static dg_err_t say_number(void *c, dg_span_t s) { return say(c, "#", s); }
static dg_err_t say_string(void *c, dg_span_t s) { return say(c, "'", s); }
static dg_err_t say_bytes(void *c, dg_span_t s) { return say(c, "b", s); }
static dg_err_t say_time(void *c, dg_span_t s) { return say(c, "t", s); }
static dg_err_t say_key(void *c, dg_span_t s) { return say(c, "=", s); }
static dg_err_t say_object(void *c) { return say(c, "{", DG_SPAN_EMPTY); }
static dg_err_t say_object_end(void *c)
    { return say(c, "}", DG_SPAN_EMPTY); }
static dg_err_t say_array(void *c) { return say(c, "[", DG_SPAN_EMPTY); }
static dg_err_t say_array_end(void *c) { return say(c, "]", DG_SPAN_EMPTY); }

static const dg_visitor_t  visitor = {
    .on_null = say_null, .on_bool = say_bool, .on_number = say_number,
    .on_string = say_string, .on_bytes = say_bytes,
    .on_timestamp = say_time, .on_object_start = say_object,
    .on_key = say_key, .on_object_end = say_object_end,
    .on_array_start = say_array, .on_array_end = say_array_end
};


/* Each piece is in memory of its own, so that a stale span is seen. */
static dg_err_t
read_pieces(dg_span_t data, size_t piece, const dg_cbor_limits_t *limits,
    log_t *log)
{
    dg_arena_t         arena;
    dg_cbor_reader_t  *r;
    dg_err_t           err = DG_OK;

    log->w = dg_writer(text_log, sizeof(text_log));
    log->calls = 0;
    dg_arena_init(&arena, memory, sizeof(memory));
    r = dg_cbor_reader_create(&arena, &visitor, log, limits);

    for (size_t i = 0; err == DG_OK && i < data.len; i += piece) {
        dg_span_t   part = dg_span_slice(data, i, i + piece);
        uint8_t    *copy = malloc(part.len);

        memcpy(copy, part.data, part.len);
        err = dg_cbor_reader_feed(r, dg_span(copy, part.len));
        free(copy);
    }

    if (err == DG_OK) {
        err = dg_cbor_reader_finish(r);
    }

    if (err != DG_OK && (dg_cbor_reader_feed(r, DG_SPAN("\x00")) != err
                         || dg_cbor_reader_finish(r) != err))
    {
        ok(false, "the error stays");
    }

    return err;
}


static dg_span_t
from_hex(const char *hex)
{
    static uint8_t  data[4096];
    size_t          len = strlen(hex) / 2;

    if (dg_hex_decode(dg_span_cstr(hex), data, len) != DG_OK) {
        ok(false, "hex: %s", hex);
    }

    return dg_span(data, len);
}


static void
told(void)
{
    /* many of them from RFC 8949 appendix A */
    static const struct {
        const char  *hex;
        const char  *said;
    } cases[] = {
        { "00", "#0 " }, { "17", "#23 " }, { "1818", "#24 " },
        { "1903e8", "#1000 " }, { "1a000f4240", "#1000000 " },
        { "1bffffffffffffffff", "#18446744073709551615 " },
        { "3bffffffffffffffff", "#-18446744073709551616 " },
        { "20", "#-1 " }, { "3863", "#-100 " }, { "3903e7", "#-1000 " },
        { "3a7fffffff", "#-2147483648 " },
        { "f90000", "#0 " }, { "f98000", "#-0 " }, { "f93c00", "#1 " },
        { "fb3ff199999999999a", "#1.1 " }, { "f93e00", "#1.5 " },
        { "f97bff", "#65504 " }, { "fa47c35000", "#100000 " },
        { "fb7e37e43c8800759c", "#1e+300 " },
        { "f90001", "#5.9604644775390625e-08 " }, { "f9c400", "#-4 " },
        { "fa3dcccccd", "#0.10000000149011612 " },
        { "f4", "false " }, { "f5", "true " }, { "f6", "null " },
        { "f7", "null " },
        { "c11a514b67b0", "t1363896240 " },
        { "c1fb41d452d9ec200000", "t1363896240.5 " }, { "c120", "t-1 " },
        { "d80100", "t0 " },
        { "40", "b " }, { "4401020304", "b\x01\x02\x03\x04 " },
        { "60", "' " }, { "6161", "'a " }, { "62225c", "'\"\\ " },
        { "62c3bc", "'\xc3\xbc " }, { "64f0908591", "'\xf0\x90\x85\x91 " },
        { "7803616263", "'abc " }, { "7b0000000000000003616263", "'abc " },
        { "80", "[ ] " }, { "83010203", "[ #1 #2 #3 ] " },
        { "8301820203820405", "[ #1 [ #2 #3 ] [ #4 #5 ] ] " },
        { "a0", "{ } " }, { "a26161016162820203",
          "{ =a #1 =b [ #2 #3 ] } " },
        { "826161a161626163", "[ 'a { =b 'c } ] " },
        { "5f42010243030405ff", "b\x01\x02\x03\x04\x05 " },
        { "7f657374726561646d696e67ff", "'streaming " },
        { "7fff", "' " }, { "5fff", "b " }, { "7f60ff", "' " },
        { "9fff", "[ ] " }, { "bfff", "{ } " },
        { "9f018202039f0405ffff", "[ #1 [ #2 #3 ] [ #4 #5 ] ] " },
        { "83018202039f0405ff", "[ #1 [ #2 #3 ] [ #4 #5 ] ] " },
        { "bf61610161629f0203ffff", "{ =a #1 =b [ #2 #3 ] } " },
        { "bf6346756ef563416d7421ff", "{ =Fun true =Amt #-2 } " },
        { "bf7f61616162ff01ff", "{ =ab #1 } " },
        { "a1617881a1617880", "{ =x [ { =x [ ] } ] } " },
        { "828080", "[ [ ] [ ] ] " }, { "8181818180",
          "[ [ [ [ [ ] ] ] ] ] " },
        { "a260016161a0", "{ = #1 =a { } } " },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dg_span_t  data = from_hex(cases[i].hex);
        log_t      log = { 0 };

        for (size_t piece = data.len; piece > 0; piece--) {
            dg_err_t  err = read_pieces(data, piece, NULL, &log);

            if (err != DG_OK || piece == data.len
                || !dg_span_equal(dg_written(&log.w),
                                  dg_span_cstr(cases[i].said)))
            {
                is_int(err, DG_OK, "%s in pieces of %zu", cases[i].hex,
                       piece);
                is_text(dg_written(&log.w), cases[i].said, "is told");
            }
        }
    }
}


static void
refused(void)
{
    static const struct {
        const char  *hex;
        dg_err_t     err;
        const char  *name;
    } cases[] = {
        { "", DG_ERR_SYNTAX, "nothing" },
        { "0000", DG_ERR_SYNTAX, "a second value" },
        { "a000", DG_ERR_SYNTAX, "a second value after a map" },
        { "18", DG_ERR_SYNTAX, "a cut head" },
        { "1b00000000000000", DG_ERR_SYNTAX, "a cut long head" },
        { "6261", DG_ERR_SYNTAX, "a cut string" },
        { "8201", DG_ERR_SYNTAX, "an item too few" },
        { "a16161", DG_ERR_SYNTAX, "a key without value" },
        { "9f01", DG_ERR_SYNTAX, "no break" },
        { "7f6161", DG_ERR_SYNTAX, "no break of a string" },
        { "1c", DG_ERR_SYNTAX, "reserved 28" },
        { "7d", DG_ERR_SYNTAX, "reserved 29" },
        { "fe", DG_ERR_SYNTAX, "reserved 30" },
        { "1f", DG_ERR_SYNTAX, "an integer without length" },
        { "3f", DG_ERR_SYNTAX, "a negative one" },
        { "df00", DG_ERR_SYNTAX, "a tag without length" },
        { "ff", DG_ERR_SYNTAX, "a break alone" },
        { "81ff", DG_ERR_SYNTAX, "a break in a definite array" },
        { "bf6161ff", DG_ERR_SYNTAX, "a break for a value" },
        { "9fc1ff", DG_ERR_SYNTAX, "a break after a tag" },
        { "7f4161ff", DG_ERR_SYNTAX, "bytes as a chunk of text" },
        { "5f6161ff", DG_ERR_SYNTAX, "text as a chunk of bytes" },
        { "7f7f6161ffff", DG_ERR_SYNTAX, "chunks in chunks" },
        { "7f01ff", DG_ERR_SYNTAX, "a number as a chunk" },
        { "7fa0ff", DG_ERR_SYNTAX, "a map as a chunk" },
        { "7fc161ff", DG_ERR_SYNTAX, "a tag as a chunk" },
        { "61ff", DG_ERR_SYNTAX, "no UTF-8" },
        { "62c080", DG_ERR_SYNTAX, "overlong UTF-8" },
        { "63eda080", DG_ERR_SYNTAX, "a surrogate" },
        { "7f61c361bcff", DG_ERR_SYNTAX, "a character in two chunks" },
        { "a161ff01", DG_ERR_SYNTAX, "a key that is no UTF-8" },
        { "a10102", DG_ERR_INVALID, "an integer key" },
        { "a1410102", DG_ERR_INVALID, "a byte string as key" },
        { "a15f4101ff02", DG_ERR_INVALID, "the same in chunks" },
        { "a18002", DG_ERR_INVALID, "an array as key" },
        { "a1f602", DG_ERR_INVALID, "null as key" },
        { "a1c10102", DG_ERR_INVALID, "a tag as key" },
        { "a1610002", DG_ERR_INVALID, "a NUL in a key" },
        { "a2616101616102", DG_ERR_INVALID, "a key twice" },
        { "bf6161017f6161ff02ff", DG_ERR_INVALID, "once in chunks" },
        { "f97e00", DG_ERR_INVALID, "NaN" },
        { "f97c00", DG_ERR_INVALID, "infinity" },
        { "fbfff0000000000000", DG_ERR_INVALID, "minus infinity" },
        { "c1f97e00", DG_ERR_INVALID, "a time that is NaN" },
        { "c001", DG_ERR_UNSUPPORTED, "tag 0" },
        { "c24101", DG_ERR_UNSUPPORTED, "tag 2, a bignum" },
        { "d9d9f700", DG_ERR_UNSUPPORTED, "tag 55799" },
        { "c1c100", DG_ERR_UNSUPPORTED, "tag 1 twice" },
        { "c16161", DG_ERR_UNSUPPORTED, "tag 1 of a text" },
        { "c1f6", DG_ERR_UNSUPPORTED, "tag 1 of null" },
        { "c17f6161ff", DG_ERR_UNSUPPORTED, "tag 1 of chunks" },
        { "c180", DG_ERR_UNSUPPORTED, "tag 1 of an array" },
        { "e0", DG_ERR_UNSUPPORTED, "simple 0" },
        { "f820", DG_ERR_UNSUPPORTED, "simple 32" },
        { "5bffffffffffffffff", DG_ERR_LIMIT, "2^64 - 1 bytes" },
        { "7bfffffffffffffff8", DG_ERR_LIMIT, "text of nearly 2^64" },
        { "9bffffffffffffffff", DG_ERR_LIMIT, "2^64 - 1 items" },
        { "bbffffffffffffffff", DG_ERR_LIMIT, "2^64 - 1 members" },
        { "bb8000000000000000", DG_ERR_LIMIT, "2^63 members" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dg_span_t  data = from_hex(cases[i].hex);
        log_t      log = { 0 };

        is_int(read_pieces(data, data.len + 1, NULL, &log), cases[i].err,
               "refused: %s", cases[i].name);
        is_int(read_pieces(data, 1, NULL, &log), cases[i].err,
               "byte by byte");
    }
}


static void
limits(void)
{
    const dg_cbor_limits_t  l = {
        .depth = 2, .text = 12, .string = 3, .values = 4, .members = 2
    };
    static const struct {
        const char  *hex;
        dg_err_t     err;
    } cases[] = {
        { "818101", DG_OK }, { "818180", DG_ERR_LIMIT },
        { "9f9f9fffffff", DG_ERR_LIMIT }, { "81a16161a0", DG_ERR_LIMIT },
        { "63616263", DG_OK }, { "6461626364", DG_ERR_LIMIT },
        { "7f6161626263ff", DG_OK }, { "7f616163626364ff", DG_ERR_LIMIT },
        { "4401020304", DG_ERR_LIMIT },
        { "83010203", DG_OK }, { "8401020304", DG_ERR_LIMIT },
        { "9f010203ff", DG_OK }, { "9f01020304ff", DG_ERR_LIMIT },
        { "a2616101616202", DG_OK }, { "a3", DG_ERR_LIMIT },
        { "bf616101616202616303ff", DG_ERR_LIMIT },
        { "7f60606060606060606060ff", DG_OK },
        { "7f6060606060606060606060ff", DG_ERR_LIMIT },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dg_span_t  data = from_hex(cases[i].hex);
        log_t      log = { 0 };

        is_int(read_pieces(data, data.len, &l, &log), cases[i].err, "%s",
               cases[i].hex);
        is_int(read_pieces(data, 1, &l, &log), cases[i].err,
               "byte by byte");
    }
}


static void
callbacks_stop(void)
{
    dg_span_t  data = from_hex("bf616182f5f6616261736163410161"
                               "64c10061659fff6166a0ff");
    unsigned   wrong = 0;
    log_t      all = { 0 };

    is_int(read_pieces(data, data.len, NULL, &all), DG_OK, "all is told");
    is_text(dg_written(&all.w), "{ =a [ true null ] =b 's =c b\x01 =d t0 "
            "=e [ ] =f { } } ", "in order");

    for (unsigned call = 1; call <= all.calls; call++) {
        log_t  log = { .stop_at = call };

        if (read_pieces(data, data.len, NULL, &log) != DG_ERR_MISMATCH
            || log.calls != call)
        {
            wrong++;
        }
    }

    is_int(wrong, 0, "each of %u callbacks stops the reader", all.calls);
}


static void
write_all(dg_writer_t *w)
{
    dg_cbor_write_map(w, 4);
    dg_cbor_write_text(w, DG_SPAN("__type"));
    dg_cbor_write_text(w, DG_SPAN("a#b"));
    dg_cbor_write_text(w, DG_SPAN("l"));
    dg_cbor_write_array(w, 8);
    dg_cbor_write_int(w, -1);
    dg_cbor_write_int(w, INT64_MIN);
    dg_cbor_write_uint(w, UINT64_MAX);
    dg_cbor_write_double(w, 1.5);
    dg_cbor_write_bool(w, true);
    dg_cbor_write_null(w);
    dg_cbor_write_bytes(w, DG_SPAN("xyz"));
    dg_cbor_write_text(w, DG_SPAN("a\xff" "b\xc3"));
    dg_cbor_write_text(w, DG_SPAN("t"));
    dg_cbor_write_open_array(w);
    dg_cbor_write_timestamp(w, 1363896240000);
    dg_cbor_write_timestamp(w, 1363896240500);
    dg_cbor_write_break(w);
    dg_cbor_write_text(w, DG_SPAN("o"));
    dg_cbor_write_open_map(w);
    dg_cbor_write_break(w);
}


static void
written(void)
{
    static const char  want[] =
        "{ =__type 'a#b =l [ #-1 #-9223372036854775808 "
        "#18446744073709551615 #1.5 true null bxyz "
        "'a\xef\xbf\xbd" "b\xef\xbf\xbd ] =t [ t1363896240 t1363896240.5 ] "
        "=o { } } ";
    uint8_t            data[256];
    dg_writer_t        w = dg_writer(data, sizeof(data));
    log_t              log = { 0 };
    size_t             len;

    write_all(&w);
    ok(!w.overflow, "it fits");
    is_int(read_pieces(dg_written(&w), 1000, NULL, &log), DG_OK,
           "what was written is read");
    is_text(dg_written(&log.w), want, "and tells the same");

    len = w.len;
    w = dg_writer(data, len - 1);
    write_all(&w);
    ok(w.overflow, "with a byte less it does not fit");
}


static void
numbers(void)
{
    static const struct {
        const char  *text;
        const char  *hex;   /* NULL: refused */
    } cases[] = {
        { "0", "00" }, { "-1", "20" }, { "3600.0", "190e10" },
        { "1.5", "fb3ff8000000000000" },
        { "1e400", "fb7ff0000000000000" },
        { "nan", NULL }, { "", NULL }, { "1x", NULL }, { "-", NULL },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t      data[16];
        dg_writer_t  w = dg_writer(data, sizeof(data));
        dg_err_t     err;

        err = dg_cbor_write_number(&w, dg_span_cstr(cases[i].text));
        is_int(err, cases[i].hex ? DG_OK : DG_ERR_INVALID, "number \"%s\"",
               cases[i].text);
        is_span(dg_written(&w), cases[i].hex ? from_hex(cases[i].hex)
                                             : DG_SPAN_EMPTY, "its bytes");
    }
}


static void
memory_runs_out(void)
{
    dg_span_t  data = from_hex("bf6161818181818181818181818181818181818180"
                               "61627f6163ff6163a16164a16165a0ff");
    unsigned   failures = 0;

    for (size_t size = 0; size < sizeof(memory); size += 64) {
        dg_arena_t         arena;
        log_t              log = { .w = dg_writer(text_log, 10) };
        dg_err_t           err = DG_OK;
        uint8_t           *block = malloc(size + 1);
        dg_cbor_reader_t  *r;

        dg_arena_init(&arena, block, size);
        r = dg_cbor_reader_create(&arena, &visitor, &log, NULL);

        for (size_t i = 0; r && err == DG_OK && i < data.len; i++) {
            err = dg_cbor_reader_feed(r, dg_span_slice(data, i, i + 1));
        }

        free(block);

        if (r != NULL && err == DG_OK) {
            break;
        }

        if (r != NULL && err != DG_ERR_MEMORY) {
            ok(false, "%zu bytes gave %s", size, dg_err_text(err));
        }

        failures++;
    }

    ok(failures > 5, "too little memory %u times, then enough", failures);
}


int
main(void)
{
    told();
    refused();
    limits();
    callbacks_stop();
    written();
    numbers();
    memory_runs_out();

    return done_testing();
}
