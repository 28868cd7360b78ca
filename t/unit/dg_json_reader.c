/*
 * JSON to a visitor: what it tells, in pieces of every size, limits,
 * duplicate names, errors of callbacks, memory that runs out.
 */

#include "dg_json.h"

#include "tap.h"

#include <stdlib.h>

typedef struct {
    dg_writer_t  w;
    unsigned     calls;
    unsigned     stop_at;   /* the call that fails; 0: none */
} log_t;

static char     text_log[65536];
static uint8_t  memory[4 * 1024 * 1024];


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
static dg_err_t say_key(void *c, dg_span_t s) { return say(c, "=", s); }
static dg_err_t say_object(void *c) { return say(c, "{", DG_SPAN_EMPTY); }
static dg_err_t say_object_end(void *c)
    { return say(c, "}", DG_SPAN_EMPTY); }
static dg_err_t say_array(void *c) { return say(c, "[", DG_SPAN_EMPTY); }
static dg_err_t say_array_end(void *c) { return say(c, "]", DG_SPAN_EMPTY); }

static const dg_visitor_t  visitor = {
    .on_null = say_null, .on_bool = say_bool, .on_number = say_number,
    .on_string = say_string, .on_object_start = say_object,
    .on_key = say_key, .on_object_end = say_object_end,
    .on_array_start = say_array, .on_array_end = say_array_end
};


/* Each piece is in memory of its own, so that a stale span is seen. */
static dg_err_t
read_pieces(dg_span_t text, size_t piece, const dg_json_limits_t *limits,
    log_t *log, size_t *offset)
{
    dg_arena_t         arena;
    dg_json_reader_t  *r;
    dg_err_t           err = DG_OK, again;

    log->w = dg_writer(text_log, sizeof(text_log));
    log->calls = 0;
    dg_arena_init(&arena, memory, sizeof(memory));
    r = dg_json_reader_create(&arena, &visitor, log, limits);

    for (size_t i = 0; err == DG_OK && i < text.len; i += piece) {
        dg_span_t   part = dg_span_slice(text, i, i + piece);
        uint8_t    *copy = malloc(part.len);

        memcpy(copy, part.data, part.len);
        err = dg_json_reader_feed(r, dg_span(copy, part.len));
        free(copy);
    }

    if (err == DG_OK) {
        err = dg_json_reader_finish(r);
    }

    if (err != DG_OK) {
        again = dg_json_reader_feed(r, DG_SPAN("1"));

        if (again != err || dg_json_reader_finish(r) != err) {
            ok(false, "the error stays");
        }
    }

    *offset = dg_json_reader_offset(r);
    return err;
}


static void
told(void)
{
    static const char  text[] =
        "{\"name\":\"v\\u00e9\\\"\xe2\x82\xac\",\"list\":[1,-2.50e3,true,"
        "false,null,\"\"],\"o\":{\"a\":{},\"\\u0062\":[[]]}}";
    static const char  want[] =
        "{ =name 'v\xc3\xa9\"\xe2\x82\xac =list [ #1 #-2.50e3 true false "
        "null ' ] =o { =a { } =b [ [ ] ] } } ";
    unsigned           wrong = 0;
    log_t              log = { 0 };
    size_t             offset;

    is_int(read_pieces(dg_span_cstr(text), sizeof(text), NULL, &log,
                       &offset), DG_OK, "whole");
    is_text(dg_written(&log.w), want, "told");

    for (size_t piece = 1; piece < sizeof(text); piece++) {
        if (read_pieces(dg_span_cstr(text), piece, NULL, &log, &offset)
            != DG_OK || !dg_span_equal(dg_written(&log.w),
                                       dg_span_cstr(want)))
        {
            wrong++;
        }
    }

    is_int(wrong, 0, "the same in pieces of every size");
}


/* Long strings, escapes and numbers among small pieces. */
static void
long_tokens(void)
{
    static char  text[40000], want[sizeof(text_log)];
    size_t       len = 0, want_len, offset;
    unsigned     wrong = 0;
    log_t        log = { 0 };

    text[len++] = '[';

    for (unsigned i = 1; i <= 12; i++) {
        len += (size_t) snprintf(text + len, sizeof(text) - len,
                                 "{\"k%u\\n\":\"\\u20ac", i);
        memset(text + len, 'a' + (int) i, i * 300);
        len += i * 300;
        len += (size_t) snprintf(text + len, sizeof(text) - len,
                                 "\\\\\"},%s1%0*u%s", i % 2 ? "" : "  ",
                                 (int) i * 40, i, i < 12 ? "," : "]");
    }

    is_int(read_pieces(dg_span(text, len), len, NULL, &log, &offset), DG_OK,
           "long tokens, whole");
    want_len = log.w.len;
    memcpy(want, text_log, want_len);

    for (size_t piece = 1; piece < 3000; piece += 1 + piece / 9) {
        wrong += read_pieces(dg_span(text, len), piece, NULL, &log, &offset)
                 != DG_OK
                 || !dg_span_equal(dg_written(&log.w),
                                   dg_span(want, want_len));
        text[len - 1] = '!';
        wrong += read_pieces(dg_span(text, len), piece, NULL, &log, &offset)
                 != DG_ERR_SYNTAX;
        text[len - 1] = '\xff';
        wrong += read_pieces(dg_span(text, len), piece, NULL, &log, &offset)
                 != DG_ERR_SYNTAX || offset != len - 1;
        text[len - 1] = ']';
    }

    is_int(wrong, 0, "the same in pieces, and what is wrong is found");
}


/* Would take hours if each byte made yajl read the string again. */
static void
one_long_string(void)
{
    enum { LENGTH = 1500000 };

    static uint8_t     block[32 * 1024 * 1024];
    dg_arena_t         arena;
    log_t              log = { .w = dg_writer(text_log, 10) };
    dg_json_reader_t  *r;
    dg_err_t           err;

    dg_arena_init(&arena, block, sizeof(block));
    r = dg_json_reader_create(&arena, &visitor, &log, NULL);
    err = dg_json_reader_feed(r, DG_SPAN("\""));

    for (unsigned i = 0; err == DG_OK && i < LENGTH; i++) {
        err = dg_json_reader_feed(r, DG_SPAN("x"));
    }

    if (err == DG_OK) {
        err = dg_json_reader_feed(r, DG_SPAN("\""));
    }

    is_int(err, DG_OK, "a long string byte by byte");
    is_int(dg_json_reader_finish(r), DG_OK, "is finished");
    is_int(log.calls, 1, "and told once");
}


static void
callbacks_stop(void)
{
    dg_span_t  text = DG_SPAN("{\"a\":[1,true,null,\"s\"],\"b\":{}}");
    unsigned   wrong = 0;

    for (unsigned call = 1; call <= 12; call++) {
        log_t   log = { .stop_at = call };
        size_t  offset;

        if (read_pieces(text, text.len, NULL, &log, &offset)
            != DG_ERR_MISMATCH || log.calls != call)
        {
            wrong++;
        }
    }

    is_int(wrong, 0, "each of 12 callbacks stops the reader");
}


/* An object of `count` names, of which the last is `last`. */
static dg_span_t
object_of(unsigned count, const char *last, char *text, size_t size)
{
    int  len = snprintf(text, size, "{");

    for (unsigned i = 0; i + 1 < count; i++) {
        len += snprintf(text + len, size - (size_t) len, "\"name%u\":1,", i);
    }

    len += snprintf(text + len, size - (size_t) len, "\"%s\":1}", last);
    return dg_span(text, (size_t) len);
}


static void
duplicates(void)
{
    static const unsigned  counts[] = { 2, 7, 8, 9, 10, 16, 17, 33, 100,
                                        2000 };
    static char            text[65536];
    dg_json_limits_t       limits = dg_json_limits_default;

    limits.values = 10000;

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        log_t     log = { 0 };
        size_t    offset;
        char      escaped[64];
        unsigned  middle = (counts[i] - 1) / 2;

        is_int(read_pieces(object_of(counts[i], "other", text, sizeof(text)),
                           sizeof(text), &limits, &log, &offset),
               DG_OK, "%u different names", counts[i]);
        is_int(read_pieces(object_of(counts[i], "name0", text, sizeof(text)),
                           sizeof(text), &limits, &log, &offset),
               DG_ERR_INVALID, "the first of %u again", counts[i]);

        snprintf(escaped, sizeof(escaped), "\\u006eame%u", middle);

        if (middle + 1 < counts[i]) {
            is_int(read_pieces(object_of(counts[i], escaped, text,
                                         sizeof(text)),
                               7, &limits, &log, &offset),
                   DG_ERR_INVALID, "the middle one of %u, escaped",
                   counts[i]);
        }
    }
}


static void
names_of_others(void)
{
    log_t   log = { 0 };
    size_t  offset;

    is_int(read_pieces(DG_SPAN("{\"a\":{\"a\":{\"a\":1},\"b\":1},\"b\":"
                               "[{\"a\":1},{\"a\":1}],\"\":1}"),
                       100, NULL, &log, &offset),
           DG_OK, "the same name in other objects");
    is_int(read_pieces(DG_SPAN("{\"a\":{\"a\":1},\"b\":2,\"a\":3}"), 100,
                       NULL, &log, &offset),
           DG_ERR_INVALID, "again after an inner object");
    is_int(read_pieces(DG_SPAN("{\"\":1,\"\":2}"), 100, NULL, &log, &offset),
           DG_ERR_INVALID, "the empty name twice");
    is_int(read_pieces(DG_SPAN("{\"a\\u0000b\":1}"), 100, NULL, &log,
                       &offset),
           DG_ERR_SYNTAX, "a NUL in a name");
    is_int(read_pieces(DG_SPAN("[\"a\\u0000b\"]"), 100, NULL, &log, &offset),
           DG_OK, "but not in a string");
}


static void
offsets(void)
{
    log_t   log = { 0 };
    size_t  offset;

    is_int(read_pieces(DG_SPAN("[1,2,\xff"), 3, NULL, &log, &offset),
           DG_ERR_SYNTAX, "a bad byte");
    is_int(offset, 5, "its place");
    is_int(read_pieces(DG_SPAN("[1,2,"), 3, NULL, &log, &offset),
           DG_ERR_SYNTAX, "incomplete");
    is_int(offset, 5, "the end");
    is_int(read_pieces(DG_SPAN("{\"a\":1,\"a\":2,\xff"), 100, NULL, &log,
                       &offset),
           DG_ERR_INVALID, "what comes first is judged first");
    is_int(offset, 10, "after the name");
    is_text(dg_written(&log.w), "{ =a #1 ", "and not told");
}


static void
limits(void)
{
    const dg_json_limits_t  l = {
        .depth = 2, .text = 12, .string = 3, .values = 4, .members = 2
    };
    static const struct {
        const char  *text;
        dg_err_t     err;
    } cases[] = {
        { "[[1]]", DG_OK }, { "[[[]]]", DG_ERR_LIMIT },
        { "[{\"a\":{}}]", DG_ERR_LIMIT },
        { "\"abc\"", DG_OK }, { "\"abcd\"", DG_ERR_LIMIT },
        { "\"\\u20ac\"", DG_OK }, { "123", DG_OK }, { "1234", DG_ERR_LIMIT },
        { "[1,2,3]", DG_OK }, { "[1,2,3,4]", DG_ERR_LIMIT },
        { "{\"a\":1}", DG_OK },
        { "           1", DG_OK }, { "            1", DG_ERR_LIMIT },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t piece = 1; piece < 20; piece += 9) {
            log_t   log = { 0 };
            size_t  offset;

            is_int(read_pieces(dg_span_cstr(cases[i].text), piece, &l, &log,
                               &offset), cases[i].err,
                   "%s in pieces of %zu", cases[i].text, piece);
        }
    }
}


static void
memory_runs_out(void)
{
    static char  text[8192];
    dg_span_t    object = object_of(300, "n\\u0061me\\n", text,
                                    sizeof(text));
    unsigned     failures = 0;

    for (size_t size = 0; size < sizeof(memory); size += 200) {
        dg_arena_t         arena;
        log_t              log = { .w = dg_writer(text_log, 10) };
        dg_err_t           err = DG_OK;
        uint8_t           *block = malloc(size + 1);
        dg_json_reader_t  *r;

        dg_arena_init(&arena, block, size);
        r = dg_json_reader_create(&arena, &visitor, &log, NULL);

        for (size_t i = 0; r && err == DG_OK && i < object.len; i += 50) {
            err = dg_json_reader_feed(r, dg_span_slice(object, i, i + 50));
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

    ok(failures > 10, "too little memory %u times, then enough", failures);
}


int
main(void)
{
    told();
    long_tokens();
    one_long_string();
    callbacks_stop();
    duplicates();
    names_of_others();
    offsets();
    limits();
    memory_runs_out();

    return done_testing();
}
