/*
 * What the parts of the model loader share.  Everything that ends up in the
 * service comes from `arena`; the model's tree and sorted indexes live in
 * `scratch`, which dg_model_load() gives back.
 */

#ifndef DG_MODEL_BUILD_H
#define DG_MODEL_BUILD_H

#include "dg_json.h"
#include "dg_model.h"

typedef struct {
    dg_arena_t         *arena;
    dg_arena_t         *scratch;
    dg_diag_t          *diag;
    const dg_json_t    *model;
    const dg_json_t    *overlay;       /* NULL when there is none */
    dg_service_t       *service;
    const dg_json_t   **shapes;        /* the source of each shape */
} dg_model_build_t;

/* Fails about a place in the model, or in the overlay. */
#define DG_MODEL_FAIL(b, err, node, ...)                                      \
    dg_diag((b)->diag, err, (node) ? (node)->line : 0,                        \
            (node) ? (node)->column : 0, __VA_ARGS__)

/* For "%.*s" of a diagnostic. */
#define DG_MODEL_NAME(s)                                                      \
    (int) ((s).len < 100 ? (s).len : 100), (const char *) (s).data


/* Number as double, boolean, and string copied to the arena. */
bool dg_model_number(const dg_json_t *object, const char *name,
    double *value);
bool dg_model_flag(const dg_json_t *object, const char *name);
DG_MUST_USE dg_err_t dg_model_text(dg_model_build_t *b,
    const dg_json_t *object, const char *name, dg_span_t *out);
DG_MUST_USE dg_err_t dg_model_texts(dg_model_build_t *b,
    const dg_json_t *list, const dg_span_t **out, size_t *count);

/*
 * The members of model.NAME and overlay.NAME, sorted by key, each once; the
 * overlay's replaces the model's.  Only objects are taken.
 */
DG_MUST_USE dg_err_t dg_model_merge(dg_model_build_t *b, const char *name,
    const dg_json_t ***out, size_t *count);

/* Fills service->shapes. */
DG_MUST_USE dg_err_t dg_model_build_shapes(dg_model_build_t *b);

/* Fills service->operations. */
DG_MUST_USE dg_err_t dg_model_build_operations(dg_model_build_t *b);

/* What the overlay says of one operation. */
DG_MUST_USE dg_err_t dg_model_build_overlay(dg_model_build_t *b,
    dg_operation_t *operation, const dg_json_t *overlay);

/* What it says of facts: "tells" and "asserts". */
DG_MUST_USE dg_err_t dg_model_build_telling(dg_model_build_t *b,
    dg_operation_t *operation, const dg_json_t *overlay);

/* "A[].B" of an overlay to "A/B", checked against the shape. */
DG_MUST_USE dg_err_t dg_model_build_path(dg_model_build_t *b,
    const dg_shape_t *shape, const dg_json_t *node, dg_span_t *out);

/*
 * Compiles a pattern for matching whole values; NULL in shape->pattern and
 * a count in the service when PCRE2 does not know its syntax.
 */
DG_MUST_USE dg_err_t dg_model_build_pattern(dg_model_build_t *b,
    dg_shape_t *shape);

#endif
