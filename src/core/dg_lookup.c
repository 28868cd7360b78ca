/*
 * Which lookups a call needs, and their requests: see dg_lookup.h.
 */

#include "dg_lookup.h"

#include "dg_json.h"
#include "dg_time.h"

#include <string.h>


/* Plan */

static bool
tells_key(const dg_telling_t *t, dg_span_t key)
{
    for (size_t i = 0; i < t->fact_count; i++) {
        dg_span_t  name = t->facts[i].key;

        if (t->facts[i].is_tags
            ? key.len > name.len
              && dg_span_equal_nocase(dg_span_slice(key, 0, name.len), name)
            : dg_span_equal_nocase(key, name))
        {
            return true;
        }
    }

    return false;
}


static bool
tells_of(const dg_telling_t *t, dg_span_t type)
{
    for (size_t i = 0; i < t->type_count; i++) {
        if (dg_span_equal(t->types[i], type)) {
            return true;
        }
    }

    return false;
}


/* Whether the i-th operation of the service looks up that type. */
static const dg_operation_t *
lookup_at(const dg_service_t *service, size_t i, dg_span_t type)
{
    const dg_operation_t  *o = &service->operations[i];

    return o->telling != NULL && o->telling->lookup.len != 0
           && tells_of(o->telling, type) ? o : NULL;
}


/* Whether a resource of the rule can have the key at all. */
static bool
is_of(const dg_policy_key_t *key, const dg_resource_rule_t *rule)
{
    dg_span_t                  rest;
    const dg_condition_key_t  *row = dg_condition_key(key->name, &rest);

    return row != NULL && rule->member_count != 0
           && dg_condition_key_is_of(row, rule);
}


static bool
is_needed(const dg_operation_t *lookup, const dg_resource_rule_t *rule,
    const dg_conditions_needs_t *needs)
{
    for (size_t i = 0; i < needs->fact_count; i++) {
        if (is_of(needs->facts[i], rule)
            && tells_key(lookup->telling, needs->facts[i]->name))
        {
            return true;
        }
    }

    return false;
}


const dg_policy_key_t *
dg_lookup_gap(const dg_operation_t *o, const dg_conditions_needs_t *needs)
{
    const dg_service_t        *s = o->service;
    const dg_resource_rule_t  *rule;
    const dg_operation_t      *lookup;

    for (size_t i = 0; i < needs->fact_count * o->resource_count; i++) {
        const dg_policy_key_t  *key = needs->facts[i / o->resource_count];
        bool                    told = false;

        rule = &o->resources[i % o->resource_count];

        for (size_t k = 0; k < s->operation_count && !told; k++) {
            lookup = lookup_at(s, k, rule->type);
            told = lookup != NULL && tells_key(lookup->telling, key->name);
        }

        if (is_of(key, rule) && !told) {
            return key;
        }
    }

    return NULL;
}


typedef struct {
    dg_arena_t           *arena;
    const dg_resource_t  *resources;
    size_t                count;
    dg_span_t            *ids;
    uint32_t             *of;
    size_t                id_count;
} planner_t;


static dg_err_t
add_id(planner_t *p, size_t resource)
{
    size_t     i;
    dg_span_t  id = p->resources[resource].id;

    /* "*": the call names none */
    if (id.len == 0 || dg_span_equal(id, DG_SPAN("*"))) {
        return DG_OK;
    }

    for (i = 0; i < p->id_count; i++) {
        if (dg_span_equal(p->ids[i], id)) {
            break;
        }
    }

    if (i == p->id_count) {
        if (i == DG_LOOKUP_IDS_MAX || id.len > DG_LOOKUP_ID_MAX) {
            return DG_ERR_LIMIT;
        }

        p->ids[p->id_count++] = id;
    }

    p->of[resource] = (uint32_t) i;
    return DG_OK;
}


static dg_err_t
plan_one(planner_t *p, const dg_operation_t *o, const dg_operation_t *lookup,
    const dg_conditions_needs_t *needs)
{
    size_t                     max;
    dg_err_t                   err = DG_OK;
    const dg_resource_rule_t  *rule;

    max = p->count < DG_LOOKUP_IDS_MAX ? p->count : DG_LOOKUP_IDS_MAX;
    p->ids = dg_arena_alloc(p->arena, (max + 1) * sizeof(*p->ids));
    p->of = dg_arena_alloc(p->arena, (p->count + 1) * sizeof(*p->of));
    p->id_count = 0;

    if (p->ids == NULL || p->of == NULL) {
        return DG_ERR_MEMORY;
    }

    for (size_t i = 0; i < p->count && err == DG_OK; i++) {
        rule = &o->resources[p->resources[i].rule];
        p->of[i] = DG_LOOKUP_NO_ID;

        if (tells_of(lookup->telling, rule->type)
            && is_needed(lookup, rule, needs))
        {
            err = add_id(p, i);
        }
    }

    return err;
}


dg_err_t
dg_lookup_plan(dg_arena_t *arena, const dg_operation_t *o,
    const dg_conditions_needs_t *needs, const dg_resource_t *resources,
    size_t resource_count, dg_lookup_plan_t *plan)
{
    planner_t              p = { .arena = arena, .resources = resources,
                                 .count = resource_count };
    dg_err_t               err;
    const dg_service_t    *s = o->service;
    const dg_operation_t  *lookup;

    plan->count = 0;

    if (needs->fact_count == 0 || resource_count == 0) {
        return DG_OK;
    }

    for (size_t i = 0; i < s->operation_count; i++) {
        lookup = &s->operations[i];

        if (lookup->telling == NULL || lookup->telling->lookup.len == 0) {
            continue;
        }

        err = plan_one(&p, o, lookup, needs);
        if (err != DG_OK) {
            return err;
        }

        if (p.id_count == 0) {
            continue;
        }

        if (plan->count == DG_LOOKUP_CALLS_MAX) {
            return DG_ERR_LIMIT;
        }

        plan->lookups[plan->count++] = (dg_lookup_t) { lookup, p.ids,
                                                       p.id_count, p.of };
    }

    return DG_OK;
}


/* Request */

size_t
dg_lookup_size(const dg_operation_t *lookup, const dg_span_t *ids,
    size_t count)
{
    size_t  size = lookup->telling->lookup.len + 16;

    for (size_t i = 0; i < count; i++) {
        size += 6 * ids[i].len + 3;
    }

    return size;
}


void
dg_lookup_write(dg_writer_t *w, const dg_operation_t *lookup,
    const dg_span_t *ids, size_t count)
{
    bool  list = lookup->telling->takes_list;

    dg_write_char(w, '{');
    dg_json_write_string(w, lookup->telling->lookup);
    dg_write_cstr(w, list ? ":[" : ":");

    for (size_t i = 0; i < count; i++) {
        if (i) {
            dg_write_char(w, ',');
        }

        dg_json_write_string(w, ids[i]);
    }

    dg_write_cstr(w, list ? "]}" : "}");
}


static dg_span_t
content_type(const dg_operation_t *lookup)
{
    switch (lookup->service->protocol) {

    case DG_PROTOCOL_AWS_JSON_1_0:
        return DG_SPAN("application/x-amz-json-1.0");

    case DG_PROTOCOL_AWS_JSON_1_1:
        return DG_SPAN("application/x-amz-json-1.1");

    default:
        return DG_SPAN("application/json");
    }
}


/* "Prefix.Operation"; empty without memory. */
static dg_span_t
target_of(dg_arena_t *arena, const dg_operation_t *lookup)
{
    dg_span_t    prefix = lookup->service->target_prefix;
    size_t       size = prefix.len + lookup->name.len + 1;
    dg_writer_t  w = dg_writer(dg_arena_alloc(arena, size), size);

    if (w.data == NULL) {
        return DG_SPAN_EMPTY;
    }

    dg_write_span(&w, prefix);
    dg_write_char(&w, '.');
    dg_write_span(&w, lookup->name);

    return dg_written(&w);
}


static dg_err_t
signed_headers(dg_arena_t *arena, const dg_operation_t *lookup,
    dg_span_t body, const dg_lookup_signer_t *signer,
    dg_header_t headers[DG_LOOKUP_HEADERS_MAX + 1], size_t *count)
{
    size_t            n = *count;
    dg_err_t          err;
    dg_writer_t       date = dg_writer(dg_arena_alloc(arena, DG_TIME_AMZ_SIZE),
                                       DG_TIME_AMZ_SIZE);
    dg_request_t      request = { .method = lookup->method,
                                  .target = lookup->uri,
                                  .headers = headers };
    dg_sigv4_scope_t  scope = { signer->region,
                                lookup->service->signing_name,
                                DG_SIGV4_PATH_NORMALIZED };

    if (date.data == NULL) {
        return DG_ERR_MEMORY;
    }

    dg_time_write_amz(&date, signer->now);
    headers[n++] = (dg_header_t) { DG_SPAN("X-Amz-Date"), dg_written(&date) };

    if (signer->credentials->session_token.len) {
        headers[n++] = (dg_header_t) { DG_SPAN("X-Amz-Security-Token"),
                                       signer->credentials->session_token };
    }

    if (lookup->service->target_prefix.len) {
        headers[n] = (dg_header_t) { DG_SPAN("X-Amz-Target"),
                                     target_of(arena, lookup) };
        if (headers[n++].value.len == 0) {
            return DG_ERR_MEMORY;
        }
    }

    headers[n] = (dg_header_t) { DG_SPAN("Host"), signer->host };
    request.header_count = n + 1;

    err = dg_sigv4_sign_body(signer->keys, signer->crypto, arena, &request,
                             body, &scope, signer->credentials, signer->now,
                             &headers[n].value);

    headers[n++].name = DG_SPAN("Authorization");
    *count = n;

    return err;
}


dg_err_t
dg_lookup_headers(dg_arena_t *arena, const dg_operation_t *lookup,
    dg_span_t body, const dg_lookup_signer_t *signer, dg_span_t authorization,
    dg_header_t headers[DG_LOOKUP_HEADERS_MAX], size_t *count)
{
    dg_err_t     err = DG_OK;
    dg_header_t  all[DG_LOOKUP_HEADERS_MAX + 1];

    all[0] = (dg_header_t) { DG_SPAN("Content-Type"), content_type(lookup) };
    *count = 1;

    if (lookup->service->is_broker) {
        all[(*count)++] = (dg_header_t) { DG_SPAN("Authorization"),
                                          authorization };

    } else {
        err = signed_headers(arena, lookup, body, signer, all, count);
    }

    if (err == DG_OK) {
        memcpy(headers, all, *count * sizeof(dg_header_t));
    }

    return err;
}


/* Assertions */

static bool
has_value(const dg_facts_t *facts, dg_span_t key, dg_span_t value)
{
    for (size_t i = 0; i < facts->count; i++) {
        if (dg_span_equal_nocase(facts->rows[i].key, key)
            && dg_span_equal(facts->rows[i].value, value))
        {
            return true;
        }
    }

    return false;
}


static bool
is_false(const dg_call_facts_t *call, size_t resource,
    const dg_assertion_t *assertion)
{
    const dg_facts_t          *facts = &call->about[resource];
    const dg_inspect_value_t  *v;

    for (size_t i = 0; i < call->inspection->value_count; i++) {
        v = &call->inspection->values[i];

        if (v->item == call->resources[resource].item
            && dg_span_equal(v->name, assertion->member)
            && facts->state == DG_FACTS_KNOWN
            && !has_value(facts, assertion->key, v->text))
        {
            return true;
        }
    }

    return false;
}


dg_span_t
dg_lookup_false_assertion(const dg_call_facts_t *call)
{
    const dg_operation_t  *o = call->call->operation;

    if (call->about == NULL) {
        return DG_SPAN_EMPTY;
    }

    for (size_t i = 0; i < o->assertion_count; i++) {
        for (size_t k = 0; k < call->resource_count; k++) {
            if (is_false(call, k, &o->assertions[i])) {
                return o->assertions[i].member;
            }
        }
    }

    return DG_SPAN_EMPTY;
}
