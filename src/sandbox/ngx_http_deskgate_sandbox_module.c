/*
 * Directives, loading and start of the sandbox module.
 */

#include "ngx_http_deskgate_sandbox.h"
#include "ngx_http_deskgate_sandbox_file.h"

#define SANDBOX_ARENA_CHUNK   (64 * 1024)
#define SANDBOX_ARENA_MAX     (256 * 1024 * 1024)
#define SANDBOX_SECRET_MAX    512
#define SANDBOX_SIGNING_KEYS  256
#define SANDBOX_ZONE_MIN      (8 * ngx_pagesize)

static ngx_int_t ngx_http_deskgate_sandbox_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_deskgate_sandbox_init_process(ngx_cycle_t *cycle);
static void ngx_http_deskgate_sandbox_exit_process(ngx_cycle_t *cycle);
static void *ngx_http_deskgate_sandbox_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_deskgate_sandbox_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_deskgate_sandbox_merge_loc_conf(ngx_conf_t *cf,
    void *parent, void *child);
static char *ngx_http_deskgate_sandbox_zone(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_deskgate_sandbox_models(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_deskgate_sandbox_service(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_deskgate_sandbox_keys(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_deskgate_sandbox_client(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);


static ngx_command_t  ngx_http_deskgate_sandbox_commands[] = {

    { ngx_string("deskgate_sandbox_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_deskgate_sandbox_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_sandbox_models"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_deskgate_sandbox_models,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_sandbox"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE123,
      ngx_http_deskgate_sandbox_service,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_sandbox_keys"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_deskgate_sandbox_keys,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_sandbox_client"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE2,
      ngx_http_deskgate_sandbox_client,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_sandbox_token_lifetime"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_deskgate_sandbox_loc_conf_t, token_lifetime),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_deskgate_sandbox_module_ctx = {
    NULL,                                        /* preconfiguration */
    ngx_http_deskgate_sandbox_init,              /* postconfiguration */

    ngx_http_deskgate_sandbox_create_main_conf,  /* create main configuration */
    NULL,                                        /* init main configuration */

    NULL,                                        /* create server config */
    NULL,                                        /* merge server config */

    ngx_http_deskgate_sandbox_create_loc_conf,   /* create location config */
    ngx_http_deskgate_sandbox_merge_loc_conf     /* merge location config */
};


ngx_module_t  ngx_http_deskgate_sandbox_module = {
    NGX_MODULE_V1,
    &ngx_http_deskgate_sandbox_module_ctx,       /* module context */
    ngx_http_deskgate_sandbox_commands,          /* module directives */
    NGX_HTTP_MODULE,                             /* module type */
    NULL,                                        /* init master */
    NULL,                                        /* init module */
    ngx_http_deskgate_sandbox_init_process,      /* init process */
    NULL,                                        /* init thread */
    NULL,                                        /* exit thread */
    ngx_http_deskgate_sandbox_exit_process,      /* exit process */
    NULL,                                        /* exit master */
    NGX_MODULE_V1_PADDING
};


/* one per process, made after fork() */
static dg_crypto_t        *ngx_http_deskgate_sandbox_worker_crypto;
static dg_signing_keys_t  *ngx_http_deskgate_sandbox_worker_keys;


dg_crypto_t *
ngx_http_deskgate_sandbox_crypto(void)
{
    return ngx_http_deskgate_sandbox_worker_crypto;
}


dg_signing_keys_t *
ngx_http_deskgate_sandbox_signing_keys(void)
{
    return ngx_http_deskgate_sandbox_worker_keys;
}


static ngx_int_t
ngx_http_deskgate_sandbox_init_process(ngx_cycle_t *cycle)
{
    ngx_http_deskgate_sandbox_worker_crypto = dg_crypto_create(NULL, NULL);

    if (ngx_http_deskgate_sandbox_worker_crypto == NULL) {
        return NGX_ERROR;
    }

    ngx_http_deskgate_sandbox_worker_keys =
        dg_signing_keys_create(ngx_http_deskgate_sandbox_worker_crypto,
                               SANDBOX_SIGNING_KEYS);

    return ngx_http_deskgate_sandbox_worker_keys == NULL ? NGX_ERROR : NGX_OK;
}


static void
ngx_http_deskgate_sandbox_exit_process(ngx_cycle_t *cycle)
{
    dg_signing_keys_destroy(ngx_http_deskgate_sandbox_worker_keys);
    dg_crypto_destroy(ngx_http_deskgate_sandbox_worker_crypto);
}


static void
ngx_http_deskgate_sandbox_release(void *data)
{
    dg_model_release(data);
}


static ngx_int_t
ngx_http_deskgate_sandbox_load_model(ngx_conf_t *cf,
    ngx_http_deskgate_sandbox_main_conf_t *smcf,
    ngx_http_deskgate_sandbox_service_t *service)
{
    dg_diag_t            diag;
    ngx_str_t            file, model, overlay, data, description;
    ngx_pool_cleanup_t  *cln;

    if (ngx_http_deskgate_sandbox_read_model(cf, &smcf->models,
            &service->name, ".json", 1, &file, &model) != NGX_OK
        || ngx_http_deskgate_sandbox_read_model(cf, &smcf->models,
               &service->name, ".overlay.json", 0, &file, &overlay) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (dg_model_load(&smcf->arena,
                      dg_span(service->name.data, service->name.len),
                      dg_span(model.data, model.len),
                      dg_span(overlay.data, overlay.len), &diag,
                      &service->service)
        != DG_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V of %V: %s in line %ud",
                           &service->name, &smcf->models, diag.text,
                           diag.line);
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_deskgate_sandbox_release;
    cln->data = service->service;

    if (ngx_http_deskgate_sandbox_read_model(cf, &smcf->models,
            &service->name, "-api.yaml", 0, &file, &description) != NGX_OK)
    {
        return NGX_ERROR;
    }

    service->service->description = dg_span(description.data,
                                            description.len);

    if (ngx_http_deskgate_sandbox_read_model(cf, &smcf->models,
            &service->name, ".sandbox.json", 1, &file, &data) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (dg_sandbox_load(&smcf->arena, service->service,
                        dg_span(data.data, data.len), &diag, &service->data)
        != DG_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in %V:%ud", diag.text,
                           &file, diag.line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_http_deskgate_sandbox_service_t *
ngx_http_deskgate_sandbox_get_service(ngx_conf_t *cf,
    ngx_http_deskgate_sandbox_main_conf_t *smcf, ngx_str_t *name)
{
    ngx_uint_t                             i;
    ngx_http_deskgate_sandbox_service_t  **services, **slot, *service;

    services = smcf->services.elts;

    for (i = 0; i < smcf->services.nelts; i++) {
        if (services[i]->name.len == name->len
            && ngx_strncmp(services[i]->name.data, name->data, name->len) == 0)
        {
            return services[i];
        }
    }

    service = ngx_pcalloc(cf->pool,
                          sizeof(ngx_http_deskgate_sandbox_service_t));
    slot = ngx_array_push(&smcf->services);

    if (service == NULL || slot == NULL) {
        return NULL;
    }

    service->name = *name;
    *slot = service;

    if (ngx_http_deskgate_sandbox_load_model(cf, smcf, service) != NGX_OK) {
        return NULL;
    }

    return service;
}


static ngx_int_t
ngx_http_deskgate_sandbox_init_offer(ngx_conf_t *cf,
    ngx_http_deskgate_sandbox_main_conf_t *smcf,
    ngx_http_deskgate_sandbox_loc_conf_t *slcf,
    ngx_http_deskgate_sandbox_offer_t *offer)
{
    if (smcf->shm_zone == NULL || smcf->models.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"deskgate_sandbox\" needs "
                      "\"deskgate_sandbox_zone\" and "
                      "\"deskgate_sandbox_models\" in %s:%ui",
                      offer->file, offer->line);
        return NGX_ERROR;
    }

    offer->service = ngx_http_deskgate_sandbox_get_service(cf, smcf,
                                                           &offer->name);
    if (offer->service == NULL) {
        return NGX_ERROR;
    }

    if (offer->service->service->is_broker ? slcf->clients == NULL
                                           : slcf->keys == NULL)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"deskgate_sandbox %V\" needs \"%s\" in %s:%ui",
                      &offer->name,
                      offer->service->service->is_broker
                      ? "deskgate_sandbox_client" : "deskgate_sandbox_keys",
                      offer->file, offer->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Services are loaded last, so that directives may stand in any order. */
static ngx_int_t
ngx_http_deskgate_sandbox_init(ngx_conf_t *cf)
{
    ngx_uint_t                              i, n;
    ngx_http_deskgate_sandbox_loc_conf_t  **locations, *slcf;
    ngx_http_deskgate_sandbox_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf,
                                             ngx_http_deskgate_sandbox_module);
    locations = smcf->locations.elts;

    for (i = 0; i < smcf->locations.nelts; i++) {
        slcf = locations[i];

        for (n = 0; n < slcf->noffers; n++) {

            if (ngx_http_deskgate_sandbox_init_offer(cf, smcf, slcf,
                                                     &slcf->offers[n])
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            slcf->services[n] = slcf->offers[n].service->service;
        }
    }

    return NGX_OK;
}


static void *
ngx_http_deskgate_sandbox_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_deskgate_sandbox_main_conf_t  *smcf;

    smcf = ngx_pcalloc(cf->pool,
                       sizeof(ngx_http_deskgate_sandbox_main_conf_t));
    if (smcf == NULL) {
        return NULL;
    }

    dg_arena_init_grow(&smcf->arena, ngx_http_deskgate_sandbox_grow, cf->pool,
                       SANDBOX_ARENA_CHUNK, SANDBOX_ARENA_MAX);

    if (ngx_array_init(&smcf->services, cf->pool, 4,
                       sizeof(ngx_http_deskgate_sandbox_service_t *))
        != NGX_OK
        || ngx_array_init(&smcf->locations, cf->pool, 4,
                          sizeof(ngx_http_deskgate_sandbox_loc_conf_t *))
           != NGX_OK)
    {
        return NULL;
    }

    return smcf;
}


static void *
ngx_http_deskgate_sandbox_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_deskgate_sandbox_loc_conf_t  *slcf;

    slcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_deskgate_sandbox_loc_conf_t));
    if (slcf == NULL) {
        return NULL;
    }

    slcf->token_lifetime = NGX_CONF_UNSET_MSEC;

    return slcf;
}


static char *
ngx_http_deskgate_sandbox_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child)
{
    ngx_http_deskgate_sandbox_loc_conf_t  *prev = parent;
    ngx_http_deskgate_sandbox_loc_conf_t  *conf = child;

    ngx_conf_merge_msec_value(conf->token_lifetime, prev->token_lifetime,
                              3600000);

    if (conf->keys == NULL) {
        conf->keys = prev->keys;
    }

    if (conf->clients == NULL) {
        conf->clients = prev->clients;
    }

    return NGX_CONF_OK;
}


/* deskgate_sandbox_zone NAME:SIZE */
static char *
ngx_http_deskgate_sandbox_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char                                 *colon;
    ssize_t                                 size;
    ngx_str_t                               name, text, *value;
    ngx_http_deskgate_sandbox_main_conf_t  *smcf = conf;

    if (smcf->shm_zone != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    name = value[1];

    colon = (u_char *) ngx_strchr(name.data, ':');
    if (colon == NULL || colon == name.data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have the form NAME:SIZE", &value[1]);
        return NGX_CONF_ERROR;
    }

    text.data = colon + 1;
    text.len = (size_t) (name.data + name.len - text.data);
    name.len = (size_t) (colon - name.data);

    size = ngx_parse_size(&text);

    if (size == NGX_ERROR || size < (ssize_t) SANDBOX_ZONE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone size \"%V\" is no size or below %uz bytes",
                           &text, (size_t) SANDBOX_ZONE_MIN);
        return NGX_CONF_ERROR;
    }

    smcf->shm_zone = ngx_shared_memory_add(cf, &name, (size_t) size,
                                           &ngx_http_deskgate_sandbox_module);
    if (smcf->shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    smcf->shm_zone->init = ngx_http_deskgate_sandbox_init_zone;
    smcf->shm_zone->data = ngx_pcalloc(cf->pool,
                                 sizeof(ngx_http_deskgate_sandbox_zone_t));

    return smcf->shm_zone->data == NULL ? NGX_CONF_ERROR : NGX_CONF_OK;
}


/* deskgate_sandbox_models DIR */
static char *
ngx_http_deskgate_sandbox_models(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_str_t                              *value = cf->args->elts;
    ngx_http_deskgate_sandbox_main_conf_t  *smcf = conf;

    if (smcf->models.len != 0) {
        return "is duplicate";
    }

    smcf->models = value[1];

    return ngx_conf_full_name(cf->cycle, &smcf->models, 1) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_deskgate_sandbox_parameters(ngx_conf_t *cf,
    ngx_http_deskgate_sandbox_offer_t *offer)
{
    ngx_str_t   *value = cf->args->elts;
    ngx_uint_t   i;

    for (i = 2; i < cf->args->nelts; i++) {

        if (value[i].len > 7 && ngx_strncmp(value[i].data, "region=", 7) == 0)
        {
            offer->region.data = value[i].data + 7;
            offer->region.len = value[i].len - 7;
            continue;
        }

        if (value[i].len == 20
            && ngx_strncmp(value[i].data, "account=", 8) == 0
            && strspn((char *) value[i].data + 8, "0123456789") == 12)
        {
            offer->account.data = value[i].data + 8;
            offer->account.len = 12;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": region=REGION or "
                           "account=TWELVE_DIGITS is expected", &value[i]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* deskgate_sandbox SERVICE [region=R] [account=A] */
static char *
ngx_http_deskgate_sandbox_service(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_str_t                              *value = cf->args->elts;
    ngx_uint_t                              i;
    ngx_http_core_loc_conf_t               *clcf;
    ngx_http_deskgate_sandbox_offer_t      *offer;
    ngx_http_deskgate_sandbox_loc_conf_t   *slcf = conf, **slot;
    ngx_http_deskgate_sandbox_main_conf_t  *smcf;

    for (i = 0; i < slcf->noffers; i++) {
        if (slcf->offers[i].name.len == value[1].len
            && ngx_strcmp(slcf->offers[i].name.data, value[1].data) == 0)
        {
            return "names the service twice";
        }
    }

    if (slcf->noffers == NGX_HTTP_DESKGATE_SANDBOX_OFFERS) {
        return "is given for too many services";
    }

    offer = &slcf->offers[slcf->noffers++];

    offer->name = value[1];
    offer->file = cf->conf_file->file.name.data;
    offer->line = cf->conf_file->line;
    ngx_str_set(&offer->region, "us-east-1");
    ngx_str_set(&offer->account, "111122223333");

    if (slcf->noffers == 1) {
        smcf = ngx_http_conf_get_module_main_conf(cf,
                                             ngx_http_deskgate_sandbox_module);
        slot = ngx_array_push(&smcf->locations);
        if (slot == NULL) {
            return NGX_CONF_ERROR;
        }

        *slot = slcf;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_deskgate_sandbox_handler;

    return ngx_http_deskgate_sandbox_parameters(cf, offer);
}


/* deskgate_sandbox_keys FILE */
static char *
ngx_http_deskgate_sandbox_keys(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    dg_err_t                                err;
    dg_diag_t                               diag;
    ngx_str_t                               text, *value = cf->args->elts;
    ngx_http_deskgate_sandbox_loc_conf_t   *slcf = conf;
    ngx_http_deskgate_sandbox_main_conf_t  *smcf;

    if (slcf->keys != NULL) {
        return "is duplicate";
    }

    if (ngx_http_deskgate_sandbox_read_secret(cf, &value[1], DG_KEYFILE_TEXT,
                                              &text)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    smcf = ngx_http_conf_get_module_main_conf(cf,
                                             ngx_http_deskgate_sandbox_module);

    err = dg_keyfile_parse(&smcf->arena, dg_span(text.data, text.len), &diag,
                           &slcf->keys);
    dg_wipe(text.data, text.len);

    if (err != DG_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in %V:%ud", diag.text,
                           &value[1], diag.line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* deskgate_sandbox_client ID SECRET_FILE */
static char *
ngx_http_deskgate_sandbox_client(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_str_t                             text, *value = cf->args->elts;
    ngx_http_deskgate_sandbox_client_t   *client;
    ngx_http_deskgate_sandbox_loc_conf_t  *slcf = conf;

    if (slcf->clients == NULL) {
        slcf->clients = ngx_array_create(cf->pool, 2,
                                  sizeof(ngx_http_deskgate_sandbox_client_t));
        if (slcf->clients == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_deskgate_sandbox_read_secret(cf, &value[2],
                                              SANDBOX_SECRET_MAX, &text)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    while (text.len != 0
           && (text.data[text.len - 1] == LF || text.data[text.len - 1] == CR))
    {
        text.len--;
    }

    if (text.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" holds no secret",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    client = ngx_array_push(slcf->clients);
    if (client == NULL) {
        return NGX_CONF_ERROR;
    }

    client->id = value[1];
    client->secret = text;

    return NGX_CONF_OK;
}
