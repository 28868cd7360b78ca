/*
 * What the gateway itself offers beside the services it forwards to, as a
 * service of its own: so that such a call is authenticated, throttled,
 * answered and recorded as every other one.
 */

#ifndef DG_GATEWAY_H
#define DG_GATEWAY_H

#include "dg_model.h"

typedef enum {
    DG_GATEWAY_VEND,            /* credentials for AWS SDKs */
    DG_GATEWAY_TOKEN,           /* tokens of the gateway's own */
    DG_GATEWAY_BROKER_TOKEN,    /* a DCV broker's, passed through */
    DG_GATEWAY_OPERATION_COUNT
} dg_gateway_operation_t;

#define DG_GATEWAY_NAME  "deskgate"  /* of the service, also to sign for */


/* They live for ever and have neither shapes nor resources. */
const dg_operation_t *dg_gateway_operation(dg_gateway_operation_t which);

/* The protocol in which the operation is refused. */
dg_protocol_t dg_gateway_protocol(dg_gateway_operation_t which);

#endif
