/*
 * Values of condition keys: see dg_conditions.h.
 */

#include "dg_conditions.h"
#include "dg_time.h"

#define PRINTED_SIZE  32

typedef struct {
    const dg_condition_key_t  *key;   /* NULL: ISSUER:CLAIM */
    dg_span_t                  rest;  /* behind the prefix: tag, path, claim */
    dg_span_t                  issuer;
} meaning_t;

struct dg_conditions_s {
    const dg_policy_set_t  *set;
    meaning_t              *meanings;  /* by the key's index in the set */
    size_t                  needy;     /* keys that may need finding out */
};

typedef struct {
    const dg_call_facts_t  *facts;
    const dg_policy_key_t  *key;
    const meaning_t        *meaning;
    const dg_resource_t    *resource;  /* NULL: the call knows "*" only */
    size_t                  index;     /* of the resource */
    uint32_t                item;      /* of the batch, or NO_ITEM */
    dg_policy_values_t     *values;
} query_t;

typedef void (*give_pt)(const query_t *query);


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


/* Room for a list; without memory nothing is known. */
static dg_span_t *
make_list(const query_t *q, size_t count)
{
    dg_span_t  *values;

    values = dg_arena_alloc(q->facts->arena, (count + 1) * sizeof(*values));
    if (values == NULL) {
        q->values->presence = DG_POLICY_NOT_KNOWN;
    }

    return values;
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

    values = make_list(q, count);
    if (values == NULL) {
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

    values = make_list(q, count);
    if (values == NULL) {
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
give_members(const query_t *q, dg_span_t path)
{
    size_t                  n = 0;
    dg_span_t              *values;
    const dg_inspection_t  *seen = q->facts->inspection;

    values = make_list(q, seen->value_count);
    if (values == NULL) {
        return;
    }

    for (size_t i = 0; i < seen->value_count; i++) {
        if (of_item(q, seen->values[i].item)
            && (dg_span_equal_nocase(seen->values[i].name, path)
                || dg_span_equal_nocase(seen->values[i].path, path)))
        {
            values[n++] = seen->values[i].text;
        }
    }

    give_list(q, values, n);
}


static void
request_member(const query_t *q)
{
    give_members(q, q->meaning->rest);
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


static void
mfa_present(const query_t *q)
{
    if (q->facts->caller->mfa != DG_MFA_NOT_KNOWN) {
        give_bool(q, q->facts->caller->mfa == DG_MFA_PRESENT);
    }
}


static void
source_identity(const query_t *q)
{
    give_span(q, q->facts->caller->source_identity);
}


static void
reason(const query_t *q)
{
    give_span(q, q->facts->caller->reason);
}


static void
caller_dcv_user(const query_t *q)
{
    give_span(q, q->facts->caller->dcv_user);
}


/* Facts of resources */

static void
give_facts(const query_t *q, const dg_facts_t *about)
{
    size_t      n = 0;
    dg_span_t  *values;

    values = make_list(q, about->count);
    if (values == NULL) {
        return;
    }

    for (size_t i = 0; i < about->count; i++) {
        if (dg_span_equal_nocase(about->rows[i].key, q->key->name)) {
            values[n++] = about->rows[i].value;
        }
    }

    give_list(q, values, n);
}


/* What was looked up, or what is about to be created. */
static void
resource_fact(const query_t *q)
{
    const dg_operation_t      *o = q->facts->call->operation;
    const dg_condition_key_t  *key = q->meaning->key;
    const dg_resource_rule_t  *rule;

    if (dg_condition_key_source(key, q->meaning->rest, o)
        == DG_KEY_FROM_CALL)
    {
        give_members(q, dg_span_cstr(key->member));
        return;
    }

    rule = q->resource != NULL ? &o->resources[q->resource->rule] : NULL;

    /* another kind of resource, or one that the call creates, has none */
    if (rule == NULL || rule->member_count == 0
        || !dg_condition_key_is_of(key, rule))
    {
        return;
    }

    if (q->facts->about == NULL
        || q->facts->about[q->index].state == DG_FACTS_UNKNOWN)
    {
        q->values->presence = DG_POLICY_NOT_KNOWN;
        return;
    }

    if (q->facts->about[q->index].state == DG_FACTS_KNOWN) {
        give_facts(q, &q->facts->about[q->index]);
    }
}


static void
dcv_user(const query_t *q)
{
    if (dg_condition_key_source(q->meaning->key, q->meaning->rest,
                                q->facts->call->operation)
        == DG_KEY_FROM_CALL)
    {
        give_members(q, dg_span_cstr(q->meaning->key->member));
    }
}


/* Texts with a grammar of their own */

/*
 * Of the item that is decided.  A resource of the whole batch has no one
 * text, so nothing is known of it then; false when nothing is to be given.
 */
static bool
texts_of(const query_t *q, const dg_input_texts_t **texts)
{
    const dg_call_facts_t  *facts = q->facts;
    const dg_operation_t   *o = facts->call->operation;
    uint32_t                item = q->item;

    if (dg_condition_key_source(q->meaning->key, q->meaning->rest, o)
        == DG_KEY_NOWHERE)
    {
        return false;
    }

    if (item == DG_INSPECT_NO_ITEM && o->batch_member.len == 0) {
        item = 0;
    }

    if (facts->texts == NULL || item >= facts->inspection->item_count) {
        q->values->presence = DG_POLICY_NOT_KNOWN;
        return false;
    }

    *texts = &facts->texts[item];
    return true;
}


static void
permissions(const query_t *q)
{
    const dg_permissions_t  *file;
    const dg_input_texts_t  *texts;

    if (!texts_of(q, &texts) || texts->permissions == NULL) {
        return;
    }

    file = texts->permissions;

    switch (q->meaning->key->id) {

    case DG_KEY_DCV_PERMISSION_ACTORS:
        give_list(q, file->actors, file->actor_count);
        break;

    case DG_KEY_DCV_PERMISSION_IMPORTS:
        give_list(q, file->imports, file->import_count);
        break;

    case DG_KEY_DCV_SHARED_FEATURES:
        give_list(q, file->shared, file->shared_count);
        break;

    default:
        give_list(q, file->features, file->feature_count);
    }
}


static void
requirements(const query_t *q)
{
    size_t                   n;
    dg_span_t               *values;
    const dg_input_texts_t  *texts;

    if (!texts_of(q, &texts)) {
        return;
    }

    values = make_list(q, DG_REQUIREMENTS_TERMS_MAX);
    if (values == NULL) {
        return;
    }

    n = q->meaning->key->id == DG_KEY_DCV_REQUIREMENT_NAMES
        ? dg_requirements_names(texts->requirements, values)
        : dg_requirements_demanded(texts->requirements,
              q->meaning->key->id == DG_KEY_DCV_REQUIRED_TAG,
              q->meaning->rest, values);

    give_list(q, values, n);
}


static const give_pt  givers[DG_KEY_COUNT] = {
    [DG_KEY_CURRENT_TIME]            = current_time,
    [DG_KEY_EPOCH_TIME]              = epoch_time,
    [DG_KEY_FEDERATED_PROVIDER]      = federated_provider,
    [DG_KEY_MFA_PRESENT]             = mfa_present,
    [DG_KEY_PRINCIPAL_ACCOUNT]       = principal_account,
    [DG_KEY_PRINCIPAL_ARN]           = principal_arn,
    [DG_KEY_PRINCIPAL_TAG]           = principal_tag,
    [DG_KEY_PRINCIPAL_TYPE]          = principal_type,
    [DG_KEY_REQUEST_TAG]             = request_tag,
    [DG_KEY_REQUESTED_REGION]        = requested_region,
    [DG_KEY_RESOURCE_TAG]            = resource_fact,
    [DG_KEY_SECURE_TRANSPORT]        = secure_transport,
    [DG_KEY_SOURCE_IDENTITY]         = source_identity,
    [DG_KEY_SOURCE_IP]               = source_ip,
    [DG_KEY_TAG_KEYS]                = tag_keys,
    [DG_KEY_TOKEN_ISSUE_TIME]        = token_issue_time,
    [DG_KEY_USER_AGENT]              = user_agent,
    [DG_KEY_USER_ID]                 = user_id,
    [DG_KEY_USER_NAME]               = user_name,
    [DG_KEY_DCV_OWNER]               = resource_fact,
    [DG_KEY_DCV_PERMISSION_ACTORS]   = permissions,
    [DG_KEY_DCV_PERMISSION_FEATURES] = permissions,
    [DG_KEY_DCV_PERMISSION_IMPORTS]  = permissions,
    [DG_KEY_DCV_REQUIRED_PROPERTY]   = requirements,
    [DG_KEY_DCV_REQUIRED_TAG]        = requirements,
    [DG_KEY_DCV_REQUIREMENT_NAMES]   = requirements,
    [DG_KEY_DCV_SERVER_TAG]          = resource_fact,
    [DG_KEY_DCV_SESSION_NAME]        = resource_fact,
    [DG_KEY_DCV_SESSION_TYPE]        = resource_fact,
    [DG_KEY_DCV_SHARED_FEATURES]     = permissions,
    [DG_KEY_DCV_USER]                = dcv_user,
    [DG_KEY_ACCESS_LEVEL]            = access_level,
    [DG_KEY_CALLER_DCV_USER]         = caller_dcv_user,
    [DG_KEY_ITEM_COUNT]              = item_count,
    [DG_KEY_PRIVATE]                 = is_private,
    [DG_KEY_REASON]                  = reason,
    [DG_KEY_REQUEST]                 = request_member,
    [DG_KEY_UNKNOWN_MEMBERS]         = unknown_members,
    [DG_KEY_BUNDLE_ID]               = resource_fact,
    [DG_KEY_DIRECTORY_ID]            = resource_fact,
    [DG_KEY_WORKSPACE_USER_NAME]     = resource_fact,
};


static void
understand(dg_span_t key, meaning_t *meaning)
{
    size_t  colon;

    meaning->key = dg_condition_key(key, &meaning->rest);

    if (meaning->key == NULL) {
        colon = dg_span_find(key, ':');
        meaning->issuer = dg_span_slice(key, 0, colon);
        meaning->rest = dg_span_slice(key, colon + 1, key.len);
    }
}


static bool
is_text(const dg_condition_key_t *key)
{
    return key->wants == DG_KEY_WANTS_PERMISSIONS
           || key->wants == DG_KEY_WANTS_REQUIREMENTS;
}


static bool
is_needy(const dg_condition_key_t *key)
{
    return key != NULL
           && (is_text(key) || key->wants == DG_KEY_WANTS_RESOURCE);
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

    conditions->set = set;
    conditions->meanings = dg_arena_calloc(arena, count + 1,
                                           sizeof(meaning_t));
    if (conditions->meanings == NULL) {
        return NULL;
    }

    for (size_t i = 0; i < count; i++) {
        understand(dg_policy_set_key(set, i)->name,
                   &conditions->meanings[i]);
        conditions->needy += is_needy(conditions->meanings[i].key);
    }

    return conditions;
}


/* What a call needs */

typedef struct {
    const dg_conditions_t   *conditions;
    const dg_operation_t    *operation;
    dg_conditions_needs_t   *needs;
} collector_t;


static void
add_fact(dg_conditions_needs_t *needs, const dg_policy_key_t *key)
{
    for (size_t i = 0; i < needs->fact_count; i++) {
        if (needs->facts[i] == key) {
            return;
        }
    }

    needs->facts[needs->fact_count++] = key;
}


/* Never says that it has seen enough: every key is wanted. */
static bool
collect(void *ctx, const dg_policy_key_t *key)
{
    collector_t      *c = ctx;
    const meaning_t  *m = &c->conditions->meanings[key->index];

    if (!is_needy(m->key)) {
        return false;
    }

    switch (dg_condition_key_source(m->key, m->rest, c->operation)) {

    case DG_KEY_FROM_RESOURCE:
        add_fact(c->needs, key);
        break;

    case DG_KEY_FROM_CALL:
        c->needs->texts = c->needs->texts || is_text(m->key);
        break;

    case DG_KEY_NOWHERE:
        break;
    }

    return false;
}


dg_err_t
dg_conditions_needs(const dg_conditions_t *conditions, dg_span_t action,
    const dg_operation_t *operation, dg_arena_t *arena,
    dg_conditions_needs_t *needs)
{
    collector_t  c = { conditions, operation, needs };

    *needs = (dg_conditions_needs_t) { false, NULL, 0 };

    if (conditions->needy == 0) {
        return DG_OK;
    }

    needs->facts = dg_arena_alloc(arena, conditions->needy
                                         * sizeof(*needs->facts));
    if (needs->facts == NULL) {
        return DG_ERR_MEMORY;
    }

    (void) dg_policy_set_reads(conditions->set, action, collect, &c);

    return DG_OK;
}


void
dg_conditions_lookup(void *ctx, const dg_policy_key_t *key, size_t resource,
    dg_policy_values_t *values)
{
    const dg_conditions_lookup_t  *lookup = ctx;
    const dg_call_facts_t         *facts = lookup->facts;

    query_t  q = {
        .facts = facts,
        .key = key,
        .meaning = &lookup->conditions->meanings[key->index],
        .resource = resource < facts->resource_count
                    ? &facts->resources[resource] : NULL,
        .index = resource,
        .values = values
    };

    q.item = q.resource != NULL ? q.resource->item : DG_INSPECT_NO_ITEM;

    if (q.meaning->key == NULL) {
        issuer_claim(&q);
        return;
    }

    givers[q.meaning->key->id](&q);
}
