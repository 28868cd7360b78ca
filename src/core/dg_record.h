/*
 * One call as a CloudTrail record, eventVersion 1.11: one line of JSON.
 *
 * The record is a plain snapshot of spans and numbers, so that it does not
 * depend on the request it tells of.  Everything of ours beyond CloudTrail's
 * fields stands in additionalEventData.deskgate.
 *
 * Source: AWS CloudTrail User Guide, "CloudTrail record contents for
 * management, data, and network activity events" and "CloudTrail
 * userIdentity element".
 */

#ifndef DG_RECORD_H
#define DG_RECORD_H

#include "dg_caller.h"
#include "dg_connection.h"
#include "dg_err.h"
#include "dg_refusal.h"

/* Bounds of the source, in bytes of UTF-8 (1 KB = 1024). */
#define DG_RECORD_TEXT_MAX        1024           /* strings, before escaping */
#define DG_RECORD_JSON_MAX        (100 * 1024)   /* parameters, elements */
#define DG_RECORD_ADDITIONAL_MAX  (28 * 1024)
#define DG_RECORD_RESOURCES_MAX   (24 * 1024)    /* ours; the list is cut */
#define DG_RECORD_MAX             (256 * 1024)   /* the line, LF included */

#define DG_RECORD_EVENT_ID_SIZE   36

typedef enum {
    DG_RECORD_ENFORCE,
    DG_RECORD_OBSERVE   /* nothing was refused; the refusal is what would
                           have been */
} dg_record_mode_t;

typedef enum {
    DG_RECORD_DURING_NONE,       /* the answer was complete */
    DG_RECORD_DURING_REQUEST,    /* the client went before it had sent all */
    DG_RECORD_DURING_UPSTREAM,   /* while the upstream had the call */
    DG_RECORD_DURING_RESPONSE    /* while the answer was sent */
} dg_record_abort_t;

typedef struct {
    dg_span_t  arn;
    dg_span_t  account;   /* empty: not written */
    dg_span_t  type;      /* "AWS::WorkSpaces::Workspace"; may be empty */
} dg_record_resource_t;

/*
 * How the policies decided; the ready JSON of it is left out of a record that
 * would become too long.
 */
typedef struct {
    dg_span_t  effect;        /* "explicit deny"; empty: not decided */
    dg_span_t  action;        /* "workspaces:RebootWorkspaces" */
    dg_span_t  layer;         /* form of the document: "identity" */
    dg_span_t  policy;        /* file that decided */
    dg_span_t  statement;     /* Sid or number within it */
    dg_span_t  resource;      /* ARN that was decided */
    size_t     resources;     /* how many there were; written above 1 */
    dg_span_t  set;           /* hex SHA-256 of the policy set */
    dg_span_t  policies;      /* ready: array of the documents that applied */
    dg_span_t  keys;          /* ready: see dg_policy_context_write() */
    dg_span_t  item_keys;     /* ready: likewise */
    dg_span_t  shadow;        /* ready: array of sets that differ */
    dg_span_t  facts;         /* of resources: "looked_up", "cached"; empty */
    bool       omitted;       /* documents or keys are missing */
} dg_record_decision_t;

/* How the upstream answered; status 0 when it was not asked or did not. */
typedef struct {
    dg_span_t  address;      /* "192.0.2.7:443" of the last attempt */
    dg_span_t  request_id;   /* its own */
    unsigned   status;
    unsigned   attempts;     /* 0: never asked */
    int64_t    connect_ms;   /* below 0: not known */
    int64_t    header_ms;
    int64_t    response_ms;
    uint64_t   bytes_sent;
    uint64_t   bytes_received;
} dg_record_upstream_t;

/*
 * All spans borrowed.  An empty span is left out of the record unless the
 * field must be there.
 */
typedef struct {
    /* the event */
    int64_t             time;          /* wall seconds, completion */
    dg_span_t           event_id;      /* 36 characters, a UUID */
    dg_span_t           request_id;    /* as told to the client */
    dg_span_t           event_source;  /* empty: "deskgate" */
    dg_span_t           event_name;    /* empty: "UnknownOperation" */
    dg_span_t           region;
    dg_span_t           account;       /* recipientAccountId */
    dg_span_t           api_version;
    bool                read_only;     /* CloudTrail's */

    /* the caller; NULL and unverified ones are of type Unknown, and what
       the latter claims stands in additionalEventData.deskgate.claimed */
    const dg_caller_t  *caller;
    dg_span_t           source_ip;
    dg_span_t           user_agent;

    /* tlsDetails; left out when tls_version is empty */
    dg_span_t           tls_version;   /* "TLSv1.3" */
    dg_span_t           tls_cipher;
    dg_span_t           tls_exchange;  /* "x25519" */
    dg_span_t           host;          /* clientProvidedHostHeader */

    /* Ready JSON on one line, already redacted; empty: null.  The second is
       null as well when the call is read-only or has an error code. */
    dg_span_t           request_parameters;
    dg_span_t           response_elements;

    dg_span_t           error_code;    /* only on failure */
    dg_span_t           error_message;

    const dg_record_resource_t *resources;
    size_t              resource_count;

    /* additionalEventData.deskgate */
    dg_record_mode_t    mode;
    dg_refusal_t        refusal;       /* DG_ALLOWED: decision "allowed" */
    dg_record_abort_t   aborted;
    unsigned            status;        /* sent to the client; 0: none */
    dg_span_t           gateway;       /* this gateway's name */
    dg_span_t           service;       /* the model's name */
    dg_span_t           protocol;      /* "awsJson1_1" */
    dg_record_decision_t decision;
    dg_span_t           bucket;        /* throttle that refused */
    uint64_t            retry_ms;      /* told with a throttled call */
    dg_span_t           translation;   /* provider: "static", "broker" */
    dg_span_t           credential;    /* access key id used upstream */
    dg_span_t           role;          /* ARN or session used upstream */
    dg_span_t           received_hash; /* hex SHA-256 of the body */
    dg_span_t           sent_hash;     /* likewise, as signed and sent */
    dg_span_t           canonical_hash; /* of a signature that mismatched */
    dg_span_t           own_request_id; /* this gateway's, whatever was told */
    dg_span_t           client_token;  /* hex SHA-256 of the ClientToken */
    dg_span_t           invocation_id; /* amz-sdk-invocation-id */
    dg_span_t           attempt;       /* amz-sdk-request */
    dg_span_t           path;          /* when no operation was found */
    unsigned            failed_items;  /* of a batch that was answered */
    const dg_connection_token_t *connection; /* given to the caller; NULL:
                                          none, or opaque */
    int64_t             duration_ms;   /* below 0: not known */
    uint64_t            bytes_received; /* from the client */
    uint64_t            bytes_sent;
    dg_record_upstream_t upstream;
} dg_record_t;


/*
 * Appends the record as one line with its LF.  What is too long is cut at a
 * character's end or left out, as the source says; the line always ends up
 * within DG_RECORD_MAX and is valid JSON when the two ready texts are.
 * DG_ERR_LIMIT: it does not fit into the writer, which is as before.
 */
DG_MUST_USE dg_err_t dg_record_write(dg_writer_t *w, const dg_record_t *r);

#endif
