/*
 * The client_credentials grant as a client: see dg_token_reply.h.
 */

#include "dg_token_reply.h"

#include "dg_codec.h"
#include "dg_crypto.h"
#include "dg_json.h"
#include "dg_text.h"
#include "dg_wiped_arena.h"

#define REPLY_CHUNK   4096
#define REPLY_MEMORY  (2 * 1024 * 1024)

/* id, ':' and secret, of which every byte may become %XX */
#define PAIR_MAX      (2 * 3 * DG_TOKEN_CLIENT_MAX + 1)

static const dg_json_limits_t  reply_limits = {
    .depth = 16,
    .text = DG_TOKEN_REPLY_TEXT,
    .string = DG_TOKEN_REPLY_TOKEN,
    .values = 1000,
    .members = 100
};


static dg_err_t
missing(dg_diag_t *diag, const char *name)
{
    return dg_diag(diag, DG_ERR_MISSING, 0, 0,
                   "the token endpoint's answer has no %s", name);
}


static dg_err_t
invalid(dg_diag_t *diag, const dg_json_t *at, const char *text)
{
    return dg_diag(diag, DG_ERR_INVALID, at->line, at->column,
                   "the token endpoint's answer: %s", text);
}


static dg_err_t
check_type(const dg_json_t *root, dg_diag_t *diag)
{
    const dg_json_t  *type = dg_json_member(root, DG_SPAN("token_type"));

    if (type == NULL) {
        return missing(diag, "token_type");
    }

    if (type->type != DG_JSON_STRING
        || !dg_span_equal_nocase(type->text, DG_SPAN("Bearer")))
    {
        return invalid(diag, type, "token_type is not Bearer");
    }

    return DG_OK;
}


static dg_err_t
read_expires_in(const dg_json_t *root, int64_t *expires_in, dg_diag_t *diag)
{
    const dg_json_t  *m = dg_json_member(root, DG_SPAN("expires_in"));

    /* OAuth 2.0 only recommends it, and some answer null */
    if (m == NULL || m->type == DG_JSON_NULL) {
        return DG_OK;
    }

    if ((m->type != DG_JSON_NUMBER && m->type != DG_JSON_STRING)
        || dg_json_to_i64(m->text, expires_in) != DG_OK)
    {
        return invalid(diag, m, "expires_in is not a whole number");
    }

    return DG_OK;
}


static dg_err_t
read_lifetime(const dg_json_t *root, int64_t *expires_in, dg_diag_t *diag)
{
    dg_err_t  err = read_expires_in(root, expires_in, diag);

    if (err != DG_OK) {
        return err;
    }

    if (*expires_in <= 0) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0, "the token endpoint's "
                       "answer: the token has expired already");
    }

    if (*expires_in > DG_TOKEN_LIFETIME_MAX) {
        *expires_in = DG_TOKEN_LIFETIME_MAX;
    }

    return DG_OK;
}


static dg_err_t
read_token(dg_arena_t *arena, const dg_json_t *root, dg_span_t *token,
    dg_diag_t *diag)
{
    const dg_json_t  *m = dg_json_member(root, DG_SPAN("access_token"));

    if (m == NULL) {
        return missing(diag, "access_token");
    }

    if (m->type != DG_JSON_STRING || m->text.len == 0
        || !dg_text_is_graphic(m->text))
    {
        return invalid(diag, m, "access_token is not a text of printable "
                       "ASCII characters without blanks");
    }

    *token = dg_arena_copy(arena, m->text);

    return token->data ? DG_OK : dg_diag(diag, DG_ERR_MEMORY, 0, 0,
                                         "no memory for the token");
}


static dg_err_t
read_reply(dg_arena_t *arena, const dg_json_t *root, dg_token_reply_t *reply,
    dg_diag_t *diag)
{
    dg_err_t  err;

    if (root->type != DG_JSON_OBJECT) {
        return invalid(diag, root, "it is not an object");
    }

    err = check_type(root, diag);
    if (err != DG_OK) {
        return err;
    }

    err = read_lifetime(root, &reply->expires_in, diag);
    if (err != DG_OK) {
        return err;
    }

    return read_token(arena, root, &reply->access_token, diag);
}


dg_err_t
dg_token_reply_parse(dg_arena_t *arena, dg_span_t body,
    int64_t default_expires_in, dg_token_reply_t *reply, dg_diag_t *diag)
{
    dg_wiped_arena_t  scratch;
    const dg_json_t  *root;
    dg_err_t          err;

    *reply = (dg_token_reply_t) { .expires_in = default_expires_in };

    dg_wiped_arena_init(&scratch, arena, REPLY_CHUNK, REPLY_MEMORY);

    err = dg_json_parse(&scratch.arena, body, &reply_limits, diag, &root);
    if (err == DG_OK) {
        err = read_reply(arena, root, reply, diag);
    }

    dg_wiped_arena_wipe(&scratch);
    return err;
}


void
dg_token_reply_wipe(dg_token_reply_t *reply)
{
    dg_wipe_span(&reply->access_token);
}


static void
write_client(dg_writer_t *w, dg_token_form_t form, dg_span_t s)
{
    if (form == DG_TOKEN_FORM_RFC) {
        dg_write_uri_encoded(w, s, false);
        return;
    }

    dg_write_span(w, s);
}


dg_err_t
dg_token_write_authorization(dg_writer_t *w,
    const dg_token_request_t *request)
{
    uint8_t      pair[PAIR_MAX];
    dg_writer_t  p = dg_writer(pair, sizeof(pair));

    if (request->client_id.len == 0
        || (request->form == DG_TOKEN_FORM_BROKER
            && dg_span_find(request->client_id, ':')
               < request->client_id.len))
    {
        return DG_ERR_INVALID;
    }

    if (request->client_id.len > DG_TOKEN_CLIENT_MAX
        || request->client_secret.len > DG_TOKEN_CLIENT_MAX)
    {
        return DG_ERR_LIMIT;
    }

    write_client(&p, request->form, request->client_id);
    dg_write_char(&p, ':');
    write_client(&p, request->form, request->client_secret);

    dg_write_cstr(w, "Basic ");
    dg_write_base64(w, dg_written(&p));
    dg_wipe(pair, sizeof(pair));

    return w->overflow ? DG_ERR_LIMIT : DG_OK;
}


void
dg_token_write_query(dg_writer_t *w, const dg_token_request_t *request)
{
    if (request->form == DG_TOKEN_FORM_BROKER) {
        dg_write_cstr(w, "grant_type=client_credentials");
    }
}


void
dg_token_write_body(dg_writer_t *w, const dg_token_request_t *request)
{
    if (request->form == DG_TOKEN_FORM_BROKER) {
        return;
    }

    dg_write_cstr(w, "grant_type=client_credentials");

    if (request->scope.len) {
        dg_write_cstr(w, "&scope=");
        dg_write_uri_encoded(w, request->scope, false);
    }
}
