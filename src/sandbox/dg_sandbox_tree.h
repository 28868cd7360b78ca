/*
 * Building JSON trees: what the sandbox keeps and answers is made of the
 * nodes of dg_json.h, in an arena.  A node put into an object or an array is
 * copied (its children are shared), so that one value may stand in several
 * places; shared children are never changed.
 *
 * Without memory a function returns NULL or does nothing and marks the tree
 * arena, see dg_tree_failed().
 */

#ifndef DG_SANDBOX_TREE_H
#define DG_SANDBOX_TREE_H

#include "core/dg_json.h"

typedef struct {
    dg_arena_t  *arena;
    bool         failed;   /* once without memory, always */
} dg_tree_t;


dg_json_t *dg_tree_object(dg_tree_t *t);
dg_json_t *dg_tree_array(dg_tree_t *t);
dg_json_t *dg_tree_string(dg_tree_t *t, dg_span_t text);
dg_json_t *dg_tree_number(dg_tree_t *t, int64_t value);
dg_json_t *dg_tree_bool(dg_tree_t *t, bool value);

/* A copy that may be changed without changing `value`; one level deep. */
dg_json_t *dg_tree_copy(dg_tree_t *t, const dg_json_t *value);

/* Replaces the member of that name, or appends it; a NULL value is none. */
void dg_tree_set(dg_tree_t *t, dg_json_t *object, dg_span_t name,
    const dg_json_t *value);

void dg_tree_set_text(dg_tree_t *t, dg_json_t *object, dg_span_t name,
    dg_span_t text);

/* Takes the member out; nothing when it is not there. */
void dg_tree_unset(dg_json_t *object, dg_span_t name);

/* Appends an item; a NULL value is none. */
void dg_tree_push(dg_tree_t *t, dg_json_t *array, const dg_json_t *value);

/*
 * Every member of `from` into `into`: objects are merged member by member,
 * anything else replaces.
 */
void dg_tree_merge(dg_tree_t *t, dg_json_t *into, const dg_json_t *from);

/*
 * A member found by its exact name, else by its name without regard to case
 * (requests of WorkSpaces say GroupName where answers say groupName).
 */
const dg_json_t *dg_tree_find(const dg_json_t *object, dg_span_t name);

/* Same type and same text, items and members; members in any order. */
bool dg_tree_equal(const dg_json_t *a, const dg_json_t *b);

/* Compact JSON in the arena; the empty span without memory. */
dg_span_t dg_tree_text(dg_tree_t *t, const dg_json_t *value);

#endif
