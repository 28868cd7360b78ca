/*
 * An HTTP request by the curl command: see tool_http.h.
 */

#define _POSIX_C_SOURCE  200809L

#include "tool_http.h"

#include "tool.h"

#include "dg_crypto.h"
#include "dg_text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONFIG_MAX   ((size_t) 3 << 16)
#define STATUS_SIZE  3   /* digits at the end of curl's output */


/* True for http to this machine, as AWS SDKs have it. */
static bool
is_local(dg_span_t rest)
{
    static const char *const  hosts[] = { "localhost", "127.0.0.1", "[::1]" };
    dg_span_t                 host, after;

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        host = dg_span_cstr(hosts[i]);

        if (!dg_span_starts_with(rest, host)) {
            continue;
        }

        after = dg_span_slice(rest, host.len, rest.len);

        if (after.len == 0 || after.data[0] == ':' || after.data[0] == '/') {
            return true;
        }
    }

    return false;
}


static bool
is_safe(const char *url)
{
    dg_span_t  text = dg_span_cstr(url), http = DG_SPAN("http://");

    if (!dg_text_is_graphic(text)) {
        return false;
    }

    if (dg_span_starts_with(text, http)) {
        text = dg_span_slice(text, http.len, text.len);
        return is_local(text) && dg_span_find(text, '@') == text.len;
    }

    return dg_span_starts_with(text, DG_SPAN("https://"));
}


static void
write_quoted(dg_writer_t *w, dg_span_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\') {
            dg_write_char(w, '\\');
        }

        dg_write_char(w, (char) text.data[i]);
    }
}


static void
write_line(dg_writer_t *w, const char *name, const char *before,
    dg_span_t value)
{
    dg_write_cstr(w, name);
    dg_write_cstr(w, " = \"");
    dg_write_cstr(w, before);
    write_quoted(w, value);
    dg_write_cstr(w, "\"\n");
}


/* What curl reads from its standard input. */
static void
write_config(dg_writer_t *w, const tool_http_t *q)
{
    write_line(w, "url", "", dg_span_cstr(q->url));
    dg_write_cstr(w, "silent\nshow-error\nwrite-out = \"%{http_code}\"\n"
                  "header = \"Accept: application/json\"\nmax-time = ");
    dg_write_u64(w, TOOL_HTTP_SECONDS);
    dg_write_char(w, '\n');

    if (strncmp(q->url, "http:", 5) == 0) {
        write_line(w, "noproxy", "", DG_SPAN("*"));
    }

    if (q->cacert) {
        write_line(w, "cacert", "", dg_span_cstr(q->cacert));
    }

    if (q->bearer.len) {
        write_line(w, "header", "Authorization: Bearer ", q->bearer);
    }

    if (q->client_id) {
        dg_write_cstr(w, "user = \"");
        write_quoted(w, dg_span_cstr(q->client_id));
        dg_write_char(w, ':');
        write_quoted(w, q->client_secret);
        dg_write_cstr(w, "\"\n");
    }

    if (q->form) {
        write_line(w, "data", "", dg_span_cstr(q->form));
    }
}


static pid_t
start_curl(int in[2], int out[2])
{
    pid_t  pid = fork();

    if (pid != 0) {
        return pid;
    }

    if (dup2(in[0], STDIN_FILENO) >= 0 && dup2(out[1], STDOUT_FILENO) >= 0) {
        close(in[0]);
        close(in[1]);
        close(out[0]);
        close(out[1]);
        execlp("curl", "curl", "-q", "--config", "-", (char *) NULL);
    }

    _exit(127);
}


static bool
write_all(int fd, dg_span_t text)
{
    ssize_t  n;

    while (text.len) {
        n = write(fd, text.data, text.len);

        if (n < 0) {
            return false;
        }

        text = dg_span_slice(text, (size_t) n, text.len);
    }

    return true;
}


static bool
read_all(int fd, uint8_t *to, size_t room, size_t *len)
{
    ssize_t  n;

    for (*len = 0; *len < room; *len += (size_t) n) {
        n = read(fd, to + *len, room - *len);

        if (n <= 0) {
            return n == 0;
        }
    }

    return false;
}


static bool
talk(dg_span_t config, uint8_t *answer, size_t room, size_t *len)
{
    int    in[2], out[2], ended = -1;
    bool   good;
    pid_t  pid;

    if (pipe(in) != 0) {
        return false;
    }

    if (pipe(out) != 0) {
        close(in[0]);
        close(in[1]);
        return false;
    }

    signal(SIGPIPE, SIG_IGN);
    pid = start_curl(in, out);
    close(in[0]);
    close(out[1]);

    good = pid > 0 && write_all(in[1], config);
    close(in[1]);
    good = good && read_all(out[0], answer, room, len);
    close(out[0]);

    if (pid > 0 && waitpid(pid, &ended, 0) != pid) {
        return false;
    }

    if (pid > 0 && WIFEXITED(ended) && WEXITSTATUS(ended) == 127) {
        tool_complain("the command curl is not there: please install it");
    }

    return good && ended == 0;
}


bool
tool_http(const tool_http_t *request, dg_arena_t *arena, unsigned *status,
    dg_span_t *body)
{
    bool         good;
    size_t       len = 0;
    uint8_t      config[CONFIG_MAX];
    uint8_t     *answer = dg_arena_alloc(arena, TOOL_HTTP_ANSWER_MAX);
    uint64_t     number = 0;
    dg_writer_t  w = dg_writer(config, sizeof(config));

    if (!is_safe(request->url)) {
        tool_complain("%s: takes https, or http to this machine",
                      request->url);
        return false;
    }

    write_config(&w, request);
    good = answer != NULL && !w.overflow
           && talk(dg_written(&w), answer, TOOL_HTTP_ANSWER_MAX, &len)
           && len >= STATUS_SIZE
           && dg_span_to_u64(dg_span(answer + len - STATUS_SIZE,
                                     STATUS_SIZE), &number);
    dg_wipe(config, sizeof(config));

    if (!good) {
        tool_complain("%s: no answer", request->url);
        return false;
    }

    *status = (unsigned) number;
    *body = dg_span(answer, len - STATUS_SIZE);

    return true;
}
