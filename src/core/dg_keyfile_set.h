/*
 * The compiled key file, and what its parser is made of: dg_keyfile.c,
 * dg_keyfile_parse.c (the file), dg_keyfile_member.c (the members of a key).
 */

#ifndef DG_KEYFILE_SET_H
#define DG_KEYFILE_SET_H

#include "dg_json.h"
#include "dg_keyfile.h"
#include "dg_wiped_arena.h"

struct dg_keyfile_s {
    dg_wiped_arena_t   memory;  /* holds all that follows */
    dg_key_t          *keys;
    size_t             count;
    uint32_t          *slots;   /* 1 + index of a key, or 0 */
    size_t             mask;    /* number of slots - 1; at least half empty */
};

typedef struct {
    dg_keyfile_t  *set;
    dg_arena_t    *arena;
    dg_diag_t     *diag;
} dg_keyfile_loader_t;


/* DG_ERR_INVALID at that value. */
static inline dg_err_t
refuse(dg_keyfile_loader_t *l, const dg_json_t *at, const char *text)
{
    return dg_diag(l->diag, DG_ERR_INVALID, at->line, at->column, "%s", text);
}


static inline dg_err_t
no_memory(dg_keyfile_loader_t *l)
{
    return dg_diag(l->diag, DG_ERR_MEMORY, 0, 0,
                   "the key file needs more memory than there is");
}


/* Checks all members of a key and fills it. */
DG_MUST_USE dg_err_t dg_keyfile_load_members(dg_keyfile_loader_t *l,
    const dg_json_t *object, dg_key_t *key);

#endif
