/*
 * The client_credentials grant: answers of token endpoints, and requests.
 */

#define _GNU_SOURCE  /* memmem */

#include "dg_token_reply.h"

#include "tap.h"

static uint8_t  memory[512 * 1024];


static dg_err_t
parse(dg_span_t body, dg_token_reply_t *reply, dg_diag_t *diag)
{
    static dg_arena_t  arena;

    memset(memory, 0, sizeof(memory));
    memset(diag, 0, sizeof(*diag));
    dg_arena_init(&arena, memory, sizeof(memory));

    return dg_token_reply_parse(&arena, body, 300, reply, diag);
}


static void
accepted(void)
{
    static const struct {
        const char  *body;
        const char  *token;
        int64_t      expires_in;
    } cases[] = {
        { "{\"access_token\":\"a.b-c_d~+/=\",\"token_type\":\"Bearer\","
          "\"expires_in\":3600}", "a.b-c_d~+/=", 3600 },
        { "{\"access_token\":\"t\",\"token_type\":\"bearer\"}", "t", 300 },
        { "{\"access_token\":\"t\\/u\",\"token_type\":\"BEARER\","
          "\"expires_in\":\"60\",\"scope\":[\"x\",{\"y\":null}]}", "t/u",
          60 },
        { "{\"expires_in\":36e2,\"access_token\":\"t\",\"token_type\":"
          "\"Bearer\"}", "t", 3600 },
        { "{\"expires_in\":60.0,\"access_token\":\"t\",\"token_type\":"
          "\"Bearer\"}", "t", 60 },
        { "{\"expires_in\":null,\"access_token\":\"t\",\"token_type\":"
          "\"Bearer\"}", "t", 300 },
        { "{\"expires_in\":9000000000000,\"access_token\":\"t\","
          "\"token_type\":\"Bearer\"}", "t", DG_TOKEN_LIFETIME_MAX },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dg_token_reply_t  reply;
        dg_diag_t         diag;

        is_int(parse(dg_span_cstr(cases[i].body), &reply, &diag), DG_OK,
               "accepted: %s", cases[i].body);
        is_text(reply.access_token, cases[i].token, "token");
        is_int(reply.expires_in, cases[i].expires_in, "lifetime");
    }
}


static void
refused(void)
{
    static const struct {
        const char  *body;
        dg_err_t     err;
    } cases[] = {
        { "", DG_ERR_SYNTAX },
        { "<html>", DG_ERR_SYNTAX },
        { "[]", DG_ERR_INVALID },
        { "{\"error\":\"invalid_client\"}", DG_ERR_MISSING },
        { "{\"access_token\":\"planted\"}", DG_ERR_MISSING },
        { "{\"access_token\":\"planted\",\"token_type\":\"mac\"}",
          DG_ERR_INVALID },
        { "{\"access_token\":\"planted\",\"token_type\":1}",
          DG_ERR_INVALID },
        { "{\"token_type\":\"Bearer\"}", DG_ERR_MISSING },
        { "{\"access_token\":1,\"token_type\":\"Bearer\"}",
          DG_ERR_INVALID },
        { "{\"access_token\":\"\",\"token_type\":\"Bearer\"}",
          DG_ERR_INVALID },
        { "{\"access_token\":\"planted \",\"token_type\":\"Bearer\"}",
          DG_ERR_INVALID },
        { "{\"access_token\":\"planted\\r\\nX: y\",\"token_type\":"
          "\"Bearer\"}", DG_ERR_INVALID },
        { "{\"access_token\":\"planted\\u0000\",\"token_type\":\"Bearer\"}",
          DG_ERR_INVALID },
        { "{\"access_token\":\"planted\xc3\xa9\",\"token_type\":"
          "\"Bearer\"}", DG_ERR_INVALID },
        { "{\"access_token\":\"planted\",\"token_type\":\"Bearer\","
          "\"expires_in\":0}", DG_ERR_INVALID },
        { "{\"access_token\":\"planted\",\"token_type\":\"Bearer\","
          "\"expires_in\":-1}", DG_ERR_INVALID },
        { "{\"access_token\":\"planted\",\"token_type\":\"Bearer\","
          "\"expires_in\":1.5}", DG_ERR_INVALID },
        { "{\"access_token\":\"planted\",\"token_type\":\"Bearer\","
          "\"expires_in\":\"soon\"}", DG_ERR_INVALID },
        { "{\"access_token\":\"planted\",\"token_type\":\"Bearer\","
          "\"expires_in\":true}", DG_ERR_INVALID },
        { "{\"access_token\":\"planted\",\"token_type\":\"Bearer\","
          "\"expires_in\":1e99}", DG_ERR_INVALID },
        { "{\"access_token\":\"planted\",\"access_token\":\"b\","
          "\"token_type\":\"Bearer\"}", DG_ERR_INVALID },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dg_token_reply_t  reply;
        dg_diag_t         diag;

        is_int(parse(dg_span_cstr(cases[i].body), &reply, &diag),
               cases[i].err, "refused: %s", cases[i].body);
        ok(diag.text[0] != 0 && strstr(diag.text, "planted") == NULL,
           "says without the token: %s", diag.text);
        ok(memmem(memory, sizeof(memory), "planted", 7) == NULL,
           "the token does not stay in memory");
    }
}


static void
bounds(void)
{
    static const char   head[] = "{\"token_type\":\"Bearer\",\"access_token\":"
                                 "\"";
    static char         body[DG_TOKEN_REPLY_TOKEN + 100];
    dg_token_reply_t    reply;
    dg_diag_t           diag;
    size_t              len = sizeof(head) - 1;

    memcpy(body, head, len);
    memset(body + len, 'x', DG_TOKEN_REPLY_TOKEN + 1);
    memcpy(body + len + DG_TOKEN_REPLY_TOKEN, "\"}", 3);

    is_int(parse(dg_span_cstr(body), &reply, &diag), DG_OK,
           "the longest token");
    is_int(reply.access_token.len, DG_TOKEN_REPLY_TOKEN, "whole");

    body[len + DG_TOKEN_REPLY_TOKEN] = 'x';
    memcpy(body + len + DG_TOKEN_REPLY_TOKEN + 1, "\"}", 3);
    is_int(parse(dg_span_cstr(body), &reply, &diag), DG_ERR_LIMIT,
           "one byte more");
}


static void
wiped(void)
{
    dg_token_reply_t  reply;
    dg_diag_t         diag;

    is_int(parse(DG_SPAN("{\"access_token\":\"plan\\u0074ed-token\","
                         "\"token_type\":\"Bearer\"}"), &reply, &diag),
           DG_OK, "parsed");
    is_text(reply.access_token, "planted-token", "token");
    dg_token_reply_wipe(&reply);
    ok(memmem(memory, sizeof(memory), "planted", 7) == NULL,
       "nothing left after the wipe");
    is_int(reply.access_token.len, 0, "nor of the span");
}


static void
requests(void)
{
    char                buffer[8192];
    dg_writer_t         w = dg_writer(buffer, sizeof(buffer));
    dg_token_request_t  r = {
        .form = DG_TOKEN_FORM_BROKER,
        .client_id = DG_SPAN("Aladdin"),
        .client_secret = DG_SPAN("open sesame"),
        .scope = DG_SPAN("dcv-session-manager/sm_scope a")
    };
    static const char   long_text[DG_TOKEN_CLIENT_MAX + 2] = { 'a' };

    is_int(dg_token_write_authorization(&w, &r), DG_OK, "broker");
    is_text(dg_written(&w), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            "as in RFC 7617 section 2");

    w.len = 0;
    dg_token_write_query(&w, &r);
    is_text(dg_written(&w), "grant_type=client_credentials", "query");
    w.len = 0;
    dg_token_write_body(&w, &r);
    is_int(w.len, 0, "no body");

    r.form = DG_TOKEN_FORM_RFC;
    r.client_secret = DG_SPAN("a+b/c=:");
    w.len = 0;
    is_int(dg_token_write_authorization(&w, &r), DG_OK, "RFC");
    is_text(dg_written(&w), "Basic QWxhZGRpbjphJTJCYiUyRmMlM0QlM0E=",
            "encoded before");
    w.len = 0;
    dg_token_write_query(&w, &r);
    is_int(w.len, 0, "no query");
    dg_token_write_body(&w, &r);
    is_text(dg_written(&w), "grant_type=client_credentials&scope="
            "dcv-session-manager%2Fsm_scope%20a", "body");

    r.client_id = DG_SPAN("a:b");
    w.len = 0;
    is_int(dg_token_write_authorization(&w, &r), DG_OK,
           "a colon is encoded");
    r.form = DG_TOKEN_FORM_BROKER;
    is_int(dg_token_write_authorization(&w, &r), DG_ERR_INVALID,
           "or refused");
    r.client_id = DG_SPAN_EMPTY;
    is_int(dg_token_write_authorization(&w, &r), DG_ERR_INVALID, "no id");
    r.client_id = dg_span(long_text, DG_TOKEN_CLIENT_MAX + 1);
    is_int(dg_token_write_authorization(&w, &r), DG_ERR_LIMIT, "long id");
    r.client_id = DG_SPAN("a");
    w = dg_writer(buffer, 10);
    is_int(dg_token_write_authorization(&w, &r), DG_ERR_LIMIT, "no room");
}


int
main(void)
{
    accepted();
    refused();
    bounds();
    wiped();
    requests();

    return done_testing();
}
