/*
 * Text of the data file with ${...}: see dg_sandbox_entity.h.
 */

#include "dg_sandbox_entity.h"

#include "core/dg_time.h"

#define TEMPLATE_TEXT_MAX    1024
#define TEMPLATE_RANDOM_MAX  64
#define TEMPLATE_DEPTH_MAX   16
#define TEMPLATE_UUID_SIZE   36

static const char  alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyz";


const dg_json_t *
dg_template_path(const dg_json_t *object, dg_span_t path)
{
    dg_span_t  part;

    while (object != NULL && dg_span_split(&path, '.', &part)) {
        object = dg_tree_find(object, part);
    }

    return object;
}


static const dg_json_t *
random_text(dg_sandbox_call_t *call, dg_span_t digits, unsigned base)
{
    uint8_t   bytes[TEMPLATE_RANDOM_MAX];
    uint64_t  n, i;

    if (!dg_span_to_u64(digits, &n) || n > sizeof(bytes)
        || dg_random(call->env->crypto, bytes, (size_t) n) != DG_OK)
    {
        call->tree.failed = true;
        return NULL;
    }

    for (i = 0; i < n; i++) {
        bytes[i] = (uint8_t) alphabet[bytes[i] % base];
    }

    return dg_tree_string(&call->tree, dg_span(bytes, (size_t) n));
}


static const dg_json_t *
uuid(dg_sandbox_call_t *call)
{
    char  text[TEMPLATE_UUID_SIZE];

    if (dg_random_uuid(call->env->crypto, text) != DG_OK) {
        call->tree.failed = true;
        return NULL;
    }

    return dg_tree_string(&call->tree, dg_span(text, sizeof(text)));
}


/* Seconds since 1970 with milliseconds, `plus` is "" or "+SECONDS". */
static const dg_json_t *
now(dg_sandbox_call_t *call, dg_span_t plus)
{
    uint8_t      digits[32];
    uint64_t     more = 0;
    dg_json_t   *value;
    dg_writer_t  w = dg_writer(digits, sizeof(digits));

    if (plus.len != 0
        && !dg_span_to_u64(dg_span_slice(plus, 1, plus.len), &more))
    {
        return NULL;
    }

    dg_write_i64(&w, call->env->now / 1000 + (int64_t) more);
    dg_write_char(&w, '.');
    dg_write_padded(&w, (uint64_t) (call->env->now % 1000), 3);

    value = dg_tree_string(&call->tree, dg_written(&w));
    if (value != NULL) {
        value->type = DG_JSON_NUMBER;
    }

    return value;
}


/* 2026-01-31T12:00:00.000Z */
static const dg_json_t *
iso(dg_sandbox_call_t *call)
{
    uint8_t      text[32];
    dg_writer_t  w = dg_writer(text, sizeof(text));

    dg_time_write_iso(&w, call->env->now / 1000);
    w.len--;
    dg_write_char(&w, '.');
    dg_write_padded(&w, (uint64_t) (call->env->now % 1000), 3);
    dg_write_char(&w, 'Z');

    return dg_tree_string(&call->tree, dg_written(&w));
}


static const dg_json_t *
evaluate(dg_sandbox_call_t *call, dg_span_t name,
    const dg_sandbox_scope_t *scope)
{
    dg_span_t  behind = dg_span_slice(name, dg_span_find(name, ':') + 1,
                                      name.len);

    if (dg_span_equal(name, DG_SPAN("account"))) {
        return dg_tree_string(&call->tree, call->env->account);
    }

    if (dg_span_equal(name, DG_SPAN("region"))) {
        return dg_tree_string(&call->tree, call->env->region);
    }

    if (dg_span_equal(name, DG_SPAN("uuid"))) {
        return uuid(call);
    }

    if (dg_span_equal(name, DG_SPAN("iso"))) {
        return iso(call);
    }

    if (dg_span_equal(name, DG_SPAN("now"))
        || dg_span_starts_with(name, DG_SPAN("now+")))
    {
        return now(call, dg_span_slice(name, 3, name.len));
    }

    if (dg_span_starts_with(name, DG_SPAN("hex:"))) {
        return random_text(call, behind, 16);
    }

    if (dg_span_starts_with(name, DG_SPAN("alnum:"))) {
        return random_text(call, behind, sizeof(alphabet) - 1);
    }

    if (dg_span_starts_with(name, DG_SPAN("input."))) {
        return dg_template_path(call->input, dg_span_slice(name, 6, name.len));
    }

    if (dg_span_starts_with(name, DG_SPAN("item."))) {
        return dg_template_path(scope->item, dg_span_slice(name, 5, name.len));
    }

    return dg_template_path(scope->entity, name);
}


/* Cuts "${name}" off the front; false when it does not begin so. */
static bool
expression(dg_span_t *text, dg_span_t *name)
{
    size_t  end;

    if (!dg_span_starts_with(*text, DG_SPAN("${"))) {
        return false;
    }

    end = dg_span_find(*text, '}');
    if (end == text->len) {
        return false;
    }

    *name = dg_span_slice(*text, 2, end);
    *text = dg_span_slice(*text, end + 1, text->len);
    return true;
}


static const dg_json_t *
expand_string(dg_sandbox_call_t *call, const dg_json_t *value,
    const dg_sandbox_scope_t *scope)
{
    uint8_t           buffer[TEMPLATE_TEXT_MAX];
    dg_span_t         text = value->text, name;
    dg_writer_t       w = dg_writer(buffer, sizeof(buffer));
    const dg_json_t  *part;

    if (expression(&text, &name) && text.len == 0) {
        return evaluate(call, name, scope);
    }

    text = value->text;

    while (text.len != 0) {

        if (!expression(&text, &name)) {
            dg_write_char(&w, (char) text.data[0]);
            text = dg_span_slice(text, 1, text.len);
            continue;
        }

        part = evaluate(call, name, scope);
        if (part != NULL) {
            dg_write_span(&w, part->text);
        }
    }

    if (w.overflow) {
        return NULL;
    }

    return dg_tree_string(&call->tree, dg_written(&w));
}


static const dg_json_t *
expand(dg_sandbox_call_t *call, const dg_json_t *value,
    const dg_sandbox_scope_t *scope, unsigned depth)
{
    dg_json_t        *made;
    const dg_json_t  *child, *grown;

    if (value->type == DG_JSON_STRING) {
        return expand_string(call, value, scope);
    }

    if (value->first == NULL || depth == TEMPLATE_DEPTH_MAX) {
        return value;
    }

    made = value->type == DG_JSON_OBJECT ? dg_tree_object(&call->tree)
                                         : dg_tree_array(&call->tree);

    for (child = value->first; child != NULL; child = child->next) {
        grown = expand(call, child, scope, depth + 1);

        if (value->type == DG_JSON_OBJECT) {
            dg_tree_set(&call->tree, made, child->key, grown);
            continue;
        }

        dg_tree_push(&call->tree, made, grown);
    }

    return made;
}


const dg_json_t *
dg_template_expand(dg_sandbox_call_t *call, const dg_json_t *value,
    const dg_sandbox_scope_t *scope)
{
    return expand(call, value, scope, 0);
}
