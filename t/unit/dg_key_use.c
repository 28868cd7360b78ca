/*
 * Last use of keys: remembered, bounded, and the newest are kept.
 */

#include "dg_key_use.h"

#include "tap.h"

#include <stdlib.h>

static const uint8_t  seed[DG_SIPHASH_KEY_SIZE] = "0123456789abcde";


static dg_span_t
name(char text[32], int i)
{
    return dg_span(text, (size_t) snprintf(text, 32, "AKID%08d", i));
}


int
main(void)
{
    size_t         size = dg_key_use_size(), kept = 0;
    dg_key_use_t  *table = malloc(size + 64);
    char           text[32];

    is_int(dg_key_use_init(table, size - 1, seed), DG_ERR_LIMIT, "too small");
    memset((void *) table, 0xff, size);
    is_int(dg_key_use_attach(table, size), DG_ERR_MISMATCH, "not a table");
    is_int(dg_key_use_init(table, size, seed), DG_OK, "made");
    is_int(dg_key_use_attach(table, size), DG_OK, "attached");
    is_int(dg_key_use_attach(table, size + 8), DG_ERR_MISMATCH, "other size");

    is_int(dg_key_last_use(table, DG_SPAN("AKIDALICE")), 0, "never used");
    dg_key_used(table, DG_SPAN("AKIDALICE"), 1000);
    is_int(dg_key_last_use(table, DG_SPAN("AKIDALICE")), 1000, "used");
    is_int(dg_key_last_use(table, DG_SPAN("AKIDALIC")), 0, "another one not");
    dg_key_used(table, DG_SPAN("AKIDALICE"), 1000);
    dg_key_used(table, DG_SPAN("AKIDALICE"), 1007);
    is_int(dg_key_last_use(table, DG_SPAN("AKIDALICE")), 1007, "used again");

    for (int i = 0; i < 100000; i++) {
        dg_key_used(table, name(text, i), 2000 + i);
    }

    for (int i = 0; i < 100000; i++) {
        int64_t  at = dg_key_last_use(table, name(text, i));

        if (at != 0 && at != 2000 + i) {
            ok(false, "key %d is said to be of %lld", i, (long long) at);
        }

        kept += at != 0;
    }

    is_int(kept, DG_KEY_USE_PLACES, "as many are kept as there are places");
    is_int(dg_key_last_use(table, name(text, 99999)), 101999, "the last one");
    is_int(dg_key_last_use(table, DG_SPAN("AKIDALICE")), 0,
           "the one used longest ago made room");
    free(table);

    return done_testing();
}
