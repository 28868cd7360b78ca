/*
 * dg_denial: the sentence in AWS's wording at each level of detail, and that
 * its end, the request's id, is there whatever comes before it.
 */

#include "tap.h"
#include "dg_denial.h"

#include <string.h>

#define USER  "User: arn:aws:iam::111122223333:user/ann is not authorized "   \
              "to perform: workspaces:RebootWorkspaces on resource: "
#define ID    "0d0c9a3e-0000-4000-8000-000000000001"
#define END   " (Request ID: " ID ")"

static uint8_t               buffer[DG_DENIAL_MAX];
static dg_caller_t           caller;
static dg_policy_decision_t  decision;
static dg_span_t             resource;
static unsigned              item;


static dg_span_t
told(dg_denial_detail_t detail)
{
    dg_writer_t  w = dg_writer(buffer, sizeof(buffer));

    dg_denial_write(&w, &caller, DG_SPAN("workspaces:RebootWorkspaces"),
                    resource, item, &decision, detail, DG_SPAN(ID));
    ok(!w.overflow, "fits");

    return dg_written(&w);
}


static void
start(dg_policy_effect_t effect, dg_policy_form_t layer)
{
    memset(&caller, 0, sizeof(caller));
    memset(&decision, 0, sizeof(decision));
    caller.arn = DG_SPAN("arn:aws:iam::111122223333:user/ann");
    resource = DG_SPAN("arn:aws:workspaces:r:1:workspace/ws-1");
    decision.effect = effect;
    decision.layer = layer;
    decision.name = DG_SPAN("/etc/deskgate/a.json");
}


static void
test_levels(void)
{
    start(DG_POLICY_DENY_EXPLICIT, DG_POLICY_IDENTITY);
    decision.has_statement = true;
    decision.statement = 2;

    is_text(told(DG_DENIAL_OFF),
            USER "arn:aws:workspaces:r:1:workspace/ws-1" END, "off");
    item = 12;
    is_text(told(DG_DENIAL_OFF),
            USER "arn:aws:workspaces:r:1:workspace/ws-1 (item 12)" END,
            "one of several items");
    item = 0;
    is_text(told(DG_DENIAL_REASON),
            USER "arn:aws:workspaces:r:1:workspace/ws-1 with an explicit "
            "deny in an identity-based policy" END, "reason");
    is_text(told(DG_DENIAL_STATEMENT),
            USER "arn:aws:workspaces:r:1:workspace/ws-1 with an explicit "
            "deny in an identity-based policy (statement 3 of "
            "/etc/deskgate/a.json)" END, "statement, by its number");
    decision.sid = DG_SPAN("NoReboot");
    is_text(told(DG_DENIAL_STATEMENT),
            USER "arn:aws:workspaces:r:1:workspace/ws-1 with an explicit "
            "deny in an identity-based policy (statement NoReboot of "
            "/etc/deskgate/a.json)" END, "statement, by its Sid");
}


static void
test_layers(void)
{
    static const char *const  names[] = {
        [DG_POLICY_IDENTITY] = "identity-based policy",
        [DG_POLICY_RESOURCE] = "resource-based policy",
        [DG_POLICY_BOUNDARY] = "permissions boundary",
        [DG_POLICY_SESSION] = "session policy",
        [DG_POLICY_SCP] = "service control policy"
    };
    char                      want[512];

    for (unsigned i = 0; i < DG_POLICY_FORMS; i++) {
        start(DG_POLICY_DENY_IMPLICIT, (dg_policy_form_t) i);
        resource = DG_SPAN_EMPTY;
        snprintf(want, sizeof(want), USER "* because no %s allows the "
                 "workspaces:RebootWorkspaces action" END, names[i]);
        is_span(told(DG_DENIAL_REASON), dg_span_cstr(want), "%s", names[i]);
        is_span(told(DG_DENIAL_STATEMENT), dg_span_cstr(want),
                "no statement is made up");
    }
}


static void
test_length(void)
{
    static char  large[5000];
    dg_span_t    text;

    memset(large, 'x', sizeof(large));
    start(DG_POLICY_DENY_EXPLICIT, DG_POLICY_SCP);
    caller.arn = resource = decision.name = decision.sid
        = dg_span(large, sizeof(large));
    decision.has_statement = true;

    text = told(DG_DENIAL_STATEMENT);
    ok(dg_span_ends_with(text, DG_SPAN(END)), "ends with the request's id");
    ok(text.len < 4 * 1024 + 512, "and is short");

    for (size_t i = 0; i + 1 < sizeof(large); i += 2) {
        memcpy(large + i, "\xc3\xa4", 2);
    }

    large[0] = 'x';
    memmove(large + 1, "\xc3\xa4", 2);

    for (size_t i = 1; i + 1 < sizeof(large); i += 2) {
        memcpy(large + i, "\xc3\xa4", 2);
    }

    text = told(DG_DENIAL_OFF);
    ok(dg_span_starts_with(dg_span_slice(text, 6 + 1023, text.len),
                           DG_SPAN(" is not")),
       "no character is cut in the middle");
}


int
main(void)
{
    test_levels();
    test_layers();
    test_length();

    return done_testing();
}
