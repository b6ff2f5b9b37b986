/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: comments become blanks, jansson parses, strings with `${NAME}` are replaced in the tree.
 * The text is kept, because errors show what stands in the file and where. */
#include "gateway/json/json_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/memory.h"

enum { PATH_TEXT = 256, STEPS_MAX = 16 };

static void add(const struct gw_json_file *file, bool warning, enum gw_json_part part,
                const struct gw_json_path *path, const char *format, va_list arguments)
    __attribute__((format(printf, 5, 0)));

/* Where a path of the tree stands. */
struct spot {
    const struct gw_json_file *file;
    struct gw_json_place place;
    char path[PATH_TEXT]; /* there */
};

static bool locate(struct spot *spot, const struct gw_json_file *file,
                   const struct gw_json_path *path, enum gw_json_part part)
{
    spot->file = file;
    spot->place = (struct gw_json_place){0};
    gw_json_path_format(path, spot->path, sizeof spot->path);
    return file->text && gw_json_locate(file->text, file->length, path, part, &spot->place);
}

/* The steps of a path, from the top on; 0: more than there is room for. */
static size_t steps_of(const struct gw_json_path *path, struct gw_json_path steps[STEPS_MAX])
{
    size_t count = 0;
    for (const struct gw_json_path *step = path; step; step = step->parent)
        count++;
    if (count > STEPS_MAX)
        return 0;
    for (size_t i = count; i > 0; i--, path = path->parent)
        steps[i - 1] = *path;
    return count;
}

static const struct gw_json_origin *origin_of(const struct gw_json_overlay *overlay,
                                              const struct gw_json_path *list, size_t index)
{
    for (size_t i = 0; i < sizeof overlay->lists / sizeof *overlay->lists; i++)
        if (list->key && overlay->lists[i].key && strcmp(list->key, overlay->lists[i].key) == 0)
            return index < overlay->lists[i].count ? &overlay->lists[i].origins[index] : NULL;
    return NULL;
}

/* The same path below another top, in the element `index` there. */
static bool locate_below(struct spot *spot, const struct gw_json_file *file,
                         const struct gw_json_path *top, struct gw_json_path *steps, size_t count,
                         size_t index, enum gw_json_part part)
{
    steps[1].index = index;
    steps[0].parent = top;
    for (size_t i = 1; i < count; i++)
        steps[i].parent = &steps[i - 1];
    return locate(spot, file, &steps[count - 1], part);
}

/* What an overlay has of an element is what counts; the rest is the file's own. */
static bool find(struct spot *spot, const struct gw_json_file *file,
                 const struct gw_json_path *path, enum gw_json_part part)
{
    struct gw_json_path steps[STEPS_MAX];
    const struct gw_json_overlay *overlay = file->overlay;
    *spot = (struct spot){.file = file};
    size_t count = overlay ? steps_of(path, steps) : 0;
    const struct gw_json_origin *origin =
        count > 1 ? origin_of(overlay, &steps[0], steps[1].index) : NULL;
    if (!origin)
        return locate(spot, file, path, part);
    return (origin->other != SIZE_MAX &&
            locate_below(spot, overlay->file, overlay->path, steps, count, origin->other, part)) ||
           (origin->own != SIZE_MAX &&
            locate_below(spot, file, NULL, steps, count, origin->own, part));
}

/* Or what it would be a part of. */
static void find_near(struct spot *spot, const struct gw_json_file *file,
                      const struct gw_json_path *path, enum gw_json_part part)
{
    while (!find(spot, file, path, part) && file->overlay && path) {
        path = path->parent;
        part = GW_JSON_VALUE;
    }
}

bool gw_json_stands(const struct gw_json_file *file, const struct gw_json_path *path)
{
    struct spot spot;
    return find(&spot, file, path, GW_JSON_VALUE);
}

/* Whether it was already told that a `${NAME}` in the value there is not set: what else is wrong
 * with it follows from that. */
static bool is_unset(const struct gw_json_file *file, const struct gw_json_place *place)
{
    if (!place->line || !memmem(file->text + place->offset, place->length, "${", 2))
        return false;
    for (size_t i = 0; i < file->errors->count; i++) {
        const struct gw_config_error *error = file->errors->items + i;
        if (error->line == place->line && error->column == place->column &&
            strcmp(error->file, file->path) == 0 && strncmp(error->message, "${", 2) == 0)
            return true;
    }
    return false;
}

static void add(const struct gw_json_file *file, bool warning, enum gw_json_part part,
                const struct gw_json_path *path, const char *format, va_list arguments)
{
    struct spot spot;
    find_near(&spot, file, path, part);
    if (is_unset(spot.file, &spot.place))
        return;
    gw_config_errors_addv(file->errors, warning, spot.file->path, spot.place.line,
                          spot.place.column, spot.path, format, arguments);
}

void gw_json_error(const struct gw_json_file *file, const struct gw_json_path *path,
                   const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(file, false, GW_JSON_VALUE, path, format, arguments);
    va_end(arguments);
}

void gw_json_error_key(const struct gw_json_file *file, const struct gw_json_path *path,
                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(file, false, GW_JSON_KEY, path, format, arguments);
    va_end(arguments);
}

void gw_json_warning(const struct gw_json_file *file, const struct gw_json_path *path,
                     const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(file, true, GW_JSON_VALUE, path, format, arguments);
    va_end(arguments);
}

void gw_json_place_format(const struct gw_json_file *file, const struct gw_json_path *path,
                          char *buffer, size_t size)
{
    struct spot spot;
    find(&spot, file, path, GW_JSON_VALUE);
    snprintf(buffer, size, "%s:%u", spot.file->path, spot.place.line);
}

void gw_json_found(const struct gw_json_file *file, const struct gw_json_path *path, char *buffer,
                   size_t size)
{
    struct spot spot;
    if (!find(&spot, file, path, GW_JSON_VALUE)) {
        snprintf(buffer, size, "nothing");
        return;
    }
    const struct gw_json_place place = spot.place;
    const char *text = spot.file->text + place.offset;
    bool is_short = place.length <= 40 && !memchr(text, '\n', place.length);
    if ((*text == '{' || *text == '[') && !is_short) {
        snprintf(buffer, size, "%s", *text == '{' ? "an object" : "a list");
        return;
    }
    const size_t longest = size < 48 ? size - 4 : 44;
    size_t length = place.length;
    bool cut = length > longest;
    if (cut)
        for (length = longest; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80;)
            length--;
    snprintf(buffer, size, "%.*s%s", (int)length, text, cut ? "..." : "");
}

/* Syntax errors: jansson's words made plainer where the cause is a common one. */

struct syntax {
    char before; /* the last character before the place that is no blank */
    char at;     /* the character there, NUL at the end of the file */
};

/* Where the token began that jansson stopped behind. */
static size_t error_offset(const struct gw_json_file *file, const json_error_t *error)
{
    size_t end = error->position > 0 ? (size_t)error->position : 0;
    if (end > file->length)
        end = file->length;
    const char *near = strstr(error->text, " near '");
    size_t length = near ? strlen(near + 7) : 0;
    if (length > 1 && length - 1 <= end)
        return end - (length - 1);
    return end;
}

static const char *syntax_text(const struct syntax *syntax, const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        return "this key stands twice in its object";
    case json_error_premature_end_of_input:
        return "the file ends too early: a closing brace or bracket is missing";
    case json_error_end_of_input_expected:
        return "there is more after the closing brace";
    case json_error_invalid_utf8:
        return "this is not UTF-8: save the file in that encoding";
    default:
        break;
    }
    bool closing = syntax->at == '}' || syntax->at == ']';
    if (syntax->before == ',' && closing)
        return "a comma before the closing brace or bracket: remove it";
    if (syntax->at == '\'')
        return "strings stand in double quotes";
    if (syntax->at == '/' || syntax->at == '*')
        return "only // comments are understood";
    bool value = syntax->before == '"' || syntax->before == '}' || syntax->before == ']' ||
                 (syntax->before >= '0' && syntax->before <= '9') || syntax->before == 'e' ||
                 syntax->before == 'l';
    if (value && strstr(error->text, "expected") && !strstr(error->text, "':'") && !closing)
        return "a comma is missing before this";
    return error->text;
}

/* `text` is the file's without comments. */
static void syntax_error(const struct gw_json_file *file, const char *text,
                         const json_error_t *error)
{
    size_t offset = error_offset(file, error);
    struct syntax syntax = {.at = offset < file->length ? text[offset] : '\0'};
    size_t before = offset;
    while (before > 0 && memchr(" \t\r\n", text[before - 1], 4))
        before--;
    syntax.before = before > 0 ? text[before - 1] : '\0';
    if (json_error_code(error) == json_error_premature_end_of_input)
        offset = before;
    unsigned line = 0;
    unsigned column = 0;
    gw_json_position(file->text, file->length, offset, &line, &column);
    gw_config_errors_add(file->errors, false, file->path, line, column, "", "%s",
                         syntax_text(&syntax, error));
}

/* `${NAME}` */

/* The length of a variable's name at `text` (behind "${"), 0 when it is none. */
static size_t variable_length(const char *text)
{
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
    return text[length] == '}' ? length : 0;
}

/* `text` with the environment filled in, to be released; NULL when an error was added. */
static char *replace(const struct gw_json_file *file, const struct gw_json_path *path,
                     const char *text)
{
    size_t used = 0;
    char *result = NULL;
    while (*text) {
        const char *piece = text;
        size_t length = strcspn(text, "$");
        if (length == 0 && text[1] == '{') {
            size_t name_length = variable_length(text + 2);
            char name[128];
            snprintf(name, sizeof name, "%.*s", (int)name_length, text + 2);
            piece = name_length ? getenv(name) : NULL;
            if (!piece) {
                gw_json_error(file, path,
                              name_length ? "${%s} is not set in the environment"
                                          : "${ without a name and } behind it%s",
                              name);
                gw_memory_release(result);
                return NULL;
            }
            text += name_length + 3;
            length = strlen(piece);
        } else {
            length = length ? length : 1;
            text += length;
        }
        char *grown = gw_memory_resize(GW_OWNER_CONFIG, result, used + length + 1);
        if (!grown) {
            gw_memory_release(result);
            return NULL;
        }
        result = grown;
        memcpy(result + used, piece, length);
        used += length;
        result[used] = '\0';
    }
    return result;
}

static void expand(const struct gw_json_file *file, const struct gw_json_path *path, json_t *value)
{
    if (json_is_string(value) && strstr(json_string_value(value), "${")) {
        char *text = replace(file, path, json_string_value(value));
        if (text && json_string_set(value, text) != 0)
            gw_json_error(file, path, "the environment's value is not UTF-8");
        gw_memory_release(text);
    } else if (json_is_object(value)) {
        const char *key = NULL;
        json_t *member = NULL;
        json_object_foreach(value, key, member)
        {
            struct gw_json_path step = {.parent = path, .key = key};
            expand(file, &step, member);
        }
    } else if (json_is_array(value)) {
        size_t index = 0;
        json_t *element = NULL;
        json_array_foreach(value, index, element)
        {
            struct gw_json_path step = {.parent = path, .index = index};
            expand(file, &step, element);
        }
    }
}

/* Takes over `text`. */
static bool parse(struct gw_json_file *file)
{
    char *blanked = gw_memory_allocate(GW_OWNER_CONFIG, file->length + 1);
    if (!blanked)
        return false;
    memcpy(blanked, file->text, file->length);
    gw_json_blank_comments(blanked, file->length);
    json_error_t error;
    json_t *root = json_loadb(blanked, file->length, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        syntax_error(file, blanked, &error);
    gw_memory_release(blanked);
    if (!root)
        return false;
    if (!json_is_object(root)) {
        gw_json_error(file, NULL, "expected an object: { ... }");
        json_decref(root);
        return false;
    }
    expand(file, NULL, root);
    file->root = root;
    return true;
}

static bool fail(struct gw_json_file *file, const char *reason)
{
    gw_config_errors_add(file->errors, false, file->path, 0, 0, "", "cannot read it: %s", reason);
    return false;
}

static bool read_text(struct gw_json_file *file, FILE *in)
{
    size_t room = 16 * 1024;
    for (;;) {
        char *grown = gw_memory_resize(GW_OWNER_CONFIG, file->text, room);
        if (!grown)
            return fail(file, "out of memory");
        file->text = grown;
        file->length += fread(file->text + file->length, 1, room - file->length, in);
        if (ferror(in))
            return fail(file, strerror(errno));
        if (file->length < room)
            return true;
        if (file->length > GW_JSON_FILE_MAX)
            return fail(file, "larger than 64 MB");
        room *= 2;
    }
}

bool gw_json_file_read(struct gw_json_file *file, const char *path, struct gw_config_errors *errors)
{
    *file = (struct gw_json_file){.errors = errors};
    file->path = gw_memory_copy_string(GW_OWNER_CONFIG, path);
    if (!file->path)
        return false;
    FILE *in = fopen(path, "re");
    if (!in)
        return fail(file, strerror(errno));
    bool done = read_text(file, in);
    fclose(in);
    return done && parse(file);
}

bool gw_json_file_parse(struct gw_json_file *file, const char *path, const char *text,
                        size_t length, struct gw_config_errors *errors)
{
    *file = (struct gw_json_file){.errors = errors, .length = length};
    file->path = gw_memory_copy_string(GW_OWNER_CONFIG, path);
    file->text = gw_memory_allocate(GW_OWNER_CONFIG, length + 1);
    if (!file->path || !file->text)
        return false;
    if (length)
        memcpy(file->text, text, length);
    return parse(file);
}

void gw_json_file_free(struct gw_json_file *file)
{
    json_decref(file->root);
    gw_memory_release(file->text);
    gw_memory_release(file->path);
    *file = (struct gw_json_file){0};
}

char *gw_json_file_sibling(const struct gw_json_file *file, const char *path)
{
    const char *slash = strrchr(file->path, '/');
    size_t folder = slash && *path != '/' ? (size_t)(slash - file->path) + 1 : 0;
    char *joined = gw_memory_allocate(GW_OWNER_CONFIG, folder + strlen(path) + 1);
    if (joined) {
        memcpy(joined, file->path, folder);
        memcpy(joined + folder, path, strlen(path));
    }
    return joined;
}
