/*
 * Copyright (C) the deskgate authors
 *
 * The shared zone: one block of the slab pool, laid out by the core, guarded
 * by the slab pool's own mutex, which the master unlocks when a worker dies
 * holding it.
 */

#include "ngx_http_deskgate.h"


static ngx_http_deskgate_zone_t *ngx_http_deskgate_zone(void);
static ngx_int_t ngx_http_deskgate_zone_create(ngx_shm_zone_t *shm_zone,
    ngx_http_deskgate_zone_t *zone);


typedef struct {
    void    *memory;
    size_t   size;
} ngx_http_deskgate_zone_block_t;


ngx_int_t
ngx_http_deskgate_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_deskgate_zone_t        *zone, *old;
    ngx_http_deskgate_zone_block_t  *block;

    zone = shm_zone->data;
    old = data;

    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (old) {
        zone->memory = old->memory;
        zone->size = old->size;
        return NGX_OK;
    }

    if (shm_zone->shm.exists) {
        block = zone->shpool->data;

        if (block == NULL || dg_zone_attach(block->memory, block->size)
                             != DG_OK)
        {
            ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                          "zone \"%V\" has another layout; restart nginx",
                          &shm_zone->shm.name);
            return NGX_ERROR;
        }

        zone->memory = block->memory;
        zone->size = block->size;
        return NGX_OK;
    }

    return ngx_http_deskgate_zone_create(shm_zone, zone);
}


static ngx_int_t
ngx_http_deskgate_zone_create(ngx_shm_zone_t *shm_zone,
    ngx_http_deskgate_zone_t *zone)
{
    uint8_t                          seed[DG_SIPHASH_KEY_SIZE];
    dg_crypto_t                     *crypto;
    ngx_http_deskgate_zone_block_t  *block;

    block = ngx_slab_calloc(zone->shpool,
                            sizeof(ngx_http_deskgate_zone_block_t));
    if (block == NULL) {
        return NGX_ERROR;
    }

    block->size = zone->shpool->pfree * ngx_pagesize;
    block->memory = ngx_slab_alloc(zone->shpool, block->size);

    crypto = dg_crypto_create(NULL, NULL);

    if (block->memory == NULL || crypto == NULL
        || dg_random(crypto, seed, sizeof(seed)) != DG_OK
        || dg_zone_init(block->memory, block->size, NULL, seed) != DG_OK)
    {
        dg_crypto_destroy(crypto);

        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "zone \"%V\" is too small: %uz bytes are needed "
                      "beside nginx's own",
                      &shm_zone->shm.name, dg_zone_size_min());
        return NGX_ERROR;
    }

    dg_crypto_destroy(crypto);

    zone->shpool->data = block;
    zone->memory = block->memory;
    zone->size = block->size;

    return NGX_OK;
}


static ngx_http_deskgate_zone_t *
ngx_http_deskgate_zone(void)
{
    return ngx_http_deskgate_worker.mcf->zone;
}


dg_counters_t *
ngx_http_deskgate_counters(void)
{
    return dg_zone_counters(ngx_http_deskgate_zone()->memory);
}


dg_replay_t *
ngx_http_deskgate_replay(void)
{
    return dg_zone_replay(ngx_http_deskgate_zone()->memory);
}


dg_throttle_t *
ngx_http_deskgate_throttle_table(void)
{
    return dg_zone_throttle(ngx_http_deskgate_zone()->memory);
}


dg_cache_t *
ngx_http_deskgate_cache(void)
{
    return dg_zone_cache(ngx_http_deskgate_zone()->memory);
}


dg_key_use_t *
ngx_http_deskgate_key_use(void)
{
    return dg_zone_key_use(ngx_http_deskgate_zone()->memory);
}


void
ngx_http_deskgate_zone_lock(void)
{
    ngx_shmtx_lock(&ngx_http_deskgate_zone()->shpool->mutex);
}


void
ngx_http_deskgate_zone_unlock(void)
{
    ngx_shmtx_unlock(&ngx_http_deskgate_zone()->shpool->mutex);
}
