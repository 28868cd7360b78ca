/*
 * An answer of STS in XML, over expat.  A document type is refused: nobody
 * expands entities here.  What expat holds is wiped, for it holds secrets.
 */

#include "dg_sts_fields.h"

#include "dg_crypto.h"

#include <expat.h>
#include <stdlib.h>

#define DEPTH_MAX  8
#define NAME_MAX  64
#define TEXT_MAX  65536

typedef struct {
    dg_arena_t      *arena;
    dg_sts_found_t  *found;
    XML_Parser       parser;
    dg_span_t        names[DEPTH_MAX];
    unsigned         depth;
    uint8_t         *text;      /* of the element that is open */
    size_t           len;
    dg_err_t         err;
} sts_xml_t;

typedef union {
    size_t       size;
    max_align_t  align;
} block_t;


static void *
wiped_alloc(size_t size)
{
    block_t  *block;

    if (size > SIZE_MAX - sizeof(block_t)) {
        return NULL;
    }

    block = malloc(sizeof(block_t) + size);
    if (block == NULL) {
        return NULL;
    }

    block->size = size;
    return block + 1;
}


static void
wiped_free(void *p)
{
    block_t  *block = p;

    if (block) {
        block--;
        dg_wipe(block + 1, block->size);
        free(block);
    }
}


static void *
wiped_realloc(void *p, size_t size)
{
    size_t   old;
    void    *q = wiped_alloc(size);

    if (p == NULL || q == NULL) {
        return q;
    }

    old = ((block_t *) p - 1)->size;
    memcpy(q, p, old < size ? old : size);
    wiped_free(p);

    return q;
}


static void
stop(sts_xml_t *x, dg_err_t err)
{
    x->err = err;
    (void) XML_StopParser(x->parser, XML_FALSE);
}


static void XMLCALL
start_element(void *data, const XML_Char *name, const XML_Char **attributes)
{
    sts_xml_t  *x = data;
    dg_span_t   s = dg_span_cstr(name);

    (void) attributes;

    if (x->depth == DEPTH_MAX || s.len > NAME_MAX) {
        stop(x, DG_ERR_LIMIT);
        return;
    }

    s = dg_arena_copy(x->arena, s);
    if (s.data == NULL) {
        stop(x, DG_ERR_MEMORY);
        return;
    }

    if (x->depth == 0) {
        x->found->root = s;
    }

    x->names[x->depth++] = s;
    x->len = 0;
}


static void XMLCALL
end_element(void *data, const XML_Char *name)
{
    sts_xml_t  *x = data;
    dg_span_t   text;

    (void) name;

    x->depth--;

    if (x->depth > 0 && x->len > 0) {
        text = dg_arena_copy(x->arena, dg_span(x->text, x->len));
        if (text.data == NULL) {
            stop(x, DG_ERR_MEMORY);
            return;
        }

        dg_sts_found(x->found, x->names[x->depth - 1], x->names[x->depth],
                     text);
    }

    x->len = 0;
}


static void XMLCALL
characters(void *data, const XML_Char *text, int len)
{
    sts_xml_t  *x = data;

    if ((size_t) len > TEXT_MAX - x->len) {
        stop(x, DG_ERR_LIMIT);
        return;
    }

    memcpy(x->text + x->len, text, (size_t) len);
    x->len += (size_t) len;
}


static void XMLCALL
document_type(void *data, const XML_Char *name, const XML_Char *system,
    const XML_Char *public, int internal)
{
    (void) name;
    (void) system;
    (void) public;
    (void) internal;

    stop(data, DG_ERR_INVALID);
}


static dg_err_t
read_all(sts_xml_t *x, dg_span_t answer, dg_diag_t *diag)
{
    enum XML_Status  status;

    XML_SetUserData(x->parser, x);
    XML_SetElementHandler(x->parser, start_element, end_element);
    XML_SetCharacterDataHandler(x->parser, characters);
    XML_SetStartDoctypeDeclHandler(x->parser, document_type);

    status = XML_Parse(x->parser, (const char *) answer.data,
                       (int) answer.len, 1);

    if (status == XML_STATUS_OK) {
        return DG_OK;
    }

    if (x->err == DG_OK) {
        x->err = DG_ERR_SYNTAX;
    }

    if (x->err == DG_ERR_INVALID) {
        return dg_diag(diag, x->err, 0, 0,
                       "the answer of STS has a document type");
    }

    return dg_diag(diag, x->err,
                   (unsigned) XML_GetCurrentLineNumber(x->parser), 0,
                   "the answer of STS is neither XML nor JSON");
}


dg_err_t
dg_sts_read_xml(dg_arena_t *arena, dg_span_t answer, dg_sts_found_t *f,
    dg_diag_t *diag)
{
    dg_err_t   err;
    sts_xml_t  x = { .arena = arena, .found = f };

    static const XML_Memory_Handling_Suite  memory = {
        wiped_alloc, wiped_realloc, wiped_free
    };

    x.parser = XML_ParserCreate_MM(NULL, &memory, NULL);
    x.text = wiped_alloc(TEXT_MAX);

    if (x.parser == NULL || x.text == NULL) {
        err = dg_diag(diag, DG_ERR_MEMORY, 0, 0, "no memory for the answer");

    } else {
        err = read_all(&x, answer, diag);
    }

    wiped_free(x.text);

    if (x.parser) {
        XML_ParserFree(x.parser);
    }

    return err;
}
