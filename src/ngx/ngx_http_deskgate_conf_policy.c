/*
 * Copyright (C) the deskgate authors
 *
 * The policies of a location, read once and compiled into one set.
 */

#include "ngx_http_deskgate_conf.h"


typedef struct {
    ngx_conf_t  *cf;
    ngx_str_t   *path;
} ngx_http_deskgate_report_t;


static ngx_int_t ngx_http_deskgate_key_policy(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, dg_span_t name);
static void ngx_http_deskgate_policy_report(void *ctx,
    dg_policy_severity_t severity, const dg_diag_t *diag);
static ngx_int_t ngx_http_deskgate_catalogue(ngx_conf_t *cf,
    ngx_http_deskgate_main_conf_t *mcf);
static ngx_int_t ngx_http_deskgate_policy_record(ngx_conf_t *cf,
    ngx_http_deskgate_attachment_t *a);
static ngx_int_t ngx_http_deskgate_policy_hash(ngx_conf_t *cf,
    ngx_http_deskgate_policy_set_t *set);


/* deskgate_policy_strict on|off: known before the first policy is read */

char *
ngx_http_deskgate_conf_strict(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_deskgate_main_conf_t  *mcf = conf;

    if (mcf->catalogued) {
        return "must stand before the first policy";
    }

    return ngx_conf_set_flag_slot(cf, cmd, conf);
}


/* deskgate_policy FILE [for=PATTERN | for=group:ISSUER/NAME] */

char *
ngx_http_deskgate_conf_policy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                            *rv;
    ngx_str_t                       *value;
    dg_policy_form_t                 form;
    ngx_http_deskgate_loc_conf_t    *lcf = conf;
    ngx_http_deskgate_attachment_t  *attachment;

    value = cf->args->elts;
    form = DG_POLICY_RESOURCE;

    if (lcf->policies == NGX_CONF_UNSET_PTR) {
        lcf->policies = ngx_array_create(cf->pool, 4,
                                     sizeof(ngx_http_deskgate_attachment_t));
    }

    attachment = lcf->policies ? ngx_array_push(lcf->policies) : NULL;
    if (attachment == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(attachment, sizeof(ngx_http_deskgate_attachment_t));

    if (cmd->post) {
        form = DG_POLICY_BOUNDARY;
    }

    if (cf->args->nelts == 3) {
        rv = ngx_http_deskgate_policy_for(attachment, &value[2]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }

        if (form == DG_POLICY_RESOURCE) {
            form = DG_POLICY_IDENTITY;
        }
    }

    attachment->name = value[1];

    if (ngx_http_deskgate_policy_file(cf, attachment, form) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_deskgate_policy_for(ngx_http_deskgate_attachment_t *a,
    ngx_str_t *value)
{
    size_t     slash;
    dg_span_t  text;

    if (ngx_strncmp(value->data, "for=", 4) != 0 || value->len == 4) {
        return "takes for=PATTERN or for=group:ISSUER/NAME";
    }

    text = dg_span_slice(ngx_http_deskgate_span(value), 4, value->len);

    if (!dg_span_starts_with(text, DG_SPAN("group:"))) {
        a->pattern = ngx_http_deskgate_str(text);
        return NGX_CONF_OK;
    }

    text = dg_span_slice(text, 6, text.len);
    slash = dg_span_find(text, '/');

    a->group_issuer = ngx_http_deskgate_str(dg_span_slice(text, 0, slash));
    a->group = ngx_http_deskgate_str(dg_span_slice(text, slash + 1,
                                                   text.len));

    if (a->group_issuer.len == 0 || a->group.len == 0) {
        return "takes for=group:ISSUER/NAME";
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_deskgate_policy_file(ngx_conf_t *cf,
    ngx_http_deskgate_attachment_t *a, dg_policy_form_t form)
{
    dg_diag_t                       diag;
    dg_span_t                       text;
    dg_policy_options_t             options;
    ngx_http_deskgate_report_t      report;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    if (ngx_http_deskgate_catalogue(cf, mcf) != NGX_OK
        || ngx_http_deskgate_file_read(cf, &a->name, "policy", 0, &text)
           != NGX_OK
        || dg_sha256_hex(mcf->crypto, text, (char *) a->hash) != DG_OK)
    {
        return NGX_ERROR;
    }

    report.cf = cf;
    report.path = &a->name;

    ngx_memzero(&options, sizeof(dg_policy_options_t));

    options.form = form;
    options.catalogue = &mcf->catalogue;
    options.strict = mcf->policy_strict != 0;   /* unset is on */
    options.report = ngx_http_deskgate_policy_report;
    options.report_ctx = &report;

    if (dg_policy_load(&mcf->arena, text, &options, &diag, &a->policy)
        != DG_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_deskgate_policy_record(cf, a);
}


/* {"file":"PATH","form":"identity","for":"PATTERN","sha256":"HEX"} */

static ngx_int_t
ngx_http_deskgate_policy_record(ngx_conf_t *cf,
    ngx_http_deskgate_attachment_t *a)
{
    size_t       size;
    dg_writer_t  w;

    /* a byte may become an escape of six */
    size = 6 * (a->name.len + a->pattern.len + a->group_issuer.len
                + a->group.len) + 256;

    w = dg_writer(ngx_pnalloc(cf->pool, size), size);
    if (w.data == NULL) {
        return NGX_ERROR;
    }

    dg_write_cstr(&w, "{\"file\":");
    dg_json_write_string(&w, ngx_http_deskgate_span(&a->name));
    dg_write_cstr(&w, ",\"form\":\"");
    dg_write_cstr(&w, dg_policy_form_name(dg_policy_form(a->policy)));
    dg_write_cstr(&w, "\"");

    if (a->key_policy.len) {
        dg_write_cstr(&w, ",\"for\":\"key\"");

    } else if (a->pattern.len) {
        dg_write_cstr(&w, ",\"for\":");
        dg_json_write_string(&w, ngx_http_deskgate_span(&a->pattern));

    } else if (a->group.len) {
        dg_write_cstr(&w, ",\"group\":");
        dg_json_write_string(&w, ngx_http_deskgate_span(&a->group));
        dg_write_cstr(&w, ",\"issuer\":");
        dg_json_write_string(&w, ngx_http_deskgate_span(&a->group_issuer));
    }

    dg_write_cstr(&w, ",\"sha256\":\"");
    dg_write(&w, a->hash, DG_SHA256_HEX_SIZE);
    dg_write_cstr(&w, "\"}");

    a->record = ngx_http_deskgate_str(dg_written(&w));

    return w.overflow ? NGX_ERROR : NGX_OK;
}


static void
ngx_http_deskgate_policy_report(void *ctx, dg_policy_severity_t severity,
    const dg_diag_t *diag)
{
    ngx_http_deskgate_report_t  *report = ctx;

    if (severity == DG_POLICY_ERROR) {
        ngx_http_deskgate_file_diag(report->cf, report->path, diag);
        return;
    }

    ngx_conf_log_error(NGX_LOG_WARN, report->cf, 0, "%V:%ui:%ui: %s",
                       report->path, (ngx_uint_t) diag->line,
                       (ngx_uint_t) diag->column, diag->text);
}


/*
 * What policies may speak of.  Issuers are named above the servers that use
 * them, as all objects are.
 */

static ngx_int_t
ngx_http_deskgate_catalogue(ngx_conf_t *cf,
    ngx_http_deskgate_main_conf_t *mcf)
{
    dg_span_t                      *names;
    ngx_uint_t                      i;
    ngx_http_deskgate_issuer_t    **issuers;
    dg_policy_catalogue_source_t    source;

    if (mcf->catalogued) {
        return NGX_OK;
    }

    if (ngx_http_deskgate_conf_load_models(cf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    names = ngx_palloc(cf->pool, (mcf->issuers.nelts + 1)
                                 * sizeof(dg_span_t));
    if (names == NULL) {
        return NGX_ERROR;
    }

    issuers = mcf->issuers.elts;

    for (i = 0; i < mcf->issuers.nelts; i++) {
        names[i] = ngx_http_deskgate_span(&issuers[i]->name);
    }

    ngx_memzero(&source, sizeof(dg_policy_catalogue_source_t));

    source.services = (const dg_service_t *const *) mcf->services.elts;
    source.service_count = mcf->services.nelts;
    source.issuers = names;
    source.issuer_count = mcf->issuers.nelts;
    source.facts = true;

    if (dg_policy_catalogue_create(&mcf->arena, &source, &mcf->catalogue)
        != DG_OK)
    {
        return NGX_ERROR;
    }

    mcf->catalogued = 1;

    return NGX_OK;
}


ngx_array_t *
ngx_http_deskgate_policies_copy(ngx_conf_t *cf, ngx_array_t *policies)
{
    ngx_array_t                     *copy;
    ngx_http_deskgate_attachment_t  *a;

    copy = ngx_array_create(cf->pool, policies->nelts + 1,
                            sizeof(ngx_http_deskgate_attachment_t));
    if (copy == NULL) {
        return NULL;
    }

    a = ngx_array_push_n(copy, policies->nelts);
    if (a == NULL) {
        return NULL;
    }

    ngx_memcpy(a, policies->elts,
               policies->nelts * sizeof(ngx_http_deskgate_attachment_t));

    return copy;
}


/* Identity policies that entries of the location's key files name. */

ngx_int_t
ngx_http_deskgate_finish_key_policies(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    size_t                       n, j;
    ngx_uint_t                   i;
    ngx_array_t                 *own;
    const dg_key_t              *key;
    ngx_http_deskgate_keys_t   **keys;
    ngx_http_deskgate_keyset_t  *set;

    if (lcf->keys == NULL) {
        return NGX_OK;
    }

    /* what is inherited belongs to other locations too */
    own = ngx_http_deskgate_policies_copy(cf, lcf->policies);
    if (own == NULL) {
        return NGX_ERROR;
    }

    lcf->policies = own;
    keys = lcf->keys->elts;

    for (i = 0; i < lcf->keys->nelts; i++) {
        set = keys[i]->file->data;

        for (n = 0; n < dg_keyfile_count(set->keyfile); n++) {
            key = dg_keyfile_key(set->keyfile, n);

            for (j = 0; j < key->policy_count; j++) {
                if (ngx_http_deskgate_key_policy(cf, lcf, key->policies[j])
                    != NGX_OK)
                {
                    return NGX_ERROR;
                }
            }
        }

        if (ngx_http_deskgate_keys_finish(cf, keys[i], lcf) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_key_policy(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, dg_span_t name)
{
    ngx_str_t                        path;
    ngx_uint_t                       i;
    ngx_http_deskgate_attachment_t  *a;

    a = lcf->policies->elts;

    for (i = 0; i < lcf->policies->nelts; i++) {
        if (a[i].key_policy.len
            && dg_span_equal(ngx_http_deskgate_span(&a[i].key_policy), name))
        {
            return NGX_OK;
        }
    }

    path.len = name.len;
    path.data = ngx_pnalloc(cf->pool, name.len + 1);
    a = ngx_array_push(lcf->policies);

    if (path.data == NULL || a == NULL) {
        return NGX_ERROR;
    }

    /* the key file may be another one when this is still in use */

    ngx_memcpy(path.data, name.data, name.len);
    path.data[name.len] = '\0';

    ngx_memzero(a, sizeof(ngx_http_deskgate_attachment_t));
    a->name = path;
    a->key_policy = path;

    return ngx_http_deskgate_policy_file(cf, a, DG_POLICY_IDENTITY);
}


ngx_int_t
ngx_http_deskgate_finish_policies(ngx_conf_t *cf,
    ngx_http_deskgate_policy_set_t *set)
{
    ngx_uint_t                       i;
    dg_policy_document_t            *documents;
    dg_policy_set_options_t          options;
    ngx_http_deskgate_attachment_t  *attachment;
    ngx_http_deskgate_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    documents = ngx_palloc(cf->temp_pool, set->policies->nelts
                                          * sizeof(dg_policy_document_t));
    if (documents == NULL) {
        return NGX_ERROR;
    }

    attachment = set->policies->elts;

    for (i = 0; i < set->policies->nelts; i++) {
        documents[i].policy = attachment[i].policy;
        documents[i].name = ngx_http_deskgate_span(&attachment[i].name);
    }

    ngx_memzero(&options, sizeof(dg_policy_set_options_t));
    options.catalogue = &mcf->catalogue;

    if (dg_policy_set_create(&mcf->arena, documents, set->policies->nelts,
                             &options, &set->set)
        != DG_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the policies of one location are too large");
        return NGX_ERROR;
    }

    set->conditions = dg_conditions_create(&mcf->arena, set->set);
    if (set->conditions == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_deskgate_policy_hash(cf, set);
}


/* Any change of a document, or of whom it speaks to, changes the hash. */

static ngx_int_t
ngx_http_deskgate_policy_hash(ngx_conf_t *cf,
    ngx_http_deskgate_policy_set_t *set)
{
    uint8_t                          digest[DG_SHA256_SIZE];
    ngx_uint_t                       i;
    dg_sha256_t                     *state;
    ngx_http_deskgate_attachment_t  *a;
    ngx_http_deskgate_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    state = dg_sha256_start(mcf->crypto);
    if (state == NULL) {
        return NGX_ERROR;
    }

    a = set->policies->elts;

    for (i = 0; i < set->policies->nelts; i++) {
        if (dg_sha256_update(state, ngx_http_deskgate_span(&a[i].record))
            != DG_OK)
        {
            dg_sha256_abandon(state);
            return NGX_ERROR;
        }
    }

    if (dg_sha256_finish(state, digest) != DG_OK) {
        return NGX_ERROR;
    }

    dg_hex_encode(digest, DG_SHA256_SIZE, (char *) set->hash);

    return NGX_OK;
}
