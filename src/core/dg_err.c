/*
 * Names of outcomes, and diagnostics: see dg_err.h.
 */

#include "dg_err.h"

#include <stdarg.h>
#include <stdio.h>


static const char *const  err_texts[] = {
    [DG_OK] = "success",
    [DG_ERR_MEMORY] = "out of memory",
    [DG_ERR_LIMIT] = "a limit was exceeded",
    [DG_ERR_SYNTAX] = "not well-formed",
    [DG_ERR_INVALID] = "invalid value",
    [DG_ERR_UNSUPPORTED] = "not supported",
    [DG_ERR_MISSING] = "something required is missing",
    [DG_ERR_MISMATCH] = "does not match",
    [DG_ERR_EXPIRED] = "expired",
    [DG_ERR_FULL] = "the table is full",
    [DG_ERR_CRYPTO] = "the cryptographic library failed",
};


const char *
dg_err_text(dg_err_t err)
{
    size_t  n = sizeof(err_texts) / sizeof(err_texts[0]);

    return (size_t) err < n ? err_texts[err] : "unknown error";
}


dg_err_t
dg_diag(dg_diag_t *diag, dg_err_t err, unsigned line, unsigned column,
    const char *format, ...)
{
    va_list  args;

    if (diag == NULL) {
        return err;
    }

    diag->line = line;
    diag->column = column;

    va_start(args, format);
    (void) vsnprintf(diag->text, sizeof(diag->text), format, args);
    va_end(args);

    return err;
}
