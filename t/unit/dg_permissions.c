/*
 * Permissions files: who may get which features, and what is unreadable.
 */

#include "tap.h"

#include "dg_permissions.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY  (4 * 1024 * 1024)

static uint8_t                  memory[MEMORY];
static const dg_permissions_t  *file;


static dg_err_t
parse(dg_span_t text, dg_diag_t *diag)
{
    dg_arena_t  arena;

    dg_arena_init(&arena, memory, sizeof(memory));
    *diag = (dg_diag_t) { 0, 0, "" };
    return dg_permissions_parse(&arena, text, diag, &file);
}


/* On one line, for names of checks. */
static const char *
shown(const char *text)
{
    static char  out[4096];

    (void) snprintf(out, sizeof(out), "%s", text);

    for (char *c = out; *c; c++) {
        *c = (unsigned char) *c < ' ' || (unsigned char) *c > '~' ? '|' : *c;
    }

    return out;
}


static void
is_list(const dg_span_t *list, size_t count, const char *wanted,
    const char *what)
{
    static char  out[8192];
    dg_writer_t  w = dg_writer(out, sizeof(out));

    for (size_t i = 0; i < count; i++) {
        if (i) {
            dg_write_char(&w, ' ');
        }

        dg_write_span(&w, list[i]);
    }

    is_text(dg_written(&w), wanted, "%s", what);
}


/* The text is what stands under [permissions]. */
static void
gives(const char *text, const char *features, const char *shared,
    const char *actors)
{
    char       whole[4096];
    dg_diag_t  diag;

    (void) snprintf(whole, sizeof(whole), "%s%s",
                    strchr(text, '[') ? "" : "[permissions]\n", text);

    if (!ok(parse(dg_span_cstr(whole), &diag) == DG_OK, "read: %s",
            shown(text)))
    {
        printf("# line %u: %s\n", diag.line, diag.text);
        return;
    }

    is_list(file->features, file->feature_count, features, "features");
    is_list(file->shared, file->shared_count, shared, "shared");
    is_list(file->actors, file->actor_count, actors, "actors");
}


static void
unreadable(const char *text, unsigned line, const char *says)
{
    dg_diag_t  diag;

    ok(parse(dg_span_cstr(text), &diag) != DG_OK, "unreadable: %s",
       shown(text));
    ok(file == NULL, "nothing is given");
    is_int(diag.line, line, "line");

    if (!ok(strstr(diag.text, says) != NULL, "the words: %s", says)) {
        printf("# %s\n", diag.text);
    }
}

#define ALL                                                                   \
    "audio-in audio-out clipboard-copy clipboard-paste display "              \
    "extensions-client extensions-server file-download file-upload gamepad "  \
    "keyboard keyboard-sas mouse pointer printer screenshot smartcard "       \
    "stylus touch unsupervised-access usb webcam webauthn-redirection"


static void
test_rules(void)
{
    gives("", "", "", "");
    gives("%owner% allow builtin", ALL, "", "%owner%");
    gives("ann allow display mouse", "display mouse", "display mouse", "ann");
    gives("user:ann allow display,mouse", "display mouse", "display mouse",
          "ann");
    gives("%owner% allow display\nosgroup:x allow printer",
          "display printer", "printer", "%owner% osgroup:x");
    gives("%OWNER% allow display", "display", "display", "%OWNER%");
    gives("%Any% allow display", "display", "display", "%any%");
    gives("ann deny display", "", "", "");
    gives("ann allow display mouse\nann disallow mouse", "display",
          "display", "ann");
    gives("ann disallow mouse\nann allow display mouse", "display mouse",
          "display mouse", "ann");
    gives("ann deny mouse\nann allow display mouse", "display", "display",
          "ann");
    gives("ann allow mouse\nann deny mouse", "", "", "");
    gives("ann allow mouse\nbob deny mouse", "mouse", "mouse", "ann");
    gives("%owner% allow builtin\n%any% disallow builtin\nann allow mouse",
          "mouse", "mouse", "ann");
    gives("%any% deny printer\n%owner% allow printer display", "display", "",
          "%owner%");
    gives("%owner% allow printer\n%any% disallow printer\n%owner% allow "
          "printer", "printer", "", "%owner%");
    gives("ann allow builtin\nann disallow " ALL, "", "", "");
}


static void
test_names(void)
{
    gives("[aliases]\nfiles = file-upload, file-download\nmore=files,usb\n"
          "[permissions]\nann allow more", "file-download file-upload usb",
          "file-download file-upload usb", "ann");
    gives("[permissions]\nann allow a\n[aliases]\na=mouse", "mouse", "mouse",
          "ann");
    gives("[aliases]\na=builtin\n[permissions]\n%owner% allow a", ALL, "",
          "%owner%");
    gives("ann allow hologram", ALL " hologram", ALL " hologram", "ann");
    gives("[aliases]\na=files\n[permissions]\nann allow a", ALL " files",
          ALL " files", "ann");
    gives("ann deny hologram\nann allow display", "display", "display",
          "ann");
    gives("%owner% allow builtin\nann allow display\n%any% deny hologram",
          ALL, "display", "%owner% ann");
    gives("[groups]\ng = ann, user:bob,group:h , DOM\\carl\n"
          "group:h=group:g, osgroup:Domain Users,%any%\n"
          "unused=zoe\n[permissions]\ngroup:g allow mouse", "mouse", "mouse",
          "group:g ann bob group:h osgroup:Domain Users %any% DOM\\carl");
    gives("[groups]\ng=ann\n[permissions]\ngroup:g deny mouse", "", "", "");
}


static void
test_form(void)
{
    dg_diag_t  diag;

    gives("\xef\xbb\xbf; a comment\r\n\t[permissions]\r\n# another\r\n"
          "  ann\tallow  display \r\n", "display", "display", "ann");

    is_int(parse(DG_SPAN("#import ../a b.file\n[permissions]\n"
                         "# Import c:\\x\n#imported\n#importance\n"),
                 &diag), DG_OK, "imports");
    is_list(file->imports, file->import_count,
            "../a b.file c:\\x ed ance", "in any spelling");
    is_int(parse(DG_SPAN(""), &diag), DG_OK, "nothing");
    is_int(file->import_count, 0, "imports nothing");

    unreadable("ann allow display", 1, "before the first section");
    unreadable("[Permissions]\n", 1, "[permissions]");
    unreadable("[permissions] x\n", 1, "[permissions]");
    unreadable("#import\n", 1, "without a path");
    unreadable("[permissions]\nann\n", 2, "ACTOR RULE FEATURE");
    unreadable("[permissions]\nann Allow display\n", 2, "allow, disallow");
    unreadable("[permissions]\nann permit display\n", 2, "allow, disallow");
    unreadable("[permissions]\nann allow \"display\"\n", 2, "letters");
    unreadable("[permissions]\nann allow display ; now\n", 2, "letters");
    unreadable("[permissions]\nann allow Display\n", 2, "two cases");
    unreadable("[permissions]\nann allow x\nann deny X\n", 3, "two cases");
    unreadable("[permissions]\nann allow mouse\\\n", 2, "backslash");
    unreadable("[permissions]\nann allow mouse\rbob allow usb\n", 2,
               "control character");
    unreadable("[permissions]\nann allow mouse\v\n", 2, "control character");
    unreadable("[permissions]\n\xff\n", 0, "UTF-8");
    unreadable("[aliases]\na\n", 2, "NAME=MEMBER");
    unreadable("[aliases]\n=a\n", 2, "NAME=MEMBER");
    unreadable("[aliases]\na b=c\n", 2, "letters");
    unreadable("[aliases]\na=mouse\nA=usb\n", 3, "twice");
    unreadable("[groups]\ng=a\ngroup:g=b\n", 3, "twice");
    unreadable("[aliases]\nmouse=usb\n", 2, "name of a feature");
    unreadable("[aliases]\nBuiltin=usb\n", 2, "name of a feature");
    unreadable("[aliases]\na=b\nb=a\n[permissions]\nann allow a\n", 2,
               "circle");
    unreadable("[aliases]\na=mouse\n[permissions]\nann allow A\n", 4,
               "two cases");
}


/* count times a line, after the head */
static void
repeated(const char *head, const char *line, unsigned count, dg_err_t wanted,
    const char *name)
{
    char         *text = malloc(2 * DG_PERMISSIONS_TEXT_MAX);
    dg_writer_t   w = dg_writer(text, 2 * DG_PERMISSIONS_TEXT_MAX);
    dg_diag_t     diag;
    char          numbered[256];

    dg_write_cstr(&w, head);

    for (unsigned i = 0; i < count; i++) {
        (void) snprintf(numbered, sizeof(numbered), line, i, i + 1);
        dg_write_cstr(&w, numbered);
    }

    is_int(parse(dg_written(&w), &diag), wanted, "%s: %s", name, diag.text);
    free(text);
}


static void
test_limits(void)
{
    repeated("[permissions]\n", "u%u allow mouse\n", 1024, DG_OK, "lines");
    repeated("[permissions]\n", "u%u allow mouse\n", 1025, DG_ERR_LIMIT,
             "lines");
    repeated("[groups]\n", "g%u=x\n", 1024, DG_OK, "groups");
    repeated("[groups]\n", "g%u=x\n", 1025, DG_ERR_LIMIT, "groups");
    repeated("[groups]\ng=a", ",u%u", 4095, DG_OK, "members");
    repeated("[groups]\ng=a", ",u%u", 4096, DG_ERR_LIMIT, "members");
    repeated("[permissions]\na allow", " f%u", 233, DG_OK, "features");
    repeated("[permissions]\na allow", " f%u", 234, DG_ERR_LIMIT,
             "features");
    repeated("", "#import %u\n", 64, DG_OK, "imports");
    repeated("", "#import %u\n", 65, DG_ERR_LIMIT, "imports");
    repeated("[permissions]\na allow a0\n[aliases]\n", "a%u=a%u\n", 31,
             DG_OK, "aliases in aliases");
    repeated("[permissions]\na allow a0\n[aliases]\n", "a%u=a%u\n", 33,
             DG_ERR_LIMIT, "aliases in aliases");
    repeated("[permissions]\ngroup:0 allow usb\n[groups]\n",
             "%u=group:%u\n", 33, DG_OK, "groups in groups");
    repeated("[permissions]\ngroup:0 allow usb\n[groups]\n",
             "%u=group:%u\n", 34, DG_ERR_LIMIT, "groups in groups");
    repeated("", ";%06u\n", 8192, DG_OK, "text");
    repeated("", ";%06u\n", 8193, DG_ERR_LIMIT, "text");
}


static void
test_memory(void)
{
    dg_arena_t  arena;
    dg_diag_t   diag;
    dg_err_t    err = DG_ERR_MEMORY;
    dg_span_t   text = DG_SPAN("[groups]\ng=ann\n[aliases]\na=usb\n"
                               "[permissions]\ngroup:g allow a\n");
    unsigned    failed = 0;

    for (size_t size = 0; size < 64 * 1024; size += 64) {
        dg_arena_init(&arena, memory, size);
        err = dg_permissions_parse(&arena, text, &diag, &file);
        failed += err == DG_ERR_MEMORY && file == NULL;

        if (err == DG_OK) {
            break;
        }
    }

    is_int(err, DG_OK, "enough memory");
    ok(failed > 20, "with less there is none");
}


int
main(void)
{
    test_rules();
    test_names();
    test_form();
    test_limits();
    test_memory();

    return done_testing();
}
