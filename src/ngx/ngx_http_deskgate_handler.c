/*
 * Copyright (C) the deskgate authors
 *
 * The way of a call: one handler, one context, a table of small steps.  A
 * step that waits is entered again when something happened, also for no
 * reason (an aborting client), and must bear it.
 */

#include "ngx_http_deskgate_facts.h"


typedef struct {
    const char                 *name;
    ngx_http_deskgate_step_pt   run;
    ngx_uint_t                  acts;  /* skipped when only observing */
} ngx_http_deskgate_row_t;


static const ngx_http_deskgate_row_t *ngx_http_deskgate_step(
    ngx_http_deskgate_ctx_t *ctx);
static void ngx_http_deskgate_begin(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_uint_t ngx_http_deskgate_observes(ngx_http_request_t *r,
    ngx_http_deskgate_loc_conf_t *lcf);
static ngx_int_t ngx_http_deskgate_stop(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_int_t rc);
static ngx_int_t ngx_http_deskgate_intend(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
static ngx_int_t ngx_http_deskgate_let_go(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);


static const ngx_http_deskgate_row_t  ngx_http_deskgate_steps[] = {

    { "identify",     ngx_http_deskgate_identify,     0 },
    { "authenticate", ngx_http_deskgate_authenticate, 0 },
    { "read body",    ngx_http_deskgate_read_body,    0 },
    { "verify",       ngx_http_deskgate_verify,       0 },
    { "authorize",    ngx_http_deskgate_authorize,    0 },
    { "throttle",     ngx_http_deskgate_throttle,     0 },
    { "intend",       ngx_http_deskgate_intend,       0 },
    { "describe",     ngx_http_deskgate_describe,     1 },
    { "translate",    ngx_http_deskgate_translate,    1 },
    { "sign",         ngx_http_deskgate_sign,         1 },
    { "let go",       ngx_http_deskgate_let_go,       0 },
    { NULL, NULL, 0 }
};


/* where the gateway itself answers */

static const ngx_http_deskgate_row_t  ngx_http_deskgate_own_steps[] = {
    { "identify",     ngx_http_deskgate_identify_own, 0 },
    { "authenticate", ngx_http_deskgate_authenticate_own, 0 },
    { "read body",    ngx_http_deskgate_read_body,    0 },
    { "verify",       ngx_http_deskgate_verify,       0 },
    { "grant",        ngx_http_deskgate_grant,        0 },
    { "throttle",     ngx_http_deskgate_throttle,     0 },
    { "intend",       ngx_http_deskgate_intend,       0 },
    { "serve",        ngx_http_deskgate_serve,        0 },
    { NULL, NULL, 0 }
};


ngx_int_t
ngx_http_deskgate_access_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_http_deskgate_ctx_t        *ctx;
    ngx_http_deskgate_loc_conf_t   *lcf;
    const ngx_http_deskgate_row_t  *step;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_deskgate_module);

    if (!lcf->enable) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_deskgate_get_ctx(r);

    if (ctx == NULL) {
        ctx = ngx_http_deskgate_create_ctx(r);
        if (ctx == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_http_deskgate_begin(r, ctx);
    }

    if (ctx->answering) {
        return NGX_DONE;
    }

    for (step = ngx_http_deskgate_step(ctx); step->run;
         step = ngx_http_deskgate_step(ctx))
    {
        if (ctx->observing && (step->acts || ctx->refusal != DG_ALLOWED)
            && step->run != ngx_http_deskgate_let_go)
        {
            ctx->step++;
            continue;
        }

        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "deskgate step: %s", step->name);

        rc = step->run(r, ctx);

        if (rc == NGX_OK) {
            ctx->step++;
            continue;
        }

        if (rc == NGX_ERROR && ctx->observing) {
            rc = ngx_http_deskgate_refused(ctx, DG_REFUSE_INTERNAL, NULL);
        }

        if (rc == NGX_DECLINED && ctx->observing) {
            continue;
        }

        return ngx_http_deskgate_stop(r, ctx, rc);
    }

    return NGX_OK;
}


static const ngx_http_deskgate_row_t *
ngx_http_deskgate_step(ngx_http_deskgate_ctx_t *ctx)
{
    return ctx->lcf->own ? &ngx_http_deskgate_own_steps[ctx->step]
                         : &ngx_http_deskgate_steps[ctx->step];
}


static void
ngx_http_deskgate_begin(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx)
{
    ctx->started = 1;
    ctx->refusal = DG_ALLOWED;
    ctx->observing = ngx_http_deskgate_observes(r, ctx->lcf);
}


/* A value that is neither of the two, or none, is the safe one. */

static ngx_uint_t
ngx_http_deskgate_observes(ngx_http_request_t *r,
    ngx_http_deskgate_loc_conf_t *lcf)
{
    ngx_str_t  mode;

    return lcf->mode && lcf->own == NULL
           && ngx_http_complex_value(r, lcf->mode, &mode) == NGX_OK
           && mode.len == 7 && ngx_strncmp(mode.data, "observe", 7) == 0;
}


static ngx_int_t
ngx_http_deskgate_stop(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx,
    ngx_int_t rc)
{
    if (rc == NGX_AGAIN || rc == NGX_DONE) {
        return rc;
    }

    if (rc == NGX_ERROR) {
        (void) ngx_http_deskgate_refused(ctx, DG_REFUSE_INTERNAL, NULL);

    } else if (rc != NGX_DECLINED) {
        /* a status of nginx's own; the filter gives it the service's form */

        while (ngx_http_deskgate_step(ctx)->run) {
            /* an error page is not where the call goes on */
            ctx->step++;
        }

        return rc;
    }

    if (ngx_http_deskgate_body_is_coming(r)) {
        return ngx_http_deskgate_drain_body(r);
    }

    rc = ngx_http_deskgate_refuse(r, ctx);

    ngx_http_finalize_request(r, rc);
    return NGX_DONE;
}


/* For a step: `return ngx_http_deskgate_refused(ctx, code, "why")`. */

ngx_int_t
ngx_http_deskgate_refused(ngx_http_deskgate_ctx_t *ctx, dg_refusal_t refusal,
    const char *reason)
{
    ctx->refusal = refusal;

    if (reason) {
        ctx->reason.data = (u_char *) reason;
        ctx->reason.len = ngx_strlen(reason);
    }

    return NGX_DECLINED;
}


/* What cannot be recorded is not done. */

static ngx_int_t
ngx_http_deskgate_intend(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx)
{
    if (ctx->lcf->trail && ngx_http_deskgate_trail_failing()) {
        return ngx_http_deskgate_refused(ctx, DG_REFUSE_TRAIL_FAILING, NULL);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_deskgate_let_go(ngx_http_request_t *r, ngx_http_deskgate_ctx_t *ctx)
{
    if (!ctx->observing) {
        ngx_http_deskgate_guard(r);
    }

    ctx->forwarded = 1;

    ngx_http_deskgate_facts_forget(ctx);

    return NGX_OK;
}


/*
 * Access handlers are not run for subrequests, and let a call go once: what
 * we fetch is guarded from here, and so is every other way that a call can
 * take (an error page, a named location, a mirror), which may lead to a
 * location that knows nothing of deskgate.
 */

ngx_int_t
ngx_http_deskgate_preaccess_handler(ngx_http_request_t *r)
{
    ngx_http_deskgate_ctx_t       *ctx;
    ngx_http_deskgate_loc_conf_t  *lcf;

    if (ngx_http_deskgate_fetch_of(r)) {
        ngx_http_deskgate_guard(r);
        return NGX_DECLINED;
    }

    ctx = ngx_http_deskgate_get_ctx(r->main);

    if (ctx && ctx->started && !ctx->observing) {
        ngx_http_deskgate_guard(r);
        return NGX_DECLINED;
    }

    /* what was not judged comes to where calls are, past the access phase */

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_deskgate_module);

    if (lcf->enable && (r != r->main || (ctx && ctx->lcf != lcf))
        && !ngx_http_deskgate_observes(r, lcf))
    {
        ngx_http_deskgate_guard(r);
    }

    return NGX_DECLINED;
}
