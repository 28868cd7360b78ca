/*
 * Copyright (C) the deskgate authors
 *
 * The gateway's token endpoint: tokens of its own for callers with a key, and
 * for tokens of others (RFC 6749 section 4.4, RFC 8693, RFC 9068).
 */

#include "ngx_http_deskgate.h"

#define NGX_HTTP_DESKGATE_TOKEN_TEXT     512
#define NGX_HTTP_DESKGATE_DOCUMENT_AGE   "max-age=300"


struct ngx_http_deskgate_asked_s {
    dg_grant_t   grant;
    dg_caller_t  client;        /* kind NONE: it did not say who it is */
    dg_caller_t  subject;       /* whom the token will speak of */
};


static ngx_int_t ngx_http_deskgate_authenticate_basic(
    ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx,
    dg_span_t authorization);
static dg_refusal_t ngx_http_deskgate_basic_judge(
    ngx_http_deskgate_ctx_t *ctx, const dg_grant_basic_t *basic);
static ngx_int_t ngx_http_deskgate_ask(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_exchange(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static dg_span_t ngx_http_deskgate_client_id(
    const ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_token_record(ngx_http_deskgate_ctx_t *ctx,
    int64_t end, dg_span_t jti);


/*
 * A client of the token endpoint shows who it is by a signature or by Basic;
 * one that exchanges a token need not.
 */

ngx_int_t
ngx_http_deskgate_authenticate_own(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    bool                repeated;
    const dg_header_t  *header;

    if (ctx->lcf->pass) {
        return ngx_http_deskgate_pass_client(r, ctx);
    }

    if (ctx->lcf->authority == NULL) {
        return ngx_http_deskgate_authenticate(r, ctx);
    }

    header = dg_request_header(&ctx->received, DG_SPAN("authorization"),
                               &repeated);
    if (repeated) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_CREDENTIALS_AMBIGUOUS,
                                         "several Authorization headers");
    }

    if (dg_sigv4_presented(&ctx->received)) {
        if (header && dg_grant_is_basic(header->value)) {
            return ngx_http_deskgate_refused(ctx,
                       DG_REFUSE_CREDENTIALS_AMBIGUOUS,
                       "a signature and Basic");
        }

        return ngx_http_deskgate_authenticate(r, ctx);
    }

    if (header == NULL) {
        return NGX_OK;
    }

    return ngx_http_deskgate_authenticate_basic(r, ctx, header->value);
}


static ngx_int_t
ngx_http_deskgate_authenticate_basic(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_span_t authorization)
{
    u_char            *memory;
    dg_arena_t         arena;
    dg_refusal_t       refusal;
    dg_grant_basic_t   basic;

    /* the decoded text and its two parts decoded once more */

    memory = ngx_http_deskgate_secret_memory(r, 3 * DG_GRANT_BASIC_MAX);
    if (memory == NULL) {
        return NGX_ERROR;
    }

    dg_arena_init(&arena, memory, 3 * DG_GRANT_BASIC_MAX);

    if (!dg_grant_read_basic(authorization, &arena, &basic)) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_CREDENTIALS_MISSING,
                   "Authorization is neither Basic nor a signature");
    }

    if (ngx_http_deskgate_failures_check(r, ctx) != NGX_OK) {
        return NGX_DECLINED;
    }

    ctx->claim.access_key_id = dg_arena_copy(&ctx->arena, basic.id);
    ngx_http_deskgate_keys_find(ctx);

    if (ctx->key == NULL && basic.decoded_id.len) {
        ctx->claim.access_key_id = dg_arena_copy(&ctx->arena,
                                                 basic.decoded_id);
        ngx_http_deskgate_keys_find(ctx);
    }

    if (ctx->key) {
        dg_key_caller(ctx->key, &ctx->caller);

    } else {
        ctx->caller.kind = DG_CALLER_KEY;
        ctx->caller.access_key_id = ctx->claim.access_key_id;
    }

    refusal = ngx_http_deskgate_basic_judge(ctx, &basic);
    if (refusal != DG_ALLOWED) {
        return ngx_http_deskgate_failed(r, ctx, refusal);
    }

    ctx->caller.verified = true;
    ngx_http_deskgate_key_was_used(r, ctx);

    return NGX_OK;
}


/* A key that has a session token, or wants a reason, has to sign. */

static dg_refusal_t
ngx_http_deskgate_basic_judge(ngx_http_deskgate_ctx_t *ctx,
    const dg_grant_basic_t *basic)
{
    dg_span_t     secret;
    dg_refusal_t  refusal;

    if (ctx->key == NULL) {
        return DG_REFUSE_KEY_UNKNOWN;
    }

    secret = ctx->key->credentials.secret_access_key;

    if (!dg_equal_secret(secret, basic->secret)
        && (basic->decoded_secret.len == 0
            || !dg_equal_secret(secret, basic->decoded_secret)))
    {
        return DG_REFUSE_KEY_UNKNOWN;
    }

    refusal = dg_key_judge(ctx->key, ngx_time());

    if (refusal != DG_ALLOWED) {
        return refusal;
    }

    if (ngx_http_deskgate_revoked(&ctx->caller)) {
        return DG_REFUSE_KEY_REVOKED;
    }

    if (ctx->key->credentials.session_token.len) {
        return DG_REFUSE_SESSION_TOKEN;
    }

    return ctx->key->break_glass ? DG_REFUSE_KEY_REASON : DG_ALLOWED;
}


/* What is asked for, and for whom. */

ngx_int_t
ngx_http_deskgate_grant(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->lcf->authority == NULL && ctx->lcf->pass == NULL) {
        return NGX_OK;
    }

    if (ctx->asked == NULL) {
        rc = ngx_http_deskgate_ask(r, ctx);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ctx->lcf->pass) {
        return NGX_OK;
    }

    if (ctx->asked->grant.type == DG_GRANT_TOKEN_EXCHANGE) {
        return ngx_http_deskgate_exchange(r, ctx);
    }

    if (ctx->asked->client.kind == DG_CALLER_NONE) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_CREDENTIALS_MISSING,
                                         NULL);
    }

    if (ctx->session_policy || ctx->caller.session_policy_count
        || (ctx->key && ctx->key->break_glass))
    {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_GRANT_NOT_OFFERED,
                   "the key has a session policy or is for emergencies, "
                   "which would not go with a token");
    }

    ctx->asked->subject = ctx->asked->client;

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_ask(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx)
{
    size_t                      i;
    u_char                     *body;
    dg_refusal_t                refusal;
    dg_grant_rules_t            rules;
    const dg_header_t          *type;
    ngx_http_deskgate_asked_t  *asked;

    static const dg_span_t  form = DG_SPAN("application/x-www-form-"
                                           "urlencoded");

    type = dg_request_header(&ctx->received, DG_SPAN("content-type"), NULL);

    if (ctx->body_length > DG_GRANT_BODY_MAX) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_BODY_LIMIT, NULL);
    }

    if (ctx->body_length
        && (type == NULL
            || !dg_span_equal_nocase(dg_span_slice(type->value, 0, form.len),
                                     form)))
    {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_GRANT_REQUEST,
                   "the body is not application/x-www-form-urlencoded");
    }

    asked = dg_arena_calloc(&ctx->arena, 1, sizeof(*asked));
    body = ngx_http_deskgate_secret_memory(r, ctx->body_length + 1);

    if (asked == NULL || body == NULL
        || (ctx->body_length
            && ngx_http_deskgate_copy_range(r, body, 0, ctx->body_length)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    /* in a form a blank may be a plus */

    for (i = 0; i < (size_t) ctx->body_length; i++) {
        body[i] = body[i] == '+' ? ' ' : body[i];
    }

    ngx_memzero(&rules, sizeof(dg_grant_rules_t));

    rules.types = ctx->lcf->grants;

    if (ctx->lcf->authority) {
        rules.issuer = ngx_http_deskgate_span(&ctx->lcf->authority->issuer);
        rules.audience = ngx_http_deskgate_span(
                             &ctx->lcf->authority->audience);
    }

    refusal = dg_grant_read(&rules, ngx_http_deskgate_span(&r->args),
                            dg_span(body, ctx->body_length), &ctx->arena,
                            &asked->grant);

    if (refusal != DG_ALLOWED) {
        return ngx_http_deskgate_refused(ctx, refusal, asked->grant.reason);
    }

    asked->client = ctx->caller;
    ctx->asked = asked;

    return NGX_OK;
}


/* RFC 8693: the subject is who the token that came speaks of. */

static ngx_int_t
ngx_http_deskgate_exchange(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_http_deskgate_asked_t  *asked;

    asked = ctx->asked;

    if (asked->grant.subject_vended) {

        /* a session token alone shows nothing: the session itself asks */

        if (asked->client.kind != DG_CALLER_VENDED
            || !dg_equal_secret(ctx->claim.session_token,
                                asked->grant.subject_token))
        {
            return ngx_http_deskgate_refused(ctx, DG_REFUSE_TOKEN_CLAIM,
                       "a vended session is exchanged by a request that is "
                       "signed with it");
        }

        asked->subject = asked->client;
        return NGX_OK;
    }

    ngx_memzero(&ctx->caller, sizeof(dg_caller_t));
    ctx->bearer = asked->grant.subject_token;

    rc = ngx_http_deskgate_authenticate_bearer(r, ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    asked->subject = ctx->caller;
    ctx->verified = 1;

    if (asked->client.kind != DG_CALLER_NONE) {
        ctx->caller = asked->client;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_deskgate_serve_token(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    char                            jti[DG_SIGNER_JTI_SIZE];
    int64_t                         end;
    dg_writer_t                     claims, w;
    const dg_signer_t              *signer;
    dg_signer_claims_t              c;
    ngx_http_deskgate_authority_t  *authority;

    authority = ctx->lcf->authority;

    if (ctx->asked->subject.arn.len > DG_ISSUER_SUBJECT_MAX) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_GRANT_REQUEST,
                   "the caller's ARN is longer than a subject may be");
    }

    signer = dg_signer_choose(authority->signers.elts,
                              authority->signers.nelts, ngx_time());

    claims = dg_writer(dg_arena_alloc(&ctx->arena, DG_SIGNER_CLAIMS_MAX),
                       DG_SIGNER_CLAIMS_MAX);
    w = dg_writer(ngx_http_deskgate_secret_memory(r, DG_SIGNER_TOKEN_MAX),
                  DG_SIGNER_TOKEN_MAX);

    if (signer == NULL || claims.data == NULL || w.data == NULL
        || dg_random_uuid(ngx_http_deskgate_worker.crypto, jti) != DG_OK)
    {
        return NGX_ERROR;
    }

    ngx_memzero(&c, sizeof(dg_signer_claims_t));

    c.issuer = ngx_http_deskgate_span(&authority->issuer);
    c.audience = ngx_http_deskgate_span(&authority->audience);
    c.client_id = ngx_http_deskgate_client_id(ctx);
    c.jti = dg_span(jti, sizeof(jti));
    c.now = ngx_time();
    c.lifetime = authority->lifetime;
    c.caller = &ctx->asked->subject;

    end = dg_signer_write_caller(&claims, &c);

    if (end == 0) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_TOKEN_EXPIRED,
                                         "nothing is left of the subject's "
                                         "life");
    }

    dg_write_cstr(&w, "{\"access_token\":\"");

    if (claims.overflow
        || dg_jwt_sign(&w, signer, DG_SPAN("at+jwt"), dg_written(&claims))
           != DG_OK
        || ngx_http_deskgate_token_record(ctx, end, c.jti) != NGX_OK)
    {
        return NGX_ERROR;
    }

    dg_write_cstr(&w, "\",\"token_type\":\"Bearer\",\"expires_in\":");
    dg_write_i64(&w, end - c.now);

    if (ctx->asked->grant.type == DG_GRANT_TOKEN_EXCHANGE) {
        dg_write_cstr(&w, ",\"issued_token_type\":"
                      "\"urn:ietf:params:oauth:token-type:access_token\"");
    }

    dg_write_char(&w, '}');

    return w.overflow ? NGX_ERROR
           : ngx_http_deskgate_give(r, ctx, DG_SPAN("application/json"),
                                    dg_written(&w));
}


/* RFC 9068 demands one: the key, the client of the subject's token, or he. */

static dg_span_t
ngx_http_deskgate_client_id(const ngx_http_deskgate_ctx_t *ctx)
{
    size_t              i;
    const dg_caller_t  *subject;

    if (ctx->asked->client.access_key_id.len) {
        return ctx->asked->client.access_key_id;
    }

    subject = &ctx->asked->subject;

    for (i = 0; i < subject->claim_count; i++) {
        if (dg_span_equal(subject->claims[i].name, DG_SPAN("client_id"))
            || dg_span_equal(subject->claims[i].name, DG_SPAN("azp")))
        {
            return subject->claims[i].value;
        }
    }

    return subject->subject;
}


static ngx_int_t
ngx_http_deskgate_token_record(ngx_http_deskgate_ctx_t *ctx, int64_t end,
    dg_span_t jti)
{
    dg_span_t         arn;
    dg_writer_t       parameters, elements;
    dg_inspection_t  *inspection;

    arn = ctx->asked->subject.arn;
    inspection = dg_arena_calloc(&ctx->arena, 1, sizeof(dg_inspection_t));
    parameters = dg_writer(dg_arena_alloc(&ctx->arena,
                                          NGX_HTTP_DESKGATE_TOKEN_TEXT
                                          + 6 * arn.len),
                           NGX_HTTP_DESKGATE_TOKEN_TEXT + 6 * arn.len);
    elements = dg_writer(dg_arena_alloc(&ctx->arena,
                                        NGX_HTTP_DESKGATE_TOKEN_TEXT),
                         NGX_HTTP_DESKGATE_TOKEN_TEXT);

    if (inspection == NULL || parameters.data == NULL
        || elements.data == NULL)
    {
        return NGX_ERROR;
    }

    dg_write_cstr(&parameters, "{\"grantType\":\"");
    dg_write_cstr(&parameters,
                  ctx->asked->grant.type == DG_GRANT_TOKEN_EXCHANGE
                  ? "token-exchange" : "client_credentials");
    dg_write_cstr(&parameters, "\",\"subject\":");
    dg_json_write_string(&parameters, arn);
    dg_write_char(&parameters, '}');

    dg_write_cstr(&elements, "{\"tokenId\":");
    dg_json_write_string(&elements, jti);
    dg_write_cstr(&elements, ",\"expiration\":\"");
    dg_time_write_iso(&elements, end);
    dg_write_cstr(&elements, "\"}");

    inspection->parameters = dg_written(&parameters);
    ctx->inspection = inspection;
    ctx->elements = dg_written(&elements);

    return NGX_OK;
}


/* Key set and metadata: public, the same for everybody. */

ngx_int_t
ngx_http_deskgate_document_handler(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_str_t                      value;
    ngx_buf_t                     *b;
    ngx_chain_t                    out;
    ngx_http_deskgate_loc_conf_t  *lcf;

    static ngx_str_t  name = ngx_string("Cache-Control");

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_deskgate_module);

    ngx_str_set(&value, NGX_HTTP_DESKGATE_DOCUMENT_AGE);

    b = ngx_calloc_buf(r->pool);

    if (b == NULL
        || ngx_http_deskgate_header_out(r, &name, &value) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = lcf->document->data;
    b->last = b->pos + lcf->document->len;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = lcf->document->len;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, &out);
}
