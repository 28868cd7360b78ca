/*
 * A permissions file of a DCV session: who gets which features.  Source:
 * Amazon DCV Administrator Guide, "Understanding permissions files".
 *
 *   #import PATH
 *   [groups]
 *   NAME = MEMBER, ...             user, user:U, group:G, osgroup:G, %owner%
 *   [aliases]
 *   NAME = FEATURE-OR-ALIAS, ...
 *   [permissions]
 *   ACTOR allow|disallow|deny FEATURE-OR-ALIAS ...
 *
 * Lines that begin with ';' or '#' are comments.  `disallow` takes back what
 * was allowed before it, `deny` for good; both of them, for %any%, from
 * everybody.  `builtin` is every feature.
 *
 * The answers may name more than the server would grant, never less:
 * memberships take nothing away, and a name that the file does not define
 * may be an alias of the server or of an imported file, so it stands for
 * itself and for every feature.  What imported files grant is not in them:
 * that is what `imports` is for.  Whatever the two sides could read in
 * different ways (a name defined twice or in two cases, an alias with the
 * name of a feature, a circle, a control character) is unreadable.
 */

#ifndef DG_PERMISSIONS_H
#define DG_PERMISSIONS_H

#include "dg_arena.h"
#include "dg_err.h"

#define DG_PERMISSIONS_TEXT_MAX      65536  /* bytes */
#define DG_PERMISSIONS_LINES_MAX     1024   /* under [permissions] */
#define DG_PERMISSIONS_NAMES_MAX     1024   /* groups and aliases */
#define DG_PERMISSIONS_MEMBERS_MAX   4096   /* of all groups and aliases */
#define DG_PERMISSIONS_IMPORTS_MAX   64
#define DG_PERMISSIONS_FEATURES_MAX  256    /* different ones */
#define DG_PERMISSIONS_DEPTH_MAX     32     /* aliases of aliases, groups */

typedef struct {
    const dg_span_t  *features;     /* that some actor may get */
    size_t            feature_count;
    const dg_span_t  *shared;       /* the same, actors but %owner% */
    size_t            shared_count;
    const dg_span_t  *actors;       /* who may get any, members of groups
                                       too: "ann", "group:G", "%any%" */
    size_t            actor_count;
    const dg_span_t  *imports;      /* paths as written */
    size_t            import_count;
} dg_permissions_t;


/*
 * Reads a file; *out lives in the arena and borrows from the text.
 * DG_ERR_SYNTAX, DG_ERR_INVALID, DG_ERR_LIMIT, with the line and what is
 * wrong there, which never quotes the file; DG_ERR_MEMORY.
 */
DG_MUST_USE dg_err_t dg_permissions_parse(dg_arena_t *arena, dg_span_t text,
    dg_diag_t *diag, const dg_permissions_t **out);

#endif
