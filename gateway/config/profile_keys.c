/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a profile, which may stand in an outstation as well, and of its polls. */
#include <string.h>

#include "gateway/config/config_keys.h"
#include "gateway/mapping/mapping_expand.h"

#define COUNT(rows)     (sizeof(rows) / sizeof *(rows))
#define PROFILE(member) GW_KEY_FIELD(struct gw_profile, member)
#define WHOLE           .offset = 0, .size = sizeof(struct gw_profile)
#define INDEX_SCHEMA                                                                               \
    "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0,\"maximum\":65535},"                          \
    "{\"type\":\"string\",\"pattern\":\"^[0-9]+\\\\.\\\\.[0-9]+$\"}]}"

/* A list of classes as bits; false: an error was added. */
static bool read_classes(const struct gw_reader *reader, const json_t *value,
                         const struct gw_json_path *path, uint32_t least, uint8_t *bits)
{
    uint8_t found = 0;
    if (!gw_keys_list(reader, value, path))
        return false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct gw_json_path step = {.parent = path, .index = i};
        uint32_t class = 0;
        if (!gw_keys_integer(reader, json_array_get(value, i), &step, least, 3, &class))
            return false;
        found |= (uint8_t)(1u << class);
    }
    *bits = found;
    return true;
}

static void read_integrity(const struct gw_reader *reader, const json_t *value,
                           const struct gw_json_path *path, void *field)
{
    read_classes(reader, value, path, 0, field);
}

static void read_unsolicited(const struct gw_reader *reader, const json_t *value,
                             const struct gw_json_path *path, void *field)
{
    struct gw_profile *profile = field;
    profile->unsolicited_untouched = json_is_null(value);
    if (json_is_null(value))
        profile->unsolicited = 0;
    else
        read_classes(reader, value, path, 1, &profile->unsolicited);
}

static bool is_of_outstation(const struct gw_json_path *path)
{
    while (path && path->parent)
        path = path->parent;
    return path && path->key && strcmp(path->key, "outstations") == 0;
}

/* An outstation's list is of its mapping. */
static void read_controls(const struct gw_reader *reader, const json_t *value,
                          const struct gw_json_path *path, void *field)
{
    bool *controls = field;
    bool outstation = is_of_outstation(path);
    if (json_is_boolean(value))
        *controls = json_is_true(value);
    else if (!outstation || !json_is_array(value))
        gw_keys_expected(reader, path, "true or false%s",
                         outstation ? ", or a list of controls" : "");
}

static const struct gw_word command_words[] = {
#define X(name, text) {text, GW_COMMAND_##name},
    GW_COMMAND_MAP(X)
#undef X
        {NULL, GW_WORDS_END}};

#define COMMAND_SCHEMA                                                                             \
    "\"integrity\",\"events\",\"time_sync\",\"freeze\",\"freeze_clear\",\"restart_cold\","         \
    "\"restart_warm\",\"deadband\",\"file\",\"attributes\",\"decode\""

static void read_commands(const struct gw_reader *reader, const json_t *value,
                          const struct gw_json_path *path, void *field)
{
    uint16_t *commands = field;
    uint16_t found = 0;
    if (!gw_keys_list(reader, value, path))
        return;
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct gw_json_path step = {.parent = path, .index = i};
        int word = 0;
        if (gw_keys_word(reader, json_array_get(value, i), &step, command_words, &word))
            found |= (uint16_t)(1u << word);
    }
    *commands = found;
}

/* Polls */

static void read_poll_classes(const struct gw_reader *reader, const json_t *value,
                              const struct gw_json_path *path, void *field)
{
    uint8_t *bits = field;
    if (read_classes(reader, value, path, 0, bits) && *bits == 0)
        gw_json_error(reader->file, path, "no class: a poll that reads nothing");
}

/* An index or a range; false: an error was added. */
static bool read_index(const struct gw_reader *reader, const json_t *value,
                       const struct gw_json_path *path, uint16_t *first, uint16_t *last)
{
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    uint32_t from = 0;
    uint32_t to = 0;
    if (number >= 0 && number <= GW_INDEX_MAX) {
        from = to = (uint32_t)number;
    } else if (!json_is_string(value) || !gw_range_parse(json_string_value(value), &from, &to)) {
        gw_keys_expected(reader, path, "an index from 0 to %d or a range \"0..99\"", GW_INDEX_MAX);
        return false;
    }
    *first = (uint16_t)from;
    *last = (uint16_t)to;
    return true;
}

static void read_poll_index(const struct gw_reader *reader, const json_t *value,
                            const struct gw_json_path *path, void *field)
{
    struct gw_poll *poll = field;
    poll->ranged |= read_index(reader, value, path, &poll->first, &poll->last);
}

static bool is_readable(uint32_t group)
{
    static const uint8_t groups[] = {1,  2,  3,  4,  10, 11, 13, 20, 21, 22,  23,
                                     30, 31, 32, 33, 34, 40, 42, 43, 50, 110, 111};
    return memchr(groups, (int)group, sizeof groups) != NULL;
}

static bool is_event_group(uint32_t group)
{
    static const uint8_t groups[] = {2, 4, 11, 13, 22, 23, 32, 33, 42, 43, 111};
    return memchr(groups, (int)group, sizeof groups) != NULL;
}

static void read_poll(const struct gw_reader *reader, const json_t *object,
                      const struct gw_json_path *path, struct gw_poll *poll)
{
    static const struct gw_keys *const tables[] = {&gw_poll_keys};
    struct gw_json_path group = {.parent = path, .key = "group"};
    struct gw_json_path index = {.parent = path, .key = "index"};
    bool has_group = json_object_get(object, "group") != NULL;
    bool has_index = json_object_get(object, "index") != NULL;
    if (!gw_keys_object(reader, object, path))
        return;
    if (reader->file)
        gw_keys_check(reader, tables, 1, object, path);
    gw_keys_default(reader->arena, &gw_poll_keys, poll);
    gw_keys_read(reader, &gw_poll_keys, object, path, poll);
    if (has_group == (json_object_get(object, "classes") != NULL))
        gw_json_error(reader->file, path, "a poll has either \"classes\" or \"group\"");
    else if (has_group && !is_readable(poll->group))
        gw_json_error(reader->file, &group,
                      "group %u cannot be polled: classes are polled with \"classes\"",
                      poll->group);
    else if (has_index && !has_group)
        gw_json_error_key(reader->file, &index, "an index needs a \"group\"");
    else if (has_index && is_event_group(poll->group))
        gw_json_error_key(reader->file, &index, "events of group %u have no index to ask for",
                          poll->group);
}

static void read_polls(const struct gw_reader *reader, const json_t *value,
                       const struct gw_json_path *path, void *field)
{
    struct gw_profile *profile = field;
    if (!gw_keys_list(reader, value, path))
        return;
    size_t count = json_array_size(value);
    if (count > GW_POLLS_MAX) {
        gw_json_error(reader->file, path, "more than %d polls", GW_POLLS_MAX);
        return;
    }
    struct gw_poll *polls = gw_arena_array(reader->arena, count, sizeof *polls);
    if (!polls)
        return;
    for (size_t i = 0; i < count; i++) {
        struct gw_json_path step = {.parent = path, .index = i};
        read_poll(reader, json_array_get(value, i), &step, polls + i);
    }
    profile->polls = polls;
    profile->poll_count = count;
}

static const struct gw_key poll_rows[] = {
    {.name = "classes",
     .read = read_poll_classes,
     GW_KEY_FIELD(struct gw_poll, classes),
     .schema = "{\"type\":\"array\",\"items\":{\"enum\":[0,1,2,3]},\"minItems\":1}",
     .help = "Classes to read."},
    {.name = "group",
     .type = GW_KEY_INTEGER,
     .min = 1,
     .max = 255,
     GW_KEY_FIELD(struct gw_poll, group),
     .help = "Object group to read, in place of classes."},
    {.name = "variation",
     .type = GW_KEY_INTEGER,
     .max = 255,
     .fallback = "0",
     GW_KEY_FIELD(struct gw_poll, variation),
     .help = "Variation of the group, 0 = any."},
    {.name = "index",
     .read = read_poll_index,
     .offset = 0,
     .size = sizeof(struct gw_poll),
     .schema = INDEX_SCHEMA,
     .help = "Index or range \"0..99\" of the group; all where it is not set."},
    {.name = "every_s",
     .type = GW_KEY_SECONDS,
     .flags = GW_KEY_REQUIRED,
     .min = 0.1,
     .max = 2592000,
     GW_KEY_FIELD(struct gw_poll, every_ms),
     .help = "Period."},
};
const struct gw_keys gw_poll_keys = {"a poll", poll_rows, COUNT(poll_rows)};

/* Assigned classes */

static void read_assigned_index(const struct gw_reader *reader, const json_t *value,
                                const struct gw_json_path *path, void *field)
{
    struct gw_assigned *assigned = field;
    assigned->ranged |= read_index(reader, value, path, &assigned->first, &assigned->last);
}

/* Static groups whose points can make events. */
static bool is_assignable(uint32_t group)
{
    static const uint8_t groups[] = {1, 3, 10, 12, 20, 21, 30, 31, 40, 41, 110};
    return memchr(groups, (int)group, sizeof groups) != NULL;
}

static void read_assigned(const struct gw_reader *reader, const json_t *object,
                          const struct gw_json_path *path, struct gw_assigned *assigned)
{
    static const struct gw_keys *const tables[] = {&gw_assigned_keys};
    struct gw_json_path group = {.parent = path, .key = "group"};
    if (!gw_keys_object(reader, object, path))
        return;
    gw_keys_check(reader, tables, 1, object, path);
    gw_keys_read(reader, &gw_assigned_keys, object, path, assigned);
    if (json_object_get(object, "group") && !is_assignable(assigned->group))
        gw_json_error(reader->file, &group,
                      "group %u is in no class: inputs, counters, outputs and strings are "
                      "(1, 3, 10, 12, 20, 21, 30, 31, 40, 41, 110)",
                      assigned->group);
}

static void read_assign_class(const struct gw_reader *reader, const json_t *value,
                              const struct gw_json_path *path, void *field)
{
    struct gw_profile *profile = field;
    if (!gw_keys_list(reader, value, path))
        return;
    size_t count = json_array_size(value);
    if (count > GW_ASSIGNED_MAX) {
        gw_json_error(reader->file, path, "more than %d entries", GW_ASSIGNED_MAX);
        return;
    }
    struct gw_assigned *assigned = gw_arena_array(reader->arena, count, sizeof *assigned);
    if (!assigned)
        return;
    for (size_t i = 0; i < count; i++) {
        struct gw_json_path step = {.parent = path, .index = i};
        read_assigned(reader, json_array_get(value, i), &step, assigned + i);
    }
    profile->assigned = assigned;
    profile->assigned_count = count;
}

static const struct gw_key assigned_rows[] = {
    {.name = "class",
     .type = GW_KEY_INTEGER,
     .flags = GW_KEY_REQUIRED,
     .max = 3,
     GW_KEY_FIELD(struct gw_assigned, to),
     .help = "Where they belong: 1 to 3, or 0 for no events."},
    {.name = "group",
     .type = GW_KEY_INTEGER,
     .flags = GW_KEY_REQUIRED,
     .min = 1,
     .max = 255,
     GW_KEY_FIELD(struct gw_assigned, group),
     .help = "Object group of the points, the static one (30, not 32)."},
    {.name = "index",
     .read = read_assigned_index,
     .offset = 0,
     .size = sizeof(struct gw_assigned),
     .schema = INDEX_SCHEMA,
     .help = "Index or range \"0..99\" of the group; all where it is not set."},
};
const struct gw_keys gw_assigned_keys = {"an assignment", assigned_rows, COUNT(assigned_rows)};

/* Identity */

static const struct gw_key identity_rows[] = {
    {.name = "serial_number",
     .type = GW_KEY_TEXT,
     GW_KEY_FIELD(struct gw_profile, identity[GW_IDENTITY_SERIAL_NUMBER]),
     .help = "Attribute 248."},
    {.name = "manufacturer",
     .type = GW_KEY_TEXT,
     GW_KEY_FIELD(struct gw_profile, identity[GW_IDENTITY_MANUFACTURER]),
     .help = "Attribute 252."},
    {.name = "model",
     .type = GW_KEY_TEXT,
     GW_KEY_FIELD(struct gw_profile, identity[GW_IDENTITY_MODEL]),
     .help = "Attribute 250, the product's name and model."},
};
const struct gw_keys gw_identity_keys = {"an identity", identity_rows, COUNT(identity_rows)};

static void read_identity(const struct gw_reader *reader, const json_t *object,
                          const struct gw_json_path *path, void *field)
{
    static const struct gw_keys *const tables[] = {&gw_identity_keys};
    struct gw_profile *profile = field;
    memset(profile->identity, 0, sizeof profile->identity);
    if (!gw_keys_object(reader, object, path))
        return;
    if (reader->file)
        gw_keys_check(reader, tables, 1, object, path);
    gw_keys_read(reader, &gw_identity_keys, object, path, profile);
}

/* Profiles */

static void read_time_zone(const struct gw_reader *reader, const json_t *value,
                           const struct gw_json_path *path, void *field)
{
    struct gw_profile *profile = field;
    struct gw_time_zone *zone = gw_arena_array(reader->arena, 1, sizeof *zone);
    const char *text = json_string_value(value);
    if (!zone)
        return;
    const char *problem = text ? gw_time_zone_parse(text, zone) : "expected a POSIX TZ string";
    if (problem) {
        gw_json_error(reader->file, path, "%s", problem);
        return;
    }
    bool utc = !zone->standard_s && !zone->has_summer;
    profile->time_zone = utc ? NULL : zone;
    profile->time_zone_text = gw_arena_string(reader->arena, text);
}

static const struct gw_word session_words[] = {
    {"continuous", GW_SESSION_CONTINUOUS},
    {"report_by_exception", GW_SESSION_REPORT_BY_EXCEPTION},
    {NULL, GW_WORDS_END}};
static const struct gw_word on_offline_words[] = {
    {"mark", GW_ON_OFFLINE_MARK}, {"keep", GW_ON_OFFLINE_KEEP}, {NULL, GW_WORDS_END}};
static const struct gw_word confirm_words[] = {{"safe", GW_CONFIRM_SAFE},
                                               {"journaled", GW_CONFIRM_JOURNALED},
                                               {"delivered", GW_CONFIRM_DELIVERED},
                                               {"received", GW_CONFIRM_RECEIVED},
                                               {NULL, GW_WORDS_END}};
static const struct gw_word time_sync_words[] = {{"lan", GW_TIME_SYNC_LAN},
                                                 {"non_lan", GW_TIME_SYNC_NON_LAN},
                                                 {"direct", GW_TIME_SYNC_DIRECT},
                                                 {"none", GW_TIME_SYNC_NONE},
                                                 {NULL, GW_WORDS_END}};

static const struct gw_key profile_rows[] = {
    {.name = "session",
     .type = GW_KEY_WORD,
     .words = session_words,
     .fallback = "\"continuous\"",
     PROFILE(session),
     .help = "Whether it is polled."},
    {.name = "max_silence_s",
     .type = GW_KEY_SECONDS,
     .max = 2592000,
     .fallback = "0",
     PROFILE(max_silence_ms),
     .help = "Silence before offline; required for report_by_exception, 0 = any."},
    {.name = "offline_after_s",
     .type = GW_KEY_SECONDS,
     .max = 2592000,
     .fallback = "30",
     PROFILE(offline_after_ms),
     .help = "Loss shorter than this is not reported."},
    {.name = "on_offline",
     .type = GW_KEY_WORD,
     .words = on_offline_words,
     .fallback = "\"mark\"",
     PROFILE(on_offline),
     .help = "What happens to the points."},
    {.name = "master_address",
     .type = GW_KEY_INTEGER,
     .max = 65519,
     .fallback = "1",
     PROFILE(master_address),
     .help = "Our own DNP3 address."},
    {.name = "response_timeout_s",
     .type = GW_KEY_SECONDS,
     .min = 0.05,
     .max = 3600,
     .fallback = "5",
     PROFILE(response_timeout_ms),
     .help = "Wait for an answer."},
    {.name = "keep_alive_s",
     .type = GW_KEY_SECONDS,
     .max = 2592000,
     .fallback = "60",
     PROFILE(keep_alive_ms),
     .help = "Link status when quiet; 0 = off."},
    {.name = "link_confirm",
     .type = GW_KEY_BOOLEAN,
     .fallback = "false",
     PROFILE(link_confirm),
     .help = "Confirmed link frames, for old devices."},
    {.name = "max_fragment",
     .type = GW_KEY_INTEGER,
     .min = 249,
     .max = 2048,
     .fallback = "2048",
     PROFILE(max_fragment),
     .help = "Largest request we send."},
    {.name = "confirm",
     .type = GW_KEY_WORD,
     .words = confirm_words,
     .fallback = "\"safe\"",
     PROFILE(confirm),
     .help = "When an event is confirmed."},
    {.name = "confirm_timeout_s",
     .type = GW_KEY_SECONDS,
     .min = 0.05,
     .max = 3600,
     .fallback = "5",
     PROFILE(confirm_timeout_ms),
     .help = "The outstation's own confirm timeout."},
    {.name = "clear_restart",
     .type = GW_KEY_BOOLEAN,
     .fallback = "true",
     PROFILE(clear_restart),
     .help = "Clears DEVICE_RESTART."},
    {.name = "integrity",
     .read = read_integrity,
     .fallback = "[1,2,3,0]",
     PROFILE(integrity),
     .schema = "{\"type\":\"array\",\"items\":{\"enum\":[0,1,2,3]}}",
     .help = "Classes read after connect, restart, overflow; [] = never."},
    {.name = "unsolicited",
     .read = read_unsolicited,
     .fallback = "[1,2,3]",
     WHOLE,
     .schema = "{\"type\":[\"array\",\"null\"],\"items\":{\"enum\":[1,2,3]}}",
     .help = "Enabled classes; [] disables all; null touches nothing."},
    {.name = "events_on_iin",
     .type = GW_KEY_BOOLEAN,
     .fallback = "true",
     PROFILE(events_on_iin),
     .help = "Reads classes that the outstation says it has."},
    {.name = "polls",
     .read = read_polls,
     .fallback = "[{\"classes\":[1,2,3],\"every_s\":60},{\"classes\":[0],\"every_s\":3600}]",
     WHOLE,
     .schema = "{\"type\":\"array\",\"items\":{\"$ref\":\"#/definitions/poll\"}}",
     .help = "Periodic reads; spread in time by themselves."},
    {.name = "time_sync",
     .type = GW_KEY_WORD,
     .words = time_sync_words,
     .fallback = "\"lan\"",
     PROFILE(time_sync),
     .help = "How, when the outstation asks."},
    {.name = "time_sync_every_s",
     .type = GW_KEY_SECONDS,
     .max = 2592000,
     .fallback = "0",
     PROFILE(time_sync_every_ms),
     .help = "And periodically."},
    {.name = "time_round_trip_s",
     .type = GW_KEY_SECONDS,
     .max = 3600,
     .fallback = "2",
     PROFILE(time_round_trip_ms),
     .help = "non_lan: longest way there and back by which a clock is set; 0 = any."},
    {.name = "assign_class",
     .read = read_assign_class,
     .fallback = "[]",
     WHOLE,
     .schema = "{\"type\":\"array\",\"items\":{\"$ref\":\"#/definitions/assignment\"}}",
     .help = "Written at startup: points and the class they belong to."},
    {.name = "time_zone",
     .read = read_time_zone,
     .fallback = "\"UTC0\"",
     WHOLE,
     .schema = "{\"type\":\"string\"}",
     .help = "Of the outstation's clock: a POSIX TZ string, as CET-1CEST,M3.5.0,M10.5.0/3."},
    {.name = "identity",
     .read = read_identity,
     WHOLE,
     .schema = "{\"$ref\":\"#/definitions/identity\"}",
     .help = "What the device must say it is."},
    {.name = "controls",
     .read = read_controls,
     .fallback = "true",
     PROFILE(controls),
     .schema = "{\"anyOf\":[{\"type\":\"boolean\"},{\"type\":\"array\",\"items\":{\"type\":"
               "\"object\",\"required\":[\"name\"]}}]}",
     .help = "Controls of this outstation; false = none. In an outstation also a list: changes of "
             "the mapping's, by name, and controls of its own."},
    {.name = "commands",
     .read = read_commands,
     .fallback = "[\"integrity\"]",
     PROFILE(commands),
     .schema = "{\"type\":\"array\",\"items\":{\"enum\":[" COMMAND_SCHEMA "]}}",
     .help = "Outstation commands that are allowed."},
    {.name = "file_user",
     .type = GW_KEY_TEXT,
     PROFILE(file_user),
     .help = "Who the outstation knows us as when its files are asked for."},
    {.name = "file_password_file",
     .type = GW_KEY_TEXT,
     PROFILE(file_password_file),
     .help = "A file that holds that user's password."},
};
const struct gw_keys gw_profile_keys = {"a profile", profile_rows, COUNT(profile_rows)};

static const struct gw_key extends_rows[] = {
    {.name = "extends",
     .type = GW_KEY_TEXT,
     .size = sizeof(char *),
     .help = "Starts from another profile."},
};
const struct gw_keys gw_extends_keys = {"a profile", extends_rows, COUNT(extends_rows)};
