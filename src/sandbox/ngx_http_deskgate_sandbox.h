/*
 * The sandbox module: services that stand in for the real ones, answered by
 * the engine of dg_sandbox.h from state in a shared zone.
 */

#ifndef NGX_HTTP_DESKGATE_SANDBOX_H
#define NGX_HTTP_DESKGATE_SANDBOX_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "core/dg_inspect.h"
#include "core/dg_keyfile.h"
#include "core/dg_refusal_form.h"
#include "core/dg_sigv4.h"
#include "dg_sandbox.h"

/* Changes whenever records or the zone's header change. */
#define NGX_HTTP_DESKGATE_SANDBOX_LAYOUT    1

#define NGX_HTTP_DESKGATE_SANDBOX_OFFERS      16
#define NGX_HTTP_DESKGATE_SANDBOX_DELAY_MAX   60000
#define NGX_HTTP_DESKGATE_SANDBOX_ANSWER_MAX  (4 * 1024 * 1024)


/* The zone: one ordered tree of records under the pool's mutex. */
typedef struct {
    ngx_uint_t                       layout;
    ngx_rbtree_t                     rbtree;
    ngx_rbtree_node_t                sentinel;
    u_char                           seal[DG_SANDBOX_SEAL_SIZE];
} ngx_http_deskgate_sandbox_sh_t;

typedef struct {
    ngx_http_deskgate_sandbox_sh_t  *sh;
    ngx_slab_pool_t                 *shpool;
} ngx_http_deskgate_sandbox_zone_t;

typedef struct {
    dg_sandbox_service_t             data;
    dg_service_t                    *service;
    ngx_str_t                        name;
} ngx_http_deskgate_sandbox_service_t;

typedef struct {
    ngx_shm_zone_t                  *shm_zone;
    ngx_str_t                        models;      /* directory */
    dg_arena_t                       arena;       /* of the configuration */
    ngx_array_t                      services;
    ngx_array_t                      locations;   /* that want a service */
} ngx_http_deskgate_sandbox_main_conf_t;

/* A client of the broker's token endpoint. */
typedef struct {
    ngx_str_t                        id;
    ngx_str_t                        secret;
} ngx_http_deskgate_sandbox_client_t;

/* A service that a location offers. */
typedef struct {
    ngx_http_deskgate_sandbox_service_t  *service;
    ngx_str_t                        name;
    ngx_str_t                        region;
    ngx_str_t                        account;
    u_char                          *file;        /* of the directive */
    ngx_uint_t                       line;
} ngx_http_deskgate_sandbox_offer_t;

typedef struct {
    ngx_http_deskgate_sandbox_offer_t
                              offers[NGX_HTTP_DESKGATE_SANDBOX_OFFERS];
    const dg_service_t       *services[NGX_HTTP_DESKGATE_SANDBOX_OFFERS];
    ngx_uint_t                       noffers;
    dg_keyfile_t                    *keys;
    ngx_array_t                     *clients;
    ngx_msec_t                       token_lifetime;
} ngx_http_deskgate_sandbox_loc_conf_t;

/* One call. */
typedef struct {
    ngx_http_request_t              *request;
    dg_arena_t                       arena;
    dg_request_t                     view;
    dg_call_t                        call;
    dg_span_t                        body;
    ngx_event_t                      timer;       /* X-...-Delay */
    ngx_msec_t                       delay;
    dg_span_t                        provoke;     /* X-...-Error */
    u_char                           request_id[36];

    ngx_uint_t                       status;
    dg_span_t                        content_type;
    dg_span_t                        error_type;  /* X-Amzn-Errortype */
    dg_span_t                        answer;
    dg_refusal_answer_t              refusal;
    unsigned                         refused:1;   /* refusal is filled */
    unsigned                         no_store:1;
} ngx_http_deskgate_sandbox_ctx_t;


extern ngx_module_t  ngx_http_deskgate_sandbox_module;

/* ngx_http_deskgate_sandbox_module.c: of this worker */
dg_crypto_t *ngx_http_deskgate_sandbox_crypto(void);
dg_signing_keys_t *ngx_http_deskgate_sandbox_signing_keys(void);

/* ngx_http_deskgate_sandbox_store.c */
extern const dg_sandbox_store_t  ngx_http_deskgate_sandbox_store;
ngx_int_t ngx_http_deskgate_sandbox_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);

/* ngx_http_deskgate_sandbox_handler.c */
ngx_int_t ngx_http_deskgate_sandbox_handler(ngx_http_request_t *r);

/* ngx_http_deskgate_sandbox_request.c */
void *ngx_http_deskgate_sandbox_grow(void *pool, size_t size);
ngx_int_t ngx_http_deskgate_sandbox_view(ngx_http_request_t *r,
    dg_request_t *view);
ngx_int_t ngx_http_deskgate_sandbox_body(ngx_http_request_t *r,
    dg_span_t *body);
ngx_int_t ngx_http_deskgate_sandbox_send(ngx_http_deskgate_sandbox_ctx_t *ctx);

/* ngx_http_deskgate_sandbox_call.c: fills the answer of ctx */
void ngx_http_deskgate_sandbox_refuse(ngx_http_deskgate_sandbox_ctx_t *ctx,
    dg_refusal_t refusal, dg_span_t message);
void ngx_http_deskgate_sandbox_error(ngx_http_deskgate_sandbox_ctx_t *ctx,
    const dg_shape_t *shape, dg_span_t code, ngx_uint_t status,
    dg_span_t message, const dg_json_t *members);
void ngx_http_deskgate_sandbox_call(ngx_http_deskgate_sandbox_ctx_t *ctx,
    ngx_http_deskgate_sandbox_loc_conf_t *slcf,
    ngx_http_deskgate_sandbox_zone_t *zone);

/* ngx_http_deskgate_sandbox_token.c */
ngx_int_t ngx_http_deskgate_sandbox_is_token_call(
    ngx_http_deskgate_sandbox_ctx_t *ctx);
void ngx_http_deskgate_sandbox_token(ngx_http_deskgate_sandbox_ctx_t *ctx,
    ngx_http_deskgate_sandbox_loc_conf_t *slcf,
    ngx_http_deskgate_sandbox_zone_t *zone);

/* DG_ALLOWED when the call carries a token that was issued here and lives. */
ngx_int_t ngx_http_deskgate_sandbox_bearer(
    ngx_http_deskgate_sandbox_ctx_t *ctx,
    ngx_http_deskgate_sandbox_zone_t *zone);

#endif
