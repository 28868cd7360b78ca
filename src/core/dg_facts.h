/*
 * Facts of existing resources: what deskgate itself found out about them,
 * never what a caller wrote.  Whoever looks them up hands one dg_facts_t for
 * each resource of a call to the decision (dg_call_facts_t.about); policies
 * read them as aws:ResourceTag/KEY, dcv:Owner, workspaces:DirectoryId, ...
 * dg_conditions_needs() tells which keys a call's policies read at all, so
 * that a call whose policies read none costs no lookup.
 *
 * All is borrowed for the time of a decision.
 */

#ifndef DG_FACTS_H
#define DG_FACTS_H

#include "dg_span.h"

typedef enum {
    DG_FACTS_UNKNOWN = 0,  /* not looked up: a condition on them is undecided,
                              and a call that needs it is not allowed */
    DG_FACTS_KNOWN,        /* the rows are all: a key without one is absent */
    DG_FACTS_NO_RESOURCE   /* looked up and not there: every key is absent */
} dg_facts_state_t;

/* Several rows of one key are several values. */
typedef struct {
    dg_span_t  key;        /* as policies write it: "aws:ResourceTag/team";
                              any case */
    dg_span_t  value;      /* may be empty, and is a value then */
} dg_fact_t;

typedef struct {
    dg_facts_state_t  state;
    const dg_fact_t  *rows;
    size_t            count;
} dg_facts_t;

#endif
