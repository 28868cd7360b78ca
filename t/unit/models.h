/*
 * The shipped models for unit programs: run from the top of the checkout.
 */

#ifndef MODELS_H
#define MODELS_H

#include "dg_model.h"

#include <stdio.h>
#include <stdlib.h>

#define MODELS_MEMORY  (8 * 1024 * 1024)

static uint8_t  models_memory[MODELS_MEMORY];


static inline dg_span_t
models_read(const char *path)
{
    FILE     *f = fopen(path, "rb");
    long      size;
    uint8_t  *text;

    if (f == NULL) {
        return DG_SPAN_EMPTY;
    }

    if (fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0) {
        exit(2);
    }

    rewind(f);

    text = malloc((size_t) size + 1);
    if (text == NULL || fread(text, 1, (size_t) size, f) != (size_t) size) {
        exit(2);
    }

    fclose(f);
    return dg_span(text, (size_t) size);
}


/* A shipped model with its overlay; the program ends when it cannot be had. */
static inline dg_service_t *
models_load(dg_arena_t *arena, const char *name)
{
    char           path[256];
    dg_span_t      model, overlay;
    dg_diag_t      diag = { 0, 0, "" };
    dg_service_t  *service = NULL;

    (void) snprintf(path, sizeof(path), "src/models/%s.json", name);
    model = models_read(path);
    (void) snprintf(path, sizeof(path), "src/models/%s.overlay.json", name);
    overlay = models_read(path);

    if (dg_model_load(arena, dg_span_cstr(name), model, overlay, &diag,
                      &service) != DG_OK)
    {
        printf("Bail out! %s: %u:%u: %s\n", name, diag.line, diag.column,
               diag.text);
        exit(2);
    }

    free((void *) (uintptr_t) model.data);
    free((void *) (uintptr_t) overlay.data);
    return service;
}

#endif
