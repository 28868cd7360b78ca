/*
 * Copyright (C) the deskgate authors
 *
 * The body is read before anything is decided that needs it; a request body
 * filter hashes and inspects it buffer by buffer, as it arrives, so that no
 * temporary file is ever read again.
 */

#include "ngx_http_deskgate.h"


static void ngx_http_deskgate_body_done(ngx_http_request_t *r);
static void ngx_http_deskgate_drained(ngx_http_request_t *r);
static void ngx_http_deskgate_body_read_event(ngx_http_request_t *r);
static ngx_int_t ngx_http_deskgate_inspect_start(
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_body_finish(ngx_http_deskgate_ctx_t *ctx);


ngx_http_request_body_filter_pt  ngx_http_deskgate_next_request_body_filter;


ngx_int_t
ngx_http_deskgate_read_body(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->body_read) {
        return ngx_http_deskgate_body_finish(ctx);
    }

    if (ctx->body_reading) {
        return NGX_AGAIN;
    }

    ctx->hash = dg_sha256_start(ngx_http_deskgate_worker.crypto);
    if (ctx->hash == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_deskgate_inspect_start(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->body_reading = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_deskgate_body_done);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ctx->body_reading = 0;
        return rc;
    }

    if (!ctx->body_read) {
        ctx->body_event = r->read_event_handler;
        r->read_event_handler = ngx_http_deskgate_body_read_event;
    }

    /* the reader counted the request once more */
    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


/*
 * Runs inside ngx_http_read_client_request_body() when all of the body is
 * there at once, or later.
 */

static void
ngx_http_deskgate_body_done(ngx_http_request_t *r)
{
    ngx_http_deskgate_ctx_t  *ctx;

    ctx = ngx_http_deskgate_get_ctx(r);

    ctx->body_reading = 0;
    ctx->body_read = 1;

    r->preserve_body = 1;
    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


/*
 * Over HTTP/2 nginx answers a request whose body it does not want, and then
 * resets the stream; a client that still sends may drop the answer with it,
 * as curl does.  A small body is waited for, and a refusal heard.
 */

ngx_uint_t
ngx_http_deskgate_body_is_coming(ngx_http_request_t *r)
{
    return ngx_http_deskgate_stream_is_open(r)
           && r->request_body == NULL && !r->discard_body
           && r->headers_in.content_length_n > 0
           && r->headers_in.content_length_n
              <= NGX_HTTP_DESKGATE_DRAINED_SIZE;
}


ngx_int_t
ngx_http_deskgate_drain_body(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_read_client_request_body(r, ngx_http_deskgate_drained);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    /* the reader counted the request once more */
    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static void
ngx_http_deskgate_drained(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_deskgate_refuse(r, ngx_http_deskgate_get_ctx(r));

    ngx_http_finalize_request(r, rc);
}


/*
 * A body that is late would end the connection without a word; a client that
 * knows why can try again.
 */

static void
ngx_http_deskgate_body_read_event(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_event_t              *rev;
    ngx_http_deskgate_ctx_t  *ctx;

    rev = r->connection->read;
    ctx = ngx_http_deskgate_get_ctx(r);

    if (!rev->timedout || ctx->observing) {
        ctx->body_event(r);
        return;
    }

    rev->timedout = 0;
    r->keepalive = 0;
    ctx->body_reading = 0;

    (void) ngx_http_deskgate_refused(ctx, DG_REFUSE_REQUEST_TIMEOUT, NULL);

    rc = ngx_http_deskgate_refuse(r, ctx);
    ngx_http_finalize_request(r, rc);
}


ngx_int_t
ngx_http_deskgate_request_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    dg_span_t                 piece;
    ngx_chain_t              *cl;
    ngx_http_deskgate_ctx_t  *ctx;

    ctx = (r == r->main)
          ? ngx_http_get_module_ctx(r, ngx_http_deskgate_module) : NULL;

    if (ctx == NULL || ctx->hash == NULL) {
        return ngx_http_deskgate_next_request_body_filter(r, in);
    }

    for (cl = in; cl; cl = cl->next) {
        if (!ngx_buf_in_memory(cl->buf) || cl->buf->pos == cl->buf->last) {
            continue;
        }

        piece = dg_span(cl->buf->pos, cl->buf->last - cl->buf->pos);
        ctx->body_length += piece.len;

        if (dg_sha256_update(ctx->hash, piece) != DG_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (ctx->inspect && ctx->body_refusal == DG_ALLOWED) {
            ctx->body_refusal = dg_inspect_feed(ctx->inspect, piece);
        }
    }

    return ngx_http_deskgate_next_request_body_filter(r, in);
}


static ngx_int_t
ngx_http_deskgate_inspect_start(ngx_http_deskgate_ctx_t *ctx)
{
    dg_inspect_options_t  options;

    static const dg_inspection_t  nothing;

    if (ctx->lcf->own) {
        ctx->inspection = &nothing;
        return NGX_OK;
    }

    ngx_memzero(&options, sizeof(dg_inspect_options_t));

    options.validate = (dg_validate_t) ctx->lcf->validate;

    if (ctx->lcf->relaxed) {
        options.relaxed = ctx->lcf->relaxed->elts;
        options.relaxed_count = ctx->lcf->relaxed->nelts;
    }

    options.crypto = ngx_http_deskgate_worker.crypto;

    ctx->inspect = dg_inspect_create(&ctx->arena, &options, &ctx->call,
                                     &ctx->received);

    return ctx->inspect ? NGX_OK : NGX_ERROR;
}


/*
 * What inspection found is kept and not acted upon: the caller is not
 * verified yet.
 */

static ngx_int_t
ngx_http_deskgate_body_finish(ngx_http_deskgate_ctx_t *ctx)
{
    dg_refusal_t   refusal;
    dg_sha256_t   *hash;

    if (ctx->hash == NULL) {
        return NGX_OK;
    }

    hash = ctx->hash;
    ctx->hash = NULL;

    if (dg_sha256_finish(hash, ctx->received_hash) != DG_OK) {
        return NGX_ERROR;
    }

    ngx_memcpy(ctx->sent_hash, ctx->received_hash, DG_SHA256_SIZE);
    ctx->sent_length = ctx->body_length;

    if (ctx->inspect == NULL) {
        return NGX_OK;
    }

    refusal = dg_inspect_finish(ctx->inspect, &ctx->inspection);

    if (ctx->body_refusal == DG_ALLOWED) {
        ctx->body_refusal = refusal;
    }

    /* of two reasons the one that explains the other */
    refusal = dg_media_check(&ctx->call, &ctx->received, ctx->body_length > 0);

    if (refusal != DG_ALLOWED) {
        ctx->body_refusal = refusal;
    }

    return NGX_OK;
}


/*
 * A broker takes the bare array where SDKs send an object with one member:
 * the array's bytes go upstream, as they are.  A new chain with its own
 * length and hash; the received body stays what it was.
 */

ngx_int_t
ngx_http_deskgate_send_array(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    size_t                    len;
    ngx_buf_t                *b;
    ngx_http_request_body_t  *rb;

    if (!ctx->inspection->has_array || ctx->inspection->array_is_body) {
        return NGX_OK;
    }

    len = ctx->inspection->array_to - ctx->inspection->array_from;

    rb = ngx_pcalloc(r->pool, sizeof(ngx_http_request_body_t));
    b = ngx_create_temp_buf(r->pool, len + 1);

    if (rb == NULL || b == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_deskgate_copy_range(r, b->pos, ctx->inspection->array_from,
                                     len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    b->last = b->pos + len;
    b->last_buf = 1;

    rb->bufs = ngx_alloc_chain_link(r->pool);
    if (rb->bufs == NULL) {
        return NGX_ERROR;
    }

    rb->bufs->buf = b;
    rb->bufs->next = NULL;
    rb->buf = b;

    r->request_body = rb;
    r->headers_in.content_length_n = len;
    r->headers_in.chunked = 0;
    ctx->sent_length = len;

    return dg_sha256(ngx_http_deskgate_worker.crypto, dg_span(b->pos, len),
                     ctx->sent_hash)
           == DG_OK ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_deskgate_copy_range(ngx_http_request_t *r, u_char *to, size_t from,
    size_t len)
{
    size_t        skip, n, size;
    ssize_t       got;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    skip = from;

    for (cl = r->request_body->bufs; cl && len; cl = cl->next) {
        b = cl->buf;
        size = ngx_buf_size(b);

        if (skip >= size) {
            skip -= size;
            continue;
        }

        n = ngx_min(size - skip, len);

        if (ngx_buf_in_memory(b)) {
            ngx_memcpy(to, b->pos + skip, n);

        } else {
            got = ngx_read_file(b->file, to, n, b->file_pos + skip);

            if (got != (ssize_t) n) {
                return NGX_ERROR;
            }
        }

        to += n;
        len -= n;
        skip = 0;
    }

    return len ? NGX_ERROR : NGX_OK;
}
