/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that keeps a message from operating something. The order is that of usefulness to who
 * reads the reason: what is wrong with the message first, then with the moment. */
#include "dnp3/error.h"
#include "gateway/command/command_check.h"
#include "gateway/command/control_state.h"

enum gw_verdict gw_control_check_message(struct gw_controls *controls, struct control_incoming *in)
{
    if (in->mqtt->retained) {
        in->detail = "publish commands without the retain flag";
        return GW_VERDICT_RETAINED;
    }
    if (!in->problem)
        in->problem = gw_command_reply_problem(controls->config, in->outstation,
                                               in->control ? in->name : NULL, in->mqtt);
    if (in->problem) {
        in->detail = in->problem;
        return GW_VERDICT_MALFORMED;
    }
    return in->control ? GW_VERDICT_OK : GW_VERDICT_UNKNOWN_CONTROL;
}

static enum gw_verdict check_inhibited(struct gw_controls *controls, struct control_incoming *in)
{
    return gw_command_check_switches(controls->config, in->outstation,
                                     gw_controls_switch_file(controls), &in->detail);
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

static struct gw_command_moment moment_of(struct gw_controls *controls,
                                          const struct control_incoming *in)
{
    return (struct gw_command_moment){.now_ms = in->now_ms,
                                      .wall_ms = in->wall_ms,
                                      .clock_trusted = controls->host.clock_trusted(controls->user),
                                      .max_age_ms = in->control->map->max_age_ms};
}

/* It may be one that operated, whose id is gone. Before its age is looked at: a refusal would say
 * that it did not. */
static enum gw_verdict check_doubt(struct gw_controls *controls, struct control_incoming *in)
{
    return in->message.id.length && gw_ledger_keeper_doubts(controls->keeper, in->message.time_ms)
               ? GW_VERDICT_RESTARTED
               : GW_VERDICT_OK;
}

static enum gw_verdict check_clock(struct gw_controls *controls, struct control_incoming *in)
{
    const struct gw_command_moment moment = moment_of(controls, in);
    return gw_command_check_clock(&in->message, &moment, &in->detail);
}

static enum gw_verdict check_expiry(struct gw_controls *controls, struct control_incoming *in)
{
    const struct gw_command_moment moment = moment_of(controls, in);
    return gw_command_check_expiry(&in->message, in->mqtt->expiry_s, &moment, &in->deadline_ms);
}

enum gw_verdict gw_control_check_arming(struct gw_controls *controls, struct control_incoming *in)
{
    static enum gw_verdict (*const checks[])(struct gw_controls *, struct control_incoming *) = {
        check_inhibited, check_clock, check_expiry};
    if (!in->control->map->arm_ms) {
        in->detail = "this control needs no arming";
        return GW_VERDICT_UNKNOWN_CONTROL;
    }
    if (!in->message.id.length)
        return GW_VERDICT_NO_ID;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        enum gw_verdict verdict = checks[i](controls, in);
        if (verdict != GW_VERDICT_OK)
            return verdict;
    }
    return GW_VERDICT_OK;
}

/* Whoever armed it means this command: the id is the same. It has to leave while that holds. */
static enum gw_verdict check_armed(struct gw_controls *controls, struct control_incoming *in)
{
    (void)controls;
    const struct control *control = in->control;
    if (!control->map->arm_ms)
        return GW_VERDICT_OK;
    if (in->now_ms >= control->armed_until_ms ||
        !gw_command_text_equal(&control->armed_id, &in->message.id))
        return GW_VERDICT_NOT_ARMED;
    if (control->armed_until_ms < in->deadline_ms)
        in->deadline_ms = control->armed_until_ms;
    return GW_VERDICT_OK;
}

static enum gw_verdict check_repeat(struct gw_controls *controls, struct control_incoming *in)
{
    (void)controls;
    const struct control *control = in->control;
    bool same = control->has_last && control->last_state == in->state &&
                (in->state || control->last_number == in->message.value.number);
    return !in->message.id.length && same && in->now_ms - control->last_ms < GW_COMMAND_REPEAT_MS
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
    if (job && job->state != CONTROL_JOB_WAITING)
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
        check_inhibited, check_value, check_required, check_doubt, check_clock,
        check_expiry,    check_armed, check_repeat,   check_rate,  check_busy,
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        enum gw_verdict verdict = checks[i](controls, in);
        if (verdict != GW_VERDICT_OK)
            return verdict;
    }
    return GW_VERDICT_OK;
}
