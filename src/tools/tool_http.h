/*
 * One HTTP request of a tool, made by the curl command: its TLS, its list of
 * authorities and its proxies are what the person has already.  Everything
 * goes to it through a pipe, so that no secret stands in a list of processes.
 */

#ifndef TOOL_HTTP_H
#define TOOL_HTTP_H

#include "dg_arena.h"

#define TOOL_HTTP_ANSWER_MAX  131072  /* bytes of an answer */
#define TOOL_HTTP_SECONDS     20

typedef struct {
    const char  *url;            /* https, or http to this machine */
    const char  *cacert;         /* PEM file, or NULL: the system's */
    const char  *client_id;      /* Basic authentication, or NULL */
    dg_span_t    client_secret;
    dg_span_t    bearer;         /* Authorization: Bearer, or empty */
    const char  *form;           /* body of a POST; NULL: a GET */
} tool_http_t;


/*
 * Sends it and waits.  *body is in the arena.  False, with a line on stderr,
 * for a URL that secrets must not be sent to, and when there is no answer.
 */
bool tool_http(const tool_http_t *request, dg_arena_t *arena,
    unsigned *status, dg_span_t *body);

#endif
