/*
 * Target functions: dg_certificate_read, dg_certificate_caller
 *
 * Whatever OpenSSL takes for a certificate: its names keep their bounds, and
 * it is of no caller that no name of it is.
 */

#include "dg_certificate.h"

#include <stdlib.h>

#define MEMORY  (1024 * 1024)

static uint8_t  memory[MEMORY];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
use(const dg_certificate_t *certificate, dg_arena_t *arena)
{
    dg_caller_t            caller;
    dg_certificate_rule_t  rule = {
        .shows = certificate->names[certificate->name_count - 1],
        .name = DG_SPAN("x/y")
    };
    dg_certificates_t      set = { DG_SPAN("set"), DG_SPAN("111122223333"),
                                   &rule, 1 };

    if (dg_certificate_caller(&set, certificate, arena, &caller)
        != DG_ALLOWED
        || !dg_span_equal(caller.user_id, DG_SPAN("certificate/set/x%2Fy")))
    {
        abort();
    }

    rule.shows.value = DG_SPAN("\n nobody");

    if (dg_certificate_caller(&set, certificate, arena, &caller)
        == DG_ALLOWED)
    {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    X509              *x509;
    dg_err_t           err;
    dg_arena_t         arena;
    dg_certificate_t   certificate;

    x509 = d2i_X509(NULL, &data, (long) size);

    if (x509 == NULL) {
        return 0;
    }

    (void) dg_certificate_is_current(x509, 1790000000);
    dg_arena_init(&arena, memory, sizeof(memory));
    err = dg_certificate_read(x509, &arena, &certificate);
    X509_free(x509);

    if (err != DG_OK) {
        return 0;
    }

    if (certificate.name_count > DG_CERTIFICATE_NAMES_MAX + 1) {
        abort();
    }

    for (size_t i = 0; i < certificate.name_count; i++) {
        if (certificate.names[i].value.len
            > (i ? DG_CERTIFICATE_NAME_MAX : DG_CERTIFICATE_DN_MAX))
        {
            abort();
        }
    }

    use(&certificate, &arena);

    return 0;
}
