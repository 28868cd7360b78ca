/*
 * Copyright (C) the deskgate authors
 *
 * From nginx's request to the core's view of it, and the context's life.
 */

#include "ngx_http_deskgate.h"


static void *ngx_http_deskgate_arena_grow(void *pool, size_t size);
static void ngx_http_deskgate_ctx_cleanup(void *data);


ngx_http_deskgate_ctx_t *
ngx_http_deskgate_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_deskgate_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_deskgate_module);

    if (ctx != NULL || (!r->internal && !r->filter_finalize)) {
        return ctx;
    }

    /*
     * An internal redirect has cleared the contexts of all modules; the
     * call is still the same one, and is not to be judged twice.
     */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler != ngx_http_deskgate_ctx_cleanup) {
            continue;
        }

        ctx = cln->data;

        if (ctx->request == r) {
            ngx_http_set_ctx(r, ctx, ngx_http_deskgate_module);
            return ctx;
        }
    }

    return NULL;
}


/*
 * A context and the first of its arena are one block that the worker keeps
 * for the next call: most calls need no other memory.
 */

ngx_http_deskgate_ctx_t *
ngx_http_deskgate_create_ctx(ngx_http_request_t *r)
{
    u_char                   *block;
    ngx_pool_cleanup_t       *cln;
    ngx_http_deskgate_ctx_t  *ctx;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    block = ngx_http_deskgate_take_block();
    if (block == NULL) {
        return NULL;
    }

    ctx = (ngx_http_deskgate_ctx_t *) block;
    ngx_memzero(ctx, sizeof(ngx_http_deskgate_ctx_t));

    cln->handler = ngx_http_deskgate_ctx_cleanup;
    cln->data = ctx;

    ctx->request = r;
    ctx->lcf = ngx_http_get_module_loc_conf(r, ngx_http_deskgate_module);

    dg_arena_init_grow(&ctx->arena, ngx_http_deskgate_arena_grow, r->pool,
                       NGX_HTTP_DESKGATE_ARENA_CHUNK,
                       NGX_HTTP_DESKGATE_ARENA_LIMIT);

    ctx->arena.pos = block + sizeof(ngx_http_deskgate_ctx_t);
    ctx->arena.end = block + NGX_HTTP_DESKGATE_BLOCK_SIZE;

    if (dg_random_uuid(ngx_http_deskgate_worker.crypto, ctx->request_id)
        != DG_OK)
    {
        return NULL;
    }

    ngx_http_set_ctx(r, ctx, ngx_http_deskgate_module);

    return ctx;
}


static void *
ngx_http_deskgate_arena_grow(void *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


static void
ngx_http_deskgate_ctx_cleanup(void *data)
{
    ngx_http_deskgate_ctx_t  *ctx = data;

    dg_sha256_abandon(ctx->hash);
    ctx->hash = NULL;

    dg_inspect_abandon(ctx->inspect);

    ngx_http_deskgate_flights_end(ctx);

    if (ctx->connection) {
        dg_wipe(ctx->connection->start,
                ctx->connection->end - ctx->connection->start);
    }

    if (ctx->wake.posted) {
        ngx_delete_posted_event(&ctx->wake);
    }

    dg_wipe(ctx->session_secret, sizeof(ctx->session_secret));

    if (ctx->key_file) {
        ngx_http_deskgate_reread_leave(ctx->key_file);
    }

    ngx_http_deskgate_give_block(ctx);
}


/*
 * The configuration that speaks for a request: its location's, or, when it
 * never came to one, that of any location of the server.
 */

ngx_http_deskgate_loc_conf_t *
ngx_http_deskgate_conf_of(ngx_http_request_t *r)
{
    ngx_http_core_srv_conf_t      *cscf;
    ngx_http_deskgate_loc_conf_t  *lcf;
    ngx_http_deskgate_srv_conf_t  *scf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_deskgate_module);

    if (lcf->enable) {
        return lcf;
    }

    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);
    scf = ngx_http_get_module_srv_conf(r, ngx_http_deskgate_module);

    return r->loc_conf == cscf->ctx->loc_conf
           || !ngx_http_deskgate_had_phases(r) ? scf->any : NULL;
}


/* Where a service counts: its place among the loaded models. */

unsigned
ngx_http_deskgate_service_row(const dg_service_t *service)
{
    ngx_uint_t      i;
    dg_service_t  **services;

    services = ngx_http_deskgate_worker.mcf->services.elts;

    for (i = 0; i < ngx_http_deskgate_worker.mcf->services.nelts; i++) {
        if (services[i] == service) {
            return i;
        }
    }

    return DG_COUNTERS_OTHER;
}


dg_span_t
ngx_http_deskgate_span(const ngx_str_t *s)
{
    return dg_span(s->data, s->len);
}


ngx_str_t
ngx_http_deskgate_str(dg_span_t s)
{
    ngx_str_t  str;

    str.data = (u_char *) s.data;
    str.len = s.len;

    return str;
}


/* The headers and the raw target as received; spans into nginx's buffers. */

dg_refusal_t
ngx_http_deskgate_view_request(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    size_t            n;
    ngx_uint_t        i;
    dg_header_t      *headers;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        n += part->nelts;
    }

    if (n > DG_REQUEST_HEADERS_MAX) {
        return DG_REFUSE_TOO_MANY_HEADERS;
    }

    headers = dg_arena_alloc(&ctx->arena, (n + 1) * sizeof(dg_header_t));
    if (headers == NULL) {
        return DG_REFUSE_INTERNAL;
    }

    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            headers[n].name = ngx_http_deskgate_span(&header[i].key);
            headers[n].value = ngx_http_deskgate_span(&header[i].value);
            n++;
        }
    }

    /* HTTP/2 has :authority in place of Host; nginx 1.22 lists it as Host */

    ctx->received.method = ngx_http_deskgate_span(&r->method_name);
    ctx->received.target = ngx_http_deskgate_span(&r->unparsed_uri);
    ctx->received.headers = headers;
    ctx->received.header_count = n;

    return DG_ALLOWED;
}


/*
 * Wakes a parked request: its handler is entered again at the same step.
 * Safe when the request is not parked any more.
 */

void
ngx_http_deskgate_wake(ngx_http_deskgate_ctx_t *ctx)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "deskgate wake, step %ui", ctx->step);

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(c);
}
