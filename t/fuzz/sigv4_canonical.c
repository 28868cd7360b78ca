/*
 * Target functions: dg_sigv4_canonical_hash, dg_sigv4_select_all,
 * dg_query_parse, dg_query_sort.
 *
 * The input is a request as text, signed with all its headers.  The hash is
 * that of the text; no header smuggles a line in; the canonical query is its
 * own canonical query.
 */

#include "dg_request_text.h"
#include "dg_sigv4.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX  (1 << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static dg_crypto_t  *crypto;


static void
must(bool holds)
{
    if (!holds) {
        abort();
    }
}


static size_t
count(dg_span_t text, uint8_t byte)
{
    size_t  n = 0;

    for (size_t i = 0; i < text.len; i++) {
        n += text.data[i] == byte;
    }

    return n;
}


static dg_span_t
line(dg_span_t text, unsigned number)
{
    dg_span_t  found = DG_SPAN_EMPTY;

    for (unsigned i = 0; i <= number; i++) {
        (void) dg_span_split(&text, '\n', &found);
    }

    return found;
}


static bool
canonical(const dg_request_t *request, dg_sigv4_path_t path, uint8_t *buffer,
    dg_span_t *text)
{
    uint8_t               hash[DG_SHA256_SIZE], again[DG_SHA256_SIZE];
    dg_writer_t           w = dg_writer(buffer, TEXT_MAX);
    dg_sigv4_selection_t  selection;

    if (dg_sigv4_select_all(request, &selection) != DG_OK
        || dg_sigv4_canonical_hash(crypto, request, &selection,
                                   DG_SPAN("HASH"), path, false, &w, hash)
           != DG_OK || w.overflow)
    {
        return false;
    }

    *text = dg_written(&w);
    must(dg_sha256(crypto, *text, again) == DG_OK);
    must(memcmp(hash, again, sizeof(hash)) == 0);
    return true;
}


static void
check_lines(const dg_request_t *request, dg_span_t text)
{
    size_t                distinct;
    dg_sigv4_selection_t  selection;

    must(dg_sigv4_select_all(request, &selection) == DG_OK);
    distinct = selection.names.len ? count(selection.names, ';') + 1 : 0;

    if (distinct > 0) {
        must(count(text, '\n') == distinct + 5);
        must(dg_span_equal(line(text, (unsigned) distinct + 4),
                           selection.names));
    }
}


static void
check_query(dg_span_t query)
{
    static uint8_t  target[TEXT_MAX], buffer[TEXT_MAX];

    dg_span_t       text;
    dg_header_t     host = { DG_SPAN("host"), DG_SPAN("h") };
    dg_writer_t     w = dg_writer(target, sizeof(target));
    dg_request_t    request = {
        .method = DG_SPAN("GET"), .headers = &host, .header_count = 1
    };

    dg_write_cstr(&w, "/?");
    dg_write_span(&w, query);
    request.target = dg_written(&w);

    if (request.target.len <= DG_SIGV4_TARGET_MAX) {
        must(canonical(&request, DG_SIGV4_PATH_NORMALIZED, buffer, &text));
        must(dg_span_equal(line(text, 2), query));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t     buffer[TEXT_MAX];

    dg_span_t          text;
    dg_request_text_t  parsed;

    if (crypto == NULL) {
        crypto = dg_crypto_create(NULL, NULL);
    }

    if (dg_request_text_parse(dg_span(data, size), &parsed, NULL) != DG_OK) {
        return 0;
    }

    if (canonical(&parsed.request, DG_SIGV4_PATH_VERBATIM, buffer, &text)) {
        check_lines(&parsed.request, text);
    }

    if (canonical(&parsed.request, DG_SIGV4_PATH_NORMALIZED, buffer, &text)) {
        check_lines(&parsed.request, text);
        check_query(line(text, 2));
    }

    return 0;
}
