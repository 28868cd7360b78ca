/*
 * Copyright (C) the deskgate authors
 *
 * Policy sets that are evaluated beside the one that decides.
 */

#include "ngx_http_deskgate_conf.h"


static ngx_http_deskgate_policy_set_t *ngx_http_deskgate_shadow_named(
    ngx_conf_t *cf, ngx_http_deskgate_loc_conf_t *lcf, ngx_str_t *name);
static char *ngx_http_deskgate_shadow_file(ngx_conf_t *cf,
    ngx_http_deskgate_policy_set_t *set, ngx_str_t *path, ngx_str_t *who,
    dg_policy_form_t form);
static ngx_int_t ngx_http_deskgate_shadow_finish(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, ngx_http_deskgate_policy_set_t *set);


/* deskgate_policy_shadow NAME FILE... [for=WHOM] [boundary] */

char *
ngx_http_deskgate_conf_shadow(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                            *rv;
    ngx_str_t                       *value, *who;
    ngx_uint_t                       i, files;
    dg_policy_form_t                 form;
    ngx_http_deskgate_loc_conf_t    *lcf = conf;
    ngx_http_deskgate_policy_set_t  *set;

    value = cf->args->elts;
    files = cf->args->nelts;
    form = DG_POLICY_RESOURCE;
    who = NULL;

    if (ngx_strcmp(value[files - 1].data, "boundary") == 0) {
        form = DG_POLICY_BOUNDARY;
        files--;
    }

    if (ngx_strncmp(value[files - 1].data, "for=", 4) == 0) {
        form = form == DG_POLICY_RESOURCE ? DG_POLICY_IDENTITY : form;
        who = &value[--files];
    }

    if (files < 3) {
        return "takes NAME FILE... [for=WHOM] [boundary]";
    }

    set = ngx_http_deskgate_shadow_named(cf, lcf, &value[1]);
    if (set == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < files; i++) {
        rv = ngx_http_deskgate_shadow_file(cf, set, &value[i], who, form);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


/* Lines of one name are one set. */

static ngx_http_deskgate_policy_set_t *
ngx_http_deskgate_shadow_named(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, ngx_str_t *name)
{
    ngx_uint_t                       i;
    ngx_http_deskgate_policy_set_t  *set;

    if (lcf->shadows == NGX_CONF_UNSET_PTR) {
        lcf->shadows = ngx_array_create(cf->pool, 2,
                                     sizeof(ngx_http_deskgate_policy_set_t));
    }

    if (lcf->shadows == NULL) {
        return NULL;
    }

    set = lcf->shadows->elts;

    for (i = 0; i < lcf->shadows->nelts; i++) {
        if (set[i].name.len == name->len
            && ngx_strncmp(set[i].name.data, name->data, name->len) == 0)
        {
            return &set[i];
        }
    }

    set = ngx_array_push(lcf->shadows);
    if (set == NULL) {
        return NULL;
    }

    ngx_memzero(set, sizeof(ngx_http_deskgate_policy_set_t));

    set->name = *name;
    set->policies = ngx_array_create(cf->pool, 4,
                                     sizeof(ngx_http_deskgate_attachment_t));

    return set->policies ? set : NULL;
}


static char *
ngx_http_deskgate_shadow_file(ngx_conf_t *cf,
    ngx_http_deskgate_policy_set_t *set, ngx_str_t *path, ngx_str_t *who,
    dg_policy_form_t form)
{
    char                            *rv;
    ngx_http_deskgate_attachment_t  *a;

    a = ngx_array_push(set->policies);
    if (a == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(a, sizeof(ngx_http_deskgate_attachment_t));

    a->name = *path;

    if (who) {
        rv = ngx_http_deskgate_policy_for(a, who);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return ngx_http_deskgate_policy_file(cf, a, form) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/*
 * Called when all levels are merged.  Locations that inherit a shadow may
 * have different keys, so each has a copy.
 */

ngx_int_t
ngx_http_deskgate_finish_shadows(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    ngx_uint_t                       i;
    ngx_array_t                     *sets;
    ngx_http_deskgate_policy_set_t  *from, *set;

    if (lcf->shadows == NULL) {
        return NGX_OK;
    }

    sets = ngx_array_create(cf->pool, lcf->shadows->nelts,
                            sizeof(ngx_http_deskgate_policy_set_t));
    if (sets == NULL) {
        return NGX_ERROR;
    }

    from = lcf->shadows->elts;

    for (i = 0; i < lcf->shadows->nelts; i++) {
        set = ngx_array_push(sets);
        if (set == NULL) {
            return NGX_ERROR;
        }

        *set = from[i];

        if (ngx_http_deskgate_shadow_finish(cf, lcf, set) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    lcf->shadows = sets;

    return NGX_OK;
}


/* What keys name belongs to every set: it goes with the keys. */

static ngx_int_t
ngx_http_deskgate_shadow_finish(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, ngx_http_deskgate_policy_set_t *set)
{
    ngx_uint_t                       i;
    ngx_array_t                     *policies;
    ngx_http_deskgate_attachment_t  *a, *from;

    policies = ngx_http_deskgate_policies_copy(cf, set->policies);
    if (policies == NULL) {
        return NGX_ERROR;
    }

    from = lcf->policies->elts;

    for (i = 0; i < lcf->policies->nelts; i++) {
        if (from[i].key_policy.len) {
            a = ngx_array_push(policies);
            if (a == NULL) {
                return NGX_ERROR;
            }

            *a = from[i];
        }
    }

    set->policies = policies;

    return ngx_http_deskgate_finish_policies(cf, set);
}
