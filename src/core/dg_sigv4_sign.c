/*
 * Making signatures: see dg_sigv4.h.
 */

#include "dg_sigv4.h"
#include "dg_codec.h"
#include "dg_sigv4_text.h"

#include <string.h>


static void
write_scope(dg_writer_t *w, dg_span_t date, dg_span_t region,
    dg_span_t service)
{
    dg_write_span(w, date);
    dg_write_char(w, '/');
    dg_write_span(w, region);
    dg_write_char(w, '/');
    dg_write_span(w, service);
    dg_write_char(w, '/');
    dg_write_cstr(w, DG_SIGV4_TERMINATOR);
}


dg_err_t
dg_sigv4_signature(dg_signing_keys_t *keys, const dg_sigv4_text_t *text,
    dg_span_t secret, dg_sigv4_trace_t *trace,
    uint8_t signature[DG_SIGV4_SIGNATURE_SIZE])
{
    char          hex[DG_SHA256_HEX_SIZE];
    uint8_t       buffer[DG_SIGV4_STRING_TO_SIGN_MAX];
    dg_err_t      err;
    dg_hmac_t    *key;
    dg_writer_t   w = dg_writer(buffer, sizeof(buffer));

    dg_hex_encode(text->canonical_hash, DG_SHA256_SIZE, hex);

    dg_write_cstr(&w, DG_SIGV4_ALGORITHM "\n");
    dg_write_span(&w, text->time);
    dg_write_char(&w, '\n');
    write_scope(&w, text->date, text->region, text->service);
    dg_write_char(&w, '\n');
    dg_write(&w, hex, sizeof(hex));

    if (w.overflow) {
        return DG_ERR_LIMIT;
    }

    if (trace != NULL && trace->string_to_sign != NULL) {
        dg_write_span(trace->string_to_sign, dg_written(&w));
    }

    err = dg_signing_keys_get(keys, text->access_key_id, secret, text->date,
                              text->region, text->service, &key);

    return err == DG_OK ? dg_hmac(key, dg_written(&w), signature) : err;
}


/*
 * True when there is one line of that name and it has this value.  Both are
 * the caller's own, so that how long the comparison takes tells nobody
 * anything.
 */
static bool
header_is(const dg_request_t *request, dg_span_t name, dg_span_t value)
{
    bool                repeated;
    const dg_header_t  *h = dg_request_header(request, name, &repeated);

    return h != NULL && !repeated && dg_span_equal(h->value, value);
}


/* What the caller promised: a signature without these would be refused. */
static bool
headers_are_complete(const dg_request_t *request, dg_span_t time,
    dg_span_t session_token)
{
    if (dg_request_header(request, DG_SPAN("host"), NULL) == NULL) {
        return false;
    }

    if (dg_request_header(request, DG_SPAN("x-amz-date"), NULL) != NULL) {
        if (!header_is(request, DG_SPAN("x-amz-date"), time)) {
            return false;
        }

    } else if (dg_request_header(request, DG_SPAN("date"), NULL) == NULL) {
        return false;
    }

    return session_token.len == 0
           || header_is(request, DG_SPAN("x-amz-security-token"),
                        session_token);
}


/* Hashes the request and signs; *text has time, date and scope already. */
static dg_err_t
sign_text(dg_signing_keys_t *keys, const dg_request_t *request,
    const dg_sigv4_selection_t *selection, dg_span_t payload_hash,
    const dg_sigv4_scope_t *scope, dg_span_t secret, bool presigned,
    dg_sigv4_text_t *text, dg_sigv4_trace_t *trace,
    char hex[DG_SHA256_HEX_SIZE])
{
    uint8_t   signature[DG_SIGV4_SIGNATURE_SIZE];
    dg_err_t  err;

    err = dg_sigv4_canonical_hash(dg_signing_keys_crypto(keys), request,
                                  selection, payload_hash, scope->path,
                                  presigned,
                                  trace ? trace->canonical_request : NULL,
                                  text->canonical_hash);
    if (err != DG_OK) {
        return err;
    }

    err = dg_sigv4_signature(keys, text, secret, trace, signature);
    if (err != DG_OK) {
        return err;
    }

    dg_hex_encode(signature, sizeof(signature), hex);

    if (trace != NULL) {
        memcpy(trace->canonical_hash, text->canonical_hash, DG_SHA256_SIZE);
        memcpy(trace->signature, signature, sizeof(signature));
    }

    return DG_OK;
}


/* `time` keeps the text that the result points to. */
static dg_sigv4_text_t
text_of(const dg_sigv4_scope_t *scope, const dg_credentials_t *credentials,
    int64_t now, char time[DG_TIME_AMZ_SIZE])
{
    dg_writer_t  w = dg_writer(time, DG_TIME_AMZ_SIZE);

    dg_time_write_amz(&w, now);

    return (dg_sigv4_text_t) {
        .access_key_id = credentials->access_key_id,
        .time = dg_written(&w),
        .date = dg_span_slice(dg_written(&w), 0, DG_TIME_DATE_SIZE),
        .region = scope->region,
        .service = scope->service
    };
}


dg_err_t
dg_sigv4_sign(dg_signing_keys_t *keys, const dg_request_t *request,
    dg_span_t payload_hash, const dg_sigv4_scope_t *scope,
    const dg_credentials_t *credentials, int64_t now,
    dg_writer_t *authorization, dg_sigv4_trace_t *trace)
{
    char                  time[DG_TIME_AMZ_SIZE], hex[DG_SHA256_HEX_SIZE];
    dg_err_t              err;
    dg_sigv4_text_t       text = text_of(scope, credentials, now, time);
    dg_sigv4_selection_t  selection;

    if (!headers_are_complete(request, text.time, credentials->session_token))
    {
        return DG_ERR_INVALID;
    }

    err = dg_sigv4_select_all(request, &selection);
    if (err != DG_OK) {
        return err;
    }

    err = sign_text(keys, request, &selection, payload_hash, scope,
                    credentials->secret_access_key, false, &text, trace, hex);
    if (err != DG_OK) {
        return err;
    }

    dg_write_cstr(authorization, DG_SIGV4_ALGORITHM " Credential=");
    dg_write_span(authorization, credentials->access_key_id);
    dg_write_char(authorization, '/');
    write_scope(authorization, text.date, text.region, text.service);
    dg_write_cstr(authorization, ", SignedHeaders=");
    dg_write_span(authorization, selection.names);
    dg_write_cstr(authorization, ", Signature=");
    dg_write(authorization, hex, sizeof(hex));

    return authorization->overflow ? DG_ERR_LIMIT : DG_OK;
}


static void
write_separator(dg_writer_t *w, const dg_request_t *request)
{
    if (dg_span_find(request->target, '?') == request->target.len) {
        dg_write_char(w, '?');

    } else if (dg_request_query(request).len > 0) {
        dg_write_char(w, '&');
    }
}


/* The query without the signature, in the order that AWS's clients use. */
static dg_err_t
write_presigned_query(dg_writer_t *w, const dg_request_t *request,
    const dg_sigv4_selection_t *selection, const dg_sigv4_text_t *text,
    const dg_credentials_t *credentials, uint32_t expires)
{
    char         scratch[DG_SIGV4_VALUE_MAX];
    dg_writer_t  value = dg_writer(scratch, sizeof(scratch));

    dg_write_span(w, request->target);
    write_separator(w, request);
    dg_write_cstr(w, "X-Amz-Algorithm=" DG_SIGV4_ALGORITHM
                     "&X-Amz-Credential=");
    dg_write_span(&value, credentials->access_key_id);
    dg_write_char(&value, '/');
    write_scope(&value, text->date, text->region, text->service);
    dg_write_uri_encoded(w, dg_written(&value), false);
    dg_write_cstr(w, "&X-Amz-Date=");
    dg_write_span(w, text->time);
    dg_write_cstr(w, "&X-Amz-SignedHeaders=");
    dg_write_uri_encoded(w, selection->names, false);
    dg_write_cstr(w, "&X-Amz-Expires=");
    dg_write_u64(w, expires);

    if (credentials->session_token.len) {
        dg_write_cstr(w, "&X-Amz-Security-Token=");
        dg_write_uri_encoded(w, credentials->session_token, false);
    }

    return w->overflow || value.overflow ? DG_ERR_LIMIT : DG_OK;
}


dg_err_t
dg_sigv4_presign(dg_signing_keys_t *keys, const dg_request_t *request,
    dg_span_t payload_hash, const dg_sigv4_scope_t *scope,
    const dg_credentials_t *credentials, int64_t now, uint32_t expires,
    dg_writer_t *target, dg_sigv4_trace_t *trace)
{
    char                  time[DG_TIME_AMZ_SIZE], hex[DG_SHA256_HEX_SIZE];
    size_t                from = target->len;
    dg_err_t              err;
    dg_request_t          presigned = *request;
    dg_sigv4_text_t       text = text_of(scope, credentials, now, time);
    dg_sigv4_selection_t  selection;

    if (expires < 1 || expires > DG_SIGV4_EXPIRES_MAX
        || dg_request_header(request, DG_SPAN("host"), NULL) == NULL
        || (dg_sigv4_presented(request) & DG_SIGV4_IN_QUERY))
    {
        return DG_ERR_INVALID;
    }

    err = dg_sigv4_select_all(request, &selection);
    if (err != DG_OK) {
        return err;
    }

    err = write_presigned_query(target, request, &selection, &text,
                                credentials, expires);
    if (err != DG_OK) {
        return err;
    }

    presigned.target = dg_span_slice(dg_written(target), from, target->len);
    err = sign_text(keys, &presigned, &selection, payload_hash, scope,
                    credentials->secret_access_key, true, &text, trace, hex);
    if (err != DG_OK) {
        return err;
    }

    dg_write_cstr(target, "&X-Amz-Signature=");
    dg_write(target, hex, sizeof(hex));

    return target->overflow ? DG_ERR_LIMIT : DG_OK;
}


dg_err_t
dg_sigv4_sign_body(dg_signing_keys_t *keys, dg_crypto_t *crypto,
    dg_arena_t *arena, const dg_request_t *request, dg_span_t body,
    const dg_sigv4_scope_t *scope, const dg_credentials_t *credentials,
    int64_t now, dg_span_t *authorization)
{
    char         hash[DG_SHA256_HEX_SIZE];
    dg_err_t     err;
    dg_writer_t  w = dg_writer(dg_arena_alloc(arena, DG_SIGV4_VALUE_MAX),
                               DG_SIGV4_VALUE_MAX);

    if (w.data == NULL) {
        return DG_ERR_MEMORY;
    }

    err = dg_sha256_hex(crypto, body, hash);

    if (err == DG_OK) {
        err = dg_sigv4_sign(keys, request, dg_span(hash, sizeof(hash)), scope,
                            credentials, now, &w, NULL);
    }

    *authorization = dg_written(&w);
    return err;
}
