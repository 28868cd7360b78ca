/*
 * Sets: the index says what a full look would, documents that do not apply,
 * keys, what an action reads.
 */

#include "policy.h"

static world_t  w;


/* More actions than are indexed, wildcards among them. */
static void
test_index(void)
{
    static char           text[900000];
    char                  action[64];
    size_t                len = 0;
    unsigned              wrong = 0;
    dg_policy_decision_t  d;

    len += (size_t) snprintf(text, sizeof(text), VERSION "[");

    for (unsigned i = 0; i < 6000; i++) {
        len += (size_t) snprintf(text + len, sizeof(text) - len,
                                 "{'Effect': '%s', 'Action': 'svc:Call%u%s',"
                                 " 'Resource': '*'},",
                                 i % 7 == 3 ? "Deny" : "Allow", i,
                                 i % 100 == 50 ? "*" : "");
    }

    snprintf(text + len - 1, sizeof(text) - len + 1, "]}");
    (void) world_one(&w, text, NULL);

    for (unsigned i = 0; i < 6500; i += 13) {
        snprintf(action, sizeof(action), "SVC:call%u", i);
        w.request.action = dg_span_cstr(action);
        dg_policy_decide(w.set, &w.request, &w.decision);
        dg_policy_explain(w.set, &w.request, NULL, NULL, &d);
        wrong += w.decision.effect != d.effect
                 || w.decision.statement != d.statement;

        if (i < 6000 && i % 7 == 3) {
            wrong += d.effect != DG_POLICY_DENY_EXPLICIT;
        }
    }

    is_int(wrong, 0, "6,000 actions, 4,096 of them indexed, are decided");
    w.request.action = DG_SPAN("workspaces:RebootWorkspaces");
}


static void
test_documents(void)
{
    const document_t  documents[] = {
        { DG_POLICY_IDENTITY, VERSION ALLOW "}}" },
        { DG_POLICY_IDENTITY, VERSION DENY "}}" },
        { DG_POLICY_BOUNDARY, VERSION "{'Effect': 'Allow', 'Action': 'x:Y', "
          "'Resource': '*'}}" },
    };
    const bool        first[] = { true, false, false };
    const bool        capped[] = { true, false, true };
    const bool        none[] = { false, false, false };

    is_int(world_decide(&w, documents, 3, NULL), DG_POLICY_DENY_EXPLICIT,
           "all documents");
    is_int(dg_policy_set_document_count(w.set), 3, "three of them");

    w.request.documents = first;
    is_int(world_decide(&w, documents, 3, NULL), DG_POLICY_ALLOW,
           "the first alone");
    w.request.documents = capped;
    is_int(world_decide(&w, documents, 3, NULL), DG_POLICY_DENY_IMPLICIT,
           "the first under the cap");
    w.request.documents = none;
    is_int(world_decide(&w, documents, 3, NULL), DG_POLICY_DENY_IMPLICIT,
           "none");
    w.request.documents = NULL;
}


static bool
is_owner(void *ctx, const dg_policy_key_t *key)
{
    (*(unsigned *) ctx)++;
    return dg_span_equal_nocase(key->name, DG_SPAN("dcv:owner"));
}


static void
test_reads(void)
{
    const document_t  documents[] = {
        { DG_POLICY_IDENTITY, VERSION "{'Effect': 'Allow', 'Action': 'a:A', "
          "'Resource': '*', 'Condition': {'StringEquals': "
          "{'dcv:Owner': '${aws:username}'}}}}" },
        { DG_POLICY_IDENTITY, VERSION "{'Effect': 'Deny', 'Action': 'a:B*', "
          "'Resource': 'arn:aws:a:r:a:${DCV:owner}', 'Condition': {'Bool': "
          "{'AWS:UserName': 'true'}}}}" },
    };
    unsigned          asked = 0;

    (void) world_decide(&w, documents, 2, NULL);
    is_int(dg_policy_set_key_count(w.set), 2, "keys of all documents, once");
    is_text(dg_policy_set_key(w.set, 0)->name, "dcv:Owner",
            "as first written");
    ok(dg_policy_set_key(w.set, 2) == NULL, "no third");
    ok(dg_policy_set_reads(w.set, DG_SPAN("a:A"), is_owner, &asked),
       "a condition reads it");
    ok(dg_policy_set_reads(w.set, DG_SPAN("a:Bx"), is_owner, &asked),
       "a variable reads it");
    asked = 0;
    ok(!dg_policy_set_reads(w.set, DG_SPAN("a:C"), is_owner, &asked),
       "another action does not");
    is_int(asked, 0, "and nothing is asked");
}


static void
test_limits(void)
{
    static dg_policy_document_t  many[DG_POLICY_DOCUMENTS_MAX + 1];
    const dg_policy_t           *policy;
    const dg_policy_set_t       *set;
    dg_diag_t                    diag;

    w.arena.pos = w.block;
    is_int(world_load(&w, DG_POLICY_IDENTITY, VERSION ALLOW "}}", &diag,
                      &policy), DG_OK, "a document");

    for (size_t i = 0; i <= DG_POLICY_DOCUMENTS_MAX; i++) {
        many[i].policy = policy;
    }

    is_int(dg_policy_set_create(&w.arena, many, DG_POLICY_DOCUMENTS_MAX,
                                NULL, &set), DG_OK, "1,024 documents");
    is_int(dg_policy_set_create(&w.arena, many, DG_POLICY_DOCUMENTS_MAX + 1,
                                NULL, &set), DG_ERR_LIMIT, "1,025");
}


/* More keys than an evaluation keeps: the others are asked again. */
static void
test_keys(void)
{
    static char    text[65536];
    static char    names[200][8];
    static fact_t  facts[201];
    size_t         len;

    len = (size_t) snprintf(text, sizeof(text), VERSION ALLOW
                            ", 'Condition': {'StringEquals': {");

    for (unsigned i = 0; i < 200; i++) {
        snprintf(names[i], sizeof(names[i]), "k:%u", i);
        facts[i].key = names[i];
        facts[i].values[0] = names[i];
        len += (size_t) snprintf(text + len, sizeof(text) - len,
                                 "'k:%u': 'k:%u',", i, i);
    }

    snprintf(text + len - 1, sizeof(text) - len + 1, "}}}}");
    is_int(world_one(&w, text, facts), DG_POLICY_ALLOW, "200 keys");

    facts[199].values[0] = "other";
    is_int(world_one(&w, text, facts), DG_POLICY_DENY_IMPLICIT,
           "the last of them fails");
}


int
main(void)
{
    world_init(&w);

    test_index();
    test_documents();
    test_reads();
    test_limits();
    test_keys();

    world_free(&w);

    return done_testing();
}
