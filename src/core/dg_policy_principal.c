/*
 * Principal and NotPrincipal.  Source: IAM User Guide, "AWS JSON policy
 * elements: Principal" and "NotPrincipal".
 *
 * "*" stands for every authenticated caller.  Beyond IAM, an ARN may hold
 * `*` and `?`, so that callers of one issuer can be named at once.  An
 * account delegates: whom it covers still needs an identity policy.
 */

#include "dg_near.h"
#include "dg_policy_document.h"

#include <string.h>

#define ACCOUNT_DIGITS  12
#define ROLE_ARN_MAX    2048


static bool
is_account(dg_span_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }

    return text.len == ACCOUNT_DIGITS;
}


static bool
has_wildcard(dg_span_t text)
{
    return dg_span_find(text, '*') < text.len
           || dg_span_find(text, '?') < text.len;
}


static bool
load_aws(dg_span_t text, dg_policy_principal_entry_t *entry)
{
    dg_arn_t  arn = dg_arn_split(text);

    entry->kind = DG_PRINCIPAL_ARN;
    entry->text = text;

    if (dg_span_equal(text, DG_SPAN("*"))) {
        entry->kind = DG_PRINCIPAL_EVERYONE;
        return true;
    }

    if (is_account(text)) {
        entry->kind = DG_PRINCIPAL_ACCOUNT;
        return true;
    }

    if (!arn.valid) {
        return false;
    }

    if (!dg_span_equal(arn.part[2], DG_SPAN("iam"))) {
        return true;
    }

    if (dg_span_equal(arn.part[5], DG_SPAN("root"))
        && is_account(arn.part[4]))
    {
        entry->kind = DG_PRINCIPAL_ACCOUNT;
        entry->text = arn.part[4];

    } else if (dg_span_starts_with(arn.part[5], DG_SPAN("role/"))) {
        entry->kind = DG_PRINCIPAL_ROLE;
    }

    return true;
}


static void
load_entry(dg_policy_loader_t *loader, const dg_json_t *node, dg_span_t type,
    dg_policy_principal_entry_t *entry)
{
    if (node->type != DG_JSON_STRING || node->text.len == 0) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, node,
                          false, "a principal is a string");
        return;
    }

    if (dg_span_equal(type, DG_SPAN("AWS"))) {
        if (!load_aws(node->text, entry)) {
            dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, node,
                              false, "\"%s\" is no principal: write \"*\", "
                              "an account's 12 digits or an ARN",
                              dg_policy_quote(loader, node->text));
        }

        return;
    }

    entry->text = node->text;
    entry->kind = dg_span_equal(type, DG_SPAN("Federated"))
                  ? DG_PRINCIPAL_FEDERATED : DG_PRINCIPAL_NEVER;

    if (entry->kind == DG_PRINCIPAL_NEVER) {
        dg_policy_problem(loader, DG_POLICY_WARNING, DG_OK, node, false,
                          "no caller is a %s principal: \"%s\" never matches",
                          dg_policy_quote(loader, type),
                          dg_policy_quote(loader, node->text));
    }
}


static bool
known_type(dg_policy_loader_t *loader, const dg_json_t *node)
{
    static const char *const  types[] = { "AWS", "Federated", "Service",
                                          "CanonicalUser" };
    dg_near_t                 near = dg_near(node->key);

    for (unsigned i = 0; i < 4; i++) {
        if (dg_span_equal(node->key, dg_span_cstr(types[i]))) {
            return true;
        }

        dg_near_try(&near, dg_span_cstr(types[i]));
    }

    dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_INVALID, node, true,
                      "unknown principal type \"%s\"%s",
                      dg_policy_quote(loader, node->key),
                      dg_policy_hint(loader, near.best));
    return false;
}


static size_t
count_entries(const dg_json_t *element)
{
    size_t  n = 0;

    for (const dg_json_t *t = element->first; t != NULL; t = t->next) {
        n += dg_policy_count(t);
    }

    return n;
}


static void
load_types(dg_policy_loader_t *loader, const dg_json_t *element,
    dg_policy_principal_entry_t *entries, size_t *used)
{
    for (const dg_json_t *t = element->first; t != NULL; t = t->next) {

        if (!known_type(loader, t)) {
            continue;
        }

        for (const dg_json_t *v = dg_policy_first(t); v != NULL;
             v = dg_policy_next(t, v))
        {
            load_entry(loader, v, t->key, &entries[(*used)++]);
        }
    }
}


void
dg_policy_load_principals(dg_policy_loader_t *loader,
    const dg_json_t *element, dg_policy_statement_t *statement)
{
    dg_policy_principal_entry_t  *entries;
    bool                          object = element->type == DG_JSON_OBJECT;
    size_t                        n = object ? count_entries(element) : 1;

    statement->has_principal = true;
    statement->not_principal = dg_span_equal(element->key,
                                             DG_SPAN("NotPrincipal"));

    if (n == 0 || n > DG_POLICY_PATTERNS_MAX
        || (!object && (element->type != DG_JSON_STRING
                        || !dg_span_equal(element->text, DG_SPAN("*")))))
    {
        dg_policy_problem(loader, DG_POLICY_ERROR,
                          n > DG_POLICY_PATTERNS_MAX ? DG_ERR_LIMIT
                                                     : DG_ERR_INVALID,
                          element, false, "%s must be \"*\" or an object as "
                          "in {\"AWS\": [\"ARN\"]} of 1 to 10000 principals",
                          dg_policy_quote(loader, element->key));
        return;
    }

    entries = dg_arena_calloc(loader->arena, n, sizeof(*entries));
    if (entries == NULL) {
        dg_policy_problem(loader, DG_POLICY_ERROR, DG_ERR_MEMORY, element,
                          false, "no memory");
        return;
    }

    statement->principals = entries;

    if (object) {
        load_types(loader, element, entries, &statement->principal_count);
        return;
    }

    entries[0].kind = DG_PRINCIPAL_EVERYONE;
    statement->principal_count = 1;
}


/* Evaluation */

static dg_policy_fit_t
fit_account(dg_span_t account, const dg_policy_principal_t *p)
{
    dg_arn_t  arn = dg_arn_split(p->arn);

    if (!dg_span_equal(account, p->account)) {
        return DG_PRINCIPAL_FITS_NOT;
    }

    return arn.valid && dg_span_equal(arn.part[2], DG_SPAN("iam"))
           && dg_span_equal(arn.part[5], DG_SPAN("root"))
           ? DG_PRINCIPAL_FITS_EXACTLY : DG_PRINCIPAL_FITS_ACCOUNT;
}


static dg_policy_fit_t
fit_arn(dg_span_t pattern, const dg_policy_principal_t *p)
{
    if (dg_span_equal(pattern, p->arn)) {
        return DG_PRINCIPAL_FITS_EXACTLY;
    }

    return has_wildcard(pattern) && dg_policy_wildcard(pattern, p->arn)
           ? DG_PRINCIPAL_FITS : DG_PRINCIPAL_FITS_NOT;
}


/*
 * A session's ARN (arn:aws:sts::A:assumed-role/NAME/SESSION) has the role's
 * name without its path.
 */
static dg_policy_fit_t
fit_role(dg_span_t pattern, const dg_policy_principal_t *p)
{
    dg_arn_t     arn = dg_arn_split(p->arn), role = dg_arn_split(pattern);
    char         buffer[ROLE_ARN_MAX];
    dg_writer_t  w = dg_writer(buffer, sizeof(buffer));
    dg_span_t    rest, kind, name, path = role.part[5];
    size_t       slash;

    if (fit_arn(pattern, p) == DG_PRINCIPAL_FITS_EXACTLY) {
        return DG_PRINCIPAL_FITS;
    }

    rest = arn.part[5];

    if (!arn.valid || !dg_span_equal(arn.part[2], DG_SPAN("sts"))
        || !dg_span_split(&rest, '/', &kind)
        || !dg_span_equal(kind, DG_SPAN("assumed-role"))
        || !dg_span_split(&rest, '/', &name))
    {
        return fit_arn(pattern, p);
    }

    /* the pattern without the path */
    slash = dg_span_find_last(path, '/');
    dg_write_span(&w, dg_span_slice(pattern, 0, pattern.len - path.len));
    dg_write_cstr(&w, "role/");
    dg_write_span(&w, dg_span_slice(path, slash + 1, path.len));
    pattern = dg_written(&w);

    role = dg_arn_split(pattern);

    return !w.overflow && role.valid
           && dg_policy_wildcard(role.part[1], arn.part[1])
           && dg_policy_wildcard(role.part[4], arn.part[4])
           && dg_policy_wildcard(dg_span_slice(role.part[5], 5,
                                               role.part[5].len), name)
           ? DG_PRINCIPAL_FITS : DG_PRINCIPAL_FITS_NOT;
}


/*
 * The provider by its configured name, its issuer URL, or IAM's ARN of it
 * (arn:aws:iam::A:oidc-provider/HOST/PATH).
 */
static dg_policy_fit_t
fit_federated(dg_span_t text, const dg_policy_principal_t *p)
{
    dg_span_t  prefix = DG_SPAN("oidc-provider/"), https = DG_SPAN("https://");
    dg_span_t  host = p->issuer_url;
    dg_arn_t   arn = dg_arn_split(text);
    bool       fits;

    if (p->issuer.len == 0 && p->issuer_url.len == 0) {
        return DG_PRINCIPAL_FITS_NOT;
    }

    if (dg_span_starts_with(host, https)) {
        host = dg_span_slice(host, https.len, host.len);
    }

    fits = dg_span_equal(text, DG_SPAN("*"))
           || dg_span_equal(text, p->issuer)
           || dg_span_equal(text, p->issuer_url)
           || (host.len && arn.valid
               && dg_span_starts_with(arn.part[5], prefix)
               && dg_span_equal(arn.part[4], p->account)
               && dg_span_equal(dg_span_slice(arn.part[5], prefix.len,
                                              arn.part[5].len), host));

    return fits ? DG_PRINCIPAL_FITS : DG_PRINCIPAL_FITS_NOT;
}


static dg_policy_fit_t
fit_entry(const dg_policy_principal_entry_t *entry,
    const dg_policy_principal_t *principal)
{
    switch (entry->kind) {

    case DG_PRINCIPAL_EVERYONE:
        return DG_PRINCIPAL_FITS;

    case DG_PRINCIPAL_ACCOUNT:
        return fit_account(entry->text, principal);

    case DG_PRINCIPAL_ARN:
        return fit_arn(entry->text, principal);

    case DG_PRINCIPAL_ROLE:
        return fit_role(entry->text, principal);

    case DG_PRINCIPAL_FEDERATED:
        return fit_federated(entry->text, principal);

    default:
        return DG_PRINCIPAL_FITS_NOT;
    }
}


dg_policy_fit_t
dg_policy_principal_fit(const dg_policy_statement_t *statement,
    const dg_policy_principal_t *principal)
{
    dg_policy_fit_t  best = DG_PRINCIPAL_FITS_NOT, fit;

    if (principal->arn.len == 0) {
        return best;
    }

    for (size_t i = 0; i < statement->principal_count; i++) {
        fit = fit_entry(&statement->principals[i], principal);
        best = fit > best ? fit : best;
    }

    return best;
}


dg_policy_principal_t
dg_policy_principal(const dg_caller_t *caller)
{
    if (!caller->verified) {
        return (dg_policy_principal_t) { .arn = DG_SPAN_EMPTY };
    }

    return (dg_policy_principal_t) {
        .arn = caller->arn,
        .account = caller->account,
        .issuer = caller->issuer,
        .issuer_url = caller->issuer_url
    };
}
