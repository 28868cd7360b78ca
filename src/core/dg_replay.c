/*
 * Seen signatures.  Each has two sets of 16 slots to live in and goes to the
 * emptier, which lets the table fill to four fifths before one is full.
 *
 * A slot is free while `until` is 0 or has passed; `until` is written last.
 */

#include "dg_replay.h"

#include <string.h>

#define REPLAY_MAGIC        UINT64_C(0x79616c7065726764)
#define REPLAY_VERSION      1
#define REPLAY_WAYS         16    /* slots in a set */
#define REPLAY_SETS_MIN     2
#define REPLAY_HEADER_SIZE  128


typedef struct {
    uint64_t  key[2];
    uint64_t  until;  /* the first second in which the slot is free */
} replay_slot_t;

struct dg_replay_s {
    uint64_t  magic;
    uint32_t  version;
    uint32_t  slot_size;
    uint64_t  size;
    uint64_t  sets;
    uint8_t   seed[DG_SIPHASH_KEY_SIZE];
};

_Static_assert(sizeof(dg_replay_t) <= REPLAY_HEADER_SIZE, "header");


static void
replay_store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}


static replay_slot_t *
replay_slots(const dg_replay_t *table)
{
    uintptr_t  first = (uintptr_t) table + REPLAY_HEADER_SIZE;

    return (replay_slot_t *) first;
}


static replay_slot_t *
replay_set(const dg_replay_t *table, uint64_t half)
{
    return replay_slots(table) + half % table->sets * REPLAY_WAYS;
}


static void
replay_key(const dg_replay_t *table, dg_span_t signature, uint64_t key[2])
{
    uint8_t  bytes[DG_SIPHASH_SIZE];

    dg_siphash_text(table->seed, signature, bytes);
    memcpy(key, bytes, sizeof(bytes));
}


static uint64_t
replay_time(int64_t seconds)
{
    return seconds > 0 ? (uint64_t) seconds : 0;
}


static replay_slot_t *
replay_find(const dg_replay_t *table, const uint64_t key[2])
{
    replay_slot_t  *set;

    for (unsigned choice = 0; choice < 2; choice++) {
        set = replay_set(table, key[choice]);

        for (unsigned i = 0; i < REPLAY_WAYS; i++) {
            if (set[i].key[0] == key[0] && set[i].key[1] == key[1]
                && set[i].until != 0)
            {
                return &set[i];
            }
        }
    }

    return NULL;
}


static replay_slot_t *
replay_free_slot(replay_slot_t *set, uint64_t now, unsigned *count)
{
    replay_slot_t  *found = NULL;

    *count = 0;

    for (unsigned i = 0; i < REPLAY_WAYS; i++) {
        if (set[i].until > now) {
            continue;
        }

        (*count)++;

        if (found == NULL) {
            found = &set[i];
        }
    }

    return found;
}


size_t
dg_replay_size_min(void)
{
    return REPLAY_HEADER_SIZE
           + REPLAY_SETS_MIN * REPLAY_WAYS * sizeof(replay_slot_t);
}


dg_err_t
dg_replay_init(void *memory, size_t size,
    const uint8_t seed[DG_SIPHASH_KEY_SIZE])
{
    dg_replay_t  *table = memory;

    if (size < dg_replay_size_min()) {
        return DG_ERR_LIMIT;
    }

    memset(memory, 0, size);

    table->version = REPLAY_VERSION;
    table->slot_size = sizeof(replay_slot_t);
    table->size = size;
    table->sets = (size - REPLAY_HEADER_SIZE)
                  / (REPLAY_WAYS * sizeof(replay_slot_t));
    memcpy(table->seed, seed, sizeof(table->seed));
    replay_store(&table->magic, REPLAY_MAGIC);

    return DG_OK;
}


dg_err_t
dg_replay_attach(void *memory, size_t size)
{
    const dg_replay_t  *table = memory;

    if (size < dg_replay_size_min() || table->magic != REPLAY_MAGIC
        || table->version != REPLAY_VERSION || table->size != size
        || table->slot_size != sizeof(replay_slot_t)
        || table->sets != (size - REPLAY_HEADER_SIZE)
                          / (REPLAY_WAYS * sizeof(replay_slot_t)))
    {
        return DG_ERR_MISMATCH;
    }

    return DG_OK;
}


bool
dg_replay_seen(const dg_replay_t *table, dg_span_t signature, int64_t now)
{
    uint64_t              key[2];
    const replay_slot_t  *slot;

    replay_key(table, signature, key);
    slot = replay_find(table, key);

    return slot != NULL && slot->until > replay_time(now);
}


dg_err_t
dg_replay_remember(dg_replay_t *table, dg_span_t signature, int64_t until,
    int64_t now)
{
    uint64_t        key[2];
    unsigned        count[2];
    replay_slot_t  *slot, *found[2];

    replay_key(table, signature, key);
    slot = replay_find(table, key);

    if (slot != NULL && slot->until > replay_time(now)) {
        return DG_ERR_INVALID;
    }

    if (until < now) {
        return DG_OK;
    }

    if (slot == NULL) {
        for (unsigned i = 0; i < 2; i++) {
            found[i] = replay_free_slot(replay_set(table, key[i]),
                                        replay_time(now), &count[i]);
        }

        slot = count[1] > count[0] ? found[1] : found[0];
    }

    if (slot == NULL) {
        return DG_ERR_FULL;
    }

    replay_store(&slot->until, 0);
    replay_store(&slot->key[0], key[0]);
    replay_store(&slot->key[1], key[1]);
    replay_store(&slot->until, replay_time(until) + 1);

    return DG_OK;
}


void
dg_replay_forget(dg_replay_t *table, dg_span_t signature)
{
    uint64_t        key[2];
    replay_slot_t  *slot;

    replay_key(table, signature, key);
    slot = replay_find(table, key);

    if (slot != NULL) {
        replay_store(&slot->until, 0);
    }
}


dg_replay_stats_t
dg_replay_stats(const dg_replay_t *table, int64_t now)
{
    const replay_slot_t  *slots = replay_slots(table);
    dg_replay_stats_t     stats = { table->sets * REPLAY_WAYS, 0 };

    for (uint64_t i = 0; i < stats.slots; i++) {
        if (slots[i].until > replay_time(now)) {
            stats.used++;
        }
    }

    return stats;
}
