/*
 * Copyright (C) the deskgate authors
 *
 * deskgate_facts, and whether policies ask for facts that nobody looks up.
 */

#include "ngx_http_deskgate_conf.h"
#include "ngx_http_deskgate_facts.h"

#define NGX_HTTP_DESKGATE_FACTS_TTL      30000    /* ms */
#define NGX_HTTP_DESKGATE_FACTS_TTL_MAX  3600000
#define NGX_HTTP_DESKGATE_NEEDS_SIZE     32768    /* of one operation's */


static char *ngx_http_deskgate_facts_param(ngx_conf_t *cf,
    ngx_http_deskgate_lookup_t *lookup, ngx_str_t *value);
static ngx_int_t ngx_http_deskgate_facts_complete(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, ngx_http_deskgate_lookup_t *lookup);
static ngx_int_t ngx_http_deskgate_facts_keyed(ngx_conf_t *cf,
    ngx_http_deskgate_lookup_t *lookup, const ngx_str_t *account);
static ngx_int_t ngx_http_deskgate_facts_check(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, const dg_service_t *service);
static ngx_int_t ngx_http_deskgate_facts_check_needs(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, const dg_operation_t *operation,
    const dg_conditions_needs_t *needs);
static ngx_http_deskgate_lookup_t *ngx_http_deskgate_facts_named(
    const ngx_array_t *lookups, const dg_service_t *service);


/* deskgate_facts SERVICE URI/ [ttl=TIME] [credentials=NAME] */

char *
ngx_http_deskgate_conf_facts(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                            *rv;
    ngx_str_t                       *value;
    ngx_uint_t                       i;
    const dg_service_t              *service;
    ngx_http_deskgate_lookup_t      *lookup, **slot;
    ngx_http_deskgate_loc_conf_t    *lcf = conf;
    ngx_http_deskgate_main_conf_t   *mcf;

    value = cf->args->elts;
    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    if (ngx_http_deskgate_conf_load_models(cf, mcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    service = ngx_http_deskgate_conf_service_named(mcf, &value[1]);
    if (service == NULL) {
        return "names a service that has no model";
    }

    if (value[2].len < 2 || value[2].data[0] != '/'
        || value[2].data[value[2].len - 1] != '/')
    {
        return "takes the address of an internal location that begins and "
               "ends with a slash";
    }

    if (lcf->lookups == NGX_CONF_UNSET_PTR) {
        lcf->lookups = ngx_array_create(cf->pool, 4, sizeof(void *));
    }

    if (lcf->lookups
        && ngx_http_deskgate_facts_named(lcf->lookups, service))
    {
        return "is duplicate for that service";
    }

    slot = lcf->lookups ? ngx_array_push(lcf->lookups) : NULL;
    lookup = ngx_pcalloc(cf->pool, sizeof(ngx_http_deskgate_lookup_t));

    if (slot == NULL || lookup == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = lookup;
    lookup->service = service;
    lookup->uri = value[2];
    lookup->uri.len--;
    lookup->ttl = NGX_HTTP_DESKGATE_FACTS_TTL;

    for (i = 3; i < cf->args->nelts; i++) {
        rv = ngx_http_deskgate_facts_param(cf, lookup, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_deskgate_facts_param(ngx_conf_t *cf,
    ngx_http_deskgate_lookup_t *lookup, ngx_str_t *value)
{
    ngx_int_t                       ms;
    ngx_str_t                       text;
    ngx_http_deskgate_main_conf_t  *mcf;

    if (ngx_strncmp(value->data, "ttl=", 4) == 0) {
        text.data = value->data + 4;
        text.len = value->len - 4;
        ms = ngx_parse_time(&text, 0);

        if (ms == NGX_ERROR || ms < 1000
            || ms > NGX_HTTP_DESKGATE_FACTS_TTL_MAX)
        {
            return "takes a ttl of 1s to 1h";
        }

        lookup->ttl = ms;

        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "credentials=", 12) == 0) {
        text.data = value->data + 12;
        text.len = value->len - 12;
        mcf = ngx_http_conf_get_module_main_conf(cf,
                                                 ngx_http_deskgate_module);

        lookup->credentials = ngx_http_deskgate_conf_find(&mcf->credentials,
                                                          &text);

        return lookup->credentials && !lookup->service->is_broker
               ? NGX_CONF_OK
               : "names credentials that are not defined above, or for a "
                 "broker";
    }

    return "takes ttl=TIME and credentials=NAME";
}


/* Each location has its own, as its offers are its own. */

ngx_int_t
ngx_http_deskgate_finish_facts(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    ngx_uint_t                    i, n;
    ngx_array_t                  *own;
    ngx_http_deskgate_offer_t    *offer;
    ngx_http_deskgate_lookup_t   *lookup, **slot, **from;

    own = NULL;

    if (lcf->lookups) {
        own = ngx_array_create(cf->pool, lcf->lookups->nelts, sizeof(void *));
        if (own == NULL) {
            return NGX_ERROR;
        }

        from = lcf->lookups->elts;

        for (i = 0; i < lcf->lookups->nelts; i++) {
            lookup = ngx_palloc(cf->pool, sizeof(ngx_http_deskgate_lookup_t));
            slot = ngx_array_push(own);

            if (lookup == NULL || slot == NULL) {
                return NGX_ERROR;
            }

            *lookup = *from[i];
            *slot = lookup;

            if (ngx_http_deskgate_facts_complete(cf, lcf, lookup) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    lcf->lookups = own;
    offer = lcf->offers->elts;

    for (n = 0; n < lcf->offers->nelts; n++) {
        if (ngx_http_deskgate_facts_check(cf, lcf, offer[n].service)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* What the location says of the service, and the key of all its facts. */

static ngx_int_t
ngx_http_deskgate_facts_complete(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, ngx_http_deskgate_lookup_t *lookup)
{
    ngx_uint_t                  i;
    ngx_http_deskgate_offer_t  *offer;

    offer = lcf->offers->elts;

    for (i = 0; i < lcf->offers->nelts; i++) {
        if (offer[i].service == lookup->service) {
            break;
        }
    }

    if (i == lcf->offers->nelts) {
        /* inherited, and of no use here */
        return NGX_OK;
    }

    lookup->host = offer[i].host;
    lookup->region = offer[i].region;

    if (lookup->service->is_broker) {
        lookup->broker = lcf->broker;

    } else if (lookup->credentials == NULL) {
        lookup->credentials = lcf->sign;
    }

    if (lookup->credentials
        && lookup->credentials->provide == ngx_http_deskgate_provide_by_rule)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "facts are the same for every caller, and \"%V\" are "
                      "credentials by rule: name others by \"credentials=\" "
                      "of \"deskgate_facts\" for the \"deskgate\" in %s:%ui",
                      &lookup->credentials->name, lcf->conf_file, lcf->line);
        return NGX_ERROR;
    }

    return ngx_http_deskgate_facts_keyed(cf, lookup, &offer[i].account);
}


static ngx_int_t
ngx_http_deskgate_facts_keyed(ngx_conf_t *cf,
    ngx_http_deskgate_lookup_t *lookup, const ngx_str_t *account)
{
    dg_span_t                        texts[6];
    ngx_uint_t                       i;
    ngx_http_deskgate_lookup_t     **known, **slot;
    ngx_http_deskgate_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    texts[0] = DG_SPAN("facts");
    texts[1] = lookup->service->name;
    texts[2] = ngx_http_deskgate_span(&lookup->region);
    texts[3] = ngx_http_deskgate_span(account);
    texts[4] = ngx_http_deskgate_span(&lookup->uri);
    texts[5] = ngx_http_deskgate_span(lookup->broker
                                      ? &lookup->broker->name
                                      : &lookup->credentials->name);

    if (ngx_http_deskgate_cache_key(mcf->crypto, texts, 6, &lookup->key)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    known = mcf->lookups.elts;

    for (i = 0; i < mcf->lookups.nelts; i++) {
        if (ngx_memcmp(known[i]->key.bytes, lookup->key.bytes,
                       DG_CACHE_KEY_SIZE)
            == 0)
        {
            return NGX_OK;
        }
    }

    slot = ngx_array_push(&mcf->lookups);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = lookup;

    return NGX_OK;
}


/* Whether policies ask for facts that nobody tells. */

static ngx_int_t
ngx_http_deskgate_facts_check(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, const dg_service_t *service)
{
    size_t                  i;
    u_char                 *memory, *action;
    dg_arena_t              arena;
    dg_writer_t             w;
    const dg_operation_t   *operation;
    dg_conditions_needs_t   needs;

    memory = ngx_palloc(cf->temp_pool, NGX_HTTP_DESKGATE_NEEDS_SIZE);
    action = ngx_palloc(cf->temp_pool, NGX_HTTP_DESKGATE_REASON_SIZE);

    if (memory == NULL || action == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < service->operation_count; i++) {
        operation = &service->operations[i];
        dg_arena_init(&arena, memory, NGX_HTTP_DESKGATE_NEEDS_SIZE);

        w = dg_writer(action, NGX_HTTP_DESKGATE_REASON_SIZE);
        dg_write_span(&w, service->action_prefix);
        dg_write_char(&w, ':');
        dg_write_span(&w, operation->name);

        if (dg_conditions_needs(lcf->policy_set.conditions, dg_written(&w),
                                operation, &arena, &needs)
            != DG_OK)
        {
            return NGX_ERROR;
        }

        if (needs.fact_count
            && ngx_http_deskgate_facts_check_needs(cf, lcf, operation, &needs)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_facts_check_needs(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, const dg_operation_t *operation,
    const dg_conditions_needs_t *needs)
{
    ngx_str_t               name, service, key;
    const dg_policy_key_t  *gap;

    name = ngx_http_deskgate_str(operation->name);
    service = ngx_http_deskgate_str(operation->service->name);

    if (lcf->lookups == NULL
        || ngx_http_deskgate_facts_named(lcf->lookups, operation->service)
           == NULL)
    {
        key = ngx_http_deskgate_str(needs->facts[0]->name);

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "a policy of the \"deskgate\" in %s:%ui reads \"%V\" "
                      "for %V, a fact of the resource: add "
                      "\"deskgate_facts %V /URI/;\"", lcf->conf_file,
                      lcf->line, &key, &name, &service);
        return NGX_ERROR;
    }

    gap = dg_lookup_gap(operation, needs);

    if (gap) {
        key = ngx_http_deskgate_str(gap->name);

        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "a policy of the \"deskgate\" in %s:%ui reads \"%V\" "
                      "for %V, and nothing tells it of every resource of "
                      "that: such a call is refused", lcf->conf_file,
                      lcf->line, &key, &name);
    }

    return NGX_OK;
}


static ngx_http_deskgate_lookup_t *
ngx_http_deskgate_facts_named(const ngx_array_t *lookups,
    const dg_service_t *service)
{
    ngx_uint_t                    i;
    ngx_http_deskgate_lookup_t  **lookup;

    lookup = lookups->elts;

    for (i = 0; i < lookups->nelts; i++) {
        if (lookup[i]->service == service) {
            return lookup[i];
        }
    }

    return NULL;
}
