/*
 * The redacted copy of an input or answer: compact JSON that grows in the
 * arena up to its limit and is dropped above it.
 */

#include "dg_inspect_state.h"

#include <string.h>


dg_err_t
dg_inspect_copy_start(dg_inspect_t *in)
{
    uint8_t  *buffer = dg_arena_alloc(in->arena, DG_INSPECT_TEXT_START);

    if (buffer == NULL) {
        return DG_ERR_MEMORY;
    }

    in->copy.w = dg_writer(buffer, DG_INSPECT_TEXT_START);
    dg_write_char(&in->copy.w, '{');
    return DG_OK;
}


static bool
is_off(const dg_inspect_t *in)
{
    return in->copy.muted != 0 || in->copy.dropped;
}


/* Four times the room.  At the limit the copy is given up. */
static dg_err_t
grow(dg_inspect_copy_t *copy, dg_arena_t *arena)
{
    size_t    room = copy->w.cap * 4;
    uint8_t  *buffer;

    if (copy->w.cap >= DG_INSPECT_COPY_MAX) {
        copy->dropped = true;
        return DG_OK;
    }

    room = room < DG_INSPECT_COPY_MAX ? room : DG_INSPECT_COPY_MAX;

    buffer = dg_arena_alloc(arena, room);
    if (buffer == NULL) {
        return DG_ERR_MEMORY;
    }

    memcpy(buffer, copy->w.data, copy->w.len);
    copy->w.data = buffer;
    copy->w.cap = room;
    return DG_OK;
}


/*
 * Writes with `write`, again with more room for as long as it does not fit.
 */
static dg_err_t
put(dg_inspect_t *in, dg_span_t text,
    void (*write)(dg_writer_t *w, dg_span_t text))
{
    dg_writer_t  *w = &in->copy.w;
    size_t        len = w->len;
    dg_err_t      err;

    while (!is_off(in)) {
        write(w, text);

        if (!w->overflow) {
            return DG_OK;
        }

        w->len = len;
        w->overflow = false;

        err = grow(&in->copy, in->arena);
        if (err != DG_OK) {
            return err;
        }
    }

    return DG_OK;
}


static void
write_name(dg_writer_t *w, dg_span_t name)
{
    dg_json_write_string(w, name);
    dg_write_char(w, ':');
}


static void
write_lower_name(dg_writer_t *w, dg_span_t name)
{
    size_t  at = w->len + 1;

    write_name(w, name);

    if (!w->overflow && w->data[at] >= 'A' && w->data[at] <= 'Z') {
        w->data[at] = (uint8_t) (w->data[at] + 32);
    }
}


dg_err_t
dg_inspect_copy_comma(dg_inspect_t *in)
{
    uint8_t       last;
    dg_writer_t  *w = &in->copy.w;

    last = w->len ? w->data[w->len - 1] : 0;

    /* no value of ours ends in one of these */
    if (last == '{' || last == '[' || is_off(in)) {
        return DG_OK;
    }

    if (w->len < w->cap) {
        w->data[w->len++] = ',';
        return DG_OK;
    }

    return put(in, DG_SPAN(","), dg_write_span);
}


dg_err_t
dg_inspect_copy_name(dg_inspect_t *in, dg_span_t name, bool is_member)
{
    dg_err_t  err = dg_inspect_copy_comma(in);

    return err ? err : put(in, name, is_member ? write_lower_name
                                               : write_name);
}


/* Room for all of it as a rule, so that one look at the buffer is enough. */
dg_err_t
dg_inspect_copy_member(dg_inspect_t *in, const dg_member_t *member)
{
    dg_writer_t  *w = &in->copy.w;
    dg_span_t     name = member->record_name;
    dg_err_t      err;

    if (is_off(in)) {
        return DG_OK;
    }

    if (w->cap - w->len > name.len) {
        if (w->data[w->len - 1] != '{') {
            w->data[w->len++] = ',';
        }

        memcpy(w->data + w->len, name.data, name.len);
        w->len += name.len;
        return DG_OK;
    }

    err = dg_inspect_copy_comma(in);
    return err ? err : put(in, name, dg_write_span);
}


dg_err_t
dg_inspect_copy_string(dg_inspect_t *in, dg_span_t text)
{
    return put(in, text, dg_json_write_string);
}


dg_err_t
dg_inspect_copy_raw(dg_inspect_t *in, dg_span_t text)
{
    dg_writer_t  *w = &in->copy.w;

    if (!is_off(in) && w->cap - w->len >= text.len) {
        memcpy(w->data + w->len, text.data, text.len);
        w->len += text.len;
        return DG_OK;
    }

    return put(in, text, dg_write_span);
}


static dg_err_t
copy_suffixed(dg_inspect_t *in, dg_span_t name, const char *suffix,
    dg_span_t value)
{
    char         buffer[160];
    dg_writer_t  w = dg_writer(buffer, sizeof(buffer));
    dg_err_t     err;

    dg_write_span(&w, dg_span_slice(name, 0, 128));
    dg_write_cstr(&w, suffix);

    err = dg_inspect_copy_name(in, dg_written(&w), true);
    return err ? err : dg_inspect_copy_raw(in, value);
}


dg_err_t
dg_inspect_copy_digest(dg_inspect_t *in, dg_span_t name, dg_span_t content)
{
    char         length[24], hash[DG_SHA256_HEX_SIZE + 2];
    dg_writer_t  w = dg_writer(length, sizeof(length));
    dg_err_t     err;

    if (is_off(in)) {
        return DG_OK;
    }

    dg_write_u64(&w, content.len);
    err = copy_suffixed(in, name, "Length", dg_written(&w));

    if (err != DG_OK || in->crypto == NULL) {
        return err;
    }

    hash[0] = hash[sizeof(hash) - 1] = '"';
    err = dg_sha256_hex(in->crypto, content, hash + 1);
    return err ? err : copy_suffixed(in, name, "Sha256",
                                     dg_span(hash, sizeof(hash)));
}
