/*
 * Permissions files: see dg_permissions.h.
 *
 * The lines are read into definitions and rules first, since a rule may stand
 * before the alias that it names.  Features are then bits of a set: every
 * name that means a feature has a number.
 */

#include "dg_permissions.h"

#include "dg_codec.h"
#include "dg_text.h"

#include <string.h>

#define WORDS  (DG_PERMISSIONS_FEATURES_MAX / 64)
#define NONE   SIZE_MAX

typedef struct {
    uint64_t  words[WORDS];
} features_t;

/* Numbered names, found by a hash; places are 1 + the number. */
typedef struct {
    dg_span_t  *names;
    size_t      count;
    size_t      room;
    uint16_t   *slots;
    size_t      mask;
    bool        nocase;
} names_t;

typedef enum {
    SECTION_NONE,
    SECTION_GROUPS,
    SECTION_ALIASES,
    SECTION_PERMISSIONS
} section_t;

typedef enum {
    RULE_ALLOW,
    RULE_DISALLOW,
    RULE_DENY
} rule_t;

/* NAME = MEMBER, ...; the name stands in the list of groups or aliases */
typedef struct {
    dg_span_t   members;
    unsigned    line;
    bool        done;       /* features are known, members were listed */
    features_t  features;   /* of an alias */
} definition_t;

typedef struct {
    dg_span_t  actor;
    dg_span_t  features;
    rule_t     rule;
    unsigned   line;
} line_t;

typedef struct {
    features_t  given;
    features_t  denied;
} grant_t;

typedef struct {
    dg_arena_t    *arena;
    dg_diag_t     *diag;
    unsigned       line;
    section_t      section;
    size_t         member_count;
    names_t        groups;
    definition_t  *group_list;
    names_t        aliases;
    definition_t  *alias_list;
    line_t        *lines;
    size_t         line_count;
    dg_span_t     *imports;
    size_t         import_count;
    names_t        features;
    names_t        actors;        /* of the lines */
    grant_t       *grants;        /* of each of them */
    names_t        listed;        /* of the answer */
} parser_t;

/* The features of DCV, by name. */
static const char *const  known_features[] = {
    "audio-in", "audio-out", "clipboard-copy", "clipboard-paste", "display",
    "extensions-client", "extensions-server", "file-download", "file-upload",
    "gamepad", "keyboard", "keyboard-sas", "mouse", "pointer", "printer",
    "screenshot", "smartcard", "stylus", "touch", "unsupervised-access",
    "usb", "webcam", "webauthn-redirection",
};

#define KNOWN  (sizeof(known_features) / sizeof(known_features[0]))


static dg_err_t
wrong(parser_t *p, dg_err_t err, const char *what)
{
    return dg_diag(p->diag, err, p->line, 0, "%s", what);
}


/* Sets of features */

static void
add_feature(features_t *set, size_t number)
{
    set->words[number / 64] |= (uint64_t) 1 << (number % 64);
}


static bool
has_feature(const features_t *set, size_t number)
{
    return (set->words[number / 64] >> (number % 64) & 1) != 0;
}


static void
add_features(features_t *set, const features_t *more)
{
    for (size_t i = 0; i < WORDS; i++) {
        set->words[i] |= more->words[i];
    }
}


static void
take_features(features_t *set, const features_t *less)
{
    for (size_t i = 0; i < WORDS; i++) {
        set->words[i] &= ~less->words[i];
    }
}


/* Of the first `count`: "builtin" also sets what has no name. */
static bool
is_empty(const features_t *set, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (has_feature(set, i)) {
            return false;
        }
    }

    return true;
}


static void
add_all(features_t *set)
{
    memset(set, 0xff, sizeof(*set));
}


/* A name that is not DCV's is among them. */
static bool
has_unknown(const features_t *set, size_t count)
{
    for (size_t i = KNOWN; i < count; i++) {
        if (has_feature(set, i)) {
            return true;
        }
    }

    return false;
}


/* Names */

static dg_err_t
make_names(parser_t *p, names_t *names, size_t room, bool nocase)
{
    size_t  slots = 16;

    while (slots < 2 * room) {
        slots *= 2;
    }

    names->names = dg_arena_calloc(p->arena, room + 1, sizeof(dg_span_t));
    names->slots = dg_arena_calloc(p->arena, slots, sizeof(uint16_t));
    names->mask = slots - 1;
    names->room = room;
    names->count = 0;
    names->nocase = nocase;

    return names->names && names->slots ? DG_OK : DG_ERR_MEMORY;
}


/* Where the name is, or the free slot where it belongs. */
static size_t
slot_of(const names_t *names, dg_span_t name)
{
    dg_span_t  other;
    uint32_t   h = 2166136261u;   /* FNV-1a, letters without case */
    size_t     i;

    for (i = 0; i < name.len; i++) {
        h = (h ^ (name.data[i] | 0x20u)) * 16777619u;
    }

    for (i = (h ^ (h >> 15)) & names->mask; names->slots[i];
         i = (i + 1) & names->mask)
    {
        other = names->names[names->slots[i] - 1];

        if (names->nocase ? dg_span_equal_nocase(other, name)
                          : dg_span_equal(other, name))
        {
            break;
        }
    }

    return i;
}


/* The number of a name, or NONE. */
static size_t
find_name(const names_t *names, dg_span_t name)
{
    size_t  place = names->slots[slot_of(names, name)];

    return place ? place - 1 : NONE;
}


/* The same for a name that may be new; NONE when there is no room. */
static size_t
add_name(names_t *names, dg_span_t name)
{
    size_t  slot = slot_of(names, name);

    if (names->slots[slot]) {
        return (size_t) names->slots[slot] - 1;
    }

    if (names->count == names->room) {
        return NONE;
    }

    names->names[names->count++] = name;
    names->slots[slot] = (uint16_t) names->count;
    return names->count - 1;
}


/* Lines */

static bool
is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}


/* The next word, ended by blanks or a comma; false when there is none. */
static bool
next_word(dg_span_t *rest, dg_span_t *word)
{
    size_t  from = 0, to;

    while (from < rest->len
           && (is_blank(rest->data[from]) || rest->data[from] == ','))
    {
        from++;
    }

    to = from;

    while (to < rest->len && !is_blank(rest->data[to])
           && rest->data[to] != ',')
    {
        to++;
    }

    *word = dg_span_slice(*rest, from, to);
    *rest = dg_span_slice(*rest, to, rest->len);
    return word->len != 0;
}


static bool
is_feature_name(dg_span_t name)
{
    return name.len != 0 && dg_text_consists_of(name, "-_.");
}


static dg_err_t
read_import(parser_t *p, dg_span_t rest)
{
    dg_span_t  path = dg_span_trim(rest);

    if (path.len == 0) {
        return wrong(p, DG_ERR_SYNTAX, "#import without a path");
    }

    if (p->import_count == DG_PERMISSIONS_IMPORTS_MAX) {
        return wrong(p, DG_ERR_LIMIT, "more than 64 imports");
    }

    p->imports[p->import_count++] = path;
    return DG_OK;
}


/* A comment, unless it is an import in whatever spelling. */
static dg_err_t
read_hash(parser_t *p, dg_span_t line)
{
    dg_span_t  rest = dg_span_trim(dg_span_slice(line, 1, line.len));
    dg_span_t  word = DG_SPAN("import");

    if (!dg_span_equal_nocase(dg_span_slice(rest, 0, word.len), word)) {
        return DG_OK;
    }

    return read_import(p, dg_span_slice(rest, word.len, rest.len));
}


static dg_err_t
read_section(parser_t *p, dg_span_t line)
{
    if (dg_span_equal(line, DG_SPAN("[groups]"))) {
        p->section = SECTION_GROUPS;

    } else if (dg_span_equal(line, DG_SPAN("[aliases]"))) {
        p->section = SECTION_ALIASES;

    } else if (dg_span_equal(line, DG_SPAN("[permissions]"))) {
        p->section = SECTION_PERMISSIONS;

    } else {
        return wrong(p, DG_ERR_SYNTAX, "a section is [groups], [aliases] or "
                     "[permissions]");
    }

    return DG_OK;
}


/* The name that a group or alias is defined by; "group:" may be before it. */
static dg_span_t
defined_name(dg_span_t name, bool is_alias)
{
    dg_span_t  prefix = DG_SPAN("group:");

    return !is_alias && dg_span_starts_with(name, prefix)
           ? dg_span_slice(name, prefix.len, name.len) : name;
}


static dg_err_t
check_alias(parser_t *p, dg_span_t name)
{
    size_t  number = find_name(&p->features, name);

    if (!is_feature_name(name)) {
        return wrong(p, DG_ERR_SYNTAX, "an alias's name consists of letters, "
                     "digits, \"-\", \"_\" and \".\"");
    }

    return number < KNOWN || dg_span_equal_nocase(name, DG_SPAN("builtin"))
           ? wrong(p, DG_ERR_INVALID, "an alias has the name of a feature")
           : DG_OK;
}


/* Whoever allows for `most` lines has room for as many definitions. */
static dg_err_t
add_definition(parser_t *p, dg_span_t name, dg_span_t members)
{
    bool           is_alias = p->section == SECTION_ALIASES;
    names_t       *names = is_alias ? &p->aliases : &p->groups;
    definition_t  *list = is_alias ? p->alias_list : p->group_list;
    dg_err_t       err = is_alias ? check_alias(p, name) : DG_OK;

    if (err != DG_OK) {
        return err;
    }

    if (find_name(names, name) != NONE) {
        return wrong(p, DG_ERR_INVALID, "a name is defined twice");
    }

    if (add_name(names, name) == NONE) {
        return wrong(p, DG_ERR_LIMIT, "more than 1024 groups or aliases");
    }

    list[names->count - 1].members = members;
    list[names->count - 1].line = p->line;
    return DG_OK;
}


static dg_err_t
read_definition(parser_t *p, dg_span_t line)
{
    size_t     equals = dg_span_find(line, '=');
    dg_span_t  name, members;

    name = defined_name(dg_span_trim(dg_span_slice(line, 0, equals)),
                        p->section == SECTION_ALIASES);

    if (equals == line.len || name.len == 0) {
        return wrong(p, DG_ERR_SYNTAX, "a definition is NAME=MEMBER,...");
    }

    members = dg_span_slice(line, equals + 1, line.len);

    for (size_t i = 0; i < members.len; i++) {
        p->member_count += members.data[i] == ',';
    }

    if (++p->member_count > DG_PERMISSIONS_MEMBERS_MAX) {
        return wrong(p, DG_ERR_LIMIT, "more than 4096 members");
    }

    return add_definition(p, name, members);
}


/* "user:ann" is "ann". */
static dg_span_t
actor_name(dg_span_t name)
{
    dg_span_t  prefix = DG_SPAN("user:");

    if (dg_span_starts_with(name, prefix) && name.len > prefix.len) {
        return dg_span_slice(name, prefix.len, name.len);
    }

    /* a server that reads it in any case shares with everybody */
    return dg_span_equal_nocase(name, DG_SPAN("%any%")) ? DG_SPAN("%any%")
                                                        : name;
}


static dg_err_t
read_permission(parser_t *p, dg_span_t line)
{
    line_t     l = { .line = p->line };
    dg_span_t  rest = line, actor, rule;

    if (!next_word(&rest, &actor) || !next_word(&rest, &rule)) {
        return wrong(p, DG_ERR_SYNTAX, "a permission is ACTOR RULE FEATURE "
                     "...");
    }

    if (dg_span_equal(rule, DG_SPAN("allow"))) {
        l.rule = RULE_ALLOW;

    } else if (dg_span_equal(rule, DG_SPAN("disallow"))) {
        l.rule = RULE_DISALLOW;

    } else if (dg_span_equal(rule, DG_SPAN("deny"))) {
        l.rule = RULE_DENY;

    } else {
        return wrong(p, DG_ERR_SYNTAX, "a rule is allow, disallow or deny");
    }

    if (p->line_count == DG_PERMISSIONS_LINES_MAX) {
        return wrong(p, DG_ERR_LIMIT, "more than 1024 permissions");
    }

    l.actor = actor_name(actor);
    l.features = rest;
    p->lines[p->line_count++] = l;
    return DG_OK;
}


static dg_err_t
read_line(parser_t *p, dg_span_t line)
{
    line = dg_span_trim(line);

    if (line.len == 0 || line.data[0] == ';') {
        return DG_OK;
    }

    if (line.data[line.len - 1] == '\\') {
        return wrong(p, DG_ERR_SYNTAX, "a line ends in a backslash");
    }

    if (line.data[0] == '#') {
        return read_hash(p, line);
    }

    if (line.data[0] == '[') {
        return read_section(p, line);
    }

    switch (p->section) {

    case SECTION_GROUPS:
    case SECTION_ALIASES:
        return read_definition(p, line);

    case SECTION_PERMISSIONS:
        return read_permission(p, line);

    default:
        return wrong(p, DG_ERR_SYNTAX, "text before the first section");
    }
}


/* One line, without its end; a return elsewhere could be an end, too. */
static dg_err_t
check_line(parser_t *p, dg_span_t *line)
{
    if (line->len && line->data[line->len - 1] == '\r') {
        line->len--;
    }

    for (size_t i = 0; i < line->len; i++) {
        if ((line->data[i] < 0x20 && line->data[i] != '\t')
            || line->data[i] == 0x7f)
        {
            return wrong(p, DG_ERR_SYNTAX, "a control character");
        }
    }

    return DG_OK;
}


static dg_err_t
read_lines(parser_t *p, dg_span_t text)
{
    dg_err_t   err;
    dg_span_t  line;

    while (dg_span_split(&text, '\n', &line)) {
        p->line++;

        if ((err = check_line(p, &line)) != DG_OK
            || (err = read_line(p, line)) != DG_OK)
        {
            return err;
        }
    }

    return DG_OK;
}


/* Features */

static dg_err_t resolve(parser_t *p, size_t alias, unsigned depth);


/*
 * A feature, known or not.  One whose name differs from another's in case
 * only is refused: a server may take the one for the other or not.
 */
static dg_err_t
add_plain(parser_t *p, dg_span_t name, features_t *set)
{
    size_t  number = add_name(&p->features, name);

    if (number == NONE) {
        return wrong(p, DG_ERR_LIMIT, "more than 256 different features");
    }

    if (!dg_span_equal(p->features.names[number], name)) {
        return wrong(p, DG_ERR_INVALID, "a feature is written in two cases");
    }

    add_feature(set, number);
    return DG_OK;
}


static dg_err_t
add_word(parser_t *p, dg_span_t name, unsigned depth, features_t *set)
{
    size_t    alias = find_name(&p->aliases, name);
    dg_err_t  err;

    if (!is_feature_name(name)) {
        return wrong(p, DG_ERR_SYNTAX, "a feature's name consists of letters, "
                     "digits, \"-\", \"_\" and \".\"");
    }

    if (dg_span_equal(name, DG_SPAN("builtin"))) {
        add_all(set);
        return DG_OK;
    }

    if (alias == NONE) {
        return add_plain(p, name, set);
    }

    if (!dg_span_equal(p->aliases.names[alias], name)) {
        return wrong(p, DG_ERR_INVALID, "an alias is written in two cases");
    }

    err = resolve(p, alias, depth + 1);

    if (err == DG_OK) {
        add_features(set, &p->alias_list[alias].features);
    }

    return err;
}


static dg_err_t
add_words(parser_t *p, dg_span_t words, unsigned depth, features_t *set)
{
    dg_span_t  word;
    dg_err_t   err = DG_OK;

    while (err == DG_OK && next_word(&words, &word)) {
        err = add_word(p, word, depth, set);
    }

    return err;
}


static dg_err_t
resolve(parser_t *p, size_t number, unsigned depth)
{
    definition_t  *alias = &p->alias_list[number];
    unsigned       line = p->line;
    dg_err_t       err;

    if (alias->done) {
        return DG_OK;
    }

    p->line = alias->line;

    if (depth > DG_PERMISSIONS_DEPTH_MAX) {
        return wrong(p, DG_ERR_LIMIT, "aliases stand within each other in a "
                     "circle, or too deep");
    }

    err = add_words(p, alias->members, depth, &alias->features);

    if (err == DG_OK) {
        alias->done = true;
        p->line = line;
    }

    return err;
}


/* Grants */

/* What is taken from %any% is taken from everybody named so far. */
static void
disallow(parser_t *p, size_t actor, const features_t *set)
{
    bool  any = dg_span_equal(p->actors.names[actor], DG_SPAN("%any%"));

    for (size_t i = any ? 0 : actor; i < (any ? p->actors.count : actor + 1);
         i++)
    {
        take_features(&p->grants[i].given, set);
    }
}


static dg_err_t
apply(parser_t *p, const line_t *l)
{
    features_t  set = { { 0 } };
    size_t      actor = add_name(&p->actors, l->actor);
    dg_err_t    err;

    p->line = l->line;
    err = add_words(p, l->features, 0, &set);

    if (err != DG_OK) {
        return err;
    }

    switch (l->rule) {

    case RULE_ALLOW:
        if (has_unknown(&set, p->features.count)) {
            add_all(&set);
        }

        add_features(&p->grants[actor].given, &set);
        break;

    case RULE_DENY:
        add_features(&p->grants[actor].denied, &set);
        break;

    default:
        disallow(p, actor, &set);
    }

    return DG_OK;
}


static dg_err_t
apply_lines(parser_t *p)
{
    size_t    any;
    dg_err_t  err;

    for (size_t i = 0; i < p->line_count; i++) {
        err = apply(p, &p->lines[i]);
        if (err != DG_OK) {
            return err;
        }
    }

    any = find_name(&p->actors, DG_SPAN("%any%"));

    for (size_t i = 0; i < p->actors.count; i++) {
        take_features(&p->grants[i].given, &p->grants[i].denied);

        if (any != NONE) {
            take_features(&p->grants[i].given, &p->grants[any].denied);
        }
    }

    return DG_OK;
}


/* The answer */

static dg_err_t
list_features(parser_t *p, const features_t *set, const dg_span_t **list,
    size_t *count)
{
    dg_span_t  *names;

    names = dg_arena_alloc(p->arena,
                           (p->features.count + 1) * sizeof(*names));
    if (names == NULL) {
        return DG_ERR_MEMORY;
    }

    *list = names;

    for (size_t i = 0; i < p->features.count; i++) {
        if (has_feature(set, i)) {
            names[(*count)++] = p->features.names[i];
        }
    }

    return DG_OK;
}


static dg_err_t list_actor(parser_t *p, dg_span_t name, unsigned depth);


static dg_err_t
list_members(parser_t *p, definition_t *group, unsigned depth)
{
    dg_span_t  rest = group->members, member;
    dg_err_t   err = DG_OK;

    group->done = true;
    p->line = group->line;

    if (depth > DG_PERMISSIONS_DEPTH_MAX) {
        return wrong(p, DG_ERR_LIMIT, "groups stand within each other too "
                     "deep");
    }

    while (err == DG_OK && dg_span_split(&rest, ',', &member)) {
        member = dg_span_trim(member);

        if (member.len) {
            err = list_actor(p, actor_name(member), depth + 1);
        }
    }

    return err;
}


static dg_err_t
list_actor(parser_t *p, dg_span_t name, unsigned depth)
{
    dg_span_t  prefix = DG_SPAN("group:");
    size_t     group;

    if (add_name(&p->listed, name) == NONE) {
        return wrong(p, DG_ERR_LIMIT, "too many actors");
    }

    if (!dg_span_starts_with(name, prefix)) {
        return DG_OK;
    }

    group = find_name(&p->groups, dg_span_slice(name, prefix.len, name.len));

    return group == NONE || p->group_list[group].done
           ? DG_OK : list_members(p, &p->group_list[group], depth);
}


static dg_err_t
answer(parser_t *p, dg_permissions_t *out)
{
    features_t  all = { { 0 } }, shared = { { 0 } };
    dg_err_t    err;

    err = make_names(p, &p->listed, p->actors.count + p->member_count, false);

    for (size_t i = 0; err == DG_OK && i < p->actors.count; i++) {
        if (is_empty(&p->grants[i].given, p->features.count)) {
            continue;
        }

        add_features(&all, &p->grants[i].given);

        if (!dg_span_equal(p->actors.names[i], DG_SPAN("%owner%"))) {
            add_features(&shared, &p->grants[i].given);
        }

        err = list_actor(p, p->actors.names[i], 0);
    }

    if (err != DG_OK
        || (err = list_features(p, &all, &out->features,
                                &out->feature_count)) != DG_OK)
    {
        return err;
    }

    out->actors = p->listed.names;
    out->actor_count = p->listed.count;
    out->imports = p->imports;
    out->import_count = p->import_count;

    return list_features(p, &shared, &out->shared, &out->shared_count);
}


/* Room by the lines of the text: most files have a few. */
static dg_err_t
make_room(parser_t *p, dg_span_t text)
{
    size_t  lines = 1, most = DG_PERMISSIONS_NAMES_MAX;

    for (size_t i = 0; i < text.len; i++) {
        lines += text.data[i] == '\n';
    }

    most = lines < most ? lines : most;

    p->group_list = dg_arena_calloc(p->arena, most, sizeof(definition_t));
    p->alias_list = dg_arena_calloc(p->arena, most, sizeof(definition_t));
    p->lines = dg_arena_calloc(p->arena, most, sizeof(line_t));
    p->grants = dg_arena_calloc(p->arena, most, sizeof(grant_t));
    p->imports = dg_arena_calloc(p->arena, DG_PERMISSIONS_IMPORTS_MAX,
                                 sizeof(dg_span_t));

    if (!p->group_list || !p->alias_list || !p->lines || !p->grants
        || !p->imports
        || make_names(p, &p->groups, most, true) != DG_OK
        || make_names(p, &p->aliases, most, true) != DG_OK
        || make_names(p, &p->actors, most, false) != DG_OK
        || make_names(p, &p->features, DG_PERMISSIONS_FEATURES_MAX, true)
           != DG_OK)
    {
        return DG_ERR_MEMORY;
    }

    for (size_t i = 0; i < KNOWN; i++) {
        (void) add_name(&p->features, dg_span_cstr(known_features[i]));
    }

    return DG_OK;
}


dg_err_t
dg_permissions_parse(dg_arena_t *arena, dg_span_t text, dg_diag_t *diag,
    const dg_permissions_t **out)
{
    parser_t           p = { .arena = arena, .diag = diag };
    dg_span_t          mark = DG_SPAN("\xef\xbb\xbf");
    dg_err_t           err;
    dg_permissions_t  *file;

    *out = NULL;

    if (text.len > DG_PERMISSIONS_TEXT_MAX) {
        return wrong(&p, DG_ERR_LIMIT, "longer than 65536 bytes");
    }

    if (!dg_utf8_valid(text)) {
        return wrong(&p, DG_ERR_SYNTAX, "not UTF-8");
    }

    if (dg_span_starts_with(text, mark)) {
        text = dg_span_slice(text, mark.len, text.len);
    }

    file = dg_arena_calloc(arena, 1, sizeof(*file));
    if (file == NULL) {
        return DG_ERR_MEMORY;
    }

    if ((err = make_room(&p, text)) != DG_OK
        || (err = read_lines(&p, text)) != DG_OK
        || (err = apply_lines(&p)) != DG_OK
        || (err = answer(&p, file)) != DG_OK)
    {
        return err;
    }

    *out = file;
    return DG_OK;
}
