/*
 * Session policies: they take away, and give nothing.
 */

#include "dg_policy_session.h"

#include "tap.h"

static uint8_t  memory[4 * 1024 * 1024];

static dg_arena_t           arena;
static dg_policy_session_t  session;


static dg_err_t
create(const char *text, dg_diag_t *diag)
{
    memset(diag, 0, sizeof(*diag));
    dg_arena_init(&arena, memory, sizeof(memory));

    return dg_policy_session_create(&arena, dg_span_cstr(text),
                                    DG_SPAN("session"), NULL, diag, &session);
}


static dg_policy_effect_t
narrowed(const char *action, dg_policy_effect_t effect)
{
    dg_caller_t           caller = {
        .kind = DG_CALLER_KEY, .verified = true,
        .arn = DG_SPAN("arn:aws:iam::111122223333:user/al"),
        .user_name = DG_SPAN("al")
    };
    dg_call_facts_t       facts = { .caller = &caller, .arena = &arena };
    dg_policy_request_t   request = {
        .action = dg_span_cstr(action),
        .principal = dg_policy_principal(&caller)
    };
    dg_policy_decision_t  decision = {
        .effect = effect, .name = DG_SPAN("location")
    };

    dg_policy_session_narrow(&session, &request, &facts, &decision);

    if (decision.effect != effect) {
        is_text(decision.name, "session", "%s: who decided", action);
        is_int(decision.layer, DG_POLICY_SESSION, "%s: its layer", action);
    }

    return decision.effect;
}


int
main(void)
{
    dg_diag_t  diag;

    is_int(create("{\"Version\":\"2012-10-17\",\"Statement\":["
                  "{\"Effect\":\"Allow\",\"Action\":\"a:Describe*\","
                  "\"Resource\":\"*\",\"Condition\":{\"StringEquals\":"
                  "{\"aws:username\":\"al\"}}},"
                  "{\"Effect\":\"Deny\",\"Action\":\"a:DescribeTags\","
                  "\"Resource\":\"*\"}]}", &diag), DG_OK, "made: %s",
           diag.text);

    is_int(narrowed("a:DescribeX", DG_POLICY_ALLOW), DG_POLICY_ALLOW,
           "allowed by both, with a condition on the caller");
    is_int(narrowed("a:Delete", DG_POLICY_ALLOW), DG_POLICY_DENY_IMPLICIT,
           "not in the session policy");
    is_int(narrowed("a:DescribeTags", DG_POLICY_ALLOW),
           DG_POLICY_DENY_EXPLICIT, "denied by it");
    is_int(narrowed("a:DescribeX", DG_POLICY_DENY_IMPLICIT),
           DG_POLICY_DENY_IMPLICIT, "it gives nothing");
    is_int(narrowed("a:DescribeX", DG_POLICY_DENY_EXPLICIT),
           DG_POLICY_DENY_EXPLICIT, "nor takes a deny away");
    is_int(narrowed("a:DescribeX", DG_POLICY_UNKNOWN), DG_POLICY_UNKNOWN,
           "what is not known stays so");
    is_int(narrowed("a:Delete", DG_POLICY_UNKNOWN), DG_POLICY_DENY_IMPLICIT,
           "unless it is denied here");

    is_int(create("{\"Version\":\"2012-10-17\",\"Statement\":["
                  "{\"Effect\":\"Allow\",\"Principal\":\"*\","
                  "\"Action\":\"*\",\"Resource\":\"*\"}]}", &diag),
           DG_ERR_INVALID, "no Principal in it: %s", diag.text);
    is_int(create("{\"Version\":\"2012-10-17\"}", &diag), DG_ERR_MISSING,
           "no Statement: %s", diag.text);

    return done_testing();
}
