/*
 * Copyright (C) the deskgate authors
 *
 * The way back: answers that nginx made itself get the service's form, an
 * upstream's answer is looked at and, as far as the record needs it, copied;
 * what we fetched is consumed.
 */

#include "ngx_http_deskgate_facts.h"


static ngx_int_t ngx_http_deskgate_is_nginx_error(ngx_http_request_t *r);
static ngx_int_t ngx_http_deskgate_replace_header(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_loc_conf_t *lcf);
static ngx_int_t ngx_http_deskgate_replace_body(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_http_deskgate_observe_answer(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_told_request_id(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_no_store(ngx_http_request_t *r);
static void ngx_http_deskgate_clock(ngx_http_request_t *r);


ngx_http_output_header_filter_pt  ngx_http_deskgate_next_header_filter;
ngx_http_output_body_filter_pt    ngx_http_deskgate_next_body_filter;


ngx_int_t
ngx_http_deskgate_header_filter(ngx_http_request_t *r)
{
    ngx_http_deskgate_ctx_t       *ctx;
    ngx_http_deskgate_loc_conf_t  *lcf;

    if (r != r->main) {
        return ngx_http_deskgate_next_header_filter(r);
    }

    ctx = ngx_http_deskgate_get_ctx(r);

    if (ctx && ctx->answering) {
        return ngx_http_deskgate_next_header_filter(r);
    }

    if (ngx_http_deskgate_is_nginx_error(r)) {
        lcf = ctx ? ctx->lcf : ngx_http_deskgate_conf_of(r);

        if (lcf && !(ctx && ctx->observing)
            && ngx_http_deskgate_replace_header(r, ctx, lcf) != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_http_deskgate_next_header_filter(r);
    }

    if (ctx && ctx->forwarded) {

        /* what was looked up since it was sent may be what was before */
        ngx_http_deskgate_facts_forget(ctx);

        if (ngx_http_deskgate_observe_answer(r, ctx) != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_http_deskgate_hold(r, ctx)
            || ngx_http_deskgate_connect(r, ctx))
        {
            return NGX_OK;
        }
    }

    return ngx_http_deskgate_next_header_filter(r);
}


/* An upstream's own error passes, whatever its status. */

static ngx_int_t
ngx_http_deskgate_is_nginx_error(ngx_http_request_t *r)
{
    return r->err_status >= NGX_HTTP_BAD_REQUEST
           && (r->upstream == NULL || r->upstream->headers_in.status_n == 0);
}


static ngx_int_t
ngx_http_deskgate_replace_header(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_loc_conf_t *lcf)
{
    if (ctx == NULL) {
        ctx = ngx_http_deskgate_create_ctx(r);
        if (ctx == NULL) {
            return NGX_ERROR;
        }

        ctx->lcf = lcf;
    }

    /* it may have failed before anybody asked which call it is */

    if (ctx->call.service == NULL && lcf->own) {
        ctx->call.operation = lcf->own;
        ctx->call.service = lcf->own->service;
        ctx->call.protocol = dg_gateway_protocol(lcf->own->index);

    } else if (ctx->call.service == NULL
               && ngx_http_deskgate_view_request(r, ctx) == DG_ALLOWED)
    {
        (void) dg_model_identify(lcf->services, lcf->offers->nelts,
                                 &ctx->received, &ctx->call);
    }

    if (ctx->refusal == DG_ALLOWED) {
        ctx->refusal = dg_refusal_from_status(r->err_status);
    }

    /* nothing went out: the same signature may come again */

    if (!ctx->went_out
        && (r->upstream == NULL || !r->upstream->request_sent))
    {
        ngx_http_deskgate_forget(ctx);
    }

    ngx_http_deskgate_redact_log(r);
    ngx_http_deskgate_log_refusal(r, ctx);

    r->headers_out.status = r->err_status;

    if (ngx_http_deskgate_refusal_headers(r, ctx, &ctx->replacement)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);

    ctx->replacing = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_deskgate_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_deskgate_ctx_t    *ctx;
    ngx_http_deskgate_fetch_t  *fetch;

    if (r != r->main) {
        fetch = ngx_http_deskgate_fetch_of(r);

        return fetch ? ngx_http_deskgate_fetch_collect(r, fetch, in)
                     : ngx_http_deskgate_next_body_filter(r, in);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_deskgate_module);

    if (ctx == NULL || ctx->answering) {
        return ngx_http_deskgate_next_body_filter(r, in);
    }

    if (ctx->replacing) {
        return ngx_http_deskgate_replace_body(r, ctx, in);
    }

    if (ctx->holding) {
        return ngx_http_deskgate_hold_body(r, ctx, in);
    }

    if (ctx->connecting) {
        return ngx_http_deskgate_connect_body(r, ctx, in);
    }

    if (ctx->swallowing) {
        return ngx_http_deskgate_swallow(r, in);
    }

    if (ctx->capture) {
        ngx_http_deskgate_capture(ctx, in);
    }

    return ngx_http_deskgate_next_body_filter(r, in);
}


static ngx_int_t
ngx_http_deskgate_replace_body(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_chain_t  *cl, *out;

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    out = ctx->replacement;
    ctx->replacement = NULL;

    return ngx_http_deskgate_next_body_filter(r, out);
}


static ngx_int_t
ngx_http_deskgate_observe_answer(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ctx->status = r->headers_out.status;

    ngx_http_deskgate_clock(r);

    if (ngx_http_deskgate_told_request_id(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->call.operation == NULL) {
        return NGX_OK;
    }

    /*
     * It did not execute the call: the same signature may come again.  An
     * error page with that status says nothing of the kind.
     */

    if (r->upstream && r->upstream->headers_in.status_n == ctx->status
        && (ctx->status == NGX_HTTP_TOO_MANY_REQUESTS
            || ctx->status == NGX_HTTP_SERVICE_UNAVAILABLE))
    {
        ngx_http_deskgate_forget(ctx);
    }

    if (ctx->status == NGX_HTTP_UNAUTHORIZED
        && ctx->call.service->is_broker && !ctx->observing)
    {
        ngx_http_deskgate_broker_refused(ctx);
    }

    if ((ctx->call.operation->access == DG_ACCESS_GRANT
         || ctx->call.operation->is_private)
        && ngx_http_deskgate_no_store(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (r->header_only
        || (ctx->status < NGX_HTTP_BAD_REQUEST
            && ctx->call.operation->read_only
            && !ctx->call.operation->is_connection))
    {
        return NGX_OK;
    }

    ctx->capture = ngx_pnalloc(r->pool, NGX_HTTP_DESKGATE_CAPTURE_SIZE);
    if (ctx->capture == NULL) {
        return NGX_ERROR;
    }

    r->filter_need_in_memory = 1;

    return NGX_OK;
}


/*
 * The client is told one request id, and the record has it: the upstream's,
 * by which its own trail can be joined, or ours where it gives none.
 */

static ngx_int_t
ngx_http_deskgate_told_request_id(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_str_t         value;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    static ngx_str_t  name = ngx_string("x-amzn-RequestId");

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (header[i].hash
                && (dg_span_equal_nocase(
                        ngx_http_deskgate_span(&header[i].key),
                        DG_SPAN("x-amzn-requestid"))
                    || dg_span_equal_nocase(
                        ngx_http_deskgate_span(&header[i].key),
                        DG_SPAN("x-amz-request-id"))))
            {
                ctx->upstream_request_id = header[i].value;
                return NGX_OK;
            }
        }
    }

    value.data = (u_char *) ctx->request_id;
    value.len = sizeof(ctx->request_id);

    return ngx_http_deskgate_header_out(r, &name, &value) ? NGX_OK
                                                          : NGX_ERROR;
}


static ngx_int_t
ngx_http_deskgate_no_store(ngx_http_request_t *r)
{
    ngx_str_t  value;

    static ngx_str_t  name = ngx_string("Cache-Control");

    ngx_str_set(&value, "no-store");

    return ngx_http_deskgate_header_out(r, &name, &value) ? NGX_OK
                                                          : NGX_ERROR;
}


/* Replaces a header of the answer: none of that name is left beside it. */

ngx_table_elt_t *
ngx_http_deskgate_header_out(ngx_http_request_t *r, const ngx_str_t *name,
    const ngx_str_t *value)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *header;

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (header[i].key.len == name->len
                && ngx_strncasecmp(header[i].key.data, name->data, name->len)
                   == 0)
            {
                header[i].hash = 0;
            }
        }
    }

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key = *name;
    h->value = *value;
    ngx_http_deskgate_elt_unlink(h);

    return h;
}


/* How far the upstream's clock is from ours: for the status page. */

static void
ngx_http_deskgate_clock(ngx_http_request_t *r)
{
    int64_t           seconds;
    ngx_table_elt_t  *date;

    if (r->upstream == NULL || r->upstream->headers_in.date == NULL) {
        return;
    }

    date = r->upstream->headers_in.date;

    if (dg_time_parse_http(ngx_http_deskgate_span(&date->value), &seconds)
        == DG_OK)
    {
        dg_gauge_set(ngx_http_deskgate_counters(), DG_GAUGE_CLOCK_OFFSET,
                     (seconds - ngx_time()) * 1000);
    }
}


void
ngx_http_deskgate_capture(ngx_http_deskgate_ctx_t *ctx, ngx_chain_t *in)
{
    size_t        n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (!ngx_buf_in_memory(b)) {
            continue;
        }

        n = b->last - b->pos;

        if (n > NGX_HTTP_DESKGATE_CAPTURE_SIZE - ctx->capture_len) {
            n = NGX_HTTP_DESKGATE_CAPTURE_SIZE - ctx->capture_len;
            ctx->capture_cut = 1;
        }

        ngx_memcpy(ctx->capture + ctx->capture_len, b->pos, n);
        ctx->capture_len += n;
    }
}
