/*
 * Conditions as they are evaluated.  Source: IAM User Guide, "IAM JSON
 * policy elements: Condition operators" and "Multivalued context keys".
 *
 * A key with several values under an operator without ForAllValues or
 * ForAnyValue: a positive operator holds when it holds for one of them, a
 * negated one when the positive would not.  A key with an empty list counts
 * as missing, also for Null: to pair ForAllValues with Null is only worth
 * something if an empty list does not pass for a value.
 */

#include "dg_policy_document.h"


dg_err_t
dg_policy_operand_read(dg_policy_family_t family, dg_span_t text,
    dg_policy_operand_t *out)
{
    switch (family) {

    case DG_FAMILY_NUMERIC:
        return dg_decimal_parse(text, &out->decimal);

    case DG_FAMILY_DATE:
        return dg_instant_parse(text, &out->instant);

    case DG_FAMILY_IP:
        return dg_network_parse(text, &out->network, NULL);

    case DG_FAMILY_BINARY:
        out->binary = text;
        return dg_base64_is_valid(text) ? DG_OK : DG_ERR_SYNTAX;

    default:
        return dg_truth_parse(text, &out->truth);
    }
}


static bool
relation_holds(dg_policy_relation_t relation, int order)
{
    switch (relation) {

    case DG_RELATION_LESS:
        return order < 0;

    case DG_RELATION_LESS_EQUAL:
        return order <= 0;

    case DG_RELATION_GREATER:
        return order > 0;

    case DG_RELATION_GREATER_EQUAL:
        return order >= 0;

    default:
        return order == 0;
    }
}


void
dg_policy_work_init(dg_policy_work_t *work, dg_policy_resolve_pt resolve,
    void *ctx)
{
    work->resolve = resolve;
    work->ctx = ctx;
    work->steps = DG_POLICY_STEPS_MAX;

    for (unsigned i = 0; i < DG_FAMILY_NULL; i++) {
        work->subjects[i].text = DG_SPAN_EMPTY;
    }
}


static const dg_policy_subject_t *
read_subject(dg_policy_work_t *work, dg_policy_family_t family,
    dg_span_t text)
{
    dg_policy_subject_t  *s = &work->subjects[family];

    if (text.data != NULL && s->text.data == text.data
        && s->text.len == text.len)
    {
        return s;
    }

    s->text = text;
    s->valid = true;

    switch (family) {

    case DG_FAMILY_STRING:
    case DG_FAMILY_STRING_NOCASE:
    case DG_FAMILY_STRING_LIKE:
        break;

    case DG_FAMILY_ARN:
        s->arn = dg_arn_split(text);
        s->valid = s->arn.valid;
        break;

    case DG_FAMILY_IP:
        /* a request's address is an address, never a network */
        s->valid = dg_span_find(text, '/') == text.len
                   && dg_policy_operand_read(family, text, &s->operand)
                      == DG_OK;
        break;

    default:
        s->valid = dg_policy_operand_read(family, text, &s->operand)
                   == DG_OK;
        break;
    }

    return s;
}


static dg_policy_truth_t
match_pattern(const dg_policy_condition_t *c, const dg_pattern_t *pattern,
    dg_span_t text, dg_policy_work_t *work)
{
    dg_span_t          variables[DG_POLICY_VARIABLES_MAX];
    dg_policy_truth_t  known;
    unsigned           flags = c->op.family == DG_FAMILY_STRING_NOCASE
                               ? DG_PATTERN_NOCASE : 0;

    if (pattern->variables) {
        known = work->resolve(work->ctx, pattern, variables);

        if (known != DG_POLICY_YES) {
            return known;
        }
    }

    return dg_pattern_match(pattern, variables, text, flags, &work->steps)
           ? DG_POLICY_YES : DG_POLICY_NO;
}


static bool
match_plain(const dg_policy_condition_t *c, const dg_policy_operand_t *v,
    const dg_policy_subject_t *s)
{
    switch (c->op.family) {

    case DG_FAMILY_NUMERIC:
        return relation_holds(c->op.relation,
                              dg_decimal_compare(&s->operand.decimal,
                                                 &v->decimal));

    case DG_FAMILY_DATE:
        return relation_holds(c->op.relation,
                              dg_instant_compare(&s->operand.instant,
                                                 &v->instant));

    case DG_FAMILY_IP:
        return dg_network_contains(&v->network, &s->operand.network);

    case DG_FAMILY_BINARY:
        return dg_base64_equal(v->binary, s->text);

    default:
        return v->truth == s->operand.truth;
    }
}


/* Does the request's value match one of the policy's. */
static dg_policy_truth_t
match_any(const dg_policy_condition_t *c, dg_span_t text,
    dg_policy_work_t *work)
{
    dg_policy_truth_t           truth = DG_POLICY_NO, one;
    const dg_policy_operand_t  *v;
    const dg_policy_subject_t  *s = read_subject(work, c->op.family, text);

    if (!s->valid) {
        return DG_POLICY_NO;
    }

    for (size_t i = 0; i < c->count && truth != DG_POLICY_YES; i++) {
        v = &c->values[i];

        if (c->op.family < DG_FAMILY_ARN) {
            one = match_pattern(c, &v->pattern, text, work);

        } else if (c->op.family == DG_FAMILY_ARN) {
            one = dg_policy_arn_eval(&v->arn, &s->arn, text, 0, work);

        } else {
            work->steps -= work->steps > 0;
            one = match_plain(c, v, s) ? DG_POLICY_YES : DG_POLICY_NO;
        }

        truth = dg_policy_or(truth, one);
    }

    return truth;
}


dg_policy_truth_t
dg_policy_arn_eval(const dg_arn_pattern_t *pattern, const dg_arn_t *arn,
    dg_span_t text, unsigned flags, dg_policy_work_t *work)
{
    dg_span_t          variables[DG_POLICY_VARIABLES_MAX];
    dg_span_t         *next = variables;
    dg_policy_truth_t  known = DG_POLICY_YES;

    /* the loader bounds the variables of all parts together */
    for (unsigned i = 0; pattern->variables && i < 6; i++) {
        if (pattern->part[i].variables) {
            known = dg_policy_and(known,
                                  work->resolve(work->ctx,
                                                &pattern->part[i], next));
            next += pattern->part[i].variables;
        }
    }

    if (known != DG_POLICY_YES) {
        return known;
    }

    return dg_arn_match(pattern, variables, arn, text, flags, &work->steps)
           ? DG_POLICY_YES : DG_POLICY_NO;
}


static dg_policy_truth_t
eval_missing(const dg_policy_condition_t *c)
{
    bool  holds;

    if (c->op.if_exists || c->op.quantifier == DG_QUANTIFIER_ALL) {
        return DG_POLICY_YES;
    }

    holds = c->op.quantifier == DG_QUANTIFIER_NONE && c->op.negated;

    return holds ? DG_POLICY_YES : DG_POLICY_NO;
}


static dg_policy_truth_t
eval_null(const dg_policy_condition_t *c, bool missing)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->values[i].truth == missing) {
            return DG_POLICY_YES;
        }
    }

    return DG_POLICY_NO;
}


dg_policy_truth_t
dg_policy_condition_eval(const dg_policy_condition_t *c,
    const dg_policy_values_t *values, dg_policy_work_t *work)
{
    dg_policy_truth_t  truth, one;
    bool               all = c->op.quantifier == DG_QUANTIFIER_ALL;
    bool               each = c->op.negated
                              && c->op.quantifier != DG_QUANTIFIER_NONE;
    bool               missing = values->presence != DG_POLICY_PRESENT
                                 || values->count == 0;

    if (values->presence == DG_POLICY_NOT_KNOWN) {
        return DG_POLICY_MAYBE;
    }

    if (c->op.family == DG_FAMILY_NULL) {
        return eval_null(c, missing);
    }

    if (missing) {
        return eval_missing(c);
    }

    truth = all ? DG_POLICY_YES : DG_POLICY_NO;

    for (size_t i = 0; i < values->count; i++) {
        one = match_any(c, values->values[i], work);
        one = each ? dg_policy_not(one) : one;
        truth = all ? dg_policy_and(truth, one) : dg_policy_or(truth, one);
    }

    if (c->op.negated && c->op.quantifier == DG_QUANTIFIER_NONE) {
        truth = dg_policy_not(truth);
    }

    return truth;
}
