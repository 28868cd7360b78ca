/*
 * Copyright (C) the deskgate authors
 *
 * Key files: callers that sign.  Read again when they change.
 */

#include "ngx_http_deskgate_conf.h"


static dg_err_t ngx_http_deskgate_keys_parse(void *object,
    dg_arena_t *arena, dg_span_t text, dg_diag_t *diag, void **data);
static void ngx_http_deskgate_keys_release(void *data);
static dg_err_t ngx_http_deskgate_keys_complete(void *object,
    dg_arena_t *arena, void *data, dg_diag_t *diag);
static dg_err_t ngx_http_deskgate_keys_session(
    ngx_http_deskgate_keys_t *keys, dg_arena_t *arena, const dg_key_t *key,
    dg_policy_session_t *session, dg_diag_t *diag);
static dg_err_t ngx_http_deskgate_keys_policies(
    ngx_http_deskgate_keys_t *keys, const dg_key_t *key, dg_diag_t *diag);


static const ngx_http_deskgate_reread_type_t  ngx_http_deskgate_keys_file = {
    "key", 1,
    ngx_http_deskgate_keys_parse,
    ngx_http_deskgate_keys_complete,
    ngx_http_deskgate_keys_release,
    NULL
};


char *
ngx_http_deskgate_conf_keys(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    dg_diag_t                       diag;
    ngx_str_t                      *value;
    ngx_http_deskgate_keys_t       *keys;
    ngx_http_deskgate_main_conf_t  *mcf = conf;

    value = cf->args->elts;

    keys = ngx_http_deskgate_conf_named_object(cf, &mcf->keys,
                                           sizeof(ngx_http_deskgate_keys_t));
    if (keys == NULL
        || ngx_array_init(&keys->locations, cf->pool, 4, sizeof(void *))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    keys->file = ngx_http_deskgate_reread_add(cf, &value[2],
                                              &ngx_http_deskgate_keys_file,
                                              keys, &diag);

    return keys->file ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static dg_err_t
ngx_http_deskgate_keys_parse(void *object, dg_arena_t *arena,
    dg_span_t text, dg_diag_t *diag, void **data)
{
    dg_err_t                     err;
    ngx_http_deskgate_keyset_t  *set;

    set = dg_arena_calloc(arena, 1, sizeof(ngx_http_deskgate_keyset_t));
    if (set == NULL) {
        return DG_ERR_MEMORY;
    }

    err = dg_keyfile_parse(arena, text, diag, &set->keyfile);
    *data = set;

    return err;
}


static void
ngx_http_deskgate_keys_release(void *data)
{
    ngx_http_deskgate_keyset_t  *set = data;

    dg_keyfile_wipe(set->keyfile);
}


/* Called by nginx -t for each location, as the last of all that it reads. */

ngx_int_t
ngx_http_deskgate_keys_finish(ngx_conf_t *cf, ngx_http_deskgate_keys_t *keys,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    dg_diag_t                       diag;
    ngx_http_deskgate_loc_conf_t  **slot;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);
    ngx_memzero(&diag, sizeof(dg_diag_t));

    slot = ngx_array_push(&keys->locations);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = lcf;
    keys->catalogue = &mcf->catalogue;

    if (keys->locations.nelts > 1) {
        return NGX_OK;
    }

    if (ngx_http_deskgate_keys_complete(keys, &mcf->arena, keys->file->data,
                                        &diag)
        != DG_OK)
    {
        ngx_http_deskgate_file_diag(cf, &keys->file->path, &diag);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* What needs to know the rest of the configuration. */

static dg_err_t
ngx_http_deskgate_keys_complete(void *object, dg_arena_t *arena, void *data,
    dg_diag_t *diag)
{
    size_t                       i, n;
    dg_err_t                     err;
    const dg_key_t              *key;
    ngx_http_deskgate_keys_t    *keys = object;
    ngx_http_deskgate_keyset_t  *set = data;

    n = dg_keyfile_count(set->keyfile);

    set->sessions = dg_arena_calloc(arena, n + 1,
                                    sizeof(dg_policy_session_t));
    if (set->sessions == NULL) {
        return dg_diag(diag, DG_ERR_MEMORY, 0, 0, "no memory");
    }

    for (i = 0; i < n && keys->locations.nelts; i++) {
        key = dg_keyfile_key(set->keyfile, i);
        err = ngx_http_deskgate_keys_policies(keys, key, diag);

        if (err == DG_OK && key->session_policy.len) {
            err = ngx_http_deskgate_keys_session(keys, arena, key,
                                                 &set->sessions[i], diag);
        }

        if (err != DG_OK) {
            return err;
        }
    }

    return DG_OK;
}


static dg_err_t
ngx_http_deskgate_keys_session(ngx_http_deskgate_keys_t *keys,
    dg_arena_t *arena, const dg_key_t *key, dg_policy_session_t *session,
    dg_diag_t *diag)
{
    dg_err_t  err;

    err = dg_policy_session_create(arena, key->session_policy,
                                   DG_SPAN("session policy"),
                                   keys->catalogue, diag, session);
    if (err != DG_OK && diag->line) {
        diag->line = key->session_line;
        diag->column = 1;
    }

    return err;
}


/*
 * A key can name only policies that were read with the configuration: where
 * it could call without one of its own, it would have other rights.
 */

static dg_err_t
ngx_http_deskgate_keys_policies(ngx_http_deskgate_keys_t *keys,
    const dg_key_t *key, dg_diag_t *diag)
{
    size_t                           n;
    ngx_uint_t                       i, k;
    ngx_http_deskgate_loc_conf_t   **lcf;
    ngx_http_deskgate_attachment_t  *a;

    lcf = keys->locations.elts;

    for (n = 0; n < key->policy_count; n++) {
        for (i = 0; i < keys->locations.nelts; i++) {
            a = lcf[i]->policies->elts;

            for (k = 0; k < lcf[i]->policies->nelts; k++) {
                if (a[k].key_policy.len
                    && dg_span_equal(
                           ngx_http_deskgate_span(&a[k].key_policy),
                           key->policies[n]))
                {
                    break;
                }
            }

            if (k == lcf[i]->policies->nelts) {
                return dg_diag(diag, DG_ERR_INVALID, key->policies_line, 1,
                               "policy \"%.*s\" was not read with the "
                               "configuration: reload nginx",
                               (int) key->policies[n].len,
                               key->policies[n].data);
            }
        }
    }

    return DG_OK;
}


/* The key by which the caller signed; its file is held for the call. */

void
ngx_http_deskgate_keys_find(ngx_http_deskgate_ctx_t *ctx)
{
    ngx_uint_t                    i;
    dg_policy_session_t          *session;
    ngx_http_deskgate_keys_t    **keys;
    ngx_http_deskgate_keyset_t   *set;
    ngx_http_deskgate_content_t  *content;

    if (ctx->claim.access_key_id.len == 0 || ctx->lcf->keys == NULL
        || ctx->key)
    {
        return;
    }

    keys = ctx->lcf->keys->elts;

    for (i = 0; i < ctx->lcf->keys->nelts; i++) {
        content = ngx_http_deskgate_reread_now(keys[i]->file);
        set = content->data;

        ctx->key = dg_keyfile_find(set->keyfile, ctx->claim.access_key_id);

        if (ctx->key == NULL) {
            continue;
        }

        ngx_http_deskgate_reread_hold(content);
        ctx->key_file = content;

        session = &set->sessions[dg_keyfile_index(set->keyfile, ctx->key)];
        ctx->session_policy = session->set ? session : NULL;

        return;
    }
}
