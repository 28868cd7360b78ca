/*
 * userIdentity: see the CloudTrail User Guide, "CloudTrail userIdentity
 * element".  The form follows the caller's ARN; a caller without a form of
 * AWS's own is a WebIdentityUser when an issuer vouches for it.
 */

#include "dg_record_text.h"
#include "dg_time.h"


/* arn:PARTITION:SERVICE:REGION:ACCOUNT:KIND/NAME/REST */
typedef struct {
    dg_span_t  partition;
    dg_span_t  service;
    dg_span_t  account;
    dg_span_t  kind;
    dg_span_t  name;  /* up to the next slash */
    dg_span_t  last;  /* behind the last slash */
} identity_arn_t;


static bool
identity_parse(dg_span_t arn, identity_arn_t *parts)
{
    dg_span_t  rest = arn, scheme, region;

    if (!dg_span_split(&rest, ':', &scheme)
        || !dg_span_equal(scheme, DG_SPAN("arn"))
        || !dg_span_split(&rest, ':', &parts->partition)
        || !dg_span_split(&rest, ':', &parts->service)
        || !dg_span_split(&rest, ':', &region)
        || !dg_span_split(&rest, ':', &parts->account)
        || rest.data == NULL)
    {
        return false;
    }

    parts->last = dg_span_slice(rest, dg_span_find_last(rest, '/') + 1,
                                rest.len);
    parts->kind = DG_SPAN_EMPTY;
    parts->name = DG_SPAN_EMPTY;

    (void) dg_span_split(&rest, '/', &parts->kind);
    (void) dg_span_split(&rest, '/', &parts->name);

    return true;
}


static bool
identity_is(const identity_arn_t *arn, dg_span_t service, dg_span_t kind)
{
    return dg_span_equal(arn->service, service)
           && dg_span_equal(arn->kind, kind);
}


static void
identity_type(dg_writer_t *w, dg_span_t type)
{
    RECORD_NAME(w, "type");
    dg_record_string(w, type);
}


static void
identity_principal(dg_writer_t *w, const dg_caller_t *caller)
{
    RECORD_TEXT(w, "principalId", caller->user_id);
    RECORD_TEXT(w, "arn", caller->arn);
    RECORD_TEXT(w, "accountId", caller->account);
    RECORD_TEXT(w, "accessKeyId", caller->access_key_id);
}


static void
identity_user(dg_writer_t *w, const dg_caller_t *caller, dg_span_t type,
    dg_span_t name)
{
    identity_type(w, type);
    identity_principal(w, caller);
    RECORD_TEXT(w, "userName", name);
}


static void
identity_session_issuer(dg_writer_t *w, const dg_caller_t *caller,
    const identity_arn_t *arn)
{
    uint8_t      text[DG_RECORD_TEXT_MAX];
    dg_writer_t  role = dg_writer(text, sizeof(text));

    dg_write_cstr(&role, "arn:");
    dg_write_span(&role, arn->partition);
    dg_write_cstr(&role, ":iam::");
    dg_write_span(&role, arn->account);
    dg_write_cstr(&role, ":role/");
    dg_write_span(&role, arn->name);

    RECORD_NAME(w, "sessionIssuer");
    RECORD_LITERAL(w, "{\"type\":\"Role\"");
    RECORD_TEXT(w, "principalId",
                dg_span_slice(caller->user_id, 0,
                              dg_span_find(caller->user_id, ':')));

    if (!role.overflow) {
        RECORD_TEXT(w, "arn", dg_written(&role));
    }

    RECORD_TEXT(w, "accountId", arn->account);
    RECORD_TEXT(w, "userName", arn->name);
    dg_write_char(w, '}');
}


static void
identity_assumed_role(dg_writer_t *w, const dg_caller_t *caller,
    const identity_arn_t *arn)
{
    identity_type(w, DG_SPAN("AssumedRole"));
    identity_principal(w, caller);

    RECORD_NAME(w, "sessionContext");
    dg_write_char(w, '{');
    identity_session_issuer(w, caller, arn);

    RECORD_NAME(w, "attributes");
    dg_write_char(w, '{');

    if (caller->issued_at > 0) {
        RECORD_NAME(w, "creationDate");
        dg_write_char(w, '"');
        dg_time_write_iso(w, caller->issued_at);
        dg_write_char(w, '"');
    }

    RECORD_NAME(w, "mfaAuthenticated");
    RECORD_LITERAL(w, "\"false\"}}");
}


static void
identity_web(dg_writer_t *w, const dg_caller_t *caller)
{
    identity_type(w, DG_SPAN("WebIdentityUser"));
    RECORD_TEXT(w, "principalId", caller->user_id);
    RECORD_TEXT(w, "accessKeyId", caller->access_key_id);
    RECORD_TEXT(w, "userName", caller->subject);
    RECORD_TEXT(w, "credentialId", caller->token_id);
    RECORD_TEXT(w, "identityProvider",
                caller->issuer_url.len ? caller->issuer_url
                                       : caller->issuer);
}


static void
identity_verified(dg_writer_t *w, const dg_caller_t *caller)
{
    dg_span_t       name = caller->user_name;
    identity_arn_t  arn;

    if (identity_parse(caller->arn, &arn)) {
        if (identity_is(&arn, DG_SPAN("sts"), DG_SPAN("assumed-role"))) {
            identity_assumed_role(w, caller, &arn);
            return;
        }

        if (identity_is(&arn, DG_SPAN("sts"), DG_SPAN("federated-user"))) {
            identity_user(w, caller, DG_SPAN("FederatedUser"),
                          DG_SPAN_EMPTY);
            return;
        }

        if (identity_is(&arn, DG_SPAN("iam"), DG_SPAN("root"))) {
            identity_user(w, caller, DG_SPAN("Root"), DG_SPAN_EMPTY);
            return;
        }

        if (identity_is(&arn, DG_SPAN("iam"), DG_SPAN("user"))) {
            identity_user(w, caller, DG_SPAN("IAMUser"),
                          name.len ? name : arn.last);
            return;
        }
    }

    if (caller->kind == DG_CALLER_CERTIFICATE) {
        identity_user(w, caller, DG_SPAN("Unknown"), caller->subject);
        return;
    }

    if (caller->issuer.len || caller->issuer_url.len) {
        identity_web(w, caller);
        return;
    }

    identity_user(w, caller,
                  caller->kind == DG_CALLER_KEY ? DG_SPAN("IAMUser")
                                                : DG_SPAN("Unknown"),
                  name);
}


void
dg_record_identity(dg_writer_t *w, const dg_caller_t *caller)
{
    dg_write_char(w, '{');

    if (caller != NULL && caller->verified) {
        identity_verified(w, caller);

    } else {
        identity_type(w, DG_SPAN("Unknown"));
    }

    dg_write_char(w, '}');
}
