/*
 * Reading what a client presented, and all judgements that need neither key
 * nor body: see dg_sigv4.h.  Sources: AWS General Reference, "Elements of an
 * AWS API request signature"; "Authenticating requests: using query
 * parameters".
 */

#include "dg_sigv4.h"
#include "dg_codec.h"
#include "dg_query.h"
#include "dg_time.h"

#include <string.h>

#define PARTS_HEADER  (DG_SIGV4_PART_CREDENTIAL                               \
                       | DG_SIGV4_PART_SIGNED_HEADERS                         \
                       | DG_SIGV4_PART_SIGNATURE)
#define PARTS_QUERY   (PARTS_HEADER | DG_SIGV4_PART_DATE                      \
                       | DG_SIGV4_PART_EXPIRES | DG_SIGV4_PART_ALGORITHM)
#define PART_TOKEN    64u  /* optional */

#define MISSING_IS(claim, part)                                               \
    ((claim)->missing |= (part), DG_REFUSE_SIGNATURE_INCOMPLETE)

enum {
    CREDENTIAL, SIGNED_HEADERS, SIGNATURE, DATE, EXPIRES, ALGORITHM, TOKEN,
    PART_COUNT
};

/* In the order of the enum, which is that of the DG_SIGV4_PART_* bits. */
static const char *const  query_names[PART_COUNT] = {
    "X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature",
    "X-Amz-Date", "X-Amz-Expires", "X-Amz-Algorithm", "X-Amz-Security-Token"
};

static const char *const  header_names[] = {
    "Credential", "SignedHeaders", "Signature"
};

typedef struct {
    unsigned   seen;
    dg_span_t  text[PART_COUNT];
} parts_t;


/* The part that a parameter names, or PART_COUNT. */
static size_t
query_part(const dg_query_param_t *param, bool exact)
{
    size_t  i;

    for (i = 0; i < PART_COUNT; i++) {
        if (dg_query_name_is(param, dg_span_cstr(query_names[i]), exact)) {
            break;
        }
    }

    return i;
}


static bool
query_presents(const dg_query_t *query)
{
    for (size_t i = 0; i < query->count; i++) {
        if (query_part(&query->params[i], false) < PART_COUNT) {
            return true;
        }
    }

    return false;
}


unsigned
dg_sigv4_presented(const dg_request_t *request)
{
    unsigned            forms = 0;
    dg_query_t          query;
    const dg_header_t  *h;

    for (size_t i = 0; i < request->header_count; i++) {
        h = &request->headers[i];

        if (dg_span_equal_nocase(h->name, DG_SPAN("authorization"))
            && dg_span_equal_nocase(dg_span_slice(h->value, 0, 5),
                                    DG_SPAN("AWS4-")))
        {
            forms |= DG_SIGV4_IN_HEADER;
        }
    }

    if (dg_query_parse(dg_request_query(request), &query) != DG_OK
        || query_presents(&query))
    {
        forms |= DG_SIGV4_IN_QUERY;
    }

    return forms;
}


static dg_refusal_t
add_part(parts_t *parts, size_t part, dg_span_t text)
{
    if (parts->seen & 1u << part) {
        return DG_REFUSE_CREDENTIALS_AMBIGUOUS;
    }

    parts->seen |= 1u << part;
    parts->text[part] = text;
    return DG_ALLOWED;
}


static dg_refusal_t
add_header_part(parts_t *parts, dg_span_t piece)
{
    size_t     equals = dg_span_find(piece, '=');
    dg_span_t  name = dg_span_slice(piece, 0, equals);

    for (size_t i = CREDENTIAL; i <= SIGNATURE; i++) {
        if (dg_span_equal(name, dg_span_cstr(header_names[i]))
            && equals < piece.len)
        {
            return add_part(parts, i,
                            dg_span_slice(piece, equals + 1, piece.len));
        }
    }

    return DG_REFUSE_SIGNATURE_INCOMPLETE;
}


/* "AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=..." */
static dg_refusal_t
read_header_parts(dg_span_t value, dg_sigv4_claim_t *claim, parts_t *parts)
{
    size_t        blank = dg_span_find(value, ' ');
    dg_span_t     rest = dg_span_slice(value, blank + 1, value.len), piece;
    dg_refusal_t  refusal;

    if (value.len > DG_SIGV4_AUTHORIZATION_MAX) {
        return DG_REFUSE_SIGNATURE_INCOMPLETE;
    }

    if (!dg_span_equal(dg_span_slice(value, 0, blank),
                       DG_SPAN(DG_SIGV4_ALGORITHM)))
    {
        return DG_REFUSE_SIGNATURE_ALGORITHM;
    }

    if (rest.len == 0) {
        return MISSING_IS(claim, PARTS_HEADER);
    }

    while (dg_span_split(&rest, ',', &piece)) {
        refusal = add_header_part(parts, dg_span_trim(piece));
        if (refusal != DG_ALLOWED) {
            return refusal;
        }
    }

    claim->missing = PARTS_HEADER & ~parts->seen;

    return claim->missing ? DG_REFUSE_SIGNATURE_INCOMPLETE : DG_ALLOWED;
}


static dg_refusal_t
add_query_part(parts_t *parts, const dg_query_param_t *param,
    dg_arena_t *arena)
{
    size_t     part = query_part(param, true);
    dg_span_t  value;

    if (part == PART_COUNT) {
        /* a name that only case tells from ours would be read either way */
        return query_part(param, false) == PART_COUNT
               ? DG_ALLOWED : DG_REFUSE_SIGNATURE_INCOMPLETE;
    }

    value = dg_query_value(param, arena);

    return value.data == NULL ? DG_REFUSE_INTERNAL
                              : add_part(parts, part, value);
}


static dg_refusal_t
read_query_parts(const dg_query_t *query, dg_arena_t *arena,
    dg_sigv4_claim_t *claim, parts_t *parts)
{
    dg_refusal_t  refusal;

    for (size_t i = 0; i < query->count; i++) {
        refusal = add_query_part(parts, &query->params[i], arena);
        if (refusal != DG_ALLOWED) {
            return refusal;
        }
    }

    if ((parts->seen & DG_SIGV4_PART_ALGORITHM)
        && !dg_span_equal(parts->text[ALGORITHM],
                          DG_SPAN(DG_SIGV4_ALGORITHM)))
    {
        return DG_REFUSE_SIGNATURE_ALGORITHM;
    }

    claim->missing = PARTS_QUERY & ~parts->seen;

    return claim->missing ? DG_REFUSE_SIGNATURE_INCOMPLETE : DG_ALLOWED;
}


static bool
is_access_key_id(dg_span_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t  c = s.data[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
              || (c >= '0' && c <= '9') || c == '_' || c == '-'))
        {
            return false;
        }
    }

    return s.len > 0 && s.len <= DG_SIGV4_ACCESS_KEY_MAX;
}


/* AKID/20150830/us-east-1/service/aws4_request */
static dg_refusal_t
read_credential(dg_span_t text, dg_sigv4_claim_t *claim)
{
    size_t     count = 0;
    uint64_t   number;
    dg_span_t  piece, pieces[5];

    while (dg_span_split(&text, '/', &piece)) {
        if (count == 5) {
            return MISSING_IS(claim, DG_SIGV4_PART_CREDENTIAL);
        }

        pieces[count++] = piece;
    }

    if (count < 5 || !is_access_key_id(pieces[0])
        || pieces[1].len != DG_TIME_DATE_SIZE
        || !dg_span_to_u64(pieces[1], &number))
    {
        return MISSING_IS(claim, DG_SIGV4_PART_CREDENTIAL);
    }

    claim->access_key_id = pieces[0];
    claim->date = pieces[1];
    claim->region = pieces[2];
    claim->service = pieces[3];
    claim->terminator = pieces[4];

    return DG_ALLOWED;
}


/* Lower-case digits only, as every signer writes them. */
static bool
read_digest(dg_span_t text, uint8_t digest[DG_SHA256_SIZE])
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] >= 'A' && text.data[i] <= 'F') {
            return false;
        }
    }

    return dg_hex_decode(text, digest, DG_SHA256_SIZE) == DG_OK;
}


static dg_refusal_t
set_time(dg_sigv4_claim_t *claim, dg_err_t parsed)
{
    dg_writer_t  w = dg_writer(claim->time, sizeof(claim->time));

    if (parsed != DG_OK) {
        return MISSING_IS(claim, DG_SIGV4_PART_DATE);
    }

    dg_time_write_amz(&w, claim->signed_at);
    return DG_ALLOWED;
}


/* There is one way only to write a time so: it needs not be written again. */
static dg_refusal_t
set_amz_time(dg_sigv4_claim_t *claim, dg_span_t text)
{
    if (dg_time_parse_amz(text, &claim->signed_at) != DG_OK) {
        return MISSING_IS(claim, DG_SIGV4_PART_DATE);
    }

    memcpy(claim->time, text.data, sizeof(claim->time));
    return DG_ALLOWED;
}


/* x-amz-date beats Date. */
static dg_refusal_t
read_header_time(const dg_request_t *request, dg_sigv4_claim_t *claim)
{
    bool                repeated;
    dg_err_t            err;
    const dg_header_t  *h;

    h = dg_request_header(request, DG_SPAN("x-amz-date"), &repeated);

    if (h != NULL && !repeated) {
        return set_amz_time(claim, h->value);
    }

    if (h == NULL) {
        h = dg_request_header(request, DG_SPAN("date"), &repeated);
    }

    if (h == NULL || repeated) {
        return MISSING_IS(claim, DG_SIGV4_PART_DATE);
    }

    err = dg_time_parse_http(h->value, &claim->signed_at);
    if (err != DG_OK) {
        err = dg_time_parse_amz(h->value, &claim->signed_at);
    }

    return set_time(claim, err);
}


static dg_refusal_t
read_expires(dg_span_t text, dg_sigv4_claim_t *claim)
{
    uint64_t  seconds;

    if (!dg_span_to_u64(text, &seconds) || seconds < 1
        || seconds > DG_SIGV4_EXPIRES_MAX)
    {
        return DG_REFUSE_PRESIGN_LIFETIME;
    }

    claim->expires = (uint32_t) seconds;
    return DG_ALLOWED;
}


static dg_refusal_t
read_times(const dg_request_t *request, const parts_t *parts,
    const dg_sigv4_rules_t *rules, dg_sigv4_claim_t *claim)
{
    dg_refusal_t  refusal;

    if (claim->form == DG_SIGV4_FORM_HEADER) {
        refusal = read_header_time(request, claim);
        claim->valid_until = claim->signed_at + rules->skew;
        return refusal;
    }

    refusal = set_amz_time(claim, parts->text[DATE]);
    if (refusal != DG_ALLOWED) {
        return refusal;
    }

    refusal = read_expires(parts->text[EXPIRES], claim);
    claim->valid_until = claim->signed_at + claim->expires;
    return refusal;
}


static dg_refusal_t
read_token(const dg_request_t *request, const parts_t *parts,
    dg_sigv4_claim_t *claim)
{
    bool                repeated;
    const dg_header_t  *h;

    h = dg_request_header(request, DG_SPAN("x-amz-security-token"),
                          &repeated);

    if (h != NULL && (repeated || (parts->seen & PART_TOKEN))) {
        return DG_REFUSE_CREDENTIALS_AMBIGUOUS;
    }

    claim->session_token = h != NULL ? h->value : parts->text[TOKEN];
    return DG_ALLOWED;
}


static bool
is_listed(dg_span_t s, const dg_span_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (dg_span_equal_nocase(s, list[i])) {
            return true;
        }
    }

    return false;
}


static bool
is_one_of(dg_span_t s, const dg_span_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (dg_span_equal(s, list[i])) {
            return true;
        }
    }

    return false;
}


static dg_refusal_t
check_scope(const dg_sigv4_rules_t *rules, const dg_sigv4_claim_t *claim)
{
    if (!dg_span_equal(claim->terminator, DG_SPAN(DG_SIGV4_TERMINATOR))) {
        return DG_REFUSE_SCOPE_TERMINATOR;
    }

    if (!is_one_of(claim->region, rules->regions, rules->region_count)) {
        return DG_REFUSE_SCOPE_REGION;
    }

    if (!is_one_of(claim->service, rules->services, rules->service_count)) {
        return DG_REFUSE_SCOPE_SERVICE;
    }

    return dg_span_equal(claim->date,
                         dg_span(claim->time, DG_TIME_DATE_SIZE))
           ? DG_ALLOWED : DG_REFUSE_SCOPE_DATE;
}


static dg_refusal_t
check_clock(const dg_sigv4_rules_t *rules, int64_t now,
    const dg_sigv4_claim_t *claim)
{
    if (now > claim->valid_until) {
        return DG_REFUSE_SIGNATURE_EXPIRED;
    }

    return claim->signed_at > now + rules->skew ? DG_REFUSE_SIGNATURE_EARLY
                                                : DG_ALLOWED;
}


static bool
must_be_signed(const dg_sigv4_rules_t *rules, dg_span_t name)
{
    return dg_span_equal_nocase(name, DG_SPAN("host"))
           || (dg_span_equal_nocase(dg_span_slice(name, 0, 6),
                                    DG_SPAN("x-amz-"))
               && !is_listed(name, rules->unsigned_headers,
                             rules->unsigned_header_count));
}


/* Every line that must be signed is; names it where one is not. */
static dg_refusal_t
check_unsigned(const dg_request_t *request, const dg_sigv4_rules_t *rules,
    const dg_sigv4_selection_t *selection, dg_sigv4_claim_t *claim)
{
    bool  is_signed[DG_SIGV4_HEADERS_MAX] = { false };

    for (size_t i = 0; i < selection->count; i++) {
        is_signed[selection->index[i]] = true;
    }

    for (size_t i = 0; i < request->header_count; i++) {
        if (!is_signed[i] && must_be_signed(rules, request->headers[i].name))
        {
            claim->unsigned_header = request->headers[i].name;
            return DG_REFUSE_HEADER_UNSIGNED;
        }
    }

    return DG_ALLOWED;
}


static bool
list_has(dg_span_t names, dg_span_t wanted)
{
    dg_span_t  name;

    while (dg_span_split(&names, ';', &name)) {
        if (dg_span_equal(name, wanted)) {
            return true;
        }
    }

    return false;
}


bool
dg_sigv4_signs(const dg_sigv4_claim_t *claim, dg_span_t name)
{
    return list_has(claim->signed_headers, name);
}


/*
 * host, and in the header form the date, are signed whatever the request
 * holds: a header that is not sent would otherwise need no signature.
 */
static dg_refusal_t
check_required(const dg_request_t *request, dg_sigv4_claim_t *claim)
{
    bool       repeated;
    dg_span_t  date = DG_SPAN("x-amz-date");

    if (!list_has(claim->signed_headers, DG_SPAN("host"))) {
        claim->unsigned_header = DG_SPAN("host");
        return DG_REFUSE_HEADER_UNSIGNED;
    }

    (void) dg_request_header(request, DG_SPAN("host"), &repeated);
    if (repeated) {
        return DG_REFUSE_SIGNED_HEADERS;
    }

    if (dg_request_header(request, date, NULL) == NULL) {
        date = DG_SPAN("date");
    }

    if (claim->form == DG_SIGV4_FORM_HEADER
        && !list_has(claim->signed_headers, date))
    {
        claim->unsigned_header = date;
        return DG_REFUSE_HEADER_UNSIGNED;
    }

    return DG_ALLOWED;
}


static dg_refusal_t
check_headers(const dg_request_t *request, const dg_sigv4_rules_t *rules,
    dg_sigv4_claim_t *claim)
{
    dg_err_t              err;
    dg_refusal_t          refusal;
    dg_sigv4_selection_t  selection;

    err = dg_sigv4_select_listed(request, claim->signed_headers, &selection);
    if (err != DG_OK) {
        return err == DG_ERR_LIMIT ? DG_REFUSE_TOO_MANY_HEADERS
                                   : DG_REFUSE_SIGNED_HEADERS;
    }

    claim->signed_header_count = selection.name_count;

    refusal = check_required(request, claim);

    return refusal != DG_ALLOWED
           ? refusal : check_unsigned(request, rules, &selection, claim);
}


/*
 * The x-amz-content-sha256 of the form in use: a header or, presigned, a
 * parameter.  Returns how many there are.
 */
static size_t
find_payload_hash(const dg_request_t *request, const dg_query_t *query,
    const dg_sigv4_claim_t *claim, dg_arena_t *arena, dg_span_t *value)
{
    bool                repeated;
    size_t              count;
    dg_span_t           name = DG_SPAN("x-amz-content-sha256");
    const dg_header_t  *h = dg_request_header(request, name, &repeated);

    count = (size_t) (h != NULL) + repeated;

    if (h != NULL) {
        *value = h->value;
    }

    if (claim->form != DG_SIGV4_FORM_QUERY) {
        return count;
    }

    for (size_t i = 0; i < query->count; i++) {
        if (dg_query_name_is(&query->params[i], name, false)) {
            *value = dg_query_value(&query->params[i], arena);
            count++;
        }
    }

    return count;
}


/*
 * A hash or, where it is allowed, none; whatever else there is (the streaming
 * values of S3 among it) would leave the body unverified.
 */
static dg_refusal_t
check_payload(const dg_request_t *request, const dg_query_t *query,
    const dg_sigv4_rules_t *rules, dg_arena_t *arena,
    dg_sigv4_claim_t *claim)
{
    size_t     count;
    dg_span_t  value = DG_SPAN_EMPTY;

    count = find_payload_hash(request, query, claim, arena, &value);

    if (count == 0) {
        return DG_ALLOWED;
    }

    if (count > 1) {
        return DG_REFUSE_PAYLOAD_MODE;
    }

    if (dg_span_equal(value, DG_SPAN(DG_SIGV4_UNSIGNED_PAYLOAD))
        && rules->allow_unsigned_payload)
    {
        claim->payload_unsigned = true;

    } else if (!read_digest(value, claim->payload_digest)) {
        return DG_REFUSE_PAYLOAD_MODE;
    }

    claim->payload_hash = value;
    return DG_ALLOWED;
}


static dg_refusal_t
read_form(const dg_request_t *request, const dg_query_t *query,
    dg_arena_t *arena, dg_sigv4_claim_t *claim, parts_t *parts)
{
    bool                repeated, in_query = query_presents(query);
    const dg_header_t  *h;

    h = dg_request_header(request, DG_SPAN("authorization"), &repeated);

    if (repeated || (h != NULL && in_query)) {
        return DG_REFUSE_CREDENTIALS_AMBIGUOUS;
    }

    if (h != NULL) {
        claim->form = DG_SIGV4_FORM_HEADER;
        return read_header_parts(h->value, claim, parts);
    }

    if (in_query) {
        claim->form = DG_SIGV4_FORM_QUERY;
        return read_query_parts(query, arena, claim, parts);
    }

    return DG_REFUSE_CREDENTIALS_MISSING;
}


static dg_refusal_t
read_parts(const dg_request_t *request, const parts_t *parts,
    const dg_sigv4_rules_t *rules, dg_sigv4_claim_t *claim)
{
    dg_refusal_t  refusal;

    refusal = read_credential(parts->text[CREDENTIAL], claim);
    if (refusal != DG_ALLOWED) {
        return refusal;
    }

    if (!read_digest(parts->text[SIGNATURE], claim->signature)) {
        return MISSING_IS(claim, DG_SIGV4_PART_SIGNATURE);
    }

    claim->signed_headers = parts->text[SIGNED_HEADERS];

    refusal = read_token(request, parts, claim);
    if (refusal != DG_ALLOWED) {
        return refusal;
    }

    return read_times(request, parts, rules, claim);
}


static dg_refusal_t
check_limits(const dg_request_t *request, dg_query_t *query)
{
    dg_err_t  err;

    if (request->header_count > DG_SIGV4_HEADERS_MAX) {
        return DG_REFUSE_TOO_MANY_HEADERS;
    }

    if (request->target.len > DG_SIGV4_TARGET_MAX) {
        return DG_REFUSE_TARGET_TOO_LONG;
    }

    err = dg_query_parse(dg_request_query(request), query);
    if (err == DG_OK) {
        return DG_ALLOWED;
    }

    return err == DG_ERR_LIMIT ? DG_REFUSE_TARGET_TOO_LONG
                               : DG_REFUSE_BAD_REQUEST;
}


dg_refusal_t
dg_sigv4_read(const dg_request_t *request, const dg_sigv4_rules_t *rules,
    int64_t now, dg_arena_t *arena, dg_sigv4_claim_t *claim)
{
    parts_t       parts = { .seen = 0 };
    dg_query_t    query;
    dg_refusal_t  refusal;

    memset(claim, 0, sizeof(*claim));

    if ((refusal = check_limits(request, &query)) != DG_ALLOWED
        || (refusal = read_form(request, &query, arena, claim, &parts))
           != DG_ALLOWED
        || (refusal = read_parts(request, &parts, rules, claim))
           != DG_ALLOWED
        || (refusal = check_scope(rules, claim)) != DG_ALLOWED
        || (refusal = check_clock(rules, now, claim)) != DG_ALLOWED
        || (refusal = check_headers(request, rules, claim)) != DG_ALLOWED)
    {
        return refusal;
    }

    return check_payload(request, &query, rules, arena, claim);
}
