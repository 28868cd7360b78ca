/*
 * Requests to a token endpoint: see dg_grant.h.
 */

#include "dg_grant.h"

#include "dg_codec.h"
#include "dg_query.h"

#include <string.h>

#define URN       "urn:ietf:params:oauth:"
#define EXCHANGE  URN "grant-type:token-exchange"

typedef enum {
    PARAM_GRANT_TYPE,
    PARAM_SUBJECT_TOKEN,
    PARAM_SUBJECT_TOKEN_TYPE,
    PARAM_REQUESTED_TOKEN_TYPE,
    PARAM_SCOPE,
    PARAM_AUDIENCE,
    PARAM_RESOURCE,
    PARAM_ACTOR_TOKEN,
    PARAM_CLIENT_SECRET,
    PARAMS
} param_t;

static const char *const  names[PARAMS] = {
    "grant_type", "subject_token", "subject_token_type",
    "requested_token_type", "scope", "audience", "resource", "actor_token",
    "client_secret"
};

typedef struct {
    dg_span_t  values[PARAMS];  /* data NULL: absent */
} form_t;


static dg_refusal_t
bad(dg_grant_t *grant, const char *reason)
{
    grant->reason = reason;
    return DG_REFUSE_GRANT_REQUEST;
}


/* A target that is not ours is wrong whichever of several it is. */
static bool
is_ours(const dg_grant_rules_t *rules, param_t param, dg_span_t value)
{
    return dg_span_equal(value, rules->audience)
           || (param == PARAM_RESOURCE
               && dg_span_equal(value, rules->issuer));
}


static dg_refusal_t
take(const dg_grant_rules_t *rules, const dg_query_param_t *param,
    dg_arena_t *arena, bool in_query, form_t *form, dg_grant_t *grant)
{
    size_t     i;
    dg_span_t  value;

    for (i = 0; i < PARAMS; i++) {
        if (dg_query_name_is(param, dg_span_cstr(names[i]), true)) {
            break;
        }
    }

    if (i == PARAMS) {
        return DG_ALLOWED;  /* RFC 6749 section 3.2: ignored */
    }

    if (in_query && i != PARAM_GRANT_TYPE) {
        return bad(grant, "only grant_type may stand in the query");
    }

    value = dg_query_value(param, arena);

    if (value.len == 0) {
        return DG_ALLOWED;  /* without a value it counts as left out */
    }

    if (i == PARAM_AUDIENCE || i == PARAM_RESOURCE) {
        return is_ours(rules, (param_t) i, value) ? DG_ALLOWED
                                                  : DG_REFUSE_GRANT_TARGET;
    }

    if (form->values[i].data != NULL) {
        return bad(grant, "a parameter comes twice");
    }

    form->values[i] = value;
    return DG_ALLOWED;
}


static dg_refusal_t
read_part(const dg_grant_rules_t *rules, dg_span_t text, bool in_query,
    dg_arena_t *arena, form_t *form, dg_grant_t *grant)
{
    dg_query_t    *query = dg_arena_alloc(arena, sizeof(*query));
    dg_refusal_t   refusal = DG_ALLOWED;

    if (query == NULL) {
        return DG_REFUSE_INTERNAL;
    }

    if (dg_query_parse(text, query) != DG_OK) {
        return bad(grant, "query or body is no form");
    }

    for (size_t i = 0; i < query->count && refusal == DG_ALLOWED; i++) {
        refusal = take(rules, &query->params[i], arena, in_query, form,
                       grant);
    }

    return refusal;
}


static bool
is_type(dg_span_t value, const char *type)
{
    dg_span_t  prefix = DG_SPAN(URN "token-type:");

    return dg_span_starts_with(value, prefix)
           && dg_span_equal(dg_span_slice(value, prefix.len, value.len),
                            dg_span_cstr(type));
}


static dg_refusal_t
judge_exchange(const form_t *form, dg_grant_t *grant)
{
    dg_span_t  type = form->values[PARAM_SUBJECT_TOKEN_TYPE];
    dg_span_t  wanted = form->values[PARAM_REQUESTED_TOKEN_TYPE];

    grant->subject_token = form->values[PARAM_SUBJECT_TOKEN];
    grant->subject_vended = dg_span_equal(type,
                                          DG_SPAN(DG_GRANT_VENDED_TYPE));

    if (grant->subject_token.len == 0 || type.len == 0) {
        return bad(grant, "no subject_token or subject_token_type");
    }

    if (!grant->subject_vended && !is_type(type, "jwt")
        && !is_type(type, "access_token"))
    {
        return bad(grant, "subject_token_type is none that is taken");
    }

    if (wanted.len != 0 && !is_type(wanted, "access_token")
        && !is_type(wanted, "jwt"))
    {
        return bad(grant, "requested_token_type is none that is given");
    }

    if (form->values[PARAM_ACTOR_TOKEN].len != 0) {
        return bad(grant, "actor_token is not supported");
    }

    return DG_ALLOWED;
}


static dg_refusal_t
judge(const dg_grant_rules_t *rules, const form_t *form, dg_grant_t *grant)
{
    dg_span_t  type = form->values[PARAM_GRANT_TYPE];

    if (type.len == 0) {
        return bad(grant, "no grant_type");
    }

    if (form->values[PARAM_CLIENT_SECRET].len != 0) {
        return bad(grant, "client_secret in the body: use Basic or sign");
    }

    if (dg_span_equal(type, DG_SPAN("client_credentials"))) {
        grant->type = DG_GRANT_CLIENT_CREDENTIALS;

    } else if (dg_span_equal(type, DG_SPAN(EXCHANGE))) {
        grant->type = DG_GRANT_TOKEN_EXCHANGE;

    } else {
        return DG_REFUSE_GRANT_TYPE;
    }

    if ((rules->types & grant->type) == 0) {
        return DG_REFUSE_GRANT_NOT_OFFERED;
    }

    if (form->values[PARAM_SCOPE].len != 0) {
        return DG_REFUSE_GRANT_SCOPE;
    }

    return grant->type == DG_GRANT_TOKEN_EXCHANGE
           ? judge_exchange(form, grant) : DG_ALLOWED;
}


dg_refusal_t
dg_grant_read(const dg_grant_rules_t *rules, dg_span_t query, dg_span_t body,
    dg_arena_t *arena, dg_grant_t *grant)
{
    form_t         form = { 0 };
    dg_refusal_t   refusal;

    memset(grant, 0, sizeof(*grant));

    refusal = read_part(rules, query, true, arena, &form, grant);

    if (refusal == DG_ALLOWED) {
        refusal = read_part(rules, body, false, arena, &form, grant);
    }

    return refusal == DG_ALLOWED ? judge(rules, &form, grant) : refusal;
}


bool
dg_grant_is_basic(dg_span_t authorization)
{
    return dg_span_equal_nocase(dg_span_slice(authorization, 0, 6),
                                DG_SPAN("Basic "));
}


static dg_span_t
decoded(dg_span_t text, dg_arena_t *arena)
{
    dg_writer_t  w;

    if (dg_span_find(text, '%') == text.len) {
        return DG_SPAN_EMPTY;
    }

    w = dg_writer(dg_arena_alloc(arena, text.len + 1), text.len);

    return w.data != NULL && dg_percent_decode(text, &w) == DG_OK
           ? dg_written(&w) : DG_SPAN_EMPTY;
}


bool
dg_grant_read_basic(dg_span_t authorization, dg_arena_t *arena,
    dg_grant_basic_t *basic)
{
    size_t       colon;
    dg_span_t    text, plain;
    dg_writer_t  w;

    text = dg_span_trim(dg_span_slice(authorization, 6, authorization.len));

    if (!dg_grant_is_basic(authorization) || text.len > DG_GRANT_BASIC_MAX) {
        return false;
    }

    w = dg_writer(dg_arena_alloc(arena, DG_BASE64_DECODED(text.len)),
                  DG_BASE64_DECODED(text.len));

    if (w.data == NULL || dg_base64_decode(text, &w) != DG_OK) {
        return false;
    }

    plain = dg_written(&w);
    colon = dg_span_find(plain, ':');

    if (colon == plain.len) {
        return false;
    }

    basic->id = dg_span_slice(plain, 0, colon);
    basic->secret = dg_span_slice(plain, colon + 1, plain.len);
    basic->decoded_id = decoded(basic->id, arena);
    basic->decoded_secret = decoded(basic->secret, arena);

    return true;
}
