/*
 * What endpoints of containers and instances answer.
 */

#define _GNU_SOURCE  /* memmem */

#include "dg_credentials_reply.h"

#include "tap.h"

#define REST  ",\"SecretAccessKey\":\"s\",\"Token\":\"t\","                  \
              "\"Expiration\":\"2026-11-20T21:00:00Z\"}"

static uint8_t  memory[256 * 1024];


static dg_err_t
parse(const char *answer, dg_credentials_t *c, dg_diag_t *diag)
{
    static dg_arena_t  arena;

    memset(diag, 0, sizeof(*diag));
    dg_arena_init(&arena, memory, sizeof(memory));

    return dg_credentials_reply_parse(&arena, dg_span_cstr(answer), c, diag);
}


int
main(void)
{
    static const struct {
        const char  *answer;
        dg_err_t     err;
    } bad[] = {
        { "", DG_ERR_SYNTAX },
        { "[]", DG_ERR_MISSING },
        { "{}", DG_ERR_MISSING },
        { "{\"AccessKeyId\":\"\"" REST, DG_ERR_MISSING },
        { "{\"AccessKeyId\":1" REST, DG_ERR_MISSING },
        { "{\"AccessKeyId\":\"a b c d\"" REST, DG_ERR_INVALID },
        { "{\"Code\":\"Failed\",\"AccessKeyId\":\"ASIA1234\"" REST,
          DG_ERR_INVALID },
        { "{\"Code\":\"a b\",\"AccessKeyId\":\"ASIA1234\"" REST,
          DG_ERR_INVALID },
        { "{\"AccessKeyId\":\"ASIA1234\",\"SecretAccessKey\":\"s\","
          "\"Token\":\"t\"}", DG_ERR_MISSING },
        { "{\"AccessKeyId\":\"ASIA1234\",\"SecretAccessKey\":\"s\","
          "\"Token\":\"t\",\"Expiration\":\"soon\"}", DG_ERR_INVALID }
    };
    dg_diag_t         diag;
    dg_credentials_t  c;

    is_int(parse("{\"RoleArn\":\"x\",\"AccessKeyId\":\"ASIA1234\"" REST, &c,
                 &diag), DG_OK, "of a container");
    is_text(c.access_key_id, "ASIA1234", "id");
    is_text(c.session_token, "t", "token");
    is_int(c.expires_at, 1795208400, "expiration");

    is_int(parse("{\"Code\":\"Success\",\"Type\":\"AWS-HMAC\","
                 "\"LastUpdated\":\"x\",\"AccessKeyId\":\"ASIA1234\"" REST,
                 &c, &diag), DG_OK, "of an instance");

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(parse(bad[i].answer, &c, &diag), bad[i].err, "%s",
               bad[i].answer);
        ok(diag.text[0] != 0, "said: %s", diag.text);
    }

    is_text(dg_instance_role(DG_SPAN("desks\nmore\n")), "desks", "a role");
    is_text(dg_instance_role(DG_SPAN("desks")), "desks", "without an end");
    is_int((int64_t) dg_instance_role(DG_SPAN("<html>\n")).len, 0, "no role");
    is_int((int64_t) dg_instance_role(DG_SPAN("../x\n")).len, 0, "a path");
    is_int((int64_t) dg_instance_role(DG_SPAN("")).len, 0, "nothing");

    ok(dg_instance_token_fits(DG_SPAN("AQAE=")), "a token");
    ok(!dg_instance_token_fits(DG_SPAN("a\r\nb")), "lines are no token");
    ok(!dg_instance_token_fits(DG_SPAN("")), "nor is nothing");

    return done_testing();
}
