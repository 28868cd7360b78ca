/*
 * Static credentials: the JSON form and the shared credentials file.
 */

#define _GNU_SOURCE  /* memmem */

#include "dg_credentials_file.h"

#include "tap.h"

static uint8_t  memory[256 * 1024];


static dg_err_t
parse(const char *text, const char *profile, dg_credentials_t *c,
    dg_diag_t *diag)
{
    static dg_arena_t  arena;

    memset(memory, 0, sizeof(memory));
    memset(diag, 0, sizeof(*diag));
    dg_arena_init(&arena, memory, sizeof(memory));

    return dg_credentials_file_parse(&arena, dg_span_cstr(text),
                                     dg_span_cstr(profile), c, diag);
}


static const char  shared[] =
    "# made by hand\r\n"
    "[default]\r\n"
    "aws_access_key_id = AKIADEFAULT\r\n"
    "aws_secret_access_key=planted/secret=1\r\n"
    "\r\n"
    "[profile other]\n"
    "region = us-east-1\n"
    "s3 =\n"
    "  max_concurrent_requests = 20\n"
    "  aws_access_key_id = nested\n"
    "AWS_Access_Key_Id\t=\tASIAOTHER  \n"
    "; a comment\n"
    "aws_secret_access_key = planted-secret-2\n"
    "aws_session_token = planted-token==\n"
    "expiration = 2026-12-31T23:59:59Z\n"
    "[ empty ]\n"
    "aws_session_token =\n"
    "[role]\n"
    "role_arn = arn:aws:iam::111122223333:role/r\n"
    "[third]\n"
    "  aws_access_key_id = AKIATHIRD\n"
    "aws_secret_access_key = s\n"
    "aws_session_token =\n"
    "expiration =";


static void
profiles(void)
{
    dg_credentials_t  c;
    dg_diag_t         diag;

    is_int(parse(shared, "", &c, &diag), DG_OK, "default: %s", diag.text);
    is_text(c.access_key_id, "AKIADEFAULT", "id");
    is_text(c.secret_access_key, "planted/secret=1", "secret");
    is_int(c.session_token.len, 0, "no token");
    is_int(c.expires_at, 0, "never expires");

    is_int(parse(shared, "other", &c, &diag), DG_OK, "other: %s", diag.text);
    is_text(c.access_key_id, "ASIAOTHER", "id");
    is_text(c.secret_access_key, "planted-secret-2", "secret");
    is_text(c.session_token, "planted-token==", "token");
    is_int(c.expires_at, 1798761599, "expires");
    ok(memmem(memory, sizeof(memory), "planted", 7) != NULL, "is there");
    dg_credentials_wipe(&c);
    ok(memmem(memory, sizeof(memory), "planted", 7) == NULL, "wiped");

    is_int(parse(shared, "third", &c, &diag), DG_OK, "third: %s", diag.text);
    is_text(c.access_key_id, "AKIATHIRD", "id");
    is_int(c.session_token.len, 0, "an empty token is none");
}


static void
profiles_refused(void)
{
    static const struct {
        const char  *text;
        const char  *profile;
        dg_err_t     err;
        unsigned     line;
        const char  *says;
    } cases[] = {
        { "", "", DG_ERR_MISSING, 0, "no profile \"default\"" },
        { shared, "none", DG_ERR_MISSING, 0, "no profile \"none\"" },
        { shared, "role", DG_ERR_MISSING, 18, "no aws_access_key_id" },
        { shared, "empty", DG_ERR_MISSING, 16, "no aws_access_key_id" },
        { "[a]\naws_access_key_id=AKIA1\n", "a", DG_ERR_MISSING, 1,
          "no aws_secret_access_key" },
        { "[a\n", "a", DG_ERR_SYNTAX, 1, "bracket" },
        { "[a]\nplanted\n", "a", DG_ERR_SYNTAX, 2, "NAME = VALUE" },
        { "[a]\n= planted\n", "a", DG_ERR_SYNTAX, 2, "NAME = VALUE" },
        { "[a]\n[b]\n[a]\n", "a", DG_ERR_INVALID, 3, "line 1" },
        { "[a]\naws_access_key_id=AKIA1\naws_access_key_id=AKIA2\n", "a",
          DG_ERR_INVALID, 3, "line 2" },
        { "[a]\naws_access_key_id=AKIA1\n  more\n", "a", DG_ERR_SYNTAX, 3,
          "indented" },
        { "[a]\naws_access_key_id=A\naws_secret_access_key=planted\n", "a",
          DG_ERR_INVALID, 2, "4 to 128" },
        { "[a]\naws_access_key_id=AKIA1\naws_secret_access_key=planted x\n",
          "a", DG_ERR_INVALID, 3, "without blanks" },
        { "[a]\naws_access_key_id=AKIA1\naws_secret_access_key=\n",
          "a", DG_ERR_INVALID, 3, "without blanks" },
        { "[a]\naws_access_key_id=AKIA1\naws_secret_access_key=x\n"
          "aws_session_token=planted\x7f\n", "a", DG_ERR_INVALID, 4,
          "session token" },
        { "[a]\naws_access_key_id=AKIA1\naws_secret_access_key=x\n"
          "expiration=2026-12-31 23:59:59\n", "a", DG_ERR_INVALID, 4,
          "2026-12-31T23:59:59Z" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dg_credentials_t  c;
        dg_diag_t         diag;

        is_int(parse(cases[i].text, cases[i].profile, &c, &diag),
               cases[i].err, "refused: %s", cases[i].says);
        ok(strstr(diag.text, cases[i].says) != NULL
           && strstr(diag.text, "planted") == NULL, "says: %s", diag.text);
        is_int(diag.line, cases[i].line, "at that line");
        is_int(c.secret_access_key.len, 0, "and gives none");
    }
}


static void
json(void)
{
    dg_credentials_t  c;
    dg_diag_t         diag;

    is_int(parse("\n {\"access_key_id\":\"ASIA1\",\"secret_access_key\":"
                 "\"planted\\/1\",\"session_token\":\"planted-2\","
                 "\"expiration\":\"1970-01-01T00:01:00Z\"}", "ignored",
                 &c, &diag),
           DG_OK, "JSON: %s", diag.text);
    is_text(c.access_key_id, "ASIA1", "id");
    is_text(c.secret_access_key, "planted/1", "secret");
    is_text(c.session_token, "planted-2", "token");
    is_int(c.expires_at, 60, "expires");
    dg_credentials_wipe(&c);
    ok(memmem(memory, sizeof(memory), "planted", 7) == NULL, "wiped");

    is_int(parse("{\"access_key_id\":\"ASIA1\",\"secret_access_key\":"
                 "\"s\"}", "", &c, &diag),
           DG_OK, "without token: %s", diag.text);
    is_int(c.session_token.len, 0, "none");
}


static void
json_refused(void)
{
    static const struct {
        const char  *text;
        dg_err_t     err;
        unsigned     column;
        const char  *says;
    } cases[] = {
        { "{", DG_ERR_SYNTAX, 2, "too early" },
        { "{}", DG_ERR_MISSING, 1, "no access_key_id" },
        { "{\"access_key_id\":\"ASIA1\"}", DG_ERR_MISSING, 1,
          "no secret_access_key" },
        { "{\"AccessKeyId\":\"ASIA1\"}", DG_ERR_INVALID, 2,
          "unknown member \"AccessKeyId\"" },
        { "{\"access_key_id\":1}", DG_ERR_INVALID, 18, "must be a string" },
        { "{\"access_key_id\":[]}", DG_ERR_INVALID, 18, "must be a string" },
        { "{\"access_key_id\":\"ASIA1\",\"secret_access_key\":\"planted "
          "\"}", DG_ERR_INVALID, 46, "without blanks" },
        { "{\"access_key_id\":\"ASIA1\",\"secret_access_key\":\"planted\","
          "\"session_token\":\"\"}", DG_ERR_INVALID, 72, "left out" },
        { "{\"access_key_id\":\"ASIA1\",\"secret_access_key\":\"planted\","
          "\"expiration\":\"\"}", DG_ERR_INVALID, 69, "is written as" },
        { "{\"access_key_id\":\"ASIA1\",\"access_key_id\":\"ASIA2\"}",
          DG_ERR_INVALID, 26, "comes twice" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dg_credentials_t  c;
        dg_diag_t         diag;

        is_int(parse(cases[i].text, "", &c, &diag), cases[i].err,
               "refused: %s", cases[i].says);
        ok(strstr(diag.text, cases[i].says) != NULL
           && strstr(diag.text, "planted") == NULL, "says: %s", diag.text);
        is_int(diag.column, cases[i].column, "at that column");
        ok(memmem(memory, sizeof(memory), "planted", 7) == NULL,
           "nothing stays in memory");
    }
}


int
main(void)
{
    profiles();
    profiles_refused();
    json();
    json_refused();

    return done_testing();
}
