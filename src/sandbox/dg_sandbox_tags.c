/*
 * Tags of entities, kept in their member $tags: see dg_sandbox_verbs.h.
 */

#include "dg_sandbox_verbs.h"

#define TAGS      DG_SPAN("$tags")
#define TAGS_MAX  50


/* The entity, of any kind, that the input names by its first text member. */
static dg_err_t
target(dg_sandbox_call_t *call, const dg_json_t *item, dg_json_t **entity,
    const dg_json_t **def)
{
    dg_span_t  id = dg_sandbox_text(item, "ResourceId");
    size_t     i;

    for (i = 0; id.len == 0 && i < call->operation->input->member_count; i++) {
        (void) dg_json_string(item,
                              call->operation->input->members[i].wire_name,
                              &id);
    }

    *entity = dg_entity_any(call, id, def);

    if (*entity == NULL) {
        call->resource = id;
        return dg_sandbox_fault(call, DG_FAULT_NOT_FOUND,
                                "The specified resource could not be found.");
    }

    return DG_OK;
}


static void
add_tag(dg_sandbox_call_t *call, dg_json_t *list, const dg_json_t *tag)
{
    dg_span_t          key = dg_sandbox_text(tag, "Key");
    const dg_json_t  **link;

    for (link = &list->first; *link != NULL;
         link = &((dg_json_t *) *link)->next)
    {
        if (dg_span_equal(dg_sandbox_text(*link, "Key"), key)) {
            *link = (*link)->next;
            list->count--;
            break;
        }
    }

    dg_tree_push(&call->tree, list, tag);
}


void
dg_tags_add(dg_sandbox_call_t *call, dg_json_t *entity, const dg_json_t *tags)
{
    dg_json_t        *list;
    const dg_json_t  *old = dg_json_member(entity, TAGS), *tag, *inner;

    if (tags == NULL || entity == NULL) {
        return;
    }

    list = old ? dg_tree_copy(&call->tree, old) : dg_tree_array(&call->tree);
    if (list == NULL) {
        return;
    }

    for (tag = tags->first; tag != NULL; tag = tag->next) {
        inner = dg_json_member(tag, DG_SPAN("Tags"));

        if (inner == NULL) {
            add_tag(call, list, tag);
            continue;
        }

        for (inner = inner->first; inner != NULL; inner = inner->next) {
            add_tag(call, list, inner);
        }
    }

    dg_tree_set(&call->tree, entity, TAGS, list);
}


dg_err_t
dg_verb_tag(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity)
{
    dg_err_t          err;
    dg_json_t        *found = NULL;
    const dg_json_t  *def = NULL, *tags;

    err = target(call, item, &found, &def);
    if (err != DG_OK) {
        return err;
    }

    dg_tags_add(call, found, dg_json_member(item, DG_SPAN("Tags")));

    tags = dg_json_member(found, TAGS);
    if (tags != NULL && tags->count > TAGS_MAX) {
        return dg_sandbox_fault(call, DG_FAULT_FULL,
                                "The resource has %d tags at most.", TAGS_MAX);
    }

    *entity = found;
    return dg_entity_put(call, def, found);
}


dg_err_t
dg_verb_untag(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity)
{
    bool              gone;
    dg_err_t          err;
    dg_json_t        *found = NULL, *list;
    const dg_json_t  *def = NULL, *tag, *key;

    err = target(call, item, &found, &def);
    if (err != DG_OK) {
        return err;
    }

    list = dg_tree_array(&call->tree);
    tag = dg_json_member(found, TAGS);

    for (tag = tag ? tag->first : NULL; tag != NULL; tag = tag->next) {
        gone = false;
        key = dg_json_member(item, DG_SPAN("TagKeys"));

        for (key = key ? key->first : NULL; key != NULL; key = key->next) {
            gone = gone || dg_span_equal(dg_sandbox_text(tag, "Key"),
                                         key->text);
        }

        if (!gone) {
            dg_tree_push(&call->tree, list, tag);
        }
    }

    dg_tree_set(&call->tree, found, TAGS, list);

    *entity = found;
    return dg_entity_put(call, def, found);
}


dg_err_t
dg_verb_tags(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity)
{
    dg_err_t            err;
    dg_json_t          *found = NULL;
    const dg_json_t    *def = NULL, *tags;
    const dg_member_t  *list;

    err = target(call, item, &found, &def);
    if (err != DG_OK) {
        return err;
    }

    list = dg_sandbox_list_member(call->operation->output);
    tags = dg_json_member(found, TAGS);

    if (list != NULL) {
        dg_tree_set(&call->tree, call->output, list->wire_name,
                    tags ? tags : dg_tree_array(&call->tree));
    }

    *entity = found;
    return DG_OK;
}
