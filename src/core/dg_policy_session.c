/*
 * Session policies: see dg_policy_session.h.
 *
 * A set in which nothing grants denies everything, so the cap stands beside
 * a document that allows all: what the two allow is what the cap allows.
 */

#include "dg_policy_session.h"

#define SESSION  1  /* index of the document */

static const char  allow_all[] =
    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
    "\"Action\":\"*\",\"Resource\":\"*\"}}";


dg_err_t
dg_policy_session_create(dg_arena_t *arena, dg_span_t text, dg_span_t name,
    const dg_policy_catalogue_t *catalogue, dg_diag_t *diag,
    dg_policy_session_t *session)
{
    dg_err_t              err;
    dg_policy_options_t   all = { .form = DG_POLICY_IDENTITY };
    dg_policy_options_t   cap = { .form = DG_POLICY_SESSION,
                                  .catalogue = catalogue, .strict = true };
    dg_policy_document_t  documents[2] = { { NULL, name }, { NULL, name } };
    dg_policy_set_options_t  options = { .catalogue = NULL };

    *session = (dg_policy_session_t) { NULL, NULL };

    err = dg_policy_load(arena, dg_span_cstr(allow_all), &all, diag,
                         &documents[0].policy);

    if (err == DG_OK) {
        err = dg_policy_load(arena, text, &cap, diag,
                             &documents[SESSION].policy);
    }

    if (err == DG_OK) {
        err = dg_policy_set_create(arena, documents, 2, &options,
                                   &session->set);
    }

    if (err != DG_OK) {
        return err;
    }

    session->conditions = dg_conditions_create(arena, session->set);

    return session->conditions
           ? DG_OK : dg_diag(diag, DG_ERR_MEMORY, 0, 0, "no memory");
}


void
dg_policy_session_narrow(const dg_policy_session_t *session,
    const dg_policy_request_t *request, const dg_call_facts_t *facts,
    dg_policy_decision_t *decision)
{
    dg_conditions_lookup_t  lookup = { session->conditions, facts };
    dg_policy_request_t     narrowed = *request;
    dg_policy_decision_t    found;

    if (decision->effect != DG_POLICY_ALLOW
        && decision->effect != DG_POLICY_UNKNOWN)
    {
        return;
    }

    narrowed.documents = NULL;
    narrowed.lookup = dg_conditions_lookup;
    narrowed.lookup_ctx = &lookup;

    dg_policy_decide(session->set, &narrowed, &found);

    if (found.effect != DG_POLICY_ALLOW
        && (found.effect != DG_POLICY_UNKNOWN
            || decision->effect == DG_POLICY_ALLOW))
    {
        *decision = found;
    }
}
