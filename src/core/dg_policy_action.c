/*
 * Action and NotAction as they are loaded.  Source: IAM User Guide, "IAM
 * JSON policy elements: Action".
 */

#include "dg_policy_document.h"


static bool
is_action_character(uint8_t c, bool name)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '-' || c == '_'
           || (name && (c == '*' || c == '?' || c == '.' || c == ':'));
}


static bool
action_is_formed(dg_span_t text)
{
    size_t  colon = dg_span_find(text, ':');

    if (dg_span_equal(text, DG_SPAN("*"))) {
        return true;
    }

    if (colon == 0 || colon + 1 >= text.len) {
        return false;
    }

    for (size_t i = 0; i < text.len; i++) {
        if (i != colon && !is_action_character(text.data[i], i > colon)) {
            return false;
        }
    }

    return true;
}


void
dg_policy_warn_unloaded(dg_policy_loader_t *loader, const dg_json_t *node)
{
    for (size_t i = 0; i < loader->warned_count; i++) {
        if (dg_span_equal_nocase(loader->warned[i], node->text)) {
            return;
        }
    }

    if (loader->warned_count < DG_POLICY_WARNED_MAX) {
        loader->warned[loader->warned_count++] = node->text;
    }

    dg_policy_problem(loader, DG_POLICY_WARNING, DG_OK, node, false,
                      "no model of the service of \"%s\" is loaded: it never "
                      "matches", dg_policy_quote(loader, node->text));
}


static void
check_action(dg_policy_loader_t *loader, const dg_json_t *node)
{
    const dg_policy_catalogue_t  *c = loader->options->catalogue;
    bool                          strict = loader->options->strict;
    dg_span_t                     text = node->text;

    if (c == NULL || dg_span_equal(text, DG_SPAN("*"))) {
        return;
    }

    if (!c->service_known(c->ctx, dg_span_slice(text, 0,
                                                dg_span_find(text, ':'))))
    {
        dg_policy_warn_unloaded(loader, node);
        return;
    }

    if (!c->action_known(c->ctx, text)) {
        dg_policy_problem(loader,
                          strict ? DG_POLICY_ERROR : DG_POLICY_WARNING,
                          DG_ERR_INVALID, node, false,
                          "unknown action \"%s\"%s",
                          dg_policy_quote(loader, text),
                          dg_policy_hint(loader,
                                         c->suggest_action(c->ctx, text)));
    }
}


static bool
load_action(dg_policy_loader_t *loader, const dg_json_t *node,
    dg_pattern_t *out)
{
    uint8_t   *lower;
    dg_span_t  text = node->text;

    if (!action_is_formed(text)) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, node,
                          false, "\"%s\" is no action: write \"*\" or "
                          "SERVICE:NAME, wildcards in the name only",
                          dg_policy_quote(loader, text));
        return true;
    }

    check_action(loader, node);

    lower = dg_arena_alloc(loader->arena, text.len);
    if (lower == NULL) {
        return false;
    }

    for (size_t i = 0; i < text.len; i++) {
        lower[i] = (uint8_t) (text.data[i] >= 'A' && text.data[i] <= 'Z'
                              ? text.data[i] | 0x20 : text.data[i]);
    }

    return dg_pattern_compile(NULL, loader->arena, dg_span(lower, text.len),
                              DG_PATTERN_WILDCARDS, out) == DG_OK;
}


void
dg_policy_load_actions(dg_policy_loader_t *loader, const dg_json_t *element,
    dg_policy_statement_t *statement)
{
    size_t         n = dg_policy_count_strings(loader, element), i = 0;
    dg_pattern_t  *patterns;
    dg_span_t     *texts;

    if (n == 0) {
        return;
    }

    patterns = dg_arena_calloc(loader->arena, n, sizeof(*patterns));
    texts = dg_arena_calloc(loader->arena, n, sizeof(*texts));

    if (patterns == NULL || texts == NULL) {
        dg_policy_no_memory(loader, element);
        return;
    }

    for (const dg_json_t *v = dg_policy_first(element); v != NULL;
         v = dg_policy_next(element, v))
    {
        if (!load_action(loader, v, &patterns[i])) {
            dg_policy_no_memory(loader, v);
            return;
        }

        texts[i++] = v->text;
    }

    statement->not_action = dg_span_equal(element->key,
                                          DG_SPAN("NotAction"));
    statement->actions = patterns;
    statement->action_texts = texts;
    statement->action_count = n;
}
