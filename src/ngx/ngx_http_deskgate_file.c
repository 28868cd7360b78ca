/*
 * Copyright (C) the deskgate authors
 *
 * Files that configuration names: read by the master, as root; what is wrong
 * with one is told with its name and line.
 */

#include "ngx_http_deskgate.h"


static const char *ngx_http_deskgate_file_safe(ngx_file_info_t *fi,
    ngx_uint_t secret);
static const char *ngx_http_deskgate_file_load(ngx_pool_t *pool, ngx_fd_t fd,
    ngx_file_info_t *fi, dg_span_t *text);
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
    const char       *wrong;
    ngx_err_t         err;
    ngx_file_info_t   fi;

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    wrong = ngx_http_deskgate_file_get(path->data, secret, cf->temp_pool, &fi,
                                       text, &err);
    if (wrong) {
        if (err) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, err,
                               "cannot open %s file \"%V\"", kind, path);

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" %s", path,
                               wrong);
        }

        return NGX_ERROR;
    }

    return ngx_http_deskgate_file_remember(cf, path, kind, *text);
}


/*
 * The same for whoever logs by himself: NULL, or what is wrong, to be read
 * behind the file's name, and the system's error or 0.  *fi is of the file
 * that was read.
 */

const char *
ngx_http_deskgate_file_get(u_char *path, ngx_uint_t secret, ngx_pool_t *pool,
    ngx_file_info_t *fi, dg_span_t *text, ngx_err_t *err)
{
    ngx_fd_t     fd;
    const char  *wrong;

    /* a pipe is not waited for */

    fd = ngx_open_file(path, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        *err = ngx_errno;
        return "cannot be opened";
    }

    *err = 0;

    if (ngx_fd_info(fd, fi) == NGX_FILE_ERROR) {
        *err = ngx_errno;
        wrong = "cannot be opened";

    } else {
        wrong = ngx_http_deskgate_file_safe(fi, secret);
    }

    if (wrong == NULL) {
        wrong = ngx_http_deskgate_file_load(pool, fd, fi, text);
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR && wrong == NULL) {
        *err = ngx_errno;
        return "cannot be opened";
    }

    return wrong;
}


static const char *
ngx_http_deskgate_file_safe(ngx_file_info_t *fi, ngx_uint_t secret)
{
    if (!ngx_is_file(fi)) {
        return "is not a regular file";
    }

    if (fi->st_mode & (S_IWGRP|S_IWOTH)) {
        return "can be written by group or others: chmod go-w it";
    }

    if (secret && (fi->st_mode & S_IROTH)) {
        return "holds secrets and can be read by others: chmod o-r it";
    }

    if (ngx_file_size(fi) > NGX_HTTP_DESKGATE_FILE_LIMIT) {
        return "is larger than 4 MB";
    }

    return NULL;
}


static const char *
ngx_http_deskgate_file_load(ngx_pool_t *pool, ngx_fd_t fd,
    ngx_file_info_t *fi, dg_span_t *text)
{
    size_t   size;
    u_char  *buf;
    ssize_t  n;

    size = ngx_file_size(fi);

    buf = ngx_pnalloc(pool, size + 1);
    if (buf == NULL) {
        return "needs more memory than there is";
    }

    n = ngx_read_fd(fd, buf, size);

    if (n == -1 || (size_t) n != size) {
        dg_wipe(buf, size);
        return "cannot be read whole";
    }

    buf[size] = '\0';
    *text = dg_span(buf, size);

    return NULL;
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
