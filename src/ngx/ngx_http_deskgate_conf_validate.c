/*
 * Copyright (C) the deskgate authors
 *
 * deskgate_validate on | log | off [allow=SERVICE:OPERATION/MEMBER ...]
 */

#include "ngx_http_deskgate_conf.h"


static ngx_int_t ngx_http_deskgate_validate_allow(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, dg_span_t text);


static ngx_conf_enum_t  ngx_http_deskgate_validate_values[] = {
    { ngx_string("on"), DG_VALIDATE_ON },
    { ngx_string("log"), DG_VALIDATE_LOG },
    { ngx_string("off"), DG_VALIDATE_OFF },
    { ngx_null_string, 0 }
};


char *
ngx_http_deskgate_conf_validate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_str_t                     *value;
    ngx_uint_t                     i;
    ngx_conf_enum_t               *mode;
    ngx_http_deskgate_loc_conf_t  *lcf = conf;

    if (lcf->validate != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    mode = ngx_http_deskgate_validate_values;

    while (mode->name.len && ngx_strcmp(mode->name.data, value[1].data) != 0) {
        mode++;
    }

    if (mode->name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%V\"; "
                           "known are on, log and off", &value[1]);
        return NGX_CONF_ERROR;
    }

    lcf->validate = mode->value;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_strncmp(value[i].data, "allow=", 6) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter "
                               "\"%V\"; known is allow=", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (lcf->validate == DG_VALIDATE_OFF) {
            return "lets everything through with \"off\": remove \"allow=\"";
        }

        if (ngx_http_deskgate_validate_allow(cf, lcf,
                dg_span_slice(ngx_http_deskgate_span(&value[i]), 6,
                              value[i].len))
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_deskgate_validate_allow(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, dg_span_t text)
{
    dg_err_t                        err;
    dg_diag_t                       diag;
    ngx_str_t                       shown;
    dg_relaxation_t                *relaxation;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    if (ngx_http_deskgate_conf_load_models(cf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (lcf->relaxed == NULL) {
        lcf->relaxed = ngx_array_create(cf->pool, 4, sizeof(dg_relaxation_t));
    }

    relaxation = lcf->relaxed ? ngx_array_push(lcf->relaxed) : NULL;
    if (relaxation == NULL) {
        return NGX_ERROR;
    }

    err = dg_relaxation_parse(text,
                              (const dg_service_t *const *) mcf->services.elts,
                              mcf->services.nelts, relaxation, &diag);

    if (diag.text[0]) {
        shown = ngx_http_deskgate_str(text);
        ngx_conf_log_error(err == DG_OK ? NGX_LOG_WARN : NGX_LOG_EMERG, cf, 0,
                           "allow=%V: %s", &shown, diag.text);
    }

    return err == DG_OK ? NGX_OK : NGX_ERROR;
}
