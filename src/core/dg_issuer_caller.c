/*
 * From claims to a caller: see dg_issuer.h.  Everything that a policy may
 * later read is taken over whole or the token is refused: a group or claim
 * that is silently left out could be the one that a Deny asks for.
 */

#include "dg_issuer_caller.h"
#include "dg_text.h"

#include <string.h>

#define ARN_BEGIN     "arn:aws:deskgate::"
#define KIND_SIZE     sizeof(":opaque/")
#define ESCAPED_SIZE  3  /* bytes of %XX */

typedef struct {
    const dg_json_t  *root;
    dg_arena_t       *arena;
    dg_attribute_t   *rows;     /* NULL while they are counted */
    size_t            count;
    dg_refusal_t      refusal;  /* when it failed */
} flat_t;


static bool
is_arn_plain(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9')
           || (c != '\0' && strchr("+=,.@_-", c) != NULL);
}


void
dg_write_arn_part(dg_writer_t *w, dg_span_t text)
{
    static const char  hex[] = "0123456789ABCDEF";
    char               escape[ESCAPED_SIZE];

    for (size_t i = 0; i < text.len; i++) {
        uint8_t  c = text.data[i];

        if (is_arn_plain(c)) {
            dg_write_char(w, (char) c);
            continue;
        }

        escape[0] = '%';
        escape[1] = hex[c >> 4];
        escape[2] = hex[c & 15];
        dg_write(w, escape, ESCAPED_SIZE);
    }
}


/* How many claims answer to a path; *found is the first of them. */
static unsigned
resolve(const dg_json_t *object, dg_span_t path, const dg_json_t **found)
{
    size_t            dot;
    unsigned          n = 0;
    const dg_json_t  *member = dg_json_member(object, path);

    if (member != NULL) {
        *found = *found ? *found : member;
        n++;
    }

    for (dot = 0; dot < path.len; dot++) {
        if (path.data[dot] != '.') {
            continue;
        }

        member = dg_json_member(object, dg_span_slice(path, 0, dot));

        if (member != NULL && member->type == DG_JSON_OBJECT) {
            n += resolve(member, dg_span_slice(path, dot + 1, path.len),
                         found);
        }
    }

    return n;
}


const dg_json_t *
dg_issuer_claim(const dg_json_t *claims, dg_span_t path)
{
    const dg_json_t  *found = NULL;

    (void) resolve(claims, path, &found);
    return found;
}


/* The text of a string, number or boolean; false for anything else. */
static bool
scalar(const dg_json_t *value, dg_span_t *text)
{
    switch (value->type) {

    case DG_JSON_STRING:
    case DG_JSON_NUMBER:
        *text = value->text;
        return true;

    case DG_JSON_BOOL:
        *text = value->boolean ? DG_SPAN("true") : DG_SPAN("false");
        return true;

    default:
        return false;
    }
}


static bool
add_row(flat_t *flat, dg_span_t name, const dg_json_t *value)
{
    dg_span_t  text;

    if (!scalar(value, &text)) {
        return true;
    }

    if (flat->count == DG_CALLER_CLAIMS_MAX) {
        return false;
    }

    if (flat->rows != NULL) {
        flat->rows[flat->count] = (dg_attribute_t) { name, text };
    }

    flat->count++;
    return true;
}


static bool
add_claim(flat_t *flat, dg_span_t path, const dg_json_t *value)
{
    const dg_json_t  *item, *found = NULL;

    if (dg_span_find(path, '.') < path.len
        && resolve(flat->root, path, &found) != 1)
    {
        return false;
    }

    if (value->type != DG_JSON_ARRAY) {
        return add_row(flat, path, value);
    }

    for (item = value->first; item != NULL; item = item->next) {
        if (!add_row(flat, path, item)) {
            return false;
        }
    }

    return true;
}


static bool
join_path(flat_t *flat, dg_span_t prefix, dg_span_t name, dg_span_t *path)
{
    size_t       len = prefix.len + 1 + name.len;
    uint8_t     *data;
    dg_writer_t  w;

    if (prefix.data == NULL) {
        *path = name;
        return name.len <= DG_ISSUER_CLAIM_PATH_MAX;
    }

    if (len > DG_ISSUER_CLAIM_PATH_MAX) {
        return false;
    }

    data = dg_arena_alloc(flat->arena, len);

    if (data == NULL) {
        flat->refusal = DG_REFUSE_INTERNAL;
        return false;
    }

    w = dg_writer(data, len);
    dg_write_span(&w, prefix);
    dg_write_char(&w, '.');
    dg_write_span(&w, name);
    *path = dg_written(&w);

    return true;
}


/* As deep as the JSON reader lets claims be, DG_JWS_DEPTH_MAX. */
static bool
flatten(flat_t *flat, const dg_json_t *object, dg_span_t prefix)
{
    bool              good;
    dg_span_t         path;
    const dg_json_t  *member;

    for (member = object->first; member != NULL; member = member->next) {
        if (!join_path(flat, prefix, member->key, &path)) {
            return false;
        }

        good = member->type == DG_JSON_OBJECT
               ? flatten(flat, member, path)
               : add_claim(flat, path, member);

        if (!good) {
            return false;
        }
    }

    return true;
}


static dg_refusal_t
take_claims(const dg_json_t *claims, dg_arena_t *arena, dg_caller_t *caller)
{
    flat_t  flat = {
        .root = claims, .arena = arena, .refusal = DG_REFUSE_TOKEN_CLAIM
    };

    if (!flatten(&flat, claims, DG_SPAN_EMPTY)) {
        return flat.refusal;
    }

    flat.rows = dg_arena_calloc(arena, flat.count, sizeof(dg_attribute_t));

    if (flat.rows == NULL) {
        return DG_REFUSE_INTERNAL;
    }

    flat.count = 0;

    if (!flatten(&flat, claims, DG_SPAN_EMPTY)) {
        return flat.refusal;
    }

    caller->claims = flat.rows;
    caller->claim_count = flat.count;

    return DG_ALLOWED;
}


static dg_refusal_t
take_groups(const dg_json_t *claim, dg_arena_t *arena, dg_caller_t *caller)
{
    size_t            n = 0;
    dg_span_t        *groups;
    const dg_json_t  *item;
    const bool        list = claim->type == DG_JSON_ARRAY;
    const size_t      count = list ? claim->count : 1;

    if (count > DG_CALLER_GROUPS_MAX) {
        return DG_REFUSE_TOKEN_CLAIM;
    }

    groups = dg_arena_calloc(arena, count, sizeof(dg_span_t));

    if (groups == NULL) {
        return DG_REFUSE_INTERNAL;
    }

    for (item = list ? claim->first : claim; item != NULL;
         item = list ? item->next : NULL)
    {
        if (item->type != DG_JSON_STRING) {
            return DG_REFUSE_TOKEN_CLAIM;
        }

        groups[n++] = item->text;
    }

    caller->groups = groups;
    caller->group_count = n;

    return DG_ALLOWED;
}


static dg_refusal_t
take_tags(const dg_issuer_t *issuer, const dg_json_t *claims,
    dg_arena_t *arena, dg_caller_t *caller)
{
    size_t            n = 0;
    dg_span_t         value;
    dg_attribute_t   *tags;
    const dg_json_t  *claim;

    tags = dg_arena_calloc(arena, issuer->tag_count, sizeof(*tags));

    if (tags == NULL) {
        return DG_REFUSE_INTERNAL;
    }

    for (size_t i = 0; i < issuer->tag_count; i++) {
        claim = dg_issuer_claim(claims, issuer->tags[i].claim);

        if (claim == NULL) {
            continue;
        }

        if (!scalar(claim, &value) || value.len > DG_ISSUER_TAG_VALUE_MAX) {
            return DG_REFUSE_TOKEN_CLAIM;
        }

        tags[n++] = (dg_attribute_t) { issuer->tags[i].tag, value };
    }

    caller->tags = tags;
    caller->tag_count = n;

    return DG_ALLOWED;
}


static dg_refusal_t
take_subject(const dg_issuer_t *issuer, const dg_json_t *claims,
    dg_arena_t *arena, dg_caller_t *caller)
{
    size_t            cap, begin;
    uint8_t          *data;
    dg_writer_t       w;
    const dg_json_t  *claim = dg_issuer_claim(claims, issuer->subject_claim);

    if (claim == NULL || claim->type != DG_JSON_STRING
        || claim->text.len == 0 || claim->text.len > DG_ISSUER_SUBJECT_MAX)
    {
        return DG_REFUSE_TOKEN_CLAIM;
    }

    cap = sizeof(ARN_BEGIN) + issuer->account.len + KIND_SIZE
          + issuer->name.len + 1 + claim->text.len * ESCAPED_SIZE;
    data = dg_arena_alloc(arena, cap);

    if (data == NULL) {
        return DG_REFUSE_INTERNAL;
    }

    w = dg_writer(data, cap);
    dg_write_cstr(&w, ARN_BEGIN);
    dg_write_span(&w, issuer->account);
    begin = w.len + 1;
    dg_write_cstr(&w, caller->kind == DG_CALLER_OPAQUE ? ":opaque/"
                                                       : ":jwt/");
    dg_write_span(&w, issuer->name);
    dg_write_char(&w, '/');
    dg_write_arn_part(&w, claim->text);

    caller->subject = claim->text;
    caller->arn = dg_written(&w);
    caller->user_id = dg_span_slice(caller->arn, begin, w.len);

    return DG_ALLOWED;
}


static bool
write_name_part(dg_writer_t *w, const dg_issuer_t *issuer, dg_span_t text,
    bool is_claim)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t  c = text.data[i];

        if (is_claim && c == '\\') {
            return false;
        }

        if (issuer->dcv_user_fold && c >= 'A' && c <= 'Z') {
            c = (uint8_t) (c - 'A' + 'a');
        }

        dg_write_char(w, (char) c);
    }

    return true;
}


/* DG_ALLOWED with *w empty: a claim is absent. */
static dg_refusal_t
write_name(dg_writer_t *w, const dg_issuer_t *issuer,
    const dg_json_t *claims)
{
    bool              alone;
    dg_span_t         literal, name, value, rest = issuer->dcv_user;
    const dg_json_t  *claim;

    while (rest.len > 0) {
        (void) dg_text_next_name(&rest, &literal, &name);
        (void) write_name_part(w, issuer, literal, false);

        if (name.data == NULL) {
            break;
        }

        alone = name.len + sizeof("${}") - 1 == issuer->dcv_user.len;
        claim = dg_issuer_claim(claims, name);

        if (claim == NULL) {
            w->len = 0;
            return DG_ALLOWED;
        }

        if (!scalar(claim, &value) || value.len == 0
            || dg_text_has_control(value)
            || !write_name_part(w, issuer, value, !alone))
        {
            return DG_REFUSE_TOKEN_CLAIM;
        }
    }

    return w->overflow ? DG_REFUSE_TOKEN_CLAIM : DG_ALLOWED;
}


static dg_refusal_t
take_dcv_user(const dg_issuer_t *issuer, const dg_json_t *claims,
    dg_arena_t *arena, dg_caller_t *caller)
{
    dg_writer_t   w = dg_writer(dg_arena_alloc(arena, DG_ISSUER_DCV_USER_MAX),
                                DG_ISSUER_DCV_USER_MAX);
    dg_refusal_t  refusal;

    if (w.data == NULL) {
        return DG_REFUSE_INTERNAL;
    }

    refusal = write_name(&w, issuer, claims);

    if (refusal == DG_ALLOWED) {
        caller->dcv_user = dg_written(&w);
    }

    return refusal;
}


static dg_refusal_t
take_source_identity(const dg_issuer_t *issuer, const dg_json_t *claims,
    dg_caller_t *caller)
{
    const dg_json_t  *claim;

    claim = dg_issuer_claim(claims, issuer->source_identity_claim);

    if (claim == NULL) {
        return DG_ALLOWED;
    }

    if (claim->type != DG_JSON_STRING
        || !dg_text_has_length(claim->text, 1, DG_ISSUER_SUBJECT_MAX)
        || dg_text_has_control(claim->text))
    {
        return DG_REFUSE_TOKEN_CLAIM;
    }

    caller->source_identity = claim->text;

    return DG_ALLOWED;
}


/* RFC 8176: a list; some providers have one text of it. */
static dg_mfa_t
second_factor(const dg_json_t *claims)
{
    const dg_json_t  *item, *amr = dg_json_member(claims, DG_SPAN("amr"));

    if (amr == NULL) {
        return DG_MFA_NOT_KNOWN;
    }

    if (amr->type == DG_JSON_STRING) {
        return dg_span_equal(amr->text, DG_SPAN("mfa")) ? DG_MFA_PRESENT
                                                        : DG_MFA_ABSENT;
    }

    for (item = amr->first; item != NULL; item = item->next) {
        if (item->type == DG_JSON_STRING
            && dg_span_equal(item->text, DG_SPAN("mfa")))
        {
            return DG_MFA_PRESENT;
        }
    }

    return DG_MFA_ABSENT;
}


dg_refusal_t
dg_issuer_caller(const dg_issuer_t *issuer, const dg_json_t *claims,
    dg_arena_t *arena, dg_caller_t *caller)
{
    dg_refusal_t      refusal = take_subject(issuer, claims, arena, caller);
    const dg_json_t  *groups = NULL;

    caller->mfa = second_factor(claims);

    if (issuer->groups_claim.len > 0) {
        groups = dg_issuer_claim(claims, issuer->groups_claim);
    }

    if (refusal == DG_ALLOWED && groups != NULL) {
        refusal = take_groups(groups, arena, caller);
    }

    if (refusal == DG_ALLOWED && issuer->tag_count > 0) {
        refusal = take_tags(issuer, claims, arena, caller);
    }

    if (refusal == DG_ALLOWED && issuer->source_identity_claim.len > 0) {
        refusal = take_source_identity(issuer, claims, caller);
    }

    if (refusal == DG_ALLOWED && issuer->dcv_user.len > 0) {
        refusal = take_dcv_user(issuer, claims, arena, caller);
    }

    return refusal == DG_ALLOWED ? take_claims(claims, arena, caller)
                                 : refusal;
}
