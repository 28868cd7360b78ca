/*
 * What a text consists of: see dg_text.h.
 */

#include "dg_text.h"

#include <string.h>

#define DEL  0x7f


static bool
is_one_of(uint8_t c, const char *others)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9')
           || (c != 0 && strchr(others, c) != NULL);
}


bool
dg_text_consists_of(dg_span_t s, const char *others)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_one_of(s.data[i], others)) {
            return false;
        }
    }

    return true;
}


bool
dg_text_is_graphic(dg_span_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] <= ' ' || s.data[i] >= DEL) {
            return false;
        }
    }

    return true;
}


bool
dg_text_has_control(dg_span_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < ' ' || s.data[i] == DEL) {
            return true;
        }
    }

    return false;
}


bool
dg_text_has_length(dg_span_t s, size_t least, size_t most)
{
    return s.len >= least && s.len <= most;
}


bool
dg_text_next_name(dg_span_t *rest, dg_span_t *literal, dg_span_t *name)
{
    size_t     at = 0, end;
    dg_span_t  all = *rest;

    while (at < all.len && !(all.data[at] == '$' && at + 1 < all.len
                             && all.data[at + 1] == '{'))
    {
        at++;
    }

    *literal = dg_span_slice(all, 0, at);
    *rest = dg_span_slice(all, all.len, all.len);
    *name = (dg_span_t) { NULL, 0 };

    if (at == all.len) {
        return true;
    }

    end = at + dg_span_find(dg_span_slice(all, at, all.len), '}');

    if (end == all.len) {
        return false;
    }

    *name = dg_span_slice(all, at + 2, end);
    *rest = dg_span_slice(all, end + 1, all.len);

    return true;
}
