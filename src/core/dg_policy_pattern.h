/*
 * Patterns of the policy language: text with `*` and `?`, and with variables
 * whose values are put in as they are (a wildcard inside a value is text).
 *
 * Matching never goes back further than to the last `*`, and every byte it
 * looks at is counted against a budget, so that no pattern, whatever it and
 * the text are, takes more than DG_POLICY_STEPS_MAX steps a decision.
 */

#ifndef DG_POLICY_PATTERN_H
#define DG_POLICY_PATTERN_H

#include "dg_policy.h"

/* Keys that a document reads, by index; shared with the conditions. */
typedef struct {
    dg_arena_t  *arena;
    dg_span_t   *names;
    size_t       count;
    size_t       room;
} dg_policy_keys_t;

typedef enum {
    DG_PIECE_TEXT,
    DG_PIECE_STAR,
    DG_PIECE_ANY,        /* `?`: one character of UTF-8 */
    DG_PIECE_VARIABLE
} dg_piece_kind_t;

typedef struct {
    dg_piece_kind_t  kind;
    bool             has_default;
    unsigned         key;        /* VARIABLE: index in the document's keys */
    dg_span_t        text;       /* TEXT, or the variable's default */
} dg_piece_t;

/* The forms that most patterns have, matched without a search. */
typedef enum {
    DG_PATTERN_PIECES,
    DG_PATTERN_ALL,        /* "*" */
    DG_PATTERN_EXACT,      /* text alone */
    DG_PATTERN_PREFIX      /* text and a star behind it */
} dg_pattern_form_t;

typedef struct {
    dg_pattern_form_t  form;
    const dg_piece_t  *pieces;
    size_t             count;
    size_t             variables;   /* how many of them */
} dg_pattern_t;

/* How a text is read. */
typedef enum {
    DG_PATTERN_WILDCARDS = 1,  /* `*` and `?` mean something */
    DG_PATTERN_VARIABLES = 2,  /* so does `${...}` */
    DG_PATTERN_NOCASE    = 4,  /* fold ASCII letters of the pattern */
    DG_PATTERN_SEGMENTS  = 8   /* `*` stays between colons, save at the end */
} dg_pattern_flags_t;

/* A pattern of an ARN: five plain parts and the resource. */
typedef struct {
    bool          all;       /* "*" alone */
    bool          whole;     /* part[5] is matched against the whole ARN */
    dg_span_t     head;      /* plain parts it begins with, and their colons */
    unsigned      from;      /* the first part behind them */
    size_t        variables; /* of all parts */
    dg_pattern_t  part[6];
} dg_arn_pattern_t;

typedef struct {
    dg_span_t  part[6];
    bool       valid;      /* "arn:" and five colons */
} dg_arn_t;


/*
 * The index of a key, added when it is new.  DG_ERR_MEMORY, or DG_ERR_LIMIT
 * above DG_POLICY_KEYS_MAX.
 */
DG_MUST_USE dg_err_t dg_policy_keys_add(dg_policy_keys_t *keys,
    dg_span_t name, unsigned *index);

/*
 * Compiles; the text must live as long as the pattern.  DG_ERR_SYNTAX (a
 * variable that is not well-formed), DG_ERR_LIMIT (too many variables or
 * keys), DG_ERR_MEMORY.  keys may be NULL without DG_PATTERN_VARIABLES.
 */
DG_MUST_USE dg_err_t dg_pattern_compile(dg_policy_keys_t *keys,
    dg_arena_t *arena, dg_span_t text, unsigned flags, dg_pattern_t *out);

/*
 * variables: the values of the pattern's variables, in their order.  *steps
 * is what is left of the budget; at 0 nothing matches any more.
 */
bool dg_pattern_match(const dg_pattern_t *pattern,
    const dg_span_t *variables, dg_span_t text, unsigned flags,
    size_t *steps);

/* True for a pattern that matches every text. */
bool dg_pattern_is_all(const dg_pattern_t *pattern);

/* Cuts at the first five colons. */
dg_arn_t dg_arn_split(dg_span_t text);

/*
 * Cuts a pattern at colons outside of `${...}`, the last part keeps all that
 * follows.  Returns the number of parts, at most 6.
 */
size_t dg_arn_split_pattern(dg_span_t text, bool variables,
    dg_span_t part[6]);

/* Resources: `*` stays between colons, save at the very end. */
bool dg_arn_match(const dg_arn_pattern_t *pattern,
    const dg_span_t *variables, const dg_arn_t *arn, dg_span_t text,
    unsigned flags, size_t *steps);

#endif
