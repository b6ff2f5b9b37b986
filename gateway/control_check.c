/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that keeps a message from operating something. The order is that of usefulness to who
 * reads the reason: what is wrong with the message first, then with the moment. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "dnp3/error.h"
#include "gateway/control_state.h"
#include "gateway/topic.h"

/* The length of a topic up to and with its last slash. */
static size_t stem_length(const char *topic)
{
    const char *slash = strrchr(topic, '/');
    return slash ? (size_t)(slash - topic) + 1 : 0;
}

static bool starts_with(const char *text, const char *stem, size_t length)
{
    return length && strncmp(text, stem, length) == 0;
}

/* A result published on our own topics at a stranger's wish could be taken for a point, or come
 * back to us as a command. */
const char *gw_control_response_problem(const struct gw_controls *controls,
                                        const struct control_incoming *in)
{
    const char *topic = in->mqtt->response_topic;
    const struct gw_outstation_config *outstation;
    char buffer[GW_TOPIC_MAX];
    if (!topic)
        return NULL;
    if (strlen(topic) >= GW_CONTROL_REPLY_MAX)
        return "the response topic is longer than 255 octets";
    if (gw_topic_problem(topic))
        return gw_topic_problem(topic);
    if (!gw_topic_match(controls->config, GW_TOPIC_SET, topic, &outstation, buffer,
                        sizeof buffer) ||
        !gw_topic_match(controls->config, GW_TOPIC_COMMAND, topic, &outstation, buffer,
                        sizeof buffer))
        return "the response topic is a command topic";
    if (in->control &&
        gw_topic_control(controls->config, GW_TOPIC_RESULT, in->outstation, in->control->map->name,
                         buffer, sizeof buffer) > 0 &&
        starts_with(topic, buffer, stem_length(buffer)))
        return NULL;
    if (gw_topic_gateway(controls->config, buffer, sizeof buffer) > 0 &&
        starts_with(topic, buffer, stem_length(buffer)))
        return "the response topic is one of the gateway's own: use one outside, or under result/";
    return NULL;
}

enum gw_verdict gw_control_check_message(struct gw_controls *controls, struct control_incoming *in)
{
    if (in->mqtt->retained) {
        in->detail = "publish commands without the retain flag";
        return GW_VERDICT_RETAINED;
    }
    if (!in->problem && in->mqtt->correlation_len > GW_CONTROL_REPLY_MAX)
        in->problem = "the correlation data is longer than 256 octets";
    if (!in->problem)
        in->problem = gw_control_response_problem(controls, in);
    if (in->problem) {
        in->detail = in->problem;
        return GW_VERDICT_MALFORMED;
    }
    return in->control ? GW_VERDICT_OK : GW_VERDICT_UNKNOWN_CONTROL;
}

static enum gw_verdict check_inhibited(struct gw_controls *controls, struct control_incoming *in)
{
    const char *file =
        controls->host.switch_file ? controls->host.switch_file : GW_CONTROLS_SWITCH_FILE;
    if (!controls->config->controls || !in->outstation->controls) {
        in->detail = "\"controls\": false stands in the configuration";
        return GW_VERDICT_INHIBITED;
    }
    /* A switch that cannot be read counts as set. */
    if (access(file, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR)) {
        in->detail = "the file no-controls is there";
        return GW_VERDICT_INHIBITED;
    }
    return GW_VERDICT_OK;
}

static enum gw_verdict check_value(struct gw_controls *controls, struct control_incoming *in)
{
    (void)controls;
    const struct gw_command_value *value = &in->message.value;
    in->state = gw_map_control_word(in->control->map, value->text.octets, value->text.length);
    if (in->state) {
        in->command = in->state->command;
        return GW_VERDICT_OK;
    }
    if (!value->is_number)
        return GW_VERDICT_UNKNOWN_VALUE;
    int error = gw_map_control_number(in->control->map, value->number, &in->command);
    return !error                    ? GW_VERDICT_OK
           : error == DNP3_ERR_RANGE ? GW_VERDICT_OUT_OF_RANGE
                                     : GW_VERDICT_UNKNOWN_VALUE;
}

static enum gw_verdict check_required(struct gw_controls *controls, struct control_incoming *in)
{
    (void)controls;
    if (in->control->map->require_id && !in->message.id.length)
        return GW_VERDICT_NO_ID;
    if (in->control->map->require_expires && !in->message.expires_ms &&
        in->mqtt->expiry_s == UINT32_MAX)
        return GW_VERDICT_NO_EXPIRY;
    return GW_VERDICT_OK;
}

static enum gw_verdict check_clock(struct gw_controls *controls, struct control_incoming *in)
{
    if (!in->message.expires_ms && !in->message.time_ms)
        return GW_VERDICT_OK;
    if (!controls->host.clock_trusted(controls->user)) {
        in->detail = "the command carries a time and this host's clock is not synchronized";
        return GW_VERDICT_CLOCK;
    }
    if (in->message.time_ms - in->wall_ms > in->control->map->max_age_ms) {
        in->detail = "the command's time lies in the future: the clocks differ";
        return GW_VERDICT_CLOCK;
    }
    return GW_VERDICT_OK;
}

static void leave_by(struct control_incoming *in, int64_t left_ms)
{
    uint64_t deadline = in->now_ms + (uint64_t)(left_ms > 0 ? left_ms : 0);
    if (deadline < in->deadline_ms)
        in->deadline_ms = deadline;
}

/* The earliest of the command's own expiry, the message's, and the oldest age: counted from the
 * command's time where it has one, else from now, so that nothing waits in a queue for longer. */
static enum gw_verdict check_expiry(struct gw_controls *controls, struct control_incoming *in)
{
    (void)controls;
    const struct gw_command_message *message = &in->message;
    in->deadline_ms = in->now_ms + in->control->map->max_age_ms;
    if (message->expires_ms)
        leave_by(in, message->expires_ms - in->wall_ms);
    if (in->mqtt->expiry_s != UINT32_MAX)
        leave_by(in, (int64_t)in->mqtt->expiry_s * 1000);
    if (message->time_ms)
        leave_by(in, message->time_ms + in->control->map->max_age_ms - in->wall_ms);
    return in->deadline_ms > in->now_ms ? GW_VERDICT_OK : GW_VERDICT_EXPIRED;
}

static enum gw_verdict check_repeat(struct gw_controls *controls, struct control_incoming *in)
{
    (void)controls;
    const struct control *control = in->control;
    bool same = control->has_last && control->last_state == in->state &&
                (in->state || control->last_number == in->message.value.number);
    return !in->message.id.length && same && in->now_ms - control->last_ms < GW_CONTROL_REPEAT_MS
               ? GW_VERDICT_REPEAT
               : GW_VERDICT_OK;
}

static enum gw_verdict check_rate(struct gw_controls *controls, struct control_incoming *in)
{
    (void)controls;
    const struct control *control = in->control;
    if (!control->stamp_count)
        return GW_VERDICT_OK;
    /* The place that is next holds the oldest stamp, 0 where there is none yet. */
    uint64_t oldest = control->stamps[control->next_stamp];
    uint64_t window_ms = 60000ull * control->stamp_count / control->map->max_per_minute;
    return oldest && in->now_ms - (oldest - 1) < window_ms ? GW_VERDICT_RATE : GW_VERDICT_OK;
}

static enum gw_verdict check_busy(struct gw_controls *controls, struct control_incoming *in)
{
    const struct control_job *job = in->control->job;
    if (job && job->state == CONTROL_JOB_SENT)
        return GW_VERDICT_BUSY;
    if (!job && !controls->unused && controls->fresh_jobs == controls->job_count) {
        in->detail = "as many commands are under way as the gateway keeps";
        return GW_VERDICT_BUSY;
    }
    return GW_VERDICT_OK;
}

enum gw_verdict gw_control_check_rules(struct gw_controls *controls, struct control_incoming *in)
{
    static enum gw_verdict (*const checks[])(struct gw_controls *, struct control_incoming *) = {
        check_inhibited, check_value,  check_required, check_clock,
        check_expiry,    check_repeat, check_rate,     check_busy,
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        enum gw_verdict verdict = checks[i](controls, in);
        if (verdict != GW_VERDICT_OK)
            return verdict;
    }
    return GW_VERDICT_OK;
}
