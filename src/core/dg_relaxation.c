/*
 * Relaxations: see dg_relaxation.h.
 */

#include "dg_relaxation.h"

#include "dg_near.h"

/* a span for "%.*s" */
#define SHOW(s)  (int) ((s).len < 96 ? (s).len : 96), (const char *) (s).data


static dg_err_t
no_such(dg_diag_t *diag, const char *what, dg_span_t wrong,
    const dg_near_t *near)
{
    if (near->best.len == 0) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0, "no %s is named \"%.*s\"",
                       what, SHOW(wrong));
    }

    return dg_diag(diag, DG_ERR_INVALID, 0, 0, "no %s is named \"%.*s\"; did "
                   "you mean \"%.*s\"?", what, SHOW(wrong),
                   SHOW(near->best));
}


static dg_err_t
find_service(dg_relaxation_t *out, dg_span_t name,
    const dg_service_t *const *services, size_t count, dg_diag_t *diag)
{
    dg_near_t  near = dg_near(name);

    for (size_t i = 0; i < count; i++) {
        if (dg_span_equal(services[i]->name, name)) {
            out->service = services[i];
            return DG_OK;
        }

        dg_near_try(&near, services[i]->name);
    }

    return no_such(diag, "service", name, &near);
}


static dg_err_t
find_operation(dg_relaxation_t *out, dg_span_t name, dg_diag_t *diag)
{
    dg_near_t  near = dg_near(name);

    out->operation = dg_model_operation(out->service, name);

    if (out->operation != NULL) {
        return DG_OK;
    }

    for (size_t i = 0; i < out->service->operation_count; i++) {
        dg_near_try(&near, out->service->operations[i].name);
    }

    return no_such(diag, "operation", name, &near);
}


/* The nearest member; empty when none is near or shape has no members. */
static dg_near_t
near_member(const dg_shape_t *shape, dg_span_t name)
{
    dg_near_t  near = dg_near(name);

    for (size_t i = 0; i < shape->member_count; i++) {
        dg_near_try(&near, shape->members[i].wire_name);
    }

    return near;
}


/* Lists stand for their items. */
static const dg_shape_t *
item_shape(const dg_shape_t *shape)
{
    while (shape->type == DG_SHAPE_LIST) {
        shape = shape->element->shape;
    }

    return shape;
}


/* One part on the way to the last: *shape becomes what it is. */
static dg_err_t
step_down(const dg_shape_t **shape, dg_span_t name, dg_diag_t *diag)
{
    const dg_member_t  *m;
    dg_near_t           near;

    if ((*shape)->type == DG_SHAPE_MAP) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0, "the names inside a map "
                       "are the caller's: write \"*\" in place of \"%.*s\" "
                       "and what follows", SHOW(name));
    }

    m = dg_model_member(*shape, name);

    if (m == NULL) {
        near = near_member(*shape, name);
        return no_such(diag, "member", name, &near);
    }

    *shape = item_shape(m->shape);

    if ((*shape)->type > DG_SHAPE_MAP) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0, "\"%.*s\" has no members",
                       SHOW(name));
    }

    return DG_OK;
}


/* A member that the model has: only its values can be new. */
static dg_err_t
check_known(const dg_member_t *m, dg_span_t name, dg_diag_t *diag)
{
    const dg_shape_t  *shape = item_shape(m->shape);

    if (shape->type <= DG_SHAPE_MAP) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0, "\"%.*s\" is known: add "
                       "\"/*\" for what is new inside", SHOW(name));
    }

    if (shape->value_count == 0) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0, "\"%.*s\" is known and "
                       "has no list of values that could be longer",
                       SHOW(name));
    }

    return DG_OK;
}


static dg_err_t
check_last(const dg_shape_t *shape, dg_span_t name, dg_diag_t *diag)
{
    const dg_member_t  *m;
    dg_near_t           near;

    if (shape->type == DG_SHAPE_MAP) {
        return step_down(&shape, name, diag);
    }

    m = dg_model_member(shape, name);
    if (m != NULL) {
        return check_known(m, name, diag);
    }

    m = dg_model_alias(shape, name);
    if (m != NULL) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0, "\"%.*s\" is another name "
                       "of \"%.*s\"", SHOW(name), SHOW(m->wire_name));
    }

    near = near_member(shape, name);

    if (near.best.len != 0) {
        (void) dg_diag(diag, DG_OK, 0, 0, "\"%.*s\" is let through as a new "
                       "member; the model has \"%.*s\"", SHOW(name),
                       SHOW(near.best));
    }

    return DG_OK;
}


/* Everything behind OPERATION/ but a closing "*". */
static dg_err_t
read_path(dg_relaxation_t *out, dg_span_t path, dg_diag_t *diag)
{
    static const dg_shape_t  nothing = { .type = DG_SHAPE_STRUCTURE };

    const dg_shape_t  *shape = out->operation->input;
    dg_span_t          rest = path, part;
    dg_err_t           err = DG_OK;

    if (shape == NULL) {
        shape = &nothing;
    }

    while (err == DG_OK && dg_span_split(&rest, '/', &part)) {
        if (part.len == 0 || dg_span_find(part, '*') != part.len) {
            return dg_diag(diag, DG_ERR_SYNTAX, 0, 0, "a path is names joined "
                           "by \"/\"; \"*\" only stands alone at the end");
        }

        err = rest.len != 0 || out->is_tree
              ? step_down(&shape, part, diag)
              : check_last(shape, part, diag);
    }

    out->path = path;
    return err;
}


dg_err_t
dg_relaxation_parse(dg_span_t text, const dg_service_t *const *services,
    size_t service_count, dg_relaxation_t *out, dg_diag_t *diag)
{
    size_t     colon = dg_span_find(text, ':'), slash;
    dg_span_t  rest;
    dg_err_t   err;

    *out = (dg_relaxation_t) { .path = DG_SPAN_EMPTY };
    (void) dg_diag(diag, DG_OK, 0, 0, "%s", "");

    rest = dg_span_slice(text, colon + 1, text.len);
    slash = dg_span_find(rest, '/');
    out->is_tree = dg_span_equal(rest, DG_SPAN("*"))
                   || dg_span_ends_with(rest, DG_SPAN("/*"));

    if (rest.len == 0 || (slash + 1 >= rest.len && !out->is_tree)) {
        return dg_diag(diag, DG_ERR_SYNTAX, 0, 0, "write SERVICE:*, "
                       "SERVICE:OPERATION/* or SERVICE:OPERATION/MEMBER");
    }

    err = find_service(out, dg_span_slice(text, 0, colon), services,
                       service_count, diag);

    if (err != DG_OK || rest.len == 1) {
        return err;
    }

    err = find_operation(out, dg_span_slice(rest, 0, slash), diag);
    if (err != DG_OK) {
        return err;
    }

    rest = dg_span_slice(rest, slash + 1, rest.len);

    if (out->is_tree && rest.len == 1) {
        return DG_OK;
    }

    return read_path(out, dg_span_slice(rest, 0, rest.len
                                                 - (out->is_tree ? 2 : 0)),
                     diag);
}


bool
dg_relaxation_covers(const dg_relaxation_t *relaxation,
    const dg_operation_t *operation, dg_span_t path)
{
    dg_span_t  base = relaxation->path;

    if (relaxation->service != operation->service
        || (relaxation->operation != NULL
            && relaxation->operation != operation))
    {
        return false;
    }

    if (!relaxation->is_tree) {
        return dg_span_equal(path, base);
    }

    return base.len == 0
           || (path.len > base.len && path.data[base.len] == '/'
               && dg_span_starts_with(path, base));
}
