/*
 * What policies may speak of: see dg_policy_catalogue.h.
 */

#include "dg_policy_catalogue.h"

#include "dg_condition_key.h"
#include "dg_near.h"

#define TEMPLATE_MAX  256    /* bytes of a resource type's last part */
#define PARTS         6

/* Keys of IAM whose value a gateway does not have. */
static const char *const  not_offered[] = {
    "aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast",
    "aws:MultiFactorAuthAge", "aws:PrincipalIsAWSService", "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths", "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList", "aws:Referer", "aws:ResourceAccount",
    "aws:ResourceOrgID", "aws:ResourceOrgPaths", "aws:SourceAccount",
    "aws:SourceArn", "aws:SourceOrgID",
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


/* How an operation's values of a key are; they may be several of a member. */
static dg_policy_key_kind_t
kind_of(const dg_operation_t *o, const dg_condition_key_t *key,
    dg_span_t rest)
{
    bool  is_list = false;

    if (key->wants == DG_KEY_WANTS_MEMBER) {
        (void) dg_condition_member(o, rest, &is_list);
    }

    return is_list ? DG_POLICY_KEY_LIST : key->kind;
}


/* What the operations of a statement, and the others, say of a key. */
typedef struct {
    dg_policy_key_kind_t  kind;
    bool                  concerned;   /* the statement has operations */
    bool                  here;        /* one of them gives the key */
    bool                  there;       /* another one does */
    bool                  looked_up;   /* one of them by a lookup */
} survey_t;


static void
survey(const catalogue_t *c, const dg_condition_key_t *key, dg_span_t rest,
    const dg_policy_actions_t *actions, survey_t *s)
{
    const dg_operation_t  *o;
    dg_key_source_t        source;
    bool                   ours;

    for (size_t i = 0; i < c->action_count; i++) {
        o = c->actions[i].operation;

        if (o == NULL) {
            continue;
        }

        ours = statement_has(actions, &c->actions[i]);
        source = dg_condition_key_source(key, rest, o);
        s->concerned = s->concerned || ours;

        if (source == DG_KEY_NOWHERE) {
            continue;
        }

        s->here = s->here || ours;
        s->there = true;
        s->looked_up = s->looked_up
                       || (ours && source == DG_KEY_FROM_RESOURCE);

        if (ours && kind_of(o, key, rest) == DG_POLICY_KEY_LIST) {
            s->kind = DG_POLICY_KEY_LIST;
        }
    }
}


/*
 * Whether an operation of the statement gives the key.  A statement without
 * an operation of a loaded service is left alone: it never matches.
 */
static dg_policy_key_kind_t
kind_for(const catalogue_t *c, const dg_condition_key_t *key, dg_span_t rest,
    const dg_policy_actions_t *actions)
{
    survey_t  s = { .kind = key->kind };

    if (key->wants == DG_KEY_WANTS_NOTHING) {
        return key->kind;
    }

    survey(c, key, rest, actions, &s);

    if (s.looked_up && !c->source.facts) {
        return DG_POLICY_KEY_NOT_LOOKED_UP;
    }

    if (s.here || !s.concerned) {
        return s.there || key->wants != DG_KEY_WANTS_MEMBER
               ? s.kind : DG_POLICY_KEY_UNKNOWN;
    }

    return s.there || key->wants != DG_KEY_WANTS_MEMBER
           ? DG_POLICY_KEY_IMPOSSIBLE : DG_POLICY_KEY_UNKNOWN;
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
key_kind(void *ctx, dg_span_t name, const dg_policy_actions_t *actions)
{
    const catalogue_t         *c = ctx;
    dg_span_t                  rest;
    const dg_condition_key_t  *key = dg_condition_key(name, &rest);

    if (key != NULL) {
        return kind_for(c, key, rest, actions);
    }

    if (is_claim(c, name)) {
        return DG_POLICY_KEY_ANY;
    }

    for (size_t i = 0; i < sizeof(not_offered) / sizeof(not_offered[0]); i++)
    {
        if (dg_span_equal_nocase(name, dg_span_cstr(not_offered[i]))) {
            return DG_POLICY_KEY_NOT_OFFERED;
        }
    }

    return DG_POLICY_KEY_UNKNOWN;
}


static dg_span_t
suggest_key(void *ctx, dg_span_t wrong)
{
    dg_near_t                  near = dg_near(wrong);
    dg_span_t                  name;
    const dg_condition_key_t  *key;

    (void) ctx;

    for (size_t i = 0; (key = dg_condition_key_at(i)) != NULL; i++) {
        name = dg_span_cstr(key->name);

        /* the beginning alone is no help to whoever has it right */
        if (!key->prefix || !has_prefix_nocase(wrong, name)) {
            dg_near_try(&near, name);
        }
    }

    return near.best;
}


/* What a permissions file imports is not seen: it may grant anything. */
static dg_span_t
companion_key(void *ctx, dg_span_t name)
{
    dg_span_t                  rest;
    const dg_condition_key_t  *key = dg_condition_key(name, &rest);

    (void) ctx;

    return key != NULL && key->wants == DG_KEY_WANTS_PERMISSIONS
           && key->id != DG_KEY_DCV_PERMISSION_IMPORTS
           ? DG_SPAN("dcv:PermissionImports") : DG_SPAN_EMPTY;
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
        .companion_key = companion_key,
        .action_at = action_at
    };

    return DG_OK;
}
