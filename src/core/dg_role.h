/*
 * Role rules: which AWS role a caller's calls are made with.
 *
 * Rules stand in an order; each says whom it is for, by issuer, principal,
 * groups and claims, and the first that fits decides.  A caller may ask for
 * one by name, but gets it only when it fits.  No rule, no credentials.
 *
 * A role's ARN is literal, or has claims of the caller in its last part,
 * "${claim}", and then it is checked again after they are put in: a claim
 * chooses a name under the account and path that stand before it, and never
 * leaves them.
 */

#ifndef DG_ROLE_H
#define DG_ROLE_H

#include "dg_arena.h"
#include "dg_caller.h"
#include "dg_crypto.h"
#include "dg_sts.h"

#define DG_ROLE_RULES_MAX     256
#define DG_ROLE_NAME_MAX       64   /* bytes of a rule's name, or a role's */
#define DG_ROLE_CONDITIONS_MAX 32   /* groups, or claims, of one rule */

typedef struct {
    dg_span_t              name;          /* A-Za-z0-9._- */
    dg_span_t              issuer;        /* its configured name */
    bool                   any_issuer;    /* of those the location takes */
    bool                   keys;          /* for principals of key files */
    dg_span_t              caller;        /* ARN with wildcards; or empty */
    const dg_span_t       *groups;        /* one of them; none: any */
    size_t                 group_count;
    const dg_attribute_t  *claims;        /* all of them */
    size_t                 claim_count;

    dg_span_t              role;          /* ARN, perhaps with ${claim} */
    bool                   web_identity;  /* by the caller's own token */
    dg_span_t              session_claim; /* names the session; or empty */
    bool                   source_identity;
    bool                   tags;          /* the caller's, as session tags */
    bool                   transitive;
    dg_span_t              external_id;
    dg_span_t              policy;        /* session policy, JSON, perhaps
                                             with ${claim:NAME} in strings */
    int64_t                duration;      /* seconds; 0: STS's default */
} dg_role_rule_t;


/*
 * Whether a rule from configuration makes sense: DG_ERR_MISSING,
 * DG_ERR_INVALID or DG_ERR_LIMIT with *diag.
 */
DG_MUST_USE dg_err_t dg_role_check(const dg_role_rule_t *rule,
    dg_diag_t *diag);

/*
 * The first rule that fits; when `wanted` is not empty, the one of that name
 * if it fits.  `count` when there is none.
 */
size_t dg_role_choose(const dg_role_rule_t *rules, size_t count,
    const dg_caller_t *caller, dg_span_t wanted);

/*
 * The request to STS that the rule makes of a caller, in the arena; `token`
 * is the caller's own, for a web identity rule.  What a claim puts into the
 * session policy stands there for itself: '*', '?' and '$' are written as
 * IAM writes them when they are meant ("${*}").
 *
 * DG_ERR_INVALID with *reason: a claim that the role, the policy or the
 * session's name needs is absent, has several values or is unfit, or the
 * request does not fit.  DG_ERR_MEMORY, DG_ERR_CRYPTO.
 */
DG_MUST_USE dg_err_t dg_role_request(const dg_role_rule_t *rule,
    const dg_caller_t *caller, dg_span_t token, dg_crypto_t *crypto,
    dg_arena_t *arena, dg_sts_request_t *request, const char **reason);

#endif
