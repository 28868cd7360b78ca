/*
 * Copyright (C) the deskgate authors
 *
 * Configuration, context and prototypes that the glue shares.
 *
 * Configuration is read-only while serving; everything of a call is in its
 * context, everything of a worker in ngx_http_deskgate_worker, everything
 * shared in the zone.
 */

#ifndef NGX_HTTP_DESKGATE_H
#define NGX_HTTP_DESKGATE_H

#include "ngx_http_deskgate_compat.h"
#include "ngx_http_deskgate_flight.h"

#include "core/dg_answer.h"
#include "core/dg_cache.h"
#include "core/dg_caller.h"
#include "core/dg_certificate.h"
#include "core/dg_counters.h"
#include "core/dg_conditions.h"
#include "core/dg_connection.h"
#include "core/dg_credentials.h"
#include "core/dg_credentials_file.h"
#include "core/dg_credentials_reply.h"
#include "core/dg_codec.h"
#include "core/dg_crypto.h"
#include "core/dg_denial.h"
#include "core/dg_gateway.h"
#include "core/dg_grant.h"
#include "core/dg_inspect.h"
#include "core/dg_issuer.h"
#include "core/dg_keyfile.h"
#include "core/dg_media.h"
#include "core/dg_model.h"
#include "core/dg_policy.h"
#include "core/dg_policy_catalogue.h"
#include "core/dg_profile.h"
#include "core/dg_policy_context.h"
#include "core/dg_policy_session.h"
#include "core/dg_record.h"
#include "core/dg_refusal.h"
#include "core/dg_refusal_form.h"
#include "core/dg_request.h"
#include "core/dg_revocation.h"
#include "core/dg_signer.h"
#include "core/dg_sigv4.h"
#include "core/dg_sigv4_strip.h"
#include "core/dg_text.h"
#include "core/dg_throttle.h"
#include "core/dg_role.h"
#include "core/dg_sts.h"
#include "core/dg_time.h"
#include "core/dg_token_cache.h"
#include "core/dg_token_reply.h"
#include "core/dg_trail.h"
#include "core/dg_vend.h"
#include "core/dg_wiped_arena.h"
#include "core/dg_zone.h"


#define NGX_HTTP_DESKGATE_BLOCK_SIZE     20480
#define NGX_HTTP_DESKGATE_ARENA_CHUNK    4096
#define NGX_HTTP_DESKGATE_ARENA_LIMIT    (16 * 1024 * 1024)
#define NGX_HTTP_DESKGATE_FILE_LIMIT     (4 * 1024 * 1024)
#define NGX_HTTP_DESKGATE_CAPTURE_SIZE   65536
#define NGX_HTTP_DESKGATE_REASON_SIZE    2048
#define NGX_HTTP_DESKGATE_REASON_MIN     8      /* X-Deskgate-Reason */
#define NGX_HTTP_DESKGATE_REASON_MAX     256
#define NGX_HTTP_DESKGATE_DRAINED_SIZE   65536
#define NGX_HTTP_DESKGATE_TOKEN_SIZE     16384
#define NGX_HTTP_DESKGATE_SIGNED_SIZE    1024
#define NGX_HTTP_DESKGATE_OFFERS_MAX     16
#define NGX_HTTP_DESKGATE_BUCKETS_MAX    8
#define NGX_HTTP_DESKGATE_WAIT_POLL      10
#define NGX_HTTP_DESKGATE_TRAIL_FLUSH    1000
#define NGX_HTTP_DESKGATE_SIGNING_KEYS   256
#define NGX_HTTP_DESKGATE_SESSIONS       256
#define NGX_HTTP_DESKGATE_CONF_CHUNK     (64 * 1024)
#define NGX_HTTP_DESKGATE_CONF_LIMIT     (256 * 1024 * 1024)
#define NGX_HTTP_DESKGATE_MODELS         "/usr/share/deskgate/models"


typedef struct ngx_http_deskgate_facts_s  ngx_http_deskgate_facts_t;

/* A step returns NGX_OK (next), NGX_AGAIN or NGX_DONE (parked), NGX_DECLINED
   (refused, ctx->refusal says why), or NGX_ERROR. */
typedef ngx_int_t (*ngx_http_deskgate_step_pt)(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);


/* Objects that configuration names */

typedef struct {
    ngx_str_t                       name;
    ngx_shm_zone_t                 *shm_zone;
    ngx_slab_pool_t                *shpool;  /* its mutex guards the zone */
    void                           *memory;
    size_t                          size;
} ngx_http_deskgate_zone_t;

typedef struct {
    ngx_str_t                       path;
    const char                     *kind;    /* "policy", "key", "model" */
    u_char                          hash[DG_SHA256_HEX_SIZE];
} ngx_http_deskgate_file_t;

/* A file that workers read again when it changes */

typedef struct {
    const char                     *kind;
    ngx_uint_t                      secret;
    dg_err_t                      (*parse)(void *object, dg_arena_t *arena,
                                           dg_span_t text, dg_diag_t *diag,
                                           void **data);
    /* what needs the rest of the configuration; only when read again */
    dg_err_t                      (*complete)(void *object,
                                              dg_arena_t *arena, void *data,
                                              dg_diag_t *diag);
    void                          (*release)(void *data);
    void                          (*changed)(void);
} ngx_http_deskgate_reread_type_t;

typedef struct {
    ngx_str_t                       path;
    const ngx_http_deskgate_reread_type_t  *type;
    void                           *object;      /* that it belongs to */
    void                           *data;        /* as the master read it */
    u_char                          hash[DG_SHA256_HEX_SIZE];
    ngx_uint_t                      index;       /* in the main conf */
} ngx_http_deskgate_reread_t;

/* What it said at one time, there while a call uses it */
typedef struct {
    void                           *data;
    ngx_pool_t                     *pool;        /* NULL: the cycle's */
    dg_arena_t                      arena;       /* over the pool */
    void                          (*release)(void *data);
    ngx_uint_t                      users;
    u_char                          hash[DG_SHA256_HEX_SIZE];
} ngx_http_deskgate_content_t;

typedef struct {
    uint64_t                        device;
    uint64_t                        inode;
    uint64_t                        mode;
    uint64_t                        size;
    struct timespec                 modified;
    struct timespec                 changed;
} ngx_http_deskgate_seen_t;

/* A worker's view of it */
typedef struct {
    ngx_http_deskgate_content_t    *content;
    ngx_http_deskgate_seen_t        seen;
    time_t                          read_at;     /* 0: by the master */
    time_t                          failed_at;   /* 0: it is right */
    char                            wrong[DG_DIAG_TEXT + 64];
    unsigned                        settled:1;
    unsigned                        said:1;      /* in the error log */
} ngx_http_deskgate_reread_state_t;

typedef struct {
    ngx_str_t                       name;
    ngx_http_deskgate_reread_t     *file;
    ngx_array_t                     locations;   /* of ..._loc_conf_t * */
    const dg_policy_catalogue_t    *catalogue;
} ngx_http_deskgate_keys_t;

/* What a key file says */
typedef struct {
    dg_keyfile_t                   *keyfile;
    dg_policy_session_t            *sessions;    /* by index of the key */
} ngx_http_deskgate_keyset_t;

typedef struct ngx_http_deskgate_proof_s  ngx_http_deskgate_proof_t;
typedef struct ngx_http_deskgate_introspection_s
    ngx_http_deskgate_introspection_t;

typedef struct {
    ngx_str_t                       name;
    dg_issuer_t                     issuer;
    ngx_http_deskgate_reread_t     *jwks;        /* or */
    ngx_str_t                       jwks_uri;    /* an internal location */
    ngx_msec_t                      jwks_refresh;
    ngx_msec_t                      jwks_keep;
    ngx_msec_t                      jwks_again;  /* for an unknown key */
    ngx_http_deskgate_introspection_t *introspection; /* NULL: none */
    ngx_uint_t                      index;       /* in the main conf */
    dg_jwks_t                      *own;         /* of an authority of ours */
    ngx_array_t                     audiences;   /* of dg_span_t */
    ngx_array_t                     client_ids;
    ngx_array_t                     parties;
    ngx_array_t                     tags;        /* of dg_issuer_tag_t */
} ngx_http_deskgate_issuer_t;

typedef struct ngx_http_deskgate_credentials_s
    ngx_http_deskgate_credentials_t;

/* As ngx_http_deskgate_provide() */
typedef ngx_int_t (*ngx_http_deskgate_provide_pt)(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    dg_credentials_t *out);

struct ngx_http_deskgate_credentials_s {
    ngx_str_t                       name;
    const char                     *provider;    /* NULL: none yet */
    ngx_http_deskgate_provide_pt    provide;
    dg_credentials_t                credentials; /* static */
    ngx_http_deskgate_reread_t     *file;        /* shared */
    ngx_str_t                       profile;     /* in it */
    ngx_str_t                       uri;         /* of what gives them */
    ngx_str_t                       token_file;  /* that is shown there */
    ngx_str_t                       sts;         /* internal location */
    ngx_str_t                       sts_host;
    ngx_str_t                       sts_region;
    ngx_http_deskgate_credentials_t *source;     /* signs for STS */
    dg_sts_request_t                role;        /* the gateway's own */
    ngx_array_t                     rules;       /* of dg_role_rule_t */
};

typedef struct ngx_http_deskgate_authority_s  ngx_http_deskgate_authority_t;

typedef struct {
    ngx_str_t                       name;
    ngx_str_t                       token;       /* internal location */
    ngx_http_deskgate_authority_t  *authority;   /* we make them instead */
    ngx_str_t                       scope;       /* of those */
    ngx_str_t                       client_id;
    ngx_str_t                       basic;       /* Authorization value */
    ngx_str_t                       secret_path;
    ngx_http_deskgate_reread_t     *secret_file; /* in place of basic */
    ngx_uint_t                      grant_in_body;
    ngx_uint_t                      describes;   /* itself, not we for it */
    dg_connection_address_t         connect;     /* host empty: unset */
    uint8_t                         key[32];     /* of the cached token */
    unsigned                        rereads:1;   /* the secret */
} ngx_http_deskgate_broker_t;

typedef struct {
    ngx_str_t                       name;
    ngx_str_t                       directory;
    ngx_str_t                       account;
    ngx_str_t                       region;
    ngx_msec_t                      flush;
    ngx_uint_t                      index;       /* in the main conf */
} ngx_http_deskgate_trail_t;

/* Credentials vended by the gateway: the keys that seal and open them */
typedef struct {
    ngx_str_t                       name;
    dg_vend_keys_t                  keys;
} ngx_http_deskgate_vended_t;

/* Client certificates that are callers */
typedef struct {
    ngx_str_t                       name;
    dg_certificates_t               set;
    ngx_array_t                     rules;       /* of dg_certificate_rule_t */
} ngx_http_deskgate_certificates_t;

/* The gateway as an issuer of tokens */
struct ngx_http_deskgate_authority_s {
    ngx_str_t                       name;
    ngx_str_t                       issuer;
    ngx_str_t                       audience;
    ngx_str_t                       token_endpoint;
    ngx_str_t                       jwks_uri;
    ngx_array_t                     signers;     /* of dg_signer_t * */
    time_t                          lifetime;
    ngx_str_t                       jwks;        /* what is published */
    ngx_str_t                       metadata;
    ngx_uint_t                      family;      /* for whom: never both */
};

#define NGX_HTTP_DESKGATE_FOR_CALLERS   1
#define NGX_HTTP_DESKGATE_FOR_BROKERS   2

typedef struct ngx_http_deskgate_asked_s  ngx_http_deskgate_asked_t;
typedef struct ngx_http_deskgate_pass_s  ngx_http_deskgate_pass_t;

/* What deskgate_vend says of a location */
typedef struct {
    ngx_http_deskgate_vended_t     *vended;      /* or */
    ngx_http_deskgate_credentials_t *sts;        /* real ones, by its rules */
    time_t                          lifetime;
    ngx_array_t                     locations;   /* of dg_span_t; none: all */
    ngx_array_t                     services;    /* likewise */
    ngx_array_t                     claims;      /* likewise */
    unsigned                        forwarded:1; /* X-Forwarded-For may be */
} ngx_http_deskgate_vend_t;

typedef struct {
    const dg_service_t             *service;
    ngx_str_t                       region;
    ngx_str_t                       account;
    ngx_str_t                       host;        /* signed upstream */
    dg_span_t                       scope_region; /* the region again */
} ngx_http_deskgate_offer_t;

typedef struct {
    ngx_uint_t                      parts;       /* NGX_HTTP_DESKGATE_BY_* */
    ngx_http_complex_value_t       *variable;
    dg_throttle_rate_t              rate;
    ngx_str_t                       text;        /* as written, for records */
    ngx_str_t                       id;          /* file, line, which */
    ngx_str_t                       file;
    ngx_uint_t                      line;
} ngx_http_deskgate_throttle_t;

#define NGX_HTTP_DESKGATE_BY_CALLER     0x01
#define NGX_HTTP_DESKGATE_BY_OPERATION  0x02
#define NGX_HTTP_DESKGATE_BY_SERVICE    0x04
#define NGX_HTTP_DESKGATE_BY_ACCOUNT    0x08
#define NGX_HTTP_DESKGATE_BY_ADDRESS    0x10

typedef struct {
    const dg_policy_t              *policy;
    ngx_str_t                       name;
    ngx_str_t                       pattern;     /* for=...; empty: location */
    ngx_str_t                       group_issuer;
    ngx_str_t                       group;
    u_char                          hash[DG_SHA256_HEX_SIZE]; /* of the file */
    ngx_str_t                       record;      /* it, as records tell */
    ngx_str_t                       key_policy;  /* as keys name it */
} ngx_http_deskgate_attachment_t;

/* Policies that decide a call together */
typedef struct {
    ngx_str_t                       name;        /* of a shadow; else empty */
    ngx_array_t                    *policies;    /* of ..._attachment_t */
    const dg_policy_set_t          *set;
    const dg_conditions_t          *conditions;
    u_char                          hash[DG_SHA256_HEX_SIZE];
} ngx_http_deskgate_policy_set_t;


/* Configuration levels */

typedef struct {
    ngx_http_deskgate_zone_t       *zone;
    ngx_array_t                     services;    /* of dg_service_t * */
    ngx_array_t                     keys;        /* of ..._keys_t * */
    ngx_array_t                     issuers;
    ngx_array_t                     proofs;
    ngx_array_t                     credentials;
    ngx_array_t                     vended;
    ngx_array_t                     certificates;
    ngx_array_t                     authorities;
    ngx_array_t                     brokers;
    ngx_array_t                     trails;
    ngx_array_t                     files;       /* of ..._file_t */
    ngx_array_t                     rereads;     /* of ..._reread_t * */
    ngx_http_deskgate_reread_t     *revocations;
    ngx_array_t                     lookups;     /* of ..._lookup_t * */
    ngx_array_t                     throttles;   /* of ..._throttle_t *: ids */
    ngx_str_t                       models;
    ngx_flag_t                      loaded;      /* models were */
    dg_crypto_t                    *crypto;      /* while reading files */
    dg_arena_t                      arena;
    dg_policy_catalogue_t           catalogue;
    unsigned                        catalogued:1;
    ngx_flag_t                      policy_strict;
} ngx_http_deskgate_main_conf_t;

typedef struct ngx_http_deskgate_loc_conf_s  ngx_http_deskgate_loc_conf_t;

typedef struct {
    /* what answers a request that never came to a location */
    ngx_http_deskgate_loc_conf_t   *any;
} ngx_http_deskgate_srv_conf_t;

struct ngx_http_deskgate_loc_conf_s {
    ngx_flag_t                      enable;
    ngx_array_t                    *offers;      /* of ..._offer_t */
    const dg_service_t            **services;    /* the same, for identify */

    ngx_flag_t                      authenticate_off;
    ngx_array_t                    *keys;        /* of ..._keys_t * */
    ngx_array_t                    *issuers;     /* of ..._issuer_t * */
    ngx_http_deskgate_proof_t      *proof;       /* NULL: none are taken */
    ngx_array_t                    *vended;      /* of ..._vended_t * */
    ngx_http_deskgate_broker_t     *handles;     /* whose are accepted */
    ngx_http_deskgate_certificates_t *certificates;
    dg_sigv4_rules_t                rules;
    uint64_t                        id;          /* what accepts here */

    ngx_array_t                    *policies;    /* of ..._attachment_t */
    ngx_http_deskgate_policy_set_t  policy_set;  /* of them */
    ngx_array_t                    *shadows;     /* of ..._policy_set_t */
    ngx_array_t                    *lookups;     /* of ..._lookup_t * */
    ngx_array_t                    *throttles;   /* of ..._throttle_t * */
    dg_throttle_rate_t             *failures;    /* NULL: no limit */
    ngx_http_deskgate_credentials_t *sign;
    ngx_http_deskgate_broker_t     *broker;
    ngx_http_deskgate_trail_t      *trail;

    ngx_http_complex_value_t       *mode;
    ngx_uint_t                      replay;
    ngx_uint_t                      validate;
    ngx_array_t                    *relaxed;     /* of dg_relaxation_t */
    ngx_uint_t                      denial_detail;
    ngx_array_t                    *hosts;       /* of ngx_str_t */
    time_t                          skew;
    ngx_flag_t                      insecure_upstream;

    /* what the gateway offers here itself; NULL: it forwards */
    const dg_operation_t           *own;
    ngx_http_deskgate_step_pt       serve;
    ngx_http_deskgate_vend_t       *vend;
    ngx_http_deskgate_authority_t  *authority;
    ngx_http_deskgate_broker_t     *pass;        /* whose tokens pass here */
    ngx_uint_t                      pass_real;   /* and as they are */
    ngx_uint_t                      grants;      /* of dg_grant_type_t */
    ngx_str_t                      *document;    /* a page that is public */
    ngx_str_t                       resource_metadata;

    u_char                         *conf_file;   /* where `deskgate` stands */
    ngx_uint_t                      line;
};

#define NGX_HTTP_DESKGATE_REPLAY_OFF    0
#define NGX_HTTP_DESKGATE_REPLAY_WRITE  1
#define NGX_HTTP_DESKGATE_REPLAY_ALL    2


/* A worker's own state */

typedef struct ngx_http_deskgate_free_block_s  ngx_http_deskgate_free_block_t;

struct ngx_http_deskgate_free_block_s {
    ngx_http_deskgate_free_block_t *next;
};

typedef struct ngx_http_deskgate_key_set_s  ngx_http_deskgate_key_set_t;

typedef struct {
    dg_crypto_t                    *crypto;
    dg_signing_keys_t              *signing_keys;
    dg_token_cache_t               *tokens;
    dg_vend_cache_t                *sessions;
    ngx_queue_t                     waiting;     /* flights, for a fetch */
    ngx_http_deskgate_main_conf_t  *mcf;
    ngx_event_t                     housekeeping;
    ngx_event_t                     reread;
    ngx_http_deskgate_reread_state_t *rereads;
    ngx_http_deskgate_key_set_t    *key_sets;    /* by index of the issuer */
    ngx_http_deskgate_free_block_t *blocks;      /* of contexts */
    ngx_uint_t                      block_count;
    unsigned                        logging:1;   /* a line is being made */
} ngx_http_deskgate_worker_t;

extern ngx_http_deskgate_worker_t  ngx_http_deskgate_worker;


/* What leaves, as it was signed: the send guard compares */

typedef struct {
    ngx_http_deskgate_header_t     *headers;
    ngx_uint_t                      count;
    ngx_str_t                       target;
    off_t                           length;
} ngx_http_deskgate_sent_t;


/* A call */

struct ngx_http_deskgate_ctx_s {
    ngx_http_request_t             *request;
    ngx_http_deskgate_loc_conf_t   *lcf;
    dg_arena_t                      arena;

    ngx_uint_t                      step;
    dg_refusal_t                    refusal;
    dg_span_t                       message;     /* for the client */
    dg_span_t                       error_code;  /* as it was answered */
    ngx_str_t                       reason;      /* for the error log */
    uint64_t                        retry_after; /* ms; 0: say nothing */

    dg_request_t                    received;
    dg_call_t                       call;
    ngx_http_deskgate_offer_t      *offer;

    dg_sigv4_claim_t                claim;
    const dg_key_t                 *key;
    dg_span_t                       secret;      /* that was to sign */
    char                            session_secret[DG_VEND_SECRET_SIZE];
    ngx_http_deskgate_content_t    *key_file;    /* held: the key is in it */
    const dg_policy_session_t      *session_policy;
    dg_span_t                       bearer;      /* the token as received */
    dg_caller_t                     caller;

    dg_sha256_t                    *hash;
    uint8_t                         received_hash[DG_SHA256_SIZE];
    uint8_t                         sent_hash[DG_SHA256_SIZE];
    off_t                           body_length;
    off_t                           sent_length;
    ngx_http_event_handler_pt       body_event;  /* nginx's, while reading */
    dg_inspect_t                   *inspect;
    const dg_inspection_t          *inspection;
    dg_span_t                       elements;    /* of an answer of ours */
    ngx_http_deskgate_asked_t      *asked;       /* the token endpoint */
    ngx_http_deskgate_pass_t       *pass;        /* the broker's, likewise */
    ngx_str_t                       handled;     /* as injected; by a handle */
    dg_cache_key_t                  handle;      /* where that is kept */
    dg_refusal_t                    body_refusal;

    const dg_resource_t            *resources;
    size_t                          resource_count;
    dg_policy_decision_t            decision;
    dg_span_t                       action;      /* that was decided */
    bool                           *documents;   /* that applied */
    dg_policy_context_t             policy_context;
    const dg_input_texts_t         *texts;       /* those that policies read */
    ngx_http_deskgate_facts_t      *facts;       /* that are looked up */
    dg_span_t                       shadow;      /* what differs, for records */
    ngx_uint_t                      shadow_count; /* sets that differ */
    ngx_http_deskgate_throttle_t   *bucket;      /* that refused */

    ngx_str_t                       host;        /* what Host shall be */
    ngx_str_t                       injected;    /* "Bearer " and token */
    dg_credentials_t                credentials; /* that it is signed with */
    const dg_role_rule_t           *rule;        /* that they are by */
    ngx_http_deskgate_flight_t     *token;       /* of the broker */
    ngx_http_deskgate_flight_t     *flights;
    ngx_http_deskgate_sent_t        sent;
    ngx_event_t                     wake;

    ngx_http_deskgate_create_pt     create_request;
    ngx_http_handler_pt             content_handler; /* while holding */

    ngx_uint_t                      status;      /* of the upstream's answer */
    ngx_str_t                       upstream_request_id;
    u_char                         *capture;
    size_t                          capture_len;
    ngx_chain_t                    *replacement;
    ngx_buf_t                      *connection;  /* as rewritten; wiped */

    char                            request_id[36];
    ngx_str_t                       uri;         /* without secrets */

    unsigned                        started:1;
    unsigned                        observing:1;
    unsigned                        body_reading:1;
    unsigned                        body_read:1;
    unsigned                        verified:1;
    unsigned                        decided:1;
    unsigned                        has_sent:1;  /* `sent` is to be compared */
    unsigned                        forwarded:1;
    unsigned                        went_out:1;  /* an upstream had it */
    unsigned                        answering:1; /* we send a refusal */
    unsigned                        replacing:1; /* nginx's own answer */
    unsigned                        holding:1;   /* the broker's 401 */
    unsigned                        connecting:1; /* an answer is changed */
    unsigned                        swallowing:1; /* one that we refused */
    unsigned                        resent:1;    /* with another token */
    unsigned                        capture_cut:1;
    unsigned                        remembered:1; /* in the replay table */
    unsigned                        throttled:1;  /* buckets were charged */
    unsigned                        cached_token:1;
    unsigned                        presigned:1;
    unsigned                        recorded:1;
};


extern ngx_module_t  ngx_http_deskgate_module;

extern ngx_http_request_body_filter_pt
    ngx_http_deskgate_next_request_body_filter;
extern ngx_http_output_header_filter_pt
    ngx_http_deskgate_next_header_filter;
extern ngx_http_output_body_filter_pt
    ngx_http_deskgate_next_body_filter;


/* worker */
ngx_int_t ngx_http_deskgate_init_process(ngx_cycle_t *cycle);
void ngx_http_deskgate_exit_process(ngx_cycle_t *cycle);
void *ngx_http_deskgate_take_block(void);
void ngx_http_deskgate_give_block(void *block);

/* request */
ngx_http_deskgate_loc_conf_t *ngx_http_deskgate_conf_of(
    ngx_http_request_t *r);
unsigned ngx_http_deskgate_service_row(const dg_service_t *service);
ngx_http_deskgate_ctx_t *ngx_http_deskgate_get_ctx(ngx_http_request_t *r);
ngx_http_deskgate_ctx_t *ngx_http_deskgate_create_ctx(ngx_http_request_t *r);
dg_span_t ngx_http_deskgate_span(const ngx_str_t *s);
ngx_str_t ngx_http_deskgate_str(dg_span_t s);
dg_refusal_t ngx_http_deskgate_view_request(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
void ngx_http_deskgate_wake(ngx_http_deskgate_ctx_t *ctx);

/* handler */
ngx_int_t ngx_http_deskgate_access_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_deskgate_preaccess_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_deskgate_refused(ngx_http_deskgate_ctx_t *ctx,
    dg_refusal_t refusal, const char *reason);

ngx_int_t ngx_http_deskgate_identify(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_uint_t ngx_http_deskgate_host_listed(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_authenticate(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_read_body(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_verify(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_remember(ngx_http_deskgate_ctx_t *ctx);
void ngx_http_deskgate_forget(ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_authorize(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
bool *ngx_http_deskgate_attached(ngx_http_deskgate_ctx_t *ctx,
    ngx_array_t *policies);
void ngx_http_deskgate_shadow(ngx_http_deskgate_ctx_t *ctx,
    const dg_policy_request_t *request);
void ngx_http_deskgate_record_decision(ngx_http_deskgate_ctx_t *ctx,
    dg_record_t *record);
ngx_int_t ngx_http_deskgate_throttle(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_translate(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_sign(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);

/* describe */
ngx_int_t ngx_http_deskgate_describe(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);

/* endpoint: what the gateway offers itself */
ngx_int_t ngx_http_deskgate_identify_own(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_serve(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
u_char *ngx_http_deskgate_secret_memory(ngx_http_request_t *r, size_t size);
ngx_int_t ngx_http_deskgate_give(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_span_t content_type, dg_span_t body);

/* authenticate: parts that the token endpoint shares */
void ngx_http_deskgate_key_was_used(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_authenticate_bearer(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);

/* certificate: empty when the client has none that TLS verified here */
ngx_int_t ngx_http_deskgate_certificate_hash(ngx_http_request_t *r,
    dg_arena_t *arena, dg_span_t *hash);
ngx_int_t ngx_http_deskgate_authenticate_certificate(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);

/* token */
ngx_int_t ngx_http_deskgate_authenticate_own(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_grant(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_serve_token(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_document_handler(ngx_http_request_t *r);

/* passthrough: a broker's tokens, and handles that stand for them */
ngx_int_t ngx_http_deskgate_pass_client(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_serve_pass(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);

/* handle */
ngx_uint_t ngx_http_deskgate_is_handle(dg_span_t token);
ngx_int_t ngx_http_deskgate_handle_caller(ngx_http_deskgate_ctx_t *ctx,
    const ngx_http_deskgate_broker_t *broker, dg_span_t client_id);
ngx_int_t ngx_http_deskgate_handle_make(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_span_t token, int64_t life,
    dg_span_t *handle);
ngx_int_t ngx_http_deskgate_authenticate_handle(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
void ngx_http_deskgate_handle_drop(ngx_http_deskgate_ctx_t *ctx);

/* vend */
ngx_int_t ngx_http_deskgate_authenticate_vended(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_serve_vend(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);

/* sign: all that leaves but the body, also when it leaves again */
ngx_int_t ngx_http_deskgate_sent_build(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);

/* body */
ngx_int_t ngx_http_deskgate_request_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
ngx_uint_t ngx_http_deskgate_body_is_coming(ngx_http_request_t *r);
ngx_int_t ngx_http_deskgate_drain_body(ngx_http_request_t *r);
ngx_int_t ngx_http_deskgate_send_array(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_copy_range(ngx_http_request_t *r, u_char *to,
    size_t from, size_t len);

/* headers_in */
ngx_int_t ngx_http_deskgate_headers_replace(ngx_http_request_t *r,
    const ngx_http_deskgate_header_t *set, ngx_uint_t count);
ngx_uint_t ngx_http_deskgate_header_goes_upstream(const ngx_str_t *key);
void ngx_http_deskgate_headers_hide(ngx_http_request_t *r);
ngx_table_elt_t *ngx_http_deskgate_header_push(ngx_http_request_t *r,
    const ngx_str_t *name, const ngx_str_t *value);

/* credentials: NGX_OK gives *out, else as ngx_http_deskgate_fly() */
ngx_int_t ngx_http_deskgate_provide(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    dg_credentials_t *out);
ngx_int_t ngx_http_deskgate_provide_static(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    dg_credentials_t *out);
ngx_int_t ngx_http_deskgate_provide_shared(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    dg_credentials_t *out);
ngx_int_t ngx_http_deskgate_provide_role(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    dg_credentials_t *out);
ngx_int_t ngx_http_deskgate_provide_by_rule(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    dg_credentials_t *out);
ngx_uint_t ngx_http_deskgate_credentials_drop(ngx_http_deskgate_ctx_t *ctx);
const char *ngx_http_deskgate_credentials_keep(
    ngx_http_deskgate_flight_t *flight, const dg_credentials_t *c,
    int64_t until);

ngx_int_t ngx_http_deskgate_credentials_key(dg_arena_t *arena,
    const ngx_http_deskgate_credentials_t *c, dg_cache_key_t *key);

/* endpoints of containers and instances, which give credentials */
ngx_int_t ngx_http_deskgate_endpoint_key(
    const ngx_http_deskgate_credentials_t *c, dg_cache_key_t *key);
ngx_int_t ngx_http_deskgate_provide_container(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    dg_credentials_t *out);
ngx_int_t ngx_http_deskgate_provide_instance(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_http_deskgate_credentials_t *c,
    dg_credentials_t *out);

/* broker */
ngx_int_t ngx_http_deskgate_broker_token(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
void ngx_http_deskgate_broker_refused(ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_made_token(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);

/* guard */
void ngx_http_deskgate_guard(ngx_http_request_t *r);

/* refuse */
ngx_int_t ngx_http_deskgate_refuse(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_refusal_headers(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_chain_t **body);
void ngx_http_deskgate_log_refusal(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);

/* filter */
ngx_int_t ngx_http_deskgate_header_filter(ngx_http_request_t *r);
ngx_int_t ngx_http_deskgate_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
ngx_table_elt_t *ngx_http_deskgate_header_out(ngx_http_request_t *r,
    const ngx_str_t *name, const ngx_str_t *value);

void ngx_http_deskgate_capture(ngx_http_deskgate_ctx_t *ctx,
    ngx_chain_t *in);

/* hold */
ngx_uint_t ngx_http_deskgate_hold(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_hold_body(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_chain_t *in);

/* connect */
ngx_uint_t ngx_http_deskgate_connect(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_connect_body(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, ngx_chain_t *in);
ngx_int_t ngx_http_deskgate_swallow(ngx_http_request_t *r, ngx_chain_t *in);

/* record, trail */
ngx_int_t ngx_http_deskgate_answer(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_answer_t *answer);
ngx_int_t ngx_http_deskgate_log_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_deskgate_trail_init_worker(ngx_cycle_t *cycle,
    ngx_http_deskgate_main_conf_t *mcf);
void ngx_http_deskgate_trail_exit_worker(ngx_cycle_t *cycle);
void ngx_http_deskgate_trail_append(ngx_http_deskgate_trail_t *trail,
    const dg_record_t *record, ngx_log_t *log);
ngx_uint_t ngx_http_deskgate_trail_failing(void);

/* log */
ngx_int_t ngx_http_deskgate_post_read_handler(ngx_http_request_t *r);
ngx_uint_t ngx_http_deskgate_had_phases(ngx_http_request_t *r);
void ngx_http_deskgate_redact_log(ngx_http_request_t *r);
ngx_str_t ngx_http_deskgate_redacted_target(ngx_http_request_t *r);

/* file */
ngx_int_t ngx_http_deskgate_file_read(ngx_conf_t *cf, ngx_str_t *path,
    const char *kind, ngx_uint_t secret, dg_span_t *text);
ngx_int_t ngx_http_deskgate_file_token(ngx_http_request_t *r,
    const ngx_str_t *path, dg_arena_t *arena, dg_span_t *token);
const char *ngx_http_deskgate_file_get(u_char *path, ngx_uint_t secret,
    ngx_pool_t *pool, ngx_file_info_t *fi, dg_span_t *text, ngx_err_t *err);
void ngx_http_deskgate_file_diag(ngx_conf_t *cf, ngx_str_t *path,
    const dg_diag_t *diag);

/* reread: what files say now; to keep it, hold it and leave it */
ngx_http_deskgate_reread_t *ngx_http_deskgate_reread_add(ngx_conf_t *cf,
    ngx_str_t *path, const ngx_http_deskgate_reread_type_t *type,
    void *object, dg_diag_t *diag);
ngx_int_t ngx_http_deskgate_reread_check(ngx_conf_t *cf);
ngx_int_t ngx_http_deskgate_reread_init_worker(ngx_cycle_t *cycle);
void ngx_http_deskgate_reread_exit_worker(void);
ngx_http_deskgate_content_t *ngx_http_deskgate_reread_now(
    const ngx_http_deskgate_reread_t *file);
void ngx_http_deskgate_reread_hold(ngx_http_deskgate_content_t *content);
void ngx_http_deskgate_reread_leave(ngx_http_deskgate_content_t *content);
void *ngx_http_deskgate_reread_use(ngx_http_request_t *r,
    const ngx_http_deskgate_reread_t *file);

/* failures */
char *ngx_http_deskgate_conf_failures(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_deskgate_failures_merge(ngx_conf_t *cf,
    ngx_http_deskgate_loc_conf_t *prev, ngx_http_deskgate_loc_conf_t *conf);
ngx_int_t ngx_http_deskgate_failures_check(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx);
ngx_int_t ngx_http_deskgate_failed(ngx_http_request_t *r,
    ngx_http_deskgate_ctx_t *ctx, dg_refusal_t refusal);

/* keys, revoke: who is known, and who no longer is */
ngx_int_t ngx_http_deskgate_keys_finish(ngx_conf_t *cf,
    ngx_http_deskgate_keys_t *keys, ngx_http_deskgate_loc_conf_t *lcf);
void ngx_http_deskgate_keys_find(ngx_http_deskgate_ctx_t *ctx);
char *ngx_http_deskgate_conf_revocations(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_uint_t ngx_http_deskgate_revoked(const dg_caller_t *caller);

/* zone: counters and the use of keys need no lock, everything else does */
ngx_int_t ngx_http_deskgate_zone_init(ngx_shm_zone_t *shm_zone, void *data);
dg_counters_t *ngx_http_deskgate_counters(void);
dg_replay_t *ngx_http_deskgate_replay(void);
dg_throttle_t *ngx_http_deskgate_throttle_table(void);
dg_cache_t *ngx_http_deskgate_cache(void);
dg_key_use_t *ngx_http_deskgate_key_use(void);
void ngx_http_deskgate_zone_lock(void);
void ngx_http_deskgate_zone_unlock(void);

/* status */
ngx_uint_t ngx_http_deskgate_is_page(ngx_http_request_t *r);

/* var */
ngx_int_t ngx_http_deskgate_add_variables(ngx_conf_t *cf);

#endif /* NGX_HTTP_DESKGATE_H */
