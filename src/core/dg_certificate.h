/*
 * Client certificates as callers.
 *
 * A certificate here is one whose chain TLS has verified; nothing of it is
 * verified again.  What it says of its holder are its subject, written as RFC
 * 2253 has it and as nginx's $ssl_client_s_dn is, and its subject alternative
 * names of kind URI, DNS and email (RFC 5280 section 4.2.1.6).  They are
 * compared whole, byte for byte: "*" means nothing, nor does the case of a
 * letter, and a part of a subject is nobody.
 */

#ifndef DG_CERTIFICATE_H
#define DG_CERTIFICATE_H

#include "dg_arena.h"
#include "dg_caller.h"
#include "dg_crypto.h"
#include "dg_refusal.h"

#include <openssl/x509.h>

#define DG_CERTIFICATE_DN_MAX     4096  /* bytes of a subject */
#define DG_CERTIFICATE_NAMES_MAX    64  /* alternative names */
#define DG_CERTIFICATE_NAME_MAX   1024  /* bytes of one, or of a caller's */

/* What of a certificate is compared. */
typedef enum {
    DG_CERTIFICATE_DN = 0,
    DG_CERTIFICATE_URI,
    DG_CERTIFICATE_DNS,
    DG_CERTIFICATE_EMAIL
} dg_certificate_part_t;

typedef struct {
    dg_certificate_part_t  part;
    dg_span_t              value;
} dg_certificate_name_t;

/* Who holds a certificate. */
typedef struct {
    dg_certificate_name_t  shows;
    dg_span_t              name;  /* of the caller */
    const dg_attribute_t  *tags;
    size_t                 tag_count;
} dg_certificate_rule_t;

typedef struct {
    dg_span_t                     name;     /* as configured */
    dg_span_t                     account;  /* 12 digits */
    const dg_certificate_rule_t  *rules;
    size_t                        rule_count;
} dg_certificates_t;

/* What a certificate says; names[0] is the subject. */
typedef struct {
    const dg_certificate_name_t  *names;
    size_t                        name_count;
} dg_certificate_t;


/*
 * SHA-256 of the certificate's DER form, which a token is bound to (RFC 8705
 * section 3.1).  DG_ERR_CRYPTO.
 */
DG_MUST_USE dg_err_t dg_certificate_hash(const X509 *x509,
    uint8_t out[DG_SHA256_SIZE]);

/* True when `now` is within its dates; a connection may outlive them. */
bool dg_certificate_is_current(const X509 *x509, int64_t now);

/*
 * Reads subject and names, which live as long as the arena.  DG_ERR_LIMIT;
 * DG_ERR_INVALID when the alternative names come twice, are not well-formed
 * or hold a control character; DG_ERR_MEMORY.
 */
DG_MUST_USE dg_err_t dg_certificate_read(const X509 *x509,
    dg_arena_t *arena, dg_certificate_t *certificate);

/*
 * Checks a configuration: account, a rule at least, names that are no longer
 * than they may be, nothing that two rules speak of, and one set of tags for
 * each caller.  DG_ERR_MISSING, DG_ERR_INVALID or DG_ERR_LIMIT with *diag.
 */
DG_MUST_USE dg_err_t dg_certificates_check(const dg_certificates_t *set,
    dg_diag_t *diag);

/*
 * Whose certificate it is.  Every rule that speaks of it must name one and
 * the same caller: kind DG_CALLER_CERTIFICATE, verified, ARN
 * arn:aws:deskgate::ACCOUNT:certificate/SET/NAME with NAME as
 * dg_write_arn_part() has it, user_id the part behind the last colon, issuer
 * the set's name, subject NAME.  He lives as long as the arena and the set.
 *
 * DG_ALLOWED, DG_REFUSE_CERTIFICATE_UNKNOWN or DG_REFUSE_INTERNAL (memory).
 */
DG_MUST_USE dg_refusal_t dg_certificate_caller(const dg_certificates_t *set,
    const dg_certificate_t *certificate, dg_arena_t *arena,
    dg_caller_t *caller);

/*
 * What the certificate says, for the error log: `dn "..."; san URI "..."` and
 * so on; quotes, backslashes and what is not ASCII are escaped as in JSON.
 */
void dg_certificate_write(dg_writer_t *w,
    const dg_certificate_t *certificate);

#endif
