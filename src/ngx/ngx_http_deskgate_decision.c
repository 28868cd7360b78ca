/*
 * Copyright (C) the deskgate authors
 *
 * What a record tells of the policies' decision: enough to explain it later
 * from the record and the policy files alone.
 */

#include "ngx_http_deskgate_facts.h"

#define NGX_HTTP_DESKGATE_POLICIES_SIZE  8192


static void ngx_http_deskgate_record_policies(ngx_http_deskgate_ctx_t *ctx,
    dg_record_decision_t *d);
static void ngx_http_deskgate_record_context(ngx_http_deskgate_ctx_t *ctx,
    dg_record_decision_t *d);


void
ngx_http_deskgate_record_decision(ngx_http_deskgate_ctx_t *ctx,
    dg_record_t *record)
{
    dg_writer_t            w;
    dg_record_decision_t  *d;

    d = &record->decision;

    d->effect = dg_span_cstr(dg_policy_effect_name(ctx->decision.effect));
    d->action = ctx->action;
    d->layer = dg_span_cstr(dg_policy_form_name(ctx->decision.layer));
    d->policy = ctx->decision.name;
    d->resource = ctx->resource_count
                  ? ctx->resources[ctx->decision.resource].arn
                  : DG_SPAN("*");
    d->resources = ctx->resource_count;
    d->set = dg_span(ctx->lcf->policy_set.hash, DG_SHA256_HEX_SIZE);
    d->shadow = ctx->shadow;
    d->facts = ngx_http_deskgate_facts_came(ctx);

    if (ctx->decision.has_statement) {
        w = dg_writer(dg_arena_alloc(&ctx->arena, DG_RECORD_TEXT_MAX),
                      DG_RECORD_TEXT_MAX);

        if (w.data) {
            dg_denial_write_statement(&w, &ctx->decision);
            d->statement = dg_written(&w);
        }
    }

    ngx_http_deskgate_record_policies(ctx, d);
    ngx_http_deskgate_record_context(ctx, d);
}


/* The documents that applied to the caller, ready since they were read. */

static void
ngx_http_deskgate_record_policies(ngx_http_deskgate_ctx_t *ctx,
    dg_record_decision_t *d)
{
    size_t                           size;
    ngx_uint_t                       i, n;
    dg_writer_t                      w;
    ngx_http_deskgate_attachment_t  *a;

    a = ctx->lcf->policy_set.policies->elts;
    n = ctx->lcf->policy_set.policies->nelts;
    size = 2;

    for (i = 0; i < n; i++) {
        size += ctx->documents[i] ? a[i].record.len + 1 : 0;
    }

    size = ngx_min(size, NGX_HTTP_DESKGATE_POLICIES_SIZE);

    w = dg_writer(dg_arena_alloc(&ctx->arena, size), size - 1);
    if (w.data == NULL) {
        d->omitted = 1;
        return;
    }

    dg_write_char(&w, '[');

    for (i = 0; i < n; i++) {
        if (!ctx->documents[i]) {
            continue;
        }

        if (w.cap - w.len < a[i].record.len + 1) {
            d->omitted = 1;
            continue;
        }

        if (w.len > 1) {
            dg_write_char(&w, ',');
        }

        dg_write_span(&w, ngx_http_deskgate_span(&a[i].record));
    }

    w.data[w.len++] = ']';
    d->policies = dg_written(&w);
}


static void
ngx_http_deskgate_record_context(ngx_http_deskgate_ctx_t *ctx,
    dg_record_decision_t *d)
{
    uint8_t                      *buffer;
    dg_policy_context_text_t      text;
    dg_policy_context_options_t   options;

    if (ctx->policy_context.count == 0 && !ctx->policy_context.omitted) {
        d->keys = DG_SPAN("{}");
        return;
    }

    buffer = dg_arena_alloc(&ctx->arena, DG_POLICY_CONTEXT_TEXT_MAX);
    if (buffer == NULL) {
        d->omitted = 1;
        return;
    }

    options.resources = ctx->resource_count;
    options.inspection = ctx->inspection;
    options.crypto = ngx_http_deskgate_worker.crypto;
    options.texts = ctx->texts;

    dg_policy_context_write(&ctx->policy_context, &options, buffer, &text);

    d->keys = text.keys;
    d->item_keys = text.item_keys;
    d->omitted = d->omitted || text.omitted;
}
