/*
 * A JSON Web Key as an OpenSSL key, and verification with it: see dg_jwks.h.
 * Algorithms are bound to kty and crv by one table (RFC 7518 section 3.1).
 */

#include "dg_jwk.h"
#include "dg_codec.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <stdlib.h>
#include <string.h>

#define RSA_BYTES_MAX       (DG_JWK_RSA_MAX / 8)
#define RSA_EXPONENT_BITS   64
#define EC_COORDINATE_MAX   66  /* P-521 */
#define ECDSA_DER_MAX       (2 * (EC_COORDINATE_MAX + 1 + 4) + 4)
#define ED25519_KEY_SIZE    32
#define ED25519_SIG_SIZE    64
#define HASH_SIZE_MAX       64
#define NO_HASH             DG_JWK_HASHES
#define RSA_ALGORITHMS      (DG_JWS_RS256 | DG_JWS_RS384 | DG_JWS_RS512       \
                             | DG_JWS_PS256 | DG_JWS_PS384 | DG_JWS_PS512)

typedef struct {
    const char  *name;
    unsigned     hash;
    int          padding;     /* RSA only */
    size_t       coordinate;  /* ECDSA only, bytes of r and of s */
} algorithm_t;

typedef struct {
    const char  *name;
    const char  *group;
    size_t       coordinate;
    unsigned     algorithm;
} curve_t;


/* in the order of the bits */
static const algorithm_t  algorithms[DG_JWS_ALGORITHMS] = {
    { "RS256", 0, RSA_PKCS1_PADDING, 0 },
    { "RS384", 1, RSA_PKCS1_PADDING, 0 },
    { "RS512", 2, RSA_PKCS1_PADDING, 0 },
    { "PS256", 0, RSA_PKCS1_PSS_PADDING, 0 },
    { "PS384", 1, RSA_PKCS1_PSS_PADDING, 0 },
    { "PS512", 2, RSA_PKCS1_PSS_PADDING, 0 },
    { "ES256", 0, 0, 32 },
    { "ES384", 1, 0, 48 },
    { "ES512", 2, 0, 66 },
    { "EdDSA", NO_HASH, 0, 0 }
};

static const curve_t  curves[] = {
    { "P-256", "P-256", 32, DG_JWS_ES256 },
    { "P-384", "P-384", 48, DG_JWS_ES384 },
    { "P-521", "P-521", 66, DG_JWS_ES512 }
};

/* the moduli of the ROCA fingerprint (CVE-2017-15361) */
static const uint8_t  roca_primes[] = {
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71,
    73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151,
    157, 163, 167
};


static unsigned
algorithm_index(unsigned algorithm)
{
    for (unsigned i = 0; i < DG_JWS_ALGORITHMS; i++) {
        if (algorithm == 1u << i) {
            return i;
        }
    }

    return DG_JWS_ALGORITHMS;
}


unsigned
dg_jws_algorithm(dg_span_t name)
{
    for (unsigned i = 0; i < DG_JWS_ALGORITHMS; i++) {
        if (dg_span_equal(name, dg_span_cstr(algorithms[i].name))) {
            return 1u << i;
        }
    }

    return dg_span_equal(name, DG_SPAN("Ed25519")) ? DG_JWS_EDDSA : 0;
}


const char *
dg_jws_algorithm_name(unsigned algorithm)
{
    unsigned  i = algorithm_index(algorithm);

    return i < DG_JWS_ALGORITHMS ? algorithms[i].name : NULL;
}


static dg_err_t
fail(const char **reason, dg_err_t err, const char *text)
{
    *reason = text;
    return err;
}


/* A member that is base64url text of 1 to cap bytes. */
static bool
decode_member(const dg_json_t *object, dg_span_t name, uint8_t *out,
    size_t cap, size_t *len)
{
    dg_span_t    text;
    dg_writer_t  w = dg_writer(out, cap);

    if (!dg_json_string(object, name, &text)
        || dg_base64url_decode(text, &w) != DG_OK)
    {
        return false;
    }

    *len = w.len;
    return w.len > 0;
}


static bool
in_subgroup(unsigned long residue, unsigned prime)
{
    unsigned  power = 1;

    do {
        if (residue == power) {
            return true;
        }

        power = power * (65537 % prime) % prime;

    } while (power != 1);

    return false;
}


/* Factors of the ROCA generator are 65537^a mod M, so the modulus is too. */
static bool
has_roca_fingerprint(const BIGNUM *n)
{
    for (size_t i = 0; i < sizeof(roca_primes); i++) {
        if (!in_subgroup(BN_mod_word(n, roca_primes[i]), roca_primes[i])) {
            return false;
        }
    }

    return true;
}


static bool
has_small_factor(const BIGNUM *n)
{
    for (size_t i = 0; i < sizeof(roca_primes); i++) {
        if (BN_mod_word(n, roca_primes[i]) == 0) {
            return true;
        }
    }

    return !BN_is_odd(n);
}


static dg_err_t
check_rsa(const BIGNUM *n, const BIGNUM *e, const char **reason)
{
    int  bits = BN_num_bits(n);

    if (bits < DG_JWK_RSA_MIN) {
        return fail(reason, DG_ERR_INVALID, "RSA key below 2048 bits");
    }

    if (bits > DG_JWK_RSA_MAX) {
        return fail(reason, DG_ERR_INVALID, "RSA key above 16384 bits");
    }

    if (!BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) > RSA_EXPONENT_BITS) {
        return fail(reason, DG_ERR_INVALID,
                    "RSA exponent is even, 1, or above 64 bits");
    }

    if (has_small_factor(n)) {
        return fail(reason, DG_ERR_INVALID, "RSA modulus has a small factor");
    }

    if (has_roca_fingerprint(n)) {
        return fail(reason, DG_ERR_INVALID,
                    "RSA key of a broken generator (CVE-2017-15361)");
    }

    return DG_OK;
}


static EVP_PKEY *
key_from_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY      *pkey = NULL;
    EVP_PKEY_CTX  *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

    if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) != 1
        || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
    {
        pkey = NULL;
    }

    EVP_PKEY_CTX_free(ctx);
    return pkey;
}


static EVP_PKEY *
rsa_key(const BIGNUM *n, const BIGNUM *e)
{
    EVP_PKEY        *pkey;
    OSSL_PARAM      *params = NULL;
    OSSL_PARAM_BLD  *build = OSSL_PARAM_BLD_new();

    if (build != NULL
        && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1
        && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
    {
        params = OSSL_PARAM_BLD_to_param(build);
    }

    pkey = key_from_params("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);

    return pkey;
}


static dg_err_t
make_rsa(dg_jwk_t *key, const dg_json_t *object, const char **reason)
{
    uint8_t   n_bytes[RSA_BYTES_MAX + 1], e_bytes[RSA_EXPONENT_BITS / 8 + 1];
    size_t    n_len, e_len;
    BIGNUM   *n, *e;
    dg_err_t  err;

    if (!decode_member(object, DG_SPAN("n"), n_bytes, sizeof(n_bytes), &n_len)
        || !decode_member(object, DG_SPAN("e"), e_bytes, sizeof(e_bytes),
                          &e_len))
    {
        return fail(reason, DG_ERR_INVALID,
                    "n or e is absent, too long, or not base64url");
    }

    n = BN_bin2bn(n_bytes, (int) n_len, NULL);
    e = BN_bin2bn(e_bytes, (int) e_len, NULL);
    err = n && e ? check_rsa(n, e, reason) : DG_ERR_MEMORY;

    if (err == DG_OK) {
        key->pkey = rsa_key(n, e);
        key->algorithms = RSA_ALGORITHMS;
        err = key->pkey ? DG_OK : DG_ERR_INVALID;
    }

    BN_free(n);
    BN_free(e);
    return err;
}


static const curve_t *
find_curve(const dg_json_t *object)
{
    dg_span_t  name;

    if (!dg_json_string(object, DG_SPAN("crv"), &name)) {
        return NULL;
    }

    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (dg_span_equal(name, dg_span_cstr(curves[i].name))) {
            return &curves[i];
        }
    }

    return NULL;
}


static EVP_PKEY *
ec_key(const curve_t *curve, uint8_t *point, size_t len)
{
    char           group[sizeof("P-521")];
    EVP_PKEY      *pkey;
    OSSL_PARAM     params[3];
    EVP_PKEY_CTX  *check;

    memcpy(group, curve->group, sizeof(group));
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                                 group, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                                  point, len);
    params[2] = OSSL_PARAM_construct_end();
    pkey = key_from_params("EC", params);

    if (pkey == NULL) {
        return NULL;
    }

    check = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

    if (check == NULL || EVP_PKEY_public_check(check) != 1) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }

    EVP_PKEY_CTX_free(check);
    return pkey;
}


static dg_err_t
make_ec(dg_jwk_t *key, const dg_json_t *object, const char **reason)
{
    size_t          x_len, y_len;
    uint8_t         point[1 + 2 * EC_COORDINATE_MAX];
    const curve_t  *curve = find_curve(object);

    if (curve == NULL) {
        return fail(reason, DG_ERR_UNSUPPORTED,
                    "curve is none of P-256, P-384, P-521");
    }

    /* RFC 7518 section 6.2.1.2: the full size, leading zeroes included */
    if (!decode_member(object, DG_SPAN("x"), point + 1, curve->coordinate,
                       &x_len)
        || !decode_member(object, DG_SPAN("y"), point + 1 + curve->coordinate,
                          curve->coordinate, &y_len)
        || x_len != curve->coordinate || y_len != curve->coordinate)
    {
        return fail(reason, DG_ERR_INVALID,
                    "x or y is absent or not of the curve's size");
    }

    point[0] = POINT_CONVERSION_UNCOMPRESSED;
    key->pkey = ec_key(curve, point, 1 + 2 * curve->coordinate);
    key->algorithms = curve->algorithm;

    return key->pkey ? DG_OK
                     : fail(reason, DG_ERR_INVALID,
                            "point is not on its curve");
}


static dg_err_t
make_okp(dg_jwk_t *key, const dg_json_t *object, const char **reason)
{
    size_t     len;
    uint8_t    x[ED25519_KEY_SIZE];
    dg_span_t  crv;

    if (!dg_json_string(object, DG_SPAN("crv"), &crv)
        || !dg_span_equal(crv, DG_SPAN("Ed25519")))
    {
        return fail(reason, DG_ERR_UNSUPPORTED, "curve is not Ed25519");
    }

    if (!decode_member(object, DG_SPAN("x"), x, sizeof(x), &len)
        || len != sizeof(x))
    {
        return fail(reason, DG_ERR_INVALID, "x is not 32 bytes of base64url");
    }

    key->pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x, len);
    key->algorithms = DG_JWS_EDDSA;

    return key->pkey ? DG_OK : DG_ERR_INVALID;
}


static bool
lists_verify(const dg_json_t *operations)
{
    const dg_json_t  *item;

    if (operations->type != DG_JSON_ARRAY) {
        return false;
    }

    for (item = operations->first; item != NULL; item = item->next) {
        if (item->type == DG_JSON_STRING
            && dg_span_equal(item->text, DG_SPAN("verify")))
        {
            return true;
        }
    }

    return false;
}


static bool
is_for_signatures(const dg_json_t *object)
{
    const dg_json_t  *use = dg_json_member(object, DG_SPAN("use"));
    const dg_json_t  *ops = dg_json_member(object, DG_SPAN("key_ops"));

    return (use == NULL || (use->type == DG_JSON_STRING
                            && dg_span_equal(use->text, DG_SPAN("sig"))))
           && (ops == NULL || lists_verify(ops));
}


/* `alg` narrows what kty and crv allow. */
static dg_err_t
bind_algorithm(dg_jwk_t *key, const dg_json_t *object, const char **reason)
{
    const dg_json_t  *alg = dg_json_member(object, DG_SPAN("alg"));

    if (alg == NULL) {
        return DG_OK;
    }

    key->algorithms &= alg->type == DG_JSON_STRING
                       ? dg_jws_algorithm(alg->text) : 0;

    return key->algorithms ? DG_OK
                           : fail(reason, DG_ERR_UNSUPPORTED,
                                  "alg is not a signature algorithm of"
                                  " the key's type");
}


static dg_err_t
take_id(dg_jwk_t *key, const dg_json_t *object, const char **reason)
{
    const dg_json_t  *kid = dg_json_member(object, DG_SPAN("kid"));

    if (kid == NULL) {
        return DG_OK;
    }

    if (kid->type != DG_JSON_STRING || kid->text.len > DG_JWK_ID_MAX) {
        return fail(reason, DG_ERR_INVALID,
                    "kid is not a string of at most 512 bytes");
    }

    key->id = malloc(kid->text.len + 1);

    if (key->id == NULL) {
        return DG_ERR_MEMORY;
    }

    memcpy(key->id, kid->text.data, kid->text.len);
    key->id[kid->text.len] = '\0';
    key->id_len = kid->text.len;

    return DG_OK;
}


static EVP_PKEY_CTX *
verifier(const dg_jwk_t *key, const algorithm_t *algorithm)
{
    EVP_PKEY_CTX  *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    bool           pss = algorithm->padding == RSA_PKCS1_PSS_PADDING;

    /* RFC 7518 section 3.5: the salt is as long as the hash */
    if (ctx == NULL || EVP_PKEY_verify_init(ctx) != 1
        || (algorithm->padding
            && EVP_PKEY_CTX_set_rsa_padding(ctx, algorithm->padding) != 1)
        || EVP_PKEY_CTX_set_signature_md(ctx,
                                  key->tools->hash[algorithm->hash]) != 1
        || (pss && EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx,
                                               RSA_PSS_SALTLEN_DIGEST) != 1))
    {
        EVP_PKEY_CTX_free(ctx);
        return NULL;
    }

    return ctx;
}


static dg_err_t
make_contexts(dg_jwk_t *key)
{
    for (unsigned i = 0; i < DG_JWS_ALGORITHMS; i++) {
        if (!(key->algorithms & 1u << i) || algorithms[i].hash == NO_HASH) {
            continue;
        }

        key->contexts[i] = verifier(key, &algorithms[i]);

        if (key->contexts[i] == NULL) {
            return DG_ERR_CRYPTO;
        }
    }

    return DG_OK;
}


static dg_err_t
make_by_type(dg_jwk_t *key, const dg_json_t *object, const char **reason)
{
    dg_span_t  kty;

    if (!dg_json_string(object, DG_SPAN("kty"), &kty)) {
        return fail(reason, DG_ERR_INVALID, "kty is absent");
    }

    if (dg_span_equal(kty, DG_SPAN("RSA"))) {
        return make_rsa(key, object, reason);
    }

    if (dg_span_equal(kty, DG_SPAN("EC"))) {
        return make_ec(key, object, reason);
    }

    if (dg_span_equal(kty, DG_SPAN("OKP"))) {
        return make_okp(key, object, reason);
    }

    return fail(reason, DG_ERR_UNSUPPORTED, "kty is none of RSA, EC, OKP");
}


dg_err_t
dg_jwk_make(dg_jwk_t *key, const dg_json_t *object, const char **reason)
{
    dg_err_t  err;

    *reason = "OpenSSL did not accept it";

    if (!is_for_signatures(object)) {
        return fail(reason, DG_ERR_UNSUPPORTED,
                    "use or key_ops is not for verification");
    }

    err = make_by_type(key, object, reason);

    if (err == DG_OK) {
        err = bind_algorithm(key, object, reason);
    }

    if (err == DG_OK) {
        err = take_id(key, object, reason);
    }

    return err == DG_OK ? make_contexts(key) : err;
}


void
dg_jwk_free(dg_jwk_t *key)
{
    for (unsigned i = 0; i < DG_JWS_ALGORITHMS; i++) {
        EVP_PKEY_CTX_free(key->contexts[i]);
    }

    EVP_PKEY_free(key->pkey);
    free(key->id);
    *key = (dg_jwk_t) { 0 };
}


dg_span_t
dg_jwk_id(const dg_jwk_t *key)
{
    return key->id ? dg_span(key->id, key->id_len) : DG_SPAN_EMPTY;
}


unsigned
dg_jwk_algorithms(const dg_jwk_t *key)
{
    return key->algorithms;
}


static bool
verify_eddsa(const dg_jwk_t *key, dg_span_t message, dg_span_t signature)
{
    EVP_MD_CTX  *md = key->tools->md;

    return signature.len == ED25519_SIG_SIZE
           && EVP_DigestVerifyInit_ex(md, NULL, NULL, NULL, NULL, key->pkey,
                                      NULL) == 1
           && EVP_DigestVerify(md, signature.data, signature.len,
                               message.data, message.len) == 1;
}


/* r || s of RFC 7518 section 3.4 as the DER that OpenSSL wants. */
static size_t
ecdsa_der(dg_span_t signature, size_t coordinate, uint8_t out[ECDSA_DER_MAX])
{
    int         len = 0;
    BIGNUM     *r, *s;
    ECDSA_SIG  *sig;

    if (signature.len != 2 * coordinate) {
        return 0;
    }

    sig = ECDSA_SIG_new();
    r = BN_bin2bn(signature.data, (int) coordinate, NULL);
    s = BN_bin2bn(signature.data + coordinate, (int) coordinate, NULL);

    if (sig == NULL || r == NULL || s == NULL
        || ECDSA_SIG_set0(sig, r, s) != 1)
    {
        BN_free(r);
        BN_free(s);

    } else {
        len = i2d_ECDSA_SIG(sig, &out);
    }

    ECDSA_SIG_free(sig);
    return len > 0 ? (size_t) len : 0;
}


static bool
verify_hashed(const dg_jwk_t *key, unsigned index, dg_span_t message,
    dg_span_t signature)
{
    uint8_t             hash[HASH_SIZE_MAX], der[ECDSA_DER_MAX];
    unsigned            hash_len;
    EVP_MD_CTX         *md = key->tools->md;
    const algorithm_t  *algorithm = &algorithms[index];

    if (algorithm->coordinate) {
        signature = dg_span(der, ecdsa_der(signature, algorithm->coordinate,
                                           der));
    }

    return signature.len > 0
           && EVP_DigestInit_ex2(md, key->tools->hash[algorithm->hash],
                                 NULL) == 1
           && EVP_DigestUpdate(md, message.data, message.len) == 1
           && EVP_DigestFinal_ex(md, hash, &hash_len) == 1
           && EVP_PKEY_verify(key->contexts[index], signature.data,
                              signature.len, hash, hash_len) == 1;
}


dg_err_t
dg_jwk_verify(const dg_jwk_t *key, unsigned algorithm, dg_span_t message,
    dg_span_t signature)
{
    bool      good;
    unsigned  index = algorithm_index(algorithm);

    if (index == DG_JWS_ALGORITHMS || !(key->algorithms & algorithm)) {
        return DG_ERR_UNSUPPORTED;
    }

    good = algorithms[index].hash == NO_HASH
           ? verify_eddsa(key, message, signature)
           : verify_hashed(key, index, message, signature);

    if (!good) {
        /* a queue that nobody reads would grow with every bad token */
        ERR_clear_error();
        return DG_ERR_MISMATCH;
    }

    return DG_OK;
}
