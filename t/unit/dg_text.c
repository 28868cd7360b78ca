/*
 * What a text consists of.
 */

#include "dg_text.h"

#include "tap.h"


static void
every_byte(void)
{
    unsigned  wrong = 0;

    for (unsigned i = 0; i < 256; i++) {
        uint8_t    c = (uint8_t) i;
        dg_span_t  s = dg_span(&c, 1);
        bool       letter = (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z')
                            || (i >= '0' && i <= '9');

        wrong += dg_text_consists_of(s, "") != letter;
        wrong += dg_text_consists_of(s, "_-") != (letter || i == '_'
                                                  || i == '-');
        wrong += dg_text_is_graphic(s) != (i > 0x20 && i < 0x7f);
        wrong += dg_text_has_control(s) != (i < 0x20 || i == 0x7f);
    }

    is_int(wrong, 0, "every byte by itself");
}


static void
names(void)
{
    dg_span_t  rest = DG_SPAN("CORP\\${a.b}@${c}!"), literal, name;

    ok(dg_text_next_name(&rest, &literal, &name), "the first name");
    is_span(literal, DG_SPAN("CORP\\"), "what stands before");
    is_span(name, DG_SPAN("a.b"), "the name");
    ok(dg_text_next_name(&rest, &literal, &name), "the second");
    is_span(literal, DG_SPAN("@"), "what stands between");
    is_span(name, DG_SPAN("c"), "its name");
    ok(dg_text_next_name(&rest, &literal, &name), "no third");
    is_span(literal, DG_SPAN("!"), "what stands behind");
    ok(name.data == NULL && rest.len == 0, "and the end");

    rest = DG_SPAN("a${b");
    ok(!dg_text_next_name(&rest, &literal, &name), "an open brace");
    rest = DG_SPAN("a$");
    ok(dg_text_next_name(&rest, &literal, &name) && name.data == NULL,
       "a lone dollar sign");
    rest = DG_SPAN("${}");
    ok(dg_text_next_name(&rest, &literal, &name) && name.data != NULL
       && name.len == 0, "an empty name");
}


int
main(void)
{
    every_byte();

    ok(dg_text_consists_of(DG_SPAN_EMPTY, ""), "nothing consists of it");
    ok(!dg_text_consists_of(DG_SPAN("abc d"), ""), "a blank in the middle");
    ok(!dg_text_consists_of(DG_SPAN("abc\0"), "-"), "a NUL at the end");
    ok(!dg_text_is_graphic(DG_SPAN("abc\n")), "a line end at the end");
    ok(dg_text_has_control(DG_SPAN("a b\r")), "a carriage return");
    ok(!dg_text_has_control(DG_SPAN("a b\xc3\xa9")), "blanks and UTF-8");
    ok(dg_text_has_length(DG_SPAN("ab"), 2, 2), "just so long");
    ok(!dg_text_has_length(DG_SPAN("ab"), 3, 9), "too short");
    ok(!dg_text_has_length(DG_SPAN("ab"), 0, 1), "too long");

    names();

    return done_testing();
}
