/*
 * Copyright (C) the deskgate authors
 *
 * The token endpoint of a broker that keeps its own authorization server,
 * as its clients see it: their Basic goes to the broker, what comes back is
 * a handle that opens the gateway and not the broker.
 */

#include "ngx_http_deskgate.h"

#define NGX_HTTP_DESKGATE_PASS_LIFE    300   /* s, when it is not said */
#define NGX_HTTP_DESKGATE_PASS_TEXT    512


struct ngx_http_deskgate_pass_s {
    ngx_http_deskgate_ctx_t     *ctx;
    ngx_str_t                    basic;      /* as it came */
    ngx_http_deskgate_fetch_t   *fetch;
    dg_refusal_t                 refusal;    /* what the answer comes to */
    const char                  *reason;
    dg_span_t                    token;      /* wiped with the request */
    int64_t                      expires_in;
};


static ngx_int_t ngx_http_deskgate_pass_ask(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_pass_fetched(ngx_http_request_t *r,
    ngx_http_deskgate_fetch_t *fetch);
static dg_refusal_t ngx_http_deskgate_pass_judge(
    ngx_http_deskgate_fetch_t *fetch, const char **reason);
static dg_refusal_t ngx_http_deskgate_pass_read(ngx_http_request_t *r,
    ngx_http_deskgate_pass_t *pass);
static ngx_int_t ngx_http_deskgate_pass_give(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_pass_asked(ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_pass_given(ngx_http_deskgate_ctx_t *ctx);


/* Who he says he is; the broker will tell. */

ngx_int_t
ngx_http_deskgate_pass_client(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    bool                       repeated;
    u_char                    *memory;
    dg_span_t                  id;
    dg_arena_t                 arena;
    dg_grant_basic_t           basic;
    const dg_header_t         *header;
    ngx_http_deskgate_pass_t  *pass;

    header = dg_request_header(&ctx->received, DG_SPAN("authorization"),
                               &repeated);

    if (repeated || dg_sigv4_presented(&ctx->received)) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_CREDENTIALS_AMBIGUOUS,
                                         "the broker takes Basic alone");
    }

    memory = ngx_http_deskgate_secret_memory(r, 3 * DG_GRANT_BASIC_MAX);
    pass = dg_arena_calloc(&ctx->arena, 1, sizeof(*pass));

    if (memory == NULL || pass == NULL) {
        return NGX_ERROR;
    }

    dg_arena_init(&arena, memory, 3 * DG_GRANT_BASIC_MAX);

    if (header == NULL
        || !dg_grant_read_basic(header->value, &arena, &basic))
    {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_CREDENTIALS_MISSING,
                                         "the broker's clients send Basic");
    }

    if (ngx_http_deskgate_failures_check(r, ctx) != NGX_OK) {
        return NGX_DECLINED;
    }

    id = ctx->lcf->pass->grant_in_body && basic.decoded_id.len
         ? basic.decoded_id : basic.id;

    if (id.len == 0) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_CREDENTIALS_MISSING,
                                         "the client has no id");
    }

    pass->ctx = ctx;
    pass->basic = ngx_http_deskgate_str(header->value);
    ctx->pass = pass;

    return ngx_http_deskgate_handle_caller(ctx, ctx->lcf->pass,
                                           dg_arena_copy(&ctx->arena, id));
}


ngx_int_t
ngx_http_deskgate_serve_pass(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_http_deskgate_pass_t  *pass;

    pass = ctx->pass;

    if (pass->fetch == NULL) {
        return ngx_http_deskgate_pass_ask(r, ctx);
    }

    if (!pass->fetch->done) {
        return NGX_AGAIN;
    }

    if (r->connection->error || r->connection->read->pending_eof) {
        return NGX_HTTP_CLIENT_CLOSED_REQUEST;
    }

    if (pass->refusal == DG_REFUSE_KEY_UNKNOWN) {
        return ngx_http_deskgate_failed(r, ctx, pass->refusal);
    }

    if (pass->refusal != DG_ALLOWED) {
        return ngx_http_deskgate_refused(ctx, pass->refusal, pass->reason);
    }

    return ngx_http_deskgate_pass_give(r, ctx);
}


static ngx_int_t
ngx_http_deskgate_pass_ask(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_http_deskgate_header_t         *headers;
    ngx_http_deskgate_broker_t         *broker;
    ngx_http_deskgate_fetch_request_t   request;

    static ngx_str_t  grant = ngx_string("grant_type=client_credentials");

    static const ngx_http_deskgate_header_t  form[] = {
        { ngx_string("Authorization"), ngx_null_string },
        { ngx_string("Content-Type"),
          ngx_string("application/x-www-form-urlencoded") },
        { ngx_string("Accept"), ngx_string("application/json") }
    };

    broker = ctx->lcf->pass;
    headers = ngx_palloc(r->pool, sizeof(form));

    if (headers == NULL || ngx_http_deskgate_pass_asked(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memcpy(headers, form, sizeof(form));
    headers[0].value = ctx->pass->basic;

    ngx_memzero(&request, sizeof(ngx_http_deskgate_fetch_request_t));

    request.uri = broker->token;
    request.method = NGX_HTTP_POST;
    ngx_str_set(&request.method_name, "POST");
    request.headers = headers;
    request.header_count = sizeof(form) / sizeof(form[0]);
    request.limit = DG_TOKEN_REPLY_TEXT;
    request.fetched = ngx_http_deskgate_pass_fetched;
    request.owner = ctx->pass;

    if (broker->grant_in_body) {
        request.body = grant;

    } else {
        request.args = grant;
    }

    return ngx_http_deskgate_fetch_start(r, ctx, &request, &ctx->pass->fetch);
}


/* Whatever it says, nothing of the answer stays but the token. */

static ngx_int_t
ngx_http_deskgate_pass_fetched(ngx_http_request_t *r,
    ngx_http_deskgate_fetch_t *fetch)
{
    ngx_http_deskgate_pass_t  *pass = fetch->owner;

    pass->fetch = fetch;
    pass->refusal = ngx_http_deskgate_pass_judge(fetch, &pass->reason);

    if (pass->refusal == DG_ALLOWED) {
        pass->refusal = ngx_http_deskgate_pass_read(r, pass);
    }

    if (fetch->data) {
        dg_wipe(fetch->data, fetch->len);
    }

    return NGX_OK;
}


static dg_refusal_t
ngx_http_deskgate_pass_judge(ngx_http_deskgate_fetch_t *fetch,
    const char **reason)
{
    if (fetch->refusal != DG_ALLOWED) {
        *reason = fetch->reason;
        return fetch->refusal;
    }

    if (fetch->status == NGX_HTTP_UNAUTHORIZED) {
        return DG_REFUSE_KEY_UNKNOWN;
    }

    if (fetch->status == NGX_HTTP_BAD_REQUEST) {
        *reason = "the broker does not take the request";
        return DG_REFUSE_GRANT_REQUEST;
    }

    if (fetch->status != NGX_HTTP_OK) {
        *reason = "the broker's token endpoint did not answer 200";
        return DG_REFUSE_BROKER_TOKEN_UNAVAILABLE;
    }

    if (fetch->too_large) {
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_FETCH_OVERFLOW, 1);
        *reason = "the answer of the broker's token endpoint is too large";
        return DG_REFUSE_ANSWER_UNREADABLE;
    }

    if (!fetch->whole) {
        *reason = "the answer of the broker's token endpoint was cut short";
        return DG_REFUSE_ANSWER_UNREADABLE;
    }

    return DG_ALLOWED;
}


static dg_refusal_t
ngx_http_deskgate_pass_read(ngx_http_request_t *r,
    ngx_http_deskgate_pass_t *pass)
{
    u_char            *memory;
    dg_diag_t          diag;
    dg_refusal_t       refusal;
    dg_token_reply_t   reply;

    diag.text[0] = '\0';

    if (dg_token_reply_parse(&pass->ctx->arena,
                             dg_span(pass->fetch->data, pass->fetch->len),
                             NGX_HTTP_DESKGATE_PASS_LIFE, &reply, &diag)
        != DG_OK)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "deskgate: answer of token endpoint \"%V\": %s",
                      &pass->ctx->lcf->pass->token, diag.text);

        pass->reason = "the answer of the broker's token endpoint is "
                       "malformed";
        return DG_REFUSE_ANSWER_UNREADABLE;
    }

    refusal = DG_ALLOWED;
    memory = NULL;

    if (reply.access_token.len > NGX_HTTP_DESKGATE_TOKEN_SIZE) {
        pass->reason = "the broker's token is too large";
        refusal = DG_REFUSE_ANSWER_UNREADABLE;

    } else {
        memory = ngx_http_deskgate_secret_memory(r, reply.access_token.len);
        refusal = memory ? DG_ALLOWED : DG_REFUSE_INTERNAL;
    }

    if (refusal == DG_ALLOWED) {
        ngx_memcpy(memory, reply.access_token.data, reply.access_token.len);
        pass->token = dg_span(memory, reply.access_token.len);
        pass->expires_in = reply.expires_in;
    }

    dg_token_reply_wipe(&reply);

    return refusal;
}


static ngx_int_t
ngx_http_deskgate_pass_give(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    size_t                     size;
    ngx_int_t                  rc;
    dg_span_t                  handle;
    dg_writer_t                w;
    ngx_http_deskgate_pass_t  *pass;

    pass = ctx->pass;
    ctx->caller.verified = true;
    ctx->verified = 1;

    if (ngx_http_deskgate_revoked(&ctx->caller)) {
        return ngx_http_deskgate_failed(r, ctx, DG_REFUSE_KEY_REVOKED);
    }

    handle = pass->token;

    if (!ctx->lcf->pass_real) {
        rc = ngx_http_deskgate_handle_make(r, ctx, pass->token,
                                           pass->expires_in * 1000, &handle);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    size = NGX_HTTP_DESKGATE_PASS_TEXT + 6 * handle.len;

    w = dg_writer(ngx_http_deskgate_secret_memory(r, size), size);

    if (w.data == NULL || ngx_http_deskgate_pass_given(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    dg_write_cstr(&w, "{\"access_token\":");
    dg_json_write_string(&w, handle);
    dg_write_cstr(&w, ",\"token_type\":\"Bearer\",\"expires_in\":");
    dg_write_i64(&w, pass->expires_in);
    dg_write_char(&w, '}');

    return w.overflow ? NGX_ERROR
           : ngx_http_deskgate_give(r, ctx, DG_SPAN("application/json"),
                                    dg_written(&w));
}


/* What the record says of the request, whatever becomes of it. */

static ngx_int_t
ngx_http_deskgate_pass_asked(ngx_http_deskgate_ctx_t *ctx)
{
    size_t            size;
    dg_writer_t       w;
    dg_inspection_t  *inspection;

    size = NGX_HTTP_DESKGATE_PASS_TEXT + 6 * ctx->caller.subject.len;

    inspection = dg_arena_calloc(&ctx->arena, 1, sizeof(dg_inspection_t));
    w = dg_writer(dg_arena_alloc(&ctx->arena, size), size);

    if (inspection == NULL || w.data == NULL) {
        return NGX_ERROR;
    }

    dg_write_cstr(&w, "{\"grantType\":\"client_credentials\",\"broker\":");
    dg_json_write_string(&w, ngx_http_deskgate_span(&ctx->lcf->pass->name));
    dg_write_cstr(&w, ",\"clientId\":");
    dg_json_write_string(&w, ctx->caller.subject);
    dg_write_cstr(&w, ",\"clientSecret\":\"" DG_INSPECT_HIDDEN "\"}");

    if (!w.overflow) {
        inspection->parameters = dg_written(&w);
    }

    ctx->inspection = inspection;

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_pass_given(ngx_http_deskgate_ctx_t *ctx)
{
    dg_writer_t  w;

    w = dg_writer(dg_arena_alloc(&ctx->arena, NGX_HTTP_DESKGATE_PASS_TEXT),
                  NGX_HTTP_DESKGATE_PASS_TEXT);
    if (w.data == NULL) {
        return NGX_ERROR;
    }

    dg_write_cstr(&w, "{\"accessToken\":\"" DG_INSPECT_HIDDEN "\","
                  "\"given\":");
    dg_write_cstr(&w, ctx->lcf->pass_real ? "\"token\"" : "\"handle\"");
    dg_write_cstr(&w, ",\"expiration\":\"");
    dg_time_write_iso(&w, ngx_time() + ctx->pass->expires_in);
    dg_write_cstr(&w, "\"}");

    ctx->elements = dg_written(&w);

    return NGX_OK;
}
