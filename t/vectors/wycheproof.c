/*
 * Judges the wycheproof collection (C2SP): JSON web signatures and keys, and
 * the signature and MAC primitives below them.
 *
 *     wycheproof VECTORS
 *
 * Public keys go through the key set loader and the verification that the
 * gateway uses.  The gateway has no HS256; those groups show what the parser
 * of tokens refuses, so their MAC is checked here, by dg_hmac, and every one
 * of their keys must be refused by the key set loader.  Prints no key.
 */

#define _POSIX_C_SOURCE  200809L

#include "dg_codec.h"
#include "dg_crypto.h"
#include "dg_jws.h"
#include "vectors.h"

#define SCRATCH      (4 * 1024 * 1024)
#define BYTES_MAX    65536
#define HMAC_KEY_MIN 32  /* RFC 7518 section 3.2 */

/* Where the collection leaves the answer open, or we are stricter. */
typedef struct {
    const char  *file;
    int          id;
    bool         accepted;
    const char  *reason;
} decision_t;

typedef struct {
    dg_arena_t        arena;    /* of one test */
    uint8_t          *scratch;
    dg_crypto_t      *crypto;
    const char       *file;
    const dg_json_t  *group;
    const dg_json_t  *test;
    int               passed;
    int               failed;
    int               decided;
} judge_t;

typedef bool (*accepts_pt)(judge_t *judge);

typedef struct {
    const char  *file;
    accepts_pt   accepts;
    unsigned     algorithm;  /* of the primitives */
} collection_t;

static const decision_t  decisions[] = {
    { "json_web_signature_test", 346, false,
      "the key is for PS256, the token says PS384" },
    { "json_web_signature_test", 347, false,
      "ES521 is no registered algorithm, so the key is for none" },
    { "json_web_signature_test", 367, true,
      "marked invalid, but its text equals a valid one" },
    { "json_web_signature_test", 372, false,
      "a character that is not base64url" },
    { "json_web_key_test", 14, false, "HS384 is not offered" },
    { "json_web_key_test", 15, false, "HS512 is not offered" },
    { NULL, 0, false, NULL }
};


static const dg_json_t *
member(const dg_json_t *object, const char *name)
{
    return dg_json_member(object, dg_span_cstr(name));
}


static dg_span_t
hex_member(judge_t *judge, const dg_json_t *object, const char *name)
{
    dg_span_t  text = member_text(object, name);
    uint8_t   *bytes = dg_arena_alloc(&judge->arena, text.len / 2 + 1);

    if (bytes == NULL || dg_hex_decode(text, bytes, text.len / 2) != DG_OK) {
        printf("# %s: hex expected in %s\n", judge->file, name);
        exit(1);
    }

    return dg_span(bytes, text.len / 2);
}


/* One key or a set, as the text of a set. */
static dg_span_t
set_text(judge_t *judge, const dg_json_t *keys)
{
    dg_writer_t  w = dg_writer(dg_arena_alloc(&judge->arena, BYTES_MAX),
                               BYTES_MAX);
    const bool   set = member(keys, "keys") != NULL;

    dg_write_cstr(&w, set ? "" : "{\"keys\":[");
    dg_json_write_tree(&w, keys);
    dg_write_cstr(&w, set ? "" : "]}");

    return dg_written(&w);
}


static dg_jwks_t *
load(judge_t *judge, dg_span_t text)
{
    dg_jwks_t  *set;

    return dg_jwks_load(&judge->arena, text, &set, NULL) == DG_OK ? set
                                                                  : NULL;
}


/* A token, or the JSON serialization as it would be sent. */
static dg_span_t
token_text(judge_t *judge)
{
    dg_writer_t       w;
    const dg_json_t  *token = member(judge->test, "jws");

    if (token == NULL) {
        token = member(judge->test, "jwe");
    }

    if (token->type == DG_JSON_STRING) {
        return token->text;
    }

    w = dg_writer(dg_arena_alloc(&judge->arena, BYTES_MAX), BYTES_MAX);
    dg_json_write_tree(&w, token);
    return dg_written(&w);
}


static bool
is_symmetric(const dg_json_t *key)
{
    return dg_span_equal(member_text(key, "kty"), DG_SPAN("oct"));
}


/* The key of the token among symmetric ones; NULL when one is not. */
static const dg_json_t *
symmetric_key(const dg_json_t *keys, dg_span_t kid)
{
    const dg_json_t  *key, *found = NULL;
    const dg_json_t  *list = member(keys, "keys");

    for (key = list ? list->first : keys; key != NULL;
         key = list ? key->next : NULL)
    {
        if (!is_symmetric(key)) {
            return NULL;
        }

        if (dg_span_equal(member_text(key, "kid"), kid)) {
            found = key;
        }
    }

    return found;
}


static bool
hs256_accepts(judge_t *judge, const dg_json_t *keys, const dg_jws_t *jws)
{
    uint8_t           secret[BYTES_MAX], mac[DG_SHA256_SIZE];
    dg_writer_t       w = dg_writer(secret, sizeof(secret));
    const dg_json_t  *key = symmetric_key(keys, jws->kid);

    if (key == NULL
        || !dg_span_equal(jws->algorithm_name, DG_SPAN("HS256"))
        || !dg_span_equal(member_text(key, "alg"), DG_SPAN("HS256"))
        || !dg_span_equal(member_text(key, "use"), DG_SPAN("sig"))
        || dg_base64url_decode(member_text(key, "k"), &w) != DG_OK
        || w.len < HMAC_KEY_MIN
        || dg_hmac_once(judge->crypto, dg_written(&w), jws->signing_input,
                        mac) != DG_OK)
    {
        return false;
    }

    return dg_equal_secret(jws->signature, dg_span(mac, sizeof(mac)));
}


static bool
shows_symmetric(const dg_json_t *keys)
{
    const dg_json_t  *key, *list = member(keys, "keys");

    for (key = list ? list->first : keys; key != NULL;
         key = list ? key->next : NULL)
    {
        if (is_symmetric(key)) {
            return true;
        }
    }

    return false;
}


/* Signature, key and crypto files: all of them hold tokens. */
static bool
token_accepts(judge_t *judge)
{
    bool              accepted;
    dg_jws_t          jws;
    dg_jwks_t        *set;
    dg_refusal_t      refusal;
    const dg_json_t  *keys = member(judge->group, "public");

    keys = keys ? keys : member(judge->group, "private");
    set = load(judge, set_text(judge, keys));
    refusal = dg_jws_parse(&judge->arena, token_text(judge), &jws);

    if (shows_symmetric(keys)) {
        if (set != NULL) {
            printf("# %s: a symmetric key was loaded\n", judge->file);
            exit(1);
        }

        return refusal == DG_ALLOWED && hs256_accepts(judge, keys, &jws);
    }

    accepted = set != NULL && refusal == DG_ALLOWED
               && dg_jws_verify(&jws, DG_JWS_ANY_ALGORITHM, set) == DG_ALLOWED;
    dg_jwks_release(set);

    return accepted;
}


static unsigned  primitive_algorithm;


/* A group without JWK has the point of a P-256 key in hex. */
static dg_span_t
point_text(judge_t *judge, const dg_json_t *key)
{
    dg_span_t    point = hex_member(judge, key, "uncompressed");
    dg_writer_t  w = dg_writer(dg_arena_alloc(&judge->arena, BYTES_MAX),
                               BYTES_MAX);

    dg_write_cstr(&w, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
                  "\"x\":\"");
    dg_write_base64url(&w, dg_span_slice(point, 1, 33));
    dg_write_cstr(&w, "\",\"y\":\"");
    dg_write_base64url(&w, dg_span_slice(point, 33, 65));
    dg_write_cstr(&w, "\"}]}");

    return dg_written(&w);
}


static dg_span_t
primitive_key(judge_t *judge)
{
    const dg_json_t  *jwk = member(judge->group, "publicKeyJwk");

    jwk = jwk ? jwk : member(judge->group, "keyJwk");

    return jwk ? set_text(judge, jwk)
               : point_text(judge, member(judge->group, "publicKey"));
}


static bool
signature_accepts(judge_t *judge)
{
    bool             accepted;
    dg_span_t        message, signature;
    dg_jwks_t       *set = load(judge, primitive_key(judge));
    const dg_jwk_t  *key;

    if (set == NULL) {
        return false;
    }

    key = dg_jwks_find(set, DG_SPAN_EMPTY, primitive_algorithm);
    message = hex_member(judge, judge->test, "msg");
    signature = hex_member(judge, judge->test, "sig");
    accepted = key != NULL && dg_jwk_verify(key, primitive_algorithm, message,
                                            signature) == DG_OK;
    dg_jwks_release(set);

    return accepted;
}


/* A MAC that was cut is shorter than ours, so it is never equal. */
static bool
hmac_accepts(judge_t *judge)
{
    bool        accepted;
    uint8_t     mac[DG_SHA256_SIZE];
    dg_hmac_t  *hmac = dg_hmac_create(judge->crypto,
                                      hex_member(judge, judge->test, "key"));

    accepted = hmac != NULL
               && dg_hmac(hmac, hex_member(judge, judge->test, "msg"), mac)
                  == DG_OK
               && dg_equal_secret(dg_span(mac, sizeof(mac)),
                                  hex_member(judge, judge->test, "tag"));
    dg_hmac_destroy(hmac);

    return accepted;
}


static const decision_t *
find_decision(const char *file, int64_t id)
{
    for (size_t i = 0; decisions[i].file != NULL; i++) {
        if (strcmp(decisions[i].file, file) == 0 && decisions[i].id == id) {
            return &decisions[i];
        }
    }

    return NULL;
}


/* Every byte of a token is base64url or a dot. */
static bool
is_plain_token(dg_span_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t  c = text.data[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
        {
            return false;
        }
    }

    return true;
}


/* What must come out: 1 accepted, 0 refused, -1 either. */
static int
expected(judge_t *judge, int64_t id)
{
    int64_t            bits = 0;
    const dg_json_t   *size = member(judge->group, "tagSize");
    const dg_span_t    result = member_text(judge->test, "result");
    const decision_t  *decision = find_decision(judge->file, id);

    if (decision != NULL) {
        judge->decided++;
        return decision->accepted;
    }

    /* JWE is not offered, whole MACs only, strict base64url */
    if (member(judge->test, "jwe") != NULL
        || (size != NULL && dg_json_to_i64(size->text, &bits) == DG_OK
            && bits != DG_SHA256_SIZE * 8)
        || (member(judge->test, "jws") != NULL
            && !is_plain_token(token_text(judge))))
    {
        judge->decided += dg_span_equal(result, DG_SPAN("valid"));
        return 0;
    }

    if (dg_span_equal(result, DG_SPAN("acceptable"))) {
        return -1;
    }

    return dg_span_equal(result, DG_SPAN("valid"));
}


static void
judge_test(judge_t *judge, accepts_pt accepts)
{
    int      want;
    bool     got;
    int64_t  id;

    dg_arena_init(&judge->arena, judge->scratch, SCRATCH);

    if (dg_json_to_i64(member(judge->test, "tcId")->text, &id) != DG_OK) {
        exit(1);
    }

    want = expected(judge, id);
    got = accepts(judge);

    if (want < 0 || want == (int) got) {
        judge->passed++;
        return;
    }

    judge->failed++;
    printf("# %s, test %lld: %s\n", judge->file, (long long) id,
           got ? "accepted, must be refused" : "refused, must be accepted");
}


static void
judge_groups(judge_t *judge, const dg_json_t *groups, accepts_pt accepts)
{
    const dg_json_t  *group, *test;

    for (group = groups->first; group != NULL; group = group->next) {
        judge->group = group;

        for (test = member(group, "tests")->first; test != NULL;
             test = test->next)
        {
            judge->test = test;
            judge_test(judge, accepts);
        }
    }
}


/* 1 when something failed. */
static int
judge_file(judge_t *judge, const collection_t *collection, const char *folder)
{
    char              name[VECTORS_PATH];
    dg_span_t         text;
    dg_diag_t         diag = { 0 };
    dg_arena_t        arena = arena_big();
    const dg_json_t  *root;

    judge->file = collection->file;
    judge->passed = judge->failed = judge->decided = 0;
    primitive_algorithm = collection->algorithm;
    snprintf(name, sizeof(name), "%s.json", collection->file);
    text = file_in(folder, name);

    if (text.data == NULL) {
        printf("wycheproof/%s: 0 passed, 0 failed, 0 skipped\n",
               collection->file);
        return 0;
    }

    if (dg_json_parse(&arena, text, NULL, &diag, &root) != DG_OK) {
        printf("wycheproof/%s: 0 passed, 1 failed, 0 skipped (line %u: %s)\n",
               collection->file, diag.line, diag.text);
        return 1;
    }

    judge_groups(judge, member(root, "testGroups"), collection->accepts);
    printf("wycheproof/%s: %d passed, %d failed, 0 skipped"
           " (%d decided otherwise than marked)\n", collection->file,
           judge->passed, judge->failed, judge->decided);

    return judge->failed > 0;
}


int
main(int argc, char **argv)
{
    static const collection_t  all[] = {
        { "json_web_signature_test", token_accepts, 0 },
        { "json_web_key_test", token_accepts, 0 },
        { "json_web_crypto_test", token_accepts, 0 },
        { "hmac_sha256_test", hmac_accepts, 0 },
        { "rsa_signature_2048_sha256_test", signature_accepts,
          DG_JWS_RS256 },
        { "rsa_pss_2048_sha256_mgf1_32_test", signature_accepts,
          DG_JWS_PS256 },
        { "ecdsa_secp256r1_sha256_p1363_test", signature_accepts,
          DG_JWS_ES256 },
        { "ed25519_test", signature_accepts, DG_JWS_EDDSA }
    };
    int                        status = 0;
    char                       folder[VECTORS_PATH];
    judge_t                    judge = { 0 };

    judge.scratch = malloc(SCRATCH);
    judge.crypto = dg_crypto_create(NULL, NULL);

    if (argc != 2 || judge.scratch == NULL || judge.crypto == NULL) {
        fputs("usage: wycheproof VECTORS\n", stderr);
        return 2;
    }

    path_join(folder, argv[1], "wycheproof");

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        status |= judge_file(&judge, &all[i], folder);
    }

    dg_crypto_destroy(judge.crypto);
    free(judge.scratch);

    return status;
}
