/*
 * Loading and checking NAME.sandbox.json: see dg_sandbox.h.
 */

#include "dg_sandbox.h"

static const char *const  row_members[] = {
    "do", "entity", "each", "id", "needs", "from", "set", "unset",
    "unset_named", "unset_map", "rename", "omit", "copy", "move", "also",
    "add", "remove", "toggle", "unless", "absent", "present", "upsert",
    "filters", "list", "project", "view", "change", "parent", "match",
    "entry", "output", NULL
};

static const char *const  entity_members[] = {
    "key", "title", "missing", "state", "states", "defaults", "unique",
    "text", "seed", NULL
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
only_members(const dg_json_t *object, const char *const *known,
    dg_diag_t *diag)
{
    size_t            i;
    const dg_json_t  *m;

    if (object->type != DG_JSON_OBJECT) {
        return dg_diag(diag, DG_ERR_INVALID, object->line, object->column,
                       "\"%.*s\" must be an object", (int) object->key.len,
                       object->key.data);
    }

    for (m = object->first; m != NULL; m = m->next) {

        for (i = 0; known[i] != NULL; i++) {
            if (dg_span_equal(m->key, dg_span_cstr(known[i]))) {
                break;
            }
        }

        if (known[i] == NULL) {
            return dg_diag(diag, DG_ERR_INVALID, m->key_line, m->key_column,
                           "unknown member \"%.*s\"", (int) m->key.len,
                           m->key.data);
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

        err = only_members(def, entity_members, diag);
        if (err != DG_OK) {
            return err;
        }

        key = dg_json_member(def, DG_SPAN("key"));

        if (key == NULL || key->type != DG_JSON_ARRAY) {
            return dg_diag(diag, DG_ERR_INVALID, def->line, def->column,
                           "\"key\" must be the list of attributes that "
                           "identify the entity");
        }
    }

    return DG_OK;
}


static dg_err_t
check_row(const dg_sandbox_service_t *data, const dg_json_t *row,
    dg_diag_t *diag)
{
    dg_err_t   err;
    dg_span_t  entity = DG_SPAN_EMPTY;

    err = only_members(row, row_members, diag);
    if (err != DG_OK) {
        return err;
    }

    if (dg_model_operation(data->service, row->key) == NULL) {
        return dg_diag(diag, DG_ERR_INVALID, row->key_line, row->key_column,
                       "the model has no operation \"%.*s\"",
                       (int) row->key.len, row->key.data);
    }

    if (dg_json_string(row, DG_SPAN("entity"), &entity)
        && dg_json_member(data->entities, entity) == NULL)
    {
        return dg_diag(diag, DG_ERR_INVALID, row->line, row->column,
                       "there is no entity \"%.*s\"", (int) entity.len,
                       entity.data);
    }

    return DG_OK;
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
