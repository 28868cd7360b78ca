/*
 * The properties of t/fuzz/policy_properties.c on inputs that are the same in
 * every run: whoever has no fuzzer has these, and a change that breaks one
 * breaks it here at once.
 *
 * A property that does not hold aborts, so the plan is not reached.
 */

#include "../fuzz/policy_properties.c"
#include "tap.h"

#define ROUNDS  100
#define INPUTS  200
#define LENGTH  256


static uint64_t
random_next(uint64_t *state)
{
    *state ^= *state << 13;   /* xorshift64: Marsaglia, 2003 */
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}


int
main(void)
{
    uint8_t   input[LENGTH];
    uint64_t  state = 0x9e3779b97f4a7c15;
    size_t    len;

    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < INPUTS; i++) {
            len = 16 + random_next(&state) % (LENGTH - 16);

            for (size_t n = 0; n < len; n++) {
                input[n] = (uint8_t) (random_next(&state) >> 24);
            }

            (void) LLVMFuzzerTestOneInput(input, len);
        }

        ok(true, "the properties hold for inputs %u to %u", round * INPUTS,
           round * INPUTS + INPUTS - 1);
    }

    /* both ways out, so that the inputs are worth something */
    ok(decided[DG_POLICY_ALLOW] > 200, "%lu calls were allowed",
       decided[DG_POLICY_ALLOW]);
    ok(decided[DG_POLICY_DENY_EXPLICIT] > 200, "%lu were denied",
       decided[DG_POLICY_DENY_EXPLICIT]);
    ok(decided[DG_POLICY_DENY_IMPLICIT] > 200, "%lu were not allowed",
       decided[DG_POLICY_DENY_IMPLICIT]);
    ok(decided[DG_POLICY_UNKNOWN] > 200, "%lu were not known",
       decided[DG_POLICY_UNKNOWN]);

    return done_testing();
}
