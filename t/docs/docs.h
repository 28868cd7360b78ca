/*
 * Writing Markdown: what the programs of documents have in common.
 */

#ifndef DOCS_H
#define DOCS_H

#include "dg_span.h"

#include <stdio.h>

/* A cell's text: a bar would end the cell. */
static inline void
docs_text(dg_span_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '|') {
            putchar('\\');
        }

        putchar(text.data[i]);
    }
}


static inline void
docs_code(dg_span_t text)
{
    putchar('`');
    docs_text(text);
    putchar('`');
}

#endif
