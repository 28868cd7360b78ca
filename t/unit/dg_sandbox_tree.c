#include "dg_sandbox_tree.h"

#include "tap.h"

static uint8_t  memory[256 * 1024];


static const dg_json_t *
parse(dg_tree_t *t, const char *text)
{
    const dg_json_t  *root = NULL;

    ok(dg_json_parse(t->arena, dg_span_cstr(text), NULL, NULL, &root)
       == DG_OK, "%s is JSON", text);

    return root;
}


static void
building(dg_tree_t *t)
{
    dg_json_t  *o = dg_tree_object(t), *a = dg_tree_array(t);

    dg_tree_push(t, a, dg_tree_number(t, -1));
    dg_tree_push(t, a, dg_tree_bool(t, true));
    dg_tree_push(t, a, NULL);
    dg_tree_set(t, o, DG_SPAN("list"), a);
    dg_tree_set_text(t, o, DG_SPAN("text"), DG_SPAN("one"));
    dg_tree_set_text(t, o, DG_SPAN("text"), DG_SPAN("two"));
    dg_tree_set(t, o, DG_SPAN("none"), NULL);

    is_span(dg_tree_text(t, o), DG_SPAN("{\"list\":[-1,true],"
                                        "\"text\":\"two\"}"),
            "set replaces, nothing is nothing");
    is_int((int) o->count, 2, "members are counted");

    dg_tree_unset(o, DG_SPAN("list"));
    dg_tree_unset(o, DG_SPAN("absent"));
    is_span(dg_tree_text(t, o), DG_SPAN("{\"text\":\"two\"}"),
            "unset takes one out");
}


static void
sharing(dg_tree_t *t)
{
    dg_json_t        *copy, *two = dg_tree_object(t);
    const dg_json_t  *one = parse(t, "{\"a\":{\"b\":1},\"c\":2}");

    copy = dg_tree_copy(t, one);
    dg_tree_unset(copy, DG_SPAN("a"));
    dg_tree_set_text(t, copy, DG_SPAN("c"), DG_SPAN("x"));

    is_span(dg_tree_text(t, one), DG_SPAN("{\"a\":{\"b\":1},\"c\":2}"),
            "a copy's change leaves the original");

    dg_tree_set(t, two, DG_SPAN("x"), dg_json_member(one, DG_SPAN("a")));
    dg_tree_set(t, two, DG_SPAN("y"), dg_json_member(one, DG_SPAN("a")));
    is_span(dg_tree_text(t, two), DG_SPAN("{\"x\":{\"b\":1},\"y\":{\"b\":1}}"),
            "one value in two places");
}


static void
merging(dg_tree_t *t)
{
    dg_json_t        *into;
    const dg_json_t  *one = parse(t, "{\"a\":{\"b\":1,\"c\":[1,2]},\"d\":1}");

    into = dg_tree_copy(t, one);
    dg_tree_merge(t, into, parse(t, "{\"a\":{\"c\":[3],\"e\":4},\"d\":{}}"));

    is_span(dg_tree_text(t, into),
            DG_SPAN("{\"a\":{\"b\":1,\"c\":[3],\"e\":4},\"d\":{}}"),
            "objects merge, the rest replaces");
    is_span(dg_tree_text(t, one),
            DG_SPAN("{\"a\":{\"b\":1,\"c\":[1,2]},\"d\":1}"),
            "the original stays");
}


static void
comparing(dg_tree_t *t)
{
    const dg_json_t  *one = parse(t, "{\"a\":[1,{\"b\":true}],\"C\":null}");

    ok(dg_tree_equal(one, parse(t, "{\"C\":null,\"a\":[1,{\"b\":true}]}")),
       "members in any order");
    ok(!dg_tree_equal(one, parse(t, "{\"C\":null,\"a\":[1,{\"b\":false}]}")),
       "a boolean differs");
    ok(!dg_tree_equal(one, parse(t, "{\"C\":null,\"a\":[{\"b\":true},1]}")),
       "items in order");
    ok(dg_tree_equal(NULL, NULL) && !dg_tree_equal(one, NULL), "nothing");

    ok(dg_tree_find(one, DG_SPAN("c")) == dg_json_member(one, DG_SPAN("C")),
       "found without case");
    ok(dg_tree_find(one, DG_SPAN("d")) == NULL
       && dg_tree_find(NULL, DG_SPAN("d")) == NULL, "or not");
}


static void
failing(void)
{
    uint8_t      small[256];
    dg_arena_t   arena;
    dg_tree_t    t = { .arena = &arena };
    dg_json_t   *o;
    unsigned     i;

    dg_arena_init(&arena, small, sizeof(small));

    o = dg_tree_object(&t);

    for (i = 0; i < 10; i++) {
        dg_tree_set_text(&t, o, DG_SPAN("a"), DG_SPAN("text"));
    }

    ok(t.failed, "without memory the tree has failed");
    is_int((int) dg_tree_text(&t, o).len, 0, "and has no text");
}


int
main(void)
{
    dg_arena_t  arena;
    dg_tree_t   t = { .arena = &arena };

    dg_arena_init(&arena, memory, sizeof(memory));

    building(&t);
    sharing(&t);
    merging(&t);
    comparing(&t);
    ok(!t.failed, "there was memory");
    failing();

    return done_testing();
}
