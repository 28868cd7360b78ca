/*
 * Copyright (C) the deskgate authors
 *
 * The only file that knows nginx versions and build options.
 */

#ifndef NGX_HTTP_DESKGATE_COMPAT_H
#define NGX_HTTP_DESKGATE_COMPAT_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

/* 1.23.0 made repeated headers linked lists */
#if (nginx_version >= 1023000)
#define ngx_http_deskgate_elt_unlink(h)  (h)->next = NULL
#define ngx_http_deskgate_forget_forwarded(r)                                 \
    (r)->headers_in.x_forwarded_for = NULL
#else
#define ngx_http_deskgate_elt_unlink(h)
#define ngx_http_deskgate_forget_forwarded(r)                                 \
    (r)->headers_in.x_forwarded_for.nelts = 0
#endif

#if (NGX_HTTP_CACHE)
#define ngx_http_deskgate_upstream_caches(u)  ((u)->conf->cache)
#else
#define ngx_http_deskgate_upstream_caches(u)  0
#endif

/* a client's stream that has not ended yet */
#if (NGX_HTTP_V2)
#define ngx_http_deskgate_stream_is_open(r)                                   \
    ((r)->stream && !(r)->stream->in_closed)
#else
#define ngx_http_deskgate_stream_is_open(r)   0
#endif

#if (NGX_HTTP_SSL)
#define ngx_http_deskgate_upstream_tls(u)     ((u)->ssl)
#define ngx_http_deskgate_upstream_verify(u)  ((u)->conf->ssl_verify)
#define ngx_http_deskgate_upstream_sni(u)     ((u)->conf->ssl_server_name)
#define ngx_http_deskgate_client_ssl(c)                                       \
    ((c)->ssl ? (c)->ssl->connection : NULL)
#else
#define ngx_http_deskgate_upstream_tls(u)     0
#define ngx_http_deskgate_upstream_verify(u)  0
#define ngx_http_deskgate_upstream_sni(u)     0
#define ngx_http_deskgate_client_ssl(c)       NULL
#endif

#endif /* NGX_HTTP_DESKGATE_COMPAT_H */
