/*
 * Copyright (C) the deskgate authors
 *
 * Facts of resources: what deskgate_facts says, and what a call has of them.
 */

#ifndef NGX_HTTP_DESKGATE_FACTS_H
#define NGX_HTTP_DESKGATE_FACTS_H

#include "ngx_http_deskgate.h"

#include "core/dg_lookup.h"


/* How a service's resources are looked up */

typedef struct {
    const dg_service_t             *service;
    ngx_str_t                       uri;         /* without a last slash */
    ngx_msec_t                      ttl;
    ngx_http_deskgate_credentials_t *credentials; /* NULL: deskgate_sign's */
    ngx_http_deskgate_broker_t     *broker;
    ngx_str_t                       host;        /* of the offer */
    ngx_str_t                       region;
    dg_cache_key_t                  key;         /* of all but the resource */
} ngx_http_deskgate_lookup_t;


/* deskgate_facts SERVICE URI/ [ttl=TIME] [credentials=NAME] */
char *ngx_http_deskgate_conf_facts(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* When all levels are merged, and policies compiled. */
ngx_int_t ngx_http_deskgate_finish_facts(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf);

/*
 * Starts what these needs ask for; NGX_OK: *about has the facts of each
 * resource, NULL when none are needed.  Else as ngx_http_deskgate_fly().
 */
ngx_int_t ngx_http_deskgate_facts_find(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, const dg_conditions_needs_t *needs,
    const dg_facts_t **about);

/* Goes on with it; NGX_OK also when nothing is under way. */
ngx_int_t ngx_http_deskgate_facts_fly(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);

/* The call may change resources: what is known of them is forgotten. */
void ngx_http_deskgate_facts_forget(ngx_http_deskgate_ctx_t *ctx);

/* For records: "looked_up", "cached", or empty. */
dg_span_t ngx_http_deskgate_facts_came(ngx_http_deskgate_ctx_t *ctx);

#endif /* NGX_HTTP_DESKGATE_FACTS_H */
