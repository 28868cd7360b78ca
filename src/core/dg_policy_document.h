/*
 * The compiled form of a document: private to the policy unit.
 *
 * Keys of conditions and variables are indexes into the document's own list
 * of names; a set maps them to its own.
 */

#ifndef DG_POLICY_DOCUMENT_H
#define DG_POLICY_DOCUMENT_H

#include "dg_json.h"
#include "dg_policy_pattern.h"
#include "dg_policy_value.h"

typedef enum {
    DG_FAMILY_STRING,
    DG_FAMILY_STRING_NOCASE,
    DG_FAMILY_STRING_LIKE,
    DG_FAMILY_ARN,
    DG_FAMILY_NUMERIC,
    DG_FAMILY_DATE,
    DG_FAMILY_BOOL,
    DG_FAMILY_BINARY,
    DG_FAMILY_IP,
    DG_FAMILY_NULL
} dg_policy_family_t;

typedef enum {
    DG_RELATION_EQUAL,
    DG_RELATION_LESS,
    DG_RELATION_LESS_EQUAL,
    DG_RELATION_GREATER,
    DG_RELATION_GREATER_EQUAL
} dg_policy_relation_t;

typedef enum {
    DG_QUANTIFIER_NONE,
    DG_QUANTIFIER_ALL,
    DG_QUANTIFIER_ANY
} dg_policy_quantifier_t;

typedef struct {
    dg_policy_family_t      family;
    dg_policy_relation_t    relation;
    dg_policy_quantifier_t  quantifier;
    bool                    negated;
    bool                    if_exists;
} dg_policy_operator_t;

typedef union {
    dg_pattern_t      pattern;   /* strings */
    dg_arn_pattern_t  arn;
    dg_decimal_t      decimal;
    dg_instant_t      instant;
    dg_network_t      network;
    dg_span_t         binary;    /* Base64 */
    bool              truth;     /* Bool, Null */
} dg_policy_operand_t;

typedef struct {
    dg_policy_operator_t        op;
    dg_span_t                   op_text;
    unsigned                    key;
    const dg_policy_operand_t  *values;
    size_t                      count;
} dg_policy_condition_t;

typedef enum {
    DG_PRINCIPAL_EVERYONE,
    DG_PRINCIPAL_ACCOUNT,
    DG_PRINCIPAL_ARN,
    DG_PRINCIPAL_ROLE,        /* an iam role: its sessions too */
    DG_PRINCIPAL_FEDERATED,
    DG_PRINCIPAL_NEVER        /* Service, CanonicalUser: nobody here */
} dg_policy_principal_kind_t;

typedef struct {
    dg_policy_principal_kind_t  kind;
    dg_span_t                   text;      /* ARN pattern, issuer, account */
} dg_policy_principal_entry_t;

/* How well a principal fits; each includes what stands before it. */
typedef enum {
    DG_PRINCIPAL_FITS_NOT,
    DG_PRINCIPAL_FITS_ACCOUNT,   /* only through its account */
    DG_PRINCIPAL_FITS,           /* "*", a wildcard, a role, an issuer */
    DG_PRINCIPAL_FITS_EXACTLY    /* its very ARN */
} dg_policy_fit_t;

typedef struct {
    dg_span_t                     sid;
    unsigned                      line;
    bool                          is_deny;
    bool                          not_action;
    bool                          not_resource;
    bool                          not_principal;
    bool                          has_principal;

    const dg_pattern_t           *actions;      /* lower case */
    const dg_span_t              *action_texts; /* as written */
    size_t                        action_count;
    const dg_arn_pattern_t       *resources;
    size_t                        resource_count;
    const dg_policy_principal_entry_t *principals;
    size_t                        principal_count;
    const dg_policy_condition_t  *conditions;
    size_t                        condition_count;

    const unsigned               *keys;         /* all that it reads */
    size_t                        key_count;
} dg_policy_statement_t;

struct dg_policy_s {
    dg_policy_form_t              form;
    dg_span_t                     id;
    const dg_policy_statement_t  *statements;
    size_t                        statement_count;
    const dg_span_t              *key_names;
    size_t                        key_count;
};


/* The loader: one for a document while it is compiled */

#define DG_POLICY_WARNED_MAX  64   /* texts that are told of once */

typedef struct {
    dg_arena_t                   *arena;
    const dg_policy_options_t    *options;
    dg_diag_t                    *diag;       /* of the first error */
    dg_err_t                      err;        /* the first error */
    bool                          variables;  /* Version 2012-10-17 */
    dg_policy_keys_t              keys;
    bool                         *used;       /* by key, this statement */
    size_t                        used_room;
    const dg_policy_statement_t  *statement;  /* whose elements are loaded */
    const dg_json_t              *alone;      /* the first key that wants a
                                                 companion, and which */
    dg_span_t                     companion;
    dg_span_t                     warned[DG_POLICY_WARNED_MAX];
    size_t                        warned_count;
} dg_policy_loader_t;

/*
 * Reports a problem at a value or, with `at_key`, at its name; an error of
 * severity DG_POLICY_ERROR sets loader->err when it is the first.
 */
void dg_policy_problem(dg_policy_loader_t *loader,
    dg_policy_severity_t severity, dg_err_t err, const dg_json_t *node,
    bool at_key, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/*
 * Warns that an action or ARN is of a service without a loaded model; once
 * for each text.
 */
void dg_policy_warn_unloaded(dg_policy_loader_t *loader,
    const dg_json_t *node);

/*
 * Reports variables that have no value for the statement's actions, which
 * must be loaded already.
 */
void dg_policy_check_variables(dg_policy_loader_t *loader,
    const dg_json_t *node, const dg_pattern_t *pattern);

/* Warns when the first key that wants a companion has none. */
void dg_policy_warn_alone(dg_policy_loader_t *loader);

/* A printable, shortened copy in the arena, for messages. */
const char *dg_policy_quote(dg_policy_loader_t *loader, dg_span_t text);

/* ", did you mean "X"" or nothing. */
const char *dg_policy_hint(dg_policy_loader_t *loader, dg_span_t near);

/* Strings of a value that may stand alone or in a list; NULL at the end. */
const dg_json_t *dg_policy_first(const dg_json_t *value);
const dg_json_t *dg_policy_next(const dg_json_t *value,
    const dg_json_t *item);
size_t dg_policy_count(const dg_json_t *value);

/* The strings of Action or Resource: how many, 0 when they are refused. */
size_t dg_policy_count_strings(dg_policy_loader_t *loader,
    const dg_json_t *element);

/* Reports that there is no memory. */
void dg_policy_no_memory(dg_policy_loader_t *loader, const dg_json_t *node);

/* Compiles Action or NotAction. */
void dg_policy_load_actions(dg_policy_loader_t *loader,
    const dg_json_t *element, dg_policy_statement_t *statement);

/* Compiles Resource or NotResource. */
void dg_policy_load_resources(dg_policy_loader_t *loader,
    const dg_json_t *element, dg_policy_statement_t *statement);

/* Compiles the Condition element of a statement. */
void dg_policy_load_conditions(dg_policy_loader_t *loader,
    const dg_json_t *element, dg_policy_statement_t *statement);

/* Compiles Principal or NotPrincipal. */
void dg_policy_load_principals(dg_policy_loader_t *loader,
    const dg_json_t *element, dg_policy_statement_t *statement);

/*
 * Compiles an ARN pattern or "*".  variables_from: the first part (0 to 5)
 * that may hold variables.  Reports what is wrong.
 */
bool dg_policy_load_arn(dg_policy_loader_t *loader, const dg_json_t *node,
    dg_span_t text, unsigned variables_from, dg_arn_pattern_t *out);


/* Evaluation */

/*
 * Values of the variables of a pattern, in their order.  YES, NO (one has no
 * value: the pattern matches nothing) or MAYBE (one is not known yet).
 */
typedef dg_policy_truth_t (*dg_policy_resolve_pt)(void *ctx,
    const dg_pattern_t *pattern, dg_span_t *values);

/* Numbers, dates, addresses, binary and booleans; DG_ERR_SYNTAX. */
DG_MUST_USE dg_err_t dg_policy_operand_read(dg_policy_family_t family,
    dg_span_t text, dg_policy_operand_t *out);

/*
 * A request's value as an operator family reads it.  One for each family is
 * kept while a call is decided, since statements ask for the same address or
 * date again and again.
 */
typedef struct {
    dg_span_t            text;   /* data is NULL: nothing was read yet */
    bool                 valid;
    dg_arn_t             arn;
    dg_policy_operand_t  operand;
} dg_policy_subject_t;

typedef struct {
    dg_policy_resolve_pt  resolve;
    void                 *ctx;       /* of resolve */
    size_t                steps;     /* what is left of the budget */
    dg_policy_subject_t   subjects[DG_FAMILY_NULL];
} dg_policy_work_t;

/* Values must stay as they are as long as the work lasts. */
void dg_policy_work_init(dg_policy_work_t *work, dg_policy_resolve_pt resolve,
    void *ctx);

dg_policy_truth_t dg_policy_condition_eval(
    const dg_policy_condition_t *condition, const dg_policy_values_t *values,
    dg_policy_work_t *work);

dg_policy_truth_t dg_policy_arn_eval(const dg_arn_pattern_t *pattern,
    const dg_arn_t *arn, dg_span_t text, unsigned flags,
    dg_policy_work_t *work);

/* How the best entry fits; nobody (an empty ARN) fits nothing. */
dg_policy_fit_t dg_policy_principal_fit(
    const dg_policy_statement_t *statement,
    const dg_policy_principal_t *principal);

static inline dg_policy_truth_t
dg_policy_not(dg_policy_truth_t truth)
{
    return (dg_policy_truth_t) (DG_POLICY_YES - truth);
}

static inline dg_policy_truth_t
dg_policy_and(dg_policy_truth_t a, dg_policy_truth_t b)
{
    return a < b ? a : b;
}

static inline dg_policy_truth_t
dg_policy_or(dg_policy_truth_t a, dg_policy_truth_t b)
{
    return a > b ? a : b;
}

#endif
