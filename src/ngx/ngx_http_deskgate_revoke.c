/*
 * Copyright (C) the deskgate authors
 *
 * The revocation file: asked for every call whose caller is known, also when
 * he was known from a call before.
 */

#include "ngx_http_deskgate_conf.h"


static dg_err_t ngx_http_deskgate_revocations_parse(void *object,
    dg_arena_t *arena, dg_span_t text, dg_diag_t *diag, void **data);
static void ngx_http_deskgate_revocations_release(void *data);


static const ngx_http_deskgate_reread_type_t
    ngx_http_deskgate_revocations_file =
{
    "revocation", 0,
    ngx_http_deskgate_revocations_parse,
    NULL,
    ngx_http_deskgate_revocations_release,
    NULL
};


char *
ngx_http_deskgate_conf_revocations(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    dg_diag_t                       diag;
    ngx_str_t                      *value;
    ngx_http_deskgate_main_conf_t  *mcf = conf;

    if (mcf->revocations) {
        return "is duplicate";
    }

    value = cf->args->elts;

    mcf->revocations = ngx_http_deskgate_reread_add(cf, &value[1],
                                         &ngx_http_deskgate_revocations_file,
                                         NULL, &diag);

    return mcf->revocations ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static dg_err_t
ngx_http_deskgate_revocations_parse(void *object, dg_arena_t *arena,
    dg_span_t text, dg_diag_t *diag, void **data)
{
    dg_err_t                 err;
    const dg_revocations_t  *set;

    err = dg_revocations_parse(arena, text, diag, &set);
    *data = (void *) set;

    return err;
}


/* It is memory of the pool, and nothing in it is secret. */

static void
ngx_http_deskgate_revocations_release(void *data)
{
}


ngx_uint_t
ngx_http_deskgate_revoked(const dg_caller_t *caller)
{
    ngx_http_deskgate_reread_t  *file;

    file = ngx_http_deskgate_worker.mcf->revocations;

    return file && dg_revoked(ngx_http_deskgate_reread_now(file)->data,
                              caller);
}
