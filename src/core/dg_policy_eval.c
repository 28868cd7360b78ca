/*
 * Decisions.  Source: IAM User Guide, "Policy evaluation logic".
 *
 * All layers are looked at on every call, by one path.  Truth is Kleene's:
 * what holds or does not hold whatever the unknowns turn out to be is said
 * so, all else is unknown.
 */

#include "dg_policy_set.h"

#include <string.h>

/* What the Allows of one layer came to. */
typedef struct {
    dg_policy_truth_t         truth;
    const dg_policy_place_t  *place;     /* the first that said so */
} grant_t;

/* Boundary and session: every document must allow. */
typedef struct {
    uint32_t           document;         /* the one that is being looked at */
    bool               open;
    dg_policy_truth_t  truth;            /* of that document */
    size_t             yes;              /* documents behind it */
    size_t             maybe;
} cap_t;

typedef struct {
    const dg_policy_set_t      *set;
    const dg_policy_request_t  *request;
    dg_policy_trace_pt          trace;
    void                       *trace_ctx;
    dg_span_t                   action;   /* lower case */
    size_t                      resource; /* index */
    dg_span_t                   text;     /* of the resource */
    dg_arn_t                    arn;
    dg_policy_work_t            work;

    uint64_t                    cached;
    dg_policy_values_t          values[DG_POLICY_KEYS_CACHED];

    const unsigned             *key_map;  /* of the statement's document */

    const dg_policy_place_t    *deny;
    bool                        deny_maybe;
    grant_t                     identity;
    grant_t                     resource_grant;
    grant_t                     resource_exact;
    grant_t                     resource_account;
    grant_t                     scp;
    cap_t                       caps[DG_POLICY_FORMS];
} eval_t;


static const char *const  effect_names[] = {
    [DG_POLICY_DENY_IMPLICIT] = "implicit deny",
    [DG_POLICY_DENY_EXPLICIT] = "explicit deny",
    [DG_POLICY_UNKNOWN]       = "unknown",
    [DG_POLICY_ALLOW]         = "allow",
};


const char *
dg_policy_effect_name(dg_policy_effect_t effect)
{
    return effect <= DG_POLICY_ALLOW ? effect_names[effect] : "unknown";
}


/* Keys */

static void
ask(eval_t *e, unsigned key, dg_policy_values_t *values)
{
    *values = (dg_policy_values_t) { DG_POLICY_ABSENT, NULL, 0 };

    if (e->request->lookup != NULL) {
        e->request->lookup(e->request->lookup_ctx, &e->set->keys[key],
                           e->resource, values);
    }
}


/* The values of a key of the statement's document. */
static const dg_policy_values_t *
key_values(eval_t *e, unsigned local, dg_policy_values_t *room)
{
    unsigned  key = e->key_map[local];

    if (key >= DG_POLICY_KEYS_CACHED) {
        ask(e, key, room);
        return room;
    }

    if (!(e->cached & (UINT64_C(1) << key))) {
        ask(e, key, &e->values[key]);
        e->cached |= UINT64_C(1) << key;
    }

    return &e->values[key];
}


/*
 * A variable has a value when its key has exactly one; a key with several
 * cannot be put into text, and a default stands for a missing key only.
 */
static dg_policy_truth_t
resolve(void *ctx, const dg_pattern_t *pattern, dg_span_t *out)
{
    eval_t                    *e = ctx;
    const dg_piece_t          *piece;
    const dg_policy_values_t  *v;
    dg_policy_values_t         room;
    dg_policy_truth_t          truth = DG_POLICY_YES;

    for (size_t i = 0; i < pattern->count; i++) {
        piece = &pattern->pieces[i];

        if (piece->kind != DG_PIECE_VARIABLE) {
            continue;
        }

        v = key_values(e, piece->key, &room);
        *out = DG_SPAN_EMPTY;

        if (v->presence == DG_POLICY_NOT_KNOWN) {
            truth = dg_policy_and(truth, DG_POLICY_MAYBE);

        } else if (v->presence == DG_POLICY_PRESENT && v->count == 1) {
            *out = v->values[0];

        } else if (v->presence == DG_POLICY_PRESENT && v->count > 1) {
            return DG_POLICY_NO;

        } else if (piece->has_default) {
            *out = piece->text;

        } else {
            return DG_POLICY_NO;
        }

        out++;
    }

    return truth;
}


/* Tracing */

static void
trace_part(const eval_t *e, const dg_policy_place_t *place,
    dg_policy_part_t part, dg_policy_truth_t truth,
    const dg_policy_condition_t *condition, const dg_policy_values_t *values)
{
    dg_policy_trace_t  t;

    memset(&t, 0, sizeof(t));
    t.document = place->document;
    t.name = e->set->documents[place->document].name;
    t.form = e->set->documents[place->document].policy->form;
    t.statement = place->index;
    t.sid = place->statement->sid;
    t.line = place->statement->line;
    t.is_deny = place->statement->is_deny;
    t.resource = e->resource;
    t.part = part;
    t.truth = truth;

    if (condition != NULL) {
        t.op = condition->op_text;
        t.key = &e->set->keys[e->key_map[condition->key]];
        t.values = values;
    }

    e->trace(e->trace_ctx, &t);
}


static inline void
tell(const eval_t *e, const dg_policy_place_t *place, dg_policy_part_t part,
    dg_policy_truth_t truth, const dg_policy_condition_t *condition,
    const dg_policy_values_t *values)
{
    if (e->trace != NULL) {
        trace_part(e, place, part, truth, condition, values);
    }
}


/* Parts of a statement */

static dg_policy_truth_t
match_resources(eval_t *e, const dg_policy_statement_t *s)
{
    const dg_arn_pattern_t  *pattern;
    dg_policy_truth_t        truth = DG_POLICY_NO, one;

    for (size_t i = 0; i < s->resource_count && truth != DG_POLICY_YES; i++) {
        pattern = &s->resources[i];

        if (pattern->all) {
            one = DG_POLICY_YES;

        } else if (e->request->resource_unknown) {
            one = DG_POLICY_MAYBE;

        } else {
            one = dg_policy_arn_eval(pattern, &e->arn, e->text,
                                     DG_PATTERN_SEGMENTS, &e->work);
        }

        truth = dg_policy_or(truth, one);
    }

    return s->not_resource ? dg_policy_not(truth) : truth;
}


/*
 * An account in the NotPrincipal of a Deny exempts the account's root alone,
 * in that of an Allow it leaves the whole account out: either way the
 * reading that grants less.
 */
static dg_policy_truth_t
match_principal(const eval_t *e, const dg_policy_statement_t *s,
    dg_policy_fit_t *fit)
{
    bool  matches;

    *fit = dg_policy_principal_fit(s, &e->request->principal);

    if (s->not_principal) {
        matches = s->is_deny
                  ? *fit < DG_PRINCIPAL_FITS
                  : *fit == DG_PRINCIPAL_FITS_NOT
                    && e->request->principal.arn.len != 0;

        *fit = DG_PRINCIPAL_FITS;

    } else {
        matches = *fit != DG_PRINCIPAL_FITS_NOT;
    }

    return matches ? DG_POLICY_YES : DG_POLICY_NO;
}


static dg_policy_truth_t
match_conditions(eval_t *e, const dg_policy_place_t *place)
{
    const dg_policy_statement_t  *s = place->statement;
    const dg_policy_values_t     *values;
    dg_policy_values_t            room;
    dg_policy_truth_t             truth = DG_POLICY_YES, one;

    for (size_t i = 0; i < s->condition_count; i++) {
        values = key_values(e, s->conditions[i].key, &room);
        one = dg_policy_condition_eval(&s->conditions[i], values, &e->work);
        truth = dg_policy_and(truth, one);
        tell(e, place, DG_POLICY_PART_CONDITION, one, &s->conditions[i],
             values);

        if (truth == DG_POLICY_NO && e->trace == NULL) {
            break;
        }
    }

    return truth;
}


/* `indexed`: the index has said that the action matches. */
static dg_policy_truth_t
match_statement(eval_t *e, const dg_policy_place_t *place, bool indexed,
    dg_policy_fit_t *fit)
{
    const dg_policy_statement_t  *s = place->statement;
    dg_policy_truth_t             truth, one;

    e->key_map = e->set->key_maps[place->document];
    *fit = DG_PRINCIPAL_FITS;

    truth = indexed || dg_policy_action_matches(s, e->action, &e->work.steps)
            ? DG_POLICY_YES : DG_POLICY_NO;
    tell(e, place, DG_POLICY_PART_ACTION, truth, NULL, NULL);

    if (truth != DG_POLICY_NO && s->has_principal) {
        truth = match_principal(e, s, fit);
        tell(e, place, DG_POLICY_PART_PRINCIPAL, truth, NULL, NULL);
    }

    if (truth != DG_POLICY_NO) {
        one = match_resources(e, s);
        truth = dg_policy_and(truth, one);
        tell(e, place, DG_POLICY_PART_RESOURCE, one, NULL, NULL);
    }

    if (truth != DG_POLICY_NO) {
        truth = dg_policy_and(truth, match_conditions(e, place));
    }

    tell(e, place, DG_POLICY_PART_ALL, truth, NULL, NULL);
    return truth;
}


/* Layers */

static void
raise_grant(grant_t *grant, dg_policy_truth_t truth,
    const dg_policy_place_t *place)
{
    if (truth > grant->truth) {
        grant->truth = truth;
        grant->place = place;
    }
}


static void
cap_close(cap_t *cap)
{
    if (cap->open) {
        cap->yes += cap->truth == DG_POLICY_YES;
        cap->maybe += cap->truth == DG_POLICY_MAYBE;
        cap->open = false;
    }
}


static void
cap_add(cap_t *cap, uint32_t document, dg_policy_truth_t truth)
{
    if (!cap->open || cap->document != document) {
        cap_close(cap);
        cap->open = true;
        cap->document = document;
        cap->truth = DG_POLICY_NO;
    }

    cap->truth = dg_policy_or(cap->truth, truth);
}


static void
add_allow(eval_t *e, const dg_policy_place_t *place, dg_policy_truth_t truth,
    dg_policy_fit_t fit)
{
    dg_policy_form_t  form;

    form = e->set->documents[place->document].policy->form;

    switch (form) {

    case DG_POLICY_IDENTITY:
        raise_grant(&e->identity, truth, place);
        return;

    case DG_POLICY_RESOURCE:
        if (fit == DG_PRINCIPAL_FITS_ACCOUNT) {
            raise_grant(&e->resource_account, truth, place);
            return;
        }

        if (fit == DG_PRINCIPAL_FITS_EXACTLY) {
            raise_grant(&e->resource_exact, truth, place);
        }

        raise_grant(&e->resource_grant, truth, place);
        return;

    case DG_POLICY_SCP:
        raise_grant(&e->scp, truth, place);
        return;

    default:
        cap_add(&e->caps[form], place->document, truth);
        return;
    }
}


static bool
applies(const dg_policy_request_t *request, size_t document)
{
    return request->documents == NULL || request->documents[document];
}


/* False when nothing that follows can change the decision. */
static bool
look_at(eval_t *e, const dg_policy_place_t *place, bool indexed)
{
    dg_policy_fit_t    fit;
    dg_policy_truth_t  truth;

    if (!applies(e->request, place->document)) {
        return true;
    }

    truth = match_statement(e, place, indexed, &fit);

    if (!place->statement->is_deny) {
        add_allow(e, place, truth, fit);
        return true;
    }

    if (truth == DG_POLICY_YES && e->deny == NULL) {
        e->deny = place;
    }

    e->deny_maybe = e->deny_maybe || truth == DG_POLICY_MAYBE;

    return e->deny == NULL || e->trace != NULL;
}


static void
look_at_all(eval_t *e)
{
    const dg_policy_index_t  *index = NULL;

    if (e->trace == NULL) {
        index = dg_policy_set_find(e->set, e->action);
    }

    if (index != NULL) {
        for (size_t i = 0; i < index->count; i++) {
            if (!look_at(e, &e->set->places[index->places[i]], true)) {
                return;
            }
        }

        return;
    }

    for (size_t i = 0; i < e->set->place_count; i++) {
        if (!look_at(e, &e->set->places[i], false)) {
            return;
        }
    }
}


static size_t
count_applying(const eval_t *e, dg_policy_form_t form)
{
    size_t  n = 0;

    if (e->set->forms[form] == 0 || e->request->documents == NULL) {
        return e->set->forms[form];
    }

    for (size_t d = 0; d < e->set->document_count; d++) {
        n += e->set->documents[d].policy->form == form
             && e->request->documents[d];
    }

    return n;
}


static dg_policy_truth_t
cap_truth(eval_t *e, dg_policy_form_t form)
{
    cap_t  *cap = &e->caps[form];
    size_t  n = count_applying(e, form);

    cap_close(cap);

    if (cap->yes == n) {
        return DG_POLICY_YES;
    }

    return cap->yes + cap->maybe == n ? DG_POLICY_MAYBE : DG_POLICY_NO;
}


static dg_policy_truth_t
scp_truth(const eval_t *e)
{
    return count_applying(e, DG_POLICY_SCP) ? e->scp.truth : DG_POLICY_YES;
}


static dg_policy_truth_t
grant_truth(const eval_t *e)
{
    if (e->request->cross_account) {
        return dg_policy_and(e->identity.truth,
                             dg_policy_or(e->resource_grant.truth,
                                          e->resource_account.truth));
    }

    return dg_policy_or(e->identity.truth, e->resource_grant.truth);
}


static void
name_place(const eval_t *e, const dg_policy_place_t *place,
    dg_policy_decision_t *d)
{
    if (place == NULL) {
        return;
    }

    d->layer = e->set->documents[place->document].policy->form;
    d->has_document = true;
    d->has_statement = true;
    d->document = place->document;
    d->name = e->set->documents[place->document].name;
    d->statement = place->index;
    d->sid = place->statement->sid;
    d->line = place->statement->line;
}


/* Does this document alone have an Allow that holds. */
static bool
document_allows(eval_t *e, size_t document)
{
    const dg_policy_place_t  *place;
    dg_policy_trace_pt        trace = e->trace;
    dg_policy_fit_t           fit;
    bool                      found = false;

    e->trace = NULL;

    for (size_t i = 0; i < e->set->place_count && !found; i++) {
        place = &e->set->places[i];
        found = place->document == document && !place->statement->is_deny
                && match_statement(e, place, false, &fit) == DG_POLICY_YES;
    }

    e->trace = trace;
    return found;
}


/* The first document of a capping layer that does not allow. */
static void
name_cap(eval_t *e, dg_policy_form_t form, dg_policy_decision_t *d)
{
    const dg_policy_document_t  *document;

    d->layer = form;

    for (size_t i = 0; i < e->set->document_count; i++) {
        document = &e->set->documents[i];

        if (document->policy->form == form && applies(e->request, i)
            && !document_allows(e, i))
        {
            d->has_document = true;
            d->document = i;
            d->name = document->name;
            return;
        }
    }
}


static void
name_missing(eval_t *e, dg_policy_truth_t grant, dg_policy_truth_t boundary,
    dg_policy_truth_t session, dg_policy_decision_t *d)
{
    if (grant == DG_POLICY_NO) {
        d->layer = DG_POLICY_IDENTITY;
        d->delegated = e->resource_account.truth == DG_POLICY_YES
                       && e->identity.truth == DG_POLICY_NO;

        if (e->request->cross_account
            ? e->identity.truth != DG_POLICY_NO
            : count_applying(e, DG_POLICY_RESOURCE) && !d->delegated)
        {
            d->layer = DG_POLICY_RESOURCE;
        }

        return;
    }

    if (scp_truth(e) == DG_POLICY_NO) {
        d->layer = DG_POLICY_SCP;

    } else if (boundary == DG_POLICY_NO) {
        name_cap(e, DG_POLICY_BOUNDARY, d);

    } else if (session == DG_POLICY_NO) {
        name_cap(e, DG_POLICY_SESSION, d);
    }
}


static void
conclude(eval_t *e, dg_policy_decision_t *d)
{
    dg_policy_truth_t  grant, boundary, session, allowed, direct;

    if (e->deny != NULL) {
        d->effect = DG_POLICY_DENY_EXPLICIT;
        name_place(e, e->deny, d);
        return;
    }

    grant = grant_truth(e);
    boundary = cap_truth(e, DG_POLICY_BOUNDARY);
    session = cap_truth(e, DG_POLICY_SESSION);
    allowed = dg_policy_and(dg_policy_and(grant, scp_truth(e)),
                            dg_policy_and(boundary, session));

    if (e->set->direct_grants_uncapped && !e->request->cross_account) {
        direct = dg_policy_and(e->resource_exact.truth, scp_truth(e));
        allowed = dg_policy_or(allowed, direct);
    }

    /* what ran out of steps did not look at everything */
    if (e->work.steps == 0) {
        d->over_limit = true;

    } else if (allowed == DG_POLICY_NO) {
        name_missing(e, grant, boundary, session, d);

    } else if (allowed == DG_POLICY_MAYBE || e->deny_maybe) {
        d->effect = DG_POLICY_UNKNOWN;

    } else {
        d->effect = DG_POLICY_ALLOW;
        name_place(e, e->resource_grant.truth == DG_POLICY_YES
                      && e->identity.truth != DG_POLICY_YES
                      ? e->resource_grant.place : e->identity.place, d);
    }
}


static void
decide_one(const dg_policy_set_t *set, const dg_policy_request_t *request,
    dg_span_t action, size_t resource, dg_policy_trace_pt trace, void *ctx,
    dg_policy_decision_t *d)
{
    eval_t  e;

    memset(d, 0, sizeof(*d));
    d->resource = resource;

    /* all but the values, which `cached` guards */
    e.set = set;
    e.request = request;
    e.trace = trace;
    e.trace_ctx = ctx;
    e.action = action;
    e.resource = resource;
    e.text = request->resource_count ? request->resources[resource]
                                     : DG_SPAN("*");
    e.arn = dg_arn_split(e.text);
    dg_policy_work_init(&e.work, resolve, &e);
    e.cached = 0;
    e.key_map = NULL;
    e.deny = NULL;
    e.deny_maybe = false;
    e.identity = e.resource_grant = e.resource_exact = e.resource_account
        = e.scp = (grant_t) { DG_POLICY_NO, NULL };
    memset(e.caps, 0, sizeof(e.caps));

    if (e.text.len > DG_POLICY_RESOURCE_MAX) {
        d->over_limit = true;
        return;
    }

    look_at_all(&e);
    conclude(&e, d);
}


/* Which of two resources' decisions is the call's. */
static int
rank(dg_policy_effect_t effect)
{
    switch (effect) {

    case DG_POLICY_DENY_EXPLICIT:
        return 3;

    case DG_POLICY_DENY_IMPLICIT:
        return 2;

    case DG_POLICY_UNKNOWN:
        return 1;

    default:
        return 0;
    }
}


void
dg_policy_explain(const dg_policy_set_t *set,
    const dg_policy_request_t *request, dg_policy_trace_pt trace, void *ctx,
    dg_policy_decision_t *decision)
{
    dg_policy_decision_t  one;
    uint8_t               buffer[DG_POLICY_ACTION_MAX];
    dg_span_t             action;
    size_t                n = request->resource_count;

    memset(decision, 0, sizeof(*decision));

    if (!dg_policy_action_fold(request->action, buffer, &action)) {
        decision->over_limit = true;
        return;
    }

    decide_one(set, request, action, 0, trace, ctx, decision);

    for (size_t i = 1; i < n; i++) {

        if (decision->effect == DG_POLICY_DENY_EXPLICIT && trace == NULL) {
            return;
        }

        decide_one(set, request, action, i, trace, ctx, &one);

        if (rank(one.effect) > rank(decision->effect)) {
            *decision = one;
        }
    }
}


void
dg_policy_decide(const dg_policy_set_t *set,
    const dg_policy_request_t *request, dg_policy_decision_t *decision)
{
    dg_policy_explain(set, request, NULL, NULL, decision);
}
