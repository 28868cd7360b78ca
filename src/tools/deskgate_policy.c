/*
 * deskgate-policy: checks policies, explains a decision, tests policies
 * against cases.
 *
 * Exit status: 0 all is well, 1 a policy is refused, a case failed or the
 * call is not allowed, 2 the command itself could not be carried out.
 */

#define _POSIX_C_SOURCE  200809L

#include "policy_tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE  4096

static const char  usage_text[] =
    "usage: deskgate-policy check [OPTION]... FILE...\n"
    "       deskgate-policy explain [OPTION]... --policy FILE... "
    "--action ACTION\n"
    "       deskgate-policy test [OPTION]... FILE.jsonl...\n"
    "\n"
    "check    reads policies and says what is wrong with them\n"
    "explain  decides one call and says why\n"
    "test     decides the cases of a file and compares\n"
    "\n"
    "for all:\n"
    "  --models DIR        check actions, ARNs and condition keys against\n"
    "                      the models and overlays in DIR\n"
    "  --issuer NAME       a configured issuer (repeat); without, any name\n"
    "                      may stand before a claim\n"
    "  --lenient           as deskgate_policy_strict off\n"
    "  --form FORM         of the policies that follow: identity (default),\n"
    "                      resource, boundary, session, scp\n"
    "  --json              one JSON object a line\n"
    "  --no-color          no colours on a terminal\n"
    "  --help\n"
    "\n"
    "for explain:\n"
    "  --policy FILE       a document (repeat); - is standard input\n"
    "  --principal ARN     who calls\n"
    "  --account ID        the caller's account (default: from the ARN)\n"
    "  --provider NAME     the caller's issuer, for Federated principals\n"
    "  --action ACTION     as in workspaces:RebootWorkspaces\n"
    "  --resource ARN      (repeat; default *)\n"
    "  --context KEY=VALUE a condition key's value (repeat for a list)\n"
    "  --unknown KEY       a condition key that is not known yet\n"
    "  --cross-account     caller and resource are of two accounts\n"
    "\n"
    "A test file has one case a line:\n"
    "  {\"name\": \"...\", \"policy\": \"FILE\" or a document,\n"
    "   \"policies\": [{\"type\": FORM, \"document\": \"FILE\" or a "
    "document}],\n"
    "   \"request\": {\"action\", \"resource\", \"principal\", "
    "\"context\": {}},\n"
    "   \"expected\": \"Allow\", \"ExplicitDeny\", \"ImplicitDeny\" or "
    "\"Deny\",\n"
    "   \"statement\": \"Sid\"}\n"
    "Files are relative to the test file.\n";


/* One option or argument at a time */

typedef struct {
    int     argc;
    char  **argv;
    int     at;
    char   *argument;    /* of the option that was last taken */
} words_t;


static bool
take(words_t *words, const char *option, bool *missing)
{
    if (strcmp(words->argv[words->at], option) != 0) {
        return false;
    }

    if (words->at + 1 >= words->argc) {
        policy_complain("%s needs a value", option);
        *missing = true;
        return false;
    }

    words->argument = words->argv[++words->at];
    return true;
}


static bool
take_flag(const words_t *words, const char *option)
{
    return strcmp(words->argv[words->at], option) == 0;
}


/* Options of all commands.  True when the word was one. */
static bool
common_option(policy_tool_t *tool, words_t *words, bool *bad)
{
    if (take(words, "--models", bad)) {
        tool->models = words->argument;
        return true;
    }

    if (take(words, "--issuer", bad)) {
        if (tool->ready) {
            return true;
        }

        if (tool->issuer_count == POLICY_TOOL_ISSUERS) {
            policy_complain("more than %d issuers", POLICY_TOOL_ISSUERS);
            *bad = true;
            return true;
        }

        tool->issuers[tool->issuer_count++] = dg_span_cstr(words->argument);
        return true;
    }

    if (take_flag(words, "--lenient")) {
        tool->strict = false;
        return true;
    }

    if (take_flag(words, "--json")) {
        tool->json = true;
        return true;
    }

    if (take_flag(words, "--no-color")) {
        tool->color = false;
        return true;
    }

    return false;
}


static bool
form_option(words_t *words, dg_policy_form_t *form, bool *bad)
{
    if (!take(words, "--form", bad)) {
        return false;
    }

    if (!policy_form_parse(dg_span_cstr(words->argument), form)) {
        policy_complain("unknown form \"%s\"", words->argument);
        *bad = true;
    }

    return true;
}


/* A form is taken where it stands; models must be known before. */
static bool
read_common(policy_tool_t *tool, int argc, char **argv)
{
    words_t  words = { argc, argv, 0, NULL };
    bool     bad = false;

    for (words.at = 0; words.at < argc && !bad; words.at++) {
        (void) common_option(tool, &words, &bad);
    }

    tool->ready = !bad && policy_models_load(tool);
    return tool->ready;
}


static int
unknown_word(const char *word)
{
    policy_complain("unknown option \"%s\"; see deskgate-policy --help",
                    word);
    return 2;
}


/* check */

static bool
check_file(policy_tool_t *tool, const char *file, dg_policy_form_t form)
{
    unsigned   errors = tool->errors, warnings = tool->warnings;
    dg_span_t  text = policy_file_read(tool, file);

    if (text.data == NULL) {
        return false;
    }

    (void) policy_document_load(tool, file, text, form);

    if (!tool->json && tool->errors == errors && tool->warnings == warnings) {
        printf("%s: %sok%s\n", file, policy_color(tool, "\033[32m"),
               policy_color(tool, "\033[0m"));
    }

    return true;
}


static int
command_check(policy_tool_t *tool, int argc, char **argv)
{
    words_t           words = { argc, argv, 0, NULL };
    bool              bad = false, unread = false;
    unsigned          files = 0;
    dg_policy_form_t  form = DG_POLICY_IDENTITY;

    for (words.at = 0; words.at < argc && !bad; words.at++) {

        if (common_option(tool, &words, &bad)
            || form_option(&words, &form, &bad))
        {
            continue;
        }

        if (!bad && argv[words.at][0] == '-' && argv[words.at][1] != '\0') {
            return unknown_word(argv[words.at]);
        }

        if (!bad) {
            files++;
            unread = !check_file(tool, argv[words.at], form) || unread;
        }
    }

    if (files == 0 && !bad) {
        policy_complain("no file to check; see deskgate-policy --help");
        bad = true;
    }

    return bad || unread ? 2 : tool->errors ? 1 : 0;
}


/* explain */

typedef struct {
    const policy_tool_t  *tool;
    bool                  first;
} explain_t;


static bool
add_policy(policy_tool_t *tool, policy_call_t *call, const char *file,
    dg_policy_form_t form)
{
    dg_span_t           text = policy_file_read(tool, file);
    const dg_policy_t  *policy;

    if (text.data == NULL) {
        return false;
    }

    policy = policy_document_load(tool, file, text, form);

    return policy != NULL
           && policy_call_add(call, policy, dg_span_cstr(file));
}


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
                             dg_span_slice(all, equals + 1, all.len), false);
}


static bool
add_resource(policy_call_t *call, dg_span_t arn)
{
    if (call->request.resource_count == POLICY_TOOL_RESOURCES) {
        policy_complain("more than %d resources", POLICY_TOOL_RESOURCES);
        return false;
    }

    call->resources[call->request.resource_count++] = arn;
    return true;
}


/* True when the word described the call; *bad when it did so badly. */
static bool
call_option(policy_call_t *call, words_t *words, bool *bad)
{
    if (take(words, "--principal", bad)) {
        policy_call_principal(call, dg_span_cstr(words->argument));

    } else if (take(words, "--account", bad)) {
        call->request.principal.account = dg_span_cstr(words->argument);

    } else if (take(words, "--provider", bad)) {
        call->request.principal.issuer = dg_span_cstr(words->argument);

    } else if (take(words, "--action", bad)) {
        call->request.action = dg_span_cstr(words->argument);

    } else if (take(words, "--resource", bad)) {
        *bad = !add_resource(call, dg_span_cstr(words->argument));

    } else if (take(words, "--context", bad)) {
        *bad = !add_context(call, words->argument);

    } else if (take(words, "--unknown", bad)) {
        *bad = !policy_call_value(call, dg_span_cstr(words->argument),
                                  DG_SPAN_EMPTY, true);

    } else if (take_flag(words, "--cross-account")) {
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
print_span(dg_span_t text)
{
    fwrite(text.data, 1, text.len, stdout);
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
        print_span(t->op);
        putchar(' ');
        print_span(t->key->name);
        fputs(": ", stdout);
        print_values(t->values);
    }

    putchar('\n');
}


static void
print_member(const char *name, dg_span_t text)
{
    printf(",\"%s\":", name);
    policy_print_json(text);
}


static void
trace_json(explain_t *e, const dg_policy_trace_t *t)
{
    printf("%s{\"line\":%u,\"statement\":%zu,\"effect\":\"%s\","
           "\"resource\":%zu,\"part\":\"%s\",\"result\":\"%s\"",
           e->first ? "" : ",", t->line, t->statement,
           t->is_deny ? "Deny" : "Allow", t->resource, part_name(t->part),
           truth_name(t->truth));
    print_member("document", t->name);
    print_member("sid", t->sid);

    if (t->part == DG_POLICY_PART_CONDITION) {
        print_member("operator", t->op);
        print_member("key", t->key->name);
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
        print_member("document", d->name);
    }

    if (d->has_statement) {
        printf(",\"statement\":%zu,\"line\":%u", d->statement, d->line);
        print_member("sid", d->sid);
    }

    puts("}");
}


static int
explain_call(policy_tool_t *tool, policy_call_t *call)
{
    explain_t               e = { tool, true };
    dg_policy_decision_t    decision;
    const dg_policy_set_t  *set = policy_call_prepare(tool, call);

    if (set == NULL) {
        return 2;
    }

    if (tool->json) {
        fputs("{\"trace\":[", stdout);
    }

    dg_policy_explain(set, &call->request, trace, &e, &decision);

    if (tool->json) {
        decision_json(&decision);

    } else {
        decision_text(tool, call, &decision);
    }

    return decision.effect == DG_POLICY_ALLOW ? 0 : 1;
}


static int
command_explain(policy_tool_t *tool, int argc, char **argv)
{
    words_t               words = { argc, argv, 0, NULL };
    bool                  bad = false;
    static policy_call_t  space;  /* more than a stack should hold */
    policy_call_t        *call = &space;
    dg_policy_form_t      form = DG_POLICY_IDENTITY;

    for (words.at = 0; words.at < argc && !bad; words.at++) {

        if (common_option(tool, &words, &bad)
            || form_option(&words, &form, &bad)
            || (!bad && call_option(call, &words, &bad)))
        {
            continue;
        }

        if (!bad && take(&words, "--policy", &bad)) {
            bad = !add_policy(tool, call, words.argument, form);

        } else if (!bad) {
            return unknown_word(argv[words.at]);
        }
    }

    if (bad) {
        return 2;
    }

    if (call->document_count == 0 || call->request.action.len == 0) {
        policy_complain("explain wants --policy and --action");
        return 2;
    }

    return explain_call(tool, call);
}


/* test */

typedef struct {
    policy_tool_t  *tool;
    const char     *file;
    unsigned        line;
    unsigned        passed;
    unsigned        failed;
} cases_t;


static dg_span_t
member_text(const dg_json_t *object, const char *name)
{
    dg_span_t  text = DG_SPAN_EMPTY;

    (void) dg_json_string(object, dg_span_cstr(name), &text);
    return text;
}


/* The path of a file beside the test file. */
static char *
beside(policy_tool_t *tool, const char *file, dg_span_t name)
{
    const char  *slash = strrchr(file, '/');
    size_t       folder = slash != NULL ? (size_t) (slash - file) + 1 : 0;
    char        *path = dg_arena_alloc(&tool->arena, folder + name.len + 1);

    if (path == NULL) {
        return NULL;
    }

    if (name.len && name.data[0] == '/') {
        folder = 0;
    }

    memcpy(path, file, folder);
    memcpy(path + folder, name.data, name.len);
    path[folder + name.len] = '\0';
    return path;
}


static bool
add_document(cases_t *c, policy_call_t *call, const dg_json_t *document,
    dg_policy_form_t form)
{
    policy_tool_t      *tool = c->tool;
    const dg_policy_t  *policy;
    dg_writer_t         w;
    char               *path;
    uint8_t            *buffer;

    if (document != NULL && document->type == DG_JSON_STRING) {
        path = beside(tool, c->file, document->text);
        return path != NULL && add_policy(tool, call, path, form);
    }

    buffer = dg_arena_alloc(&tool->arena, DG_POLICY_TEXT_MAX);

    if (buffer == NULL || document == NULL) {
        return false;
    }

    w = dg_writer(buffer, DG_POLICY_TEXT_MAX);
    dg_json_write_tree(&w, document);
    policy = policy_document_load(tool, c->file, dg_written(&w), form);

    return policy != NULL
           && policy_call_add(call, policy, dg_span_cstr(c->file));
}


static bool
add_documents(cases_t *c, policy_call_t *call, const dg_json_t *line)
{
    const dg_json_t   *policy = dg_json_member(line, DG_SPAN("policy"));
    const dg_json_t   *list = dg_json_member(line, DG_SPAN("policies"));
    dg_policy_form_t   form = DG_POLICY_IDENTITY;

    if (policy != NULL && !add_document(c, call, policy, form)) {
        return false;
    }

    for (list = list ? list->first : NULL; list; list = list->next) {
        if (!policy_form_parse(member_text(list, "type"), &form)
            || !add_document(c, call,
                             dg_json_member(list, DG_SPAN("document")), form))
        {
            return false;
        }
    }

    return call->document_count > 0;
}


static dg_span_t
scalar(const dg_json_t *value)
{
    if (value->type == DG_JSON_BOOL) {
        return value->boolean ? DG_SPAN("true") : DG_SPAN("false");
    }

    return value->text;
}


static bool
read_context(policy_call_t *call, const dg_json_t *context)
{
    const dg_json_t  *item;

    for (const dg_json_t *m = context ? context->first : NULL; m != NULL;
         m = m->next)
    {
        if (m->type != DG_JSON_ARRAY) {
            if (!policy_call_value(call, m->key, scalar(m), false)) {
                return false;
            }

            continue;
        }

        for (item = m->first; item != NULL; item = item->next) {
            if (!policy_call_value(call, m->key, scalar(item), false)) {
                return false;
            }
        }
    }

    return true;
}


static bool
read_request(policy_call_t *call, const dg_json_t *line)
{
    const dg_json_t  *request = dg_json_member(line, DG_SPAN("request"));
    const dg_json_t  *r = dg_json_member(request, DG_SPAN("resource"));
    const dg_json_t  *cross;

    if (request == NULL || member_text(request, "action").len == 0) {
        return false;
    }

    cross = dg_json_member(line, DG_SPAN("cross_account"));
    call->request.cross_account = cross != NULL && cross->boolean;
    call->request.action = member_text(request, "action");
    call->request.principal.account = member_text(request, "account");
    call->request.principal.issuer = member_text(request, "provider");
    policy_call_principal(call, member_text(request, "principal"));

    if (r != NULL && r->type == DG_JSON_ARRAY) {
        for (r = r->first; r != NULL; r = r->next) {
            if (!add_resource(call, r->text)) {
                return false;
            }
        }

    } else if (r != NULL && !add_resource(call, r->text)) {
        return false;
    }

    return read_context(call, dg_json_member(request, DG_SPAN("context")));
}


static bool
as_expected(dg_span_t expected, dg_policy_effect_t effect)
{
    if (dg_span_equal(expected, DG_SPAN("Allow"))) {
        return effect == DG_POLICY_ALLOW;
    }

    if (dg_span_equal(expected, DG_SPAN("ExplicitDeny"))) {
        return effect == DG_POLICY_DENY_EXPLICIT;
    }

    if (dg_span_equal(expected, DG_SPAN("ImplicitDeny"))) {
        return effect == DG_POLICY_DENY_IMPLICIT;
    }

    return dg_span_equal(expected, DG_SPAN("Deny"))
           && (effect == DG_POLICY_DENY_EXPLICIT
               || effect == DG_POLICY_DENY_IMPLICIT);
}


static void
tell_case(cases_t *c, const dg_json_t *line, bool passed, const char *got)
{
    policy_tool_t  *tool = c->tool;
    dg_span_t       name = member_text(line, "name");
    dg_span_t       expected = member_text(line, "expected");

    if (tool->json) {
        fputs("{\"file\":", stdout);
        policy_print_json(dg_span_cstr(c->file));
        printf(",\"line\":%u,\"passed\":%s,\"decision\":\"%s\"", c->line,
               passed ? "true" : "false", got);
        print_member("name", name);
        print_member("expected", expected);
        puts("}");
        return;
    }

    printf("%s%s%s %s:%u: ", policy_color(tool, passed ? "\033[32m"
                                                       : "\033[31m"),
           passed ? "passed" : "failed", policy_color(tool, "\033[0m"),
           c->file, c->line);
    print_span(name);

    if (!passed) {
        printf(": %s, expected ", got);
        print_span(expected);
    }

    putchar('\n');
}


static void
run_case(cases_t *c, const dg_json_t *line)
{
    policy_call_t          *call = calloc(1, sizeof(*call));
    dg_policy_decision_t    decision;
    const dg_policy_set_t  *set;
    dg_span_t               sid = member_text(line, "statement");
    const char             *got = "not decided";
    bool                    passed = false;

    if (call != NULL && read_request(call, line)
        && add_documents(c, call, line)
        && (set = policy_call_prepare(c->tool, call)) != NULL)
    {
        dg_policy_decide(set, &call->request, &decision);
        got = dg_policy_effect_name(decision.effect);
        passed = as_expected(member_text(line, "expected"), decision.effect);

        if (passed && sid.len && !dg_span_equal(sid, decision.sid)) {
            passed = false;
            got = "another statement decides";
        }
    }

    free(call);
    c->passed += passed;
    c->failed += !passed;
    tell_case(c, line, passed, got);
}


static bool
run_cases(cases_t *c)
{
    dg_span_t         text = policy_file_read(c->tool, c->file), line;
    dg_diag_t         diag;
    const dg_json_t  *root;

    if (text.data == NULL) {
        return false;
    }

    for (c->line = 1; dg_span_split(&text, '\n', &line); c->line++) {

        if (dg_span_trim(line).len == 0) {
            continue;
        }

        if (dg_json_parse(&c->tool->arena, line, NULL, &diag, &root)
            != DG_OK)
        {
            policy_complain("%s:%u:%u: %s", c->file, c->line, diag.column,
                            diag.text);
            return false;
        }

        run_case(c, root);
    }

    return true;
}


static int
command_test(policy_tool_t *tool, int argc, char **argv)
{
    words_t  words = { argc, argv, 0, NULL };
    cases_t  c = { .tool = tool };
    bool     bad = false;

    tool->quiet = true;

    for (words.at = 0; words.at < argc && !bad; words.at++) {

        if (common_option(tool, &words, &bad)) {
            continue;
        }

        if (!bad && argv[words.at][0] == '-' && argv[words.at][1] != '\0') {
            return unknown_word(argv[words.at]);
        }

        if (!bad) {
            c.file = argv[words.at];
            bad = !run_cases(&c);
        }
    }

    if (!bad && !tool->json) {
        printf("%u passed, %u failed\n", c.passed, c.failed);
    }

    if (!bad && c.passed + c.failed == 0) {
        policy_complain("no case to decide; see deskgate-policy --help");
        bad = true;
    }

    return bad ? 2 : c.failed ? 1 : 0;
}


static bool
wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }

    return false;
}


int
main(int argc, char **argv)
{
    static const struct {
        const char  *name;
        int        (*run)(policy_tool_t *, int, char **);
    } commands[] = {
        { "check", command_check },
        { "explain", command_explain },
        { "test", command_test },
    };

    policy_tool_t  tool;

    if (wants_help(argc, argv)) {
        fputs(usage_text, stdout);
        return 0;
    }

    policy_tool_init(&tool);

    for (size_t i = 0; argc > 1 && i < 3; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return read_common(&tool, argc - 2, argv + 2)
                   ? commands[i].run(&tool, argc - 2, argv + 2) : 2;
        }
    }

    fputs(usage_text, stderr);
    return 2;
}
