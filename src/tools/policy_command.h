/*
 * The commands of deskgate-policy, and the words that they are given.
 */

#ifndef POLICY_COMMAND_H
#define POLICY_COMMAND_H

#include "policy_tool.h"

typedef struct {
    int     argc;
    char  **argv;
    int     at;
    char   *argument;    /* of the option that was last taken */
} policy_words_t;


/* Each gives the exit status. */
int policy_command_check(policy_tool_t *tool, int argc, char **argv);
int policy_command_explain(policy_tool_t *tool, int argc, char **argv);
int policy_command_test(policy_tool_t *tool, int argc, char **argv);
int policy_command_diff(policy_tool_t *tool, int argc, char **argv);

/*
 * Takes the option and its value; *missing when the value is not there, with
 * a line on stderr.
 */
bool policy_take(policy_words_t *words, const char *option, bool *missing);

bool policy_take_flag(const policy_words_t *words, const char *option);

/* True when the word is neither an option nor the value of one. */
bool policy_is_file(const policy_words_t *words);

/* An option of all commands.  True when the word was one. */
bool policy_common_option(policy_tool_t *tool, policy_words_t *words,
    bool *bad);

/* --form FORM, for the policies behind it. */
bool policy_form_option(policy_words_t *words, dg_policy_form_t *form,
    bool *bad);

/*
 * The common options and the models that they name, before anything else is
 * read.  False with a line on stderr.
 */
bool policy_read_common(policy_tool_t *tool, int argc, char **argv);

/* Complains; the exit status. */
int policy_unknown_word(const char *word);

#endif
