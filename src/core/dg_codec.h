/*
 * Hexadecimal, Base64 (RFC 4648 sections 4 and 5), and percent encoding
 * (RFC 3986 section 2.1).  All decoders are strict: no blanks, no line ends,
 * padding exactly as the form demands, unused bits zero.
 */

#ifndef DG_CODEC_H
#define DG_CODEC_H

#include "dg_err.h"

/* Sizes of what is written; none counts a NUL. */
#define DG_HEX_SIZE(n)         ((n) * 2)
#define DG_BASE64_SIZE(n)      (((n) + 2) / 3 * 4)
#define DG_BASE64_DECODED(n)   ((n) / 4 * 3 + 3)


/* Lower-case hex; writes 2 * len bytes at out. */
void dg_hex_encode(const uint8_t *restrict data, size_t len,
    char *restrict out);

/*
 * Reads lower- and upper-case digits.  text.len must be 2 * len, else
 * DG_ERR_SYNTAX, as for any other character, after which `out` holds anything.
 */
DG_MUST_USE dg_err_t dg_hex_decode(dg_span_t text, uint8_t *out, size_t len);

/* Standard alphabet with padding. */
void dg_write_base64(dg_writer_t *w, dg_span_t data);

/* URL alphabet without padding (RFC 7515 section 2). */
void dg_write_base64url(dg_writer_t *w, dg_span_t data);

/*
 * Standard alphabet, padding required.  Writes to w; DG_ERR_SYNTAX, or
 * DG_ERR_LIMIT when it does not fit.  Decoding in place is allowed when
 * w->data is text.data and w->len is 0.
 */
DG_MUST_USE dg_err_t dg_base64_decode(dg_span_t text, dg_writer_t *w);

/* URL alphabet, padding refused. */
DG_MUST_USE dg_err_t dg_base64url_decode(dg_span_t text, dg_writer_t *w);

/*
 * UriEncode of the SigV4 documents: keeps A-Za-z0-9-._~ and, when
 * keep_slash, '/'; every other byte becomes %XX in upper case.
 */
void dg_write_uri_encoded(dg_writer_t *w, dg_span_t s, bool keep_slash);

/*
 * Decodes %XX once; '+' stays a plus.  DG_ERR_SYNTAX on a '%' that two hex
 * digits do not follow, DG_ERR_LIMIT when it does not fit.
 */
DG_MUST_USE dg_err_t dg_percent_decode(dg_span_t s, dg_writer_t *w);

/* The value of a hex digit, or -1. */
int dg_hex_value(uint8_t c);

/* True when the bytes are well-formed UTF-8 (RFC 3629). */
bool dg_utf8_valid(dg_span_t s);

#endif
