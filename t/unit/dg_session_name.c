/*
 * dg_session_name: what is kept, what is mapped, and that no two texts meet.
 */

#include "tap.h"

#include "dg_session_name.h"

static dg_crypto_t  *crypto;
static char          name[DG_SESSION_NAME_MAX];


static dg_span_t
map(dg_span_t text)
{
    size_t  len = 0;

    if (dg_session_name(crypto, text, name, &len) != DG_OK) {
        return DG_SPAN_EMPTY;
    }

    return dg_span(name, len);
}


static bool
is_valid(dg_span_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] > 126 || (s.data[i] < '0' && strchr("+,-.", s.data[i])
                                                   == NULL)
            || strchr("/:;<>?[\\]^`{|}~", s.data[i]) != NULL)
        {
            return false;
        }
    }

    return s.len >= 2 && s.len <= DG_SESSION_NAME_MAX;
}


static void
kept(void)
{
    char  longest[DG_SESSION_NAME_MAX];

    memset(longest, 'x', sizeof(longest));
    is_span(map(DG_SPAN("alice")), DG_SPAN("alice"), "a plain name");
    is_span(map(DG_SPAN("Ab_0+=,.@-")), DG_SPAN("Ab_0+=,.@-"),
            "every character that STS takes");
    is_span(map(dg_span(longest, 64)), dg_span(longest, 64), "64 bytes");
    is_span(map(DG_SPAN("ab")), DG_SPAN("ab"), "2 bytes");
}


static void
mapped(void)
{
    char       text[200], first[DG_SESSION_NAME_MAX];
    dg_span_t  result;

    memset(text, 'x', sizeof(text));
    is_span(map(DG_SPAN("CORP\\jdoe")),
            DG_SPAN("CORP-jdoe="
                    "f00e1404ffcd9e78dc8da6ab7aee2f7a35e06dbd"),
            "a foreign byte: a dash, and the hash");
    result = map(dg_span(text, 65));
    ok(is_valid(result) && result.len == DG_SESSION_NAME_MAX, "65 bytes");
    memcpy(first, name, sizeof(first));
    result = map(dg_span(text, 66));
    ok(is_valid(result) && memcmp(first, name, sizeof(first)) != 0,
       "66 bytes are another name");
    ok(is_valid(map(DG_SPAN("a"))), "1 byte");
    ok(is_valid(map(DG_SPAN("\xc3\xa4\0b"))), "bytes of all kinds");
    ok(dg_session_name(crypto, DG_SPAN(""), name, &(size_t) { 0 })
       == DG_ERR_MISSING, "an empty text has no name");
}


/* Nobody can choose the name that stands for somebody else. */
static void
injective(void)
{
    char       victim[DG_SESSION_NAME_MAX], again[DG_SESSION_NAME_MAX];
    size_t     len;
    dg_span_t  result = map(DG_SPAN("CORP\\jdoe"));

    len = result.len;
    memcpy(victim, name, len);
    result = map(dg_span(victim, len));
    ok(is_valid(result) && !dg_span_equal(result, dg_span(victim, len)),
       "a text that looks mapped is mapped itself");

    len = result.len;
    memcpy(again, name, len);
    ok(!dg_span_equal(map(dg_span(again, len)), dg_span(again, len)),
       "and so on");
    victim[3] = (char) (victim[3] ^ 0x20);
    ok(!dg_span_equal(map(dg_span(victim, 50)), dg_span(victim, 50)),
       "in any case of its letters");
    ok(dg_span_equal(map(DG_SPAN("a=b")), DG_SPAN("a=b")),
       "a mark without a hash is plain");
}


int
main(void)
{
    crypto = dg_crypto_create(NULL, NULL);
    kept();
    mapped();
    injective();
    dg_crypto_destroy(crypto);

    return done_testing();
}
