/*
 * Targets: dg_connection_replace, dg_connection_read_token.
 *
 * What is written is JSON, and has no address but the gateway's; writing it
 * again changes nothing.
 */

#include "dg_connection.h"
#include "dg_json.h"

#include <stdlib.h>

static uint8_t  memory[8 * 1024 * 1024];
static uint8_t  text[DG_CONNECTION_SIZE(DG_CONNECTION_BODY_MAX)];
static uint8_t  again[DG_CONNECTION_SIZE(DG_CONNECTION_BODY_MAX)];


static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}


static void
require_text(const dg_json_t *object, dg_span_t name, dg_span_t want)
{
    const dg_json_t  *value = dg_json_member(object, name);

    require(value != NULL && dg_span_equal(value->text, want));
}


static void
check(dg_span_t written, const dg_connection_address_t *gateway)
{
    dg_arena_t        arena;
    const dg_json_t  *root, *server, *item;

    dg_arena_init(&arena, memory, sizeof(memory));
    require(dg_json_parse(&arena, written, NULL, NULL, &root) == DG_OK);

    server = dg_json_member(dg_json_member(root, DG_SPAN("Session")),
                            DG_SPAN("Server"));

    if (server == NULL || server->type == DG_JSON_NULL) {
        return;
    }

    require_text(server, DG_SPAN("Ip"), gateway->host);
    require_text(server, DG_SPAN("Port"), gateway->port);

    item = dg_json_member(server, DG_SPAN("Endpoints"));

    for (item = item ? item->first : NULL; item != NULL; item = item->next) {
        if (item->type != DG_JSON_NULL) {
            require_text(item, DG_SPAN("IpAddress"), gateway->host);
            require_text(item, DG_SPAN("Port"), gateway->port);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dg_arena_t               arena;
    dg_writer_t              w = dg_writer(text, sizeof(text));
    dg_writer_t              v = dg_writer(again, sizeof(again));
    dg_connection_token_t    token;
    dg_connection_address_t  gateway;

    require(dg_connection_parse_address(DG_SPAN("gw.example.com:443"),
                                        &gateway)
            == DG_OK);

    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_connection_read_token(&arena, dg_span(data, size), &token)) {
        require(token.id.len != 0 || token.user.len != 0
                || token.expiry > 0);
    }

    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_connection_replace(&arena, dg_span(data, size), &gateway, &w)
        != DG_OK)
    {
        return 0;
    }

    require(w.len <= DG_CONNECTION_SIZE(size));

    check(dg_written(&w), &gateway);

    if (w.len > DG_CONNECTION_BODY_MAX) {
        return 0;
    }

    dg_arena_init(&arena, memory, sizeof(memory));
    require(dg_connection_replace(&arena, dg_written(&w), &gateway, &v)
            == DG_OK);
    require(dg_span_equal(dg_written(&w), dg_written(&v)));

    return 0;
}
