/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes ("4..6", lists, numbers) and the variables that run beside them. */
#include "gateway/mapping/mapping_expand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number at `text`; NULL: there is none of at most five digits, else what follows it. */
static const char *read_index(const char *text, uint32_t *number)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 5)
        return NULL;
    *number = (uint32_t)strtoul(text, NULL, 10);
    return text + digits;
}

bool gw_range_parse(const char *text, uint32_t *first, uint32_t *last)
{
    *first = 0;
    const char *behind = read_index(text, first);
    *last = *first;
    if (behind && strncmp(behind, "..", 2) == 0)
        behind = read_index(behind + 2, last);
    return behind && *behind == '\0' && *first <= *last && *last <= GW_INDEX_MAX;
}

static const char *var_text(struct gw_arena *arena, const json_t *value)
{
    char text[24];
    if (json_is_string(value))
        return gw_arena_string(arena, json_string_value(value));
    snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return gw_arena_string(arena, text);
}

static bool is_var(const json_t *value)
{
    return json_is_string(value) || json_is_integer(value);
}

static bool check_var_name(const struct gw_reader *reader, const char *name,
                           const struct gw_json_path *path)
{
    static const char *const taken[] = {"index",      "type",  "prefix",  "gateway",
                                        "outstation", "point", "control", "command"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        if (strcmp(name, taken[i]) == 0) {
            gw_json_error_key(reader->file, path, "{%s} has its own meaning: choose another name",
                              name);
            return false;
        }
    }
    const char *problem = gw_name_problem(name, false);
    if (problem)
        gw_json_error_key(reader->file, path, "%s", problem);
    return !problem;
}

bool gw_vars_read(const struct gw_reader *reader, const json_t *object,
                  const struct gw_json_path *path, const struct gw_var **vars, size_t *count)
{
    *count = 0;
    if (!object)
        return true;
    if (!gw_keys_object(reader, object, path))
        return false;
    struct gw_var *list =
        gw_arena_array(reader->arena, json_object_size(object), sizeof(struct gw_var));
    if (!list)
        return false;
    bool good = true;
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        struct gw_json_path step = {.parent = path, .key = name};
        if (!check_var_name(reader, name, &step)) {
            good = false;
            continue;
        }
        list[*count].name = gw_arena_string(reader->arena, name);
        list[(*count)++].value = is_var(value) ? var_text(reader->arena, value) : "x";
        if (!is_var(value)) {
            gw_keys_expected(reader, &step, "text or a whole number");
            good = false;
        }
    }
    *vars = list;
    return good && !reader->arena->failed;
}

static bool add_range(struct gw_expansion *x, const json_t *value, const struct gw_json_path *path)
{
    uint32_t first = 0;
    uint32_t last = 0;
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    if (number >= 0 && number <= GW_INDEX_MAX) {
        first = last = (uint32_t)number;
    } else if (!json_is_string(value) || !gw_range_parse(json_string_value(value), &first, &last)) {
        gw_keys_expected(x->reader, path, "an index from 0 to %d or a range \"4..6\"",
                         GW_INDEX_MAX);
        return false;
    }
    size_t more = last - first + 1;
    if (more > GW_EXPAND_MAX - x->count) {
        gw_json_error(x->reader->file, path, "more than %d indexes", GW_EXPAND_MAX);
        return false;
    }
    uint32_t *grown =
        gw_memory_resize(GW_OWNER_CONFIG, x->indexes, (x->count + more) * sizeof *x->indexes);
    if (!grown)
        return false;
    x->indexes = grown;
    for (uint32_t index = first; index <= last; index++)
        x->indexes[x->count++] = index;
    return true;
}

/* The list moves to the arena, so that nobody needs to release it. */
static bool read_indexes(struct gw_expansion *x, const json_t *value)
{
    struct gw_json_path path = {.parent = x->path, .key = "index"};
    bool good = true;
    if (json_is_array(value)) {
        for (size_t i = 0; good && i < json_array_size(value); i++) {
            struct gw_json_path step = {.parent = &path, .index = i};
            good = add_range(x, json_array_get(value, i), &step);
        }
        if (good && x->count == 0) {
            gw_json_error(x->reader->file, &path, "an empty list of indexes");
            good = false;
        }
    } else {
        good = value && add_range(x, value, &path);
    }
    uint32_t *list = good ? gw_arena_array(x->reader->arena, x->count, sizeof *list) : NULL;
    if (list)
        memcpy(list, x->indexes, x->count * sizeof *list);
    gw_memory_release(x->indexes);
    x->indexes = list;
    return list != NULL;
}

static void add_name(struct gw_expansion *x, const char *name, const char *value,
                     const char *const *list)
{
    size_t at = 0;
    while (at < x->name_count && strcmp(x->names[at], name) != 0)
        at++;
    if (at == GW_PLACEHOLDERS_MAX)
        return;
    x->names[at] = name;
    x->values[at] = value;
    x->lists[at] = list;
    if (at == x->name_count)
        x->name_count++;
}

static bool read_list(struct gw_expansion *x, const char *name, const json_t *list,
                      const struct gw_json_path *path)
{
    if (!check_var_name(x->reader, name, path) || !gw_keys_list(x->reader, list, path))
        return false;
    if (json_array_size(list) != x->count) {
        gw_json_error(x->reader->file, path, "%zu values for %zu indexes: there must be one each",
                      json_array_size(list), x->count);
        return false;
    }
    const char **values = gw_arena_array(x->reader->arena, x->count, sizeof *values);
    if (!values)
        return false;
    for (size_t i = 0; i < x->count; i++) {
        struct gw_json_path step = {.parent = path, .index = i};
        const json_t *value = json_array_get(list, i);
        if (!is_var(value)) {
            gw_keys_expected(x->reader, &step, "text or a whole number");
            return false;
        }
        values[i] = var_text(x->reader->arena, value);
    }
    add_name(x, gw_arena_string(x->reader->arena, name), NULL, values);
    return true;
}

bool gw_expansion_read(struct gw_expansion *expansion, const struct gw_reader *reader,
                       const json_t *object, const struct gw_json_path *path, const char *type,
                       const struct gw_var *vars, size_t var_count)
{
    expansion->reader = reader;
    expansion->path = path;
    if (!read_indexes(expansion, json_object_get(object, "index")))
        return false;
    add_name(expansion, "index", expansion->index_text, NULL);
    add_name(expansion, "type", type, NULL);
    for (size_t i = 0; i < var_count; i++)
        add_name(expansion, vars[i].name, vars[i].value, NULL);
    json_t *lists = json_object_get(object, "vars");
    struct gw_json_path step = {.parent = path, .key = "vars"};
    if (lists && !gw_keys_object(reader, lists, &step))
        return false;
    bool good = true;
    const char *name = NULL;
    json_t *list = NULL;
    json_object_foreach(lists, name, list)
    {
        struct gw_json_path inner = {.parent = &step, .key = name};
        good = read_list(expansion, name, list, &inner) && good;
    }
    return good && !reader->arena->failed;
}

void gw_expansion_set(struct gw_expansion *expansion, size_t i)
{
    snprintf(expansion->index_text, sizeof expansion->index_text, "%u", expansion->indexes[i]);
    for (size_t n = 0; n < expansion->name_count; n++)
        if (expansion->lists[n])
            expansion->values[n] = expansion->lists[n][i];
}

/* " (outstation rtu-2)" where a message depends on whose variables they are. */
static const char *for_whom(const struct gw_expansion *x, char *buffer, size_t size)
{
    *buffer = '\0';
    if (x->outstation)
        snprintf(buffer, size, " (outstation %s)", x->outstation);
    return buffer;
}

struct gw_template *gw_expansion_compile(const struct gw_expansion *expansion,
                                         const struct gw_json_path *path, const char *text,
                                         bool brackets)
{
    struct gw_template_error error;
    char whom[128];
    struct gw_template *template = gw_template_compile(GW_OWNER_CONFIG, text, expansion->names,
                                                       expansion->name_count, brackets, &error);
    if (!template)
        gw_json_error(expansion->reader->file, path, "%s%s", error.message,
                      for_whom(expansion, whom, sizeof whom));
    return template;
}

bool gw_expansion_text(const struct gw_expansion *expansion, const struct gw_template *template,
                       const struct gw_json_path *path, char *buffer, size_t size)
{
    if (gw_template_expand(template, expansion->values, buffer, size) >= 0)
        return true;
    gw_json_error(expansion->reader->file, path, "longer than %zu characters for index %s",
                  size - 1, expansion->index_text);
    return false;
}

const char *gw_expansion_name(const struct gw_expansion *expansion,
                              const struct gw_template *template, const struct gw_json_path *path,
                              struct gw_arena *arena)
{
    char text[GW_TOPIC_MAX];
    char whom[128];
    if (!gw_expansion_text(expansion, template, path, text, sizeof text))
        return NULL;
    const char *problem = gw_name_problem(text, true);
    if (!problem)
        return gw_arena_string(arena, text);
    gw_json_error(expansion->reader->file, path, "%s: \"%s\" for index %s%s", problem, text,
                  expansion->index_text, for_whom(expansion, whom, sizeof whom));
    return NULL;
}
