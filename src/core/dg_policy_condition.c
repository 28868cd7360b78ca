/*
 * Conditions as they are loaded.  Source: IAM User Guide, "IAM JSON policy
 * elements: Condition operators".
 */

#include "dg_near.h"
#include "dg_policy_document.h"

#include <string.h>

typedef struct {
    const char            *name;
    dg_policy_family_t     family;
    dg_policy_relation_t   relation;
    bool                   negated;
} operator_row_t;

static const operator_row_t  operators[] = {
    { "StringEquals", DG_FAMILY_STRING, DG_RELATION_EQUAL, false },
    { "StringNotEquals", DG_FAMILY_STRING, DG_RELATION_EQUAL, true },
    { "StringEqualsIgnoreCase", DG_FAMILY_STRING_NOCASE, DG_RELATION_EQUAL,
      false },
    { "StringNotEqualsIgnoreCase", DG_FAMILY_STRING_NOCASE,
      DG_RELATION_EQUAL, true },
    { "StringLike", DG_FAMILY_STRING_LIKE, DG_RELATION_EQUAL, false },
    { "StringNotLike", DG_FAMILY_STRING_LIKE, DG_RELATION_EQUAL, true },
    { "ArnEquals", DG_FAMILY_ARN, DG_RELATION_EQUAL, false },
    { "ArnNotEquals", DG_FAMILY_ARN, DG_RELATION_EQUAL, true },
    { "ArnLike", DG_FAMILY_ARN, DG_RELATION_EQUAL, false },
    { "ArnNotLike", DG_FAMILY_ARN, DG_RELATION_EQUAL, true },
    { "NumericEquals", DG_FAMILY_NUMERIC, DG_RELATION_EQUAL, false },
    { "NumericNotEquals", DG_FAMILY_NUMERIC, DG_RELATION_EQUAL, true },
    { "NumericLessThan", DG_FAMILY_NUMERIC, DG_RELATION_LESS, false },
    { "NumericLessThanEquals", DG_FAMILY_NUMERIC, DG_RELATION_LESS_EQUAL,
      false },
    { "NumericGreaterThan", DG_FAMILY_NUMERIC, DG_RELATION_GREATER, false },
    { "NumericGreaterThanEquals", DG_FAMILY_NUMERIC,
      DG_RELATION_GREATER_EQUAL, false },
    { "DateEquals", DG_FAMILY_DATE, DG_RELATION_EQUAL, false },
    { "DateNotEquals", DG_FAMILY_DATE, DG_RELATION_EQUAL, true },
    { "DateLessThan", DG_FAMILY_DATE, DG_RELATION_LESS, false },
    { "DateLessThanEquals", DG_FAMILY_DATE, DG_RELATION_LESS_EQUAL, false },
    { "DateGreaterThan", DG_FAMILY_DATE, DG_RELATION_GREATER, false },
    { "DateGreaterThanEquals", DG_FAMILY_DATE, DG_RELATION_GREATER_EQUAL,
      false },
    { "Bool", DG_FAMILY_BOOL, DG_RELATION_EQUAL, false },
    { "BinaryEquals", DG_FAMILY_BINARY, DG_RELATION_EQUAL, false },
    { "BinaryNotEquals", DG_FAMILY_BINARY, DG_RELATION_EQUAL, true },
    { "IpAddress", DG_FAMILY_IP, DG_RELATION_EQUAL, false },
    { "NotIpAddress", DG_FAMILY_IP, DG_RELATION_EQUAL, true },
    { "Null", DG_FAMILY_NULL, DG_RELATION_EQUAL, false },
};

#define OPERATORS  (sizeof(operators) / sizeof(operators[0]))

static const char *const  family_wants[] = {
    [DG_FAMILY_STRING]        = "a string",
    [DG_FAMILY_STRING_NOCASE] = "a string",
    [DG_FAMILY_STRING_LIKE]   = "a string",
    [DG_FAMILY_ARN]           = "an ARN of six parts",
    [DG_FAMILY_NUMERIC]       = "a decimal number",
    [DG_FAMILY_DATE]          = "a date as in 2026-10-01T08:00:00Z, or "
                                "seconds since 1970",
    [DG_FAMILY_BOOL]          = "\"true\" or \"false\"",
    [DG_FAMILY_BINARY]        = "Base64 with padding",
    [DG_FAMILY_IP]            = "an IPv4 or IPv6 address, or a network as "
                                "in 10.0.0.0/8",
    [DG_FAMILY_NULL]          = "\"true\" or \"false\"",
};


static const operator_row_t *
find_operator(dg_span_t name)
{
    for (size_t i = 0; i < OPERATORS; i++) {
        if (dg_span_equal(name, dg_span_cstr(operators[i].name))) {
            return &operators[i];
        }
    }

    return NULL;
}


static bool
cut_prefix(dg_span_t *text, dg_span_t prefix)
{
    if (!dg_span_starts_with(*text, prefix)) {
        return false;
    }

    *text = dg_span_slice(*text, prefix.len, text->len);
    return true;
}


static bool
parse_operator(dg_span_t text, dg_policy_operator_t *op, dg_span_t *base)
{
    const operator_row_t  *row;
    dg_span_t              suffix = DG_SPAN("IfExists");

    memset(op, 0, sizeof(*op));

    if (cut_prefix(&text, DG_SPAN("ForAllValues:"))) {
        op->quantifier = DG_QUANTIFIER_ALL;

    } else if (cut_prefix(&text, DG_SPAN("ForAnyValue:"))) {
        op->quantifier = DG_QUANTIFIER_ANY;
    }

    if (dg_span_ends_with(text, suffix)) {
        op->if_exists = true;
        text = dg_span_slice(text, 0, text.len - suffix.len);
    }

    *base = text;
    row = find_operator(text);

    if (row == NULL
        || (row->family == DG_FAMILY_NULL
            && (op->if_exists || op->quantifier != DG_QUANTIFIER_NONE)))
    {
        return false;
    }

    op->family = row->family;
    op->relation = row->relation;
    op->negated = row->negated;
    return true;
}


static void
unknown_operator(dg_policy_loader_t *loader, const dg_json_t *node,
    dg_span_t base)
{
    dg_near_t  near = dg_near(base);

    if (find_operator(base) != NULL) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, node, true,
                          "the operator Null takes neither IfExists nor "
                          "ForAllValues: nor ForAnyValue:");
        return;
    }

    for (size_t i = 0; i < OPERATORS; i++) {
        dg_near_try(&near, dg_span_cstr(operators[i].name));
    }

    dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, node, true,
                      "unknown condition operator \"%s\"%s",
                      dg_policy_quote(loader, node->key),
                      dg_policy_hint(loader, near.best));
}


/* The text of a scalar; numbers and booleans may be unquoted. */
static bool
scalar_text(const dg_json_t *node, dg_span_t *text)
{
    switch (node->type) {

    case DG_JSON_STRING:
    case DG_JSON_NUMBER:
        *text = node->text;
        return true;

    case DG_JSON_BOOL:
        *text = node->boolean ? DG_SPAN("true") : DG_SPAN("false");
        return true;

    default:
        return false;
    }
}


static dg_err_t
load_pattern(dg_policy_loader_t *loader, dg_policy_family_t family,
    dg_span_t text, dg_pattern_t *out)
{
    unsigned  flags = 0;

    if (family == DG_FAMILY_STRING_LIKE) {
        flags |= DG_PATTERN_WILDCARDS;
    }

    if (loader->variables) {
        flags |= DG_PATTERN_VARIABLES;
    }

    return dg_pattern_compile(&loader->keys, loader->arena, text, flags, out);
}


static void
bad_value(dg_policy_loader_t *loader, const dg_json_t *node,
    dg_policy_family_t family, dg_span_t text, dg_err_t err)
{
    bool  variable = family > DG_FAMILY_ARN && text.len > 1
                     && text.data[0] == '$' && text.data[1] == '{';

    if (family < DG_FAMILY_ARN) {
        dg_policy_problem(loader, DG_POLICY_ERROR, err, node, false,
                          err == DG_ERR_LIMIT
                          ? "more than 16 variables, or 2048 keys, in \"%s\""
                          : "malformed variable in \"%s\": write ${key} or "
                            "${key, 'default'}; a dollar sign before a "
                            "brace is ${$}",
                          dg_policy_quote(loader, text));
        return;
    }

    dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, node, false,
                      "\"%s\" is not %s%s", dg_policy_quote(loader, text),
                      family_wants[family],
                      variable ? "; variables stand in String and Arn "
                                 "conditions only" : "");
}


static void
load_value(dg_policy_loader_t *loader, const dg_json_t *node,
    const dg_policy_operator_t *op, dg_policy_operand_t *out)
{
    dg_err_t   err;
    dg_span_t  text;
    bool       host_bits;

    if (!scalar_text(node, &text)) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, node,
                          false, "a condition's value is a string or a list "
                          "of strings, not %s", dg_json_type_name(node->type));
        return;
    }

    if (op->family == DG_FAMILY_ARN) {
        (void) dg_policy_load_arn(loader, node, text, 0, &out->arn);
        return;
    }

    err = op->family < DG_FAMILY_ARN
          ? load_pattern(loader, op->family, text, &out->pattern)
          : dg_policy_operand_read(op->family, text, out);

    if (err != DG_OK) {
        bad_value(loader, node, op->family, text, err);
        return;
    }

    if (op->family < DG_FAMILY_ARN) {
        dg_policy_check_variables(loader, node, &out->pattern);
    }

    if (op->family == DG_FAMILY_IP
        && dg_network_parse(text, &out->network, &host_bits) == DG_OK
        && host_bits)
    {
        dg_policy_problem(loader, DG_POLICY_WARNING, DG_OK, node, false,
                          "\"%s\" has bits behind its prefix, which are "
                          "ignored", dg_policy_quote(loader, text));
    }
}


static void
load_values(dg_policy_loader_t *loader, const dg_json_t *node,
    dg_policy_condition_t *condition)
{
    dg_policy_operand_t  *values;
    size_t                n = dg_policy_count(node), i = 0;

    if (n == 0 || n > DG_POLICY_VALUES_MAX) {
        dg_policy_problem(loader, DG_POLICY_ERROR,
                          n ? DG_ERR_LIMIT : DG_ERR_INVALID, node, false,
                          n ? "more than 10000 values in one condition"
                          : "a condition without values: write the values "
                            "or remove the condition");
        return;
    }

    values = dg_arena_calloc(loader->arena, n, sizeof(*values));
    if (values == NULL) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_MEMORY, node,
                          false, "no memory");
        return;
    }

    condition->values = values;
    condition->count = n;

    for (const dg_json_t *v = dg_policy_first(node); v != NULL;
         v = dg_policy_next(node, v))
    {
        load_value(loader, v, &condition->op, &values[i++]);
    }
}


/* What a statement asks for: a condition's key, or a variable in a text. */
typedef struct {
    const dg_json_t  *node;
    bool              at_key;
    const char       *what;
    dg_span_t         name;
} asked_t;


/* Reports a key without a value; false when that is an error anyway. */
static bool
check_kind(dg_policy_loader_t *loader, const asked_t *asked,
    dg_policy_key_kind_t kind)
{
    const dg_policy_catalogue_t  *c = loader->options->catalogue;
    dg_policy_severity_t          severity = DG_POLICY_ERROR;
    dg_span_t                     near = DG_SPAN_EMPTY;
    const char                   *before = "", *why;

    switch (kind) {

    case DG_POLICY_KEY_UNKNOWN:
        before = "unknown ";
        why = "";
        near = c->suggest_key(c->ctx, asked->name);
        break;

    case DG_POLICY_KEY_NOT_OFFERED:
        why = " is IAM's, but its value is not known here";
        break;

    case DG_POLICY_KEY_NOT_LOOKED_UP:
        why = " is a fact of the resource, which is not looked up for these "
              "actions";
        break;

    case DG_POLICY_KEY_IMPOSSIBLE:
        why = " can never be present for the statement's actions";
        severity = loader->options->strict ? DG_POLICY_ERROR
                                           : DG_POLICY_WARNING;
        break;

    default:
        return true;
    }

    dg_policy_problem(loader, severity, DG_ERR_INVALID, asked->node,
                      asked->at_key, "%s%s \"%s\"%s%s", before, asked->what,
                      dg_policy_quote(loader, asked->name), why,
                      dg_policy_hint(loader, near));

    return kind == DG_POLICY_KEY_IMPOSSIBLE;
}


static dg_policy_key_kind_t
kind_of(const dg_policy_loader_t *loader, dg_span_t name)
{
    const dg_policy_catalogue_t  *c = loader->options->catalogue;
    const dg_policy_statement_t  *s = loader->statement;
    dg_policy_actions_t           actions = { s->action_texts,
                                              s->action_count,
                                              s->not_action };

    return c->key_kind(c->ctx, name, &actions);
}


static bool
check_key(dg_policy_loader_t *loader, const dg_json_t *node,
    const dg_policy_condition_t *condition)
{
    asked_t               asked = { node, true, "condition key", node->key };
    dg_policy_key_kind_t  kind = kind_of(loader, node->key);

    if (kind != DG_POLICY_KEY_LIST) {
        return check_kind(loader, &asked, kind);
    }

    if (condition->op.quantifier != DG_QUANTIFIER_NONE
        || condition->op.family == DG_FAMILY_NULL)
    {
        return true;
    }

    dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, node, true,
                      "condition key \"%s\" can have several values: "
                      "write ForAnyValue:%s or ForAllValues:%s",
                      dg_policy_quote(loader, node->key),
                      dg_policy_quote(loader, condition->op_text),
                      dg_policy_quote(loader, condition->op_text));
    return false;
}


void
dg_policy_check_variables(dg_policy_loader_t *loader, const dg_json_t *node,
    const dg_pattern_t *pattern)
{
    asked_t               asked = { node, false, "variable", DG_SPAN_EMPTY };
    dg_policy_key_kind_t  kind;

    if (loader->options->catalogue == NULL || pattern->variables == 0) {
        return;
    }

    for (size_t i = 0; i < pattern->count; i++) {
        if (pattern->pieces[i].kind != DG_PIECE_VARIABLE) {
            continue;
        }

        asked.name = loader->keys.names[pattern->pieces[i].key];
        kind = kind_of(loader, asked.name);

        if (kind == DG_POLICY_KEY_LIST) {
            dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, node,
                              false, "variable \"%s\" can have several "
                              "values, and matches nothing then",
                              dg_policy_quote(loader, asked.name));
            continue;
        }

        (void) check_kind(loader, &asked, kind);
    }
}


static void
want_companion(dg_policy_loader_t *loader, const dg_json_t *node)
{
    const dg_policy_catalogue_t  *c = loader->options->catalogue;

    if (loader->alone != NULL || c == NULL || c->companion_key == NULL) {
        return;
    }

    loader->companion = c->companion_key(c->ctx, node->key);
    loader->alone = loader->companion.len ? node : NULL;
}


void
dg_policy_warn_alone(dg_policy_loader_t *loader)
{
    for (size_t i = 0; i < loader->keys.count; i++) {
        if (dg_span_equal_nocase(loader->keys.names[i], loader->companion)) {
            return;
        }
    }

    if (loader->alone != NULL) {
        dg_policy_problem(loader, DG_POLICY_WARNING, DG_OK, loader->alone,
                          true, "\"%s\" can be got around: no statement "
                          "limits \"%s\"",
                          dg_policy_quote(loader, loader->alone->key),
                          dg_policy_quote(loader, loader->companion));
    }
}


/*
 * ForAllValues holds when the key is missing: in an Allow that grants to
 * whoever leaves it away.
 */
static void
warn_all_values(dg_policy_loader_t *loader, const dg_json_t *element,
    const dg_json_t *node)
{
    const dg_json_t  *null = dg_json_member(element, DG_SPAN("Null"));

    for (const dg_json_t *k = null ? null->first : NULL; k; k = k->next) {
        if (dg_span_equal_nocase(k->key, node->key)) {
            return;
        }
    }

    dg_policy_problem(loader, DG_POLICY_WARNING, DG_OK, node, true,
                      "ForAllValues also holds when \"%s\" is missing: add "
                      "\"Null\": {\"%s\": \"false\"}",
                      dg_policy_quote(loader, node->key),
                      dg_policy_quote(loader, node->key));
}


static void
load_condition(dg_policy_loader_t *loader, const dg_json_t *element,
    const dg_json_t *node, const dg_policy_statement_t *statement,
    dg_policy_condition_t *condition)
{
    dg_err_t  err;

    if (node->key.len == 0) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, node, true,
                          "a condition key must have a name");
        return;
    }

    err = dg_policy_keys_add(&loader->keys, node->key, &condition->key);

    if (err != DG_OK) {
        dg_policy_problem(loader, DG_POLICY_ERROR, err, node, true, "%s",
                          err == DG_ERR_LIMIT ? "more than 2048 keys"
                                              : "no memory");
        return;
    }

    if (loader->options->catalogue != NULL
        && !check_key(loader, node, condition))
    {
        return;
    }

    want_companion(loader, node);

    if (condition->op.quantifier == DG_QUANTIFIER_ALL
        && !statement->is_deny && !condition->op.if_exists)
    {
        warn_all_values(loader, element, node);
    }

    load_values(loader, node, condition);
}


static size_t
count_conditions(const dg_json_t *element)
{
    size_t  n = 0;

    for (const dg_json_t *op = element->first; op != NULL; op = op->next) {
        n += op->type == DG_JSON_OBJECT ? op->count : 0;
    }

    return n;
}


/* One operator and its keys; returns how many conditions were compiled. */
static size_t
load_operator(dg_policy_loader_t *loader, const dg_json_t *element,
    const dg_json_t *node, const dg_policy_statement_t *statement,
    dg_policy_condition_t *conditions)
{
    dg_policy_operator_t  op;
    dg_span_t             base;
    size_t                n = 0;

    if (!parse_operator(node->key, &op, &base)) {
        unknown_operator(loader, node, base);
        return 0;
    }

    if (node->type != DG_JSON_OBJECT || node->count == 0) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, node,
                          false, "the operator \"%s\" must be an object of "
                          "condition keys and their values",
                          dg_policy_quote(loader, node->key));
        return 0;
    }

    for (const dg_json_t *k = node->first; k != NULL; k = k->next) {
        conditions[n].op = op;
        conditions[n].op_text = node->key;
        load_condition(loader, element, k, statement, &conditions[n++]);
    }

    return n;
}


void
dg_policy_load_conditions(dg_policy_loader_t *loader,
    const dg_json_t *element, dg_policy_statement_t *statement)
{
    dg_policy_condition_t  *conditions;
    size_t                  n;

    if (element->type != DG_JSON_OBJECT) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, element,
                          false, "Condition must be an object of operators");
        return;
    }

    n = count_conditions(element);

    if (n > DG_POLICY_CONDITIONS_MAX) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_LIMIT, element,
                          false, "more than 256 conditions in a statement");
        return;
    }

    conditions = dg_arena_calloc(loader->arena, n ? n : 1,
                                 sizeof(*conditions));
    if (conditions == NULL) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_MEMORY, element,
                          false, "no memory");
        return;
    }

    statement->conditions = conditions;

    for (const dg_json_t *op = element->first; op != NULL; op = op->next) {
        statement->condition_count +=
            load_operator(loader, element, op, statement,
                          conditions + statement->condition_count);
    }
}
