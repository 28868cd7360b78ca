/*
 * The IAM policy language: documents are compiled, joined in a set, and a
 * set decides calls.  Source: IAM User Guide, "IAM JSON policy reference"
 * (grammar, elements, condition operators, evaluation logic).
 *
 * Nothing is allocated while a call is decided, and no document, set or
 * catalogue changes after it was made, so all may be shared by threads.
 * Whoever wants nothing but a decision needs dg_policy_load(),
 * dg_policy_set_create() and dg_policy_decide().
 *
 * Decisions are three-valued: a condition key or a resource may be unknown
 * yet (the items of a list call before its answer is there).  An unknown
 * never turns into a yes or a no by itself; see DG_POLICY_UNKNOWN.
 */

#ifndef DG_POLICY_H
#define DG_POLICY_H

#include "dg_arena.h"
#include "dg_caller.h"
#include "dg_err.h"

#define DG_POLICY_TEXT_MAX        (1024 * 1024)  /* bytes of a document */
#define DG_POLICY_STATEMENTS_MAX  10000          /* of a document and a set */
#define DG_POLICY_PATTERNS_MAX    10000    /* of one Action, Resource, ... */
#define DG_POLICY_CONDITIONS_MAX  256      /* operator and key, a statement */
#define DG_POLICY_VALUES_MAX      10000    /* of one condition */
#define DG_POLICY_VARIABLES_MAX   16       /* in one pattern or value */
#define DG_POLICY_KEYS_MAX        2048     /* distinct, of a document, a set */
#define DG_POLICY_KEYS_CACHED     64       /* of a set: asked for once */
#define DG_POLICY_DOCUMENTS_MAX   1024     /* of a set */
#define DG_POLICY_ACTION_MAX      256      /* bytes of a request's action */
#define DG_POLICY_RESOURCE_MAX    4096     /* bytes of a request's ARN */
#define DG_POLICY_INDEX_MAX       8000000  /* places of a set's index */

/* Bytes that one decision may compare; a call that needs more is refused. */
#define DG_POLICY_STEPS_MAX       16000000

/* How a document is attached, which says what it may hold and what it does */
typedef enum {
    DG_POLICY_IDENTITY,   /* grants to the callers it is attached to */
    DG_POLICY_RESOURCE,   /* grants to its Principals */
    DG_POLICY_BOUNDARY,   /* caps: each of them must allow */
    DG_POLICY_SESSION,    /* caps: each of them must allow */
    DG_POLICY_SCP,        /* caps: one of them must allow */
    DG_POLICY_FORMS
} dg_policy_form_t;

typedef enum {
    DG_POLICY_NO = 0,
    DG_POLICY_MAYBE,
    DG_POLICY_YES
} dg_policy_truth_t;


/* Catalogue: what the loader knows of services, actions and keys */

typedef enum {
    DG_POLICY_KEY_UNKNOWN,     /* no such key anywhere: an error */
    DG_POLICY_KEY_NOT_OFFERED, /* IAM has it, its value is not known here */
    DG_POLICY_KEY_NOT_LOOKED_UP, /* a fact of resources, which are not looked
                                    up here */
    DG_POLICY_KEY_IMPOSSIBLE,  /* known, but never there for these actions */
    DG_POLICY_KEY_SINGLE,
    DG_POLICY_KEY_LIST,        /* needs ForAllValues: or ForAnyValue: */
    DG_POLICY_KEY_ANY          /* may be either */
} dg_policy_key_kind_t;

/* An action pattern as written ("workspaces:Describe*") */
typedef struct {
    const dg_span_t  *patterns;
    size_t            count;
    bool              negated;  /* NotAction */
} dg_policy_actions_t;

/*
 * Without a catalogue every action, ARN and key is plain text that can
 * match.  All comparisons of service, action and key are without case.
 */
typedef struct {
    void  *ctx;

    /* is a model of this service prefix loaded */
    bool  (*service_known)(void *ctx, dg_span_t prefix);

    /* does the pattern match an action of its (loaded) service */
    bool  (*action_known)(void *ctx, dg_span_t pattern);

    /* can the ARN pattern match a resource of its (loaded) service */
    bool  (*arn_known)(void *ctx, dg_span_t pattern);

    /* what is the condition key, in a statement about these actions */
    dg_policy_key_kind_t  (*key_kind)(void *ctx, dg_span_t key,
        const dg_policy_actions_t *actions);

    /*
     * The nearest known action, or key, to what was written; empty when
     * nothing is near.  The text lives as long as the catalogue.
     */
    dg_span_t  (*suggest_action)(void *ctx, dg_span_t wrong);
    dg_span_t  (*suggest_key)(void *ctx, dg_span_t wrong);

    /*
     * Another key, without which what this one says can be got around;
     * empty: none.  The function may be NULL.
     */
    dg_span_t  (*companion_key)(void *ctx, dg_span_t key);

    /* the i-th action that a call can have; false behind the last */
    bool  (*action_at)(void *ctx, size_t i, dg_span_t *action);
} dg_policy_catalogue_t;


/* Documents */

typedef struct dg_policy_s  dg_policy_t;

typedef enum {
    DG_POLICY_ERROR,
    DG_POLICY_WARNING
} dg_policy_severity_t;

typedef void (*dg_policy_report_pt)(void *ctx, dg_policy_severity_t severity,
    const dg_diag_t *diag);

typedef struct {
    dg_policy_form_t              form;
    const dg_policy_catalogue_t  *catalogue;  /* NULL: model-free */

    /*
     * With a catalogue: an action unknown within a loaded service, an ARN
     * that no resource of it can have and a key that can never be there for
     * the actions are errors; else they are warnings.
     */
    bool                          strict;

    /* every error and warning, in the order of the text; may be NULL */
    dg_policy_report_pt           report;
    void                         *report_ctx;
} dg_policy_options_t;

/*
 * Compiles a document.  The text may be released afterwards, *out lives in
 * the arena.  DG_ERR_SYNTAX (not JSON), DG_ERR_INVALID, DG_ERR_LIMIT,
 * DG_ERR_MEMORY; *diag (may be NULL) then holds the first error, with line
 * and column and, where there is one, the remedy.
 */
DG_MUST_USE dg_err_t dg_policy_load(dg_arena_t *arena, dg_span_t text,
    const dg_policy_options_t *options, dg_diag_t *diag,
    const dg_policy_t **out);

dg_policy_form_t dg_policy_form(const dg_policy_t *policy);
size_t dg_policy_statement_count(const dg_policy_t *policy);
const char *dg_policy_form_name(dg_policy_form_t form);


/* Sets */

typedef struct dg_policy_set_s  dg_policy_set_t;

typedef struct {
    const dg_policy_t  *policy;
    dg_span_t           name;    /* file name, for decisions and records */
} dg_policy_document_t;

typedef struct {
    /* actions of the catalogue are indexed ahead; may be NULL */
    const dg_policy_catalogue_t  *catalogue;

    /*
     * As AWS does within one account: what a resource policy grants to the
     * very ARN of a user or session is not capped by boundary and session
     * policies that merely do not allow it, what it grants to a role's ARN
     * needs no identity policy.  The gateway never sets this.
     */
    bool                          direct_grants_uncapped;
} dg_policy_set_options_t;

/* A condition key of a set.  Glue may keep what it knows by index. */
typedef struct {
    dg_span_t  name;     /* as first written */
    unsigned   index;    /* 0 .. dg_policy_set_key_count() - 1 */
} dg_policy_key_t;

/*
 * Joins documents.  The array is copied, documents and names are borrowed
 * and must live as long as the set.  options may be NULL.  DG_ERR_LIMIT,
 * DG_ERR_MEMORY.
 */
DG_MUST_USE dg_err_t dg_policy_set_create(dg_arena_t *arena,
    const dg_policy_document_t *documents, size_t count,
    const dg_policy_set_options_t *options, const dg_policy_set_t **out);

size_t dg_policy_set_document_count(const dg_policy_set_t *set);
size_t dg_policy_set_key_count(const dg_policy_set_t *set);
const dg_policy_key_t *dg_policy_set_key(const dg_policy_set_t *set,
    size_t index);

typedef bool (*dg_policy_key_test_pt)(void *ctx, const dg_policy_key_t *key);

/*
 * True when a statement that can match the action reads a key, in a
 * condition or a variable, for which the test says so.  Tells whether a
 * lookup of facts, or the body, is needed at all.
 */
bool dg_policy_set_reads(const dg_policy_set_t *set, dg_span_t action,
    dg_policy_key_test_pt test, void *ctx);


/* Requests */

typedef enum {
    DG_POLICY_ABSENT = 0,
    DG_POLICY_PRESENT,
    DG_POLICY_NOT_KNOWN   /* will be there or not: decided later */
} dg_policy_presence_t;

typedef struct {
    dg_policy_presence_t  presence;
    const dg_span_t      *values;   /* PRESENT; none counts as absent */
    size_t                count;
} dg_policy_values_t;

/*
 * The values of a key (compare its name without case) for the resource of
 * that index.  *values comes cleared (ABSENT) and must stay valid until
 * dg_policy_decide() returns.
 * Asked at most once a key and resource for the first DG_POLICY_KEYS_CACHED
 * keys of a set.
 */
typedef void (*dg_policy_lookup_pt)(void *ctx, const dg_policy_key_t *key,
    size_t resource, dg_policy_values_t *values);

typedef struct {
    dg_span_t  arn;         /* whole principal ARN; empty: nobody */
    dg_span_t  account;     /* 12 digits */
    dg_span_t  issuer;      /* configured name; empty when not federated */
    dg_span_t  issuer_url;
} dg_policy_principal_t;

typedef struct {
    dg_span_t              action;          /* "workspaces:RebootWorkspaces" */
    const dg_span_t       *resources;       /* ARNs, each must be allowed */
    size_t                 resource_count;  /* 0 stands for the one "*" */
    bool                   resource_unknown; /* ARNs are not known yet */
    dg_policy_principal_t  principal;
    bool                   cross_account;   /* both sides must allow */
    const bool            *documents;       /* which of the set apply to this
                                               caller; NULL: all */
    dg_policy_lookup_pt    lookup;          /* NULL: every key is absent */
    void                  *lookup_ctx;
} dg_policy_request_t;

/* The principal of an authenticated caller; empty when not verified. */
dg_policy_principal_t dg_policy_principal(const dg_caller_t *caller);

/*
 * `*` and `?` against the whole text, case matters.  For the attachment of
 * documents to callers (for=PATTERN).
 */
bool dg_policy_wildcard(dg_span_t pattern, dg_span_t text);


/* Decisions */

typedef enum {
    DG_POLICY_DENY_IMPLICIT = 0,  /* nothing allows it, or a cap does not */
    DG_POLICY_DENY_EXPLICIT,
    DG_POLICY_UNKNOWN,            /* depends on what is not known */
    DG_POLICY_ALLOW
} dg_policy_effect_t;

typedef struct {
    dg_policy_effect_t  effect;

    /* ALLOW: where the grant stands.  DENY_EXPLICIT: the statement.
       DENY_IMPLICIT: the layer that lacks an Allow, has_document when it is
       one boundary or session document; no statement. */
    dg_policy_form_t    layer;
    bool                has_document;
    bool                has_statement;
    size_t              document;    /* index in the set */
    dg_span_t           name;        /* of the document */
    size_t              statement;   /* from 0 */
    dg_span_t           sid;         /* empty when it has none */
    unsigned            line;        /* of the statement */

    size_t              resource;    /* index of the one that decided */
    bool                delegated;   /* implicit: the resource policy grants
                                        to the account, whose identity
                                        policies do not */
    bool                over_limit;  /* implicit: DG_POLICY_STEPS_MAX, or an
                                        action or ARN too long or malformed */
} dg_policy_decision_t;

typedef enum {
    DG_POLICY_PART_ACTION,
    DG_POLICY_PART_PRINCIPAL,
    DG_POLICY_PART_RESOURCE,
    DG_POLICY_PART_CONDITION,
    DG_POLICY_PART_ALL         /* the whole statement came out so */
} dg_policy_part_t;

/* How one part of one statement came out. */
typedef struct {
    size_t                     document;
    dg_span_t                  name;
    dg_policy_form_t           form;
    size_t                     statement;
    dg_span_t                  sid;
    unsigned                   line;
    bool                       is_deny;
    size_t                     resource;
    dg_policy_part_t           part;
    dg_policy_truth_t          truth;
    dg_span_t                  op;      /* CONDITION: as written */
    const dg_policy_key_t     *key;     /* CONDITION */
    const dg_policy_values_t  *values;  /* CONDITION: what lookup said */
} dg_policy_trace_t;

typedef void (*dg_policy_trace_pt)(void *ctx, const dg_policy_trace_t *trace);

/*
 * Decides.  The one entry point: every layer is always looked at.  The call
 * is allowed when each of its resources is.
 */
void dg_policy_decide(const dg_policy_set_t *set,
    const dg_policy_request_t *request, dg_policy_decision_t *decision);

/* The same decision; `trace` hears of every statement and condition. */
void dg_policy_explain(const dg_policy_set_t *set,
    const dg_policy_request_t *request, dg_policy_trace_pt trace, void *ctx,
    dg_policy_decision_t *decision);

/* "allow", "explicit deny", ... */
const char *dg_policy_effect_name(dg_policy_effect_t effect);

#endif
