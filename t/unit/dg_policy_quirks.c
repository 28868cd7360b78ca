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
    test_documents();
    world_free(&w);

    return done_testing();
}
