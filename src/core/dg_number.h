/*
 * Numbers as JSON number text (RFC 8259 section 6).
 */

#ifndef DG_NUMBER_H
#define DG_NUMBER_H

#include "dg_err.h"

#define DG_NUMBER_TEXT  32  /* bytes that any of these needs at most */

/* -1 - n: the whole range of CBOR's negative integers. */
void dg_number_write_negative(dg_writer_t *w, uint64_t n);

/*
 * A text of as few digits as printf needs, 17 at most, that reads back as the
 * same value; whole numbers below 2^53 without exponent.  DG_ERR_INVALID for
 * NaN and infinities.
 */
DG_MUST_USE dg_err_t dg_number_write_double(dg_writer_t *w, double value);

#endif
