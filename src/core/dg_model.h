/*
 * A service's model: botocore's service-2.json and the overlay beside it,
 * compiled once into an arena and read-only from then on.
 *
 * Sources: botocore's model layout; Smithy awsJson1_0, awsJson1_1,
 * restJson1 and rpc-v2-cbor; the overlay is ours (docs/services.md).
 */

#ifndef DG_MODEL_H
#define DG_MODEL_H

#include "dg_arena.h"
#include "dg_err.h"
#include "dg_refusal.h"
#include "dg_request.h"

typedef enum {
    DG_PROTOCOL_AWS_JSON_1_0,
    DG_PROTOCOL_AWS_JSON_1_1,
    DG_PROTOCOL_REST_JSON,
    DG_PROTOCOL_RPC_V2_CBOR,
    DG_PROTOCOL_BROKER,         /* REST-JSON with the broker's wire form */
    DG_PROTOCOL_CONTAINER,      /* credentials for SDKs in containers */
    DG_PROTOCOL_OAUTH           /* a token endpoint, RFC 6749 section 5.2 */
} dg_protocol_t;

typedef enum {
    DG_ACCESS_READ,
    DG_ACCESS_LIST,
    DG_ACCESS_WRITE,
    DG_ACCESS_TAGGING,
    DG_ACCESS_PERMISSIONS,
    DG_ACCESS_GRANT
} dg_access_t;

typedef enum {
    DG_SHAPE_STRUCTURE,
    DG_SHAPE_LIST,
    DG_SHAPE_MAP,
    DG_SHAPE_STRING,
    DG_SHAPE_INTEGER,
    DG_SHAPE_LONG,
    DG_SHAPE_FLOAT,
    DG_SHAPE_DOUBLE,
    DG_SHAPE_BOOLEAN,
    DG_SHAPE_TIMESTAMP,
    DG_SHAPE_BLOB,
    DG_SHAPE_DOCUMENT
} dg_shape_type_t;

typedef struct dg_shape_s      dg_shape_t;
typedef struct dg_member_s     dg_member_t;
typedef struct dg_operation_s  dg_operation_t;
typedef struct dg_service_s    dg_service_t;

typedef enum {
    DG_LOCATION_BODY,
    DG_LOCATION_URI,
    DG_LOCATION_QUERY,
    DG_LOCATION_HEADER,
    DG_LOCATION_HEADERS,        /* a map: headers of one prefix */
    DG_LOCATION_STATUS          /* of an answer */
} dg_location_t;

struct dg_member_s {
    dg_span_t          name;           /* the SDK's name */
    dg_span_t          wire_name;      /* what stands in the body or query */
    dg_span_t          record_name;    /* as written in records, ready to
                                          copy: "workspaceId": */
    const dg_shape_t  *shape;
    dg_location_t      location;
    bool               required;
    bool               sensitive;      /* here, in the shape or the overlay */
    bool               is_file;        /* content of a file: recorded by
                                          length and SHA-256 */
    bool               is_requirements; /* an expression of
                                          dg_requirements.h */
    bool               is_permissions; /* Base64 of a file of
                                          dg_permissions.h */
    bool               idempotency_token;
    const dg_span_t   *aliases;
    size_t             alias_count;
};

struct dg_shape_s {
    dg_shape_type_t    type;
    dg_span_t          name;
    bool               sensitive;
    bool               is_union;
    bool               is_sparse;      /* lists and maps: null items allowed */

    dg_member_t       *members;        /* structures, by wire_name */
    size_t             member_count;
    size_t             required_count; /* of the members */
    uint16_t          *slots;          /* 1 + index of a member by a hash of
                                          its wire_name; 0: none */
    size_t             slot_mask;      /* slots - 1, a power of two less 1 */
    dg_member_t       *element;        /* lists: item; maps: value */
    dg_member_t       *map_key;

    bool               has_min, has_max;
    double             min, max;       /* characters, items, value, bytes */
    void              *pattern;        /* compiled pcre2_code, or NULL */
    dg_span_t          pattern_text;
    const dg_span_t   *values;         /* enum, sorted */
    size_t             value_count;

    bool               is_error;
    bool               is_fault;       /* the server's, not the client's */
    unsigned           error_status;   /* 0 when the model does not say */
    dg_span_t          error_code;
    dg_span_t          timestamp_format; /* unixTimestamp, iso8601... */
};

/* A resource type that an operation touches (overlay). */
typedef struct {
    dg_span_t          type;           /* "workspaceid" */
    dg_span_t          arn;            /* "arn:P:workspaces:R:A:
                                          workspace/${id}" */
    const dg_span_t   *members;        /* paths without list marks:
                                          "TerminateWorkspaceRequests
                                          /WorkspaceId"; none: created here */
    size_t             member_count;
} dg_resource_rule_t;

/* A condition key, and where an answer has its value. */
typedef struct {
    dg_span_t          key;            /* "dcv:Owner"; with '/' at its end:
                                          tags, whose keys complete it */
    bool               is_tags;        /* a list of Key and Value */
    dg_span_t          member;         /* from the item: "Server/Tags" */
} dg_told_fact_t;

/* What an answer of the operation tells of resources (overlay). */
typedef struct {
    const dg_span_t   *types;          /* of which resource types */
    size_t             type_count;
    dg_span_t          items;          /* list of the output; empty: the
                                          output speaks of one resource */
    dg_span_t          id;             /* of an item */
    dg_span_t          lookup;         /* member of the input that takes ids;
                                          empty: none does */
    bool               takes_list;     /* several ids at once */
    size_t             max;            /* ids of one call */
    dg_span_t          missing;        /* error of a resource that is not
                                          there; empty: none */
    const dg_told_fact_t *facts;
    size_t             fact_count;
} dg_telling_t;

/* What a caller writes of an existing resource and may be wrong about. */
typedef struct {
    dg_span_t          member;         /* from the item: "Owner" */
    dg_span_t          key;            /* that has the truth: "dcv:Owner" */
} dg_assertion_t;

struct dg_operation_s {
    const dg_service_t  *service;
    unsigned             index;        /* within the service, 0.. */
    dg_span_t            name;         /* PascalCase, also the eventName */
    dg_span_t            method;
    dg_span_t            uri;          /* template, REST only */
    const dg_shape_t    *input;        /* NULL when there is none */
    const dg_shape_t    *output;
    const dg_shape_t   **errors;
    size_t               error_count;
    const dg_member_t   *payload;      /* REST payload member, or NULL */
    bool                 bare_array;   /* broker: payload may be the array */
    bool                 read_only;    /* CloudTrail's readOnly */
    bool                 is_private;
    bool                 is_token_call; /* gives a broker's token for Basic
                                           credentials, takes no bearer */
    bool                 is_connection; /* its answer is the way into a
                                           session: dg_connection.h */
    bool                 is_description; /* of the service itself: the
                                            gateway may answer it */
    dg_access_t          access;
    dg_span_t            batch_member; /* list whose items are decided one by
                                          one; empty when not a batch */
    const dg_resource_rule_t *resources;
    size_t               resource_count;
    dg_span_t            tags;         /* path of the list (Key, Value) or
                                          map of tags; empty when none */
    dg_span_t            tag_keys;     /* path of a list of tag keys */
    const dg_span_t     *condition_keys;
    size_t               condition_key_count;
    const dg_telling_t  *telling;      /* NULL: nothing */
    const dg_assertion_t *assertions;
    size_t               assertion_count;
    unsigned             response_status;
    const void          *overlay;      /* const dg_json_t *, for later use */
};

typedef struct {
    dg_span_t  code;
    unsigned   status;
} dg_common_error_t;

struct dg_service_s {
    dg_span_t           name;          /* file's name: "workspaces" */
    dg_span_t           action_prefix; /* IAM service prefix */
    dg_span_t           signing_name;
    dg_span_t           endpoint_prefix;
    dg_span_t           api_version;
    dg_span_t           target_prefix;
    dg_span_t           event_source;  /* "workspaces.amazonaws.com" */
    dg_span_t           endpoint;      /* "NAME.${region}.amazonaws.com" */
    dg_span_t           namespace_name;
    dg_protocol_t       protocol;      /* the first that it speaks */
    bool                speaks_cbor;
    bool                is_broker;     /* upstream wants a bearer token */
    dg_span_t           description;   /* OpenAPI text that ships with it;
                                          set by whoever has the file */
    dg_operation_t     *operations;    /* sorted by name */
    size_t              operation_count;
    dg_common_error_t  *common_errors;
    size_t              common_error_count;
    dg_shape_t         *shapes;
    size_t              shape_count;
    const dg_span_t    *permission_only; /* actions that are no operation */
    size_t              permission_only_count;
    unsigned            patterns_skipped; /* that PCRE2 does not know: their
                                          members are not checked by them */
};

/* The hash of dg_shape_t.slots. */
static inline size_t
dg_model_hash(dg_span_t name)
{
    return name.len == 0 ? 0 : name.len * 31 + name.data[0] * 7
                               + name.data[name.len / 2] * 5
                               + name.data[name.len - 1] * 3u;
}


/* Bounds of a model; more is DG_ERR_LIMIT. */
#define DG_MODEL_TEXT_MAX        (16 * 1024 * 1024)
#define DG_MODEL_PATTERN_MAX     4096   /* bytes of a pattern */
#define DG_MODEL_MEMBERS_MAX     16384  /* of a structure */
#define DG_MODEL_PATH_PARTS_MAX  16     /* of an overlay's member path */

/* Steps that PCRE2 may take for one value (pcre2_set_match_limit). */
#define DG_MODEL_MATCH_LIMIT     100000

#define DG_MODEL_LABELS_MAX  8

/* What identify found. */
typedef struct {
    const dg_service_t    *service;    /* also set when only that is known */
    const dg_operation_t  *operation;
    dg_protocol_t          protocol;   /* of this call */
    dg_span_t              labels[DG_MODEL_LABELS_MAX]; /* raw path parts */
    const dg_member_t     *label_members[DG_MODEL_LABELS_MAX];
    size_t                 label_count;
} dg_call_t;


/*
 * Compiles a model.  `name` is the service's name; `overlay` may be empty.
 * Both texts may be released afterwards; *out lives in the arena.
 * DG_ERR_SYNTAX, DG_ERR_INVALID, DG_ERR_UNSUPPORTED (protocol),
 * DG_ERR_LIMIT or DG_ERR_MEMORY, each with *diag filled; diag->text names
 * the model or the overlay by the words "model" or "overlay".
 */
DG_MUST_USE dg_err_t dg_model_load(dg_arena_t *arena, dg_span_t name,
    dg_span_t model, dg_span_t overlay, dg_diag_t *diag,
    dg_service_t **out);

/* Frees compiled patterns, the only thing outside the arena. */
void dg_model_release(dg_service_t *service);

/*
 * Which service and operation.  services: those that the location
 * offers.  DG_ALLOWED, or UNKNOWN_OPERATION, AMBIGUOUS_OPERATION,
 * ACTION_DISAGREES; *call has the service as soon as it is known, so that a
 * refusal can take its form.
 */
dg_refusal_t dg_model_identify(const dg_service_t *const *services,
    size_t service_count, const dg_request_t *request,
    dg_call_t *call);

/* NULL when there is none.  Names compare exactly. */
const dg_operation_t *dg_model_operation(const dg_service_t *service,
    dg_span_t name);
const dg_member_t *dg_model_member(const dg_shape_t *structure,
    dg_span_t wire_name);
const dg_shape_t *dg_model_error(const dg_operation_t *operation,
    dg_span_t code);
const dg_shape_t *dg_model_shape(const dg_service_t *service,
    dg_span_t name);

/* The member that has `name` among its aliases, else NULL. */
const dg_member_t *dg_model_alias(const dg_shape_t *structure,
    dg_span_t name);

/*
 * Walks a path of wire names ("Workspaces/Tags/Key", lists and maps passed
 * silently) from a shape.  NULL when a part is not there.
 */
const dg_member_t *dg_model_path(const dg_shape_t *shape, dg_span_t path);

const char *dg_access_name(dg_access_t access);
const char *dg_protocol_name(dg_protocol_t protocol);

#endif
