/*
 * Copyright (C) the deskgate authors
 *
 * How an issuer is asked about opaque tokens.
 */

#include "ngx_http_deskgate_bearer.h"
#include "ngx_http_deskgate_conf.h"

#define NGX_HTTP_DESKGATE_INTROSPECT_CACHE     60    /* s */
#define NGX_HTTP_DESKGATE_INTROSPECT_NEGATIVE  10    /* s */
#define NGX_HTTP_DESKGATE_INTROSPECT_LONGEST   3600  /* s, of both */
#define NGX_HTTP_DESKGATE_INTROSPECT_BASIC     2048  /* bytes */


typedef struct {
    ngx_str_t  client_id;
    ngx_str_t  secret_file;
    ngx_str_t  cache;
    ngx_str_t  negative;
    ngx_str_t  rate;
    ngx_str_t  burst;
} ngx_http_deskgate_introspect_params_t;


static char *ngx_http_deskgate_introspect_params(ngx_str_t *value,
    ngx_uint_t count, ngx_http_deskgate_introspect_params_t *p);
static ngx_int_t ngx_http_deskgate_introspect_time(ngx_str_t *text,
    time_t usual, time_t *seconds);
static ngx_int_t ngx_http_deskgate_introspect_rate(
    ngx_http_deskgate_introspect_params_t *p, dg_throttle_rate_t *rate);
static char *ngx_http_deskgate_introspect_basic(ngx_conf_t *cf,
    ngx_http_deskgate_introspect_params_t *p,
    ngx_http_deskgate_introspection_t *in);
static void ngx_http_deskgate_introspect_cleanup(void *data);


/* introspect URI client_id=ID client_secret_file=FILE [cache=60s]
   [negative=10s] [rate=100r/s] [burst=200]; */

char *
ngx_http_deskgate_conf_introspect(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    char                                   *rv;
    ngx_http_deskgate_issuer_t             *issuer = object;
    ngx_http_deskgate_introspection_t      *in;
    ngx_http_deskgate_introspect_params_t   p;

    if (issuer->introspection) {
        return "is duplicate";
    }

    if (value[0].len == 0 || value[0].data[0] != '/') {
        return "names an internal location, such as "
               "/_deskgate/corp/introspect";
    }

    in = ngx_pcalloc(cf->pool, sizeof(ngx_http_deskgate_introspection_t));
    if (in == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&p, sizeof(ngx_http_deskgate_introspect_params_t));
    rv = ngx_http_deskgate_introspect_params(value + 1, count - 1, &p);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (ngx_http_deskgate_introspect_time(&p.cache,
                          NGX_HTTP_DESKGATE_INTROSPECT_CACHE, &in->cache)
        != NGX_OK
        || ngx_http_deskgate_introspect_time(&p.negative,
                          NGX_HTTP_DESKGATE_INTROSPECT_NEGATIVE,
                          &in->negative)
           != NGX_OK)
    {
        return "takes times of 1s to 1h";
    }

    if (ngx_http_deskgate_introspect_rate(&p, &in->rate) != NGX_OK) {
        return "has a rate or burst out of bounds";
    }

    in->uri = value[0];
    in->client_id = p.client_id;
    issuer->introspection = in;

    return ngx_http_deskgate_introspect_basic(cf, &p, in);
}


static char *
ngx_http_deskgate_introspect_params(ngx_str_t *value, ngx_uint_t count,
    ngx_http_deskgate_introspect_params_t *p)
{
    size_t       n;
    ngx_uint_t   i, j;

    struct {
        const char  *name;
        ngx_str_t   *text;

    } known[] = {
        { "client_id=", &p->client_id },
        { "client_secret_file=", &p->secret_file },
        { "cache=", &p->cache },
        { "negative=", &p->negative },
        { "rate=", &p->rate },
        { "burst=", &p->burst }
    };

    for (i = 0; i < count; i++) {
        for (j = 0; j < sizeof(known) / sizeof(known[0]); j++) {
            n = ngx_strlen(known[j].name);

            if (ngx_strncmp(value[i].data, known[j].name, n) == 0) {
                known[j].text->data = value[i].data + n;
                known[j].text->len = value[i].len - n;
                break;
            }
        }

        if (j == sizeof(known) / sizeof(known[0])) {
            return "takes a URI, client_id=, client_secret_file=, cache=, "
                   "negative=, rate= and burst=";
        }
    }

    return p->client_id.len && p->secret_file.len
           ? NGX_CONF_OK : "needs client_id= and client_secret_file=";
}


static ngx_int_t
ngx_http_deskgate_introspect_time(ngx_str_t *text, time_t usual,
    time_t *seconds)
{
    ngx_int_t  n;

    n = text->len ? ngx_parse_time(text, 1) : usual;

    if (n == NGX_ERROR || n < 1 || n > NGX_HTTP_DESKGATE_INTROSPECT_LONGEST) {
        return NGX_ERROR;
    }

    *seconds = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_introspect_rate(ngx_http_deskgate_introspect_params_t *p,
    dg_throttle_rate_t *rate)
{
    uint32_t   tokens, period;
    ngx_int_t  burst;

    if (p->rate.len == 0) {
        ngx_str_set(&p->rate, "100r/s");
    }

    if (p->burst.len == 0) {
        ngx_str_set(&p->burst, "200");
    }

    burst = ngx_atoi(p->burst.data, p->burst.len);

    return burst >= 1
           && ngx_http_deskgate_parse_rate(&p->rate, &tokens, &period)
              == NGX_OK
           && dg_throttle_rate(tokens, period, burst, rate) == DG_OK
           ? NGX_OK : NGX_ERROR;
}


static char *
ngx_http_deskgate_introspect_basic(ngx_conf_t *cf,
    ngx_http_deskgate_introspect_params_t *p,
    ngx_http_deskgate_introspection_t *in)
{
    dg_err_t             err;
    dg_span_t            text, secret;
    dg_writer_t          w;
    dg_token_request_t   request;
    ngx_pool_cleanup_t  *cln;

    if (ngx_http_deskgate_file_read(cf, &p->secret_file, "secret", 1, &text)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    w = dg_writer(ngx_palloc(cf->pool, NGX_HTTP_DESKGATE_INTROSPECT_BASIC),
                  NGX_HTTP_DESKGATE_INTROSPECT_BASIC);

    if (cln == NULL || w.data == NULL) {
        return NGX_CONF_ERROR;
    }

    secret = text;

    /* an editor's line end does not belong to the secret */

    while (secret.len && (secret.data[secret.len - 1] == LF
                          || secret.data[secret.len - 1] == CR))
    {
        secret.len--;
    }

    ngx_memzero(&request, sizeof(dg_token_request_t));

    request.form = DG_TOKEN_FORM_RFC;
    request.client_id = ngx_http_deskgate_span(&p->client_id);
    request.client_secret = secret;

    err = secret.len ? dg_token_write_authorization(&w, &request)
                     : DG_ERR_MISSING;

    dg_wipe((void *) text.data, text.len);

    if (err != DG_OK) {
        return "has a client_id or secret that cannot be sent";
    }

    in->basic = ngx_http_deskgate_str(dg_written(&w));
    cln->handler = ngx_http_deskgate_introspect_cleanup;
    cln->data = in;

    return NGX_CONF_OK;
}


static void
ngx_http_deskgate_introspect_cleanup(void *data)
{
    ngx_http_deskgate_introspection_t  *in = data;

    dg_wipe(in->basic.data, in->basic.len);
}
