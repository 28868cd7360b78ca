/*
 * Copies of callers: see dg_caller.h.
 */

#include "dg_caller.h"

#include <string.h>

/* every span of a dg_caller_t */
static const size_t  span_members[] = {
    offsetof(dg_caller_t, arn),
    offsetof(dg_caller_t, user_id),
    offsetof(dg_caller_t, account),
    offsetof(dg_caller_t, user_name),
    offsetof(dg_caller_t, principal_type),
    offsetof(dg_caller_t, access_key_id),
    offsetof(dg_caller_t, issuer),
    offsetof(dg_caller_t, issuer_url),
    offsetof(dg_caller_t, subject),
    offsetof(dg_caller_t, token_id),
    offsetof(dg_caller_t, kid),
    offsetof(dg_caller_t, source_identity),
    offsetof(dg_caller_t, reason),
    offsetof(dg_caller_t, dcv_user)
};

#define SPAN_MEMBERS  (sizeof(span_members) / sizeof(span_members[0]))

/* Where the next array and the next bytes of a copy go. */
typedef struct {
    uint8_t  *arrays;
    uint8_t  *bytes;
} room_t;


static dg_span_t *
span_member(dg_caller_t *caller, size_t i)
{
    return (dg_span_t *) (void *) ((uint8_t *) caller + span_members[i]);
}


static dg_span_t
span_value(const dg_caller_t *caller, size_t i)
{
    dg_span_t  value;

    memcpy(&value, (const uint8_t *) caller + span_members[i], sizeof(value));
    return value;
}


static size_t
arrays_size(const dg_caller_t *caller)
{
    return (caller->group_count + caller->policy_file_count
            + caller->session_policy_count)
           * sizeof(dg_span_t)
           + (caller->tag_count + caller->claim_count)
             * sizeof(dg_attribute_t);
}


static size_t
spans_size(const dg_span_t *spans, size_t count)
{
    size_t  size = 0;

    for (size_t i = 0; i < count; i++) {
        size += spans[i].len;
    }

    return size;
}


static size_t
attributes_size(const dg_attribute_t *attributes, size_t count)
{
    size_t  size = 0;

    for (size_t i = 0; i < count; i++) {
        size += attributes[i].name.len + attributes[i].value.len;
    }

    return size;
}


size_t
dg_caller_size(const dg_caller_t *caller)
{
    size_t  size = sizeof(*caller) + arrays_size(caller);

    for (size_t i = 0; i < SPAN_MEMBERS; i++) {
        size += span_value(caller, i).len;
    }

    return size + spans_size(caller->groups, caller->group_count)
           + spans_size(caller->policy_files, caller->policy_file_count)
           + spans_size(caller->session_policies,
                        caller->session_policy_count)
           + attributes_size(caller->tags, caller->tag_count)
           + attributes_size(caller->claims, caller->claim_count);
}


static dg_span_t
copy_bytes(room_t *room, dg_span_t s)
{
    dg_span_t  copy = dg_span(room->bytes, s.len);

    if (s.len == 0) {
        return DG_SPAN_EMPTY;
    }

    memcpy(room->bytes, s.data, s.len);
    room->bytes += s.len;

    return copy;
}


static const dg_span_t *
copy_spans(room_t *room, const dg_span_t *from, size_t count)
{
    dg_span_t  *to = (dg_span_t *) (void *) room->arrays;

    room->arrays += count * sizeof(*to);

    for (size_t i = 0; i < count; i++) {
        to[i] = copy_bytes(room, from[i]);
    }

    return count ? to : NULL;
}


static const dg_attribute_t *
copy_attributes(room_t *room, const dg_attribute_t *from, size_t count)
{
    dg_attribute_t  *to = (dg_attribute_t *) (void *) room->arrays;

    room->arrays += count * sizeof(*to);

    for (size_t i = 0; i < count; i++) {
        to[i].name = copy_bytes(room, from[i].name);
        to[i].value = copy_bytes(room, from[i].value);
    }

    return count ? to : NULL;
}


dg_caller_t *
dg_caller_copy(const dg_caller_t *caller, void *block)
{
    room_t        room;
    dg_caller_t  *copy = block;

    *copy = *caller;
    room.arrays = (uint8_t *) block + sizeof(*copy);
    room.bytes = room.arrays + arrays_size(caller);

    for (size_t i = 0; i < SPAN_MEMBERS; i++) {
        *span_member(copy, i) = copy_bytes(&room, span_value(caller, i));
    }

    copy->groups = copy_spans(&room, caller->groups, caller->group_count);
    copy->policy_files = copy_spans(&room, caller->policy_files,
                                    caller->policy_file_count);
    copy->session_policies = copy_spans(&room, caller->session_policies,
                                        caller->session_policy_count);
    copy->tags = copy_attributes(&room, caller->tags, caller->tag_count);
    copy->claims = copy_attributes(&room, caller->claims,
                                   caller->claim_count);

    return copy;
}


/* Where a pointer into the block `from` points in its copy `to`. */
static void *
moved(const void *p, const void *from, void *to)
{
    return p ? (uint8_t *) to + ((const uint8_t *) p - (const uint8_t *) from)
             : NULL;
}


static dg_span_t *
move_spans(const dg_span_t *spans, size_t count, const void *from, void *to)
{
    dg_span_t  *copy = moved(spans, from, to);

    for (size_t i = 0; i < count; i++) {
        copy[i].data = moved(copy[i].data, from, to);
    }

    return copy;
}


static dg_attribute_t *
move_attributes(const dg_attribute_t *attributes, size_t count,
    const void *from, void *to)
{
    dg_attribute_t  *copy = moved(attributes, from, to);

    for (size_t i = 0; i < count; i++) {
        copy[i].name.data = moved(copy[i].name.data, from, to);
        copy[i].value.data = moved(copy[i].value.data, from, to);
    }

    return copy;
}


dg_caller_t *
dg_caller_copy_block(const dg_caller_t *block, size_t size, void *to)
{
    dg_caller_t  *copy = to;

    memcpy(to, block, size);

    for (size_t i = 0; i < SPAN_MEMBERS; i++) {
        span_member(copy, i)->data = moved(span_member(copy, i)->data, block,
                                           to);
    }

    copy->groups = move_spans(copy->groups, copy->group_count, block, to);
    copy->policy_files = move_spans(copy->policy_files,
                                    copy->policy_file_count, block, to);
    copy->session_policies = move_spans(copy->session_policies,
                                        copy->session_policy_count, block,
                                        to);
    copy->tags = move_attributes(copy->tags, copy->tag_count, block, to);
    copy->claims = move_attributes(copy->claims, copy->claim_count, block,
                                   to);

    return copy;
}
