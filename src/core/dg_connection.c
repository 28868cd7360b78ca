/*
 * The way into a DCV session: see dg_connection.h.
 */

#include "dg_connection.h"

#include "dg_jws.h"
#include "dg_wiped_arena.h"

#define SCRATCH_CHUNK  (16 * 1024)
#define SCRATCH_LIMIT  (16 * 1024 * 1024)
#define PORT_MAX       65535

static const dg_json_limits_t  answer_limits = {
    .depth = 32, .text = DG_CONNECTION_BODY_MAX,
    .string = DG_CONNECTION_BODY_MAX, .values = 10000, .members = 1000
};

/* Writes a member's value; the member is never NULL. */
typedef dg_err_t (*write_pt)(dg_writer_t *w, const dg_json_t *value,
    const dg_connection_address_t *address);

typedef struct {
    const char  *name;
    write_pt     write;
    bool         must_be;   /* is added when it is not there */
} member_t;


static bool
is_host(dg_span_t host, bool is_ipv6)
{
    size_t   i;
    uint8_t  c;

    for (i = 0; i < host.len; i++) {
        c = host.data[i];

        if (is_ipv6 ? !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')
                        || (c >= 'A' && c <= 'F') || c == ':' || c == '.')
                    : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
                        || (c >= 'A' && c <= 'Z') || c == '-' || c == '.'))
        {
            return false;
        }
    }

    return host.len != 0 && host.len <= DG_CONNECTION_HOST_MAX;
}


dg_err_t
dg_connection_parse_address(dg_span_t text, dg_connection_address_t *address)
{
    size_t     colon = dg_span_find_last(text, ':');
    uint64_t   port;
    bool       is_ipv6;
    dg_span_t  host = dg_span_slice(text, 0, colon);

    *address = (dg_connection_address_t) { DG_SPAN_EMPTY, DG_SPAN_EMPTY };

    is_ipv6 = host.len > 2 && host.data[0] == '['
              && host.data[host.len - 1] == ']';

    if (is_ipv6) {
        host = dg_span_slice(host, 1, host.len - 1);
    }

    if (colon == text.len || !is_host(host, is_ipv6)
        || (is_ipv6 && dg_span_find(host, ':') == host.len)
        || !dg_span_to_u64(dg_span_slice(text, colon + 1, text.len), &port)
        || port == 0 || port > PORT_MAX || text.data[colon + 1] == '0')
    {
        return DG_ERR_SYNTAX;
    }

    address->host = host;
    address->port = dg_span_slice(text, colon + 1, text.len);
    return DG_OK;
}


static void
write_key(dg_writer_t *w, dg_span_t key, bool is_first)
{
    if (!is_first) {
        dg_write_char(w, ',');
    }

    dg_json_write_string(w, key);
    dg_write_char(w, ':');
}


static const member_t *
member_of(const member_t *members, dg_span_t key)
{
    for (; members->name != NULL; members++) {
        if (dg_span_equal(key, dg_span_cstr(members->name))) {
            return members;
        }
    }

    return NULL;
}


/*
 * An object with some of its members written by their own functions; null,
 * which stands for a member that is not there, stays null.
 */
static dg_err_t
write_object(dg_writer_t *w, const dg_json_t *object, const member_t *members,
    const dg_connection_address_t *address)
{
    dg_err_t          err;
    bool              is_first = true;
    const member_t   *m;
    const dg_json_t  *value;

    if (object->type == DG_JSON_NULL) {
        dg_json_write_tree(w, object);
        return DG_OK;
    }

    if (object->type != DG_JSON_OBJECT) {
        return DG_ERR_INVALID;
    }

    dg_write_char(w, '{');

    for (value = object->first; value != NULL; value = value->next) {
        write_key(w, value->key, is_first);
        is_first = false;
        m = member_of(members, value->key);

        if (m == NULL) {
            dg_json_write_tree(w, value);
            continue;
        }

        err = m->write(w, value, address);
        if (err != DG_OK) {
            return err;
        }
    }

    for (m = members; m->name != NULL; m++) {

        if (!m->must_be
            || dg_json_member(object, dg_span_cstr(m->name)) != NULL)
        {
            continue;
        }

        write_key(w, dg_span_cstr(m->name), is_first);
        is_first = false;

        err = m->write(w, NULL, address);
        if (err != DG_OK) {
            return err;
        }
    }

    dg_write_char(w, '}');
    return DG_OK;
}


static dg_err_t
write_host(dg_writer_t *w, const dg_json_t *value,
    const dg_connection_address_t *address)
{
    (void) value;

    dg_json_write_string(w, address->host);
    return DG_OK;
}


/* A server's port is a string, an endpoint's a number. */
static dg_err_t
write_port_string(dg_writer_t *w, const dg_json_t *value,
    const dg_connection_address_t *address)
{
    (void) value;

    dg_json_write_string(w, address->port);
    return DG_OK;
}


static dg_err_t
write_port_number(dg_writer_t *w, const dg_json_t *value,
    const dg_connection_address_t *address)
{
    (void) value;

    dg_write_span(w, address->port);
    return DG_OK;
}


static bool
is_among(const dg_span_t *texts, size_t count, dg_span_t text)
{
    size_t  i;

    for (i = 0; i < count; i++) {
        if (dg_span_equal(texts[i], text)) {
            return true;
        }
    }

    return false;
}


/*
 * A server may have several addresses, a gateway has one: what then differs
 * in nothing is one endpoint.
 */
static dg_err_t
write_endpoints(dg_writer_t *w, const dg_json_t *value,
    const dg_connection_address_t *address)
{
    static const member_t  members[] = {
        { "IpAddress", write_host, true },
        { "Port", write_port_number, true },
        { NULL, NULL, false }
    };
    size_t            start, count = 0;
    dg_err_t          err;
    dg_span_t         text, seen[DG_CONNECTION_PATHS];
    const dg_json_t  *item;

    if (value->type == DG_JSON_NULL) {
        dg_json_write_tree(w, value);
        return DG_OK;
    }

    if (value->type != DG_JSON_ARRAY) {
        return DG_ERR_INVALID;
    }

    dg_write_char(w, '[');

    for (item = value->first; item != NULL; item = item->next) {
        if (count != 0) {
            dg_write_char(w, ',');
        }

        start = w->len;

        err = write_object(w, item, members, address);
        if (err != DG_OK) {
            return err;
        }

        text = dg_span(w->data + start, w->len - start);

        if (is_among(seen, count, text)) {
            w->len = start - 1;
            continue;
        }

        if (count == DG_CONNECTION_PATHS) {
            return DG_ERR_LIMIT;
        }

        seen[count++] = text;
    }

    dg_write_char(w, ']');
    return DG_OK;
}


static dg_err_t
write_server(dg_writer_t *w, const dg_json_t *value,
    const dg_connection_address_t *address)
{
    static const member_t  members[] = {
        { "Ip", write_host, true },
        { "Port", write_port_string, true },
        { "Endpoints", write_endpoints, false },
        { NULL, NULL, false }
    };

    return write_object(w, value, members, address);
}


static dg_err_t
write_session(dg_writer_t *w, const dg_json_t *value,
    const dg_connection_address_t *address)
{
    static const member_t  members[] = {
        { "Server", write_server, false },
        { NULL, NULL, false }
    };

    return write_object(w, value, members, address);
}


dg_err_t
dg_connection_replace(dg_arena_t *arena, dg_span_t body,
    const dg_connection_address_t *address, dg_writer_t *w)
{
    static const member_t  members[] = {
        { "Session", write_session, false },
        { NULL, NULL, false }
    };
    dg_err_t          err;
    dg_wiped_arena_t  scratch;
    const dg_json_t  *root;

    dg_wiped_arena_init(&scratch, arena, SCRATCH_CHUNK, SCRATCH_LIMIT);

    err = dg_json_parse(&scratch.arena, body, &answer_limits, NULL, &root);

    if (err == DG_OK) {
        err = root->type == DG_JSON_OBJECT
              ? write_object(w, root, members, address) : DG_ERR_INVALID;
    }

    dg_wiped_arena_wipe(&scratch);

    return err == DG_OK && w->overflow ? DG_ERR_LIMIT : err;
}


static bool
read_claims(dg_arena_t *arena, dg_arena_t *scratch, dg_span_t text,
    dg_connection_token_t *token)
{
    dg_jws_t          jws;
    dg_span_t         id = DG_SPAN_EMPTY, user = DG_SPAN_EMPTY;
    const dg_json_t  *expiry;

    if (dg_jws_parse(scratch, text, &jws) != DG_ALLOWED
        || dg_jws_claims(scratch, &jws) != DG_ALLOWED)
    {
        return false;
    }

    expiry = dg_json_member(jws.claims, DG_SPAN("exp"));

    if (expiry == NULL || expiry->type != DG_JSON_NUMBER
        || dg_json_to_i64(expiry->text, &token->expiry) != DG_OK
        || token->expiry < 0)
    {
        token->expiry = 0;
    }

    if (dg_json_string(jws.claims, DG_SPAN("jti"), &id)) {
        token->id = dg_arena_copy(arena, id);
    }

    if (dg_json_string(jws.claims, DG_SPAN("dcvSessionUser"), &user)) {
        token->user = dg_arena_copy(arena, user);
    }

    return token->id.len != 0 || token->user.len != 0 || token->expiry != 0;
}


bool
dg_connection_read_token(dg_arena_t *arena, dg_span_t body,
    dg_connection_token_t *token)
{
    bool              found = false;
    dg_span_t         text;
    dg_wiped_arena_t  scratch;
    const dg_json_t  *root;

    *token = (dg_connection_token_t) { .expiry = 0 };

    dg_wiped_arena_init(&scratch, arena, SCRATCH_CHUNK, SCRATCH_LIMIT);

    if (dg_json_parse(&scratch.arena, body, &answer_limits, NULL, &root)
        == DG_OK
        && dg_json_string(root, DG_SPAN("ConnectionToken"), &text))
    {
        found = read_claims(arena, &scratch.arena, text, token);
    }

    dg_wiped_arena_wipe(&scratch);

    return found;
}
