/*
 * Prints docs/refusals.md from the table of refusals.
 */

#include "dg_refusal.h"
#include "docs.h"

typedef struct {
    const char    *title;
    dg_refusal_t   first;  /* up to the next part's */
} part_t;

static const part_t  parts[] = {
    { "Which call it is", DG_REFUSE_UNKNOWN_OPERATION },
    { "Signatures", DG_REFUSE_CREDENTIALS_MISSING },
    { "Bearer tokens", DG_REFUSE_TOKEN_MALFORMED },
    { "The body", DG_REFUSE_BODY_MALFORMED },
    { "Policies", DG_REFUSE_DENIED_EXPLICIT },
    { "Limits", DG_REFUSE_THROTTLED },
    { "Translating, recording, sending", DG_REFUSE_CREDENTIALS_UNAVAILABLE },
    { "Answers that nginx made itself", DG_REFUSE_BAD_REQUEST },
    { NULL, DG_REFUSAL_COUNT }
};

/* Named for what is to come: nothing refuses a call with them yet. */
static const dg_refusal_t  kept[] = {
    DG_REFUSE_THROTTLE_UNAVAILABLE
};

#define KEPT  (sizeof(kept) / sizeof(kept[0]))

static const char  intro[] =
    "# Refusals\n"
    "\n"
    "Every call that deskgate does not let through is refused under one of\n"
    "these names. The name stands in the error log (`deskgate refused: NAME`),"
    "\n"
    "in the record (`additionalEventData.deskgate.refusal`), in the counters\n"
    "of `deskgate_status` and in `$deskgate_refusal`. The client does not get\n"
    "the name but an error of the service that it called, in that service's\n"
    "protocol, so that an SDK raises the exception it knows.\n"
    "\n"
    "Code and status are those of the table unless the service says\n"
    "otherwise, in this order:\n"
    "\n"
    "1. An error that the operation models keeps its name and status.\n"
    "2. Else the status that the service's reference gives to the same fault."
    "\n"
    "3. Else, for the AWS services, 400 in place of any other 4xx; a DCV\n"
    "   broker's clients get the table's status.\n"
    "\n"
    "404 for an unknown operation, 413, and what nginx itself refused are\n"
    "never changed. Answers with 429 and 5xx have `Retry-After`.\n"
    "\n"
    "A text about credentials is the same whatever is wrong with them; only\n"
    "the name, which the client does not see, tells. The log and the record\n"
    "say more where they can: member, header, statement, bucket.\n"
    "\n"
    "This page is made from the table in the source by `make docs`.\n";


static bool
is_kept(dg_refusal_t refusal)
{
    for (size_t i = 0; i < KEPT; i++) {
        if (kept[i] == refusal) {
            return true;
        }
    }

    return false;
}


static void
table(const char *title)
{
    printf("\n## %s\n\n", title);
    printf("| name | code and status | the client reads | what to do |\n");
    printf("|---|---|---|---|\n");
}


static void
row(dg_refusal_t refusal)
{
    const dg_refusal_info_t  *info = dg_refusal_info(refusal);

    printf("| ");
    docs_code(dg_span_cstr(info->name));
    printf(" | %s %u | ", info->aws_code, info->status);
    docs_text(dg_span_cstr(info->text));
    printf(" | ");
    docs_text(dg_span_cstr(info->remedy));
    printf(" |\n");
}


int
main(void)
{
    fputs(intro, stdout);

    for (const part_t *part = parts; part->title != NULL; part++) {
        table(part->title);

        for (dg_refusal_t r = part->first; r < part[1].first; r++) {
            if (!is_kept(r)) {
                row(r);
            }
        }
    }

    table("Kept names, which no call is refused with yet");

    for (size_t i = 0; i < KEPT; i++) {
        row(kept[i]);
    }

    return 0;
}
