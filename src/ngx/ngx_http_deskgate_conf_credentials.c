/*
 * Copyright (C) the deskgate authors
 *
 * What is secret of ours: what calls are signed with, what a broker knows us
 * by.
 */

#include "ngx_http_deskgate_conf.h"

#define NGX_HTTP_DESKGATE_BASIC_SIZE   4096

/* what the documents of DCV have in their example */
#define NGX_HTTP_DESKGATE_BROKER_SCOPE  "dcv-session-manager/sm_scope"


static char *ngx_http_deskgate_broker_finish(ngx_conf_t *cf,
    ngx_http_deskgate_broker_t *broker);
static dg_err_t ngx_http_deskgate_secret_parse(void *object,
    dg_arena_t *arena, dg_span_t text, dg_diag_t *diag, void **data);
static void ngx_http_deskgate_secret_release(void *data);
static ngx_int_t ngx_http_deskgate_broker_digest(ngx_conf_t *cf,
    ngx_http_deskgate_broker_t *broker);


static char *
ngx_http_deskgate_credentials_static(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_str_t                         path, profile;
    ngx_uint_t                        i;
    dg_diag_t                         diag;
    dg_span_t                         text;
    ngx_http_deskgate_main_conf_t    *mcf;
    ngx_http_deskgate_credentials_t  *credentials = object;

    if (credentials->provider) {
        return "is a second provider; one is enough";
    }

    ngx_str_null(&path);
    ngx_str_null(&profile);

    for (i = 0; i < count; i++) {
        if (ngx_strncmp(value[i].data, "file=", 5) == 0) {
            path.data = value[i].data + 5;
            path.len = value[i].len - 5;

        } else if (ngx_strncmp(value[i].data, "profile=", 8) == 0) {
            profile.data = value[i].data + 8;
            profile.len = value[i].len - 8;

        } else {
            return "takes file=PATH and profile=NAME";
        }
    }

    if (path.len == 0) {
        return "needs file=PATH";
    }

    if (ngx_http_deskgate_file_read(cf, &path, "credentials", 1, &text)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);
    ngx_memzero(&diag, sizeof(dg_diag_t));

    if (dg_credentials_file_parse(&mcf->arena, text,
                                  ngx_http_deskgate_span(&profile),
                                  &credentials->credentials, &diag)
        != DG_OK)
    {
        dg_wipe((void *) text.data, text.len);
        ngx_http_deskgate_file_diag(cf, &path, &diag);
        return NGX_CONF_ERROR;
    }

    dg_wipe((void *) text.data, text.len);
    credentials->provider = "static";
    credentials->provide = ngx_http_deskgate_provide_static;

    return NGX_CONF_OK;
}


static const ngx_http_deskgate_line_t
    ngx_http_deskgate_credentials_lines[] =
{
    { ngx_string("static"), 1, 2, ngx_http_deskgate_credentials_static },
    { ngx_string("environment"), 0, 0, ngx_http_deskgate_conf_environment },
    { ngx_string("shared"), 1, 2, ngx_http_deskgate_conf_shared },
    { ngx_string("profile"), 1, 5, ngx_http_deskgate_conf_profile },
    { ngx_string("container"), 1, 2, ngx_http_deskgate_conf_container },
    { ngx_string("instance"), 1, 1, ngx_http_deskgate_conf_instance },
    { ngx_string("web_identity"), 3, 9, ngx_http_deskgate_conf_web_identity },
    { ngx_string("assume_role"), 1, 9, ngx_http_deskgate_conf_assume_role },
    { ngx_string("caller_web_identity"), 2, 9,
      ngx_http_deskgate_conf_caller_web_identity },
    { ngx_string("sts"), 1, 3, ngx_http_deskgate_conf_sts },
    { ngx_string("source"), 1, 1, ngx_http_deskgate_conf_source },
    { ngx_string("rule"), 3, 40, ngx_http_deskgate_conf_rule },
    { ngx_null_string, 0, 0, NULL }
};


char *
ngx_http_deskgate_conf_credentials(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char                             *rv;
    ngx_http_deskgate_main_conf_t    *mcf = conf;
    ngx_http_deskgate_credentials_t  *credentials;

    credentials = ngx_http_deskgate_conf_named_object(cf, &mcf->credentials,
                                    sizeof(ngx_http_deskgate_credentials_t));
    if (credentials == NULL) {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_deskgate_conf_block(cf, ngx_http_deskgate_credentials_lines,
                                      credentials);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (credentials->provider == NULL) {
        return "names no provider: add \"static file=PATH;\", a role or "
               "rules";
    }

    return ngx_http_deskgate_finish_roles(cf, credentials);
}


static char *
ngx_http_deskgate_broker_token_line(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_broker_t  *broker = object;

    if (value[0].data[0] != '/') {
        return "takes the path of an internal location, such as "
               "/_deskgate/lab/token";
    }

    broker->token = value[0];

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_broker_client_id(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_broker_t  *broker = object;

    broker->client_id = value[0];

    return NGX_CONF_OK;
}


/* client_secret_file PATH [reread]; what is sent depends on other lines */

static char *
ngx_http_deskgate_broker_secret_file(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    dg_span_t                    text;
    ngx_http_deskgate_broker_t  *broker = object;

    if (count == 2 && ngx_strcmp(value[1].data, "reread") != 0) {
        return "takes a file, and \"reread\" when the workers shall read it "
               "again when it changes";
    }

    /* here, so that a file that is not there is told with this line */

    if (ngx_http_deskgate_file_read(cf, &value[0], "secret", 1, &text)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    dg_wipe((void *) text.data, text.len);
    broker->secret_path = value[0];
    broker->rereads = (count == 2);

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_broker_grant(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_broker_t  *broker = object;

    if (value[0].len == 4 && ngx_strncmp(value[0].data, "body", 4) == 0) {
        broker->grant_in_body = 1;
        return NGX_CONF_OK;
    }

    if (value[0].len == 5 && ngx_strncmp(value[0].data, "query", 5) == 0) {
        broker->grant_in_body = 0;
        return NGX_CONF_OK;
    }

    return "takes \"query\" (as DCV brokers want it) or \"body\"";
}


static char *
ngx_http_deskgate_broker_description(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_broker_t  *broker = object;

    if (value[0].len == 3 && ngx_strncmp(value[0].data, "own", 3) == 0) {
        broker->describes = 0;
        return NGX_CONF_OK;
    }

    if (value[0].len == 6 && ngx_strncmp(value[0].data, "broker", 6) == 0) {
        broker->describes = 1;
        return NGX_CONF_OK;
    }

    return "takes \"own\" (the description that ships) or \"broker\" "
           "(ask the broker)";
}


static char *
ngx_http_deskgate_broker_connect(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_broker_t  *broker = object;

    if (dg_connection_parse_address(ngx_http_deskgate_span(&value[0]),
                                    &broker->connect)
        != DG_OK)
    {
        return "takes the HOST:PORT at which users reach the Connection "
               "Gateway, such as dcv.example.com:8443";
    }

    return NGX_CONF_OK;
}


/* authority NAME [scope=SCOPE] */

static char *
ngx_http_deskgate_broker_authority(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_broker_t  *broker = object;

    if (broker->authority) {
        return "is duplicate";
    }

    ngx_str_set(&broker->scope, NGX_HTTP_DESKGATE_BROKER_SCOPE);

    if (count == 2) {
        if (value[1].len <= 6
            || ngx_strncmp(value[1].data, "scope=", 6) != 0)
        {
            return "takes NAME and scope=SCOPE";
        }

        broker->scope.data = value[1].data + 6;
        broker->scope.len = value[1].len - 6;
    }

    broker->authority = ngx_http_deskgate_authority_for(cf, &value[0],
                                             NGX_HTTP_DESKGATE_FOR_BROKERS);

    return broker->authority ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static const ngx_http_deskgate_line_t  ngx_http_deskgate_broker_lines[] = {
    { ngx_string("authority"), 1, 2, ngx_http_deskgate_broker_authority },
    { ngx_string("token"), 1, 1, ngx_http_deskgate_broker_token_line },
    { ngx_string("client_id"), 1, 1, ngx_http_deskgate_broker_client_id },
    { ngx_string("client_secret_file"), 1, 2,
      ngx_http_deskgate_broker_secret_file },
    { ngx_string("grant"), 1, 1, ngx_http_deskgate_broker_grant },
    { ngx_string("description"), 1, 1, ngx_http_deskgate_broker_description },
    { ngx_string("connect"), 1, 1, ngx_http_deskgate_broker_connect },
    { ngx_null_string, 0, 0, NULL }
};


char *
ngx_http_deskgate_conf_broker(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                           *rv;
    ngx_http_deskgate_broker_t     *broker;
    ngx_http_deskgate_main_conf_t  *mcf = conf;

    broker = ngx_http_deskgate_conf_named_object(cf, &mcf->brokers,
                                         sizeof(ngx_http_deskgate_broker_t));
    if (broker == NULL) {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_deskgate_conf_block(cf, ngx_http_deskgate_broker_lines,
                                      broker);

    return rv == NGX_CONF_OK ? ngx_http_deskgate_broker_finish(cf, broker)
                             : rv;
}


static char *
ngx_http_deskgate_broker_finish(ngx_conf_t *cf,
    ngx_http_deskgate_broker_t *broker)
{
    dg_diag_t                       diag;
    dg_span_t                       text, *basic;
    ngx_http_deskgate_main_conf_t  *mcf;

    static const ngx_http_deskgate_reread_type_t  type = {
        "secret", 1,
        ngx_http_deskgate_secret_parse,
        NULL,
        ngx_http_deskgate_secret_release,
        NULL
    };

    if (broker->authority) {
        return broker->token.len || broker->secret_path.len
               ? "has tokens of an authority or of the broker, not both"
               : NGX_CONF_OK;
    }

    if (broker->token.len && broker->client_id.len == 0
        && broker->secret_path.len == 0)
    {
        /* for clients of its own alone, who are passed through */
        return NGX_CONF_OK;
    }

    if (broker->token.len == 0 || broker->client_id.len == 0
        || broker->secret_path.len == 0)
    {
        return "needs token, client_id and client_secret_file, or "
               "authority";
    }

    if (broker->rereads) {
        broker->secret_file = ngx_http_deskgate_reread_add(cf,
                                 &broker->secret_path, &type, broker, &diag);

        if (broker->secret_file == NULL) {
            return NGX_CONF_ERROR;
        }

        return ngx_http_deskgate_broker_digest(cf, broker) == NGX_OK
               ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);
    ngx_memzero(&diag, sizeof(dg_diag_t));

    if (ngx_http_deskgate_file_read(cf, &broker->secret_path, "secret", 1,
                                    &text)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_deskgate_secret_parse(broker, &mcf->arena, text, &diag,
                                       (void **) &basic)
        != DG_OK)
    {
        dg_wipe((void *) text.data, text.len);
        ngx_http_deskgate_file_diag(cf, &broker->secret_path, &diag);
        return NGX_CONF_ERROR;
    }

    dg_wipe((void *) text.data, text.len);
    broker->basic = ngx_http_deskgate_str(*basic);

    return ngx_http_deskgate_broker_digest(cf, broker) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* The header that shows it: a dg_span_t. */

static dg_err_t
ngx_http_deskgate_secret_parse(void *object, dg_arena_t *arena,
    dg_span_t text, dg_diag_t *diag, void **data)
{
    dg_span_t                   *basic;
    dg_writer_t                  w;
    dg_token_request_t           request;
    ngx_http_deskgate_broker_t  *broker = object;

    /* an editor's line end does not belong to the secret */

    while (text.len && (text.data[text.len - 1] == LF
                        || text.data[text.len - 1] == CR))
    {
        text.len--;
    }

    if (text.len == 0) {
        return dg_diag(diag, DG_ERR_MISSING, 0, 0, "the file is empty");
    }

    ngx_memzero(&request, sizeof(dg_token_request_t));

    request.form = broker->grant_in_body ? DG_TOKEN_FORM_RFC
                                         : DG_TOKEN_FORM_BROKER;
    request.client_id = ngx_http_deskgate_span(&broker->client_id);
    request.client_secret = text;

    basic = dg_arena_alloc(arena, sizeof(dg_span_t));
    w = dg_writer(dg_arena_alloc(arena, NGX_HTTP_DESKGATE_BASIC_SIZE),
                  NGX_HTTP_DESKGATE_BASIC_SIZE);

    if (basic == NULL || w.data == NULL) {
        return DG_ERR_MEMORY;
    }

    if (dg_token_write_authorization(&w, &request) != DG_OK) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0,
                       "the client_id or the secret cannot be sent");
    }

    *basic = dg_written(&w);
    *data = basic;

    return DG_OK;
}


static void
ngx_http_deskgate_secret_release(void *data)
{
    dg_wipe_span(data);
}


/* All that shapes a token is in its cache key: a changed secret is another. */

static ngx_int_t
ngx_http_deskgate_broker_digest(ngx_conf_t *cf,
    ngx_http_deskgate_broker_t *broker)
{
    dg_err_t                        err;
    dg_sha256_t                    *state;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    state = dg_sha256_start(mcf->crypto);
    if (state == NULL) {
        return NGX_ERROR;
    }

    err = dg_sha256_update(state, DG_SPAN("broker token\0"));

    if (err == DG_OK) {
        err = dg_sha256_update(state, ngx_http_deskgate_span(&broker->name));
    }

    if (err == DG_OK) {
        err = dg_sha256_update(state, dg_span("", 1));
    }

    if (err == DG_OK) {
        err = dg_sha256_update(state, ngx_http_deskgate_span(&broker->token));
    }

    if (err == DG_OK) {
        err = dg_sha256_update(state, dg_span("", 1));
    }

    if (err == DG_OK) {
        err = dg_sha256_update(state, ngx_http_deskgate_span(&broker->basic));
    }

    if (err != DG_OK) {
        dg_sha256_abandon(state);
        return NGX_ERROR;
    }

    return dg_sha256_finish(state, broker->key) == DG_OK ? NGX_OK : NGX_ERROR;
}
