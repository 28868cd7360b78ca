/*
 * Copyright (C) the deskgate authors
 *
 * Which service and operation a request is, before anything else is known.
 */

#include "ngx_http_deskgate.h"


static ngx_str_t ngx_http_deskgate_without_port(ngx_str_t host);
static ngx_uint_t ngx_http_deskgate_host_is(const ngx_str_t *listed,
    const ngx_str_t *host);
static ngx_http_deskgate_offer_t *ngx_http_deskgate_offer_of(
    ngx_http_deskgate_ctx_t *ctx);


ngx_int_t
ngx_http_deskgate_identify(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    dg_refusal_t  refusal;

    refusal = ngx_http_deskgate_view_request(r, ctx);
    if (refusal != DG_ALLOWED) {
        return ngx_http_deskgate_refused(ctx, refusal, NULL);
    }

    refusal = dg_model_identify(ctx->lcf->services, ctx->lcf->offers->nelts,
                                &ctx->received, &ctx->call);

    ctx->offer = ngx_http_deskgate_offer_of(ctx);

    if (refusal != DG_ALLOWED) {
        return ngx_http_deskgate_refused(ctx, refusal, NULL);
    }

    if (ctx->call.operation->is_token_call) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_UNKNOWN_OPERATION,
                   "the broker's token call is not offered: the gateway "
                   "brings the token");
    }

    /*
     * The location was chosen by the decoded path, the upstream will see the
     * raw one: both have to be the same call.
     */

    if (!dg_request_path_is_plain(dg_request_path(&ctx->received),
                                  ngx_http_deskgate_span(&r->uri)))
    {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_PATH_NOT_PLAIN, NULL);
    }

    if ((ctx->lcf->keys || ctx->lcf->vended || ctx->lcf->certificates)
        && !ngx_http_deskgate_host_listed(r, ctx))
    {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_HOST_NOT_LISTED,
                                         NULL);
    }

    return NGX_OK;
}


static ngx_http_deskgate_offer_t *
ngx_http_deskgate_offer_of(ngx_http_deskgate_ctx_t *ctx)
{
    ngx_uint_t                  i;
    ngx_http_deskgate_offer_t  *offer;

    offer = ctx->lcf->offers->elts;

    for (i = 0; i < ctx->lcf->offers->nelts; i++) {
        if (offer[i].service == ctx->call.service) {
            return &offer[i];
        }
    }

    return NULL;
}


/*
 * A signature is made for a host: one made for another must not be usable
 * here.  The header decides, and not what nginx found in the request line,
 * since the header is what was signed.
 */

ngx_uint_t
ngx_http_deskgate_host_listed(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_str_t          *listed, host, name;
    ngx_uint_t          i;
    const dg_header_t  *header;

    if (ctx->lcf->hosts == NULL) {
        return 1;
    }

    header = dg_request_header(&ctx->received, DG_SPAN("host"), NULL);
    host = header ? ngx_http_deskgate_str(header->value)
                  : r->headers_in.server;

    name = ngx_http_deskgate_without_port(host);
    listed = ctx->lcf->hosts->elts;

    for (i = 0; i < ctx->lcf->hosts->nelts; i++) {
        if (ngx_http_deskgate_host_is(&listed[i], &host)
            || ngx_http_deskgate_host_is(&listed[i], &name))
        {
            return 1;
        }
    }

    return 0;
}


/* A listed name without a port stands for every port. */

static ngx_str_t
ngx_http_deskgate_without_port(ngx_str_t host)
{
    size_t  len;

    len = host.len;

    while (len && host.data[len - 1] >= '0' && host.data[len - 1] <= '9') {
        len--;
    }

    if (len > 1 && host.data[len - 1] == ':') {
        host.len = len - 1;
    }

    return host;
}


static ngx_uint_t
ngx_http_deskgate_host_is(const ngx_str_t *listed, const ngx_str_t *host)
{
    return dg_span_equal_nocase(ngx_http_deskgate_span(listed),
                                ngx_http_deskgate_span(host));
}
