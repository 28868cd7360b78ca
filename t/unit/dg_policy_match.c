/*
 * Patterns: wildcards, characters of UTF-8, segments, variables, and that
 * the work is bounded.
 */

#include "dg_policy_pattern.h"
#include "tap.h"

#include <stdlib.h>

static uint8_t            block[4 * 1024 * 1024];
static dg_arena_t         arena;
static dg_policy_keys_t   keys;


static bool
match(const char *pattern, const char *text, unsigned flags,
    const char *const *values)
{
    dg_pattern_t  p;
    dg_span_t     variables[DG_POLICY_VARIABLES_MAX];
    size_t        steps = DG_POLICY_STEPS_MAX;

    dg_arena_init(&arena, block, sizeof(block));
    keys = (dg_policy_keys_t) { .arena = &arena };

    if (dg_pattern_compile(&keys, &arena, dg_span_cstr(pattern), flags, &p)
        != DG_OK)
    {
        ok(false, "%s compiles", pattern);
        return false;
    }

    for (size_t i = 0; i < p.variables; i++) {
        variables[i] = dg_span_cstr(values[i]);
    }

    return dg_pattern_match(&p, variables, dg_span_cstr(text), flags,
                            &steps);
}


static const struct {
    const char  *pattern;
    const char  *text;
    bool         plain;      /* wildcards */
    bool         segments;   /* and stars that stop at colons */
} cases[] = {
    { "", "", true, true },
    { "", "a", false, false },
    { "a", "", false, false },
    { "abc", "abc", true, true },
    { "abc", "ABC", false, false },
    { "*", "", true, true },
    { "*", "a:b/c", true, true },
    { "a*", "a", true, true },
    { "a*", "ba", false, false },
    { "*a", "ba", true, true },
    { "*a", "ab", false, false },
    { "a*b", "ab", true, true },
    { "a*b", "a/x/b", true, true },
    { "a*b", "a:b", true, false },
    { "a*b*", "axb:c", true, true },
    { "a*b*", "a:b", true, false },
    { "a*:b*", "ax:by:z", true, true },
    { "*:b", "a:b", true, true },
    { "*:b", "x:a:b", true, false },
    { "a?c", "abc", true, true },
    { "a?c", "ac", false, false },
    { "a?c", "a:c", true, false },
    { "a?", "a\xc3\xa9", true, true },
    { "a??", "a\xc3\xa9", false, false },
    { "*?", "\xc3\xa9", true, true },
    { "*??", "\xe2\x82\xac", false, false },
    { "?*?", "ab", true, true },
    { "?*?", "a", false, false },
    { "*abc*abc", "abcabc", true, true },
    { "*abc*abc", "abc", false, false },
    { "a*a", "a", false, false },
    { "**", "x", true, true },
    { "*a*b*c*", "xxaxxbxxcxx", true, true },
    { "*a*b*c*", "xxcxxbxxaxx", false, false },
    { "*ab", "aab", true, true },
};


static void
test_wildcards(void)
{
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(match(cases[i].pattern, cases[i].text, DG_PATTERN_WILDCARDS,
                     NULL), cases[i].plain, "\"%s\" and \"%s\"",
               cases[i].pattern, cases[i].text);
        is_int(match(cases[i].pattern, cases[i].text,
                     DG_PATTERN_WILDCARDS | DG_PATTERN_SEGMENTS, NULL),
               cases[i].segments, "\"%s\" and \"%s\", colons stop",
               cases[i].pattern, cases[i].text);

        if (strstr(cases[i].text, "\xc3") == NULL
            && strstr(cases[i].text, "\xe2") == NULL)
        {
            is_int(dg_policy_wildcard(dg_span_cstr(cases[i].pattern),
                                      dg_span_cstr(cases[i].text)),
                   cases[i].plain, "\"%s\" and \"%s\", plain",
                   cases[i].pattern, cases[i].text);
        }
    }
}


static void
test_variables(void)
{
    unsigned           flags = DG_PATTERN_WILDCARDS | DG_PATTERN_VARIABLES;
    const char *const  ann[] = { "ann", "bob" };
    const char *const  star[] = { "*", "?" };
    const char *const  colon[] = { "AROA:ann" };

    ok(match("home/${a:b}/*", "home/ann/x", flags, ann), "a variable");
    ok(!match("home/${a:b}/*", "home/bob/x", flags, ann), "another value");
    ok(match("${a:b}-${c:d}", "ann-bob", flags, ann), "two variables");
    ok(match("*${a:b}*${c:d}*", "xannxbobx", flags, ann), "between stars");
    ok(!match("${a:b}", "ann", flags, star), "a star in a value is text");
    ok(match("${a:b}${c:d}", "*?", flags, star), "which matches itself");
    ok(match("${*}${?}${$}", "*?$", flags, NULL), "the special ones");
    ok(!match("${*}", "a", flags, NULL), "are text");
    ok(match("a$b", "a$b", flags, NULL), "a lone dollar sign");
    ok(match("${a:b}", "${a:b}", DG_PATTERN_WILDCARDS, NULL),
       "text without the flag");
    ok(match("x/${a:b}/*", "x/AROA:ann/y", flags | DG_PATTERN_SEGMENTS,
             colon), "a colon in a value");
    ok(match("ABC", "abc", DG_PATTERN_NOCASE, NULL), "without case");
}


static dg_err_t
compile(const char *text)
{
    dg_pattern_t  p;

    dg_arena_init(&arena, block, sizeof(block));
    keys = (dg_policy_keys_t) { .arena = &arena };

    return dg_pattern_compile(&keys, &arena, dg_span_cstr(text),
                              DG_PATTERN_VARIABLES, &p);
}


static void
test_malformed(void)
{
    is_int(compile("${a:b, 'x'}"), DG_OK, "a default");
    is_int(compile("${a:b,'}'}"), DG_OK, "a brace in a default");
    is_int(compile("${a:b"), DG_ERR_SYNTAX, "not closed");
    is_int(compile("${}"), DG_ERR_SYNTAX, "empty");
    is_int(compile("${a:b, x}"), DG_ERR_SYNTAX, "a default without quotes");
    is_int(compile("${a:b, 'x}"), DG_ERR_SYNTAX, "a quote is not closed");
    is_int(compile("${a${b}}"), DG_ERR_SYNTAX, "nested");
    is_int(compile("${a*}"), DG_ERR_SYNTAX, "a wildcard in a name");
    is_int(compile("${a}${a}${a}${a}${a}${a}${a}${a}"
                   "${a}${a}${a}${a}${a}${a}${a}${a}"), DG_OK, "sixteen");
    is_int(compile("${a}${a}${a}${a}${a}${a}${a}${a}"
                   "${a}${a}${a}${a}${a}${a}${a}${a}${a}"), DG_ERR_LIMIT,
           "seventeen");
    (void) compile("${a:b}${A:B}");
    is_int(keys.count, 1, "keys compare without case");
}


static void
test_bounded(void)
{
    size_t        n = 256 * 1024, steps = DG_POLICY_STEPS_MAX;
    char         *text = malloc(n);
    dg_pattern_t  p;

    memset(text, 'a', n);
    dg_arena_init(&arena, block, sizeof(block));
    keys = (dg_policy_keys_t) { .arena = &arena };
    is_int(dg_pattern_compile(&keys, &arena, DG_SPAN("*a*a*a*b"),
                              DG_PATTERN_WILDCARDS, &p), DG_OK, "compiles");
    ok(!dg_pattern_match(&p, NULL, dg_span(text, n), 0, &steps),
       "*a*a*a*b against 256 KB of a");
    ok(DG_POLICY_STEPS_MAX - steps < 64, "ends after %zu steps",
       DG_POLICY_STEPS_MAX - steps);

    steps = DG_POLICY_STEPS_MAX;
    is_int(dg_pattern_compile(&keys, &arena, DG_SPAN("*a?a?a?a?b*c"),
                              DG_PATTERN_WILDCARDS, &p), DG_OK, "compiles");
    ok(!dg_pattern_match(&p, NULL, dg_span(text, n), 0, &steps),
       "*a?a?a?a?b*c against 256 KB of a");
    ok(DG_POLICY_STEPS_MAX - steps < n * 20, "is linear: %zu steps",
       DG_POLICY_STEPS_MAX - steps);

    steps = 10;
    is_int(dg_pattern_compile(&keys, &arena, DG_SPAN("*ab*"),
                              DG_PATTERN_WILDCARDS, &p), DG_OK, "compiles");
    ok(!dg_pattern_match(&p, NULL, dg_span(text, n), 0, &steps)
       && steps == 0, "an empty budget ends the work");
    free(text);
}


int
main(void)
{
    test_wildcards();
    test_variables();
    test_malformed();
    test_bounded();

    return done_testing();
}
