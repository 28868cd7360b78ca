/*
 * The outcome of a core function that is not a decision about a call (those
 * return dg_refusal_t), and the diagnostic of a file that a person wrote.
 */

#ifndef DG_ERR_H
#define DG_ERR_H

#include "dg_span.h"

#define DG_MUST_USE  __attribute__((warn_unused_result))

typedef enum {
    DG_OK = 0,
    DG_ERR_MEMORY,       /* the arena or the library had no memory */
    DG_ERR_LIMIT,        /* a documented bound was exceeded */
    DG_ERR_SYNTAX,       /* not well-formed */
    DG_ERR_INVALID,      /* well-formed, but a value is refused */
    DG_ERR_UNSUPPORTED,  /* well-formed, but nothing here handles it */
    DG_ERR_MISSING,      /* something required is not there */
    DG_ERR_MISMATCH,     /* a comparison failed: signature, hash, type */
    DG_ERR_EXPIRED,
    DG_ERR_FULL,         /* a fixed-size table has no place left */
    DG_ERR_CRYPTO        /* the cryptographic library failed */
} dg_err_t;

#define DG_DIAG_TEXT  384

/*
 * What is wrong with a file, for the person who wrote it.  line and column
 * count from 1, column in bytes; 0 when they are not known.  text is one
 * sentence, says what to do, ends without a full stop or LF, and never holds
 * a secret.
 */
typedef struct {
    unsigned  line;
    unsigned  column;
    char      text[DG_DIAG_TEXT];
} dg_diag_t;


/* A short English phrase; never NULL. */
const char *dg_err_text(dg_err_t err);

/*
 * Fills *diag (which may be NULL) as printf does, cutting what is too long,
 * and returns `err`, so that a parser may end in one line.
 */
dg_err_t dg_diag(dg_diag_t *diag, dg_err_t err, unsigned line,
    unsigned column, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
