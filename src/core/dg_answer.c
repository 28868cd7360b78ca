/*
 * An upstream's answer for the record: see dg_answer.h.
 *
 * Error names are read as AWS clients read them (Smithy, awsJson and
 * restJson error serialization): the header X-Amzn-Errortype, else "code",
 * else "__type"; from ':' on and up to '#' nothing counts.
 */

#include "dg_answer.h"

#include "dg_cbor.h"
#include "dg_inspect_state.h"


/* The strings of the outermost object that tell of an error. */
typedef enum {
    FIELD_TYPE,
    FIELD_CODE,
    FIELD_MESSAGE,
    FIELD_ERROR,
    FIELD_REQUEST_ID,
    FIELDS
} field_t;

typedef struct {
    dg_arena_t  *arena;
    unsigned     depth;
    field_t      next;        /* FIELDS: the value that comes is no field */
    dg_span_t    fields[FIELDS];
} error_t;


static dg_err_t
error_skip(void *ctx)
{
    ((error_t *) ctx)->next = FIELDS;
    return DG_OK;
}


static dg_err_t
error_bool(void *ctx, bool value)
{
    (void) value;
    return error_skip(ctx);
}


static dg_err_t
error_other(void *ctx, dg_span_t text)
{
    (void) text;
    return error_skip(ctx);
}


static dg_err_t
error_string(void *ctx, dg_span_t text)
{
    error_t    *e = ctx;
    dg_span_t  *field;

    if (e->depth != 1 || e->next == FIELDS) {
        return DG_OK;
    }

    field = &e->fields[e->next];
    *field = dg_arena_copy(e->arena,
                           dg_span_slice(text, 0, DG_ANSWER_TEXT_MAX));
    e->next = FIELDS;
    return field->data ? DG_OK : DG_ERR_MEMORY;
}


static dg_err_t
error_key(void *ctx, dg_span_t name)
{
    static const struct {
        const char  *name;
        field_t      field;
    } names[] = {
        { "__type", FIELD_TYPE }, { "code", FIELD_CODE },
        { "Code", FIELD_CODE }, { "message", FIELD_MESSAGE },
        { "Message", FIELD_MESSAGE }, { "errorMessage", FIELD_MESSAGE },
        { "error_description", FIELD_MESSAGE }, { "error", FIELD_ERROR },
        { "RequestId", FIELD_REQUEST_ID }, { "requestId", FIELD_REQUEST_ID }
    };
    error_t  *e = ctx;
    size_t    i;

    e->next = FIELDS;

    for (i = 0; e->depth == 1 && i < sizeof(names) / sizeof(names[0]); i++) {
        if (dg_span_equal(name, dg_span_cstr(names[i].name))) {
            e->next = names[i].field;
        }
    }

    return DG_OK;
}


static dg_err_t
error_enter(void *ctx)
{
    ((error_t *) ctx)->depth++;
    return DG_OK;
}


static dg_err_t
error_leave(void *ctx)
{
    ((error_t *) ctx)->depth--;
    return error_skip(ctx);
}


static const dg_visitor_t  error_visitor = {
    .on_null = error_skip, .on_bool = error_bool, .on_number = error_other,
    .on_string = error_string, .on_bytes = error_other,
    .on_timestamp = error_other, .on_object_start = error_enter,
    .on_key = error_key, .on_object_end = error_leave,
    .on_array_start = error_enter, .on_array_end = error_leave
};


static dg_span_t
header(const dg_answer_source_t *source, const char *name)
{
    size_t  i;

    for (i = 0; i < source->header_count; i++) {
        if (dg_span_equal_nocase(source->headers[i].name,
                                 dg_span_cstr(name)))
        {
            return source->headers[i].value;
        }
    }

    return DG_SPAN_EMPTY;
}


static bool
is_cbor(const dg_answer_source_t *source)
{
    return dg_span_starts_with(header(source, "content-type"),
                               DG_SPAN("application/cbor"));
}


/* DG_ERR_MEMORY, or any other error when the body cannot be read. */
static dg_err_t
walk(dg_arena_t *arena, const dg_answer_source_t *source,
    const dg_visitor_t *visitor, void *ctx, dg_inspect_t *in)
{
    dg_cbor_reader_t  *cbor;
    dg_json_reader_t  *json;
    dg_err_t           err;

    if (is_cbor(source)) {
        cbor = dg_cbor_reader_create(arena, visitor, ctx, NULL);
        if (cbor == NULL) {
            return DG_ERR_MEMORY;
        }

        err = dg_cbor_reader_feed(cbor, source->body);
        return err ? err : dg_cbor_reader_finish(cbor);
    }

    json = dg_json_reader_create(arena, visitor, ctx, NULL);
    if (json == NULL) {
        return DG_ERR_MEMORY;
    }

    if (in != NULL) {
        in->json = json;
    }

    err = dg_json_reader_feed(json, source->body);
    return err ? err : dg_json_reader_finish(json);
}


/* "namespace#Name:http://..." to "Name" */
static dg_span_t
error_name(dg_span_t text)
{
    size_t  hash;

    text = dg_span_slice(text, 0, dg_span_find(text, ':'));
    hash = dg_span_find_last(text, '#');

    return hash < text.len ? dg_span_slice(text, hash + 1, text.len) : text;
}


/*
 * A broker tells no name, only a status: it stands for the one error of the
 * operation that has it, or else for what we would call it ourselves.
 */
static dg_span_t
name_of_status(const dg_operation_t *o, unsigned status)
{
    dg_span_t  name = DG_SPAN_EMPTY;
    size_t     i;
    bool       is_one = true;

    for (i = 0; o != NULL && i < o->error_count; i++) {
        if (o->errors[i]->error_status == status) {
            is_one = is_one && name.len == 0;
            name = o->errors[i]->error_code;
        }
    }

    if (name.len != 0 && is_one) {
        return name;
    }

    return dg_span_cstr(
               dg_refusal_info(dg_refusal_from_status(status))->aws_code);
}


static dg_err_t
read_error(dg_arena_t *arena, const dg_call_t *call,
    const dg_answer_source_t *source, dg_answer_t *out)
{
    error_t   e = { .arena = arena, .next = FIELDS };
    dg_err_t  err = DG_OK;

    if (source->body.len != 0 && !source->is_cut) {
        err = walk(arena, source, &error_visitor, &e, NULL);
    }

    out->error_code = error_name(header(source, "x-amzn-errortype"));

    if (out->error_code.len == 0) {
        out->error_code = error_name(e.fields[FIELD_CODE]);
    }

    if (out->error_code.len == 0) {
        out->error_code = error_name(e.fields[FIELD_TYPE]);
    }

    if (out->error_code.len == 0) {
        out->error_code = name_of_status(call->operation, source->status);
    }

    /* OAuth puts a name under "error", the broker a sentence */

    out->error_message = e.fields[FIELD_MESSAGE].len
                         ? e.fields[FIELD_MESSAGE] : e.fields[FIELD_ERROR];

    if (out->request_id.len == 0) {
        out->request_id = e.fields[FIELD_REQUEST_ID];
    }

    return err == DG_ERR_MEMORY ? err : DG_OK;
}


/* The redacted copy of what the operation gave. */
static dg_err_t
read_elements(dg_arena_t *arena, const dg_call_t *call,
    const dg_answer_source_t *source, dg_answer_t *out)
{
    dg_inspect_t  *in = dg_arena_calloc(arena, 1, sizeof(*in));
    dg_err_t       err;

    if (in == NULL) {
        return DG_ERR_MEMORY;
    }

    in->call = call;
    in->crypto = source->crypto;
    in->validate = DG_VALIDATE_OFF;
    in->is_answer = true;

    if ((err = dg_inspect_start(in, arena, call->operation->output)) != DG_OK
        || (err = dg_inspect_copy_start(in)) != DG_OK)
    {
        return err;
    }

    err = walk(arena, source, &dg_inspect_visitor, in, in);

    if (err == DG_OK) {
        err = dg_inspect_copy_raw(in, DG_SPAN("}"));
    }

    if (err != DG_OK) {
        out->elements_dropped = true;
        return err == DG_ERR_MEMORY ? err : DG_OK;
    }

    out->failed_items = in->failed_items;
    out->elements_dropped = in->copy.dropped;

    if (!in->copy.dropped && in->copy.w.len > 2
        && !call->operation->read_only)
    {
        out->elements = dg_written(&in->copy.w);
    }

    return DG_OK;
}


static dg_span_t
request_id(const dg_answer_source_t *source)
{
    static const char *const  names[] = {
        "x-amzn-requestid", "x-amzn-request-id", "x-amz-request-id"
    };
    dg_span_t  id = DG_SPAN_EMPTY;
    size_t     i;

    for (i = 0; id.len == 0 && i < sizeof(names) / sizeof(names[0]); i++) {
        id = header(source, names[i]);
    }

    return id;
}


dg_err_t
dg_answer_read(dg_arena_t *arena, const dg_call_t *call,
    const dg_answer_source_t *source, dg_answer_t *out)
{
    *out = (dg_answer_t) {
        .is_error = source->status >= 400, .request_id = request_id(source)
    };

    if (out->is_error) {
        return read_error(arena, call, source, out);
    }

    if (call->operation == NULL || call->operation->output == NULL
        || source->body.len == 0)
    {
        return DG_OK;
    }

    if (source->is_cut) {
        out->elements_dropped = !call->operation->read_only;
        return DG_OK;
    }

    return read_elements(arena, call, source, out);
}


bool
dg_answer_says_expired(const dg_answer_t *answer)
{
    return dg_span_equal(answer->error_code, DG_SPAN("ExpiredTokenException"))
           || dg_span_equal(answer->error_code, DG_SPAN("ExpiredToken"));
}
