#include "dg_codec.h"
#include "dg_sigv4.h"
#include "tap.h"

#define SECRET  DG_SPAN("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")

static dg_signing_keys_t  *keys;


static dg_err_t
get(dg_span_t id, dg_span_t secret, dg_span_t date, dg_span_t region,
    dg_span_t service, char hex[DG_SHA256_HEX_SIZE])
{
    uint8_t     mac[DG_SHA256_SIZE];
    dg_err_t    err;
    dg_hmac_t  *key;

    err = dg_signing_keys_get(keys, id, secret, date, region, service, &key);

    if (err == DG_OK) {
        err = dg_hmac(key, DG_SPAN("abc"), mac);
    }

    if (err == DG_OK) {
        dg_hex_encode(mac, sizeof(mac), hex);
    }

    return err;
}


static void
is_mac(dg_span_t id, dg_span_t secret, const char *date, const char *want,
    uint64_t derived, const char *name)
{
    char      hex[DG_SHA256_HEX_SIZE] = "";
    uint64_t  found, made;

    is_int(get(id, secret, dg_span_cstr(date), DG_SPAN("us-east-1"),
               DG_SPAN("sts"), hex), DG_OK, "%s", name);

    if (want != NULL) {
        is_text(dg_span(hex, sizeof(hex)), want, "%s: value", name);
    }

    dg_signing_keys_count(keys, &found, &made);
    is_int(made, derived, "%s: keys derived so far", name);
}


static void
test_bounds(void)
{
    char  hex[DG_SHA256_HEX_SIZE], text[DG_SIGV4_SECRET_MAX + 1];

    memset(text, 'x', sizeof(text));

    is_int(get(DG_SPAN(""), SECRET, DG_SPAN("20260305"), DG_SPAN("r"),
               DG_SPAN("s"), hex), DG_ERR_INVALID, "no id");
    is_int(get(DG_SPAN("id"), DG_SPAN(""), DG_SPAN("20260305"), DG_SPAN("r"),
               DG_SPAN("s"), hex), DG_ERR_INVALID, "no secret");
    is_int(get(DG_SPAN("id"), SECRET, DG_SPAN("2026030"), DG_SPAN("r"),
               DG_SPAN("s"), hex), DG_ERR_INVALID, "a short date");
    is_int(get(DG_SPAN("id"), dg_span(text, DG_SIGV4_SECRET_MAX),
               DG_SPAN("20260305"), DG_SPAN("r"), DG_SPAN("s"), hex), DG_OK,
           "the longest secret");
    is_int(get(DG_SPAN("id"), dg_span(text, DG_SIGV4_SECRET_MAX + 1),
               DG_SPAN("20260305"), DG_SPAN("r"), DG_SPAN("s"), hex),
           DG_ERR_LIMIT, "one byte more");
    is_int(get(DG_SPAN("id"), SECRET, DG_SPAN("20260305"),
               dg_span(text, DG_SIGV4_REGION_MAX + 1), DG_SPAN("s"), hex),
           DG_ERR_LIMIT, "a long region");
}


/* More keys than places: every one still works, the newest are kept. */
static void
test_eviction(dg_crypto_t *crypto)
{
    bool        same = true;
    char        id[16], first[64][DG_SHA256_HEX_SIZE];
    char        hex[DG_SHA256_HEX_SIZE];
    uint64_t    found, before, after;

    dg_signing_keys_destroy(keys);
    keys = dg_signing_keys_create(crypto, 8);

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 64; i++) {
            snprintf(id, sizeof(id), "ID%d", i);
            same = same && get(dg_span_cstr(id), dg_span_cstr(id),
                               DG_SPAN("20260305"), DG_SPAN("r"),
                               DG_SPAN("s"), round ? hex : first[i]) == DG_OK
                   && (!round || memcmp(hex, first[i], sizeof(hex)) == 0);
        }
    }

    ok(same, "keys given up are derived again, the same");

    dg_signing_keys_count(keys, &found, &before);
    for (int i = 56; i < 64; i++) {
        snprintf(id, sizeof(id), "ID%d", i);
        (void) get(dg_span_cstr(id), dg_span_cstr(id), DG_SPAN("20260305"),
                   DG_SPAN("r"), DG_SPAN("s"), hex);
    }
    dg_signing_keys_count(keys, &found, &after);
    is_int(after, before, "the eight used last are kept");
}


int
main(void)
{
    dg_crypto_t  *crypto = dg_crypto_create(NULL, NULL);
    const char   *want = "c765ab9500d736e184801eaaebcd8c3e"
                         "3e020c6f737429fa39fc81d93c7a7fe6";

    keys = dg_signing_keys_create(crypto, 100);

    is_mac(DG_SPAN("ID"), SECRET, "20260305", want, 1, "first use");
    is_mac(DG_SPAN("ID"), SECRET, "20260305", want, 1, "second use");
    is_mac(DG_SPAN("ID"), SECRET, "20260306",
           "964d7d904c3e9c9b825e725c354cac24"
           "01e7a3913fa30722388aff8ddd5abbfe", 2, "another day");
    is_mac(DG_SPAN("ID"), DG_SPAN("rotated"), "20260305", NULL, 3,
           "a secret rotated under the same id");
    is_mac(DG_SPAN("ID2"), SECRET, "20260305", want, 4, "another id");
    is_mac(DG_SPAN("ID"), SECRET, "20260305", want, 4, "the first again");

    test_bounds();
    test_eviction(crypto);

    dg_signing_keys_destroy(keys);
    dg_signing_keys_destroy(NULL);
    dg_crypto_destroy(crypto);
    return done_testing();
}
