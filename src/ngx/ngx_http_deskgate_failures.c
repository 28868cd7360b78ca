/*
 * Copyright (C) the deskgate authors
 *
 * Failed authentications are limited for each address, so that a storm of
 * random tokens costs no signature checks.
 *
 * A failure takes a token out of the address's bucket.  While it is empty,
 * what would have to be verified at some cost, or cannot be right, is not
 * looked at: a bearer token that is not known from a call before, a key that
 * is in no key file.  Signatures of known keys are verified all the same: it
 * costs little, and who shares an address with a storm goes on.
 */

#include "ngx_http_deskgate_conf.h"

#define NGX_HTTP_DESKGATE_FAILURES_RATE   100   /* a second */
#define NGX_HTTP_DESKGATE_FAILURES_BURST  1000
#define NGX_HTTP_DESKGATE_IPV6_NETWORK    8     /* bytes: who has a /64 has
                                                   all of its addresses */


static dg_throttle_take_t ngx_http_deskgate_failures_take(
    ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx);


/* deskgate_authentication_failures rate=100r/s [burst=1000] | off */

char *
ngx_http_deskgate_conf_failures(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    uint32_t                       tokens, period;
    ngx_int_t                      burst;
    ngx_str_t                     *value, text;
    ngx_uint_t                     i;
    ngx_http_deskgate_loc_conf_t  *lcf = conf;

    if (lcf->failures != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        lcf->failures = NULL;
        return NGX_CONF_OK;
    }

    burst = NGX_HTTP_DESKGATE_FAILURES_BURST;
    ngx_str_null(&text);

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "rate=", 5) == 0) {
            text.data = value[i].data + 5;
            text.len = value[i].len - 5;

        } else if (ngx_strncmp(value[i].data, "burst=", 6) == 0) {
            burst = ngx_atoi(value[i].data + 6, value[i].len - 6);

        } else {
            return "takes rate=, burst=, or off";
        }
    }

    if (ngx_http_deskgate_parse_rate(&text, &tokens, &period) != NGX_OK) {
        return "needs rate=Nr/s, Nr/m or Nr/h";
    }

    lcf->failures = ngx_palloc(cf->pool, sizeof(dg_throttle_rate_t));
    if (lcf->failures == NULL) {
        return NGX_CONF_ERROR;
    }

    if (burst < 1 || dg_throttle_rate(tokens, period, burst, lcf->failures)
                     != DG_OK)
    {
        return "has a rate or burst out of bounds";
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_deskgate_failures_merge(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *prev, ngx_http_deskgate_loc_conf_t *conf)
{
    if (conf->failures != NGX_CONF_UNSET_PTR) {
        return NGX_OK;
    }

    if (prev->failures == NGX_CONF_UNSET_PTR) {
        prev->failures = ngx_palloc(cf->pool, sizeof(dg_throttle_rate_t));

        if (prev->failures == NULL
            || dg_throttle_rate(NGX_HTTP_DESKGATE_FAILURES_RATE, 1000,
                                NGX_HTTP_DESKGATE_FAILURES_BURST,
                                prev->failures)
               != DG_OK)
        {
            return NGX_ERROR;
        }
    }

    conf->failures = prev->failures;

    return NGX_OK;
}


/* Before work that a failure would waste: NGX_OK, or refused. */

ngx_int_t
ngx_http_deskgate_failures_check(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    dg_err_t              err;
    dg_throttle_take_t    take;
    dg_throttle_result_t  result;

    if (ctx->lcf->failures == NULL) {
        return NGX_OK;
    }

    take = ngx_http_deskgate_failures_take(r, ctx);

    ngx_http_deskgate_zone_lock();
    err = dg_throttle_peek(ngx_http_deskgate_throttle_table(), &take, 1,
                           ngx_current_msec, &result);
    ngx_http_deskgate_zone_unlock();

    if (err == DG_OK && result.allowed) {
        return NGX_OK;
    }

    ctx->retry_after = err == DG_OK ? result.retry_ms : 0;

    return ngx_http_deskgate_refused(ctx, DG_REFUSE_AUTHENTICATION_RATE,
                                     NULL);
}


/* Refuses, and counts the failure when it is one. */

ngx_int_t
ngx_http_deskgate_failed(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx,
    dg_refusal_t refusal)
{
    dg_err_t              err;
    dg_throttle_take_t    take;
    dg_throttle_result_t  result;

    if (ctx->lcf->failures && dg_refusal_is_failed_authentication(refusal)) {
        take = ngx_http_deskgate_failures_take(r, ctx);

        ngx_http_deskgate_zone_lock();
        err = dg_throttle_take(ngx_http_deskgate_throttle_table(), &take, 1,
                               ngx_current_msec, DG_THROTTLE_EVICT, &result);
        ngx_http_deskgate_zone_unlock();

        if (err == DG_OK && result.evicted) {
            dg_count(ngx_http_deskgate_counters(), DG_COUNT_THROTTLE_EVICTED,
                     result.evicted);
        }
    }

    return ngx_http_deskgate_refused(ctx, refusal, NULL);
}


static dg_throttle_take_t
ngx_http_deskgate_failures_take(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    dg_span_t            parts[3];
    dg_throttle_take_t   take;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    parts[0] = DG_SPAN("failed authentications");
    parts[1] = dg_span(ctx->lcf->failures, sizeof(dg_throttle_rate_t));
    parts[2] = ngx_http_deskgate_span(&r->connection->addr_text);

#if (NGX_HAVE_INET6)
    if (r->connection->sockaddr->sa_family == AF_INET6) {
        sin6 = (struct sockaddr_in6 *) r->connection->sockaddr;

        if (!IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            parts[2] = dg_span(&sin6->sin6_addr,
                               NGX_HTTP_DESKGATE_IPV6_NETWORK);
        }
    }
#endif

    take.key = dg_throttle_key(ngx_http_deskgate_throttle_table(), parts, 3);
    take.rate = *ctx->lcf->failures;
    take.cost = 1;

    return take;
}
