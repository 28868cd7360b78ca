/*
 * Texts within the input: see dg_input_texts.h.
 */

#include "dg_input_texts.h"

#include "dg_codec.h"

typedef struct {
    dg_arena_t              *arena;
    dg_input_texts_t        *texts;
    dg_input_texts_error_t  *error;
} reader_t;


static dg_err_t
read_permissions(reader_t *r, dg_span_t base64, dg_input_texts_t *texts)
{
    size_t       room = DG_BASE64_DECODED(base64.len);
    dg_writer_t  w;

    if (base64.len > DG_BASE64_SIZE(DG_PERMISSIONS_TEXT_MAX)) {
        return dg_diag(&r->error->diag, DG_ERR_LIMIT, 0, 0,
                       "longer than 65536 bytes");
    }

    w = dg_writer(dg_arena_alloc(r->arena, room), room);
    if (w.data == NULL) {
        return DG_ERR_MEMORY;
    }

    if (dg_base64_decode(base64, &w) != DG_OK) {
        return dg_diag(&r->error->diag, DG_ERR_SYNTAX, 0, 0, "not Base64");
    }

    texts->file = dg_written(&w);

    return dg_permissions_parse(r->arena, texts->file, &r->error->diag,
                                &texts->permissions);
}


static dg_err_t
read_value(reader_t *r, const dg_member_t *member,
    const dg_inspect_value_t *value)
{
    uint32_t           item = value->item == DG_INSPECT_NO_ITEM
                              ? 0 : value->item;
    dg_input_texts_t  *texts = &r->texts[item];

    r->error->item = item;
    r->error->member = member->wire_name;
    r->error->diag = (dg_diag_t) { 0, 0, "" };

    return member->is_permissions
           ? read_permissions(r, value->text, texts)
           : dg_requirements_parse(r->arena, value->text, &r->error->diag,
                                   &texts->requirements);
}


dg_err_t
dg_input_texts_read(dg_arena_t *arena, const dg_operation_t *operation,
    const dg_inspection_t *inspection, const dg_input_texts_t **out,
    dg_input_texts_error_t *error)
{
    reader_t                   r = { .arena = arena, .error = error };
    const dg_inspect_value_t  *v;
    const dg_member_t         *member;
    dg_err_t                   err;

    r.texts = dg_arena_calloc(arena, inspection->item_count + 1,
                              sizeof(*r.texts));
    if (r.texts == NULL) {
        return DG_ERR_MEMORY;
    }

    for (size_t i = 0; i < inspection->value_count; i++) {
        v = &inspection->values[i];
        member = dg_model_path(operation->input, v->path);

        if (member == NULL
            || (!member->is_permissions && !member->is_requirements))
        {
            continue;
        }

        err = read_value(&r, member, v);
        if (err != DG_OK) {
            return err;
        }
    }

    *out = r.texts;
    return DG_OK;
}


void
dg_input_texts_error_write(dg_writer_t *w,
    const dg_input_texts_error_t *error)
{
    dg_write_cstr(w, "1 validation error detected: Value at '");
    dg_write_span(w, error->member);
    dg_write_cstr(w, "' of item ");
    dg_write_u64(w, (uint64_t) error->item + 1);
    dg_write_cstr(w, " cannot be read: ");

    if (error->diag.line) {
        dg_write_cstr(w, "line ");
        dg_write_u64(w, error->diag.line);
        dg_write_cstr(w, ": ");
    }

    dg_write_cstr(w, error->diag.text);
}
