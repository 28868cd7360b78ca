/*
 * Copyright (C) the deskgate authors
 *
 * Files that configuration names: read once by the master, as root; what is
 * wrong with one is told with its name and line.
 */

#include "ngx_http_deskgate.h"


static ngx_int_t ngx_http_deskgate_file_safe(ngx_conf_t *cf, ngx_str_t *path,
    ngx_fd_t fd, ngx_file_info_t *fi, ngx_uint_t secret);
static ngx_int_t ngx_http_deskgate_file_load(ngx_conf_t *cf, ngx_str_t *path,
    ngx_fd_t fd, ngx_file_info_t *fi, dg_span_t *text);
static ngx_int_t ngx_http_deskgate_file_remember(ngx_conf_t *cf,
    ngx_str_t *path, const char *kind, dg_span_t text);


/*
 * Reads a whole file into cf->temp_pool, NUL behind it.  `secret`: it must
 * not be readable by others; none may be writable by group or others.
 */

ngx_int_t
ngx_http_deskgate_file_read(ngx_conf_t *cf, ngx_str_t *path, const char *kind,
    ngx_uint_t secret, dg_span_t *text)
{
    ngx_fd_t         fd;
    ngx_int_t        rc;
    ngx_file_info_t  fi;

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot open %s file \"%V\"", kind, path);
        return NGX_ERROR;
    }

    rc = ngx_http_deskgate_file_safe(cf, path, fd, &fi, secret);

    if (rc == NGX_OK) {
        rc = ngx_http_deskgate_file_load(cf, path, fd, &fi, text);
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno,
                           "closing \"%V\" failed", path);
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_deskgate_file_remember(cf, path, kind, *text);
}


static ngx_int_t
ngx_http_deskgate_file_safe(ngx_conf_t *cf, ngx_str_t *path, ngx_fd_t fd,
    ngx_file_info_t *fi, ngx_uint_t secret)
{
    if (ngx_fd_info(fd, fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot stat \"%V\"", path);
        return NGX_ERROR;
    }

    if (!ngx_is_file(fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a regular file", path);
        return NGX_ERROR;
    }

    if (fi->st_mode & (S_IWGRP|S_IWOTH)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" can be written by group or others: "
                           "chmod go-w \"%V\"", path, path);
        return NGX_ERROR;
    }

    if (secret && (fi->st_mode & S_IROTH)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" holds secrets and can be read by others: "
                           "chmod o-r \"%V\"", path, path);
        return NGX_ERROR;
    }

    if (ngx_file_size(fi) > NGX_HTTP_DESKGATE_FILE_LIMIT) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is larger than %d bytes", path,
                           NGX_HTTP_DESKGATE_FILE_LIMIT);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_file_load(ngx_conf_t *cf, ngx_str_t *path, ngx_fd_t fd,
    ngx_file_info_t *fi, dg_span_t *text)
{
    size_t   size;
    u_char  *buf;
    ssize_t  n;

    size = ngx_file_size(fi);

    buf = ngx_pnalloc(cf->temp_pool, size + 1);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, buf, size);

    if (n == -1 || (size_t) n != size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, n == -1 ? ngx_errno : 0,
                           "cannot read \"%V\" whole", path);
        return NGX_ERROR;
    }

    buf[size] = '\0';
    *text = dg_span(buf, size);

    return NGX_OK;
}


/* The hash of each file is on the status page. */

static ngx_int_t
ngx_http_deskgate_file_remember(ngx_conf_t *cf, ngx_str_t *path,
    const char *kind, dg_span_t text)
{
    ngx_uint_t                      i;
    ngx_http_deskgate_file_t       *file;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);
    file = mcf->files.elts;

    for (i = 0; i < mcf->files.nelts; i++) {
        if (file[i].path.len == path->len
            && ngx_strncmp(file[i].path.data, path->data, path->len) == 0)
        {
            return NGX_OK;
        }
    }

    file = ngx_array_push(&mcf->files);
    if (file == NULL) {
        return NGX_ERROR;
    }

    file->path = *path;
    file->kind = kind;

    return dg_sha256_hex(mcf->crypto, text, (char *) file->hash) == DG_OK
           ? NGX_OK : NGX_ERROR;
}


/*
 * While serving: a token that somebody else writes and renews.  The blanks
 * and the line's end at its end are not part of it.
 */

ngx_int_t
ngx_http_deskgate_file_token(ngx_http_request_t *r, const ngx_str_t *path,
    dg_arena_t *arena, dg_span_t *token)
{
    u_char    *buf;
    ssize_t    n;
    ngx_fd_t   fd;

    buf = dg_arena_alloc(arena, DG_STS_TOKEN_MAX + 1);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, ngx_errno,
                      "deskgate: cannot open token file \"%V\"", path);
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, buf, DG_STS_TOKEN_MAX + 1);

    if (n == -1) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, ngx_errno,
                      "deskgate: cannot read token file \"%V\"", path);
    }

    (void) ngx_close_file(fd);

    while (n > 0 && buf[n - 1] <= ' ') {
        n--;
    }

    *token = dg_span(buf, n > 0 ? n : 0);

    if (n <= 0 || n > DG_STS_TOKEN_MAX || !dg_text_is_graphic(*token)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "deskgate: token file \"%V\" holds no token", path);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_deskgate_file_diag(ngx_conf_t *cf, ngx_str_t *path,
    const dg_diag_t *diag)
{
    if (diag->line) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V:%ui:%ui: %s", path,
                           (ngx_uint_t) diag->line,
                           (ngx_uint_t) diag->column, diag->text);
        return;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V: %s", path, diag->text);
}
