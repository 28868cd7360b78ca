/*
 * deskgate-token: signing keys and bearer tokens for tests and trials, why a
 * token is refused, and credentials and tokens for programs that need them.
 *
 *     deskgate-token keygen rs256|es256 KID PRIVATE_PEM JWKS
 *     deskgate-token sign   rs256|es256 KID PRIVATE_PEM CLAIMS
 *     deskgate-token verify --issuer URL --audience NAME JWKS TOKEN
 *     deskgate-token credentials --url URL TOKEN
 *     deskgate-token fetch --url URL --client-id ID SECRET_FILE
 *
 * A token that is signed here is what an issuer would send: it opens every
 * gateway that trusts the key set, so keep the private key like a password.
 */

#define _POSIX_C_SOURCE  200809L

#include "token_fetch.h"
#include "token_process.h"
#include "tool.h"

#include "dg_crypto.h"
#include "dg_issuer.h"
#include "dg_signer.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RSA_BITS       2048
#define CLAIMS_MAX     32768
#define MEMORY         ((size_t) 4 << 20)
#define TEXT_MAX       65536
#define LIFETIME_MAX   315360000   /* seconds: ten years */
#define OPERANDS       5

typedef struct {
    const char  *name;   /* as on the command line */
    const char  *alg;    /* as in a token */
    bool         rsa;
} algorithm_t;

typedef struct {
    const char         *typ;             /* of the token's header */
    const char         *lifetime_text;
    const char         *issuer;
    const char         *audience;
    const char         *url;
    const char         *cacert;
    const char         *client_id;
    const char         *scope;
    bool                query;           /* the grant of fetch goes there */
    bool                force;           /* keygen may replace files */
    bool                help;
    int64_t             lifetime;        /* seconds; 0: claims as they are */
    const algorithm_t  *algorithm;
    const char         *kid;
    const char         *pem;
    const char         *last;            /* JWKS file, or claims */
    token_process_t     process;
} options_t;

static const algorithm_t  algorithms[] = {
    { "rs256", "RS256", true },
    { "es256", "ES256", false }
};

static const char  help[] =
    "usage: deskgate-token keygen [--force] rs256|es256 KID PRIVATE_PEM JWKS\n"
    "       deskgate-token sign [--lifetime=SECONDS] [--typ=TYPE]\n"
    "                           rs256|es256 KID PRIVATE_PEM CLAIMS\n"
    "       deskgate-token verify --issuer=URL --audience=NAME JWKS TOKEN\n"
    "       deskgate-token credentials --url=URL [--cacert=FILE] TOKEN\n"
    "       deskgate-token fetch --url=URL --client-id=ID [--scope=SCOPE]\n"
    "                            [--query] [--cacert=FILE] SECRET_FILE\n"
    "       deskgate-token process [--once] [--config=FILE] PROFILE FILE\n"
    "\n"
    "Signing keys and bearer tokens for tests and trials; credentials and\n"
    "tokens for programs.\n"
    "\n"
    "keygen  makes a key pair: the private key as PEM, readable by its owner\n"
    "        only, and the public key as a JSON Web Key set for\n"
    "        deskgate_issuer.  Existing files are kept unless --force.\n"
    "sign    prints a token.  CLAIMS is a JSON object, @FILE, or - for\n"
    "        standard input.  --lifetime puts iat (now) and exp (now plus\n"
    "        SECONDS); --typ is the header's typ, JWT unless given.\n"
    "verify  judges a token as a gateway with that issuer, audience and key\n"
    "        set would, now, and says who calls or why it is refused.  TOKEN\n"
    "        is the token, @FILE, or -.\n"
    "credentials  trades a token for credentials at a deskgate_vend location\n"
    "        and prints them as credential_process of AWS's SDKs reads them.\n"
    "fetch   prints the token that a token endpoint gives for client_id and\n"
    "        the secret in a file (client_credentials).  --query puts the\n"
    "        grant where DCV brokers want it.\n"
    "process  runs the credential_process of PROFILE in ~/.aws/config and\n"
    "        keeps FILE, a shared credentials file, with what it gives:\n"
    "        written again ahead of each expiry, or with --once only now.\n"
    "credentials and fetch ask with the curl command; URL is https, or http\n"
    "to this machine.\n"
    "\n"
    "exit status: 0 done, 1 failed or refused, 2 wrong usage\n";


static int
wrong_usage(void)
{
    fputs(help, stderr);
    return TOOL_USAGE;
}


static EVP_PKEY *
new_key(const algorithm_t *algorithm)
{
    return algorithm->rsa
           ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) RSA_BITS)
           : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
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
write_file(const char *name, mode_t mode, bool force, dg_span_t text)
{
    FILE  *file = create_file(name, mode, force);
    bool   good;

    if (file == NULL) {
        tool_complain("cannot create %s: %s", name, strerror(errno));
        return false;
    }

    good = fwrite(text.data, 1, text.len, file) == text.len;

    if (fclose(file) != 0 || !good) {
        tool_complain("cannot write %s: %s", name, strerror(errno));
        return false;
    }

    return true;
}


static int
save(const options_t *o, dg_span_t pem)
{
    uint8_t             text[TEXT_MAX];
    dg_diag_t           diag = { 0 };
    dg_writer_t         w = dg_writer(text, sizeof(text));
    dg_signer_t        *signer;
    const dg_signer_t  *only;

    signer = dg_signer_create(pem, dg_span_cstr(o->kid), 0, &diag);

    if (signer == NULL) {
        tool_complain("%s", diag.text);
        return TOOL_REFUSED;
    }

    only = signer;

    if (dg_signer_write_jwks(&w, &only, 1) != DG_OK) {
        tool_complain("cannot write the key set as JSON");
        w.len = 0;
    }

    dg_signer_destroy(signer);

    return w.len && write_file(o->pem, 0600, o->force, pem)
           && write_file(o->last, 0644, o->force, dg_written(&w))
           ? TOOL_OK : TOOL_REFUSED;
}


static int
keygen(const options_t *o)
{
    BIO       *bio = BIO_new(BIO_s_mem());
    int        status = TOOL_REFUSED;
    char      *data;
    long       len;
    EVP_PKEY  *pkey = new_key(o->algorithm);

    if (bio == NULL || pkey == NULL
        || PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL,
                                         NULL) != 1)
    {
        tool_complain("OpenSSL made no key: %s",
                      ERR_reason_error_string(ERR_get_error()));

    } else {
        len = BIO_get_mem_data(bio, &data);
        status = save(o, dg_span(data, (size_t) len));
        dg_wipe(data, (size_t) len);
    }

    EVP_PKEY_free(pkey);
    BIO_free(bio);

    return status;
}


/* The text itself, @FILE, or - ; without the line ends of a file. */
static bool
read_argument(const char *argument, size_t limit, dg_span_t *text)
{
    if (argument[0] != '@' && strcmp(argument, "-") != 0) {
        *text = dg_span_cstr(argument);
        return true;
    }

    if (!tool_read(argument + (argument[0] == '@'), limit, text)) {
        return false;
    }

    while (text->len && (text->data[text->len - 1] == '\n'
                         || text->data[text->len - 1] == '\r'))
    {
        text->len--;
    }

    return true;
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


static bool
write_token(dg_writer_t *w, const options_t *o, const dg_signer_t *signer,
    const dg_json_t *claims)
{
    dg_err_t     err;
    uint8_t      payload[CLAIMS_MAX];
    dg_writer_t  json = dg_writer(payload, sizeof(payload));

    if (!write_claims(&json, claims, o->lifetime)) {
        tool_complain("--lifetime puts iat and exp: the claims must not");
        return false;
    }

    err = json.overflow ? DG_ERR_LIMIT
          : dg_jwt_sign(w, signer, dg_span_cstr(o->typ), dg_written(&json));

    if (err == DG_ERR_LIMIT) {
        tool_complain("the token would be longer than %d bytes", TEXT_MAX);

    } else if (err != DG_OK) {
        tool_complain("OpenSSL did not sign");
    }

    return err == DG_OK;
}


static int
sign_claims(const options_t *o, const dg_json_t *claims)
{
    bool          good = false;
    uint8_t       token[TEXT_MAX];
    dg_span_t     pem;
    dg_diag_t     diag = { 0 };
    dg_writer_t   w = dg_writer(token, sizeof(token));
    dg_signer_t  *signer = NULL;

    if (tool_read(o->pem, DG_SIGNER_PEM_MAX, &pem)) {
        signer = dg_signer_create(pem, dg_span_cstr(o->kid), 0, &diag);
    }

    if (signer == NULL) {
        tool_complain("%s: no private key in PEM form can be read there",
                      o->pem);

    } else if (strcmp(dg_jws_algorithm_name(dg_signer_algorithm(signer)),
                      o->algorithm->alg) != 0)
    {
        tool_complain("%s: the key is not one for %s", o->pem,
                      o->algorithm->alg);

    } else {
        good = write_token(&w, o, signer, claims);
    }

    dg_signer_destroy(signer);

    if (good) {
        tool_print(dg_written(&w));
        tool_print(DG_SPAN("\n"));
    }

    return good && fflush(stdout) == 0 ? TOOL_OK : TOOL_REFUSED;
}


static int
sign(const options_t *o)
{
    dg_span_t         text;
    dg_diag_t         diag = { 0 };
    dg_arena_t        arena = tool_arena(MEMORY);
    const dg_json_t  *claims;

    if (!read_argument(o->last, CLAIMS_MAX, &text)) {
        return TOOL_USAGE;
    }

    if (dg_json_parse(&arena, text, NULL, &diag, &claims) != DG_OK) {
        tool_complain("claims, line %u, column %u: %s", diag.line,
                      diag.column, diag.text);
        return TOOL_REFUSED;
    }

    if (claims->type != DG_JSON_OBJECT) {
        tool_complain("the claims are not a JSON object");
        return TOOL_REFUSED;
    }

    return sign_claims(o, claims);
}


static void
print_line(const char *name, dg_span_t value)
{
    printf("%s: ", name);
    tool_print_json(value);
    putchar('\n');
}


static void
print_caller(const dg_caller_t *caller)
{
    print_line("arn", caller->arn);

    for (size_t i = 0; i < caller->claim_count; i++) {
        printf("claim ");
        tool_print_json(caller->claims[i].name);
        printf(" = ");
        tool_print_json(caller->claims[i].value);
        putchar('\n');
    }
}


static int
judge(const options_t *o, const dg_jwks_t *keys, dg_span_t token)
{
    size_t             which;
    dg_span_t          audience = dg_span_cstr(o->audience);
    dg_diag_t          diag = { 0 };
    dg_arena_t         arena = tool_arena(MEMORY);
    dg_caller_t        caller;
    dg_issuer_t        issuer = {
        .name = DG_SPAN("trial"), .url = dg_span_cstr(o->issuer),
        .audiences = &audience, .audience_count = 1,
        .algorithms = DG_JWS_ANY_ALGORITHM,
        .account = DG_SPAN("000000000000")
    };
    dg_refusal_t       refusal;
    dg_token_issuer_t  from = { &issuer, keys };
    dg_token_rules_t   rules = {
        &from, 1, (int64_t) time(NULL), DG_SPAN_EMPTY
    };

    if (dg_issuer_check_config(&issuer, &diag) != DG_OK) {
        tool_complain("%s", diag.text);
        return TOOL_USAGE;
    }

    refusal = dg_token_verify(&rules, token, &arena, &caller, &which);

    if (refusal == DG_ALLOWED) {
        puts("allowed");
        print_caller(&caller);
        return TOOL_OK;
    }

    printf("refused: %s: %s\n", dg_refusal_info(refusal)->name,
           dg_refusal_info(refusal)->remedy);
    print_line("subject", caller.subject);

    return TOOL_REFUSED;
}


static int
verify(const options_t *o, const char *jwks, const char *argument)
{
    int         status;
    dg_span_t   text, token;
    dg_diag_t   diag = { 0 };
    dg_jwks_t  *keys;
    dg_arena_t  arena = tool_arena(MEMORY);

    if (o->issuer == NULL || o->audience == NULL) {
        return wrong_usage();
    }

    if (!tool_read(jwks, DG_JWKS_TEXT_MAX, &text)
        || !read_argument(argument, DG_JWS_TOKEN_MAX + 2, &token))
    {
        return TOOL_USAGE;
    }

    if (dg_jwks_load(&arena, text, &keys, &diag) != DG_OK) {
        tool_complain("%s, line %u, column %u: %s", jwks, diag.line,
                      diag.column, diag.text);
        return TOOL_REFUSED;
    }

    status = judge(o, keys, token);
    dg_jwks_release(keys);

    return status;
}


static bool
take_lifetime(options_t *o)
{
    uint64_t  seconds;

    if (o->lifetime_text == NULL) {
        return true;
    }

    if (!dg_span_to_u64(dg_span_cstr(o->lifetime_text), &seconds)
        || seconds == 0 || seconds > LIFETIME_MAX)
    {
        return false;
    }

    o->lifetime = (int64_t) seconds;
    return true;
}


static int
credentials(const options_t *o, const char *argument)
{
    token_fetch_t  fetch = { .url = o->url, .cacert = o->cacert };

    if (o->url == NULL || o->client_id || o->scope || o->query) {
        return wrong_usage();
    }

    return read_argument(argument, DG_JWS_TOKEN_MAX + 2, &fetch.token)
           ? token_credentials(&fetch) : TOOL_USAGE;
}


static int
fetch_token(const options_t *o, const char *file)
{
    token_fetch_t  fetch = {
        .url = o->url, .cacert = o->cacert, .client_id = o->client_id,
        .scope = o->scope, .query = o->query
    };

    if (o->url == NULL || o->client_id == NULL) {
        return wrong_usage();
    }

    return tool_read_secret(file, &fetch.secret) ? token_grant(&fetch)
                                                 : TOOL_USAGE;
}


/* keygen and sign have the same operands, but each its own options. */
static int
make(options_t *o, const char *command, const char **operands)
{
    const bool    signs = strcmp(command, "sign") == 0;
    const size_t  count = sizeof(algorithms) / sizeof(algorithms[0]);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(operands[0], algorithms[i].name) == 0) {
            o->algorithm = &algorithms[i];
        }
    }

    o->kid = operands[1];
    o->pem = operands[2];
    o->last = operands[3];

    if (o->algorithm == NULL || o->issuer || o->audience
        || (signs ? o->force : o->lifetime_text || o->typ)
        || !take_lifetime(o))
    {
        return wrong_usage();
    }

    o->typ = o->typ ? o->typ : "JWT";
    return signs ? sign(o) : keygen(o);
}


static int
run(options_t *o, const char **operands, size_t count)
{
    const char  *command = count ? operands[0] : "";

    if (o->help) {
        fputs(help, stdout);
        return TOOL_OK;
    }

    if (count == 5 && (strcmp(command, "keygen") == 0
                       || strcmp(command, "sign") == 0))
    {
        return make(o, command, operands + 1);
    }

    if (count == 2 && strcmp(command, "credentials") == 0) {
        return credentials(o, operands[1]);
    }

    if (count == 2 && strcmp(command, "fetch") == 0) {
        return fetch_token(o, operands[1]);
    }

    if (count == 3 && strcmp(command, "process") == 0) {
        o->process.profile = operands[1];
        o->process.file = operands[2];
        return token_process(&o->process);
    }

    if (count == 3 && strcmp(command, "verify") == 0) {
        return verify(o, operands[1], operands[2]);
    }

    return wrong_usage();
}


int
main(int argc, char **argv)
{
    int            status;
    size_t         count;
    options_t      o = { 0 };
    const char    *operands[OPERANDS];
    tool_option_t  options[] = {
        { "--lifetime", &o.lifetime_text, NULL },
        { "--typ", &o.typ, NULL },
        { "--issuer", &o.issuer, NULL },
        { "--audience", &o.audience, NULL },
        { "--url", &o.url, NULL },
        { "--cacert", &o.cacert, NULL },
        { "--client-id", &o.client_id, NULL },
        { "--scope", &o.scope, NULL },
        { "--query", NULL, &o.query },
        { "--force", NULL, &o.force },
        { "--config", &o.process.config, NULL },
        { "--once", NULL, &o.process.once },
        { "--help", NULL, &o.help }
    };

    tool_init("deskgate-token");
    status = tool_options(argc, argv, options,
                          sizeof(options) / sizeof(options[0]), operands,
                          OPERANDS, &count)
             ? run(&o, operands, count) : TOOL_USAGE;
    tool_end();

    return status;
}
