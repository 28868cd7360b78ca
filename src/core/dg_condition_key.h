/*
 * The condition keys that a gateway can give a value for: one table for the
 * loader of policies, the lookup of values and docs/policy.md.
 *
 * Sources: IAM User Guide, "AWS global condition context keys"; Service
 * Authorization Reference, Amazon WorkSpaces; dcv: and deskgate: keys are
 * ours (docs/policy.md).
 */

#ifndef DG_CONDITION_KEY_H
#define DG_CONDITION_KEY_H

#include "dg_model.h"
#include "dg_policy.h"

typedef enum {
    DG_KEY_CURRENT_TIME,
    DG_KEY_EPOCH_TIME,
    DG_KEY_FEDERATED_PROVIDER,
    DG_KEY_MFA_PRESENT,
    DG_KEY_PRINCIPAL_ACCOUNT,
    DG_KEY_PRINCIPAL_ARN,
    DG_KEY_PRINCIPAL_TAG,
    DG_KEY_PRINCIPAL_TYPE,
    DG_KEY_REQUEST_TAG,
    DG_KEY_REQUESTED_REGION,
    DG_KEY_RESOURCE_TAG,
    DG_KEY_SECURE_TRANSPORT,
    DG_KEY_SOURCE_IDENTITY,
    DG_KEY_SOURCE_IP,
    DG_KEY_TAG_KEYS,
    DG_KEY_TOKEN_ISSUE_TIME,
    DG_KEY_USER_AGENT,
    DG_KEY_USER_ID,
    DG_KEY_USER_NAME,
    DG_KEY_DCV_OWNER,
    DG_KEY_DCV_PERMISSION_ACTORS,
    DG_KEY_DCV_PERMISSION_FEATURES,
    DG_KEY_DCV_PERMISSION_IMPORTS,
    DG_KEY_DCV_REQUIRED_PROPERTY,
    DG_KEY_DCV_REQUIRED_TAG,
    DG_KEY_DCV_REQUIREMENT_NAMES,
    DG_KEY_DCV_SERVER_TAG,
    DG_KEY_DCV_SESSION_NAME,
    DG_KEY_DCV_SESSION_TYPE,
    DG_KEY_DCV_SHARED_FEATURES,
    DG_KEY_DCV_USER,
    DG_KEY_ACCESS_LEVEL,
    DG_KEY_CALLER_DCV_USER,
    DG_KEY_ITEM_COUNT,
    DG_KEY_PRIVATE,
    DG_KEY_REASON,
    DG_KEY_REQUEST,
    DG_KEY_UNKNOWN_MEMBERS,
    DG_KEY_BUNDLE_ID,
    DG_KEY_DIRECTORY_ID,
    DG_KEY_WORKSPACE_USER_NAME,
    DG_KEY_COUNT,
    DG_KEY_CLAIM = DG_KEY_COUNT   /* ISSUER:CLAIM, not in the table */
} dg_key_id_t;

/* What a call must have for the key to be there. */
typedef enum {
    DG_KEY_WANTS_NOTHING,
    DG_KEY_WANTS_TAGS,          /* the input has tags */
    DG_KEY_WANTS_TAG_KEYS,      /* the input has tags or keys of tags */
    DG_KEY_WANTS_MEMBER,        /* the input has the member that it names */
    DG_KEY_WANTS_PERMISSIONS,   /* the input has a permissions file */
    DG_KEY_WANTS_REQUIREMENTS,  /* the input has a Requirements expression */
    DG_KEY_WANTS_RESOURCE,      /* a resource of the types below */
    DG_KEY_WANTS_USER           /* a session, and the input has `member` */
} dg_key_wants_t;

#define DG_KEY_TYPES_MAX  2

typedef struct {
    const char            *name;
    dg_key_id_t            id;
    bool                   prefix;   /* the rest of the key says which */
    dg_policy_key_kind_t   kind;
    dg_key_wants_t         wants;

    /* WANTS_RESOURCE: which resources have it; none: all */
    const char            *types[DG_KEY_TYPES_MAX];

    /* the member of a call that creates such a resource; NULL: it has none */
    const char            *member;
} dg_condition_key_t;

/* Where a key's value comes from in calls of an operation. */
typedef enum {
    DG_KEY_NOWHERE,        /* it is never there */
    DG_KEY_FROM_CALL,      /* caller, connection, input */
    DG_KEY_FROM_RESOURCE   /* it must be looked up: dg_facts.h */
} dg_key_source_t;


/*
 * The row of a key in any case, *rest being what stands behind a prefix.
 * NULL for any other key.
 */
const dg_condition_key_t *dg_condition_key(dg_span_t name, dg_span_t *rest);

/* The i-th row, by name; NULL behind the last. */
const dg_condition_key_t *dg_condition_key_at(size_t i);

dg_key_source_t dg_condition_key_source(const dg_condition_key_t *key,
    dg_span_t rest, const dg_operation_t *operation);

/* Whether resources of the rule can have the key. */
bool dg_condition_key_is_of(const dg_condition_key_t *key,
    const dg_resource_rule_t *rule);

/*
 * Where `deskgate:Request/PATH` leads from the operation's input: the
 * member, or NULL.  A path names members by their wire names, in any case,
 * joined by '/'; lists are stepped through without being named; in a batch
 * call the path may start at the item.  *is_list: may have several values.
 */
const dg_member_t *dg_condition_member(const dg_operation_t *operation,
    dg_span_t path, bool *is_list);

/*
 * The member of an operation's input, or of the item of a batch call, that
 * holds a permissions file or an expression; NULL when there is none.
 */
const dg_member_t *dg_condition_text_member(const dg_operation_t *operation,
    dg_key_wants_t wants);

#endif
