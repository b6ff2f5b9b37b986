/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that are for the device as a whole: its clock, its restart. */
#include "dnp3/error.h"
#include "gateway/command/command_kind.h"

/* Every way of setting a clock is tried before it is given up: three, of two requests each. */
enum { TIME_REQUESTS = 6 };

static enum gw_verdict check_time_sync(struct gw_command *command)
{
    const struct gw_commands *commands = command->commands;
    if (command->outstation->profile->time_sync == GW_TIME_SYNC_NONE) {
        command->detail = "the profile's time_sync is \"none\"";
        return GW_VERDICT_INHIBITED;
    }
    if (commands->host.clock_trusted(commands->user))
        return GW_VERDICT_OK;
    command->detail = "this host's clock is not synchronized: it is not given away";
    return GW_VERDICT_CLOCK;
}

static int start_time_sync(struct gw_command *command)
{
    const struct gw_commands *commands = command->commands;
    command->give_up_ms =
        command->started_ms +
        (uint64_t)TIME_REQUESTS * command->outstation->profile->response_timeout_ms;
    return commands->host.sync_time(commands->user, command->outstation);
}

static int start_restart(struct gw_command *command)
{
    bool cold = command->kind == &gw_command_restart_cold;
    command->request.delay_ms = DNP3_NO_DELAY;
    return gw_command_request(command,
                              cold ? DNP3_FUNCTION_COLD_RESTART : DNP3_FUNCTION_WARM_RESTART, 0);
}

/* How long the outstation says that it will be away. */
static void write_delay(const struct gw_command *command, struct gw_json_writer *writer)
{
    gw_json_key(writer, "delay_ms");
    if (!command->request.done || command->request.delay_ms == DNP3_NO_DELAY)
        gw_json_null(writer);
    else
        gw_json_unsigned(writer, command->request.delay_ms);
}

const struct gw_command_kind gw_command_time_sync = {
    .usage = "time_sync takes no keys of its own: publish {}",
    .writes = true,
    .check = check_time_sync,
    .start = start_time_sync,
};
const struct gw_command_kind gw_command_restart_cold = {
    .usage = "restart_cold takes no keys of its own: publish {}",
    .writes = true,
    .start = start_restart,
    .write = write_delay,
};
const struct gw_command_kind gw_command_restart_warm = {
    .usage = "restart_warm takes no keys of its own: publish {}",
    .writes = true,
    .start = start_restart,
    .write = write_delay,
};
