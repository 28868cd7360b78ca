/*
 * The table of refusals: see dg_refusal.h.
 *
 * AWS names are those that JSON services use (AWS "common errors" pages).
 * The status is the one of the plain HTTP meaning; dg_refusal_form.c says
 * when a service's own reference replaces it.
 *
 * Whatever is wrong with a credential's content has one text, so that nobody
 * can probe which part of it was right; the name of the refusal, which only
 * the log and the record have, tells them apart.
 */

#include "dg_refusal.h"

#define MALFORMED   "MalformedHttpRequestException"
#define SIGNATURE   "InvalidSignatureException"
#define TOKEN       "UnrecognizedClientException"
#define TOO_LARGE   "RequestEntityTooLargeException"
#define UNAVAILABLE "ServiceUnavailable"

#define TEXT_TOKEN                                                            \
    "The security token included in the request is invalid."
#define TEXT_DENIED                                                           \
    "User is not authorized to perform this action."
#define TEXT_RATE                                                             \
    "Rate exceeded"
#define TEXT_AWAY                                                             \
    "The service is temporarily unable to handle the request."
#define TEXT_INTERNAL                                                         \
    "The request could not be processed because of an internal error."
#define TEXT_SIGNATURE                                                        \
    "The request signature we calculated does not match the signature you "   \
    "provided. Check your AWS Secret Access Key and signing method. Consult " \
    "the service documentation for details."


static const dg_refusal_info_t  refusals[DG_REFUSAL_COUNT] = {

    [DG_ALLOWED] = {
        "allowed", "", 200, "", "Nothing to do: the call was let through."
    },

    [DG_REFUSE_UNKNOWN_OPERATION] = {
        "unknown_operation", "UnknownOperationException", 404,
        "The requested operation is not known.",
        "Check X-Amz-Target, method and path against docs/services.md, and "
        "that the location's deskgate directive lists the service."
    },
    [DG_REFUSE_AMBIGUOUS_OPERATION] = {
        "ambiguous_operation", MALFORMED, 400,
        "The request names its operation in more than one way.",
        "Send either X-Amz-Target or an rpc-v2-cbor path with "
        "Smithy-Protocol, never both and never one twice."
    },
    [DG_REFUSE_ACTION_DISAGREES] = {
        "action_disagrees", MALFORMED, 400,
        "The query parameters Action or Version disagree with the operation.",
        "Remove Action and Version from the query; JSON services do not use "
        "them."
    },
    [DG_REFUSE_PATH_NOT_PLAIN] = {
        "path_not_plain", MALFORMED, 400,
        "The path of the request is not in its plain form.",
        "Send a path without dot segments, doubled slashes, encoded slashes "
        "or doubly encoded characters."
    },
    [DG_REFUSE_HOST_NOT_LISTED] = {
        "host_not_listed", "AccessDeniedException", 403,
        "The Host of the request is not served here.",
        "Add the name that clients use to deskgate_hosts."
    },
    [DG_REFUSE_TOO_MANY_HEADERS] = {
        "too_many_headers", MALFORMED, 400,
        "The request has too many headers.",
        "Send at most 100 header lines."
    },
    [DG_REFUSE_HEADER_FORBIDDEN] = {
        "header_forbidden", MALFORMED, 400,
        "The request has a header that clients may not send.",
        "Remove the header that the error log names; only the gateway may "
        "set it."
    },

    [DG_REFUSE_CREDENTIALS_MISSING] = {
        "credentials_missing", "MissingAuthenticationTokenException", 401,
        "Request is missing Authentication Token",
        "Sign the request or send a bearer token, as the location's "
        "deskgate_authenticate allows."
    },
    [DG_REFUSE_CREDENTIALS_AMBIGUOUS] = {
        "credentials_ambiguous", SIGNATURE, 400,
        "The request carries more than one credential.",
        "Authenticate in one way: Authorization header or query, signature "
        "or bearer token."
    },
    [DG_REFUSE_SIGNATURE_INCOMPLETE] = {
        "signature_incomplete", "IncompleteSignatureException", 400,
        "The request signature does not conform to AWS standards.",
        "The error log names the part of the Authorization header or query "
        "that is absent or malformed."
    },
    [DG_REFUSE_SIGNATURE_ALGORITHM] = {
        "signature_algorithm", "IncompleteSignatureException", 400,
        "Unsupported AWS 'algorithm'.",
        "Sign with AWS4-HMAC-SHA256."
    },
    [DG_REFUSE_SCOPE_DATE] = {
        "scope_date", SIGNATURE, 403,
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 "
        "version of date from HTTP.",
        "Make the scope's date and X-Amz-Date the same day."
    },
    [DG_REFUSE_SCOPE_REGION] = {
        "scope_region", SIGNATURE, 403,
        "Credential should be scoped to a valid region.",
        "Sign for a region that the location's deskgate directive lists."
    },
    [DG_REFUSE_SCOPE_SERVICE] = {
        "scope_service", SIGNATURE, 403,
        "Credential should be scoped to correct service.",
        "Sign for the service that the operation belongs to."
    },
    [DG_REFUSE_SCOPE_TERMINATOR] = {
        "scope_terminator", SIGNATURE, 403,
        "Credential should be scoped with a valid terminator: "
        "'aws4_request'.",
        "End the credential scope with aws4_request."
    },
    [DG_REFUSE_SIGNATURE_EXPIRED] = {
        "signature_expired", SIGNATURE, 403,
        "Signature expired.",
        "Set the client's clock; deskgate_skew is the window."
    },
    [DG_REFUSE_SIGNATURE_EARLY] = {
        "signature_early", SIGNATURE, 403,
        "Signature not yet current.",
        "Set the client's clock; deskgate_skew is the window."
    },
    [DG_REFUSE_PRESIGN_LIFETIME] = {
        "presign_lifetime", SIGNATURE, 403,
        "X-Amz-Expires must be a number between 1 and 604800 seconds.",
        "Presign for a lifetime that is within the bounds."
    },
    [DG_REFUSE_SIGNED_HEADERS] = {
        "signed_headers", SIGNATURE, 403,
        "SignedHeaders must name headers of the request, in lower case, "
        "sorted, each once.",
        "Use an SDK's signer, or sort SignedHeaders and name what is sent."
    },
    [DG_REFUSE_HEADER_UNSIGNED] = {
        "header_unsigned", SIGNATURE, 403,
        "'Host', the date and every 'x-amz-' header must be signed.",
        "The error log names the header that was sent unsigned."
    },
    [DG_REFUSE_PAYLOAD_MODE] = {
        "payload_mode", SIGNATURE, 403,
        "The value of x-amz-content-sha256 is not supported.",
        "Sign the body's SHA-256; unsigned and streaming payloads are not "
        "accepted."
    },
    [DG_REFUSE_PAYLOAD_HASH] = {
        "payload_hash", SIGNATURE, 403,
        "The provided x-amz-content-sha256 header does not match what was "
        "computed.",
        "Something between client and gateway changed the body, or the "
        "client declared another body's hash."
    },
    [DG_REFUSE_KEY_UNKNOWN] = {
        "key_unknown", TOKEN, 403, TEXT_TOKEN,
        "Add the access key to the key file that the location uses."
    },
    [DG_REFUSE_KEY_INACTIVE] = {
        "key_inactive", TOKEN, 403, TEXT_TOKEN,
        "The key is disabled, not valid yet or expired: see the key file."
    },
    [DG_REFUSE_KEY_REASON] = {
        "key_reason", "AccessDeniedException", 403,
        "The access key is for emergencies: sign a header X-Deskgate-Reason "
        "of 8 to 256 printable characters.",
        "Send X-Deskgate-Reason and list it in SignedHeaders; with the AWS "
        "CLI use another key."
    },
    [DG_REFUSE_KEY_REVOKED] = {
        "key_revoked", TOKEN, 403, TEXT_TOKEN,
        "The key stands in the revocation file."
    },
    [DG_REFUSE_SESSION_TOKEN] = {
        "session_token", TOKEN, 403, TEXT_TOKEN,
        "Send the session token that belongs to the access key."
    },
    [DG_REFUSE_SESSION_EXPIRED] = {
        "session_expired", "ExpiredTokenException", 403,
        "The security token included in the request is expired",
        "Fetch new temporary credentials."
    },
    [DG_REFUSE_SESSION_NOT_HERE] = {
        "session_not_here", "AccessDeniedException", 403, TEXT_DENIED,
        "The credentials were vended for other locations or services: see "
        "locations= and services= of the deskgate_vend that gave them."
    },
    [DG_REFUSE_SIGNATURE_MISMATCH] = {
        "signature_mismatch", SIGNATURE, 403, TEXT_SIGNATURE,
        "Compare with deskgate-sign; the error log holds the canonical "
        "request's hash, the header names and the received Host."
    },
    [DG_REFUSE_SIGNATURE_REPLAYED] = {
        "signature_replayed", SIGNATURE, 403,
        "The signature was already used. Sign each request anew.",
        "A client repeated a call without signing it again; "
        "deskgate_replay chooses what is remembered."
    },
    [DG_REFUSE_REPLAY_STORE_FULL] = {
        "replay_store_full", UNAVAILABLE, 503, TEXT_AWAY,
        "Give the deskgate_zone more memory."
    },

    [DG_REFUSE_TOKEN_MALFORMED] = {
        "token_malformed", TOKEN, 401, TEXT_TOKEN,
        "The bearer token is not of the form that the issuer is configured "
        "for."
    },
    [DG_REFUSE_TOKEN_ALGORITHM] = {
        "token_algorithm", TOKEN, 401, TEXT_TOKEN,
        "Add the token's algorithm to the issuer's algorithms, if it should "
        "be trusted."
    },
    [DG_REFUSE_TOKEN_KEY_UNKNOWN] = {
        "token_key_unknown", TOKEN, 401, TEXT_TOKEN,
        "No key of the issuer's JWKS has the token's kid and algorithm."
    },
    [DG_REFUSE_TOKEN_SIGNATURE] = {
        "token_signature", TOKEN, 401, TEXT_TOKEN,
        "The token was altered, or the JWKS holds another key under its kid."
    },
    [DG_REFUSE_TOKEN_ISSUER] = {
        "token_issuer", TOKEN, 401, TEXT_TOKEN,
        "The location names no deskgate_issuer with the token's iss."
    },
    [DG_REFUSE_TOKEN_AUDIENCE] = {
        "token_audience", TOKEN, 401, TEXT_TOKEN,
        "Request tokens for the audience that the issuer's block names."
    },
    [DG_REFUSE_TOKEN_EXPIRED] = {
        "token_expired", "ExpiredTokenException", 401,
        "The security token included in the request is expired",
        "Fetch a new token; check the clocks of issuer and gateway."
    },
    [DG_REFUSE_TOKEN_EARLY] = {
        "token_early", TOKEN, 401, TEXT_TOKEN,
        "Check the clocks of issuer and gateway; leeway is configurable."
    },
    [DG_REFUSE_TOKEN_CLAIM] = {
        "token_claim", TOKEN, 401, TEXT_TOKEN,
        "A claim that must be there is absent, of another type or says that"
        " this is no access token: docs/identity.md lists what is checked."
    },
    [DG_REFUSE_TOKEN_REVOKED] = {
        "token_revoked", TOKEN, 401, TEXT_TOKEN,
        "The token stands in the revocation list or its issuer says it is "
        "not active."
    },
    [DG_REFUSE_ISSUER_UNAVAILABLE] = {
        "issuer_unavailable", UNAVAILABLE, 503, TEXT_AWAY,
        "The issuer's keys or introspection cannot be reached; the error "
        "log says why."
    },
    [DG_REFUSE_CERTIFICATE_UNKNOWN] = {
        "certificate_unknown", "AccessDeniedException", 403,
        "The client certificate belongs to no caller.",
        "Name the certificate's SAN or whole subject in the "
        "deskgate_certificates that the location uses; the error log has "
        "both."
    },
    [DG_REFUSE_CERTIFICATE_REVOKED] = {
        "certificate_revoked", "AccessDeniedException", 403,
        "The client certificate belongs to no caller.",
        "The principal stands in the revocation file."
    },
    [DG_REFUSE_AUTHENTICATION_RATE] = {
        "authentication_rate", "ThrottlingException", 429, TEXT_RATE,
        "Too many failed authentications came from this address; find the "
        "client."
    },

    [DG_REFUSE_BODY_MALFORMED] = {
        "body_malformed", "SerializationException", 400,
        "The body of the request could not be parsed.",
        "Send well-formed JSON or CBOR in UTF-8, each name once."
    },
    [DG_REFUSE_BODY_INVALID] = {
        "body_invalid", "ValidationException", 400,
        "The input fails to satisfy the constraints of the operation.",
        "The message names member and constraint; deskgate_validate can let "
        "newer members and values through."
    },
    [DG_REFUSE_BODY_LIMIT] = {
        "body_limit", TOO_LARGE, 413,
        "The body of the request is larger or deeper than is accepted.",
        "Send fewer items or shorter values in one call."
    },
    [DG_REFUSE_CONTENT_TYPE] = {
        "content_type", "UnsupportedMediaTypeException", 415,
        "The Content-Type of the request is not the one of its protocol.",
        "Send application/x-amz-json-1.0 or -1.1, application/json or "
        "application/cbor as the protocol demands."
    },
    [DG_REFUSE_CONTENT_ENCODING] = {
        "content_encoding", "UnsupportedMediaTypeException", 415,
        "A Content-Encoding is not accepted.",
        "Send the body uncompressed: it must be inspected."
    },
    [DG_REFUSE_INPUT_UNREADABLE] = {
        "input_unreadable", "ValidationException", 400,
        "A text in the input could not be understood.",
        "A policy reads the permissions file or Requirements of the call; "
        "the message names item, line and what is wrong there."
    },

    [DG_REFUSE_DENIED_EXPLICIT] = {
        "denied_explicit", "AccessDeniedException", 403, TEXT_DENIED,
        "The record names the statement that denied; deskgate-policy "
        "explains it."
    },
    [DG_REFUSE_DENIED_IMPLICIT] = {
        "denied_implicit", "AccessDeniedException", 403, TEXT_DENIED,
        "No statement allows the call: add one for action, resource and "
        "principal."
    },
    [DG_REFUSE_NO_POLICY] = {
        "no_policy", "AccessDeniedException", 403, TEXT_DENIED,
        "Give the location a deskgate_policy."
    },
    [DG_REFUSE_FACTS_UNAVAILABLE] = {
        "facts_unavailable", UNAVAILABLE, 503, TEXT_AWAY,
        "A policy asks for facts of the resource and the lookup failed; the "
        "error log says why."
    },
    [DG_REFUSE_RESOURCE_DIFFERS] = {
        "resource_differs", "AccessDeniedException", 403,
        "The call says of the resource what is not so.",
        "The Owner in the call is not that of the session; leave it to "
        "DescribeSessions to say whose it is."
    },

    [DG_REFUSE_THROTTLED] = {
        "throttled", "ThrottlingException", 429, TEXT_RATE,
        "Slow down, or raise the bucket that the record names."
    },
    [DG_REFUSE_THROTTLE_FULL] = {
        "throttle_full", "ThrottlingException", 429, TEXT_RATE,
        "The table of buckets is full: give the deskgate_zone more memory."
    },
    [DG_REFUSE_THROTTLE_UNAVAILABLE] = {
        "throttle_unavailable", UNAVAILABLE, 503, TEXT_AWAY,
        "The shared limiter is away and the configuration says closed."
    },

    [DG_REFUSE_CREDENTIALS_UNAVAILABLE] = {
        "credentials_unavailable", UNAVAILABLE, 503, TEXT_AWAY,
        "The gateway has no valid credentials to sign with; the error log "
        "and deskgate_status say why."
    },
    [DG_REFUSE_ROLE_NONE] = {
        "role_none", "AccessDeniedException", 403,
        "No role rule of the gateway fits this caller.",
        "Add a rule for the caller to the deskgate_credentials block; a role "
        "that was asked for by name must be among those that fit."
    },
    [DG_REFUSE_ROLE_DENIED] = {
        "role_denied", "AccessDeniedException", 403,
        "STS does not let the gateway use the role for this caller.",
        "The error log has STS's code and message: look at the role's trust "
        "policy, the external id and the token's audience."
    },
    [DG_REFUSE_GRANT_REQUEST] = {
        "grant_request", MALFORMED, 400,
        "The request for a token lacks a parameter, has one twice or in the "
        "wrong place.",
        "The error log says which: grant_type may stand in the query, all "
        "else is a form in the body."
    },
    [DG_REFUSE_GRANT_TYPE] = {
        "grant_type", MALFORMED, 400,
        "The grant type is not supported.",
        "Use client_credentials or token exchange (RFC 8693)."
    },
    [DG_REFUSE_GRANT_NOT_OFFERED] = {
        "grant_not_offered", "AccessDeniedException", 400,
        "The client may not use this grant type.",
        "Add it to grants= of the location's deskgate_token."
    },
    [DG_REFUSE_GRANT_SCOPE] = {
        "grant_scope", MALFORMED, 400,
        "There are no scopes here; leave scope out.",
        "What a caller may do is in policies."
    },
    [DG_REFUSE_GRANT_TARGET] = {
        "grant_target", MALFORMED, 400,
        "The audience or resource is not served here.",
        "Ask for the audience of the deskgate_authority, or leave it out."
    },
    [DG_REFUSE_VENDED_AGAIN] = {
        "vended_again", "AccessDeniedException", 403,
        "Credentials are not vended for credentials that were vended here.",
        "Ask with the token or key that the first ones were vended for."
    },
    [DG_REFUSE_VEND_LIMIT] = {
        "vend_limit", "AccessDeniedException", 403,
        "The caller has too many claims and groups for vended credentials.",
        "Name the claims that policies need with claims= of deskgate_vend, "
        "or have the issuer put less into its tokens."
    },
    [DG_REFUSE_BROKER_TOKEN_UNAVAILABLE] = {
        "broker_token_unavailable", UNAVAILABLE, 503, TEXT_AWAY,
        "The broker's token endpoint gave no token; check client_id, secret "
        "file and the broker."
    },
    [DG_REFUSE_ZONE_FULL] = {
        "zone_full", UNAVAILABLE, 503, TEXT_AWAY,
        "Give the deskgate_zone more memory."
    },
    [DG_REFUSE_TRAIL_FAILING] = {
        "trail_failing", UNAVAILABLE, 503, TEXT_AWAY,
        "The trail cannot be written: check disk space and permissions of "
        "its directory."
    },
    [DG_REFUSE_SENT_DIFFERS] = {
        "sent_differs", "InternalFailure", 500, TEXT_INTERNAL,
        "What nginx was about to send is not what was signed: remove "
        "proxy_set_header, proxy_set_body or rewrites that change it."
    },
    [DG_REFUSE_UPSTREAM_INSECURE] = {
        "upstream_insecure", "InternalFailure", 500, TEXT_INTERNAL,
        "Include deskgate/proxy_tls.conf, use a loopback upstream, or write "
        "deskgate_insecure_upstream on."
    },
    [DG_REFUSE_ANSWER_UNREADABLE] = {
        "answer_unreadable", UNAVAILABLE, 502, TEXT_AWAY,
        "An answer in which addresses are to be replaced (connect of "
        "deskgate_broker), or a token that is passed through, is no JSON of "
        "the right form or too large; look at what the broker answers."
    },

    [DG_REFUSE_BAD_REQUEST] = {
        "bad_request", MALFORMED, 400,
        "The request is malformed.",
        "The error log has nginx's reason."
    },
    [DG_REFUSE_FORBIDDEN] = {
        "forbidden", "AccessDeniedException", 403, TEXT_DENIED,
        "An access rule of nginx refused the client."
    },
    [DG_REFUSE_NOT_FOUND] = {
        "not_found", "UnknownOperationException", 404,
        "The requested operation is not known.",
        "No location serves the path."
    },
    [DG_REFUSE_METHOD] = {
        "method", MALFORMED, 405,
        "The method of the request is not allowed.",
        "Use the method of the operation."
    },
    [DG_REFUSE_REQUEST_TIMEOUT] = {
        "request_timeout", "RequestTimeoutException", 408,
        "The request did not arrive in time.",
        "Check the network, or raise client_body_timeout."
    },
    [DG_REFUSE_BODY_TOO_LARGE] = {
        "body_too_large", TOO_LARGE, 413,
        "The body of the request is too large.",
        "Raise client_max_body_size if such a body is meant to pass."
    },
    [DG_REFUSE_TARGET_TOO_LONG] = {
        "target_too_long", MALFORMED, 414,
        "The target of the request is too long.",
        "Raise large_client_header_buffers if such a target is meant to "
        "pass."
    },
    [DG_REFUSE_RATE] = {
        "rate", "ThrottlingException", 429, TEXT_RATE,
        "A limit_req or limit_conn of nginx refused the call."
    },
    [DG_REFUSE_INTERNAL] = {
        "internal", "InternalFailure", 500, TEXT_INTERNAL,
        "The error log has the reason."
    },
    [DG_REFUSE_BAD_GATEWAY] = {
        "bad_gateway", UNAVAILABLE, 502, TEXT_AWAY,
        "The upstream could not be reached or answered nonsense; the error "
        "log has nginx's reason."
    },
    [DG_REFUSE_UNAVAILABLE] = {
        "unavailable", UNAVAILABLE, 503, TEXT_AWAY,
        "No upstream is live, or nginx refused for want of resources."
    },
    [DG_REFUSE_GATEWAY_TIMEOUT] = {
        "gateway_timeout", UNAVAILABLE, 504, TEXT_AWAY,
        "The upstream did not answer within proxy_read_timeout."
    }
};


const dg_refusal_info_t *
dg_refusal_info(dg_refusal_t refusal)
{
    if ((unsigned) refusal >= DG_REFUSAL_COUNT) {
        return &refusals[DG_REFUSE_INTERNAL];
    }

    return &refusals[refusal];
}


bool
dg_refusal_is_failed_authentication(dg_refusal_t refusal)
{
    switch (refusal) {

    case DG_REFUSE_KEY_UNKNOWN:
    case DG_REFUSE_KEY_INACTIVE:
    case DG_REFUSE_KEY_REVOKED:
    case DG_REFUSE_SESSION_TOKEN:
    case DG_REFUSE_SESSION_EXPIRED:
    case DG_REFUSE_SIGNATURE_MISMATCH:
    case DG_REFUSE_TOKEN_MALFORMED:
    case DG_REFUSE_TOKEN_ALGORITHM:
    case DG_REFUSE_TOKEN_KEY_UNKNOWN:
    case DG_REFUSE_TOKEN_SIGNATURE:
    case DG_REFUSE_TOKEN_ISSUER:
    case DG_REFUSE_TOKEN_AUDIENCE:
    case DG_REFUSE_TOKEN_EXPIRED:
    case DG_REFUSE_TOKEN_EARLY:
    case DG_REFUSE_TOKEN_CLAIM:
    case DG_REFUSE_TOKEN_REVOKED:
    case DG_REFUSE_CERTIFICATE_UNKNOWN:
    case DG_REFUSE_CERTIFICATE_REVOKED:
        return true;

    default:
        return false;
    }
}


dg_refusal_t
dg_refusal_from_status(unsigned status)
{
    unsigned  i;

    for (i = DG_REFUSE_BAD_REQUEST; i < DG_REFUSAL_COUNT; i++) {
        if (refusals[i].status == status) {
            return (dg_refusal_t) i;
        }
    }

    /* 494 to 497: nginx's own, all about what the client sent */

    if (status >= 400 && status < 500) {
        return status == 401 ? DG_REFUSE_CREDENTIALS_MISSING
                             : DG_REFUSE_BAD_REQUEST;
    }

    return DG_REFUSE_INTERNAL;
}
