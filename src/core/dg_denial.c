/*
 * What a refused caller is told: see dg_denial.h.
 */

#include "dg_denial.h"

#define PART_MAX  1024


static const char *const  layer_names[] = {
    [DG_POLICY_IDENTITY] = "identity-based policy",
    [DG_POLICY_RESOURCE] = "resource-based policy",
    [DG_POLICY_BOUNDARY] = "permissions boundary",
    [DG_POLICY_SESSION] = "session policy",
    [DG_POLICY_SCP] = "service control policy",
};


static void
write_part(dg_writer_t *w, dg_span_t part)
{
    if (part.len > PART_MAX) {
        part.len = PART_MAX;

        while (part.len && (part.data[part.len] & 0xc0) == 0x80) {
            part.len--;
        }
    }

    dg_write_span(w, part);
}


void
dg_denial_write_statement(dg_writer_t *w,
    const dg_policy_decision_t *decision)
{
    if (!decision->has_statement) {
        return;
    }

    if (decision->sid.len) {
        write_part(w, decision->sid);
        return;
    }

    dg_write_u64(w, decision->statement + 1);
}


static void
write_reason(dg_writer_t *w, dg_span_t action,
    const dg_policy_decision_t *decision)
{
    if (decision->effect == DG_POLICY_DENY_EXPLICIT) {
        dg_write_cstr(w, decision->layer == DG_POLICY_IDENTITY
                         ? " with an explicit deny in an "
                         : " with an explicit deny in a ");
        dg_write_cstr(w, layer_names[decision->layer]);
        return;
    }

    dg_write_cstr(w, " because no ");
    dg_write_cstr(w, layer_names[decision->layer]);
    dg_write_cstr(w, " allows the ");
    write_part(w, action);
    dg_write_cstr(w, " action");
}


void
dg_denial_write(dg_writer_t *w, const dg_caller_t *caller, dg_span_t action,
    dg_span_t resource, unsigned item,
    const dg_policy_decision_t *decision, dg_denial_detail_t detail,
    dg_span_t request_id)
{
    dg_write_cstr(w, "User: ");
    write_part(w, caller->arn);
    dg_write_cstr(w, " is not authorized to perform: ");
    write_part(w, action);
    dg_write_cstr(w, " on resource: ");
    write_part(w, resource.len ? resource : DG_SPAN("*"));

    if (item) {
        dg_write_cstr(w, " (item ");
        dg_write_u64(w, item);
        dg_write_char(w, ')');
    }

    if (detail != DG_DENIAL_OFF) {
        write_reason(w, action, decision);
    }

    if (detail == DG_DENIAL_STATEMENT && decision->has_statement) {
        dg_write_cstr(w, " (statement ");
        dg_denial_write_statement(w, decision);
        dg_write_cstr(w, " of ");
        write_part(w, decision->name);
        dg_write_cstr(w, ")");
    }

    dg_write_cstr(w, " (Request ID: ");
    write_part(w, request_id);
    dg_write_cstr(w, ")");
}
