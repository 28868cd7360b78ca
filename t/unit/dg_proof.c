/*
 * dg_proof: URLs that are a proof, and all those that are none.
 */

#include "tap.h"

#include "dg_codec.h"
#include "dg_proof.h"

#include <stdlib.h>

#define NOW    1440938160  /* 20150830T123600Z */
#define HOST   "sts.us-east-1.amazonaws.com"
#define BASE   "https://" HOST "/?"
#define CALL   "Action=GetCallerIdentity&Version=2011-06-15"
#define HOW    "&X-Amz-Algorithm=AWS4-HMAC-SHA256"
#define WHO    "&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fsts"   \
               "%2Faws4_request"
#define WHEN   "&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60"
#define WHAT   "&X-Amz-SignedHeaders=host%3Bx-deskgate-audience"
#define SIGN   "&X-Amz-Signature="                                            \
               "0123456789abcdef0123456789abcdef"                             \
               "0123456789abcdef0123456789abcdef"
#define GOOD   BASE CALL HOW WHO WHEN WHAT SIGN

static uint8_t     memory[256 * 1024];
static dg_arena_t  arena;
static dg_proof_t  proof;


static dg_refusal_t
read_at(const char *url, int64_t now)
{
    uint8_t      text[8192];
    dg_writer_t  w = dg_writer(text, sizeof(text));

    dg_write_cstr(&w, DG_PROOF_PREFIX);
    dg_write_base64url(&w, dg_span_cstr(url));
    dg_arena_init(&arena, memory, sizeof(memory));

    return dg_proof_read(dg_written(&w), DG_SPAN(HOST), now, &arena, &proof);
}


static void
refused(dg_refusal_t want, const char *url, const char *name)
{
    is_int(read_at(url, NOW), want, "%s", name);
}


static void
malformed(const char *url, const char *name)
{
    refused(DG_REFUSE_TOKEN_MALFORMED, url, name);
}


int
main(void)
{
    char  large[5000];

    is_int(read_at(GOOD, NOW), DG_ALLOWED, "a proof");
    is_span(proof.access_key_id, DG_SPAN("AKIDEXAMPLE"), "its key");
    is_int(proof.expires_at, NOW + 60, "its end");
    is_span(proof.query, dg_span_cstr(CALL HOW WHO WHEN WHAT SIGN),
            "what is sent to STS");
    malformed("ttps://" HOST "/?" CALL HOW WHO WHEN WHAT SIGN, "no scheme");
    is_int(read_at(BASE HOW "&X-Amz-Security-Token=a%2Bb%2F%3D" WHO WHAT WHEN
                   SIGN "&" CALL, NOW), DG_REFUSE_TOKEN_MALFORMED,
           "an empty parameter");
    is_int(read_at(BASE CALL "&X-Amz-Security-Token=a%2Bb%2F%3D" WHO WHAT
                   WHEN SIGN HOW, NOW), DG_ALLOWED,
           "a session, in another order");
    is_span(proof.query, dg_span_cstr(CALL HOW WHO WHEN WHAT SIGN
                                      "&X-Amz-Security-Token=a%2Bb%2F%3D"),
            "in ours");

    refused(DG_REFUSE_TOKEN_ISSUER, "https://evil.example/?" CALL HOW WHO
            WHEN WHAT SIGN, "another host");
    refused(DG_REFUSE_TOKEN_ISSUER, "https://" HOST ":443/?" CALL HOW WHO
            WHEN WHAT SIGN, "a port");
    refused(DG_REFUSE_TOKEN_ISSUER, "https://" HOST ".evil.example/?" CALL
            HOW WHO WHEN WHAT SIGN, "a longer host");
    refused(DG_REFUSE_TOKEN_ISSUER, "https://evil@" HOST "/?" CALL HOW WHO
            WHEN WHAT SIGN, "a user");
    refused(DG_REFUSE_TOKEN_ISSUER, "https://STS.us-east-1.amazonaws.com/?"
            CALL HOW WHO WHEN WHAT SIGN, "another case");

    malformed("http://" HOST "/?" CALL HOW WHO WHEN WHAT SIGN, "no TLS");
    malformed("https://" HOST "/x?" CALL HOW WHO WHEN WHAT SIGN, "a path");
    malformed("https://" HOST "//?" CALL HOW WHO WHEN WHAT SIGN, "slashes");
    malformed(GOOD "&Extra=1", "a parameter more");
    malformed(GOOD "&Action=GetCallerIdentity", "one twice");
    malformed(GOOD "&action=GetSessionToken", "one in another case");
    malformed(GOOD "&%41ction=AssumeRole", "one encoded");
    malformed(GOOD "&", "an empty one");
    malformed(GOOD "\r\nX: y", "a line end");
    malformed(GOOD "#x y", "a blank");
    malformed(BASE "Action=AssumeRole&Version=2011-06-15" HOW WHO WHEN WHAT
              SIGN, "another action");
    malformed(BASE "Action=GetCallerIdentity&Version=2010-05-08" HOW WHO WHEN
              WHAT SIGN, "another version");
    malformed(BASE CALL HOW WHO WHAT SIGN
              "&X-Amz-Date=20150830T123600Z&X-Amz-Expires=901", "too long");
    malformed(BASE CALL HOW WHO WHAT SIGN
              "&X-Amz-Date=20150830T123600Z&X-Amz-Expires=0", "no time");
    malformed(BASE CALL HOW WHO WHAT SIGN
              "&X-Amz-Date=2015-08-30&X-Amz-Expires=60", "no date");
    malformed(BASE CALL HOW WHEN WHAT SIGN, "no key");
    malformed(BASE CALL HOW WHEN WHAT SIGN "&X-Amz-Credential=A%2F20150831"
              "%2Fr%2Fsts%2Faws4_request", "another day");
    malformed(BASE CALL HOW WHEN WHAT SIGN "&X-Amz-Credential=A%2F20150830"
              "%2Fr%2Fs3%2Faws4_request", "another service");
    malformed(BASE CALL HOW WHO WHEN WHAT "&X-Amz-Signature=0123",
              "a short signature");

    refused(DG_REFUSE_TOKEN_AUDIENCE, BASE CALL HOW WHO WHEN SIGN
            "&X-Amz-SignedHeaders=host", "for no gateway");
    refused(DG_REFUSE_TOKEN_AUDIENCE, BASE CALL HOW WHO WHEN SIGN
            "&X-Amz-SignedHeaders=accept%3Bhost%3Bx-deskgate-audience",
            "another header");

    is_int(read_at(GOOD, NOW + 59), DG_ALLOWED, "to its last second");
    is_int(read_at(GOOD, NOW + 60), DG_REFUSE_TOKEN_EXPIRED, "not behind it");
    is_int(read_at(GOOD, NOW - DG_PROOF_EARLY), DG_ALLOWED, "a clock ahead");
    is_int(read_at(GOOD, NOW - DG_PROOF_EARLY - 1), DG_REFUSE_TOKEN_EARLY,
           "too far ahead");

    memset(large, 'a', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    malformed(large, "too large");
    ok(!dg_proof_is(DG_SPAN("deskgate-v2.x")), "another version of proofs");

    return done_testing();
}
