/*
 * The key file: what is accepted, what is refused and where, lookup, facts
 * for the caller, validity, wiping.
 */

#define _GNU_SOURCE  /* memmem */

#include "dg_keyfile.h"

#include "tap.h"

#include <stdlib.h>

#define KEY(id, rest)                                                         \
    "{\"access_key_id\":\"" id "\",\"secret_access_key\":"                    \
    "\"planted-secret-0123456789\",\"principal\":"                            \
    "\"arn:aws:iam::111122223333:user/alice\"" rest "}"

#define FILE_OF(keys)  "{\"version\":1,\"keys\":[" keys "]}"

static uint8_t  memory[4 * 1024 * 1024];


static dg_err_t
parse(const char *text, dg_diag_t *diag, dg_keyfile_t **keys)
{
    static dg_arena_t  arena;

    dg_arena_init(&arena, memory, sizeof(memory));
    memset(diag, 0, sizeof(*diag));

    return dg_keyfile_parse(&arena, dg_span_cstr(text), diag, keys);
}


static bool
memory_holds(const char *text)
{
    return memmem(memory, sizeof(memory), text, strlen(text)) != NULL;
}


static void
a_whole_key(void)
{
    dg_keyfile_t    *keys;
    const dg_key_t  *key;
    dg_diag_t        diag;
    dg_caller_t      caller;

    is_int(parse("{\"version\":1,\"keys\":[\n{"
                 "\"access_key_id\":\"AKIAIOSFODNN7EXAMPLE\","
                 "\"secret_access_key\":\"planted\\/secret-0123456789\","
                 "\"principal\":\"arn:aws:iam::111122223333:user/dev/al\","
                 "\"user_id\":\"AIDAEXAMPLE\","
                 "\"session_token\":\"planted-session\","
                 "\"tags\":{\"team\":\"x\",\"empty\":\"\"},"
                 "\"policies\":[\"a.json\",\"b.json\"],"
                 "\"not_before\":\"2026-01-01T00:00:00Z\","
                 "\"expires\":\"2026-01-02T00:00:00Z\","
                 "\"disabled\":false,\"dcv_user\":\"DOM\\\\al\","
                 "\"description\":\"Al\"}]}", &diag, &keys),
           DG_OK, "parsed: %s", diag.text);

    is_int(dg_keyfile_count(keys), 1, "one key");
    ok(dg_keyfile_key(keys, 1) == NULL, "not two");
    ok(dg_keyfile_find(keys, DG_SPAN("AKIAIOSFODNN7EXAMPLX")) == NULL,
       "another id is not found");
    key = dg_keyfile_find(keys, DG_SPAN("AKIAIOSFODNN7EXAMPLE"));
    ok(key != NULL && key == dg_keyfile_key(keys, 0), "found");

    is_text(key->credentials.secret_access_key, "planted/secret-0123456789",
            "secret");
    is_text(key->credentials.session_token, "planted-session", "token");
    is_text(key->dcv_user, "DOM\\al", "user at the DCV server");
    is_int(key->line, 2, "line");

    dg_key_caller(key, &caller);
    is_int(caller.kind, DG_CALLER_KEY, "kind");
    ok(!caller.verified, "not verified by being found");
    is_text(caller.arn, "arn:aws:iam::111122223333:user/dev/al", "ARN");
    is_text(caller.account, "111122223333", "account");
    is_text(caller.user_name, "al", "user name without path");
    is_text(caller.user_id, "AIDAEXAMPLE", "user id");
    is_text(caller.dcv_user, "DOM\\al", "name at the DCV server");
    is_text(caller.principal_type, "User", "type");
    is_text(caller.access_key_id, "AKIAIOSFODNN7EXAMPLE", "id");
    is_int(caller.tag_count, 2, "tags");
    is_text(caller.tags[0].name, "team", "tag's name");
    is_text(caller.tags[0].value, "x", "tag's value");
    is_int(caller.policy_file_count, 2, "policies");
    is_text(caller.policy_files[1], "b.json", "the second");
    is_int(caller.expires_at, 1767312000, "expires");

    is_int(dg_key_judge(key, 1767225599), DG_REFUSE_KEY_INACTIVE, "early");
    is_int(dg_key_judge(key, 1767225600), DG_ALLOWED, "first second");
    is_int(dg_key_judge(key, 1767311999), DG_ALLOWED, "last second");
    is_int(dg_key_judge(key, 1767312000), DG_REFUSE_KEY_INACTIVE, "expired");

    ok(memory_holds("planted/secret-0123456789"), "the secret is there");
    dg_keyfile_wipe(keys);
    ok(!memory_holds("planted"), "and wiped, with all copies");
    ok(!memory_holds("AIDAEXAMPLE"), "as is the rest");
}


static void
what_narrows_a_key(void)
{
    dg_keyfile_t    *keys;
    const dg_key_t  *key;
    dg_diag_t        diag;

    is_int(parse(FILE_OF(KEY("AKIA1", "") "," KEY("AKIA2",
                 ",\"expires\":\"2026-01-02T00:00:00Z\","
                 "\"break_glass\":true,\n\"session_policy\":"
                 "{\"Version\": \"2012-10-17\", \"Statement\": []}")),
                 &diag, &keys), DG_OK, "parsed: %s", diag.text);

    key = dg_keyfile_find(keys, DG_SPAN("AKIA1"));
    ok(!key->break_glass && key->session_policy.len == 0, "a usual key");
    is_int(dg_keyfile_index(keys, key), 0, "its place");

    key = dg_keyfile_find(keys, DG_SPAN("AKIA2"));
    ok(key->break_glass, "one for emergencies");
    is_text(key->session_policy, "{\"Version\":\"2012-10-17\","
            "\"Statement\":[]}", "its session policy as JSON");
    is_int(key->session_line, 2, "and the line of it");
    is_int(dg_keyfile_index(keys, key), 1, "its place");
}


static void
principals(void)
{
    static const struct {
        const char  *arn;
        const char  *type;       /* NULL: refused */
        const char  *user_name;
    } cases[] = {
        { "arn:aws:iam::111122223333:root", "Account", "" },
        { "arn:aws-cn:iam::111122223333:user/a", "User", "a" },
        { "arn:aws:sts::111122223333:assumed-role/r/s", "AssumedRole", "" },
        { "arn:aws:sts::111122223333:federated-user/f", "FederatedUser", "" },
        { "arn:aws:sts::111122223333:federated-user/f/g", NULL, NULL },
        { "arn:aws:sts::111122223333:assumed-role/r", NULL, NULL },
        { "arn:aws:sts::111122223333:assumed-role/r/", NULL, NULL },
        { "arn:aws:sts::111122223333:assumed-role//s", NULL, NULL },
        { "arn:aws:sts::111122223333:assumed-role/r/s/t", NULL, NULL },
        { "arn:aws:iam::111122223333:role/r", NULL, NULL },
        { "arn:aws:iam::111122223333:user/", NULL, NULL },
        { "arn:aws:iam::111122223333:user/a/", NULL, NULL },
        { "arn:aws:iam::111122223333:user/*", NULL, NULL },
        { "arn:aws:iam::11112222333:user/a", NULL, NULL },
        { "arn:aws:iam::11112222333x:user/a", NULL, NULL },
        { "arn:aws:iam:us-east-1:111122223333:user/a", NULL, NULL },
        { "arn:aws:iam:111122223333:user/a", NULL, NULL },
        { "arn::iam::111122223333:user/a", NULL, NULL },
        { "arn:aws:deskgate::111122223333:jwt/corp/a", NULL, NULL },
        { "arn:aws:s3::111122223333:user/a", NULL, NULL },
        { "alice", NULL, NULL },
        { "", NULL, NULL },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char           text[512];
        dg_keyfile_t  *keys;
        dg_diag_t      diag;
        dg_err_t       err;

        snprintf(text, sizeof(text), "{\"version\":1,\"keys\":[{"
                 "\"access_key_id\":\"AKIA1\",\"secret_access_key\":"
                 "\"0123456789abcdef\",\"principal\":\"%s\"}]}",
                 cases[i].arn);
        err = parse(text, &diag, &keys);

        if (cases[i].type == NULL) {
            ok(err == DG_ERR_INVALID && diag.column > 0, "refused: \"%s\": %s",
               cases[i].arn, diag.text);
            continue;
        }

        is_int(err, DG_OK, "accepted: %s", cases[i].arn);
        is_text(dg_keyfile_key(keys, 0)->principal_type, cases[i].type,
                "its type");
        is_text(dg_keyfile_key(keys, 0)->user_name, cases[i].user_name,
                "its user name");
        is_text(dg_keyfile_key(keys, 0)->user_id, cases[i].arn,
                "user id is the principal by default");
    }
}


static void
refused(void)
{
    static const struct {
        const char  *text;
        dg_err_t     err;
        unsigned     line;
        unsigned     column;
        const char  *says;
    } cases[] = {
        { "", DG_ERR_SYNTAX, 1, 1, "not JSON" },
        { "[]", DG_ERR_INVALID, 1, 1, "a key file is an object" },
        { "{\"keys\":[]}", DG_ERR_MISSING, 1, 1, "no version" },
        { "{\"version\":2,\"keys\":[]}", DG_ERR_INVALID, 1, 12, "must be 1" },
        { "{\"version\":\"1\",\"keys\":[]}", DG_ERR_INVALID, 1, 12,
          "must be 1" },
        { "{\"version\":1}", DG_ERR_MISSING, 1, 1, "no keys" },
        { "{\"version\":1,\"keys\":{}}", DG_ERR_INVALID, 1, 21, "a list" },
        { "{\"version\":1,\n\"key\":[]}", DG_ERR_INVALID, 2, 1,
          "unknown member \"key\"" },
        { FILE_OF("\n1"), DG_ERR_INVALID, 2, 1, "in braces" },
        { FILE_OF(KEY("AKIA1", ",\n\"break_glass\":true")), DG_ERR_INVALID,
          2, 15, "add expires" },
        { FILE_OF(KEY("AKIA1", ",\n\"session_policy\":\"x\"")),
          DG_ERR_INVALID, 2, 18, "must be of type object" },
        { FILE_OF("\n" KEY("AKIA1", ",\n \"secret\":1")), DG_ERR_INVALID,
          3, 2, "unknown member \"secret\"" },
        { FILE_OF("\n{\"access_key_id\":\"AKIA1\"}"), DG_ERR_MISSING, 2, 1,
          "no secret_access_key" },
        { FILE_OF(KEY("AKIA1", ",\n\"disabled\":\"no\"")), DG_ERR_INVALID,
          2, 12, "disabled must be of type boolean, not string" },
        { FILE_OF(KEY("DGVKABCDEFGH", "")), DG_ERR_INVALID, 1, 39, "DGVK" },
        { FILE_OF(KEY("AKI", "")), DG_ERR_INVALID, 1, 39, "4 to 128" },
        { FILE_OF(KEY("AKIA-1", "")), DG_ERR_INVALID, 1, 39, "letters" },
        { FILE_OF("{\"access_key_id\":\"AKIA1\",\n\"secret_access_key\":"
                  "\"0123456789abcde\",\"principal\":\"x\"}"),
          DG_ERR_INVALID, 2, 21, "shorter than 16" },
        { FILE_OF("{\"access_key_id\":\"AKIA1\",\n\"secret_access_key\":"
                  "\"0123456789 abcdef\",\"principal\":\"x\"}"),
          DG_ERR_INVALID, 2, 21, "without blanks" },
        { FILE_OF(KEY("AKIA1", "") ",\n" KEY("AKIA1", "")), DG_ERR_INVALID,
          2, 18, "key of line 1 has the same access_key_id" },
        { FILE_OF(KEY("AKIA1", "") ",\n" KEY("AKIA2",
                                             ",\n\"user_id\":\"U\"")),
          DG_ERR_INVALID, 3, 11, "another user_id" },
        { FILE_OF(KEY("AKIA1", ",\"user_id\":\"U\"") ",\n"
                  "{\"access_key_id\":\"AKIA2\",\"secret_access_key\":"
                  "\"0123456789abcdef\",\"principal\":"
                  "\"arn:aws:iam::111122223333:root\",\n\"user_id\":\"U\"}"),
          DG_ERR_INVALID, 3, 11, "another principal" },
        { FILE_OF(KEY("AKIA1", ",\n\"expires\":\"tomorrow\"")),
          DG_ERR_INVALID, 2, 11, "2026-12-31T23:59:59Z" },
        { FILE_OF(KEY("AKIA1", ",\n\"not_before\":\"2026-13-01T00:00:00Z\"")),
          DG_ERR_INVALID, 2, 14, "2026-12-31T23:59:59Z" },
        { FILE_OF(KEY("AKIA1", ",\"not_before\":\"2026-01-02T00:00:00Z\",\n"
                      "\"expires\":\"2026-01-02T00:00:00Z\"")),
          DG_ERR_INVALID, 2, 11, "before it becomes valid" },
        { FILE_OF(KEY("AKIA1", ",\n\"tags\":{\"a\":1}")), DG_ERR_INVALID,
          2, 13, "must be a string" },
        { FILE_OF(KEY("AKIA1", ",\n\"tags\":{\"\":\"b\"}")), DG_ERR_INVALID,
          2, 12, "1 to 128 bytes" },
        { FILE_OF(KEY("AKIA1", ",\n\"policies\":[1]")), DG_ERR_INVALID,
          2, 13, "in quotes" },
        { FILE_OF(KEY("AKIA1", ",\n\"policies\":[\"a\\u0000\"]")),
          DG_ERR_INVALID, 2, 13, "control characters" },
        { FILE_OF(KEY("AKIA1", ",\n\"session_token\":\"a b\"")),
          DG_ERR_INVALID, 2, 17, "session_token" },
        { FILE_OF(KEY("AKIA1", ",\n\"user_id\":\"a b\"")),
          DG_ERR_INVALID, 2, 11, "user_id" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dg_keyfile_t  *keys;
        dg_diag_t      diag;

        is_int(parse(cases[i].text, &diag, &keys), cases[i].err,
               "refused: %s", cases[i].says);
        ok(diag.line == cases[i].line && diag.column == cases[i].column,
           "at %u:%u (wanted %u:%u)", diag.line, diag.column, cases[i].line,
           cases[i].column);
        ok(strstr(diag.text, cases[i].says) != NULL, "says \"%s\"",
           diag.text);
        ok(keys == NULL && !memory_holds("planted-secret"),
           "and nothing remains");
    }
}


static void
many(void)
{
    enum { COUNT = 5000 };

    size_t         size = COUNT * 256 + 64;
    char          *text = malloc(size);
    int            len = snprintf(text, size, "{\"version\":1,\"keys\":[");
    unsigned       found = 0;
    dg_keyfile_t  *keys;
    dg_diag_t      diag;

    for (unsigned i = 0; i < COUNT; i++) {
        len += snprintf(text + len, size - (size_t) len, "%s"
                        KEY("AKIA%08u", ""), i ? ",\n" : "", i);
    }

    snprintf(text + len, size - (size_t) len, "]}");
    is_int(parse(text, &diag, &keys), DG_OK, "5000 keys of one principal: %s",
           diag.text);
    free(text);

    for (unsigned i = 0; i < COUNT; i++) {
        char             id[32];
        const dg_key_t  *key;

        snprintf(id, sizeof(id), "AKIA%08u", i);
        key = dg_keyfile_find(keys, dg_span_cstr(id));
        found += key != NULL && key == dg_keyfile_key(keys, i);
    }

    is_int(found, COUNT, "each found");
    ok(dg_keyfile_find(keys, DG_SPAN("AKIA00005000")) == NULL, "no other");
    ok(dg_keyfile_find(keys, DG_SPAN_EMPTY) == NULL, "nor none");
}


static void
memory_runs_out(void)
{
    static const char  text[] = FILE_OF(KEY("AKIA1",
        ",\"tags\":{\"a\":\"b\"},\"policies\":[\"p\"]"));
    unsigned           failures = 0;

    for (size_t size = 0; size < sizeof(memory); size += 512) {
        dg_arena_t     arena;
        dg_diag_t      diag;
        dg_keyfile_t  *keys;
        uint8_t       *block = malloc(size + 1);
        dg_err_t       err;

        dg_arena_init(&arena, block, size);
        err = dg_keyfile_parse(&arena, dg_span_cstr(text), &diag, &keys);

        if (err == DG_OK) {
            free(block);
            break;
        }

        if (err != DG_ERR_MEMORY || memmem(block, size, "planted", 7)) {
            ok(false, "%zu bytes gave %s", size, dg_err_text(err));
        }

        free(block);
        failures++;
    }

    ok(failures > 3, "too little memory %u times, then enough", failures);
}


int
main(void)
{
    a_whole_key();
    what_narrows_a_key();
    principals();
    refused();
    many();
    memory_runs_out();

    return done_testing();
}
