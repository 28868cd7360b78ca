/*
 * Copyright (C) the deskgate authors
 *
 * Refusals: answered with a body in the service's own form, never as a bare
 * status that error_page would take; said once in the error log, once in the
 * record, under one name.
 */

#include "ngx_http_deskgate.h"

#define NGX_HTTP_DESKGATE_AGAIN_LATER  1000   /* ms, when nothing is better */
#define NGX_HTTP_DESKGATE_LOGGED       400    /* bytes of a text in a log */


static ngx_int_t ngx_http_deskgate_refusal_header(ngx_http_request_t *r,
    const dg_header_t *header);
static ngx_int_t ngx_http_deskgate_retry_after(ngx_http_request_t *r,
    uint64_t ms);
static ngx_int_t ngx_http_deskgate_challenge(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static const char *ngx_http_deskgate_bearer_error(
    ngx_http_deskgate_ctx_t *ctx);
static ngx_str_t ngx_http_deskgate_log_caller(ngx_http_deskgate_ctx_t *ctx);
static ngx_str_t ngx_http_deskgate_log_reason(ngx_http_deskgate_ctx_t *ctx);


ngx_int_t
ngx_http_deskgate_refuse(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx)
{
    ngx_int_t     rc;
    ngx_chain_t  *body;

    ctx->answering = 1;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_deskgate_log_refusal(r, ctx);

    r->headers_out.status = 0;

    if (ngx_http_deskgate_refusal_headers(r, ctx, &body) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, body);
}


/*
 * Sets the answer's headers and makes its body.  A status that is set already
 * is kept: it is one that nginx itself has given.
 */

ngx_int_t
ngx_http_deskgate_refusal_headers(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_chain_t **body)
{
    size_t               i;
    ngx_buf_t           *b;
    dg_writer_t          w;
    dg_refusal_answer_t  answer;

    ngx_http_deskgate_headers_hide(r);

    b = ngx_create_temp_buf(r->pool, DG_REFUSAL_BODY_MAX);
    *body = ngx_alloc_chain_link(r->pool);

    if (b == NULL || *body == NULL) {
        return NGX_ERROR;
    }

    w = dg_writer(b->pos, DG_REFUSAL_BODY_MAX);

    if (dg_refusal_render(&ctx->call, ctx->call.protocol, ctx->refusal,
                          ctx->message,
                          dg_span(ctx->request_id, sizeof(ctx->request_id)),
                          &w, &answer)
        != DG_OK)
    {
        return NGX_ERROR;
    }

    b->last = b->pos + w.len;
    b->last_buf = 1;
    b->last_in_chain = 1;

    (*body)->buf = b;
    (*body)->next = NULL;

    if (r->headers_out.status == 0) {
        r->headers_out.status = answer.status;
    }

    ctx->error_code = answer.code;
    ctx->message = answer.message;

    r->headers_out.status_line.len = 0;
    r->headers_out.content_length_n = w.len;
    r->headers_out.content_type = ngx_http_deskgate_str(answer.content_type);
    r->headers_out.content_type_len = answer.content_type.len;
    r->headers_out.charset.len = 0;
    r->headers_out.override_charset = NULL;

    if (r->headers_out.content_length) {
        r->headers_out.content_length->hash = 0;
        r->headers_out.content_length = NULL;
    }

    for (i = 0; i < answer.header_count; i++) {
        if (ngx_http_deskgate_refusal_header(r, &answer.headers[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_http_deskgate_challenge(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!answer.may_retry && !answer.is_throttle) {
        return NGX_OK;
    }

    return ngx_http_deskgate_retry_after(r,
               ctx->retry_after ? ctx->retry_after
                                : NGX_HTTP_DESKGATE_AGAIN_LATER);
}


static ngx_int_t
ngx_http_deskgate_refusal_header(ngx_http_request_t *r,
    const dg_header_t *header)
{
    ngx_str_t  name, value;

    name = ngx_http_deskgate_str(header->name);
    value = ngx_http_deskgate_str(header->value);

    return ngx_http_deskgate_header_out(r, &name, &value) ? NGX_OK
                                                          : NGX_ERROR;
}


/* Seconds for everybody, milliseconds for newer SDKs. */

static ngx_int_t
ngx_http_deskgate_retry_after(ngx_http_request_t *r, uint64_t ms)
{
    u_char     *p;
    ngx_str_t   value;

    static ngx_str_t  seconds_name = ngx_string("Retry-After");
    static ngx_str_t  ms_name = ngx_string("x-amz-retry-after");

    if (ms == DG_THROTTLE_NEVER) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, 2 * NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = ngx_sprintf(p, "%uL", (ms + 999) / 1000) - p;

    if (ngx_http_deskgate_header_out(r, &seconds_name, &value) == NULL) {
        return NGX_ERROR;
    }

    value.data = p + NGX_INT64_LEN;
    value.len = ngx_sprintf(value.data, "%uL", ms) - value.data;

    return ngx_http_deskgate_header_out(r, &ms_name, &value) ? NGX_OK
                                                             : NGX_ERROR;
}


/* RFC 6750 section 3.1; NULL: no challenge. */

static const char *
ngx_http_deskgate_bearer_error(ngx_http_deskgate_ctx_t *ctx)
{
    if (ctx->refusal == DG_REFUSE_CREDENTIALS_MISSING) {
        return "";
    }

    if (ctx->refusal == DG_REFUSE_CREDENTIALS_AMBIGUOUS) {
        return ", error=\"invalid_request\"";
    }

    if (ctx->refusal >= DG_REFUSE_TOKEN_MALFORMED
        && ctx->refusal <= DG_REFUSE_TOKEN_REVOKED)
    {
        return ", error=\"invalid_token\"";
    }

    if (ctx->bearer.len
        && (ctx->refusal == DG_REFUSE_DENIED_EXPLICIT
            || ctx->refusal == DG_REFUSE_DENIED_IMPLICIT))
    {
        return ", error=\"insufficient_scope\"";
    }

    return NULL;
}


/*
 * Where a bearer token could have been presented (RFC 6750 section 3, RFC
 * 9728 section 5.1), or Basic (RFC 6749 section 5.2).
 */

static ngx_int_t
ngx_http_deskgate_challenge(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_str_t    value, *metadata;
    const char  *error;
    dg_writer_t  w;

    static ngx_str_t  name = ngx_string("WWW-Authenticate");

    error = ngx_http_deskgate_bearer_error(ctx);
    metadata = &ctx->lcf->resource_metadata;

    if ((ctx->lcf->authority || ctx->lcf->pass)
        && r->headers_out.status == NGX_HTTP_UNAUTHORIZED)
    {
        ngx_str_set(&value, "Basic realm=\"deskgate\"");

    } else if (ctx->lcf->authority || ctx->lcf->pass || error == NULL
               || (ctx->lcf->issuers == NULL && ctx->lcf->handles == NULL
                   && ctx->lcf->proof == NULL))
    {
        return NGX_OK;

    } else {
        w = dg_writer(ngx_pnalloc(r->pool, 128 + metadata->len),
                      128 + metadata->len);
        if (w.data == NULL) {
            return NGX_ERROR;
        }

        dg_write_cstr(&w, "Bearer realm=\"deskgate\"");
        dg_write_cstr(&w, error);

        if (metadata->len) {
            dg_write_cstr(&w, ", resource_metadata=\"");
            dg_write_span(&w, ngx_http_deskgate_span(metadata));
            dg_write_char(&w, '"');
        }

        value = ngx_http_deskgate_str(dg_written(&w));
    }

    return ngx_http_deskgate_header_out(r, &name, &value) ? NGX_OK
                                                          : NGX_ERROR;
}


/*
 * Who calls, quoted: what was not verified is the client's own text, and a
 * caller without a principal is known by his key or subject.
 */

static ngx_str_t
ngx_http_deskgate_log_caller(ngx_http_deskgate_ctx_t *ctx)
{
    dg_span_t     name;
    dg_writer_t   w;
    dg_caller_t  *caller;

    caller = &ctx->caller;
    name = caller->arn.len ? caller->arn
           : caller->access_key_id.len ? caller->access_key_id
           : caller->subject;

    w = dg_writer(dg_arena_alloc(&ctx->arena, NGX_HTTP_DESKGATE_REASON_SIZE),
                  NGX_HTTP_DESKGATE_REASON_SIZE);

    if (w.data == NULL || name.len == 0) {
        return ngx_http_deskgate_str(DG_SPAN("\"-\""));
    }

    if (!ctx->verified) {
        dg_write_cstr(&w, "claims to be ");
    }

    dg_json_write_string(&w, dg_span_slice(name, 0,
                                           NGX_HTTP_DESKGATE_LOGGED));

    return ngx_http_deskgate_str(dg_written(&w));
}


/* Why: what only the log may know, or else what this client was told. */

static ngx_str_t
ngx_http_deskgate_log_reason(ngx_http_deskgate_ctx_t *ctx)
{
    dg_writer_t  w;

    if (ctx->reason.len || ctx->message.len == 0) {
        return ctx->reason;
    }

    w = dg_writer(dg_arena_alloc(&ctx->arena, NGX_HTTP_DESKGATE_REASON_SIZE),
                  NGX_HTTP_DESKGATE_REASON_SIZE);

    if (w.data == NULL) {
        return ctx->reason;
    }

    dg_json_write_string(&w, dg_span_slice(ctx->message, 0,
                                           NGX_HTTP_DESKGATE_LOGGED));

    return ngx_http_deskgate_str(dg_written(&w));
}


/* The one line of the error log. */

void
ngx_http_deskgate_log_refusal(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_str_t                 service, operation, caller, reason;
    const dg_refusal_info_t  *info;

    info = dg_refusal_info(ctx->refusal);

    service = ngx_http_deskgate_str(ctx->call.service
                                    ? ctx->call.service->name
                                    : DG_SPAN("-"));
    operation = ngx_http_deskgate_str(ctx->call.operation
                                      ? ctx->call.operation->name
                                      : DG_SPAN("-"));
    caller = ngx_http_deskgate_log_caller(ctx);
    reason = ngx_http_deskgate_log_reason(ctx);

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "deskgate refused: %s, %V:%V, caller %V, request id "
                  "%*s%s%V",
                  info->name, &service, &operation, &caller,
                  sizeof(ctx->request_id), ctx->request_id,
                  reason.len ? ": " : "", &reason);
}
