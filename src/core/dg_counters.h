/*
 * Counters in shared memory.  Every access is one relaxed atomic operation:
 * no lock is needed, a killed worker leaves nothing behind, and a reader sees
 * each counter whole though not all of one moment.
 */

#ifndef DG_COUNTERS_H
#define DG_COUNTERS_H

#include "dg_err.h"
#include "dg_refusal.h"

/* Rows 0 .. 7 by service; all above, and "none", share the row behind. */
#define DG_COUNTERS_SERVICES_MAX  8
#define DG_COUNTERS_OTHER         DG_COUNTERS_SERVICES_MAX
#define DG_COUNTERS_ROWS          (DG_COUNTERS_SERVICES_MAX + 1)

#define DG_COUNTERS_WORKERS_MAX   64

/* Counted by service. */
typedef enum {
    DG_COUNT_CALLS,
    DG_COUNT_ALLOWED,
    DG_COUNT_FORWARDED,
    DG_COUNT_OBSERVED,         /* would have been refused in enforce mode */
    DG_COUNT_SHADOW,           /* a shadow decided otherwise */
    DG_COUNT_ABORTED,          /* by the client */
    DG_COUNT_REPLAYED,         /* sent again with new credentials */
    DG_COUNT_UPSTREAM_2XX,
    DG_COUNT_UPSTREAM_3XX,
    DG_COUNT_UPSTREAM_4XX,
    DG_COUNT_UPSTREAM_5XX,
    DG_COUNT_SERVICE_COUNT
} dg_count_service_t;

/* Counted once for the zone. */
typedef enum {
    DG_COUNT_FETCH_OK,
    DG_COUNT_FETCH_FAILED,
    DG_COUNT_FETCH_LATE,       /* the answer of an old generation */
    DG_COUNT_FETCH_OVERFLOW,   /* the answer was larger than allowed */
    DG_COUNT_CACHE_HIT,
    DG_COUNT_CACHE_WAIT,
    DG_COUNT_CACHE_NEGATIVE,
    DG_COUNT_CACHE_FULL,
    DG_COUNT_THROTTLE_EVICTED,
    DG_COUNT_TRAIL_WRITTEN,    /* records */
    DG_COUNT_TRAIL_BYTES,
    DG_COUNT_TRAIL_LOST,       /* records */
    DG_COUNT_TRAIL_FAILURES,   /* failed writes */
    DG_COUNT_BREAK_GLASS,      /* calls let through by such a key */
    DG_COUNT_FILES_READ,       /* changed and taken, by each worker */
    DG_COUNT_FILES_REFUSED,    /* changed and broken, by each worker */
    DG_COUNT_GLOBAL_COUNT
} dg_count_global_t;

/* Last values instead of sums. */
typedef enum {
    DG_GAUGE_CLOCK_OFFSET,     /* ms, upstream's Date minus ours */
    DG_GAUGE_TRAIL_WRITTEN_AT, /* wall seconds of the last good write */
    DG_GAUGE_TRAIL_FAILED_AT,  /* wall seconds of the last failed one */
    DG_GAUGE_COUNT
} dg_gauge_t;

typedef struct dg_counters_s  dg_counters_t;


/* The size of all counters, bytes. */
size_t dg_counters_size(void);

/* All zero; memory aligned to 8.  DG_ERR_LIMIT below dg_counters_size(). */
DG_MUST_USE dg_err_t dg_counters_init(void *memory, size_t size);

/* DG_ERR_MISMATCH for another layout, or another set of refusals. */
DG_MUST_USE dg_err_t dg_counters_attach(void *memory, size_t size);

/* A `service` outside the rows counts as DG_COUNTERS_OTHER. */
void dg_count_service(dg_counters_t *counters, unsigned service,
    dg_count_service_t what);
void dg_count_refusal(dg_counters_t *counters, unsigned service,
    dg_refusal_t refusal);
void dg_count(dg_counters_t *counters, dg_count_global_t what, uint64_t n);

uint64_t dg_counted_service(const dg_counters_t *counters, unsigned service,
    dg_count_service_t what);
uint64_t dg_counted_refusal(const dg_counters_t *counters, unsigned service,
    dg_refusal_t refusal);
uint64_t dg_counted(const dg_counters_t *counters, dg_count_global_t what);

void dg_gauge_set(dg_counters_t *counters, dg_gauge_t what, int64_t value);
int64_t dg_gauge(const dg_counters_t *counters, dg_gauge_t what);

/*
 * Whether this worker's trail fails.  `worker` is its number, which its
 * successor inherits and so may clear; numbers above the maximum share bits.
 */
void dg_trail_failing_set(dg_counters_t *counters, unsigned worker,
    bool failing);

/* True while the trail of any worker fails. */
bool dg_trail_failing(const dg_counters_t *counters);

/* Names for the status page: "calls", "fetch_ok", ... */
const char *dg_count_service_name(dg_count_service_t what);
const char *dg_count_global_name(dg_count_global_t what);

#endif
