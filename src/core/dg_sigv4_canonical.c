/*
 * The canonical request: see dg_sigv4.h.  It is hashed while it is made, so
 * that no request is too large for a buffer; a staging buffer keeps the
 * number of calls into the hash small.
 */

#include "dg_sigv4.h"
#include "dg_codec.h"
#include "dg_query.h"

#include <string.h>

#define SINK_SIZE   1024
#define CHUNK_SIZE  128   /* raw bytes encoded at a time */

typedef struct {
    dg_sha256_t  *sha256;
    dg_writer_t  *text;   /* NULL, or gets a copy */
    dg_err_t      err;    /* the first one */
    size_t        len;
    uint8_t       data[SINK_SIZE];
} sink_t;


static void
fail(sink_t *sink, dg_err_t err)
{
    if (sink->err == DG_OK) {
        sink->err = err;
    }
}


static void
pass_on(sink_t *sink, dg_span_t s)
{
    dg_err_t  err = dg_sha256_update(sink->sha256, s);

    if (err != DG_OK) {
        fail(sink, err);
    }

    if (sink->text != NULL) {
        dg_write_span(sink->text, s);
    }
}


static void
flush(sink_t *sink)
{
    pass_on(sink, dg_span(sink->data, sink->len));
    sink->len = 0;
}


static void
put(sink_t *sink, dg_span_t s)
{
    if (s.len > SINK_SIZE - sink->len) {
        flush(sink);
    }

    if (s.len > SINK_SIZE) {
        pass_on(sink, s);
        return;
    }

    if (s.len) {
        memcpy(sink->data + sink->len, s.data, s.len);
        sink->len += s.len;
    }
}


static void
put_char(sink_t *sink, char c)
{
    if (sink->len == SINK_SIZE) {
        flush(sink);
    }

    sink->data[sink->len++] = (uint8_t) c;
}


/*
 * From ' ' on: the byte of a field name or method (RFC 9110 section 5.6.2) in
 * lower case, or 0.
 */
static const char  lower_tokens[] = {
    0, '!', 0, '#', '$', '%', '&', '\'', 0, 0, '*', '+',
    0, '-', '.', 0, '0', '1', '2', '3', '4', '5', '6', '7',
    '8', '9', 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 'c',
    'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 0,
    0, 0, '^', '_', '`', 'a', 'b', 'c', 'd', 'e', 'f', 'g',
    'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's',
    't', 'u', 'v', 'w', 'x', 'y', 'z', 0, '|', 0, '~', 0
};


static uint8_t
token_lower(uint8_t c)
{
    return c >= ' ' && c < ' ' + sizeof(lower_tokens)
           ? (uint8_t) lower_tokens[c - ' '] : 0;
}


static void
put_method(sink_t *sink, dg_span_t method)
{
    if (method.len == 0) {
        fail(sink, DG_ERR_SYNTAX);
    }

    if (method.len > DG_SIGV4_METHOD_MAX) {
        fail(sink, DG_ERR_LIMIT);
    }

    for (size_t i = 0; i < method.len; i++) {
        if (token_lower(method.data[i]) == 0) {
            fail(sink, DG_ERR_SYNTAX);
        }
    }

    put(sink, method);
}


static void
put_encoded(sink_t *sink, dg_span_t s, bool keep_slash)
{
    uint8_t      buffer[CHUNK_SIZE * 3];
    dg_writer_t  w;

    for (size_t at = 0; at < s.len; at += CHUNK_SIZE) {
        w = dg_writer(buffer, sizeof(buffer));
        dg_write_uri_encoded(&w, dg_span_slice(s, at, at + CHUNK_SIZE),
                             keep_slash);
        put(sink, dg_written(&w));
    }
}


/* The end of a chunk that begins at `at` and cuts no escape in two. */
static size_t
chunk_end(dg_span_t s, size_t at)
{
    size_t  end = at + CHUNK_SIZE;

    if (end >= s.len) {
        return s.len;
    }

    for (size_t i = end - 2; i < end; i++) {
        if (s.data[i] == '%') {
            return i;
        }
    }

    return end;
}


static void
put_recoded(sink_t *sink, dg_span_t s, bool keep_slash)
{
    size_t       end;
    uint8_t      decoded[CHUNK_SIZE];
    dg_writer_t  w;

    for (size_t at = 0; at < s.len; at = end) {
        end = chunk_end(s, at);
        w = dg_writer(decoded, sizeof(decoded));

        if (dg_percent_decode(dg_span_slice(s, at, end), &w) != DG_OK) {
            fail(sink, DG_ERR_SYNTAX);
            return;
        }

        put_encoded(sink, dg_written(&w), keep_slash);
    }
}


/*
 * As the SDKs do it: segments are dropped and popped, and a slash ends the
 * path only when the raw one ended with a slash.
 */
static void
put_path_normalized(sink_t *sink, dg_span_t path)
{
    bool       slash = dg_span_ends_with(path, DG_SPAN("/"));
    size_t     count = 0;
    dg_span_t  segments[DG_SIGV4_PATH_SEGMENTS_MAX], segment;

    while (dg_span_split(&path, '/', &segment)) {
        if (segment.len == 0 || dg_span_equal(segment, DG_SPAN("."))) {
            continue;
        }

        if (dg_span_equal(segment, DG_SPAN(".."))) {
            count -= count > 0;
            continue;
        }

        if (count == DG_SIGV4_PATH_SEGMENTS_MAX) {
            fail(sink, DG_ERR_LIMIT);
            return;
        }

        segments[count++] = segment;
    }

    for (size_t i = 0; i < count; i++) {
        put_char(sink, '/');
        put_encoded(sink, segments[i], false);
    }

    if (slash || count == 0) {
        put_char(sink, '/');
    }
}


static void
put_path(sink_t *sink, dg_span_t path, dg_sigv4_path_t mode)
{
    if (path.len <= 1) {
        put_char(sink, '/');

        if (path.len == 1 && path.data[0] != '/') {
            fail(sink, DG_ERR_SYNTAX);
        }

    } else if (path.data[0] != '/') {
        fail(sink, DG_ERR_SYNTAX);

    } else if (mode == DG_SIGV4_PATH_NORMALIZED) {
        put_path_normalized(sink, path);

    } else {
        put_recoded(sink, path, true);
    }
}


static void
put_query(sink_t *sink, dg_span_t raw, bool presigned)
{
    bool        first = true;
    dg_err_t    err;
    dg_query_t  query;

    err = dg_query_parse(raw, &query);
    if (err != DG_OK) {
        fail(sink, err);
        return;
    }

    dg_query_sort(&query);

    for (size_t i = 0; i < query.count; i++) {
        if (presigned
            && dg_query_name_is(&query.params[i], DG_SPAN("X-Amz-Signature"),
                                true))
        {
            continue;
        }

        if (!first) {
            put_char(sink, '&');
        }

        first = false;
        put_recoded(sink, query.params[i].name, false);
        put_char(sink, '=');
        put_recoded(sink, query.params[i].value, false);
    }
}


static bool
is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}


/*
 * True when a byte is a blank or less.  Eight at a time: where one is, the
 * difference has a high bit that the byte itself has not.
 */
static bool
has_low_byte(dg_span_t s)
{
    bool            low = false;
    size_t          i;
    uint64_t        word, seen = 0;
    const uint64_t  ones = UINT64_C(0x0101010101010101);

    for (i = 0; s.len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, s.data + i, sizeof(word));
        seen |= (word - ones * (' ' + 1)) & ~word;
    }

    while (i < s.len) {
        low |= s.data[i++] <= ' ';
    }

    return low || (seen & ones << 7) != 0;
}


/* Runs of blanks and folded lines become one space, none at the ends. */
static void
put_value(sink_t *sink, dg_span_t value)
{
    bool    first = true;
    size_t  from, i = 0;

    /* no byte as low as a blank, so no blank at all */

    if (!has_low_byte(value)) {
        put(sink, value);
        return;
    }

    while (i < value.len) {
        while (i < value.len && is_blank(value.data[i])) {
            i++;
        }

        from = i;

        while (i < value.len && !is_blank(value.data[i])) {
            i++;
        }

        if (i > from) {
            if (!first) {
                put_char(sink, ' ');
            }

            first = false;
            put(sink, dg_span_slice(value, from, i));
        }
    }
}


static const dg_header_t *
selected(const dg_request_t *request, const dg_sigv4_selection_t *selection,
    size_t i)
{
    return &request->headers[selection->index[i]];
}


/* Names are not made lower-case again: the selection's list has them. */
static void
put_headers(sink_t *sink, const dg_request_t *request,
    const dg_sigv4_selection_t *selection)
{
    size_t     i = 0;
    dg_span_t  names = selection->names, name;

    while (dg_span_split(&names, ';', &name)) {
        put(sink, name);
        put_char(sink, ':');
        put_value(sink, selected(request, selection, i++)->value);

        while (i < selection->count
               && dg_span_equal_nocase(selected(request, selection, i)->name,
                                       name))
        {
            put_char(sink, ',');
            put_value(sink, selected(request, selection, i++)->value);
        }

        put_char(sink, '\n');
    }

    put_char(sink, '\n');
    put(sink, selection->names);
}


static int
compare_names(dg_span_t a, dg_span_t b)
{
    int     order;
    size_t  n = a.len < b.len ? a.len : b.len;

    for (size_t i = 0; i < n; i++) {
        if (a.data[i] == b.data[i]) {
            continue;
        }

        order = token_lower(a.data[i]) - token_lower(b.data[i]);
        if (order != 0) {
            return order;
        }
    }

    return (a.len > b.len) - (a.len < b.len);
}


/* Each name once, in lower case, as the list of the signed headers has it. */
static dg_err_t
list_names(const dg_request_t *request, dg_sigv4_selection_t *selection)
{
    dg_span_t    name, previous = DG_SPAN_EMPTY;
    dg_writer_t  w = dg_writer(selection->text, sizeof(selection->text));

    for (size_t i = 0; i < selection->count; i++) {
        name = selected(request, selection, i)->name;

        if (i > 0 && dg_span_equal_nocase(name, previous)) {
            continue;
        }

        if (i > 0) {
            dg_write_char(&w, ';');
        }

        selection->name_count++;
        previous = dg_span(selection->text + w.len, name.len);
        dg_write_span(&w, name);

        if (name.len == 0 || w.overflow) {
            return name.len ? DG_ERR_LIMIT : DG_ERR_SYNTAX;
        }

        for (size_t j = w.len - name.len; j < w.len; j++) {
            w.data[j] = token_lower(w.data[j]);

            if (w.data[j] == 0) {
                return DG_ERR_SYNTAX;
            }
        }
    }

    if (w.len > 0) {
        selection->names = dg_written(&w);
    }

    return DG_OK;
}


/* An insertion sort: stable, and the caller's headers are few. */
dg_err_t
dg_sigv4_select_all(const dg_request_t *request,
    dg_sigv4_selection_t *selection)
{
    size_t  at;

    selection->count = 0;
    selection->name_count = 0;
    selection->names = DG_SPAN_EMPTY;

    if (request->header_count > DG_SIGV4_HEADERS_MAX) {
        return DG_ERR_LIMIT;
    }

    selection->count = request->header_count;

    for (size_t i = 0; i < request->header_count; i++) {
        for (at = i; at > 0; at--) {
            if (compare_names(selected(request, selection, at - 1)->name,
                              request->headers[i].name) <= 0)
            {
                break;
            }

            selection->index[at] = selection->index[at - 1];
        }

        selection->index[at] = (uint8_t) i;
    }

    return list_names(request, selection);
}


static bool
is_lower_name(dg_span_t name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (token_lower(name.data[i]) != name.data[i] || name.data[i] == 0) {
            return false;
        }
    }

    return name.len > 0;
}


/* Adds the lines of one name in the order received. */
static dg_err_t
select_name(const dg_request_t *request, dg_span_t name,
    dg_sigv4_selection_t *selection)
{
    size_t  before = selection->count;

    for (size_t i = 0; i < request->header_count; i++) {
        if (dg_span_equal_nocase(request->headers[i].name, name)) {
            selection->index[selection->count++] = (uint8_t) i;
        }
    }

    return selection->count > before ? DG_OK : DG_ERR_MISSING;
}


dg_err_t
dg_sigv4_select_listed(const dg_request_t *request, dg_span_t names,
    dg_sigv4_selection_t *selection)
{
    dg_err_t   err;
    dg_span_t  name, previous = DG_SPAN_EMPTY;

    selection->count = 0;
    selection->name_count = 0;
    selection->names = names;

    if (request->header_count > DG_SIGV4_HEADERS_MAX) {
        return DG_ERR_LIMIT;
    }

    if (names.len == 0) {
        return DG_ERR_INVALID;
    }

    /* names ascend, so no header is selected twice and the array suffices */
    while (dg_span_split(&names, ';', &name)) {
        if (!is_lower_name(name) || dg_span_compare(previous, name) >= 0) {
            return DG_ERR_INVALID;
        }

        err = select_name(request, name, selection);
        if (err != DG_OK) {
            return err;
        }

        selection->name_count++;
        previous = name;
    }

    return DG_OK;
}


static void
put_request(sink_t *sink, const dg_request_t *request,
    const dg_sigv4_selection_t *selection, dg_span_t payload_hash,
    dg_sigv4_path_t path, bool presigned)
{
    put_method(sink, request->method);
    put_char(sink, '\n');
    put_path(sink, dg_request_path(request), path);
    put_char(sink, '\n');
    put_query(sink, dg_request_query(request), presigned);
    put_char(sink, '\n');
    put_headers(sink, request, selection);
    put_char(sink, '\n');
    put(sink, payload_hash);
}


dg_err_t
dg_sigv4_canonical_hash(dg_crypto_t *crypto, const dg_request_t *request,
    const dg_sigv4_selection_t *selection, dg_span_t payload_hash,
    dg_sigv4_path_t path, bool presigned, dg_writer_t *text,
    uint8_t hash[DG_SHA256_SIZE])
{
    sink_t  sink;

    if (request->target.len > DG_SIGV4_TARGET_MAX) {
        return DG_ERR_LIMIT;
    }

    sink.sha256 = dg_sha256_start(crypto);
    sink.text = text;
    sink.err = DG_OK;
    sink.len = 0;

    if (sink.sha256 == NULL) {
        return DG_ERR_MEMORY;
    }

    put_request(&sink, request, selection, payload_hash, path, presigned);
    flush(&sink);

    if (sink.err != DG_OK) {
        dg_sha256_abandon(sink.sha256);
        return sink.err;
    }

    return dg_sha256_finish(sink.sha256, hash);
}
