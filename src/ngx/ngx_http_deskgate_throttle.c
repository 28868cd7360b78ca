/*
 * Copyright (C) the deskgate authors
 *
 * One charge a call, from every bucket that applies or from none.
 */

#include "ngx_http_deskgate.h"

#define NGX_HTTP_DESKGATE_KEY_PARTS  8


static ngx_int_t ngx_http_deskgate_bucket_key(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_throttle_t *throttle,
    dg_throttle_key_t *key);


ngx_int_t
ngx_http_deskgate_throttle(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    dg_err_t                        err;
    ngx_uint_t                      i, n;
    dg_throttle_take_t              takes[DG_THROTTLE_TAKES_MAX];
    dg_throttle_result_t            result;
    ngx_http_deskgate_throttle_t  **throttle;

    if (ctx->lcf->throttles == NULL || ctx->throttled) {
        return NGX_OK;
    }

    throttle = ctx->lcf->throttles->elts;
    n = ctx->lcf->throttles->nelts;

    for (i = 0; i < n; i++) {
        if (ngx_http_deskgate_bucket_key(r, ctx, throttle[i], &takes[i].key)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        takes[i].rate = throttle[i]->rate;
        takes[i].cost = 1;
    }

    ngx_http_deskgate_zone_lock();
    err = dg_throttle_take(ngx_http_deskgate_throttle_table(), takes, n,
                           ngx_current_msec, DG_THROTTLE_EVICT, &result);
    ngx_http_deskgate_zone_unlock();

    if (err != DG_OK) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_THROTTLE_FULL, NULL);
    }

    ctx->throttled = 1;

    if (result.evicted) {
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_THROTTLE_EVICTED,
                 result.evicted);
    }

    if (result.allowed) {
        return NGX_OK;
    }

    ctx->bucket = throttle[result.bucket];
    ctx->retry_after = result.retry_ms;

    return ngx_http_deskgate_refused(ctx, DG_REFUSE_THROTTLED, NULL);
}


/*
 * Every throttle is a key of its own, also where two are written alike; each
 * part is marked, so that no value of one can be taken for another.
 */

static ngx_int_t
ngx_http_deskgate_bucket_key(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_throttle_t *throttle,
    dg_throttle_key_t *key)
{
    size_t      n;
    dg_span_t   parts[NGX_HTTP_DESKGATE_KEY_PARTS];
    ngx_str_t   value;

    n = 0;
    parts[n++] = dg_span(&throttle->parts, sizeof(throttle->parts));
    parts[n++] = ngx_http_deskgate_span(&throttle->id);

    if (throttle->parts & NGX_HTTP_DESKGATE_BY_CALLER) {
        parts[n++] = ctx->caller.arn;
    }

    if (throttle->parts & NGX_HTTP_DESKGATE_BY_ACCOUNT) {
        parts[n++] = ctx->caller.account;
    }

    if (throttle->parts & NGX_HTTP_DESKGATE_BY_SERVICE) {
        parts[n++] = ctx->call.service->name;
    }

    if (throttle->parts & NGX_HTTP_DESKGATE_BY_OPERATION) {
        parts[n++] = ctx->call.operation->name;
    }

    if (throttle->parts & NGX_HTTP_DESKGATE_BY_ADDRESS) {
        parts[n++] = ngx_http_deskgate_span(&r->connection->addr_text);
    }

    if (throttle->variable) {
        if (ngx_http_complex_value(r, throttle->variable, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        parts[n++] = ngx_http_deskgate_span(&value);
    }

    *key = dg_throttle_key(ngx_http_deskgate_throttle_table(), parts, n);

    return NGX_OK;
}
