/*
 * Copyright (C) the deskgate authors
 *
 * What a location says of its calls, and whether that is complete and safe.
 */

#include "ngx_http_deskgate.h"


static const dg_service_t *ngx_http_deskgate_service_named(
    ngx_http_deskgate_main_conf_t *mcf, const ngx_str_t *name);
static ngx_uint_t ngx_http_deskgate_is_offered(const ngx_array_t *offers,
    const dg_service_t *service);
static ngx_int_t ngx_http_deskgate_offer_param(ngx_conf_t *cf,
    ngx_http_deskgate_offer_t *offer, ngx_str_t *value);
static ngx_int_t ngx_http_deskgate_conf_list(ngx_conf_t *cf,
    ngx_array_t **list, ngx_array_t *objects, const char *what,
    ngx_str_t names);
static ngx_int_t ngx_http_deskgate_policy_file(ngx_conf_t *cf,
    ngx_str_t *path, dg_policy_form_t form, ngx_uint_t strict,
    const dg_policy_t **policy);
static void ngx_http_deskgate_policy_report(void *ctx,
    dg_policy_severity_t severity, const dg_diag_t *diag);
static ngx_int_t ngx_http_deskgate_catalogue(ngx_conf_t *cf,
    ngx_http_deskgate_main_conf_t *mcf);
static char *ngx_http_deskgate_policy_for(ngx_http_deskgate_attachment_t *a,
    ngx_str_t *value);
static ngx_int_t ngx_http_deskgate_finish_offers(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf);
static ngx_int_t ngx_http_deskgate_endpoint(ngx_conf_t *cf,
    ngx_http_deskgate_offer_t *offer);
static ngx_int_t ngx_http_deskgate_finish_identity(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf);
static ngx_int_t ngx_http_deskgate_check_issuer(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, ngx_uint_t n);
static ngx_int_t ngx_http_deskgate_finish_key_policies(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf);
static ngx_int_t ngx_http_deskgate_finish_policies(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf);
static char *ngx_http_deskgate_check_complete(ngx_conf_t *cf,
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

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    if (ngx_http_deskgate_conf_load_models(cf, mcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    service = ngx_http_deskgate_service_named(mcf, &value[1]);

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


static const dg_service_t *
ngx_http_deskgate_service_named(ngx_http_deskgate_main_conf_t *mcf,
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


char *
ngx_http_deskgate_conf_authenticate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_int_t                       rc;
    ngx_str_t                      *value, names;
    ngx_uint_t                      i;
    ngx_http_deskgate_loc_conf_t   *lcf = conf;
    ngx_http_deskgate_main_conf_t  *mcf;

    if (lcf->keys || lcf->issuers) {
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

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"; known are sigv4= "
                               "and bearer=", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
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


/* deskgate_policy FILE [for=PATTERN | for=group:ISSUER/NAME] */

char *
ngx_http_deskgate_conf_policy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                            *rv;
    ngx_str_t                       *value;
    dg_policy_form_t                 form;
    ngx_http_deskgate_loc_conf_t    *lcf = conf;
    ngx_http_deskgate_attachment_t  *attachment;

    value = cf->args->elts;
    form = DG_POLICY_RESOURCE;

    if (lcf->policies == NGX_CONF_UNSET_PTR) {
        lcf->policies = ngx_array_create(cf->pool, 4,
                                     sizeof(ngx_http_deskgate_attachment_t));
    }

    attachment = lcf->policies ? ngx_array_push(lcf->policies) : NULL;
    if (attachment == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(attachment, sizeof(ngx_http_deskgate_attachment_t));

    if (cmd->post) {
        form = DG_POLICY_BOUNDARY;
    }

    if (cf->args->nelts == 3) {
        rv = ngx_http_deskgate_policy_for(attachment, &value[2]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }

        if (form == DG_POLICY_RESOURCE) {
            form = DG_POLICY_IDENTITY;
        }
    }

    attachment->name = value[1];

    if (ngx_http_deskgate_policy_file(cf, &attachment->name, form, 1,
                                      &attachment->policy)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_policy_for(ngx_http_deskgate_attachment_t *a,
    ngx_str_t *value)
{
    size_t     slash;
    dg_span_t  text;

    if (ngx_strncmp(value->data, "for=", 4) != 0 || value->len == 4) {
        return "takes for=PATTERN or for=group:ISSUER/NAME";
    }

    text = dg_span_slice(ngx_http_deskgate_span(value), 4, value->len);

    if (!dg_span_starts_with(text, DG_SPAN("group:"))) {
        a->pattern = ngx_http_deskgate_str(text);
        return NGX_CONF_OK;
    }

    text = dg_span_slice(text, 6, text.len);
    slash = dg_span_find(text, '/');

    a->group_issuer = ngx_http_deskgate_str(dg_span_slice(text, 0, slash));
    a->group = ngx_http_deskgate_str(dg_span_slice(text, slash + 1,
                                                   text.len));

    if (a->group_issuer.len == 0 || a->group.len == 0) {
        return "takes for=group:ISSUER/NAME";
    }

    return NGX_CONF_OK;
}


typedef struct {
    ngx_conf_t  *cf;
    ngx_str_t   *path;
} ngx_http_deskgate_report_t;


static ngx_int_t
ngx_http_deskgate_policy_file(ngx_conf_t *cf, ngx_str_t *path,
    dg_policy_form_t form, ngx_uint_t strict, const dg_policy_t **policy)
{
    dg_diag_t                       diag;
    dg_span_t                       text;
    dg_policy_options_t             options;
    ngx_http_deskgate_report_t      report;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    if (ngx_http_deskgate_catalogue(cf, mcf) != NGX_OK
        || ngx_http_deskgate_file_read(cf, path, "policy", 0, &text)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    report.cf = cf;
    report.path = path;

    ngx_memzero(&options, sizeof(dg_policy_options_t));

    options.form = form;
    options.catalogue = &mcf->catalogue;
    options.strict = strict;
    options.report = ngx_http_deskgate_policy_report;
    options.report_ctx = &report;

    return dg_policy_load(&mcf->arena, text, &options, &diag, policy)
           == DG_OK ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_deskgate_policy_report(void *ctx, dg_policy_severity_t severity,
    const dg_diag_t *diag)
{
    ngx_http_deskgate_report_t  *report = ctx;

    if (severity == DG_POLICY_ERROR) {
        ngx_http_deskgate_file_diag(report->cf, report->path, diag);
        return;
    }

    ngx_conf_log_error(NGX_LOG_WARN, report->cf, 0, "%V:%ui:%ui: %s",
                       report->path, (ngx_uint_t) diag->line,
                       (ngx_uint_t) diag->column, diag->text);
}


/*
 * What policies may speak of.  Issuers are named above the servers that use
 * them, as all objects are.
 */

static ngx_int_t
ngx_http_deskgate_catalogue(ngx_conf_t *cf,
    ngx_http_deskgate_main_conf_t *mcf)
{
    dg_span_t                      *names;
    ngx_uint_t                      i;
    ngx_http_deskgate_issuer_t    **issuers;
    dg_policy_catalogue_source_t    source;

    if (mcf->catalogued) {
        return NGX_OK;
    }

    if (ngx_http_deskgate_conf_load_models(cf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    names = ngx_palloc(cf->pool, (mcf->issuers.nelts + 1)
                                 * sizeof(dg_span_t));
    if (names == NULL) {
        return NGX_ERROR;
    }

    issuers = mcf->issuers.elts;

    for (i = 0; i < mcf->issuers.nelts; i++) {
        names[i] = ngx_http_deskgate_span(&issuers[i]->name);
    }

    ngx_memzero(&source, sizeof(dg_policy_catalogue_source_t));

    source.services = (const dg_service_t *const *) mcf->services.elts;
    source.service_count = mcf->services.nelts;
    source.issuers = names;
    source.issuer_count = mcf->issuers.nelts;

    if (dg_policy_catalogue_create(&mcf->arena, &source, &mcf->catalogue)
        != DG_OK)
    {
        return NGX_ERROR;
    }

    mcf->catalogued = 1;

    return NGX_OK;
}


/* Called when all levels are merged. */

char *
ngx_http_deskgate_conf_finish(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    char  *rv;

    rv = ngx_http_deskgate_check_complete(cf, lcf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (ngx_http_deskgate_finish_offers(cf, lcf) != NGX_OK
        || ngx_http_deskgate_finish_identity(cf, lcf) != NGX_OK
        || ngx_http_deskgate_finish_key_policies(cf, lcf) != NGX_OK
        || ngx_http_deskgate_finish_policies(cf, lcf) != NGX_OK)
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

    if (lcf->keys == NULL && lcf->issuers == NULL) {
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
                  "\"deskgate\" in %s:%ui is incomplete: %s",
                  lcf->conf_file, lcf->line, reason);

    return NGX_CONF_ERROR;
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


static ngx_int_t
ngx_http_deskgate_finish_identity(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    uint8_t                         digest[DG_SHA256_SIZE];
    ngx_uint_t                      i;
    ngx_http_deskgate_issuer_t    **issuer;
    ngx_http_deskgate_main_conf_t  *mcf;

    if (lcf->issuers == NULL) {
        return NGX_OK;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    lcf->token_issuers = ngx_palloc(cf->pool, lcf->issuers->nelts
                                              * sizeof(dg_token_issuer_t));
    if (lcf->token_issuers == NULL) {
        return NGX_ERROR;
    }

    issuer = lcf->issuers->elts;

    for (i = 0; i < lcf->issuers->nelts; i++) {
        if (ngx_http_deskgate_check_issuer(cf, lcf, i) != NGX_OK) {
            return NGX_ERROR;
        }

        lcf->token_issuers[i].issuer = &issuer[i]->issuer;
        lcf->token_issuers[i].keys = issuer[i]->jwks;
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


/* Identity policies that entries of the location's key files name. */

static ngx_int_t
ngx_http_deskgate_finish_key_policies(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    size_t                           n, j;
    ngx_str_t                        path;
    ngx_uint_t                       i, k;
    const dg_key_t                  *key;
    ngx_http_deskgate_keys_t       **keys;
    ngx_http_deskgate_attachment_t  *a;

    if (lcf->keys == NULL) {
        return NGX_OK;
    }

    keys = lcf->keys->elts;

    for (i = 0; i < lcf->keys->nelts; i++) {
        for (n = 0; n < dg_keyfile_count(keys[i]->keyfile); n++) {
            key = dg_keyfile_key(keys[i]->keyfile, n);

            for (j = 0; j < key->policy_count; j++) {
                path = ngx_http_deskgate_str(key->policies[j]);
                a = lcf->policies->elts;

                for (k = 0; k < lcf->policies->nelts; k++) {
                    if (a[k].key_policy && a[k].name.len == path.len
                        && ngx_strncmp(a[k].name.data, path.data, path.len)
                           == 0)
                    {
                        break;
                    }
                }

                if (k < lcf->policies->nelts) {
                    continue;
                }

                a = ngx_array_push(lcf->policies);
                if (a == NULL) {
                    return NGX_ERROR;
                }

                ngx_memzero(a, sizeof(ngx_http_deskgate_attachment_t));
                a->name = path;
                a->key_policy = 1;

                if (ngx_http_deskgate_policy_file(cf, &path,
                                                  DG_POLICY_IDENTITY, 1,
                                                  &a->policy)
                    != NGX_OK)
                {
                    return NGX_ERROR;
                }
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_finish_policies(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    ngx_uint_t                       i;
    dg_policy_document_t            *documents;
    dg_policy_set_options_t          options;
    ngx_http_deskgate_attachment_t  *attachment;
    ngx_http_deskgate_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    documents = ngx_palloc(cf->temp_pool, lcf->policies->nelts
                                          * sizeof(dg_policy_document_t));
    if (documents == NULL) {
        return NGX_ERROR;
    }

    attachment = lcf->policies->elts;

    for (i = 0; i < lcf->policies->nelts; i++) {
        documents[i].policy = attachment[i].policy;
        documents[i].name = ngx_http_deskgate_span(&attachment[i].name);
    }

    ngx_memzero(&options, sizeof(dg_policy_set_options_t));
    options.catalogue = &mcf->catalogue;

    if (dg_policy_set_create(&mcf->arena, documents, lcf->policies->nelts,
                             &options, &lcf->policy_set)
        != DG_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the policies of one location are too large");
        return NGX_ERROR;
    }

    lcf->conditions = dg_conditions_create(&mcf->arena, lcf->policy_set);

    return lcf->conditions ? NGX_OK : NGX_ERROR;
}
