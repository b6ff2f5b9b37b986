/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a mapping file, in the order and words of the reference. */
#include "gateway/mapping/mapping_keys.h"

#include <string.h>

#include "gateway/json/config_error.h"

#define COUNT(rows)     (sizeof(rows) / sizeof *(rows))
#define POINT(member)   GW_KEY_FIELD(struct gw_point_entry, member)
#define CONTROL(member) GW_KEY_FIELD(struct gw_control_entry, member)
#define CROB(member)    GW_KEY_FIELD(struct gw_crob_entry, member)
#define PLANNED         .flags = GW_KEY_PLANNED

static const char index_schema[] =
    "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0,\"maximum\":65535},"
    "{\"type\":\"string\",\"pattern\":\"^[0-9]+\\\\.\\\\.[0-9]+$\"},"
    "{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":65535}}]}";
static const char lists_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"array\","
    "\"items\":{\"type\":[\"string\",\"integer\"]}}}";
static const char vars_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":{\"type\":[\"string\",\"integer\"]}}";

/* What points and controls are called by; FIELD is POINT or CONTROL. */
#define NAMING_ROWS(FIELD, what)                                                                   \
    {.name = "index",                                                                              \
     .flags = GW_KEY_REQUIRED,                                                                     \
     .schema = index_schema,                                                                       \
     .help = "A number, a list, or a range \"4..6\"."},                                            \
        {.name = "name",                                                                           \
         .type = GW_KEY_TEXT,                                                                      \
         .fallback = "\"{type}/{index}\"",                                                         \
         FIELD(name),                                                                              \
         .help = "Topic name; placeholders: index, type, any var."},                               \
        {.name = "vars",                                                                           \
         .fallback = "{}",                                                                         \
         .schema = lists_schema,                                                                   \
         .help = "Lists with one value for each index."},                                          \
        {.name = "enabled",                                                                        \
         .type = GW_KEY_BOOLEAN,                                                                   \
         .fallback = "true",                                                                       \
         FIELD(enabled),                                                                           \
         .help = "false removes the " what "."},                                                   \
    {                                                                                              \
        .name = "label", .type = GW_KEY_TEXT, FIELD(label), .help = "Free text, in meta."          \
    }

static const struct gw_word point_types[] = {
    {"binary_input", DNP3_POINT_BINARY_INPUT},
    {"double_bit_input", DNP3_POINT_DOUBLE_BIT_INPUT},
    {"binary_output_status", DNP3_POINT_BINARY_OUTPUT_STATUS},
    {"counter", DNP3_POINT_COUNTER},
    {"frozen_counter", DNP3_POINT_FROZEN_COUNTER},
    {"analog_input", DNP3_POINT_ANALOG_INPUT},
    {"frozen_analog_input", DNP3_POINT_FROZEN_ANALOG_INPUT},
    {"analog_output_status", DNP3_POINT_ANALOG_OUTPUT_STATUS},
    {"octet_string", DNP3_POINT_OCTET_STRING},
    {"time", DNP3_POINT_TIME},
    {"binary_command_event", DNP3_POINT_BINARY_COMMAND_EVENT},
    {"analog_command_event", DNP3_POINT_ANALOG_COMMAND_EVENT},
    {"analog_input_dead_band", DNP3_POINT_ANALOG_INPUT_DEAD_BAND},
    {"unsigned_integer", DNP3_POINT_UNSIGNED_INTEGER},
    {NULL, GW_WORDS_END}};

static const struct gw_word publish_words[] = {{"change", GW_PUBLISH_CHANGE},
                                               {"always", GW_PUBLISH_ALWAYS},
                                               {"never", GW_PUBLISH_NEVER},
                                               {NULL, GW_WORDS_END}};

static const struct gw_key mapping_rows[] = {
    {.name = "device",
     .type = GW_KEY_NAME,
     .flags = GW_KEY_REQUIRED,
     .size = sizeof(char *),
     .help = "The kind of device."},
    {.name = "extends", PLANNED, .help = "Another mapping; merged by name."},
    {.name = "vars", .fallback = "{}", .schema = vars_schema, .help = "Defaults for placeholders."},
    {.name = "unmapped",
     .fallback = "false",
     .schema = "{\"anyOf\":[{\"type\":\"boolean\"},{\"type\":\"array\",\"items\":{\"type\":"
               "\"string\"}}]}",
     .help = "Points not named here: true, false, or a list such as [\"analog_input/0..99\"]."},
    {.name = "points",
     .fallback = "[]",
     .schema = "{\"type\":\"array\",\"items\":{\"$ref\":\"#/definitions/point\"}}",
     .help = "What the device reports."},
    {.name = "controls",
     .fallback = "[]",
     .schema = "{\"type\":\"array\",\"items\":{\"$ref\":\"#/definitions/control\"}}",
     .help = "What the device can be told."},
};
const struct gw_keys gw_mapping_keys = {"a mapping file", mapping_rows, COUNT(mapping_rows)};

static const struct gw_key point_rows[] = {
    {.name = "type",
     .type = GW_KEY_WORD,
     .flags = GW_KEY_REQUIRED,
     .words = point_types,
     POINT(type),
     .help = "The point's DNP3 type."},
    NAMING_ROWS(POINT, "point"),
    {.name = "states",
     .schema = "{\"type\":\"object\",\"properties\":{"
               "\"off\":{\"type\":\"string\"},\"on\":{\"type\":\"string\"},"
               "\"intermediate\":{\"type\":\"string\"},\"indeterminate\":{\"type\":\"string\"},"
               "\"0\":{\"type\":\"string\"},\"1\":{\"type\":\"string\"},"
               "\"2\":{\"type\":\"string\"},\"3\":{\"type\":\"string\"}},"
               "\"additionalProperties\":false}",
     .help = "Words for off, on, intermediate, indeterminate, or numbers as keys."},
    {.name = "invert",
     .type = GW_KEY_BOOLEAN,
     .fallback = "false",
     POINT(invert),
     .help = "Swaps off and on."},
    {.name = "scale",
     .type = GW_KEY_NUMBER,
     .fallback = "1",
     POINT(scale),
     .help = "value = raw * scale + offset."},
    {.name = "offset",
     .type = GW_KEY_NUMBER,
     .fallback = "0",
     POINT(offset),
     .help = "value = raw * scale + offset."},
    {.name = "round",
     .type = GW_KEY_INTEGER,
     .max = 9,
     POINT(round),
     .help = "Decimals of the value; those of scale where it is not set."},
    {.name = "unit", .type = GW_KEY_TEXT, POINT(unit), .help = "Unit of the value."},
    {.name = "deadband",
     .type = GW_KEY_NUMBER,
     POINT(deadband),
     .help = "Written to the outstation (g34), in the point's unit."},
    {.name = "min_change", PLANNED, .help = "Polled values only."},
    {.name = "min_interval_s", PLANNED, .help = "Polled values only."},
    {.name = "publish",
     .type = GW_KEY_WORD,
     .words = publish_words,
     .fallback = "\"change\"",
     POINT(publish),
     .help = "Polled values; events always go out unless never."},
    {.name = "combine", PLANNED, .help = "All indexes become one number."},
    {.name = "group", PLANNED, .help = "Shares one message."},
    {.name = "topic", PLANNED, .help = "As mqtt."},
    {.name = "format", PLANNED, .help = "As mqtt."},
    {.name = "qos", PLANNED, .help = "As mqtt."},
    {.name = "retain", PLANNED, .help = "As mqtt."},
    {.name = "expiry_s",
     .type = GW_KEY_INTEGER,
     .max = UINT32_MAX,
     .fallback = "0",
     POINT(expiry_s),
     .help = "MQTT 5 message expiry; 0 = never."},
};
const struct gw_keys gw_point_keys = {"a point", point_rows, COUNT(point_rows)};

static const struct gw_word control_types[] = {{"binary_output", GW_CONTROL_BINARY_OUTPUT},
                                               {"analog_output", GW_CONTROL_ANALOG_OUTPUT},
                                               {NULL, GW_WORDS_END}};
static const struct gw_word control_modes[] = {
    {"select_before_operate", GW_CONTROL_SELECT_BEFORE_OPERATE},
    {"direct_operate", GW_CONTROL_DIRECT_OPERATE},
    {"direct_operate_no_ack", GW_CONTROL_DIRECT_OPERATE_NO_ACK},
    {NULL, GW_WORDS_END}};
static const struct gw_word encodings[] = {{"int16", DNP3_COMMAND_ANALOG_INT16},
                                           {"int32", DNP3_COMMAND_ANALOG_INT32},
                                           {"float32", DNP3_COMMAND_ANALOG_FLOAT},
                                           {"float64", DNP3_COMMAND_ANALOG_DOUBLE},
                                           {NULL, GW_WORDS_END}};

static void read_require(const struct gw_reader *reader, const json_t *value,
                         const struct gw_json_path *path, void *field)
{
    static const struct gw_word words[] = {
        {"id", GW_REQUIRE_ID}, {"expires", GW_REQUIRE_EXPIRES}, {NULL, GW_WORDS_END}};
    uint8_t *bits = field;
    *bits = 0;
    if (!gw_keys_list(reader, value, path))
        return;
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct gw_json_path step = {.parent = path, .index = i};
        int bit = 0;
        if (gw_keys_word(reader, json_array_get(value, i), &step, words, &bit))
            *bits |= (uint8_t)bit;
    }
}

static const struct gw_key control_rows[] = {
    {.name = "type",
     .type = GW_KEY_WORD,
     .flags = GW_KEY_REQUIRED,
     .words = control_types,
     CONTROL(type),
     .help = "CROB (g12), or analog output (g41)."},
    NAMING_ROWS(CONTROL, "control"),
    {.name = "mode",
     .type = GW_KEY_WORD,
     .words = control_modes,
     .fallback = "\"select_before_operate\"",
     CONTROL(mode),
     .help = "How it is operated; results of no-ack are always unknown."},
    {.name = "states",
     .schema = "{\"type\":\"object\",\"additionalProperties\":{\"anyOf\":[{\"type\":\"number\"},"
               "{\"$ref\":\"#/definitions/crob\"}]}}",
     .help = "The only words accepted, each with its CROB or number."},
    {.name = "encoding",
     .type = GW_KEY_WORD,
     .words = encodings,
     CONTROL(encoding),
     .help = "Of an analog output; required there."},
    {.name = "scale",
     .type = GW_KEY_NUMBER,
     .fallback = "1",
     CONTROL(scale),
     .help = "raw = (value - offset) / scale, rounded."},
    {.name = "offset",
     .type = GW_KEY_NUMBER,
     .fallback = "0",
     CONTROL(offset),
     .help = "raw = (value - offset) / scale, rounded."},
    {.name = "unit", .type = GW_KEY_TEXT, CONTROL(unit), .help = "Unit of the value."},
    {.name = "min",
     .type = GW_KEY_NUMBER,
     CONTROL(min),
     .help = "Least value accepted, in engineering units; required for analog."},
    {.name = "max",
     .type = GW_KEY_NUMBER,
     CONTROL(max),
     .help = "Largest value accepted, in engineering units; required for analog."},
    {.name = "require",
     .fallback = "[]",
     .read = read_require,
     CONTROL(require),
     .schema = "{\"type\":\"array\",\"items\":{\"enum\":[\"id\",\"expires\"]}}",
     .help = "What a command must carry."},
    {.name = "max_age_s",
     .type = GW_KEY_SECONDS,
     .min = 0.001,
     .max = 86400,
     .fallback = "10",
     CONTROL(max_age_ms),
     .help = "Oldest command accepted."},
    {.name = "max_per_minute",
     .type = GW_KEY_INTEGER,
     .min = 1,
     .max = 60000,
     .fallback = "10",
     CONTROL(max_per_minute),
     .help = "More than this many commands a minute are refused."},
    {.name = "arm_s",
     .type = GW_KEY_SECONDS,
     .min = 0,
     .max = 3600,
     .fallback = "0",
     CONTROL(arm_ms),
     .help = "Must be armed with the same id within this."},
    {.name = "feedback",
     .schema = "{\"$ref\":\"#/definitions/feedback\"}",
     .help = "The point that shows that it moved."},
    {.name = "poll_after",
     .type = GW_KEY_BOOLEAN,
     .fallback = "true",
     CONTROL(poll_after),
     .help = "Reads events after operating."},
};
const struct gw_keys gw_control_keys = {"a control", control_rows, COUNT(control_rows)};

static const struct gw_word operations[] = {
#define X(name, value, text) {text, value},
    DNP3_OPERATION_MAP(X)
#undef X
        {NULL, GW_WORDS_END}};
static const struct gw_word trip_close_words[] = {
#define X(name, value, text) {text, value},
    DNP3_TRIP_CLOSE_MAP(X)
#undef X
        {NULL, GW_WORDS_END}};

static const struct gw_key crob_rows[] = {
    {.name = "operation",
     .type = GW_KEY_WORD,
     .flags = GW_KEY_REQUIRED,
     .words = operations,
     CROB(operation),
     .help = "Operation of the control relay output block."},
    {.name = "trip_close",
     .type = GW_KEY_WORD,
     .words = trip_close_words,
     .fallback = "\"none\"",
     CROB(trip_close),
     .help = "Trip-close code."},
    {.name = "clear",
     .type = GW_KEY_BOOLEAN,
     .fallback = "false",
     CROB(clear),
     .help = "Clear bit on the wire."},
    {.name = "queue",
     .type = GW_KEY_BOOLEAN,
     .fallback = "false",
     CROB(queue),
     .help = "Queue bit on the wire, obsolete."},
    {.name = "count",
     .type = GW_KEY_INTEGER,
     .min = 1,
     .max = 255,
     .fallback = "1",
     CROB(count),
     .help = "How often."},
    {.name = "on_ms",
     .type = GW_KEY_INTEGER,
     .max = 4294967295.0,
     .fallback = "100",
     CROB(on_ms),
     .help = "On-time in milliseconds."},
    {.name = "off_ms",
     .type = GW_KEY_INTEGER,
     .max = 4294967295.0,
     .fallback = "100",
     CROB(off_ms),
     .help = "Off-time in milliseconds."},
};
const struct gw_keys gw_crob_keys = {"a control relay output block", crob_rows, COUNT(crob_rows)};

static const struct gw_key feedback_rows[] = {
    {.name = "point",
     .type = GW_KEY_TEXT,
     .flags = GW_KEY_REQUIRED,
     GW_KEY_FIELD(struct gw_feedback_entry, point),
     .help = "Name of the point that shows whether it moved."},
    {.name = "within_s",
     .type = GW_KEY_SECONDS,
     .min = 0.001,
     .max = 3600,
     .fallback = "5",
     GW_KEY_FIELD(struct gw_feedback_entry, within_ms),
     .help = "How long it may take."},
    {.name = "expect",
     .schema = "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}",
     .help = "For each word of the control, the point's state that follows."},
};
const struct gw_keys gw_feedback_keys = {"feedback", feedback_rows, COUNT(feedback_rows)};
