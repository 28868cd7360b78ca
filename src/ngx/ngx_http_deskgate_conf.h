/*
 * Copyright (C) the deskgate authors
 *
 * What the blocks of a configuration have in common: a table of lines, each
 * with how many values it takes and what it does.
 */

#ifndef NGX_HTTP_DESKGATE_CONF_H
#define NGX_HTTP_DESKGATE_CONF_H

#include "ngx_http_deskgate.h"


typedef struct {
    ngx_str_t    name;
    ngx_uint_t   min;
    ngx_uint_t   max;
    char      *(*set)(ngx_conf_t *cf, ngx_str_t *value, ngx_uint_t count,
                      void *object);
} ngx_http_deskgate_line_t;


/* Reads a block; its table ends with an empty name. */
char *ngx_http_deskgate_conf_block(ngx_conf_t *cf,
    const ngx_http_deskgate_line_t *lines, void *object);

/*
 * A new object of `size` bytes, cleared, which begins with its name as an
 * ngx_str_t; NULL when there is one of that name, or no memory.
 */
void *ngx_http_deskgate_conf_named_object(ngx_conf_t *cf,
    ngx_array_t *objects, size_t size);

/* "10r/s", "10r/m" or "10r/h"; the period in milliseconds. */
ngx_int_t ngx_http_deskgate_parse_rate(ngx_str_t *text, uint32_t *tokens,
    uint32_t *period);

/* Appends each value as a span. */
ngx_int_t ngx_http_deskgate_conf_spans(ngx_conf_t *cf, ngx_array_t *array,
    ngx_str_t *value, ngx_uint_t count);

/* Lines of deskgate_credentials that are about roles. */
char *ngx_http_deskgate_conf_sts(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object);
char *ngx_http_deskgate_conf_source(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object);
char *ngx_http_deskgate_conf_rule(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object);
char *ngx_http_deskgate_conf_caller_web_identity(ngx_conf_t *cf,
    ngx_str_t *value, ngx_uint_t count, void *object);
char *ngx_http_deskgate_conf_assume_role(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object);
char *ngx_http_deskgate_conf_web_identity(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object);
char *ngx_http_deskgate_set_role(ngx_conf_t *cf,
    ngx_http_deskgate_credentials_t *c, ngx_str_t token_file);
char *ngx_http_deskgate_finish_roles(ngx_conf_t *cf,
    ngx_http_deskgate_credentials_t *c);

/* Lines that say where the gateway's own credentials are. */
char *ngx_http_deskgate_conf_environment(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object);
char *ngx_http_deskgate_conf_shared(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object);
char *ngx_http_deskgate_conf_profile(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object);
char *ngx_http_deskgate_conf_container(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object);
char *ngx_http_deskgate_conf_instance(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t count, void *object);

/*
 * The authority of that name, for callers or for brokers; NULL, and said why,
 * when there is none or the other family has it or one of its keys.
 */
ngx_http_deskgate_authority_t *ngx_http_deskgate_authority_for(
    ngx_conf_t *cf, ngx_str_t *name, ngx_uint_t family);

/* What conf_finish() does, part by part, when all levels are merged. */
ngx_int_t ngx_http_deskgate_finish_identity(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf);
ngx_int_t ngx_http_deskgate_finish_key_policies(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf);
ngx_int_t ngx_http_deskgate_finish_shadows(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf);

ngx_int_t ngx_http_deskgate_check_certificates(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf);

/* Compiles the policies of a set. */
ngx_int_t ngx_http_deskgate_finish_policies(ngx_conf_t *cf,
    ngx_http_deskgate_policy_set_t *set);

/* Reads and compiles the file that the attachment names. */
ngx_int_t ngx_http_deskgate_policy_file(ngx_conf_t *cf,
    ngx_http_deskgate_attachment_t *a, dg_policy_form_t form);

/* A copy of an array of attachments; NULL without memory. */
ngx_array_t *ngx_http_deskgate_policies_copy(ngx_conf_t *cf,
    ngx_array_t *policies);

/* for=PATTERN or for=group:ISSUER/NAME, into the attachment. */
char *ngx_http_deskgate_policy_for(ngx_http_deskgate_attachment_t *a,
    ngx_str_t *value);

/*
 * Makes the location one where the gateway itself answers.  What is recorded
 * and signed for is to be completed in the offer; NULL when the location is
 * something else already.
 */
ngx_http_deskgate_offer_t *ngx_http_deskgate_conf_own(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf, dg_gateway_operation_t operation,
    ngx_http_deskgate_step_pt serve);

/* Appends each part of a list "a,b,c" as a span. */
ngx_int_t ngx_http_deskgate_conf_parts(ngx_array_t *array, dg_span_t text);

/* What the directives do. */
char *ngx_http_deskgate_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_proof(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_issuer(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_certificates(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_deskgate_conf_keys(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_credentials(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_vended(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_vend(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_authority(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_token(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_document(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_broker(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_trail(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_service(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_authenticate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_policy(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_strict(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_shadow(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_throttle(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_named(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_mode(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_validate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_hosts(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_deskgate_conf_ready(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
const dg_service_t *ngx_http_deskgate_conf_service_named(
    ngx_http_deskgate_main_conf_t *mcf, const ngx_str_t *name);
void *ngx_http_deskgate_conf_find(ngx_array_t *objects, ngx_str_t *name);
ngx_uint_t ngx_http_deskgate_authenticates(
    const ngx_http_deskgate_loc_conf_t *lcf);
ngx_int_t ngx_http_deskgate_conf_load_models(ngx_conf_t *cf,
    ngx_http_deskgate_main_conf_t *mcf);
char *ngx_http_deskgate_conf_finish(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *lcf);
char *ngx_http_deskgate_trail_check(ngx_conf_t *cf,
    ngx_http_deskgate_trail_t *trail);

#endif /* NGX_HTTP_DESKGATE_CONF_H */
