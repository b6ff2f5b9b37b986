/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling a mapping's controls. What is wrong here could operate the wrong thing, so nothing is
 * guessed: words, codes, limits and feedback must all be there and fit together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/mapping/mapping_load.h"

/* An element of `controls` while it is compiled. */
struct element {
    struct gw_mapping_compiler *c;
    const json_t *object;
    const struct gw_json_path *path;
    struct gw_control_entry entry;
    struct gw_feedback_entry feedback;
    struct gw_expansion expansion;
    struct gw_template *name, *label, *feedback_point;
};

static bool is_analog(const struct element *e)
{
    return e->entry.type == GW_CONTROL_ANALOG_OUTPUT;
}

static struct gw_json_path step(const struct element *e, const char *key)
{
    return (struct gw_json_path){.parent = e->path, .key = key};
}

/* Checks that need no index */

static void refuse_keys(const struct element *e, const char *const *keys, size_t count,
                        const char *type)
{
    for (size_t i = 0; i < count; i++) {
        struct gw_json_path path = step(e, keys[i]);
        if (json_object_get(e->object, keys[i]))
            gw_json_error_key(e->c->reader.file, &path, "a control of type %s has none", type);
    }
}

static void check_limits(const struct element *e)
{
    static const char *const limits[] = {"min", "max"};
    const struct gw_control_entry *entry = &e->entry;
    const double values[] = {entry->min, entry->max};
    struct gw_map_control control = {
        .type = GW_CONTROL_ANALOG_OUTPUT,
        .command_type = entry->encoding,
        .scale = entry->scale,
        .offset = entry->offset,
        .min = entry->min,
        .max = entry->max,
    };
    struct gw_json_path path = step(e, "scale");
    if (entry->scale == 0) {
        gw_json_error(e->c->reader.file, &path, "a scale of 0 cannot be undone");
        return;
    }
    path = step(e, "min");
    if (entry->min > entry->max) {
        gw_json_error(e->c->reader.file, &path, "min %.10g is above max %.10g", entry->min,
                      entry->max);
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        struct dnp3_command command;
        path = step(e, limits[i]);
        if (gw_map_control_number(&control, values[i], &command) != 0)
            gw_json_error(e->c->reader.file, &path,
                          "%.10g is %.10g on the wire, more than %s carries", values[i],
                          (values[i] - entry->offset) / entry->scale,
                          json_string_value(json_object_get(e->object, "encoding")));
    }
}

static void check_element(const struct element *e)
{
    static const char *const for_analog[] = {"encoding", "scale", "offset", "unit", "min", "max"};
    static const char *const needed[] = {"encoding", "min", "max"};
    const struct gw_json_file *file = e->c->reader.file;
    size_t before = file->errors->errors;
    if (!is_analog(e)) {
        refuse_keys(e, for_analog, sizeof for_analog / sizeof *for_analog, "binary_output");
        if (!json_object_get(e->object, "states"))
            gw_json_error(file, e->path,
                          "\"states\" is missing: the words accepted, each with its CROB");
    } else {
        for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
            if (!json_object_get(e->object, needed[i]))
                gw_json_error(file, e->path, "\"%s\" is missing: an analog_output needs it",
                              needed[i]);
        if (file->errors->errors == before)
            check_limits(e);
    }
    if (e->entry.require != (GW_REQUIRE_ID | GW_REQUIRE_EXPIRES))
        gw_json_warning(file, e->path,
                        "without \"require\": [\"id\", \"expires\"] a bare value operates, and a "
                        "command that arrives late or twice cannot always be told");
}

/* States */

static bool read_crob(const struct element *e, const json_t *value, const struct gw_json_path *path,
                      struct dnp3_command *command)
{
    static const struct gw_keys *const tables[] = {&gw_crob_keys};
    const struct gw_reader *reader = &e->c->reader;
    struct gw_crob_entry crob = {0};
    if (!json_is_object(value)) {
        gw_keys_expected(reader, path, "a CROB such as { \"operation\": \"latch_on\" }");
        return false;
    }
    size_t before = reader->file->errors->errors;
    gw_keys_check(reader, tables, 1, value, path);
    gw_keys_default(reader->arena, &gw_crob_keys, &crob);
    gw_keys_read(reader, &gw_crob_keys, value, path, &crob);
    if (reader->file->errors->errors != before)
        return false;
    struct gw_json_path trip_close = {.parent = path, .key = "trip_close"};
    bool latch =
        crob.operation == DNP3_OPERATION_LATCH_ON || crob.operation == DNP3_OPERATION_LATCH_OFF;
    if (latch && crob.trip_close != DNP3_TRIP_CLOSE_NONE) {
        gw_json_error(reader->file, &trip_close,
                      "a latch has no trip or close: use \"pulse_on\" with it, or leave it out");
        return false;
    }
    struct gw_json_path queue = {.parent = path, .key = "queue"};
    if (crob.queue)
        gw_json_warning(reader->file, &queue, "the queue bit is obsolete, devices may refuse it");
    unsigned code =
        dnp3_crob_code((enum dnp3_operation)crob.operation, (enum dnp3_trip_close)crob.trip_close);
    if (crob.clear)
        code |= DNP3_CROB_CLEAR;
    if (crob.queue)
        code |= DNP3_CROB_QUEUE;
    *command = (struct dnp3_command){.type = DNP3_COMMAND_CROB,
                                     .code = (uint8_t)code,
                                     .count = crob.count,
                                     .on_ms = crob.on_ms,
                                     .off_ms = crob.off_ms};
    return true;
}

static bool read_number(const struct element *e, const json_t *value,
                        const struct gw_json_path *path, struct gw_map_state *state)
{
    struct gw_map_control control = {
        .type = GW_CONTROL_ANALOG_OUTPUT,
        .command_type = e->entry.encoding,
        .scale = e->entry.scale,
        .offset = e->entry.offset,
        .min = e->entry.min,
        .max = e->entry.max,
    };
    if (!json_is_number(value)) {
        gw_keys_expected(&e->c->reader, path, "a number in engineering units");
        return false;
    }
    state->value = json_number_value(value);
    if (gw_map_control_number(&control, state->value, &state->command) == 0)
        return true;
    gw_json_error(e->c->reader.file, path, "%.10g is outside of min %.10g to max %.10g",
                  state->value, control.min, control.max);
    return false;
}

/* A bare payload must not be taken for a number or JSON. */
static const char *word_problem(const char *word)
{
    char first = *word;
    if (!(first >= 'a' && first <= 'z') && !(first >= 'A' && first <= 'Z') && !(first & 0x80))
        return "a word begins with a letter";
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0 || strcmp(word, "null") == 0)
        return "true, false and null are JSON's own words";
    for (const char *at = word; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == '"' || *at == '\\')
            return "quotes, backslashes and control characters cannot stand in a word";
    return word[strlen(word) - 1] == ' ' ? "a word ends with a blank" : NULL;
}

/* Words and commands, without index and feedback. NULL: an error was added. */
static struct gw_map_state *read_states(const struct element *e, size_t *count)
{
    struct gw_mapping_compiler *c = e->c;
    struct gw_json_path path = step(e, "states");
    json_t *states = json_object_get(e->object, "states");
    *count = 0;
    struct gw_map_state *list =
        gw_arena_array(c->reader.arena, json_object_size(states), sizeof *list);
    if (!list || (states && !gw_keys_object(&c->reader, states, &path)))
        return NULL;
    if (states && json_object_size(states) == 0) {
        gw_json_error(c->reader.file, &path, "no word: nothing could be commanded");
        return NULL;
    }
    bool good = true;
    const char *word = NULL;
    json_t *value = NULL;
    json_object_foreach(states, word, value)
    {
        struct gw_json_path inner = {.parent = &path, .key = word};
        struct gw_map_state *state = list + (*count)++;
        const char *problem = word_problem(word);
        state->word = word; /* lives as long as the file; copied when placed */
        state->expect = -1;
        if (problem)
            gw_json_error_key(c->reader.file, &inner, "%s", problem);
        bool read = is_analog(e) ? read_number(e, value, &inner, state)
                                 : read_crob(e, value, &inner, &state->command);
        good = read && !problem && good;
    }
    return good ? list : NULL;
}

/* Feedback */

static int point_state(const struct gw_map_point *point, const char *word)
{
    int count = point->type == DNP3_POINT_DOUBLE_BIT_INPUT ? 4 : 2;
    for (int i = 0; i < count; i++)
        if (strcmp(point->states[i], word) == 0)
            return i;
    return -1;
}

static void no_state(const struct element *e, const struct gw_json_path *path,
                     const struct gw_map_point *point, const char *word)
{
    bool is_double = point->type == DNP3_POINT_DOUBLE_BIT_INPUT;
    gw_json_error(e->c->reader.file, path,
                  "point \"%s\" has no state \"%s\": there is %s, %s%s%s%s%s", point->name, word,
                  point->states[0], point->states[1], is_double ? ", " : "",
                  is_double ? point->states[2] : "", is_double ? ", " : "",
                  is_double ? point->states[3] : "");
}

static bool check_expect_words(const struct element *e, const json_t *expect,
                               const struct gw_json_path *path, const struct gw_map_state *states,
                               size_t count)
{
    bool good = true;
    const char *word = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)expect, word, value)
    {
        struct gw_json_path inner = {.parent = path, .key = word};
        size_t i = 0;
        while (i < count && strcmp(states[i].word, word) != 0)
            i++;
        if (i == count)
            gw_json_error_key(e->c->reader.file, &inner, "the control has no word \"%s\"", word);
        else if (!json_is_string(value))
            gw_keys_expected(&e->c->reader, &inner, "a state of the point in double quotes");
        good = good && i < count && json_is_string(value);
    }
    return good;
}

/* Sets what each word of a binary control waits for. */
static bool set_expect(const struct element *e, const struct gw_json_path *path,
                       const struct gw_map_point *point, struct gw_map_state *states, size_t count)
{
    const json_t *feedback = json_object_get(e->object, "feedback");
    const json_t *expect = json_object_get(feedback, "expect");
    struct gw_json_path expect_path = {.parent = path, .key = "expect"};
    if (expect && (!gw_keys_object(&e->c->reader, expect, &expect_path) ||
                   !check_expect_words(e, expect, &expect_path, states, count)))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct gw_json_path word_path = {.parent = &expect_path, .key = states[i].word};
        const char *word =
            expect ? json_string_value(json_object_get(expect, states[i].word)) : states[i].word;
        states[i].expect = word ? point_state(point, word) : -1;
        if (word && states[i].expect < 0) {
            no_state(e, expect ? &word_path : path, point, word);
            return false;
        }
    }
    return true;
}

static const char *nearest_point(const struct gw_mapping_compiler *c, const char *name)
{
    enum { COMPARED_MAX = 256 };
    const char *names[COMPARED_MAX];
    size_t count = 0;
    for (size_t i = 0; i < c->point_count && count < COMPARED_MAX; i++)
        names[count++] = c->points[i].name;
    return gw_nearest(name, names, count);
}

static bool is_for_words(const struct gw_map_point *point)
{
    return point->states != NULL;
}

/* The point of that name, where it can show what the control does; NULL: that is an error. */
static const struct gw_map_point *find_feedback(const struct element *e, const char *name,
                                                const struct gw_json_path *path)
{
    const struct gw_json_file *file = e->c->reader.file;
    const struct gw_map_point *point = gw_mapping_compiler_point(e->c, name);
    if (point && is_for_words(point) != is_analog(e))
        return point;
    if (point) {
        gw_json_error(file, path, "\"%s\" is of type %s, which cannot show %s", name,
                      dnp3_point_type_name((enum dnp3_point_type)point->type),
                      is_analog(e) ? "an analog value" : "a state");
    } else if (e->c->points_good) {
        const char *nearest = nearest_point(e->c, name);
        gw_json_error(file, path, "no point is called \"%s\"%s%s%s", name,
                      nearest ? ", did you mean \"" : "", nearest ? nearest : "",
                      nearest ? "\"?" : "");
    }
    return NULL;
}

/* Sets what the control waits for, of the index set last. */
static bool set_feedback(const struct element *e, struct gw_map_control *control,
                         struct gw_map_state *states)
{
    const struct gw_json_file *file = e->c->reader.file;
    struct gw_json_path path = step(e, "feedback");
    struct gw_json_path point_path = {.parent = &path, .key = "point"};
    char name[GW_TOPIC_MAX];
    if (!e->feedback_point)
        return true;
    if (!gw_expansion_text(&e->expansion, e->feedback_point, &point_path, name, sizeof name))
        return false;
    const struct gw_map_point *point = find_feedback(e, name, &point_path);
    if (!point)
        return false;
    struct gw_json_path expect_path = {.parent = &path, .key = "expect"};
    if (is_analog(e) && json_object_get(json_object_get(e->object, "feedback"), "expect")) {
        gw_json_error(file, &expect_path, "an analog_output waits for the value itself");
        return false;
    }
    control->feedback = point;
    control->feedback_within_ms = e->feedback.within_ms;
    return is_analog(e) || set_expect(e, &path, point, states, control->state_count);
}

static bool read_feedback(struct element *e)
{
    static const struct gw_keys *const tables[] = {&gw_feedback_keys};
    const struct gw_reader *reader = &e->c->reader;
    struct gw_json_path path = step(e, "feedback");
    struct gw_json_path point_path = {.parent = &path, .key = "point"};
    const json_t *object = json_object_get(e->object, "feedback");
    if (!object)
        return true;
    if (!gw_keys_object(reader, object, &path))
        return false;
    size_t before = reader->file->errors->errors;
    gw_keys_check(reader, tables, 1, object, &path);
    gw_keys_default(reader->arena, &gw_feedback_keys, &e->feedback);
    gw_keys_read(reader, &gw_feedback_keys, object, &path, &e->feedback);
    if (reader->file->errors->errors != before || !e->feedback.point)
        return false;
    e->feedback_point = gw_expansion_compile(&e->expansion, &point_path, e->feedback.point, true);
    return e->feedback_point != NULL;
}

/* Controls */

static bool add_control(struct gw_mapping_compiler *c, const struct gw_map_control *control)
{
    if (c->control_count == c->control_room) {
        size_t room = c->control_room ? c->control_room * 2 : 16;
        struct gw_map_control *grown =
            gw_memory_resize(GW_OWNER_CONFIG, c->controls, room * sizeof *grown);
        if (!grown)
            return false;
        c->controls = grown;
        c->control_room = room;
    }
    c->controls[c->control_count++] = *control;
    return true;
}

static bool add_index(struct element *e, struct gw_map_control control,
                      const struct gw_map_state *states, size_t i)
{
    struct gw_mapping_compiler *c = e->c;
    struct gw_json_path name_path = step(e, "name");
    struct gw_json_path label_path = step(e, "label");
    char text[GW_TOPIC_MAX];
    gw_expansion_set(&e->expansion, i);
    control.index = e->expansion.indexes[i];
    control.name = gw_expansion_name(&e->expansion, e->name, &name_path, c->arena);
    if (!control.name)
        return false;
    if (strncmp(control.name, "command/", strlen("command/")) == 0)
        gw_json_error(c->reader.file, &name_path,
                      "the results of outstation commands are called so: choose another name");
    if (strncmp(control.name, "arm/", strlen("arm/")) == 0)
        gw_json_error(c->reader.file, &name_path,
                      "the results of arming are called so: choose another name");
    if (e->label) {
        if (!gw_expansion_text(&e->expansion, e->label, &label_path, text, sizeof text))
            return false;
        control.label = gw_arena_string(c->arena, text);
    }
    struct gw_map_state *own = gw_arena_array(c->arena, control.state_count, sizeof *own);
    if (!own)
        return false;
    for (size_t s = 0; s < control.state_count; s++) {
        own[s] = states[s];
        own[s].word = gw_arena_string(c->arena, states[s].word);
        own[s].command.index = control.index;
        if (!own[s].word)
            return false;
    }
    control.states = own;
    return set_feedback(e, &control, own) && add_control(c, &control);
}

/* What the controls of an entry have in common: all but index, name and states. */
static struct gw_map_control control_of(const struct element *e, size_t state_count)
{
    struct gw_arena *arena = e->c->arena;
    const struct gw_control_entry *entry = &e->entry;
    return (struct gw_map_control){
        .unit = entry->unit ? gw_arena_string(arena, entry->unit) : NULL,
        .label = entry->label ? gw_arena_string(arena, entry->label) : NULL,
        .type = entry->type,
        .mode = entry->mode,
        .command_type = is_analog(e) ? entry->encoding : DNP3_COMMAND_CROB,
        .require_id = (entry->require & GW_REQUIRE_ID) || entry->arm_ms,
        .require_expires = (entry->require & GW_REQUIRE_EXPIRES) != 0,
        .poll_after = entry->poll_after,
        .max_age_ms = entry->max_age_ms,
        .max_per_minute = entry->max_per_minute,
        .arm_ms = entry->arm_ms,
        .state_count = state_count,
        .scale = entry->scale,
        .offset = entry->offset,
        .min = entry->min,
        .max = entry->max,
    };
}

static void expand_control(struct element *e, const struct gw_map_state *states, size_t count)
{
    struct gw_mapping_compiler *c = e->c;
    const struct gw_control_entry *entry = &e->entry;
    struct gw_map_control control = control_of(e, count);
    struct gw_json_path name_path = step(e, "name");
    struct gw_json_path label_path = step(e, "label");
    e->name = gw_expansion_compile(&e->expansion, &name_path, entry->name, true);
    if (entry->label && strchr(entry->label, '{')) {
        e->label = gw_expansion_compile(&e->expansion, &label_path, entry->label, false);
        if (!e->label)
            return;
    }
    if (!e->name || !read_feedback(e))
        return;
    if (e->expansion.count > GW_EXPAND_MAX - c->control_count)
        gw_json_error(c->reader.file, e->path, "more than %d controls in one mapping",
                      GW_EXPAND_MAX);
    else if (entry->enabled && !c->arena->failed)
        for (size_t i = 0; i < e->expansion.count && add_index(e, control, states, i);)
            i++;
}

static void compile_control(struct gw_mapping_compiler *c, const json_t *object,
                            const struct gw_json_path *path)
{
    static const struct gw_keys *const tables[] = {&gw_control_keys};
    struct element e = {.c = c, .object = object, .path = path};
    if (!gw_keys_object(&c->reader, object, path))
        return;
    size_t before = c->reader.file->errors->errors;
    gw_keys_check(&c->reader, tables, 1, object, path);
    gw_keys_default(c->reader.arena, &gw_control_keys, &e.entry);
    gw_keys_read(&c->reader, &gw_control_keys, object, path, &e.entry);
    if (c->reader.file->errors->errors != before)
        return;
    check_element(&e);
    if (c->reader.file->errors->errors != before)
        return;
    size_t count = 0;
    const struct gw_map_state *states = read_states(&e, &count);
    e.expansion.outstation = c->outstation;
    const char *type = json_string_value(json_object_get(object, "type"));
    if (gw_expansion_read(&e.expansion, &c->reader, object, path, type, c->vars, c->var_count) &&
        states)
        expand_control(&e, states, count);
    gw_template_free(e.name);
    gw_template_free(e.label);
    gw_template_free(e.feedback_point);
}

static int by_name(const void *left, const void *right)
{
    const struct gw_map_control *a = *(const struct gw_map_control *const *)left;
    const struct gw_map_control *b = *(const struct gw_map_control *const *)right;
    int order = strcmp(a->name, b->name);
    return order ? order : a < b ? -1 : a > b;
}

/* The element that control number `control` comes from. */
static size_t origin(const size_t *ends, size_t control)
{
    size_t element = 0;
    while (ends[element] <= control)
        element++;
    return element;
}

static void add_twice(const struct gw_mapping_compiler *c, const struct gw_json_path *list,
                      size_t first, size_t second, const char *name)
{
    struct gw_json_path other = {.parent = list, .index = first};
    struct gw_json_path path = {.parent = list, .index = second};
    char place[300];
    gw_json_place_format(c->reader.file, &other, place, sizeof place);
    gw_json_error(c->reader.file, &path, "two controls are called \"%s\", also at %s", name, place);
}

/* Sorts by name and refuses names that are there twice. */
static void sort_controls(struct gw_mapping_compiler *c, const struct gw_json_path *list,
                          const size_t *ends)
{
    struct gw_arena *arena = c->reader.arena;
    const struct gw_map_control **order = gw_arena_array(arena, c->control_count, sizeof(void *));
    struct gw_map_control *sorted = gw_arena_array(arena, c->control_count, sizeof *sorted);
    if (c->control_count == 0 || !order || !sorted)
        return;
    for (size_t i = 0; i < c->control_count; i++)
        order[i] = c->controls + i;
    qsort(order, c->control_count, sizeof(void *), by_name);
    for (size_t i = 0; i < c->control_count; i++) {
        sorted[i] = *order[i];
        if (i > 0 && strcmp(order[i]->name, order[i - 1]->name) == 0)
            add_twice(c, list, origin(ends, (size_t)(order[i - 1] - c->controls)),
                      origin(ends, (size_t)(order[i] - c->controls)), order[i]->name);
    }
    memcpy(c->controls, sorted, c->control_count * sizeof *sorted);
}

void gw_mapping_compile_controls(struct gw_mapping_compiler *compiler, const json_t *controls)
{
    struct gw_json_path path = {.key = "controls"};
    if (!controls || !gw_keys_list(&compiler->reader, controls, &path))
        return;
    size_t *ends = gw_arena_array(compiler->reader.arena, json_array_size(controls), sizeof *ends);
    if (!ends)
        return;
    for (size_t i = 0; i < json_array_size(controls); i++) {
        struct gw_json_path inner = {.parent = &path, .index = i};
        compile_control(compiler, json_array_get(controls, i), &inner);
        ends[i] = compiler->control_count;
    }
    sort_controls(compiler, &path, ends);
}
