/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an outstation command: message, checks, ledger, request, result. What writes and was
 * handed to the association is never handed over again. */
#include "gateway/command/command.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/command/command_kind.h"
#include "gateway/config/topic.h"
#include "gateway/payload/payload.h"

static const char *const words[] = {
#define X(name, text) text,
    GW_COMMAND_MAP(X)
#undef X
};

bool gw_commands_write(const struct gw_config *config)
{
    for (size_t i = 0; i < config->profile_count; i++)
        for (enum gw_command_word word = 0; word < GW_COMMAND_WORDS; word++)
            if (config->profiles[i]->commands & 1u << word && gw_command_kind_of(word)->writes)
                return true;
    return false;
}

struct gw_commands *gw_commands_create(const struct gw_config *config,
                                       struct gw_ledger_keeper *keeper,
                                       const struct gw_commands_host *host, void *user)
{
    struct gw_commands *commands = gw_memory_allocate(GW_OWNER_CONTROLS, sizeof *commands);
    if (!commands)
        return NULL;
    *commands =
        (struct gw_commands){.config = config, .keeper = keeper, .host = *host, .user = user};
    if (!gw_commands_write(config))
        return commands;
    commands->lanes =
        gw_memory_allocate(GW_OWNER_CONTROLS, config->outstation_count * sizeof *commands->lanes);
    if (commands->lanes)
        return commands;
    gw_memory_release(commands);
    return NULL;
}

static void release(struct gw_command *command)
{
    if (command->kind && command->kind->release)
        command->kind->release(command);
}

void gw_commands_free(struct gw_commands *commands)
{
    if (!commands)
        return;
    struct gw_command *next;
    for (struct gw_command *command = commands->active; command; command = next) {
        next = command->next;
        gw_ledger_keeper_leave(commands->keeper, &command->waiter);
        release(command);
        gw_memory_release(command);
    }
    gw_memory_release(commands->lanes);
    gw_memory_release(commands);
}

/* Results */

const char *gw_command_result_name(const struct gw_command *command, char buffer[GW_TOPIC_MAX])
{
    snprintf(buffer, GW_TOPIC_MAX, "command/%.512s", command->word);
    return buffer;
}

bool gw_command_writes(const struct gw_command *command)
{
    const struct gw_command_kind *kind = command->kind;
    return kind && kind->writes && !(kind->reads_only && kind->reads_only(command));
}

/* What only reads never operates; what the outstation says no to has not. */
static bool may_have_acted(const struct gw_command *command, const struct gw_control_result *result)
{
    return (command->in_ledger || gw_command_writes(command)) &&
           gw_control_result_may_have_operated(result);
}

static int write_result(const struct gw_command *command, const struct gw_control_result *result,
                        bool repeated, char *buffer, size_t size)
{
    struct gw_json_writer writer = gw_json_writer_of(buffer, size);
    gw_json_begin(&writer, '{');
    gw_control_result_keys(&writer, &command->message, result, may_have_acted(command, result),
                           repeated);
    gw_json_key(&writer, "detail");
    gw_json_string(&writer, command->detail);
    if (command->kind && command->kind->write)
        command->kind->write(command, &writer);
    gw_json_finish(&writer, '}');
    return gw_json_end(&writer);
}

static void hand_out(const struct gw_command *command, const char *topic, const char *payload,
                     int length)
{
    const struct gw_commands *commands = command->commands;
    if (length > 0)
        commands->host.publish(commands->user, topic, payload, (size_t)length, command->correlation,
                               command->correlation_length, command->receipt);
}

static void publish_result(const struct gw_command *command, const struct gw_control_result *result,
                           bool repeated)
{
    const struct gw_config *config = command->commands->config;
    char name[GW_TOPIC_MAX];
    char topic[GW_TOPIC_MAX];
    char payload[GW_PAYLOAD_MAX];
    if (gw_topic_control(config, GW_TOPIC_COMMAND, command->outstation, command->word, topic,
                         sizeof topic) < 0)
        topic[0] = 0;
    gw_control_result_log(command->outstation->name, "command", command->word, topic,
                          &command->message, result, repeated, command->detail);
    if (!*command->response_topic &&
        (gw_name_problem(command->word, true) ||
         gw_topic_control(config, GW_TOPIC_RESULT, command->outstation,
                          gw_command_result_name(command, name), topic, sizeof topic) < 0))
        return; /* no topic can carry it: the log line is all */
    const char *to = *command->response_topic ? command->response_topic : topic;
    int length = write_result(command, result, repeated, payload, sizeof payload);
    if (length >= 0) {
        hand_out(command, to, payload, length);
        return;
    }
    length = write_result(command, result, repeated, NULL, 0);
    char *larger = gw_memory_allocate(GW_OWNER_CONTROLS, (size_t)length + 1);
    if (larger)
        hand_out(command, to, larger,
                 write_result(command, result, repeated, larger, (size_t)length + 1));
    gw_memory_release(larger);
}

/* Of a command that was not started. */
static void refuse(struct gw_command *command, enum gw_verdict reason)
{
    command->result = (struct gw_control_result){
        .outcome = GW_OUTCOME_REFUSED,
        .reason = reason,
        .time_ms = command->commands->host.wall_ms(command->commands->user)};
    publish_result(command, &command->result, false);
}

struct gw_command_lane *gw_command_lane_of(const struct gw_command *command)
{
    const struct gw_commands *commands = command->commands;
    return commands->lanes + (command->outstation - commands->config->outstations);
}

static const char *indication_text(uint16_t iin)
{
    return iin & DNP3_IIN_NO_FUNC_CODE_SUPPORT ? "the outstation does not support this (IIN2.0)"
           : iin & DNP3_IIN_OBJECT_UNKNOWN     ? "the outstation has no such objects (IIN2.1)"
           : iin & DNP3_IIN_PARAMETER_ERROR   ? "the outstation does not take these values (IIN2.2)"
           : iin & DNP3_IIN_ALREADY_EXECUTING ? "the outstation is doing it already (IIN2.4)"
                                              : NULL;
}

/* What the library's reason says beyond the result's word. */
static const char *detail_of(const struct gw_command *command, enum dnp3_command_reason reason)
{
    switch (reason) {
    case DNP3_REASON_INDICATION:
        return indication_text(command->iin);
    case DNP3_REASON_CONNECTION_LOST:
        return "the connection was lost";
    case DNP3_REASON_INTERRUPTED:
        return "the answer did not come to its end";
    case DNP3_REASON_ECHO_MISMATCH:
    case DNP3_REASON_BLOCK:
        return "the outstation answered something else than was asked for";
    case DNP3_REASON_MALFORMED:
        return "the directory cannot be read";
    case DNP3_REASON_FORBIDDEN:
        return "the file no-controls came while it waited for its turn";
    case DNP3_REASON_NO_ACK:
        return "a broadcast: no outstation answers it";
    case DNP3_REASON_WITHHELD:
        return "there is no place for events now: they stay in the outstation";
    default:
        return NULL;
    }
}

/* Takes it from those under way. */
static void unlink_command(struct gw_command *command)
{
    struct gw_commands *commands = command->commands;
    struct gw_command **place = &commands->active;
    while (*place != command)
        place = &(*place)->next;
    *place = command->next;
    commands->active_count--;
}

/* The one result of a command that was started, and its end. */
static void conclude(struct gw_command *command)
{
    struct gw_commands *commands = command->commands;
    command->result.time_ms = commands->host.wall_ms(commands->user);
    command->result.duration_ms =
        (uint32_t)(commands->host.steady_ms(commands->user) - command->started_ms);
    bool refused = command->result.outcome == GW_OUTCOME_REFUSED;
    if (command->in_ledger && refused)
        command->receipt =
            gw_ledger_keeper_cancel(commands->keeper, command->scope, &command->message.id);
    else if (command->in_ledger)
        command->receipt = gw_ledger_keeper_close(commands->keeper, command->scope,
                                                  &command->message.id, &command->result);
    if (refused && gw_command_writes(command))
        gw_command_lane_of(command)->last_kind = NULL;
    publish_result(command, &command->result, false);
    unlink_command(command);
    release(command);
    gw_memory_release(command);
}

void gw_command_finish(struct gw_command *command, enum dnp3_command_outcome outcome,
                       enum dnp3_command_reason reason)
{
    gw_control_result_end(&command->result, outcome, reason);
    if (!command->detail)
        command->detail = detail_of(command, reason);
    conclude(command);
}

void gw_command_request_done(struct dnp3_request *request)
{
    struct gw_command *command = request->user;
    command->iin = request->iin;
    gw_command_finish(command, request->outcome, request->reason);
}

int gw_command_request(struct gw_command *command, uint8_t function, size_t headers)
{
    const struct gw_commands *commands = command->commands;
    command->request.function = function;
    command->request.headers = command->headers;
    command->request.count = headers;
    command->request.expires_ms = command->deadline_ms;
    command->request.user = command;
    if (!command->request.done)
        command->request.done = gw_command_request_done;
    return commands->host.request(commands->user, command->outstation, &command->request);
}

static void set_reply(struct gw_command *command, const struct gw_mqtt_message *mqtt)
{
    char name[GW_TOPIC_MAX];
    const char *topic = mqtt->response_topic;
    if (topic && !gw_command_response_problem(
                     command->commands->config, command->outstation,
                     command->kind ? gw_command_result_name(command, name) : NULL, mqtt))
        memcpy(command->response_topic, topic, strlen(topic) + 1);
    if (mqtt->correlation_len && mqtt->correlation_len <= GW_COMMAND_REPLY_MAX) {
        memcpy(command->correlation, mqtt->correlation, mqtt->correlation_len);
        command->correlation_length = (uint16_t)mqtt->correlation_len;
    }
}

/* Answers what the ledger knows. False: the id is new. */
static bool answer_again(struct gw_command *command)
{
    struct gw_commands *commands = command->commands;
    const struct gw_command_text *id = &command->message.id;
    if (!command->in_ledger)
        return false;
    const struct gw_ledger_entry *entry =
        gw_ledger_keeper_find(commands->keeper, command->scope, id);
    if (!entry)
        return false;
    if (!gw_command_value_equal(&entry->value, &command->message.value))
        refuse(command, GW_VERDICT_ID_REUSED);
    else if (entry->under_way)
        gw_log(GW_LOG_INFO, command->outstation->name,
               "command %s: it is under way and was sent again: one result will come",
               command->word);
    else
        publish_result(command, &entry->result, true);
    return true;
}

/* Start */

static void remember(const struct gw_command *command)
{
    struct gw_command_lane *lane = gw_command_lane_of(command);
    lane->last_kind = command->kind;
    lane->last_value = command->message.value;
    lane->last_ms = command->started_ms;
    lane->stamps[lane->next_stamp] = command->started_ms + 1;
    lane->next_stamp = (uint8_t)((lane->next_stamp + 1) % GW_COMMAND_STAMPS);
}

/* Ends one of which nothing was sent. */
static void refuse_started(struct gw_command *command, enum gw_verdict reason)
{
    command->result.outcome = GW_OUTCOME_REFUSED;
    command->result.reason = reason;
    conclude(command);
}

/* Its id is durable, or never will be. The disk took its time: the switch may have been set. */
static void on_kept(void *user, int error)
{
    struct gw_command *command = user;
    const struct gw_commands *commands = command->commands;
    command->keeping = false;
    enum gw_verdict verdict = gw_command_check_switches(
        commands->config, command->outstation, commands->host.switch_file, &command->detail);
    if (error) {
        command->detail = gw_spool_error_text(error);
        verdict = GW_VERDICT_BUSY;
    } else if (commands->host.steady_ms(commands->user) >= command->deadline_ms) {
        verdict = GW_VERDICT_EXPIRED;
    } else if (verdict == GW_VERDICT_OK && (error = command->kind->start(command)) != 0) {
        verdict = gw_verdict_of_error(error);
    }
    if (verdict != GW_VERDICT_OK)
        refuse_started(command, verdict);
}

/* Hands it over to the kind, once its id is durable. Where it refuses nothing was sent. */
static enum gw_verdict start(struct gw_command *incoming)
{
    struct gw_commands *commands = incoming->commands;
    struct gw_command *command = gw_memory_allocate(GW_OWNER_CONTROLS, sizeof *command);
    if (!command)
        return GW_VERDICT_BUSY;
    int error = 0;
    *command = *incoming;
    command->waiter = (struct gw_ledger_waiter){.kept = on_kept, .user = command};
    if (command->in_ledger)
        error = gw_ledger_keeper_open(commands->keeper, command->scope, &command->message.id,
                                      &command->message.value, &command->waiter);
    if (error < 0) {
        incoming->detail = gw_spool_error_text(error);
        gw_memory_release(command);
        return GW_VERDICT_BUSY;
    }
    command->next = commands->active;
    commands->active = command;
    commands->active_count++;
    command->keeping = error == GW_LEDGER_WAITS;
    if (command->keeping || !(error = command->kind->start(command))) /* it may even have ended */
        return GW_VERDICT_OK;
    unlink_command(command);
    gw_memory_release(command);
    if (incoming->in_ledger)
        incoming->receipt =
            gw_ledger_keeper_cancel(commands->keeper, incoming->scope, &incoming->message.id);
    return gw_verdict_of_error(error);
}

/* Whether it was done went with a damaged spool. */
static void disown(struct gw_command *command)
{
    struct gw_commands *commands = command->commands;
    command->result = (struct gw_control_result){.outcome = GW_OUTCOME_UNKNOWN,
                                                 .reason = GW_VERDICT_RESTARTED,
                                                 .time_ms = commands->host.wall_ms(commands->user)};
    command->detail = GW_COMMAND_DISOWNED;
    command->receipt =
        gw_ledger_keeper_disown(commands->keeper, command->scope, &command->message.id,
                                &command->message.value, &command->result);
    publish_result(command, &command->result, false);
}

static void act(struct gw_command *command, const struct gw_mqtt_message *mqtt)
{
    if (answer_again(command)) {
        release(command);
        return;
    }
    if (command->in_ledger &&
        gw_ledger_keeper_doubts(command->commands->keeper, command->message.time_ms)) {
        disown(command);
        release(command);
        return;
    }
    enum gw_verdict verdict = gw_command_check_rules(command, mqtt);
    bool writes = gw_command_writes(command); /* its arguments go with its end */
    if (verdict == GW_VERDICT_OK)
        verdict = start(command);
    if (verdict != GW_VERDICT_OK) {
        refuse(command, verdict);
        release(command);
    } else if (writes) {
        remember(command);
    }
}

static int word_of(const char *name)
{
    for (int word = 0; word < GW_COMMAND_WORDS; word++)
        if (strcmp(words[word], name) == 0)
            return word;
    return -1;
}

bool gw_commands_message(struct gw_commands *commands, const struct gw_mqtt_message *message)
{
    char name[GW_TOPIC_MAX];
    struct gw_command command = {.commands = commands};
    if (gw_topic_match(commands->config, GW_TOPIC_COMMAND, message->topic, &command.outstation,
                       name, sizeof name) < 0)
        return false;
    int word = word_of(name);
    command.word = word < 0 ? name : words[word];
    command.kind = word < 0 ? NULL : gw_command_kind_of((enum gw_command_word)word);
    command.started_ms = commands->host.steady_ms(commands->user);
    set_reply(&command, message);
    enum gw_verdict verdict = gw_command_check_message(&command, message, word);
    if (verdict != GW_VERDICT_OK) {
        refuse(&command, verdict);
        release(&command);
        return true;
    }
    char scope[GW_TOPIC_MAX];
    command.scope =
        gw_ledger_scope(command.outstation->name, gw_command_result_name(&command, scope));
    command.in_ledger = gw_command_writes(&command) && command.message.id.length > 0;
    act(&command, message);
    return true;
}

void gw_commands_attribute(struct gw_commands *commands,
                           const struct gw_outstation_config *outstation,
                           const struct dnp3_attribute *attribute)
{
    for (struct gw_command *command = commands->active; command; command = command->next)
        if (command->outstation == outstation && command->kind == &gw_command_attributes)
            gw_command_attributes_add(command, attribute);
}

void gw_commands_tick(struct gw_commands *commands, uint64_t now_ms)
{
    struct gw_command *next;
    for (struct gw_command *command = commands->active; command; command = next) {
        next = command->next;
        if (command->give_up_ms && now_ms >= command->give_up_ms)
            gw_command_finish(command, DNP3_OUTCOME_UNKNOWN, DNP3_REASON_NO_ANSWER);
    }
}

void gw_commands_stop(struct gw_commands *commands)
{
    struct gw_command *next;
    for (struct gw_command *command = commands->active; command; command = next) {
        next = command->next;
        if (!command->keeping)
            continue;
        gw_ledger_keeper_leave(commands->keeper, &command->waiter);
        command->detail = "the gateway stops";
        refuse_started(command, GW_VERDICT_OFFLINE);
    }
    gw_commands_tick(commands, UINT64_MAX);
}

/* Whether an id of this scope belongs to the command's outstation and word. */
static bool is_of_scope(const struct gw_command *command, uint64_t scope)
{
    char name[GW_TOPIC_MAX];
    return gw_ledger_scope(command->outstation->name, gw_command_result_name(command, name)) ==
           scope;
}

bool gw_commands_restarted(struct gw_commands *commands, const struct gw_ledger_entry *entry)
{
    const struct gw_config *config = commands->config;
    struct gw_command command = {.commands = commands,
                                 .message = {.value = entry->value, .id = entry->id},
                                 .in_ledger = true,
                                 .detail = "it was under way when the gateway ended",
                                 .result = {.outcome = GW_OUTCOME_UNKNOWN,
                                            .reason = GW_VERDICT_RESTARTED,
                                            .time_ms = commands->host.wall_ms(commands->user)}};
    for (size_t i = 0; i < config->outstation_count * GW_COMMAND_WORDS; i++) {
        size_t word = i % GW_COMMAND_WORDS;
        command.outstation = &config->outstations[i / GW_COMMAND_WORDS];
        command.word = words[word];
        command.kind = gw_command_kind_of((enum gw_command_word)word);
        if (!is_of_scope(&command, entry->scope))
            continue;
        command.receipt =
            gw_ledger_keeper_close(commands->keeper, entry->scope, &entry->id, &command.result);
        publish_result(&command, &command.result, false);
        return true;
    }
    return false;
}

void gw_commands_time(struct gw_commands *commands, const struct gw_outstation_config *outstation,
                      bool written)
{
    struct gw_command *next;
    for (struct gw_command *command = commands->active; command; command = next) {
        next = command->next;
        if (command->outstation != outstation || command->kind != &gw_command_time_sync ||
            command->keeping)
            continue;
        if (written)
            gw_command_finish(command, DNP3_OUTCOME_DONE, DNP3_REASON_OK);
        else
            gw_command_finish(command, DNP3_OUTCOME_FAILED, DNP3_REASON_INDICATION);
    }
}
