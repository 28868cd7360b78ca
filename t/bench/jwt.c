/*
 * Bearer tokens: OpenSSL's own verification as one would first write it, the
 * whole way of a cold token (parse, key, signature, claims, caller), and of a
 * cached one (hash, lookup, copy of the caller).
 */

#include "bench.h"

#include "../unit/jwt.h"

#include "dg_issuer.h"
#include "dg_token_cache.h"

#define NOW     1800000000
#define MEMORY  (256 * 1024)

typedef struct {
    jwt_key_t           key;
    dg_jws_t            jws;        /* of the token, for OpenSSL alone */
    uint8_t             der[256];   /* its signature as OpenSSL wants it */
    dg_span_t           signature;
    dg_span_t           token;
    dg_jwks_t          *keys;
    dg_issuer_t         issuer;
    dg_token_issuer_t   from;
    dg_token_rules_t    rules;
    dg_token_cache_t   *cache;
    uint8_t            *memory;
} work_t;

static const char  claims[] =
    "{\"iss\":\"https://sso.example.com/realms/desks\",\"aud\":[\"deskgate\","
    "\"account\"],\"sub\":\"6d0c7f1e-5d2b-4a5e-9f8e-1f3b2c4d5e6f\","
    "\"exp\":1800000600,\"iat\":1799999900,\"jti\":\"trrtcc:0c1d-4e5f\","
    "\"typ\":\"Bearer\",\"azp\":\"desks-cli\",\"scope\":\"profile email\","
    "\"realm_access\":{\"roles\":[\"desks-user\",\"offline_access\"]},"
    "\"preferred_username\":\"alice\",\"email\":\"alice@example.com\"}";


static void
must(bool done)
{
    if (!done) {
        fprintf(stderr, "a call that is measured failed\n");
        exit(1);
    }
}


static void
plain(void *ctx)
{
    work_t      *work = ctx;
    EVP_MD_CTX  *md = EVP_MD_CTX_new();

    must(EVP_DigestVerifyInit_ex(md, NULL, "SHA256", NULL, NULL,
                                 work->key.pkey, NULL) == 1
         && EVP_DigestVerify(md, work->signature.data, work->signature.len,
                             work->jws.signing_input.data,
                             work->jws.signing_input.len) == 1);
    EVP_MD_CTX_free(md);
}


static void
cold(void *ctx)
{
    work_t       *work = ctx;
    dg_arena_t    arena;
    dg_caller_t   caller;

    dg_arena_init(&arena, work->memory, MEMORY);
    must(dg_token_verify(&work->rules, work->token, &arena, &caller, NULL)
         == DG_ALLOWED);
}


static void
cached(void *ctx)
{
    work_t          *work = ctx;
    dg_arena_t       arena;
    dg_caller_t      caller;
    dg_refusal_t     refusal;
    dg_token_key_t   key;

    dg_arena_init(&arena, work->memory, MEMORY);
    must(dg_token_key(work->cache, work->token, 1, DG_SPAN_EMPTY, &key)
         == DG_OK
         && dg_token_cache_find(work->cache, &key, NOW, &arena, &caller,
                                &refusal)
         && refusal == DG_ALLOWED);
}


static void
fill_cache(work_t *work)
{
    dg_arena_t      arena;
    dg_caller_t     caller;
    dg_token_key_t  key;

    work->cache = dg_token_cache_create(dg_crypto_create(NULL, NULL),
                                        DG_TOKEN_CACHE_BYTES);
    dg_arena_init(&arena, work->memory, MEMORY);
    must(work->cache != NULL
         && dg_token_verify(&work->rules, work->token, &arena, &caller, NULL)
            == DG_ALLOWED
         && dg_token_key(work->cache, work->token, 1, DG_SPAN_EMPTY, &key)
            == DG_OK);
    dg_token_cache_store(work->cache, &key, &caller, NOW);
}


/* OpenSSL wants DER where a token has r and s. */
static void
take_signature(work_t *work)
{
    uint8_t     *out = work->der;
    ECDSA_SIG   *sig;
    const int    size = (int) work->key.size;

    work->signature = work->jws.signature;

    if (size == 0) {
        return;
    }

    sig = ECDSA_SIG_new();
    must(ECDSA_SIG_set0(sig, BN_bin2bn(work->signature.data, size, NULL),
                        BN_bin2bn(work->signature.data + size, size, NULL))
         == 1);
    work->signature = dg_span(work->der, (size_t) i2d_ECDSA_SIG(sig, &out));
    ECDSA_SIG_free(sig);
}


static work_t *
setup(jwt_key_t key)
{
    char                    header[128];
    work_t                 *work = calloc(1, sizeof(*work));
    static const dg_span_t  audience = { (const uint8_t *) "deskgate", 8 };

    must(work != NULL);
    work->key = key;
    work->memory = malloc(MEMORY);
    snprintf(header, sizeof(header),
             "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"k1\"}", key.alg);
    work->token = jwt_sign(&key, header, dg_span_cstr(claims));
    must(dg_jwks_load(jwt_fresh(), jwt_set(&key, "\"kid\":\"k1\""),
                      &work->keys, NULL) == DG_OK);
    work->issuer = (dg_issuer_t) {
        .name = DG_SPAN("corp"),
        .url = DG_SPAN("https://sso.example.com/realms/desks"),
        .audiences = &audience, .audience_count = 1,
        .algorithms = DG_JWS_ANY_ALGORITHM,
        .account = DG_SPAN("111122223333"),
        .groups_claim = DG_SPAN("realm_access.roles")
    };
    must(dg_issuer_check_config(&work->issuer, NULL) == DG_OK);
    work->from = (dg_token_issuer_t) { &work->issuer, work->keys };
    work->rules = (dg_token_rules_t) { &work->from, 1, NOW, DG_SPAN_EMPTY };
    must(dg_jws_parse(jwt_fresh(), work->token, &work->jws) == DG_ALLOWED);
    take_signature(work);
    fill_cache(work);

    return work;
}


int
main(void)
{
    work_t  *work = setup(jwt_rsa("RS256", 2048));

    bench("openssl rs256 verify", plain, work);
    bench("token rs256 cold", cold, work);
    bench("token rs256 cached", cached, work);

    work = setup(jwt_ec("ES256"));
    bench("openssl es256 verify", plain, work);
    bench("token es256 cold", cold, work);
    bench("token es256 cached", cached, work);

    return 0;
}
