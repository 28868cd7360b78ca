/*
 * The query part of a raw target, cut into parameters that stay encoded.
 * A '+' is a plus here: that is how SigV4 signers and AWS read a query.
 */

#ifndef DG_QUERY_H
#define DG_QUERY_H

#include "dg_arena.h"
#include "dg_err.h"

#define DG_QUERY_PARAMS_MAX  128

typedef struct {
    dg_span_t  name;   /* as received, still encoded */
    dg_span_t  value;  /* the same; empty when there is no '=' */
} dg_query_param_t;

typedef struct {
    dg_query_param_t  params[DG_QUERY_PARAMS_MAX];
    size_t            count;
} dg_query_t;


/*
 * Cuts at each '&' and at the first '='.  An empty query has no parameter; an
 * empty piece of "a&&b" is a parameter with an empty name, so that nothing
 * received is left out of what is signed.  DG_ERR_LIMIT, or DG_ERR_SYNTAX
 * when two hex digits do not follow a '%'.
 */
DG_MUST_USE dg_err_t dg_query_parse(dg_span_t query, dg_query_t *out);

/* True when the decoded name is `name`; ASCII case counts only if `exact`. */
bool dg_query_name_is(const dg_query_param_t *param, dg_span_t name,
    bool exact);

/*
 * The decoded value; the value itself when it has no escape, else a copy in
 * the arena.  data is NULL when there is no memory.
 */
dg_span_t dg_query_value(const dg_query_param_t *param, dg_arena_t *arena);

/*
 * Sorts by decoded-then-encoded name, then value, in byte order (the order of
 * the canonical query).
 */
void dg_query_sort(dg_query_t *query);

#endif
