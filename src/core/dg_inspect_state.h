/*
 * The state that the parts of the inspection share.  dg_answer.c uses the
 * same walk, without collecting and without checks.
 */

#ifndef DG_INSPECT_STATE_H
#define DG_INSPECT_STATE_H

#include "dg_inspect.h"
#include "dg_json_reader.h"

#define DG_INSPECT_TEXT_START  1024   /* first size of the redacted copy */
#define DG_INSPECT_SEEN_INLINE 64     /* members that need no allocation */
#define DG_INSPECT_FRAMES_START 12    /* levels before more are allocated */

/* What a container of the walk is to policies. */
typedef enum {
    DG_ROLE_PLAIN,
    DG_ROLE_TAGS,      /* the map of tags, or one of a list of them */
    DG_ROLE_TAG_KEYS   /* a list of tag keys */
} dg_inspect_role_t;

/* Tags that were seen so far. */
typedef struct {
    dg_inspect_tag_t  *tags;
    size_t             count;
    size_t             room;
} dg_inspect_tags_t;

/* A structure, list or map that the walk is inside of. */
typedef struct {
    const dg_shape_t   *shape;     /* NULL: nothing is known in here */
    const dg_member_t  *member;    /* whose value comes; NULL: unknown */
    dg_span_t           path_copy; /* of the items of a list, once made */
    size_t              path_len;  /* of this container's path */
    uint32_t            index;     /* items so far, the one that comes too */
    uint32_t            group;
    dg_inspect_role_t   role;
    bool                is_list;
    bool                is_batch;
    bool                mutes;     /* hidden from the copy from here on */
    bool                sensitive; /* so is everything inside */
    bool                skips;     /* the member that comes is not copied */
    uint64_t            keyed;     /* members named so far */
    uint64_t            present;   /* members with a value */
    uint64_t           *more;      /* both, for shapes with many members */
    size_t              present_count;  /* let through ones as well */
    size_t              required_count; /* of those present */
} dg_inspect_frame_t;

/* The redacted copy. */
typedef struct {
    dg_writer_t  w;
    unsigned     muted;     /* how many open containers are hidden */
    bool         dropped;   /* it grew over the limit */
} dg_inspect_copy_t;

struct dg_inspect_s {
    dg_arena_t                 *arena;
    const dg_call_t            *call;
    const dg_shape_t           *root;       /* NULL: no member is known */
    dg_crypto_t                *crypto;
    const dg_relaxation_t      *relaxed;
    size_t                      relaxed_count;
    dg_validate_t               validate;
    bool                        is_answer;
    bool                        hard_error;
    bool                        body_seen;
    bool                        body_is_raw; /* a blob or string payload */

    dg_json_reader_t           *json;
    void                       *cbor;
    size_t                      raw_len;
    dg_sha256_t                *raw_hash;

    unsigned                    depth;       /* frames in use, 1 at least */
    unsigned                    nest;        /* open containers of the body */
    dg_inspect_frame_t         *frames;
    unsigned                    frames_room;
    uint32_t                    groups;
    uint32_t                    item;
    size_t                      item_path;   /* bytes of path before name */
    char                        path[DG_INSPECT_PATH_MAX];
    size_t                      path_len;

    dg_inspect_value_t         *values;
    size_t                      values_room;
    size_t                      bytes;
    dg_span_t                  *unknown;
    dg_inspect_tags_t           tags;
    dg_inspect_tags_t           tag_keys;
    uint32_t                    tag_group;   /* of the last of the tags */

    dg_inspect_copy_t           copy;
    dg_writer_t                 errors;
    void                       *match_data;  /* PCRE2 */
    void                       *match_context;

    dg_refusal_t                refusal;
    unsigned                    failed_items; /* of an UnsuccessfulList */
    dg_inspection_t             result;
};


extern const dg_visitor_t  dg_inspect_visitor;


/* Frames and values (dg_inspect_frame.c) */

DG_MUST_USE dg_err_t dg_inspect_push(dg_inspect_t *in,
    const dg_shape_t *shape, bool is_list, bool mutes, bool sensitive);

/*
 * Which of a structure's members were named, and which have a value.
 * set_keyed tells whether the member was named before.
 */
bool dg_inspect_set_keyed(dg_inspect_frame_t *f, const dg_member_t *m);
bool dg_inspect_is_present(dg_inspect_frame_t *f, const dg_member_t *m);
void dg_inspect_set_present(dg_inspect_frame_t *f, const dg_member_t *m);

/* The path of the member that comes. */
DG_MUST_USE dg_err_t dg_inspect_set_path(dg_inspect_t *in,
    const dg_inspect_frame_t *f, dg_span_t name);

DG_MUST_USE dg_err_t dg_inspect_collect(dg_inspect_t *in,
    dg_inspect_frame_t *f, dg_span_t text, bool is_unknown);


/* The walk (dg_inspect_visit.c) */

/* Prepares the walk; the arrays stay uninitialised. */
DG_MUST_USE dg_err_t dg_inspect_start(dg_inspect_t *in, dg_arena_t *arena,
    const dg_shape_t *root);

/* A value of a member of the input that is not in the body. */
DG_MUST_USE dg_err_t dg_inspect_outside(dg_inspect_t *in,
    const dg_member_t *member, const dg_span_t *texts, size_t count);

/* The required members of the outermost structure; once, at the end. */
DG_MUST_USE dg_err_t dg_inspect_close_root(dg_inspect_t *in);

DG_MUST_USE dg_err_t dg_inspect_add_unknown(dg_inspect_t *in, dg_span_t name);


/* Checks (dg_inspect_check.c): each collects errors and never fails */

typedef enum {
    DG_SCALAR_STRING,
    DG_SCALAR_NUMBER,
    DG_SCALAR_BOOL,
    DG_SCALAR_BYTES,
    DG_SCALAR_TIMESTAMP
} dg_scalar_t;

/* printf of a constraint that the member that comes breaks. */
void dg_inspect_error(dg_inspect_t *in, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same about a member of the innermost structure. */
void dg_inspect_member_error(dg_inspect_t *in, dg_span_t name,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* *unknown: an enum value that the model does not have. */
DG_MUST_USE dg_err_t dg_inspect_check_scalar(dg_inspect_t *in,
    const dg_shape_t *shape, dg_scalar_t kind, dg_span_t text,
    bool *unknown);
void dg_inspect_check_count(dg_inspect_t *in, const dg_shape_t *shape,
    size_t count);
bool dg_inspect_is_relaxed(const dg_inspect_t *in, dg_span_t path);


/* The copy (dg_inspect_copy.c) */

DG_MUST_USE dg_err_t dg_inspect_copy_start(dg_inspect_t *in);

/*
 * All of them write nothing while something hidden is open, or once the copy
 * was dropped.
 */

/* The comma before an item of a list. */
DG_MUST_USE dg_err_t dg_inspect_copy_comma(dg_inspect_t *in);

/* Comma and name; one that stands for a member begins in lower case. */
DG_MUST_USE dg_err_t dg_inspect_copy_name(dg_inspect_t *in, dg_span_t name,
    bool is_member);
DG_MUST_USE dg_err_t dg_inspect_copy_member(dg_inspect_t *in,
    const dg_member_t *member);
DG_MUST_USE dg_err_t dg_inspect_copy_string(dg_inspect_t *in, dg_span_t text);
DG_MUST_USE dg_err_t dg_inspect_copy_raw(dg_inspect_t *in, dg_span_t text);

/* Length and SHA-256 of hidden content, beside the member of that name. */
DG_MUST_USE dg_err_t dg_inspect_copy_digest(dg_inspect_t *in, dg_span_t name,
    dg_span_t content);


/* Results (dg_inspect_result.c) */

/* A value of a frame whose role is not plain. */
DG_MUST_USE dg_err_t dg_inspect_note_tag(dg_inspect_t *in,
    const dg_inspect_frame_t *f, const dg_inspect_value_t *v);
DG_MUST_USE dg_err_t dg_inspect_finish_tags(dg_inspect_t *in);

#endif
