/*
 * dg_vend: what opens and what does not, the claims, the file of master keys,
 * the cache; and the primitives behind it by published vectors.
 */

#include "tap.h"

#include "../../src/core/dg_vend.c"

#define NOW  1800000000

static dg_crypto_t        *crypto;
static dg_vend_cache_t    *cache;
static uint8_t             memory[1024 * 1024];
static dg_arena_t          arena;
static char                secret[DG_VEND_SECRET_SIZE];
static dg_vend_session_t   opened;

static const dg_span_t  groups[] = { DG_SPAN("artists"), DG_SPAN("ops") };
static const dg_attribute_t  tags[] = {
    { DG_SPAN("team"), DG_SPAN("blue") }, { DG_SPAN("cost"), DG_SPAN("") }
};
static const dg_attribute_t  claims[] = {
    { DG_SPAN("dept"), DG_SPAN("film") },
    { DG_SPAN("roles"), DG_SPAN("a") }, { DG_SPAN("roles"), DG_SPAN("b") },
    { DG_SPAN("dept"), DG_SPAN("again") }
};
static const dg_span_t  files[] = { DG_SPAN("/etc/deskgate/a.json") };
static const dg_span_t  locations[] = { DG_SPAN("/"), DG_SPAN("/desks") };
static const dg_span_t  services[] = { DG_SPAN("workspaces") };


static const char  master_text[] =
    "# the newest first\n"
    "2026-11 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    "\r\n"
    "2026-10   ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\r\n";


static dg_vend_keys_t
keys_of(const char *text, const char *gateway)
{
    dg_vend_keys_t  keys = { .gateway = dg_span_cstr(gateway) };
    dg_diag_t       diag = { 0 };

    if (dg_vend_keys_parse(dg_span_cstr(text), &diag, &keys) != DG_OK) {
        ok(false, "keys: %s", diag.text);
    }

    return keys;
}


static dg_vend_session_t
session_of(int64_t expires)
{
    return (dg_vend_session_t) {
        .caller = {
            .kind = DG_CALLER_JWT, .verified = true,
            .arn = DG_SPAN("arn:aws:deskgate::111122223333:jwt/corp/alice"),
            .user_id = DG_SPAN("jwt/corp/alice"),
            .account = DG_SPAN("111122223333"),
            .user_name = DG_SPAN("alice"),
            .principal_type = DG_SPAN("WebIdentityUser"),
            .issuer = DG_SPAN("corp"),
            .issuer_url = DG_SPAN("https://sso.example.com"),
            .subject = DG_SPAN("alice"), .token_id = DG_SPAN("jti-1"),
            .kid = DG_SPAN("k1"), .mfa = (dg_mfa_t) 1,
            .source_identity = DG_SPAN("si"), .reason = DG_SPAN("why"),
            .dcv_user = DG_SPAN("CORP\\alice"),
            .access_key_id = DG_SPAN("AKIDALICE"),
            .issued_at = NOW - 30, .expires_at = expires,
            .groups = groups, .group_count = 2, .tags = tags, .tag_count = 2,
            .claims = claims, .claim_count = 4,
            .policy_files = files, .policy_file_count = 1
        },
        .vended_at = NOW, .locations = locations, .location_count = 2,
        .services = services, .service_count = 1
    };
}


static dg_vended_t
vend(const dg_vend_keys_t *keys, const dg_vend_session_t *session)
{
    dg_vended_t  out;

    if (dg_vend_seal(crypto, keys, session, DG_VEND_LIFETIME, &out)
        != DG_OK)
    {
        ok(false, "not vended");
    }

    return out;
}


static dg_refusal_t
open_as(const dg_vend_keys_t *keys, const char *id, dg_span_t token,
    int64_t now)
{
    dg_arena_init(&arena, memory, sizeof(memory));

    return dg_vend_open(cache, keys, dg_span(id, DG_VEND_ACCESS_KEY_SIZE),
                        token, now, &arena, &opened, secret);
}


static dg_refusal_t
open_vended(const dg_vend_keys_t *keys, const dg_vended_t *v, int64_t now)
{
    return open_as(keys, v->access_key_id, dg_span(v->token, v->token_len),
                   now);
}


static void
round_trip(void)
{
    dg_caller_t        *c = &opened.caller;
    dg_vended_t         v, second;
    dg_vend_keys_t      keys = keys_of(master_text, "desks");
    dg_vend_session_t   session = session_of(NOW + 600);

    v = vend(&keys, &session);
    second = vend(&keys, &session);

    ok(memcmp(v.access_key_id, "DGVK", 4) == 0
       && dg_text_consists_of(dg_span(v.access_key_id, 20), ""),
       "the key id is one of ours");
    ok(memcmp(v.access_key_id, second.access_key_id, 20) != 0
       && memcmp(v.secret, second.secret, 40) != 0
       && memcmp(v.token, second.token, v.token_len) != 0,
       "each time another id, secret and token");
    ok(v.expires_at == NOW + 600, "ends with the caller's token");

    for (int i = 0; i < 2; i++) {
        memset(secret, 0, sizeof(secret));
        ok(open_vended(&keys, &v, NOW) == DG_ALLOWED, "opens");
        ok(memcmp(secret, v.secret, sizeof(secret)) == 0, "its secret");
    }

    ok(dg_vend_cache_stats(cache).hits == 1
       && dg_vend_cache_stats(cache).misses == 1, "the second from memory");

    ok(c->kind == DG_CALLER_VENDED && !c->verified, "vended, not verified");
    is_span(c->arn, session.caller.arn, "arn");
    is_span(c->user_id, session.caller.user_id, "user id");
    is_span(c->account, session.caller.account, "account");
    is_span(c->user_name, session.caller.user_name, "user name");
    is_span(c->principal_type, session.caller.principal_type, "type");
    is_span(c->issuer, session.caller.issuer, "issuer");
    is_span(c->issuer_url, session.caller.issuer_url, "issuer's url");
    is_span(c->subject, session.caller.subject, "subject");
    is_span(c->token_id, session.caller.token_id, "token id");
    is_span(c->kid, session.caller.kid, "kid");
    is_span(c->source_identity, DG_SPAN("si"), "source identity");
    is_span(c->reason, DG_SPAN("why"), "reason");
    is_span(c->dcv_user, DG_SPAN("CORP\\alice"), "name on DCV servers");
    ok(c->mfa == (dg_mfa_t) 1, "how he logged in");
    is_span(opened.source_key_id, DG_SPAN("AKIDALICE"), "source key id");
    is_span(c->access_key_id, dg_span(v.access_key_id, 20), "access key id");
    ok(c->issued_at == NOW - 30 && c->expires_at == NOW + 600
       && opened.vended_at == NOW, "times");
    ok(c->group_count == 2 && dg_span_equal(c->groups[1], groups[1]),
       "groups");
    ok(c->tag_count == 2 && dg_span_equal(c->tags[0].value, tags[0].value)
       && dg_span_equal(c->tags[1].name, tags[1].name)
       && c->tags[1].value.len == 0, "tags");
    ok(c->claim_count == 4, "claims");

    for (size_t i = 0; i < 4; i++) {
        is_span(c->claims[i].name, claims[i].name, "claim %zu", i);
        is_span(c->claims[i].value, claims[i].value, "its value");
    }

    ok(c->policy_file_count == 1
       && dg_span_equal(c->policy_files[0], files[0]), "policy files");
    ok(opened.location_count == 2
       && dg_span_equal(opened.locations[1], locations[1]), "locations");
    ok(opened.service_count == 1
       && dg_span_equal(opened.services[0], services[0]), "services");
}


static void
what_does_not_open(void)
{
    int64_t             expired = DG_REFUSE_SESSION_EXPIRED;
    uint8_t             changed[DG_VEND_TOKEN_MAX];
    unsigned            wrong = 0;
    dg_vended_t         a, b;
    dg_vend_keys_t      keys = keys_of(master_text, "desks");
    dg_vend_keys_t      other = keys_of(master_text, "desks2");
    dg_vend_session_t   session = session_of(0);

    a = vend(&keys, &session);
    b = vend(&keys, &session);

    ok(a.expires_at == NOW + DG_VEND_LIFETIME,
       "a caller without an end: an hour");
    ok(open_as(&keys, a.access_key_id, dg_span(b.token, b.token_len), NOW)
       == DG_REFUSE_SESSION_TOKEN, "the key id of one, the token of another");
    ok(open_vended(&keys, &a, NOW) == DG_ALLOWED
       && open_vended(&keys, &b, NOW) == DG_ALLOWED, "each by itself");
    ok(open_as(&keys, a.access_key_id, dg_span(b.token, b.token_len), NOW)
       == DG_REFUSE_SESSION_TOKEN, "nor when both are remembered");
    ok(open_vended(&other, &a, NOW) == DG_REFUSE_SESSION_TOKEN,
       "a gateway of another name");
    ok(open_vended(&keys, &a, a.expires_at - 1) == DG_ALLOWED,
       "its last second");
    ok(open_vended(&keys, &a, a.expires_at) == (dg_refusal_t) expired,
       "and one past it");
    is_span(opened.caller.access_key_id, dg_span(a.access_key_id, 20),
            "whose it was is known");
    ok(open_as(&keys, a.access_key_id, DG_SPAN_EMPTY, NOW)
       == DG_REFUSE_SESSION_TOKEN, "no token");
    ok(open_as(&keys, a.access_key_id, DG_SPAN("AA"), NOW)
       == DG_REFUSE_SESSION_TOKEN, "a short one");
    ok(open_as(&keys, a.access_key_id, DG_SPAN("*"), NOW)
       == DG_REFUSE_SESSION_TOKEN, "one that is not Base64");

    for (size_t i = 0; i < a.token_len; i++) {
        memcpy(changed, a.token, a.token_len);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        wrong += open_as(&keys, a.access_key_id,
                         dg_span(changed, a.token_len), NOW)
                 != DG_REFUSE_SESSION_TOKEN;
    }

    ok(wrong == 0, "no byte of a token may change");

    for (size_t i = 0; i < a.token_len; i++) {
        wrong += open_as(&keys, a.access_key_id, dg_span(a.token, i), NOW)
                 != DG_REFUSE_SESSION_TOKEN;
    }

    ok(wrong == 0, "nor may it be cut");
}


static void
rotation(void)
{
    dg_vended_t         v;
    dg_vend_keys_t      old, both, gone;
    dg_vend_session_t   session = session_of(0);

    old = keys_of("a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "desks");
    both = keys_of("b ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n"
                   "a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "desks");
    gone = keys_of("b ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=", "desks");

    v = vend(&old, &session);

    ok(open_vended(&both, &v, NOW) == DG_ALLOWED, "the old key still opens");
    ok(open_vended(&gone, &v, NOW) == DG_REFUSE_SESSION_TOKEN,
       "not when it is gone");

    v = vend(&both, &session);

    ok(open_vended(&gone, &v, NOW) == DG_ALLOWED, "the first one seals");
    ok(open_vended(&old, &v, NOW) == DG_REFUSE_SESSION_TOKEN,
       "which others do not know");
}


static void
bounds(void)
{
    size_t              len;
    dg_span_t           big;
    dg_vended_t         v;
    static char         text[DG_VEND_CLAIMS_MAX];
    dg_vend_keys_t      keys = keys_of(master_text, "desks");
    dg_vend_session_t   session = { .vended_at = NOW };

    memset(text, 'x', sizeof(text));
    session.caller.arn = DG_SPAN("arn");

    session.caller.session_policy_count = 1;
    ok(dg_vend_seal(crypto, &keys, &session, 60, &v) == DG_ERR_UNSUPPORTED,
       "not for a session that policies cap");
    session.caller.session_policy_count = 0;

    /* four numbers of eight bytes, two texts, three bytes in front of each */
    len = DG_VEND_CLAIMS_MAX - 4 * (3 + 8) - (3 + 3) - 3;
    big = dg_span(text, len);
    session.caller.groups = &big;
    session.caller.group_count = 1;

    v = vend(&keys, &session);
    ok(v.token_len <= DG_VEND_TOKEN_MAX, "2 KiB of claims");
    ok(open_vended(&keys, &v, NOW) == DG_ALLOWED
       && opened.caller.groups[0].len == len, "and they open");

    big.len++;
    ok(dg_vend_seal(crypto, &keys, &session, 60, &v) == DG_ERR_LIMIT,
       "one byte more is too many");

    big.len = 1;
    session.caller.expires_at = NOW;
    ok(dg_vend_seal(crypto, &keys, &session, 60, &v) == DG_ERR_EXPIRED,
       "nothing for a caller that has ended");

    session.caller.expires_at = 0;
    ok(dg_vend_seal(crypto, &keys, &session, 7200, &v) == DG_OK
       && v.expires_at == NOW + DG_VEND_LIFETIME, "never more than an hour");
    ok(dg_vend_seal(crypto, &keys, &session, 60, &v) == DG_OK
       && v.expires_at == NOW + 60, "as short as one says");
    ok(open_vended(&keys, &v, NOW) == DG_ALLOWED
       && opened.caller.issued_at == NOW, "a key counts as issued now");
}


/* Whoever adds a member to a caller decides whether it is sealed. */
static void
all_members(void)
{
    ok(sizeof(dg_caller_t) == 336, "the members of a caller are known here "
       "(%zu bytes)", sizeof(dg_caller_t));
}


static bool
reads(const char *bytes, size_t len)
{
    dg_arena_init(&arena, memory, sizeof(memory));

    return dg_vend_read_claims(dg_span(bytes, len), &arena, &opened) == DG_OK;
}

#define READS(literal)  reads(literal, sizeof(literal) - 1)

#define NUMBERS                                                               \
    "\1\0\10" "\0\0\0\0\0\0\0\1" "\2\0\10" "\0\0\0\0\0\0\0\2"

static void
claims_that_are_none(void)
{
    ok(READS(NUMBERS "\x20\0\1a"), "the least");
    ok(opened.vended_at == 1 && opened.caller.expires_at == 2, "its times");
    ok(!READS(""), "nothing");
    ok(!READS(NUMBERS), "no principal");
    ok(!READS("\x20\0\1a"), "no times");
    ok(!READS(NUMBERS "\x20\0\2a"), "longer than it is");
    ok(!READS(NUMBERS "\x20\0\1a\x20"), "half an item");
    ok(!READS(NUMBERS NUMBERS "\x20\0\1a"), "times twice");
    ok(!READS(NUMBERS "\x20\0\1a\x7f\0\0"), "an unknown type");
    ok(!READS(NUMBERS "\x20\0\1a\6\0\1v"), "a tag without a name");
    ok(!READS(NUMBERS "\x20\0\1a\5\0\1n"), "a tag without a value");
    ok(!READS(NUMBERS "\x20\0\1a\5\0\1n\5\0\1n\6\0\1v"), "two names");
    ok(!READS(NUMBERS "\x20\0\1a\10\0\1v"), "a claim without a name");
    ok(READS(NUMBERS "\x20\0\1a\7\0\1n"), "a name without a claim");
}


static bool
refuses(const char *text, const char *word)
{
    dg_diag_t       diag = { 0 };
    dg_vend_keys_t  keys = { 0 };

    return dg_vend_keys_parse(dg_span_cstr(text), &diag, &keys) != DG_OK
           && keys.count == 0 && strstr(diag.text, word) != NULL
           && strstr(diag.text, "AAEC") == NULL;
}


static void
master_files(void)
{
    char            many[DG_VEND_TEXT_MAX];
    dg_writer_t     w = dg_writer(many, sizeof(many) - 1);
    dg_vend_keys_t  keys = keys_of(master_text, "desks");

    ok(keys.count == 2, "two keys");
    is_span(keys.masters[0].name, DG_SPAN("2026-11"), "the first");
    ok(keys.masters[1].key[0] == 0x20 && keys.masters[1].key[31] == 0x3f,
       "and the second's bytes");

    ok(refuses("", "no key"), "an empty file");
    ok(refuses("# a\n", "no key"), "comments alone");
    ok(refuses("a", "Base64"), "no key behind the name");
    ok(refuses("a AAEC", "Base64"), "a short key");
    ok(refuses("a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "Base64"),
       "no padding");
    ok(refuses("a,b AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "name"),
       "a name with a comma");
    ok(refuses("a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
               "a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "before"),
       "a name twice");

    for (unsigned i = 0; i <= DG_VEND_MASTERS_MAX; i++) {
        dg_write_char(&w, (char) ('a' + i));
        dg_write_cstr(&w, " AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    }

    many[w.len] = '\0';
    ok(refuses(many, "more than"), "one key too many");
    many[w.len - 1] = '\0';
    *strrchr(many, '\n') = '\0';
    ok(keys_of(many, "g").count == DG_VEND_MASTERS_MAX, "as many as may be");
}


static void
forgetting(void)
{
    size_t              kept = 0;
    dg_vended_t         first, v;
    dg_vend_keys_t      keys = keys_of(master_text, "desks");
    dg_vend_cache_t    *all = cache;
    dg_vend_session_t   session = session_of(0);

    cache = dg_vend_cache_create(crypto, 1);
    first = vend(&keys, &session);

    ok(open_vended(&keys, &first, NOW) == DG_ALLOWED, "one");

    for (int i = 0; i < 2 * WAYS; i++) {
        v = vend(&keys, &session);
        ok(open_vended(&keys, &v, NOW) == DG_ALLOWED, "and another");
    }

    for (size_t i = 0; i < WAYS; i++) {
        kept += dg_span_equal(dg_span(cache->slots[i].access_key_id, 20),
                              dg_span(first.access_key_id, 20));
    }

    ok(kept == 0, "the oldest made room");
    ok(open_vended(&keys, &v, NOW + 7200) == DG_REFUSE_SESSION_EXPIRED,
       "one that ended");

    for (size_t i = 0; i < WAYS; i++) {
        kept += dg_span_equal(dg_span(cache->slots[i].access_key_id, 20),
                              dg_span(v.access_key_id, 20));
    }

    ok(kept == 0, "is not kept");
    ok(open_vended(&keys, &first, NOW) == DG_ALLOWED, "once more");
    kept = cache->openings;

    for (int i = 0; i < 2 * WAYS; i++) {
        first.token[60]++;
        (void) open_vended(&keys, &first, NOW);
    }

    ok(cache->openings == kept && cache->stats.misses > kept,
       "what does not open takes nobody's place");
    ok(dg_vend_cache_create(crypto, 0) == NULL, "no cache of nothing");

    dg_vend_cache_destroy(cache);
    dg_vend_cache_destroy(NULL);
    cache = all;
}


static void
unhex(const char *text, uint8_t *out)
{
    if (dg_hex_decode(dg_span_cstr(text), out, strlen(text) / 2) != DG_OK) {
        ok(false, "hex");
    }
}


/* RFC 5869, test cases 1 and 3. */
static void
hkdf_vectors(void)
{
    uint8_t  key[22], salt[13], info[10], out[42], want[42];

    memset(key, 0x0b, sizeof(key));
    unhex("000102030405060708090a0b0c", salt);
    unhex("f0f1f2f3f4f5f6f7f8f9", info);
    unhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
          "34007208d5b887185865", want);

    ok(dg_hkdf(crypto, dg_span(key, 22), dg_span(salt, 13),
               dg_span(info, 10), out, 42) == DG_OK
       && memcmp(out, want, 42) == 0, "RFC 5869 case 1");

    unhex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
          "9d201395faa4b61a96c8", want);

    ok(dg_hkdf(crypto, dg_span(key, 22), DG_SPAN_EMPTY, DG_SPAN_EMPTY, out,
               42) == DG_OK
       && memcmp(out, want, 42) == 0, "RFC 5869 case 3");
}


/* The GCM specification's test cases 13 and 14: zero key, zero nonce. */
static void
gcm_vectors(void)
{
    uint8_t  key[32] = { 0 }, text[16] = { 0 }, out[32], want[32], back[16];

    unhex("530f8afbc74536b9a963b4f1c4cb738b", want);
    ok(dg_seal(crypto, key, DG_SPAN_EMPTY, DG_SPAN_EMPTY, out) == DG_OK
       && memcmp(out, want, 16) == 0, "GCM case 13");

    unhex("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
          want);
    ok(dg_seal(crypto, key, DG_SPAN_EMPTY, dg_span(text, 16), out) == DG_OK
       && memcmp(out, want, 32) == 0, "GCM case 14");
    ok(dg_unseal(crypto, key, DG_SPAN_EMPTY, dg_span(out, 32), back) == DG_OK
       && memcmp(back, text, 16) == 0, "and back");
    ok(dg_unseal(crypto, key, DG_SPAN("x"), dg_span(out, 32), back)
       == DG_ERR_MISMATCH, "not with other associated data");
    ok(dg_unseal(crypto, key, DG_SPAN_EMPTY, dg_span(out, 15), back)
       == DG_ERR_MISMATCH, "nor without a tag");
}


int
main(void)
{
    crypto = dg_crypto_create(NULL, NULL);
    cache = dg_vend_cache_create(crypto, 64);

    if (crypto == NULL || cache == NULL) {
        return 1;
    }

    hkdf_vectors();
    gcm_vectors();
    round_trip();
    what_does_not_open();
    rotation();
    bounds();
    all_members();
    claims_that_are_none();
    master_files();
    forgetting();

    dg_vend_cache_destroy(cache);
    dg_crypto_destroy(crypto);

    return done_testing();
}
