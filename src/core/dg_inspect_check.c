/*
 * Constraints of a model, and the wording of what breaks them.
 *
 * Member paths in messages are written as AWS services do: lower camel case,
 * items counted from 1 ("workspaces.1.member.userName").
 */

#define PCRE2_CODE_UNIT_WIDTH  8

#include "dg_inspect_state.h"

#include "dg_codec.h"
#include "dg_time.h"

#include <pcre2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONSTRAINT_MAX  512   /* bytes of one constraint's text */
#define NUMBER_MAX      63    /* characters of a number that is checked */
#define VALUES_SHOWN    200   /* bytes of an enum's values in a message */


/* Room is kept for the closing of an unfinished list. */
static bool
room_for_error(dg_inspect_t *in)
{
    uint8_t  *buffer;

    if (in->errors.data == NULL) {
        buffer = dg_arena_alloc(in->arena, DG_INSPECT_MESSAGE_MAX);
        if (buffer == NULL) {
            return false;
        }

        in->errors = dg_writer(buffer, DG_INSPECT_MESSAGE_MAX);
    }

    return true;
}


static void
write_member(dg_writer_t *w, dg_span_t name)
{
    if (name.len == 0) {
        return;
    }

    if (name.data[0] >= 'A' && name.data[0] <= 'Z') {
        dg_write_char(w, (char) (name.data[0] + 32));
        name = dg_span_slice(name, 1, name.len);
    }

    dg_write_span(w, name);
}


/* The path of the open containers, without the innermost member's name. */
static void
write_path(const dg_inspect_t *in, dg_writer_t *w)
{
    const dg_inspect_frame_t  *f;
    unsigned                   i;

    for (i = 0; i + 1 < in->depth; i++) {
        f = &in->frames[i];

        if (f->is_list) {
            dg_write_u64(w, f->index);
            dg_write_cstr(w, ".member");

        } else if (f->shape != NULL && f->shape->type == DG_SHAPE_MAP) {
            dg_write_u64(w, f->index);
            dg_write_cstr(w, ".value");

        } else if (f->member != NULL) {
            write_member(w, f->member->name);
        }

        dg_write_char(w, '.');
    }
}


/* A part of the path as given by the client is cut and made harmless. */
static void
write_name(dg_writer_t *w, dg_span_t name)
{
    size_t  i;

    for (i = 0; i < name.len && i < 64; i++) {
        uint8_t  c = name.data[i];

        dg_write_char(w, c > 0x20 && c < 0x7f && c != '\'' ? (char) c : '?');
    }
}


static void
add_error(dg_inspect_t *in, dg_span_t name, const char *text)
{
    dg_writer_t  *w = &in->errors, saved;

    in->result.error_count++;

    if (!room_for_error(in) || w->overflow) {
        return;
    }

    saved = *w;

    if (w->len != 0) {
        dg_write_cstr(w, "; ");
    }

    dg_write_cstr(w, "Value at '");
    write_path(in, w);

    if (name.len == 0 && w->data[w->len - 1] == '.') {
        w->len--;
    }

    write_member(w, name);
    dg_write_cstr(w, "' failed to satisfy constraint: ");
    dg_write_cstr(w, text);

    if (w->overflow) {
        *w = saved;
        w->overflow = true;
    }
}


static bool
is_collecting(const dg_inspect_t *in)
{
    return !in->is_answer
           && (in->validate != DG_VALIDATE_OFF || in->hard_error);
}


void
dg_inspect_member_error(dg_inspect_t *in, dg_span_t name, const char *format,
    ...)
{
    char         text[CONSTRAINT_MAX], safe[64];
    dg_writer_t  w = dg_writer(safe, sizeof(safe));
    va_list      args;

    if (!is_collecting(in)) {
        return;
    }

    va_start(args, format);
    (void) vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    write_name(&w, name);
    add_error(in, dg_written(&w), text);
}


/* What the member that comes is called: "name", "3.member", "2.value". */
static void
write_current(const dg_inspect_t *in, dg_writer_t *w)
{
    const dg_inspect_frame_t  *f = &in->frames[in->depth - 1];

    if (f->is_list) {
        dg_write_u64(w, f->index);
        dg_write_cstr(w, ".member");

    } else if (f->shape != NULL && f->shape->type == DG_SHAPE_MAP) {
        dg_write_u64(w, f->index);
        dg_write_cstr(w, f->member == f->shape->map_key ? ".key" : ".value");

    } else if (f->member != NULL) {
        dg_write_span(w, f->member->name);
    }
}


void
dg_inspect_error(dg_inspect_t *in, const char *format, ...)
{
    char         text[CONSTRAINT_MAX], name[160];
    dg_writer_t  w = dg_writer(name, sizeof(name));
    va_list      args;

    if (!is_collecting(in)) {
        return;
    }

    va_start(args, format);
    (void) vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    write_current(in, &w);
    add_error(in, dg_written(&w), text);
}


static size_t
characters(dg_span_t text)
{
    size_t  i, n = 0;

    for (i = 0; i < text.len; i++) {
        n += (text.data[i] & 0xc0) != 0x80;
    }

    return n;
}


static void
check_bounds(dg_inspect_t *in, const dg_shape_t *shape, double value,
    const char *what)
{
    if (shape->has_min && value < shape->min) {
        dg_inspect_error(in, "Member must have %s greater than or equal to "
                         "%.15g", what, shape->min);
    }

    if (shape->has_max && value > shape->max) {
        dg_inspect_error(in, "Member must have %s less than or equal to "
                         "%.15g", what, shape->max);
    }
}


void
dg_inspect_check_count(dg_inspect_t *in, const dg_shape_t *shape,
    size_t count)
{
    check_bounds(in, shape, (double) count, "length");
}


/* PCRE2 asks the arena for what little a match needs. */
static void *
pcre_get(size_t size, void *arena)
{
    return dg_arena_alloc(arena, size);
}


static void
pcre_leave(void *p, void *arena)
{
    (void) p;
    (void) arena;
}


static bool
room_for_match(dg_inspect_t *in)
{
    pcre2_general_context  *general;

    if (in->match_data != NULL) {
        return true;
    }

    general = pcre2_general_context_create(pcre_get, pcre_leave, in->arena);
    if (general == NULL) {
        return false;
    }

    in->match_context = pcre2_match_context_create(general);
    in->match_data = pcre2_match_data_create(1, general);

    if (in->match_context == NULL || in->match_data == NULL) {
        return false;
    }

    (void) pcre2_set_match_limit(in->match_context, DG_MODEL_MATCH_LIMIT);
    return true;
}


/*
 * The compiled code is called without what pcre2_match() checks before; it
 * says so itself when there is none.
 */
static bool
is_match(dg_inspect_t *in, const dg_shape_t *shape, dg_span_t text)
{
    const uint8_t  *subject = text.len ? text.data : (const uint8_t *) "";
    int             found;

    found = pcre2_jit_match(shape->pattern, subject, text.len, 0,
                            PCRE2_NO_UTF_CHECK, in->match_data,
                            in->match_context);

    if (found == PCRE2_ERROR_JIT_BADOPTION) {
        found = pcre2_match(shape->pattern, subject, text.len, 0,
                            PCRE2_NO_UTF_CHECK, in->match_data,
                            in->match_context);
    }

    /* an exhausted match limit is no match either */
    return found >= 0;
}


static dg_err_t
check_pattern(dg_inspect_t *in, const dg_shape_t *shape, dg_span_t text)
{
    if (shape->pattern == NULL) {
        return DG_OK;
    }

    if (!room_for_match(in)) {
        return DG_ERR_MEMORY;
    }

    if (!is_match(in, shape, text)) {
        dg_inspect_error(in, "Member must satisfy regular expression "
                         "pattern: %.*s",
                         (int) (shape->pattern_text.len < 256
                                ? shape->pattern_text.len : 256),
                         (const char *) shape->pattern_text.data);
    }

    return DG_OK;
}


static bool
is_value(const dg_shape_t *shape, dg_span_t text)
{
    size_t  low = 0, high = shape->value_count, mid;
    int     order;

    while (low < high) {
        mid = low + (high - low) / 2;
        order = dg_span_compare(shape->values[mid], text);

        if (order == 0) {
            return true;
        }

        if (order < 0) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return false;
}


bool
dg_inspect_is_relaxed(const dg_inspect_t *in, dg_span_t path)
{
    size_t  i;

    for (i = 0; i < in->relaxed_count; i++) {
        if (dg_relaxation_covers(&in->relaxed[i], in->call->operation, path)) {
            return true;
        }
    }

    return false;
}


static void
write_values(const dg_shape_t *shape, dg_writer_t *w)
{
    size_t  i;

    for (i = 0; i < shape->value_count; i++) {
        if (w->len + shape->values[i].len + 8 > w->cap) {
            dg_write_cstr(w, ", ...");
            return;
        }

        if (i) {
            dg_write_cstr(w, ", ");
        }

        dg_write_span(w, shape->values[i]);
    }
}


static dg_err_t
check_enum(dg_inspect_t *in, const dg_shape_t *shape, dg_span_t text,
    bool *unknown)
{
    dg_span_t    path = dg_span(in->path, in->path_len);
    char         buffer[VALUES_SHOWN];
    dg_writer_t  w = dg_writer(buffer, sizeof(buffer));

    if (shape->value_count == 0 || is_value(shape, text)) {
        return DG_OK;
    }

    *unknown = true;

    if (!dg_inspect_is_relaxed(in, path)) {
        write_values(shape, &w);
        dg_inspect_error(in, "Member must satisfy enum value set: [%.*s]",
                         (int) w.len, buffer);
    }

    return dg_inspect_add_unknown(in, path);
}


/* A character has one to four bytes: most need not be counted. */
static bool
is_surely_within(const dg_shape_t *shape, size_t bytes)
{
    size_t  least = (bytes + 3) / 4;

    return (!shape->has_max || (double) bytes <= shape->max)
           && (!shape->has_min || (double) least >= shape->min);
}


static dg_err_t
check_string(dg_inspect_t *in, const dg_shape_t *shape, dg_scalar_t kind,
    dg_span_t text, bool *unknown)
{
    if (kind != DG_SCALAR_STRING) {
        dg_inspect_error(in, "Member must be a string");
        return DG_OK;
    }

    if (!is_surely_within(shape, text.len)) {
        check_bounds(in, shape, (double) characters(text), "length");
    }

    if (shape->value_count != 0) {
        return check_enum(in, shape, text, unknown);
    }

    return check_pattern(in, shape, text);
}


static void
check_number(dg_inspect_t *in, const dg_shape_t *shape, dg_span_t text)
{
    char     buffer[NUMBER_MAX + 1];
    char    *end;
    double   value;

    if (text.len == 0 || text.len > NUMBER_MAX) {
        dg_inspect_error(in, "Member must be a number of at most %d "
                         "characters", NUMBER_MAX);
        return;
    }

    memcpy(buffer, text.data, text.len);
    buffer[text.len] = '\0';
    value = strtod(buffer, &end);

    if (*end != '\0') {
        dg_inspect_error(in, "Member must be a number");
        return;
    }

    check_bounds(in, shape, value, "value");
}


static void
check_integer(dg_inspect_t *in, const dg_shape_t *shape, dg_span_t text)
{
    int64_t  value;

    if (dg_json_to_i64(text, &value) != DG_OK
        || (shape->type == DG_SHAPE_INTEGER
            && (value < INT32_MIN || value > INT32_MAX)))
    {
        dg_inspect_error(in, "Member must be %s",
                         shape->type == DG_SHAPE_INTEGER
                         ? "an integer of 32 bits" : "an integer of 64 bits");
        return;
    }

    check_bounds(in, shape, (double) value, "value");
}


static bool
is_float_name(dg_span_t text)
{
    return dg_span_equal(text, DG_SPAN("NaN"))
           || dg_span_equal(text, DG_SPAN("Infinity"))
           || dg_span_equal(text, DG_SPAN("-Infinity"));
}


/* Labels, queries and headers carry every type as text. */
static bool
is_outside_body(const dg_inspect_t *in)
{
    const dg_member_t  *m = in->frames[0].member;

    return m != NULL && m->location != DG_LOCATION_BODY;
}


static bool
is_timestamp(const dg_inspect_t *in, const dg_shape_t *shape,
    dg_scalar_t kind, dg_span_t text)
{
    int64_t  seconds;

    if (kind == DG_SCALAR_NUMBER || kind == DG_SCALAR_TIMESTAMP) {
        return true;
    }

    if (kind != DG_SCALAR_STRING) {
        return false;
    }

    if (dg_time_parse_iso(text, &seconds, NULL) == DG_OK
        || dg_time_parse_http(text, &seconds) == DG_OK)
    {
        return true;
    }

    return is_outside_body(in) && shape->timestamp_format.len != 0
           && dg_json_to_i64(text, &seconds) == DG_OK;
}


/* Decoded size of Base64, or SIZE_MAX when it is none. */
static size_t
base64_size(dg_span_t text)
{
    size_t  i, padding = 0;

    if (text.len % 4 != 0) {
        return SIZE_MAX;
    }

    while (padding < 2 && padding < text.len
           && text.data[text.len - 1 - padding] == '=')
    {
        padding++;
    }

    for (i = 0; i < text.len - padding; i++) {
        uint8_t  c = text.data[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
              || (c >= '0' && c <= '9') || c == '+' || c == '/'))
        {
            return SIZE_MAX;
        }
    }

    return text.len / 4 * 3 - padding;
}


static void
check_blob(dg_inspect_t *in, const dg_shape_t *shape, dg_scalar_t kind,
    dg_span_t text)
{
    size_t  size = text.len;

    if (kind == DG_SCALAR_STRING) {
        size = base64_size(text);

    } else if (kind != DG_SCALAR_BYTES) {
        size = SIZE_MAX;
    }

    if (size == SIZE_MAX) {
        dg_inspect_error(in, "Member must be Base64 of bytes");
        return;
    }

    check_bounds(in, shape, (double) size, "length");
}


static void
check_plain(dg_inspect_t *in, const dg_shape_t *shape, dg_scalar_t kind,
    dg_span_t text)
{
    bool  as_text = kind == DG_SCALAR_STRING && is_outside_body(in);

    switch (shape->type) {

    case DG_SHAPE_INTEGER:
    case DG_SHAPE_LONG:
        if (kind == DG_SCALAR_NUMBER || as_text) {
            check_integer(in, shape, text);
            return;
        }

        dg_inspect_error(in, "Member must be an integer");
        return;

    case DG_SHAPE_FLOAT:
    case DG_SHAPE_DOUBLE:
        if (kind == DG_SCALAR_NUMBER || (as_text && !is_float_name(text))) {
            check_number(in, shape, text);

        } else if (kind != DG_SCALAR_STRING || !is_float_name(text)) {
            dg_inspect_error(in, "Member must be a number");
        }

        return;

    case DG_SHAPE_BOOLEAN:
        if (kind != DG_SCALAR_BOOL
            && !(as_text && (dg_span_equal(text, DG_SPAN("true"))
                             || dg_span_equal(text, DG_SPAN("false")))))
        {
            dg_inspect_error(in, "Member must be true or false");
        }

        return;

    case DG_SHAPE_TIMESTAMP:
        if (!is_timestamp(in, shape, kind, text)) {
            dg_inspect_error(in, "Member must be a timestamp");
        }

        return;

    case DG_SHAPE_BLOB:
        check_blob(in, shape, kind, text);
        return;

    default:
        return;
    }
}


dg_err_t
dg_inspect_check_scalar(dg_inspect_t *in, const dg_shape_t *shape,
    dg_scalar_t kind, dg_span_t text, bool *unknown)
{
    if (shape->type == DG_SHAPE_STRING) {
        if (in->validate == DG_VALIDATE_OFF && shape->value_count == 0) {
            return DG_OK;
        }

        return check_string(in, shape, kind, text, unknown);
    }

    if (in->validate != DG_VALIDATE_OFF) {
        check_plain(in, shape, kind, text);
    }

    return DG_OK;
}
