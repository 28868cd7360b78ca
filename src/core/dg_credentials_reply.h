/*
 * Credentials as an endpoint of a host or container gives them (AWS SDKs and
 * Tools Reference Guide, "Container credential provider", "IMDS credential
 * provider"): a JSON object with AccessKeyId, SecretAccessKey, Token and
 * Expiration; the instance's has Code "Success" beside.
 */

#ifndef DG_CREDENTIALS_REPLY_H
#define DG_CREDENTIALS_REPLY_H

#include "dg_arena.h"
#include "dg_credentials.h"

#define DG_CREDENTIALS_REPLY_TEXT  65536   /* bytes of an answer */
#define DG_INSTANCE_TOKEN_MAX       1024   /* of a session with the instance */
#define DG_INSTANCE_ROLE_MAX          64   /* bytes of a role's name */

/* Below the address of the instance's metadata service, version 2. */
#define DG_INSTANCE_TOKEN_PATH   "latest/api/token"
#define DG_INSTANCE_ROLES_PATH   "latest/meta-data/iam/security-credentials/"
#define DG_INSTANCE_TOKEN_TTL    "x-aws-ec2-metadata-token-ttl-seconds"
#define DG_INSTANCE_TOKEN        "x-aws-ec2-metadata-token"
#define DG_INSTANCE_TOKEN_LIFE   21600     /* seconds */


/*
 * The credentials, in the arena, which the caller wipes.  All four must be
 * there and fit: an answer of empty texts is none.  DG_ERR_SYNTAX, _MISSING,
 * _INVALID, _LIMIT or _MEMORY with *diag, which shows no value but the code
 * of a failed answer.
 */
DG_MUST_USE dg_err_t dg_credentials_reply_parse(dg_arena_t *arena,
    dg_span_t answer, dg_credentials_t *credentials, dg_diag_t *diag);

/* A session token as the instance's metadata service gives it. */
bool dg_instance_token_fits(dg_span_t token);

/* The first line of a list of roles; empty when it is no role's name. */
dg_span_t dg_instance_role(dg_span_t answer);

#endif
