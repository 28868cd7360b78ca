/*
 * Copyright (C) the deskgate authors
 *
 * Locations where the gateway itself answers.  Such a call takes the same
 * steps as others up to where it would be forwarded.
 */

#include "ngx_http_deskgate_conf.h"


static void ngx_http_deskgate_secret_wipe(void *data);


typedef struct {
    void    *data;
    size_t   size;
} ngx_http_deskgate_secret_t;


ngx_int_t
ngx_http_deskgate_identify_own(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    dg_refusal_t  refusal;

    ctx->call.operation = ctx->lcf->own;
    ctx->call.service = ctx->lcf->own->service;
    ctx->call.protocol = dg_gateway_protocol(ctx->lcf->own->index);
    ctx->offer = ctx->lcf->offers->elts;

    refusal = ngx_http_deskgate_view_request(r, ctx);
    if (refusal != DG_ALLOWED) {
        return ngx_http_deskgate_refused(ctx, refusal, NULL);
    }

    if (!dg_span_equal(ctx->received.method, ctx->lcf->own->method)) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_METHOD, NULL);
    }

    if (!dg_request_path_is_plain(dg_request_path(&ctx->received),
                                  ngx_http_deskgate_span(&r->uri)))
    {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_PATH_NOT_PLAIN, NULL);
    }

    if (!ngx_http_deskgate_host_listed(r, ctx)) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_HOST_NOT_LISTED,
                                         NULL);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_deskgate_serve(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx)
{
    return ctx->lcf->serve(r, ctx);
}


/* Memory of the request that is wiped when it ends. */

u_char *
ngx_http_deskgate_secret_memory(ngx_http_request_t *r, size_t size)
{
    ngx_pool_cleanup_t          *cln;
    ngx_http_deskgate_secret_t  *secret;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_deskgate_secret_t));
    if (cln == NULL) {
        return NULL;
    }

    secret = cln->data;
    secret->size = size;
    secret->data = ngx_pnalloc(r->pool, size);

    if (secret->data) {
        cln->handler = ngx_http_deskgate_secret_wipe;
    }

    return secret->data;
}


static void
ngx_http_deskgate_secret_wipe(void *data)
{
    ngx_http_deskgate_secret_t  *secret = data;

    dg_wipe(secret->data, secret->size);
}


/* Answers 200 with a body that nobody may keep, and ends the call. */

ngx_int_t
ngx_http_deskgate_give(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx,
    dg_span_t content_type, dg_span_t body)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_uint_t    i;
    ngx_chain_t   out;

    ngx_http_deskgate_header_t  headers[] = {
        { ngx_string("Cache-Control"), ngx_string("no-store") },
        { ngx_string("Pragma"), ngx_string("no-cache") },
        { ngx_string("x-amzn-RequestId"),
          { sizeof(ctx->request_id), (u_char *) ctx->request_id } }
    };

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        if (ngx_http_deskgate_header_out(r, &headers[i].name,
                                         &headers[i].value)
            == NULL)
        {
            return NGX_ERROR;
        }
    }

    b->pos = (u_char *) body.data;
    b->last = b->pos + body.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    ctx->answering = 1;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = body.len;
    r->headers_out.content_type = ngx_http_deskgate_str(content_type);
    r->headers_out.content_type_len = content_type.len;

    rc = ngx_http_send_header(r);

    if (rc != NGX_ERROR && rc <= NGX_OK && !r->header_only) {
        rc = ngx_http_output_filter(r, &out);
    }

    ngx_http_finalize_request(r, rc);
    return NGX_DONE;
}


ngx_http_deskgate_offer_t *
ngx_http_deskgate_conf_own(ngx_conf_t *cf, ngx_http_deskgate_loc_conf_t *lcf,
    dg_gateway_operation_t operation, ngx_http_deskgate_step_pt serve)
{
    ngx_http_deskgate_offer_t  *offer;

    if (lcf->enable != NGX_CONF_UNSET || lcf->own) {
        return NULL;
    }

    lcf->offers = ngx_array_create(cf->pool, 1,
                                   sizeof(ngx_http_deskgate_offer_t));

    offer = lcf->offers ? ngx_array_push(lcf->offers) : NULL;
    if (offer == NULL) {
        return NULL;
    }

    ngx_memzero(offer, sizeof(ngx_http_deskgate_offer_t));

    lcf->own = dg_gateway_operation(operation);
    lcf->serve = serve;
    lcf->enable = 1;
    lcf->conf_file = cf->conf_file->file.name.data;
    lcf->line = cf->conf_file->line;

    offer->service = lcf->own->service;

    return offer;
}
