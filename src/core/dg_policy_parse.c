/*
 * From a document's text to its compiled form.  Source: IAM User Guide,
 * "Grammar of the IAM JSON policy language".
 *
 * What is not understood is refused: a condition that were skipped, or an
 * element that were ignored, would grant or fail to deny.
 */

#include "dg_near.h"
#include "dg_policy_document.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define POLICY_DEPTH   16
#define QUOTE_MAX      96
#define HINT_MAX       128
#define ARN_PARTS      6

static const char *const  document_elements[] = {
    "Version", "Id", "Statement", NULL
};

static const char *const  statement_elements[] = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction",
    "Resource", "NotResource", "Condition", NULL
};

static const char *const  form_names[] = {
    [DG_POLICY_IDENTITY] = "identity",
    [DG_POLICY_RESOURCE] = "resource",
    [DG_POLICY_BOUNDARY] = "boundary",
    [DG_POLICY_SESSION]  = "session",
    [DG_POLICY_SCP]      = "scp",
};


void
dg_policy_problem(dg_policy_loader_t *loader, dg_policy_severity_t severity,
    dg_err_t err, const dg_json_t *node, bool at_key, const char *format, ...)
{
    dg_diag_t  diag;
    va_list    args;

    diag.line = at_key ? node->key_line : node->line;
    diag.column = at_key ? node->key_column : node->column;

    va_start(args, format);
    (void) vsnprintf(diag.text, sizeof(diag.text), format, args);
    va_end(args);

    if (severity == DG_POLICY_ERROR && loader->err == DG_OK) {
        loader->err = err;

        if (loader->diag != NULL) {
            *loader->diag = diag;
        }
    }

    if (loader->options->report != NULL) {
        loader->options->report(loader->options->report_ctx, severity, &diag);
    }
}


const char *
dg_policy_quote(dg_policy_loader_t *loader, dg_span_t text)
{
    size_t  n = text.len < QUOTE_MAX ? text.len : QUOTE_MAX;
    char   *p = dg_arena_alloc(loader->arena, n + sizeof("..."));

    if (p == NULL) {
        return "...";
    }

    for (size_t i = 0; i < n; i++) {
        p[i] = text.data[i] < 0x20 || text.data[i] == 0x7f
               ? '?' : (char) text.data[i];
    }

    memcpy(p + n, "...", sizeof("..."));

    if (n == text.len) {
        p[n] = '\0';
    }

    return p;
}


const char *
dg_policy_hint(dg_policy_loader_t *loader, dg_span_t near)
{
    dg_writer_t  w;
    char        *p;

    if (near.len == 0 || near.len > HINT_MAX / 2) {
        return "";
    }

    p = dg_arena_alloc(loader->arena, HINT_MAX);
    if (p == NULL) {
        return "";
    }

    w = dg_writer(p, HINT_MAX);
    dg_write_cstr(&w, ", did you mean \"");
    dg_write_span(&w, near);
    dg_write(&w, "\"", 2);
    return p;
}


const dg_json_t *
dg_policy_first(const dg_json_t *value)
{
    return value->type == DG_JSON_ARRAY ? value->first : value;
}


const dg_json_t *
dg_policy_next(const dg_json_t *value, const dg_json_t *item)
{
    return value->type == DG_JSON_ARRAY ? item->next : NULL;
}


size_t
dg_policy_count(const dg_json_t *value)
{
    return value->type == DG_JSON_ARRAY ? value->count : 1;
}


static bool
is_named(dg_span_t name, const char *const *names)
{
    for (unsigned i = 0; names[i] != NULL; i++) {
        if (dg_span_equal(name, dg_span_cstr(names[i]))) {
            return true;
        }
    }

    return false;
}


/* Every member is one of the named elements. */
static void
check_elements(dg_policy_loader_t *loader, const dg_json_t *object,
    const char *const *names)
{
    dg_near_t  near;

    for (const dg_json_t *m = object->first; m != NULL; m = m->next) {

        if (is_named(m->key, names)) {
            continue;
        }

        near = dg_near(m->key);

        for (unsigned i = 0; names[i] != NULL; i++) {
            dg_near_try(&near, dg_span_cstr(names[i]));
        }

        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, m, true,
                          "unknown element \"%s\"%s",
                          dg_policy_quote(loader, m->key),
                          dg_policy_hint(loader, near.best));
    }
}


/*
 * The one of two elements that is there: Action or NotAction.  NULL with a
 * problem reported when it is missing (if required) or both are.
 */
static const dg_json_t *
one_of(dg_policy_loader_t *loader, const dg_json_t *statement,
    const char *plain, const char *negated, bool required)
{
    const dg_json_t  *a, *b;

    a = dg_json_member(statement, dg_span_cstr(plain));
    b = dg_json_member(statement, dg_span_cstr(negated));

    if (a != NULL && b != NULL) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, b, true,
                          "a statement has %s or %s, not both", plain,
                          negated);
        return NULL;
    }

    if (a == NULL && b == NULL && required) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_MISSING, statement,
                          false, "the statement has no %s", plain);
    }

    return a != NULL ? a : b;
}


size_t
dg_policy_count_strings(dg_policy_loader_t *loader, const dg_json_t *element)
{
    size_t  n = dg_policy_count(element);

    if (n == 0 || n > DG_POLICY_PATTERNS_MAX) {
        dg_policy_problem(loader, DG_POLICY_ERROR,
                          n ? DG_ERR_LIMIT : DG_ERR_INVALID, element, false,
                          "%s must have 1 to 10000 values",
                          dg_policy_quote(loader, element->key));
        return 0;
    }

    for (const dg_json_t *v = dg_policy_first(element); v != NULL;
         v = dg_policy_next(element, v))
    {
        if (v->type != DG_JSON_STRING || v->text.len == 0) {
            dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, v,
                              false, "%s must be a string or a list of "
                              "strings, and none of them empty",
                              dg_policy_quote(loader, element->key));
            return 0;
        }
    }

    return n;
}


void
dg_policy_no_memory(dg_policy_loader_t *loader, const dg_json_t *node)
{
    dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_MEMORY, node, false,
                      "no memory");
}


/* Statements */

static void
load_effect(dg_policy_loader_t *loader, const dg_json_t *node,
    dg_policy_statement_t *statement)
{
    const dg_json_t  *effect = dg_json_member(node, DG_SPAN("Effect"));

    if (effect == NULL) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_MISSING, node,
                          false, "the statement has no Effect");
        return;
    }

    statement->is_deny = effect->type == DG_JSON_STRING
                         && dg_span_equal(effect->text, DG_SPAN("Deny"));

    if (!statement->is_deny
        && (effect->type != DG_JSON_STRING
            || !dg_span_equal(effect->text, DG_SPAN("Allow"))))
    {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, effect,
                          false, "Effect must be \"Allow\" or \"Deny\", "
                          "written so");
    }
}


static void
load_principal(dg_policy_loader_t *loader, const dg_json_t *node,
    dg_policy_statement_t *statement)
{
    bool              wanted = loader->options->form == DG_POLICY_RESOURCE;
    const dg_json_t  *element;

    element = one_of(loader, node, "Principal", "NotPrincipal", false);

    if (element != NULL && !wanted) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, element,
                          true, "%s policies have no %s: whom they concern "
                          "is said where they are attached",
                          form_names[loader->options->form],
                          dg_policy_quote(loader, element->key));
        return;
    }

    if (element != NULL) {
        dg_policy_load_principals(loader, element, statement);

    } else if (wanted) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_MISSING, node,
                          false, "the statement of a resource policy has no "
                          "Principal: write \"Principal\": \"*\" for every "
                          "authenticated caller");
    }
}


static void
load_sid(dg_policy_loader_t *loader, const dg_json_t *node,
    dg_policy_statement_t *statement)
{
    const dg_json_t  *sid = dg_json_member(node, DG_SPAN("Sid"));

    if (sid == NULL) {
        return;
    }

    if (sid->type != DG_JSON_STRING) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, sid, false,
                          "Sid must be a string");
        return;
    }

    statement->sid = dg_arena_copy(loader->arena, sid->text);

    if (statement->sid.data == NULL) {
        dg_policy_no_memory(loader, sid);
    }
}


/* Which keys the statement reads: each once. */
static void
mark_pattern(bool *used, const dg_pattern_t *pattern)
{
    for (size_t i = 0; i < pattern->count; i++) {
        if (pattern->pieces[i].kind == DG_PIECE_VARIABLE) {
            used[pattern->pieces[i].key] = true;
        }
    }
}


static void
mark_arn(bool *used, const dg_arn_pattern_t *arn)
{
    for (unsigned i = 0; i < ARN_PARTS; i++) {
        mark_pattern(used, &arn->part[i]);
    }
}


static void
mark_condition(bool *used, const dg_policy_condition_t *c)
{
    used[c->key] = true;

    for (size_t i = 0; i < c->count; i++) {
        if (c->op.family < DG_FAMILY_ARN) {
            mark_pattern(used, &c->values[i].pattern);

        } else if (c->op.family == DG_FAMILY_ARN) {
            mark_arn(used, &c->values[i].arn);
        }
    }
}


static void
collect_keys(dg_policy_loader_t *loader, const dg_json_t *node,
    dg_policy_statement_t *statement)
{
    size_t     n = loader->keys.count, used = 0;
    unsigned  *keys;

    if (n > loader->used_room) {
        loader->used = dg_arena_alloc(loader->arena, n * 2);
        loader->used_room = loader->used != NULL ? n * 2 : 0;
    }

    if (n == 0 || loader->used == NULL) {
        if (n) {
            dg_policy_no_memory(loader, node);
        }

        return;
    }

    memset(loader->used, 0, n * sizeof(bool));

    for (size_t i = 0; i < statement->resource_count; i++) {
        mark_arn(loader->used, &statement->resources[i]);
    }

    for (size_t i = 0; i < statement->condition_count; i++) {
        mark_condition(loader->used, &statement->conditions[i]);
    }

    for (size_t i = 0; i < n; i++) {
        statement->key_count += loader->used[i];
    }

    keys = dg_arena_calloc(loader->arena, statement->key_count + 1,
                           sizeof(*keys));
    if (keys == NULL) {
        dg_policy_no_memory(loader, node);
        return;
    }

    for (unsigned i = 0; i < n; i++) {
        if (loader->used[i]) {
            keys[used++] = i;
        }
    }

    statement->keys = keys;
}


static void
load_statement(dg_policy_loader_t *loader, const dg_json_t *node,
    dg_policy_statement_t *statement)
{
    const dg_json_t  *element;

    if (node->type != DG_JSON_OBJECT) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, node,
                          false, "a statement is an object, not %s",
                          dg_json_type_name(node->type));
        return;
    }

    statement->line = node->line;
    loader->statement = statement;
    check_elements(loader, node, statement_elements);
    load_sid(loader, node, statement);
    load_effect(loader, node, statement);
    load_principal(loader, node, statement);

    element = one_of(loader, node, "Action", "NotAction", true);

    if (element != NULL) {
        dg_policy_load_actions(loader, element, statement);
    }

    element = one_of(loader, node, "Resource", "NotResource", true);

    if (element != NULL) {
        dg_policy_load_resources(loader, element, statement);
    }

    element = dg_json_member(node, DG_SPAN("Condition"));

    if (element != NULL) {
        dg_policy_load_conditions(loader, element, statement);
    }

    /* what could not be loaded has holes that must not be read */
    if (loader->err == DG_OK) {
        collect_keys(loader, node, statement);
    }
}


static bool
same_sid(const dg_policy_statement_t *a, const dg_policy_statement_t *b)
{
    return a->sid.len && dg_span_equal(a->sid, b->sid);
}


static void
check_sids(dg_policy_loader_t *loader, const dg_json_t *list,
    const dg_policy_statement_t *statements, size_t count)
{
    const dg_json_t  *node = dg_policy_first(list);

    /* a warning only: decisions are told apart by line and index too */
    for (size_t i = 0; i < count && i < 1000; i++, node = node->next) {
        for (size_t j = 0; j < i; j++) {
            if (same_sid(&statements[i], &statements[j])) {
                dg_policy_problem(loader, DG_POLICY_WARNING, DG_OK, node,
                                  false, "the Sid \"%s\" is used twice",
                                  dg_policy_quote(loader, statements[i].sid));
                break;
            }
        }
    }
}


static void
load_statements(dg_policy_loader_t *loader, const dg_json_t *root,
    dg_policy_t *policy)
{
    const dg_json_t        *list = dg_json_member(root, DG_SPAN("Statement"));
    dg_policy_statement_t  *statements;
    size_t                  n = list != NULL ? dg_policy_count(list) : 0;

    if (n == 0 || n > DG_POLICY_STATEMENTS_MAX) {
        dg_policy_problem(loader, DG_POLICY_ERROR,
                          n ? DG_ERR_LIMIT : DG_ERR_MISSING,
                          list != NULL ? list : root, false,
                          n ? "more than 10000 statements"
                          : "the policy has no Statement");
        return;
    }

    statements = dg_arena_calloc(loader->arena, n, sizeof(*statements));
    if (statements == NULL) {
        dg_policy_no_memory(loader, list);
        return;
    }

    n = 0;

    for (const dg_json_t *s = dg_policy_first(list); s != NULL;
         s = dg_policy_next(list, s))
    {
        load_statement(loader, s, &statements[n++]);
    }

    check_sids(loader, list, statements, n);
    policy->statements = statements;
    policy->statement_count = n;
}


static void
load_version(dg_policy_loader_t *loader, const dg_json_t *root,
    dg_span_t text)
{
    const dg_json_t  *version = dg_json_member(root, DG_SPAN("Version"));

    loader->variables = version != NULL && version->type == DG_JSON_STRING
                        && dg_span_equal(version->text,
                                         DG_SPAN("2012-10-17"));

    if (version != NULL && !loader->variables
        && (version->type != DG_JSON_STRING
            || !dg_span_equal(version->text, DG_SPAN("2008-10-17"))))
    {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, version,
                          false, "Version must be \"2012-10-17\" or "
                          "\"2008-10-17\"");
        return;
    }

    for (size_t i = 0; !loader->variables && i + 1 < text.len; i++) {
        if (text.data[i] == '$' && text.data[i + 1] == '{') {
            dg_policy_problem(loader, DG_POLICY_WARNING, DG_OK,
                              version != NULL ? version : root, false,
                              "without \"Version\": \"2012-10-17\" a "
                              "variable is plain text");
            return;
        }
    }
}


static void
load_document(dg_policy_loader_t *loader, const dg_json_t *root,
    dg_span_t text, dg_policy_t *policy)
{
    const dg_json_t  *id;

    if (root->type != DG_JSON_OBJECT) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, root,
                          false, "a policy is an object, not %s",
                          dg_json_type_name(root->type));
        return;
    }

    check_elements(loader, root, document_elements);
    load_version(loader, root, text);

    id = dg_json_member(root, DG_SPAN("Id"));

    if (id != NULL && id->type != DG_JSON_STRING) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, id, false,
                          "Id must be a string");
    }

    load_statements(loader, root, policy);
    dg_policy_warn_alone(loader);

    policy->key_names = loader->keys.names;
    policy->key_count = loader->keys.count;
}


/* A text that is not JSON is one error like any other. */
static dg_err_t
not_json(const dg_policy_options_t *options, dg_err_t err,
    const dg_diag_t *found, dg_diag_t *diag)
{
    if (diag != NULL) {
        *diag = *found;
    }

    if (options->report != NULL) {
        options->report(options->report_ctx, DG_POLICY_ERROR, found);
    }

    return err;
}


dg_err_t
dg_policy_load(dg_arena_t *arena, dg_span_t text,
    const dg_policy_options_t *options, dg_diag_t *diag,
    const dg_policy_t **out)
{
    dg_err_t            err;
    dg_diag_t           found = { 0, 0, "no memory" };
    dg_json_limits_t    limits = dg_json_limits_default;
    const dg_json_t    *root;
    dg_policy_t        *policy;
    dg_policy_loader_t  loader = { .arena = arena, .options = options,
                                   .diag = diag };

    limits.text = DG_POLICY_TEXT_MAX;
    limits.depth = POLICY_DEPTH;

    err = dg_json_parse(arena, text, &limits, &found, &root);
    if (err != DG_OK) {
        return not_json(options, err, &found, diag);
    }

    policy = dg_arena_calloc(arena, 1, sizeof(*policy));
    if (policy == NULL) {
        return not_json(options, DG_ERR_MEMORY, &found, diag);
    }

    loader.keys.arena = arena;
    policy->form = options->form;
    load_document(&loader, root, text, policy);

    *out = loader.err == DG_OK ? policy : NULL;
    return loader.err;
}


dg_policy_form_t
dg_policy_form(const dg_policy_t *policy)
{
    return policy->form;
}


size_t
dg_policy_statement_count(const dg_policy_t *policy)
{
    return policy->statement_count;
}


const char *
dg_policy_form_name(dg_policy_form_t form)
{
    return form < DG_POLICY_FORMS ? form_names[form] : "unknown";
}
