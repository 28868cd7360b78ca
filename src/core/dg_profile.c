/*
 * Profiles of the shared config and credentials files: see dg_profile.h.
 */

#include "dg_profile.h"

#include "dg_json.h"

#define SETTINGS  (sizeof(settings) / sizeof(settings[0]))

typedef struct {
    dg_span_t              profile;
    dg_profile_setting_pt  setting;
    void                  *ctx;
    dg_diag_t             *diag;
    unsigned               line;
    unsigned               header;  /* of the profile; 0: not yet */
    bool                   inside;  /* the profile's section */
    bool                   nested;  /* indented lines belong to a setting */
    bool                   value;   /* the setting above has a value */
} reader_t;

static const struct {
    const char  *name;
    size_t       offset;  /* in dg_profile_t */

} settings[] = {
    { "aws_access_key_id", offsetof(dg_profile_t, access_key_id) },
    { "aws_secret_access_key", offsetof(dg_profile_t, secret_access_key) },
    { "aws_session_token", offsetof(dg_profile_t, session_token) },
    { "aws_credential_expiration", offsetof(dg_profile_t, expiration) },
    { "expiration", offsetof(dg_profile_t, expiration) },
    { "x_security_token_expires", offsetof(dg_profile_t, expiration) },
    { "role_arn", offsetof(dg_profile_t, role_arn) },
    { "source_profile", offsetof(dg_profile_t, source_profile) },
    { "credential_source", offsetof(dg_profile_t, credential_source) },
    { "web_identity_token_file",
      offsetof(dg_profile_t, web_identity_token_file) },
    { "role_session_name", offsetof(dg_profile_t, role_session_name) },
    { "external_id", offsetof(dg_profile_t, external_id) },
    { "duration_seconds", offsetof(dg_profile_t, duration_seconds) },
    { "mfa_serial", offsetof(dg_profile_t, mfa_serial) },
    { "credential_process", offsetof(dg_profile_t, credential_process) },
    { "region", offsetof(dg_profile_t, region) }
};

typedef struct {
    dg_profile_t  *profile;
    dg_diag_t     *diag;
    unsigned       lines[sizeof(settings) / sizeof(settings[0])];
} load_t;


static dg_err_t
refuse(const reader_t *r, const char *text)
{
    return dg_diag(r->diag, DG_ERR_SYNTAX, r->line, 1, "%s", text);
}


static dg_err_t
read_section(reader_t *r, dg_span_t line)
{
    size_t     close = dg_span_find(line, ']');
    dg_span_t  name = dg_span_trim(dg_span_slice(line, 1, close));
    dg_span_t  word = DG_SPAN("profile ");

    if (close == line.len) {
        return refuse(r, "a section's name ends in a bracket: write [NAME]");
    }

    if (dg_span_starts_with(name, word)) {
        name = dg_span_trim(dg_span_slice(name, word.len, name.len));
    }

    r->inside = dg_span_equal(name, r->profile);
    r->nested = false;
    r->value = false;

    if (r->inside && r->header != 0) {
        return dg_diag(r->diag, DG_ERR_INVALID, r->line, 1,
                       "this profile is also at line %u: remove one of the "
                       "two", r->header);
    }

    if (r->inside) {
        r->header = r->line;
    }

    return DG_OK;
}


static dg_err_t
read_setting(reader_t *r, dg_span_t line)
{
    bool       known = false;
    size_t     equals = dg_span_find(line, '=');
    dg_err_t   err;
    dg_span_t  name = dg_span_trim(dg_span_slice(line, 0, equals));
    dg_span_t  value = dg_span_trim(dg_span_slice(line, equals + 1,
                                                  line.len));

    if (equals == line.len || name.len == 0) {
        return refuse(r, "a setting is written as NAME = VALUE");
    }

    err = r->setting(r->ctx, name, value, r->line, (unsigned) equals + 2,
                     &known);

    r->value = value.len > 0;
    r->nested = value.len == 0 && !known;

    return err;
}


static dg_err_t
read_line(reader_t *r, dg_span_t line)
{
    dg_span_t  bare;
    bool       indented;

    if (line.len && line.data[line.len - 1] == '\r') {
        line.len--;
    }

    bare = dg_span_trim(line);
    indented = line.len && (line.data[0] == ' ' || line.data[0] == '\t');

    if (bare.len == 0 || bare.data[0] == '#' || bare.data[0] == ';') {
        return DG_OK;
    }

    if (bare.data[0] == '[' && !indented) {
        return read_section(r, bare);
    }

    if (!r->inside || (indented && r->nested)) {
        return DG_OK;
    }

    if (indented && r->value) {
        return refuse(r, "an indented line would continue the value above "
                      "it: begin the line in the first column");
    }

    return read_setting(r, bare);
}


dg_err_t
dg_profile_read(dg_span_t text, dg_span_t profile,
    dg_profile_setting_pt setting, void *ctx, unsigned *header,
    dg_diag_t *diag)
{
    reader_t   r = { .profile = profile, .setting = setting, .ctx = ctx,
                     .diag = diag };
    dg_err_t   err;
    dg_span_t  line;

    *header = 0;

    if (text.len > DG_PROFILE_TEXT) {
        return dg_diag(diag, DG_ERR_LIMIT, 0, 0,
                       "a file with profiles has at most 1 MiB");
    }

    while (dg_span_split(&text, '\n', &line)) {
        r.line++;

        err = read_line(&r, line);
        if (err != DG_OK) {
            return err;
        }
    }

    *header = r.header;

    return DG_OK;
}


static dg_err_t
keep_setting(void *ctx, dg_span_t name, dg_span_t value, unsigned line,
    unsigned column, bool *known)
{
    load_t  *load = ctx;

    (void) column;

    for (size_t i = 0; i < SETTINGS; i++) {

        if (!dg_span_equal_nocase(name, dg_span_cstr(settings[i].name))) {
            continue;
        }

        *known = true;

        if (load->lines[i]) {
            return dg_diag(load->diag, DG_ERR_INVALID, line, 1,
                           "this setting is also at line %u: remove one of "
                           "the two", load->lines[i]);
        }

        load->lines[i] = line;

        if (value.len) {
            *(dg_span_t *) ((char *) load->profile + settings[i].offset)
                = value;
        }
    }

    return DG_OK;
}


static dg_err_t
load_file(dg_span_t text, dg_span_t name, dg_profile_t *profile,
    bool *found, dg_diag_t *diag)
{
    load_t    load = { .profile = profile, .diag = diag };
    unsigned  header;
    dg_err_t  err;

    err = dg_profile_read(text, name, keep_setting, &load, &header, diag);
    *found |= header != 0;

    return err;
}


dg_err_t
dg_profile_load(dg_span_t config, dg_span_t credentials, dg_span_t name,
    dg_profile_t *profile, bool *in_config, dg_diag_t *diag)
{
    char      quoted[DG_JSON_QUOTED];
    bool      found = false, first;
    dg_err_t  err;

    memset(profile, 0, sizeof(dg_profile_t));

    if (in_config == NULL) {
        in_config = &first;
    }

    *in_config = true;
    err = load_file(config, name, profile, &found, diag);

    if (err == DG_OK) {
        *in_config = false;
        err = load_file(credentials, name, profile, &found, diag);
    }

    if (err == DG_OK && !found) {
        return dg_diag(diag, DG_ERR_MISSING, 0, 0, "there is no profile %s: "
                       "add a section of that name or name another profile",
                       dg_json_quote(quoted, name));
    }

    return err;
}
