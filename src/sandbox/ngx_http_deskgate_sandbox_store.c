/*
 * Records in shared memory: an rbtree ordered by key, used under the pool's
 * mutex from the beginning of a call to its end.  Records are replaced as a
 * whole, so that a worker that dies leaves the old or the new one; nothing
 * is evicted: a full zone refuses.
 */

#include "ngx_http_deskgate_sandbox.h"

#include <openssl/rand.h>

typedef struct {
    ngx_rbtree_node_t  node;
    size_t             key_len;
    size_t             value_len;
    u_char             data[];
} ngx_http_deskgate_sandbox_record_t;


static dg_span_t
ngx_http_deskgate_sandbox_record_key(ngx_rbtree_node_t *node)
{
    ngx_http_deskgate_sandbox_record_t  *record;

    record = (ngx_http_deskgate_sandbox_record_t *) node;

    return dg_span(record->data, record->key_len);
}


static dg_span_t
ngx_http_deskgate_sandbox_record_value(ngx_rbtree_node_t *node)
{
    ngx_http_deskgate_sandbox_record_t  *record;

    record = (ngx_http_deskgate_sandbox_record_t *) node;

    return dg_span(record->data + record->key_len, record->value_len);
}


static void
ngx_http_deskgate_sandbox_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t  **p;

    for ( ;; ) {
        p = dg_span_compare(ngx_http_deskgate_sandbox_record_key(node),
                            ngx_http_deskgate_sandbox_record_key(temp)) < 0
            ? &temp->left : &temp->right;

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


/* The record of that key, or the first behind it when `behind`. */
static ngx_rbtree_node_t *
ngx_http_deskgate_sandbox_find(ngx_http_deskgate_sandbox_sh_t *sh,
    dg_span_t key, ngx_uint_t behind)
{
    int                 order;
    ngx_rbtree_node_t  *node, *best;

    best = NULL;
    node = sh->rbtree.root;

    while (node != &sh->sentinel) {
        order = dg_span_compare(key,
                                ngx_http_deskgate_sandbox_record_key(node));

        if (order == 0 && !behind) {
            return node;
        }

        if (order < 0) {
            best = node;
            node = node->left;
            continue;
        }

        node = node->right;
    }

    return behind ? best : NULL;
}


static bool
ngx_http_deskgate_sandbox_get(void *ctx, dg_span_t key, dg_span_t *value)
{
    ngx_rbtree_node_t                 *node;
    ngx_http_deskgate_sandbox_zone_t  *zone = ctx;

    node = ngx_http_deskgate_sandbox_find(zone->sh, key, 0);
    if (node == NULL) {
        return false;
    }

    *value = ngx_http_deskgate_sandbox_record_value(node);
    return true;
}


static void
ngx_http_deskgate_sandbox_del(void *ctx, dg_span_t key)
{
    ngx_rbtree_node_t                 *node;
    ngx_http_deskgate_sandbox_zone_t  *zone = ctx;

    node = ngx_http_deskgate_sandbox_find(zone->sh, key, 0);
    if (node == NULL) {
        return;
    }

    ngx_rbtree_delete(&zone->sh->rbtree, node);
    ngx_slab_free_locked(zone->shpool, node);
}


static dg_err_t
ngx_http_deskgate_sandbox_put(void *ctx, dg_span_t key, dg_span_t value)
{
    ngx_http_deskgate_sandbox_zone_t    *zone = ctx;
    ngx_http_deskgate_sandbox_record_t  *record;

    if (key.len > DG_SANDBOX_KEY_MAX || value.len > DG_SANDBOX_VALUE_MAX) {
        return DG_ERR_LIMIT;
    }

    record = ngx_slab_alloc_locked(zone->shpool,
                                   sizeof(ngx_http_deskgate_sandbox_record_t)
                                   + key.len + value.len);
    if (record == NULL) {
        return DG_ERR_FULL;
    }

    record->node.key = 0;
    record->key_len = key.len;
    record->value_len = value.len;
    ngx_memcpy(record->data, key.data, key.len);
    ngx_memcpy(record->data + key.len, value.data, value.len);

    ngx_http_deskgate_sandbox_del(zone, key);
    ngx_rbtree_insert(&zone->sh->rbtree, &record->node);

    return DG_OK;
}


static bool
ngx_http_deskgate_sandbox_next(void *ctx, dg_span_t prefix, dg_span_t after,
    dg_span_t *key, dg_span_t *value)
{
    ngx_rbtree_node_t                 *node;
    ngx_http_deskgate_sandbox_zone_t  *zone = ctx;

    node = ngx_http_deskgate_sandbox_find(zone->sh, after, 1);
    if (node == NULL) {
        return false;
    }

    *key = ngx_http_deskgate_sandbox_record_key(node);
    *value = ngx_http_deskgate_sandbox_record_value(node);

    return dg_span_starts_with(*key, prefix);
}


const dg_sandbox_store_t  ngx_http_deskgate_sandbox_store = {
    .get = ngx_http_deskgate_sandbox_get,
    .put = ngx_http_deskgate_sandbox_put,
    .del = ngx_http_deskgate_sandbox_del,
    .next = ngx_http_deskgate_sandbox_next
};


ngx_int_t
ngx_http_deskgate_sandbox_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_deskgate_sandbox_zone_t  *ozone = data;
    ngx_http_deskgate_sandbox_zone_t  *zone = shm_zone->data;

    if (ozone != NULL) {
        *zone = *ozone;
        return NGX_OK;
    }

    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (shm_zone->shm.exists) {
        zone->sh = zone->shpool->data;

        return zone->sh->layout == NGX_HTTP_DESKGATE_SANDBOX_LAYOUT
               ? NGX_OK : NGX_ERROR;
    }

    zone->sh = ngx_slab_calloc(zone->shpool,
                               sizeof(ngx_http_deskgate_sandbox_sh_t));
    if (zone->sh == NULL
        || RAND_bytes(zone->sh->seal, sizeof(zone->sh->seal)) != 1)
    {
        return NGX_ERROR;
    }

    ngx_rbtree_init(&zone->sh->rbtree, &zone->sh->sentinel,
                    ngx_http_deskgate_sandbox_insert);

    zone->sh->layout = NGX_HTTP_DESKGATE_SANDBOX_LAYOUT;
    zone->shpool->data = zone->sh;
    zone->shpool->log_nomem = 0;

    return NGX_OK;
}
