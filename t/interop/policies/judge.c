/*
 * Decides generated cases, one JSON object a line on standard input, and
 * compares with what another evaluator said: "expected" is "Allowed",
 * "ImplicitlyDenied" or "ExplicitlyDenied".  Prints the lines that differ.
 *
 * Model-free, with AWS's exception for grants to a principal's very ARN.
 */

#define _POSIX_C_SOURCE  200809L

#include "dg_json.h"
#include "dg_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_SIZE  (32 * 1024 * 1024)
#define TEXT_SIZE    (256 * 1024)
#define DOCUMENTS    16
#define SHOWN        20

typedef struct {
    dg_arena_t        arena;
    const dg_json_t  *line;
    const dg_json_t  *request;
    dg_diag_t         diag;
} case_t;

static uint8_t  text[TEXT_SIZE];


static dg_span_t
member(const dg_json_t *object, const char *name)
{
    dg_span_t  value = DG_SPAN_EMPTY;

    (void) dg_json_string(object, dg_span_cstr(name), &value);
    return value;
}


static void
lookup(void *ctx, const dg_policy_key_t *key, size_t resource,
    dg_policy_values_t *values)
{
    case_t           *c = ctx;
    const dg_json_t  *m = dg_json_member(c->request, DG_SPAN("context"));
    const dg_json_t  *item;
    dg_span_t        *list;
    size_t            n = 0;

    (void) resource;

    for (m = m->first; m != NULL; m = m->next) {
        if (dg_span_equal_nocase(m->key, key->name)) {
            break;
        }
    }

    if (m == NULL) {
        return;
    }

    list = dg_arena_calloc(&c->arena, m->count + 1, sizeof(*list));

    for (item = m->type == DG_JSON_ARRAY ? m->first : m;
         list != NULL && item != NULL;
         item = m->type == DG_JSON_ARRAY ? item->next : NULL)
    {
        list[n++] = item->text;
    }

    values->presence = DG_POLICY_PRESENT;
    values->values = list;
    values->count = n;
}


static bool
load(case_t *c, const dg_json_t *entry, dg_policy_document_t *document)
{
    dg_writer_t          w = dg_writer(text, sizeof(text));
    dg_span_t            type = member(entry, "type");
    dg_policy_options_t  options = { .form = DG_POLICY_FORMS };

    for (unsigned f = 0; f < DG_POLICY_FORMS; f++) {
        if (dg_span_equal(type, dg_span_cstr(dg_policy_form_name(
                                                 (dg_policy_form_t) f))))
        {
            options.form = (dg_policy_form_t) f;
        }
    }

    dg_json_write_tree(&w, dg_json_member(entry, DG_SPAN("document")));
    document->name = type;

    return dg_policy_load(&c->arena, dg_written(&w), &options, &c->diag,
                          &document->policy) == DG_OK;
}


static dg_span_t
account_of(dg_span_t arn)
{
    dg_span_t  part = DG_SPAN_EMPTY;

    for (unsigned i = 0; i < 5 && dg_span_split(&arn, ':', &part); i++) {
        continue;
    }

    return part;
}


static const char *
decide(case_t *c)
{
    size_t                   count = 0;
    dg_span_t                resource = member(c->request, "resource");
    const dg_json_t         *list;
    dg_policy_request_t      r = { .resources = &resource,
                                   .resource_count = 1, .lookup = lookup,
                                   .lookup_ctx = c };
    dg_policy_decision_t     d;
    dg_policy_document_t     documents[DOCUMENTS];
    dg_policy_set_options_t  options = { .direct_grants_uncapped = true };
    const dg_policy_set_t   *set;

    list = dg_json_member(c->line, DG_SPAN("policies"));

    for (list = list->first; list != NULL; list = list->next) {
        if (count == DOCUMENTS || !load(c, list, &documents[count++])) {
            return "refused at load";
        }
    }

    r.action = member(c->request, "action");
    r.principal.arn = member(c->request, "principal");
    r.principal.account = account_of(r.principal.arn);
    r.cross_account = !dg_span_equal(r.principal.account,
                                     member(c->request, "account"));

    if (dg_policy_set_create(&c->arena, documents, count, &options, &set)
        != DG_OK)
    {
        return "no set";
    }

    dg_policy_decide(set, &r, &d);

    return d.effect == DG_POLICY_ALLOW ? "Allowed"
           : d.effect == DG_POLICY_DENY_EXPLICIT ? "ExplicitlyDenied"
           : d.over_limit ? "over a limit" : "ImplicitlyDenied";
}


int
main(void)
{
    char           *line = NULL;
    void           *memory = malloc(MEMORY_SIZE);
    size_t          room = 0;
    ssize_t         len;
    unsigned long   agreed = 0, differ = 0;
    const char     *got;

    while (memory != NULL && (len = getline(&line, &room, stdin)) > 0) {
        case_t  c = { .line = NULL };

        dg_arena_init(&c.arena, memory, MEMORY_SIZE);

        if (dg_json_parse(&c.arena, dg_span(line, (size_t) len), NULL,
                          &c.diag, &c.line) != DG_OK)
        {
            printf("not a case: %s\n", line);
            return 2;
        }

        c.request = dg_json_member(c.line, DG_SPAN("request"));
        got = decide(&c);

        if (dg_span_equal(member(c.line, "expected"), dg_span_cstr(got))) {
            agreed++;
            continue;
        }

        if (differ++ < SHOWN) {
            printf("# %s%s%s, the other says otherwise: %s", got,
                   c.diag.text[0] ? ": " : "", c.diag.text, line);
        }
    }

    printf("%lu agreed, %lu differ\n", agreed, differ);
    free(line);
    free(memory);
    return differ ? 1 : 0;
}
