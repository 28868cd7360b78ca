/*
 * Copyright (C) the deskgate authors
 *
 * Objects that a configuration names: how their blocks are read, the zone,
 * and trails.
 */

#include "ngx_http_deskgate_conf.h"

#define NGX_HTTP_DESKGATE_ZONE_MIN     (1024 * 1024)


typedef struct {
    const ngx_http_deskgate_line_t  *lines;
    void                            *object;
} ngx_http_deskgate_block_t;


static char *ngx_http_deskgate_conf_line(ngx_conf_t *cf,
    ngx_command_t *dummy, void *conf);


static char *
ngx_http_deskgate_trail_directory(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_trail_t  *trail = object;

    trail->directory = value[0];

    return ngx_conf_full_name(cf->cycle, &trail->directory, 0) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_deskgate_trail_account(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    uint64_t                    number;
    ngx_http_deskgate_trail_t  *trail = object;

    if (value[0].len != 12
        || !dg_span_to_u64(ngx_http_deskgate_span(&value[0]), &number))
    {
        return "takes an account id of 12 digits";
    }

    trail->account = value[0];

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_trail_flush(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_int_t                   ms;
    ngx_http_deskgate_trail_t  *trail = object;

    ms = ngx_parse_time(&value[0], 0);
    if (ms == NGX_ERROR || ms < 1) {
        return "has an invalid time";
    }

    trail->flush = ms;

    return NGX_CONF_OK;
}


static const ngx_http_deskgate_line_t  ngx_http_deskgate_trail_lines[] = {
    { ngx_string("directory"), 1, 1, ngx_http_deskgate_trail_directory },
    { ngx_string("account"), 1, 1, ngx_http_deskgate_trail_account },
    { ngx_string("flush"), 1, 1, ngx_http_deskgate_trail_flush },
    { ngx_null_string, 0, 0, NULL }
};


char *
ngx_http_deskgate_conf_trail(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                           *rv;
    ngx_http_deskgate_trail_t      *trail;
    ngx_http_deskgate_main_conf_t  *mcf = conf;

    trail = ngx_http_deskgate_conf_named_object(cf, &mcf->trails,
                                          sizeof(ngx_http_deskgate_trail_t));
    if (trail == NULL) {
        return NGX_CONF_ERROR;
    }

    trail->index = mcf->trails.nelts - 1;
    trail->flush = NGX_HTTP_DESKGATE_TRAIL_FLUSH;

    rv = ngx_http_deskgate_conf_block(cf, ngx_http_deskgate_trail_lines,
                                      trail);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (trail->directory.len == 0 || trail->account.len == 0) {
        return "needs directory and account";
    }

    return ngx_http_deskgate_trail_check(cf, trail);
}


char *
ngx_http_deskgate_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char                         *colon;
    ssize_t                         size;
    ngx_str_t                      *value, name, text;
    ngx_http_deskgate_zone_t       *zone;
    ngx_http_deskgate_main_conf_t  *mcf = conf;

    if (mcf->zone) {
        return "is duplicate";
    }

    value = cf->args->elts;
    colon = (u_char *) ngx_strchr(value[1].data, ':');

    if (colon == NULL || colon == value[1].data) {
        return "takes NAME:SIZE, such as desk:32m";
    }

    name.data = value[1].data;
    name.len = colon - value[1].data;
    text.data = colon + 1;
    text.len = value[1].data + value[1].len - text.data;

    size = ngx_parse_size(&text);

    if (size < NGX_HTTP_DESKGATE_ZONE_MIN) {
        return "needs a size of at least 1m";
    }

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_deskgate_zone_t));
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->name = name;
    zone->shm_zone = ngx_shared_memory_add(cf, &name, size,
                                           &ngx_http_deskgate_module);
    if (zone->shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->shm_zone->init = ngx_http_deskgate_zone_init;
    zone->shm_zone->data = zone;

    mcf->zone = zone;

    return NGX_CONF_OK;
}


/* What the blocks have in common */

void *
ngx_http_deskgate_conf_find(ngx_array_t *objects, ngx_str_t *name)
{
    ngx_str_t    *object;
    ngx_uint_t    i;
    void        **elts;

    elts = objects->elts;

    for (i = 0; i < objects->nelts; i++) {
        object = elts[i];   /* each begins with its name */

        if (object->len == name->len
            && ngx_strncmp(object->data, name->data, name->len) == 0)
        {
            return elts[i];
        }
    }

    return NULL;
}


void *
ngx_http_deskgate_conf_named_object(ngx_conf_t *cf, ngx_array_t *objects,
    size_t size)
{
    void       **slot;
    ngx_str_t   *value, *object;

    value = cf->args->elts;

    if (ngx_http_deskgate_conf_find(objects, &value[1])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is defined twice",
                           &value[1]);
        return NULL;
    }

    object = ngx_pcalloc(cf->pool, size);
    slot = ngx_array_push(objects);

    if (object == NULL || slot == NULL) {
        return NULL;
    }

    *object = value[1];
    *slot = object;

    return object;
}


char *
ngx_http_deskgate_conf_block(ngx_conf_t *cf,
    const ngx_http_deskgate_line_t *lines, void *object)
{
    char                       *rv;
    ngx_conf_t                  save;
    ngx_http_deskgate_block_t   block;

    block.lines = lines;
    block.object = object;

    save = *cf;
    cf->handler = ngx_http_deskgate_conf_line;
    cf->handler_conf = (char *) &block;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    return rv;
}


static char *
ngx_http_deskgate_conf_line(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    char                            *rv;
    ngx_str_t                       *value;
    ngx_uint_t                       count;
    ngx_http_deskgate_block_t       *block = conf;
    const ngx_http_deskgate_line_t  *line;

    value = cf->args->elts;
    count = cf->args->nelts - 1;

    for (line = block->lines; line->name.len; line++) {
        if (line->name.len == value[0].len
            && ngx_strncmp(line->name.data, value[0].data, value[0].len) == 0)
        {
            break;
        }
    }

    if (line->name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "unknown parameter \"%V\"",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    if (count < line->min || count > line->max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "wrong number of values for \"%V\"", &value[0]);
        return NGX_CONF_ERROR;
    }

    rv = line->set(cf, value + 1, count, block->object);

    if (rv != NGX_CONF_OK && rv != NGX_CONF_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" %s", &value[0], rv);
        return NGX_CONF_ERROR;
    }

    return rv;
}


ngx_int_t
ngx_http_deskgate_conf_spans(ngx_conf_t *cf, ngx_array_t *array,
    ngx_str_t *value, ngx_uint_t count)
{
    dg_span_t   *span;
    ngx_uint_t   i;

    for (i = 0; i < count; i++) {
        span = ngx_array_push(array);
        if (span == NULL) {
            return NGX_ERROR;
        }

        *span = ngx_http_deskgate_span(&value[i]);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_deskgate_conf_parts(ngx_array_t *array, dg_span_t text)
{
    dg_span_t  *slot, part;

    while (dg_span_split(&text, ',', &part)) {
        slot = ngx_array_push(array);
        if (slot == NULL) {
            return NGX_ERROR;
        }

        *slot = part;
    }

    return NGX_OK;
}
