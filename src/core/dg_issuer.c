/*
 * Claims of bearer tokens: see dg_issuer.h.  What an issuer demands comes
 * from configuration only; nothing here writes to it.
 */

#include "dg_issuer_caller.h"
#include "dg_codec.h"
#include "dg_crypto.h"

#define NO_DATE  DG_ISSUER_NO_DATE

typedef struct {
    int64_t  exp;
    int64_t  nbf;
    int64_t  iat;
} dates_t;


static bool
is_listed(const dg_span_t *list, size_t count, dg_span_t value)
{
    for (size_t i = 0; i < count; i++) {
        if (dg_span_equal(list[i], value)) {
            return true;
        }
    }

    return false;
}


/* A claim that is a string or absent; false when it is anything else. */
static bool
optional_text(const dg_json_t *claims, dg_span_t name, dg_span_t *text)
{
    const dg_json_t  *claim = dg_json_member(claims, name);

    *text = claim ? claim->text : DG_SPAN_EMPTY;
    return claim == NULL || claim->type == DG_JSON_STRING;
}


static bool
claim_is(const dg_json_t *claims, dg_span_t name, dg_span_t value)
{
    dg_span_t  text;

    return dg_json_string(claims, name, &text) && dg_span_equal(text, value);
}


static bool
has_claim(const dg_json_t *claims, dg_span_t name)
{
    return dg_json_member(claims, name) != NULL;
}


bool
dg_issuer_date(const dg_json_t *claims, dg_span_t name, int64_t *date)
{
    size_t            dot;
    int64_t           seconds = 0;
    uint64_t          whole;
    const dg_json_t  *claim = dg_json_member(claims, name);

    *date = NO_DATE;

    if (claim == NULL) {
        return true;
    }

    if (claim->type != DG_JSON_NUMBER) {
        return false;
    }

    if (dg_json_to_i64(claim->text, &seconds) != DG_OK) {
        dot = dg_span_find(claim->text, '.');

        if (dot == claim->text.len
            || dg_span_find(claim->text, 'e') < claim->text.len
            || dg_span_find(claim->text, 'E') < claim->text.len
            || !dg_span_to_u64(dg_span_slice(claim->text, 0, dot), &whole)
            || whole > DG_ISSUER_TIME_MAX)
        {
            return false;
        }

        seconds = (int64_t) whole;
    }

    *date = seconds;
    return seconds >= 0 && seconds <= DG_ISSUER_TIME_MAX;
}


/* No sum can overflow: dates, leeway and max_age are all bounded. */
static dg_refusal_t
check_dates(const dg_issuer_t *issuer, const dates_t *dates, int64_t now)
{
    if (now >= dates->exp + issuer->leeway) {
        return DG_REFUSE_TOKEN_EXPIRED;
    }

    if (dates->nbf - issuer->leeway > now || dates->iat - issuer->leeway > now)
    {
        return DG_REFUSE_TOKEN_EARLY;
    }

    if (issuer->max_age == 0) {
        return DG_ALLOWED;
    }

    if (dates->iat == NO_DATE) {
        return DG_REFUSE_TOKEN_CLAIM;
    }

    return now >= dates->iat + issuer->max_age + issuer->leeway
           ? DG_REFUSE_TOKEN_EXPIRED : DG_ALLOWED;
}


static dg_refusal_t
check_audience(const dg_issuer_t *issuer, const dg_json_t *claims)
{
    dg_span_t         client_id;
    const dg_json_t  *item, *aud = dg_json_member(claims, DG_SPAN("aud"));

    if (aud == NULL) {
        return dg_json_string(claims, DG_SPAN("client_id"), &client_id)
               && is_listed(issuer->client_ids, issuer->client_id_count,
                            client_id)
               ? DG_ALLOWED : DG_REFUSE_TOKEN_AUDIENCE;
    }

    if (aud->type == DG_JSON_STRING) {
        return is_listed(issuer->audiences, issuer->audience_count, aud->text)
               ? DG_ALLOWED : DG_REFUSE_TOKEN_AUDIENCE;
    }

    if (aud->type != DG_JSON_ARRAY) {
        return DG_REFUSE_TOKEN_CLAIM;
    }

    for (item = aud->first; item != NULL; item = item->next) {
        if (item->type != DG_JSON_STRING) {
            return DG_REFUSE_TOKEN_CLAIM;
        }
    }

    for (item = aud->first; item != NULL; item = item->next) {
        if (is_listed(issuer->audiences, issuer->audience_count, item->text)) {
            return DG_ALLOWED;
        }
    }

    return DG_REFUSE_TOKEN_AUDIENCE;
}


static dg_refusal_t
check_party(const dg_issuer_t *issuer, const dg_json_t *claims)
{
    bool       good;
    dg_span_t  azp, client_id;

    if (!optional_text(claims, DG_SPAN("azp"), &azp)
        || !optional_text(claims, DG_SPAN("client_id"), &client_id))
    {
        return DG_REFUSE_TOKEN_CLAIM;
    }

    if (issuer->party_count == 0) {
        return DG_ALLOWED;
    }

    good = (azp.len || client_id.len)
           && (azp.len == 0
               || is_listed(issuer->parties, issuer->party_count, azp))
           && (client_id.len == 0
               || is_listed(issuer->parties, issuer->party_count, client_id));

    return good ? DG_ALLOWED : DG_REFUSE_TOKEN_CLAIM;
}


/* RFC 7515 section 4.1.9: a media type, "application/" may be left out. */
static bool
is_type(dg_span_t type, dg_span_t name)
{
    dg_span_t  prefix = DG_SPAN("application/");

    if (dg_span_equal_nocase(dg_span_slice(type, 0, prefix.len), prefix)) {
        type = dg_span_slice(type, prefix.len, type.len);
    }

    return dg_span_equal_nocase(type, name);
}


static bool
is_id_token(const dg_jws_t *jws)
{
    const dg_json_t  *claims = jws->claims;
    bool              access;

    if (has_claim(claims, DG_SPAN("at_hash"))
        || has_claim(claims, DG_SPAN("c_hash"))
        || claim_is(claims, DG_SPAN("token_use"), DG_SPAN("id"))
        || claim_is(claims, DG_SPAN("typ"), DG_SPAN("ID")))
    {
        return true;
    }

    /* some providers copy the nonce into access tokens, and say so */
    access = is_type(jws->type, DG_SPAN("at+jwt"))
             || claim_is(claims, DG_SPAN("token_use"), DG_SPAN("access"))
             || claim_is(claims, DG_SPAN("typ"), DG_SPAN("Bearer"));

    return !access && has_claim(claims, DG_SPAN("nonce"));
}


/* Tokens that some providers sign with the same key, and no one may use. */
static bool
is_foreign_kind(const dg_json_t *claims)
{
    dg_span_t  typ, use;

    if (!optional_text(claims, DG_SPAN("typ"), &typ)
        || !optional_text(claims, DG_SPAN("token_use"), &use))
    {
        return true;
    }

    /* "events" marks logout and security event tokens (RFC 8417) */
    return has_claim(claims, DG_SPAN("events"))
           || dg_span_equal_nocase(use, DG_SPAN("refresh"))
           || dg_span_equal_nocase(typ, DG_SPAN("Refresh"))
           || dg_span_equal_nocase(typ, DG_SPAN("Offline"))
           || dg_span_equal_nocase(typ, DG_SPAN("Logout"));
}


/* RFC 9068 section 2.2 */
static bool
has_rfc9068_claims(const dg_json_t *claims)
{
    dg_span_t  text;

    return dg_json_string(claims, DG_SPAN("sub"), &text)
           && dg_json_string(claims, DG_SPAN("client_id"), &text)
           && dg_json_string(claims, DG_SPAN("jti"), &text)
           && has_claim(claims, DG_SPAN("aud"))
           && has_claim(claims, DG_SPAN("iat"));
}


static dg_refusal_t
check_kind(const dg_issuer_t *issuer, const dg_jws_t *jws)
{
    const bool  at_jwt = is_type(jws->type, DG_SPAN("at+jwt"));

    if (!at_jwt && jws->type.data != NULL
        && !is_type(jws->type, DG_SPAN("JWT")))
    {
        return DG_REFUSE_TOKEN_CLAIM;
    }

    /* what an issuer tells of an opaque token has no header */
    if (issuer->rfc9068 && jws->header != NULL
        && (!at_jwt || !has_rfc9068_claims(jws->claims)))
    {
        return DG_REFUSE_TOKEN_CLAIM;
    }

    if (is_foreign_kind(jws->claims)
        || (is_id_token(jws) && !issuer->id_tokens))
    {
        return DG_REFUSE_TOKEN_CLAIM;
    }

    return DG_ALLOWED;
}


/* RFC 8705 section 3.1; RFC 7800: an unknown confirmation is not ignored. */
static dg_refusal_t
check_confirmation(const dg_json_t *claims, dg_span_t certificate)
{
    uint8_t           bytes[DG_SHA256_SIZE];
    dg_span_t         thumbprint;
    dg_writer_t       w = dg_writer(bytes, sizeof(bytes));
    const dg_json_t  *cnf = dg_json_member(claims, DG_SPAN("cnf"));

    if (cnf == NULL) {
        return DG_ALLOWED;
    }

    if (cnf->type != DG_JSON_OBJECT || cnf->count != 1
        || !dg_json_string(cnf, DG_SPAN("x5t#S256"), &thumbprint)
        || dg_base64url_decode(thumbprint, &w) != DG_OK
        || w.len != DG_SHA256_SIZE
        || !dg_equal_secret(dg_written(&w), certificate))
    {
        return DG_REFUSE_TOKEN_CLAIM;
    }

    return DG_ALLOWED;
}


static dg_refusal_t
check_claims(const dg_issuer_t *issuer, const dg_jws_t *jws,
    const dg_token_rules_t *rules, const dates_t *dates)
{
    dg_refusal_t  refusal = check_dates(issuer, dates, rules->now);

    if (refusal == DG_ALLOWED) {
        refusal = check_audience(issuer, jws->claims);
    }

    if (refusal == DG_ALLOWED) {
        refusal = check_party(issuer, jws->claims);
    }

    if (refusal == DG_ALLOWED) {
        refusal = check_kind(issuer, jws);
    }

    return refusal == DG_ALLOWED
           ? check_confirmation(jws->claims, rules->certificate) : refusal;
}


static void
claim_identity(const dg_issuer_t *issuer, const dg_jws_t *jws,
    dg_caller_t *caller)
{
    const dg_json_t  *claims = jws->claims;
    const dg_json_t  *subject;

    subject = dg_issuer_claim(claims, issuer->subject_claim);

    *caller = (dg_caller_t) {
        .kind = jws->header ? DG_CALLER_JWT : DG_CALLER_OPAQUE,
        .account = issuer->account,
        .principal_type = DG_SPAN("WebIdentityUser"),
        .issuer = issuer->name,
        .issuer_url = issuer->url
    };

    if (subject != NULL && subject->type == DG_JSON_STRING) {
        caller->subject = subject->text;
    }

    (void) dg_json_string(claims, DG_SPAN("jti"), &caller->token_id);
}


/* `end`: of a token that does not say when it ends; NO_DATE: it must. */
static dg_refusal_t
judge(const dg_issuer_t *issuer, const dg_jws_t *jws,
    const dg_token_rules_t *rules, int64_t end, dg_arena_t *arena,
    dg_caller_t *caller)
{
    dates_t           dates;
    dg_span_t         jti;
    dg_refusal_t      refusal;
    const dg_json_t  *claims = jws->claims;

    if (!dg_issuer_date(claims, DG_SPAN("exp"), &dates.exp)
        || !dg_issuer_date(claims, DG_SPAN("nbf"), &dates.nbf)
        || !dg_issuer_date(claims, DG_SPAN("iat"), &dates.iat)
        || !optional_text(claims, DG_SPAN("jti"), &jti))
    {
        return DG_REFUSE_TOKEN_CLAIM;
    }

    dates.exp = dates.exp == NO_DATE ? end : dates.exp;

    if (dates.exp == NO_DATE) {
        return DG_REFUSE_TOKEN_CLAIM;
    }

    refusal = check_claims(issuer, jws, rules, &dates);

    if (refusal == DG_ALLOWED) {
        refusal = dg_issuer_caller(issuer, claims, arena, caller);
    }

    if (refusal != DG_ALLOWED) {
        claim_identity(issuer, jws, caller);
        return refusal;
    }

    caller->verified = true;
    caller->issued_at = dates.iat == NO_DATE ? 0 : dates.iat;
    caller->expires_at = dates.exp;

    if (issuer->max_age && dates.iat + issuer->max_age < dates.exp) {
        caller->expires_at = dates.iat + issuer->max_age;
    }

    return DG_ALLOWED;
}


dg_refusal_t
dg_issuer_check(const dg_issuer_t *issuer, const dg_jws_t *jws,
    const dg_token_rules_t *rules, dg_arena_t *arena, dg_caller_t *caller)
{
    claim_identity(issuer, jws, caller);

    return claim_is(jws->claims, DG_SPAN("iss"), issuer->url)
           ? judge(issuer, jws, rules, NO_DATE, arena, caller)
           : DG_REFUSE_TOKEN_ISSUER;
}


dg_refusal_t
dg_issuer_judge(const dg_issuer_t *issuer, const dg_json_t *claims,
    const dg_token_rules_t *rules, int64_t end, dg_arena_t *arena,
    dg_caller_t *caller)
{
    dg_jws_t  jws = { .claims = claims };

    claim_identity(issuer, &jws, caller);

    return judge(issuer, &jws, rules, end, arena, caller);
}


static size_t
find_issuer(const dg_token_rules_t *rules, const dg_json_t *claims)
{
    size_t     i;
    dg_span_t  iss;

    if (!dg_json_string(claims, DG_SPAN("iss"), &iss)) {
        return rules->issuer_count;
    }

    for (i = 0; i < rules->issuer_count; i++) {
        if (dg_span_equal(iss, rules->issuers[i].issuer->url)) {
            break;
        }
    }

    return i;
}


/* Up to the issuer, whose name is in the claims; nothing is verified. */
static dg_refusal_t
read_token(const dg_token_rules_t *rules, dg_span_t token, dg_arena_t *arena,
    dg_caller_t *caller, size_t *which, dg_jws_t *jws)
{
    dg_refusal_t  refusal;

    *caller = (dg_caller_t) { .kind = DG_CALLER_JWT };
    *which = rules->issuer_count;
    refusal = dg_jws_parse(arena, token, jws);

    if (refusal == DG_ALLOWED) {
        refusal = dg_jws_claims(arena, jws);
    }

    if (refusal != DG_ALLOWED) {
        return refusal;
    }

    *which = find_issuer(rules, jws->claims);

    if (*which == rules->issuer_count) {
        return DG_REFUSE_TOKEN_ISSUER;
    }

    claim_identity(rules->issuers[*which].issuer, jws, caller);

    return DG_ALLOWED;
}


/*
 * A token need not say which key signed it, and the keys may be gone before
 * the caller is: their own name of it, copied.
 */
static dg_refusal_t
name_key(const dg_jwks_t *keys, const dg_jws_t *jws, dg_arena_t *arena,
    dg_caller_t *caller)
{
    const dg_jwk_t  *key = dg_jwks_find(keys, jws->kid, jws->algorithm);

    caller->kid = dg_arena_copy(arena, dg_jwk_id(key));

    return caller->kid.data != NULL ? DG_ALLOWED : DG_REFUSE_INTERNAL;
}


dg_refusal_t
dg_token_verify(const dg_token_rules_t *rules, dg_span_t token,
    dg_arena_t *arena, dg_caller_t *caller, size_t *which)
{
    size_t                    index;
    dg_jws_t                  jws;
    dg_refusal_t              refusal;
    const dg_token_issuer_t  *from;

    which = which ? which : &index;
    refusal = read_token(rules, token, arena, caller, which, &jws);

    if (refusal != DG_ALLOWED) {
        return refusal;
    }

    from = &rules->issuers[*which];

    if (!(jws.algorithm & from->issuer->algorithms)) {
        return DG_REFUSE_TOKEN_ALGORITHM;
    }

    if (from->keys == NULL) {
        return DG_REFUSE_ISSUER_UNAVAILABLE;
    }

    refusal = dg_jws_verify(&jws, from->issuer->algorithms, from->keys);

    if (refusal == DG_ALLOWED) {
        refusal = dg_issuer_check(from->issuer, &jws, rules, arena, caller);
    }

    return refusal == DG_ALLOWED ? name_key(from->keys, &jws, arena, caller)
                                 : refusal;
}


void
dg_token_claimed(const dg_token_rules_t *rules, dg_span_t token,
    dg_arena_t *arena, dg_caller_t *caller)
{
    size_t    which;
    dg_jws_t  jws;

    (void) read_token(rules, token, arena, caller, &which, &jws);
}
