/*
 * Copyright (C) the deskgate authors
 *
 * Where the gateway's own credentials are: the environment that it was
 * started with, profiles of the files that AWS SDKs share, the endpoint of a
 * container, the metadata service of an instance.
 */

#include "ngx_http_deskgate_conf.h"

#define NGX_HTTP_DESKGATE_PROFILES_MAX  5   /* one that is another's source */


/* A profile, its files, and what it may lean on */

typedef struct {
    ngx_str_t   config;
    ngx_str_t   credentials;
    ngx_str_t   container;
    ngx_str_t   instance;
    dg_span_t   config_text;
    dg_span_t   credentials_text;
} ngx_http_deskgate_profile_t;


static dg_err_t ngx_http_deskgate_shared_parse(void *object,
    dg_arena_t *arena, dg_span_t text, dg_diag_t *diag, void **data);
static char *ngx_http_deskgate_set_static(ngx_conf_t *cf,
    ngx_http_deskgate_credentials_t *c, const dg_credentials_t *credentials,
    const char *provider);
static void ngx_http_deskgate_credentials_cleanup(void *data);
static char *ngx_http_deskgate_set_uri(ngx_http_deskgate_credentials_t *c,
    ngx_str_t uri, const char *provider,
    ngx_http_deskgate_provide_pt provide);
static char *ngx_http_deskgate_profile_params(ngx_str_t *value,
    ngx_uint_t count, ngx_http_deskgate_profile_t *p);
static char *ngx_http_deskgate_profile_set(ngx_conf_t *cf,
    ngx_http_deskgate_profile_t *p, dg_span_t name,
    ngx_http_deskgate_credentials_t *c, ngx_uint_t depth);
static char *ngx_http_deskgate_profile_role(ngx_conf_t *cf,
    ngx_http_deskgate_profile_t *p, dg_span_t name,
    const dg_profile_t *profile, ngx_http_deskgate_credentials_t *c,
    ngx_uint_t depth);
static char *ngx_http_deskgate_profile_source(ngx_conf_t *cf,
    ngx_http_deskgate_profile_t *p, dg_span_t name,
    const dg_profile_t *profile, ngx_http_deskgate_credentials_t *c,
    ngx_uint_t depth);
static char *ngx_http_deskgate_profile_keys(ngx_conf_t *cf,
    const dg_profile_t *profile, ngx_http_deskgate_credentials_t *c);
static ngx_int_t ngx_http_deskgate_span_copy(ngx_conf_t *cf, dg_span_t *s);


/* environment; */

char *
ngx_http_deskgate_conf_environment(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    dg_credentials_t  c;

    ngx_memzero(&c, sizeof(dg_credentials_t));

    c.access_key_id = dg_span_cstr(getenv("AWS_ACCESS_KEY_ID"));
    c.secret_access_key = dg_span_cstr(getenv("AWS_SECRET_ACCESS_KEY"));
    c.session_token = dg_span_cstr(getenv("AWS_SESSION_TOKEN"));

    if (c.access_key_id.len == 0 || c.secret_access_key.len == 0) {
        return "finds no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the "
               "environment that nginx was started with";
    }

    return ngx_http_deskgate_set_static(cf, object, &c, "environment");
}


/* shared file=PATH [profile=NAME]; */

char *
ngx_http_deskgate_conf_shared(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    dg_diag_t                         diag;
    ngx_str_t                         path;
    ngx_uint_t                        i;
    ngx_http_deskgate_credentials_t  *c = object;

    static const ngx_http_deskgate_reread_type_t  type = {
        "credentials", 1,
        ngx_http_deskgate_shared_parse,
        NULL,
        ngx_http_deskgate_credentials_cleanup,
        NULL
    };

    if (c->provider) {
        return "is a second provider; one is enough";
    }

    ngx_str_null(&path);

    for (i = 0; i < count; i++) {
        if (ngx_strncmp(value[i].data, "file=", 5) == 0) {
            path.data = value[i].data + 5;
            path.len = value[i].len - 5;

        } else if (ngx_strncmp(value[i].data, "profile=", 8) == 0) {
            c->profile.data = value[i].data + 8;
            c->profile.len = value[i].len - 8;

        } else {
            return "takes file=PATH and profile=NAME";
        }
    }

    if (path.len == 0) {
        return "needs file=PATH";
    }

    c->file = ngx_http_deskgate_reread_add(cf, &path, &type, c, &diag);

    if (c->file == NULL) {
        return NGX_CONF_ERROR;
    }

    c->provider = "shared";
    c->provide = ngx_http_deskgate_provide_shared;

    return NGX_CONF_OK;
}


static dg_err_t
ngx_http_deskgate_shared_parse(void *object, dg_arena_t *arena,
    dg_span_t text, dg_diag_t *diag, void **data)
{
    dg_credentials_t                 *credentials;
    ngx_http_deskgate_credentials_t  *c = object;

    credentials = dg_arena_calloc(arena, 1, sizeof(dg_credentials_t));
    if (credentials == NULL) {
        return DG_ERR_MEMORY;
    }

    *data = credentials;

    return dg_credentials_file_parse(arena, text,
                                     ngx_http_deskgate_span(&c->profile),
                                     credentials, diag);
}


/* container URI [token_file=FILE]; */

char *
ngx_http_deskgate_conf_container(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_credentials_t  *c = object;

    if (count == 2) {
        if (ngx_strncmp(value[1].data, "token_file=", 11) != 0
            || value[1].len == 11)
        {
            return "takes the URI of an internal location and token_file=";
        }

        c->token_file.data = value[1].data + 11;
        c->token_file.len = value[1].len - 11;

        if (ngx_conf_full_name(cf->cycle, &c->token_file, 1) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return ngx_http_deskgate_set_uri(c, value[0], "container",
                                     ngx_http_deskgate_provide_container);
}


/* instance URI; */

char *
ngx_http_deskgate_conf_instance(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    return ngx_http_deskgate_set_uri(object, value[0], "instance",
                                     ngx_http_deskgate_provide_instance);
}


static char *
ngx_http_deskgate_set_uri(ngx_http_deskgate_credentials_t *c, ngx_str_t uri,
    const char *provider, ngx_http_deskgate_provide_pt provide)
{
    if (c->provider) {
        return "is a second provider; one is enough";
    }

    if (uri.len == 0 || uri.data[0] != '/') {
        return "names an internal location, such as /_deskgate/credentials/";
    }

    if (provide == ngx_http_deskgate_provide_instance
        && uri.data[uri.len - 1] != '/')
    {
        return "names an internal location that ends in a slash: paths of "
               "the metadata service are put behind it";
    }

    c->uri = uri;
    c->provider = provider;
    c->provide = provide;

    return NGX_CONF_OK;
}


/* They stay as long as the configuration, and are wiped with it. */

static char *
ngx_http_deskgate_set_static(ngx_conf_t *cf,
    ngx_http_deskgate_credentials_t *c, const dg_credentials_t *credentials,
    const char *provider)
{
    const char          *reason;
    ngx_pool_cleanup_t  *cln;

    if (c->provider) {
        return "is a second provider; one is enough";
    }

    reason = dg_credentials_reason(credentials);

    if (reason) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "credentials \"%V\": %s", &c->name, reason);
        return NGX_CONF_ERROR;
    }

    c->credentials = *credentials;

    if (ngx_http_deskgate_span_copy(cf, &c->credentials.access_key_id)
        != NGX_OK
        || ngx_http_deskgate_span_copy(cf, &c->credentials.secret_access_key)
           != NGX_OK
        || ngx_http_deskgate_span_copy(cf, &c->credentials.session_token)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_deskgate_credentials_cleanup;
    cln->data = &c->credentials;

    c->provider = provider;
    c->provide = ngx_http_deskgate_provide_static;

    return NGX_CONF_OK;
}


static void
ngx_http_deskgate_credentials_cleanup(void *data)
{
    dg_credentials_wipe(data);
}


static ngx_int_t
ngx_http_deskgate_span_copy(ngx_conf_t *cf, dg_span_t *s)
{
    u_char  *p;

    p = ngx_pnalloc(cf->pool, s->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(p, (u_char *) s->data, s->len + 1);
    *s = dg_span(p, s->len);

    return NGX_OK;
}


/* profile NAME [config=FILE] [credentials=FILE] [container=URI]
   [instance=URI]; */

char *
ngx_http_deskgate_conf_profile(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    char                         *rv;
    ngx_http_deskgate_profile_t   p;

    ngx_memzero(&p, sizeof(ngx_http_deskgate_profile_t));

    rv = ngx_http_deskgate_profile_params(value + 1, count - 1, &p);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (p.config.len
        && ngx_http_deskgate_file_read(cf, &p.config, "config", 0,
                                       &p.config_text)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (p.credentials.len
        && ngx_http_deskgate_file_read(cf, &p.credentials, "credentials", 1,
                                       &p.credentials_text)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_deskgate_profile_set(cf, &p,
                                       ngx_http_deskgate_span(&value[0]),
                                       object, 1);

    dg_wipe((void *) p.credentials_text.data, p.credentials_text.len);
    dg_wipe((void *) p.config_text.data, p.config_text.len);

    return rv;
}


static char *
ngx_http_deskgate_profile_params(ngx_str_t *value, ngx_uint_t count,
    ngx_http_deskgate_profile_t *p)
{
    size_t       n;
    ngx_uint_t   i, j;

    struct {
        const char  *name;
        ngx_str_t   *text;

    } known[] = {
        { "config=", &p->config },
        { "credentials=", &p->credentials },
        { "container=", &p->container },
        { "instance=", &p->instance }
    };

    for (i = 0; i < count; i++) {
        for (j = 0; j < sizeof(known) / sizeof(known[0]); j++) {
            n = ngx_strlen(known[j].name);

            if (ngx_strncmp(value[i].data, known[j].name, n) == 0) {
                known[j].text->data = value[i].data + n;
                known[j].text->len = value[i].len - n;
                break;
            }
        }

        if (j == sizeof(known) / sizeof(known[0])) {
            return "takes NAME, config=FILE, credentials=FILE, "
                   "container=URI and instance=URI";
        }
    }

    return p->config.len || p->credentials.len
           ? NGX_CONF_OK : "needs config=FILE, credentials=FILE or both";
}


static char *
ngx_http_deskgate_profile_set(ngx_conf_t *cf, ngx_http_deskgate_profile_t *p,
    dg_span_t name, ngx_http_deskgate_credentials_t *c, ngx_uint_t depth)
{
    bool          in_config;
    dg_diag_t     diag;
    dg_profile_t  profile;

    if (depth > NGX_HTTP_DESKGATE_PROFILES_MAX) {
        return "has profiles that are each other's source";
    }

    ngx_memzero(&diag, sizeof(dg_diag_t));

    if (dg_profile_load(p->config_text, p->credentials_text, name, &profile,
                        &in_config, &diag)
        != DG_OK)
    {
        ngx_http_deskgate_file_diag(cf, in_config && p->config.len
                                        ? &p->config : &p->credentials,
                                    &diag);
        return NGX_CONF_ERROR;
    }

    if (profile.mfa_serial.len) {
        return "has a profile with mfa_serial: nobody is there to type a "
               "code";
    }

    if (profile.role_arn.len) {
        return ngx_http_deskgate_profile_role(cf, p, name, &profile, c,
                                              depth);
    }

    if (profile.access_key_id.len == 0 && profile.credential_process.len) {
        return "has a profile with credential_process: run "
               "\"deskgate-token process PROFILE FILE\" and name that file, "
               "for no process is started from nginx";
    }

    return ngx_http_deskgate_profile_keys(cf, &profile, c);
}


static char *
ngx_http_deskgate_profile_keys(ngx_conf_t *cf, const dg_profile_t *profile,
    ngx_http_deskgate_credentials_t *c)
{
    dg_credentials_t  credentials;

    ngx_memzero(&credentials, sizeof(dg_credentials_t));

    credentials.access_key_id = profile->access_key_id;
    credentials.secret_access_key = profile->secret_access_key;
    credentials.session_token = profile->session_token;

    if (profile->expiration.len
        && dg_time_parse_iso(profile->expiration, &credentials.expires_at,
                             NULL)
           != DG_OK)
    {
        return "has a profile whose expiration is not written as "
               "2026-12-31T23:59:59Z";
    }

    return ngx_http_deskgate_set_static(cf, c, &credentials, "profile");
}


static char *
ngx_http_deskgate_profile_role(ngx_conf_t *cf, ngx_http_deskgate_profile_t *p,
    dg_span_t name, const dg_profile_t *profile,
    ngx_http_deskgate_credentials_t *c, ngx_uint_t depth)
{
    char       *rv;
    uint64_t    duration;
    dg_span_t   file;
    ngx_str_t   token_file;

    file = profile->web_identity_token_file;
    duration = 0;

    if (profile->duration_seconds.len
        && (!dg_span_to_u64(profile->duration_seconds, &duration)
            || duration > DG_STS_DURATION_MAX))
    {
        return "has a profile whose duration_seconds is no number of seconds";
    }

    c->role.role_arn = profile->role_arn;
    c->role.session_name = profile->role_session_name;
    c->role.external_id = profile->external_id;
    c->role.duration = duration;

    if (ngx_http_deskgate_span_copy(cf, &c->role.role_arn) != NGX_OK
        || ngx_http_deskgate_span_copy(cf, &c->role.session_name) != NGX_OK
        || ngx_http_deskgate_span_copy(cf, &c->role.external_id) != NGX_OK
        || ngx_http_deskgate_span_copy(cf, &file) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    token_file = ngx_http_deskgate_str(file);

    rv = ngx_http_deskgate_set_role(cf, c, token_file);

    if (rv != NGX_CONF_OK || token_file.len) {
        return rv;
    }

    return ngx_http_deskgate_profile_source(cf, p, name, profile, c, depth);
}


/* Exactly one of source_profile and credential_source; a profile with keys
   may be its own source. */

static char *
ngx_http_deskgate_profile_source(ngx_conf_t *cf,
    ngx_http_deskgate_profile_t *p, dg_span_t name,
    const dg_profile_t *profile, ngx_http_deskgate_credentials_t *c,
    ngx_uint_t depth)
{
    ngx_http_deskgate_credentials_t  *source;

    if ((profile->source_profile.len != 0)
        == (profile->credential_source.len != 0))
    {
        return "has a profile with role_arn that needs one of "
               "source_profile, credential_source and "
               "web_identity_token_file";
    }

    source = ngx_pcalloc(cf->pool, sizeof(ngx_http_deskgate_credentials_t));
    if (source == NULL) {
        return NGX_CONF_ERROR;
    }

    /* in keys of what is cached, and in the error log */
    source->name = c->name;
    c->source = source;

    if (dg_span_equal(profile->credential_source, DG_SPAN("Environment"))) {
        return ngx_http_deskgate_conf_environment(cf, NULL, 0, source);
    }

    if (dg_span_equal(profile->credential_source, DG_SPAN("EcsContainer"))) {
        return ngx_http_deskgate_set_uri(source, p->container, "container",
                                        ngx_http_deskgate_provide_container);
    }

    if (dg_span_equal(profile->credential_source,
                      DG_SPAN("Ec2InstanceMetadata")))
    {
        return ngx_http_deskgate_set_uri(source, p->instance, "instance",
                                         ngx_http_deskgate_provide_instance);
    }

    if (profile->credential_source.len) {
        return "has a profile whose credential_source is not Environment, "
               "EcsContainer or Ec2InstanceMetadata";
    }

    if (dg_span_equal(profile->source_profile, name)) {
        return ngx_http_deskgate_profile_keys(cf, profile, source);
    }

    return ngx_http_deskgate_profile_set(cf, p, profile->source_profile,
                                         source, depth + 1);
}
