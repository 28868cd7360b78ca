/*
 * One call: seeds, ClientToken, the verb, the answer's members.
 */

#include "dg_sandbox_broker.h"

#include "core/dg_codec.h"

#include <stdarg.h>
#include <stdio.h>

#define RUN_TOKEN_LIFE   (3600 * 1000)  /* ms that a ClientToken is known */
#define RUN_TOKEN_SWEEP  8              /* old ones given up per call */

static const struct {
    const char  *word;
    const char  *verb;
} verbs[] = {
    { "Create", "create" }, { "Register", "create" }, { "Import", "create" },
    { "Copy", "create" }, { "Describe", "list" }, { "List", "list" },
    { "Get", "get" }, { "Delete", "delete" }, { "Terminate", "delete" },
    { "Deregister", "delete" }
};

static const struct {
    const char          *name;
    dg_sandbox_verb_pt   act;
} acts[] = {
    { "create", dg_verb_create }, { "modify", dg_verb_modify },
    { "delete", dg_verb_delete }, { "get", dg_verb_get },
    { "tag", dg_verb_tag }, { "untag", dg_verb_untag },
    { "tags", dg_verb_tags }, { "place", dg_broker_create },
    { "unplace", dg_broker_delete }, { "connect", dg_broker_connect },
    { "open", dg_broker_open }, { "close", dg_broker_close }
};


dg_err_t
dg_sandbox_fault(dg_sandbox_call_t *call, dg_fault_t fault,
    const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    (void) vsnprintf(call->message, sizeof(call->message), format, args);
    va_end(args);

    call->fault = fault;
    return DG_ERR_INVALID;
}


/* "do" of the row, else what the operation's first word means. */
static dg_span_t
verb_of(const dg_sandbox_call_t *call)
{
    size_t     i;
    dg_span_t  verb = dg_sandbox_text(call->row, "do");

    for (i = 0; verb.len == 0 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (dg_span_starts_with(call->operation->name,
                                dg_span_cstr(verbs[i].word)))
        {
            verb = dg_span_cstr(verbs[i].verb);
        }
    }

    return verb.len == 0 ? DG_SPAN("modify") : verb;
}


static dg_sandbox_verb_pt
act_of(dg_span_t verb)
{
    size_t  i;

    for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        if (dg_span_equal(verb, dg_span_cstr(acts[i].name))) {
            return acts[i].act;
        }
    }

    return NULL;
}


static bool
is_scalar(const dg_json_t *value)
{
    return value->type != DG_JSON_OBJECT && value->type != DG_JSON_ARRAY
           && value->type != DG_JSON_NULL;
}


static bool
is_paging(dg_span_t name)
{
    return dg_span_equal(name, DG_SPAN("NextToken"))
           || dg_span_equal(name, DG_SPAN("MaxResults"))
           || dg_span_equal(name, DG_SPAN("Limit"));
}


/* True when the structure can show an entity of that kind. */
static bool
can_hold(const dg_shape_t *shape, const dg_json_t *def)
{
    const dg_json_t  *part = dg_json_member(def, DG_SPAN("key"));

    if (shape->type != DG_SHAPE_STRUCTURE || part == NULL
        || part->first == NULL)
    {
        return false;
    }

    for (part = part->first; part != NULL; part = part->next) {
        if (dg_model_member(shape, part->text) == NULL) {
            return false;
        }
    }

    return true;
}


/*
 * Members of the answer that the verb did not set: an attribute of that
 * name, the entity itself where a structure can hold it, or a scalar of the
 * input.
 */
static void
complete(dg_sandbox_call_t *call)
{
    size_t              i;
    const dg_json_t    *value;
    const dg_member_t  *m;

    for (i = 0; i < call->operation->output->member_count; i++) {
        m = &call->operation->output->members[i];

        if (dg_json_member(call->output, m->wire_name) != NULL
            || is_paging(m->wire_name))
        {
            continue;
        }

        if (dg_span_equal(m->wire_name, DG_SPAN("RequestId"))) {
            dg_tree_set_text(&call->tree, call->output, m->wire_name,
                             call->env->request_id);
            continue;
        }

        value = dg_tree_find(call->entity, m->wire_name);

        if (value == NULL && call->entity != NULL
            && can_hold(m->shape, call->entity_def))
        {
            value = call->entity;
        }

        if (value == NULL) {
            value = dg_json_member(call->input, m->wire_name);
            value = value && is_scalar(value) ? value : NULL;
        }

        dg_tree_set(&call->tree, call->output, m->wire_name, value);
    }
}


static void
output_row(dg_sandbox_call_t *call)
{
    const dg_json_t     *row = dg_json_member(call->row, DG_SPAN("output"));
    dg_sandbox_scope_t   scope = {
        .item = call->input, .entity = call->entity
    };

    if (row != NULL) {
        dg_tree_merge(&call->tree, call->output,
                      dg_template_expand(call, row, &scope));
    }
}


/* The entry of a failed item, by the shape that the model gives it. */
static const dg_json_t *
failed_entry(dg_sandbox_call_t *call, const dg_shape_t *shape,
    const dg_json_t *item)
{
    size_t              i;
    dg_span_t           code = call->code;
    dg_json_t          *entry = dg_tree_object(&call->tree);
    const dg_member_t  *m;

    if (code.len == 0) {
        code = dg_sandbox_error_name(call->fault);
    }

    for (i = 0; i < shape->member_count; i++) {
        m = &shape->members[i];

        if (dg_span_equal(m->wire_name, DG_SPAN("ErrorCode"))) {
            dg_tree_set_text(&call->tree, entry, m->wire_name, code);
            continue;
        }

        if (dg_span_equal(m->wire_name, DG_SPAN("FailureCode"))) {
            if (call->code.len != 0) {
                dg_tree_set_text(&call->tree, entry, m->wire_name,
                                 call->code);
            }

            continue;
        }

        if (dg_span_equal(m->wire_name, DG_SPAN("ErrorMessage"))
            || dg_span_equal(m->wire_name, DG_SPAN("FailureReason")))
        {
            dg_tree_set_text(&call->tree, entry, m->wire_name,
                             dg_span_cstr(call->message));
            continue;
        }

        dg_tree_set(&call->tree, entry, m->wire_name,
                    m->shape->type == DG_SHAPE_STRUCTURE
                    ? item : dg_json_member(item, m->wire_name));
    }

    return entry;
}


static bool
is_failures(const dg_member_t *m)
{
    return m->shape->type == DG_SHAPE_LIST
           && (dg_span_starts_with(m->wire_name, DG_SPAN("Failed"))
               || dg_span_starts_with(m->wire_name, DG_SPAN("Unsuccessful")));
}


/* "entry" of the row, else the entity as answers show it. */
static const dg_json_t *
done_entry(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t *entity)
{
    dg_json_t           *shown;
    const dg_json_t     *row = dg_json_member(call->row, DG_SPAN("entry"));
    dg_sandbox_scope_t   scope = { .item = item, .entity = entity };

    if (row != NULL) {
        return dg_template_expand(call, row, &scope);
    }

    shown = entity ? dg_tree_copy(&call->tree, entity) : NULL;
    dg_broker_view(call, call->entity_def, shown);

    return shown;
}


/*
 * A batch: each item succeeds or fails alone.  The output's list whose name
 * begins with "Failed" or "Unsuccessful" takes the failures, the other one,
 * if any, the rest.
 */
static dg_err_t
batch(dg_sandbox_call_t *call, const dg_json_t *items, dg_sandbox_verb_pt act)
{
    size_t              i;
    dg_err_t            err;
    dg_json_t          *done, *failed;
    const dg_json_t    *item, *entity;
    const dg_member_t  *good = NULL, *bad = NULL, *m;

    done = dg_tree_array(&call->tree);
    failed = dg_tree_array(&call->tree);

    for (i = 0; i < call->operation->output->member_count; i++) {
        m = &call->operation->output->members[i];

        if (is_failures(m)) {
            bad = m;

        } else if (m->shape->type == DG_SHAPE_LIST) {
            good = m;
        }
    }

    for (item = items->first; item != NULL; item = item->next) {
        entity = NULL;
        call->fault = DG_FAULT_NONE;
        call->code = DG_SPAN_EMPTY;

        err = act(call, item, &entity);

        if (err != DG_OK && err != DG_ERR_INVALID) {
            return err;
        }

        if (err == DG_OK) {
            dg_tree_push(&call->tree, done, done_entry(call, item, entity));
            continue;
        }

        if (bad == NULL) {
            return err;
        }

        dg_tree_push(&call->tree, failed,
                     failed_entry(call, bad->shape->element->shape, item));
    }

    call->fault = DG_FAULT_NONE;

    if (good != NULL) {
        dg_tree_set(&call->tree, call->output, good->wire_name, done);
    }

    if (bad != NULL) {
        dg_tree_set(&call->tree, call->output, bad->wire_name, failed);
    }

    return DG_OK;
}


static dg_err_t
act_once(dg_sandbox_call_t *call)
{
    dg_err_t            err;
    dg_span_t           verb = verb_of(call);
    const dg_json_t    *items;
    dg_sandbox_verb_pt  act = act_of(verb);

    if (dg_span_equal(verb, DG_SPAN("list"))) {
        err = dg_verb_list(call);

    } else if (act == NULL) {
        err = DG_ERR_UNSUPPORTED;

    } else {
        items = dg_template_path(call->input,
                                 dg_sandbox_text(call->row, "each"));

        err = items != NULL && items->type == DG_JSON_ARRAY
              ? batch(call, items, act)
              : act(call, call->input, &call->entity);
    }

    if (err != DG_OK || call->operation->output == NULL) {
        return err;
    }

    output_row(call);
    complete(call);

    return call->tree.failed ? DG_ERR_MEMORY : DG_OK;
}


/* The store's key of a ClientToken; the empty span when there is none. */
static dg_span_t
token_key(dg_sandbox_call_t *call, const char *hash, size_t len)
{
    uint8_t      buffer[DG_SANDBOX_KEY_MAX];
    dg_writer_t  w = dg_writer(buffer, sizeof(buffer));

    dg_write_span(&w, call->data->service->name);
    dg_write_char(&w, '/');
    dg_write_span(&w, call->env->account);
    dg_write_char(&w, '/');
    dg_write_span(&w, call->env->region);
    dg_write_cstr(&w, "/$token/");

    if (len != 0) {
        dg_write_span(&w, call->operation->name);
        dg_write_char(&w, '/');
        dg_write(&w, hash, len);
    }

    return w.overflow ? DG_SPAN_EMPTY
                      : dg_arena_copy(call->tree.arena, dg_written(&w));
}


static bool
token_is_old(dg_sandbox_call_t *call, const dg_json_t *record)
{
    int64_t           since;
    const dg_json_t  *value = dg_json_member(record, DG_SPAN("since"));

    return value == NULL || dg_json_to_i64(value->text, &since) != DG_OK
           || call->env->now - since > RUN_TOKEN_LIFE;
}


/* Gives up a few tokens behind this one that have had their hour. */
static void
sweep_tokens(dg_sandbox_call_t *call, dg_span_t from)
{
    unsigned          n;
    dg_span_t         prefix = token_key(call, NULL, 0), key, value;
    const dg_json_t  *record;

    for (n = 0; n < RUN_TOKEN_SWEEP && from.data != NULL; n++) {

        if (!call->env->store->next(call->env->store_ctx, prefix, from, &key,
                                    &value)
            || dg_json_parse(call->tree.arena, value, NULL, NULL, &record)
               != DG_OK)
        {
            return;
        }

        from = dg_arena_copy(call->tree.arena, key);

        if (from.data != NULL && token_is_old(call, record)) {
            call->env->store->del(call->env->store_ctx, from);
        }
    }
}


/* A token seen before: the same answer, or a conflict. */
static dg_err_t
token_known(dg_sandbox_call_t *call, const dg_json_t *record, dg_span_t hash)
{
    const dg_json_t  *output = dg_json_member(record, DG_SPAN("output"));

    if (!dg_span_equal(dg_sandbox_text(record, "input"), hash)
        || output == NULL)
    {
        return dg_sandbox_fault(call, DG_FAULT_CONFLICT,
            "The ClientToken was used before with other parameters.");
    }

    call->output = dg_tree_copy(&call->tree, output);
    return call->output == NULL ? DG_ERR_MEMORY : DG_OK;
}


static dg_err_t
token_keep(dg_sandbox_call_t *call, dg_span_t key, dg_span_t hash)
{
    dg_json_t  *record = dg_tree_object(&call->tree);

    dg_tree_set_text(&call->tree, record, DG_SPAN("input"), hash);
    dg_tree_set(&call->tree, record, DG_SPAN("since"),
                dg_tree_number(&call->tree, call->env->now));
    dg_tree_set(&call->tree, record, DG_SPAN("output"), call->output);

    if (call->tree.failed) {
        return DG_ERR_MEMORY;
    }

    sweep_tokens(call, key);

    return call->env->store->put(call->env->store_ctx, key,
                                 dg_tree_text(&call->tree, record));
}


static dg_err_t
act_with_token(dg_sandbox_call_t *call, dg_span_t token)
{
    char              id[DG_SHA256_HEX_SIZE];
    char              input[DG_SHA256_HEX_SIZE] = { 0 };
    dg_err_t          err;
    dg_span_t         key, value, hash = dg_span(input, sizeof(input));
    const dg_json_t  *record;

    if (dg_sha256_hex(call->env->crypto, token, id) != DG_OK
        || dg_sha256_hex(call->env->crypto,
                         dg_tree_text(&call->tree, call->input), input)
           != DG_OK)
    {
        return DG_ERR_CRYPTO;
    }

    key = token_key(call, id, sizeof(id));
    if (key.data == NULL) {
        return DG_ERR_MEMORY;
    }

    if (call->env->store->get(call->env->store_ctx, key, &value)) {

        if (dg_json_parse(call->tree.arena, value, NULL, NULL, &record)
            != DG_OK)
        {
            return DG_ERR_MEMORY;
        }

        if (!token_is_old(call, record)) {
            return token_known(call, record, hash);
        }
    }

    err = act_once(call);

    return err == DG_OK ? token_keep(call, key, hash) : err;
}


dg_err_t
dg_sandbox_run(dg_sandbox_call_t *call)
{
    dg_err_t   err;
    dg_span_t  token;

    call->row = dg_json_member(call->data->operations, call->operation->name);
    call->output = dg_tree_object(&call->tree);

    if (call->output == NULL) {
        return DG_ERR_MEMORY;
    }

    if (call->row == NULL) {
        return DG_ERR_UNSUPPORTED;
    }

    err = dg_entity_seed(call);
    if (err != DG_OK) {
        return err;
    }

    token = dg_sandbox_text(call->input, "ClientToken");

    return token.len != 0 ? act_with_token(call, token) : act_once(call);
}
