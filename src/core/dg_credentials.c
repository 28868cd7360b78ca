/*
 * What credentials may be made of, and one text of a set: see
 * dg_credentials.h.
 */

#include "dg_credentials.h"

#include "dg_crypto.h"
#include "dg_text.h"

#define ID_MIN  4


bool
dg_credentials_id_fits(dg_span_t id)
{
    return dg_text_has_length(id, ID_MIN, DG_CREDENTIALS_ID)
           && dg_text_consists_of(id, "_");
}


bool
dg_credentials_secret_fits(dg_span_t secret)
{
    return dg_text_has_length(secret, 1, DG_CREDENTIALS_SECRET)
           && dg_text_is_graphic(secret);
}


bool
dg_credentials_token_fits(dg_span_t token)
{
    return dg_text_has_length(token, 1, DG_CREDENTIALS_TOKEN)
           && dg_text_is_graphic(token);
}


const char *
dg_credentials_reason(const dg_credentials_t *c)
{
    if (!dg_credentials_id_fits(c->access_key_id)) {
        return "the access key id is not 4 to 128 letters and digits";
    }

    if (!dg_credentials_secret_fits(c->secret_access_key)) {
        return "the secret access key is not 1 to 256 printable characters";
    }

    if (c->session_token.len && !dg_credentials_token_fits(c->session_token))
    {
        return "the session token is not 1 to 16384 printable characters";
    }

    return NULL;
}


/* None of the parts has a blank in it. */

void
dg_credentials_pack(dg_writer_t *w, const dg_credentials_t *c)
{
    dg_write_span(w, c->access_key_id);
    dg_write_char(w, ' ');
    dg_write_span(w, c->secret_access_key);
    dg_write_char(w, ' ');
    dg_write_span(w, c->session_token);
    dg_write_char(w, ' ');
    dg_write_u64(w, c->expires_at > 0 ? (uint64_t) c->expires_at : 0);
}


dg_err_t
dg_credentials_unpack(dg_span_t packed, dg_credentials_t *c)
{
    uint64_t   expires = 0;
    dg_span_t  number;

    if (!dg_span_split(&packed, ' ', &c->access_key_id)
        || !dg_span_split(&packed, ' ', &c->secret_access_key)
        || !dg_span_split(&packed, ' ', &c->session_token)
        || !dg_span_split(&packed, ' ', &number)
        || !dg_span_to_u64(number, &expires) || expires > INT64_MAX)
    {
        return DG_ERR_INVALID;
    }

    c->expires_at = (int64_t) expires;

    return dg_credentials_reason(c) == NULL ? DG_OK : DG_ERR_INVALID;
}


void
dg_credentials_wipe(dg_credentials_t *credentials)
{
    dg_wipe_span(&credentials->access_key_id);
    dg_wipe_span(&credentials->secret_access_key);
    dg_wipe_span(&credentials->session_token);
    credentials->expires_at = 0;
}
