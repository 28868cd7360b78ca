/*
 * Words of deskgate-policy's command line: see policy_command.h.
 */

#include "policy_command.h"

#include <string.h>


bool
policy_take(policy_words_t *words, const char *option, bool *missing)
{
    if (strcmp(words->argv[words->at], option) != 0) {
        return false;
    }

    if (words->at + 1 >= words->argc) {
        policy_complain("%s needs a value", option);
        *missing = true;
        return false;
    }

    words->argument = words->argv[++words->at];
    return true;
}


bool
policy_take_flag(const policy_words_t *words, const char *option)
{
    return strcmp(words->argv[words->at], option) == 0;
}


bool
policy_is_file(const policy_words_t *words)
{
    const char  *word = words->argv[words->at];

    return word[0] != '-' || word[1] == '\0';
}


bool
policy_common_option(policy_tool_t *tool, policy_words_t *words, bool *bad)
{
    if (policy_take(words, "--models", bad)) {
        tool->models = words->argument;
        return true;
    }

    if (policy_take(words, "--issuer", bad)) {
        if (tool->ready) {
            return true;
        }

        if (tool->issuer_count == POLICY_TOOL_ISSUERS) {
            policy_complain("more than %d issuers", POLICY_TOOL_ISSUERS);
            *bad = true;
            return true;
        }

        tool->issuers[tool->issuer_count++] = dg_span_cstr(words->argument);
        return true;
    }

    if (policy_take_flag(words, "--lenient")) {
        tool->strict = false;
        return true;
    }

    if (policy_take_flag(words, "--json")) {
        tool->json = true;
        return true;
    }

    if (policy_take_flag(words, "--no-color")) {
        tool->color = false;
        return true;
    }

    return false;
}


bool
policy_form_option(policy_words_t *words, dg_policy_form_t *form, bool *bad)
{
    if (!policy_take(words, "--form", bad)) {
        return false;
    }

    if (!policy_form_parse(dg_span_cstr(words->argument), form)) {
        policy_complain("unknown form \"%s\"", words->argument);
        *bad = true;
    }

    return true;
}


int
policy_unknown_word(const char *word)
{
    policy_complain("unknown option \"%s\"; see deskgate-policy --help",
                    word);
    return 2;
}


/* A form is taken where it stands; models must be known before. */
bool
policy_read_common(policy_tool_t *tool, int argc, char **argv)
{
    policy_words_t  words = { argc, argv, 0, NULL };
    bool     bad = false;

    for (words.at = 0; words.at < argc && !bad; words.at++) {
        (void) policy_common_option(tool, &words, &bad);
    }

    tool->ready = !bad && policy_models_load(tool);
    return tool->ready;
}
