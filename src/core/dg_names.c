/*
 * Names of open objects: see dg_names.h.
 */

#include "dg_names.h"

#include "dg_hash.h"

#include <string.h>

#define FIRST_OBJECTS  8
#define FIRST_NAMES    16
#define FIRST_BYTES    256
#define FIRST_SLOTS    32


void
dg_names_init(dg_names_t *names, dg_arena_t *arena)
{
    *names = (dg_names_t) { .arena = arena };
}


/*
 * Room for `need` items of `size` bytes where `*room` are, `used` of which
 * are kept.  The old block stays in the arena, so rooms double.
 */
static void *
grow(dg_names_t *names, void *old, size_t size, size_t used, size_t *room,
    size_t need, size_t first)
{
    size_t  want = *room ? *room : first;
    void   *p;

    while (want < need) {
        if (want > SIZE_MAX / 2 / size) {
            return NULL;
        }

        want *= 2;
    }

    p = dg_arena_alloc(names->arena, want * size);

    if (p != NULL) {
        if (used) {
            memcpy(p, old, used * size);
        }

        *room = want;
    }

    return p;
}


dg_err_t
dg_names_open(dg_names_t *names)
{
    dg_names_object_t  *o;
    size_t              room = names->depth_room;

    if (names->depth == room) {
        /* closed objects' tables lie beyond depth, so all are kept */
        o = grow(names, names->objects, sizeof(*o), room, &names->depth_room,
                 room + 1, FIRST_OBJECTS);
        if (o == NULL) {
            return DG_ERR_MEMORY;
        }

        memset(o + room, 0, (names->depth_room - room) * sizeof(*o));
        names->objects = o;
    }

    o = &names->objects[names->depth++];
    o->first = names->count;
    o->bytes = names->len;
    o->used = 0;
    return DG_OK;
}


static bool
same(const dg_names_t *names, const dg_name_t *a, dg_span_t b)
{
    return a->len == b.len
           && (b.len == 0
               || memcmp(names->bytes + a->at, b.data, b.len) == 0);
}


static dg_err_t
find_linear(const dg_names_t *names, const dg_names_object_t *o,
    dg_span_t name)
{
    for (size_t i = o->first; i < names->count; i++) {
        if (same(names, &names->names[i], name)) {
            return DG_ERR_INVALID;
        }
    }

    return DG_OK;
}


/* Puts name `index`, which lies at the end of the bytes, into the table. */
static dg_err_t
insert(dg_names_t *names, dg_names_object_t *o, size_t index)
{
    const dg_name_t  *n = &names->names[index];
    dg_span_t         text = { names->bytes + n->at, n->len };
    size_t            mask = o->used - 1;
    size_t            slot = n->hash & mask;

    for (unsigned i = 0; i < DG_NAMES_PROBES; i++) {
        const dg_name_t  *other;

        if (o->slots[slot] == 0) {
            o->slots[slot] = (uint32_t) (index - o->first + 1);
            return DG_OK;
        }

        other = &names->names[o->first + o->slots[slot] - 1];

        if (other->hash == n->hash && same(names, other, text)) {
            return DG_ERR_INVALID;
        }

        slot = (slot + 1) & mask;
    }

    return DG_ERR_LIMIT;
}


/* A table of at least four times the names, filled anew. */
static dg_err_t
rebuild(dg_names_t *names, dg_names_object_t *o, size_t end)
{
    size_t    want = o->used ? o->used * 2 : FIRST_SLOTS;
    dg_err_t  err;

    if (want > o->room) {
        uint32_t  *slots = dg_arena_calloc(names->arena, want,
                                           sizeof(*slots));

        if (slots == NULL) {
            return DG_ERR_MEMORY;
        }

        o->slots = slots;
        o->room = want;

    } else {
        memset(o->slots, 0, want * sizeof(*o->slots));
    }

    for (size_t i = o->first; o->used == 0 && i < end; i++) {
        dg_name_t  *n = &names->names[i];

        n->hash = dg_hash(dg_span(names->bytes + n->at, n->len));
    }

    o->used = want;

    for (size_t i = o->first; i < end; i++) {
        err = insert(names, o, i);
        if (err != DG_OK) {
            return err;
        }
    }

    return DG_OK;
}


/* Copies the name to the end; not yet counted. */
static dg_err_t
append(dg_names_t *names, dg_span_t name)
{
    void  *p;

    if (names->count == names->count_room) {
        p = grow(names, names->names, sizeof(dg_name_t), names->count,
                 &names->count_room, names->count + 1, FIRST_NAMES);
        if (p == NULL) {
            return DG_ERR_MEMORY;
        }

        names->names = p;
    }

    if (name.len > names->len_room - names->len) {
        if (name.len > SIZE_MAX - names->len) {
            return DG_ERR_MEMORY;
        }

        p = grow(names, names->bytes, 1, names->len, &names->len_room,
                 names->len + name.len, FIRST_BYTES);
        if (p == NULL) {
            return DG_ERR_MEMORY;
        }

        names->bytes = p;
    }

    if (name.len) {
        memcpy(names->bytes + names->len, name.data, name.len);
    }

    names->names[names->count] = (dg_name_t) { names->len, name.len, 0 };
    return DG_OK;
}


static dg_err_t
check(dg_names_t *names, dg_names_object_t *o, size_t members,
    dg_span_t name)
{
    dg_err_t  err;

    if (members < DG_NAMES_LINEAR) {
        return find_linear(names, o, name);
    }

    names->names[names->count].hash = dg_hash(name);

    if (members >= o->used / 2) {
        err = rebuild(names, o, names->count);
        if (err != DG_OK) {
            return err;
        }
    }

    return insert(names, o, names->count);
}


dg_err_t
dg_names_add(dg_names_t *names, dg_span_t name)
{
    dg_names_object_t  *o = &names->objects[names->depth - 1];
    dg_err_t            err;

    err = append(names, name);
    if (err != DG_OK) {
        return err;
    }

    err = check(names, o, names->count - o->first, name);
    if (err != DG_OK) {
        return err;
    }

    names->count++;
    names->len += name.len;
    return DG_OK;
}


size_t
dg_names_members(const dg_names_t *names)
{
    return names->count - names->objects[names->depth - 1].first;
}


void
dg_names_close(dg_names_t *names)
{
    const dg_names_object_t  *o = &names->objects[--names->depth];

    names->count = o->first;
    names->len = o->bytes;
}
