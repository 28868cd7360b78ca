/*
 * Last use of keys: see dg_key_use.h.
 */

#include "dg_key_use.h"

#define KEY_USE_MAGIC    UINT64_C(0x6573757965796764)
#define KEY_USE_VERSION  1
#define KEY_USE_WAYS     8  /* places a key may have */


typedef struct {
    uint64_t  key;  /* 64 bits of the keyed hash; 0: nobody's */
    int64_t   at;   /* seconds */
} place_t;

struct dg_key_use_s {
    uint64_t  magic;
    uint32_t  version;
    uint32_t  count;
    uint64_t  size;
    uint8_t   seed[DG_SIPHASH_KEY_SIZE];
    place_t   places[DG_KEY_USE_PLACES];
};


static uint64_t
key_of(const dg_key_use_t *table, dg_span_t access_key_id)
{
    uint8_t   hash[DG_SIPHASH_SIZE];
    uint64_t  key;

    dg_siphash_text(table->seed, access_key_id, hash);
    memcpy(&key, hash, sizeof(key));

    return key ? key : 1;
}


static size_t
first_way(uint64_t key)
{
    return key % (DG_KEY_USE_PLACES / KEY_USE_WAYS) * KEY_USE_WAYS;
}


static uint64_t
load_key(const place_t *place)
{
    return __atomic_load_n(&place->key, __ATOMIC_RELAXED);
}


static int64_t
load_time(const place_t *place)
{
    return __atomic_load_n(&place->at, __ATOMIC_RELAXED);
}


size_t
dg_key_use_size(void)
{
    return sizeof(dg_key_use_t);
}


dg_err_t
dg_key_use_init(void *memory, size_t size,
    const uint8_t seed[DG_SIPHASH_KEY_SIZE])
{
    dg_key_use_t  *table = memory;

    if (size < sizeof(*table)) {
        return DG_ERR_LIMIT;
    }

    memset(table, 0, sizeof(*table));
    memcpy(table->seed, seed, sizeof(table->seed));
    table->version = KEY_USE_VERSION;
    table->count = DG_KEY_USE_PLACES;
    table->size = size;
    __atomic_store_n(&table->magic, KEY_USE_MAGIC, __ATOMIC_RELEASE);

    return DG_OK;
}


dg_err_t
dg_key_use_attach(void *memory, size_t size)
{
    const dg_key_use_t  *table = memory;

    if (size < sizeof(*table) || table->magic != KEY_USE_MAGIC
        || table->version != KEY_USE_VERSION || table->size != size
        || table->count != DG_KEY_USE_PLACES)
    {
        return DG_ERR_MISMATCH;
    }

    return DG_OK;
}


/*
 * Two workers that take one place at a time leave the key of one and perhaps
 * the second of the other, which is the same second.
 */
void
dg_key_used(dg_key_use_t *table, dg_span_t access_key_id, int64_t now)
{
    uint64_t  key = key_of(table, access_key_id);
    place_t  *way = &table->places[first_way(key)], *oldest = way;

    for (unsigned i = 0; i < KEY_USE_WAYS; i++) {

        if (load_key(&way[i]) == key) {
            if (load_time(&way[i]) != now) {
                __atomic_store_n(&way[i].at, now, __ATOMIC_RELAXED);
            }

            return;
        }

        if (load_time(&way[i]) < load_time(oldest)) {
            oldest = &way[i];
        }
    }

    __atomic_store_n(&oldest->at, now, __ATOMIC_RELAXED);
    __atomic_store_n(&oldest->key, key, __ATOMIC_RELAXED);
}


int64_t
dg_key_last_use(const dg_key_use_t *table, dg_span_t access_key_id)
{
    uint64_t        key = key_of(table, access_key_id);
    const place_t  *way = &table->places[first_way(key)];

    for (unsigned i = 0; i < KEY_USE_WAYS; i++) {
        if (load_key(&way[i]) == key) {
            return load_time(&way[i]);
        }
    }

    return 0;
}
