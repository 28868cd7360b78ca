/*
 * Static credentials from a file: see dg_credentials_file.h.
 */

#include "dg_credentials_file.h"

#include "dg_crypto.h"
#include "dg_json.h"
#include "dg_profile.h"
#include "dg_time.h"
#include "dg_wiped_arena.h"

#define CREDENTIALS_CHUNK   4096
#define CREDENTIALS_MEMORY  (4 * 1024 * 1024)

enum {
    FIELD_ID,
    FIELD_SECRET,
    FIELD_TOKEN,
    FIELD_EXPIRATION,
    FIELD_COUNT
};

/* What was found, borrowed from the text or the tree, and where. */
typedef struct {
    dg_span_t  text[FIELD_COUNT];
    unsigned   line[FIELD_COUNT];   /* 0: not found */
    unsigned   column[FIELD_COUNT];
} found_t;

typedef struct {
    const char  *name;
    unsigned     field;
} setting_t;

static const char *const  json_names[FIELD_COUNT] = {
    [FIELD_ID] = "access_key_id",
    [FIELD_SECRET] = "secret_access_key",
    [FIELD_TOKEN] = "session_token",
    [FIELD_EXPIRATION] = "expiration"
};

static const setting_t  settings[] = {
    { "aws_access_key_id", FIELD_ID },
    { "aws_secret_access_key", FIELD_SECRET },
    { "aws_session_token", FIELD_TOKEN },
    { "aws_credential_expiration", FIELD_EXPIRATION },
    { "expiration", FIELD_EXPIRATION },
    { "x_security_token_expires", FIELD_EXPIRATION }
};

static const dg_json_limits_t  json_limits = {
    .depth = 2,
    .text = DG_CREDENTIALS_TEXT,
    .string = 65536,
    .values = 64,
    .members = 32
};


static dg_err_t
refuse(const found_t *f, unsigned field, dg_diag_t *diag, const char *text)
{
    return dg_diag(diag, DG_ERR_INVALID, f->line[field], f->column[field],
                   "%s", text);
}


static dg_err_t
check_found(const found_t *f, dg_credentials_t *c, dg_diag_t *diag)
{
    dg_span_t  id = f->text[FIELD_ID];
    dg_span_t  secret = f->text[FIELD_SECRET];
    dg_span_t  token = f->text[FIELD_TOKEN];

    if (!dg_credentials_id_fits(id)) {
        return refuse(f, FIELD_ID, diag, "the access key id must be 4 to 128 "
                      "letters and digits");
    }

    if (!dg_credentials_secret_fits(secret)) {
        return refuse(f, FIELD_SECRET, diag, "the secret access key must be "
                      "1 to 256 printable ASCII characters without blanks");
    }

    if (f->line[FIELD_TOKEN] != 0 && !dg_credentials_token_fits(token)) {
        return refuse(f, FIELD_TOKEN, diag, "the session token must be 1 to "
                      "16384 printable ASCII characters without blanks, or "
                      "be left out");
    }

    if (f->line[FIELD_EXPIRATION] != 0
        && (dg_time_parse_iso(f->text[FIELD_EXPIRATION], &c->expires_at, NULL)
            != DG_OK || c->expires_at <= 0))
    {
        return refuse(f, FIELD_EXPIRATION, diag, "the expiration is written "
                      "as 2026-12-31T23:59:59Z");
    }

    return DG_OK;
}


static bool
copy(dg_arena_t *arena, dg_span_t from, dg_span_t *to)
{
    if (from.len == 0) {
        *to = DG_SPAN_EMPTY;
        return true;
    }

    *to = dg_arena_copy(arena, from);
    return to->data != NULL;
}


static dg_err_t
keep(dg_arena_t *arena, const found_t *f, dg_credentials_t *c,
    dg_diag_t *diag)
{
    dg_err_t  err = check_found(f, c, diag);

    if (err != DG_OK) {
        return err;
    }

    if (!copy(arena, f->text[FIELD_ID], &c->access_key_id)
        || !copy(arena, f->text[FIELD_SECRET], &c->secret_access_key)
        || !copy(arena, f->text[FIELD_TOKEN], &c->session_token))
    {
        dg_credentials_wipe(c);
        return dg_diag(diag, DG_ERR_MEMORY, 0, 0,
                       "no memory for the credentials");
    }

    return DG_OK;
}


static unsigned
json_field(dg_span_t name)
{
    unsigned  field = 0;

    while (field < FIELD_COUNT
           && !dg_span_equal(name, dg_span_cstr(json_names[field])))
    {
        field++;
    }

    return field;
}


static dg_err_t
json_member(const dg_json_t *m, found_t *f, dg_diag_t *diag)
{
    unsigned  field = json_field(m->key);
    char      name[DG_JSON_QUOTED];

    if (field == FIELD_COUNT) {
        return dg_diag(diag, DG_ERR_INVALID, m->key_line, m->key_column,
                       "unknown member %s: there are access_key_id, "
                       "secret_access_key, session_token and expiration",
                       dg_json_quote(name, m->key));
    }

    if (m->type != DG_JSON_STRING) {
        return dg_diag(diag, DG_ERR_INVALID, m->line, m->column,
                       "%s must be a string, not of type %s",
                       json_names[field], dg_json_type_name(m->type));
    }

    f->text[field] = m->text;
    f->line[field] = m->line;
    f->column[field] = m->column;
    return DG_OK;
}


static dg_err_t
find_in_tree(const dg_json_t *root, found_t *f, dg_diag_t *diag)
{
    for (const dg_json_t *m = root->first; m != NULL; m = m->next) {
        dg_err_t  err = json_member(m, f, diag);

        if (err != DG_OK) {
            return err;
        }
    }

    for (unsigned field = FIELD_ID; field <= FIELD_SECRET; field++) {
        if (f->line[field] == 0) {
            return dg_diag(diag, DG_ERR_MISSING, root->line, root->column,
                           "the credentials have no %s: add it",
                           json_names[field]);
        }
    }

    return DG_OK;
}


static dg_err_t
parse_json(dg_arena_t *arena, dg_span_t text, dg_credentials_t *c,
    dg_diag_t *diag)
{
    dg_wiped_arena_t  scratch;
    found_t           f = { 0 };
    const dg_json_t  *root;
    dg_err_t          err;

    dg_wiped_arena_init(&scratch, arena, CREDENTIALS_CHUNK,
                        CREDENTIALS_MEMORY);

    err = dg_json_parse(&scratch.arena, text, &json_limits, diag, &root);
    if (err == DG_OK) {
        err = find_in_tree(root, &f, diag);
    }

    if (err == DG_OK) {
        err = keep(arena, &f, c, diag);
    }

    dg_wiped_arena_wipe(&scratch);
    return err;
}


typedef struct {
    found_t     found;
    dg_diag_t  *diag;
} profile_t;


static dg_err_t
found_setting(profile_t *p, unsigned field, dg_span_t value, unsigned line,
    unsigned column)
{
    found_t  *f = &p->found;

    if (f->line[field] != 0) {
        return dg_diag(p->diag, DG_ERR_INVALID, line, 1,
                       "this setting is also at line %u: remove one of the "
                       "two", f->line[field]);
    }

    /* some tools leave the name of what is not there */
    if (value.len == 0 && (field == FIELD_TOKEN || field == FIELD_EXPIRATION))
    {
        return DG_OK;
    }

    f->text[field] = value;
    f->line[field] = line;
    f->column[field] = column;
    return DG_OK;
}


static dg_err_t
setting(void *ctx, dg_span_t name, dg_span_t value, unsigned line,
    unsigned column, bool *known)
{
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (dg_span_equal_nocase(name, dg_span_cstr(settings[i].name))) {
            *known = true;
            return found_setting(ctx, settings[i].field, value, line, column);
        }
    }

    return DG_OK;
}


static dg_err_t
profile_missing(const found_t *f, dg_span_t profile, unsigned header,
    dg_diag_t *diag)
{
    char  name[DG_JSON_QUOTED];

    if (header == 0) {
        return dg_diag(diag, DG_ERR_MISSING, 0, 0,
                       "there is no profile %s in this file: add a section "
                       "of that name or name another profile",
                       dg_json_quote(name, profile));
    }

    for (unsigned field = FIELD_ID; field <= FIELD_SECRET; field++) {
        if (f->line[field] == 0) {
            return dg_diag(diag, DG_ERR_MISSING, header, 1,
                           "this profile has no aws_%s: add it, or name a "
                           "profile with static credentials",
                           json_names[field]);
        }
    }

    return DG_OK;
}


static dg_err_t
parse_profile(dg_arena_t *arena, dg_span_t text, dg_span_t profile,
    dg_credentials_t *c, dg_diag_t *diag)
{
    profile_t  p = { .diag = diag };
    unsigned   header;
    dg_err_t   err;

    if (profile.len == 0) {
        profile = DG_SPAN("default");
    }

    err = dg_profile_read(text, profile, setting, &p, &header, diag);
    if (err != DG_OK) {
        return err;
    }

    err = profile_missing(&p.found, profile, header, diag);
    if (err != DG_OK) {
        return err;
    }

    return keep(arena, &p.found, c, diag);
}


static bool
is_json(dg_span_t text)
{
    size_t  i = 0;

    while (i < text.len && (text.data[i] == ' ' || text.data[i] == '\t'
                            || text.data[i] == '\n' || text.data[i] == '\r'))
    {
        i++;
    }

    return i < text.len && text.data[i] == '{';
}


dg_err_t
dg_credentials_file_parse(dg_arena_t *arena, dg_span_t text,
    dg_span_t profile, dg_credentials_t *credentials, dg_diag_t *diag)
{
    *credentials = (dg_credentials_t) { .expires_at = 0 };

    if (text.len > DG_CREDENTIALS_TEXT) {
        return dg_diag(diag, DG_ERR_LIMIT, 0, 0,
                       "a file with credentials has at most 1 MiB");
    }

    if (is_json(text)) {
        return parse_json(arena, text, credentials, diag);
    }

    return parse_profile(arena, text, profile, credentials, diag);
}
