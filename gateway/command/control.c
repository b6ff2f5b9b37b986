/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a command: message, checks, ledger, disk, request, outcome, feedback, result. What
 * has been handed to the association is never handed over again. */
#include "gateway/command/control.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/command/command.h"
#include "gateway/command/control_state.h"
#include "gateway/config/topic.h"
#include "gateway/payload/payload.h"

static uint16_t stamps_of(const struct gw_map_control *map)
{
    uint32_t most = GW_CONTROL_STAMPS_MAX;
    return (uint16_t)(map->max_per_minute < most ? map->max_per_minute : most);
}

static void set_up_controls(struct gw_controls *controls)
{
    struct control *control = controls->controls;
    uint64_t *stamps = controls->stamps;
    for (size_t i = 0; i < controls->config->outstation_count; i++) {
        const struct gw_mapping *mapping = controls->config->outstations[i].mapping;
        controls->outstations[i].controls = control;
        for (size_t k = 0; k < mapping->control_count; k++, control++) {
            control->map = &mapping->controls[k];
            control->stamps = stamps;
            control->stamp_count = stamps_of(control->map);
            stamps += control->stamp_count;
        }
    }
}

size_t gw_controls_count(const struct gw_config *config)
{
    size_t count = 0;
    for (size_t i = 0; i < config->outstation_count; i++)
        count += config->outstations[i].mapping->control_count;
    return count;
}

static size_t count_stamps(const struct gw_config *config)
{
    size_t count = 0;
    for (size_t i = 0; i < config->outstation_count; i++) {
        const struct gw_mapping *mapping = config->outstations[i].mapping;
        for (size_t k = 0; k < mapping->control_count; k++)
            count += stamps_of(&mapping->controls[k]);
    }
    return count;
}

struct gw_controls *gw_controls_create(const struct gw_config *config,
                                       struct gw_ledger_keeper *keeper,
                                       const struct gw_controls_host *host, void *user)
{
    size_t control_count = gw_controls_count(config);
    size_t stamp_count = count_stamps(config);
    struct gw_controls *controls = gw_memory_allocate(GW_OWNER_CONTROLS, sizeof *controls);
    if (!controls)
        return NULL;
    *controls =
        (struct gw_controls){.config = config, .keeper = keeper, .host = *host, .user = user};
    controls->job_count = control_count < GW_CONTROL_JOBS_MAX ? control_count : GW_CONTROL_JOBS_MAX;
    controls->controls =
        gw_memory_allocate(GW_OWNER_CONTROLS, control_count * sizeof *controls->controls);
    controls->stamps =
        gw_memory_allocate(GW_OWNER_CONTROLS, stamp_count * sizeof *controls->stamps);
    controls->outstations = gw_memory_allocate(
        GW_OWNER_CONTROLS, config->outstation_count * sizeof *controls->outstations);
    controls->jobs =
        gw_memory_allocate(GW_OWNER_CONTROLS, controls->job_count * sizeof *controls->jobs);
    if (!controls->controls || !controls->stamps || !controls->outstations || !controls->jobs) {
        gw_controls_free(controls);
        return NULL;
    }
    set_up_controls(controls);
    return controls;
}

void gw_controls_free(struct gw_controls *controls)
{
    if (!controls)
        return;
    for (const struct control_job *job = controls->active; job; job = job->next)
        gw_ledger_keeper_leave(controls->keeper, &job->waiter);
    gw_memory_release(controls->jobs);
    gw_memory_release(controls->outstations);
    gw_memory_release(controls->stamps);
    gw_memory_release(controls->controls);
    gw_memory_release(controls);
}

const char *gw_controls_switch_file(const struct gw_controls *controls)
{
    return controls->host.switch_file ? controls->host.switch_file : GW_CONTROLS_SWITCH_FILE;
}

struct control_outstation *gw_control_outstation(struct gw_controls *controls,
                                                 const struct gw_outstation_config *outstation)
{
    return &controls->outstations[outstation - controls->config->outstations];
}

/* Results */

struct reply {
    const struct gw_outstation_config *outstation;
    const char *control;
    const char *result; /* what the default topic is called by */
    bool arms;
    const char *response_topic; /* NULL or "": the default one */
    const void *correlation;
    size_t correlation_length;
    uint32_t receipt; /* of the ledger's keeper; 0: none */
};

static void publish_result(struct gw_controls *controls, const struct reply *reply,
                           const struct gw_command_message *message,
                           const struct gw_control_result *result, bool repeated,
                           const char *detail)
{
    char topic[GW_TOPIC_MAX];
    char payload[GW_PAYLOAD_MAX];
    if (gw_topic_control(controls->config, reply->arms ? GW_TOPIC_ARM : GW_TOPIC_SET,
                         reply->outstation, reply->control, topic, sizeof topic) < 0)
        topic[0] = 0;
    gw_control_result_log(reply->outstation->name, reply->arms ? "arming" : "control",
                          reply->control, topic, message, result, repeated, detail);
    int length = gw_control_result_write(
        payload, sizeof payload, message, result,
        !reply->arms && gw_control_result_may_have_operated(result), repeated);
    const char *to = reply->response_topic;
    if (!to || !*to) {
        if (gw_name_problem(reply->control, true) ||
            gw_topic_control(controls->config, GW_TOPIC_RESULT, reply->outstation, reply->result,
                             topic, sizeof topic) < 0)
            return; /* no topic can carry it: the log line is all */
        to = topic;
    }
    if (length > 0)
        controls->host.publish(controls->user, to, payload, (size_t)length, reply->correlation,
                               reply->correlation_length, reply->receipt);
}

static struct reply reply_to_message(const struct gw_controls *controls,
                                     const struct control_incoming *in)
{
    bool usable = !gw_command_response_problem(controls->config, in->outstation,
                                               in->control ? in->name : NULL, in->mqtt);
    bool bounded = in->mqtt->correlation_len <= GW_COMMAND_REPLY_MAX;
    return (struct reply){.outstation = in->outstation,
                          .control = in->name,
                          .result = in->result,
                          .arms = in->arms,
                          .response_topic = usable ? in->mqtt->response_topic : NULL,
                          .correlation = bounded ? in->mqtt->correlation : NULL,
                          .correlation_length = bounded ? in->mqtt->correlation_len : 0};
}

static void refuse(struct gw_controls *controls, const struct control_incoming *in,
                   enum gw_verdict reason)
{
    const struct gw_control_result result = {
        .outcome = GW_OUTCOME_REFUSED, .reason = reason, .time_ms = in->wall_ms};
    const struct reply reply = reply_to_message(controls, in);
    publish_result(controls, &reply, &in->message, &result, false, in->detail);
}

/* Jobs */

static struct control_job *take_job(struct gw_controls *controls)
{
    struct control_job *job = controls->unused;
    if (job)
        controls->unused = job->next;
    else
        job = &controls->jobs[controls->fresh_jobs++];
    job->next = controls->active;
    controls->active = job;
    return job;
}

static void release_job(struct control_job *job)
{
    struct gw_controls *controls = job->controls;
    struct control_job **place = &controls->active;
    while (*place != job)
        place = &(*place)->next;
    *place = job->next;
    job->control->job = NULL;
    if (job->state == CONTROL_JOB_KEEPING)
        gw_ledger_keeper_leave(controls->keeper, &job->waiter);
    if (job->watches)
        gw_control_outstation(controls, job->outstation)->watching--;
    if (job->state == CONTROL_JOB_WAITING)
        controls->waiting--;
    job->next = controls->unused;
    controls->unused = job;
}

/* The one result of a job. */
void gw_control_conclude(struct control_job *job, const char *detail)
{
    struct gw_controls *controls = job->controls;
    struct reply reply = {.outstation = job->outstation,
                          .control = job->control->map->name,
                          .result = job->control->map->name,
                          .response_topic = job->response_topic,
                          .correlation = job->correlation,
                          .correlation_length = job->correlation_length};
    job->result.time_ms = controls->host.wall_ms(controls->user);
    job->result.duration_ms =
        (uint32_t)(controls->host.steady_ms(controls->user) - job->started_ms);
    if (job->in_ledger && job->result.outcome == GW_OUTCOME_REFUSED)
        reply.receipt = gw_ledger_keeper_cancel(controls->keeper, job->scope, &job->message.id);
    else if (job->in_ledger)
        reply.receipt =
            gw_ledger_keeper_close(controls->keeper, job->scope, &job->message.id, &job->result);
    if (job->result.outcome == GW_OUTCOME_REFUSED)
        job->control->has_last = false;
    publish_result(controls, &reply, &job->message, &job->result, false, detail);
    release_job(job);
}

/* What the library's reason says beyond the result's word. */
static const char *detail_of(const struct dnp3_command_request *request)
{
    switch (request->reason) {
    case DNP3_REASON_INDICATION:
        return "answered by an internal indication instead of an echo";
    case DNP3_REASON_ECHO_MISMATCH:
        return "the echo differs from the request";
    case DNP3_REASON_CONNECTION_LOST:
        return "the connection was lost";
    case DNP3_REASON_LINE_BUSY:
        return "octets sent before are not acknowledged yet";
    case DNP3_REASON_SELECT_EXPIRED:
        return "OPERATE could not follow SELECT in time";
    case DNP3_REASON_FORBIDDEN:
        return "the file no-controls came while it waited for its turn";
    case DNP3_REASON_NO_ACK:
        return "no answer was asked for";
    default:
        return NULL;
    }
}

static void request_done(struct dnp3_command_request *request)
{
    struct control_job *job = request->user;
    struct gw_controls *controls = job->controls;
    gw_control_result_of(&job->result, request);
    bool done = job->result.outcome == GW_OUTCOME_DONE;
    if (job->result.outcome == GW_OUTCOME_UNKNOWN)
        controls->host.look(controls->user, job->outstation, job->control->map->feedback);
    else if (done && job->control->map->poll_after)
        controls->host.look(controls->user, job->outstation, NULL);
    if (done && job->watches && !job->reached) {
        gw_control_await(job);
        return;
    }
    if (done && job->watches)
        job->result.feedback = GW_FEEDBACK_REACHED;
    gw_control_conclude(job, detail_of(request));
}

static void remember(const struct control_job *job, uint64_t now_ms)
{
    struct control *control = job->control;
    control->has_last = true;
    control->last_state = job->word;
    control->last_number = job->message.value.number;
    control->last_ms = now_ms;
}

static void stamp(struct control *control, uint64_t now_ms)
{
    if (!control->stamp_count)
        return;
    control->stamps[control->next_stamp] = now_ms + 1; /* 0 is an empty place */
    control->next_stamp = (uint16_t)((control->next_stamp + 1) % control->stamp_count);
}

static enum dnp3_command_mode mode_of(const struct gw_map_control *map)
{
    switch (map->mode) {
    case GW_CONTROL_DIRECT_OPERATE:
        return DNP3_DIRECT_OPERATE;
    case GW_CONTROL_DIRECT_OPERATE_NO_ACK:
        return DNP3_DIRECT_OPERATE_NO_ACK;
    default:
        return DNP3_SELECT_BEFORE_OPERATE;
    }
}

static void on_kept(void *user, int error);

static struct control_job *start_job(struct gw_controls *controls,
                                     const struct control_incoming *in, uint64_t scope)
{
    const struct gw_mqtt_message *mqtt = in->mqtt;
    struct control_job *job = take_job(controls);
    struct control_job *next = job->next;
    *job = (struct control_job){.next = next,
                                .controls = controls,
                                .outstation = in->outstation,
                                .control = in->control,
                                .word = in->state,
                                .scope = scope,
                                .started_ms = in->now_ms,
                                .message = in->message,
                                .command = in->command,
                                .correlation_length = (uint16_t)mqtt->correlation_len};
    in->control->job = job;
    job->waiter = (struct gw_ledger_waiter){.kept = on_kept, .user = job};
    job->request = (struct dnp3_command_request){.mode = mode_of(in->control->map),
                                                 .commands = &job->command,
                                                 .count = 1,
                                                 .expires_ms = in->deadline_ms,
                                                 .done = request_done,
                                                 .user = job};
    if (mqtt->correlation_len)
        memcpy(job->correlation, mqtt->correlation, mqtt->correlation_len);
    if (mqtt->response_topic)
        memcpy(job->response_topic, mqtt->response_topic, strlen(mqtt->response_topic) + 1);
    gw_control_watch(job, in);
    return job;
}

/* Ends a job of which nothing was sent. */
static void refuse_job(struct control_job *job, enum gw_verdict reason, const char *detail)
{
    job->result.outcome = GW_OUTCOME_REFUSED;
    job->result.reason = reason;
    gw_control_conclude(job, detail);
}

/* The last step that can be refused; the association looks at the expiry once more. */
static void leave(struct control_job *job)
{
    struct gw_controls *controls = job->controls;
    struct control *control = job->control;
    uint64_t now_ms = controls->host.steady_ms(controls->user);
    job->state = CONTROL_JOB_SENT;
    remember(job, now_ms); /* before it may end, for the end may be a refusal */
    int error = controls->host.operate(controls->user, job->outstation, &job->request);
    if (error) {
        refuse_job(job, gw_verdict_of_error(error), NULL);
        return;
    }
    stamp(control, now_ms);
    control->armed_until_ms = 0;
}

/* Its id is durable, or never will be. The disk took its time: the switch may have been set. */
static void on_kept(void *user, int error)
{
    struct control_job *job = user;
    struct gw_controls *controls = job->controls;
    const char *detail = NULL;
    enum gw_verdict verdict = gw_command_check_switches(controls->config, job->outstation,
                                                        gw_controls_switch_file(controls), &detail);
    if (error)
        refuse_job(job, GW_VERDICT_BUSY, gw_spool_error_text(error));
    else if (verdict != GW_VERDICT_OK)
        refuse_job(job, verdict, detail);
    else
        leave(job);
}

static void operate(struct gw_controls *controls, struct control_incoming *in, uint64_t scope)
{
    struct control *control = in->control;
    if (control->job) /* it waits for its feedback only, and the new command may undo it */
        gw_control_conclude(control->job, "a newer command ended the wait for feedback");
    struct control_job *job = start_job(controls, in, scope);
    int error = 0;
    if (in->message.id.length)
        error = gw_ledger_keeper_open(controls->keeper, scope, &in->message.id, &in->message.value,
                                      &job->waiter);
    job->in_ledger = in->message.id.length && error >= 0;
    if (error < 0)
        refuse_job(job, GW_VERDICT_BUSY, gw_spool_error_text(error));
    else if (error != GW_LEDGER_WAITS)
        leave(job);
}

/* Answers what the ledger knows. False: the id is new. */
static bool answer_again(struct gw_controls *controls, const struct control_incoming *in,
                         uint64_t scope)
{
    if (!in->message.id.length)
        return false;
    const struct gw_ledger_entry *entry =
        gw_ledger_keeper_find(controls->keeper, scope, &in->message.id);
    if (!entry)
        return false;
    if (!gw_command_value_equal(&entry->value, &in->message.value)) {
        refuse(controls, in, GW_VERDICT_ID_REUSED);
    } else if (entry->under_way) {
        gw_log(GW_LOG_INFO, in->outstation->name,
               "control %s: its command is under way and was sent again: one result will come",
               in->name);
    } else {
        const struct reply reply = reply_to_message(controls, in);
        publish_result(controls, &reply, &in->message, &entry->result, true, NULL);
    }
    return true;
}

/* Whether it has operated went with a damaged spool. */
static void disown(struct gw_controls *controls, const struct control_incoming *in, uint64_t scope)
{
    const struct gw_control_result result = {
        .outcome = GW_OUTCOME_UNKNOWN, .reason = GW_VERDICT_RESTARTED, .time_ms = in->wall_ms};
    struct reply reply = reply_to_message(controls, in);
    reply.receipt = gw_ledger_keeper_disown(controls->keeper, scope, &in->message.id,
                                            &in->message.value, &result);
    publish_result(controls, &reply, &in->message, &result, false, GW_COMMAND_DISOWNED);
    controls->host.look(controls->user, in->outstation, in->control->map->feedback);
}

static const char *no_own_keys(void *user, const char *key, const json_t *value, bool *known)
{
    (void)user;
    (void)key;
    (void)value;
    *known = false;
    return NULL;
}

static void read_message(struct control_incoming *in)
{
    const struct gw_mqtt_message *mqtt = in->mqtt;
    in->problem = in->arms
                      ? gw_command_arguments_read(&in->message, mqtt->payload, mqtt->payload_len,
                                                  GW_COMMAND_MAX, no_own_keys, NULL)
                      : gw_command_message_read(&in->message, mqtt->payload, mqtt->payload_len);
    if (in->message.id.length || !mqtt->correlation_len)
        return;
    if (!gw_command_text_set(&in->message.id, mqtt->correlation, mqtt->correlation_len) &&
        !in->problem)
        in->problem = "the correlation data serves as id and is longer than 64 octets";
}

static struct control *find_control(struct gw_controls *controls,
                                    const struct gw_outstation_config *outstation, const char *name)
{
    const struct gw_map_control *map = gw_mapping_control(outstation->mapping, name);
    return map ? gw_control_outstation(controls, outstation)->controls +
                     (map - outstation->mapping->controls)
               : NULL;
}

/* From now on its id may command the control, once. The newest arming counts. */
static void arm(struct gw_controls *controls, const struct control_incoming *in)
{
    struct control *control = in->control;
    const struct gw_control_result result = {.outcome = GW_OUTCOME_DONE, .time_ms = in->wall_ms};
    control->armed_id = in->message.id;
    control->armed_until_ms = in->now_ms + control->map->arm_ms;
    if (in->message.expires_ms && in->message.expires_ms - in->wall_ms < control->map->arm_ms)
        control->armed_until_ms = in->deadline_ms;
    const struct reply reply = reply_to_message(controls, in);
    publish_result(controls, &reply, &in->message, &result, false, NULL);
}

/* False: not one of our topics. */
static bool is_addressed(const struct gw_controls *controls, struct control_incoming *in)
{
    const char *topic = in->mqtt->topic;
    in->arms = gw_topic_match(controls->config, GW_TOPIC_ARM, topic, &in->outstation, in->name,
                              sizeof in->name) == 0;
    if (!in->arms && gw_topic_match(controls->config, GW_TOPIC_SET, topic, &in->outstation,
                                    in->name, sizeof in->name) < 0)
        return false;
    snprintf(in->result, sizeof in->result, "%s%s", in->arms ? "arm/" : "", in->name);
    return true;
}

bool gw_controls_message(struct gw_controls *controls, const struct gw_mqtt_message *message)
{
    struct control_incoming in = {.mqtt = message};
    if (!is_addressed(controls, &in))
        return false;
    in.now_ms = controls->host.steady_ms(controls->user);
    in.wall_ms = controls->host.wall_ms(controls->user);
    in.control = find_control(controls, in.outstation, in.name);
    read_message(&in);
    enum gw_verdict verdict = gw_control_check_message(controls, &in);
    if (verdict == GW_VERDICT_OK && in.arms)
        verdict = gw_control_check_arming(controls, &in);
    if (verdict == GW_VERDICT_OK && in.arms) {
        arm(controls, &in);
        return true;
    }
    if (verdict != GW_VERDICT_OK) {
        refuse(controls, &in, verdict);
        return true;
    }
    uint64_t scope = gw_ledger_scope(in.outstation->name, in.name);
    if (answer_again(controls, &in, scope))
        return true;
    verdict = gw_control_check_rules(controls, &in);
    if (verdict == GW_VERDICT_OK)
        operate(controls, &in, scope);
    else if (verdict == GW_VERDICT_RESTARTED)
        disown(controls, &in, scope);
    else
        refuse(controls, &in, verdict);
    return true;
}

void gw_controls_stop(struct gw_controls *controls)
{
    struct control_job *next;
    for (struct control_job *job = controls->active; job; job = next) {
        next = job->next;
        if (job->state == CONTROL_JOB_WAITING)
            gw_control_conclude(job, "the gateway stops: the feedback was not waited for");
        else if (job->state == CONTROL_JOB_KEEPING)
            refuse_job(job, GW_VERDICT_OFFLINE, "the gateway stops");
    }
}

/* The control of a scope, NULL where the configuration has none. */
static const struct gw_map_control *control_of_scope(const struct gw_config *config, uint64_t scope,
                                                     const struct gw_outstation_config **outstation)
{
    for (size_t i = 0; i < config->outstation_count; i++) {
        *outstation = &config->outstations[i];
        const struct gw_mapping *mapping = (*outstation)->mapping;
        for (size_t k = 0; k < mapping->control_count; k++)
            if (gw_ledger_scope((*outstation)->name, mapping->controls[k].name) == scope)
                return &mapping->controls[k];
    }
    return NULL;
}

bool gw_controls_restarted(struct gw_controls *controls, const struct gw_ledger_entry *entry)
{
    const struct gw_outstation_config *outstation;
    const struct gw_map_control *map =
        control_of_scope(controls->config, entry->scope, &outstation);
    if (!map)
        return false;
    const struct gw_command_message message = {.value = entry->value, .id = entry->id};
    const struct gw_control_result result = {.outcome = GW_OUTCOME_UNKNOWN,
                                             .reason = GW_VERDICT_RESTARTED,
                                             .time_ms = controls->host.wall_ms(controls->user)};
    struct reply reply = {.outstation = outstation, .control = map->name, .result = map->name};
    reply.receipt = gw_ledger_keeper_close(controls->keeper, entry->scope, &entry->id, &result);
    publish_result(controls, &reply, &message, &result, false,
                   "it was under way when the gateway ended");
    controls->host.look(controls->user, outstation, map->feedback);
    return true;
}
