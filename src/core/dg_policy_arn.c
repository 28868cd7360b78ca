/*
 * ARN patterns, Resource and NotResource.  Source: IAM User Guide, "IAM JSON
 * policy elements: Resource".
 *
 * An ARN of fewer than six parts is completed with `*`, save in session and
 * resource policies, where it is an error.
 */

#include "dg_policy_document.h"

#define ARN_PARTS     6
#define ARN_SERVICE   2
#define ARN_RESOURCE  5


/* Reports why the parts are no ARN pattern of this form. */
static bool
check_arn(dg_policy_loader_t *loader, const dg_json_t *node, dg_span_t text,
    dg_span_t part[ARN_PARTS], size_t parts, bool condition)
{
    dg_span_t   service = parts > ARN_SERVICE ? part[ARN_SERVICE]
                                              : DG_SPAN_EMPTY;
    bool        may_complete;
    const char *why = NULL;

    may_complete = !condition && loader->options->form != DG_POLICY_SESSION
                   && loader->options->form != DG_POLICY_RESOURCE;

    if (!dg_span_equal(part[0], DG_SPAN("arn")) || parts < 2) {
        why = "write \"*\" or arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE";

    } else if (parts < ARN_PARTS && !may_complete) {
        why = "an ARN has six parts here, arn:PARTITION:SERVICE:REGION:"
              "ACCOUNT:RESOURCE";

    } else if (!condition && parts == ARN_PARTS
               && (dg_span_find(service, '*') < service.len
                   || dg_span_find(service, '?') < service.len))
    {
        why = "the service of an ARN takes no wildcard";

    } else if (parts == ARN_PARTS && part[ARN_RESOURCE].len == 0) {
        why = "the ARN names no resource";
    }

    if (why != NULL) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, node,
                          false, "malformed ARN \"%s\": %s",
                          dg_policy_quote(loader, text), why);
    }

    return why == NULL;
}


static bool
compile_part(dg_policy_loader_t *loader, const dg_json_t *node,
    dg_span_t text, bool variables, dg_pattern_t *out)
{
    dg_err_t  err;
    unsigned  flags = DG_PATTERN_WILDCARDS;

    if (loader->variables && variables) {
        flags |= DG_PATTERN_VARIABLES;
    }

    err = dg_pattern_compile(&loader->keys, loader->arena, text, flags, out);

    if (err == DG_OK) {
        dg_policy_check_variables(loader, node, out);
        return true;
    }

    dg_policy_problem(loader, DG_POLICY_ERROR, err, node, false,
                      err == DG_ERR_LIMIT ? "more than 16 variables in \"%s\""
                      : err == DG_ERR_MEMORY ? "no memory for \"%s\""
                      : "malformed variable in \"%s\": write ${key} or "
                        "${key, 'default'}", dg_policy_quote(loader, text));
    return false;
}


static bool
early_variable(dg_policy_loader_t *loader, const dg_json_t *node,
    dg_span_t part)
{
    size_t  dollar = dg_span_find(part, '$');

    if (!loader->variables || dollar + 1 >= part.len
        || part.data[dollar + 1] != '{')
    {
        return false;
    }

    dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, node, false,
                      "variables stand in the last part of a resource's ARN "
                      "only, not in \"%s\"", dg_policy_quote(loader, part));
    return true;
}


static bool
compile_parts(dg_policy_loader_t *loader, const dg_json_t *node,
    const dg_span_t part[ARN_PARTS], size_t parts, unsigned variables_from,
    dg_arn_pattern_t *out)
{
    dg_span_t  text;

    for (unsigned i = 0; i < ARN_PARTS; i++) {
        text = i < parts ? part[i] : DG_SPAN("*");

        if ((i < variables_from && early_variable(loader, node, text))
            || !compile_part(loader, node, text, i >= variables_from,
                             &out->part[i]))
        {
            return false;
        }

        out->variables += out->part[i].variables;
    }

    if (out->variables > DG_POLICY_VARIABLES_MAX) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_LIMIT, node, false,
                          "more than 16 variables in one ARN");
        return false;
    }

    /* plain parts stand in the text as they do in what they match */
    while (out->from < ARN_RESOURCE
           && out->part[out->from].form == DG_PATTERN_EXACT)
    {
        out->from++;
    }

    if (out->from > 0) {
        text = part[out->from - 1];
        out->head = dg_span(part[0].data, (size_t) (text.data + text.len + 1
                                                    - part[0].data));
    }

    return true;
}


bool
dg_policy_load_arn(dg_policy_loader_t *loader, const dg_json_t *node,
    dg_span_t text, unsigned variables_from, dg_arn_pattern_t *out)
{
    dg_span_t  part[ARN_PARTS];
    size_t     parts;

    if (dg_span_equal(text, DG_SPAN("*"))) {
        out->all = true;
        return true;
    }

    /* a condition may compare with an ARN that a variable holds */
    if (variables_from == 0 && loader->variables
        && dg_span_starts_with(text, DG_SPAN("${")))
    {
        out->whole = true;

        if (!compile_part(loader, node, text, true,
                          &out->part[ARN_RESOURCE]))
        {
            return false;
        }

        out->variables = out->part[ARN_RESOURCE].variables;
        return true;
    }

    parts = dg_arn_split_pattern(text, loader->variables, part);

    return check_arn(loader, node, text, part, parts, variables_from == 0)
           && compile_parts(loader, node, part, parts, variables_from, out);
}


static void
check_resource(dg_policy_loader_t *loader, const dg_json_t *node)
{
    const dg_policy_catalogue_t  *c = loader->options->catalogue;
    dg_span_t                     part[ARN_PARTS];
    size_t                        parts;

    parts = dg_arn_split_pattern(node->text, loader->variables, part);

    if (c == NULL || parts < ARN_PARTS || c->arn_known(c->ctx, node->text)) {
        return;
    }

    if (!c->service_known(c->ctx, part[ARN_SERVICE])) {
        dg_policy_warn_unloaded(loader, node);
        return;
    }

    dg_policy_problem(loader, loader->options->strict
                      ? DG_POLICY_ERROR : DG_POLICY_WARNING,
                      DG_ERR_INVALID, node, false,
                      "no resource of the service has an ARN like \"%s\"",
                      dg_policy_quote(loader, node->text));
}


void
dg_policy_load_resources(dg_policy_loader_t *loader, const dg_json_t *element,
    dg_policy_statement_t *statement)
{
    size_t             n = dg_policy_count_strings(loader, element), i = 0;
    dg_arn_pattern_t  *patterns;

    if (n == 0) {
        return;
    }

    patterns = dg_arena_calloc(loader->arena, n, sizeof(*patterns));
    if (patterns == NULL) {
        dg_policy_no_memory(loader, element);
        return;
    }

    for (const dg_json_t *v = dg_policy_first(element); v != NULL;
         v = dg_policy_next(element, v))
    {
        if (dg_policy_load_arn(loader, v, v->text, ARN_RESOURCE,
                               &patterns[i++]))
        {
            check_resource(loader, v);
        }
    }

    statement->not_resource = dg_span_equal(element->key,
                                            DG_SPAN("NotResource"));
    statement->resources = patterns;
    statement->resource_count = n;
}
