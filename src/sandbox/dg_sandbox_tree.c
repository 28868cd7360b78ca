/*
 * Building JSON trees: see dg_sandbox_tree.h.
 */

#include "dg_sandbox_tree.h"

#define TREE_TEXT_FIRST  2048
#define TREE_TEXT_MAX    (4 * 1024 * 1024)
#define TREE_DIGITS      24


static dg_json_t *
node(dg_tree_t *t, dg_json_type_t type)
{
    dg_json_t  *value = dg_arena_calloc(t->arena, 1, sizeof(dg_json_t));

    if (value == NULL) {
        t->failed = true;
        return NULL;
    }

    value->type = type;
    return value;
}


dg_json_t *
dg_tree_object(dg_tree_t *t)
{
    return node(t, DG_JSON_OBJECT);
}


dg_json_t *
dg_tree_array(dg_tree_t *t)
{
    return node(t, DG_JSON_ARRAY);
}


dg_json_t *
dg_tree_string(dg_tree_t *t, dg_span_t text)
{
    dg_json_t  *value = node(t, DG_JSON_STRING);

    if (value == NULL) {
        return NULL;
    }

    value->text = dg_arena_copy(t->arena, text);
    if (value->text.data == NULL) {
        t->failed = true;
        return NULL;
    }

    return value;
}


dg_json_t *
dg_tree_number(dg_tree_t *t, int64_t number)
{
    uint8_t      digits[TREE_DIGITS];
    dg_writer_t  w = dg_writer(digits, sizeof(digits));
    dg_json_t   *value;

    dg_write_i64(&w, number);

    value = dg_tree_string(t, dg_written(&w));
    if (value != NULL) {
        value->type = DG_JSON_NUMBER;
    }

    return value;
}


dg_json_t *
dg_tree_bool(dg_tree_t *t, bool boolean)
{
    dg_json_t  *value = node(t, DG_JSON_BOOL);

    if (value != NULL) {
        value->boolean = boolean;
    }

    return value;
}


static dg_json_t *
shallow(dg_tree_t *t, const dg_json_t *value)
{
    dg_json_t  *copy = node(t, value->type);

    if (copy == NULL) {
        return NULL;
    }

    *copy = *value;
    copy->next = NULL;
    return copy;
}


/* Appends a node that belongs to nobody else. */
static void
append(dg_json_t *parent, dg_json_t *child)
{
    const dg_json_t  **link = &parent->first;

    while (*link != NULL) {
        link = &((dg_json_t *) *link)->next;
    }

    *link = child;
    parent->count++;
}


dg_json_t *
dg_tree_copy(dg_tree_t *t, const dg_json_t *value)
{
    dg_json_t        *copy = shallow(t, value), *child;
    const dg_json_t  *c;

    if (copy == NULL) {
        return NULL;
    }

    copy->first = NULL;
    copy->count = 0;

    for (c = value->first; c != NULL; c = c->next) {
        child = shallow(t, c);
        if (child == NULL) {
            return NULL;
        }

        append(copy, child);
    }

    return copy;
}


void
dg_tree_unset(dg_json_t *object, dg_span_t name)
{
    const dg_json_t  **link = &object->first;

    while (*link != NULL) {

        if (dg_span_equal((*link)->key, name)) {
            *link = (*link)->next;
            object->count--;
            return;
        }

        link = &((dg_json_t *) *link)->next;
    }
}


void
dg_tree_set(dg_tree_t *t, dg_json_t *object, dg_span_t name,
    const dg_json_t *value)
{
    const dg_json_t  **link;
    dg_json_t         *copy;

    if (object == NULL || value == NULL) {
        return;
    }

    copy = shallow(t, value);
    if (copy == NULL) {
        return;
    }

    copy->key = name;

    for (link = &object->first; *link != NULL;
         link = &((dg_json_t *) *link)->next)
    {
        if (dg_span_equal((*link)->key, name)) {
            copy->next = (*link)->next;
            *link = copy;
            return;
        }
    }

    append(object, copy);
}


void
dg_tree_set_text(dg_tree_t *t, dg_json_t *object, dg_span_t name,
    dg_span_t text)
{
    dg_tree_set(t, object, name, dg_tree_string(t, text));
}


void
dg_tree_push(dg_tree_t *t, dg_json_t *array, const dg_json_t *value)
{
    dg_json_t  *copy;

    if (array == NULL || value == NULL) {
        return;
    }

    copy = shallow(t, value);
    if (copy != NULL) {
        append(array, copy);
    }
}


void
dg_tree_merge(dg_tree_t *t, dg_json_t *into, const dg_json_t *from)
{
    const dg_json_t  *member, *old;
    dg_json_t        *merged;

    if (into == NULL || from == NULL) {
        return;
    }

    for (member = from->first; member != NULL; member = member->next) {
        old = dg_json_member(into, member->key);

        if (old == NULL || old->type != DG_JSON_OBJECT
            || member->type != DG_JSON_OBJECT)
        {
            dg_tree_set(t, into, member->key, member);
            continue;
        }

        merged = dg_tree_copy(t, old);
        dg_tree_merge(t, merged, member);
        dg_tree_set(t, into, member->key, merged);
    }
}


const dg_json_t *
dg_tree_find(const dg_json_t *object, dg_span_t name)
{
    const dg_json_t  *member = dg_json_member(object, name);

    if (member != NULL || object == NULL || object->type != DG_JSON_OBJECT) {
        return member;
    }

    for (member = object->first; member != NULL; member = member->next) {
        if (dg_span_equal_nocase(member->key, name)) {
            return member;
        }
    }

    return NULL;
}


bool
dg_tree_equal(const dg_json_t *a, const dg_json_t *b)
{
    const dg_json_t  *x, *y;

    if (a == NULL || b == NULL) {
        return a == b;
    }

    if (a->type != b->type || a->boolean != b->boolean || a->count != b->count
        || !dg_span_equal(a->text, b->text))
    {
        return false;
    }

    for (x = a->first, y = b->first; x != NULL && y != NULL;
         x = x->next, y = y->next)
    {
        if (!dg_tree_equal(x, a->type == DG_JSON_OBJECT
                              ? dg_json_member(b, x->key) : y))
        {
            return false;
        }
    }

    return true;
}


dg_span_t
dg_tree_text(dg_tree_t *t, const dg_json_t *value)
{
    dg_writer_t  w;
    uint8_t     *buffer;
    size_t       size;

    for (size = TREE_TEXT_FIRST; size <= TREE_TEXT_MAX; size *= 4) {
        buffer = dg_arena_alloc(t->arena, size);
        if (buffer == NULL) {
            break;
        }

        w = dg_writer(buffer, size);
        dg_json_write_tree(&w, value);

        if (!w.overflow) {
            return dg_written(&w);
        }
    }

    t->failed = true;
    return DG_SPAN_EMPTY;
}
