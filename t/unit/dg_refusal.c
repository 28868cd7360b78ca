/*
 * The table of refusals.
 */

#include "tap.h"

#include "dg_refusal.h"


static bool
is_lower_snake(const char *s)
{
    return *s != '\0' && s[strspn(s, "abcdefghijklmnopqrstuvwxyz_")] == '\0';
}


static bool
is_unique(unsigned row)
{
    for (unsigned i = 0; i < row; i++) {
        if (strcmp(dg_refusal_info((dg_refusal_t) i)->name,
                   dg_refusal_info((dg_refusal_t) row)->name) == 0)
        {
            return false;
        }
    }

    return true;
}


static void
test_rows(void)
{
    for (unsigned i = 1; i < DG_REFUSAL_COUNT; i++) {
        const dg_refusal_info_t  *info = dg_refusal_info((dg_refusal_t) i);

        if (info->name == NULL) {
            ok(false, "row %u is there", i);
            continue;
        }

        ok(is_lower_snake(info->name) && is_unique(i), "%s: name",
           info->name);
        ok(info->status >= 400 && info->status < 600, "%s: status",
           info->name);
        ok(info->aws_code[0] >= 'A' && info->aws_code[0] <= 'Z',
           "%s: AWS name", info->name);
        ok(info->text[0] != '\0' && info->remedy[0] != '\0',
           "%s: text and remedy", info->name);
    }
}


static void
test_statuses(void)
{
    static const unsigned  statuses[] = {
        400, 403, 404, 405, 408, 413, 414, 429, 500, 502, 503, 504
    };

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        dg_refusal_t  refusal = dg_refusal_from_status(statuses[i]);

        is_int(dg_refusal_info(refusal)->status, statuses[i],
               "an answer %u of nginx keeps its status", statuses[i]);
        ok(refusal >= DG_REFUSE_BAD_REQUEST, "%u is one of nginx's own",
           statuses[i]);
    }

    is_int(dg_refusal_from_status(494), DG_REFUSE_BAD_REQUEST,
           "nginx's own statuses are the client's fault");
    is_int(dg_refusal_from_status(401), DG_REFUSE_CREDENTIALS_MISSING,
           "401 asks for credentials");
    is_int(dg_refusal_from_status(599), DG_REFUSE_INTERNAL,
           "anything else is internal");
}


int
main(void)
{
    test_rows();
    test_statuses();

    ok(dg_refusal_info(DG_REFUSAL_COUNT)
       == dg_refusal_info(DG_REFUSE_INTERNAL), "no row beyond the table");
    ok(dg_refusal_info((dg_refusal_t) -1)
       == dg_refusal_info(DG_REFUSE_INTERNAL), "nor before it");
    is_span(dg_span_cstr(dg_refusal_info(DG_REFUSE_TOKEN_SIGNATURE)->text),
            dg_span_cstr(dg_refusal_info(DG_REFUSE_KEY_UNKNOWN)->text),
            "all faults of a credential's content have one text");

    return done_testing();
}
