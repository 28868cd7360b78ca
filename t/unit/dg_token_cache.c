/*
 * dg_token_cache: what is found, by whom, until when; bounds; wiping.
 */

#include "tap.h"

#include "../../src/core/dg_token_cache.c"

#define NOW     1800000000
#define TOKENS  4096

static dg_crypto_t  *crypto;
static uint8_t       memory[1024 * 1024];
static dg_arena_t    arena;


static dg_token_key_t
key_of(dg_token_cache_t *cache, const char *token, uint64_t by)
{
    dg_token_key_t  key;

    if (dg_token_key(cache, dg_span_cstr(token), by, DG_SPAN_EMPTY, &key)
        != DG_OK)
    {
        ok(false, "no key");
    }

    return key;
}


static dg_caller_t
caller_named(const char *name, int64_t expires)
{
    return (dg_caller_t) {
        .kind = DG_CALLER_JWT, .verified = true, .arn = dg_span_cstr(name),
        .expires_at = expires
    };
}


/* The arn found, "refused", or "unknown". */
static dg_span_t
find(dg_token_cache_t *cache, const dg_token_key_t *key, int64_t now)
{
    dg_caller_t   caller = { 0 };
    dg_refusal_t  refusal;

    dg_arena_init(&arena, memory, sizeof(memory));

    if (!dg_token_cache_find(cache, key, now, &arena, &caller, &refusal)) {
        return DG_SPAN("unknown");
    }

    return refusal == DG_ALLOWED ? caller.arn : DG_SPAN("refused");
}


static void
lifetime(void)
{
    dg_caller_t        caller = caller_named("alice", NOW + 100);
    dg_token_cache_t  *cache = dg_token_cache_create(crypto, 65536);
    dg_token_key_t     key = key_of(cache, "token", 1);

    is_text(find(cache, &key, NOW), "unknown", "nothing at first");
    dg_token_cache_store(cache, &key, &caller, NOW);
    is_text(find(cache, &key, NOW), "alice", "found");
    is_text(find(cache, &key, NOW + 99), "alice", "until it expires");
    is_text(find(cache, &key, NOW + 100), "unknown", "and not at that time");
    is_text(find(cache, &key, NOW - 1), "unknown", "nor before it was stored");

    caller = caller_named("bob", NOW + 100000);
    key = key_of(cache, "long", 1);
    dg_token_cache_store(cache, &key, &caller, NOW);
    is_text(find(cache, &key, NOW + DG_TOKEN_CACHE_TTL - 1), "bob",
            "a long token until the cache's own limit");
    is_text(find(cache, &key, NOW + DG_TOKEN_CACHE_TTL), "unknown",
            "and no longer");

    caller = caller_named("carol", 0);
    key = key_of(cache, "never", 1);
    dg_token_cache_store(cache, &key, &caller, NOW);
    is_text(find(cache, &key, NOW + DG_TOKEN_CACHE_TTL), "unknown",
            "one that never expires does here");

    caller = caller_named("dave", NOW);
    key = key_of(cache, "expired", 1);
    dg_token_cache_store(cache, &key, &caller, NOW);
    is_text(find(cache, &key, NOW), "unknown", "an expired one is not kept");

    caller = caller_named("eve", NOW + 100);
    caller.verified = false;
    dg_token_cache_store(cache, &key, &caller, NOW);
    is_text(find(cache, &key, NOW), "unknown", "nor one that is not verified");
    dg_token_cache_destroy(cache);
}


static void
separation(void)
{
    uint8_t            certificate[DG_SHA256_SIZE] = { 1 };
    dg_caller_t        caller = caller_named("alice", NOW + 100);
    dg_token_cache_t  *cache = dg_token_cache_create(crypto, 65536);
    dg_token_key_t     key = key_of(cache, "token", 1), other;

    dg_token_cache_store(cache, &key, &caller, NOW);
    other = key_of(cache, "token", 2);
    is_text(find(cache, &other, NOW), "unknown",
            "what one configuration accepted, another does not know");
    other = key_of(cache, "tokeN", 1);
    is_text(find(cache, &other, NOW), "unknown", "nor another token");
    is_int(dg_token_key(cache, DG_SPAN("token"), 1,
                        dg_span(certificate, sizeof(certificate)), &other),
           DG_OK, "a key with a certificate");
    is_text(find(cache, &other, NOW), "unknown", "nor another certificate");
    is_int(dg_token_key(cache, DG_SPAN("token"), 1,
                        dg_span(certificate, 20), &other),
           DG_ERR_INVALID, "a certificate's hash of another size");

    dg_token_cache_refuse(cache, &key, DG_REFUSE_TOKEN_SIGNATURE, NOW);
    is_text(find(cache, &key, NOW), "alice",
            "a refusal does not hide what was accepted");
    dg_token_cache_clear(cache);
    is_text(find(cache, &key, NOW), "unknown", "cleared");
    is_int(dg_token_cache_stats(cache).callers, 0, "and empty");
    dg_token_cache_destroy(cache);
}


static void
refusals(void)
{
    static const dg_refusal_t  passing[] = {
        DG_REFUSE_TOKEN_KEY_UNKNOWN, DG_REFUSE_TOKEN_EARLY,
        DG_REFUSE_ISSUER_UNAVAILABLE, DG_REFUSE_INTERNAL, DG_ALLOWED
    };
    char               name[32];
    size_t             known = 0;
    dg_caller_t        caller = caller_named("alice", NOW + 100);
    dg_token_cache_t  *cache = dg_token_cache_create(crypto, 65536);
    dg_token_key_t     key = key_of(cache, "bad", 1), mine;

    dg_token_cache_refuse(cache, &key, DG_REFUSE_TOKEN_SIGNATURE, NOW);
    is_text(find(cache, &key, NOW), "refused", "a refusal is remembered");
    is_text(find(cache, &key, NOW + DG_TOKEN_CACHE_REFUSED_TTL), "unknown",
            "for a short time");

    for (int i = 0; i < 5; i++) {
        key = key_of(cache, "passing", 1);
        dg_token_cache_refuse(cache, &key, passing[i], NOW);
        is_text(find(cache, &key, NOW), "unknown",
                "refusal %d may end by itself and is not", passing[i]);
    }

    mine = key_of(cache, "mine", 1);
    dg_token_cache_store(cache, &mine, &caller, NOW);

    for (int i = 0; i < 100000; i++) {
        snprintf(name, sizeof(name), "random-%d", i);
        key = key_of(cache, name, 1);
        dg_token_cache_refuse(cache, &key, DG_REFUSE_TOKEN_SIGNATURE, NOW);
    }

    for (int i = 0; i < 100000; i++) {
        snprintf(name, sizeof(name), "random-%d", i);
        key = key_of(cache, name, 1);
        known += dg_span_equal(find(cache, &key, NOW), DG_SPAN("refused"));
    }

    ok(known > 0 && known <= DG_TOKEN_CACHE_REFUSED,
       "of 100000 bad tokens %zu are remembered", known);
    is_text(find(cache, &mine, NOW), "alice",
            "and none pushed out a good one");
    dg_token_cache_destroy(cache);
}


/* Whatever was stored is found unchanged or not at all. */
static void
flood(void)
{
    char               name[700];
    bool               right = true;
    size_t             found = 0, most = 0;
    uint32_t           random = 1;
    dg_caller_t        caller;
    dg_token_key_t     key;
    dg_token_cache_t  *cache = dg_token_cache_create(crypto, 65536);

    for (int i = 0; i < TOKENS; i++) {
        random = random * 1664525 + 1013904223;
        memset(name, 'n', sizeof(name));
        snprintf(name, sizeof(name), "%d", i);
        name[strlen(name)] = 'n';
        name[8 + random % 680] = '\0';
        caller = caller_named(name, NOW + 1000);
        key = key_of(cache, name, 1);
        dg_token_cache_store(cache, &key, &caller, NOW);
        right = right && dg_span_equal(find(cache, &key, NOW), caller.arn)
                && cache->stats.bytes <= cache->stats.capacity;
        most = cache->stats.callers > most ? cache->stats.callers : most;
    }

    ok(right, "each of %d tokens is found after it was stored", TOKENS);
    random = 1;

    for (int i = 0; i < TOKENS; i++) {
        random = random * 1664525 + 1013904223;
        memset(name, 'n', sizeof(name));
        snprintf(name, sizeof(name), "%d", i);
        name[strlen(name)] = 'n';
        name[8 + random % 680] = '\0';
        key = key_of(cache, name, 1);

        if (!dg_span_equal(find(cache, &key, NOW), DG_SPAN("unknown"))) {
            found++;
            right = right && dg_span_equal(find(cache, &key, NOW),
                                           dg_span_cstr(name));
        }
    }

    ok(right, "none is mistaken for another");
    is_int(found, cache->stats.callers, "the newest are there");
    is_int(cache->stats.evicted, TOKENS - found, "the others were counted");
    ok(most > 50, "of %zu at once", most);
    dg_token_cache_destroy(cache);
}


static void
bounds(void)
{
    char               name[20000];
    dg_caller_t        caller;
    dg_token_key_t     key;
    dg_token_cache_t  *cache = dg_token_cache_create(crypto, 65536);
    dg_caller_t        out;
    dg_refusal_t       refusal;

    ok(dg_token_cache_create(crypto, BYTES_MIN - 1) == NULL, "too small");
    ok(dg_token_cache_create(crypto, (size_t) BYTES_MAX + 1) == NULL,
       "too large");

    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    caller = caller_named(name, NOW + 100);
    key = key_of(cache, "huge", 1);
    dg_token_cache_store(cache, &key, &caller, NOW);
    is_text(find(cache, &key, NOW), "unknown",
            "a caller above a quarter of the cache is not kept");

    caller = caller_named("alice", NOW + 100);
    dg_token_cache_store(cache, &key, &caller, NOW);
    dg_arena_init(&arena, memory, 64);
    ok(!dg_token_cache_find(cache, &key, NOW, &arena, &out, &refusal),
       "no memory for the copy: not found");
    dg_token_cache_destroy(cache);
    dg_token_cache_destroy(NULL);
}


static bool
holds(const dg_token_cache_t *cache, const char *text)
{
    size_t  len = strlen(text);

    for (size_t i = 0; i + len <= cache->stats.capacity; i++) {
        if (memcmp(cache->ring + i, text, len) == 0) {
            return true;
        }
    }

    return false;
}


static void
wiped(void)
{
    char               name[2048];
    dg_caller_t        caller = caller_named("planted-claim", NOW + 100);
    dg_token_key_t     key;
    dg_token_cache_t  *cache = dg_token_cache_create(crypto, BYTES_MIN);

    memset(cache->ring, 0, cache->stats.capacity);
    key = key_of(cache, "planted-token", 1);
    dg_token_cache_store(cache, &key, &caller, NOW);
    ok(holds(cache, "planted-claim"), "what is kept can be seen");
    ok(!holds(cache, "planted-token"), "but never the token");

    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';

    for (int i = 0; i < 7; i++) {
        name[0] = (char) ('a' + i);
        caller = caller_named(name, NOW + 100);
        key = key_of(cache, name, 1);
        dg_token_cache_store(cache, &key, &caller, NOW);
    }

    ok(!holds(cache, "planted-claim"), "what was pushed out is wiped");
    dg_token_cache_clear(cache);
    ok(!holds(cache, "nnnn"), "and what was cleared");
    dg_token_cache_destroy(cache);
}


int
main(void)
{
    crypto = dg_crypto_create(NULL, NULL);
    lifetime();
    separation();
    refusals();
    flood();
    bounds();
    wiped();
    dg_crypto_destroy(crypto);

    return done_testing();
}
