/*
 * Copyright (C) the deskgate authors
 *
 * Facts of resources for policies: looked up through an internal location,
 * kept for all workers, each resource on its own, until a call through the
 * gateway changes it.  What is not kept is asked for together.
 */

#include "ngx_http_deskgate_facts.h"

#define NGX_HTTP_DESKGATE_FACTS_NONE   2000  /* ms: it may be there soon */
#define NGX_HTTP_DESKGATE_FACTS_RETRY  1     /* ms, when asked for alone */


/* One kind of lookup of a call */

typedef struct {
    const dg_lookup_t              *lookup;
    ngx_http_deskgate_lookup_t     *conf;
    ngx_http_deskgate_flight_t    **flights;     /* of each id */

    ngx_http_deskgate_flight_t     *first;       /* that is asked for */
    dg_span_t                      *asked;       /* ids of it and its mates */
    dg_facts_t                     *told;        /* of them */
    size_t                          count;
    size_t                          next;        /* to take what is told */
    ngx_str_t                       body;
    const char                     *reason;      /* that nothing was */

    unsigned                        alone:1;     /* one id by one */
    unsigned                        resent:1;    /* with another token */
    unsigned                        again:1;
} ngx_http_deskgate_lookups_t;

struct ngx_http_deskgate_facts_s {
    dg_lookup_plan_t                plan;
    ngx_http_deskgate_lookups_t    *lookups;     /* of the plan */
    dg_facts_t                     *about;       /* each resource */
    size_t                          resource_count;
    unsigned                        fetched:1;
    unsigned                        done:1;
};


static ngx_http_deskgate_lookup_t *ngx_http_deskgate_facts_conf(
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_facts_create(ngx_http_deskgate_ctx_t *ctx,
    ngx_http_deskgate_lookup_t *conf, ngx_http_deskgate_facts_t *facts);
static ngx_int_t ngx_http_deskgate_facts_flights(
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_lookups_t *l);
static ngx_int_t ngx_http_deskgate_facts_key(
    const ngx_http_deskgate_lookup_t *conf, const dg_operation_t *lookup,
    dg_span_t id, dg_cache_key_t *key);
static ngx_int_t ngx_http_deskgate_facts_take(ngx_http_deskgate_ctx_t *ctx,
    ngx_http_deskgate_facts_t *facts);
static ngx_int_t ngx_http_deskgate_facts_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request);
static ngx_int_t ngx_http_deskgate_facts_headers(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request);
static const char *ngx_http_deskgate_facts_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer);
static void ngx_http_deskgate_facts_answer(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer);
static const char *ngx_http_deskgate_facts_keep(
    ngx_http_deskgate_flight_t *flight, const dg_facts_t *told);
static ngx_uint_t ngx_http_deskgate_facts_is_id(dg_span_t name);


static const ngx_http_deskgate_source_t  ngx_http_deskgate_facts_source = {
    "facts of a resource of",
    "a lookup of the resource failed shortly before",
    DG_REFUSE_FACTS_UNAVAILABLE,
    { NULL, 0 },
    DG_LOOKUP_ANSWER_MAX,
    ngx_http_deskgate_facts_ask,
    ngx_http_deskgate_facts_read
};


ngx_int_t
ngx_http_deskgate_facts_find(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, const dg_conditions_needs_t *needs,
    const dg_facts_t **about)
{
    dg_err_t                     err;
    ngx_int_t                    rc;
    ngx_http_deskgate_facts_t   *facts;
    ngx_http_deskgate_lookup_t  *conf;

    *about = NULL;
    conf = ngx_http_deskgate_facts_conf(ctx);

    if (needs->fact_count == 0 || conf == NULL) {
        return NGX_OK;
    }

    if (ctx->facts == NULL) {
        facts = dg_arena_calloc(&ctx->arena, 1,
                                sizeof(ngx_http_deskgate_facts_t));
        if (facts == NULL) {
            return NGX_ERROR;
        }

        err = dg_lookup_plan(&ctx->arena, ctx->call.operation, needs,
                             ctx->resources, ctx->resource_count,
                             &facts->plan);

        if (err == DG_ERR_LIMIT) {
            return ngx_http_deskgate_refused(ctx, DG_REFUSE_FACTS_UNAVAILABLE,
                       "too many resources in one call, or too long an id");
        }

        if (err != DG_OK
            || ngx_http_deskgate_facts_create(ctx, conf, facts) != NGX_OK)
        {
            return NGX_ERROR;
        }

        ctx->facts = facts;
    }

    rc = ngx_http_deskgate_facts_fly(r, ctx);

    if (rc == NGX_OK) {
        *about = ctx->facts->about;
    }

    return rc;
}


/* The location's lookups of the service that is called; NULL: none. */

static ngx_http_deskgate_lookup_t *
ngx_http_deskgate_facts_conf(ngx_http_deskgate_ctx_t *ctx)
{
    ngx_uint_t                    i;
    ngx_http_deskgate_lookup_t  **conf;

    if (ctx->lcf->lookups == NULL) {
        return NULL;
    }

    conf = ctx->lcf->lookups->elts;

    for (i = 0; i < ctx->lcf->lookups->nelts; i++) {
        if (conf[i]->service == ctx->call.service) {
            return conf[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_deskgate_facts_create(ngx_http_deskgate_ctx_t *ctx,
    ngx_http_deskgate_lookup_t *conf, ngx_http_deskgate_facts_t *facts)
{
    size_t  i;

    facts->resource_count = ctx->resource_count;
    facts->about = dg_arena_calloc(&ctx->arena, ctx->resource_count + 1,
                                   sizeof(dg_facts_t));
    facts->lookups = dg_arena_calloc(&ctx->arena, DG_LOOKUP_CALLS_MAX,
                                     sizeof(ngx_http_deskgate_lookups_t));

    if (facts->about == NULL || facts->lookups == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < facts->plan.count; i++) {
        facts->lookups[i].lookup = &facts->plan.lookups[i];
        facts->lookups[i].conf = conf;

        if (ngx_http_deskgate_facts_flights(ctx, &facts->lookups[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_facts_flights(ngx_http_deskgate_ctx_t *ctx,
    ngx_http_deskgate_lookups_t *l)
{
    size_t                       i, n;
    ngx_http_deskgate_flight_t  *flight;

    n = l->lookup->id_count;

    l->flights = dg_arena_alloc(&ctx->arena,
                                n * sizeof(ngx_http_deskgate_flight_t *));
    l->asked = dg_arena_alloc(&ctx->arena, n * sizeof(dg_span_t));
    l->told = dg_arena_alloc(&ctx->arena, n * sizeof(dg_facts_t));

    if (l->flights == NULL || l->asked == NULL || l->told == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        flight = ngx_http_deskgate_flight_create(ctx,
                     &ngx_http_deskgate_facts_source, l,
                     (void *) &l->lookup->ids[i]);

        if (flight == NULL
            || ngx_http_deskgate_facts_key(l->conf, l->lookup->operation,
                                           l->lookup->ids[i], &flight->key)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        flight->name = ngx_http_deskgate_str(l->conf->service->name);
        l->flights[i] = flight;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_facts_key(const ngx_http_deskgate_lookup_t *conf,
    const dg_operation_t *lookup, dg_span_t id, dg_cache_key_t *key)
{
    dg_span_t  texts[3];

    texts[0] = dg_span(conf->key.bytes, DG_CACHE_KEY_SIZE);
    texts[1] = lookup->name;
    texts[2] = id;

    return ngx_http_deskgate_cache_key(ngx_http_deskgate_worker.crypto, texts,
                                       3, key);
}


ngx_int_t
ngx_http_deskgate_facts_fly(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    size_t                        i;
    ngx_int_t                     rc;
    ngx_http_deskgate_facts_t    *facts;
    ngx_http_deskgate_lookups_t  *l;

    facts = ctx->facts;

    if (facts == NULL || facts->done) {
        return NGX_OK;
    }

    for (i = 0; i < facts->plan.count; i++) {
        l = &facts->lookups[i];

        rc = ngx_http_deskgate_fly_together(r, l->flights,
                 l->lookup->id_count,
                 l->alone ? 1 : l->lookup->operation->telling->max);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ngx_http_deskgate_facts_take(ctx, facts) != NGX_OK) {
        return NGX_ERROR;
    }

    facts->done = 1;

    return NGX_OK;
}


/* What all lookups told, resource by resource. */

static ngx_int_t
ngx_http_deskgate_facts_take(ngx_http_deskgate_ctx_t *ctx,
    ngx_http_deskgate_facts_t *facts)
{
    size_t              i, n;
    uint32_t            id;
    const dg_lookup_t  *lookup;

    for (i = 0; i < facts->plan.count; i++) {
        lookup = &facts->plan.lookups[i];

        for (n = 0; n < facts->resource_count; n++) {
            id = lookup->of[n];

            if (id != DG_LOOKUP_NO_ID
                && dg_lookup_unpack(&ctx->arena,
                                    facts->lookups[i].flights[id]->value,
                                    &facts->about[n])
                   != DG_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* For the flight and its mates. */

static ngx_int_t
ngx_http_deskgate_facts_ask(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request)
{
    size_t                        size;
    ngx_int_t                     rc;
    dg_writer_t                   w;
    const dg_operation_t         *operation;
    ngx_http_deskgate_flight_t   *f;
    ngx_http_deskgate_lookups_t  *l = flight->object;

    operation = l->lookup->operation;
    l->first = flight;
    l->count = 0;

    for (f = flight; f; f = f->mate) {
        l->asked[l->count++] = *(dg_span_t *) f->data;
    }

    size = dg_lookup_size(operation, l->asked, l->count);
    w = dg_writer(ngx_pnalloc(r->pool, size), size);
    if (w.data == NULL) {
        return NGX_ERROR;
    }

    dg_lookup_write(&w, operation, l->asked, l->count);
    request->body = ngx_http_deskgate_str(dg_written(&w));

    rc = ngx_http_deskgate_facts_headers(r, flight, request);
    if (rc != NGX_OK) {
        return rc;
    }

    request->uri.len = l->conf->uri.len + operation->uri.len;
    request->uri.data = ngx_pnalloc(r->pool, request->uri.len);
    if (request->uri.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ngx_cpymem(request->uri.data, l->conf->uri.data,
                          l->conf->uri.len),
               operation->uri.data, operation->uri.len);

    request->method = NGX_HTTP_POST;
    ngx_str_set(&request->method_name, "POST");

    flight->ctx->facts->fetched = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_facts_headers(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight,
    ngx_http_deskgate_fetch_request_t *request)
{
    size_t                        n, count;
    ngx_int_t                     rc;
    dg_header_t                   headers[DG_LOOKUP_HEADERS_MAX];
    dg_credentials_t              credentials;
    dg_lookup_signer_t            signer;
    ngx_http_deskgate_header_t   *h;
    ngx_http_deskgate_lookups_t  *l = flight->object;

    rc = l->conf->broker
         ? ngx_http_deskgate_broker_token(r, flight->ctx)
         : ngx_http_deskgate_provide(r, flight->ctx, l->conf->credentials,
                                     &credentials);
    if (rc != NGX_OK) {
        return rc;
    }

    signer.keys = ngx_http_deskgate_worker.signing_keys;
    signer.crypto = ngx_http_deskgate_worker.crypto;
    signer.credentials = &credentials;
    signer.host = ngx_http_deskgate_span(&l->conf->host);
    signer.region = ngx_http_deskgate_span(&l->conf->region);
    signer.now = ngx_time();

    if (dg_lookup_headers(&flight->ctx->arena, l->lookup->operation,
                          ngx_http_deskgate_span(&request->body), &signer,
                          ngx_http_deskgate_span(&flight->ctx->injected),
                          headers, &count)
        != DG_OK)
    {
        return NGX_ERROR;
    }

    h = ngx_palloc(r->pool, count * sizeof(ngx_http_deskgate_header_t));
    if (h == NULL) {
        return NGX_ERROR;
    }

    for (n = 0; n < count; n++) {
        h[n].name = ngx_http_deskgate_str(headers[n].name);
        h[n].value = ngx_http_deskgate_str(headers[n].value);
    }

    request->headers = h;
    request->header_count = count;

    return NGX_OK;
}


/* Called for the first and then for each of its mates. */

static const char *
ngx_http_deskgate_facts_read(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer)
{
    ngx_http_deskgate_lookups_t  *l = flight->object;

    if (flight == l->first) {
        ngx_http_deskgate_facts_answer(r, flight, status, answer);
        l->next = 0;
    }

    if (l->reason == NULL) {
        return ngx_http_deskgate_facts_keep(flight, &l->told[l->next++]);
    }

    flight->again = l->again;

    /*
     * A caller may name what the service does not take as an id; who else
     * waits for that one is not to wait longer for it.
     */

    if (l->count == 1 && status >= NGX_HTTP_BAD_REQUEST
        && status < NGX_HTTP_TOO_MANY_REQUESTS)
    {
        flight->retry = NGX_HTTP_DESKGATE_FACTS_RETRY;
    }

    return l->reason;
}


static void
ngx_http_deskgate_facts_answer(ngx_http_request_t *r,
    ngx_http_deskgate_flight_t *flight, ngx_uint_t status, dg_span_t answer)
{
    dg_err_t                      err;
    dg_diag_t                     diag;
    ngx_http_deskgate_lookups_t  *l = flight->object;

    diag.text[0] = '\0';
    l->reason = NULL;
    l->again = 0;

    err = dg_lookup_read(&flight->ctx->arena, l->lookup->operation, l->asked,
                         l->count, status, answer, l->told, &diag);

    if (err == DG_OK) {
        return;
    }

    l->reason = "the lookup gave no answer that can be read";

    if (err == DG_ERR_UNSUPPORTED) {
        l->reason = "the lookup was refused";

        if (l->conf->broker && status == NGX_HTTP_UNAUTHORIZED && !l->resent)
        {
            ngx_http_deskgate_broker_refused(flight->ctx);
            l->resent = 1;
            l->again = 1;
            return;
        }

        /* one id that is none is not to refuse what is said of the others */

        if (l->count > 1 && status < NGX_HTTP_TOO_MANY_REQUESTS
            && status >= NGX_HTTP_BAD_REQUEST)
        {
            l->alone = 1;
            l->again = 1;
            return;
        }
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "deskgate: lookup by \"%V\": %s", &l->conf->uri, diag.text);
}


static const char *
ngx_http_deskgate_facts_keep(ngx_http_deskgate_flight_t *flight,
    const dg_facts_t *told)
{
    size_t                        i, size;
    dg_writer_t                   w;
    ngx_http_deskgate_lookups_t  *l = flight->object;

    if (told->state == DG_FACTS_UNKNOWN) {
        return "the lookup told a part only";
    }

    for (i = 0, size = 1; i < told->count; i++) {
        size += told->rows[i].key.len + told->rows[i].value.len + 4;
    }

    if (size > DG_LOOKUP_PACKED_MAX) {
        return "there are too many facts of one resource";
    }

    w = dg_writer(dg_arena_alloc(&flight->ctx->arena, size), size);
    if (w.data == NULL) {
        return "no memory";
    }

    dg_lookup_pack(&w, told);

    if (w.overflow) {
        return "a fact is too long";
    }

    flight->fetched = dg_written(&w);
    flight->life = l->conf->ttl;

    if (told->state == DG_FACTS_NO_RESOURCE) {
        flight->life = ngx_min(flight->life, NGX_HTTP_DESKGATE_FACTS_NONE);
    }

    return NULL;
}


/*
 * Everything that is named by an id in a call which changes something, at
 * whatever location facts of it were asked for.  A lookup that is under way
 * is not kept either.
 */

void
ngx_http_deskgate_facts_forget(ngx_http_deskgate_ctx_t *ctx)
{
    size_t                        k, n;
    ngx_uint_t                    i;
    dg_cache_key_t                key;
    const dg_service_t           *service;
    const dg_operation_t         *lookup;
    const dg_inspect_value_t     *value;
    ngx_http_deskgate_lookup_t  **conf;

    if (ctx->call.operation == NULL || ctx->call.operation->read_only
        || ctx->inspection == NULL)
    {
        return;
    }

    service = ctx->call.service;
    conf = ngx_http_deskgate_worker.mcf->lookups.elts;

    for (i = 0; i < ngx_http_deskgate_worker.mcf->lookups.nelts; i++) {

        if (conf[i]->service != service) {
            continue;
        }

        for (k = 0; k < ctx->inspection->value_count; k++) {
            value = &ctx->inspection->values[k];

            if (!ngx_http_deskgate_facts_is_id(value->name)) {
                continue;
            }

            for (n = 0; n < service->operation_count; n++) {
                lookup = &service->operations[n];

                if (lookup->telling == NULL || lookup->telling->lookup.len == 0
                    || ngx_http_deskgate_facts_key(conf[i], lookup,
                                                   value->text, &key)
                       != NGX_OK)
                {
                    continue;
                }

                ngx_http_deskgate_zone_lock();
                dg_cache_drop(ngx_http_deskgate_cache(), &key, 0);
                ngx_http_deskgate_zone_unlock();
            }
        }
    }
}


/* A member "...Id" or "...Ids" */

static ngx_uint_t
ngx_http_deskgate_facts_is_id(dg_span_t name)
{
    return dg_span_ends_with(name, DG_SPAN("Id"))
           || dg_span_ends_with(name, DG_SPAN("Ids"));
}


dg_span_t
ngx_http_deskgate_facts_came(ngx_http_deskgate_ctx_t *ctx)
{
    if (ctx->facts == NULL || ctx->facts->plan.count == 0) {
        return DG_SPAN_EMPTY;
    }

    return ctx->facts->fetched ? DG_SPAN("looked_up") : DG_SPAN("cached");
}
