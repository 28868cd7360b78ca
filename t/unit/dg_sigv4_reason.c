#include "dg_sigv4.h"
#include "tap.h"

#define SIGNED_AT  1440938160  /* 20150830T123600Z */

static const dg_span_t  services[] = {
    { (const uint8_t *) "workspaces", 10 },
    { (const uint8_t *) "ssm-guiconnect", 14 }
};

static const dg_sigv4_rules_t  rules = {
    .services = services, .service_count = 2, .skew = 900
};


static void
is_reason(dg_refusal_t refusal, const dg_sigv4_claim_t *claim, int64_t now,
    const char *want, const char *name)
{
    char         text[DG_SIGV4_REASON_MAX];
    bool         written;
    dg_writer_t  w = dg_writer(text, sizeof(text));

    written = dg_sigv4_write_reason(&w, refusal, claim, &rules, now);
    ok(written == (want != NULL) && !w.overflow, "%s", name);
    is_text(dg_written(&w), want ? want : "", "%s: text", name);
}


int
main(void)
{
    dg_sigv4_claim_t  claim = {
        .form = DG_SIGV4_FORM_HEADER,
        .date = DG_SPAN("20150829"),
        .signed_at = SIGNED_AT,
        .valid_until = SIGNED_AT + 900
    };

    memcpy(claim.time, "20150830T123600Z", sizeof(claim.time));

    is_reason(DG_REFUSE_SIGNATURE_EXPIRED, &claim, SIGNED_AT + 1800,
              "Signature expired: 20150830T123600Z is now earlier than "
              "20150830T125100Z (20150830T130600Z - 15 min.)", "expired");
    is_reason(DG_REFUSE_SIGNATURE_EARLY, &claim, SIGNED_AT - 1800,
              "Signature not yet current: 20150830T123600Z is still later "
              "than 20150830T122100Z (20150830T120600Z + 15 min.)", "early");
    is_reason(DG_REFUSE_SCOPE_DATE, &claim, SIGNED_AT,
              "Date in Credential scope does not match YYYYMMDD from "
              "ISO-8601 version of date from HTTP: '20150829' != '20150830', "
              "from '20150830T123600Z'.", "date");
    is_reason(DG_REFUSE_SCOPE_SERVICE, &claim, SIGNED_AT,
              "Credential should be scoped to correct service: 'workspaces',"
              " 'ssm-guiconnect'.", "service");
    is_reason(DG_REFUSE_SCOPE_REGION, &claim, SIGNED_AT,
              "Credential should be scoped to a valid Region.", "region");
    is_reason(DG_REFUSE_SCOPE_TERMINATOR, &claim, SIGNED_AT,
              "Credential should be scoped with a valid terminator: "
              "'aws4_request'.", "terminator");

    claim.missing = DG_SIGV4_PART_CREDENTIAL | DG_SIGV4_PART_SIGNATURE;
    is_reason(DG_REFUSE_SIGNATURE_INCOMPLETE, &claim, SIGNED_AT,
              "Authorization header requires 'Credential' parameter. "
              "Authorization header requires 'Signature' parameter.",
              "parts of the header");
    claim.missing = DG_SIGV4_PART_DATE;
    is_reason(DG_REFUSE_SIGNATURE_INCOMPLETE, &claim, SIGNED_AT,
              "Authorization header requires existence of either a "
              "'X-Amz-Date' or a 'Date' header.", "date of the header form");
    claim.missing = 0;
    is_reason(DG_REFUSE_SIGNATURE_INCOMPLETE, &claim, SIGNED_AT, NULL,
              "nothing to name");

    claim.form = DG_SIGV4_FORM_QUERY;
    claim.valid_until = SIGNED_AT + 61;
    is_reason(DG_REFUSE_SIGNATURE_EXPIRED, &claim, SIGNED_AT + 120,
              "Signature expired: 20150830T123600Z is now earlier than "
              "20150830T123659Z (20150830T123800Z - 61 s)",
              "presigned and expired");
    claim.missing = 63;
    is_reason(DG_REFUSE_SIGNATURE_INCOMPLETE, &claim, SIGNED_AT,
              "AWS query-string parameters must include 'X-Amz-Credential'. "
              "AWS query-string parameters must include "
              "'X-Amz-SignedHeaders'. "
              "AWS query-string parameters must include 'X-Amz-Signature'. "
              "AWS query-string parameters must include 'X-Amz-Date'. "
              "AWS query-string parameters must include 'X-Amz-Expires'. "
              "AWS query-string parameters must include 'X-Amz-Algorithm'.",
              "all parts of the query");

    claim.unsigned_header = DG_SPAN("X-Amz-Target");
    is_reason(DG_REFUSE_HEADER_UNSIGNED, &claim, SIGNED_AT,
              "'X-Amz-Target' must be a 'SignedHeader' in the AWS "
              "Authorization.", "unsigned header");
    claim.unsigned_header = DG_SPAN("x-amz-\n<b>");
    is_reason(DG_REFUSE_HEADER_UNSIGNED, &claim, SIGNED_AT, NULL,
              "an odd name is not repeated");
    is_reason(DG_REFUSE_SIGNATURE_MISMATCH, &claim, SIGNED_AT, NULL,
              "the table has the text");

    return done_testing();
}
