/*
 * Hash for tables: see dg_hash.h.
 */

#include "dg_hash.h"

#include <string.h>

/* 2^64 divided by the golden ratio, odd (Knuth, volume 3, section 6.4) */
#define MULTIPLIER  UINT64_C(0x9e3779b97f4a7c15)


uint32_t
dg_hash(dg_span_t s)
{
    uint64_t  h = s.len, w;

    while (s.len >= sizeof(w)) {
        memcpy(&w, s.data, sizeof(w));
        h = (h ^ w) * MULTIPLIER;
        h ^= h >> 32;
        s.data += sizeof(w);
        s.len -= sizeof(w);
    }

    if (s.len) {
        w = 0;
        memcpy(&w, s.data, s.len);
        h = (h ^ w) * MULTIPLIER;
    }

    return (uint32_t) (h >> 32);
}
