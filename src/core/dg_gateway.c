/*
 * The gateway as a service: see dg_gateway.h.
 */

#include "dg_gateway.h"

#define TEXT(s)  { (const uint8_t *) (s), sizeof(s) - 1 }


static const dg_service_t  service = {
    .name = TEXT(DG_GATEWAY_NAME),
    .action_prefix = TEXT(DG_GATEWAY_NAME),
    .signing_name = TEXT(DG_GATEWAY_NAME),
    .event_source = TEXT(DG_GATEWAY_NAME)
};

/* as the broker's model has it: what is passed through is a call of its */
static const dg_service_t  broker = {
    .name = TEXT("dcv-session-manager"),
    .action_prefix = TEXT("dcv-session-manager"),
    .signing_name = TEXT("dcv-session-manager"),
    .event_source = TEXT("dcv-session-manager")
};

static const dg_operation_t  operations[DG_GATEWAY_OPERATION_COUNT] = {
    [DG_GATEWAY_VEND] = {
        .service = &service, .index = DG_GATEWAY_VEND,
        .name = TEXT("VendCredentials"), .method = TEXT("GET"),
        .access = DG_ACCESS_GRANT, .is_private = true
    },
    [DG_GATEWAY_TOKEN] = {
        .service = &service, .index = DG_GATEWAY_TOKEN,
        .name = TEXT("IssueToken"), .method = TEXT("POST"),
        .access = DG_ACCESS_GRANT, .is_private = true
    },
    [DG_GATEWAY_BROKER_TOKEN] = {
        .service = &broker, .index = DG_GATEWAY_BROKER_TOKEN,
        .name = TEXT("GetAccessToken"), .method = TEXT("POST"),
        .access = DG_ACCESS_GRANT, .is_private = true
    }
};

static const dg_protocol_t  protocols[DG_GATEWAY_OPERATION_COUNT] = {
    [DG_GATEWAY_VEND] = DG_PROTOCOL_CONTAINER,
    [DG_GATEWAY_TOKEN] = DG_PROTOCOL_OAUTH,
    [DG_GATEWAY_BROKER_TOKEN] = DG_PROTOCOL_OAUTH
};


const dg_operation_t *
dg_gateway_operation(dg_gateway_operation_t which)
{
    return &operations[which];
}


dg_protocol_t
dg_gateway_protocol(dg_gateway_operation_t which)
{
    return protocols[which];
}
