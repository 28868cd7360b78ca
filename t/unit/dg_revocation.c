/*
 * The revocation file: what is accepted, what is refused and where, and whom
 * it speaks of.
 */

#include "dg_revocation.h"

#include "tap.h"

#include <stdlib.h>

#define FILE_OF(entries)  "{\"version\":1,\"revocations\":[" entries "]}"
#define NOON              1800014400
#define AT_NOON           "\"revoke_before\":\"2027-01-15T12:00:00Z\""

static uint8_t  memory[64 * 1024 * 1024];

static const dg_revocations_t  *set;


static dg_err_t
parse(const char *text, dg_diag_t *diag)
{
    static dg_arena_t  arena;

    dg_arena_init(&arena, memory, sizeof(memory));
    memset(diag, 0, sizeof(*diag));

    return dg_revocations_parse(&arena, dg_span_cstr(text), diag, &set);
}


static void
load(const char *text)
{
    dg_diag_t  diag;

    if (!ok(parse(text, &diag) == DG_OK, "loads: %s", text)) {
        printf("# %u:%u %s\n", diag.line, diag.column, diag.text);
        exit(1);
    }
}


static dg_caller_t
token(void)
{
    return (dg_caller_t) {
        .kind = DG_CALLER_JWT, .verified = true, .issued_at = NOON,
        .arn = DG_SPAN("arn:aws:deskgate::111122223333:jwt/corp/alice"),
        .issuer = DG_SPAN("corp"), .subject = DG_SPAN("alice"),
        .token_id = DG_SPAN("t-1"), .kid = DG_SPAN("k1")
    };
}


static dg_caller_t
key(void)
{
    return (dg_caller_t) {
        .kind = DG_CALLER_KEY, .verified = true,
        .arn = DG_SPAN("arn:aws:iam::111122223333:user/alice"),
        .access_key_id = DG_SPAN("AKIDALICE")
    };
}


static void
nobody(void)
{
    dg_caller_t  caller = token();

    load(FILE_OF(""));
    is_int(dg_revocations_count(set), 0, "none");
    ok(!dg_revoked(set, &caller), "nobody is revoked");
    caller = (dg_caller_t) { 0 };
    ok(!dg_revoked(set, &caller), "not even nobody");
}


static void
by_what_a_token_has(void)
{
    static const struct {
        const char  *entry;
        bool         revoked;
    } rows[] = {
        { "\"issuer\":\"corp\"", true },
        { "\"issuer\":\"cor\"", false },
        { "\"issuer\":\"Corp\"", false },
        { "\"issuer\":\"corp\",\"subject\":\"alice\"", true },
        { "\"issuer\":\"corp\",\"subject\":\"bob\"", false },
        { "\"issuer\":\"other\",\"subject\":\"alice\"", false },
        { "\"issuer\":\"corp\",\"jti\":\"t-1\"", true },
        { "\"issuer\":\"corp\",\"jti\":\"t-2\"", false },
        { "\"issuer\":\"other\",\"jti\":\"t-1\"", false },
        { "\"issuer\":\"corp\",\"jti\":\"t-1\",\"subject\":\"bob\"", false },
        { "\"issuer\":\"corp\",\"kid\":\"k1\"", true },
        { "\"issuer\":\"corp\",\"kid\":\"k2\"", false },
        { "\"issuer\":\"other\",\"kid\":\"k1\"", false },
        { "\"issuer\":\"corp\",\"kid\":\"k1\",\"subject\":\"bob\"", false },
        { "\"principal\":\"arn:aws:deskgate::111122223333:jwt/corp/alice\"",
          true },
        { "\"principal\":\"arn:aws:deskgate::111122223333:jwt/corp/al\"",
          false },
        { "\"access_key_id\":\"alice\"", false }
    };
    char         text[512];
    dg_caller_t  caller = token();

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(text, sizeof(text), FILE_OF("{%s,\"reason\":\"r\"}"),
                 rows[i].entry);
        load(text);
        is_int(dg_revoked(set, &caller), rows[i].revoked, "%s",
               rows[i].entry);
    }
}


static void
by_time(void)
{
    dg_caller_t  caller = token();

    load(FILE_OF("{\"issuer\":\"corp\",\"subject\":\"alice\"," AT_NOON "}"));
    ok(!dg_revoked(set, &caller), "issued in that second");
    caller.issued_at = NOON - 1;
    ok(dg_revoked(set, &caller), "issued a second before");
    caller.issued_at = 0;
    ok(dg_revoked(set, &caller), "nobody knows when");
    caller.issued_at = INT64_MAX - 1;
    ok(!dg_revoked(set, &caller), "issued at the end of time");

    load(FILE_OF("{\"issuer\":\"corp\"}"));
    ok(dg_revoked(set, &caller), "without a time, whenever");
}


static void
everyone(void)
{
    dg_caller_t  caller = token(), by_key = key();

    load(FILE_OF("{\"all\":true," AT_NOON "},{\"all\":true,"
                 "\"revoke_before\":\"2026-01-15T12:00:00Z\"}"));
    ok(!dg_revoked(set, &caller), "all: issued later");
    caller.issued_at = NOON - 1;
    ok(dg_revoked(set, &caller), "all: the latest of them counts");
    caller.kind = DG_CALLER_VENDED;
    ok(dg_revoked(set, &caller), "all: vended for an older token");
    caller.kind = DG_CALLER_CERTIFICATE;
    ok(!dg_revoked(set, &caller), "all: a certificate is no token");
    ok(!dg_revoked(set, &by_key), "all: nor is a key of a key file");
}


static void
by_key(void)
{
    dg_caller_t  caller = key();

    load(FILE_OF("{\"access_key_id\":\"AKIDALICE\"," AT_NOON "}"));
    ok(dg_revoked(set, &caller), "a key by its id");
    caller.access_key_id = DG_SPAN("AKIDALIC");
    ok(!dg_revoked(set, &caller), "not another one");

    load(FILE_OF("{\"principal\":\"arn:aws:iam::111122223333:user/alice\"}"));
    ok(dg_revoked(set, &caller), "a key by its principal");
}


static void
many(void)
{
    static char  text[8 * 1024 * 1024];
    dg_writer_t  w = dg_writer(text, sizeof(text));
    dg_caller_t  caller = token();
    dg_diag_t    diag;
    char         jti[16];

    dg_write_cstr(&w, "{\"version\":1,\"revocations\":[");

    for (int i = 0; i < 65536; i++) {
        dg_write_cstr(&w, i ? ",{\"issuer\":\"corp\",\"jti\":\"j"
                            : "{\"issuer\":\"corp\",\"jti\":\"j");
        dg_write_i64(&w, i);
        dg_write_cstr(&w, "\"}");
    }

    dg_write_cstr(&w, "]}");
    is_int(parse(text, &diag), DG_OK, "65536 entries");
    is_int(dg_revocations_count(set), 65536, "are counted");
    ok(!dg_revoked(set, &caller), "one that is not among them");

    for (int i = 0; i < 65536; i += 4095) {
        snprintf(jti, sizeof(jti), "j%d", i);
        caller.token_id = dg_span_cstr(jti);
        ok(dg_revoked(set, &caller), "%s", jti);
    }

    w.len -= 2;
    dg_write_cstr(&w, ",{\"issuer\":\"x\"}]}");
    is_int(parse(text, &diag), DG_ERR_LIMIT, "65537");
}


static void
refused(dg_err_t err, unsigned line, const char *text)
{
    dg_diag_t  diag;

    is_int(parse(text, &diag), err, "refused: %s", diag.text);
    is_int(diag.line, line, "at line %u", line);
    ok(set == NULL, "and nothing is there");
}


static void
mistakes(void)
{
    refused(DG_ERR_SYNTAX, 1, "{");
    refused(DG_ERR_MISSING, 1, "{}");
    refused(DG_ERR_MISSING, 1, "[]");
    refused(DG_ERR_MISSING, 1, "{\"version\":1}");
    refused(DG_ERR_MISSING, 1, "{\"revocations\":[]}");
    refused(DG_ERR_INVALID, 1, "{\"version\":2,\"revocations\":[]}");
    refused(DG_ERR_INVALID, 1, "{\"version\":1,\"revocations\":{}}");
    refused(DG_ERR_INVALID, 2, "{\"version\":1,\"revocations\":[],\n\"x\":1}");
    refused(DG_ERR_INVALID, 2, FILE_OF("\n1"));
    refused(DG_ERR_INVALID, 2, FILE_OF("\n{}"));
    refused(DG_ERR_INVALID, 2, FILE_OF("\n{\"reason\":\"x\"}"));
    refused(DG_ERR_INVALID, 2, FILE_OF("\n{\"reason\":1}"));
    refused(DG_ERR_INVALID, 2, FILE_OF("\n{" AT_NOON "}"));
    refused(DG_ERR_INVALID, 2, FILE_OF("\n{\"subject\":\"alice\"}"));
    refused(DG_ERR_INVALID, 2, FILE_OF("\n{\"jti\":\"1\"}"));
    refused(DG_ERR_INVALID, 2, FILE_OF("\n{\"kid\":\"1\"}"));
    refused(DG_ERR_INVALID, 2, FILE_OF("\n{\"issuer\":\"\"}"));
    refused(DG_ERR_INVALID, 2, FILE_OF("\n{\"issuer\":7}"));
    refused(DG_ERR_INVALID, 2, FILE_OF("\n{\"sub\":\"x\"}"));
    refused(DG_ERR_INVALID, 2, FILE_OF("\n{\"all\":true}"));
    refused(DG_ERR_INVALID, 2, FILE_OF("\n{\"all\":false," AT_NOON "}"));
    refused(DG_ERR_INVALID, 2, FILE_OF("\n{\"all\":1," AT_NOON "}"));
    refused(DG_ERR_INVALID, 2, FILE_OF("\n{\"all\":true,\"issuer\":\"c\","
                                       AT_NOON "}"));
    refused(DG_ERR_INVALID, 2, FILE_OF("\n{\"issuer\":\"c\","
                                       "\"revoke_before\":\"yesterday\"}"));
    refused(DG_ERR_INVALID, 2, FILE_OF("\n{\"issuer\":\"c\","
                                       "\"revoke_before\":1}"));
    refused(DG_ERR_INVALID, 1, FILE_OF("{\"issuer\":\"c\","
                                       "\"issuer\":\"d\"}"));
}


static void
little_memory(void)
{
    dg_arena_t  arena;
    dg_err_t    err = DG_ERR_MEMORY;
    size_t      size;

    for (size = 0; err != DG_OK && size < 65536; size += 512) {
        dg_arena_init(&arena, memory, size);
        err = dg_revocations_parse(&arena,
                                   DG_SPAN(FILE_OF("{\"issuer\":\"c\"}")),
                                   NULL, &set);

        if (err != DG_OK && (err != DG_ERR_MEMORY || set != NULL)) {
            break;
        }
    }

    is_int(err, DG_OK, "with too little memory it says so, then loads");
}


int
main(void)
{
    nobody();
    by_what_a_token_has();
    by_time();
    everyone();
    by_key();
    many();
    mistakes();
    little_memory();

    return done_testing();
}
