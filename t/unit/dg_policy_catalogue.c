/*
 * What policies may speak of, against a small model and its overlay.
 */

#include "dg_policy_catalogue.h"
#include "policy.h"

#define MODEL                                                                 \
    "{'metadata': {'protocol': 'json', 'jsonVersion': '1.1', "                \
    "'apiVersion': '2020-01-01', 'endpointPrefix': 'desk', "                  \
    "'serviceId': 'Desk', 'signingName': 'desk', "                            \
    "'targetPrefix': 'Desk_1'}, "                                             \
    "'operations': {"                                                         \
    "'CreateDesks': {'name': 'CreateDesks', 'http': {'method': 'POST', "      \
    "'requestUri': '/'}, 'input': {'shape': 'CreateIn'}}, "                   \
    "'ListDesks': {'name': 'ListDesks', 'http': {'method': 'POST', "          \
    "'requestUri': '/'}, 'input': {'shape': 'ListIn'}}}, "                    \
    "'shapes': {"                                                             \
    "'CreateIn': {'type': 'structure', 'members': {"                          \
    "'Desks': {'shape': 'Desks'}, 'Room': {'shape': 'S'}}}, "                 \
    "'Desks': {'type': 'list', 'member': {'shape': 'Desk'}}, "                \
    "'Desk': {'type': 'structure', 'members': {'Id': {'shape': 'S'}, "        \
    "'Colors': {'shape': 'L'}, 'Tags': {'shape': 'Tags'}, "                   \
    "'Size': {'shape': 'Size'}}}, "                                           \
    "'Size': {'type': 'structure', 'members': {'Width': {'shape': 'S'}}}, "   \
    "'Tags': {'type': 'list', 'member': {'shape': 'Tag'}}, "                  \
    "'Tag': {'type': 'structure', 'members': {'Key': {'shape': 'S'}, "        \
    "'Value': {'shape': 'S'}}}, "                                             \
    "'L': {'type': 'list', 'member': {'shape': 'S'}}, "                       \
    "'ListIn': {'type': 'structure', 'members': {'Limit': "                   \
    "{'shape': 'S'}}}, 'S': {'type': 'string'}}}"

#define OVERLAY                                                               \
    "{'resourceTypes': {'desk': {'arn': "                                     \
    "'arn:P:desk:R:A:desk/${id}'}}, "                                         \
    "'operations': {'CreateDesks': {'access': 'write', 'batch': 'Desks', "    \
    "'tags': 'Desks[].Tags', 'resources': {'desk': ['Desks[].Id']}}, "        \
    "'ListDesks': {'access': 'list'}}}"

static world_t                 w;
static dg_service_t           *service;
static dg_policy_catalogue_t   catalogue;
static char                    last[DG_DIAG_TEXT];
static unsigned                errors, warnings;


static void
hear(void *ctx, dg_policy_severity_t severity, const dg_diag_t *diag)
{
    (void) ctx;
    errors += severity == DG_POLICY_ERROR;
    warnings += severity == DG_POLICY_WARNING;
    memcpy(last, diag->text, sizeof(last));
}


static void
check(const char *statement, bool strict, unsigned want_errors,
    unsigned want_warnings, const char *says)
{
    char                  text[1024];
    const dg_policy_t    *policy;
    dg_policy_options_t   options = {
        .form = DG_POLICY_IDENTITY, .catalogue = &catalogue,
        .strict = strict, .report = hear
    };

    errors = warnings = 0;
    last[0] = '\0';
    snprintf(text, sizeof(text), VERSION "{'Effect': 'Allow', %s}}",
             statement);
    ok((dg_policy_load(&w.arena, quoted(&w, text), &options, NULL, &policy)
        == DG_OK) == (want_errors == 0), "%s", statement);
    is_int(errors, want_errors, "errors");
    is_int(warnings, want_warnings, "warnings");

    if (!ok(strstr(last, says) != NULL, "the words: %s", says)) {
        printf("# %s\n", last);
    }
}


static void
condition(const char *action, const char *condition_text,
    unsigned want_errors, const char *says)
{
    char  text[512];

    snprintf(text, sizeof(text), "'Action': '%s', 'Resource': '*', "
             "'Condition': {%s}", action, condition_text);
    check(text, true, want_errors, 0, says);
}


static void
test_actions(void)
{
    check("'Action': 'desk:CreateDesks', 'Resource': '*'", true, 0, 0, "");
    check("'Action': 'DESK:createdesks', 'Resource': '*'", true, 0, 0, "");
    check("'Action': 'desk:*s', 'Resource': '*'", true, 0, 0, "");
    check("'Action': 'desk:CreateDesk', 'Resource': '*'", true, 1, 0,
          "did you mean \"desk:CreateDesks\"");
    check("'Action': 'desk:CreateDesk', 'Resource': '*'", false, 0, 1,
          "unknown action");
    check("'Action': 'desk:X*', 'Resource': '*'", true, 1, 0, "unknown");
    check("'Action': 'ec2:RunInstances', 'Resource': '*'", true, 0, 1,
          "no model");
}


static void
test_arns(void)
{
    check("'Action': '*', 'Resource': 'arn:aws:desk:*:*:desk/*'", true, 0, 0,
          "");
    check("'Action': '*', 'Resource': 'arn:aws:desk:*:*:d*${aws:userid}'",
          true, 0, 0, "");
    check("'Action': '*', 'Resource': 'arn:aws:desk:*:*:*'", true, 0, 0, "");
    check("'Action': '*', 'Resource': 'arn:aws:desk:*:*:chair/*'", true, 1, 0,
          "no resource of the service");
    check("'Action': '*', 'Resource': 'arn:aws:desk:*:*:chair/*'", false, 0,
          1, "no resource of the service");
    check("'Action': '*', 'Resource': 'arn:aws:s3:::x'", true, 0, 1,
          "no model");
}


static void
test_keys(void)
{
    const char *equals = "'StringEquals': ";
    char        text[256];

#define KEY(action, key, errors_, says_)                                      \
    snprintf(text, sizeof(text), "%s{'" key "': 'a'}", equals);               \
    condition(action, text, errors_, says_)

    KEY("*", "aws:username", 0, "");
    KEY("*", "AWS:USERNAME", 0, "");
    KEY("*", "aws:usrname", 1, "did you mean \"aws:username\"");
    KEY("*", "aws:PrincipalTag/team", 0, "");
    KEY("*", "aws:PrincipalTag/", 1, "unknown");
    KEY("*", "aws:ResourceTag/team", 1, "not looked up");
    KEY("desk:ListDesks", "aws:ResourceTag/team", 1, "never be present");
    KEY("*", "aws:MultiFactorAuthPresent", 0, "");
    KEY("*", "aws:SourceVpc", 1, "not known here");
    KEY("*", "corp:email", 0, "");
    KEY("*", "other:email", 1, "unknown");
    KEY("desk:CreateDesks", "aws:RequestTag/a", 0, "");
    KEY("desk:ListDesks", "aws:RequestTag/a", 1, "can never be present");
    KEY("desk:*", "aws:RequestTag/a", 0, "");
    KEY("desk:CreateDesks", "aws:TagKeys", 1, "several values");
    KEY("desk:CreateDesks", "deskgate:Request/Room", 0, "");
    KEY("desk:CreateDesks", "deskgate:Request/Size/Width", 0, "");
    KEY("desk:CreateDesks", "deskgate:Request/Desks/Size/Width", 0, "");
    KEY("desk:CreateDesks", "deskgate:Request/Colors", 1, "several values");
    KEY("desk:CreateDesks", "deskgate:Request/Tags/Key", 1,
        "several values");
    KEY("desk:CreateDesks", "deskgate:Request/Chair", 1, "unknown");
    KEY("desk:ListDesks", "deskgate:Request/Room", 1, "never be present");
    KEY("desk:ListDesks", "deskgate:Request/Limit", 0, "");

    condition("desk:CreateDesks", "'ForAnyValue:StringEquals': "
              "{'aws:TagKeys': 'a'}", 0, "");
    condition("desk:CreateDesks", "'Null': {'aws:TagKeys': 'true'}", 0, "");
}


static void
test_variables(void)
{
#define VARIABLE(action, variable, strict_, errors_, warnings_, says_)        \
    check("'Action': '" action "', 'Resource': '*', 'Condition': "            \
          "{'StringEquals': {'aws:username': '" variable "'}}", strict_,      \
          errors_, warnings_, says_)

    VARIABLE("*", "${aws:userid}", true, 0, 0, "");
    VARIABLE("*", "${*}${?}${$}", true, 0, 0, "");
    VARIABLE("*", "${corp:email}", true, 0, 0, "");
    VARIABLE("*", "${aws:usrname}", true, 1, 0,
             "unknown variable \"aws:usrname\", did you mean");
    VARIABLE("*", "a${aws:usrname}", false, 1, 0, "unknown variable");
    VARIABLE("*", "${aws:SourceVpc}", true, 1, 0, "not known here");
    VARIABLE("desk:CreateDesks", "${aws:TagKeys}", true, 1, 0,
             "several values");
    VARIABLE("desk:ListDesks", "${aws:RequestTag/a}", true, 1, 0,
             "never be present");
    VARIABLE("desk:ListDesks", "${aws:RequestTag/a}", false, 0, 1,
             "never be present");
    check("'Action': '*', 'Resource': 'arn:aws:desk:*:*:desk/${aws:usr}'",
          true, 1, 0, "unknown variable");
    check("'Action': '*', 'Resource': '*', 'Condition': {'ArnLike': "
          "{'aws:PrincipalArn': '${aws:usr}'}}", true, 1, 0,
          "unknown variable");
    check("'Action': ['ec2:Run*', 'EC2:run*', 's3:Get*'], 'Resource': "
          "['arn:aws:s3:::x', 'arn:aws:s3:::x']", true, 0, 3, "no model");
}


static void
test_index(void)
{
    dg_span_t             action;
    const dg_policy_t    *policy;
    dg_policy_options_t   options = { .form = DG_POLICY_IDENTITY };

    ok(catalogue.action_at(catalogue.ctx, 0, &action), "an action");
    is_text(action, "desk:CreateDesks", "by its name");
    ok(!catalogue.action_at(catalogue.ctx, 2, &action), "two in all");

    is_int(dg_policy_load(&w.arena, quoted(&w, VERSION ALLOW "}}"), &options,
                          NULL, &policy), DG_OK, "a document");

    dg_policy_document_t     document = { policy, DG_SPAN("a.json") };
    dg_policy_set_options_t  set_options = { .catalogue = &catalogue };
    const dg_policy_set_t   *set;

    is_int(dg_policy_set_create(&w.arena, &document, 1, &set_options, &set),
           DG_OK, "a set");
    w.request.action = DG_SPAN("desk:listdesks");
    dg_policy_decide(set, &w.request, &w.decision);
    is_int(w.decision.effect, DG_POLICY_ALLOW, "by an indexed action");
    is_text(w.decision.name, "a.json", "of the document");
}


int
main(void)
{
    static dg_span_t              issuers[1];
    const dg_service_t           *services[1];
    dg_diag_t                     diag = { 0, 0, "" };
    dg_policy_catalogue_source_t  source = { services, 1, issuers, 1, false,
                                             false };

    world_init(&w);

    if (!ok(dg_model_load(&w.arena, DG_SPAN("desk"), quoted(&w, MODEL),
                          quoted(&w, OVERLAY), &diag, &service) == DG_OK,
            "the model"))
    {
        printf("# %s\n", diag.text);
        return done_testing();
    }

    issuers[0] = DG_SPAN("corp");
    services[0] = service;
    is_int(dg_policy_catalogue_create(&w.arena, &source, &catalogue), DG_OK,
           "the catalogue");

    test_actions();
    test_arns();
    test_keys();
    test_variables();
    test_index();

    dg_model_release(service);
    world_free(&w);

    return done_testing();
}
