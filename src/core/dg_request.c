/*
 * The neutral view of an HTTP request: see dg_request.h.
 */

#include "dg_request.h"
#include "dg_codec.h"

#define SEGMENT_MAX  1024


dg_span_t
dg_request_path(const dg_request_t *request)
{
    return dg_span_slice(request->target, 0,
                         dg_span_find(request->target, '?'));
}


dg_span_t
dg_request_query(const dg_request_t *request)
{
    return dg_span_slice(request->target,
                         dg_span_find(request->target, '?') + 1,
                         request->target.len);
}


const dg_header_t *
dg_request_header(const dg_request_t *request, dg_span_t name, bool *repeated)
{
    const dg_header_t  *found = NULL;

    if (repeated) {
        *repeated = false;
    }

    for (size_t i = 0; i < request->header_count; i++) {
        if (!dg_span_equal_nocase(request->headers[i].name, name)) {
            continue;
        }

        if (found != NULL) {
            if (repeated) {
                *repeated = true;
            }

            return found;
        }

        found = &request->headers[i];
    }

    return found;
}


static bool
has_escape(dg_span_t s)
{
    for (size_t i = 0; i + 2 < s.len; i++) {
        if (s.data[i] == '%' && dg_hex_value(s.data[i + 1]) >= 0
            && dg_hex_value(s.data[i + 2]) >= 0)
        {
            return true;
        }
    }

    return false;
}


/* `last`: an empty last segment is a trailing slash and is plain. */
static bool
segment_is_plain(dg_span_t raw, dg_span_t normalized, bool last)
{
    uint8_t      buffer[SEGMENT_MAX];
    dg_span_t    segment;
    dg_writer_t  w = dg_writer(buffer, sizeof(buffer));

    if (dg_percent_decode(raw, &w) != DG_OK) {
        return false;
    }

    segment = dg_written(&w);

    if ((segment.len == 0 && !last)
        || dg_span_find(segment, '/') != segment.len
        || dg_span_find(segment, 0) != segment.len
        || dg_span_equal(segment, DG_SPAN("."))
        || dg_span_equal(segment, DG_SPAN(".."))
        || has_escape(segment))
    {
        return false;
    }

    return dg_span_equal(segment, normalized);
}


bool
dg_request_path_is_plain(dg_span_t raw_path, dg_span_t normalized_path)
{
    bool       more_raw, more_normalized;
    dg_span_t  raw, normalized;

    if (!dg_span_starts_with(raw_path, DG_SPAN("/"))
        || !dg_span_starts_with(normalized_path, DG_SPAN("/")))
    {
        return false;
    }

    raw_path = dg_span_slice(raw_path, 1, raw_path.len);
    normalized_path = dg_span_slice(normalized_path, 1, normalized_path.len);

    for ( ;; ) {
        more_raw = dg_span_split(&raw_path, '/', &raw);
        more_normalized = dg_span_split(&normalized_path, '/', &normalized);

        if (!more_raw || !more_normalized) {
            return more_raw == more_normalized;
        }

        if (!segment_is_plain(raw, normalized, raw_path.data == NULL)) {
            return false;
        }
    }
}
