/*
 * Hexadecimal, Base64 and percent encoding: see dg_codec.h.
 */

#include "dg_codec.h"

#include <string.h>

#define INVALID   0xff  /* of no alphabet: foreign to both */
#define STD_ONLY  0x40
#define URL_ONLY  0x80

/* One more than the value of a digit; 0 is none. */
static const uint8_t  hex_digits[256] = {
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5,
    ['5'] = 6, ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
    ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16
};

static const char  hex_upper[] = "0123456789ABCDEF";

static const char  base64_std[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char  base64_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


static inline char
hex_digit(int value)
{
    return (char) (value > 9 ? value - 10 + 'a' : value + '0');
}


/* Arithmetic in place of a table: compilers make it 16 bytes at a time. */
void
dg_hex_encode(const uint8_t *restrict data, size_t len, char *restrict out)
{
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = hex_digit(data[i] >> 4);
        out[2 * i + 1] = hex_digit(data[i] & 15);
    }
}


int
dg_hex_value(uint8_t c)
{
    return hex_digits[c] - 1;
}


dg_err_t
dg_hex_decode(dg_span_t text, uint8_t *out, size_t len)
{
    unsigned  seen = 0;

    if (text.len / 2 != len || text.len % 2 != 0) {
        return DG_ERR_SYNTAX;
    }

    /* what is no digit is found once, at the end */

    for (size_t i = 0; i < len; i++) {
        unsigned  high = hex_digits[text.data[2 * i]] - 1u;
        unsigned  low = hex_digits[text.data[2 * i + 1]] - 1u;

        seen |= high | low;
        out[i] = (uint8_t) (high << 4 | (low & 15));
    }

    return seen > 15 ? DG_ERR_SYNTAX : DG_OK;
}


static void
write_sextets(dg_writer_t *w, const char *alphabet, uint32_t bits,
    unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        dg_write_char(w, alphabet[bits >> (18 - 6 * i) & 63]);
    }
}


static void
base64_encode(dg_writer_t *w, const char *alphabet, dg_span_t s, bool pad)
{
    size_t  i;

    for (i = 0; i + 3 <= s.len; i += 3) {
        write_sextets(w, alphabet, (uint32_t) s.data[i] << 16
                                   | (uint32_t) s.data[i + 1] << 8
                                   | s.data[i + 2], 4);
    }

    if (s.len - i == 1) {
        write_sextets(w, alphabet, (uint32_t) s.data[i] << 16, 2);
        dg_write(w, "==", pad ? 2 : 0);

    } else if (s.len - i == 2) {
        write_sextets(w, alphabet, (uint32_t) s.data[i] << 16
                                   | (uint32_t) s.data[i + 1] << 8, 3);
        dg_write(w, "=", pad ? 1 : 0);
    }
}


void
dg_write_base64(dg_writer_t *w, dg_span_t data)
{
    base64_encode(w, base64_std, data, true);
}


void
dg_write_base64url(dg_writer_t *w, dg_span_t data)
{
    base64_encode(w, base64_url, data, false);
}


/*
 * The value of an ASCII character; those that only one alphabet has are
 * marked with the bit of the alphabet they belong to.
 */
static const uint8_t  sextets[128] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0x7e, 0xff, 0xbe, 0xff, 0x7f,
    0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b,
    0x3c, 0x3d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06,
    0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e,
    0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16,
    0x17, 0x18, 0x19, 0xff, 0xff, 0xff, 0xff, 0xbf,
    0xff, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20,
    0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28,
    0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x30,
    0x31, 0x32, 0x33, 0xff, 0xff, 0xff, 0xff, 0xff
};


static bool
take_sextet(uint8_t c, uint8_t foreign, uint32_t *bits)
{
    uint8_t  value = c < sizeof(sextets) ? sextets[c] : INVALID;

    *bits = *bits << 6 | (value & 63);
    return (value & foreign) == 0;
}


/* The last two or three characters; a rest of one is never valid. */
static dg_err_t
decode_rest(dg_span_t rest, uint8_t foreign, dg_writer_t *w)
{
    uint32_t        bits = 0;
    uint8_t         bytes[2];
    const unsigned  unused = rest.len == 2 ? 4 : 2;

    if (rest.len == 1) {
        return DG_ERR_SYNTAX;
    }

    for (size_t i = 0; i < rest.len; i++) {
        if (!take_sextet(rest.data[i], foreign, &bits)) {
            return DG_ERR_SYNTAX;
        }
    }

    if ((bits & ((1u << unused) - 1)) != 0) {
        return DG_ERR_SYNTAX;
    }

    bits >>= unused;
    bytes[0] = (uint8_t) (rest.len == 2 ? bits : bits >> 8);
    bytes[1] = (uint8_t) bits;
    dg_write(w, bytes, rest.len ? rest.len - 1 : 0);

    return w->overflow ? DG_ERR_LIMIT : DG_OK;
}


/* `text` holds no padding; `foreign` marks characters not in its alphabet. */
static dg_err_t
base64_decode(dg_span_t text, uint8_t foreign, dg_writer_t *w)
{
    size_t    i;
    bool      good;
    uint32_t  bits;

    for (i = 0; i + 4 <= text.len; i += 4) {
        bits = 0;
        good = take_sextet(text.data[i], foreign, &bits);
        good &= take_sextet(text.data[i + 1], foreign, &bits);
        good &= take_sextet(text.data[i + 2], foreign, &bits);
        good &= take_sextet(text.data[i + 3], foreign, &bits);

        if (!good) {
            return DG_ERR_SYNTAX;
        }

        if (w->cap - w->len < 3) {
            w->overflow = true;
            return DG_ERR_LIMIT;
        }

        w->data[w->len++] = (uint8_t) (bits >> 16);
        w->data[w->len++] = (uint8_t) (bits >> 8);
        w->data[w->len++] = (uint8_t) bits;
    }

    return decode_rest(dg_span_slice(text, i, text.len), foreign, w);
}


dg_err_t
dg_base64_decode(dg_span_t text, dg_writer_t *w)
{
    if (text.len % 4 != 0) {
        return DG_ERR_SYNTAX;
    }

    for (int i = 0; i < 2 && text.len && text.data[text.len - 1] == '='; i++) {
        text.len--;
    }

    return base64_decode(text, URL_ONLY, w);
}


dg_err_t
dg_base64url_decode(dg_span_t text, dg_writer_t *w)
{
    return base64_decode(text, STD_ONLY, w);
}


static bool
is_unreserved(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9')
           || c == '-' || c == '.' || c == '_' || c == '~';
}


void
dg_write_uri_encoded(dg_writer_t *w, dg_span_t s, bool keep_slash)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t  c = s.data[i];
        char     escape[3];

        if (is_unreserved(c) || (keep_slash && c == '/')) {
            dg_write_char(w, (char) c);
            continue;
        }

        escape[0] = '%';
        escape[1] = hex_upper[c >> 4];
        escape[2] = hex_upper[c & 15];
        dg_write(w, escape, 3);
    }
}


dg_err_t
dg_percent_decode(dg_span_t s, dg_writer_t *w)
{
    for (size_t i = 0; i < s.len; i++) {
        int  high, low;

        if (s.data[i] != '%') {
            dg_write_char(w, (char) s.data[i]);
            continue;
        }

        high = i + 2 < s.len ? dg_hex_value(s.data[i + 1]) : -1;
        low = i + 2 < s.len ? dg_hex_value(s.data[i + 2]) : -1;

        if (high < 0 || low < 0) {
            return DG_ERR_SYNTAX;
        }

        dg_write_char(w, (char) (high << 4 | low));
        i += 2;
    }

    return w->overflow ? DG_ERR_LIMIT : DG_OK;
}


/* Length of the sequence that starts at p, or 0 (RFC 3629 section 4). */
static size_t
utf8_sequence(const uint8_t *p, size_t left)
{
    uint8_t  low = 0x80, high = 0xbf;
    size_t   len;

    if (p[0] < 0x80) {
        return 1;
    }

    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        len = 2;

    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        len = 3;
        low = p[0] == 0xe0 ? 0xa0 : 0x80;
        high = p[0] == 0xed ? 0x9f : 0xbf;

    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        len = 4;
        low = p[0] == 0xf0 ? 0x90 : 0x80;
        high = p[0] == 0xf4 ? 0x8f : 0xbf;

    } else {
        return 0;
    }

    if (left < len || p[1] < low || p[1] > high) {
        return 0;
    }

    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return len;
}


/* How many bytes of ASCII there are at the start, in whole words. */
static size_t
ascii_words(dg_span_t s)
{
    size_t    i = 0;
    uint64_t  w;

    while (s.len - i >= sizeof(w)) {
        memcpy(&w, s.data + i, sizeof(w));

        if (w & UINT64_C(0x8080808080808080)) {
            break;
        }

        i += sizeof(w);
    }

    return i;
}


bool
dg_utf8_valid(dg_span_t s)
{
    size_t  n;

    for (size_t i = ascii_words(s); i < s.len; i += n) {
        n = utf8_sequence(s.data + i, s.len - i);
        if (n == 0) {
            return false;
        }
    }

    return true;
}
