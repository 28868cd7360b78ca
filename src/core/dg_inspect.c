/*
 * Inspection of a call from its labels to the end of its body: see
 * dg_inspect.h.  What happens at each value is in dg_inspect_visit.c.
 */

#include "dg_inspect_state.h"

#include "dg_cbor.h"
#include "dg_codec.h"
#include "dg_query.h"

#include <string.h>

#define LIST_MAX  100   /* values of one query member */

static const dg_json_limits_t  body_limits = {
    .depth = DG_INSPECT_DEPTH_MAX,
    .text = 16 * 1024 * 1024,
    .string = 16 * 1024 * 1024,
    .values = 200000,
    .members = 1000
};


/* The refusal that stands for what a reader or callback returned. */
static dg_refusal_t
refusal_of(dg_err_t err)
{
    switch (err) {

    case DG_OK:
        return DG_ALLOWED;

    case DG_ERR_LIMIT:
        return DG_REFUSE_BODY_LIMIT;

    case DG_ERR_MEMORY:
    case DG_ERR_CRYPTO:
        return DG_REFUSE_INTERNAL;

    default:
        return DG_REFUSE_BODY_MALFORMED;
    }
}


static dg_err_t
read_label(dg_inspect_t *in, const dg_member_t *member, dg_span_t raw)
{
    uint8_t      *buffer = dg_arena_alloc(in->arena, raw.len + 1);
    dg_writer_t   w;
    dg_span_t     text;

    if (buffer == NULL) {
        return DG_ERR_MEMORY;
    }

    w = dg_writer(buffer, raw.len + 1);

    if (dg_percent_decode(raw, &w) != DG_OK) {
        return DG_ERR_SYNTAX;
    }

    text = dg_written(&w);

    if (!dg_utf8_valid(text) || dg_span_find(text, 0) != text.len) {
        return DG_ERR_SYNTAX;
    }

    return dg_inspect_outside(in, member, &text, 1);
}


static dg_err_t
read_labels(dg_inspect_t *in)
{
    const dg_call_t  *call = in->call;
    size_t            i;
    dg_err_t          err;

    for (i = 0; i < call->label_count; i++) {
        if (call->label_members[i] == NULL) {
            continue;
        }

        err = read_label(in, call->label_members[i], call->labels[i]);
        if (err != DG_OK) {
            return err;
        }
    }

    return DG_OK;
}


/* All values of a query member; count 0 when it is not there. */
static dg_err_t
query_values(dg_inspect_t *in, const dg_query_t *query, dg_span_t name,
    dg_span_t *values, size_t *count)
{
    size_t  i;

    *count = 0;

    for (i = 0; i < query->count; i++) {
        if (!dg_query_name_is(&query->params[i], name, true)) {
            continue;
        }

        if (*count == LIST_MAX) {
            return DG_ERR_LIMIT;
        }

        values[*count] = dg_query_value(&query->params[i], in->arena);

        if (values[*count].data == NULL && query->params[i].value.len != 0) {
            return DG_ERR_MEMORY;
        }

        if (!dg_utf8_valid(values[*count])) {
            return DG_ERR_SYNTAX;
        }

        (*count)++;
    }

    return DG_OK;
}


static dg_err_t
read_query_member(dg_inspect_t *in, const dg_query_t *query,
    const dg_member_t *m)
{
    dg_span_t  values[LIST_MAX];
    size_t     count;
    dg_err_t   err;

    err = query_values(in, query, m->wire_name, values, &count);

    if (err != DG_OK || count == 0) {
        return err;
    }

    if (count > 1 && m->shape->type != DG_SHAPE_LIST) {
        return DG_ERR_SYNTAX;
    }

    return dg_inspect_outside(in, m, values, count);
}


static dg_err_t
read_query(dg_inspect_t *in, const dg_shape_t *input,
    const dg_request_t *request)
{
    dg_query_t  query;
    size_t      i;
    dg_err_t    err;

    if (dg_request_query(request).len == 0) {
        return DG_OK;
    }

    err = dg_query_parse(dg_request_query(request), &query);

    for (i = 0; err == DG_OK && i < input->member_count; i++) {
        if (input->members[i].location == DG_LOCATION_QUERY
            && input->members[i].shape->type != DG_SHAPE_MAP)
        {
            err = read_query_member(in, &query, &input->members[i]);
        }
    }

    return err;
}


static dg_err_t
read_headers(dg_inspect_t *in, const dg_shape_t *input,
    const dg_request_t *request)
{
    const dg_header_t  *h;
    const dg_member_t  *m;
    size_t              i;
    dg_err_t            err;

    for (i = 0; i < input->member_count; i++) {
        m = &input->members[i];

        if (m->location != DG_LOCATION_HEADER) {
            continue;
        }

        h = dg_request_header(request, m->wire_name, NULL);
        if (h == NULL) {
            continue;
        }

        if (!dg_utf8_valid(h->value)) {
            return DG_ERR_SYNTAX;
        }

        err = dg_inspect_outside(in, m, &h->value, 1);
        if (err != DG_OK) {
            return err;
        }
    }

    return DG_OK;
}


/* Members of a REST call that are not in its body. */
static dg_err_t
read_outside(dg_inspect_t *in, const dg_request_t *request)
{
    const dg_shape_t  *input = in->root;
    dg_err_t           err;

    if (input == NULL || input->type != DG_SHAPE_STRUCTURE) {
        return DG_OK;
    }

    if ((err = read_labels(in)) != DG_OK
        || (err = read_query(in, input, request)) != DG_OK)
    {
        return err;
    }

    return read_headers(in, input, request);
}


static bool
is_raw_payload(const dg_operation_t *o)
{
    return o->payload != NULL && !o->bare_array
           && (o->payload->shape->type == DG_SHAPE_BLOB
               || o->payload->shape->type == DG_SHAPE_STRING);
}


/* A form is not inspected: the token call's, which holds a secret. */
static bool
is_form(const dg_request_t *request)
{
    const dg_header_t  *type;

    type = dg_request_header(request, DG_SPAN("content-type"), NULL);

    return type != NULL
           && dg_span_starts_with(type->value,
                          DG_SPAN("application/x-www-form-urlencoded"));
}


dg_inspect_t *
dg_inspect_create(dg_arena_t *arena, const dg_inspect_options_t *options,
    const dg_call_t *call, const dg_request_t *request)
{
    dg_inspect_t  *in = dg_arena_alloc(arena, sizeof(*in));
    dg_err_t       err;

    if (in == NULL) {
        return NULL;
    }

    memset(in, 0, sizeof(*in));
    in->call = call;
    in->crypto = options->crypto;
    in->validate = options->validate;
    in->relaxed = options->relaxed;
    in->relaxed_count = options->relaxed_count;
    in->result.item_count = 1;
    in->body_is_raw = is_raw_payload(call->operation)
                      || (call->operation->service->is_broker
                          && is_form(request));

    if (dg_inspect_start(in, arena, call->operation->input) != DG_OK
        || dg_inspect_copy_start(in) != DG_OK)
    {
        return NULL;
    }

    err = read_outside(in, request);
    in->refusal = refusal_of(err);
    return in;
}


static bool
is_cbor(const dg_inspect_t *in)
{
    return in->call->protocol == DG_PROTOCOL_RPC_V2_CBOR;
}


static bool
start_reader(dg_inspect_t *in)
{
    in->body_seen = true;

    if (in->body_is_raw) {
        in->raw_hash = in->crypto ? dg_sha256_start(in->crypto) : NULL;
        return true;
    }

    if (is_cbor(in)) {
        in->cbor = dg_cbor_reader_create(in->arena, &dg_inspect_visitor, in,
                                         &body_limits);
        return in->cbor != NULL;
    }

    in->json = dg_json_reader_create(in->arena, &dg_inspect_visitor, in,
                                     &body_limits);
    return in->json != NULL;
}


static dg_err_t
feed_raw(dg_inspect_t *in, dg_span_t piece)
{
    in->raw_len += piece.len;

    return in->raw_hash ? dg_sha256_update(in->raw_hash, piece) : DG_OK;
}


dg_refusal_t
dg_inspect_feed(dg_inspect_t *in, dg_span_t piece)
{
    dg_err_t  err;

    if (in->refusal != DG_ALLOWED || piece.len == 0) {
        return in->refusal;
    }

    if (!in->body_seen && !start_reader(in)) {
        in->refusal = DG_REFUSE_INTERNAL;
        return in->refusal;
    }

    if (in->body_is_raw) {
        err = feed_raw(in, piece);

    } else if (in->cbor != NULL) {
        err = dg_cbor_reader_feed(in->cbor, piece);

    } else {
        err = dg_json_reader_feed(in->json, piece);
    }

    in->refusal = refusal_of(err);
    return in->refusal;
}


/* A raw payload in the copy: its length and hash, never its bytes. */
static dg_err_t
finish_raw(dg_inspect_t *in)
{
    char         text[DG_SHA256_HEX_SIZE + 2];
    uint8_t      hash[DG_SHA256_SIZE];
    dg_writer_t  w = dg_writer(text, sizeof(text));
    dg_err_t     err;

    if (in->call->operation->payload != NULL) {
        in->frames[0].member = in->call->operation->payload;
    }

    dg_write_u64(&w, in->raw_len);

    if ((err = dg_inspect_copy_name(in, DG_SPAN("bodyLength"), false))
        != DG_OK
        || (err = dg_inspect_copy_raw(in, dg_written(&w))) != DG_OK
        || in->raw_hash == NULL)
    {
        return err;
    }

    err = dg_sha256_finish(in->raw_hash, hash);
    in->raw_hash = NULL;
    if (err != DG_OK) {
        return err;
    }

    text[0] = text[sizeof(text) - 1] = '"';
    dg_hex_encode(hash, sizeof(hash), text + 1);

    err = dg_inspect_copy_name(in, DG_SPAN("bodySha256"), false);
    return err ? err : dg_inspect_copy_raw(in, dg_span(text, sizeof(text)));
}


static dg_err_t
finish_body(dg_inspect_t *in)
{
    dg_err_t  err = DG_OK;

    if (in->body_seen && in->body_is_raw) {
        err = finish_raw(in);

    } else if (in->cbor != NULL) {
        err = dg_cbor_reader_finish(in->cbor);

    } else if (in->json != NULL) {
        err = dg_json_reader_finish(in->json);
    }

    return err;
}


static dg_err_t
finish_copy(dg_inspect_t *in)
{
    dg_span_t  copy;
    dg_err_t   err = dg_inspect_copy_raw(in, DG_SPAN("}"));

    if (err != DG_OK) {
        return err;
    }

    copy = dg_written(&in->copy.w);
    in->result.parameters_dropped = in->copy.dropped;

    /* a call without input has no requestParameters at all */
    if (!in->copy.dropped && copy.len > 2) {
        in->result.parameters = copy;
    }

    return DG_OK;
}


/* "2 validation errors detected: ...; ..." */
static dg_err_t
finish_message(dg_inspect_t *in)
{
    dg_writer_t  w;
    uint8_t     *buffer;

    if (in->result.error_count == 0) {
        return DG_OK;
    }

    buffer = dg_arena_alloc(in->arena, DG_INSPECT_MESSAGE_MAX);
    if (buffer == NULL) {
        return DG_ERR_MEMORY;
    }

    w = dg_writer(buffer, DG_INSPECT_MESSAGE_MAX);
    dg_write_u64(&w, in->result.error_count);
    dg_write_cstr(&w, in->result.error_count == 1
                      ? " validation error detected: "
                      : " validation errors detected: ");
    dg_write_span(&w, dg_span_slice(dg_written(&in->errors), 0,
                                    DG_INSPECT_MESSAGE_MAX - 64));

    if (in->errors.overflow) {
        dg_write_cstr(&w, "; ...");
    }

    in->result.message = dg_written(&w);
    return DG_OK;
}


static bool
is_missing_array(const dg_inspect_t *in)
{
    return in->call->operation->bare_array && !in->result.has_array;
}


/* Everything that can only be known once the input has ended. */
static dg_err_t
conclude(dg_inspect_t *in)
{
    dg_err_t  err;

    if ((err = finish_body(in)) != DG_OK) {
        return err;
    }

    /* without its array the broker has nothing to be sent */
    in->hard_error = in->hard_error || is_missing_array(in);

    if ((err = dg_inspect_close_root(in)) != DG_OK
        || (err = finish_copy(in)) != DG_OK
        || (err = dg_inspect_finish_tags(in)) != DG_OK)
    {
        return err;
    }

    return finish_message(in);
}


dg_refusal_t
dg_inspect_finish(dg_inspect_t *in, const dg_inspection_t **result)
{
    *result = &in->result;

    if (in->refusal == DG_ALLOWED) {
        in->refusal = refusal_of(conclude(in));
    }

    if (in->refusal == DG_ALLOWED
        && (in->hard_error || (in->validate == DG_VALIDATE_ON
                               && in->result.error_count != 0)))
    {
        in->refusal = DG_REFUSE_BODY_INVALID;
    }

    dg_inspect_abandon(in);

    return in->refusal;
}


void
dg_inspect_abandon(dg_inspect_t *in)
{
    if (in != NULL) {
        dg_sha256_abandon(in->raw_hash);
        in->raw_hash = NULL;
    }
}
