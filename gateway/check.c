/* SPDX-License-Identifier: Apache-2.0 */
/* The report: for each outstation where it is, when it is read, and under which topics its points
 * and controls appear. A mapping that several share is shown once. */
#include "gateway/check.h"

#include <inttypes.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/command/command.h"
#include "gateway/command/control.h"
#include "gateway/config/topic.h"

/* Small things */

/* "10", "0.5": a duration in seconds without needless zeros. */
static const char *seconds(uint32_t ms, char buffer[24])
{
    snprintf(buffer, 24, "%.10g", ms / 1000.0);
    return buffer;
}

/* "classes 1, 2, 3", "class 0" */
static const char *classes(uint8_t bits, char buffer[24])
{
    static const char *const order[] = {"1", "2", "3", "0"};
    static const uint8_t bit[] = {GW_CLASS_1, GW_CLASS_2, GW_CLASS_3, GW_CLASS_0};
    bool one = (bits & (bits - 1)) == 0;
    size_t start = (size_t)snprintf(buffer, 24, "%s", one ? "class " : "classes ");
    size_t used = start;
    for (size_t i = 0; i < 4; i++)
        if (bits & bit[i])
            used += (size_t)snprintf(buffer + used, 24 - used, "%s%s", used > start ? ", " : "",
                                     order[i]);
    return buffer;
}

static void print_endpoint(FILE *out, const char *scheme, const struct gw_endpoint *endpoint)
{
    bool is_v6 = strchr(endpoint->host, ':') != NULL;
    fprintf(out, "%s%s%s%s:%u", scheme, is_v6 ? "[" : "", endpoint->host, is_v6 ? "]" : "",
            endpoint->port);
}

static void print_endpoints(FILE *out, const char *scheme, const struct gw_endpoint *list,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ", then " : "", out);
        print_endpoint(out, scheme, list + i);
    }
}

/* The gateway */

static void print_own_topics(FILE *out, const struct gw_config *config)
{
    static const enum gw_topic heard[] = {GW_TOPIC_SET, GW_TOPIC_ARM, GW_TOPIC_COMMAND};
    char topic[GW_TOPIC_MAX];
    if (gw_topic_gateway(config, topic, sizeof topic) >= 0)
        fprintf(out, "  status      %s\n", topic);
    for (size_t i = 0; i < sizeof heard / sizeof *heard; i++)
        if (gw_topic_filter(config, heard[i], topic, sizeof topic) >= 0)
            fprintf(out, "  %-10s  %s\n", i ? "" : "listens to", topic);
}

static void print_gateway(FILE *out, const struct gw_config *config)
{
    static const char *const clocks[] = {"asks the kernel", "trusted", "not trusted"};
    const struct gw_mqtt_config *mqtt = &config->mqtt;
    fprintf(out, "gateway %s, from %s, revision %s\n", config->gateway, config->file,
            config->revision);
    fputs("  broker      ", out);
    print_endpoints(out, "mqtt://", mqtt->brokers, mqtt->broker_count);
    fprintf(out, ", MQTT %s", mqtt->version == GW_MQTT_5 ? "5" : "3.1.1");
    fprintf(out, "\n  client      %s%s%s%s\n", mqtt->client_id, mqtt->username ? ", user " : "",
            mqtt->username ? mqtt->username : "", mqtt->password ? " with password" : "");
    fprintf(out, "  points      QoS %u, %s\n", mqtt->qos,
            mqtt->retain ? "retained" : "not retained");
    if (config->spool_path)
        fprintf(out, "  spool       %s, at most %u MB\n", config->spool_path, config->spool_max_mb);
    else
        fprintf(out,
                "  spool       none: while the broker is away events stay in the outstations%s\n",
                gw_controls_count(config) || gw_commands_write(config)
                    ? ",\n              AND AFTER A RESTART AN ID THAT OPERATED OPERATES AGAIN"
                    : "");
    fprintf(out, "  clock       %s\n", clocks[config->clock]);
    fprintf(out, "  controls    %s\n",
            config->controls
                ? "on"
                : "off: nothing is operated or written but clocks (time_sync), restart "
                  "flags (clear_restart) and who reports by itself");
    print_own_topics(out, config);
}

/* Sessions */

static void print_poll(FILE *out, const struct gw_poll *poll, bool first)
{
    char list[24];
    char period[24];
    fprintf(out, "  %-12s", first ? "polls" : "");
    if (poll->classes)
        fprintf(out, "%s", classes(poll->classes, list));
    else if (poll->variation)
        fprintf(out, "group %u variation %u", poll->group, poll->variation);
    else
        fprintf(out, "group %u", poll->group);
    if (poll->ranged)
        fprintf(out, ", index %u to %u", poll->first, poll->last);
    fprintf(out, ", every %s s\n", seconds(poll->every_ms, period));
}

static void print_assigned(FILE *out, const struct gw_assigned *assigned)
{
    fprintf(out, "              assigns group %u", assigned->group);
    if (assigned->ranged)
        fprintf(out, ", index %u to %u,", assigned->first, assigned->last);
    fprintf(out, " to class %u\n", assigned->to);
}

static void print_startup(FILE *out, const struct gw_profile *profile)
{
    static const char *const syncs[] = {"lan", "non_lan", "direct", "none"};
    char list[24];
    char period[24];
    if (profile->integrity)
        fprintf(out, "  startup     reads %s", classes(profile->integrity, list));
    else
        fputs("  startup     reads nothing", out);
    if (profile->unsolicited_untouched)
        fputs("; leaves unsolicited as it is", out);
    else if (profile->unsolicited)
        fprintf(out, "; unsolicited %s", classes(profile->unsolicited, list));
    else
        fputs("; no unsolicited", out);
    fprintf(out, "; time sync %s", syncs[profile->time_sync]);
    if (profile->time_sync_every_ms && profile->time_sync != GW_TIME_SYNC_NONE)
        fprintf(out, ", every %s s", seconds(profile->time_sync_every_ms, period));
    if (profile->time_zone)
        fprintf(out, ", clock in %s", profile->time_zone_text);
    fprintf(out, "%s\n", profile->clear_restart ? "" : "; leaves DEVICE_RESTART set");
    for (size_t i = 0; i < profile->assigned_count; i++)
        print_assigned(out, &profile->assigned[i]);
}

static void print_networks(FILE *out, const struct gw_network *list, size_t count)
{
    char text[GW_NETWORK_TEXT_MAX];
    fputs(count ? " from " : " from anywhere", out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%s", i ? ", " : "", gw_network_print(list + i, text));
}

static void print_channel(FILE *out, const struct gw_channel_config *channel,
                          const struct gw_outstation_config *outstation)
{
    char port[300];
    switch ((enum gw_channel_type)channel->type) {
    case GW_CHANNEL_TCP:
        print_endpoints(out, "tcp://", channel->endpoints, channel->endpoint_count);
        break;
    case GW_CHANNEL_SERIAL:
        if (gw_serial_print(&channel->serial, port, sizeof port) > 0)
            fprintf(out, "serial %s", port);
        break;
    case GW_CHANNEL_TCP_LISTEN:
        if (outstation->behind)
            fprintf(out, "behind %s, which ", outstation->behind->name);
        print_endpoint(out, "dials in to tcp://", &channel->listen);
        print_networks(out, outstation->peer ? outstation->peer : channel->allow,
                       outstation->peer ? 1 : channel->allow_count);
        break;
    case GW_CHANNEL_UDP:
        if (channel->endpoint_count) {
            print_endpoints(out, "udp://", channel->endpoints, channel->endpoint_count);
            break;
        }
        print_endpoint(out, "speaks to udp://", &channel->listen);
        print_networks(out, outstation->peer ? outstation->peer : channel->allow,
                       outstation->peer ? 1 : channel->allow_count);
        break;
    }
}

static void print_commands(FILE *out, const struct gw_outstation_config *outstation)
{
    static const char *const words[] = {
#define X(name, text) text,
        GW_COMMAND_MAP(X)
#undef X
    };
    const char *comma = "";
    fputs("  commands    ", out);
    for (unsigned word = 0; word < GW_COMMAND_WORDS; word++) {
        if (!(outstation->profile->commands & 1u << word))
            continue;
        fprintf(out, "%s%s", comma, words[word]);
        comma = ", ";
    }
    fprintf(out, "%s\n", *comma ? "" : "none");
}

static const char *confirm_text(const struct gw_config *config, const struct gw_profile *profile)
{
    switch ((enum gw_confirm)profile->confirm) {
    case GW_CONFIRM_SAFE:
        return config->spool_path ? "the broker has them, or the spool where that takes long"
                                  : "the broker has them";
    case GW_CONFIRM_JOURNALED:
        return "the spool has them";
    case GW_CONFIRM_DELIVERED:
        return "the broker has them";
    case GW_CONFIRM_RECEIVED:
        break;
    }
    return "received";
}

static void print_connection(FILE *out, const struct gw_config *config,
                             const struct gw_outstation_config *outstation)
{
    const struct gw_channel_config *channel = config->channels + outstation->channel;
    bool in_turn = channel->half_duplex && channel->type != GW_CHANNEL_SERIAL;
    fputs("  connects    ", out);
    print_channel(out, channel, outstation);
    if (!channel->is_private)
        fprintf(out, " (channel %s%s)", channel->name, in_turn ? ", one request at a time" : "");
    fprintf(out, ", master %u to outstation %u\n", outstation->profile->master_address,
            outstation->address);
}

static void print_session(FILE *out, const struct gw_config *config,
                          const struct gw_outstation_config *outstation)
{
    const struct gw_profile *profile = outstation->profile;
    bool by_exception = profile->session == GW_SESSION_REPORT_BY_EXCEPTION;
    char time[24];
    char alive[24];
    char topic[GW_TOPIC_MAX];
    print_connection(out, config, outstation);
    fprintf(out, "  profile     %s: answers within %s s", profile->name,
            seconds(profile->response_timeout_ms, time));
    if (profile->keep_alive_ms && !by_exception)
        fprintf(out, ", link status after %s s of silence", seconds(profile->keep_alive_ms, alive));
    if (profile->link_confirm)
        fputs(", frames acknowledged by the link layer", out);
    fprintf(out, ", events confirmed when %s\n", confirm_text(config, profile));
    if (by_exception)
        fputs("  session     reports by exception: what follows, after a restart of it only\n",
              out);
    print_startup(out, profile);
    for (size_t i = 0; !by_exception && i < profile->poll_count; i++)
        print_poll(out, profile->polls + i, i == 0);
    if (by_exception || profile->poll_count == 0)
        fputs("  polls       none\n", out);
    if (profile->max_silence_ms)
        fprintf(out, "  offline     after %s s of silence\n",
                seconds(profile->max_silence_ms, time));
    if (profile->events_on_iin)
        fputs("              events at once when the outstation says it has some\n", out);
    if (gw_topic_outstation(config, GW_TOPIC_OUTSTATION_STATUS, outstation, topic, sizeof topic) >=
        0)
        fprintf(out, "  status      %s\n", topic);
}

/* Points */

static void print_point(FILE *out, const struct gw_config *config,
                        const struct gw_outstation_config *outstation,
                        const struct gw_map_point *point)
{
    char topic[GW_TOPIC_MAX];
    if (gw_topic_point(config, outstation, point, point->index, topic, sizeof topic) < 0)
        return;
    fprintf(out, "    %-20s %5" PRIu32 "  %s",
            dnp3_point_type_name((enum dnp3_point_type)point->type), point->index, topic);
    if (point->states) {
        size_t count = point->type == DNP3_POINT_DOUBLE_BIT_INPUT ? 4 : 2;
        fputs("  ", out);
        for (size_t i = 0; i < count; i++)
            fprintf(out, "%s%zu %s", i ? ", " : "", i, point->states[i]);
        fputs(point->invert ? ", inverted" : "", out);
    }
    if (point->scaled) {
        fprintf(out, "  raw * %.10g", point->scale);
        if (point->offset != 0)
            fprintf(out, " %c %.10g", point->offset < 0 ? '-' : '+',
                    point->offset < 0 ? -point->offset : point->offset);
    }
    if (point->decimals >= 0)
        fprintf(out, ", %d decimal%s", point->decimals, point->decimals == 1 ? "" : "s");
    if (point->unit)
        fprintf(out, "  [%s]", point->unit);
    if (point->deadband >= 0)
        fprintf(out, "  dead-band %.10g", point->deadband);
    fprintf(out, "%s\n", point->publish == GW_PUBLISH_NEVER ? "  (never published)" : "");
}

static void print_unmapped(FILE *out, const struct gw_mapping *mapping)
{
    if (!mapping->unmapped) {
        fputs("    other points are not published\n", out);
    } else if (mapping->range_count == 0) {
        fprintf(out, "    %s\n",
                mapping->point_count ? "other points under their type and index"
                                     : "every point under its type and index");
    } else {
        for (size_t i = 0; i < mapping->range_count; i++)
            fprintf(out, "    %-20s %5" PRIu32 "..%" PRIu32 "  under type and index\n",
                    dnp3_point_type_name((enum dnp3_point_type)mapping->ranges[i].type),
                    mapping->ranges[i].first, mapping->ranges[i].last);
    }
}

/* Controls */

/* "0x81 pulse_on trip, once, 100 ms on, 100 ms off" */
static void print_crob(FILE *out, const struct dnp3_command *command)
{
    const char *operation = dnp3_operation_name(command->code);
    const char *code = dnp3_trip_close_name(command->code);
    bool pulses = (command->code & 0x0f) == DNP3_OPERATION_PULSE_ON ||
                  (command->code & 0x0f) == DNP3_OPERATION_PULSE_OFF;
    fprintf(out, "CROB 0x%02x: %s", command->code, operation ? operation : "?");
    if (command->code >> 6)
        fprintf(out, ", %s", code ? code : "?");
    if (command->code & DNP3_CROB_CLEAR)
        fputs(", clear", out);
    if (command->code & DNP3_CROB_QUEUE)
        fputs(", queue", out);
    fprintf(out, ", count %u", command->count);
    if (pulses || command->code >> 6)
        fprintf(out, ", %" PRIu32 " ms on, %" PRIu32 " ms off", command->on_ms, command->off_ms);
}

static void print_words(FILE *out, const struct gw_map_control *control)
{
    char within[24];
    bool analog = control->type == GW_CONTROL_ANALOG_OUTPUT;
    for (size_t i = 0; i < control->state_count; i++) {
        const struct gw_map_state *state = control->states + i;
        fprintf(out, "      %-12s ", state->word);
        if (analog)
            fprintf(out, "%.10g, sent as %.10g", state->value, state->command.value);
        else
            print_crob(out, &state->command);
        if (state->expect >= 0)
            fprintf(out, "; then %s is %s within %s s", control->feedback->name,
                    control->feedback->states[state->expect],
                    seconds(control->feedback_within_ms, within));
        fputc('\n', out);
    }
    if (!analog)
        return;
    static const char *const encodings[] = {
        [DNP3_COMMAND_ANALOG_INT16] = "int16",
        [DNP3_COMMAND_ANALOG_INT32] = "int32",
        [DNP3_COMMAND_ANALOG_FLOAT] = "float32",
        [DNP3_COMMAND_ANALOG_DOUBLE] = "float64",
    };
    struct dnp3_command low = {0};
    struct dnp3_command high = {0};
    gw_map_control_number(control, control->min, &low);
    gw_map_control_number(control, control->max, &high);
    fprintf(out, "      %.10g to %.10g%s%s, sent as %s %.10g to %.10g", control->min, control->max,
            control->unit ? " " : "", control->unit ? control->unit : "",
            encodings[control->command_type], low.value, high.value);
    if (control->feedback)
        fprintf(out, "; then %s shows it within %s s", control->feedback->name,
                seconds(control->feedback_within_ms, within));
    fputc('\n', out);
}

static void print_control(FILE *out, const struct gw_config *config,
                          const struct gw_outstation_config *outstation,
                          const struct gw_map_control *control)
{
    static const char *const modes[] = {"select before operate", "direct operate",
                                        "direct operate without answer"};
    char topic[GW_TOPIC_MAX];
    char age[24];
    if (gw_topic_control(config, GW_TOPIC_SET, outstation, control->name, topic, sizeof topic) < 0)
        return;
    fprintf(out, "    %-20s %5" PRIu32 "  %s  %s\n",
            control->type == GW_CONTROL_ANALOG_OUTPUT ? "analog_output" : "binary_output",
            control->index, topic, modes[control->mode]);
    print_words(out, control);
    const char *needed = control->require_id && control->require_expires ? "needs id and expires"
                         : control->require_id                           ? "needs an id"
                         : control->require_expires                      ? "needs expires"
                                                    : "TAKES A BARE VALUE, no id needed";
    fprintf(out, "      %s; not older than %s s, at most %" PRIu32 " a minute\n", needed,
            seconds(control->max_age_ms, age), control->max_per_minute);
    if (control->arm_ms &&
        gw_topic_control(config, GW_TOPIC_ARM, outstation, control->name, topic, sizeof topic) >= 0)
        fprintf(out, "      within %s s after it was armed with the same id on %s\n",
                seconds(control->arm_ms, age), topic);
}

static void print_mapping(FILE *out, const struct gw_config *config,
                          const struct gw_outstation_config *outstation)
{
    const struct gw_mapping *mapping = outstation->mapping;
    if (mapping->file)
        fprintf(out, "  mapping     %s (%s): %zu point%s, %zu control%s\n", mapping->file,
                mapping->device, mapping->point_count, mapping->point_count == 1 ? "" : "s",
                mapping->control_count, mapping->control_count == 1 ? "" : "s");
    else
        fputs("  mapping     none\n", out);
    for (const struct gw_outstation_config *other = config->outstations; other < outstation;
         other++) {
        if (other->mapping == mapping && mapping->file) {
            fprintf(out, "    points and controls as of %s\n", other->name);
            return;
        }
    }
    for (size_t i = 0; i < mapping->point_count; i++)
        print_point(out, config, outstation, mapping->points + i);
    print_unmapped(out, mapping);
    for (size_t i = 0; i < mapping->control_count; i++)
        print_control(out, config, outstation, mapping->controls + i);
}

static void print_outstation(FILE *out, const struct gw_config *config,
                             const struct gw_outstation_config *outstation)
{
    fprintf(out, "\noutstation %s%s%s%s%s\n", outstation->name, outstation->label ? " (" : "",
            outstation->label ? outstation->label : "", outstation->label ? ")" : "",
            outstation->enabled ? "" : ", disabled: not connected");
    print_session(out, config, outstation);
    print_commands(out, outstation);
    if (!outstation->controls)
        fputs("  controls    off: every command is refused as inhibited\n", out);
    print_mapping(out, config, outstation);
}

/* Memory */

/* By owner, as the allocator front counts it at this moment. */
static void print_memory(FILE *out, const struct gw_config *config)
{
    size_t points = 0;
    size_t total = 0;
    for (size_t i = 0; i < config->outstation_count; i++)
        points += config->outstations[i].mapping->point_count;
    fprintf(out,
            "\nmemory for %zu outstations, %zu channels, %zu mapped points; others as they come\n",
            config->outstation_count, config->channel_count, points);
    for (enum gw_owner owner = 0; owner < GW_OWNERS; owner++) {
        size_t octets = gw_memory_used(owner);
        total += octets;
        if (octets)
            fprintf(out, "  %-14s %9.1f KB\n", gw_owner_name(owner), (double)octets / 1024);
    }
    fprintf(out, "  %-14s %9.1f KB, taken at the start; pages not used yet are not resident\n",
            "total", (double)total / 1024);
}

void gw_check_print(FILE *out, const struct gw_config *config)
{
    print_gateway(out, config);
    for (size_t i = 0; i < config->outstation_count; i++)
        print_outstation(out, config, config->outstations + i);
    print_memory(out, config);
}
