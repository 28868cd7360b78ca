/*
 * deskgate-token credentials and fetch: see token_fetch.h.
 */

#include "token_fetch.h"

#include "tool.h"
#include "tool_http.h"

#include "dg_codec.h"
#include "dg_json.h"
#include "dg_text.h"

#include <string.h>

#define MEMORY    ((size_t) 4 << 20)
#define TEXT_MAX  8192
#define OK        200


/* A name of the answer's object; empty when it is not there. */
static dg_span_t
text_of(const dg_json_t *object, const char *name)
{
    dg_span_t  text;

    return dg_json_string(object, dg_span_cstr(name), &text) ? text
                                                             : DG_SPAN_EMPTY;
}


/* What the server says is wrong; whatever it is, it is quoted. */
static void
complain(unsigned status, const dg_json_t *answer)
{
    char       code[DG_JSON_QUOTED], message[DG_JSON_QUOTED];
    dg_span_t  text;

    text = text_of(answer, "Code");
    dg_json_quote(code, text.len ? text : text_of(answer, "error"));

    text = text_of(answer, "Message");
    dg_json_quote(message,
                  text.len ? text : text_of(answer, "error_description"));

    tool_complain("the server answered %u: %s %s", status, code, message);
}


static bool
ask(const tool_http_t *request, dg_arena_t *arena, const dg_json_t **answer)
{
    unsigned   status;
    dg_span_t  body;

    if (!tool_http(request, arena, &status, &body)) {
        return false;
    }

    if (dg_json_parse(arena, body, NULL, NULL, answer) != DG_OK) {
        tool_complain("the server answered %u, and no JSON", status);
        return false;
    }

    if (status != OK) {
        complain(status, *answer);
        return false;
    }

    return true;
}


static void
print_member(const char *name, dg_span_t value)
{
    tool_print(DG_SPAN(","));
    tool_print_json(dg_span_cstr(name));
    tool_print(DG_SPAN(":"));
    tool_print_json(value);
}


int
token_credentials(const token_fetch_t *fetch)
{
    dg_arena_t        arena = tool_arena(MEMORY);
    tool_http_t       request = {
        .url = fetch->url, .cacert = fetch->cacert, .bearer = fetch->token
    };
    const dg_json_t  *answer;

    if (!dg_text_is_graphic(fetch->token)) {
        tool_complain("the token is empty or has blanks");
        return TOOL_USAGE;
    }

    if (!ask(&request, &arena, &answer)) {
        return TOOL_REFUSED;
    }

    if (text_of(answer, "AccessKeyId").len == 0
        || text_of(answer, "SecretAccessKey").len == 0)
    {
        tool_complain("the answer holds no credentials");
        return TOOL_REFUSED;
    }

    tool_print(DG_SPAN("{\"Version\":1"));
    print_member("AccessKeyId", text_of(answer, "AccessKeyId"));
    print_member("SecretAccessKey", text_of(answer, "SecretAccessKey"));
    print_member("SessionToken", text_of(answer, "Token"));
    print_member("Expiration", text_of(answer, "Expiration"));
    tool_print(DG_SPAN("}\n"));

    return fflush(stdout) == 0 ? TOOL_OK : TOOL_REFUSED;
}


static void
write_grant(dg_writer_t *w, const token_fetch_t *fetch)
{
    dg_write_cstr(w, "grant_type=client_credentials");

    if (fetch->scope) {
        dg_write_cstr(w, "&scope=");
        dg_write_uri_encoded(w, dg_span_cstr(fetch->scope), false);
    }

    dg_write_char(w, '\0');
}


int
token_grant(const token_fetch_t *fetch)
{
    char              form[TEXT_MAX], url[TEXT_MAX];
    dg_span_t         token;
    dg_arena_t        arena = tool_arena(MEMORY);
    dg_writer_t       f = dg_writer(form, sizeof(form));
    dg_writer_t       u = dg_writer(url, sizeof(url));
    tool_http_t       request = {
        .url = fetch->url, .cacert = fetch->cacert, .form = form,
        .client_id = fetch->client_id, .client_secret = fetch->secret
    };
    const dg_json_t  *answer;

    write_grant(&f, fetch);

    if (fetch->query) {
        dg_write_cstr(&u, fetch->url);
        dg_write_char(&u, '?');
        dg_write_cstr(&u, form);
        dg_write_char(&u, '\0');
        request.url = url;
        request.form = "";
    }

    if (f.overflow || u.overflow || strchr(fetch->client_id, ':')) {
        tool_complain("URL or scope is too long, or there is a colon in the "
                      "client id");
        return TOOL_USAGE;
    }

    if (!ask(&request, &arena, &answer)) {
        return TOOL_REFUSED;
    }

    token = text_of(answer, "access_token");

    if (!dg_text_is_graphic(token)) {
        tool_complain("the answer holds no token");
        return TOOL_REFUSED;
    }

    tool_print(token);
    tool_print(DG_SPAN("\n"));

    return fflush(stdout) == 0 ? TOOL_OK : TOOL_REFUSED;
}
