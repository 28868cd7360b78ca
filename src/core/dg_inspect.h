/*
 * Inspection of a call's input: ONE pass over what the client sent (path
 * labels, query and header members, body) against the operation's model.
 *
 * It checks the input, collects every scalar value for policies (resources,
 * tags and condition keys come from them), and writes the redacted copy that
 * becomes the record's requestParameters.  JSON and CBOR bodies pass through
 * the same code.  Nothing that was found may be acted on before the caller
 * is verified: the inspector itself changes nothing.
 *
 * All memory comes from the arena and is bounded whatever the body is: see
 * the limits below; what exceeds them is refused, except the redacted copy,
 * whose content is dropped above its limit (CloudTrail record contents,
 * requestParameters: 100 KB).
 *
 * Wording of validation errors follows the service's own: "2 validation
 * errors detected: Value at 'a' failed to satisfy constraint: Member must
 * not be null; Value at ...".  No text ever contains a value.
 */

#ifndef DG_INSPECT_H
#define DG_INSPECT_H

#include "dg_caller.h"
#include "dg_crypto.h"
#include "dg_model.h"
#include "dg_relaxation.h"

#define DG_INSPECT_VALUES_MAX    16384           /* scalars of one input */
#define DG_INSPECT_BYTES_MAX     (2 * 1024 * 1024)  /* of values and paths */
#define DG_INSPECT_COPY_MAX      (100 * 1024)    /* redacted copy, bytes */
#define DG_INSPECT_MESSAGE_MAX   1024            /* validation text, bytes */
#define DG_INSPECT_UNKNOWN_MAX   64              /* unknown members listed */
#define DG_INSPECT_PATH_MAX      512             /* bytes of a member path */
#define DG_INSPECT_DEPTH_MAX     64

#define DG_INSPECT_HIDDEN        "HIDDEN_DUE_TO_SECURITY_REASONS"

/* The value belongs to the whole call, not to one item of a batch. */
#define DG_INSPECT_NO_ITEM       UINT32_MAX

typedef enum {
    DG_VALIDATE_ON,    /* refuse what the model does not allow */
    DG_VALIDATE_LOG,   /* collect the errors, refuse nothing */
    DG_VALIDATE_OFF    /* collect no errors */
} dg_validate_t;

typedef struct {
    dg_validate_t           validate;

    /* Unknown members and enum values that are let through. */
    const dg_relaxation_t  *relaxed;
    size_t                  relaxed_count;

    /* Digests of hidden file contents; NULL: their length only. */
    dg_crypto_t            *crypto;
} dg_inspect_options_t;

/*
 * A scalar of the input.  Blobs are not among them.  Members of lists and
 * maps have the path of their list; several values then have one path.
 */
typedef struct {
    dg_span_t  path;       /* "Workspaces/WorkspaceProperties/RunningMode" */
    dg_span_t  name;       /* the end of path that is relative to the item:
                              "WorkspaceProperties/RunningMode" */
    dg_span_t  text;       /* string; number as JSON text; true, false */
    uint32_t   item;       /* index in the batch, or DG_INSPECT_NO_ITEM */
    uint32_t   group;      /* same number: members of one structure */
    bool       sensitive;  /* never to be logged or recorded */
    bool       is_unknown; /* enum value that the model does not have */
} dg_inspect_value_t;

/* A tag that the request carries. */
typedef struct {
    dg_span_t  key;
    dg_span_t  value;
    uint32_t   item;
} dg_inspect_tag_t;

typedef struct {
    /* what policies read */
    const dg_inspect_value_t  *values;
    size_t                     value_count;
    const dg_inspect_tag_t    *tags;          /* aws:RequestTag/KEY */
    size_t                     tag_count;
    const dg_inspect_tag_t    *tag_keys;      /* aws:TagKeys, value empty */
    size_t                     tag_key_count;
    uint32_t                   item_count;    /* 1 when not a batch */
    const dg_span_t           *unknown;       /* paths, let through or not */
    size_t                     unknown_count;

    /* what the record says: compact JSON; empty stands for null */
    dg_span_t                  parameters;
    bool                       parameters_dropped;  /* above the limit */
    dg_span_t                  client_token;

    /* validation: also with DG_VALIDATE_LOG */
    unsigned                   error_count;
    dg_span_t                  message;       /* for the client; may be empty */

    /*
     * The broker's bare array within the body, bytes [array_from, array_to):
     * what goes upstream.  has_array is false for any other operation.
     */
    bool                       has_array;
    bool                       array_is_body; /* nothing around it: as sent */
    size_t                     array_from;
    size_t                     array_to;
} dg_inspection_t;

typedef struct dg_inspect_s  dg_inspect_t;


/*
 * Starts the inspection of a call: labels, query and header members are read
 * here.  call and request must have been identified and must outlive the
 * inspector; options may be released.  NULL without memory.
 */
dg_inspect_t *dg_inspect_create(dg_arena_t *arena,
    const dg_inspect_options_t *options, const dg_call_t *call,
    const dg_request_t *request);

/*
 * The next piece of the body.  DG_ALLOWED to go on; BODY_MALFORMED,
 * BODY_LIMIT or INTERNAL (no memory) end the inspection: further pieces are
 * not looked at and give the same refusal.
 */
DG_MUST_USE dg_refusal_t dg_inspect_feed(dg_inspect_t *inspect,
    dg_span_t piece);

/*
 * The body has ended (also when there was none).  Gives the refusal of
 * feed, or BODY_INVALID with DG_VALIDATE_ON, or with any mode when a value
 * that policies depend on has another structure than the model's.
 * *result is always set and lives in the arena; after an unfinished
 * inspection it holds what was seen so far and no parameters.
 */
DG_MUST_USE dg_refusal_t dg_inspect_finish(dg_inspect_t *inspect,
    const dg_inspection_t **result);

/*
 * Instead of, or after, dg_inspect_finish: gives back what is not the
 * arena's.  NULL is allowed.
 */
void dg_inspect_abandon(dg_inspect_t *inspect);


/* A resource that the call touches. */
typedef struct {
    dg_span_t  arn;
    dg_span_t  type;       /* of the rule: "workspaceid" */
    dg_span_t  id;         /* the value; "*" when there is none (create) */
    uint32_t   item;       /* index in the batch, or DG_INSPECT_NO_ITEM */
    uint32_t   rule;       /* index in operation->resources */
} dg_resource_t;

/*
 * The resources of a call by the operation's rules, rule by rule.  A rule
 * without members, or whose members the input lacks, gives one resource with
 * id "*".  count 0: the action knows "*" only.  DG_ERR_MEMORY.
 */
DG_MUST_USE dg_err_t dg_resource_arns(dg_arena_t *arena,
    const dg_operation_t *operation, const dg_inspection_t *inspection,
    dg_span_t partition, dg_span_t region, dg_span_t account,
    const dg_resource_t **resources, size_t *count);

#endif
