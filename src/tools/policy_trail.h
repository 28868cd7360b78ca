/*
 * Records of a trail as calls that can be decided again.
 *
 * What a record does not have is not known: a key that was not read when the
 * call was decided is neither there nor absent.
 */

#ifndef POLICY_TRAIL_H
#define POLICY_TRAIL_H

#include "dg_crypto.h"
#include "policy_tool.h"

#define POLICY_TRAIL_SOURCES  256

/* A policy file; it is read once. */
typedef struct {
    dg_span_t           file;
    dg_policy_form_t    form;
    const dg_policy_t  *policy;   /* NULL: it could not be read */
    char                hash[DG_SHA256_HEX_SIZE];
} policy_source_t;

typedef struct {
    policy_tool_t      *tool;
    dg_crypto_t        *crypto;
    policy_source_t    *list[POLICY_TRAIL_SOURCES];
    size_t              count;
} policy_sources_t;

/* A document that applied to a recorded call. */
typedef struct {
    dg_span_t           file;
    dg_span_t           hash;     /* hex, as it was then */
    dg_policy_form_t    form;
    const policy_source_t *source;
    bool                changed;  /* since */
} policy_applied_t;

typedef struct {
    const dg_json_t    *root;
    const dg_json_t    *gate;     /* additionalEventData.deskgate */
    dg_span_t           request_id;
    dg_span_t           time;
    dg_span_t           effect;   /* "allow"; empty: policies not asked */
    bool                whole;    /* nothing was left out of it */
    policy_applied_t    applied[POLICY_TOOL_DOCUMENTS];
    size_t              applied_count;
} policy_record_t;

typedef bool (*policy_record_pt)(void *ctx, const policy_record_t *record);


/* False with a line on stderr. */
bool policy_sources_init(policy_sources_t *sources, policy_tool_t *tool);

/*
 * The file as a document of that form; NULL when there are too many.  What
 * is wrong with it was printed the first time.
 */
const policy_source_t *policy_source(policy_sources_t *sources,
    dg_span_t file, dg_policy_form_t form);

/*
 * Calls `take` for each record of the files, plain or gzipped, in their
 * order, until it returns false.  Only lines in which `needle` stands are
 * read, unless it is NULL.  What is no record is told on stderr and left
 * out.  False when a file could not be read.
 */
bool policy_trail_read(policy_tool_t *tool, char *const *files, size_t count,
    const char *needle, policy_record_pt take, void *ctx);

/*
 * The recorded request; values live as long as the record.  False with a
 * line on stderr when it has too much.
 */
bool policy_record_call(const policy_record_t *record, policy_call_t *call);

/*
 * What the models say of the call's operation: deskgate:AccessLevel and
 * deskgate:Private, unless the record has them.  Without models nothing is
 * added.  False with a line on stderr when the call is full.
 */
bool policy_call_operation(const policy_tool_t *tool, policy_call_t *call);

#endif
