/*
 * The shapes of a model: types, members, constraints.
 *
 * Shapes are sorted by name first, so that references resolve by bisection
 * whatever the order in the text, recursion included.
 */

#include "dg_model_build.h"

#include <stdlib.h>


/*
 * Members whose value is a secret whatever the model says, by the end of
 * their name without case.  Page tokens and idempotency tokens are none.
 */
static const char *const  secret_names[] = {
    "password", "passcode", "secretkey", "secretaccesskey", "privatekey",
    "clientsecret", "client_secret", "secretstring", "connectiontoken",
    "sessiontoken", "authtoken", "accesstoken", "access_token",
    "refreshtoken", "refresh_token", "idtoken", "id_token", "bearertoken",
    "userdata"
};


static bool
is_secret_name(dg_span_t name)
{
    dg_span_t  end, secret;
    size_t     i;

    for (i = 0; i < sizeof(secret_names) / sizeof(secret_names[0]); i++) {
        secret = dg_span_cstr(secret_names[i]);

        if (name.len >= secret.len) {
            end = dg_span_slice(name, name.len - secret.len, name.len);

            if (dg_span_equal_nocase(end, secret)) {
                return true;
            }
        }
    }

    return false;
}


static dg_err_t
shape_type(dg_model_build_t *b, const dg_json_t *node, dg_shape_type_t *type)
{
    static const struct {
        const char       *name;
        dg_shape_type_t   type;
    } types[] = {
        { "structure", DG_SHAPE_STRUCTURE }, { "list", DG_SHAPE_LIST },
        { "map", DG_SHAPE_MAP }, { "string", DG_SHAPE_STRING },
        { "character", DG_SHAPE_STRING }, { "integer", DG_SHAPE_INTEGER },
        { "short", DG_SHAPE_INTEGER }, { "byte", DG_SHAPE_INTEGER },
        { "long", DG_SHAPE_LONG }, { "bigInteger", DG_SHAPE_DOUBLE },
        { "bigDecimal", DG_SHAPE_DOUBLE }, { "float", DG_SHAPE_FLOAT },
        { "double", DG_SHAPE_DOUBLE }, { "boolean", DG_SHAPE_BOOLEAN },
        { "timestamp", DG_SHAPE_TIMESTAMP }, { "blob", DG_SHAPE_BLOB }
    };
    dg_span_t  name = DG_SPAN_EMPTY;
    size_t     i;

    (void) dg_json_string(node, DG_SPAN("type"), &name);

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (dg_span_equal(name, dg_span_cstr(types[i].name))) {
            *type = types[i].type;

            if (*type == DG_SHAPE_STRUCTURE
                && dg_model_flag(node, "document"))
            {
                *type = DG_SHAPE_DOCUMENT;
            }

            return DG_OK;
        }
    }

    return DG_MODEL_FAIL(b, DG_ERR_INVALID, node,
                         "shape \"%.*s\" has the unknown type \"%.*s\"",
                         DG_MODEL_NAME(node->key), DG_MODEL_NAME(name));
}


static int
compare_spans(const void *a, const void *b)
{
    return dg_span_compare(*(const dg_span_t *) a, *(const dg_span_t *) b);
}


static dg_err_t
read_values(dg_model_build_t *b, const dg_json_t *node, dg_shape_t *shape)
{
    const dg_json_t  *list = dg_json_member(node, DG_SPAN("enum"));
    dg_err_t          err;

    err = dg_model_texts(b, list, &shape->values, &shape->value_count);

    if (err == DG_OK && shape->value_count > 1) {
        qsort((void *) (uintptr_t) shape->values, shape->value_count,
              sizeof(dg_span_t), compare_spans);
    }

    return err;
}


static dg_err_t
read_error(dg_model_build_t *b, const dg_json_t *node, dg_shape_t *shape)
{
    const dg_json_t  *error = dg_json_member(node, DG_SPAN("error"));
    double            status;

    shape->is_error = dg_model_flag(node, "exception") || error != NULL;
    shape->is_fault = dg_model_flag(node, "fault")
                      || dg_model_flag(error, "fault");
    shape->error_code = shape->name;

    if (dg_model_number(error, "httpStatusCode", &status)
        && status >= 100 && status <= 599)
    {
        shape->error_status = (unsigned) status;
    }

    return dg_model_text(b, error, "code", &shape->error_code);
}


static dg_err_t
resolve(dg_model_build_t *b, const dg_json_t *reference,
    const dg_shape_t **shape)
{
    dg_span_t  name = DG_SPAN_EMPTY;

    (void) dg_json_string(reference, DG_SPAN("shape"), &name);
    *shape = dg_model_shape(b->service, name);

    if (*shape == NULL) {
        return DG_MODEL_FAIL(b, DG_ERR_INVALID, reference,
                             "\"%.*s\" refers to a shape \"%.*s\" that is "
                             "not there", DG_MODEL_NAME(reference->key),
                             DG_MODEL_NAME(name));
    }

    return DG_OK;
}


static dg_err_t
read_location(dg_model_build_t *b, const dg_json_t *node, dg_member_t *m)
{
    static const struct {
        const char     *name;
        dg_location_t   location;
    } locations[] = {
        { "uri", DG_LOCATION_URI }, { "querystring", DG_LOCATION_QUERY },
        { "header", DG_LOCATION_HEADER }, { "headers", DG_LOCATION_HEADERS },
        { "statusCode", DG_LOCATION_STATUS }
    };
    dg_span_t  text;
    size_t     i;

    if (b->service->protocol != DG_PROTOCOL_REST_JSON
        && b->service->protocol != DG_PROTOCOL_BROKER)
    {
        return DG_OK;
    }

    if (dg_json_string(node, DG_SPAN("location"), &text)) {
        for (i = 0; i < sizeof(locations) / sizeof(locations[0]); i++) {
            if (dg_span_equal(text, dg_span_cstr(locations[i].name))) {
                m->location = locations[i].location;
            }
        }
    }

    return DG_OK;
}


/*
 * The name as CloudTrail writes it, in lower camel case, quoted and with its
 * colon: what a record needs at every call is made once.
 */
static dg_err_t
make_record_name(dg_model_build_t *b, dg_member_t *m)
{
    size_t       room = 6 * m->name.len + 3;
    uint8_t     *buffer = dg_arena_alloc(b->scratch, room);
    dg_writer_t  w;

    if (buffer == NULL) {
        return DG_ERR_MEMORY;
    }

    w = dg_writer(buffer, room);
    dg_json_write_string(&w, m->name);
    dg_write_char(&w, ':');

    if (buffer[1] >= 'A' && buffer[1] <= 'Z') {
        buffer[1] = (uint8_t) (buffer[1] + 32);
    }

    m->record_name = dg_arena_copy(b->arena, dg_written(&w));
    return m->record_name.data ? DG_OK : DG_ERR_MEMORY;
}


/* What model and overlay say of a member beyond its shape. */
static dg_err_t
read_member(dg_model_build_t *b, const dg_json_t *node,
    const dg_json_t *overlay, dg_member_t *m)
{
    dg_err_t  err;

    m->name = dg_arena_copy(b->arena, node->key);
    if (m->name.data == NULL) {
        return DG_ERR_MEMORY;
    }

    m->wire_name = m->name;

    if ((err = resolve(b, node, &m->shape)) != DG_OK
        || (err = read_location(b, node, m)) != DG_OK
        || (err = dg_model_text(b, node, "locationName", &m->wire_name))
           != DG_OK
        || (err = make_record_name(b, m)) != DG_OK)
    {
        return err;
    }

    m->is_file = dg_model_flag(overlay, "file");
    m->is_requirements = dg_model_flag(overlay, "requirements");
    m->is_permissions = dg_model_flag(overlay, "permissions");
    m->sensitive = dg_model_flag(node, "sensitive") || m->shape->sensitive
                   || dg_model_flag(overlay, "sensitive") || m->is_file
                   || is_secret_name(m->name);
    m->idempotency_token = dg_model_flag(node, "idempotencyToken")
                           || dg_model_flag(overlay, "idempotencyToken");

    return dg_model_texts(b, dg_json_member(overlay, DG_SPAN("aliases")),
                          &m->aliases, &m->alias_count);
}


/* The one item of a list, or key or value of a map. */
static dg_err_t
read_item(dg_model_build_t *b, const dg_json_t *shape, const char *which,
    dg_member_t **out)
{
    const dg_json_t  *node = dg_json_member(shape, dg_span_cstr(which));

    if (node == NULL) {
        return DG_MODEL_FAIL(b, DG_ERR_INVALID, shape,
                             "shape \"%.*s\" has no \"%s\"",
                             DG_MODEL_NAME(shape->key), which);
    }

    *out = dg_arena_calloc(b->arena, 1, sizeof(dg_member_t));
    return *out ? read_member(b, node, NULL, *out) : DG_ERR_MEMORY;
}


static int
compare_members(const void *a, const void *b)
{
    return dg_span_compare(((const dg_member_t *) a)->wire_name,
                           ((const dg_member_t *) b)->wire_name);
}


static dg_member_t *
member_by_name(const dg_shape_t *shape, dg_span_t name)
{
    size_t  i;

    for (i = 0; i < shape->member_count; i++) {
        if (dg_span_equal(shape->members[i].name, name)) {
            return &shape->members[i];
        }
    }

    return NULL;
}


static dg_err_t
read_required(dg_model_build_t *b, const dg_json_t *node, dg_shape_t *shape)
{
    const dg_json_t  *item, *list;
    dg_member_t      *member;

    list = dg_json_member(node, DG_SPAN("required"));
    if (list == NULL || list->type != DG_JSON_ARRAY) {
        return DG_OK;
    }

    for (item = list->first; item != NULL; item = item->next) {
        member = member_by_name(shape, item->text);

        if (member == NULL) {
            return DG_MODEL_FAIL(b, DG_ERR_INVALID, item,
                                 "shape \"%.*s\" requires \"%.*s\", which is "
                                 "none of its members",
                                 DG_MODEL_NAME(node->key),
                                 DG_MODEL_NAME(item->text));
        }

        shape->required_count += !member->required;
        member->required = true;
    }

    return DG_OK;
}


/* An alias is another name of a member; a member of that name goes. */
static bool
is_alias(const dg_json_t *overlay, dg_span_t name)
{
    const dg_json_t  *member, *list, *alias;

    if (overlay == NULL) {
        return false;
    }

    for (member = overlay->first; member != NULL; member = member->next) {
        list = dg_json_member(member, DG_SPAN("aliases"));

        for (alias = list ? list->first : NULL; alias != NULL;
             alias = alias->next)
        {
            if (dg_span_equal(alias->text, name)) {
                return true;
            }
        }
    }

    return false;
}


static dg_err_t
check_overlay_members(dg_model_build_t *b, const dg_json_t *overlay,
    const dg_shape_t *shape)
{
    const dg_json_t  *n;

    for (n = overlay ? overlay->first : NULL; n != NULL; n = n->next) {
        if (member_by_name(shape, n->key) == NULL) {
            return DG_MODEL_FAIL(b, DG_ERR_INVALID, n,
                                 "overlay: shape \"%.*s\" has no member "
                                 "\"%.*s\"", DG_MODEL_NAME(shape->name),
                                 DG_MODEL_NAME(n->key));
        }
    }

    return DG_OK;
}


static dg_err_t
sort_members(dg_model_build_t *b, const dg_json_t *node, dg_shape_t *shape)
{
    size_t  i;

    qsort(shape->members, shape->member_count, sizeof(dg_member_t),
          compare_members);

    for (i = 1; i < shape->member_count; i++) {
        const dg_member_t  *m = &shape->members[i];

        /* a header and a body member may well have one name */
        if (dg_span_equal(m->wire_name, m[-1].wire_name)
            && m->location == m[-1].location)
        {
            return DG_MODEL_FAIL(b, DG_ERR_INVALID, node,
                                 "shape \"%.*s\" has two members named "
                                 "\"%.*s\"", DG_MODEL_NAME(node->key),
                                 DG_MODEL_NAME(m->wire_name));
        }
    }

    return DG_OK;
}


static dg_err_t
make_slots(dg_model_build_t *b, const dg_json_t *node, dg_shape_t *shape)
{
    size_t  i, at, slots = 4;

    if (shape->member_count > DG_MODEL_MEMBERS_MAX) {
        return DG_MODEL_FAIL(b, DG_ERR_LIMIT, node,
                             "shape \"%.*s\" has more than %d members",
                             DG_MODEL_NAME(node->key), DG_MODEL_MEMBERS_MAX);
    }

    while (slots < 2 * shape->member_count) {
        slots *= 2;
    }

    shape->slots = dg_arena_calloc(b->arena, slots, sizeof(*shape->slots));
    if (shape->slots == NULL) {
        return DG_ERR_MEMORY;
    }

    shape->slot_mask = slots - 1;

    for (i = 0; i < shape->member_count; i++) {
        at = dg_model_hash(shape->members[i].wire_name) & shape->slot_mask;

        while (shape->slots[at] != 0) {
            at = (at + 1) & shape->slot_mask;
        }

        shape->slots[at] = (uint16_t) (i + 1);
    }

    return DG_OK;
}


static dg_err_t
read_structure(dg_model_build_t *b, const dg_json_t *node, dg_shape_t *shape)
{
    const dg_json_t  *members, *n, *overlay;
    dg_err_t          err;

    members = dg_json_member(node, DG_SPAN("members"));
    if (members == NULL || members->type != DG_JSON_OBJECT) {
        return DG_OK;
    }

    overlay = dg_json_member(dg_json_member(b->overlay, DG_SPAN("members")),
                             node->key);
    shape->members = dg_arena_calloc(b->arena, members->count + 1,
                                     sizeof(dg_member_t));
    if (shape->members == NULL) {
        return DG_ERR_MEMORY;
    }

    for (n = members->first; n != NULL; n = n->next) {
        if (is_alias(overlay, n->key)) {
            continue;
        }

        err = read_member(b, n, dg_json_member(overlay, n->key),
                          &shape->members[shape->member_count++]);
        if (err != DG_OK) {
            return err;
        }
    }

    if ((err = check_overlay_members(b, overlay, shape)) != DG_OK
        || (err = sort_members(b, node, shape)) != DG_OK
        || (err = make_slots(b, node, shape)) != DG_OK)
    {
        return err;
    }

    return read_required(b, node, shape);
}


/* Everything that refers to no other shape. */
static dg_err_t
read_shape(dg_model_build_t *b, const dg_json_t *node, dg_shape_t *shape)
{
    dg_err_t  err;

    if ((err = shape_type(b, node, &shape->type)) != DG_OK
        || (err = dg_model_text(b, node, "pattern", &shape->pattern_text))
           != DG_OK
        || (err = dg_model_text(b, node, "timestampFormat",
                                &shape->timestamp_format)) != DG_OK
        || (err = read_values(b, node, shape)) != DG_OK
        || (err = read_error(b, node, shape)) != DG_OK)
    {
        return err;
    }

    shape->sensitive = dg_model_flag(node, "sensitive");
    shape->is_union = dg_model_flag(node, "union");
    shape->is_sparse = dg_model_flag(node, "sparse");
    shape->has_min = dg_model_number(node, "min", &shape->min);
    shape->has_max = dg_model_number(node, "max", &shape->max);

    return shape->type == DG_SHAPE_STRING
           ? dg_model_build_pattern(b, shape) : DG_OK;
}


static dg_err_t
link_shape(dg_model_build_t *b, const dg_json_t *node, dg_shape_t *shape)
{
    dg_err_t  err;

    switch (shape->type) {

    case DG_SHAPE_STRUCTURE:
        return read_structure(b, node, shape);

    case DG_SHAPE_LIST:
        return read_item(b, node, "member", &shape->element);

    case DG_SHAPE_MAP:
        err = read_item(b, node, "key", &shape->map_key);
        return err ? err : read_item(b, node, "value", &shape->element);

    default:
        return DG_OK;
    }
}


static dg_err_t
check_overlay_shapes(dg_model_build_t *b)
{
    const dg_json_t  *n = dg_json_member(b->overlay, DG_SPAN("members"));

    for (n = n ? n->first : NULL; n != NULL; n = n->next) {
        if (dg_model_shape(b->service, n->key) == NULL) {
            return DG_MODEL_FAIL(b, DG_ERR_INVALID, n,
                                 "overlay: there is no shape \"%.*s\"",
                                 DG_MODEL_NAME(n->key));
        }
    }

    return DG_OK;
}


dg_err_t
dg_model_build_shapes(dg_model_build_t *b)
{
    dg_service_t  *s = b->service;
    size_t         i, count;
    dg_err_t       err;

    err = dg_model_merge(b, "shapes", &b->shapes, &count);
    if (err != DG_OK) {
        return err;
    }

    s->shapes = dg_arena_calloc(b->arena, count + 1, sizeof(dg_shape_t));
    if (s->shapes == NULL) {
        return DG_ERR_MEMORY;
    }

    for (i = 0; i < count; i++) {
        s->shapes[i].name = dg_arena_copy(b->arena, b->shapes[i]->key);
        if (s->shapes[i].name.data == NULL) {
            return DG_ERR_MEMORY;
        }
    }

    s->shape_count = count;

    for (i = 0; i < count; i++) {
        err = read_shape(b, b->shapes[i], &s->shapes[i]);
        if (err != DG_OK) {
            return err;
        }
    }

    for (i = 0; i < count; i++) {
        err = link_shape(b, b->shapes[i], &s->shapes[i]);
        if (err != DG_OK) {
            return err;
        }
    }

    return check_overlay_shapes(b);
}
