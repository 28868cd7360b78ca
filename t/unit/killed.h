/*
 * A worker that is killed between two stores.  Included before the .c under
 * test: its ordered stores then count down, and the one that finds the count
 * at 0 does not happen, nor does anything behind it.
 */

#ifndef KILLED_H
#define KILLED_H

#include <setjmp.h>
#include <stdbool.h>

static jmp_buf  killed;
static long     stores_left = -1;  /* below 0: nobody is killed */


static inline void
killed_before_store(void)
{
    if (stores_left == 0) {
        stores_left = -1;
        longjmp(killed, 1);
    }

    if (stores_left > 0) {
        stores_left--;
    }
}


#define __atomic_store_n(word, value, order)                                  \
    do {                                                                      \
        killed_before_store();                                                \
        *(volatile __typeof__(*(word)) *) (word) = (value);                   \
    } while (0)

/* True when call(ctx) was killed at the n-th store, false when it ended. */
static inline bool
killed_at(long n, void (*call)(void *ctx), void *ctx)
{
    stores_left = n;

    if (setjmp(killed) != 0) {
        return true;
    }

    call(ctx);
    stores_left = -1;

    return false;
}

#endif
