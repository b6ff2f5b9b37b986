/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that read: everything as at startup, or the events. What comes is published as at
 * any other time; the result says that the outstation has answered to the end. */
#include "gateway/command/command_kind.h"

enum { EVENTS = GW_CLASS_1 | GW_CLASS_2 | GW_CLASS_3 };

/* Events before static, so that what is static is the newest. */
static int read_classes(struct gw_command *command, uint8_t classes)
{
    size_t count = 0;
    for (uint8_t n = 1; n <= 3; n++)
        if (classes & 1u << n)
            command->headers[count++] =
                (struct dnp3_request_header){.group = 60, .variation = (uint8_t)(n + 1)};
    if (classes & GW_CLASS_0)
        command->headers[count++] = (struct dnp3_request_header){.group = 60, .variation = 1};
    return gw_command_request(command, DNP3_FUNCTION_READ, count);
}

/* Where another master has the events, as in the profile `shadow`, they are left to it. */
static bool takes_events(const struct gw_command *command)
{
    const struct gw_commands *commands = command->commands;
    return commands->host.takes_events(commands->user, command->outstation);
}

static int start_integrity(struct gw_command *command)
{
    const struct gw_profile *profile = command->outstation->profile;
    uint8_t all = takes_events(command) ? GW_CLASS_0 | EVENTS : GW_CLASS_0;
    return read_classes(command, profile->integrity ? profile->integrity : all);
}

static enum gw_verdict check_events(struct gw_command *command)
{
    if (takes_events(command))
        return GW_VERDICT_OK;
    command->detail = "the profile reads no events: they are another master's";
    return GW_VERDICT_INHIBITED;
}

static int start_events(struct gw_command *command)
{
    return read_classes(command, EVENTS);
}

const struct gw_command_kind gw_command_integrity = {
    .usage = "integrity takes no keys of its own: publish {} or nothing",
    .start = start_integrity,
};
const struct gw_command_kind gw_command_events = {
    .usage = "events takes no keys of its own: publish {} or nothing",
    .check = check_events,
    .start = start_events,
};
