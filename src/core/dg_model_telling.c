/*
 * What an overlay says of facts of resources: which operation's answers tell
 * them, and what callers write that may be wrong.
 *
 *     "tells": {
 *         "types": ["session"], "items": "Sessions", "id": "Id",
 *         "lookup": "SessionIds", "max": 100,
 *         "facts": {"dcv:Owner": "Owner", "dcv:ServerTag/": "Server.Tags"}
 *     }
 *     "asserts": {"Owner": "dcv:Owner"}
 */

#include "dg_condition_key.h"
#include "dg_model_build.h"

#define LOOKUP_MAX  1000  /* ids of one call */


static const dg_shape_t *
target_of(const dg_shape_t *shape, dg_span_t path)
{
    return dg_model_path(shape, path)->shape;
}


/* A path from `shape`, "" when it is not said. */
static dg_err_t
read_member(dg_model_build_t *b, const dg_shape_t *shape,
    const dg_json_t *node, const char *name, dg_span_t *out)
{
    const dg_json_t  *member = dg_json_member(node, dg_span_cstr(name));

    return member ? dg_model_build_path(b, shape, member, out) : DG_OK;
}


static dg_err_t
read_types(dg_model_build_t *b, const dg_json_t *node, dg_telling_t *t)
{
    dg_err_t  err;

    err = dg_model_texts(b, dg_json_member(node, DG_SPAN("types")), &t->types,
                         &t->type_count);
    if (err != DG_OK) {
        return err;
    }

    for (size_t i = 0; i < t->type_count; i++) {
        if (dg_json_member(dg_json_member(b->overlay,
                                          DG_SPAN("resourceTypes")),
                           t->types[i])
            == NULL)
        {
            return DG_MODEL_FAIL(b, DG_ERR_INVALID, node,
                                 "overlay: \"%.*s\" is no resource type",
                                 DG_MODEL_NAME(t->types[i]));
        }
    }

    return DG_OK;
}


static bool
is_tag_list(const dg_shape_t *shape)
{
    const dg_shape_t  *item = shape->element ? shape->element->shape : NULL;

    return shape->type == DG_SHAPE_LIST && item != NULL
           && item->type == DG_SHAPE_STRUCTURE
           && dg_model_member(item, DG_SPAN("Key")) != NULL
           && dg_model_member(item, DG_SPAN("Value")) != NULL;
}


static dg_err_t
read_fact(dg_model_build_t *b, const dg_shape_t *item, const dg_json_t *node,
    dg_told_fact_t *fact)
{
    dg_err_t                   err;
    dg_span_t                  rest;
    const dg_shape_t          *shape;
    const dg_condition_key_t  *key;

    err = dg_model_build_path(b, item, node, &fact->member);
    if (err != DG_OK) {
        return err;
    }

    fact->key = dg_arena_copy(b->arena, node->key);
    if (fact->key.data == NULL) {
        return DG_ERR_MEMORY;
    }

    fact->is_tags = dg_span_ends_with(fact->key, DG_SPAN("/"));
    shape = target_of(item, fact->member);

    for (size_t i = 0; (key = dg_condition_key_at(i)) != NULL; i++) {
        rest = dg_span_cstr(key->name);

        if (dg_span_equal(rest, fact->key)
            && key->wants == DG_KEY_WANTS_RESOURCE
            && (fact->is_tags ? is_tag_list(shape)
                              : shape->type == DG_SHAPE_STRING))
        {
            return DG_OK;
        }
    }

    return DG_MODEL_FAIL(b, DG_ERR_INVALID, node,
                         "overlay: \"%.*s\" is no key that its member can "
                         "tell", DG_MODEL_NAME(node->key));
}


static dg_err_t
read_facts(dg_model_build_t *b, const dg_shape_t *item,
    const dg_json_t *node, dg_telling_t *t)
{
    const dg_json_t  *list = dg_json_member(node, DG_SPAN("facts"));
    const dg_json_t  *n;
    dg_told_fact_t   *facts;
    dg_err_t          err;

    if (list == NULL || list->type != DG_JSON_OBJECT || list->count == 0) {
        return DG_MODEL_FAIL(b, DG_ERR_INVALID, node,
                             "overlay: \"tells\" has no \"facts\"");
    }

    facts = dg_arena_calloc(b->arena, list->count, sizeof(*facts));
    if (facts == NULL) {
        return DG_ERR_MEMORY;
    }

    t->facts = facts;

    for (n = list->first; n != NULL; n = n->next) {
        err = read_fact(b, item, n, &facts[t->fact_count++]);
        if (err != DG_OK) {
            return err;
        }
    }

    return DG_OK;
}


static dg_err_t
read_lookup(dg_model_build_t *b, const dg_operation_t *o,
    const dg_json_t *node, dg_telling_t *t)
{
    double             max;
    dg_err_t           err;
    const dg_shape_t  *shape;

    err = read_member(b, o->input, node, "lookup", &t->lookup);

    if (err == DG_OK) {
        err = dg_model_text(b, node, "missing", &t->missing);
    }

    if (err != DG_OK || t->lookup.len == 0) {
        return err;
    }

    if (!dg_span_equal(o->method, DG_SPAN("POST"))
        || dg_span_find(o->uri, '{') != o->uri.len)
    {
        return DG_MODEL_FAIL(b, DG_ERR_INVALID, node,
                             "overlay: a lookup is a POST of a fixed path");
    }

    shape = target_of(o->input, t->lookup);
    t->takes_list = (shape->type == DG_SHAPE_LIST);
    t->max = 1;

    if (t->takes_list && dg_model_number(node, "max", &max)
        && max >= 1 && max <= LOOKUP_MAX)
    {
        t->max = (size_t) max;
    }

    if (t->takes_list && t->items.len == 0) {
        return DG_MODEL_FAIL(b, DG_ERR_INVALID, node,
                             "overlay: a lookup of several needs \"items\"");
    }

    return DG_OK;
}


static dg_err_t
read_tells(dg_model_build_t *b, dg_operation_t *o, const dg_json_t *node)
{
    dg_err_t           err;
    dg_telling_t      *t;
    const dg_shape_t  *item = o->output;

    t = dg_arena_calloc(b->arena, 1, sizeof(*t));
    if (t == NULL) {
        return DG_ERR_MEMORY;
    }

    o->telling = t;

    if ((err = read_types(b, node, t)) != DG_OK
        || (err = read_member(b, o->output, node, "items", &t->items))
           != DG_OK)
    {
        return err;
    }

    if (t->items.len != 0) {
        item = target_of(o->output, t->items);

        if (item->type != DG_SHAPE_LIST || item->element == NULL
            || dg_span_find(t->items, '/') != t->items.len)
        {
            return DG_MODEL_FAIL(b, DG_ERR_INVALID, node,
                                 "overlay: \"items\" is no list of the "
                                 "output");
        }

        item = item->element->shape;
    }

    if ((err = read_member(b, item, node, "id", &t->id)) != DG_OK
        || (err = read_facts(b, item, node, t)) != DG_OK)
    {
        return err;
    }

    if ((t->items.len != 0) != (t->id.len != 0)) {
        return DG_MODEL_FAIL(b, DG_ERR_INVALID, node,
                             "overlay: items need an \"id\", and only they");
    }

    return read_lookup(b, o, node, t);
}


static dg_err_t
read_asserts(dg_model_build_t *b, dg_operation_t *o, const dg_json_t *node)
{
    dg_assertion_t   *list;
    const dg_json_t  *n;
    bool              is_list;

    list = dg_arena_calloc(b->arena, node->count + 1, sizeof(*list));
    if (list == NULL) {
        return DG_ERR_MEMORY;
    }

    o->assertions = list;

    for (n = node->first; n != NULL; n = n->next, list++) {
        list->member = dg_arena_copy(b->arena, n->key);
        list->key = dg_arena_copy(b->arena, n->text);

        if (list->member.data == NULL || list->key.data == NULL) {
            return DG_ERR_MEMORY;
        }

        if (dg_condition_member(o, n->key, &is_list) == NULL) {
            return DG_MODEL_FAIL(b, DG_ERR_INVALID, n,
                                 "overlay: the input has no member \"%.*s\"",
                                 DG_MODEL_NAME(n->key));
        }

        o->assertion_count++;
    }

    return DG_OK;
}


dg_err_t
dg_model_build_telling(dg_model_build_t *b, dg_operation_t *o,
    const dg_json_t *overlay)
{
    const dg_json_t  *tells = dg_json_member(overlay, DG_SPAN("tells"));
    const dg_json_t  *asserts = dg_json_member(overlay, DG_SPAN("asserts"));
    dg_err_t          err = DG_OK;

    if (tells != NULL) {
        err = read_tells(b, o, tells);
    }

    return err == DG_OK && asserts != NULL ? read_asserts(b, o, asserts) : err;
}
