/*
 * What the tree needs of the reader beyond dg_json.h.
 */

#ifndef DG_JSON_READER_H
#define DG_JSON_READER_H

#include "dg_json.h"

/* During a callback: bytes from the start to the end of the token told. */
size_t dg_json_reader_token_end(const dg_json_reader_t *reader);

/* After an error: a phrase, or NULL when yajl found the text malformed. */
const char *dg_json_reader_reason(const dg_json_reader_t *reader);

#endif
