/*
 * Credentials of a container's or an instance's endpoint: see
 * dg_credentials_reply.h.
 */

#include "dg_credentials_reply.h"

#include "dg_json.h"
#include "dg_text.h"
#include "dg_time.h"

#define CODE_MAX  64

static const dg_json_limits_t  limits = {
    .depth = 8,
    .text = DG_CREDENTIALS_REPLY_TEXT,
    .string = DG_CREDENTIALS_TOKEN,
    .values = 100,
    .members = 50
};


static dg_err_t
check_code(const dg_json_t *root, dg_diag_t *diag)
{
    dg_span_t  code;

    if (!dg_json_string(root, DG_SPAN("Code"), &code)
        || dg_span_equal(code, DG_SPAN("Success")))
    {
        return DG_OK;
    }

    if (code.len > CODE_MAX || !dg_text_consists_of(code, "._-")) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0, "its Code is unreadable");
    }

    return dg_diag(diag, DG_ERR_INVALID, 0, 0, "its Code is \"%.*s\"",
                   (int) code.len, (const char *) code.data);
}


static dg_err_t
find(const dg_json_t *root, const char *name, dg_span_t *text,
    dg_diag_t *diag)
{
    if (!dg_json_string(root, dg_span_cstr(name), text) || text->len == 0) {
        return dg_diag(diag, DG_ERR_MISSING, 0, 0, "it has no %s", name);
    }

    return DG_OK;
}


dg_err_t
dg_credentials_reply_parse(dg_arena_t *arena, dg_span_t answer,
    dg_credentials_t *c, dg_diag_t *diag)
{
    dg_err_t          err;
    dg_span_t         expiration;
    const char       *reason;
    const dg_json_t  *root;

    memset(c, 0, sizeof(dg_credentials_t));

    err = dg_json_parse(arena, answer, &limits, diag, &root);
    if (err != DG_OK) {
        return err;
    }

    if ((err = check_code(root, diag)) != DG_OK
        || (err = find(root, "AccessKeyId", &c->access_key_id, diag))
           != DG_OK
        || (err = find(root, "SecretAccessKey", &c->secret_access_key, diag))
           != DG_OK
        || (err = find(root, "Token", &c->session_token, diag)) != DG_OK
        || (err = find(root, "Expiration", &expiration, diag)) != DG_OK)
    {
        return err;
    }

    reason = dg_credentials_reason(c);

    if (reason) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0, "%s", reason);
    }

    if (dg_time_parse_iso(expiration, &c->expires_at, NULL) != DG_OK
        || c->expires_at <= 0)
    {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0,
                       "its Expiration is no time");
    }

    return DG_OK;
}


bool
dg_instance_token_fits(dg_span_t token)
{
    return dg_text_has_length(token, 1, DG_INSTANCE_TOKEN_MAX)
           && dg_text_is_graphic(token);
}


dg_span_t
dg_instance_role(dg_span_t answer)
{
    dg_span_t  line = dg_span_slice(answer, 0, dg_span_find(answer, '\n'));

    line = dg_span_trim(line);

    return dg_text_has_length(line, 1, DG_INSTANCE_ROLE_MAX)
           && dg_text_consists_of(line, "_+=,.@-") ? line : DG_SPAN_EMPTY;
}
