/*
 * TAP for the unit programs: each check prints one line, done_testing()
 * prints the plan and gives main() its status.
 */

#ifndef TAP_H
#define TAP_H

#include "dg_span.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    int  run;
    int  failed;
} tap_t;

static tap_t  tap;


__attribute__((format(printf, 4, 5)))
static inline bool
tap_ok(const char *file, int line, bool pass, const char *name, ...)
{
    va_list  args;

    tap.run++;
    printf("%sok %d - ", pass ? "" : "not ", tap.run);

    va_start(args, name);
    vprintf(name, args);
    va_end(args);
    putchar('\n');

    if (!pass) {
        tap.failed++;
        printf("#   at %s line %d\n", file, line);
    }

    fflush(stdout);

    return pass;
}


static inline void
tap_bytes(const char *label, dg_span_t s)
{
    printf("#   %s \"", label);

    for (size_t i = 0; i < s.len; i++) {

        if (s.data[i] >= 0x20 && s.data[i] < 0x7f) {
            putchar(s.data[i]);

        } else {
            printf("\\x%02x", s.data[i]);
        }
    }

    printf("\" (%zu)\n", s.len);
}


#define ok(pass, ...)  tap_ok(__FILE__, __LINE__, (pass), __VA_ARGS__)

#define is_int(got, want, ...)                                                \
    do {                                                                      \
        long long  tap_got = (long long) (got);                               \
        long long  tap_want = (long long) (want);                             \
                                                                              \
        if (!ok(tap_got == tap_want, __VA_ARGS__)) {                          \
            printf("#   got %lld, wanted %lld\n", tap_got, tap_want);         \
        }                                                                     \
    } while (0)

/* Both are spans; DG_SPAN("...") makes one of a literal. */
#define is_span(got, want, ...)                                               \
    do {                                                                      \
        dg_span_t  tap_got = (got);                                           \
        dg_span_t  tap_want = (want);                                         \
                                                                              \
        if (!ok(dg_span_equal(tap_got, tap_want), __VA_ARGS__)) {             \
            tap_bytes("got   ", tap_got);                                     \
            tap_bytes("wanted", tap_want);                                    \
        }                                                                     \
    } while (0)

/* The span is compared with a NUL-terminated string. */
#define is_text(got, want, ...)                                               \
    is_span(got, dg_span_cstr(want), __VA_ARGS__)


static inline int
done_testing(void)
{
    printf("1..%d\n", tap.run);

    if (tap.failed > 0) {
        printf("# %d of %d failed\n", tap.failed, tap.run);
    }

    return tap.failed == 0 && tap.run > 0 ? 0 : 1;
}

#endif
