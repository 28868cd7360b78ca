/*
 * additionalEventData.deskgate: what CloudTrail has no field for.
 */

#include "dg_record_text.h"

#include "dg_time.h"


static dg_span_t
additional_kind(dg_caller_kind_t kind)
{
    switch (kind) {

    case DG_CALLER_KEY:
        return DG_SPAN("key");

    case DG_CALLER_VENDED:
        return DG_SPAN("vended");

    case DG_CALLER_PROOF:
        return DG_SPAN("proof");

    case DG_CALLER_JWT:
        return DG_SPAN("jwt");

    case DG_CALLER_OPAQUE:
        return DG_SPAN("opaque");

    case DG_CALLER_CERTIFICATE:
        return DG_SPAN("certificate");

    default:
        return DG_SPAN_EMPTY;
    }
}


static dg_span_t
additional_abort(dg_record_abort_t aborted)
{
    switch (aborted) {

    case DG_RECORD_DURING_REQUEST:
        return DG_SPAN("request");

    case DG_RECORD_DURING_UPSTREAM:
        return DG_SPAN("upstream");

    case DG_RECORD_DURING_RESPONSE:
        return DG_SPAN("response");

    default:
        return DG_SPAN_EMPTY;
    }
}


/*
 * Who was verified, or who only says so: the name of the object tells.  What
 * userIdentity has of a verified caller is not repeated.
 */
static void
additional_caller(dg_writer_t *w, const dg_caller_t *caller)
{
    if (caller == NULL) {
        return;
    }

    if (caller->verified) {
        RECORD_NAME(w, "caller");

    } else {
        RECORD_NAME(w, "claimed");
    }

    dg_write_char(w, '{');
    RECORD_TEXT(w, "kind", additional_kind(caller->kind));
    RECORD_TEXT(w, "reason", caller->reason);

    if (caller->verified && caller->issuer.len == 0) {
        dg_write_char(w, '}');
        return;
    }

    RECORD_TEXT(w, "arn", caller->arn);
    RECORD_TEXT(w, "accountId", caller->account);
    RECORD_TEXT(w, "accessKeyId", caller->access_key_id);
    RECORD_TEXT(w, "userName", caller->user_name);
    RECORD_TEXT(w, "issuer", caller->issuer);
    RECORD_TEXT(w, "issuerUrl", caller->issuer_url);
    RECORD_TEXT(w, "subject", caller->subject);
    RECORD_TEXT(w, "tokenId", caller->token_id);
    dg_write_char(w, '}');
}


/*
 * The way into a session that was given: what its token says of itself, which
 * only the DCV server verifies.
 */
static void
additional_connection(dg_writer_t *w, const dg_connection_token_t *token)
{
    uint8_t      text[DG_TIME_ISO_SIZE];
    dg_writer_t  expiry = dg_writer(text, sizeof(text));

    if (token == NULL) {
        return;
    }

    RECORD_NAME(w, "connectionToken");
    RECORD_LITERAL(w, "{\"verified\":false");
    RECORD_TEXT(w, "jti", token->id);
    RECORD_TEXT(w, "user", token->user);

    if (token->expiry > 0) {
        dg_time_write_iso(&expiry, token->expiry);
        RECORD_TEXT(w, "expiration", dg_written(&expiry));
    }

    dg_write_char(w, '}');
}


static void
additional_upstream(dg_writer_t *w, const dg_record_upstream_t *upstream)
{
    if (upstream->attempts == 0) {
        return;
    }

    RECORD_NAME(w, "upstream");
    dg_write_char(w, '{');
    RECORD_TEXT(w, "address", upstream->address);

    if (upstream->status) {
        RECORD_NUMBER(w, "status", upstream->status);
    }

    RECORD_TEXT(w, "requestId", upstream->request_id);
    RECORD_NUMBER(w, "attempts", upstream->attempts);
    RECORD_KNOWN(w, "connectMs", upstream->connect_ms);
    RECORD_KNOWN(w, "headerMs", upstream->header_ms);
    RECORD_KNOWN(w, "responseMs", upstream->response_ms);
    RECORD_NUMBER(w, "bytesSent", upstream->bytes_sent);
    RECORD_NUMBER(w, "bytesReceived", upstream->bytes_received);
    dg_write_char(w, '}');
}


/* What is never left out: it is short whatever the client sent. */
static void
additional_outcome(dg_writer_t *w, const dg_record_t *r, unsigned dropped)
{
    RECORD_NAME(w, "mode");

    if (r->mode == DG_RECORD_OBSERVE) {
        RECORD_LITERAL(w, "\"observe\"");

    } else {
        RECORD_LITERAL(w, "\"enforce\"");
    }

    RECORD_NAME(w, "decision");

    if (r->refusal == DG_ALLOWED) {
        RECORD_LITERAL(w, "\"allowed\"");

    } else {
        RECORD_LITERAL(w, "\"refused\"");
        RECORD_NAME(w, "refusal");
        dg_record_string(w, dg_span_cstr(dg_refusal_info(r->refusal)->name));
    }

    if (r->status) {
        RECORD_NUMBER(w, "status", r->status);
    }

    RECORD_TEXT(w, "aborted", additional_abort(r->aborted));

    if (dropped & RECORD_DROPPED_PARAMETERS) {
        RECORD_NUMBER(w, "requestParametersOmitted",
                      r->request_parameters.len);
    }

    if (dropped & RECORD_DROPPED_ELEMENTS) {
        RECORD_NUMBER(w, "responseElementsOmitted",
                      r->response_elements.len);
    }
}


#define RECORD_READY(w, name, json)                                           \
    do {                                                                      \
        if ((json).len > 0) {                                                 \
            RECORD_NAME(w, name);                                             \
            dg_write_span(w, json);                                           \
        }                                                                     \
    } while (0)


static void
additional_policy(dg_writer_t *w, const dg_record_decision_t *d,
    unsigned dropped)
{
    RECORD_TEXT(w, "authorization", d->effect);
    RECORD_TEXT(w, "action", d->action);
    RECORD_TEXT(w, "layer", d->layer);
    RECORD_TEXT(w, "policy", d->policy);
    RECORD_TEXT(w, "statement", d->statement);
    RECORD_TEXT(w, "resource", d->resource);

    if (d->resources > 1) {
        RECORD_NUMBER(w, "resourceCount", d->resources);
    }

    RECORD_TEXT(w, "facts", d->facts);
    RECORD_TEXT(w, "policySet", d->set);

    if (!(dropped & RECORD_DROPPED_CONTEXT)) {
        RECORD_READY(w, "policies", d->policies);
        RECORD_READY(w, "keys", d->keys);
        RECORD_READY(w, "itemKeys", d->item_keys);
        RECORD_READY(w, "shadow", d->shadow);
    }

    if (d->omitted || (dropped & RECORD_DROPPED_CONTEXT)) {
        RECORD_NAME(w, "contextOmitted");
        RECORD_LITERAL(w, "true");
    }
}


static void
additional_call(dg_writer_t *w, const dg_record_t *r, unsigned dropped)
{
    RECORD_TEXT(w, "gateway", r->gateway);
    RECORD_TEXT(w, "service", r->service);
    RECORD_TEXT(w, "protocol", r->protocol);
    RECORD_TEXT(w, "path", r->path);
    additional_policy(w, &r->decision, dropped);
    RECORD_TEXT(w, "bucket", r->bucket);

    if (r->retry_ms) {
        RECORD_NUMBER(w, "retryAfterMs", r->retry_ms);
    }

    RECORD_TEXT(w, "translation", r->translation);
    RECORD_TEXT(w, "credential", r->credential);
    RECORD_TEXT(w, "role", r->role);

    if (r->failed_items) {
        RECORD_NUMBER(w, "failedItems", r->failed_items);
    }
}


static void
additional_traffic(dg_writer_t *w, const dg_record_t *r)
{
    RECORD_TEXT(w, "receivedHash", r->received_hash);
    RECORD_TEXT(w, "sentHash", r->sent_hash);
    RECORD_TEXT(w, "canonicalRequestHash", r->canonical_hash);
    RECORD_TEXT(w, "requestId", r->own_request_id);
    RECORD_TEXT(w, "clientTokenSha256", r->client_token);
    RECORD_TEXT(w, "invocationId", r->invocation_id);
    RECORD_TEXT(w, "attempt", r->attempt);
    RECORD_KNOWN(w, "durationMs", r->duration_ms);
    RECORD_NUMBER(w, "bytesReceived", r->bytes_received);
    RECORD_NUMBER(w, "bytesSent", r->bytes_sent);
}


static void
additional_all(dg_writer_t *w, const dg_record_t *r, unsigned dropped)
{
    RECORD_LITERAL(w, "{\"deskgate\":{");
    additional_outcome(w, r, dropped);
    additional_call(w, r, dropped);
    additional_caller(w, r->caller);
    additional_connection(w, r->connection);
    additional_upstream(w, &r->upstream);
    additional_traffic(w, r);
    RECORD_LITERAL(w, "}}");
}


void
dg_record_additional(dg_writer_t *w, const dg_record_t *r, unsigned dropped)
{
    size_t       left = w->cap - w->len;
    dg_writer_t  part;

    part = dg_writer(w->data + w->len, left < DG_RECORD_ADDITIONAL_MAX
                                       ? left : DG_RECORD_ADDITIONAL_MAX);

    additional_all(&part, r, dropped);

    if (part.overflow && part.cap == DG_RECORD_ADDITIONAL_MAX) {
        part = dg_writer(part.data, part.cap);
        additional_all(&part, r, dropped | RECORD_DROPPED_CONTEXT);
    }

    if (part.overflow && part.cap == DG_RECORD_ADDITIONAL_MAX) {
        part = dg_writer(part.data, part.cap);

        RECORD_LITERAL(&part, "{\"deskgate\":{");
        additional_outcome(&part, r, dropped);
        RECORD_LITERAL(&part, ",\"omitted\":true}}");
    }

    w->len += part.len;
    w->overflow |= part.overflow;
}
