/*
 * Requirements expressions: see dg_requirements.h.
 */

#include "dg_requirements.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_TEXT  64

typedef enum {
    OP_OR,
    OP_AND,
    OP_NOT,
    OP_EQUAL,
    OP_NOT_EQUAL,
    OP_MORE,
    OP_MORE_EQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_CONTAINS
} op_t;

struct dg_requirements_s {
    op_t                op;
    bool                is_tag;
    bool                is_number;
    double              number;
    dg_span_t           name;
    dg_span_t           text;
    dg_requirements_t  *left;
    dg_requirements_t  *right;
};

typedef struct {
    dg_arena_t  *arena;
    dg_span_t    text;
    dg_diag_t   *diag;
    size_t       at;
    unsigned     depth;
    unsigned     nodes;
} parser_t;

static dg_err_t parse_or(parser_t *p, dg_requirements_t **out);


static int
look(const parser_t *p)
{
    return p->at < p->text.len ? p->text.data[p->at] : -1;
}


static dg_err_t
expected(parser_t *p, const char *what)
{
    return dg_diag(p->diag, DG_ERR_SYNTAX, 1, (unsigned) p->at + 1,
                   "%s is expected at position %u", what,
                   (unsigned) p->at + 1);
}


static void
blanks(parser_t *p)
{
    while (look(p) == ' ' || look(p) == '\t' || look(p) == '\n'
           || look(p) == '\r')
    {
        p->at++;
    }
}


static bool
is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}


static bool
is_digit(int c)
{
    return c >= '0' && c <= '9';
}


static bool
in_name(const parser_t *p)
{
    int  c = look(p);

    if (c == ':') {
        return p->at + 1 < p->text.len && p->text.data[p->at + 1] != '=';
    }

    return is_letter(c) || is_digit(c)
           || (c > 0 && strchr("_./+@-", c) != NULL);
}


/* Takes the word when it stands here alone. */
static bool
word(parser_t *p, const char *text)
{
    size_t     end;
    dg_span_t  w = dg_span_cstr(text);

    blanks(p);

    end = p->at + w.len;

    if (!dg_span_equal_nocase(dg_span_slice(p->text, p->at, end), w)
        || (end < p->text.len && (is_letter(p->text.data[end])
                                  || is_digit(p->text.data[end])
                                  || p->text.data[end] == '_'
                                  || p->text.data[end] == ':')))
    {
        return false;
    }

    p->at = end;
    return true;
}


static dg_err_t
node(parser_t *p, op_t op, dg_requirements_t **out)
{
    if (++p->nodes > DG_REQUIREMENTS_NODES) {
        return dg_diag(p->diag, DG_ERR_LIMIT, 1, (unsigned) p->at + 1,
                       "the expression has more than %d terms",
                       DG_REQUIREMENTS_NODES);
    }

    *out = dg_arena_calloc(p->arena, 1, sizeof(dg_requirements_t));
    if (*out == NULL) {
        return dg_diag(p->diag, DG_ERR_MEMORY, 0, 0, "no memory");
    }

    (*out)->op = op;
    return DG_OK;
}


static dg_err_t
parse_name(parser_t *p, dg_requirements_t *n)
{
    size_t     from;
    dg_span_t  rest = dg_span_slice(p->text, p->at, p->text.len);

    if (dg_span_starts_with(rest, DG_SPAN("tag:"))) {
        n->is_tag = true;
        p->at += 4;

    } else if (dg_span_starts_with(rest, DG_SPAN("server:"))) {
        p->at += 7;

    } else {
        return expected(p, "\"tag:\" or \"server:\"");
    }

    from = p->at;

    while (in_name(p)) {
        p->at++;
    }

    if (p->at == from) {
        return expected(p, "a name");
    }

    n->name = dg_arena_copy(p->arena, dg_span_slice(p->text, from, p->at));
    return n->name.data == NULL ? DG_ERR_MEMORY : DG_OK;
}


static dg_err_t
parse_operator(parser_t *p, dg_requirements_t *n)
{
    size_t     i;
    dg_span_t  rest;

    /* the longer ones first */
    static const struct {
        const char  *text;
        op_t         op;
    } operators[] = {
        { ":=", OP_CONTAINS }, { "!=", OP_NOT_EQUAL },
        { ">=", OP_MORE_EQUAL }, { "<=", OP_LESS_EQUAL }, { "=", OP_EQUAL },
        { ">", OP_MORE }, { "<", OP_LESS }
    };

    blanks(p);
    rest = dg_span_slice(p->text, p->at, p->text.len);

    for (i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (dg_span_starts_with(rest, dg_span_cstr(operators[i].text))) {
            n->op = operators[i].op;
            p->at += strlen(operators[i].text);
            return DG_OK;
        }
    }

    return expected(p, "an operator");
}


static dg_err_t
parse_text(parser_t *p, dg_requirements_t *n)
{
    uint8_t  *copy;
    size_t    len = 0;

    copy = dg_arena_alloc(p->arena, p->text.len + 1);
    if (copy == NULL) {
        return DG_ERR_MEMORY;
    }

    for (p->at++; look(p) >= 0; p->at++) {

        if (look(p) == '\'') {
            p->at++;

            if (look(p) != '\'') {
                n->text = dg_span(copy, len);
                return DG_OK;
            }
        }

        copy[len++] = p->text.data[p->at];
    }

    return expected(p, "a closing quote");
}


/* strtod knows more than the grammar does: only these bytes reach it. */
static size_t
number_length(dg_span_t s)
{
    size_t  i = 0, digits = 0, mark;

    if (i < s.len && (s.data[i] == '-' || s.data[i] == '+')) {
        i++;
    }

    for ( /* void */ ; i < s.len && is_digit(s.data[i]); i++) {
        digits++;
    }

    if (i < s.len && s.data[i] == '.') {
        for (i++; i < s.len && is_digit(s.data[i]); i++) {
            digits++;
        }
    }

    if (digits == 0) {
        return 0;
    }

    mark = i;

    if (i < s.len && (s.data[i] == 'e' || s.data[i] == 'E')) {
        i++;

        if (i < s.len && (s.data[i] == '-' || s.data[i] == '+')) {
            i++;
        }

        if (i == s.len || !is_digit(s.data[i])) {
            return mark;
        }

        while (i < s.len && is_digit(s.data[i])) {
            i++;
        }
    }

    return i;
}


static bool
to_number(dg_span_t s, double *value)
{
    char  digits[NUMBER_TEXT];

    if (s.len == 0 || s.len >= sizeof(digits) || number_length(s) != s.len) {
        return false;
    }

    memcpy(digits, s.data, s.len);
    digits[s.len] = '\0';
    *value = strtod(digits, NULL);

    return true;
}


static dg_err_t
parse_literal(parser_t *p, dg_requirements_t *n)
{
    size_t     len;
    dg_span_t  rest;

    blanks(p);

    if (look(p) == '\'') {
        return parse_text(p, n);
    }

    rest = dg_span_slice(p->text, p->at, p->text.len);
    len = number_length(rest);

    if (len == 0 || !to_number(dg_span_slice(rest, 0, len), &n->number)) {
        return expected(p, "a quoted text or a number");
    }

    n->is_number = true;
    n->text = dg_arena_copy(p->arena, dg_span_slice(rest, 0, len));
    p->at += len;

    return n->text.data == NULL ? DG_ERR_MEMORY : DG_OK;
}


static dg_err_t
parse_comparison(parser_t *p, dg_requirements_t **out)
{
    dg_err_t  err = node(p, OP_EQUAL, out);

    if (err == DG_OK) {
        err = parse_name(p, *out);
    }

    if (err == DG_OK) {
        err = parse_operator(p, *out);
    }

    return err == DG_OK ? parse_literal(p, *out) : err;
}


static dg_err_t
parse_factor(parser_t *p, dg_requirements_t **out)
{
    dg_err_t            err;
    dg_requirements_t  *inner = NULL;

    if (++p->depth > DG_REQUIREMENTS_DEPTH) {
        return dg_diag(p->diag, DG_ERR_LIMIT, 1, (unsigned) p->at + 1,
                       "the expression is deeper than %d levels",
                       DG_REQUIREMENTS_DEPTH);
    }

    if (word(p, "not")) {
        err = parse_factor(p, &inner);

        if (err == DG_OK) {
            err = node(p, OP_NOT, out);
        }

        if (err == DG_OK) {
            (*out)->left = inner;
        }

    } else if (look(p) == '(') {
        p->at++;
        err = parse_or(p, out);
        blanks(p);

        if (err == DG_OK && look(p) != ')') {
            err = expected(p, "\")\"");
        }

        p->at++;

    } else {
        err = parse_comparison(p, out);
    }

    p->depth--;
    return err;
}


/* A chain of operands of one kind, to the left. */
static dg_err_t
parse_chain(parser_t *p, op_t op, const char *name,
    dg_err_t (*operand)(parser_t *p, dg_requirements_t **out),
    dg_requirements_t **out)
{
    dg_err_t            err;
    dg_requirements_t  *both, *right;

    err = operand(p, out);

    while (err == DG_OK && word(p, name)) {
        right = NULL;
        both = NULL;

        err = operand(p, &right);

        if (err == DG_OK) {
            err = node(p, op, &both);
        }

        if (err == DG_OK) {
            both->left = *out;
            both->right = right;
            *out = both;
        }
    }

    return err;
}


static dg_err_t
parse_and(parser_t *p, dg_requirements_t **out)
{
    return parse_chain(p, OP_AND, "and", parse_factor, out);
}


static dg_err_t
parse_or(parser_t *p, dg_requirements_t **out)
{
    return parse_chain(p, OP_OR, "or", parse_and, out);
}


dg_err_t
dg_requirements_parse(dg_arena_t *arena, dg_span_t text, dg_diag_t *diag,
    dg_requirements_t **out)
{
    dg_err_t  err;
    parser_t  p = { .arena = arena, .text = text, .diag = diag };

    *out = NULL;

    if (text.len > DG_REQUIREMENTS_TEXT) {
        return dg_diag(diag, DG_ERR_LIMIT, 0, 0,
                       "the expression is longer than %d bytes",
                       DG_REQUIREMENTS_TEXT);
    }

    err = parse_or(&p, out);

    if (err == DG_OK) {
        blanks(&p);

        if (p.at != text.len) {
            err = expected(&p, "\"and\", \"or\" or the end");
        }
    }

    if (err != DG_OK) {
        *out = NULL;
    }

    return err;
}


static bool
contains(dg_span_t s, dg_span_t part)
{
    size_t  i;

    for (i = 0; i + part.len <= s.len; i++) {
        if (dg_span_starts_with(dg_span_slice(s, i, s.len), part)) {
            return true;
        }
    }

    return false;
}


static bool
ordered(op_t op, int order)
{
    switch (op) {

    case OP_EQUAL:
        return order == 0;

    case OP_NOT_EQUAL:
        return order != 0;

    case OP_MORE:
        return order > 0;

    case OP_MORE_EQUAL:
        return order >= 0;

    case OP_LESS:
        return order < 0;

    case OP_LESS_EQUAL:
        return order <= 0;

    default:
        return false;
    }
}


static bool
compare(const dg_requirements_t *n, dg_requirements_lookup_pt lookup,
    void *ctx)
{
    double     number;
    dg_span_t  value;

    if (!lookup(ctx, n->is_tag, n->name, &value)) {
        return n->op == OP_NOT_EQUAL;
    }

    if (n->op == OP_CONTAINS) {
        return contains(value, n->text);
    }

    if (!n->is_number) {
        return ordered(n->op, dg_span_compare(value, n->text));
    }

    if (!to_number(value, &number)) {
        return n->op == OP_NOT_EQUAL;
    }

    return ordered(n->op, number > n->number ? 1
                          : number < n->number ? -1 : 0);
}


/* Depth is that of the tree, which the number of nodes bounds. */
bool
dg_requirements_match(const dg_requirements_t *n,
    dg_requirements_lookup_pt lookup, void *ctx)
{
    switch (n->op) {

    case OP_OR:
        return dg_requirements_match(n->left, lookup, ctx)
               || dg_requirements_match(n->right, lookup, ctx);

    case OP_AND:
        return dg_requirements_match(n->left, lookup, ctx)
               && dg_requirements_match(n->right, lookup, ctx);

    case OP_NOT:
        return !dg_requirements_match(n->left, lookup, ctx);

    default:
        return compare(n, lookup, ctx);
    }
}
