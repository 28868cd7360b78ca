/*
 * The Requirements expression of CreateSessions: what a server must have to
 * be given a session.  Source: Amazon DCV Session Manager Developer Guide,
 * CreateSessions.
 *
 *   or     = and *( "or" and )
 *   and    = not *( "and" not )
 *   not    = "not" not / "(" or ")" / name operator value
 *   name   = ( "tag:" / "server:" ) ( word / string )
 *   operator = "=" / "!=" / ">" / ">=" / "<" / "<=" / ":="   (":=" contains)
 *   value  = string / number                 1  -1.5  2e9
 *   string = "'" *( any but "'" / "''" ) "'"
 *
 * Words of the language are read without case.
 */

#ifndef DG_REQUIREMENTS_H
#define DG_REQUIREMENTS_H

#include "dg_arena.h"
#include "dg_err.h"

#define DG_REQUIREMENTS_TEXT_MAX   16384  /* bytes */
#define DG_REQUIREMENTS_TERMS_MAX  256    /* comparisons */
#define DG_REQUIREMENTS_DEPTH_MAX  64     /* "not" and "(" within each other */

typedef enum {
    DG_REQUIREMENTS_AND,
    DG_REQUIREMENTS_OR,
    DG_REQUIREMENTS_NOT,
    DG_REQUIREMENTS_EQUAL,
    DG_REQUIREMENTS_NOT_EQUAL,
    DG_REQUIREMENTS_GREATER,
    DG_REQUIREMENTS_GREATER_EQUAL,
    DG_REQUIREMENTS_LESS,
    DG_REQUIREMENTS_LESS_EQUAL,
    DG_REQUIREMENTS_CONTAINS
} dg_requirements_op_t;

typedef struct dg_requirements_s  dg_requirements_t;

struct dg_requirements_s {
    dg_requirements_op_t      op;
    const dg_requirements_t  *left;      /* AND, OR; NOT has this one only */
    const dg_requirements_t  *right;
    bool                      is_tag;    /* a comparison: tag:, not server: */
    dg_span_t                 full_name; /* "server:Host.Os.Family" */
    dg_span_t                 name;      /* "Host.Os.Family" */
    dg_span_t                 value;     /* string decoded, number as written */
    bool                      is_number;
};

/*
 * The value that a server has under a name; false when it has none.  Numbers
 * are given as text.
 */
typedef bool (*dg_requirements_lookup_pt)(void *ctx, bool is_tag,
    dg_span_t name, dg_span_t *value);


/*
 * Parses; *out lives in the arena.  An empty text gives NULL, which every
 * server meets.  DG_ERR_SYNTAX with diag->column (from 1) and what was
 * expected there; DG_ERR_LIMIT; DG_ERR_MEMORY.
 */
DG_MUST_USE dg_err_t dg_requirements_parse(dg_arena_t *arena, dg_span_t text,
    dg_diag_t *diag, const dg_requirements_t **out);

/*
 * Whether a server meets the expression.  A comparison with a name that the
 * server does not have is false, and so is one of size between a number and
 * a text that is none; two texts compare byte by byte.
 */
bool dg_requirements_match(const dg_requirements_t *requirements,
    dg_requirements_lookup_pt lookup, void *ctx);

/*
 * What every server that meets the expression has under a name: the values
 * of its `=` comparisons that are joined by `and` with all the rest, of tags
 * those with a string (a number would equal texts that differ).  The name is
 * compared without case.  Writes at most DG_REQUIREMENTS_TERMS_MAX values;
 * returns how many.
 */
size_t dg_requirements_demanded(const dg_requirements_t *requirements,
    bool is_tag, dg_span_t name, dg_span_t *values);

/*
 * All names that the expression uses, wherever: "tag:color", "server:Host.Os".
 * Each comparison gives one; the same name may come twice.  As many at most;
 * returns how many.
 */
size_t dg_requirements_names(const dg_requirements_t *requirements,
    dg_span_t *names);

#endif
