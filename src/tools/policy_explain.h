/*
 * Saying how a call is decided: shared by what explain does with a call of
 * the command line and with one of a trail.
 */

#ifndef POLICY_EXPLAIN_H
#define POLICY_EXPLAIN_H

#include "policy_trail.h"

/* What explain was told of a recorded call. */
typedef struct {
    const char       *request_id;
    char            **files;      /* of the trail */
    size_t            file_count;
    policy_call_t    *policies;   /* --policy: instead of the record's */
} policy_explain_t;


/*
 * Decides and prints how each statement came out and the decision; as JSON
 * the members of an object that was begun, and its end.  False with a line
 * on stderr.
 */
bool policy_explain_call(policy_tool_t *tool, policy_call_t *call,
    dg_policy_decision_t *decision);

/* Explains a recorded call; the exit status. */
int policy_explain_record(policy_tool_t *tool,
    const policy_explain_t *explain);

#endif
