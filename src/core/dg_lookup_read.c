/*
 * Answers of lookups, and facts as they are kept: see dg_lookup.h.
 */

#include "dg_lookup.h"

#include "dg_json.h"

#include <string.h>

#define PACKED_NONE   '0'   /* there is no such resource */
#define PACKED_KNOWN  '1'

static const dg_json_limits_t  answer_limits = {
    .depth = 16,
    .text = DG_LOOKUP_ANSWER_MAX,
    .string = 65536,
    .values = 60000,
    .members = 1000
};

typedef struct {
    dg_arena_t            *arena;
    const dg_operation_t  *lookup;
    const dg_span_t       *ids;
    size_t                 count;
    dg_facts_t            *facts;
    dg_diag_t             *diag;
} reader_t;


static dg_err_t
invalid(const reader_t *r, const char *what)
{
    return dg_diag(r->diag, DG_ERR_INVALID, 0, 0, "the answer of %.*s %s",
                   (int) r->lookup->name.len,
                   (const char *) r->lookup->name.data, what);
}


/* The member at the end of a path of structures; NULL: absent or null. */
static const dg_json_t *
follow(const dg_json_t *node, dg_span_t path)
{
    dg_span_t  part;

    while (node != NULL && dg_span_split(&path, '/', &part)) {
        node = dg_json_member(node, part);
    }

    return node != NULL && node->type != DG_JSON_NULL ? node : NULL;
}


/* Rows */

typedef struct {
    dg_fact_t  *rows;
    size_t      count;
} rows_t;


static dg_err_t
add_row(const reader_t *r, rows_t *rows, dg_span_t key, dg_span_t value)
{
    if (rows->count == DG_LOOKUP_ROWS_MAX) {
        return dg_diag(r->diag, DG_ERR_LIMIT, 0, 0, "too many facts of one "
                       "resource");
    }

    rows->rows[rows->count++] = (dg_fact_t) { key, value };
    return DG_OK;
}


/* A tag's key twice has two values, and nobody knows which one counts. */
static bool
has_key(const rows_t *rows, dg_span_t key)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (dg_span_equal(rows->rows[i].key, key)) {
            return true;
        }
    }

    return false;
}


static dg_err_t
add_tag(const reader_t *r, rows_t *rows, const dg_told_fact_t *fact,
    const dg_json_t *tag)
{
    dg_span_t         name = DG_SPAN_EMPTY, value = DG_SPAN_EMPTY;
    dg_writer_t       w;
    const dg_json_t  *given = dg_json_member(tag, DG_SPAN("Value"));

    if (!dg_json_string(tag, DG_SPAN("Key"), &name)
        || (given != NULL && given->type != DG_JSON_NULL
            && given->type != DG_JSON_STRING))
    {
        return invalid(r, "has a tag that is none");
    }

    if (given != NULL) {
        value = given->text;
    }

    w = dg_writer(dg_arena_alloc(r->arena, fact->key.len + name.len),
                  fact->key.len + name.len);
    if (w.data == NULL) {
        return DG_ERR_MEMORY;
    }

    dg_write_span(&w, fact->key);
    dg_write_span(&w, name);

    return has_key(rows, dg_written(&w))
           ? invalid(r, "has a tag twice")
           : add_row(r, rows, dg_written(&w), value);
}


static dg_err_t
add_fact(const reader_t *r, rows_t *rows, const dg_told_fact_t *fact,
    const dg_json_t *item)
{
    const dg_json_t  *node = follow(item, fact->member);
    const dg_json_t  *tag;
    dg_err_t          err = DG_OK;

    if (node == NULL) {
        return DG_OK;
    }

    if (!fact->is_tags) {
        return node->type == DG_JSON_STRING
               ? add_row(r, rows, fact->key, node->text)
               : invalid(r, "has a fact that is no string");
    }

    if (node->type != DG_JSON_ARRAY) {
        return invalid(r, "has tags that are no list");
    }

    for (tag = node->first; tag != NULL && err == DG_OK; tag = tag->next) {
        err = add_tag(r, rows, fact, tag);
    }

    return err;
}


static dg_err_t
read_rows(const reader_t *r, const dg_json_t *item, dg_facts_t *facts)
{
    const dg_telling_t  *t = r->lookup->telling;
    dg_err_t             err = DG_OK;
    rows_t               rows = { NULL, 0 };

    rows.rows = dg_arena_alloc(r->arena, DG_LOOKUP_ROWS_MAX
                                         * sizeof(dg_fact_t));
    if (rows.rows == NULL) {
        return DG_ERR_MEMORY;
    }

    for (size_t i = 0; i < t->fact_count && err == DG_OK; i++) {
        err = add_fact(r, &rows, &t->facts[i], item);
    }

    *facts = (dg_facts_t) { DG_FACTS_KNOWN, rows.rows, rows.count };
    return err;
}


/* Items */

static dg_err_t
read_item(const reader_t *r, const dg_json_t *item)
{
    const dg_json_t  *id = follow(item, r->lookup->telling->id);

    if (id == NULL || id->type != DG_JSON_STRING) {
        return invalid(r, "has an item without an id");
    }

    for (size_t i = 0; i < r->count; i++) {
        if (dg_span_equal(r->ids[i], id->text)) {
            return r->facts[i].state != DG_FACTS_UNKNOWN
                   ? invalid(r, "has a resource twice")
                   : read_rows(r, item, &r->facts[i]);
        }
    }

    return invalid(r, "is about a resource that was not asked for");
}


static dg_err_t
read_items(const reader_t *r, const dg_json_t *root)
{
    dg_err_t          err = DG_OK;
    const dg_json_t  *list = follow(root, r->lookup->telling->items);
    const dg_json_t  *item, *next;

    if (list == NULL || list->type != DG_JSON_ARRAY) {
        return invalid(r, "has no list of them");
    }

    for (item = list->first; item != NULL && err == DG_OK; item = item->next) {
        err = read_item(r, item);
    }

    next = follow(root, DG_SPAN("NextToken"));

    if (err != DG_OK || (next != NULL && next->text.len != 0)) {
        return err;
    }

    for (size_t i = 0; i < r->count; i++) {
        if (r->facts[i].state == DG_FACTS_UNKNOWN) {
            r->facts[i].state = DG_FACTS_NO_RESOURCE;
        }
    }

    return DG_OK;
}


/* "namespace#Code" or "Code:address" */
static dg_span_t
error_code(const dg_json_t *root)
{
    dg_span_t  code = DG_SPAN_EMPTY, name;
    size_t     hash;

    (void) dg_json_string(root, DG_SPAN("__type"), &code);

    hash = dg_span_find(code, '#');
    name = hash < code.len ? dg_span_slice(code, hash + 1, code.len) : code;

    return dg_span_slice(name, 0, dg_span_find(name, ':'));
}


static dg_err_t
read_refusal(const reader_t *r, unsigned status, dg_span_t answer)
{
    const dg_json_t  *root = NULL;
    dg_span_t         code;
    char              quoted[DG_JSON_QUOTED];

    if (dg_json_parse(r->arena, answer, &answer_limits, NULL, &root)
        != DG_OK)
    {
        root = NULL;
    }

    code = error_code(root);

    if (r->count == 1 && r->lookup->telling->missing.len != 0
        && dg_span_equal(code, r->lookup->telling->missing))
    {
        r->facts[0].state = DG_FACTS_NO_RESOURCE;
        return DG_OK;
    }

    return dg_diag(r->diag, DG_ERR_UNSUPPORTED, 0, 0, "%.*s answered %u, %s",
                   (int) r->lookup->name.len,
                   (const char *) r->lookup->name.data, status,
                   dg_json_quote(quoted, code));
}


static void
forget(dg_facts_t *facts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        facts[i] = (dg_facts_t) { DG_FACTS_UNKNOWN, NULL, 0 };
    }
}


dg_err_t
dg_lookup_read(dg_arena_t *arena, const dg_operation_t *lookup,
    const dg_span_t *ids, size_t count, unsigned status, dg_span_t answer,
    dg_facts_t *facts, dg_diag_t *diag)
{
    reader_t          r = { arena, lookup, ids, count, facts, diag };
    dg_err_t          err;
    const dg_json_t  *root;

    forget(facts, count);

    if (status != 200) {
        return read_refusal(&r, status, answer);
    }

    err = dg_json_parse(arena, answer, &answer_limits, diag, &root);

    if (err == DG_OK && root->type != DG_JSON_OBJECT) {
        err = invalid(&r, "is no object");
    }

    if (err == DG_OK) {
        err = lookup->telling->items.len != 0
              ? read_items(&r, root) : read_rows(&r, root, &facts[0]);
    }

    if (err != DG_OK) {
        forget(facts, count);
    }

    return err;
}


/* Packed: a state, then lengths of two bytes and texts */

static void
write_text(dg_writer_t *w, dg_span_t text)
{
    if (text.len > UINT16_MAX) {
        w->overflow = true;
        return;
    }

    dg_write_char(w, (char) (text.len >> 8));
    dg_write_char(w, (char) (text.len & 0xff));
    dg_write_span(w, text);
}


void
dg_lookup_pack(dg_writer_t *w, const dg_facts_t *facts)
{
    dg_write_char(w, facts->state == DG_FACTS_KNOWN ? PACKED_KNOWN
                                                    : PACKED_NONE);

    for (size_t i = 0; i < facts->count; i++) {
        write_text(w, facts->rows[i].key);
        write_text(w, facts->rows[i].value);
    }
}


static bool
read_text(dg_span_t *rest, dg_span_t *text)
{
    size_t  len;

    if (rest->len < 2) {
        return false;
    }

    len = (size_t) rest->data[0] << 8 | rest->data[1];

    if (rest->len - 2 < len) {
        return false;
    }

    *text = dg_span_slice(*rest, 2, 2 + len);
    *rest = dg_span_slice(*rest, 2 + len, rest->len);

    return true;
}


/* How many rows; false when they are none. */
static bool
count_rows(dg_span_t packed, size_t *count)
{
    dg_span_t  key, value;

    for (*count = 0; packed.len != 0; (*count)++) {
        if (!read_text(&packed, &key) || !read_text(&packed, &value)) {
            return false;
        }
    }

    return *count <= DG_LOOKUP_ROWS_MAX;
}


dg_err_t
dg_lookup_unpack(dg_arena_t *arena, dg_span_t packed, dg_facts_t *facts)
{
    size_t      more;
    dg_span_t   rest;
    dg_fact_t  *rows;

    rest = dg_span_slice(packed, 1, packed.len);

    if (packed.len == 0
        || (packed.data[0] != PACKED_KNOWN && packed.data[0] != PACKED_NONE)
        || !count_rows(rest, &more))
    {
        return DG_ERR_SYNTAX;
    }

    if (packed.data[0] == PACKED_NONE
        || facts->state == DG_FACTS_NO_RESOURCE)
    {
        *facts = (dg_facts_t) { DG_FACTS_NO_RESOURCE, NULL, 0 };
        return DG_OK;
    }

    rows = dg_arena_alloc(arena, (facts->count + more + 1) * sizeof(*rows));
    if (rows == NULL) {
        return DG_ERR_MEMORY;
    }

    if (facts->count != 0) {
        memcpy(rows, facts->rows, facts->count * sizeof(*rows));
    }

    for (size_t i = 0; i < more; i++) {
        (void) read_text(&rest, &rows[facts->count + i].key);
        (void) read_text(&rest, &rows[facts->count + i].value);
    }

    *facts = (dg_facts_t) { DG_FACTS_KNOWN, rows, facts->count + more };
    return DG_OK;
}
