/*
 * Which operation a request means: see dg_model.h.
 *
 * Sources: Smithy awsJson1_0/1_1 (X-Amz-Target on POST /), rpc-v2-cbor
 * (Smithy-Protocol and the last four segments of the path), restJson1 (method
 * and requestUri template).  A request that could mean two things means
 * nothing: it is refused, because whoever executes it might choose otherwise
 * than we did.  Everything is compared raw: a literal segment with a percent
 * escape is not that segment.
 */

#include "dg_model.h"

#include "dg_query.h"

#define SEGMENTS_MAX  64

typedef struct {
    dg_span_t  parts[SEGMENTS_MAX];
    size_t     count;
} segments_t;

typedef struct {
    const dg_header_t  *target;
    const dg_header_t  *amzn_target;
    const dg_header_t  *smithy;
    bool                repeated;
    bool                is_rpc_path;
    segments_t          path;
} clues_t;


/* "/a/b" to a and b.  False when there are too many. */
static bool
cut(dg_span_t path, segments_t *s)
{
    dg_span_t  part;

    s->count = 0;

    if (path.len == 0 || path.data[0] != '/') {
        return false;
    }

    path = dg_span_slice(path, 1, path.len);

    while (dg_span_split(&path, '/', &part)) {
        if (s->count == SEGMENTS_MAX) {
            return false;
        }

        s->parts[s->count++] = part;
    }

    return true;
}


static const dg_header_t *
one_header(const dg_request_t *request, const char *name, clues_t *clues)
{
    const dg_header_t  *h;
    bool                repeated = false;

    h = dg_request_header(request, dg_span_cstr(name), &repeated);
    clues->repeated = clues->repeated || repeated;
    return h;
}


static bool
gather(const dg_request_t *request, clues_t *clues)
{
    const segments_t  *s = &clues->path;

    clues->repeated = false;
    clues->target = one_header(request, "x-amz-target", clues);
    clues->amzn_target = one_header(request, "x-amzn-target", clues);
    clues->smithy = one_header(request, "smithy-protocol", clues);

    if (!cut(dg_request_path(request), &clues->path)) {
        return false;
    }

    clues->is_rpc_path =
        s->count >= 4
        && dg_span_equal(s->parts[s->count - 4], DG_SPAN("service"))
        && dg_span_equal(s->parts[s->count - 2], DG_SPAN("operation"));

    return true;
}


static bool
is_json_rpc(const dg_service_t *service)
{
    return service->protocol == DG_PROTOCOL_AWS_JSON_1_0
           || service->protocol == DG_PROTOCOL_AWS_JSON_1_1;
}


static bool
is_rest(const dg_service_t *service)
{
    return service->protocol == DG_PROTOCOL_REST_JSON
           || service->protocol == DG_PROTOCOL_BROKER;
}


static dg_refusal_t
by_cbor(const dg_service_t *const *services, size_t count,
    const dg_request_t *request, const clues_t *clues, dg_call_t *call)
{
    const segments_t  *s = &clues->path;
    dg_span_t          name, operation;
    size_t             i;

    if (!clues->is_rpc_path || clues->smithy == NULL
        || clues->target != NULL || clues->amzn_target != NULL)
    {
        return DG_REFUSE_AMBIGUOUS_OPERATION;
    }

    name = s->parts[s->count - 3];
    operation = s->parts[s->count - 1];

    if (!dg_span_equal(clues->smithy->value, DG_SPAN("rpc-v2-cbor"))
        || !dg_span_equal(request->method, DG_SPAN("POST"))
        || dg_span_find(name, '%') != name.len
        || dg_span_find(operation, '%') != operation.len)
    {
        return DG_REFUSE_AMBIGUOUS_OPERATION;
    }

    call->protocol = DG_PROTOCOL_RPC_V2_CBOR;

    /* the name may be absolute: com.example.Name */
    if (dg_span_find_last(name, '.') != name.len) {
        name = dg_span_slice(name, dg_span_find_last(name, '.') + 1,
                             name.len);
    }

    for (i = 0; i < count; i++) {
        if (services[i]->speaks_cbor && name.len != 0
            && dg_span_equal(services[i]->target_prefix, name))
        {
            call->service = services[i];
            call->operation = dg_model_operation(services[i], operation);
            break;
        }
    }

    return call->operation ? DG_ALLOWED : DG_REFUSE_UNKNOWN_OPERATION;
}


static dg_refusal_t
by_target(const dg_service_t *const *services, size_t count,
    const dg_request_t *request, const clues_t *clues, dg_call_t *call)
{
    dg_span_t  value = clues->target->value;
    size_t     i, dot = dg_span_find_last(value, '.');

    if (clues->amzn_target != NULL) {
        return DG_REFUSE_AMBIGUOUS_OPERATION;
    }

    for (i = 0; i < count; i++) {
        if (is_json_rpc(services[i])
            && services[i]->target_prefix.len != 0
            && dg_span_equal(services[i]->target_prefix,
                             dg_span_slice(value, 0, dot)))
        {
            call->service = services[i];
            call->protocol = services[i]->protocol;
            call->operation =
                dg_model_operation(services[i],
                                   dg_span_slice(value, dot + 1, value.len));
            break;
        }
    }

    if (!dg_span_equal(request->method, DG_SPAN("POST"))
        || !dg_span_equal(dg_request_path(request), DG_SPAN("/")))
    {
        call->operation = NULL;
    }

    return call->operation ? DG_ALLOWED : DG_REFUSE_UNKNOWN_OPERATION;
}


/* 0: literal, 1: {label}, 2: {label+} */
static int
segment_kind(dg_span_t template)
{
    if (template.len < 3 || template.data[0] != '{'
        || template.data[template.len - 1] != '}')
    {
        return 0;
    }

    return template.data[template.len - 2] == '+' ? 2 : 1;
}


/* The label's name within its braces. */
static dg_span_t
label_name(dg_span_t template)
{
    return dg_span_slice(template, 1,
                         template.len - (segment_kind(template) == 2 ? 2 : 1));
}


static const dg_member_t *
label_member(const dg_operation_t *o, dg_span_t name)
{
    size_t  i;

    for (i = 0; o->input != NULL && i < o->input->member_count; i++) {
        if (o->input->members[i].location == DG_LOCATION_URI
            && dg_span_equal(o->input->members[i].wire_name, name))
        {
            return &o->input->members[i];
        }
    }

    return NULL;
}


static void
keep_label(dg_call_t *call, const dg_operation_t *o, dg_span_t template,
    dg_span_t raw)
{
    if (call->label_count < DG_MODEL_LABELS_MAX) {
        call->labels[call->label_count] = raw;
        call->label_members[call->label_count++] =
            label_member(o, label_name(template));
    }
}


/* Raw text from the first byte of part `from` to the last of part `to`. */
static dg_span_t
joined_parts(const segments_t *s, size_t from, size_t to)
{
    const uint8_t  *first = s->parts[from].data;

    return dg_span(first, (size_t) (s->parts[to].data - first)
                          + s->parts[to].len);
}


/*
 * Matches the path against a template.  A greedy label takes one segment at
 * least and leaves what the rest of the template needs.
 */
static bool
matches(const segments_t *template, const segments_t *path,
    const dg_operation_t *o, dg_call_t *call)
{
    size_t  i, at = 0, rest, take;
    int     kind;

    call->label_count = 0;

    for (i = 0; i < template->count; i++) {
        rest = template->count - i - 1;

        if (at + rest >= path->count) {
            return false;
        }

        kind = segment_kind(template->parts[i]);
        take = kind == 2 ? path->count - at - rest : 1;

        if (kind == 0
            && !dg_span_equal(template->parts[i], path->parts[at]))
        {
            return false;
        }

        if (kind != 0) {
            dg_span_t  raw = joined_parts(path, at, at + take - 1);

            if (raw.len == 0) {
                return false;
            }

            keep_label(call, o, template->parts[i], raw);
        }

        at += take;
    }

    return at == path->count;
}


/* "?a=b" of a template: each must be among the query's parameters. */
static bool
query_matches(dg_span_t constants, dg_span_t query)
{
    dg_span_t  want, rest, param;
    bool       found;

    while (dg_span_split(&constants, '&', &want)) {
        found = false;
        rest = query;

        while (!found && dg_span_split(&rest, '&', &param)) {
            found = dg_span_equal(param, want)
                    || (param.len == want.len + 1
                        && dg_span_starts_with(param, want)
                        && param.data[want.len] == '=');
        }

        if (!found) {
            return false;
        }
    }

    return true;
}


/* True when `a` is the narrower template: literal before label, or longer. */
static bool
is_narrower(const segments_t *a, const segments_t *b)
{
    size_t  i;
    int     x, y;

    for (i = 0; i < a->count && i < b->count; i++) {
        x = segment_kind(a->parts[i]);
        y = segment_kind(b->parts[i]);

        if (x != y) {
            return x < y;
        }
    }

    return a->count > b->count;
}


/* The best operation of one REST service. */
static const dg_operation_t *
rest_operation(const dg_service_t *service, const dg_request_t *request,
    const clues_t *clues, dg_call_t *call)
{
    const dg_operation_t  *o, *best = NULL;
    segments_t             template, best_template;
    bool                   best_has_query = false, has_query;
    dg_call_t              attempt = *call;
    size_t                 i, mark;

    for (i = 0; i < service->operation_count; i++) {
        o = &service->operations[i];
        mark = dg_span_find(o->uri, '?');
        has_query = mark < o->uri.len;

        if (!dg_span_equal(o->method, request->method)
            || !cut(dg_span_slice(o->uri, 0, mark), &template)
            || !matches(&template, &clues->path, o, &attempt)
            || (has_query
                && !query_matches(dg_span_slice(o->uri, mark + 1, o->uri.len),
                                  dg_request_query(request))))
        {
            continue;
        }

        if (best == NULL || is_narrower(&template, &best_template)
            || (has_query && !best_has_query
                && !is_narrower(&best_template, &template)))
        {
            best = o;
            best_template = template;
            best_has_query = has_query;
            *call = attempt;
        }
    }

    return best;
}


static dg_refusal_t
by_path(const dg_service_t *const *services, size_t count,
    const dg_request_t *request, const clues_t *clues, dg_call_t *call)
{
    const dg_operation_t  *o;
    dg_call_t              attempt;
    size_t                 i;

    for (i = 0; i < count; i++) {
        if (!is_rest(services[i])) {
            continue;
        }

        attempt = (dg_call_t) { .service = services[i],
                                .protocol = services[i]->protocol };
        o = rest_operation(services[i], request, clues, &attempt);

        if (o == NULL) {
            continue;
        }

        if (call->operation != NULL) {
            *call = (dg_call_t) { .protocol = call->protocol };
            return DG_REFUSE_AMBIGUOUS_OPERATION;
        }

        *call = attempt;
        call->operation = o;
    }

    return call->operation ? DG_ALLOWED : DG_REFUSE_UNKNOWN_OPERATION;
}


/* True when the operation itself has a query member of that name. */
static bool
is_query_member(const dg_operation_t *o, const dg_query_param_t *param)
{
    size_t  i;

    for (i = 0; o->input != NULL && i < o->input->member_count; i++) {
        if (o->input->members[i].location == DG_LOCATION_QUERY
            && dg_query_name_is(param, o->input->members[i].wire_name, true))
        {
            return true;
        }
    }

    return false;
}


static bool
parameter_disagrees(const dg_query_param_t *param, const dg_operation_t *o,
    dg_span_t name, dg_span_t value)
{
    return dg_query_name_is(param, name, false)
           && !dg_span_equal(param->value, value)
           && !is_query_member(o, param);
}


/* Action and Version belong to the query protocol, which nobody here speaks */
static dg_refusal_t
check_query(const dg_request_t *request, const dg_call_t *call)
{
    dg_query_t  query;
    size_t      i;

    if (dg_request_query(request).len == 0) {
        return DG_ALLOWED;
    }

    if (dg_query_parse(dg_request_query(request), &query) != DG_OK) {
        return DG_REFUSE_BAD_REQUEST;
    }

    for (i = 0; i < query.count; i++) {
        if (parameter_disagrees(&query.params[i], call->operation,
                                DG_SPAN("action"), call->operation->name)
            || parameter_disagrees(&query.params[i], call->operation,
                                   DG_SPAN("version"),
                                   call->service->api_version))
        {
            return DG_REFUSE_ACTION_DISAGREES;
        }
    }

    return DG_ALLOWED;
}


/*
 * Nothing was identified: the form of the refusal follows the content type,
 * and the service when the location has only one.
 */
static void
guess_form(const dg_service_t *const *services, size_t count,
    const dg_request_t *request, dg_call_t *call)
{
    const dg_header_t  *type;
    dg_protocol_t       protocol;

    if (call->service != NULL) {
        return;
    }

    type = dg_request_header(request, DG_SPAN("content-type"), NULL);
    protocol = count == 1 ? services[0]->protocol : DG_PROTOCOL_REST_JSON;

    if (type != NULL
        && dg_span_starts_with(type->value,
                               DG_SPAN("application/x-amz-json-1.0")))
    {
        protocol = DG_PROTOCOL_AWS_JSON_1_0;

    } else if (type != NULL
               && dg_span_starts_with(type->value,
                                      DG_SPAN("application/x-amz-json-1.1")))
    {
        protocol = DG_PROTOCOL_AWS_JSON_1_1;

    } else if (dg_request_header(request, DG_SPAN("smithy-protocol"), NULL)
               != NULL)
    {
        protocol = DG_PROTOCOL_RPC_V2_CBOR;
    }

    call->service = count == 1 ? services[0] : NULL;
    call->protocol = protocol;
}


dg_refusal_t
dg_model_identify(const dg_service_t *const *services, size_t service_count,
    const dg_request_t *request, dg_call_t *call)
{
    clues_t       clues;
    dg_refusal_t  refusal;

    *call = (dg_call_t) { .protocol = DG_PROTOCOL_REST_JSON };

    if (!gather(request, &clues)) {
        refusal = DG_REFUSE_UNKNOWN_OPERATION;

    } else if (clues.repeated) {
        refusal = DG_REFUSE_AMBIGUOUS_OPERATION;

    } else if (clues.smithy != NULL || clues.is_rpc_path) {
        refusal = by_cbor(services, service_count, request, &clues, call);

    } else if (clues.target != NULL) {
        refusal = by_target(services, service_count, request, &clues, call);

    } else if (clues.amzn_target != NULL) {
        refusal = DG_REFUSE_AMBIGUOUS_OPERATION;

    } else {
        refusal = by_path(services, service_count, request, &clues, call);
    }

    if (refusal == DG_ALLOWED) {
        refusal = check_query(request, call);
    }

    if (refusal != DG_ALLOWED) {
        guess_form(services, service_count, request, call);
    }

    return refusal;
}
