/*
 * Copyright (C) the deskgate authors
 *
 * The error log's lines about a request, without the tokens and signatures
 * that a query may hold.  nginx's own handler prints the request line as it
 * came.
 */

#include "ngx_http_deskgate.h"


static u_char *ngx_http_deskgate_log_error(ngx_http_request_t *r,
    ngx_http_request_t *sr, u_char *buf, size_t len);


ngx_int_t
ngx_http_deskgate_post_read_handler(ngx_http_request_t *r)
{
    ngx_http_deskgate_srv_conf_t  *scf;

    scf = ngx_http_get_module_srv_conf(r, ngx_http_deskgate_module);

    if (scf->any) {
        r->log_handler = ngx_http_deskgate_log_error;
    }

    return NGX_DECLINED;
}


/*
 * A request that nginx refused while reading it has no phases, though
 * error_page may have led it to a location since.
 */

ngx_uint_t
ngx_http_deskgate_had_phases(ngx_http_request_t *r)
{
    return r->log_handler == ngx_http_deskgate_log_error;
}


/* For what is said of a request that has no phases. */

void
ngx_http_deskgate_redact_log(ngx_http_request_t *r)
{
    r->log_handler = ngx_http_deskgate_log_error;
}


static u_char *
ngx_http_deskgate_log_error(ngx_http_request_t *r, ngx_http_request_t *sr,
    u_char *buf, size_t len)
{
    u_char                    *p;
    ngx_str_t                  target;
    ngx_http_upstream_t       *u;
    ngx_http_core_srv_conf_t  *cscf;

    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    p = ngx_snprintf(buf, len, ", server: %V", &cscf->server_name);
    len -= p - buf;
    buf = p;

    ngx_str_null(&target);

    /* what it needs memory for, having none would be logged from within */

    if (!ngx_http_deskgate_worker.logging) {
        ngx_http_deskgate_worker.logging = 1;
        target = ngx_http_deskgate_redacted_target(r);
        ngx_http_deskgate_worker.logging = 0;
    }

    if (target.data) {
        p = ngx_snprintf(buf, len, ", request: \"%V %V %V\"",
                         &r->method_name, &target, &r->http_protocol);
        len -= p - buf;
        buf = p;
    }

    if (r != sr) {
        p = ngx_snprintf(buf, len, ", subrequest: \"%V\"", &sr->uri);
        len -= p - buf;
        buf = p;
    }

    u = sr->upstream;

    if (u && u->peer.name) {
        p = ngx_snprintf(buf, len, ", upstream: \"%V%V\"",
                         &u->schema, u->peer.name);
        len -= p - buf;
        buf = p;
    }

    if (r->headers_in.host) {
        p = ngx_snprintf(buf, len, ", host: \"%V\"",
                         &r->headers_in.host->value);
        len -= p - buf;
        buf = p;
    }

    return buf;
}


/* Empty without memory: rather no target than one with a secret. */

ngx_str_t
ngx_http_deskgate_redacted_target(ngx_http_request_t *r)
{
    dg_writer_t               w;
    ngx_str_t                 target;
    ngx_http_deskgate_ctx_t  *ctx;

    ngx_str_null(&target);

    if (r->unparsed_uri.len == 0) {
        return target;
    }

    ctx = ngx_http_deskgate_get_ctx(r);

    if (ctx && ctx->uri.len) {
        return ctx->uri;
    }

    /* a redacted member is at most four bytes longer than it was */

    w = dg_writer(ngx_pnalloc(r->pool, r->unparsed_uri.len * 2 + 16),
                  r->unparsed_uri.len * 2 + 16);

    if (w.data == NULL) {
        return target;
    }

    dg_sigv4_write_redacted(&w, ngx_http_deskgate_span(&r->unparsed_uri));

    target = ngx_http_deskgate_str(dg_written(&w));

    if (ctx) {
        ctx->uri = target;
    }

    return target;
}
