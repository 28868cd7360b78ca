/*
 * The key file: callers that sign with SigV4.
 *
 * A JSON text, {"version": 1, "keys": [KEY, ...]}; a KEY has
 *
 *   access_key_id      required, unique, letters and digits; the prefix DGVK
 *                      is kept for credentials vended by the gateway
 *   secret_access_key  required, 16 to 256 printable characters, no blank
 *   principal          required, an ARN of IAM or STS: user/..., root,
 *                      assumed-role/ROLE/SESSION or federated-user/NAME
 *   user_id            aws:userid; the principal when absent.  One principal
 *                      has one user_id, and no two principals share one
 *   session_token      when present, every request must carry it
 *   tags               object of strings: aws:PrincipalTag/NAME
 *   policies           names of identity policy files
 *   session_policy     a policy document, an object: no call of this key may
 *                      do what it does not allow, whatever else allows it
 *   break_glass        boolean: for emergencies; `expires` is required then,
 *                      and every call must sign a reason
 *   not_before         RFC 3339; valid from this second
 *   expires            RFC 3339; no longer valid at this second
 *   disabled           boolean
 *   dcv_user           user name at a DCV server, when it differs
 *   description        for people
 *
 * Anything else is refused with line and column.  Several keys may have the
 * same principal.
 */

#ifndef DG_KEYFILE_H
#define DG_KEYFILE_H

#include "dg_arena.h"
#include "dg_caller.h"
#include "dg_credentials.h"
#include "dg_refusal.h"

#define DG_KEYFILE_TEXT       (16 * 1024 * 1024)
#define DG_KEYFILE_KEYS       65536
#define DG_KEY_ID_MIN         4
#define DG_KEY_ID_MAX         128
#define DG_KEY_SECRET_MIN     16
#define DG_KEY_SECRET_MAX     256
#define DG_KEY_TOKEN_MAX      8192
#define DG_KEY_PRINCIPAL_MAX  2048
#define DG_KEY_USER_ID_MAX    256
#define DG_KEY_POLICIES       32
#define DG_KEY_TAG_NAME_MAX   128
#define DG_KEY_TAG_VALUE_MAX  256
#define DG_KEY_SESSION_MAX   16384  /* of a session policy, compact */
#define DG_KEY_TEXT_MAX       1024  /* policy file name, dcv_user, ... */

#define DG_KEY_VENDED_PREFIX  "DGVK"

typedef struct {
    dg_credentials_t       credentials;  /* expires_at is `expires` */
    int64_t                not_before;   /* 0 when always */
    bool                   disabled;
    bool                   break_glass;
    dg_span_t              principal;
    dg_span_t              account;      /* 12 digits of the principal */
    dg_span_t              user_name;    /* last part of user/...; or empty */
    dg_span_t              principal_type;
    dg_span_t              user_id;
    dg_span_t              dcv_user;
    dg_span_t              description;
    const dg_attribute_t  *tags;
    size_t                 tag_count;
    const dg_span_t       *policies;     /* each followed by a NUL */
    size_t                 policy_count;
    unsigned               line;         /* where it stands in the file */
    unsigned               policies_line;
    dg_span_t              session_policy; /* its JSON; empty: none */
    unsigned               session_line;
} dg_key_t;

typedef struct dg_keyfile_s  dg_keyfile_t;


/*
 * Compiles a key file into the arena; the text may be wiped afterwards.
 * DG_ERR_SYNTAX, _INVALID, _MISSING, _LIMIT or _MEMORY with *diag (may be
 * NULL), which never shows a value of the file; whatever the arena was given
 * is then wiped already.
 */
DG_MUST_USE dg_err_t dg_keyfile_parse(dg_arena_t *arena, dg_span_t text,
    dg_diag_t *diag, dg_keyfile_t **keys);

/*
 * The key of that id, or NULL.  Constant on the average; how long it takes
 * depends on the access key id, never on a secret.
 */
const dg_key_t *dg_keyfile_find(const dg_keyfile_t *keys,
    dg_span_t access_key_id);

/* The keys in the order of the file: 0 to count - 1. */
size_t dg_keyfile_count(const dg_keyfile_t *keys);
const dg_key_t *dg_keyfile_key(const dg_keyfile_t *keys, size_t index);

/* The index of a key that was found in this file. */
size_t dg_keyfile_index(const dg_keyfile_t *keys, const dg_key_t *key);

/*
 * DG_ALLOWED, or DG_REFUSE_KEY_INACTIVE for a key that is disabled, not yet
 * valid or expired at `now`.
 */
dg_refusal_t dg_key_judge(const dg_key_t *key, int64_t now);

/*
 * Fills *caller with what the key says of its principal; spans are borrowed
 * from the key.  kind is DG_CALLER_KEY, verified false: that is up to whoever
 * compares the signature.
 */
void dg_key_caller(const dg_key_t *key, dg_caller_t *caller);

/* Wipes all memory of the key file; no key may be used afterwards. */
void dg_keyfile_wipe(dg_keyfile_t *keys);

#endif
