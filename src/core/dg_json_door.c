/*
 * The raw-byte pass before yajl: see dg_json_door.h.
 *
 * Escapes are followed without knowing whether the text is inside a string:
 * a backslash elsewhere is refused by yajl.  Runs of ASCII without backslash,
 * VT and FF, which is nearly all of a body, are skipped a block at a time.
 */

#include "dg_json_door.h"

#include "dg_codec.h"

#include <string.h>

/* What the compiler compares in one instruction where the machine can. */
typedef int8_t  block_t __attribute__((vector_size(16)));

#define VERTICAL_TAB  0x0b
#define FORM_FEED     0x0c
#define MARK_LEAD     0xef  /* first byte of U+FEFF */

enum {
    DOOR_PLAIN = 0,
    DOOR_UTF8,        /* inside a multibyte sequence */
    DOOR_BACKSLASH,   /* after a backslash */
    DOOR_HEX,         /* inside the four digits of \uXXXX */
    DOOR_LOW_SLASH,   /* after a high surrogate: the low one's backslash */
    DOOR_LOW_U        /* after that backslash: its u */
};


void
dg_json_door_init(dg_json_door_t *door)
{
    *door = (dg_json_door_t) { .state = DOOR_PLAIN };
}


static bool
refuse(dg_json_door_t *door, const char *reason)
{
    door->reason = reason;
    return false;
}


/* Sixteen bytes none of which the door need look at. */
static inline bool
is_plain(const uint8_t *p)
{
    block_t   x, odd;
    uint64_t  halves[2];

    memcpy(&x, p, sizeof(x));

    /* bytes above ASCII are negative */
    odd = (x < 0) | (x == '\\') | (x == VERTICAL_TAB) | (x == FORM_FEED);

    memcpy(halves, &odd, sizeof(odd));
    return (halves[0] | halves[1]) == 0;
}


/* Where the first block from p on is that is not plain; piece holds p. */
static const uint8_t *
skip_plain(const uint8_t *p, dg_span_t piece)
{
    const uint8_t  *end = piece.data + piece.len;

    while ((size_t) (end - p) >= sizeof(block_t)) {
        if (!is_plain(p)) {
            return p;
        }

        p += sizeof(block_t);
    }

    /* what is left of a long piece is the end of its last block */

    return piece.len >= sizeof(block_t) && is_plain(end - sizeof(block_t))
           ? end : p;
}


/* RFC 3629 section 4: the second byte's bounds keep out the forbidden. */
static bool
lead_byte(dg_json_door_t *door, uint8_t c)
{
    door->state = DOOR_UTF8;
    door->low = 0x80;
    door->high = 0xbf;

    if (c >= 0xc2 && c <= 0xdf) {
        door->more = 1;
        return true;
    }

    if (c >= 0xe0 && c <= 0xef) {
        door->more = 2;
        door->low = c == 0xe0 ? 0xa0 : 0x80;
        door->high = c == 0xed ? 0x9f : 0xbf;
        return true;
    }

    if (c >= 0xf0 && c <= 0xf4) {
        door->more = 3;
        door->low = c == 0xf0 ? 0x90 : 0x80;
        door->high = c == 0xf4 ? 0x8f : 0xbf;
        return true;
    }

    return refuse(door, "invalid UTF-8");
}


static bool
plain_byte(dg_json_door_t *door, uint8_t c)
{
    if (c >= 0x80) {
        return lead_byte(door, c);
    }

    if (c == '\\') {
        door->state = DOOR_BACKSLASH;
        return true;
    }

    if (c == VERTICAL_TAB || c == FORM_FEED) {
        return refuse(door, "a vertical tab or form feed");
    }

    return true;
}


static bool
utf8_byte(dg_json_door_t *door, uint8_t c)
{
    if (c < door->low || c > door->high) {
        return refuse(door, "invalid UTF-8");
    }

    door->low = 0x80;
    door->high = 0xbf;

    if (--door->more == 0) {
        door->state = DOOR_PLAIN;
    }

    return true;
}


static void
start_hex(dg_json_door_t *door)
{
    door->state = DOOR_HEX;
    door->more = 4;
    door->unit = 0;
}


static bool
end_hex(dg_json_door_t *door)
{
    bool  high = door->unit >= 0xd800 && door->unit <= 0xdbff;
    bool  low = door->unit >= 0xdc00 && door->unit <= 0xdfff;

    if (low != door->paired) {
        return refuse(door, "an escaped surrogate without its other half");
    }

    door->nul |= door->unit == 0;
    door->paired = high;
    door->state = high ? DOOR_LOW_SLASH : DOOR_PLAIN;
    return true;
}


static bool
hex_byte(dg_json_door_t *door, uint8_t c)
{
    int  digit = dg_hex_value(c);

    if (digit < 0) {
        return refuse(door, "a \\u escape without four hex digits");
    }

    door->unit = (uint16_t) (door->unit << 4 | digit);

    return --door->more == 0 ? end_hex(door) : true;
}


static bool
low_half(dg_json_door_t *door, uint8_t c, uint8_t expected)
{
    if (c != expected) {
        return refuse(door, "an escaped surrogate without its other half");
    }

    if (expected == '\\') {
        door->state = DOOR_LOW_U;
        return true;
    }

    start_hex(door);
    return true;
}


static bool
next_byte(dg_json_door_t *door, uint8_t c)
{
    switch (door->state) {

    case DOOR_UTF8:
        return utf8_byte(door, c);

    case DOOR_BACKSLASH:
        if (c == 'u') {
            start_hex(door);
            return true;
        }

        /* which other escapes there are is yajl's to say */
        door->state = DOOR_PLAIN;
        return c < 0x80 ? true : refuse(door, "an unknown escape");

    case DOOR_HEX:
        return hex_byte(door, c);

    case DOOR_LOW_SLASH:
        return low_half(door, c, '\\');

    case DOOR_LOW_U:
        return low_half(door, c, 'u');

    default:
        return plain_byte(door, c);
    }
}


size_t
dg_json_door_pass(dg_json_door_t *door, dg_span_t piece)
{
    const uint8_t  *p = piece.data;
    const uint8_t  *end;

    if (piece.len == 0) {
        return 0;
    }

    end = p + piece.len;

    /* no JSON text begins with a character of U+F000 to U+FFFF */
    if (door->seen == 0 && *p == MARK_LEAD) {
        door->reason = "a byte order mark";
        return 0;
    }

    while (p < end) {
        if (door->state == DOOR_PLAIN) {
            p = skip_plain(p, piece);

            if (p == end) {
                break;
            }
        }

        if (!next_byte(door, *p)) {
            break;
        }

        p++;
    }

    door->seen += (size_t) (p - piece.data);
    return (size_t) (p - piece.data);
}


bool
dg_json_door_finish(dg_json_door_t *door)
{
    if (door->state == DOOR_PLAIN) {
        return true;
    }

    return refuse(door, "the text ends inside a character or an escape");
}
