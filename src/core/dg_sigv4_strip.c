/*
 * A target without credentials: see dg_sigv4_strip.h.
 */

#include "dg_sigv4_strip.h"
#include "dg_codec.h"

/* Longer names are none of ours; what is cut cannot hide a prefix. */
#define NAME_MAX_BYTES  64

typedef bool (*is_secret_pt)(dg_span_t name);


static bool
is_signing(dg_span_t name)
{
    return dg_span_equal_nocase(dg_span_slice(name, 0, 6), DG_SPAN("x-amz-"));
}


static bool
is_token(dg_span_t name)
{
    static const char *const  names[] = {
        "access_token", "authToken", "token", "code", "client_secret",
        "password", "assertion", "subject_token", "actor_token"
    };

    if (is_signing(name)) {
        return true;
    }

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (dg_span_equal_nocase(name, dg_span_cstr(names[i]))) {
            return true;
        }
    }

    return false;
}


/* A name that cannot be decoded is judged as it is. */
static bool
param_is(dg_span_t param, is_secret_pt test)
{
    uint8_t      buffer[NAME_MAX_BYTES];
    dg_span_t    name = dg_span_slice(param, 0, dg_span_find(param, '='));
    dg_writer_t  w = dg_writer(buffer, sizeof(buffer));

    if (dg_percent_decode(name, &w) == DG_OK || w.overflow) {
        return test(dg_written(&w));
    }

    return test(name);
}


static void
write_without(dg_writer_t *w, dg_span_t target, is_secret_pt test,
    bool keep_name)
{
    size_t     mark = dg_span_find(target, '?');
    char       separator = '?';
    dg_span_t  rest, param;

    dg_write_span(w, dg_span_slice(target, 0, mark));

    if (mark == target.len) {
        return;
    }

    rest = dg_span_slice(target, mark + 1, target.len);

    while (dg_span_split(&rest, '&', &param)) {
        bool  secret = param_is(param, test);

        if (secret && !keep_name) {
            continue;
        }

        dg_write_char(w, separator);
        separator = '&';

        if (secret) {
            dg_write_span(w, dg_span_slice(param, 0,
                                           dg_span_find(param, '=')));
            dg_write_cstr(w, "=...");
            continue;
        }

        dg_write_span(w, param);
    }
}


void
dg_sigv4_write_stripped(dg_writer_t *w, dg_span_t target)
{
    write_without(w, target, is_signing, false);
}


void
dg_sigv4_write_redacted(dg_writer_t *w, dg_span_t target)
{
    write_without(w, target, is_token, true);
}
