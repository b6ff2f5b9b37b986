/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling a mapping's points: expand, sort by (type, index), refuse what is there twice. The
 * controls follow in mapping_control.c. */
#include "gateway/mapping/mapping_load.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/mapping/deadband.h"

static bool is_binary(unsigned type)
{
    return type == DNP3_POINT_BINARY_INPUT || type == DNP3_POINT_DOUBLE_BIT_INPUT ||
           type == DNP3_POINT_BINARY_OUTPUT_STATUS || type == DNP3_POINT_BINARY_COMMAND_EVENT;
}

static bool is_number(unsigned type)
{
    return !is_binary(type) && type != DNP3_POINT_OCTET_STRING && type != DNP3_POINT_TIME;
}

/* States */

static int state_number(const char *key, unsigned type)
{
    static const char *const binary[] = {"off", "on"};
    static const char *const double_bit[] = {"intermediate", "off", "on", "indeterminate"};
    bool is_double = type == DNP3_POINT_DOUBLE_BIT_INPUT;
    int count = is_double ? 4 : 2;
    for (int i = 0; i < count; i++)
        if (strcmp(key, is_double ? double_bit[i] : binary[i]) == 0)
            return i;
    return key[0] >= '0' && key[0] < '0' + count && !key[1] ? key[0] - '0' : -1;
}

static const char *const *read_states(struct gw_mapping_compiler *c, const json_t *states,
                                      const struct gw_json_path *path, unsigned type)
{
    const struct gw_map_point *plain =
        gw_mapping_point(&(struct gw_mapping){.unmapped = true}, (enum dnp3_point_type)type, 0);
    const size_t count = type == DNP3_POINT_DOUBLE_BIT_INPUT ? 4 : 2;
    if (!gw_keys_object(&c->reader, states, path))
        return NULL;
    const char **words = gw_arena_array(c->arena, count, sizeof *words);
    if (!words)
        return NULL;
    memcpy(words, plain->states, count * sizeof *words);
    const char *key = NULL;
    json_t *word = NULL;
    json_object_foreach((json_t *)(uintptr_t)states, key, word)
    {
        struct gw_json_path step = {.parent = path, .key = key};
        int number = state_number(key, type);
        if (number < 0)
            gw_json_error_key(c->reader.file, &step, "a %s has no such state: there is %s",
                              dnp3_point_type_name((enum dnp3_point_type)type),
                              count == 2 ? "off (0) and on (1)"
                                         : "intermediate (0), off (1), on (2), indeterminate (3)");
        else if (!json_is_string(word) || json_string_length(word) == 0)
            gw_keys_expected(&c->reader, &step, "a word in double quotes");
        else
            words[number] = gw_arena_string(c->arena, json_string_value(word));
    }
    return words;
}

/* Scale and decimals */

/* How many decimals a number has as it is written: "0.10" 2, "1e-3" 3. */
static int decimals_written(const struct gw_mapping_compiler *c, const struct gw_json_path *path)
{
    char text[64];
    gw_json_found(c->reader.file, path, text, sizeof text);
    const char *point = strchr(text, '.');
    const char *exponent = strpbrk(text, "eE");
    long decimals = point ? (long)strspn(point + 1, "0123456789") : 0;
    if (exponent)
        decimals -= strtol(exponent + 1, NULL, 10);
    return decimals < 0 ? 0 : decimals > 9 ? 9 : (int)decimals;
}

static int8_t decimals_of(const struct gw_mapping_compiler *c, const struct gw_point_entry *entry,
                          const json_t *object, const struct gw_json_path *path)
{
    struct gw_json_path scale = {.parent = path, .key = "scale"};
    struct gw_json_path offset = {.parent = path, .key = "offset"};
    bool has_scale = json_object_get(object, "scale") != NULL;
    bool has_offset = json_object_get(object, "offset") != NULL;
    if (entry->round != GW_ROUND_UNSET)
        return (int8_t)entry->round;
    if (entry->scale == 1 && entry->offset == 0)
        return -1;
    int of_scale = has_scale ? decimals_written(c, &scale) : 0;
    int of_offset = has_offset ? decimals_written(c, &offset) : 0;
    if (has_scale && of_offset > of_scale)
        gw_json_warning(
            c->reader.file, &offset,
            "values are rounded to the decimals of scale, %d: set \"round\": %d to keep the "
            "offset's",
            of_scale, of_offset);
    return (int8_t)(has_scale ? of_scale : of_offset);
}

static void check_deadband(const struct gw_mapping_compiler *c, const struct gw_point_entry *entry,
                           const json_t *object, const struct gw_json_path *path)
{
    struct gw_json_path step = {.parent = path, .key = "deadband"};
    const struct gw_map_point point = {.scaled = entry->scale != 1, .scale = entry->scale};
    double raw;
    if (!json_object_get(object, "deadband"))
        return;
    if (entry->type != DNP3_POINT_ANALOG_INPUT)
        gw_json_error_key(c->reader.file, &step, "only an analog_input has one");
    else if (gw_deadband_raw(&point, entry->deadband, &raw))
        gw_keys_expected(&c->reader, &step, "0 or more, as far as a 32-bit float reaches");
}

static void check_entry(const struct gw_mapping_compiler *c, const struct gw_point_entry *entry,
                        const json_t *object, const struct gw_json_path *path)
{
    static const char *const for_numbers[] = {"scale", "offset", "round", "unit"};
    static const char *const for_binaries[] = {"states", "invert"};
    const char *type = dnp3_point_type_name((enum dnp3_point_type)entry->type);
    for (size_t i = 0; i < 4 && !is_number(entry->type); i++) {
        struct gw_json_path step = {.parent = path, .key = for_numbers[i]};
        if (json_object_get(object, for_numbers[i]))
            gw_json_error_key(c->reader.file, &step, "a point of type %s has none", type);
    }
    for (size_t i = 0; i < 2 && !is_binary(entry->type); i++) {
        struct gw_json_path step = {.parent = path, .key = for_binaries[i]};
        if (json_object_get(object, for_binaries[i]))
            gw_json_error_key(c->reader.file, &step, "a point of type %s has none", type);
    }
    check_deadband(c, entry, object, path);
    struct gw_json_path scale = {.parent = path, .key = "scale"};
    if (entry->scale == 0)
        gw_json_error(c->reader.file, &scale, "a scale of 0 makes every value the same");
    if ((entry->type == DNP3_POINT_COUNTER || entry->type == DNP3_POINT_FROZEN_COUNTER) &&
        (entry->scale != 1 || entry->offset != 0) && json_object_get(object, "scale"))
        gw_json_warning(c->reader.file, &scale,
                        "a scaled counter: whoever takes differences must know where it rolls "
                        "over, which the scale hides");
}

/* Points */

static bool add_point(struct gw_mapping_compiler *c, struct gw_map_point point, size_t origin)
{
    if (c->point_count == c->point_room) {
        size_t room = c->point_room ? c->point_room * 2 : 64;
        struct gw_map_point *points =
            gw_memory_resize(GW_OWNER_CONFIG, c->points, room * sizeof *points);
        if (points)
            c->points = points;
        uint32_t *origins =
            gw_memory_resize(GW_OWNER_CONFIG, c->point_origins, room * sizeof *origins);
        if (origins)
            c->point_origins = origins;
        if (!points || !origins)
            return false;
        c->point_room = room;
    }
    c->point_origins[c->point_count] = (uint32_t)origin;
    c->points[c->point_count++] = point;
    return true;
}

/* The texts of an element that depend on the index. */
struct texts {
    struct gw_template *name, *label;
    struct gw_json_path name_path, label_path;
};

static bool add_index(struct gw_mapping_compiler *c, struct gw_expansion *x,
                      const struct texts *texts, struct gw_map_point point, size_t origin, size_t i)
{
    char text[GW_TOPIC_MAX];
    gw_expansion_set(x, i);
    point.index = x->indexes[i];
    point.name = gw_expansion_name(x, texts->name, &texts->name_path, c->arena);
    if (!point.name)
        return false;
    if (texts->label) {
        if (!gw_expansion_text(x, texts->label, &texts->label_path, text, sizeof text))
            return false;
        point.label = gw_arena_string(c->arena, text);
    }
    return add_point(c, point, origin);
}

static void expand_point(struct gw_mapping_compiler *c, struct gw_expansion *x,
                         const struct gw_point_entry *entry, struct gw_map_point point,
                         size_t origin)
{
    struct texts texts = {.name_path = {.parent = x->path, .key = "name"},
                          .label_path = {.parent = x->path, .key = "label"}};
    texts.name = gw_expansion_compile(x, &texts.name_path, entry->name, true);
    if (entry->label && strchr(entry->label, '{'))
        texts.label = gw_expansion_compile(x, &texts.label_path, entry->label, false);
    else if (entry->label)
        point.label = gw_arena_string(c->arena, entry->label);
    if (texts.name && x->count > GW_EXPAND_MAX - c->point_count)
        gw_json_error(c->reader.file, x->path, "more than %d points in one mapping", GW_EXPAND_MAX);
    else if (texts.name && entry->enabled)
        for (size_t i = 0; i < x->count && add_index(c, x, &texts, point, origin, i);)
            i++;
    gw_template_free(texts.name);
    gw_template_free(texts.label);
}

/* What the points of an entry have in common: all but index, name and label. */
static struct gw_map_point point_of(struct gw_mapping_compiler *c,
                                    const struct gw_point_entry *entry, const json_t *object,
                                    const struct gw_json_path *path)
{
    const struct gw_map_point *plain = gw_mapping_point(&(struct gw_mapping){.unmapped = true},
                                                        (enum dnp3_point_type)entry->type, 0);
    struct gw_map_point point = {
        .type = entry->type,
        .publish = entry->publish,
        .invert = entry->invert,
        .scaled = entry->scale != 1 || entry->offset != 0,
        .scale = entry->scale,
        .offset = entry->offset,
        .deadband = entry->deadband,
        .expiry_s = entry->expiry_s,
        .unit = entry->unit ? gw_arena_string(c->arena, entry->unit) : NULL,
        .decimals = decimals_of(c, entry, object, path),
        .states = plain->states,
    };
    struct gw_json_path states_path = {.parent = path, .key = "states"};
    const json_t *states = json_object_get(object, "states");
    if (states && is_binary(entry->type)) {
        point.states = read_states(c, states, &states_path, entry->type);
        point.own_states = true;
    }
    return point;
}

static void compile_point(struct gw_mapping_compiler *c, const json_t *object,
                          const struct gw_json_path *path, size_t origin)
{
    static const struct gw_keys *const tables[] = {&gw_point_keys};
    struct gw_point_entry entry = {.round = GW_ROUND_UNSET, .deadband = -1};
    if (!gw_keys_object(&c->reader, object, path))
        return;
    size_t before = c->reader.file->errors->errors;
    gw_keys_check(&c->reader, tables, 1, object, path);
    gw_keys_default(c->reader.arena, &gw_point_keys, &entry);
    gw_keys_read(&c->reader, &gw_point_keys, object, path, &entry);
    if (!json_object_get(object, "type"))
        return;
    if (c->reader.file->errors->errors == before)
        check_entry(c, &entry, object, path);
    struct gw_map_point point = point_of(c, &entry, object, path);
    struct gw_expansion expansion = {.outstation = c->outstation};
    if (gw_expansion_read(&expansion, &c->reader, object, path,
                          dnp3_point_type_name((enum dnp3_point_type)entry.type), c->vars,
                          c->var_count) &&
        c->reader.file->errors->errors == before && !c->arena->failed)
        expand_point(c, &expansion, &entry, point, origin);
}

/* Sorting */

struct sortable {
    struct gw_map_point point;
    uint32_t origin;
};

static int by_type_and_index(const void *left, const void *right)
{
    const struct sortable *a = left;
    const struct sortable *b = right;
    if (a->point.type != b->point.type)
        return a->point.type < b->point.type ? -1 : 1;
    if (a->point.index != b->point.index)
        return a->point.index < b->point.index ? -1 : 1;
    return a->origin < b->origin ? -1 : a->origin > b->origin;
}

static int by_name(const void *left, const void *right)
{
    const struct gw_map_point *a = *(const struct gw_map_point *const *)left;
    const struct gw_map_point *b = *(const struct gw_map_point *const *)right;
    int order = strcmp(a->name, b->name);
    return order ? order : a < b ? -1 : a > b;
}

static void element_place(const struct gw_mapping_compiler *c, uint32_t origin, char *buffer,
                          size_t size)
{
    struct gw_json_path list = {.key = "points"};
    struct gw_json_path path = {.parent = &list, .index = origin};
    gw_json_place_format(c->reader.file, &path, buffer, size);
}

static void add_twice(const struct gw_mapping_compiler *c, uint32_t first, uint32_t second,
                      const char *key, const char *what, const char *name)
{
    char place[300];
    struct gw_json_path list = {.key = "points"};
    struct gw_json_path path = {.parent = &list, .index = second};
    struct gw_json_path step = {.parent = &path, .key = key};
    bool written = gw_json_stands(c->reader.file, &step);
    element_place(c, first, place, sizeof place);
    gw_json_error(c->reader.file, written ? &step : &path, "%s%s, also at %s", name, what, place);
}

static void add_same(const struct gw_mapping_compiler *c, uint32_t origin, const char *name)
{
    struct gw_json_path list = {.key = "points"};
    struct gw_json_path path = {.parent = &list, .index = origin};
    struct gw_json_path step = {.parent = &path, .key = "name"};
    gw_json_error(c->reader.file, &step,
                  "several indexes are called \"%s\": put {index} or a variable into the name",
                  name);
}

/* Neighbours once they are sorted by type and index. */
static void refuse_same_index(const struct gw_mapping_compiler *c, const struct sortable *first,
                              const struct sortable *second)
{
    char what[64];
    if (first->point.type != second->point.type || first->point.index != second->point.index)
        return;
    snprintf(what, sizeof what, " %u is mapped twice", second->point.index);
    add_twice(c, first->origin, second->origin, "index", what,
              dnp3_point_type_name((enum dnp3_point_type)second->point.type));
}

/* Neighbours once they are sorted by name. */
static void refuse_same_name(const struct gw_mapping_compiler *c, const struct gw_map_point *a,
                             const struct gw_map_point *b)
{
    char name[300];
    uint32_t first = c->point_origins[a - c->points];
    uint32_t second = c->point_origins[b - c->points];
    bool same_index = a->type == b->type && a->index == b->index; /* told already */
    if (same_index || strcmp(a->name, b->name) != 0)
        return;
    snprintf(name, sizeof name, "two points are called \"%s\"", a->name);
    if (first == second)
        add_same(c, first, a->name);
    else
        add_twice(c, first < second ? first : second, first < second ? second : first, "name", "",
                  name);
}

/* Sorts, and refuses indexes and names that are there twice. */
static bool sort_points(struct gw_mapping_compiler *c)
{
    struct sortable *list = gw_arena_array(c->reader.arena, c->point_count, sizeof *list);
    c->by_name = gw_arena_array(c->reader.arena, c->point_count, sizeof(void *));
    if (!list || !c->by_name)
        return false;
    for (size_t i = 0; i < c->point_count; i++)
        list[i] = (struct sortable){c->points[i], c->point_origins[i]};
    if (c->point_count)
        qsort(list, c->point_count, sizeof *list, by_type_and_index);
    for (size_t i = 0; i < c->point_count; i++) {
        c->points[i] = list[i].point;
        c->point_origins[i] = list[i].origin;
        c->by_name[i] = c->points + i;
        if (i > 0)
            refuse_same_index(c, &list[i - 1], &list[i]);
    }
    if (c->point_count)
        qsort(c->by_name, c->point_count, sizeof(void *), by_name);
    for (size_t i = 1; i < c->point_count; i++)
        refuse_same_name(c, c->by_name[i - 1], c->by_name[i]);
    return true;
}

const struct gw_map_point *gw_mapping_compiler_point(const struct gw_mapping_compiler *compiler,
                                                     const char *name)
{
    size_t low = 0;
    size_t high = compiler->point_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(compiler->by_name[middle]->name, name);
        if (order == 0)
            return compiler->by_name[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Unmapped */

static bool parse_unmapped(const char *text, struct gw_map_range *range)
{
    char type[32];
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    if (length >= sizeof type)
        return false;
    memcpy(type, text, length);
    type[length] = '\0';
    int number = dnp3_point_type_from_name(type);
    if (number < 0 || !gw_map_type_is_published((unsigned)number))
        return false;
    *range = (struct gw_map_range){.type = (uint8_t)number, .last = GW_INDEX_MAX};
    return !slash || gw_range_parse(slash + 1, &range->first, &range->last);
}

static void compile_unmapped(struct gw_mapping_compiler *c, const json_t *value,
                             struct gw_mapping *mapping)
{
    struct gw_json_path path = {.key = "unmapped"};
    mapping->unmapped = json_is_true(value) || json_array_size(value) > 0;
    if (!value || json_is_boolean(value))
        return;
    if (!json_is_array(value)) {
        gw_keys_expected(&c->reader, &path, "true, false or a list");
        return;
    }
    size_t count = json_array_size(value);
    struct gw_map_range *ranges = gw_arena_array(c->arena, count, sizeof *ranges);
    for (size_t i = 0; ranges && i < count; i++) {
        struct gw_json_path step = {.parent = &path, .index = i};
        const char *text = json_string_value(json_array_get(value, i));
        if (!text || !parse_unmapped(text, ranges + i))
            gw_keys_expected(&c->reader, &step,
                             "a type and indexes such as \"analog_input/0..99\"");
    }
    mapping->ranges = ranges;
    mapping->range_count = ranges ? count : 0;
}

/* The whole */

static void compile_points(struct gw_mapping_compiler *c, const json_t *points)
{
    struct gw_json_path path = {.key = "points"};
    size_t before = c->reader.file->errors->errors;
    if (points && gw_keys_list(&c->reader, points, &path)) {
        for (size_t i = 0; i < json_array_size(points); i++) {
            struct gw_json_path step = {.parent = &path, .index = i};
            compile_point(c, json_array_get(points, i), &step, i);
        }
    }
    c->points_good = sort_points(c) && c->reader.file->errors->errors == before;
}

/* Moves the points to their final place and sets the types' starts. */
static bool place_points(struct gw_mapping_compiler *c, struct gw_mapping *mapping)
{
    struct gw_map_point *points =
        gw_arena_array(c->arena, c->point_count, sizeof(struct gw_map_point));
    if (!points)
        return false;
    for (size_t i = 0; i < c->point_count; i++)
        points[i] = c->points[i];
    size_t at = 0;
    for (unsigned type = 0; type <= GW_MAP_TYPES; type++) {
        while (at < c->point_count && points[at].type < type)
            at++;
        mapping->of_type[type] = (uint32_t)at;
    }
    /* Controls hold pointers to their feedback. */
    for (size_t i = 0; i < c->control_count; i++)
        if (c->controls[i].feedback)
            c->controls[i].feedback = points + (c->controls[i].feedback - c->points);
    mapping->points = points;
    mapping->point_count = c->point_count;
    return true;
}

static bool place_controls(struct gw_mapping_compiler *c, struct gw_mapping *mapping)
{
    struct gw_map_control *controls =
        gw_arena_array(c->arena, c->control_count, sizeof(struct gw_map_control));
    if (!controls)
        return false;
    for (size_t i = 0; i < c->control_count; i++)
        controls[i] = c->controls[i];
    mapping->controls = controls;
    mapping->control_count = c->control_count;
    return true;
}

static struct gw_mapping *compile(struct gw_mapping_compiler *c)
{
    static const struct gw_keys *const tables[] = {&gw_mapping_keys};
    const json_t *root = c->reader.file->root;
    size_t before = c->reader.file->errors->errors;
    struct gw_mapping *mapping = gw_arena_allocate(c->arena, sizeof *mapping);
    if (!mapping)
        return NULL;
    gw_keys_check(&c->reader, tables, 1, root, NULL);
    struct gw_json_path device_path = {.key = "device"};
    const json_t *device = json_object_get(root, "device");
    const char *problem =
        json_is_string(device) ? gw_name_problem(json_string_value(device), false) : NULL;
    if (device && !json_is_string(device))
        gw_keys_expected(&c->reader, &device_path, "text in double quotes");
    if (problem)
        gw_json_error(c->reader.file, &device_path, "%s", problem);
    compile_unmapped(c, json_object_get(root, "unmapped"), mapping);
    compile_points(c, json_object_get(root, "points"));
    gw_mapping_compile_controls(c, json_object_get(root, "controls"));
    if (c->reader.file->errors->errors != before || c->reader.arena->failed)
        return NULL;
    const char *slash = strrchr(c->reader.file->path, '/');
    mapping->device = gw_arena_string(c->arena, json_string_value(device));
    mapping->file = gw_arena_string(c->arena, slash ? slash + 1 : c->reader.file->path);
    return place_points(c, mapping) && place_controls(c, mapping) && !c->arena->failed ? mapping
                                                                                       : NULL;
}

const struct gw_mapping *gw_mapping_compile(const struct gw_json_file *file, const char *outstation,
                                            const struct gw_var *vars, size_t var_count,
                                            struct gw_arena *arena)
{
    struct gw_arena scratch = {.owner = GW_OWNER_CONFIG};
    struct gw_mapping_compiler compiler = {
        .reader = {.file = file, .arena = &scratch},
        .arena = arena,
        .outstation = outstation,
        .vars = vars,
        .var_count = var_count,
    };
    struct gw_mapping *mapping = compile(&compiler);
    gw_memory_release(compiler.points);
    gw_memory_release(compiler.point_origins);
    gw_memory_release(compiler.controls);
    gw_arena_free(&scratch);
    return mapping;
}

const struct gw_mapping *gw_mapping_none(void)
{
    static const struct gw_mapping none = {.unmapped = true};
    return &none;
}
