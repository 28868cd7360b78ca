/*
 * Copyright (C) the deskgate authors
 *
 * The broker's bearer token: asked for with the client id and secret, shared
 * by all workers.
 */

#include "ngx_http_deskgate.h"

#define NGX_HTTP_DESKGATE_TOKEN_LIFE     300     /* s, when it is not said */


static ngx_int_t ngx_http_deskgate_broker_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request);
static const char *ngx_http_deskgate_broker_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer);


static const ngx_http_deskgate_source_t  ngx_http_deskgate_broker_source = {
    "the token of broker",
    "the token endpoint failed shortly before",
    DG_REFUSE_BROKER_TOKEN_UNAVAILABLE,
    { (const uint8_t *) "Bearer ", sizeof("Bearer ") - 1 },
    DG_TOKEN_REPLY_TEXT,
    ngx_http_deskgate_broker_ask,
    ngx_http_deskgate_broker_read
};


/*
 * NGX_OK: ctx->injected is the Authorization header.  Called again when the
 * broker answered 401: then another.
 */

ngx_int_t
ngx_http_deskgate_broker_token(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_int_t                    rc;
    ngx_http_deskgate_broker_t  *broker;

    broker = ctx->lcf->broker;

    if (ctx->handled.len) {
        ctx->injected = ctx->handled;
        return NGX_OK;
    }

    if (broker->authority) {
        return ngx_http_deskgate_made_token(r, ctx);
    }

    if (ctx->token == NULL) {
        ctx->token = ngx_http_deskgate_flight_create(ctx,
                           &ngx_http_deskgate_broker_source, broker, NULL);
        if (ctx->token == NULL) {
            return NGX_ERROR;
        }

        ctx->token->name = broker->name;
        ngx_memcpy(ctx->token->key.bytes, broker->key, DG_CACHE_KEY_SIZE);
    }

    rc = ngx_http_deskgate_fly(r, ctx->token);

    if (rc == NGX_OK) {
        ctx->injected = ngx_http_deskgate_str(ctx->token->value);
    }

    return rc;
}


static ngx_int_t
ngx_http_deskgate_broker_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request)
{
    dg_span_t                   *basic;
    ngx_http_deskgate_broker_t  *broker = flight->object;
    ngx_http_deskgate_header_t  *headers;

    static ngx_str_t  grant = ngx_string("grant_type=client_credentials");

    static const ngx_http_deskgate_header_t  form[] = {
        { ngx_string("Authorization"), ngx_null_string },
        { ngx_string("Content-Type"),
          ngx_string("application/x-www-form-urlencoded") },
        { ngx_string("Accept"), ngx_string("application/json") }
    };

    headers = ngx_palloc(r->pool, sizeof(form));
    if (headers == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(headers, form, sizeof(form));
    headers[0].value = broker->basic;

    if (broker->secret_file) {
        basic = ngx_http_deskgate_reread_use(r, broker->secret_file);
        if (basic == NULL) {
            return NGX_ERROR;
        }

        headers[0].value = ngx_http_deskgate_str(*basic);
    }

    request->uri = broker->token;
    request->method = NGX_HTTP_POST;
    ngx_str_set(&request->method_name, "POST");
    request->headers = headers;
    request->header_count = sizeof(form) / sizeof(form[0]);

    if (broker->grant_in_body) {
        request->body = grant;

    } else {
        request->args = grant;
    }

    return NGX_OK;
}


static const char *
ngx_http_deskgate_broker_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer)
{
    dg_diag_t                    diag;
    dg_token_reply_t             reply;
    ngx_http_deskgate_broker_t  *broker = flight->object;

    if (status != NGX_HTTP_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "deskgate: token endpoint \"%V\" of broker \"%V\" "
                      "answered %ui", &broker->token, &broker->name, status);

        return status == NGX_HTTP_UNAUTHORIZED
               ? "it refused our client_id and secret"
               : "it did not answer 200";
    }

    diag.text[0] = '\0';

    if (dg_token_reply_parse(&flight->ctx->arena, answer,
                             NGX_HTTP_DESKGATE_TOKEN_LIFE, &reply, &diag)
        != DG_OK)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "deskgate: answer of token endpoint \"%V\": %s",
                      &broker->token, diag.text);

        return "its answer is malformed";
    }

    if (reply.access_token.len > NGX_HTTP_DESKGATE_TOKEN_SIZE) {
        dg_token_reply_wipe(&reply);
        return "its token is too large";
    }

    flight->fetched = reply.access_token;
    flight->life = reply.expires_in * 1000;

    return NULL;
}


/* The broker answered 401: the token is no good for the next call either. */

void
ngx_http_deskgate_broker_refused(ngx_http_deskgate_ctx_t *ctx)
{
    if (ctx->handled.len) {
        ngx_http_deskgate_handle_drop(ctx);
    }

    if (ctx->token) {
        ngx_http_deskgate_flight_drop(ctx->token);
    }
}
