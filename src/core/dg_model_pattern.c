/*
 * Patterns of a model to compiled PCRE2 code that matches whole values.
 *
 * Models are written for Java's regular expressions.  What differs and is
 * used there is rewritten: \uXXXX, alone or as a pair of surrogates, becomes
 * \x{...}; a lone surrogate, which no UTF-8 text can hold, becomes a code
 * point outside the text's range of meaning (U+FFFF, a noncharacter).
 * Classes keep their ASCII meaning (no UCP); text is UTF-8.  A pattern that
 * is not valid in UTF mode is tried once on bytes.
 */

#define PCRE2_CODE_UNIT_WIDTH  8

#include "dg_model_build.h"

#include "dg_codec.h"

#include <pcre2.h>
#include <stdio.h>

/* "\uXXXX" becomes "\x{XXXXXX}" at most */
#define REWRITTEN_MAX(n)  ((n) / 6 * 10 + 6)

#define COMMON                                                                \
    (PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY                \
     | PCRE2_NEVER_BACKSLASH_C)


/* The code unit of a \uXXXX at `at`, or -1. */
static int32_t
code_unit(dg_span_t s, size_t at)
{
    int32_t  value = 0;
    size_t   i;
    int      digit;

    if (at + 6 > s.len || s.data[at] != '\\' || s.data[at + 1] != 'u') {
        return -1;
    }

    for (i = at + 2; i < at + 6; i++) {
        digit = dg_hex_value(s.data[i]);
        if (digit < 0) {
            return -1;
        }

        value = value * 16 + digit;
    }

    return value;
}


static void
write_code_point(dg_writer_t *w, int32_t value)
{
    char  text[16];
    int   n = snprintf(text, sizeof(text), "\\x{%X}", (unsigned) value);

    dg_write(w, text, (size_t) n);
}


/* Writes what stands for the \uXXXX at `at`; returns how much was read. */
static size_t
rewrite_unit(dg_span_t s, size_t at, dg_writer_t *w)
{
    int32_t  high = code_unit(s, at);
    int32_t  low = code_unit(s, at + 6);

    if (high >= 0xd800 && high <= 0xdbff && low >= 0xdc00 && low <= 0xdfff) {
        write_code_point(w, 0x10000 + ((high - 0xd800) << 10)
                            + (low - 0xdc00));
        return 12;
    }

    write_code_point(w, high >= 0xd800 && high <= 0xdfff ? 0xffff : high);
    return 6;
}


static void
rewrite(dg_span_t s, dg_writer_t *w)
{
    size_t  i = 0;

    while (i < s.len) {
        if (code_unit(s, i) >= 0) {
            i += rewrite_unit(s, i, w);
            continue;
        }

        /* the second byte of an escape never begins another one */
        if (s.data[i] == '\\' && i + 1 < s.len) {
            dg_write_char(w, '\\');
            i++;
        }

        dg_write(w, s.data + i, 1);
        i++;
    }
}


static pcre2_code *
compile(dg_span_t text)
{
    pcre2_code  *code;
    size_t       offset;
    int          error;

    code = pcre2_compile(text.data, text.len, COMMON | PCRE2_UTF, &error,
                         &offset, NULL);
    if (code == NULL) {
        code = pcre2_compile(text.data, text.len, COMMON, &error, &offset,
                             NULL);
    }

    if (code != NULL) {
        /* without it matching is slower, nothing else */
        (void) pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    }

    return code;
}


dg_err_t
dg_model_build_pattern(dg_model_build_t *b, dg_shape_t *shape)
{
    dg_span_t    text = shape->pattern_text;
    dg_writer_t  w;
    uint8_t     *buffer;

    if (text.len == 0) {
        return DG_OK;
    }

    if (text.len > DG_MODEL_PATTERN_MAX) {
        b->service->patterns_skipped++;
        return DG_OK;
    }

    buffer = dg_arena_alloc(b->scratch, text.len + REWRITTEN_MAX(text.len));
    if (buffer == NULL) {
        return DG_ERR_MEMORY;
    }

    w = dg_writer(buffer, text.len + REWRITTEN_MAX(text.len));
    rewrite(text, &w);

    shape->pattern = compile(dg_written(&w));
    if (shape->pattern == NULL) {
        b->service->patterns_skipped++;
    }

    return DG_OK;
}
