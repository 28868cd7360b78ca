/*
 * Copyright (C) the deskgate authors
 *
 * Credentials for AWS SDKs, by the protocol that they speak in containers,
 * and callers that sign with them.
 */

#include "ngx_http_deskgate.h"

#define NGX_HTTP_DESKGATE_VEND_ANSWER  (DG_VEND_TOKEN_MAX + 512)
#define NGX_HTTP_DESKGATE_VEND_TEXT    4096


static dg_refusal_t ngx_http_deskgate_open_session(
    ngx_http_deskgate_ctx_t *ctx, dg_vend_session_t *session);
static const char *ngx_http_deskgate_session_elsewhere(
    ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx,
    const dg_vend_session_t *session);
static ngx_uint_t ngx_http_deskgate_policies_loaded(
    ngx_http_deskgate_ctx_t *ctx, const dg_caller_t *caller);
static ngx_uint_t ngx_http_deskgate_is_listed(const dg_span_t *list,
    size_t count, dg_span_t name);
static ngx_int_t ngx_http_deskgate_vend_sts(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_vend_sts_record(
    ngx_http_deskgate_ctx_t *ctx, const dg_credentials_t *c);
static ngx_int_t ngx_http_deskgate_may_vend(ngx_http_deskgate_ctx_t *ctx);
static ngx_uint_t ngx_http_deskgate_was_vended(const dg_caller_t *caller);
static ngx_int_t ngx_http_deskgate_vend_session(ngx_http_deskgate_ctx_t *ctx,
    dg_vend_session_t *session);
static ngx_int_t ngx_http_deskgate_vend_record(ngx_http_deskgate_ctx_t *ctx,
    const dg_vend_session_t *session, const dg_vended_t *vended);
static void ngx_http_deskgate_write_list(dg_writer_t *w, const char *name,
    const ngx_array_t *list);


/* The prefix of the key id has said already that it is one of these. */

ngx_int_t
ngx_http_deskgate_authenticate_vended(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    const char         *elsewhere;
    dg_caller_t         source;
    dg_refusal_t        refusal;
    dg_vend_session_t   session;

    if (ctx->lcf->vended == NULL) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_KEY_UNKNOWN,
                   "this location takes no vended credentials");
    }

    refusal = ngx_http_deskgate_open_session(ctx, &session);

    if (refusal == DG_ALLOWED || refusal == DG_REFUSE_SESSION_EXPIRED) {
        ctx->caller = session.caller;
    }

    if (refusal == DG_ALLOWED) {
        source = ctx->caller;
        source.access_key_id = session.source_key_id;

        /* the session, or the key that it was vended for */

        if (ngx_http_deskgate_revoked(&ctx->caller)
            || (source.access_key_id.len
                && ngx_http_deskgate_revoked(&source)))
        {
            refusal = DG_REFUSE_KEY_REVOKED;
        }
    }

    if (refusal != DG_ALLOWED) {
        return ngx_http_deskgate_failed(r, ctx, refusal);
    }

    ctx->secret = dg_span(ctx->session_secret, sizeof(ctx->session_secret));

    elsewhere = ngx_http_deskgate_session_elsewhere(r, ctx, &session);

    return elsewhere ? ngx_http_deskgate_refused(ctx,
                                   DG_REFUSE_SESSION_NOT_HERE, elsewhere)
                     : NGX_OK;
}


static dg_refusal_t
ngx_http_deskgate_open_session(ngx_http_deskgate_ctx_t *ctx,
    dg_vend_session_t *session)
{
    ngx_uint_t                     i;
    dg_refusal_t                   refusal;
    ngx_http_deskgate_vended_t   **vended;

    refusal = DG_REFUSE_SESSION_TOKEN;
    vended = ctx->lcf->vended->elts;

    for (i = 0; i < ctx->lcf->vended->nelts; i++) {
        refusal = dg_vend_open(ngx_http_deskgate_worker.sessions,
                               &vended[i]->keys, ctx->claim.access_key_id,
                               ctx->claim.session_token, ngx_time(),
                               &ctx->arena, session, ctx->session_secret);

        if (refusal != DG_REFUSE_SESSION_TOKEN) {
            break;
        }
    }

    return refusal;
}


/* NULL when the session is good for this call, else why it is not. */

static const char *
ngx_http_deskgate_session_elsewhere(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, const dg_vend_session_t *session)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!ngx_http_deskgate_is_listed(session->locations,
                                     session->location_count,
                                     ngx_http_deskgate_span(&clcf->name)))
    {
        return "the credentials were vended for other locations";
    }

    if (!ngx_http_deskgate_is_listed(session->services,
                                     session->service_count,
                                     ctx->call.service->name))
    {
        return "the credentials were vended for other services";
    }

    if (!ngx_http_deskgate_policies_loaded(ctx, &session->caller)) {
        return "the caller's key names a policy file that is not loaded "
               "here: add its sigv4= to deskgate_authenticate";
    }

    return NULL;
}


/* No list is every name. */

static ngx_uint_t
ngx_http_deskgate_is_listed(const dg_span_t *list, size_t count,
    dg_span_t name)
{
    size_t  i;

    for (i = 0; i < count; i++) {
        if (dg_span_equal(list[i], name)) {
            return 1;
        }
    }

    return count == 0;
}


/* One that is absent could be the one that denies. */

static ngx_uint_t
ngx_http_deskgate_policies_loaded(ngx_http_deskgate_ctx_t *ctx,
    const dg_caller_t *caller)
{
    size_t                           n;
    ngx_uint_t                       i;
    ngx_http_deskgate_attachment_t  *attachment;

    if (ctx->lcf->own || caller->policy_file_count == 0) {
        return 1;
    }

    attachment = ctx->lcf->policies->elts;

    for (n = 0; n < caller->policy_file_count; n++) {

        for (i = 0; i < ctx->lcf->policies->nelts; i++) {
            if (dg_span_equal(ngx_http_deskgate_span(
                                  &attachment[i].key_policy),
                              caller->policy_files[n]))
            {
                break;
            }
        }

        if (i == ctx->lcf->policies->nelts) {
            return 0;
        }
    }

    return 1;
}


/* AWS SDKs: AWS_CONTAINER_CREDENTIALS_FULL_URI */

ngx_int_t
ngx_http_deskgate_serve_vend(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_int_t           rc;
    dg_err_t            err;
    dg_writer_t         w;
    dg_vended_t        *vended;
    dg_vend_session_t   session;

    rc = ngx_http_deskgate_may_vend(ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->lcf->vend->sts) {
        return ngx_http_deskgate_vend_sts(r, ctx);
    }

    vended = (dg_vended_t *) ngx_http_deskgate_secret_memory(r,
                                                       sizeof(dg_vended_t));
    w = dg_writer(ngx_http_deskgate_secret_memory(r,
                                           NGX_HTTP_DESKGATE_VEND_ANSWER),
                  NGX_HTTP_DESKGATE_VEND_ANSWER);

    if (vended == NULL || w.data == NULL
        || ngx_http_deskgate_vend_session(ctx, &session) != NGX_OK)
    {
        return NGX_ERROR;
    }

    err = dg_vend_seal(ngx_http_deskgate_worker.crypto,
                       &ctx->lcf->vend->vended->keys, &session,
                       ctx->lcf->vend->lifetime, vended);

    if (err == DG_ERR_LIMIT) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_VEND_LIMIT, NULL);
    }

    if (err == DG_ERR_EXPIRED) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_TOKEN_EXPIRED,
                                         "it is within the leeway, and "
                                         "nothing is vended for that");
    }

    if (err != DG_OK
        || ngx_http_deskgate_vend_record(ctx, &session, vended) != NGX_OK)
    {
        return NGX_ERROR;
    }

    dg_write_cstr(&w, "{\"AccessKeyId\":\"");
    dg_write(&w, vended->access_key_id, sizeof(vended->access_key_id));
    dg_write_cstr(&w, "\",\"SecretAccessKey\":\"");
    dg_write(&w, vended->secret, sizeof(vended->secret));
    dg_write_cstr(&w, "\",\"Token\":\"");
    dg_write(&w, vended->token, vended->token_len);
    dg_write_cstr(&w, "\",\"Expiration\":\"");
    dg_time_write_iso(&w, vended->expires_at);
    dg_write_cstr(&w, "\"}");

    return ngx_http_deskgate_give(r, ctx, DG_SPAN("application/json"),
                                  dg_written(&w));
}


/*
 * Real ones, of the role that the rules give this caller.  They are AWS's:
 * no policy of the gateway is asked where they are used.
 */

static ngx_int_t
ngx_http_deskgate_vend_sts(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    size_t            size;
    ngx_int_t         rc;
    dg_writer_t       w;
    dg_credentials_t  c;

    ngx_memzero(&c, sizeof(dg_credentials_t));

    rc = ngx_http_deskgate_provide(r, ctx, ctx->lcf->vend->sts, &c);
    if (rc != NGX_OK) {
        return rc;
    }

    /* without an end they would be somebody's own key */

    if (c.session_token.len == 0 || c.expires_at == 0) {
        return ngx_http_deskgate_refused(ctx,
                   DG_REFUSE_CREDENTIALS_UNAVAILABLE,
                   "STS gave no temporary credentials");
    }

    size = NGX_HTTP_DESKGATE_VEND_TEXT
           + 6 * (c.access_key_id.len + c.secret_access_key.len
                  + c.session_token.len);

    w = dg_writer(ngx_http_deskgate_secret_memory(r, size), size);

    if (w.data == NULL
        || ngx_http_deskgate_vend_sts_record(ctx, &c) != NGX_OK)
    {
        return NGX_ERROR;
    }

    dg_write_cstr(&w, "{\"AccessKeyId\":");
    dg_json_write_string(&w, c.access_key_id);
    dg_write_cstr(&w, ",\"SecretAccessKey\":");
    dg_json_write_string(&w, c.secret_access_key);
    dg_write_cstr(&w, ",\"Token\":");
    dg_json_write_string(&w, c.session_token);
    dg_write_cstr(&w, ",\"Expiration\":\"");
    dg_time_write_iso(&w, c.expires_at);
    dg_write_cstr(&w, "\"}");

    return w.overflow ? NGX_ERROR
           : ngx_http_deskgate_give(r, ctx, DG_SPAN("application/json"),
                                    dg_written(&w));
}


static ngx_int_t
ngx_http_deskgate_vend_sts_record(ngx_http_deskgate_ctx_t *ctx,
    const dg_credentials_t *c)
{
    dg_writer_t       parameters, elements;
    dg_inspection_t  *inspection;

    inspection = dg_arena_calloc(&ctx->arena, 1, sizeof(dg_inspection_t));
    parameters = dg_writer(dg_arena_alloc(&ctx->arena,
                                          NGX_HTTP_DESKGATE_VEND_TEXT),
                           NGX_HTTP_DESKGATE_VEND_TEXT);
    elements = dg_writer(dg_arena_alloc(&ctx->arena,
                                        NGX_HTTP_DESKGATE_VEND_TEXT),
                         NGX_HTTP_DESKGATE_VEND_TEXT);

    if (inspection == NULL || parameters.data == NULL
        || elements.data == NULL)
    {
        return NGX_ERROR;
    }

    dg_write_cstr(&parameters, "{\"mode\":\"sts\",\"credentials\":");
    dg_json_write_string(&parameters,
                     ngx_http_deskgate_span(&ctx->lcf->vend->sts->name));
    dg_write_cstr(&parameters, ",\"rule\":");
    dg_json_write_string(&parameters, ctx->rule->name);
    dg_write_char(&parameters, '}');

    dg_write_cstr(&elements, "{\"credentials\":{\"accessKeyId\":");
    dg_json_write_string(&elements, c->access_key_id);
    dg_write_cstr(&elements, ",\"expiration\":\"");
    dg_time_write_iso(&elements, c->expires_at);
    dg_write_cstr(&elements, "\"}}");

    if (parameters.overflow || elements.overflow) {
        return NGX_ERROR;
    }

    inspection->parameters = dg_written(&parameters);
    ctx->inspection = inspection;
    ctx->elements = dg_written(&elements);

    return NGX_OK;
}


/*
 * Credentials are for who holds a token.  One who can make a server fetch
 * URLs, or a browser, cannot bring one; what came through a proxy may be the
 * work of either.
 */

static ngx_int_t
ngx_http_deskgate_may_vend(ngx_http_deskgate_ctx_t *ctx)
{
    if (ctx->caller.kind == DG_CALLER_VENDED
        || ngx_http_deskgate_was_vended(&ctx->caller))
    {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_VENDED_AGAIN, NULL);
    }

    if (ctx->session_policy || ctx->caller.session_policy_count
        || (ctx->key && ctx->key->break_glass))
    {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_VEND_LIMIT,
                   "the key has a session policy or is for emergencies, "
                   "which would not go with the credentials");
    }

    if (!ctx->lcf->vend->forwarded
        && dg_request_header(&ctx->received, DG_SPAN("x-forwarded-for"),
                             NULL))
    {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_HEADER_FORBIDDEN,
                   "X-Forwarded-For: write forwarded=on when clients come "
                   "through a proxy of yours");
    }

    if (dg_request_header(&ctx->received, DG_SPAN("origin"), NULL)) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_HEADER_FORBIDDEN,
                                         "Origin: a browser's page asks");
    }

    return NGX_OK;
}


/* A token that a vended session was exchanged for is no way around. */

static ngx_uint_t
ngx_http_deskgate_was_vended(const dg_caller_t *caller)
{
    size_t  i;

    for (i = 0; i < caller->claim_count; i++) {
        if (dg_span_equal(caller->claims[i].name, DG_SPAN("deskgate_source"))
            && dg_span_equal(caller->claims[i].value, DG_SPAN("vended")))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_deskgate_vend_session(ngx_http_deskgate_ctx_t *ctx,
    dg_vend_session_t *session)
{
    size_t                     i, n;
    dg_attribute_t            *claims;
    ngx_http_deskgate_vend_t  *vend;

    vend = ctx->lcf->vend;

    ngx_memzero(session, sizeof(dg_vend_session_t));

    session->caller = ctx->caller;
    session->vended_at = ngx_time();
    session->locations = vend->locations.elts;
    session->location_count = vend->locations.nelts;
    session->services = vend->services.elts;
    session->service_count = vend->services.nelts;

    if (vend->claims.nelts == 0) {
        return NGX_OK;
    }

    claims = dg_arena_calloc(&ctx->arena, ctx->caller.claim_count + 1,
                             sizeof(dg_attribute_t));
    if (claims == NULL) {
        return NGX_ERROR;
    }

    for (n = 0, i = 0; i < ctx->caller.claim_count; i++) {
        if (ngx_http_deskgate_is_listed(vend->claims.elts,
                                        vend->claims.nelts,
                                        ctx->caller.claims[i].name))
        {
            claims[n++] = ctx->caller.claims[i];
        }
    }

    session->caller.claims = claims;
    session->caller.claim_count = n;

    return NGX_OK;
}


/* What was given, without what makes it usable. */

static ngx_int_t
ngx_http_deskgate_vend_record(ngx_http_deskgate_ctx_t *ctx,
    const dg_vend_session_t *session, const dg_vended_t *vended)
{
    dg_writer_t       parameters, elements;
    dg_inspection_t  *inspection;

    inspection = dg_arena_calloc(&ctx->arena, 1, sizeof(dg_inspection_t));
    parameters = dg_writer(dg_arena_alloc(&ctx->arena,
                                          NGX_HTTP_DESKGATE_VEND_TEXT),
                           NGX_HTTP_DESKGATE_VEND_TEXT);
    elements = dg_writer(dg_arena_alloc(&ctx->arena, 256), 256);

    if (inspection == NULL || parameters.data == NULL
        || elements.data == NULL)
    {
        return NGX_ERROR;
    }

    dg_write_cstr(&parameters, "{\"mode\":\"vended\"");
    ngx_http_deskgate_write_list(&parameters, "locations",
                                 &ctx->lcf->vend->locations);
    ngx_http_deskgate_write_list(&parameters, "services",
                                 &ctx->lcf->vend->services);
    dg_write_char(&parameters, '}');

    dg_write_cstr(&elements, "{\"credentials\":{\"accessKeyId\":\"");
    dg_write(&elements, vended->access_key_id,
             sizeof(vended->access_key_id));
    dg_write_cstr(&elements, "\",\"expiration\":\"");
    dg_time_write_iso(&elements, vended->expires_at);
    dg_write_cstr(&elements, "\"}}");

    if (!parameters.overflow) {
        inspection->parameters = dg_written(&parameters);
    }

    ctx->inspection = inspection;
    ctx->elements = dg_written(&elements);

    return NGX_OK;
}


static void
ngx_http_deskgate_write_list(dg_writer_t *w, const char *name,
    const ngx_array_t *list)
{
    ngx_uint_t  i;
    dg_span_t  *text;

    if (list->nelts == 0) {
        return;
    }

    dg_write_char(w, ',');
    dg_json_write_name(w, name);

    for (text = list->elts, i = 0; i < list->nelts; i++) {
        dg_write_char(w, i ? ',' : '[');
        dg_json_write_string(w, text[i]);
    }

    dg_write_char(w, ']');
}
