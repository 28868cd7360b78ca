/*
 * The table of condition keys: see dg_condition_key.h.
 */

#include "dg_condition_key.h"

#define SINGLE   DG_POLICY_KEY_SINGLE
#define LIST     DG_POLICY_KEY_LIST
#define NOTHING  DG_KEY_WANTS_NOTHING

/* By name; the order is that of dg_key_id_t. */
static const dg_condition_key_t  rows[] = {
    { "aws:CurrentTime", DG_KEY_CURRENT_TIME,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "aws:EpochTime", DG_KEY_EPOCH_TIME,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "aws:FederatedProvider", DG_KEY_FEDERATED_PROVIDER,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "aws:MultiFactorAuthPresent", DG_KEY_MFA_PRESENT,
      false, SINGLE, NOTHING, { NULL, NULL },
      NULL },
    { "aws:PrincipalAccount", DG_KEY_PRINCIPAL_ACCOUNT,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "aws:PrincipalArn", DG_KEY_PRINCIPAL_ARN,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "aws:PrincipalTag/", DG_KEY_PRINCIPAL_TAG,
      true, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "aws:PrincipalType", DG_KEY_PRINCIPAL_TYPE,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "aws:RequestTag/", DG_KEY_REQUEST_TAG,
      true, SINGLE, DG_KEY_WANTS_TAGS, { NULL, NULL },
      NULL },
    { "aws:RequestedRegion", DG_KEY_REQUESTED_REGION,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "aws:ResourceTag/", DG_KEY_RESOURCE_TAG,
      true, SINGLE, DG_KEY_WANTS_RESOURCE,
      { NULL, NULL }, NULL },
    { "aws:SecureTransport", DG_KEY_SECURE_TRANSPORT,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "aws:SourceIdentity", DG_KEY_SOURCE_IDENTITY,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "aws:SourceIp", DG_KEY_SOURCE_IP,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "aws:TagKeys", DG_KEY_TAG_KEYS,
      false, LIST, DG_KEY_WANTS_TAG_KEYS, { NULL, NULL },
      NULL },
    { "aws:TokenIssueTime", DG_KEY_TOKEN_ISSUE_TIME,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "aws:UserAgent", DG_KEY_USER_AGENT,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "aws:userid", DG_KEY_USER_ID,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "aws:username", DG_KEY_USER_NAME,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "dcv:Owner", DG_KEY_DCV_OWNER,
      false, SINGLE, DG_KEY_WANTS_RESOURCE,
      { "session", NULL }, "Owner" },
    { "dcv:PermissionActors", DG_KEY_DCV_PERMISSION_ACTORS,
      false, LIST, DG_KEY_WANTS_PERMISSIONS,
      { NULL, NULL }, NULL },
    { "dcv:PermissionFeatures", DG_KEY_DCV_PERMISSION_FEATURES,
      false, LIST, DG_KEY_WANTS_PERMISSIONS,
      { NULL, NULL }, NULL },
    { "dcv:PermissionImports", DG_KEY_DCV_PERMISSION_IMPORTS,
      false, LIST, DG_KEY_WANTS_PERMISSIONS,
      { NULL, NULL }, NULL },
    { "dcv:RequiredProperty/", DG_KEY_DCV_REQUIRED_PROPERTY,
      true, SINGLE, DG_KEY_WANTS_REQUIREMENTS,
      { NULL, NULL }, NULL },
    { "dcv:RequiredTag/", DG_KEY_DCV_REQUIRED_TAG,
      true, SINGLE, DG_KEY_WANTS_REQUIREMENTS,
      { NULL, NULL }, NULL },
    { "dcv:RequirementNames", DG_KEY_DCV_REQUIREMENT_NAMES,
      false, LIST, DG_KEY_WANTS_REQUIREMENTS,
      { NULL, NULL }, NULL },
    { "dcv:ServerTag/", DG_KEY_DCV_SERVER_TAG,
      true, SINGLE, DG_KEY_WANTS_RESOURCE,
      { "session", "server" }, NULL },
    { "dcv:SessionName", DG_KEY_DCV_SESSION_NAME,
      false, SINGLE, DG_KEY_WANTS_RESOURCE,
      { "session", NULL }, "Name" },
    { "dcv:SessionType", DG_KEY_DCV_SESSION_TYPE,
      false, SINGLE, DG_KEY_WANTS_RESOURCE,
      { "session", NULL }, "Type" },
    { "dcv:SharedFeatures", DG_KEY_DCV_SHARED_FEATURES,
      false, LIST, DG_KEY_WANTS_PERMISSIONS,
      { NULL, NULL }, NULL },
    { "dcv:User", DG_KEY_DCV_USER,
      false, SINGLE, DG_KEY_WANTS_USER, { "session", NULL },
      "user" },
    { "deskgate:AccessLevel", DG_KEY_ACCESS_LEVEL,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "deskgate:DcvUser", DG_KEY_CALLER_DCV_USER,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "deskgate:ItemCount", DG_KEY_ITEM_COUNT,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "deskgate:Private", DG_KEY_PRIVATE,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "deskgate:Reason", DG_KEY_REASON,
      false, SINGLE, NOTHING, { NULL, NULL }, NULL },
    { "deskgate:Request/", DG_KEY_REQUEST,
      true, SINGLE, DG_KEY_WANTS_MEMBER,
      { NULL, NULL }, NULL },
    { "deskgate:UnknownMembers", DG_KEY_UNKNOWN_MEMBERS,
      false, LIST, NOTHING, { NULL, NULL }, NULL },
    { "workspaces:BundleId", DG_KEY_BUNDLE_ID,
      false, SINGLE, DG_KEY_WANTS_RESOURCE,
      { "workspaceid", NULL }, "BundleId" },
    { "workspaces:DirectoryId", DG_KEY_DIRECTORY_ID,
      false, SINGLE, DG_KEY_WANTS_RESOURCE,
      { "workspaceid", NULL }, "DirectoryId" },
    { "workspaces:UserName", DG_KEY_WORKSPACE_USER_NAME,
      false, SINGLE, DG_KEY_WANTS_RESOURCE,
      { "workspaceid", NULL }, "UserName" },
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == DG_KEY_COUNT,
               "a row for each key");


const dg_condition_key_t *
dg_condition_key_at(size_t i)
{
    return i < DG_KEY_COUNT ? &rows[i] : NULL;
}


const dg_condition_key_t *
dg_condition_key(dg_span_t key, dg_span_t *rest)
{
    dg_span_t  name;

    for (size_t i = 0; i < DG_KEY_COUNT; i++) {
        name = dg_span_cstr(rows[i].name);

        if (rows[i].prefix
            ? key.len > name.len
              && dg_span_equal_nocase(dg_span_slice(key, 0, name.len), name)
            : dg_span_equal_nocase(key, name))
        {
            *rest = dg_span_slice(key, name.len, key.len);
            return &rows[i];
        }
    }

    return NULL;
}


/* Members of inputs */

static const dg_member_t *
member_nocase(const dg_shape_t *structure, dg_span_t name)
{
    for (size_t i = 0; i < structure->member_count; i++) {
        if (dg_span_equal_nocase(structure->members[i].wire_name, name)) {
            return &structure->members[i];
        }
    }

    return NULL;
}


static bool
has_items(const dg_shape_t *shape)
{
    return shape->type == DG_SHAPE_LIST || shape->type == DG_SHAPE_MAP;
}


/*
 * The member at the end of a path; lists and maps are passed silently.
 * *is_list when one is on the way, save at `batch`, the list whose items are
 * decided one by one.
 */
static const dg_member_t *
walk(const dg_shape_t *shape, dg_span_t path, const dg_shape_t *batch,
    bool *is_list)
{
    const dg_member_t  *member = NULL;
    dg_span_t           part;

    *is_list = false;

    while (dg_span_split(&path, '/', &part)) {

        while (has_items(shape)) {
            if (shape->element == NULL) {
                return NULL;
            }

            *is_list = *is_list || shape != batch;
            shape = shape->element->shape;
        }

        member = member_nocase(shape, part);

        if (member == NULL) {
            return NULL;
        }

        shape = member->shape;
    }

    *is_list = *is_list || (shape != batch && has_items(shape));

    return member;
}


/* The list whose items are decided one by one; NULL when not a batch. */
static const dg_shape_t *
batch_of(const dg_operation_t *o)
{
    const dg_member_t  *member;

    if (o->input == NULL || o->batch_member.len == 0) {
        return NULL;
    }

    member = dg_model_path(o->input, o->batch_member);
    return member != NULL && member->shape->element != NULL ? member->shape
                                                            : NULL;
}


const dg_member_t *
dg_condition_member(const dg_operation_t *o, dg_span_t path, bool *is_list)
{
    const dg_shape_t   *batch = batch_of(o);
    const dg_member_t  *member = NULL;

    if (o->input == NULL || path.len == 0) {
        return NULL;
    }

    if (batch != NULL) {
        member = walk(batch->element->shape, path, NULL, is_list);
    }

    return member != NULL ? member : walk(o->input, path, batch, is_list);
}


const dg_member_t *
dg_condition_text_member(const dg_operation_t *o, dg_key_wants_t wants)
{
    const dg_shape_t   *s = batch_of(o);
    const dg_member_t  *m;

    s = s != NULL ? s->element->shape : o->input;

    for (size_t i = 0; s != NULL && i < s->member_count; i++) {
        m = &s->members[i];

        if (wants == DG_KEY_WANTS_PERMISSIONS ? m->is_permissions
                                              : m->is_requirements)
        {
            return m;
        }
    }

    return NULL;
}


/* Sources */

bool
dg_condition_key_is_of(const dg_condition_key_t *key,
    const dg_resource_rule_t *rule)
{
    if (key->types[0] == NULL) {
        return true;
    }

    for (size_t i = 0; i < DG_KEY_TYPES_MAX && key->types[i] != NULL; i++) {
        if (dg_span_equal(rule->type, dg_span_cstr(key->types[i]))) {
            return true;
        }
    }

    return false;
}


static bool
has_member(const dg_condition_key_t *key, const dg_operation_t *o)
{
    bool  is_list;

    return key->member != NULL
           && dg_condition_member(o, dg_span_cstr(key->member), &is_list)
              != NULL;
}


/*
 * A resource that the call creates is what the caller says it will be; one
 * that is there already is never what he says.
 */
static dg_key_source_t
resource_source(const dg_condition_key_t *key, const dg_operation_t *o)
{
    dg_key_source_t  source = DG_KEY_NOWHERE;

    /* sessions and servers of a broker have no tags of AWS's kind */
    if (key->id == DG_KEY_RESOURCE_TAG && o->service->is_broker) {
        return DG_KEY_NOWHERE;
    }

    for (size_t i = 0; i < o->resource_count; i++) {
        if (!dg_condition_key_is_of(key, &o->resources[i])) {
            continue;
        }

        if (o->resources[i].member_count) {
            return DG_KEY_FROM_RESOURCE;
        }

        if (has_member(key, o)) {
            source = DG_KEY_FROM_CALL;
        }
    }

    return source;
}


static bool
has_type(const dg_condition_key_t *key, const dg_operation_t *o)
{
    for (size_t i = 0; i < o->resource_count; i++) {
        if (dg_condition_key_is_of(key, &o->resources[i])) {
            return true;
        }
    }

    return false;
}


dg_key_source_t
dg_condition_key_source(const dg_condition_key_t *key, dg_span_t rest,
    const dg_operation_t *o)
{
    bool  is_list, there = false;

    switch (key->wants) {

    case DG_KEY_WANTS_NOTHING:
        there = true;
        break;

    case DG_KEY_WANTS_TAGS:
        there = o->tags.len != 0;
        break;

    case DG_KEY_WANTS_TAG_KEYS:
        there = o->tags.len != 0 || o->tag_keys.len != 0;
        break;

    case DG_KEY_WANTS_MEMBER:
        there = dg_condition_member(o, rest, &is_list) != NULL;
        break;

    case DG_KEY_WANTS_PERMISSIONS:
    case DG_KEY_WANTS_REQUIREMENTS:
        there = dg_condition_text_member(o, key->wants) != NULL;
        break;

    case DG_KEY_WANTS_RESOURCE:
        return resource_source(key, o);

    case DG_KEY_WANTS_USER:
        there = has_type(key, o) && has_member(key, o);
        break;
    }

    return there ? DG_KEY_FROM_CALL : DG_KEY_NOWHERE;
}
