/*
 * Pages: how many, from where, and the token of the next page.
 *
 * A token is the base64url of the last key and of an HMAC over it, the call's
 * account, region and operation, and its input without token and limit: a
 * token that was altered, or made for another call, is refused.
 */

#include "dg_sandbox_verbs.h"

#include "core/dg_codec.h"

#include <string.h>

#define PAGE_TOKEN_RAW_MAX  (DG_SANDBOX_KEY_MAX + DG_SHA256_SIZE)

static const char *const  limit_names[] = { "Limit", "MaxResults" };


static const dg_member_t *
limit_member(const dg_shape_t *input)
{
    size_t              i;
    const dg_member_t  *member = NULL;

    for (i = 0; i < 2 && member == NULL && input != NULL; i++) {
        member = dg_model_member(input, dg_span_cstr(limit_names[i]));
    }

    return member;
}


/* What the token's MAC is about. */
static dg_err_t
seal(dg_sandbox_call_t *call, dg_span_t last, uint8_t mac[DG_SHA256_SIZE])
{
    size_t       i;
    dg_json_t   *about = dg_tree_copy(&call->tree, call->input);
    dg_span_t    key = dg_span(call->env->seal, DG_SANDBOX_SEAL_SIZE);

    if (about == NULL) {
        return DG_ERR_MEMORY;
    }

    dg_tree_unset(about, DG_SPAN("NextToken"));

    for (i = 0; i < 2; i++) {
        dg_tree_unset(about, dg_span_cstr(limit_names[i]));
    }

    dg_tree_set_text(&call->tree, about, DG_SPAN("$account"),
                     call->env->account);
    dg_tree_set_text(&call->tree, about, DG_SPAN("$region"),
                     call->env->region);
    dg_tree_set_text(&call->tree, about, DG_SPAN("$operation"),
                     call->operation->name);
    dg_tree_set_text(&call->tree, about, DG_SPAN("$last"), last);

    return dg_hmac_once(call->env->crypto, key,
                        dg_tree_text(&call->tree, about), mac);
}


static dg_err_t
open_token(dg_sandbox_call_t *call, dg_span_t token, dg_span_t *after)
{
    uint8_t      raw[PAGE_TOKEN_RAW_MAX], mac[DG_SHA256_SIZE];
    dg_err_t     err;
    dg_span_t    last;
    dg_writer_t  w = dg_writer(raw, sizeof(raw));

    if (dg_base64url_decode(token, &w) == DG_OK && w.len > DG_SHA256_SIZE) {
        last = dg_span(raw, w.len - DG_SHA256_SIZE);

        err = seal(call, last, mac);
        if (err != DG_OK) {
            return err;
        }

        if (dg_equal_secret(dg_span(raw + last.len, DG_SHA256_SIZE),
                            dg_span(mac, sizeof(mac))))
        {
            *after = dg_arena_copy(call->tree.arena, last);
            return after->data == NULL ? DG_ERR_MEMORY : DG_OK;
        }
    }

    return dg_sandbox_fault(call, DG_FAULT_INVALID,
                            "The NextToken is not one of this request.");
}


dg_err_t
dg_page_begin(dg_sandbox_call_t *call, size_t *limit, dg_span_t *after)
{
    int64_t             number;
    dg_span_t           token;
    const dg_json_t    *value;
    const dg_member_t  *member = limit_member(call->operation->input);

    *limit = DG_SANDBOX_PAGE;
    *after = DG_SPAN_EMPTY;

    if (member != NULL) {
        value = dg_json_member(call->input, member->wire_name);

        if (member->shape->has_max && member->shape->max >= 1) {
            *limit = (size_t) member->shape->max;
        }

        if (value != NULL && dg_json_to_i64(value->text, &number) == DG_OK
            && number >= 1 && (uint64_t) number < *limit)
        {
            *limit = (size_t) number;
        }
    }

    token = dg_sandbox_text(call->input, "NextToken");

    return token.len == 0 ? DG_OK : open_token(call, token, after);
}


dg_err_t
dg_page_more(dg_sandbox_call_t *call, dg_span_t last)
{
    uint8_t      raw[PAGE_TOKEN_RAW_MAX], mac[DG_SHA256_SIZE];
    uint8_t      text[DG_BASE64_SIZE(PAGE_TOKEN_RAW_MAX)];
    dg_err_t     err;
    dg_writer_t  r = dg_writer(raw, sizeof(raw));
    dg_writer_t  w = dg_writer(text, sizeof(text));

    err = seal(call, last, mac);
    if (err != DG_OK) {
        return err;
    }

    dg_write_span(&r, last);
    dg_write(&r, mac, sizeof(mac));
    dg_write_base64url(&w, dg_written(&r));

    if (r.overflow || w.overflow) {
        return DG_ERR_LIMIT;
    }

    dg_tree_set_text(&call->tree, call->output, DG_SPAN("NextToken"),
                     dg_written(&w));
    return DG_OK;
}
