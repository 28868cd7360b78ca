/*
 * Copyright (C) the deskgate authors
 *
 * The broker's bearer token: fetched once for all workers, kept in the zone,
 * refreshed ahead of its end, never used behind it.
 */

#include "ngx_http_deskgate.h"

#include <signal.h>

#define NGX_HTTP_DESKGATE_TOKEN_LEASE    65000   /* ms; a fetch's longest */
#define NGX_HTTP_DESKGATE_TOKEN_RETRY    1000    /* ms, after a failure */
#define NGX_HTTP_DESKGATE_TOKEN_RETRIES  30000   /* ms, after many */
#define NGX_HTTP_DESKGATE_TOKEN_LIFE     300     /* s, when it is not said */
#define NGX_HTTP_DESKGATE_TOKEN_REFRESH  80      /* percent of its life */
#define NGX_HTTP_DESKGATE_TOKEN_PREFIX   (sizeof("Bearer ") - 1)


static ngx_int_t ngx_http_deskgate_broker_look(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_uint_t ngx_http_deskgate_client_has_gone(ngx_http_request_t *r);
static bool ngx_http_deskgate_process_alive(void *ctx, int32_t pid);
static ngx_int_t ngx_http_deskgate_broker_fetch(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_broker_wait(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static void ngx_http_deskgate_broker_wake_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_deskgate_broker_fetched(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_broker_keep(ngx_http_deskgate_ctx_t *ctx,
    const dg_token_reply_t *reply);
static ngx_int_t ngx_http_deskgate_broker_failed(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, const char *reason);
static void ngx_http_deskgate_broker_wake_waiting(void);
static void ngx_http_deskgate_broker_unpark(ngx_http_deskgate_ctx_t *ctx);
static dg_cache_key_t ngx_http_deskgate_broker_key(
    ngx_http_deskgate_ctx_t *ctx);


ngx_int_t
ngx_http_deskgate_broker_token(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_http_deskgate_fetch_t  *fetch;

    fetch = ctx->fetch;

    if (fetch) {
        if (!fetch->done) {
            return NGX_AGAIN;
        }

        ctx->fetch = NULL;

        return ngx_http_deskgate_client_has_gone(r)
               ? NGX_HTTP_CLIENT_CLOSED_REQUEST : fetch->result;
    }

    if (ctx->injected.len) {
        return NGX_OK;
    }

    if (ctx->wait_until && ngx_http_deskgate_client_has_gone(r)) {
        return NGX_HTTP_CLIENT_CLOSED_REQUEST;
    }

    /* what came first has woken us: the other may not come later */
    ngx_http_deskgate_broker_unpark(ctx);

    return ngx_http_deskgate_broker_look(r, ctx);
}


/*
 * While it waited nobody looked.  A call that nobody waits for any more is
 * not sent, as it would not be if the client left a moment later.
 */

static ngx_uint_t
ngx_http_deskgate_client_has_gone(ngx_http_request_t *r)
{
    return r->connection->error || r->connection->read->pending_eof;
}


static ngx_int_t
ngx_http_deskgate_broker_look(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    dg_err_t           err;
    dg_writer_t        w;
    dg_cache_key_t     key;
    dg_cache_looker_t  looker;
    dg_cache_result_t  result;

    if (ctx->injected_buffer == NULL) {
        ctx->injected_buffer = ngx_pnalloc(r->pool,
                                           NGX_HTTP_DESKGATE_TOKEN_SIZE);
        if (ctx->injected_buffer == NULL) {
            return NGX_ERROR;
        }
    }

    w = dg_writer(ctx->injected_buffer, NGX_HTTP_DESKGATE_TOKEN_SIZE);
    dg_write_cstr(&w, "Bearer ");

    key = ngx_http_deskgate_broker_key(ctx);

    looker.now = ngx_current_msec;
    looker.lease = NGX_HTTP_DESKGATE_TOKEN_LEASE;
    looker.pid = ngx_pid;
    looker.alive = ngx_http_deskgate_process_alive;
    looker.ctx = NULL;

    ngx_http_deskgate_zone_lock();
    err = dg_cache_look(ngx_http_deskgate_cache(), &key, &looker, &w,
                        &result);
    ngx_http_deskgate_zone_unlock();

    if (err != DG_OK) {
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_CACHE_FULL, 1);
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_ZONE_FULL, NULL);
    }

    if (result.state == DG_CACHE_HIT || result.state == DG_CACHE_SOFT) {
        ctx->injected.data = w.data;
        ctx->injected.len = w.len;
        ctx->injected_version = result.version;
    }

    switch (result.state) {

    case DG_CACHE_HIT:
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_CACHE_HIT, 1);
        return NGX_OK;

    case DG_CACHE_SOFT:
    case DG_CACHE_LEAD:
        ctx->leading = 1;
        ctx->lease = result.generation;
        ctx->failures = result.failures;
        return ngx_http_deskgate_broker_fetch(r, ctx);

    case DG_CACHE_WAIT:
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_CACHE_WAIT, 1);
        return ngx_http_deskgate_broker_wait(r, ctx);

    default: /* DG_CACHE_NEGATIVE */
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_CACHE_NEGATIVE, 1);
        return ngx_http_deskgate_refused(ctx,
                   DG_REFUSE_BROKER_TOKEN_UNAVAILABLE,
                   "the token endpoint failed shortly before");
    }
}


static bool
ngx_http_deskgate_process_alive(void *ctx, int32_t pid)
{
    return kill(pid, 0) == 0 || ngx_errno != NGX_ESRCH;
}


static dg_cache_key_t
ngx_http_deskgate_broker_key(ngx_http_deskgate_ctx_t *ctx)
{
    dg_cache_key_t  key;

    ngx_memcpy(key.bytes, ctx->lcf->broker->key, DG_CACHE_KEY_SIZE);

    return key;
}


static ngx_int_t
ngx_http_deskgate_broker_fetch(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_int_t                           rc;
    ngx_http_deskgate_broker_t         *broker;
    ngx_http_deskgate_fetch_request_t   request;

    static ngx_str_t  grant = ngx_string("grant_type=client_credentials");

    ngx_http_deskgate_header_t  headers[] = {
        { ngx_string("Authorization"), ngx_null_string },
        { ngx_string("Content-Type"),
          ngx_string("application/x-www-form-urlencoded") },
        { ngx_string("Accept"), ngx_string("application/json") }
    };

    broker = ctx->lcf->broker;
    headers[0].value = broker->basic;

    ngx_memzero(&request, sizeof(ngx_http_deskgate_fetch_request_t));

    request.uri = broker->token;
    request.method = NGX_HTTP_POST;
    ngx_str_set(&request.method_name, "POST");
    request.headers = headers;
    request.header_count = sizeof(headers) / sizeof(headers[0]);
    request.limit = DG_TOKEN_REPLY_TEXT;
    request.fetched = ngx_http_deskgate_broker_fetched;

    if (broker->grant_in_body) {
        request.body = grant;

    } else {
        request.args = grant;
    }

    rc = ngx_http_deskgate_fetch_start(r, ctx, &request);

    if (rc != NGX_AGAIN) {
        ngx_http_deskgate_broker_abandon(ctx);
    }

    return rc;
}


/*
 * Another request fetches.  One of this worker wakes us when it is done;
 * others cannot, so we look again now and then.
 */

static ngx_int_t
ngx_http_deskgate_broker_wait(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    if (ctx->wait_until == 0) {
        ctx->wait_until = ngx_current_msec + NGX_HTTP_DESKGATE_TOKEN_LEASE;

    } else if ((ngx_msec_int_t) (ctx->wait_until - ngx_current_msec) <= 0) {
        return ngx_http_deskgate_refused(ctx,
                   DG_REFUSE_BROKER_TOKEN_UNAVAILABLE,
                   "waited too long for another request's fetch");
    }

    ctx->wake.handler = ngx_http_deskgate_broker_wake_handler;
    ctx->wake.data = ctx;
    ctx->wake.log = r->connection->log;

    if (!ctx->waiting) {
        ngx_queue_insert_tail(&ngx_http_deskgate_worker.waiting,
                              &ctx->waiter);
        ctx->waiting = 1;
    }

    if (!ctx->wake.timer_set && !ctx->wake.posted) {
        ngx_add_timer(&ctx->wake, NGX_HTTP_DESKGATE_WAIT_POLL);
    }

    r->write_event_handler = ngx_http_core_run_phases;

    return NGX_AGAIN;
}


static void
ngx_http_deskgate_broker_wake_handler(ngx_event_t *ev)
{
    ngx_http_deskgate_ctx_t  *ctx = ev->data;

    if (ctx->waiting) {
        ngx_queue_remove(&ctx->waiter);
        ctx->waiting = 0;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_http_deskgate_wake(ctx);
}


static ngx_int_t
ngx_http_deskgate_broker_fetched(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_int_t                   rc;
    dg_diag_t                   diag;
    dg_token_reply_t            reply;
    ngx_http_deskgate_fetch_t  *fetch;

    fetch = ctx->fetch;

    if (fetch->refusal != DG_ALLOWED) {
        return ngx_http_deskgate_broker_failed(r, ctx, fetch->reason);
    }

    if (fetch->too_large) {
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_FETCH_OVERFLOW, 1);
        return ngx_http_deskgate_broker_failed(r, ctx,
                                               "its answer is too large");
    }

    if (fetch->status != NGX_HTTP_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "deskgate: token endpoint \"%V\" of broker \"%V\" "
                      "answered %ui", &ctx->lcf->broker->token,
                      &ctx->lcf->broker->name, fetch->status);

        return ngx_http_deskgate_broker_failed(r, ctx,
                   fetch->status == NGX_HTTP_UNAUTHORIZED
                   ? "it refused our client_id and secret"
                   : "it did not answer 200");
    }

    if (!fetch->whole) {
        return ngx_http_deskgate_broker_failed(r, ctx,
                                               "its answer was cut short");
    }

    diag.text[0] = '\0';

    if (dg_token_reply_parse(&ctx->arena, dg_span(fetch->data, fetch->len),
                             NGX_HTTP_DESKGATE_TOKEN_LIFE, &reply, &diag)
        != DG_OK)
    {
        dg_wipe(fetch->data, fetch->len);

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "deskgate: answer of token endpoint \"%V\": %s",
                      &ctx->lcf->broker->token, diag.text);

        return ngx_http_deskgate_broker_failed(r, ctx,
                                               "its answer is malformed");
    }

    dg_wipe(fetch->data, fetch->len);

    if (reply.access_token.len
        > NGX_HTTP_DESKGATE_TOKEN_SIZE - NGX_HTTP_DESKGATE_TOKEN_PREFIX)
    {
        dg_token_reply_wipe(&reply);
        return ngx_http_deskgate_broker_failed(r, ctx,
                                               "its token is too large");
    }

    rc = ngx_http_deskgate_broker_keep(ctx, &reply);

    dg_token_reply_wipe(&reply);

    if (rc == NGX_OK) {
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_FETCH_OK, 1);
    }

    return rc;
}


static ngx_int_t
ngx_http_deskgate_broker_keep(ngx_http_deskgate_ctx_t *ctx,
    const dg_token_reply_t *reply)
{
    int64_t         now, life;
    dg_err_t        err;
    dg_writer_t     w;
    dg_cache_key_t  key;

    key = ngx_http_deskgate_broker_key(ctx);
    now = ngx_current_msec;
    life = reply->expires_in * 1000;

    ngx_http_deskgate_zone_lock();
    err = dg_cache_fill(ngx_http_deskgate_cache(), &key, ctx->lease,
                        reply->access_token, now,
                        now + life / 100 * NGX_HTTP_DESKGATE_TOKEN_REFRESH,
                        now + life);
    ngx_http_deskgate_zone_unlock();

    if (err == DG_OK || err == DG_ERR_EXPIRED) {
        /* given back by the fill, or taken over by another meanwhile */
        ctx->leading = 0;
        ngx_http_deskgate_broker_wake_waiting();

    } else {
        ngx_http_deskgate_broker_abandon(ctx);
    }

    if (err == DG_ERR_EXPIRED) {
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_FETCH_LATE, 1);
    }

    if (err == DG_ERR_FULL || err == DG_ERR_LIMIT) {
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_CACHE_FULL, 1);
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_ZONE_FULL, NULL);
    }

    w = dg_writer(ctx->injected_buffer, NGX_HTTP_DESKGATE_TOKEN_SIZE);
    dg_write_cstr(&w, "Bearer ");
    dg_write_span(&w, reply->access_token);

    ctx->injected.data = w.data;
    ctx->injected.len = w.len;
    ctx->injected_version = ctx->lease;

    return NGX_OK;
}


/* A token that is still valid goes on being used. */

static ngx_int_t
ngx_http_deskgate_broker_failed(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, const char *reason)
{
    int64_t         retry;
    dg_err_t        err;
    dg_cache_key_t  key;

    dg_count(ngx_http_deskgate_counters(), DG_COUNT_FETCH_FAILED, 1);

    /* half an answer may be a whole token */

    if (ctx->fetch->data) {
        dg_wipe(ctx->fetch->data, ctx->fetch->len);
    }

    key = ngx_http_deskgate_broker_key(ctx);
    retry = dg_cache_backoff(ctx->failures + 1, NGX_HTTP_DESKGATE_TOKEN_RETRY,
                             NGX_HTTP_DESKGATE_TOKEN_RETRIES);

    ngx_http_deskgate_zone_lock();
    err = dg_cache_fail(ngx_http_deskgate_cache(), &key, ctx->lease,
                        ngx_current_msec + retry,
                        DG_REFUSE_BROKER_TOKEN_UNAVAILABLE);
    ngx_http_deskgate_zone_unlock();

    if (err != DG_OK) {
        ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "deskgate: another request has the lease by now");
    }

    ctx->leading = 0;
    ngx_http_deskgate_broker_wake_waiting();

    if (ctx->injected.len) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "deskgate: the token of broker \"%V\" could not be "
                      "refreshed (%s); the old one is used while it is valid",
                      &ctx->lcf->broker->name, reason);
        return NGX_OK;
    }

    return ngx_http_deskgate_refused(ctx, DG_REFUSE_BROKER_TOKEN_UNAVAILABLE,
                                     reason);
}


static void
ngx_http_deskgate_broker_wake_waiting(void)
{
    ngx_queue_t              *q;
    ngx_http_deskgate_ctx_t  *ctx;

    while (!ngx_queue_empty(&ngx_http_deskgate_worker.waiting)) {
        q = ngx_queue_head(&ngx_http_deskgate_worker.waiting);
        ngx_queue_remove(q);

        ctx = ngx_queue_data(q, ngx_http_deskgate_ctx_t, waiter);
        ctx->waiting = 0;

        ngx_post_event(&ctx->wake, &ngx_posted_events);
    }
}


/* The request ends, or cannot fetch: whoever waits takes over. */

void
ngx_http_deskgate_broker_abandon(ngx_http_deskgate_ctx_t *ctx)
{
    dg_cache_key_t  key;

    if (ctx->leading) {
        ctx->leading = 0;
        key = ngx_http_deskgate_broker_key(ctx);

        ngx_http_deskgate_zone_lock();
        dg_cache_abandon(ngx_http_deskgate_cache(), &key, ctx->lease);
        ngx_http_deskgate_zone_unlock();

        ngx_http_deskgate_broker_wake_waiting();
    }

    ngx_http_deskgate_broker_unpark(ctx);
}


static void
ngx_http_deskgate_broker_unpark(ngx_http_deskgate_ctx_t *ctx)
{
    if (ctx->waiting) {
        ctx->waiting = 0;
        ngx_queue_remove(&ctx->waiter);
    }

    if (ctx->wake.posted) {
        ngx_delete_posted_event(&ctx->wake);
    }

    if (ctx->wake.timer_set) {
        ngx_del_timer(&ctx->wake);
    }
}


/* The broker answered 401: the token is no good for the next call either. */

void
ngx_http_deskgate_broker_refused(ngx_http_deskgate_ctx_t *ctx)
{
    dg_cache_key_t  key;

    if (ctx->injected.len == 0) {
        return;
    }

    key = ngx_http_deskgate_broker_key(ctx);

    ngx_http_deskgate_zone_lock();
    dg_cache_drop(ngx_http_deskgate_cache(), &key, ctx->injected_version);
    ngx_http_deskgate_zone_unlock();
}
