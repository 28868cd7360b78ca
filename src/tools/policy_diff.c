/*
 * deskgate-policy diff: which recorded calls would be decided otherwise with
 * a new policy in an old one's place.
 *
 * All other policies of a call are those of its record, as their files are
 * now.  What a record does not have is not known, and a decision that
 * depends on it cannot be told.
 */

#define _XOPEN_SOURCE  700

#include "policy_command.h"
#include "policy_trail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETS  256

typedef enum {
    DIFF_BOTH,       /* the recorded documents, new for old */
    DIFF_ALONE       /* old and new decide alone, by --form */
} diff_mode_t;

/* A policy set that was made; calls share them. */
typedef struct {
    const dg_policy_set_t  *set;
    dg_policy_document_t    documents[POLICY_TOOL_DOCUMENTS];
    size_t                  count;
} made_t;

typedef struct {
    policy_tool_t      *tool;
    policy_sources_t    sources;
    const char         *files[2];        /* old, new */
    size_t              file_count;
    char               *old_path;        /* of the first, absolute */
    char              **trail;
    size_t              trail_count;
    diff_mode_t         mode;
    dg_policy_form_t    form;            /* DIFF_ALONE */
    made_t             *sets[SETS];
    size_t              set_count;
    unsigned long       calls;
    unsigned long       same;
    unsigned long       changed;
    unsigned long       unknown;
    unsigned long       unconcerned;     /* the old policy did not apply */
    bool                drifted;         /* another policy has changed */
    bool                broken;
} diff_t;

/* A call as it is decided by the old and the new policy. */
typedef struct {
    dg_policy_decision_t  before;
    dg_policy_decision_t  after;
    dg_span_t             effects[2];    /* names; "cannot tell" */
    const char           *reason;        /* of the latter; NULL: keys */
} verdict_t;

static policy_call_t  call;   /* more than a stack should hold */


/* The set of these documents, made once. */
static const dg_policy_set_t *
made_set(diff_t *d)
{
    made_t                  *made;
    size_t                   size;
    dg_policy_set_options_t  options = {
        .catalogue = d->tool->models != NULL ? &d->tool->catalogue : NULL
    };

    size = call.document_count * sizeof(call.documents[0]);

    for (size_t i = 0; i < d->set_count; i++) {
        made = d->sets[i];

        if (made->count == call.document_count
            && memcmp(made->documents, call.documents, size) == 0)
        {
            return made->set;
        }
    }

    made = dg_arena_calloc(&d->tool->arena, 1, sizeof(*made));

    if (made == NULL || d->set_count == SETS
        || dg_policy_set_create(&d->tool->arena, call.documents,
                                call.document_count, &options, &made->set)
           != DG_OK)
    {
        policy_complain("more than %d policy sets, or one that is too large",
                        SETS);
        return NULL;
    }

    memcpy(made->documents, call.documents, size);
    made->count = call.document_count;
    d->sets[d->set_count++] = made;
    return made->set;
}


/* Decides by the documents of the call. */
static bool
decide(diff_t *d, dg_policy_decision_t *decision)
{
    const dg_policy_set_t  *set = made_set(d);

    if (set == NULL) {
        d->broken = true;
        return false;
    }

    dg_policy_decide(set, &call.request, decision);
    return true;
}


/* By its name, or because it is the very text. */
static bool
is_old(const diff_t *d, const policy_applied_t *a,
    const policy_source_t *source)
{
    return dg_span_equal(a->file, dg_span_cstr(d->files[0]))
           || (d->old_path != NULL
               && dg_span_equal(a->file, dg_span_cstr(d->old_path)))
           || dg_span_equal(a->hash, dg_span(source->hash,
                                             DG_SHA256_HEX_SIZE));
}


/* The recorded documents, the old one replaced by the file of that index. */
static bool
use_documents(diff_t *d, const policy_record_t *record, unsigned which,
    verdict_t *v)
{
    const policy_source_t   *source, *old;
    const policy_applied_t  *a;

    call.document_count = 0;

    for (size_t i = 0; i < record->applied_count; i++) {
        a = &record->applied[i];
        old = policy_source(&d->sources, dg_span_cstr(d->files[0]), a->form);
        source = policy_source(&d->sources, a->file, a->form);

        if (old != NULL && is_old(d, a, old)) {
            source = which ? policy_source(&d->sources,
                                           dg_span_cstr(d->files[1]), a->form)
                           : old;
        }

        if (source == NULL || source->policy == NULL) {
            v->reason = "a policy of the record cannot be read";
            return false;
        }

        if (!policy_call_add(&call, source->policy, source->file)) {
            return false;
        }
    }

    return true;
}


/* Does the old policy speak to the call, and are the others as they were. */
static bool
is_concerned(diff_t *d, const policy_record_t *record, bool *as_then)
{
    bool                     found = false;
    const policy_source_t   *source;
    const policy_applied_t  *a;

    *as_then = true;

    for (size_t i = 0; i < record->applied_count; i++) {
        a = &record->applied[i];
        source = policy_source(&d->sources, dg_span_cstr(d->files[0]),
                               a->form);

        if (source != NULL && is_old(d, a, source)) {
            found = true;

        } else {
            source = policy_source(&d->sources, a->file, a->form);
        }

        if (source == NULL
            || !dg_span_equal(a->hash, dg_span(source->hash,
                                               DG_SHA256_HEX_SIZE)))
        {
            *as_then = false;
        }
    }

    return found;
}


static bool
judge_alone(diff_t *d, verdict_t *v)
{
    const policy_source_t  *source;

    for (unsigned i = 0; i < 2; i++) {
        source = policy_source(&d->sources, dg_span_cstr(d->files[i]),
                               d->form);
        call.document_count = 0;

        if (source == NULL || source->policy == NULL
            || !policy_call_add(&call, source->policy, source->file)
            || !decide(d, i ? &v->after : &v->before))
        {
            d->broken = true;
            return false;
        }
    }

    v->effects[0] = dg_span_cstr(dg_policy_effect_name(v->before.effect));
    return true;
}


static bool
judge_both(diff_t *d, const policy_record_t *record, bool as_then,
    verdict_t *v)
{
    /* what was decided by these very policies need not be decided again */
    if (as_then) {
        v->effects[0] = record->effect;

    } else {
        d->drifted = true;

        if (!use_documents(d, record, 0, v) || !decide(d, &v->before)) {
            return false;
        }

        v->effects[0] = dg_span_cstr(dg_policy_effect_name(
                                         v->before.effect));
    }

    return use_documents(d, record, 1, v) && decide(d, &v->after);
}


static void
print_call(const diff_t *d, const policy_record_t *record)
{
    if (d->tool->json) {
        fputs("{\"eventTime\":", stdout);
        policy_print_json(record->time);
        policy_print_member("requestID", record->request_id);
        policy_print_member("action", call.request.action);
        policy_print_member("principal", call.request.principal.arn);
        return;
    }

    policy_print(record->time);
    putchar(' ');
    policy_print(record->request_id);
    putchar(' ');
    policy_print(call.request.action);
    fputs(" by ", stdout);
    policy_print(call.request.principal.arn);
    fputs(": ", stdout);
}


static void
print_changed(const diff_t *d, const policy_record_t *record,
    const verdict_t *v)
{
    const dg_policy_decision_t  *a = &v->after;

    print_call(d, record);

    if (d->tool->json) {
        policy_print_member("before", v->effects[0]);
        policy_print_member("after", v->effects[1]);

        if (a->has_statement) {
            policy_print_member("policy", a->name);
            printf(",\"statement\":%zu,\"line\":%u", a->statement, a->line);
            policy_print_member("sid", a->sid);
        }

        puts("}");
        return;
    }

    policy_print(v->effects[0]);
    printf(" -> %s", policy_color(d->tool, a->effect == DG_POLICY_ALLOW
                                           ? "\033[32m" : "\033[31m"));
    policy_print(v->effects[1]);
    fputs(policy_color(d->tool, "\033[0m"), stdout);

    if (a->has_statement) {
        fputs(" by ", stdout);
        policy_print(a->name);
        printf(":%u", a->line);
    }

    putchar('\n');
}


static void
print_unknown(const diff_t *d, const policy_record_t *record,
    const verdict_t *v)
{
    print_call(d, record);

    if (d->tool->json) {
        fputs(",\"after\":\"unknown\",\"missing\":[", stdout);

        for (size_t i = 0; v->reason == NULL && i < call.missing_count; i++) {
            fputs(i ? "," : "", stdout);
            policy_print_json(call.missing[i]);
        }

        putchar(']');

        if (v->reason != NULL) {
            policy_print_member("reason", dg_span_cstr(v->reason));
        }

        puts("}");
        return;
    }

    printf("%scannot tell%s: ", policy_color(d->tool, "\033[33m"),
           policy_color(d->tool, "\033[0m"));

    if (v->reason != NULL) {
        puts(v->reason);
        return;
    }

    fputs("the record has not ", stdout);

    for (size_t i = 0; i < call.missing_count; i++) {
        fputs(i ? ", " : "", stdout);
        policy_print(call.missing[i]);
    }

    puts(call.missing_count ? "" : "its resources");
}


static bool
is_allow(dg_span_t effect)
{
    return dg_span_equal(effect, DG_SPAN("allow"));
}


static void
count_verdict(diff_t *d, const policy_record_t *record, verdict_t *v,
    bool decided)
{
    v->effects[1] = dg_span_cstr(dg_policy_effect_name(v->after.effect));

    if (!decided || dg_span_equal(v->effects[0], DG_SPAN("unknown"))
        || v->after.effect == DG_POLICY_UNKNOWN)
    {
        d->unknown++;
        print_unknown(d, record, v);
        return;
    }

    if (is_allow(v->effects[0]) == is_allow(v->effects[1])) {
        d->same++;
        return;
    }

    d->changed++;
    print_changed(d, record, v);
}


static bool
take_record(void *ctx, const policy_record_t *record)
{
    bool       as_then = false, decided = false;
    diff_t    *d = ctx;
    verdict_t  v = { .reason = NULL };

    if (record->effect.len == 0) {
        return true;   /* refused before, or no record of ours */
    }

    d->calls++;

    if (d->mode == DIFF_BOTH && record->whole
        && !is_concerned(d, record, &as_then))
    {
        d->unconcerned++;
        return true;
    }

    if (!policy_record_call(record, &call)
        || !policy_call_operation(d->tool, &call) || !policy_call_ready(&call))
    {
        v.reason = "the record has too many keys";

    } else if (d->mode == DIFF_ALONE) {
        decided = judge_alone(d, &v);

    } else if (!record->whole) {
        v.reason = "the record leaves some policies or keys out";

    } else {
        decided = judge_both(d, record, as_then, &v);
    }

    if (d->broken) {
        return false;
    }

    count_verdict(d, record, &v, decided);
    return true;
}


static void
print_sum(const diff_t *d)
{
    if (d->tool->json) {
        printf("{\"calls\":%lu,\"changed\":%lu,\"unknown\":%lu,"
               "\"same\":%lu,\"unconcerned\":%lu}\n", d->calls, d->changed,
               d->unknown, d->same, d->unconcerned);
        return;
    }

    printf("%lu calls: %lu would be decided otherwise, %lu cannot be told, "
           "%lu stay, %lu are not concerned\n", d->calls, d->changed,
           d->unknown, d->same, d->unconcerned);

    if (d->drifted) {
        puts("some were decided by other policies, or by earlier text: both "
             "sides are decided anew");
    }
}


/* Both files must be policies before a long trail is read. */
static bool
check_files(diff_t *d)
{
    const policy_source_t  *source;

    for (unsigned i = 0; d->mode == DIFF_ALONE && i < 2; i++) {
        source = policy_source(&d->sources, dg_span_cstr(d->files[i]),
                               d->form);

        if (source == NULL || source->policy == NULL) {
            return false;
        }
    }

    for (unsigned i = 0; i < 2; i++) {
        if (policy_file_read(d->tool, d->files[i]).data == NULL) {
            return false;
        }
    }

    return true;
}


static int
run(diff_t *d)
{
    d->old_path = realpath(d->files[0], NULL);

    if (!policy_sources_init(&d->sources, d->tool) || !check_files(d)
        || !policy_trail_read(d->tool, d->trail, d->trail_count, NULL,
                              take_record, d)
        || d->broken)
    {
        return 2;
    }

    print_sum(d);

    if (d->calls > 0 && d->calls == d->unconcerned) {
        policy_complain("no recorded call was decided by %s: name it as the "
                        "records do, or compare the files alone with --form",
                        d->files[0]);
        return 2;
    }

    return d->changed || d->unknown ? 1 : 0;
}


/* A word behind --trail is a file of it, others are the policies. */
static int
read_words(diff_t *d, policy_words_t *words)
{
    bool  bad = false, trail = false;

    for (words->at = 0; words->at < words->argc && !bad; words->at++) {

        if (policy_common_option(d->tool, words, &bad)) {
            continue;
        }

        if (!bad && policy_form_option(words, &d->form, &bad)) {
            d->mode = DIFF_ALONE;

        } else if (!bad && policy_take_flag(words, "--trail")) {
            trail = true;

        } else if (!bad && !policy_is_file(words)) {
            return policy_unknown_word(words->argv[words->at]);

        } else if (!bad && trail) {
            d->trail[d->trail_count++] = words->argv[words->at];

        } else if (!bad && d->file_count < 2) {
            d->files[d->file_count++] = words->argv[words->at];

        } else {
            bad = true;
        }
    }

    if (bad || d->file_count < 2 || d->trail_count == 0) {
        policy_complain("diff wants OLD NEW --trail FILE...");
        return 2;
    }

    return run(d);
}


int
policy_command_diff(policy_tool_t *tool, int argc, char **argv)
{
    int             status;
    policy_words_t  words = { argc, argv, 0, NULL };
    static diff_t   d;

    d.tool = tool;
    d.trail = calloc((size_t) argc + 1, sizeof(*d.trail));

    if (d.trail == NULL) {
        policy_complain("no memory");
        return 2;
    }

    status = read_words(&d, &words);
    dg_crypto_destroy(d.sources.crypto);
    free(d.old_path);
    free(d.trail);
    return status;
}
