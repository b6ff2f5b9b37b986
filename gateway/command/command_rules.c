/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that keeps a message on a command topic from being acted upon: what is wrong with the
 * message first, then with the moment. */
#include <string.h>

#include "gateway/command/command_kind.h"

enum { MAX_AGE_MS = 10000, MINUTE_MS = 60000 };

/* A key of the kind's own: what is wrong with it is answered with all that would be right. */
static const char *read_key(void *user, const char *key, const json_t *value, bool *known)
{
    const struct gw_command *command = user;
    const struct gw_command_kind *kind = command->kind;
    if (!kind) /* unknown: that is told instead */
        return NULL;
    if (!kind->read)
        return kind->usage;
    const char *problem = kind->read(user, key, value, known);
    bool good = *known && !problem;
    *known = true;
    return good ? NULL : kind->usage;
}

/* NULL, or why the payload is malformed. */
static const char *read_payload(struct gw_command *command, const struct gw_mqtt_message *mqtt)
{
    const struct gw_command_kind *kind = command->kind;
    size_t most = kind && kind->payload_max ? kind->payload_max : GW_COMMAND_MAX;
    const char *problem = gw_command_arguments_read(&command->message, mqtt->payload,
                                                    mqtt->payload_len, most, read_key, command);
    if (!problem && gw_command_writes(command) && !mqtt->payload_len)
        problem = "an empty message commands nothing that writes, it may be the clearing of a "
                  "retained one: publish {}";
    if (command->message.id.length || !mqtt->correlation_len)
        return problem;
    bool fits = gw_command_text_set(&command->message.id, mqtt->correlation, mqtt->correlation_len);
    return fits || problem ? problem
                           : "the correlation data serves as id and is longer than 64 octets";
}

enum gw_verdict gw_command_check_message(struct gw_command *command,
                                         const struct gw_mqtt_message *mqtt, int word)
{
    char name[GW_TOPIC_MAX];
    const char *problem = read_payload(command, mqtt);
    if (mqtt->retained) {
        command->detail = "publish commands without the retain flag";
        return GW_VERDICT_RETAINED;
    }
    if (!command->kind) {
        command->detail = "there is no such command";
        return GW_VERDICT_UNKNOWN_CONTROL;
    }
    if (!problem)
        problem = gw_command_reply_problem(command->commands->config, command->outstation,
                                           gw_command_result_name(command, name), mqtt);
    if (problem) {
        command->detail = problem;
        return GW_VERDICT_MALFORMED;
    }
    if (command->outstation->profile->commands & 1u << word)
        return GW_VERDICT_OK;
    command->detail = "it is not among the profile's \"commands\"";
    return GW_VERDICT_INHIBITED;
}

static enum gw_verdict check_age(struct gw_command *command, const struct gw_mqtt_message *mqtt)
{
    const struct gw_commands *commands = command->commands;
    const struct gw_command_moment moment = {.now_ms = command->started_ms,
                                             .wall_ms = commands->host.wall_ms(commands->user),
                                             .clock_trusted =
                                                 commands->host.clock_trusted(commands->user),
                                             .max_age_ms = MAX_AGE_MS};
    enum gw_verdict verdict = gw_command_check_clock(&command->message, &moment, &command->detail);
    return verdict != GW_VERDICT_OK ? verdict
                                    : gw_command_check_expiry(&command->message, mqtt->expiry_s,
                                                              &moment, &command->deadline_ms);
}

/* Of those that write: not the same again without an id, not too many a minute. */
static enum gw_verdict check_pace(struct gw_command *command)
{
    const struct gw_command_lane *lane = gw_command_lane_of(command);
    uint64_t now = command->started_ms;
    uint64_t oldest = lane->stamps[lane->next_stamp];
    if (!command->message.id.length && lane->last_kind == command->kind &&
        gw_command_value_equal(&lane->last_value, &command->message.value) &&
        now - lane->last_ms < GW_COMMAND_REPEAT_MS)
        return GW_VERDICT_REPEAT;
    return oldest && now - (oldest - 1) < MINUTE_MS ? GW_VERDICT_RATE : GW_VERDICT_OK;
}

static enum gw_verdict check_busy(struct gw_command *command)
{
    const struct gw_commands *commands = command->commands;
    for (const struct gw_command *other = commands->active; other; other = other->next)
        if (other->outstation == command->outstation && other->kind == command->kind) {
            command->detail = "the same command is under way";
            return GW_VERDICT_BUSY;
        }
    if (commands->active_count < GW_COMMANDS_MAX)
        return GW_VERDICT_OK;
    command->detail = "as many commands are under way as the gateway keeps";
    return GW_VERDICT_BUSY;
}

enum gw_verdict gw_command_check_rules(struct gw_command *command,
                                       const struct gw_mqtt_message *mqtt)
{
    const struct gw_commands *commands = command->commands;
    const struct gw_command_kind *kind = command->kind;
    enum gw_verdict verdict = GW_VERDICT_OK;
    if (gw_command_writes(command))
        verdict = gw_command_check_switches(commands->config, command->outstation,
                                            commands->host.switch_file, &command->detail);
    if (verdict == GW_VERDICT_OK && kind->check)
        verdict = kind->check(command);
    if (verdict == GW_VERDICT_OK)
        verdict = check_age(command, mqtt);
    if (verdict == GW_VERDICT_OK && gw_command_writes(command))
        verdict = check_pace(command);
    return verdict == GW_VERDICT_OK ? check_busy(command) : verdict;
}
