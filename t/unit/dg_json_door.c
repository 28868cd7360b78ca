/*
 * The raw-byte pass before yajl: each case whole and cut at every place.
 */

#include "dg_json_door.h"

#include "tap.h"

typedef struct {
    const char  *name;
    const char  *text;
    size_t       len;    /* 0: up to the NUL */
    size_t       pass;   /* bytes that pass; SIZE_MAX: all */
    bool         ended;  /* what finish says when all passed */
} case_t;

#define ALL  SIZE_MAX

static const case_t  cases[] = {
    { "plain", "{\"a\":[1,2,3,4,5,6,7,8]}", 0, ALL, true },
    { "blanks", "\t\r\n \t\r\n \t\r\n \t\r\n ", 0, ALL, true },
    { "VT", "                 \x0b  ", 0, 17, false },
    { "FF", "\x0c", 0, 0, false },
    { "FF in the eighth place", "1234567\x0c", 0, 7, false },
    { "other controls are yajl's", "\x01\x0a\x0d\x0e\x1f", 0, ALL, true },
    { "NUL is yajl's", "1\0", 2, ALL, true },
    { "DEL", "\x7f", 0, ALL, true },

    { "two bytes", "\"\xc2\x80\xdf\xbf\"", 0, ALL, true },
    { "three bytes", "\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"",
      0, ALL, true },
    { "four bytes", "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"", 0, ALL, true },
    { "continuation alone", "\"\x80", 0, 1, false },
    { "overlong two", "\"\xc0\x80", 0, 1, false },
    { "overlong two, c1", "\"\xc1\xbf", 0, 1, false },
    { "overlong three", "\"\xe0\x9f\xbf", 0, 2, false },
    { "surrogate", "\"\xed\xa0\x80", 0, 2, false },
    { "overlong four", "\"\xf0\x8f\xbf\xbf", 0, 2, false },
    { "above 10FFFF", "\"\xf4\x90\x80\x80", 0, 2, false },
    { "f5", "\"\xf5\x80\x80\x80", 0, 1, false },
    { "ff", "\"\xff", 0, 1, false },
    { "cut by ASCII", "\"\xe2\x82\"", 0, 3, false },
    { "third byte", "\"\xe2\x82\xc0", 0, 3, false },
    { "ends in a sequence", "\"\xe2\x82", 0, ALL, false },

    { "BOM", "\xef\xbb\xbf{}", 0, 0, false },
    { "BOM in a string", "\"\xef\xbb\xbf\"", 0, ALL, true },

    { "escapes", "\"\\\\\\\"\\n\\u0041\\u00e9\"", 0, ALL, true },
    { "unknown ASCII escape is yajl's", "\"\\x\"", 0, ALL, true },
    { "non-ASCII escape", "\"\\\xc3\xa9\"", 0, 2, false },
    { "bad digit", "\"\\u12g4\"", 0, 5, false },
    { "pair", "\"\\uD834\\udd1E\"", 0, ALL, true },
    { "two pairs", "\"\\ud800\\udc00\\udbff\\udfff\"", 0, ALL, true },
    { "high alone", "\"\\ud800\"", 0, 7, false },
    { "high, then text", "\"\\ud800x", 0, 7, false },
    { "high, then another escape", "\"\\ud800\\n", 0, 8, false },
    { "high twice", "\"\\ud800\\ud800", 0, 12, false },
    { "high, then no surrogate", "\"\\ud800\\u0041", 0, 12, false },
    { "low alone", "\"\\udc00", 0, 6, false },
    { "low first", "\"\\udc00\\ud800", 0, 6, false },
    { "low after a pair", "\"\\ud800\\udc00\\udc00", 0, 18, false },
    { "escaped backslash before u", "\"\\\\ud800\"", 0, ALL, true },
    { "ends in an escape", "\"\\u00", 0, ALL, false },
    { "ends after a backslash", "\"\\", 0, ALL, false },
    { "ends between halves", "\"\\ud800", 0, ALL, false },
};


static size_t
pass_in_pieces(const case_t *c, size_t len, size_t piece,
    dg_json_door_t *door)
{
    size_t  passed = 0;

    dg_json_door_init(door);

    for (size_t i = 0; i < len; i += piece) {
        size_t  n = len - i < piece ? len - i : piece;
        size_t  p = dg_json_door_pass(door, dg_span(c->text + i, n));

        passed += p;

        if (p < n) {
            break;
        }
    }

    return passed;
}


static void
run(const case_t *c)
{
    size_t          len = c->len ? c->len : strlen(c->text);
    size_t          want = c->pass == ALL ? len : c->pass;
    dg_json_door_t  door;

    is_int(pass_in_pieces(c, len, len, &door), want, "%s", c->name);
    ok((door.reason != NULL) == (want < len), "%s: reason", c->name);

    if (want == len) {
        ok(dg_json_door_finish(&door) == c->ended, "%s: end", c->name);
    }

    for (size_t piece = 1; piece < len; piece++) {
        size_t  got = pass_in_pieces(c, len, piece, &door);

        if (got != want
            || (want == len && dg_json_door_finish(&door) != c->ended))
        {
            is_int(got, want, "%s, in pieces of %zu", c->name, piece);
        }
    }
}


/* Every byte at every place of a word, against the definition. */
static void
single_bytes(void)
{
    unsigned  wrong = 0;

    for (unsigned c = 0; c < 256; c++) {
        for (size_t at = 1; at < 24; at++) {
            uint8_t         text[24];
            dg_json_door_t  door;
            size_t          want;

            memset(text, 'a', sizeof(text));
            text[at] = (uint8_t) c;
            dg_json_door_init(&door);

            want = c == 0x0b || c == 0x0c || c == 0x80 || c == 0xff
                   ? at : sizeof(text);

            if (c > 0x80 && c < 0xff) {
                /* a sequence that the next byte breaks, or no sequence */
                want = c >= 0xc2 && c <= 0xf4 ? at + 1 : at;
            }

            if (dg_json_door_pass(&door, dg_span(text, sizeof(text)))
                != want)
            {
                wrong++;
            }
        }
    }

    is_int(wrong, 0, "every byte at every place");
}


int
main(void)
{
    dg_json_door_t  door;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        run(&cases[i]);
    }

    single_bytes();

    dg_json_door_init(&door);
    is_int(dg_json_door_pass(&door, DG_SPAN_EMPTY), 0, "an empty piece");
    ok(door.reason == NULL, "is not refused");
    ok(dg_json_door_finish(&door), "nor is its end");

    return done_testing();
}
