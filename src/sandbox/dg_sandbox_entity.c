/*
 * Entities in the store: see dg_sandbox_entity.h.
 */

#include "dg_sandbox_entity.h"

#define SINCE  DG_SPAN("$since")


/* A string of an object, or the empty span. */
dg_span_t
dg_sandbox_text(const dg_json_t *object, const char *name)
{
    dg_span_t  text = DG_SPAN_EMPTY;

    (void) dg_json_string(object, dg_span_cstr(name), &text);

    return text;
}


const dg_json_t *
dg_entity_def(const dg_sandbox_call_t *call, dg_span_t name)
{
    return dg_json_member(call->data->entities, name);
}


/* service/account/region/kind/ and the id. */
static dg_span_t
record_key(dg_sandbox_call_t *call, dg_span_t kind, dg_span_t id)
{
    uint8_t      buffer[DG_SANDBOX_KEY_MAX];
    dg_span_t    key;
    dg_writer_t  w = dg_writer(buffer, sizeof(buffer));

    dg_write_span(&w, call->data->service->name);
    dg_write_char(&w, '/');
    dg_write_span(&w, call->env->account);
    dg_write_char(&w, '/');
    dg_write_span(&w, call->env->region);
    dg_write_char(&w, '/');
    dg_write_span(&w, kind);
    dg_write_char(&w, '/');
    dg_write_span(&w, id);

    key = w.overflow ? DG_SPAN_EMPTY
                     : dg_arena_copy(call->tree.arena, dg_written(&w));
    if (key.data == NULL) {
        call->tree.failed = true;
    }

    return key;
}


bool
dg_entity_id(dg_sandbox_call_t *call, const dg_json_t *def,
    const dg_json_t *map, const dg_json_t *source, dg_span_t *id)
{
    uint8_t           buffer[DG_SANDBOX_KEY_MAX];
    dg_span_t         name;
    dg_writer_t       w = dg_writer(buffer, sizeof(buffer));
    const dg_json_t  *part, *value;

    part = dg_json_member(def, DG_SPAN("key"));

    for (part = part ? part->first : NULL; part != NULL; part = part->next) {
        name = part->text;
        (void) dg_json_string(map, name, &name);

        value = dg_template_path(source, name);
        if (value == NULL || value->type != DG_JSON_STRING) {
            return false;
        }

        if (w.len != 0) {
            dg_write_char(&w, '/');
        }

        dg_write_span(&w, value->text);
    }

    if (w.len == 0) {
        dg_write_char(&w, '-');
    }

    *id = dg_arena_copy(call->tree.arena, dg_written(&w));

    return !w.overflow && id->data != NULL;
}


static dg_json_t *
read_record(dg_sandbox_call_t *call, dg_span_t value)
{
    const dg_json_t  *root;

    if (dg_json_parse(call->tree.arena, value, NULL, NULL, &root) != DG_OK) {
        call->tree.failed = true;
        return NULL;
    }

    return dg_tree_copy(&call->tree, root);
}


void
dg_entity_touch(dg_sandbox_call_t *call, dg_json_t *entity)
{
    dg_tree_set(&call->tree, entity, SINCE,
                dg_tree_number(&call->tree, call->env->now));
}


/*
 * The row of "states" that says what follows the entity's state; NULL when
 * it stays.
 */
static const dg_json_t *
transition(const dg_json_t *def, const dg_json_t *entity)
{
    dg_span_t         member = dg_sandbox_text(def, "state");
    const dg_json_t  *state;

    state = dg_json_member(entity, member);
    if (member.len == 0 || state == NULL) {
        return NULL;
    }

    return dg_json_member(dg_json_member(def, DG_SPAN("states")),
                          state->text);
}


/* True when the state has lasted for as long as "after" (seconds) says. */
static bool
due(const dg_sandbox_call_t *call, const dg_json_t *next,
    const dg_json_t *entity)
{
    int64_t           since = 0, after = 0;
    const dg_json_t  *value;

    value = dg_json_member(entity, SINCE);
    if (value == NULL || dg_json_to_i64(value->text, &since) != DG_OK) {
        return true;
    }

    value = dg_json_member(next, DG_SPAN("after"));
    if (value == NULL || dg_json_to_i64(value->text, &after) != DG_OK) {
        return true;
    }

    return call->env->now - since >= after * 1000;
}


/*
 * Lets time pass for an entity that was read.  States are looked at only
 * when somebody looks, so that nothing runs in the background.  NULL when
 * the entity is gone.
 */
static dg_json_t *
settle(dg_sandbox_call_t *call, const dg_json_t *def, dg_json_t *entity,
    dg_span_t key)
{
    dg_span_t          to;
    const dg_json_t   *next, *set;
    dg_sandbox_scope_t  scope = { .entity = entity };

    next = transition(def, entity);
    if (next == NULL || !due(call, next, entity)) {
        return entity;
    }

    to = dg_sandbox_text(next, "to");

    if (to.len == 0) {
        call->env->store->del(call->env->store_ctx, key);
        return NULL;
    }

    dg_tree_set_text(&call->tree, entity, dg_sandbox_text(def, "state"), to);
    dg_entity_touch(call, entity);

    set = dg_json_member(next, DG_SPAN("set"));
    if (set != NULL) {
        dg_tree_merge(&call->tree, entity,
                      dg_template_expand(call, set, &scope));
    }

    /* without place the old record stays, and settles again when read */
    (void) call->env->store->put(call->env->store_ctx, key,
                                 dg_tree_text(&call->tree, entity));

    return entity;
}


dg_json_t *
dg_entity_get(dg_sandbox_call_t *call, const dg_json_t *def, dg_span_t id)
{
    dg_span_t   key = record_key(call, def->key, id), value;
    dg_json_t  *entity;

    if (key.data == NULL
        || !call->env->store->get(call->env->store_ctx, key, &value))
    {
        return NULL;
    }

    entity = read_record(call, value);

    return entity ? settle(call, def, entity, key) : NULL;
}


dg_err_t
dg_entity_put(dg_sandbox_call_t *call, const dg_json_t *def,
    dg_json_t *entity)
{
    dg_span_t  id, key, text;

    if (!dg_entity_id(call, def, NULL, entity, &id)) {
        return dg_sandbox_fault(call, DG_FAULT_INVALID,
                                "The %.*s has no identifier.",
                                (int) def->key.len, def->key.data);
    }

    key = record_key(call, def->key, id);
    text = dg_tree_text(&call->tree, entity);

    if (call->tree.failed) {
        return DG_ERR_MEMORY;
    }

    if (call->env->store->put(call->env->store_ctx, key, text) != DG_OK) {
        return dg_sandbox_fault(call, DG_FAULT_FULL,
                                "The sandbox has no place for another record.");
    }

    return DG_OK;
}


void
dg_entity_del(dg_sandbox_call_t *call, const dg_json_t *def, dg_span_t id)
{
    dg_span_t  key = record_key(call, def->key, id);

    if (key.data != NULL) {
        call->env->store->del(call->env->store_ctx, key);
    }
}


dg_json_t *
dg_entity_next(dg_sandbox_call_t *call, const dg_json_t *def,
    dg_span_t after, dg_span_t *id)
{
    dg_span_t   prefix, from, key, value;
    dg_json_t  *entity;

    prefix = record_key(call, def->key, DG_SPAN_EMPTY);
    from = record_key(call, def->key, after);

    while (!call->tree.failed
           && call->env->store->next(call->env->store_ctx, prefix, from,
                                     &key, &value))
    {
        from = dg_arena_copy(call->tree.arena, key);
        entity = read_record(call, value);

        if (entity == NULL || from.data == NULL) {
            return NULL;
        }

        entity = settle(call, def, entity, from);
        if (entity != NULL) {
            *id = dg_span_slice(from, prefix.len, from.len);
            return entity;
        }
    }

    return NULL;
}


dg_json_t *
dg_entity_any(dg_sandbox_call_t *call, dg_span_t id, const dg_json_t **def)
{
    dg_json_t        *entity;
    const dg_json_t  *kind;

    for (kind = call->data->entities->first; kind != NULL; kind = kind->next) {
        entity = dg_entity_get(call, kind, id);

        if (entity != NULL) {
            *def = kind;
            return entity;
        }
    }

    return NULL;
}


static dg_err_t
seed_kind(dg_sandbox_call_t *call, const dg_json_t *def)
{
    dg_err_t             err;
    dg_json_t           *entity;
    const dg_json_t     *seed, *made;
    dg_sandbox_scope_t   scope = { 0 };

    seed = dg_json_member(def, DG_SPAN("seed"));

    for (seed = seed ? seed->first : NULL; seed != NULL; seed = seed->next) {
        made = dg_template_expand(call, seed, &scope);
        entity = made ? dg_tree_copy(&call->tree, made) : NULL;

        if (entity == NULL) {
            return DG_ERR_MEMORY;
        }

        dg_entity_touch(call, entity);

        err = dg_entity_put(call, def, entity);
        if (err != DG_OK) {
            return err;
        }
    }

    return DG_OK;
}


dg_err_t
dg_entity_seed(dg_sandbox_call_t *call)
{
    dg_err_t          err;
    dg_span_t         mark = record_key(call, DG_SPAN("$seeded"),
                                        DG_SPAN_EMPTY), value;
    const dg_json_t  *def;

    if (mark.data == NULL) {
        return DG_ERR_MEMORY;
    }

    if (call->env->store->get(call->env->store_ctx, mark, &value)) {
        return DG_OK;
    }

    for (def = call->data->entities->first; def != NULL; def = def->next) {
        err = seed_kind(call, def);
        if (err != DG_OK) {
            return err;
        }
    }

    if (call->env->store->put(call->env->store_ctx, mark, DG_SPAN("{}"))
        != DG_OK)
    {
        return dg_sandbox_fault(call, DG_FAULT_FULL,
                                "The sandbox has no place for its seeds.");
    }

    return DG_OK;
}
