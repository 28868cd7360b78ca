/*
 * What the commands of deskgate-policy share: files, models, documents and a
 * call that is described by hand.  All memory is of the process.
 */

#ifndef POLICY_TOOL_H
#define POLICY_TOOL_H

#include "dg_json.h"
#include "dg_policy_catalogue.h"

#include <stdbool.h>

#define POLICY_TOOL_DOCUMENTS  64
#define POLICY_TOOL_VALUES     1024   /* context values of a call */
#define POLICY_TOOL_SERVICES   16
#define POLICY_TOOL_ISSUERS    32
#define POLICY_TOOL_RESOURCES  128
#define POLICY_TOOL_MISSING    16     /* unknown keys that are told */

typedef struct {
    bool                    json;
    bool                    color;
    bool                    strict;
    bool                    ready;       /* models and issuers are read */
    dg_arena_t              arena;
    const char             *models;      /* NULL: model-free */
    dg_policy_catalogue_t   catalogue;
    const dg_service_t     *services[POLICY_TOOL_SERVICES];
    size_t                  service_count;
    dg_span_t               issuers[POLICY_TOOL_ISSUERS];
    size_t                  issuer_count;

    /* of the file that is loaded, for reports */
    const char             *file;
    bool                    quiet;       /* warnings are not shown */
    unsigned                errors;
    unsigned                warnings;
} policy_tool_t;

#define POLICY_TOOL_EVERY      SIZE_MAX   /* resource: all of them */

typedef enum {
    POLICY_VALUE,
    POLICY_VALUE_UNKNOWN,   /* the key's value is not known */
    POLICY_VALUE_NONE       /* the key is absent */
} policy_value_kind_t;

typedef struct {
    dg_span_t            key;
    dg_span_t            value;
    policy_value_kind_t  kind;
    size_t               resource;  /* index, or POLICY_TOOL_EVERY */
    size_t               first;     /* of the key's values, in the list */
    size_t               count;
} policy_value_t;

/* A call and the documents that decide it. */
typedef struct {
    dg_policy_document_t    documents[POLICY_TOOL_DOCUMENTS];
    size_t                  document_count;
    policy_value_t          values[POLICY_TOOL_VALUES];
    size_t                  value_count;
    dg_span_t               resources[POLICY_TOOL_RESOURCES];
    dg_span_t               list[POLICY_TOOL_VALUES];  /* key by key */
    bool                    partial;     /* what has no value is not known */
    dg_span_t               missing[POLICY_TOOL_MISSING];  /* of these, asked */
    size_t                  missing_count;
    dg_policy_request_t     request;
} policy_call_t;


void policy_tool_init(policy_tool_t *tool);

/* The whole file; data is NULL, with a line on stderr, when it is not read. */
dg_span_t policy_file_read(policy_tool_t *tool, const char *path);

/*
 * Loads every NAME.json of tool->models with NAME.overlay.json beside it and
 * makes the catalogue.  False with a line on stderr.
 */
bool policy_models_load(policy_tool_t *tool);

/* The form of that name; false when there is none. */
bool policy_form_parse(dg_span_t name, dg_policy_form_t *form);

/*
 * Loads a document; its problems are printed and counted in the tool.  NULL
 * when it is refused.  `file` is what the problems name.
 */
const dg_policy_t *policy_document_load(policy_tool_t *tool,
    const char *file, dg_span_t text, dg_policy_form_t form);

/* Adds a document to a call; false with a line on stderr when it is full. */
bool policy_call_add(policy_call_t *call, const dg_policy_t *policy,
    dg_span_t name);

/* Reads a document and adds it to a call. */
bool policy_call_file(policy_tool_t *tool, policy_call_t *call,
    const char *file, dg_policy_form_t form);

/* Adds one value of a context key, for one resource or for all. */
bool policy_call_value(policy_call_t *call, dg_span_t key, dg_span_t value,
    policy_value_kind_t kind, size_t resource);

/* Says it of a key that has no value yet. */
bool policy_call_default(policy_call_t *call, const char *key,
    dg_span_t value, policy_value_kind_t kind);

bool policy_call_resource(policy_call_t *call, dg_span_t arn);

/* The principal's account is taken from its ARN. */
void policy_call_principal(policy_call_t *call, dg_span_t arn);

/*
 * Makes the request ready: aws:PrincipalArn and aws:PrincipalAccount have
 * values when the context says nothing else.  False with a line on stderr.
 */
bool policy_call_ready(policy_call_t *call);

/* Makes it ready; the set of its documents, NULL with a line on stderr. */
const dg_policy_set_t *policy_call_prepare(policy_tool_t *tool,
    policy_call_t *call);

/* A line on stderr. */
void policy_complain(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* The escape sequence of a colour, or "". */
const char *policy_color(const policy_tool_t *tool, const char *sequence);

/* A span on stdout: as it is, as a JSON string, as a member with a comma. */
void policy_print(dg_span_t text);
void policy_print_json(dg_span_t text);
void policy_print_member(const char *name, dg_span_t text);

/* The member's text; empty when it is no string or not there. */
dg_span_t policy_member(const dg_json_t *object, const char *name);

#endif
