/*
 * JSON trees: structure, place of each value, limits, diagnostics.
 */

#include "dg_json.h"

#include "tap.h"

#include <stdlib.h>

static uint8_t  memory[1024 * 1024];


static dg_err_t
parse(const char *text, const dg_json_limits_t *limits, dg_diag_t *diag,
    const dg_json_t **root)
{
    static dg_arena_t  arena;

    dg_arena_init(&arena, memory, sizeof(memory));
    memset(diag, 0, sizeof(*diag));

    return dg_json_parse(&arena, dg_span_cstr(text), limits, diag, root);
}


static void
is_at(const dg_json_t *v, unsigned line, unsigned column, const char *name)
{
    ok(v != NULL && v->line == line && v->column == column,
       "%s at %u:%u (wanted %u:%u)", name, v ? v->line : 0,
       v ? v->column : 0, line, column);
}


static void
structure(void)
{
    const dg_json_t  *root, *list;
    dg_diag_t         diag;
    dg_span_t         text;

    is_int(parse("{\"a\": 1,\n  \"b\" : [true, \"x\\u00e9\\\"y\", null,\n"
                 "\t-1.50e+2 , {}],\n\"c\":\"\"}\n", NULL, &diag, &root),
           DG_OK, "parsed");
    is_int(root->type, DG_JSON_OBJECT, "an object");
    is_int(root->count, 3, "of three members");
    is_at(root, 1, 1, "root");

    list = dg_json_member(root, DG_SPAN("b"));
    is_at(list, 2, 9, "list");
    is_int(list->key_line, 2, "its name's line");
    is_int(list->key_column, 3, "its name's column");
    is_int(list->count, 5, "five items");
    is_int(list->first->type, DG_JSON_BOOL, "boolean");
    ok(list->first->boolean, "true");
    is_at(list->first, 2, 10, "true");
    is_at(list->first->next, 2, 16, "string");
    is_text(list->first->next->text, "x\xc3\xa9\"y", "decoded");
    is_at(list->first->next->next, 2, 30, "null");
    is_at(list->first->next->next->next, 3, 2, "number");
    is_text(list->first->next->next->next->text, "-1.50e+2", "as written");
    is_at(list->first->next->next->next->next, 3, 13, "object");
    is_at(dg_json_member(root, DG_SPAN("c")), 4, 5, "after the array");

    ok(dg_json_string(root, DG_SPAN("c"), &text) && text.len == 0,
       "an empty string member");
    ok(!dg_json_string(root, DG_SPAN("a"), &text), "a number is no string");
    ok(dg_json_member(root, DG_SPAN("A")) == NULL, "names compare by case");
    ok(dg_json_member(list, DG_SPAN("a")) == NULL, "an array has no names");
    ok(dg_json_member(NULL, DG_SPAN("a")) == NULL, "nor has nothing");
}


static void
scalars(void)
{
    const dg_json_t  *root;
    dg_diag_t         diag;

    is_int(parse(" \n 12", NULL, &diag, &root), DG_OK, "a lone number");
    is_text(root->text, "12", "its text");
    is_at(root, 2, 2, "its place");
    is_int(parse("\"\"", NULL, &diag, &root), DG_OK, "a lone string");
    is_int(parse("null ", NULL, &diag, &root), DG_OK, "a lone null");
    is_text(dg_span_cstr(dg_json_type_name(root->type)), "null", "named");
}


static void
refused(void)
{
    const dg_json_t  *root;
    dg_diag_t         diag;

    is_int(parse("{\"a\":1,\n \"b\":2,\n  \"\\u0061\":3}", NULL, &diag,
                 &root),
           DG_ERR_INVALID, "a name twice, once escaped");
    is_int(diag.line, 3, "line of the second");
    is_int(diag.column, 3, "column of the second");
    is_text(dg_span_cstr(diag.text),
            "\"\\u0061\" comes twice in one object: remove one of the two",
            "says which");
    ok(root == NULL, "no tree");

    is_int(parse("", NULL, &diag, &root), DG_ERR_SYNTAX, "nothing");
    is_text(dg_span_cstr(diag.text),
            "this is not JSON (RFC 8259): the text ends too early", "says");
    is_int(parse("{\n\"a\":}", NULL, &diag, &root), DG_ERR_SYNTAX,
           "no value");
    is_int(diag.line, 2, "its line");
    is_int(parse("[1,]", NULL, &diag, &root), DG_ERR_SYNTAX, "a comma more");
    is_int(parse("[1] x", NULL, &diag, &root), DG_ERR_SYNTAX, "more after");
    is_int(parse("[\n\n\"\\ud800\"]", NULL, &diag, &root), DG_ERR_SYNTAX,
           "half a surrogate pair");
    is_int(diag.line, 3, "its line");
    is_text(dg_span_cstr(diag.text), "this is not JSON (RFC 8259): an "
            "escaped surrogate without its other half", "says");
    is_int(parse("// x\n1", NULL, &diag, &root), DG_ERR_SYNTAX, "a comment");
    is_int(dg_json_parse(&(dg_arena_t) { 0 }, DG_SPAN("1"), NULL, NULL,
                         &root),
           DG_ERR_MEMORY, "no memory, and no diagnostic wanted");
}


static void
limits(void)
{
    const dg_json_t   *root;
    dg_diag_t          diag;
    dg_json_limits_t   small = {
        .depth = 3, .text = 30, .string = 5, .values = 6, .members = 2
    };

    is_int(parse("[[[1]]]", &small, &diag, &root), DG_OK, "depth 3");
    is_int(parse("[[[[]]]]", &small, &diag, &root), DG_ERR_LIMIT, "depth 4");
    is_text(dg_span_cstr(diag.text), "nested too deep", "says so");
    is_int(parse("\"12345\"", &small, &diag, &root), DG_OK, "string of 5");
    is_int(parse("\"123456\"", &small, &diag, &root), DG_ERR_LIMIT, "of 6");
    is_int(parse("{\"123456\":1}", &small, &diag, &root), DG_ERR_LIMIT,
           "name of 6");
    is_int(parse("[1,2,3,4,5]", &small, &diag, &root), DG_OK, "6 values");
    is_int(parse("[1,2,3,4,5,6]", &small, &diag, &root), DG_ERR_LIMIT, "7");
    is_int(parse("{\"a\":1,\"b\":1}", &small, &diag, &root), DG_OK,
           "2 members");
    is_int(parse("{\"a\":1,\"b\":1,\"c\":1}", &small, &diag, &root),
           DG_ERR_LIMIT, "3 members");
    is_int(parse("                             1", &small, &diag, &root),
           DG_OK, "30 bytes");
    is_int(parse("                              1", &small, &diag, &root),
           DG_ERR_LIMIT, "31 bytes");
}


static void
memory_runs_out(void)
{
    static const char  text[] =
        "{\"a\":[1,2,{\"b\":\"c\\n\"}],\"d\":{\"e\":\"\\u0041\"},\"f\":"
        "[[[[[[[[[[[[[[[[[[[[true]]]]]]]]]]]]]]]]]]]]}";
    unsigned           failures = 0;

    for (size_t size = 0; size < sizeof(memory); size += 64) {
        dg_arena_t        arena;
        dg_diag_t         diag;
        const dg_json_t  *root;
        uint8_t          *block = malloc(size + 1);
        dg_err_t          err;

        dg_arena_init(&arena, block, size);
        err = dg_json_parse(&arena, dg_span_cstr(text), NULL, &diag, &root);
        free(block);

        if (err == DG_OK) {
            break;
        }

        if (err != DG_ERR_MEMORY) {
            ok(false, "%zu bytes gave %s", size, dg_err_text(err));
        }

        failures++;
    }

    ok(failures > 10, "too little memory %u times, then enough", failures);
}


int
main(void)
{
    structure();
    scalars();
    refused();
    limits();
    memory_runs_out();

    return done_testing();
}
