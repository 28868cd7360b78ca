/*
 * dg_codec: hexadecimal, Base64, percent encoding, UTF-8.
 */

#include "tap.h"

#include "dg_codec.h"

static uint8_t  out[4096];


/* The bytes decoded, or the empty span; *err says how it went. */
static dg_span_t
decode(dg_err_t (*function)(dg_span_t, dg_writer_t *), const char *text,
    size_t cap, dg_err_t *err)
{
    dg_writer_t  w = dg_writer(out, cap);

    *err = function(dg_span_cstr(text), &w);
    return *err == DG_OK ? dg_written(&w) : DG_SPAN_EMPTY;
}


static void
refused(dg_err_t (*function)(dg_span_t, dg_writer_t *), const char *text,
    const char *name)
{
    dg_err_t  err;

    (void) decode(function, text, sizeof(out), &err);
    is_int(err, DG_ERR_SYNTAX, "refused: %s", name);
}


static void
hex(void)
{
    char     text[8];
    uint8_t  bytes[4];

    dg_hex_encode((const uint8_t *) "\x00\x7f\xab\xff", 4, text);
    is_span(dg_span(text, 8), DG_SPAN("007fabff"), "hex is lower case");
    is_int(dg_hex_decode(DG_SPAN("007FaBff"), bytes, 4), DG_OK,
           "both cases are read");
    ok(memcmp(bytes, "\x00\x7f\xab\xff", 4) == 0, "to the same bytes");
    is_int(dg_hex_decode(DG_SPAN("007fab"), bytes, 4), DG_ERR_SYNTAX,
           "too short");
    is_int(dg_hex_decode(DG_SPAN("007fabf"), bytes, 3), DG_ERR_SYNTAX,
           "an odd number of digits");
    is_int(dg_hex_decode(DG_SPAN("0g"), bytes, 1), DG_ERR_SYNTAX, "a g");
    is_int(dg_hex_decode(DG_SPAN("0 "), bytes, 1), DG_ERR_SYNTAX, "a blank");
}


static void
round_trips(void)
{
    bool         good = true;
    char         text[512];
    uint8_t      bytes[256];
    dg_writer_t  w, back;

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) (i * 167 + 13);
    }

    for (size_t n = 0; n <= sizeof(bytes); n++) {
        w = dg_writer(text, sizeof(text));
        dg_write_base64(&w, dg_span(bytes, n));
        back = dg_writer(out, n);
        good = good && w.len == DG_BASE64_SIZE(n)
               && dg_base64_decode(dg_written(&w), &back) == DG_OK
               && dg_span_equal(dg_written(&back), dg_span(bytes, n));

        w = dg_writer(text, sizeof(text));
        dg_write_base64url(&w, dg_span(bytes, n));
        back = dg_writer(text, sizeof(text));
        good = good && dg_base64url_decode(dg_written(&w), &back) == DG_OK
               && dg_span_equal(dg_written(&back), dg_span(bytes, n));
    }

    ok(good, "0 to 256 bytes there and back, the URL form in place");
}


static void
base64(void)
{
    char      text[5] = "AAAA";
    size_t    accepted = 0;
    dg_err_t  err;

    /* RFC 4648 section 10 */
    is_span(decode(dg_base64_decode, "Zg==", 9, &err), DG_SPAN("f"), "Zg==");
    is_span(decode(dg_base64_decode, "Zm8=", 9, &err), DG_SPAN("fo"), "Zm8=");
    is_span(decode(dg_base64_decode, "Zm9v", 9, &err), DG_SPAN("foo"),
            "Zm9v");
    is_span(decode(dg_base64url_decode, "Zm9vYg", 9, &err), DG_SPAN("foob"),
            "Zm9vYg");
    is_span(decode(dg_base64_decode, "+/+/", 9, &err),
            DG_SPAN("\xfb\xff\xbf"), "the standard alphabet");
    is_span(decode(dg_base64url_decode, "-_-_", 9, &err),
            DG_SPAN("\xfb\xff\xbf"), "the URL alphabet");

    refused(dg_base64_decode, "Zg", "padding is missing");
    refused(dg_base64_decode, "Zg=", "half of the padding is missing");
    refused(dg_base64_decode, "Z===", "three of padding");
    refused(dg_base64_decode, "====", "padding alone");
    refused(dg_base64_decode, "Zg==Zg==", "padding inside");
    refused(dg_base64_decode, "Zh==", "unused bits of two characters");
    refused(dg_base64_decode, "Zm9=", "unused bits of three characters");
    refused(dg_base64_decode, "-_-_", "the other alphabet");
    refused(dg_base64url_decode, "+/+/", "the other alphabet, URL");
    refused(dg_base64url_decode, "Zg==", "padding, URL");
    refused(dg_base64url_decode, "Z", "one character");
    refused(dg_base64url_decode, "Zm9vY", "five characters");
    refused(dg_base64url_decode, "Zm9 ", "a blank");
    refused(dg_base64url_decode, "Zm9\n", "a line end");
    refused(dg_base64url_decode, "\xc3\xa4" "AA", "bytes above 127");

    for (int c = 1; c < 256; c++) {
        text[2] = (char) c;
        (void) decode(dg_base64url_decode, text, 9, &err);
        accepted += err == DG_OK;
    }

    is_int(accepted, 64, "64 bytes are characters of the alphabet");
    (void) decode(dg_base64_decode, "Zm9v", 2, &err);
    is_int(err, DG_ERR_LIMIT, "no room for three bytes");
    (void) decode(dg_base64url_decode, "Zm8", 1, &err);
    is_int(err, DG_ERR_LIMIT, "no room for two");
}


static void
percent(void)
{
    char         text[64];
    dg_err_t     err;
    dg_writer_t  w = dg_writer(text, sizeof(text));

    dg_write_uri_encoded(&w, DG_SPAN("a/b c~\xc3\xa9+%"), false);
    is_span(dg_written(&w), DG_SPAN("a%2Fb%20c~%C3%A9%2B%25"), "encoded");
    w.len = 0;
    dg_write_uri_encoded(&w, DG_SPAN("a/b"), true);
    is_span(dg_written(&w), DG_SPAN("a/b"), "a slash can be kept");
    is_span(decode(dg_percent_decode, "a%2Fb+%c3%A9", 64, &err),
            DG_SPAN("a/b+\xc3\xa9"), "decoded, a plus stays");
    refused(dg_percent_decode, "%", "a bare percent sign");
    refused(dg_percent_decode, "%4", "one digit");
    refused(dg_percent_decode, "%4g", "a digit that is none");
    is_span(decode(dg_percent_decode, "%2541", 64, &err), DG_SPAN("%41"),
            "decoded once");
}


static void
utf8(void)
{
    ok(dg_utf8_valid(DG_SPAN("")), "empty");
    ok(dg_utf8_valid(DG_SPAN("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")),
       "one to four bytes");
    ok(dg_utf8_valid(DG_SPAN("\xf4\x8f\xbf\xbf")), "U+10FFFF");
    ok(!dg_utf8_valid(DG_SPAN("\xf4\x90\x80\x80")), "above U+10FFFF");
    ok(!dg_utf8_valid(DG_SPAN("\xc0\x80")), "an overlong NUL");
    ok(!dg_utf8_valid(DG_SPAN("\xe0\x80\xaf")), "an overlong slash");
    ok(!dg_utf8_valid(DG_SPAN("\xed\xa0\x80")), "a surrogate");
    ok(!dg_utf8_valid(DG_SPAN("\xe2\x82")), "cut");
    ok(!dg_utf8_valid(DG_SPAN("\x80")), "a continuation alone");
    ok(!dg_utf8_valid(DG_SPAN("\xff")), "a byte that UTF-8 never has");
}


int
main(void)
{
    hex();
    round_trips();
    base64();
    percent();
    utf8();

    return done_testing();
}
