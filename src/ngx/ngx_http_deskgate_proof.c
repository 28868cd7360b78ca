/*
 * Copyright (C) the deskgate authors
 *
 * Callers who prove their AWS identity by a presigned GetCallerIdentity.  It
 * is built anew and sent to the configured STS, once for all workers, with a
 * header that names this gateway; what STS says is kept as long as the proof
 * is good.
 */

#include "ngx_http_deskgate_bearer.h"
#include "ngx_http_deskgate_conf.h"

#include "core/dg_proof.h"

#define NGX_HTTP_DESKGATE_PROOF_NEGATIVE  10000  /* ms, what STS refused */
#define NGX_HTTP_DESKGATE_PROOF_RATE      50     /* a second, of questions */
#define NGX_HTTP_DESKGATE_PROOF_BURST     100


static ngx_http_deskgate_flight_t *ngx_http_deskgate_proof_flight(
    ngx_http_deskgate_ctx_t *ctx, dg_proof_t *proof);
static ngx_int_t ngx_http_deskgate_proof_caller(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, const dg_proof_t *proof, dg_span_t value);
static ngx_int_t ngx_http_deskgate_proof_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request);
static const char *ngx_http_deskgate_proof_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer);
static char *ngx_http_deskgate_proof_text(ngx_str_t *to, ngx_str_t *value);


static const ngx_http_deskgate_source_t  ngx_http_deskgate_proof_source = {
    "whom STS knows by a proof, of deskgate_proof",
    "STS was asked for this proof shortly before",
    DG_REFUSE_ISSUER_UNAVAILABLE,
    { NULL, 0 },
    DG_STS_REPLY_TEXT,
    ngx_http_deskgate_proof_ask,
    ngx_http_deskgate_proof_read
};


ngx_int_t
ngx_http_deskgate_authenticate_proof(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_int_t                    rc;
    dg_proof_t                  *proof;
    dg_refusal_t                 refusal;
    ngx_http_deskgate_flight_t  *flight;
    ngx_http_deskgate_proof_t   *conf;

    conf = ctx->lcf->proof;
    ctx->caller.kind = DG_CALLER_PROOF;

    flight = ngx_http_deskgate_flight_of(ctx,
                                     &ngx_http_deskgate_proof_source, conf);

    if (flight == NULL) {
        proof = dg_arena_alloc(&ctx->arena, sizeof(dg_proof_t));
        if (proof == NULL) {
            return NGX_ERROR;
        }

        refusal = dg_proof_read(ctx->bearer,
                                ngx_http_deskgate_span(&conf->host),
                                ngx_time(), &ctx->arena, proof);

        ctx->caller.access_key_id = proof->access_key_id;

        if (refusal != DG_ALLOWED) {
            return ngx_http_deskgate_failed(r, ctx, refusal);
        }

        flight = ngx_http_deskgate_proof_flight(ctx, proof);
        if (flight == NULL) {
            return NGX_ERROR;
        }

        rc = ngx_http_deskgate_may_ask(r, ctx, DG_SPAN("proofs"),
                                       ngx_http_deskgate_span(&conf->name),
                                       &conf->rate, &flight->key);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_deskgate_fly(r, flight);

    if (rc == NGX_DECLINED && ctx->refusal == DG_REFUSE_TOKEN_SIGNATURE) {
        ngx_str_set(&ctx->reason, "STS does not confirm the proof");
        return ngx_http_deskgate_failed(r, ctx, DG_REFUSE_TOKEN_SIGNATURE);
    }

    return rc == NGX_OK ? ngx_http_deskgate_proof_caller(r, ctx,
                                                flight->data, flight->value)
                        : rc;
}


static ngx_http_deskgate_flight_t *
ngx_http_deskgate_proof_flight(ngx_http_deskgate_ctx_t *ctx,
    dg_proof_t *proof)
{
    dg_span_t                    texts[5];
    ngx_http_deskgate_flight_t  *flight;
    ngx_http_deskgate_proof_t   *conf;

    conf = ctx->lcf->proof;

    flight = ngx_http_deskgate_flight_create(ctx,
                              &ngx_http_deskgate_proof_source, conf, proof);
    if (flight == NULL) {
        return NULL;
    }

    flight->name = conf->name;

    texts[0] = DG_SPAN("proof");
    texts[1] = ngx_http_deskgate_span(&conf->name);
    texts[2] = ngx_http_deskgate_span(&conf->sts);
    texts[3] = ngx_http_deskgate_span(&conf->audience);
    texts[4] = ctx->bearer;

    return ngx_http_deskgate_cache_key(ngx_http_deskgate_worker.crypto, texts,
                                       5, &flight->key) == NGX_OK
           ? flight : NULL;
}


/* ARN, user id and account, a line each */

static ngx_int_t
ngx_http_deskgate_proof_caller(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, const dg_proof_t *proof, dg_span_t value)
{
    size_t                      i;
    dg_span_t                   text, resource, *accounts;
    dg_caller_t                *caller;
    ngx_http_deskgate_proof_t  *conf;

    conf = ctx->lcf->proof;
    caller = &ctx->caller;
    text = dg_arena_copy(&ctx->arena, value);

    if (!dg_span_split(&text, '\n', &caller->arn)
        || !dg_span_split(&text, '\n', &caller->user_id)
        || !dg_span_split(&text, '\n', &caller->account))
    {
        return NGX_ERROR;
    }

    caller->issuer = ngx_http_deskgate_span(&conf->name);
    caller->expires_at = proof->expires_at;

    resource = dg_span_slice(caller->arn,
                             dg_span_find_last(caller->arn, ':') + 1,
                             caller->arn.len);

    if (dg_span_starts_with(resource, DG_SPAN("assumed-role/"))) {
        caller->principal_type = DG_SPAN("AssumedRole");

    } else if (dg_span_starts_with(resource, DG_SPAN("user/"))) {
        caller->principal_type = DG_SPAN("User");
        caller->user_name = dg_span_slice(resource,
                                dg_span_find_last(resource, '/') + 1,
                                resource.len);

    } else if (dg_span_equal(resource, DG_SPAN("root"))) {
        caller->principal_type = DG_SPAN("Account");

    } else {
        caller->principal_type = DG_SPAN("FederatedUser");
    }

    accounts = conf->accounts.elts;

    for (i = 0; i < conf->accounts.nelts; i++) {
        if (dg_span_equal(accounts[i], caller->account)) {
            break;
        }
    }

    if (i == conf->accounts.nelts) {
        ngx_str_set(&ctx->reason, "the account is not one of \"accounts\"");
        return ngx_http_deskgate_failed(r, ctx, DG_REFUSE_TOKEN_CLAIM);
    }

    if (ngx_http_deskgate_revoked(caller)) {
        return ngx_http_deskgate_failed(r, ctx, DG_REFUSE_TOKEN_REVOKED);
    }

    if (ngx_time() >= proof->expires_at) {
        return ngx_http_deskgate_failed(r, ctx, DG_REFUSE_TOKEN_EXPIRED);
    }

    caller->verified = true;

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_proof_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request)
{
    const dg_proof_t            *proof = flight->data;
    ngx_http_deskgate_proof_t   *conf = flight->object;
    ngx_http_deskgate_header_t  *h;

    h = ngx_palloc(r->pool, sizeof(ngx_http_deskgate_header_t));
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&h->name, DG_PROOF_HEADER);
    h->value = conf->audience;

    request->uri = conf->sts;
    request->args = ngx_http_deskgate_str(proof->query);
    request->method = NGX_HTTP_GET;
    ngx_str_set(&request->method_name, "GET");
    request->headers = h;
    request->header_count = 1;

    return NGX_OK;
}


static const char *
ngx_http_deskgate_proof_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer)
{
    size_t                      size;
    dg_diag_t                   diag;
    ngx_str_t                   code;
    dg_writer_t                 w;
    dg_sts_reply_t              reply;
    const dg_proof_t           *proof = flight->data;
    ngx_http_deskgate_proof_t  *conf = flight->object;

    diag.text[0] = '\0';

    if (dg_sts_parse(&flight->ctx->arena, answer, DG_STS_CALLER_IDENTITY,
                     &reply, &diag)
        != DG_OK)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "deskgate: \"%V\" of proof \"%V\" answered %ui: %s",
                      &conf->sts, &conf->name, status, diag.text);
        return "STS gave no answer that can be read";
    }

    if (reply.error_code.len || status != NGX_HTTP_OK) {
        code = ngx_http_deskgate_str(reply.error_code);
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "deskgate: STS refused a proof for \"%V\": %ui %V",
                      &conf->name, status, &code);

        if (status == NGX_HTTP_FORBIDDEN && reply.error_code.len) {
            flight->refusal = DG_REFUSE_TOKEN_SIGNATURE;
            flight->retry = NGX_HTTP_DESKGATE_PROOF_NEGATIVE;
        }

        return "STS answered with an error";
    }

    if (proof->expires_at <= ngx_time()) {
        return "the proof has ended meanwhile";
    }

    size = reply.arn.len + reply.user_id.len + reply.account.len + 2;
    w = dg_writer(dg_arena_alloc(&flight->ctx->arena, size), size);

    if (w.data == NULL || !dg_text_is_graphic(reply.arn)
        || !dg_text_is_graphic(reply.user_id)
        || !dg_text_is_graphic(reply.account))
    {
        return "STS gave no answer that can be used";
    }

    dg_write_span(&w, reply.arn);
    dg_write_char(&w, '\n');
    dg_write_span(&w, reply.user_id);
    dg_write_char(&w, '\n');
    dg_write_span(&w, reply.account);

    flight->fetched = dg_written(&w);
    flight->life = (proof->expires_at - ngx_time()) * 1000;
    flight->refresh = 2 * flight->life;

    return NULL;
}


static char *
ngx_http_deskgate_proof_text(ngx_str_t *to, ngx_str_t *value)
{
    if (to->len) {
        return "is duplicate";
    }

    *to = *value;

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_proof_sts(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_proof_t  *proof = object;

    if (value[0].len == 0 || value[0].data[0] != '/') {
        return "names an internal location, such as /_deskgate/sts";
    }

    return ngx_http_deskgate_proof_text(&proof->sts, &value[0]);
}


static char *
ngx_http_deskgate_proof_host(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_proof_t  *proof = object;

    return ngx_http_deskgate_proof_text(&proof->host, &value[0]);
}


static char *
ngx_http_deskgate_proof_audience(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_proof_t  *proof = object;

    if (!dg_text_is_graphic(ngx_http_deskgate_span(&value[0]))) {
        return "takes printable characters without blanks";
    }

    return ngx_http_deskgate_proof_text(&proof->audience, &value[0]);
}


static char *
ngx_http_deskgate_proof_accounts(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_proof_t  *proof = object;

    return ngx_http_deskgate_conf_spans(cf, &proof->accounts, value, count)
           == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static const ngx_http_deskgate_line_t  ngx_http_deskgate_proof_lines[] = {
    { ngx_string("sts"), 1, 1, ngx_http_deskgate_proof_sts },
    { ngx_string("host"), 1, 1, ngx_http_deskgate_proof_host },
    { ngx_string("audience"), 1, 1, ngx_http_deskgate_proof_audience },
    { ngx_string("accounts"), 1, 64, ngx_http_deskgate_proof_accounts },
    { ngx_null_string, 0, 0, NULL }
};


char *
ngx_http_deskgate_conf_proof(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                           *rv;
    ngx_http_deskgate_proof_t      *proof;
    ngx_http_deskgate_main_conf_t  *mcf = conf;

    proof = ngx_http_deskgate_conf_named_object(cf, &mcf->proofs,
                                          sizeof(ngx_http_deskgate_proof_t));

    if (proof == NULL
        || ngx_array_init(&proof->accounts, cf->pool, 2, sizeof(dg_span_t))
           != NGX_OK
        || dg_throttle_rate(NGX_HTTP_DESKGATE_PROOF_RATE, 1000,
                            NGX_HTTP_DESKGATE_PROOF_BURST, &proof->rate)
           != DG_OK)
    {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_deskgate_conf_block(cf, ngx_http_deskgate_proof_lines,
                                      proof);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return proof->sts.len && proof->host.len && proof->audience.len
           && proof->accounts.nelts
           ? NGX_CONF_OK : "needs sts, host, audience and accounts";
}
