/*
 * Refusals in the wire form of each protocol: see dg_refusal_form.h.
 */

#include "dg_refusal_form.h"

#include "dg_cbor_write.h"
#include "dg_json.h"

/* The namespace of faults that no service models. */
#define CORAL  "com.amazon.coral.service"

#define REASON_INVALID  "FIELD_VALIDATION_FAILED"
#define REASON_OTHER    "OTHER"

/* Names that references give to one and the same fault. */
static const struct {
    const char  *name;
    const char  *alias;
} aliases[] = {
    { "IncompleteSignatureException", "IncompleteSignature" },
    { "InternalFailure", "InternalServerException" },
    { "InternalFailure", "InternalServerError" },
    { "InternalFailure", "InternalServerErrorException" },
    { "InternalFailure", "InternalException" },
    { "MissingAuthenticationTokenException", "MissingAuthenticationToken" },
    { "ServiceUnavailable", "ServiceUnavailableException" },
    { "ThrottlingException", "TooManyRequestsException" },
    { "UnrecognizedClientException", "InvalidClientTokenId" },
    { "ExpiredTokenException", "ExpiredToken" },
    { "ValidationException", "ValidationError" },
};

#define ALIASES  (sizeof(aliases) / sizeof(aliases[0]))

typedef struct {
    const dg_service_t      *service;
    const dg_operation_t    *operation;
    const dg_shape_t        *shape;      /* the operation's, when it has one */
    dg_protocol_t            protocol;
    dg_refusal_t             refusal;
    dg_span_t                code;
    dg_span_t                message;
} form_t;


static const dg_shape_t *
modelled(const dg_operation_t *operation, dg_span_t code)
{
    const dg_shape_t  *shape;
    size_t             i;

    if (operation == NULL) {
        return NULL;
    }

    shape = dg_model_error(operation, code);

    for (i = 0; shape == NULL && i < ALIASES; i++) {
        if (dg_span_equal(code, dg_span_cstr(aliases[i].name))) {
            shape = dg_model_error(operation, dg_span_cstr(aliases[i].alias));
        }
    }

    return shape;
}


static unsigned
common_status(const dg_service_t *service, dg_span_t code)
{
    size_t  i;

    for (i = 0; i < service->common_error_count; i++) {
        if (dg_span_equal(service->common_errors[i].code, code)) {
            return service->common_errors[i].status;
        }
    }

    return 0;
}


/* What the service's reference says of the fault; 0 when nothing. */
static unsigned
reference_status(const dg_service_t *service, dg_span_t code)
{
    unsigned  status;
    size_t    i;

    if (service == NULL) {
        return 0;
    }

    status = common_status(service, code);

    for (i = 0; status == 0 && i < ALIASES; i++) {
        if (dg_span_equal(code, dg_span_cstr(aliases[i].name))) {
            status = common_status(service, dg_span_cstr(aliases[i].alias));
        }
    }

    return status;
}


static bool
is_nginx_own(dg_refusal_t refusal)
{
    return refusal >= DG_REFUSE_BAD_REQUEST;
}


/* Statuses that every protocol has, whatever the reference says. */
static bool
is_fixed(const form_t *form, unsigned status)
{
    return is_nginx_own(form->refusal)
           || form->refusal == DG_REFUSE_UNKNOWN_OPERATION || status == 413;
}


/* RFC 6749 section 5.2, RFC 8693 section 2.2.2. */
static dg_span_t
oauth_error(dg_refusal_t refusal)
{
    unsigned  status = dg_refusal_info(refusal)->status;

    switch (refusal) {

    case DG_REFUSE_GRANT_TYPE:
        return DG_SPAN("unsupported_grant_type");

    case DG_REFUSE_GRANT_SCOPE:
        return DG_SPAN("invalid_scope");

    case DG_REFUSE_GRANT_TARGET:
        return DG_SPAN("invalid_target");

    case DG_REFUSE_GRANT_NOT_OFFERED:
    case DG_REFUSE_SESSION_NOT_HERE:
    case DG_REFUSE_VENDED_AGAIN:
        return DG_SPAN("unauthorized_client");

    default:
        break;
    }

    if (refusal >= DG_REFUSE_CREDENTIALS_MISSING
        && refusal < DG_REFUSE_TOKEN_MALFORMED
        && refusal != DG_REFUSE_REPLAY_STORE_FULL)
    {
        return DG_SPAN("invalid_client");
    }

    return status == 429 || status == 503 ? DG_SPAN("temporarily_unavailable")
           : status >= 500 ? DG_SPAN("server_error")
           : DG_SPAN("invalid_request");
}


/* A client that is not known: 401; whatever else it did wrong: 400. */
static unsigned
oauth_status(dg_refusal_t refusal)
{
    unsigned  status = dg_refusal_info(refusal)->status;

    if (dg_span_equal(oauth_error(refusal), DG_SPAN("invalid_client"))) {
        return 401;
    }

    return status == 401 || status == 403 ? 400 : status;
}


static unsigned
choose_status(const form_t *form)
{
    unsigned  status = dg_refusal_info(form->refusal)->status, said;

    if (form->protocol == DG_PROTOCOL_OAUTH) {
        return oauth_status(form->refusal);
    }

    if (is_fixed(form, status)) {
        return status;
    }

    if (form->shape != NULL) {
        said = form->shape->error_status;

        return said ? said : form->shape->is_fault ? 500 : 400;
    }

    said = reference_status(form->service, form->code);
    if (said != 0) {
        return said;
    }

    if (form->service == NULL || form->protocol >= DG_PROTOCOL_BROKER
        || status >= 500)
    {
        return status;
    }

    return 400;
}


/* "namespace#Name" */
static void
write_shape_id(dg_writer_t *w, const form_t *form)
{
    if (form->shape != NULL) {
        dg_write_span(w, form->service->namespace_name);

    } else {
        dg_write_cstr(w, CORAL);
    }

    dg_write_char(w, '#');
    dg_write_span(w, form->code);
}


/* The member that holds the text: services spell it in two ways. */
static dg_span_t
message_name(const form_t *form)
{
    if (form->shape != NULL
        && dg_model_member(form->shape, DG_SPAN("Message")) != NULL)
    {
        return DG_SPAN("Message");
    }

    return DG_SPAN("message");
}


/* A modelled ValidationException says why in a member of its own. */
static dg_span_t
reason(const form_t *form)
{
    const dg_member_t  *m;
    const char         *text;
    size_t              i;

    m = form->shape ? dg_model_member(form->shape, DG_SPAN("Reason")) : NULL;
    if (m == NULL) {
        return DG_SPAN_EMPTY;
    }

    text = form->refusal == DG_REFUSE_BODY_INVALID
           || form->refusal == DG_REFUSE_INPUT_UNREADABLE ? REASON_INVALID
                                                          : REASON_OTHER;

    for (i = 0; i < m->shape->value_count; i++) {
        if (dg_span_equal(m->shape->values[i], dg_span_cstr(text))) {
            return m->shape->values[i];
        }
    }

    return DG_SPAN_EMPTY;
}


static void
write_pair(dg_writer_t *w, const char *comma, dg_span_t name, dg_span_t value)
{
    dg_write_cstr(w, comma);
    dg_json_write_string(w, name);
    dg_write_char(w, ':');
    dg_json_write_string(w, value);
}


static void
write_text(dg_writer_t *w, const form_t *form, const char *comma)
{
    dg_span_t  why = reason(form);

    write_pair(w, comma, message_name(form), form->message);

    if (why.len != 0) {
        write_pair(w, ",", DG_SPAN("Reason"), why);
    }
}


static void
write_aws_json(dg_writer_t *w, const form_t *form)
{
    dg_write_cstr(w, "{\"__type\":\"");

    if (form->protocol == DG_PROTOCOL_AWS_JSON_1_0) {
        write_shape_id(w, form);

    } else {
        dg_write_span(w, form->code);
    }

    dg_write_char(w, '"');
    write_text(w, form, ",");
    dg_write_char(w, '}');
}


static void
write_rest(dg_writer_t *w, const form_t *form)
{
    dg_write_char(w, '{');
    write_text(w, form, "");
    dg_write_char(w, '}');
}


/* The broker's own form has "error"; SDKs read the other two. */
static void
write_broker(dg_writer_t *w, const form_t *form)
{
    dg_write_char(w, '{');
    write_pair(w, "", DG_SPAN("error"), form->message);
    write_pair(w, ",", DG_SPAN("code"), form->code);
    write_pair(w, ",", DG_SPAN("message"), form->message);
    dg_write_char(w, '}');
}


/* SDKs read one spelling or the other. */
static void
write_container(dg_writer_t *w, const form_t *form)
{
    dg_write_char(w, '{');
    write_pair(w, "", DG_SPAN("Code"), form->code);
    write_pair(w, ",", DG_SPAN("Message"), form->message);
    write_pair(w, ",", DG_SPAN("code"), form->code);
    write_pair(w, ",", DG_SPAN("message"), form->message);
    dg_write_char(w, '}');
}


static void
write_oauth(dg_writer_t *w, const form_t *form)
{
    dg_write_char(w, '{');
    write_pair(w, "", DG_SPAN("error"), oauth_error(form->refusal));
    write_pair(w, ",", DG_SPAN("error_description"), form->message);
    dg_write_char(w, '}');
}


static void
write_cbor(dg_writer_t *w, const form_t *form)
{
    char         buffer[256];
    dg_writer_t  id = dg_writer(buffer, sizeof(buffer));
    dg_span_t    why = reason(form);

    write_shape_id(&id, form);

    dg_cbor_write_map(w, why.len ? 3 : 2);
    dg_cbor_write_text(w, DG_SPAN("__type"));
    dg_cbor_write_text(w, dg_written(&id));
    dg_cbor_write_text(w, message_name(form));
    dg_cbor_write_text(w, form->message);

    if (why.len != 0) {
        dg_cbor_write_text(w, DG_SPAN("Reason"));
        dg_cbor_write_text(w, why);
    }
}


static void
add_header(dg_refusal_answer_t *out, dg_span_t name, dg_span_t value)
{
    out->headers[out->header_count].name = name;
    out->headers[out->header_count++].value = value;
}


static void
write_form(dg_writer_t *body, const form_t *form, dg_refusal_answer_t *out)
{
    switch (form->protocol) {

    case DG_PROTOCOL_AWS_JSON_1_0:
        out->content_type = DG_SPAN("application/x-amz-json-1.0");
        write_aws_json(body, form);
        return;

    case DG_PROTOCOL_AWS_JSON_1_1:
        out->content_type = DG_SPAN("application/x-amz-json-1.1");
        write_aws_json(body, form);
        return;

    case DG_PROTOCOL_RPC_V2_CBOR:
        out->content_type = DG_SPAN("application/cbor");
        add_header(out, DG_SPAN("Smithy-Protocol"), DG_SPAN("rpc-v2-cbor"));
        write_cbor(body, form);
        return;

    case DG_PROTOCOL_BROKER:
        out->content_type = DG_SPAN("application/json");
        add_header(out, DG_SPAN("X-Amzn-Errortype"), form->code);
        write_broker(body, form);
        return;

    case DG_PROTOCOL_CONTAINER:
        out->content_type = DG_SPAN("application/json");
        write_container(body, form);
        return;

    case DG_PROTOCOL_OAUTH:
        out->content_type = DG_SPAN("application/json");
        add_header(out, DG_SPAN("Cache-Control"), DG_SPAN("no-store"));
        write_oauth(body, form);
        return;

    default:
        out->content_type = DG_SPAN("application/json");
        add_header(out, DG_SPAN("X-Amzn-Errortype"), form->code);
        write_rest(body, form);
        return;
    }
}


/* Cut at a character's border. */
static dg_span_t
cut(dg_span_t message)
{
    size_t  len = message.len;

    if (len <= DG_REFUSAL_MESSAGE_MAX) {
        return message;
    }

    len = DG_REFUSAL_MESSAGE_MAX;
    while (len > 0 && (message.data[len] & 0xc0) == 0x80) {
        len--;
    }

    return dg_span_slice(message, 0, len);
}


dg_err_t
dg_refusal_render(const dg_call_t *call, dg_protocol_t protocol,
    dg_refusal_t refusal, dg_span_t message, dg_span_t request_id,
    dg_writer_t *body, dg_refusal_answer_t *out)
{
    const dg_refusal_info_t  *info = dg_refusal_info(refusal);
    form_t                    form = { .protocol = protocol,
                                       .refusal = refusal };

    if (call != NULL) {
        form.service = call->service;
        form.operation = call->operation;
    }

    form.code = dg_span_cstr(info->aws_code);
    form.message = message.len ? cut(message) : dg_span_cstr(info->text);
    form.shape = modelled(form.operation, form.code);

    if (form.shape != NULL) {
        form.code = form.shape->error_code;
    }

    *out = (dg_refusal_answer_t) {
        .status = choose_status(&form),
        .code = form.code,
        .message = form.message,
        .is_throttle = info->status == 429,
        .may_retry = info->status == 429 || info->status >= 500
    };

    write_form(body, &form, out);

    if (request_id.len != 0) {
        add_header(out, DG_SPAN("x-amzn-RequestId"), request_id);
    }

    return body->overflow ? DG_ERR_LIMIT : DG_OK;
}
