/*
 * Copyright (C) the deskgate authors
 *
 * Policies to a decision.  There is one way in and no way around it.
 */

#include "ngx_http_deskgate_facts.h"


static ngx_int_t ngx_http_deskgate_find_resources(
    ngx_http_deskgate_ctx_t *ctx, dg_span_t **arns);
static ngx_int_t ngx_http_deskgate_asserted(ngx_http_deskgate_ctx_t *ctx,
    const dg_call_facts_t *facts);
static ngx_uint_t ngx_http_deskgate_attaches(
    ngx_http_deskgate_attachment_t *attachment,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_find_out(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_span_t action, dg_call_facts_t *facts);
static ngx_int_t ngx_http_deskgate_needs(ngx_http_deskgate_ctx_t *ctx,
    dg_span_t action, dg_conditions_needs_t *needs,
    dg_conditions_needs_t *shadow);
static ngx_int_t ngx_http_deskgate_unreadable(ngx_http_deskgate_ctx_t *ctx,
    dg_input_texts_error_t *error);
static void ngx_http_deskgate_call_facts(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_call_facts_t *facts);
static dg_span_t ngx_http_deskgate_action(ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_denied(ngx_http_deskgate_ctx_t *ctx,
    dg_span_t action, const dg_span_t *arns);


ngx_int_t
ngx_http_deskgate_authorize(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_int_t                rc;
    dg_span_t               *arns;
    dg_call_facts_t          facts;
    dg_policy_request_t      request;
    dg_conditions_lookup_t   lookup;

    if (ctx->lcf->policy_set.set == NULL) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_NO_POLICY, NULL);
    }

    /* entered again: nothing is prepared until the facts are there */

    rc = ngx_http_deskgate_facts_fly(r, ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_deskgate_find_resources(ctx, &arns) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_deskgate_call_facts(r, ctx, &facts);

    lookup.conditions = ctx->lcf->policy_set.conditions;
    lookup.facts = &facts;

    ctx->action = ngx_http_deskgate_action(ctx);
    ctx->documents = ngx_http_deskgate_attached(ctx,
                                            ctx->lcf->policy_set.policies);
    ctx->policy_context.lookup = dg_conditions_lookup;
    ctx->policy_context.lookup_ctx = &lookup;
    ctx->policy_context.arena = &ctx->arena;

    ngx_memzero(&request, sizeof(dg_policy_request_t));

    request.action = ctx->action;
    request.resources = arns;
    request.resource_count = ctx->resource_count;
    request.principal = dg_policy_principal(&ctx->caller);
    request.documents = ctx->documents;
    request.lookup = dg_policy_context_lookup;
    request.lookup_ctx = &ctx->policy_context;

    if (request.action.len == 0 || request.documents == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_deskgate_find_out(r, ctx, request.action, &facts);
    if (rc != NGX_OK) {
        return rc;
    }

    dg_policy_decide(ctx->lcf->policy_set.set, &request, &ctx->decision);

    ctx->decided = 1;

    if (ctx->lcf->shadows) {
        request.lookup = dg_conditions_lookup;
        request.lookup_ctx = &lookup;

        ngx_http_deskgate_shadow(ctx, &request);
    }

    if (ctx->session_policy) {
        dg_policy_session_narrow(ctx->session_policy, &request, &facts,
                                 &ctx->decision);
    }

    if (ctx->decision.effect == DG_POLICY_ALLOW) {
        return ngx_http_deskgate_asserted(ctx, &facts);
    }

    return ngx_http_deskgate_denied(ctx, request.action, arns);
}


/*
 * Only who may see the resource is told that it is not what he says of it.
 */

static ngx_int_t
ngx_http_deskgate_asserted(ngx_http_deskgate_ctx_t *ctx,
    const dg_call_facts_t *facts)
{
    dg_span_t    member;
    dg_writer_t  w;

    member = dg_lookup_false_assertion(facts);

    if (member.len == 0) {
        return NGX_OK;
    }

    w = dg_writer(dg_arena_alloc(&ctx->arena, DG_DENIAL_MAX), DG_DENIAL_MAX);

    if (w.data) {
        dg_write_cstr(&w, "The ");
        dg_write_span(&w, member);
        dg_write_cstr(&w, " in the call is not that of the resource.");
        ctx->message = dg_written(&w);
    }

    return ngx_http_deskgate_refused(ctx, DG_REFUSE_RESOURCE_DIFFERS, NULL);
}


static ngx_int_t
ngx_http_deskgate_find_resources(ngx_http_deskgate_ctx_t *ctx,
    dg_span_t **arns)
{
    size_t  i;

    if (dg_resource_arns(&ctx->arena, ctx->call.operation, ctx->inspection,
                         DG_SPAN("aws"),
                         ngx_http_deskgate_span(&ctx->offer->region),
                         ngx_http_deskgate_span(&ctx->offer->account),
                         &ctx->resources, &ctx->resource_count)
        != DG_OK)
    {
        return NGX_ERROR;
    }

    *arns = dg_arena_alloc(&ctx->arena,
                           (ctx->resource_count + 1) * sizeof(dg_span_t));
    if (*arns == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < ctx->resource_count; i++) {
        (*arns)[i] = ctx->resources[i].arn;
    }

    return NGX_OK;
}


/* Which of the documents speak to this caller. */

bool *
ngx_http_deskgate_attached(ngx_http_deskgate_ctx_t *ctx,
    ngx_array_t *policies)
{
    bool                            *documents;
    ngx_uint_t                       i;
    ngx_http_deskgate_attachment_t  *attachment;

    documents = dg_arena_alloc(&ctx->arena,
                               (policies->nelts + 1) * sizeof(bool));
    if (documents == NULL) {
        return NULL;
    }

    attachment = policies->elts;

    for (i = 0; i < policies->nelts; i++) {
        documents[i] = ngx_http_deskgate_attaches(&attachment[i], ctx);
    }

    return documents;
}


static ngx_uint_t
ngx_http_deskgate_attaches(ngx_http_deskgate_attachment_t *attachment,
    ngx_http_deskgate_ctx_t *ctx)
{
    size_t        i;
    dg_caller_t  *caller;

    caller = &ctx->caller;

    if (attachment->key_policy.len) {
        for (i = 0; i < caller->policy_file_count; i++) {
            if (dg_span_equal(ngx_http_deskgate_span(&attachment->key_policy),
                              caller->policy_files[i]))
            {
                return 1;
            }
        }

        return 0;
    }

    if (attachment->pattern.len) {
        return dg_policy_wildcard(
                   ngx_http_deskgate_span(&attachment->pattern), caller->arn);
    }

    if (attachment->group.len == 0) {
        return 1;
    }

    if (!dg_span_equal(caller->issuer,
                       ngx_http_deskgate_span(&attachment->group_issuer)))
    {
        return 0;
    }

    for (i = 0; i < caller->group_count; i++) {
        if (dg_span_equal(caller->groups[i],
                          ngx_http_deskgate_span(&attachment->group)))
        {
            return 1;
        }
    }

    return 0;
}


/*
 * What the policies for the call read beyond what is there already.  What
 * only a shadow reads and cannot be had stays unknown to it.
 */

static ngx_int_t
ngx_http_deskgate_find_out(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_span_t action, dg_call_facts_t *facts)
{
    dg_err_t                err;
    ngx_int_t               rc;
    dg_conditions_needs_t   needs, shadow;
    dg_input_texts_error_t  error;

    if (ngx_http_deskgate_needs(ctx, action, &needs, &shadow) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_deskgate_facts_find(r, ctx, &needs, &facts->about);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!needs.texts && !shadow.texts) {
        return NGX_OK;
    }

    ngx_memzero(&error, sizeof(dg_input_texts_error_t));

    err = dg_input_texts_read(&ctx->arena, ctx->call.operation,
                              ctx->inspection, &ctx->texts, &error);
    facts->texts = ctx->texts;

    if (err == DG_ERR_MEMORY) {
        return NGX_ERROR;
    }

    return err == DG_OK || !needs.texts
           ? NGX_OK : ngx_http_deskgate_unreadable(ctx, &error);
}


/* What the policies read, and what the shadows read besides. */

static ngx_int_t
ngx_http_deskgate_needs(ngx_http_deskgate_ctx_t *ctx, dg_span_t action,
    dg_conditions_needs_t *needs, dg_conditions_needs_t *shadow)
{
    ngx_uint_t                      i;
    dg_conditions_needs_t           one;
    ngx_http_deskgate_policy_set_t *set;

    ngx_memzero(shadow, sizeof(dg_conditions_needs_t));

    if (dg_conditions_needs(ctx->lcf->policy_set.conditions, action,
                            ctx->call.operation, &ctx->arena, needs)
        != DG_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->lcf->shadows == NULL) {
        return NGX_OK;
    }

    set = ctx->lcf->shadows->elts;

    for (i = 0; i < ctx->lcf->shadows->nelts; i++) {
        if (dg_conditions_needs(set[i].conditions, action,
                                ctx->call.operation, &ctx->arena, &one)
            != DG_OK)
        {
            return NGX_ERROR;
        }

        shadow->texts = shadow->texts || one.texts;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_unreadable(ngx_http_deskgate_ctx_t *ctx,
    dg_input_texts_error_t *error)
{
    dg_writer_t  w;

    w = dg_writer(dg_arena_alloc(&ctx->arena, DG_DENIAL_MAX), DG_DENIAL_MAX);

    if (w.data) {
        dg_input_texts_error_write(&w, error);
        ctx->message = dg_written(&w);
    }

    return ngx_http_deskgate_refused(ctx, DG_REFUSE_INPUT_UNREADABLE, NULL);
}


static void
ngx_http_deskgate_call_facts(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_call_facts_t *facts)
{
    const dg_header_t  *agent;

    agent = dg_request_header(&ctx->received, DG_SPAN("user-agent"), NULL);

    ngx_memzero(facts, sizeof(dg_call_facts_t));

    facts->caller = &ctx->caller;
    facts->call = &ctx->call;
    facts->inspection = ctx->inspection;
    facts->resources = ctx->resources;
    facts->resource_count = ctx->resource_count;
    facts->source_ip = ngx_http_deskgate_span(&r->connection->addr_text);
    facts->user_agent = agent ? agent->value : DG_SPAN_EMPTY;
    facts->region = ngx_http_deskgate_span(&ctx->offer->region);
    facts->secure_transport =
        ngx_http_deskgate_client_ssl(r->connection) != NULL;
    facts->now = ngx_time();
    facts->arena = &ctx->arena;
}


static dg_span_t
ngx_http_deskgate_action(ngx_http_deskgate_ctx_t *ctx)
{
    dg_span_t    prefix, name;
    dg_writer_t  w;

    prefix = ctx->call.service->action_prefix;
    name = ctx->call.operation->name;

    w = dg_writer(dg_arena_alloc(&ctx->arena, prefix.len + name.len + 1),
                  prefix.len + name.len + 1);

    if (w.data == NULL) {
        return DG_SPAN_EMPTY;
    }

    dg_write_span(&w, prefix);
    dg_write_char(&w, ':');
    dg_write_span(&w, name);

    return dg_written(&w);
}


static ngx_int_t
ngx_http_deskgate_denied(ngx_http_deskgate_ctx_t *ctx, dg_span_t action,
    const dg_span_t *arns)
{
    uint32_t     item;
    dg_span_t    resource;
    dg_writer_t  w;

    item = DG_INSPECT_NO_ITEM;
    resource = DG_SPAN("*");

    if (ctx->resource_count) {
        item = ctx->resources[ctx->decision.resource].item;
        resource = arns[ctx->decision.resource];
    }

    if (item == DG_INSPECT_NO_ITEM || ctx->inspection->item_count == 1) {
        item = 0;

    } else {
        item++;
    }

    w = dg_writer(dg_arena_alloc(&ctx->arena, DG_DENIAL_MAX), DG_DENIAL_MAX);

    if (w.data) {
        dg_denial_write(&w, &ctx->caller, action, resource, item,
                        &ctx->decision,
                        (dg_denial_detail_t) ctx->lcf->denial_detail,
                        dg_span(ctx->request_id, sizeof(ctx->request_id)));
        ctx->message = dg_written(&w);
    }

    return ngx_http_deskgate_refused(ctx,
               ctx->decision.effect == DG_POLICY_DENY_EXPLICIT
               ? DG_REFUSE_DENIED_EXPLICIT : DG_REFUSE_DENIED_IMPLICIT,
               NULL);
}
