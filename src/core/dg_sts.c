/*
 * STS as a client: see dg_sts.h.  The answer's XML is read by dg_sts_xml.c.
 */

#include "dg_sts.h"
#include "dg_sts_fields.h"

#include "dg_codec.h"
#include "dg_json.h"
#include "dg_session_name.h"
#include "dg_text.h"
#include "dg_time.h"

#define ESCAPED        3     /* a byte may become %XX */
#define NAMES_SIZE   512     /* of the parameters but tags */
#define TAG_NAMES    128     /* of one tag's three parameters */

static const char *const  action_names[] = {
    [DG_STS_ASSUME_ROLE] = "AssumeRole",
    [DG_STS_WEB_IDENTITY] = "AssumeRoleWithWebIdentity",
    [DG_STS_CALLER_IDENTITY] = "GetCallerIdentity"
};

const dg_sts_field_t  dg_sts_fields[DG_STS_FIELDS] = {
    { "Credentials", "AccessKeyId" },
    { "Credentials", "SecretAccessKey" },
    { "Credentials", "SessionToken" },
    { "Credentials", "Expiration" },
    { "AssumedRoleUser", "Arn" },
    { "AssumedRoleUser", "AssumedRoleId" },
    { "GetCallerIdentityResult", "Arn" },
    { "GetCallerIdentityResult", "UserId" },
    { "GetCallerIdentityResult", "Account" },
    { "ResponseMetadata", "RequestId" },
    { "ErrorResponse", "RequestId" },
    { "Error", "Code" },
    { "Error", "Message" }
};

static const dg_json_limits_t  json_limits = {
    .depth = 8,
    .text = DG_STS_REPLY_TEXT,
    .string = DG_STS_REPLY_TEXT,
    .values = 200,
    .members = 50
};


static const char *
tags_reason(const dg_sts_request_t *r)
{
    if (r->tag_count > DG_STS_TAGS_MAX) {
        return "a session has at most 50 tags";
    }

    for (size_t i = 0; i < r->tag_count; i++) {
        if (!dg_text_has_length(r->tags[i].name, 1, DG_STS_TAG_KEY_MAX)
            || r->tags[i].value.len > DG_STS_TAG_VALUE_MAX)
        {
            return "a session tag is longer than 128 or 256 bytes";
        }
    }

    return NULL;
}


static const char *
role_reason(const dg_sts_request_t *r)
{
    if (!dg_text_has_length(r->role_arn, DG_STS_ROLE_MIN, DG_STS_ROLE_MAX)
        || !dg_text_is_graphic(r->role_arn))
    {
        return "the role's ARN is not 20 to 2048 printable characters";
    }

    if (!dg_text_has_length(r->session_name, DG_STS_NAME_MIN,
                            DG_STS_NAME_MAX)
        || !dg_text_consists_of(r->session_name, "_+=,.@-"))
    {
        return "the session name is not 2 to 64 letters, digits and "
               "_+=,.@-";
    }

    if (r->duration && (r->duration < DG_STS_DURATION_MIN
                        || r->duration > DG_STS_DURATION_MAX))
    {
        return "a session lasts from 900 to 43200 seconds";
    }

    if (r->policy.len > DG_STS_POLICY_MAX) {
        return "a session policy has at most 2048 bytes";
    }

    return NULL;
}


const char *
dg_sts_reason(const dg_sts_request_t *r)
{
    const char  *reason = NULL;

    if (r->action == DG_STS_CALLER_IDENTITY) {
        return NULL;
    }

    reason = role_reason(r);
    if (reason) {
        return reason;
    }

    if (r->action == DG_STS_WEB_IDENTITY) {
        return dg_text_has_length(r->web_identity_token, DG_STS_TOKEN_MIN,
                                  DG_STS_TOKEN_MAX)
               ? NULL : "a web identity token has 4 to 20000 bytes";
    }

    if (r->external_id.len
        && !dg_text_has_length(r->external_id, DG_STS_EXTERNAL_MIN,
                               DG_STS_EXTERNAL_MAX))
    {
        return "an external id has 2 to 1224 bytes";
    }

    if (r->source_identity.len
        && (!dg_text_has_length(r->source_identity, DG_STS_NAME_MIN,
                                DG_STS_NAME_MAX)
            || !dg_text_consists_of(r->source_identity, "_+=,.@-")))
    {
        return "the source identity is not 2 to 64 letters, digits and "
               "_+=,.@-";
    }

    return tags_reason(r);
}


size_t
dg_sts_size(const dg_sts_request_t *r)
{
    size_t  text = r->role_arn.len + r->session_name.len
                   + r->web_identity_token.len + r->external_id.len
                   + r->source_identity.len + r->policy.len;
    size_t  size = NAMES_SIZE;

    for (size_t i = 0; i < r->tag_count; i++) {
        text += 2 * r->tags[i].name.len + r->tags[i].value.len;
        size += TAG_NAMES;
    }

    return size + ESCAPED * text;
}


static void
write_parameter(dg_writer_t *w, const char *name, dg_span_t value)
{
    if (value.len == 0) {
        return;
    }

    dg_write_char(w, '&');
    dg_write_cstr(w, name);
    dg_write_char(w, '=');
    dg_write_uri_encoded(w, value, false);
}


static void
write_member(dg_writer_t *w, const char *list, size_t n, const char *part,
    dg_span_t value)
{
    dg_write_char(w, '&');
    dg_write_cstr(w, list);
    dg_write_cstr(w, ".member.");
    dg_write_u64(w, n);
    dg_write_cstr(w, part);
    dg_write_char(w, '=');
    dg_write_uri_encoded(w, value, false);
}


void
dg_sts_write(dg_writer_t *w, const dg_sts_request_t *r)
{
    dg_write_cstr(w, "Action=");
    dg_write_cstr(w, action_names[r->action]);
    dg_write_cstr(w, "&Version=2011-06-15");

    write_parameter(w, "RoleArn", r->role_arn);
    write_parameter(w, "RoleSessionName", r->session_name);
    write_parameter(w, "WebIdentityToken", r->web_identity_token);
    write_parameter(w, "ExternalId", r->external_id);
    write_parameter(w, "SourceIdentity", r->source_identity);
    write_parameter(w, "Policy", r->policy);

    if (r->duration > 0) {
        dg_write_cstr(w, "&DurationSeconds=");
        dg_write_i64(w, r->duration);
    }

    for (size_t i = 0; i < r->tag_count; i++) {
        write_member(w, "Tags", i + 1, ".Key", r->tags[i].name);
        write_member(w, "Tags", i + 1, ".Value", r->tags[i].value);

        if (r->transitive) {
            write_member(w, "TransitiveTagKeys", i + 1, "", r->tags[i].name);
        }
    }
}


dg_err_t
dg_sts_headers(dg_signing_keys_t *keys, dg_crypto_t *crypto,
    dg_arena_t *arena, dg_span_t host, dg_span_t region, dg_span_t body,
    const dg_credentials_t *credentials, int64_t now,
    dg_header_t headers[DG_STS_HEADERS_MAX], size_t *count)
{
    size_t        n = 0;
    dg_err_t      err;
    dg_header_t   all[DG_STS_HEADERS_MAX + 1];
    dg_writer_t   date = dg_writer(dg_arena_alloc(arena, DG_TIME_AMZ_SIZE),
                                   DG_TIME_AMZ_SIZE);
    dg_request_t  request = {
        .method = DG_SPAN("POST"), .target = DG_SPAN("/"), .headers = all
    };

    dg_sigv4_scope_t  scope = { region, DG_SPAN("sts"),
                                DG_SIGV4_PATH_NORMALIZED };

    if (date.data == NULL) {
        return DG_ERR_MEMORY;
    }

    all[n++] = (dg_header_t) { DG_SPAN("Content-Type"),
        DG_SPAN("application/x-www-form-urlencoded; charset=utf-8") };
    all[n++] = (dg_header_t) { DG_SPAN("Accept"), DG_SPAN("text/xml") };

    if (credentials != NULL) {
        dg_time_write_amz(&date, now);
        all[n++] = (dg_header_t) { DG_SPAN("X-Amz-Date"),
                                   dg_written(&date) };

        if (credentials->session_token.len) {
            all[n++] = (dg_header_t) { DG_SPAN("X-Amz-Security-Token"),
                                       credentials->session_token };
        }

        all[n] = (dg_header_t) { DG_SPAN("Host"), host };
        request.header_count = n + 1;

        err = dg_sigv4_sign_body(keys, crypto, arena, &request, body, &scope,
                                 credentials, now, &all[n].value);
        if (err != DG_OK) {
            return err;
        }

        all[n++].name = DG_SPAN("Authorization");
    }

    memcpy(headers, all, n * sizeof(dg_header_t));
    *count = n;

    return DG_OK;
}


static dg_err_t
read_expiration(dg_span_t text, int64_t *seconds)
{
    size_t    dot;
    uint64_t  number;

    if (dg_time_parse_iso(text, seconds, NULL) == DG_OK) {
        return *seconds > 0 ? DG_OK : DG_ERR_INVALID;
    }

    /* JSON has seconds since the epoch, some with an exponent */

    if (dg_json_to_i64(text, seconds) == DG_OK) {
        return *seconds > 0 ? DG_OK : DG_ERR_INVALID;
    }

    dot = dg_span_find(text, '.');

    if (dg_span_to_u64(dg_span_slice(text, 0, dot), &number)
        && number <= INT64_MAX && number > 0)
    {
        *seconds = (int64_t) number;
        return DG_OK;
    }

    return DG_ERR_INVALID;
}


static dg_err_t
take_credentials(dg_sts_found_t *f, dg_sts_reply_t *reply, dg_diag_t *diag)
{
    const char        *reason;
    dg_credentials_t  *c = &reply->credentials;

    c->access_key_id = f->text[DG_STS_ACCESS_KEY_ID];
    c->secret_access_key = f->text[DG_STS_SECRET_ACCESS_KEY];
    c->session_token = f->text[DG_STS_SESSION_TOKEN];

    if (c->session_token.len == 0 || f->text[DG_STS_EXPIRATION].len == 0) {
        return dg_diag(diag, DG_ERR_MISSING, 0, 0,
                       "the answer of STS has no whole credentials");
    }

    reason = dg_credentials_reason(c);

    if (reason) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0, "the answer of STS: %s",
                       reason);
    }

    if (read_expiration(f->text[DG_STS_EXPIRATION], &c->expires_at) != DG_OK)
    {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0,
                       "the answer of STS has an expiration that is no time");
    }

    reply->arn = f->text[DG_STS_ROLE_USER_ARN];
    reply->user_id = f->text[DG_STS_ROLE_USER_ID];

    return DG_OK;
}


static dg_err_t
take_identity(dg_sts_found_t *f, dg_sts_reply_t *reply, dg_diag_t *diag)
{
    reply->arn = f->text[DG_STS_CALLER_ARN];
    reply->user_id = f->text[DG_STS_CALLER_USER_ID];
    reply->account = f->text[DG_STS_CALLER_ACCOUNT];

    if (reply->arn.len == 0 || reply->user_id.len == 0
        || reply->account.len == 0)
    {
        return dg_diag(diag, DG_ERR_MISSING, 0, 0,
                       "the answer of STS has no whole caller identity");
    }

    return DG_OK;
}


static dg_err_t
take(dg_sts_found_t *f, dg_sts_action_t action, dg_sts_reply_t *reply,
    dg_diag_t *diag)
{
    reply->request_id = f->text[DG_STS_REQUEST_ID];

    if (reply->request_id.len == 0) {
        reply->request_id = f->text[DG_STS_ERROR_REQUEST_ID];
    }

    reply->error_code = f->text[DG_STS_ERROR_CODE];
    reply->error_message = f->text[DG_STS_ERROR_MESSAGE];

    if (reply->error_code.len) {
        return DG_OK;
    }

    if (!dg_span_starts_with(f->root, dg_span_cstr(action_names[action]))
        || !dg_span_equal(dg_span_slice(f->root,
                                        strlen(action_names[action]),
                                        f->root.len), DG_SPAN("Response")))
    {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0, "the answer of STS is "
                       "not one of %s", action_names[action]);
    }

    return action == DG_STS_CALLER_IDENTITY
           ? take_identity(f, reply, diag)
           : take_credentials(f, reply, diag);
}


/* The same parts by name as in XML: objects are elements. */

static void
find_in_object(const dg_json_t *object, dg_span_t name, dg_sts_found_t *f)
{
    for (const dg_json_t *m = object->first; m != NULL; m = m->next) {

        if (m->type == DG_JSON_OBJECT) {
            find_in_object(m, m->key, f);

        } else if (m->type == DG_JSON_STRING || m->type == DG_JSON_NUMBER) {
            dg_sts_found(f, name, m->key, m->text);
        }
    }
}


static dg_err_t
find_in_json(dg_arena_t *arena, dg_span_t answer, dg_sts_found_t *f,
    dg_diag_t *diag)
{
    dg_err_t          err;
    const dg_json_t  *root;

    err = dg_json_parse(arena, answer, &json_limits, diag, &root);
    if (err != DG_OK) {
        return err;
    }

    if (root->type != DG_JSON_OBJECT || root->first == NULL) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0,
                       "the answer of STS is not an object");
    }

    f->root = root->first->key;
    find_in_object(root, dg_json_member(root, DG_SPAN("Error"))
                         ? DG_SPAN("ErrorResponse") : DG_SPAN_EMPTY, f);

    return DG_OK;
}


void
dg_sts_found(dg_sts_found_t *f, dg_span_t parent, dg_span_t name,
    dg_span_t text)
{
    for (unsigned i = 0; i < DG_STS_FIELDS; i++) {
        if (dg_span_equal(name, dg_span_cstr(dg_sts_fields[i].name))
            && dg_span_equal(parent, dg_span_cstr(dg_sts_fields[i].parent))
            && f->text[i].len == 0)
        {
            f->text[i] = text;
        }
    }
}


dg_err_t
dg_sts_parse(dg_arena_t *arena, dg_span_t answer, dg_sts_action_t action,
    dg_sts_reply_t *reply, dg_diag_t *diag)
{
    size_t          start = 0;
    dg_err_t        err;
    dg_sts_found_t  found;

    memset(reply, 0, sizeof(dg_sts_reply_t));
    memset(&found, 0, sizeof(dg_sts_found_t));

    if (answer.len > DG_STS_REPLY_TEXT) {
        return dg_diag(diag, DG_ERR_LIMIT, 0, 0,
                       "the answer of STS has more than 128 KiB");
    }

    while (start < answer.len && answer.data[start] <= ' ') {
        start++;
    }

    if (start < answer.len && answer.data[start] == '{') {
        err = find_in_json(arena, answer, &found, diag);

    } else {
        err = dg_sts_read_xml(arena, answer, &found, diag);
    }

    return err == DG_OK ? take(&found, action, reply, diag) : err;
}


bool
dg_sts_is_denial(const dg_sts_reply_t *reply)
{
    static const char *const  codes[] = {
        "AccessDenied", "AccessDeniedException", "IDPRejectedClaim",
        "InvalidIdentityToken", "ExpiredTokenException",
        "MalformedPolicyDocument", "PackedPolicyTooLarge",
        "ValidationError"
    };

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (dg_span_equal(reply->error_code, dg_span_cstr(codes[i]))) {
            return true;
        }
    }

    return false;
}
