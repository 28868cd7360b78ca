/*
 * Texts within the input of a call that have a grammar of their own, read
 * for policies: permissions files and Requirements expressions.
 */

#ifndef DG_INPUT_TEXTS_H
#define DG_INPUT_TEXTS_H

#include "dg_inspect.h"
#include "dg_permissions.h"
#include "dg_requirements.h"

/* Of one item of a batch call, or of a call that is no batch. */
typedef struct {
    const dg_permissions_t   *permissions;   /* NULL: the item has none */
    dg_span_t                 file;          /* its text; sensitive */
    const dg_requirements_t  *requirements;  /* NULL: none, or empty */
} dg_input_texts_t;

/* Which text could not be read. */
typedef struct {
    uint32_t    item;
    dg_span_t   member;   /* its wire name */
    dg_diag_t   diag;
} dg_input_texts_error_t;


/*
 * Reads the texts of a call: item_count of them, in the arena.  DG_ERR_MEMORY,
 * or what dg_permissions_parse() and dg_requirements_parse() say, with
 * *error filled.
 */
DG_MUST_USE dg_err_t dg_input_texts_read(dg_arena_t *arena,
    const dg_operation_t *operation, const dg_inspection_t *inspection,
    const dg_input_texts_t **out, dg_input_texts_error_t *error);

/*
 * For the client: "1 validation error detected: Value at 'PermissionsFile' of
 * item 2 cannot be read: line 3: a name is defined twice".
 */
void dg_input_texts_error_write(dg_writer_t *w,
    const dg_input_texts_error_t *error);

#endif
