/*
 * Copyright (C) the deskgate authors
 *
 * Objects that a configuration names: the zone, issuers, keys, credentials,
 * brokers, trails, and the models they all rest upon.
 */

#include "ngx_http_deskgate.h"

#include <glob.h>


#define NGX_HTTP_DESKGATE_ZONE_MIN     (1024 * 1024)
#define NGX_HTTP_DESKGATE_JWKS_MEMORY  (8 * 1024 * 1024)
#define NGX_HTTP_DESKGATE_BASIC_SIZE   4096


/* A line of a block: its name, how many values it takes, what it does. */

typedef struct {
    ngx_str_t    name;
    ngx_uint_t   min;
    ngx_uint_t   max;
    char      *(*set)(ngx_conf_t *cf, ngx_str_t *value, ngx_uint_t count,
                      void *object);
} ngx_http_deskgate_line_t;

typedef struct {
    const ngx_http_deskgate_line_t  *lines;
    void                            *object;
} ngx_http_deskgate_block_t;


static char *ngx_http_deskgate_conf_block(ngx_conf_t *cf,
    const ngx_http_deskgate_line_t *lines, void *object);
static char *ngx_http_deskgate_conf_line(ngx_conf_t *cf,
    ngx_command_t *dummy, void *conf);
static void *ngx_http_deskgate_conf_named_object(ngx_conf_t *cf,
    ngx_array_t *objects, size_t size);
static ngx_int_t ngx_http_deskgate_conf_spans(ngx_conf_t *cf,
    ngx_array_t *array, ngx_str_t *value, ngx_uint_t count);
static char *ngx_http_deskgate_issuer_finish(ngx_conf_t *cf,
    ngx_http_deskgate_issuer_t *issuer);
static void ngx_http_deskgate_jwks_cleanup(void *data);
static void ngx_http_deskgate_wipe_cleanup(void *data);
static char *ngx_http_deskgate_broker_finish(ngx_conf_t *cf,
    ngx_http_deskgate_broker_t *broker);
static ngx_int_t ngx_http_deskgate_broker_digest(ngx_conf_t *cf,
    ngx_http_deskgate_broker_t *broker);
static ngx_int_t ngx_http_deskgate_load_model(ngx_conf_t *cf,
    ngx_http_deskgate_main_conf_t *mcf, const char *path);
static void ngx_http_deskgate_model_cleanup(void *data);


static char *
ngx_http_deskgate_issuer_url(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    if (issuer->issuer.url.len) {
        return "is duplicate";
    }

    issuer->issuer.url = ngx_http_deskgate_span(&value[0]);

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_issuer_audience(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    return ngx_http_deskgate_conf_spans(cf, &issuer->audiences, value, count)
           == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_deskgate_issuer_client_id(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    return ngx_http_deskgate_conf_spans(cf, &issuer->client_ids, value, count)
           == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_deskgate_issuer_party(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    return ngx_http_deskgate_conf_spans(cf, &issuer->parties, value, count)
           == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_deskgate_issuer_algorithms(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    unsigned                     bit;
    ngx_uint_t                   i;
    ngx_http_deskgate_issuer_t  *issuer = object;

    for (i = 0; i < count; i++) {
        bit = dg_jws_algorithm(ngx_http_deskgate_span(&value[i]));

        if (bit == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown or symmetric algorithm \"%V\"; use "
                               "RS256, RS384, RS512, PS256, PS384, PS512, "
                               "ES256, ES384, ES512 or EdDSA", &value[i]);
            return NGX_CONF_ERROR;
        }

        issuer->issuer.algorithms |= bit;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_issuer_leeway(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_int_t                    seconds;
    ngx_http_deskgate_issuer_t  *issuer = object;

    seconds = ngx_parse_time(&value[0], 1);
    if (seconds == NGX_ERROR) {
        return "has an invalid time";
    }

    issuer->issuer.leeway = seconds;
    issuer->issuer.leeway_set = true;

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_issuer_max_age(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_int_t                    seconds;
    ngx_http_deskgate_issuer_t  *issuer = object;

    seconds = ngx_parse_time(&value[0], 1);
    if (seconds == NGX_ERROR || seconds == 0) {
        return "has an invalid time";
    }

    issuer->issuer.max_age = seconds;

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_issuer_account(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    issuer->issuer.account = ngx_http_deskgate_span(&value[0]);

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_issuer_subject(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    issuer->issuer.subject_claim = ngx_http_deskgate_span(&value[0]);

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_issuer_groups(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    issuer->issuer.groups_claim = ngx_http_deskgate_span(&value[0]);

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_issuer_tag(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    dg_issuer_tag_t             *tag;
    ngx_http_deskgate_issuer_t  *issuer = object;

    tag = ngx_array_push(&issuer->tags);
    if (tag == NULL) {
        return NGX_CONF_ERROR;
    }

    tag->tag = ngx_http_deskgate_span(&value[0]);
    tag->claim = ngx_http_deskgate_span(&value[1]);

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_issuer_accept(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_issuer_t  *issuer = object;

    if (value[0].len == 9 && ngx_strncmp(value[0].data, "id_tokens", 9) == 0) {
        issuer->issuer.id_tokens = true;
        return NGX_CONF_OK;
    }

    if (value[0].len == 7 && ngx_strncmp(value[0].data, "rfc9068", 7) == 0) {
        issuer->issuer.rfc9068 = true;
        return NGX_CONF_OK;
    }

    return "takes \"id_tokens\" or \"rfc9068\"";
}


static char *
ngx_http_deskgate_issuer_jwks(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    void                        *scratch;
    dg_err_t                     err;
    dg_diag_t                    diag;
    dg_span_t                    text;
    dg_arena_t                   arena;
    ngx_pool_cleanup_t          *cln;
    ngx_http_deskgate_issuer_t  *issuer = object;

    if (issuer->jwks) {
        return "is duplicate";
    }

    if (ngx_http_deskgate_file_read(cf, &value[0], "jwks", 0, &text)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    scratch = ngx_palloc(cf->temp_pool, NGX_HTTP_DESKGATE_JWKS_MEMORY);
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (scratch == NULL || cln == NULL) {
        return NGX_CONF_ERROR;
    }

    dg_arena_init(&arena, scratch, NGX_HTTP_DESKGATE_JWKS_MEMORY);
    ngx_memzero(&diag, sizeof(dg_diag_t));

    err = dg_jwks_load(&arena, text, &issuer->jwks, &diag);

    if (err != DG_OK) {
        ngx_http_deskgate_file_diag(cf, &value[0], &diag);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_deskgate_jwks_cleanup;
    cln->data = issuer->jwks;

    if (dg_jwks_left_out(issuer->jwks)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "%uz keys of \"%V\" cannot be used: %s",
                           dg_jwks_left_out(issuer->jwks), &value[0],
                           diag.text);
    }

    return NGX_CONF_OK;
}


static void
ngx_http_deskgate_jwks_cleanup(void *data)
{
    dg_jwks_release(data);
}


static const ngx_http_deskgate_line_t  ngx_http_deskgate_issuer_lines[] = {
    { ngx_string("issuer"), 1, 1, ngx_http_deskgate_issuer_url },
    { ngx_string("audience"), 1, 64, ngx_http_deskgate_issuer_audience },
    { ngx_string("client_id"), 1, 64, ngx_http_deskgate_issuer_client_id },
    { ngx_string("authorized_party"), 1, 64, ngx_http_deskgate_issuer_party },
    { ngx_string("jwks"), 1, 1, ngx_http_deskgate_issuer_jwks },
    { ngx_string("algorithms"), 1, 16, ngx_http_deskgate_issuer_algorithms },
    { ngx_string("leeway"), 1, 1, ngx_http_deskgate_issuer_leeway },
    { ngx_string("max_age"), 1, 1, ngx_http_deskgate_issuer_max_age },
    { ngx_string("account"), 1, 1, ngx_http_deskgate_issuer_account },
    { ngx_string("subject"), 1, 1, ngx_http_deskgate_issuer_subject },
    { ngx_string("groups"), 1, 1, ngx_http_deskgate_issuer_groups },
    { ngx_string("tag"), 2, 2, ngx_http_deskgate_issuer_tag },
    { ngx_string("accept"), 1, 1, ngx_http_deskgate_issuer_accept },
    { ngx_null_string, 0, 0, NULL }
};


char *
ngx_http_deskgate_conf_issuer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                           *rv;
    ngx_http_deskgate_issuer_t     *issuer;
    ngx_http_deskgate_main_conf_t  *mcf = conf;

    issuer = ngx_http_deskgate_conf_named_object(cf, &mcf->issuers,
                                         sizeof(ngx_http_deskgate_issuer_t));
    if (issuer == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_array_init(&issuer->audiences, cf->pool, 2, sizeof(dg_span_t))
        != NGX_OK
        || ngx_array_init(&issuer->client_ids, cf->pool, 2,
                          sizeof(dg_span_t)) != NGX_OK
        || ngx_array_init(&issuer->parties, cf->pool, 2, sizeof(dg_span_t))
           != NGX_OK
        || ngx_array_init(&issuer->tags, cf->pool, 2,
                          sizeof(dg_issuer_tag_t)) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_deskgate_conf_block(cf, ngx_http_deskgate_issuer_lines,
                                      issuer);

    return rv == NGX_CONF_OK ? ngx_http_deskgate_issuer_finish(cf, issuer)
                             : rv;
}


static char *
ngx_http_deskgate_issuer_finish(ngx_conf_t *cf,
    ngx_http_deskgate_issuer_t *issuer)
{
    dg_diag_t  diag;

    issuer->issuer.name = ngx_http_deskgate_span(&issuer->name);
    issuer->issuer.audiences = issuer->audiences.elts;
    issuer->issuer.audience_count = issuer->audiences.nelts;
    issuer->issuer.client_ids = issuer->client_ids.elts;
    issuer->issuer.client_id_count = issuer->client_ids.nelts;
    issuer->issuer.parties = issuer->parties.elts;
    issuer->issuer.party_count = issuer->parties.nelts;
    issuer->issuer.tags = issuer->tags.elts;
    issuer->issuer.tag_count = issuer->tags.nelts;

    if (dg_issuer_check_config(&issuer->issuer, &diag) != DG_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "issuer \"%V\": %s",
                           &issuer->name, diag.text);
        return NGX_CONF_ERROR;
    }

    if (issuer->jwks == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "issuer \"%V\" has no keys: add \"jwks FILE;\"",
                           &issuer->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_deskgate_conf_keys(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    size_t                          size;
    ngx_str_t                      *value;
    dg_diag_t                       diag;
    dg_span_t                       text;
    ngx_pool_cleanup_t             *cln;
    ngx_http_deskgate_keys_t       *keys;
    ngx_http_deskgate_main_conf_t  *mcf = conf;

    value = cf->args->elts;

    keys = ngx_http_deskgate_conf_named_object(cf, &mcf->keys,
                                           sizeof(ngx_http_deskgate_keys_t));
    if (keys == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_deskgate_file_read(cf, &value[2], "key", 1, &text)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    size = text.len;

    if (dg_keyfile_parse(&mcf->arena, text, &diag, &keys->keyfile) != DG_OK) {
        dg_wipe((void *) text.data, size);
        ngx_http_deskgate_file_diag(cf, &value[2], &diag);
        return NGX_CONF_ERROR;
    }

    dg_wipe((void *) text.data, size);

    cln->handler = ngx_http_deskgate_wipe_cleanup;
    cln->data = keys->keyfile;

    return NGX_CONF_OK;
}


static void
ngx_http_deskgate_wipe_cleanup(void *data)
{
    dg_keyfile_wipe(data);
}


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

    if (credentials->provider_set) {
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
    credentials->provider_set = 1;

    return NGX_CONF_OK;
}


static const ngx_http_deskgate_line_t
    ngx_http_deskgate_credentials_lines[] =
{
    { ngx_string("static"), 1, 2, ngx_http_deskgate_credentials_static },
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

    if (rv == NGX_CONF_OK && !credentials->provider_set) {
        return "names no provider: add \"static file=PATH;\"";
    }

    return rv;
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


static char *
ngx_http_deskgate_broker_secret_file(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    dg_span_t                    text;
    ngx_http_deskgate_broker_t  *broker = object;

    if (ngx_http_deskgate_file_read(cf, &value[0], "secret", 1, &text)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* an editor's line end does not belong to the secret */

    while (text.len && (text.data[text.len - 1] == LF
                        || text.data[text.len - 1] == CR))
    {
        text.len--;
    }

    if (text.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is empty",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    broker->secret = ngx_http_deskgate_str(text);

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


static const ngx_http_deskgate_line_t  ngx_http_deskgate_broker_lines[] = {
    { ngx_string("token"), 1, 1, ngx_http_deskgate_broker_token_line },
    { ngx_string("client_id"), 1, 1, ngx_http_deskgate_broker_client_id },
    { ngx_string("client_secret_file"), 1, 1,
      ngx_http_deskgate_broker_secret_file },
    { ngx_string("grant"), 1, 1, ngx_http_deskgate_broker_grant },
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
    dg_writer_t         w;
    dg_token_request_t  request;

    if (broker->token.len == 0 || broker->client_id.len == 0
        || broker->secret.len == 0)
    {
        return "needs token, client_id and client_secret_file";
    }

    ngx_memzero(&request, sizeof(dg_token_request_t));

    request.form = broker->grant_in_body ? DG_TOKEN_FORM_RFC
                                         : DG_TOKEN_FORM_BROKER;
    request.client_id = ngx_http_deskgate_span(&broker->client_id);
    request.client_secret = ngx_http_deskgate_span(&broker->secret);

    w = dg_writer(ngx_pnalloc(cf->pool, NGX_HTTP_DESKGATE_BASIC_SIZE),
                  NGX_HTTP_DESKGATE_BASIC_SIZE);

    if (w.data == NULL) {
        return NGX_CONF_ERROR;
    }

    if (dg_token_write_authorization(&w, &request) != DG_OK) {
        return "has a client_id or secret that cannot be sent";
    }

    broker->basic = ngx_http_deskgate_str(dg_written(&w));

    if (ngx_http_deskgate_broker_digest(cf, broker) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    dg_wipe(broker->secret.data, broker->secret.len);
    ngx_str_null(&broker->secret);

    return NGX_CONF_OK;
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


static char *
ngx_http_deskgate_trail_directory(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_http_deskgate_trail_t  *trail = object;

    trail->directory = value[0];

    return ngx_conf_full_name(cf->cycle, &trail->directory, 0) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_deskgate_trail_account(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    uint64_t                    number;
    ngx_http_deskgate_trail_t  *trail = object;

    if (value[0].len != 12
        || !dg_span_to_u64(ngx_http_deskgate_span(&value[0]), &number))
    {
        return "takes an account id of 12 digits";
    }

    trail->account = value[0];

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_trail_flush(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object)
{
    ngx_int_t                   ms;
    ngx_http_deskgate_trail_t  *trail = object;

    ms = ngx_parse_time(&value[0], 0);
    if (ms == NGX_ERROR || ms < 1) {
        return "has an invalid time";
    }

    trail->flush = ms;

    return NGX_CONF_OK;
}


static const ngx_http_deskgate_line_t  ngx_http_deskgate_trail_lines[] = {
    { ngx_string("directory"), 1, 1, ngx_http_deskgate_trail_directory },
    { ngx_string("account"), 1, 1, ngx_http_deskgate_trail_account },
    { ngx_string("flush"), 1, 1, ngx_http_deskgate_trail_flush },
    { ngx_null_string, 0, 0, NULL }
};


char *
ngx_http_deskgate_conf_trail(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                           *rv;
    ngx_http_deskgate_trail_t      *trail;
    ngx_http_deskgate_main_conf_t  *mcf = conf;

    trail = ngx_http_deskgate_conf_named_object(cf, &mcf->trails,
                                          sizeof(ngx_http_deskgate_trail_t));
    if (trail == NULL) {
        return NGX_CONF_ERROR;
    }

    trail->index = mcf->trails.nelts - 1;
    trail->flush = NGX_HTTP_DESKGATE_TRAIL_FLUSH;

    rv = ngx_http_deskgate_conf_block(cf, ngx_http_deskgate_trail_lines,
                                      trail);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (trail->directory.len == 0 || trail->account.len == 0) {
        return "needs directory and account";
    }

    return ngx_http_deskgate_trail_check(cf, trail);
}


char *
ngx_http_deskgate_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char                         *colon;
    ssize_t                         size;
    ngx_str_t                      *value, name, text;
    ngx_http_deskgate_zone_t       *zone;
    ngx_http_deskgate_main_conf_t  *mcf = conf;

    if (mcf->zone) {
        return "is duplicate";
    }

    value = cf->args->elts;
    colon = (u_char *) ngx_strchr(value[1].data, ':');

    if (colon == NULL || colon == value[1].data) {
        return "takes NAME:SIZE, such as desk:32m";
    }

    name.data = value[1].data;
    name.len = colon - value[1].data;
    text.data = colon + 1;
    text.len = value[1].data + value[1].len - text.data;

    size = ngx_parse_size(&text);

    if (size < NGX_HTTP_DESKGATE_ZONE_MIN) {
        return "needs a size of at least 1m";
    }

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_deskgate_zone_t));
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->name = name;
    zone->shm_zone = ngx_shared_memory_add(cf, &name, size,
                                           &ngx_http_deskgate_module);
    if (zone->shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->shm_zone->init = ngx_http_deskgate_zone_init;
    zone->shm_zone->data = zone;

    mcf->zone = zone;

    return NGX_CONF_OK;
}


/* Every NAME.json of the directory that is not an overlay is a model. */

ngx_int_t
ngx_http_deskgate_conf_load_models(ngx_conf_t *cf,
    ngx_http_deskgate_main_conf_t *mcf)
{
    int         rc;
    size_t      i;
    glob_t      found;
    ngx_int_t   result;
    ngx_str_t   pattern;

    if (mcf->loaded) {
        return NGX_OK;
    }

    mcf->loaded = 1;

    if (mcf->models.len == 0) {
        ngx_str_set(&mcf->models, NGX_HTTP_DESKGATE_MODELS);
    }

    pattern.len = mcf->models.len + sizeof("/*.json") - 1;
    pattern.data = ngx_pnalloc(cf->temp_pool, pattern.len + 1);
    if (pattern.data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(pattern.data, "%V/*.json%Z", &mcf->models);

    ngx_memzero(&found, sizeof(glob_t));
    rc = glob((char *) pattern.data, 0, NULL, &found);

    if (rc != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no model in \"%V\": set deskgate_models to where "
                           "NAME.json files are", &mcf->models);
        globfree(&found);
        return NGX_ERROR;
    }

    result = NGX_OK;

    for (i = 0; i < found.gl_pathc && result == NGX_OK; i++) {
        result = ngx_http_deskgate_load_model(cf, mcf, found.gl_pathv[i]);
    }

    globfree(&found);

    return result;
}


static ngx_int_t
ngx_http_deskgate_load_model(ngx_conf_t *cf,
    ngx_http_deskgate_main_conf_t *mcf, const char *path)
{
    size_t               len;
    ngx_str_t            file, beside;
    dg_diag_t            diag;
    dg_span_t            name, model, overlay;
    dg_service_t       **service;
    ngx_file_info_t      fi;
    ngx_pool_cleanup_t  *cln;

    len = ngx_strlen(path);

    file.len = len;
    file.data = ngx_pnalloc(cf->pool, len + sizeof(".overlay.json"));
    if (file.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(file.data, path, len + 1);

    name = ngx_http_deskgate_span(&file);
    name = dg_span_slice(name, dg_span_find_last(name, '/') + 1, name.len - 5);

    if (dg_span_find(name, '.') != name.len) {
        return NGX_OK;
    }

    if (ngx_http_deskgate_file_read(cf, &file, "model", 0, &model) != NGX_OK) {
        return NGX_ERROR;
    }

    beside.data = ngx_pnalloc(cf->pool, len + sizeof(".overlay.json"));
    if (beside.data == NULL) {
        return NGX_ERROR;
    }

    beside.len = ngx_sprintf(beside.data, "%*s.overlay.json%Z", len - 5, path)
                 - beside.data - 1;
    overlay = DG_SPAN_EMPTY;

    if (ngx_file_info(beside.data, &fi) != NGX_FILE_ERROR
        && ngx_http_deskgate_file_read(cf, &beside, "model", 0, &overlay)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    service = ngx_array_push(&mcf->services);
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (service == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&diag, sizeof(dg_diag_t));

    if (dg_model_load(&mcf->arena, name, model, overlay, &diag, service)
        != DG_OK)
    {
        mcf->services.nelts--;
        ngx_http_deskgate_file_diag(cf,
            overlay.len && ngx_strncmp(diag.text, "overlay", 7) == 0
            ? &beside : &file, &diag);
        return NGX_ERROR;
    }

    cln->handler = ngx_http_deskgate_model_cleanup;
    cln->data = *service;

    return NGX_OK;
}


static void
ngx_http_deskgate_model_cleanup(void *data)
{
    dg_model_release(data);
}


/* What the blocks have in common */

void *
ngx_http_deskgate_conf_find(ngx_array_t *objects, ngx_str_t *name)
{
    ngx_str_t    *object;
    ngx_uint_t    i;
    void        **elts;

    elts = objects->elts;

    for (i = 0; i < objects->nelts; i++) {
        object = elts[i];   /* each begins with its name */

        if (object->len == name->len
            && ngx_strncmp(object->data, name->data, name->len) == 0)
        {
            return elts[i];
        }
    }

    return NULL;
}


static void *
ngx_http_deskgate_conf_named_object(ngx_conf_t *cf, ngx_array_t *objects,
    size_t size)
{
    void       **slot;
    ngx_str_t   *value, *object;

    value = cf->args->elts;

    if (ngx_http_deskgate_conf_find(objects, &value[1])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is defined twice",
                           &value[1]);
        return NULL;
    }

    object = ngx_pcalloc(cf->pool, size);
    slot = ngx_array_push(objects);

    if (object == NULL || slot == NULL) {
        return NULL;
    }

    *object = value[1];
    *slot = object;

    return object;
}


static char *
ngx_http_deskgate_conf_block(ngx_conf_t *cf,
    const ngx_http_deskgate_line_t *lines, void *object)
{
    char                       *rv;
    ngx_conf_t                  save;
    ngx_http_deskgate_block_t   block;

    block.lines = lines;
    block.object = object;

    save = *cf;
    cf->handler = ngx_http_deskgate_conf_line;
    cf->handler_conf = (char *) &block;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    return rv;
}


static char *
ngx_http_deskgate_conf_line(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    char                            *rv;
    ngx_str_t                       *value;
    ngx_uint_t                       count;
    ngx_http_deskgate_block_t       *block = conf;
    const ngx_http_deskgate_line_t  *line;

    value = cf->args->elts;
    count = cf->args->nelts - 1;

    for (line = block->lines; line->name.len; line++) {
        if (line->name.len == value[0].len
            && ngx_strncmp(line->name.data, value[0].data, value[0].len) == 0)
        {
            break;
        }
    }

    if (line->name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "unknown parameter \"%V\"",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    if (count < line->min || count > line->max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "wrong number of values for \"%V\"", &value[0]);
        return NGX_CONF_ERROR;
    }

    rv = line->set(cf, value + 1, count, block->object);

    if (rv != NGX_CONF_OK && rv != NGX_CONF_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" %s", &value[0], rv);
        return NGX_CONF_ERROR;
    }

    return rv;
}


static ngx_int_t
ngx_http_deskgate_conf_spans(ngx_conf_t *cf, ngx_array_t *array,
    ngx_str_t *value, ngx_uint_t count)
{
    dg_span_t   *span;
    ngx_uint_t   i;

    for (i = 0; i < count; i++) {
        span = ngx_array_push(array);
        if (span == NULL) {
            return NGX_ERROR;
        }

        *span = ngx_http_deskgate_span(&value[i]);
    }

    return NGX_OK;
}
