/*
 * The members of one key of a key file: see dg_keyfile.h.
 */

#include "dg_keyfile_set.h"

#include "dg_text.h"
#include "dg_time.h"

#include <string.h>

#define ARN_PARTS       6
#define ACCOUNT_DIGITS  12

typedef dg_keyfile_loader_t  loader_t;

typedef dg_err_t (*member_pt)(loader_t *l, const dg_json_t *m, dg_key_t *key);

typedef struct {
    const char      *name;
    dg_json_type_t   type;
    bool             required;
    member_pt        load;
} member_t;


static dg_err_t
load_access_key_id(loader_t *l, const dg_json_t *m, dg_key_t *key)
{
    if (!dg_text_has_length(m->text, DG_KEY_ID_MIN, DG_KEY_ID_MAX)
        || !dg_text_consists_of(m->text, "_"))
    {
        return refuse(l, m, "access_key_id must be 4 to 128 letters and "
                      "digits, such as AKIAIOSFODNN7EXAMPLE");
    }

    if (dg_span_starts_with(m->text, DG_SPAN(DG_KEY_VENDED_PREFIX))) {
        return refuse(l, m, "access_key_id must not begin with "
                      DG_KEY_VENDED_PREFIX ", which is kept for credentials "
                      "that the gateway vends: choose another");
    }

    key->credentials.access_key_id = m->text;
    return DG_OK;
}


static dg_err_t
load_secret(loader_t *l, const dg_json_t *m, dg_key_t *key)
{
    if (m->text.len < DG_KEY_SECRET_MIN) {
        return refuse(l, m, "secret_access_key is shorter than 16 "
                      "characters: make one with "
                      "`openssl rand -base64 30`");
    }

    if (m->text.len > DG_KEY_SECRET_MAX || !dg_text_is_graphic(m->text)) {
        return refuse(l, m, "secret_access_key must be at most 256 printable "
                      "ASCII characters without blanks");
    }

    key->credentials.secret_access_key = m->text;
    return DG_OK;
}


static dg_err_t
load_session_token(loader_t *l, const dg_json_t *m, dg_key_t *key)
{
    if (!dg_text_has_length(m->text, 1, DG_KEY_TOKEN_MAX)
        || !dg_text_is_graphic(m->text))
    {
        return refuse(l, m, "session_token must be 1 to 8192 printable ASCII "
                      "characters without blanks");
    }

    key->credentials.session_token = m->text;
    return DG_OK;
}


static dg_err_t
iam_principal(loader_t *l, const dg_json_t *m, dg_span_t resource,
    dg_key_t *key)
{
    if (dg_span_equal(resource, DG_SPAN("root"))) {
        key->principal_type = DG_SPAN("Account");
        return DG_OK;
    }

    if (dg_span_starts_with(resource, DG_SPAN("user/"))
        && !dg_span_ends_with(resource, DG_SPAN("/")))
    {
        key->principal_type = DG_SPAN("User");
        key->user_name = dg_span_slice(resource,
                                       dg_span_find_last(resource, '/') + 1,
                                       resource.len);
        return DG_OK;
    }

    return refuse(l, m, "the ARN of an IAM principal ends in :user/NAME or "
                  ":root; a role calls as "
                  "arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION");
}


static dg_err_t
sts_principal(loader_t *l, const dg_json_t *m, dg_span_t resource,
    dg_key_t *key)
{
    dg_span_t  rest = resource, kind, name, session;
    bool       two = dg_span_split(&rest, '/', &kind)
                     && dg_span_split(&rest, '/', &name) && name.len > 0;
    bool       three = two && dg_span_split(&rest, '/', &session)
                       && session.len > 0;

    if (rest.data == NULL) {
        if (three && dg_span_equal(kind, DG_SPAN("assumed-role"))) {
            key->principal_type = DG_SPAN("AssumedRole");
            return DG_OK;
        }

        if (two && !three && dg_span_equal(kind, DG_SPAN("federated-user"))) {
            key->principal_type = DG_SPAN("FederatedUser");
            return DG_OK;
        }
    }

    return refuse(l, m, "the ARN of an STS principal ends in "
                  ":assumed-role/ROLE/SESSION or :federated-user/NAME");
}


static bool
is_account(dg_span_t s)
{
    uint64_t  ignored;

    return s.len == ACCOUNT_DIGITS && dg_span_to_u64(s, &ignored);
}


/* The last part may hold colons itself, so it is not split. */
static unsigned
split_arn(dg_span_t arn, dg_span_t parts[ARN_PARTS])
{
    unsigned  n = 0;

    while (n < ARN_PARTS - 1 && dg_span_split(&arn, ':', &parts[n])) {
        n++;
    }

    if (arn.data != NULL) {
        parts[n++] = arn;
    }

    return n;
}


static dg_err_t
load_principal(loader_t *l, const dg_json_t *m, dg_key_t *key)
{
    dg_span_t  parts[ARN_PARTS];

    if (m->text.len > DG_KEY_PRINCIPAL_MAX
        || !dg_text_consists_of(m->text, "+=,.@_/:-")
        || split_arn(m->text, parts) != ARN_PARTS
        || !dg_span_equal(parts[0], DG_SPAN("arn")) || parts[1].len == 0
        || parts[3].len != 0)
    {
        return refuse(l, m, "principal must be an ARN of six parts, such as "
                      "arn:aws:iam::111122223333:user/alice");
    }

    if (dg_span_equal(parts[2], DG_SPAN("deskgate"))) {
        return refuse(l, m, "principal must not be of the service deskgate, "
                      "whose ARNs the gateway makes itself");
    }

    if (!is_account(parts[4])) {
        return refuse(l, m, "the fifth part of the principal's ARN must be "
                      "an account of 12 digits");
    }

    key->principal = m->text;
    key->account = parts[4];

    if (dg_span_equal(parts[2], DG_SPAN("iam"))) {
        return iam_principal(l, m, parts[5], key);
    }

    if (dg_span_equal(parts[2], DG_SPAN("sts"))) {
        return sts_principal(l, m, parts[5], key);
    }

    return refuse(l, m, "the principal's service must be iam or sts");
}


static dg_err_t
load_user_id(loader_t *l, const dg_json_t *m, dg_key_t *key)
{
    if (!dg_text_has_length(m->text, 1, DG_KEY_USER_ID_MAX)
        || !dg_text_consists_of(m->text, "+=,.@_/:-"))
    {
        return refuse(l, m, "user_id must be 1 to 256 letters, digits and "
                      "+=,.@_/:-");
    }

    key->user_id = m->text;
    return DG_OK;
}


static dg_err_t
load_text(loader_t *l, const dg_json_t *m, dg_span_t *to)
{
    if (!dg_text_has_length(m->text, 1, DG_KEY_TEXT_MAX)
        || dg_text_has_control(m->text))
    {
        return refuse(l, m, "this string must have 1 to 1024 bytes and no "
                      "control characters: correct it or leave it out");
    }

    *to = m->text;
    return DG_OK;
}


static dg_err_t
load_dcv_user(loader_t *l, const dg_json_t *m, dg_key_t *key)
{
    return load_text(l, m, &key->dcv_user);
}


static dg_err_t
load_description(loader_t *l, const dg_json_t *m, dg_key_t *key)
{
    return load_text(l, m, &key->description);
}


static dg_err_t
load_time(loader_t *l, const dg_json_t *m, int64_t *seconds)
{
    if (dg_time_parse_iso(m->text, seconds, NULL) != DG_OK || *seconds <= 0) {
        return refuse(l, m, "a time is written as 2026-12-31T23:59:59Z");
    }

    return DG_OK;
}


static dg_err_t
load_not_before(loader_t *l, const dg_json_t *m, dg_key_t *key)
{
    return load_time(l, m, &key->not_before);
}


static dg_err_t
load_expires(loader_t *l, const dg_json_t *m, dg_key_t *key)
{
    return load_time(l, m, &key->credentials.expires_at);
}


static dg_err_t
load_disabled(loader_t *l, const dg_json_t *m, dg_key_t *key)
{
    (void) l;

    key->disabled = m->boolean;
    return DG_OK;
}


static dg_err_t
load_tag(loader_t *l, const dg_json_t *m, dg_attribute_t *tag)
{
    if (m->type != DG_JSON_STRING) {
        return refuse(l, m, "the value of a tag must be a string");
    }

    if (!dg_text_has_length(m->key, 1, DG_KEY_TAG_NAME_MAX)
        || m->text.len > DG_KEY_TAG_VALUE_MAX || dg_text_has_control(m->key)
        || dg_text_has_control(m->text))
    {
        return refuse(l, m, "a tag has a name of 1 to 128 bytes and a value "
                      "of at most 256, without control characters");
    }

    *tag = (dg_attribute_t) { m->key, m->text };
    return DG_OK;
}


static dg_err_t
load_tags(loader_t *l, const dg_json_t *m, dg_key_t *key)
{
    dg_attribute_t  *tags;

    if (m->count > DG_CALLER_TAGS_MAX) {
        return refuse(l, m, "a key has at most 50 tags");
    }

    tags = dg_arena_calloc(l->arena, m->count + 1, sizeof(*tags));
    if (tags == NULL) {
        return no_memory(l);
    }

    key->tags = tags;

    for (const dg_json_t *t = m->first; t != NULL; t = t->next) {
        dg_err_t  err = load_tag(l, t, &tags[key->tag_count++]);

        if (err != DG_OK) {
            return err;
        }
    }

    return DG_OK;
}


static dg_err_t
load_policies(loader_t *l, const dg_json_t *m, dg_key_t *key)
{
    dg_span_t  *files;

    if (m->count > DG_KEY_POLICIES) {
        return refuse(l, m, "a key has at most 32 policies");
    }

    files = dg_arena_calloc(l->arena, m->count + 1, sizeof(*files));
    if (files == NULL) {
        return no_memory(l);
    }

    key->policies = files;
    key->policies_line = m->line;

    for (const dg_json_t *f = m->first; f != NULL; f = f->next) {
        dg_err_t  err;

        if (f->type != DG_JSON_STRING) {
            return refuse(l, f, "policies is a list of file names: write "
                          "each in quotes");
        }

        err = load_text(l, f, &files[key->policy_count++]);
        if (err != DG_OK) {
            return err;
        }
    }

    return DG_OK;
}


static dg_err_t
load_session_policy(loader_t *l, const dg_json_t *m, dg_key_t *key)
{
    dg_writer_t  w = dg_writer(dg_arena_alloc(l->arena, DG_KEY_SESSION_MAX),
                               DG_KEY_SESSION_MAX);

    if (w.data == NULL) {
        return no_memory(l);
    }

    dg_json_write_tree(&w, m);

    if (w.overflow) {
        return dg_diag(l->diag, DG_ERR_LIMIT, m->line, m->column,
                       "a session_policy has at most 16384 bytes without "
                       "blanks");
    }

    key->session_policy = dg_written(&w);
    key->session_line = m->line;

    return DG_OK;
}


static dg_err_t
load_break_glass(loader_t *l, const dg_json_t *m, dg_key_t *key)
{
    (void) l;

    key->break_glass = m->boolean;
    return DG_OK;
}


static const member_t  members[] = {
    { "access_key_id", DG_JSON_STRING, true, load_access_key_id },
    { "secret_access_key", DG_JSON_STRING, true, load_secret },
    { "principal", DG_JSON_STRING, true, load_principal },
    { "user_id", DG_JSON_STRING, false, load_user_id },
    { "session_token", DG_JSON_STRING, false, load_session_token },
    { "tags", DG_JSON_OBJECT, false, load_tags },
    { "policies", DG_JSON_ARRAY, false, load_policies },
    { "session_policy", DG_JSON_OBJECT, false, load_session_policy },
    { "not_before", DG_JSON_STRING, false, load_not_before },
    { "expires", DG_JSON_STRING, false, load_expires },
    { "disabled", DG_JSON_BOOL, false, load_disabled },
    { "break_glass", DG_JSON_BOOL, false, load_break_glass },
    { "dcv_user", DG_JSON_STRING, false, load_dcv_user },
    { "description", DG_JSON_STRING, false, load_description }
};

#define MEMBER_COUNT  (sizeof(members) / sizeof(members[0]))


static const member_t *
find_member(dg_span_t name)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (dg_span_equal(name, dg_span_cstr(members[i].name))) {
            return &members[i];
        }
    }

    return NULL;
}


static dg_err_t
load_member(loader_t *l, const dg_json_t *m, dg_key_t *key)
{
    const member_t  *member = find_member(m->key);
    char             name[DG_JSON_QUOTED];

    if (member == NULL) {
        return dg_diag(l->diag, DG_ERR_INVALID, m->key_line, m->key_column,
                       "unknown member %s of a key: there are access_key_id, "
                       "secret_access_key, principal, user_id, "
                       "session_token, tags, policies, session_policy, "
                       "not_before, expires, disabled, break_glass, dcv_user "
                       "and description",
                       dg_json_quote(name, m->key));
    }

    if (m->type != member->type) {
        return dg_diag(l->diag, DG_ERR_INVALID, m->line, m->column,
                       "%s must be of type %s, not %s", member->name,
                       dg_json_type_name(member->type),
                       dg_json_type_name(m->type));
    }

    return member->load(l, m, key);
}


static dg_err_t
require_members(loader_t *l, const dg_json_t *object)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (members[i].required
            && dg_json_member(object, dg_span_cstr(members[i].name)) == NULL)
        {
            return dg_diag(l->diag, DG_ERR_MISSING, object->line,
                           object->column, "this key has no %s: add it",
                           members[i].name);
        }
    }

    return DG_OK;
}


dg_err_t
dg_keyfile_load_members(loader_t *l, const dg_json_t *object, dg_key_t *key)
{
    dg_err_t  err = require_members(l, object);

    for (const dg_json_t *m = object->first; err == DG_OK && m != NULL;
         m = m->next)
    {
        err = load_member(l, m, key);
    }

    return err;
}
