/*
 * Reading permissions files: the usual one, and the worst that is accepted:
 * everything taken from everybody again and again.
 */

#include "bench.h"
#include "dg_permissions.h"

static uint8_t  block[4 * 1024 * 1024];
static char     worst[DG_PERMISSIONS_TEXT_MAX];

static const char  usual[] =
    "[groups]\nteam=ann, bob, carl\n"
    "[aliases]\nfiles=file-upload, file-download\n"
    "[permissions]\n%owner% allow builtin\n"
    "group:team allow display pointer keyboard mouse files\n"
    "%any% disallow printer clipboard-copy\n";


static void
parse(void *ctx)
{
    const dg_permissions_t  *file;
    dg_arena_t               arena;
    dg_diag_t                diag;

    dg_arena_init(&arena, block, sizeof(block));

    if (dg_permissions_parse(&arena, dg_span_cstr(ctx), &diag, &file)
        != DG_OK)
    {
        fprintf(stderr, "%u: %s\n", diag.line, diag.text);
        exit(1);
    }
}


int
main(void)
{
    static char  text[sizeof(usual)];
    size_t       len;

    len = (size_t) snprintf(worst, sizeof(worst), "[permissions]\n");

    for (unsigned i = 0; i < DG_PERMISSIONS_LINES_MAX; i++) {
        len += (size_t) snprintf(worst + len, sizeof(worst) - len,
                                 i % 2 ? "%%any%% disallow builtin\n"
                                       : "user-%u allow f%u f1 f2 f3\n",
                                 i, i % 200);
    }

    memcpy(text, usual, sizeof(usual));
    bench("permissions file, usual", parse, text);
    bench("permissions file, 1024 lines, worst", parse, worst);

    return 0;
}
