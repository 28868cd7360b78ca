/*
 * The broker's own authorization server: POST /oauth2/token with the
 * client_credentials grant, in the query as the broker's clients send it or
 * in the body (RFC 6749 section 4.4), the client by Basic credentials or in
 * the body (section 2.3.1).  Tokens are random and opaque; the zone keeps
 * their hashes, with the second at which they end.
 */

#include "ngx_http_deskgate_sandbox.h"

#include "core/dg_codec.h"

#define TOKEN_PATH         "/oauth2/token"
#define TOKEN_GRANT        "client_credentials"
#define TOKEN_PREFIX       "$bearer/"
#define TOKEN_RANDOM       32
#define TOKEN_CLIENT_MAX   1024
#define TOKEN_SWEEP        8


ngx_int_t
ngx_http_deskgate_sandbox_is_token_call(ngx_http_deskgate_sandbox_ctx_t *ctx)
{
    return dg_span_equal(dg_request_path(&ctx->view), DG_SPAN(TOKEN_PATH));
}


/* A form parameter, decoded into the arena; false when it is not there. */
static ngx_uint_t
ngx_http_deskgate_sandbox_param(ngx_http_deskgate_sandbox_ctx_t *ctx,
    dg_span_t form, dg_span_t name, dg_span_t *value)
{
    size_t       i, eq;
    uint8_t     *p;
    dg_span_t    part;
    dg_writer_t  w;

    if (form.len == 0) {
        return 0;
    }

    while (dg_span_split(&form, '&', &part)) {
        eq = dg_span_find(part, '=');

        if (!dg_span_equal(dg_span_slice(part, 0, eq), name)) {
            continue;
        }

        part = dg_span_slice(part, eq + 1, part.len);

        p = dg_arena_alloc(&ctx->arena, 2 * part.len + 1);
        if (p == NULL) {
            return 0;
        }

        for (i = 0; i < part.len; i++) {
            p[i] = part.data[i] == '+' ? ' ' : part.data[i];
        }

        w = dg_writer(p + part.len, part.len + 1);

        if (dg_percent_decode(dg_span(p, part.len), &w) != DG_OK) {
            return 0;
        }

        *value = dg_written(&w);
        return 1;
    }

    return 0;
}


static dg_span_t
ngx_http_deskgate_sandbox_form(ngx_http_deskgate_sandbox_ctx_t *ctx)
{
    const dg_header_t  *h;

    h = dg_request_header(&ctx->view, DG_SPAN("Content-Type"), NULL);

    if (h == NULL
        || !dg_span_starts_with(h->value,
                               DG_SPAN("application/x-www-form-urlencoded")))
    {
        return DG_SPAN_EMPTY;
    }

    return ctx->body;
}


/* Basic credentials (RFC 7617); false when there are none or broken ones. */
static ngx_uint_t
ngx_http_deskgate_sandbox_basic(ngx_http_deskgate_sandbox_ctx_t *ctx,
    dg_span_t *id, dg_span_t *secret)
{
    size_t              colon;
    uint8_t            *p;
    dg_span_t           text;
    dg_writer_t         w;
    const dg_header_t  *h;

    h = dg_request_header(&ctx->view, DG_SPAN("Authorization"), NULL);

    if (h == NULL || h->value.len < 6
        || !dg_span_equal_nocase(dg_span_slice(h->value, 0, 6),
                                 DG_SPAN("Basic ")))
    {
        return 0;
    }

    text = dg_span_trim(dg_span_slice(h->value, 6, h->value.len));

    p = dg_arena_alloc(&ctx->arena, TOKEN_CLIENT_MAX);
    if (p == NULL) {
        return 0;
    }

    w = dg_writer(p, TOKEN_CLIENT_MAX);

    if (dg_base64_decode(text, &w) != DG_OK) {
        return 0;
    }

    text = dg_written(&w);
    colon = dg_span_find(text, ':');

    *id = dg_span_slice(text, 0, colon);
    *secret = dg_span_slice(text, colon + 1, text.len);

    return colon < text.len;
}


static ngx_uint_t
ngx_http_deskgate_sandbox_is_client(ngx_array_t *clients, dg_span_t id,
    dg_span_t secret)
{
    ngx_uint_t                           i, found = 0;
    ngx_http_deskgate_sandbox_client_t  *client = clients->elts;

    for (i = 0; i < clients->nelts; i++) {

        if (dg_span_equal(id, dg_span(client[i].id.data, client[i].id.len))
            && dg_equal_secret(secret, dg_span(client[i].secret.data,
                                               client[i].secret.len)))
        {
            found = 1;
        }
    }

    return found;
}


static void
ngx_http_deskgate_sandbox_oauth_error(ngx_http_deskgate_sandbox_ctx_t *ctx,
    ngx_uint_t status, dg_span_t body)
{
    ctx->status = status;
    ctx->answer = body;
    ctx->content_type = DG_SPAN("application/json");
}


/* "$bearer/" and the hash of the token, in hex. */
static ngx_int_t
ngx_http_deskgate_sandbox_token_key(dg_span_t token, dg_writer_t *w)
{
    char  hex[DG_SHA256_HEX_SIZE];

    if (dg_sha256_hex(ngx_http_deskgate_sandbox_crypto(), token, hex)
        != DG_OK)
    {
        return NGX_ERROR;
    }

    dg_write_cstr(w, TOKEN_PREFIX);
    dg_write(w, hex, sizeof(hex));

    return NGX_OK;
}


static ngx_uint_t
ngx_http_deskgate_sandbox_token_alive(dg_span_t value)
{
    uint64_t  end;

    return dg_span_to_u64(value, &end) && (time_t) end > ngx_time();
}


/* Keeps the token, and gives up a few of those that ended. */
static dg_err_t
ngx_http_deskgate_sandbox_keep(ngx_http_deskgate_sandbox_zone_t *zone,
    dg_span_t key, dg_span_t value)
{
    dg_err_t     err;
    uint8_t      buffer[DG_SANDBOX_KEY_MAX];
    dg_span_t    old, end, from = key;
    ngx_uint_t   n;
    dg_writer_t  w;

    ngx_shmtx_lock(&zone->shpool->mutex);

    for (n = 0; n < TOKEN_SWEEP; n++) {

        if (!ngx_http_deskgate_sandbox_store.next(zone, DG_SPAN(TOKEN_PREFIX),
                                                  from, &old, &end))
        {
            break;
        }

        w = dg_writer(buffer, sizeof(buffer));
        dg_write_span(&w, old);
        from = dg_written(&w);

        if (!ngx_http_deskgate_sandbox_token_alive(end)) {
            ngx_http_deskgate_sandbox_store.del(zone, from);
        }
    }

    err = ngx_http_deskgate_sandbox_store.put(zone, key, value);

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return err;
}


static ngx_int_t
ngx_http_deskgate_sandbox_issue(ngx_http_deskgate_sandbox_ctx_t *ctx,
    ngx_msec_t lifetime, ngx_http_deskgate_sandbox_zone_t *zone)
{
    uint8_t      raw[TOKEN_RANDOM], key[128], end[32], *p;
    dg_span_t    token;
    dg_writer_t  k = dg_writer(key, sizeof(key));
    dg_writer_t  e = dg_writer(end, sizeof(end));
    dg_writer_t  w;

    p = dg_arena_alloc(&ctx->arena, 256);

    if (p == NULL
        || dg_random(ngx_http_deskgate_sandbox_crypto(), raw, sizeof(raw))
           != DG_OK)
    {
        return NGX_ERROR;
    }

    w = dg_writer(p, 256);
    dg_write_cstr(&w, "{\"access_token\":\"");
    dg_write_base64url(&w, dg_span(raw, sizeof(raw)));
    token = dg_span(p + 17, w.len - 17);

    dg_write_u64(&e, (uint64_t) ngx_time() + lifetime / 1000);

    if (ngx_http_deskgate_sandbox_token_key(token, &k) != NGX_OK
        || ngx_http_deskgate_sandbox_keep(zone, dg_written(&k),
                                          dg_written(&e))
           != DG_OK)
    {
        return NGX_ERROR;
    }

    dg_write_cstr(&w, "\",\"token_type\":\"Bearer\",\"expires_in\":");
    dg_write_u64(&w, lifetime / 1000);
    dg_write_char(&w, '}');

    ctx->status = NGX_HTTP_OK;
    ctx->answer = dg_written(&w);
    ctx->content_type = DG_SPAN("application/json");
    ctx->no_store = 1;

    return NGX_OK;
}


void
ngx_http_deskgate_sandbox_token(ngx_http_deskgate_sandbox_ctx_t *ctx,
    ngx_http_deskgate_sandbox_loc_conf_t *slcf,
    ngx_http_deskgate_sandbox_zone_t *zone)
{
    dg_span_t  form, grant, id, secret;

    ctx->no_store = 1;

    if (!dg_span_equal(ctx->view.method, DG_SPAN("POST"))) {
        ngx_http_deskgate_sandbox_oauth_error(ctx, NGX_HTTP_NOT_ALLOWED,
                                       DG_SPAN("{\"error\":"
                                               "\"invalid_request\"}"));
        return;
    }

    form = ngx_http_deskgate_sandbox_form(ctx);

    if (!ngx_http_deskgate_sandbox_param(ctx, dg_request_query(&ctx->view),
                                         DG_SPAN("grant_type"), &grant)
        && !ngx_http_deskgate_sandbox_param(ctx, form, DG_SPAN("grant_type"),
                                            &grant))
    {
        ngx_http_deskgate_sandbox_oauth_error(ctx, NGX_HTTP_BAD_REQUEST,
                                       DG_SPAN("{\"error\":"
                                               "\"invalid_request\"}"));
        return;
    }

    if (!dg_span_equal(grant, DG_SPAN(TOKEN_GRANT))) {
        ngx_http_deskgate_sandbox_oauth_error(ctx, NGX_HTTP_BAD_REQUEST,
                                       DG_SPAN("{\"error\":"
                                               "\"unsupported_grant_type\"}"));
        return;
    }

    if ((!ngx_http_deskgate_sandbox_basic(ctx, &id, &secret)
         && (!ngx_http_deskgate_sandbox_param(ctx, form, DG_SPAN("client_id"),
                                              &id)
             || !ngx_http_deskgate_sandbox_param(ctx, form,
                                                 DG_SPAN("client_secret"),
                                                 &secret)))
        || !ngx_http_deskgate_sandbox_is_client(slcf->clients, id, secret))
    {
        ngx_http_deskgate_sandbox_oauth_error(ctx, NGX_HTTP_UNAUTHORIZED,
                                       DG_SPAN("{\"error\":"
                                               "\"invalid_client\"}"));
        return;
    }

    if (ngx_http_deskgate_sandbox_issue(ctx, slcf->token_lifetime, zone)
        != NGX_OK)
    {
        ngx_http_deskgate_sandbox_oauth_error(ctx,
                                       NGX_HTTP_SERVICE_UNAVAILABLE,
                                       DG_SPAN("{\"error\":"
                                               "\"temporarily_unavailable\"}"));
    }
}


ngx_int_t
ngx_http_deskgate_sandbox_bearer(ngx_http_deskgate_sandbox_ctx_t *ctx,
    ngx_http_deskgate_sandbox_zone_t *zone)
{
    uint8_t             key[128];
    dg_span_t           token, value;
    ngx_uint_t          alive;
    dg_writer_t         k = dg_writer(key, sizeof(key));
    const dg_header_t  *h;

    h = dg_request_header(&ctx->view, DG_SPAN("Authorization"), NULL);

    if (h == NULL) {
        return DG_REFUSE_CREDENTIALS_MISSING;
    }

    if (h->value.len < 7
        || !dg_span_equal_nocase(dg_span_slice(h->value, 0, 7),
                                 DG_SPAN("Bearer ")))
    {
        return DG_REFUSE_TOKEN_MALFORMED;
    }

    token = dg_span_trim(dg_span_slice(h->value, 7, h->value.len));

    if (ngx_http_deskgate_sandbox_token_key(token, &k) != NGX_OK) {
        return DG_REFUSE_INTERNAL;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    alive = ngx_http_deskgate_sandbox_store.get(zone, dg_written(&k), &value)
            && ngx_http_deskgate_sandbox_token_alive(value);

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return alive ? DG_ALLOWED : DG_REFUSE_TOKEN_EXPIRED;
}
