/*
 * What the unit programs of policies share: documents in a few characters, a
 * context, and a decision.  A quote in a document is written ' here.
 */

#ifndef POLICY_H
#define POLICY_H

#include "dg_policy.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

#define FACT_VALUES  6

/* A fact without values is present and empty; the list ends with no key. */
typedef struct {
    const char  *key;
    const char  *values[FACT_VALUES];
    bool         unknown;
} fact_t;

typedef struct {
    dg_policy_form_t  form;
    const char       *text;
} document_t;

typedef struct {
    dg_arena_t                 arena;
    uint8_t                   *block;
    const dg_policy_set_t     *set;
    dg_policy_request_t        request;
    dg_policy_decision_t       decision;
    const fact_t              *facts;
    dg_span_t                  values[256];
    size_t                     used;
    dg_span_t                  resources[8];
    dg_policy_set_options_t    options;
} world_t;

#define BLOCK_SIZE  (64 * 1024 * 1024)

#define VERSION  "{'Version': '2012-10-17', 'Statement': "
#define ALLOW    "{'Effect': 'Allow', 'Action': '*', 'Resource': '*'"
#define DENY     "{'Effect': 'Deny', 'Action': '*', 'Resource': '*'"


static inline void
world_init(world_t *w)
{
    memset(w, 0, sizeof(*w));
    w->block = malloc(BLOCK_SIZE);
    dg_arena_init(&w->arena, w->block, BLOCK_SIZE);
    w->request.action = DG_SPAN("workspaces:RebootWorkspaces");
    w->request.principal.arn = DG_SPAN("arn:aws:iam::123456789012:user/ann");
    w->request.principal.account = DG_SPAN("123456789012");
}


static inline void
world_free(world_t *w)
{
    free(w->block);
}


/* ' becomes ". */
static inline dg_span_t
quoted(world_t *w, const char *text)
{
    dg_span_t  s = dg_arena_copy(&w->arena, dg_span_cstr(text));
    uint8_t   *p = w->block + (s.data - w->block);

    for (size_t i = 0; i < s.len; i++) {
        p[i] = p[i] == '\'' ? '"' : p[i];
    }

    return s;
}


static inline dg_err_t
world_load(world_t *w, dg_policy_form_t form, const char *text,
    dg_diag_t *diag, const dg_policy_t **out)
{
    dg_policy_options_t  options = { .form = form };

    return dg_policy_load(&w->arena, quoted(w, text), &options, diag, out);
}


static inline void
world_lookup(void *ctx, const dg_policy_key_t *key, size_t resource,
    dg_policy_values_t *values)
{
    world_t       *w = ctx;
    const fact_t  *f;

    (void) resource;

    for (f = w->facts; f != NULL && f->key != NULL; f++) {
        if (dg_span_equal_nocase(dg_span_cstr(f->key), key->name)) {
            break;
        }
    }

    if (f == NULL || f->key == NULL) {
        return;
    }

    values->presence = f->unknown ? DG_POLICY_NOT_KNOWN : DG_POLICY_PRESENT;
    values->values = w->values + w->used;

    for (unsigned i = 0; i < FACT_VALUES && f->values[i] != NULL; i++) {
        w->values[w->used++] = dg_span_cstr(f->values[i]);
        values->count++;
    }
}


/* Decides with documents and facts; a document that is refused fails. */
static inline dg_policy_effect_t
world_decide(world_t *w, const document_t *documents, size_t count,
    const fact_t *facts)
{
    dg_policy_document_t  list[16];
    dg_diag_t             diag = { 0, 0, "" };

    w->arena.pos = w->block;
    w->facts = facts;
    w->used = 0;
    w->request.lookup = world_lookup;
    w->request.lookup_ctx = w;
    memset(&w->decision, 0, sizeof(w->decision));

    for (size_t i = 0; i < count; i++) {
        list[i].name = dg_span_cstr(documents[i].text);

        if (world_load(w, documents[i].form, documents[i].text, &diag,
                       &list[i].policy) != DG_OK)
        {
            printf("# %u:%u: %s\n", diag.line, diag.column, diag.text);
            ok(false, "the document loads: %s", documents[i].text);
            return DG_POLICY_UNKNOWN;
        }
    }

    if (dg_policy_set_create(&w->arena, list, count, &w->options, &w->set)
        != DG_OK)
    {
        ok(false, "the set is made");
        return DG_POLICY_UNKNOWN;
    }

    dg_policy_decide(w->set, &w->request, &w->decision);

    return w->decision.effect;
}


/* One identity policy. */
static inline dg_policy_effect_t
world_one(world_t *w, const char *text, const fact_t *facts)
{
    document_t  document = { DG_POLICY_IDENTITY, text };

    return world_decide(w, &document, 1, facts);
}

#endif
