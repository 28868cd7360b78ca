/*
 * Copyright (C) the deskgate authors
 *
 * What a worker has of its own, and what it does now and then.
 */

#include "ngx_http_deskgate_bearer.h"

#define NGX_HTTP_DESKGATE_HOUSEKEEPING  5000  /* ms */
#define NGX_HTTP_DESKGATE_BLOCKS        32    /* kept for the next calls */
#define NGX_HTTP_DESKGATE_SWEEP         256   /* cache entries at a time */


static void ngx_http_deskgate_housekeeping(ngx_event_t *ev);


ngx_http_deskgate_worker_t  ngx_http_deskgate_worker;

static ngx_connection_t     ngx_http_deskgate_housekeeping_dummy;


ngx_int_t
ngx_http_deskgate_init_process(ngx_cycle_t *cycle)
{
    ngx_http_deskgate_worker_t     *worker;
    ngx_http_deskgate_main_conf_t  *mcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_deskgate_module);
    if (mcf == NULL || mcf->zone == NULL) {
        return NGX_OK;
    }

    worker = &ngx_http_deskgate_worker;
    worker->mcf = mcf;

    ngx_queue_init(&worker->waiting);

    /* random bytes must not be inherited: made after the fork */

    worker->crypto = dg_crypto_create(NULL, NULL);
    if (worker->crypto == NULL) {
        return NGX_ERROR;
    }

    worker->signing_keys = dg_signing_keys_create(worker->crypto,
                                           NGX_HTTP_DESKGATE_SIGNING_KEYS);
    worker->tokens = dg_token_cache_create(worker->crypto,
                                           DG_TOKEN_CACHE_BYTES);

    if (worker->signing_keys == NULL || worker->tokens == NULL) {
        return NGX_ERROR;
    }

    if (mcf->vended.nelts) {
        worker->sessions = dg_vend_cache_create(worker->crypto,
                                                NGX_HTTP_DESKGATE_SESSIONS);
        if (worker->sessions == NULL) {
            return NGX_ERROR;
        }
    }

    worker->key_sets = ngx_pcalloc(cycle->pool, mcf->issuers.nelts
                                       * sizeof(ngx_http_deskgate_key_set_t));
    if (worker->key_sets == NULL) {
        return NGX_ERROR;
    }

    ngx_http_deskgate_housekeeping_dummy.fd = (ngx_socket_t) -1;

    worker->housekeeping.handler = ngx_http_deskgate_housekeeping;
    worker->housekeeping.log = cycle->log;
    worker->housekeeping.data = &ngx_http_deskgate_housekeeping_dummy;
    worker->housekeeping.cancelable = 1;

    ngx_add_timer(&worker->housekeeping, NGX_HTTP_DESKGATE_HOUSEKEEPING);

    if (ngx_http_deskgate_reread_init_worker(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_deskgate_trail_init_worker(cycle, mcf);
}


/* Secrets that expired are wiped also when nobody asks for them again. */

static void
ngx_http_deskgate_housekeeping(ngx_event_t *ev)
{
    if (ngx_worker == 0) {
        ngx_http_deskgate_zone_lock();
        (void) dg_cache_sweep(ngx_http_deskgate_cache(), ngx_current_msec,
                              NGX_HTTP_DESKGATE_SWEEP);
        ngx_http_deskgate_zone_unlock();
    }

    if (!ngx_exiting) {
        ngx_add_timer(ev, NGX_HTTP_DESKGATE_HOUSEKEEPING);
    }
}


/* Blocks of NGX_HTTP_DESKGATE_BLOCK_SIZE bytes, a few kept for reuse. */

void *
ngx_http_deskgate_take_block(void)
{
    ngx_http_deskgate_free_block_t  *block;

    block = ngx_http_deskgate_worker.blocks;

    if (block == NULL) {
        return ngx_alloc(NGX_HTTP_DESKGATE_BLOCK_SIZE, ngx_cycle->log);
    }

    ngx_http_deskgate_worker.blocks = block->next;
    ngx_http_deskgate_worker.block_count--;

    return block;
}


void
ngx_http_deskgate_give_block(void *data)
{
    ngx_http_deskgate_free_block_t  *block = data;

    if (ngx_http_deskgate_worker.block_count == NGX_HTTP_DESKGATE_BLOCKS) {
        ngx_free(block);
        return;
    }

    block->next = ngx_http_deskgate_worker.blocks;
    ngx_http_deskgate_worker.blocks = block;
    ngx_http_deskgate_worker.block_count++;
}


void
ngx_http_deskgate_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_deskgate_worker_t  *worker;

    worker = &ngx_http_deskgate_worker;

    if (worker->mcf == NULL) {
        return;
    }

    ngx_http_deskgate_trail_exit_worker(cycle);
    ngx_http_deskgate_reread_exit_worker();
    ngx_http_deskgate_jwks_exit_worker();

    dg_vend_cache_destroy(worker->sessions);
    dg_token_cache_destroy(worker->tokens);
    dg_signing_keys_destroy(worker->signing_keys);
    dg_crypto_destroy(worker->crypto);
}
