/*
 * Documents: what is refused, where, and with which words; what only warns.
 */

#include "policy.h"

#define STATEMENT(text)  "{'Version': '2012-10-17', 'Statement': [\n" text "]}"

static world_t  w;

static const struct {
    const char        *text;
    unsigned           line;
    unsigned           column;
    const char        *says;
    dg_policy_form_t   form;
} refused[] = {
    { "", 0, 0, "", DG_POLICY_IDENTITY },
    { "{", 0, 0, "", DG_POLICY_IDENTITY },
    { "[]", 1, 1, "a policy is an object", DG_POLICY_IDENTITY },
    { "{}", 1, 1, "no Statement", DG_POLICY_IDENTITY },
    { "{'Statement': []}", 1, 15, "no Statement", DG_POLICY_IDENTITY },
    { "{'Statement': ['a']}", 1, 16, "an object, not string",
      DG_POLICY_IDENTITY },
    { "{'Statment': " ALLOW "}}", 1, 2, "did you mean \"Statement\"",
      DG_POLICY_IDENTITY },
    { "{'Version': '2012-10-18', 'Statement': " ALLOW "}}", 1, 13,
      "Version must be", DG_POLICY_IDENTITY },
    { "{'Version': 2012, 'Statement': " ALLOW "}}", 1, 13, "Version must be",
      DG_POLICY_IDENTITY },
    { "{'Id': 1, 'Statement': " ALLOW "}}", 1, 8, "Id must be",
      DG_POLICY_IDENTITY },
    { "{'Id': '1', 'Id': '2', 'Statement': " ALLOW "}}", 0, 0, "",
      DG_POLICY_IDENTITY },
    { STATEMENT("{'Action': '*', 'Resource': '*'}"), 2, 1, "no Effect",
      DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'allow', 'Action': '*', 'Resource': '*'}"), 2, 12,
      "\"Allow\" or \"Deny\"", DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Resource': '*'}"), 2, 1, "no Action",
      DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*'}"), 2, 1, "no Resource",
      DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', 'NotAction': '*', "
                "'Resource': '*'}"), 2, 35, "not both", DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Action': [], 'Resource': '*'}"), 2, 30,
      "1 to 10000", DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Action': ['*', ''], "
                "'Resource': '*'}"), 2, 36, "none of them empty",
      DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Action': 'Reboot', 'Resource': '*'}"),
      2, 30, "is no action", DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Action': 'w*:Reboot', "
                "'Resource': '*'}"), 2, 30, "is no action",
      DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Action': 'a:${b:c}', "
                "'Resource': '*'}"), 2, 30, "is no action",
      DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', 'Resource': 5}"), 2, 47,
      "list of strings", DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', 'Resource': 'ws-1'}"), 2,
      47, "malformed ARN", DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', "
                "'Resource': 'arn:aws:w*:r:a:b'}"), 2, 47, "no wildcard",
      DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', "
                "'Resource': 'arn:aws:w:r:a:'}"), 2, 47, "no resource",
      DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', "
                "'Resource': 'arn:aws:w:${a:b}:a:c'}"), 2, 47,
      "last part", DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', "
                "'Resource': 'arn:aws:w:r:a:${b'}"), 2, 47,
      "malformed variable", DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', "
                "'Resource': 'arn:aws:w:*'}"), 2, 47, "six parts",
      DG_POLICY_SESSION },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', 'Resource': '*', "
                "'Principal': '*'}"), 2, 52, "no Principal",
      DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', 'Resource': '*', "
                "'NotPrincipal': '*'}"), 2, 52, "no NotPrincipal",
      DG_POLICY_BOUNDARY },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', 'Resource': '*'}"), 2, 1,
      "has no Principal", DG_POLICY_RESOURCE },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', 'Resource': '*', "
                "'Principal': 'ann'}"), 2, 65, "must be \"*\"",
      DG_POLICY_RESOURCE },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', 'Resource': '*', "
                "'Principal': {}}"), 2, 65, "must be \"*\"",
      DG_POLICY_RESOURCE },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', 'Resource': '*', "
                "'Principal': {'Aws': '*'}}"), 2, 66,
      "did you mean \"AWS\"", DG_POLICY_RESOURCE },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', 'Resource': '*', "
                "'Principal': {'AWS': 'ann'}}"), 2, 73, "is no principal",
      DG_POLICY_RESOURCE },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', 'Resource': '*', "
                "'Sid': 1}"), 2, 59, "Sid must be", DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', 'Resource': '*', "
                "'Condition': []}"), 2, 65, "object of operators",
      DG_POLICY_IDENTITY },
    { STATEMENT("{'Effect': 'Deny', 'Action': '*', 'Resource': '*', "
                "'Conditions': {}}"), 2, 52, "did you mean \"Condition\"",
      DG_POLICY_IDENTITY },
};


static void
test_refused(void)
{
    for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        dg_diag_t           diag = { 0, 0, "" };
        const dg_policy_t  *policy = NULL;

        w.arena.pos = w.block;
        ok(world_load(&w, refused[i].form, refused[i].text, &diag, &policy)
           != DG_OK && policy == NULL, "refused: %s", refused[i].says);

        if (refused[i].line) {
            is_int(diag.line, refused[i].line, "the line");
            is_int(diag.column, refused[i].column, "the column");
        }

        if (!ok(strstr(diag.text, refused[i].says) != NULL && diag.text[0],
                "the words"))
        {
            printf("# %s\n", diag.text);
        }
    }
}


typedef struct {
    unsigned  errors;
    unsigned  warnings;
    char      last[DG_DIAG_TEXT];
} heard_t;


static void
hear(void *ctx, dg_policy_severity_t severity, const dg_diag_t *diag)
{
    heard_t  *h = ctx;

    h->errors += severity == DG_POLICY_ERROR;
    h->warnings += severity == DG_POLICY_WARNING;
    memcpy(h->last, diag->text, sizeof(h->last));
}


static void
warns(const char *text, unsigned warnings, const char *says)
{
    heard_t               h;
    const dg_policy_t    *policy;
    dg_policy_options_t   options = { .form = DG_POLICY_RESOURCE,
                                      .report = hear, .report_ctx = &h };

    memset(&h, 0, sizeof(h));
    w.arena.pos = w.block;
    is_int(dg_policy_load(&w.arena, quoted(&w, text), &options, NULL,
                          &policy), DG_OK, "accepted");
    is_int(h.warnings, warnings, "warnings");
    ok(strstr(h.last, says) != NULL, "the words: %s", says);
}


static void
test_warnings(void)
{
    warns(VERSION ALLOW ", 'Principal': '*'}}", 0, "");
    warns("{'Statement': " ALLOW ", 'Principal': '*', 'Condition': "
          "{'StringLike': {'a:a': '${b:b}'}}}}", 1, "plain text");
    warns(VERSION ALLOW ", 'Principal': {'Service': 'x'}}}", 1, "never");
    warns(VERSION ALLOW ", 'Principal': '*', 'Condition': {'IpAddress': "
          "{'aws:SourceIp': '10.1.0.0/8'}}}}", 1, "behind its prefix");
    warns(VERSION ALLOW ", 'Principal': '*', 'Condition': "
          "{'ForAllValues:StringEquals': {'a:a': 'b'}}}}", 1,
          "also holds when");
    warns(VERSION ALLOW ", 'Principal': '*', 'Condition': "
          "{'ForAllValues:StringEquals': {'a:a': 'b'}, "
          "'Null': {'A:A': 'false'}}}}", 0, "");
    warns(VERSION "[" ALLOW ", 'Sid': 'a', 'Principal': '*'}, " ALLOW
          ", 'Sid': 'a', 'Principal': '*'}]}", 1, "used twice");
}


static void
test_all_errors(void)
{
    heard_t               h;
    dg_diag_t             diag;
    const dg_policy_t    *policy;
    dg_policy_options_t   options = { .form = DG_POLICY_IDENTITY,
                                      .report = hear, .report_ctx = &h };

    memset(&h, 0, sizeof(h));
    w.arena.pos = w.block;
    is_int(dg_policy_load(&w.arena, quoted(&w, VERSION "[{'Effect': 'x', "
                          "'Action': 'y', 'Resource': 'z'}, {}]}"),
                          &options, &diag, &policy), DG_ERR_INVALID,
           "several errors");
    is_int(h.errors, 6, "are all told");
    ok(strstr(diag.text, "Effect") != NULL, "the first is returned");
}


static void
test_limits(void)
{
    size_t              room = DG_POLICY_TEXT_MAX + 100, len;
    char               *text = malloc(room);
    dg_diag_t           diag;
    const dg_policy_t  *policy;

    w.arena.pos = w.block;
    len = (size_t) snprintf(text, room, VERSION "[");

    for (unsigned i = 0; i < 10000; i++) {
        len += (size_t) snprintf(text + len, room - len, ALLOW "},");
    }

    text[len - 1] = ']';
    snprintf(text + len, room - len, "}");
    is_int(world_load(&w, DG_POLICY_IDENTITY, text, &diag, &policy), DG_OK,
           "10,000 statements");
    is_int(dg_policy_statement_count(policy), 10000, "are there");

    w.arena.pos = w.block;
    text[len - 1] = ',';
    snprintf(text + len, room - len, ALLOW "}]}");
    is_int(world_load(&w, DG_POLICY_IDENTITY, text, &diag, &policy),
           DG_ERR_LIMIT, "10,001 are refused");

    w.arena.pos = w.block;
    memset(text, ' ', DG_POLICY_TEXT_MAX + 1);
    len = (size_t) snprintf(text, room, VERSION ALLOW "}}");
    text[len] = ' ';
    text[DG_POLICY_TEXT_MAX] = '\0';
    is_int(world_load(&w, DG_POLICY_IDENTITY, text, &diag, &policy), DG_OK,
           "1 MiB of text");

    w.arena.pos = w.block;
    text[DG_POLICY_TEXT_MAX] = ' ';
    text[DG_POLICY_TEXT_MAX + 1] = '\0';
    is_int(world_load(&w, DG_POLICY_IDENTITY, text, &diag, &policy),
           DG_ERR_LIMIT, "and one byte more");
    free(text);
}


static void
test_memory(void)
{
    uint8_t             *block = malloc(65536);
    dg_arena_t           arena;
    dg_err_t             err = DG_ERR_MEMORY;
    const dg_policy_t   *policy;
    dg_policy_options_t  options = { .form = DG_POLICY_IDENTITY };
    dg_span_t            text;
    size_t               size;

    w.arena.pos = w.block;
    text = quoted(&w, VERSION ALLOW ", 'Sid': 'a', 'Condition': {'ArnLike': "
                  "{'a:a': 'arn:a:b:c:d:e*'}, 'StringLike': {'b:b': "
                  "'a${c:c}'}}}}");

    for (size = 0; size < 65536 && err != DG_OK; size += 64) {
        dg_arena_init(&arena, block, size);
        err = dg_policy_load(&arena, text, &options, NULL, &policy);

        if (err != DG_OK && err != DG_ERR_MEMORY) {
            break;
        }
    }

    is_int(err, DG_OK, "with too little memory it says so, until %zu", size);
    free(block);
}


int
main(void)
{
    world_init(&w);

    test_refused();
    test_warnings();
    test_all_errors();
    test_limits();
    test_memory();

    world_free(&w);

    return done_testing();
}
