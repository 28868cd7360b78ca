/*
 * Copyright (C) the deskgate authors
 *
 * What a location says of its calls, and whether that is complete and safe.
 */

#include "ngx_http_deskgate_conf.h"
#include "ngx_http_deskgate_facts.h"


static ngx_uint_t ngx_http_deskgate_is_offered(const ngx_array_t *offers,
    const dg_service_t *service);
static ngx_int_t ngx_http_deskgate_offer_param(ngx_conf_t *cf,
    ngx_http_deskgate_offer_t *offer, ngx_str_t *value);
static ngx_int_t ngx_http_deskgate_finish_offers(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf);
static ngx_int_t ngx_http_deskgate_endpoint(ngx_conf_t *cf,
    ngx_http_deskgate_offer_t *offer);
static char *ngx_http_deskgate_check_complete(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf);
static char *ngx_http_deskgate_finish_own(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf);
static char *ngx_http_deskgate_missing(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, const char *reason);


char *
ngx_http_deskgate_conf_service(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                      *value;
    ngx_uint_t                      i;
    const dg_service_t             *service;
    ngx_http_deskgate_offer_t      *offer;
    ngx_http_deskgate_loc_conf_t   *lcf = conf;
    ngx_http_deskgate_srv_conf_t   *scf;
    ngx_http_deskgate_main_conf_t  *mcf;

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        if (lcf->enable != NGX_CONF_UNSET) {
            return "is duplicate";
        }

        lcf->enable = 0;
        return NGX_CONF_OK;
    }

    if (lcf->enable == 0) {
        return "is duplicate";
    }

    if (lcf->own) {
        return "is not for a location where the gateway itself answers";
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    if (ngx_http_deskgate_conf_load_models(cf, mcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    service = ngx_http_deskgate_conf_service_named(mcf, &value[1]);

    if (service == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no model \"%V.json\" in \"%V\"", &value[1],
                           &mcf->models);
        return NGX_CONF_ERROR;
    }

    if (lcf->offers == NULL) {
        lcf->offers = ngx_array_create(cf->pool, 4,
                                       sizeof(ngx_http_deskgate_offer_t));
        if (lcf->offers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (lcf->offers->nelts == NGX_HTTP_DESKGATE_OFFERS_MAX) {
        return "offers too many services";
    }

    if (ngx_http_deskgate_is_offered(lcf->offers, service)) {
        return "names a service that this location has already";
    }

    offer = ngx_array_push(lcf->offers);
    if (offer == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(offer, sizeof(ngx_http_deskgate_offer_t));
    offer->service = service;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_deskgate_offer_param(cf, offer, &value[i]) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"; known are region=, "
                               "account= (12 digits) and host=", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    if (offer->region.len == 0) {
        return "needs region=, which scopes of signatures must name";
    }

    lcf->enable = 1;
    lcf->conf_file = cf->conf_file->file.name.data;
    lcf->line = cf->conf_file->line;

    scf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_deskgate_module);

    if (scf->any == NULL) {
        scf->any = lcf;
    }

    return NGX_CONF_OK;
}


const dg_service_t *
ngx_http_deskgate_conf_service_named(ngx_http_deskgate_main_conf_t *mcf,
    const ngx_str_t *name)
{
    ngx_uint_t       i;
    dg_service_t   **service;

    service = mcf->services.elts;

    for (i = 0; i < mcf->services.nelts; i++) {
        if (dg_span_equal(service[i]->name, ngx_http_deskgate_span(name))) {
            return service[i];
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_deskgate_is_offered(const ngx_array_t *offers,
    const dg_service_t *service)
{
    ngx_uint_t                        i;
    const ngx_http_deskgate_offer_t  *offer;

    offer = offers->elts;

    for (i = 0; i < offers->nelts; i++) {
        if (offer[i].service == service) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_deskgate_offer_param(ngx_conf_t *cf,
    ngx_http_deskgate_offer_t *offer, ngx_str_t *value)
{
    uint64_t    number;
    ngx_str_t  *field;
    ngx_uint_t  skip;

    if (ngx_strncmp(value->data, "region=", 7) == 0) {
        field = &offer->region;
        skip = 7;

    } else if (ngx_strncmp(value->data, "account=", 8) == 0) {
        field = &offer->account;
        skip = 8;

    } else if (ngx_strncmp(value->data, "host=", 5) == 0) {
        field = &offer->host;
        skip = 5;

    } else {
        return NGX_ERROR;
    }

    if (field->len || value->len == skip) {
        return NGX_ERROR;
    }

    field->data = value->data + skip;
    field->len = value->len - skip;

    if (field == &offer->region) {
        offer->scope_region = ngx_http_deskgate_span(field);
    }

    if (field == &offer->account
        && (field->len != 12
            || !dg_span_to_u64(ngx_http_deskgate_span(field), &number)))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* deskgate_sign, deskgate_inject, deskgate_audit: cmd->offset says which */

char *
ngx_http_deskgate_conf_named(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                           *p = conf;
    void                          **slot;
    ngx_str_t                      *value;
    ngx_array_t                    *objects;
    ngx_http_deskgate_main_conf_t  *mcf;

    slot = (void **) (p + cmd->offset);

    if (*slot != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        *slot = NULL;
        return NGX_CONF_OK;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);
    objects = (ngx_array_t *) ((char *) mcf + (uintptr_t) cmd->post);

    *slot = ngx_http_deskgate_conf_find(objects, &value[1]);

    if (*slot == NULL) {
        return "names nothing that is defined above";
    }

    return NGX_CONF_OK;
}


/* deskgate_mode observe | enforce | $variable */

char *
ngx_http_deskgate_conf_mode(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                          *value;
    ngx_http_deskgate_loc_conf_t       *lcf = conf;
    ngx_http_compile_complex_value_t    ccv;

    if (lcf->mode != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "observe") != 0
        && ngx_strcmp(value[1].data, "enforce") != 0
        && ngx_http_script_variables_count(&value[1]) == 0)
    {
        return "takes observe, enforce or a variable that is one of them";
    }

    lcf->mode = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (lcf->mode == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));
    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = lcf->mode;

    return ngx_http_compile_complex_value(&ccv) == NGX_OK ? NGX_CONF_OK
                                                          : NGX_CONF_ERROR;
}


char *
ngx_http_deskgate_conf_hosts(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                     *value, *host;
    ngx_uint_t                     i;
    ngx_http_deskgate_loc_conf_t  *lcf = conf;

    if (lcf->hosts != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;
    lcf->hosts = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));

    for (i = 1; i < cf->args->nelts; i++) {
        host = lcf->hosts ? ngx_array_push(lcf->hosts) : NULL;
        if (host == NULL) {
            return NGX_CONF_ERROR;
        }

        *host = value[i];
    }

    return NGX_CONF_OK;
}


/* Called when all levels are merged. */

char *
ngx_http_deskgate_conf_finish(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    char  *rv;

    if (lcf->own) {
        return ngx_http_deskgate_finish_own(cf, lcf);
    }

    rv = ngx_http_deskgate_check_complete(cf, lcf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (ngx_http_deskgate_finish_offers(cf, lcf) != NGX_OK
        || ngx_http_deskgate_finish_identity(cf, lcf) != NGX_OK
        || ngx_http_deskgate_finish_key_policies(cf, lcf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    lcf->policy_set.policies = lcf->policies;

    if (ngx_http_deskgate_finish_policies(cf, &lcf->policy_set) != NGX_OK
        || ngx_http_deskgate_finish_shadows(cf, lcf) != NGX_OK
        || ngx_http_deskgate_finish_facts(cf, lcf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_check_complete(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    ngx_uint_t                      i, brokers;
    ngx_http_deskgate_offer_t      *offer;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    if (mcf->zone == NULL) {
        return ngx_http_deskgate_missing(cf, lcf,
                   "no shared zone: add \"deskgate_zone desk:32m;\" in http");
    }

    if (!ngx_http_deskgate_authenticates(lcf)) {
        return ngx_http_deskgate_missing(cf, lcf,
                   "nobody can authenticate: add \"deskgate_authenticate\"");
    }

    if (lcf->policies == NULL) {
        return ngx_http_deskgate_missing(cf, lcf,
                   "nothing is allowed: add \"deskgate_policy FILE;\"");
    }

    if (lcf->trail == NULL) {
        return ngx_http_deskgate_missing(cf, lcf,
                   "calls would leave no record: add \"deskgate_audit\"");
    }

    brokers = 0;
    offer = lcf->offers->elts;

    for (i = 0; i < lcf->offers->nelts; i++) {
        brokers += offer[i].service->is_broker;
    }

    if (brokers && lcf->broker == NULL) {
        return ngx_http_deskgate_missing(cf, lcf,
                   "no token for the broker: add \"deskgate_inject\"");
    }

    if (lcf->handles && (!brokers || lcf->handles != lcf->broker)) {
        return ngx_http_deskgate_missing(cf, lcf,
                   "handles stand for tokens of the broker that "
                   "\"deskgate_inject\" names: handle= is to name that one");
    }

    if (brokers && lcf->broker->authority == NULL
        && lcf->broker->secret_path.len == 0
        && (lcf->keys || lcf->issuers || lcf->vended))
    {
        return ngx_http_deskgate_missing(cf, lcf,
                   "for callers without a handle the broker needs client_id "
                   "and client_secret_file");
    }

    if (brokers < lcf->offers->nelts && lcf->sign == NULL) {
        return ngx_http_deskgate_missing(cf, lcf,
                   "nothing to sign with: add \"deskgate_sign\"");
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_missing(ngx_conf_t *cf, ngx_http_deskgate_loc_conf_t *lcf,
    const char *reason)
{
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"deskgate%s\" in %s:%ui is incomplete: %s",
                  lcf->vend ? "_vend"
                  : lcf->authority || lcf->pass ? "_token" : "",
                  lcf->conf_file, lcf->line, reason);

    return NGX_CONF_ERROR;
}


/* A location where the gateway itself answers: nothing is forwarded. */

static char *
ngx_http_deskgate_finish_own(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    ngx_http_deskgate_offer_t      *offer;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);
    offer = lcf->offers->elts;

    if (mcf->zone == NULL) {
        return ngx_http_deskgate_missing(cf, lcf,
                   "no shared zone: add \"deskgate_zone desk:32m;\" in http");
    }

    if (!ngx_http_deskgate_authenticates(lcf) && lcf->pass == NULL) {
        return ngx_http_deskgate_missing(cf, lcf,
                   "nobody can authenticate: add \"deskgate_authenticate\"");
    }

    if (lcf->trail == NULL) {
        return ngx_http_deskgate_missing(cf, lcf,
                   "calls would leave no record: add \"deskgate_audit\"");
    }

    if (offer->region.len == 0) {
        return ngx_http_deskgate_missing(cf, lcf,
                   "records and signatures name a region: add region=");
    }

    if (lcf->handles) {
        return ngx_http_deskgate_missing(cf, lcf,
                   "handles are for calls of their broker");
    }

    if (lcf->vend && lcf->vended) {
        return ngx_http_deskgate_missing(cf, lcf,
                   "vended credentials do not vend: remove vended= from "
                   "\"deskgate_authenticate\"");
    }

    offer->account = lcf->trail->account;

    return ngx_http_deskgate_finish_identity(cf, lcf) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_deskgate_finish_offers(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    ngx_uint_t                  i;
    ngx_http_deskgate_offer_t  *offer;

    lcf->services = ngx_palloc(cf->pool, lcf->offers->nelts
                                         * sizeof(dg_service_t *));
    if (lcf->services == NULL) {
        return NGX_ERROR;
    }

    offer = lcf->offers->elts;

    for (i = 0; i < lcf->offers->nelts; i++) {
        lcf->services[i] = offer[i].service;

        if (offer[i].account.len == 0) {
            offer[i].account = lcf->trail->account;
        }

        if (offer[i].host.len || offer[i].service->is_broker) {
            continue;
        }

        if (ngx_http_deskgate_endpoint(cf, &offer[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* The service's own host in the region: what calls are signed for. */

static ngx_int_t
ngx_http_deskgate_endpoint(ngx_conf_t *cf, ngx_http_deskgate_offer_t *offer)
{
    size_t       at;
    dg_span_t    name, part;
    dg_writer_t  w;

    part = DG_SPAN("${region}");
    name = offer->service->endpoint;

    w = dg_writer(ngx_pnalloc(cf->pool, name.len + offer->region.len),
                  name.len + offer->region.len);
    if (w.data == NULL) {
        return NGX_ERROR;
    }

    for (at = 0; at < name.len; at++) {
        if (dg_span_starts_with(dg_span_slice(name, at, name.len), part)) {
            dg_write_span(&w, ngx_http_deskgate_span(&offer->region));
            at += part.len - 1;
            continue;
        }

        dg_write_char(&w, name.data[at]);
    }

    offer->host = ngx_http_deskgate_str(dg_written(&w));

    return NGX_OK;
}
