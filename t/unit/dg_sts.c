/*
 * STS as a client: what a call says, and both forms of the answer.
 */

#define _GNU_SOURCE  /* memmem */

#include "dg_sts.h"

#include "tap.h"

#define ROLE   "arn:aws:iam::111122223333:role/desks"
#define NS     "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\""
#define KEYS   "<Credentials><AccessKeyId>ASIAEXAMPLEEXAMPLE12"              \
               "</AccessKeyId>\n<SecretAccessKey>secret/+=a</SecretAccessKey>" \
               "<SessionToken>to&#43;ken==</SessionToken>"                   \
               "<Expiration>2026-11-20T21:00:00Z</Expiration></Credentials>"

static uint8_t  memory[1024 * 1024];


static dg_err_t
parse(const char *answer, dg_sts_action_t action, dg_sts_reply_t *reply,
    dg_diag_t *diag)
{
    static dg_arena_t  arena;

    memset(diag, 0, sizeof(*diag));
    dg_arena_init(&arena, memory, sizeof(memory));

    return dg_sts_parse(&arena, dg_span_cstr(answer), action, reply, diag);
}


static void
requests(void)
{
    char            buffer[4096];
    dg_writer_t     w = dg_writer(buffer, sizeof(buffer));
    dg_attribute_t  tags[] = {
        { DG_SPAN("team"), DG_SPAN("R & D") },
        { DG_SPAN("cost"), DG_SPAN("") }
    };
    dg_sts_request_t  r = {
        .action = DG_STS_ASSUME_ROLE,
        .role_arn = DG_SPAN(ROLE),
        .session_name = DG_SPAN("ada@example.com"),
        .external_id = DG_SPAN("x=1"),
        .source_identity = DG_SPAN("ada"),
        .policy = DG_SPAN("{\"a\":1}"),
        .duration = 3600,
        .tags = tags,
        .tag_count = 2,
        .transitive = true
    };

    ok(dg_sts_reason(&r) == NULL, "a whole request is fit");
    dg_sts_write(&w, &r);
    is_text(dg_written(&w),
            "Action=AssumeRole&Version=2011-06-15"
            "&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fdesks"
            "&RoleSessionName=ada%40example.com&ExternalId=x%3D1"
            "&SourceIdentity=ada&Policy=%7B%22a%22%3A1%7D"
            "&DurationSeconds=3600"
            "&Tags.member.1.Key=team&Tags.member.1.Value=R%20%26%20D"
            "&TransitiveTagKeys.member.1=team"
            "&Tags.member.2.Key=cost&Tags.member.2.Value="
            "&TransitiveTagKeys.member.2=cost", "AssumeRole");
    ok(w.len <= dg_sts_size(&r), "its size was told");

    r = (dg_sts_request_t) {
        .action = DG_STS_WEB_IDENTITY,
        .role_arn = DG_SPAN(ROLE),
        .session_name = DG_SPAN("ada"),
        .web_identity_token = DG_SPAN("a.b.c")
    };

    w.len = 0;
    ok(dg_sts_reason(&r) == NULL, "a web identity request is fit");
    dg_sts_write(&w, &r);
    is_text(dg_written(&w),
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
            "&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fdesks"
            "&RoleSessionName=ada&WebIdentityToken=a.b.c", "web identity");

    r = (dg_sts_request_t) { .action = DG_STS_CALLER_IDENTITY };
    w.len = 0;
    dg_sts_write(&w, &r);
    is_text(dg_written(&w), "Action=GetCallerIdentity&Version=2011-06-15",
            "caller identity");
}


static void
unfit_requests(void)
{
    static dg_attribute_t   tags[51];
    static char             long_text[2100];
    const dg_sts_request_t  fit = {
        .action = DG_STS_ASSUME_ROLE,
        .role_arn = DG_SPAN(ROLE),
        .session_name = DG_SPAN("ada")
    };
    dg_sts_request_t  r = fit;

    memset(long_text, 'x', sizeof(long_text));

    r.session_name = DG_SPAN("a");
    ok(dg_sts_reason(&r) != NULL, "a session name of one byte");

    r.session_name = DG_SPAN("a b");
    ok(dg_sts_reason(&r) != NULL, "a session name with a blank");

    r = fit;
    r.role_arn = DG_SPAN("arn:aws:iam::1");
    ok(dg_sts_reason(&r) != NULL, "a short role");

    r = fit;
    r.duration = 899;
    ok(dg_sts_reason(&r) != NULL, "a short duration");

    r.duration = 43201;
    ok(dg_sts_reason(&r) != NULL, "a long duration");

    r = fit;
    r.policy = dg_span(long_text, 2049);
    ok(dg_sts_reason(&r) != NULL, "a long policy");

    r = fit;
    r.external_id = DG_SPAN("x");
    ok(dg_sts_reason(&r) != NULL, "a short external id");

    r = fit;
    r.source_identity = DG_SPAN("a/b");
    ok(dg_sts_reason(&r) != NULL, "a source identity with a slash");

    r = fit;
    r.tags = tags;
    r.tag_count = 51;
    ok(dg_sts_reason(&r) != NULL, "too many tags");

    r.tag_count = 1;
    ok(dg_sts_reason(&r) != NULL, "a tag without a key");

    r = fit;
    r.action = DG_STS_WEB_IDENTITY;
    ok(dg_sts_reason(&r) != NULL, "no web identity token");
}


static void
xml(void)
{
    dg_diag_t       diag;
    dg_sts_reply_t  reply;

    is_int(parse("<?xml version=\"1.0\"?>\n<AssumeRoleResponse " NS ">\n"
                 " <AssumeRoleResult>\n<AssumedRoleUser><Arn>arn:aws:sts::"
                 "111122223333:assumed-role/desks/ada</Arn><AssumedRoleId>"
                 "AROAEXAMPLE:ada</AssumedRoleId></AssumedRoleUser>" KEYS
                 "</AssumeRoleResult><ResponseMetadata><RequestId>r-1"
                 "</RequestId></ResponseMetadata></AssumeRoleResponse>",
                 DG_STS_ASSUME_ROLE, &reply, &diag), DG_OK, "AssumeRole");
    is_text(reply.credentials.access_key_id, "ASIAEXAMPLEEXAMPLE12", "id");
    is_text(reply.credentials.secret_access_key, "secret/+=a", "secret");
    is_text(reply.credentials.session_token, "to+ken==", "token, unescaped");
    is_int(reply.credentials.expires_at, 1795208400, "expiration");
    is_text(reply.arn, "arn:aws:sts::111122223333:assumed-role/desks/ada",
            "arn");
    is_text(reply.user_id, "AROAEXAMPLE:ada", "user id");
    is_text(reply.request_id, "r-1", "request id");

    is_int(parse("<GetCallerIdentityResponse " NS "><GetCallerIdentityResult>"
                 "<Arn>arn:aws:iam::1:user/a</Arn><UserId>AIDA1</UserId>"
                 "<Account>111122223333</Account></GetCallerIdentityResult>"
                 "</GetCallerIdentityResponse>", DG_STS_CALLER_IDENTITY,
                 &reply, &diag), DG_OK, "GetCallerIdentity");
    is_text(reply.account, "111122223333", "account");
    is_text(reply.user_id, "AIDA1", "its user id");

    is_int(parse("<ErrorResponse " NS "><Error><Type>Sender</Type><Code>"
                 "AccessDenied</Code><Message>no &amp; no</Message></Error>"
                 "<RequestId>r-2</RequestId></ErrorResponse>",
                 DG_STS_ASSUME_ROLE, &reply, &diag), DG_OK, "an error");
    is_text(reply.error_code, "AccessDenied", "its code");
    is_text(reply.error_message, "no & no", "its message");
    is_text(reply.request_id, "r-2", "its request id");
}


static void
json(void)
{
    dg_diag_t       diag;
    dg_sts_reply_t  reply;

    is_int(parse("{\"AssumeRoleWithWebIdentityResponse\":{"
                 "\"AssumeRoleWithWebIdentityResult\":{\"Credentials\":{"
                 "\"AccessKeyId\":\"ASIA1234\",\"SecretAccessKey\":\"s\","
                 "\"SessionToken\":\"t\",\"Expiration\":1.7952084E9},"
                 "\"AssumedRoleUser\":{\"Arn\":\"arn:x\"}},"
                 "\"ResponseMetadata\":{\"RequestId\":\"r-3\"}}}",
                 DG_STS_WEB_IDENTITY, &reply, &diag), DG_OK, "JSON");
    is_int(reply.credentials.expires_at, 1795208400, "epoch with exponent");
    is_text(reply.request_id, "r-3", "request id");

    is_int(parse("{\"Error\":{\"Code\":\"ExpiredTokenException\","
                 "\"Message\":\"m\",\"Type\":\"Sender\"},"
                 "\"RequestId\":\"r-4\"}", DG_STS_WEB_IDENTITY, &reply,
                 &diag), DG_OK, "an error in JSON");
    is_text(reply.error_code, "ExpiredTokenException", "its code");
    is_text(reply.request_id, "r-4", "its request id");
}


static void
unfit_answers(void)
{
    static const struct {
        const char  *name;
        const char  *answer;
        dg_err_t     err;
    } cases[] = {
        { "nothing", "", DG_ERR_SYNTAX },
        { "HTML", "<html><body><p>502</body></html>", DG_ERR_SYNTAX },
        { "another document", "<html><body>502</body></html>",
          DG_ERR_INVALID },
        { "another action", "<GetSessionTokenResponse>" KEYS
          "</GetSessionTokenResponse>", DG_ERR_INVALID },
        { "no credentials", "<AssumeRoleResponse/>", DG_ERR_MISSING },
        { "cut", "<AssumeRoleResponse><Credentials><AccessKeyId>AS",
          DG_ERR_SYNTAX },
        { "a document type", "<!DOCTYPE x [<!ENTITY a \"b\">]>"
          "<AssumeRoleResponse>&a;</AssumeRoleResponse>", DG_ERR_INVALID },
        { "deep", "<a><a><a><a><a><a><a><a><a>", DG_ERR_LIMIT },
        { "a blank in the secret", "<AssumeRoleResponse><Credentials>"
          "<AccessKeyId>ASIA1234</AccessKeyId><SecretAccessKey>a b"
          "</SecretAccessKey><SessionToken>t</SessionToken><Expiration>"
          "2026-11-20T21:00:00Z</Expiration></Credentials>"
          "</AssumeRoleResponse>", DG_ERR_INVALID },
        { "no expiration", "<AssumeRoleResponse><Credentials>"
          "<AccessKeyId>ASIA1234</AccessKeyId><SecretAccessKey>a"
          "</SecretAccessKey><SessionToken>t</SessionToken></Credentials>"
          "</AssumeRoleResponse>", DG_ERR_MISSING },
        { "an expiration of words", "<AssumeRoleResponse><Credentials>"
          "<AccessKeyId>ASIA1234</AccessKeyId><SecretAccessKey>a"
          "</SecretAccessKey><SessionToken>t</SessionToken><Expiration>soon"
          "</Expiration></Credentials></AssumeRoleResponse>",
          DG_ERR_INVALID },
        { "an empty object", "{}", DG_ERR_INVALID },
        { "cut JSON", "{\"AssumeRoleResponse\":{", DG_ERR_SYNTAX }
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dg_diag_t       diag;
        dg_sts_reply_t  reply;

        is_int(parse(cases[i].answer, DG_STS_ASSUME_ROLE, &reply, &diag),
               cases[i].err, "%s", cases[i].name);
        ok(diag.text[0] != '\0' && strstr(diag.text, "ASIA") == NULL,
           "said without a value: %s", diag.text);
    }
}


static void
packed(void)
{
    char              buffer[DG_CREDENTIALS_PACKED];
    dg_writer_t       w = dg_writer(buffer, sizeof(buffer));
    dg_credentials_t  got, c = {
        DG_SPAN("AKIAEXAMPLE"), DG_SPAN("s"), DG_SPAN(""), 0
    };

    dg_credentials_pack(&w, &c);
    is_int(dg_credentials_unpack(dg_written(&w), &got), DG_OK, "unpacked");
    is_text(got.access_key_id, "AKIAEXAMPLE", "id");
    is_int((int64_t) got.session_token.len, 0, "no token");

    c.session_token = DG_SPAN("t");
    c.expires_at = 42;
    w.len = 0;
    dg_credentials_pack(&w, &c);
    is_int(dg_credentials_unpack(dg_written(&w), &got), DG_OK, "temporary");
    is_text(got.session_token, "t", "token");
    is_int(got.expires_at, 42, "expiration");

    is_int(dg_credentials_unpack(DG_SPAN("AKIAEXAMPLE s"), &got),
           DG_ERR_INVALID, "half a text");
    is_int(dg_credentials_unpack(DG_SPAN(""), &got), DG_ERR_INVALID,
           "no text");
}


int
main(void)
{
    requests();
    unfit_requests();
    xml();
    json();
    unfit_answers();
    packed();

    return done_testing();
}
