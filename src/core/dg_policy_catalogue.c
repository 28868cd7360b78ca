/*
 * What policies may speak of: see dg_policy_catalogue.h.
 */

#include "dg_near.h"
#include "dg_policy_catalogue.h"

#include <string.h>

#define TEMPLATE_MAX  256    /* bytes of a resource type's last part */
#define PARTS         6

/* What must be so for a key to be there. */
typedef enum {
    WANTS_NOTHING,
    WANTS_TAGS,       /* the input has tags */
    WANTS_TAG_KEYS,   /* the input has tags or keys of tags */
    WANTS_MEMBER      /* the input has the member */
} wants_t;

typedef struct {
    const char            *name;
    bool                   prefix;
    dg_policy_key_kind_t   kind;
    wants_t                wants;
} key_row_t;

static const key_row_t  keys[] = {
    { "aws:CurrentTime", false, DG_POLICY_KEY_SINGLE, WANTS_NOTHING },
    { "aws:EpochTime", false, DG_POLICY_KEY_SINGLE, WANTS_NOTHING },
    { "aws:FederatedProvider", false, DG_POLICY_KEY_SINGLE, WANTS_NOTHING },
    { "aws:PrincipalAccount", false, DG_POLICY_KEY_SINGLE, WANTS_NOTHING },
    { "aws:PrincipalArn", false, DG_POLICY_KEY_SINGLE, WANTS_NOTHING },
    { "aws:PrincipalTag/", true, DG_POLICY_KEY_SINGLE, WANTS_NOTHING },
    { "aws:PrincipalType", false, DG_POLICY_KEY_SINGLE, WANTS_NOTHING },
    { "aws:RequestTag/", true, DG_POLICY_KEY_SINGLE, WANTS_TAGS },
    { "aws:RequestedRegion", false, DG_POLICY_KEY_SINGLE, WANTS_NOTHING },
    { "aws:SecureTransport", false, DG_POLICY_KEY_SINGLE, WANTS_NOTHING },
    { "aws:SourceIp", false, DG_POLICY_KEY_SINGLE, WANTS_NOTHING },
    { "aws:TagKeys", false, DG_POLICY_KEY_LIST, WANTS_TAG_KEYS },
    { "aws:TokenIssueTime", false, DG_POLICY_KEY_SINGLE, WANTS_NOTHING },
    { "aws:UserAgent", false, DG_POLICY_KEY_SINGLE, WANTS_NOTHING },
    { "aws:userid", false, DG_POLICY_KEY_SINGLE, WANTS_NOTHING },
    { "aws:username", false, DG_POLICY_KEY_SINGLE, WANTS_NOTHING },
    { "deskgate:AccessLevel", false, DG_POLICY_KEY_SINGLE, WANTS_NOTHING },
    { "deskgate:ItemCount", false, DG_POLICY_KEY_SINGLE, WANTS_NOTHING },
    { "deskgate:Private", false, DG_POLICY_KEY_SINGLE, WANTS_NOTHING },
    { "deskgate:Request/", true, DG_POLICY_KEY_SINGLE, WANTS_MEMBER },
    { "deskgate:UnknownMembers", false, DG_POLICY_KEY_LIST, WANTS_NOTHING },
};

#define KEYS  (sizeof(keys) / sizeof(keys[0]))

/* Keys of IAM whose value a gateway does not have. */
static const char *const  not_offered[] = {
    "aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast",
    "aws:MultiFactorAuthAge", "aws:MultiFactorAuthPresent",
    "aws:PrincipalIsAWSService", "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths", "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList", "aws:Referer", "aws:ResourceAccount",
    "aws:ResourceOrgID", "aws:ResourceOrgPaths", "aws:SourceAccount",
    "aws:SourceArn", "aws:SourceIdentity", "aws:SourceOrgID",
    "aws:SourceOrgPaths", "aws:SourceVpc", "aws:SourceVpcArn",
    "aws:SourceVpce", "aws:ViaAWSService", "aws:VpcSourceIp",
    "aws:VpceAccount", "aws:VpceOrgID", "aws:VpceOrgPaths",
    "workspaces:userId",
};

typedef struct {
    dg_span_t              text;       /* "workspaces:RebootWorkspaces" */
    dg_span_t              folded;     /* in lower case */
    const dg_operation_t  *operation;  /* NULL: permission only */
} action_t;

typedef struct {
    dg_policy_catalogue_source_t  source;
    const action_t               *actions;
    size_t                        action_count;
} catalogue_t;


static bool
has_prefix_nocase(dg_span_t text, dg_span_t prefix)
{
    return text.len >= prefix.len
           && dg_span_equal_nocase(dg_span_slice(text, 0, prefix.len),
                                   prefix);
}


/* Services and actions */

static bool
service_known(void *ctx, dg_span_t prefix)
{
    const catalogue_t  *c = ctx;

    for (size_t i = 0; i < c->source.service_count; i++) {
        if (dg_span_equal_nocase(c->source.services[i]->action_prefix,
                                 prefix))
        {
            return true;
        }
    }

    return false;
}


/* False for what is too long to be an action. */
static bool
fold(dg_span_t text, uint8_t buffer[DG_POLICY_ACTION_MAX], dg_span_t *folded)
{
    if (text.len > DG_POLICY_ACTION_MAX) {
        return false;
    }

    for (size_t i = 0; i < text.len; i++) {
        buffer[i] = (uint8_t) (text.data[i] >= 'A' && text.data[i] <= 'Z'
                               ? text.data[i] | 0x20 : text.data[i]);
    }

    *folded = dg_span(buffer, text.len);
    return true;
}


static bool
action_known(void *ctx, dg_span_t pattern)
{
    const catalogue_t  *c = ctx;
    uint8_t             buffer[DG_POLICY_ACTION_MAX];
    dg_span_t           folded;

    if (!fold(pattern, buffer, &folded)) {
        return false;
    }

    for (size_t i = 0; i < c->action_count; i++) {
        if (dg_policy_wildcard(folded, c->actions[i].folded)) {
            return true;
        }
    }

    return false;
}


static bool
action_at(void *ctx, size_t i, dg_span_t *action)
{
    const catalogue_t  *c = ctx;

    if (i >= c->action_count) {
        return false;
    }

    *action = c->actions[i].text;
    return true;
}


static dg_span_t
suggest_action(void *ctx, dg_span_t wrong)
{
    const catalogue_t  *c = ctx;
    dg_near_t           near = dg_near(wrong);

    for (size_t i = 0; i < c->action_count; i++) {
        dg_near_try(&near, c->actions[i].text);
    }

    return near.best;
}


/* ARNs */

/* The text with each variable as one `*`, at most `size` bytes of it. */
static dg_span_t
without_variables(dg_span_t text, uint8_t *buffer, size_t size)
{
    dg_writer_t  w = dg_writer(buffer, size);
    size_t       end;

    for (size_t i = 0; i < text.len; i++) {

        if (text.data[i] == '$' && i + 1 < text.len
            && text.data[i + 1] == '{')
        {
            end = i + dg_span_find(dg_span_slice(text, i, text.len), '}');
            dg_write_char(&w, '*');
            i = end;
            continue;
        }

        dg_write_char(&w, (char) text.data[i]);
    }

    return dg_written(&w);
}


/* Is there a text that both patterns match. */
static bool
patterns_meet(dg_span_t a, dg_span_t b)
{
    bool  row[TEMPLATE_MAX + 1], below, diagonal, star_a, star_b;

    if (b.len > TEMPLATE_MAX) {
        return true;
    }

    /* row[j]: do a[i..] and b[j..] meet, from the ends to the front */
    row[b.len] = true;

    for (size_t j = b.len; j-- > 0; ) {
        row[j] = row[j + 1] && b.data[j] == '*';
    }

    for (size_t i = a.len; i-- > 0; ) {
        star_a = a.data[i] == '*';
        diagonal = row[b.len];
        row[b.len] = row[b.len] && star_a;

        for (size_t j = b.len; j-- > 0; ) {
            below = row[j];
            star_b = b.data[j] == '*';

            if (star_a || star_b) {
                row[j] = below || row[j + 1];

            } else {
                row[j] = diagonal && (a.data[i] == b.data[j]
                                      || a.data[i] == '?');
            }

            diagonal = below;
        }
    }

    return row[0];
}


static bool
split_arn(dg_span_t text, dg_span_t part[PARTS])
{
    size_t  colon;

    for (unsigned i = 0; i < PARTS - 1; i++) {
        colon = dg_span_find(text, ':');

        if (colon == text.len) {
            return false;
        }

        part[i] = dg_span_slice(text, 0, colon);
        text = dg_span_slice(text, colon + 1, text.len);
    }

    part[PARTS - 1] = text;
    return true;
}


static bool
rule_meets(const dg_resource_rule_t *rule, const dg_span_t part[PARTS],
    dg_span_t pattern)
{
    dg_span_t  template[PARTS];
    uint8_t    buffer[TEMPLATE_MAX];

    return split_arn(rule->arn, template)
           && dg_span_equal(template[2], part[2])
           && patterns_meet(pattern,
                            without_variables(template[5], buffer,
                                              sizeof(buffer)));
}


static bool
arn_known(void *ctx, dg_span_t text)
{
    const catalogue_t     *c = ctx;
    const dg_operation_t  *o;
    dg_span_t              part[PARTS], pattern;
    uint8_t                buffer[DG_POLICY_RESOURCE_MAX];

    if (!split_arn(text, part)) {
        return false;
    }

    pattern = without_variables(part[5], buffer, sizeof(buffer));

    for (size_t i = 0; i < c->action_count; i++) {
        o = c->actions[i].operation;

        for (size_t j = 0; o != NULL && j < o->resource_count; j++) {
            if (rule_meets(&o->resources[j], part, pattern)) {
                return true;
            }
        }
    }

    return false;
}


/* Keys */

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

        while (shape->type == DG_SHAPE_LIST || shape->type == DG_SHAPE_MAP) {
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

    if (shape != batch && (shape->type == DG_SHAPE_LIST
                           || shape->type == DG_SHAPE_MAP))
    {
        *is_list = true;
    }

    return member;
}


const dg_shape_t *
dg_policy_request_member(const dg_operation_t *operation, dg_span_t path,
    bool *is_list, bool *sensitive)
{
    const dg_shape_t   *input = operation->input, *batch = NULL;
    const dg_member_t  *member = NULL;

    if (input == NULL || path.len == 0) {
        return NULL;
    }

    if (operation->batch_member.len) {
        member = dg_model_path(input, operation->batch_member);
        batch = member != NULL ? member->shape : NULL;
        member = NULL;
    }

    if (batch != NULL && batch->element != NULL) {
        member = walk(batch->element->shape, path, NULL, is_list);
    }

    if (member == NULL) {
        member = walk(input, path, batch, is_list);
    }

    if (member == NULL) {
        return NULL;
    }

    *sensitive = member->sensitive;
    return member->shape;
}


static const key_row_t *
find_row(dg_span_t key)
{
    dg_span_t  name;

    for (size_t i = 0; i < KEYS; i++) {
        name = dg_span_cstr(keys[i].name);

        if (keys[i].prefix ? has_prefix_nocase(key, name)
                             && key.len > name.len
                           : dg_span_equal_nocase(key, name))
        {
            return &keys[i];
        }
    }

    return NULL;
}


/* Does the operation give the key; *kind is corrected for members. */
static bool
operation_gives(const dg_operation_t *o, const key_row_t *row,
    dg_span_t rest, dg_policy_key_kind_t *kind)
{
    bool  is_list, sensitive;

    switch (row->wants) {

    case WANTS_TAGS:
        return o->tags.len != 0;

    case WANTS_TAG_KEYS:
        return o->tags.len != 0 || o->tag_keys.len != 0;

    case WANTS_MEMBER:
        if (dg_policy_request_member(o, rest, &is_list, &sensitive) == NULL) {
            return false;
        }

        if (is_list) {
            *kind = DG_POLICY_KEY_LIST;
        }

        return true;

    default:
        return true;
    }
}


static bool
statement_has(const dg_policy_actions_t *actions, const action_t *action)
{
    uint8_t    buffer[DG_POLICY_ACTION_MAX];
    dg_span_t  folded;

    for (size_t i = 0; i < actions->count; i++) {
        if (fold(actions->patterns[i], buffer, &folded)
            && dg_policy_wildcard(folded, action->folded))
        {
            return !actions->negated;
        }
    }

    return actions->negated;
}


/*
 * Whether an operation of the statement gives the key.  A statement without
 * an operation of a loaded service is left alone: it never matches.
 */
static dg_policy_key_kind_t
kind_for(const catalogue_t *c, const key_row_t *row, dg_span_t rest,
    const dg_policy_actions_t *actions)
{
    dg_policy_key_kind_t   kind = row->kind, other = row->kind;
    const dg_operation_t  *o;
    bool                   concerned = false, here = false, there = false;

    for (size_t i = 0; i < c->action_count; i++) {
        o = c->actions[i].operation;

        if (o == NULL) {
            continue;
        }

        if (statement_has(actions, &c->actions[i])) {
            concerned = true;
            here = operation_gives(o, row, rest, &kind) || here;

        } else if (!there) {
            there = operation_gives(o, row, rest, &other);
        }
    }

    if (here || row->wants == WANTS_NOTHING) {
        return kind;
    }

    if (there || row->wants != WANTS_MEMBER) {
        return concerned ? DG_POLICY_KEY_IMPOSSIBLE : other;
    }

    return DG_POLICY_KEY_UNKNOWN;
}


static bool
is_claim(const catalogue_t *c, dg_span_t key)
{
    size_t     colon = dg_span_find(key, ':');
    dg_span_t  issuer = dg_span_slice(key, 0, colon);

    if (colon == 0 || colon + 1 >= key.len) {
        return false;
    }

    for (size_t i = 0; i < c->source.issuer_count; i++) {
        if (dg_span_equal_nocase(c->source.issuers[i], issuer)) {
            return true;
        }
    }

    return c->source.any_issuer
           && !dg_span_equal_nocase(issuer, DG_SPAN("aws"))
           && !dg_span_equal_nocase(issuer, DG_SPAN("deskgate"))
           && !dg_span_equal_nocase(issuer, DG_SPAN("dcv"))
           && !service_known((void *) (uintptr_t) c, issuer);
}


static dg_policy_key_kind_t
key_kind(void *ctx, dg_span_t key, const dg_policy_actions_t *actions)
{
    const catalogue_t  *c = ctx;
    const key_row_t    *row = find_row(key);

    if (row != NULL) {
        return kind_for(c, row, dg_span_slice(key, strlen(row->name),
                                              key.len), actions);
    }

    if (is_claim(c, key)) {
        return DG_POLICY_KEY_ANY;
    }

    for (size_t i = 0; i < sizeof(not_offered) / sizeof(not_offered[0]); i++)
    {
        if (dg_span_equal_nocase(key, dg_span_cstr(not_offered[i]))) {
            return DG_POLICY_KEY_NOT_OFFERED;
        }
    }

    return has_prefix_nocase(key, DG_SPAN("aws:ResourceTag/"))
           ? DG_POLICY_KEY_NOT_OFFERED : DG_POLICY_KEY_UNKNOWN;
}


static dg_span_t
suggest_key(void *ctx, dg_span_t wrong)
{
    dg_near_t  near = dg_near(wrong);
    dg_span_t  name;

    (void) ctx;

    for (size_t i = 0; i < KEYS; i++) {
        name = dg_span_cstr(keys[i].name);

        /* the beginning alone is no help to whoever has it right */
        if (!keys[i].prefix || !has_prefix_nocase(wrong, name)) {
            dg_near_try(&near, name);
        }
    }

    return near.best;
}


/* Creation */

static bool
add_action(dg_arena_t *arena, const dg_service_t *service, dg_span_t name,
    const dg_operation_t *operation, action_t *action)
{
    dg_writer_t  w;
    size_t       len = service->action_prefix.len + 1 + name.len;
    uint8_t     *text = dg_arena_alloc(arena, len);
    uint8_t     *folded = dg_arena_alloc(arena, DG_POLICY_ACTION_MAX);

    if (text == NULL || folded == NULL) {
        return false;
    }

    w = dg_writer(text, len);
    dg_write_span(&w, service->action_prefix);
    dg_write_char(&w, ':');
    dg_write_span(&w, name);

    action->text = dg_written(&w);
    action->operation = operation;

    /* longer names than any service has are left out of patterns */
    if (!fold(action->text, folded, &action->folded)) {
        action->folded = DG_SPAN_EMPTY;
    }

    return true;
}


static bool
add_service(dg_arena_t *arena, const dg_service_t *service,
    action_t *actions, size_t *used)
{
    for (size_t i = 0; i < service->operation_count; i++) {
        if (!add_action(arena, service, service->operations[i].name,
                        &service->operations[i], &actions[(*used)++]))
        {
            return false;
        }
    }

    for (size_t i = 0; i < service->permission_only_count; i++) {
        if (!add_action(arena, service, service->permission_only[i], NULL,
                        &actions[(*used)++]))
        {
            return false;
        }
    }

    return true;
}


dg_err_t
dg_policy_catalogue_create(dg_arena_t *arena,
    const dg_policy_catalogue_source_t *source, dg_policy_catalogue_t *out)
{
    catalogue_t  *c = dg_arena_calloc(arena, 1, sizeof(*c));
    action_t     *actions;
    size_t        n = 0;

    for (size_t i = 0; i < source->service_count; i++) {
        n += source->services[i]->operation_count
             + source->services[i]->permission_only_count;
    }

    actions = dg_arena_calloc(arena, n + 1, sizeof(*actions));

    if (c == NULL || actions == NULL) {
        return DG_ERR_MEMORY;
    }

    c->source = *source;
    c->actions = actions;

    for (size_t i = 0; i < source->service_count; i++) {
        if (!add_service(arena, source->services[i], actions,
                         &c->action_count))
        {
            return DG_ERR_MEMORY;
        }
    }

    *out = (dg_policy_catalogue_t) {
        .ctx = c,
        .service_known = service_known,
        .action_known = action_known,
        .arn_known = arn_known,
        .key_kind = key_kind,
        .suggest_action = suggest_action,
        .suggest_key = suggest_key,
        .action_at = action_at
    };

    return DG_OK;
}
