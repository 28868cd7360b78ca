/*
 * What a session token says, as bytes: see dg_vend.h.
 *
 * A row of items: one byte of type, two of length (big-endian), the value.
 * Numbers of types are never given a second meaning: tokens outlive a change
 * of version.
 */

#include "dg_vend.h"

#include <string.h>

#define ITEM_HEAD    3
#define NUMBER_SIZE  8

typedef enum {
    ITEM_VENDED_AT = 1,
    ITEM_EXPIRES_AT,
    ITEM_ISSUED_AT,
    ITEM_GROUP,
    ITEM_TAG_NAME,
    ITEM_TAG_VALUE,
    ITEM_CLAIM_NAME,    /* values follow, all of that name */
    ITEM_CLAIM_VALUE,
    ITEM_POLICY_FILE,
    ITEM_LOCATION,
    ITEM_SERVICE,
    ITEM_MFA,
    ITEM_TYPES,

    ITEM_ARN = 32,
    ITEM_USER_ID,
    ITEM_ACCOUNT,
    ITEM_USER_NAME,
    ITEM_PRINCIPAL_TYPE,
    ITEM_ISSUER,
    ITEM_ISSUER_URL,
    ITEM_SUBJECT,
    ITEM_TOKEN_ID,
    ITEM_KID,
    ITEM_SOURCE_IDENTITY,
    ITEM_REASON,
    ITEM_DCV_USER,

    ITEM_SOURCE_KEY_ID = 64
} item_t;

typedef struct {
    uint8_t  type;
    size_t   offset;
} field_t;

/* the access key id is the session's own */
static const field_t  texts[] = {
    { ITEM_ARN, offsetof(dg_caller_t, arn) },
    { ITEM_USER_ID, offsetof(dg_caller_t, user_id) },
    { ITEM_ACCOUNT, offsetof(dg_caller_t, account) },
    { ITEM_USER_NAME, offsetof(dg_caller_t, user_name) },
    { ITEM_PRINCIPAL_TYPE, offsetof(dg_caller_t, principal_type) },
    { ITEM_ISSUER, offsetof(dg_caller_t, issuer) },
    { ITEM_ISSUER_URL, offsetof(dg_caller_t, issuer_url) },
    { ITEM_SUBJECT, offsetof(dg_caller_t, subject) },
    { ITEM_TOKEN_ID, offsetof(dg_caller_t, token_id) },
    { ITEM_KID, offsetof(dg_caller_t, kid) },
    { ITEM_SOURCE_IDENTITY, offsetof(dg_caller_t, source_identity) },
    { ITEM_REASON, offsetof(dg_caller_t, reason) },
    { ITEM_DCV_USER, offsetof(dg_caller_t, dcv_user) }
};

#define TEXTS  (sizeof(texts) / sizeof(texts[0]))

typedef struct {
    uint8_t    type;
    dg_span_t  value;
} read_t;

/* How many there are of each list, then where the next one goes. */
typedef struct {
    size_t           count[ITEM_TYPES];
    dg_span_t       *groups;
    dg_attribute_t  *tags;
    dg_attribute_t  *claims;
    dg_span_t       *policy_files;
    dg_span_t       *locations;
    dg_span_t       *services;
    dg_span_t        claim_name;
    bool             tag_open;     /* a name whose value is to follow */
} lists_t;


static void
write_item(dg_writer_t *w, uint8_t type, dg_span_t value)
{
    if (value.len > UINT16_MAX) {
        w->overflow = true;
        return;
    }

    dg_write_char(w, (char) type);
    dg_write_char(w, (char) (value.len >> 8));
    dg_write_char(w, (char) (value.len & 0xff));
    dg_write_span(w, value);
}


static void
write_number(dg_writer_t *w, uint8_t type, int64_t number)
{
    uint8_t   bytes[NUMBER_SIZE];
    uint64_t  rest = (uint64_t) number;

    for (size_t i = NUMBER_SIZE; i > 0; i--) {
        bytes[i - 1] = (uint8_t) rest;
        rest >>= 8;
    }

    write_item(w, type, dg_span(bytes, sizeof(bytes)));
}


static void
write_list(dg_writer_t *w, uint8_t type, const dg_span_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        write_item(w, type, list[i]);
    }
}


static void
write_caller(dg_writer_t *w, const dg_caller_t *caller)
{
    dg_span_t  text;

    for (size_t i = 0; i < TEXTS; i++) {
        memcpy(&text, (const uint8_t *) caller + texts[i].offset,
               sizeof(text));

        if (text.len) {
            write_item(w, texts[i].type, text);
        }
    }

    write_list(w, ITEM_GROUP, caller->groups, caller->group_count);
    write_list(w, ITEM_POLICY_FILE, caller->policy_files,
               caller->policy_file_count);

    for (size_t i = 0; i < caller->tag_count; i++) {
        write_item(w, ITEM_TAG_NAME, caller->tags[i].name);
        write_item(w, ITEM_TAG_VALUE, caller->tags[i].value);
    }

    for (size_t i = 0; i < caller->claim_count; i++) {
        if (i == 0 || !dg_span_equal(caller->claims[i].name,
                                     caller->claims[i - 1].name))
        {
            write_item(w, ITEM_CLAIM_NAME, caller->claims[i].name);
        }

        write_item(w, ITEM_CLAIM_VALUE, caller->claims[i].value);
    }
}


void
dg_vend_write_claims(dg_writer_t *w, const dg_vend_session_t *session)
{
    write_number(w, ITEM_VENDED_AT, session->vended_at);
    write_number(w, ITEM_EXPIRES_AT, session->caller.expires_at);
    write_number(w, ITEM_ISSUED_AT, session->caller.issued_at);
    write_number(w, ITEM_MFA, (int64_t) session->caller.mfa);
    write_list(w, ITEM_LOCATION, session->locations,
               session->location_count);
    write_list(w, ITEM_SERVICE, session->services, session->service_count);

    if (session->source_key_id.len) {
        write_item(w, ITEM_SOURCE_KEY_ID, session->source_key_id);
    }

    write_caller(w, &session->caller);
}


static bool
read_item(dg_span_t *rest, read_t *item)
{
    size_t  len;

    if (rest->len < ITEM_HEAD) {
        return false;
    }

    item->type = rest->data[0];
    len = (size_t) rest->data[1] << 8 | rest->data[2];

    if (len > rest->len - ITEM_HEAD) {
        return false;
    }

    item->value = dg_span(rest->data + ITEM_HEAD, len);
    *rest = dg_span(item->value.data + len, rest->len - ITEM_HEAD - len);

    return true;
}


static bool
read_number(dg_span_t value, int64_t *number)
{
    uint64_t  read = 0;

    if (value.len != NUMBER_SIZE) {
        return false;
    }

    for (size_t i = 0; i < NUMBER_SIZE; i++) {
        read = read << 8 | value.data[i];
    }

    *number = (int64_t) read;
    return true;
}


static bool
read_mfa(dg_span_t value, dg_mfa_t *mfa)
{
    int64_t  number;

    if (!read_number(value, &number) || number < 0 || number > UINT8_MAX) {
        return false;
    }

    *mfa = (dg_mfa_t) number;
    return true;
}


static dg_err_t
count_items(dg_span_t claims, lists_t *lists)
{
    read_t  item;

    while (claims.len) {
        if (!read_item(&claims, &item)) {
            return DG_ERR_SYNTAX;
        }

        if (item.type < ITEM_TYPES) {
            lists->count[item.type]++;
        }
    }

    return lists->count[ITEM_GROUP] > DG_CALLER_GROUPS_MAX
           || lists->count[ITEM_TAG_NAME] > DG_CALLER_TAGS_MAX
           || lists->count[ITEM_CLAIM_VALUE] > DG_CALLER_CLAIMS_MAX
           || lists->count[ITEM_POLICY_FILE] > DG_KEY_POLICIES
           ? DG_ERR_LIMIT : DG_OK;
}


static bool
make_lists(dg_arena_t *arena, lists_t *lists, dg_vend_session_t *session)
{
    dg_caller_t  *caller = &session->caller;

    lists->groups = dg_arena_calloc(arena, lists->count[ITEM_GROUP] + 1,
                                    sizeof(dg_span_t));
    lists->tags = dg_arena_calloc(arena, lists->count[ITEM_TAG_NAME] + 1,
                                  sizeof(dg_attribute_t));
    lists->claims = dg_arena_calloc(arena,
                                    lists->count[ITEM_CLAIM_VALUE] + 1,
                                    sizeof(dg_attribute_t));
    lists->policy_files = dg_arena_calloc(arena,
                                          lists->count[ITEM_POLICY_FILE] + 1,
                                          sizeof(dg_span_t));
    lists->locations = dg_arena_calloc(arena,
                                       lists->count[ITEM_LOCATION] + 1,
                                       sizeof(dg_span_t));
    lists->services = dg_arena_calloc(arena, lists->count[ITEM_SERVICE] + 1,
                                      sizeof(dg_span_t));

    caller->groups = lists->groups;
    caller->tags = lists->tags;
    caller->claims = lists->claims;
    caller->policy_files = lists->policy_files;
    session->locations = lists->locations;
    session->services = lists->services;

    return lists->groups && lists->tags && lists->claims
           && lists->policy_files && lists->locations && lists->services;
}


static bool
take_text(const read_t *item, dg_caller_t *caller)
{
    for (size_t i = 0; i < TEXTS; i++) {
        if (texts[i].type == item->type) {
            memcpy((uint8_t *) caller + texts[i].offset, &item->value,
                   sizeof(item->value));
            return true;
        }
    }

    return false;
}


static bool
take_tag(const read_t *item, lists_t *lists, dg_caller_t *caller)
{
    if (item->type == ITEM_TAG_NAME) {
        lists->tags[caller->tag_count].name = item->value;
        lists->tag_open = true;
        return true;
    }

    if (!lists->tag_open) {
        return false;
    }

    lists->tags[caller->tag_count++].value = item->value;
    lists->tag_open = false;

    return true;
}


static bool
take_claim(const read_t *item, lists_t *lists, dg_caller_t *caller)
{
    dg_attribute_t  *claim;

    if (item->type == ITEM_CLAIM_NAME) {
        lists->claim_name = item->value;
        return true;
    }

    if (lists->claim_name.data == NULL) {
        return false;
    }

    claim = &lists->claims[caller->claim_count++];
    claim->name = lists->claim_name;
    claim->value = item->value;

    return true;
}


static bool
take(const read_t *item, lists_t *lists, dg_vend_session_t *session)
{
    dg_caller_t  *caller = &session->caller;

    if (lists->tag_open && item->type != ITEM_TAG_VALUE) {
        return false;
    }

    switch (item->type) {

    case ITEM_VENDED_AT:
        return read_number(item->value, &session->vended_at);

    case ITEM_EXPIRES_AT:
        return read_number(item->value, &caller->expires_at);

    case ITEM_ISSUED_AT:
        return read_number(item->value, &caller->issued_at);

    case ITEM_MFA:
        return read_mfa(item->value, &caller->mfa);

    case ITEM_GROUP:
        lists->groups[caller->group_count++] = item->value;
        return true;

    case ITEM_TAG_NAME:
    case ITEM_TAG_VALUE:
        return take_tag(item, lists, caller);

    case ITEM_CLAIM_NAME:
    case ITEM_CLAIM_VALUE:
        return take_claim(item, lists, caller);

    case ITEM_POLICY_FILE:
        lists->policy_files[caller->policy_file_count++] = item->value;
        return true;

    case ITEM_LOCATION:
        lists->locations[session->location_count++] = item->value;
        return true;

    case ITEM_SERVICE:
        lists->services[session->service_count++] = item->value;
        return true;

    case ITEM_SOURCE_KEY_ID:
        session->source_key_id = item->value;
        return true;

    default:
        return take_text(item, caller);
    }
}


dg_err_t
dg_vend_read_claims(dg_span_t claims, dg_arena_t *arena,
    dg_vend_session_t *session)
{
    read_t    item;
    lists_t   lists = { 0 };
    dg_err_t  err;

    memset(session, 0, sizeof(*session));
    session->caller.kind = DG_CALLER_VENDED;

    err = count_items(claims, &lists);
    if (err != DG_OK) {
        return err;
    }

    if (!make_lists(arena, &lists, session)) {
        return DG_ERR_MEMORY;
    }

    while (read_item(&claims, &item)) {
        if (!take(&item, &lists, session)) {
            return DG_ERR_SYNTAX;
        }
    }

    return lists.tag_open || lists.count[ITEM_VENDED_AT] != 1
           || lists.count[ITEM_EXPIRES_AT] != 1
           || session->caller.arn.len == 0
           ? DG_ERR_SYNTAX : DG_OK;
}
