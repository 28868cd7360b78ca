/*
 * The cases of iam-policy, decided without a catalogue: every action, ARN
 * and key is plain text.  A document that is refused at load grants nothing;
 * cases that rest on that are named below with the reason.
 */

#define _POSIX_C_SOURCE  200809L

#include "dg_policy.h"
#include "vectors.h"

#define DOCUMENTS_MAX  16
#define VALUES_MAX     64
#define TEXT_MAX       (256 * 1024)

/* Documents with a value that its operator cannot read. */
static const struct {
    const char  *name;
    const char  *says;    /* part of the loader's words */
} refused_at_load[] = {
    { "pbac-IpAddress-", "is not an IPv4 or IPv6 address" },
    { "pbac-DateEquals-", "is not a date" },
    { "pbac-DateGreaterThanEquals-", "is not a date" },
    { NULL, NULL }
};

/* What the sources and the reference evaluator disagree on. */
static const struct {
    const char  *name;
    const char  *expected;
    const char  *reason;
} disputed[] = {
    { "parseconfig-3-policy2Condition", "implicit deny",
      "an action stands for itself only" },
    { "pbac-StringLike-09", "implicit deny",
      "a positive operator does not hold without its key" },
    { "pbac-StringNotLike-04", "allow",
      "a negated operator holds without its key" },
    { "11-context-stringlist-01-0-0", "allow",
      "a list of one value is that value" },
    { "11-context-stringlist-03-0-0", "allow",
      "one of several values is enough for a positive operator; the "
      "gateway's catalogue refuses it at load" },
    { NULL, NULL, NULL }
};

static void
lookup(void *ctx, const dg_policy_key_t *key, size_t resource,
    dg_policy_values_t *values)
{
    const dg_json_t  *context = ctx, *m, *item;
    size_t            first, n = 0;
    static dg_span_t  room[4096];
    static size_t     used;

    (void) resource;

    for (m = context->first; m != NULL; m = m->next) {
        if (dg_span_equal_nocase(m->key, key->name)) {
            break;
        }
    }

    if (m == NULL) {
        return;
    }

    /* a fresh piece for each key of this call; no case has so many */
    if (used + VALUES_MAX > sizeof(room) / sizeof(room[0])) {
        used = 0;
    }

    first = used;
    item = m->type == DG_JSON_ARRAY ? m->first : m;

    while (item != NULL && n < VALUES_MAX) {
        room[first + n++] = item->text;
        item = m->type == DG_JSON_ARRAY ? item->next : NULL;
    }

    used += n;
    values->presence = DG_POLICY_PRESENT;
    values->values = room + first;
    values->count = n;
}


static dg_policy_form_t
form_of(dg_span_t type)
{
    for (unsigned f = 0; f < DG_POLICY_FORMS; f++) {
        if (dg_span_equal(type, dg_span_cstr(
                                    dg_policy_form_name((dg_policy_form_t) f))))
        {
            return (dg_policy_form_t) f;
        }
    }

    return DG_POLICY_IDENTITY;
}


static dg_err_t
load(dg_arena_t *arena, const dg_json_t *document, dg_policy_form_t form,
    dg_diag_t *diag, const dg_policy_t **out)
{
    static uint8_t       text[TEXT_MAX];
    dg_writer_t          w = dg_writer(text, sizeof(text));
    dg_policy_options_t  options = { .form = form };

    dg_json_write_tree(&w, document);

    return w.overflow ? DG_ERR_LIMIT
           : dg_policy_load(arena, dg_written(&w), &options, diag, out);
}


/* Loads the documents of a case; the error of the first that is refused. */
static dg_err_t
load_all(dg_arena_t *arena, const dg_json_t *line, dg_diag_t *diag,
    dg_policy_document_t *documents, size_t *count)
{
    dg_err_t          err = DG_OK;
    const dg_json_t  *policy = dg_json_member(line, DG_SPAN("policy"));
    const dg_json_t  *list = dg_json_member(line, DG_SPAN("policies"));

    *count = 0;

    if (policy != NULL) {
        err = load(arena, policy, DG_POLICY_IDENTITY, diag,
                   &documents[(*count)++].policy);
    }

    for (list = list ? list->first : NULL; list && err == DG_OK;
         list = list->next)
    {
        err = load(arena, dg_json_member(list, DG_SPAN("document")),
                   form_of(member_text(list, "type")), diag,
                   &documents[(*count)++].policy);
    }

    return err;
}


static dg_span_t
account_of(dg_span_t arn)
{
    dg_span_t  part = DG_SPAN_EMPTY;

    for (unsigned i = 0; i < 5 && dg_span_split(&arn, ':', &part); i++) {
        continue;
    }

    return part;
}


static const char *
decide(dg_arena_t *arena, const dg_json_t *line, dg_diag_t *diag)
{
    const dg_json_t        *request = dg_json_member(line,
                                                     DG_SPAN("request"));
    dg_policy_document_t    documents[DOCUMENTS_MAX];
    const dg_policy_set_t  *set;
    dg_policy_request_t     r;
    dg_policy_decision_t    decision, explained;
    dg_span_t               resource;
    size_t                  count;

    memset(documents, 0, sizeof(documents));
    memset(&r, 0, sizeof(r));

    if (load_all(arena, line, diag, documents, &count) != DG_OK) {
        return "refused at load";
    }

    if (dg_policy_set_create(arena, documents, count, NULL, &set) != DG_OK) {
        return "no set";
    }

    resource = member_text(request, "resource");
    r.action = member_text(request, "action");
    r.resources = &resource;
    r.resource_count = 1;
    r.principal.arn = member_text(request, "principal");
    r.principal.account = account_of(r.principal.arn);
    r.cross_account = member_true(line, "cross_account");
    r.lookup = lookup;
    r.lookup_ctx = (void *) (uintptr_t) dg_json_member(request,
                                                       DG_SPAN("context"));

    dg_policy_decide(set, &r, &decision);
    dg_policy_explain(set, &r, NULL, NULL, &explained);

    return decision.effect == explained.effect
           ? dg_policy_effect_name(decision.effect) : "two answers";
}


/* Is the document refused for the reason that is decided. */
static bool
decided_refusal(dg_span_t name, const dg_diag_t *diag)
{
    for (unsigned i = 0; refused_at_load[i].name != NULL; i++) {
        if (dg_span_starts_with(name, dg_span_cstr(refused_at_load[i].name))
            && strstr(diag->text, refused_at_load[i].says) != NULL)
        {
            return true;
        }
    }

    return false;
}


static void
run_case(tally_t *tally, dg_arena_t *arena, const dg_json_t *line)
{
    dg_diag_t    diag = { 0, 0, "" };
    dg_span_t    name = member_text(line, "name");
    dg_span_t    expected = member_text(line, "expected");
    const char  *got = decide(arena, line, &diag), *want = "allow";
    bool         pass;

    if (dg_span_equal(expected, DG_SPAN("ExplicitDeny"))) {
        want = "explicit deny";

    } else if (dg_span_equal(expected, DG_SPAN("ImplicitDeny"))) {
        want = "implicit deny";
    }

    pass = strcmp(got, want) == 0
           || (strcmp(got, "refused at load") == 0
               && strcmp(want, "implicit deny") == 0
               && decided_refusal(name, &diag));

    check(tally, pass, "%.*s: %s, expected %s %s", (int) name.len,
          (const char *) name.data, got, want, diag.text);
}


static void
run_disputed(tally_t *tally, dg_arena_t *arena, const dg_json_t *line)
{
    dg_diag_t    diag = { 0, 0, "" };
    dg_span_t    name = member_text(line, "name");
    const char  *got = decide(arena, line, &diag);

    for (unsigned i = 0; disputed[i].name != NULL; i++) {
        if (dg_span_equal(name, dg_span_cstr(disputed[i].name))) {
            check(tally, strcmp(got, disputed[i].expected) == 0,
                  "%s: %s, decided is %s: %s", disputed[i].name, got,
                  disputed[i].expected, disputed[i].reason);
            return;
        }
    }

    check(tally, false, "%.*s: disputed, and not decided here",
          (int) name.len, (const char *) name.data);
}


static void
run_file(tally_t *tally, dg_arena_t *arena, const char *folder,
    const char *name, void (*run)(tally_t *, dg_arena_t *, const dg_json_t *))
{
    dg_span_t         text = file_in(folder, name), line;
    const dg_json_t  *root;
    unsigned          lines = 0;

    while (text.data != NULL && dg_span_split(&text, '\n', &line)) {
        if (line.len == 0) {
            continue;
        }

        lines++;

        if (check(tally, dg_json_parse(arena, line, NULL, NULL, &root)
                         == DG_OK, "%s: line %u is not JSON", name, lines))
        {
            tally->passed--;
            run(tally, arena, root);
        }
    }

    if (lines == 0) {
        check(tally, false, "%s: no cases", name);
    }
}


int
main(int argc, char **argv)
{
    int         status;
    char        folder[VECTORS_PATH];
    tally_t     cases = { .name = "iam-policy/cases" };
    tally_t     decided = { .name = "iam-policy/disputed" };
    dg_arena_t  arena = arena_big();

    if (argc != 2) {
        fprintf(stderr, "usage: iam_policy VECTORS\n");
        return 2;
    }

    path_join(folder, argv[1], "iam-policy");
    run_file(&cases, &arena, folder, "cases.jsonl", run_case);
    run_file(&decided, &arena, folder, "disputed.jsonl", run_disputed);

    status = tally_print(&cases, "");
    return tally_print(&decided, "") || status;
}
