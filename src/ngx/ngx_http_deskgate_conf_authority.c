/*
 * Copyright (C) the deskgate authors
 *
 * The gateway as an issuer of tokens: deskgate_authority and the locations
 * that speak for it.
 */

#include "ngx_http_deskgate_conf.h"

#define NGX_HTTP_DESKGATE_DOCUMENT_SIZE  32768


static void ngx_http_deskgate_signer_cleanup(void *data);
static char *ngx_http_deskgate_authority_finish(ngx_conf_t *cf,
    ngx_http_deskgate_authority_t *authority);
static ngx_int_t ngx_http_deskgate_authority_documents(ngx_conf_t *cf,
    ngx_http_deskgate_authority_t *authority);
static void ngx_http_deskgate_write_metadata(dg_writer_t *w,
    ngx_http_deskgate_authority_t *authority);
static ngx_uint_t ngx_http_deskgate_authority_shares(
    ngx_http_deskgate_authority_t *one,
    ngx_http_deskgate_authority_t *other);
static char *ngx_http_deskgate_conf_pass(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf);
static char *ngx_http_deskgate_grants(ngx_http_deskgate_loc_conf_t *lcf,
    dg_span_t names);


static char *
ngx_http_deskgate_authority_url(ngx_str_t *field, ngx_str_t *value)
{
    if (field->len) {
        return "is duplicate";
    }

    if (ngx_strncmp(value->data, "https://", 8) != 0
        && ngx_strncmp(value->data, "http://", 7) != 0)
    {
        return "takes a URL";
    }

    *field = *value;

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_authority_issuer(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_authority_t  *authority = object;

    return ngx_http_deskgate_authority_url(&authority->issuer, &value[0]);
}


static char *
ngx_http_deskgate_authority_endpoint(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_authority_t  *authority = object;

    return ngx_http_deskgate_authority_url(&authority->token_endpoint,
                                           &value[0]);
}


static char *
ngx_http_deskgate_authority_jwks(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_authority_t  *authority = object;

    return ngx_http_deskgate_authority_url(&authority->jwks_uri, &value[0]);
}


static char *
ngx_http_deskgate_authority_audience(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_authority_t  *authority = object;

    authority->audience = value[0];

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_authority_lifetime(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_authority_t  *authority = object;

    authority->lifetime = ngx_parse_time(&value[0], 1);

    return authority->lifetime >= 60 && authority->lifetime <= 3600
           ? NGX_CONF_OK : "takes a lifetime from 1m to 1h";
}


/* key KID FILE [not_before=TIME] */

static char *
ngx_http_deskgate_authority_key(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    int64_t                         not_before;
    dg_span_t                       text;
    dg_diag_t                       diag;
    dg_signer_t                    *signer, **slot;
    ngx_pool_cleanup_t             *cln;
    ngx_http_deskgate_authority_t  *authority = object;

    not_before = 0;

    if (count == 3
        && (ngx_strncmp(value[2].data, "not_before=", 11) != 0
            || dg_time_parse_iso(dg_span_slice(
                                     ngx_http_deskgate_span(&value[2]), 11,
                                     value[2].len), &not_before, NULL)
               != DG_OK))
    {
        return "takes not_before=2026-12-01T00:00:00Z";
    }

    if (authority->signers.nelts == DG_SIGNER_KEYS_MAX) {
        return "has too many keys";
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    slot = ngx_array_push(&authority->signers);

    if (cln == NULL || slot == NULL
        || ngx_http_deskgate_file_read(cf, &value[1], "signing key", 1, &text)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&diag, sizeof(dg_diag_t));

    signer = dg_signer_create(text, ngx_http_deskgate_span(&value[0]),
                              not_before, &diag);

    dg_wipe((void *) text.data, text.len);

    if (signer == NULL) {
        ngx_http_deskgate_file_diag(cf, &value[1], &diag);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_deskgate_signer_cleanup;
    cln->data = signer;
    *slot = signer;

    return NGX_CONF_OK;
}


static void
ngx_http_deskgate_signer_cleanup(void *data)
{
    dg_signer_destroy(data);
}


static const ngx_http_deskgate_line_t  ngx_http_deskgate_authority_lines[] = {
    { ngx_string("issuer"), 1, 1, ngx_http_deskgate_authority_issuer },
    { ngx_string("audience"), 1, 1, ngx_http_deskgate_authority_audience },
    { ngx_string("key"), 2, 3, ngx_http_deskgate_authority_key },
    { ngx_string("lifetime"), 1, 1, ngx_http_deskgate_authority_lifetime },
    { ngx_string("token_endpoint"), 1, 1,
      ngx_http_deskgate_authority_endpoint },
    { ngx_string("jwks_uri"), 1, 1, ngx_http_deskgate_authority_jwks },
    { ngx_null_string, 0, 0, NULL }
};


char *
ngx_http_deskgate_conf_authority(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char                           *rv;
    ngx_http_deskgate_authority_t  *authority;
    ngx_http_deskgate_main_conf_t  *mcf = conf;

    authority = ngx_http_deskgate_conf_named_object(cf, &mcf->authorities,
                                      sizeof(ngx_http_deskgate_authority_t));

    if (authority == NULL
        || ngx_array_init(&authority->signers, cf->pool, 2,
                          sizeof(dg_signer_t *))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    authority->lifetime = 600;

    rv = ngx_http_deskgate_conf_block(cf, ngx_http_deskgate_authority_lines,
                                      authority);

    return rv == NGX_CONF_OK
           ? ngx_http_deskgate_authority_finish(cf, authority) : rv;
}


static char *
ngx_http_deskgate_authority_finish(ngx_conf_t *cf,
    ngx_http_deskgate_authority_t *authority)
{
    ngx_uint_t    i, j;
    dg_signer_t  **signer;

    if (authority->issuer.len == 0 || authority->audience.len == 0) {
        return "needs issuer and audience";
    }

    signer = authority->signers.elts;

    for (i = 0; i < authority->signers.nelts; i++) {
        for (j = 0; j < i; j++) {
            if (dg_span_equal(dg_signer_kid(signer[i]),
                              dg_signer_kid(signer[j])))
            {
                return "has two keys of one kid";
            }
        }
    }

    if (dg_signer_choose((const dg_signer_t *const *) signer,
                         authority->signers.nelts, ngx_time())
        == NULL)
    {
        return "has no key that may sign today";
    }

    return ngx_http_deskgate_authority_documents(cf, authority) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* What is published does not change while we serve. */

static ngx_int_t
ngx_http_deskgate_authority_documents(ngx_conf_t *cf,
    ngx_http_deskgate_authority_t *authority)
{
    dg_writer_t  w;

    w = dg_writer(ngx_pnalloc(cf->pool, NGX_HTTP_DESKGATE_DOCUMENT_SIZE),
                  NGX_HTTP_DESKGATE_DOCUMENT_SIZE);

    if (w.data == NULL
        || dg_signer_write_jwks(&w, authority->signers.elts,
                                authority->signers.nelts)
           != DG_OK)
    {
        return NGX_ERROR;
    }

    authority->jwks = ngx_http_deskgate_str(dg_written(&w));

    w = dg_writer(ngx_pnalloc(cf->pool, NGX_HTTP_DESKGATE_DOCUMENT_SIZE),
                  NGX_HTTP_DESKGATE_DOCUMENT_SIZE);
    if (w.data == NULL) {
        return NGX_ERROR;
    }

    ngx_http_deskgate_write_metadata(&w, authority);
    authority->metadata = ngx_http_deskgate_str(dg_written(&w));

    return w.overflow ? NGX_ERROR : NGX_OK;
}


/* RFC 8414 section 2 */

static void
ngx_http_deskgate_write_metadata(dg_writer_t *w,
    ngx_http_deskgate_authority_t *authority)
{
    dg_write_cstr(w, "{\"issuer\":");
    dg_json_write_string(w, ngx_http_deskgate_span(&authority->issuer));

    if (authority->token_endpoint.len) {
        dg_write_cstr(w, ",\"token_endpoint\":");
        dg_json_write_string(w, ngx_http_deskgate_span(
                                    &authority->token_endpoint));
    }

    if (authority->jwks_uri.len) {
        dg_write_cstr(w, ",\"jwks_uri\":");
        dg_json_write_string(w, ngx_http_deskgate_span(
                                    &authority->jwks_uri));
    }

    dg_write_cstr(w, ",\"response_types_supported\":[]"
                  ",\"grant_types_supported\":[\"client_credentials\","
                  "\"urn:ietf:params:oauth:grant-type:token-exchange\"]"
                  ",\"token_endpoint_auth_methods_supported\":"
                  "[\"client_secret_basic\"]}\n");
}


/*
 * A broker's token in a caller's hands would open the broker past the
 * gateway, and what a caller was given would do so if the broker knew its
 * key.
 */

ngx_http_deskgate_authority_t *
ngx_http_deskgate_authority_for(ngx_conf_t *cf, ngx_str_t *name,
    ngx_uint_t family)
{
    ngx_uint_t                       i;
    ngx_http_deskgate_authority_t   *authority, **other;
    ngx_http_deskgate_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);
    authority = ngx_http_deskgate_conf_find(&mcf->authorities, name);

    if (authority == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" names no \"deskgate_authority\" that is "
                           "defined above", name);
        return NULL;
    }

    authority->family |= family;
    other = mcf->authorities.elts;

    for (i = 0; i < mcf->authorities.nelts; i++) {
        if ((other[i]->family | family) == family
            || !ngx_http_deskgate_authority_shares(authority, other[i]))
        {
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tokens for brokers and tokens for callers of "
                           "\"%V\" would be signed with one key; give each "
                           "a \"deskgate_authority\" with a key of its own",
                           name);
        return NULL;
    }

    return authority;
}


static ngx_uint_t
ngx_http_deskgate_authority_shares(ngx_http_deskgate_authority_t *one,
    ngx_http_deskgate_authority_t *other)
{
    ngx_uint_t    i, j;
    dg_signer_t  **a, **b;

    a = one->signers.elts;
    b = other->signers.elts;

    for (i = 0; i < one->signers.nelts; i++) {
        for (j = 0; j < other->signers.nelts; j++) {
            if (dg_signer_same_key(a[i], b[j])) {
                return 1;
            }
        }
    }

    return 0;
}


static ngx_http_deskgate_authority_t *
ngx_http_deskgate_authority_named(ngx_conf_t *cf)
{
    ngx_str_t                      *value;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);
    value = cf->args->elts;

    return ngx_http_deskgate_conf_find(&mcf->authorities, &value[1]);
}


/*
 * deskgate_token NAME region=REGION [grants=GRANT,...]
 * deskgate_token passthrough[=real] broker=NAME region=REGION
 */

char *
ngx_http_deskgate_conf_token(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                          *rv;
    ngx_str_t                     *value;
    dg_span_t                      rest, name;
    ngx_uint_t                     i;
    ngx_http_deskgate_offer_t     *offer;
    ngx_http_deskgate_loc_conf_t  *lcf = conf;

    value = cf->args->elts;

    if (ngx_strncmp(value[1].data, "passthrough", 11) == 0
        && (value[1].len == 11 || value[1].data[11] == '='))
    {
        return ngx_http_deskgate_conf_pass(cf, lcf);
    }

    offer = ngx_http_deskgate_conf_own(cf, lcf, DG_GATEWAY_TOKEN,
                                       ngx_http_deskgate_serve_token);
    if (offer == NULL) {
        return "is for a location of its own, without \"deskgate\" or "
               "another page of deskgate's";
    }

    lcf->authority = ngx_http_deskgate_authority_for(cf, &value[1],
                                             NGX_HTTP_DESKGATE_FOR_CALLERS);
    if (lcf->authority == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->grants = DG_GRANT_CLIENT_CREDENTIALS|DG_GRANT_TOKEN_EXCHANGE;

    for (i = 2; i < cf->args->nelts; i++) {
        rest = ngx_http_deskgate_span(&value[i]);
        (void) dg_span_split(&rest, '=', &name);

        if (rest.len && dg_span_equal(name, DG_SPAN("region"))) {
            offer->region = ngx_http_deskgate_str(rest);
            offer->scope_region = rest;
            continue;
        }

        if (rest.len && dg_span_equal(name, DG_SPAN("grants"))) {
            rv = ngx_http_deskgate_grants(lcf, rest);
            if (rv != NGX_CONF_OK) {
                return rv;
            }

            continue;
        }

        if (dg_span_equal(name, DG_SPAN("broker"))) {
            return "issues tokens of an authority or passes those of a "
                   "broker through, never both";
        }

        return "takes region= and grants=";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_conf_pass(ngx_conf_t *cf, ngx_http_deskgate_loc_conf_t *lcf)
{
    ngx_str_t                      *value, text;
    dg_span_t                       rest, name;
    ngx_uint_t                      i;
    ngx_http_deskgate_offer_t      *offer;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    offer = ngx_http_deskgate_conf_own(cf, lcf, DG_GATEWAY_BROKER_TOKEN,
                                       ngx_http_deskgate_serve_pass);
    if (offer == NULL) {
        return "is for a location of its own, without \"deskgate\" or "
               "another page of deskgate's";
    }

    value = cf->args->elts;

    if (value[1].len > 11) {
        if (ngx_strcmp(value[1].data, "passthrough=real") != 0) {
            return "takes passthrough or passthrough=real";
        }

        lcf->pass_real = 1;
    }

    lcf->grants = DG_GRANT_CLIENT_CREDENTIALS;

    for (i = 2; i < cf->args->nelts; i++) {
        rest = ngx_http_deskgate_span(&value[i]);
        (void) dg_span_split(&rest, '=', &name);
        text = ngx_http_deskgate_str(rest);

        if (rest.len && dg_span_equal(name, DG_SPAN("region"))) {
            offer->region = text;
            offer->scope_region = rest;
            continue;
        }

        if (!dg_span_equal(name, DG_SPAN("broker"))) {
            return "takes broker= and region= to pass tokens through; it "
                   "issues tokens or passes them through, never both";
        }

        lcf->pass = ngx_http_deskgate_conf_find(&mcf->brokers, &text);

        if (lcf->pass == NULL || lcf->pass->authority) {
            return "names no \"deskgate_broker\" that gives tokens and is "
                   "defined above";
        }
    }

    return lcf->pass ? NGX_CONF_OK : "needs broker=NAME to pass through";
}


static char *
ngx_http_deskgate_grants(ngx_http_deskgate_loc_conf_t *lcf, dg_span_t names)
{
    dg_span_t  name;

    lcf->grants = 0;

    while (dg_span_split(&names, ',', &name)) {

        if (dg_span_equal(name, DG_SPAN("client_credentials"))) {
            lcf->grants |= DG_GRANT_CLIENT_CREDENTIALS;

        } else if (dg_span_equal(name, DG_SPAN("token_exchange"))) {
            lcf->grants |= DG_GRANT_TOKEN_EXCHANGE;

        } else {
            return "takes grants=client_credentials,token_exchange";
        }
    }

    return NGX_CONF_OK;
}


/* deskgate_jwks NAME, deskgate_metadata NAME: cmd->offset says which */

char *
ngx_http_deskgate_conf_document(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_deskgate_loc_conf_t   *lcf = conf;
    ngx_http_deskgate_authority_t  *authority;

    if (lcf->enable != NGX_CONF_UNSET || lcf->document) {
        return "is for a location of its own";
    }

    authority = ngx_http_deskgate_authority_named(cf);

    if (authority == NULL) {
        return "names no \"deskgate_authority\" that is defined above";
    }

    lcf->document = (ngx_str_t *) ((char *) authority
                                   + (uintptr_t) cmd->post);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_deskgate_document_handler;

    return NGX_CONF_OK;
}
