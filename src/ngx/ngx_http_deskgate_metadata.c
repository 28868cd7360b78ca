/*
 * Copyright (C) the deskgate authors
 *
 * Credentials of the host that the gateway runs on: a container's endpoint,
 * which may want a token from a file, or the instance's metadata service in
 * its second version, whose first is never asked.
 */

#include "ngx_http_deskgate.h"


static ngx_int_t ngx_http_deskgate_provide_flown(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    const ngx_http_deskgate_source_t *source, dg_credentials_t *out);
static ngx_http_deskgate_flight_t *ngx_http_deskgate_endpoint_flight(
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    const ngx_http_deskgate_source_t *source);
static ngx_int_t ngx_http_deskgate_source_key(
    const ngx_http_deskgate_credentials_t *c,
    const ngx_http_deskgate_source_t *source, dg_cache_key_t *key);
static ngx_int_t ngx_http_deskgate_container_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request);
static const char *ngx_http_deskgate_endpoint_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer);
static ngx_int_t ngx_http_deskgate_session_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request);
static const char *ngx_http_deskgate_session_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer);
static ngx_int_t ngx_http_deskgate_role_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request);
static const char *ngx_http_deskgate_role_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer);
static ngx_int_t ngx_http_deskgate_instance_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request);
static ngx_int_t ngx_http_deskgate_instance_get(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, dg_span_t role,
    ngx_http_deskgate_fetch_request_t *request);
static ngx_int_t ngx_http_deskgate_endpoint_uri(ngx_http_request_t *r,
    ngx_str_t *base, dg_span_t path, dg_span_t name, ngx_str_t *uri);
static const char *ngx_http_deskgate_endpoint_failed(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status);


static const ngx_http_deskgate_source_t
    ngx_http_deskgate_container_source =
{
    "credentials of the container,",
    "the container's endpoint failed shortly before",
    DG_REFUSE_CREDENTIALS_UNAVAILABLE,
    { NULL, 0 },
    DG_CREDENTIALS_REPLY_TEXT,
    ngx_http_deskgate_container_ask,
    ngx_http_deskgate_endpoint_read
};

static const ngx_http_deskgate_source_t  ngx_http_deskgate_instance_source = {
    "credentials of the instance,",
    "the instance's metadata service failed shortly before",
    DG_REFUSE_CREDENTIALS_UNAVAILABLE,
    { NULL, 0 },
    DG_CREDENTIALS_REPLY_TEXT,
    ngx_http_deskgate_instance_ask,
    ngx_http_deskgate_endpoint_read
};

static const ngx_http_deskgate_source_t  ngx_http_deskgate_session_source = {
    "a session with the instance,",
    "the instance's metadata service failed shortly before",
    DG_REFUSE_CREDENTIALS_UNAVAILABLE,
    { NULL, 0 },
    DG_CREDENTIALS_REPLY_TEXT,
    ngx_http_deskgate_session_ask,
    ngx_http_deskgate_session_read
};

static const ngx_http_deskgate_source_t  ngx_http_deskgate_role_source = {
    "the instance's role,",
    "the instance's metadata service failed shortly before",
    DG_REFUSE_CREDENTIALS_UNAVAILABLE,
    { NULL, 0 },
    DG_CREDENTIALS_REPLY_TEXT,
    ngx_http_deskgate_role_ask,
    ngx_http_deskgate_role_read
};


ngx_int_t
ngx_http_deskgate_provide_container(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    dg_credentials_t *out)
{
    return ngx_http_deskgate_provide_flown(r, ctx, c,
                                   &ngx_http_deskgate_container_source, out);
}


ngx_int_t
ngx_http_deskgate_provide_instance(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    dg_credentials_t *out)
{
    return ngx_http_deskgate_provide_flown(r, ctx, c,
                                    &ngx_http_deskgate_instance_source, out);
}


static ngx_int_t
ngx_http_deskgate_provide_flown(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    const ngx_http_deskgate_source_t *source, dg_credentials_t *out)
{
    ngx_int_t                    rc;
    ngx_http_deskgate_flight_t  *flight;

    flight = ngx_http_deskgate_endpoint_flight(ctx, c, source);
    if (flight == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_deskgate_fly(r, flight);

    if (rc != NGX_OK) {
        return rc;
    }

    return dg_credentials_unpack(flight->value, out) == DG_OK ? NGX_OK
                                                              : NGX_ERROR;
}


static ngx_http_deskgate_flight_t *
ngx_http_deskgate_endpoint_flight(ngx_http_deskgate_ctx_t *ctx,
    ngx_http_deskgate_credentials_t *c,
    const ngx_http_deskgate_source_t *source)
{
    ngx_http_deskgate_flight_t  *flight;

    flight = ngx_http_deskgate_flight_of(ctx, source, c);
    if (flight) {
        return flight;
    }

    flight = ngx_http_deskgate_flight_create(ctx, source, c, NULL);
    if (flight == NULL) {
        return NULL;
    }

    flight->name = c->name;

    return ngx_http_deskgate_source_key(c, source, &flight->key) == NGX_OK
           ? flight : NULL;
}


static ngx_int_t
ngx_http_deskgate_source_key(const ngx_http_deskgate_credentials_t *c,
    const ngx_http_deskgate_source_t *source, dg_cache_key_t *key)
{
    dg_span_t  texts[3];

    texts[0] = dg_span_cstr(source->what);
    texts[1] = ngx_http_deskgate_span(&c->name);
    texts[2] = ngx_http_deskgate_span(&c->uri);

    return ngx_http_deskgate_cache_key(ngx_http_deskgate_worker.crypto, texts,
                                       3, key);
}


/* Where the credentials of an endpoint are kept; NGX_DECLINED for others. */

ngx_int_t
ngx_http_deskgate_endpoint_key(const ngx_http_deskgate_credentials_t *c,
    dg_cache_key_t *key)
{
    if (c->provide == ngx_http_deskgate_provide_container) {
        return ngx_http_deskgate_source_key(c,
                                   &ngx_http_deskgate_container_source, key);
    }

    if (c->provide == ngx_http_deskgate_provide_instance) {
        return ngx_http_deskgate_source_key(c,
                                    &ngx_http_deskgate_instance_source, key);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_deskgate_container_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request)
{
    dg_span_t                         token;
    ngx_http_deskgate_header_t       *h;
    ngx_http_deskgate_credentials_t  *c = flight->object;

    request->uri = c->uri;
    request->method = NGX_HTTP_GET;
    ngx_str_set(&request->method_name, "GET");

    if (c->token_file.len == 0) {
        return NGX_OK;
    }

    if (ngx_http_deskgate_file_token(r, &c->token_file, &flight->ctx->arena,
                                     &token)
        != NGX_OK)
    {
        return ngx_http_deskgate_refused(flight->ctx,
                   DG_REFUSE_CREDENTIALS_UNAVAILABLE,
                   "the container's token file cannot be read");
    }

    h = ngx_palloc(r->pool, sizeof(ngx_http_deskgate_header_t));
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&h->name, "Authorization");
    h->value = ngx_http_deskgate_str(token);

    request->headers = h;
    request->header_count = 1;

    return NGX_OK;
}


static const char *
ngx_http_deskgate_endpoint_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer)
{
    dg_err_t           err;
    dg_diag_t          diag;
    const char        *reason;
    dg_credentials_t   credentials;
    dg_wiped_arena_t   scratch;

    if (status != NGX_HTTP_OK) {
        return ngx_http_deskgate_endpoint_failed(r, flight, status);
    }

    diag.text[0] = '\0';

    dg_wiped_arena_init(&scratch, &flight->ctx->arena,
                        NGX_HTTP_DESKGATE_ARENA_CHUNK,
                        NGX_HTTP_DESKGATE_ARENA_LIMIT);

    err = dg_credentials_reply_parse(&scratch.arena, answer, &credentials,
                                     &diag);

    if (err == DG_OK) {
        reason = ngx_http_deskgate_credentials_keep(flight, &credentials, 0);

    } else {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "deskgate: answer of %s \"%V\": %s",
                      flight->source->what, &flight->name, diag.text);

        reason = "its answer has no credentials";
    }

    dg_wiped_arena_wipe(&scratch);

    return reason;
}


static const char *
ngx_http_deskgate_endpoint_failed(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status)
{
    ngx_http_deskgate_flight_t  *session;

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "deskgate: %s \"%V\": answered %ui", flight->source->what,
                  &flight->name, status);

    if (status == NGX_HTTP_UNAUTHORIZED) {
        session = ngx_http_deskgate_flight_of(flight->ctx,
                       &ngx_http_deskgate_session_source, flight->object);

        if (session) {
            ngx_http_deskgate_flight_drop(session);
        }
    }

    return "it did not answer 200";
}


static ngx_int_t
ngx_http_deskgate_session_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request)
{
    ngx_http_deskgate_credentials_t  *c = flight->object;

    static ngx_http_deskgate_header_t  headers[] = {
        { ngx_string(DG_INSTANCE_TOKEN_TTL), ngx_string("21600") }
    };

    request->method = NGX_HTTP_PUT;
    ngx_str_set(&request->method_name, "PUT");
    request->headers = headers;
    request->header_count = 1;

    return ngx_http_deskgate_endpoint_uri(r, &c->uri,
               DG_SPAN(DG_INSTANCE_TOKEN_PATH), DG_SPAN(""), &request->uri);
}


static const char *
ngx_http_deskgate_session_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer)
{
    dg_span_t  token;

    if (status != NGX_HTTP_OK) {
        return ngx_http_deskgate_endpoint_failed(r, flight, status);
    }

    token = dg_span_trim(answer);

    if (!dg_instance_token_fits(token)) {
        return "its answer is no session token";
    }

    flight->fetched = token;
    flight->life = DG_INSTANCE_TOKEN_LIFE * 1000;

    return NULL;
}


static ngx_int_t
ngx_http_deskgate_role_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request)
{
    return ngx_http_deskgate_instance_get(r, flight, DG_SPAN(""), request);
}


static const char *
ngx_http_deskgate_role_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer)
{
    if (status != NGX_HTTP_OK) {
        return ngx_http_deskgate_endpoint_failed(r, flight, status);
    }

    flight->fetched = dg_instance_role(answer);
    flight->life = DG_INSTANCE_TOKEN_LIFE * 1000;

    return flight->fetched.len ? NULL : "its answer names no role";
}


static ngx_int_t
ngx_http_deskgate_instance_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request)
{
    ngx_int_t                    rc;
    ngx_http_deskgate_flight_t  *role;

    role = ngx_http_deskgate_endpoint_flight(flight->ctx, flight->object,
                                             &ngx_http_deskgate_role_source);
    if (role == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_deskgate_fly(r, role);

    return rc == NGX_OK
           ? ngx_http_deskgate_instance_get(r, flight, role->value, request)
           : rc;
}


/* A page of the metadata service, with the session's token. */

static ngx_int_t
ngx_http_deskgate_instance_get(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, dg_span_t role,
    ngx_http_deskgate_fetch_request_t *request)
{
    ngx_int_t                         rc;
    ngx_http_deskgate_flight_t       *session;
    ngx_http_deskgate_header_t       *h;
    ngx_http_deskgate_credentials_t  *c = flight->object;

    session = ngx_http_deskgate_endpoint_flight(flight->ctx, c,
                                         &ngx_http_deskgate_session_source);
    h = ngx_palloc(r->pool, sizeof(ngx_http_deskgate_header_t));

    if (session == NULL || h == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_deskgate_fly(r, session);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_str_set(&h->name, DG_INSTANCE_TOKEN);
    h->value = ngx_http_deskgate_str(session->value);

    request->method = NGX_HTTP_GET;
    ngx_str_set(&request->method_name, "GET");
    request->headers = h;
    request->header_count = 1;

    return ngx_http_deskgate_endpoint_uri(r, &c->uri,
               DG_SPAN(DG_INSTANCE_ROLES_PATH), role, &request->uri);
}


static ngx_int_t
ngx_http_deskgate_endpoint_uri(ngx_http_request_t *r, ngx_str_t *base,
    dg_span_t path, dg_span_t name, ngx_str_t *uri)
{
    size_t       size;
    dg_writer_t  w;

    size = base->len + path.len + name.len;

    w = dg_writer(ngx_pnalloc(r->pool, size), size);
    if (w.data == NULL) {
        return NGX_ERROR;
    }

    dg_write_span(&w, ngx_http_deskgate_span(base));
    dg_write_span(&w, path);
    dg_write_span(&w, name);

    *uri = ngx_http_deskgate_str(dg_written(&w));

    return NGX_OK;
}
