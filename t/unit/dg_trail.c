/*
 * dg_trail: what makes a batch due, two buffers, short and failed writes,
 * rotation, names.
 */

#include "tap.h"
#include "dg_trail.h"

#include <stdlib.h>

static const dg_trail_limits_t  limits = { 4096, 5, 1000, 3000, 60000 };


static dg_trail_t
new_trail(void)
{
    dg_trail_t  trail;

    if (dg_trail_init(&trail, malloc(DG_RECORD_MAX), malloc(DG_RECORD_MAX),
                      DG_RECORD_MAX, &limits) != DG_OK)
    {
        abort();
    }

    return trail;
}


static void
free_trail(dg_trail_t *trail)
{
    free(trail->buffers[0].data);
    free(trail->buffers[1].data);
}


static bool
append(dg_trail_t *trail, int64_t now)
{
    dg_record_t  record = { .event_name = DG_SPAN("DescribeSessions") };

    return dg_trail_append(trail, &record, now) == DG_OK;
}


static void
test_init(void)
{
    uint8_t     byte;
    dg_trail_t  trail;

    is_int(dg_trail_init(&trail, &byte, &byte, DG_RECORD_MAX - 1, NULL),
           DG_ERR_LIMIT, "buffers that a record may not fit into");
    is_int(dg_trail_init(&trail, &byte, &byte, DG_RECORD_MAX, NULL), DG_OK,
           "buffers that it does");
    is_int(trail.limits.batch_bytes, 65536, "default limits");
}


static void
test_due(void)
{
    unsigned     n;
    dg_span_t    batch;
    dg_trail_t   trail = new_trail();
    dg_record_t  big = { .user_agent = DG_SPAN_EMPTY };
    uint8_t      text[1000];

    ok(!dg_trail_due(&trail, 1000000), "nothing is never due");
    is_int(dg_trail_wait(&trail, 0), -1, "nothing to wait for");
    is_int(dg_trail_take(&trail).len, 0, "nothing to take");

    ok(append(&trail, 100), "a record");
    ok(!dg_trail_due(&trail, 1099), "not yet");
    is_int(dg_trail_wait(&trail, 600), 500, "half a second");
    ok(dg_trail_due(&trail, 1100), "due by age");
    is_int(dg_trail_wait(&trail, 5000), 0, "at once");

    for (n = 0; n < 4; n++) {
        ok(!dg_trail_due(&trail, 100), "%u records", n + 1);
        append(&trail, 100);
    }

    ok(dg_trail_due(&trail, 100), "due by records");
    batch = dg_trail_take(&trail);
    ok(!dg_trail_due(&trail, 5000), "one batch at a time");
    is_int(dg_trail_done(&trail, batch.len, true), 5, "five records written");

    memset(text, 'x', sizeof(text));
    big.user_agent = dg_span(text, sizeof(text));

    for (n = 0; !dg_trail_due(&trail, 100); n++) {
        if (dg_trail_append(&trail, &big, 100) != DG_OK) {
            break;
        }
    }

    ok(n < 5 && trail.buffers[trail.active].len >= 4096, "due by bytes");
    free_trail(&trail);
}


static void
test_short_write(void)
{
    dg_span_t   batch, rest;
    dg_trail_t  trail = new_trail();

    append(&trail, 0);
    append(&trail, 0);
    batch = dg_trail_take(&trail);
    ok(batch.data[batch.len - 1] == '\n', "a batch ends with a line");

    ok(append(&trail, 10), "meanwhile another record");
    is_int(dg_trail_done(&trail, 10, true), 0, "ten bytes: no record yet");
    rest = dg_trail_take(&trail);
    is_int(rest.len, batch.len - 10, "the rest");
    ok(rest.data == batch.data + 10, "of the same batch");
    ok(!dg_trail_rotate(&trail, 1000000), "no rotation within a batch");

    is_int(dg_trail_done(&trail, 5, false), 0, "the disk is full");
    ok(trail.failing, "failing");
    rest = dg_trail_take(&trail);
    is_int(rest.len, batch.len - 15, "nothing is written twice or skipped");

    dg_trail_restart(&trail);
    is_int(dg_trail_take(&trail).len, batch.len, "into a new file: all of it");
    is_int(dg_trail_done(&trail, batch.len, false), 0, "written, not synced");
    is_int(dg_trail_take(&trail).len, 0, "nothing left to write");
    is_int(dg_trail_done(&trail, 0, true), 2, "synced: two records");
    ok(!trail.failing, "and the trail is well");

    batch = dg_trail_take(&trail);
    is_int(dg_trail_done(&trail, batch.len + 1, true), 0,
           "more than there is: no");
    is_int(dg_trail_done(&trail, batch.len, true), 1, "the one that came");
    is_int(dg_trail_take(&trail).len, 0, "and no more");
    free_trail(&trail);
}


static void
test_full(void)
{
    unsigned    taken = 0, more = 0;
    dg_span_t   batch;
    dg_trail_t  trail = new_trail();

    while (append(&trail, 0)) {
        taken++;
    }

    ok(taken > 100, "%u records fill a buffer", taken);
    batch = dg_trail_take(&trail);

    while (append(&trail, 0)) {
        more++;
    }

    is_int(more, taken, "the other takes as many");
    is_int(dg_trail_done(&trail, batch.len, true), taken, "written");
    batch = dg_trail_take(&trail);
    is_int(dg_trail_done(&trail, batch.len, true), more, "none was lost");
    free_trail(&trail);
}


static void
test_rotation(void)
{
    dg_span_t   batch;
    dg_trail_t  trail = new_trail();

    dg_trail_opened(&trail, 0, 0);
    ok(!dg_trail_rotate(&trail, 100000), "an empty file is never rotated");
    append(&trail, 0);
    batch = dg_trail_take(&trail);
    dg_trail_done(&trail, batch.len, true);
    ok(!dg_trail_rotate(&trail, 59999), "young and small");
    ok(dg_trail_rotate(&trail, 60000), "by age");

    dg_trail_opened(&trail, 2999, 60000);
    ok(!dg_trail_rotate(&trail, 60000), "a byte below");
    dg_trail_opened(&trail, 3000, 60000);
    ok(dg_trail_rotate(&trail, 60000), "by size");
    free_trail(&trail);
}


static void
test_names(void)
{
    char         text[200];
    dg_writer_t  w = dg_writer(text, sizeof(text));

    dg_trail_open_name(&w, DG_SPAN("/var/log/deskgate/trail"), 12);
    is_text(dg_written(&w), "/var/log/deskgate/trail-12.jsonl", "open file");

    w = dg_writer(text, sizeof(text));
    dg_trail_file_name(&w, DG_SPAN("111122223333"), DG_SPAN("eu-central-1"),
                       1440938160, DG_SPAN("0123456789ABCDEF"));
    is_text(dg_written(&w), "111122223333_CloudTrail_eu-central-1_"
            "20150830T1236Z_0123456789ABCDEF.json.gz", "finished file");
}


int
main(void)
{
    test_init();
    test_due();
    test_short_write();
    test_full();
    test_rotation();
    test_names();

    return done_testing();
}
