/*
 * Frames of the walk over an input, and the values that it collects.
 */

#include "dg_inspect_state.h"

#include <string.h>

#define VALUES_START  16
#define VALUES_GROW   4   /* fewer are copied than by doubling */


static dg_err_t
room_for_frame(dg_inspect_t *in)
{
    dg_inspect_frame_t  *frames;
    unsigned             room = in->frames_room * 2;

    if (in->depth < in->frames_room) {
        return DG_OK;
    }

    if (in->depth > DG_INSPECT_DEPTH_MAX) {
        return DG_ERR_LIMIT;
    }

    frames = dg_arena_alloc(in->arena, room * sizeof(*frames));
    if (frames == NULL) {
        return DG_ERR_MEMORY;
    }

    memcpy(frames, in->frames, in->depth * sizeof(*frames));
    in->frames = frames;
    in->frames_room = room;
    return DG_OK;
}


/* Room for one bit a member, twice, when the two words do not do. */
static dg_err_t
room_for_members(dg_inspect_t *in, dg_inspect_frame_t *f)
{
    size_t  words;

    f->more = NULL;

    if (f->shape == NULL || f->shape->type != DG_SHAPE_STRUCTURE
        || f->shape->member_count <= DG_INSPECT_SEEN_INLINE)
    {
        return DG_OK;
    }

    words = 2 * ((f->shape->member_count + 63) / 64);
    f->more = dg_arena_calloc(in->arena, words, sizeof(uint64_t));
    in->bytes += words * sizeof(uint64_t);
    return f->more ? DG_OK : DG_ERR_MEMORY;
}


/* The items of a list have its path, and so its role. */
static dg_inspect_role_t
role_of(const dg_inspect_t *in)
{
    dg_span_t  path = dg_span(in->path, in->path_len);

    if (in->is_answer || path.len == 0 || in->call->operation == NULL) {
        return DG_ROLE_PLAIN;
    }

    if (dg_span_equal(path, in->call->operation->tags)) {
        return DG_ROLE_TAGS;
    }

    return dg_span_equal(path, in->call->operation->tag_keys)
           ? DG_ROLE_TAG_KEYS : DG_ROLE_PLAIN;
}


dg_err_t
dg_inspect_push(dg_inspect_t *in, const dg_shape_t *shape, bool is_list,
    bool mutes, bool sensitive)
{
    dg_inspect_frame_t  *f;
    dg_err_t             err = room_for_frame(in);

    if (err != DG_OK) {
        return err;
    }

    f = &in->frames[in->depth++];
    *f = (dg_inspect_frame_t) {
        .shape = shape, .path_len = in->path_len, .is_list = is_list,
        .group = ++in->groups, .mutes = mutes, .sensitive = sensitive
    };

    if (is_list && shape != NULL) {
        f->member = shape->element;
    }

    if (mutes) {
        in->copy.muted++;
    }

    f->role = role_of(in);
    return room_for_members(in, f);
}


dg_err_t
dg_inspect_start(dg_inspect_t *in, dg_arena_t *arena, const dg_shape_t *root)
{
    in->arena = arena;
    in->root = root;
    in->item = DG_INSPECT_NO_ITEM;
    in->frames_room = DG_INSPECT_FRAMES_START;
    in->frames = dg_arena_alloc(arena,
                                in->frames_room * sizeof(*in->frames));

    if (in->frames == NULL) {
        return DG_ERR_MEMORY;
    }

    return dg_inspect_push(in, root, false, false, false);
}


/* The word and bit of a member; which: 0 keyed, 1 present. */
static inline uint64_t *
member_word(dg_inspect_frame_t *f, const dg_member_t *m, size_t which,
    uint64_t *bit)
{
    size_t  i = (size_t) (m - f->shape->members);

    *bit = (uint64_t) 1 << (i % 64);

    if (f->more != NULL) {
        return &f->more[(i / 64) * 2 + which];
    }

    return which ? &f->present : &f->keyed;
}


bool
dg_inspect_set_keyed(dg_inspect_frame_t *f, const dg_member_t *m)
{
    uint64_t  bit, *word = member_word(f, m, 0, &bit);
    bool      before = (*word & bit) != 0;

    *word |= bit;
    return before;
}


bool
dg_inspect_is_present(dg_inspect_frame_t *f, const dg_member_t *m)
{
    uint64_t  bit, *word = member_word(f, m, 1, &bit);

    return (*word & bit) != 0;
}


void
dg_inspect_set_present(dg_inspect_frame_t *f, const dg_member_t *m)
{
    uint64_t  bit, *word = member_word(f, m, 1, &bit);

    if ((*word & bit) == 0) {
        f->present_count++;
        f->required_count += m->required;
    }

    *word |= bit;
}


dg_err_t
dg_inspect_set_path(dg_inspect_t *in, const dg_inspect_frame_t *f,
    dg_span_t name)
{
    size_t  at = f->path_len;

    if (name.len >= DG_INSPECT_PATH_MAX - at) {
        return DG_ERR_LIMIT;
    }

    if (at != 0) {
        in->path[at++] = '/';
    }

    if (name.len != 0) {
        memcpy(in->path + at, name.data, name.len);
    }

    in->path_len = at + name.len;
    return DG_OK;
}


dg_err_t
dg_inspect_add_unknown(dg_inspect_t *in, dg_span_t path)
{
    dg_span_t  copy;
    size_t     i;

    for (i = 0; i < in->result.unknown_count; i++) {
        if (dg_span_equal(in->unknown[i], path)) {
            return DG_OK;
        }
    }

    if (in->result.unknown_count == DG_INSPECT_UNKNOWN_MAX) {
        return DG_ERR_LIMIT;
    }

    if (in->unknown == NULL) {
        in->unknown = dg_arena_alloc(in->arena, DG_INSPECT_UNKNOWN_MAX
                                                * sizeof(dg_span_t));
    }

    copy = dg_arena_copy(in->arena, path);

    if (in->unknown == NULL || copy.data == NULL) {
        return DG_ERR_MEMORY;
    }

    in->unknown[in->result.unknown_count++] = copy;
    in->result.unknown = in->unknown;
    return DG_OK;
}


static dg_err_t
room_for_value(dg_inspect_t *in)
{
    dg_inspect_value_t  *values;
    size_t               room = in->values_room ? in->values_room
                                                  * VALUES_GROW
                                                : VALUES_START;

    if (in->result.value_count < in->values_room) {
        return DG_OK;
    }

    if (room > DG_INSPECT_VALUES_MAX) {
        return DG_ERR_LIMIT;
    }

    values = dg_arena_alloc(in->arena, room * sizeof(*values));
    if (values == NULL) {
        return DG_ERR_MEMORY;
    }

    if (in->values != NULL) {
        memcpy(values, in->values, in->values_room * sizeof(*values));
    }

    in->values = values;
    in->values_room = room;
    return DG_OK;
}


/* Path and text in one allocation.  The items of a list share one path. */
static dg_err_t
keep(dg_inspect_t *in, dg_inspect_frame_t *f, dg_span_t text,
    dg_inspect_value_t *v)
{
    size_t    path_len = in->path_len;
    uint8_t  *p;

    if (f->is_list && f->path_copy.data != NULL) {
        path_len = 0;
    }

    in->bytes += path_len + text.len;
    if (in->bytes > DG_INSPECT_BYTES_MAX) {
        return DG_ERR_LIMIT;
    }

    p = dg_arena_alloc(in->arena, path_len + text.len + 1);
    if (p == NULL) {
        return DG_ERR_MEMORY;
    }

    memcpy(p, in->path, path_len);
    v->path = path_len ? dg_span(p, path_len) : f->path_copy;

    if (f->is_list) {
        f->path_copy = v->path;
    }

    p += path_len;

    if (text.len != 0) {
        memcpy(p, text.data, text.len);
    }

    p[text.len] = 0;
    v->text = dg_span(p, text.len);
    return DG_OK;
}


dg_err_t
dg_inspect_collect(dg_inspect_t *in, dg_inspect_frame_t *f, dg_span_t text,
    bool is_unknown)
{
    dg_inspect_value_t  *v;
    dg_err_t             err;
    size_t               skip;

    if ((err = room_for_value(in)) != DG_OK) {
        return err;
    }

    v = &in->values[in->result.value_count];

    if ((err = keep(in, f, text, v)) != DG_OK) {
        return err;
    }

    skip = in->item != DG_INSPECT_NO_ITEM && v->path.len > in->item_path
           ? in->item_path : 0;
    v->name = dg_span(v->path.data + skip, v->path.len - skip);
    v->item = in->item;
    v->group = f->group;
    v->sensitive = f->sensitive || f->member->sensitive;
    v->is_unknown = is_unknown;
    in->result.value_count++;
    in->result.values = in->values;

    if (f->member->idempotency_token) {
        in->result.client_token = v->text;
    }

    return f->role == DG_ROLE_PLAIN ? DG_OK : dg_inspect_note_tag(in, f, v);
}
