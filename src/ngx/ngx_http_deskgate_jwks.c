/*
 * Copyright (C) the deskgate authors
 *
 * Key sets of issuers that are fetched from an internal location.  The text
 * is fetched once for all workers, refreshed ahead, and kept for a bounded
 * time while the issuer is away; each worker keeps what it read of it.
 *
 * A key that is not in the set may be new: the set is fetched once more, at
 * most once in an interval, whatever tokens come.  That answer stands in for
 * the other as well, for workers that begin later.
 */

#include "ngx_http_deskgate_bearer.h"

#define NGX_HTTP_DESKGATE_JWKS_MEMORY  (8 * 1024 * 1024)


static ngx_http_deskgate_flight_t *ngx_http_deskgate_jwks_flight(
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_issuer_t *issuer,
    ngx_uint_t again);
static ngx_int_t ngx_http_deskgate_jwks_take(
    ngx_http_deskgate_flight_t *flight);
static ngx_int_t ngx_http_deskgate_jwks_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request);
static const char *ngx_http_deskgate_jwks_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer);


static const ngx_http_deskgate_source_t  ngx_http_deskgate_jwks_source = {
    "the key set of issuer",
    "the issuer's key set could not be fetched shortly before",
    DG_REFUSE_ISSUER_UNAVAILABLE,
    { NULL, 0 },
    DG_CACHE_VALUE_MAX,
    ngx_http_deskgate_jwks_ask,
    ngx_http_deskgate_jwks_read
};

static const ngx_http_deskgate_source_t  ngx_http_deskgate_again_source = {
    "for a key that is not known, the key set of issuer",
    "the issuer's key set could not be fetched shortly before",
    DG_REFUSE_ISSUER_UNAVAILABLE,
    { NULL, 0 },
    DG_CACHE_VALUE_MAX,
    ngx_http_deskgate_jwks_ask,
    ngx_http_deskgate_jwks_read
};


dg_err_t
ngx_http_deskgate_jwks_load(dg_span_t text, dg_jwks_t **set,
    dg_diag_t *diag)
{
    void        *scratch;
    dg_err_t     err;
    dg_arena_t   arena;

    *set = NULL;

    scratch = ngx_alloc(NGX_HTTP_DESKGATE_JWKS_MEMORY, ngx_cycle->log);
    if (scratch == NULL) {
        return DG_ERR_MEMORY;
    }

    dg_arena_init(&arena, scratch, NGX_HTTP_DESKGATE_JWKS_MEMORY);
    err = dg_jwks_load(&arena, text, set, diag);
    ngx_free(scratch);

    return err;
}


/* Where the text is shared; `again`: what an unknown key made us fetch. */

ngx_int_t
ngx_http_deskgate_jwks_key(const ngx_http_deskgate_issuer_t *issuer,
    ngx_uint_t again, dg_cache_key_t *key)
{
    dg_span_t  texts[3];

    texts[0] = again ? DG_SPAN("jwks again") : DG_SPAN("jwks");
    texts[1] = ngx_http_deskgate_span(&issuer->name);
    texts[2] = ngx_http_deskgate_span(&issuer->jwks_uri);

    return ngx_http_deskgate_cache_key(ngx_http_deskgate_worker.crypto, texts,
                                       3, key);
}


/*
 * The keys of an issuer as they are now, good until the worker does something
 * else.  NULL: they have to be fetched, or looked for in the zone.
 */

const dg_jwks_t *
ngx_http_deskgate_jwks_now(const ngx_http_deskgate_issuer_t *issuer)
{
    if (issuer->own) {
        return issuer->own;
    }

    return issuer->jwks ? ngx_http_deskgate_reread_now(issuer->jwks)->data
                        : NULL;
}


/*
 * NGX_OK: *keys, likewise; else as ngx_http_deskgate_fly().  With `again`
 * they are no older than the interval in which an unknown key may be asked
 * for.
 */

ngx_int_t
ngx_http_deskgate_jwks_fetch(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_issuer_t *issuer,
    ngx_uint_t again, const dg_jwks_t **keys)
{
    ngx_int_t                    rc;
    ngx_http_deskgate_flight_t  *flight;

    flight = ngx_http_deskgate_jwks_flight(ctx, issuer, again);
    if (flight == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_deskgate_fly(r, flight);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_deskgate_jwks_take(flight) != NGX_OK) {
        return NGX_ERROR;
    }

    *keys = ngx_http_deskgate_worker.key_sets[issuer->index].keys;

    return NGX_OK;
}


static ngx_http_deskgate_flight_t *
ngx_http_deskgate_jwks_flight(ngx_http_deskgate_ctx_t *ctx,
    ngx_http_deskgate_issuer_t *issuer, ngx_uint_t again)
{
    ngx_http_deskgate_flight_t        *flight;
    const ngx_http_deskgate_source_t  *source;

    source = again ? &ngx_http_deskgate_again_source
                   : &ngx_http_deskgate_jwks_source;

    flight = ngx_http_deskgate_flight_of(ctx, source, issuer);
    if (flight) {
        return flight;
    }

    flight = ngx_http_deskgate_flight_create(ctx, source, issuer, NULL);
    if (flight == NULL) {
        return NULL;
    }

    flight->name = issuer->name;

    if (again) {
        /* not ahead of its end: that would be twice in an interval */
        flight->refresh = 2 * issuer->jwks_again;
        flight->life = issuer->jwks_again;
        flight->pause = issuer->jwks_again;

    } else {
        flight->refresh = issuer->jwks_refresh;
        flight->life = issuer->jwks_keep;
    }

    return ngx_http_deskgate_jwks_key(issuer, again, &flight->key) == NGX_OK
           ? flight : NULL;
}


/*
 * What landed, unless this worker has something newer.  The same text again
 * is the usual case, and changes nothing.
 */

static ngx_int_t
ngx_http_deskgate_jwks_take(ngx_http_deskgate_flight_t *flight)
{
    uint8_t                        hash[DG_SHA256_SIZE];
    dg_diag_t                      diag;
    dg_jwks_t                     *keys;
    ngx_http_deskgate_issuer_t    *issuer;
    ngx_http_deskgate_key_set_t   *set;

    issuer = flight->object;
    set = &ngx_http_deskgate_worker.key_sets[issuer->index];

    if (set->keys && flight->version <= set->version) {
        return NGX_OK;
    }

    if (dg_sha256(ngx_http_deskgate_worker.crypto, flight->value, hash)
        != DG_OK)
    {
        return NGX_ERROR;
    }

    if (set->keys && ngx_memcmp(hash, set->hash, sizeof(hash)) == 0) {
        set->version = flight->version;
        return NGX_OK;
    }

    /* it was read before it was shared */

    if (ngx_http_deskgate_jwks_load(flight->value, &keys, &diag) != DG_OK) {
        return NGX_ERROR;
    }

    if (set->keys) {
        /* what another key had verified is to be verified anew */
        dg_token_cache_clear(ngx_http_deskgate_worker.tokens);
        dg_jwks_release(set->keys);
    }

    set->keys = keys;
    set->version = flight->version;
    ngx_memcpy(set->hash, hash, sizeof(hash));

    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                  "deskgate took a key set of issuer \"%V\": %uz keys",
                  &issuer->name, dg_jwks_count(keys));

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_jwks_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request)
{
    ngx_http_deskgate_issuer_t  *issuer = flight->object;

    static ngx_http_deskgate_header_t  headers[] = {
        { ngx_string("Accept"),
          ngx_string("application/jwk-set+json, application/json") }
    };

    request->uri = issuer->jwks_uri;
    request->method = NGX_HTTP_GET;
    ngx_str_set(&request->method_name, "GET");
    request->headers = headers;
    request->header_count = 1;

    return NGX_OK;
}


static const char *
ngx_http_deskgate_jwks_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer)
{
    dg_diag_t                    diag;
    dg_jwks_t                   *keys;
    dg_cache_key_t               key;
    ngx_http_deskgate_issuer_t  *issuer = flight->object;

    if (status != NGX_HTTP_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "deskgate: \"%V\" of issuer \"%V\" answered %ui",
                      &issuer->jwks_uri, &issuer->name, status);

        return "it did not answer 200";
    }

    diag.text[0] = '\0';

    if (ngx_http_deskgate_jwks_load(answer, &keys, &diag) != DG_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "deskgate: the key set of issuer \"%V\" is not taken: "
                      "%ui:%ui: %s", &issuer->name, (ngx_uint_t) diag.line,
                      (ngx_uint_t) diag.column, diag.text);

        return "its answer is no key set that may be used";
    }

    dg_jwks_release(keys);

    flight->fetched = answer;

    /* workers that do not know the new key yet find it here */

    if (flight->source == &ngx_http_deskgate_again_source
        && ngx_http_deskgate_jwks_key(issuer, 0, &key) == NGX_OK)
    {
        ngx_http_deskgate_cache_replace(&key, answer, issuer->jwks_refresh,
                                        issuer->jwks_keep);
    }

    return NULL;
}


void
ngx_http_deskgate_jwks_exit_worker(void)
{
    ngx_uint_t                   i;
    ngx_http_deskgate_worker_t  *worker;

    worker = &ngx_http_deskgate_worker;

    for (i = 0; worker->key_sets && i < worker->mcf->issuers.nelts; i++) {
        dg_jwks_release(worker->key_sets[i].keys);
    }
}
