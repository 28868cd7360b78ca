/*
 * Requests as text: see dg_request_text.h.
 */

#include "dg_request_text.h"


/* Cuts a line off; the CR before its LF is not part of it. */
static dg_span_t
take_line(dg_span_t *rest)
{
    size_t     end = dg_span_find(*rest, '\n');
    dg_span_t  line = dg_span_slice(*rest, 0, end);

    *rest = dg_span_slice(*rest, end + 1, rest->len);

    if (line.len > 0 && line.data[line.len - 1] == '\r') {
        line.len--;
    }

    return line;
}


/* The target is all between the first blank and the version. */
static bool
parse_request_line(dg_span_t line, dg_request_t *request)
{
    size_t     blank = dg_span_find(line, ' '), last;
    dg_span_t  target;

    request->method = dg_span_slice(line, 0, blank);
    target = dg_span_slice(line, blank + 1, line.len);
    last = dg_span_find_last(target, ' ');

    if (dg_span_starts_with(dg_span_slice(target, last + 1, target.len),
                            DG_SPAN("HTTP/")))
    {
        target = dg_span_slice(target, 0, last);
    }

    request->target = target;

    return request->method.len > 0 && target.len > 0;
}


dg_err_t
dg_request_text_add(dg_request_text_t *text, dg_span_t name, dg_span_t value)
{
    if (text->request.header_count == DG_REQUEST_HEADERS_MAX) {
        return DG_ERR_LIMIT;
    }

    text->headers[text->request.header_count++] = (dg_header_t) {
        .name = name, .value = value
    };

    return DG_OK;
}


void
dg_request_text_remove(dg_request_text_t *text, dg_span_t name)
{
    size_t  kept = 0;

    for (size_t i = 0; i < text->request.header_count; i++) {
        if (!dg_span_equal_nocase(text->headers[i].name, name)) {
            text->headers[kept++] = text->headers[i];
        }
    }

    text->request.header_count = kept;
}


/* A folded line makes the value before it longer, line end included. */
static dg_err_t
fold(dg_request_text_t *out, dg_span_t line)
{
    dg_header_t  *last;

    if (out->request.header_count == 0) {
        return DG_ERR_SYNTAX;
    }

    last = &out->headers[out->request.header_count - 1];
    last->value = dg_span(last->value.data,
                          (size_t) (line.data - last->value.data) + line.len);
    return DG_OK;
}


static dg_err_t
parse_header_line(dg_request_text_t *out, dg_span_t line)
{
    size_t  colon = dg_span_find(line, ':');

    if (line.data[0] == ' ' || line.data[0] == '\t') {
        return fold(out, line);
    }

    if (colon == 0 || colon == line.len) {
        return DG_ERR_SYNTAX;
    }

    return dg_request_text_add(out, dg_span_slice(line, 0, colon),
                               dg_span_trim(dg_span_slice(line, colon + 1,
                                                          line.len)));
}


dg_err_t
dg_request_text_parse(dg_span_t text, dg_request_text_t *out, dg_diag_t *diag)
{
    dg_err_t   err;
    unsigned   number = 1;
    dg_span_t  line;

    out->request = (dg_request_t) { .headers = out->headers };

    if (!parse_request_line(take_line(&text), &out->request)) {
        return dg_diag(diag, DG_ERR_SYNTAX, 1, 1,
                       "the request line is not METHOD TARGET HTTP/1.1");
    }

    while (text.len > 0) {
        line = take_line(&text);
        number++;

        if (line.len == 0) {
            break;
        }

        err = parse_header_line(out, line);
        if (err != DG_OK) {
            return dg_diag(diag, err, number, 1, err == DG_ERR_LIMIT
                           ? "there are more than %d headers"
                           : "the line is no \"Name: value\" header (at most"
                             " %d)", DG_REQUEST_HEADERS_MAX);
        }
    }

    out->body = text;
    return DG_OK;
}
