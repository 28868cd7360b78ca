/*
 * Conditions: the table of missing keys, for every operator; values of every
 * family; several values; what is refused at load.
 */

#include "policy.h"

static world_t  w;

static const struct {
    const char  *name;
    const char  *value;     /* in the policy */
    const char  *same;      /* in the request: the positive operator holds */
    const char  *other;     /* it does not */
    bool         negated;
} operators[] = {
    { "StringEquals", "a", "a", "A", false },
    { "StringNotEquals", "a", "a", "A", true },
    { "StringEqualsIgnoreCase", "aB", "Ab", "abc", false },
    { "StringNotEqualsIgnoreCase", "aB", "Ab", "abc", true },
    { "StringLike", "a*c?", "abbcd", "abbc", false },
    { "StringNotLike", "a*c?", "abbcd", "abbc", true },
    { "NumericEquals", "42", "42.0", "41", false },
    { "NumericNotEquals", "42", "4.2e1", "43", true },
    { "NumericLessThan", "10", "9.999", "10", false },
    { "NumericLessThanEquals", "10", "10", "10.0001", false },
    { "NumericGreaterThan", "-1", "0", "-1", false },
    { "NumericGreaterThanEquals", "-1", "-1.0", "-1.1", false },
    { "DateEquals", "2026-10-01T08:00:00Z", "2026-10-01T10:00:00+02:00",
      "2026-10-01T08:00:01Z", false },
    { "DateNotEquals", "2026-10-01T08:00:00Z", "1790841600", "1790841601",
      true },
    { "DateLessThan", "2026-10-01", "2026-09-30T23:59:59Z", "1790812800",
      false },
    { "DateLessThanEquals", "2026-10-01T08:00Z", "1790841600", "1790841601",
      false },
    { "DateGreaterThan", "1790841600", "2026-10-01T08:00:00.5Z",
      "1790841600", false },
    { "DateGreaterThanEquals", "1790841600", "1790841600.0", "1790841599",
      false },
    { "Bool", "true", "True", "false", false },
    { "BinaryEquals", "aGk=", "aGk=", "aGo=", false },
    { "BinaryNotEquals", "aGk=", "aGk=", "aGo=", true },
    { "IpAddress", "10.0.0.0/8", "10.255.0.1", "11.0.0.1", false },
    { "NotIpAddress", "2001:db8::/32", "2001:db8:1::1", "2001:db9::1", true },
    { "ArnEquals", "arn:aws:iam::*:role/a*", "arn:aws:iam::1:role/a/b:c",
      "arn:aws:iam:x:1:role/a", false },
    { "ArnLike", "arn:aws:iam::*:role/a*", "arn:aws:iam::1:role/a/b",
      "arn:aws:iam::1:role/b", false },
    { "ArnNotEquals", "arn:aws:iam::1:user/a", "arn:aws:iam::1:user/a",
      "arn:aws:iam::1:user/A", true },
    { "ArnNotLike", "arn:aws:iam::1:user/?", "arn:aws:iam::1:user/a",
      "arn:aws:iam::1:user/ab", true },
};

#define OPERATORS  (sizeof(operators) / sizeof(operators[0]))

typedef enum { MISSING, EMPTY, SAME, OTHER, BOTH, CASES } case_t;

static const char *const  case_names[] = {
    "a missing key", "an empty list", "a value that matches",
    "a value that does not", "one that matches and one that does not"
};


static bool
holds(const char *prefix, const char *name, const char *suffix,
    const char *value, const fact_t *facts)
{
    char  text[1024];

    snprintf(text, sizeof(text), VERSION ALLOW
             ", 'Condition': {'%s%s%s': {'k:k': '%s'}}}}", prefix, name,
             suffix, value);

    return world_one(&w, text, facts) == DG_POLICY_ALLOW;
}


static bool
operator_holds(unsigned i, const char *prefix, const char *suffix,
    case_t what)
{
    fact_t  facts[2] = { { .key = "K:K" }, { .key = NULL } };

    if (what == MISSING) {
        facts[0].key = NULL;

    } else if (what == SAME || what == BOTH) {
        facts[0].values[0] = operators[i].same;
    }

    if (what == OTHER || what == BOTH) {
        facts[0].values[what == BOTH] = operators[i].other;
    }

    return holds(prefix, operators[i].name, suffix, operators[i].value,
                 facts);
}


/* What the IAM User Guide says, written as a table of its own. */
static void
test_matrix(void)
{
    static const struct {
        const char  *prefix;
        const char  *suffix;
        bool         positive[CASES];
        bool         negated[CASES];
    } rows[] = {
        { "", "",
          { false, false, true, false, true },
          { true, true, false, true, false } },
        { "", "IfExists",
          { true, true, true, false, true },
          { true, true, false, true, false } },
        { "ForAllValues:", "",
          { true, true, true, false, false },
          { true, true, false, true, false } },
        { "ForAnyValue:", "",
          { false, false, true, false, true },
          { false, false, false, true, true } },
        { "ForAllValues:", "IfExists",
          { true, true, true, false, false },
          { true, true, false, true, false } },
        { "ForAnyValue:", "IfExists",
          { true, true, true, false, true },
          { true, true, false, true, true } },
    };

    for (unsigned i = 0; i < OPERATORS; i++) {
        for (unsigned r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
            for (unsigned c = 0; c < CASES; c++) {
                bool  want = operators[i].negated ? rows[r].negated[c]
                                                  : rows[r].positive[c];

                is_int(operator_holds(i, rows[r].prefix, rows[r].suffix,
                                      (case_t) c), want,
                       "%s%s%s and %s", rows[r].prefix, operators[i].name,
                       rows[r].suffix, case_names[c]);
            }
        }
    }
}


static void
test_null(void)
{
    static const fact_t  present[] = { { .key = "k:k", .values = { "" } },
                                       { .key = NULL } };
    static const fact_t  empty[] = { { .key = "k:k" }, { .key = NULL } };

    ok(holds("", "Null", "", "true", NULL), "Null true: a missing key");
    ok(!holds("", "Null", "", "false", NULL), "Null false: a missing key");
    ok(!holds("", "Null", "", "true", present), "Null true: a present key");
    ok(holds("", "Null", "", "false", present), "Null false: a present key");
    ok(holds("", "Null", "", "true", empty),
       "Null true: an empty list counts as missing");
    ok(!holds("", "Null", "", "false", empty),
       "Null false: an empty list counts as missing");
}


/* Values that cannot be read match nothing, so negated operators hold. */
static void
test_unreadable(void)
{
    static const fact_t  foo[] = { { .key = "k:k", .values = { "foo" } },
                                   { .key = NULL } };
    static const fact_t  net[] = {
        { .key = "k:k", .values = { "10.0.0.0/9" } }, { .key = NULL } };

    ok(!holds("", "NumericLessThan", "", "5", foo), "foo is no number");
    ok(holds("", "NumericNotEquals", "", "5", foo), "foo is not 5");
    ok(!holds("", "DateLessThan", "", "2026-10-01", foo), "foo is no date");
    ok(!holds("", "Bool", "", "false", foo), "foo is not false");
    ok(!holds("", "IpAddress", "", "0.0.0.0/0", foo), "foo is no address");
    ok(!holds("", "IpAddress", "", "10.0.0.0/8", net),
       "a network is no address");
    ok(!holds("", "ArnLike", "", "arn:*:*:*:*:*", foo), "foo is no ARN");
}


static void
test_joined(void)
{
    static const fact_t  facts[] = {
        { .key = "a:a", .values = { "1" } },
        { .key = "b:b", .values = { "2" } },
        { .key = NULL }
    };

    is_int(world_one(&w, VERSION ALLOW ", 'Condition': {'StringEquals': "
                     "{'a:a': ['0', '1'], 'b:b': '2'}}}}", facts),
           DG_POLICY_ALLOW, "values are alternatives, keys are joined");
    is_int(world_one(&w, VERSION ALLOW ", 'Condition': {'StringEquals': "
                     "{'a:a': '1', 'b:b': '1'}}}}", facts),
           DG_POLICY_DENY_IMPLICIT, "one key that fails is enough");
    is_int(world_one(&w, VERSION ALLOW ", 'Condition': {'StringEquals': "
                     "{'a:a': '1'}, 'NumericEquals': {'b:b': 3}}}}", facts),
           DG_POLICY_DENY_IMPLICIT, "one operator that fails is enough");
    is_int(world_one(&w, VERSION ALLOW ", 'Condition': {'StringNotEquals': "
                     "{'a:a': ['0', '1']}}}}", facts),
           DG_POLICY_DENY_IMPLICIT, "a negated operator: none of the values");
    is_int(world_one(&w, VERSION ALLOW ", 'Condition': {'NumericEquals': "
                     "{'b:b': 2}, 'Bool': {'c:c': false}}}}", facts),
           DG_POLICY_DENY_IMPLICIT, "numbers and booleans without quotes");
}


/* ForAnyValue with a negated operator needs one value that differs. */
static void
test_several(void)
{
    static const fact_t  two[] = {
        { .key = "k:k", .values = { "a", "b" } }, { .key = NULL } };

    ok(!holds("ForAllValues:", "StringEquals", "", "a", two),
       "all of a and b are not a");
    ok(holds("ForAnyValue:", "StringNotEquals", "", "a", two),
       "one of a and b is not a");
    ok(!holds("ForAllValues:", "StringNotEquals", "", "a", two),
       "not all of a and b differ from a");
    ok(holds("", "StringEquals", "", "b", two),
       "without a quantifier one of several is enough");
    ok(!holds("", "StringNotEquals", "", "b", two),
       "and the negated operator is its opposite");
}


static void
refused(const char *condition, unsigned column, const char *says)
{
    char                text[1024];
    dg_diag_t           diag = { 0, 0, "" };
    const dg_policy_t  *policy;

    w.arena.pos = w.block;
    snprintf(text, sizeof(text), "{'Version': '2012-10-17', 'Statement':\n"
             "{'Effect': 'Allow', 'Action': '*', 'Resource': '*',\n"
             "'Condition': %s}}", condition);

    ok(world_load(&w, DG_POLICY_IDENTITY, text, &diag, &policy) != DG_OK,
       "refused: %s", condition);
    is_int(diag.line, 3, "the line");
    is_int(diag.column, column, "the column");

    if (!ok(strstr(diag.text, says) != NULL, "the words: %s", says)) {
        printf("# %s\n", diag.text);
    }
}


static void
test_refused(void)
{
    refused("{'StringEqual': {'k:k': 'a'}}", 15,
            "did you mean \"StringEquals\"");
    refused("{'ForAnyValues:StringLike': {'k:k': 'a'}}", 15,
            "unknown condition operator");
    refused("{'NullIfExists': {'k:k': 'true'}}", 15, "takes neither");
    refused("{'ForAllValues:Null': {'k:k': 'true'}}", 15, "takes neither");
    refused("{'StringEquals': {'k:k': []}}", 39, "without values");
    refused("{'StringEquals': {'k:k': {}}}", 39, "not object");
    refused("{'StringEquals': {'k:k': null}}", 39, "not null");
    refused("{'StringEquals': {}}", 31, "must be an object");
    refused("{'StringEquals': 'a'}", 31, "must be an object");
    refused("{'StringEquals': {'': 'a'}}", 32, "must have a name");
    refused("{'NumericEquals': {'k:k': 'x'}}", 40, "not a decimal number");
    refused("{'NumericEquals': {'k:k': '${a:b}'}}", 40,
            "String and Arn conditions only");
    refused("{'DateEquals': {'k:k': '2026-13-01'}}", 37, "is not a date");
    refused("{'Bool': {'k:k': 'yes'}}", 31, "\"true\" or \"false\"");
    refused("{'IpAddress': {'k:k': '10.0.0.0/33'}}", 36, "IPv4 or IPv6");
    refused("{'IpAddress': {'k:k': '10.0.0'}}", 36, "IPv4 or IPv6");
    refused("{'BinaryEquals': {'k:k': 'a'}}", 39, "Base64");
    refused("{'ArnLike': {'k:k': 'arn:aws:iam::*'}}", 34, "six parts");
    refused("{'StringLike': {'k:k': '${a:b'}}", 37, "malformed variable");
    refused("[]", 14, "object of operators");
}


static void
test_many(void)
{
    size_t  room = 400000, len;
    char   *text = malloc(room);

    len = (size_t) snprintf(text, room, VERSION ALLOW
                            ", 'Condition': {'StringLike': {'k:k': [");

    for (unsigned i = 0; i < 10000; i++) {
        len += (size_t) snprintf(text + len, room - len, "'*a%u*b',", i);
    }

    snprintf(text + len - 1, room - len + 1, "]}}}}");

    static const fact_t  last[] = {
        { .key = "k:k", .values = { "xa9999yb" } }, { .key = NULL } };

    is_int(world_one(&w, text, last), DG_POLICY_ALLOW,
           "10,000 values: the last one matches");

    text[len - 1] = ',';
    snprintf(text + len, room - len, "'z']}}}}");

    const dg_policy_t  *policy;
    dg_diag_t           diag = { 0, 0, "" };

    w.arena.pos = w.block;
    is_int(world_load(&w, DG_POLICY_IDENTITY, text, &diag, &policy),
           DG_ERR_LIMIT, "10,001 values are refused");
    free(text);
}


int
main(void)
{
    world_init(&w);

    test_matrix();
    test_null();
    test_unreadable();
    test_joined();
    test_several();
    test_refused();
    test_many();

    world_free(&w);

    return done_testing();
}
