/*
 * Copyright (C) the deskgate authors
 *
 * The headers that go upstream.  Proxy's loop does not skip an entry whose
 * hash is 0, so what must not leave has to be out of the list: a new list is
 * built of what is kept, and ours are added to it as one set.
 */

#include "ngx_http_deskgate.h"


typedef struct {
    ngx_str_t   name;
    ngx_uint_t  prefix;
} ngx_http_deskgate_header_rule_t;


static ngx_uint_t ngx_http_deskgate_header_matches(const ngx_str_t *key,
    const ngx_http_deskgate_header_rule_t *rules);
static ngx_inline ngx_uint_t ngx_http_deskgate_header_is(const ngx_str_t *key,
    const ngx_str_t *name, ngx_uint_t prefix);


/*
 * Underscores in a received name count as dashes: who reads names as CGI
 * does cannot tell them apart.
 */

static const ngx_http_deskgate_header_rule_t
    ngx_http_deskgate_headers_removed[] =
{
    { ngx_string("authorization"), 0 },
    { ngx_string("proxy-authorization"), 0 },
    { ngx_string("cookie"), 0 },
    { ngx_string("x-amz-"), 1 },
    { ngx_string("x-deskgate-"), 1 },

    /* proxy says the length of what it sends */
    { ngx_string("content-length"), 0 },
    { ngx_string("transfer-encoding"), 0 },

    /* a connection handed over would carry what nobody judged */
    { ngx_string("upgrade"), 0 },

    /* identity of the client, which a proxy in front may set, not a client */
    { ngx_string("forwarded"), 0 },
    { ngx_string("via"), 0 },
    { ngx_string("x-forwarded-"), 1 },
    { ngx_string("x-real-ip"), 0 },
    { ngx_string("x-client-"), 1 },
    { ngx_string("x-remote-"), 1 },
    { ngx_string("x-ssl-"), 1 },
    { ngx_string("x-original-"), 1 },
    { ngx_string("x-rewrite-url"), 0 },
    { ngx_string("x-http-method"), 1 },

    /* a compressed answer could be neither inspected nor recorded */
    { ngx_string("accept-encoding"), 0 },
    { ngx_string("range"), 0 },
    { ngx_string("if-range"), 0 },
    { ngx_null_string, 0 }
};

static const ngx_str_t  ngx_http_deskgate_headers_kept[] = {
    ngx_string("x-amz-target"),
    ngx_string("x-amz-user-agent"),
    ngx_null_string
};


/*
 * Replaces the request's headers by those of the received ones that may go
 * upstream, and `set`, of which none is left from the client.
 */

ngx_int_t
ngx_http_deskgate_headers_replace(ngx_http_request_t *r,
    const ngx_http_deskgate_header_t *set, ngx_uint_t count)
{
    ngx_uint_t        i, j;
    ngx_list_t        list;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *header;

    if (ngx_list_init(&list, r->pool, 24, sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (!ngx_http_deskgate_header_goes_upstream(&header[i].key)) {
                continue;
            }

            for (j = 0; j < count; j++) {
                if (ngx_http_deskgate_header_is(&header[i].key, &set[j].name,
                                                0))
                {
                    break;
                }
            }

            if (j < count) {
                continue;
            }

            h = ngx_list_push(&list);
            if (h == NULL) {
                return NGX_ERROR;
            }

            *h = header[i];
        }
    }

    r->headers_in.headers = list;

    /* init left `last` pointing into the local variable */
    if (list.last == &list.part) {
        r->headers_in.headers.last = &r->headers_in.headers.part;
    }

    r->headers_in.authorization = NULL;
    r->headers_in.upgrade = NULL;
    ngx_http_deskgate_forget_forwarded(r);

    for (j = 0; j < count; j++) {
        if (ngx_http_deskgate_header_push(r, &set[j].name, &set[j].value)
            == NULL)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_deskgate_header_goes_upstream(const ngx_str_t *key)
{
    const ngx_str_t  *kept;

    for (kept = ngx_http_deskgate_headers_kept; kept->len; kept++) {
        if (key->len == kept->len
            && ngx_strncasecmp(key->data, kept->data, kept->len) == 0)
        {
            return 1;
        }
    }

    return !ngx_http_deskgate_header_matches(key,
                                          ngx_http_deskgate_headers_removed);
}


static ngx_uint_t
ngx_http_deskgate_header_matches(const ngx_str_t *key,
    const ngx_http_deskgate_header_rule_t *rules)
{
    const ngx_http_deskgate_header_rule_t  *rule;

    for (rule = rules; rule->name.len; rule++) {
        if (ngx_http_deskgate_header_is(key, &rule->name, rule->prefix)) {
            return 1;
        }
    }

    return 0;
}


static ngx_inline ngx_uint_t
ngx_http_deskgate_header_is(const ngx_str_t *key, const ngx_str_t *name,
    ngx_uint_t prefix)
{
    u_char  c;
    size_t  i;

    if (key->len < name->len || (key->len != name->len && !prefix)
        || ((key->data[0] ^ name->data[0]) & 0xdf) != 0)
    {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        c = key->data[i] == '_' ? '-' : ngx_tolower(key->data[i]);

        if (c != ngx_tolower(name->data[i])) {
            return 0;
        }
    }

    return 1;
}


/*
 * When nobody needs them any more: credentials are no variable then that a
 * log or a header of the answer could show.
 */

void
ngx_http_deskgate_headers_hide(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    static const ngx_http_deskgate_header_rule_t  secret[] = {
        { ngx_string("authorization"), 0 },
        { ngx_string("x-amz-security-token"), 0 },
        { ngx_null_string, 0 }
    };

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (ngx_http_deskgate_header_matches(&header[i].key, secret)) {
                header[i].hash = 0;
            }
        }
    }
}
