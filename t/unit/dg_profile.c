/*
 * Profiles of both shared files.
 */

#define _GNU_SOURCE  /* memmem */

#include "dg_profile.h"

#include "tap.h"


static dg_err_t
load(const char *config, const char *credentials, const char *name,
    dg_profile_t *p, dg_diag_t *diag)
{
    bool  in_config;

    memset(diag, 0, sizeof(*diag));

    return dg_profile_load(dg_span_cstr(config), dg_span_cstr(credentials),
                           dg_span_cstr(name), p, &in_config, diag);
}


static void
accepted(void)
{
    dg_diag_t     diag;
    dg_profile_t  p;

    is_int(load("[default]\nregion = eu-west-1\n\n[profile desks]\n"
                "role_arn=arn:aws:iam::111122223333:role/x\r\n"
                "source_profile = base\nduration_seconds = 900\n"
                "external_id = e-1\nrole_session_name = gw\n"
                "s3 =\n  max_concurrent_requests = 20\n"
                "# a comment\n; another\n[sso-session desks]\nregion=no\n",
                "[base]\naws_access_key_id = AKIA\n", "desks", &p, &diag),
           DG_OK, "a role");
    is_text(p.role_arn, "arn:aws:iam::111122223333:role/x", "its ARN");
    is_text(p.source_profile, "base", "its source");
    is_text(p.duration_seconds, "900", "its duration");
    is_text(p.external_id, "e-1", "its external id");
    is_text(p.role_session_name, "gw", "its session");
    is_int((int64_t) p.region.len, 0, "nothing comes from default");

    is_int(load("[profile a]\naws_access_key_id=CONFIG\nregion=r\n",
                "[a]\naws_access_key_id=CREDENTIALS\n", "a", &p, &diag),
           DG_OK, "in both files");
    is_text(p.access_key_id, "CREDENTIALS", "the credentials file wins");
    is_text(p.region, "r", "what only one says holds");

    is_int(load("", "[a]\naws_access_key_id=X\naws_session_token=\n", "a",
                &p, &diag), DG_OK, "an empty token");
    is_int((int64_t) p.session_token.len, 0, "is none");
}


static void
refused(void)
{
    static const struct {
        const char  *text;
        dg_err_t     err;
        unsigned     line;
    } cases[] = {
        { "[b]\nregion=x\n", DG_ERR_MISSING, 0 },
        { "[a\n", DG_ERR_SYNTAX, 1 },
        { "[a]\nregion\n", DG_ERR_SYNTAX, 2 },
        { "[a]\n= x\n", DG_ERR_SYNTAX, 2 },
        { "[a]\nregion=x\nregion=y\n", DG_ERR_INVALID, 3 },
        { "[a]\nregion=x\n[b]\n[a]\n", DG_ERR_INVALID, 4 },
        { "[a]\nregion=x\n  y\n", DG_ERR_SYNTAX, 3 }
    };
    dg_diag_t     diag;
    dg_profile_t  p;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(load(cases[i].text, "", "a", &p, &diag), cases[i].err,
               "in config: %s", diag.text);
        is_int(diag.line, cases[i].line, "at its line");
        is_int(load("", cases[i].text, "a", &p, &diag), cases[i].err,
               "in credentials");
    }
}


int
main(void)
{
    accepted();
    refused();

    return done_testing();
}
