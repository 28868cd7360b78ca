/*
 * Copyright (C) the deskgate authors
 *
 * Fetching something (a token, a key set) through an internal location, by a
 * waited subrequest.  It is not an in-memory one: an answer larger than that
 * kind's buffer ends the client's connection.  Our filters consume the
 * answer into a bounded copy instead, and too much is an ordinary error.
 */

#include "ngx_http_deskgate.h"


static ngx_int_t ngx_http_deskgate_fetch_done(ngx_http_request_t *sr,
    void *data, ngx_int_t rc);
static ngx_int_t ngx_http_deskgate_fetch_headers(ngx_http_request_t *sr,
    const ngx_http_deskgate_fetch_request_t *request);
static ngx_int_t ngx_http_deskgate_fetch_body(ngx_http_request_t *sr,
    const ngx_http_deskgate_fetch_request_t *request);


/*
 * NGX_AGAIN: under way, the handler is entered again when it is done;
 * NGX_ERROR: could not be started.
 */

ngx_int_t
ngx_http_deskgate_fetch_start(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx,
    const ngx_http_deskgate_fetch_request_t *request,
    ngx_http_deskgate_fetch_t **started)
{
    ngx_str_t                    uri, args;
    ngx_http_request_t          *sr;
    ngx_http_core_main_conf_t   *cmcf;
    ngx_http_post_subrequest_t  *ps;
    ngx_http_deskgate_fetch_t   *fetch;

    fetch = ngx_pcalloc(r->pool, sizeof(ngx_http_deskgate_fetch_t));
    ps = ngx_palloc(r->pool, sizeof(ngx_http_post_subrequest_t));

    if (fetch == NULL || ps == NULL) {
        return NGX_ERROR;
    }

    fetch->limit = request->limit;
    fetch->fetched = request->fetched;
    fetch->owner = request->owner;
    fetch->main = ctx;
    *started = fetch;

    ps->handler = ngx_http_deskgate_fetch_done;
    ps->data = fetch;

    uri = request->uri;
    args = request->args;

    if (ngx_http_subrequest(r, &uri, &args, &sr, ps,
                            NGX_HTTP_SUBREQUEST_WAITED)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    sr->method = request->method;
    sr->method_name = request->method_name;

    if (ngx_http_deskgate_fetch_headers(sr, request) != NGX_OK
        || ngx_http_deskgate_fetch_body(sr, request) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /*
     * With the parent's array a variable evaluated here would be what the
     * call itself sends later.
     */

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    sr->variables = ngx_pcalloc(r->pool, cmcf->variables.nelts
                                         * sizeof(ngx_http_variable_value_t));
    if (sr->variables == NULL) {
        return NGX_ERROR;
    }

    /* the copy filter reads file buffers into memory for us */
    sr->filter_need_in_memory = 1;

    /* an aborting client must not end a fetch that others wait for */
    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_deskgate_fetch_headers(ngx_http_request_t *sr,
    const ngx_http_deskgate_fetch_request_t *request)
{
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    /*
     * The copied list's last part is the parent's: pushing to it would give
     * the parent our headers, and keeping it would give the client's
     * credentials to whom we fetch from.
     */

    ngx_memzero(&sr->headers_in, sizeof(ngx_http_headers_in_t));

    sr->headers_in.content_length_n = request->body.len
                                      ? (off_t) request->body.len : -1;
    sr->headers_in.keep_alive_n = -1;

    if (ngx_list_init(&sr->headers_in.headers, sr->pool, 4,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < request->header_count; i++) {
        h = ngx_http_deskgate_header_push(sr, &request->headers[i].name,
                                          &request->headers[i].value);
        if (h == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_fetch_body(ngx_http_request_t *sr,
    const ngx_http_deskgate_fetch_request_t *request)
{
    ngx_buf_t                *b;
    ngx_http_request_body_t  *rb;

    rb = ngx_pcalloc(sr->pool, sizeof(ngx_http_request_body_t));
    if (rb == NULL) {
        return NGX_ERROR;
    }

    sr->request_body = rb;

    if (request->body.len == 0) {
        return NGX_OK;
    }

    b = ngx_calloc_buf(sr->pool);
    rb->bufs = ngx_alloc_chain_link(sr->pool);

    if (b == NULL || rb->bufs == NULL) {
        return NGX_ERROR;
    }

    b->start = request->body.data;
    b->pos = b->start;
    b->last = b->start + request->body.len;
    b->end = b->last;
    b->memory = 1;
    b->last_buf = 1;

    rb->bufs->buf = b;
    rb->bufs->next = NULL;
    rb->buf = b;

    return NGX_OK;
}


/* The fetch that a subrequest is for, or NULL. */

ngx_http_deskgate_fetch_t *
ngx_http_deskgate_fetch_of(ngx_http_request_t *r)
{
    if (r == r->main || r->post_subrequest == NULL
        || r->post_subrequest->handler != ngx_http_deskgate_fetch_done)
    {
        return NULL;
    }

    return r->post_subrequest->data;
}


ngx_int_t
ngx_http_deskgate_fetch_collect(ngx_http_request_t *sr,
    ngx_http_deskgate_fetch_t *fetch, ngx_chain_t *in)
{
    size_t        n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (fetch->data == NULL) {
        fetch->data = ngx_pnalloc(sr->pool, fetch->limit);
        if (fetch->data == NULL) {
            return NGX_ERROR;
        }
    }

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        /* a subrequest that an upstream cut short ends without it */
        if (b->last_in_chain || b->last_buf) {
            fetch->whole = 1;
        }

        if (ngx_buf_in_memory(b)) {
            n = b->last - b->pos;

            if (n > fetch->limit - fetch->len) {
                fetch->too_large = 1;
                n = fetch->limit - fetch->len;
            }

            ngx_memcpy(fetch->data + fetch->len, b->pos, n);
            fetch->len += n;

            b->pos = b->last;
        }

        b->file_pos = b->file_last;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_fetch_done(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    ngx_http_deskgate_fetch_t  *fetch = data;

    if (!fetch->done) {
        fetch->done = 1;
        fetch->status = rc >= NGX_HTTP_SPECIAL_RESPONSE
                        ? (ngx_uint_t) rc : sr->headers_out.status;
        fetch->encoded = sr->headers_out.content_encoding
                         && sr->headers_out.content_encoding->value.len;

        /* at once: the call that waits may have ended without its client */
        fetch->result = fetch->fetched(fetch->main->request, fetch);
    }

    /*
     * Anything else would become the outcome of the main request: an error
     * of the fetch would end the client's connection.
     */

    return NGX_OK;
}


ngx_table_elt_t *
ngx_http_deskgate_header_push(ngx_http_request_t *r, const ngx_str_t *name,
    const ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_in.headers);
    if (h == NULL) {
        return NULL;
    }

    h->lowcase_key = ngx_pnalloc(r->pool, name->len);
    if (h->lowcase_key == NULL) {
        return NULL;
    }

    h->key = *name;
    h->value = *value;
    h->hash = ngx_hash_strlow(h->lowcase_key, name->data, name->len);
    ngx_http_deskgate_elt_unlink(h);

    return h;
}
