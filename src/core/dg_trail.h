/*
 * The batches of a trail file: what a worker has to write, when, and what
 * becomes of it when the write fails.  Nothing here touches a file.
 *
 * Records are appended to one buffer while the other is being written.  A
 * batch leaves as a whole: it is taken, written as far as the system lets it,
 * and stays until its last byte is written, so that no record is lost or cut
 * by a failed or short write.
 */

#ifndef DG_TRAIL_H
#define DG_TRAIL_H

#include "dg_err.h"
#include "dg_record.h"

#define DG_TRAIL_UNIQUE_SIZE  16  /* of a finished file's name */

typedef struct {
    size_t    batch_bytes;    /* due at */
    unsigned  batch_records;
    int64_t   batch_age;      /* ms */
    uint64_t  file_bytes;     /* rotated at; 0: never */
    int64_t   file_age;       /* ms; 0: never */
} dg_trail_limits_t;

/* 64 KB, 1000 records, 1 s; 64 MB, 300 s */
extern const dg_trail_limits_t  dg_trail_limits_default;

typedef struct {
    dg_writer_t        buffers[2];
    unsigned           records[2];
    unsigned           active;        /* the buffer that is appended to */
    size_t             written;       /* bytes of the batch in flight */
    bool               in_flight;
    bool               failing;       /* the last write failed */
    int64_t            oldest;        /* ms; of the active buffer */
    uint64_t           file_written;  /* bytes in the open file */
    int64_t            file_opened;   /* ms */
    dg_trail_limits_t  limits;
} dg_trail_t;


/*
 * Two buffers of `capacity` bytes each, kept by the caller; DG_RECORD_MAX at
 * least, so that any record fits, else DG_ERR_LIMIT.  limits NULL: default.
 */
DG_MUST_USE dg_err_t dg_trail_init(dg_trail_t *trail, void *first,
    void *second, size_t capacity, const dg_trail_limits_t *limits);

/*
 * Appends a record.  DG_ERR_FULL: there is no room until the batch in flight
 * is written (take and write it when none is in flight, then try again).
 */
DG_MUST_USE dg_err_t dg_trail_append(dg_trail_t *trail,
    const dg_record_t *record, int64_t now);

/* True when a batch should be taken now. */
bool dg_trail_due(const dg_trail_t *trail, int64_t now);

/* Milliseconds until the batch is due by age; below 0 when it is empty. */
int64_t dg_trail_wait(const dg_trail_t *trail, int64_t now);

/*
 * The bytes to write next: the rest of the batch in flight, else the active
 * buffer, which from then on is in flight.  Empty when there is nothing, or
 * when all of the batch in flight was written and only its sync failed.
 */
dg_span_t dg_trail_take(dg_trail_t *trail);

/*
 * How writing went: `n` bytes are written (and synced, where that is asked
 * for) of what take gave.  ok false marks the trail failing, until a call
 * with ok true.  Returns the number of records that are now written whole,
 * when the batch is done, else 0.
 */
unsigned dg_trail_done(dg_trail_t *trail, size_t n, bool ok);

/*
 * The batch in flight is written again from its first byte: a sync failed (the
 * system may have dropped what it could not write), or another file was
 * opened before the batch was whole.  A record that is then there twice has
 * the same eventID, as CloudTrail allows.
 */
void dg_trail_restart(dg_trail_t *trail);

/* A file was opened (again); `size` bytes are in it. */
void dg_trail_opened(dg_trail_t *trail, uint64_t size, int64_t now);

/* True when the file should be finished; never within a batch. */
bool dg_trail_rotate(const dg_trail_t *trail, int64_t now);

/* "PREFIX-WORKER.jsonl", the file that a worker has open. */
void dg_trail_open_name(dg_writer_t *w, dg_span_t prefix, unsigned worker);

/*
 * "ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_UNIQUE.json.gz", as CloudTrail
 * names a log file.  unique: 16 characters of A-Za-z0-9.
 */
void dg_trail_file_name(dg_writer_t *w, dg_span_t account, dg_span_t region,
    int64_t seconds, dg_span_t unique);

#endif
