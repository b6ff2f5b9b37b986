/* SPDX-License-Identifier: Apache-2.0 */
/* Controls act on the simulated points: the one that the mapping names as feedback (or that bears
 * the control's name), else the output status of the same index. */
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "tests/sim/sim.h"

enum { MOVE_MS = 200 };

/* A move that comes MOVE_MS after its control, as a breaker's does. */
struct sim_pending {
    uv_timer_t timer;
    struct sim_outstation *outstation;
    struct sim_pending *next;
    uint32_t index;
    uint8_t type;
    double value;
};

static bool is_crob(const struct dnp3_command *command)
{
    return command->type == DNP3_COMMAND_CROB;
}

static const struct gw_map_control *control_of(const struct gw_mapping *mapping,
                                               const struct dnp3_command *command)
{
    uint8_t type = is_crob(command) ? GW_CONTROL_BINARY_OUTPUT : GW_CONTROL_ANALOG_OUTPUT;
    for (size_t i = 0; i < mapping->control_count; i++) {
        const struct gw_map_control *control = &mapping->controls[i];
        if (control->type == type && control->index == command->index)
            return control;
    }
    return NULL;
}

static const struct gw_map_point *point_of(const struct gw_mapping *mapping,
                                           const struct gw_map_control *control)
{
    if (control->feedback)
        return control->feedback;
    for (size_t i = 0; i < mapping->point_count; i++) {
        if (mapping->points[i].name && strcmp(mapping->points[i].name, control->name) == 0)
            return &mapping->points[i];
    }
    return NULL;
}

static bool is_double_bit(uint8_t type)
{
    return type == DNP3_POINT_DOUBLE_BIT_INPUT;
}

/* What the control's `expect` says for this code, as a raw value; else what the code says. */
static double binary_target(const struct gw_map_control *control, const struct gw_map_point *point,
                            const struct dnp3_command *command)
{
    bool on = dnp3_crob_turns_on(command->code);
    for (size_t i = 0; i < control->state_count; i++) {
        const struct gw_map_state *state = &control->states[i];
        if (state->command.code != command->code || state->expect < 0)
            continue;
        if (is_double_bit(point->type))
            return point->invert && (state->expect == 1 || state->expect == 2) ? 3 - state->expect
                                                                               : state->expect;
        return point->invert ? !state->expect : state->expect;
    }
    if (is_double_bit(point->type))
        return on ? DNP3_DOUBLE_BIT_ON : DNP3_DOUBLE_BIT_OFF;
    return on;
}

/* The commanded quantity, as the point's raw value. */
static double analog_target(const struct gw_map_control *control, const struct gw_map_point *point,
                            const struct dnp3_command *command)
{
    double quantity = command->value * control->scale + control->offset;
    return (quantity - point->offset) / point->scale;
}

static void forget(uv_handle_t *handle)
{
    gw_memory_release(handle->data);
}

static void unlink_pending(struct sim_pending *pending)
{
    struct sim_pending **at = &pending->outstation->pending;
    while (*at != pending)
        at = &(*at)->next;
    *at = pending->next;
}

static void moved(uv_timer_t *timer)
{
    struct sim_pending *pending = timer->data;
    struct sim_outstation *outstation = pending->outstation;
    unlink_pending(pending);
    sim_outstation_report(outstation, (enum dnp3_point_type)pending->type, pending->index,
                          pending->value);
    for (size_t i = 0; i < outstation->point_count; i++) {
        struct sim_point *point = &outstation->points[i];
        if (point->type == pending->type && point->index == pending->index)
            point->value.now = pending->value;
    }
    sim_flush(outstation->sim);
    uv_close((uv_handle_t *)timer, forget);
}

static void move_soon(struct sim_outstation *outstation, uint8_t type, uint32_t index, double value)
{
    struct sim_pending *pending = gw_memory_allocate(GW_OWNER_CONTROLS, sizeof *pending);
    if (!pending)
        return;
    pending->outstation = outstation;
    pending->type = type;
    pending->index = index;
    pending->value = value;
    pending->next = outstation->pending;
    outstation->pending = pending;
    uv_timer_init(outstation->sim->loop, &pending->timer);
    pending->timer.data = pending;
    uv_timer_start(&pending->timer, moved, MOVE_MS, 0);
}

void sim_control_stop(struct sim_outstation *outstation)
{
    while (outstation->pending) {
        struct sim_pending *pending = outstation->pending;
        unlink_pending(pending);
        uv_close((uv_handle_t *)&pending->timer, forget);
    }
}

/* Whether there is an output status of the command's index. */
static bool has_output(struct sim_outstation *outstation, const struct dnp3_command *command)
{
    enum dnp3_point_type type =
        is_crob(command) ? DNP3_POINT_BINARY_OUTPUT_STATUS : DNP3_POINT_ANALOG_OUTPUT_STATUS;
    return dnp3_database_point(dnp3_outstation_database(outstation->engine), type,
                               command->index) != NULL;
}

enum dnp3_status sim_control_select(void *user, const struct dnp3_command *command)
{
    struct sim_outstation *outstation = user;
    const struct gw_mapping *mapping = outstation->config->mapping;
    bool known = control_of(mapping, command) || has_output(outstation, command);
    return known ? DNP3_STATUS_SUCCESS : DNP3_STATUS_NOT_SUPPORTED;
}

static void log_control(const struct sim_outstation *outstation, const char *name,
                        const struct dnp3_command *command)
{
    if (is_crob(command))
        gw_log(GW_LOG_INFO, outstation->config->name, "control %s[%u]: code 0x%02x", name,
               command->index, command->code);
    else
        gw_log(GW_LOG_INFO, outstation->config->name, "control %s[%u]: %g", name, command->index,
               command->value);
}

enum dnp3_status sim_control_operate(void *user, const struct dnp3_command *command,
                                     enum dnp3_operate_how how)
{
    (void)how;
    struct sim_outstation *outstation = user;
    const struct gw_mapping *mapping = outstation->config->mapping;
    const struct gw_map_control *control = control_of(mapping, command);
    const struct gw_map_point *point = control ? point_of(mapping, control) : NULL;
    enum dnp3_status status = sim_control_select(user, command);
    if (status != DNP3_STATUS_SUCCESS)
        return status;
    log_control(outstation, control ? control->name : "output", command);
    uint8_t output =
        is_crob(command) ? DNP3_POINT_BINARY_OUTPUT_STATUS : DNP3_POINT_ANALOG_OUTPUT_STATUS;
    if (point)
        move_soon(outstation, point->type, point->index,
                  is_crob(command) ? binary_target(control, point, command)
                                   : analog_target(control, point, command));
    bool same = point && point->type == output && point->index == command->index;
    if (!same && has_output(outstation, command))
        move_soon(outstation, output, command->index,
                  is_crob(command) ? dnp3_crob_turns_on(command->code) : command->value);
    return DNP3_STATUS_SUCCESS;
}
