/*
 * Token buckets.  A slot is empty while `full` is 0, and `full` is written
 * last, so that a slot is either the old bucket, none, or the new one.
 */

#include "dg_throttle.h"

#include <string.h>

#define THROTTLE_MAGIC        UINT64_C(0x656c74746f726874)
#define THROTTLE_VERSION      1
#define THROTTLE_WAYS         8     /* slots in a set */
#define THROTTLE_SETS_MIN     2
#define THROTTLE_HEADER_SIZE  128

#define THROTTLE_NS_PER_MS    UINT64_C(1000000)
#define THROTTLE_FILL_MAX     (UINT64_C(3653) * 86400 * 1000000000)


typedef struct {
    uint64_t  key[2];
    uint64_t  full;  /* ns: when the bucket is full again; 0: no bucket */
    uint64_t  used;  /* ms: when it was last taken from */
} throttle_slot_t;

struct dg_throttle_s {
    uint64_t  magic;
    uint32_t  version;
    uint32_t  slot_size;
    uint64_t  size;
    uint64_t  sets;
    uint64_t  touched;
    uint64_t  evictions;
    uint8_t   seed[DG_SIPHASH_KEY_SIZE];
};

/* What a call found and will change. */
typedef struct {
    const dg_throttle_take_t  *takes;
    size_t                     count;
    uint64_t                   now;  /* ns */
    throttle_slot_t           *slots[DG_THROTTLE_TAKES_MAX];
} throttle_plan_t;

_Static_assert(sizeof(throttle_slot_t) == 32, "two slots a cache line");
_Static_assert(sizeof(dg_throttle_t) <= THROTTLE_HEADER_SIZE, "header");


static void
throttle_store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}


static throttle_slot_t *
throttle_set(const dg_throttle_t *table, uint64_t half)
{
    uintptr_t         first = (uintptr_t) table + THROTTLE_HEADER_SIZE;
    throttle_slot_t  *slots = (throttle_slot_t *) first;

    return slots + half % table->sets * THROTTLE_WAYS;
}


static void
throttle_halves(const dg_throttle_key_t *key, uint64_t half[2])
{
    memcpy(half, key->bytes, sizeof(key->bytes));
}


static throttle_slot_t *
throttle_find(const dg_throttle_t *table, const dg_throttle_key_t *key)
{
    uint64_t          half[2];
    throttle_slot_t  *set;

    throttle_halves(key, half);

    for (unsigned choice = 0; choice < 2; choice++) {
        set = throttle_set(table, half[choice]);

        for (unsigned i = 0; i < THROTTLE_WAYS; i++) {
            if (set[i].key[0] == half[0] && set[i].key[1] == half[1]
                && set[i].full != 0)
            {
                return &set[i];
            }
        }
    }

    return NULL;
}


static uint64_t
throttle_now(int64_t now)
{
    return now > 0 ? (uint64_t) now * THROTTLE_NS_PER_MS : 0;
}


static bool
throttle_same_key(const dg_throttle_take_t *a, const dg_throttle_take_t *b)
{
    return dg_span_equal(dg_span(a->key.bytes, sizeof(a->key.bytes)),
                         dg_span(b->key.bytes, sizeof(b->key.bytes)));
}


/* How long the take has to wait, in ms; 0 when it is granted now. */
static uint64_t
throttle_wait(const throttle_plan_t *plan, size_t n)
{
    const dg_throttle_take_t  *take = &plan->takes[n];
    const throttle_slot_t     *slot = plan->slots[n];
    uint64_t                   base, sum, room;

    if (take->cost == 0) {
        return 0;
    }

    base = (slot && slot->full > plan->now) ? slot->full : plan->now;
    room = take->rate.burst * take->rate.interval;
    sum = 0;

    for (size_t i = 0; i <= n; i++) {
        if (plan->takes[i].cost > plan->takes[i].rate.burst) {
            if (i == n) {
                return DG_THROTTLE_NEVER;
            }

            continue;
        }

        if (i == n || throttle_same_key(&plan->takes[i], take)) {
            sum += plan->takes[i].cost * plan->takes[i].rate.interval;
        }
    }

    if (sum > room) {
        return DG_THROTTLE_NEVER;
    }

    if (base + sum <= plan->now + room) {
        return 0;
    }

    return (base + sum - plan->now - room + THROTTLE_NS_PER_MS - 1)
           / THROTTLE_NS_PER_MS;
}


static dg_err_t
throttle_judge(const dg_throttle_t *table, throttle_plan_t *plan,
    dg_throttle_result_t *result)
{
    uint64_t  wait;

    *result = (dg_throttle_result_t) { .allowed = true };

    if (plan->count > DG_THROTTLE_TAKES_MAX) {
        result->allowed = false;
        return DG_ERR_LIMIT;
    }

    for (size_t i = 0; i < plan->count; i++) {
        plan->slots[i] = throttle_find(table, &plan->takes[i].key);
        wait = throttle_wait(plan, i);

        if (wait > result->retry_ms) {
            result->allowed = false;
            result->bucket = (unsigned) i;
            result->retry_ms = wait;
        }
    }

    return DG_OK;
}


static bool
throttle_planned(const throttle_plan_t *plan, const throttle_slot_t *slot)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->slots[i] == slot) {
            return true;
        }
    }

    return false;
}


/* The first free slot of a set, and how many are free. */
static throttle_slot_t *
throttle_free_slot(const throttle_plan_t *plan, throttle_slot_t *set,
    unsigned *count)
{
    throttle_slot_t  *found = NULL;

    *count = 0;

    for (unsigned i = 0; i < THROTTLE_WAYS; i++) {
        if (set[i].full > plan->now || throttle_planned(plan, &set[i])) {
            continue;
        }

        (*count)++;

        if (found == NULL) {
            found = &set[i];
        }
    }

    return found;
}


static throttle_slot_t *
throttle_oldest(const throttle_plan_t *plan, throttle_slot_t *const sets[2])
{
    throttle_slot_t  *slot, *oldest = NULL;

    for (unsigned i = 0; i < 2 * THROTTLE_WAYS; i++) {
        slot = &sets[i / THROTTLE_WAYS][i % THROTTLE_WAYS];

        if (!throttle_planned(plan, slot)
            && (oldest == NULL || slot->used < oldest->used))
        {
            oldest = slot;
        }
    }

    return oldest;
}


static throttle_slot_t *
throttle_place(const dg_throttle_t *table, const throttle_plan_t *plan,
    size_t n, dg_throttle_policy_t policy)
{
    uint64_t          half[2];
    unsigned          count[2];
    throttle_slot_t  *sets[2], *found[2];

    throttle_halves(&plan->takes[n].key, half);

    for (unsigned choice = 0; choice < 2; choice++) {
        sets[choice] = throttle_set(table, half[choice]);
        found[choice] = throttle_free_slot(plan, sets[choice], &count[choice]);
    }

    /* the emptier of the two sets: it keeps all sets evenly filled */

    if (found[0] || found[1]) {
        return count[1] > count[0] ? found[1] : found[0];
    }

    return policy == DG_THROTTLE_EVICT ? throttle_oldest(plan, sets) : NULL;
}


/* Finds a slot for each bucket that has none; changes nothing yet. */
static dg_err_t
throttle_reserve(const dg_throttle_t *table, throttle_plan_t *plan,
    dg_throttle_policy_t policy)
{
    for (size_t i = 0; i < plan->count; i++) {
        for (size_t j = 0; j < i && plan->slots[i] == NULL; j++) {
            if (throttle_same_key(&plan->takes[i], &plan->takes[j])) {
                plan->slots[i] = plan->slots[j];
            }
        }

        if (plan->slots[i] || plan->takes[i].cost == 0) {
            continue;
        }

        plan->slots[i] = throttle_place(table, plan, i, policy);

        if (plan->slots[i] == NULL) {
            return DG_ERR_FULL;
        }
    }

    return DG_OK;
}


static void
throttle_claim(dg_throttle_t *table, const throttle_plan_t *plan, size_t n,
    const uint64_t half[2], dg_throttle_result_t *result)
{
    throttle_slot_t  *slot = plan->slots[n];

    if (slot->full > plan->now) {
        result->evicted++;
        table->evictions++;
    }

    if (slot->full == 0 && slot->used == 0) {
        table->touched++;
    }

    throttle_store(&slot->full, 0);
    throttle_store(&slot->key[0], half[0]);
    throttle_store(&slot->key[1], half[1]);
}


static void
throttle_charge(dg_throttle_t *table, const throttle_plan_t *plan, size_t n,
    uint64_t now_ms, dg_throttle_result_t *result)
{
    uint64_t                   half[2], base;
    throttle_slot_t           *slot = plan->slots[n];
    const dg_throttle_take_t  *take = &plan->takes[n];

    throttle_halves(&take->key, half);

    if (slot->key[0] != half[0] || slot->key[1] != half[1]
        || slot->full == 0)
    {
        throttle_claim(table, plan, n, half, result);
    }

    base = slot->full > plan->now ? slot->full : plan->now;

    /* + 1: `used` of a slot in use is never 0 */

    throttle_store(&slot->used, now_ms + 1);
    throttle_store(&slot->full, base + take->cost * take->rate.interval);
}


dg_err_t
dg_throttle_rate(uint32_t tokens, uint32_t period, uint32_t burst,
    dg_throttle_rate_t *rate)
{
    if (tokens == 0 || period == 0 || burst == 0) {
        return DG_ERR_INVALID;
    }

    if (tokens > DG_THROTTLE_TOKENS_MAX || burst > DG_THROTTLE_TOKENS_MAX
        || period > DG_THROTTLE_PERIOD_MAX)
    {
        return DG_ERR_LIMIT;
    }

    rate->interval = (period * THROTTLE_NS_PER_MS + tokens - 1) / tokens;
    rate->burst = burst;

    /* burst * interval is at most 8.64e19, which does not fit */

    if (rate->interval > THROTTLE_FILL_MAX / burst) {
        return DG_ERR_LIMIT;
    }

    return DG_OK;
}


size_t
dg_throttle_size_min(void)
{
    return THROTTLE_HEADER_SIZE
           + THROTTLE_SETS_MIN * THROTTLE_WAYS * sizeof(throttle_slot_t);
}


dg_err_t
dg_throttle_init(void *memory, size_t size,
    const uint8_t seed[DG_SIPHASH_KEY_SIZE])
{
    dg_throttle_t  *table = memory;

    if (size < dg_throttle_size_min()) {
        return DG_ERR_LIMIT;
    }

    memset(memory, 0, size);

    table->version = THROTTLE_VERSION;
    table->slot_size = sizeof(throttle_slot_t);
    table->size = size;
    table->sets = (size - THROTTLE_HEADER_SIZE)
                  / (THROTTLE_WAYS * sizeof(throttle_slot_t));
    memcpy(table->seed, seed, sizeof(table->seed));
    throttle_store(&table->magic, THROTTLE_MAGIC);

    return DG_OK;
}


dg_err_t
dg_throttle_attach(void *memory, size_t size)
{
    const dg_throttle_t  *table = memory;

    if (size < dg_throttle_size_min() || table->magic != THROTTLE_MAGIC
        || table->version != THROTTLE_VERSION || table->size != size
        || table->slot_size != sizeof(throttle_slot_t)
        || table->sets != (size - THROTTLE_HEADER_SIZE)
                          / (THROTTLE_WAYS * sizeof(throttle_slot_t)))
    {
        return DG_ERR_MISMATCH;
    }

    return DG_OK;
}


dg_throttle_key_t
dg_throttle_key(const dg_throttle_t *table, const dg_span_t *parts,
    size_t count)
{
    dg_throttle_key_t  key;

    dg_siphash(table->seed, parts, count, key.bytes);

    return key;
}


dg_err_t
dg_throttle_take(dg_throttle_t *table, const dg_throttle_take_t *takes,
    size_t count, int64_t now, dg_throttle_policy_t policy,
    dg_throttle_result_t *result)
{
    dg_err_t         err;
    throttle_plan_t  plan = { takes, count, throttle_now(now), { NULL } };

    err = throttle_judge(table, &plan, result);
    if (err != DG_OK || !result->allowed) {
        return err;
    }

    err = throttle_reserve(table, &plan, policy);
    if (err != DG_OK) {
        result->allowed = false;
        return err;
    }

    for (size_t i = 0; i < count; i++) {
        if (takes[i].cost) {
            throttle_charge(table, &plan, i, now > 0 ? (uint64_t) now : 0,
                            result);
        }
    }

    return DG_OK;
}


dg_err_t
dg_throttle_peek(const dg_throttle_t *table, const dg_throttle_take_t *takes,
    size_t count, int64_t now, dg_throttle_result_t *result)
{
    throttle_plan_t  plan = { takes, count, throttle_now(now), { NULL } };

    return throttle_judge(table, &plan, result);
}


void
dg_throttle_refund(dg_throttle_t *table, const dg_throttle_take_t *takes,
    size_t count, int64_t now)
{
    uint64_t          given;
    throttle_slot_t  *slot;

    for (size_t i = 0; i < count; i++) {
        slot = throttle_find(table, &takes[i].key);

        if (slot == NULL || slot->full <= throttle_now(now)
            || takes[i].cost > takes[i].rate.burst)
        {
            continue;
        }

        given = takes[i].cost * takes[i].rate.interval;

        throttle_store(&slot->full,
                       slot->full > given ? slot->full - given : 1);
    }
}


dg_throttle_stats_t
dg_throttle_stats(const dg_throttle_t *table)
{
    return (dg_throttle_stats_t) {
        .slots = table->sets * THROTTLE_WAYS,
        .touched = table->touched,
        .evictions = table->evictions
    };
}
