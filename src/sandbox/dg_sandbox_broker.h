/*
 * What only a DCV Session Manager broker does: sessions are placed on
 * servers by their Requirements, servers are full, closed or open, and a
 * session's connection data hold a token.
 *
 * A session's member $phase is QUEUED, PLACED, READY, DELETING or DELETED,
 * $server the id of its server; a server's $closed tells that it was closed,
 * $capacity how many virtual sessions it takes.
 */

#ifndef DG_SANDBOX_BROKER_H
#define DG_SANDBOX_BROKER_H

#include "dg_sandbox_verbs.h"

dg_err_t dg_broker_create(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity);
dg_err_t dg_broker_delete(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity);
dg_err_t dg_broker_connect(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity);
dg_err_t dg_broker_open(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity);
dg_err_t dg_broker_close(dg_sandbox_call_t *call, const dg_json_t *item,
    const dg_json_t **entity);

/*
 * The entity as answers show it: a session with its Server, a server with
 * its counts and availability.  Others are left as they are.
 */
void dg_broker_view(dg_sandbox_call_t *call, const dg_json_t *def,
    dg_json_t *entity);

#endif
