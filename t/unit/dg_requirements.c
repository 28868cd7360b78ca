/*
 * The Requirements expression: syntax with positions, and what it says.
 */

#include "tap.h"

#include "dg_requirements.h"

static uint8_t  memory[256 * 1024];


static bool
lookup(void *ctx, bool is_tag, dg_span_t name, dg_span_t *value)
{
    static const struct {
        bool         is_tag;
        const char  *name;
        const char  *value;
    } server[] = {
        { true, "color", "pink" }, { true, "it's", "yes" },
        { true, "a:b", "c" }, { true, "rank", "7" },
        { false, "Host.Os.Family", "windows" },
        { false, "Host.Memory.TotalBytes", "17179869184" },
        { false, "Host.CpuLoadAverage.OneMinute", "0.5" }
    };

    (void) ctx;

    for (size_t i = 0; i < sizeof(server) / sizeof(server[0]); i++) {
        if (server[i].is_tag == is_tag
            && dg_span_equal(name, dg_span_cstr(server[i].name)))
        {
            *value = dg_span_cstr(server[i].value);
            return true;
        }
    }

    return false;
}


static void
says(const char *text, bool wanted)
{
    const dg_requirements_t  *r;
    dg_diag_t                 diag = { 0, 0, "" };
    dg_arena_t                arena;

    dg_arena_init(&arena, memory, sizeof(memory));

    if (ok(dg_requirements_parse(&arena, dg_span_cstr(text), &diag, &r)
           == DG_OK, "parses: %s", text))
    {
        ok(dg_requirements_match(r, lookup, NULL) == wanted, "is %s",
           wanted ? "met" : "not met");

    } else {
        printf("#   %s\n", diag.text);
    }
}


static void
wrong_at(const char *text, unsigned column)
{
    const dg_requirements_t  *r;
    dg_diag_t                 diag = { 0, 0, "" };
    dg_arena_t                arena;

    dg_arena_init(&arena, memory, sizeof(memory));

    ok(dg_requirements_parse(&arena, dg_span_cstr(text), &diag, &r)
       == DG_ERR_SYNTAX, "refused: %s", text);
    is_int(diag.column, column, "%s", diag.text);
}


static void
test_meaning(void)
{
    says("", true);
    says(" \t", true);
    says("tag:color = 'pink'", true);
    says("tag:color='red'", false);
    says("tag:color != 'red'", true);
    says("tag:absent != 'red'", false);
    says("not tag:absent = 'red'", true);
    says("tag:color := 'in'", true);
    says("tag:color := 'rose'", false);
    says("tag:color := ''", true);
    says("tag:'it''s' = 'yes'", true);
    says("tag:a:b = 'c'", true);
    says("tag:a:b:='c'", true);
    says("tag:rank > 6", true);
    says("tag:rank > 1e1", false);
    says("tag:rank >= 7.0", true);
    says("tag:color > 6", false);
    says("tag:color != 6", true);
    says("server:Host.Memory.TotalBytes >= 1.7e10", true);
    says("server:Host.Memory.TotalBytes < 17179869185", true);
    says("server:Host.CpuLoadAverage.OneMinute <= -1", false);
    says("server:Host.Os.Family = 'windows' and tag:color = 'pink'", true);
    says("tag:x = 'y' and tag:x = 'z' or tag:color = 'pink'", true);
    says("tag:x = 'y' and (tag:x = 'z' or tag:color = 'pink')", false);
    says("tag:color = 'pink' or tag:x = 'y' and tag:x = 'z'", true);
    says("NOT (tag:color = 'pink' AND tag:rank = 7)", false);
    says("not not tag:color = 'pink'", true);
    says("(((tag:color='pink')))", true);
}


static void
test_syntax(void)
{
    wrong_at("tag", 1);
    wrong_at("color = 'pink'", 1);
    wrong_at("tag: = 'pink'", 5);
    wrong_at("tag:color 'pink'", 11);
    wrong_at("tag:color == 'pink'", 12);
    wrong_at("tag:color = pink", 13);
    wrong_at("tag:color = 'pink", 18);
    wrong_at("tag:color = 'pink' tag:rank = 7", 20);
    wrong_at("tag:color = 'pink' and", 23);
    wrong_at("(tag:color = 'pink'", 20);
    wrong_at("tag:color = 'pink')", 19);
    wrong_at("tag:rank = 1e", 14);
    wrong_at("tag:rank = 1.", 14);
    wrong_at("tag:rank = 1x", 13);
    wrong_at("tag:rank = --1", 13);
    wrong_at("not", 4);
    wrong_at("tag:a = 'b' andtag:c = 'd'", 13);
}


static void
test_limits(void)
{
    static char               text[DG_REQUIREMENTS_TEXT_MAX + 2];
    const dg_requirements_t  *r;
    dg_arena_t                arena;
    dg_writer_t               w = dg_writer(text, sizeof(text));
    unsigned                  i;

    for (i = 0; i < DG_REQUIREMENTS_DEPTH_MAX - 1; i++) {
        dg_write_char(&w, '(');
    }

    dg_write_cstr(&w, "tag:a=1");

    for (i = 0; i < DG_REQUIREMENTS_DEPTH_MAX - 1; i++) {
        dg_write_char(&w, ')');
    }

    dg_arena_init(&arena, memory, sizeof(memory));
    is_int(dg_requirements_parse(&arena, dg_written(&w), NULL, &r), DG_OK,
           "as deep as allowed");

    memset(text, '(', sizeof(text));
    dg_arena_init(&arena, memory, sizeof(memory));
    is_int(dg_requirements_parse(&arena, dg_span(text, 1000), NULL, &r),
           DG_ERR_LIMIT, "deeper");
    is_int(dg_requirements_parse(&arena, dg_span(text, sizeof(text)), NULL,
                                 &r), DG_ERR_LIMIT, "too long");

    w = dg_writer(text, sizeof(text));
    for (i = 0; i < DG_REQUIREMENTS_TERMS_MAX; i++) {
        dg_write_cstr(&w, i ? " or tag:a=1" : "tag:a=1");
    }

    dg_arena_init(&arena, memory, sizeof(memory));
    is_int(dg_requirements_parse(&arena, dg_written(&w), NULL, &r), DG_OK,
           "as many terms as allowed");
    dg_write_cstr(&w, " or tag:a=1");
    dg_arena_init(&arena, memory, sizeof(memory));
    is_int(dg_requirements_parse(&arena, dg_written(&w), NULL, &r),
           DG_ERR_LIMIT, "one more");

    dg_arena_init(&arena, memory, 64);
    is_int(dg_requirements_parse(&arena, DG_SPAN("tag:a=1 and tag:b=2"),
                                 NULL, &r), DG_ERR_MEMORY, "no memory");
}


/* What every server has under a name, and the names, each joined by ' '. */
static void
gathers(const char *text, const char *name, const char *demanded,
    const char *names)
{
    const dg_requirements_t  *r = NULL;
    dg_span_t                 list[DG_REQUIREMENTS_TERMS_MAX];
    dg_diag_t                 diag = { 0, 0, "" };
    dg_arena_t                arena;
    char                      out[256];
    size_t                    n;
    bool                      is_tag = strncmp(name, "tag:", 4) == 0;

    dg_arena_init(&arena, memory, sizeof(memory));
    is_int(dg_requirements_parse(&arena, dg_span_cstr(text), &diag, &r),
           DG_OK, "%s", text);

    for (unsigned pass = 0; pass < 2; pass++) {
        dg_writer_t  w = dg_writer(out, sizeof(out));

        n = pass ? dg_requirements_names(r, list)
                 : dg_requirements_demanded(r, is_tag,
                       dg_span_cstr(strchr(name, ':') + 1), list);

        for (size_t i = 0; i < n; i++) {
            dg_write_span(&w, list[i]);
            dg_write_char(&w, ' ');
        }

        is_text(dg_written(&w), pass ? names : demanded, "%s",
                pass ? "names" : name);
    }
}


static void
test_gathering(void)
{
    gathers("", "tag:a", "", "");
    gathers("tag:a = 'x'", "tag:a", "x ", "tag:a ");
    gathers("TAG:a = 'x'", "tag:A", "x ", "tag:a ");
    gathers("tag:a = 'x'", "server:a", "", "tag:a ");
    gathers("(tag:a = 'x') and (tag:'b' = 'y' and server:c > 1)", "tag:b",
            "y ", "tag:a tag:b server:c ");
    gathers("tag:a = 'x' or tag:a = 'x'", "tag:a", "", "tag:a tag:a ");
    gathers("not tag:a = 'x'", "tag:a", "", "tag:a ");
    gathers("tag:a != 'x' and tag:a := 'x' and tag:a >= 'x'", "tag:a", "",
            "tag:a tag:a tag:a ");
    gathers("tag:a = 1 and server:b = 1", "tag:a", "", "tag:a server:b ");
    gathers("tag:a = 1 and server:b = 1", "server:b", "1 ",
            "tag:a server:b ");
    gathers("tag:a = 'x' and tag:a = 'y'", "tag:a", "x y ", "tag:a tag:a ");
    gathers("tag:a = 'x' and (tag:a = 'y' or tag:b = 'z')", "tag:a", "x ",
            "tag:a tag:a tag:b ");
}


int
main(void)
{
    test_meaning();
    test_syntax();
    test_limits();

    test_gathering();

    return done_testing();
}
