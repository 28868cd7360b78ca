/*
 * One call: who calls, what, is the input valid, what is the answer.
 */

#include "ngx_http_deskgate_sandbox.h"

#include "core/dg_codec.h"
#include "dg_sandbox_answer.h"
#include "dg_sandbox_input.h"

#define SANDBOX_SKEW  DG_SIGV4_SKEW_DEFAULT


static int64_t
ngx_http_deskgate_sandbox_now(void)
{
    ngx_time_t  *tp = ngx_timeofday();

    return (int64_t) tp->sec * 1000 + (int64_t) tp->msec;
}


static dg_span_t
ngx_http_deskgate_sandbox_type(dg_protocol_t protocol)
{
    switch (protocol) {

    case DG_PROTOCOL_AWS_JSON_1_0:
        return DG_SPAN("application/x-amz-json-1.0");

    case DG_PROTOCOL_AWS_JSON_1_1:
        return DG_SPAN("application/x-amz-json-1.1");

    case DG_PROTOCOL_RPC_V2_CBOR:
        return DG_SPAN("application/cbor");

    default:
        break;
    }

    return DG_SPAN("application/json");
}


/* The name that goes into __type: absolute except in JSON 1.1. */
static dg_span_t
ngx_http_deskgate_sandbox_error_type(ngx_http_deskgate_sandbox_ctx_t *ctx,
    dg_span_t code)
{
    uint8_t     *p;
    dg_span_t    space = ctx->call.service->namespace_name;
    dg_writer_t  w;

    if (ctx->call.protocol == DG_PROTOCOL_AWS_JSON_1_1) {
        return code;
    }

    if (ctx->call.protocol != DG_PROTOCOL_AWS_JSON_1_0
        && ctx->call.protocol != DG_PROTOCOL_RPC_V2_CBOR)
    {
        return DG_SPAN_EMPTY;
    }

    p = dg_arena_alloc(&ctx->arena, space.len + 1 + code.len);
    if (p == NULL) {
        return code;
    }

    w = dg_writer(p, space.len + 1 + code.len);
    dg_write_span(&w, space);
    dg_write_char(&w, '#');
    dg_write_span(&w, code);

    return dg_written(&w);
}


/*
 * What is written: an output by its shape, or an error.
 */
typedef struct {
    const dg_shape_t  *shape;
    const dg_json_t   *tree;
    dg_span_t          type;      /* for __type; may be empty */
    dg_span_t          code;
    dg_span_t          message;
    unsigned           is_error:1;
} ngx_http_deskgate_sandbox_text_t;


static void
ngx_http_deskgate_sandbox_write(ngx_http_deskgate_sandbox_ctx_t *ctx,
    dg_writer_t *w, const ngx_http_deskgate_sandbox_text_t *t)
{
    if (ctx->call.protocol == DG_PROTOCOL_RPC_V2_CBOR) {
        if (t->is_error) {
            dg_answer_error_cbor(w, t->shape, t->type, t->message, t->tree);
            return;
        }

        dg_answer_cbor(w, t->shape, t->tree);
        return;
    }

    if (ctx->call.protocol == DG_PROTOCOL_BROKER && t->is_error) {
        dg_answer_error_broker(w, t->code, t->message);
        return;
    }

    if (t->is_error) {
        dg_answer_error_json(w, t->shape, t->type, t->message, t->tree);
        return;
    }

    dg_answer_json(w, t->shape, t->tree);
}


static void
ngx_http_deskgate_sandbox_answer(ngx_http_deskgate_sandbox_ctx_t *ctx,
    ngx_uint_t status, const ngx_http_deskgate_sandbox_text_t *t)
{
    size_t        size;
    uint8_t      *p;
    dg_writer_t   w;

    ctx->status = 0;

    for (size = 4096; size <= NGX_HTTP_DESKGATE_SANDBOX_ANSWER_MAX; size *= 8)
    {
        p = dg_arena_alloc(&ctx->arena, size);
        if (p == NULL) {
            return;
        }

        w = dg_writer(p, size);
        ngx_http_deskgate_sandbox_write(ctx, &w, t);

        if (!w.overflow) {
            ctx->status = status;
            ctx->answer = dg_written(&w);
            ctx->content_type =
                ngx_http_deskgate_sandbox_type(ctx->call.protocol);
            return;
        }
    }
}


void
ngx_http_deskgate_sandbox_error(ngx_http_deskgate_sandbox_ctx_t *ctx,
    const dg_shape_t *shape, dg_span_t code, ngx_uint_t status,
    dg_span_t message, const dg_json_t *members)
{
    ngx_http_deskgate_sandbox_text_t  t;

    t.shape = shape;
    t.tree = members;
    t.type = ngx_http_deskgate_sandbox_error_type(ctx, code);
    t.code = code;
    t.message = message;
    t.is_error = 1;

    if (ctx->call.protocol == DG_PROTOCOL_REST_JSON
        || ctx->call.protocol == DG_PROTOCOL_BROKER)
    {
        ctx->error_type = code;
    }

    ngx_http_deskgate_sandbox_answer(ctx, status, &t);
}


/* A refusal in the service's own form. */
void
ngx_http_deskgate_sandbox_refuse(ngx_http_deskgate_sandbox_ctx_t *ctx,
    dg_refusal_t refusal, dg_span_t message)
{
    uint8_t      *p;
    dg_writer_t   w;

    ctx->status = 0;

    /* a call that used all of its arena still has an answer */
    p = ngx_palloc(ctx->request->pool, DG_REFUSAL_BODY_MAX);
    if (p == NULL) {
        return;
    }

    w = dg_writer(p, DG_REFUSAL_BODY_MAX);

    if (dg_refusal_render(&ctx->call, ctx->call.protocol, refusal, message,
                          dg_span(ctx->request_id, sizeof(ctx->request_id)),
                          &w, &ctx->refusal)
        != DG_OK)
    {
        return;
    }

    ctx->refused = 1;
    ctx->status = ctx->refusal.status;
    ctx->answer = dg_written(&w);
    ctx->content_type = ctx->refusal.content_type;
}


static dg_refusal_t
ngx_http_deskgate_sandbox_verify(ngx_http_deskgate_sandbox_ctx_t *ctx,
    dg_keyfile_t *keys, ngx_http_deskgate_sandbox_offer_t *offer,
    dg_span_t *message)
{
    uint8_t            hash[DG_SHA256_SIZE];
    uint8_t           *reason;
    int64_t            now = ngx_http_deskgate_sandbox_now() / 1000;
    dg_span_t          region, service;
    dg_writer_t        w;
    dg_refusal_t       refusal;
    const dg_key_t    *key;
    dg_sigv4_rules_t   rules;
    dg_sigv4_claim_t   claim;

    region = dg_span(offer->region.data, offer->region.len);
    service = offer->service->service->signing_name;

    ngx_memzero(&rules, sizeof(dg_sigv4_rules_t));
    rules.regions = &region;
    rules.region_count = 1;
    rules.services = &service;
    rules.service_count = 1;
    rules.skew = SANDBOX_SKEW;

    refusal = dg_sigv4_read(&ctx->view, &rules, now, &ctx->arena, &claim);

    if (refusal != DG_ALLOWED) {
        reason = dg_arena_alloc(&ctx->arena, DG_SIGV4_REASON_MAX);

        if (reason != NULL) {
            w = dg_writer(reason, DG_SIGV4_REASON_MAX);

            if (dg_sigv4_write_reason(&w, refusal, &claim, &rules, now)) {
                *message = dg_written(&w);
            }
        }

        return refusal;
    }

    key = dg_keyfile_find(keys, claim.access_key_id);
    if (key == NULL) {
        return DG_REFUSE_KEY_UNKNOWN;
    }

    refusal = dg_key_judge(key, now);
    if (refusal != DG_ALLOWED) {
        return refusal;
    }

    if (!dg_equal_secret(key->credentials.session_token, claim.session_token))
    {
        return DG_REFUSE_SESSION_TOKEN;
    }

    if (dg_sha256(ngx_http_deskgate_sandbox_crypto(), ctx->body, hash)
        != DG_OK)
    {
        return DG_REFUSE_INTERNAL;
    }

    return dg_sigv4_verify(ngx_http_deskgate_sandbox_signing_keys(),
                           &ctx->view, &claim,
                           key->credentials.secret_access_key, hash,
                           DG_SIGV4_PATH_NORMALIZED, NULL);
}


/* The input against the model; *input is its tree. */
static dg_refusal_t
ngx_http_deskgate_sandbox_inspect(ngx_http_deskgate_sandbox_ctx_t *ctx,
    dg_tree_t *tree, const dg_json_t **input, dg_span_t *message)
{
    dg_err_t                err;
    dg_inspect_t           *inspect;
    dg_refusal_t            refusal;
    dg_inspect_options_t    options;
    const dg_inspection_t  *found;

    ngx_memzero(&options, sizeof(dg_inspect_options_t));
    options.validate = DG_VALIDATE_ON;

    inspect = dg_inspect_create(&ctx->arena, &options, &ctx->call,
                                &ctx->view);
    if (inspect == NULL) {
        return DG_REFUSE_INTERNAL;
    }

    refusal = ctx->body.len == 0 ? DG_ALLOWED
                                 : dg_inspect_feed(inspect, ctx->body);

    if (refusal == DG_ALLOWED) {
        refusal = dg_inspect_finish(inspect, &found);

        if (refusal != DG_ALLOWED) {
            *message = found->message;
        }
    }

    if (refusal != DG_ALLOWED) {
        return refusal;
    }

    err = dg_sandbox_input(tree, &ctx->call, ctx->body, input);

    if (err == DG_ERR_MEMORY) {
        return DG_REFUSE_INTERNAL;
    }

    return err == DG_OK ? DG_ALLOWED : DG_REFUSE_BODY_MALFORMED;
}


static void
ngx_http_deskgate_sandbox_fault(ngx_http_deskgate_sandbox_ctx_t *ctx,
    dg_sandbox_call_t *call)
{
    unsigned           status;
    dg_span_t          code;
    dg_json_t         *members = dg_tree_object(&call->tree);
    const dg_shape_t  *shape;

    shape = dg_sandbox_error(call, &code, &status);

    if (call->resource.len != 0) {
        dg_tree_set_text(&call->tree, members, DG_SPAN("ResourceId"),
                         call->resource);
    }

    ngx_http_deskgate_sandbox_error(ctx, shape, code, status,
                                    dg_span_cstr(call->message), members);
}


static void
ngx_http_deskgate_sandbox_run(ngx_http_deskgate_sandbox_ctx_t *ctx,
    dg_sandbox_call_t *call, ngx_http_deskgate_sandbox_zone_t *zone)
{
    dg_err_t                          err;
    ngx_http_deskgate_sandbox_text_t  t;

    ngx_shmtx_lock(&zone->shpool->mutex);
    err = dg_sandbox_run(call);
    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (err == DG_ERR_INVALID && call->fault != DG_FAULT_NONE) {
        ngx_http_deskgate_sandbox_fault(ctx, call);
        return;
    }

    if (err == DG_ERR_UNSUPPORTED) {
        ngx_http_deskgate_sandbox_refuse(ctx, DG_REFUSE_NOT_FOUND,
                                         DG_SPAN_EMPTY);
        return;
    }

    if (err != DG_OK) {
        ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                      "deskgate sandbox: %s failed: %s",
                      ctx->call.operation->name.data, dg_err_text(err));
        ngx_http_deskgate_sandbox_refuse(ctx, DG_REFUSE_INTERNAL,
                                         DG_SPAN_EMPTY);
        return;
    }

    ngx_memzero(&t, sizeof(ngx_http_deskgate_sandbox_text_t));
    t.shape = ctx->call.operation->output;
    t.tree = call->output;

    ngx_http_deskgate_sandbox_answer(ctx,
                                     ctx->call.operation->response_status
                                     ? ctx->call.operation->response_status
                                     : NGX_HTTP_OK, &t);

    if (ctx->status == 0) {
        ngx_http_deskgate_sandbox_refuse(ctx, DG_REFUSE_INTERNAL,
                                         DG_SPAN_EMPTY);
    }
}


static ngx_uint_t
ngx_http_deskgate_sandbox_provoked(ngx_http_deskgate_sandbox_ctx_t *ctx)
{
    unsigned           status;
    dg_span_t          code;
    const dg_shape_t  *shape;

    if (ctx->provoke.len == 0) {
        return 0;
    }

    if (!dg_sandbox_error_named(ctx->call.operation, ctx->provoke, &shape,
                                &code, &status))
    {
        ngx_http_deskgate_sandbox_refuse(ctx, DG_REFUSE_BAD_REQUEST,
            DG_SPAN("X-Deskgate-Sandbox-Error names no error of this "
                    "operation."));
        return 1;
    }

    ngx_http_deskgate_sandbox_error(ctx, shape, code, status,
                                    DG_SPAN("Provoked by "
                                            "X-Deskgate-Sandbox-Error."),
                                    NULL);
    return 1;
}


/* The service's description of itself, from beside its model. */
static ngx_uint_t
ngx_http_deskgate_sandbox_described(ngx_http_deskgate_sandbox_ctx_t *ctx)
{
    dg_span_t  text = ctx->call.service->description;

    if (!ctx->call.operation->is_description || text.len == 0) {
        return 0;
    }

    ctx->status = NGX_HTTP_OK;
    ctx->answer = text;
    ctx->content_type = DG_SPAN("application/yaml");

    return 1;
}


/* Which of the location's services; the first when the call names none. */
static ngx_http_deskgate_sandbox_offer_t *
ngx_http_deskgate_sandbox_identify(ngx_http_deskgate_sandbox_ctx_t *ctx,
    ngx_http_deskgate_sandbox_loc_conf_t *slcf, dg_refusal_t *refusal)
{
    ngx_uint_t  i;

    *refusal = dg_model_identify(slcf->services, slcf->noffers, &ctx->view,
                                 &ctx->call);

    for (i = 0; i < slcf->noffers; i++) {
        if (slcf->services[i] == ctx->call.service) {
            return &slcf->offers[i];
        }
    }

    ctx->call.service = slcf->services[0];
    ctx->call.protocol = slcf->services[0]->protocol;

    return &slcf->offers[0];
}


/* The broker's token endpoint, where the location offers a broker. */
static ngx_uint_t
ngx_http_deskgate_sandbox_wants_token(ngx_http_deskgate_sandbox_ctx_t *ctx,
    ngx_http_deskgate_sandbox_loc_conf_t *slcf)
{
    ngx_uint_t  i;

    for (i = 0; i < slcf->noffers; i++) {
        if (slcf->services[i]->is_broker) {
            return ngx_http_deskgate_sandbox_is_token_call(ctx);
        }
    }

    return 0;
}


static dg_refusal_t
ngx_http_deskgate_sandbox_admit(ngx_http_deskgate_sandbox_ctx_t *ctx,
    ngx_http_deskgate_sandbox_loc_conf_t *slcf,
    ngx_http_deskgate_sandbox_zone_t *zone,
    ngx_http_deskgate_sandbox_offer_t *offer, dg_span_t *message)
{
    dg_refusal_t  refusal;

    if (!ctx->call.service->is_broker) {
        return ngx_http_deskgate_sandbox_verify(ctx, slcf->keys, offer,
                                                message);
    }

    refusal = ngx_http_deskgate_sandbox_bearer(ctx, zone);

    if (refusal == DG_REFUSE_CREDENTIALS_MISSING) {
        *message = DG_SPAN("No authorization header");
    }

    return refusal;
}


void
ngx_http_deskgate_sandbox_call(ngx_http_deskgate_sandbox_ctx_t *ctx,
    ngx_http_deskgate_sandbox_loc_conf_t *slcf,
    ngx_http_deskgate_sandbox_zone_t *zone)
{
    dg_span_t                           message = DG_SPAN_EMPTY;
    dg_refusal_t                        refusal, identified;
    dg_sandbox_env_t                    env;
    dg_sandbox_call_t                   call;
    ngx_http_deskgate_sandbox_offer_t  *offer;

    if (ngx_http_deskgate_sandbox_wants_token(ctx, slcf)) {
        ngx_http_deskgate_sandbox_token(ctx, slcf, zone);
        return;
    }

    offer = ngx_http_deskgate_sandbox_identify(ctx, slcf, &identified);
    refusal = ngx_http_deskgate_sandbox_admit(ctx, slcf, zone, offer,
                                              &message);

    if (refusal == DG_ALLOWED) {
        refusal = identified;
    }

    if (refusal != DG_ALLOWED) {
        ngx_http_deskgate_sandbox_refuse(ctx, refusal, message);
        return;
    }

    if (ngx_http_deskgate_sandbox_provoked(ctx)
        || ngx_http_deskgate_sandbox_described(ctx))
    {
        return;
    }

    ngx_memzero(&call, sizeof(dg_sandbox_call_t));
    call.tree.arena = &ctx->arena;

    refusal = ngx_http_deskgate_sandbox_inspect(ctx, &call.tree, &call.input,
                                                &message);
    if (refusal != DG_ALLOWED) {
        ngx_http_deskgate_sandbox_refuse(ctx, refusal, message);
        return;
    }

    ngx_memzero(&env, sizeof(dg_sandbox_env_t));
    env.store = &ngx_http_deskgate_sandbox_store;
    env.store_ctx = zone;
    env.crypto = ngx_http_deskgate_sandbox_crypto();
    env.account = dg_span(offer->account.data, offer->account.len);
    env.region = dg_span(offer->region.data, offer->region.len);
    env.now = ngx_http_deskgate_sandbox_now();
    env.seal = zone->sh->seal;
    env.request_id = dg_span(ctx->request_id, sizeof(ctx->request_id));

    call.env = &env;
    call.data = &offer->service->data;
    call.operation = ctx->call.operation;

    ctx->no_store = ctx->call.operation->access == DG_ACCESS_GRANT;

    ngx_http_deskgate_sandbox_run(ctx, &call, zone);
}
