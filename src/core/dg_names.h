/*
 * The names of the objects that a reader is inside of, to refuse a name that
 * comes twice.  Names are copied; a closed object's memory serves the next.
 *
 * Up to DG_NAMES_LINEAR names are compared one by one, beyond that through a
 * hash table that is never more than half full.  Work is bounded whatever the
 * names are: one that needs more than DG_NAMES_PROBES steps is refused.
 */

#ifndef DG_NAMES_H
#define DG_NAMES_H

#include "dg_arena.h"
#include "dg_err.h"

#define DG_NAMES_LINEAR  8
#define DG_NAMES_PROBES  256

typedef struct {
    size_t    at;      /* into the bytes */
    size_t    len;
    uint32_t  hash;    /* valid once the object has a table */
} dg_name_t;

typedef struct {
    size_t     first;     /* of this object, into the names */
    size_t     bytes;     /* where this object's bytes begin */
    uint32_t  *slots;     /* 1 + index of a name, or 0; kept for siblings */
    size_t     room;      /* slots allocated */
    size_t     used;      /* slots in use, a power of two; 0: no table */
} dg_names_object_t;

typedef struct {
    dg_arena_t         *arena;
    dg_names_object_t  *objects;
    size_t              depth;      /* objects that are open */
    size_t              depth_room;
    dg_name_t          *names;
    size_t              count;
    size_t              count_room;
    uint8_t            *bytes;
    size_t              len;
    size_t              len_room;
} dg_names_t;


void dg_names_init(dg_names_t *names, dg_arena_t *arena);

/* An object begins; DG_ERR_MEMORY. */
DG_MUST_USE dg_err_t dg_names_open(dg_names_t *names);

/*
 * A name of the innermost object.  DG_ERR_INVALID when it was there before,
 * DG_ERR_LIMIT when its hash collides beyond all measure, DG_ERR_MEMORY.
 */
DG_MUST_USE dg_err_t dg_names_add(dg_names_t *names, dg_span_t name);

/* How many names the innermost object has. */
size_t dg_names_members(const dg_names_t *names);

/* The innermost object ends. */
void dg_names_close(dg_names_t *names);

#endif
