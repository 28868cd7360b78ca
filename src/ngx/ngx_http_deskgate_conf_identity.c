/*
 * Copyright (C) the deskgate authors
 *
 * Who may call at a location.
 */

#include "ngx_http_deskgate_conf.h"


static ngx_int_t ngx_http_deskgate_conf_certificate(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, ngx_str_t name);
static ngx_int_t ngx_http_deskgate_conf_list(ngx_conf_t *cf,
    ngx_array_t **list, ngx_array_t *objects, const char *what,
    ngx_str_t names);
static ngx_int_t ngx_http_deskgate_conf_handles(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, ngx_str_t *name);
static ngx_int_t ngx_http_deskgate_check_introspection(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf);
static ngx_int_t ngx_http_deskgate_check_issuer(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, ngx_uint_t n);


char *
ngx_http_deskgate_conf_authenticate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_int_t                       rc;
    ngx_str_t                      *value, names;
    ngx_uint_t                      i;
    ngx_http_deskgate_loc_conf_t   *lcf = conf;
    ngx_http_deskgate_main_conf_t  *mcf;

    if (ngx_http_deskgate_authenticates(lcf)) {
        return "is duplicate";
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);
    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "sigv4=", 6) == 0) {
            names.data = value[i].data + 6;
            names.len = value[i].len - 6;
            rc = ngx_http_deskgate_conf_list(cf, &lcf->keys, &mcf->keys,
                                             "deskgate_keys", names);

        } else if (ngx_strncmp(value[i].data, "bearer=", 7) == 0) {
            names.data = value[i].data + 7;
            names.len = value[i].len - 7;
            rc = ngx_http_deskgate_conf_list(cf, &lcf->issuers, &mcf->issuers,
                                             "deskgate_issuer", names);

        } else if (ngx_strncmp(value[i].data, "vended=", 7) == 0) {
            names.data = value[i].data + 7;
            names.len = value[i].len - 7;
            rc = ngx_http_deskgate_conf_list(cf, &lcf->vended, &mcf->vended,
                                             "deskgate_vended", names);

        } else if (ngx_strncmp(value[i].data, "handle=", 7) == 0) {
            names.data = value[i].data + 7;
            names.len = value[i].len - 7;
            rc = ngx_http_deskgate_conf_handles(cf, lcf, &names);

        } else if (ngx_strncmp(value[i].data, "proof=", 6) == 0) {
            names.data = value[i].data + 6;
            names.len = value[i].len - 6;
            lcf->proof = ngx_http_deskgate_conf_find(&mcf->proofs, &names);
            rc = lcf->proof ? NGX_OK : NGX_ERROR;

            if (lcf->proof == NULL) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "no deskgate_proof \"%V\" is defined "
                                   "above", &names);
            }

        } else if (ngx_strncmp(value[i].data, "certificate=", 12) == 0) {
            names.data = value[i].data + 12;
            names.len = value[i].len - 12;
            rc = ngx_http_deskgate_conf_certificate(cf, lcf, names);

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"; known are sigv4=, "
                               "bearer=, vended=, handle=, proof= and "
                               "certificate=",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* Whether anybody may call at the location. */

ngx_uint_t
ngx_http_deskgate_authenticates(const ngx_http_deskgate_loc_conf_t *lcf)
{
    return lcf->keys || lcf->issuers || lcf->vended || lcf->handles
           || lcf->proof || lcf->certificates;
}


static ngx_int_t
ngx_http_deskgate_conf_handles(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, ngx_str_t *name)
{
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    if (lcf->handles) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "handle= names one broker");
        return NGX_ERROR;
    }

    lcf->handles = ngx_http_deskgate_conf_find(&mcf->brokers, name);

    if (lcf->handles == NULL || lcf->handles->authority) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no deskgate_broker \"%V\" that gives tokens is "
                           "defined above", name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* One list of certificates: a certificate is of one caller. */

static ngx_int_t
ngx_http_deskgate_conf_certificate(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, ngx_str_t name)
{
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    if (lcf->certificates) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"certificate=\" is given twice");
        return NGX_ERROR;
    }

    lcf->certificates = ngx_http_deskgate_conf_find(&mcf->certificates,
                                                    &name);
    if (lcf->certificates) {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "no deskgate_certificates \"%V\" is defined above",
                       &name);
    return NGX_ERROR;
}


static ngx_int_t
ngx_http_deskgate_conf_list(ngx_conf_t *cf, ngx_array_t **list,
    ngx_array_t *objects, const char *what, ngx_str_t names)
{
    void       **slot, *object;
    ngx_str_t    name;
    dg_span_t    rest, part;

    if (*list == NULL) {
        *list = ngx_array_create(cf->pool, 4, sizeof(void *));
        if (*list == NULL) {
            return NGX_ERROR;
        }
    }

    rest = ngx_http_deskgate_span(&names);

    while (dg_span_split(&rest, ',', &part)) {
        name = ngx_http_deskgate_str(part);
        object = ngx_http_deskgate_conf_find(objects, &name);

        if (object == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "no %s \"%V\" is defined above", what, &name);
            return NGX_ERROR;
        }

        slot = ngx_array_push(*list);
        if (slot == NULL) {
            return NGX_ERROR;
        }

        *slot = object;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_deskgate_finish_identity(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    uint8_t                         digest[DG_SHA256_SIZE];
    ngx_str_t                      *proof;
    ngx_uint_t                      i;
    ngx_http_deskgate_issuer_t    **issuer;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    if (lcf->handles
        && ngx_http_deskgate_conf_find(&mcf->issuers, &lcf->handles->name))
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "broker \"%V\", whose handles the \"deskgate\" in "
                      "%s:%ui accepts, is named like an issuer; name it "
                      "otherwise", &lcf->handles->name, lcf->conf_file,
                      lcf->line);
        return NGX_ERROR;
    }

    /* whose caller it is, is told by the name */

    proof = (ngx_str_t *) lcf->proof;   /* it begins with its name */

    if (proof
        && (ngx_http_deskgate_conf_find(&mcf->issuers, proof)
            || ngx_http_deskgate_conf_find(&mcf->brokers, proof)
            || ngx_http_deskgate_conf_find(&mcf->certificates, proof)))
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the \"deskgate_proof\" \"%V\" of the \"deskgate\" in "
                      "%s:%ui is named like an issuer, a broker or a list of "
                      "certificates; name it otherwise", proof, lcf->conf_file,
                      lcf->line);
        return NGX_ERROR;
    }

    if (ngx_http_deskgate_check_certificates(cf, lcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (lcf->issuers == NULL) {
        return NGX_OK;
    }

    issuer = lcf->issuers->elts;

    for (i = 0; i < lcf->issuers->nelts; i++) {
        if (ngx_http_deskgate_check_issuer(cf, lcf, i) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_http_deskgate_check_introspection(cf, lcf) != NGX_OK) {
        return NGX_ERROR;
    }

    /* the list of issuers is what accepts a token: one id for each list */

    if (dg_sha256(mcf->crypto,
                  dg_span(issuer, lcf->issuers->nelts * sizeof(void *)),
                  digest)
        != DG_OK)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(&lcf->id, digest, sizeof(lcf->id));

    return NGX_OK;
}


/* Nothing in an opaque token says whose it is, and one is to be told. */

static ngx_int_t
ngx_http_deskgate_check_introspection(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    ngx_uint_t                    i, n;
    ngx_http_deskgate_issuer_t  **issuer;

    issuer = lcf->issuers->elts;
    n = 0;

    for (i = 0; i < lcf->issuers->nelts; i++) {
        n += issuer[i]->introspection != NULL;
    }

    if (n > 1) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "several issuers of the \"deskgate\" in %s:%ui have "
                      "\"introspect\"; name one of them, as a token does "
                      "not say whose it is", lcf->conf_file, lcf->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Two issuers of one URL could not be told apart, and one that is named like
 * a service could not be told from its condition keys.
 */

static ngx_int_t
ngx_http_deskgate_check_issuer(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, ngx_uint_t n)
{
    ngx_uint_t                       i;
    dg_service_t                   **service;
    ngx_http_deskgate_issuer_t     **issuer;
    ngx_http_deskgate_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);
    service = mcf->services.elts;
    issuer = lcf->issuers->elts;

    for (i = 0; i < mcf->services.nelts; i++) {
        if (dg_span_equal_nocase(service[i]->action_prefix,
                                 issuer[n]->issuer.name))
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "issuer \"%V\" of the \"deskgate\" in %s:%ui is "
                          "named like a service; name it otherwise",
                          &issuer[n]->name, lcf->conf_file, lcf->line);
            return NGX_ERROR;
        }
    }

    for (i = 0; i < n; i++) {
        if (dg_span_equal(issuer[i]->issuer.url, issuer[n]->issuer.url)) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "issuers \"%V\" and \"%V\" of the \"deskgate\" in "
                          "%s:%ui have one URL; name one of them",
                          &issuer[i]->name, &issuer[n]->name,
                          lcf->conf_file, lcf->line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
