/*
 * The sentences in which AWS says what is wrong with a signature: see
 * dg_sigv4.h.  Of what the client sent only a checked date, a checked time
 * and a header name that is a plain token come back.
 */

#include "dg_sigv4.h"
#include "dg_time.h"

#define HEADER_NAME_MAX  64


/* In the order of the DG_SIGV4_PART_* bits. */
static const char *const  header_missing[] = {
    "Authorization header requires 'Credential' parameter.",
    "Authorization header requires 'SignedHeaders' parameter.",
    "Authorization header requires 'Signature' parameter.",
    ("Authorization header requires existence of either a 'X-Amz-Date' or a"
     " 'Date' header.")
};

static const char *const  query_missing[] = {
    "AWS query-string parameters must include 'X-Amz-Credential'.",
    "AWS query-string parameters must include 'X-Amz-SignedHeaders'.",
    "AWS query-string parameters must include 'X-Amz-Signature'.",
    "AWS query-string parameters must include 'X-Amz-Date'.",
    "AWS query-string parameters must include 'X-Amz-Expires'.",
    "AWS query-string parameters must include 'X-Amz-Algorithm'."
};


static bool
write_missing(dg_writer_t *w, const dg_sigv4_claim_t *claim)
{
    bool                query = claim->form == DG_SIGV4_FORM_QUERY;
    bool                written = false;
    size_t              count;
    const char *const  *texts = query ? query_missing : header_missing;

    count = query ? sizeof(query_missing) / sizeof(query_missing[0])
                  : sizeof(header_missing) / sizeof(header_missing[0]);

    for (size_t i = 0; i < count; i++) {
        if (!(claim->missing & 1u << i)) {
            continue;
        }

        if (written) {
            dg_write_char(w, ' ');
        }

        dg_write_cstr(w, texts[i]);
        written = true;
    }

    return written;
}


static bool
write_service(dg_writer_t *w, const dg_sigv4_rules_t *rules)
{
    dg_write_cstr(w, "Credential should be scoped to correct service");

    for (size_t i = 0; i < rules->service_count; i++) {
        dg_write_cstr(w, i ? ", '" : ": '");
        dg_write_span(w, rules->services[i]);
        dg_write_char(w, '\'');
    }

    dg_write_char(w, '.');
    return true;
}


static bool
write_scope_date(dg_writer_t *w, const dg_sigv4_claim_t *claim)
{
    dg_write_cstr(w, "Date in Credential scope does not match YYYYMMDD from"
                     " ISO-8601 version of date from HTTP: '");
    dg_write_span(w, claim->date);
    dg_write_cstr(w, "' != '");
    dg_write(w, claim->time, DG_TIME_DATE_SIZE);
    dg_write_cstr(w, "', from '");
    dg_write(w, claim->time, sizeof(claim->time));
    dg_write_cstr(w, "'.");
    return true;
}


/* "(20150830T132500Z - 15 min.)" */
static void
write_bound(dg_writer_t *w, int64_t now, char sign, int64_t seconds)
{
    dg_write_cstr(w, " (");
    dg_time_write_amz(w, now);
    dg_write_char(w, ' ');
    dg_write_char(w, sign);
    dg_write_char(w, ' ');

    if (seconds % 60 == 0) {
        dg_write_i64(w, seconds / 60);
        dg_write_cstr(w, " min.)");

    } else {
        dg_write_i64(w, seconds);
        dg_write_cstr(w, " s)");
    }
}


static bool
write_expired(dg_writer_t *w, const dg_sigv4_claim_t *claim, int64_t now)
{
    int64_t  lifetime = claim->valid_until - claim->signed_at;

    dg_write_cstr(w, "Signature expired: ");
    dg_write(w, claim->time, sizeof(claim->time));
    dg_write_cstr(w, " is now earlier than ");
    dg_time_write_amz(w, now - lifetime);
    write_bound(w, now, '-', lifetime);
    return true;
}


static bool
write_early(dg_writer_t *w, const dg_sigv4_claim_t *claim,
    const dg_sigv4_rules_t *rules, int64_t now)
{
    dg_write_cstr(w, "Signature not yet current: ");
    dg_write(w, claim->time, sizeof(claim->time));
    dg_write_cstr(w, " is still later than ");
    dg_time_write_amz(w, now + rules->skew);
    write_bound(w, now, '+', rules->skew);
    return true;
}


static bool
is_plain_name(dg_span_t name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t  c = name.data[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_'))
        {
            return false;
        }
    }

    return name.len > 0 && name.len <= HEADER_NAME_MAX;
}


static bool
write_unsigned(dg_writer_t *w, const dg_sigv4_claim_t *claim)
{
    if (!is_plain_name(claim->unsigned_header)) {
        return false;
    }

    dg_write_char(w, '\'');
    dg_write_span(w, claim->unsigned_header);
    dg_write_cstr(w, "' must be a 'SignedHeader' in the AWS Authorization.");
    return true;
}


bool
dg_sigv4_write_reason(dg_writer_t *w, dg_refusal_t refusal,
    const dg_sigv4_claim_t *claim, const dg_sigv4_rules_t *rules,
    int64_t now)
{
    switch (refusal) {

    case DG_REFUSE_SIGNATURE_INCOMPLETE:
        return write_missing(w, claim);

    case DG_REFUSE_SCOPE_REGION:
        dg_write_cstr(w, "Credential should be scoped to a valid Region.");
        return true;

    case DG_REFUSE_SCOPE_SERVICE:
        return write_service(w, rules);

    case DG_REFUSE_SCOPE_TERMINATOR:
        dg_write_cstr(w, "Credential should be scoped with a valid"
                         " terminator: '" DG_SIGV4_TERMINATOR "'.");
        return true;

    case DG_REFUSE_SCOPE_DATE:
        return write_scope_date(w, claim);

    case DG_REFUSE_SIGNATURE_EXPIRED:
        return write_expired(w, claim, now);

    case DG_REFUSE_SIGNATURE_EARLY:
        return write_early(w, claim, rules, now);

    case DG_REFUSE_HEADER_UNSIGNED:
        return write_unsigned(w, claim);

    default:
        return false;
    }
}
