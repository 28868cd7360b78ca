/*
 * An answer with a way into a session: its addresses replaced, and its token
 * read for the record.
 */

#include "bench.h"
#include "dg_connection.h"

#define CLAIMS  "eyJqdGkiOiJpZC0xIiwiZXhwIjoxOTAwMDAwMDAwLCJkY3ZTZXNzaW9u" \
                "VXNlciI6ImFkYSJ9"
#define ENDPOINT(protocol)                                                    \
    "{\"IpAddress\":\"10.0.0.1\",\"Port\":8443,\"WebUrlPath\":\"/\","         \
    "\"Protocol\":\"" protocol "\"}"

typedef struct {
    dg_connection_address_t  gateway;
    uint8_t                  memory[256 * 1024];
    uint8_t                  text[DG_CONNECTION_SIZE(1024)];
} work_t;

static const dg_span_t  answer = DG_SPAN(
    "{\"Session\":{\"Id\":\"s\",\"Name\":\"n\",\"Owner\":\"ada\",\"Server\":{"
    "\"Id\":\"x\",\"Ip\":\"10.0.0.1\",\"Port\":\"8443\",\"Endpoints\":["
    ENDPOINT("HTTP") "," ENDPOINT("QUIC") "],\"Tags\":[]}},"
    "\"ConnectionToken\":\"eyJhbGciOiJSUzI1NiJ9." CLAIMS ".c2ln\"}");


static void
replace(void *ctx)
{
    work_t       *work = ctx;
    dg_arena_t    arena;
    dg_writer_t   w = dg_writer(work->text, sizeof(work->text));

    dg_arena_init(&arena, work->memory, sizeof(work->memory));

    if (dg_connection_replace(&arena, answer, &work->gateway, &w) != DG_OK) {
        abort();
    }
}


static void
read_token(void *ctx)
{
    work_t                 *work = ctx;
    dg_arena_t              arena;
    dg_connection_token_t   token;

    dg_arena_init(&arena, work->memory, sizeof(work->memory));

    if (!dg_connection_read_token(&arena, answer, &token)) {
        abort();
    }
}


int
main(void)
{
    static work_t  work;

    if (dg_connection_parse_address(DG_SPAN("dcv.example.com:8443"),
                                    &work.gateway)
        != DG_OK)
    {
        abort();
    }

    bench("connection_replace", replace, &work);
    bench("connection_token", read_token, &work);

    return 0;
}
