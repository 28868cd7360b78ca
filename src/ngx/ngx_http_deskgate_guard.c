/*
 * Copyright (C) the deskgate authors
 *
 * The send guard.  What proxy_pass is about to send is compared with what
 * was signed, and whom it is sent to with what is safe; a difference is
 * refused and nothing is sent.  Proxy's own configuration cannot be seen, so
 * its request is looked at after it was built: the content handler is
 * wrapped, and with it the upstream's create_request.
 */

#include "ngx_http_deskgate.h"

#define NGX_HTTP_DESKGATE_GUARD_TAIL  16   /* bytes of a secret */


static ngx_int_t ngx_http_deskgate_guarded_content(ngx_http_request_t *r);
static const char *ngx_http_deskgate_guard_start(ngx_http_request_t *r,
    ngx_uint_t was_sent);
static ngx_uint_t ngx_http_deskgate_guard_changes(
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_guarded_create(ngx_http_request_t *r);
static ngx_http_deskgate_create_pt *ngx_http_deskgate_guard_create_of(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_deskgate_guard_fail(ngx_http_request_t *r,
    dg_refusal_t refusal, const char *reason);
static const char *ngx_http_deskgate_guard_peer(ngx_http_request_t *r);
static ngx_http_upstream_srv_conf_t *ngx_http_deskgate_guard_upstream(
    ngx_http_request_t *r);
static ngx_uint_t ngx_http_deskgate_guard_is_local(
    ngx_http_upstream_srv_conf_t *uscf);
static const char *ngx_http_deskgate_guard_sent(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static const char *ngx_http_deskgate_guard_headers(
    ngx_http_deskgate_ctx_t *ctx, dg_span_t lines);
static const char *ngx_http_deskgate_guard_secrets(
    ngx_http_deskgate_ctx_t *ctx, dg_span_t head);
static ngx_uint_t ngx_http_deskgate_guard_holds(dg_span_t head,
    dg_span_t secret);
static const char *ngx_http_deskgate_guard_body(ngx_http_request_t *r,
    ngx_chain_t *sent);


void
ngx_http_deskgate_guard(ngx_http_request_t *r)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->handler) {
        r->content_handler = ngx_http_deskgate_guarded_content;
    }
}


static ngx_int_t
ngx_http_deskgate_guarded_content(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    const char                   *reason;
    ngx_uint_t                    was_sent;
    ngx_http_upstream_t          *u;
    ngx_http_deskgate_ctx_t      *ctx;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_deskgate_create_pt  *create;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    /* of the location that an error page or a named location took over from */
    was_sent = r->upstream && r->upstream->request_sent;
    ctx = ngx_http_deskgate_get_ctx(r);

    if (was_sent && ctx) {
        ctx->went_out = 1;
    }

    /*
     * The body was read already, so proxy's handler would start the upstream
     * at once.  With r->aio set that start returns without doing anything,
     * and is made again below with create_request wrapped.
     */

    r->aio = 1;
    rc = clcf->handler(r);
    r->aio = 0;

    u = r->upstream;

    if (u == NULL || u->create_request == NULL || rc != NGX_DONE) {
        return rc;
    }

    reason = ngx_http_deskgate_guard_start(r, was_sent);

    if (reason) {
        ngx_http_finalize_request(r,
            ngx_http_deskgate_guard_fail(r, DG_REFUSE_SENT_DIFFERS, reason));
        return NGX_DONE;
    }

    create = ngx_http_deskgate_guard_create_of(r);
    if (create == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_DONE;
    }

    *create = u->create_request;
    u->create_request = ngx_http_deskgate_guarded_create;

    ngx_http_upstream_init(r);

    return NGX_DONE;
}


/* NULL when an upstream may be started at all, else why not. */

static const char *
ngx_http_deskgate_guard_start(ngx_http_request_t *r, ngx_uint_t was_sent)
{
    ngx_http_deskgate_ctx_t   *ctx;
    ngx_http_core_loc_conf_t  *clcf;

    if (ngx_http_deskgate_upstream_caches(r->upstream)) {
        return "proxy_cache would give one caller's answer to another; "
               "turn it off here";
    }

    if (r->upstream->conf->store) {
        return "proxy_store would keep answers in files; turn it off here";
    }

    if (r->upstream->conf->next_upstream & NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT)
    {
        return "proxy_next_upstream non_idempotent could execute a call "
               "twice; remove it";
    }

    if (ngx_http_deskgate_fetch_of(r)) {
        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

        /* where clients come to is another upstream than the one meant */

        return clcf->internal ? NULL
                              : "it has no location of its own that is "
                                "\"internal\"";
    }

    if (r != r->main) {
        return "a subrequest would take the call's credentials elsewhere; "
               "remove mirror or what else makes it";
    }

    ctx = ngx_http_deskgate_get_ctx(r);

    if (ctx == NULL || !ctx->has_sent || ctx->refusal != DG_ALLOWED) {
        return "this location would forward a call that was not let go; "
               "remove its proxy_pass";
    }

    if (was_sent && ngx_http_deskgate_guard_changes(ctx)) {
        return "a call that changes something would be sent twice; remove "
               "the error_page that leads here";
    }

    return NULL;
}


static ngx_uint_t
ngx_http_deskgate_guard_changes(ngx_http_deskgate_ctx_t *ctx)
{
    return ctx->call.operation
           && ctx->call.operation->access != DG_ACCESS_READ
           && ctx->call.operation->access != DG_ACCESS_LIST;
}


static ngx_int_t
ngx_http_deskgate_guarded_create(ngx_http_request_t *r)
{
    const char                   *reason;
    ngx_http_deskgate_ctx_t      *ctx;
    ngx_http_deskgate_fetch_t    *fetch;
    ngx_http_deskgate_create_pt  *create;

    fetch = ngx_http_deskgate_fetch_of(r);
    ctx = fetch ? fetch->main : ngx_http_deskgate_get_ctx(r);
    create = ngx_http_deskgate_guard_create_of(r);

    if (ctx == NULL || create == NULL || (*create)(r) != NGX_OK) {
        return NGX_ERROR;
    }

    reason = ngx_http_deskgate_guard_peer(r);

    if (reason) {
        (void) ngx_http_deskgate_guard_fail(r, DG_REFUSE_UPSTREAM_INSECURE,
                                            reason);
        return NGX_ERROR;
    }

    if (fetch) {
        /* the client may go away: others wait for what is fetched */
        r->read_event_handler = ngx_http_block_reading;
        r->write_event_handler = ngx_http_request_empty_handler;
        return NGX_OK;
    }

    reason = ngx_http_deskgate_guard_sent(r, ctx);

    if (reason) {
        (void) ngx_http_deskgate_guard_fail(r, DG_REFUSE_SENT_DIFFERS,
                                            reason);
        return NGX_ERROR;
    }

    /*
     * nginx sends a PUT or DELETE again after a failure, as idempotent by
     * the letter of HTTP; here a call that changes something is sent once.
     */

    if (ngx_http_deskgate_guard_changes(ctx)) {
        r->method = NGX_HTTP_POST;
    }

    /* the request is built */
    ngx_http_deskgate_headers_hide(r);

    return NGX_OK;
}


/* Where the upstream's own create_request is kept. */

static ngx_http_deskgate_create_pt *
ngx_http_deskgate_guard_create_of(ngx_http_request_t *r)
{
    ngx_http_deskgate_ctx_t    *ctx;
    ngx_http_deskgate_fetch_t  *fetch;

    fetch = ngx_http_deskgate_fetch_of(r);
    if (fetch) {
        return &fetch->create_request;
    }

    ctx = ngx_http_deskgate_get_ctx(r);

    return ctx ? &ctx->create_request : NULL;
}


static ngx_int_t
ngx_http_deskgate_guard_fail(ngx_http_request_t *r, dg_refusal_t refusal,
    const char *reason)
{
    ngx_http_deskgate_ctx_t    *ctx;
    ngx_http_deskgate_fetch_t  *fetch;

    fetch = ngx_http_deskgate_fetch_of(r);

    if (fetch) {
        fetch->refusal = refusal;
        fetch->reason = reason;
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r != r->main || r->post_action) {
        /* the call itself goes on, or was answered */
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "deskgate stopped a subrequest: %s", reason);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_http_deskgate_get_ctx(r);

    if (ctx && ctx->refusal == DG_ALLOWED) {
        if (!ctx->went_out) {
            ngx_http_deskgate_forget(ctx);
        }

        (void) ngx_http_deskgate_refused(ctx, refusal, reason);
    }

    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/*
 * Credentials and tokens leave only over verified TLS, or within this host.
 * NULL when it is so, else what to do.
 */

static const char *
ngx_http_deskgate_guard_peer(ngx_http_request_t *r)
{
    ngx_http_upstream_t           *u;
    ngx_http_upstream_srv_conf_t  *uscf;
    ngx_http_deskgate_loc_conf_t  *lcf;

    u = r->upstream;
    uscf = ngx_http_deskgate_guard_upstream(r);

    if (uscf == NULL) {
        return "proxy_pass with variables must name a configured upstream";
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_deskgate_module);

    if (lcf->insecure_upstream == 1
        || ngx_http_deskgate_guard_is_local(uscf))
    {
        return NULL;
    }

    if (!ngx_http_deskgate_upstream_tls(u)) {
        return "the upstream is not on this host: use proxy_pass https://";
    }

    if (!ngx_http_deskgate_upstream_verify(u)) {
        return "set proxy_ssl_verify on and proxy_ssl_trusted_certificate";
    }

    if (!ngx_http_deskgate_upstream_sni(u)) {
        return "set proxy_ssl_server_name on";
    }

    return NULL;
}


static ngx_http_upstream_srv_conf_t *
ngx_http_deskgate_guard_upstream(ngx_http_request_t *r)
{
    ngx_str_t                       *host;
    ngx_uint_t                       i;
    ngx_http_upstream_t             *u;
    ngx_http_upstream_srv_conf_t   **uscfp;
    ngx_http_upstream_main_conf_t   *umcf;

    u = r->upstream;

    if (u->resolved == NULL) {
        return u->conf->upstream;
    }

    umcf = ngx_http_get_module_main_conf(r, ngx_http_upstream_module);
    uscfp = umcf->upstreams.elts;
    host = &u->resolved->host;

    for (i = 0; i < umcf->upstreams.nelts; i++) {

        if (uscfp[i]->host.len == host->len
            && ((uscfp[i]->port == 0 && u->resolved->no_port)
                || uscfp[i]->port == u->resolved->port)
            && ngx_strncasecmp(uscfp[i]->host.data, host->data, host->len)
               == 0)
        {
            return uscfp[i];
        }
    }

    return NULL;
}


/*
 * On this host: of its own, or answered by what it runs on.  The latter are
 * the addresses of the credentials of instances, tasks and pods, which have
 * no TLS.
 */

static ngx_uint_t
ngx_http_deskgate_sockaddr_is_local(struct sockaddr *sa)
{
    u_char               *p;
    ngx_uint_t            i;
    struct sockaddr_in   *sin;
    struct sockaddr_in6  *sin6;

    static const u_char  host4[][4] = {
        { 169, 254, 169, 254 }, { 169, 254, 170, 2 }, { 169, 254, 170, 23 }
    };

    static const u_char  host6[][16] = {
        { 0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54 },
        { 0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x23 }
    };

    switch (sa->sa_family) {

    case AF_UNIX:
        return 1;

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        p = (u_char *) &sin->sin_addr.s_addr;

        for (i = 0; i < sizeof(host4) / sizeof(host4[0]); i++) {
            if (ngx_memcmp(p, host4[i], sizeof(host4[0])) == 0) {
                return 1;
            }
        }

        return p[0] == 127;

    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;

        for (i = 0; i < sizeof(host6) / sizeof(host6[0]); i++) {
            if (ngx_memcmp(&sin6->sin6_addr, host6[i], sizeof(host6[0]))
                == 0)
            {
                return 1;
            }
        }

        return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);

    default:
        return 0;
    }
}


static ngx_uint_t
ngx_http_deskgate_guard_is_local(ngx_http_upstream_srv_conf_t *uscf)
{
    ngx_uint_t                   i, j;
    ngx_http_upstream_server_t  *server;

    if (uscf->servers == NULL) {
        return 0;
    }

    server = uscf->servers->elts;

    for (i = 0; i < uscf->servers->nelts; i++) {
        for (j = 0; j < server[i].naddrs; j++) {
            if (!ngx_http_deskgate_sockaddr_is_local(
                    server[i].addrs[j].sockaddr))
            {
                return 0;
            }
        }
    }

    return 1;
}


/* NULL when what proxy built is what was signed, else what differs. */

static const char *
ngx_http_deskgate_guard_sent(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    size_t        line, n;
    dg_span_t     head;
    const char   *reason;
    ngx_chain_t  *out;

    out = r->upstream->request_bufs;

    if (out == NULL || !ngx_buf_in_memory(out->buf)) {
        return "the upstream's request has no head";
    }

    head = dg_span(out->buf->pos, out->buf->last - out->buf->pos);
    line = dg_span_find(head, LF) + 1;

    n = r->method_name.len + 1 + ctx->sent.target.len;

    if (line < n + sizeof(" HTTP/1.1\r\n") - 1
        || ngx_memcmp(head.data, r->method_name.data, r->method_name.len) != 0
        || head.data[r->method_name.len] != ' '
        || ngx_memcmp(head.data + r->method_name.len + 1,
                      ctx->sent.target.data, ctx->sent.target.len)
           != 0
        || ngx_memcmp(head.data + n, " HTTP/1.", 8) != 0)
    {
        return "method or target: remove proxy_method, and the path from "
               "proxy_pass";
    }

    if (!dg_span_ends_with(head, DG_SPAN("\r\n\r\n"))) {
        return "the body: remove proxy_set_body";
    }

    reason = ngx_http_deskgate_guard_headers(ctx,
                                 dg_span_slice(head, line, head.len - 3));
    if (reason) {
        return reason;
    }

    reason = ngx_http_deskgate_guard_secrets(ctx, head);
    if (reason) {
        return reason;
    }

    return ngx_http_deskgate_guard_body(r, out->next);
}


/*
 * Every header that we set comes once and as it was signed; none that only
 * we may set comes beside them.
 */

static const char *
ngx_http_deskgate_guard_headers(ngx_http_deskgate_ctx_t *ctx, dg_span_t lines)
{
    size_t                       colon;
    uint64_t                     length;
    ngx_str_t                    key;
    dg_span_t                    line, name, value;
    ngx_uint_t                   i, seen, has_length;
    ngx_http_deskgate_header_t  *h;

    seen = 0;
    has_length = 0;

    while (dg_span_split(&lines, LF, &line)) {
        colon = dg_span_find(line, ':');

        /* a value with a line break would hide what comes behind it */

        if (colon == line.len || line.data[line.len - 1] != CR) {
            return "a line that is no header: a variable in a "
                   "proxy_set_header has a line break";
        }

        name = dg_span_slice(line, 0, colon);
        value = dg_span_trim(dg_span_slice(line, colon + 1, line.len - 1));

        if (dg_span_equal_nocase(name, DG_SPAN("content-length"))) {
            if (!dg_span_to_u64(value, &length)
                || (off_t) length != ctx->sent.length)
            {
                return "the body's length: remove proxy_set_body and "
                       "proxy_pass_request_body";
            }

            has_length = 1;
            continue;
        }

        for (i = 0; i < ctx->sent.count; i++) {
            h = &ctx->sent.headers[i];

            if (dg_span_equal_nocase(name, ngx_http_deskgate_span(&h->name))) {
                break;
            }
        }

        if (i < ctx->sent.count) {
            if (!dg_span_equal(value, ngx_http_deskgate_span(&h->value))
                || (seen & ((ngx_uint_t) 1 << i)))
            {
                return dg_span_equal_nocase(name, DG_SPAN("host"))
                       ? "Host: add proxy_set_header Host $deskgate_host"
                       : "a signed header: remove its proxy_set_header";
            }

            seen |= (ngx_uint_t) 1 << i;
            continue;
        }

        key = ngx_http_deskgate_str(name);

        if (dg_span_equal_nocase(name, DG_SPAN("authorization"))
            || dg_span_equal_nocase(name, DG_SPAN("transfer-encoding"))
            || !ngx_http_deskgate_header_goes_upstream(&key))
        {
            return "a header that only deskgate sets: remove its "
                   "proxy_set_header";
        }
    }

    if (ctx->sent.length > 0 && !has_length) {
        return "the body's length: remove proxy_set_header Content-Length";
    }

    if (seen != ((ngx_uint_t) 1 << ctx->sent.count) - 1) {
        return "a signed header is missing: set proxy_pass_request_headers "
               "on, and proxy_set_header Host $deskgate_host";
    }

    return NULL;
}


static const char *
ngx_http_deskgate_guard_secrets(ngx_http_deskgate_ctx_t *ctx, dg_span_t head)
{
    if (ngx_http_deskgate_guard_holds(head, ctx->bearer)) {
        return "the client's token is in the request";
    }

    if (ngx_http_deskgate_guard_holds(head, ctx->claim.session_token)) {
        return "the client's session token is in the request";
    }

    return NULL;
}


/* The end of a token is random enough, and quicker to look for. */

static ngx_uint_t
ngx_http_deskgate_guard_holds(dg_span_t head, dg_span_t secret)
{
    if (secret.len > NGX_HTTP_DESKGATE_GUARD_TAIL) {
        secret = dg_span_slice(secret,
                               secret.len - NGX_HTTP_DESKGATE_GUARD_TAIL,
                               secret.len);
    }

    return secret.len
           && memmem(head.data, head.len, secret.data, secret.len) != NULL;
}


/* The very buffers that were hashed follow, and nothing else. */

static const char *
ngx_http_deskgate_guard_body(ngx_http_request_t *r, ngx_chain_t *sent)
{
    ngx_chain_t  *cl;

    cl = r->request_body ? r->request_body->bufs : NULL;

    for ( ; cl && sent; cl = cl->next, sent = sent->next) {
        if (cl->buf->pos != sent->buf->pos
            || cl->buf->last != sent->buf->last
            || cl->buf->file_pos != sent->buf->file_pos
            || cl->buf->file_last != sent->buf->file_last)
        {
            return "the body: remove proxy_set_body";
        }
    }

    return (cl || sent) ? "the body: remove proxy_set_body and "
                          "proxy_pass_request_body" : NULL;
}
