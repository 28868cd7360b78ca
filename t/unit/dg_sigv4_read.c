#include "dg_request_text.h"
#include "dg_sigv4.h"
#include "tap.h"

#define NOW     1440938160  /* 20150830T123600Z */
#define HEX64   "0123456789abcdef0123456789abcdef"                            \
                "0123456789abcdef0123456789abcdef"
#define HOST    "Host: workspaces.us-east-1.amazonaws.com\n"
#define DATE    "X-Amz-Date: 20150830T123600Z\n"
#define SCOPE   "20150830/us-east-1/workspaces/aws4_request"
#define POST    "POST / HTTP/1.1\n"
#define GET     "GET / HTTP/1.1\n"

#define AUTH_OF(credential, names, signature)                                 \
    "Authorization: AWS4-HMAC-SHA256 Credential=" credential                  \
    ", SignedHeaders=" names ", Signature=" signature "\n"
#define AUTH(names)  AUTH_OF("AKIDEXAMPLE/" SCOPE, names, HEX64)
#define SIGNED       AUTH("host;x-amz-date")

#define Q_CREDENTIAL                                                          \
    "X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fworkspaces"        \
    "%2Faws4_request"
#define Q_ALGORITHM  "X-Amz-Algorithm=AWS4-HMAC-SHA256"
#define Q_DATE       "X-Amz-Date=20150830T123600Z"
#define Q_EXPIRES    "X-Amz-Expires=60"
#define Q_NAMES      "X-Amz-SignedHeaders=host"
#define Q_SIGNATURE  "X-Amz-Signature=" HEX64
#define QUERY(a, b, c, d, e, f)                                               \
    "GET /?" a "&" b "&" c "&" d "&" e "&" f " HTTP/1.1\n"
#define PRESIGNED                                                             \
    "GET /?" Q_ALGORITHM "&" Q_CREDENTIAL "&" Q_DATE "&" Q_EXPIRES "&"        \
    Q_NAMES "&" Q_SIGNATURE
#define PRESIGNED_GET  PRESIGNED " HTTP/1.1\n" HOST

static dg_sigv4_claim_t   claim;
static dg_request_text_t  parsed;
static uint8_t            block[4096];

static const dg_span_t  regions[] = {
    { (const uint8_t *) "eu-west-1", 9 }, { (const uint8_t *) "us-east-1", 9 }
};
static const dg_span_t  services[] = {
    { (const uint8_t *) "workspaces", 10 }
};
static const dg_span_t  exempt[] = {
    { (const uint8_t *) "x-amz-cf-id", 11 }
};


static dg_refusal_t
read_at(const char *text, int64_t now, bool unsigned_payload)
{
    dg_arena_t        arena;
    dg_sigv4_rules_t  rules = {
        .regions = regions, .region_count = 2,
        .services = services, .service_count = 1,
        .skew = DG_SIGV4_SKEW_DEFAULT,
        .allow_unsigned_payload = unsigned_payload,
        .unsigned_headers = exempt, .unsigned_header_count = 1
    };

    dg_arena_init(&arena, block, sizeof(block));

    return dg_request_text_parse(dg_span_cstr(text), &parsed, NULL) == DG_OK
           ? dg_sigv4_read(&parsed.request, &rules, now, &arena, &claim)
           : DG_REFUSAL_COUNT;
}


#define is_read(text, want, name)                                             \
    is_int(read_at(text, NOW, false), (want), name)


static void
test_header(void)
{
    is_read(POST HOST DATE SIGNED, DG_ALLOWED, "the header form");
    is_int(claim.form, DG_SIGV4_FORM_HEADER, "form");
    is_text(claim.access_key_id, "AKIDEXAMPLE", "access key id");
    is_text(claim.date, "20150830", "date");
    is_text(claim.region, "us-east-1", "region");
    is_text(claim.service, "workspaces", "service");
    is_text(claim.signed_headers, "host;x-amz-date", "signed headers");
    is_int(claim.signed_header_count, 2, "their number");
    is_int(claim.signature[1], 0x23, "signature");
    is_int(claim.signed_at, NOW, "time");
    is_int(claim.valid_until, NOW + 900, "valid until");
    is_int(claim.payload_hash.len, 0, "no payload hash declared");

    is_read(POST HOST DATE "authorization: AWS4-HMAC-SHA256 Credential="
            "AKIDEXAMPLE/" SCOPE ",SignedHeaders=host;x-amz-date,Signature="
            HEX64 "\n", DG_ALLOWED, "no blanks behind the commas");
    is_read(POST HOST DATE "Authorization: AWS4-HMAC-SHA256 Signature=" HEX64
            ",  SignedHeaders=host;x-amz-date , Credential=AKIDEXAMPLE/" SCOPE
            "\n", DG_ALLOWED, "another order");
    is_read(POST HOST "Date: Sun, 30 Aug 2015 12:36:00 GMT\n"
            AUTH("date;host"), DG_ALLOWED, "Date instead of x-amz-date");
    is_read(POST HOST DATE "Date: Sun, 30 Aug 2015 13:36:00 GMT\n" SIGNED,
            DG_ALLOWED, "x-amz-date beats Date");
    is_read(POST HOST DATE "X-Amz-Security-Token: T\n"
            AUTH("host;x-amz-date;x-amz-security-token"), DG_ALLOWED,
            "a session token");
    is_text(claim.session_token, "T", "is given back");
    is_read(POST HOST DATE "X-Amzn-Trace-Id: 1\nX-Amz-Cf-Id: 2\n" SIGNED,
            DG_ALLOWED, "headers that may be unsigned");
}


static void
test_header_refused(void)
{
    is_read(POST HOST DATE, DG_REFUSE_CREDENTIALS_MISSING, "nothing");
    is_int(claim.form, DG_SIGV4_FORM_NONE, "no form");
    is_read(POST HOST DATE SIGNED SIGNED, DG_REFUSE_CREDENTIALS_AMBIGUOUS,
            "Authorization twice");
    is_read(PRESIGNED_GET SIGNED, DG_REFUSE_CREDENTIALS_AMBIGUOUS,
            "both forms");
    is_read("GET /?x-amz-EXPIRES=1 HTTP/1.1\n" HOST DATE SIGNED,
            DG_REFUSE_CREDENTIALS_AMBIGUOUS, "the header form and one part "
            "of the other, in another case");
    is_read("GET /?X%2DAmz-Date=1 HTTP/1.1\n" HOST DATE SIGNED,
            DG_REFUSE_CREDENTIALS_AMBIGUOUS, "or spelled with an escape");
    is_read(POST HOST DATE "X-Amz-Security-Token: T\n"
            "X-Amz-Security-Token: U\n"
            AUTH("host;x-amz-date;x-amz-security-token"),
            DG_REFUSE_CREDENTIALS_AMBIGUOUS, "two tokens");

    is_read(POST HOST DATE "Authorization: Basic dTpw\n",
            DG_REFUSE_SIGNATURE_ALGORITHM, "another scheme");
    is_read(POST HOST DATE "Authorization:\n",
            DG_REFUSE_SIGNATURE_ALGORITHM, "an empty value");
    is_read(POST HOST DATE "Authorization: AWS4-HMAC-SHA1 Credential=x\n",
            DG_REFUSE_SIGNATURE_ALGORITHM, "SHA-1");
    is_read(POST HOST DATE "Authorization: AWS4-ECDSA-P256-SHA256 C=x\n",
            DG_REFUSE_SIGNATURE_ALGORITHM, "the asymmetric variant");

    is_read(POST HOST DATE "Authorization: AWS4-HMAC-SHA256\n",
            DG_REFUSE_SIGNATURE_INCOMPLETE, "only the algorithm");
    is_int(claim.missing, 7, "misses three parts");
    is_read(POST HOST DATE "Authorization: AWS4-HMAC-SHA256 Credential=a/"
            SCOPE ", Signature=" HEX64 "\n", DG_REFUSE_SIGNATURE_INCOMPLETE,
            "no signed headers");
    is_int(claim.missing, DG_SIGV4_PART_SIGNED_HEADERS, "is named");
    is_read(POST HOST DATE SIGNED "", DG_ALLOWED, "the same, complete");
    is_read(POST HOST DATE "Authorization: AWS4-HMAC-SHA256 Credential=a/"
            SCOPE ", Credential=b/" SCOPE ", SignedHeaders=host;x-amz-date, "
            "Signature=" HEX64 "\n", DG_REFUSE_CREDENTIALS_AMBIGUOUS,
            "a part twice");
    is_read(POST HOST DATE "Authorization: AWS4-HMAC-SHA256 Credential=a/"
            SCOPE ", SignedHeaders=host;x-amz-date, Signature=" HEX64
            ", More=1\n", DG_REFUSE_SIGNATURE_INCOMPLETE, "an unknown part");
    is_read(POST HOST AUTH("host"), DG_REFUSE_SIGNATURE_INCOMPLETE,
            "no date");
    is_int(claim.missing, DG_SIGV4_PART_DATE, "is named");
    is_read(POST HOST DATE DATE SIGNED, DG_REFUSE_SIGNATURE_INCOMPLETE,
            "two dates");
    is_read(POST HOST "X-Amz-Date: 2015-08-30T12:36:00Z\n" SIGNED,
            DG_REFUSE_SIGNATURE_INCOMPLETE, "a date in another form");
}


static void
test_values_refused(void)
{
    is_read(POST HOST DATE AUTH_OF("AKID", "host;x-amz-date", HEX64),
            DG_REFUSE_SIGNATURE_INCOMPLETE, "a credential of one part");
    is_read(POST HOST DATE AUTH_OF("A/B/" SCOPE, "host;x-amz-date", HEX64),
            DG_REFUSE_SIGNATURE_INCOMPLETE, "of six parts");
    is_read(POST HOST DATE AUTH_OF("/" SCOPE, "host;x-amz-date", HEX64),
            DG_REFUSE_SIGNATURE_INCOMPLETE, "no access key id");
    is_read(POST HOST DATE AUTH_OF("A\"B/" SCOPE, "host;x-amz-date", HEX64),
            DG_REFUSE_SIGNATURE_INCOMPLETE, "an odd access key id");
    is_int(claim.access_key_id.len, 0, "is not given back");
    is_read(POST HOST DATE AUTH_OF("A/2015083/us-east-1/workspaces/"
            "aws4_request", "host;x-amz-date", HEX64),
            DG_REFUSE_SIGNATURE_INCOMPLETE, "a short date");
    is_read(POST HOST DATE AUTH_OF("A/" SCOPE, "host;x-amz-date", ""),
            DG_REFUSE_SIGNATURE_INCOMPLETE, "an empty signature");
    is_int(claim.missing, DG_SIGV4_PART_SIGNATURE, "is named");
    is_read(POST HOST DATE AUTH_OF("A/" SCOPE, "host;x-amz-date", HEX64 "00"),
            DG_REFUSE_SIGNATURE_INCOMPLETE, "a longer one");
    is_read(POST HOST DATE AUTH_OF("A/" SCOPE, "host;x-amz-date",
            "ABCDEF6789abcdef0123456789abcdef"
            "0123456789abcdef0123456789abcdef"),
            DG_REFUSE_SIGNATURE_INCOMPLETE, "upper-case digits");

    is_read(POST HOST DATE AUTH_OF("A/20150830/us-east-1/workspaces/aws4",
            "host;x-amz-date", HEX64), DG_REFUSE_SCOPE_TERMINATOR,
            "terminator");
    is_read(POST HOST DATE AUTH_OF("A/20150830/us-east-2/workspaces/"
            "aws4_request", "host;x-amz-date", HEX64),
            DG_REFUSE_SCOPE_REGION, "region");
    is_text(claim.access_key_id, "A", "who claimed it is known");
    is_read(POST HOST DATE AUTH_OF("A/20150830/us-east-1/s3/aws4_request",
            "host;x-amz-date", HEX64), DG_REFUSE_SCOPE_SERVICE, "service");
    is_read(POST HOST DATE AUTH_OF("A/20150829/us-east-1/workspaces/"
            "aws4_request", "host;x-amz-date", HEX64), DG_REFUSE_SCOPE_DATE,
            "date");
}


static void
test_signed_headers(void)
{
    is_read(POST HOST DATE AUTH("x-amz-date;host"),
            DG_REFUSE_SIGNED_HEADERS, "unsorted");
    is_read(POST HOST DATE AUTH("host;host;x-amz-date"),
            DG_REFUSE_SIGNED_HEADERS, "twice");
    is_read(POST HOST DATE AUTH("Host;x-amz-date"),
            DG_REFUSE_SIGNED_HEADERS, "upper case");
    is_read(POST HOST DATE AUTH(""), DG_REFUSE_SIGNED_HEADERS, "none");
    is_read(POST HOST DATE AUTH("host;x-absent;x-amz-date"),
            DG_REFUSE_SIGNED_HEADERS, "absent");
    is_read(POST HOST HOST DATE SIGNED, DG_REFUSE_SIGNED_HEADERS,
            "two Host lines");

    is_read(POST HOST DATE AUTH("x-amz-date"), DG_REFUSE_HEADER_UNSIGNED,
            "host unsigned");
    is_text(claim.unsigned_header, "host", "is named");
    is_read(POST DATE AUTH("x-amz-date"), DG_REFUSE_HEADER_UNSIGNED,
            "no host at all");
    is_read(POST HOST DATE AUTH("host"), DG_REFUSE_HEADER_UNSIGNED,
            "x-amz-date unsigned");
    is_read(POST HOST "Date: Sun, 30 Aug 2015 12:36:00 GMT\n" AUTH("host"),
            DG_REFUSE_HEADER_UNSIGNED, "Date unsigned");
    is_read(POST HOST DATE "X-AMZ-Target: a\n" SIGNED,
            DG_REFUSE_HEADER_UNSIGNED, "x-amz-target unsigned");
    is_text(claim.unsigned_header, "X-AMZ-Target", "is named as received");
    is_read(POST HOST DATE "X-Amz-Security-Token: T\n" SIGNED,
            DG_REFUSE_HEADER_UNSIGNED, "session token unsigned");
    is_read(PRESIGNED_GET "X-Amz-Meta: 1\n", DG_REFUSE_HEADER_UNSIGNED,
            "an x-amz header beside a presigned query");
}


static void
test_clock(void)
{
    is_int(read_at(POST HOST DATE SIGNED, NOW + 900, false), DG_ALLOWED,
           "15 minutes old");
    is_int(read_at(POST HOST DATE SIGNED, NOW + 901, false),
           DG_REFUSE_SIGNATURE_EXPIRED, "a second more");
    is_int(read_at(POST HOST DATE SIGNED, NOW - 900, false), DG_ALLOWED,
           "15 minutes early");
    is_int(read_at(POST HOST DATE SIGNED, NOW - 901, false),
           DG_REFUSE_SIGNATURE_EARLY, "a second more");

    is_int(read_at(PRESIGNED_GET, NOW + 60, false), DG_ALLOWED,
           "presigned, in its last second");
    is_int(read_at(PRESIGNED_GET, NOW + 61, false),
           DG_REFUSE_SIGNATURE_EXPIRED, "presigned, one second later");
    is_int(read_at(PRESIGNED_GET, NOW - 901, false),
           DG_REFUSE_SIGNATURE_EARLY, "presigned, early");
}


static void
test_query(void)
{
    is_read(PRESIGNED_GET, DG_ALLOWED, "the query form");
    is_int(claim.form, DG_SIGV4_FORM_QUERY, "form");
    is_text(claim.access_key_id, "AKIDEXAMPLE", "access key id");
    is_text(claim.signed_headers, "host", "signed headers");
    is_int(claim.expires, 60, "lifetime");
    is_int(claim.valid_until, NOW + 60, "valid until");

    is_read(PRESIGNED "&X-Amz-Security-Token=a%2Fb+ HTTP/1.1\n" HOST,
            DG_ALLOWED, "a token");
    is_text(claim.session_token, "a/b+", "is decoded");
    is_read(PRESIGNED "&X-Amz-Security-Token=a HTTP/1.1\n" HOST
            "X-Amz-Security-Token: a\n", DG_REFUSE_CREDENTIALS_AMBIGUOUS,
            "a token in both places");

    is_read(QUERY(Q_ALGORITHM, Q_CREDENTIAL, Q_DATE, Q_EXPIRES, Q_NAMES,
                  "x=1") HOST, DG_REFUSE_SIGNATURE_INCOMPLETE,
            "no signature");
    is_int(claim.missing, DG_SIGV4_PART_SIGNATURE, "is named");
    is_read(QUERY(Q_ALGORITHM, Q_CREDENTIAL, Q_DATE, "x=1", Q_NAMES,
                  Q_SIGNATURE) HOST, DG_REFUSE_SIGNATURE_INCOMPLETE,
            "no lifetime");
    is_read(QUERY("x=1", Q_CREDENTIAL, Q_DATE, Q_EXPIRES, Q_NAMES,
                  Q_SIGNATURE) HOST, DG_REFUSE_SIGNATURE_INCOMPLETE,
            "no algorithm");
    is_read(QUERY("X-Amz-Algorithm=none", Q_CREDENTIAL, Q_DATE, Q_EXPIRES,
                  Q_NAMES, Q_SIGNATURE) HOST, DG_REFUSE_SIGNATURE_ALGORITHM,
            "another algorithm");
    is_read(PRESIGNED "&" Q_DATE " HTTP/1.1\n" HOST,
            DG_REFUSE_CREDENTIALS_AMBIGUOUS, "a parameter twice");
    is_read(PRESIGNED "&x-amz-date=1 HTTP/1.1\n" HOST,
            DG_REFUSE_SIGNATURE_INCOMPLETE, "a parameter in another case");

    is_read(QUERY(Q_ALGORITHM, Q_CREDENTIAL, Q_DATE, "X-Amz-Expires=0",
                  Q_NAMES, Q_SIGNATURE) HOST, DG_REFUSE_PRESIGN_LIFETIME,
            "no time at all");
    is_read(QUERY(Q_ALGORITHM, Q_CREDENTIAL, Q_DATE, "X-Amz-Expires=604800",
                  Q_NAMES, Q_SIGNATURE) HOST, DG_ALLOWED, "seven days");
    is_read(QUERY(Q_ALGORITHM, Q_CREDENTIAL, Q_DATE, "X-Amz-Expires=604801",
                  Q_NAMES, Q_SIGNATURE) HOST, DG_REFUSE_PRESIGN_LIFETIME,
            "a second more");
    is_read(QUERY(Q_ALGORITHM, Q_CREDENTIAL, Q_DATE, "X-Amz-Expires=-1",
                  Q_NAMES, Q_SIGNATURE) HOST, DG_REFUSE_PRESIGN_LIFETIME,
            "less than nothing");

    is_read("GET /?a=%zz HTTP/1.1\n" HOST DATE SIGNED, DG_REFUSE_BAD_REQUEST,
            "a bad escape");
}


/* Every value in every place ends in a declared hash, or in a refusal. */
static void
test_payload(void)
{
    static const char *const  refused[] = {
        "UNSIGNED-PAYLOAD", "", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "unsigned-payload",
        "none", "0123"
    };

    char  text[2048];

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        snprintf(text, sizeof(text), POST HOST DATE
                 "X-Amz-Content-Sha256: %s\n"
                 AUTH("host;x-amz-content-sha256;x-amz-date"), refused[i]);
        is_read(text, DG_REFUSE_PAYLOAD_MODE, "a header with a mode");

        snprintf(text, sizeof(text),
                 "%s&X-Amz-Content-Sha256=%s HTTP/1.1\n%s", PRESIGNED,
                 refused[i], HOST);
        is_read(text, DG_REFUSE_PAYLOAD_MODE, "a parameter with a mode");
    }

    is_read(POST HOST DATE "X-Amz-Content-Sha256: " HEX64 "\n"
            AUTH("host;x-amz-content-sha256;x-amz-date"), DG_ALLOWED,
            "a hash in a header");
    is_text(claim.payload_hash, HEX64, "is given back");
    is_int(claim.payload_digest[31], 0xef, "and decoded");
    is_read(PRESIGNED "&x-amz-content-sha256=" HEX64 " HTTP/1.1\n" HOST,
            DG_ALLOWED, "a hash in a parameter");
    is_text(claim.payload_hash, HEX64, "is given back");
    is_read(PRESIGNED "&x-amz-content-sha256=" HEX64
            "&X-Amz-Content-Sha256=" HEX64 " HTTP/1.1\n" HOST,
            DG_REFUSE_PAYLOAD_MODE, "two parameters");
    is_read(POST HOST DATE "X-Amz-Content-Sha256: " HEX64 "\n"
            "X-Amz-Content-Sha256: " HEX64 "\n"
            AUTH("host;x-amz-content-sha256;x-amz-date"),
            DG_REFUSE_PAYLOAD_MODE, "two headers");
    is_read(POST HOST DATE "X-Amz-Content-Sha256: " HEX64 "\n" SIGNED,
            DG_REFUSE_HEADER_UNSIGNED, "an unsigned one");

    is_int(read_at(POST HOST DATE "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD\n"
                   AUTH("host;x-amz-content-sha256;x-amz-date"), NOW, true),
           DG_ALLOWED, "no hash where that is allowed");
    ok(claim.payload_unsigned, "is said so");
    is_int(read_at(POST HOST DATE "X-Amz-Content-Sha256: STREAMING-AWS4-"
                   "HMAC-SHA256-PAYLOAD\n"
                   AUTH("host;x-amz-content-sha256;x-amz-date"), NOW, true),
           DG_REFUSE_PAYLOAD_MODE, "never a stream of chunks");
}


static unsigned
presented(const char *text)
{
    return dg_request_text_parse(dg_span_cstr(text), &parsed, NULL) == DG_OK
           ? dg_sigv4_presented(&parsed.request) : 99;
}


static void
test_presented(void)
{
    is_int(presented(POST HOST), 0, "nothing presented");
    is_int(presented(POST HOST "Authorization: Bearer x\n"), 0,
           "another kind");
    is_int(presented(POST SIGNED), DG_SIGV4_IN_HEADER, "header");
    is_int(presented(POST "Authorization: Bearer x\n" SIGNED),
           DG_SIGV4_IN_HEADER, "any of two headers");
    is_int(presented(POST "Authorization: aws4-x\n"), DG_SIGV4_IN_HEADER,
           "in any case");
    is_int(presented(PRESIGNED_GET), DG_SIGV4_IN_QUERY, "query");
    is_int(presented("GET /?a=1&%78-amz-SIGNATURE= HTTP/1.1\n"),
           DG_SIGV4_IN_QUERY, "one parameter, disguised");
    is_int(presented("GET /?a=%z HTTP/1.1\n"), DG_SIGV4_IN_QUERY,
           "a query that cannot be read");
    is_int(presented("GET /?Action=X&Version=1 HTTP/1.1\n"), 0,
           "an ordinary query");
}


int
main(void)
{
    dg_arena_t        arena;
    dg_header_t       many[DG_SIGV4_HEADERS_MAX + 1];
    dg_request_t      request = { DG_SPAN("GET"), DG_SPAN("/"), many,
                                  DG_SIGV4_HEADERS_MAX + 1 };
    dg_sigv4_rules_t  rules = { .skew = 900 };

    test_header();
    test_header_refused();
    test_values_refused();
    test_signed_headers();
    test_clock();
    test_query();
    test_payload();
    test_presented();

    is_int(read_at(POST HOST DATE SIGNED, NOW, false), DG_ALLOWED, "base");
    dg_arena_init(&arena, block, sizeof(block));
    is_int(dg_sigv4_read(&parsed.request, &rules, NOW, &arena, &claim),
           DG_REFUSE_SCOPE_REGION, "no region is listed");
    is_int(dg_sigv4_read(&request, &rules, NOW, &arena, &claim),
           DG_REFUSE_TOO_MANY_HEADERS, "too many headers");

    return done_testing();
}
