/*
 * Copyright (C) the deskgate authors
 *
 * Handles: what a client of a broker holds in place of the broker's token.
 * The zone knows a handle by its hash and keeps the token under it until
 * that ends, or until the broker refuses it.
 *
 * A client has a bounded number of them.  Beside the tokens there is, for
 * each client, the list of their keys, newest first: one more drops the
 * oldest.
 */

#include "ngx_http_deskgate.h"

#define NGX_HTTP_DESKGATE_HANDLE_PREFIX  "dgh1_"
#define NGX_HTTP_DESKGATE_HANDLE_RANDOM  32
#define NGX_HTTP_DESKGATE_HANDLE_SIZE    64
#define NGX_HTTP_DESKGATE_HANDLES_MAX    16     /* of a client */
#define NGX_HTTP_DESKGATE_HANDLE_LEASE   1000   /* ms; made under one lock */

/* the client's id and a blank before the token */
#define NGX_HTTP_DESKGATE_HANDLED_SIZE                                       \
    (2 * DG_GRANT_BASIC_MAX + 1 + NGX_HTTP_DESKGATE_TOKEN_SIZE)


static ngx_int_t ngx_http_deskgate_handle_key(
    const ngx_http_deskgate_broker_t *broker, dg_span_t handle,
    dg_cache_key_t *key);
static ngx_int_t ngx_http_deskgate_handles_key(
    const ngx_http_deskgate_broker_t *broker, dg_span_t client_id,
    dg_cache_key_t *key);
static dg_err_t ngx_http_deskgate_handle_list(const dg_cache_key_t *list,
    const dg_cache_key_t *key, int64_t end);
static dg_err_t ngx_http_deskgate_handle_put(const dg_cache_key_t *key,
    dg_span_t value, int64_t end);
static dg_cache_looker_t ngx_http_deskgate_handle_looker(void);
static ngx_uint_t ngx_http_deskgate_handle_find(const dg_cache_key_t *key,
    dg_writer_t *w, int64_t *end);


ngx_uint_t
ngx_http_deskgate_is_handle(dg_span_t token)
{
    return dg_span_starts_with(token,
                               DG_SPAN(NGX_HTTP_DESKGATE_HANDLE_PREFIX));
}


/* Who a client of the broker is here. */

ngx_int_t
ngx_http_deskgate_handle_caller(ngx_http_deskgate_ctx_t *ctx,
    const ngx_http_deskgate_broker_t *broker, dg_span_t client_id)
{
    size_t       size, begin;
    dg_writer_t  w;

    static const dg_span_t  first = DG_SPAN("arn:aws:deskgate::");
    static const dg_span_t  kind = DG_SPAN(":opaque/");

    size = first.len + ctx->offer->account.len + kind.len
           + broker->name.len + 1 + 3 * client_id.len;

    w = dg_writer(dg_arena_alloc(&ctx->arena, size), size);
    if (w.data == NULL) {
        return NGX_ERROR;
    }

    dg_write_span(&w, first);
    dg_write_span(&w, ngx_http_deskgate_span(&ctx->offer->account));
    begin = w.len + 1;
    dg_write_span(&w, kind);
    dg_write_arn_part(&w, ngx_http_deskgate_span(&broker->name));
    dg_write_char(&w, '/');
    dg_write_arn_part(&w, client_id);

    if (w.overflow) {
        return NGX_ERROR;
    }

    ngx_memzero(&ctx->caller, sizeof(dg_caller_t));

    ctx->caller.kind = DG_CALLER_OPAQUE;
    ctx->caller.arn = dg_written(&w);
    ctx->caller.user_id = dg_span_slice(ctx->caller.arn, begin, w.len);
    ctx->caller.account = ngx_http_deskgate_span(&ctx->offer->account);
    ctx->caller.principal_type = DG_SPAN("WebIdentityUser");
    ctx->caller.issuer = ngx_http_deskgate_span(&broker->name);
    ctx->caller.subject = client_id;

    return NGX_OK;
}


/*
 * NGX_OK: *handle stands for the token of ctx->caller for `life` ms.
 * NGX_DECLINED: there is no room.
 */

ngx_int_t
ngx_http_deskgate_handle_make(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_span_t token, int64_t life,
    dg_span_t *handle)
{
    u_char                             *memory;
    int64_t                             end;
    uint8_t                             bytes[NGX_HTTP_DESKGATE_HANDLE_RANDOM];
    dg_err_t                            err;
    dg_writer_t                         w, value;
    dg_cache_key_t                      key, list;
    const ngx_http_deskgate_broker_t   *broker;

    broker = ctx->lcf->pass;

    memory = ngx_http_deskgate_secret_memory(r,
                                             NGX_HTTP_DESKGATE_HANDLE_SIZE);
    w = dg_writer(memory, NGX_HTTP_DESKGATE_HANDLE_SIZE);

    value = dg_writer(ngx_http_deskgate_secret_memory(r,
                                           NGX_HTTP_DESKGATE_HANDLED_SIZE),
                      NGX_HTTP_DESKGATE_HANDLED_SIZE);

    if (memory == NULL || value.data == NULL
        || dg_random(ngx_http_deskgate_worker.crypto, bytes, sizeof(bytes))
           != DG_OK)
    {
        return NGX_ERROR;
    }

    dg_write_cstr(&w, NGX_HTTP_DESKGATE_HANDLE_PREFIX);
    dg_write_base64url(&w, dg_span(bytes, sizeof(bytes)));
    dg_wipe(bytes, sizeof(bytes));

    dg_write_base64url(&value, ctx->caller.subject);
    dg_write_char(&value, ' ');
    dg_write_span(&value, token);

    *handle = dg_written(&w);

    if (value.overflow
        || ngx_http_deskgate_handle_key(broker, *handle, &key) != NGX_OK
        || ngx_http_deskgate_handles_key(broker, ctx->caller.subject, &list)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    end = ngx_current_msec + life;

    ngx_http_deskgate_zone_lock();

    err = ngx_http_deskgate_handle_list(&list, &key, end);

    if (err == DG_OK) {
        err = ngx_http_deskgate_handle_put(&key, dg_written(&value), end);
    }

    ngx_http_deskgate_zone_unlock();

    if (err != DG_OK) {
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_CACHE_FULL, 1);
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_ZONE_FULL, NULL);
    }

    return NGX_OK;
}


/* A handle is good for the broker that it was made for, as it is now. */

static ngx_int_t
ngx_http_deskgate_handle_key(const ngx_http_deskgate_broker_t *broker,
    dg_span_t handle, dg_cache_key_t *key)
{
    dg_span_t  texts[4];

    texts[0] = DG_SPAN("a handle of broker");
    texts[1] = ngx_http_deskgate_span(&broker->name);
    texts[2] = ngx_http_deskgate_span(&broker->token);
    texts[3] = handle;

    return ngx_http_deskgate_cache_key(ngx_http_deskgate_worker.crypto, texts,
                                       4, key);
}


static ngx_int_t
ngx_http_deskgate_handles_key(const ngx_http_deskgate_broker_t *broker,
    dg_span_t client_id, dg_cache_key_t *key)
{
    dg_span_t  texts[4];

    texts[0] = DG_SPAN("the handles of a client of broker");
    texts[1] = ngx_http_deskgate_span(&broker->name);
    texts[2] = ngx_http_deskgate_span(&broker->token);
    texts[3] = client_id;

    return ngx_http_deskgate_cache_key(ngx_http_deskgate_worker.crypto, texts,
                                       4, key);
}


/* With the lock: the client's list, with one more key in front. */

static dg_err_t
ngx_http_deskgate_handle_list(const dg_cache_key_t *list,
    const dg_cache_key_t *key, int64_t end)
{
    size_t          n;
    uint8_t         old[NGX_HTTP_DESKGATE_HANDLES_MAX * DG_CACHE_KEY_SIZE];
    uint8_t         keys[sizeof(old) + DG_CACHE_KEY_SIZE];
    int64_t         last;
    dg_writer_t     w;
    dg_cache_key_t  oldest;

    w = dg_writer(old, sizeof(old));
    last = end;

    if (ngx_http_deskgate_handle_find(list, &w, &last)) {
        dg_cache_drop(ngx_http_deskgate_cache(), list, 0);
    }

    n = w.len;

    ngx_memcpy(keys, key->bytes, DG_CACHE_KEY_SIZE);
    ngx_memcpy(keys + DG_CACHE_KEY_SIZE, old, n);

    if (n == sizeof(old)) {
        n -= DG_CACHE_KEY_SIZE;
        ngx_memcpy(oldest.bytes, old + n, DG_CACHE_KEY_SIZE);
        dg_cache_drop(ngx_http_deskgate_cache(), &oldest, 0);
    }

    return ngx_http_deskgate_handle_put(list,
                                        dg_span(keys, n + DG_CACHE_KEY_SIZE),
                                        ngx_max(last, end));
}


/* With the lock: a value where none is. */

static dg_err_t
ngx_http_deskgate_handle_put(const dg_cache_key_t *key, dg_span_t value,
    int64_t end)
{
    dg_err_t           err;
    dg_cache_looker_t  looker;
    dg_cache_result_t  result;

    looker = ngx_http_deskgate_handle_looker();

    err = dg_cache_look(ngx_http_deskgate_cache(), key, &looker, NULL,
                        &result);

    if (err != DG_OK || result.state != DG_CACHE_LEAD) {
        return err == DG_OK ? DG_ERR_FULL : err;
    }

    err = dg_cache_fill(ngx_http_deskgate_cache(), key, result.generation,
                        value, looker.now, end, end);

    if (err != DG_OK) {
        dg_cache_abandon(ngx_http_deskgate_cache(), key, result.generation);
    }

    return err;
}


static dg_cache_looker_t
ngx_http_deskgate_handle_looker(void)
{
    dg_cache_looker_t  looker;

    ngx_memzero(&looker, sizeof(dg_cache_looker_t));

    looker.now = ngx_current_msec;
    looker.lease = NGX_HTTP_DESKGATE_HANDLE_LEASE;
    looker.pid = ngx_pid;

    return looker;
}


/* With the lock.  What is not there leaves no trace: anybody may guess. */

static ngx_uint_t
ngx_http_deskgate_handle_find(const dg_cache_key_t *key, dg_writer_t *w,
    int64_t *end)
{
    dg_cache_info_t    info;
    dg_cache_looker_t  looker;
    dg_cache_result_t  result;

    looker = ngx_http_deskgate_handle_looker();

    if (!dg_cache_peek(ngx_http_deskgate_cache(), key, looker.now, &info)
        || !info.has_value
        || dg_cache_look(ngx_http_deskgate_cache(), key, &looker, w, &result)
           != DG_OK)
    {
        return 0;
    }

    if (result.state != DG_CACHE_HIT) {
        dg_cache_abandon(ngx_http_deskgate_cache(), key, result.generation);
        return 0;
    }

    *end = result.hard;

    return 1;
}


ngx_int_t
ngx_http_deskgate_authenticate_handle(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    int64_t                      end;
    dg_span_t                    rest, part;
    ngx_uint_t                   found;
    dg_writer_t                  w, id;
    ngx_http_deskgate_broker_t  *broker;

    broker = ctx->lcf->handles;

    if (broker == NULL) {
        /* and whoever introspects tokens is not shown it */
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_TOKEN_ISSUER,
                                 "this location takes no handles");
    }

    if (ngx_http_deskgate_failures_check(r, ctx) != NGX_OK) {
        return NGX_DECLINED;
    }

    w = dg_writer(ngx_http_deskgate_secret_memory(r,
                                           NGX_HTTP_DESKGATE_HANDLED_SIZE),
                  NGX_HTTP_DESKGATE_HANDLED_SIZE);
    id = dg_writer(dg_arena_alloc(&ctx->arena, DG_GRANT_BASIC_MAX),
                   DG_GRANT_BASIC_MAX);

    if (w.data == NULL || id.data == NULL
        || ngx_http_deskgate_handle_key(broker, ctx->bearer, &ctx->handle)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_deskgate_zone_lock();
    found = ngx_http_deskgate_handle_find(&ctx->handle, &w, &end);
    ngx_http_deskgate_zone_unlock();

    if (!found) {
        ctx->caller.kind = DG_CALLER_OPAQUE;
        return ngx_http_deskgate_failed(r, ctx, DG_REFUSE_TOKEN_REVOKED);
    }

    rest = dg_written(&w);

    if (!dg_span_split(&rest, ' ', &part)
        || dg_base64url_decode(part, &id) != DG_OK
        || ngx_http_deskgate_handle_caller(ctx, broker, dg_written(&id))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->caller.expires_at = ngx_time()
                             + (end - (int64_t) ngx_current_msec) / 1000;
    ctx->caller.verified = true;

    if (ngx_http_deskgate_revoked(&ctx->caller)) {
        ngx_http_deskgate_handle_drop(ctx);
        return ngx_http_deskgate_failed(r, ctx, DG_REFUSE_TOKEN_REVOKED);
    }

    w = dg_writer(ngx_http_deskgate_secret_memory(r, 7 + rest.len),
                  7 + rest.len);
    if (w.data == NULL) {
        return NGX_ERROR;
    }

    dg_write_cstr(&w, "Bearer ");
    dg_write_span(&w, rest);

    ctx->handled = ngx_http_deskgate_str(dg_written(&w));

    return NGX_OK;
}


/* Its token is no good any more: the client asks for another. */

void
ngx_http_deskgate_handle_drop(ngx_http_deskgate_ctx_t *ctx)
{
    ngx_http_deskgate_zone_lock();
    dg_cache_drop(ngx_http_deskgate_cache(), &ctx->handle, 0);
    ngx_http_deskgate_zone_unlock();
}
