/*
 * The layout of a zone: header, counters, use of keys, throttle, replay,
 * cache, each part beginning at a cache line.
 */

#include "dg_zone.h"

#include <string.h>

#define ZONE_MAGIC    UINT64_C(0x656e6f7a65746773)
#define ZONE_VERSION  2
#define ZONE_LINE     64                   /* bytes of a cache line */
#define ZONE_SIZE_MAX (UINT64_C(1) << 40)


typedef enum {
    ZONE_COUNTERS,
    ZONE_KEY_USE,
    ZONE_THROTTLE,
    ZONE_REPLAY,
    ZONE_CACHE,
    ZONE_PART_COUNT
} zone_part_t;

typedef struct {
    uint64_t  offset;
    uint64_t  size;
} zone_place_t;

typedef struct {
    uint64_t      magic;
    uint32_t      version;
    uint32_t      part_count;
    uint64_t      size;
    zone_place_t  parts[ZONE_PART_COUNT];
} zone_t;

const dg_zone_shares_t  dg_zone_shares_default = { 3, 2, 5 };


static size_t
zone_round_up(size_t n)
{
    return (n + ZONE_LINE - 1) / ZONE_LINE * ZONE_LINE;
}


static size_t
zone_part_min(zone_part_t part)
{
    switch (part) {

    case ZONE_COUNTERS:
        return zone_round_up(dg_counters_size());

    case ZONE_KEY_USE:
        return zone_round_up(dg_key_use_size());

    case ZONE_THROTTLE:
        return zone_round_up(dg_throttle_size_min());

    case ZONE_REPLAY:
        return zone_round_up(dg_replay_size_min());

    default:
        return zone_round_up(dg_cache_size_min());
    }
}


static void *
zone_part(void *memory, zone_part_t part)
{
    const zone_t  *zone = memory;

    return (uint8_t *) memory + zone->parts[part].offset;
}


/* Every part gets its smallest size, and its share of what is left. */
static void
zone_divide(zone_t *zone, const dg_zone_shares_t *shares)
{
    size_t    spare = (size_t) zone->size - dg_zone_size_min();
    uint64_t  offset = zone_round_up(sizeof(zone_t));
    uint64_t  weights[ZONE_PART_COUNT], sum = 0;

    weights[ZONE_COUNTERS] = 0;
    weights[ZONE_KEY_USE] = 0;
    weights[ZONE_THROTTLE] = shares->throttle;
    weights[ZONE_REPLAY] = shares->replay;
    weights[ZONE_CACHE] = shares->cache;

    for (unsigned i = 0; i < ZONE_PART_COUNT; i++) {
        sum += weights[i];
    }

    for (unsigned i = 0; i < ZONE_PART_COUNT; i++) {
        zone->parts[i].offset = offset;
        zone->parts[i].size = zone_part_min((zone_part_t) i);

        if (sum) {
            zone->parts[i].size += spare / sum * weights[i]
                                   / ZONE_LINE * ZONE_LINE;
        }

        offset += zone->parts[i].size;
    }
}


static dg_err_t
zone_init_part(void *memory, zone_part_t part, const uint8_t *seed)
{
    const zone_t  *zone = memory;
    size_t         size = (size_t) zone->parts[part].size;
    void          *at = zone_part(memory, part);

    switch (part) {

    case ZONE_COUNTERS:
        return dg_counters_init(at, size);

    case ZONE_KEY_USE:
        return dg_key_use_init(at, size, seed);

    case ZONE_THROTTLE:
        return dg_throttle_init(at, size, seed);

    case ZONE_REPLAY:
        return dg_replay_init(at, size, seed);

    default:
        return dg_cache_init(at, size, seed);
    }
}


static dg_err_t
zone_attach_part(void *memory, zone_part_t part)
{
    const zone_t  *zone = memory;
    size_t         size = (size_t) zone->parts[part].size;
    void          *at = zone_part(memory, part);

    switch (part) {

    case ZONE_COUNTERS:
        return dg_counters_attach(at, size);

    case ZONE_KEY_USE:
        return dg_key_use_attach(at, size);

    case ZONE_THROTTLE:
        return dg_throttle_attach(at, size);

    case ZONE_REPLAY:
        return dg_replay_attach(at, size);

    default:
        return dg_cache_attach(at, size);
    }
}


size_t
dg_zone_size_min(void)
{
    size_t  size = zone_round_up(sizeof(zone_t));

    for (unsigned i = 0; i < ZONE_PART_COUNT; i++) {
        size += zone_part_min((zone_part_t) i);
    }

    return size;
}


dg_err_t
dg_zone_init(void *memory, size_t size, const dg_zone_shares_t *shares,
    const uint8_t seed[DG_SIPHASH_KEY_SIZE])
{
    zone_t    *zone = memory;
    dg_err_t   err;

    if ((uintptr_t) memory % sizeof(uint64_t) != 0) {
        return DG_ERR_INVALID;
    }

    if (size < dg_zone_size_min() || size > ZONE_SIZE_MAX) {
        return DG_ERR_LIMIT;
    }

    memset(memory, 0, size);

    zone->version = ZONE_VERSION;
    zone->part_count = ZONE_PART_COUNT;
    zone->size = size;
    zone_divide(zone, shares ? shares : &dg_zone_shares_default);

    for (unsigned i = 0; i < ZONE_PART_COUNT; i++) {
        err = zone_init_part(memory, (zone_part_t) i, seed);

        if (err != DG_OK) {
            return err;
        }
    }

    __atomic_store_n(&zone->magic, ZONE_MAGIC, __ATOMIC_RELEASE);

    return DG_OK;
}


dg_err_t
dg_zone_attach(void *memory, size_t size)
{
    const zone_t  *zone = memory;
    uint64_t       end = zone_round_up(sizeof(zone_t));

    if (size < dg_zone_size_min() || zone->magic != ZONE_MAGIC
        || zone->version != ZONE_VERSION || zone->size != size
        || zone->part_count != ZONE_PART_COUNT)
    {
        return DG_ERR_MISMATCH;
    }

    for (unsigned i = 0; i < ZONE_PART_COUNT; i++) {
        if (zone->parts[i].offset != end
            || zone->parts[i].size < zone_part_min((zone_part_t) i)
            || zone->parts[i].size > size - end
            || zone_attach_part(memory, (zone_part_t) i) != DG_OK)
        {
            return DG_ERR_MISMATCH;
        }

        end += zone->parts[i].size;
    }

    return DG_OK;
}


dg_throttle_t *
dg_zone_throttle(void *memory)
{
    return zone_part(memory, ZONE_THROTTLE);
}


dg_replay_t *
dg_zone_replay(void *memory)
{
    return zone_part(memory, ZONE_REPLAY);
}


dg_cache_t *
dg_zone_cache(void *memory)
{
    return zone_part(memory, ZONE_CACHE);
}


dg_counters_t *
dg_zone_counters(void *memory)
{
    return zone_part(memory, ZONE_COUNTERS);
}


dg_key_use_t *
dg_zone_key_use(void *memory)
{
    return zone_part(memory, ZONE_KEY_USE);
}
