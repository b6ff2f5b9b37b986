/* SPDX-License-Identifier: Apache-2.0 */
/* The command that shows an outstation's frames in the log for a while (wire_log.h). */
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/command/command_kind.h"

static const double for_min_s = 1;
static const double for_max_s = 300;
static const uint32_t for_default_ms = 30000;

static const char *read_key(void *user, const char *key, const json_t *value, bool *known)
{
    struct gw_command *command = user;
    *known = strcmp(key, "for_s") == 0;
    if (!*known || json_is_null(value))
        return NULL;
    double seconds = json_is_number(value) ? json_number_value(value) : 0;
    if (!(seconds >= for_min_s && seconds <= for_max_s))
        return "for_s";
    command->arguments.decode_ms = (uint32_t)(seconds * 1000 + 0.5);
    return NULL;
}

static enum gw_verdict check(struct gw_command *command)
{
    if (command->commands->config->log_level >= GW_LOG_INFO)
        return GW_VERDICT_OK;
    command->detail = "the configuration's log.level leaves out what would be shown";
    return GW_VERDICT_INHIBITED;
}

static int start(struct gw_command *command)
{
    const struct gw_commands *commands = command->commands;
    if (!command->arguments.decode_ms)
        command->arguments.decode_ms = for_default_ms;
    int error =
        commands->host.decode(commands->user, command->outstation, command->arguments.decode_ms);
    if (!error)
        gw_command_finish(command, DNP3_OUTCOME_DONE, DNP3_REASON_OK);
    return error;
}

const struct gw_command_kind gw_command_decode = {
    .usage = "decode takes for_s, from 1 to 300: {\"for_s\":30}",
    .read = read_key,
    .check = check,
    .start = start,
};
