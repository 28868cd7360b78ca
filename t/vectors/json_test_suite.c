/*
 * Texts that JSON parsers must accept (y_), must refuse (n_) or may treat as
 * they like (i_).  Each is read by the reader fed whole, by the reader fed
 * byte by byte, and by the tree; the three must agree.
 *
 * Decided otherwise than the suite, because two readers of one text must
 * never see two different things in it:
 * - a name that comes twice in one object is refused;
 * - an escaped NUL in a name is refused.
 */

#define _POSIX_C_SOURCE  200809L

#include "vectors.h"

#define TRANSFORM_TABLE  "t/data/json-transform.tsv"
#define OUTCOME_MAX      65536

typedef struct {
    const char  *name;
    dg_err_t     err;
} deviation_t;

static const deviation_t  deviations[] = {
    { "y_object_duplicated_key.json", DG_ERR_INVALID },
    { "y_object_duplicated_key_and_value.json", DG_ERR_INVALID },
    { "y_object_escaped_null_in_key.json", DG_ERR_SYNTAX }
};


static dg_err_t
ignore(void *ctx)
{
    (void) ctx;
    return DG_OK;
}


static dg_err_t
ignore_bool(void *ctx, bool value)
{
    (void) ctx;
    (void) value;
    return DG_OK;
}


static dg_err_t
ignore_text(void *ctx, dg_span_t text)
{
    (void) ctx;
    (void) text;
    return DG_OK;
}


static const dg_visitor_t  ignorant = {
    .on_null = ignore,
    .on_bool = ignore_bool,
    .on_number = ignore_text,
    .on_string = ignore_text,
    .on_object_start = ignore,
    .on_key = ignore_text,
    .on_object_end = ignore,
    .on_array_start = ignore,
    .on_array_end = ignore
};


static dg_err_t
read_text(dg_span_t text, size_t piece)
{
    dg_arena_t         arena = arena_big();
    dg_json_reader_t  *reader;
    dg_err_t           err = DG_OK;

    reader = dg_json_reader_create(&arena, &ignorant, NULL, NULL);

    for (size_t i = 0; err == DG_OK && i < text.len; i += piece) {
        err = dg_json_reader_feed(reader, dg_span_slice(text, i, i + piece));
    }

    return err == DG_OK ? dg_json_reader_finish(reader) : err;
}


static dg_err_t
read_all_ways(const char *name, dg_span_t text, const dg_json_t **root,
    tally_t *tally)
{
    dg_arena_t  arena = arena_big();
    dg_err_t    tree = dg_json_parse(&arena, text, NULL, NULL, root);
    dg_err_t    whole = read_text(text, text.len + 1);
    dg_err_t    bytes = read_text(text, 1);

    check(tally, tree == whole && tree == bytes,
          "%s: the tree says \"%s\", the reader \"%s\", byte by byte \"%s\"",
          name, dg_err_text(tree), dg_err_text(whole), dg_err_text(bytes));

    return tree;
}


static const deviation_t *
find_deviation(const char *name)
{
    for (size_t i = 0; i < sizeof(deviations) / sizeof(deviations[0]); i++) {
        if (strcmp(name, deviations[i].name) == 0) {
            return &deviations[i];
        }
    }

    return NULL;
}


static void
judge_parsing(const char *name, dg_span_t text, tally_t *tally)
{
    const deviation_t  *deviation = find_deviation(name);
    const dg_json_t    *root;
    dg_err_t            err = read_all_ways(name, text, &root, tally);

    if (deviation != NULL) {
        check(tally, err == deviation->err, "%s: \"%s\" where \"%s\" was "
              "decided", name, dg_err_text(err), dg_err_text(deviation->err));

    } else if (name[0] == 'y') {
        check(tally, err == DG_OK, "%s: refused as \"%s\"", name,
              dg_err_text(err));

    } else if (name[0] == 'n') {
        check(tally, err != DG_OK, "%s: accepted", name);

    } else {
        check(tally, name[0] == 'i', "%s: neither y_, n_ nor i_", name);
    }
}


static dg_span_t
recorded(dg_span_t table, const char *name)
{
    dg_span_t  line, field;

    while (dg_span_split(&table, '\n', &line)) {
        if (dg_span_split(&line, '\t', &field)
            && dg_span_equal(field, dg_span_cstr(name)))
        {
            return line;
        }
    }

    return DG_SPAN_EMPTY;
}


static void
judge_transform(const char *name, dg_span_t text, dg_span_t table,
    tally_t *tally)
{
    static char       outcome[OUTCOME_MAX];
    dg_writer_t       w = dg_writer(outcome, sizeof(outcome));
    const dg_json_t  *root;
    dg_err_t          err = read_all_ways(name, text, &root, tally);

    if (err == DG_OK) {
        dg_json_write_tree(&w, root);

    } else {
        dg_write_cstr(&w, "refused: ");
        dg_write_cstr(&w, dg_err_text(err));
    }

    check(tally, dg_span_equal(dg_written(&w), recorded(table, name)),
          "%s: the outcome is not the one of " TRANSFORM_TABLE ": %.*s",
          name, (int) w.len, outcome);
}


/* A file has passed when all its checks have. */
static bool
judge_file(const char *folder, const char *name, dg_span_t table)
{
    tally_t    checks = { .name = name };
    dg_span_t  text = file_in(folder, name);

    if (!check(&checks, text.data != NULL, "%s: unreadable", name)) {
        return false;
    }

    if (table.data == NULL) {
        judge_parsing(name, text, &checks);

    } else {
        judge_transform(name, text, table, &checks);
    }

    free((void *) (uintptr_t) text.data);
    return checks.failed == 0;
}


static int
judge_folder(const char *vectors, const char *part, dg_span_t table)
{
    static char  *names[VECTORS_FILES];
    char          folder[VECTORS_PATH], label[64];
    tally_t       tally = { .name = label };
    size_t        count;

    snprintf(label, sizeof(label), "json-test-suite/%s", part);
    path_join(folder, vectors, label);
    count = folder_list(folder, names);

    if (count == 0) {
        check(&tally, false, "no file in %s", folder);
    }

    for (size_t i = 0; i < count; i++) {
        if (judge_file(folder, names[i], table)) {
            tally.passed++;

        } else {
            tally.failed++;
        }

        free(names[i]);
    }

    return tally_print(&tally, "");
}


int
main(int argc, char **argv)
{
    dg_span_t  table = file_read(TRANSFORM_TABLE);
    int        status;

    if (argc != 2 || table.data == NULL) {
        fprintf(stderr, "usage: json_test_suite VECTORS, where "
                TRANSFORM_TABLE " is\n");
        return 2;
    }

    status = judge_folder(argv[1], "test_parsing", DG_SPAN_EMPTY);

    return judge_folder(argv[1], "test_transform", table) || status;
}
