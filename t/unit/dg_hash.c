/*
 * The hash of tables: equal texts, lengths, spread.
 */

#include "dg_hash.h"

#include "tap.h"

#define NAMES  4096


static unsigned
fullest_slot(const char *format)
{
    static unsigned  slots[NAMES];
    unsigned         most = 0;

    memset(slots, 0, sizeof(slots));

    for (unsigned i = 0; i < NAMES; i++) {
        char      text[64];
        int       len = snprintf(text, sizeof(text), format, i);
        unsigned  slot = dg_hash(dg_span(text, (size_t) len)) % NAMES;

        if (++slots[slot] > most) {
            most = slots[slot];
        }
    }

    return most;
}


int
main(void)
{
    uint8_t   zeros[24] = { 0 };
    unsigned  same = 0;

    ok(dg_hash(DG_SPAN("WorkspaceIdWorkspaceId"))
       == dg_hash(DG_SPAN("WorkspaceIdWorkspaceId")), "equal texts");
    ok(dg_hash(DG_SPAN("a")) != dg_hash(DG_SPAN("b")), "unequal ones");
    (void) dg_hash(DG_SPAN_EMPTY);

    for (size_t i = 0; i < sizeof(zeros); i++) {
        same += dg_hash(dg_span(zeros, i)) == dg_hash(dg_span(zeros, i + 1));
    }

    is_int(same, 0, "the length counts");
    ok(fullest_slot("n%u") <= 10, "short names spread");
    ok(fullest_slot("AKIA%08u") <= 10, "key ids spread");
    ok(fullest_slot("%08u-and-a-long-tail-that-is-the-same") <= 10,
       "what differs at the start spreads");

    return done_testing();
}
