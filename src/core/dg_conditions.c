/*
 * Values of condition keys: see dg_conditions.h.
 */

#include "dg_conditions.h"
#include "dg_time.h"

#define PRINTED_SIZE  32

typedef struct {
    const struct key_row_s  *row;
    dg_span_t                rest;  /* behind the prefix: tag, path, claim */
    dg_span_t                issuer;
} meaning_t;

struct dg_conditions_s {
    meaning_t  *meanings;  /* by the key's index in the set */
};

typedef struct {
    const dg_call_facts_t  *facts;
    const meaning_t        *meaning;
    uint32_t                item;    /* of the batch, or NO_ITEM */
    dg_policy_values_t     *values;
} query_t;

typedef void (*give_pt)(const query_t *query);

typedef struct key_row_s {
    const char  *name;
    bool         prefix;  /* the rest of the key says which */
    give_pt      give;
} key_row_t;


static void
give_list(const query_t *q, const dg_span_t *values, size_t count)
{
    q->values->presence = count ? DG_POLICY_PRESENT : DG_POLICY_ABSENT;
    q->values->values = values;
    q->values->count = count;
}


/* The span is copied: values must outlive the lookup. */
static void
give_span(const query_t *q, dg_span_t value)
{
    dg_span_t  *copy;

    if (value.len == 0) {
        return;
    }

    copy = dg_arena_alloc(q->facts->arena, sizeof(*copy));
    if (copy == NULL) {
        q->values->presence = DG_POLICY_NOT_KNOWN;
        return;
    }

    *copy = value;
    give_list(q, copy, 1);
}


static void
give_bool(const query_t *q, bool value)
{
    give_span(q, value ? DG_SPAN("true") : DG_SPAN("false"));
}


static void
give_time(const query_t *q, int64_t seconds, bool iso)
{
    dg_writer_t  w = dg_writer(dg_arena_alloc(q->facts->arena, PRINTED_SIZE),
                               PRINTED_SIZE);

    if (w.data == NULL) {
        q->values->presence = DG_POLICY_NOT_KNOWN;
        return;
    }

    if (iso) {
        dg_time_write_iso(&w, seconds);

    } else {
        dg_write_i64(&w, seconds);
    }

    give_span(q, dg_written(&w));
}


static void
source_ip(const query_t *q)
{
    give_span(q, q->facts->source_ip);
}


static void
secure_transport(const query_t *q)
{
    give_bool(q, q->facts->secure_transport);
}


static void
current_time(const query_t *q)
{
    give_time(q, q->facts->now, true);
}


static void
epoch_time(const query_t *q)
{
    give_time(q, q->facts->now, false);
}


static void
user_agent(const query_t *q)
{
    give_span(q, q->facts->user_agent);
}


static void
requested_region(const query_t *q)
{
    give_span(q, q->facts->region);
}


static void
principal_arn(const query_t *q)
{
    give_span(q, q->facts->caller->arn);
}


static void
principal_account(const query_t *q)
{
    give_span(q, q->facts->caller->account);
}


static void
principal_type(const query_t *q)
{
    give_span(q, q->facts->caller->principal_type);
}


static void
user_id(const query_t *q)
{
    give_span(q, q->facts->caller->user_id);
}


static void
user_name(const query_t *q)
{
    give_span(q, q->facts->caller->user_name);
}


static void
federated_provider(const query_t *q)
{
    give_span(q, q->facts->caller->issuer_url);
}


static void
token_issue_time(const query_t *q)
{
    if (q->facts->caller->issued_at > 0) {
        give_time(q, q->facts->caller->issued_at, true);
    }
}


/* Every value of the rows of that name. */
static void
give_attributes(const query_t *q, const dg_attribute_t *rows, size_t count,
    bool nocase)
{
    size_t      n = 0;
    dg_span_t  *values;
    dg_span_t   name = q->meaning->rest;

    values = dg_arena_alloc(q->facts->arena, (count + 1) * sizeof(*values));
    if (values == NULL) {
        q->values->presence = DG_POLICY_NOT_KNOWN;
        return;
    }

    for (size_t i = 0; i < count; i++) {
        if (nocase ? dg_span_equal_nocase(rows[i].name, name)
                   : dg_span_equal(rows[i].name, name))
        {
            values[n++] = rows[i].value;
        }
    }

    give_list(q, values, n);
}


static void
principal_tag(const query_t *q)
{
    give_attributes(q, q->facts->caller->tags, q->facts->caller->tag_count,
                    true);
}


static void
issuer_claim(const query_t *q)
{
    const dg_caller_t  *caller = q->facts->caller;

    if (dg_span_equal_nocase(caller->issuer, q->meaning->issuer)) {
        give_attributes(q, caller->claims, caller->claim_count, true);
    }
}


static bool
of_item(const query_t *q, uint32_t item)
{
    return item == DG_INSPECT_NO_ITEM || q->item == DG_INSPECT_NO_ITEM
           || item == q->item;
}


/* Tags: the values of one key, or, without a name, all keys. */
static void
give_tags(const query_t *q, const dg_inspect_tag_t *tags, size_t count,
    bool keys)
{
    size_t      n = 0;
    dg_span_t  *values;

    values = dg_arena_alloc(q->facts->arena, (count + 1) * sizeof(*values));
    if (values == NULL) {
        q->values->presence = DG_POLICY_NOT_KNOWN;
        return;
    }

    for (size_t i = 0; i < count; i++) {
        if (!of_item(q, tags[i].item)) {
            continue;
        }

        if (keys) {
            values[n++] = tags[i].key;

        } else if (dg_span_equal_nocase(tags[i].key, q->meaning->rest)) {
            values[n++] = tags[i].value;
        }
    }

    give_list(q, values, n);
}


static void
request_tag(const query_t *q)
{
    give_tags(q, q->facts->inspection->tags, q->facts->inspection->tag_count,
              false);
}


static void
tag_keys(const query_t *q)
{
    give_tags(q, q->facts->inspection->tag_keys,
              q->facts->inspection->tag_key_count, true);
}


/* A path names a member from the item of a batch, or from the input. */
static void
request_member(const query_t *q)
{
    size_t                  n = 0;
    dg_span_t              *values;
    const dg_inspection_t  *seen = q->facts->inspection;

    values = dg_arena_alloc(q->facts->arena,
                            (seen->value_count + 1) * sizeof(*values));
    if (values == NULL) {
        q->values->presence = DG_POLICY_NOT_KNOWN;
        return;
    }

    for (size_t i = 0; i < seen->value_count; i++) {
        if (of_item(q, seen->values[i].item)
            && (dg_span_equal_nocase(seen->values[i].name, q->meaning->rest)
                || dg_span_equal_nocase(seen->values[i].path,
                                        q->meaning->rest)))
        {
            values[n++] = seen->values[i].text;
        }
    }

    give_list(q, values, n);
}


static void
access_level(const query_t *q)
{
    give_span(q, dg_span_cstr(dg_access_name(q->facts->call->operation
                                             ->access)));
}


static void
is_private(const query_t *q)
{
    give_bool(q, q->facts->call->operation->is_private);
}


static void
item_count(const query_t *q)
{
    give_time(q, q->facts->inspection->item_count, false);
}


static void
unknown_members(const query_t *q)
{
    give_list(q, q->facts->inspection->unknown,
              q->facts->inspection->unknown_count);
}


static const key_row_t  claim_row = { "", true, issuer_claim };

static const key_row_t  key_rows[] = {
    { "aws:SourceIp", false, source_ip },
    { "aws:SecureTransport", false, secure_transport },
    { "aws:CurrentTime", false, current_time },
    { "aws:EpochTime", false, epoch_time },
    { "aws:UserAgent", false, user_agent },
    { "aws:RequestedRegion", false, requested_region },
    { "aws:PrincipalArn", false, principal_arn },
    { "aws:PrincipalAccount", false, principal_account },
    { "aws:PrincipalType", false, principal_type },
    { "aws:PrincipalTag/", true, principal_tag },
    { "aws:userid", false, user_id },
    { "aws:username", false, user_name },
    { "aws:FederatedProvider", false, federated_provider },
    { "aws:TokenIssueTime", false, token_issue_time },
    { "aws:RequestTag/", true, request_tag },
    { "aws:TagKeys", false, tag_keys },
    { "deskgate:Request/", true, request_member },
    { "deskgate:AccessLevel", false, access_level },
    { "deskgate:Private", false, is_private },
    { "deskgate:ItemCount", false, item_count },
    { "deskgate:UnknownMembers", false, unknown_members },
};


static void
understand(dg_span_t key, meaning_t *meaning)
{
    size_t     colon;
    dg_span_t  name;

    for (size_t i = 0; i < sizeof(key_rows) / sizeof(key_rows[0]); i++) {
        name = dg_span_cstr(key_rows[i].name);

        if (key_rows[i].prefix
            ? dg_span_equal_nocase(dg_span_slice(key, 0, name.len), name)
            : dg_span_equal_nocase(key, name))
        {
            meaning->row = &key_rows[i];
            meaning->rest = dg_span_slice(key, name.len, key.len);
            return;
        }
    }

    colon = dg_span_find(key, ':');
    meaning->row = &claim_row;
    meaning->issuer = dg_span_slice(key, 0, colon);
    meaning->rest = dg_span_slice(key, colon + 1, key.len);
}


const dg_conditions_t *
dg_conditions_create(dg_arena_t *arena, const dg_policy_set_t *set)
{
    size_t            count = dg_policy_set_key_count(set);
    dg_conditions_t  *conditions;

    conditions = dg_arena_calloc(arena, 1, sizeof(*conditions));
    if (conditions == NULL) {
        return NULL;
    }

    conditions->meanings = dg_arena_calloc(arena, count + 1,
                                           sizeof(meaning_t));
    if (conditions->meanings == NULL) {
        return NULL;
    }

    for (size_t i = 0; i < count; i++) {
        understand(dg_policy_set_key(set, i)->name,
                   &conditions->meanings[i]);
    }

    return conditions;
}


void
dg_conditions_lookup(void *ctx, const dg_policy_key_t *key, size_t resource,
    dg_policy_values_t *values)
{
    const dg_conditions_lookup_t  *lookup = ctx;
    const dg_call_facts_t         *facts = lookup->facts;

    query_t  q = {
        .facts = facts,
        .meaning = &lookup->conditions->meanings[key->index],
        .item = resource < facts->resource_count
                ? facts->resources[resource].item : DG_INSPECT_NO_ITEM,
        .values = values
    };

    q.meaning->row->give(&q);
}
