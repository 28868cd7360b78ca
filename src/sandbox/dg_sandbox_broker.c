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

#define CONSOLE  DG_SPAN("ConsoleSessionCount")
#define VIRTUAL  DG_SPAN("VirtualSessionCount")

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


static bool
is_over(const dg_json_t *session)
{
    return is(session, "$phase", "DELETING")
           || is(session, "$phase", "DELETED");
}


/* One more of the session's type at its server. */
static void
occupy(dg_sandbox_call_t *call, const dg_json_t *session)
{
    int64_t           n = 0;
    dg_span_t         id = dg_sandbox_text(session, "$server"), name;
    dg_json_t        *server;
    const dg_json_t  *old = dg_json_member(call->servers, id), *value;

    if (old == NULL) {
        return;
    }

    name = is(session, "Type", "CONSOLE") ? CONSOLE : VIRTUAL;
    value = dg_json_member(old, name);

    if (value == NULL || dg_json_to_i64(value->text, &n) != DG_OK) {
        n = 0;
    }

    server = dg_tree_copy(&call->tree, old);
    dg_tree_set(&call->tree, server, name, dg_tree_number(&call->tree, n + 1));
    dg_tree_set(&call->tree, call->servers, id, server);
}


static counts_t
counts_of(const dg_json_t *server)
{
    counts_t          n = { 0, 0 };
    const dg_json_t  *c = dg_json_member(server, CONSOLE);
    const dg_json_t  *v = dg_json_member(server, VIRTUAL);

    if (c == NULL || dg_json_to_i64(c->text, &n.console) != DG_OK) {
        n.console = 0;
    }

    if (v == NULL || dg_json_to_i64(v->text, &n.virtual) != DG_OK) {
        n.virtual = 0;
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


/* Availability follows from what is at the server. */
static void
judge(dg_sandbox_call_t *call, dg_json_t *server)
{
    const char  *reason = NULL;

    if (server == NULL) {
        return;
    }

    if (is_true(server, DG_SPAN("$closed"))) {
        reason = "SERVER_CLOSED";

    } else if (is(server, "Availability", "UNAVAILABLE")) {
        return;   /* as the data say: unreachable, unhealthy */

    } else if (is_full(server, counts_of(server))) {
        reason = "SERVER_FULL";
    }

    dg_tree_set_text(&call->tree, server, DG_SPAN("Availability"),
                     reason ? DG_SPAN("UNAVAILABLE") : DG_SPAN("AVAILABLE"));

    if (reason != NULL) {
        dg_tree_set_text(&call->tree, server, DG_SPAN("UnavailabilityReason"),
                         dg_span_cstr(reason));
    }
}


/*
 * All servers with their sessions counted: one pass over both, however many
 * of them the call then looks at.
 */
static const dg_json_t *
all_servers(dg_sandbox_call_t *call)
{
    dg_json_t        *s;
    dg_span_t         id = DG_SPAN_EMPTY;
    const dg_json_t  *c;

    if (call->servers != NULL) {
        return call->servers;
    }

    call->servers = dg_tree_object(&call->tree);

    while ((s = dg_entity_next(call, servers(call), id, &id)) != NULL) {
        dg_tree_set(&call->tree, s, CONSOLE, dg_tree_number(&call->tree, 0));
        dg_tree_set(&call->tree, s, VIRTUAL, dg_tree_number(&call->tree, 0));
        dg_tree_set(&call->tree, call->servers, id, s);
    }

    id = DG_SPAN_EMPTY;

    while ((s = dg_entity_next(call, sessions(call), id, &id)) != NULL) {
        if (!is_over(s)) {
            occupy(call, s);
        }
    }

    for (c = call->servers ? call->servers->first : NULL; c != NULL;
         c = c->next)
    {
        judge(call, (dg_json_t *) c);
    }

    return call->servers;
}


/* A session that was just placed counts for the rest of the call. */
static void
settle_in(dg_sandbox_call_t *call, const dg_json_t *session)
{
    occupy(call, session);
    judge(call, (dg_json_t *) dg_json_member(call->servers,
                                  dg_sandbox_text(session, "$server")));
}


void
dg_broker_view(dg_sandbox_call_t *call, const dg_json_t *def,
    dg_json_t *entity)
{
    const dg_json_t  *server;

    if (entity == NULL || !call->data->service->is_broker) {
        return;
    }

    if (def == servers(call)) {
        server = dg_json_member(all_servers(call),
                                dg_sandbox_text(entity, "Id"));
        dg_tree_merge(&call->tree, entity, server);
        return;
    }

    if (def == sessions(call)) {
        dg_tree_set(&call->tree, entity, DG_SPAN("Server"),
                    dg_json_member(all_servers(call),
                                   dg_sandbox_text(entity, "$server")));
    }
}


/*
 * What a Requirements expression asks of a server.  Its Ec2InstanceType is
 * the EC2InstanceType of the JSON: paths compare without case at last.
 */
static bool
lookup(void *ctx, bool is_tag, dg_span_t name, dg_span_t *text)
{
    const dg_json_t  *server = ctx, *value;

    if (!is_tag) {
        value = dg_template_path(server, name);
        if (value == NULL) {
            return false;
        }

        *text = value->text;
        return true;
    }

    value = dg_json_member(server, DG_SPAN("Tags"));

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
suits(const dg_requirements_t *requirements, const dg_json_t *item,
    const dg_json_t *server)
{

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

    if (is(item, "Type", "CONSOLE") && counts_of(server).virtual > 0) {
        return false;
    }

    return requirements == NULL
           || dg_requirements_match(requirements, lookup, (void *) server);
}


/* The id of a server that takes the session; empty when there is none. */
static dg_err_t
place(dg_sandbox_call_t *call, const dg_json_t *item, dg_span_t *server)
{
    dg_err_t                  err;
    dg_diag_t                 diag;
    dg_span_t                 text;
    const dg_json_t          *s;
    const dg_requirements_t  *requirements = NULL;

    *server = DG_SPAN_EMPTY;

    if (dg_json_string(item, DG_SPAN("Requirements"), &text)
        && text.len != 0)
    {
        err = dg_requirements_parse(call->tree.arena, text, &diag,
                                    &requirements);
        if (err != DG_OK) {
            return dg_sandbox_fault(call, DG_FAULT_INVALID,
                                    "Requirements: %s at position %u",
                                    diag.text, diag.column);
        }
    }

    s = all_servers(call);

    for (s = s ? s->first : NULL; s != NULL; s = s->next) {
        if (suits(requirements, item, s)) {
            *server = s->key;
            return DG_OK;
        }
    }

    return call->tree.failed ? DG_ERR_MEMORY : DG_OK;
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

    err = dg_verb_create(call, placed_item(call, item, server), entity);

    if (err == DG_OK && server.len != 0) {
        settle_in(call, *entity);
    }

    return err;
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
        settle_in(call, s);

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
    call->servers = NULL;

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
    call->servers = NULL;

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

    n = counts_of(dg_json_member(all_servers(call),
                                 dg_sandbox_text(found, "Id")));

    if (n.console + n.virtual != 0 && !is_true(item, DG_SPAN("Force"))) {
        return dg_sandbox_fault(call, DG_FAULT_STATE,
                                "The server has running sessions");
    }

    return set_closed(call, found, true, entity);
}
