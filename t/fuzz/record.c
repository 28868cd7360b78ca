/*
 * Target: dg_record_write.
 *
 * The input sets fields one after another: which, how long, of what bytes
 * (repeated, so that a short input reaches every bound).  Whatever they hold,
 * the record is one line of JSON within its bound, says what the fields say,
 * and comes out alike or not at all when there is less room.
 */

#include "dg_json.h"
#include "dg_record.h"

#include <stdlib.h>
#include <string.h>

#define POOL_SIZE  (2 * 1024 * 1024)
#define RESOURCES  40

typedef struct {
    const uint8_t         *data;
    size_t                 len;
    size_t                 used;  /* of the pool */
    dg_record_t            record;
    dg_caller_t            caller;
    dg_record_resource_t   resources[RESOURCES];
} input_t;

static uint8_t  pool[POOL_SIZE];
static uint8_t  first[DG_RECORD_MAX], second[DG_RECORD_MAX];
static uint8_t  memory[32 * 1024 * 1024];


static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}


static unsigned
byte(input_t *in)
{
    if (in->len == 0) {
        return 0;
    }

    in->len--;
    return *in->data++;
}


/* Up to 128 KB: a length, a period, and that many bytes, repeated. */
static dg_span_t
span(input_t *in)
{
    size_t    len = byte(in) | byte(in) << 8, period = byte(in) % 16 + 1;
    uint8_t  *at = pool + in->used;
    uint8_t   unit[16];

    len = byte(in) % 4 == 0 ? len * 2 : len % 64;

    if (len > POOL_SIZE - in->used) {
        return DG_SPAN_EMPTY;
    }

    for (size_t i = 0; i < period; i++) {
        unit[i] = (uint8_t) byte(in);
    }

    for (size_t i = 0; i < len; i++) {
        at[i] = unit[i % period];
    }

    in->used += len;
    return dg_span(at, len);
}


/* The span as a JSON string: what a redacted copy may look like at worst. */
static dg_span_t
ready(input_t *in)
{
    dg_span_t    text = span(in);
    dg_writer_t  w = dg_writer(pool + in->used, POOL_SIZE - in->used);

    dg_json_write_string(&w, text);
    in->used += w.len;

    return w.overflow ? DG_SPAN_EMPTY : dg_written(&w);
}


static dg_span_t *
record_span(dg_record_t *r, unsigned which)
{
    dg_span_t  *spans[] = {
        &r->event_id, &r->request_id, &r->event_source, &r->event_name,
        &r->region, &r->account, &r->api_version, &r->source_ip,
        &r->user_agent, &r->tls_version, &r->tls_cipher, &r->tls_exchange,
        &r->host, &r->error_code, &r->error_message, &r->gateway,
        &r->service, &r->protocol, &r->decision.effect, &r->decision.action,
        &r->decision.layer, &r->decision.policy, &r->decision.statement,
        &r->decision.resource, &r->decision.set, &r->bucket,
        &r->translation, &r->credential, &r->role, &r->received_hash,
        &r->sent_hash, &r->canonical_hash, &r->invocation_id, &r->attempt,
        &r->own_request_id, &r->client_token,
        &r->path, &r->upstream.address, &r->upstream.request_id
    };

    return spans[which % (sizeof(spans) / sizeof(spans[0]))];
}


static dg_span_t *
caller_span(dg_caller_t *c, unsigned which)
{
    dg_span_t  *spans[] = {
        &c->arn, &c->user_id, &c->account, &c->user_name,
        &c->access_key_id, &c->issuer, &c->issuer_url, &c->subject,
        &c->token_id
    };

    return spans[which % (sizeof(spans) / sizeof(spans[0]))];
}


static void
set_arn(input_t *in)
{
    static const char *const  arns[] = {
        "arn:aws:sts::1:assumed-role/R/S", "arn:aws:iam::1:user/a/b",
        "arn:aws:iam::1:root", "arn:aws:sts::1:federated-user/f",
        "arn:aws:sts::1:assumed-role", "arn:::::", "arn:aws:iam::1:user/",
        "arn:aws:deskgate::1:jwt/i/n"
    };

    in->caller.arn = dg_span_cstr(arns[byte(in) % 8]);
}


static void
set_numbers(input_t *in)
{
    dg_record_t  *r = &in->record;

    r->time = (int64_t) byte(in) << 32;
    r->status = byte(in) * 3;
    r->retry_ms = byte(in) ? UINT64_MAX : 0;
    r->duration_ms = (int64_t) byte(in) - 1;
    r->refusal = (dg_refusal_t) (byte(in) % (DG_REFUSAL_COUNT + 1));
    r->mode = (dg_record_mode_t) (byte(in) % 2);
    r->aborted = (dg_record_abort_t) (byte(in) % 4);
    r->upstream.attempts = byte(in) % 3;
    r->upstream.status = byte(in);
    r->upstream.connect_ms = (int64_t) byte(in) - 1;
    r->bytes_sent = UINT64_MAX - byte(in);
    in->caller.issued_at = (int64_t) byte(in) << 24;
}


static void
set_field(input_t *in)
{
    unsigned  which = byte(in);

    switch (which % 8) {

    case 0:
        in->record.request_parameters = ready(in);
        return;

    case 1:
        in->record.response_elements = ready(in);
        return;

    case 2:
        set_numbers(in);
        return;

    case 3:
        *caller_span(&in->caller, byte(in)) = span(in);
        return;

    case 4:
        in->caller.kind = (dg_caller_kind_t) (byte(in) % 8);
        in->caller.verified = byte(in) & 1;
        in->record.read_only = byte(in) & 1;
        in->record.caller = &in->caller;
        set_arn(in);
        return;

    case 5:
        in->record.resource_count = byte(in) % (RESOURCES + 1);
        in->resources[byte(in) % RESOURCES].arn = span(in);
        in->resources[byte(in) % RESOURCES].type = span(in);
        return;

    default:
        *record_span(&in->record, byte(in)) = span(in);
    }
}


static void
check(const input_t *in, dg_span_t line)
{
    dg_diag_t         diag;
    dg_span_t         type;
    dg_arena_t        arena;
    const dg_json_t  *root, *elements;

    require(line.len <= DG_RECORD_MAX);
    require(dg_span_find(line, '\n') == line.len - 1);

    dg_arena_init(&arena, memory, sizeof(memory));
    require(dg_json_parse(&arena, line, NULL, &diag, &root) == DG_OK);

    require(dg_json_string(dg_json_member(root, DG_SPAN("userIdentity")),
                           DG_SPAN("type"), &type));

    if (in->record.caller == NULL || !in->caller.verified) {
        require(dg_span_equal(type, DG_SPAN("Unknown")));
    }

    elements = dg_json_member(root, DG_SPAN("responseElements"));
    require(elements != NULL);

    if (in->record.read_only || in->record.error_code.len) {
        require(elements->type == DG_JSON_NULL);
    }

    require((dg_json_member(root, DG_SPAN("errorCode")) != NULL)
            == (in->record.error_code.len != 0));
    require(dg_json_member(root, DG_SPAN("readOnly"))->boolean
            == in->record.read_only);
    require(dg_json_member(dg_json_member(root,
                                          DG_SPAN("additionalEventData")),
                           DG_SPAN("deskgate")) != NULL);
}


int  LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t           room;
    static input_t   in;
    dg_writer_t      w = dg_writer(first, sizeof(first));

    memset(&in, 0, sizeof(in));
    in.data = data;
    in.len = len;
    in.record.resources = in.resources;
    room = (size_t) byte(&in) * 64;

    while (in.len > 0) {
        set_field(&in);
    }

    require(dg_record_write(&w, &in.record) == DG_OK);
    check(&in, dg_written(&w));

    w = dg_writer(second, room);

    if (dg_record_write(&w, &in.record) == DG_OK) {
        require(dg_span_equal(dg_written(&w), dg_span(first, w.len)));

    } else {
        require(w.len == 0 && !w.overflow);
    }

    return 0;
}
