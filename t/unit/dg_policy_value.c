/*
 * Typed values of conditions.
 */

#include "dg_policy_value.h"
#include "tap.h"


static void
order(const char *a, const char *b, int want)
{
    dg_decimal_t  x, y;
    int           got;

    if (dg_decimal_parse(dg_span_cstr(a), &x) != DG_OK
        || dg_decimal_parse(dg_span_cstr(b), &y) != DG_OK)
    {
        ok(false, "%s and %s are numbers", a, b);
        return;
    }

    got = dg_decimal_compare(&x, &y);
    is_int((got > 0) - (got < 0), want, "%s against %s", a, b);
    got = dg_decimal_compare(&y, &x);
    is_int((got > 0) - (got < 0), -want, "%s against %s", b, a);
}


static void
test_decimals(void)
{
    static const char *const  bad[] = {
        "", "-", "+", ".5", "5.", "1e", "1e+", "1 ", " 1", "0x1", "1,5",
        "NaN", "1e99999999999999999999", "--1"
    };
    dg_decimal_t              x;

    order("0", "-0.000", 0);
    order("007", "7", 0);
    order("+1", "1", 0);
    order("10", "9", 1);
    order("-10", "9", -1);
    order("-10", "-9", -1);
    order("0.1", "0.10", 0);
    order("0.1", "0.09", 1);
    order("1e3", "1000", 0);
    order("1.5E-2", "0.015", 0);
    order("123456789012345678901234567890", "123456789012345678901234567891",
          -1);
    order("0.30000000000000004", "0.3", 1);
    order("9007199254740993", "9007199254740992", 1);

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(dg_decimal_parse(dg_span_cstr(bad[i]), &x) != DG_OK,
           "\"%s\" is no number", bad[i]);
    }

    is_int(dg_decimal_parse(DG_SPAN("1234567890123456789012345678901234567890"
                                    "123456789012345678901234"), &x), DG_OK,
           "64 digits");
    is_int(dg_decimal_parse(DG_SPAN("1234567890123456789012345678901234567890"
                                    "1234567890123456789012345"), &x),
           DG_ERR_LIMIT, "65 digits");
}


static void
instant(const char *text, dg_err_t want, int64_t seconds, uint32_t nanos)
{
    dg_instant_t  i = { 0, 0 };

    is_int(dg_instant_parse(dg_span_cstr(text), &i), want, "\"%s\"", text);

    if (want == DG_OK) {
        is_int(i.seconds, seconds, "its seconds");
        is_int(i.nanoseconds, nanos, "its nanoseconds");
    }
}


static void
test_instants(void)
{
    instant("0", DG_OK, 0, 0);
    instant("1790841600", DG_OK, 1790841600, 0);
    instant("1790841600.25", DG_OK, 1790841600, 250000000);
    instant("2026-10-01", DG_OK, 1790812800, 0);
    instant("2026-10-01T08:00Z", DG_OK, 1790841600, 0);
    instant("2026-10-01T08:00+02:00", DG_OK, 1790834400, 0);
    instant("2026-10-01T08:00:00Z", DG_OK, 1790841600, 0);
    instant("2026-10-01T08:00:00.5Z", DG_OK, 1790841600, 500000000);
    instant("2026-02-30", DG_ERR_SYNTAX, 0, 0);
    instant("2026-10-01T08:00", DG_ERR_SYNTAX, 0, 0);
    instant("2026-10-01 08:00:00Z", DG_ERR_SYNTAX, 0, 0);
    instant("", DG_ERR_SYNTAX, 0, 0);
    instant("-1", DG_ERR_SYNTAX, 0, 0);
    instant("1.", DG_ERR_SYNTAX, 0, 0);
    instant("tomorrow", DG_ERR_SYNTAX, 0, 0);
}


static void
contains(const char *network, const char *address, bool want)
{
    dg_network_t  n, a;

    if (dg_network_parse(dg_span_cstr(network), &n, NULL) != DG_OK
        || dg_network_parse(dg_span_cstr(address), &a, NULL) != DG_OK)
    {
        ok(false, "%s and %s are read", network, address);
        return;
    }

    is_int(dg_network_contains(&n, &a), want, "%s in %s", address, network);
}


static void
test_networks(void)
{
    static const char *const  bad[] = {
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.256",
        "10.0.0", "010.0.0.1", "::/129", "::g", "10.0.0.1/8/8", "1.2.3.4 "
    };
    dg_network_t              n;
    bool                      host;

    contains("10.0.0.0/8", "10.1.2.3", true);
    contains("10.0.0.0/8", "11.0.0.0", false);
    contains("10.0.0.0/9", "10.128.0.0", false);
    contains("10.0.0.0/31", "10.0.0.1", true);
    contains("10.0.0.0/31", "10.0.0.2", false);
    contains("0.0.0.0/0", "255.255.255.255", true);
    contains("0.0.0.0/0", "2001:db8::1", false);
    contains("::/0", "2001:db8::1", true);
    contains("1.2.3.4", "1.2.3.4", true);
    contains("1.2.3.4", "::ffff:1.2.3.4", true);
    contains("2001:db8::/33", "2001:db8:8000::", false);
    contains("fe80::/10", "febf::1", true);

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(dg_network_parse(dg_span_cstr(bad[i]), &n, NULL) != DG_OK,
           "\"%s\" is no network", bad[i]);
    }

    is_int(dg_network_parse(DG_SPAN("10.0.0.1/8"), &n, &host), DG_OK,
           "bits behind the prefix");
    ok(host, "are told");
    is_int(dg_network_parse(DG_SPAN("10.0.0.0/8"), &n, &host), DG_OK,
           "none behind it");
    ok(!host, "none are told");
}


static void
test_binary(void)
{
    bool  truth;

    ok(dg_base64_equal(DG_SPAN("aGk="), DG_SPAN("aGk=")), "equal");
    ok(dg_base64_equal(DG_SPAN("aGk="), DG_SPAN("aGl=")),
       "equal but for unused bits");
    ok(!dg_base64_equal(DG_SPAN("aGk="), DG_SPAN("aGo=")), "different");
    ok(!dg_base64_equal(DG_SPAN("aGk="), DG_SPAN("aGk")), "no padding");
    ok(!dg_base64_equal(DG_SPAN("aGk="), DG_SPAN("bGk=")), "at the front");
    ok(dg_base64_equal(DG_SPAN(""), DG_SPAN("")), "empty");
    ok(!dg_base64_is_valid(DG_SPAN("a===")), "three pads");
    ok(!dg_base64_is_valid(DG_SPAN("aG-=")), "another alphabet");

    is_int(dg_truth_parse(DG_SPAN("TRUE"), &truth), DG_OK, "TRUE");
    ok(truth, "is true");
    is_int(dg_truth_parse(DG_SPAN("1"), &truth), DG_ERR_SYNTAX, "1 is not");
}


int
main(void)
{
    test_decimals();
    test_instants();
    test_networks();
    test_binary();

    return done_testing();
}
