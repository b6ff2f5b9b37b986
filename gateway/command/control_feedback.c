/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the point moved: a command that the outstation accepted waits for its feedback point. */
#include <math.h>

#include "gateway/command/control_state.h"

static double step_of(const struct gw_map_point *point)
{
    return point->decimals >= 0 ? pow(10, -point->decimals)
           : point->scaled      ? fabs(point->scale)
                                : 0;
}

void gw_control_watch(struct control_job *job, const struct control_incoming *in)
{
    const struct gw_map_control *map = job->control->map;
    bool analog = map->type == GW_CONTROL_ANALOG_OUTPUT;
    if (!map->feedback || (!analog && in->state->expect < 0))
        return;
    job->watches = true;
    gw_control_outstation(job->controls, job->outstation)->watching++;
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

void gw_control_await(struct control_job *job)
{
    struct gw_controls *controls = job->controls;
    job->state = CONTROL_JOB_WAITING;
    controls->waiting++;
    job->feedback_until_ms =
        controls->host.steady_ms(controls->user) + job->control->map->feedback_within_ms;
}

void gw_controls_point(struct gw_controls *controls, const struct gw_outstation_config *outstation,
                       const struct gw_map_point *point, double value)
{
    if (!gw_control_outstation(controls, outstation)->watching)
        return;
    struct control_job *next;
    for (struct control_job *job = controls->active; job; job = next) {
        next = job->next;
        if (!job->watches || job->state == CONTROL_JOB_KEEPING || job->outstation != outstation ||
            job->control->map->feedback != point)
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
        gw_control_conclude(job, NULL);
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
        gw_control_conclude(job, NULL);
    }
}
