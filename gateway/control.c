/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a command: message, checks, ledger, request, outcome, feedback, result. What has been
 * handed to the association is never handed over again. */
#include "gateway/control.h"

#include <math.h>
#include <string.h>

#include "dnp3/error.h"
#include "gateway/control_state.h"
#include "gateway/log.h"
#include "gateway/memory.h"
#include "gateway/payload.h"
#include "gateway/topic.h"

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

struct gw_controls *gw_controls_create(const struct gw_config *config,
                                       const struct gw_controls_host *host, void *user)
{
    size_t control_count = 0;
    size_t stamp_count = 0;
    for (size_t i = 0; i < config->outstation_count; i++) {
        const struct gw_mapping *mapping = config->outstations[i].mapping;
        control_count += mapping->control_count;
        for (size_t k = 0; k < mapping->control_count; k++)
            stamp_count += stamps_of(&mapping->controls[k]);
    }
    struct gw_controls *controls = gw_memory_allocate(GW_OWNER_CONTROLS, sizeof *controls);
    if (!controls)
        return NULL;
    *controls = (struct gw_controls){.config = config, .host = *host, .user = user};
    controls->job_count = control_count < GW_CONTROL_JOBS_MAX ? control_count : GW_CONTROL_JOBS_MAX;
    controls->controls =
        gw_memory_allocate(GW_OWNER_CONTROLS, control_count * sizeof *controls->controls);
    controls->stamps =
        gw_memory_allocate(GW_OWNER_CONTROLS, stamp_count * sizeof *controls->stamps);
    controls->outstations = gw_memory_allocate(
        GW_OWNER_CONTROLS, config->outstation_count * sizeof *controls->outstations);
    controls->jobs =
        gw_memory_allocate(GW_OWNER_CONTROLS, controls->job_count * sizeof *controls->jobs);
    controls->ledger = gw_ledger_create(control_count ? GW_LEDGER_IDS : 1, GW_LEDGER_KEEP_MS);
    if (!controls->controls || !controls->stamps || !controls->outstations || !controls->jobs ||
        !controls->ledger) {
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
    gw_ledger_free(controls->ledger);
    gw_memory_release(controls->jobs);
    gw_memory_release(controls->outstations);
    gw_memory_release(controls->stamps);
    gw_memory_release(controls->controls);
    gw_memory_release(controls);
}

static struct control_outstation *outstation_of(struct gw_controls *controls,
                                                const struct gw_outstation_config *outstation)
{
    return &controls->outstations[outstation - controls->config->outstations];
}

/* Results */

struct reply {
    const struct gw_outstation_config *outstation;
    const char *control;
    const char *response_topic; /* NULL or "": the default one */
    const void *correlation;
    size_t correlation_length;
};

static void publish_result(struct gw_controls *controls, const struct reply *reply,
                           const struct gw_command_message *message,
                           const struct gw_control_result *result, bool repeated,
                           const char *detail)
{
    char topic[GW_TOPIC_MAX];
    char payload[GW_PAYLOAD_MAX];
    if (gw_topic_control(controls->config, GW_TOPIC_SET, reply->outstation, reply->control, topic,
                         sizeof topic) < 0)
        topic[0] = 0;
    gw_control_result_log(reply->outstation->name, reply->control, topic, message, result, repeated,
                          detail);
    int length = gw_control_result_write(payload, sizeof payload, message, result, repeated);
    const char *to = reply->response_topic;
    if (!to || !*to) {
        if (gw_name_problem(reply->control, true) ||
            gw_topic_control(controls->config, GW_TOPIC_RESULT, reply->outstation, reply->control,
                             topic, sizeof topic) < 0)
            return; /* no topic can carry it: the log line is all */
        to = topic;
    }
    if (length > 0)
        controls->host.publish(controls->user, to, payload, (size_t)length, reply->correlation,
                               reply->correlation_length);
}

static struct reply reply_to_message(const struct gw_controls *controls,
                                     const struct control_incoming *in)
{
    bool usable = !gw_control_response_problem(controls, in);
    bool bounded = in->mqtt->correlation_len <= GW_CONTROL_REPLY_MAX;
    return (struct reply){.outstation = in->outstation,
                          .control = in->name,
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
    if (job->watches)
        outstation_of(controls, job->outstation)->watching--;
    if (job->state == CONTROL_JOB_WAITING)
        controls->waiting--;
    job->next = controls->unused;
    controls->unused = job;
}

/* The one result of a job. */
static void conclude(struct control_job *job, const char *detail)
{
    struct gw_controls *controls = job->controls;
    const struct reply reply = {.outstation = job->outstation,
                                .control = job->control->map->name,
                                .response_topic = job->response_topic,
                                .correlation = job->correlation,
                                .correlation_length = job->correlation_length};
    job->result.time_ms = controls->host.wall_ms(controls->user);
    job->result.duration_ms =
        (uint32_t)(controls->host.steady_ms(controls->user) - job->started_ms);
    if (job->in_ledger && job->result.outcome == GW_OUTCOME_REFUSED)
        gw_ledger_cancel(controls->ledger, job->scope, &job->message.id);
    else if (job->in_ledger)
        gw_ledger_close(controls->ledger, job->scope, &job->message.id, &job->result);
    if (job->result.outcome == GW_OUTCOME_REFUSED)
        job->control->has_last = false;
    publish_result(controls, &reply, &job->message, &job->result, false, detail);
    release_job(job);
}

static void await_feedback(struct control_job *job)
{
    struct gw_controls *controls = job->controls;
    job->state = CONTROL_JOB_WAITING;
    controls->waiting++;
    job->feedback_until_ms =
        controls->host.steady_ms(controls->user) + job->control->map->feedback_within_ms;
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
    if (job->result.outcome == GW_OUTCOME_UNKNOWN || (done && job->control->map->poll_after))
        controls->host.poll(controls->user, job->outstation);
    if (done && job->watches && !job->reached) {
        await_feedback(job);
        return;
    }
    if (done && job->watches)
        job->result.feedback = GW_FEEDBACK_REACHED;
    conclude(job, detail_of(request));
}

static double step_of(const struct gw_map_point *point)
{
    return point->decimals >= 0 ? pow(10, -point->decimals)
           : point->scaled      ? fabs(point->scale)
                                : 0;
}

static void watch_feedback(struct control_job *job, const struct control_incoming *in)
{
    const struct gw_map_control *map = job->control->map;
    bool analog = map->type == GW_CONTROL_ANALOG_OUTPUT;
    if (!map->feedback || (!analog && in->state->expect < 0))
        return;
    job->watches = true;
    outstation_of(job->controls, job->outstation)->watching++;
    if (!analog) {
        job->expected = in->state->expect;
        return;
    }
    bool integer = map->command_type == DNP3_COMMAND_ANALOG_INT16 ||
                   map->command_type == DNP3_COMMAND_ANALOG_INT32;
    job->expected = in->state ? in->state->value : in->message.value.number;
    /* Half a step of either side's rounding, and what a float loses. */
    job->tolerance = fmax(integer ? fabs(map->scale) : 0, step_of(map->feedback)) / 2 +
                     1e-6 * fabs(job->expected);
}

static void remember(struct control *control, const struct control_incoming *in)
{
    control->has_last = true;
    control->last_state = in->state;
    control->last_number = in->message.value.number;
    control->last_ms = in->now_ms;
    if (!control->stamp_count)
        return;
    control->stamps[control->next_stamp] = in->now_ms + 1; /* 0 is an empty place */
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
                                .in_ledger = in->message.id.length > 0,
                                .scope = scope,
                                .started_ms = in->now_ms,
                                .message = in->message,
                                .command = in->command,
                                .correlation_length = (uint16_t)mqtt->correlation_len};
    in->control->job = job;
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
    watch_feedback(job, in);
    return job;
}

static enum gw_verdict verdict_of_error(int error)
{
    switch (error) {
    case DNP3_ERR_FULL:
        return GW_VERDICT_BUSY;
    case DNP3_ERR_INVALID:
    case DNP3_ERR_RANGE:
        return GW_VERDICT_OUT_OF_RANGE;
    default:
        return GW_VERDICT_OFFLINE;
    }
}

static void operate(struct gw_controls *controls, struct control_incoming *in, uint64_t scope)
{
    struct control *control = in->control;
    if (control->job) /* it waits for its feedback only, and the new command may undo it */
        conclude(control->job, "a newer command ended the wait for feedback");
    struct control_job *job = start_job(controls, in, scope);
    if (job->in_ledger)
        gw_ledger_open(controls->ledger, scope, &in->message.id, &in->message.value, in->now_ms);
    int error = controls->host.operate(controls->user, in->outstation, &job->request);
    if (!error) {
        remember(control, in);
        return;
    }
    if (job->in_ledger)
        gw_ledger_cancel(controls->ledger, scope, &in->message.id);
    release_job(job);
    refuse(controls, in, verdict_of_error(error));
}

/* Answers what the ledger knows. False: the id is new. */
static bool answer_again(struct gw_controls *controls, const struct control_incoming *in,
                         uint64_t scope)
{
    if (!in->message.id.length)
        return false;
    const struct gw_ledger_entry *entry =
        gw_ledger_find(controls->ledger, scope, &in->message.id, in->now_ms);
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

static void read_message(struct control_incoming *in)
{
    const struct gw_mqtt_message *mqtt = in->mqtt;
    in->problem = gw_command_message_read(&in->message, mqtt->payload, mqtt->payload_len);
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
    return map ? outstation_of(controls, outstation)->controls +
                     (map - outstation->mapping->controls)
               : NULL;
}

bool gw_controls_message(struct gw_controls *controls, const struct gw_mqtt_message *message)
{
    struct control_incoming in = {.mqtt = message};
    if (gw_topic_match(controls->config, GW_TOPIC_SET, message->topic, &in.outstation, in.name,
                       sizeof in.name) < 0)
        return false;
    in.now_ms = controls->host.steady_ms(controls->user);
    in.wall_ms = controls->host.wall_ms(controls->user);
    in.control = find_control(controls, in.outstation, in.name);
    read_message(&in);
    enum gw_verdict verdict = gw_control_check_message(controls, &in);
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
    else
        refuse(controls, &in, verdict);
    return true;
}

void gw_controls_point(struct gw_controls *controls, const struct gw_outstation_config *outstation,
                       const struct gw_map_point *point, double value)
{
    if (!outstation_of(controls, outstation)->watching)
        return;
    struct control_job *next;
    for (struct control_job *job = controls->active; job; job = next) {
        next = job->next;
        if (!job->watches || job->outstation != outstation || job->control->map->feedback != point)
            continue;
        job->reached = fabs(value - job->expected) <= job->tolerance;
        controls->reached |= job->reached && job->state == CONTROL_JOB_WAITING;
    }
}

void gw_controls_settle(struct gw_controls *controls)
{
    if (!controls->reached)
        return;
    controls->reached = false;
    struct control_job *next;
    for (struct control_job *job = controls->active; job; job = next) {
        next = job->next;
        if (!job->reached || job->state != CONTROL_JOB_WAITING)
            continue;
        job->result.feedback = GW_FEEDBACK_REACHED;
        conclude(job, NULL);
    }
}

uint64_t gw_controls_deadline(const struct gw_controls *controls)
{
    uint64_t earliest = UINT64_MAX;
    if (!controls->waiting)
        return earliest;
    for (const struct control_job *job = controls->active; job; job = job->next)
        if (job->state == CONTROL_JOB_WAITING && job->feedback_until_ms < earliest)
            earliest = job->feedback_until_ms;
    return earliest;
}

void gw_controls_tick(struct gw_controls *controls, uint64_t now_ms)
{
    if (!controls->waiting)
        return;
    struct control_job *next;
    for (struct control_job *job = controls->active; job; job = next) {
        next = job->next;
        if (job->state != CONTROL_JOB_WAITING || job->feedback_until_ms > now_ms)
            continue;
        job->result.feedback = GW_FEEDBACK_NOT_REACHED;
        conclude(job, NULL);
    }
}

void gw_controls_stop(struct gw_controls *controls)
{
    struct control_job *next;
    for (struct control_job *job = controls->active; job; job = next) {
        next = job->next;
        if (job->state == CONTROL_JOB_WAITING)
            conclude(job, "the gateway stops: the feedback was not waited for");
    }
}
