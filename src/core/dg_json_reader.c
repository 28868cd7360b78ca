/*
 * JSON text to a visitor, over yajl: see dg_json.h.
 *
 * yajl does not survive an allocation that fails, so running out of memory
 * leaves it by longjmp; all it had is the arena's.  Its own UTF-8 check is
 * off, because the door's is stricter.
 *
 * When a piece ends inside a token, yajl keeps the token's beginning and reads
 * it again from its first byte with the next piece.  Lest many small pieces
 * of one long string cost time quadratic in its length, they are held back
 * until they are as long as what yajl would read again.
 */

#include "dg_json_reader.h"

#include "dg_json_door.h"
#include "dg_names.h"

#include <setjmp.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#define GO_ON        1
#define CANCEL       0

#define HOLD_FROM    512   /* bytes that yajl may always read again */
#define HOLD_FIRST   1024  /* first room for what is held back */

struct dg_json_reader_s {
    dg_arena_t          *arena;
    const dg_visitor_t  *visitor;
    void                *ctx;
    dg_json_limits_t     limits;
    yajl_handle          yajl;
    dg_json_door_t       door;
    dg_names_t           names;
    unsigned             depth;
    size_t               values;
    size_t               received;  /* bytes of all pieces */
    size_t               before;    /* bytes that yajl had before this piece */
    size_t               reread;    /* what yajl may keep, at most */
    bool                 told;      /* this piece had a token */
    uint8_t             *held;      /* passed the door, not yet yajl's */
    size_t               held_len;
    size_t               held_room;
    size_t               offset;    /* where reading stopped */
    const char          *reason;    /* of a syntax error or a limit */
    dg_err_t             err;       /* the first one, kept */
    jmp_buf              no_memory;
};

/* What a reallocation must know, before each block that yajl has. */
typedef union {
    size_t       size;
    max_align_t  align;
} block_t;

const dg_json_limits_t  dg_json_limits_default = {
    .depth = 64,
    .text = 4 * 1024 * 1024,
    .string = 4 * 1024 * 1024,
    .values = 1000000,
    .members = 10000
};


static void *
yajl_get(void *ctx, size_t size)
{
    dg_json_reader_t  *r = ctx;
    block_t           *block = NULL;

    if (size <= SIZE_MAX - sizeof(block_t)) {
        block = dg_arena_alloc(r->arena, sizeof(block_t) + size);
    }

    if (block == NULL) {
        longjmp(r->no_memory, 1);
    }

    block->size = size;
    return block + 1;
}


static void *
yajl_resize(void *ctx, void *p, size_t size)
{
    const block_t  *old = p ? (const block_t *) p - 1 : NULL;
    void           *new;

    if (old != NULL && size <= old->size) {
        return p;
    }

    new = yajl_get(ctx, size);

    if (old != NULL) {
        memcpy(new, p, old->size);
    }

    return new;
}


static void
yajl_leave(void *ctx, void *p)
{
    /* the arena is taken back whole */
    (void) ctx;
    (void) p;
}


static int
result(dg_json_reader_t *r, dg_err_t err)
{
    if (err == DG_OK) {
        return GO_ON;
    }

    r->err = err;
    return CANCEL;
}


static int
exceeded(dg_json_reader_t *r, const char *reason)
{
    r->reason = reason;
    return result(r, DG_ERR_LIMIT);
}


static int
count_value(dg_json_reader_t *r)
{
    r->told = true;

    return ++r->values > r->limits.values
           ? exceeded(r, "too many values") : GO_ON;
}


static int
on_null(void *ctx)
{
    dg_json_reader_t  *r = ctx;

    return count_value(r) ? result(r, r->visitor->on_null(r->ctx)) : CANCEL;
}


static int
on_boolean(void *ctx, int value)
{
    dg_json_reader_t  *r = ctx;

    return count_value(r) ? result(r, r->visitor->on_bool(r->ctx, value != 0))
                          : CANCEL;
}


static int
on_number(void *ctx, const char *text, size_t len)
{
    dg_json_reader_t  *r = ctx;

    if (len > r->limits.string) {
        return exceeded(r, "a number is too long");
    }

    return count_value(r)
           ? result(r, r->visitor->on_number(r->ctx, dg_span(text, len)))
           : CANCEL;
}


static int
on_string(void *ctx, const unsigned char *text, size_t len)
{
    dg_json_reader_t  *r = ctx;

    if (len > r->limits.string) {
        return exceeded(r, "a string is too long");
    }

    return count_value(r)
           ? result(r, r->visitor->on_string(r->ctx, dg_span(text, len)))
           : CANCEL;
}


static int
enter(dg_json_reader_t *r)
{
    if (++r->depth > r->limits.depth) {
        return exceeded(r, "nested too deep");
    }

    return count_value(r);
}


static int
on_start_map(void *ctx)
{
    dg_json_reader_t  *r = ctx;

    if (!enter(r) || !result(r, dg_names_open(&r->names))) {
        return CANCEL;
    }

    return result(r, r->visitor->on_object_start(r->ctx));
}


static int
add_name(dg_json_reader_t *r, dg_span_t name)
{
    dg_err_t  err;

    if (dg_names_members(&r->names) >= r->limits.members) {
        return exceeded(r, "an object has too many members");
    }

    err = dg_names_add(&r->names, name);

    if (err == DG_ERR_INVALID) {
        r->reason = "a name comes twice in one object";

    } else if (err == DG_ERR_LIMIT) {
        r->reason = "the names of an object collide";
    }

    return result(r, err);
}


static int
on_map_key(void *ctx, const unsigned char *text, size_t len)
{
    dg_json_reader_t  *r = ctx;
    dg_span_t          name = dg_span(text, len);

    r->told = true;

    if (len > r->limits.string) {
        return exceeded(r, "a name is too long");
    }

    /* yajl refuses a raw NUL, so only an escaped one can be in a name */
    if (r->door.nul && dg_span_find(name, 0) != len) {
        r->reason = "a NUL in a name";
        return result(r, DG_ERR_SYNTAX);
    }

    return add_name(r, name) ? result(r, r->visitor->on_key(r->ctx, name))
                             : CANCEL;
}


static int
on_end_map(void *ctx)
{
    dg_json_reader_t  *r = ctx;

    r->told = true;
    r->depth--;
    dg_names_close(&r->names);
    return result(r, r->visitor->on_object_end(r->ctx));
}


static int
on_start_array(void *ctx)
{
    dg_json_reader_t  *r = ctx;

    return enter(r) ? result(r, r->visitor->on_array_start(r->ctx)) : CANCEL;
}


static int
on_end_array(void *ctx)
{
    dg_json_reader_t  *r = ctx;

    r->told = true;
    r->depth--;
    return result(r, r->visitor->on_array_end(r->ctx));
}


static const yajl_callbacks  callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_map_key,
    .yajl_end_map = on_end_map,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end_array
};


static bool
start_yajl(dg_json_reader_t *r)
{
    yajl_alloc_funcs  funcs = {
        .malloc = yajl_get, .realloc = yajl_resize, .free = yajl_leave,
        .ctx = r
    };

    if (setjmp(r->no_memory) != 0) {
        return false;
    }

    r->yajl = yajl_alloc(&callbacks, &funcs, r);

    return r->yajl != NULL
           && yajl_config(r->yajl, yajl_dont_validate_strings, 1) != 0;
}


dg_json_reader_t *
dg_json_reader_create(dg_arena_t *arena, const dg_visitor_t *visitor,
    void *ctx, const dg_json_limits_t *limits)
{
    dg_json_reader_t  *r = dg_arena_alloc(arena, sizeof(*r));

    if (r == NULL) {
        return NULL;
    }

    memset(r, 0, offsetof(dg_json_reader_t, no_memory));

    r->arena = arena;
    r->visitor = visitor;
    r->ctx = ctx;
    r->limits = limits ? *limits : dg_json_limits_default;
    dg_json_door_init(&r->door);
    dg_names_init(&r->names, arena);

    return start_yajl(r) ? r : NULL;
}


static dg_err_t
stop(dg_json_reader_t *r, dg_err_t err, size_t offset)
{
    r->err = err;
    r->offset = offset;
    return err;
}


/*
 * Judges what yajl says of the piece it was given.  A callback's error is
 * already kept, a syntax error is not.
 */
static dg_err_t
judge(dg_json_reader_t *r, yajl_status status, size_t len)
{
    size_t  used;

    if (status == yajl_status_ok) {
        r->reread = r->told ? len : r->reread + len;
        return DG_OK;
    }

    used = yajl_get_bytes_consumed(r->yajl);

    return stop(r, r->err == DG_OK ? DG_ERR_SYNTAX : r->err,
                r->before + (used < len ? used : len));
}


static dg_err_t
parse(dg_json_reader_t *r, dg_span_t piece)
{
    dg_err_t  err;

    if (setjmp(r->no_memory) != 0) {
        return stop(r, DG_ERR_MEMORY, r->before);
    }

    r->told = false;

    err = judge(r, yajl_parse(r->yajl, piece.data, piece.len), piece.len);
    r->before += piece.len;
    return err;
}


static dg_err_t
parse_held(dg_json_reader_t *r)
{
    size_t  len = r->held_len;

    r->held_len = 0;

    return len ? parse(r, dg_span(r->held, len)) : DG_OK;
}


static bool
make_room(dg_json_reader_t *r, size_t len)
{
    size_t    room = r->held_room ? r->held_room : HOLD_FIRST;
    uint8_t  *held;

    while (room - r->held_len < len) {
        room *= 2;
    }

    if (room == r->held_room) {
        return true;
    }

    held = dg_arena_alloc(r->arena, room);
    if (held == NULL) {
        return false;
    }

    if (r->held_len) {
        memcpy(held, r->held, r->held_len);
    }

    r->held = held;
    r->held_room = room;
    return true;
}


static dg_err_t
hold(dg_json_reader_t *r, dg_span_t piece)
{
    if (piece.len == 0) {
        return DG_OK;
    }

    if (!make_room(r, piece.len)) {
        return stop(r, DG_ERR_MEMORY, r->before);
    }

    memcpy(r->held + r->held_len, piece.data, piece.len);
    r->held_len += piece.len;
    return DG_OK;
}


/* What has passed the door goes to yajl, now or when there is enough. */
static dg_err_t
pass_on(dg_json_reader_t *r, dg_span_t piece)
{
    size_t    len = r->held_len + piece.len;
    dg_err_t  err;

    if (r->held_len == 0 && (r->reread < HOLD_FROM || len >= r->reread)) {
        return piece.len ? parse(r, piece) : DG_OK;
    }

    err = hold(r, piece);

    return err == DG_OK && len >= r->reread ? parse_held(r) : err;
}


dg_err_t
dg_json_reader_feed(dg_json_reader_t *r, dg_span_t piece)
{
    size_t    pass;
    dg_err_t  err;

    if (r->err != DG_OK || piece.len == 0) {
        return r->err;
    }

    if (piece.len > r->limits.text - r->received) {
        r->reason = "the text is too long";
        return stop(r, DG_ERR_LIMIT, r->limits.text);
    }

    r->received += piece.len;

    pass = dg_json_door_pass(&r->door, piece);
    err = pass_on(r, dg_span(piece.data, pass));

    if (err != DG_OK || pass == piece.len) {
        return err;
    }

    /* what comes before the refused byte is judged first */
    err = parse_held(r);
    if (err != DG_OK) {
        return err;
    }

    r->reason = r->door.reason;
    return stop(r, DG_ERR_SYNTAX, r->before);
}


static dg_err_t
complete(dg_json_reader_t *r)
{
    if (setjmp(r->no_memory) != 0) {
        return stop(r, DG_ERR_MEMORY, r->before);
    }

    return judge(r, yajl_complete_parse(r->yajl), 0);
}


dg_err_t
dg_json_reader_finish(dg_json_reader_t *r)
{
    if (r->err != DG_OK) {
        return r->err;
    }

    if (parse_held(r) != DG_OK) {
        return r->err;
    }

    if (!dg_json_door_finish(&r->door)) {
        r->reason = r->door.reason;
        return stop(r, DG_ERR_SYNTAX, r->before);
    }

    return complete(r);
}


size_t
dg_json_reader_offset(const dg_json_reader_t *r)
{
    return r->offset;
}


size_t
dg_json_reader_token_end(const dg_json_reader_t *r)
{
    return r->before + yajl_get_bytes_consumed(r->yajl);
}


const char *
dg_json_reader_reason(const dg_json_reader_t *r)
{
    return r->reason;
}
