/*
 * Client certificates as callers: see dg_certificate.h.
 */

#include "dg_certificate.h"

#include "dg_issuer.h"
#include "dg_json.h"
#include "dg_text.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#define ACCOUNT_DIGITS  12
#define ARN_BEGIN       "arn:aws:deskgate::"
#define ARN_KIND        ":certificate/"
#define ESCAPED_SIZE    3  /* bytes of %XX */
#define ABSENT          (-1)  /* as X509_get_ext_d2i() says it */


dg_err_t
dg_certificate_hash(const X509 *x509, uint8_t out[DG_SHA256_SIZE])
{
    unsigned  len = DG_SHA256_SIZE;

    return X509_digest(x509, EVP_sha256(), out, &len) == 1
           && len == DG_SHA256_SIZE ? DG_OK : DG_ERR_CRYPTO;
}


bool
dg_certificate_is_current(const X509 *x509, int64_t now)
{
    time_t  at = (time_t) now;

    return X509_cmp_time(X509_get0_notBefore(x509), &at) == -1
           && X509_cmp_time(X509_get0_notAfter(x509), &at) == 1;
}


static dg_err_t
read_subject(const X509 *x509, dg_arena_t *arena, dg_span_t *dn)
{
    BIO       *bio = BIO_new(BIO_s_mem());
    char      *data = NULL;
    long       len;
    dg_err_t   err = DG_ERR_MEMORY;

    if (bio == NULL) {
        return DG_ERR_MEMORY;
    }

    if (X509_NAME_print_ex(bio, X509_get_subject_name(x509), 0,
                           XN_FLAG_RFC2253)
        >= 0)
    {
        len = BIO_get_mem_data(bio, &data);

        if (len > DG_CERTIFICATE_DN_MAX) {
            err = DG_ERR_LIMIT;

        } else {
            *dn = dg_arena_copy(arena, dg_span(data, (size_t) len));
            err = len == 0 || dn->data != NULL ? DG_OK : DG_ERR_MEMORY;
        }
    }

    BIO_free(bio);
    return err;
}


/* False for kinds of names that nobody is known by here. */
static bool
text_name(const GENERAL_NAME *general, dg_certificate_part_t *part,
    dg_span_t *text)
{
    int                 kind;
    const ASN1_STRING  *value = GENERAL_NAME_get0_value(general, &kind);

    switch (kind) {

    case GEN_URI:
        *part = DG_CERTIFICATE_URI;
        break;

    case GEN_DNS:
        *part = DG_CERTIFICATE_DNS;
        break;

    case GEN_EMAIL:
        *part = DG_CERTIFICATE_EMAIL;
        break;

    default:
        return false;
    }

    *text = dg_span(ASN1_STRING_get0_data(value),
                    (size_t) ASN1_STRING_length(value));
    return true;
}


static dg_err_t
read_names(const GENERAL_NAMES *all, dg_arena_t *arena,
    dg_certificate_name_t *names, size_t *count)
{
    dg_span_t              text;
    dg_certificate_part_t  part;

    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        if (!text_name(sk_GENERAL_NAME_value(all, i), &part, &text)) {
            continue;
        }

        if (*count == DG_CERTIFICATE_NAMES_MAX + 1
            || text.len > DG_CERTIFICATE_NAME_MAX)
        {
            return DG_ERR_LIMIT;
        }

        if (text.len == 0 || dg_text_has_control(text)) {
            return DG_ERR_INVALID;
        }

        names[*count].part = part;
        names[*count].value = dg_arena_copy(arena, text);

        if (names[*count].value.data == NULL) {
            return DG_ERR_MEMORY;
        }

        (*count)++;
    }

    return DG_OK;
}


dg_err_t
dg_certificate_read(const X509 *x509, dg_arena_t *arena,
    dg_certificate_t *certificate)
{
    int                     critical;
    dg_err_t                err;
    GENERAL_NAMES          *all;
    dg_certificate_name_t  *names;

    *certificate = (dg_certificate_t) { .names = NULL };
    names = dg_arena_calloc(arena, DG_CERTIFICATE_NAMES_MAX + 1,
                            sizeof(*names));
    if (names == NULL) {
        return DG_ERR_MEMORY;
    }

    names[0].part = DG_CERTIFICATE_DN;
    err = read_subject(x509, arena, &names[0].value);

    if (err != DG_OK) {
        return err;
    }

    certificate->names = names;
    certificate->name_count = 1;

    all = X509_get_ext_d2i(x509, NID_subject_alt_name, &critical, NULL);

    if (all == NULL) {
        return critical == ABSENT ? DG_OK : DG_ERR_INVALID;
    }

    err = read_names(all, arena, names, &certificate->name_count);
    GENERAL_NAMES_free(all);

    return err;
}


static bool
is_shown(const dg_certificate_name_t *a, const dg_certificate_name_t *b)
{
    return a->part == b->part && dg_span_equal(a->value, b->value);
}


static bool
same_tags(const dg_certificate_rule_t *a, const dg_certificate_rule_t *b)
{
    if (a->tag_count != b->tag_count) {
        return false;
    }

    for (size_t i = 0; i < a->tag_count; i++) {
        if (!dg_span_equal(a->tags[i].name, b->tags[i].name)
            || !dg_span_equal(a->tags[i].value, b->tags[i].value))
        {
            return false;
        }
    }

    return true;
}


static dg_err_t
check_rule(const dg_certificates_t *set, size_t n, dg_diag_t *diag)
{
    const dg_certificate_rule_t  *rule = &set->rules[n];

    if (rule->shows.value.len == 0 || rule->name.len == 0) {
        return dg_diag(diag, DG_ERR_MISSING, 0, 0,
                       "a certificate needs a value and a name=NAME");
    }

    if (rule->shows.value.len > DG_CERTIFICATE_DN_MAX
        || rule->name.len > DG_CERTIFICATE_NAME_MAX
        || rule->tag_count > DG_CALLER_TAGS_MAX)
    {
        return dg_diag(diag, DG_ERR_LIMIT, 0, 0,
                       "a certificate's value, name or list of tags is too "
                       "long");
    }

    for (size_t i = 0; i < n; i++) {
        if (is_shown(&set->rules[i].shows, &rule->shows)) {
            return dg_diag(diag, DG_ERR_INVALID, 0, 0,
                           "two lines speak of one certificate");
        }

        if (dg_span_equal(set->rules[i].name, rule->name)
            && !same_tags(&set->rules[i], rule))
        {
            return dg_diag(diag, DG_ERR_INVALID, 0, 0,
                           "lines with one name= must have the same tags");
        }
    }

    return DG_OK;
}


dg_err_t
dg_certificates_check(const dg_certificates_t *set, dg_diag_t *diag)
{
    dg_err_t  err = DG_OK;
    uint64_t  number;

    if (set->account.len != ACCOUNT_DIGITS
        || !dg_span_to_u64(set->account, &number))
    {
        return dg_diag(diag, set->account.len ? DG_ERR_INVALID
                                              : DG_ERR_MISSING, 0, 0,
                       "account is %d digits", ACCOUNT_DIGITS);
    }

    if (set->rule_count == 0) {
        return dg_diag(diag, DG_ERR_MISSING, 0, 0,
                       "there is no \"san\" and no \"dn\", so that nobody "
                       "could call");
    }

    for (size_t i = 0; err == DG_OK && i < set->rule_count; i++) {
        err = check_rule(set, i, diag);
    }

    return err;
}


static dg_refusal_t
take_caller(const dg_certificates_t *set, const dg_certificate_rule_t *rule,
    dg_arena_t *arena, dg_caller_t *caller)
{
    size_t       begin;
    size_t       cap = sizeof(ARN_BEGIN) + set->account.len + sizeof(ARN_KIND)
                       + (set->name.len + rule->name.len) * ESCAPED_SIZE + 1;
    dg_writer_t  w = dg_writer(dg_arena_alloc(arena, cap), cap);

    if (w.data == NULL) {
        return DG_REFUSE_INTERNAL;
    }

    dg_write_cstr(&w, ARN_BEGIN);
    dg_write_span(&w, set->account);
    begin = w.len + 1;
    dg_write_cstr(&w, ARN_KIND);
    dg_write_arn_part(&w, set->name);
    dg_write_char(&w, '/');
    dg_write_arn_part(&w, rule->name);

    *caller = (dg_caller_t) {
        .kind = DG_CALLER_CERTIFICATE,
        .verified = true,
        .arn = dg_written(&w),
        .user_id = dg_span_slice(dg_written(&w), begin, w.len),
        .account = set->account,
        .principal_type = DG_SPAN("Unknown"),
        .issuer = set->name,
        .subject = rule->name,
        .tags = rule->tags,
        .tag_count = rule->tag_count
    };

    return DG_ALLOWED;
}


dg_refusal_t
dg_certificate_caller(const dg_certificates_t *set,
    const dg_certificate_t *certificate, dg_arena_t *arena,
    dg_caller_t *caller)
{
    const dg_certificate_rule_t  *found = NULL;

    for (size_t i = 0; i < set->rule_count; i++) {
        const dg_certificate_rule_t  *rule = &set->rules[i];

        for (size_t n = 0; n < certificate->name_count; n++) {
            if (!is_shown(&rule->shows, &certificate->names[n])) {
                continue;
            }

            if (found != NULL && !dg_span_equal(found->name, rule->name)) {
                return DG_REFUSE_CERTIFICATE_UNKNOWN;
            }

            found = rule;
        }
    }

    return found ? take_caller(set, found, arena, caller)
                 : DG_REFUSE_CERTIFICATE_UNKNOWN;
}


void
dg_certificate_write(dg_writer_t *w, const dg_certificate_t *certificate)
{
    static const char *const  parts[] = { "dn ", "san URI ", "san DNS ",
                                          "san EMAIL " };

    for (size_t i = 0; i < certificate->name_count; i++) {
        dg_write_cstr(w, i ? "; " : "");
        dg_write_cstr(w, parts[certificate->names[i].part]);
        dg_json_write_string(w, certificate->names[i].value);
    }
}
