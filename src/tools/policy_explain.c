/*
 * deskgate-policy explain: decides one call and says why.
 */

#include "policy_explain.h"
#include "policy_command.h"

#include <stdio.h>
#include <stdlib.h>


typedef struct {
    const policy_tool_t  *tool;
    bool                  first;
} explain_t;


static bool
add_context(policy_call_t *call, const char *text)
{
    dg_span_t  all = dg_span_cstr(text);
    size_t     equals = dg_span_find(all, '=');

    if (equals == all.len) {
        policy_complain("--context wants KEY=VALUE, not \"%s\"", text);
        return false;
    }

    return policy_call_value(call, dg_span_slice(all, 0, equals),
                             dg_span_slice(all, equals + 1, all.len),
                             POLICY_VALUE, POLICY_TOOL_EVERY);
}


/* True when the word described the call; *bad when it did so badly. */
static bool
call_option(policy_call_t *call, policy_words_t *words, bool *bad)
{
    if (policy_take(words, "--principal", bad)) {
        policy_call_principal(call, dg_span_cstr(words->argument));

    } else if (policy_take(words, "--account", bad)) {
        call->request.principal.account = dg_span_cstr(words->argument);

    } else if (policy_take(words, "--provider", bad)) {
        call->request.principal.issuer = dg_span_cstr(words->argument);

    } else if (policy_take(words, "--action", bad)) {
        call->request.action = dg_span_cstr(words->argument);

    } else if (policy_take(words, "--resource", bad)) {
        *bad = !policy_call_resource(call, dg_span_cstr(words->argument));

    } else if (policy_take(words, "--context", bad)) {
        *bad = !add_context(call, words->argument);

    } else if (policy_take(words, "--unknown", bad)) {
        *bad = !policy_call_value(call, dg_span_cstr(words->argument),
                                  DG_SPAN_EMPTY, POLICY_VALUE_UNKNOWN,
                                  POLICY_TOOL_EVERY);

    } else if (policy_take_flag(words, "--cross-account")) {
        call->request.cross_account = true;

    } else {
        return false;
    }

    return true;
}


static const char *
truth_name(dg_policy_truth_t truth)
{
    return truth == DG_POLICY_YES ? "yes"
           : truth == DG_POLICY_NO ? "no" : "unknown";
}


static const char *
truth_color(const policy_tool_t *tool, dg_policy_truth_t truth)
{
    return policy_color(tool, truth == DG_POLICY_YES ? "\033[32m"
                              : truth == DG_POLICY_NO ? "\033[31m"
                              : "\033[33m");
}


static const char *
part_name(dg_policy_part_t part)
{
    static const char *const  names[] = {
        [DG_POLICY_PART_ACTION]    = "action",
        [DG_POLICY_PART_PRINCIPAL] = "principal",
        [DG_POLICY_PART_RESOURCE]  = "resource",
        [DG_POLICY_PART_CONDITION] = "condition",
        [DG_POLICY_PART_ALL]       = "matches",
    };

    return names[part];
}


static void
print_values(const dg_policy_values_t *values)
{
    if (values->presence == DG_POLICY_NOT_KNOWN) {
        fputs("not known", stdout);
        return;
    }

    if (values->presence == DG_POLICY_ABSENT || values->count == 0) {
        fputs("absent", stdout);
        return;
    }

    for (size_t i = 0; i < values->count; i++) {
        fputs(i ? ", " : "", stdout);
        policy_print_json(values->values[i]);
    }
}


static void
trace_text(const policy_tool_t *tool, const dg_policy_trace_t *t)
{
    if (t->part == DG_POLICY_PART_ACTION) {
        printf("\n%s%.*s:%u%s: %s statement %zu, %s", policy_color(tool,
               "\033[1m"), (int) t->name.len, (const char *) t->name.data,
               t->line, policy_color(tool, "\033[0m"),
               dg_policy_form_name(t->form), t->statement + 1,
               t->is_deny ? "Deny" : "Allow");

        if (t->sid.len) {
            printf(" \"%.*s\"", (int) t->sid.len,
                   (const char *) t->sid.data);
        }

        if (t->resource) {
            printf(", resource %zu", t->resource + 1);
        }

        putchar('\n');
    }

    printf("  %-10s%s%-8s%s", part_name(t->part),
           truth_color(tool, t->truth), truth_name(t->truth),
           policy_color(tool, "\033[0m"));

    if (t->part == DG_POLICY_PART_CONDITION) {
        policy_print(t->op);
        putchar(' ');
        policy_print(t->key->name);
        fputs(": ", stdout);
        print_values(t->values);
    }

    putchar('\n');
}


static void
trace_json(explain_t *e, const dg_policy_trace_t *t)
{
    printf("%s{\"line\":%u,\"statement\":%zu,\"effect\":\"%s\","
           "\"resource\":%zu,\"part\":\"%s\",\"result\":\"%s\"",
           e->first ? "" : ",", t->line, t->statement,
           t->is_deny ? "Deny" : "Allow", t->resource, part_name(t->part),
           truth_name(t->truth));
    policy_print_member("document", t->name);
    policy_print_member("sid", t->sid);

    if (t->part == DG_POLICY_PART_CONDITION) {
        policy_print_member("operator", t->op);
        policy_print_member("key", t->key->name);
        fputs(",\"values\":[", stdout);

        for (size_t i = 0; i < t->values->count; i++) {
            fputs(i ? "," : "", stdout);
            policy_print_json(t->values->values[i]);
        }

        putchar(']');
    }

    putchar('}');
    e->first = false;
}


static void
trace(void *ctx, const dg_policy_trace_t *t)
{
    explain_t  *e = ctx;

    if (e->tool->json) {
        trace_json(e, t);

    } else {
        trace_text(e->tool, t);
    }
}


static void
decision_text(const policy_tool_t *tool, const policy_call_t *call,
    const dg_policy_decision_t *d)
{
    bool  allowed = d->effect == DG_POLICY_ALLOW;

    printf("\n%s%s%s", policy_color(tool, allowed ? "\033[1;32m"
                                                  : "\033[1;31m"),
           dg_policy_effect_name(d->effect), policy_color(tool, "\033[0m"));

    if (d->has_statement) {
        printf(": %s policy %.*s:%u, statement %zu",
               dg_policy_form_name(d->layer), (int) d->name.len,
               (const char *) d->name.data, d->line, d->statement + 1);

        if (d->sid.len) {
            printf(" \"%.*s\"", (int) d->sid.len,
                   (const char *) d->sid.data);
        }

    } else if (d->over_limit) {
        fputs(": the action or an ARN is malformed, or the policies take "
              "too long", stdout);

    } else if (d->effect == DG_POLICY_DENY_IMPLICIT) {
        printf(": no %s policy allows it", dg_policy_form_name(d->layer));

        if (d->has_document) {
            printf(" (%.*s does not)", (int) d->name.len,
                   (const char *) d->name.data);
        }

        if (d->delegated) {
            fputs("; a resource policy grants to the account, whose "
                  "identity policies must allow it too", stdout);
        }

    } else if (d->effect == DG_POLICY_UNKNOWN) {
        fputs(": it depends on what is not known", stdout);
    }

    if (call->request.resource_count > 1) {
        printf("; resource %zu", d->resource + 1);
    }

    putchar('\n');
}


static void
decision_json(const dg_policy_decision_t *d)
{
    printf("],\"decision\":\"%s\",\"layer\":\"%s\",\"resource\":%zu,"
           "\"delegated\":%s,\"overLimit\":%s",
           dg_policy_effect_name(d->effect), dg_policy_form_name(d->layer),
           d->resource, d->delegated ? "true" : "false",
           d->over_limit ? "true" : "false");

    if (d->has_document) {
        policy_print_member("document", d->name);
    }

    if (d->has_statement) {
        printf(",\"statement\":%zu,\"line\":%u", d->statement, d->line);
        policy_print_member("sid", d->sid);
    }

    puts("}");
}


bool
policy_explain_call(policy_tool_t *tool, policy_call_t *call,
    dg_policy_decision_t *decision)
{
    explain_t               e = { tool, true };
    const dg_policy_set_t  *set = policy_call_prepare(tool, call);

    if (set == NULL) {
        return false;
    }

    if (tool->json) {
        fputs("\"trace\":[", stdout);
    }

    dg_policy_explain(set, &call->request, trace, &e, decision);

    if (tool->json) {
        decision_json(decision);

    } else {
        decision_text(tool, call, decision);
    }

    return true;
}


static int
explain_described(policy_tool_t *tool, policy_call_t *call)
{
    dg_policy_decision_t  decision;

    if (call->document_count == 0 || call->request.action.len == 0) {
        policy_complain("explain wants --policy and --action, or "
                        "--request-id and --trail");
        return 2;
    }

    if (tool->json) {
        putchar('{');
    }

    return !policy_explain_call(tool, call, &decision) ? 2
           : decision.effect == DG_POLICY_ALLOW ? 0 : 1;
}


/* --request-id ID, --trail FILE...  True when the word was of these. */
static bool
trail_option(policy_explain_t *explain, policy_words_t *words, bool *bad)
{
    if (policy_take(words, "--request-id", bad)) {
        explain->request_id = words->argument;

    } else if (*bad || !policy_take(words, "--trail", bad)) {
        return false;

    } else {
        explain->files[explain->file_count++] = words->argument;

        while (words->at + 1 < words->argc) {
            words->at++;

            if (!policy_is_file(words)) {
                words->at--;
                break;
            }

            explain->files[explain->file_count++] = words->argv[words->at];
        }
    }

    return true;
}


static int
explain_words(policy_tool_t *tool, policy_words_t *words, policy_call_t *call,
    policy_explain_t *explain)
{
    bool              bad = false;
    dg_policy_form_t  form = DG_POLICY_IDENTITY;

    for (words->at = 0; words->at < words->argc && !bad; words->at++) {

        if (policy_common_option(tool, words, &bad)
            || policy_form_option(words, &form, &bad)
            || (!bad && call_option(call, words, &bad))
            || (!bad && trail_option(explain, words, &bad)))
        {
            continue;
        }

        if (!bad && policy_take(words, "--policy", &bad)) {
            bad = !policy_call_file(tool, call, words->argument, form);

        } else if (!bad) {
            return policy_unknown_word(words->argv[words->at]);
        }
    }

    if (bad) {
        return 2;
    }

    return explain->request_id != NULL ? policy_explain_record(tool, explain)
                                       : explain_described(tool, call);
}


int
policy_command_explain(policy_tool_t *tool, int argc, char **argv)
{
    int                   status;
    policy_words_t        words = { argc, argv, 0, NULL };
    static policy_call_t  call;   /* more than a stack should hold */
    policy_explain_t      explain = { .policies = &call };

    explain.files = calloc((size_t) argc + 1, sizeof(*explain.files));

    if (explain.files == NULL) {
        policy_complain("no memory");
        return 2;
    }

    status = explain_words(tool, &words, &call, &explain);
    free(explain.files);
    return status;
}
