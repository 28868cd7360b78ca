/*
 * Names for STS sessions: see dg_session_name.h.
 */

#include "dg_session_name.h"
#include "dg_codec.h"

#include <string.h>

#define NAME_MIN     2
#define DIGEST_HEX   40  /* digits kept of the SHA-256 */
#define PREFIX_MAX   (DG_SESSION_NAME_MAX - 1 - DIGEST_HEX)
#define MARK         '='


static bool
is_allowed(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9')
           || (c != '\0' && strchr("_+=,.@-", c) != NULL);
}


/* The form that only a mapped name may have. */
static bool
looks_mapped(dg_span_t text)
{
    dg_span_t  digits;

    if (text.len <= DIGEST_HEX
        || text.data[text.len - DIGEST_HEX - 1] != MARK)
    {
        return false;
    }

    digits = dg_span_slice(text, text.len - DIGEST_HEX, text.len);

    for (size_t i = 0; i < digits.len; i++) {
        if (dg_hex_value(digits.data[i]) < 0) {
            return false;
        }
    }

    return true;
}


static bool
fits(dg_span_t text)
{
    if (text.len < NAME_MIN || text.len > DG_SESSION_NAME_MAX) {
        return false;
    }

    for (size_t i = 0; i < text.len; i++) {
        if (!is_allowed(text.data[i])) {
            return false;
        }
    }

    return !looks_mapped(text);
}


static dg_err_t
map(dg_crypto_t *crypto, dg_span_t text, char out[DG_SESSION_NAME_MAX],
    size_t *len)
{
    size_t    n = text.len < PREFIX_MAX ? text.len : PREFIX_MAX;
    char      hex[DG_SHA256_HEX_SIZE];
    dg_err_t  err = dg_sha256_hex(crypto, text, hex);

    if (err != DG_OK) {
        return err;
    }

    for (size_t i = 0; i < n; i++) {
        out[i] = is_allowed(text.data[i]) ? (char) text.data[i] : '-';
    }

    out[n] = MARK;
    memcpy(out + n + 1, hex, DIGEST_HEX);
    *len = n + 1 + DIGEST_HEX;

    return DG_OK;
}


dg_err_t
dg_session_name(dg_crypto_t *crypto, dg_span_t text,
    char out[DG_SESSION_NAME_MAX], size_t *len)
{
    if (text.len == 0) {
        return DG_ERR_MISSING;
    }

    if (!fits(text)) {
        return map(crypto, text, out, len);
    }

    memcpy(out, text.data, text.len);
    *len = text.len;

    return DG_OK;
}
