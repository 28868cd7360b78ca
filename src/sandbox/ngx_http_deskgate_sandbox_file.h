/*
 * Files that the configuration names, read while it is read.
 */

#ifndef NGX_HTTP_DESKGATE_SANDBOX_FILE_H
#define NGX_HTTP_DESKGATE_SANDBOX_FILE_H

#include <ngx_config.h>
#include <ngx_core.h>

/*
 * A file with secrets: refused when group or others can write it or others
 * can read it.  Errors are logged with what to do.
 */
ngx_int_t ngx_http_deskgate_sandbox_read_secret(ngx_conf_t *cf,
    ngx_str_t *file, size_t max, ngx_str_t *text);

/* DIR/NAME and `suffix`; an absent file that is not needed is empty. */
ngx_int_t ngx_http_deskgate_sandbox_read_model(ngx_conf_t *cf,
    ngx_str_t *dir, ngx_str_t *name, const char *suffix, ngx_uint_t needed,
    ngx_str_t *file, ngx_str_t *text);

#endif
