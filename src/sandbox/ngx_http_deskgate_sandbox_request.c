/*
 * Between nginx's request and the core: headers, body, the answer.
 */

#include "ngx_http_deskgate_sandbox.h"


void *
ngx_http_deskgate_sandbox_grow(void *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


ngx_int_t
ngx_http_deskgate_sandbox_view(ngx_http_request_t *r, dg_request_t *view)
{
    dg_header_t      *headers;
    ngx_uint_t        i, n;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    headers = ngx_palloc(r->pool,
                         DG_REQUEST_HEADERS_MAX * sizeof(dg_header_t));
    if (headers == NULL) {
        return NGX_ERROR;
    }

    n = 0;

    for (part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (n == DG_REQUEST_HEADERS_MAX) {
                return NGX_DECLINED;
            }

            headers[n].name = dg_span(h[i].key.data, h[i].key.len);
            headers[n].value = dg_span(h[i].value.data, h[i].value.len);
            n++;
        }
    }

    view->method = dg_span(r->method_name.data, r->method_name.len);
    view->target = dg_span(r->unparsed_uri.data, r->unparsed_uri.len);
    view->headers = headers;
    view->header_count = n;

    return NGX_OK;
}


/* The whole body in one piece, from memory and from the temporary file. */
ngx_int_t
ngx_http_deskgate_sandbox_body(ngx_http_request_t *r, dg_span_t *body)
{
    u_char       *p;
    size_t        len, size;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    *body = DG_SPAN_EMPTY;

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_OK;
    }

    len = 0;

    for (cl = r->request_body->bufs; cl != NULL; cl = cl->next) {
        len += ngx_buf_size(cl->buf);
    }

    p = ngx_pnalloc(r->pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *body = dg_span(p, len);

    for (cl = r->request_body->bufs; cl != NULL; cl = cl->next) {
        b = cl->buf;
        size = ngx_buf_size(b);

        if (size == 0) {
            continue;
        }

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, size);
            continue;
        }

        if (ngx_read_file(b->file, p, size, b->file_pos) != (ssize_t) size) {
            return NGX_ERROR;
        }

        p += size;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_sandbox_header(ngx_http_request_t *r, dg_span_t name,
    dg_span_t value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) name.data;
    h->key.len = name.len;
    h->value.data = (u_char *) value.data;
    h->value.len = value.len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_sandbox_headers(ngx_http_deskgate_sandbox_ctx_t *ctx)
{
    size_t               i;
    ngx_http_request_t  *r = ctx->request;

    for (i = 0; ctx->refused && i < ctx->refusal.header_count; i++) {
        if (ngx_http_deskgate_sandbox_header(r, ctx->refusal.headers[i].name,
                                             ctx->refusal.headers[i].value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ctx->refused) {
        return NGX_OK;
    }

    if (ngx_http_deskgate_sandbox_header(r, DG_SPAN("x-amzn-RequestId"),
            dg_span(ctx->request_id, sizeof(ctx->request_id)))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->error_type.len != 0
        && ngx_http_deskgate_sandbox_header(r, DG_SPAN("X-Amzn-Errortype"),
                                            ctx->error_type)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->call.protocol == DG_PROTOCOL_RPC_V2_CBOR
        && ngx_http_deskgate_sandbox_header(r, DG_SPAN("Smithy-Protocol"),
                                            DG_SPAN("rpc-v2-cbor"))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->no_store
        && ngx_http_deskgate_sandbox_header(r, DG_SPAN("Cache-Control"),
                                            DG_SPAN("no-store"))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_deskgate_sandbox_send(ngx_http_deskgate_sandbox_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r = ctx->request;

    r->headers_out.status = ctx->status;
    r->headers_out.content_length_n = (off_t) ctx->answer.len;
    r->headers_out.content_type.data = (u_char *) ctx->content_type.data;
    r->headers_out.content_type.len = ctx->content_type.len;
    r->headers_out.content_type_len = ctx->content_type.len;

    if (ngx_http_deskgate_sandbox_headers(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = (u_char *) ctx->answer.data;
    b->last = b->pos + ctx->answer.len;
    b->memory = ctx->answer.len != 0;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
