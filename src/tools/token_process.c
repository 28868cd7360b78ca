/*
 * deskgate-token process: see token_process.h.
 */

#define _GNU_SOURCE

#include "token_process.h"

#include "dg_credentials.h"
#include "dg_crypto.h"
#include "dg_json.h"
#include "dg_profile.h"
#include "dg_time.h"
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wordexp.h>

#define OUTPUT_MAX     65536
#define PATH_SIZE       4096
#define REFRESH_PERCENT   80   /* of their life */
#define REFRESH_LEAST     10   /* seconds */
#define RETRY             10   /* seconds after a failure */
#define FILE_MODE       0640


static bool
find_command(const token_process_t *p, dg_span_t *command)
{
    char          path[PATH_SIZE] = "";
    const char   *home = getenv("HOME");
    dg_diag_t     diag = { 0 };
    dg_span_t     text;
    dg_profile_t  profile;

    if (p->config == NULL) {
        if (home == NULL || snprintf(path, sizeof(path), "%s/.aws/config",
                                     home) >= (int) sizeof(path))
        {
            tool_complain("there is no HOME: name the file with --config");
            return false;
        }
    }

    if (!tool_read(p->config ? p->config : path, DG_PROFILE_TEXT, &text)) {
        return false;
    }

    if (dg_profile_load(text, DG_SPAN(""), dg_span_cstr(p->profile), &profile,
                        NULL, &diag)
        != DG_OK)
    {
        tool_complain("%s:%u: %s", p->config ? p->config : path, diag.line,
                      diag.text);
        return false;
    }

    if (profile.credential_process.len == 0) {
        tool_complain("profile \"%s\" has no credential_process", p->profile);
        return false;
    }

    *command = profile.credential_process;
    return true;
}


/* As SDKs do: words and quotes, and no shell. */

static bool
split_command(dg_span_t command, wordexp_t *words)
{
    char  *text = strndup((const char *) command.data, command.len);
    int    rc;

    if (text == NULL) {
        return false;
    }

    rc = wordexp(text, words, WRDE_NOCMD | WRDE_UNDEF);
    free(text);

    if (rc != 0 || words->we_wordc == 0) {
        tool_complain("credential_process is written in a way that needs a "
                      "shell: put it into a script");
        return false;
    }

    return true;
}


static bool
read_all(int fd, char *output, size_t *len)
{
    ssize_t  n;

    *len = 0;

    while (*len < OUTPUT_MAX) {
        n = read(fd, output + *len, OUTPUT_MAX - *len);

        if (n == 0) {
            return true;
        }

        if (n < 0 && errno != EINTR) {
            return false;
        }

        *len += n > 0 ? (size_t) n : 0;
    }

    return false;
}


/* Its output; what it says on stderr goes where ours does. */

static bool
run_command(const wordexp_t *words, char *output, size_t *len)
{
    int    fds[2], status = 0;
    bool   whole;
    pid_t  pid;

    if (pipe2(fds, O_CLOEXEC) != 0) {
        tool_complain("pipe: %s", strerror(errno));
        return false;
    }

    pid = fork();

    if (pid == 0) {
        if (dup2(fds[1], STDOUT_FILENO) >= 0) {
            (void) execvp(words->we_wordv[0], words->we_wordv);
        }

        _exit(127);
    }

    (void) close(fds[1]);
    whole = pid > 0 && read_all(fds[0], output, len);
    (void) close(fds[0]);

    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        /* again */
    }

    if (!whole || status != 0) {
        tool_complain("%s ended with status %d", words->we_wordv[0],
                      WIFEXITED(status) ? WEXITSTATUS(status) : -1);
        return false;
    }

    return true;
}


static bool
complain_output(const char *text)
{
    tool_complain("the output of credential_process %s", text);
    return false;
}


static bool
parse_output(dg_arena_t *arena, dg_span_t output, dg_credentials_t *c)
{
    dg_span_t         expiration;
    const char       *reason;
    const dg_json_t  *root, *version;

    memset(c, 0, sizeof(dg_credentials_t));

    if (dg_json_parse(arena, output, NULL, NULL, &root) != DG_OK) {
        return complain_output("is not JSON");
    }

    version = dg_json_member(root, DG_SPAN("Version"));

    if (version == NULL || !dg_span_equal(version->text, DG_SPAN("1"))) {
        return complain_output("has no Version 1");
    }

    if (!dg_json_string(root, DG_SPAN("AccessKeyId"), &c->access_key_id)
        || !dg_json_string(root, DG_SPAN("SecretAccessKey"),
                           &c->secret_access_key))
    {
        return complain_output("has no AccessKeyId and SecretAccessKey");
    }

    (void) dg_json_string(root, DG_SPAN("SessionToken"), &c->session_token);

    reason = dg_credentials_reason(c);

    if (reason) {
        tool_complain("the output of credential_process: %s", reason);
        return false;
    }

    if (dg_json_string(root, DG_SPAN("Expiration"), &expiration)
        && dg_time_parse_iso(expiration, &c->expires_at, NULL) != DG_OK)
    {
        return complain_output("has an Expiration that is no time");
    }

    return true;
}


static void
write_text(dg_writer_t *w, const char *profile, const dg_credentials_t *c)
{
    dg_write_char(w, '[');
    dg_write_cstr(w, profile);
    dg_write_cstr(w, "]\naws_access_key_id = ");
    dg_write_span(w, c->access_key_id);
    dg_write_cstr(w, "\naws_secret_access_key = ");
    dg_write_span(w, c->secret_access_key);

    if (c->session_token.len) {
        dg_write_cstr(w, "\naws_session_token = ");
        dg_write_span(w, c->session_token);
    }

    if (c->expires_at) {
        dg_write_cstr(w, "\naws_credential_expiration = ");
        dg_time_write_iso(w, c->expires_at);
    }

    dg_write_char(w, '\n');
}


/* Nobody reads half of it: the new file takes the old one's name. */

static bool
replace_file(const char *path, dg_span_t text)
{
    int   fd;
    char  name[PATH_SIZE];
    bool  good;

    if (snprintf(name, sizeof(name), "%s.%ld", path, (long) getpid())
        >= (int) sizeof(name))
    {
        tool_complain("the name of the file is too long");
        return false;
    }

    fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);

    if (fd < 0) {
        tool_complain("%s: %s", name, strerror(errno));
        return false;
    }

    good = write(fd, text.data, text.len) == (ssize_t) text.len
           && fchmod(fd, FILE_MODE) == 0 && fsync(fd) == 0;
    good = close(fd) == 0 && good;

    if (!good || rename(name, path) != 0) {
        tool_complain("%s: %s", path, strerror(errno));
        (void) unlink(name);
        return false;
    }

    return true;
}


/* Once: *expires is when they end, 0 for never. */

static bool
renew(const token_process_t *p, const wordexp_t *words, int64_t *expires)
{
    static char       output[OUTPUT_MAX];
    static char       text[DG_CREDENTIALS_PACKED + 512];
    static uint8_t    memory[4 * OUTPUT_MAX];
    bool              good;
    size_t            len = 0;
    dg_arena_t        arena;
    dg_writer_t       w = dg_writer(text, sizeof(text));
    dg_credentials_t  c;

    dg_arena_init(&arena, memory, sizeof(memory));

    good = run_command(words, output, &len)
           && parse_output(&arena, dg_span(output, len), &c);

    if (good) {
        write_text(&w, p->profile, &c);
        *expires = c.expires_at;
        good = !w.overflow && replace_file(p->file, dg_written(&w));
    }

    dg_wipe(output, sizeof(output));
    dg_wipe(memory, sizeof(memory));
    dg_wipe(text, sizeof(text));

    return good;
}


static unsigned
pause_before(int64_t expires)
{
    int64_t  life = (expires - (int64_t) time(NULL)) * REFRESH_PERCENT / 100;

    return life > REFRESH_LEAST ? (unsigned) life : REFRESH_LEAST;
}


int
token_process(const token_process_t *p)
{
    bool       good;
    int64_t    expires = 0;
    dg_span_t  command;
    wordexp_t  words;

    if (!find_command(p, &command) || !split_command(command, &words)) {
        return TOOL_REFUSED;
    }

    good = renew(p, &words, &expires);

    while (!p->once && (!good || expires)) {
        (void) sleep(good ? pause_before(expires) : RETRY);
        good = renew(p, &words, &expires);
    }

    wordfree(&words);

    return good ? TOOL_OK : TOOL_REFUSED;
}
