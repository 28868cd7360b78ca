/*
 * Numbers as JSON number text: see dg_number.h.
 */

#include "dg_number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define EXACT_WHOLE  9007199254740992.0  /* 2^53 */


void
dg_number_write_negative(dg_writer_t *w, uint64_t n)
{
    if (n == UINT64_MAX) {
        dg_write_cstr(w, "-18446744073709551616");
        return;
    }

    dg_write_char(w, '-');
    dg_write_u64(w, n + 1);
}


/* printf and strtod follow the locale, JSON does not. */
static void
write_in_c_locale(dg_writer_t *w, const char *text)
{
    for ( /* void */ ; *text; text++) {
        bool  kept = (*text >= '0' && *text <= '9') || *text == '-'
                     || *text == '+' || *text == 'e';

        dg_write_char(w, kept ? *text : '.');
    }
}


static void
write_shortest(dg_writer_t *w, double value)
{
    char  text[DG_NUMBER_TEXT];

    /* 15 digits always survive, but subnormal numbers have fewer */
    int   digits = value < DBL_MIN ? 1 : DBL_DIG;

    do {
        (void) snprintf(text, sizeof(text), "%.*g", digits, value);
    } while (digits++ < DBL_DECIMAL_DIG && strtod(text, NULL) != value);

    write_in_c_locale(w, text);
}


/*
 * One to three decimals, as times have them: the quotient of two whole numbers
 * that doubles hold exactly is the double nearest to the text.  `size` is not
 * whole.
 */
static bool
write_thousandths(dg_writer_t *w, double size)
{
    uint64_t  n;
    unsigned  digits = 3;

    if (size >= EXACT_WHOLE / 1000) {
        return false;
    }

    n = (uint64_t) (size * 1000 + 0.5);

    if ((double) n / 1000 != size) {
        return false;
    }

    dg_write_u64(w, n / 1000);
    dg_write_char(w, '.');

    for (n %= 1000; n % 10 == 0; n /= 10) {
        digits--;
    }

    dg_write_padded(w, n, digits);
    return true;
}


dg_err_t
dg_number_write_double(dg_writer_t *w, double value)
{
    double  size = signbit(value) ? -value : value;

    if (!isfinite(value)) {
        return DG_ERR_INVALID;
    }

    if (signbit(value)) {
        dg_write_char(w, '-');
    }

    if (size < EXACT_WHOLE && (double) (uint64_t) size == size) {
        dg_write_u64(w, (uint64_t) size);

    } else if (!write_thousandths(w, size)) {
        write_shortest(w, size);
    }

    return DG_OK;
}
