/*
 * deskgate-token: signing keys and bearer tokens for tests and trials.
 *
 *     deskgate-token keygen rs256|es256 KID PRIVATE_PEM JWKS
 *     deskgate-token sign   rs256|es256 KID PRIVATE_PEM CLAIMS
 *
 * A token that is signed here is what an issuer would send: it opens every
 * gateway that trusts the key set, so keep the private key like a password.
 */

#define _POSIX_C_SOURCE  200809L

#include "dg_arena.h"
#include "dg_codec.h"
#include "dg_json.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define EXIT_USAGE     2
#define RSA_BITS       2048
#define CLAIMS_MAX     32768
#define MEMORY         (1024 * 1024)
#define TEXT_MAX       65536
#define SIGNATURE_MAX  1024
#define COORDINATE     32          /* P-256 */
#define LIFETIME_MAX   315360000   /* seconds: ten years */

typedef struct {
    const char  *name;   /* as on the command line */
    const char  *alg;    /* as in a token */
    bool         rsa;
} algorithm_t;

typedef struct {
    const char         *command;
    const char         *typ;       /* of the token's header */
    int64_t             lifetime;  /* seconds; 0: claims as they are */
    bool                force;     /* keygen may replace files */
    const algorithm_t  *algorithm;
    const char         *kid;
    const char         *pem;
    const char         *last;      /* JWKS file, or claims */
} options_t;

static const algorithm_t  algorithms[] = {
    { "rs256", "RS256", true },
    { "es256", "ES256", false }
};

static const char  help[] =
    "usage: deskgate-token keygen [--force] rs256|es256 KID PRIVATE_PEM JWKS\n"
    "       deskgate-token sign [--lifetime=SECONDS] [--typ=TYPE]\n"
    "                           rs256|es256 KID PRIVATE_PEM CLAIMS\n"
    "\n"
    "Signing keys and bearer tokens for tests and trials.\n"
    "\n"
    "keygen  makes a key pair: the private key as PEM, readable by its owner\n"
    "        only, and the public key as a JSON Web Key set for\n"
    "        deskgate_issuer.  Existing files are kept unless --force.\n"
    "sign    prints a token.  CLAIMS is a JSON object, @FILE, or - for\n"
    "        standard input.  --lifetime puts iat (now) and exp (now plus\n"
    "        SECONDS); --typ is the header's typ, JWT unless given.\n"
    "\n"
    "exit status: 0 done, 1 failed, 2 wrong usage\n";


__attribute__((format(printf, 1, 2)))
static int
fail(const char *format, ...)
{
    va_list  args;

    fputs("deskgate-token: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);

    return EXIT_FAILURE;
}


static int
wrong_usage(void)
{
    fputs(help, stderr);
    return EXIT_USAGE;
}


static EVP_PKEY *
new_key(const algorithm_t *algorithm)
{
    return algorithm->rsa
           ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) RSA_BITS)
           : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
}


static bool
is_key_for(EVP_PKEY *pkey, const algorithm_t *algorithm)
{
    char    group[32];
    size_t  len;

    if (algorithm->rsa) {
        return EVP_PKEY_is_a(pkey, "RSA");
    }

    return EVP_PKEY_is_a(pkey, "EC")
           && EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) == 1
           && strcmp(group, "prime256v1") == 0;
}


/* A number of the public key as base64url; `size` 0: as short as it is. */
static bool
write_number(dg_writer_t *w, EVP_PKEY *pkey, const char *param, int size)
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
        dg_write_char(w, '"');
        dg_write_base64url(w, dg_span(bytes, (size_t) len));
        dg_write_char(w, '"');
        good = true;
    }

    BN_free(number);
    return good;
}


static bool
write_jwks(dg_writer_t *w, EVP_PKEY *pkey, const options_t *o)
{
    bool  good;

    dg_write_cstr(w, "{\"keys\":[{\"kty\":");
    dg_write_cstr(w, o->algorithm->rsa ? "\"RSA\"" : "\"EC\"");
    dg_write_cstr(w, ",\"use\":\"sig\",\"alg\":\"");
    dg_write_cstr(w, o->algorithm->alg);
    dg_write_cstr(w, "\",\"kid\":");
    dg_json_write_string(w, dg_span_cstr(o->kid));

    if (o->algorithm->rsa) {
        dg_write_cstr(w, ",\"n\":");
        good = write_number(w, pkey, OSSL_PKEY_PARAM_RSA_N, 0);
        dg_write_cstr(w, ",\"e\":");
        good = good && write_number(w, pkey, OSSL_PKEY_PARAM_RSA_E, 0);

    } else {
        dg_write_cstr(w, ",\"crv\":\"P-256\",\"x\":");
        good = write_number(w, pkey, OSSL_PKEY_PARAM_EC_PUB_X, COORDINATE);
        dg_write_cstr(w, ",\"y\":");
        good = good && write_number(w, pkey, OSSL_PKEY_PARAM_EC_PUB_Y,
                                    COORDINATE);
    }

    dg_write_cstr(w, "}]}\n");
    return good && !w->overflow;
}


static FILE *
create_file(const char *name, mode_t mode, bool force)
{
    int    fd;
    FILE  *file;

    if (force && unlink(name) != 0 && errno != ENOENT) {
        return NULL;
    }

    fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    if (fd < 0) {
        return NULL;
    }

    file = fdopen(fd, "w");

    if (file == NULL) {
        close(fd);
    }

    return file;
}


static bool
write_pem(FILE *file, EVP_PKEY *pkey)
{
    bool  good = PEM_write_PKCS8PrivateKey(file, pkey, NULL, NULL, 0, NULL,
                                           NULL) == 1;

    return fclose(file) == 0 && good;
}


static int
save(const options_t *o, EVP_PKEY *pkey)
{
    FILE        *file;
    uint8_t      text[TEXT_MAX];
    bool         good;
    dg_writer_t  w = dg_writer(text, sizeof(text));

    if (!write_jwks(&w, pkey, o)) {
        return fail("cannot write the key set as JSON");
    }

    file = create_file(o->pem, 0600, o->force);

    if (file == NULL || !write_pem(file, pkey)) {
        return fail("cannot create %s: %s", o->pem, strerror(errno));
    }

    file = create_file(o->last, 0644, o->force);

    if (file == NULL) {
        return fail("cannot create %s: %s", o->last, strerror(errno));
    }

    good = fwrite(w.data, 1, w.len, file) == w.len;

    return fclose(file) == 0 && good
           ? EXIT_SUCCESS
           : fail("cannot write %s: %s", o->last, strerror(errno));
}


static int
keygen(const options_t *o)
{
    int        status;
    EVP_PKEY  *pkey = new_key(o->algorithm);

    if (pkey == NULL) {
        return fail("OpenSSL made no key: %s",
                    ERR_reason_error_string(ERR_get_error()));
    }

    status = save(o, pkey);
    EVP_PKEY_free(pkey);

    return status;
}


/* CLAIMS of the command line: the text itself, @FILE, or - */
static bool
read_claims(const char *argument, uint8_t *buffer, dg_span_t *text)
{
    size_t  len;
    FILE   *file = stdin;

    if (argument[0] != '@' && strcmp(argument, "-") != 0) {
        *text = dg_span_cstr(argument);
        return text->len <= CLAIMS_MAX;
    }

    if (argument[0] == '@') {
        file = fopen(argument + 1, "r");

        if (file == NULL) {
            return false;
        }
    }

    len = fread(buffer, 1, CLAIMS_MAX + 1, file);
    *text = dg_span(buffer, len);

    if (file != stdin) {
        fclose(file);
    }

    return len <= CLAIMS_MAX;
}


static void
write_date(dg_writer_t *w, const char *name, int64_t seconds)
{
    dg_json_write_name(w, name);
    dg_write_i64(w, seconds);
}


/* The claims as compact JSON, with the dates of --lifetime in front. */
static bool
write_claims(dg_writer_t *w, const dg_json_t *claims, int64_t lifetime)
{
    const int64_t     now = (int64_t) time(NULL);
    const dg_json_t  *claim;

    if (lifetime == 0) {
        dg_json_write_tree(w, claims);
        return true;
    }

    dg_write_char(w, '{');
    write_date(w, "iat", now);
    dg_write_char(w, ',');
    write_date(w, "exp", now + lifetime);

    for (claim = claims->first; claim != NULL; claim = claim->next) {
        if (dg_span_equal(claim->key, DG_SPAN("iat"))
            || dg_span_equal(claim->key, DG_SPAN("exp")))
        {
            return false;
        }

        dg_write_char(w, ',');
        dg_json_write_string(w, claim->key);
        dg_write_char(w, ':');
        dg_json_write_tree(w, claim);
    }

    dg_write_char(w, '}');
    return true;
}


static void
write_header(dg_writer_t *w, const options_t *o)
{
    uint8_t      text[TEXT_MAX];
    dg_writer_t  json = dg_writer(text, sizeof(text));

    dg_write_cstr(&json, "{\"alg\":\"");
    dg_write_cstr(&json, o->algorithm->alg);
    dg_write_cstr(&json, "\",\"typ\":");
    dg_json_write_string(&json, dg_span_cstr(o->typ));
    dg_write_cstr(&json, ",\"kid\":");
    dg_json_write_string(&json, dg_span_cstr(o->kid));
    dg_write_char(&json, '}');

    dg_write_base64url(w, dg_written(&json));
    w->overflow |= json.overflow;
}


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


static bool
write_signature(dg_writer_t *w, EVP_PKEY *pkey, const algorithm_t *algorithm)
{
    size_t       len = SIGNATURE_MAX;
    uint8_t      signature[SIGNATURE_MAX], raw[2 * COORDINATE];
    EVP_MD_CTX  *md = EVP_MD_CTX_new();
    bool         good;

    good = md != NULL
           && EVP_DigestSignInit_ex(md, NULL, "SHA256", NULL, NULL, pkey,
                                    NULL) == 1
           && EVP_DigestSign(md, signature, &len, w->data, w->len) == 1;
    EVP_MD_CTX_free(md);

    if (!good) {
        return false;
    }

    dg_write_char(w, '.');

    if (algorithm->rsa) {
        dg_write_base64url(w, dg_span(signature, len));
        return !w->overflow;
    }

    if (!der_to_raw(signature, len, raw)) {
        return false;
    }

    dg_write_base64url(w, dg_span(raw, sizeof(raw)));
    return !w->overflow;
}


static int
print_token(const options_t *o, EVP_PKEY *pkey, const dg_json_t *claims)
{
    uint8_t      token[TEXT_MAX], payload[TEXT_MAX / 2];
    dg_writer_t  w = dg_writer(token, sizeof(token));
    dg_writer_t  json = dg_writer(payload, sizeof(payload));

    if (!write_claims(&json, claims, o->lifetime)) {
        return fail("--lifetime puts iat and exp: the claims must not");
    }

    write_header(&w, o);
    dg_write_char(&w, '.');
    dg_write_base64url(&w, dg_written(&json));

    if (json.overflow || w.overflow) {
        return fail("the token would be longer than %d bytes", TEXT_MAX);
    }

    if (!write_signature(&w, pkey, o->algorithm)) {
        return fail("OpenSSL did not sign: %s",
                    ERR_reason_error_string(ERR_get_error()));
    }

    fwrite(w.data, 1, w.len, stdout);
    fputc('\n', stdout);

    return fflush(stdout) == 0 ? EXIT_SUCCESS
                               : fail("cannot write: %s", strerror(errno));
}


static EVP_PKEY *
load_key(const char *name)
{
    FILE      *file = fopen(name, "r");
    EVP_PKEY  *pkey;

    if (file == NULL) {
        return NULL;
    }

    pkey = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);

    return pkey;
}


static int
sign_claims(const options_t *o, const dg_json_t *claims)
{
    int        status;
    EVP_PKEY  *pkey = load_key(o->pem);

    if (pkey == NULL) {
        return fail("%s: no private key in PEM form can be read there",
                    o->pem);
    }

    status = is_key_for(pkey, o->algorithm)
             ? print_token(o, pkey, claims)
             : fail("%s: the key is not one for %s", o->pem,
                    o->algorithm->alg);
    EVP_PKEY_free(pkey);

    return status;
}


static int
sign(const options_t *o)
{
    static uint8_t    memory[MEMORY], buffer[CLAIMS_MAX + 1];
    dg_span_t         text;
    dg_diag_t         diag = { 0 };
    dg_arena_t        arena;
    const dg_json_t  *claims;

    if (!read_claims(o->last, buffer, &text)) {
        return fail("the claims cannot be read, or are above %d bytes",
                    CLAIMS_MAX);
    }

    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_json_parse(&arena, text, NULL, &diag, &claims) != DG_OK) {
        return fail("claims, line %u, column %u: %s", diag.line, diag.column,
                    diag.text);
    }

    if (claims->type != DG_JSON_OBJECT) {
        return fail("the claims are not a JSON object");
    }

    return sign_claims(o, claims);
}


static bool
take_option(const char *argument, options_t *o)
{
    char  *end;

    if (strcmp(argument, "--force") == 0) {
        o->force = true;
        return strcmp(o->command, "keygen") == 0;
    }

    if (strcmp(o->command, "sign") != 0) {
        return false;
    }

    if (strncmp(argument, "--typ=", 6) == 0) {
        o->typ = argument + 6;
        return true;
    }

    if (strncmp(argument, "--lifetime=", 11) == 0) {
        o->lifetime = strtoll(argument + 11, &end, 10);
        return *end == '\0' && o->lifetime > 0 && o->lifetime <= LIFETIME_MAX;
    }

    return false;
}


static bool
take_arguments(int argc, char *const *argv, options_t *o)
{
    int  i = 2;

    o->command = argv[1];
    o->typ = "JWT";

    while (i < argc && strncmp(argv[i], "--", 2) == 0) {
        if (!take_option(argv[i++], o)) {
            return false;
        }
    }

    if (argc - i != 4) {
        return false;
    }

    for (size_t k = 0; k < sizeof(algorithms) / sizeof(*algorithms); k++) {
        if (strcmp(argv[i], algorithms[k].name) == 0) {
            o->algorithm = &algorithms[k];
        }
    }

    o->kid = argv[i + 1];
    o->pem = argv[i + 2];
    o->last = argv[i + 3];

    return o->algorithm != NULL;
}


int
main(int argc, char **argv)
{
    options_t  options = { 0 };

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return EXIT_SUCCESS;
    }

    if (argc < 2 || !take_arguments(argc, argv, &options)) {
        return wrong_usage();
    }

    if (strcmp(options.command, "keygen") == 0) {
        return keygen(&options);
    }

    return strcmp(options.command, "sign") == 0 ? sign(&options)
                                                : wrong_usage();
}
