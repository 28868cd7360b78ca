/*
 * The record as one line.  Members stand in CloudTrail's own order; each is
 * written once, straight into the caller's buffer.
 */

#include "dg_json.h"
#include "dg_record_text.h"
#include "dg_time.h"

#include <string.h>


/* The first `max` bytes, less the character that would be cut. */
static dg_span_t
record_cut(dg_span_t text, size_t max)
{
    size_t  len = max;

    if (text.len <= max) {
        return text;
    }

    while (len > max - 3 && (text.data[len] & 0xc0) == 0x80) {
        len--;
    }

    return dg_span_slice(text, 0, len);
}


void
dg_record_string(dg_writer_t *w, dg_span_t text)
{
    dg_json_write_string(w, record_cut(text, DG_RECORD_TEXT_MAX));
}


static void
record_or(dg_writer_t *w, dg_span_t text, dg_span_t otherwise)
{
    dg_record_string(w, text.len ? text : otherwise);
}


static void
record_bool(dg_writer_t *w, bool value)
{
    if (value) {
        RECORD_LITERAL(w, "true");
        return;
    }

    RECORD_LITERAL(w, "false");
}


/* A ready text is written only when it is one line. */
static bool
record_is_ready(dg_span_t json)
{
    return json.len > 0 && json.len <= DG_RECORD_JSON_MAX
           && memchr(json.data, '\n', json.len) == NULL
           && memchr(json.data, '\r', json.len) == NULL;
}


static void
record_ready(dg_writer_t *w, dg_span_t json, bool dropped)
{
    if (dropped || json.len == 0) {
        RECORD_LITERAL(w, "null");
        return;
    }

    dg_write_span(w, json);
}


static bool
record_has_elements(const dg_record_t *r)
{
    return r->response_elements.len > 0 && !r->read_only
           && r->error_code.len == 0;
}


static void
record_event(dg_writer_t *w, const dg_record_t *r)
{
    RECORD_LITERAL(w, "{\"eventVersion\":\"1.11\",\"userIdentity\":");
    dg_record_identity(w, r->caller);
    RECORD_LITERAL(w, ",\"eventTime\":\"");
    dg_time_write_iso(w, r->time);
    RECORD_LITERAL(w, "\",\"eventSource\":");
    record_or(w, r->event_source, DG_SPAN("deskgate"));
    RECORD_LITERAL(w, ",\"eventName\":");
    record_or(w, r->event_name, DG_SPAN("UnknownOperation"));
    RECORD_LITERAL(w, ",\"awsRegion\":");
    dg_record_string(w, r->region);
    RECORD_LITERAL(w, ",\"sourceIPAddress\":");
    dg_record_string(w, r->source_ip);
    RECORD_TEXT(w, "userAgent", r->user_agent);
    RECORD_TEXT(w, "errorCode", r->error_code);

    if (r->error_code.len) {
        RECORD_TEXT(w, "errorMessage", r->error_message);
    }
}


static void
record_resource(dg_writer_t *w, const dg_record_resource_t *resource)
{
    dg_record_name(w, ",{", 2);
    RECORD_TEXT(w, "ARN", resource->arn);
    RECORD_TEXT(w, "accountId", resource->account);
    RECORD_TEXT(w, "type", resource->type);
    dg_write_char(w, '}');
}


/* As many as fit into DG_RECORD_RESOURCES_MAX, each of them whole. */
static void
record_resources(dg_writer_t *w, const dg_record_t *r)
{
    size_t       len, left;
    dg_writer_t  part;

    if (r->resource_count == 0) {
        return;
    }

    RECORD_NAME(w, "resources");
    dg_write_char(w, '[');

    left = w->cap - w->len;
    part = dg_writer(w->data + w->len, left < DG_RECORD_RESOURCES_MAX
                                       ? left : DG_RECORD_RESOURCES_MAX);

    for (size_t i = 0; i < r->resource_count; i++) {
        len = part.len;
        record_resource(&part, &r->resources[i]);

        if (part.overflow) {
            part.len = len;
            break;
        }
    }

    w->overflow |= part.overflow && part.cap < DG_RECORD_RESOURCES_MAX;
    w->len += part.len;
    dg_write_char(w, ']');
}


static void
record_tls(dg_writer_t *w, const dg_record_t *r)
{
    if (r->tls_version.len == 0) {
        return;
    }

    RECORD_NAME(w, "tlsDetails");
    dg_write_char(w, '{');
    RECORD_TEXT(w, "tlsVersion", r->tls_version);
    RECORD_TEXT(w, "cipherSuite", r->tls_cipher);
    RECORD_TEXT(w, "clientProvidedHostHeader", r->host);
    RECORD_TEXT(w, "keyExchange", r->tls_exchange);
    dg_write_char(w, '}');
}


static void
record_line(dg_writer_t *w, const dg_record_t *r, unsigned dropped)
{
    record_event(w, r);

    RECORD_LITERAL(w, ",\"requestParameters\":");
    record_ready(w, r->request_parameters,
                 dropped & RECORD_DROPPED_PARAMETERS);
    RECORD_LITERAL(w, ",\"responseElements\":");
    record_ready(w, r->response_elements,
                 !record_has_elements(r)
                 || (dropped & RECORD_DROPPED_ELEMENTS));
    RECORD_LITERAL(w, ",\"additionalEventData\":");
    dg_record_additional(w, r, dropped);

    RECORD_TEXT(w, "requestID", r->request_id);
    RECORD_LITERAL(w, ",\"eventID\":");
    dg_record_string(w, r->event_id);
    RECORD_LITERAL(w, ",\"readOnly\":");
    record_bool(w, r->read_only);
    record_resources(w, r);
    RECORD_LITERAL(w, ",\"eventType\":\"AwsApiCall\"");
    RECORD_TEXT(w, "apiVersion", r->api_version);
    RECORD_LITERAL(w, ",\"managementEvent\":true");
    RECORD_TEXT(w, "recipientAccountId", r->account);
    RECORD_LITERAL(w, ",\"eventCategory\":\"Management\"");
    record_tls(w, r);
    RECORD_LITERAL(w, "}\n");
}


static unsigned
record_dropped(const dg_record_t *r)
{
    unsigned  dropped = 0;

    if (r->request_parameters.len
        && !record_is_ready(r->request_parameters))
    {
        dropped |= RECORD_DROPPED_PARAMETERS;
    }

    if (record_has_elements(r) && !record_is_ready(r->response_elements)) {
        dropped |= RECORD_DROPPED_ELEMENTS;
    }

    return dropped;
}


dg_err_t
dg_record_write(dg_writer_t *w, const dg_record_t *r)
{
    size_t       left = w->cap - w->len;
    unsigned     dropped = record_dropped(r);
    dg_writer_t  line;

    if (left > DG_RECORD_MAX) {
        left = DG_RECORD_MAX;
    }

    line = dg_writer(w->data + w->len, left);
    record_line(&line, r, dropped);

    if (line.overflow && left == DG_RECORD_MAX && record_has_elements(r)) {
        dropped |= RECORD_DROPPED_ELEMENTS;
        line = dg_writer(w->data + w->len, left);
        record_line(&line, r, dropped);
    }

    if (line.overflow && left == DG_RECORD_MAX) {
        dropped |= RECORD_DROPPED_PARAMETERS;
        line = dg_writer(w->data + w->len, left);
        record_line(&line, r, dropped);
    }

    if (line.overflow) {
        return DG_ERR_LIMIT;
    }

    w->len += line.len;

    return DG_OK;
}
