/*
 * Copyright (C) the deskgate authors
 *
 * Opaque bearer tokens: their issuer is asked (RFC 7662), once for all
 * workers, and no more than so often whatever tokens come.  What it said is
 * kept by the token's hash, for a bounded time; that a token is not active,
 * for a shorter one and where it cannot push out anything else.
 */

#include "ngx_http_deskgate_bearer.h"


static ngx_http_deskgate_flight_t *ngx_http_deskgate_introspect_flight(
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_issuer_t *issuer);
static ngx_int_t ngx_http_deskgate_introspect_caller(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_issuer_t *issuer,
    dg_span_t answer);
static ngx_int_t ngx_http_deskgate_introspect_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request);
static const char *ngx_http_deskgate_introspect_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer);


static const ngx_http_deskgate_source_t
    ngx_http_deskgate_introspect_source =
{
    "what is said of a token by issuer",
    "the issuer was asked for this token shortly before",
    DG_REFUSE_ISSUER_UNAVAILABLE,
    { NULL, 0 },
    DG_INTROSPECTION_TEXT_MAX,
    ngx_http_deskgate_introspect_ask,
    ngx_http_deskgate_introspect_read
};


/*
 * Who is to be asked for the token that came: NULL when it is a JWT and the
 * location has keys for such, or when nobody is there to be asked.
 */

ngx_http_deskgate_issuer_t *
ngx_http_deskgate_introspector(ngx_http_deskgate_ctx_t *ctx)
{
    ngx_uint_t                    i, has_keys;
    ngx_http_deskgate_issuer_t  **issuer, *asked;

    issuer = ctx->lcf->issuers->elts;
    has_keys = 0;
    asked = NULL;

    for (i = 0; i < ctx->lcf->issuers->nelts; i++) {
        has_keys |= !issuer[i]->issuer.opaque_only;

        if (issuer[i]->introspection) {
            asked = issuer[i];
        }
    }

    return has_keys && dg_introspection_is_jwt(ctx->bearer) ? NULL : asked;
}


ngx_int_t
ngx_http_deskgate_introspect(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_issuer_t *issuer)
{
    ngx_int_t                    rc;
    ngx_http_deskgate_flight_t  *flight;

    ctx->caller.kind = DG_CALLER_OPAQUE;
    ctx->caller.issuer = ngx_http_deskgate_span(&issuer->name);

    flight = ngx_http_deskgate_flight_of(ctx,
                               &ngx_http_deskgate_introspect_source, issuer);

    if (flight == NULL) {
        if (!dg_introspection_takes(ctx->bearer)) {
            return ngx_http_deskgate_failed(r, ctx,
                                            DG_REFUSE_TOKEN_MALFORMED);
        }

        flight = ngx_http_deskgate_introspect_flight(ctx, issuer);
        if (flight == NULL) {
            return NGX_ERROR;
        }

        rc = ngx_http_deskgate_may_ask(r, ctx, DG_SPAN("introspections"),
                                       ngx_http_deskgate_span(&issuer->name),
                                       &issuer->introspection->rate,
                                       &flight->key);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_deskgate_fly(r, flight);

    if (rc == NGX_DECLINED && ctx->refusal == DG_REFUSE_TOKEN_REVOKED) {
        ngx_str_set(&ctx->reason, "the issuer says that it is not active");
        return ngx_http_deskgate_failed(r, ctx, DG_REFUSE_TOKEN_REVOKED);
    }

    return rc == NGX_OK ? ngx_http_deskgate_introspect_caller(r, ctx, issuer,
                                                              flight->value)
                        : rc;
}


static ngx_http_deskgate_flight_t *
ngx_http_deskgate_introspect_flight(ngx_http_deskgate_ctx_t *ctx,
    ngx_http_deskgate_issuer_t *issuer)
{
    dg_span_t                           texts[5];
    ngx_http_deskgate_flight_t         *flight;
    ngx_http_deskgate_introspection_t  *in;

    in = issuer->introspection;

    flight = ngx_http_deskgate_flight_create(ctx,
                         &ngx_http_deskgate_introspect_source, issuer, NULL);
    if (flight == NULL) {
        return NULL;
    }

    flight->name = issuer->name;

    /* the answer is what the issuer said; each location judges it anew */

    texts[0] = DG_SPAN("introspection");
    texts[1] = ngx_http_deskgate_span(&issuer->name);
    texts[2] = ngx_http_deskgate_span(&in->uri);
    texts[3] = ngx_http_deskgate_span(&in->client_id);
    texts[4] = ctx->bearer;

    return ngx_http_deskgate_cache_key(ngx_http_deskgate_worker.crypto, texts,
                                       5, &flight->key) == NGX_OK
           ? flight : NULL;
}


/*
 * Before a token that nobody knows is asked for: whose address failed too
 * often waits, and so does everybody when the issuer is asked too often.
 */

ngx_int_t
ngx_http_deskgate_may_ask(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_span_t what, dg_span_t name,
    const dg_throttle_rate_t *rate, const dg_cache_key_t *key)
{
    dg_err_t              err;
    dg_span_t             parts[2];
    dg_cache_info_t       info;
    dg_throttle_take_t    take;
    dg_throttle_result_t  result;

    if (ngx_http_deskgate_cache_peek(key, &info)
        && (info.has_value || info.leased
            || info.retry_at > (int64_t) ngx_current_msec))
    {
        return NGX_OK;
    }

    if (ngx_http_deskgate_failures_check(r, ctx) != NGX_OK) {
        return NGX_DECLINED;
    }

    parts[0] = what;
    parts[1] = name;

    take.key = dg_throttle_key(ngx_http_deskgate_throttle_table(), parts, 2);
    take.rate = *rate;
    take.cost = 1;

    ngx_http_deskgate_zone_lock();
    err = dg_throttle_take(ngx_http_deskgate_throttle_table(), &take, 1,
                           ngx_current_msec, DG_THROTTLE_EVICT, &result);
    ngx_http_deskgate_zone_unlock();

    if (err == DG_OK && result.allowed) {
        return NGX_OK;
    }

    ctx->retry_after = err == DG_OK ? result.retry_ms : 0;

    return ngx_http_deskgate_refused(ctx, DG_REFUSE_AUTHENTICATION_RATE,
               "too many are asked for that are not known");
}


static ngx_int_t
ngx_http_deskgate_introspect_caller(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_issuer_t *issuer,
    dg_span_t answer)
{
    dg_span_t          text;
    dg_refusal_t       refusal;
    dg_token_rules_t   rules;
    const dg_json_t   *claims;

    /* the caller's names lie in it, and are needed for the record */

    text = dg_arena_copy(&ctx->arena, answer);

    if (text.data == NULL
        || dg_introspection_parse(&ctx->arena, text, &claims, NULL) != DG_OK
        || claims == NULL)
    {
        return NGX_ERROR;
    }

    ngx_memzero(&rules, sizeof(dg_token_rules_t));
    rules.now = ngx_time();

    refusal = dg_introspection_check(&issuer->issuer, claims, &rules,
                                     &ctx->arena, &ctx->caller);

    if (refusal == DG_ALLOWED && ngx_http_deskgate_revoked(&ctx->caller)) {
        refusal = DG_REFUSE_TOKEN_REVOKED;
    }

    return refusal == DG_ALLOWED ? NGX_OK
                                 : ngx_http_deskgate_failed(r, ctx, refusal);
}


static ngx_int_t
ngx_http_deskgate_introspect_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request)
{
    size_t                              size;
    dg_writer_t                         w;
    ngx_http_deskgate_issuer_t         *issuer = flight->object;
    ngx_http_deskgate_header_t         *headers;
    ngx_http_deskgate_introspection_t  *in;

    static const ngx_http_deskgate_header_t  form[] = {
        { ngx_string("Authorization"), ngx_null_string },
        { ngx_string("Content-Type"),
          ngx_string("application/x-www-form-urlencoded") },
        { ngx_string("Accept"), ngx_string("application/json") }
    };

    in = issuer->introspection;
    size = dg_introspection_size(flight->ctx->bearer);

    headers = ngx_palloc(r->pool, sizeof(form));
    w = dg_writer(ngx_http_deskgate_secret_memory(r, size), size);

    if (headers == NULL || w.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(headers, form, sizeof(form));
    headers[0].value = in->basic;

    dg_introspection_write(&w, flight->ctx->bearer);

    request->uri = in->uri;
    request->method = NGX_HTTP_POST;
    ngx_str_set(&request->method_name, "POST");
    request->headers = headers;
    request->header_count = sizeof(form) / sizeof(form[0]);
    request->body = ngx_http_deskgate_str(dg_written(&w));

    return NGX_OK;
}


static const char *
ngx_http_deskgate_introspect_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer)
{
    int64_t                             life;
    dg_diag_t                           diag;
    const dg_json_t                    *claims;
    ngx_http_deskgate_issuer_t         *issuer = flight->object;
    ngx_http_deskgate_introspection_t  *in;

    in = issuer->introspection;

    if (status != NGX_HTTP_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "deskgate: introspection \"%V\" of issuer \"%V\" "
                      "answered %ui", &in->uri, &issuer->name, status);

        return status == NGX_HTTP_UNAUTHORIZED
               ? "it refused our client_id and secret"
               : "it did not answer 200";
    }

    diag.text[0] = '\0';

    if (dg_introspection_parse(&flight->ctx->arena, answer, &claims, &diag)
        != DG_OK)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "deskgate: answer of introspection \"%V\": %s",
                      &in->uri, diag.text);

        return "its answer is malformed";
    }

    life = claims ? dg_introspection_life(claims, ngx_time(), in->cache) : 0;

    if (life == 0) {
        flight->refusal = DG_REFUSE_TOKEN_REVOKED;
        flight->retry = in->negative * 1000;
        return "the token is not active";
    }

    /* renewed when it has ended: ahead of that nobody needs it */

    flight->life = life * 1000;
    flight->refresh = 2 * flight->life;
    flight->fetched = answer;

    return NULL;
}
