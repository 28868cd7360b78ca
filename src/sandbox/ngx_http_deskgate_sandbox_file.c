/*
 * Files that the configuration names: see ngx_http_deskgate_sandbox_file.h.
 */

#include "ngx_http_deskgate_sandbox_file.h"

#define SANDBOX_MODEL_MAX  (8 * 1024 * 1024)


static ngx_int_t
ngx_http_deskgate_sandbox_read_fd(ngx_conf_t *cf, ngx_fd_t fd,
    ngx_str_t *file, ngx_str_t *text, ngx_uint_t secret, size_t max)
{
    off_t            size;
    ssize_t          n;
    ngx_file_info_t  fi;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", file);
        return NGX_ERROR;
    }

    if (secret && (fi.st_mode & (S_IWGRP|S_IWOTH|S_IROTH))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" holds secrets, but group or others can "
                           "write it or others can read it: chmod 0640",
                           file);
        return NGX_ERROR;
    }

    size = ngx_file_size(&fi);

    if (size > (off_t) max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is larger than %uz bytes", file, max);
        return NGX_ERROR;
    }

    text->len = (size_t) size;
    text->data = ngx_pnalloc(cf->pool, text->len + 1);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, text->data, text->len);

    if (n != (ssize_t) text->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, n == -1 ? ngx_errno : 0,
                           ngx_read_fd_n " \"%V\" failed", file);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_sandbox_read(ngx_conf_t *cf, ngx_str_t *file,
    ngx_str_t *text, ngx_uint_t secret, ngx_uint_t needed, size_t max)
{
    ngx_fd_t   fd;
    ngx_int_t  rc;

    ngx_str_null(text);

    fd = ngx_open_file(file->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        if (!needed && ngx_errno == NGX_ENOENT) {
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", file);
        return NGX_ERROR;
    }

    rc = ngx_http_deskgate_sandbox_read_fd(cf, fd, file, text, secret, max);

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", file);
    }

    return rc;
}


ngx_int_t
ngx_http_deskgate_sandbox_read_secret(ngx_conf_t *cf, ngx_str_t *file,
    size_t max, ngx_str_t *text)
{
    if (ngx_conf_full_name(cf->cycle, file, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_deskgate_sandbox_read(cf, file, text, 1, 1, max);
}


ngx_int_t
ngx_http_deskgate_sandbox_read_model(ngx_conf_t *cf, ngx_str_t *dir,
    ngx_str_t *name, const char *suffix, ngx_uint_t needed, ngx_str_t *file,
    ngx_str_t *text)
{
    size_t   len = dir->len + 1 + name->len + ngx_strlen(suffix);
    u_char  *p;

    p = ngx_pnalloc(cf->pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    file->data = p;
    file->len = len;
    (void) ngx_sprintf(p, "%V/%V%s%Z", dir, name, suffix);

    return ngx_http_deskgate_sandbox_read(cf, file, text, 0, needed,
                                          SANDBOX_MODEL_MAX);
}
