/*
 * What a configuration lets through although no model has it.
 */

#include "tap.h"
#include "models.h"

#include "dg_relaxation.h"

static const dg_service_t  *services[4];
static dg_relaxation_t      relaxation;
static dg_diag_t            diag;


static dg_err_t
parse(const char *text)
{
    return dg_relaxation_parse(dg_span_cstr(text), services, 4, &relaxation,
                               &diag);
}


static void
taken(const char *text)
{
    is_int(parse(text), DG_OK, "%s", text);
    is_text(dg_span_cstr(diag.text), "", "without a doubt");
}


static void
refused(const char *text, dg_err_t err, const char *reason)
{
    is_int(parse(text), err, "refused: %s", text);
    ok(strstr(diag.text, reason) != NULL, "%s", reason);
    is_int(diag.line, 0, "no line: it is the configuration's");
}


static bool
covers(const char *operation, const char *path)
{
    const dg_operation_t  *o = NULL;

    for (size_t i = 0; i < 4 && o == NULL; i++) {
        o = dg_model_operation(services[i], dg_span_cstr(operation));
    }

    return o != NULL && dg_relaxation_covers(&relaxation, o,
                                             dg_span_cstr(path));
}


static void
test_taken(void)
{
    taken("workspaces:CreateWorkspaces/Workspaces/Zone");
    ok(covers("CreateWorkspaces", "Workspaces/Zone"), "the member itself");
    ok(!covers("CreateWorkspaces", "Workspaces/Zones")
       && !covers("CreateWorkspaces", "Workspaces/Zone/Id")
       && !covers("CreateWorkspaces", "Workspaces"), "and no other");
    ok(!covers("CreateWorkspacesPool", "Workspaces/Zone"),
       "nor of another operation");

    taken("workspaces-instances:CreateWorkspaceInstance/ManagedInstance/"
          "HibernationOptions/*");
    ok(covers("CreateWorkspaceInstance", "ManagedInstance/"
              "HibernationOptions/New"), "what is inside");
    ok(covers("CreateWorkspaceInstance", "ManagedInstance/"
              "HibernationOptions/New/Deeper"), "at any depth");
    ok(!covers("CreateWorkspaceInstance", "ManagedInstance/"
               "HibernationOptions")
       && !covers("CreateWorkspaceInstance", "ManagedInstance/"
                  "HibernationOptionsNew/a")
       && !covers("CreateWorkspaceInstance", "ManagedInstance/New"),
       "and nothing beside");

    taken("workspaces:DescribeWorkspaces/*");
    ok(covers("DescribeWorkspaces", "New")
       && covers("DescribeWorkspaces", "New/Deeper")
       && !covers("DescribeTags", "New"), "an operation");

    taken("ssm-guiconnect:*");
    ok(covers("GetConnectionRecordingPreferences", "New")
       && !covers("DescribeTags", "New"), "a service");

    taken("workspaces:ModifyWorkspaceState/WorkspaceState");
    taken("dcv-session-manager:CreateSessions/Sessions/Type");
}


static void
test_doubt(void)
{
    is_int(parse("workspaces:DescribeWorkspaces/WorkspaceId"), DG_OK,
           "a new member that is much like a known one");
    ok(strstr(diag.text, "the model has \"WorkspaceIds\"") != NULL,
       "is doubted");
}


static void
test_syntax(void)
{
    static const char *const  bad[] = {
        "", "workspaces", "workspaces:", "workspaces:CreateWorkspaces",
        "workspaces:CreateWorkspaces/", "workspaces:x"
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refused(bad[i], DG_ERR_SYNTAX, "SERVICE:OPERATION/MEMBER");
    }

    refused("workspaces:CreateWorkspaces/Workspaces//Zone", DG_ERR_SYNTAX,
            "names joined by");
    refused("workspaces:CreateWorkspaces//*", DG_ERR_SYNTAX,
            "names joined by");
    refused("workspaces:CreateWorkspaces/Workspaces/Zo*", DG_ERR_SYNTAX,
            "only stands alone at the end");
    refused("workspaces:CreateWorkspaces/*/Zone", DG_ERR_SYNTAX,
            "only stands alone at the end");
}


static void
test_unknown(void)
{
    refused("workspace:*", DG_ERR_INVALID,
            "no service is named \"workspace\"; did you mean "
            "\"workspaces\"?");
    refused("nothing-like-it:*", DG_ERR_INVALID,
            "no service is named \"nothing-like-it\"");
    refused("workspaces:CreateWorkspace/*", DG_ERR_INVALID,
            "did you mean \"CreateWorkspaces\"?");
    refused("workspaces:*/New", DG_ERR_INVALID,
            "no operation is named \"*\"");
    refused("workspaces:CreateWorkspaces/Workspace/Zone", DG_ERR_INVALID,
            "no member is named \"Workspace\"; did you mean "
            "\"Workspaces\"?");
    refused("workspaces:CreateWorkspaces/Workspace/*", DG_ERR_INVALID,
            "did you mean \"Workspaces\"?");
    refused("ssm-guiconnect:GetConnectionRecordingPreferences/New/Deeper",
            DG_ERR_INVALID, "no member is named \"New\"");
}


static void
test_cannot_grow(void)
{
    refused("workspaces:CreateWorkspaces/Workspaces", DG_ERR_INVALID,
            "add \"/*\"");
    refused("workspaces:CreateWorkspaces/Workspaces/UserName",
            DG_ERR_INVALID, "no list of values");
    refused("workspaces:CreateWorkspaces/Workspaces/UserName/New",
            DG_ERR_INVALID, "\"UserName\" has no members");
    refused("workspaces:CreateWorkspaces/Workspaces/UserName/*",
            DG_ERR_INVALID, "\"UserName\" has no members");
    refused("dcv-session-manager:CreateSessions/Sessions/InitFilePath",
            DG_ERR_INVALID, "another name of \"InitFile\"");
}


int
main(void)
{
    static const char *const  names[] = {
        "workspaces", "workspaces-instances", "ssm-guiconnect",
        "dcv-session-manager"
    };
    dg_arena_t                arena;

    dg_arena_init(&arena, models_memory, sizeof(models_memory));

    for (size_t i = 0; i < 4; i++) {
        services[i] = models_load(&arena, names[i]);
    }

    test_taken();
    test_doubt();
    test_syntax();
    test_unknown();
    test_cannot_grow();

    for (size_t i = 0; i < 4; i++) {
        dg_model_release((dg_service_t *) (uintptr_t) services[i]);
    }

    return done_testing();
}
