/*
 * Shared parts of the tools: see tool.h.
 */

#define _POSIX_C_SOURCE  200809L

#include "tool.h"
#include "dg_crypto.h"
#include "dg_json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_FIRST     4096
#define ARENA_CHUNK    65536
#define JSON_GROWTH    6      /* "\u0000" for one byte */
#define COLOR_SIZE     16
#define OPTIONS_MAX    64

/* Memory that lives until tool_end(), in front of what it holds. */
typedef struct block_s  block_t;

struct block_s {
    block_t      *next;
    size_t        size;
    max_align_t   data[];
};

static const char  *tool_name = "deskgate";
static block_t     *blocks;


static void *
keep(size_t size)
{
    block_t  *block = size < SIZE_MAX - sizeof(*block)
                      ? calloc(1, sizeof(*block) + size) : NULL;

    if (block == NULL) {
        return NULL;
    }

    block->next = blocks;
    block->size = size;
    blocks = block;

    return block->data;
}


void
tool_end(void)
{
    block_t  *next;

    for ( ; blocks != NULL; blocks = next) {
        next = blocks->next;
        dg_wipe(blocks->data, blocks->size);
        free(blocks);
    }
}


void
tool_init(const char *name)
{
    tool_name = name;
}


void
tool_complain(const char *format, ...)
{
    va_list  args;

    fprintf(stderr, "%s: ", tool_name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}


/* The option that `argument` names, up to a '='. */
static size_t
find_option(const tool_option_t *options, size_t count, dg_span_t argument)
{
    size_t     i;
    dg_span_t  name = dg_span_slice(argument, 0,
                                    dg_span_find(argument, '='));

    for (i = 0; i < count; i++) {
        if (dg_span_equal(name, dg_span_cstr(options[i].name))) {
            break;
        }
    }

    return i;
}


/* *at moves over a value that is an argument of its own. */
static bool
set_option(const tool_option_t *option, int argc, char **argv, int *at)
{
    const char  *equals = strchr(argv[*at], '=');

    if (option->value == NULL) {
        if (equals != NULL) {
            tool_complain("%s takes no value", option->name);
            return false;
        }

        *option->flag = true;
        return true;
    }

    if (equals != NULL) {
        *option->value = equals + 1;
        return true;
    }

    if (*at + 1 >= argc) {
        tool_complain("%s needs a value", option->name);
        return false;
    }

    *option->value = argv[++*at];
    return true;
}


bool
tool_options(int argc, char **argv, const tool_option_t *options,
    size_t count, const char **operands, size_t max, size_t *operand_count)
{
    bool    only_operands = false, seen[OPTIONS_MAX] = { false };
    size_t  i;

    *operand_count = 0;

    for (int at = 1; at < argc; at++) {
        if (only_operands || argv[at][0] != '-' || argv[at][1] == 0) {
            if (*operand_count == max) {
                tool_complain("too many arguments: \"%s\"", argv[at]);
                return false;
            }

            operands[(*operand_count)++] = argv[at];
            continue;
        }

        if (strcmp(argv[at], "--") == 0) {
            only_operands = true;
            continue;
        }

        i = find_option(options, count, dg_span_cstr(argv[at]));

        if (i == count || i >= OPTIONS_MAX) {
            tool_complain("unknown option \"%s\"; try --help", argv[at]);
            return false;
        }

        if (seen[i]) {
            tool_complain("%s is given twice", options[i].name);
            return false;
        }

        seen[i] = true;

        if (!set_option(&options[i], argc, argv, &at)) {
            return false;
        }
    }

    return true;
}


/* What grew too small is wiped: it may be part of a secret. */
static uint8_t *
enlarge(uint8_t *data, size_t len, size_t size)
{
    uint8_t  *larger = keep(size);

    if (larger != NULL && len > 0) {
        memcpy(larger, data, len);
        dg_wipe(data, len);
    }

    return larger;
}


static bool
read_stream(FILE *in, const char *path, size_t limit, dg_span_t *text)
{
    size_t    size = READ_FIRST, len = 0, got;
    uint8_t  *data = keep(size);

    while (data != NULL
           && (got = fread(data + len, 1, size - len - 1, in)) > 0)
    {
        len += got;

        if (len > limit) {
            tool_complain("\"%s\" is larger than %zu bytes", path, limit);
            return false;
        }

        if (len + 1 == size) {
            size *= 2;
            data = enlarge(data, len, size);
        }
    }

    if (data == NULL || ferror(in)) {
        tool_complain("\"%s\" cannot be read: %s", path, strerror(errno));
        return false;
    }

    data[len] = 0;
    *text = dg_span(data, len);
    return true;
}


bool
tool_read(const char *path, size_t limit, dg_span_t *text)
{
    bool   done;
    FILE  *in;

    if (strcmp(path, "-") == 0) {
        return read_stream(stdin, "stdin", limit, text);
    }

    in = fopen(path, "rb");
    if (in == NULL) {
        tool_complain("\"%s\" cannot be opened: %s", path, strerror(errno));
        return false;
    }

    done = read_stream(in, path, limit, text);
    fclose(in);
    return done;
}


static bool
is_private(FILE *in, const char *path)
{
    struct stat  st;

    if (fstat(fileno(in), &st) != 0) {
        tool_complain("\"%s\" cannot be read: %s", path, strerror(errno));
        return false;
    }

    if (S_ISREG(st.st_mode) && (st.st_mode & (S_IWGRP | S_IWOTH | S_IROTH))) {
        tool_complain("\"%s\" holds a secret, but group or others can write"
                      " or others can read it: chmod 600", path);
        return false;
    }

    return true;
}


bool
tool_read_secret(const char *path, dg_span_t *secret)
{
    bool   done;
    FILE  *in = fopen(path, "rb");

    if (in == NULL) {
        tool_complain("\"%s\" cannot be opened: %s", path, strerror(errno));
        return false;
    }

    done = is_private(in, path)
           && read_stream(in, path, TOOL_SECRET_MAX, secret);
    fclose(in);

    if (!done) {
        return false;
    }

    while (secret->len > 0 && (secret->data[secret->len - 1] == '\n'
                               || secret->data[secret->len - 1] == '\r'))
    {
        secret->len--;
    }

    if (secret->len == 0 || dg_span_find(*secret, '\n') != secret->len) {
        tool_complain("\"%s\" must hold one line", path);
        return false;
    }

    return true;
}


static void *
grow(void *ctx, size_t size)
{
    (void) ctx;
    return keep(size);
}


dg_arena_t
tool_arena(size_t limit)
{
    dg_arena_t  arena;

    dg_arena_init_grow(&arena, grow, NULL, ARENA_CHUNK, limit);
    return arena;
}


const char *
tool_color(FILE *stream, const char *code)
{
    static char  sequences[4][COLOR_SIZE];
    static int   next;

    if (!isatty(fileno(stream)) || getenv("NO_COLOR") != NULL) {
        return "";
    }

    next = (next + 1) % 4;
    snprintf(sequences[next], COLOR_SIZE, "\033[%sm", code);
    return sequences[next];
}


void
tool_print(dg_span_t text)
{
    if (text.len) {
        fwrite(text.data, 1, text.len, stdout);
    }
}


void
tool_print_json(dg_span_t text)
{
    size_t       size = text.len * JSON_GROWTH + 2;
    void        *buffer = malloc(size);
    dg_writer_t  w = dg_writer(buffer, buffer ? size : 0);

    dg_json_write_string(&w, text);
    tool_print(dg_written(&w));
    free(buffer);
}
