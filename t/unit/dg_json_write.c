/*
 * JSON text: escaping, invalid UTF-8, trees, quotes for diagnostics.
 */

#include "dg_json.h"

#include "tap.h"

static char  buffer[4096];


static dg_span_t
string(dg_span_t text)
{
    static dg_writer_t  w;

    w = dg_writer(buffer, sizeof(buffer));
    dg_json_write_string(&w, text);
    return dg_written(&w);
}


static void
strings(void)
{
    is_text(string(DG_SPAN_EMPTY), "\"\"", "empty");
    is_text(string(DG_SPAN("a/b c")), "\"a/b c\"", "plain");
    is_text(string(DG_SPAN("\"\\\b\f\n\r\t")),
            "\"\\\"\\\\\\b\\f\\n\\r\\t\"", "letters");
    is_text(string(DG_SPAN("a\0b\x01\x1f\x7f")),
            "\"a\\u0000b\\u0001\\u001f\\u007f\"", "controls and DEL");
    is_text(string(DG_SPAN("\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e")),
            "\"\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\"", "UTF-8 is kept");
    is_text(string(DG_SPAN("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9")),
            "\"\xe2\x80\xa7\\u2028\\u2029\"", "line separators");
    is_text(string(DG_SPAN("\x80" "a\xc3")), "\"\\ufffda\\ufffd\"",
            "loose bytes");
    is_text(string(DG_SPAN("\xe2\x82x")), "\"\\ufffd\\ufffdx\"",
            "a cut sequence, byte by byte");
    is_text(string(DG_SPAN("\xed\xa0\x80\xc0\xaf\xf5")),
            "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"",
            "surrogate, overlong, too high");
}


/* Each byte at each place of texts about two words long. */
static void
every_place(void)
{
    unsigned  wrong = 0;

    for (unsigned c = 0; c < 0x80; c++) {
        dg_span_t  alone = string(dg_span(&(uint8_t) { (uint8_t) c }, 1));
        size_t     extra = alone.len - 3;

        for (size_t len = 1; len <= 20; len++) {
            for (size_t at = 0; at < len; at++) {
                uint8_t    text[20];
                dg_span_t  out;

                memset(text, 'a', sizeof(text));
                text[at] = (uint8_t) c;
                out = string(dg_span(text, len));

                wrong += out.len != len + 2 + extra;
                wrong += out.data[1 + at] != (extra ? '\\' : (uint8_t) c);
            }
        }
    }

    is_int(wrong, 0, "escapes do not depend on the place");
}


/* Whatever the bytes are, what is written is JSON, on one line. */
static void
any_bytes(void)
{
    static uint8_t  memory[65536];
    uint32_t        seed = 12345;
    unsigned        bad = 0;

    for (unsigned i = 0; i < 2000; i++) {
        uint8_t           text[16];
        dg_arena_t        arena;
        const dg_json_t  *root;
        dg_span_t         out;

        for (size_t k = 0; k < sizeof(text); k++) {
            seed = seed * 1664525 + 1013904223;
            text[k] = (uint8_t) (seed >> 24);
        }

        out = string(dg_span(text, sizeof(text)));
        dg_arena_init(&arena, memory, sizeof(memory));
        bad += dg_json_parse(&arena, out, NULL, NULL, &root) != DG_OK
               || dg_span_find(out, '\n') != out.len;
    }

    is_int(bad, 0, "2000 random texts give JSON");
}


static void
trees(void)
{
    static uint8_t    memory[65536];
    dg_arena_t        arena;
    const dg_json_t  *root;
    dg_writer_t       w = dg_writer(buffer, sizeof(buffer));

    dg_arena_init(&arena, memory, sizeof(memory));
    is_int(dg_json_parse(&arena, DG_SPAN(" { \"a\" : [ 1.50e+2 , true,"
                                         " false, null, { }, [ ] ], "
                                         "\"\\u00e9\\n\" : \"x\" } "),
                         NULL, NULL, &root),
           DG_OK, "parsed");
    dg_json_write_tree(&w, root);
    is_text(dg_written(&w), "{\"a\":[1.50e+2,true,false,null,{},[]],"
            "\"\xc3\xa9\\n\":\"x\"}", "compact");

    w = dg_writer(buffer, sizeof(buffer));
    dg_json_write_name(&w, "key");
    is_text(dg_written(&w), "\"key\":", "name");
}


static void
no_room(void)
{
    dg_writer_t  w = dg_writer(buffer, 5);

    dg_json_write_string(&w, DG_SPAN("abcd"));
    ok(w.overflow, "one byte too many");
    w = dg_writer(buffer, 6);
    dg_json_write_string(&w, DG_SPAN("abcd"));
    ok(!w.overflow && w.len == 6, "just fits");
}


static void
quotes(void)
{
    char  out[DG_JSON_QUOTED];
    char  text[DG_JSON_QUOTED];

    memset(text, 'a', sizeof(text));

    is_text(dg_span_cstr(dg_json_quote(out, DG_SPAN("a\nb"))),
            "\"a\\nb\"", "quoted");
    is_int(strlen(dg_json_quote(out, dg_span(text, DG_JSON_QUOTED - 3))),
           DG_JSON_QUOTED - 1, "the longest");
    is_text(dg_span_cstr(dg_json_quote(out, dg_span(text,
                                                    DG_JSON_QUOTED - 2))),
            "\"...\"", "one longer");
}


int
main(void)
{
    strings();
    every_place();
    any_bytes();
    trees();
    no_room();
    quotes();

    return done_testing();
}
