/*
 * The revocation file: see dg_revocation.h.
 *
 * An entry stands in a hash table under the narrowest of what it names, so a
 * caller is looked up once for each thing that is known of him.
 */

#include "dg_revocation.h"

#include "dg_hash.h"
#include "dg_json.h"
#include "dg_text.h"
#include "dg_time.h"

#define WHENEVER  INT64_MAX

/* What an entry may name, the narrowest first. */
typedef enum {
    BY_JTI,
    BY_ACCESS_KEY,
    BY_SUBJECT,
    BY_PRINCIPAL,
    BY_KID,
    BY_ISSUER,
    BY_COUNT
} by_t;

static const char *const  by_names[BY_COUNT] = {
    [BY_JTI] = "jti",
    [BY_ACCESS_KEY] = "access_key_id",
    [BY_SUBJECT] = "subject",
    [BY_PRINCIPAL] = "principal",
    [BY_KID] = "kid",
    [BY_ISSUER] = "issuer"
};

typedef struct {
    dg_span_t  named[BY_COUNT];  /* empty: not named */
    by_t       under;            /* what it is found by */
    uint32_t   next;             /* 1 + index in the same slot, or 0 */
    int64_t    before;
} entry_t;

struct dg_revocations_s {
    entry_t   *entries;
    size_t     count;             /* of entries in the table */
    size_t     written;           /* of entries in the file */
    size_t     under[BY_COUNT];   /* how many are found by each */
    uint32_t  *slots;             /* 1 + index of the first, or 0 */
    size_t     mask;
    int64_t    all_before;        /* 0: nobody */
};

typedef struct {
    dg_arena_t        *arena;
    dg_diag_t         *diag;
    dg_revocations_t  *set;
} loader_t;

static const dg_json_limits_t  revocation_limits = {
    .depth = 4,
    .text = DG_REVOCATION_TEXT,
    .string = DG_REVOCATION_VALUE,
    .values = 1000000,
    .members = 16
};


static dg_err_t
refuse(loader_t *l, const dg_json_t *at, const char *text)
{
    return dg_diag(l->diag, DG_ERR_INVALID, at->line, at->column, "%s", text);
}


static dg_err_t
no_memory(loader_t *l)
{
    return dg_diag(l->diag, DG_ERR_MEMORY, 0, 0,
                   "the revocation file needs more memory than there is");
}


static size_t
slot_of(const dg_revocations_t *set, by_t by, dg_span_t value)
{
    return (dg_hash(value) + (uint32_t) by) & set->mask;
}


static dg_err_t
load_time(loader_t *l, const dg_json_t *m, int64_t *before)
{
    if (m->type != DG_JSON_STRING
        || dg_time_parse_iso(m->text, before, NULL) != DG_OK || *before <= 0)
    {
        return refuse(l, m, "revoke_before is written as "
                      "2026-12-31T23:59:59Z");
    }

    return DG_OK;
}


static dg_err_t
load_name(loader_t *l, const dg_json_t *m, entry_t *entry)
{
    char  name[DG_JSON_QUOTED];

    for (unsigned by = 0; by < BY_COUNT; by++) {
        if (!dg_span_equal(m->key, dg_span_cstr(by_names[by]))) {
            continue;
        }

        if (m->type != DG_JSON_STRING || m->text.len == 0) {
            return dg_diag(l->diag, DG_ERR_INVALID, m->line, m->column,
                           "%s must be a string that is not empty",
                           by_names[by]);
        }

        entry->named[by] = m->text;
        return DG_OK;
    }

    return dg_diag(l->diag, DG_ERR_INVALID, m->key_line, m->key_column,
                   "unknown member %s of a revocation: there are issuer, "
                   "subject, jti, kid, access_key_id, principal, all, "
                   "revoke_before and reason", dg_json_quote(name, m->key));
}


static dg_err_t
load_members(loader_t *l, const dg_json_t *object, entry_t *entry, bool *all)
{
    dg_err_t  err = DG_OK;

    for (const dg_json_t *m = object->first; err == DG_OK && m != NULL;
         m = m->next)
    {
        if (dg_span_equal(m->key, DG_SPAN("revoke_before"))) {
            err = load_time(l, m, &entry->before);

        } else if (dg_span_equal(m->key, DG_SPAN("all"))) {
            *all = m->type == DG_JSON_BOOL && m->boolean;
            err = *all ? DG_OK
                       : refuse(l, m, "all is true, or is left out");

        } else if (dg_span_equal(m->key, DG_SPAN("reason"))) {
            err = m->type == DG_JSON_STRING
                  ? DG_OK : refuse(l, m, "reason must be a string");

        } else {
            err = load_name(l, m, entry);
        }
    }

    return err;
}


static by_t
narrowest(const entry_t *entry)
{
    unsigned  by = 0;

    while (by < BY_COUNT && entry->named[by].len == 0) {
        by++;
    }

    return (by_t) by;
}


static dg_err_t
load_all(loader_t *l, const dg_json_t *object, const entry_t *entry)
{
    if (narrowest(entry) != BY_COUNT) {
        return refuse(l, object, "all revokes whoever came by a token: name "
                      "nothing beside it, or leave it out");
    }

    if (entry->before == WHENEVER) {
        return refuse(l, object, "all needs a revoke_before, or nobody could "
                      "ever call again");
    }

    if (entry->before > l->set->all_before) {
        l->set->all_before = entry->before;
    }

    return DG_OK;
}


static dg_err_t
load_entry(loader_t *l, const dg_json_t *object)
{
    dg_revocations_t  *set = l->set;
    entry_t           *entry = &set->entries[set->count];
    bool               all = false;
    dg_err_t           err;
    size_t             slot;

    if (object->type != DG_JSON_OBJECT) {
        return refuse(l, object, "a revocation must be an object, in braces");
    }

    *entry = (entry_t) { .before = WHENEVER };
    err = load_members(l, object, entry, &all);

    if (err != DG_OK || all) {
        return err != DG_OK ? err : load_all(l, object, entry);
    }

    entry->under = narrowest(entry);

    if (entry->under == BY_COUNT) {
        return refuse(l, object, "this revocation names nobody: add issuer, "
                      "access_key_id, principal or all");
    }

    if (entry->named[BY_ISSUER].len == 0
        && (entry->named[BY_JTI].len || entry->named[BY_SUBJECT].len
            || entry->named[BY_KID].len))
    {
        return refuse(l, object, "subject, jti and kid mean nothing without "
                      "the issuer: add it");
    }

    slot = slot_of(set, entry->under, entry->named[entry->under]);
    entry->next = set->slots[slot];
    set->slots[slot] = (uint32_t) ++set->count;
    set->under[entry->under]++;

    return DG_OK;
}


static dg_err_t
load_list(loader_t *l, const dg_json_t *list)
{
    dg_revocations_t  *set = l->set;
    size_t             slots = 2;
    dg_err_t           err = DG_OK;

    if (list->type != DG_JSON_ARRAY) {
        return refuse(l, list, "revocations must be a list, in brackets");
    }

    if (list->count > DG_REVOCATION_ENTRIES) {
        return dg_diag(l->diag, DG_ERR_LIMIT, list->line, list->column,
                       "a revocation file has at most 65536 entries");
    }

    while (slots < list->count * 2) {
        slots *= 2;
    }

    set->mask = slots - 1;
    set->written = list->count;
    set->slots = dg_arena_calloc(l->arena, slots, sizeof(uint32_t));
    set->entries = dg_arena_calloc(l->arena, list->count + 1,
                                   sizeof(entry_t));

    if (set->slots == NULL || set->entries == NULL) {
        return no_memory(l);
    }

    for (const dg_json_t *m = list->first; err == DG_OK && m != NULL;
         m = m->next)
    {
        err = load_entry(l, m);
    }

    return err;
}


static dg_err_t
load_file(loader_t *l, const dg_json_t *root)
{
    const dg_json_t  *list = dg_json_member(root, DG_SPAN("revocations"));
    const dg_json_t  *version = dg_json_member(root, DG_SPAN("version"));
    char              name[DG_JSON_QUOTED];

    if (root->type != DG_JSON_OBJECT || version == NULL || list == NULL) {
        return dg_diag(l->diag, DG_ERR_MISSING, root->line, root->column,
                       "a revocation file is an object: {\"version\": 1, "
                       "\"revocations\": [...]}");
    }

    for (const dg_json_t *m = root->first; m != NULL; m = m->next) {
        if (m != list && m != version) {
            return dg_diag(l->diag, DG_ERR_INVALID, m->key_line,
                           m->key_column, "unknown member %s of a revocation "
                           "file: there are version and revocations",
                           dg_json_quote(name, m->key));
        }
    }

    if (version->type != DG_JSON_NUMBER
        || !dg_span_equal(version->text, DG_SPAN("1")))
    {
        return refuse(l, version, "the version of a revocation file must be "
                      "1");
    }

    return load_list(l, list);
}


dg_err_t
dg_revocations_parse(dg_arena_t *arena, dg_span_t text, dg_diag_t *diag,
    const dg_revocations_t **revocations)
{
    loader_t          l = { .arena = arena, .diag = diag };
    const dg_json_t  *root;
    dg_err_t          err;

    *revocations = NULL;

    l.set = dg_arena_calloc(arena, 1, sizeof(*l.set));
    if (l.set == NULL) {
        return no_memory(&l);
    }

    err = dg_json_parse(arena, text, &revocation_limits, diag, &root);

    if (err == DG_OK) {
        err = load_file(&l, root);
    }

    if (err == DG_OK) {
        *revocations = l.set;
    }

    return err;
}


static bool
speaks_of(const entry_t *entry, const dg_span_t known[BY_COUNT],
    int64_t issued_at)
{
    for (unsigned by = 0; by < BY_COUNT; by++) {
        if (entry->named[by].len
            && !dg_span_equal(entry->named[by], known[by]))
        {
            return false;
        }
    }

    return issued_at < entry->before;
}


bool
dg_revoked(const dg_revocations_t *set, const dg_caller_t *caller)
{
    const dg_span_t  known[BY_COUNT] = {
        [BY_JTI] = caller->token_id,
        [BY_ACCESS_KEY] = caller->access_key_id,
        [BY_SUBJECT] = caller->subject,
        [BY_PRINCIPAL] = caller->arn,
        [BY_KID] = caller->kid,
        [BY_ISSUER] = caller->issuer
    };

    if (caller->issued_at < set->all_before
        && caller->kind != DG_CALLER_KEY
        && caller->kind != DG_CALLER_CERTIFICATE)
    {
        return true;
    }

    for (unsigned by = 0; by < BY_COUNT; by++) {
        uint32_t  at;

        if (set->under[by] == 0 || known[by].len == 0) {
            continue;
        }

        at = set->slots[slot_of(set, (by_t) by, known[by])];

        while (at != 0) {
            const entry_t  *entry = &set->entries[at - 1];

            if (entry->under == (by_t) by
                && speaks_of(entry, known, caller->issued_at))
            {
                return true;
            }

            at = entry->next;
        }
    }

    return false;
}


size_t
dg_revocations_count(const dg_revocations_t *set)
{
    return set->written;
}
