/*
 * Copyright (C) the deskgate authors
 *
 * Issuers of bearer tokens.
 */

#include "ngx_http_deskgate_bearer.h"
#include "ngx_http_deskgate_conf.h"

#define NGX_HTTP_DESKGATE_JWKS_REFRESH   (5 * 60 * 1000)           /* ms */
#define NGX_HTTP_DESKGATE_JWKS_KEEP      (24 * 60 * 60 * 1000)
#define NGX_HTTP_DESKGATE_JWKS_AGAIN     (10 * 1000)
#define NGX_HTTP_DESKGATE_JWKS_KEEP_MAX  (7 * 24 * 60 * 60 * 1000)


static char *ngx_http_deskgate_issuer_finish(ngx_conf_t *cf,
    ngx_http_deskgate_issuer_t *issuer);


static char *
ngx_http_deskgate_issuer_url(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    if (issuer->issuer.url.len) {
        return "is duplicate";
    }

    issuer->issuer.url = ngx_http_deskgate_span(&value[0]);

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_issuer_audience(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    return ngx_http_deskgate_conf_spans(cf, &issuer->audiences, value, count)
           == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_deskgate_issuer_client_id(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    return ngx_http_deskgate_conf_spans(cf, &issuer->client_ids, value, count)
           == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_deskgate_issuer_party(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    return ngx_http_deskgate_conf_spans(cf, &issuer->parties, value, count)
           == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_deskgate_issuer_algorithms(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    unsigned                     bit;
    ngx_uint_t                   i;
    ngx_http_deskgate_issuer_t  *issuer = object;

    for (i = 0; i < count; i++) {
        bit = dg_jws_algorithm(ngx_http_deskgate_span(&value[i]));

        if (bit == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown or symmetric algorithm \"%V\"; use "
                               "RS256, RS384, RS512, PS256, PS384, PS512, "
                               "ES256, ES384, ES512 or EdDSA", &value[i]);
            return NGX_CONF_ERROR;
        }

        issuer->issuer.algorithms |= bit;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_issuer_leeway(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_int_t                    seconds;
    ngx_http_deskgate_issuer_t  *issuer = object;

    seconds = ngx_parse_time(&value[0], 1);
    if (seconds == NGX_ERROR) {
        return "has an invalid time";
    }

    issuer->issuer.leeway = seconds;
    issuer->issuer.leeway_set = true;

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_issuer_max_age(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_int_t                    seconds;
    ngx_http_deskgate_issuer_t  *issuer = object;

    seconds = ngx_parse_time(&value[0], 1);
    if (seconds == NGX_ERROR || seconds == 0) {
        return "has an invalid time";
    }

    issuer->issuer.max_age = seconds;

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_issuer_account(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    issuer->issuer.account = ngx_http_deskgate_span(&value[0]);

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_issuer_subject(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    issuer->issuer.subject_claim = ngx_http_deskgate_span(&value[0]);

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_issuer_groups(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    issuer->issuer.groups_claim = ngx_http_deskgate_span(&value[0]);

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_issuer_tag(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    dg_issuer_tag_t             *tag;
    ngx_http_deskgate_issuer_t  *issuer = object;

    tag = ngx_array_push(&issuer->tags);
    if (tag == NULL) {
        return NGX_CONF_ERROR;
    }

    tag->tag = ngx_http_deskgate_span(&value[0]);
    tag->claim = ngx_http_deskgate_span(&value[1]);

    return NGX_CONF_OK;
}


/* dcv_user TEMPLATE [case=ignore]; */

static char *
ngx_http_deskgate_issuer_dcv_user(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    if (count == 2) {
        if (ngx_strcmp(value[1].data, "case=ignore") != 0) {
            return "takes a template and case=ignore";
        }

        issuer->issuer.dcv_user_fold = true;
    }

    issuer->issuer.dcv_user = ngx_http_deskgate_span(&value[0]);

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_issuer_source_identity(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    issuer->issuer.source_identity_claim = ngx_http_deskgate_span(&value[0]);

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_issuer_accept(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    if (value[0].len == 9 && ngx_strncmp(value[0].data, "id_tokens", 9) == 0) {
        issuer->issuer.id_tokens = true;
        return NGX_CONF_OK;
    }

    if (value[0].len == 7 && ngx_strncmp(value[0].data, "rfc9068", 7) == 0) {
        issuer->issuer.rfc9068 = true;
        return NGX_CONF_OK;
    }

    return "takes \"id_tokens\" or \"rfc9068\"";
}


static dg_err_t
ngx_http_deskgate_jwks_parse(void *object, dg_arena_t *arena,
    dg_span_t text, dg_diag_t *diag, void **data)
{
    dg_err_t    err;
    dg_jwks_t  *set;

    err = ngx_http_deskgate_jwks_load(text, &set, diag);
    *data = set;

    return err;
}


static void
ngx_http_deskgate_jwks_release(void *data)
{
    dg_jwks_release(data);
}


/* A token that another key had verified is to be verified anew. */

static void
ngx_http_deskgate_jwks_changed(void)
{
    dg_token_cache_clear(ngx_http_deskgate_worker.tokens);
}


static const ngx_http_deskgate_reread_type_t  ngx_http_deskgate_jwks_file = {
    "jwks", 0,
    ngx_http_deskgate_jwks_parse,
    NULL,
    ngx_http_deskgate_jwks_release,
    ngx_http_deskgate_jwks_changed
};


static char *
ngx_http_deskgate_issuer_jwks(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    dg_diag_t                    diag;
    ngx_http_deskgate_issuer_t  *issuer = object;

    if (issuer->jwks || issuer->jwks_uri.len) {
        return "is duplicate; keys come from a file or a location";
    }

    issuer->jwks = ngx_http_deskgate_reread_add(cf, &value[0],
                                                &ngx_http_deskgate_jwks_file,
                                                issuer, &diag);
    if (issuer->jwks == NULL) {
        return NGX_CONF_ERROR;
    }

    if (dg_jwks_left_out(issuer->jwks->data)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "%uz keys of \"%V\" cannot be used: %s",
                           dg_jwks_left_out(issuer->jwks->data), &value[0],
                           diag.text);
    }

    return NGX_CONF_OK;
}


/* jwks_uri URI [refresh=TIME] [keep=TIME] [again=TIME]; */

static char *
ngx_http_deskgate_issuer_jwks_uri(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_str_t                    text;
    ngx_int_t                    ms;
    ngx_uint_t                   i;
    ngx_msec_t                  *time;
    ngx_http_deskgate_issuer_t  *issuer = object;

    if (issuer->jwks || issuer->jwks_uri.len) {
        return "is duplicate; keys come from a file or a location";
    }

    if (value[0].len == 0 || value[0].data[0] != '/') {
        return "names an internal location, such as /_deskgate/corp/jwks";
    }

    issuer->jwks_uri = value[0];
    issuer->jwks_refresh = NGX_HTTP_DESKGATE_JWKS_REFRESH;
    issuer->jwks_keep = NGX_HTTP_DESKGATE_JWKS_KEEP;
    issuer->jwks_again = NGX_HTTP_DESKGATE_JWKS_AGAIN;

    for (i = 1; i < count; i++) {
        text = value[i];

        if (ngx_strncmp(text.data, "refresh=", 8) == 0) {
            time = &issuer->jwks_refresh;
            text.data += 8;
            text.len -= 8;

        } else if (ngx_strncmp(text.data, "keep=", 5) == 0) {
            time = &issuer->jwks_keep;
            text.data += 5;
            text.len -= 5;

        } else if (ngx_strncmp(text.data, "again=", 6) == 0) {
            time = &issuer->jwks_again;
            text.data += 6;
            text.len -= 6;

        } else {
            return "takes the URI of an internal location, refresh=, keep= "
                   "and again=";
        }

        ms = ngx_parse_time(&text, 0);

        if (ms == NGX_ERROR || ms < 1000
            || ms > NGX_HTTP_DESKGATE_JWKS_KEEP_MAX)
        {
            return "takes times of 1s to 7d";
        }

        *time = ms;
    }

    return issuer->jwks_keep < issuer->jwks_refresh
           ? "keeps keys for less than the time in which they are refreshed"
           : NGX_CONF_OK;
}


/* Tokens of this gateway's own: no file, no fetch. */

static char *
ngx_http_deskgate_issuer_authority(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    dg_diag_t                        diag;
    ngx_pool_cleanup_t              *cln;
    ngx_http_deskgate_issuer_t      *issuer = object;
    ngx_http_deskgate_authority_t   *authority;

    if (issuer->own) {
        return "is duplicate";
    }

    authority = ngx_http_deskgate_authority_for(cf, &value[0],
                                             NGX_HTTP_DESKGATE_FOR_CALLERS);
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (authority == NULL || cln == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_deskgate_jwks_parse(issuer, NULL,
                                ngx_http_deskgate_span(&authority->jwks),
                                &diag, (void **) &issuer->own)
        != DG_OK)
    {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_deskgate_jwks_release;
    cln->data = issuer->own;

    if (issuer->issuer.url.len == 0) {
        issuer->issuer.url = ngx_http_deskgate_span(&authority->issuer);
    }

    return issuer->audiences.nelts
           ? NGX_CONF_OK
           : ngx_http_deskgate_issuer_audience(cf, &authority->audience, 1,
                                               issuer);
}


static const ngx_http_deskgate_line_t  ngx_http_deskgate_issuer_lines[] = {
    { ngx_string("issuer"), 1, 1, ngx_http_deskgate_issuer_url },
    { ngx_string("audience"), 1, 64, ngx_http_deskgate_issuer_audience },
    { ngx_string("client_id"), 1, 64, ngx_http_deskgate_issuer_client_id },
    { ngx_string("authorized_party"), 1, 64, ngx_http_deskgate_issuer_party },
    { ngx_string("jwks"), 1, 1, ngx_http_deskgate_issuer_jwks },
    { ngx_string("jwks_uri"), 1, 4, ngx_http_deskgate_issuer_jwks_uri },
    { ngx_string("authority"), 1, 1, ngx_http_deskgate_issuer_authority },
    { ngx_string("introspect"), 3, 7, ngx_http_deskgate_conf_introspect },
    { ngx_string("algorithms"), 1, 16, ngx_http_deskgate_issuer_algorithms },
    { ngx_string("leeway"), 1, 1, ngx_http_deskgate_issuer_leeway },
    { ngx_string("max_age"), 1, 1, ngx_http_deskgate_issuer_max_age },
    { ngx_string("account"), 1, 1, ngx_http_deskgate_issuer_account },
    { ngx_string("subject"), 1, 1, ngx_http_deskgate_issuer_subject },
    { ngx_string("groups"), 1, 1, ngx_http_deskgate_issuer_groups },
    { ngx_string("tag"), 2, 2, ngx_http_deskgate_issuer_tag },
    { ngx_string("source_identity"), 1, 1,
      ngx_http_deskgate_issuer_source_identity },
    { ngx_string("dcv_user"), 1, 2, ngx_http_deskgate_issuer_dcv_user },
    { ngx_string("accept"), 1, 1, ngx_http_deskgate_issuer_accept },
    { ngx_null_string, 0, 0, NULL }
};


char *
ngx_http_deskgate_conf_issuer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                           *rv;
    ngx_http_deskgate_issuer_t     *issuer;
    ngx_http_deskgate_main_conf_t  *mcf = conf;

    issuer = ngx_http_deskgate_conf_named_object(cf, &mcf->issuers,
                                         sizeof(ngx_http_deskgate_issuer_t));
    if (issuer == NULL) {
        return NGX_CONF_ERROR;
    }

    issuer->index = mcf->issuers.nelts - 1;

    if (ngx_array_init(&issuer->audiences, cf->pool, 2, sizeof(dg_span_t))
        != NGX_OK
        || ngx_array_init(&issuer->client_ids, cf->pool, 2,
                          sizeof(dg_span_t)) != NGX_OK
        || ngx_array_init(&issuer->parties, cf->pool, 2, sizeof(dg_span_t))
           != NGX_OK
        || ngx_array_init(&issuer->tags, cf->pool, 2,
                          sizeof(dg_issuer_tag_t)) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_deskgate_conf_block(cf, ngx_http_deskgate_issuer_lines,
                                      issuer);

    return rv == NGX_CONF_OK ? ngx_http_deskgate_issuer_finish(cf, issuer)
                             : rv;
}


static char *
ngx_http_deskgate_issuer_finish(ngx_conf_t *cf,
    ngx_http_deskgate_issuer_t *issuer)
{
    dg_diag_t  diag;

    issuer->issuer.name = ngx_http_deskgate_span(&issuer->name);
    issuer->issuer.audiences = issuer->audiences.elts;
    issuer->issuer.audience_count = issuer->audiences.nelts;
    issuer->issuer.client_ids = issuer->client_ids.elts;
    issuer->issuer.client_id_count = issuer->client_ids.nelts;
    issuer->issuer.parties = issuer->parties.elts;
    issuer->issuer.party_count = issuer->parties.nelts;
    issuer->issuer.tags = issuer->tags.elts;
    issuer->issuer.tag_count = issuer->tags.nelts;

    issuer->issuer.opaque_only = issuer->jwks == NULL
                                 && issuer->jwks_uri.len == 0
                                 && issuer->own == NULL;

    if (issuer->issuer.opaque_only && issuer->introspection == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "issuer \"%V\" has no keys: add \"jwks FILE;\", "
                           "\"jwks_uri URI;\" or \"introspect URI ...;\"",
                           &issuer->name);
        return NGX_CONF_ERROR;
    }

    if (dg_issuer_check_config(&issuer->issuer, &diag) != DG_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "issuer \"%V\": %s",
                           &issuer->name, diag.text);
        return NGX_CONF_ERROR;
    }

    if (issuer->own && (issuer->jwks || issuer->jwks_uri.len)) {
        return "has keys of an authority and others, not both";
    }

    return NGX_CONF_OK;
}
