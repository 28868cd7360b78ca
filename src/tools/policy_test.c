/*
 * deskgate-policy test: decides the cases of a file and compares.
 */

#include "policy_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


typedef struct {
    policy_tool_t  *tool;
    const char     *file;
    unsigned        line;
    unsigned        passed;
    unsigned        failed;
} cases_t;


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
        return path != NULL && policy_call_file(tool, call, path, form);
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
        if (!policy_form_parse(policy_member(list, "type"), &form)
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
            if (!policy_call_value(call, m->key, scalar(m), POLICY_VALUE,
                                   POLICY_TOOL_EVERY)) {
                return false;
            }

            continue;
        }

        for (item = m->first; item != NULL; item = item->next) {
            if (!policy_call_value(call, m->key, scalar(item), POLICY_VALUE,
                                   POLICY_TOOL_EVERY)) {
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

    if (request == NULL || policy_member(request, "action").len == 0) {
        return false;
    }

    cross = dg_json_member(line, DG_SPAN("cross_account"));
    call->request.cross_account = cross != NULL && cross->boolean;
    call->request.action = policy_member(request, "action");
    call->request.principal.account = policy_member(request, "account");
    call->request.principal.issuer = policy_member(request, "provider");
    policy_call_principal(call, policy_member(request, "principal"));

    if (r != NULL && r->type == DG_JSON_ARRAY) {
        for (r = r->first; r != NULL; r = r->next) {
            if (!policy_call_resource(call, r->text)) {
                return false;
            }
        }

    } else if (r != NULL && !policy_call_resource(call, r->text)) {
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
    dg_span_t       name = policy_member(line, "name");
    dg_span_t       expected = policy_member(line, "expected");

    if (tool->json) {
        fputs("{\"file\":", stdout);
        policy_print_json(dg_span_cstr(c->file));
        printf(",\"line\":%u,\"passed\":%s,\"decision\":\"%s\"", c->line,
               passed ? "true" : "false", got);
        policy_print_member("name", name);
        policy_print_member("expected", expected);
        puts("}");
        return;
    }

    printf("%s%s%s %s:%u: ", policy_color(tool, passed ? "\033[32m"
                                                       : "\033[31m"),
           passed ? "passed" : "failed", policy_color(tool, "\033[0m"),
           c->file, c->line);
    policy_print(name);

    if (!passed) {
        printf(": %s, expected ", got);
        policy_print(expected);
    }

    putchar('\n');
}


static void
run_case(cases_t *c, const dg_json_t *line)
{
    policy_call_t          *call = calloc(1, sizeof(*call));
    dg_policy_decision_t    decision;
    const dg_policy_set_t  *set;
    dg_span_t               sid = policy_member(line, "statement");
    const char             *got = "not decided";
    bool                    passed = false;

    if (call != NULL && read_request(call, line)
        && add_documents(c, call, line)
        && (set = policy_call_prepare(c->tool, call)) != NULL)
    {
        dg_policy_decide(set, &call->request, &decision);
        got = dg_policy_effect_name(decision.effect);
        passed = as_expected(policy_member(line, "expected"), decision.effect);

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


int
policy_command_test(policy_tool_t *tool, int argc, char **argv)
{
    policy_words_t  words = { argc, argv, 0, NULL };
    cases_t  c = { .tool = tool };
    bool     bad = false;

    tool->quiet = true;

    for (words.at = 0; words.at < argc && !bad; words.at++) {

        if (policy_common_option(tool, &words, &bad)) {
            continue;
        }

        if (!bad && !policy_is_file(&words)) {
            return policy_unknown_word(argv[words.at]);
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
