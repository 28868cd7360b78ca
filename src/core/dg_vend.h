/*
 * Credentials that the gateway itself vends: an access key id, a secret and
 * a session token that any AWS SDK signs with, good at this gateway only.
 * Nothing is stored.  The session token holds the caller, sealed; the keys
 * come from a master key and the token's own random salt:
 *
 *   HKDF-SHA256(master, salt) = sealing key | secret | access key id
 *   token = base64url(version | name's length | name of the master key
 *                     | salt | AES-256-GCM of the claims | tag)
 *
 * Version, master key, gateway and access key id are associated data: the key
 * id of one session and the token of another do not open, nor does a token
 * at a gateway of another name.
 */

#ifndef DG_VEND_H
#define DG_VEND_H

#include "dg_arena.h"
#include "dg_caller.h"
#include "dg_crypto.h"
#include "dg_keyfile.h"
#include "dg_refusal.h"

#define DG_VEND_MASTERS_MAX      16
#define DG_VEND_MASTER_SIZE      32
#define DG_VEND_NAME_MAX         32    /* bytes of a master key's name */
#define DG_VEND_GATEWAY_MAX      128   /* bytes of a gateway's name */
#define DG_VEND_TEXT_MAX         8192  /* bytes of a file of master keys */
#define DG_VEND_SALT_SIZE        32
#define DG_VEND_CLAIMS_MAX       2048  /* bytes, before sealing */
#define DG_VEND_LIFETIME         3600  /* seconds, default and ceiling */
#define DG_VEND_LIFETIME_MIN     60

#define DG_VEND_ACCESS_KEY_SIZE  20    /* "DGVK" and 16 characters */
#define DG_VEND_SECRET_SIZE      40
#define DG_VEND_TOKEN_MAX                                                     \
    ((2 + DG_VEND_NAME_MAX + DG_VEND_SALT_SIZE + DG_VEND_CLAIMS_MAX           \
      + DG_SEAL_TAG_SIZE) / 3 * 4 + 4)

typedef struct {
    dg_span_t  name;
    uint8_t    key[DG_VEND_MASTER_SIZE];
} dg_vend_master_t;

/* The first master key seals, all of them open. */
typedef struct {
    dg_span_t         gateway;
    dg_vend_master_t  masters[DG_VEND_MASTERS_MAX];
    size_t            count;
} dg_vend_keys_t;

/*
 * What a token says.  caller.kind becomes DG_CALLER_VENDED, its expires_at
 * the session's, verified false; all else is the caller's as it was when the
 * credentials were vended.  One without a known time of issue, a key of a key
 * file, counts as issued then.
 */
typedef struct {
    dg_caller_t       caller;
    int64_t           vended_at;       /* seconds */
    dg_span_t         source_key_id;   /* access key that asked, or empty */
    const dg_span_t  *locations;       /* where it is good; none: all */
    size_t            location_count;
    const dg_span_t  *services;        /* likewise */
    size_t            service_count;
} dg_vend_session_t;

typedef struct {
    char      access_key_id[DG_VEND_ACCESS_KEY_SIZE];
    char      secret[DG_VEND_SECRET_SIZE];
    uint8_t   token[DG_VEND_TOKEN_MAX];
    size_t    token_len;
    int64_t   expires_at;
} dg_vended_t;

/*
 * Opened sessions, remembered by one worker and found by the token's SHA-256,
 * the access key id and the keys that opened them.  No token is kept; what is
 * dropped is wiped.
 */
typedef struct dg_vend_cache_s  dg_vend_cache_t;

typedef struct {
    uint64_t  hits;
    uint64_t  misses;
} dg_vend_stats_t;


/*
 * A file of master keys: a line each, NAME and 32 bytes as Base64, '#' begins
 * a comment.  Names are of A-Za-z0-9._-, each once.  Names are borrowed from
 * the text.  keys->gateway is left alone.  DG_ERR_SYNTAX, _INVALID, _MISSING
 * (no key) or _LIMIT with *diag (may be NULL), which never shows a key.
 */
DG_MUST_USE dg_err_t dg_vend_keys_parse(dg_span_t text, dg_diag_t *diag,
    dg_vend_keys_t *keys);

/*
 * Makes credentials for session->caller at session->vended_at, which end
 * `lifetime` seconds later or with the caller.  DG_ERR_LIMIT when the claims
 * take more than DG_VEND_CLAIMS_MAX, DG_ERR_EXPIRED when the caller has
 * ended, DG_ERR_UNSUPPORTED when policies cap the caller's own session, which
 * a token does not carry, DG_ERR_CRYPTO.  *out is to be wiped.
 */
DG_MUST_USE dg_err_t dg_vend_seal(dg_crypto_t *crypto,
    const dg_vend_keys_t *keys, const dg_vend_session_t *session,
    int64_t lifetime, dg_vended_t *out);

/* True for a key id that only vending makes, whatever it looks up to. */
bool dg_vend_is_key_id(dg_span_t access_key_id);

/*
 * Opens a session token that came with this access key id.  The session and
 * all it points to is in the arena; `secret` is to be wiped.  DG_ALLOWED,
 * DG_REFUSE_SESSION_TOKEN, DG_REFUSE_SESSION_EXPIRED, or DG_REFUSE_INTERNAL
 * (no memory).  Whoever presented it is verified by a signature made with
 * the secret, not by this.
 */
DG_MUST_USE dg_refusal_t dg_vend_open(dg_vend_cache_t *cache,
    const dg_vend_keys_t *keys, dg_span_t access_key_id, dg_span_t token,
    int64_t now, dg_arena_t *arena, dg_vend_session_t *session,
    char secret[DG_VEND_SECRET_SIZE]);

/*
 * The claims as they are sealed, and back.  Writing sets w->overflow when
 * they do not fit.  Reading allocates lists, and borrows text from `claims`:
 * DG_ERR_SYNTAX, DG_ERR_LIMIT or DG_ERR_MEMORY.
 */
void dg_vend_write_claims(dg_writer_t *w, const dg_vend_session_t *session);
DG_MUST_USE dg_err_t dg_vend_read_claims(dg_span_t claims, dg_arena_t *arena,
    dg_vend_session_t *session);

/* Room for `sessions`, rounded up to a multiple of 4; NULL without memory. */
dg_vend_cache_t *dg_vend_cache_create(dg_crypto_t *crypto, size_t sessions);
void dg_vend_cache_destroy(dg_vend_cache_t *cache);
dg_vend_stats_t dg_vend_cache_stats(const dg_vend_cache_t *cache);

#endif
