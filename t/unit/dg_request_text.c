#include "dg_request_text.h"
#include "tap.h"


static void
test_request(const char *text, const char *name)
{
    dg_request_text_t  r;

    is_int(dg_request_text_parse(dg_span_cstr(text), &r, NULL), DG_OK,
           "%s", name);
    is_text(r.request.method, "POST", "%s: method", name);
    is_text(r.request.target, "/a b?c=d", "%s: target", name);
    is_int(r.request.header_count, 2, "%s: headers", name);
    is_text(r.headers[0].name, "Host", "%s: name", name);
    is_text(r.headers[0].value, "h", "%s: value", name);
    is_text(r.body, "x\ny", "%s: body", name);
}


static void
test_edit(void)
{
    dg_request_text_t  r;

    is_int(dg_request_text_parse(DG_SPAN("GET / HTTP/1.1\nA: 1\nB: 2\na: 3"),
                                 &r, NULL), DG_OK, "no line end at the end");
    dg_request_text_remove(&r, DG_SPAN("A"));
    is_int(r.request.header_count, 1, "remove takes every line of the name");
    is_text(r.headers[0].name, "B", "and keeps the others");
    is_int(dg_request_text_add(&r, DG_SPAN("C"), DG_SPAN("4")), DG_OK, "add");
    is_text(r.request.headers[1].value, "4", "is seen by the request");
}


static void
test_refused(void)
{
    char               text[16 + 4 * (DG_REQUEST_HEADERS_MAX + 1)];
    dg_diag_t          diag;
    dg_writer_t        w = dg_writer(text, sizeof(text));
    dg_request_text_t  r;

    is_int(dg_request_text_parse(DG_SPAN(""), &r, NULL), DG_ERR_SYNTAX,
           "nothing");
    is_int(dg_request_text_parse(DG_SPAN("GET\n"), &r, NULL), DG_ERR_SYNTAX,
           "no target");
    is_int(dg_request_text_parse(DG_SPAN("GET / HTTP/1.1\nA: 1\nnone\n"), &r,
                                 &diag), DG_ERR_SYNTAX, "no colon");
    is_int(diag.line, 3, "in line 3");
    is_int(dg_request_text_parse(DG_SPAN("GET / HTTP/1.1\n fold\n"), &r,
                                 NULL), DG_ERR_SYNTAX, "a fold of nothing");

    dg_write_cstr(&w, "GET / HTTP/1.1\n");
    for (unsigned i = 0; i < DG_REQUEST_HEADERS_MAX; i++) {
        dg_write_cstr(&w, "A:1\n");
    }

    is_int(dg_request_text_parse(dg_written(&w), &r, NULL), DG_OK,
           "as many headers as fit");
    dg_write_cstr(&w, "A:1\n");
    is_int(dg_request_text_parse(dg_written(&w), &r, NULL), DG_ERR_LIMIT,
           "one more");
}


int
main(void)
{
    dg_request_text_t  r;

    test_request("POST /a b?c=d HTTP/1.1\nHost:h\nB: c\n\nx\ny", "LF");
    test_request("POST /a b?c=d HTTP/1.1\r\nHost: h \r\nB: c\r\n\r\nx\ny",
                 "CRLF");
    test_edit();
    test_refused();

    is_int(dg_request_text_parse(DG_SPAN("GET /x\nA: 1\n  2\n\t3\n\n"), &r,
                                 NULL), DG_OK, "no version, folded lines");
    is_text(r.request.target, "/x", "the target without version");
    is_text(r.headers[0].value, "1\n  2\n\t3", "the value holds its folds");

    return done_testing();
}
