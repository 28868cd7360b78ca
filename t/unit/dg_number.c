/*
 * Doubles and large negative integers as JSON number text.
 */

#include "dg_number.h"

#include "tap.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static char  buffer[DG_NUMBER_TEXT];


static dg_span_t
text_of(double value)
{
    static dg_writer_t  w;

    w = dg_writer(buffer, sizeof(buffer));

    if (dg_number_write_double(&w, value) != DG_OK || w.overflow) {
        return DG_SPAN("refused");
    }

    return dg_written(&w);
}


/* Every thousandth of a second of a stretch of time, and smaller ones. */
static void
thousandths(void)
{
    unsigned  wrong = 0;

    for (unsigned i = 1; i < 20000; i++) {
        char    want[DG_NUMBER_TEXT];
        size_t  len;

        if (i % 1000 == 0) {
            continue;
        }

        len = (size_t) snprintf(want, sizeof(want), "17760000%02u.%03u",
                                i / 1000, i % 1000);
        while (want[len - 1] == '0') {
            len--;
        }

        wrong += !dg_span_equal(text_of(1776000000 + (double) i / 1000),
                                dg_span(want, len));
    }

    is_int(wrong, 0, "times to the millisecond");
    is_text(text_of(0.001), "0.001", "a thousandth");
    is_text(text_of(-0.05), "-0.05", "negative");
    is_text(text_of(0.0004), "0.0004", "less than half of one");
    is_text(text_of(0.0009), "0.0009", "more than half of one");
    is_text(text_of(1.0009765625), "1.0009765625", "between two");
}


static void
round_trips(void)
{
    uint64_t  bits = 88172645463325252u;
    unsigned  wrong = 0;

    for (unsigned i = 0; i < 20000; i++) {
        double     value;
        char       text[DG_NUMBER_TEXT + 1];
        dg_span_t  s;

        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&value, &bits, sizeof(value));

        if (!isfinite(value)) {
            continue;
        }

        s = text_of(value);
        memcpy(text, s.data, s.len);
        text[s.len] = 0;
        wrong += strtod(text, NULL) != value;
    }

    is_int(wrong, 0, "20000 random doubles read back as the same");
}


int
main(void)
{
    dg_writer_t  w = dg_writer(buffer, sizeof(buffer));

    is_text(text_of(0.0), "0", "zero");
    is_text(text_of(-0.0), "-0", "negative zero");
    is_text(text_of(1.5), "1.5", "1.5");
    is_text(text_of(-2.0), "-2", "whole");
    is_text(text_of(0.1), "0.1", "0.1");
    is_text(text_of(1e21), "1e+21", "large");
    is_text(text_of(1.0 / 3), "0.3333333333333333", "a third");
    is_text(text_of(5e-324), "5e-324", "the smallest");
    is_text(text_of(DBL_MAX), "1.7976931348623157e+308", "the largest");
    is_text(text_of(9007199254740991.0), "9007199254740991", "2^53 - 1");
    is_text(text_of(1776000000.123), "1776000000.123", "a time");
    is_text(text_of((double) NAN), "refused", "NaN");
    is_text(text_of((double) -INFINITY), "refused", "infinity");
    round_trips();
    thousandths();

    dg_number_write_negative(&w, 0);
    is_text(dg_written(&w), "-1", "-1");
    w.len = 0;
    dg_number_write_negative(&w, INT64_MAX);
    is_text(dg_written(&w), "-9223372036854775808", "-2^63");
    w.len = 0;
    dg_number_write_negative(&w, UINT64_MAX);
    is_text(dg_written(&w), "-18446744073709551616", "-2^64");

    return done_testing();
}
