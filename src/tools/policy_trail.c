/*
 * Records of a trail as calls: see policy_trail.h.
 */

#define _POSIX_C_SOURCE  200809L

#include "policy_trail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define LINE_SIZE    (1024 * 1024)       /* four times the longest record */
#define MEMORY_SIZE  (64 * 1024 * 1024)  /* of one record's tree */

/* A text that is as long as this may have been cut when it was recorded. */
#define TEXT_CUT     1021

typedef struct {
    policy_tool_t     *tool;
    const char        *file;
    gzFile             in;
    const char        *needle;
    policy_record_pt   take;
    void              *ctx;
    char              *line;
    void              *memory;
    unsigned           number;
    unsigned long      records;
    time_t             told;      /* of the progress */
    bool               more;
} trail_t;


/* Policy files */

bool
policy_sources_init(policy_sources_t *sources, policy_tool_t *tool)
{
    memset(sources, 0, sizeof(*sources));
    sources->tool = tool;
    sources->crypto = dg_crypto_create(NULL, NULL);

    if (sources->crypto == NULL) {
        policy_complain("SHA-256 is not to be had");
        return false;
    }

    return true;
}


static void
read_source(policy_sources_t *sources, policy_source_t *source)
{
    policy_tool_t  *tool = sources->tool;
    dg_span_t       name = dg_arena_copy(&tool->arena, source->file);
    dg_span_t       text;

    if (name.data == NULL) {
        return;
    }

    source->file = name;
    text = policy_file_read(tool, (const char *) name.data);

    if (text.data == NULL
        || dg_sha256_hex(sources->crypto, text, source->hash) != DG_OK)
    {
        return;
    }

    tool->quiet = true;
    source->policy = policy_document_load(tool, (const char *) name.data,
                                          text, source->form);
    tool->quiet = false;
}


const policy_source_t *
policy_source(policy_sources_t *sources, dg_span_t file,
    dg_policy_form_t form)
{
    policy_source_t  *source;

    for (size_t i = 0; i < sources->count; i++) {
        source = sources->list[i];

        if (source->form == form && dg_span_equal(source->file, file)) {
            return source;
        }
    }

    if (sources->count == POLICY_TRAIL_SOURCES) {
        policy_complain("more than %d policy files", POLICY_TRAIL_SOURCES);
        return NULL;
    }

    source = dg_arena_calloc(&sources->tool->arena, 1, sizeof(*source));
    if (source == NULL) {
        return NULL;
    }

    source->file = file;
    source->form = form;
    read_source(sources, source);
    sources->list[sources->count++] = source;
    return source;
}


/* Reading records */

static const dg_json_t *
member(const dg_json_t *object, const char *name)
{
    return dg_json_member(object, dg_span_cstr(name));
}


static bool
is_true(const dg_json_t *value)
{
    return value != NULL && value->type == DG_JSON_BOOL && value->boolean;
}


static bool
read_applied(const dg_json_t *entry, policy_applied_t *applied)
{
    memset(applied, 0, sizeof(*applied));
    applied->file = policy_member(entry, "file");
    applied->hash = policy_member(entry, "sha256");

    return applied->file.len
           && policy_form_parse(policy_member(entry, "form"),
                                &applied->form);
}


static void
read_record(const dg_json_t *root, policy_record_t *record)
{
    const dg_json_t  *list;

    memset(record, 0, sizeof(*record));
    record->root = root;
    record->gate = member(member(root, "additionalEventData"), "deskgate");
    record->request_id = policy_member(root, "requestID");
    record->time = policy_member(root, "eventTime");
    record->effect = policy_member(record->gate, "authorization");
    record->whole = !is_true(member(record->gate, "contextOmitted"));

    list = member(record->gate, "policies");
    record->whole = record->whole && list != NULL;

    for (list = list ? list->first : NULL; list; list = list->next) {
        if (record->applied_count == POLICY_TOOL_DOCUMENTS
            || !read_applied(list, &record->applied[record->applied_count]))
        {
            record->whole = false;
            return;
        }

        record->applied_count++;
    }
}


static void
progress(trail_t *t)
{
    time_t  now;

    if (++t->records % 1000 || !isatty(STDERR_FILENO)) {
        return;
    }

    now = time(NULL);

    if (now != t->told) {
        t->told = now;
        fprintf(stderr, "\r%lu records", t->records);
        fflush(stderr);
    }
}


static void
read_line(trail_t *t, dg_span_t line)
{
    dg_diag_t         diag;
    dg_arena_t        arena;
    policy_record_t   record;
    const dg_json_t  *root;

    progress(t);

    if (t->needle != NULL && strstr(t->line, t->needle) == NULL) {
        return;
    }

    dg_arena_init(&arena, t->memory, MEMORY_SIZE);

    if (dg_json_parse(&arena, line, NULL, &diag, &root) != DG_OK) {
        policy_complain("%s:%u:%u: no record: %s", t->file, t->number,
                        diag.column, diag.text);
        return;
    }

    if (root->type != DG_JSON_OBJECT) {
        policy_complain("%s:%u: no record", t->file, t->number);
        return;
    }

    read_record(root, &record);
    t->more = t->take(t->ctx, &record);
}


static bool
read_lines(trail_t *t)
{
    int        error = 0;
    size_t     len;
    dg_span_t  line;

    while (t->more && gzgets(t->in, t->line, LINE_SIZE) != NULL) {
        len = strlen(t->line);
        t->number++;

        if (len && t->line[len - 1] != '\n' && !gzeof(t->in)) {
            policy_complain("%s:%u: longer than any record", t->file,
                            t->number);
            return false;
        }

        line = dg_span_trim(dg_span(t->line, len));

        if (line.len) {
            read_line(t, line);
        }
    }

    (void) gzerror(t->in, &error);
    return !t->more || gzeof(t->in) || error == Z_OK;
}


static bool
read_file(trail_t *t, const char *file)
{
    bool  good;

    t->file = file;
    t->number = 0;
    t->in = strcmp(file, "-") == 0 ? gzdopen(dup(STDIN_FILENO), "rb")
                                   : gzopen(file, "rb");

    if (t->in == NULL) {
        policy_complain("cannot read %s: %s", file, strerror(errno));
        return false;
    }

    good = read_lines(t);

    if (!good) {
        policy_complain("cannot read %s to its end", file);
    }

    gzclose_r(t->in);
    return good;
}


bool
policy_trail_read(policy_tool_t *tool, char *const *files, size_t count,
    const char *needle, policy_record_pt take, void *ctx)
{
    bool     good;
    trail_t  t = { .tool = tool, .needle = needle, .take = take, .ctx = ctx,
                   .more = true };

    t.line = malloc(LINE_SIZE);
    t.memory = malloc(MEMORY_SIZE);
    good = t.line != NULL && t.memory != NULL;

    for (size_t i = 0; good && t.more && i < count; i++) {
        good = read_file(&t, files[i]);
    }

    if (t.told) {
        fputs("\r\033[K", stderr);
    }

    free(t.line);
    free(t.memory);
    return good;
}


/* A record as a call */

/* The keys of one object; a digest is no value. */
static bool
add_keys(policy_call_t *call, const dg_json_t *keys, size_t resource)
{
    bool                 good = true;
    policy_value_kind_t  kind;

    for (const dg_json_t *k = keys ? keys->first : NULL; k && good;
         k = k->next)
    {
        if (k->type != DG_JSON_ARRAY || k->first == NULL) {
            kind = k->type == DG_JSON_ARRAY ? POLICY_VALUE_NONE
                                            : POLICY_VALUE_UNKNOWN;
            good = policy_call_value(call, k->key, DG_SPAN_EMPTY, kind,
                                     resource);
            continue;
        }

        for (const dg_json_t *v = k->first; v && good; v = v->next) {
            kind = v->type == DG_JSON_STRING ? POLICY_VALUE
                                             : POLICY_VALUE_UNKNOWN;
            good = policy_call_value(call, k->key, v->text, kind, resource);
        }
    }

    return good;
}


/*
 * What every record has, whether a policy read it or not.  What was read is
 * there already.
 */
static bool
add_common(const policy_record_t *record, policy_call_t *call)
{
    dg_span_t         agent = policy_member(record->root, "userAgent");
    const dg_json_t  *caller = member(record->gate, "caller");
    dg_span_t         url = policy_member(caller, "issuerUrl");

    return policy_call_default(call, "aws:SourceIp",
                               policy_member(record->root, "sourceIPAddress"),
                               POLICY_VALUE)
           && policy_call_default(call, "aws:RequestedRegion",
                                  policy_member(record->root, "awsRegion"),
                                  POLICY_VALUE)
           && policy_call_default(call, "aws:SecureTransport",
                                  member(record->root, "tlsDetails")
                                  ? DG_SPAN("true") : DG_SPAN("false"),
                                  POLICY_VALUE)
           && policy_call_default(call, "aws:UserAgent", agent,
                                  agent.len == 0 ? POLICY_VALUE_NONE
                                  : agent.len >= TEXT_CUT
                                  ? POLICY_VALUE_UNKNOWN : POLICY_VALUE)
           && policy_call_default(call, "aws:FederatedProvider", url,
                                  url.len ? POLICY_VALUE
                                          : POLICY_VALUE_NONE);
}


static bool
add_resources(const policy_record_t *record, policy_call_t *call)
{
    uint64_t          count;
    const dg_json_t  *list = member(record->root, "resources");
    const dg_json_t  *total = member(record->gate, "resourceCount");
    dg_span_t         arn;

    for (list = list ? list->first : NULL; list; list = list->next) {
        arn = policy_member(list, "ARN");

        if (!policy_call_resource(call, arn)) {
            return false;
        }

        call->request.resource_unknown |= arn.len >= TEXT_CUT;
    }

    if (total != NULL && (!dg_span_to_u64(total->text, &count)
                          || count != call->request.resource_count))
    {
        call->request.resource_unknown = true;
    }

    return true;
}


static void
set_principal(const policy_record_t *record, policy_call_t *call)
{
    const dg_json_t        *caller = member(record->gate, "caller");
    const dg_json_t        *identity = member(record->root, "userIdentity");
    dg_policy_principal_t  *p = &call->request.principal;

    p->arn = policy_member(caller, "arn");
    p->account = policy_member(caller, "accountId");
    p->issuer = policy_member(caller, "issuer");
    p->issuer_url = policy_member(caller, "issuerUrl");

    if (p->arn.len == 0) {
        p->arn = policy_member(identity, "arn");
    }

    if (p->account.len == 0) {
        p->account = policy_member(identity, "accountId");
    }
}


bool
policy_record_call(const policy_record_t *record, policy_call_t *call)
{
    const dg_json_t  *items = member(record->gate, "itemKeys");
    const dg_json_t  *index;
    uint64_t          resource;

    memset(call, 0, sizeof(*call));
    call->partial = true;
    call->request.action = policy_member(record->gate, "action");
    set_principal(record, call);

    /* what was read comes first: it is exact */
    if (!add_keys(call, member(record->gate, "keys"), POLICY_TOOL_EVERY)) {
        return false;
    }

    for (items = items ? items->first : NULL; items; items = items->next) {
        index = member(items, "resource");

        if (index == NULL || !dg_span_to_u64(index->text, &resource)
            || !add_keys(call, member(items, "keys"), resource))
        {
            return false;
        }
    }

    return add_resources(record, call) && add_common(record, call);
}


static const dg_operation_t *
find_operation(const policy_tool_t *tool, dg_span_t action)
{
    dg_span_t           prefix;
    const dg_service_t *service;

    if (!dg_span_split(&action, ':', &prefix)) {
        return NULL;
    }

    for (size_t i = 0; i < tool->service_count; i++) {
        service = tool->services[i];

        for (size_t n = 0; dg_span_equal(service->action_prefix, prefix)
                           && n < service->operation_count; n++)
        {
            if (dg_span_equal(service->operations[n].name, action)) {
                return &service->operations[n];
            }
        }
    }

    return NULL;
}


bool
policy_call_operation(const policy_tool_t *tool, policy_call_t *call)
{
    const dg_operation_t  *o = find_operation(tool, call->request.action);

    return o == NULL
           || (policy_call_default(call, "deskgate:AccessLevel",
                                   dg_span_cstr(dg_access_name(o->access)),
                                   POLICY_VALUE)
               && policy_call_default(call, "deskgate:Private",
                                      o->is_private ? DG_SPAN("true")
                                                    : DG_SPAN("false"),
                                      POLICY_VALUE));
}
