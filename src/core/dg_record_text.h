/*
 * Members of the record's objects, for the files that write it.
 *
 * A comma is written unless the last byte opened an object or array, so that
 * no member needs to know whether it is the first.
 */

#ifndef DG_RECORD_TEXT_H
#define DG_RECORD_TEXT_H

#include "dg_record.h"

#define RECORD_LITERAL(w, literal)  dg_write(w, literal, sizeof(literal) - 1)

/* `"name":` with the comma before it. */
#define RECORD_NAME(w, name)                                                  \
    dg_record_name(w, ",\"" name "\":", sizeof(",\"" name "\":") - 1)

/* A string member, cut to DG_RECORD_TEXT_MAX; nothing when it is empty. */
#define RECORD_TEXT(w, name, text)                                            \
    do {                                                                      \
        if ((text).len > 0) {                                                 \
            RECORD_NAME(w, name);                                             \
            dg_record_string(w, text);                                        \
        }                                                                     \
    } while (0)

/* A number member. */
#define RECORD_NUMBER(w, name, number)                                        \
    do {                                                                      \
        RECORD_NAME(w, name);                                                 \
        dg_write_u64(w, (uint64_t) (number));                                 \
    } while (0)


/*
 * A text that begins with a comma, and without it where none belongs.  Here,
 * so that the length is known where it is copied.
 */
static inline void
dg_record_name(dg_writer_t *w, const char *text, size_t len)
{
    uint8_t  last = w->len ? w->data[w->len - 1] : '{';

    if (last == '{' || last == '[') {
        dg_write(w, text + 1, len - 1);
        return;
    }

    dg_write(w, text, len);
}

/* A JSON string of at most DG_RECORD_TEXT_MAX bytes, cut between characters */
void dg_record_string(dg_writer_t *w, dg_span_t text);

/* A number member of something that is not known when below 0. */
#define RECORD_KNOWN(w, name, number)                                         \
    do {                                                                      \
        if ((number) >= 0) {                                                  \
            RECORD_NUMBER(w, name, number);                                   \
        }                                                                     \
    } while (0)

/* The value of userIdentity. */
void dg_record_identity(dg_writer_t *w, const dg_caller_t *caller);

/*
 * The value of additionalEventData; `dropped` are the ready texts that the
 * record leaves out because of their size.
 */
#define RECORD_DROPPED_PARAMETERS  1u
#define RECORD_DROPPED_ELEMENTS    2u
#define RECORD_DROPPED_CONTEXT     4u  /* of the policies' decision */

void dg_record_additional(dg_writer_t *w, const dg_record_t *r,
    unsigned dropped);

#endif
