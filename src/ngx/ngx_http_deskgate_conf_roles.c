/*
 * Copyright (C) the deskgate authors
 *
 * Credentials that STS gives: the gateway's own role, and rules that say
 * which role a caller's calls are made with.
 */

#include "ngx_http_deskgate_conf.h"


/* Parameters of rule, assume_role and caller_web_identity */

typedef struct {
    ngx_str_t      sts;
    ngx_str_t      region;
    ngx_str_t      host;
    ngx_str_t      policy;
    ngx_str_t      session_name;
    ngx_str_t      token_file;
    ngx_array_t    groups;      /* of dg_span_t */
    ngx_array_t    claims;      /* of dg_attribute_t */
} ngx_http_deskgate_role_params_t;


static char *ngx_http_deskgate_role_param(ngx_conf_t *cf, ngx_str_t *value,
    dg_role_rule_t *rule, ngx_http_deskgate_role_params_t *params);
static ngx_uint_t ngx_http_deskgate_role_text(dg_span_t param,
    dg_role_rule_t *rule, ngx_http_deskgate_role_params_t *params);
static ngx_uint_t ngx_http_deskgate_role_flag(dg_span_t param,
    dg_role_rule_t *rule);
static ngx_int_t ngx_http_deskgate_role_params(ngx_conf_t *cf,
    ngx_str_t *value, ngx_uint_t count, dg_role_rule_t *rule,
    ngx_http_deskgate_role_params_t *params);
static ngx_int_t ngx_http_deskgate_role_claim(ngx_array_t *claims,
    dg_span_t text);
static ngx_int_t ngx_http_deskgate_session_policy(ngx_conf_t *cf,
    ngx_str_t *path, dg_span_t *policy);
static char *ngx_http_deskgate_own_role(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, ngx_http_deskgate_credentials_t *c,
    ngx_uint_t web_identity);
static char *ngx_http_deskgate_rule_add(ngx_conf_t *cf,
    ngx_http_deskgate_credentials_t *c, dg_role_rule_t *rule);
static char *ngx_http_deskgate_sts_set(ngx_conf_t *cf,
    ngx_http_deskgate_credentials_t *c, ngx_str_t uri, ngx_str_t region,
    ngx_str_t host);


/* sts URI [region=REGION] [host=HOST]; */

char *
ngx_http_deskgate_conf_sts(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_str_t   region, host;
    ngx_uint_t  i;

    ngx_str_null(&region);
    ngx_str_null(&host);

    for (i = 1; i < count; i++) {
        if (ngx_strncmp(value[i].data, "region=", 7) == 0) {
            region.data = value[i].data + 7;
            region.len = value[i].len - 7;

        } else if (ngx_strncmp(value[i].data, "host=", 5) == 0) {
            host.data = value[i].data + 5;
            host.len = value[i].len - 5;

        } else {
            return "takes the URI of an internal location, region= and host=";
        }
    }

    return ngx_http_deskgate_sts_set(cf, object, value[0], region, host);
}


static char *
ngx_http_deskgate_sts_set(ngx_conf_t *cf, ngx_http_deskgate_credentials_t *c,
    ngx_str_t uri, ngx_str_t region, ngx_str_t host)
{
    if (c->sts.len) {
        return "is said twice";
    }

    if (uri.len == 0 || uri.data[0] != '/') {
        return "names an internal location, such as /_deskgate/sts";
    }

    c->sts = uri;
    c->sts_region = region;
    c->sts_host = host;

    if (host.len || region.len == 0) {
        return NGX_CONF_OK;
    }

    host.len = sizeof("sts..amazonaws.com") - 1 + region.len;
    host.data = ngx_pnalloc(cf->pool, host.len);
    if (host.data == NULL) {
        return NGX_CONF_ERROR;
    }

    (void) ngx_sprintf(host.data, "sts.%V.amazonaws.com", &region);
    c->sts_host = host;

    return NGX_CONF_OK;
}


/* source NAME; */

char *
ngx_http_deskgate_conf_source(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_main_conf_t    *mcf;
    ngx_http_deskgate_credentials_t  *c = object, *source;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);
    source = ngx_http_deskgate_conf_find(&mcf->credentials, &value[0]);

    if (source == NULL || source == c) {
        return "names no deskgate_credentials that are defined above";
    }

    if (source->rules.nelts) {
        return "names credentials that depend on the caller; the source of "
               "roles must be the gateway's own";
    }

    if (c->source) {
        return "is said twice";
    }

    c->source = source;

    return NGX_CONF_OK;
}


/* rule NAME issuer=NAME | keys, [conditions], role=ARN [session]; */

char *
ngx_http_deskgate_conf_rule(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    dg_role_rule_t                    rule;
    ngx_http_deskgate_role_params_t   params;

    ngx_memzero(&rule, sizeof(dg_role_rule_t));
    rule.name = ngx_http_deskgate_span(&value[0]);

    if (ngx_http_deskgate_role_params(cf, value + 1, count - 1, &rule,
                                      &params)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (params.sts.len || params.region.len || params.host.len
        || params.session_name.len || params.token_file.len)
    {
        return "takes no sts=, region=, host=, session_name= or "
               "token_file=; what is common stands on lines of the block";
    }

    return ngx_http_deskgate_rule_add(cf, object, &rule);
}


/* caller_web_identity role=ARN sts=URI; : one rule for every bearer token */

char *
ngx_http_deskgate_conf_caller_web_identity(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    char                             *rv;
    dg_role_rule_t                    rule;
    ngx_http_deskgate_role_params_t   params;

    ngx_memzero(&rule, sizeof(dg_role_rule_t));
    rule.name = DG_SPAN("caller_web_identity");
    rule.web_identity = true;
    rule.any_issuer = true;

    if (ngx_http_deskgate_role_params(cf, value, count, &rule, &params)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (params.session_name.len) {
        return "takes no session_name=: the caller names the session";
    }

    rv = ngx_http_deskgate_sts_set(cf, object, params.sts, params.region,
                                   params.host);

    return rv == NGX_CONF_OK
           ? ngx_http_deskgate_rule_add(cf, object, &rule) : rv;
}


/* assume_role role=ARN [session_name=NAME]; : the gateway's own */

char *
ngx_http_deskgate_conf_assume_role(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    return ngx_http_deskgate_own_role(cf, value, count, object, 0);
}


/* web_identity token_file=FILE role=ARN sts=URI; : by the gateway's token */

char *
ngx_http_deskgate_conf_web_identity(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    return ngx_http_deskgate_own_role(cf, value, count, object, 1);
}


static char *
ngx_http_deskgate_own_role(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, ngx_http_deskgate_credentials_t *c,
    ngx_uint_t web_identity)
{
    char                             *rv;
    dg_role_rule_t                    rule;
    ngx_http_deskgate_role_params_t   params;

    ngx_memzero(&rule, sizeof(dg_role_rule_t));

    if (ngx_http_deskgate_role_params(cf, value, count, &rule, &params)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if ((params.token_file.len != 0) != web_identity) {
        return web_identity ? "needs token_file=FILE"
                            : "takes no token_file=; see web_identity";
    }

    c->role.role_arn = rule.role;
    c->role.session_name = ngx_http_deskgate_span(&params.session_name);
    c->role.external_id = rule.external_id;
    c->role.policy = rule.policy;
    c->role.duration = rule.duration;

    rv = ngx_http_deskgate_set_role(cf, c, params.token_file);

    if (rv != NGX_CONF_OK || params.sts.len == 0) {
        return rv;
    }

    return ngx_http_deskgate_sts_set(cf, c, params.sts, params.region,
                                     params.host);
}


/* What c->role says, checked and completed, is where they come from. */

char *
ngx_http_deskgate_set_role(ngx_conf_t *cf, ngx_http_deskgate_credentials_t *c,
    ngx_str_t token_file)
{
    const char        *reason;
    dg_sts_request_t   role;

    if (c->provider) {
        return "is a second provider; one is enough";
    }

    if (c->role.session_name.len == 0) {
        c->role.session_name = DG_SPAN("deskgate");
    }

    c->role.action = token_file.len ? DG_STS_WEB_IDENTITY
                                    : DG_STS_ASSUME_ROLE;

    /* the token is read when it is shown */
    role = c->role;
    role.web_identity_token = DG_SPAN("later");

    reason = dg_sts_reason(&role);

    if (reason) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "role of \"%V\": %s",
                           &c->name, reason);
        return NGX_CONF_ERROR;
    }

    if (token_file.len
        && ngx_conf_full_name(cf->cycle, &token_file, 1) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    c->token_file = token_file;
    c->provider = token_file.len ? "web_identity" : "assume_role";
    c->provide = ngx_http_deskgate_provide_role;

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_rule_add(ngx_conf_t *cf, ngx_http_deskgate_credentials_t *c,
    dg_role_rule_t *rule)
{
    dg_diag_t        diag;
    ngx_uint_t       i;
    dg_role_rule_t  *rules;

    if (c->provider && c->provide != ngx_http_deskgate_provide_by_rule) {
        return "is a second provider; one is enough";
    }

    if (dg_role_check(rule, &diag) != DG_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s", diag.text);
        return NGX_CONF_ERROR;
    }

    if (c->rules.elts == NULL
        && ngx_array_init(&c->rules, cf->pool, 4, sizeof(dg_role_rule_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rules = c->rules.elts;

    for (i = 0; i < c->rules.nelts; i++) {
        if (dg_span_equal(rules[i].name, rule->name)) {
            return "has the name of another rule";
        }
    }

    if (c->rules.nelts == DG_ROLE_RULES_MAX) {
        return "is one rule too many: 256 are enough";
    }

    rules = ngx_array_push(&c->rules);
    if (rules == NULL) {
        return NGX_CONF_ERROR;
    }

    *rules = *rule;

    c->provider = rule->web_identity ? "web_identity" : "assume_role";
    c->provide = ngx_http_deskgate_provide_by_rule;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_deskgate_role_params(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, dg_role_rule_t *rule,
    ngx_http_deskgate_role_params_t *params)
{
    char        *rv;
    ngx_uint_t   i;

    ngx_memzero(params, sizeof(ngx_http_deskgate_role_params_t));

    if (ngx_array_init(&params->groups, cf->pool, 2, sizeof(dg_span_t))
        != NGX_OK
        || ngx_array_init(&params->claims, cf->pool, 2,
                          sizeof(dg_attribute_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < count; i++) {
        rv = ngx_http_deskgate_role_param(cf, &value[i], rule, params);

        if (rv == NGX_CONF_ERROR) {
            return NGX_ERROR;
        }

        if (rv != NGX_CONF_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" %s", &value[i],
                               rv);
            return NGX_ERROR;
        }
    }

    rule->groups = params->groups.elts;
    rule->group_count = params->groups.nelts;
    rule->claims = params->claims.elts;
    rule->claim_count = params->claims.nelts;

    return params->policy.len
           ? ngx_http_deskgate_session_policy(cf, &params->policy,
                                              &rule->policy)
           : NGX_OK;
}


static char *
ngx_http_deskgate_role_param(ngx_conf_t *cf, ngx_str_t *value,
    dg_role_rule_t *rule, ngx_http_deskgate_role_params_t *params)
{
    time_t      seconds;
    dg_span_t   text, *group;
    ngx_str_t   duration;

    text = ngx_http_deskgate_span(value);

    if (ngx_http_deskgate_role_text(text, rule, params)
        || ngx_http_deskgate_role_flag(text, rule))
    {
        return NGX_CONF_OK;
    }

    if (dg_span_starts_with(text, DG_SPAN("group="))) {
        group = ngx_array_push(&params->groups);
        if (group == NULL) {
            return NGX_CONF_ERROR;
        }

        *group = dg_span_slice(text, 6, text.len);

        return group->len ? NGX_CONF_OK : "takes the name of a group";
    }

    if (dg_span_starts_with(text, DG_SPAN("claim="))) {
        return ngx_http_deskgate_role_claim(&params->claims,
                                    dg_span_slice(text, 6, text.len))
               == NGX_OK ? NGX_CONF_OK : "takes NAME:VALUE";
    }

    if (dg_span_starts_with(text, DG_SPAN("duration="))) {
        duration = ngx_http_deskgate_str(dg_span_slice(text, 9, text.len));
        seconds = ngx_parse_time(&duration, 1);

        if (seconds < DG_STS_DURATION_MIN || seconds > DG_STS_DURATION_MAX) {
            return "is from 15m to 12h";
        }

        rule->duration = seconds;
        return NGX_CONF_OK;
    }

    return "is not known: there are issuer=, keys, caller=, group=, claim=, "
           "role=, by_web_identity, session=, tags, transitive_tags, "
           "source_identity, external_id=, policy=, duration=, sts=, "
           "region=, host=, session_name= and token_file=";
}


static ngx_uint_t
ngx_http_deskgate_role_text(dg_span_t param, dg_role_rule_t *rule,
    ngx_http_deskgate_role_params_t *params)
{
    size_t      equals;
    dg_span_t   name, text, policy, *span;
    ngx_str_t  *str;
    ngx_uint_t  i;

    struct {
        dg_span_t   name;
        dg_span_t  *span;
        ngx_str_t  *str;

    } known[] = {
        { DG_SPAN("issuer"), &rule->issuer, NULL },
        { DG_SPAN("caller"), &rule->caller, NULL },
        { DG_SPAN("role"), &rule->role, NULL },
        { DG_SPAN("session"), &rule->session_claim, NULL },
        { DG_SPAN("external_id"), &rule->external_id, NULL },
        { DG_SPAN("policy"), &policy, &params->policy },
        { DG_SPAN("sts"), NULL, &params->sts },
        { DG_SPAN("region"), NULL, &params->region },
        { DG_SPAN("host"), NULL, &params->host },
        { DG_SPAN("session_name"), NULL, &params->session_name },
        { DG_SPAN("token_file"), NULL, &params->token_file }
    };

    equals = dg_span_find(param, '=');
    name = dg_span_slice(param, 0, equals);
    text = dg_span_slice(param, equals + 1, param.len);

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {

        if (text.len == 0 || !dg_span_equal(name, known[i].name)) {
            continue;
        }

        span = known[i].span;
        str = known[i].str;

        if (span) {
            *span = text;
        }

        if (str) {
            *str = ngx_http_deskgate_str(text);
        }

        return 1;
    }

    return 0;
}


static ngx_uint_t
ngx_http_deskgate_role_flag(dg_span_t param, dg_role_rule_t *rule)
{
    ngx_uint_t  i;

    const struct {
        dg_span_t   name;
        bool       *flag;

    } known[] = {
        { DG_SPAN("keys"),            &rule->keys },
        { DG_SPAN("by_web_identity"), &rule->web_identity },
        { DG_SPAN("tags"),            &rule->tags },
        { DG_SPAN("transitive_tags"), &rule->transitive },
        { DG_SPAN("source_identity"), &rule->source_identity }
    };

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (dg_span_equal(param, known[i].name)) {
            *known[i].flag = true;
            rule->tags |= rule->transitive;
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_deskgate_role_claim(ngx_array_t *claims, dg_span_t text)
{
    size_t           colon;
    dg_attribute_t  *claim;

    colon = dg_span_find(text, ':');

    if (colon == 0 || colon >= text.len) {
        return NGX_ERROR;
    }

    claim = ngx_array_push(claims);
    if (claim == NULL) {
        return NGX_ERROR;
    }

    claim->name = dg_span_slice(text, 0, colon);
    claim->value = dg_span_slice(text, colon + 1, text.len);

    return NGX_OK;
}


/* STS counts bytes: what stands for people is left out. */

static ngx_int_t
ngx_http_deskgate_session_policy(ngx_conf_t *cf, ngx_str_t *path,
    dg_span_t *policy)
{
    dg_diag_t                       diag;
    dg_span_t                       text;
    dg_writer_t                     w;
    const dg_json_t                *root;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    if (ngx_http_deskgate_file_read(cf, path, "session policy", 0, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (dg_json_parse(&mcf->arena, text, NULL, &diag, &root) != DG_OK) {
        ngx_http_deskgate_file_diag(cf, path, &diag);
        return NGX_ERROR;
    }

    w = dg_writer(ngx_pnalloc(cf->pool, text.len), text.len);
    if (w.data == NULL) {
        return NGX_ERROR;
    }

    dg_json_write_tree(&w, root);

    if (w.overflow || w.len > DG_STS_POLICY_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is too large for a "
                           "session policy: 2048 bytes without blanks",
                           path);
        return NGX_ERROR;
    }

    *policy = dg_written(&w);

    return NGX_OK;
}


/* When the block was read: is anything missing that its lines need? */

char *
ngx_http_deskgate_finish_roles(ngx_conf_t *cf,
    ngx_http_deskgate_credentials_t *c)
{
    ngx_uint_t                        i, signs;
    dg_role_rule_t                   *rules;
    ngx_http_deskgate_credentials_t  *source;

    signs = (c->provide == ngx_http_deskgate_provide_role
             && c->token_file.len == 0);
    rules = c->rules.elts;

    for (i = 0; i < c->rules.nelts; i++) {
        signs |= !rules[i].web_identity;
    }

    if ((c->provide == ngx_http_deskgate_provide_role || c->rules.nelts)
        && c->sts.len == 0)
    {
        return "has roles but no \"sts URI;\"";
    }

    if (signs && c->source == NULL) {
        return "assumes roles: say with \"source NAME;\" which credentials "
               "sign for STS";
    }

    if (signs && c->sts_region.len == 0) {
        return "assumes roles: say the region= that STS is signed for";
    }

    /* of a profile whose source is a role as well */

    for (source = c->source;
         source && source->provide == ngx_http_deskgate_provide_role
             && source->sts.len == 0;
         source = source->source)
    {
        source->sts = c->sts;
        source->sts_host = c->sts_host;
        source->sts_region = c->sts_region;
    }

    return NGX_CONF_OK;
}
