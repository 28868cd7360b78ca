/*
 * dg_siphash: published vectors of SipHash-2-4-128, and the framing of parts.
 */

#include "tap.h"
#include "dg_codec.h"
#include "dg_siphash.h"

/* key 00..0f, input 00..(len - 1): the authors' vectors_sip128 */
typedef struct {
    size_t       len;
    const char  *hash;
} vector_t;

static const vector_t  vectors[] = {
    { 0, "a3817f04ba25a8e66df67214c7550293" },
    { 1, "da87c1d86b99af44347659119b22fc45" },
    { 2, "8177228da4a45dc7fca38bdef60affe4" },
    { 3, "9c70b60c5267a94e5f33b6b02985ed51" },
    { 7, "a1f1ebbed8dbc153c0b84aa61ff08239" },
    { 8, "3b62a9ba6258f5610f83e264f31497b4" },
    { 15, "5493e99933b0a8117e08ec0f97cfc3d9" },
    { 63, "5150d1772f50834a503e069a973fbd7c" },
};


/* Parts of every length hash as their lengths and bytes in one text. */
static void
test_parts(const uint8_t key[16], const uint8_t *text)
{
    bool         same = true;
    uint8_t      joined[128], out[16], want[16];
    dg_span_t    parts[2];
    dg_writer_t  w;

    for (uint8_t first = 0; first < 20; first++) {
        for (uint8_t second = 0; second < 20; second++) {
            parts[0] = dg_span(text, first);
            parts[1] = dg_span(text + 20, second);
            w = dg_writer(joined, sizeof(joined));

            for (unsigned i = 0; i < 2; i++) {
                dg_write_char(&w, (char) parts[i].len);
                dg_write(&w, "\0\0\0\0\0\0\0", 7);
                dg_write_span(&w, parts[i]);
            }

            dg_siphash(key, parts, 2, out);
            dg_siphash_text(key, dg_written(&w), want);
            same = same && memcmp(out, want, sizeof(out)) == 0;
        }
    }

    ok(same, "parts of any length");
}


int
main(void)
{
    uint8_t    key[16], text[64], out[16], other[16];
    char       hex[32];
    dg_span_t  parts[2];

    for (unsigned i = 0; i < sizeof(text); i++) {
        text[i] = (uint8_t) i;
    }

    memcpy(key, text, sizeof(key));

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        dg_siphash_text(key, dg_span(text, vectors[i].len), out);
        dg_hex_encode(out, sizeof(out), hex);
        is_text(dg_span(hex, sizeof(hex)), vectors[i].hash,
                "vector of %zu bytes", vectors[i].len);
    }

    test_parts(key, text);

    parts[0] = DG_SPAN("ab");
    parts[1] = DG_SPAN("c");
    dg_siphash(key, parts, 2, out);

    parts[0] = DG_SPAN("a");
    parts[1] = DG_SPAN("bc");
    dg_siphash(key, parts, 2, other);
    ok(memcmp(out, other, sizeof(out)) != 0, "ab,c is not a,bc");

    parts[0] = DG_SPAN("abc");
    dg_siphash(key, parts, 1, other);
    ok(memcmp(out, other, sizeof(out)) != 0, "ab,c is not abc");

    parts[0] = DG_SPAN("ab");
    parts[1] = DG_SPAN("c");
    dg_siphash(key, parts, 2, other);
    ok(memcmp(out, other, sizeof(out)) == 0, "same parts, same hash");

    key[15] ^= 1;
    dg_siphash(key, parts, 2, other);
    ok(memcmp(out, other, sizeof(out)) != 0, "another key, another hash");

    return done_testing();
}
