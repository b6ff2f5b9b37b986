/* SPDX-License-Identifier: Apache-2.0 */
/* Reading objects by their tables. A default is JSON text and takes the same way as a value in a
 * file, so that what the reference says and what the program does cannot differ. */
#include "gateway/json/keys.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/template.h"

enum { NEAREST_MAX = 64 }; /* longer names are not compared */

/* Suggestions */

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* How many characters must be changed, added, removed or swapped with a neighbour. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][NEAREST_MAX + 1];
    size_t width = strlen(b);
    for (size_t j = 0; j <= width; j++)
        rows[0][j] = j;
    size_t height = strlen(a);
    for (size_t i = 1; i <= height; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        const size_t *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    return rows[height % 3][width];
}

const char *gw_nearest(const char *name, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t length = strlen(name);
    size_t best = length < 4 ? 2 : length / 3 + 2; /* less than this many changes */
    if (length > NEAREST_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) > NEAREST_MAX)
            continue;
        size_t changes = distance(name, names[i]);
        if (changes < best) {
            best = changes;
            nearest = names[i];
        }
    }
    return nearest;
}

/* Which keys may stand there */

static const struct gw_key *find(const struct gw_keys *const *tables, size_t table_count,
                                 const char *name)
{
    for (size_t t = 0; t < table_count; t++)
        for (size_t i = 0; i < tables[t]->count; i++)
            if (strcmp(tables[t]->rows[i].name, name) == 0)
                return tables[t]->rows + i;
    return NULL;
}

static void unknown_key(const struct gw_reader *reader, const struct gw_keys *const *tables,
                        size_t table_count, const char *key, const struct gw_json_path *path)
{
    enum { NAMES_MAX = 96 };
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (size_t t = 0; t < table_count; t++)
        for (size_t i = 0; i < tables[t]->count && count < NAMES_MAX; i++)
            names[count++] = tables[t]->rows[i].name;
    const char *nearest = gw_nearest(key, names, count);
    if (nearest)
        gw_json_error_key(reader->file, path, "unknown key, did you mean \"%s\"?", nearest);
    else
        gw_json_error_key(reader->file, path, "unknown key of %s", tables[0]->title);
}

void gw_keys_check(const struct gw_reader *reader, const struct gw_keys *const *tables,
                   size_t table_count, const json_t *object, const struct gw_json_path *path)
{
    void *iterator = json_object_iter((json_t *)(uintptr_t)object);
    for (; iterator; iterator = json_object_iter_next((json_t *)(uintptr_t)object, iterator)) {
        const char *name = json_object_iter_key(iterator);
        struct gw_json_path step = {.parent = path, .key = name};
        const struct gw_key *key = find(tables, table_count, name);
        if (!path && strcmp(name, "$schema") == 0)
            continue;
        if (!key)
            unknown_key(reader, tables, table_count, name, &step);
        else if (key->flags & GW_KEY_PLANNED)
            gw_json_error_key(reader->file, &step, "not built yet in this version");
    }
    for (size_t t = 0; t < table_count; t++)
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct gw_key *key = tables[t]->rows + i;
            if ((key->flags & GW_KEY_REQUIRED) && !json_object_get(object, key->name))
                gw_json_error(reader->file, path, "\"%s\" is missing: %s", key->name, key->help);
        }
}

/* Values */

void gw_keys_expected(const struct gw_reader *reader, const struct gw_json_path *path,
                      const char *format, ...)
{
    char expected[400];
    char found[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(expected, sizeof expected, format, arguments);
    va_end(arguments);
    gw_json_found(reader->file, path, found, sizeof found);
    gw_json_error(reader->file, path, "expected %s, found %s", expected, found);
}

bool gw_keys_object(const struct gw_reader *reader, const json_t *value,
                    const struct gw_json_path *path)
{
    if (!json_is_object(value))
        gw_keys_expected(reader, path, "an object: { ... }");
    return json_is_object(value);
}

bool gw_keys_list(const struct gw_reader *reader, const json_t *value,
                  const struct gw_json_path *path)
{
    if (!json_is_array(value))
        gw_keys_expected(reader, path, "a list: [ ... ]");
    return json_is_array(value);
}

bool gw_keys_integer(const struct gw_reader *reader, const json_t *value,
                     const struct gw_json_path *path, uint32_t min, uint32_t max, uint32_t *out)
{
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    if (number < (json_int_t)min || number > (json_int_t)max) {
        gw_keys_expected(reader, path, "a whole number from %u to %u", min, max);
        return false;
    }
    *out = (uint32_t)number;
    return true;
}

static void words_format(const struct gw_word *words, char *buffer, size_t size)
{
    size_t used = 0;
    const struct gw_word *last = NULL;
    for (const struct gw_word *word = words; word->value != GW_WORDS_END; word++)
        if (word->value != GW_WORD_PLANNED)
            last = word;
    *buffer = '\0';
    for (const struct gw_word *word = words; word->value != GW_WORDS_END && used < size; word++)
        if (word->value != GW_WORD_PLANNED)
            used += (size_t)snprintf(buffer + used, size - used, "%s\"%s\"",
                                     used == 0      ? ""
                                     : word == last ? " or "
                                                    : ", ",
                                     word->text);
}

static const char *nearest_word(const char *text, const struct gw_word *words)
{
    enum { COMPARED_MAX = 32 };
    const char *names[COMPARED_MAX];
    size_t count = 0;
    for (; words->value != GW_WORDS_END && count < COMPARED_MAX; words++)
        names[count++] = words->text;
    return gw_nearest(text, names, count);
}

bool gw_keys_word(const struct gw_reader *reader, const json_t *value,
                  const struct gw_json_path *path, const struct gw_word *words, int *out)
{
    const char *text = json_string_value(value);
    for (const struct gw_word *word = words; text && word->value != GW_WORDS_END; word++) {
        if (strcmp(word->text, text) != 0)
            continue;
        *out = word->value;
        if (word->value == GW_WORD_PLANNED)
            gw_json_error(reader->file, path, "\"%s\" is not built yet in this version", text);
        return word->value != GW_WORD_PLANNED;
    }
    const char *nearest = text ? nearest_word(text, words) : NULL;
    char shown[300];
    if (nearest) {
        gw_json_found(reader->file, path, shown, sizeof shown);
        gw_json_error(reader->file, path, "unknown word %s, did you mean \"%s\"?", shown, nearest);
    } else {
        words_format(words, shown, sizeof shown);
        gw_keys_expected(reader, path, "%s", shown);
    }
    return false;
}

static bool read_number(const struct gw_reader *reader, const struct gw_key *key,
                        const json_t *value, const struct gw_json_path *path, double *out)
{
    double number = json_number_value(value);
    const char *what = key->type == GW_KEY_SECONDS ? "a number of seconds" : "a number";
    bool limited = key->min != 0 || key->max != 0;
    if (!json_is_number(value) || !isfinite(number)) {
        gw_keys_expected(reader, path, "%s", what);
        return false;
    }
    if (key->type == GW_KEY_SECONDS && number > 0 && number < 0.001) {
        gw_keys_expected(reader, path, "0, or a number of seconds from 0.001 on");
        return false;
    }
    if (limited && (number < key->min || number > key->max)) {
        gw_keys_expected(reader, path, "%s from %.10g to %.10g", what, key->min, key->max);
        return false;
    }
    *out = number;
    return true;
}

static void read_text(const struct gw_reader *reader, const struct gw_key *key, const json_t *value,
                      const struct gw_json_path *path, void *field)
{
    const char *text = json_string_value(value);
    if (!text) {
        if (key->flags & GW_KEY_SECRET)
            gw_json_error(reader->file, path, "expected text in double quotes");
        else
            gw_keys_expected(reader, path, "text in double quotes");
        return;
    }
    const char *problem = key->type == GW_KEY_NAME ? gw_name_problem(text, false) : NULL;
    if (problem) {
        char found[64];
        gw_json_found(reader->file, path, found, sizeof found);
        gw_json_error(reader->file, path, "%s, found %s", problem, found);
        return;
    }
    const char *copy = gw_arena_string(reader->arena, text);
    memcpy(field, &copy, sizeof copy);
}

static void store_integer(void *field, size_t size, uint32_t number)
{
    uint8_t octet = (uint8_t)number;
    uint16_t word = (uint16_t)number;
    if (size == sizeof octet)
        memcpy(field, &octet, size);
    else if (size == sizeof word)
        memcpy(field, &word, size);
    else
        memcpy(field, &number, sizeof number);
}

static void read_value(const struct gw_reader *reader, const struct gw_key *key,
                       const json_t *value, const struct gw_json_path *path, void *field)
{
    double number = 0;
    uint32_t integer = 0;
    int word = 0;
    switch (key->type) {
    case GW_KEY_OWN:
        if (key->read)
            key->read(reader, value, path, field);
        break;
    case GW_KEY_TEXT:
    case GW_KEY_NAME:
        read_text(reader, key, value, path, field);
        break;
    case GW_KEY_BOOLEAN:
        if (json_is_boolean(value))
            *(bool *)field = json_is_true(value);
        else
            gw_keys_expected(reader, path, "true or false");
        break;
    case GW_KEY_INTEGER:
        if (gw_keys_integer(reader, value, path, (uint32_t)key->min, (uint32_t)key->max, &integer))
            store_integer(field, key->size, integer);
        break;
    case GW_KEY_NUMBER:
        if (read_number(reader, key, value, path, &number))
            memcpy(field, &number, sizeof number);
        break;
    case GW_KEY_SECONDS:
        if (read_number(reader, key, value, path, &number))
            store_integer(field, sizeof integer, (uint32_t)llround(number * 1000));
        break;
    case GW_KEY_WORD:
        if (gw_keys_word(reader, value, path, key->words, &word))
            *(uint8_t *)field = (uint8_t)word;
        break;
    }
}

void gw_keys_default(struct gw_arena *arena, const struct gw_keys *keys, void *target)
{
    struct gw_reader reader = {.arena = arena};
    for (size_t i = 0; i < keys->count; i++) {
        const struct gw_key *key = keys->rows + i;
        if (!key->fallback || (key->flags & GW_KEY_PLANNED) ||
            (key->type == GW_KEY_OWN && !key->read))
            continue;
        json_t *value = json_loads(key->fallback, JSON_DECODE_ANY, NULL);
        if (value)
            read_value(&reader, key, value, NULL, (char *)target + key->offset);
        json_decref(value);
    }
}

void gw_keys_read(const struct gw_reader *reader, const struct gw_keys *keys, const json_t *object,
                  const struct gw_json_path *path, void *target)
{
    for (size_t i = 0; i < keys->count; i++) {
        const struct gw_key *key = keys->rows + i;
        const json_t *value = json_object_get(object, key->name);
        struct gw_json_path step = {.parent = path, .key = key->name};
        if (value && !(key->flags & GW_KEY_PLANNED))
            read_value(reader, key, value, &step, (char *)target + key->offset);
    }
}
