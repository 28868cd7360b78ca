/*
 * Shared parts of deskgate-policy: see policy_tool.h.
 */

#define _POSIX_C_SOURCE  200809L

#include "policy_tool.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX_SIZE  (16 * 1024 * 1024)
#define ARENA_CHUNK    (1024 * 1024)
#define ARENA_LIMIT    ((size_t) 1 << 30)
#define PATH_SIZE      4096
#define OVERLAY        ".overlay.json"


static void *
grow(void *ctx, size_t size)
{
    (void) ctx;
    return malloc(size);
}


void
policy_tool_init(policy_tool_t *tool)
{
    memset(tool, 0, sizeof(*tool));
    tool->strict = true;
    tool->color = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
    dg_arena_init_grow(&tool->arena, grow, NULL, ARENA_CHUNK, ARENA_LIMIT);
}


void
policy_complain(const char *format, ...)
{
    va_list  args;

    fputs("deskgate-policy: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}


const char *
policy_color(const policy_tool_t *tool, const char *sequence)
{
    return tool->color && !tool->json ? sequence : "";
}


void
policy_print_json(dg_span_t text)
{
    size_t       room = text.len * 6 + 2;
    uint8_t     *buffer = malloc(room);
    dg_writer_t  w;

    if (buffer == NULL) {
        fputs("null", stdout);
        return;
    }

    w = dg_writer(buffer, room);
    dg_json_write_string(&w, text);
    fwrite(w.data, 1, w.len, stdout);
    free(buffer);
}


void
policy_print(dg_span_t text)
{
    fwrite(text.data, 1, text.len, stdout);
}


void
policy_print_member(const char *name, dg_span_t text)
{
    printf(",\"%s\":", name);
    policy_print_json(text);
}


dg_span_t
policy_member(const dg_json_t *object, const char *name)
{
    dg_span_t  text = DG_SPAN_EMPTY;

    (void) dg_json_string(object, dg_span_cstr(name), &text);
    return text;
}


static dg_span_t
read_stream(policy_tool_t *tool, FILE *in, const char *path)
{
    size_t    room = 64 * 1024, used = 0, n;
    uint8_t  *data = dg_arena_alloc(&tool->arena, room), *more;

    while (data != NULL) {
        n = fread(data + used, 1, room - used, in);
        used += n;

        if (n == 0) {
            return ferror(in) ? DG_SPAN_EMPTY : dg_span(data, used);
        }

        if (used < room) {
            continue;
        }

        if (room >= FILE_MAX_SIZE) {
            policy_complain("%s is larger than 16 MiB", path);
            errno = EFBIG;
            return DG_SPAN_EMPTY;
        }

        more = dg_arena_alloc(&tool->arena, room * 2);
        if (more != NULL) {
            memcpy(more, data, used);
        }

        data = more;
        room *= 2;
    }

    return DG_SPAN_EMPTY;
}


dg_span_t
policy_file_read(policy_tool_t *tool, const char *path)
{
    FILE      *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    dg_span_t  text = DG_SPAN_EMPTY;

    if (in != NULL) {
        text = read_stream(tool, in, path);

        if (in != stdin) {
            fclose(in);
        }
    }

    if (text.data == NULL) {
        policy_complain("cannot read %s: %s", path, strerror(errno));
    }

    return text;
}


/* Models */

static bool
load_model(policy_tool_t *tool, const char *file)
{
    char           path[PATH_SIZE];
    dg_diag_t      diag = { 0, 0, "" };
    dg_span_t      model, overlay = DG_SPAN_EMPTY;
    dg_service_t  *service;
    size_t         name = strlen(file) - strlen(".json");

    snprintf(path, sizeof(path), "%s/%.*s%s", tool->models, (int) name, file,
             OVERLAY);

    if (access(path, R_OK) == 0) {
        overlay = policy_file_read(tool, path);
    }

    snprintf(path, sizeof(path), "%s/%s", tool->models, file);
    model = policy_file_read(tool, path);

    if (model.data == NULL) {
        return false;
    }

    if (tool->service_count == POLICY_TOOL_SERVICES
        || dg_model_load(&tool->arena, dg_span(file, name), model, overlay,
                         &diag, &service) != DG_OK)
    {
        policy_complain("%s:%u:%u: %s", path, diag.line, diag.column,
                        diag.text[0] ? diag.text : "too many models");
        return false;
    }

    tool->services[tool->service_count++] = service;
    return true;
}


/* NAME.json; NAME.overlay.json and the like stand beside a model. */
static bool
is_model(const char *file)
{
    const char  *dot = strchr(file, '.');

    return dot != NULL && dot != file && strcmp(dot, ".json") == 0;
}


bool
policy_models_load(policy_tool_t *tool)
{
    DIR                           *dir;
    struct dirent                 *entry;
    bool                           good = true;
    dg_policy_catalogue_source_t   source;

    if (tool->models == NULL) {
        return true;
    }

    dir = opendir(tool->models);
    if (dir == NULL) {
        policy_complain("cannot read %s: %s", tool->models, strerror(errno));
        return false;
    }

    while (good && (entry = readdir(dir)) != NULL) {
        if (is_model(entry->d_name)) {
            good = load_model(tool, entry->d_name);
        }
    }

    closedir(dir);

    source = (dg_policy_catalogue_source_t) {
        tool->services, tool->service_count, tool->issuers,
        tool->issuer_count, tool->issuer_count == 0, true
    };

    return good && dg_policy_catalogue_create(&tool->arena, &source,
                                              &tool->catalogue) == DG_OK;
}


/* Documents */

bool
policy_form_parse(dg_span_t name, dg_policy_form_t *form)
{
    for (unsigned f = 0; f < DG_POLICY_FORMS; f++) {
        *form = (dg_policy_form_t) f;

        if (dg_span_equal(name, dg_span_cstr(dg_policy_form_name(*form)))) {
            return true;
        }
    }

    return false;
}


static void
report(void *ctx, dg_policy_severity_t severity, const dg_diag_t *diag)
{
    policy_tool_t  *tool = ctx;
    bool            error = severity == DG_POLICY_ERROR;

    if (error) {
        tool->errors++;

    } else {
        tool->warnings++;

        if (tool->quiet) {
            return;
        }
    }

    if (tool->json) {
        fputs("{\"file\":", stdout);
        policy_print_json(dg_span_cstr(tool->file));
        printf(",\"line\":%u,\"column\":%u,\"severity\":\"%s\",\"text\":",
               diag->line, diag->column, error ? "error" : "warning");
        policy_print_json(dg_span_cstr(diag->text));
        puts("}");
        return;
    }

    printf("%s:%u:%u: %s%s%s: %s\n", tool->file, diag->line, diag->column,
           policy_color(tool, error ? "\033[31m" : "\033[33m"),
           error ? "error" : "warning", policy_color(tool, "\033[0m"),
           diag->text);
}


const dg_policy_t *
policy_document_load(policy_tool_t *tool, const char *file, dg_span_t text,
    dg_policy_form_t form)
{
    const dg_policy_t    *policy = NULL;
    dg_policy_options_t   options = {
        .form = form,
        .catalogue = tool->models != NULL ? &tool->catalogue : NULL,
        .strict = tool->strict,
        .report = report,
        .report_ctx = tool
    };

    tool->file = file;

    return dg_policy_load(&tool->arena, text, &options, NULL, &policy)
           == DG_OK ? policy : NULL;
}


/* Calls */

bool
policy_call_add(policy_call_t *call, const dg_policy_t *policy,
    dg_span_t name)
{
    if (call->document_count == POLICY_TOOL_DOCUMENTS) {
        policy_complain("more than %d documents", POLICY_TOOL_DOCUMENTS);
        return false;
    }

    call->documents[call->document_count++] =
        (dg_policy_document_t) { policy, name };
    return true;
}


bool
policy_call_file(policy_tool_t *tool, policy_call_t *call, const char *file,
    dg_policy_form_t form)
{
    dg_span_t           text = policy_file_read(tool, file);
    const dg_policy_t  *policy;

    if (text.data == NULL) {
        return false;
    }

    policy = policy_document_load(tool, file, text, form);

    return policy != NULL
           && policy_call_add(call, policy, dg_span_cstr(file));
}


bool
policy_call_resource(policy_call_t *call, dg_span_t arn)
{
    if (call->request.resource_count == POLICY_TOOL_RESOURCES) {
        policy_complain("more than %d resources", POLICY_TOOL_RESOURCES);
        return false;
    }

    call->resources[call->request.resource_count++] = arn;
    return true;
}


bool
policy_call_value(policy_call_t *call, dg_span_t key, dg_span_t value,
    policy_value_kind_t kind, size_t resource)
{
    if (call->value_count == POLICY_TOOL_VALUES) {
        policy_complain("more than %d context values", POLICY_TOOL_VALUES);
        return false;
    }

    call->values[call->value_count++] = (policy_value_t) {
        .key = key, .value = value, .kind = kind, .resource = resource
    };
    return true;
}


void
policy_call_principal(policy_call_t *call, dg_span_t arn)
{
    dg_span_t  rest = arn, part = DG_SPAN_EMPTY;

    for (unsigned i = 0; i < 5; i++) {
        if (!dg_span_split(&rest, ':', &part)) {
            part = DG_SPAN_EMPTY;
            break;
        }
    }

    call->request.principal.arn = arn;

    if (call->request.principal.account.len == 0) {
        call->request.principal.account = part;
    }
}


/* What is said of the one resource; without, what is said of all. */
static const policy_value_t *
find_value(const policy_call_t *call, dg_span_t key, size_t resource)
{
    const policy_value_t  *every = NULL, *v;

    for (size_t i = 0; i < call->value_count; i++) {
        v = &call->values[i];

        if (!dg_span_equal_nocase(v->key, key)) {
            continue;
        }

        if (v->resource == resource) {
            return v;
        }

        if (v->resource == POLICY_TOOL_EVERY && every == NULL) {
            every = v;
        }
    }

    return every;
}


static void
miss(policy_call_t *call, dg_span_t key)
{
    for (size_t i = 0; i < call->missing_count; i++) {
        if (dg_span_equal_nocase(call->missing[i], key)) {
            return;
        }
    }

    if (call->missing_count < POLICY_TOOL_MISSING) {
        call->missing[call->missing_count++] = key;
    }
}


static void
lookup(void *ctx, const dg_policy_key_t *key, size_t resource,
    dg_policy_values_t *values)
{
    policy_call_t         *call = ctx;
    const policy_value_t  *value = find_value(call, key->name, resource);

    if (value == NULL) {
        if (call->partial) {
            values->presence = DG_POLICY_NOT_KNOWN;
            miss(call, key->name);
        }

        return;
    }

    if (value->kind == POLICY_VALUE_UNKNOWN) {
        values->presence = DG_POLICY_NOT_KNOWN;
        miss(call, key->name);
        return;
    }

    values->presence = DG_POLICY_PRESENT;
    values->values = call->list + value->first;
    values->count = value->count;
}


/* Puts the values of each key and resource side by side. */
static void
gather_values(policy_call_t *call)
{
    size_t           used = 0;
    policy_value_t  *v, *other;

    for (size_t i = 0; i < call->value_count; i++) {
        v = &call->values[i];

        if (find_value(call, v->key, v->resource) != v) {
            continue;
        }

        v->first = used;

        for (size_t j = i; j < call->value_count; j++) {
            other = &call->values[j];

            if (other->resource != v->resource
                || !dg_span_equal_nocase(other->key, v->key))
            {
                continue;
            }

            if (other->kind == POLICY_VALUE) {
                call->list[used++] = other->value;

            } else if (other->kind == POLICY_VALUE_UNKNOWN) {
                v->kind = POLICY_VALUE_UNKNOWN;
            }
        }

        v->count = used - v->first;
    }
}


bool
policy_call_default(policy_call_t *call, const char *key, dg_span_t value,
    policy_value_kind_t kind)
{
    dg_span_t  name = dg_span_cstr(key);

    return find_value(call, name, POLICY_TOOL_EVERY) != NULL
           || policy_call_value(call, name, value, kind, POLICY_TOOL_EVERY);
}


static bool
default_value(policy_call_t *call, const char *key, dg_span_t value)
{
    return value.len == 0
           || policy_call_default(call, key, value, POLICY_VALUE);
}


bool
policy_call_ready(policy_call_t *call)
{
    dg_policy_principal_t  *p = &call->request.principal;

    if (!default_value(call, "aws:PrincipalArn", p->arn)
        || !default_value(call, "aws:PrincipalAccount", p->account))
    {
        return false;
    }

    gather_values(call);
    call->request.resources = call->resources;
    call->request.lookup = lookup;
    call->request.lookup_ctx = call;

    return true;
}


const dg_policy_set_t *
policy_call_prepare(policy_tool_t *tool, policy_call_t *call)
{
    const dg_policy_set_t   *set = NULL;
    dg_policy_set_options_t  options = {
        .catalogue = tool->models != NULL ? &tool->catalogue : NULL
    };

    if (!policy_call_ready(call)) {
        return NULL;
    }

    if (dg_policy_set_create(&tool->arena, call->documents,
                             call->document_count, &options, &set) != DG_OK)
    {
        policy_complain("the documents exceed a limit: 10000 statements and "
                        "2048 condition keys in all");
        return NULL;
    }

    return set;
}
