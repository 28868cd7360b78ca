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
