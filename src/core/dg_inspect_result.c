/*
 * What policies and records need of the collected values: tags and resources.
 */

#include "dg_inspect_state.h"

#include <string.h>


#define TAGS_START  8


static bool
is_one_of(dg_span_t name, const char *upper, const char *lower)
{
    return dg_span_equal(name, dg_span_cstr(upper))
           || dg_span_equal(name, dg_span_cstr(lower));
}


/* A new tag at the end of a list; NULL without memory. */
static dg_inspect_tag_t *
add_tag(dg_inspect_t *in, dg_inspect_tags_t *list, uint32_t item)
{
    size_t             room = list->room ? list->room * 2 : TAGS_START;
    dg_inspect_tag_t  *tags;

    if (list->count == list->room) {
        tags = dg_arena_alloc(in->arena, room * sizeof(*tags));
        if (tags == NULL) {
            return NULL;
        }

        if (list->count != 0) {
            memcpy(tags, list->tags, list->count * sizeof(*tags));
        }

        list->tags = tags;
        list->room = room;
    }

    tags = &list->tags[list->count++];
    *tags = (dg_inspect_tag_t) { .value = DG_SPAN_EMPTY, .item = item };
    return tags;
}


/* The tag that a structure is; one without a key counts for nothing. */
static dg_inspect_tag_t *
tag_of_group(dg_inspect_t *in, const dg_inspect_value_t *v)
{
    if (in->tags.count != 0 && in->tag_group == v->group) {
        return &in->tags.tags[in->tags.count - 1];
    }

    in->tag_group = v->group;
    return add_tag(in, &in->tags, v->item);
}


static dg_err_t
note_map_tag(dg_inspect_t *in, const dg_inspect_value_t *v, size_t path_len)
{
    dg_inspect_tag_t  *tag = add_tag(in, &in->tags, v->item);

    if (tag == NULL) {
        return DG_ERR_MEMORY;
    }

    tag->key = dg_span_slice(v->path, path_len + 1, v->path.len);
    tag->value = v->text;
    return DG_OK;
}


dg_err_t
dg_inspect_note_tag(dg_inspect_t *in, const dg_inspect_frame_t *f,
    const dg_inspect_value_t *v)
{
    dg_inspect_tag_t  *tag;
    dg_span_t          name = f->member->wire_name;

    if (f->role == DG_ROLE_TAG_KEYS) {
        tag = add_tag(in, &in->tag_keys, v->item);
        if (tag == NULL) {
            return DG_ERR_MEMORY;
        }

        tag->key = v->text;
        return DG_OK;
    }

    if (f->shape->type == DG_SHAPE_MAP) {
        return note_map_tag(in, v, f->path_len);
    }

    tag = tag_of_group(in, v);
    if (tag == NULL) {
        return DG_ERR_MEMORY;
    }

    if (is_one_of(name, "Key", "key")) {
        tag->key = v->text;

    } else if (is_one_of(name, "Value", "value")) {
        tag->value = v->text;
    }

    return DG_OK;
}


dg_err_t
dg_inspect_finish_tags(dg_inspect_t *in)
{
    dg_inspect_tag_t  *key;
    size_t             i, count = 0;

    /* the keys of tags that are set count as tag keys, too */

    for (i = 0; i < in->tags.count; i++) {
        if (in->tags.tags[i].key.data == NULL) {
            continue;
        }

        in->tags.tags[count++] = in->tags.tags[i];

        key = add_tag(in, &in->tag_keys, in->tags.tags[i].item);
        if (key == NULL) {
            return DG_ERR_MEMORY;
        }

        key->key = in->tags.tags[i].key;
    }

    in->result.tags = in->tags.tags;
    in->result.tag_count = count;
    in->result.tag_keys = in->tag_keys.tags;
    in->result.tag_key_count = in->tag_keys.count;
    return DG_OK;
}


/* Where the n-th colon of a template is, or its end. */
static size_t
colon(dg_span_t s, unsigned n)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] == ':' && --n == 0) {
            return i;
        }
    }

    return s.len;
}


/*
 * "arn:P:service:R:A:type/${id}" with its parts put in; "${id}" alone, a
 * member that holds a whole ARN, needs no other part.
 */
static dg_err_t
build_arn(dg_arena_t *arena, dg_span_t template, dg_span_t partition,
    dg_span_t region, dg_span_t account, dg_span_t id, dg_span_t *out)
{
    size_t       room, at, hole;
    dg_writer_t  w;
    uint8_t     *buffer;

    room = template.len + partition.len + region.len + account.len + id.len;

    buffer = dg_arena_alloc(arena, room);
    if (buffer == NULL) {
        return DG_ERR_MEMORY;
    }

    w = dg_writer(buffer, room);
    at = colon(template, 5);

    dg_write_cstr(&w, "arn:");
    dg_write_span(&w, partition);
    dg_write_span(&w, dg_span_slice(template, colon(template, 2),
                                    colon(template, 3)));
    dg_write_char(&w, ':');
    dg_write_span(&w, region);
    dg_write_char(&w, ':');
    dg_write_span(&w, account);

    hole = at;
    while (hole < template.len
           && !dg_span_starts_with(dg_span_slice(template, hole, template.len),
                                   DG_SPAN("${id}")))
    {
        hole++;
    }

    dg_write_span(&w, dg_span_slice(template, at, hole));

    if (hole < template.len) {
        dg_write_span(&w, id);
        dg_write_span(&w, dg_span_slice(template, hole + 5, template.len));
    }

    *out = dg_written(&w);
    return DG_OK;
}


static bool
is_member_of(const dg_resource_rule_t *rule, dg_span_t path)
{
    size_t  i;

    for (i = 0; i < rule->member_count; i++) {
        if (dg_span_equal(rule->members[i], path)) {
            return true;
        }
    }

    return false;
}


typedef struct {
    dg_arena_t     *arena;
    dg_span_t       partition;
    dg_span_t       region;
    dg_span_t       account;
    dg_resource_t  *list;
    size_t          count;
} resources_t;


static dg_err_t
add_resource(resources_t *r, const dg_resource_rule_t *rule, size_t index,
    dg_span_t id, uint32_t item)
{
    dg_resource_t  *resource = &r->list[r->count++];

    resource->type = rule->type;
    resource->id = id;
    resource->item = item;
    resource->rule = (uint32_t) index;

    return build_arn(r->arena, rule->arn, r->partition, r->region, r->account,
                     id, &resource->arn);
}


/* True when the rule's resource is one of each item of the batch. */
static bool
is_per_item(const dg_operation_t *o, const dg_resource_rule_t *rule)
{
    size_t  i;

    if (o->batch_member.len == 0) {
        return false;
    }

    for (i = 0; i < rule->member_count; i++) {
        if (!dg_span_starts_with(rule->members[i], o->batch_member)) {
            return false;
        }
    }

    return true;
}


/* Items [from, to) name no resource of the rule: they may touch any. */
static dg_err_t
add_missing(resources_t *r, const dg_resource_rule_t *rule, size_t index,
    uint32_t from, uint32_t to)
{
    dg_err_t  err = DG_OK;

    for ( /* void */ ; err == DG_OK && from < to; from++) {
        err = add_resource(r, rule, index, DG_SPAN("*"), from);
    }

    return err;
}


/* Values come in the order of their items. */
static dg_err_t
add_rule(resources_t *r, const dg_operation_t *o,
    const dg_inspection_t *inspection, size_t index)
{
    const dg_resource_rule_t  *rule = &o->resources[index];
    const dg_inspect_value_t  *v;
    bool                       per_item = is_per_item(o, rule), found = false;
    uint32_t                   next = 0;
    size_t                     i;
    dg_err_t                   err;

    for (i = 0; i < inspection->value_count; i++) {
        v = &inspection->values[i];

        if (!is_member_of(rule, v->path)) {
            continue;
        }

        if (per_item && v->item != DG_INSPECT_NO_ITEM) {
            err = add_missing(r, rule, index, next, v->item);
            next = v->item + 1;

            if (err != DG_OK) {
                return err;
            }
        }

        found = true;

        err = add_resource(r, rule, index, v->text, v->item);
        if (err != DG_OK) {
            return err;
        }
    }

    if (per_item) {
        return add_missing(r, rule, index, next, inspection->item_count);
    }

    return found ? DG_OK : add_resource(r, rule, index, DG_SPAN("*"),
                                        DG_INSPECT_NO_ITEM);
}


/* More than there can be: each value and each item once a rule. */
static size_t
resources_max(const dg_operation_t *o, const dg_inspection_t *inspection)
{
    size_t  i, j, n = 0;

    for (i = 0; i < o->resource_count; i++) {
        n += 1 + inspection->item_count;

        for (j = 0; j < inspection->value_count; j++) {
            n += is_member_of(&o->resources[i], inspection->values[j].path);
        }
    }

    return n;
}


dg_err_t
dg_resource_arns(dg_arena_t *arena, const dg_operation_t *operation,
    const dg_inspection_t *inspection, dg_span_t partition, dg_span_t region,
    dg_span_t account, const dg_resource_t **resources, size_t *count)
{
    resources_t  r = { arena, partition, region, account, NULL, 0 };
    size_t       i;
    dg_err_t     err;

    *resources = NULL;
    *count = 0;

    if (operation->resource_count == 0) {
        return DG_OK;
    }

    r.list = dg_arena_calloc(arena, resources_max(operation, inspection),
                             sizeof(*r.list));
    if (r.list == NULL) {
        return DG_ERR_MEMORY;
    }

    for (i = 0; i < operation->resource_count; i++) {
        err = add_rule(&r, operation, inspection, i);
        if (err != DG_OK) {
            return err;
        }
    }

    *resources = r.list;
    *count = r.count;
    return DG_OK;
}
