/*
 * Sets of documents: see dg_policy_set.h.
 */

#include "dg_policy_set.h"

#include <string.h>

#define INDEX_ACTIONS  4096      /* actions that are indexed at most */
#define INDEX_FIRST    16        /* slots, a power of two */

/* Comparing that an index is worth at load; then it stays as it is. */
#define INDEX_STEPS    200000000

typedef struct {
    dg_arena_t         *arena;
    dg_policy_set_t    *set;
    dg_policy_index_t  *slots;
    size_t              mask;       /* slots - 1 */
    size_t              actions;
    size_t              places;     /* in all lists */
    size_t              steps;
    uint32_t           *list;       /* of one action, while it is built */
} builder_t;


bool
dg_policy_action_fold(dg_span_t action, uint8_t buffer[DG_POLICY_ACTION_MAX],
    dg_span_t *folded)
{
    size_t  colon = dg_span_find(action, ':');

    if (action.len > DG_POLICY_ACTION_MAX || colon == 0
        || colon + 1 >= action.len)
    {
        return false;
    }

    for (size_t i = 0; i < action.len; i++) {
        buffer[i] = (uint8_t) (action.data[i] >= 'A' && action.data[i] <= 'Z'
                               ? action.data[i] | 0x20 : action.data[i]);
    }

    *folded = dg_span(buffer, action.len);
    return true;
}


bool
dg_policy_action_matches(const dg_policy_statement_t *statement,
    dg_span_t action, size_t *steps)
{
    for (size_t i = 0; i < statement->action_count; i++) {
        if (dg_pattern_match(&statement->actions[i], NULL, action, 0, steps))
        {
            return !statement->not_action;
        }
    }

    return statement->not_action;
}


static size_t
hash(dg_span_t action)
{
    uint32_t  h = 2166136261u;   /* FNV-1a; actions come from configuration */

    for (size_t i = 0; i < action.len; i++) {
        h = (h ^ action.data[i]) * 16777619u;
    }

    return h ^ (h >> 15);
}


/* The slot of an action, or the free one where it belongs. */
static size_t
slot_of(const dg_policy_index_t *slots, size_t mask, dg_span_t action)
{
    size_t  i = hash(action) & mask;

    while (slots[i].action.len && !dg_span_equal(slots[i].action, action)) {
        i = (i + 1) & mask;
    }

    return i;
}


const dg_policy_index_t *
dg_policy_set_find(const dg_policy_set_t *set, dg_span_t action)
{
    size_t  i = slot_of(set->index, set->index_mask, action);

    return set->index[i].action.len ? &set->index[i] : NULL;
}


/* Building */

static bool
is_literal(const dg_pattern_t *pattern)
{
    return pattern->count == 1 && pattern->pieces[0].kind == DG_PIECE_TEXT;
}


/*
 * Lists the statements that match an action.  False when there is no memory;
 * *full when the index has grown as large as it may.
 */
static bool
list_action(builder_t *b, dg_policy_index_t *slot, dg_span_t action,
    bool *full)
{
    uint32_t  *places;
    size_t     n = 0;

    for (size_t i = 0; i < b->set->place_count; i++) {
        if (dg_policy_action_matches(b->set->places[i].statement, action,
                                     &b->steps))
        {
            b->list[n++] = (uint32_t) i;
        }
    }

    *full = b->steps == 0 || n > DG_POLICY_INDEX_MAX - b->places;

    if (*full) {
        return true;
    }

    places = dg_arena_alloc(b->arena, (n + 1) * sizeof(*places));
    if (places == NULL) {
        return false;
    }

    memcpy(places, b->list, n * sizeof(*places));
    slot->action = action;
    slot->places = places;
    slot->count = n;
    b->places += n;
    b->actions++;
    return true;
}


static bool
add_action(builder_t *b, dg_span_t action, bool *full)
{
    size_t  i = slot_of(b->slots, b->mask, action);

    *full = b->actions == INDEX_ACTIONS;

    if (*full || b->slots[i].action.len) {
        return true;
    }

    return list_action(b, &b->slots[i], action, full);
}


static bool
add_known_actions(builder_t *b, const dg_policy_catalogue_t *catalogue,
    bool *full)
{
    dg_span_t  action, folded;
    uint8_t    buffer[DG_POLICY_ACTION_MAX];

    for (size_t i = 0; !*full && catalogue->action_at(catalogue->ctx, i,
                                                      &action); i++)
    {
        if (!dg_policy_action_fold(action, buffer, &folded)) {
            continue;
        }

        folded = dg_arena_copy(b->arena, folded);

        if (folded.data == NULL || !add_action(b, folded, full)) {
            return false;
        }
    }

    return true;
}


/* The actions that the documents themselves name in full. */
static bool
add_named_actions(builder_t *b, bool *full)
{
    const dg_policy_statement_t  *s;

    for (size_t i = 0; i < b->set->place_count; i++) {
        s = b->set->places[i].statement;

        for (size_t j = 0; j < s->action_count && !*full; j++) {
            if (is_literal(&s->actions[j])
                && !add_action(b, s->actions[j].pieces[0].text, full))
            {
                return false;
            }
        }
    }

    return true;
}


/* How many actions there may be to index, some of them twice. */
static size_t
count_actions(const dg_policy_set_t *set,
    const dg_policy_catalogue_t *catalogue)
{
    dg_span_t  action;
    size_t     n = 0, known = 0;

    while (catalogue != NULL && known < INDEX_ACTIONS
           && catalogue->action_at(catalogue->ctx, known, &action))
    {
        known++;
    }

    for (size_t i = 0; i < set->place_count; i++) {
        n += set->places[i].statement->action_count;
    }

    n += known;

    return n < INDEX_ACTIONS ? n : INDEX_ACTIONS;
}


static dg_err_t
build_index(dg_arena_t *arena, dg_policy_set_t *set,
    const dg_policy_catalogue_t *catalogue)
{
    builder_t  b = { .arena = arena, .set = set, .steps = INDEX_STEPS };
    bool       full = false;
    size_t     slots = INDEX_FIRST, wanted;

    wanted = 2 * count_actions(set, catalogue);

    while (slots < wanted) {
        slots *= 2;
    }

    b.mask = slots - 1;
    b.slots = dg_arena_calloc(arena, slots, sizeof(*b.slots));
    b.list = dg_arena_calloc(arena, set->place_count + 1, sizeof(*b.list));

    if (b.slots == NULL || b.list == NULL
        || (catalogue != NULL && !add_known_actions(&b, catalogue, &full))
        || !add_named_actions(&b, &full))
    {
        return DG_ERR_MEMORY;
    }

    set->index = b.slots;
    set->index_mask = b.mask;
    return DG_OK;
}


/* Puts the statements of one effect into the list. */
static void
place_statements(const dg_policy_set_t *set, bool deny,
    dg_policy_place_t *places, size_t *used)
{
    const dg_policy_t  *policy;

    for (size_t d = 0; d < set->document_count; d++) {
        policy = set->documents[d].policy;

        for (size_t i = 0; i < policy->statement_count; i++) {
            if (policy->statements[i].is_deny == deny) {
                places[(*used)++] = (dg_policy_place_t) {
                    &policy->statements[i], (uint32_t) d, (uint32_t) i
                };
            }
        }
    }
}


static dg_err_t
build_places(dg_arena_t *arena, dg_policy_set_t *set)
{
    dg_policy_place_t  *places;
    size_t              n = 0;

    for (size_t d = 0; d < set->document_count; d++) {
        n += set->documents[d].policy->statement_count;
        set->forms[set->documents[d].policy->form]++;
    }

    if (n > DG_POLICY_STATEMENTS_MAX) {
        return DG_ERR_LIMIT;
    }

    places = dg_arena_calloc(arena, n + 1, sizeof(*places));
    if (places == NULL) {
        return DG_ERR_MEMORY;
    }

    place_statements(set, true, places, &set->place_count);
    place_statements(set, false, places, &set->place_count);
    set->places = places;
    return DG_OK;
}


/* Maps the keys of one document to those of the set. */
static dg_err_t
map_keys(dg_arena_t *arena, dg_policy_keys_t *keys,
    const dg_policy_t *policy, const unsigned **out)
{
    dg_err_t   err;
    unsigned  *map;

    map = dg_arena_calloc(arena, policy->key_count + 1, sizeof(*map));
    if (map == NULL) {
        return DG_ERR_MEMORY;
    }

    for (size_t i = 0; i < policy->key_count; i++) {
        err = dg_policy_keys_add(keys, policy->key_names[i], &map[i]);
        if (err != DG_OK) {
            return err;
        }
    }

    *out = map;
    return DG_OK;
}


static dg_err_t
build_keys(dg_arena_t *arena, dg_policy_set_t *set)
{
    dg_err_t           err;
    dg_policy_keys_t   keys = { .arena = arena };
    dg_policy_key_t   *list;
    const unsigned   **maps;

    maps = dg_arena_calloc(arena, set->document_count + 1, sizeof(*maps));
    if (maps == NULL) {
        return DG_ERR_MEMORY;
    }

    for (size_t d = 0; d < set->document_count; d++) {
        err = map_keys(arena, &keys, set->documents[d].policy, &maps[d]);
        if (err != DG_OK) {
            return err;
        }
    }

    list = dg_arena_calloc(arena, keys.count + 1, sizeof(*list));
    if (list == NULL) {
        return DG_ERR_MEMORY;
    }

    for (size_t i = 0; i < keys.count; i++) {
        list[i] = (dg_policy_key_t) { keys.names[i], (unsigned) i };
    }

    set->keys = list;
    set->key_count = keys.count;
    set->key_maps = maps;
    return DG_OK;
}


dg_err_t
dg_policy_set_create(dg_arena_t *arena,
    const dg_policy_document_t *documents, size_t count,
    const dg_policy_set_options_t *options, const dg_policy_set_t **out)
{
    dg_err_t               err;
    dg_policy_set_t       *set;
    dg_policy_document_t  *copy;

    if (count > DG_POLICY_DOCUMENTS_MAX) {
        return DG_ERR_LIMIT;
    }

    set = dg_arena_calloc(arena, 1, sizeof(*set));
    copy = dg_arena_calloc(arena, count + 1, sizeof(*copy));

    if (set == NULL || copy == NULL) {
        return DG_ERR_MEMORY;
    }

    if (count) {
        memcpy(copy, documents, count * sizeof(*copy));
    }

    set->documents = copy;
    set->document_count = count;
    set->direct_grants_uncapped = options != NULL
                                  && options->direct_grants_uncapped;

    err = build_places(arena, set);

    if (err == DG_OK) {
        err = build_keys(arena, set);
    }

    if (err == DG_OK) {
        err = build_index(arena, set,
                          options != NULL ? options->catalogue : NULL);
    }

    *out = err == DG_OK ? set : NULL;
    return err;
}


size_t
dg_policy_set_document_count(const dg_policy_set_t *set)
{
    return set->document_count;
}


size_t
dg_policy_set_key_count(const dg_policy_set_t *set)
{
    return set->key_count;
}


const dg_policy_key_t *
dg_policy_set_key(const dg_policy_set_t *set, size_t index)
{
    return index < set->key_count ? &set->keys[index] : NULL;
}


static bool
statement_reads(const dg_policy_set_t *set, const dg_policy_place_t *place,
    dg_policy_key_test_pt test, void *ctx)
{
    const dg_policy_statement_t  *s = place->statement;
    const unsigned               *map = set->key_maps[place->document];

    for (size_t i = 0; i < s->key_count; i++) {
        if (test(ctx, &set->keys[map[s->keys[i]]])) {
            return true;
        }
    }

    return false;
}


bool
dg_policy_set_reads(const dg_policy_set_t *set, dg_span_t action,
    dg_policy_key_test_pt test, void *ctx)
{
    const dg_policy_index_t  *index;
    const dg_policy_place_t  *place;
    uint8_t                   buffer[DG_POLICY_ACTION_MAX];
    dg_span_t                 folded;
    size_t                    steps = DG_POLICY_STEPS_MAX;

    if (!dg_policy_action_fold(action, buffer, &folded)) {
        return false;
    }

    index = dg_policy_set_find(set, folded);

    for (size_t i = 0; i < (index ? index->count : set->place_count); i++) {
        place = &set->places[index ? index->places[i] : i];

        if ((index || dg_policy_action_matches(place->statement, folded,
                                               &steps))
            && statement_reads(set, place, test, ctx))
        {
            return true;
        }
    }

    return false;
}
