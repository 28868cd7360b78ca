/*
 * Copyright (C) the deskgate authors
 *
 * A worker's trail files: batches written whole, one file per worker and
 * trail, that only this worker writes.  A failed write keeps its records and
 * marks the trail failing in the zone, until a write succeeds.
 */

#include "ngx_http_deskgate.h"

#define NGX_HTTP_DESKGATE_TRAIL_BUFFER  (512 * 1024)
#define NGX_HTTP_DESKGATE_TRAIL_ACCESS  0640


typedef struct {
    ngx_http_deskgate_trail_t  *conf;
    ngx_fd_t                    fd;
    ngx_str_t                   path;
    dg_trail_t                  batch;
    unsigned                    complained:1;
    unsigned                    failing:1;
} ngx_http_deskgate_trail_file_t;


static void ngx_http_deskgate_trail_clear(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_deskgate_trail_start(ngx_cycle_t *cycle,
    ngx_http_deskgate_trail_file_t *file);
static ngx_int_t ngx_http_deskgate_trail_open(
    ngx_http_deskgate_trail_file_t *file, ngx_log_t *log);
static void ngx_http_deskgate_trail_timer(ngx_event_t *ev);
static void ngx_http_deskgate_trail_write(
    ngx_http_deskgate_trail_file_t *file, ngx_log_t *log);
static void ngx_http_deskgate_trail_trouble(
    ngx_http_deskgate_trail_file_t *file, ngx_log_t *log, ngx_err_t err,
    const char *what);
static void ngx_http_deskgate_trail_tell(void);
static void ngx_http_deskgate_trail_reopen(
    ngx_http_deskgate_trail_file_t *file, ngx_log_t *log);
static void ngx_http_deskgate_trail_lost(
    ngx_http_deskgate_trail_file_t *file, ngx_log_t *log);


static ngx_http_deskgate_trail_file_t  *ngx_http_deskgate_trail_files;
static ngx_uint_t                       ngx_http_deskgate_trail_count;
static ngx_msec_t                       ngx_http_deskgate_trail_interval;
static ngx_event_t                      ngx_http_deskgate_trail_event;
static ngx_connection_t                 ngx_http_deskgate_trail_dummy;


/* For nginx -t: the workers must be able to write there. */

char *
ngx_http_deskgate_trail_check(ngx_conf_t *cf,
    ngx_http_deskgate_trail_t *trail)
{
    ngx_path_t       *path;
    ngx_file_info_t   fi;

    if (ngx_file_info(trail->directory.data, &fi) == NGX_FILE_ERROR) {
        if (ngx_errno != NGX_ENOENT) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                               "cannot use directory \"%V\"",
                               &trail->directory);
            return NGX_CONF_ERROR;
        }

    } else if (!ngx_is_dir(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is no directory: name one, or one that "
                           "can be made", &trail->directory);
        return NGX_CONF_ERROR;
    }

    /* nginx makes a missing one, and gives it to the workers' user */

    path = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    if (path == NULL) {
        return NGX_CONF_ERROR;
    }

    path->name = trail->directory;
    path->conf_file = cf->conf_file->file.name.data;
    path->line = cf->conf_file->line;

    return ngx_add_path(cf, &path) == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_deskgate_trail_init_worker(ngx_cycle_t *cycle,
    ngx_http_deskgate_main_conf_t *mcf)
{
    ngx_uint_t                        i;
    ngx_http_deskgate_trail_t       **trails;
    ngx_http_deskgate_trail_file_t   *file;

    ngx_http_deskgate_trail_files = ngx_pcalloc(cycle->pool,
        mcf->trails.nelts * sizeof(ngx_http_deskgate_trail_file_t) + 1);

    if (ngx_http_deskgate_trail_files == NULL) {
        return NGX_ERROR;
    }

    trails = mcf->trails.elts;
    ngx_http_deskgate_trail_count = mcf->trails.nelts;
    ngx_http_deskgate_trail_interval = NGX_HTTP_DESKGATE_TRAIL_FLUSH;

    ngx_http_deskgate_trail_clear(cycle);

    for (i = 0; i < mcf->trails.nelts; i++) {
        file = &ngx_http_deskgate_trail_files[i];
        file->conf = trails[i];

        ngx_http_deskgate_trail_interval =
            ngx_min(ngx_http_deskgate_trail_interval, trails[i]->flush);

        if (ngx_http_deskgate_trail_start(cycle, file) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (mcf->trails.nelts == 0) {
        return NGX_OK;
    }

    ngx_http_deskgate_trail_dummy.fd = (ngx_socket_t) -1;

    ngx_http_deskgate_trail_event.handler = ngx_http_deskgate_trail_timer;
    ngx_http_deskgate_trail_event.log = cycle->log;
    ngx_http_deskgate_trail_event.data = &ngx_http_deskgate_trail_dummy;

    /* it must not keep a worker from a graceful end */
    ngx_http_deskgate_trail_event.cancelable = 1;

    ngx_add_timer(&ngx_http_deskgate_trail_event,
                  ngx_http_deskgate_trail_interval);

    return NGX_OK;
}


/*
 * What workers before this one said of their trails, and workers that are
 * not there any more since there are fewer, stops no call.
 */

static void
ngx_http_deskgate_trail_clear(ngx_cycle_t *cycle)
{
    ngx_uint_t        i;
    dg_counters_t    *counters;
    ngx_core_conf_t  *ccf;

    counters = ngx_http_deskgate_counters();

    dg_trail_failing_set(counters, ngx_worker, false);

    if (ngx_worker != 0) {
        return;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    for (i = ngx_max(ccf->worker_processes, 1);
         i < DG_COUNTERS_WORKERS_MAX;
         i++)
    {
        dg_trail_failing_set(counters, i, false);
    }
}


static ngx_int_t
ngx_http_deskgate_trail_start(ngx_cycle_t *cycle,
    ngx_http_deskgate_trail_file_t *file)
{
    char               name[NGX_MAX_PATH];
    u_char            *p, *buffers;
    ngx_str_t         *directory;
    dg_writer_t        w;
    dg_trail_limits_t  limits;

    directory = &file->conf->directory;

    w = dg_writer(name, sizeof(name));
    dg_trail_open_name(&w, ngx_http_deskgate_span(&file->conf->name),
                       ngx_worker);

    file->path.len = directory->len + 1 + w.len;
    file->path.data = ngx_pnalloc(cycle->pool, file->path.len + 1);
    buffers = ngx_palloc(cycle->pool, 2 * NGX_HTTP_DESKGATE_TRAIL_BUFFER);

    if (file->path.data == NULL || buffers == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(file->path.data, directory->data, directory->len);
    *p++ = '/';
    p = ngx_cpymem(p, name, w.len);
    *p = '\0';

    limits = dg_trail_limits_default;
    limits.batch_age = file->conf->flush;

    file->fd = NGX_INVALID_FILE;

    if (dg_trail_init(&file->batch, buffers,
                      buffers + NGX_HTTP_DESKGATE_TRAIL_BUFFER,
                      NGX_HTTP_DESKGATE_TRAIL_BUFFER, &limits)
        != DG_OK)
    {
        return NGX_ERROR;
    }

    /* one that cannot be opened now refuses calls; it is tried again */

    if (ngx_http_deskgate_trail_open(file, cycle->log) == NGX_OK) {
        ngx_http_deskgate_trail_tell();
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_trail_open(ngx_http_deskgate_trail_file_t *file,
    ngx_log_t *log)
{
    ngx_file_info_t  fi;

    file->fd = ngx_open_file(file->path.data, NGX_FILE_APPEND,
                             NGX_FILE_CREATE_OR_OPEN,
                             NGX_HTTP_DESKGATE_TRAIL_ACCESS);

    if (file->fd == NGX_INVALID_FILE) {
        ngx_http_deskgate_trail_trouble(file, log, ngx_errno, "open");
        return NGX_ERROR;
    }

    if (ngx_fd_info(file->fd, &fi) == NGX_FILE_ERROR) {
        ngx_http_deskgate_trail_trouble(file, log, ngx_errno, "stat");
        return NGX_ERROR;
    }

    dg_trail_opened(&file->batch, ngx_file_size(&fi), ngx_current_msec);

    return NGX_OK;
}


void
ngx_http_deskgate_trail_append(ngx_http_deskgate_trail_t *trail,
    const dg_record_t *record, ngx_log_t *log)
{
    dg_err_t                         err;
    ngx_http_deskgate_trail_file_t  *file;

    file = &ngx_http_deskgate_trail_files[trail->index];

    err = dg_trail_append(&file->batch, record, ngx_current_msec);

    if (err == DG_ERR_FULL) {
        ngx_http_deskgate_trail_write(file, log);
        err = dg_trail_append(&file->batch, record, ngx_current_msec);
    }

    if (err != DG_OK) {
        dg_count(ngx_http_deskgate_counters(), DG_COUNT_TRAIL_LOST, 1);

        ngx_log_error(NGX_LOG_CRIT, log, 0,
                      "deskgate: a record was lost: trail \"%V\" has no room",
                      &trail->name);
        return;
    }

    if (dg_trail_due(&file->batch, ngx_current_msec)) {
        ngx_http_deskgate_trail_write(file, log);
    }
}


static void
ngx_http_deskgate_trail_timer(ngx_event_t *ev)
{
    ngx_uint_t                       i;
    ngx_http_deskgate_trail_file_t  *file;

    for (i = 0; i < ngx_http_deskgate_trail_count; i++) {
        file = &ngx_http_deskgate_trail_files[i];

        ngx_http_deskgate_trail_reopen(file, ev->log);

        if (file->failing
            || dg_trail_due(&file->batch, ngx_current_msec))
        {
            ngx_http_deskgate_trail_write(file, ev->log);
        }
    }

    /* also while ending: that may take as long as a client likes */

    ngx_add_timer(ev, ngx_http_deskgate_trail_interval);
}


/* As far as the system lets it; what is left stays for the next time. */

static void
ngx_http_deskgate_trail_write(ngx_http_deskgate_trail_file_t *file,
    ngx_log_t *log)
{
    ssize_t         n;
    unsigned        records;
    dg_span_t       batch;
    dg_counters_t  *counters;

    counters = ngx_http_deskgate_counters();

    if (file->fd == NGX_INVALID_FILE
        && ngx_http_deskgate_trail_open(file, log) != NGX_OK)
    {
        return;
    }

    for ( ;; ) {
        batch = dg_trail_take(&file->batch);

        if (batch.len == 0) {
            break;
        }

        n = ngx_write_fd(file->fd, (void *) batch.data, batch.len);

        if (n < 0 && ngx_errno == NGX_EINTR) {
            continue;
        }

        if (n <= 0) {
            (void) dg_trail_done(&file->batch, 0, false);
            ngx_http_deskgate_trail_trouble(file, log, n < 0 ? ngx_errno : 0,
                                            "write");
            return;
        }

        records = dg_trail_done(&file->batch, n, true);

        dg_count(counters, DG_COUNT_TRAIL_WRITTEN, records);
        dg_count(counters, DG_COUNT_TRAIL_BYTES, n);
    }

    dg_gauge_set(counters, DG_GAUGE_TRAIL_WRITTEN_AT, ngx_time());

    if (file->complained) {
        file->complained = 0;
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "deskgate: trail \"%V\" is being written again",
                      &file->conf->name);
    }

    file->failing = 0;
    ngx_http_deskgate_trail_tell();
}


/* Said once, until it works again. */

static void
ngx_http_deskgate_trail_trouble(ngx_http_deskgate_trail_file_t *file,
    ngx_log_t *log, ngx_err_t err, const char *what)
{
    dg_count(ngx_http_deskgate_counters(), DG_COUNT_TRAIL_FAILURES, 1);
    dg_gauge_set(ngx_http_deskgate_counters(), DG_GAUGE_TRAIL_FAILED_AT,
                 ngx_time());

    file->failing = 1;
    ngx_http_deskgate_trail_tell();

    if (file->complained) {
        return;
    }

    file->complained = 1;

    ngx_log_error(NGX_LOG_CRIT, log, err,
                  "deskgate: cannot %s trail file \"%V\"; calls are refused "
                  "until it works", what, &file->path);
}


/* The zone's mark of this worker stands for all of its trails. */

static void
ngx_http_deskgate_trail_tell(void)
{
    ngx_uint_t  i, failing;

    failing = 0;

    for (i = 0; i < ngx_http_deskgate_trail_count; i++) {
        failing |= ngx_http_deskgate_trail_files[i].failing;
    }

    dg_trail_failing_set(ngx_http_deskgate_counters(), ngx_worker,
                         failing != 0);
}


ngx_uint_t
ngx_http_deskgate_trail_failing(void)
{
    return dg_trail_failing(ngx_http_deskgate_counters());
}


/*
 * nginx reopens its own files after USR1; a file that was moved away is seen
 * here, at the next flush, by its name leading elsewhere.
 */

static void
ngx_http_deskgate_trail_reopen(ngx_http_deskgate_trail_file_t *file,
    ngx_log_t *log)
{
    ngx_file_info_t  named, opened;

    if (file->fd == NGX_INVALID_FILE) {
        return;
    }

    if (ngx_fd_info(file->fd, &opened) == NGX_FILE_ERROR) {
        return;
    }

    if (ngx_file_info(file->path.data, &named) != NGX_FILE_ERROR
        && ngx_file_uniq(&named) == ngx_file_uniq(&opened))
    {
        return;
    }

    /* what was appended before a move belongs to the file that was moved */

    if (opened.st_nlink) {
        ngx_http_deskgate_trail_write(file, log);
    }

    if (ngx_close_file(file->fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "closing trail file \"%V\" failed", &file->path);
    }

    /* one that nobody finds any more is not written to, whatever follows */

    file->fd = NGX_INVALID_FILE;

    if (file->batch.in_flight) {
        dg_trail_restart(&file->batch);
    }

    (void) ngx_http_deskgate_trail_open(file, log);
}


/* What could not be written until the end is gone; that is said. */

static void
ngx_http_deskgate_trail_lost(ngx_http_deskgate_trail_file_t *file,
    ngx_log_t *log)
{
    unsigned  lost;

    lost = file->batch.records[0] + file->batch.records[1];

    if (lost == 0) {
        return;
    }

    dg_count(ngx_http_deskgate_counters(), DG_COUNT_TRAIL_LOST, lost);

    ngx_log_error(NGX_LOG_CRIT, log, 0,
                  "deskgate: %ui records were lost: trail \"%V\" could not "
                  "be written before the worker ended",
                  (ngx_uint_t) lost, &file->conf->name);
}


void
ngx_http_deskgate_trail_exit_worker(ngx_cycle_t *cycle)
{
    ngx_uint_t                       i;
    ngx_http_deskgate_trail_file_t  *file;

    for (i = 0; i < ngx_http_deskgate_trail_count; i++) {
        file = &ngx_http_deskgate_trail_files[i];

        ngx_http_deskgate_trail_write(file, cycle->log);
        ngx_http_deskgate_trail_lost(file, cycle->log);

        if (file->fd != NGX_INVALID_FILE
            && ngx_close_file(file->fd) == NGX_FILE_ERROR)
        {
            ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                          "closing trail file \"%V\" failed", &file->path);
        }
    }
}
