/*
 * Patterns: see dg_policy_pattern.h.
 *
 * A pattern is cut at its stars into chunks.  The first chunk is anchored at
 * the start, the last at the end, each other one is taken where it first
 * fits: no later choice can be better, so there is no going back further.
 */

#include "dg_policy_pattern.h"

#include <string.h>

#define KEYS_FIRST  16

typedef struct {
    const dg_piece_t  *pieces;
    const dg_span_t   *variables;
    size_t             count;
} chunk_t;

typedef struct {
    dg_span_t   text;
    unsigned    flags;
    size_t     *steps;
} subject_t;


dg_err_t
dg_policy_keys_add(dg_policy_keys_t *keys, dg_span_t name, unsigned *index)
{
    dg_span_t  *p;

    for (size_t i = 0; i < keys->count; i++) {
        if (dg_span_equal_nocase(keys->names[i], name)) {
            *index = (unsigned) i;
            return DG_OK;
        }
    }

    if (keys->count == DG_POLICY_KEYS_MAX) {
        return DG_ERR_LIMIT;
    }

    if (keys->count == keys->room) {
        size_t  room = keys->room ? keys->room * 2 : KEYS_FIRST;

        p = dg_arena_calloc(keys->arena, room, sizeof(*p));
        if (p == NULL) {
            return DG_ERR_MEMORY;
        }

        if (keys->count) {
            memcpy(p, keys->names, keys->count * sizeof(*p));
        }

        keys->names = p;
        keys->room = room;
    }

    keys->names[keys->count] = name;
    *index = (unsigned) keys->count++;
    return DG_OK;
}


static uint8_t
lower(uint8_t c)
{
    return (uint8_t) (c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}


/* The length of `${...}` at the front, 0 when it is not closed. */
static size_t
variable_length(dg_span_t text)
{
    bool  quoted = false;

    for (size_t i = 2; i < text.len; i++) {
        if (text.data[i] == '\'') {
            quoted = !quoted;
        }

        if (text.data[i] == '}' && !quoted) {
            return i + 1;
        }
    }

    return 0;
}


static bool
at_variable(dg_span_t text, size_t i)
{
    return i + 1 < text.len && text.data[i] == '$'
           && text.data[i + 1] == '{';
}


/* `inner` is what stands between the braces. */
static dg_err_t
compile_variable(dg_policy_keys_t *keys, dg_span_t inner, dg_piece_t *piece)
{
    size_t     comma = dg_span_find(inner, ',');
    dg_span_t  name = dg_span_trim(dg_span_slice(inner, 0, comma));
    dg_span_t  rest;

    if (inner.len == 1 && strchr("*?$", inner.data[0]) != NULL) {
        piece->kind = DG_PIECE_TEXT;
        piece->text = inner;
        return DG_OK;
    }

    piece->kind = DG_PIECE_VARIABLE;

    if (comma < inner.len) {
        rest = dg_span_trim(dg_span_slice(inner, comma + 1, inner.len));

        if (rest.len < 2 || rest.data[0] != '\''
            || dg_span_find(dg_span_slice(rest, 1, rest.len), '\'')
               != rest.len - 2)
        {
            return DG_ERR_SYNTAX;
        }

        piece->has_default = true;
        piece->text = dg_span_slice(rest, 1, rest.len - 1);
    }

    if (name.len == 0 || dg_span_find(name, '{') < name.len
        || dg_span_find(name, '*') < name.len)
    {
        return DG_ERR_SYNTAX;
    }

    return dg_policy_keys_add(keys, name, &piece->key);
}


/* The length of the piece at the front of the text. */
static size_t
piece_length(dg_span_t text, unsigned flags)
{
    size_t  i;

    for (i = 0; i < text.len; i++) {

        if ((flags & DG_PATTERN_WILDCARDS)
            && (text.data[i] == '*' || text.data[i] == '?'))
        {
            return i ? i : 1;
        }

        if ((flags & DG_PATTERN_VARIABLES) && at_variable(text, i)) {
            return i ? i : variable_length(text);
        }
    }

    return i;
}


static dg_err_t
compile_piece(dg_policy_keys_t *keys, dg_span_t part, unsigned flags,
    dg_piece_t *piece)
{
    if ((flags & DG_PATTERN_WILDCARDS) && part.data != NULL) {
        if (part.data[0] == '*' || part.data[0] == '?') {
            piece->kind = part.data[0] == '*' ? DG_PIECE_STAR : DG_PIECE_ANY;
            return DG_OK;
        }
    }

    if ((flags & DG_PATTERN_VARIABLES) && at_variable(part, 0)) {
        return compile_variable(keys, dg_span_slice(part, 2, part.len - 1),
                                piece);
    }

    piece->kind = DG_PIECE_TEXT;
    piece->text = part;
    return DG_OK;
}


static size_t
count_pieces(dg_span_t text, unsigned flags)
{
    size_t  n = 0, len;

    for (size_t i = 0; i < text.len; i += len, n++) {
        len = piece_length(dg_span_slice(text, i, text.len), flags);

        if (len == 0) {
            return SIZE_MAX;
        }
    }

    return n;
}


static dg_pattern_form_t
form_of(const dg_piece_t *pieces, size_t count)
{
    bool  text = count > 0 && pieces[0].kind == DG_PIECE_TEXT;

    if (count == 1 && pieces[0].kind == DG_PIECE_STAR) {
        return DG_PATTERN_ALL;
    }

    if (count == 2 && text && pieces[1].kind == DG_PIECE_STAR) {
        return DG_PATTERN_PREFIX;
    }

    return count == 1 && text ? DG_PATTERN_EXACT : DG_PATTERN_PIECES;
}


dg_err_t
dg_pattern_compile(dg_policy_keys_t *keys, dg_arena_t *arena, dg_span_t text,
    unsigned flags, dg_pattern_t *out)
{
    dg_err_t     err;
    dg_piece_t  *pieces;
    size_t       n = count_pieces(text, flags), used = 0, len;

    if (n == SIZE_MAX) {
        return DG_ERR_SYNTAX;
    }

    pieces = dg_arena_calloc(arena, n ? n : 1, sizeof(*pieces));
    if (pieces == NULL) {
        return DG_ERR_MEMORY;
    }

    *out = (dg_pattern_t) { .pieces = pieces };

    for (size_t i = 0; i < text.len; i += len) {
        len = piece_length(dg_span_slice(text, i, text.len), flags);

        err = compile_piece(keys, dg_span_slice(text, i, i + len), flags,
                            &pieces[used]);
        if (err != DG_OK) {
            return err;
        }

        if (pieces[used].kind == DG_PIECE_VARIABLE
            && ++out->variables > DG_POLICY_VARIABLES_MAX)
        {
            return DG_ERR_LIMIT;
        }

        /* "**" is "*" */
        if (used == 0 || pieces[used].kind != DG_PIECE_STAR
            || pieces[used - 1].kind != DG_PIECE_STAR)
        {
            used++;
        }
    }

    out->count = used;
    out->form = form_of(pieces, used);
    return DG_OK;
}


bool
dg_pattern_is_all(const dg_pattern_t *pattern)
{
    return pattern->form == DG_PATTERN_ALL;
}


static bool
spend(const subject_t *s, size_t n)
{
    if (*s->steps <= n) {
        *s->steps = 0;
        return false;
    }

    *s->steps -= n;
    return true;
}


static bool
same_text(const subject_t *s, size_t at, dg_span_t part)
{
    const uint8_t  *p = s->text.data + at;

    if (part.len > s->text.len - at) {
        return false;
    }

    if (!(s->flags & DG_PATTERN_NOCASE)) {
        return part.len == 0 || memcmp(p, part.data, part.len) == 0;
    }

    for (size_t i = 0; i < part.len; i++) {
        if (lower(p[i]) != lower(part.data[i])) {
            return false;
        }
    }

    return true;
}


/* Past one character at `at`; SIZE_MAX when there is none to take. */
static size_t
skip_character(const subject_t *s, size_t at)
{
    if (at == s->text.len
        || ((s->flags & DG_PATTERN_SEGMENTS) && s->text.data[at] == ':'))
    {
        return SIZE_MAX;
    }

    do {
        at++;
    } while (at < s->text.len && (s->text.data[at] & 0xc0) == 0x80);

    return at;
}


/* Where the chunk ends when it stands at `at`; SIZE_MAX when it does not. */
static size_t
chunk_at(const subject_t *s, const chunk_t *chunk, size_t at)
{
    const dg_span_t  *variable = chunk->variables;
    dg_span_t         part;

    for (size_t i = 0; i < chunk->count; i++) {

        if (chunk->pieces[i].kind == DG_PIECE_ANY) {
            at = skip_character(s, at);
            if (at == SIZE_MAX || !spend(s, 1)) {
                return SIZE_MAX;
            }

            continue;
        }

        part = chunk->pieces[i].kind == DG_PIECE_VARIABLE
               ? *variable++ : chunk->pieces[i].text;

        if (!spend(s, part.len + 1) || !same_text(s, at, part)) {
            return SIZE_MAX;
        }

        at += part.len;
    }

    return at;
}


/* The first place at or behind `from` where the chunk stands; its end. */
static size_t
chunk_find(const subject_t *s, const chunk_t *chunk, size_t from,
    bool to_end)
{
    size_t  end;

    for (size_t at = from; at <= s->text.len; at++) {
        end = chunk_at(s, chunk, at);

        if (end != SIZE_MAX && (!to_end || end == s->text.len)) {
            return end;
        }

        if (*s->steps == 0
            || ((s->flags & DG_PATTERN_SEGMENTS) && at < s->text.len
                && s->text.data[at] == ':'))
        {
            return SIZE_MAX;
        }
    }

    return SIZE_MAX;
}


/* The bytes of a chunk of text and variables; SIZE_MAX when it has a `?`. */
static size_t
chunk_length(const chunk_t *chunk)
{
    const dg_span_t  *variable = chunk->variables;
    size_t            n = 0;

    for (size_t i = 0; i < chunk->count; i++) {
        if (chunk->pieces[i].kind == DG_PIECE_ANY) {
            return SIZE_MAX;
        }

        n += chunk->pieces[i].kind == DG_PIECE_VARIABLE
             ? (variable++)->len : chunk->pieces[i].text.len;
    }

    return n;
}


/* The last chunk stands at the end of the text, if anywhere. */
static bool
chunk_ends(const subject_t *s, const chunk_t *chunk, size_t from)
{
    size_t  len = chunk_length(chunk), at;

    if (chunk->count == 0) {
        return true;
    }

    if (len == SIZE_MAX) {
        return chunk_find(s, chunk, from, true) != SIZE_MAX;
    }

    if (len > s->text.len - from) {
        return false;
    }

    at = s->text.len - len;

    if ((s->flags & DG_PATTERN_SEGMENTS)
        && dg_span_find(dg_span_slice(s->text, from, at), ':') < at - from)
    {
        return false;
    }

    return chunk_at(s, chunk, at) != SIZE_MAX;
}


/* Cuts the chunk before the next star off; false when that was the last. */
static bool
next_chunk(const dg_pattern_t *pattern, size_t *at,
    const dg_span_t **variables, chunk_t *chunk)
{
    chunk->pieces = pattern->pieces + *at;
    chunk->variables = *variables;
    chunk->count = 0;

    while (*at < pattern->count
           && pattern->pieces[*at].kind != DG_PIECE_STAR)
    {
        if (pattern->pieces[*at].kind == DG_PIECE_VARIABLE) {
            (*variables)++;
        }

        chunk->count++;
        (*at)++;
    }

    return (*at)++ < pattern->count;
}


/* Text alone, or text and a star, where case matters. */
static bool
match_text(const dg_pattern_t *pattern, dg_span_t text)
{
    dg_span_t  part = pattern->pieces[0].text;

    return (pattern->form == DG_PATTERN_PREFIX ? text.len >= part.len
                                               : text.len == part.len)
           && memcmp(text.data, part.data, part.len) == 0;
}


bool
dg_pattern_match(const dg_pattern_t *pattern, const dg_span_t *variables,
    dg_span_t text, unsigned flags, size_t *steps)
{
    subject_t  s = { text, flags, steps };
    chunk_t    chunk;
    size_t     piece = 0, at;

    if (pattern->form >= DG_PATTERN_EXACT && !(flags & DG_PATTERN_NOCASE)) {
        return spend(&s, pattern->pieces[0].text.len)
               && match_text(pattern, text);
    }

    if (!spend(&s, 1)) {
        return false;
    }

    if (!next_chunk(pattern, &piece, &variables, &chunk)) {
        return chunk_at(&s, &chunk, 0) == text.len;
    }

    at = chunk_at(&s, &chunk, 0);

    while (at != SIZE_MAX) {

        if (!next_chunk(pattern, &piece, &variables, &chunk)) {
            return chunk_ends(&s, &chunk, at);
        }

        at = chunk_find(&s, &chunk, at, false);
    }

    return false;
}


bool
dg_policy_wildcard(dg_span_t pattern, dg_span_t text)
{
    size_t  p = 0, t = 0, star = SIZE_MAX, mark = 0;

    while (t < text.len) {

        if (p < pattern.len && pattern.data[p] == '*') {
            star = p++;
            mark = t;
            continue;
        }

        if (p < pattern.len
            && (pattern.data[p] == '?' || pattern.data[p] == text.data[t]))
        {
            p++;
            t++;
            continue;
        }

        if (star == SIZE_MAX) {
            return false;
        }

        p = star + 1;
        t = ++mark;
    }

    while (p < pattern.len && pattern.data[p] == '*') {
        p++;
    }

    return p == pattern.len;
}


dg_arn_t
dg_arn_split(dg_span_t text)
{
    dg_arn_t  arn = { .valid = false };

    if (!dg_span_starts_with(text, DG_SPAN("arn:"))) {
        return arn;
    }

    arn.valid = dg_arn_split_pattern(text, false, arn.part) == 6;
    return arn;
}


size_t
dg_arn_split_pattern(dg_span_t text, bool variables, dg_span_t part[6])
{
    size_t  n = 0, from = 0, skip;

    for (size_t i = 0; i < text.len && n < 5; i++) {

        if (variables && at_variable(text, i)) {
            skip = variable_length(dg_span_slice(text, i, text.len));
            i += skip ? skip - 1 : 0;
            continue;
        }

        if (text.data[i] == ':') {
            part[n++] = dg_span_slice(text, from, i);
            from = i + 1;
        }
    }

    part[n++] = dg_span_slice(text, from, text.len);
    return n;
}


bool
dg_arn_match(const dg_arn_pattern_t *pattern, const dg_span_t *variables,
    const dg_arn_t *arn, dg_span_t text, unsigned flags, size_t *steps)
{
    subject_t            s = { text, flags, steps };
    const dg_pattern_t  *part;

    if (pattern->all) {
        return true;
    }

    if (pattern->whole) {
        return dg_pattern_match(&pattern->part[5], variables, text,
                                flags | DG_PATTERN_SEGMENTS, steps);
    }

    if (!arn->valid || !spend(&s, pattern->head.len)
        || !dg_span_starts_with(text, pattern->head))
    {
        return false;
    }

    for (unsigned i = pattern->from; i < 6; i++) {
        part = &pattern->part[i];

        if (part->form == DG_PATTERN_ALL) {
            continue;
        }

        if (part->form >= DG_PATTERN_EXACT) {
            if (!spend(&s, part->pieces[0].text.len)
                || !match_text(part, arn->part[i]))
            {
                return false;
            }

            continue;
        }

        if (!dg_pattern_match(part, variables, arn->part[i],
                              i == 5 ? flags : 0, steps))
        {
            return false;
        }

        variables += part->variables;
    }

    return true;
}
