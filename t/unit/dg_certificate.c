/*
 * Client certificates: what is read of them, whose they are, and that near is
 * nobody.
 */

#include "dg_certificate.h"

#include "tap.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define NOW      INT64_C(1790000000)
#define MEMORY   65536
#define ACCOUNT  DG_SPAN("111122223333")

static uint8_t     memory[MEMORY];
static dg_arena_t  arena;


static void
add_san(X509 *x509, const char *san)
{
    X509_EXTENSION  *ext = X509V3_EXT_conf_nid(NULL, NULL,
                                               NID_subject_alt_name, san);

    X509_add_ext(x509, ext, -1);
    X509_EXTENSION_free(ext);
}


/* As a CA would sign it; the subject is O, then CN. */
static X509 *
make(const char *o, const char *cn, const char *san)
{
    X509       *x509 = X509_new();
    EVP_PKEY   *key = EVP_EC_gen("P-256");
    X509_NAME  *name = X509_get_subject_name(x509);

    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 7);
    ASN1_TIME_set(X509_getm_notBefore(x509), NOW - 100);
    ASN1_TIME_set(X509_getm_notAfter(x509), NOW + 100);
    X509_set_pubkey(x509, key);

    if (o) {
        X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
                                   (const uint8_t *) o, -1, -1, 0);
    }

    if (cn) {
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                   (const uint8_t *) cn, -1, -1, 0);
    }

    if (san) {
        add_san(x509, san);
    }

    X509_sign(x509, key, EVP_sha256());
    EVP_PKEY_free(key);

    return x509;
}


static dg_err_t
read_one(X509 *x509, dg_certificate_t *certificate)
{
    dg_arena_init(&arena, memory, sizeof(memory));
    return dg_certificate_read(x509, &arena, certificate);
}


static dg_refusal_t
judge(const dg_certificates_t *set, const char *o, const char *cn,
    const char *san, dg_caller_t *caller)
{
    X509              *x509 = make(o, cn, san);
    dg_refusal_t       refusal;
    dg_certificate_t   certificate;

    *caller = (dg_caller_t) { .kind = DG_CALLER_NONE };
    refusal = read_one(x509, &certificate) == DG_OK
              ? dg_certificate_caller(set, &certificate, &arena, caller)
              : DG_REFUSE_INTERNAL;
    X509_free(x509);

    return refusal;
}


static const dg_attribute_t  tags[] = {
    { { (const uint8_t *) "team", 4 }, { (const uint8_t *) "blue", 4 } }
};

#define RULE(part, text, who)                                                 \
    { { part, { (const uint8_t *) text, sizeof(text) - 1 } },                 \
      { (const uint8_t *) who, sizeof(who) - 1 }, tags, 1 }

static const dg_certificate_rule_t  rules[] = {
    RULE(DG_CERTIFICATE_DN, "CN=robot,O=Example", "robot"),
    RULE(DG_CERTIFICATE_URI, "spiffe://example/ci", "ci/main"),
    RULE(DG_CERTIFICATE_DNS, "host.example", "host"),
    RULE(DG_CERTIFICATE_EMAIL, "host.example@x", "mail"),
    RULE(DG_CERTIFICATE_DNS, "old.example", "host"),
};


static void
reading(void)
{
    X509              *x509;
    uint8_t            hash[DG_SHA256_SIZE], other[DG_SHA256_SIZE];
    uint8_t           *der = NULL;
    char               text[512];
    dg_writer_t        w = dg_writer(text, sizeof(text));
    dg_certificate_t   certificate;
    int                len;

    x509 = make("Ex,ample", "r\xc3\xb6" "bot",
                "URI:spiffe://example/ci,DNS:a,email:b@c,IP:10.0.0.1");

    is_int(read_one(x509, &certificate), DG_OK, "read");
    is_int(certificate.name_count, 4, "the subject and three names");
    dg_certificate_write(&w, &certificate);
    is_span(dg_written(&w),
            DG_SPAN("dn \"CN=r\\\\C3\\\\B6bot,O=Ex\\\\,ample\"; "
            "san URI \"spiffe://example/ci\"; san DNS \"a\"; "
            "san EMAIL \"b@c\""), "RFC 2253, and names in order");

    ok(dg_certificate_is_current(x509, NOW), "current");
    ok(!dg_certificate_is_current(x509, NOW - 101), "not yet");
    ok(!dg_certificate_is_current(x509, NOW + 101), "no longer");

    len = i2d_X509(x509, &der);
    EVP_Digest(der, (size_t) len, other, NULL, EVP_sha256(), NULL);
    is_int(dg_certificate_hash(x509, hash), DG_OK, "hashed");
    ok(memcmp(hash, other, sizeof(hash)) == 0, "the hash of its DER form");
    OPENSSL_free(der);

    dg_arena_init(&arena, memory, 128);
    is_int(dg_certificate_read(x509, &arena, &certificate), DG_ERR_MEMORY,
           "no memory");

    add_san(x509, "DNS:second");
    is_int(read_one(x509, &certificate), DG_ERR_INVALID,
           "alternative names twice");
    X509_free(x509);
}


static void
limits(void)
{
    char               san[4096], *p = san, cn[] = "x";
    X509              *x509;
    dg_certificate_t   certificate;

    for (int i = 0; i < DG_CERTIFICATE_NAMES_MAX; i++) {
        p += snprintf(p, 16, "%sDNS:h%d", i ? "," : "", i);
    }

    x509 = make(NULL, cn, san);
    is_int(read_one(x509, &certificate), DG_OK, "as many names as may be");
    X509_free(x509);

    snprintf(p, 16, ",DNS:more");
    x509 = make(NULL, cn, san);
    is_int(read_one(x509, &certificate), DG_ERR_LIMIT, "one more");
    X509_free(x509);

    memset(san, 'a', sizeof(san));
    memcpy(san, "DNS:", 4);
    san[4 + DG_CERTIFICATE_NAME_MAX + 1] = '\0';
    x509 = make(NULL, cn, san);
    is_int(read_one(x509, &certificate), DG_ERR_LIMIT, "a long name");
    X509_free(x509);

    x509 = make(NULL, cn, "DNS:a\nb");
    is_int(read_one(x509, &certificate), DG_ERR_INVALID, "a line feed in it");
    X509_free(x509);

    x509 = make(NULL, NULL, "DNS:a");
    is_int(read_one(x509, &certificate), DG_OK, "no subject");
    is_int(certificate.names[0].value.len, 0, "is an empty one");
    X509_free(x509);
}


static void
callers(void)
{
    dg_certificates_t  set = { DG_SPAN("bots"), ACCOUNT, rules,
                               sizeof(rules) / sizeof(rules[0]) };
    dg_caller_t        c;
    dg_diag_t          diag;

    is_int(dg_certificates_check(&set, &diag), DG_OK, "a good set");

    is_int(judge(&set, "Example", "robot", NULL, &c), DG_ALLOWED, "a DN");
    is_span(c.arn,
            DG_SPAN("arn:aws:deskgate::111122223333:certificate/bots/robot"),
            "its ARN");
    is_span(c.user_id, DG_SPAN("certificate/bots/robot"), "user id");
    ok(c.verified && c.kind == DG_CALLER_CERTIFICATE, "verified");
    is_span(c.issuer, DG_SPAN("bots"), "issuer");
    is_int(c.tag_count, 1, "tags");

    is_int(judge(&set, "X", "y", "URI:spiffe://example/ci", &c), DG_ALLOWED,
           "a URI");
    is_span(c.user_id, DG_SPAN("certificate/bots/ci%2Fmain"),
            "with no letter that means something");

    is_int(judge(&set, "X", "y", "DNS:host.example,DNS:old.example", &c),
           DG_ALLOWED, "two names of one caller");

    const char *const  wrong[][3] = {
        { "Example", "Robot", NULL },
        { "Example", "robot ", NULL },
        { "Example", "robot,O=Example", NULL },
        { "example", "robot", NULL },
        { NULL, "robot", NULL },
        { NULL, "CN=robot,O=Example", NULL },
        { "X", "y", "URI:spiffe://example/ci/" },
        { "X", "y", "URI:spiffe://example/" },
        { "X", "y", "DNS:spiffe://example/ci" },
        { "X", "y", "DNS:HOST.example" },
        { "X", "y", "DNS:*.example" },
        { "X", "y", "DNS:host.example." },
        { "X", "y", "email:host.example@y" },
        { "X", "y", "DNS:host.example@x" },
        { "X", "host.example", NULL },
        { "Example", "robot", "DNS:host.example" }
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        is_int(judge(&set, wrong[i][0], wrong[i][1], wrong[i][2], &c),
               DG_REFUSE_CERTIFICATE_UNKNOWN, "nobody");
        is_int(c.kind, DG_CALLER_NONE, "and no caller");
    }
}


static void
configuration(void)
{
    dg_diag_t              diag;
    dg_certificate_rule_t  two[2] = { rules[0], rules[1] };
    dg_certificates_t      set = { DG_SPAN("bots"), ACCOUNT, two, 2 };

    two[1].shows = two[0].shows;
    is_int(dg_certificates_check(&set, &diag), DG_ERR_INVALID, "twice");

    two[1] = rules[1];
    two[1].name = two[0].name;
    is_int(dg_certificates_check(&set, &diag), DG_OK, "two of one caller");
    two[1].tag_count = 0;
    is_int(dg_certificates_check(&set, &diag), DG_ERR_INVALID, "other tags");

    two[1].name = DG_SPAN_EMPTY;
    is_int(dg_certificates_check(&set, &diag), DG_ERR_MISSING, "no name");
    set.rule_count = 0;
    is_int(dg_certificates_check(&set, &diag), DG_ERR_MISSING, "no rule");
    set.rule_count = 1;
    set.account = DG_SPAN("11112222333x");
    is_int(dg_certificates_check(&set, &diag), DG_ERR_INVALID, "account");
    set.account = DG_SPAN_EMPTY;
    is_int(dg_certificates_check(&set, &diag), DG_ERR_MISSING, "no account");
}


int
main(void)
{
    reading();
    limits();
    callers();
    configuration();

    return done_testing();
}
