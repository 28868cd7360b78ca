#include "dg_request_text.h"
#include "dg_sigv4.h"
#include "tap.h"

#define TEXT_MAX  8192

static dg_crypto_t  *crypto;
static uint8_t       output[TEXT_MAX];


/* The canonical request of a text whose headers are all signed. */
static dg_err_t
canonical(const char *text, dg_sigv4_path_t path, bool presigned,
    dg_span_t *out)
{
    uint8_t               hash[DG_SHA256_SIZE], again[DG_SHA256_SIZE];
    dg_err_t              err;
    dg_writer_t           w = dg_writer(output, sizeof(output));
    dg_request_text_t     parsed;
    dg_sigv4_selection_t  selection;

    *out = DG_SPAN_EMPTY;

    if (dg_request_text_parse(dg_span_cstr(text), &parsed, NULL) != DG_OK) {
        return DG_ERR_INVALID;
    }

    err = dg_sigv4_select_all(&parsed.request, &selection);
    if (err != DG_OK) {
        return err;
    }

    err = dg_sigv4_canonical_hash(crypto, &parsed.request, &selection,
                                  DG_SPAN("HASH"), path, presigned, &w, hash);
    if (err != DG_OK) {
        return err;
    }

    *out = dg_written(&w);

    return dg_sha256(crypto, *out, again) == DG_OK
           && memcmp(hash, again, sizeof(hash)) == 0 ? DG_OK : DG_ERR_MISMATCH;
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


static void
is_path(const char *path, const char *normalized, const char *verbatim)
{
    char       text[4096];
    dg_span_t  out;

    snprintf(text, sizeof(text), "GET %s HTTP/1.1\nHost: h\n\n", path);

    is_int(canonical(text, DG_SIGV4_PATH_NORMALIZED, false, &out), DG_OK,
           "path %.40s", path);
    is_text(line(out, 1), normalized, "normalized");
    is_int(canonical(text, DG_SIGV4_PATH_VERBATIM, false, &out), DG_OK,
           "path %.40s", path);
    is_text(line(out, 1), verbatim, "verbatim");
}


static void
test_paths(void)
{
    is_path("/", "/", "/");
    is_path("/a", "/a", "/a");
    is_path("/a/", "/a/", "/a/");
    is_path("//a///b//", "/a/b/", "//a///b//");
    is_path("/a/./b/../c", "/a/c", "/a/./b/../c");
    is_path("/../..", "/", "/../..");
    is_path("/./", "/", "/./");
    is_path("/a/..", "/", "/a/..");
    is_path("/a/../", "/", "/a/../");
    is_path("/a b", "/a%20b", "/a%20b");
    is_path("/%20", "/%2520", "/%20");
    is_path("/%2f", "/%252f", "//");
    is_path("/%2e%2e/a", "/%252e%252e/a", "/../a");
    is_path("/arn%3Aaws", "/arn%253Aaws", "/arn%3Aaws");
    is_path("/-._~!$", "/-._~%21%24", "/-._~%21%24");
    is_path("/\xe1\x88\xb4", "/%E1%88%B4", "/%E1%88%B4");
}


static void
is_query(const char *query, const char *want, bool presigned)
{
    char       text[4096];
    dg_span_t  out;

    snprintf(text, sizeof(text), "GET /?%s HTTP/1.1\nHost: h\n\n", query);
    is_int(canonical(text, DG_SIGV4_PATH_NORMALIZED, presigned, &out), DG_OK,
           "query %.40s", query);
    is_text(line(out, 2), want, "is %.40s", want);
}


static void
test_queries(void)
{
    char       value[400], want[1200];
    dg_span_t  out;

    is_query("", "", false);
    is_query("b=2&a=1", "a=1&b=2", false);
    is_query("a", "a=", false);
    is_query("a=b=c", "a=b%3Dc", false);
    is_query("a=+", "a=%2B", false);
    is_query("a=%2b%7e%20 ", "a=%2B~%20%20", false);
    is_query("&", "=&=", false);
    is_query("X-Amz-Signature=1&a=1", "X-Amz-Signature=1&a=1", false);
    is_query("X-Amz-Signature=1&a=1", "a=1", true);
    is_query("a=1&X-%41mz-Signature=1", "a=1", true);

    /* escapes across the pieces that are decoded at a time */
    for (unsigned shift = 0; shift < 3; shift++) {
        dg_writer_t  v = dg_writer(value, sizeof(value));
        dg_writer_t  w = dg_writer(want, sizeof(want));

        dg_write(&v, "xxx", shift);
        dg_write(&w, "k=xxx", 2 + shift);

        for (unsigned i = 0; i < 100; i++) {
            dg_write_cstr(&v, "%2f");
            dg_write_cstr(&w, "%2F");
        }

        memmove(value + 2, value, v.len);
        memcpy(value, "k=", 2);
        value[v.len + 2] = want[w.len] = 0;
        is_query(value, want, false);
    }

    is_int(canonical("GET /?a=%zz HTTP/1.1\nHost: h\n\n",
                     DG_SIGV4_PATH_NORMALIZED, false, &out), DG_ERR_SYNTAX,
           "a bad escape in a query");
    is_int(canonical("GET /%zz HTTP/1.1\nHost: h\n\n",
                     DG_SIGV4_PATH_VERBATIM, false, &out), DG_ERR_SYNTAX,
           "a bad escape in a path that is decoded");
}


static void
test_headers(void)
{
    dg_span_t  out;

    is_int(canonical("PUT / HTTP/1.1\n"
                     "X-Two:  b   c \t d \n"
                     "HOST: h\n"
                     "x-one: 2\n"
                     "X-Many: \"a  b\"\n"
                     "x-two:e\n"
                     "X-Empty:\n"
                     "x-fold: 1\n   2\n\t3\n"
                     "\n", DG_SIGV4_PATH_NORMALIZED, false, &out), DG_OK,
           "headers of all kinds");
    is_text(out, "PUT\n/\n\n"
                 "host:h\nx-empty:\nx-fold:1 2 3\nx-many:\"a b\"\nx-one:2\n"
                 "x-two:b c d,e\n\n"
                 "host;x-empty;x-fold;x-many;x-one;x-two\nHASH",
            "are folded, trimmed, joined and sorted");

    is_int(canonical("GET / HTTP/1.1\nHost: h\nx y: 1\n\n",
                     DG_SIGV4_PATH_NORMALIZED, false, &out), DG_ERR_SYNTAX,
           "a name that is no token");
    is_int(canonical("G\x01T / HTTP/1.1\nHost: h\n\n",
                     DG_SIGV4_PATH_NORMALIZED, false, &out), DG_ERR_SYNTAX,
           "a method that is no token");
}


static dg_err_t
listed(const char *names, size_t *count)
{
    dg_err_t              err;
    dg_request_text_t     r;
    dg_sigv4_selection_t  selection;

    err = dg_request_text_parse(DG_SPAN("GET / HTTP/1.1\nB: 1\nA: 2\nb: 3\n"
                                        "C: 4\n\n"), &r, NULL);
    if (err != DG_OK) {
        return err;
    }

    err = dg_sigv4_select_listed(&r.request, dg_span_cstr(names), &selection);
    *count = selection.count;
    return err;
}


static void
test_lists(void)
{
    size_t  count;

    is_int(listed("a;b", &count), DG_OK, "a list");
    is_int(count, 3, "selects every line of a name");
    is_int(listed("b;a", &count), DG_ERR_INVALID, "unsorted");
    is_int(listed("a;a", &count), DG_ERR_INVALID, "twice");
    is_int(listed("A", &count), DG_ERR_INVALID, "upper case");
    is_int(listed("", &count), DG_ERR_INVALID, "empty");
    is_int(listed(";a", &count), DG_ERR_INVALID, "empty name in front");
    is_int(listed("a;", &count), DG_ERR_INVALID, "empty name behind");
    is_int(listed("a b", &count), DG_ERR_INVALID, "no token");
    is_int(listed("a;d", &count), DG_ERR_MISSING, "absent");
}


/* `count` segments or bytes, or headers, right at a bound and one past it. */
static dg_err_t
sized(size_t segments, size_t bytes, size_t headers)
{
    static char           target[DG_SIGV4_TARGET_MAX + 2];
    uint8_t               hash[DG_SHA256_SIZE];
    dg_header_t           list[DG_SIGV4_HEADERS_MAX + 1];
    dg_err_t              err;
    dg_writer_t           w = dg_writer(target, sizeof(target));
    dg_request_t          request = { .method = DG_SPAN("GET") };
    dg_sigv4_selection_t  selection;

    for (size_t i = 0; i < segments; i++) {
        dg_write_cstr(&w, "/a");
    }

    while (w.len < bytes) {
        dg_write_char(&w, w.len ? 'a' : '/');
    }

    for (size_t i = 0; i < headers; i++) {
        list[i] = (dg_header_t) { DG_SPAN("host"), DG_SPAN("h") };
    }

    request.target = dg_written(&w);
    request.headers = list;
    request.header_count = headers;
    err = dg_sigv4_select_all(&request, &selection);

    return err != DG_OK
           ? err
           : dg_sigv4_canonical_hash(crypto, &request, &selection,
                                     DG_SPAN("HASH"),
                                     DG_SIGV4_PATH_NORMALIZED, false, NULL,
                                     hash);
}


static void
test_long_names(void)
{
    static char           name[DG_SIGV4_NAMES_MAX + 1];
    dg_header_t           header = { dg_span(name, DG_SIGV4_NAMES_MAX),
                                     DG_SPAN("") };
    dg_request_t          request = {
        .headers = &header, .header_count = 1
    };
    dg_sigv4_selection_t  selection;

    memset(name, 'N', sizeof(name));
    is_int(dg_sigv4_select_all(&request, &selection), DG_OK, "a long name");
    is_int(selection.names.len, DG_SIGV4_NAMES_MAX, "is listed whole");
    is_int(selection.names.data[0], 'n', "in lower case");
    header.name.len++;
    is_int(dg_sigv4_select_all(&request, &selection), DG_ERR_LIMIT,
           "one byte more");
}


int
main(void)
{
    crypto = dg_crypto_create(NULL, NULL);

    test_paths();
    test_queries();
    test_headers();
    test_lists();
    test_long_names();

    is_int(sized(DG_SIGV4_PATH_SEGMENTS_MAX, 0, 1), DG_OK, "segments");
    is_int(sized(DG_SIGV4_PATH_SEGMENTS_MAX + 1, 0, 1), DG_ERR_LIMIT,
           "one segment more");
    is_int(sized(0, DG_SIGV4_TARGET_MAX, 1), DG_OK, "a long target");
    is_int(sized(0, DG_SIGV4_TARGET_MAX + 1, 1), DG_ERR_LIMIT,
           "one byte more");
    is_int(sized(0, 1, DG_SIGV4_HEADERS_MAX), DG_OK, "many headers");
    is_int(sized(0, 1, DG_SIGV4_HEADERS_MAX + 1), DG_ERR_LIMIT,
           "one header more");

    dg_crypto_destroy(crypto);
    return done_testing();
}
