/*
 * Prints docs/services.md from the models and overlays that are shipped.
 */

#include "docs.h"
#include "models.h"

#define SERVICES  4

static const char  intro[] =
    "# Services\n"
    "\n"
    "What the shipped models know: how a call is recognised, and for each\n"
    "operation its access level and the resources that policies see.\n"
    "\n"
    "* **access**: `read`, `list`, `write`, `tagging`, `permissions` or\n"
    "  `grant` (the answer opens something). `deskgate_replay write` and the\n"
    "  rule that a call is not sent twice concern all but `read` and `list`.\n"
    "* **marks**: `R` is CloudTrail's readOnly; `P` is private: the answer is\n"
    "  not to be kept, as that of every `grant` operation.\n"
    "* **resources**: the types of ARN. Without one, the action is decided on\n"
    "  `*`. Where the input names none, as in a create call, the ARN ends in\n"
    "  `/*`.\n"
    "* **one by one**: the list whose items are resources of their own; the\n"
    "  call passes when each of them is allowed.\n"
    "\n"
    "What a condition can ask of a call stands in [policy.md](policy.md): among"
    "\n"
    "others `deskgate:Request/MEMBER`, every member of the input by its path.\n"
    "\n"
    "In an ARN, `P` is the partition, `R` the region and `A` the account of\n"
    "the location's `deskgate` line.\n"
    "\n"
    "This page is made from the models by `make docs`.\n"
    "\n"
    "## A service of your own\n"
    "\n"
    "A JSON service of AWS (awsJson1_0, awsJson1_1, restJson1, rpc-v2-cbor)\n"
    "is added by putting its `service-2.json` as botocore has it into the\n"
    "directory of [deskgate_models](directives.md#deskgate_models), as\n"
    "`NAME.json`. What botocore does not know stands in `NAME.overlay.json`\n"
    "beside it:\n"
    "\n"
    "| member | meaning |\n"
    "|---|---|\n"
    "| `protocols` | protocols beside the model's own |\n"
    "| `namespace` | of error shapes, in awsJson1_0 and CBOR |\n"
    "| `eventSource` | in records; default `PREFIX.amazonaws.com` |\n"
    "| `commonErrors` | code to status, of the service's reference |\n"
    "| `permissionOnly` | actions that policies may name and nobody calls |\n"
    "| `resourceTypes` | type to `arn` |\n"
    "| `members` | shape and member to `sensitive`, `file` (recorded by "
    "length and SHA-256), `aliases` |\n"
    "| `operations` | name to `access`, `resources` (type to paths of "
    "members), `batch`, `tags`, `private`, `readOnly`; `tells` (facts that "
    "answers have: `types` of resources, `items` and their `id`, `facts` by "
    "key, `lookup` by ids, at most `max` at once, `missing` as the error "
    "of one that is not there) and `asserts` (what callers may be wrong "
    "about) |\n"
    "\n"
    "An operation without an entry has the access level of its name: `List`"
    "\n"
    "is list, `Describe`, `Get`, `BatchGet`, `BatchDescribe`, `Search` and\n"
    "`Lookup` are read, `Tag` and `Untag` tagging, all else is write.\n";


static void
protocols(const dg_service_t *service)
{
    printf("`%s`", dg_protocol_name(service->protocol));

    if (service->speaks_cbor
        && service->protocol != DG_PROTOCOL_RPC_V2_CBOR)
    {
        printf(", `%s`", dg_protocol_name(DG_PROTOCOL_RPC_V2_CBOR));
    }
}


static bool
has_uri(const dg_service_t *service)
{
    return service->protocol == DG_PROTOCOL_REST_JSON || service->is_broker;
}


static void
identified(const dg_service_t *service)
{
    if (has_uri(service)) {
        printf("method and path");
        return;
    }

    printf("`X-Amz-Target: %.*s.OPERATION`", (int) service->target_prefix.len,
           (const char *) service->target_prefix.data);

    if (service->speaks_cbor) {
        printf(", or `POST /service/%.*s/operation/OPERATION` with "
               "`Smithy-Protocol: rpc-v2-cbor`",
               (int) service->target_prefix.len,
               (const char *) service->target_prefix.data);
    }
}


static void
head(const dg_service_t *service)
{
    printf("\n## ");
    docs_text(service->name);
    printf("\n\n| | |\n|---|---|\n| version | ");
    docs_text(service->api_version);
    printf(" |\n| protocol | ");
    protocols(service);
    printf(" |\n| recognised by | ");
    identified(service);
    printf(" |\n| actions | `");
    docs_text(service->action_prefix);
    printf(":OPERATION` |\n| signed for | service ");
    docs_code(service->signing_name);
    printf(" |\n| upstream wants | %s |\n", service->is_broker
           ? "a bearer token: `deskgate_inject`"
           : "a signature: `deskgate_sign`");
    printf("| eventSource | ");
    docs_code(service->event_source);
    printf(" |\n");
}


static void
list(const dg_span_t *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        printf("%s", i ? ", " : "");
        docs_code(texts[i]);
    }
}


static void
resources(const dg_operation_t *operation)
{
    for (size_t i = 0; i < operation->resource_count; i++) {
        printf("%s", i ? ", " : "");
        docs_code(operation->resources[i].type);
    }
}


static void
operation_row(const dg_operation_t *operation)
{
    printf("| %.*s | ", (int) operation->name.len,
           (const char *) operation->name.data);

    if (has_uri(operation->service)) {
        printf("`%.*s ", (int) operation->method.len,
               (const char *) operation->method.data);
        docs_text(operation->uri);
        printf("` | ");
    }

    printf("%s | %s%s | ", dg_access_name(operation->access),
           operation->read_only ? "R" : "",
           operation->is_private ? "P" : "");
    resources(operation);
    printf(" | ");

    if (operation->batch_member.len) {
        docs_code(operation->batch_member);
    }

    printf(" |\n");
}


/* Each type once: many operations share it. */
static void
resource_types(const dg_service_t *service)
{
    const dg_resource_rule_t  *rule, *seen[64];
    size_t                     count = 0, k;

    for (size_t i = 0; i < service->operation_count; i++) {
        for (size_t j = 0; j < service->operations[i].resource_count; j++) {
            rule = &service->operations[i].resources[j];

            for (k = 0; k < count; k++) {
                if (dg_span_equal(seen[k]->type, rule->type)) {
                    break;
                }
            }

            if (k == count && count < sizeof(seen) / sizeof(seen[0])) {
                seen[count++] = rule;
            }
        }
    }

    if (count == 0) {
        return;
    }

    printf("\n| resource | ARN |\n|---|---|\n");

    for (k = 0; k < count; k++) {
        printf("| ");
        docs_code(seen[k]->type);
        printf(" | ");
        docs_code(seen[k]->arn);
        printf(" |\n");
    }
}


static void
service_part(const dg_service_t *service)
{
    head(service);
    resource_types(service);

    printf("\n| operation | %saccess | marks | resources | one by one |\n"
           "|---|%s---|---|---|---|\n",
           has_uri(service) ? "request | " : "",
           has_uri(service) ? "---|" : "");

    for (size_t i = 0; i < service->operation_count; i++) {
        operation_row(&service->operations[i]);
    }

    if (service->permission_only_count) {
        printf("\nActions that policies may name beside them: ");
        list(service->permission_only, service->permission_only_count);
        printf(".\n");
    }
}


int
main(void)
{
    static const char *const  names[SERVICES] = {
        "workspaces", "workspaces-instances", "ssm-guiconnect",
        "dcv-session-manager"
    };

    dg_arena_t     arena;
    dg_service_t  *service;

    dg_arena_init(&arena, models_memory, sizeof(models_memory));
    fputs(intro, stdout);

    for (size_t i = 0; i < SERVICES; i++) {
        service = models_load(&arena, names[i]);
        service_part(service);
        dg_model_release(service);
    }

    return 0;
}
