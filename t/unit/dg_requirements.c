#include "dg_requirements.h"

#include "tap.h"

static uint8_t  block[65536];


static bool
lookup(void *ctx, bool is_tag, dg_span_t name, dg_span_t *value)
{
    (void) ctx;

    if (is_tag && dg_span_equal(name, DG_SPAN("color"))) {
        *value = DG_SPAN("pink");
        return true;
    }

    if (!is_tag && dg_span_equal(name, DG_SPAN("Host.Os.Family"))) {
        *value = DG_SPAN("windows");
        return true;
    }

    if (!is_tag && dg_span_equal(name, DG_SPAN("Host.Memory.TotalBytes"))) {
        *value = DG_SPAN("17179869184");
        return true;
    }

    return false;
}


/* 1 and 0: satisfied or not; -1: no expression; -2: too large */
static int
match(const char *text, unsigned *column)
{
    dg_err_t            err;
    dg_diag_t           diag = { 0 };
    dg_arena_t          arena;
    dg_requirements_t  *r;

    dg_arena_init(&arena, block, sizeof(block));
    err = dg_requirements_parse(&arena, dg_span_cstr(text), &diag, &r);

    if (column != NULL) {
        *column = diag.column;
    }

    if (err != DG_OK) {
        return err == DG_ERR_SYNTAX ? -1 : -2;
    }

    return dg_requirements_match(r, lookup, NULL);
}


static void
comparisons(void)
{
    static const struct {
        const char  *text;
        int          want;
    } cases[] = {
        { "tag:color = 'pink'", 1 },
        { "tag:color='red'", 0 },
        { "tag:color != 'red'", 1 },
        { "tag:color:='in'", 1 },
        { "tag:color := 'x'", 0 },
        { "tag:none = 'x'", 0 },
        { "tag:none != 'x'", 1 },
        { "not tag:none = 'x'", 1 },
        { "server:Host.Memory.TotalBytes > 1e10", 1 },
        { "server:Host.Memory.TotalBytes >= 17179869184", 1 },
        { "server:Host.Memory.TotalBytes < 1.7179869184E10", 0 },
        { "server:Host.Memory.TotalBytes <= 17179869184.0", 1 },
        { "server:Host.Os.Family > 1", 0 },
        { "server:Host.Os.Family != 1", 1 },
        { "tag:color > 'a'", 1 },
        { "tag:color = 'red' or tag:color = 'pink'", 1 },
        { "tag:color = 'pink' or tag:x = 'y' and tag:x = 'z'", 1 },
        { "(tag:color = 'pink' or tag:x = 'y') and tag:x = 'z'", 0 },
        { "not (tag:color = 'red' and server:Host.Os.Family = 'windows')",
          1 },
        { "NOT tag:color = 'red' AND server:Host.Os.Family := 'win'", 1 },
        { "tag:color = 'pi''nk'", 0 },
        { "  ( ( tag:color = 'pink' ) )  ", 1 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ok(match(cases[i].text, NULL) == cases[i].want, "%s: %d",
           cases[i].text, cases[i].want);
    }
}


static void
errors(void)
{
    unsigned  column;

    static const struct {
        const char  *text;
        unsigned     column;
    } cases[] = {
        { "", 1 },
        { "color = 'pink'", 1 },
        { "tag: = 'x'", 5 },
        { "tag:color 'pink'", 11 },
        { "tag:color == 'pink'", 12 },
        { "tag:color = pink", 13 },
        { "tag:color = 'pink", 18 },
        { "tag:color = 'pink' tag:x = 'y'", 20 },
        { "(tag:color = 'pink'", 20 },
        { "tag:color = 'pink')", 19 },
        { "tag:color = 'pink' and", 23 },
        { "tag:color = 1e", 14 },
        { "tag:color = .", 13 },
        { "not", 4 },
        { "tag:color = 0x10", 14 },
        { "tag:color = inf", 13 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ok(match(cases[i].text, &column) == -1
           && column == cases[i].column, "%s: refused at %u", cases[i].text,
           cases[i].column);
    }
}


static void
limits(void)
{
    char    text[DG_REQUIREMENTS_TEXT + 2];
    size_t  i;

    for (i = 0; i < 40; i++) {
        text[i] = '(';
    }

    text[i] = '\0';
    ok(match(text, NULL) == -2, "too deep");

    memset(text, ' ', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    ok(match(text, NULL) == -2, "too long");

    text[0] = '\0';
    for (i = 0; i < 200; i++) {
        memcpy(text + i * 15, "tag:a='b' and  ", 15);
    }

    memcpy(text + i * 15, "tag:a='b'", 10);
    ok(match(text, NULL) == -2, "too many terms");
}


int
main(void)
{
    comparisons();
    errors();
    limits();

    return done_testing();
}
