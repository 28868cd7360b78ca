/*
 * The Requirements expression of CreateSessions, by which a DCV Session
 * Manager broker chooses a server.
 *
 *   expression := term { "or" term }
 *   term       := factor { "and" factor }
 *   factor     := "not" factor | "(" expression ")" | comparison
 *   comparison := name operator literal
 *   name       := ("tag:" | "server:") characters
 *   operator   := "=" | "!=" | ">" | ">=" | "<" | "<=" | ":="
 *   literal    := 'text', where '' stands for ', or a number
 *
 * ":=" is "contains".  Words compare without case.  Letters, digits and
 * _ . / + @ - : make a name; a colon before "=" belongs to the operator.
 *
 * Source: Amazon DCV Session Manager Developer Guide, CreateSessions,
 * "Requirements".
 */

#ifndef DG_REQUIREMENTS_H
#define DG_REQUIREMENTS_H

#include "dg_arena.h"
#include "dg_err.h"

#define DG_REQUIREMENTS_TEXT   4096  /* bytes of an expression */
#define DG_REQUIREMENTS_DEPTH  32    /* parentheses and "not" */
#define DG_REQUIREMENTS_NODES  256

typedef struct dg_requirements_s  dg_requirements_t;

/*
 * The value of a tag or a server's property; false when there is none.  The
 * span must live until the next call.
 */
typedef bool (*dg_requirements_lookup_pt)(void *ctx, bool is_tag,
    dg_span_t name, dg_span_t *value);


/*
 * Parses into the arena; names and texts are copied.  DG_ERR_SYNTAX with
 * diag->column (may be NULL) where reading stopped, DG_ERR_LIMIT,
 * DG_ERR_MEMORY.
 */
DG_MUST_USE dg_err_t dg_requirements_parse(dg_arena_t *arena, dg_span_t text,
    dg_diag_t *diag, dg_requirements_t **out);

/*
 * True when what lookup tells satisfies the expression.  Numbers compare with
 * values that are numbers; a comparison with an absent or unfit value is
 * false, but for "!=", which is true.  Text orders by bytes.
 */
bool dg_requirements_match(const dg_requirements_t *requirements,
    dg_requirements_lookup_pt lookup, void *ctx);

#endif
