/*
 * The way into a DCV session, as the broker's GetSessionConnectionData tells
 * it: the address of the server, and the ConnectionToken.
 *
 * Sources: Amazon DCV Session Manager Developer Guide,
 * "GetSessionConnectionData", and the advice there to replace a server's
 * address by that of the Connection Gateway; RFC 7519 section 4.1 (jti, exp).
 */

#ifndef DG_CONNECTION_H
#define DG_CONNECTION_H

#include "dg_arena.h"
#include "dg_err.h"

#define DG_CONNECTION_HOST_MAX  255          /* bytes */
#define DG_CONNECTION_BODY_MAX  (64 * 1024)  /* bytes of an answer */
#define DG_CONNECTION_PATHS     32           /* endpoints that are kept */

/* Room for what an answer of `len` bytes becomes: it never needs more. */
#define DG_CONNECTION_SIZE(len)  (6 * (len) + 16 * 1024)

/* Where a Connection Gateway listens. */
typedef struct {
    dg_span_t  host;   /* name or address; IPv6 without brackets */
    dg_span_t  port;   /* decimal, 1 to 65535 */
} dg_connection_address_t;

/* Claims of a ConnectionToken whose signature nobody here has verified. */
typedef struct {
    dg_span_t  id;      /* jti */
    dg_span_t  user;    /* dcvSessionUser */
    int64_t    expiry;  /* exp, seconds since 1970; 0: not said */
} dg_connection_token_t;


/*
 * HOST:PORT, where an IPv6 address stands in brackets; the spans point into
 * the text.  DG_ERR_SYNTAX.
 */
DG_MUST_USE dg_err_t dg_connection_parse_address(dg_span_t text,
    dg_connection_address_t *address);

/*
 * Writes the answer with the address in place of Ip, Port and each endpoint's
 * IpAddress and Port of Session.Server; endpoints that are the same then are
 * written once.  All else stays as it is, but for blanks.  An answer without
 * Session or Server says no address.  The arena is for scratch, which is
 * wiped.  DG_ERR_SYNTAX or DG_ERR_INVALID (not such an answer), DG_ERR_LIMIT
 * (larger than DG_CONNECTION_BODY_MAX, more endpoints, does not fit),
 * DG_ERR_MEMORY; what was written is then of no use.
 */
DG_MUST_USE dg_err_t dg_connection_replace(dg_arena_t *arena, dg_span_t body,
    const dg_connection_address_t *address, dg_writer_t *w);

/*
 * What the answer's ConnectionToken says of itself, copied into the arena;
 * scratch is wiped.  False when there is no token or it is opaque: *token is
 * then empty.
 */
bool dg_connection_read_token(dg_arena_t *arena, dg_span_t body,
    dg_connection_token_t *token);

#endif
