/*
 * Copyright (C) the deskgate authors
 *
 * deskgate_throttle: rate, burst and what a bucket is for.
 */

#include "ngx_http_deskgate_conf.h"


static ngx_int_t ngx_http_deskgate_throttle_id(ngx_conf_t *cf,
    ngx_http_deskgate_throttle_t *throttle);
static ngx_int_t ngx_http_deskgate_throttle_key(ngx_conf_t *cf,
    ngx_http_deskgate_throttle_t *throttle, ngx_str_t text);


/* deskgate_throttle rate=10r/s [burst=20] [key=caller,operation,$variable] */

char *
ngx_http_deskgate_conf_throttle(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    uint32_t                        tokens, period;
    ngx_int_t                       burst;
    ngx_str_t                      *value, key, rate;
    ngx_uint_t                      i;
    ngx_http_deskgate_loc_conf_t   *lcf = conf;
    ngx_http_deskgate_throttle_t   *throttle, **slot;

    value = cf->args->elts;
    burst = 1;
    ngx_str_null(&rate);
    ngx_str_set(&key, "caller");

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "rate=", 5) == 0) {
            rate.data = value[i].data + 5;
            rate.len = value[i].len - 5;

        } else if (ngx_strncmp(value[i].data, "burst=", 6) == 0) {
            burst = ngx_atoi(value[i].data + 6, value[i].len - 6);

        } else if (ngx_strncmp(value[i].data, "key=", 4) == 0) {
            key.data = value[i].data + 4;
            key.len = value[i].len - 4;

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"; known are rate=, "
                               "burst= and key=", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_deskgate_parse_rate(&rate, &tokens, &period) != NGX_OK) {
        return "needs rate=Nr/s, Nr/m or Nr/h";
    }

    throttle = ngx_pcalloc(cf->pool, sizeof(ngx_http_deskgate_throttle_t));
    if (throttle == NULL) {
        return NGX_CONF_ERROR;
    }

    if (burst < 1 || dg_throttle_rate(tokens, period, burst, &throttle->rate)
                     != DG_OK)
    {
        return "has a rate or burst out of bounds";
    }

    if (ngx_http_deskgate_throttle_key(cf, throttle, key) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    throttle->text = rate;

    if (ngx_http_deskgate_throttle_id(cf, throttle) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (lcf->throttles == NGX_CONF_UNSET_PTR) {
        lcf->throttles = ngx_array_create(cf->pool, 4, sizeof(void *));
    }

    if (lcf->throttles && lcf->throttles->nelts == DG_THROTTLE_TAKES_MAX) {
        return "is the ninth of this location; eight are allowed";
    }

    slot = lcf->throttles ? ngx_array_push(lcf->throttles) : NULL;
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = throttle;

    return NGX_CONF_OK;
}


/*
 * File and line, which a reload does not change, and which one of that line
 * it is: a line may hold several, and a file be included more than once.
 */

static ngx_int_t
ngx_http_deskgate_throttle_id(ngx_conf_t *cf,
    ngx_http_deskgate_throttle_t *throttle)
{
    ngx_str_t                       *name;
    ngx_uint_t                       i, n;
    ngx_http_deskgate_throttle_t   **slot;
    ngx_http_deskgate_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);
    name = &cf->conf_file->file.name;

    throttle->file = *name;
    throttle->line = cf->conf_file->line;

    slot = mcf->throttles.elts;
    n = 0;

    for (i = 0; i < mcf->throttles.nelts; i++) {
        n += slot[i]->line == throttle->line
             && slot[i]->file.len == name->len
             && ngx_strncmp(slot[i]->file.data, name->data, name->len) == 0;
    }

    slot = ngx_array_push(&mcf->throttles);
    throttle->id.data = ngx_pnalloc(cf->pool,
                                    name->len + 2 * NGX_INT_T_LEN + 2);

    if (slot == NULL || throttle->id.data == NULL) {
        return NGX_ERROR;
    }

    *slot = throttle;
    throttle->id.len = ngx_sprintf(throttle->id.data, "%V:%ui#%ui", name,
                                   throttle->line, n)
                       - throttle->id.data;
    return NGX_OK;
}


ngx_int_t
ngx_http_deskgate_parse_rate(ngx_str_t *text, uint32_t *tokens,
    uint32_t *period)
{
    ngx_int_t  n;

    static const struct {
        const char  *unit;
        uint32_t     ms;
    } units[] = {
        { "r/s", 1000 }, { "r/m", 60000 }, { "r/h", 3600000 }
    };

    ngx_uint_t  i;

    if (text->len < 4) {
        return NGX_ERROR;
    }

    for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (ngx_strncmp(text->data + text->len - 3, units[i].unit, 3) != 0) {
            continue;
        }

        n = ngx_atoi(text->data, text->len - 3);

        if (n < 1 || n > DG_THROTTLE_TOKENS_MAX) {
            return NGX_ERROR;
        }

        *tokens = n;
        *period = units[i].ms;

        return NGX_OK;
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_deskgate_throttle_key(ngx_conf_t *cf,
    ngx_http_deskgate_throttle_t *throttle, ngx_str_t text)
{
    ngx_str_t                          name;
    dg_span_t                          rest, part;
    ngx_uint_t                         i;
    ngx_http_compile_complex_value_t   ccv;

    static const struct {
        const char  *name;
        ngx_uint_t   bit;
    } parts[] = {
        { "caller", NGX_HTTP_DESKGATE_BY_CALLER },
        { "operation", NGX_HTTP_DESKGATE_BY_OPERATION },
        { "service", NGX_HTTP_DESKGATE_BY_SERVICE },
        { "account", NGX_HTTP_DESKGATE_BY_ACCOUNT },
        { "address", NGX_HTTP_DESKGATE_BY_ADDRESS }
    };

    rest = ngx_http_deskgate_span(&text);

    while (dg_span_split(&rest, ',', &part)) {

        for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
            if (dg_span_equal(part, dg_span_cstr(parts[i].name))) {
                throttle->parts |= parts[i].bit;
                break;
            }
        }

        if (i < sizeof(parts) / sizeof(parts[0])) {
            continue;
        }

        name = ngx_http_deskgate_str(part);

        if (name.len < 2 || name.data[0] != '$' || throttle->variable) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid key part \"%V\"; known are caller, "
                               "operation, service, account, address and "
                               "one $variable", &name);
            return NGX_ERROR;
        }

        throttle->variable = ngx_palloc(cf->pool,
                                        sizeof(ngx_http_complex_value_t));
        if (throttle->variable == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));
        ccv.cf = cf;
        ccv.value = &name;
        ccv.complex_value = throttle->variable;

        if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
