/*
 * Copyright (C) the deskgate authors
 *
 * One record a call, also of one that was refused, aborted or never came to
 * a location.  The snapshot is taken when the request ends; everything of
 * the request is still there then, and nothing of it is needed afterwards.
 */

#include "ngx_http_deskgate_facts.h"

#define NGX_HTTP_DESKGATE_RECORD_RESOURCES  100
#define NGX_HTTP_DESKGATE_ANSWER_HEADERS    64


static void ngx_http_deskgate_never_let_go(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static void ngx_http_deskgate_record_event(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_record_t *record);
static void ngx_http_deskgate_record_client(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_record_t *record);
static void ngx_http_deskgate_record_tls(ngx_http_request_t *r,
    dg_record_t *record);
static void ngx_http_deskgate_record_outcome(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_record_t *record);
static void ngx_http_deskgate_record_connection(
    ngx_http_deskgate_ctx_t *ctx, dg_record_t *record);
static void ngx_http_deskgate_record_answer(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_record_t *record);
static size_t ngx_http_deskgate_answer_headers(ngx_http_request_t *r,
    dg_header_t *headers);
static void ngx_http_deskgate_record_resources(ngx_http_deskgate_ctx_t *ctx,
    dg_record_t *record);
static void ngx_http_deskgate_record_upstream(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_record_t *record);
static dg_span_t ngx_http_deskgate_record_token(
    ngx_http_deskgate_ctx_t *ctx);
static dg_span_t ngx_http_deskgate_record_hash(ngx_http_deskgate_ctx_t *ctx,
    const uint8_t *hash);
static void ngx_http_deskgate_count(ngx_http_deskgate_ctx_t *ctx,
    const dg_record_t *record);


ngx_int_t
ngx_http_deskgate_log_handler(ngx_http_request_t *r)
{
    char                           event_id[DG_RECORD_EVENT_ID_SIZE];
    dg_record_t                    record;
    ngx_http_deskgate_ctx_t       *ctx;
    ngx_http_deskgate_loc_conf_t  *lcf;

    ctx = ngx_http_deskgate_get_ctx(r);
    lcf = ctx ? ctx->lcf : ngx_http_deskgate_conf_of(r);

    if (lcf == NULL || r->request_line.len == 0
        || (!(ctx && ctx->started) && ngx_http_deskgate_is_page(r)))
    {
        return NGX_OK;
    }

    if (ctx == NULL) {
        ctx = ngx_http_deskgate_create_ctx(r);
        if (ctx == NULL) {
            return NGX_OK;
        }

        ctx->lcf = lcf;
    }

    if (ctx->recorded) {
        return NGX_OK;
    }

    ctx->recorded = 1;

    ngx_http_deskgate_never_let_go(r, ctx);

    if (ctx->forwarded) {
        ngx_http_deskgate_facts_forget(ctx);
    }

    if (dg_random_uuid(ngx_http_deskgate_worker.crypto, event_id) != DG_OK) {
        ngx_memcpy(event_id, ctx->request_id, DG_RECORD_EVENT_ID_SIZE);
    }

    ngx_memzero(&record, sizeof(dg_record_t));
    record.event_id = dg_span(event_id, sizeof(event_id));

    ngx_http_deskgate_record_event(r, ctx, &record);
    ngx_http_deskgate_record_client(r, ctx, &record);
    ngx_http_deskgate_record_outcome(r, ctx, &record);
    ngx_http_deskgate_record_resources(ctx, &record);

    if (ctx->bucket) {
        record.bucket = ngx_http_deskgate_span(&ctx->bucket->text);
        record.retry_ms = ctx->retry_after;
    }

    if (ctx->decided) {
        ngx_http_deskgate_record_decision(ctx, &record);
    }

    ngx_http_deskgate_record_upstream(r, ctx, &record);

    ngx_http_deskgate_count(ctx, &record);

    ngx_http_deskgate_trail_append(lcf->trail, &record, r->connection->log);

    return NGX_OK;
}


/*
 * A call that ended before it was let go, without an answer of ours, was not
 * allowed: its client went away, or nginx gave up.
 */

static void
ngx_http_deskgate_never_let_go(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx)
{
    const dg_refusal_info_t  *info;

    if (ctx->forwarded || ctx->observing || ctx->refusal != DG_ALLOWED
        || r->headers_out.status < NGX_HTTP_BAD_REQUEST)
    {
        return;
    }

    ctx->refusal = dg_refusal_from_status(r->headers_out.status);
    info = dg_refusal_info(ctx->refusal);

    ctx->error_code = dg_span_cstr(info->aws_code);
    ctx->message = dg_span_cstr(info->text);
}


static void
ngx_http_deskgate_record_event(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_record_t *record)
{
    ngx_http_deskgate_offer_t  *offer;

    offer = ctx->offer ? ctx->offer : ctx->lcf->offers->elts;

    record->time = ngx_time();
    record->request_id = ctx->upstream_request_id.len && !ctx->swallowing
                         ? ngx_http_deskgate_span(&ctx->upstream_request_id)
                         : dg_span(ctx->request_id, sizeof(ctx->request_id));
    record->region = ngx_http_deskgate_span(&offer->region);
    record->account = ngx_http_deskgate_span(&ctx->lcf->trail->account);
    record->mode = ctx->observing ? DG_RECORD_OBSERVE : DG_RECORD_ENFORCE;

    if (ctx->call.service) {
        record->event_source = ctx->call.service->event_source;
        record->api_version = ctx->call.service->api_version;
        record->service = ctx->call.service->name;
    }

    if (ctx->call.operation) {
        record->event_name = ctx->call.operation->name;
        record->read_only = ctx->call.operation->read_only;
        record->protocol = dg_span_cstr(dg_protocol_name(ctx->call.protocol));
        return;
    }

    record->path = dg_request_path(&ctx->received);

    if (record->path.len == 0) {
        record->path = ngx_http_deskgate_span(&r->uri);
    }
}


static void
ngx_http_deskgate_record_client(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_record_t *record)
{
    ngx_time_t         *tp;
    const dg_header_t  *header;

    record->caller = ctx->caller.kind == DG_CALLER_NONE ? NULL : &ctx->caller;
    record->source_ip = ngx_http_deskgate_span(&r->connection->addr_text);

    if (r->headers_in.user_agent) {
        record->user_agent =
            ngx_http_deskgate_span(&r->headers_in.user_agent->value);
    }

    if (r->headers_in.host) {
        record->host = ngx_http_deskgate_span(&r->headers_in.host->value);
    }

    header = dg_request_header(&ctx->received,
                               DG_SPAN("amz-sdk-invocation-id"), NULL);
    record->invocation_id = header ? header->value : DG_SPAN_EMPTY;

    header = dg_request_header(&ctx->received, DG_SPAN("amz-sdk-request"),
                               NULL);
    record->attempt = header ? header->value : DG_SPAN_EMPTY;

    record->own_request_id = dg_span(ctx->request_id,
                                     sizeof(ctx->request_id));

    tp = ngx_timeofday();
    record->duration_ms = (tp->sec - r->start_sec) * 1000
                          + ((ngx_msec_int_t) tp->msec
                             - (ngx_msec_int_t) r->start_msec);
    record->bytes_received = r->request_length;
    record->bytes_sent = r->connection->sent;

    ngx_http_deskgate_record_tls(r, record);
}


static void
ngx_http_deskgate_record_tls(ngx_http_request_t *r, dg_record_t *record)
{
    SSL  *ssl;

    ssl = ngx_http_deskgate_client_ssl(r->connection);
    if (ssl == NULL) {
        return;
    }

    record->tls_version = dg_span_cstr(SSL_get_version(ssl));
    record->tls_cipher = dg_span_cstr(SSL_get_cipher_name(ssl));
}


/* The token itself may be a secret; what it was the same in is enough. */

static dg_span_t
ngx_http_deskgate_record_token(ngx_http_deskgate_ctx_t *ctx)
{
    char       *hex;
    dg_span_t   token;

    token = ctx->inspection->client_token;

    if (token.len == 0 || !(ctx->verified || ctx->observing)) {
        return DG_SPAN_EMPTY;
    }

    hex = dg_arena_alloc(&ctx->arena, DG_SHA256_HEX_SIZE);

    if (hex == NULL
        || dg_sha256_hex(ngx_http_deskgate_worker.crypto, token, hex) != DG_OK)
    {
        return DG_SPAN_EMPTY;
    }

    return dg_span(hex, DG_SHA256_HEX_SIZE);
}


static void
ngx_http_deskgate_record_outcome(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_record_t *record)
{
    record->status = r->headers_out.status;
    record->refusal = ctx->refusal;

    if (ctx->inspection) {
        record->request_parameters = ctx->verified || ctx->observing
                                     ? ctx->inspection->parameters
                                     : DG_SPAN_EMPTY;
        record->received_hash = ngx_http_deskgate_record_hash(ctx,
                                                         ctx->received_hash);
        record->client_token = ngx_http_deskgate_record_token(ctx);
    }

    if (r->connection->error || r->connection->timedout
        || record->status == NGX_HTTP_CLIENT_CLOSED_REQUEST)
    {
        record->aborted = ctx->body_reading || !ctx->started
                          ? DG_RECORD_DURING_REQUEST
                          : r->header_sent ? DG_RECORD_DURING_RESPONSE
                          : DG_RECORD_DURING_UPSTREAM;
    }

    if (ctx->error_code.len) {
        record->error_code = ctx->error_code;
        record->error_message = ctx->message;
        return;
    }

    record->response_elements = ctx->elements;

    if (ctx->capture == NULL || ctx->call.operation == NULL) {
        return;
    }

    if (ctx->call.operation->is_connection
        && ctx->status < NGX_HTTP_BAD_REQUEST)
    {
        ngx_http_deskgate_record_connection(ctx, record);
        return;
    }

    ngx_http_deskgate_record_answer(r, ctx, record);
}


/* Of the way into a session the record has who may go it, and how long. */

static void
ngx_http_deskgate_record_connection(ngx_http_deskgate_ctx_t *ctx,
    dg_record_t *record)
{
    dg_connection_token_t  *token;

    token = dg_arena_alloc(&ctx->arena, sizeof(dg_connection_token_t));

    if (token
        && dg_connection_read_token(&ctx->arena,
                                    dg_span(ctx->capture, ctx->capture_len),
                                    token))
    {
        record->connection = token;
    }

    dg_wipe(ctx->capture, ctx->capture_len);
}


/* What the upstream said, from the copy that the filter took. */

static void
ngx_http_deskgate_record_answer(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_record_t *record)
{
    dg_answer_t  answer;

    if (ngx_http_deskgate_answer(r, ctx, &answer) != NGX_OK) {
        return;
    }

    record->response_elements = answer.elements;
    record->error_code = answer.error_code;
    record->error_message = answer.error_message;
    record->failed_items = answer.failed_items;
}


/* The captured answer, read; it stays as long as the call. */

ngx_int_t
ngx_http_deskgate_answer(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx,
    dg_answer_t *answer)
{
    dg_header_t         headers[NGX_HTTP_DESKGATE_ANSWER_HEADERS];
    dg_answer_source_t  source;

    source.status = ctx->status;
    source.headers = headers;
    source.header_count = ngx_http_deskgate_answer_headers(r, headers);
    source.body = dg_span(ctx->capture, ctx->capture_len);
    source.is_cut = ctx->capture_cut;
    source.crypto = ngx_http_deskgate_worker.crypto;

    return dg_answer_read(&ctx->arena, &ctx->call, &source, answer) == DG_OK
           ? NGX_OK : NGX_ERROR;
}


static size_t
ngx_http_deskgate_answer_headers(ngx_http_request_t *r, dg_header_t *headers)
{
    size_t            n;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    n = 0;

    /* nginx keeps this one apart; it says whether the body is CBOR */

    if (r->headers_out.content_type.len) {
        headers[n].name = DG_SPAN("Content-Type");
        headers[n].value =
                      ngx_http_deskgate_span(&r->headers_out.content_type);
        n++;
    }

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (header[i].hash == 0) {
                continue;
            }

            if (n == NGX_HTTP_DESKGATE_ANSWER_HEADERS) {
                return n;
            }

            headers[n].name = ngx_http_deskgate_span(&header[i].key);
            headers[n].value = ngx_http_deskgate_span(&header[i].value);
            n++;
        }
    }

    return n;
}


static void
ngx_http_deskgate_record_resources(ngx_http_deskgate_ctx_t *ctx,
    dg_record_t *record)
{
    size_t                 i, n;
    dg_record_resource_t  *resources;

    n = ngx_min(ctx->resource_count, NGX_HTTP_DESKGATE_RECORD_RESOURCES);

    if (n == 0) {
        return;
    }

    resources = dg_arena_calloc(&ctx->arena, n, sizeof(dg_record_resource_t));
    if (resources == NULL) {
        return;
    }

    for (i = 0; i < n; i++) {
        resources[i].arn = ctx->resources[i].arn;
        resources[i].account = ngx_http_deskgate_span(&ctx->offer->account);
    }

    record->resources = resources;
    record->resource_count = n;
}


static void
ngx_http_deskgate_record_upstream(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_record_t *record)
{
    ngx_uint_t                  i;
    ngx_http_upstream_state_t  *state;

    if (ctx->has_sent) {
        record->sent_hash = ngx_http_deskgate_record_hash(ctx,
                                                          ctx->sent_hash);
        if (ctx->call.service->is_broker) {
            record->translation = DG_SPAN("broker");
            record->role = ngx_http_deskgate_span(&ctx->lcf->broker->name);

        } else {
            record->translation = dg_span_cstr(ctx->lcf->sign->provider);
            record->credential = ctx->credentials.access_key_id;

            if (ctx->rule) {
                record->role = ctx->rule->name;
            }
        }
    }

    record->upstream.connect_ms = -1;
    record->upstream.header_ms = -1;
    record->upstream.response_ms = -1;

    if (!ctx->forwarded || r->upstream_states == NULL
        || r->upstream_states->nelts == 0)
    {
        return;
    }

    state = r->upstream_states->elts;

    for (i = 0; i < r->upstream_states->nelts; i++) {
        /* one without a peer stands between what two handlers did */
        record->upstream.attempts += (state[i].peer != NULL);
    }

    state += i - 1;

    record->upstream.request_id =
        ngx_http_deskgate_span(&ctx->upstream_request_id);
    record->upstream.status = state->status;
    record->upstream.connect_ms = (ngx_msec_int_t) state->connect_time;
    record->upstream.header_ms = (ngx_msec_int_t) state->header_time;
    record->upstream.response_ms = (ngx_msec_int_t) state->response_time;
    record->upstream.bytes_sent = state->bytes_sent;
    record->upstream.bytes_received = state->bytes_received;

    if (state->peer) {
        record->upstream.address = ngx_http_deskgate_span(state->peer);
    }
}


static dg_span_t
ngx_http_deskgate_record_hash(ngx_http_deskgate_ctx_t *ctx,
    const uint8_t *hash)
{
    char  *hex;

    hex = dg_arena_alloc(&ctx->arena, DG_SHA256_HEX_SIZE);
    if (hex == NULL) {
        return DG_SPAN_EMPTY;
    }

    dg_hex_encode(hash, DG_SHA256_SIZE, hex);

    return dg_span(hex, DG_SHA256_HEX_SIZE);
}


static void
ngx_http_deskgate_count(ngx_http_deskgate_ctx_t *ctx,
    const dg_record_t *record)
{
    unsigned        row;
    dg_counters_t  *counters;

    static const dg_count_service_t  classes[] = {
        DG_COUNT_UPSTREAM_2XX, DG_COUNT_UPSTREAM_3XX, DG_COUNT_UPSTREAM_4XX,
        DG_COUNT_UPSTREAM_5XX
    };

    counters = ngx_http_deskgate_counters();
    row = ngx_http_deskgate_service_row(ctx->call.service);

    dg_count_service(counters, row, DG_COUNT_CALLS);

    if (ctx->refusal == DG_ALLOWED) {
        dg_count_service(counters, row, DG_COUNT_ALLOWED);

    } else if (ctx->observing) {
        dg_count_service(counters, row, DG_COUNT_OBSERVED);

    } else {
        dg_count_refusal(counters, row, ctx->refusal);
    }

    if (ctx->shadow_count) {
        dg_count_service(counters, row, DG_COUNT_SHADOW);
    }

    if (record->aborted != DG_RECORD_DURING_NONE) {
        dg_count_service(counters, row, DG_COUNT_ABORTED);
    }

    if (record->upstream.attempts) {
        dg_count_service(counters, row, DG_COUNT_FORWARDED);
    }

    if (record->upstream.status >= 200 && record->upstream.status < 600) {
        dg_count_service(counters, row,
                         classes[record->upstream.status / 100 - 2]);
    }
}
