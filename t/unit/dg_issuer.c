/*
 * dg_issuer: configuration, dates, audiences, parties, kinds of token, and
 * the caller that comes out.
 */

#include "jwt.h"
#include "tap.h"

#include "dg_issuer.h"

#define NOW     1800000000
#define URL     "https://sso.example.com/realms/desks"
#define HEADER  "{\"alg\":\"ES256\",\"kid\":\"k1\"}"
#define BASE    "\"iss\":\"" URL "\",\"aud\":\"deskgate\",\"sub\":\"alice\""
#define GOOD    BASE ",\"exp\":1800000600"

static const dg_span_t  audience = { (const uint8_t *) "deskgate", 8 };
static dg_issuer_t      issuer;
static dg_jwks_t       *keys;
static jwt_key_t        ec;
static dg_caller_t      caller;
static dg_span_t        certificate;
static size_t           which;


static void
fresh_issuer(void)
{
    issuer = (dg_issuer_t) {
        .name = DG_SPAN("corp"), .url = DG_SPAN(URL),
        .audiences = &audience, .audience_count = 1,
        .algorithms = DG_JWS_ES256, .account = DG_SPAN("111122223333")
    };
    certificate = DG_SPAN_EMPTY;

    if (dg_issuer_check_config(&issuer, NULL) != DG_OK) {
        ok(false, "the issuer of the tests is refused");
    }
}


/* {CLAIMS} under that header, verified at that time. */
static dg_refusal_t
verify_with(const char *header, const char *claims, int64_t now)
{
    dg_span_t          token;
    dg_writer_t        w = dg_writer(malloc(JWT_TEXT), JWT_TEXT);
    dg_refusal_t       refusal;
    dg_token_issuer_t  from = { &issuer, keys };
    dg_token_rules_t   rules = { &from, 1, now, certificate };

    dg_write_char(&w, '{');
    dg_write_cstr(&w, claims);
    dg_write_char(&w, '}');
    token = jwt_sign(&ec, header, dg_written(&w));
    refusal = dg_token_verify(&rules, token, jwt_fresh(), &caller, &which);
    free(w.data);
    jwt_free(token);

    return refusal;
}


static void
claims(dg_refusal_t want, const char *text, const char *name)
{
    dg_refusal_t  got = verify_with(HEADER, text, NOW);

    is_int(got, want, "%s", name);

    if (caller.verified != (want == DG_ALLOWED)) {
        ok(false, "%s: verified is wrong", name);
    }
}


static void
config_refused(dg_err_t want, const char *name)
{
    dg_diag_t  diag = { 0 };

    is_int(dg_issuer_check_config(&issuer, &diag), want, "config: %s", name);
    ok(diag.text[0] != '\0', "said: %s", diag.text);
    fresh_issuer();
}


static void
configuration(void)
{
    static const dg_span_t        empty = { (const uint8_t *) "", 0 };
    static const dg_issuer_tag_t  twice[] = {
        { { (const uint8_t *) "Team", 4 }, { (const uint8_t *) "a", 1 } },
        { { (const uint8_t *) "team", 4 }, { (const uint8_t *) "b", 1 } }
    };

    fresh_issuer();
    is_int(issuer.leeway, DG_ISSUER_LEEWAY, "leeway by default");
    is_span(issuer.subject_claim, DG_SPAN("sub"), "subject by default");

    issuer.audience_count = 0;
    config_refused(DG_ERR_MISSING, "no audience");
    issuer.audiences = &empty;
    config_refused(DG_ERR_INVALID, "an empty audience");
    issuer.algorithms = 0;
    config_refused(DG_ERR_MISSING, "no algorithm");
    issuer.algorithms = DG_JWS_ANY_ALGORITHM + 1;
    config_refused(DG_ERR_MISSING, "a bit that is no algorithm");
    issuer.url = DG_SPAN_EMPTY;
    config_refused(DG_ERR_MISSING, "no url");
    issuer.name = DG_SPAN("aws");
    config_refused(DG_ERR_INVALID, "named aws");
    issuer.name = DG_SPAN("Deskgate");
    config_refused(DG_ERR_INVALID, "named Deskgate");
    issuer.name = DG_SPAN("a/b");
    config_refused(DG_ERR_INVALID, "a slash in the name");
    issuer.name = DG_SPAN_EMPTY;
    config_refused(DG_ERR_INVALID, "no name");
    issuer.account = DG_SPAN("11112222333x");
    config_refused(DG_ERR_INVALID, "an account that is no number");
    issuer.leeway = DG_ISSUER_LEEWAY_MAX + 1;
    config_refused(DG_ERR_INVALID, "leeway of 301 s");
    issuer.leeway = -1;
    config_refused(DG_ERR_INVALID, "leeway below 0");
    issuer.max_age = -1;
    config_refused(DG_ERR_INVALID, "max_age below 0");
    issuer.tags = twice;
    issuer.tag_count = 2;
    config_refused(DG_ERR_INVALID, "a tag twice, in another case");
    issuer.tag_count = DG_CALLER_TAGS_MAX + 1;
    config_refused(DG_ERR_LIMIT, "too many tags");

    issuer.leeway = 0;
    is_int(dg_issuer_check_config(&issuer, NULL), DG_OK, "leeway 0");
    is_int(issuer.leeway, 0, "stays 0");
    fresh_issuer();
}


static void
accepted(void)
{
    claims(DG_ALLOWED, GOOD ",\"jti\":\"t-1\",\"iat\":1799999000",
           "a good token");
    is_int(caller.kind, DG_CALLER_JWT, "kind");
    is_span(caller.arn,
            DG_SPAN("arn:aws:deskgate::111122223333:jwt/corp/alice"), "arn");
    is_span(caller.user_id, DG_SPAN("jwt/corp/alice"), "user id");
    is_span(caller.principal_type, DG_SPAN("WebIdentityUser"), "type");
    is_span(caller.account, DG_SPAN("111122223333"), "account");
    is_span(caller.issuer, DG_SPAN("corp"), "issuer");
    is_span(caller.issuer_url, DG_SPAN(URL), "issuer's url");
    is_span(caller.subject, DG_SPAN("alice"), "subject");
    is_span(caller.token_id, DG_SPAN("t-1"), "token id");
    is_span(caller.kid, DG_SPAN("k1"), "the key that signed it");
    is_int(caller.issued_at, 1799999000, "issued at");
    is_int(caller.expires_at, 1800000600, "expires at");
    is_int(caller.group_count, 0, "no groups asked for");
    is_int(caller.tag_count, 0, "no tags asked for");
    is_int(which, 0, "the issuer's index");
}


static void
issuers(void)
{
    dg_issuer_t        other;
    dg_span_t          token;
    dg_token_issuer_t  from[2];
    dg_token_rules_t   rules = { from, 2, NOW, DG_SPAN_EMPTY };

    claims(DG_REFUSE_TOKEN_ISSUER, "\"iss\":\"" URL "/\",\"aud\":\"deskgate\""
           ",\"sub\":\"alice\",\"exp\":1800000600", "iss with a slash more");
    is_int(which, 1, "no issuer's index");
    claims(DG_REFUSE_TOKEN_ISSUER, "\"aud\":\"deskgate\",\"sub\":\"alice\","
           "\"exp\":1800000600", "no iss");
    claims(DG_REFUSE_TOKEN_ISSUER, "\"iss\":[\"" URL "\"],"
           "\"aud\":\"deskgate\",\"sub\":\"alice\",\"exp\":1800000600",
           "iss is a list");

    other = issuer;
    other.name = DG_SPAN("other");
    other.url = DG_SPAN("https://other.example.com");
    from[0] = (dg_token_issuer_t) { &other, keys };
    from[1] = (dg_token_issuer_t) { &issuer, keys };
    token = jwt_sign(&ec, HEADER, DG_SPAN("{" GOOD "}"));
    is_int(dg_token_verify(&rules, token, jwt_fresh(), &caller, &which),
           DG_ALLOWED, "the second of two issuers");
    is_int(which, 1, "its index");
    is_span(caller.issuer, DG_SPAN("corp"), "its name");

    from[1].keys = NULL;
    is_int(dg_token_verify(&rules, token, jwt_fresh(), &caller, &which),
           DG_REFUSE_ISSUER_UNAVAILABLE, "keys that are not there yet");
    is_int(which, 1, "whose keys");
    ok(!caller.verified, "is not verified");
    is_span(caller.subject, DG_SPAN("alice"), "what is claimed is told");

    caller = (dg_caller_t) { .verified = true };
    dg_token_claimed(&rules, token, jwt_fresh(), &caller);
    is_span(caller.subject, DG_SPAN("alice"), "and without a look at keys");
    ok(!caller.verified, "as no more than a claim");

    rules.issuer_count = 0;
    is_int(dg_token_verify(&rules, token, jwt_fresh(), &caller, NULL),
           DG_REFUSE_TOKEN_ISSUER, "no issuers at all");
    jwt_free(token);
}


static void
signatures(void)
{
    dg_span_t          token;
    jwt_key_t          stranger = jwt_ec("ES256");
    dg_token_issuer_t  from = { &issuer, keys };
    dg_token_rules_t   rules = { &from, 1, NOW, DG_SPAN_EMPTY };

    token = jwt_sign(&stranger, HEADER, DG_SPAN("{" GOOD "}"));
    is_int(dg_token_verify(&rules, token, jwt_fresh(), &caller, &which),
           DG_REFUSE_TOKEN_SIGNATURE, "signed by a stranger");
    ok(!caller.verified && caller.arn.len == 0, "makes no principal");
    jwt_free(token);

    is_int(verify_with("{\"alg\":\"ES256\"}", GOOD, NOW), DG_ALLOWED,
           "no kid, and one key");
    is_span(caller.kid, DG_SPAN("k1"), "whose name is known");
    is_int(verify_with("{\"alg\":\"ES256\",\"kid\":\"new\"}", GOOD, NOW),
           DG_REFUSE_TOKEN_KEY_UNKNOWN, "an unknown kid");
    is_int(which, 0, "of this issuer");

    token = jwt_sign_hmac(DG_SPAN("secret"),
                          "{\"alg\":\"HS256\",\"kid\":\"client-id\"}",
                          DG_SPAN("{" GOOD "}"));
    is_int(dg_token_verify(&rules, token, jwt_fresh(), &caller, &which),
           DG_REFUSE_TOKEN_ALGORITHM, "HS256 with kid = client id");
    jwt_free(token);

    token = DG_SPAN("eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL3Nzby5leGFtcGxl"
                    "LmNvbS9yZWFsbXMvZGVza3MifQ.");
    is_int(dg_token_verify(&rules, token, jwt_fresh(), &caller, &which),
           DG_REFUSE_TOKEN_ALGORITHM, "alg none");
    is_int(dg_token_verify(&rules, DG_SPAN("abc"), jwt_fresh(), &caller,
                           &which), DG_REFUSE_TOKEN_MALFORMED, "no token");
    EVP_PKEY_free(stranger.pkey);
}


static void
date(dg_refusal_t want, const char *member, const char *name)
{
    char  text[512];

    snprintf(text, sizeof(text), "%s,%s", BASE, member);
    claims(want, text, name);
}


static void
expiry(void)
{
    date(DG_ALLOWED, "\"exp\":1800000600", "exp in the future");
    date(DG_ALLOWED, "\"exp\":1799999941", "exp 59 s ago");
    date(DG_REFUSE_TOKEN_EXPIRED, "\"exp\":1799999940", "exp 60 s ago");
    date(DG_ALLOWED, "\"exp\":1800000600.0", "exp 1800000600.0");
    date(DG_ALLOWED, "\"exp\":1800000600.75", "exp with a fraction");
    date(DG_ALLOWED, "\"exp\":1.8000006e9", "exp as 1.8000006e9");
    date(DG_REFUSE_TOKEN_EXPIRED, "\"exp\":1799999940.9",
         "a fraction is cut");
    date(DG_REFUSE_TOKEN_EXPIRED, "\"exp\":0", "exp 0");
    date(DG_REFUSE_TOKEN_EXPIRED, "\"exp\":1.8e3", "exp 1.8e3");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":-1", "exp -1");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":-1800000600", "exp negative");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":-0.5", "exp -0.5");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":\"1800000600\"", "exp as a string");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":true", "exp true");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":null", "exp null");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":[1800000600]", "exp in a list");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":{}", "exp an object");
    date(DG_REFUSE_TOKEN_CLAIM, "\"jti\":\"x\"", "no exp");
    date(DG_ALLOWED, "\"exp\":253402300799", "exp at the end of 9999");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":253402300800", "exp in 10000");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":9223372036854775807", "exp 2^63-1");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":9223372036854775808", "exp 2^63");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":18446744073709551617.5",
         "exp above 2^64, with a fraction");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":1e300", "exp 1e300");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":1e999999999", "exp 1e999999999");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":1.80000060001e9",
         "exp with exponent and fraction");
}


static void
other_dates(void)
{
    date(DG_ALLOWED, "\"exp\":1800000600,\"nbf\":1800000060",
         "nbf in 60 s");
    date(DG_REFUSE_TOKEN_EARLY, "\"exp\":1800000600,\"nbf\":1800000061",
         "nbf in 61 s");
    date(DG_REFUSE_TOKEN_EARLY, "\"exp\":1800000600,\"iat\":1800000061",
         "iat in 61 s");
    date(DG_ALLOWED, "\"exp\":1800000600,\"iat\":1800000060.9",
         "iat with a fraction");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":1800000600,\"nbf\":\"1\"",
         "nbf as a string");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":1800000600,\"iat\":-5",
         "iat negative");
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":1800000600,\"nbf\":null",
         "nbf null");

    is_int(verify_with(HEADER, GOOD, INT64_MAX), DG_REFUSE_TOKEN_EXPIRED,
           "at the end of time");
    is_int(verify_with(HEADER, GOOD ",\"nbf\":1", INT64_MIN),
           DG_REFUSE_TOKEN_EARLY, "at the beginning of time");

    issuer.leeway = 0;
    date(DG_REFUSE_TOKEN_EXPIRED, "\"exp\":1800000000", "no leeway: exp now");
    date(DG_ALLOWED, "\"exp\":1800000001,\"nbf\":1800000000",
         "no leeway: nbf now, exp in 1 s");
    fresh_issuer();

    issuer.max_age = 600;
    date(DG_REFUSE_TOKEN_CLAIM, "\"exp\":1800000600", "max_age needs iat");
    date(DG_REFUSE_TOKEN_EXPIRED, "\"exp\":1800000600,\"iat\":1799999340",
         "older than max_age");
    date(DG_ALLOWED, "\"exp\":1800000600,\"iat\":1799999500",
         "younger than max_age");
    is_int(caller.expires_at, 1799999500 + 600,
           "the caller expires with max_age");
    fresh_issuer();
}


#define REST  "\"iss\":\"" URL "\",\"sub\":\"a\",\"exp\":1800000600"


static void
audiences(void)
{
    static const dg_span_t  clients[] = {
        { (const uint8_t *) "cli", 3 }
    };

    claims(DG_ALLOWED, REST ",\"aud\":[\"x\",\"deskgate\"]", "aud in a list");
    claims(DG_REFUSE_TOKEN_AUDIENCE, REST ",\"aud\":\"deskgate2\"",
           "aud that is longer");
    claims(DG_REFUSE_TOKEN_AUDIENCE, REST ",\"aud\":\"Deskgate\"",
           "aud in another case");
    claims(DG_REFUSE_TOKEN_AUDIENCE, REST ",\"aud\":\"desk deskgate\"",
           "aud is not split");
    claims(DG_REFUSE_TOKEN_AUDIENCE, REST ",\"aud\":\"\"", "aud empty");
    claims(DG_REFUSE_TOKEN_AUDIENCE, REST ",\"aud\":[]", "aud empty list");
    claims(DG_REFUSE_TOKEN_AUDIENCE, REST, "no aud");
    claims(DG_REFUSE_TOKEN_CLAIM, REST ",\"aud\":[\"deskgate\",1]",
           "aud with a number");
    claims(DG_REFUSE_TOKEN_CLAIM, REST ",\"aud\":{\"deskgate\":1}",
           "aud an object");
    claims(DG_REFUSE_TOKEN_AUDIENCE, REST ",\"client_id\":\"cli\"",
           "client id without a list of them");

    issuer.client_ids = clients;
    issuer.client_id_count = 1;
    claims(DG_ALLOWED, REST ",\"client_id\":\"cli\"",
           "a listed client id stands for aud");
    claims(DG_REFUSE_TOKEN_AUDIENCE, REST ",\"client_id\":\"other\"",
           "another client id");
    claims(DG_REFUSE_TOKEN_AUDIENCE, REST ",\"client_id\":\"cli\","
           "\"aud\":\"elsewhere\"", "but not for an aud that is there");
    issuer.audience_count = 0;
    claims(DG_REFUSE_TOKEN_AUDIENCE, REST ",\"client_id\":\"cli\","
           "\"aud\":\"deskgate\"", "aud where none is configured");
    fresh_issuer();
}


static void
parties(void)
{
    static const dg_span_t  list[] = { { (const uint8_t *) "cli", 3 } };

    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"azp\":1", "azp is a number");
    claims(DG_ALLOWED, GOOD ",\"azp\":\"any\"", "any party by default");

    issuer.parties = list;
    issuer.party_count = 1;
    claims(DG_ALLOWED, GOOD ",\"azp\":\"cli\"", "a listed azp");
    claims(DG_ALLOWED, GOOD ",\"client_id\":\"cli\"", "a listed client id");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"azp\":\"other\"", "another azp");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"azp\":\"cli\","
           "\"client_id\":\"other\"", "one of both is another");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD, "no party");
    fresh_issuer();
}


static void
kind(dg_refusal_t want, const char *header, const char *more)
{
    char  text[1024];

    snprintf(text, sizeof(text), "%s%s", GOOD, more);
    is_int(verify_with(header, text, NOW), want, "kind: %s %s", header, more);
}


#define TYP(value)  "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"" value "\"}"


static void
kinds(void)
{
    kind(DG_ALLOWED, TYP("JWT"), "");
    kind(DG_ALLOWED, TYP("jwt"), "");
    kind(DG_ALLOWED, TYP("at+jwt"), "");
    kind(DG_ALLOWED, TYP("AT+JWT"), "");
    kind(DG_ALLOWED, TYP("application/at+jwt"), "");
    kind(DG_REFUSE_TOKEN_CLAIM, TYP("logout+jwt"), "");
    kind(DG_REFUSE_TOKEN_CLAIM, TYP("dpop+jwt"), "");
    kind(DG_REFUSE_TOKEN_CLAIM, TYP("JWE"), "");
    kind(DG_REFUSE_TOKEN_CLAIM, TYP(""), "");
    kind(DG_REFUSE_TOKEN_CLAIM, HEADER, ",\"nonce\":\"n\"");
    kind(DG_REFUSE_TOKEN_CLAIM, HEADER, ",\"at_hash\":\"x\"");
    kind(DG_REFUSE_TOKEN_CLAIM, HEADER, ",\"c_hash\":\"x\"");
    kind(DG_REFUSE_TOKEN_CLAIM, HEADER, ",\"token_use\":\"id\"");
    kind(DG_REFUSE_TOKEN_CLAIM, HEADER, ",\"token_use\":\"refresh\"");
    kind(DG_REFUSE_TOKEN_CLAIM, HEADER, ",\"token_use\":1");
    kind(DG_ALLOWED, HEADER, ",\"token_use\":\"access\"");
    kind(DG_REFUSE_TOKEN_CLAIM, HEADER, ",\"typ\":\"ID\"");
    kind(DG_REFUSE_TOKEN_CLAIM, HEADER, ",\"typ\":\"Refresh\"");
    kind(DG_REFUSE_TOKEN_CLAIM, HEADER, ",\"typ\":\"Offline\"");
    kind(DG_REFUSE_TOKEN_CLAIM, HEADER, ",\"events\":{}");
    kind(DG_ALLOWED, HEADER, ",\"typ\":\"Bearer\"");
    kind(DG_ALLOWED, HEADER, ",\"typ\":\"Bearer\",\"nonce\":\"n\"");
    kind(DG_REFUSE_TOKEN_CLAIM, HEADER,
         ",\"typ\":\"Bearer\",\"at_hash\":\"n\"");

    issuer.id_tokens = true;
    kind(DG_ALLOWED, HEADER, ",\"nonce\":\"n\",\"at_hash\":\"x\"");
    kind(DG_REFUSE_TOKEN_CLAIM, HEADER, ",\"typ\":\"Refresh\"");
    fresh_issuer();

    issuer.rfc9068 = true;
    kind(DG_REFUSE_TOKEN_CLAIM, TYP("JWT"),
         ",\"client_id\":\"c\",\"jti\":\"j\",\"iat\":1799999000");
    kind(DG_REFUSE_TOKEN_CLAIM, TYP("at+jwt"),
         ",\"client_id\":\"c\",\"jti\":\"j\"");
    kind(DG_REFUSE_TOKEN_CLAIM, TYP("at+jwt"),
         ",\"jti\":\"j\",\"iat\":1799999000");
    kind(DG_REFUSE_TOKEN_CLAIM, TYP("at+jwt"),
         ",\"client_id\":\"c\",\"iat\":1799999000");
    kind(DG_ALLOWED, TYP("at+jwt"),
         ",\"client_id\":\"c\",\"jti\":\"j\",\"iat\":1799999000");
    fresh_issuer();
}


static void
confirmations(void)
{
    uint8_t  hash[32] = { 0 };

    kind(DG_REFUSE_TOKEN_CLAIM, HEADER, ",\"cnf\":{\"x5t#S256\":"
         "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}");
    certificate = dg_span(hash, sizeof(hash));
    kind(DG_ALLOWED, HEADER, ",\"cnf\":{\"x5t#S256\":"
         "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}");
    hash[31] = 4;
    kind(DG_REFUSE_TOKEN_CLAIM, HEADER, ",\"cnf\":{\"x5t#S256\":"
         "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}");
    kind(DG_REFUSE_TOKEN_CLAIM, HEADER, ",\"cnf\":{\"jkt\":\"x\"}");
    kind(DG_REFUSE_TOKEN_CLAIM, HEADER, ",\"cnf\":{}");
    kind(DG_REFUSE_TOKEN_CLAIM, HEADER, ",\"cnf\":\"x\"");
    kind(DG_ALLOWED, HEADER, "");
    fresh_issuer();
}


#define NO_SUB  "\"iss\":\"" URL "\",\"aud\":\"deskgate\",\"exp\":1800000600"


static void
subjects(void)
{
    char  text[1024], sub[DG_ISSUER_SUBJECT_MAX + 2] = { 0 };

    claims(DG_ALLOWED, NO_SUB ",\"sub\":\"CORP\\\\j/d:oe *?\\u00e9%41\"",
           "a subject of odd bytes");
    is_span(caller.arn, DG_SPAN("arn:aws:deskgate::111122223333:jwt/corp/"
                                "CORP%5Cj%2Fd%3Aoe%20%2A%3F%C3%A9%2541"),
            "is percent-encoded");
    is_span(caller.subject, DG_SPAN("CORP\\j/d:oe *?\xc3\xa9%41"),
            "and kept as it is beside");

    claims(DG_REFUSE_TOKEN_CLAIM, NO_SUB, "no sub");
    claims(DG_REFUSE_TOKEN_CLAIM, NO_SUB ",\"sub\":\"\"", "an empty sub");
    claims(DG_REFUSE_TOKEN_CLAIM, NO_SUB ",\"sub\":7", "sub is a number");
    claims(DG_REFUSE_TOKEN_CLAIM, NO_SUB ",\"sub\":[\"a\"]", "sub is a list");

    memset(sub, 'x', DG_ISSUER_SUBJECT_MAX);
    snprintf(text, sizeof(text), "%s,\"sub\":\"%s\"", NO_SUB, sub);
    claims(DG_ALLOWED, text, "a sub of 255 bytes");
    sub[DG_ISSUER_SUBJECT_MAX] = 'x';
    snprintf(text, sizeof(text), "%s,\"sub\":\"%s\"", NO_SUB, sub);
    claims(DG_REFUSE_TOKEN_CLAIM, text, "a sub of 256 bytes");

    issuer.subject_claim = DG_SPAN("person.id");
    claims(DG_ALLOWED, GOOD ",\"person\":{\"id\":\"p-7\"}",
           "the subject in another claim");
    is_span(caller.user_id, DG_SPAN("jwt/corp/p-7"), "makes the user id");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD, "which is absent");
    fresh_issuer();
}


static void
groups(void)
{
    dg_writer_t  w = dg_writer(malloc(JWT_TEXT), JWT_TEXT);

    issuer.groups_claim = DG_SPAN("realm_access.roles");
    claims(DG_ALLOWED, GOOD, "no groups");
    is_int(caller.group_count, 0, "are no groups");
    claims(DG_ALLOWED, GOOD ",\"realm_access\":{\"roles\":[\"a b\",\"c\"]}",
           "groups in a nested list");
    is_int(caller.group_count, 2, "two of them");
    is_span(caller.groups[0], DG_SPAN("a b"), "whole strings");
    claims(DG_ALLOWED, GOOD ",\"realm_access\":{\"roles\":\"one, two\"}",
           "groups as a string");
    is_int(caller.group_count, 1, "are one group");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD
           ",\"realm_access\":{\"roles\":[\"a\",1]}", "a number among them");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"realm_access\":{\"roles\":{}}",
           "an object");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"realm_access\":{\"roles\":null}",
           "null");

    for (int n = DG_CALLER_GROUPS_MAX; n <= DG_CALLER_GROUPS_MAX + 1; n++) {
        w.len = 0;
        dg_write_cstr(&w, GOOD ",\"realm_access\":{\"roles\":[");

        for (int i = 0; i < n; i++) {
            dg_write_cstr(&w, i ? ",\"g\"" : "\"g\"");
        }

        dg_write_cstr(&w, "]}");
        dg_write_char(&w, '\0');
        claims(n > DG_CALLER_GROUPS_MAX ? DG_REFUSE_TOKEN_CLAIM : DG_ALLOWED,
               (const char *) w.data, "as many groups as there may be, or +1");
    }

    free(w.data);
    fresh_issuer();
}


static void
tags(void)
{
    char                          text[1024], value[300] = { 0 };
    static const dg_issuer_tag_t  map[] = {
        { { (const uint8_t *) "team", 4 },
          { (const uint8_t *) "https://x.example/team", 22 } },
        { { (const uint8_t *) "site", 4 }, { (const uint8_t *) "o.s", 3 } }
    };

    issuer.tags = map;
    issuer.tag_count = 2;
    claims(DG_ALLOWED, GOOD ",\"https://x.example/team\":\"cad\","
           "\"o\":{\"s\":7},\"site\":\"forged\"", "two tags");
    is_int(caller.tag_count, 2, "both are there");
    is_span(caller.tags[0].name, DG_SPAN("team"), "key from configuration");
    is_span(caller.tags[0].value, DG_SPAN("cad"), "a claim with dots");
    is_span(caller.tags[1].value, DG_SPAN("7"), "a number");
    claims(DG_ALLOWED, GOOD, "no tag claims");
    is_int(caller.tag_count, 0, "no tags");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"o\":{\"s\":[\"a\",\"b\"]}",
           "several values for a tag");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"o\":{\"s\":[\"a\"]}",
           "a list of one");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"o\":{\"s\":{}}", "an object");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"o\":{\"s\":null}", "null");

    memset(value, 'v', DG_ISSUER_TAG_VALUE_MAX);
    snprintf(text, sizeof(text), GOOD ",\"o\":{\"s\":\"%s\"}", value);
    claims(DG_ALLOWED, text, "256 bytes");
    value[DG_ISSUER_TAG_VALUE_MAX] = 'v';
    snprintf(text, sizeof(text), GOOD ",\"o\":{\"s\":\"%s\"}", value);
    claims(DG_REFUSE_TOKEN_CLAIM, text, "257 bytes");
    fresh_issuer();
}


static void
dcv_users(void)
{
    char  text[1024], value[300] = { 0 };

    claims(DG_ALLOWED, GOOD ",\"user\":\"Bob\"", "no template");
    is_int(caller.dcv_user.len, 0, "no name");

    issuer.dcv_user = DG_SPAN("CORP\\${o.user}");
    claims(DG_ALLOWED, GOOD ",\"o\":{\"user\":\"Bob\"}", "a name");
    is_span(caller.dcv_user, DG_SPAN("CORP\\Bob"), "with its domain");
    claims(DG_ALLOWED, GOOD, "no claim");
    is_int(caller.dcv_user.len, 0, "no name without the claim");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"o\":{\"user\":\"A\\\\b\"}",
           "a backslash in the claim");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"o\":{\"user\":\"a\\u0000b\"}",
           "a control character in it");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"o\":{\"user\":\"\"}", "empty");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"o\":{\"user\":[\"a\",\"b\"]}",
           "two names");

    memset(value, 'v', DG_ISSUER_DCV_USER_MAX - 5);
    snprintf(text, sizeof(text), GOOD ",\"o\":{\"user\":\"%s\"}", value);
    claims(DG_ALLOWED, text, "256 bytes");
    is_int(caller.dcv_user.len, DG_ISSUER_DCV_USER_MAX, "all of them");
    value[DG_ISSUER_DCV_USER_MAX - 5] = 'v';
    snprintf(text, sizeof(text), GOOD ",\"o\":{\"user\":\"%s\"}", value);
    claims(DG_REFUSE_TOKEN_CLAIM, text, "257 bytes");

    issuer.dcv_user_fold = true;
    claims(DG_ALLOWED, GOOD ",\"o\":{\"user\":\"BoB9\"}", "folded");
    is_span(caller.dcv_user, DG_SPAN("corp\\bob9"), "in small letters");

    issuer.dcv_user = DG_SPAN("${user}");
    claims(DG_ALLOWED, GOOD ",\"user\":\"LAB\\\\Bob\"",
           "a claim that is the whole name");
    is_span(caller.dcv_user, DG_SPAN("lab\\bob"), "may have its domain");

    issuer.dcv_user = DG_SPAN("alice");
    config_refused(DG_ERR_INVALID, "a name that everybody has");
    issuer.dcv_user = DG_SPAN("CORP\\${user");
    config_refused(DG_ERR_INVALID, "an open brace");
    issuer.dcv_user = DG_SPAN("${}");
    config_refused(DG_ERR_INVALID, "no claim in the braces");
    issuer.dcv_user = DG_SPAN("CORP\n${user}");
    config_refused(DG_ERR_INVALID, "a line end");
}


static void
factors(void)
{
    claims(DG_ALLOWED, GOOD, "no amr");
    is_int(caller.mfa, DG_MFA_NOT_KNOWN, "not known");
    claims(DG_ALLOWED, GOOD ",\"amr\":[\"pwd\",\"mfa\"]", "amr with mfa");
    is_int(caller.mfa, DG_MFA_PRESENT, "present");
    claims(DG_ALLOWED, GOOD ",\"amr\":[\"pwd\",\"MFA\",1]", "without");
    is_int(caller.mfa, DG_MFA_ABSENT, "absent");
    claims(DG_ALLOWED, GOOD ",\"amr\":\"mfa\"", "amr as one text");
    is_int(caller.mfa, DG_MFA_PRESENT, "present");
    claims(DG_ALLOWED, GOOD ",\"amr\":{\"mfa\":true}", "an object");
    is_int(caller.mfa, DG_MFA_ABSENT, "says nothing");

    issuer.source_identity_claim = DG_SPAN("who");
    claims(DG_ALLOWED, GOOD ",\"who\":\"carol\"", "a source identity");
    is_span(caller.source_identity, DG_SPAN("carol"), "is taken");
    claims(DG_ALLOWED, GOOD, "none");
    is_int(caller.source_identity.len, 0, "is none");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"who\":7", "a number");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"who\":[\"a\"]", "a list");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"who\":\"\"", "empty");
    fresh_issuer();
}


static size_t
rows(const char *name, const char *value)
{
    size_t  n = 0;

    for (size_t i = 0; i < caller.claim_count; i++) {
        n += dg_span_equal(caller.claims[i].name, dg_span_cstr(name))
             && dg_span_equal(caller.claims[i].value, dg_span_cstr(value));
    }

    return n;
}


static void
flattened(void)
{
    dg_writer_t  w = dg_writer(malloc(JWT_TEXT), JWT_TEXT);

    claims(DG_ALLOWED, GOOD ",\"t\":true,\"n\":null,\"l\":[\"a\",\"b\",3],"
           "\"o\":{\"p\":{\"q\":\"deep\"}},\"e\":[],\"x\":{}", "many claims");
    is_int(rows("sub", "alice"), 1, "a string");
    is_int(rows("exp", "1800000600"), 1, "a number");
    is_int(rows("t", "true"), 1, "a boolean");
    is_int(rows("l", "a") + rows("l", "b") + rows("l", "3"), 3, "a list");
    is_int(rows("o.p.q", "deep"), 1, "a path");
    is_int(caller.claim_count, 9, "and no other rows");

    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"a\":{\"b\":1},\"a.b\":2",
           "a name with a dot that is also a path");
    claims(DG_REFUSE_TOKEN_CLAIM, GOOD ",\"a\":{\"b.c\":1},"
           "\"a.b\":{\"c\":2}", "two paths alike");
    claims(DG_ALLOWED, GOOD ",\"a\":{\"c\":1},\"a.b\":2",
           "a name with a dot alone");

    for (int n = DG_CALLER_CLAIMS_MAX; n <= DG_CALLER_CLAIMS_MAX + 1; n++) {
        w.len = 0;
        dg_write_cstr(&w, GOOD ",\"l\":[");

        for (int i = 0; i < n - 4; i++) {
            dg_write_cstr(&w, i ? ",1" : "1");
        }

        dg_write_cstr(&w, "]");
        dg_write_char(&w, '\0');
        claims(n > DG_CALLER_CLAIMS_MAX ? DG_REFUSE_TOKEN_CLAIM : DG_ALLOWED,
               (const char *) w.data, "as many values as there may be, or +1");
    }

    w.len = 0;
    dg_write_cstr(&w, GOOD ",\"");

    for (int i = 0; i <= DG_ISSUER_CLAIM_PATH_MAX; i++) {
        dg_write_char(&w, '.');
    }

    dg_write_cstr(&w, "\":1");
    dg_write_char(&w, '\0');
    claims(DG_REFUSE_TOKEN_CLAIM, (const char *) w.data, "a name too long");
    free(w.data);
}


static void
no_memory(void)
{
    size_t             n, size = 0;
    uint8_t           *memory = malloc(65536);
    dg_span_t          token = jwt_sign(&ec, HEADER, DG_SPAN("{" GOOD "}"));
    dg_arena_t         arena;
    dg_refusal_t       refusal = DG_REFUSE_INTERNAL;
    dg_token_issuer_t  from = { &issuer, keys };
    dg_token_rules_t   rules = { &from, 1, NOW, DG_SPAN_EMPTY };

    for (n = 0; n < 65536 && refusal == DG_REFUSE_INTERNAL; n += 64) {
        dg_arena_init(&arena, memory, n);
        refusal = dg_token_verify(&rules, token, &arena, &caller, NULL);
        size = n;
    }

    is_int(refusal, DG_ALLOWED, "%zu bytes of memory are enough", size);
    free(memory);
    jwt_free(token);
}


int
main(void)
{
    dg_span_t  text;

    ec = jwt_ec("ES256");
    text = jwt_set(&ec, "\"kid\":\"k1\"");
    jwt_must(dg_jwks_load(jwt_fresh(), text, &keys, NULL) == DG_OK, "set");

    configuration();
    accepted();
    issuers();
    signatures();
    expiry();
    other_dates();
    audiences();
    parties();
    kinds();
    confirmations();
    subjects();
    groups();
    tags();
    dcv_users();
    factors();
    flattened();
    no_memory();

    dg_jwks_release(keys);
    EVP_PKEY_free(ec.pkey);
    jwt_free(text);

    return done_testing();
}
