/*
 * What the command-line tools share: options, files, secrets, colour, JSON on
 * stdout.  Tools use the core and the C library only.  Files that are read
 * stay in memory until tool_end().
 */

#ifndef TOOL_H
#define TOOL_H

#include "dg_arena.h"
#include "dg_span.h"

#include <stdio.h>

/* Exit codes of every tool. */
#define TOOL_OK       0
#define TOOL_REFUSED  1   /* a refusal, a mismatch, a file that is wrong */
#define TOOL_USAGE    2   /* the command line is wrong, or a file is absent */

#define TOOL_FILE_MAX    ((size_t) 64 << 20)
#define TOOL_SECRET_MAX  16384

typedef struct {
    const char   *name;   /* "--region" */
    const char  **value;  /* where its argument goes, or NULL ... */
    bool         *flag;   /* ... and then what is set to true */
} tool_option_t;


/* The name in front of every complaint; called first. */
void tool_init(const char *name);

/* Wipes and gives back all that was read; called last. */
void tool_end(void);

/*
 * Reads "--name VALUE", "--name=VALUE" and flags; what does not begin with a
 * dash, "-" alone, and all behind "--" are operands.  False, with a line on
 * stderr, for an unknown option, one given twice, a value that is absent, or
 * more than `max` operands.
 */
bool tool_options(int argc, char **argv, const tool_option_t *options,
    size_t count, const char **operands, size_t max, size_t *operand_count);

/*
 * The whole file, "-" for stdin, followed by a NUL that is not counted.
 * False, with a line on stderr, when it cannot be read or is larger than
 * `limit` bytes.
 */
bool tool_read(const char *path, size_t limit, dg_span_t *text);

/*
 * A secret of one line; the line end is cut off.  Also refused: a file that
 * group or others can write, or others can read, and one that is empty.
 */
bool tool_read_secret(const char *path, dg_span_t *secret);

/* An arena over malloc, `limit` bytes at most, until tool_end(). */
dg_arena_t tool_arena(size_t limit);

/* "name: text" and a line end on stderr. */
void tool_complain(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/*
 * The escape sequence for a colour ("31") or for its end ("0") when `stream`
 * is a terminal and NO_COLOR is not set, else "".
 */
const char *tool_color(FILE *stream, const char *code);

void tool_print(dg_span_t text);

/* A JSON string on stdout. */
void tool_print_json(dg_span_t text);

#endif
