/*
 * The sandbox's engine: a stand-in for a service that is told by data what
 * the service is.  The model says which operations, inputs and outputs there
 * are; NAME.sandbox.json beside it says which entities they create, list,
 * change and delete (docs/sandbox.md has the format).  There is no table of
 * answers: an answer is the walk over the operation's output shape, with
 * members taken by name from the entities.
 *
 * Plain C, no nginx: state lives behind a store, time and memory are
 * arguments.  One call runs under the store's lock from beginning to end.
 */

#ifndef DG_SANDBOX_H
#define DG_SANDBOX_H

#include "core/dg_crypto.h"
#include "core/dg_model.h"
#include "dg_sandbox_tree.h"

#define DG_SANDBOX_KEY_MAX      512     /* bytes of a store key */
#define DG_SANDBOX_VALUE_MAX    65536   /* bytes of one record */
#define DG_SANDBOX_MESSAGE_MAX  512
#define DG_SANDBOX_PAGE         25      /* where the model names no maximum */
#define DG_SANDBOX_SEAL_SIZE    32

/*
 * Ordered records.  Spans that come out live until the next put or del.
 * put: DG_ERR_FULL when there is no place, DG_ERR_LIMIT above the maxima.
 */
typedef struct {
    bool      (*get)(void *ctx, dg_span_t key, dg_span_t *value);
    dg_err_t  (*put)(void *ctx, dg_span_t key, dg_span_t value);
    void      (*del)(void *ctx, dg_span_t key);

    /* the first record behind `after` whose key begins with `prefix` */
    bool      (*next)(void *ctx, dg_span_t prefix, dg_span_t after,
                   dg_span_t *key, dg_span_t *value);
} dg_sandbox_store_t;

/* A service and its data, read-only once loaded. */
typedef struct {
    const dg_service_t  *service;
    const dg_json_t     *root;
    const dg_json_t     *entities;
    const dg_json_t     *operations;
} dg_sandbox_service_t;

/* Where and when a call happens. */
typedef struct {
    const dg_sandbox_store_t  *store;
    void                      *store_ctx;
    dg_crypto_t               *crypto;
    dg_span_t                  account;
    dg_span_t                  region;
    int64_t                    now;      /* milliseconds since 1970 */
    const uint8_t             *seal;     /* key of the paging tokens */
    dg_span_t                  request_id;
} dg_sandbox_env_t;

/* What can be wrong with a call, beside what its input shape says. */
typedef enum {
    DG_FAULT_NONE = 0,
    DG_FAULT_INVALID,     /* a value that only the state can judge */
    DG_FAULT_NOT_FOUND,
    DG_FAULT_EXISTS,
    DG_FAULT_STATE,
    DG_FAULT_IN_USE,
    DG_FAULT_CONFLICT,    /* a ClientToken with another input */
    DG_FAULT_FULL,
    DG_FAULT_INTERNAL
} dg_fault_t;

typedef struct {
    dg_tree_t                    tree;
    const dg_sandbox_env_t      *env;
    const dg_sandbox_service_t  *data;
    const dg_operation_t        *operation;
    const dg_json_t             *row;      /* of the operation in the data */
    const dg_json_t             *input;    /* an object, never NULL */
    dg_json_t                   *output;
    const dg_json_t             *entity;   /* the one it was about, or NULL */
    const dg_json_t             *entity_def;
    dg_json_t                   *servers;  /* as they stand now, by id, kept
                                              until a session changes */

    dg_fault_t                   fault;
    dg_span_t                    code;     /* of the error, when given */
    dg_span_t                    resource; /* id that the error names */
    char                         message[DG_SANDBOX_MESSAGE_MAX];
} dg_sandbox_call_t;


/* dg_sandbox_data.c */

/*
 * Parses and checks the data of a service: every operation of the model has
 * a row and every row an operation, entities that rows name are there.
 * DG_ERR_SYNTAX, DG_ERR_INVALID, DG_ERR_LIMIT, DG_ERR_MEMORY with *diag.
 */
DG_MUST_USE dg_err_t dg_sandbox_load(dg_arena_t *arena,
    const dg_service_t *service, dg_span_t text, dg_diag_t *diag,
    dg_sandbox_service_t *out);

/* The member of a list type that an operation's output names first. */
const dg_member_t *dg_sandbox_list_member(const dg_shape_t *output);


/* dg_sandbox_run.c */

/*
 * Runs a call whose input was found valid by the model.  call: tree, env,
 * data, operation and input set, the rest zero.  DG_OK: call->output is the
 * answer.  DG_ERR_INVALID: call->fault and call->message say why not.
 * DG_ERR_MEMORY, DG_ERR_CRYPTO.
 */
DG_MUST_USE dg_err_t dg_sandbox_run(dg_sandbox_call_t *call);

/* Notes a fault and returns DG_ERR_INVALID. */
dg_err_t dg_sandbox_fault(dg_sandbox_call_t *call, dg_fault_t fault,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A string of the data file, or the empty span. */
dg_span_t dg_sandbox_text(const dg_json_t *object, const char *name);


/* dg_sandbox_error.c */

/*
 * The shape of the operation's model that stands for the fault; NULL when it
 * has none, *code is then a common error's name and *status its status.
 */
const dg_shape_t *dg_sandbox_error(const dg_sandbox_call_t *call,
    dg_span_t *code, unsigned *status);

/* The name of the fault in a list of failures, which no model bounds. */
dg_span_t dg_sandbox_error_name(dg_fault_t fault);

/* A provoked error by name: as above; false when the model has none. */
bool dg_sandbox_error_named(const dg_operation_t *operation, dg_span_t name,
    const dg_shape_t **shape, dg_span_t *code, unsigned *status);

#endif
