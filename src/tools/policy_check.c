/*
 * deskgate-policy check: what is wrong with policies.
 */

#include "policy_command.h"

#include <stdio.h>


static bool
check_file(policy_tool_t *tool, const char *file, dg_policy_form_t form)
{
    unsigned   errors = tool->errors, warnings = tool->warnings;
    dg_span_t  text = policy_file_read(tool, file);

    if (text.data == NULL) {
        return false;
    }

    (void) policy_document_load(tool, file, text, form);

    if (!tool->json && tool->errors == errors && tool->warnings == warnings) {
        printf("%s: %sok%s\n", file, policy_color(tool, "\033[32m"),
               policy_color(tool, "\033[0m"));
    }

    return true;
}


int
policy_command_check(policy_tool_t *tool, int argc, char **argv)
{
    policy_words_t           words = { argc, argv, 0, NULL };
    bool              bad = false, unread = false;
    unsigned          files = 0;
    dg_policy_form_t  form = DG_POLICY_IDENTITY;

    for (words.at = 0; words.at < argc && !bad; words.at++) {

        if (policy_common_option(tool, &words, &bad)
            || policy_form_option(&words, &form, &bad))
        {
            continue;
        }

        if (!bad && !policy_is_file(&words)) {
            return policy_unknown_word(argv[words.at]);
        }

        if (!bad) {
            files++;
            unread = !check_file(tool, argv[words.at], form) || unread;
        }
    }

    if (files == 0 && !bad) {
        policy_complain("no file to check; see deskgate-policy --help");
        bad = true;
    }

    return bad || unread ? 2 : tool->errors ? 1 : 0;
}
