/*
 * What is looked for in an answer of STS, for the readers of its two forms.
 */

#ifndef DG_STS_FIELDS_H
#define DG_STS_FIELDS_H

#include "dg_sts.h"

typedef enum {
    DG_STS_ACCESS_KEY_ID,
    DG_STS_SECRET_ACCESS_KEY,
    DG_STS_SESSION_TOKEN,
    DG_STS_EXPIRATION,
    DG_STS_ROLE_USER_ARN,
    DG_STS_ROLE_USER_ID,
    DG_STS_CALLER_ARN,
    DG_STS_CALLER_USER_ID,
    DG_STS_CALLER_ACCOUNT,
    DG_STS_REQUEST_ID,
    DG_STS_ERROR_REQUEST_ID,
    DG_STS_ERROR_CODE,
    DG_STS_ERROR_MESSAGE,
    DG_STS_FIELDS
} dg_sts_field_id_t;

typedef struct {
    const char  *parent;  /* the element that it stands in */
    const char  *name;
} dg_sts_field_t;

typedef struct {
    dg_span_t  root;      /* name of the outermost element */
    dg_span_t  text[DG_STS_FIELDS];
} dg_sts_found_t;

extern const dg_sts_field_t  dg_sts_fields[DG_STS_FIELDS];


/* Keeps the first text of each field; any other is passed over. */
void dg_sts_found(dg_sts_found_t *f, dg_span_t parent, dg_span_t name,
    dg_span_t text);

/* Errors of dg_sts_parse(). */
DG_MUST_USE dg_err_t dg_sts_read_xml(dg_arena_t *arena, dg_span_t answer,
    dg_sts_found_t *f, dg_diag_t *diag);

#endif
