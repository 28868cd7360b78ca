/*
 * Names that are alike.
 */

#include "dg_near.h"
#include "tap.h"

#include <string.h>

static const char *const  names[] = {
    "StringEquals", "StringLike", "NumericEquals", "Bool"
};


static dg_span_t
nearest(const char *wrong)
{
    dg_near_t  near = dg_near(dg_span_cstr(wrong));

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        dg_near_try(&near, dg_span_cstr(names[i]));
    }

    return near.best;
}


int
main(void)
{
    char  longest[DG_NEAR_MAX + 2];

    is_text(nearest("StringEqual"), "StringEquals", "a letter missing");
    is_text(nearest("StringEqualss"), "StringEquals", "one too many");
    is_text(nearest("StrinkEquals"), "StringEquals", "another letter");
    is_text(nearest("StringLkie"), "StringLike", "two swapped");
    is_text(nearest("stringlike"), "StringLike", "the other case");
    is_text(nearest("boool"), "Bool", "a short one");
    is_text(nearest("Xy"), "", "nothing near");
    is_text(nearest(""), "", "nothing at all");

    memset(longest, 'a', sizeof(longest));
    longest[DG_NEAR_MAX + 1] = '\0';
    is_text(nearest(longest), "", "too long to be near");

    return done_testing();
}
