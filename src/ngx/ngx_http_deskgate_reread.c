/*
 * Copyright (C) the deskgate authors
 *
 * Files that take effect without a reload.  The master reads them with the
 * configuration; each worker looks every second whether one has changed,
 * and takes what it says now when that is right.  A broken file changes
 * nothing.  A call keeps what it began with.
 */

#include "ngx_http_deskgate_conf.h"

#include <grp.h>
#include <pwd.h>

#define NGX_HTTP_DESKGATE_REREAD_EVERY   1000  /* ms */
#define NGX_HTTP_DESKGATE_REREAD_RECENT  2     /* seconds */
#define NGX_HTTP_DESKGATE_REREAD_GROUPS  64


/* Who the workers are. */
typedef struct {
    uid_t        uid;
    gid_t        groups[NGX_HTTP_DESKGATE_REREAD_GROUPS];
    int          count;
    const char  *name;
} ngx_http_deskgate_reader_t;


static void ngx_http_deskgate_reread_cleanup(void *data);
static ngx_int_t ngx_http_deskgate_reread_reader(ngx_conf_t *cf,
    ngx_http_deskgate_reader_t *reader);
static ngx_int_t ngx_http_deskgate_reread_readable(ngx_conf_t *cf,
    ngx_http_deskgate_reader_t *reader, ngx_str_t *path);
static void ngx_http_deskgate_reread_timer(ngx_event_t *ev);
static void ngx_http_deskgate_reread_all(void);
static void ngx_http_deskgate_reread_look(ngx_http_deskgate_reread_t *file,
    ngx_http_deskgate_reread_state_t *state);
static void ngx_http_deskgate_reread_take(ngx_http_deskgate_reread_t *file,
    ngx_http_deskgate_reread_state_t *state, ngx_pool_t *pool);
static void ngx_http_deskgate_reread_refused(ngx_http_deskgate_reread_t *file,
    ngx_http_deskgate_reread_state_t *state, ngx_err_t err,
    const char *wrong);
static void ngx_http_deskgate_reread_unuse(void *data);


static ngx_connection_t  ngx_http_deskgate_reread_dummy;


static void *
ngx_http_deskgate_reread_grow(void *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


/* Reads a file with the configuration; NULL when it is wrong. */

ngx_http_deskgate_reread_t *
ngx_http_deskgate_reread_add(ngx_conf_t *cf, ngx_str_t *path,
    const ngx_http_deskgate_reread_type_t *type, void *object,
    dg_diag_t *diag)
{
    dg_err_t                        err;
    dg_span_t                       text;
    ngx_pool_cleanup_t             *cln;
    ngx_http_deskgate_reread_t     *file, **slot;
    ngx_http_deskgate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    if (ngx_http_deskgate_file_read(cf, path, type->kind, type->secret, &text)
        != NGX_OK)
    {
        return NULL;
    }

    file = ngx_pcalloc(cf->pool, sizeof(ngx_http_deskgate_reread_t));
    slot = ngx_array_push(&mcf->rereads);
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (file == NULL || slot == NULL || cln == NULL
        || dg_sha256_hex(mcf->crypto, text, (char *) file->hash) != DG_OK)
    {
        return NULL;
    }

    ngx_memzero(diag, sizeof(dg_diag_t));

    file->path = *path;
    file->type = type;
    file->object = object;
    file->index = mcf->rereads.nelts - 1;
    *slot = file;

    err = type->parse(object, &mcf->arena, text, diag, &file->data);
    dg_wipe((void *) text.data, text.len);

    if (err != DG_OK) {
        ngx_http_deskgate_file_diag(cf, path, diag);
        return NULL;
    }

    cln->handler = ngx_http_deskgate_reread_cleanup;
    cln->data = file;

    return file;
}


static void
ngx_http_deskgate_reread_cleanup(void *data)
{
    ngx_http_deskgate_reread_t  *file = data;

    file->type->release(file->data);
}


/* What the workers could never read again is not taken at all. */

ngx_int_t
ngx_http_deskgate_reread_check(ngx_conf_t *cf)
{
    ngx_uint_t                       i;
    ngx_http_deskgate_reader_t       reader;
    ngx_http_deskgate_reread_t     **file;
    ngx_http_deskgate_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_deskgate_module);

    if (mcf->rereads.nelts == 0 || geteuid() != 0) {
        return NGX_OK;
    }

    if (ngx_http_deskgate_reread_reader(cf, &reader) != NGX_OK) {
        return NGX_ERROR;
    }

    if (reader.uid == 0) {
        return NGX_OK;
    }

    file = mcf->rereads.elts;

    for (i = 0; i < mcf->rereads.nelts; i++) {
        if (ngx_http_deskgate_reread_readable(cf, &reader, &file[i]->path)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_reread_reader(ngx_conf_t *cf,
    ngx_http_deskgate_reader_t *reader)
{
    gid_t             gid;
    struct passwd    *pwd;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);

    /* nginx puts its default when the whole configuration is read */

    reader->name = ccf->user == (ngx_uid_t) NGX_CONF_UNSET_UINT
                   ? NGX_USER : ccf->username;

    ngx_set_errno(0);
    pwd = getpwnam(reader->name);

    if (pwd == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "user \"%s\" of the workers is not known",
                           reader->name);
        return NGX_ERROR;
    }

    reader->uid = pwd->pw_uid;
    gid = ccf->user == (ngx_uid_t) NGX_CONF_UNSET_UINT ? pwd->pw_gid
                                                       : ccf->group;
    reader->count = NGX_HTTP_DESKGATE_REREAD_GROUPS;

    if (getgrouplist(reader->name, gid, reader->groups, &reader->count)
        == -1)
    {
        reader->count = NGX_HTTP_DESKGATE_REREAD_GROUPS;
    }

    return NGX_OK;
}


/* `others` is the bit for others; its like for owner and group stand above. */

static ngx_uint_t
ngx_http_deskgate_reread_may(ngx_http_deskgate_reader_t *reader,
    ngx_file_info_t *fi, mode_t others)
{
    int  i;

    if (fi->st_uid == reader->uid) {
        return (fi->st_mode & (others << 6)) != 0;
    }

    for (i = 0; i < reader->count; i++) {
        if (fi->st_gid == reader->groups[i]) {
            return (fi->st_mode & (others << 3)) != 0;
        }
    }

    return (fi->st_mode & others) != 0;
}


static ngx_int_t
ngx_http_deskgate_reread_readable(ngx_conf_t *cf,
    ngx_http_deskgate_reader_t *reader, ngx_str_t *path)
{
    u_char           *name, *p;
    ngx_uint_t        may;
    ngx_file_info_t   fi;

    name = ngx_pnalloc(cf->temp_pool, path->len + 1);
    if (name == NULL) {
        return NGX_ERROR;
    }

    ngx_cpystrn(name, path->data, path->len + 1);

    for (p = name + 1; *p; p++) {
        if (*p != '/') {
            continue;
        }

        *p = '\0';
        may = ngx_file_info(name, &fi) != NGX_FILE_ERROR
              && ngx_http_deskgate_reread_may(reader, &fi, S_IXOTH);

        if (!may) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is read again when it changes, and "
                               "user \"%s\" of the workers may not enter "
                               "\"%s\"", path, reader->name, name);
            return NGX_ERROR;
        }

        *p = '/';
    }

    may = ngx_file_info(name, &fi) != NGX_FILE_ERROR
          && ngx_http_deskgate_reread_may(reader, &fi, S_IROTH);

    if (!may) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is read again when it changes, and user "
                           "\"%s\" of the workers may not read it: give it "
                           "to a group of that user and chmod 0640",
                           path, reader->name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* In a worker */

ngx_int_t
ngx_http_deskgate_reread_init_worker(ngx_cycle_t *cycle)
{
    ngx_uint_t                       i, n;
    ngx_event_t                     *ev;
    ngx_http_deskgate_reread_t     **file;
    ngx_http_deskgate_worker_t      *worker;
    ngx_http_deskgate_content_t     *contents;

    worker = &ngx_http_deskgate_worker;
    file = worker->mcf->rereads.elts;
    n = worker->mcf->rereads.nelts;

    if (n == 0) {
        return NGX_OK;
    }

    worker->rereads = ngx_pcalloc(cycle->pool,
                            n * sizeof(ngx_http_deskgate_reread_state_t));
    contents = ngx_pcalloc(cycle->pool,
                           n * sizeof(ngx_http_deskgate_content_t));

    if (worker->rereads == NULL || contents == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        contents[i].data = file[i]->data;
        contents[i].users = 1;
        ngx_memcpy(contents[i].hash, file[i]->hash, DG_SHA256_HEX_SIZE);

        worker->rereads[i].content = &contents[i];
    }

    /* a worker that follows a dead one begins with what that one knew */

    ngx_http_deskgate_reread_all();

    ngx_http_deskgate_reread_dummy.fd = (ngx_socket_t) -1;

    ev = &worker->reread;
    ev->handler = ngx_http_deskgate_reread_timer;
    ev->log = cycle->log;
    ev->data = &ngx_http_deskgate_reread_dummy;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_DESKGATE_REREAD_EVERY);

    return NGX_OK;
}


static void
ngx_http_deskgate_reread_timer(ngx_event_t *ev)
{
    if (ngx_exiting) {
        return;
    }

    ngx_http_deskgate_reread_all();
    ngx_add_timer(ev, NGX_HTTP_DESKGATE_REREAD_EVERY);
}


static void
ngx_http_deskgate_reread_all(void)
{
    ngx_uint_t                    i;
    ngx_http_deskgate_reread_t  **file;
    ngx_http_deskgate_worker_t   *worker;

    worker = &ngx_http_deskgate_worker;
    file = worker->mcf->rereads.elts;

    for (i = 0; i < worker->mcf->rereads.nelts; i++) {
        ngx_http_deskgate_reread_look(file[i], &worker->rereads[i]);
    }
}


static ngx_http_deskgate_seen_t
ngx_http_deskgate_reread_seen(ngx_file_info_t *fi)
{
    ngx_http_deskgate_seen_t  seen;

    ngx_memzero(&seen, sizeof(ngx_http_deskgate_seen_t));

    seen.device = fi->st_dev;
    seen.inode = fi->st_ino;
    seen.mode = fi->st_mode;
    seen.size = fi->st_size;
    seen.modified = fi->st_mtim;
    seen.changed = fi->st_ctim;

    return seen;
}


/*
 * Somebody may write twice within one tick of the file system's clock: what
 * changed just now is read again until it is some seconds old.
 */

static void
ngx_http_deskgate_reread_look(ngx_http_deskgate_reread_t *file,
    ngx_http_deskgate_reread_state_t *state)
{
    time_t                     age;
    ngx_err_t                  err;
    ngx_pool_t                *pool;
    ngx_uint_t                 changed;
    ngx_file_info_t            fi;
    ngx_http_deskgate_seen_t   seen;

    ngx_memzero(&seen, sizeof(ngx_http_deskgate_seen_t));
    err = 0;

    if (ngx_file_info(file->path.data, &fi) == NGX_FILE_ERROR) {
        err = ngx_errno;

    } else {
        seen = ngx_http_deskgate_reread_seen(&fi);
    }

    changed = ngx_memcmp(&seen, &state->seen,
                         sizeof(ngx_http_deskgate_seen_t)) != 0;

    if (changed) {
        state->seen = seen;
        state->said = 0;
    }

    if (err) {
        ngx_http_deskgate_reread_refused(file, state, err, "is not there");
        return;
    }

    if (!changed && state->settled) {
        return;
    }

    age = ngx_time() - fi.st_ctime;
    state->settled = age > NGX_HTTP_DESKGATE_REREAD_RECENT
                     || age < -NGX_HTTP_DESKGATE_REREAD_RECENT;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);

    if (pool == NULL) {
        ngx_http_deskgate_reread_refused(file, state, 0, "has no memory");
        return;
    }

    ngx_http_deskgate_reread_take(file, state, pool);
}


static void
ngx_http_deskgate_reread_take(ngx_http_deskgate_reread_t *file,
    ngx_http_deskgate_reread_state_t *state, ngx_pool_t *pool)
{
    u_char                        hash[DG_SHA256_HEX_SIZE];
    dg_err_t                      rc;
    dg_diag_t                     diag;
    dg_span_t                     text;
    ngx_err_t                     err;
    const char                   *wrong;
    ngx_file_info_t               fi;
    ngx_http_deskgate_content_t  *content;

    wrong = ngx_http_deskgate_file_get(file->path.data, file->type->secret,
                                       pool, &fi, &text, &err);
    if (wrong) {
        ngx_destroy_pool(pool);
        ngx_http_deskgate_reread_refused(file, state, err, wrong);
        return;
    }

    ngx_memzero(&diag, sizeof(dg_diag_t));
    content = ngx_pcalloc(pool, sizeof(ngx_http_deskgate_content_t));

    rc = content ? dg_sha256_hex(ngx_http_deskgate_worker.crypto, text,
                                 (char *) hash)
                 : DG_ERR_MEMORY;

    if (rc == DG_OK && ngx_memcmp(hash, state->content->hash,
                                  DG_SHA256_HEX_SIZE) == 0)
    {
        dg_wipe((void *) text.data, text.len);
        ngx_destroy_pool(pool);
        state->failed_at = 0;
        return;
    }

    if (rc == DG_OK) {
        dg_arena_init_grow(&content->arena, ngx_http_deskgate_reread_grow,
                           pool, NGX_HTTP_DESKGATE_CONF_CHUNK,
                           NGX_HTTP_DESKGATE_CONF_LIMIT);

        rc = file->type->parse(file->object, &content->arena, text, &diag,
                               &content->data);
    }

    dg_wipe((void *) text.data, text.len);

    if (rc == DG_OK && file->type->complete) {
        rc = file->type->complete(file->object, &content->arena,
                                  content->data, &diag);
        if (rc != DG_OK) {
            file->type->release(content->data);
        }
    }

    if (rc != DG_OK) {
        ngx_destroy_pool(pool);
        ngx_snprintf((u_char *) state->wrong, sizeof(state->wrong),
                     "is broken at %ui:%ui: %s%Z", (ngx_uint_t) diag.line,
                     (ngx_uint_t) diag.column, diag.text);
        state->wrong[sizeof(state->wrong) - 1] = '\0';
        ngx_http_deskgate_reread_refused(file, state, 0, state->wrong);
        return;
    }

    content->pool = pool;
    content->users = 1;
    content->release = file->type->release;
    ngx_memcpy(content->hash, hash, DG_SHA256_HEX_SIZE);

    ngx_http_deskgate_reread_leave(state->content);

    state->content = content;
    state->read_at = ngx_time();
    state->failed_at = 0;

    dg_count(ngx_http_deskgate_counters(), DG_COUNT_FILES_READ, 1);

    if (file->type->changed) {
        file->type->changed();
    }

    ngx_log_error((ngx_uint_t) (ngx_worker == 0 ? NGX_LOG_NOTICE
                                                : NGX_LOG_INFO),
                  ngx_cycle->log, 0, "deskgate took what %s file \"%V\" "
                  "says now", file->type->kind, &file->path);
}


/* Said once by one worker; the others say it where it disturbs nobody. */

static void
ngx_http_deskgate_reread_refused(ngx_http_deskgate_reread_t *file,
    ngx_http_deskgate_reread_state_t *state, ngx_err_t err, const char *wrong)
{
    if (wrong != state->wrong) {
        ngx_cpystrn((u_char *) state->wrong, (u_char *) wrong,
                    sizeof(state->wrong));
    }

    if (state->failed_at == 0 || !state->said) {
        state->failed_at = ngx_time();
        state->said = 1;

        dg_count(ngx_http_deskgate_counters(), DG_COUNT_FILES_REFUSED, 1);

        ngx_log_error((ngx_uint_t) (ngx_worker == 0 ? NGX_LOG_ERR
                                                    : NGX_LOG_INFO),
                      ngx_cycle->log, err, "deskgate goes on with what %s "
                      "file \"%V\" said before: it %s", file->type->kind,
                      &file->path, state->wrong);
    }
}


/* What a file says now.  A call that keeps it must hold it and leave it. */

ngx_http_deskgate_content_t *
ngx_http_deskgate_reread_now(const ngx_http_deskgate_reread_t *file)
{
    return ngx_http_deskgate_worker.rereads[file->index].content;
}


void
ngx_http_deskgate_reread_hold(ngx_http_deskgate_content_t *content)
{
    content->users++;
}


/* What it says now, for as long as the request lives; NULL: no memory. */

void *
ngx_http_deskgate_reread_use(ngx_http_request_t *r,
    const ngx_http_deskgate_reread_t *file)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_deskgate_content_t  *content;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    content = ngx_http_deskgate_reread_now(file);
    ngx_http_deskgate_reread_hold(content);

    cln->handler = ngx_http_deskgate_reread_unuse;
    cln->data = content;

    return content->data;
}


static void
ngx_http_deskgate_reread_unuse(void *data)
{
    ngx_http_deskgate_reread_leave(data);
}


void
ngx_http_deskgate_reread_leave(ngx_http_deskgate_content_t *content)
{
    if (--content->users || content->pool == NULL) {
        return;
    }

    content->release(content->data);
    ngx_destroy_pool(content->pool);
}


void
ngx_http_deskgate_reread_exit_worker(void)
{
    ngx_uint_t                   i;
    ngx_http_deskgate_worker_t  *worker;

    worker = &ngx_http_deskgate_worker;

    for (i = 0; i < worker->mcf->rereads.nelts; i++) {
        ngx_http_deskgate_reread_leave(worker->rereads[i].content);
    }
}
