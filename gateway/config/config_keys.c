/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of gateway.json, in the order and words of the reference; those of a profile are in
 * profile_keys.c. */
#include "gateway/config/config_keys.h"

#include <arpa/inet.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define PLANNED     .flags = GW_KEY_PLANNED
#define ENDPOINTS_SCHEMA                                                                           \
    "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"type\":\"string\"}}]}"
#define LIST_SCHEMA(definition)                                                                    \
    "{\"type\":\"array\",\"items\":{\"$ref\":\"#/definitions/" definition "\"}}"

static const struct gw_word clock_words[] = {{"auto", GW_CLOCK_AUTO},
                                             {"trusted", GW_CLOCK_TRUSTED},
                                             {"untrusted", GW_CLOCK_UNTRUSTED},
                                             {NULL, GW_WORDS_END}};

#define GATEWAY(member) GW_KEY_FIELD(struct gw_gateway_entry, member)
static const struct gw_key gateway_rows[] = {
    {.name = "gateway",
     .type = GW_KEY_NAME,
     .flags = GW_KEY_REQUIRED,
     GATEWAY(gateway),
     .help = "This gateway's name, {gateway} in topics."},
    {.name = "mqtt",
     .flags = GW_KEY_REQUIRED,
     .schema = "{\"$ref\":\"#/definitions/mqtt\"}",
     .help = "The broker."},
    {.name = "spool",
     .schema = "{\"$ref\":\"#/definitions/spool\"}",
     .help = "Where messages wait while the broker is away."},
    {.name = "profiles",
     .fallback = "{}",
     .schema =
         "{\"type\":\"object\",\"additionalProperties\":{\"$ref\":\"#/definitions/profile\"}}",
     .help = "Named behaviour; default applies where none is named."},
    {.name = "channels",
     .fallback = "[]",
     .schema = LIST_SCHEMA("channel"),
     .help = "Shared lines and listeners."},
    {.name = "outstations",
     .fallback = "[]",
     .schema = LIST_SCHEMA("outstation"),
     .help = "The devices."},
    {.name = "include",
     .fallback = "[]",
     .schema = "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}",
     .help = "More files with profiles, channels, outstations."},
    {.name = "controls",
     .type = GW_KEY_BOOLEAN,
     .fallback = "true",
     GATEWAY(controls),
     .help = "Master switch for everything that operates or writes."},
    {.name = "reload", PLANNED, .help = "When files are read again."},
    {.name = "http", PLANNED, .help = "Metrics and health."},
    {.name = "log", .schema = "{\"$ref\":\"#/definitions/log\"}", .help = "level, format."},
    {.name = "clock",
     .type = GW_KEY_WORD,
     .words = clock_words,
     .fallback = "\"auto\"",
     GATEWAY(clock),
     .help = "Whether this host's clock may be trusted; auto asks the kernel."},
};
const struct gw_keys gw_gateway_keys = {"a gateway file", gateway_rows, COUNT(gateway_rows)};

static const struct gw_key include_rows[] = {
    {.name = "profiles", .help = "Named behaviour."},
    {.name = "channels", .help = "Shared lines and listeners."},
    {.name = "outstations", .help = "The devices."},
};
const struct gw_keys gw_include_keys = {"an included file: it has profiles, channels, outstations",
                                        include_rows, COUNT(include_rows)};

static const struct gw_word level_words[] = {
#define X(name, text) {text, GW_LOG_##name},
    GW_LOG_LEVEL_MAP(X)
#undef X
        {NULL, GW_WORDS_END}};
static const struct gw_word format_words[] = {
    {"logfmt", GW_LOG_LOGFMT}, {"json", GW_LOG_JSON}, {NULL, GW_WORDS_END}};

static const struct gw_key log_rows[] = {
    {.name = "level",
     .type = GW_KEY_WORD,
     .words = level_words,
     .fallback = "\"info\"",
     GW_KEY_FIELD(struct gw_log_entry, level),
     .help = "How much is logged."},
    {.name = "format",
     .type = GW_KEY_WORD,
     .words = format_words,
     .fallback = "\"logfmt\"",
     GW_KEY_FIELD(struct gw_log_entry, format),
     .help = "How a line looks."},
};
const struct gw_keys gw_log_keys = {"log", log_rows, COUNT(log_rows)};

static const struct gw_key spool_rows[] = {
    {.name = "path",
     .type = GW_KEY_TEXT,
     .flags = GW_KEY_REQUIRED,
     GW_KEY_FIELD(struct gw_spool_entry, path),
     .help = "A directory of its own, on a disk that survives a loss of power."},
    {.name = "max_mb",
     .type = GW_KEY_INTEGER,
     .min = 1,
     .max = 1048576,
     .fallback = "64",
     GW_KEY_FIELD(struct gw_spool_entry, max_mb),
     .help = "Its size on disk, at most."},
};
const struct gw_keys gw_spool_keys = {"spool", spool_rows, COUNT(spool_rows)};

/* mqtt */

static void read_version(const struct gw_reader *reader, const json_t *value,
                         const struct gw_json_path *path, void *field)
{
    uint8_t *version = field;
    const char *text = json_string_value(value);
    if (json_integer_value(value) == 5 || (text && strcmp(text, "5") == 0))
        *version = GW_MQTT_5;
    else if (text && strcmp(text, "3.1.1") == 0)
        *version = GW_MQTT_3_1_1;
    else
        gw_keys_expected(reader, path, "5 or \"3.1.1\"");
}

static const struct gw_word republish_words[] = {{"if_lost", GW_REPUBLISH_IF_LOST},
                                                 {"always", GW_REPUBLISH_ALWAYS},
                                                 {"never", GW_REPUBLISH_NEVER},
                                                 {NULL, GW_WORDS_END}};

#define MQTT(member) GW_KEY_FIELD(struct gw_mqtt_entry, member)
static const struct gw_key mqtt_rows[] = {
    {.name = "url",
     .flags = GW_KEY_REQUIRED | GW_KEY_SECRET,
     .schema = ENDPOINTS_SCHEMA,
     .help = "mqtt://host:port; a list fails over in order."},
    {.name = "client_id",
     .type = GW_KEY_TEXT,
     .fallback = "\"dnp3-mqtt-{gateway}\"",
     MQTT(client_id),
     .help = "Unique at the broker."},
    {.name = "version",
     .read = read_version,
     .fallback = "5",
     .schema = "{\"enum\":[5,\"5\",\"3.1.1\"]}",
     MQTT(version),
     .help = "Protocol version."},
    {.name = "username", .type = GW_KEY_TEXT, MQTT(username), .help = "Credentials."},
    {.name = "password_file",
     .type = GW_KEY_TEXT,
     MQTT(password_file),
     .help = "A file that holds the password."},
    {.name = "keep_alive_s",
     .type = GW_KEY_SECONDS,
     .min = 1,
     .max = 65535,
     .fallback = "30",
     MQTT(keep_alive_ms),
     .help = "Ping interval."},
    {.name = "tls", PLANNED, .help = "Certificates."},
    {.name = "prefix",
     .type = GW_KEY_TEXT,
     .fallback = "\"dnp3/{gateway}\"",
     MQTT(prefix),
     .help = "Start of every default topic."},
    {.name = "topics",
     .schema = "{\"$ref\":\"#/definitions/topics\"}",
     .help = "Templates of topics; [/{site}] vanishes when empty."},
    {.name = "format", PLANNED, .help = "Payload of points."},
    {.name = "keys", PLANNED, .help = "Renames payload keys."},
    {.name = "time_format", PLANNED, .help = "Times in what we publish."},
    {.name = "names", PLANNED, .help = "Adds names to each point message."},
    {.name = "qos",
     .type = GW_KEY_INTEGER,
     .max = 1,
     .fallback = "1",
     MQTT(qos),
     .help = "For points; 0 gives up the promise."},
    {.name = "retain",
     .type = GW_KEY_BOOLEAN,
     .fallback = "true",
     MQTT(retain),
     .help = "For points."},
    {.name = "max_rate",
     .type = GW_KEY_NUMBER,
     .max = 1000000,
     .fallback = "0",
     MQTT(max_rate),
     .help = "Messages a second, 0 = no limit."},
    {.name = "republish",
     .type = GW_KEY_WORD,
     .words = republish_words,
     .fallback = "\"if_lost\"",
     MQTT(republish),
     .help = "Current values after a connect."},
};
const struct gw_keys gw_mqtt_keys = {"mqtt", mqtt_rows, COUNT(mqtt_rows)};

#define TOPIC(number)                                                                              \
    .type = GW_KEY_TEXT,                                                                           \
    .offset = offsetof(struct gw_topics_entry, templates) + (number) * sizeof(char *),             \
    .size = sizeof(char *)
static const struct gw_key topics_rows[] = {
    {.name = "status",
     TOPIC(GW_TOPIC_STATUS),
     .fallback = "\"{prefix}/status\"",
     .help = "Gateway status and will."},
    {.name = "outstation_status",
     TOPIC(GW_TOPIC_OUTSTATION_STATUS),
     .fallback = "\"{prefix}/{outstation}/status\"",
     .help = "Outstation status."},
    {.name = "meta",
     TOPIC(GW_TOPIC_META),
     .fallback = "\"{prefix}/{outstation}/meta\"",
     .help = "What an outstation's points and controls are."},
    {.name = "undecoded",
     TOPIC(GW_TOPIC_UNDECODED),
     .fallback = "\"{prefix}/{outstation}/undecoded\"",
     .help = "What came from an outstation and cannot be read, as octets."},
    {.name = "point",
     TOPIC(GW_TOPIC_POINT),
     .fallback = "\"{prefix}/{outstation}/point/{point}\"",
     .help = "A point."},
    {.name = "event", PLANNED, .help = "Every event in order, not retained."},
    {.name = "set",
     TOPIC(GW_TOPIC_SET),
     .fallback = "\"{prefix}/{outstation}/set/{control}\"",
     .help = "Where a control is commanded."},
    {.name = "arm",
     TOPIC(GW_TOPIC_ARM),
     .fallback = "\"{prefix}/{outstation}/arm/{control}\"",
     .help = "Where a control is armed."},
    {.name = "result",
     TOPIC(GW_TOPIC_RESULT),
     .fallback = "\"{prefix}/{outstation}/result/{control}\"",
     .help = "A command's result."},
    {.name = "command",
     TOPIC(GW_TOPIC_COMMAND),
     .fallback = "\"{prefix}/{outstation}/command/{command}\"",
     .help = "Where an outstation is commanded."},
};
const struct gw_keys gw_topics_keys = {"topics", topics_rows, COUNT(topics_rows)};

/* channels */

static void read_reconnect(const struct gw_reader *reader, const json_t *value,
                           const struct gw_json_path *path, void *field)
{
    struct gw_channel_config *channel = field;
    double least = json_number_value(json_array_get(value, 0));
    double most = json_number_value(json_array_get(value, 1));
    if (json_array_size(value) != 2 || !(least >= 0.1) || !(most >= least) || !(most <= 86400)) {
        gw_keys_expected(reader, path,
                         "[min, max] in seconds, from 0.1 to 86400 and the smaller first");
        return;
    }
    channel->reconnect_min_ms = (uint32_t)(least * 1000 + 0.5);
    channel->reconnect_max_ms = (uint32_t)(most * 1000 + 0.5);
}

static const uint32_t speeds[] = {
#define X(baud) baud,
    GW_SERIAL_SPEED_MAP(X)
#undef X
};

static void read_baud(const struct gw_reader *reader, const json_t *value,
                      const struct gw_json_path *path, void *field)
{
    uint32_t *baud = field;
    char text[160] = "";
    size_t used = 0;
    for (size_t i = 0; i < COUNT(speeds); i++) {
        if (json_is_integer(value) && json_integer_value(value) == speeds[i]) {
            *baud = speeds[i];
            return;
        }
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%u", used ? ", " : "", speeds[i]);
    }
    gw_keys_expected(reader, path, "one of %s", text);
}

static const struct gw_word parity_words[] = {{"none", GW_PARITY_NONE},
                                              {"even", GW_PARITY_EVEN},
                                              {"odd", GW_PARITY_ODD},
                                              {NULL, GW_WORDS_END}};
static const struct gw_word flow_words[] = {{"none", GW_FLOW_NONE},
                                            {"hardware", GW_FLOW_HARDWARE},
                                            {"software", GW_FLOW_SOFTWARE},
                                            {NULL, GW_WORDS_END}};

/* Addresses only: a listener is bound before names can be resolved. */
static void read_listen(const struct gw_reader *reader, const json_t *value,
                        const struct gw_json_path *path, void *field)
{
    struct gw_endpoint *listen = field;
    const char *text = json_string_value(value);
    char host[GW_HOST_MAX];
    struct in6_addr address;
    const char *problem = text ? gw_endpoint_parse(text, 20000, host, &listen->port) : "";
    if (problem ||
        (inet_pton(AF_INET, host, &address) != 1 && inet_pton(AF_INET6, host, &address) != 1)) {
        gw_keys_expected(reader, path,
                         "an address of this host and a port, as \"0.0.0.0:20000\" or "
                         "\"[::]:20000\"");
        return;
    }
    listen->host = gw_arena_string(reader->arena, host);
}

static bool read_network(const struct gw_reader *reader, const json_t *value,
                         const struct gw_json_path *path, struct gw_network *network)
{
    char problem[GW_NETWORK_PROBLEM_MAX];
    const char *text = json_string_value(value);
    bool good = gw_network_parse(text ? text : "", network, problem);
    if (!good)
        gw_json_error(reader->file, path, "%s", problem);
    return good;
}

static void read_allow(const struct gw_reader *reader, const json_t *value,
                       const struct gw_json_path *path, void *field)
{
    struct gw_channel_config *channel = field;
    if (!gw_keys_list(reader, value, path))
        return;
    size_t count = json_array_size(value);
    if (!count) {
        gw_json_error(reader->file, path,
                      "an empty list allows nobody: leave \"allow\" out to let everybody in");
        return;
    }
    struct gw_network *list = gw_arena_array(reader->arena, count, sizeof *list);
    for (size_t i = 0; list && i < count; i++) {
        struct gw_json_path step = {.parent = path, .index = i};
        read_network(reader, json_array_get(value, i), &step, list + i);
    }
    channel->allow = list;
    channel->allow_count = list ? count : 0;
}

static const struct gw_word channel_types[] = {
    {"tcp", GW_CHANNEL_TCP},  {"tcp_listen", GW_CHANNEL_TCP_LISTEN},
    {"tls", GW_WORD_PLANNED}, {"tls_listen", GW_WORD_PLANNED},
    {"udp", GW_CHANNEL_UDP},  {"serial", GW_CHANNEL_SERIAL},
    {NULL, GW_WORDS_END}};

#define CHANNEL(member) GW_KEY_FIELD(struct gw_channel_config, member)
static const struct gw_key channel_rows[] = {
    {.name = "name",
     .type = GW_KEY_NAME,
     .flags = GW_KEY_REQUIRED,
     CHANNEL(name),
     .help = "The channel's name."},
    {.name = "type",
     .type = GW_KEY_WORD,
     .flags = GW_KEY_REQUIRED,
     .words = channel_types,
     CHANNEL(type),
     .help = "How it connects."},
    {.name = "endpoints",
     .schema = "{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"minItems\":1}",
     .help = "host:port, fail-over in order; required for tcp."},
    {.name = "listen",
     .read = read_listen,
     .schema = "{\"type\":\"string\"}",
     CHANNEL(listen),
     .help =
         "Address and port to listen on; required for tcp_listen, and for udp without endpoints."},
    {.name = "device",
     .type = GW_KEY_TEXT,
     CHANNEL(serial.device),
     .help = "Path of the serial device; required for serial."},
    {.name = "broadcast",
     .type = GW_KEY_BOOLEAN,
     .fallback = "false",
     CHANNEL(broadcast),
     .help = "A freeze may go to every outstation of the line at once."},
    {.name = "half_duplex",
     .type = GW_KEY_BOOLEAN,
     .fallback = "false",
     CHANNEL(half_duplex),
     .help = "A multi-drop line is behind it: one request at a time over all its outstations; a "
             "serial channel always is."},
    {.name = "connect_timeout_s",
     .type = GW_KEY_SECONDS,
     .min = 0.1,
     .max = 3600,
     .fallback = "10",
     CHANNEL(connect_timeout_ms),
     .help = "Wait for a connection."},
    {.name = "reconnect_s",
     .read = read_reconnect,
     .fallback = "[1, 60]",
     .schema = "{\"type\":\"array\",\"items\":{\"type\":\"number\",\"minimum\":0.1},"
               "\"minItems\":2,\"maxItems\":2}",
     .help = "Shortest and longest wait; exponential, full jitter."},
    {.name = "tls", PLANNED, .help = "Certificates."},
    {.name = "allow",
     .read = read_allow,
     .schema = "{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"minItems\":1}",
     .help = "Networks that may dial in or be heard; everybody where it is left out."},
    {.name = "identify_s",
     .type = GW_KEY_SECONDS,
     .min = 1,
     .max = 3600,
     .fallback = "30",
     CHANNEL(identify_ms),
     .help = "How long a caller may take to say who it is."},
    {.name = "max_unidentified",
     .type = GW_KEY_INTEGER,
     .min = 1,
     .max = 10000,
     .fallback = "16",
     CHANNEL(max_unidentified),
     .help = "Callers at a time that have not said who they are."},
    {.name = "baud",
     .read = read_baud,
     .fallback = "9600",
     .schema = "{\"enum\":[300,600,1200,2400,4800,9600,19200,38400,57600,115200,230400,460800,"
               "921600]}",
     .offset = offsetof(struct gw_channel_config, serial.baud),
     .size = sizeof(uint32_t),
     .help = "Bits a second."},
    {.name = "data",
     .type = GW_KEY_INTEGER,
     .min = 5,
     .max = 8,
     .fallback = "8",
     CHANNEL(serial.data),
     .help = "Data bits; DNP3 needs 8."},
    {.name = "parity",
     .type = GW_KEY_WORD,
     .words = parity_words,
     .fallback = "\"none\"",
     CHANNEL(serial.parity),
     .help = "Parity bit."},
    {.name = "stop",
     .type = GW_KEY_INTEGER,
     .min = 1,
     .max = 2,
     .fallback = "1",
     CHANNEL(serial.stop),
     .help = "Stop bits."},
    {.name = "flow",
     .type = GW_KEY_WORD,
     .words = flow_words,
     .fallback = "\"none\"",
     CHANNEL(serial.flow),
     .help = "Flow control."},
    {.name = "rs485",
     .type = GW_KEY_BOOLEAN,
     .fallback = "false",
     CHANNEL(serial.rs485),
     .help = "The port drives RTS around what it sends."},
    {.name = "turnaround_s",
     .type = GW_KEY_SECONDS,
     .max = 10,
     .fallback = "0",
     CHANNEL(serial.turnaround_ms),
     .help = "Pause between frames, heard or sent, and the next one sent."},
};
const struct gw_keys gw_channel_keys = {"a channel", channel_rows, COUNT(channel_rows)};

/* outstations */

static void read_peer(const struct gw_reader *reader, const json_t *value,
                      const struct gw_json_path *path, void *field)
{
    struct gw_network **peer = field;
    struct gw_network *network = gw_arena_array(reader->arena, 1, sizeof *network);
    if (network && read_network(reader, value, path, network))
        *peer = network;
}

#define OUTSTATION(member) GW_KEY_FIELD(struct gw_outstation_entry, member)
static const struct gw_key outstation_rows[] = {
    {.name = "name",
     .type = GW_KEY_NAME,
     .flags = GW_KEY_REQUIRED,
     OUTSTATION(name),
     .help = "The outstation's name, {outstation} in topics."},
    {.name = "connect",
     .schema = ENDPOINTS_SCHEMA,
     .help = "tcp:// or udp://host:port; a list fails over in order."},
    {.name = "channel",
     .type = GW_KEY_TEXT,
     OUTSTATION(channel),
     .help = "A shared channel, in place of connect."},
    {.name = "address",
     .type = GW_KEY_INTEGER,
     .flags = GW_KEY_REQUIRED,
     .max = 65519,
     OUTSTATION(address),
     .help = "The outstation's DNP3 address."},
    {.name = "peer",
     .read = read_peer,
     .schema = "{\"type\":\"string\"}",
     OUTSTATION(peer),
     .help = "The address or network that it dials in or speaks from (tcp_listen, udp)."},
    {.name = "behind",
     .type = GW_KEY_TEXT,
     OUTSTATION(behind),
     .help = "The outstation whose call reaches this one too (tcp_listen)."},
    {.name = "profile",
     .type = GW_KEY_TEXT,
     OUTSTATION(profile),
     .help = "Its behaviour; \"default\" where none is named."},
    {.name = "mapping",
     .type = GW_KEY_TEXT,
     OUTSTATION(mapping),
     .help = "Its mapping file; without one every point is published."},
    {.name = "label", .type = GW_KEY_TEXT, OUTSTATION(label), .help = "Free text."},
    {.name = "vars",
     .fallback = "{}",
     .schema = "{\"type\":\"object\",\"additionalProperties\":{\"type\":[\"string\",\"integer\"]}}",
     .help = "Values for placeholders."},
    {.name = "enabled",
     .type = GW_KEY_BOOLEAN,
     .fallback = "true",
     OUTSTATION(enabled),
     .help = "false: known, but not connected."},
    {.name = "points",
     .schema = "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"name\"]}}",
     .help = "Changes of the mapping's points, by name, and points of its own."},
};
const struct gw_keys gw_outstation_keys = {"an outstation", outstation_rows,
                                           COUNT(outstation_rows)};
