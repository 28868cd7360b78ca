/*
 * dg_caller: copies that need nothing of what they were copied from.
 */

#include "tap.h"

#include "dg_caller.h"

#include <stdlib.h>

static char  texts[21][32];


static dg_span_t
text(int i, const char *s)
{
    snprintf(texts[i], sizeof(texts[i]), "%s", s);
    return dg_span_cstr(texts[i]);
}


static void
is_whole(const dg_caller_t *c, const char *name)
{
    ok(c->kind == DG_CALLER_JWT && c->verified && c->issued_at == 5
       && c->expires_at == 7, "%s: scalars", name);
    is_span(c->arn, DG_SPAN("arn"), "%s: arn", name);
    is_span(c->user_id, DG_SPAN("user-id"), "%s: user_id", name);
    is_span(c->account, DG_SPAN("account"), "%s: account", name);
    is_span(c->user_name, DG_SPAN("user-name"), "%s: user_name", name);
    is_span(c->principal_type, DG_SPAN("type"), "%s: principal_type", name);
    is_span(c->access_key_id, DG_SPAN("key-id"), "%s: access_key_id", name);
    is_span(c->issuer, DG_SPAN("issuer"), "%s: issuer", name);
    is_span(c->issuer_url, DG_SPAN("url"), "%s: issuer_url", name);
    is_span(c->subject, DG_SPAN("subject"), "%s: subject", name);
    is_span(c->token_id, DG_SPAN("jti"), "%s: token_id", name);
    is_span(c->kid, DG_SPAN("kid"), "%s: kid", name);
    is_span(c->source_identity, DG_SPAN("who"), "%s: source_identity", name);
    is_span(c->reason, DG_SPAN("why"), "%s: reason", name);
    is_span(c->dcv_user, DG_SPAN("desk"), "%s: dcv_user", name);
    is_int(c->mfa, DG_MFA_PRESENT, "%s: mfa", name);
    is_int(c->session_policy_count, 1, "%s: session policies", name);
    is_span(c->session_policies[0], DG_SPAN("cap"), "%s: one", name);
    is_int(c->group_count, 2, "%s: groups", name);
    is_span(c->groups[1], DG_SPAN("group-b"), "%s: a group", name);
    is_int(c->tag_count, 1, "%s: tags", name);
    is_span(c->tags[0].value, DG_SPAN("tag-value"), "%s: a tag", name);
    is_int(c->claim_count, 1, "%s: claims", name);
    is_span(c->claims[0].name, DG_SPAN("claim"), "%s: a claim", name);
    is_int(c->claims[0].value.len, 0, "%s: an empty value", name);
    is_int(c->policy_file_count, 1, "%s: policy files", name);
    is_span(c->policy_files[0], DG_SPAN("file"), "%s: a file", name);
}


int
main(void)
{
    dg_span_t       groups[2], files[1], caps[1];
    dg_attribute_t  tag, claim;
    dg_caller_t     caller, empty = { 0 };
    dg_caller_t    *copy, *again;
    size_t          size;

    groups[0] = text(0, "group-a");
    groups[1] = text(1, "group-b");
    files[0] = text(2, "file");
    caps[0] = text(19, "cap");
    tag = (dg_attribute_t) { text(3, "tag"), text(4, "tag-value") };
    claim = (dg_attribute_t) { text(5, "claim"), DG_SPAN_EMPTY };
    caller = (dg_caller_t) {
        .kind = DG_CALLER_JWT, .verified = true,
        .arn = text(6, "arn"), .user_id = text(7, "user-id"),
        .account = text(8, "account"), .user_name = text(9, "user-name"),
        .principal_type = text(10, "type"),
        .access_key_id = text(11, "key-id"), .issuer = text(12, "issuer"),
        .issuer_url = text(13, "url"), .subject = text(14, "subject"),
        .token_id = text(15, "jti"), .kid = text(16, "kid"),
        .issued_at = 5, .expires_at = 7,
        .groups = groups, .group_count = 2, .tags = &tag, .tag_count = 1,
        .claims = &claim, .claim_count = 1,
        .policy_files = files, .policy_file_count = 1,
        .source_identity = text(20, "who"), .reason = text(17, "why"),
        .dcv_user = text(18, "desk"), .mfa = DG_MFA_PRESENT,
        .session_policies = caps, .session_policy_count = 1
    };

    size = dg_caller_size(&caller);
    copy = dg_caller_copy(&caller, malloc(size));
    memset(texts, 'x', sizeof(texts));
    memset(groups, 0, sizeof(groups));
    memset(files, 0, sizeof(files));
    memset(caps, 0, sizeof(caps));
    memset(&tag, 0, sizeof(tag));
    memset(&claim, 0, sizeof(claim));
    memset(&caller, 0, sizeof(caller));
    is_whole(copy, "copy");
    is_int(dg_caller_size(copy), size, "as large as the first");

    again = dg_caller_copy_block(copy, size, malloc(size));
    memset((void *) copy, 'x', size);
    free(copy);
    is_whole(again, "copy of the block");
    free(again);

    size = dg_caller_size(&empty);
    is_int(size, sizeof(empty), "nothing to point to");
    copy = dg_caller_copy(&empty, malloc(size));
    again = dg_caller_copy_block(copy, size, malloc(size));
    ok(again->groups == NULL && again->arn.data == NULL, "stays nothing");
    free(copy);
    free(again);

    return done_testing();
}
