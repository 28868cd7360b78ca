/*
 * JSON numbers as integers.
 */

#include "dg_json.h"

#include "tap.h"


int
main(void)
{
    static const struct {
        const char  *text;
        int64_t      value;
    } whole[] = {
        { "0", 0 }, { "-0", 0 }, { "7", 7 }, { "-7", -7 }, { "3600", 3600 },
        { "3600.0", 3600 }, { "36e2", 3600 }, { "36E+2", 3600 },
        { "3.6e3", 3600 }, { "360000e-2", 3600 }, { "1.50e1", 15 },
        { "0e999999999999", 0 }, { "0.000e-5", 0 }, { "0.0", 0 },
        { "9223372036854775807", INT64_MAX },
        { "-9223372036854775808", INT64_MIN },
        { "9223372036854775807.000", INT64_MAX },
        { "922337203685477580.7e1", INT64_MAX },
        { "1e18", 1000000000000000000 },
    };
    static const char *const  refused[] = {
        "", "-", "+1", "01", "-01", "1.", ".1", "1e", "1e+", "1 ", " 1",
        "1x", "0x10", "1.5", "1e-1", "15e-1", "0.1", "1e19", "-1e19",
        "9223372036854775808", "-9223372036854775809",
        "99999999999999999999999", "1e999999999999999999999",
        "1e-999999999999999999999", "NaN", "1_000", "--1"
    };

    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        int64_t  value = -12345;

        is_int(dg_json_to_i64(dg_span_cstr(whole[i].text), &value), DG_OK,
               "whole: %s", whole[i].text);
        is_int(value, whole[i].value, "its value");
    }

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        int64_t  value = -12345;

        is_int(dg_json_to_i64(dg_span_cstr(refused[i]), &value),
               DG_ERR_INVALID, "refused: \"%s\"", refused[i]);
        is_int(value, -12345, "value left alone");
    }

    return done_testing();
}
