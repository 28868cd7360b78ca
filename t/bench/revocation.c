/*
 * A caller who is not revoked, against 10,000 entries of every kind.
 */

#include "bench.h"
#include "dg_revocation.h"

#define ENTRIES  10000

static uint8_t  memory[64 * 1024 * 1024];
static char     text[2 * 1024 * 1024];

typedef struct {
    const dg_revocations_t  *set;
    dg_caller_t              caller;
    unsigned                 revoked;
} work_t;


static void
look(void *ctx)
{
    work_t  *work = ctx;

    work->revoked += dg_revoked(work->set, &work->caller);
}


int
main(void)
{
    dg_arena_t   arena;
    work_t       work = { .caller = {
        .kind = DG_CALLER_JWT, .issued_at = 1800000000,
        .arn = DG_SPAN("arn:aws:deskgate::111122223333:jwt/corp/alice"),
        .issuer = DG_SPAN("corp"), .subject = DG_SPAN("alice"),
        .token_id = DG_SPAN("7b0c5f2e-8d1f-4c7e-9f43-1f2d3c4b5a69"),
        .kid = DG_SPAN("2026-11") } };
    dg_writer_t  w = dg_writer(text, sizeof(text));

    static const char *const  names[] = {
        "issuer\":\"corp\",\"jti", "issuer\":\"corp\",\"subject",
        "issuer\":\"corp\",\"kid", "principal", "access_key_id"
    };

    dg_write_cstr(&w, "{\"version\":1,\"revocations\":"
                  "[{\"issuer\":\"other\"}");

    for (int i = 0; i < ENTRIES; i++) {
        dg_write_cstr(&w, ",{\"");
        dg_write_cstr(&w, names[i % 5]);
        dg_write_cstr(&w, "\":\"name-");
        dg_write_i64(&w, i);
        dg_write_cstr(&w, "\"}");
    }

    dg_write_cstr(&w, "]}");
    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_revocations_parse(&arena, dg_written(&w), NULL, &work.set)
        != DG_OK)
    {
        abort();
    }

    bench("revoked_of_10000", look, &work);

    return work.revoked != 0;
}
