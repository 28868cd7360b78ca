/*
 * Copyright (C) the deskgate authors
 *
 * Tokens that the gateway makes for a broker whose authorization server it
 * is: one for each caller, kept for all workers until most of its life is
 * over, since a signature with RSA costs as much as hundreds of calls.  Nobody
 * ever waits for another's: who finds none makes one.
 */

#include "ngx_http_deskgate.h"

#define NGX_HTTP_DESKGATE_MADE_PREFIX   "Bearer "
#define NGX_HTTP_DESKGATE_MADE_SIZE     (sizeof("Bearer ") - 1               \
                                         + DG_SIGNER_TOKEN_MAX)
#define NGX_HTTP_DESKGATE_MADE_LEASE    1000  /* ms; making takes one */


static ngx_int_t ngx_http_deskgate_made_key(ngx_http_deskgate_ctx_t *ctx,
    const dg_signer_t *signer, dg_cache_key_t *key);
static ngx_int_t ngx_http_deskgate_make_token(ngx_http_deskgate_ctx_t *ctx,
    const dg_signer_t *signer, dg_writer_t *w, int64_t *end);
static void ngx_http_deskgate_made_keep(const dg_cache_key_t *key,
    uint64_t lease, dg_span_t token, int64_t life);


/* NGX_OK: ctx->injected.  NGX_DECLINED: none, or the broker refused it. */

ngx_int_t
ngx_http_deskgate_made_token(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    u_char                         *memory;
    int64_t                         end;
    dg_err_t                        err;
    dg_writer_t                     w;
    dg_cache_key_t                  key;
    dg_cache_result_t               result;
    dg_cache_looker_t               looker;
    const dg_signer_t              *signer;
    ngx_http_deskgate_authority_t  *authority;

    authority = ctx->lcf->broker->authority;

    signer = dg_signer_choose(authority->signers.elts,
                              authority->signers.nelts, ngx_time());

    memory = ngx_http_deskgate_secret_memory(r, NGX_HTTP_DESKGATE_MADE_SIZE);

    if (signer == NULL || memory == NULL
        || ngx_http_deskgate_made_key(ctx, signer, &key) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memzero(&looker, sizeof(dg_cache_looker_t));

    looker.now = ngx_current_msec;
    looker.lease = NGX_HTTP_DESKGATE_MADE_LEASE;
    looker.pid = ngx_pid;

    w = dg_writer(memory, NGX_HTTP_DESKGATE_MADE_SIZE);
    dg_write_cstr(&w, NGX_HTTP_DESKGATE_MADE_PREFIX);

    ngx_http_deskgate_zone_lock();

    if (ctx->injected.len) {
        dg_cache_drop(ngx_http_deskgate_cache(), &key, 0);
    }

    err = dg_cache_look(ngx_http_deskgate_cache(), &key, &looker, &w,
                        &result);

    ngx_http_deskgate_zone_unlock();

    if (err == DG_OK && result.state == DG_CACHE_HIT) {
        ctx->injected = ngx_http_deskgate_str(dg_written(&w));
        return NGX_OK;
    }

    w = dg_writer(memory, NGX_HTTP_DESKGATE_MADE_SIZE);
    dg_write_cstr(&w, NGX_HTTP_DESKGATE_MADE_PREFIX);

    if (ngx_http_deskgate_make_token(ctx, signer, &w, &end) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->injected = ngx_http_deskgate_str(dg_written(&w));

    if (err == DG_OK && (result.state == DG_CACHE_LEAD
                         || result.state == DG_CACHE_SOFT))
    {
        ngx_http_deskgate_made_keep(&key, result.generation,
                   dg_span_slice(dg_written(&w),
                                 sizeof(NGX_HTTP_DESKGATE_MADE_PREFIX) - 1,
                                 w.len),
                   (end - ngx_time()) * 1000);
    }

    return NGX_OK;
}


/* All that the token says but its times. */

static ngx_int_t
ngx_http_deskgate_made_key(ngx_http_deskgate_ctx_t *ctx,
    const dg_signer_t *signer, dg_cache_key_t *key)
{
    dg_span_t                    texts[8];
    ngx_http_deskgate_broker_t  *broker;

    broker = ctx->lcf->broker;

    texts[0] = DG_SPAN("a broker's token, made here");
    texts[1] = ngx_http_deskgate_span(&broker->name);
    texts[2] = ngx_http_deskgate_span(&broker->authority->issuer);
    texts[3] = ngx_http_deskgate_span(&broker->authority->audience);
    texts[4] = ngx_http_deskgate_span(&broker->scope);
    texts[5] = ngx_http_deskgate_span(&broker->client_id);
    texts[6] = dg_signer_kid(signer);
    texts[7] = ctx->caller.arn;

    return ngx_http_deskgate_cache_key(ngx_http_deskgate_worker.crypto, texts,
                                       8, key);
}


static ngx_int_t
ngx_http_deskgate_make_token(ngx_http_deskgate_ctx_t *ctx,
    const dg_signer_t *signer, dg_writer_t *w, int64_t *end)
{
    char                         jti[DG_SIGNER_JTI_SIZE];
    dg_caller_t                  caller;
    dg_writer_t                  claims;
    dg_signer_claims_t           c;
    ngx_http_deskgate_broker_t  *broker;

    broker = ctx->lcf->broker;

    claims = dg_writer(dg_arena_alloc(&ctx->arena, DG_SIGNER_CLAIMS_MAX),
                       DG_SIGNER_CLAIMS_MAX);

    if (claims.data == NULL
        || dg_random_uuid(ngx_http_deskgate_worker.crypto, jti) != DG_OK)
    {
        return NGX_ERROR;
    }

    /* who calls with it is judged anew each time; others use it after him */

    caller = ctx->caller;
    caller.expires_at = 0;

    ngx_memzero(&c, sizeof(dg_signer_claims_t));

    c.issuer = ngx_http_deskgate_span(&broker->authority->issuer);
    c.audience = ngx_http_deskgate_span(&broker->authority->audience);
    c.client_id = broker->client_id.len
                  ? ngx_http_deskgate_span(&broker->client_id)
                  : DG_SPAN("deskgate");
    c.scope = ngx_http_deskgate_span(&broker->scope);
    c.jti = dg_span(jti, sizeof(jti));
    c.now = ngx_time();
    c.lifetime = broker->authority->lifetime;
    c.caller = &caller;

    *end = dg_signer_write_broker(&claims, &c);

    return *end && !claims.overflow
           && dg_jwt_sign(w, signer, DG_SPAN("JWT"), dg_written(&claims))
              == DG_OK
           && !w->overflow
           ? NGX_OK : NGX_ERROR;
}


/* One that finds no place serves this call alone. */

static void
ngx_http_deskgate_made_keep(const dg_cache_key_t *key, uint64_t lease,
    dg_span_t token, int64_t life)
{
    int64_t   now;
    dg_err_t  err;

    now = ngx_current_msec;

    ngx_http_deskgate_zone_lock();

    err = dg_cache_fill(ngx_http_deskgate_cache(), key, lease, token, now,
                        now + life / 100 * 80, now + life);

    if (err == DG_ERR_FULL || err == DG_ERR_LIMIT) {
        dg_cache_abandon(ngx_http_deskgate_cache(), key, lease);
    }

    ngx_http_deskgate_zone_unlock();

    if (err == DG_ERR_FULL) {
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_CACHE_FULL, 1);
    }
}
