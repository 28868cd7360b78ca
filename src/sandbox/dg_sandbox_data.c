/*
 * Loading and checking NAME.sandbox.json: see dg_sandbox.h.
 */

#include "dg_sandbox.h"

/* What a member of the data must be. */
typedef enum {
    IS_TEXT,
    IS_TEXTS,       /* a list of texts */
    IS_OBJECT,
    IS_ENTITIES,    /* an object whose texts name entities */
    IS_OF_ENTITIES, /* an object whose names are entities */
    IS_LIST,
    IS_FLAG
} kind_t;

typedef struct {
    const char  *name;
    kind_t       kind;
} rule_t;

static const rule_t  row_members[] = {
    { "do", IS_TEXT }, { "entity", IS_TEXT }, { "each", IS_TEXT },
    { "id", IS_OBJECT }, { "needs", IS_ENTITIES }, { "from", IS_TEXTS },
    { "set", IS_OBJECT }, { "unset", IS_TEXTS }, { "unset_named", IS_TEXT },
    { "unset_map", IS_OBJECT }, { "rename", IS_OBJECT },
    { "omit", IS_TEXTS }, { "copy", IS_OBJECT }, { "move", IS_FLAG },
    { "also", IS_LIST }, { "add", IS_OBJECT }, { "remove", IS_OBJECT },
    { "toggle", IS_OBJECT }, { "unless", IS_OF_ENTITIES },
    { "absent", IS_TEXTS }, { "present", IS_TEXTS }, { "upsert", IS_FLAG },
    { "filters", IS_OBJECT }, { "list", IS_TEXT }, { "project", IS_TEXT },
    { "view", IS_OBJECT }, { "change", IS_OBJECT }, { "parent", IS_ENTITIES },
    { "match", IS_TEXTS }, { "entry", IS_OBJECT }, { "output", IS_OBJECT },
    { NULL, IS_TEXT }
};

static const rule_t  entity_members[] = {
    { "key", IS_TEXTS }, { "title", IS_TEXT }, { "text", IS_TEXT },
    { "missing", IS_TEXT }, { "state", IS_TEXT }, { "states", IS_OBJECT },
    { "defaults", IS_OBJECT }, { "unique", IS_LIST }, { "seed", IS_LIST },
    { NULL, IS_TEXT }
};

/* What needs no entity: the rest acts on one. */
static const char *const  free_verbs[] = {
    "tag", "untag", "tags", "token", "none", NULL
};


const dg_member_t *
dg_sandbox_list_member(const dg_shape_t *output)
{
    size_t              i;
    const dg_member_t  *m;

    for (i = 0; output != NULL && i < output->member_count; i++) {
        m = &output->members[i];

        if (m->shape->type == DG_SHAPE_LIST) {
            return m;
        }
    }

    return NULL;
}


static dg_err_t
wrong(dg_diag_t *diag, const dg_json_t *value, const char *what)
{
    return dg_diag(diag, DG_ERR_INVALID, value->line, value->column,
                   "\"%.*s\" must be %s", (int) value->key.len,
                   value->key.data, what);
}


static bool
is_entity(const dg_sandbox_service_t *data, dg_span_t name)
{
    return dg_json_member(data->entities, name) != NULL;
}


static dg_err_t
check_texts(const dg_json_t *value, dg_diag_t *diag)
{
    const dg_json_t  *item;

    if (value->type != DG_JSON_ARRAY) {
        return wrong(diag, value, "a list of texts");
    }

    for (item = value->first; item != NULL; item = item->next) {
        if (item->type != DG_JSON_STRING) {
            return wrong(diag, value, "a list of texts");
        }
    }

    return DG_OK;
}


static dg_err_t
check_named(const dg_sandbox_service_t *data, const dg_json_t *value,
    bool by_key, dg_diag_t *diag)
{
    dg_span_t         name;
    const dg_json_t  *item;

    if (value->type != DG_JSON_OBJECT) {
        return wrong(diag, value, "an object");
    }

    for (item = value->first; item != NULL; item = item->next) {
        name = by_key ? item->key : item->text;

        if (item->type != DG_JSON_STRING || !is_entity(data, name)) {
            return dg_diag(diag, DG_ERR_INVALID, item->line, item->column,
                           "there is no entity \"%.*s\"", (int) name.len,
                           name.data);
        }
    }

    return DG_OK;
}


static dg_err_t
check_kind(const dg_sandbox_service_t *data, const dg_json_t *value,
    kind_t kind, dg_diag_t *diag)
{
    switch (kind) {

    case IS_TEXT:
        return value->type == DG_JSON_STRING ? DG_OK
                                             : wrong(diag, value, "a text");

    case IS_TEXTS:
        return check_texts(value, diag);

    case IS_OBJECT:
        return value->type == DG_JSON_OBJECT ? DG_OK
                                             : wrong(diag, value, "an object");

    case IS_ENTITIES:
        return check_named(data, value, false, diag);

    case IS_OF_ENTITIES:
        return check_named(data, value, true, diag);

    case IS_LIST:
        return value->type == DG_JSON_ARRAY ? DG_OK
                                            : wrong(diag, value, "a list");

    case IS_FLAG:
        break;
    }

    return value->type == DG_JSON_BOOL ? DG_OK
                                       : wrong(diag, value, "true or false");
}


static dg_err_t
only_members(const dg_sandbox_service_t *data, const dg_json_t *object,
    const rule_t *rule, dg_diag_t *diag)
{
    dg_err_t          err;
    const rule_t     *r;
    const dg_json_t  *m;

    if (object->type != DG_JSON_OBJECT) {
        return wrong(diag, object, "an object");
    }

    for (m = object->first; m != NULL; m = m->next) {

        for (r = rule; r->name != NULL; r++) {
            if (dg_span_equal(m->key, dg_span_cstr(r->name))) {
                break;
            }
        }

        if (r->name == NULL) {
            return dg_diag(diag, DG_ERR_INVALID, m->key_line, m->key_column,
                           "unknown member \"%.*s\"", (int) m->key.len,
                           m->key.data);
        }

        err = check_kind(data, m, r->kind, diag);
        if (err != DG_OK) {
            return err;
        }
    }

    return DG_OK;
}


static dg_err_t
check_entities(const dg_sandbox_service_t *data, dg_diag_t *diag)
{
    dg_err_t          err;
    const dg_json_t  *def, *key;

    for (def = data->entities->first; def != NULL; def = def->next) {

        err = only_members(data, def, entity_members, diag);
        if (err != DG_OK) {
            return err;
        }

        key = dg_json_member(def, DG_SPAN("key"));

        if (key == NULL) {
            return dg_diag(diag, DG_ERR_INVALID, def->line, def->column,
                           "\"key\" must be the list of attributes that "
                           "identify the entity");
        }
    }

    return DG_OK;
}


/* "also": [{"entity": NAME, "set": {...}}] */
static dg_err_t
check_also(const dg_sandbox_service_t *data, const dg_json_t *row,
    dg_diag_t *diag)
{
    const dg_json_t  *item = dg_json_member(row, DG_SPAN("also")), *set;

    for (item = item ? item->first : NULL; item != NULL; item = item->next) {
        set = dg_json_member(item, DG_SPAN("set"));

        if (!is_entity(data, dg_sandbox_text(item, "entity")) || set == NULL
            || set->type != DG_JSON_OBJECT)
        {
            return dg_diag(diag, DG_ERR_INVALID, item->line, item->column,
                           "an item of \"also\" has an \"entity\" that is "
                           "there and an object \"set\"");
        }
    }

    return DG_OK;
}


/* What the verbs take for granted. */
static dg_err_t
check_verb(const dg_sandbox_service_t *data, const dg_json_t *row,
    const dg_operation_t *operation, dg_diag_t *diag)
{
    size_t     i;
    bool       is_free = false;
    dg_span_t  verb = dg_sandbox_text(row, "do");

    for (i = 0; free_verbs[i] != NULL; i++) {
        is_free = is_free || dg_span_equal(verb, dg_span_cstr(free_verbs[i]));
    }

    if (!is_free && !is_entity(data, dg_sandbox_text(row, "entity"))) {
        return dg_diag(diag, DG_ERR_INVALID, row->line, row->column,
                       "\"entity\" must name an entity");
    }

    if ((dg_json_member(row, DG_SPAN("each")) != NULL
         && operation->output == NULL)
        || (is_free && verb.data[0] == 't' && operation->input == NULL))
    {
        return dg_diag(diag, DG_ERR_INVALID, row->line, row->column,
                       "the operation has no input or output for that");
    }

    return DG_OK;
}


static dg_err_t
check_row(const dg_sandbox_service_t *data, const dg_json_t *row,
    dg_diag_t *diag)
{
    dg_err_t               err;
    const dg_operation_t  *operation;

    err = only_members(data, row, row_members, diag);
    if (err != DG_OK) {
        return err;
    }

    operation = dg_model_operation(data->service, row->key);

    if (operation == NULL) {
        return dg_diag(diag, DG_ERR_INVALID, row->key_line, row->key_column,
                       "the model has no operation \"%.*s\"",
                       (int) row->key.len, row->key.data);
    }

    err = check_also(data, row, diag);

    return err == DG_OK ? check_verb(data, row, operation, diag) : err;
}


static dg_err_t
check_operations(const dg_sandbox_service_t *data, dg_diag_t *diag)
{
    size_t                  i;
    dg_err_t                err;
    const dg_json_t        *row;
    const dg_operation_t   *operation;

    for (row = data->operations->first; row != NULL; row = row->next) {
        err = check_row(data, row, diag);
        if (err != DG_OK) {
            return err;
        }
    }

    for (i = 0; i < data->service->operation_count; i++) {
        operation = &data->service->operations[i];

        if (dg_json_member(data->operations, operation->name) == NULL) {
            return dg_diag(diag, DG_ERR_MISSING, data->operations->line,
                           data->operations->column,
                           "the operation \"%.*s\" of the model has no row",
                           (int) operation->name.len, operation->name.data);
        }
    }

    return DG_OK;
}


dg_err_t
dg_sandbox_load(dg_arena_t *arena, const dg_service_t *service,
    dg_span_t text, dg_diag_t *diag, dg_sandbox_service_t *out)
{
    dg_err_t  err;

    *out = (dg_sandbox_service_t) { .service = service };

    err = dg_json_parse(arena, text, NULL, diag, &out->root);
    if (err != DG_OK) {
        return err;
    }

    out->entities = dg_json_member(out->root, DG_SPAN("entities"));
    out->operations = dg_json_member(out->root, DG_SPAN("operations"));

    if (out->entities == NULL || out->entities->type != DG_JSON_OBJECT
        || out->operations == NULL
        || out->operations->type != DG_JSON_OBJECT)
    {
        return dg_diag(diag, DG_ERR_INVALID, 1, 1,
                       "the objects \"entities\" and \"operations\" are "
                       "required");
    }

    err = check_entities(out, diag);

    return err == DG_OK ? check_operations(out, diag) : err;
}
