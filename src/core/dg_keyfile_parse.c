/*
 * From the text of a key file to its keys: see dg_keyfile.h.
 *
 * Strings are those of the JSON tree, not copied again; the tree lies in the
 * memory that is wiped with the keys.
 */

#include "dg_keyfile_set.h"

#include "dg_hash.h"

#define KEYFILE_CHUNK   16384
#define KEYFILE_MEMORY  ((size_t) 256 * 1024 * 1024)
#define KEYFILE_VALUES  2000000

typedef dg_keyfile_loader_t  loader_t;

static const dg_json_limits_t  keyfile_limits = {
    .depth = 16,
    .text = DG_KEYFILE_TEXT,
    .string = 65536,
    .values = KEYFILE_VALUES,
    .members = 256
};


static dg_err_t
load_key(loader_t *l, const dg_json_t *object, dg_key_t *key)
{
    dg_err_t  err;

    if (object->type != DG_JSON_OBJECT) {
        return refuse(l, object, "a key must be an object, in braces");
    }

    key->line = object->line;

    err = dg_keyfile_load_members(l, object, key);
    if (err != DG_OK) {
        return err;
    }

    if (key->user_id.len == 0) {
        key->user_id = key->principal;
    }

    if (key->break_glass && key->credentials.expires_at == 0) {
        return refuse(l, dg_json_member(object, DG_SPAN("break_glass")),
                      "a break_glass key must have an end: add expires");
    }

    if (key->credentials.expires_at != 0
        && key->credentials.expires_at <= key->not_before)
    {
        return refuse(l, dg_json_member(object, DG_SPAN("expires")),
                      "this key expires before it becomes valid: correct "
                      "not_before or expires");
    }

    return DG_OK;
}


/* A table of keys by one of their spans, built once, for the checks. */
typedef dg_span_t (*key_span_pt)(const dg_key_t *key);


static dg_span_t
id_of(const dg_key_t *key)
{
    return key->credentials.access_key_id;
}


static dg_span_t
principal_of(const dg_key_t *key)
{
    return key->principal;
}


static dg_span_t
user_id_of(const dg_key_t *key)
{
    return key->user_id;
}


/* Puts the key into the table; the one already there, or NULL. */
static const dg_key_t *
put(const dg_keyfile_t *set, uint32_t *slots, size_t index, key_span_pt span)
{
    dg_span_t  s = span(&set->keys[index]);
    size_t     slot = dg_hash(s) & set->mask;

    while (slots[slot] != 0) {
        const dg_key_t  *other = &set->keys[slots[slot] - 1];

        if (dg_span_equal(span(other), s)) {
            return other;
        }

        slot = (slot + 1) & set->mask;
    }

    slots[slot] = (uint32_t) (index + 1);
    return NULL;
}


static dg_err_t
clash(loader_t *l, const dg_json_t *key, const char *member,
    const dg_key_t *other, const char *text)
{
    const dg_json_t  *m = dg_json_member(key, dg_span_cstr(member));

    if (m == NULL) {
        m = key;
    }

    return dg_diag(l->diag, DG_ERR_INVALID, m->line, m->column,
                   "the key of line %u has %s", other->line, text);
}


/* What no key alone shows: ids, and who is who, are unambiguous. */
static dg_err_t
index_keys(loader_t *l, const dg_json_t *list)
{
    dg_keyfile_t     *set = l->set;
    uint32_t         *principals, *users;
    const dg_json_t  *m = list->first;  /* of the key of that index */

    set->slots = dg_arena_calloc(l->arena, set->mask + 1, sizeof(uint32_t));
    principals = dg_arena_calloc(l->arena, set->mask + 1, sizeof(uint32_t));
    users = dg_arena_calloc(l->arena, set->mask + 1, sizeof(uint32_t));

    if (set->slots == NULL || principals == NULL || users == NULL) {
        return no_memory(l);
    }

    for (size_t i = 0; m != NULL; i++, m = m->next) {
        const dg_key_t  *key = &set->keys[i], *other;

        other = put(set, set->slots, i, id_of);
        if (other != NULL) {
            return clash(l, m, "access_key_id", other,
                         "the same access_key_id: remove one of the two");
        }

        other = put(set, principals, i, principal_of);
        if (other != NULL && !dg_span_equal(other->user_id, key->user_id)) {
            return clash(l, m, "user_id", other, "the same principal but "
                         "another user_id: give both the same");
        }

        other = put(set, users, i, user_id_of);
        if (other != NULL
            && !dg_span_equal(other->principal, key->principal))
        {
            return clash(l, m, "user_id", other, "the same user_id but "
                         "another principal: give each its own");
        }
    }

    return DG_OK;
}


static dg_err_t
load_keys(loader_t *l, const dg_json_t *list)
{
    dg_keyfile_t  *set = l->set;
    size_t         slots = 2;

    if (list->type != DG_JSON_ARRAY) {
        return refuse(l, list, "keys must be a list, in brackets");
    }

    if (list->count > DG_KEYFILE_KEYS) {
        return dg_diag(l->diag, DG_ERR_LIMIT, list->line, list->column,
                       "a key file has at most 65536 keys");
    }

    while (slots < list->count * 2) {
        slots *= 2;
    }

    set->mask = slots - 1;
    set->keys = dg_arena_calloc(l->arena, list->count + 1, sizeof(dg_key_t));

    if (set->keys == NULL) {
        return no_memory(l);
    }

    for (const dg_json_t *m = list->first; m != NULL; m = m->next) {
        dg_err_t  err = load_key(l, m, &set->keys[set->count]);

        if (err != DG_OK) {
            return err;
        }

        set->count++;
    }

    return index_keys(l, list);
}


static dg_err_t
check_version(loader_t *l, const dg_json_t *root)
{
    const dg_json_t  *version = dg_json_member(root, DG_SPAN("version"));

    if (version == NULL) {
        return dg_diag(l->diag, DG_ERR_MISSING, root->line, root->column,
                       "the key file has no version: add \"version\": 1");
    }

    if (version->type != DG_JSON_NUMBER
        || !dg_span_equal(version->text, DG_SPAN("1")))
    {
        return refuse(l, version, "the version of a key file must be 1");
    }

    return DG_OK;
}


static dg_err_t
load_file(loader_t *l, const dg_json_t *root)
{
    const dg_json_t  *keys = dg_json_member(root, DG_SPAN("keys"));
    char              name[DG_JSON_QUOTED];
    dg_err_t          err;

    if (root->type != DG_JSON_OBJECT) {
        return refuse(l, root, "a key file is an object: {\"version\": 1, "
                      "\"keys\": [...]}");
    }

    for (const dg_json_t *m = root->first; m != NULL; m = m->next) {
        if (!dg_span_equal(m->key, DG_SPAN("version"))
            && !dg_span_equal(m->key, DG_SPAN("keys")))
        {
            return dg_diag(l->diag, DG_ERR_INVALID, m->key_line,
                           m->key_column, "unknown member %s of a key file: "
                           "there are version and keys",
                           dg_json_quote(name, m->key));
        }
    }

    err = check_version(l, root);
    if (err != DG_OK) {
        return err;
    }

    if (keys == NULL) {
        return dg_diag(l->diag, DG_ERR_MISSING, root->line, root->column,
                       "the key file has no keys: add \"keys\": [...]");
    }

    return load_keys(l, keys);
}


dg_err_t
dg_keyfile_parse(dg_arena_t *arena, dg_span_t text, dg_diag_t *diag,
    dg_keyfile_t **keys)
{
    loader_t          l = { .diag = diag };
    const dg_json_t  *root;
    dg_err_t          err;

    *keys = NULL;

    l.set = dg_arena_calloc(arena, 1, sizeof(*l.set));
    if (l.set == NULL) {
        return no_memory(&l);
    }

    dg_wiped_arena_init(&l.set->memory, arena, KEYFILE_CHUNK, KEYFILE_MEMORY);
    l.arena = &l.set->memory.arena;

    err = dg_json_parse(l.arena, text, &keyfile_limits, diag, &root);
    if (err == DG_OK) {
        err = load_file(&l, root);
    }

    if (err != DG_OK) {
        dg_keyfile_wipe(l.set);
        return err;
    }

    *keys = l.set;
    return DG_OK;
}
