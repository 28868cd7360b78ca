/*
 * The way into a session: the server's address replaced, and what a
 * ConnectionToken says of itself.
 */

#include "dg_connection.h"

#include "dg_codec.h"
#include "tap.h"

static uint8_t  memory[4 * 1024 * 1024];
static uint8_t  text[DG_CONNECTION_SIZE(DG_CONNECTION_BODY_MAX)];

static const dg_connection_address_t  gateway = {
    { (const uint8_t *) "gw.example.com", 14 }, { (const uint8_t *) "443", 3 }
};


static dg_err_t
replace(dg_span_t body, dg_span_t *out)
{
    dg_err_t     err;
    dg_arena_t   arena;
    dg_writer_t  w = dg_writer(text, sizeof(text));

    dg_arena_init(&arena, memory, sizeof(memory));
    err = dg_connection_replace(&arena, body, &gateway, &w);
    *out = dg_written(&w);

    return err;
}


static void
addresses(void)
{
    static const struct {
        const char  *text;
        const char  *host;
        const char  *port;
    } cases[] = {
        { "gw.example.com:8443", "gw.example.com", "8443" },
        { "10.0.0.1:1", "10.0.0.1", "1" },
        { "[2001:db8::1]:65535", "2001:db8::1", "65535" },
        { "gw-1:443", "gw-1", "443" },
    };
    static const char *const  wrong[] = {
        "", ":", "gw", "gw:", ":443", "gw:0", "gw:65536", "gw:443x",
        "gw:0443", "gw:-1", "gw:99999999999999999999", "https://gw:443",
        "gw/x:443", "gw x:443", "gw\":443", "2001:db8::1:443", "[]:443",
        "[gw]:443", "[2001:db8::1]443", "[::1:443", "gw_1:443", "g\303\244:1",
        "user@gw:443"
    };
    char                     many[DG_CONNECTION_HOST_MAX + 8];
    dg_connection_address_t  address;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(dg_connection_parse_address(dg_span_cstr(cases[i].text),
                                           &address),
               DG_OK, "an address: %s", cases[i].text);
        is_text(address.host, cases[i].host, "its host");
        is_text(address.port, cases[i].port, "its port");
    }

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        is_int(dg_connection_parse_address(dg_span_cstr(wrong[i]), &address),
               DG_ERR_SYNTAX, "no address: \"%s\"", wrong[i]);
        is_int((long long) address.host.len, 0, "and none is given");
    }

    memset(many, 'a', sizeof(many));
    memcpy(many + DG_CONNECTION_HOST_MAX, ":1", 2);
    is_int(dg_connection_parse_address(
               dg_span(many, DG_CONNECTION_HOST_MAX + 2), &address),
           DG_OK, "the longest host");
    memcpy(many + DG_CONNECTION_HOST_MAX, "a:1", 3);
    is_int(dg_connection_parse_address(
               dg_span(many, DG_CONNECTION_HOST_MAX + 3), &address),
           DG_ERR_SYNTAX, "one byte more");
}


static void
replaced(void)
{
    static const struct {
        const char  *name;
        const char  *body;
        const char  *out;
    } cases[] = {
        { "ip, port and endpoints",
          "{\"Session\": {\"Id\": \"s\", \"Server\": {\"Id\": \"x\", "
          "\"Ip\": \"10.0.0.1\", \"Port\": \"8443\", \"Endpoints\": "
          "[{\"IpAddress\": \"10.0.0.1\", \"Port\": 8443, \"WebUrlPath\": "
          "\"/\", \"Protocol\": \"HTTP\"}, {\"IpAddress\": \"10.0.0.1\", "
          "\"Port\": 8443, \"WebUrlPath\": \"/\", \"Protocol\": \"QUIC\"}], "
          "\"Tags\": [1, {\"a\": null}]}}, \"ConnectionToken\": \"a.b.c\"}",
          "{\"Session\":{\"Id\":\"s\",\"Server\":{\"Id\":\"x\","
          "\"Ip\":\"gw.example.com\",\"Port\":\"443\",\"Endpoints\":"
          "[{\"IpAddress\":\"gw.example.com\",\"Port\":443,\"WebUrlPath\":"
          "\"/\",\"Protocol\":\"HTTP\"},{\"IpAddress\":\"gw.example.com\","
          "\"Port\":443,\"WebUrlPath\":\"/\",\"Protocol\":\"QUIC\"}],"
          "\"Tags\":[1,{\"a\":null}]}},\"ConnectionToken\":\"a.b.c\"}" },
        { "several addresses are one",
          "{\"Session\":{\"Server\":{\"Ip\":1,\"Port\":2,\"Endpoints\":["
          "{\"IpAddress\":\"a\",\"Port\":1,\"Protocol\":\"HTTP\"},"
          "{\"IpAddress\":\"b\",\"Port\":2,\"Protocol\":\"HTTP\"},"
          "{\"IpAddress\":\"b\",\"Port\":3,\"Protocol\":\"QUIC\"}]}}}",
          "{\"Session\":{\"Server\":{\"Ip\":\"gw.example.com\","
          "\"Port\":\"443\",\"Endpoints\":["
          "{\"IpAddress\":\"gw.example.com\",\"Port\":443,"
          "\"Protocol\":\"HTTP\"},"
          "{\"IpAddress\":\"gw.example.com\",\"Port\":443,"
          "\"Protocol\":\"QUIC\"}]}}}" },
        { "what is not there is added",
          "{\"Session\":{\"Server\":{}}}",
          "{\"Session\":{\"Server\":{\"Ip\":\"gw.example.com\","
          "\"Port\":\"443\"}}}" },
        { "also behind others",
          "{\"Session\":{\"Server\":{\"Endpoints\":[{}],\"Id\":\"\\u00e4\"}}}",
          "{\"Session\":{\"Server\":{\"Endpoints\":["
          "{\"IpAddress\":\"gw.example.com\",\"Port\":443}],"
          "\"Id\":\"\303\244\",\"Ip\":\"gw.example.com\",\"Port\":\"443\"}}}" },
        { "no session", "{\"ConnectionToken\":\"t\"}",
          "{\"ConnectionToken\":\"t\"}" },
        { "no server", "{\"Session\":{\"Id\":\"s\"}}",
          "{\"Session\":{\"Id\":\"s\"}}" },
        { "null", "{\"Session\":null}", "{\"Session\":null}" },
        { "null within",
          "{\"Session\":{\"Server\":{\"Ip\":null,\"Port\":null,"
          "\"Endpoints\":null}}}",
          "{\"Session\":{\"Server\":{\"Ip\":\"gw.example.com\","
          "\"Port\":\"443\",\"Endpoints\":null}}}" },
        { "numbers stay as they are",
          "{\"x\":1.50e3,\"y\":-0,\"z\":12345678901234567890}",
          "{\"x\":1.50e3,\"y\":-0,\"z\":12345678901234567890}" },
    };
    dg_span_t  out;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(replace(dg_span_cstr(cases[i].body), &out), DG_OK, "%s",
               cases[i].name);
        is_text(out, cases[i].out, "as it must be");
    }
}


static void
unreadable(void)
{
    static const struct {
        const char  *body;
        dg_err_t     err;
    } cases[] = {
        { "", DG_ERR_SYNTAX },
        { "{\"Session\":", DG_ERR_SYNTAX },
        { "<html>", DG_ERR_SYNTAX },
        { "{} {}", DG_ERR_SYNTAX },
        { "[]", DG_ERR_INVALID },
        { "\"x\"", DG_ERR_INVALID },
        { "null", DG_ERR_INVALID },
        { "{\"Session\":[]}", DG_ERR_INVALID },
        { "{\"Session\":{\"Server\":\"10.0.0.1\"}}", DG_ERR_INVALID },
        { "{\"Session\":{\"Server\":{\"Endpoints\":{}}}}", DG_ERR_INVALID },
        { "{\"Session\":{\"Server\":{\"Endpoints\":[1]}}}", DG_ERR_INVALID },
        { "{\"Session\":{\"Server\":{\"Ip\":\"a\",\"Ip\":\"b\"}}}",
          DG_ERR_INVALID },
        { "{\"Session\":{},\"Session\":{\"Server\":{\"Ip\":\"b\"}}}",
          DG_ERR_INVALID },
        { "{\"Session\":{},\"S\\u0065ssion\":{\"Server\":{}}}",
          DG_ERR_INVALID },
        { "\x1f\x8b\x08", DG_ERR_SYNTAX },
    };
    dg_span_t  out;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(replace(dg_span_cstr(cases[i].body), &out), cases[i].err,
               "not passed on: %s", cases[i].body);
    }
}


/* {"Session":{"Server":{"Endpoints":[{"n":0},...]}}} */
static dg_span_t
endpoints(char *body, size_t size, size_t count)
{
    size_t  len, i;

    len = (size_t) snprintf(body, size,
                            "{\"Session\":{\"Server\":{\"Endpoints\":[");

    for (i = 0; i < count; i++) {
        len += (size_t) snprintf(body + len, size - len, "%s{\"n\":%zu}",
                                 i ? "," : "", i);
    }

    len += (size_t) snprintf(body + len, size - len, "]}}}");

    return dg_span(body, len);
}


static void
limits(void)
{
    static char  body[DG_CONNECTION_BODY_MAX + 1];
    dg_span_t    out;
    dg_arena_t   arena;
    dg_writer_t  w;

    is_int(replace(endpoints(body, 4096, DG_CONNECTION_PATHS), &out), DG_OK,
           "as many endpoints as there may be");
    is_int(replace(endpoints(body, 4096, DG_CONNECTION_PATHS + 1), &out),
           DG_ERR_LIMIT, "one more");

    memset(body, 'x', DG_CONNECTION_BODY_MAX + 1);
    memcpy(body, "{\"x\":\"", 6);
    memcpy(body + DG_CONNECTION_BODY_MAX - 2, "\"}", 2);
    is_int(replace(dg_span(body, DG_CONNECTION_BODY_MAX), &out), DG_OK,
           "an answer as long as it may be");
    is_int((long long) out.len, DG_CONNECTION_BODY_MAX, "written whole");

    memcpy(body + DG_CONNECTION_BODY_MAX - 2, "x\"}", 3);
    is_int(replace(dg_span(body, DG_CONNECTION_BODY_MAX + 1), &out),
           DG_ERR_LIMIT, "one byte more");

    dg_arena_init(&arena, memory, sizeof(memory));
    w = dg_writer(text, 40);
    is_int(dg_connection_replace(&arena, DG_SPAN("{\"Session\":{\"Server\":"
                                                 "{\"Ip\":\"1\"}}}"),
                                 &gateway, &w),
           DG_ERR_LIMIT, "no room for it");

    dg_arena_init(&arena, memory, 64);
    w = dg_writer(text, sizeof(text));
    is_int(dg_connection_replace(&arena, DG_SPAN("{}"), &gateway, &w),
           DG_ERR_MEMORY, "no memory");
}


/* {"ConnectionToken":"HEADER.CLAIMS.c2ln"} */
static bool
read_token(const char *header, const char *claims,
    dg_connection_token_t *token)
{
    uint8_t            body[4096];
    dg_writer_t        w = dg_writer(body, sizeof(body));
    static dg_arena_t  arena;

    dg_write_cstr(&w, "{\"ConnectionToken\":\"");
    dg_write_base64url(&w, dg_span_cstr(header));
    dg_write_char(&w, '.');
    dg_write_base64url(&w, dg_span_cstr(claims));
    dg_write_cstr(&w, ".c2ln\",\"Session\":{}}");

    memset(memory, 0, sizeof(memory));
    dg_arena_init(&arena, memory, sizeof(memory));

    return dg_connection_read_token(&arena, dg_written(&w), token);
}


/* True when the bytes stand anywhere in the memory of the last call. */
static bool
is_left(const char *bytes)
{
    size_t  i, len = strlen(bytes);

    for (i = 0; i + len <= sizeof(memory); i++) {
        if (memcmp(memory + i, bytes, len) == 0) {
            return true;
        }
    }

    return false;
}


static void
tokens(void)
{
    static const char        *header = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";
    static const char *const  nothing[] = {
        "{}", "[]", "no", "{\"jti\":5,\"exp\":\"soon\",\"dcvSessionUser\":[]}",
        "{\"exp\":-5}", "{\"exp\":1e99}"
    };
    static const char *const  bodies[] = {
        "", "{}", "[]", "{\"ConnectionToken\":null}",
        "{\"ConnectionToken\":\"\"}", "{\"ConnectionToken\":\"opaque\"}",
        "{\"ConnectionToken\":\"a.b.c\"}", "{\"ConnectionToken\":\"..\"}",
        "{\"ConnectionToken\":\"e30.e30.\"}", "{\"ConnectionToken\":\"e30\""
    };
    dg_arena_t                arena;
    dg_connection_token_t     token;

    ok(read_token(header, "{\"jti\":\"id-1\",\"exp\":1900000000,"
                          "\"dcvSessionUser\":\"DOMAIN\\\\ada\","
                          "\"secret\":\"unique-mark\"}", &token),
       "a token that can be read");
    is_text(token.id, "id-1", "its id");
    is_text(token.user, "DOMAIN\\ada", "its user");
    is_int(token.expiry, 1900000000, "its end");
    ok(!is_left("unique-mark"), "nothing else of it is left");
    ok(!is_left("ZGN2U2Vzc2lvb"), "nor the token");

    ok(read_token(header, "{\"exp\":19.0e1}", &token), "some of it is enough");
    is_int(token.expiry, 190, "here its end");
    is_int((long long) token.id.len, 0, "without an id");

    for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
        ok(!read_token(header, nothing[i], &token), "says nothing: %s",
           nothing[i]);
        ok(token.id.len == 0 && token.user.len == 0 && token.expiry == 0,
           "and nothing is known");
    }

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        dg_arena_init(&arena, memory, sizeof(memory));
        ok(!dg_connection_read_token(&arena, dg_span_cstr(bodies[i]), &token),
           "opaque: %s", bodies[i]);
        ok(token.id.len == 0 && token.expiry == 0, "and nothing is known");
    }
}


int
main(void)
{
    addresses();
    replaced();
    unreadable();
    limits();
    tokens();

    return done_testing();
}
