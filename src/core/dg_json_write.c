/*
 * JSON text from strings and trees: see dg_json.h.
 */

#include "dg_json.h"

#include "dg_codec.h"

#include <string.h>

#define DEL  0x7f

/* What the compiler compares in one instruction where the machine can. */
typedef int8_t  block_t __attribute__((vector_size(16)));

/* U+2028 and U+2029, which end a line in JavaScript before ES2019 */
static const uint8_t  line_separator[] = { 0xe2, 0x80, 0xa8 };
static const uint8_t  paragraph_separator[] = { 0xe2, 0x80, 0xa9 };


static bool
is_verbatim(uint8_t c)
{
    return c >= ' ' && c < DEL && c != '"' && c != '\\';
}


/*
 * True when one of eight bytes is not verbatim.  Where all are below 0x80, a
 * difference or sum has a high bit just where a byte is DEL or, after the
 * exclusive or, below what is taken away.  The first one changes places of
 * blank and quote, so that the quote is next to the controls.
 */
static inline bool
needs_escape(uint64_t x)
{
    const uint64_t  ones = UINT64_C(0x0101010101010101);
    uint64_t        swapped = x ^ ones * (' ' ^ '"');
    uint64_t        backslash = x ^ ones * '\\';

    return ((x | (x + ones) | (swapped - ones * (' ' + 1))
             | (backslash - ones)) & ones << 7) != 0;
}


static uint64_t
word_at(dg_span_t text, size_t i)
{
    uint64_t  word;

    memcpy(&word, text.data + i, sizeof(word));
    return word;
}


/* How many bytes from `from` on are written as they are. */
static size_t
verbatim_length(dg_span_t text, size_t from)
{
    size_t  i = from;

    while (text.len - i >= 8 && !needs_escape(word_at(text, i))) {
        i += 8;
    }

    /* what is left of a long text is the end of its last eight bytes */

    if (text.len >= 8 && text.len - i < 8
        && !needs_escape(word_at(text, text.len - 8)))
    {
        return text.len - from;
    }

    while (i < text.len && is_verbatim(text.data[i])) {
        i++;
    }

    return i - from;
}


static void
write_control(dg_writer_t *w, uint8_t c)
{
    static const char  hex[] = "0123456789abcdef";
    char               text[] = "\\u00xx";

    text[4] = hex[c >> 4];
    text[5] = hex[c & 15];
    dg_write(w, text, 6);
}


static void
write_escaped(dg_writer_t *w, uint8_t c)
{
    static const char  letters[] = {
        ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n',
        ['\r'] = 'r', ['\t'] = 't'
    };
    char               text[2] = { '\\' };

    if (c < sizeof(letters) && letters[c] != 0) {
        text[1] = letters[c];
        dg_write(w, text, 2);
        return;
    }

    write_control(w, c);
}


/* The length of the well-formed sequence at the start, or 0. */
static size_t
sequence_length(dg_span_t s)
{
    size_t  n = s.data[0] >= 0xf0 ? 4 : s.data[0] >= 0xe0 ? 3 : 2;

    return n <= s.len && dg_utf8_valid(dg_span(s.data, n)) ? n : 0;
}


/* Writes what begins with a byte above DEL; how many bytes that was. */
static size_t
write_multibyte(dg_writer_t *w, dg_span_t s)
{
    size_t  n = sequence_length(s);

    if (n == 0) {
        dg_write_cstr(w, "\\ufffd");
        return 1;
    }

    if (n == 3 && memcmp(s.data, line_separator, n) == 0) {
        dg_write_cstr(w, "\\u2028");

    } else if (n == 3 && memcmp(s.data, paragraph_separator, n) == 0) {
        dg_write_cstr(w, "\\u2029");

    } else {
        dg_write(w, s.data, n);
    }

    return n;
}


static void
write_in_pieces(dg_writer_t *w, dg_span_t text)
{
    size_t  i = 0;

    dg_write_char(w, '"');

    while (i < text.len) {
        size_t  n = verbatim_length(text, i);

        if (n > 0) {
            dg_write(w, text.data + i, n);
            i += n;
            continue;
        }

        if (text.data[i] > DEL) {
            i += write_multibyte(w, dg_span_slice(text, i, text.len));

        } else {
            write_escaped(w, text.data[i++]);
        }
    }

    dg_write_char(w, '"');
}


/* Copies four to seven bytes, in two halves that overlap. */
static bool
copy_half_words(uint8_t *to, dg_span_t text)
{
    uint32_t  first, last;

    memcpy(&first, text.data, sizeof(first));
    memcpy(&last, text.data + text.len - sizeof(last), sizeof(last));
    memcpy(to, &first, sizeof(first));
    memcpy(to + text.len - sizeof(last), &last, sizeof(last));

    return !needs_escape((uint64_t) last << 32 | first);
}


/* Copies eight to fifteen bytes likewise. */
static bool
copy_words(uint8_t *to, dg_span_t text)
{
    uint64_t  first = word_at(text, 0);
    uint64_t  last = word_at(text, text.len - sizeof(last));

    memcpy(to, &first, sizeof(first));
    memcpy(to + text.len - sizeof(last), &last, sizeof(last));

    return !needs_escape(first) && !needs_escape(last);
}


/*
 * Copies sixteen bytes.  In what is returned, all bits of those are set that
 * are not verbatim; bytes above DEL are negative.
 */
static inline block_t
copy_block(uint8_t *to, const uint8_t *from)
{
    block_t  x;

    memcpy(&x, from, sizeof(x));
    memcpy(to, &x, sizeof(x));

    return (x < ' ') | (x == DEL) | (x == '"') | (x == '\\');
}


/* Copies sixteen bytes or more; the last block overlaps the one before. */
static bool
copy_blocks(uint8_t *to, dg_span_t text)
{
    size_t    end = text.len - sizeof(block_t);
    block_t   bad = copy_block(to + end, text.data + end);
    uint64_t  halves[2];

    for (size_t i = 0; i < end; i += sizeof(block_t)) {
        bad |= copy_block(to + i, text.data + i);
    }

    memcpy(halves, &bad, sizeof(bad));
    return (halves[0] | halves[1]) == 0;
}


/* Copies; false when something must be escaped, `to` then is undefined. */
static bool
copy_verbatim(uint8_t *to, dg_span_t text)
{
    size_t  i;

    if (text.len >= sizeof(block_t)) {
        return copy_blocks(to, text);
    }

    if (text.len >= sizeof(uint64_t)) {
        return copy_words(to, text);
    }

    if (text.len < sizeof(uint32_t)) {
        for (i = 0; i < text.len && is_verbatim(text.data[i]); i++) {
            to[i] = text.data[i];
        }

        return i == text.len;
    }

    return copy_half_words(to, text);
}


void
dg_json_write_string(dg_writer_t *w, dg_span_t text)
{
    uint8_t  *p;
    size_t    room = w->cap - w->len;

    /* most strings need no escape: they are checked while they are copied */

    if (text.len == 0 || room < 2 || room - 2 < text.len
        || !copy_verbatim(w->data + w->len + 1, text))
    {
        write_in_pieces(w, text);
        return;
    }

    p = w->data + w->len;
    p[0] = '"';
    p[text.len + 1] = '"';
    w->len += text.len + 2;
}


void
dg_json_write_name(dg_writer_t *w, const char *name)
{
    dg_write_char(w, '"');
    dg_write_cstr(w, name);
    dg_write(w, "\":", 2);
}


const char *
dg_json_quote(char out[DG_JSON_QUOTED], dg_span_t text)
{
    dg_writer_t  w = dg_writer(out, DG_JSON_QUOTED - 1);

    dg_json_write_string(&w, text);

    if (w.overflow) {
        w = dg_writer(out, DG_JSON_QUOTED - 1);
        dg_write_cstr(&w, "\"...\"");
    }

    out[w.len] = 0;
    return out;
}


static void
write_scalar(dg_writer_t *w, const dg_json_t *value)
{
    switch (value->type) {

    case DG_JSON_STRING:
        dg_json_write_string(w, value->text);
        break;

    case DG_JSON_NUMBER:
        dg_write_span(w, value->text);
        break;

    case DG_JSON_BOOL:
        dg_write_cstr(w, value->boolean ? "true" : "false");
        break;

    default:
        dg_write_cstr(w, "null");
    }
}


/* Recursion is as deep as the tree, which the reader's limit bounds. */
void
dg_json_write_tree(dg_writer_t *w, const dg_json_t *value)
{
    bool  object = value->type == DG_JSON_OBJECT;

    if (!object && value->type != DG_JSON_ARRAY) {
        write_scalar(w, value);
        return;
    }

    dg_write_char(w, object ? '{' : '[');

    for (const dg_json_t *m = value->first; m != NULL; m = m->next) {
        if (m != value->first) {
            dg_write_char(w, ',');
        }

        if (object) {
            dg_json_write_string(w, m->key);
            dg_write_char(w, ':');
        }

        dg_json_write_tree(w, m);
    }

    dg_write_char(w, object ? '}' : ']');
}
