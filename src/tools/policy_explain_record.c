/*
 * deskgate-policy explain --request-id: what was decided, by which policies,
 * whether they are still the same, and how each statement came out.
 */

#include "policy_explain.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    policy_tool_t           *tool;
    const policy_explain_t  *explain;
    policy_sources_t         sources;
    bool                     found;
    bool                     changed;   /* a policy has, since */
    bool                     unread;    /* a policy could not be read */
    int                      status;
} find_t;

static policy_call_t  space;   /* more than a stack should hold */


/* The record's policies as they are now. */
static bool
use_applied(find_t *f, policy_record_t *record)
{
    policy_applied_t  *a;

    for (size_t i = 0; i < record->applied_count; i++) {
        a = &record->applied[i];
        a->source = policy_source(&f->sources, a->file, a->form);

        if (a->source == NULL) {
            return false;
        }

        a->changed = !dg_span_equal(a->hash, dg_span(a->source->hash,
                                                     DG_SHA256_HEX_SIZE));
        f->changed = f->changed || a->changed;

        if (a->source->policy == NULL) {
            f->unread = true;
            continue;
        }

        if (!policy_call_add(&space, a->source->policy, a->source->file)) {
            return false;
        }
    }

    return true;
}


static bool
use_given(find_t *f)
{
    const policy_call_t  *given = f->explain->policies;

    for (size_t i = 0; i < given->document_count; i++) {
        if (!policy_call_add(&space, given->documents[i].policy,
                             given->documents[i].name))
        {
            return false;
        }
    }

    return true;
}


static const char *
state(const policy_applied_t *a)
{
    return a->source->policy == NULL
           ? (a->source->hash[0] == '\0' ? "cannot be read" : "has errors")
           : a->changed ? "changed since" : "unchanged";
}


static void
policies_text(const find_t *f, const policy_record_t *record)
{
    const policy_applied_t  *a;

    for (size_t i = 0; i < record->applied_count; i++) {
        a = &record->applied[i];

        fputs("policy    ", stdout);
        policy_print(a->file);

        if (f->explain->policies->document_count) {
            printf(" (%s)\n", dg_policy_form_name(a->form));
            continue;
        }

        printf(" (%s): %s%s%s\n", dg_policy_form_name(a->form),
               policy_color(f->tool, a->changed ? "\033[33m" : "\033[32m"),
               state(a), policy_color(f->tool, "\033[0m"));
    }

    if (!record->whole) {
        puts("          the record leaves some policies or keys out");
    }
}


static void
line_of(const char *name, dg_span_t text)
{
    if (text.len) {
        printf("%-10s", name);
        policy_print(text);
        putchar('\n');
    }
}


static void
record_text(const find_t *f, const policy_record_t *record)
{
    const dg_policy_principal_t  *p = &space.request.principal;

    line_of("time", record->time);
    line_of("request", record->request_id);
    line_of("caller", p->arn);
    line_of("action", space.request.action);
    line_of("resource", policy_member(record->gate, "resource"));
    line_of("outcome", policy_member(record->gate, "decision"));
    line_of("refusal", policy_member(record->gate, "refusal"));

    if (record->effect.len == 0) {
        puts("          the policies were not asked");
        return;
    }

    printf("%-10s%s", "decided", policy_color(f->tool, "\033[1m"));
    policy_print(record->effect);
    printf("%s: ", policy_color(f->tool, "\033[0m"));
    policy_print(policy_member(record->gate, "layer"));

    if (policy_member(record->gate, "policy").len) {
        fputs(" policy ", stdout);
        policy_print(policy_member(record->gate, "policy"));
    }

    if (policy_member(record->gate, "statement").len) {
        fputs(", statement ", stdout);
        policy_print_json(policy_member(record->gate, "statement"));
    }

    putchar('\n');
    policies_text(f, record);
}


static void
record_json(const policy_record_t *record)
{
    static const char *const  names[] = {
        "action", "resource", "decision", "refusal", "authorization",
        "layer", "policy", "statement", "policySet"
    };
    const policy_applied_t   *a;

    fputs("{\"recorded\":{\"requestID\":", stdout);
    policy_print_json(record->request_id);
    policy_print_member("eventTime", record->time);
    policy_print_member("principal", space.request.principal.arn);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (policy_member(record->gate, names[i]).len) {
            policy_print_member(names[i], policy_member(record->gate,
                                                        names[i]));
        }
    }

    printf(",\"complete\":%s},\"policies\":[",
           record->whole ? "true" : "false");

    for (size_t i = 0; i < record->applied_count; i++) {
        a = &record->applied[i];

        fputs(i ? ",{\"file\":" : "{\"file\":", stdout);
        policy_print_json(a->file);
        printf(",\"form\":\"%s\"", dg_policy_form_name(a->form));

        if (a->source != NULL) {
            printf(",\"state\":\"%s\"", state(a));
        }

        putchar('}');
    }

    putchar(']');
}


/* What the present policies say, against what was decided then. */
static void
compare(const find_t *f, const policy_record_t *record,
    const dg_policy_decision_t *d)
{
    bool  same = dg_span_equal(record->effect, dg_span_cstr(
                                     dg_policy_effect_name(d->effect)));

    if (f->tool->json) {
        return;
    }

    if (f->unread) {
        puts("not all policies could be read: what stands above is not the "
             "whole decision");

    } else if (same) {
        puts("as it was decided then");

    } else if (d->effect == DG_POLICY_UNKNOWN) {
        puts("the record does not have everything that the policies read "
             "now");

    } else {
        fputs("decided otherwise then: ", stdout);
        policy_print(record->effect);
        putchar('\n');
    }
}


static void
explain_found(find_t *f, policy_record_t *record)
{
    policy_tool_t         *tool = f->tool;
    dg_policy_decision_t   d;

    f->status = 2;

    if (!policy_record_call(record, &space)
        || !policy_call_operation(tool, &space)
        || !(f->explain->policies->document_count ? use_given(f)
                                                  : use_applied(f, record)))
    {
        return;
    }

    if (tool->json) {
        record_json(record);

    } else {
        record_text(f, record);
    }

    f->status = dg_span_equal(record->effect, DG_SPAN("allow")) ? 0 : 1;

    if (record->effect.len == 0) {
        fputs(tool->json ? "}\n" : "", stdout);
        return;
    }

    if (tool->json) {
        putchar(',');
    }

    if (!policy_explain_call(tool, &space, &d)) {
        f->status = 2;
        return;
    }

    compare(f, record, &d);
}


static bool
found(void *ctx, const policy_record_t *record)
{
    find_t           *f = ctx;
    policy_record_t   copy = *record;

    if (!dg_span_equal(record->request_id,
                       dg_span_cstr(f->explain->request_id)))
    {
        return true;
    }

    f->found = true;
    explain_found(f, &copy);
    return false;
}


int
policy_explain_record(policy_tool_t *tool, const policy_explain_t *explain)
{
    find_t  f = { .tool = tool, .explain = explain, .status = 2 };

    if (explain->file_count == 0) {
        policy_complain("explain --request-id wants --trail FILE...");
        return 2;
    }

    if (!policy_sources_init(&f.sources, tool)
        || !policy_trail_read(tool, explain->files, explain->file_count,
                              explain->request_id, found, &f))
    {
        return 2;
    }

    if (!f.found) {
        policy_complain("no record of the request \"%s\"",
                        explain->request_id);
    }

    dg_crypto_destroy(f.sources.crypto);
    return f.status;
}
