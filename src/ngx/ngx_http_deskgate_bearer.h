/*
 * Copyright (C) the deskgate authors
 *
 * What it takes to know the bearer of a token: the keys of its issuer, or
 * what its issuer says of it.
 */

#ifndef NGX_HTTP_DESKGATE_BEARER_H
#define NGX_HTTP_DESKGATE_BEARER_H

#include "ngx_http_deskgate.h"

#include "core/dg_introspection.h"


/* A worker's view of a key set that was fetched */
struct ngx_http_deskgate_key_set_s {
    dg_jwks_t                      *keys;        /* NULL: none yet */
    uint64_t                        version;
    uint8_t                         hash[DG_SHA256_SIZE];
};


/* How an issuer is asked about tokens that are opaque */
struct ngx_http_deskgate_introspection_s {
    ngx_str_t                       uri;         /* internal location */
    ngx_str_t                       client_id;
    ngx_str_t                       basic;       /* Authorization value */
    time_t                          cache;       /* s, at most */
    time_t                          negative;    /* s, of one not active */
    dg_throttle_rate_t              rate;        /* of all questions */
};


/* Whom STS confirms: deskgate_proof */
struct ngx_http_deskgate_proof_s {
    ngx_str_t                       name;
    ngx_str_t                       sts;         /* internal location */
    ngx_str_t                       host;        /* that is signed */
    ngx_str_t                       audience;    /* this gateway */
    ngx_array_t                     accounts;    /* of dg_span_t */
    dg_throttle_rate_t              rate;        /* of all questions */
};


/* jwks: the keys of issuers */
dg_err_t ngx_http_deskgate_jwks_load(dg_span_t text, dg_jwks_t **set,
    dg_diag_t *diag);
ngx_int_t ngx_http_deskgate_jwks_key(
    const ngx_http_deskgate_issuer_t *issuer, ngx_uint_t again,
    dg_cache_key_t *key);
const dg_jwks_t *ngx_http_deskgate_jwks_now(
    const ngx_http_deskgate_issuer_t *issuer);
ngx_int_t ngx_http_deskgate_jwks_fetch(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_issuer_t *issuer,
    ngx_uint_t again, const dg_jwks_t **keys);
void ngx_http_deskgate_jwks_exit_worker(void);

/* introspect: NGX_OK and the caller, or as ngx_http_deskgate_fly() */
ngx_http_deskgate_issuer_t *ngx_http_deskgate_introspector(
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_introspect(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_issuer_t *issuer);
ngx_int_t ngx_http_deskgate_may_ask(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_span_t what, dg_span_t name,
    const dg_throttle_rate_t *rate, const dg_cache_key_t *key);
ngx_int_t ngx_http_deskgate_authenticate_proof(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
char *ngx_http_deskgate_conf_introspect(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object);

#endif /* NGX_HTTP_DESKGATE_BEARER_H */
