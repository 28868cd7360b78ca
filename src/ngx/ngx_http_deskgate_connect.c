/*
 * Copyright (C) the deskgate authors
 *
 * An answer that tells the way into a session: the server's address in it is
 * replaced by that of the Connection Gateway, where users can get to.  The
 * answer is held until it is whole; one that cannot be read or held is not
 * passed on, since it may tell an address that nobody is to know.
 */

#include "ngx_http_deskgate.h"


static ngx_int_t ngx_http_deskgate_connect_end(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_connect_refuse(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, const char *reason);
static ngx_int_t ngx_http_deskgate_connect_send(ngx_http_request_t *r,
    ngx_chain_t *out);
static void ngx_http_deskgate_consume(ngx_chain_t *in);


/* Whether the answer, whose header was looked at, is to be changed. */

ngx_uint_t
ngx_http_deskgate_connect(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx)
{
    if (ctx->observing || ctx->capture == NULL
        || !ctx->call.operation->is_connection
        || ctx->lcf->broker == NULL || ctx->lcf->broker->connect.host.len == 0
        || ctx->status < NGX_HTTP_OK
        || ctx->status >= NGX_HTTP_SPECIAL_RESPONSE)
    {
        return 0;
    }

    ctx->connecting = 1;

    return 1;
}


ngx_int_t
ngx_http_deskgate_connect_body(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_chain_t *in)
{
    off_t         size;
    ngx_uint_t    last;
    ngx_chain_t  *cl;

    size = 0;
    last = 0;

    for (cl = in; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
        last |= cl->buf->last_buf;

        if (cl->buf->flush && ngx_buf_special(cl->buf)
            && r->upstream && r->upstream->cleanup == NULL)
        {
            ngx_http_deskgate_consume(in);
            return ngx_http_deskgate_connect_refuse(r, ctx,
                                             "it was cut short");
        }
    }

    if (size > (off_t) (NGX_HTTP_DESKGATE_CAPTURE_SIZE - ctx->capture_len)) {
        ngx_http_deskgate_consume(in);
        return ngx_http_deskgate_connect_refuse(r, ctx, "it is too large");
    }

    ngx_http_deskgate_capture(ctx, in);
    ngx_http_deskgate_consume(in);

    return last ? ngx_http_deskgate_connect_end(r, ctx) : NGX_OK;
}


static void
ngx_http_deskgate_consume(ngx_chain_t *in)
{
    ngx_chain_t  *cl;

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }
}


/* It is here whole. */

static ngx_int_t
ngx_http_deskgate_connect_end(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    dg_err_t      err;
    ngx_buf_t    *b;
    ngx_chain_t   out;
    dg_writer_t   w;

    b = ngx_create_temp_buf(r->pool, DG_CONNECTION_SIZE(ctx->capture_len));
    if (b == NULL) {
        return NGX_ERROR;
    }

    ctx->connection = b;

    w = dg_writer(b->pos, b->end - b->pos);

    err = dg_connection_replace(&ctx->arena,
                                dg_span(ctx->capture, ctx->capture_len),
                                &ctx->lcf->broker->connect, &w);
    if (err == DG_ERR_MEMORY) {
        return NGX_ERROR;
    }

    if (err != DG_OK) {
        return ngx_http_deskgate_connect_refuse(r, ctx,
                   err == DG_ERR_LIMIT ? "it is too large"
                                       : "it is not of the model's form");
    }

    b->last = b->pos + w.len;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    ctx->connecting = 0;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    r->headers_out.content_length_n = w.len;

    return ngx_http_deskgate_connect_send(r, &out);
}


/* Nothing of the answer leaves; what still comes of it is dropped. */

static ngx_int_t
ngx_http_deskgate_connect_refuse(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, const char *reason)
{
    ngx_chain_t  *body;

    ctx->connecting = 0;
    ctx->swallowing = 1;

    dg_wipe(ctx->capture, ctx->capture_len);

    (void) ngx_http_deskgate_refused(ctx, DG_REFUSE_ANSWER_UNREADABLE,
                                     reason);
    ngx_http_deskgate_log_refusal(r, ctx);

    ngx_http_clean_header(r);
    r->headers_out.status = NGX_HTTP_BAD_GATEWAY;

    if (ngx_http_deskgate_refusal_headers(r, ctx, &body) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_deskgate_connect_send(r, body);
}


static ngx_int_t
ngx_http_deskgate_connect_send(ngx_http_request_t *r, ngx_chain_t *out)
{
    ngx_int_t  rc;

    rc = ngx_http_deskgate_next_header_filter(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_deskgate_next_body_filter(r, out);
}


/* Our own answer may still be on its way. */

ngx_int_t
ngx_http_deskgate_swallow(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_deskgate_consume(in);

    return r->out || r->buffered || r->connection->buffered
           ? ngx_http_deskgate_next_body_filter(r, NULL) : NGX_OK;
}
