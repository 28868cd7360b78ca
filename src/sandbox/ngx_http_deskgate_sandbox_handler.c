/*
 * The content handler: reads the body, lets the call be answered, sends the
 * answer, if asked for after a delay.
 */

#include "ngx_http_deskgate_sandbox.h"

static void ngx_http_deskgate_sandbox_read(ngx_http_request_t *r);
static void ngx_http_deskgate_sandbox_finish(
    ngx_http_deskgate_sandbox_ctx_t *ctx);
static void ngx_http_deskgate_sandbox_timer(ngx_event_t *ev);
static void ngx_http_deskgate_sandbox_cleanup(void *data);


ngx_int_t
ngx_http_deskgate_sandbox_handler(ngx_http_request_t *r)
{
    ngx_int_t                         rc;
    ngx_pool_cleanup_t               *cln;
    ngx_http_deskgate_sandbox_ctx_t  *ctx;

    cln = ngx_pool_cleanup_add(r->pool,
                               sizeof(ngx_http_deskgate_sandbox_ctx_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_deskgate_sandbox_ctx_t));
    ctx->request = r;
    cln->handler = ngx_http_deskgate_sandbox_cleanup;

    ngx_http_set_ctx(r, ctx, ngx_http_deskgate_sandbox_module);

    rc = ngx_http_read_client_request_body(r, ngx_http_deskgate_sandbox_read);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


static void
ngx_http_deskgate_sandbox_cleanup(void *data)
{
    ngx_http_deskgate_sandbox_ctx_t  *ctx = data;

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }
}


static void
ngx_http_deskgate_sandbox_control(ngx_http_deskgate_sandbox_ctx_t *ctx)
{
    uint64_t            delay;
    const dg_header_t  *h;

    h = dg_request_header(&ctx->view, DG_SPAN("X-Deskgate-Sandbox-Delay"),
                          NULL);

    if (h != NULL && dg_span_to_u64(h->value, &delay)) {
        ctx->delay = delay < NGX_HTTP_DESKGATE_SANDBOX_DELAY_MAX
                     ? (ngx_msec_t) delay
                     : NGX_HTTP_DESKGATE_SANDBOX_DELAY_MAX;
    }

    h = dg_request_header(&ctx->view, DG_SPAN("X-Deskgate-Sandbox-Error"),
                          NULL);

    if (h != NULL) {
        ctx->provoke = h->value;
    }
}


static void
ngx_http_deskgate_sandbox_read(ngx_http_request_t *r)
{
    ngx_int_t                               rc;
    ngx_http_deskgate_sandbox_ctx_t        *ctx;
    ngx_http_deskgate_sandbox_loc_conf_t   *slcf;
    ngx_http_deskgate_sandbox_main_conf_t  *smcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_deskgate_sandbox_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_deskgate_sandbox_module);
    smcf = ngx_http_get_module_main_conf(r, ngx_http_deskgate_sandbox_module);

    dg_arena_init_grow(&ctx->arena, ngx_http_deskgate_sandbox_grow, r->pool,
                       16 * 1024, 64 * 1024 * 1024);

    rc = ngx_http_deskgate_sandbox_view(r, &ctx->view);

    if (rc == NGX_OK) {
        rc = ngx_http_deskgate_sandbox_body(r, &ctx->body);
    }

    if (rc == NGX_OK
        && dg_random_uuid(ngx_http_deskgate_sandbox_crypto(),
                          (char *) ctx->request_id)
           != DG_OK)
    {
        rc = NGX_ERROR;
    }

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, rc == NGX_DECLINED
                                     ? NGX_HTTP_BAD_REQUEST
                                     : NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_deskgate_sandbox_control(ctx);
    ngx_http_deskgate_sandbox_call(ctx, slcf, smcf->shm_zone->data);

    if (ctx->delay == 0) {
        ngx_http_deskgate_sandbox_finish(ctx);
        return;
    }

    ctx->timer.handler = ngx_http_deskgate_sandbox_timer;
    ctx->timer.data = ctx;
    ctx->timer.log = r->connection->log;
    ngx_add_timer(&ctx->timer, ctx->delay);

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;
}


static void
ngx_http_deskgate_sandbox_timer(ngx_event_t *ev)
{
    ngx_connection_t                 *c;
    ngx_http_deskgate_sandbox_ctx_t  *ctx = ev->data;

    c = ctx->request->connection;

    ngx_http_set_log_request(c->log, ctx->request);
    ngx_http_deskgate_sandbox_finish(ctx);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_deskgate_sandbox_finish(ngx_http_deskgate_sandbox_ctx_t *ctx)
{
    if (ctx->status == 0) {
        ngx_http_finalize_request(ctx->request,
                                  NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_finalize_request(ctx->request,
                              ngx_http_deskgate_sandbox_send(ctx));
}
