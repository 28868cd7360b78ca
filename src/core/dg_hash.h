/*
 * A fast hash for tables in memory.  It is not keyed: whoever fills a table
 * with names that a stranger chose must bound the length of its chains.
 */

#ifndef DG_HASH_H
#define DG_HASH_H

#include "dg_span.h"

uint32_t dg_hash(dg_span_t s);

#endif
