/*
 * A JSON number, which stays text, as an integer: see dg_json.h.
 */

#include "dg_json.h"

#define EXPONENT_BOUND  1000000


/* A number's parts; the digits of whole and fraction, as written. */
typedef struct {
    bool       negative;
    dg_span_t  whole;
    dg_span_t  fraction;
    int        exponent;
} number_t;


static dg_span_t
take_digits(dg_span_t *rest)
{
    size_t     n = 0;
    dg_span_t  digits;

    while (n < rest->len && rest->data[n] >= '0' && rest->data[n] <= '9') {
        n++;
    }

    digits = dg_span_slice(*rest, 0, n);
    *rest = dg_span_slice(*rest, n, rest->len);
    return digits;
}


static bool
take_char(dg_span_t *rest, uint8_t c)
{
    if (rest->len == 0 || rest->data[0] != c) {
        return false;
    }

    *rest = dg_span_slice(*rest, 1, rest->len);
    return true;
}


static bool
take_exponent(dg_span_t *rest, int *exponent)
{
    bool       negative;
    dg_span_t  digits;
    int        value = 0;

    if (!take_char(rest, 'e') && !take_char(rest, 'E')) {
        return true;
    }

    negative = take_char(rest, '-');

    if (!negative) {
        (void) take_char(rest, '+');
    }

    digits = take_digits(rest);

    for (size_t i = 0; i < digits.len; i++) {
        /* beyond the bound it only matters that it is large */
        if (value < EXPONENT_BOUND) {
            value = value * 10 + (digits.data[i] - '0');
        }
    }

    *exponent = negative ? -value : value;
    return digits.len > 0;
}


/* The grammar of RFC 8259 section 6. */
static bool
split_number(dg_span_t text, number_t *n)
{
    *n = (number_t) { .negative = take_char(&text, '-') };
    n->whole = take_digits(&text);

    if (n->whole.len == 0 || (n->whole.len > 1 && n->whole.data[0] == '0')) {
        return false;
    }

    if (take_char(&text, '.')) {
        n->fraction = take_digits(&text);

        if (n->fraction.len == 0) {
            return false;
        }
    }

    return take_exponent(&text, &n->exponent) && text.len == 0;
}


static bool
add_digit(uint64_t *value, unsigned digit)
{
    const uint64_t  most = (uint64_t) INT64_MAX + 1;

    if (*value > (most - digit) / 10) {
        return false;
    }

    *value = *value * 10 + digit;
    return true;
}


static unsigned
digit_at(const number_t *n, size_t i)
{
    uint8_t  c = i < n->whole.len ? n->whole.data[i]
                                  : n->fraction.data[i - n->whole.len];

    return (unsigned) (c - '0');
}


/* The value without its sign; false when not whole or too large. */
static bool
magnitude(const number_t *n, uint64_t *value)
{
    size_t     len = n->whole.len + n->fraction.len;
    long long  zeros = n->exponent - (long long) n->fraction.len;

    while (len > 0 && digit_at(n, len - 1) == 0) {
        len--;
        zeros++;
    }

    *value = 0;

    for (size_t i = 0; i < len; i++) {
        if (!add_digit(value, digit_at(n, i))) {
            return false;
        }
    }

    if (*value == 0) {
        return true;
    }

    for ( /* void */ ; zeros > 0; zeros--) {
        if (!add_digit(value, 0)) {
            return false;
        }
    }

    return zeros == 0;
}


dg_err_t
dg_json_to_i64(dg_span_t number, int64_t *value)
{
    number_t  n;
    uint64_t  v;

    if (!split_number(number, &n) || !magnitude(&n, &v)) {
        return DG_ERR_INVALID;
    }

    if (n.negative) {
        *value = v == 0 ? 0 : -(int64_t) (v - 1) - 1;
        return DG_OK;
    }

    if (v > INT64_MAX) {
        return DG_ERR_INVALID;
    }

    *value = (int64_t) v;
    return DG_OK;
}
