/*
 * Looking facts of resources up: which calls tell what policies read, their
 * requests, their answers, and the form in which facts are kept.  What tells
 * what is said by the overlays (dg_telling_t); sending is somebody else's.
 *
 * An answer is believed only as far as it goes: a resource that an answer
 * with a further page does not have stays unknown, and an answer about a
 * resource that nobody asked for is none.
 *
 * Sources: Amazon WorkSpaces API Reference, DescribeWorkspaces, DescribeTags;
 * Amazon DCV Session Manager Developer Guide, DescribeSessions,
 * DescribeServers; awsJson1_0 and 1_1 (X-Amz-Target, __type).
 */

#ifndef DG_LOOKUP_H
#define DG_LOOKUP_H

#include "dg_conditions.h"
#include "dg_sigv4.h"

#define DG_LOOKUP_CALLS_MAX    4               /* that one call needs */
#define DG_LOOKUP_IDS_MAX      500             /* resources of one call */
#define DG_LOOKUP_ID_MAX       256             /* bytes of an id */
#define DG_LOOKUP_ROWS_MAX     256             /* facts of one resource */
#define DG_LOOKUP_ANSWER_MAX   (1024 * 1024)   /* bytes */
#define DG_LOOKUP_PACKED_MAX   32768           /* bytes of one resource */
#define DG_LOOKUP_HEADERS_MAX  6
#define DG_LOOKUP_NO_ID        UINT32_MAX

/* One kind of lookup that a call needs. */
typedef struct {
    const dg_operation_t  *operation;   /* that tells */
    const dg_span_t       *ids;         /* each once */
    size_t                 id_count;
    const uint32_t        *of;          /* of each resource of the call: its
                                           index in ids, or NO_ID */
} dg_lookup_t;

typedef struct {
    dg_lookup_t  lookups[DG_LOOKUP_CALLS_MAX];
    size_t       count;
} dg_lookup_plan_t;


/*
 * What must be looked up for a call whose policies need these keys.  Lists
 * are in the arena, ids are borrowed from the resources.  A resource without
 * an id, or of a type that nobody tells of, is in no lookup and stays
 * unknown.  DG_ERR_LIMIT: more resources or longer ids than the bounds;
 * DG_ERR_MEMORY.
 */
DG_MUST_USE dg_err_t dg_lookup_plan(dg_arena_t *arena,
    const dg_operation_t *operation, const dg_conditions_needs_t *needs,
    const dg_resource_t *resources, size_t resource_count,
    dg_lookup_plan_t *plan);

/*
 * A needed key that no lookup tells of some resource of the operation: the
 * policy can never be decided.  NULL when there is none.
 */
const dg_policy_key_t *dg_lookup_gap(const dg_operation_t *operation,
    const dg_conditions_needs_t *needs);

/* Bytes that dg_lookup_write() writes at the most. */
size_t dg_lookup_size(const dg_operation_t *lookup, const dg_span_t *ids,
    size_t count);

/* The body of the request, JSON. */
void dg_lookup_write(dg_writer_t *w, const dg_operation_t *lookup,
    const dg_span_t *ids, size_t count);

/* What a request to a service of AWS is signed with. */
typedef struct {
    dg_signing_keys_t       *keys;
    dg_crypto_t             *crypto;
    const dg_credentials_t  *credentials;
    dg_span_t                host;
    dg_span_t                region;
    int64_t                  now;       /* seconds */
} dg_lookup_signer_t;

/*
 * Its headers, Host not among them: *count, in the arena.  A broker is given
 * `authorization` and no signature, the others are signed.  Errors of
 * dg_sigv4_sign().
 */
DG_MUST_USE dg_err_t dg_lookup_headers(dg_arena_t *arena,
    const dg_operation_t *lookup, dg_span_t body,
    const dg_lookup_signer_t *signer, dg_span_t authorization,
    dg_header_t headers[DG_LOOKUP_HEADERS_MAX], size_t *count);

/*
 * Reads an answer about these ids into facts[i] of ids[i], rows and texts in
 * the arena.  DG_ERR_SYNTAX (no JSON), DG_ERR_INVALID (not what the model
 * says, or about a resource that was not asked for, or twice),
 * DG_ERR_LIMIT, DG_ERR_MEMORY; DG_ERR_UNSUPPORTED: the service refused, with
 * diag->text saying its error.  All facts are unknown then.
 */
DG_MUST_USE dg_err_t dg_lookup_read(dg_arena_t *arena,
    const dg_operation_t *lookup, const dg_span_t *ids, size_t count,
    unsigned status, dg_span_t answer, dg_facts_t *facts, dg_diag_t *diag);

/* Facts as one text, at most DG_LOOKUP_PACKED_MAX bytes. */
void dg_lookup_pack(dg_writer_t *w, const dg_facts_t *facts);

/*
 * Adds the rows of a packed text, from another lookup about the same
 * resource, to *facts: one that says that it is not there prevails.
 * DG_ERR_SYNTAX, DG_ERR_MEMORY.
 */
DG_MUST_USE dg_err_t dg_lookup_unpack(dg_arena_t *arena, dg_span_t packed,
    dg_facts_t *facts);

/*
 * What the caller asserts of a resource and is not so: the member's name;
 * empty when there is none.  Nothing is said of what is unknown.
 */
dg_span_t dg_lookup_false_assertion(const dg_call_facts_t *call);

#endif
