/*
 * Reading and writing JSON (RFC 8259), over yajl.
 *
 * yajl alone lets too much through, so every byte first passes the door:
 * one pass, across buffers, that refuses invalid UTF-8, vertical tab and form
 * feed, lone or mispaired surrogate escapes, NUL escapes in names, and a BOM.
 * Duplicate names are compared after decoding and refused.  Numbers stay
 * text.  All memory, yajl's own included, comes from an arena.
 *
 * A reader feeds a visitor piece by piece (request bodies, answers); a tree
 * is for files and tokens, and knows line and column.
 */

#ifndef DG_JSON_H
#define DG_JSON_H

#include "dg_arena.h"
#include "dg_err.h"
#include "dg_visitor.h"

typedef struct {
    unsigned  depth;    /* nesting; the outermost value is 1 */
    size_t    text;     /* bytes of the whole text */
    size_t    string;   /* bytes of one decoded string or name */
    size_t    values;   /* values in the whole text, names not counted */
    size_t    members;  /* members of one object */
} dg_json_limits_t;

/* 64 levels, 4 MiB of text, 4 MiB a string, 1,000,000 values, 10,000 members */
extern const dg_json_limits_t  dg_json_limits_default;


/* Reader */

typedef struct dg_json_reader_s  dg_json_reader_t;

/*
 * A reader that tells `visitor` (kept by the caller) and passes it `ctx`.
 * limits NULL stands for the default.  NULL without memory.
 */
dg_json_reader_t *dg_json_reader_create(dg_arena_t *arena,
    const dg_visitor_t *visitor, void *ctx, const dg_json_limits_t *limits);

/*
 * The next piece of the text; spans given to the visitor may point into it.
 * DG_ERR_SYNTAX, DG_ERR_LIMIT, DG_ERR_INVALID (a duplicate name), or what a
 * callback returned; after an error every further call returns it again.
 */
DG_MUST_USE dg_err_t dg_json_reader_feed(dg_json_reader_t *reader,
    dg_span_t piece);

/* The text has ended: DG_ERR_SYNTAX also when it is empty or incomplete. */
DG_MUST_USE dg_err_t dg_json_reader_finish(dg_json_reader_t *reader);

/* Where reading stopped, bytes from the start; after an error. */
size_t dg_json_reader_offset(const dg_json_reader_t *reader);


/* Tree */

typedef enum {
    DG_JSON_NULL,
    DG_JSON_BOOL,
    DG_JSON_NUMBER,
    DG_JSON_STRING,
    DG_JSON_ARRAY,
    DG_JSON_OBJECT
} dg_json_type_t;

typedef struct dg_json_s  dg_json_t;

struct dg_json_s {
    dg_json_type_t    type;
    bool              boolean;
    unsigned          line;    /* of the value, from 1 */
    unsigned          column;  /* in bytes, from 1 */
    dg_span_t         key;     /* name in the surrounding object */
    unsigned          key_line;
    unsigned          key_column;
    dg_span_t         text;    /* decoded string, or number as written */
    size_t            count;   /* items or members */
    const dg_json_t  *first;   /* item or member, in the order written */
    const dg_json_t  *next;    /* sibling */
};

/*
 * Parses a whole text into the arena; the text may be released afterwards.
 * DG_ERR_SYNTAX, DG_ERR_INVALID (a duplicate name), DG_ERR_LIMIT or
 * DG_ERR_MEMORY, with *diag (may be NULL) saying where.
 */
DG_MUST_USE dg_err_t dg_json_parse(dg_arena_t *arena, dg_span_t text,
    const dg_json_limits_t *limits, dg_diag_t *diag, const dg_json_t **root);

/* The member of that name; NULL when absent, or `object` is NULL or none. */
const dg_json_t *dg_json_member(const dg_json_t *object, dg_span_t name);

/* The string member's text; false when absent or not a string. */
bool dg_json_string(const dg_json_t *object, dg_span_t name, dg_span_t *text);

/*
 * The number as an integer: digits with an optional minus, in the range of
 * int64_t.  A fraction or exponent is accepted only when the value is whole
 * ("3600.0", "36e2").  DG_ERR_INVALID otherwise.
 */
DG_MUST_USE dg_err_t dg_json_to_i64(dg_span_t number, int64_t *value);

/* "string", "number", ... for diagnostics. */
const char *dg_json_type_name(dg_json_type_t type);


/* Writer */

/*
 * A quoted JSON string.  Control characters, '"', '\\', DEL, U+2028 and
 * U+2029 are escaped; a byte that is not part of well-formed UTF-8 becomes
 * the escape of U+FFFD, so that the output is always valid JSON on one line.
 */
void dg_json_write_string(dg_writer_t *w, dg_span_t text);

/* `"name":` ; a name of our own that needs no escaping. */
void dg_json_write_name(dg_writer_t *w, const char *name);

#define DG_JSON_QUOTED  64

/*
 * The text as a JSON string with a NUL behind, for a diagnostic; "..." when
 * it does not fit.  Returns out.
 */
const char *dg_json_quote(char out[DG_JSON_QUOTED], dg_span_t text);

/* A tree as compact JSON. */
void dg_json_write_tree(dg_writer_t *w, const dg_json_t *value);

#endif
