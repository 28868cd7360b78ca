/*
 * Where another evaluator of IAM policies reads a text differently: what is
 * decided here, and why.  Such texts are left out of the comparison in
 * t/interop/policies.
 */

#include "policy.h"

static world_t  w;


static void
decides(dg_policy_effect_t want, const char *condition, const char *key,
    const char *value, const char *name)
{
    char    text[512];
    fact_t  facts[] = { { .key = key, .values = { value } },
                        { .key = NULL } };

    snprintf(text, sizeof(text), VERSION ALLOW ", 'Condition': {%s}}}",
             condition);
    is_int(world_one(&w, text, facts), want, "%s", name);
}


static void
test_conditions(void)
{
    decides(DG_POLICY_ALLOW, "'DateEquals': {'k:k': '1767225600'}", "k:k",
            "2026-01-01T00:00:00Z",
            "a number is seconds since 1970, as the reference says");
    decides(DG_POLICY_ALLOW, "'IpAddress': {'k:k': '0.0.0.0/0'}", "k:k",
            "10.0.0.1", "a prefix of no bits is every address of the family");
    decides(DG_POLICY_DENY_IMPLICIT, "'IpAddress': {'k:k': '0.0.0.0/0'}",
            "k:k", "2001:db8::1", "and none of the other");
    decides(DG_POLICY_ALLOW, "'NotIpAddress': {'k:k': '10.0.0.0/8'}", "k:k",
            "2001:db8::1", "which is therefore outside");
    decides(DG_POLICY_ALLOW, "'StringNotEquals': {'k:k': '${n:n}'}", "k:k",
            "a", "a variable without a value equals nothing, so that a Deny "
            "with the negated operator still denies");
    decides(DG_POLICY_DENY_IMPLICIT, "'StringEquals': {'k:k': '${n:n}'}",
            "k:k", "a", "and an Allow with the positive one does not allow");
    decides(DG_POLICY_ALLOW,
            "'ForAnyValue:StringEqualsIfExists': {'n:n': 'a'}", "k:k", "a",
            "IfExists holds for a missing key with any quantifier");
    decides(DG_POLICY_ALLOW, "'StringEquals': {'k:k': 'a${*}'}", "k:k", "a*",
            "an escaped wildcard is that character for every operator");
    decides(DG_POLICY_ALLOW, "'Null': {'n:n': 'true'}", "k:k", "a",
            "Null holds for a missing key");
    decides(DG_POLICY_ALLOW, "'Null': {'k:k': 'true'}", "k:k", NULL,
            "and for an empty list, which has nothing to compare");
}


/*
 * Dates are either form on both sides; an address that is written otherwise
 * is the same address, and one of the other family is outside.
 */
static void
test_values(void)
{
    decides(DG_POLICY_ALLOW, "'DateLessThan': {'k:k': '1767225601'}", "k:k",
            "2026-01-01T00:00:00Z", "seconds in the policy, a date in the "
            "request");
    decides(DG_POLICY_ALLOW, "'DateEquals': {'k:k': '2026-01-01T00:00:00Z'}",
            "k:k", "1767225600", "and the other way round");
    decides(DG_POLICY_ALLOW, "'IpAddress': {'k:k': '2001:db8:0:0:0:0:0:1'}",
            "k:k", "2001:db8::1", "an address in its long form");
    decides(DG_POLICY_ALLOW, "'NotIpAddress': {'k:k': '2001:db8::1'}", "k:k",
            "10.0.0.1", "an address of the other family is outside of a "
            "single one too");
    decides(DG_POLICY_ALLOW, "'NotIpAddress': {'k:k': '10.0.0.1'}", "k:k",
            "2001:db8::1", "in either order");
    decides(DG_POLICY_ALLOW, "'IpAddress': {'k:k': '::/0'}", "k:k",
            "2001:db8::1", "::/0 is every address of IPv6");
    decides(DG_POLICY_ALLOW, "'IpAddress': {'k:k': '::/0'}", "k:k",
            "10.0.0.1", "and IPv4's as mapped ones");
}


/* An empty value is a value: the key is there. */
static void
test_empty(void)
{
    decides(DG_POLICY_ALLOW, "'StringEquals': {'k:k': ''}", "k:k", "",
            "an empty value equals an empty text");
    decides(DG_POLICY_ALLOW, "'StringEquals': {'k:k': '${k:k}'}", "k:k", "",
            "a variable with an empty value is empty text");
    decides(DG_POLICY_DENY_IMPLICIT, "'Null': {'k:k': 'true'}", "k:k", "",
            "a key with an empty value is there");
}


static void
test_escapes(void)
{
    decides(DG_POLICY_ALLOW, "'StringEquals': {'k:k': '${*}'}", "k:k", "*",
            "${*} equals a star");
    decides(DG_POLICY_DENY_IMPLICIT, "'StringLike': {'k:k': '${*}'}", "k:k",
            "a", "and matches nothing else");
    decides(DG_POLICY_ALLOW, "'StringEquals': {'k:k': '${?}${$}'}", "k:k",
            "?$", "so do the others");
    decides(DG_POLICY_DENY_IMPLICIT,
            "'StringNotEqualsIgnoreCase': {'k:k': 'a${*}'}", "k:k", "A*",
            "under negated operators too");
    decides(DG_POLICY_ALLOW, "'StringNotLike': {'k:k': '${n:n}'}", "k:k",
            "a", "a variable without a value is like nothing");
    decides(DG_POLICY_ALLOW, "'StringNotLikeIfExists': {'k:k': '${n:n}'}",
            "k:k", "a", "with IfExists too: the key is there");
    decides(DG_POLICY_ALLOW,
            "'ForAnyValue:StringNotEqualsIfExists': {'n:n': 'a'}", "k:k",
            "a", "IfExists and ForAnyValue, negated, a missing key");
    decides(DG_POLICY_ALLOW,
            "'ForAnyValue:StringLikeIfExists': {'k:k': 'a'}", "k:k", NULL,
            "and an empty list, which counts as missing");
}


#define GRANT(principal)  VERSION "{'Effect': 'Allow', 'Action': '*', "     \
                          "'Resource': '*', 'Principal': " principal "}}"
#define EXEMPT(principal) VERSION "{'Effect': 'Deny', 'Action': '*', "      \
                          "'Resource': '*', 'NotPrincipal': " principal "}}"
#define ANN   "arn:aws:iam::123456789012:user/ann"
#define DESK  "arn:aws:sts::123456789012:assumed-role/desk/ann"


static dg_policy_effect_t
under(const char *granting, dg_policy_form_t form, const char *cap)
{
    document_t  documents[] = { { DG_POLICY_RESOURCE, granting },
                                { form, cap },
                                { DG_POLICY_IDENTITY, VERSION ALLOW "}}" } };

    return world_decide(&w, documents, 3, NULL);
}


/*
 * What a resource policy grants is capped whoever it names: IAM spares
 * grants to a user's or session's very ARN, some of them to everybody.
 */
static void
test_caps(void)
{
    static const char  other[] = VERSION "{'Effect': 'Allow', 'Action': "
                                 "'ec2:*', 'Resource': '*'}}";

    is_int(under(GRANT("'*'"), DG_POLICY_BOUNDARY, other),
           DG_POLICY_DENY_IMPLICIT, "a boundary caps a grant to everybody");
    is_int(under(GRANT("{'AWS': '" ANN "'}"), DG_POLICY_BOUNDARY, other),
           DG_POLICY_DENY_IMPLICIT, "and to the very user");
    w.request.principal.arn = DG_SPAN(DESK);
    is_int(under(GRANT("{'AWS': '" DESK "'}"), DG_POLICY_SESSION, other),
           DG_POLICY_DENY_IMPLICIT, "a session policy one to the session");
    w.options.direct_grants_uncapped = true;
    is_int(under(GRANT("{'AWS': '" DESK "'}"), DG_POLICY_SESSION, other),
           DG_POLICY_ALLOW, "which IAM's reference spares");
    w.options.direct_grants_uncapped = false;
    w.request.principal.arn = DG_SPAN(ANN);
}


/*
 * NotPrincipal exempts whom it names, as it is written.  IAM's reference
 * wants the account beside the user, and denies whoever has a boundary.
 */
static void
test_exempt(void)
{
    static const char  all[] = VERSION ALLOW "}}";

    is_int(under(EXEMPT("{'AWS': '" ANN "'}"), DG_POLICY_SESSION, all),
           DG_POLICY_ALLOW, "the named user is exempt");
    is_int(under(EXEMPT("{'AWS': '" ANN "'}"), DG_POLICY_BOUNDARY, all),
           DG_POLICY_ALLOW, "also under a boundary");
    is_int(under(EXEMPT("{'AWS': ['arn:aws:iam::123456789012:role/desk', '"
                        ANN "']}"), DG_POLICY_SESSION, all),
           DG_POLICY_ALLOW, "and named in a list with others");
    is_int(under(EXEMPT("{'AWS': '123456789012'}"), DG_POLICY_SESSION, all),
           DG_POLICY_DENY_EXPLICIT, "his account exempts its root alone");
    is_int(under(EXEMPT("{'AWS': 'arn:aws:iam::123456789012:root'}"),
                 DG_POLICY_SESSION, all),
           DG_POLICY_DENY_EXPLICIT, "so does the root's ARN");
}


/* A text of Version 2008 has no variables. */
static void
test_documents(void)
{
    static const fact_t  facts[] = {
        { .key = "k:k", .values = { "${k:k}" } }, { .key = NULL }
    };

    is_int(world_one(&w, "{'Version': '2008-10-17', 'Statement': " ALLOW
                     ", 'Condition': {'StringEquals': {'k:k': '${k:k}'}}}}",
                     facts),
           DG_POLICY_ALLOW, "what looks like a variable is text in 2008");
    is_int(world_one(&w, VERSION "{'Effect': 'Allow', 'Action': '*', "
                     "'NotResource': 'arn:aws:a:r:1:${n:n}'}}", facts),
           DG_POLICY_ALLOW, "a variable without a value names no resource, "
           "so that NotResource is every one");
}


int
main(void)
{
    world_init(&w);
    test_conditions();
    test_values();
    test_empty();
    test_escapes();
    test_documents();
    test_caps();
    test_exempt();
    world_free(&w);

    return done_testing();
}
