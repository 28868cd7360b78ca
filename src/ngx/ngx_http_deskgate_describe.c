/*
 * Copyright (C) the deskgate authors
 *
 * A service's description of itself: asked for like everything else, so that
 * policies, limits and records know of it, and answered by us with the file
 * that lies beside the model unless the configuration leaves it to the broker.
 */

#include "ngx_http_deskgate.h"


static ngx_int_t ngx_http_deskgate_describe_headers(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_describe_send(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);


ngx_int_t
ngx_http_deskgate_describe(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx)
{
    if (!ctx->call.operation->is_description
        || (ctx->lcf->broker && ctx->lcf->broker->describes))
    {
        return NGX_OK;
    }

    if (ctx->call.service->description.len == 0) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_NOT_FOUND,
                   "no description lies beside the model");
    }

    ctx->answering = 1;

    ngx_http_finalize_request(r, ngx_http_deskgate_describe_send(r, ctx));

    return NGX_DONE;
}


static ngx_int_t
ngx_http_deskgate_describe_send(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_int_t    rc;
    ngx_buf_t   *b;
    ngx_chain_t  out;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);

    if (b == NULL || ngx_http_deskgate_describe_headers(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->pos = (u_char *) ctx->call.service->description.data;
    b->last = b->pos + ctx->call.service->description.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* RFC 9512 gives YAML its media type. */

static ngx_int_t
ngx_http_deskgate_describe_headers(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_str_t  value;

    static ngx_str_t  name = ngx_string("x-amzn-RequestId");

    value.data = (u_char *) ctx->request_id;
    value.len = sizeof(ctx->request_id);

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = ctx->call.service->description.len;
    ngx_str_set(&r->headers_out.content_type, "application/yaml");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    return ngx_http_deskgate_header_out(r, &name, &value) ? NGX_OK
                                                          : NGX_ERROR;
}
