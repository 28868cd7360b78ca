/*
 * deskgate-policy: checks policies, explains a decision, tests policies
 * against cases, compares two policies by recorded calls.
 *
 * Exit status: 0 all is well, 1 a policy is refused, a case failed, the call
 * is not allowed or would be decided otherwise, 2 the command itself could
 * not be carried out.
 */

#include "policy_command.h"

#include <stdio.h>
#include <string.h>

static const char  usage_text[] =
    "usage: deskgate-policy check [OPTION]... FILE...\n"
    "       deskgate-policy explain [OPTION]... --policy FILE... "
    "--action ACTION\n"
    "       deskgate-policy explain [OPTION]... --request-id ID "
    "--trail FILE...\n"
    "       deskgate-policy test [OPTION]... FILE.jsonl...\n"
    "       deskgate-policy diff [OPTION]... OLD NEW --trail FILE...\n"
    "\n"
    "check    reads policies and says what is wrong with them\n"
    "explain  decides one call and says why; a recorded one from its "
    "request id\n"
    "test     decides the cases of a file and compares\n"
    "diff     says which recorded calls NEW would decide otherwise than OLD\n"
    "\n"
    "for all:\n"
    "  --models DIR        check actions, ARNs and condition keys against\n"
    "                      the models and overlays in DIR\n"
    "  --issuer NAME       a configured issuer (repeat); without, any name\n"
    "                      may stand before a claim\n"
    "  --lenient           as deskgate_policy_strict off\n"
    "  --form FORM         of the policies that follow: identity (default),\n"
    "                      resource, boundary, session, scp\n"
    "  --json              one JSON object a line\n"
    "  --no-color          no colours on a terminal\n"
    "  --help\n"
    "\n"
    "for explain:\n"
    "  --policy FILE       a document (repeat); - is standard input\n"
    "  --principal ARN     who calls\n"
    "  --account ID        the caller's account (default: from the ARN)\n"
    "  --provider NAME     the caller's issuer, for Federated principals\n"
    "  --action ACTION     as in workspaces:RebootWorkspaces\n"
    "  --resource ARN      (repeat; default *)\n"
    "  --context KEY=VALUE a condition key's value (repeat for a list)\n"
    "  --unknown KEY       a condition key that is not known yet\n"
    "  --cross-account     caller and resource are of two accounts\n"
    "  --request-id ID     a recorded call; its policies are read from where\n"
    "                      they were, or are given with --policy\n"
    "  --trail FILE...     records, as they are or gzipped; - is standard "
    "input\n"
    "\n"
    "for diff:\n"
    "  --trail FILE...     records; of each, NEW takes the place of OLD\n"
    "                      among the policies that applied to the call\n"
    "  --form FORM         OLD and NEW decide alone, as documents of that "
    "form\n"
    "\n"
    "A test file has one case a line:\n"
    "  {\"name\": \"...\", \"policy\": \"FILE\" or a document,\n"
    "   \"policies\": [{\"type\": FORM, \"document\": \"FILE\" or a "
    "document}],\n"
    "   \"request\": {\"action\", \"resource\", \"principal\", "
    "\"context\": {}},\n"
    "   \"expected\": \"Allow\", \"ExplicitDeny\", \"ImplicitDeny\" or "
    "\"Deny\",\n"
    "   \"statement\": \"Sid\"}\n"
    "Files are relative to the test file.\n"
    "\n"
    "Exit status: 0 all is well; 1 errors, failed cases, not allowed, calls "
    "that would\nbe decided otherwise or cannot be told; 2 the command could "
    "not be carried out.\n";


static bool
wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }

    return false;
}


int
main(int argc, char **argv)
{
    static const struct {
        const char  *name;
        int        (*run)(policy_tool_t *, int, char **);
    } commands[] = {
        { "check", policy_command_check },
        { "explain", policy_command_explain },
        { "test", policy_command_test },
        { "diff", policy_command_diff },
    };

    policy_tool_t  tool;

    if (wants_help(argc, argv)) {
        fputs(usage_text, stdout);
        return 0;
    }

    policy_tool_init(&tool);

    for (size_t i = 0; argc > 1 && i < 4; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return policy_read_common(&tool, argc - 2, argv + 2)
                   ? commands[i].run(&tool, argc - 2, argv + 2) : 2;
        }
    }

    fputs(usage_text, stderr);
    return 2;
}
