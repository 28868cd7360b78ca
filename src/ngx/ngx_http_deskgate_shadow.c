/*
 * Copyright (C) the deskgate authors
 *
 * What other policies would have decided.  They change nothing: the
 * difference is recorded and counted.
 */

#include "ngx_http_deskgate.h"

#define NGX_HTTP_DESKGATE_SHADOW_SIZE  2048


static void ngx_http_deskgate_shadow_write(dg_writer_t *w,
    ngx_http_deskgate_policy_set_t *set, dg_policy_decision_t *decision);


/* The request of the decision, its lookup without what keeps the context. */

void
ngx_http_deskgate_shadow(ngx_http_deskgate_ctx_t *ctx,
    const dg_policy_request_t *request)
{
    size_t                           before;
    ngx_uint_t                       i;
    dg_writer_t                      w;
    dg_policy_request_t              again;
    dg_policy_decision_t             decision;
    dg_conditions_lookup_t           lookup;
    ngx_http_deskgate_policy_set_t  *set;

    w = dg_writer(NULL, 0);
    set = ctx->lcf->shadows->elts;
    again = *request;
    lookup = *(dg_conditions_lookup_t *) request->lookup_ctx;
    again.lookup_ctx = &lookup;

    for (i = 0; i < ctx->lcf->shadows->nelts; i++) {
        lookup.conditions = set[i].conditions;
        again.documents = ngx_http_deskgate_attached(ctx, set[i].policies);

        if (again.documents == NULL) {
            return;
        }

        dg_policy_decide(set[i].set, &again, &decision);

        if ((decision.effect == DG_POLICY_ALLOW)
            == (ctx->decision.effect == DG_POLICY_ALLOW))
        {
            continue;
        }

        ctx->shadow_count++;

        if (w.data == NULL) {
            w = dg_writer(dg_arena_alloc(&ctx->arena,
                                         NGX_HTTP_DESKGATE_SHADOW_SIZE),
                          NGX_HTTP_DESKGATE_SHADOW_SIZE - 1);
            if (w.data == NULL) {
                return;
            }
        }

        before = w.len;
        dg_write_char(&w, before ? ',' : '[');
        ngx_http_deskgate_shadow_write(&w, &set[i], &decision);

        if (w.overflow) {
            w.len = before;
            break;
        }
    }

    if (w.len) {
        w.data[w.len++] = ']';
        ctx->shadow = dg_written(&w);
    }
}


static void
ngx_http_deskgate_shadow_write(dg_writer_t *w,
    ngx_http_deskgate_policy_set_t *set, dg_policy_decision_t *decision)
{
    uint8_t      buffer[DG_RECORD_TEXT_MAX];
    dg_writer_t  statement;

    dg_write_cstr(w, "{\"name\":");
    dg_json_write_string(w, ngx_http_deskgate_span(&set->name));
    dg_write_cstr(w, ",\"authorization\":\"");
    dg_write_cstr(w, dg_policy_effect_name(decision->effect));
    dg_write_cstr(w, "\",\"layer\":\"");
    dg_write_cstr(w, dg_policy_form_name(decision->layer));
    dg_write_char(w, '"');

    if (decision->name.len) {
        dg_write_cstr(w, ",\"policy\":");
        dg_json_write_string(w, decision->name);
    }

    if (decision->has_statement) {
        statement = dg_writer(buffer, sizeof(buffer));
        dg_denial_write_statement(&statement, decision);
        dg_write_cstr(w, ",\"statement\":");
        dg_json_write_string(w, dg_written(&statement));
    }

    dg_write_char(w, '}');
}
