/*
 * Copyright (C) the deskgate authors
 *
 * Single flight: what workers fetch once and share (a token, credentials, a
 * key set, facts of a resource).  It is kept in the zone, refreshed ahead of
 * its end and never used behind it; of all calls that need it one fetches
 * and the others wait.
 *
 * A flight belongs to a call and is flown again after each wait:
 *
 *     look --HIT--> the value
 *          --SOFT, LEAD--> ask --> fetch --> read --> kept for all
 *          --WAIT--> parked until another has it
 *          --NEGATIVE--> refused, as the one who asked was
 */

#include "ngx_http_deskgate.h"

#include <signal.h>

#define NGX_HTTP_DESKGATE_FLIGHT_LEASE    65000  /* ms; a fetch's longest */
#define NGX_HTTP_DESKGATE_FLIGHT_RETRY    1000   /* ms, after a failure */
#define NGX_HTTP_DESKGATE_FLIGHT_RETRIES  30000  /* ms, after many */
#define NGX_HTTP_DESKGATE_FLIGHT_SPACE    1024   /* most values fit */
#define NGX_HTTP_DESKGATE_FLIGHT_REFRESH  80     /* percent of its life */
#define NGX_HTTP_DESKGATE_FLIGHT_JITTER   5      /* percent before that */


static ngx_int_t ngx_http_deskgate_flight_board(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight);
static ngx_int_t ngx_http_deskgate_flight_look(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight);
static dg_err_t ngx_http_deskgate_flight_peer(
    ngx_http_deskgate_flight_t *flight, dg_writer_t *w,
    dg_cache_result_t *result);
static ngx_int_t ngx_http_deskgate_flight_space(
    ngx_http_deskgate_flight_t *flight, size_t size);
static ngx_uint_t ngx_http_deskgate_client_has_gone(ngx_http_request_t *r);
static bool ngx_http_deskgate_process_alive(void *ctx, int32_t pid);
static ngx_int_t ngx_http_deskgate_flight_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight);
static ngx_int_t ngx_http_deskgate_flight_wait(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight);
static void ngx_http_deskgate_flight_wake(ngx_event_t *ev);
static ngx_int_t ngx_http_deskgate_flight_fetched(ngx_http_request_t *r,
    ngx_http_deskgate_fetch_t *fetch);
static ngx_int_t ngx_http_deskgate_flight_arrived(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight);
static const char *ngx_http_deskgate_flight_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight);
static ngx_int_t ngx_http_deskgate_flight_keep(
    ngx_http_deskgate_flight_t *flight);
static int64_t ngx_http_deskgate_flight_soft(
    const ngx_http_deskgate_flight_t *flight, int64_t now);
static ngx_int_t ngx_http_deskgate_flight_failed(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, const char *reason);
static ngx_int_t ngx_http_deskgate_flight_end(
    ngx_http_deskgate_flight_t *flight, ngx_int_t rc);
static void ngx_http_deskgate_flight_abandon(
    ngx_http_deskgate_flight_t *flight);
static void ngx_http_deskgate_flight_unpark(
    ngx_http_deskgate_flight_t *flight);
static void ngx_http_deskgate_wake_waiting(void);


/*
 * A flight of this call for an object of the configuration; NULL: no memory.
 * Its key is the caller's to set.
 */

ngx_http_deskgate_flight_t *
ngx_http_deskgate_flight_create(ngx_http_deskgate_ctx_t *ctx,
    const ngx_http_deskgate_source_t *source, void *object, void *data)
{
    ngx_http_deskgate_flight_t  *flight;

    flight = dg_arena_alloc(&ctx->arena, sizeof(ngx_http_deskgate_flight_t));
    if (flight == NULL) {
        return NULL;
    }

    ngx_memzero(flight, sizeof(ngx_http_deskgate_flight_t));

    flight->ctx = ctx;
    flight->source = source;
    flight->object = object;
    flight->data = data;
    flight->next = ctx->flights;

    ctx->flights = flight;

    return flight;
}


/* The flight that was created so, or NULL. */

ngx_http_deskgate_flight_t *
ngx_http_deskgate_flight_of(ngx_http_deskgate_ctx_t *ctx,
    const ngx_http_deskgate_source_t *source, const void *object)
{
    ngx_http_deskgate_flight_t  *flight;

    for (flight = ctx->flights; flight; flight = flight->next) {
        if (flight->source == source && flight->object == object) {
            return flight;
        }
    }

    return NULL;
}


/* The key of what is all said by these texts. */

ngx_int_t
ngx_http_deskgate_cache_key(dg_crypto_t *crypto, const dg_span_t *texts,
    ngx_uint_t count, dg_cache_key_t *key)
{
    ngx_uint_t    i;
    dg_sha256_t  *hash;

    hash = dg_sha256_start(crypto);
    if (hash == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < count; i++) {
        if (dg_sha256_update(hash, texts[i]) != DG_OK
            || dg_sha256_update(hash, dg_span("", 1)) != DG_OK)
        {
            dg_sha256_abandon(hash);
            return NGX_ERROR;
        }
    }

    return dg_sha256_finish(hash, key->bytes) == DG_OK ? NGX_OK : NGX_ERROR;
}


/* For the status page: what is known of a value; false when nothing is. */

ngx_uint_t
ngx_http_deskgate_cache_peek(const dg_cache_key_t *key,
    dg_cache_info_t *info)
{
    bool  found;

    ngx_memzero(info, sizeof(dg_cache_info_t));

    ngx_http_deskgate_zone_lock();
    found = dg_cache_peek(ngx_http_deskgate_cache(), key, ngx_current_msec,
                          info);
    ngx_http_deskgate_zone_unlock();

    return found;
}


/*
 * NGX_OK: flight->value is the value, until the call ends.  NGX_AGAIN: the
 * handler is entered again, and is to call this again.  NGX_DECLINED: refused.
 * NGX_HTTP_CLIENT_CLOSED_REQUEST: nobody waits for the call any more.
 */

ngx_int_t
ngx_http_deskgate_fly(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight)
{
    ngx_int_t  rc;

    rc = ngx_http_deskgate_flight_board(r, flight);

    return rc == NGX_BUSY ? ngx_http_deskgate_flight_ask(r, flight) : rc;
}


/*
 * Several flights of one source, with different keys: those that this call
 * leads are asked for together, at most `max` at once.  As
 * ngx_http_deskgate_fly(), for all of them.
 */

ngx_int_t
ngx_http_deskgate_fly_together(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t **flights, ngx_uint_t count, ngx_uint_t max)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i, n, waits;
    ngx_http_deskgate_flight_t  *first, **last;

    first = NULL;
    last = &first;
    waits = 0;
    n = 0;

    for (i = 0; i < count; i++) {
        rc = ngx_http_deskgate_flight_board(r, flights[i]);

        if (rc == NGX_BUSY) {
            if (n < max) {
                flights[i]->mate = NULL;
                *last = flights[i];
                last = &flights[i]->mate;
                n++;
            }

            continue;
        }

        if (rc == NGX_AGAIN) {
            waits = 1;

            if (flights[i]->fetch) {
                return rc;
            }

            continue;
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* what others wait for goes first: so nobody waits in a circle */

    if (first) {
        return ngx_http_deskgate_flight_ask(r, first);
    }

    return waits ? NGX_AGAIN : NGX_OK;
}


/* As ngx_http_deskgate_fly(); NGX_BUSY: it leads, and is to be asked for. */

static ngx_int_t
ngx_http_deskgate_flight_board(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight)
{
    ngx_http_deskgate_fetch_t  *fetch;

    fetch = flight->fetch;

    if (fetch) {
        if (!fetch->done) {
            return NGX_AGAIN;
        }

        flight->fetch = NULL;

        if (ngx_http_deskgate_client_has_gone(r)) {
            return NGX_HTTP_CLIENT_CLOSED_REQUEST;
        }

        if (!flight->again) {
            return ngx_http_deskgate_flight_end(flight, flight->result);
        }

        flight->again = 0;
    }

    if (flight->leading) {
        return NGX_BUSY;
    }

    if (flight->landed) {
        return NGX_OK;
    }

    if (flight->wait_until && ngx_http_deskgate_client_has_gone(r)) {
        return NGX_HTTP_CLIENT_CLOSED_REQUEST;
    }

    /* what came first has woken us: the other may not come later */
    ngx_http_deskgate_flight_unpark(flight);

    return ngx_http_deskgate_flight_look(r, flight);
}


/* The value was no good: the next flight brings another. */

void
ngx_http_deskgate_flight_drop(ngx_http_deskgate_flight_t *flight)
{
    if (flight->landed) {
        ngx_http_deskgate_zone_lock();
        dg_cache_drop(ngx_http_deskgate_cache(), &flight->key,
                      flight->version);
        ngx_http_deskgate_zone_unlock();
    }

    flight->landed = 0;
    flight->wait_until = 0;
    flight->value = dg_span(NULL, 0);
}


/* The call ends: whoever waits takes over, and no secret stays. */

void
ngx_http_deskgate_flights_end(ngx_http_deskgate_ctx_t *ctx)
{
    ngx_http_deskgate_flight_t  *flight;

    for (flight = ctx->flights; flight; flight = flight->next) {
        ngx_http_deskgate_flight_abandon(flight);

        if (flight->space) {
            dg_wipe(flight->space, flight->space_size);
        }
    }

    ctx->flights = NULL;
}


/*
 * While it waited nobody looked.  A call that nobody waits for any more is
 * not sent, as it would not be if the client left a moment later.
 */

static ngx_uint_t
ngx_http_deskgate_client_has_gone(ngx_http_request_t *r)
{
    return r->connection->error || r->connection->read->pending_eof;
}


static ngx_int_t
ngx_http_deskgate_flight_look(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight)
{
    dg_err_t           err;
    dg_writer_t        w;
    dg_cache_result_t  result;

    if (flight->space == NULL
        && ngx_http_deskgate_flight_space(flight,
                                          NGX_HTTP_DESKGATE_FLIGHT_SPACE)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    err = ngx_http_deskgate_flight_peer(flight, &w, &result);

    while (err == DG_ERR_LIMIT) {
        if (ngx_http_deskgate_flight_space(flight, result.length
                                           + flight->source->prefix.len)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        err = ngx_http_deskgate_flight_peer(flight, &w, &result);
    }

    if (err != DG_OK) {
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_CACHE_FULL, 1);
        return ngx_http_deskgate_refused(flight->ctx, DG_REFUSE_ZONE_FULL,
                                         NULL);
    }

    if (result.state == DG_CACHE_HIT || result.state == DG_CACHE_SOFT) {
        flight->value = dg_written(&w);
        flight->version = result.version;
        flight->landed = 1;
    }

    switch (result.state) {

    case DG_CACHE_HIT:
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_CACHE_HIT, 1);
        return NGX_OK;

    case DG_CACHE_SOFT:
    case DG_CACHE_LEAD:
        flight->leading = 1;
        flight->lease = result.generation;
        flight->failures = result.failures;
        return NGX_BUSY;

    case DG_CACHE_WAIT:
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_CACHE_WAIT, 1);
        return ngx_http_deskgate_flight_wait(r, flight);

    default: /* DG_CACHE_NEGATIVE */
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_CACHE_NEGATIVE, 1);
        return ngx_http_deskgate_refused(flight->ctx,
                                         (dg_refusal_t) result.code,
                                         flight->source->failed_before);
    }
}


static dg_err_t
ngx_http_deskgate_flight_peer(ngx_http_deskgate_flight_t *flight,
    dg_writer_t *w, dg_cache_result_t *result)
{
    dg_err_t           err;
    dg_cache_looker_t  looker;

    *w = dg_writer(flight->space, flight->space_size);
    dg_write_span(w, flight->source->prefix);

    looker.now = ngx_current_msec;
    looker.lease = NGX_HTTP_DESKGATE_FLIGHT_LEASE;
    looker.pid = ngx_pid;
    looker.alive = ngx_http_deskgate_process_alive;
    looker.ctx = NULL;

    ngx_http_deskgate_zone_lock();
    err = dg_cache_look(ngx_http_deskgate_cache(), &flight->key, &looker, w,
                        result);
    ngx_http_deskgate_zone_unlock();

    return err;
}


static ngx_int_t
ngx_http_deskgate_flight_space(ngx_http_deskgate_flight_t *flight,
    size_t size)
{
    if (flight->space) {
        dg_wipe(flight->space, flight->space_size);
    }

    flight->space_size = 0;

    flight->space = dg_arena_alloc(&flight->ctx->arena, size);
    if (flight->space == NULL) {
        return NGX_ERROR;
    }

    flight->space_size = size;

    return NGX_OK;
}


/*
 * Puts a value where another flight would look for it: both are about the
 * same thing, and this one is newer.  An answer under way there is dropped.
 * For `refresh` of `life` ms nobody fetches it.
 */

void
ngx_http_deskgate_cache_replace(const dg_cache_key_t *key, dg_span_t value,
    int64_t refresh, int64_t life)
{
    int64_t            now;
    dg_err_t           err;
    dg_cache_looker_t  looker;
    dg_cache_result_t  result;

    now = ngx_current_msec;

    looker.now = now;
    looker.lease = NGX_HTTP_DESKGATE_FLIGHT_LEASE;
    looker.pid = ngx_pid;
    looker.alive = ngx_http_deskgate_process_alive;
    looker.ctx = NULL;

    ngx_http_deskgate_zone_lock();

    dg_cache_drop(ngx_http_deskgate_cache(), key, 0);
    err = dg_cache_look(ngx_http_deskgate_cache(), key, &looker, NULL,
                        &result);

    if (err == DG_OK && result.state == DG_CACHE_LEAD) {
        err = dg_cache_fill(ngx_http_deskgate_cache(), key,
                            result.generation, value, now, now + refresh,
                            now + life);

        if (err != DG_OK) {
            dg_cache_abandon(ngx_http_deskgate_cache(), key,
                             result.generation);
        }
    }

    ngx_http_deskgate_zone_unlock();

    if (err != DG_OK) {
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_CACHE_FULL, 1);
    }
}


static bool
ngx_http_deskgate_process_alive(void *ctx, int32_t pid)
{
    return kill(pid, 0) == 0 || ngx_errno != NGX_ESRCH;
}


/* With the lease held.  What is asked for may need another flight first. */

static ngx_int_t
ngx_http_deskgate_flight_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight)
{
    ngx_int_t                          rc;
    ngx_http_deskgate_flight_t        *mate;
    ngx_http_deskgate_fetch_request_t  request;

    ngx_memzero(&request, sizeof(ngx_http_deskgate_fetch_request_t));

    rc = flight->source->ask(r, flight, &request);

    if (rc == NGX_AGAIN) {
        return rc;
    }

    if (rc == NGX_DECLINED) {
        flight->refusal = flight->ctx->refusal;
        flight->ctx->refusal = DG_ALLOWED;

        rc = ngx_http_deskgate_flight_failed(r, flight,
                                 flight->ctx->reason.len
                                 ? (const char *) flight->ctx->reason.data
                                 : "what it needs is not there");

        return ngx_http_deskgate_flight_end(flight, rc);
    }

    if (rc == NGX_OK) {
        request.limit = flight->source->answer_max;
        request.fetched = ngx_http_deskgate_flight_fetched;
        request.owner = flight;

        rc = ngx_http_deskgate_fetch_start(r, flight->ctx, &request,
                                           &flight->fetch);

        for (mate = flight->mate; rc == NGX_AGAIN && mate; mate = mate->mate)
        {
            mate->fetch = flight->fetch;
        }
    }

    if (rc != NGX_AGAIN) {
        ngx_http_deskgate_flight_abandon(flight);
    }

    return rc;
}


/*
 * Another request fetches.  One of this worker wakes us when it is done;
 * others cannot, so we look again now and then.
 */

static ngx_int_t
ngx_http_deskgate_flight_wait(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight)
{
    if (flight->wait_until == 0) {
        flight->wait_until = ngx_current_msec
                             + NGX_HTTP_DESKGATE_FLIGHT_LEASE;

    } else if ((ngx_msec_int_t) (flight->wait_until - ngx_current_msec) <= 0)
    {
        return ngx_http_deskgate_refused(flight->ctx,
                   flight->source->unavailable,
                   "waited too long for another request's fetch");
    }

    flight->wake.handler = ngx_http_deskgate_flight_wake;
    flight->wake.data = flight;
    flight->wake.log = r->connection->log;

    if (!flight->waiting) {
        ngx_queue_insert_tail(&ngx_http_deskgate_worker.waiting,
                              &flight->waiter);
        flight->waiting = 1;
    }

    if (!flight->wake.timer_set && !flight->wake.posted) {
        ngx_add_timer(&flight->wake, NGX_HTTP_DESKGATE_WAIT_POLL);
    }

    r->write_event_handler = ngx_http_core_run_phases;

    return NGX_AGAIN;
}


static void
ngx_http_deskgate_flight_wake(ngx_event_t *ev)
{
    ngx_http_deskgate_flight_t  *flight = ev->data;

    if (flight->waiting) {
        ngx_queue_remove(&flight->waiter);
        flight->waiting = 0;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_http_deskgate_wake(flight->ctx);
}


/* The answer is everybody's who was asked for. */

static ngx_int_t
ngx_http_deskgate_flight_fetched(ngx_http_request_t *r,
    ngx_http_deskgate_fetch_t *fetch)
{
    ngx_http_deskgate_flight_t  *flight;

    if (fetch->too_large) {
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_FETCH_OVERFLOW, 1);
    }

    for (flight = fetch->owner; flight; flight = flight->mate) {
        flight->fetch = fetch;
        flight->result = ngx_http_deskgate_flight_arrived(r, flight);
    }

    /* half an answer may be a whole secret */

    if (fetch->data) {
        dg_wipe(fetch->data, fetch->len);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_flight_arrived(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight)
{
    const char  *reason;

    reason = ngx_http_deskgate_flight_read(r, flight);

    if (flight->again) {
        ngx_http_deskgate_flight_abandon(flight);
        return NGX_OK;
    }

    return reason == NULL
           ? ngx_http_deskgate_flight_keep(flight)
           : ngx_http_deskgate_flight_failed(r, flight, reason);
}


/* NULL, or why the answer is none; the flight's value is the source's. */

static const char *
ngx_http_deskgate_flight_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight)
{
    ngx_http_deskgate_fetch_t  *fetch;

    fetch = flight->fetch;

    flight->refusal = flight->source->unavailable;
    flight->retry = 0;

    if (fetch->refusal != DG_ALLOWED) {
        return fetch->reason;
    }

    if (fetch->too_large) {
        return "its answer is too large";
    }

    if (fetch->encoded) {
        return "its answer is compressed";
    }

    if (fetch->status >= NGX_HTTP_OK
        && fetch->status < NGX_HTTP_SPECIAL_RESPONSE && !fetch->whole)
    {
        return "its answer was cut short";
    }

    return flight->source->read(r, flight, fetch->status,
                                dg_span(fetch->data, fetch->len));
}


static ngx_int_t
ngx_http_deskgate_flight_keep(ngx_http_deskgate_flight_t *flight)
{
    int64_t      now;
    dg_err_t     err;
    dg_writer_t  w;

    now = ngx_current_msec;

    ngx_http_deskgate_zone_lock();
    err = dg_cache_fill(ngx_http_deskgate_cache(), &flight->key,
                        flight->lease, flight->fetched, now,
                        ngx_http_deskgate_flight_soft(flight, now),
                        now + flight->life);
    ngx_http_deskgate_zone_unlock();

    if (err == DG_OK || err == DG_ERR_EXPIRED) {
        /* given back by the fill, or taken over by another meanwhile */
        flight->leading = 0;
        ngx_http_deskgate_wake_waiting();

    } else {
        ngx_http_deskgate_flight_abandon(flight);
    }

    if (err == DG_ERR_EXPIRED) {
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_FETCH_LATE, 1);
    }

    if (err == DG_ERR_FULL || err == DG_ERR_LIMIT) {
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_CACHE_FULL, 1);
        dg_wipe((void *) flight->fetched.data, flight->fetched.len);
        flight->refusal = DG_REFUSE_ZONE_FULL;
        flight->reason = NULL;
        return NGX_DECLINED;
    }

    dg_count(ngx_http_deskgate_counters(), DG_COUNT_FETCH_OK, 1);

    if (ngx_http_deskgate_flight_space(flight, flight->fetched.len
                                       + flight->source->prefix.len)
        != NGX_OK)
    {
        dg_wipe((void *) flight->fetched.data, flight->fetched.len);
        return NGX_ERROR;
    }

    w = dg_writer(flight->space, flight->space_size);
    dg_write_span(&w, flight->source->prefix);
    dg_write_span(&w, flight->fetched);

    dg_wipe((void *) flight->fetched.data, flight->fetched.len);

    flight->value = dg_written(&w);
    flight->version = flight->lease;
    flight->landed = 1;

    return NGX_OK;
}


/* Not all gateways at once, and not all values at once. */

static int64_t
ngx_http_deskgate_flight_soft(const ngx_http_deskgate_flight_t *flight,
    int64_t now)
{
    int64_t  percent, soft;

    percent = NGX_HTTP_DESKGATE_FLIGHT_REFRESH
              - ngx_random() % (NGX_HTTP_DESKGATE_FLIGHT_JITTER + 1);
    soft = flight->life / 100 * percent;

    if (flight->refresh) {
        percent = 100 - ngx_random() % (NGX_HTTP_DESKGATE_FLIGHT_JITTER + 1);
        soft = ngx_min(flight->refresh * percent / 100, flight->life);
    }

    return now + soft;
}


/* A value that is still valid goes on being used. */

static ngx_int_t
ngx_http_deskgate_flight_failed(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, const char *reason)
{
    int64_t   retry;
    dg_err_t  err;

    dg_count(ngx_http_deskgate_counters(), DG_COUNT_FETCH_FAILED, 1);

    retry = flight->retry ? flight->retry : flight->pause;

    if (retry == 0) {
        retry = dg_cache_backoff(flight->failures + 1,
                                 NGX_HTTP_DESKGATE_FLIGHT_RETRY,
                                 NGX_HTTP_DESKGATE_FLIGHT_RETRIES);
    }

    ngx_http_deskgate_zone_lock();
    err = dg_cache_fail(ngx_http_deskgate_cache(), &flight->key,
                        flight->lease, ngx_current_msec + retry,
                        flight->refusal);
    ngx_http_deskgate_zone_unlock();

    if (err != DG_OK) {
        ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "deskgate: another request has the lease by now");
    }

    flight->leading = 0;
    flight->reason = reason;
    ngx_http_deskgate_wake_waiting();

    if (flight->landed) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "deskgate: %s \"%V\" could not be refreshed (%s); the "
                      "old one is used while it is valid",
                      flight->source->what, &flight->name, reason);
        return NGX_OK;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_deskgate_flight_end(ngx_http_deskgate_flight_t *flight,
    ngx_int_t rc)
{
    return rc == NGX_DECLINED
           ? ngx_http_deskgate_refused(flight->ctx, flight->refusal,
                                       flight->reason)
           : rc;
}


static void
ngx_http_deskgate_wake_waiting(void)
{
    ngx_queue_t                 *q;
    ngx_http_deskgate_flight_t  *flight;

    while (!ngx_queue_empty(&ngx_http_deskgate_worker.waiting)) {
        q = ngx_queue_head(&ngx_http_deskgate_worker.waiting);
        ngx_queue_remove(q);

        flight = ngx_queue_data(q, ngx_http_deskgate_flight_t, waiter);
        flight->waiting = 0;

        ngx_post_event(&flight->wake, &ngx_posted_events);
    }
}


/* The call ends, or cannot fetch: whoever waits takes over. */

static void
ngx_http_deskgate_flight_abandon(ngx_http_deskgate_flight_t *flight)
{
    if (flight->leading) {
        flight->leading = 0;

        ngx_http_deskgate_zone_lock();
        dg_cache_abandon(ngx_http_deskgate_cache(), &flight->key,
                         flight->lease);
        ngx_http_deskgate_zone_unlock();

        ngx_http_deskgate_wake_waiting();
    }

    ngx_http_deskgate_flight_unpark(flight);
}


static void
ngx_http_deskgate_flight_unpark(ngx_http_deskgate_flight_t *flight)
{
    if (flight->waiting) {
        flight->waiting = 0;
        ngx_queue_remove(&flight->waiter);
    }

    if (flight->wake.posted) {
        ngx_delete_posted_event(&flight->wake);
    }

    if (flight->wake.timer_set) {
        ngx_del_timer(&flight->wake);
    }
}
