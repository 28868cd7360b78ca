/*
 * Names that are alike: see dg_near.h.
 */

#include "dg_near.h"


dg_near_t
dg_near(dg_span_t wrong)
{
    return (dg_near_t) { wrong, DG_SPAN_EMPTY,
                         (unsigned) (wrong.len / 3 + 1) };
}


static uint8_t
lower(uint8_t c)
{
    return (uint8_t) (c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}


static unsigned
smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}


/* Optimal string alignment; both are at most DG_NEAR_MAX long. */
static unsigned
distance(dg_span_t a, dg_span_t b)
{
    unsigned  rows[3][DG_NEAR_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2], *spare;
    unsigned  cost;

    for (size_t j = 0; j <= b.len; j++) {
        last[j] = (unsigned) j;
        before[j] = 0;
    }

    for (size_t i = 1; i <= a.len; i++) {
        row[0] = (unsigned) i;

        for (size_t j = 1; j <= b.len; j++) {
            cost = lower(a.data[i - 1]) != lower(b.data[j - 1]);
            row[j] = smaller(smaller(last[j], row[j - 1]) + 1,
                             last[j - 1] + cost);

            if (i > 1 && j > 1
                && lower(a.data[i - 1]) == lower(b.data[j - 2])
                && lower(a.data[i - 2]) == lower(b.data[j - 1]))
            {
                row[j] = smaller(row[j], before[j - 2] + 1);
            }
        }

        spare = before;
        before = last;
        last = row;
        row = spare;
    }

    return last[b.len];
}


void
dg_near_try(dg_near_t *near, dg_span_t candidate)
{
    unsigned  d;

    if (near->wrong.len > DG_NEAR_MAX || candidate.len > DG_NEAR_MAX
        || near->wrong.len == 0 || candidate.len == 0)
    {
        return;
    }

    d = distance(near->wrong, candidate);

    if (d < near->distance) {
        near->distance = d;
        near->best = candidate;
    }
}
