/*
 * Borrowed bytes and a fixed-capacity writer.
 *
 * A span never owns what it points to: it lives as long as the buffer it was
 * cut from.  A writer never grows: what does not fit sets `overflow`, which
 * stays set, so that a caller may check once after many writes.
 */

#ifndef DG_SPAN_H
#define DG_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const uint8_t  *data;
    size_t          len;
} dg_span_t;

typedef struct {
    uint8_t  *data;      /* the caller's buffer */
    size_t    len;       /* bytes written so far, never above cap */
    size_t    cap;
    bool      overflow;  /* a write did not fit; nothing of it was written */
} dg_writer_t;


/* A span over a string literal. */
#define DG_SPAN(literal)                                                      \
    ((dg_span_t) { (const uint8_t *) (literal), sizeof(literal) - 1 })

#define DG_SPAN_EMPTY  ((dg_span_t) { NULL, 0 })


/* The bytes as a span.  Here, because calls would cost more than the work. */
static inline dg_span_t
dg_span(const void *data, size_t len)
{
    return (dg_span_t) { data, len };
}


/* A span over a NUL-terminated string; NULL gives the empty span. */
dg_span_t dg_span_cstr(const char *s);

/* The part [from, to) of a span; both are cut to its length. */
static inline dg_span_t
dg_span_slice(dg_span_t s, size_t from, size_t to)
{
    if (to > s.len) {
        to = s.len;
    }

    if (from > to) {
        from = to;
    }

    return s.data ? dg_span(s.data + from, to - from) : DG_SPAN_EMPTY;
}

/* Not constant time: never for secrets (see dg_equal_secret in dg_crypto.h) */
static inline bool
dg_span_equal(dg_span_t a, dg_span_t b)
{
    return a.len == b.len
           && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Of two texts of one length that is not 0: see dg_span_equal_nocase(). */
bool dg_span_letters_equal(const uint8_t *a, const uint8_t *b, size_t len);

/*
 * ASCII letters compare without case.  Most texts differ in their length or
 * first letter already: a call for each would be the most of it.
 */
static inline bool
dg_span_equal_nocase(dg_span_t a, dg_span_t b)
{
    return a.len == b.len
           && (a.len == 0
               || (((a.data[0] ^ b.data[0]) & 0xdf) == 0
                   && dg_span_letters_equal(a.data, b.data, a.len)));
}

bool dg_span_starts_with(dg_span_t s, dg_span_t prefix);
bool dg_span_ends_with(dg_span_t s, dg_span_t suffix);

/* memcmp order, the shorter first when one is a prefix: <0, 0, >0. */
int dg_span_compare(dg_span_t a, dg_span_t b);

/* Offset of the first `c`, or s.len when there is none. */
static inline size_t
dg_span_find(dg_span_t s, uint8_t c)
{
    const uint8_t  *p = s.data ? memchr(s.data, c, s.len) : NULL;

    return p ? (size_t) (p - s.data) : s.len;
}

/* Offset of the last `c`, or s.len when there is none. */
size_t dg_span_find_last(dg_span_t s, uint8_t c);

/* Without blanks and tabs at both ends. */
dg_span_t dg_span_trim(dg_span_t s);

/*
 * Cuts the part before the first `separator` off the front of *rest.  Returns
 * false when *rest was already used up (rest->data == NULL).  The empty parts
 * of "a,,b" are returned too.
 */
bool dg_span_split(dg_span_t *rest, uint8_t separator, dg_span_t *part);

/*
 * Decimal digits only, no sign, no blank, at most 19 digits.  False when the
 * span is empty or is anything else; *value is then left alone.
 */
bool dg_span_to_u64(dg_span_t s, uint64_t *value);


static inline dg_writer_t
dg_writer(void *buffer, size_t capacity)
{
    return (dg_writer_t) { buffer, 0, capacity, false };
}

static inline void
dg_write(dg_writer_t *w, const void *data, size_t len)
{
    if (len > w->cap - w->len) {
        w->overflow = true;
        return;
    }

    if (len) {
        memcpy(w->data + w->len, data, len);
        w->len += len;
    }
}

static inline void
dg_write_span(dg_writer_t *w, dg_span_t s)
{
    dg_write(w, s.data, s.len);
}

/* A literal's length is known when it is compiled. */
static inline void
dg_write_cstr(dg_writer_t *w, const char *s)
{
    dg_write(w, s, strlen(s));
}

static inline void
dg_write_char(dg_writer_t *w, char c)
{
    if (w->len == w->cap) {
        w->overflow = true;
        return;
    }

    w->data[w->len++] = (uint8_t) c;
}

void dg_write_u64(dg_writer_t *w, uint64_t value);
void dg_write_i64(dg_writer_t *w, int64_t value);

/* Exactly `digits` decimal digits, zero-padded; higher digits are cut. */
void dg_write_padded(dg_writer_t *w, uint64_t value, unsigned digits);

/* What was written so far, borrowed from the writer's buffer. */
static inline dg_span_t
dg_written(const dg_writer_t *w)
{
    return dg_span(w->data, w->len);
}

#endif
