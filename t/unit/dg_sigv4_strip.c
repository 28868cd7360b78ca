#include "tap.h"
#include "dg_sigv4_strip.h"


static void
check(void (*write)(dg_writer_t *w, dg_span_t target), const char *target,
    const char *expected)
{
    char         buffer[512];
    dg_writer_t  w = dg_writer(buffer, sizeof(buffer));

    write(&w, dg_span_cstr(target));
    ok(dg_span_equal(dg_written(&w), dg_span_cstr(expected)), "%s", target);
}


int
main(void)
{
    check(dg_sigv4_write_stripped, "/", "/");
    check(dg_sigv4_write_stripped, "/?a=b", "/?a=b");
    check(dg_sigv4_write_stripped, "/?X-Amz-Signature=00&a=b", "/?a=b");
    check(dg_sigv4_write_stripped, "/?a=b&x-amz-date=1&c", "/?a=b&c");
    check(dg_sigv4_write_stripped, "/?X%2DAmz-Security-Token=t", "/");
    check(dg_sigv4_write_stripped, "/p%2Fq?a=%zz", "/p%2Fq?a=%zz");
    check(dg_sigv4_write_redacted, "/?a=b&access_token=secret&c=d",
          "/?a=b&access_token=...&c=d");
    check(dg_sigv4_write_redacted, "/?X-Amz-Credential=AKID",
          "/?X-Amz-Credential=...");
    check(dg_sigv4_write_redacted, "/?%61ccess_token=secret",
          "/?%61ccess_token=...");

    done_testing();
}
