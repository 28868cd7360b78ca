/*
 * deskgate-token process: runs the credential_process of a profile, since
 * nginx starts no processes, and keeps a shared credentials file with what it
 * gives, for "shared file=PATH;" of deskgate_credentials.
 */

#ifndef TOKEN_PROCESS_H
#define TOKEN_PROCESS_H

#include "dg_span.h"

typedef struct {
    const char  *profile;
    const char  *config;       /* or NULL: ~/.aws/config */
    const char  *file;         /* that is written */
    bool         once;         /* and not again before they expire */
} token_process_t;


/*
 * Writes the file, whole or not at all, readable by its owner and group.
 * Unless `once`, goes on and writes it again ahead of each expiry, until a
 * signal ends it.  An exit code.
 */
int token_process(const token_process_t *process);

#endif
