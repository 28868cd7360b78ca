/*
 * Copyright (C) the deskgate authors
 *
 * Fetching through internal locations, and the single flight over it.
 */

#ifndef NGX_HTTP_DESKGATE_FLIGHT_H
#define NGX_HTTP_DESKGATE_FLIGHT_H

#include "ngx_http_deskgate_compat.h"

#include "core/dg_cache.h"
#include "core/dg_crypto.h"
#include "core/dg_refusal.h"


typedef struct ngx_http_deskgate_ctx_s  ngx_http_deskgate_ctx_t;


/* A fetch through an internal location */

typedef struct {
    ngx_str_t                       name;
    ngx_str_t                       value;
} ngx_http_deskgate_header_t;

typedef struct ngx_http_deskgate_fetch_s  ngx_http_deskgate_fetch_t;

typedef ngx_int_t (*ngx_http_deskgate_fetched_pt)(ngx_http_request_t *r,
    ngx_http_deskgate_fetch_t *fetch);

typedef struct {
    ngx_str_t                       uri;
    ngx_str_t                       args;
    ngx_uint_t                      method;
    ngx_str_t                       method_name;
    ngx_str_t                       body;
    ngx_http_deskgate_header_t     *headers;
    ngx_uint_t                      header_count;
    size_t                          limit;       /* bytes of the answer */
    ngx_http_deskgate_fetched_pt    fetched;     /* what takes the answer */
    void                           *owner;       /* of the fetch, for it */
} ngx_http_deskgate_fetch_request_t;

typedef ngx_int_t (*ngx_http_deskgate_create_pt)(ngx_http_request_t *r);

struct ngx_http_deskgate_fetch_s {
    ngx_http_deskgate_ctx_t        *main;
    void                           *owner;
    ngx_http_deskgate_fetched_pt    fetched;
    ngx_int_t                       result;      /* of fetched */
    ngx_http_deskgate_create_pt     create_request;
    const char                     *reason;      /* with refusal */
    u_char                         *data;        /* the answer's body */
    size_t                          len;
    size_t                          limit;
    ngx_uint_t                      status;
    dg_refusal_t                    refusal;     /* of the send guard */
    unsigned                        done:1;
    unsigned                        too_large:1;
    unsigned                        encoded:1;   /* compressed */
    unsigned                        whole:1;     /* the answer came to an end */
};


/* Single flight: what workers fetch once and share */

typedef struct ngx_http_deskgate_flight_s  ngx_http_deskgate_flight_t;

/* A kind of such values: how it is asked for, how its answer is read */

typedef struct {
    const char                     *what;        /* "the token of broker" */
    const char                     *failed_before;
    dg_refusal_t                    unavailable;
    dg_span_t                       prefix;      /* of the value */
    size_t                          answer_max;  /* bytes */

    /*
     * NGX_OK: the request says what to fetch.  NGX_AGAIN: something else is
     * fetched first, and this called again.  NGX_DECLINED, NGX_ERROR.
     */
    ngx_int_t                     (*ask)(ngx_http_request_t *r,
                                         ngx_http_deskgate_flight_t *flight,
                                         ngx_http_deskgate_fetch_request_t
                                             *request);

    /*
     * NULL: flight->fetched, which is wiped after it was kept, and
     * flight->life, are set.  Else why not; flight->refusal and
     * flight->retry may be set then, or flight->again.
     */
    const char                   *(*read)(ngx_http_request_t *r,
                                          ngx_http_deskgate_flight_t *flight,
                                          ngx_uint_t status,
                                          dg_span_t answer);
} ngx_http_deskgate_source_t;

struct ngx_http_deskgate_flight_s {
    ngx_http_deskgate_ctx_t        *ctx;
    ngx_http_deskgate_flight_t     *next;        /* of this call */
    const ngx_http_deskgate_source_t *source;
    void                           *object;      /* of the configuration */
    void                           *data;        /* the source's */
    ngx_str_t                       name;        /* for the error log */
    dg_cache_key_t                  key;

    dg_span_t                       value;       /* with the prefix */
    uint64_t                        version;

    dg_span_t                       fetched;
    int64_t                         life;        /* ms */
    int64_t                         refresh;     /* ms; 0: near its end */
    int64_t                         retry;       /* ms; 0: see pause */
    int64_t                         pause;       /* ms; 0: backoff */
    dg_refusal_t                    refusal;
    const char                     *reason;

    u_char                         *space;       /* that the value is in */
    size_t                          space_size;
    ngx_http_deskgate_fetch_t      *fetch;
    ngx_http_deskgate_flight_t     *mate;        /* asked for together */
    ngx_int_t                       result;      /* of the fetch */
    uint64_t                        lease;       /* generation held */
    unsigned                        failures;
    ngx_queue_t                     waiter;
    ngx_event_t                     wake;
    ngx_msec_t                      wait_until;

    unsigned                        landed:1;    /* there is a value */
    unsigned                        again:1;     /* no failure: ask anew */
    unsigned                        leading:1;
    unsigned                        waiting:1;
};


/* fetch */
ngx_int_t ngx_http_deskgate_fetch_start(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx,
    const ngx_http_deskgate_fetch_request_t *request,
    ngx_http_deskgate_fetch_t **started);
ngx_http_deskgate_fetch_t *ngx_http_deskgate_fetch_of(ngx_http_request_t *r);
ngx_int_t ngx_http_deskgate_fetch_collect(ngx_http_request_t *sr,
    ngx_http_deskgate_fetch_t *fetch, ngx_chain_t *in);

/* flight */
ngx_http_deskgate_flight_t *ngx_http_deskgate_flight_create(
    ngx_http_deskgate_ctx_t *ctx, const ngx_http_deskgate_source_t *source,
    void *object, void *data);
ngx_http_deskgate_flight_t *ngx_http_deskgate_flight_of(
    ngx_http_deskgate_ctx_t *ctx, const ngx_http_deskgate_source_t *source,
    const void *object);
ngx_int_t ngx_http_deskgate_cache_key(dg_crypto_t *crypto,
    const dg_span_t *texts, ngx_uint_t count, dg_cache_key_t *key);
void ngx_http_deskgate_cache_replace(const dg_cache_key_t *key,
    dg_span_t value, int64_t refresh, int64_t life);
ngx_uint_t ngx_http_deskgate_cache_peek(const dg_cache_key_t *key,
    dg_cache_info_t *info);
ngx_int_t ngx_http_deskgate_fly(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight);
ngx_int_t ngx_http_deskgate_fly_together(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t **flights, ngx_uint_t count, ngx_uint_t max);
void ngx_http_deskgate_flight_drop(ngx_http_deskgate_flight_t *flight);
void ngx_http_deskgate_flights_end(ngx_http_deskgate_ctx_t *ctx);

#endif /* NGX_HTTP_DESKGATE_FLIGHT_H */
