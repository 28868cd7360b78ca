/*
 * Borrowed bytes and a fixed-capacity writer: see dg_span.h.
 */

#include "dg_span.h"

#include <string.h>


static uint8_t
lower(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') ? (uint8_t) (c | 0x20) : c;
}


dg_span_t
dg_span_cstr(const char *s)
{
    return s ? dg_span(s, strlen(s)) : DG_SPAN_EMPTY;
}


/*
 * Eight bytes with their letters in lower case.  A sum has a high bit where
 * the lower seven bits reach 'A', or go beyond 'Z'; shifted, what is left of
 * it is the bit that makes a letter small.
 */
static uint64_t
lower_word(const uint8_t *p)
{
    uint64_t        word, seven, letters;
    const uint64_t  ones = UINT64_C(0x0101010101010101);

    memcpy(&word, p, sizeof(word));
    seven = word & ones * 0x7f;
    letters = (seven + ones * (0x80 - 'A'))
              & ~(seven + ones * (0x80 - 'Z' - 1)) & ~word & ones << 7;

    return word | letters >> 2;
}


/* Of two texts of one length, of eight bytes or more. */
static bool
words_equal_nocase(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t  last = len - sizeof(uint64_t);

    for (size_t i = 0; i < last; i += sizeof(uint64_t)) {
        if (lower_word(a + i) != lower_word(b + i)) {
            return false;
        }
    }

    return lower_word(a + last) == lower_word(b + last);
}


bool
dg_span_letters_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
    if (len >= sizeof(uint64_t)) {
        return words_equal_nocase(a, b, len);
    }

    for (size_t i = 0; i < len; i++) {
        if (a[i] != b[i] && lower(a[i]) != lower(b[i])) {
            return false;
        }
    }

    return true;
}


bool
dg_span_starts_with(dg_span_t s, dg_span_t prefix)
{
    return s.len >= prefix.len
           && dg_span_equal(dg_span_slice(s, 0, prefix.len), prefix);
}


bool
dg_span_ends_with(dg_span_t s, dg_span_t suffix)
{
    return s.len >= suffix.len
           && dg_span_equal(dg_span_slice(s, s.len - suffix.len, s.len),
                            suffix);
}


int
dg_span_compare(dg_span_t a, dg_span_t b)
{
    size_t  n = a.len < b.len ? a.len : b.len;
    int     order = n ? memcmp(a.data, b.data, n) : 0;

    if (order != 0) {
        return order;
    }

    return (a.len > b.len) - (a.len < b.len);
}


size_t
dg_span_find_last(dg_span_t s, uint8_t c)
{
    for (size_t i = s.len; i > 0; i--) {
        if (s.data[i - 1] == c) {
            return i - 1;
        }
    }

    return s.len;
}


static bool
is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}


dg_span_t
dg_span_trim(dg_span_t s)
{
    while (s.len > 0 && is_blank(s.data[0])) {
        s = dg_span_slice(s, 1, s.len);
    }

    while (s.len > 0 && is_blank(s.data[s.len - 1])) {
        s.len--;
    }

    return s;
}


bool
dg_span_split(dg_span_t *rest, uint8_t separator, dg_span_t *part)
{
    size_t  at;

    if (rest->data == NULL) {
        return false;
    }

    at = dg_span_find(*rest, separator);
    *part = dg_span_slice(*rest, 0, at);
    *rest = at < rest->len ? dg_span_slice(*rest, at + 1, rest->len)
                           : DG_SPAN_EMPTY;
    return true;
}


bool
dg_span_to_u64(dg_span_t s, uint64_t *value)
{
    uint64_t  v = 0;

    if (s.len == 0 || s.len > 19) {
        return false;
    }

    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return false;
        }

        v = v * 10 + (uint64_t) (s.data[i] - '0');
    }

    *value = v;
    return true;
}


void
dg_write_u64(dg_writer_t *w, uint64_t value)
{
    char      digits[20];
    unsigned  i = sizeof(digits);

    do {
        digits[--i] = (char) ('0' + value % 10);
        value /= 10;
    } while (value);

    dg_write(w, digits + i, sizeof(digits) - i);
}


void
dg_write_i64(dg_writer_t *w, int64_t value)
{
    if (value < 0) {
        dg_write_char(w, '-');
        dg_write_u64(w, (uint64_t) 0 - (uint64_t) value);
        return;
    }

    dg_write_u64(w, (uint64_t) value);
}


void
dg_write_padded(dg_writer_t *w, uint64_t value, unsigned digits)
{
    char  text[20];

    if (digits > sizeof(text)) {
        w->overflow = true;
        return;
    }

    for (unsigned i = digits; i > 0; i--) {
        text[i - 1] = (char) ('0' + value % 10);
        value /= 10;
    }

    dg_write(w, text, digits);
}
