/*
 * Token introspection: see dg_introspection.h.  What an answer must claim is
 * judged by dg_issuer.c, like the claims of a JWT.
 */

#include "dg_introspection.h"

#include "dg_codec.h"
#include "dg_issuer_caller.h"
#include "dg_text.h"

#define FORM     "&token_type_hint=access_token"
#define ESCAPED  3  /* bytes of %XX */

static const dg_json_limits_t  limits = {
    DG_JWS_DEPTH_MAX, DG_INTROSPECTION_TEXT_MAX, DG_INTROSPECTION_TEXT_MAX,
    DG_JWS_VALUES_MAX, DG_JWS_MEMBERS_MAX
};


bool
dg_introspection_takes(dg_span_t token)
{
    size_t  len = token.len;

    if (len > DG_INTROSPECTION_TOKEN_MAX) {
        return false;
    }

    while (len > 0 && token.data[len - 1] == '=') {
        len--;
    }

    return len > 0
           && dg_text_consists_of(dg_span_slice(token, 0, len), "-._~+/");
}


bool
dg_introspection_is_jwt(dg_span_t token)
{
    size_t     parts = 0;
    dg_span_t  rest = token, part;

    /* "eyJ" is {" */
    if (!dg_span_starts_with(token, DG_SPAN("eyJ"))) {
        return false;
    }

    while (dg_span_split(&rest, '.', &part)) {
        if (!dg_text_consists_of(part, "-_")) {
            return false;
        }

        parts++;
    }

    return parts == 3;
}


size_t
dg_introspection_size(dg_span_t token)
{
    return sizeof("token=" FORM) + ESCAPED * token.len;
}


void
dg_introspection_write(dg_writer_t *w, dg_span_t token)
{
    dg_write_cstr(w, "token=");
    dg_write_uri_encoded(w, token, false);
    dg_write_cstr(w, FORM);
}


dg_err_t
dg_introspection_parse(dg_arena_t *arena, dg_span_t answer,
    const dg_json_t **claims, dg_diag_t *diag)
{
    dg_err_t          err;
    const dg_json_t  *root, *active;

    *claims = NULL;
    err = dg_json_parse(arena, answer, &limits, diag, &root);

    if (err != DG_OK) {
        return err;
    }

    if (root->type != DG_JSON_OBJECT) {
        return dg_diag(diag, DG_ERR_INVALID, root->line, root->column,
                       "the answer of introspection is no object");
    }

    active = dg_json_member(root, DG_SPAN("active"));

    if (active == NULL) {
        return dg_diag(diag, DG_ERR_MISSING, root->line, root->column,
                       "the answer of introspection has no \"active\"");
    }

    if (active->type != DG_JSON_BOOL) {
        return dg_diag(diag, DG_ERR_INVALID, active->line, active->column,
                       "\"active\" is neither true nor false");
    }

    *claims = active->boolean ? root : NULL;

    return DG_OK;
}


int64_t
dg_introspection_life(const dg_json_t *claims, int64_t now, int64_t bound)
{
    int64_t  exp;

    if (!dg_issuer_date(claims, DG_SPAN("exp"), &exp)) {
        return 0;
    }

    if (exp == DG_ISSUER_NO_DATE || exp - now > bound) {
        return bound;
    }

    return exp > now ? exp - now : 0;
}


dg_refusal_t
dg_introspection_check(const dg_issuer_t *issuer, const dg_json_t *claims,
    const dg_token_rules_t *rules, dg_arena_t *arena, dg_caller_t *caller)
{
    dg_refusal_t      refusal;
    const dg_json_t  *type, *iss;

    type = dg_json_member(claims, DG_SPAN("token_type"));
    iss = dg_json_member(claims, DG_SPAN("iss"));

    refusal = dg_issuer_judge(issuer, claims, rules,
                              rules->now + DG_INTROSPECTION_LIFE, arena,
                              caller);

    if (iss != NULL && (iss->type != DG_JSON_STRING
                        || !dg_span_equal(iss->text, issuer->url)))
    {
        refusal = DG_REFUSE_TOKEN_ISSUER;

    } else if (type != NULL
               && (type->type != DG_JSON_STRING
                   || !dg_span_equal_nocase(type->text, DG_SPAN("Bearer"))))
    {
        refusal = DG_REFUSE_TOKEN_CLAIM;
    }

    if (refusal != DG_ALLOWED) {
        caller->verified = false;
    }

    return refusal;
}
