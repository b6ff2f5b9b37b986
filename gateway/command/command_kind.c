/* SPDX-License-Identifier: Apache-2.0 */
/* Which words are which kinds of command. */
#include "gateway/command/command_kind.h"

const struct gw_command_kind *gw_command_kind_of(enum gw_command_word word)
{
    switch (word) {
    case GW_COMMAND_INTEGRITY:
        return &gw_command_integrity;
    case GW_COMMAND_EVENTS:
        return &gw_command_events;
    case GW_COMMAND_TIME_SYNC:
        return &gw_command_time_sync;
    case GW_COMMAND_FREEZE:
        return &gw_command_freeze;
    case GW_COMMAND_FREEZE_CLEAR:
        return &gw_command_freeze_clear;
    case GW_COMMAND_RESTART_COLD:
        return &gw_command_restart_cold;
    case GW_COMMAND_RESTART_WARM:
        return &gw_command_restart_warm;
    case GW_COMMAND_DEADBAND:
        return &gw_command_deadband;
    case GW_COMMAND_FILE:
        return &gw_command_file;
    case GW_COMMAND_ATTRIBUTES:
        return &gw_command_attributes;
    case GW_COMMAND_DECODE:
        return &gw_command_decode;
    case GW_COMMAND_WORDS:
        break;
    }
    return NULL;
}
