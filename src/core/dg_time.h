/*
 * Calendar text to seconds since 1970-01-01T00:00:00Z and back.  No function
 * here reads a clock.  Years 1970 to 9999; leap seconds (:60) are refused.
 */

#ifndef DG_TIME_H
#define DG_TIME_H

#include "dg_err.h"

#define DG_TIME_AMZ_SIZE   16  /* 20150830T123600Z */
#define DG_TIME_DATE_SIZE   8  /* 20150830 */
#define DG_TIME_ISO_SIZE   20  /* 2015-08-30T12:36:00Z */
#define DG_TIME_HTTP_SIZE  29  /* Sun, 30 Aug 2015 12:36:00 GMT */


/* Basic ISO 8601 as in X-Amz-Date, exactly 16 bytes. */
DG_MUST_USE dg_err_t dg_time_parse_amz(dg_span_t text, int64_t *seconds);

/*
 * RFC 3339: date, 'T', time, optional fraction (any number of digits, cut to
 * nanoseconds), then 'Z' or +hh:mm / -hh:mm.  nanoseconds may be NULL.
 */
DG_MUST_USE dg_err_t dg_time_parse_iso(dg_span_t text, int64_t *seconds,
    uint32_t *nanoseconds);

/* IMF-fixdate of RFC 9110 section 5.6.7 only. */
DG_MUST_USE dg_err_t dg_time_parse_http(dg_span_t text, int64_t *seconds);

/* Each writes exactly its size; seconds outside the years are clamped. */
void dg_time_write_amz(dg_writer_t *w, int64_t seconds);
void dg_time_write_date(dg_writer_t *w, int64_t seconds);
void dg_time_write_iso(dg_writer_t *w, int64_t seconds);
void dg_time_write_http(dg_writer_t *w, int64_t seconds);

#endif
