/*
 * Copyright (C) the deskgate authors
 *
 * Variables.  None is cacheable: a subrequest must never leave a value that
 * the call itself then uses.
 */

#include "ngx_http_deskgate.h"


typedef dg_span_t (*ngx_http_deskgate_value_pt)(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);


static ngx_int_t ngx_http_deskgate_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_deskgate_variable_host(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_deskgate_variable_uri(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


static ngx_int_t  ngx_http_deskgate_proxy_host_index;


static dg_span_t
ngx_http_deskgate_value_service(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    return ctx->call.service ? ctx->call.service->name : DG_SPAN_EMPTY;
}


static dg_span_t
ngx_http_deskgate_value_operation(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    return ctx->call.operation ? ctx->call.operation->name : DG_SPAN_EMPTY;
}


static dg_span_t
ngx_http_deskgate_value_access(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    return ctx->call.operation
           ? dg_span_cstr(dg_access_name(ctx->call.operation->access))
           : DG_SPAN_EMPTY;
}


static dg_span_t
ngx_http_deskgate_value_region(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    return ctx->offer ? ngx_http_deskgate_span(&ctx->offer->region)
                      : DG_SPAN_EMPTY;
}


/* From configuration and model only, whatever the client says. */

static dg_span_t
ngx_http_deskgate_value_upstream_host(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    return ctx->offer ? ngx_http_deskgate_span(&ctx->offer->host)
                      : DG_SPAN_EMPTY;
}


static dg_span_t
ngx_http_deskgate_value_caller(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    return ctx->verified ? ctx->caller.arn : DG_SPAN_EMPTY;
}


static dg_span_t
ngx_http_deskgate_value_refusal(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    return ctx->refusal == DG_ALLOWED
           ? DG_SPAN_EMPTY : dg_span_cstr(dg_refusal_info(ctx->refusal)->name);
}


static dg_span_t
ngx_http_deskgate_value_request_id(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    return dg_span(ctx->request_id, sizeof(ctx->request_id));
}


static dg_span_t
ngx_http_deskgate_value_mode(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    return ctx->observing ? DG_SPAN("observe") : DG_SPAN("enforce");
}


static ngx_http_variable_t  ngx_http_deskgate_variables[] = {

    { ngx_string("deskgate_host"), NULL, ngx_http_deskgate_variable_host,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("deskgate_uri"), NULL, ngx_http_deskgate_variable_uri,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("deskgate_service"), NULL, ngx_http_deskgate_variable,
      (uintptr_t) ngx_http_deskgate_value_service,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("deskgate_operation"), NULL, ngx_http_deskgate_variable,
      (uintptr_t) ngx_http_deskgate_value_operation,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("deskgate_access"), NULL, ngx_http_deskgate_variable,
      (uintptr_t) ngx_http_deskgate_value_access,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("deskgate_region"), NULL, ngx_http_deskgate_variable,
      (uintptr_t) ngx_http_deskgate_value_region,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("deskgate_upstream_host"), NULL, ngx_http_deskgate_variable,
      (uintptr_t) ngx_http_deskgate_value_upstream_host,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("deskgate_caller"), NULL, ngx_http_deskgate_variable,
      (uintptr_t) ngx_http_deskgate_value_caller,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("deskgate_refusal"), NULL, ngx_http_deskgate_variable,
      (uintptr_t) ngx_http_deskgate_value_refusal,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("deskgate_request_id"), NULL, ngx_http_deskgate_variable,
      (uintptr_t) ngx_http_deskgate_value_request_id,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("deskgate_mode"), NULL, ngx_http_deskgate_variable,
      (uintptr_t) ngx_http_deskgate_value_mode,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_deskgate_add_variables(ngx_conf_t *cf)
{
    ngx_str_t             name;
    ngx_http_variable_t  *v, *var;

    for (v = ngx_http_deskgate_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    /* it exists only once proxy has made its request, and only by index */

    ngx_str_set(&name, "proxy_host");
    ngx_http_deskgate_proxy_host_index = ngx_http_get_variable_index(cf,
                                                                     &name);

    return ngx_http_deskgate_proxy_host_index == NGX_ERROR ? NGX_ERROR
                                                           : NGX_OK;
}


static void
ngx_http_deskgate_variable_set(ngx_http_variable_value_t *v, dg_span_t value)
{
    v->data = (u_char *) value.data;
    v->len = value.len;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = (value.len == 0);
}


static ngx_int_t
ngx_http_deskgate_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_deskgate_ctx_t     *ctx;
    ngx_http_deskgate_value_pt   value;

    ctx = ngx_http_deskgate_get_ctx(r->main);
    value = (ngx_http_deskgate_value_pt) data;

    ngx_http_deskgate_variable_set(v, ctx ? value(r, ctx) : DG_SPAN_EMPTY);

    return NGX_OK;
}


/*
 * What Host has to be: the signed one; what the client sent when observing;
 * for a broker, whose requests are not signed, what proxy_pass says.
 */

static ngx_int_t
ngx_http_deskgate_variable_host(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const dg_header_t          *header;
    ngx_http_deskgate_ctx_t    *ctx;
    ngx_http_variable_value_t  *vv;

    ctx = ngx_http_deskgate_get_ctx(r);

    if (ctx && ctx->observing) {
        header = dg_request_header(&ctx->received, DG_SPAN("host"), NULL);
        ngx_http_deskgate_variable_set(v, header ? header->value
                                                 : DG_SPAN_EMPTY);
        return NGX_OK;
    }

    if (ctx && ctx->host.len) {
        ngx_http_deskgate_variable_set(v, ngx_http_deskgate_span(&ctx->host));
        return NGX_OK;
    }

    vv = ngx_http_get_flushed_variable(r, ngx_http_deskgate_proxy_host_index);

    ngx_http_deskgate_variable_set(v, vv && !vv->not_found
                                      ? dg_span(vv->data, vv->len)
                                      : DG_SPAN_EMPTY);
    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_variable_uri(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t  target;

    target = ngx_http_deskgate_redacted_target(r->main);
    ngx_http_deskgate_variable_set(v, ngx_http_deskgate_span(&target));

    return NGX_OK;
}
