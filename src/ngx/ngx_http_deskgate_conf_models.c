/*
 * Copyright (C) the deskgate authors
 *
 * The models that all services rest upon.
 */

#include "ngx_http_deskgate_conf.h"

#include <glob.h>


static ngx_int_t ngx_http_deskgate_load_model(ngx_conf_t *cf,
    ngx_http_deskgate_main_conf_t *mcf, const char *path);
static ngx_int_t ngx_http_deskgate_load_description(ngx_conf_t *cf,
    ngx_http_deskgate_main_conf_t *mcf, dg_service_t *service);
static void ngx_http_deskgate_model_cleanup(void *data);


/* Every NAME.json of the directory that is not an overlay is a model. */

ngx_int_t
ngx_http_deskgate_conf_load_models(ngx_conf_t *cf,
    ngx_http_deskgate_main_conf_t *mcf)
{
    int         rc;
    size_t      i;
    glob_t      found;
    ngx_int_t   result;
    ngx_str_t   pattern;

    if (mcf->loaded) {
        return NGX_OK;
    }

    mcf->loaded = 1;

    if (mcf->models.len == 0) {
        ngx_str_set(&mcf->models, NGX_HTTP_DESKGATE_MODELS);
    }

    pattern.len = mcf->models.len + sizeof("/*.json") - 1;
    pattern.data = ngx_pnalloc(cf->temp_pool, pattern.len + 1);
    if (pattern.data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(pattern.data, "%V/*.json%Z", &mcf->models);

    ngx_memzero(&found, sizeof(glob_t));
    rc = glob((char *) pattern.data, 0, NULL, &found);

    if (rc != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no model in \"%V\": set deskgate_models to where "
                           "NAME.json files are", &mcf->models);
        globfree(&found);
        return NGX_ERROR;
    }

    result = NGX_OK;

    for (i = 0; i < found.gl_pathc && result == NGX_OK; i++) {
        result = ngx_http_deskgate_load_model(cf, mcf, found.gl_pathv[i]);
    }

    globfree(&found);

    return result;
}


static ngx_int_t
ngx_http_deskgate_load_model(ngx_conf_t *cf,
    ngx_http_deskgate_main_conf_t *mcf, const char *path)
{
    size_t               len;
    ngx_str_t            file, beside;
    dg_diag_t            diag;
    dg_span_t            name, model, overlay;
    dg_service_t       **service;
    ngx_file_info_t      fi;
    ngx_pool_cleanup_t  *cln;

    len = ngx_strlen(path);

    file.len = len;
    file.data = ngx_pnalloc(cf->pool, len + sizeof(".overlay.json"));
    if (file.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(file.data, path, len + 1);

    name = ngx_http_deskgate_span(&file);
    name = dg_span_slice(name, dg_span_find_last(name, '/') + 1, name.len - 5);

    if (dg_span_find(name, '.') != name.len) {
        return NGX_OK;
    }

    if (ngx_http_deskgate_file_read(cf, &file, "model", 0, &model) != NGX_OK) {
        return NGX_ERROR;
    }

    beside.data = ngx_pnalloc(cf->pool, len + sizeof(".overlay.json"));
    if (beside.data == NULL) {
        return NGX_ERROR;
    }

    beside.len = ngx_sprintf(beside.data, "%*s.overlay.json%Z", len - 5, path)
                 - beside.data - 1;
    overlay = DG_SPAN_EMPTY;

    if (ngx_file_info(beside.data, &fi) != NGX_FILE_ERROR
        && ngx_http_deskgate_file_read(cf, &beside, "model", 0, &overlay)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    service = ngx_array_push(&mcf->services);
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (service == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&diag, sizeof(dg_diag_t));

    if (dg_model_load(&mcf->arena, name, model, overlay, &diag, service)
        != DG_OK)
    {
        mcf->services.nelts--;
        ngx_http_deskgate_file_diag(cf,
            overlay.len && ngx_strncmp(diag.text, "overlay", 7) == 0
            ? &beside : &file, &diag);
        return NGX_ERROR;
    }

    cln->handler = ngx_http_deskgate_model_cleanup;
    cln->data = *service;

    return ngx_http_deskgate_load_description(cf, mcf, *service);
}


/* NAME-api.yaml beside the model, which an operation may give away. */

static ngx_int_t
ngx_http_deskgate_load_description(ngx_conf_t *cf,
    ngx_http_deskgate_main_conf_t *mcf, dg_service_t *service)
{
    size_t           i;
    dg_span_t        text;
    ngx_str_t        file, name;
    ngx_file_info_t  fi;

    for (i = 0; i < service->operation_count; i++) {
        if (service->operations[i].is_description) {
            break;
        }
    }

    if (i == service->operation_count) {
        return NGX_OK;
    }

    name = ngx_http_deskgate_str(service->name);

    file.data = ngx_pnalloc(cf->pool, mcf->models.len + name.len
                                      + sizeof("/-api.yaml"));
    if (file.data == NULL) {
        return NGX_ERROR;
    }

    file.len = ngx_sprintf(file.data, "%V/%V-api.yaml%Z", &mcf->models, &name)
               - file.data - 1;

    if (ngx_file_info(file.data, &fi) == NGX_FILE_ERROR) {
        return NGX_OK;
    }

    if (ngx_http_deskgate_file_read(cf, &file, "description", 0, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    service->description = dg_arena_copy(&mcf->arena, text);

    return service->description.data ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_deskgate_model_cleanup(void *data)
{
    dg_model_release(data);
}
