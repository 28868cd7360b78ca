/*
 * The configuration of an issuer: see dg_issuer.h.  Whatever would make the
 * gateway accept tokens that are not meant for it is an error here.
 */

#include "dg_issuer.h"
#include "dg_text.h"

#define ACCOUNT_DIGITS  12


static bool
is_name(dg_span_t name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t  c = name.data[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
              || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
        {
            return false;
        }
    }

    return name.len > 0 && name.len <= DG_ISSUER_NAME_MAX
           && !dg_span_equal_nocase(name, DG_SPAN("aws"))
           && !dg_span_equal_nocase(name, DG_SPAN("deskgate"))
           && !dg_span_equal_nocase(name, DG_SPAN("dcv"));
}


static bool
is_account(dg_span_t account)
{
    uint64_t  number;

    return account.len == ACCOUNT_DIGITS && dg_span_to_u64(account, &number);
}


static bool
are_filled(const dg_span_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].len == 0) {
            return false;
        }
    }

    return true;
}


static bool
is_path(dg_span_t path)
{
    return path.len > 0 && path.len <= DG_ISSUER_CLAIM_PATH_MAX;
}


static dg_err_t
check_tags(const dg_issuer_t *issuer, dg_diag_t *diag)
{
    if (issuer->tag_count > DG_CALLER_TAGS_MAX) {
        return dg_diag(diag, DG_ERR_LIMIT, 0, 0,
                       "an issuer maps at most %d tags", DG_CALLER_TAGS_MAX);
    }

    for (size_t i = 0; i < issuer->tag_count; i++) {
        dg_span_t  tag = issuer->tags[i].tag;

        if (tag.len == 0 || tag.len > DG_ISSUER_TAG_KEY_MAX
            || !is_path(issuer->tags[i].claim))
        {
            return dg_diag(diag, DG_ERR_INVALID, 0, 0,
                           "a tag has a key of 1 to %d bytes and a claim of"
                           " 1 to %d", DG_ISSUER_TAG_KEY_MAX,
                           DG_ISSUER_CLAIM_PATH_MAX);
        }

        for (size_t k = 0; k < i; k++) {
            if (dg_span_equal_nocase(tag, issuer->tags[k].tag)) {
                return dg_diag(diag, DG_ERR_INVALID, 0, 0,
                               "tag \"%.*s\" is mapped twice",
                               (int) tag.len, (const char *) tag.data);
            }
        }
    }

    return DG_OK;
}


static dg_err_t
check_times(const dg_issuer_t *issuer, dg_diag_t *diag)
{
    if (issuer->leeway < 0 || issuer->leeway > DG_ISSUER_LEEWAY_MAX) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0,
                       "leeway is 0 to %d seconds", DG_ISSUER_LEEWAY_MAX);
    }

    if (issuer->max_age < 0 || issuer->max_age > DG_ISSUER_MAX_AGE_MAX) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0,
                       "max_age is 0 to %d seconds", DG_ISSUER_MAX_AGE_MAX);
    }

    return DG_OK;
}


static dg_err_t
check_identity(const dg_issuer_t *issuer, dg_diag_t *diag)
{
    if (!is_name(issuer->name)) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0,
                       "an issuer's name is 1 to %d of A-Za-z0-9._- and none"
                       " of aws, deskgate, dcv", DG_ISSUER_NAME_MAX);
    }

    if (issuer->url.len == 0) {
        return dg_diag(diag, DG_ERR_MISSING, 0, 0,
                       "the issuer's URL, as it stands in \"iss\", is"
                       " missing");
    }

    if (!is_account(issuer->account)) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0,
                       "an issuer's account is %d digits", ACCOUNT_DIGITS);
    }

    return DG_OK;
}


static dg_err_t
check_acceptance(const dg_issuer_t *issuer, dg_diag_t *diag)
{
    if (issuer->opaque_only) {
        if (issuer->algorithms != 0) {
            return dg_diag(diag, DG_ERR_INVALID, 0, 0,
                           "an issuer without keys has no algorithms");
        }

    } else if (issuer->algorithms == 0
               || (issuer->algorithms & ~DG_JWS_ANY_ALGORITHM) != 0)
    {
        return dg_diag(diag, DG_ERR_MISSING, 0, 0,
                       "an issuer names its signature algorithms, such as"
                       " RS256");
    }

    if (issuer->audience_count == 0 && issuer->client_id_count == 0) {
        return dg_diag(diag, DG_ERR_MISSING, 0, 0,
                       "an issuer names its audience, or for tokens without"
                       " one the client ids, else tokens meant for others"
                       " would be accepted");
    }

    if (!are_filled(issuer->audiences, issuer->audience_count)
        || !are_filled(issuer->client_ids, issuer->client_id_count)
        || !are_filled(issuer->parties, issuer->party_count))
    {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0,
                       "an audience, client id or party is empty");
    }

    return DG_OK;
}


/* DOMAIN\${claim}: every claim is named, and every brace closed. */
static bool
is_template(dg_span_t text)
{
    size_t     n = 0;
    dg_span_t  rest = text, literal, name;

    while (rest.len > 0) {
        if (!dg_text_next_name(&rest, &literal, &name)
            || (name.data != NULL && !is_path(name)))
        {
            return false;
        }

        n += name.data != NULL;
    }

    return n > 0 && text.len <= DG_ISSUER_DCV_USER_MAX
           && !dg_text_has_control(text);
}


static dg_err_t
check_names(const dg_issuer_t *issuer, dg_diag_t *diag)
{
    if (!is_path(issuer->subject_claim)
        || (issuer->groups_claim.len && !is_path(issuer->groups_claim))
        || (issuer->source_identity_claim.len
            && !is_path(issuer->source_identity_claim)))
    {
        return dg_diag(diag, DG_ERR_LIMIT, 0, 0,
                       "a claim's name is at most %d bytes",
                       DG_ISSUER_CLAIM_PATH_MAX);
    }

    if (issuer->dcv_user.len && !is_template(issuer->dcv_user)) {
        return dg_diag(diag, DG_ERR_INVALID, 0, 0,
                       "a name on DCV servers is made of at least one"
                       " ${claim}, in at most %d bytes",
                       DG_ISSUER_DCV_USER_MAX);
    }

    return DG_OK;
}


dg_err_t
dg_issuer_check_config(dg_issuer_t *issuer, dg_diag_t *diag)
{
    dg_err_t  err;

    if (!issuer->leeway_set) {
        issuer->leeway = DG_ISSUER_LEEWAY;
        issuer->leeway_set = true;
    }

    if (issuer->subject_claim.len == 0) {
        issuer->subject_claim = DG_SPAN("sub");
    }

    err = check_names(issuer, diag);

    if (err == DG_OK) {
        err = check_identity(issuer, diag);
    }

    if (err == DG_OK) {
        err = check_acceptance(issuer, diag);
    }

    if (err == DG_OK) {
        err = check_times(issuer, diag);
    }

    return err == DG_OK ? check_tags(issuer, diag) : err;
}
