/*
 * Copyright (C) the deskgate authors
 *
 * Who calls: all that needs no body first, the signature over the body's
 * hash when the body is there.
 */

#include "ngx_http_deskgate_bearer.h"

#include "core/dg_proof.h"


static ngx_int_t ngx_http_deskgate_authenticate_sigv4(
    ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_authenticate_alone(
    ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_bearer_token(
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_token_rules(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_token_rules_t *rules);
static ngx_int_t ngx_http_deskgate_token_verify(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, const dg_token_rules_t *rules,
    dg_refusal_t *refusal);
static ngx_int_t ngx_http_deskgate_key_reason(ngx_http_deskgate_ctx_t *ctx);
static dg_sigv4_rules_t ngx_http_deskgate_rules(
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_sigv4_refused(
    ngx_http_deskgate_ctx_t *ctx, dg_refusal_t refusal);
static void ngx_http_deskgate_explain_mismatch(ngx_http_deskgate_ctx_t *ctx,
    dg_sigv4_trace_t *trace);
static ngx_uint_t ngx_http_deskgate_guards_replay(
    ngx_http_deskgate_ctx_t *ctx);


ngx_int_t
ngx_http_deskgate_authenticate(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    unsigned  forms;

    forms = dg_sigv4_presented(&ctx->received);

    switch (ngx_http_deskgate_bearer_token(ctx)) {

    case NGX_OK:
        if (forms) {
            return ngx_http_deskgate_refused(ctx,
                       DG_REFUSE_CREDENTIALS_AMBIGUOUS,
                       "a signature and a bearer token");
        }

        return ngx_http_deskgate_authenticate_bearer(r, ctx);

    case NGX_DECLINED:
        break;

    default:
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_CREDENTIALS_AMBIGUOUS,
                                         "several Authorization headers");
    }

    return forms ? ngx_http_deskgate_authenticate_sigv4(r, ctx)
                 : ngx_http_deskgate_authenticate_alone(r, ctx);
}


/*
 * A client certificate is a caller where nothing else is presented; beside a
 * signature or a token it is only what the token may be bound to.
 */

static ngx_int_t
ngx_http_deskgate_authenticate_alone(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = NGX_ABORT;

    if (ctx->lcf->certificates
        && dg_request_header(&ctx->received, DG_SPAN("authorization"), NULL)
           == NULL)
    {
        rc = ngx_http_deskgate_authenticate_certificate(r, ctx);
    }

    return rc == NGX_ABORT
           ? ngx_http_deskgate_refused(ctx, DG_REFUSE_CREDENTIALS_MISSING,
                                       NULL)
           : rc;
}


/*
 * RFC 6750 section 2.1.  NGX_OK: a token in ctx->bearer; NGX_DECLINED: none;
 * NGX_ERROR: Authorization comes more than once.
 */

static ngx_int_t
ngx_http_deskgate_bearer_token(ngx_http_deskgate_ctx_t *ctx)
{
    bool                repeated;
    const dg_header_t  *header;

    header = dg_request_header(&ctx->received, DG_SPAN("authorization"),
                               &repeated);
    if (repeated) {
        return NGX_ERROR;
    }

    if (header == NULL || header->value.len < 7
        || !dg_span_equal_nocase(dg_span_slice(header->value, 0, 7),
                                 DG_SPAN("Bearer ")))
    {
        return NGX_DECLINED;
    }

    ctx->bearer = dg_span_trim(dg_span_slice(header->value, 7,
                                             header->value.len));
    return NGX_OK;
}


ngx_int_t
ngx_http_deskgate_authenticate_bearer(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    int64_t                      now;
    ngx_int_t                    rc;
    dg_refusal_t                 refusal;
    dg_token_key_t               key;
    dg_token_rules_t             rules;
    dg_token_cache_t            *cache;
    ngx_http_deskgate_issuer_t  *issuer;

    if (ngx_http_deskgate_is_handle(ctx->bearer)) {
        return ngx_http_deskgate_authenticate_handle(r, ctx);
    }

    /* a token endpoint would have to take each one only once */

    if (ctx->lcf->proof && ctx->lcf->authority == NULL
        && dg_proof_is(ctx->bearer))
    {
        return ngx_http_deskgate_authenticate_proof(r, ctx);
    }

    if (ctx->lcf->issuers == NULL) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_TOKEN_ISSUER,
                                 "no issuer is configured in this location");
    }

    issuer = ngx_http_deskgate_introspector(ctx);

    if (issuer) {
        return ngx_http_deskgate_introspect(r, ctx, issuer);
    }

    now = ngx_time();
    cache = ngx_http_deskgate_worker.tokens;

    if (ngx_http_deskgate_token_rules(r, ctx, &rules) != NGX_OK
        || dg_token_key(cache, ctx->bearer, ctx->lcf->id, rules.certificate,
                        &key)
           != DG_OK)
    {
        return NGX_ERROR;
    }

    if (dg_token_cache_find(cache, &key, now, &ctx->arena, &ctx->caller,
                            &refusal))
    {
        if (refusal == DG_ALLOWED) {
            return ngx_http_deskgate_revoked(&ctx->caller)
                   ? ngx_http_deskgate_refused(ctx, DG_REFUSE_TOKEN_REVOKED,
                                               NULL)
                   : NGX_OK;
        }

        dg_token_claimed(&rules, ctx->bearer, &ctx->arena, &ctx->caller);

        return ngx_http_deskgate_refused(ctx, refusal, NULL);
    }

    if (ngx_http_deskgate_failures_check(r, ctx) != NGX_OK) {
        return NGX_DECLINED;
    }

    rc = ngx_http_deskgate_token_verify(r, ctx, &rules, &refusal);

    if (rc != NGX_OK) {
        return rc;
    }

    if (refusal == DG_ALLOWED) {
        dg_token_cache_store(cache, &key, &ctx->caller, now);

        return ngx_http_deskgate_revoked(&ctx->caller)
               ? ngx_http_deskgate_failed(r, ctx, DG_REFUSE_TOKEN_REVOKED)
               : NGX_OK;
    }

    if (refusal != DG_REFUSE_TOKEN_KEY_UNKNOWN
        && refusal != DG_REFUSE_TOKEN_EARLY
        && refusal != DG_REFUSE_ISSUER_UNAVAILABLE
        && refusal != DG_REFUSE_INTERNAL)
    {
        dg_token_cache_refuse(cache, &key, refusal, now);
    }

    return ngx_http_deskgate_failed(r, ctx, refusal);
}


/*
 * With the keys that the token's issuer has now, fetched when they have to
 * be.  NGX_OK: *refusal says what became of it; else as a flight.
 */

static ngx_int_t
ngx_http_deskgate_token_verify(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, const dg_token_rules_t *rules,
    dg_refusal_t *refusal)
{
    size_t                        which;
    ngx_int_t                     rc;
    ngx_uint_t                    again;
    dg_token_rules_t              of_one;
    dg_token_issuer_t             one;
    ngx_http_deskgate_issuer_t  **issuer;

    issuer = ctx->lcf->issuers->elts;

    *refusal = dg_token_verify(rules, ctx->bearer, &ctx->arena, &ctx->caller,
                               &which);

    if (*refusal != DG_REFUSE_ISSUER_UNAVAILABLE) {
        return NGX_OK;
    }

    of_one = *rules;
    of_one.issuers = &one;
    of_one.issuer_count = 1;
    one.issuer = rules->issuers[which].issuer;

    for (again = 0; again < 2; again++) {
        rc = ngx_http_deskgate_jwks_fetch(r, ctx, issuer[which], again,
                                          &one.keys);
        if (rc != NGX_OK) {
            return rc;
        }

        *refusal = dg_token_verify(&of_one, ctx->bearer, &ctx->arena,
                                   &ctx->caller, NULL);

        if (*refusal != DG_REFUSE_TOKEN_KEY_UNKNOWN) {
            break;
        }
    }

    return NGX_OK;
}


/* The keys of each issuer as they are now. */

static ngx_int_t
ngx_http_deskgate_token_rules(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_token_rules_t *rules)
{
    ngx_uint_t                    i, n;
    dg_token_issuer_t            *issuers;
    ngx_http_deskgate_issuer_t  **issuer;

    n = ctx->lcf->issuers->nelts;
    issuer = ctx->lcf->issuers->elts;

    issuers = dg_arena_alloc(&ctx->arena, n * sizeof(dg_token_issuer_t));
    if (issuers == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        issuers[i].issuer = &issuer[i]->issuer;
        issuers[i].keys = ngx_http_deskgate_jwks_now(issuer[i]);
    }

    ngx_memzero(rules, sizeof(dg_token_rules_t));

    rules->issuers = issuers;
    rules->issuer_count = n;
    rules->now = ngx_time();

    return ngx_http_deskgate_certificate_hash(r, &ctx->arena,
                                              &rules->certificate);
}


static ngx_int_t
ngx_http_deskgate_authenticate_sigv4(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    dg_refusal_t      refusal;
    dg_sigv4_rules_t  rules;

    if (ctx->lcf->keys == NULL && ctx->lcf->vended == NULL) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_KEY_UNKNOWN,
                               "no key file is configured in this location");
    }

    rules = ngx_http_deskgate_rules(ctx);

    refusal = dg_sigv4_read(&ctx->received, &rules, ngx_time(), &ctx->arena,
                            &ctx->claim);

    ctx->presigned = (ctx->claim.form == DG_SIGV4_FORM_QUERY);

    ngx_http_deskgate_keys_find(ctx);

    if (ctx->key) {
        dg_key_caller(ctx->key, &ctx->caller);

    } else if (ctx->claim.access_key_id.len) {
        ctx->caller.kind = DG_CALLER_KEY;
        ctx->caller.access_key_id = ctx->claim.access_key_id;
    }

    if (refusal != DG_ALLOWED) {
        return ngx_http_deskgate_sigv4_refused(ctx, refusal);
    }

    if (dg_vend_is_key_id(ctx->claim.access_key_id)) {
        return ngx_http_deskgate_authenticate_vended(r, ctx);
    }

    if (ctx->key == NULL) {
        return ngx_http_deskgate_failures_check(r, ctx) == NGX_OK
               ? ngx_http_deskgate_failed(r, ctx, DG_REFUSE_KEY_UNKNOWN)
               : NGX_DECLINED;
    }

    refusal = dg_key_judge(ctx->key, ngx_time());

    if (refusal == DG_ALLOWED && ngx_http_deskgate_revoked(&ctx->caller)) {
        refusal = DG_REFUSE_KEY_REVOKED;
    }

    if (refusal != DG_ALLOWED) {
        return ngx_http_deskgate_failed(r, ctx, refusal);
    }

    /* a key that has a session token goes with this one only, or with none */

    if (!dg_equal_secret(ctx->key->credentials.session_token,
                         ctx->claim.session_token))
    {
        return ngx_http_deskgate_failed(r, ctx, DG_REFUSE_SESSION_TOKEN);
    }

    ctx->secret = ctx->key->credentials.secret_access_key;

    return ngx_http_deskgate_key_reason(ctx);
}


/*
 * Why somebody calls, as he signed it.  A key for emergencies is of no use
 * without.
 */

static ngx_int_t
ngx_http_deskgate_key_reason(ngx_http_deskgate_ctx_t *ctx)
{
    bool                repeated;
    dg_span_t           name;
    const dg_header_t  *header;

    name = DG_SPAN("x-deskgate-reason");
    header = dg_request_header(&ctx->received, name, &repeated);

    if (header && !repeated && dg_sigv4_signs(&ctx->claim, name)
        && dg_text_has_length(header->value, NGX_HTTP_DESKGATE_REASON_MIN,
                              NGX_HTTP_DESKGATE_REASON_MAX)
        && !dg_text_has_control(header->value))
    {
        ctx->caller.reason = header->value;
        return NGX_OK;
    }

    return ctx->key->break_glass
           ? ngx_http_deskgate_refused(ctx, DG_REFUSE_KEY_REASON,
                                       header ? "the reason is unsigned, "
                                                "repeated or of no use"
                                              : NULL)
           : NGX_OK;
}


static dg_sigv4_rules_t
ngx_http_deskgate_rules(ngx_http_deskgate_ctx_t *ctx)
{
    dg_sigv4_rules_t  rules;

    ngx_memzero(&rules, sizeof(dg_sigv4_rules_t));

    rules.regions = &ctx->offer->scope_region;
    rules.region_count = 1;
    rules.services = &ctx->offer->service->signing_name;
    rules.service_count = 1;
    rules.skew = ctx->lcf->skew;

    return rules;
}


/* With the words that SDKs and people know where there are such. */

static ngx_int_t
ngx_http_deskgate_sigv4_refused(ngx_http_deskgate_ctx_t *ctx,
    dg_refusal_t refusal)
{
    void              *text;
    dg_writer_t        w;
    dg_sigv4_rules_t   rules;

    rules = ngx_http_deskgate_rules(ctx);
    text = dg_arena_alloc(&ctx->arena, DG_SIGV4_REASON_MAX);

    if (text) {
        w = dg_writer(text, DG_SIGV4_REASON_MAX);

        if (dg_sigv4_write_reason(&w, refusal, &ctx->claim, &rules,
                                  ngx_time()))
        {
            ctx->message = dg_written(&w);
        }
    }

    return ngx_http_deskgate_refused(ctx, refusal, NULL);
}


ngx_int_t
ngx_http_deskgate_verify(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx)
{
    bool               seen;
    uint8_t            id[DG_SIGV4_REPLAY_KEY_SIZE];
    ngx_str_t          message;
    dg_refusal_t       refusal;
    dg_sigv4_trace_t   trace;

    /* one that exchanges a token need not say who it is */

    if (ctx->lcf->authority && ctx->caller.kind == DG_CALLER_NONE) {
        return NGX_OK;
    }

    /* the broker will say whether it knows him */

    if (ctx->lcf->pass) {
        return NGX_OK;
    }

    if (ctx->secret.len) {
        ngx_memzero(&trace, sizeof(dg_sigv4_trace_t));

        refusal = dg_sigv4_verify(ngx_http_deskgate_worker.signing_keys,
                                  &ctx->received, &ctx->claim,
                                  ctx->secret, ctx->received_hash,
                                  DG_SIGV4_PATH_NORMALIZED, &trace);

        if (refusal != DG_ALLOWED) {
            ngx_http_deskgate_explain_mismatch(ctx, &trace);
            return ngx_http_deskgate_failed(r, ctx, refusal);
        }

        ctx->caller.verified = true;
        ngx_http_deskgate_key_was_used(r, ctx);

        if (ngx_http_deskgate_guards_replay(ctx)) {
            dg_sigv4_replay_key(&ctx->claim, id);

            ngx_http_deskgate_zone_lock();
            seen = dg_replay_seen(ngx_http_deskgate_replay(),
                                  dg_span(id, sizeof(id)), ngx_time());
            ngx_http_deskgate_zone_unlock();

            if (seen) {
                return ngx_http_deskgate_refused(ctx,
                                       DG_REFUSE_SIGNATURE_REPLAYED, NULL);
            }
        }
    }

    if (!ctx->caller.verified) {
        return NGX_ERROR;
    }

    ctx->verified = 1;

    if (ctx->inspection->error_count
        && ctx->lcf->validate == DG_VALIDATE_LOG)
    {
        message = ngx_http_deskgate_str(ctx->inspection->message);

        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "deskgate let invalid input pass: %V", &message);
    }

    if (ctx->body_refusal != DG_ALLOWED) {
        if (ctx->body_refusal == DG_REFUSE_BODY_INVALID) {
            ctx->message = ctx->inspection->message;
        }

        return ngx_http_deskgate_refused(ctx, ctx->body_refusal, NULL);
    }

    return NGX_OK;
}


void
ngx_http_deskgate_key_was_used(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    u_char       quoted[NGX_HTTP_DESKGATE_REASON_SIZE];
    ngx_str_t    id, text;
    dg_writer_t  w;

    /* a vended session has none */

    if (ctx->key == NULL) {
        return;
    }

    dg_key_used(ngx_http_deskgate_key_use(), ctx->caller.access_key_id,
                ngx_time());

    if (!ctx->key->break_glass) {
        return;
    }

    dg_count(ngx_http_deskgate_counters(), DG_COUNT_BREAK_GLASS, 1);

    w = dg_writer(quoted, sizeof(quoted));
    dg_json_write_string(&w, ctx->caller.reason);

    id = ngx_http_deskgate_str(ctx->caller.access_key_id);
    text = ngx_http_deskgate_str(dg_written(&w));

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "deskgate: break-glass key %V is used, reason %V, request "
                  "id %*s", &id, &text, sizeof(ctx->request_id),
                  ctx->request_id);
}


static ngx_uint_t
ngx_http_deskgate_guards_replay(ngx_http_deskgate_ctx_t *ctx)
{
    dg_access_t  access;

    if (ctx->secret.len == 0
        || ctx->lcf->replay == NGX_HTTP_DESKGATE_REPLAY_OFF)
    {
        return 0;
    }

    access = ctx->call.operation->access;

    return ctx->lcf->replay == NGX_HTTP_DESKGATE_REPLAY_ALL
           || (access != DG_ACCESS_READ && access != DG_ACCESS_LIST);
}


/*
 * Called when the call is about to be forwarded: a refused call may be tried
 * again with the same signature.
 */

ngx_int_t
ngx_http_deskgate_remember(ngx_http_deskgate_ctx_t *ctx)
{
    uint8_t   id[DG_SIGV4_REPLAY_KEY_SIZE];
    dg_err_t  err;

    if (ctx->remembered || !ngx_http_deskgate_guards_replay(ctx)) {
        return NGX_OK;
    }

    dg_sigv4_replay_key(&ctx->claim, id);

    ngx_http_deskgate_zone_lock();
    err = dg_replay_remember(ngx_http_deskgate_replay(),
                             dg_span(id, sizeof(id)), ctx->claim.valid_until,
                             ngx_time());
    ngx_http_deskgate_zone_unlock();

    if (err == DG_OK) {
        ctx->remembered = 1;
        return NGX_OK;
    }

    return ngx_http_deskgate_refused(ctx,
               err == DG_ERR_FULL ? DG_REFUSE_REPLAY_STORE_FULL
                                  : DG_REFUSE_SIGNATURE_REPLAYED, NULL);
}


/*
 * The upstream said that it did not execute the call.  Within the same
 * second an SDK's next attempt has the same signature.
 */

void
ngx_http_deskgate_forget(ngx_http_deskgate_ctx_t *ctx)
{
    uint8_t  id[DG_SIGV4_REPLAY_KEY_SIZE];

    if (!ctx->remembered) {
        return;
    }

    ctx->remembered = 0;
    dg_sigv4_replay_key(&ctx->claim, id);

    ngx_http_deskgate_zone_lock();
    dg_replay_forget(ngx_http_deskgate_replay(), dg_span(id, sizeof(id)));
    ngx_http_deskgate_zone_unlock();
}


/* What a person needs to find the difference; nothing of it is secret. */

static void
ngx_http_deskgate_explain_mismatch(ngx_http_deskgate_ctx_t *ctx,
    dg_sigv4_trace_t *trace)
{
    char                hash[DG_SHA256_HEX_SIZE];
    dg_writer_t         w;
    const dg_header_t  *host;

    w = dg_writer(dg_arena_alloc(&ctx->arena, NGX_HTTP_DESKGATE_REASON_SIZE),
                  NGX_HTTP_DESKGATE_REASON_SIZE);
    if (w.data == NULL) {
        return;
    }

    dg_hex_encode(trace->canonical_hash, DG_SHA256_SIZE, hash);
    host = dg_request_header(&ctx->received, DG_SPAN("host"), NULL);

    dg_write_cstr(&w, "our canonical request has sha256 ");
    dg_write(&w, hash, sizeof(hash));
    dg_write_cstr(&w, ", host \"");
    dg_write_span(&w, host ? host->value : DG_SPAN_EMPTY);
    dg_write_cstr(&w, "\", signed headers \"");
    dg_write_span(&w, ctx->claim.signed_headers);
    dg_write_cstr(&w, "\"; compare with deskgate-sign --verify");

    ctx->reason = ngx_http_deskgate_str(dg_written(&w));
}
