/*
 * Signing tokens: see dg_signer.h.
 */

#include "dg_signer.h"

#include "dg_codec.h"
#include "dg_crypto.h"
#include "dg_json.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <stdlib.h>
#include <string.h>

#define SIGNATURE_MAX    2048
#define COORDINATE       32     /* P-256 */
#define HEADER_MAX       4096
#define BROKER_LIFETIME  300    /* seconds */

struct dg_signer_s {
    EVP_PKEY  *pkey;
    EVP_MD    *sha256;
    unsigned   algorithm;
    int64_t    not_before;
    size_t     kid_len;
    uint8_t    kid[DG_JWK_ID_MAX];
};


/* A passphrase would have to be asked for. */
static int
no_passphrase(char *buf, int size, int rwflag, void *ctx)
{
    (void) buf;
    (void) size;
    (void) rwflag;
    (void) ctx;

    return -1;
}


static EVP_PKEY *
read_pem(dg_span_t pem)
{
    BIO       *bio = BIO_new_mem_buf(pem.data, (int) pem.len);
    EVP_PKEY  *pkey;

    if (bio == NULL) {
        return NULL;
    }

    pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();

    return pkey;
}


/* 0 for a key that is for nothing here. */
static unsigned
algorithm_of(EVP_PKEY *pkey)
{
    char    group[32];
    size_t  len;

    if (EVP_PKEY_is_a(pkey, "RSA")) {
        return EVP_PKEY_get_bits(pkey) >= DG_JWK_RSA_MIN ? DG_JWS_RS256 : 0;
    }

    if (EVP_PKEY_is_a(pkey, "EC")
        && EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) == 1
        && strcmp(group, "prime256v1") == 0)
    {
        return DG_JWS_ES256;
    }

    return 0;
}


dg_signer_t *
dg_signer_create(dg_span_t pem, dg_span_t kid, int64_t not_before,
    dg_diag_t *diag)
{
    dg_signer_t  *signer;

    if (kid.len == 0 || kid.len > DG_JWK_ID_MAX
        || pem.len > DG_SIGNER_PEM_MAX)
    {
        dg_diag(diag, DG_ERR_LIMIT, 0, 0, "a kid has 1 to %d bytes, a "
                "private key %d at most", DG_JWK_ID_MAX, DG_SIGNER_PEM_MAX);
        return NULL;
    }

    signer = calloc(1, sizeof(*signer));
    if (signer == NULL) {
        return NULL;
    }

    signer->pkey = read_pem(pem);
    signer->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    signer->algorithm = signer->pkey ? algorithm_of(signer->pkey) : 0;
    signer->not_before = not_before;
    signer->kid_len = kid.len;
    memcpy(signer->kid, kid.data, kid.len);

    if (signer->sha256 == NULL || signer->algorithm == 0) {
        dg_diag(diag, DG_ERR_INVALID, 0, 0, "there is no private key in PEM "
                "form without a passphrase, RSA of 2048 bits or more or "
                "P-256");
        dg_signer_destroy(signer);
        return NULL;
    }

    return signer;
}


void
dg_signer_destroy(dg_signer_t *signer)
{
    if (signer != NULL) {
        EVP_PKEY_free(signer->pkey);
        EVP_MD_free(signer->sha256);
        free(signer);
    }
}


unsigned
dg_signer_algorithm(const dg_signer_t *signer)
{
    return signer->algorithm;
}


dg_span_t
dg_signer_kid(const dg_signer_t *signer)
{
    return dg_span(signer->kid, signer->kid_len);
}


int64_t
dg_signer_not_before(const dg_signer_t *signer)
{
    return signer->not_before;
}


bool
dg_signer_same_key(const dg_signer_t *a, const dg_signer_t *b)
{
    return EVP_PKEY_eq(a->pkey, b->pkey) == 1;
}


const dg_signer_t *
dg_signer_choose(const dg_signer_t *const *signers, size_t count, int64_t now)
{
    const dg_signer_t  *best = NULL;

    for (size_t i = 0; i < count; i++) {
        if (signers[i]->not_before <= now
            && (best == NULL || signers[i]->not_before > best->not_before))
        {
            best = signers[i];
        }
    }

    return best;
}


/* A number of the public key as base64url; `size` 0: as short as it is. */
static bool
write_number(dg_writer_t *w, const char *name, EVP_PKEY *pkey,
    const char *param, int size)
{
    int      len;
    bool     good = false;
    BIGNUM  *number = NULL;
    uint8_t  bytes[SIGNATURE_MAX];

    if (EVP_PKEY_get_bn_param(pkey, param, &number) != 1) {
        return false;
    }

    len = size ? size : BN_num_bytes(number);

    if (len <= SIGNATURE_MAX && BN_bn2binpad(number, bytes, len) == len) {
        dg_write_char(w, ',');
        dg_json_write_name(w, name);
        dg_write_char(w, '"');
        dg_write_base64url(w, dg_span(bytes, (size_t) len));
        dg_write_char(w, '"');
        good = true;
    }

    BN_free(number);
    return good;
}


static bool
write_jwk(dg_writer_t *w, const dg_signer_t *signer)
{
    bool  good, rsa = signer->algorithm == DG_JWS_RS256;

    dg_write_cstr(w, rsa ? "{\"kty\":\"RSA\"" : "{\"kty\":\"EC\"");
    dg_write_cstr(w, ",\"use\":\"sig\",\"alg\":\"");
    dg_write_cstr(w, dg_jws_algorithm_name(signer->algorithm));
    dg_write_cstr(w, "\",\"kid\":");
    dg_json_write_string(w, dg_signer_kid(signer));

    if (rsa) {
        good = write_number(w, "n", signer->pkey, OSSL_PKEY_PARAM_RSA_N, 0)
               && write_number(w, "e", signer->pkey, OSSL_PKEY_PARAM_RSA_E,
                               0);

    } else {
        dg_write_cstr(w, ",\"crv\":\"P-256\"");
        good = write_number(w, "x", signer->pkey, OSSL_PKEY_PARAM_EC_PUB_X,
                            COORDINATE)
               && write_number(w, "y", signer->pkey,
                               OSSL_PKEY_PARAM_EC_PUB_Y, COORDINATE);
    }

    dg_write_char(w, '}');
    return good;
}


dg_err_t
dg_signer_write_jwks(dg_writer_t *w, const dg_signer_t *const *signers,
    size_t count)
{
    dg_write_cstr(w, "{\"keys\":[");

    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            dg_write_char(w, ',');
        }

        if (!write_jwk(w, signers[i])) {
            return DG_ERR_CRYPTO;
        }
    }

    dg_write_cstr(w, "]}\n");

    return w->overflow ? DG_ERR_LIMIT : DG_OK;
}


/* OpenSSL's form of an ECDSA signature to that of RFC 7518 section 3.4. */
static bool
der_to_raw(const uint8_t *der, size_t len, uint8_t raw[2 * COORDINATE])
{
    bool        good;
    ECDSA_SIG  *sig = d2i_ECDSA_SIG(NULL, &der, (long) len);

    if (sig == NULL) {
        return false;
    }

    good = BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, COORDINATE) == COORDINATE
           && BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + COORDINATE,
                           COORDINATE) == COORDINATE;
    ECDSA_SIG_free(sig);

    return good;
}


static dg_err_t
write_signature(dg_writer_t *w, const dg_signer_t *signer, dg_span_t text)
{
    bool         good;
    size_t       len = SIGNATURE_MAX;
    uint8_t      signature[SIGNATURE_MAX], raw[2 * COORDINATE];
    dg_span_t    form;
    EVP_MD_CTX  *md = EVP_MD_CTX_new();

    good = md != NULL
           && EVP_DigestSignInit_ex(md, NULL, "SHA256", NULL, NULL,
                                    signer->pkey, NULL) == 1
           && EVP_DigestSign(md, signature, &len, text.data, text.len) == 1;
    EVP_MD_CTX_free(md);

    form = dg_span(signature, len);

    if (good && signer->algorithm == DG_JWS_ES256) {
        good = der_to_raw(signature, len, raw);
        form = dg_span(raw, sizeof(raw));
    }

    if (!good) {
        ERR_clear_error();
        return DG_ERR_CRYPTO;
    }

    dg_write_char(w, '.');
    dg_write_base64url(w, form);

    return w->overflow ? DG_ERR_LIMIT : DG_OK;
}


dg_err_t
dg_jwt_sign(dg_writer_t *w, const dg_signer_t *signer, dg_span_t typ,
    dg_span_t claims)
{
    size_t       from = w->len;
    uint8_t      header[HEADER_MAX];
    dg_writer_t  h = dg_writer(header, sizeof(header));

    dg_write_cstr(&h, "{\"alg\":\"");
    dg_write_cstr(&h, dg_jws_algorithm_name(signer->algorithm));
    dg_write_cstr(&h, "\",\"typ\":");
    dg_json_write_string(&h, typ);
    dg_write_cstr(&h, ",\"kid\":");
    dg_json_write_string(&h, dg_signer_kid(signer));
    dg_write_char(&h, '}');

    dg_write_base64url(w, dg_written(&h));
    dg_write_char(w, '.');
    dg_write_base64url(w, claims);

    if (h.overflow || w->overflow) {
        return DG_ERR_LIMIT;
    }

    return write_signature(w, signer, dg_span(w->data + from,
                                              w->len - from));
}


static void
write_text(dg_writer_t *w, const char *name, dg_span_t value)
{
    if (w->len && w->data[w->len - 1] != '{') {
        dg_write_char(w, ',');
    }

    dg_json_write_name(w, name);
    dg_json_write_string(w, value);
}


static void
write_time(dg_writer_t *w, const char *name, int64_t value)
{
    dg_write_char(w, ',');
    dg_json_write_name(w, name);
    dg_write_i64(w, value);
}


/* What both families have; returns exp. */
static int64_t
write_common(dg_writer_t *w, const dg_signer_claims_t *c, int64_t lifetime)
{
    int64_t  end = c->now + lifetime, last = c->caller->expires_at;

    if (last != 0 && last < end) {
        end = last;
    }

    dg_write_char(w, '{');
    write_text(w, "iss", c->issuer);
    write_text(w, "sub", c->caller->arn);
    write_text(w, "client_id", c->client_id);
    write_text(w, "jti", c->jti);
    write_time(w, "iat", c->now);
    write_time(w, "exp", end);

    return end > c->now ? end : 0;
}


static void
write_attributes(dg_writer_t *w, const dg_caller_t *caller)
{
    if (caller->group_count) {
        dg_write_cstr(w, ",\"groups\":");

        for (size_t i = 0; i < caller->group_count; i++) {
            dg_write_char(w, i ? ',' : '[');
            dg_json_write_string(w, caller->groups[i]);
        }

        dg_write_char(w, ']');
    }

    if (caller->tag_count) {
        dg_write_cstr(w, ",\"tags\":");

        for (size_t i = 0; i < caller->tag_count; i++) {
            dg_write_char(w, i ? ',' : '{');
            dg_json_write_string(w, caller->tags[i].name);
            dg_write_char(w, ':');
            dg_json_write_string(w, caller->tags[i].value);
        }

        dg_write_char(w, '}');
    }
}


int64_t
dg_signer_write_caller(dg_writer_t *w, const dg_signer_claims_t *c)
{
    int64_t  end = write_common(w, c, c->lifetime);

    write_text(w, "aud", c->audience);
    write_text(w, "deskgate_source",
               c->caller->kind == DG_CALLER_VENDED ? DG_SPAN("vended")
               : c->caller->kind == DG_CALLER_KEY ? DG_SPAN("key")
               : DG_SPAN("token"));
    if (c->caller->dcv_user.len) {
        write_text(w, "dcv_user", c->caller->dcv_user);
    }

    write_attributes(w, c->caller);
    dg_write_char(w, '}');

    return end;
}


int64_t
dg_signer_write_broker(dg_writer_t *w, const dg_signer_claims_t *c)
{
    int64_t  end = write_common(w, c, c->lifetime < BROKER_LIFETIME
                                      ? c->lifetime : BROKER_LIFETIME);

    if (c->audience.len) {
        write_text(w, "aud", c->audience);
    }

    write_text(w, "token_use", DG_SPAN("access"));
    write_text(w, "scope", c->scope);
    dg_write_char(w, '}');

    return end;
}
