/*
 * Target functions: dg_sigv4_read, dg_sigv4_presented, dg_sigv4_write_reason,
 * dg_sigv4_select_listed, dg_query_parse, dg_query_value,
 * dg_request_text_parse.
 *
 * The input is a request as text.  Whatever it holds, an answer comes that
 * agrees with itself: what is allowed is complete and in time, what is said
 * to a client is short and printable.
 */

#include "dg_request_text.h"
#include "dg_sigv4.h"

#include <stdlib.h>

#define NOW  1440938160  /* 20150830T123600Z */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(bool holds)
{
    if (!holds) {
        abort();
    }
}


static void
check_allowed(const dg_request_t *request, const dg_sigv4_claim_t *claim)
{
    dg_sigv4_selection_t  selection;

    must(claim->form != DG_SIGV4_FORM_NONE && claim->missing == 0);
    must(claim->access_key_id.len > 0
         && claim->access_key_id.len <= DG_SIGV4_ACCESS_KEY_MAX);
    must(dg_span_equal(claim->date, dg_span(claim->time, 8)));
    must(claim->valid_until >= NOW && claim->signed_at <= NOW + 900);
    must(claim->form == DG_SIGV4_FORM_HEADER ? claim->expires == 0
                                             : claim->expires > 0);
    must(dg_sigv4_select_listed(request, claim->signed_headers, &selection)
         == DG_OK);
    must(claim->signed_header_count > 0
         && claim->signed_header_count <= selection.count);
}


static void
check_reason(dg_refusal_t refusal, const dg_sigv4_claim_t *claim,
    const dg_sigv4_rules_t *rules)
{
    char         text[DG_SIGV4_REASON_MAX];
    dg_writer_t  w = dg_writer(text, sizeof(text));

    must(dg_sigv4_write_reason(&w, refusal, claim, rules, NOW)
         == (w.len > 0));
    must(!w.overflow);

    for (size_t i = 0; i < w.len; i++) {
        must(text[i] >= ' ' && text[i] < 0x7f);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t            block[DG_SIGV4_TARGET_MAX * 2];
    unsigned           forms;
    dg_span_t          regions[] = { DG_SPAN("us-east-1") };
    dg_span_t          services[] = { DG_SPAN("workspaces") };
    dg_arena_t         arena;
    dg_refusal_t       refusal;
    dg_sigv4_claim_t   claim;
    dg_sigv4_rules_t   rules = {
        .regions = regions, .region_count = 1,
        .services = services, .service_count = 1,
        .skew = DG_SIGV4_SKEW_DEFAULT
    };
    dg_request_text_t  text;

    if (dg_request_text_parse(dg_span(data, size), &text, NULL) != DG_OK) {
        return 0;
    }

    dg_arena_init(&arena, block, sizeof(block));
    rules.allow_unsigned_payload = size % 2;

    forms = dg_sigv4_presented(&text.request);
    refusal = dg_sigv4_read(&text.request, &rules, NOW, &arena, &claim);

    must(refusal < DG_REFUSAL_COUNT && refusal != DG_REFUSE_INTERNAL);
    must(refusal != DG_REFUSE_CREDENTIALS_MISSING || forms == 0);

    if (refusal == DG_ALLOWED) {
        must(forms == DG_SIGV4_IN_HEADER || forms == DG_SIGV4_IN_QUERY);
        check_allowed(&text.request, &claim);
    }

    check_reason(refusal, &claim, &rules);
    return 0;
}
