#include "dg_query.h"
#include "tap.h"


static void
test_parse(void)
{
    char         many[2 * DG_QUERY_PARAMS_MAX + 2];
    dg_query_t   q;

    is_int(dg_query_parse(DG_SPAN(""), &q), DG_OK, "an empty query");
    is_int(q.count, 0, "has no parameter");

    is_int(dg_query_parse(DG_SPAN("a=1=2&&b&=c"), &q), DG_OK, "odd pieces");
    is_int(q.count, 4, "none is left out");
    is_text(q.params[0].name, "a", "name before the first '='");
    is_text(q.params[0].value, "1=2", "value behind it");
    is_int(q.params[1].name.len, 0, "an empty piece has an empty name");
    is_text(q.params[2].name, "b", "no '='");
    is_int(q.params[2].value.len, 0, "gives an empty value");
    is_text(q.params[3].value, "c", "an empty name");

    is_int(dg_query_parse(DG_SPAN("a=%2"), &q), DG_ERR_SYNTAX, "cut escape");
    is_int(dg_query_parse(DG_SPAN("a=%"), &q), DG_ERR_SYNTAX, "lone percent");
    is_int(dg_query_parse(DG_SPAN("a=%zz"), &q), DG_ERR_SYNTAX, "no digits");
    is_int(dg_query_parse(DG_SPAN("a=%%41"), &q), DG_ERR_SYNTAX,
           "a percent before an escape");
    is_int(dg_query_parse(DG_SPAN("%41=%2f%2F"), &q), DG_OK, "both cases");

    memset(many, '&', sizeof(many));
    is_int(dg_query_parse(dg_span(many, DG_QUERY_PARAMS_MAX - 1), &q), DG_OK,
           "as many parameters as fit");
    is_int(q.count, DG_QUERY_PARAMS_MAX, "are all there");
    is_int(dg_query_parse(dg_span(many, DG_QUERY_PARAMS_MAX), &q),
           DG_ERR_LIMIT, "one more is refused");
}


static void
test_names_and_values(void)
{
    uint8_t     block[64];
    dg_query_t  q;
    dg_arena_t  arena;

    dg_arena_init(&arena, block, sizeof(block));
    is_int(dg_query_parse(DG_SPAN("X-%41mz-Date=plain&x-amz-date=%2F%2b+"),
                          &q), DG_OK, "escapes in names and values");

    ok(dg_query_name_is(&q.params[0], DG_SPAN("X-Amz-Date"), true),
       "a name is compared decoded");
    ok(!dg_query_name_is(&q.params[1], DG_SPAN("X-Amz-Date"), true),
       "and with case");
    ok(dg_query_name_is(&q.params[1], DG_SPAN("X-Amz-Date"), false),
       "or without");
    ok(!dg_query_name_is(&q.params[1], DG_SPAN("X-Amz-Dat"), false),
       "whole");

    is_text(dg_query_value(&q.params[0], &arena), "plain", "plain value");
    ok(dg_query_value(&q.params[0], &arena).data == q.params[0].value.data,
       "is not copied");
    is_text(dg_query_value(&q.params[1], &arena), "/++",
            "decoded value; a plus stays one");

    dg_arena_init(&arena, block, 2);
    ok(dg_query_value(&q.params[1], &arena).data == NULL, "no memory");
}


static void
is_order(const char *query, const char *want, const char *name)
{
    char         text[256];
    dg_query_t   q;
    dg_writer_t  w = dg_writer(text, sizeof(text));

    is_int(dg_query_parse(dg_span_cstr(query), &q), DG_OK, "%s parses", name);
    dg_query_sort(&q);

    for (size_t i = 0; i < q.count; i++) {
        dg_write_cstr(&w, i ? "&" : "");
        dg_write_span(&w, q.params[i].name);
        dg_write_char(&w, '=');
        dg_write_span(&w, q.params[i].value);
    }

    is_text(dg_written(&w), want, "%s", name);
}


int
main(void)
{
    test_parse();
    test_names_and_values();

    is_order("b=1&a=2&a=1", "a=1&a=2&b=1", "by name, then value");
    is_order("a-b=1&a=2&ab=3", "a=2&a-b=1&ab=3", "a name before the longer");
    is_order("b=1&B=2&_=3&~=4", "B=2&_=3&b=1&~=4", "byte order");
    is_order("A=1&%E1%88%B4=2&%7E=3", "%E1%88%B4=2&A=1&%7E=3",
             "escapes sort as '%', unreserved ones decoded");
    is_order("%41=2&A=1", "A=1&%41=2", "equal names, however spelled");
    is_order("a=%2B&a=%2A&a=%2b", "a=%2A&a=%2B&a=%2b", "escaped values");
    is_order("e=5&d=4&c=3&b=2&a=1", "a=1&b=2&c=3&d=4&e=5", "an odd number");

    return done_testing();
}
