/*
 * Role rules: see dg_role.h.
 */

#include "dg_role.h"

#include "dg_json.h"
#include "dg_policy.h"
#include "dg_session_name.h"
#include "dg_text.h"

#define ROLE_CHARACTERS  "_+=,.@-"
#define POLICY_CLAIM     "${claim:"
#define ACCOUNT_DIGITS   12

/* issuer or account, user name, and what stands between */
#define SESSION_TEXT     1024

/* bytes that one may become */
#define IAM_ESCAPED      4      /* "${*}" */
#define JSON_ESCAPED     6      /* a \u escape */


/* The role's name and path, behind "arn:PARTITION:iam::ACCOUNT:role/". */

static bool
role_path(dg_span_t arn, dg_span_t *path)
{
    uint64_t   number;
    dg_span_t  part[5], rest = arn;

    for (unsigned i = 0; i < 5; i++) {
        if (!dg_span_split(&rest, ':', &part[i])) {
            return false;
        }
    }

    *path = rest;

    if (!dg_span_equal(part[0], DG_SPAN("arn"))
        || !dg_span_starts_with(part[1], DG_SPAN("aws"))
        || !dg_span_equal(part[2], DG_SPAN("iam")) || part[3].len != 0
        || part[4].len != ACCOUNT_DIGITS || !dg_span_to_u64(part[4], &number)
        || !dg_span_starts_with(rest, DG_SPAN("role/")))
    {
        return false;
    }

    *path = dg_span_slice(rest, sizeof("role/") - 1, rest.len);

    return true;
}


static bool
is_role(dg_span_t arn)
{
    size_t     slash;
    dg_span_t  path, name;

    if (!role_path(arn, &path)
        || !dg_text_consists_of(path, ROLE_CHARACTERS "/"))
    {
        return false;
    }

    slash = dg_span_find_last(path, '/');
    name = slash == path.len ? path
                             : dg_span_slice(path, slash + 1, path.len);

    return dg_text_has_length(name, 1, DG_ROLE_NAME_MAX);
}


/* Where "${" begins, or the length. */

static size_t
find_claim(dg_span_t s, size_t from)
{
    for (size_t i = from; i + 1 < s.len; i++) {
        if (s.data[i] == '$' && s.data[i + 1] == '{') {
            return i;
        }
    }

    return s.len;
}


/* "${name}" at `from`; false when it does not end. */

static bool
read_claim(dg_span_t s, size_t from, dg_span_t *name, size_t *end)
{
    dg_span_t  rest = dg_span_slice(s, from + 2, s.len);
    size_t     close = dg_span_find(rest, '}');

    *name = dg_span_slice(rest, 0, close);
    *end = from + 2 + close + 1;

    return close < rest.len && close > 0;
}


/* Where a claim begins in a session policy, or the length. */

static size_t
find_policy_claim(dg_span_t policy, size_t from)
{
    dg_span_t  rest;

    for (size_t i = from; i < policy.len; i++) {
        rest = dg_span_slice(policy, i, policy.len);

        if (dg_span_starts_with(rest, DG_SPAN(POLICY_CLAIM))) {
            return i;
        }
    }

    return policy.len;
}


static dg_err_t
check_template(const dg_role_rule_t *rule, dg_diag_t *diag)
{
    size_t     at = find_claim(rule->role, 0), end;
    dg_span_t  path, name;

    if (at == rule->role.len) {
        return is_role(rule->role) ? DG_OK
               : dg_diag(diag, DG_ERR_INVALID, 0, 0, "role= takes the ARN of "
                         "a role, arn:aws:iam::ACCOUNT:role/NAME");
    }

    if (!role_path(dg_span_slice(rule->role, 0, at), &path)) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0, "a claim may choose the "
                       "last part of a role's ARN only: write the account "
                       "and the path");
    }

    while (at < rule->role.len) {
        if (!read_claim(rule->role, at, &name, &end)) {
            return dg_diag(diag, DG_ERR_INVALID, 0, 0,
                           "a claim in role= is written as ${NAME}");
        }

        at = find_claim(rule->role, end);
    }

    path = dg_span_slice(rule->role, find_claim(rule->role, 0),
                         rule->role.len);

    if (dg_span_find(path, '/') < path.len) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0, "no path may come behind "
                       "a claim in role=");
    }

    return DG_OK;
}


dg_err_t
dg_role_check(const dg_role_rule_t *rule, dg_diag_t *diag)
{
    bool  bearer = rule->issuer.len > 0 || rule->any_issuer;

    if (rule->role.len == 0) {
        return dg_diag(diag, DG_ERR_MISSING, 0, 0, "a rule needs role=ARN");
    }

    if (bearer == rule->keys) {
        return dg_diag(diag, DG_ERR_MISSING, 0, 0, "a rule names its issuer: "
                       "issuer=NAME, or keys for callers of key files");
    }

    if (rule->keys && (rule->group_count || rule->claim_count
                       || rule->session_claim.len || rule->web_identity
                       || find_claim(rule->role, 0) < rule->role.len))
    {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0, "callers of key files "
                       "have no groups, claims or tokens: use caller=ARN");
    }

    if (rule->keys
        && find_policy_claim(rule->policy, 0) < rule->policy.len)
    {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0, "callers of key files "
                       "have no claims for a session policy");
    }

    if (rule->web_identity && (rule->external_id.len || rule->source_identity
                               || rule->tags))
    {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0, "with the caller's own "
                       "token there is no external id, and tags and source "
                       "identity come from the token itself");
    }

    return check_template(rule, diag);
}


/* A character that IAM or JSON would read otherwise is written as itself. */

static bool
write_literal(dg_writer_t *w, dg_span_t value, dg_arena_t *arena)
{
    size_t       size = IAM_ESCAPED * value.len;
    dg_writer_t  iam = dg_writer(dg_arena_alloc(arena, size), size);
    dg_writer_t  json;

    size = JSON_ESCAPED * size + 2;
    json = dg_writer(dg_arena_alloc(arena, size), size);

    if (iam.data == NULL || json.data == NULL) {
        return false;
    }

    for (size_t i = 0; i < value.len; i++) {
        char  c = (char) value.data[i];

        if (c == '*' || c == '?' || c == '$') {
            dg_write_cstr(&iam, "${");
            dg_write_char(&iam, c);
            dg_write_char(&iam, '}');

        } else {
            dg_write_char(&iam, c);
        }
    }

    dg_json_write_string(&json, dg_written(&iam));

    /* the quotes are the policy's own */
    dg_write_span(w, dg_span_slice(dg_written(&json), 1, json.len - 1));

    return true;
}


static bool
has_group(const dg_role_rule_t *rule, const dg_caller_t *caller)
{
    for (size_t i = 0; i < rule->group_count; i++) {
        for (size_t j = 0; j < caller->group_count; j++) {
            if (dg_span_equal(rule->groups[i], caller->groups[j])) {
                return true;
            }
        }
    }

    return rule->group_count == 0;
}


static bool
has_claim(const dg_caller_t *caller, const dg_attribute_t *claim)
{
    for (size_t i = 0; i < caller->claim_count; i++) {
        if (dg_span_equal(caller->claims[i].name, claim->name)
            && dg_span_equal(caller->claims[i].value, claim->value))
        {
            return true;
        }
    }

    return false;
}


static bool
fits(const dg_role_rule_t *rule, const dg_caller_t *caller)
{
    if (rule->keys != (caller->issuer.len == 0)
        || (rule->issuer.len
            && !dg_span_equal(rule->issuer, caller->issuer)))
    {
        return false;
    }

    if (rule->keys && caller->kind != DG_CALLER_KEY) {
        return false;
    }

    /* only a token that came with the call can be shown to STS */
    if (rule->web_identity && caller->kind != DG_CALLER_JWT) {
        return false;
    }

    if (rule->caller.len && !dg_policy_wildcard(rule->caller, caller->arn)) {
        return false;
    }

    for (size_t i = 0; i < rule->claim_count; i++) {
        if (!has_claim(caller, &rule->claims[i])) {
            return false;
        }
    }

    return has_group(rule, caller);
}


size_t
dg_role_choose(const dg_role_rule_t *rules, size_t count,
    const dg_caller_t *caller, dg_span_t wanted)
{
    size_t  i = 0;

    while (i < count && (!fits(&rules[i], caller)
                         || (wanted.len
                             && !dg_span_equal(rules[i].name, wanted))))
    {
        i++;
    }

    return i;
}


/* The one value of a claim; false when there is none, or several. */

static bool
claim_value(const dg_caller_t *caller, dg_span_t name, dg_span_t *value)
{
    unsigned  found = 0;

    for (size_t i = 0; i < caller->claim_count; i++) {
        if (dg_span_equal(caller->claims[i].name, name)) {
            *value = caller->claims[i].value;
            found++;
        }
    }

    return found == 1;
}


static bool
write_role(dg_writer_t *w, const dg_role_rule_t *rule,
    const dg_caller_t *caller)
{
    size_t     at, end = 0;
    dg_span_t  name, value;

    for (at = find_claim(rule->role, 0); at < rule->role.len;
         at = find_claim(rule->role, end))
    {
        dg_write_span(w, dg_span_slice(rule->role, end, at));

        if (!read_claim(rule->role, at, &name, &end)
            || !claim_value(caller, name, &value) || value.len == 0
            || !dg_text_consists_of(value, ROLE_CHARACTERS))
        {
            return false;
        }

        dg_write_span(w, value);
    }

    dg_write_span(w, dg_span_slice(rule->role, end, rule->role.len));

    return !w->overflow && is_role(dg_written(w));
}


static dg_err_t
expand_role(const dg_role_rule_t *rule, const dg_caller_t *caller,
    dg_arena_t *arena, dg_span_t *role)
{
    dg_writer_t  w;

    *role = rule->role;

    if (find_claim(rule->role, 0) == rule->role.len) {
        return DG_OK;
    }

    w = dg_writer(dg_arena_alloc(arena, DG_STS_ROLE_MAX), DG_STS_ROLE_MAX);
    if (w.data == NULL) {
        return DG_ERR_MEMORY;
    }

    if (!write_role(&w, rule, caller)) {
        return DG_ERR_INVALID;
    }

    *role = dg_written(&w);

    return DG_OK;
}


static dg_err_t
expand_policy(const dg_role_rule_t *rule, const dg_caller_t *caller,
    dg_arena_t *arena, dg_span_t *policy)
{
    size_t       at = find_policy_claim(rule->policy, 0), end = 0;
    size_t       close;
    dg_span_t    name, value;
    dg_writer_t  w;

    if (at == rule->policy.len) {
        return DG_OK;
    }

    w = dg_writer(dg_arena_alloc(arena, DG_STS_POLICY_MAX), DG_STS_POLICY_MAX);
    if (w.data == NULL) {
        return DG_ERR_MEMORY;
    }

    while (at < rule->policy.len) {
        name = dg_span_slice(rule->policy, at + sizeof(POLICY_CLAIM) - 1,
                             rule->policy.len);
        close = dg_span_find(name, '}');
        name = dg_span_slice(name, 0, close);

        dg_write_span(&w, dg_span_slice(rule->policy, end, at));
        end = at + sizeof(POLICY_CLAIM) - 1 + close + 1;

        if (!claim_value(caller, name, &value)
            || value.len > DG_STS_POLICY_MAX)
        {
            return DG_ERR_INVALID;
        }

        if (!write_literal(&w, value, arena)) {
            return DG_ERR_MEMORY;
        }

        at = find_policy_claim(rule->policy, end);
    }

    dg_write_span(&w, dg_span_slice(rule->policy, end, rule->policy.len));
    *policy = dg_written(&w);

    return w.overflow ? DG_ERR_INVALID : DG_OK;
}


/*
 * One text for each caller, however names are chosen: no issuer's name has a
 * plus sign, nor is it empty.
 */

static void
write_session_text(dg_writer_t *w, const dg_caller_t *caller)
{
    if (caller->issuer.len) {
        dg_write_span(w, caller->issuer);
        dg_write_char(w, '+');
        dg_write_span(w, caller->subject);

    } else if (caller->user_name.len
               && dg_span_ends_with(caller->arn, caller->user_name)
               && caller->arn.len == sizeof("arn:aws:iam:::user/") - 1
                                     + ACCOUNT_DIGITS
                                     + caller->user_name.len)
    {
        dg_write_char(w, '+');
        dg_write_span(w, caller->account);
        dg_write_char(w, '+');
        dg_write_span(w, caller->user_name);

    } else {
        dg_write_span(w, caller->arn);
    }
}


static dg_err_t
name_session(const dg_role_rule_t *rule, const dg_caller_t *caller,
    dg_crypto_t *crypto, dg_arena_t *arena, dg_span_t *name)
{
    char         *out = dg_arena_alloc(arena, DG_SESSION_NAME_MAX);
    char         *text = dg_arena_alloc(arena, SESSION_TEXT);
    size_t        len;
    dg_err_t      err;
    dg_span_t     value;
    dg_writer_t   w = dg_writer(text, SESSION_TEXT);

    if (out == NULL || text == NULL) {
        return DG_ERR_MEMORY;
    }

    if (rule->session_claim.len) {
        if (!claim_value(caller, rule->session_claim, &value)) {
            return DG_ERR_INVALID;
        }

        dg_write_span(&w, value);

    } else {
        write_session_text(&w, caller);
    }

    if (w.overflow) {
        return DG_ERR_INVALID;
    }

    err = dg_session_name(crypto, dg_written(&w), out, &len);

    if (err == DG_OK) {
        *name = dg_span(out, len);
    }

    return err == DG_ERR_MISSING ? DG_ERR_INVALID : err;
}


dg_err_t
dg_role_request(const dg_role_rule_t *rule, const dg_caller_t *caller,
    dg_span_t token, dg_crypto_t *crypto, dg_arena_t *arena,
    dg_sts_request_t *request, const char **reason)
{
    dg_err_t  err;

    *request = (dg_sts_request_t) {
        .action = rule->web_identity ? DG_STS_WEB_IDENTITY
                                     : DG_STS_ASSUME_ROLE,
        .web_identity_token = rule->web_identity ? token : DG_SPAN_EMPTY,
        .external_id = rule->external_id,
        .policy = rule->policy,
        .duration = rule->duration,
        .transitive = rule->transitive
    };

    *reason = "a claim that the role needs is absent, has several values or "
              "characters that a role's name cannot have";

    err = expand_role(rule, caller, arena, &request->role_arn);
    if (err != DG_OK) {
        return err;
    }

    *reason = "a claim that the session policy needs is absent, has several "
              "values or is too long";

    err = expand_policy(rule, caller, arena, &request->policy);
    if (err != DG_OK) {
        return err;
    }

    *reason = "the claim that names the session is absent or has several "
              "values";

    err = name_session(rule, caller, crypto, arena, &request->session_name);
    if (err != DG_OK) {
        return err;
    }

    if (rule->source_identity) {
        request->source_identity = request->session_name;
    }

    if (rule->tags) {
        request->tags = caller->tags;
        request->tag_count = caller->tag_count;
    }

    *reason = dg_sts_reason(request);

    return *reason ? DG_ERR_INVALID : DG_OK;
}
