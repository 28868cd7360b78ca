/*
 * The nearest of several names to one that was mistyped, for "did you mean".
 */

#ifndef DG_NEAR_H
#define DG_NEAR_H

#include "dg_span.h"

#define DG_NEAR_MAX  96   /* longer names are never near */

typedef struct {
    dg_span_t  wrong;
    dg_span_t  best;      /* empty while nothing is near */
    unsigned   distance;  /* of best; at most a third of the length */
} dg_near_t;


/* Starts the search; `wrong` is borrowed. */
dg_near_t dg_near(dg_span_t wrong);

/*
 * Considers a candidate, which is borrowed.  Distance is the number of
 * characters added, left away, changed or swapped with their neighbour;
 * a letter in the other case costs nothing.
 */
void dg_near_try(dg_near_t *near, dg_span_t candidate);

#endif
