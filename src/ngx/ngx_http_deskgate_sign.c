/*
 * Copyright (C) the deskgate authors
 *
 * The request that leaves: the client's credentials are gone from it, ours
 * are in it, as one set, and the send guard knows what it has to look like.
 */

#include "ngx_http_deskgate.h"

#define NGX_HTTP_DESKGATE_SENT_MAX  12


static ngx_int_t ngx_http_deskgate_sign_aws(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_inject(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_sent_init(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static void ngx_http_deskgate_sent_add(ngx_http_deskgate_ctx_t *ctx,
    const char *name, dg_span_t value);
static void ngx_http_deskgate_sent_received(ngx_http_deskgate_ctx_t *ctx,
    const char *name);
static ngx_int_t ngx_http_deskgate_strip_target(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_authorization(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);


ngx_int_t
ngx_http_deskgate_translate(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    if (ctx->call.service->is_broker) {
        return ngx_http_deskgate_broker_token(r, ctx);
    }

    return ngx_http_deskgate_provide(r, ctx, ctx->lcf->sign,
                                     &ctx->credentials);
}


ngx_int_t
ngx_http_deskgate_sign(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_deskgate_remember(ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_deskgate_strip_target(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->call.service->is_broker
        && ngx_http_deskgate_send_array(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_deskgate_sent_build(r, ctx);

    ctx->has_sent = (rc == NGX_OK);

    return rc;
}


ngx_int_t
ngx_http_deskgate_sent_build(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ngx_http_deskgate_sent_init(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ctx->call.service->is_broker ? ngx_http_deskgate_inject(r, ctx)
                                      : ngx_http_deskgate_sign_aws(r, ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    /* Host is proxy's to send; the guard looks at what it sends */

    rc = ngx_http_deskgate_headers_replace(r, ctx->sent.headers,
                                           ctx->sent.count);
    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->host.len) {
        ngx_http_deskgate_sent_add(ctx, "Host",
                                   ngx_http_deskgate_span(&ctx->host));
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_sent_init(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ctx->sent.headers = ngx_palloc(r->pool, NGX_HTTP_DESKGATE_SENT_MAX
                                        * sizeof(ngx_http_deskgate_header_t));
    if (ctx->sent.headers == NULL) {
        return NGX_ERROR;
    }

    ctx->sent.count = 0;
    ctx->sent.target = r->unparsed_uri;
    ctx->host = ctx->offer->host;

    return NGX_OK;
}


static void
ngx_http_deskgate_sent_add(ngx_http_deskgate_ctx_t *ctx, const char *name,
    dg_span_t value)
{
    ngx_http_deskgate_header_t  *h;

    h = &ctx->sent.headers[ctx->sent.count++];

    h->name.data = (u_char *) name;
    h->name.len = ngx_strlen(name);
    h->value = ngx_http_deskgate_str(value);
}


static void
ngx_http_deskgate_sent_received(ngx_http_deskgate_ctx_t *ctx,
    const char *name)
{
    const dg_header_t  *header;

    header = dg_request_header(&ctx->received, dg_span_cstr(name), NULL);

    if (header) {
        ngx_http_deskgate_sent_add(ctx, name, header->value);
    }
}


static ngx_int_t
ngx_http_deskgate_sign_aws(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    dg_writer_t        w;
    dg_credentials_t  *credentials;

    credentials = &ctx->credentials;

    w = dg_writer(dg_arena_alloc(&ctx->arena, DG_TIME_AMZ_SIZE),
                  DG_TIME_AMZ_SIZE);
    if (w.data == NULL) {
        return NGX_ERROR;
    }

    dg_time_write_amz(&w, ngx_time());

    ngx_http_deskgate_sent_add(ctx, "X-Amz-Date", dg_written(&w));

    if (credentials->session_token.len) {
        ngx_http_deskgate_sent_add(ctx, "X-Amz-Security-Token",
                                   credentials->session_token);
    }

    ngx_http_deskgate_sent_received(ctx, "X-Amz-Target");
    ngx_http_deskgate_sent_received(ctx, "X-Amz-User-Agent");
    ngx_http_deskgate_sent_received(ctx, "Content-Type");

    ctx->sent.length = ctx->sent_length;

    return ngx_http_deskgate_authorization(r, ctx);
}


static ngx_int_t
ngx_http_deskgate_authorization(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    char              hash[DG_SHA256_HEX_SIZE];
    dg_err_t          err;
    ngx_uint_t        i;
    dg_writer_t       w;
    dg_header_t       headers[NGX_HTTP_DESKGATE_SENT_MAX];
    dg_request_t      request;
    dg_sigv4_scope_t  scope;

    for (i = 0; i < ctx->sent.count; i++) {
        headers[i].name = ngx_http_deskgate_span(&ctx->sent.headers[i].name);
        headers[i].value = ngx_http_deskgate_span(&ctx->sent.headers[i].value);
    }

    headers[i].name = DG_SPAN("Host");
    headers[i].value = ngx_http_deskgate_span(&ctx->host);

    request.method = ngx_http_deskgate_span(&r->method_name);
    request.target = ngx_http_deskgate_span(&ctx->sent.target);
    request.headers = headers;
    request.header_count = i + 1;

    scope.region = ngx_http_deskgate_span(&ctx->offer->region);
    scope.service = ctx->offer->service->signing_name;
    scope.path = DG_SIGV4_PATH_NORMALIZED;

    dg_hex_encode(ctx->sent_hash, DG_SHA256_SIZE, hash);

    w = dg_writer(dg_arena_alloc(&ctx->arena, NGX_HTTP_DESKGATE_SIGNED_SIZE),
                  NGX_HTTP_DESKGATE_SIGNED_SIZE);
    if (w.data == NULL) {
        return NGX_ERROR;
    }

    err = dg_sigv4_sign(ngx_http_deskgate_worker.signing_keys, &request,
                        dg_span(hash, sizeof(hash)), &scope,
                        &ctx->credentials, ngx_time(), &w, NULL);

    if (err != DG_OK) {
        return ngx_http_deskgate_refused(ctx,
                   DG_REFUSE_CREDENTIALS_UNAVAILABLE, dg_err_text(err));
    }

    ngx_http_deskgate_sent_add(ctx, "Authorization", dg_written(&w));

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_inject(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx)
{
    ngx_http_deskgate_sent_add(ctx, "Authorization",
                               ngx_http_deskgate_span(&ctx->injected));

    /* what a broker's own throttle looks at, when it is told to */

    ngx_http_deskgate_sent_add(ctx, "X-Forwarded-For",
                          ngx_http_deskgate_span(&r->connection->addr_text));

    ctx->sent.length = ctx->sent_length;

    return NGX_OK;
}


/*
 * A presigned request has its credentials in the query; they stay here.
 */

static ngx_int_t
ngx_http_deskgate_strip_target(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    size_t       path;
    dg_writer_t  w;

    if (!ctx->presigned) {
        return NGX_OK;
    }

    w = dg_writer(ngx_pnalloc(r->pool, r->unparsed_uri.len),
                  r->unparsed_uri.len);
    if (w.data == NULL) {
        return NGX_ERROR;
    }

    dg_sigv4_write_stripped(&w, ctx->received.target);

    r->unparsed_uri = ngx_http_deskgate_str(dg_written(&w));

    path = dg_span_find(dg_written(&w), '?');

    r->args.data = r->unparsed_uri.data + ngx_min(path + 1, w.len);
    r->args.len = path < w.len ? w.len - path - 1 : 0;

    return NGX_OK;
}
