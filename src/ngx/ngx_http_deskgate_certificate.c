/*
 * Copyright (C) the deskgate authors
 *
 * Client certificates: callers of their own, and what a token may be bound
 * to.  Only what TLS has verified under this very server counts, and nothing
 * that a header says.
 */

#include "ngx_http_deskgate_conf.h"

#define NGX_HTTP_DESKGATE_VERIFY_ON        1
#define NGX_HTTP_DESKGATE_VERIFY_OPTIONAL  2


static char *ngx_http_deskgate_certificates_account(ngx_conf_t *cf,
    ngx_str_t *value, ngx_uint_t count, void *object);
static char *ngx_http_deskgate_certificates_san(ngx_conf_t *cf,
    ngx_str_t *value, ngx_uint_t count, void *object);
static char *ngx_http_deskgate_certificates_dn(ngx_conf_t *cf,
    ngx_str_t *value, ngx_uint_t count, void *object);
static char *ngx_http_deskgate_certificates_rule(ngx_conf_t *cf,
    ngx_http_deskgate_certificates_t *certificates,
    dg_certificate_part_t part, ngx_str_t *value, ngx_uint_t count);
static char *ngx_http_deskgate_certificates_tag(ngx_array_t *tags,
    dg_span_t text);
static X509 *ngx_http_deskgate_certificate_get(ngx_http_request_t *r);
static ngx_int_t ngx_http_deskgate_certificate_refused(
    ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx,
    const dg_certificate_t *certificate);


static const ngx_http_deskgate_line_t
    ngx_http_deskgate_certificates_lines[] =
{
    { ngx_string("account"), 1, 1, ngx_http_deskgate_certificates_account },
    { ngx_string("san"), 3, 3 + DG_CALLER_TAGS_MAX,
      ngx_http_deskgate_certificates_san },
    { ngx_string("dn"), 2, 2 + DG_CALLER_TAGS_MAX,
      ngx_http_deskgate_certificates_dn },
    { ngx_null_string, 0, 0, NULL }
};


char *
ngx_http_deskgate_conf_certificates(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char                              *rv;
    dg_diag_t                          diag;
    ngx_http_deskgate_main_conf_t     *mcf = conf;
    ngx_http_deskgate_certificates_t  *certificates;

    certificates = ngx_http_deskgate_conf_named_object(cf,
                                   &mcf->certificates,
                                   sizeof(ngx_http_deskgate_certificates_t));
    if (certificates == NULL
        || ngx_array_init(&certificates->rules, cf->pool, 8,
                          sizeof(dg_certificate_rule_t)) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_deskgate_conf_block(cf,
                                      ngx_http_deskgate_certificates_lines,
                                      certificates);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    certificates->set.name = ngx_http_deskgate_span(&certificates->name);
    certificates->set.rules = certificates->rules.elts;
    certificates->set.rule_count = certificates->rules.nelts;

    if (dg_certificates_check(&certificates->set, &diag) != DG_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "certificates \"%V\": %s",
                           &certificates->name, diag.text);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_certificates_account(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_certificates_t  *certificates = object;

    certificates->set.account = ngx_http_deskgate_span(&value[0]);

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_certificates_san(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    dg_span_t  kind;

    kind = ngx_http_deskgate_span(&value[0]);

    if (dg_span_equal(kind, DG_SPAN("URI"))) {
        return ngx_http_deskgate_certificates_rule(cf, object,
                                 DG_CERTIFICATE_URI, &value[1], count - 1);
    }

    if (dg_span_equal(kind, DG_SPAN("DNS"))) {
        return ngx_http_deskgate_certificates_rule(cf, object,
                                 DG_CERTIFICATE_DNS, &value[1], count - 1);
    }

    if (dg_span_equal(kind, DG_SPAN("EMAIL"))) {
        return ngx_http_deskgate_certificates_rule(cf, object,
                                 DG_CERTIFICATE_EMAIL, &value[1], count - 1);
    }

    return "takes a name of kind URI, DNS or EMAIL";
}


static char *
ngx_http_deskgate_certificates_dn(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    return ngx_http_deskgate_certificates_rule(cf, object, DG_CERTIFICATE_DN,
                                               value, count);
}


/* VALUE name=NAME [tag=KEY:VALUE]... */

static char *
ngx_http_deskgate_certificates_rule(ngx_conf_t *cf,
    ngx_http_deskgate_certificates_t *certificates,
    dg_certificate_part_t part, ngx_str_t *value, ngx_uint_t count)
{
    char                   *rv;
    dg_span_t               rest, word;
    ngx_uint_t              i;
    ngx_array_t            *tags;
    dg_certificate_rule_t  *rule;

    tags = ngx_array_create(cf->pool, 4, sizeof(dg_attribute_t));
    rule = ngx_array_push(&certificates->rules);

    if (tags == NULL || rule == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(rule, sizeof(dg_certificate_rule_t));
    rule->shows.part = part;
    rule->shows.value = ngx_http_deskgate_span(&value[0]);

    for (i = 1; i < count; i++) {
        rest = ngx_http_deskgate_span(&value[i]);
        (void) dg_span_split(&rest, '=', &word);

        if (dg_span_equal(word, DG_SPAN("name")) && rule->name.len == 0) {
            rule->name = rest;

        } else if (dg_span_equal(word, DG_SPAN("tag"))) {
            rv = ngx_http_deskgate_certificates_tag(tags, rest);
            if (rv != NGX_CONF_OK) {
                return rv;
            }

        } else {
            return "takes a value, one name=NAME and tag=KEY:VALUE";
        }
    }

    rule->tags = tags->elts;
    rule->tag_count = tags->nelts;

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_certificates_tag(ngx_array_t *tags, dg_span_t text)
{
    dg_span_t        key;
    ngx_uint_t       i;
    dg_attribute_t  *tag;

    (void) dg_span_split(&text, ':', &key);

    if (key.len == 0 || text.len == 0) {
        return "takes tags as tag=KEY:VALUE";
    }

    tag = tags->elts;

    for (i = 0; i < tags->nelts; i++) {
        if (dg_span_equal_nocase(tag[i].name, key)) {
            return "has a tag twice";
        }
    }

    tag = ngx_array_push(tags);
    if (tag == NULL) {
        return NGX_CONF_ERROR;
    }

    tag->name = key;
    tag->value = text;

    return NGX_CONF_OK;
}


/*
 * A server that does not verify certificates knows nobody by them, and one
 * name is one issuer in policies, roles and the revocation file.
 */

ngx_int_t
ngx_http_deskgate_check_certificates(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    ngx_str_t                      *name;
    ngx_http_ssl_srv_conf_t        *sscf;
    ngx_http_deskgate_main_conf_t  *mcf;

    if (lcf->certificates == NULL) {
        return NGX_OK;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);
    sscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_ssl_module);
    name = &lcf->certificates->name;

    if (ngx_http_deskgate_conf_find(&mcf->issuers, name)
        || ngx_http_deskgate_conf_find(&mcf->brokers, name))
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"deskgate_certificates\" and an issuer or broker are "
                      "both named \"%V\"; name one of them otherwise", name);
        return NGX_ERROR;
    }

    if (sscf->verify == NGX_HTTP_DESKGATE_VERIFY_ON
        || sscf->verify == NGX_HTTP_DESKGATE_VERIFY_OPTIONAL)
    {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "the \"deskgate\" in %s:%ui takes client certificates, and "
                  "its server does not verify them: write "
                  "\"ssl_verify_client on;\" or \"optional\" (not "
                  "\"optional_no_ca\") and \"ssl_client_certificate\" there",
                  lcf->conf_file, lcf->line);

    return NGX_ERROR;
}


/*
 * The client's certificate, to be freed; NULL when there is none, TLS did not
 * verify it, or its time is over.  A server verifies by its own authorities:
 * one that was verified for another server, which a client without SNI can
 * choose by Host alone, is nobody here.
 */

static X509 *
ngx_http_deskgate_certificate_get(ngx_http_request_t *r)
{
    X509                     *x509;
    ngx_ssl_conn_t           *ssl;
    ngx_http_ssl_srv_conf_t  *sscf;

    if (r->connection->ssl == NULL) {
        return NULL;
    }

    ssl = r->connection->ssl->connection;
    sscf = ngx_http_get_module_srv_conf(r, ngx_http_ssl_module);

    if (SSL_get_SSL_CTX(ssl) != sscf->ssl.ctx
        || SSL_get_verify_result(ssl) != X509_V_OK)
    {
        return NULL;
    }

    x509 = SSL_get_peer_certificate(ssl);

    if (x509 && !dg_certificate_is_current(x509, ngx_time())) {
        X509_free(x509);
        return NULL;
    }

    return x509;
}


ngx_int_t
ngx_http_deskgate_certificate_hash(ngx_http_request_t *r, dg_arena_t *arena,
    dg_span_t *hash)
{
    X509      *x509;
    uint8_t   *digest;
    dg_err_t   err;

    *hash = DG_SPAN_EMPTY;
    x509 = ngx_http_deskgate_certificate_get(r);

    if (x509 == NULL) {
        return NGX_OK;
    }

    digest = dg_arena_alloc(arena, DG_SHA256_SIZE);
    err = digest ? dg_certificate_hash(x509, digest) : DG_ERR_MEMORY;
    X509_free(x509);

    if (err != DG_OK) {
        return NGX_ERROR;
    }

    *hash = dg_span(digest, DG_SHA256_SIZE);

    return NGX_OK;
}


/* NGX_OK, refused, or NGX_ABORT: none was shown. */

ngx_int_t
ngx_http_deskgate_authenticate_certificate(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    X509              *x509;
    dg_err_t           err;
    dg_refusal_t       refusal;
    dg_certificate_t   certificate;

    x509 = ngx_http_deskgate_certificate_get(r);

    if (x509 == NULL) {
        return NGX_ABORT;
    }

    err = dg_certificate_read(x509, &ctx->arena, &certificate);
    X509_free(x509);

    /* a browser shows its certificate for whatever page makes it call */

    if (dg_request_header(&ctx->received, DG_SPAN("origin"), NULL)) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_HEADER_FORBIDDEN,
                                   "Origin, and nothing but a certificate");
    }

    if (err == DG_ERR_MEMORY) {
        return NGX_ERROR;
    }

    if (err != DG_OK) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_CERTIFICATE_UNKNOWN,
                                         "its names are not usable");
    }

    refusal = dg_certificate_caller(&ctx->lcf->certificates->set,
                                    &certificate, &ctx->arena, &ctx->caller);
    if (refusal == DG_REFUSE_INTERNAL) {
        return NGX_ERROR;
    }

    if (refusal != DG_ALLOWED) {
        return ngx_http_deskgate_certificate_refused(r, ctx, &certificate);
    }

    return ngx_http_deskgate_revoked(&ctx->caller)
           ? ngx_http_deskgate_failed(r, ctx, DG_REFUSE_CERTIFICATE_REVOKED)
           : NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_certificate_refused(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, const dg_certificate_t *certificate)
{
    ngx_int_t    rc;
    dg_writer_t  w;

    rc = ngx_http_deskgate_failed(r, ctx, DG_REFUSE_CERTIFICATE_UNKNOWN);

    w = dg_writer(dg_arena_alloc(&ctx->arena, NGX_HTTP_DESKGATE_REASON_SIZE),
                  NGX_HTTP_DESKGATE_REASON_SIZE);
    if (w.data) {
        dg_certificate_write(&w, certificate);
        ctx->reason = ngx_http_deskgate_str(dg_written(&w));
    }

    return rc;
}
