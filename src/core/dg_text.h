/*
 * What a text consists of, for checks of files and answers.
 */

#ifndef DG_TEXT_H
#define DG_TEXT_H

#include "dg_span.h"

/* ASCII letters, digits, and the characters of `others` only. */
bool dg_text_consists_of(dg_span_t s, const char *others);

/* Printable ASCII without blanks only: 0x21 to 0x7e. */
bool dg_text_is_graphic(dg_span_t s);

/* Any byte below 0x20, or DEL. */
bool dg_text_has_control(dg_span_t s);

/*
 * Takes a template apart: *literal is what stands before the next ${NAME} in
 * *rest, or all of it when there is none; *name is that name, data NULL when
 * there is none; *rest is what stands behind.  false: a brace is not closed.
 */
bool dg_text_next_name(dg_span_t *rest, dg_span_t *literal, dg_span_t *name);

/* least <= s.len <= most */
bool dg_text_has_length(dg_span_t s, size_t least, size_t most);

#endif
