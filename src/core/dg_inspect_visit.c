/*
 * The walk over an input: follows the model's shapes as values come, collects
 * and copies.  See dg_inspect.h.
 *
 * A frame is an open structure, list or map.  frame->member is the member
 * whose value comes next; the path buffer holds its path.
 */

#include "dg_inspect_state.h"

#include "dg_requirements.h"

#include <string.h>

#define UNKNOWN_NAME_MAX  64   /* bytes kept of a name that is no member's */


static dg_inspect_frame_t *
top(dg_inspect_t *in)
{
    return &in->frames[in->depth - 1];
}


static dg_span_t
current_path(const dg_inspect_t *in)
{
    return dg_span(in->path, in->path_len);
}


/*
 * Whether the model may be too old for the name.  It is not for one that is
 * known elsewhere, a label in the body, nor for one that was cut in the path.
 */
static bool
may_be_new(const dg_inspect_t *in, const dg_inspect_frame_t *f,
    dg_span_t name)
{
    return name.len <= UNKNOWN_NAME_MAX
           && (f->shape == NULL || dg_model_member(f->shape, name) == NULL)
           && dg_inspect_is_relaxed(in, current_path(in));
}


/* A name that no member has: noted, and its value hidden whatever it is. */
static dg_err_t
unknown_key(dg_inspect_t *in, dg_inspect_frame_t *f, dg_span_t name)
{
    dg_err_t  err;

    f->member = NULL;

    /* a longer name than any path has is cut: it names nothing anyway */
    err = dg_inspect_set_path(in, f, dg_span_slice(name, 0, UNKNOWN_NAME_MAX));
    if (err != DG_OK) {
        return err;
    }

    if (in->is_answer) {
        return DG_OK;
    }

    if (may_be_new(in, f, name)) {
        /* it may be the one that a union has to have */
        f->present_count++;

    } else {
        dg_inspect_member_error(in, name,
                                "Member must be one that the operation has");
    }

    return dg_inspect_add_unknown(in, current_path(in));
}


static const dg_member_t *
find_member(const dg_inspect_t *in, const dg_inspect_frame_t *f,
    dg_span_t name)
{
    const dg_member_t  *m;

    if (f->shape == NULL || f->shape->type != DG_SHAPE_STRUCTURE) {
        return NULL;
    }

    m = dg_model_member(f->shape, name);
    if (m == NULL) {
        m = dg_model_alias(f->shape, name);
    }

    /* the labels and headers of a request never come from its body */
    if (m != NULL && m->location != DG_LOCATION_BODY && !in->is_answer) {
        return NULL;
    }

    return m;
}


static dg_err_t
structure_key(dg_inspect_t *in, dg_inspect_frame_t *f, dg_span_t name)
{
    const dg_member_t  *m = find_member(in, f, name);

    if (m == NULL) {
        return unknown_key(in, f, name);
    }

    if (dg_inspect_set_keyed(f, m)) {
        /* which of the two would count is anybody's guess */
        in->hard_error = true;
        dg_inspect_member_error(in, m->wire_name,
                                "Member must not be given under two names");
        f->member = NULL;
        return dg_inspect_set_path(in, f, m->wire_name);
    }

    f->member = m;
    return dg_inspect_set_path(in, f, m->wire_name);
}


static dg_err_t
map_key(dg_inspect_t *in, dg_inspect_frame_t *f, dg_span_t name)
{
    bool      unknown = false;
    dg_err_t  err = DG_OK;

    f->member = f->shape->map_key;
    f->index++;

    if (!in->is_answer) {
        err = dg_inspect_check_scalar(in, f->member->shape, DG_SCALAR_STRING,
                                      name, &unknown);
    }

    f->member = f->shape->element;
    return err ? err : dg_inspect_set_path(in, f, name);
}


/*
 * The name that a member without a place in the model has in the copy: as it
 * was sent.  Members of the model begin in lower case there, so a name that
 * does so, too, is marked: no name may come twice.  One that is too long is
 * left out.
 */
static dg_err_t
copy_unknown_name(dg_inspect_t *in, dg_inspect_frame_t *f, dg_span_t name)
{
    char         marked[UNKNOWN_NAME_MAX + 1];
    dg_writer_t  w = dg_writer(marked, sizeof(marked));

    if (name.len == 0 || name.len > UNKNOWN_NAME_MAX) {
        f->skips = true;
        return DG_OK;
    }

    if (name.data[0] < 'A' || name.data[0] > 'Z') {
        dg_write_char(&w, '?');
    }

    dg_write_span(&w, name);
    return dg_inspect_copy_name(in, dg_written(&w), false);
}


static dg_err_t
on_key(void *ctx, dg_span_t name)
{
    dg_inspect_t        *in = ctx;
    dg_inspect_frame_t  *f = top(in);
    dg_err_t             err;

    /* inside what is unknown nothing is told; without an input, all is */

    if (f->shape == NULL) {
        return in->depth == 1 ? unknown_key(in, f, name) : DG_OK;
    }

    f->skips = false;

    if (f->shape->type == DG_SHAPE_DOCUMENT) {
        return dg_inspect_copy_name(in, name, false);
    }

    if (f->shape->type == DG_SHAPE_MAP) {
        err = map_key(in, f, name);
        return err ? err : dg_inspect_copy_name(in, name, false);
    }

    err = structure_key(in, f, name);

    if (err != DG_OK || f->member != NULL) {
        return err;
    }

    return copy_unknown_name(in, f, name);
}


/* Before any value: counts items and says where the value is. */
static void
begin_value(dg_inspect_t *in, dg_inspect_frame_t *f)
{
    if (!f->is_list) {
        return;
    }

    in->path_len = f->path_len;
    f->index++;

    if (f->is_batch) {
        in->item = f->index - 1;
    }
}


static bool
is_map(const dg_inspect_frame_t *f)
{
    return f->shape != NULL && f->shape->type == DG_SHAPE_MAP;
}


static bool
is_document(const dg_shape_t *shape)
{
    return shape != NULL && shape->type == DG_SHAPE_DOCUMENT;
}


/* The name in the copy; maps and unknown members have it already. */
static dg_err_t
copy_name(dg_inspect_t *in, const dg_inspect_frame_t *f)
{
    if (f->is_list) {
        return dg_inspect_copy_comma(in);
    }

    if (is_map(f) || is_document(f->shape) || f->member == NULL) {
        return DG_OK;
    }

    return dg_inspect_copy_member(in, f->member);
}


static dg_err_t
copy_hidden(dg_inspect_t *in, const dg_inspect_frame_t *f)
{
    dg_err_t  err;

    if (f->skips) {
        return DG_OK;
    }

    err = copy_name(in, f);
    return err ? err
               : dg_inspect_copy_raw(in,
                                     DG_SPAN("\"" DG_INSPECT_HIDDEN "\""));
}


static dg_err_t
copy_scalar(dg_inspect_t *in, dg_inspect_frame_t *f, dg_scalar_t kind,
    dg_span_t text, bool is_unknown)
{
    const dg_member_t  *m = f->member;
    dg_err_t            err;

    if (m->is_file || m->shape->type == DG_SHAPE_BLOB) {
        err = copy_hidden(in, f);
        return err || f->is_list
               ? err : dg_inspect_copy_digest(in, m->name, text);
    }

    if (m->sensitive || is_unknown || kind == DG_SCALAR_BYTES) {
        return copy_hidden(in, f);
    }

    err = copy_name(in, f);
    if (err != DG_OK) {
        return err;
    }

    return kind == DG_SCALAR_STRING ? dg_inspect_copy_string(in, text)
                                    : dg_inspect_copy_raw(in, text);
}


/* A value inside a document is copied as it is, unless it is hidden. */
static dg_err_t
document_scalar(dg_inspect_t *in, dg_inspect_frame_t *f, dg_scalar_t kind,
    dg_span_t text)
{
    dg_err_t  err;

    if (f->member != NULL && f->member->sensitive) {
        return copy_hidden(in, f);
    }

    if (kind == DG_SCALAR_BYTES) {
        text = DG_SPAN(DG_INSPECT_HIDDEN);
        kind = DG_SCALAR_STRING;
    }

    err = copy_name(in, f);
    if (err != DG_OK) {
        return err;
    }

    return kind == DG_SCALAR_STRING ? dg_inspect_copy_string(in, text)
                                    : dg_inspect_copy_raw(in, text);
}


/* A scalar where nothing is known: hidden, if it is a member at all. */
static dg_err_t
unknown_scalar(dg_inspect_t *in, const dg_inspect_frame_t *f)
{
    return f->shape == NULL ? DG_OK : copy_hidden(in, f);
}


/* One structure stands where another is expected: no policy can see it. */
static void
structural_error(dg_inspect_t *in, const dg_shape_t *shape)
{
    static const char *const  wanted[] = {
        [DG_SHAPE_STRUCTURE] = "Member must be a structure",
        [DG_SHAPE_LIST] = "Member must be a list",
        [DG_SHAPE_MAP] = "Member must be a map",
    };

    in->hard_error = true;
    dg_inspect_error(in, "%s", shape->type <= DG_SHAPE_MAP
                               ? wanted[shape->type]
                               : "Member must not be a list or structure");
}


static bool
is_container(const dg_shape_t *shape)
{
    return shape->type == DG_SHAPE_STRUCTURE || shape->type == DG_SHAPE_LIST
           || shape->type == DG_SHAPE_MAP;
}


/* A syntax error is the caller's to hear of now, not a day later. */
static dg_err_t
check_requirements(dg_inspect_t *in, dg_span_t text)
{
    const dg_requirements_t  *parsed;
    dg_diag_t                 diag;
    dg_err_t                  err;

    if (in->validate == DG_VALIDATE_OFF) {
        return DG_OK;
    }

    err = dg_requirements_parse(in->arena, text, &diag, &parsed);

    if (err == DG_OK || err == DG_ERR_MEMORY) {
        return err;
    }

    dg_inspect_error(in, "Member must be an expression: %s", diag.text);
    return DG_OK;
}


static dg_err_t
member_scalar(dg_inspect_t *in, dg_inspect_frame_t *f, dg_scalar_t kind,
    dg_span_t text)
{
    const dg_member_t  *m = f->member;
    bool                unknown = false;
    dg_err_t            err;

    if (is_container(m->shape)) {
        structural_error(in, m->shape);
        return copy_hidden(in, f);
    }

    if (!in->is_answer) {
        err = dg_inspect_check_scalar(in, m->shape, kind, text, &unknown);
        if (err != DG_OK) {
            return err;
        }

        if (m->is_requirements) {
            err = check_requirements(in, text);
            if (err != DG_OK) {
                return err;
            }
        }

        if (m->shape->type != DG_SHAPE_BLOB && kind != DG_SCALAR_BYTES) {
            err = dg_inspect_collect(in, f, text, unknown);
            if (err != DG_OK) {
                return err;
            }
        }
    }

    return copy_scalar(in, f, kind, text, unknown);
}


static dg_err_t
scalar(dg_inspect_t *in, dg_scalar_t kind, dg_span_t text)
{
    dg_inspect_frame_t  *f = top(in);

    if (in->nest == 0) {
        return DG_ERR_SYNTAX;
    }

    if (is_document(f->shape)) {
        return document_scalar(in, f, kind, text);
    }

    begin_value(in, f);

    if (f->member == NULL) {
        return unknown_scalar(in, f);
    }

    if (!f->is_list && !is_map(f)) {
        dg_inspect_set_present(f, f->member);
    }

    return is_document(f->member->shape)
           ? document_scalar(in, f, kind, text)
           : member_scalar(in, f, kind, text);
}


static dg_err_t
on_null(void *ctx)
{
    dg_inspect_t        *in = ctx;
    dg_inspect_frame_t  *f = top(in);
    bool                 has_name;
    dg_err_t             err;

    if (in->nest == 0) {
        return DG_ERR_SYNTAX;
    }

    begin_value(in, f);
    has_name = is_map(f) || is_document(f->shape) || f->member == NULL;

    /* a null member is one that is not there */

    if (!f->is_list && !has_name) {
        return DG_OK;
    }

    if ((f->is_list || is_map(f)) && f->member != NULL
        && !f->shape->is_sparse && !is_document(f->shape))
    {
        dg_inspect_error(in, "Member must not be null");
    }

    if (f->skips || f->shape == NULL) {
        return DG_OK;
    }

    err = f->is_list ? dg_inspect_copy_comma(in) : DG_OK;
    return err ? err : dg_inspect_copy_raw(in, DG_SPAN("null"));
}


static dg_err_t
on_bool(void *ctx, bool value)
{
    return scalar(ctx, DG_SCALAR_BOOL,
                  value ? DG_SPAN("true") : DG_SPAN("false"));
}


static dg_err_t
on_number(void *ctx, dg_span_t text)
{
    return scalar(ctx, DG_SCALAR_NUMBER, text);
}


static dg_err_t
on_string(void *ctx, dg_span_t text)
{
    return scalar(ctx, DG_SCALAR_STRING, text);
}


static dg_err_t
on_bytes(void *ctx, dg_span_t bytes)
{
    return scalar(ctx, DG_SCALAR_BYTES, bytes);
}


static dg_err_t
on_timestamp(void *ctx, dg_span_t text)
{
    return scalar(ctx, DG_SCALAR_TIMESTAMP, text);
}


/* What a container that begins is, by the member it is the value of. */
static const dg_shape_t *
expected_shape(dg_inspect_t *in, const dg_inspect_frame_t *f, bool is_list)
{
    const dg_shape_t  *shape;

    if (is_document(f->shape)) {
        return f->shape;
    }

    if (f->member == NULL) {
        return NULL;
    }

    shape = f->member->shape;

    if (is_document(shape)) {
        return shape;
    }

    if (is_list ? shape->type != DG_SHAPE_LIST
                : shape->type != DG_SHAPE_STRUCTURE
                  && shape->type != DG_SHAPE_MAP)
    {
        structural_error(in, shape);
        return NULL;
    }

    return shape;
}


static dg_err_t
enter(dg_inspect_t *in, bool is_list)
{
    dg_inspect_frame_t  *f = top(in);
    const dg_shape_t    *shape;
    bool                 hidden, sensitive;
    dg_err_t             err = DG_OK;

    in->nest++;

    begin_value(in, f);
    shape = expected_shape(in, f, is_list);

    if (f->member != NULL && !f->is_list && !is_map(f)
        && !is_document(f->shape))
    {
        dg_inspect_set_present(f, f->member);
    }

    sensitive = f->sensitive || (f->member != NULL && f->member->sensitive);
    hidden = shape == NULL || (f->member != NULL && f->member->sensitive);

    if (f->shape != NULL) {
        err = hidden ? copy_hidden(in, f) : copy_name(in, f);

        if (err == DG_OK && !hidden) {
            err = dg_inspect_copy_raw(in, is_list ? DG_SPAN("[")
                                                  : DG_SPAN("{"));
        }
    }

    return err ? err : dg_inspect_push(in, shape, is_list, hidden, sensitive);
}


static dg_err_t
leave(dg_inspect_t *in)
{
    dg_inspect_frame_t  *f = top(in);
    bool                 was_muted = in->copy.muted != 0;

    in->nest--;
    in->depth--;
    in->path_len = f->path_len;

    if (f->mutes) {
        in->copy.muted--;
    }

    return was_muted ? DG_OK
                     : dg_inspect_copy_raw(in, f->is_list ? DG_SPAN("]")
                                                          : DG_SPAN("}"));
}


/* What must be there once a structure has ended. */
static void
check_structure(dg_inspect_t *in, dg_inspect_frame_t *f)
{
    const dg_shape_t  *s = f->shape;
    size_t             i;

    for (i = 0; f->required_count < s->required_count
                && i < s->member_count; i++)
    {
        if (s->members[i].required
            && !dg_inspect_is_present(f, &s->members[i]))
        {
            dg_inspect_member_error(in, s->members[i].wire_name,
                                    "Member must not be null");
        }
    }

    if (s->is_union && f->present_count != 1) {
        f->member = NULL;
        dg_inspect_member_error(in, DG_SPAN_EMPTY,
                                "Member must have exactly one member set");
    }
}


static const dg_member_t *
payload(const dg_inspect_t *in)
{
    return in->call != NULL && in->call->operation != NULL && !in->is_answer
           ? in->call->operation->payload : NULL;
}


static bool
takes_bare_array(const dg_inspect_t *in)
{
    return payload(in) != NULL && in->call->operation->bare_array
           && in->json != NULL;
}


/* The whole body is the value of one member (REST), named nowhere. */
static dg_err_t
name_payload(dg_inspect_t *in, bool is_list)
{
    const dg_member_t  *m = payload(in);

    if (m == NULL || (is_list != (m->shape->type == DG_SHAPE_LIST))) {
        return DG_ERR_SYNTAX;
    }

    (void) dg_inspect_set_keyed(&in->frames[0], m);
    in->frames[0].member = m;
    return dg_inspect_set_path(in, &in->frames[0], m->wire_name);
}


static dg_err_t
on_object_start(void *ctx)
{
    dg_inspect_t  *in = ctx;
    dg_err_t       err;

    if (in->nest == 0 && (payload(in) == NULL || takes_bare_array(in))) {
        in->nest = 1;
        return DG_OK;
    }

    if (in->nest == 0) {
        err = name_payload(in, false);
        if (err != DG_OK) {
            return err;
        }
    }

    return enter(in, false);
}


static dg_err_t
on_object_end(void *ctx)
{
    dg_inspect_t        *in = ctx;
    dg_inspect_frame_t  *f = top(in);

    /* the outermost structure goes on until labels and body are there */

    if (in->depth == 1) {
        in->nest = 0;
        return DG_OK;
    }

    if (f->shape != NULL && !in->is_answer) {
        if (f->shape->type == DG_SHAPE_STRUCTURE) {
            check_structure(in, f);

        } else if (f->shape->type == DG_SHAPE_MAP) {
            in->depth--;
            dg_inspect_check_count(in, f->shape, f->index);
            in->depth++;
        }
    }

    return leave(in);
}


/* The broker's array: its payload member, named or not. */
static bool
is_broker_array(const dg_inspect_t *in, const dg_inspect_frame_t *f)
{
    return takes_bare_array(in) && f == &in->frames[0]
           && f->member == in->call->operation->payload;
}


static dg_err_t
start_batch(dg_inspect_t *in)
{
    dg_inspect_frame_t  *f = top(in);
    dg_span_t            batch;

    if (in->is_answer || in->call->operation == NULL || f->shape == NULL) {
        return DG_OK;
    }

    batch = in->call->operation->batch_member;

    if (batch.len != 0 && dg_span_equal(batch, current_path(in))) {
        f->is_batch = true;
        in->item_path = batch.len + 1;
        in->result.item_count = 0;
    }

    return DG_OK;
}


static dg_err_t
on_array_start(void *ctx)
{
    dg_inspect_t        *in = ctx;
    dg_inspect_frame_t  *f = top(in);
    dg_err_t             err;

    if (in->nest == 0) {
        err = name_payload(in, true);
        if (err != DG_OK) {
            return err;
        }

        in->result.array_is_body = takes_bare_array(in);
    }

    if (is_broker_array(in, f)) {
        in->result.has_array = true;
        in->result.array_from = dg_json_reader_token_end(in->json) - 1;
    }

    err = enter(in, true);
    return err ? err : start_batch(in);
}


static void
end_list(dg_inspect_t *in, dg_inspect_frame_t *f)
{
    if (f->is_batch) {
        in->result.item_count = f->index;
        in->item = DG_INSPECT_NO_ITEM;
    }

    if (f->shape == NULL || f->shape->type != DG_SHAPE_LIST) {
        return;
    }

    if (in->is_answer) {
        if (in->depth == 2
            && dg_span_equal(dg_span(in->path, f->path_len),
                             DG_SPAN("UnsuccessfulList")))
        {
            in->failed_items = f->index;
        }

        return;
    }

    in->depth--;
    dg_inspect_check_count(in, f->shape, f->index);
    in->depth++;
}


static dg_err_t
on_array_end(void *ctx)
{
    dg_inspect_t        *in = ctx;
    dg_inspect_frame_t  *f = top(in);

    end_list(in, f);

    if (in->depth == 2 && is_broker_array(in, &in->frames[0])) {
        in->result.array_to = dg_json_reader_token_end(in->json);
    }

    return leave(in);
}


dg_err_t
dg_inspect_outside(dg_inspect_t *in, const dg_member_t *member,
    const dg_span_t *texts, size_t count)
{
    dg_inspect_frame_t  *f = top(in);
    size_t               i;
    dg_err_t             err;

    if (f->shape == NULL || f->shape->type != DG_SHAPE_STRUCTURE) {
        return DG_OK;
    }

    (void) dg_inspect_set_keyed(f, member);
    f->member = member;

    err = dg_inspect_set_path(in, f, member->wire_name);
    if (err != DG_OK) {
        return err;
    }

    in->nest++;

    if (member->shape->type != DG_SHAPE_LIST) {
        err = scalar(in, DG_SCALAR_STRING, texts[0]);
        in->nest--;
        return err;
    }

    err = enter(in, true);

    for (i = 0; err == DG_OK && i < count; i++) {
        err = scalar(in, DG_SCALAR_STRING, texts[i]);
    }

    if (err == DG_OK) {
        end_list(in, top(in));
        err = leave(in);
    }

    in->nest--;
    return err;
}


dg_err_t
dg_inspect_close_root(dg_inspect_t *in)
{
    dg_inspect_frame_t  *f = &in->frames[0];

    if (f->shape != NULL && f->shape->type == DG_SHAPE_STRUCTURE
        && !in->is_answer)
    {
        check_structure(in, f);
    }

    return DG_OK;
}


const dg_visitor_t  dg_inspect_visitor = {
    .on_null = on_null,
    .on_bool = on_bool,
    .on_number = on_number,
    .on_string = on_string,
    .on_bytes = on_bytes,
    .on_timestamp = on_timestamp,
    .on_object_start = on_object_start,
    .on_key = on_key,
    .on_object_end = on_object_end,
    .on_array_start = on_array_start,
    .on_array_end = on_array_end
};
