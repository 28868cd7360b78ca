/*
 * What a decision read: see dg_policy_context.h.
 */

#include "dg_policy_context.h"
#include "dg_json.h"

#include <string.h>

#define BLOCK_ENTRIES  16

/* Room that is kept for the brackets that close what was begun. */
#define CLOSING        4

/* An item is begun only where its name and brackets fit. */
#define ITEM_ROOM      64

typedef struct {
    const dg_policy_key_t  *key;
    size_t                  resource;
    dg_policy_values_t      values;
} entry_t;

struct dg_policy_context_block_s {
    dg_policy_context_block_t  *next;
    size_t                      used;
    entry_t                     entries[BLOCK_ENTRIES];
};

/* Where a walk over the entries stands. */
typedef struct {
    const dg_policy_context_block_t  *block;
    size_t                            at;
} cursor_t;

typedef struct {
    const dg_policy_context_t          *context;
    const dg_policy_context_options_t  *options;
    dg_policy_context_text_t           *text;
    dg_writer_t                         w;
    bool                                has_sensitive;
} output_t;


static const entry_t *
next(cursor_t *c)
{
    while (c->block != NULL && c->at == c->block->used) {
        c->block = c->block->next;
        c->at = 0;
    }

    return c->block != NULL ? &c->block->entries[c->at++] : NULL;
}


static bool
is_kept(const dg_policy_context_t *context, const dg_policy_key_t *key,
    size_t resource)
{
    cursor_t        c = { context->first, 0 };
    const entry_t  *e;

    while ((e = next(&c)) != NULL) {
        if (e->key == key && e->resource == resource) {
            return true;
        }
    }

    return false;
}


static entry_t *
new_entry(dg_policy_context_t *context)
{
    dg_policy_context_block_t  *block = context->last;

    if (context->count == DG_POLICY_CONTEXT_ENTRIES_MAX) {
        return NULL;
    }

    if (block == NULL || block->used == BLOCK_ENTRIES) {
        block = dg_arena_alloc(context->arena, sizeof(*block));

        if (block == NULL) {
            return NULL;
        }

        block->next = NULL;
        block->used = 0;

        if (context->last != NULL) {
            context->last->next = block;

        } else {
            context->first = block;
        }

        context->last = block;
    }

    context->count++;
    return &block->entries[block->used++];
}


void
dg_policy_context_lookup(void *ctx, const dg_policy_key_t *key,
    size_t resource, dg_policy_values_t *values)
{
    dg_policy_context_t  *context = ctx;
    entry_t              *entry;

    if (context->lookup != NULL) {
        context->lookup(context->lookup_ctx, key, resource, values);
    }

    if (key->index >= DG_POLICY_KEYS_CACHED
        && is_kept(context, key, resource))
    {
        return;
    }

    entry = new_entry(context);

    if (entry == NULL) {
        context->omitted = true;
        return;
    }

    entry->key = key;
    entry->resource = resource;
    entry->values = *values;
}


static bool
same_values(const dg_policy_values_t *a, const dg_policy_values_t *b)
{
    if (a->presence != b->presence || a->count != b->count) {
        return false;
    }

    for (size_t i = 0; i < a->count; i++) {
        if (!dg_span_equal(a->values[i], b->values[i])) {
            return false;
        }
    }

    return true;
}


/* Has the key the same values for every resource of the call. */
static bool
is_common(const output_t *o, const entry_t *entry)
{
    size_t          n = 0;
    cursor_t        c = { o->context->first, 0 };
    const entry_t  *e;

    if (o->options->resources < 2) {
        return true;
    }

    while ((e = next(&c)) != NULL) {
        n += e->key == entry->key && same_values(&e->values, &entry->values);
    }

    return n == o->options->resources;
}


static bool
is_within(dg_span_t value, dg_span_t text)
{
    return text.len && value.data >= text.data
           && value.data < text.data + text.len;
}


/* Values are spans of the inspected members, or parts of them and of files. */
static bool
is_sensitive(const output_t *o, dg_span_t value)
{
    const dg_inspection_t   *seen = o->options->inspection;
    const dg_input_texts_t  *texts = o->options->texts;

    for (size_t i = 0; o->has_sensitive && i < seen->value_count; i++) {
        if (seen->values[i].sensitive && is_within(value,
                                                   seen->values[i].text))
        {
            return true;
        }
    }

    for (size_t i = 0; texts && seen && i < seen->item_count; i++) {
        if (is_within(value, texts[i].file)) {
            return true;
        }
    }

    return false;
}


static void
write_value(output_t *o, dg_span_t value)
{
    char  hex[DG_SHA256_HEX_SIZE];

    if (value.len <= DG_POLICY_CONTEXT_VALUE_MAX && !is_sensitive(o, value)) {
        dg_json_write_string(&o->w, value);
        return;
    }

    dg_write_char(&o->w, '{');

    if (o->options->crypto != NULL
        && dg_sha256_hex(o->options->crypto, value, hex) == DG_OK)
    {
        dg_write_cstr(&o->w, "\"sha256\":\"");
        dg_write(&o->w, hex, sizeof(hex));
        dg_write_cstr(&o->w, "\",");
    }

    dg_write_cstr(&o->w, "\"length\":");
    dg_write_u64(&o->w, value.len);
    dg_write_char(&o->w, '}');
}


/* Nothing is written of a key that does not fit whole. */
static void
write_entry(output_t *o, const entry_t *entry)
{
    size_t                     before = o->w.len;
    const dg_policy_values_t  *v = &entry->values;

    if (v->count > DG_POLICY_CONTEXT_VALUES_MAX) {
        o->text->omitted = true;
        return;
    }

    if (before && o->w.data[before - 1] != '{') {
        dg_write_char(&o->w, ',');
    }

    dg_json_write_string(&o->w, entry->key->name);

    if (v->presence == DG_POLICY_NOT_KNOWN) {
        dg_write_cstr(&o->w, ":null");

    } else {
        dg_write_cstr(&o->w, ":[");

        for (size_t i = 0; v->presence == DG_POLICY_PRESENT && i < v->count;
             i++)
        {
            dg_write_cstr(&o->w, i ? "," : "");
            write_value(o, v->values[i]);
        }

        dg_write_char(&o->w, ']');
    }

    if (o->w.overflow) {
        o->w.overflow = false;
        o->w.len = before;
        o->text->omitted = true;
    }
}


/* Takes from the room that is kept, and keeps as much again. */
static void
close_with(output_t *o, const char *brackets)
{
    size_t  len = strlen(brackets);

    o->w.cap += CLOSING;
    dg_write(&o->w, brackets, len);
    o->w.cap -= CLOSING;

    if (o->w.cap < o->w.len) {
        o->w.cap = o->w.len;
    }
}


static void
write_common(output_t *o)
{
    cursor_t        c = { o->context->first, 0 };
    const entry_t  *e;

    dg_write_char(&o->w, '{');

    while ((e = next(&c)) != NULL) {
        if (e->resource == 0 && is_common(o, e)) {
            write_entry(o, e);
        }
    }

    close_with(o, "}");
    o->text->keys = dg_written(&o->w);
}


/* The keys of one resource; nothing when all of them are common. */
static void
write_item(output_t *o, size_t resource)
{
    size_t          before = o->w.len, opened;
    cursor_t        c = { o->context->first, 0 };
    const entry_t  *e;

    if (o->w.cap - o->w.len < ITEM_ROOM) {
        o->text->omitted = true;
        return;
    }

    dg_write_cstr(&o->w, before ? ",{\"resource\":" : "[{\"resource\":");
    dg_write_u64(&o->w, resource);
    dg_write_cstr(&o->w, ",\"keys\":{");
    opened = o->w.len;

    while ((e = next(&c)) != NULL) {
        if (e->resource == resource && !is_common(o, e)) {
            write_entry(o, e);
        }
    }

    if (o->w.len == opened) {
        o->w.len = before;
        return;
    }

    close_with(o, "}}");
}


static void
write_items(output_t *o)
{
    for (size_t i = 0; i < o->options->resources; i++) {
        write_item(o, i);
    }

    if (o->w.len) {
        close_with(o, "]");
        o->text->item_keys = dg_written(&o->w);
    }
}


void
dg_policy_context_write(const dg_policy_context_t *context,
    const dg_policy_context_options_t *options,
    uint8_t buffer[DG_POLICY_CONTEXT_TEXT_MAX],
    dg_policy_context_text_t *text)
{
    output_t                o = { .context = context, .options = options,
                                  .text = text };
    const dg_inspection_t  *seen = options->inspection;

    *text = (dg_policy_context_text_t) { .omitted = context->omitted };

    for (size_t i = 0; seen != NULL && i < seen->value_count; i++) {
        o.has_sensitive = o.has_sensitive || seen->values[i].sensitive;
    }

    o.w = dg_writer(buffer, DG_POLICY_CONTEXT_TEXT_MAX - 2 * CLOSING);
    write_common(&o);

    if (options->resources < 2) {
        return;
    }

    o.w = dg_writer(buffer + text->keys.len, DG_POLICY_CONTEXT_TEXT_MAX
                                             - CLOSING - text->keys.len);
    write_items(&o);
}
