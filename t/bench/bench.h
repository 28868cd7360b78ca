/*
 * Benchmarks: bench() calls a function many times over nine rounds and prints
 * one line "name TAB nanoseconds per call", the median of the rounds.  With
 * BENCH_CALLS=N in the environment it makes N calls in one round and prints
 * nothing, so that a tool can count the instructions of two run lengths;
 * BENCH_ONLY=NAME leaves out all others.
 */

#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BENCH_ROUNDS    9
#define BENCH_ROUND_NS  30000000.0

typedef void (*bench_pt)(void *ctx);


static inline double
bench_clock(void)
{
    struct timespec  ts;

    timespec_get(&ts, TIME_UTC);
    return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}


static inline double
bench_round(bench_pt function, void *ctx, unsigned long calls)
{
    double  start = bench_clock();

    for (unsigned long i = 0; i < calls; i++) {
        function(ctx);
    }

    return (bench_clock() - start) / (double) calls;
}


static inline int
bench_compare(const void *a, const void *b)
{
    double  x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}


static inline void
bench(const char *name, bench_pt function, void *ctx)
{
    double         rounds[BENCH_ROUNDS], once;
    const char    *fixed = getenv("BENCH_CALLS");
    const char    *only = getenv("BENCH_ONLY");
    unsigned long  calls;

    if (only != NULL && strcmp(only, name) != 0) {
        return;
    }

    if (fixed != NULL) {
        calls = strtoul(fixed, NULL, 10);
        (void) bench_round(function, ctx, calls ? calls : 1);
        return;
    }

    once = bench_round(function, ctx, 100);
    calls = once < 1 ? 1000000 : (unsigned long) (BENCH_ROUND_NS / once) + 1;

    for (unsigned i = 0; i < BENCH_ROUNDS; i++) {
        rounds[i] = bench_round(function, ctx, calls);
    }

    qsort(rounds, BENCH_ROUNDS, sizeof(rounds[0]), bench_compare);
    printf("%s\t%.0f\n", name, rounds[BENCH_ROUNDS / 2]);
    fflush(stdout);
}

#endif
