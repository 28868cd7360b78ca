/*
 * What the judges of vectors share: reading files and folders, counting, and
 * the one line per collection that .ci/vectors adds up.
 */

#ifndef VECTORS_H
#define VECTORS_H

#include "dg_arena.h"
#include "dg_json.h"
#include "dg_span.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VECTORS_PATH   1024
#define VECTORS_FILES  4096

typedef struct {
    const char  *name;
    unsigned     passed;
    unsigned     failed;
    unsigned     skipped;
} tally_t;


/* A failed check is told on a line of its own, indented. */
__attribute__((format(printf, 3, 4)))
static inline bool
check(tally_t *tally, bool pass, const char *format, ...)
{
    va_list  args;

    if (pass) {
        tally->passed++;
        return true;
    }

    tally->failed++;
    printf("  failed: ");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');

    return false;
}


/* Prints the line and returns main's status. */
static inline int
tally_print(const tally_t *tally, const char *skip_reason)
{
    printf("%s: %u passed, %u failed, %u skipped", tally->name,
           tally->passed, tally->failed, tally->skipped);

    if (tally->skipped) {
        printf(" (%s)", skip_reason);
    }

    putchar('\n');

    return tally->failed ? 1 : 0;
}


/* The whole file in memory of malloc; data is NULL when it cannot be read. */
static inline dg_span_t
file_read(const char *path)
{
    FILE     *in = fopen(path, "rb");
    long      size = -1;
    uint8_t  *data = NULL;
    dg_span_t  s = DG_SPAN_EMPTY;

    if (in == NULL) {
        return s;
    }

    if (fseek(in, 0, SEEK_END) == 0 && (size = ftell(in)) >= 0
        && fseek(in, 0, SEEK_SET) == 0
        && (data = malloc((size_t) size + 1)) != NULL
        && fread(data, 1, (size_t) size, in) == (size_t) size)
    {
        data[size] = 0;
        s = dg_span(data, (size_t) size);

    } else {
        free(data);
    }

    fclose(in);
    return s;
}


/* Ends the judge when the path does not fit. */
static inline void
path_join(char path[VECTORS_PATH], const char *folder, const char *name)
{
    int  len = snprintf(path, VECTORS_PATH, "%s/%s", folder, name);

    if (len < 0 || len >= VECTORS_PATH) {
        fprintf(stderr, "a path is too long\n");
        exit(2);
    }
}


static inline dg_span_t
file_in(const char *folder, const char *name)
{
    char  path[VECTORS_PATH];

    path_join(path, folder, name);
    return file_read(path);
}


static inline int
vectors_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}


/* The names in a folder, sorted, without those that begin with a dot. */
static inline size_t
folder_list(const char *folder, char *names[VECTORS_FILES])
{
    DIR            *dir = opendir(folder);
    size_t          count = 0;
    struct dirent  *entry;

    if (dir == NULL) {
        return 0;
    }

    while ((entry = readdir(dir)) != NULL && count < VECTORS_FILES) {
        if (entry->d_name[0] != '.') {
            names[count++] = strdup(entry->d_name);
        }
    }

    closedir(dir);
    qsort(names, count, sizeof(names[0]), vectors_compare);
    return count;
}


static inline void *
vectors_grow(void *ctx, size_t size)
{
    (void) ctx;
    return malloc(size);
}


/* An arena that is not given back: a judge runs once. */
static inline dg_arena_t
arena_big(void)
{
    dg_arena_t  arena;

    dg_arena_init_grow(&arena, vectors_grow, NULL, 1 << 20,
                       (size_t) 1 << 31);
    return arena;
}


/* A member's text, or the empty span. */
static inline dg_span_t
member_text(const dg_json_t *object, const char *name)
{
    dg_span_t  text = DG_SPAN_EMPTY;

    (void) dg_json_string(object, dg_span_cstr(name), &text);
    return text;
}


static inline bool
member_true(const dg_json_t *object, const char *name)
{
    const dg_json_t  *m = dg_json_member(object, dg_span_cstr(name));

    return m != NULL && m->type == DG_JSON_BOOL && m->boolean;
}

#endif
