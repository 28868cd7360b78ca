/*
 * Copyright (C) the deskgate authors
 *
 * The status page (JSON) and the readiness answer.  No secret is on either.
 */

#include "ngx_http_deskgate_bearer.h"

#define NGX_HTTP_DESKGATE_STATUS_SIZE  (512 * 1024)
#define NGX_HTTP_DESKGATE_STATUS_KEYS  (256 * 1024)  /* bytes for keys */
#define NGX_HTTP_DESKGATE_STS_BODY     (24 * 1024)


static ngx_int_t ngx_http_deskgate_status_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_deskgate_ready_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_deskgate_page_send(ngx_http_request_t *r,
    ngx_uint_t status, dg_span_t body);
static void ngx_http_deskgate_status_services(dg_writer_t *w);
static void ngx_http_deskgate_status_service(dg_writer_t *w, unsigned row,
    dg_span_t name);
static void ngx_http_deskgate_status_counts(dg_writer_t *w);
static void ngx_http_deskgate_status_brokers(dg_writer_t *w);
static void ngx_http_deskgate_status_issuers(dg_writer_t *w);
static void ngx_http_deskgate_status_cached(dg_writer_t *w, const char *name,
    const dg_cache_key_t *key);
static void ngx_http_deskgate_status_credentials(dg_writer_t *w);
static void ngx_http_deskgate_status_files(dg_writer_t *w);
static void ngx_http_deskgate_status_reread(dg_writer_t *w,
    ngx_http_deskgate_file_t *file);
static void ngx_http_deskgate_status_keys(dg_writer_t *w);
static void ngx_http_deskgate_status_key(dg_writer_t *w, dg_span_t file,
    const dg_key_t *key);
static void ngx_http_deskgate_status_zone(dg_writer_t *w);
static void ngx_http_deskgate_status_trail(dg_writer_t *w);
static const char *ngx_http_deskgate_not_ready(void);


static void
ngx_http_deskgate_status_next(dg_writer_t *w)
{
    if (w->len && w->data[w->len - 1] != '{' && w->data[w->len - 1] != '[') {
        dg_write_char(w, ',');
    }
}


static void
ngx_http_deskgate_status_number(dg_writer_t *w, const char *name,
    int64_t value)
{
    ngx_http_deskgate_status_next(w);
    dg_json_write_name(w, name);
    dg_write_i64(w, value);
}


static void
ngx_http_deskgate_status_text(dg_writer_t *w, const char *name,
    dg_span_t value)
{
    ngx_http_deskgate_status_next(w);
    dg_json_write_name(w, name);
    dg_json_write_string(w, value);
}


static void
ngx_http_deskgate_status_open(dg_writer_t *w, const char *name, char bracket)
{
    ngx_http_deskgate_status_next(w);

    if (name) {
        dg_json_write_name(w, name);
    }

    dg_write_char(w, bracket);
}


char *
ngx_http_deskgate_conf_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_deskgate_status_handler;

    return NGX_CONF_OK;
}


char *
ngx_http_deskgate_conf_ready(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_deskgate_ready_handler;

    return NGX_CONF_OK;
}


/* These are no calls and leave no record. */

ngx_uint_t
ngx_http_deskgate_is_page(ngx_http_request_t *r)
{
    return r->content_handler == ngx_http_deskgate_status_handler
           || r->content_handler == ngx_http_deskgate_ready_handler
           || r->content_handler == ngx_http_deskgate_document_handler;
}


static ngx_int_t
ngx_http_deskgate_status_handler(ngx_http_request_t *r)
{
    ngx_int_t    rc;
    dg_writer_t  w;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_deskgate_worker.mcf == NULL) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    w = dg_writer(ngx_pnalloc(r->pool, NGX_HTTP_DESKGATE_STATUS_SIZE),
                  NGX_HTTP_DESKGATE_STATUS_SIZE);
    if (w.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_deskgate_status_open(&w, NULL, '{');
    ngx_http_deskgate_status_number(&w, "time", ngx_time());
    ngx_http_deskgate_status_number(&w, "pid", ngx_pid);
    ngx_http_deskgate_status_services(&w);
    ngx_http_deskgate_status_counts(&w);
    ngx_http_deskgate_status_credentials(&w);
    ngx_http_deskgate_status_issuers(&w);
    ngx_http_deskgate_status_brokers(&w);
    ngx_http_deskgate_status_trail(&w);
    ngx_http_deskgate_status_zone(&w);
    ngx_http_deskgate_status_files(&w);
    ngx_http_deskgate_status_keys(&w);
    dg_write_cstr(&w, "}\n");

    if (w.overflow) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_deskgate_page_send(r, NGX_HTTP_OK, dg_written(&w));
}


static ngx_int_t
ngx_http_deskgate_page_send(ngx_http_request_t *r, ngx_uint_t status,
    dg_span_t body)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.status = status;
    r->headers_out.content_length_n = body.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = (u_char *) body.data;
    b->last = b->pos + body.len;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static void
ngx_http_deskgate_status_services(dg_writer_t *w)
{
    ngx_uint_t       i, n;
    dg_service_t   **services;

    services = ngx_http_deskgate_worker.mcf->services.elts;
    n = ngx_min(ngx_http_deskgate_worker.mcf->services.nelts,
                DG_COUNTERS_SERVICES_MAX);

    ngx_http_deskgate_status_open(w, "services", '{');

    for (i = 0; i < n; i++) {
        ngx_http_deskgate_status_service(w, i, services[i]->name);
    }

    ngx_http_deskgate_status_service(w, DG_COUNTERS_OTHER, DG_SPAN("none"));
    dg_write_char(w, '}');
}


static void
ngx_http_deskgate_status_service(dg_writer_t *w, unsigned row,
    dg_span_t name)
{
    uint64_t        n;
    ngx_uint_t      i;
    dg_counters_t  *counters;

    counters = ngx_http_deskgate_counters();

    ngx_http_deskgate_status_next(w);
    dg_json_write_string(w, name);
    dg_write_cstr(w, ":{");

    for (i = 0; i < DG_COUNT_SERVICE_COUNT; i++) {
        ngx_http_deskgate_status_number(w, dg_count_service_name(i),
                                   dg_counted_service(counters, row, i));
    }

    ngx_http_deskgate_status_open(w, "refused", '{');

    for (i = 1; i < DG_REFUSAL_COUNT; i++) {
        n = dg_counted_refusal(counters, row, i);

        if (n) {
            ngx_http_deskgate_status_number(w, dg_refusal_info(i)->name, n);
        }
    }

    dg_write_cstr(w, "}}");
}


static void
ngx_http_deskgate_status_counts(dg_writer_t *w)
{
    ngx_uint_t      i;
    dg_counters_t  *counters;

    counters = ngx_http_deskgate_counters();

    ngx_http_deskgate_status_open(w, "counts", '{');

    for (i = 0; i < DG_COUNT_GLOBAL_COUNT; i++) {
        ngx_http_deskgate_status_number(w, dg_count_global_name(i),
                                        dg_counted(counters, i));
    }

    dg_write_char(w, '}');

    ngx_http_deskgate_status_number(w, "clock_offset_ms",
                                    dg_gauge(counters,
                                             DG_GAUGE_CLOCK_OFFSET));
}


static void
ngx_http_deskgate_status_credentials(dg_writer_t *w)
{
    u_char                             body[NGX_HTTP_DESKGATE_STS_BODY];
    dg_arena_t                         arena;
    ngx_uint_t                         i;
    dg_cache_key_t                     key;
    ngx_http_deskgate_main_conf_t     *mcf;
    ngx_http_deskgate_credentials_t  **c;

    mcf = ngx_http_deskgate_worker.mcf;
    c = mcf->credentials.elts;

    ngx_http_deskgate_status_open(w, "credentials", '[');

    for (i = 0; i < mcf->credentials.nelts; i++) {
        ngx_http_deskgate_status_open(w, NULL, '{');
        ngx_http_deskgate_status_text(w, "name",
                                      ngx_http_deskgate_span(&c[i]->name));
        ngx_http_deskgate_status_text(w, "provider",
                                      dg_span_cstr(c[i]->provider));

        if (c[i]->credentials.access_key_id.len) {
            ngx_http_deskgate_status_text(w, "access_key_id",
                                          c[i]->credentials.access_key_id);
        }

        if (c[i]->credentials.expires_at) {
            ngx_http_deskgate_status_number(w, "expires_in",
                               c[i]->credentials.expires_at - ngx_time());
        }

        /* rules give each caller others */

        dg_arena_init(&arena, body, sizeof(body));

        if (ngx_http_deskgate_credentials_key(&arena, c[i], &key) == NGX_OK) {
            ngx_http_deskgate_status_cached(w, "credentials", &key);
        }

        dg_write_char(w, '}');
    }

    dg_write_char(w, ']');
}


/* Those whose keys are fetched; files tell of the others. */

static void
ngx_http_deskgate_status_issuers(dg_writer_t *w)
{
    ngx_uint_t                      i;
    dg_cache_key_t                  key;
    ngx_http_deskgate_issuer_t    **issuer;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_deskgate_worker.mcf;
    issuer = mcf->issuers.elts;

    ngx_http_deskgate_status_open(w, "issuers", '[');

    for (i = 0; i < mcf->issuers.nelts; i++) {
        if (issuer[i]->jwks_uri.len == 0
            || ngx_http_deskgate_jwks_key(issuer[i], 0, &key) != NGX_OK)
        {
            continue;
        }

        ngx_http_deskgate_status_open(w, NULL, '{');
        ngx_http_deskgate_status_text(w, "name",
                                  ngx_http_deskgate_span(&issuer[i]->name));
        ngx_http_deskgate_status_cached(w, "keys", &key);
        dg_write_char(w, '}');
    }

    dg_write_char(w, ']');
}


static void
ngx_http_deskgate_status_brokers(dg_writer_t *w)
{
    ngx_uint_t                      i;
    dg_cache_key_t                  key;
    ngx_http_deskgate_broker_t    **b;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_deskgate_worker.mcf;
    b = mcf->brokers.elts;

    ngx_http_deskgate_status_open(w, "brokers", '[');

    for (i = 0; i < mcf->brokers.nelts; i++) {
        ngx_memcpy(key.bytes, b[i]->key, DG_CACHE_KEY_SIZE);

        ngx_http_deskgate_status_open(w, NULL, '{');
        ngx_http_deskgate_status_text(w, "name",
                                      ngx_http_deskgate_span(&b[i]->name));
        ngx_http_deskgate_status_cached(w, "token", &key);
        dg_write_char(w, '}');
    }

    dg_write_char(w, ']');
}


/* Whether a value of the cache is held, and since and until when. */

static void
ngx_http_deskgate_status_cached(dg_writer_t *w, const char *name,
    const dg_cache_key_t *key)
{
    int64_t          now;
    ngx_uint_t       found;
    dg_cache_info_t  info;

    now = ngx_current_msec;
    found = ngx_http_deskgate_cache_peek(key, &info);

    ngx_http_deskgate_status_text(w, name,
                                  found && info.has_value ? DG_SPAN("held")
                                  : info.retry_at ? DG_SPAN("failed")
                                                  : DG_SPAN("none"));

    if (found && info.has_value) {
        ngx_http_deskgate_status_number(w, "age_ms", now - info.filled);
        ngx_http_deskgate_status_number(w, "refresh_in_ms", info.soft - now);
        ngx_http_deskgate_status_number(w, "expires_in_ms", info.hard - now);
    }

    if (found && info.retry_at) {
        ngx_http_deskgate_status_number(w, "retry_in_ms",
                                        info.retry_at - now);
        ngx_http_deskgate_status_number(w, "failures", info.failures);
    }
}


static void
ngx_http_deskgate_status_trail(dg_writer_t *w)
{
    dg_counters_t  *counters;

    counters = ngx_http_deskgate_counters();

    ngx_http_deskgate_status_open(w, "trail", '{');
    ngx_http_deskgate_status_text(w, "state",
                                  dg_trail_failing(counters)
                                  ? DG_SPAN("failing") : DG_SPAN("ok"));
    ngx_http_deskgate_status_number(w, "written_at",
                            dg_gauge(counters, DG_GAUGE_TRAIL_WRITTEN_AT));
    ngx_http_deskgate_status_number(w, "failed_at",
                            dg_gauge(counters, DG_GAUGE_TRAIL_FAILED_AT));
    dg_write_char(w, '}');
}


static void
ngx_http_deskgate_status_zone(dg_writer_t *w)
{
    dg_cache_stats_t           cache;
    dg_replay_stats_t          replay;
    dg_throttle_stats_t        throttle;
    ngx_http_deskgate_zone_t  *zone;

    zone = ngx_http_deskgate_worker.mcf->zone;

    ngx_http_deskgate_zone_lock();
    throttle = dg_throttle_stats(ngx_http_deskgate_throttle_table());
    replay = dg_replay_stats(ngx_http_deskgate_replay(), ngx_time());
    cache = dg_cache_stats(ngx_http_deskgate_cache(), ngx_current_msec);
    ngx_http_deskgate_zone_unlock();

    ngx_http_deskgate_status_open(w, "zone", '{');
    ngx_http_deskgate_status_text(w, "name",
                                  ngx_http_deskgate_span(&zone->name));
    ngx_http_deskgate_status_number(w, "bytes", zone->size);
    ngx_http_deskgate_status_number(w, "throttle_slots", throttle.slots);
    ngx_http_deskgate_status_number(w, "throttle_touched", throttle.touched);
    ngx_http_deskgate_status_number(w, "throttle_evictions",
                                    throttle.evictions);
    ngx_http_deskgate_status_number(w, "replay_slots", replay.slots);
    ngx_http_deskgate_status_number(w, "replay_used", replay.used);
    ngx_http_deskgate_status_number(w, "cache_entries", cache.entries);
    ngx_http_deskgate_status_number(w, "cache_blocks", cache.blocks);
    ngx_http_deskgate_status_number(w, "cache_blocks_used",
                                    cache.blocks_used);
    dg_write_char(w, '}');
}


static void
ngx_http_deskgate_status_files(dg_writer_t *w)
{
    ngx_uint_t                      i;
    ngx_http_deskgate_file_t       *file;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_deskgate_worker.mcf;
    file = mcf->files.elts;

    ngx_http_deskgate_status_open(w, "files", '[');

    for (i = 0; i < mcf->files.nelts; i++) {

        /* the hash of a file with a single secret says too much of it */

        if (ngx_strcmp(file[i].kind, "secret") == 0
            || ngx_strcmp(file[i].kind, "credentials") == 0)
        {
            continue;
        }

        ngx_http_deskgate_status_open(w, NULL, '{');
        ngx_http_deskgate_status_text(w, "path",
                                      ngx_http_deskgate_span(&file[i].path));
        ngx_http_deskgate_status_text(w, "kind", dg_span_cstr(file[i].kind));
        ngx_http_deskgate_status_reread(w, &file[i]);
        dg_write_char(w, '}');
    }

    dg_write_char(w, ']');
}


/* What is in force, which a broken file is not. */

static void
ngx_http_deskgate_status_reread(dg_writer_t *w,
    ngx_http_deskgate_file_t *file)
{
    ngx_uint_t                         i;
    ngx_http_deskgate_reread_t       **reread;
    ngx_http_deskgate_main_conf_t     *mcf;
    ngx_http_deskgate_reread_state_t  *state;

    mcf = ngx_http_deskgate_worker.mcf;
    reread = mcf->rereads.elts;

    for (i = 0; i < mcf->rereads.nelts; i++) {
        if (reread[i]->path.len != file->path.len
            || ngx_strncmp(reread[i]->path.data, file->path.data,
                           file->path.len)
               != 0)
        {
            continue;
        }

        state = &ngx_http_deskgate_worker.rereads[i];

        ngx_http_deskgate_status_text(w, "sha256",
                       dg_span(state->content->hash, DG_SHA256_HEX_SIZE));

        if (state->read_at) {
            ngx_http_deskgate_status_number(w, "read_at", state->read_at);
        }

        if (state->failed_at) {
            ngx_http_deskgate_status_number(w, "failed_at",
                                            state->failed_at);
            ngx_http_deskgate_status_text(w, "failure",
                                          dg_span_cstr(state->wrong));
        }

        return;
    }

    ngx_http_deskgate_status_text(w, "sha256",
                                  dg_span(file->hash, DG_SHA256_HEX_SIZE));
}


/* Each key and when it was last used, as many as have room. */

static void
ngx_http_deskgate_status_keys(dg_writer_t *w)
{
    size_t                          n, k, end, left_out;
    ngx_uint_t                      i;
    ngx_http_deskgate_keys_t      **keys;
    ngx_http_deskgate_keyset_t     *set;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_deskgate_worker.mcf;
    keys = mcf->keys.elts;
    end = w->len + NGX_HTTP_DESKGATE_STATUS_KEYS;
    left_out = 0;

    ngx_http_deskgate_status_open(w, "keys", '[');

    for (i = 0; i < mcf->keys.nelts; i++) {
        set = ngx_http_deskgate_reread_now(keys[i]->file)->data;
        n = dg_keyfile_count(set->keyfile);

        for (k = 0; k < n; k++) {
            if (w->len + 4 * DG_KEY_PRINCIPAL_MAX > end
                || w->len + 4 * DG_KEY_PRINCIPAL_MAX > w->cap)
            {
                left_out += n - k;
                break;
            }

            ngx_http_deskgate_status_key(w,
                                     ngx_http_deskgate_span(&keys[i]->name),
                                     dg_keyfile_key(set->keyfile, k));
        }
    }

    dg_write_char(w, ']');
    ngx_http_deskgate_status_number(w, "keys_left_out", left_out);
}


static void
ngx_http_deskgate_status_key(dg_writer_t *w, dg_span_t file,
    const dg_key_t *key)
{
    int64_t  used;

    used = dg_key_last_use(ngx_http_deskgate_key_use(),
                           key->credentials.access_key_id);

    ngx_http_deskgate_status_open(w, NULL, '{');
    ngx_http_deskgate_status_text(w, "keys", file);
    ngx_http_deskgate_status_text(w, "access_key_id",
                                  key->credentials.access_key_id);
    ngx_http_deskgate_status_text(w, "principal", key->principal);
    ngx_http_deskgate_status_text(w, "state",
                                  dg_key_judge(key, ngx_time()) == DG_ALLOWED
                                  ? DG_SPAN("active") : DG_SPAN("inactive"));
    ngx_http_deskgate_status_number(w, "last_used", used);

    if (key->credentials.expires_at) {
        ngx_http_deskgate_status_number(w, "expires_in",
                               key->credentials.expires_at - ngx_time());
    }

    if (key->break_glass) {
        ngx_http_deskgate_status_next(w);
        dg_write_cstr(w, "\"break_glass\":true");
    }

    dg_write_char(w, '}');
}


static ngx_int_t
ngx_http_deskgate_ready_handler(ngx_http_request_t *r)
{
    ngx_int_t     rc;
    dg_writer_t   w;
    const char   *reason;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    w = dg_writer(ngx_pnalloc(r->pool, 256), 256);
    if (w.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    reason = ngx_http_deskgate_not_ready();

    dg_write_cstr(&w, reason ? "{\"ready\":false,\"reason\":\""
                             : "{\"ready\":true");

    if (reason) {
        dg_write_cstr(&w, reason);
        dg_write_char(&w, '"');
    }

    dg_write_cstr(&w, "}\n");

    return ngx_http_deskgate_page_send(r,
               reason ? NGX_HTTP_SERVICE_UNAVAILABLE : NGX_HTTP_OK,
               dg_written(&w));
}


static const char *
ngx_http_deskgate_not_ready(void)
{
    time_t                             now;
    ngx_uint_t                         i;
    ngx_http_deskgate_main_conf_t     *mcf;
    ngx_http_deskgate_credentials_t  **c;

    mcf = ngx_http_deskgate_worker.mcf;

    if (mcf == NULL) {
        return "no zone is configured";
    }

    if (ngx_exiting || ngx_terminate) {
        return "shutting down";
    }

    if (dg_trail_failing(ngx_http_deskgate_counters())) {
        return "a trail cannot be written";
    }

    now = ngx_time();
    c = mcf->credentials.elts;

    for (i = 0; i < mcf->credentials.nelts; i++) {
        if (c[i]->credentials.expires_at
            && c[i]->credentials.expires_at <= now)
        {
            return "credentials have expired";
        }
    }

    return NULL;
}
