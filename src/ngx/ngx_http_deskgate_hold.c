/*
 * Copyright (C) the deskgate authors
 *
 * A broker's 401 proves that it did not execute the call, and so does an AWS
 * service's word that temporary credentials have expired.  It is held, the
 * token or the credentials renewed as for any other call, and the call sent
 * once more; whatever comes then is the answer.  If there are no others the
 * held answer goes out as it came.
 *
 * Nothing of the first answer has left, and nginx has finished with its
 * upstream when the last of it is here: so the content handler simply runs
 * again, as it does after error_page.  No subrequest stands between.
 */

#include "ngx_http_deskgate.h"


static ngx_int_t ngx_http_deskgate_hold_end(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_uint_t ngx_http_deskgate_may_renew(ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_renew(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static const ngx_str_t *ngx_http_deskgate_renewed(
    ngx_http_deskgate_ctx_t *ctx);
static void ngx_http_deskgate_hold_wake(ngx_event_t *ev);
static ngx_int_t ngx_http_deskgate_hold_release(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_http_deskgate_resend(ngx_http_request_t *r);
static ngx_int_t ngx_http_deskgate_resend_prepare(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);


/* Whether the answer, whose header was looked at, stays here for now. */

ngx_uint_t
ngx_http_deskgate_hold(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx)
{
    if (ctx->observing || ctx->resent || !ctx->has_sent
        || ctx->capture == NULL || r->content_handler == NULL
        || !ngx_http_deskgate_may_renew(ctx))
    {
        return 0;
    }

    ctx->holding = 1;

    return 1;
}


/* What an AWS service means with its status is told in the body. */

static ngx_uint_t
ngx_http_deskgate_may_renew(ngx_http_deskgate_ctx_t *ctx)
{
    if (ctx->call.service->is_broker) {
        /* whose token it is asks for another himself */
        return ctx->status == NGX_HTTP_UNAUTHORIZED && ctx->handled.len == 0;
    }

    return (ctx->status == NGX_HTTP_BAD_REQUEST
            || ctx->status == NGX_HTTP_UNAUTHORIZED
            || ctx->status == NGX_HTTP_FORBIDDEN)
           && ctx->lcf->sign->provide != ngx_http_deskgate_provide_static;
}


/* Consumes the body of a held answer, or releases it if it cannot be held. */

ngx_int_t
ngx_http_deskgate_hold_body(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_chain_t *in)
{
    off_t         size;
    ngx_chain_t  *cl;

    size = 0;

    for (cl = in; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);

        if (cl->buf->flush && ngx_buf_special(cl->buf)
            && r->upstream && r->upstream->cleanup == NULL)
        {
            /* the upstream went away within the body */
            return ngx_http_deskgate_hold_release(r, ctx, in);
        }
    }

    if (size > (off_t) (NGX_HTTP_DESKGATE_CAPTURE_SIZE - ctx->capture_len)) {
        return ngx_http_deskgate_hold_release(r, ctx, in);
    }

    ngx_http_deskgate_capture(ctx, in);

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;

        if (cl->buf->last_buf) {
            return ngx_http_deskgate_hold_end(r, ctx);
        }
    }

    return NGX_OK;
}


/*
 * We are called by the upstream module, which ends the request with what we
 * return: NGX_DONE keeps it, for the count that is taken here.
 */

static ngx_int_t
ngx_http_deskgate_hold_end(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    dg_answer_t   answer;
    ngx_event_t  *wev;

    if (!ctx->call.service->is_broker
        && (ngx_http_deskgate_answer(r, ctx, &answer) != NGX_OK
            || !dg_answer_says_expired(&answer)
            || !ngx_http_deskgate_credentials_drop(ctx)))
    {
        return ngx_http_deskgate_hold_release(r, ctx, NULL);
    }

    wev = r->connection->write;

    if (wev->timer_set) {
        ngx_del_timer(wev);
    }

    /* the upstream's handlers would act upon what is finished */
    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    ctx->content_handler = r->content_handler;
    r->content_handler = ngx_http_deskgate_resend;

    if (ctx->token) {
        ngx_http_deskgate_flight_drop(ctx->token);
    }

    ctx->wake.handler = ngx_http_deskgate_hold_wake;
    ctx->wake.data = ctx;
    ctx->wake.log = r->connection->log;

    ngx_post_event(&ctx->wake, &ngx_posted_events);

    r->main->count++;

    return NGX_DONE;
}


static void
ngx_http_deskgate_hold_wake(ngx_event_t *ev)
{
    ngx_http_deskgate_wake(ev->data);
}


/* Sends what was held, and `in` behind it; without `in` it was all. */

static ngx_int_t
ngx_http_deskgate_hold_release(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t  *out;

    b = ngx_calloc_buf(r->pool);
    out = ngx_alloc_chain_link(r->pool);

    if (b == NULL || out == NULL) {
        return NGX_ERROR;
    }

    b->pos = ctx->capture;
    b->last = ctx->capture + ctx->capture_len;
    b->memory = (ctx->capture_len != 0);
    b->last_buf = (in == NULL);
    b->last_in_chain = b->last_buf;

    out->buf = b;
    out->next = in;

    if (in && ctx->capture_len == 0) {
        out = in;
    }

    ctx->holding = 0;
    ngx_http_deskgate_capture(ctx, in);

    rc = ngx_http_deskgate_next_header_filter(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_deskgate_next_body_filter(r, out);
}


/*
 * The content handler while an answer is held.  Each run that has to wait
 * keeps the request, as a content handler does.
 */

static ngx_int_t
ngx_http_deskgate_resend(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_uint_t                status;
    ngx_http_deskgate_ctx_t  *ctx;

    ctx = ngx_http_deskgate_get_ctx(r);
    status = ctx->status;

    rc = ngx_http_deskgate_renew(r, ctx);

    if (rc == NGX_AGAIN) {
        r->main->count++;
        return NGX_DONE;
    }

    r->content_handler = ctx->content_handler;

    if (r->connection->error) {
        return NGX_ERROR;
    }

    if (rc != NGX_OK || ngx_http_deskgate_resend_prepare(r, ctx) != NGX_OK) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "deskgate: nothing else from \"%V\" (%V); its "
                      "%ui is the answer", ngx_http_deskgate_renewed(ctx),
                      &ctx->reason, ctx->status);

        ctx->refusal = DG_ALLOWED;
        ctx->reason.len = 0;

        return ngx_http_deskgate_hold_release(r, ctx, NULL);
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "deskgate: the upstream answered %ui, the call is sent "
                  "again with others from \"%V\"", status,
                  ngx_http_deskgate_renewed(ctx));

    return r->content_handler(r);
}


static ngx_int_t
ngx_http_deskgate_renew(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx)
{
    return ctx->call.service->is_broker
           ? ngx_http_deskgate_broker_token(r, ctx)
           : ngx_http_deskgate_provide(r, ctx, ctx->lcf->sign,
                                       &ctx->credentials);
}


static const ngx_str_t *
ngx_http_deskgate_renewed(ngx_http_deskgate_ctx_t *ctx)
{
    return ctx->call.service->is_broker ? &ctx->lcf->broker->name
                                        : &ctx->lcf->sign->name;
}


/* From here on it is as if nothing had been sent, which comes to the same. */

static ngx_int_t
ngx_http_deskgate_resend_prepare(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    if (ngx_http_deskgate_sent_build(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_clean_header(r);
    r->upstream = NULL;

    ngx_pfree(r->pool, ctx->capture);
    ctx->capture = NULL;
    ctx->capture_len = 0;
    ctx->status = 0;
    ctx->upstream_request_id.len = 0;

    ctx->holding = 0;
    ctx->resent = 1;

    dg_count_service(ngx_http_deskgate_counters(),
                     ngx_http_deskgate_service_row(ctx->call.service),
                     DG_COUNT_REPLAYED);

    return NGX_OK;
}
