/*
 * Parser and evaluator of Requirements: see dg_requirements.h.
 */

#include "dg_requirements.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX  63  /* characters of a number */

typedef struct {
    dg_arena_t  *arena;
    dg_span_t    text;
    size_t       at;
    unsigned     depth;
    unsigned     terms;
    dg_diag_t   *diag;
} parser_t;

static dg_err_t parse_or(parser_t *p, const dg_requirements_t **out);


static bool
is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}


static bool
is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}


static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}


static bool
is_word(uint8_t c)
{
    return is_letter(c) || is_digit(c) || c >= 0x80
           || (c != 0 && strchr("_.-/+@", c) != NULL);
}


static uint8_t
peek(const parser_t *p, size_t ahead)
{
    return p->at + ahead < p->text.len ? p->text.data[p->at + ahead] : 0;
}


static void
skip_blanks(parser_t *p)
{
    while (is_blank(peek(p, 0))) {
        p->at++;
    }
}


static dg_err_t
expected(parser_t *p, const char *what)
{
    return dg_diag(p->diag, DG_ERR_SYNTAX, 1, (unsigned) p->at + 1,
                   "Requirements: expected %s at position %zu", what,
                   p->at + 1);
}


static dg_err_t
exceeded(parser_t *p, const char *what)
{
    return dg_diag(p->diag, DG_ERR_LIMIT, 1, (unsigned) p->at + 1,
                   "Requirements: %s at position %zu", what, p->at + 1);
}


/* Takes a word of the language, which a word's character may not follow. */
static bool
take_keyword(parser_t *p, const char *keyword)
{
    dg_span_t  word = dg_span_cstr(keyword);

    skip_blanks(p);

    if (!dg_span_equal_nocase(dg_span_slice(p->text, p->at,
                                            p->at + word.len), word)
        || is_word(peek(p, word.len)) || peek(p, word.len) == ':')
    {
        return false;
    }

    p->at += word.len;
    return true;
}


static dg_err_t
make(parser_t *p, dg_requirements_op_t op, const dg_requirements_t *left,
    const dg_requirements_t *right, const dg_requirements_t **out)
{
    dg_requirements_t  *node = dg_arena_calloc(p->arena, 1, sizeof(*node));

    if (node == NULL) {
        return DG_ERR_MEMORY;
    }

    node->op = op;
    node->left = left;
    node->right = right;
    *out = node;
    return DG_OK;
}


/* 'text', where '' stands for one quote */
static dg_err_t
parse_string(parser_t *p, dg_span_t *out)
{
    uint8_t  *buffer;
    size_t    n = 0;

    buffer = dg_arena_alloc(p->arena, p->text.len - p->at + 1);
    if (buffer == NULL) {
        return DG_ERR_MEMORY;
    }

    p->at++;

    while (p->at < p->text.len) {
        if (peek(p, 0) == '\'') {
            if (peek(p, 1) != '\'') {
                p->at++;
                *out = dg_span(buffer, n);
                return DG_OK;
            }

            p->at++;
        }

        buffer[n++] = peek(p, 0);
        p->at++;
    }

    return expected(p, "the quote that ends the string");
}


static bool
take_digits(parser_t *p)
{
    size_t  from = p->at;

    while (is_digit(peek(p, 0))) {
        p->at++;
    }

    return p->at > from;
}


static dg_err_t
parse_number(parser_t *p, dg_span_t *out)
{
    size_t  from = p->at;

    if (peek(p, 0) == '-' || peek(p, 0) == '+') {
        p->at++;
    }

    if (!take_digits(p)) {
        return expected(p, "a string in single quotes or a number");
    }

    if (peek(p, 0) == '.') {
        p->at++;

        if (!take_digits(p)) {
            return expected(p, "a digit");
        }
    }

    if (peek(p, 0) == 'e' || peek(p, 0) == 'E') {
        p->at++;

        if (peek(p, 0) == '-' || peek(p, 0) == '+') {
            p->at++;
        }

        if (!take_digits(p)) {
            return expected(p, "a digit of the exponent");
        }
    }

    if (is_word(peek(p, 0))) {
        return expected(p, "the end of the number");
    }

    if (p->at - from > NUMBER_MAX) {
        return exceeded(p, "a number is too long");
    }

    *out = dg_arena_copy(p->arena, dg_span_slice(p->text, from, p->at));
    return out->data ? DG_OK : DG_ERR_MEMORY;
}


static bool
take_prefix(parser_t *p, const char *prefix)
{
    dg_span_t  s = dg_span_cstr(prefix);

    if (!dg_span_equal_nocase(dg_span_slice(p->text, p->at, p->at + s.len),
                              s))
    {
        return false;
    }

    p->at += s.len;
    return true;
}


/* "tag:" or "server:" and the name, quoted or not, become one text. */
static dg_err_t
join_name(parser_t *p, dg_requirements_t *node, dg_span_t name)
{
    dg_span_t    prefix = node->is_tag ? DG_SPAN("tag:") : DG_SPAN("server:");
    size_t       size = prefix.len + name.len;
    dg_writer_t  w = dg_writer(dg_arena_alloc(p->arena, size), size);

    if (w.data == NULL) {
        return DG_ERR_MEMORY;
    }

    dg_write_span(&w, prefix);
    dg_write_span(&w, name);
    node->full_name = dg_written(&w);
    node->name = dg_span_slice(node->full_name, prefix.len, size);
    return DG_OK;
}


static dg_err_t
parse_name(parser_t *p, dg_requirements_t *node)
{
    size_t     from;
    dg_span_t  name = DG_SPAN_EMPTY;
    dg_err_t   err;

    skip_blanks(p);

    node->is_tag = take_prefix(p, "tag:");

    if (!node->is_tag && !take_prefix(p, "server:")) {
        return expected(p, "a name that begins with tag: or server:");
    }

    if (peek(p, 0) == '\'') {
        err = parse_string(p, &name);
        return err ? err : join_name(p, node, name);
    }

    from = p->at;

    /* a colon belongs to the name unless it begins the operator */

    while (is_word(peek(p, 0))
           || (peek(p, 0) == ':' && peek(p, 1) != '='))
    {
        p->at++;
    }

    if (p->at == from) {
        return expected(p, "a name");
    }

    return join_name(p, node, dg_span_slice(p->text, from, p->at));
}


static dg_err_t
parse_operator(parser_t *p, dg_requirements_op_t *op)
{
    static const struct {
        const char            *text;
        dg_requirements_op_t   op;
    } operators[] = {
        { "!=", DG_REQUIREMENTS_NOT_EQUAL },
        { ">=", DG_REQUIREMENTS_GREATER_EQUAL },
        { "<=", DG_REQUIREMENTS_LESS_EQUAL },
        { ":=", DG_REQUIREMENTS_CONTAINS },
        { "=", DG_REQUIREMENTS_EQUAL },
        { ">", DG_REQUIREMENTS_GREATER },
        { "<", DG_REQUIREMENTS_LESS }
    };
    size_t  i;

    skip_blanks(p);

    for (i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (take_prefix(p, operators[i].text)) {
            *op = operators[i].op;
            return DG_OK;
        }
    }

    return expected(p, "one of = != > >= < <= :=");
}


static dg_err_t
parse_comparison(parser_t *p, const dg_requirements_t **out)
{
    dg_requirements_t  *node = dg_arena_calloc(p->arena, 1, sizeof(*node));
    dg_err_t            err;

    if (node == NULL) {
        return DG_ERR_MEMORY;
    }

    if (++p->terms > DG_REQUIREMENTS_TERMS_MAX) {
        return exceeded(p, "too many comparisons");
    }

    if ((err = parse_name(p, node)) != DG_OK
        || (err = parse_operator(p, &node->op)) != DG_OK)
    {
        return err;
    }

    skip_blanks(p);

    node->is_number = peek(p, 0) != '\'';
    err = node->is_number ? parse_number(p, &node->value)
                          : parse_string(p, &node->value);
    *out = node;
    return err;
}


static dg_err_t
parse_group(parser_t *p, const dg_requirements_t **out)
{
    dg_err_t  err;

    p->at++;

    err = parse_or(p, out);
    if (err != DG_OK) {
        return err;
    }

    skip_blanks(p);

    if (peek(p, 0) != ')') {
        return expected(p, "and, or, or a closing parenthesis");
    }

    p->at++;
    return DG_OK;
}


static dg_err_t
parse_not(parser_t *p, const dg_requirements_t **out)
{
    const dg_requirements_t  *inner = NULL;
    dg_err_t                  err;

    if (++p->depth > DG_REQUIREMENTS_DEPTH_MAX) {
        return exceeded(p, "nested too deep");
    }

    if (take_keyword(p, "not")) {
        err = parse_not(p, &inner);

        if (err == DG_OK) {
            err = make(p, DG_REQUIREMENTS_NOT, inner, NULL, out);
        }

    } else if (peek(p, 0) == '(') {
        err = parse_group(p, out);

    } else {
        err = parse_comparison(p, out);
    }

    p->depth--;
    return err;
}


static dg_err_t
parse_and(parser_t *p, const dg_requirements_t **out)
{
    const dg_requirements_t  *left = NULL, *right = NULL;
    dg_err_t                  err = parse_not(p, &left);

    while (err == DG_OK && take_keyword(p, "and")) {
        err = parse_not(p, &right);

        if (err == DG_OK) {
            err = make(p, DG_REQUIREMENTS_AND, left, right, &left);
        }
    }

    *out = left;
    return err;
}


static dg_err_t
parse_or(parser_t *p, const dg_requirements_t **out)
{
    const dg_requirements_t  *left = NULL, *right = NULL;
    dg_err_t                  err = parse_and(p, &left);

    while (err == DG_OK && take_keyword(p, "or")) {
        err = parse_and(p, &right);

        if (err == DG_OK) {
            err = make(p, DG_REQUIREMENTS_OR, left, right, &left);
        }
    }

    *out = left;
    return err;
}


dg_err_t
dg_requirements_parse(dg_arena_t *arena, dg_span_t text, dg_diag_t *diag,
    const dg_requirements_t **out)
{
    parser_t  p = { .arena = arena, .text = text, .diag = diag };
    dg_err_t  err;

    *out = NULL;

    if (text.len > DG_REQUIREMENTS_TEXT_MAX) {
        return exceeded(&p, "the text is too long");
    }

    skip_blanks(&p);
    if (p.at == text.len) {
        return DG_OK;
    }

    err = parse_or(&p, out);
    if (err != DG_OK) {
        return err;
    }

    skip_blanks(&p);

    return p.at < text.len ? expected(&p, "and, or, or the end") : DG_OK;
}


static bool
to_number(dg_span_t text, double *value)
{
    char   buffer[NUMBER_MAX + 1];
    char  *end;

    if (text.len == 0 || text.len > NUMBER_MAX
        || !(is_digit(text.data[0]) || text.data[0] == '-'
             || text.data[0] == '+'))
    {
        return false;
    }

    memcpy(buffer, text.data, text.len);
    buffer[text.len] = '\0';
    *value = strtod(buffer, &end);
    return end == buffer + text.len;
}


/* <0, 0 or >0; false when the two cannot be compared */
static bool
order(const dg_requirements_t *node, dg_span_t value, int *result)
{
    double  a, b;

    if (!node->is_number) {
        *result = dg_span_compare(value, node->value);
        return true;
    }

    if (!to_number(value, &a) || !to_number(node->value, &b)) {
        return false;
    }

    *result = (a > b) - (a < b);
    return true;
}


static bool
contains(dg_span_t text, dg_span_t part)
{
    size_t  i;

    for (i = 0; i + part.len <= text.len; i++) {
        if (dg_span_equal(dg_span_slice(text, i, i + part.len), part)) {
            return true;
        }
    }

    return false;
}


static bool
compare(const dg_requirements_t *node, dg_span_t value)
{
    int  result;

    if (node->op == DG_REQUIREMENTS_CONTAINS) {
        return contains(value, node->value);
    }

    if (!order(node, value, &result)) {
        return node->op == DG_REQUIREMENTS_NOT_EQUAL;
    }

    switch (node->op) {

    case DG_REQUIREMENTS_EQUAL:
        return result == 0;

    case DG_REQUIREMENTS_NOT_EQUAL:
        return result != 0;

    case DG_REQUIREMENTS_GREATER:
        return result > 0;

    case DG_REQUIREMENTS_GREATER_EQUAL:
        return result >= 0;

    case DG_REQUIREMENTS_LESS:
        return result < 0;

    default:
        return result <= 0;
    }
}


bool
dg_requirements_match(const dg_requirements_t *node,
    dg_requirements_lookup_pt lookup, void *ctx)
{
    dg_span_t  value;

    if (node == NULL) {
        return true;
    }

    switch (node->op) {

    case DG_REQUIREMENTS_AND:
        return dg_requirements_match(node->left, lookup, ctx)
               && dg_requirements_match(node->right, lookup, ctx);

    case DG_REQUIREMENTS_OR:
        return dg_requirements_match(node->left, lookup, ctx)
               || dg_requirements_match(node->right, lookup, ctx);

    case DG_REQUIREMENTS_NOT:
        return !dg_requirements_match(node->left, lookup, ctx);

    default:
        return lookup(ctx, node->is_tag, node->name, &value)
               && compare(node, value);
    }
}


/* Gathering: n is how many there are already. */

static size_t
demanded(const dg_requirements_t *node, bool is_tag, dg_span_t name,
    dg_span_t *values, size_t n)
{
    if (node->op == DG_REQUIREMENTS_AND) {
        n = demanded(node->left, is_tag, name, values, n);
        return demanded(node->right, is_tag, name, values, n);
    }

    if (node->op == DG_REQUIREMENTS_EQUAL && node->is_tag == is_tag
        && !(is_tag && node->is_number)
        && dg_span_equal_nocase(node->name, name))
    {
        values[n++] = node->value;
    }

    return n;
}


size_t
dg_requirements_demanded(const dg_requirements_t *node, bool is_tag,
    dg_span_t name, dg_span_t *values)
{
    return node ? demanded(node, is_tag, name, values, 0) : 0;
}


static size_t
gather_names(const dg_requirements_t *node, dg_span_t *names, size_t n)
{
    switch (node->op) {

    case DG_REQUIREMENTS_AND:
    case DG_REQUIREMENTS_OR:
        n = gather_names(node->left, names, n);
        return gather_names(node->right, names, n);

    case DG_REQUIREMENTS_NOT:
        return gather_names(node->left, names, n);

    default:
        names[n++] = node->full_name;
        return n;
    }
}


size_t
dg_requirements_names(const dg_requirements_t *node, dg_span_t *names)
{
    return node ? gather_names(node, names, 0) : 0;
}
