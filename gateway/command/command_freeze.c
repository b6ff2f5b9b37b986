/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that freeze counters or analog inputs, at once or at a time (IEEE 1815-2012 4.4.6).
 * What was frozen at once is read afterwards, so that it is published whatever its class. */
#include <string.h>

#include "gateway/command/command_kind.h"
#include "gateway/mapping/mapping_expand.h"

static const double every_max_s = 2592000;

static const char *read_points(struct gw_command_freeze *freeze, const json_t *value)
{
    const char *word = json_string_value(value);
    if (!word || (strcmp(word, "counter") != 0 && strcmp(word, "analog_input") != 0))
        return "points";
    freeze->analog = strcmp(word, "analog_input") == 0;
    return NULL;
}

static const char *read_indexes(struct gw_command_freeze *freeze, const json_t *value)
{
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    freeze->ranged = true;
    freeze->first = freeze->last = (uint32_t)number;
    if (number >= 0 && number <= UINT16_MAX)
        return NULL;
    bool good = json_is_string(value) &&
                gw_range_parse(json_string_value(value), &freeze->first, &freeze->last);
    return good ? NULL : "indexes";
}

static const char *read_every(struct gw_command_freeze *freeze, const json_t *value)
{
    double seconds = json_is_number(value) ? json_number_value(value) : 0;
    if (!(seconds >= 0.001 && seconds <= every_max_s))
        return "every_s";
    freeze->every_ms = (uint32_t)(seconds * 1000 + 0.5);
    return NULL;
}

static const char *read_key(void *user, const char *key, const json_t *value, bool *known)
{
    struct gw_command *command = user;
    struct gw_command_freeze *freeze = &command->arguments.freeze;
    bool at_once = command->kind == &gw_command_freeze_clear;
    if (strcmp(key, "points") == 0 && !at_once)
        return json_is_null(value) ? NULL : read_points(freeze, value);
    if (strcmp(key, "indexes") == 0)
        return json_is_null(value) ? NULL : read_indexes(freeze, value);
    if (strcmp(key, "broadcast") == 0) {
        freeze->everywhere = json_is_true(value);
        return json_is_boolean(value) || json_is_null(value) ? NULL : "broadcast";
    }
    if (strcmp(key, "at") == 0 && !at_once)
        return json_is_null(value) ? NULL : gw_command_time_read(&freeze->at_ms, value);
    if (strcmp(key, "every_s") == 0 && !at_once)
        return json_is_null(value) ? NULL : read_every(freeze, value);
    *known = false;
    return NULL;
}

/* The same points as frozen ones, or as they are. */
static void set_header(struct gw_command *command, bool frozen)
{
    const struct gw_command_freeze *freeze = &command->arguments.freeze;
    command->headers[0] =
        (struct dnp3_request_header){.group = (uint8_t)((freeze->analog ? 30 : 20) + frozen),
                                     .ranged = freeze->ranged,
                                     .start = freeze->first,
                                     .stop = freeze->last};
}

/* The outcome is the freeze's: what the reading brings is published or is not. */
static void frozen_read(struct dnp3_request *request)
{
    request->outcome = DNP3_OUTCOME_DONE;
    request->reason = DNP3_REASON_OK;
    gw_command_request_done(request);
}

static void frozen(struct dnp3_request *request)
{
    struct gw_command *command = request->user;
    const struct gw_command_freeze *freeze = &command->arguments.freeze;
    bool at_once = !freeze->at_ms && !freeze->every_ms;
    if (request->outcome == DNP3_OUTCOME_DONE && at_once) {
        set_header(command, true);
        request->done = frozen_read;
        if (!gw_command_request(command, DNP3_FUNCTION_READ, 1))
            return;
    }
    gw_command_request_done(request);
}

static bool takes_it(const struct gw_outstation_config *outstation, enum gw_command_word word)
{
    return outstation->controls && outstation->profile->commands & 1u << word;
}

/* What goes to everybody must be allowed by everybody. */
static enum gw_verdict check(struct gw_command *command)
{
    const struct gw_command_freeze *freeze = &command->arguments.freeze;
    const struct gw_config *config = command->commands->config;
    enum gw_command_word word =
        command->kind == &gw_command_freeze ? GW_COMMAND_FREEZE : GW_COMMAND_FREEZE_CLEAR;
    if (!freeze->everywhere)
        return GW_VERDICT_OK;
    if (freeze->at_ms || freeze->every_ms) {
        command->detail = "a broadcast freezes at once: leave at and every_s out";
        return GW_VERDICT_MALFORMED;
    }
    if (!config->channels[command->outstation->channel].broadcast) {
        command->detail = "the outstation's channel has no \"broadcast\": true";
        return GW_VERDICT_INHIBITED;
    }
    for (size_t i = 0; i < config->outstation_count; i++) {
        const struct gw_outstation_config *other = &config->outstations[i];
        if (other->channel != command->outstation->channel || !other->enabled ||
            takes_it(other, word))
            continue;
        command->detail = "another outstation of the line does not take this command";
        return GW_VERDICT_INHIBITED;
    }
    return GW_VERDICT_OK;
}

static void broadcast_done(struct dnp3_broadcast *broadcast)
{
    gw_command_finish(broadcast->user, broadcast->outcome, broadcast->reason);
}

static int start_everywhere(struct gw_command *command)
{
    const struct gw_commands *commands = command->commands;
    bool clears = command->kind == &gw_command_freeze_clear;
    command->broadcast = (struct dnp3_broadcast){
        .function = clears ? DNP3_FUNCTION_FREEZE_CLEAR_NR : DNP3_FUNCTION_IMMED_FREEZE_NR,
        .source = command->outstation->profile->master_address,
        .destination = DNP3_LINK_BROADCAST_FIRST,
        .headers = command->headers,
        .count = 1,
        .expires_ms = command->deadline_ms,
        .done = broadcast_done,
        .user = command};
    return commands->host.broadcast(commands->user, command->outstation, &command->broadcast);
}

static int start(struct gw_command *command)
{
    const struct gw_command_freeze *freeze = &command->arguments.freeze;
    bool clears = command->kind == &gw_command_freeze_clear;
    bool later = freeze->at_ms || freeze->every_ms;
    command->request.freeze_at_ms =
        freeze->at_ms ? gw_time_zone_local(command->outstation->profile->time_zone, freeze->at_ms)
                      : 0;
    command->request.freeze_every_ms = freeze->every_ms;
    command->request.done = frozen;
    set_header(command, false);
    if (freeze->everywhere)
        return start_everywhere(command);
    return gw_command_request(command,
                              clears  ? DNP3_FUNCTION_FREEZE_CLEAR
                              : later ? DNP3_FUNCTION_FREEZE_AT_TIME
                                      : DNP3_FUNCTION_IMMED_FREEZE,
                              1);
}

const struct gw_command_kind gw_command_freeze = {
    .usage = "freeze takes points (\"counter\" or \"analog_input\"), indexes (5 or \"0..9\"), at "
             "(milliseconds since 1970), every_s (up to 2592000), broadcast (true or false)",
    .writes = true,
    .read = read_key,
    .check = check,
    .start = start,
};
const struct gw_command_kind gw_command_freeze_clear = {
    .usage = "freeze_clear takes indexes (5 or \"0..9\") of counters, broadcast (true or false)",
    .writes = true,
    .read = read_key,
    .check = check,
    .start = start,
};
