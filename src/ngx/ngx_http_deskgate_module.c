/*
 * Copyright (C) the deskgate authors
 *
 * Tables, creation and merging of configuration, registration.
 */

#include "ngx_http_deskgate_conf.h"
#include "ngx_http_deskgate_facts.h"


static void *ngx_http_deskgate_create_main_conf(ngx_conf_t *cf);
static void ngx_http_deskgate_crypto_cleanup(void *data);
static void *ngx_http_deskgate_conf_grow(void *pool, size_t size);
static void *ngx_http_deskgate_create_srv_conf(ngx_conf_t *cf);
static void *ngx_http_deskgate_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_deskgate_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_uint_t ngx_http_deskgate_guards_nothing(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *prev, ngx_http_deskgate_loc_conf_t *conf);
static char *ngx_http_deskgate_check_location(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf);
static ngx_int_t ngx_http_deskgate_hosts_of_server(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf);
static ngx_int_t ngx_http_deskgate_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_deskgate_init_access(
    ngx_http_core_main_conf_t *cmcf);


static ngx_conf_enum_t  ngx_http_deskgate_replay_values[] = {
    { ngx_string("off"), NGX_HTTP_DESKGATE_REPLAY_OFF },
    { ngx_string("write"), NGX_HTTP_DESKGATE_REPLAY_WRITE },
    { ngx_string("all"), NGX_HTTP_DESKGATE_REPLAY_ALL },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_deskgate_denial_values[] = {
    { ngx_string("off"), DG_DENIAL_OFF },
    { ngx_string("reason"), DG_DENIAL_REASON },
    { ngx_string("statement"), DG_DENIAL_STATEMENT },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_deskgate_commands[] = {

    { ngx_string("deskgate_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_deskgate_conf_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_models"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_deskgate_main_conf_t, models),
      NULL },

    { ngx_string("deskgate_issuer"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_deskgate_conf_issuer,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_proof"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_deskgate_conf_proof,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_certificates"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_deskgate_conf_certificates,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_keys"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_http_deskgate_conf_keys,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_revocations"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_deskgate_conf_revocations,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_credentials"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_deskgate_conf_credentials,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_vended"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_deskgate_conf_vended,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_authority"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_deskgate_conf_authority,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_broker"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_deskgate_conf_broker,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_trail"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_deskgate_conf_trail,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_deskgate_conf_service,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_authenticate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_deskgate_conf_authenticate,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_policy"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
                        |NGX_CONF_TAKE12,
      ngx_http_deskgate_conf_policy,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_boundary"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
                        |NGX_CONF_TAKE12,
      ngx_http_deskgate_conf_policy,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      (void *) 1 },

    { ngx_string("deskgate_policy_strict"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_http_deskgate_conf_strict,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_deskgate_main_conf_t, policy_strict),
      NULL },

    { ngx_string("deskgate_policy_shadow"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_2MORE,
      ngx_http_deskgate_conf_shadow,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_facts"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_2MORE,
      ngx_http_deskgate_conf_facts,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_denial_detail"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_deskgate_loc_conf_t, denial_detail),
      &ngx_http_deskgate_denial_values },

    { ngx_string("deskgate_throttle"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_deskgate_conf_throttle,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_authentication_failures"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
                        |NGX_CONF_TAKE12,
      ngx_http_deskgate_conf_failures,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_sign"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_deskgate_conf_named,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_deskgate_loc_conf_t, sign),
      (void *) offsetof(ngx_http_deskgate_main_conf_t, credentials) },

    { ngx_string("deskgate_inject"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_deskgate_conf_named,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_deskgate_loc_conf_t, broker),
      (void *) offsetof(ngx_http_deskgate_main_conf_t, brokers) },

    { ngx_string("deskgate_audit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_deskgate_conf_named,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_deskgate_loc_conf_t, trail),
      (void *) offsetof(ngx_http_deskgate_main_conf_t, trails) },

    { ngx_string("deskgate_mode"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_deskgate_conf_mode,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_deskgate_loc_conf_t, mode),
      NULL },

    { ngx_string("deskgate_replay"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_deskgate_loc_conf_t, replay),
      &ngx_http_deskgate_replay_values },

    { ngx_string("deskgate_validate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_deskgate_conf_validate,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_hosts"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_deskgate_conf_hosts,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_skew"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_deskgate_loc_conf_t, skew),
      NULL },

    { ngx_string("deskgate_insecure_upstream"),
      NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_deskgate_loc_conf_t, insecure_upstream),
      NULL },

    { ngx_string("deskgate_vend"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_deskgate_conf_vend,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_token"),
      NGX_HTTP_LOC_CONF|NGX_CONF_2MORE,
      ngx_http_deskgate_conf_token,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_jwks"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_deskgate_conf_document,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      (void *) offsetof(ngx_http_deskgate_authority_t, jwks) },

    { ngx_string("deskgate_metadata"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_deskgate_conf_document,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      (void *) offsetof(ngx_http_deskgate_authority_t, metadata) },

    { ngx_string("deskgate_resource_metadata"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_deskgate_loc_conf_t, resource_metadata),
      NULL },

    { ngx_string("deskgate_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_deskgate_conf_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deskgate_ready"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_deskgate_conf_ready,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_deskgate_module_ctx = {
    ngx_http_deskgate_add_variables,       /* preconfiguration */
    ngx_http_deskgate_init,                /* postconfiguration */

    ngx_http_deskgate_create_main_conf,    /* create main configuration */
    NULL,                                  /* init main configuration */

    ngx_http_deskgate_create_srv_conf,     /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_deskgate_create_loc_conf,     /* create location configuration */
    ngx_http_deskgate_merge_loc_conf       /* merge location configuration */
};


ngx_module_t  ngx_http_deskgate_module = {
    NGX_MODULE_V1,
    &ngx_http_deskgate_module_ctx,         /* module context */
    ngx_http_deskgate_commands,            /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_deskgate_init_process,        /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_deskgate_exit_process,        /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_http_deskgate_create_main_conf(ngx_conf_t *cf)
{
    ngx_uint_t                      i;
    ngx_pool_cleanup_t             *cln;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_deskgate_main_conf_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (mcf == NULL || cln == NULL) {
        return NULL;
    }

    mcf->policy_strict = NGX_CONF_UNSET;

    ngx_array_t  *pointers[] = {
        &mcf->services, &mcf->keys, &mcf->issuers, &mcf->proofs,
        &mcf->credentials, &mcf->vended, &mcf->certificates,
        &mcf->authorities, &mcf->brokers, &mcf->trails, &mcf->throttles,
        &mcf->rereads, &mcf->lookups
    };

    for (i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
        if (ngx_array_init(pointers[i], cf->pool, 4, sizeof(void *))
            != NGX_OK)
        {
            return NULL;
        }
    }

    if (ngx_array_init(&mcf->files, cf->pool, 16,
                       sizeof(ngx_http_deskgate_file_t))
        != NGX_OK)
    {
        return NULL;
    }

    mcf->crypto = dg_crypto_create(NULL, NULL);
    if (mcf->crypto == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_deskgate_crypto_cleanup;
    cln->data = mcf->crypto;

    dg_arena_init_grow(&mcf->arena, ngx_http_deskgate_conf_grow, cf->pool,
                       NGX_HTTP_DESKGATE_CONF_CHUNK,
                       NGX_HTTP_DESKGATE_CONF_LIMIT);

    return mcf;
}


static void
ngx_http_deskgate_crypto_cleanup(void *data)
{
    dg_crypto_destroy(data);
}


static void *
ngx_http_deskgate_conf_grow(void *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


static void *
ngx_http_deskgate_create_srv_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_deskgate_srv_conf_t));
}


static void *
ngx_http_deskgate_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_deskgate_loc_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_deskgate_loc_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     lcf->offers = NULL;
     *     lcf->services = NULL;
     *     lcf->keys = NULL;
     *     lcf->issuers = NULL;
     *     lcf->proof = NULL;
     *     lcf->relaxed = NULL;
     *     lcf->policy_set = { 0 };
     *     lcf->conf_file = NULL;
     */

    lcf->enable = NGX_CONF_UNSET;
    lcf->policies = NGX_CONF_UNSET_PTR;
    lcf->shadows = NGX_CONF_UNSET_PTR;
    lcf->lookups = NGX_CONF_UNSET_PTR;
    lcf->throttles = NGX_CONF_UNSET_PTR;
    lcf->failures = NGX_CONF_UNSET_PTR;
    lcf->sign = NGX_CONF_UNSET_PTR;
    lcf->broker = NGX_CONF_UNSET_PTR;
    lcf->trail = NGX_CONF_UNSET_PTR;
    lcf->mode = NGX_CONF_UNSET_PTR;
    lcf->hosts = NGX_CONF_UNSET_PTR;
    lcf->replay = NGX_CONF_UNSET_UINT;
    lcf->validate = NGX_CONF_UNSET_UINT;
    lcf->denial_detail = NGX_CONF_UNSET_UINT;
    lcf->skew = NGX_CONF_UNSET;
    lcf->insecure_upstream = NGX_CONF_UNSET;

    return lcf;
}


static char *
ngx_http_deskgate_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_deskgate_loc_conf_t *prev = parent;
    ngx_http_deskgate_loc_conf_t *conf = child;

    if (ngx_http_deskgate_guards_nothing(cf, prev, conf)) {
        return NGX_CONF_ERROR;
    }

    if (conf->enable == NGX_CONF_UNSET && prev->enable == 1) {
        conf->enable = 1;
        conf->offers = prev->offers;
        conf->own = prev->own;
        conf->serve = prev->serve;
        conf->vend = prev->vend;
        conf->authority = prev->authority;
        conf->pass = prev->pass;
        conf->pass_real = prev->pass_real;
        conf->grants = prev->grants;
        conf->conf_file = prev->conf_file;
        conf->line = prev->line;
    }

    ngx_conf_merge_value(conf->enable, prev->enable, 0);

    if (!ngx_http_deskgate_authenticates(conf)) {
        conf->handles = prev->handles;
        conf->keys = prev->keys;
        conf->issuers = prev->issuers;
        conf->proof = prev->proof;
        conf->vended = prev->vended;
        conf->certificates = prev->certificates;
    }

    ngx_conf_merge_ptr_value(conf->policies, prev->policies, NULL);
    ngx_conf_merge_ptr_value(conf->shadows, prev->shadows, NULL);
    ngx_conf_merge_ptr_value(conf->lookups, prev->lookups, NULL);
    ngx_conf_merge_ptr_value(conf->throttles, prev->throttles, NULL);
    ngx_conf_merge_ptr_value(conf->sign, prev->sign, NULL);
    ngx_conf_merge_ptr_value(conf->broker, prev->broker, NULL);
    ngx_conf_merge_ptr_value(conf->trail, prev->trail, NULL);
    ngx_conf_merge_ptr_value(conf->mode, prev->mode, NULL);
    ngx_conf_merge_ptr_value(conf->hosts, prev->hosts, NULL);
    ngx_conf_merge_uint_value(conf->replay, prev->replay,
                              NGX_HTTP_DESKGATE_REPLAY_WRITE);

    if (conf->validate == NGX_CONF_UNSET_UINT) {
        conf->relaxed = prev->relaxed;
    }

    ngx_conf_merge_uint_value(conf->validate, prev->validate,
                              DG_VALIDATE_ON);
    ngx_conf_merge_uint_value(conf->denial_detail, prev->denial_detail,
                              DG_DENIAL_REASON);
    ngx_conf_merge_str_value(conf->resource_metadata,
                             prev->resource_metadata, "");
    ngx_conf_merge_sec_value(conf->skew, prev->skew, DG_SIGV4_SKEW_DEFAULT);
    ngx_conf_merge_value(conf->insecure_upstream, prev->insecure_upstream, 0);

    if (ngx_http_deskgate_failures_merge(cf, prev, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (!conf->enable) {
        return NGX_CONF_OK;
    }

    if (ngx_http_deskgate_check_location(cf, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_deskgate_conf_finish(cf, conf);
}


/* What other modules' settings would do to a call. */

/*
 * Who writes a policy into a location that passes calls on believes it to be
 * guarded.  At http and server level the lines wait for such locations.
 */

static ngx_uint_t
ngx_http_deskgate_guards_nothing(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *prev, ngx_http_deskgate_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->enable != NGX_CONF_UNSET || prev->enable == 1
        || clcf->name.len == 0 || clcf->handler == NULL)
    {
        return 0;
    }

    if (!ngx_http_deskgate_authenticates(conf)
        && conf->policies == NGX_CONF_UNSET_PTR
        && conf->throttles == NGX_CONF_UNSET_PTR
        && conf->sign == NGX_CONF_UNSET_PTR
        && conf->broker == NGX_CONF_UNSET_PTR)
    {
        return 0;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "location \"%V\" has deskgate_ directives and no "
                  "\"deskgate\", so that nothing would guard its calls: add "
                  "\"deskgate SERVICE region=REGION;\"", &clcf->name);

    return 1;
}


static char *
ngx_http_deskgate_check_location(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->satisfy == NGX_HTTP_SATISFY_ANY) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"satisfy any\" would let \"allow\" overrule the "
                      "\"deskgate\" in %s:%ui; remove it",
                      lcf->conf_file, lcf->line);
        return NGX_CONF_ERROR;
    }

    if (clcf->error_log && (clcf->error_log->log_level & NGX_LOG_DEBUG_ALL)) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "error_log at level debug prints headers, and with "
                      "them credentials, for the \"deskgate\" in %s:%ui; use "
                      "level info", lcf->conf_file, lcf->line);
    }

    if (lcf->hosts == NULL
        && ngx_http_deskgate_hosts_of_server(cf, lcf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (lcf->hosts->nelts) {
        return NGX_CONF_OK;
    }

    if (lcf->keys == NULL && lcf->vended == NULL && lcf->own == NULL
        && lcf->certificates == NULL)
    {
        /* a token is made for an audience */
        lcf->hosts = NULL;
        return NGX_CONF_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "signatures are made for a host, and the \"deskgate\" in "
                  "%s:%ui has none: add \"server_name\" or "
                  "\"deskgate_hosts\"", lcf->conf_file, lcf->line);

    return NGX_CONF_ERROR;
}


/*
 * The server's names, as far as they are names and no patterns.  They are
 * copied: nginx keeps its own list only while it reads the configuration.
 */

static ngx_int_t
ngx_http_deskgate_hosts_of_server(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    ngx_str_t                 *host;
    ngx_uint_t                 i;
    ngx_http_server_name_t    *sn;
    ngx_http_core_srv_conf_t  *cscf;

    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    sn = cscf->server_names.elts;

    lcf->hosts = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
    if (lcf->hosts == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < cscf->server_names.nelts; i++) {

#if (NGX_PCRE)
        if (sn[i].regex) {
            continue;
        }
#endif

        if (sn[i].name.len == 0
            || (sn[i].name.len == 1 && sn[i].name.data[0] == '_')
            || ngx_strlchr(sn[i].name.data,
                           sn[i].name.data + sn[i].name.len, '*')
            || sn[i].name.data[0] == '.')
        {
            continue;
        }

        host = ngx_array_push(lcf->hosts);
        if (host == NULL) {
            return NGX_ERROR;
        }

        *host = sn[i].name;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_init(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    static const struct {
        ngx_uint_t           phase;
        ngx_http_handler_pt  handler;
    } handlers[] = {
        { NGX_HTTP_POST_READ_PHASE, ngx_http_deskgate_post_read_handler },
        { NGX_HTTP_PREACCESS_PHASE, ngx_http_deskgate_preaccess_handler },
        { NGX_HTTP_LOG_PHASE, ngx_http_deskgate_log_handler }
    };

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
        h = ngx_array_push(&cmcf->phases[handlers[i].phase].handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = handlers[i].handler;
    }

    if (ngx_http_deskgate_init_access(cmcf) != NGX_OK
        || ngx_http_deskgate_reread_check(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_deskgate_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_deskgate_header_filter;

    ngx_http_deskgate_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_deskgate_body_filter;

    ngx_http_deskgate_next_request_body_filter =
        ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_http_deskgate_request_body_filter;

    return NGX_OK;
}


/*
 * Handlers of a phase run from the last to the first.  An address that nginx
 * itself denies is to cost no body, no token and no bucket: ours is first in
 * the list.
 */

static ngx_int_t
ngx_http_deskgate_init_access(ngx_http_core_main_conf_t *cmcf)
{
    ngx_array_t          *handlers;
    ngx_http_handler_pt  *h;

    handlers = &cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers;

    if (ngx_array_push(handlers) == NULL) {
        return NGX_ERROR;
    }

    h = handlers->elts;

    ngx_memmove(&h[1], h, (handlers->nelts - 1) * sizeof(ngx_http_handler_pt));
    h[0] = ngx_http_deskgate_access_handler;

    return NGX_OK;
}
