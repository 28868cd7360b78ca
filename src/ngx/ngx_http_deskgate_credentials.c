/*
 * Copyright (C) the deskgate authors
 *
 * What a call is signed with.  Each provider gives credentials or waits for
 * them; a role is assumed at STS, once for all workers, with what the rule
 * makes of the caller.
 */

#include "ngx_http_deskgate.h"

#define NGX_HTTP_DESKGATE_EXPIRY_MARGIN  10  /* s, before the very end */
#define NGX_HTTP_DESKGATE_STS_LEAST      900  /* s; STS gives no less */
#define NGX_HTTP_DESKGATE_STS_DEFAULT    3600
#define NGX_HTTP_DESKGATE_STS_STEP       300


/* What one flight to STS is about */

typedef struct {
    dg_sts_request_t  request;
    ngx_str_t         body;
} ngx_http_deskgate_assumption_t;


static void ngx_http_deskgate_shorten(ngx_http_deskgate_ctx_t *ctx,
    dg_sts_request_t *request);
static ngx_int_t ngx_http_deskgate_assume(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    const dg_sts_request_t *request, dg_credentials_t *out);
static ngx_http_deskgate_flight_t *ngx_http_deskgate_assumption(
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    const dg_sts_request_t *request);
static ngx_int_t ngx_http_deskgate_sts_body(dg_arena_t *arena,
    ngx_http_deskgate_assumption_t *a);
static ngx_int_t ngx_http_deskgate_sts_key(
    const ngx_http_deskgate_credentials_t *c, const ngx_str_t *body,
    dg_cache_key_t *key);
static ngx_int_t ngx_http_deskgate_choose_rule(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c);
static ngx_int_t ngx_http_deskgate_wanted_role(ngx_http_deskgate_ctx_t *ctx,
    dg_span_t *wanted);
static ngx_int_t ngx_http_deskgate_sts_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request);
static const char *ngx_http_deskgate_sts_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer);
static const char *ngx_http_deskgate_sts_error(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, const dg_sts_reply_t *reply);


static const ngx_http_deskgate_source_t  ngx_http_deskgate_sts_source = {
    "the role of credentials",
    "STS failed shortly before",
    DG_REFUSE_CREDENTIALS_UNAVAILABLE,
    { NULL, 0 },
    DG_STS_REPLY_TEXT,
    ngx_http_deskgate_sts_ask,
    ngx_http_deskgate_sts_read
};


/* NGX_OK: *out, borrowed until the call ends; else as ngx_http_deskgate_fly */

ngx_int_t
ngx_http_deskgate_provide(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    dg_credentials_t *out)
{
    ngx_int_t  rc;

    rc = c->provide(r, ctx, c, out);

    if (rc == NGX_OK && out->expires_at && out->expires_at <= ngx_time()) {
        return ngx_http_deskgate_refused(ctx,
                   DG_REFUSE_CREDENTIALS_UNAVAILABLE,
                   "the credentials have expired");
    }

    return rc;
}


ngx_int_t
ngx_http_deskgate_provide_static(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    dg_credentials_t *out)
{
    *out = c->credentials;

    return NGX_OK;
}


/* A file that somebody else writes; the worker reads it when it changes. */

ngx_int_t
ngx_http_deskgate_provide_shared(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    dg_credentials_t *out)
{
    dg_credentials_t  *credentials;

    credentials = ngx_http_deskgate_reread_use(r, c->file);
    if (credentials == NULL) {
        return NGX_ERROR;
    }

    *out = *credentials;

    return NGX_OK;
}


/* The gateway's own role. */

ngx_int_t
ngx_http_deskgate_provide_role(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    dg_credentials_t *out)
{
    return ngx_http_deskgate_assume(r, ctx, c, &c->role, out);
}


/* A role for the caller. */

ngx_int_t
ngx_http_deskgate_provide_by_rule(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    dg_credentials_t *out)
{
    ngx_int_t          rc;
    dg_err_t           err;
    const char        *reason;
    dg_sts_request_t   request;

    if (ngx_http_deskgate_flight_of(ctx, &ngx_http_deskgate_sts_source, c)) {
        return ngx_http_deskgate_assume(r, ctx, c, NULL, out);
    }

    rc = ngx_http_deskgate_choose_rule(r, ctx, c);
    if (rc != NGX_OK) {
        return rc;
    }

    err = dg_role_request(ctx->rule, &ctx->caller, ctx->bearer,
                          ngx_http_deskgate_worker.crypto, &ctx->arena,
                          &request, &reason);

    if (err == DG_ERR_INVALID) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_ROLE_NONE, reason);
    }

    if (err != DG_OK) {
        return NGX_ERROR;
    }

    if (ctx->lcf->vend) {
        ngx_http_deskgate_shorten(ctx, &request);
    }

    return ngx_http_deskgate_assume(r, ctx, c, &request, out);
}


/*
 * Credentials that leave the gateway cannot be taken back: STS is asked for
 * no more than is left of the caller's token, as far as STS goes down.  In
 * steps, for calls of one token to find the same ones.
 */

static void
ngx_http_deskgate_shorten(ngx_http_deskgate_ctx_t *ctx,
    dg_sts_request_t *request)
{
    int64_t  left;

    if (ctx->caller.expires_at == 0) {
        return;
    }

    left = ctx->caller.expires_at - ngx_time();
    left -= left % NGX_HTTP_DESKGATE_STS_STEP;
    left = ngx_max(left, NGX_HTTP_DESKGATE_STS_LEAST);

    if (request->duration == 0) {
        request->duration = NGX_HTTP_DESKGATE_STS_DEFAULT;
    }

    request->duration = ngx_min(request->duration, left);
}


static ngx_int_t
ngx_http_deskgate_choose_rule(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c)
{
    size_t           n;
    dg_span_t        wanted;
    dg_role_rule_t  *rules;

    if (ngx_http_deskgate_wanted_role(ctx, &wanted) != NGX_OK) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_HEADER_UNSIGNED,
                            "X-Deskgate-Role is not among the SignedHeaders");
    }

    rules = c->rules.elts;
    n = dg_role_choose(rules, c->rules.nelts, &ctx->caller, wanted);

    if (n == c->rules.nelts) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_ROLE_NONE,
                       wanted.len ? "the role that was asked for does not "
                                    "fit the caller"
                                  : "no rule fits the caller");
    }

    ctx->rule = &rules[n];

    return NGX_OK;
}


/* What signs the request vouches for this header as well. */

static ngx_int_t
ngx_http_deskgate_wanted_role(ngx_http_deskgate_ctx_t *ctx,
    dg_span_t *wanted)
{
    bool                repeated;
    ngx_str_t           text;
    dg_span_t           names, name;
    const dg_header_t  *header;

    *wanted = dg_span(NULL, 0);

    /* an SDK that fetches credentials sends a URL and no header of ours */

    if (ctx->lcf->vend
        && ngx_http_arg(ctx->request, (u_char *) "role", 4, &text) == NGX_OK)
    {
        *wanted = ngx_http_deskgate_span(&text);
        return NGX_OK;
    }

    header = dg_request_header(&ctx->received, DG_SPAN("x-deskgate-role"),
                               &repeated);
    if (header == NULL) {
        return NGX_OK;
    }

    if (repeated) {
        return NGX_ERROR;
    }

    *wanted = dg_span_trim(header->value);

    if (ctx->bearer.len) {
        return NGX_OK;
    }

    names = ctx->claim.signed_headers;

    while (dg_span_split(&names, ';', &name)) {
        if (dg_span_equal(name, DG_SPAN("x-deskgate-role"))) {
            return NGX_OK;
        }
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_deskgate_assume(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx,
    ngx_http_deskgate_credentials_t *c, const dg_sts_request_t *request,
    dg_credentials_t *out)
{
    ngx_int_t                    rc;
    ngx_http_deskgate_flight_t  *flight;

    flight = ngx_http_deskgate_flight_of(ctx, &ngx_http_deskgate_sts_source, c);

    if (flight == NULL) {
        flight = ngx_http_deskgate_assumption(ctx, c, request);
        if (flight == NULL) {
            return NGX_ERROR;
        }
    }

    rc = ngx_http_deskgate_fly(r, flight);

    if (rc != NGX_OK) {
        return rc;
    }

    return dg_credentials_unpack(flight->value, out) == DG_OK ? NGX_OK
                                                              : NGX_ERROR;
}


static ngx_http_deskgate_flight_t *
ngx_http_deskgate_assumption(ngx_http_deskgate_ctx_t *ctx,
    ngx_http_deskgate_credentials_t *c, const dg_sts_request_t *request)
{
    ngx_http_deskgate_flight_t      *flight;
    ngx_http_deskgate_assumption_t  *a;

    a = dg_arena_alloc(&ctx->arena, sizeof(ngx_http_deskgate_assumption_t));
    if (a == NULL) {
        return NULL;
    }

    a->request = *request;

    if (ngx_http_deskgate_sts_body(&ctx->arena, a) != NGX_OK) {
        return NULL;
    }

    flight = ngx_http_deskgate_flight_create(ctx,
                                       &ngx_http_deskgate_sts_source, c, a);
    if (flight == NULL) {
        return NULL;
    }

    flight->name = c->name;

    return ngx_http_deskgate_sts_key(c, &a->body, &flight->key) == NGX_OK
           ? flight : NULL;
}


/*
 * All that shapes the credentials is in the key: whose block, which STS, and
 * every parameter; but not a token that the gateway has in a file, which is
 * another one each time.
 */

static ngx_int_t
ngx_http_deskgate_sts_key(const ngx_http_deskgate_credentials_t *c,
    const ngx_str_t *body, dg_cache_key_t *key)
{
    dg_span_t  texts[4];

    texts[0] = DG_SPAN("sts");
    texts[1] = ngx_http_deskgate_span(&c->name);
    texts[2] = ngx_http_deskgate_span(&c->sts);
    texts[3] = ngx_http_deskgate_span(body);

    return ngx_http_deskgate_cache_key(ngx_http_deskgate_worker.crypto, texts,
                                       4, key);
}


static ngx_int_t
ngx_http_deskgate_sts_body(dg_arena_t *arena,
    ngx_http_deskgate_assumption_t *a)
{
    size_t       size;
    dg_writer_t  w;

    size = dg_sts_size(&a->request);

    w = dg_writer(dg_arena_alloc(arena, size), size);
    if (w.data == NULL) {
        return NGX_ERROR;
    }

    dg_sts_write(&w, &a->request);
    a->body = ngx_http_deskgate_str(dg_written(&w));

    return NGX_OK;
}


/* Where the gateway's own are kept; NGX_DECLINED: not in the cache. */

ngx_int_t
ngx_http_deskgate_credentials_key(dg_arena_t *arena,
    const ngx_http_deskgate_credentials_t *c, dg_cache_key_t *key)
{
    ngx_http_deskgate_assumption_t  a;

    if (c->provide != ngx_http_deskgate_provide_role) {
        return ngx_http_deskgate_endpoint_key(c, key);
    }

    a.request = c->role;

    return ngx_http_deskgate_sts_body(arena, &a) == NGX_OK
           ? ngx_http_deskgate_sts_key(c, &a.body, key) : NGX_ERROR;
}


static ngx_int_t
ngx_http_deskgate_sts_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request)
{
    size_t                            n, count;
    ngx_int_t                         rc;
    dg_header_t                       headers[DG_STS_HEADERS_MAX];
    dg_credentials_t                  source;
    ngx_http_deskgate_header_t       *h;
    ngx_http_deskgate_credentials_t  *c;
    ngx_http_deskgate_assumption_t   *a = flight->data;
    const dg_credentials_t           *signer;

    c = flight->object;
    signer = NULL;

    if (c->token_file.len) {
        if (ngx_http_deskgate_file_token(r, &c->token_file,
                                         &flight->ctx->arena,
                                         &a->request.web_identity_token)
            != NGX_OK)
        {
            return ngx_http_deskgate_refused(flight->ctx,
                       DG_REFUSE_CREDENTIALS_UNAVAILABLE,
                       "the gateway's token file cannot be read");
        }

        if (ngx_http_deskgate_sts_body(&flight->ctx->arena, a) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (a->request.action != DG_STS_WEB_IDENTITY) {
        rc = ngx_http_deskgate_provide(r, flight->ctx, c->source, &source);
        if (rc != NGX_OK) {
            return rc;
        }

        signer = &source;
    }

    if (dg_sts_headers(ngx_http_deskgate_worker.signing_keys,
                       ngx_http_deskgate_worker.crypto, &flight->ctx->arena,
                       ngx_http_deskgate_span(&c->sts_host),
                       ngx_http_deskgate_span(&c->sts_region),
                       ngx_http_deskgate_span(&a->body), signer, ngx_time(),
                       headers, &count)
        != DG_OK)
    {
        return NGX_ERROR;
    }

    h = ngx_palloc(r->pool, count * sizeof(ngx_http_deskgate_header_t));
    if (h == NULL) {
        return NGX_ERROR;
    }

    for (n = 0; n < count; n++) {
        h[n].name = ngx_http_deskgate_str(headers[n].name);
        h[n].value = ngx_http_deskgate_str(headers[n].value);
    }

    request->uri = c->sts;
    request->method = NGX_HTTP_POST;
    ngx_str_set(&request->method_name, "POST");
    request->headers = h;
    request->header_count = count;
    request->body = a->body;

    return NGX_OK;
}


static const char *
ngx_http_deskgate_sts_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer)
{
    dg_err_t                          err;
    dg_diag_t                         diag;
    const char                       *reason;
    dg_sts_reply_t                    reply;
    dg_wiped_arena_t                  scratch;
    ngx_http_deskgate_assumption_t   *a = flight->data;
    ngx_http_deskgate_credentials_t  *c = flight->object;

    diag.text[0] = '\0';

    dg_wiped_arena_init(&scratch, &flight->ctx->arena,
                        NGX_HTTP_DESKGATE_ARENA_CHUNK,
                        NGX_HTTP_DESKGATE_ARENA_LIMIT);

    err = dg_sts_parse(&scratch.arena, answer, a->request.action, &reply,
                       &diag);

    if (err != DG_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "deskgate: \"%V\" of credentials \"%V\" answered %ui: "
                      "%s", &c->sts, &c->name, status, diag.text);

        reason = "STS gave no answer that can be read";

    } else if (reply.error_code.len || status != NGX_HTTP_OK) {
        reason = ngx_http_deskgate_sts_error(r, flight, &reply);

    } else {
        reason = ngx_http_deskgate_credentials_keep(flight,
                     &reply.credentials,
                     flight->ctx->rule ? flight->ctx->caller.expires_at : 0);
    }

    dg_wiped_arena_wipe(&scratch);

    return reason;
}


/* STS's message may quote the token; its code says enough. */

static const char *
ngx_http_deskgate_sts_error(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, const dg_sts_reply_t *reply)
{
    ngx_str_t                        code, role, id;
    ngx_http_deskgate_assumption_t  *a = flight->data;

    code = ngx_http_deskgate_str(reply->error_code);
    role = ngx_http_deskgate_str(a->request.role_arn);
    id = ngx_http_deskgate_str(reply->request_id);

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "deskgate: STS refused role \"%V\" for credentials \"%V\": "
                  "%V, request id %V", &role, &flight->name, &code, &id);

    if (!dg_sts_is_denial(reply)) {
        return "STS answered with an error";
    }

    flight->refusal = DG_REFUSE_ROLE_DENIED;

    return "STS does not give the role";
}


/*
 * Puts them where the flight takes its value from.  NULL, or why not.  They
 * are not used behind `until` (0: no such bound), nor to the very end.
 */

const char *
ngx_http_deskgate_credentials_keep(ngx_http_deskgate_flight_t *flight,
    const dg_credentials_t *c, int64_t until)
{
    int64_t           expires;
    dg_writer_t       w;
    dg_credentials_t  kept;

    kept = *c;
    expires = c->expires_at - NGX_HTTP_DESKGATE_EXPIRY_MARGIN;

    if (until && until < expires) {
        expires = until;
        kept.expires_at = expires;
    }

    if (expires <= ngx_time()) {
        return "it gave credentials that have expired";
    }

    w = dg_writer(dg_arena_alloc(&flight->ctx->arena, DG_CREDENTIALS_PACKED),
                  DG_CREDENTIALS_PACKED);
    if (w.data == NULL) {
        return "no memory";
    }

    dg_credentials_pack(&w, &kept);

    flight->fetched = dg_written(&w);
    flight->life = (expires - ngx_time()) * 1000;

    return NULL;
}


/* The upstream says that they have expired: the next call gets others. */

ngx_uint_t
ngx_http_deskgate_credentials_drop(ngx_http_deskgate_ctx_t *ctx)
{
    ngx_uint_t                   dropped;
    ngx_http_deskgate_flight_t  *flight;

    dropped = 0;

    for (flight = ctx->flights; flight; flight = flight->next) {
        if (flight->object == ctx->lcf->sign && flight->landed) {
            ngx_http_deskgate_flight_drop(flight);
            dropped = 1;
        }
    }

    return dropped;
}
