/*
 * Typed values of conditions: see dg_policy_value.h.
 */

#include "dg_policy_value.h"
#include "dg_time.h"

#include <arpa/inet.h>
#include <string.h>

#define EXPONENT_MAX    10000
#define ADDRESS_TEXT    64
#define MAPPED_BITS     96
#define BASE64_SYMBOLS                                                        \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}


/* Takes the digits at the front of *rest; returns how many. */
static size_t
take_digits(dg_span_t *rest, dg_span_t *digits)
{
    size_t  n = 0;

    while (n < rest->len && is_digit(rest->data[n])) {
        n++;
    }

    *digits = dg_span_slice(*rest, 0, n);
    *rest = dg_span_slice(*rest, n, rest->len);
    return n;
}


static bool
take(dg_span_t *rest, const char *set)
{
    if (rest->len == 0 || strchr(set, rest->data[0]) == NULL
        || rest->data[0] == '\0')
    {
        return false;
    }

    *rest = dg_span_slice(*rest, 1, rest->len);
    return true;
}


/* `[eE][+-]digits` at the end; 0 when there is nothing. */
static dg_err_t
parse_exponent(dg_span_t rest, int32_t *exponent)
{
    dg_span_t  digits;
    uint64_t   value;
    bool       negative;

    *exponent = 0;

    if (rest.len == 0) {
        return DG_OK;
    }

    if (!take(&rest, "eE")) {
        return DG_ERR_SYNTAX;
    }

    negative = rest.len && rest.data[0] == '-';
    (void) take(&rest, "+-");

    if (take_digits(&rest, &digits) == 0 || rest.len) {
        return DG_ERR_SYNTAX;
    }

    if (!dg_span_to_u64(digits, &value) || value > EXPONENT_MAX) {
        return DG_ERR_LIMIT;
    }

    *exponent = negative ? -(int32_t) value : (int32_t) value;
    return DG_OK;
}


/* Adds digits behind those that are there, none before the first non-zero. */
static dg_err_t
add_digits(dg_decimal_t *out, dg_span_t digits, bool behind_point)
{
    if (digits.len > EXPONENT_MAX) {
        return DG_ERR_LIMIT;
    }

    for (size_t i = 0; i < digits.len; i++) {

        if (out->count == 0 && digits.data[i] == '0') {
            out->point -= behind_point;
            continue;
        }

        out->point += !behind_point;

        if (out->count < DG_DECIMAL_DIGITS) {
            out->digits[out->count++] = digits.data[i];

        } else if (digits.data[i] != '0') {
            return DG_ERR_LIMIT;
        }
    }

    return DG_OK;
}


dg_err_t
dg_decimal_parse(dg_span_t text, dg_decimal_t *out)
{
    dg_err_t   err;
    dg_span_t  whole, fraction = DG_SPAN_EMPTY;
    int32_t    exponent;

    memset(out, 0, sizeof(*out));
    out->negative = text.len && text.data[0] == '-';
    (void) take(&text, "+-");

    if (take_digits(&text, &whole) == 0
        || (take(&text, ".") && take_digits(&text, &fraction) == 0))
    {
        return DG_ERR_SYNTAX;
    }

    err = parse_exponent(text, &exponent);

    if (err == DG_OK) {
        err = add_digits(out, whole, false);
    }

    if (err == DG_OK) {
        err = add_digits(out, fraction, true);
    }

    while (out->count && out->digits[out->count - 1] == '0') {
        out->count--;
    }

    out->point += exponent;

    if (out->count == 0) {
        out->negative = false;
        out->point = 0;
    }

    return err;
}


static int
compare_magnitude(const dg_decimal_t *a, const dg_decimal_t *b)
{
    size_t  n = a->count < b->count ? a->count : b->count;
    int     order;

    if (a->count == 0 || b->count == 0) {
        return (a->count != 0) - (b->count != 0);
    }

    if (a->point != b->point) {
        return a->point < b->point ? -1 : 1;
    }

    order = memcmp(a->digits, b->digits, n);

    return order ? order : (int) a->count - (int) b->count;
}


int
dg_decimal_compare(const dg_decimal_t *a, const dg_decimal_t *b)
{
    if (a->negative != b->negative) {
        return a->negative ? -1 : 1;
    }

    return a->negative ? compare_magnitude(b, a) : compare_magnitude(a, b);
}


/* "1443657600" or "1443657600.25" */
static dg_err_t
parse_epoch(dg_span_t text, dg_instant_t *out)
{
    dg_span_t  whole, fraction = DG_SPAN_EMPTY;
    uint64_t   seconds;
    uint32_t   scale = 100000000;

    (void) take_digits(&text, &whole);

    if ((take(&text, ".") && take_digits(&text, &fraction) == 0) || text.len
        || !dg_span_to_u64(whole, &seconds) || seconds > INT64_MAX)
    {
        return DG_ERR_SYNTAX;
    }

    out->seconds = (int64_t) seconds;
    out->nanoseconds = 0;

    for (size_t i = 0; i < fraction.len && scale; i++, scale /= 10) {
        out->nanoseconds += (uint32_t) (fraction.data[i] - '0') * scale;
    }

    return DG_OK;
}


dg_err_t
dg_instant_parse(dg_span_t text, dg_instant_t *out)
{
    char         buffer[32];
    dg_writer_t  w = dg_writer(buffer, sizeof(buffer));
    size_t       date = sizeof("2026-10-01") - 1;
    size_t       minutes = sizeof("2026-10-01T08:00") - 1;

    if (text.len < date || text.data[4] != '-') {
        return parse_epoch(text, out);
    }

    if (text.len == date) {
        dg_write_span(&w, text);
        dg_write_cstr(&w, "T00:00:00Z");
        text = dg_written(&w);

    } else if (text.len > minutes && text.data[minutes] != ':') {
        dg_write_span(&w, dg_span_slice(text, 0, minutes));
        dg_write_cstr(&w, ":00");
        dg_write_span(&w, dg_span_slice(text, minutes, text.len));
        text = dg_written(&w);
    }

    if (w.overflow) {
        return DG_ERR_SYNTAX;
    }

    return dg_time_parse_iso(text, &out->seconds, &out->nanoseconds);
}


int
dg_instant_compare(const dg_instant_t *a, const dg_instant_t *b)
{
    if (a->seconds != b->seconds) {
        return a->seconds < b->seconds ? -1 : 1;
    }

    return (a->nanoseconds > b->nanoseconds)
           - (a->nanoseconds < b->nanoseconds);
}


/* An address in text to 16 bytes; *bits is how many it is wide. */
static dg_err_t
parse_address(dg_span_t text, uint8_t bytes[16], unsigned *bits)
{
    static const uint8_t  mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                         0xff, 0xff };
    char                  buffer[ADDRESS_TEXT];

    if (text.len == 0 || text.len >= sizeof(buffer)
        || dg_span_find(text, '\0') < text.len)
    {
        return DG_ERR_SYNTAX;
    }

    memcpy(buffer, text.data, text.len);
    buffer[text.len] = '\0';
    memcpy(bytes, mapped, sizeof(mapped));

    if (inet_pton(AF_INET, buffer, bytes + sizeof(mapped)) == 1) {
        *bits = 128 - MAPPED_BITS;
        return DG_OK;
    }

    *bits = 128;
    return inet_pton(AF_INET6, buffer, bytes) == 1 ? DG_OK : DG_ERR_SYNTAX;
}


dg_err_t
dg_network_parse(dg_span_t text, dg_network_t *out, bool *host_bits)
{
    dg_err_t   err;
    dg_span_t  bits_text;
    size_t     slash = dg_span_find(text, '/');
    unsigned   width;
    uint64_t   bits;
    uint8_t    mask, changed = 0;

    err = parse_address(dg_span_slice(text, 0, slash), out->bytes, &width);
    if (err != DG_OK) {
        return err;
    }

    bits = width;

    if (slash < text.len) {
        bits_text = dg_span_slice(text, slash + 1, text.len);

        if (!dg_span_to_u64(bits_text, &bits) || bits > width) {
            return DG_ERR_SYNTAX;
        }
    }

    out->prefix = (unsigned) bits + 128 - width;

    for (unsigned i = 0; i < 16; i++) {
        mask = (uint8_t) (i * 8 + 8 <= out->prefix ? 0xff
                          : i * 8 >= out->prefix ? 0
                          : 0xff << (8 - out->prefix % 8));

        changed |= (uint8_t) (out->bytes[i] & ~mask);
        out->bytes[i] &= mask;
    }

    if (host_bits != NULL) {
        *host_bits = changed != 0;
    }

    return DG_OK;
}


bool
dg_network_contains(const dg_network_t *network, const dg_network_t *address)
{
    unsigned  whole = network->prefix / 8, rest = network->prefix % 8;

    if (address->prefix < network->prefix
        || memcmp(network->bytes, address->bytes, whole) != 0)
    {
        return false;
    }

    return rest == 0
           || ((network->bytes[whole] ^ address->bytes[whole])
               >> (8 - rest)) == 0;
}


dg_err_t
dg_truth_parse(dg_span_t text, bool *out)
{
    *out = dg_span_equal_nocase(text, DG_SPAN("true"));

    return *out || dg_span_equal_nocase(text, DG_SPAN("false"))
           ? DG_OK : DG_ERR_SYNTAX;
}


static int
base64_symbol(uint8_t c)
{
    const char  *p = c ? strchr(BASE64_SYMBOLS, c) : NULL;

    return p != NULL ? (int) (p - BASE64_SYMBOLS) : -1;
}


/* The text without its padding. */
static dg_span_t
base64_unpadded(dg_span_t text)
{
    for (unsigned i = 0; i < 2; i++) {
        if (text.len && text.data[text.len - 1] == '=') {
            text.len--;
        }
    }

    return text;
}


bool
dg_base64_is_valid(dg_span_t text)
{
    dg_span_t  symbols = base64_unpadded(text);

    if (text.len % 4 != 0) {
        return false;
    }

    for (size_t i = 0; i < symbols.len; i++) {
        if (base64_symbol(symbols.data[i]) < 0) {
            return false;
        }
    }

    return true;
}


bool
dg_base64_equal(dg_span_t a, dg_span_t b)
{
    dg_span_t  x = base64_unpadded(a), y = base64_unpadded(b);
    size_t     last = x.len - 1;
    unsigned   unused = x.len % 4 == 2 ? 4 : x.len % 4 == 3 ? 2 : 0;

    if (a.len != b.len || x.len != y.len || !dg_base64_is_valid(b)) {
        return false;
    }

    if (x.len == 0) {
        return true;
    }

    return dg_span_equal(dg_span_slice(x, 0, last), dg_span_slice(y, 0, last))
           && base64_symbol(x.data[last]) >> unused
              == base64_symbol(y.data[last]) >> unused;
}
