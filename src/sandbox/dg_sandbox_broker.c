/*
 * Placing sessions on servers: see dg_sandbox_broker.h.
 */

#include "dg_sandbox_broker.h"

#include "core/dg_codec.h"
#include "core/dg_requirements.h"

#define BROKER_TOKEN_LIFE       3600   /* connect-session-token-duration */
#define BROKER_TOKEN_TEXT       2048
#define BROKER_SIGNATURE_SIZE   256    /* as long as RS256's */
#define BROKER_UUID_SIZE        36

#define PHASE   DG_SPAN("$phase")
#define SERVER  DG_SPAN("$server")

typedef struct {
    int64_t  console;
    int64_t  virtual;
} counts_t;


static const dg_json_t *
servers(dg_sandbox_call_t *call)
{
    return dg_entity_def(call, DG_SPAN("server"));
}


static const dg_json_t *
sessions(dg_sandbox_call_t *call)
{
    return dg_entity_def(call, DG_SPAN("session"));
}


static bool
is(const dg_json_t *object, const char *name, const char *text)
{
    return dg_span_equal(dg_sandbox_text(object, name), dg_span_cstr(text));
}


static bool
is_true(const dg_json_t *object, dg_span_t name)
{
    const dg_json_t  *value = dg_json_member(object, name);

    return value != NULL && value->type == DG_JSON_BOOL && value->boolean;
}


/* Sessions that occupy the server. */
static counts_t
count(dg_sandbox_call_t *call, dg_span_t server)
{
    counts_t          n = { 0, 0 };
    dg_span_t         id = DG_SPAN_EMPTY;
    const dg_json_t  *s;

    while ((s = dg_entity_next(call, sessions(call), id, &id)) != NULL) {

        if (!dg_span_equal(dg_sandbox_text(s, "$server"), server)
            || is(s, "$phase", "DELETING") || is(s, "$phase", "DELETED"))
        {
            continue;
        }

        if (is(s, "Type", "CONSOLE")) {
            n.console++;
            continue;
        }

        n.virtual++;
    }

    return n;
}


static bool
is_full(const dg_json_t *server, counts_t n)
{
    int64_t           capacity = 1;
    const dg_json_t  *value = dg_json_member(server, DG_SPAN("$capacity"));

    if (value != NULL && dg_json_to_i64(value->text, &capacity) != DG_OK) {
        capacity = 1;
    }

    return n.console > 0 || n.virtual >= capacity;
}


static void
view_server(dg_sandbox_call_t *call, dg_json_t *server)
{
    counts_t     n = count(call, dg_sandbox_text(server, "Id"));
    const char  *reason = NULL;

    dg_tree_set(&call->tree, server, DG_SPAN("ConsoleSessionCount"),
                dg_tree_number(&call->tree, n.console));
    dg_tree_set(&call->tree, server, DG_SPAN("VirtualSessionCount"),
                dg_tree_number(&call->tree, n.virtual));

    if (is_true(server, DG_SPAN("$closed"))) {
        reason = "SERVER_CLOSED";

    } else if (is(server, "Availability", "UNAVAILABLE")) {
        return;   /* as the data say: unreachable, unhealthy */

    } else if (is_full(server, n)) {
        reason = "SERVER_FULL";
    }

    dg_tree_set_text(&call->tree, server, DG_SPAN("Availability"),
                     reason ? DG_SPAN("UNAVAILABLE") : DG_SPAN("AVAILABLE"));

    if (reason != NULL) {
        dg_tree_set_text(&call->tree, server, DG_SPAN("UnavailabilityReason"),
                         dg_span_cstr(reason));
    }
}


void
dg_broker_view(dg_sandbox_call_t *call, const dg_json_t *def,
    dg_json_t *entity)
{
    dg_json_t  *server;

    if (entity == NULL || !call->data->service->is_broker) {
        return;
    }

    if (def == servers(call)) {
        view_server(call, entity);
        return;
    }

    if (def != sessions(call)) {
        return;
    }

    server = dg_entity_get(call, servers(call),
                           dg_sandbox_text(entity, "$server"));
    if (server != NULL) {
        view_server(call, server);
        dg_tree_set(&call->tree, entity, DG_SPAN("Server"), server);
    }
}


/* What the Requirements expression may ask of a server. */
typedef struct {
    dg_sandbox_call_t  *call;
    const dg_json_t    *server;
} candidate_t;


/* Ec2InstanceType of the expression is EC2InstanceType of the JSON. */
static const dg_json_t *
property(const dg_json_t *server, dg_span_t name)
{
    return dg_template_path(server, name);
}


static bool
lookup(void *ctx, bool is_tag, dg_span_t name, dg_span_t *text)
{
    candidate_t      *c = ctx;
    const dg_json_t  *value;

    if (!is_tag) {
        value = property(c->server, name);
        if (value == NULL) {
            return false;
        }

        *text = value->text;
        return true;
    }

    value = dg_json_member(c->server, DG_SPAN("Tags"));

    for (value = value ? value->first : NULL; value != NULL;
         value = value->next)
    {
        if (dg_span_equal(dg_sandbox_text(value, "Key"), name)) {
            *text = dg_sandbox_text(value, "Value");
            return true;
        }
    }

    return false;
}


static bool
suits(dg_sandbox_call_t *call, const dg_requirements_t *requirements,
    const dg_json_t *item, const dg_json_t *server)
{
    candidate_t  c = { call, server };

    if (!is(server, "Availability", "AVAILABLE")) {
        return false;
    }

    /* virtual sessions are a matter of Linux servers */
    if (is(item, "Type", "VIRTUAL")
        && !is(dg_template_path(server, DG_SPAN("Host.Os")), "Family",
               "linux"))
    {
        return false;
    }

    if (is(item, "Type", "CONSOLE")
        && count(call, dg_sandbox_text(server, "Id")).virtual > 0)
    {
        return false;
    }

    return requirements == NULL
           || dg_requirements_match(requirements, lookup, &c);
}


/* The id of a server that takes the session; empty when there is none. */
static dg_err_t
place(dg_sandbox_call_t *call, const dg_json_t *item, dg_span_t *server)
{
    dg_err_t            err;
    dg_json_t          *s;
    dg_diag_t           diag;
    dg_span_t           id = DG_SPAN_EMPTY, text;
    dg_requirements_t  *requirements = NULL;

    *server = DG_SPAN_EMPTY;

    if (dg_json_string(item, DG_SPAN("Requirements"), &text)
        && text.len != 0)
    {
        err = dg_requirements_parse(call->tree.arena, text, &diag,
                                    &requirements);
        if (err != DG_OK) {
            return dg_sandbox_fault(call, DG_FAULT_INVALID,
                                    "Invalid Requirements: %s", diag.text);
        }
    }

    while ((s = dg_entity_next(call, servers(call), id, &id)) != NULL) {
        view_server(call, s);

        if (suits(call, requirements, item, s)) {
            *server = id;
            return DG_OK;
        }
    }

    return DG_OK;
}


/* The item with the members by which the broker knows the session. */
static dg_json_t *
placed_item(dg_sandbox_call_t *call, const dg_json_t *item, dg_span_t server)
{
    dg_json_t  *made = dg_tree_copy(&call->tree, item);

    dg_tree_set_text(&call->tree, made, PHASE,
                     server.len != 0 ? DG_SPAN("PLACED") : DG_SPAN("QUEUED"));

    if (server.len != 0) {
        dg_tree_set_text(&call->tree, made, SERVER, server);
    }

    return made;
}


dg_err_t
dg_broker_create(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity)
{
    dg_err_t   err;
    dg_span_t  server;

    err = place(call, item, &server);
    if (err != DG_OK) {
        return err;
    }

    if (server.len == 0 && !is_true(item, DG_SPAN("EnqueueRequest"))) {
        return dg_sandbox_fault(call, DG_FAULT_STATE,
                                "No DCV server satisfies the request");
    }

    return dg_verb_create(call, placed_item(call, item, server), entity);
}


/* Sessions that wait may have a place now. */
static dg_err_t
place_waiting(dg_sandbox_call_t *call)
{
    dg_err_t    err;
    dg_json_t  *s;
    dg_span_t   id = DG_SPAN_EMPTY, server;

    while ((s = dg_entity_next(call, sessions(call), id, &id)) != NULL) {

        if (!is(s, "$phase", "QUEUED")) {
            continue;
        }

        err = place(call, s, &server);
        if (err != DG_OK || server.len == 0) {
            continue;
        }

        dg_entity_touch(call, s);
        dg_tree_set_text(&call->tree, s, PHASE, DG_SPAN("PLACED"));
        dg_tree_set_text(&call->tree, s, SERVER, server);

        err = dg_entity_put(call, sessions(call), s);
        if (err != DG_OK) {
            return err;
        }
    }

    return call->tree.failed ? DG_ERR_MEMORY : DG_OK;
}


/*
 * Force takes the session away whatever its state; without it only one that
 * is there to be deleted is.
 */
dg_err_t
dg_broker_delete(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity)
{
    dg_err_t          err;
    dg_json_t        *session;
    const dg_json_t  *found = NULL;

    err = dg_verb_get(call, item, &found);
    if (err != DG_OK) {
        return err;
    }

    if (is(found, "$phase", "DELETED")
        || (is(found, "$phase", "DELETING")
            && !is_true(item, DG_SPAN("Force"))))
    {
        return dg_sandbox_fault(call, DG_FAULT_NOT_FOUND,
                                "The requested dcvSession does not exist");
    }

    session = dg_tree_copy(&call->tree, found);
    if (session == NULL) {
        return DG_ERR_MEMORY;
    }

    dg_entity_touch(call, session);
    dg_tree_set_text(&call->tree, session, PHASE, DG_SPAN("DELETING"));
    dg_tree_set_text(&call->tree, session, DG_SPAN("State"),
                     DG_SPAN("DELETING"));

    err = dg_entity_put(call, sessions(call), session);
    if (err != DG_OK) {
        return err;
    }

    *entity = session;
    return place_waiting(call);
}


static void
claim(dg_writer_t *w, const char *name, dg_span_t text)
{
    dg_write_char(w, ',');
    dg_json_write_name(w, name);
    dg_json_write_string(w, text);
}


/* A part of the token: the JSON text in base64url. */
static void
part(dg_writer_t *token, const dg_writer_t *json)
{
    if (json->overflow) {
        token->overflow = true;
    }

    dg_write_base64url(token, dg_written(json));
    dg_write_char(token, '.');
}


/*
 * In the shape of the broker's own tokens: a JWT of three parts.  Nobody can
 * verify it, so its signature is as random as it looks.
 */
static dg_err_t
connection_token(dg_sandbox_call_t *call, const dg_json_t *session,
    dg_span_t user, dg_writer_t *token)
{
    char         kid[BROKER_UUID_SIZE], jti[BROKER_UUID_SIZE];
    int64_t      now = call->env->now / 1000;
    uint8_t      text[BROKER_TOKEN_TEXT], signature[BROKER_SIGNATURE_SIZE];
    dg_writer_t  w = dg_writer(text, sizeof(text));

    if (dg_random_uuid(call->env->crypto, kid) != DG_OK
        || dg_random_uuid(call->env->crypto, jti) != DG_OK
        || dg_random(call->env->crypto, signature, sizeof(signature))
           != DG_OK)
    {
        return DG_ERR_CRYPTO;
    }

    dg_write_cstr(&w, "{\"typ\":\"JWT\",\"alg\":\"RS256\"");
    claim(&w, "kid", dg_span(kid, sizeof(kid)));
    dg_write_char(&w, '}');
    part(token, &w);

    w = dg_writer(text, sizeof(text));
    dg_write_cstr(&w, "{\"iat\":");
    dg_write_i64(&w, now);
    dg_write_cstr(&w, ",\"exp\":");
    dg_write_i64(&w, now + BROKER_TOKEN_LIFE);
    claim(&w, "jti", dg_span(jti, sizeof(jti)));
    claim(&w, "dcvSessionId", dg_sandbox_text(session, "Id"));
    claim(&w, "dcvSessionOwner", dg_sandbox_text(session, "Owner"));
    claim(&w, "dcvSessionUser", user);
    dg_write_char(&w, '}');
    part(token, &w);

    dg_write_base64url(token, dg_span(signature, sizeof(signature)));

    return token->overflow ? DG_ERR_LIMIT : DG_OK;
}


dg_err_t
dg_broker_connect(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity)
{
    uint8_t           text[2 * BROKER_TOKEN_TEXT];
    dg_err_t          err;
    dg_json_t        *session;
    dg_writer_t       token = dg_writer(text, sizeof(text));
    const dg_json_t  *found = NULL;

    err = dg_verb_get(call, item, &found);
    if (err != DG_OK) {
        return err;
    }

    if (!is(found, "$phase", "READY")) {
        return dg_sandbox_fault(call, DG_FAULT_NOT_FOUND,
                                "The requested dcvSession is not ready");
    }

    err = connection_token(call, found, dg_sandbox_text(item, "User"), &token);
    if (err != DG_OK) {
        return err;
    }

    session = dg_tree_copy(&call->tree, found);
    dg_broker_view(call, sessions(call), session);

    dg_tree_set_text(&call->tree, call->output, DG_SPAN("ConnectionToken"),
                     dg_written(&token));
    dg_wipe(text, sizeof(text));

    *entity = session;
    return call->tree.failed ? DG_ERR_MEMORY : DG_OK;
}


static dg_err_t
set_closed(dg_sandbox_call_t *call, const dg_json_t *found, bool closed,
    const dg_json_t **entity)
{
    dg_json_t  *server = dg_tree_copy(&call->tree, found);

    dg_tree_set(&call->tree, server, DG_SPAN("$closed"),
                dg_tree_bool(&call->tree, closed));

    if (call->tree.failed) {
        return DG_ERR_MEMORY;
    }

    *entity = server;
    return dg_entity_put(call, servers(call), server);
}


dg_err_t
dg_broker_open(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity)
{
    dg_err_t          err;
    const dg_json_t  *found = NULL;

    err = dg_verb_get(call, item, &found);

    if (err == DG_OK) {
        err = set_closed(call, found, false, entity);
    }

    return err == DG_OK ? place_waiting(call) : err;
}


/* A server with sessions is closed by Force only; its sessions run on. */
dg_err_t
dg_broker_close(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity)
{
    counts_t          n;
    dg_err_t          err;
    const dg_json_t  *found = NULL;

    err = dg_verb_get(call, item, &found);
    if (err != DG_OK) {
        return err;
    }

    n = count(call, dg_sandbox_text(found, "Id"));

    if (n.console + n.virtual != 0 && !is_true(item, DG_SPAN("Force"))) {
        return dg_sandbox_fault(call, DG_FAULT_STATE,
                                "The server has running sessions");
    }

    return set_closed(call, found, true, entity);
}
