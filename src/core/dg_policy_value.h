/*
 * Typed values of conditions: exact decimals, dates, addresses, binary.
 * Each reads the same text from a policy and from a request.
 */

#ifndef DG_POLICY_VALUE_H
#define DG_POLICY_VALUE_H

#include "dg_err.h"

#define DG_DECIMAL_DIGITS  64

/* 0.DIGITS * 10^point; no digit stands for zero. */
typedef struct {
    bool     negative;
    uint8_t  count;
    int32_t  point;
    uint8_t  digits[DG_DECIMAL_DIGITS];
} dg_decimal_t;

typedef struct {
    int64_t   seconds;
    uint32_t  nanoseconds;
} dg_instant_t;

/* IPv4 addresses are held in the mapped form, ::ffff:0:0/96. */
typedef struct {
    uint8_t   bytes[16];
    unsigned  prefix;      /* bits that count, 0 to 128 */
} dg_network_t;


/*
 * JSON's number form, a leading '+' allowed.  Compared exactly: no rounding.
 * DG_ERR_SYNTAX; DG_ERR_LIMIT above 64 significant digits or an exponent
 * beyond +-10000.
 */
DG_MUST_USE dg_err_t dg_decimal_parse(dg_span_t text, dg_decimal_t *out);

/* <0, 0, >0 */
int dg_decimal_compare(const dg_decimal_t *a, const dg_decimal_t *b);

/*
 * A W3C profile of ISO 8601 ("2026-10-01", "2026-10-01T08:00Z",
 * "2026-10-01T08:00:00.5+02:00"; a date alone is its midnight in UTC) or
 * seconds since 1970, which may have a fraction.  DG_ERR_SYNTAX.
 */
DG_MUST_USE dg_err_t dg_instant_parse(dg_span_t text, dg_instant_t *out);

int dg_instant_compare(const dg_instant_t *a, const dg_instant_t *b);

/*
 * An address with or without "/bits"; without, all bits count.  Bits behind
 * the prefix are cleared, *host_bits (may be NULL) tells that some were set.
 * DG_ERR_SYNTAX.
 */
DG_MUST_USE dg_err_t dg_network_parse(dg_span_t text, dg_network_t *out,
    bool *host_bits);

bool dg_network_contains(const dg_network_t *network,
    const dg_network_t *address);

/* "true" or "false" in any case; DG_ERR_SYNTAX. */
DG_MUST_USE dg_err_t dg_truth_parse(dg_span_t text, bool *out);

/*
 * Standard Base64 with padding; unused bits may be anything.  Well-formed
 * texts are equal when they decode to the same bytes.
 */
bool dg_base64_is_valid(dg_span_t text);
bool dg_base64_equal(dg_span_t a, dg_span_t b);

#endif
