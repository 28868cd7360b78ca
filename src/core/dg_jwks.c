/*
 * JSON Web Key sets: see dg_jwks.h.  Refuses a set that shows a secret or
 * names two keys alike; leaves out the keys that it cannot or should not use.
 */

#include "dg_jwk.h"

#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>

#define JSON_DEPTH_MAX    16
#define JSON_VALUES_MAX   (DG_JWKS_KEYS_MAX * 64)
#define JSON_MEMBERS_MAX  64

struct dg_jwks_s {
    dg_jwk_tools_t  tools;
    size_t          count;
    size_t          left_out;
    dg_jwk_t        keys[];
};


static const dg_json_limits_t  limits = {
    JSON_DEPTH_MAX, DG_JWKS_TEXT_MAX, DG_JWKS_TEXT_MAX, JSON_VALUES_MAX,
    JSON_MEMBERS_MAX
};

/* private members of RFC 7518 section 6, RFC 8037, and of ML-DSA keys */
static const char *const  secret_members[] = {
    "d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"
};


static bool
shows_secret(const dg_json_t *key)
{
    dg_span_t     kty;
    const size_t  n = sizeof(secret_members) / sizeof(secret_members[0]);

    for (size_t i = 0; i < n; i++) {
        if (dg_json_member(key, dg_span_cstr(secret_members[i])) != NULL) {
            return true;
        }
    }

    return dg_json_string(key, DG_SPAN("kty"), &kty)
           && dg_span_equal(kty, DG_SPAN("oct"));
}


static dg_err_t
check_form(const dg_json_t *root, const dg_json_t **keys, dg_diag_t *diag)
{
    const dg_json_t  *key;

    *keys = dg_json_member(root, DG_SPAN("keys"));

    if (*keys == NULL || (*keys)->type != DG_JSON_ARRAY) {
        return dg_diag(diag, DG_ERR_MISSING, root->line, root->column,
                       "a key set is an object with an array \"keys\"");
    }

    if ((*keys)->count > DG_JWKS_KEYS_MAX) {
        return dg_diag(diag, DG_ERR_LIMIT, (*keys)->line, (*keys)->column,
                       "a key set holds at most %d keys", DG_JWKS_KEYS_MAX);
    }

    for (key = (*keys)->first; key != NULL; key = key->next) {
        if (key->type != DG_JSON_OBJECT) {
            return dg_diag(diag, DG_ERR_INVALID, key->line, key->column,
                           "a key is an object, not %s",
                           dg_json_type_name(key->type));
        }

        if (shows_secret(key)) {
            return dg_diag(diag, DG_ERR_INVALID, key->line, key->column,
                           "the key set holds a private or symmetric key;"
                           " publish public keys only, and replace this key");
        }
    }

    return DG_OK;
}


static dg_err_t
get_tools(dg_jwk_tools_t *tools)
{
    static const char *const  names[DG_JWK_HASHES] = {
        "SHA256", "SHA384", "SHA512"
    };

    for (unsigned i = 0; i < DG_JWK_HASHES; i++) {
        tools->hash[i] = EVP_MD_fetch(NULL, names[i], NULL);

        if (tools->hash[i] == NULL) {
            return DG_ERR_CRYPTO;
        }
    }

    tools->md = EVP_MD_CTX_new();
    return tools->md ? DG_OK : DG_ERR_MEMORY;
}


static bool
is_ambiguous(const dg_jwks_t *set, const dg_jwk_t *key)
{
    for (size_t i = 0; i < set->count; i++) {
        const dg_jwk_t  *other = &set->keys[i];

        if (key->id != NULL && other->id != NULL
            && (key->algorithms & other->algorithms)
            && dg_span_equal(dg_jwk_id(key), dg_jwk_id(other)))
        {
            return true;
        }
    }

    return false;
}


static dg_err_t
add_key(dg_jwks_t *set, const dg_json_t *object, dg_diag_t *diag)
{
    dg_err_t     err;
    dg_jwk_t    *key = &set->keys[set->count];
    const char  *reason;

    key->tools = &set->tools;
    err = dg_jwk_make(key, object, &reason);

    if (err == DG_OK && is_ambiguous(set, key)) {
        dg_jwk_free(key);
        return dg_diag(diag, DG_ERR_INVALID, object->line, object->column,
                       "two keys have the same kid and algorithm");
    }

    if (err == DG_OK) {
        set->count++;
        return DG_OK;
    }

    dg_jwk_free(key);
    ERR_clear_error();

    if (err != DG_ERR_INVALID && err != DG_ERR_UNSUPPORTED) {
        return dg_diag(diag, err, object->line, object->column,
                       "key not loaded: %s", dg_err_text(err));
    }

    if (set->left_out++ == 0) {
        (void) dg_diag(diag, err, object->line, object->column,
                       "key left out: %s", reason);
    }

    return DG_OK;
}


static dg_err_t
fill(dg_jwks_t *set, const dg_json_t *keys, dg_diag_t *diag)
{
    dg_err_t          err = get_tools(&set->tools);
    const dg_json_t  *key;

    if (err != DG_OK) {
        return dg_diag(diag, err, 0, 0, "OpenSSL offers no SHA-2");
    }

    for (key = keys->first; key != NULL; key = key->next) {
        err = add_key(set, key, diag);

        if (err != DG_OK) {
            return err;
        }
    }

    if (set->count > 0) {
        return DG_OK;
    }

    return set->left_out
           ? DG_ERR_MISSING
           : dg_diag(diag, DG_ERR_MISSING, keys->line, keys->column,
                     "the key set is empty");
}


dg_err_t
dg_jwks_load(dg_arena_t *scratch, dg_span_t text, dg_jwks_t **set,
    dg_diag_t *diag)
{
    dg_err_t          err;
    const dg_json_t  *root, *keys;

    *set = NULL;
    err = dg_json_parse(scratch, text, &limits, diag, &root);

    if (err == DG_OK) {
        err = check_form(root, &keys, diag);
    }

    if (err != DG_OK) {
        return err;
    }

    /* one more than there are keys: add_key() makes the next in its place */
    *set = calloc(1, sizeof(**set) + (keys->count + 1) * sizeof(dg_jwk_t));

    if (*set == NULL) {
        return dg_diag(diag, DG_ERR_MEMORY, 0, 0, "out of memory");
    }

    err = fill(*set, keys, diag);

    if (err != DG_OK) {
        dg_jwks_release(*set);
        *set = NULL;
    }

    return err;
}


void
dg_jwks_release(dg_jwks_t *set)
{
    if (set == NULL) {
        return;
    }

    for (size_t i = 0; i < set->count; i++) {
        dg_jwk_free(&set->keys[i]);
    }

    for (unsigned i = 0; i < DG_JWK_HASHES; i++) {
        EVP_MD_free(set->tools.hash[i]);
    }

    EVP_MD_CTX_free(set->tools.md);
    free(set);
}


size_t
dg_jwks_count(const dg_jwks_t *set)
{
    return set->count;
}


size_t
dg_jwks_left_out(const dg_jwks_t *set)
{
    return set->left_out;
}


static bool
has_id(const dg_jwk_t *key, dg_span_t kid)
{
    return key->id != NULL && dg_span_equal(dg_jwk_id(key), kid);
}


static const dg_jwk_t *
find_only(const dg_jwks_t *set, unsigned algorithm)
{
    const dg_jwk_t  *only = NULL;

    for (size_t i = 0; i < set->count; i++) {
        if (!(set->keys[i].algorithms & algorithm)) {
            continue;
        }

        if (only != NULL) {
            return NULL;
        }

        only = &set->keys[i];
    }

    return only;
}


const dg_jwk_t *
dg_jwks_find(const dg_jwks_t *set, dg_span_t kid, unsigned algorithm)
{
    if (kid.data == NULL) {
        return find_only(set, algorithm);
    }

    for (size_t i = 0; i < set->count; i++) {
        if ((set->keys[i].algorithms & algorithm)
            && has_id(&set->keys[i], kid))
        {
            return &set->keys[i];
        }
    }

    return NULL;
}


const dg_jwk_t *
dg_jwks_find_id(const dg_jwks_t *set, dg_span_t kid)
{
    for (size_t i = 0; i < set->count; i++) {
        if (has_id(&set->keys[i], kid)) {
            return &set->keys[i];
        }
    }

    return NULL;
}
