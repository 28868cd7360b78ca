/*
 * Answers by shape, as JSON: see dg_sandbox_answer.h.
 */

#include "dg_sandbox_answer.h"

#include "core/dg_time.h"

static void value_json(dg_writer_t *w, const dg_shape_t *shape,
    const dg_json_t *value, unsigned depth);


bool
dg_answer_fits(const dg_shape_t *shape, const dg_json_t *value)
{
    switch (shape->type) {

    case DG_SHAPE_STRUCTURE:
    case DG_SHAPE_MAP:
        return value->type == DG_JSON_OBJECT;

    case DG_SHAPE_LIST:
        return value->type == DG_JSON_ARRAY;

    case DG_SHAPE_STRING:
    case DG_SHAPE_BLOB:
        return value->type == DG_JSON_STRING;

    case DG_SHAPE_INTEGER:
    case DG_SHAPE_LONG:
    case DG_SHAPE_FLOAT:
    case DG_SHAPE_DOUBLE:
        return value->type == DG_JSON_NUMBER;

    case DG_SHAPE_BOOLEAN:
        return value->type == DG_JSON_BOOL;

    case DG_SHAPE_TIMESTAMP:
        return value->type == DG_JSON_NUMBER || value->type == DG_JSON_STRING;

    case DG_SHAPE_DOCUMENT:
        return true;
    }

    return false;
}


/* A required member that the tree lacks. */
static void
made_json(dg_writer_t *w, const dg_shape_t *shape, unsigned depth)
{
    size_t  i;

    switch (shape->type) {

    case DG_SHAPE_STRUCTURE:
    case DG_SHAPE_MAP:
        value_json(w, shape, NULL, depth + 1);
        return;

    case DG_SHAPE_LIST:
        dg_write_cstr(w, "[]");
        return;

    case DG_SHAPE_BOOLEAN:
        dg_write_cstr(w, "false");
        return;

    case DG_SHAPE_STRING:
        if (shape->value_count != 0) {
            dg_json_write_string(w, shape->values[0]);
            return;
        }

        dg_write_char(w, '"');
        for (i = 0; shape->has_min && i < (size_t) shape->min; i++) {
            dg_write_char(w, 'a');
        }

        dg_write_char(w, '"');
        return;

    case DG_SHAPE_BLOB:
        dg_write_cstr(w, "\"\"");
        return;

    default:
        dg_write_i64(w, shape->has_min ? (int64_t) shape->min : 0);
    }
}


/* Comma and name; *first is cleared. */
static void
name_json(dg_writer_t *w, dg_span_t name, bool *first)
{
    if (!*first) {
        dg_write_char(w, ',');
    }

    *first = false;
    dg_json_write_string(w, name);
    dg_write_char(w, ':');
}


static void
members_json(dg_writer_t *w, const dg_shape_t *shape, const dg_json_t *tree,
    bool first, unsigned depth)
{
    size_t              i;
    const dg_json_t    *value;
    const dg_member_t  *m;

    for (i = 0; i < shape->member_count; i++) {
        m = &shape->members[i];
        value = dg_tree_find(tree, m->wire_name);

        if (m->location != DG_LOCATION_BODY) {
            continue;
        }

        if (value != NULL && dg_answer_fits(m->shape, value)) {
            name_json(w, m->wire_name, &first);
            value_json(w, m->shape, value, depth);
            continue;
        }

        if (m->required && depth < DG_ANSWER_DEPTH_MAX) {
            name_json(w, m->wire_name, &first);
            made_json(w, m->shape, depth);
        }
    }
}


static void
list_json(dg_writer_t *w, const dg_shape_t *shape, const dg_json_t *value,
    unsigned depth)
{
    bool              first = true;
    const dg_json_t  *item;

    dg_write_char(w, '[');

    for (item = value->first; item != NULL; item = item->next) {
        if (!dg_answer_fits(shape->element->shape, item)) {
            continue;
        }

        if (!first) {
            dg_write_char(w, ',');
        }

        first = false;
        value_json(w, shape->element->shape, item, depth);
    }

    dg_write_char(w, ']');
}


static void
map_json(dg_writer_t *w, const dg_shape_t *shape, const dg_json_t *value,
    unsigned depth)
{
    bool              first = true;
    const dg_json_t  *item;

    dg_write_char(w, '{');

    for (item = value ? value->first : NULL; item != NULL; item = item->next) {
        if (dg_answer_fits(shape->element->shape, item)) {
            name_json(w, item->key, &first);
            value_json(w, shape->element->shape, item, depth);
        }
    }

    dg_write_char(w, '}');
}


/* In the form that the shape asks for, whatever form the tree has. */
static void
timestamp_json(dg_writer_t *w, const dg_shape_t *shape,
    const dg_json_t *value)
{
    bool       wants_text;
    int64_t    seconds;
    dg_span_t  whole;

    wants_text = shape->timestamp_format.len != 0
                 && !dg_span_equal(shape->timestamp_format,
                                   DG_SPAN("unixTimestamp"));

    if (wants_text && value->type == DG_JSON_NUMBER) {
        whole = dg_span_slice(value->text, 0, dg_span_find(value->text, '.'));

        if (dg_json_to_i64(whole, &seconds) == DG_OK) {
            dg_write_char(w, '"');
            dg_time_write_iso(w, seconds);
            dg_write_char(w, '"');
            return;
        }
    }

    if (!wants_text && value->type == DG_JSON_STRING
        && dg_time_parse_iso(value->text, &seconds, NULL) == DG_OK)
    {
        dg_write_i64(w, seconds);
        return;
    }

    dg_json_write_tree(w, value);
}


static void
value_json(dg_writer_t *w, const dg_shape_t *shape, const dg_json_t *value,
    unsigned depth)
{
    switch (shape->type) {

    case DG_SHAPE_STRUCTURE:
        dg_write_char(w, '{');
        members_json(w, shape, value, true, depth + 1);
        dg_write_char(w, '}');
        return;

    case DG_SHAPE_LIST:
        list_json(w, shape, value, depth + 1);
        return;

    case DG_SHAPE_MAP:
        map_json(w, shape, value, depth + 1);
        return;

    case DG_SHAPE_TIMESTAMP:
        timestamp_json(w, shape, value);
        return;

    default:
        dg_json_write_tree(w, value);
    }
}


void
dg_answer_json(dg_writer_t *w, const dg_shape_t *structure,
    const dg_json_t *tree)
{
    if (structure == NULL) {
        dg_write_cstr(w, "{}");
        return;
    }

    value_json(w, structure, tree, 0);
}


dg_span_t
dg_answer_message_name(const dg_shape_t *shape)
{
    size_t     i;
    dg_span_t  name = DG_SPAN("message");

    for (i = 0; shape != NULL && i < shape->member_count; i++) {
        if (dg_span_equal_nocase(shape->members[i].wire_name, name)) {
            return shape->members[i].wire_name;
        }
    }

    return name;
}


void
dg_answer_error_json(dg_writer_t *w, const dg_shape_t *shape,
    dg_span_t type, dg_span_t message, const dg_json_t *tree)
{
    bool                first = true;
    size_t              i;
    dg_span_t           name = dg_answer_message_name(shape);
    const dg_json_t    *value;
    const dg_member_t  *m;

    dg_write_char(w, '{');

    if (type.len != 0) {
        name_json(w, DG_SPAN("__type"), &first);
        dg_json_write_string(w, type);
    }

    name_json(w, name, &first);
    dg_json_write_string(w, message);

    for (i = 0; shape != NULL && i < shape->member_count; i++) {
        m = &shape->members[i];
        value = dg_tree_find(tree, m->wire_name);

        if (dg_span_equal(m->wire_name, name)) {
            continue;
        }

        if (value != NULL && dg_answer_fits(m->shape, value)) {
            name_json(w, m->wire_name, &first);
            value_json(w, m->shape, value, 1);

        } else if (m->required) {
            name_json(w, m->wire_name, &first);
            made_json(w, m->shape, 1);
        }
    }

    dg_write_char(w, '}');
}


void
dg_answer_error_broker(dg_writer_t *w, dg_span_t code, dg_span_t message)
{
    dg_write_cstr(w, "{\"error\":");
    dg_json_write_string(w, message);
    dg_write_cstr(w, ",\"code\":");
    dg_json_write_string(w, code);
    dg_write_cstr(w, ",\"message\":");
    dg_json_write_string(w, message);
    dg_write_char(w, '}');
}
