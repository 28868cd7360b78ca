/*
 * Batches of a trail: see dg_trail.h.
 */

#include "dg_trail.h"
#include "dg_time.h"

#define TRAIL_MINUTE_SIZE  13  /* YYYYMMDDTHHmm of the basic form */

const dg_trail_limits_t  dg_trail_limits_default = {
    64 * 1024, 1000, 1000, UINT64_C(64) * 1024 * 1024, 300 * 1000
};


static dg_writer_t *
trail_active(dg_trail_t *trail)
{
    return &trail->buffers[trail->active];
}


static dg_writer_t *
trail_other(dg_trail_t *trail)
{
    return &trail->buffers[1 - trail->active];
}


dg_err_t
dg_trail_init(dg_trail_t *trail, void *first, void *second, size_t capacity,
    const dg_trail_limits_t *limits)
{
    if (capacity < DG_RECORD_MAX) {
        return DG_ERR_LIMIT;
    }

    *trail = (dg_trail_t) {
        .buffers = { dg_writer(first, capacity), dg_writer(second, capacity) },
        .limits = limits ? *limits : dg_trail_limits_default
    };

    return DG_OK;
}


dg_err_t
dg_trail_append(dg_trail_t *trail, const dg_record_t *record, int64_t now)
{
    if (dg_record_write(trail_active(trail), record) != DG_OK) {
        return DG_ERR_FULL;
    }

    if (trail->records[trail->active]++ == 0) {
        trail->oldest = now;
    }

    return DG_OK;
}


bool
dg_trail_due(const dg_trail_t *trail, int64_t now)
{
    unsigned  active = trail->active;

    if (trail->in_flight || trail->records[active] == 0) {
        return false;
    }

    return trail->buffers[active].len >= trail->limits.batch_bytes
           || trail->records[active] >= trail->limits.batch_records
           || now - trail->oldest >= trail->limits.batch_age;
}


int64_t
dg_trail_wait(const dg_trail_t *trail, int64_t now)
{
    int64_t  wait;

    if (trail->records[trail->active] == 0) {
        return -1;
    }

    wait = trail->oldest + trail->limits.batch_age - now;

    return wait > 0 ? wait : 0;
}


dg_span_t
dg_trail_take(dg_trail_t *trail)
{
    dg_span_t  batch;

    if (!trail->in_flight) {
        if (trail->records[trail->active] == 0) {
            return DG_SPAN_EMPTY;
        }

        trail->active = 1 - trail->active;
        trail->in_flight = true;
        trail->written = 0;
    }

    batch = dg_written(trail_other(trail));

    return dg_span_slice(batch, trail->written, batch.len);
}


unsigned
dg_trail_done(dg_trail_t *trail, size_t n, bool ok)
{
    unsigned      records, other = 1 - trail->active;
    dg_writer_t  *batch = trail_other(trail);

    trail->failing = !ok;

    if (!trail->in_flight || n > batch->len - trail->written) {
        return 0;
    }

    trail->written += n;
    trail->file_written += n;

    if (!ok || trail->written < batch->len) {
        return 0;
    }

    records = trail->records[other];
    trail->records[other] = 0;
    trail->in_flight = false;
    *batch = dg_writer(batch->data, batch->cap);

    return records;
}


void
dg_trail_restart(dg_trail_t *trail)
{
    trail->written = 0;
}


void
dg_trail_opened(dg_trail_t *trail, uint64_t size, int64_t now)
{
    trail->file_written = size;
    trail->file_opened = now;
}


bool
dg_trail_rotate(const dg_trail_t *trail, int64_t now)
{
    const dg_trail_limits_t  *limits = &trail->limits;

    if (trail->in_flight || trail->file_written == 0) {
        return false;
    }

    return (limits->file_bytes && trail->file_written >= limits->file_bytes)
           || (limits->file_age
               && now - trail->file_opened >= limits->file_age);
}


void
dg_trail_open_name(dg_writer_t *w, dg_span_t prefix, unsigned worker)
{
    dg_write_span(w, prefix);
    dg_write_char(w, '-');
    dg_write_u64(w, worker);
    dg_write_cstr(w, ".jsonl");
}


void
dg_trail_file_name(dg_writer_t *w, dg_span_t account, dg_span_t region,
    int64_t seconds, dg_span_t unique)
{
    uint8_t      text[DG_TIME_AMZ_SIZE];
    dg_writer_t  time = dg_writer(text, sizeof(text));

    dg_time_write_amz(&time, seconds);

    dg_write_span(w, account);
    dg_write_cstr(w, "_CloudTrail_");
    dg_write_span(w, region);
    dg_write_char(w, '_');
    dg_write(w, text, TRAIL_MINUTE_SIZE);
    dg_write_cstr(w, "Z_");
    dg_write_span(w, dg_span_slice(unique, 0, DG_TRAIL_UNIQUE_SIZE));
    dg_write_cstr(w, ".json.gz");
}
