/*
 * Counters and gauges: see dg_counters.h.
 */

#include "dg_counters.h"

#include <string.h>

#define COUNTERS_MAGIC    UINT64_C(0x7372746e756f6764)
#define COUNTERS_VERSION  2


struct dg_counters_s {
    uint64_t  magic;
    uint32_t  version;
    uint32_t  refusal_count;
    uint64_t  size;
    uint64_t  failing;  /* a bit for each worker whose trail fails */
    uint64_t  refusals[DG_COUNTERS_ROWS][DG_REFUSAL_COUNT];
    uint64_t  services[DG_COUNTERS_ROWS][DG_COUNT_SERVICE_COUNT];
    uint64_t  global[DG_COUNT_GLOBAL_COUNT];
    int64_t   gauges[DG_GAUGE_COUNT];
};

static const char *const  service_names[DG_COUNT_SERVICE_COUNT] = {
    [DG_COUNT_CALLS] = "calls",
    [DG_COUNT_ALLOWED] = "allowed",
    [DG_COUNT_FORWARDED] = "forwarded",
    [DG_COUNT_OBSERVED] = "observed",
    [DG_COUNT_SHADOW] = "shadow",
    [DG_COUNT_ABORTED] = "aborted",
    [DG_COUNT_REPLAYED] = "replayed",
    [DG_COUNT_UPSTREAM_2XX] = "upstream_2xx",
    [DG_COUNT_UPSTREAM_3XX] = "upstream_3xx",
    [DG_COUNT_UPSTREAM_4XX] = "upstream_4xx",
    [DG_COUNT_UPSTREAM_5XX] = "upstream_5xx"
};

static const char *const  global_names[DG_COUNT_GLOBAL_COUNT] = {
    [DG_COUNT_FETCH_OK] = "fetch_ok",
    [DG_COUNT_FETCH_FAILED] = "fetch_failed",
    [DG_COUNT_FETCH_LATE] = "fetch_late",
    [DG_COUNT_FETCH_OVERFLOW] = "fetch_overflow",
    [DG_COUNT_CACHE_HIT] = "cache_hit",
    [DG_COUNT_CACHE_WAIT] = "cache_wait",
    [DG_COUNT_CACHE_NEGATIVE] = "cache_negative",
    [DG_COUNT_CACHE_FULL] = "cache_full",
    [DG_COUNT_THROTTLE_EVICTED] = "throttle_evicted",
    [DG_COUNT_TRAIL_WRITTEN] = "trail_written",
    [DG_COUNT_TRAIL_BYTES] = "trail_bytes",
    [DG_COUNT_TRAIL_LOST] = "trail_lost",
    [DG_COUNT_TRAIL_FAILURES] = "trail_failures",
    [DG_COUNT_BREAK_GLASS] = "break_glass",
    [DG_COUNT_FILES_READ] = "files_read",
    [DG_COUNT_FILES_REFUSED] = "files_refused"
};


static void
counters_add(uint64_t *counter, uint64_t n)
{
    (void) __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}


static uint64_t
counters_get(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}


static unsigned
counters_row(unsigned service)
{
    return service < DG_COUNTERS_OTHER ? service : DG_COUNTERS_OTHER;
}


/* What is no refusal of the table counts as an internal one. */
static unsigned
counters_column(dg_refusal_t refusal)
{
    unsigned  column = (unsigned) refusal;

    return column < DG_REFUSAL_COUNT ? column : DG_REFUSE_INTERNAL;
}


size_t
dg_counters_size(void)
{
    return sizeof(dg_counters_t);
}


dg_err_t
dg_counters_init(void *memory, size_t size)
{
    dg_counters_t  *counters = memory;

    if (size < sizeof(dg_counters_t)) {
        return DG_ERR_LIMIT;
    }

    memset(memory, 0, size);

    counters->version = COUNTERS_VERSION;
    counters->refusal_count = DG_REFUSAL_COUNT;
    counters->size = size;
    __atomic_store_n(&counters->magic, COUNTERS_MAGIC, __ATOMIC_RELEASE);

    return DG_OK;
}


dg_err_t
dg_counters_attach(void *memory, size_t size)
{
    const dg_counters_t  *counters = memory;

    if (size < sizeof(dg_counters_t) || counters->magic != COUNTERS_MAGIC
        || counters->version != COUNTERS_VERSION || counters->size != size
        || counters->refusal_count != DG_REFUSAL_COUNT)
    {
        return DG_ERR_MISMATCH;
    }

    return DG_OK;
}


void
dg_count_service(dg_counters_t *counters, unsigned service,
    dg_count_service_t what)
{
    counters_add(&counters->services[counters_row(service)][what], 1);
}


void
dg_count_refusal(dg_counters_t *counters, unsigned service,
    dg_refusal_t refusal)
{
    unsigned  row = counters_row(service);

    counters_add(&counters->refusals[row][counters_column(refusal)], 1);
}


void
dg_count(dg_counters_t *counters, dg_count_global_t what, uint64_t n)
{
    counters_add(&counters->global[what], n);
}


uint64_t
dg_counted_service(const dg_counters_t *counters, unsigned service,
    dg_count_service_t what)
{
    return counters_get(&counters->services[counters_row(service)][what]);
}


uint64_t
dg_counted_refusal(const dg_counters_t *counters, unsigned service,
    dg_refusal_t refusal)
{
    unsigned  row = counters_row(service);

    return counters_get(&counters->refusals[row][counters_column(refusal)]);
}


uint64_t
dg_counted(const dg_counters_t *counters, dg_count_global_t what)
{
    return counters_get(&counters->global[what]);
}


void
dg_gauge_set(dg_counters_t *counters, dg_gauge_t what, int64_t value)
{
    __atomic_store_n(&counters->gauges[what], value, __ATOMIC_RELAXED);
}


int64_t
dg_gauge(const dg_counters_t *counters, dg_gauge_t what)
{
    return __atomic_load_n(&counters->gauges[what], __ATOMIC_RELAXED);
}


void
dg_trail_failing_set(dg_counters_t *counters, unsigned worker, bool failing)
{
    uint64_t  bit = UINT64_C(1) << worker % DG_COUNTERS_WORKERS_MAX;

    if (failing) {
        (void) __atomic_fetch_or(&counters->failing, bit, __ATOMIC_RELAXED);
        return;
    }

    (void) __atomic_fetch_and(&counters->failing, ~bit, __ATOMIC_RELAXED);
}


bool
dg_trail_failing(const dg_counters_t *counters)
{
    return counters_get(&counters->failing) != 0;
}


const char *
dg_count_service_name(dg_count_service_t what)
{
    return (unsigned) what < DG_COUNT_SERVICE_COUNT ? service_names[what] : "";
}


const char *
dg_count_global_name(dg_count_global_t what)
{
    return (unsigned) what < DG_COUNT_GLOBAL_COUNT ? global_names[what] : "";
}
