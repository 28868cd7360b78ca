/*
 * Copyright (C) the deskgate authors
 *
 * Credentials that the gateway vends: deskgate_vended names the keys,
 * deskgate_vend is the location that gives them.
 */

#include "ngx_http_deskgate_conf.h"


static void ngx_http_deskgate_vended_wipe(void *data);
static char *ngx_http_deskgate_vend_param(ngx_conf_t *cf,
    ngx_http_deskgate_vend_t *vend, ngx_http_deskgate_offer_t *offer,
    ngx_str_t *value);


static char *
ngx_http_deskgate_vended_keys(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    size_t                       i;
    dg_err_t                     err;
    dg_span_t                    text;
    dg_diag_t                    diag;
    ngx_str_t                    name;
    ngx_pool_cleanup_t          *cln;
    ngx_http_deskgate_vended_t  *vended = object;

    if (vended->keys.count) {
        return "is duplicate";
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (cln == NULL
        || ngx_http_deskgate_file_read(cf, &value[0], "vended keys", 1, &text)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_deskgate_vended_wipe;
    cln->data = vended;

    ngx_memzero(&diag, sizeof(dg_diag_t));

    err = dg_vend_keys_parse(text, &diag, &vended->keys);

    for (i = 0; err == DG_OK && i < vended->keys.count; i++) {
        name = ngx_http_deskgate_str(vended->keys.masters[i].name);
        name.data = ngx_pstrdup(cf->pool, &name);

        if (name.data == NULL) {
            err = DG_ERR_MEMORY;
            break;
        }

        vended->keys.masters[i].name = ngx_http_deskgate_span(&name);
    }

    dg_wipe((void *) text.data, text.len);

    if (err != DG_OK) {
        ngx_http_deskgate_file_diag(cf, &value[0], &diag);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static void
ngx_http_deskgate_vended_wipe(void *data)
{
    ngx_http_deskgate_vended_t  *vended = data;

    dg_wipe(vended->keys.masters, sizeof(vended->keys.masters));
}


static char *
ngx_http_deskgate_vended_gateway(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_vended_t  *vended = object;

    if (value[0].len == 0 || value[0].len > DG_VEND_GATEWAY_MAX) {
        return "takes a name of 1 to 128 bytes";
    }

    vended->keys.gateway = ngx_http_deskgate_span(&value[0]);

    return NGX_CONF_OK;
}


static const ngx_http_deskgate_line_t  ngx_http_deskgate_vended_lines[] = {
    { ngx_string("keys"), 1, 1, ngx_http_deskgate_vended_keys },
    { ngx_string("gateway"), 1, 1, ngx_http_deskgate_vended_gateway },
    { ngx_null_string, 0, 0, NULL }
};


char *
ngx_http_deskgate_conf_vended(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                           *rv;
    ngx_http_deskgate_vended_t     *vended;
    ngx_http_deskgate_main_conf_t  *mcf = conf;

    vended = ngx_http_deskgate_conf_named_object(cf, &mcf->vended,
                                         sizeof(ngx_http_deskgate_vended_t));
    if (vended == NULL) {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_deskgate_conf_block(cf, ngx_http_deskgate_vended_lines,
                                      vended);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return vended->keys.count && vended->keys.gateway.len
           ? NGX_CONF_OK : "needs keys and gateway";
}


/*
 * deskgate_vend vended=NAME [lifetime=TIME] [locations=...] ...
 * deskgate_vend sts=NAME ...
 */

char *
ngx_http_deskgate_conf_vend(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                          *rv;
    ngx_str_t                     *value;
    ngx_uint_t                     i;
    ngx_http_deskgate_vend_t      *vend;
    ngx_http_deskgate_offer_t     *offer;
    ngx_http_deskgate_loc_conf_t  *lcf = conf;

    offer = ngx_http_deskgate_conf_own(cf, lcf, DG_GATEWAY_VEND,
                                       ngx_http_deskgate_serve_vend);
    if (offer == NULL) {
        return "is for a location of its own, without \"deskgate\" or "
               "another page of deskgate's";
    }

    vend = ngx_pcalloc(cf->pool, sizeof(ngx_http_deskgate_vend_t));

    if (vend == NULL
        || ngx_array_init(&vend->locations, cf->pool, 2, sizeof(dg_span_t))
           != NGX_OK
        || ngx_array_init(&vend->services, cf->pool, 2, sizeof(dg_span_t))
           != NGX_OK
        || ngx_array_init(&vend->claims, cf->pool, 2, sizeof(dg_span_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    lcf->vend = vend;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        rv = ngx_http_deskgate_vend_param(cf, vend, offer, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if ((vend->vended == NULL) == (vend->sts == NULL)) {
        return "needs vended=NAME or sts=NAME, and takes one of them";
    }

    if (vend->sts && (vend->lifetime || vend->locations.nelts
                      || vend->services.nelts || vend->claims.nelts))
    {
        return "takes no lifetime=, locations=, services= and claims= with "
               "sts=: real credentials are AWS's to limit";
    }

    if (vend->lifetime == 0) {
        vend->lifetime = DG_VEND_LIFETIME;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_vend_param(ngx_conf_t *cf, ngx_http_deskgate_vend_t *vend,
    ngx_http_deskgate_offer_t *offer, ngx_str_t *value)
{
    ngx_str_t                       name, text;
    dg_span_t                       rest, part;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    rest = ngx_http_deskgate_span(value);
    (void) dg_span_split(&rest, '=', &part);

    name = ngx_http_deskgate_str(part);
    text = ngx_http_deskgate_str(rest);

    if (text.len == 0) {
        return "has a parameter without a value";
    }

    if (dg_span_equal(part, DG_SPAN("vended"))) {
        vend->vended = ngx_http_deskgate_conf_find(&mcf->vended, &text);

        return vend->vended ? NGX_CONF_OK
                            : "names no \"deskgate_vended\" that is defined "
                              "above";
    }

    if (dg_span_equal(part, DG_SPAN("sts"))) {
        vend->sts = ngx_http_deskgate_conf_find(&mcf->credentials, &text);

        if (vend->sts == NULL) {
            return "names no \"deskgate_credentials\" that is defined above";
        }

        return vend->sts->provide == ngx_http_deskgate_provide_by_rule
               ? NGX_CONF_OK
               : "gives away credentials by rules for callers alone (rule, "
                 "caller_web_identity), never the gateway's own";
    }

    if (dg_span_equal(part, DG_SPAN("lifetime"))) {
        vend->lifetime = ngx_parse_time(&text, 1);

        return vend->lifetime >= DG_VEND_LIFETIME_MIN
               && vend->lifetime <= DG_VEND_LIFETIME
               ? NGX_CONF_OK : "takes a lifetime from 1m to 1h";
    }

    if (dg_span_equal(part, DG_SPAN("region"))) {
        offer->region = text;
        offer->scope_region = rest;
        return NGX_CONF_OK;
    }

    if (dg_span_equal(part, DG_SPAN("forwarded"))
        && dg_span_equal(rest, DG_SPAN("on")))
    {
        vend->forwarded = 1;
        return NGX_CONF_OK;
    }

    if (dg_span_equal(part, DG_SPAN("locations"))) {
        return ngx_http_deskgate_conf_parts(&vend->locations, rest) == NGX_OK
               ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (dg_span_equal(part, DG_SPAN("services"))) {
        return ngx_http_deskgate_conf_parts(&vend->services, rest) == NGX_OK
               ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (dg_span_equal(part, DG_SPAN("claims"))) {
        return ngx_http_deskgate_conf_parts(&vend->claims, rest) == NGX_OK
               ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\"; known are vended=, sts=, "
                       "lifetime=, locations=, services=, claims=, region= "
                       "and forwarded=on", &name);

    return NGX_CONF_ERROR;
}
